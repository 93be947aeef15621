/**
 * Live video as the camera sends it: fragments of MP4 over a WebSocket into the browser's own player. Nothing is encoded anew.
 *
 * The first message tells what comes (`{"type": "video/mp4; codecs=…"}`), then come the head and the fragments. `{"again": true}` says that the
 * stream has become another one: all begins anew. The player is kept close to what was sent last: when it falls behind it skips ahead.
 */

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { address } from "../api/client";
import type { Camera } from "../api/types";
import { t } from "../i18n";

/** More than this behind, the player skips. */
const BEHIND_S = 1.5;
/** So much of what was played is kept. */
const KEEP_S = 20;
/** Fragments that wait for the player at most; more means that it is stuck. */
const MOST_WAITING = 300;

export function LiveVideo({ camera, onEnd, children }: { camera: Camera; onEnd: () => void; children?: ComponentChildren }) {
  const video = useRef<HTMLVideoElement>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const element = video.current;
    if (!element) return;
    return play(element, camera.id, (text) => (text === null ? setTurn((turn) => turn + 1) : setProblem(text)));
  }, [camera.id, turn]);
  const { format } = camera.status;
  return (
    <div class="picture" style={{ aspectRatio: format ? `${format.width} / ${format.height}` : "16 / 9" }}>
      <video ref={video} muted autoPlay playsInline aria-label={t("picture.of", { camera: camera.name })} />
      {children}
      {problem !== null && (
        <p class="no-picture">
          {problem || t("video.ended")}{" "}
          <button type="button" onClick={onEnd}>{t("video.pictures")}</button>
        </p>
      )}
    </div>
  );
}

/** Plays until what is returned is called; `fail` says why it can't, in no words that it has ended, or with null that it begins anew. */
function play(element: HTMLVideoElement, camera: string, fail: (text: string | null) => void): () => void {
  const media = new MediaSource();
  const url = URL.createObjectURL(media);
  const to = new URL(address(`cameras/${camera}/live`), location.href);
  to.protocol = to.protocol.replace("http", "ws");
  const socket = new WebSocket(to);
  socket.binaryType = "arraybuffer";
  let buffer: SourceBuffer | undefined;
  let waiting: ArrayBuffer[] = [];
  let ended = false;

  const end = (text: string | null) => {
    if (ended) return;
    ended = true;
    socket.close();
    fail(text);
  };
  const feed = () => {
    if (!buffer || buffer.updating || media.readyState !== "open") return;
    const { buffered } = element;
    if (buffered.length > 0) {
      const newest = buffered.end(buffered.length - 1);
      if (newest - element.currentTime > BEHIND_S) element.currentTime = newest - 0.2;
      if (newest - buffered.start(0) > KEEP_S * 2) {
        buffer.remove(0, newest - KEEP_S);
        return;
      }
    }
    const next = waiting.shift();
    if (next) buffer.appendBuffer(next);
  };
  const begin = (type: string) => {
    if (!MediaSource.isTypeSupported(type)) return end(t("video.unsupported", { type }));
    buffer = media.addSourceBuffer(type);
    buffer.mode = "segments";
    buffer.addEventListener("updateend", feed);
    buffer.addEventListener("error", () => end(t("video.broken")));
    feed();
  };

  let type: string | undefined;
  media.addEventListener("sourceopen", () => type && !buffer && begin(type));
  socket.addEventListener("message", (message) => {
    if (typeof message.data === "string") {
      const told = JSON.parse(message.data) as { type?: string; ended?: string; again?: boolean };
      if (told.again) return end(null);
      if (told.ended !== undefined) return end(told.ended);
      type = told.type;
      if (type && media.readyState === "open") begin(type);
      return;
    }
    waiting.push(message.data as ArrayBuffer);
    if (waiting.length > MOST_WAITING) return end(t("video.broken"));
    feed();
  });
  socket.addEventListener("close", () => end(""));
  element.src = url;
  element.play().catch(() => undefined);
  return () => {
    ended = true;
    waiting = [];
    socket.close();
    element.removeAttribute("src");
    element.load();
    URL.revokeObjectURL(url);
  };
}
