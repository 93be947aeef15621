/** Pictures of cameras and alerts, with boxes, zones and lines drawn over them. */

import { useEffect, useRef, useState } from "preact/hooks";
import { address } from "../api/client";
import type { Camera, Point, SeenObject } from "../api/types";
import { ago, percent } from "../format";
import { t } from "../i18n";

/** A picture older than this is told to be old. */
const OLD_MS = 15_000;

export interface Snapshot {
  url: string | null;
  /** When it was taken. */
  at: number | null;
  missing: boolean;
}

/** The last picture of a camera, when there is one, asked for again after `every` milliseconds while it can be seen. */
export function useSnapshot(camera: string, width: number, every: number, isThere: boolean, element: { current: Element | null }): Snapshot {
  const [shown, setShown] = useState<Snapshot>({ url: null, at: null, missing: false });
  useEffect(() => {
    if (!isThere) {
      setShown({ url: null, at: null, missing: true });
      return;
    }
    let visible = false;
    let ended = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let current: string | null = null;
    const ask = async () => {
      clearTimeout(timer);
      if (ended || !visible || document.hidden) return;
      try {
        const answer = await fetch(address(`cameras/${camera}/snapshot`, { width }));
        if (ended) return;
        if (answer.ok) {
          const at = Date.parse(answer.headers.get("x-parapet-captured-at") ?? "");
          const url = URL.createObjectURL(await answer.blob());
          if (current) URL.revokeObjectURL(current);
          current = url;
          if (ended) URL.revokeObjectURL(url);
          else setShown({ url, at: Number.isNaN(at) ? null : at, missing: false });
        } else {
          setShown((before) => ({ ...before, missing: before.url === null }));
        }
      } catch {
        // The site is away; the status says so.
      }
      timer = setTimeout(ask, every);
    };
    const onVisible = () => void ask();
    const observer = new IntersectionObserver((entries) => {
      visible = entries.some((entry) => entry.isIntersecting);
      if (visible) void ask();
    });
    if (element.current) observer.observe(element.current);
    document.addEventListener("visibilitychange", onVisible);
    return () => {
      ended = true;
      clearTimeout(timer);
      observer.disconnect();
      document.removeEventListener("visibilitychange", onVisible);
      if (current) URL.revokeObjectURL(current);
    };
  }, [camera, width, every, isThere]);
  return shown;
}

/** The picture of a camera as it is now. */
export function CameraPicture({ camera, width, every, children }: {
  camera: Camera;
  width: number;
  every: number;
  children?: preact.ComponentChildren;
}) {
  const element = useRef<HTMLDivElement>(null);
  const shown = useSnapshot(camera.id, width, every, camera.status.last_capture !== null, element);
  const old = shown.at !== null && Date.now() - shown.at > OLD_MS;
  const { format } = camera.status;
  const ratio = format ? `${format.width} / ${format.height}` : "16 / 9";
  return (
    <div class={old ? "picture old" : "picture"} ref={element} style={{ aspectRatio: ratio }}>
      {shown.url ? (
        <img src={shown.url} alt={t("picture.of", { camera: camera.name })} />
      ) : (
        <p class="no-picture">{shown.missing ? t("picture.none") : ""}</p>
      )}
      {children}
      {old && shown.at !== null && <span class="picture-age">{t("picture.taken", { when: ago(shown.at) })}</span>}
    </div>
  );
}

/** Boxes in pixels of a picture of this size. What they are called stands in HTML, so that it can be read however small the picture is shown. */
export function Boxes({ objects, width, height }: { objects: SeenObject[]; width: number; height: number }) {
  const key = (object: SeenObject, at: number) => object.track?.id ?? `o${at}`;
  return (
    <>
      <svg class="overlay" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
        {objects.map((object, at) => {
          const [left, top, right, bottom] = object.box;
          return (
            <g key={key(object, at)}>
              <rect class="box-shade" x={left} y={top} width={right - left} height={bottom - top} />
              <rect class="box" x={left} y={top} width={right - left} height={bottom - top} />
            </g>
          );
        })}
      </svg>
      {objects.map((object, at) => {
        const [left, top] = object.box;
        const isHigh = top / height < 0.07;
        return (
          <span key={key(object, at)} class={isHigh ? "box-name within" : "box-name"} style={{ left: `${(left / width) * 100}%`, top: `${(top / height) * 100}%` }}>
            {object.label} {percent(object.score)}
          </span>
        );
      })}
    </>
  );
}

const percents = (points: Point[]) => points.map(([x, y]) => `${x * 1000},${y * 1000}`).join(" ");

/** Zones and lines of a camera, in fractions of the picture. Their names stand beside them, in HTML, so that letters keep their form. */
export function Areas({ zones, lines }: Pick<Camera, "zones" | "lines">) {
  const centre = (points: Point[]): Point => [
    points.reduce((sum, [x]) => sum + x, 0) / points.length,
    points.reduce((sum, [, y]) => sum + y, 0) / points.length,
  ];
  const names: [string, Point, string][] = [
    ...Object.entries(zones).map(([name, points]): [string, Point, string] => [name, centre(points), "zone"]),
    ...Object.entries(lines).map(([name, points]): [string, Point, string] => [name, centre(points), "line"]),
  ];
  return (
    <>
      <svg class="overlay" viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden="true">
        {Object.entries(zones).map(([name, points]) => (
          <polygon key={name} class="zone" points={percents(points)} />
        ))}
        {Object.entries(lines).map(([name, points]) => (
          <polyline key={name} class="line" points={percents(points)} />
        ))}
      </svg>
      {names.map(([name, [x, y], kind]) => (
        <span key={kind + name} class={`area-name ${kind}`} style={{ left: `${x * 100}%`, top: `${y * 100}%` }}>
          {name}
        </span>
      ))}
    </>
  );
}
