/** Numbers, times and sizes as people read them, in the reader's language and time zone. */

import { locale, t } from "./i18n";

const number = (options: Intl.NumberFormatOptions) => new Intl.NumberFormat(locale(), options);

export const whole = (value: number) => number({ maximumFractionDigits: 0 }).format(value);
export const decimal = (value: number, digits = 1) => number({ maximumFractionDigits: digits }).format(value);
export const percent = (value: number) => number({ style: "percent", maximumFractionDigits: 0 }).format(value);
export const compact = (value: number) =>
  value < 10_000 ? whole(value) : number({ notation: "compact", maximumFractionDigits: 1 }).format(value);

export function bytes(value: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  let at = 0;
  while (value >= 1000 && at < units.length - 1) {
    value /= 1000;
    at += 1;
  }
  return number({ style: "unit", unit: units[at], unitDisplay: "short", maximumFractionDigits: value < 10 && at > 0 ? 1 : 0 }).format(value);
}

/** A length of time, short: 340 µs, 12 ms, 3.4 s, 5 min, 2 h, 3 d. */
export function duration(seconds: number): string {
  if (seconds < 0.001) return `${whole(seconds * 1e6)} µs`;
  const [value, unit, digits]: [number, string, number] =
    seconds < 1 ? [seconds * 1e3, "millisecond", seconds < 0.01 ? 1 : 0]
    : seconds < 60 ? [seconds, "second", seconds < 10 ? 1 : 0]
    : seconds < 3600 ? [seconds / 60, "minute", 0]
    : seconds < 86_400 ? [seconds / 3600, "hour", 0]
    : [seconds / 86_400, "day", 0];
  return number({ style: "unit", unit, unitDisplay: "short", maximumFractionDigits: digits }).format(value);
}

export const clock = (at: Date | string | number) =>
  new Intl.DateTimeFormat(locale(), { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(new Date(at));

export const shortClock = (at: Date | string | number) =>
  new Intl.DateTimeFormat(locale(), { hour: "2-digit", minute: "2-digit" }).format(new Date(at));

/** Date and time with the zone, for titles. */
export const full = (at: Date | string | number) =>
  new Intl.DateTimeFormat(locale(), { dateStyle: "full", timeStyle: "long" }).format(new Date(at));

export const day = (at: Date | string | number) =>
  new Intl.DateTimeFormat(locale(), { weekday: "short", day: "numeric", month: "short" }).format(new Date(at));

const isToday = (at: Date) => at.toDateString() === new Date().toDateString();

/** The time today, else the day with it. */
export function moment(at: Date | string | number): string {
  const date = new Date(at);
  return isToday(date) ? clock(date) : `${day(date)}, ${shortClock(date)}`;
}

/** How long ago, in words: "12 seconds ago". */
export function ago(at: Date | string | number): string {
  const seconds = (Date.now() - new Date(at).getTime()) / 1000;
  if (Math.abs(seconds) < 2) return t("time.now");
  const words = new Intl.RelativeTimeFormat(locale(), { numeric: "always", style: "short" });
  const [value, unit]: [number, Intl.RelativeTimeFormatUnit] =
    Math.abs(seconds) < 60 ? [seconds, "second"]
    : Math.abs(seconds) < 3600 ? [seconds / 60, "minute"]
    : Math.abs(seconds) < 86_400 ? [seconds / 3600, "hour"]
    : [seconds / 86_400, "day"];
  return words.format(-Math.round(value), unit);
}
