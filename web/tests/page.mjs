// What operators do with the page, done in a real browser at a running site: node page.mjs URL [PART …]
// The site has a camera `gate` that is live, one that is away, a stream `doors` whose rule raises alerts, and alerts with clips.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { ask, browser, open, show, views } from "./kit.mjs";

const [site, ...wanted] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PATIENCE = 60_000;
/** Bytes that a first view may take, packed. */
const WEIGHT = 300_000;

const chromium = await browser();
const desk = { viewport: { width: 1440, height: 900 }, locale: "en-GB" };

async function at(options, act) {
  const context = await chromium.newContext(options);
  context.setDefaultTimeout(PATIENCE);
  const { page, wrong } = await open(context, site);
  try {
    await act(page, wrong);
    assert.deepEqual(wrong, [], "the page did what it must not do");
  } finally {
    await context.close();
  }
}

/** Waits until `look` gives something, and returns it. */
async function until(what, look) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const found = await look();
    if (found) return found;
    assert(Date.now() < end, `not within a minute: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function openDoor(door) {
  const body = JSON.stringify({ door, open: true });
  const answer = await fetch(`${site}/api/v1/streams/doors`, { method: "POST", body, headers: { "content-type": "application/json" } });
  assert.equal(answer.status, 202);
}

const parts = {
  async "each view is there, can be read by all, and asks nobody else"() {
    const screens = [
      { ...desk, colorScheme: "light" },
      { ...desk, colorScheme: "dark" },
      { viewport: { width: 390, height: 844 }, colorScheme: "light", isMobile: true, hasTouch: true },
    ];
    const told = [];
    for (const screen of screens) {
      await at(screen, async (page) => {
        for (const [name, path] of await views(site)) {
          await show(page, site, path);
          await page.evaluate(axe);
          const found = await page.evaluate(() =>
            axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }),
          );
          const where = `${name} at ${screen.viewport.width} px, ${screen.colorScheme}`;
          for (const { id, help, nodes } of found.violations) {
            told.push(`${where}: ${id}: ${help}\n${nodes.slice(0, 3).map((node) => `  ${node.target} ${node.failureSummary}`).join("\n")}`);
          }
          const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          if (wide > 0) told.push(`${where}: ${wide} px wider than the screen`);
        }
      });
    }
    assert(told.length === 0, told.join("\n"));
  },

  async "what is wrong stands first"() {
    await at(desk, async (page) => {
      await show(page, site, "/");
      const first = page.locator(".problem").first();
      await first.waitFor();
      assert.match(await first.innerText(), /Quay/);
      assert.match(await page.locator(".problem").allInnerTexts().then((all) => all.join("\n")), /control-room/);
      await first.click();
      await page.waitForURL("**/cameras/quay");
    });
  },

  async "an alert shows at once, is found by its words, and the address keeps what is looked for"() {
    await at(desk, async (page) => {
      await show(page, site, "/alerts");
      await page.locator(".connection .dot.ok").waitFor();
      const door = `door-${Date.now()}`;
      assert.equal(await page.getByText(`${door} is open`).count(), 0);
      await openDoor(door);
      await page.getByText(`${door} is open`).first().waitFor();
      await page.keyboard.press("/");
      await page.keyboard.type(door);
      await page.waitForURL(`**/alerts?q=${door}`);
      await until("only what fits is shown", async () => (await page.locator(".alert-line").count()) === 1);
      await page.reload();
      await page.getByText(`${door} is open`).first().waitFor();
      assert.equal(await page.locator(".alert-line").count(), 1);
      await page.locator(".alert-line").click();
      await page.locator(".alert-detail h1").waitFor();
      assert.match(page.url(), new RegExp(`/alerts/[0-9a-f-]{36}\\?q=${door}$`));
      await page.goBack();
      await page.locator(".alert-detail").waitFor({ state: "detached" });
      assert.match(page.url(), new RegExp(`/alerts\\?q=${door}$`));
    });
  },

  async "an alert shows its picture, its boxes and its clip, and somebody takes notice of it"() {
    await at(desk, async (page) => {
      const list = await until("an alert with a clip", async () => {
        const { items } = await ask(site, "alerts?limit=100&camera=gate");
        return items.find((alert) => alert.clip && !alert.acknowledged);
      });
      await show(page, site, `/alerts/${list.id}`);
      const picture = page.locator(".evidence img");
      await until("the picture", () => picture.evaluate((img) => img.naturalWidth > 0));
      assert((await page.locator(".evidence rect.box").count()) >= 1, "boxes are drawn");
      await page.getByRole("button", { name: "Play clip" }).click();
      const clip = page.locator("video.clip");
      await until("the clip plays", () => clip.evaluate((video) => video.currentTime > 0.3 && video.videoWidth > 0));
      await page.getByLabel("Your name").fill("Ada");
      await page.getByLabel("Comment").fill("It is the postman");
      await page.getByRole("button", { name: "Acknowledge" }).click();
      await page.getByRole("button", { name: "Acknowledged" }).waitFor();
      await page.locator(".steps").getByText("by Ada").waitFor();
      const told = await ask(site, `alerts/${list.id}/updates`);
      const record = told.updates.find((update) => update.change === "acknowledged");
      assert.equal(record.by, "Ada");
      assert.equal(record.note, "It is the postman");
    });
  },

  async "a camera shows its video as it comes, with what models see in it"() {
    await at(desk, async (page) => {
      await show(page, site, "/cameras/gate");
      await page.locator("rect.box").first().waitFor();
      await page.locator(".area-name", { hasText: "yard" }).waitFor();
      await page.getByLabel("Live video").check();
      const video = page.locator(".picture video");
      const start = await until("video", () => video.evaluate((v) => v.videoWidth > 0 && v.currentTime));
      await until("it plays on", () => video.evaluate((v, start) => v.currentTime > start + 2, start));
      const behind = await video.evaluate((v) => v.buffered.end(v.buffered.length - 1) - v.currentTime);
      assert(behind < 3, `the player is ${behind} s behind`);
      console.error(`   video: ${behind.toFixed(2)} s behind what was sent last`);
      await page.getByLabel("Live video").uncheck();
      await page.locator(".picture img").waitFor();
      await page.getByText("The camera gives").waitFor({ state: "detached" });
    });
  },

  async "what a receiver refused is looked at and dropped"() {
    await at(desk, async (page) => {
      await show(page, site, "/uploads/control-room");
      const letters = page.locator(".letter");
      await letters.first().waitFor();
      await letters.first().locator("summary").click();
      assert.match(await letters.first().locator("pre").innerText(), /"specversion": "1.0"/);
      const before = (await ask(site, "uploaders/control-room/dead?limit=1000")).items;
      await letters.first().getByRole("checkbox").check();
      await page.getByRole("button", { name: "Drop 1" }).click();
      await page.getByRole("button", { name: "Sure?" }).click();
      await page.getByText("1 was dropped.").waitFor();
      const after = (await ask(site, "uploaders/control-room/dead?limit=1000")).items;
      assert(!after.some((letter) => letter.number === before[0].number), "the first one is gone");
    });
  },

  async "the page speaks the reader's language and keeps what was chosen"() {
    await at({ ...desk, locale: "es-ES" }, async (page) => {
      await show(page, site, "/");
      await page.getByRole("link", { name: "Alertas", exact: true }).waitFor();
      assert.equal(await page.evaluate(() => document.documentElement.lang), "es");
      await page.getByLabel("Idioma").selectOption("de");
      await page.getByRole("link", { name: "Alarme", exact: true }).waitFor();
      await page.reload();
      await page.getByRole("link", { name: "Alarme", exact: true }).waitFor();
      assert.equal(await page.evaluate(() => document.documentElement.lang), "de");
      await page.getByLabel("Farben").selectOption("dark");
      assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme), "dark");
    });
  },

  async "all can be reached with the keyboard"() {
    await at(desk, async (page) => {
      await show(page, site, "/");
      await page.keyboard.press("Tab");
      assert.equal(await page.evaluate(() => document.activeElement?.className), "skip");
      await page.keyboard.press("2");
      await page.waitForURL("**/alerts");
      await page.locator(".alert-line").first().waitFor();
      await page.keyboard.press("j");
      await page.locator(".alert-detail").waitFor();
      const first = page.url();
      await page.keyboard.press("j");
      await until("the next alert", () => page.url() !== first);
      await page.keyboard.press("Escape");
      await page.locator(".alert-detail").waitFor({ state: "detached" });
      await page.keyboard.press("?");
      await page.getByRole("dialog").waitFor();
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
    });
  },

  async "a site that is away is told, and one that comes back is believed"() {
    await at(desk, async (page, wrong) => {
      await show(page, site, "/");
      await page.route("**/api/**", (route) => route.abort());
      await page.locator(".away").waitFor();
      await page.unroute("**/api/**");
      await page.locator(".away").waitFor({ state: "detached" });
      // What was cut off on purpose is in the browser's log.
      wrong.splice(0);
    });
  },

  async "a first view is light"() {
    await at(desk, async (page) => {
      const session = await page.context().newCDPSession(page);
      await session.send("Network.enable");
      let weight = 0;
      const asked = new Map();
      session.on("Network.responseReceived", ({ requestId, response }) => asked.set(requestId, response.url));
      session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
        if (!asked.get(requestId)?.includes("/api/")) weight += encodedDataLength;
      });
      const begun = Date.now();
      await page.goto(`${site}/`);
      await page.locator(".numbers").waitFor();
      console.error(`   first view: ${weight} bytes packed, after ${Date.now() - begun} ms`);
      assert(weight > 10_000 && weight < WEIGHT, `${weight} bytes`);
    });
  },
};

let failed = 0;
for (const [name, part] of Object.entries(parts).filter(([name]) => wanted.length === 0 || wanted.some((word) => name.includes(word)))) {
  try {
    await part();
    console.error(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.error(`FAILED  ${name}\n${error.stack}`);
  }
}
await chromium.close();
process.exit(failed ? 1 : 0);
