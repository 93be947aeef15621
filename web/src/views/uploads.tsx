/** What leaves the site: how far behind each way out is, and what its receiver will never take. */

import { useState } from "preact/hooks";
import { ApiError, post } from "../api/client";
import { refreshSoon, useAnswer, useStatus } from "../api/site";
import type { DeadLetter, Uploader } from "../api/types";
import { bytes, compact, duration, whole } from "../format";
import { count, t, word } from "../i18n";
import { Badge, Card, Empty, Figures, Head, Loading, Said, Time, type Tone, Trouble, Wide } from "../ui/parts";

function tone(uploader: Uploader): Tone {
  if (!uploader.enabled || uploader.deleted) return "quiet";
  switch (uploader.status.state) {
    case "up_to_date":
      return "ok";
    case "catching_up":
      return "info";
    case "waiting":
      return "warning";
    default:
      return "quiet";
  }
}

const stateOf = (uploader: Uploader) =>
  uploader.deleted ? t("upload.deleted") : uploader.enabled ? word("upload.state", uploader.status.state) : t("disabled");

export function Uploads() {
  const { value: status, error } = useStatus();
  if (!status) return error ? <Trouble error={error} /> : <Loading />;
  return (
    <>
      <Head title={t("nav.uploads")} sub={t("uploads.sub")} />
      <Wide label={t("nav.uploads")} card>
        <table>
          <thead>
            <tr>
              <th scope="col">{t("upload.name")}</th>
              <th scope="col">{t("upload.state")}</th>
              <th scope="col" class="number">{t("upload.waiting")}</th>
              <th scope="col" class="number">{t("upload.oldest")}</th>
              <th scope="col" class="number">{t("upload.sent")}</th>
              <th scope="col" class="number">{t("upload.retries")}</th>
              <th scope="col" class="number">{t("upload.dead")}</th>
              <th scope="col">{t("upload.last")}</th>
            </tr>
          </thead>
          <tbody>
            {status.uploaders.map((uploader) => (
              <tr key={uploader.id}>
                <th scope="row">
                  <a href={`/uploads/${uploader.id}`}>{uploader.id}</a> <span class="muted">{uploader.sink ?? ""}</span>
                  {uploader.status.state === "waiting" && <p class="small muted wrap">{uploader.status.why}</p>}
                </th>
                <td><Badge tone={tone(uploader)}>{stateOf(uploader)}</Badge></td>
                <td class="number">{compact(uploader.waiting)}</td>
                <td class="number">{uploader.oldest_s === null ? "–" : duration(uploader.oldest_s)}</td>
                <td class="number" title={bytes(uploader.status.sent_bytes)}>{compact(uploader.status.sent)}</td>
                <td class={uploader.status.retries ? "number tone-warning" : "number"}>{compact(uploader.status.retries)}</td>
                <td class={uploader.dead_letters ? "number tone-critical" : "number"}>{compact(uploader.dead_letters)}</td>
                <td>{uploader.status.last_sent ? <Time at={uploader.status.last_sent} /> : "–"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Wide>
    </>
  );
}

export function UploaderView({ id }: { id: string }) {
  const { value: status, error } = useStatus();
  const uploader = status?.uploaders.find((uploader) => uploader.id === id);
  if (!status) return error ? <Trouble error={error} /> : <Loading />;
  if (!uploader) return <Empty>{t("upload.gone", { name: id })}</Empty>;
  const { status: fares } = uploader;
  return (
    <>
      <Head title={uploader.id} sub={[uploader.sink, uploader.what.map((kind) => word("lane", kind)).join(", ")].filter(Boolean).join(" · ")}>
        <Badge tone={tone(uploader)}>{stateOf(uploader)}</Badge>
      </Head>
      {fares.state === "waiting" && (
        <p class="notice warning">
          {fares.why}
          {fares.since && <span class="muted"> · {t("since")} <Time at={fares.since} /></span>}
          {fares.next_try && <span class="muted"> · {t("next_try")} <Time at={fares.next_try} /></span>}
        </p>
      )}
      <Card>
        <Figures
          items={[
            { label: t("upload.waiting"), value: compact(uploader.waiting), tone: uploader.waiting > 100 ? "warning" : undefined },
            { label: t("upload.oldest"), value: uploader.oldest_s === null ? "–" : duration(uploader.oldest_s) },
            { label: t("upload.sent"), value: compact(fares.sent) },
            { label: t("upload.bytes"), value: bytes(fares.sent_bytes) },
            { label: t("upload.retries"), value: compact(fares.retries), tone: fares.retries ? "warning" : undefined },
            { label: t("upload.expired"), value: compact(fares.expired), tone: fares.expired ? "warning" : undefined },
            { label: t("upload.dead_all"), value: compact(fares.dead) },
            { label: t("upload.last"), value: fares.last_sent ? <Time at={fares.last_sent} /> : "–" },
          ]}
        />
        {fares.last_error && <p class="small muted list-line">{t("upload.last_error")}: {fares.last_error}</p>}
      </Card>
      <DeadLetters id={id} waiting={uploader.dead_letters} />
      {(uploader.deleted || !uploader.enabled) && <Purge uploader={uploader} />}
    </>
  );
}

interface Done {
  count: number;
}

function useAct(after: () => void) {
  const [said, setSaid] = useState<{ text: string; bad?: boolean } | null>(null);
  const act = (path: string, body: unknown, text: string) =>
    post<Done>(path, body).then(
      ({ count: n }) => {
        setSaid({ text: count(text, n) });
        after();
        refreshSoon();
      },
      (error: unknown) => setSaid({ text: error instanceof ApiError ? error.message : String(error), bad: true }),
    );
  return { said: <Said text={said?.text ?? null} tone={said?.bad ? "critical" : "ok"} />, act };
}

function DeadLetters({ id, waiting }: { id: string; waiting: number }) {
  const [after, setAfter] = useState<number>(0);
  const { value, error, again } = useAnswer<{ items: DeadLetter[]; next: number | null }>(`uploaders/${id}/dead`, { after, limit: 50, payloads: true }, 10_000);
  const [chosen, setChosen] = useState<Set<number>>(new Set());
  const [sure, setSure] = useState(false);
  const { said, act } = useAct(() => {
    setChosen(new Set());
    setSure(false);
    again();
  });
  const items = value?.items ?? [];
  const body = chosen.size ? { numbers: [...chosen] } : {};
  const toggle = (number: number) => {
    const next = new Set(chosen);
    if (!next.delete(number)) next.add(number);
    setChosen(next);
    setSure(false);
  };
  return (
    <Card title={t("dead.title")} flush tools={<span class="muted">{whole(waiting)}</span>}>
      {error && <Trouble error={error} />}
      {items.length === 0 ? (
        <Empty good>{t("dead.none")}</Empty>
      ) : (
        <>
          <p class="action-buttons pad">
            <button type="button" class="button" onClick={() => act(`uploaders/${id}/dead/retry`, body, "dead.retried")}>
              {chosen.size ? count("dead.retry", chosen.size) : t("dead.retry_all")}
            </button>
            <button type="button" class="button danger" onClick={() => (sure ? act(`uploaders/${id}/dead/drop`, body, "dead.dropped") : setSure(true))}>
              {sure ? t("sure") : chosen.size ? count("dead.drop", chosen.size) : t("dead.drop_all")}
            </button>
          </p>
          <ul class="rows">
            {items.map((letter) => (
              <li key={letter.number} class="letter">
                <input type="checkbox" checked={chosen.has(letter.number)} aria-label={t("dead.choose", { n: letter.number })} onChange={() => toggle(letter.number)} />
                <details>
                  <summary>
                    <strong>{word("item", letter.kind)}</strong> <span class="muted">{letter.topic} · {bytes(letter.bytes)}</span>
                    <span class="said-by-site">{letter.text}</span>
                    <span class="muted small"><Time at={letter.at} /></span>
                  </summary>
                  <pre class="code" tabIndex={0}><code>{pretty(letter.payload)}</code></pre>
                </details>
              </li>
            ))}
          </ul>
          <p class="pad action-buttons">
            {after > 0 && <button type="button" class="button" onClick={() => setAfter(0)}>{t("first")}</button>}
            {value?.next != null && <button type="button" class="button" onClick={() => setAfter(value.next ?? 0)}>{t("more")}</button>}
          </p>
        </>
      )}
      {said}
    </Card>
  );
}

function pretty(payload: unknown): string {
  try {
    return JSON.stringify(typeof payload === "string" ? JSON.parse(payload) : payload, null, 2);
  } catch {
    return String(payload);
  }
}

function Purge({ uploader }: { uploader: Uploader }) {
  const [sure, setSure] = useState(false);
  const { said, act } = useAct(() => setSure(false));
  return (
    <Card title={t("purge.title")}>
      <p class="muted">{t("purge.text")}</p>
      <p class="action-buttons">
        <button type="button" class="button danger" onClick={() => (sure ? act(`uploaders/${uploader.id}/purge`, {}, "purge.done") : setSure(true))}>
          {t(sure ? "sure" : "purge.button")}
        </button>
      </p>
      {said}
    </Card>
  );
}

