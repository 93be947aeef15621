/** How many alerts there were over time, as columns, the worst at the bottom. Pointing at a column tells its time and its number. */

import type { Alert, Severity } from "../api/types";
import { moment, shortClock } from "../format";
import { count, t } from "../i18n";

const ORDER: Severity[] = ["critical", "warning", "info"];

export interface Bucket {
  from: number;
  to: number;
  counts: Record<Severity, number>;
}

/** Alerts by time; those outside are left out. */
export function bucketsOf(alerts: Pick<Alert, "ts" | "severity">[], from: number, to: number, n: number): Bucket[] {
  const width = (to - from) / n;
  const buckets = Array.from({ length: n }, (_, at) => ({
    from: from + at * width,
    to: from + (at + 1) * width,
    counts: { critical: 0, warning: 0, info: 0 },
  }));
  for (const alert of alerts) {
    const bucket = buckets[Math.floor((Date.parse(alert.ts) - from) / width)];
    if (bucket) bucket.counts[alert.severity] += 1;
  }
  return buckets;
}

export function Timeline({ alerts, from, to, buckets: n, onPick }: {
  alerts: Alert[];
  from: number;
  to: number;
  buckets: number;
  onPick?: (bucket: Bucket) => void;
}) {
  const buckets = bucketsOf(alerts, from, to, n);
  const sum = (bucket: Bucket) => ORDER.reduce((all, severity) => all + bucket.counts[severity], 0);
  const most = Math.max(1, ...buckets.map(sum));
  const all = buckets.reduce((total, bucket) => total + sum(bucket), 0);
  return (
    <figure class="timeline">
      <svg viewBox={`0 0 ${n * 10} 60`} preserveAspectRatio="none" role="img" aria-label={count("timeline", all)}>
        <line class="axis" x1="0" y1="59.5" x2={n * 10} y2="59.5" />
        {buckets.map((bucket, at) => {
          let y = 59;
          const total = sum(bucket);
          return (
            <g key={at} class={onPick && total ? "pick" : undefined} onClick={() => total && onPick?.(bucket)}>
              <title>{`${moment(bucket.from)} – ${shortClock(bucket.to)}: ${count("alerts", total)}`}</title>
              <rect class="hit" x={at * 10} y="0" width="10" height="60" />
              {ORDER.map((severity) => {
                const height = (bucket.counts[severity] / most) * 54;
                y -= height;
                return height ? <rect key={severity} class={severity} x={at * 10 + 1} y={y} width="8" height={height} rx="1" /> : null;
              })}
            </g>
          );
        })}
      </svg>
      <figcaption class="muted small">
        <span>{moment(from)}</span>
        <span>{to >= Date.now() - 60_000 ? t("time.now") : moment(to)}</span>
      </figcaption>
    </figure>
  );
}
