/** One alert: what it shows, when each step happened, what became of it, and what can be done. */

import { useEffect, useState } from "preact/hooks";
import { address, ApiError, post } from "../api/client";
import { onLive } from "../api/live";
import { useAnswer, useStatus } from "../api/site";
import type { Alert, AlertUpdate, Story } from "../api/types";
import { bytes, duration, full, percent, whole } from "../format";
import { t, word } from "../i18n";
import { KeptStore, useStore } from "../store";
import { useKeys } from "./alerts";
import { Icon } from "../ui/icons";
import { Badge, Figures, Loading, Said, SeverityBadge, Time, Trouble } from "../ui/parts";
import { Boxes } from "../ui/picture";

/** Who acts; asked for once. */
const reader = new KeptStore("parapet.reader", "");
const withBoxes = new KeptStore("parapet.alert.boxes", "1");

export function AlertDetail({ id, close, changed }: { id: string; close: string; changed: () => void }) {
  const alert = useAnswer<Alert>(`alerts/${id}`);
  const story = useAnswer<Story>(`alerts/${id}/updates`);
  useEffect(
    () =>
      onLive((event) => {
        if (event.kind === "again" || (event.kind === "alert-update" && event.data.alert === id)) story.again();
      }),
    [id],
  );
  if (!alert.value) return alert.error ? <Trouble error={alert.error} /> : <Loading />;
  const { value: told } = story;
  const severity = told?.updates.at(-1)?.severity ?? alert.value.severity;
  const clip = told?.updates.findLast((update) => update.change === "evidence");
  return (
    <article class="alert-detail">
      <div class="detail-head">
        <div class="marks">
          <SeverityBadge severity={severity} />
          {told && <Badge tone={told.state === "raised" ? "info" : "quiet"}>{word("state", told.state)}</Badge>}
        </div>
        <a class="button plain icon-only" href={close} aria-label={t("close")} data-stay>
          <Icon name="close" size={18} />
        </a>
      </div>
      <h1>{alert.value.title ?? alert.value.message}</h1>
      {alert.value.title && <p class="muted">{alert.value.message}</p>}
      <p class="muted small">
        <Time at={alert.value.ts} /> · <Time at={alert.value.ts} relative />
      </p>
      <Evidence alert={alert.value} clip={clip} gone={told?.updates.filter((update) => update.change === "removed") ?? []} />
      {told && <Actions alert={alert.value} story={told} done={() => { story.again(); changed(); }} />}
      <Steps alert={alert.value} updates={told?.updates ?? []} />
      <Facts alert={alert.value} />
    </article>
  );
}

function Evidence({ alert, clip: told, gone }: { alert: Alert; clip?: AlertUpdate | undefined; gone: AlertUpdate[] }) {
  const boxes = useStore(withBoxes) === "1";
  const [playing, setPlaying] = useState(false);
  const { width = 0, height = 0 } = alert;
  const removed = gone.find((update) => update.evidence?.path === alert.evidence?.path);
  const clip = told?.evidence && gone.some((update) => update.evidence?.path === told.evidence?.path) ? undefined : told;
  if (!alert.evidence) return <p class="notice">{t("alert.no_picture")}</p>;
  if (removed) return <p class="notice">{t("alert.removed")} {removed.note}</p>;
  const image = address(`alerts/${alert.id}/image`);
  return (
    <div class="evidence">
      {playing ? (
        <video class="clip" src={address(`alerts/${alert.id}/clip`)} controls autoPlay muted playsInline aria-label={t("alert.clip")} />
      ) : (
        <div class="picture" style={{ aspectRatio: width && height ? `${width} / ${height}` : "16 / 9" }}>
          <img src={image} alt={t("alert.picture", { message: alert.message })} />
          {boxes && width > 0 && <Boxes objects={alert.objects} width={width} height={height} />}
        </div>
      )}
      <div class="bar-tools">
        {clip?.evidence && (
          <button type="button" class="button" aria-pressed={playing} onClick={() => setPlaying(!playing)}>
            <Icon name="clip" size={16} /> {t(playing ? "alert.show_picture" : "alert.show_clip")}
          </button>
        )}
        {clip && !clip.evidence && <span class="muted small">{t("alert.no_clip")} {clip.note}</span>}
        <label class="switch">
          <input type="checkbox" checked={boxes} onChange={() => withBoxes.set(boxes ? "0" : "1")} /> {t("camera.boxes")}
        </label>
        <span class="grow" />
        <a class="small" href={image} download={`${alert.id}.jpg`}>{t("alert.download")} ({bytes(alert.evidence.bytes)})</a>
      </div>
    </div>
  );
}

