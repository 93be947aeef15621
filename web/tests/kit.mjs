// What the tests of the page share: a real browser, the views of a site, and what a view must not do.
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const CHROMIUM = process.env.PARAPET_CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(existsSync);

export async function browser() {
  if (!CHROMIUM) throw new Error("no Chromium here: script/bootstrap installs what tests need, or name one in PARAPET_CHROMIUM");
  // In a container without a namespace of its own it has no sandbox; it only sees the site under test.
  return chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"] });
}

/** Asks the site under test. */
export async function ask(site, path) {
  const answer = await fetch(`${site}/api/v1/${path}`);
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** The address of each view of a site, by a name for people. */
export async function views(site) {
  const status = await ask(site, "status");
  const alerts = await ask(site, "alerts?limit=50");
  const clip = alerts.items.find((alert) => alert.clip) ?? alerts.items[0];
  const sql = (await Promise.all(status.rules.map((rule) => ask(site, `rules/${rule.id}`)))).find((rule) => rule.sql) ?? status.rules[0];
  const live = status.cameras.find((camera) => camera.status.state === "live");
  const away = status.cameras.find((camera) => camera.status.state !== "live");
  const dead = [...status.uploaders].sort((a, b) => b.dead_letters - a.dead_letters)[0];
  return Object.entries({
    overview: "/",
    alerts: "/alerts",
    alert: clip && `/alerts/${clip.id}`,
    cameras: "/cameras",
    wall: "/cameras?wall=1",
    camera: live && `/cameras/${live.id}`,
    "camera-away": away && `/cameras/${away.id}`,
    rules: "/rules",
    rule: sql && `/rules/${sql.id}`,
    models: "/models",
    uploads: "/uploads",
    uploader: dead && `/uploads/${dead.id}`,
    errors: "/errors",
    actors: "/tree",
    performance: "/performance",
    nowhere: "/nowhere",
  }).filter(([, path]) => path);
}

/** Opens a page that notes what it must not do: errors, refusals by the policy, requests to other hosts. */
export async function open(context, site) {
  const page = await context.newPage();
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(`error: ${error.message}`));
  page.on("console", (message) => message.type() === "error" && wrong.push(`console: ${message.text()} ${message.location().url ?? ""}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (!["blob:", "data:"].includes(url.protocol) && url.host !== new URL(site).host) wrong.push(`asks ${url.host}`);
  });
  return { page, wrong };
}

/** Goes to a view and waits until it has its content. */
export async function show(page, site, path) {
  await page.goto(site + path, { waitUntil: "load" });
  await page.locator("main h1:visible, main .wall.filling").first().waitFor();
  await page.locator("main .loading").first().waitFor({ state: "detached" });
}
