/** What is wrong now, first; then how much there is of everything, and the last alerts. */

import { useEffect } from "preact/hooks";
import { onLive } from "../api/live";
import { useAnswer, useStatus } from "../api/site";
import type { Alert, Page, Status } from "../api/types";
import { bytes, compact, duration, whole } from "../format";
import { count, t, word } from "../i18n";
import { problemsOf, type Problem } from "../problems";
import { AlertLine } from "./alert_line";
import { Timeline } from "./timeline";
import { Icon } from "../ui/icons";
import { Card, Empty, Head, Loading, Time, Trouble } from "../ui/parts";

const DAY_MS = 86_400_000;

export function Overview() {
  const { value: status, error } = useStatus();
  const since = new Date(Math.floor((Date.now() - DAY_MS) / 600_000) * 600_000).toISOString();
  const alerts = useAnswer<Page<Alert>>("alerts", { since, limit: 500 });
  const open = useAnswer<Page<Alert>>("alerts", { state: "raised", severity: "critical", limit: 20 });
  useEffect(
    () =>
      onLive((event) => {
        if (event.kind === "alert" || event.kind === "alert-update" || event.kind === "again") {
          alerts.again();
          open.again();
        }
      }),
    [],
  );
  if (!status) return error ? <Trouble error={error} /> : <Loading />;
  const problems = problemsOf(status);
  const critical = open.value?.items ?? [];
  return (
    <>
      <Head title={t("overview.title")} sub={t("overview.sub", { site: status.site.id })} />
      <div class="columns wide-left">
        <div>
          <Card
            title={problems.length ? t("overview.wrong") : undefined}
            tools={problems.length ? <span class="muted">{whole(problems.length)}</span> : undefined}
            flush={problems.length > 0}
          >
            {problems.length === 0 ? (
              <Empty good>{t("overview.well")}</Empty>
            ) : (
              <ul class="rows">
                {problems.map((problem) => (
                  <ProblemLine key={problem.kind + problem.name} problem={problem} />
                ))}
              </ul>
            )}
          </Card>
          {critical.length > 0 && (
            <Card title={t("overview.open")} flush tools={<a href="/alerts?state=raised&severity=critical">{t("all")}</a>}>
              <ul class="rows">
                {critical.slice(0, 5).map((alert) => (
                  <AlertLine key={alert.id} alert={alert} />
                ))}
              </ul>
            </Card>
          )}
        </div>
        <div>
          <Numbers status={status} lastDay={alerts.value} />
          <Card title={t("overview.day")} tools={<a href="/alerts">{t("all")}</a>} flush>
            <div class="pad">
              <Timeline alerts={alerts.value?.items ?? []} from={Date.now() - DAY_MS} to={Date.now()} buckets={48} />
            </div>
            {alerts.value?.items.length === 0 ? (
              <Empty>{t("alerts.none")}</Empty>
            ) : (
              <ul class="rows">
                {alerts.value?.items.slice(0, 6).map((alert) => (
                  <AlertLine key={alert.id} alert={alert} />
                ))}
              </ul>
            )}
          </Card>
        </div>
      </div>
    </>
  );
}

function ProblemLine({ problem }: { problem: Problem }) {
  const { kind, severity, name, link, text, n, since, next } = problem;
  const title = t(`problem.${kind}`, { n: n ?? 0 });
  const said = kind === "camera_picture" && text ? word("fault", text) : text;
  return (
    <li>
      <a class="problem" href={link}>
        <span class={`bar ${severity}`} aria-hidden="true" />
        <span class="sr">{word("severity", severity)}:</span>
        <div>
          <p>
            <strong>{name}</strong> <span class="muted">{title}</span>
          </p>
          {said && <p class="said-by-site">{said}</p>}
          {(since !== undefined || next !== undefined) && (
            <p class="muted small">
              {since !== undefined && (
                <>
                  {t("since")} <Time at={since} />
                </>
              )}
              {next !== undefined && (
                <>
                  {" · "}
                  {t("next_try")} <Time at={next} />
                </>
              )}
            </p>
          )}
        </div>
        <Icon name="right" size={16} />
      </a>
    </li>
  );
}

function Numbers({ status, lastDay }: { status: Status; lastDay?: Page<Alert> | undefined }) {
  const enabled = status.cameras.filter((camera) => camera.enabled);
  const live = enabled.filter((camera) => camera.status.state === "live").length;
  const waiting = status.uploaders.reduce((sum, uploader) => sum + uploader.waiting, 0);
  const inferences = status.models.reduce((sum, model) => sum + model.inferences, 0);
  const busiest = [...status.models].sort((a, b) => b.inferences - a.inferences)[0];
  const alerts = lastDay ? (lastDay.next ? `${whole(lastDay.items.length)}+` : whole(lastDay.items.length)) : "…";
  return (
    <ul class="numbers">
      <li>
        <a href="/cameras">
          <b class={live < enabled.length ? "tone-critical" : undefined}>
            {whole(live)}
            <small>/{whole(enabled.length)}</small>
          </b>
          <span>{t("overview.cameras")}</span>
        </a>
      </li>
      <li>
        <a href="/alerts">
          <b>{alerts}</b>
          <span>{t("overview.alerts")}</span>
        </a>
      </li>
      <li>
        <a href="/models" title={count("overview.looks", inferences)}>
          <b>{busiest ? duration((busiest.inference_ms + busiest.wait_ms) / 1000) : "–"}</b>
          <span>{t("overview.look")}</span>
        </a>
      </li>
      <li>
        <a href="/uploads">
          <b class={waiting > 100 ? "tone-warning" : undefined}>{compact(waiting)}</b>
          <span>{t("overview.waiting")}</span>
        </a>
      </li>
      <li>
        <a href="/performance">
          <b>{bytes(status.store.disk_bytes)}</b>
          <span>{t("overview.store")}</span>
        </a>
      </li>
      <li>
        <a href="/errors">
          <b>{compact(status.store.errors)}</b>
          <span>{t("overview.errors")}</span>
        </a>
      </li>
    </ul>
  );
}
