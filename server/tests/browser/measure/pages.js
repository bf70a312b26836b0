// How long the server takes for every page, how large each is, and when a browser first paints something of it.
//
// `node server/tests/browser/measure/pages.js DIR [RUNS [PROGRAM]]`, with a data directory of many events (`queries build
// DIR/events 10000000 now`) and the program that `cargo build --release -p sqreen-server` made. What else pages show is
// filled in first; it is stored in DIR, too. Each run asks for another day, event, address or user. The pages are asked
// for one after the other, on connections that are kept.

import { spawn } from "node:child_process";
import { Agent, request } from "node:http";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";
import { fill } from "./fill.js";

const ROOT = resolve(import.meta.dirname, "../../../..");
const [dir, runs = "50", program = resolve(ROOT, "target/release/sqreen-server")] = process.argv.slice(2);
if (!dir) throw new Error("usage: pages.js DIR [RUNS [PROGRAM]]");
const RUNS = Number(runs);
const PAINTS = 9;
const DAY = 86_400_000;
const PASSWORD = "long enough for anyone";
const API = "api-secret";
const INGEST = "ingest-secret";
const BAR = { ms: 150, bytes: 100_000 };

const env = { ...process.env, SQREEN_SERVER_API_TOKEN: API, SQREEN_SERVER_INGEST_TOKEN: INGEST, SQREEN_SERVER_LOG: "warn" };
env.SQREEN_SERVER_ADMIN_NAME = "admin@example.com";
env.SQREEN_SERVER_ADMIN_PASSWORD = PASSWORD;
const server = spawn(program, ["--addr", "127.0.0.1:0", "--data-dir", dir], {
  env,
  stdio: ["ignore", "pipe", "inherit"],
});
const url = await new Promise((done, failed) => {
  server.once("error", failed);
  server.once("exit", () => failed(new Error("the server ended at its start")));
  createInterface({ input: server.stdout }).on("line", (line) => {
    if (line.startsWith("explorer=")) done(new URL(line.slice("explorer=".length)).origin);
  });
});
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
try {
  await measure();
} finally {
  agent.destroy();
  server.removeAllListeners("exit");
  server.kill("SIGTERM");
}

async function measure() {
  const body = new URLSearchParams({ name: env.SQREEN_SERVER_ADMIN_NAME, password: PASSWORD }).toString();
  const type = "application/x-www-form-urlencoded";
  const signedIn = await ask("/signin", {}, { method: "POST", headers: { "content-type": type }, body });
  if (signedIn.status !== 303) throw new Error(`not signed in: ${signedIn.status}`);
  const cookie = signedIn.headers["set-cookie"][0].split(";")[0];
  const filled = await fill({ url, ingestToken: INGEST }, api);
  const pages = await list(filled, await form(`/playbooks/${filled.playbook}/edit`, cookie));

  console.log("| page | p50 ms | p95 ms | most kB | bars |\n|---|---:|---:|---:|---|");
  for (const { name, at, body, stranger } of pages) {
    const times = [];
    let most = 0;
    for (let run = 0; run <= RUNS; run++) {
      const began = performance.now();
      const sent = body && { method: "POST", headers: { "content-type": type }, body };
      const { status, bytes } = await ask(at(run), stranger ? {} : { cookie }, sent);
      if (status !== 200) throw new Error(`${at(run)}: ${status}`);
      // The first finds nothing in the caches.
      if (run > 0) times.push(performance.now() - began);
      most = Math.max(most, bytes);
    }
    const [half, late] = [0.5, 0.95].map((share) => percentile(times, share));
    const met = late <= BAR.ms && most <= BAR.bytes ? "met" : "missed";
    console.log(`| ${name} | ${half.toFixed(0)} | ${late.toFixed(0)} | ${(most / 1000).toFixed(0)} | ${met} |`);
  }

  console.log("\n| page | first paint p50 ms | most ms | first contentful paint p50 ms | most ms |\n|---|---:|---:|---:|---:|");
  const [key, value] = cookie.split("=");
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
  for (const { name, at, body, stranger } of pages) {
    // A form is no address that a browser could open.
    if (body) continue;
    const paints = { "first-paint": [], "first-contentful-paint": [] };
    for (let run = 1; run <= PAINTS; run++) {
      const context = await browser.newContext({ baseURL: url });
      if (!stranger) await context.addCookies([{ name: key, value, url }]);
      const page = await context.newPage();
      await page.goto(at(run), { waitUntil: "load" });
      for (const { name, startTime } of await page.evaluate(painted)) paints[name].push(startTime);
      await context.close();
    }
    const told = Object.values(paints).flatMap((times) => [percentile(times, 0.5), Math.max(...times)]);
    console.log(`| ${name} | ${told.map((time) => time.toFixed(0)).join(" | ")} |`);
  }
  await browser.close();
}

