/** A text of a file, with the words of its language set apart. */

import type { ComponentChildren } from "preact";

const SQL =
  /(--.*$)|('(?:[^']|'')*')|\b(SELECT|FROM|WHERE|GROUP|BY|HAVING|JOIN|LEFT|INNER|ON|AND|OR|NOT|IN|IS|NULL|AS|FOR|RESOLVE|WHEN|CASE|THEN|ELSE|END|LIKE|BETWEEN|OVER|PARTITION|ORDER|LIMIT|WITH|DISTINCT|TRUE|FALSE|EXISTS|UNION|ALL|WITHIN)\b|\b(\d+(?:\.\d+)?)\b/gim;
const YAML = /(#.*$)|("(?:[^"\\]|\\.)*"|'[^']*')|^(\s*-?\s*[\w.-]+)(?=:)|\b(\d+(?:\.\d+)?(?:[a-z%]+)?)\b/gm;
const CLASSES = ["comment", "string", "word", "figure"];

function parts(text: string, pattern: RegExp): ComponentChildren[] {
  const shown: ComponentChildren[] = [];
  let at = 0;
  for (const found of text.matchAll(pattern)) {
    const kind = CLASSES.find((_, group) => found[group + 1] !== undefined);
    shown.push(text.slice(at, found.index), <span class={`code-${kind}`}>{found[0]}</span>);
    at = found.index + found[0].length;
  }
  return [...shown, text.slice(at)];
}

export function Code({ text, language }: { text: string; language: "sql" | "yaml" }) {
  return (
    <pre class="code" tabIndex={0}>
      <code>{parts(text, language === "sql" ? SQL : YAML)}</code>
    </pre>
  );
}
