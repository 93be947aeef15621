/** What happens at the site, as it tells it: one stream of server-sent events for the whole page, and one for each camera whose boxes are shown. */

import { Store } from "../store";
import { address } from "./client";
import type { Alert, AlertUpdate, CloudEvent, DetectionEvent } from "./types";

export type Live =
  | { kind: "alert"; data: Alert }
  | { kind: "alert-update"; data: AlertUpdate & { alert: string } }
  | { kind: "status"; data: unknown }
  | { kind: "detection"; data: DetectionEvent }
  /** Something may have been missed: ask anew for what is shown. */
  | { kind: "again"; data: null };

/** Whether the site is heard. */
export const connected = new Store<boolean>(false);

const listeners = new Set<(event: Live) => void>();

export function onLive(listener: (event: Live) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function tell(event: Live): void {
  for (const listener of [...listeners]) listener(event);
}

export function startLive(): void {
  const source = new EventSource(address("live", { topics: "alerts,status" }));
  let before = false;
  source.addEventListener("hello", () => {
    connected.set(true);
    if (before) tell({ kind: "again", data: null });
    before = true;
  });
  source.addEventListener("error", () => {
    connected.set(false);
    // A browser gives up after an answer that is no stream, such as that of a proxy.
    if (source.readyState === EventSource.CLOSED) setTimeout(startLive, 5_000);
  });
  for (const kind of ["alert", "alert-update", "status"] as const) {
    source.addEventListener(kind, (message) => {
      const event = JSON.parse(message.data) as CloudEvent<never>;
      tell({ kind, data: event.data });
    });
  }
}

/** Hears what models see at one camera, until what is returned is called. */
export function watchDetections(camera: string, seen: (event: DetectionEvent) => void): () => void {
  const source = new EventSource(address("live", { topics: "detections", camera }));
  source.addEventListener("detection", (message) => {
    seen((JSON.parse(message.data) as CloudEvent<DetectionEvent>).data);
  });
  return () => source.close();
}
