/** All cameras at once: the wall. With `?wall=1` it fills the screen, for one that hangs on a wall. */

import { useEffect, useState } from "preact/hooks";
import { onLive } from "../api/live";
import { useStatus } from "../api/site";
import type { Camera } from "../api/types";
import { duration } from "../format";
import { t, word } from "../i18n";
import { go, usePlace, withQuery } from "../router";
import { KeptStore, useStore } from "../store";
import { Icon } from "../ui/icons";
import { Choice, Dot, Empty, Head, Loading, type Tone, Trouble } from "../ui/parts";
import { Areas, CameraPicture } from "../ui/picture";

const size = new KeptStore("parapet.wall", "m");
const WIDTHS: Record<string, number> = { s: 320, m: 640, l: 1280 };
/** A picture of the wall is asked for this often. */
const EVERY_MS = 1_000;
/** A camera with an alert stands out for so long. */
const FRESH_MS = 60_000;

export function cameraTone(camera: Camera): Tone {
  if (!camera.enabled) return "quiet";
  if (camera.status.picture) return "critical";
  switch (camera.status.state) {
    case "live":
      return "ok";
    case "connecting":
      return "warning";
    case "ended":
      return "quiet";
    default:
      return "critical";
  }
}

export function Cameras() {
  const { value: status, error } = useStatus();
  const { query } = usePlace();
  const chosen = useStore(size);
  const alarmed = useAlarmed();
  if (!status) return error ? <Trouble error={error} /> : <Loading />;
  const tag = query.get("tag");
  const isWall = query.has("wall");
  const tags = [...new Set(status.cameras.flatMap((camera) => camera.tags))].sort();
  const shown = status.cameras.filter((camera) => !tag || camera.tags.includes(tag));
  const columns = Math.ceil(Math.sqrt(shown.length));
  return (
    <>
      {isWall ? (
        <>
          <h1 class="sr">{t("nav.cameras")}</h1>
          <a class="wall-leave" href={withQuery({ wall: null })} aria-label={t("wall.leave")}>
            <Icon name="close" />
          </a>
        </>
      ) : (
        <Head title={t("nav.cameras")} sub={t("cameras.sub", { live: status.cameras.filter((c) => c.status.state === "live").length, all: status.cameras.length })}>
          {tags.length > 0 && (
            <select aria-label={t("cameras.tag")} value={tag ?? ""} onChange={(event) => go(withQuery({ tag: event.currentTarget.value }), true)}>
              <option value="">{t("cameras.all")}</option>
              {tags.map((tag) => (
                <option key={tag} value={tag}>{tag}</option>
              ))}
            </select>
          )}
          <Choice label={t("cameras.size")} value={chosen} options={[["s", "S"], ["m", "M"], ["l", "L"]]} onChange={(value) => size.set(value)} />
          <a class="button" href={withQuery({ wall: "1" })}>
            <Icon name="full" size={16} /> {t("cameras.wall")}
          </a>
        </Head>
      )}
      {shown.length === 0 && <Empty>{t("cameras.none")}</Empty>}
      <ul class={isWall ? "wall filling" : `wall size-${chosen}`} style={isWall ? { gridTemplateColumns: `repeat(${columns}, 1fr)` } : undefined}>
        {shown.map((camera) => (
          <Tile key={camera.id} camera={camera} width={isWall ? 640 : (WIDTHS[chosen] ?? 640)} alarmed={alarmed.has(camera.id)} />
        ))}
      </ul>
    </>
  );
}

function Tile({ camera, width, alarmed }: { camera: Camera; width: number; alarmed: boolean }) {
  const tone = cameraTone(camera);
  const { state, picture, last_frame_age_s: age } = camera.status;
  return (
    <li class={alarmed ? "tile alarmed" : "tile"}>
      <a href={`/cameras/${camera.id}`}>
        <CameraPicture camera={camera} width={width} every={EVERY_MS}>
          <Areas zones={camera.zones} lines={{}} />
        </CameraPicture>
        <div class="tile-line">
          <Dot tone={tone} />
          <strong>{camera.name}</strong>
          <span class="muted">
            {picture ? word("fault", picture) : word("camera.state", camera.enabled ? state : "disabled")}
            {state === "live" && age !== null && age > 2 && ` · ${duration(age)}`}
          </span>
        </div>
      </a>
    </li>
  );
}

/** The cameras with an alert in the last minute. */
function useAlarmed(): Set<string> {
  const [alarmed, setAlarmed] = useState(new Map<string, number>());
  useEffect(() => {
    const stop = onLive((event) => {
      const camera = event.kind === "alert" ? event.data.camera : undefined;
      if (camera) setAlarmed((before) => new Map(before).set(camera, Date.now()));
    });
    const interval = setInterval(() => {
      setAlarmed((before) => new Map([...before].filter(([, at]) => Date.now() - at < FRESH_MS)));
    }, 5_000);
    return () => {
      stop();
      clearInterval(interval);
    };
  }, []);
  return new Set(alarmed.keys());
}
