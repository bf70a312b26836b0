// The live list where there is more than it takes, and where it begins with nothing.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Agent, record } from "./lib/agent.js";
import { signIn, visit } from "./lib/browser.js";
import { startServer, until } from "./lib/programs.js";

const server = await startServer();
after(() => server.stop());
const state = await signIn(server);

const names = (page) => page.locator("#events > tr td:nth-child(2) strong").allTextContents();
const older = (page) => page.getByRole("link", { name: "Older events" });
const numbered = (from, to) => Array.from({ length: to - from }, (_, nth) => `n${from + nth}`);

/** Sends events of these names, each a little later than the one before. */
async function send(agent, all, begin) {
  await agent.send(...all.map((name, nth) => record(name, { time: new Date(begin + nth) })));
}

/** Sends the rest of the events bit by bit, so that the stream follows. */
async function bit(agent, all, from, begin, seen) {
  for (let next = from; next < all.length; next += 55) {
    await send(agent, all.slice(next, next + 55), begin + next);
    await seen(Math.min(next + 55, all.length) - from);
  }
}

/** Scrolls until there is nothing further. */
async function toTheEnd(page) {
  await until("the list has come to its end", async () => {
    await page.mouse.wheel(0, 20_000);
    return (await older(page).count()) === 0;
  });
}

test("a list that was empty becomes a live one", async () => {
  const agent = await Agent.login(server, "empty");
  await agent.send(record("other"));
  await visit(server, { state }, async (page) => {
    await page.goto("/?filter=app:empty+name:e*");
    await page.getByText("No event matches.").waitFor();
    await page.getByRole("button", { name: "Live" }).click();
    await page.getByText("live, 0 new").waitFor();
    await agent.send(record("e.first"));
    await page.getByText("live, 1 new").waitFor();
    assert.equal(await page.getByText("No event matches.").count(), 0);
    await agent.send(record("e.second"));
    await page.getByText("live, 2 new").waitFor();
    assert.deepEqual(await names(page), ["e.second", "e.first"]);
    // Its values lead on, as those of any list.
    await page.getByRole("row", { name: "e.first" }).getByRole("link", { name: "empty", exact: true }).waitFor();
  });
});

test("older events go on after the last row of a live list that was cut", async () => {
  const agent = await Agent.login(server, "cut");
  const begin = Date.now() - 60_000;
  const all = numbered(0, 360);
  await send(agent, all.slice(0, 30), begin);
  await visit(server, { state }, async (page) => {
    await page.goto("/?filter=app:cut");
    await page.getByRole("button", { name: "Live" }).click();
    await page.getByText("live, 0 new").waitFor();
    await bit(agent, all, 30, begin, (came) => page.getByText(`live, ${came} new`).waitFor());
    assert.deepEqual(await names(page), all.slice(60).reverse());
    await toTheEnd(page);
    assert.deepEqual(await names(page), all.toReversed());
  });
});

test("what comes while the list is paused is told, and nothing of it is lost", async () => {
  const agent = await Agent.login(server, "paused");
  const begin = Date.now() - 60_000;
  const all = numbered(0, 340);
  await send(agent, all.slice(0, 5), begin);
  await visit(server, { state }, async (page) => {
    await page.goto("/?filter=app:paused");
    await page.getByRole("button", { name: "Live" }).click();
    await page.getByText("live, 0 new").waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await bit(agent, all, 5, begin, (came) => page.getByText(`${Math.min(came, 300)}${came > 300 ? "+" : ""} waiting`).waitFor());
    await page.getByText("paused 300+ waiting, the older of them at the list's end").waitFor();
    assert.deepEqual(await names(page), all.slice(0, 5).reverse());
    await page.getByRole("button", { name: "Resume" }).click();
    await page.getByText("live, 335 new").waitFor();
    assert.deepEqual(await names(page), all.slice(40).reverse());
    await toTheEnd(page);
    assert.deepEqual(await names(page), all.toReversed());
  });
});
