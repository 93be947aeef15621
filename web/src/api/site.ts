/** The site's status, asked for again and again while somebody looks, and at once when something happened. */

import { useEffect, useState } from "preact/hooks";
import { Store, useStore } from "../store";
import { ApiError, get, type Query } from "./client";
import { onLive } from "./live";
import type { Status } from "./types";

const EVERY_MS = 3_000;
/** Several things at once are one reason to ask. */
const SOON_MS = 400;

export interface Known<T> {
  value?: T;
  error?: ApiError;
  /** When the value was true, by this machine's clock. */
  at?: number;
}

/** `error` is set while the site does not answer; `value` is then the last that was known. */
export const status = new Store<Known<Status>>({});

let timer: ReturnType<typeof setTimeout> | undefined;
let asking = false;

async function ask(): Promise<void> {
  clearTimeout(timer);
  if (asking) return;
  asking = true;
  try {
    status.set({ value: await get<Status>("status"), at: Date.now() });
  } catch (error) {
    status.set({ ...status.get(), error: asApiError(error) });
  } finally {
    asking = false;
    if (!document.hidden) timer = setTimeout(ask, EVERY_MS);
  }
}

/** Asks soon, since something has changed. */
export function refreshSoon(): void {
  clearTimeout(timer);
  timer = setTimeout(ask, SOON_MS);
}

export function startStatus(): void {
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) clearTimeout(timer);
    else void ask();
  });
  onLive((event) => {
    if (event.kind !== "detection") refreshSoon();
  });
  void ask();
}

export function useStatus(): Known<Status> {
  return useStore(status);
}

function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError(String(error), 0, "page");
}

/** Asks for something when it is first shown, when the query changes, and every `every` milliseconds while somebody looks. */
export function useAnswer<T>(path: string | null, query: Query = {}, every?: number): Known<T> & { again: () => void } {
  const [known, setKnown] = useState<Known<T>>({});
  const [turn, setTurn] = useState(0);
  const key = path === null ? null : path + JSON.stringify(query);
  useEffect(() => {
    if (path === null) {
      setKnown({});
      return;
    }
    const stop = new AbortController();
    get<T>(path, query, stop.signal).then(
      (value) => setKnown({ value, at: Date.now() }),
      (error) => {
        if (!stop.signal.aborted) setKnown((before) => ({ ...before, error: asApiError(error) }));
      },
    );
    return () => stop.abort();
  }, [key, turn]);
  useEffect(() => {
    if (!every) return;
    const interval = setInterval(() => {
      if (!document.hidden) setTurn((turn) => turn + 1);
    }, every);
    return () => clearInterval(interval);
  }, [every]);
  return { ...known, again: () => setTurn((turn) => turn + 1) };
}
