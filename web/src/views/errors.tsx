/** The error journal: what failed, grouped by who failed and how, last seen first. */

import { useEffect, useState } from "preact/hooks";
import { ApiError, get } from "../api/client";
import type { ErrorRecord, Page } from "../api/types";
import { compact } from "../format";
import { count, t, word } from "../i18n";
import { go, usePlace, withQuery } from "../router";
import { Badge, Choice, Empty, Head, Loading, Time, Trouble } from "../ui/parts";

const PAGE = 200;

interface Group {
  key: string;
  actor: string;
  kind: string;
  count: number;
  last: string;
  records: ErrorRecord[];
}

/** Records of one actor and one kind together, in the order of the newest of each. */
export function groupsOf(records: ErrorRecord[]): Group[] {
  const groups = new Map<string, Group>();
  for (const record of records) {
    const key = `${record.actor}\n${record.kind}`;
    const group = groups.get(key) ?? { key, actor: record.actor, kind: record.kind, count: 0, last: record.last, records: [] };
    group.count += record.count;
    group.records.push(record);
    groups.set(key, group);
  }
  return [...groups.values()];
}

export function Errors() {
  const { query } = usePlace();
  const actor = query.get("actor") ?? "";
  const grouped = query.get("list") !== "1";
  const list = useRecords(actor);
  const { items } = list;
  const groups = groupsOf(items);
  const parts = ["", "cameras", "models", "rules", "streams", "uploaders", "bus", "store", "alerts"];
  return (
    <>
      <Head title={t("nav.errors")} sub={t("errors.sub")}>
        <select aria-label={t("errors.of")} value={actor} onChange={(event) => go(withQuery({ actor: event.currentTarget.value }), true)}>
          {!parts.includes(actor) && <option value={actor}>{actor}</option>}
          {parts.map((part) => (
            <option key={part} value={part}>{part ? word("part", part) : t("errors.all")}</option>
          ))}
        </select>
        <Choice label={t("errors.form")} value={grouped ? "group" : "list"} options={[["group", t("errors.grouped")], ["list", t("errors.list")]]}
          onChange={(form) => go(withQuery({ list: form === "list" ? "1" : null }), true)} />
      </Head>
      {list.error && <Trouble error={list.error} />}
      {!list.known && !list.error && <Loading />}
      {list.known && items.length === 0 && <Empty good>{t("errors.none")}</Empty>}
      <ul class="rows card flush">
        {grouped
          ? groups.map((group) => <GroupLine key={group.key} group={group} />)
          : items.map((record) => <ErrorLine key={record.id} record={record} />)}
      </ul>
      {list.next && <button type="button" class="more-button" onClick={list.more}>{t("more")}</button>}
    </>
  );
}

function useRecords(actor: string) {
  const [items, setItems] = useState<ErrorRecord[]>([]);
  const [next, setNext] = useState<string | null>(null);
  const [known, setKnown] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const ask = (after?: string) =>
    get<Page<ErrorRecord>>("errors", { actor, limit: PAGE, after }).then(
      (page) => {
        setError(null);
        setKnown(true);
        setNext(page.next ?? null);
        setItems((before) => (after ? [...before, ...page.items] : page.items));
      },
      (error: ApiError) => setError(error),
    );
  useEffect(() => {
    setItems([]);
    setKnown(false);
    void ask();
    // Only the first page changes; who has paged on is left to read.
    const interval = setInterval(() => !document.hidden && setItems((items) => (items.length <= PAGE && void ask(), items)), 5_000);
    return () => clearInterval(interval);
  }, [actor]);
  return { items, next, known, error, more: () => next && ask(next) };
}

function GroupLine({ group }: { group: Group }) {
  const [first] = group.records;
  if (!first) return null;
  return (
    <li>
      <details class="error-group">
        <summary>
          <span class="error-count">{compact(group.count)}×</span>
          <div class="grow">
            <p>
              <strong>{group.actor}</strong> <Badge tone="quiet">{word("failure", group.kind)}</Badge>
            </p>
            <p class="said-by-site">{first.text}</p>
          </div>
          <span class="muted small"><Time at={group.last} relative /></span>
        </summary>
        <ul class="rows inner">
          {group.records.map((record) => (
            <ErrorLine key={record.id} record={record} brief />
          ))}
        </ul>
      </details>
    </li>
  );
}

export function ErrorLine({ record, brief }: { record: ErrorRecord; brief?: boolean }) {
  return (
    <li class="row error-line">
      <div class="grow">
        {!brief && (
          <p>
            <strong>{record.actor}</strong> <Badge tone="quiet">{word("failure", record.kind)}</Badge>
          </p>
        )}
        <p class="said-by-site">{record.text}</p>
        <p class="muted small">
          <Time at={record.last} />
          {record.count > 1 && <> · {count("times", record.count)} {t("since")} <Time at={record.first} /></>}
          {record.trace_id && <> · <code>{record.trace_id}</code></>}
        </p>
      </div>
    </li>
  );
}
