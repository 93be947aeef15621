/** One camera: what it shows and what models see in it, how its stream fares, its zones, its errors and its alerts. */

import { useEffect, useRef, useState } from "preact/hooks";
import { watchDetections } from "../api/live";
import { useAnswer, useStatus } from "../api/site";
import type { Alert, Camera, CameraStatus, DetectionEvent, ErrorRecord, Page } from "../api/types";
import { bytes, compact, decimal, duration, percent, whole } from "../format";
import { t, word } from "../i18n";
import { KeptStore, useStore } from "../store";
import { AlertLine } from "./alert_line";
import { cameraTone } from "./cameras";
import { ErrorLine } from "./errors";
import { LiveVideo } from "../ui/video";
import { Badge, Card, Empty, Figures, Head, Loading, Time, Trouble } from "../ui/parts";
import { Areas, Boxes, CameraPicture } from "../ui/picture";

const shown = {
  boxes: new KeptStore("parapet.boxes", "1"),
  areas: new KeptStore("parapet.areas", "1"),
};

export function CameraView({ id }: { id: string }) {
  const { value: status, error } = useStatus();
  const camera = status?.cameras.find((camera) => camera.id === id);
  if (!status) return error ? <Trouble error={error} /> : <Loading />;
  if (!camera) return <Empty>{t("camera.gone", { camera: id })}</Empty>;
  const { state, picture, last_error: lastError, since } = camera.status;
  return (
    <>
      <Head title={camera.name} sub={<>{camera.source}</>}>
        <Badge tone={cameraTone(camera)}>{picture ? word("fault", picture) : word("camera.state", camera.enabled ? state : "disabled")}</Badge>
      </Head>
      {lastError && state !== "live" && (
        <p class="notice critical">
          {lastError} <span class="muted">· {t("since")} <Time at={since} /></span>
        </p>
      )}
      <div class="columns wide-left">
        <div>
          <View camera={camera} />
          <Tracks camera={camera} />
          <CameraAlerts id={id} />
        </div>
        <div>
          <StreamCard title={t(camera.main ? "camera.sub_stream" : "camera.stream")} status={camera.status} />
          {camera.main && <StreamCard title={t("camera.main_stream")} status={camera.main} />}
          <About camera={camera} />
          <CameraErrors id={id} />
        </div>
      </div>
    </>
  );
}

function View({ camera }: { camera: Camera }) {
  const boxes = useStore(shown.boxes) === "1";
  const areas = useStore(shown.areas) === "1";
  const seen = useSeen(camera.id, boxes);
  const [moving, setMoving] = useState(false);
  const codec = camera.status.format?.codec;
  const overlay = (
    <>
      {areas && <Areas zones={camera.zones} lines={camera.lines} />}
      {boxes && seen && <Boxes objects={seen.objects} width={seen.width} height={seen.height} />}
    </>
  );
  return (
    <Card flush>
      {moving ? (
        <LiveVideo camera={camera} onEnd={() => setMoving(false)}>{overlay}</LiveVideo>
      ) : (
        <CameraPicture camera={camera} width={1280} every={400}>{overlay}</CameraPicture>
      )}
      <div class="bar-tools">
        <label class="switch">
          <input type="checkbox" checked={moving} disabled={camera.status.state !== "live" || codec !== "H.264"} onChange={() => setMoving(!moving)} /> {t("camera.video")}
        </label>
        <label class="switch">
          <input type="checkbox" checked={boxes} onChange={() => shown.boxes.set(boxes ? "0" : "1")} /> {t("camera.boxes")}
        </label>
        <label class="switch">
          <input type="checkbox" checked={areas} onChange={() => shown.areas.set(areas ? "0" : "1")} /> {t("camera.areas")}
        </label>
        {boxes && seen && <span class="muted small">{t("camera.seen", { n: seen.objects.length, model: seen.model })}</span>}
      </div>
    </Card>
  );
}

/** What a model saw last; nothing once it is old. */
function useSeen(camera: string, wanted: boolean): DetectionEvent | null {
  const [seen, setSeen] = useState<DetectionEvent | null>(null);
  const fresh = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => {
    setSeen(null);
    if (!wanted) return;
    const stop = watchDetections(camera, (event) => {
      if (event.update) return;
      setSeen(event);
      clearTimeout(fresh.current);
      fresh.current = setTimeout(() => setSeen(null), 3_000);
    });
    return () => {
      stop();
      clearTimeout(fresh.current);
    };
  }, [camera, wanted]);
  return seen;
}

