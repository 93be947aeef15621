/** Alerts: a timeline and a list that updates itself, filters in the address, and beside it the one that is looked at. */

import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, get } from "../api/client";
import { onLive } from "../api/live";
import { useAnswer, useStatus } from "../api/site";
import type { Alert, Page } from "../api/types";
import { count, t, word } from "../i18n";
import { go, usePlace, withQuery } from "../router";
import { AlertDetail } from "./alert";
import { AlertLine } from "./alert_line";
import { Timeline } from "./timeline";
import { Icon } from "../ui/icons";
import { Empty, Head, Loading, Trouble } from "../ui/parts";

const PAGE = 50;
const RANGES: Record<string, number> = { "1h": 3_600_000, "24h": 86_400_000, "7d": 7 * 86_400_000, "30d": 30 * 86_400_000 };
const FILTERS = ["severity", "state", "camera", "rule", "label", "q"] as const;

export function Alerts({ id }: { id?: string }) {
  const { query } = usePlace();
  const list = useList(query);
  const { items } = list;
  const search = query.toString() ? `?${query}` : "";
  const at = items.findIndex((alert) => alert.id === id);
  const to = (step: number) => {
    const next = at < 0 ? items[0] : items[at + step];
    if (next) go(`/alerts/${next.id}${search}`, id !== undefined);
  };
  useKeys({ j: () => to(1), k: () => to(-1), Escape: () => id && go(`/alerts${search}`) });
  const range = rangeOf(query);
  return (
    <div class={id ? "split open" : "split"}>
      <div class="split-list">
        <Head title={t("nav.alerts")} sub={list.value === null ? "…" : list.next ? t("alerts.more_than", { n: items.length }) : count("alerts", items.length)} />
        <Filters query={query} />
        <div class="timeline-band">
          <Timeline alerts={list.sample} from={range.from} to={range.to} buckets={60}
            onPick={(bucket) => go(withQuery({ range: null, since: new Date(bucket.from).toISOString(), until: new Date(bucket.to).toISOString() }))} />
        </div>
        {list.error && <Trouble error={list.error} />}
        {list.value === null && !list.error && <Loading />}
        {list.value !== null && items.length === 0 && <Empty>{t("alerts.none")}</Empty>}
        <ul class="rows card flush" aria-label={t("nav.alerts")}>
          {items.map((alert) => (
            <AlertLine key={alert.id} alert={alert} href={`/alerts/${alert.id}${search}`} current={alert.id === id} />
          ))}
        </ul>
        {list.next && (
          <button type="button" class="more-button" disabled={list.asking} onClick={list.more}>{t("more")}</button>
        )}
      </div>
      {id && (
        <aside class="split-detail" aria-label={t("alert.title")}>
          <AlertDetail key={id} id={id} close={`/alerts${search}`} changed={list.again} />
        </aside>
      )}
    </div>
  );
}

function rangeOf(query: URLSearchParams): { from: number; to: number } {
  const since = query.get("since");
  const until = query.get("until");
  const to = until ? Date.parse(until) : Date.now();
  return { from: since ? Date.parse(since) : to - (RANGES[query.get("range") ?? "24h"] ?? RANGES["24h"]!), to };
}

/** The pages that were asked for so far; the newest is asked for again when something happened. */
function useList(query: URLSearchParams) {
  const [pages, setPages] = useState<Alert[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [asking, setAsking] = useState(false);
  const [turn, setTurn] = useState(0);
  const filter = Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? undefined]));
  const range = query.get("range") ?? (query.has("since") ? "" : "24h");
  const key = JSON.stringify([filter, range, query.get("since"), query.get("until")]);
  const bounds = () => {
    const { from, to } = rangeOf(query);
    return { since: new Date(from).toISOString(), until: query.has("until") ? new Date(to).toISOString() : undefined };
  };
  const shown = useRef<string>("");
  useEffect(() => {
    const stop = new AbortController();
    const isNew = shown.current !== key;
    shown.current = key;
    if (isNew) setPages(null);
    get<Page<Alert>>("alerts", { ...filter, ...bounds(), limit: PAGE }, stop.signal).then(
      (page) => {
        setError(null);
        setPages((before) => {
          const fresh = new Set(page.items.map((alert) => alert.id));
          const oldest = page.items.at(-1)?.id ?? "";
          // What was paged to stays; ids grow with time.
          const rest = isNew || !before || !page.next ? [] : before.filter((alert) => !fresh.has(alert.id) && alert.id < oldest);
          if (rest.length === 0) setNext(page.next ?? null);
          return [...page.items, ...rest];
        });
      },
      (error) => !stop.signal.aborted && setError(error),
    );
    return () => stop.abort();
  }, [key, turn]);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = onLive((event) => {
      if (event.kind === "detection" || event.kind === "status") return;
      clearTimeout(timer);
      timer = setTimeout(() => setTurn((turn) => turn + 1), 300);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, []);
  // The timeline is of more than the first page.
  const sample = useAnswer<Page<Alert>>("alerts", { ...filter, ...roundedBounds(bounds()), limit: 500 }, 30_000);
  const more = () => {
    if (!next) return;
    setAsking(true);
    get<Page<Alert>>("alerts", { ...filter, ...bounds(), limit: PAGE, after: next }).then(
      (page) => {
        setPages((before) => [...(before ?? []), ...page.items]);
        setNext(page.next ?? null);
        setAsking(false);
      },
      (error) => {
        setError(error);
        setAsking(false);
      },
    );
  };
  const again = () => setTurn((turn) => turn + 1);
  return { items: pages ?? [], value: pages, next, error, asking, more, again, sample: sample.value?.items ?? pages ?? [] };
}

