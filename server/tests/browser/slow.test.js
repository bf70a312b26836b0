// Pages that take long: how far they are, and the way to give them up.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Agent, record } from "./lib/agent.js";
import { LOOKS, signIn, visit } from "./lib/browser.js";
import { assertAccessible, assertFits } from "./lib/checks.js";
import { startServer, until } from "./lib/programs.js";

const SENDS = 30;
const EACH = 250;
const KEYS = 60;

// Many segments: between two of them, a search looks whether anybody still waits.
const server = await startServer({ SQREEN_SERVER_SEAL_ROWS: String(EACH) });
after(() => server.stop());
const state = await signIn(server);
const agent = await Agent.login(server, "shop");
const end = Date.now();
const properties = (of) => Object.fromEntries(Array.from({ length: KEYS }, (_, key) => [`k${key}`, of]));
for (let send = 0; send < SENDS; send++) {
  const at = (nth) => new Date(end - send * EACH - nth);
  await agent.send(...Array.from({ length: EACH }, (_, nth) => record("a", { time: at(nth), options: { properties: properties(`${send}-${nth}`) } })));
}
/** No event has any of it, which takes a while to find out, and for ever on a server that hardly runs. */
const LABORIOUS = Array.from({ length: 2 * KEYS }, (_, nth) => `properties.k${nth % KEYS}:*${nth}z*`).join(" or ");
const path = (range = "") => `/?filter=${encodeURIComponent(LABORIOUS)}${range}`;

const cancelled = async () => Number(/^sqreen_store_cancelled_scans_total (\d+)$/m.exec(await server.metrics())[1]);

for (const look of LOOKS) {
  const { width, scheme } = look;
  test(`a page that takes long tells how far it is, and is given up, ${width} px, ${scheme}`, async () => {
    await visit(server, { ...look, state }, async (page, visit) => {
      const before = await cancelled();
      const waiting = page.getByRole("region", { name: "Progress" });
      await server.throttle(async (still) => {
        await page.goto(path(), { waitUntil: "commit" });
        const step = waiting.locator(".step:visible");
        await step.filter({ hasText: /Looking for the events: [1-9].* of 7.500 rows/ }).waitFor();
        const cancel = waiting.getByRole("button", { name: "Cancel" });
        await cancel.waitFor();
        still();
        await visit.picture(page, "slow");
        assert.equal(await step.count(), 1, "one step is shown");
        await assertFits(page);
        await assertAccessible(page);
        await cancel.click();
        await waiting.getByText("Cancelled.").waitFor();
      });
      await until("the server has ended its search", async () => (await cancelled()) > before);
      await visit.picture(page, "slow-cancelled");
      await assertAccessible(page);
      const again = waiting.getByRole("link", { name: "Try again" });
      assert.equal(new URL(await again.evaluate((link) => link.href)).search, path().slice(1));
      assert.ok(await again.evaluate((link) => link === document.activeElement));
    });
  });
}

test("without script, a page that takes long comes to its end", async () => {
  await visit(server, { state, script: false }, async (page) => {
    const from = new Date(end - EACH + 1).toISOString();
    await server.throttle(() => page.goto(path(`&from=${from}`)));
    await page.getByText("No event matches.").waitFor();
    assert.equal(await page.getByText("This takes a while.").count(), 1);
    assert.equal(await page.getByText("This takes a while.").isVisible(), false);
  });
});
