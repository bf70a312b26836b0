// More events than one page takes.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Agent, record } from "./lib/agent.js";
import { PASSWORD, signIn, visit } from "./lib/browser.js";
import { startServer, until } from "./lib/programs.js";

const EVENTS = 230;

const server = await startServer();
after(() => server.stop());
const state = await signIn(server);

const numbers = Array.from({ length: EVENTS }, (_, number) => number);
const names = numbers.map((number) => `event-${number}`);
const agent = await Agent.login(server, "shop");
const end = Date.now();
await agent.send(...numbers.map((number) => record(`event-${number}`, { time: new Date(end - number) })));
await agent.send(record("of-another", { client_ip: "203.0.113.9" }));
const seen = (page) => page.locator("#events strong").allInnerTexts();
const older = (page) => page.getByRole("link", { name: "Older events" });

test("without script, page after page leads through all events, newest first", async () => {
  await visit(server, { state, script: false }, async (page) => {
    await page.goto("/?filter=ip:198.51.100.7");
    const all = [];
    for (;;) {
      all.push(...(await seen(page)));
      if ((await older(page).count()) === 0) break;
      const here = page.url();
      await older(page).click();
      await page.waitForURL((url) => url.href !== here);
    }
    assert.deepEqual(all, names);
  });
});

test("scrolling leads through all events, newest first", async () => {
  await visit(server, { state }, async (page) => {
    await page.goto("/?filter=ip:198.51.100.7");
    await until("the list has come to its end", async () => {
      await page.mouse.wheel(0, 5_000);
      return (await older(page).count()) === 0;
    });
    assert.deepEqual(await seen(page), names);
    // The values of rows that came later lead on, too.
    await page.locator("#events tr").last().getByRole("link", { name: "shop", exact: true }).click();
    await page.waitForURL((url) => url.searchParams.get("filter") === "ip:198.51.100.7 app:shop");
  });
});

/** Ways in which the next page does not come, each with what the visit is to expect. */
const FAILURES = {
  fails: (route, visit) => {
    visit.expect("answer: / 503");
    return route.fulfill({ status: 503, body: "" });
  },
  "is cut off": (route, visit) => {
    visit.expect("console: Failed to load resource: net::ERR_CONNECTION_RESET");
    visit.expect(`request: ${route.request().url()} failed: net::ERR_CONNECTION_RESET`);
    return route.abort("connectionreset");
  },
};

for (const [what, fail] of Object.entries(FAILURES)) {
  test(`a next page that ${what} is no end of the list, and can be had again`, async () => {
    await visit(server, { state }, async (page, visit) => {
      await page.route(/cursor=/, (route) => fail(route, visit));
      await page.goto("/?filter=ip:198.51.100.7");
      const before = await seen(page);
      assert.deepEqual(before, names.slice(0, before.length));
      await older(page).scrollIntoViewIfNeeded();
      const told = page.getByRole("navigation", { name: "More" });
      await told.getByText("They could not be read.").waitFor();
      assert.deepEqual(await seen(page), before);
      await visit.picture(page, `paging-${what.replaceAll(" ", "-")}`);
      await page.unroute(/cursor=/);
      await told.getByRole("button", { name: "Try again" }).click();
      await until("the next page is there", async () => (await seen(page)).length > before.length);
      const after = await seen(page);
      assert.deepEqual(after, names.slice(0, after.length));
      assert.equal(await page.getByText("They could not be read.").count(), 0);
    });
  });
}

test("only the list of the next page is asked for", async () => {
  await visit(server, { state }, async (page) => {
    await page.goto("/?filter=ip:198.51.100.7&group=name");
    const answered = page.waitForResponse(/cursor=/);
    await older(page).scrollIntoViewIfNeeded();
    const body = await (await answered).text();
    assert.match(body, /id="events"/);
    assert.doesNotMatch(body, /<svg|id="groups"|<main/);
  });
});

test("a next page that takes long says so, and is given up", async () => {
  await visit(server, { state }, async (page) => {
    let held = [];
    await page.route(/cursor=/, (route) => held.push(route));
    await page.goto("/?filter=ip:198.51.100.7");
    const before = await seen(page);
    await older(page).scrollIntoViewIfNeeded();
    const told = page.getByRole("navigation", { name: "More" });
    await told.getByText("Looking for older events").waitFor();
    await told.getByRole("button", { name: "Cancel" }).click();
    await told.getByText("Cancelled.").waitFor();
    assert.equal(held.length, 1);
    assert.deepEqual(await seen(page), before);
    const again = told.getByRole("button", { name: "Try again" });
    assert.ok(await again.evaluate((button) => button === document.activeElement));
    await page.unroute(/cursor=/);
    await again.click();
    await until("the next page is there", async () => (await seen(page)).length > before.length);
  });
});

test("after the end of the session, a next page says to sign in", async () => {
  await server.addPerson("leaver@example.com", "viewer", PASSWORD);
  await visit(server, {}, async (page, visit) => {
    const place = "/?filter=ip:198.51.100.7";
    // The window may show the list's end from the first.
    let ended;
    const end = new Promise((done) => (ended = done));
    await page.route(/[?&]cursor=/, async (route) => {
      await end;
      await route.continue();
    });
    visit.expect("answer: / 401");
    await page.goto(place);
    await page.getByLabel("Name").fill("leaver@example.com");
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Sign in" }).click();
    await older(page).waitFor();
    await page.context().clearCookies();
    visit.expect("answer: / 401");
    ended();
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
    const told = page.getByRole("navigation", { name: "More" });
    await told.getByText("Your session has ended.").waitFor();
    visit.expect("answer: / 401");
    await told.getByRole("link", { name: "Sign in" }).click();
    await page.getByLabel("Name").waitFor();
    assert.equal(new URL(page.url()).search, "?filter=ip:198.51.100.7");
  });
});
