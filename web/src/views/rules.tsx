/** The rules: what each does, and how it fares. */

import { useAnswer, useStatus } from "../api/site";
import { ApiError, remove } from "../api/client";
import type { Rule, Silence } from "../api/types";
import { bytes, compact, duration, whole } from "../format";
import { t, word } from "../i18n";
import { total } from "../problems";
import { useState } from "preact/hooks";
import { Code } from "../ui/code";
import { Badge, Card, Empty, Figures, Head, Loading, Said, SeverityBadge, Time, Trouble, Wide } from "../ui/parts";

const lostBy = (rule: Rule) => rule.status.dropped + total(rule.status.state.dropped);

export function Rules() {
  const { value: status, error } = useStatus();
  if (!status) return error ? <Trouble error={error} /> : <Loading />;
  return (
    <>
      <Head title={t("nav.rules")} sub={t("rules.sub")} />
      <Silences />
      {status.rules.length === 0 ? (
        <Empty>{t("rules.none")}</Empty>
      ) : (
        <Wide label={t("nav.rules")} card>
          <table>
            <thead>
              <tr>
                <th scope="col">{t("rule.name")}</th>
                <th scope="col">{t("alert.severity")}</th>
                <th scope="col" class="number">{t("rule.events")}</th>
                <th scope="col" class="number">{t("rule.matched")}</th>
                <th scope="col" class="number">{t("rule.fired")}</th>
                <th scope="col" class="number">{t("rule.held_back")}</th>
                <th scope="col" class="number">{t("rule.lost")}</th>
                <th scope="col" class="number">{t("rule.takes")}</th>
                <th scope="col">{t("rule.last")}</th>
              </tr>
            </thead>
            <tbody>
              {status.rules.map((rule) => (
                <tr key={rule.id}>
                  <th scope="row">
                    <a href={`/rules/${rule.id}`}>{rule.name}</a>
                    {!rule.enabled && <Badge tone="quiet">{t("disabled")}</Badge>}
                    {rule.status.state.firing > 0 && <Badge tone="warning">{t("rule.firing", { n: rule.status.state.firing })}</Badge>}
                    {rule.status.last_error && <p class="tone-critical small">{rule.status.last_error}</p>}
                  </th>
                  <td><SeverityBadge severity={rule.severity} /></td>
                  <td class="number">{compact(rule.status.events)}</td>
                  <td class="number">{compact(rule.status.matched)}</td>
                  <td class="number">{compact(rule.status.fired)}</td>
                  <td class="number">{compact(rule.status.held_back)}</td>
                  <td class={lostBy(rule) ? "number tone-warning" : "number"}>{compact(lostBy(rule))}</td>
                  <td class="number">{duration(rule.status.evaluation_us / 1e6)}</td>
                  <td>{rule.status.last_alert ? <Time at={rule.status.last_alert} /> : "–"}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Wide>
      )}
    </>
  );
}

/** What holds alerts back now; nothing is shown when nothing does. */
function Silences() {
  const { value, again } = useAnswer<Silence[]>("silences", {}, 10_000);
  const [said, setSaid] = useState<string | null>(null);
  if (!value?.length && !said) return null;
  const end = (id: string) =>
    remove(`silences/${id}`).then(
      () => { setSaid(t("silence.ended")); again(); },
      (error: unknown) => setSaid(error instanceof ApiError ? error.message : String(error)),
    );
  return (
    <Card title={t("silences.title")} flush>
      <ul class="rows">
        {value?.map((silence) => (
          <li key={silence.id} class="row">
            <div class="grow">
              <strong>{silence.rule ?? t("silence.all")}</strong>
              <span class="muted">
                {silence.camera && ` · ${silence.camera}`}
                {silence.key && ` · ${silence.key}`} · {t("until")} <Time at={silence.until} />
                {silence.by && ` · ${silence.by}`}
                {silence.note && ` · ${silence.note}`}
              </span>
            </div>
            <button type="button" class="button" onClick={() => end(silence.id)}>{t("silence.end")}</button>
          </li>
        ))}
      </ul>
      <Said text={said} />
    </Card>
  );
}

export function RuleView({ id }: { id: string }) {
  const { value: rule, error } = useAnswer<Rule>(`rules/${id}`, {}, 3_000);
  if (!rule) return error ? <Trouble error={error} /> : <Loading />;
  const { status } = rule;
  const { state } = status;
  return (
    <>
      <Head title={rule.name} sub={<code>{rule.id}</code>}>
        <SeverityBadge severity={rule.severity} />
        {!rule.enabled && <Badge tone="quiet">{t("disabled")}</Badge>}
        <a class="button" href={`/alerts?rule=${rule.id}&range=30d`}>{t("nav.alerts")}</a>
      </Head>
      {status.last_error && <p class="notice critical">{status.last_error}</p>}
      <div class="columns wide-left">
        <div>
          {rule.sql && (
            <Card title={t("rule.statement")}>
              <Code text={rule.sql.trimEnd()} language="sql" />
            </Card>
          )}
          {rule.file && (
            <Card title={t("rule.file")} tools={<code class="muted small">{rule.file.path}</code>}>
              <Code text={rule.file.text.trimEnd()} language="yaml" />
            </Card>
          )}
        </div>
        <div>
          <Card title={t("rule.counters")}>
            <Figures
              items={[
                { label: t("rule.events"), value: compact(status.events) },
                { label: t("rule.matched"), value: compact(status.matched) },
                { label: t("rule.fired"), value: compact(status.fired) },
                { label: t("rule.resolved"), value: compact(status.resolved) },
                { label: t("rule.held_back"), value: compact(status.held_back) },
                { label: t("rule.silenced"), value: compact(status.silenced) },
                { label: t("rule.late"), value: compact(status.late), tone: status.late ? "warning" : undefined },
                { label: t("rule.lost"), value: compact(lostBy(rule)), tone: lostBy(rule) ? "warning" : undefined },
                { label: t("rule.errors"), value: whole(status.errors), tone: status.errors ? "critical" : undefined },
                { label: t("rule.takes"), value: duration(status.evaluation_us / 1e6) },
                !!status.last_alert && { label: t("rule.last"), value: <Time at={status.last_alert} /> },
              ]}
            />
          </Card>
          <Card title={t("rule.state")}>
            <Figures
              items={[
                { label: t("rule.going_on"), value: whole(state.firing), tone: state.firing ? "warning" : undefined },
                { label: t("rule.pending"), value: whole(state.pending) },
                { label: t("rule.rows"), value: compact(state.rows) },
                { label: t("rule.bytes"), value: bytes(state.bytes) },
                { label: t("rule.waiting"), value: whole(state.waiting) },
                state.watermark_lag_ms !== null && { label: t("rule.lag"), value: duration(state.watermark_lag_ms / 1000) },
                { label: t("rule.restarted"), value: whole(status.restarted) },
              ]}
            />
            {total(state.dropped) > 0 && (
              <p class="small muted list-line">
                {t("dropped")}: {Object.entries(state.dropped).map(([reason, n]) => `${word("dropped", reason)} ${compact(n)}`).join(" · ")}
              </p>
            )}
          </Card>
          <Card title={t("nav.cameras")}>
            <p class="links">
              {rule.cameras.map((camera) => (
                <a key={camera} href={`/cameras/${camera}`}>{camera}</a>
              ))}
              {rule.cameras.length === 0 && "–"}
            </p>
          </Card>
        </div>
      </div>
    </>
  );
}