function Actions({ alert, story, done }: { alert: Alert; story: Story; done: () => void }) {
  const who = useStore(reader);
  const [note, setNote] = useState("");
  const [said, setSaid] = useState<{ text: string; bad?: boolean } | null>(null);
  const [busy, setBusy] = useState(false);
  const isTaken = story.updates.some((update) => update.change === "acknowledged");
  const act = async (what: Promise<unknown>, text: string) => {
    setBusy(true);
    try {
      await what;
      setSaid({ text });
      setNote("");
      done();
    } catch (error) {
      setSaid({ text: error instanceof ApiError ? error.message : String(error), bad: true });
    } finally {
      setBusy(false);
    }
  };
  const by = who.trim() || undefined;
  const acknowledge = () =>
    act(post(`alerts/${alert.id}/acknowledge`, { by, note: note.trim() || undefined }), t("alert.acknowledged"));
  const silence = (lasts: string) =>
    act(
      post("silences", { rule: alert.rule, camera: alert.camera, for: lasts, by, note: note.trim() || undefined }),
      t("alert.silenced", { time: word("lasts", lasts) }),
    );
  useKeys({ a: () => !isTaken && !busy && acknowledge() });
  return (
    <div class="actions">
      <div class="action-fields">
        <label>
          {t("alert.by")}
          <input value={who} maxLength={100} autocomplete="name" onInput={(event) => reader.set(event.currentTarget.value)} />
        </label>
        <label class="grow">
          {t("alert.note")}
          <input value={note} maxLength={500} onInput={(event) => setNote(event.currentTarget.value)} />
        </label>
      </div>
      <div class="action-buttons">
        <button type="button" class="button primary" disabled={busy || isTaken} onClick={acknowledge}>
          <Icon name="check" size={16} /> {t(isTaken ? "alert.is_acknowledged" : "alert.acknowledge")}
        </button>
        <label class="silence">
          <Icon name="mute" size={16} />
          <select disabled={busy} value="" aria-label={t("alert.silence")} onChange={(event) => { void silence(event.currentTarget.value); event.currentTarget.value = ""; }}>
            <option value="">{t("alert.silence")}</option>
            {["30m", "2h", "8h", "1d"].map((lasts) => (
              <option key={lasts} value={lasts}>{word("lasts", lasts)}</option>
            ))}
          </select>
        </label>
      </div>
      <Said text={said?.text ?? null} tone={said?.bad ? "critical" : "ok"} />
    </div>
  );
}

interface Step {
  what: string;
  at: string;
  text?: string | undefined;
  by?: string | undefined;
}

/** From the frame to now, and how long each step took. */
function Steps({ alert, updates }: { alert: Alert; updates: AlertUpdate[] }) {
  const steps: Step[] = [
    ...(Date.parse(alert.ts) - Date.parse(alert.since) > 50 ? [{ what: t("step.since"), at: alert.since }] : []),
    { what: t("step.captured"), at: alert.ts, text: word("ts_source", alert.ts_source) },
    { what: t("step.raised"), at: alert.raised_at },
    ...updates.map((update) => ({
      what: update.change === "evidence" ? t(update.evidence ? "step.clip" : "step.no_clip") : word("change", update.change),
      at: update.recorded_at,
      by: update.by,
      text: update.note,
    })),
  ];
  return (
    <section class="steps">
      <h2>{t("steps.title")}</h2>
      <ol>
        {steps.map((step, at) => {
          const before = steps[at - 1];
          const took = before ? (Date.parse(step.at) - Date.parse(before.at)) / 1000 : null;
          return (
            <li key={`${step.what}${step.at}`}>
              <time dateTime={step.at} title={full(step.at)}>
                <Time at={step.at} />
              </time>
              <div>
                <strong>{step.what}</strong>
                {step.by && <span> {t("step.by", { name: step.by })}</span>}
                {took !== null && took >= 0 && <span class="muted small"> +{duration(took)}</span>}
                {step.text && <p class="muted small">{step.text}</p>}
              </div>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

function Facts({ alert }: { alert: Alert }) {
  const { value: status } = useStatus();
  const camera = status?.cameras.find((camera) => camera.id === alert.camera);
  const rule = status?.rules.find((rule) => rule.id === alert.rule);
  const place = camera?.place;
  const labels = [...new Set(alert.objects.map((object) => object.label))];
  return (
    <section>
      <h2>{t("alert.facts")}</h2>
      <Figures
        items={[
          !!alert.camera && { label: t("alert.camera"), value: <a href={`/cameras/${alert.camera}`}>{camera?.name ?? alert.camera}</a> },
          { label: t("alert.rule"), value: <a href={`/rules/${alert.rule}`}>{rule?.name ?? alert.rule}</a> },
          !!alert.model && { label: t("alert.model"), value: alert.model },
          labels.length > 0 && {
            label: t("alert.objects"),
            value: labels.map((label) => `${whole(alert.objects.filter((o) => o.label === label).length)} ${label}`).join(", "),
          },
          alert.objects[0] !== undefined && { label: t("alert.score"), value: percent(Math.max(...alert.objects.map((o) => o.score))) },
          alert.frame !== undefined && { label: t("alert.frame"), value: whole(alert.frame) },
          !!place && place.latitude !== undefined && { label: t("camera.place"), value: `${place.latitude}, ${place.longitude}` },
          !!place?.floor && { label: t("camera.floor"), value: place.floor },
        ]}
      />
      <p class="small ids">
        <code>{alert.id}</code> · <a href={address(`alerts/${alert.id}`)} target="_blank" rel="noreferrer">JSON</a>
      </p>
    </section>
  );
}
