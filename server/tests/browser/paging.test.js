// More events than one page takes.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Agent, record } from "./lib/agent.js";
import { signIn, visit } from "./lib/browser.js";
import { startServer } from "./lib/programs.js";

const EVENTS = 230;

const server = await startServer();
after(() => server.stop());
const state = await signIn(server);

test("page after page leads through all events, newest first", async () => {
  const agent = await Agent.login(server, "shop");
  const end = Date.now();
  const numbers = Array.from({ length: EVENTS }, (_, number) => number);
  await agent.send(...numbers.map((number) => record(`event-${number}`, { time: new Date(end - number) })));
  await agent.send(record("of-another", { client_ip: "203.0.113.9" }));

  await visit(server, { state }, async (page) => {
    await page.goto("/?filter=ip:198.51.100.7");
    const older = page.getByRole("link", { name: "Older events" });
    const seen = [];
    for (;;) {
      seen.push(...(await page.locator("tbody strong:first-child").allInnerTexts()));
      if ((await older.count()) === 0) break;
      const here = page.url();
      await older.click();
      await page.waitForURL((url) => url.href !== here);
    }
    assert.deepEqual(seen, numbers.map((number) => `event-${number}`));
  });
});
