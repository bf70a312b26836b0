// Stores that cannot be read while the server runs: each page says so, and what to do next.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Agent, record } from "./lib/agent.js";
import { LOOKS, signIn, visit } from "./lib/browser.js";
import { assertSound } from "./lib/checks.js";
import { startServer, until } from "./lib/programs.js";

const HOME = "198.51.100.7";
const EACH = 20;
const DAY = 86_400_000;
/** Each width and each theme once. */
const TWO = [LOOKS[0], LOOKS[3]];
/** What the state store loses. */
const TABLES = ["audit", "tokens", "views"];

const server = await startServer({ SQREEN_SERVER_SEAL_ROWS: String(EACH) });
const state = await signIn(server);
const agent = await Agent.login(server, "shop");
const long_ago = Date.now() - 10 * DAY;
const old = Array.from({ length: EACH }, (_, nth) => record("old.login", { time: new Date(long_ago + nth) }));
await agent.send(...old);
const folder = join(server.dir, "events", "segments");
const segments = async () => (await readdir(folder)).filter((name) => name.endsWith(".parquet"));
await until("the old events are in a segment", async () => (await segments()).length > 0);
await agent.send(record("new.login"));
const { events } = await server.api("GET", "events?filter=name:old.login&limit=1");
const [{ id, time }] = events;

/** Python has SQLite with it. */
function tables(from, to) {
  const statements = TABLES.map((name) => `ALTER TABLE ${from}${name} RENAME TO ${to}${name};`).join(" ");
  const program = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=10).executescript(sys.argv[2])";
  execFileSync("python3", ["-c", program, join(server.dir, "state.sqlite"), statements]);
}

const moved = [];
before(async () => {
  for (const name of await segments()) {
    await rename(join(folder, name), join(server.dir, name));
    moved.push(name);
  }
  tables("", "lost_");
});
after(async () => {
  for (const name of moved) await rename(join(server.dir, name), join(folder, name));
  tables("lost_", "");
  await server.stop();
});

const EVENTS = "The event store cannot be read now. The server's log says why.";
const STATE = "The state store cannot be used now. The server's log says why.";
const AGAIN = "Try again";
const PAGES = [
  { path: "/", status: 503, told: EVENTS, way: AGAIN },
  { path: "/?last=30d&group=ip", status: 503, told: EVENTS, way: AGAIN },
  { path: `/actor?ip=${HOME}`, status: 503, told: EVENTS, way: AGAIN },
  { path: `/actor?ip=${HOME}&last=24h`, status: 200, told: "What the actor did before cannot be read now.", way: AGAIN },
  { path: `/event/${id}?time=${time}`, status: 503, told: EVENTS.replace("why.", "why; try again."), way: "Events" },
  { path: "/audit", status: 503, told: STATE, way: "Events" },
  { path: "/apps", status: 503, told: "The applications cannot be read now.", way: "Events" },
];

for (const { path, status, told, way } of PAGES) {
  test(`${path.replace(/[0-9a-f-]{36}.*/, "…")} without its store says what to do next`, async () => {
    for (const look of TWO) {
      await visit(server, { ...look, state }, async (page, visit) => {
        if (status >= 400) visit.expect(`answer: ${new URL(path, server.url).pathname} ${status}`);
        await page.goto(path);
        await page.getByText(told).waitFor();
        assert.ok((await page.getByRole("link", { name: way, exact: true }).count()) > 0);
        await visit.picture(page, `failed-${path.split("?")[0].replaceAll("/", "-").slice(0, 12)}-${status}`);
        await assertSound(page);
      });
    }
  });
}

test("saved views that cannot be read hide no events", async () => {
  for (const look of TWO) {
    await visit(server, { ...look, state }, async (page, visit) => {
      await page.goto("/?last=24h");
      await page.getByText("new.login").waitFor();
      await page.getByText("Views", { exact: true }).click();
      await page.getByText("The saved views cannot be read now.").waitFor();
      await visit.picture(page, "failed-views");
      await assertSound(page);
      visit.expect("answer: /views 503");
      await page.getByLabel("Save this page as").fill("logins");
      await page.getByRole("button", { name: "Save view" }).click();
      await page.getByText("The state store cannot be used now. Try again.").waitFor();
      await assertSound(page);
    });
  }
});
