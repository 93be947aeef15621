/** Small parts that all views are made of. */

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { ApiError } from "../api/client";
import type { Severity } from "../api/types";
import { ago, full, moment } from "../format";
import { t, word } from "../i18n";
import { Icon } from "./icons";

/** A colour with a meaning; the text beside it says the same. */
export type Tone = "ok" | "info" | "warning" | "critical" | "quiet";

export function Badge({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return <span class={`badge ${tone}`}>{children}</span>;
}

export function Dot({ tone }: { tone: Tone }) {
  return <span class={`dot ${tone}`} aria-hidden="true" />;
}

export function SeverityBadge({ severity }: { severity: Severity }) {
  return <Badge tone={severity}>{word("severity", severity)}</Badge>;
}

/** The title of a view, and what can be done in it. */
export function Head({ title, sub, children }: { title: string; sub?: ComponentChildren; children?: ComponentChildren }) {
  useEffect(() => {
    document.title = `${title} · Parapet`;
  }, [title]);
  return (
    <header class="head">
      <div>
        <h1>{title}</h1>
        {sub && <p class="muted">{sub}</p>}
      </div>
      {children && <div class="head-tools">{children}</div>}
    </header>
  );
}

export function Card({ title, tools, children, flush }: { title?: string; tools?: ComponentChildren; children: ComponentChildren; flush?: boolean }) {
  return (
    <section class={flush ? "card flush" : "card"}>
      {(title || tools) && (
        <div class="card-head">
          {title && <h2>{title}</h2>}
          {tools}
        </div>
      )}
      {children}
    </section>
  );
}

export interface Figure {
  label: string;
  value: ComponentChildren;
  tone?: Tone;
  title?: string;
}

/** Names and values, side by side. */
export function Figures({ items }: { items: (Figure | false | null | undefined)[] }) {
  return (
    <dl class="figures">
      {items.map((item) =>
        item ? (
          <div key={item.label} title={item.title}>
            <dt>{item.label}</dt>
            <dd class={item.tone ? `tone-${item.tone}` : undefined}>{item.value}</dd>
          </div>
        ) : null,
      )}
    </dl>
  );
}

export function Empty({ children, good }: { children: ComponentChildren; good?: boolean }) {
  return (
    <div class={good ? "empty good" : "empty"}>
      {good && <Icon name="check" size={22} />}
      <p>{children}</p>
    </div>
  );
}

export function Trouble({ error }: { error: ApiError }) {
  return (
    <div class="trouble" role="alert">
      <Icon name="errors" />
      <p>{error.status === 0 ? t("error.unreachable") : error.message}</p>
    </div>
  );
}

export function Loading() {
  return (
    <div class="loading" role="status">
      <span class="sr">{t("loading")}</span>
    </div>
  );
}

/** What may be wider than the screen: it scrolls by itself, with the keyboard, too. */
export function Wide({ label, card, children }: { label: string; card?: boolean; children: ComponentChildren }) {
  return (
    <div class={card ? "card flush scroll" : "scroll"} role="region" aria-label={label} tabIndex={0}>
      {children}
    </div>
  );
}

/** A time: short, with the whole of it when pointed at. */
export function Time({ at, relative }: { at: string | number; relative?: boolean }) {
  const [, tick] = useState(0);
  useEffect(() => {
    if (!relative) return;
    const interval = setInterval(() => tick((n) => n + 1), 10_000);
    return () => clearInterval(interval);
  }, [relative]);
  return (
    <time dateTime={new Date(at).toISOString()} title={full(at)}>
      {relative ? ago(at) : moment(at)}
    </time>
  );
}

/** A share between 0 and 1, drawn. */
export function Meter({ value, tone = "info", label }: { value: number; tone?: Tone; label: string }) {
  const share = Math.max(0, Math.min(1, value));
  return (
    <svg class={`meter ${tone}`} viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={label}>
      <rect class="track" width="100" height="6" rx="3" />
      <rect class="fill" width={share * 100} height="6" rx="3" />
    </svg>
  );
}

/** One of several, as buttons side by side. */
export function Choice<T extends string>({ label, value, options, onChange }: {
  label: string;
  value: T;
  options: [T, string][];
  onChange: (value: T) => void;
}) {
  return (
    <div class="choice" role="group" aria-label={label}>
      {options.map(([option, text]) => (
        <button type="button" key={option} aria-pressed={option === value} onClick={() => onChange(option)}>
          {text}
        </button>
      ))}
    </div>
  );
}

/** Says what was done or went wrong, to readers' ears as well. */
export function Said({ text, tone = "ok" }: { text: string | null; tone?: Tone }) {
  return (
    <p class={`said tone-${tone}`} role="status">
      {text}
    </p>
  );
}
