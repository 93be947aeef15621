/** Models and their slots: how fast they look, what waits, what is dropped, and how those on trial compare. */

import { useState } from "preact/hooks";
import { ApiError, post } from "../api/client";
import { refreshSoon, useStatus } from "../api/site";
import type { Model, TreeNode } from "../api/types";
import { compact, decimal, duration, percent, whole } from "../format";
import { t, word } from "../i18n";
import { total } from "../problems";
import { useRate } from "./camera";
import { nodeTone } from "./tree";
import { Badge, Card, Dot, Empty, Figures, Head, Loading, Meter, Said, Trouble, Wide } from "../ui/parts";

export function Models() {
  const { value: status, error } = useStatus();
  if (!status) return error ? <Trouble error={error} /> : <Loading />;
  const nodes = status.tree.children.find((child) => child.id === "models")?.children ?? [];
  return (
    <>
      <Head title={t("nav.models")} sub={t("models.sub")} />
      {status.models.length === 0 && <Empty>{t("models.none")}</Empty>}
      {status.models.map((model) => (
        <ModelCard key={model.model} model={model} node={nodes.find((node) => node.id === model.model)} />
      ))}
    </>
  );
}

function ModelCard({ model, node }: { model: Model; node?: TreeNode | undefined }) {
  const rate = useRate(model.inferences);
  const slots = node?.children ?? [];
  const load = rate === null || slots.length === 0 ? null : (rate * model.inference_ms) / 1000 / slots.length;
  return (
    <Card
      title={model.model}
      tools={
        <span class="marks">
          {model.shadow && <Badge tone="info">{t("model.shadow_of", { model: model.shadow.of })}</Badge>}
          {model.canary && <Badge tone={model.canary.sent_back ? "critical" : "info"}>{t("model.canary_of", { model: model.canary.of })}</Badge>}
          {model.overload && model.overload.given_up.length > 0 && <Badge tone="warning">{t("model.overloaded")}</Badge>}
        </span>
      }
    >
      <p class="muted">{model.description ?? t("model.loading")}</p>
      {model.change?.state === "refused" && <p class="notice critical">{t("model.change_refused")} {model.change.text}</p>}
      {model.change?.state === "loading" && <p class="notice">{t("model.change_loading")}</p>}
      {model.canary?.sent_back && <p class="notice critical">{model.canary.sent_back.why}</p>}
      {model.overload && model.overload.given_up.length > 0 && <p class="notice warning">{t("model.given_up")} {model.overload.given_up.join(", ")}</p>}
      <Figures
        items={[
          { label: t("model.rate"), value: rate === null ? "…" : t("per_second", { n: decimal(rate) }) },
          { label: t("model.look"), value: duration(model.inference_ms / 1000) },
          { label: t("model.wait"), value: duration(model.wait_ms / 1000) },
          load !== null && {
            label: t("model.load"),
            value: (
              <span class="with-meter">
                {percent(load)} <Meter value={load} tone={load > 0.9 ? "critical" : load > 0.7 ? "warning" : "info"} label={`${t("model.load")} ${percent(load)}`} />
              </span>
            ),
          },
          { label: t("model.queue"), value: whole(model.waiting) },
          { label: t("model.looks"), value: compact(model.inferences) },
          { label: t("model.objects"), value: compact(model.objects) },
          { label: t("model.failures"), value: whole(model.failures), tone: model.failures ? "critical" : undefined },
          total(model.refused) > 0 && { label: t("model.refused"), value: compact(total(model.refused)), tone: "warning" },
          { label: t("model.age"), value: model.last_frame_age_s === null ? "–" : duration(model.last_frame_age_s) },
        ]}
      />
      {slots.length > 0 && (
        <p class="slots">
          {slots.map((slot) => (
            <span key={slot.id} class="slot" title={slot.last_error?.text}>
              <Dot tone={nodeTone(slot)} /> {slot.id} <span class="muted">{word("actor.state", slot.state)}{slot.restarts > 0 && ` · ${t("restarts", { n: slot.restarts })}`}</span>
            </span>
          ))}
        </p>
      )}
      {model.shadow && <Shadow model={model.model} shadow={model.shadow} />}
      {model.canary && <Trial model={model.model} promotes={!model.canary.sent_back} />}
      {model.follows && (
        <Figures
          items={[
            { label: t("crops.after"), value: model.follows.after.join(", ") },
            { label: t("crops.asked"), value: compact(model.follows.asked) },
            { label: t("crops.answered"), value: compact(model.follows.answered) },
            { label: t("crops.late"), value: compact(model.follows.late) },
            { label: t("crops.remembered"), value: compact(model.follows.remembered) },
            { label: t("dropped"), value: compact(total(model.follows.dropped)) },
          ]}
        />
      )}
      {model.cameras.length > 0 && <Feeds model={model} />}
    </Card>
  );
}

