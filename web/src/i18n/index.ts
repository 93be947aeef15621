/**
 * Texts in the reader's language. English is part of the page, the others are loaded when they are wanted.
 *
 * To add a language: copy `messages/en.json`, translate it, and name it in {@link LANGUAGES}. The compiler tells which texts are missing.
 */

import en from "../messages/en.json";
import { KeptStore, Store } from "../store";

export type Key = keyof typeof en;
export type Messages = Record<Key, string>;

export const LANGUAGES: Record<string, { name: string; load: () => Promise<Messages> }> = {
  en: { name: "English", load: async () => en },
  de: { name: "Deutsch", load: async () => (await import("../messages/de.json")).default },
  es: { name: "Español", load: async () => (await import("../messages/es.json")).default },
};

/** What the reader chose; empty: what the browser says. */
export const chosenLanguage = new KeptStore("parapet.language", "");

let messages: Messages = en;

/** The language that is shown. */
export const language = new Store<string>("en");

function wanted(): string {
  const candidates = [chosenLanguage.get(), ...navigator.languages];
  for (const candidate of candidates) {
    const code = candidate.toLowerCase().split("-")[0] ?? "";
    if (code in LANGUAGES) return code;
  }
  return "en";
}

async function load(): Promise<void> {
  const code = wanted();
  try {
    messages = (await LANGUAGES[code]?.load()) ?? en;
  } catch {
    messages = en;
  }
  document.documentElement.lang = messages === en ? "en" : code;
  language.set(code);
}

export function startLanguage(): Promise<void> {
  chosenLanguage.subscribe(() => void load());
  return load();
}

/** Tags for Intl: the reader's own region where the language fits, so that dates look as they are used to. */
export function locale(): string {
  const own = navigator.languages.find((tag) => tag.toLowerCase().startsWith(language.get()));
  return own ?? language.get();
}

type Values = Record<string, string | number>;

function fill(text: string, values: Values): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? new Intl.NumberFormat(locale()).format(value) : value;
  });
}

/** A text, with `{name}` filled in. */
export function t(key: Key, values: Values = {}): string {
  return fill(messages[key] ?? en[key], values);
}

/** A text that depends on how many there are: the keys end in `.one` and `.other`, and `{n}` is the number. */
export function count(key: string, n: number, values: Values = {}): string {
  const form = new Intl.PluralRules(locale()).select(n) === "one" ? "one" : "other";
  return t(`${key}.${form}` as Key, { n, ...values });
}

/** The text for a word of the API, such as a state; the word itself when there is none. */
export function word(kind: string, value: string): string {
  return messages[`${kind}.${value}` as Key] ?? value.replaceAll("_", " ");
}
