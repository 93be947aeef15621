/** What stands around every view: where one can go, how the site is, and the reader's own settings. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { connected } from "../api/live";
import { useStatus } from "../api/site";
import { whole } from "../format";
import { LANGUAGES, chosenLanguage, language, t, type Key } from "../i18n";
import { problemsOf } from "../problems";
import { usePlace } from "../router";
import { KeptStore, useStore } from "../store";
import { Icon, type IconName } from "./icons";
import { Dot } from "./parts";

interface Entry {
  path: string;
  icon: IconName;
  text: Key;
  /** Stays in the bar of a phone. */
  first?: boolean;
}

export const ENTRIES: Entry[] = [
  { path: "/", icon: "overview", text: "nav.overview", first: true },
  { path: "/alerts", icon: "alerts", text: "nav.alerts", first: true },
  { path: "/cameras", icon: "cameras", text: "nav.cameras", first: true },
  { path: "/rules", icon: "rules", text: "nav.rules" },
  { path: "/models", icon: "models", text: "nav.models" },
  { path: "/uploads", icon: "uploads", text: "nav.uploads" },
  { path: "/errors", icon: "errors", text: "nav.errors", first: true },
  { path: "/tree", icon: "tree", text: "nav.tree" },
  { path: "/performance", icon: "performance", text: "nav.performance" },
];

/** `light`, `dark`, or empty: what the system says. */
const theme = new KeptStore("parapet.theme", "");

export function startTheme(): void {
  const show = () => {
    const chosen = theme.get();
    if (chosen) document.documentElement.dataset.theme = chosen;
    else delete document.documentElement.dataset.theme;
  };
  theme.subscribe(show);
  show();
}

export function Shell({ children }: { children: ComponentChildren }) {
  const { path, query } = usePlace();
  const [open, setOpen] = useState(false);
  useEffect(() => setOpen(false), [path]);
  if (query.has("wall")) return <main id="main" class="wall-only">{children}</main>;
  return (
    <div class="shell">
      <a class="skip" href="#main">{t("nav.skip")}</a>
      <Navigation path={path} open={open} toggle={() => setOpen(!open)} />
      <div class="content">
        <Away />
        <main id="main" tabIndex={-1}>{children}</main>
      </div>
    </div>
  );
}

function isAt(entry: Entry, path: string): boolean {
  return entry.path === "/" ? path === "/" : path === entry.path || path.startsWith(`${entry.path}/`);
}

function Navigation({ path, open, toggle }: { path: string; open: boolean; toggle: () => void }) {
  const { value } = useStatus();
  const wrong = value ? problemsOf(value).length : 0;
  return (
    <nav class={open ? "nav open" : "nav"} aria-label={t("nav.label")}>
      <div class="brand">
        <svg width="26" height="26" viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="7" class="brand-field" />
          <path d="M6 24V11h4v4h4v-4h4v4h4v-4h4v13z" class="brand-mark" />
        </svg>
        <div>
          <strong>Parapet</strong>
          <span class="muted">{value?.site.id ?? "…"}</span>
        </div>
      </div>
      <ul>
        {ENTRIES.map((entry) => (
          <li key={entry.path} class={entry.first ? "first" : undefined}>
            <a href={entry.path} aria-current={isAt(entry, path) ? "page" : undefined}>
              <Icon name={entry.icon} />
              <span>{t(entry.text)}</span>
              {entry.path === "/" && wrong > 0 && (
                <b class="count">
                  {whole(wrong)}
                  <span class="sr"> {t("nav.problems")}</span>
                </b>
              )}
            </a>
          </li>
        ))}
        <li class="more">
          <button type="button" aria-expanded={open} onClick={toggle}>
            <Icon name="more" />
            <span>{t("nav.more")}</span>
          </button>
        </li>
      </ul>
      <Settings />
    </nav>
  );
}

function Settings() {
  const { value } = useStatus();
  const isLive = useStore(connected);
  const chosen = useStore(theme);
  const shown = useStore(language);
  return (
    <div class="settings">
      <label>
        <span class="sr">{t("settings.language")}</span>
        <select value={shown} onChange={(event) => chosenLanguage.set(event.currentTarget.value)}>
          {Object.entries(LANGUAGES).map(([code, { name }]) => (
            <option key={code} value={code}>{name}</option>
          ))}
        </select>
      </label>
      <label>
        <span class="sr">{t("settings.theme")}</span>
        <select value={chosen} onChange={(event) => theme.set(event.currentTarget.value)}>
          <option value="">{t("settings.theme.system")}</option>
          <option value="light">{t("settings.theme.light")}</option>
          <option value="dark">{t("settings.theme.dark")}</option>
        </select>
      </label>
      <p class="muted connection" title={t(isLive ? "live.on.long" : "live.off.long")}>
        <Dot tone={isLive ? "ok" : "quiet"} /> {t(isLive ? "live.on" : "live.off")}
        {value && <span> · {value.site.version}</span>}
      </p>
    </div>
  );
}

/** Says for as long as the site does not answer that what is shown is old. */
function Away() {
  const { error, at } = useStatus();
  const since = useRef<number | undefined>(undefined);
  if (error) since.current ??= at ?? Date.now();
  else since.current = undefined;
  if (!error) return null;
  return (
    <div class="away" role="alert">
      <Icon name="errors" /> {t(error.status === 0 ? "error.unreachable" : "error.answers")}
      {error.status !== 0 && ` ${error.message}`}
    </div>
  );
}
