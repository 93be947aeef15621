/** How long each step takes: percentiles since the start, and the shape of each distribution. */

import { useAnswer, useStatus } from "../api/site";
import type { Step } from "../api/types";
import { bytes, compact, duration, whole } from "../format";
import { t, word } from "../i18n";
import { Card, Empty, Figures, Head, Loading, Trouble, Wide } from "../ui/parts";

export function Performance() {
  const { value: steps, error } = useAnswer<Step[]>("performance", {}, 5_000);
  const { value: status } = useStatus();
  const decoding = status?.cameras.filter((camera) => camera.status.frames_in > 0) ?? [];
  const slowest = Math.max(1, ...decoding.map((camera) => camera.status.decode_ms));
  return (
    <>
      <Head title={t("nav.performance")} sub={t("performance.sub")} />
      {error && <Trouble error={error} />}
      {!steps && !error && <Loading />}
      {steps && (
        <Wide label={t("nav.performance")} card>
          {steps.length === 0 ? <Empty>{t("performance.none")}</Empty> : <Steps steps={steps} />}
        </Wide>
      )}
      <div class="columns">
        <Card title={t("performance.decoding")} flush>
          <ul class="rows">
            {decoding.map((camera) => (
              <li key={camera.id} class="row">
                <span class="grow">{camera.name}</span>
                <svg class="meter info short" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
                  <rect class="track" width="100" height="6" rx="3" />
                  <rect class="fill" width={(camera.status.decode_ms / slowest) * 100} height="6" rx="3" />
                </svg>
                <span class="number fixed">{duration(camera.status.decode_ms / 1000)}</span>
              </li>
            ))}
          </ul>
        </Card>
        {status && (
          <Card title={t("performance.store")}>
            <Figures
              items={[
                { label: t("store.size"), value: bytes(status.store.disk_bytes) },
                { label: t("store.alerts"), value: compact(status.store.alerts) },
                { label: t("store.events"), value: compact(status.store.events) },
                { label: t("store.errors"), value: compact(status.store.errors) },
              ]}
            />
          </Card>
        )}
      </div>
    </>
  );
}

/** From a tenth of a millisecond to ten seconds. */
const LOW = 1e-4;
const HIGH = 10;
const place = (seconds: number) =>
  (Math.log10(Math.min(HIGH, Math.max(LOW, seconds))) - Math.log10(LOW)) / (Math.log10(HIGH) - Math.log10(LOW));

function Steps({ steps }: { steps: Step[] }) {
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">{t("performance.step")}</th>
          <th scope="col" class="number">{t("performance.count")}</th>
          <th scope="col" class="number">p50</th>
          <th scope="col" class="number">p90</th>
          <th scope="col" class="number">p99</th>
          <th scope="col" class="spread-head">
            <span class="scale" aria-hidden="true">
              {[0.0001, 0.001, 0.01, 0.1, 1, 10].map((seconds) => (
                <span key={seconds}>{duration(seconds)}</span>
              ))}
            </span>
            <span class="sr">{t("performance.spread")}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {steps.map((step) => (
          <tr key={step.step + (step.of ?? "")}>
            <th scope="row">
              {word("perf", step.step)} {step.of && <span class="muted">{step.of}</span>}
            </th>
            <td class="number" title={whole(step.count)}>{compact(step.count)}</td>
            <td class="number">{duration(step.p50_s)}</td>
            <td class="number">{duration(step.p90_s)}</td>
            <td class="number"><b>{duration(step.p99_s)}</b></td>
            <td class="spread"><Spread step={step} /></td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** How many took how long, on a logarithmic scale, with marks at the percentiles. */
function Spread({ step }: { step: Step }) {
  let before = 0;
  let from = LOW;
  const bars = step.bounds.map(([bound, sum]) => {
    const bar = { x: place(from) * 1000, width: (place(bound) - place(from)) * 1000, n: sum - before };
    before = sum;
    from = bound;
    return bar;
  });
  const most = Math.max(1, ...bars.map((bar) => bar.n));
  return (
    <svg viewBox="0 0 1000 34" preserveAspectRatio="none" role="img"
      aria-label={t("performance.spread.of", { p50: duration(step.p50_s), p99: duration(step.p99_s) })}>
      {[1, 2, 3, 4].map((at) => <line key={at} class="grid" x1={at * 200} x2={at * 200} y1="0" y2="34" />)}
      {bars.filter((bar) => bar.n > 0 && bar.width > 0).map((bar) => (
        <rect key={bar.x} class="column" x={bar.x + 1} width={Math.max(2, bar.width - 2)} y={33 - (bar.n / most) * 30} height={(bar.n / most) * 30} />
      ))}
      <line class="p50" x1={place(step.p50_s) * 1000} x2={place(step.p50_s) * 1000} y1="0" y2="34" />
      <line class="p99" x1={place(step.p99_s) * 1000} x2={place(step.p99_s) * 1000} y1="0" y2="34" />
    </svg>
  );
}
