// More events than one page takes.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Agent, record } from "./lib/agent.js";
import { signIn, visit } from "./lib/browser.js";
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