/** Bounds that do not change with each drawing. */
function roundedBounds(bounds: { since: string; until?: string | undefined }) {
  return { ...bounds, since: new Date(Math.floor(Date.parse(bounds.since) / 60_000) * 60_000).toISOString() };
}

function Filters({ query }: { query: URLSearchParams }) {
  const { value: status } = useStatus();
  const field = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState(query.get("q") ?? "");
  useEffect(() => setTyped(query.get("q") ?? ""), [query.get("q")]);
  useEffect(() => {
    const timer = setTimeout(() => typed !== (query.get("q") ?? "") && go(withQuery({ q: typed }), true), 350);
    return () => clearTimeout(timer);
  }, [typed]);
  useKeys({ "/": () => field.current?.focus() });
  const pick = (name: string) => (event: { currentTarget: HTMLSelectElement }) => go(withQuery({ [name]: event.currentTarget.value }), true);
  const chosen = FILTERS.some((name) => query.get(name)) || query.has("since") || query.has("until");
  const range = query.has("since") ? "" : (query.get("range") ?? "24h");
  return (
    <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
      <label class="search">
        <Icon name="search" size={16} />
        <span class="sr">{t("alerts.search")}</span>
        <input ref={field} type="search" placeholder={t("alerts.search")} value={typed} onInput={(event) => setTyped(event.currentTarget.value)} />
      </label>
      <div class="filter-row">
        <select aria-label={t("filter.range")} value={range} onChange={(event) => go(withQuery({ range: event.currentTarget.value, since: null, until: null }), true)}>
          {range === "" && <option value="">{t("filter.range.own")}</option>}
          {Object.keys(RANGES).map((range) => (
            <option key={range} value={range}>{word("range", range)}</option>
          ))}
        </select>
        <select aria-label={t("filter.severity")} value={query.get("severity") ?? ""} onChange={pick("severity")}>
          <option value="">{t("filter.severity.all")}</option>
          <option value="warning">{t("filter.severity.warning")}</option>
          <option value="critical">{t("filter.severity.critical")}</option>
        </select>
        <select aria-label={t("filter.state")} value={query.get("state") ?? ""} onChange={pick("state")}>
          <option value="">{t("filter.state.all")}</option>
          {["raised", "acknowledged", "resolved"].map((state) => (
            <option key={state} value={state}>{word("state", state)}</option>
          ))}
        </select>
        <select aria-label={t("filter.camera")} value={query.get("camera") ?? ""} onChange={pick("camera")}>
          <option value="">{t("filter.camera.all")}</option>
          {status?.cameras.map((camera) => (
            <option key={camera.id} value={camera.id}>{camera.name}</option>
          ))}
        </select>
        <select aria-label={t("filter.rule")} value={query.get("rule") ?? ""} onChange={pick("rule")}>
          <option value="">{t("filter.rule.all")}</option>
          {status?.rules.map((rule) => (
            <option key={rule.id} value={rule.id}>{rule.name}</option>
          ))}
        </select>
      </div>
      {chosen && (
        <a class="button plain" href="/alerts">
          <Icon name="close" size={14} /> {t("filter.clear")}
        </a>
      )}
    </form>
  );
}

/** Keys that do something while nobody writes. */
export function useKeys(keys: Record<string, () => unknown>): void {
  const current = useRef(keys);
  current.current = keys;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      const writes = target.matches?.("input:not([type=checkbox]), textarea, select, [contenteditable]");
      if (event.ctrlKey || event.metaKey || event.altKey || (writes && event.key !== "Escape")) return;
      // What lies above the page has the keys for itself.
      if (document.querySelector("dialog[open]")) return;
      const act = current.current[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}
