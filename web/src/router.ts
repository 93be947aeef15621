/** Where the page is: its path and its query. Filters live in the query, so an address can be sent to somebody. */

import { Store, useStore } from "./store";

export interface Place {
  path: string;
  query: URLSearchParams;
}

function here(): Place {
  return { path: location.pathname.replace(/\/+$/, "") || "/", query: new URLSearchParams(location.search) };
}

const place = new Store<Place>(here());

export const usePlace = () => useStore(place);

/** Goes somewhere in the page. `replace` leaves no step to go back to. */
export function go(to: string, replace = false): void {
  if (to === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", to);
  place.set(here());
}

/** The same path with some values of the query changed; what is empty is taken out. */
export function withQuery(changes: Record<string, string | undefined | null>): string {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  const text = query.toString();
  return location.pathname + (text ? `?${text}` : "");
}

export function startRouter(): void {
  addEventListener("popstate", () => place.set(here()));
  // Links are ordinary ones; those that lead within the page need no load.
  document.addEventListener("click", (event) => {
    const link = (event.target as Element | null)?.closest?.("a");
    if (!link || event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (link.pathname.startsWith("/api/") || link.pathname === "/metrics") return;
    event.preventDefault();
    const samePath = link.pathname === location.pathname;
    go(link.pathname + link.search);
    if (!samePath && !link.hasAttribute("data-stay")) scrollTo(0, 0);
  });
}

/** Matches `/cameras/:id`; the values of its parts, or null. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split("/");
  const parts = path.split("/");
  if (wanted.length !== parts.length) return null;
  const values: Record<string, string> = {};
  for (const [at, part] of wanted.entries()) {
    const value = parts[at] ?? "";
    if (part.startsWith(":")) values[part.slice(1)] = decodeURIComponent(value);
    else if (part !== value) return null;
  }
  return values;
}
