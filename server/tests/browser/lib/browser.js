// Debian's Chromium, and visits that fail on whatever a page should never do.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { after } from "node:test";
import { chromium } from "playwright-core";

/** Each width of a window, in CSS pixels, in each theme. */
export const LOOKS = [380, 1600].flatMap((width) =>
  ["light", "dark"].map((scheme) => ({ width, scheme })),
);

/** Height of a window, in CSS pixels. */
const HEIGHT = { 380: 800, 1600: 1000 };
/** For whatever a page does, in milliseconds; far more than it takes. */
const DEADLINE = 20_000;
const QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"].concat(
  ["--disable-background-networking", "--disable-component-update", "--disable-sync"],
);
/** Chromium's own words for an answer that is told as such already. */
const TOLD = /^Failed to load resource: the server responded with a status of/;

let launched;
after(async () => (await launched)?.close());

/**
 * Opens a window on a server, and calls `look` with its page and its visit. `state` are the cookies of someone who has
 * signed in, from `signIn`. Fails if there was any console error or warning, error of a script, breach of the content
 * security policy, request that failed, was refused or went elsewhere, dialog, download or second window, unless the
 * visit expects it. `policy: false` takes the content security policy away, so that only escaping is left; with
 * `script: false`, no script runs; with `touch`, there are fingers.
 */
export async function visit(server, { width = 1600, scheme = "light", state, policy = true, script = true, touch = false }, look) {
  launched ??= chromium.launch({ executablePath: "/usr/bin/chromium", args: QUIET });
  const context = await (await launched).newContext({
    baseURL: server.url,
    bypassCSP: !policy,
    javaScriptEnabled: script,
    hasTouch: touch,
    colorScheme: scheme,
    reducedMotion: "reduce",
    storageState: state,
    viewport: { width, height: HEIGHT[width] },
  });
  context.setDefaultTimeout(DEADLINE);
  const visit = new Visit(`${width}-${scheme}`);
  let failure;
  try {
    await visit.watch(context, server);
    const page = await context.newPage();
    await look(page, visit);
    // What the page tells of itself comes in order: all of it has come when this has.
    await page.evaluate(() => {});
  } catch (error) {
    failure = error;
  }
  const complaints = visit.complaints().join("\n");
  await context.close();
  if (failure === undefined) assert.ok(complaints === "", `the page did what no page should:\n${complaints}`);
  else if (complaints === "") throw failure;
  else throw new Error(`${failure.message}\n\nbesides:\n${complaints}`, { cause: failure });
}

/** What happens in one window. */
class Visit {
  #look;
  #heard = [];
  #expected = [];

  constructor(look) {
    this.#look = look;
  }

  async watch(context, server) {
    const hear = (text) => this.#heard.push(text);
    await context.exposeBinding("tellHarness", (_, text) => hear(text));
    await context.addInitScript(() => {
      const tell = window.tellHarness;
      addEventListener("securitypolicyviolation", (event) => {
        const { effectiveDirective, blockedURI, sample } = event;
        tell(`content security policy: ${effectiveDirective} ${blockedURI} ${sample}`);
      });
    });
    context.on("console", (message) => {
      const bad = ["error", "warning"].includes(message.type()) && !TOLD.test(message.text());
      if (bad) hear(`console: ${message.text()}`);
    });
    context.on("weberror", (error) => hear(`script: ${error.error()}`));
    context.on("dialog", (dialog) => {
      hear(`dialog: ${dialog.message()}`);
      // It may have closed with its page.
      dialog.dismiss().catch(() => {});
    });
    context.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(`${server.url}/`) && !url.startsWith("data:")) hear(`request: ${url}`);
    });
    context.on("requestfailed", (request) => {
      const reason = request.failure()?.errorText;
      // Whoever leaves a page cancels what it still asks for; only a page itself is never left for nothing.
      const left = !request.isNavigationRequest() && reason === "net::ERR_ABORTED";
      if (!left) hear(`request: ${request.url()} failed: ${reason}`);
    });
    context.on("response", (response) => {
      const { pathname } = new URL(response.url());
      if (response.status() >= 400) hear(`answer: ${pathname} ${response.status()}`);
    });
    let first = true;
    context.on("page", (page) => {
      if (!first) hear(`window: ${page.url()}`);
      first = false;
      page.on("download", (download) => hear(`download: ${download.url()}`));
    });
  }

  /** One complaint that must come and is none, such as `answer: /actor 400`. */
  expect(complaint) {
    this.#expected.push(complaint);
  }

  /** Keeps a picture of the page, if `BROWSER_TEST_SCREENSHOTS` names a folder for them. */
  async picture(page, name) {
    const folder = process.env.BROWSER_TEST_SCREENSHOTS;
    if (!folder) return;
    const path = join(resolve(folder), `${name}-${this.#look}.png`);
    await mkdir(resolve(folder), { recursive: true });
    await page.screenshot({ path, fullPage: true });
  }

  complaints() {
    const heard = [...this.#heard];
    const missing = this.#expected.filter((complaint) => {
      const place = heard.indexOf(complaint);
      if (place >= 0) heard.splice(place, 1);
      return place < 0;
    });
    return heard.concat(missing.map((complaint) => `did not happen: ${complaint}`));
  }
}

/** Whom the printed link of a new server makes the first admin. */
export const ADMIN = "admin@example.com";
export const PASSWORD = "long enough for anyone";

/** Signs in by the link that the program printed, which makes an admin only once, and returns the cookies. */
export async function signIn(server) {
  let state;
  await visit(server, {}, async (page) => {
    await page.goto(server.explorer);
    const name = page.getByLabel("Name");
    await page.getByRole("search").or(name).waitFor();
    if (await name.isVisible()) {
      await name.fill(ADMIN);
      await page.getByLabel("Password").fill(PASSWORD);
      await page.getByRole("button", { name: "Sign in" }).click();
    }
    await page.getByRole("search").waitFor();
    state = await page.context().storageState();
  });
  return state;
}
