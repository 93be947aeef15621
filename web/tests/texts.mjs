// Whether each text that the page asks for is there in all languages, with the same places to fill in, and none is there that nobody asks for.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

const root = new URL("../src/", import.meta.url).pathname;
const read = (name) => JSON.parse(readFileSync(join(root, "messages", name), "utf8"));
const languages = readdirSync(join(root, "messages"));
const english = read("en.json");
const wrong = [];

const places = (text) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort().join();
for (const name of languages) {
  const texts = read(name);
  for (const key of new Set([...Object.keys(english), ...Object.keys(texts)])) {
    if (!(key in texts)) wrong.push(`${name}: ${key} is missing`);
    else if (!(key in english)) wrong.push(`${name}: ${key} is not in en.json`);
    else if (!texts[key].trim()) wrong.push(`${name}: ${key} is empty`);
    else if (places(texts[key]) !== places(english[key])) wrong.push(`${name}: ${key} fills in ${places(texts[key])}, not ${places(english[key])}`);
  }
}

const sources = readdirSync(root, { recursive: true })
  .filter((name) => /\.tsx?$/.test(name))
  .map((name) => readFileSync(join(root, name), "utf8"))
  .join("\n");
// `count("alerts", n)` asks for two, `word("state", …)` and `t(`problem.${…}`)` for all of a kind.
const counted = [...sources.matchAll(/count\("([\w.]+)"/g)].map((found) => found[1]);
for (const key of counted) {
  for (const form of ["one", "other"]) if (!(`${key}.${form}` in english)) wrong.push(`${key}.${form} is asked for, and missing`);
}
const kinds = [
  ...[...sources.matchAll(/word\("([\w.]+)"/g)].map((found) => found[1]),
  ...[...sources.matchAll(/t\(`([\w.]+)\.\$\{/g)].map((found) => found[1]),
];
for (const key of Object.keys(english)) {
  const asked = sources.includes(`"${key}"`) || sources.includes(`"${key.replace(/\.(one|other)$/, "")}"`) || kinds.some((kind) => key.startsWith(`${kind}.`));
  if (!asked) wrong.push(`${key} is there, and nobody asks for it`);
}

if (wrong.length) {
  console.error(wrong.join("\n"));
  process.exit(1);
}
console.error(`   the page: ${Object.keys(english).length} texts in ${languages.length} languages`);