/** What the form of a playbook's editor sends for a preview, as it is filled in. */
async function form(path, cookie) {
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
  const context = await browser.newContext({ baseURL: url });
  const [name, value] = cookie.split("=");
  await context.addCookies([{ name, value, url }]);
  const page = await context.newPage();
  await page.goto(path);
  const body = await page.evaluate(() => {
    const button = document.querySelector("button[name=do][value=preview]");
    return new URLSearchParams(new FormData(button.form, button)).toString();
  });
  await browser.close();
  return body;
}

/**
 * The pages; `at` is path and query of the page of a run, `body` the form that is sent there, and `stranger` says that
 * whoever asks has not signed in.
 */
async function list(filled, preview) {
  const [{ events: [newest] }, names, countries, addresses, users] = await Promise.all([
    api("events?limit=1"),
    groups("name"),
    groups("properties.country"),
    groups("ip"),
    groups("user"),
  ]);
  const end = Date.parse(newest.time);
  const day = (run, days = 1) => {
    const to = end - (run % (30 - days)) * DAY;
    return { from: new Date(to - days * DAY).toISOString(), to: new Date(to).toISOString() };
  };
  const at = (path, given) => `${path}?${new URLSearchParams(given)}`;
  // Neither the most frequent alone, nor only the rare.
  const one = (values, run) => values[(run * 7) % values.length];
  const name = (run) => `name:${one(names, run)}`;
  const user = (run) => Object.entries(JSON.parse(one(users, run))).map(([key, value]) => [`user.${key}`, value]);
  const { events } = await api("events?limit=1000");
  return [
    { name: "events, the latest", at: () => "/" },
    { name: "events of a day, by name", at: (run) => at("/", { ...day(run), by: "name" }) },
    { name: "a day, by country, grouped by user", at: (run) => at("/", { ...day(run), by: "properties.country", group: "user" }) },
    { name: "one event of a day, by name, grouped by address", at: (run) => at("/", { ...day(run), filter: name(run), by: "name", group: "ip" }) },
    { name: "one event of a week, by country", at: (run) => at("/", { ...day(run, 7), filter: name(run), by: "properties.country" }) },
    {
      name: "one event of a week from a country, by plan, grouped by address",
      at: (run) => {
        const filter = `${name(run)} properties.country:${one(countries, run)} status:200,302 -path^/admin`;
        return at("/", { ...day(run, 7), filter, by: "properties.plan", group: "ip" });
      },
    },
    { name: "an event", at: (run) => at(`/event/${one(events, run).id}`, { time: one(events, run).time }) },
    { name: "an address", at: (run) => at("/actor", { ip: one(addresses, run) }) },
    { name: "a user", at: (run) => at("/actor", user(run)) },
    { name: "a playbook", at: () => `/playbooks/${filled.playbook}` },
    { name: "a new playbook", at: () => "/playbooks/new?template=credential-stuffing" },
    { name: "a playbook's editor", at: () => `/playbooks/${filled.playbook}/edit` },
    { name: "a playbook's editor, with a preview", at: () => `/playbooks/${filled.playbook}/edit`, body: preview },
    { name: "a run", at: (run) => `/runs/${one(filled.runs, run)}` },
    { name: "a delivery", at: (run) => `/notifications/deliveries/${one(filled.deliveries, run)}` },
    { name: "sign-in", at: () => "/signin", stranger: true },
    ...["actions", "playbooks", "runs", "delivery", "apps", "notifications", "people", "audit", "account", "views"].map((path) => ({ name: path, at: () => `/${path}` })),
  ];
}

async function groups(by) {
  const { groups } = await api(`events/groups?by=${by}&limit=1000`);
  return groups.map(({ value }) => value);
}

/** Calls the API, and returns the answer; `undefined` where it is a conflict, with what an earlier measurement made. */
async function api(path, { method = "GET", body } = {}) {
  const headers = { authorization: `Bearer ${API}`, "content-type": "application/json" };
  const { status, text } = await ask(`/api/v1/${path}`, headers, { method, body: body && JSON.stringify(body) });
  if (status === 409) return undefined;
  if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
  return JSON.parse(text);
}

/** Asks the server, and reads the answer to its end. */
function ask(path, headers, { method = "GET", headers: more, body } = {}) {
  return new Promise((done, failed) => {
    const asked = request(`${url}${path}`, { agent, method, headers: { ...headers, ...more } }, (answer) => {
      const pieces = [];
      answer.on("data", (piece) => pieces.push(piece));
      answer.on("error", failed);
      answer.on("end", () => {
        const all = Buffer.concat(pieces);
        done({ status: answer.statusCode, headers: answer.headers, bytes: all.length, text: all.toString() });
      });
    });
    asked.on("error", failed);
    asked.end(body);
  });
}

function percentile(times, share) {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * share) - 1];
}

/** In the page: when it was painted, in milliseconds since it was asked for. */
async function painted() {
  for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
  return performance.getEntriesByType("paint").map(({ name, startTime }) => ({ name, startTime }));
}
