// Photographs each view of a running site: node shots.mjs URL FOLDER [VIEW …]
import { mkdirSync } from "node:fs";
import { browser, open, show, views } from "./kit.mjs";

const [site, folder, ...wanted] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const screens = [
  { name: "desk", viewport: { width: 1440, height: 900 }, colorScheme: "light" },
  { name: "dark", viewport: { width: 1440, height: 900 }, colorScheme: "dark" },
  { name: "phone", viewport: { width: 390, height: 844 }, colorScheme: "light", deviceScaleFactor: 2 },
];
const chosen = (await views(site)).filter(([name]) => wanted.length === 0 || wanted.includes(name));
const chromium = await browser();
for (const { name, ...options } of screens.filter((screen) => !process.env.SCREEN || process.env.SCREEN === screen.name)) {
  const context = await chromium.newContext({ ...options, locale: process.env.LOCALE ?? "en-GB" });
  const { page, wrong } = await open(context, site);
  for (const [view, path] of chosen) {
    await show(page, site, path);
    // Pictures and figures that need two answers.
    await page.waitForTimeout(1_500);
    await page.screenshot({ path: `${folder}/${name}-${view}.png` });
  }
  for (const line of new Set(wrong)) console.error(`${name}: ${line}`);
  await context.close();
}
await chromium.close();
console.error(`   ${chosen.length} views are in ${folder}`);
