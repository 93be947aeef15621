/** Icons of one line each, drawn on a grid of 20 by 20. They say nothing that a text beside them does not say, too. */

const PATHS = {
  overview: "M3 9.5 10 4l7 5.5V16a1 1 0 0 1-1 1h-3.5v-4.5h-5V17H4a1 1 0 0 1-1-1z",
  cameras: "M3 6.5h10a1 1 0 0 1 1 1v5a1 1 0 0 1-1 1H3a1 1 0 0 1-1-1v-5a1 1 0 0 1 1-1zm11 2.2 4-2v6.6l-4-2",
  alerts: "M10 3a4.5 4.5 0 0 1 4.5 4.5c0 4 1.5 5.5 1.5 5.5H4s1.5-1.5 1.5-5.5A4.5 4.5 0 0 1 10 3zm-1.7 12.5a1.8 1.8 0 0 0 3.4 0",
  rules: "M4 5h6M4 10h4M4 15h8M13.5 3.5v3M13.5 5h2.5M11 8.5v3M11 10h5M15.5 13.5v3",
  models: "M10 2.5 16.5 6v8L10 17.5 3.5 14V6zM3.5 6 10 9.7 16.5 6M10 9.7v7.8",
  uploads: "M10 13V4m0 0L6.5 7.5M10 4l3.5 3.5M4 13v2.5a1 1 0 0 0 1 1h10a1 1 0 0 0 1-1V13",
  errors: "M10 3.2 17.5 16.3h-15zM10 8.5v3.6m0 2.2v.1",
  tree: "M10 3v4m0 0H5v3m5-3h5v3M3.5 10h3v3h-3zM13.5 10h3v3h-3zM8.5 13.5h3v3h-3zM10 7v6.5",
  performance: "M3 16.5h14M5 13.5V9m4 4.5V4.5m4 9V7.5m3.5 6V11",
  more: "M4.5 10h.01M10 10h.01M15.5 10h.01",
  check: "m4.5 10.5 3.5 3.5 7.5-8",
  close: "m5 5 10 10M15 5 5 15",
  search: "M8.7 14.4a5.7 5.7 0 1 0 0-11.4 5.7 5.7 0 0 0 0 11.4zm4.1-1.6 4.2 4.2",
  left: "m12.5 4.5-5.5 5.5 5.5 5.5",
  right: "m7.5 4.5 5.5 5.5-5.5 5.5",
  sun: "M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM10 2v1.5m0 13V18m8-8h-1.5m-13 0H2m13.7-5.7-1.1 1.1m-9.2 9.2-1.1 1.1m11.4 0-1.1-1.1M5.4 5.4 4.3 4.3",
  full: "M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4",
  mute: "M4 8v4h2.5L10 15V5L6.5 8zm9.5 0 3.5 4m0-4-3.5 4",
  clip: "M4 4.5h12a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1v-9a1 1 0 0 1 1-1zm4.5 3v5l4-2.5z",
  keyboard: "M3 5.5h14a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1H3a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1zM5 8.5h.01M8 8.5h.01M11 8.5h.01M14.5 8.5h.01M6 11.7h8",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  const width = name === "more" ? 2.6 : 1.5;
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} fill="none" stroke="currentColor" stroke-width={width} stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}