function StreamCard({ title, status }: { title: string; status: CameraStatus }) {
  const { format } = status;
  const rate = useRate(status.frames_in);
  const bits = useRate(status.bytes_in * 8);
  const dropped = status.dropped.filter(([, n]) => n > 0);
  return (
    <Card title={title}>
      <Figures
        items={[
          format && { label: t("stream.format"), value: `${format.width} × ${format.height} ${format.codec}` },
          format && { label: t("stream.decoder"), value: `${format.decoder}${format.hardware ? ` (${t("stream.hardware")})` : ""}` },
          { label: t("stream.rate"), value: rate === null ? "…" : t("per_second", { n: decimal(rate) }) },
          { label: t("stream.bits"), value: bits === null ? "…" : `${decimal(bits / 1e6)} Mbit/s` },
          { label: t("stream.decode"), value: duration(status.decode_ms / 1000) },
          { label: t("stream.age"), value: status.last_frame_age_s === null ? "–" : duration(status.last_frame_age_s), tone: (status.last_frame_age_s ?? 0) > 5 ? "critical" : undefined },
          { label: t("stream.reconnects"), value: whole(status.reconnects), tone: status.reconnects ? "warning" : undefined },
          { label: t("stream.lost"), value: whole(status.packets_lost), tone: status.packets_lost ? "warning" : undefined },
          { label: t("stream.warnings"), value: whole(status.warnings), tone: status.warnings ? "warning" : undefined },
          { label: t("stream.frames"), value: compact(status.frames_in) },
          { label: t("stream.wanted"), value: compact(status.frames_wanted) },
          { label: t("stream.bytes"), value: bytes(status.bytes_in) },
          status.motion && { label: t("stream.motion"), value: percent(status.motion.share) },
          status.attention === "keyframes" && { label: t("stream.attention"), value: t("stream.keyframes") },
        ]}
      />
      {dropped.length > 0 && (
        <p class="small muted list-line">
          {t("dropped")}: {dropped.map(([reason, n]) => `${word("dropped", reason)} ${compact(n)}`).join(" · ")}
        </p>
      )}
    </Card>
  );
}

/** How fast a counter grows, a second, over the last answers; null before there are two. */
export function useRate(counter: number): number | null {
  const points = useRef<[number, number][]>([]);
  const [rate, setRate] = useState<number | null>(null);
  const { at } = useStatus();
  useEffect(() => {
    if (at === undefined) return;
    const last = points.current.at(-1);
    if (last && last[0] === at) return;
    if (last && counter < last[1]) points.current = [];
    points.current = [...points.current, [at, counter] as [number, number]].slice(-6);
    const [first] = points.current;
    if (first && at > first[0]) setRate(((counter - first[1]) / (at - first[0])) * 1000);
  }, [at, counter]);
  return rate;
}

function Tracks({ camera }: { camera: Camera }) {
  const tracks = camera.tracks.filter((followed) => followed.begun > 0);
  if (tracks.length === 0) return null;
  return (
    <Card title={t("tracks.title")}>
      {tracks.map((followed) => (
        <div key={followed.model} class="tracks">
          <Figures
            items={[
              { label: t("tracks.model"), value: followed.model },
              { label: t("tracks.now"), value: whole(followed.now) },
              { label: t("tracks.moving"), value: whole(followed.moving) },
              { label: t("tracks.begun"), value: compact(followed.begun) },
              ...Object.entries(followed.zones).map(([zone, { now, entered }]) => ({
                label: t("tracks.zone", { zone }),
                value: t("tracks.zone.value", { now, entered }),
              })),
              ...Object.entries(followed.lines).map(([line, { to_left, to_right }]) => ({
                label: t("tracks.line", { line }),
                value: `← ${whole(to_left)}  → ${whole(to_right)}`,
              })),
            ]}
          />
        </div>
      ))}
    </Card>
  );
}

function About({ camera }: { camera: Camera }) {
  const { place } = camera;
  const at = place?.latitude !== undefined && place.longitude !== undefined ? `${place.latitude}, ${place.longitude}` : null;
  return (
    <Card title={t("camera.about")}>
      <Figures
        items={[
          { label: t("camera.id"), value: <code>{camera.id}</code> },
          { label: t("camera.models"), value: camera.models.join(", ") || "–" },
          camera.tags.length > 0 && { label: t("camera.tags"), value: camera.tags.join(", ") },
          !!at && { label: t("camera.place"), value: at },
          !!place?.floor && { label: t("camera.floor"), value: place.floor },
          !!camera.link && { label: t("camera.link"), value: camera.link },
          !!camera.sim && { label: t("camera.sim"), value: camera.sim },
        ]}
      />
    </Card>
  );
}

function CameraErrors({ id }: { id: string }) {
  const { value } = useAnswer<Page<ErrorRecord>>("errors", { actor: `cameras/${id}`, limit: 5 }, 10_000);
  return (
    <Card title={t("nav.errors")} tools={<a href={`/errors?actor=cameras/${id}`}>{t("all")}</a>} flush>
      {value?.items.length === 0 && <Empty good>{t("errors.none")}</Empty>}
      <ul class="rows">
        {value?.items.map((record) => (
          <ErrorLine key={record.id} record={record} />
        ))}
      </ul>
    </Card>
  );
}

function CameraAlerts({ id }: { id: string }) {
  const { value } = useAnswer<Page<Alert>>("alerts", { camera: id, limit: 5 }, 10_000);
  return (
    <Card title={t("nav.alerts")} tools={<a href={`/alerts?camera=${id}`}>{t("all")}</a>} flush>
      {value?.items.length === 0 && <Empty>{t("alerts.none")}</Empty>}
      <ul class="rows">
        {value?.items.map((alert) => (
          <AlertLine key={alert.id} alert={alert} />
        ))}
      </ul>
    </Card>
  );
}