function Feeds({ model }: { model: Model }) {
  return (
    <Wide label={`${t("model.feeds")}: ${model.model}`}>
      <table class="dense">
        <caption class="sr">{t("model.feeds")}</caption>
        <thead>
          <tr>
            <th scope="col">{t("alert.camera")}</th>
            <th scope="col" class="number">{t("feed.offered")}</th>
            <th scope="col" class="number">{t("feed.taken")}</th>
            <th scope="col" class="number">{t("feed.late")}</th>
            <th scope="col" class="number">{t("feed.failed")}</th>
            <th scope="col">{t("dropped")}</th>
          </tr>
        </thead>
        <tbody>
          {model.cameras.map((feed) => (
            <tr key={feed.camera + (feed.stands_in_for ?? "")}>
              <th scope="row">
                <a href={`/cameras/${feed.camera}`}>{feed.camera}</a>
                {feed.stands_in_for && <span class="muted"> {t("feed.for", { model: feed.stands_in_for })}</span>}
              </th>
              <td class="number">{compact(feed.offered)}</td>
              <td class="number">{compact(feed.taken)}</td>
              <td class={feed.late ? "number tone-warning" : "number"}>{compact(feed.late)}</td>
              <td class={feed.failed ? "number tone-critical" : "number"}>{compact(feed.failed)}</td>
              <td class="muted">
                {Object.entries(feed.dropped).filter(([, n]) => n > 0).map(([reason, n]) => `${word("dropped", reason)} ${compact(n)}`).join(" · ") || "–"}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Wide>
  );
}

function Shadow({ model, shadow }: { model: string; shadow: NonNullable<Model["shadow"]> }) {
  return (
    <>
      <Figures
        items={[
          { label: t("shadow.share"), value: percent(shadow.share) },
          { label: t("shadow.compared"), value: compact(shadow.compared) },
          { label: t("shadow.agreement"), value: shadow.agreement === null ? "–" : percent(shadow.agreement) },
          { label: t("shadow.matched"), value: compact(shadow.matched) },
          { label: t("shadow.missed"), value: compact(shadow.missed) },
          { label: t("shadow.extra"), value: compact(shadow.extra) },
          { label: t("shadow.model_look"), value: duration(shadow.model_ms / 1000) },
        ]}
      />
      <Trial model={model} promotes />
    </>
  );
}

/** What can be done with a model that is on trial. Each button asks once more. */
function Trial({ model, promotes }: { model: string; promotes: boolean }) {
  const [asked, setAsked] = useState<"promote" | "drop" | null>(null);
  const [said, setSaid] = useState<{ text: string; bad?: boolean } | null>(null);
  const act = (what: "promote" | "drop") => {
    if (asked !== what) return setAsked(what);
    setAsked(null);
    post<{ done: string }>(`models/${model}/${what}`).then(
      ({ done }) => { setSaid({ text: done }); refreshSoon(); },
      (error: unknown) => setSaid({ text: error instanceof ApiError ? error.message : String(error), bad: true }),
    );
  };
  return (
    <p class="action-buttons">
      {promotes && (
        <button type="button" class="button" onClick={() => act("promote")}>{t(asked === "promote" ? "sure" : "trial.promote")}</button>
      )}
      <button type="button" class="button" onClick={() => act("drop")}>{t(asked === "drop" ? "sure" : "trial.drop")}</button>
      <Said text={said?.text ?? null} tone={said?.bad ? "critical" : "ok"} />
    </p>
  );
}
