// The programs under test: built by cargo, on ports of their own, with a data directory that ends with them.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

const ROOT = resolve(import.meta.dirname, "../../../..");
const TARGET = resolve(ROOT, process.env.CARGO_TARGET_DIR ?? "target", "debug");
/** For whatever comes in the end, in milliseconds; far more than it takes. */
const DEADLINE = 20_000;
const ANY_PORT = "127.0.0.1:0";

/** The programs that run, and their data directories. */
const running = new Map();
// A test run that is cut short leaves neither behind.
process.on("exit", () => {
  for (const [child, dir] of running) {
    child.kill("SIGKILL");
    rmSync(dir, { recursive: true, force: true });
  }
});
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

/** `sqreen-server`; nothing is stored in it yet. `settings` are variables of its environment, beside its address. */
export function startServer(settings = {}) {
  return start("sqreen-server", ["--addr", ANY_PORT], ["ingest_token", "api_token", "explorer"], settings);
}

/** The quickstart example: the backend, and a shop at `app` whose events go there. */
export function startQuickstart() {
  const ports = ["--app-addr", ANY_PORT, "--server-addr", ANY_PORT];
  return start("examples/quickstart", ports, ["app", "explorer", "api_token", "ingest_token"]);
}

async function start(path, options, names, settings = {}) {
  const program = join(TARGET, path);
  assert.ok(existsSync(program), `${program} is missing: cargo build --workspace --bins --examples`);
  const dir = await mkdtemp(join(tmpdir(), "sqreen-browser-"));
  const ours = ([name]) => !name.startsWith("SQREEN_");
  const child = spawn(program, [...options, "--data-dir", dir], {
    env: { ...Object.fromEntries(Object.entries(process.env).filter(ours)), ...settings },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.set(child, dir);
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (log += text));
  const ended = new Promise((done) => {
    child.once("error", (error) => done(error.message));
    child.once("exit", (code, signal) => done(signal ?? code));
  });
  ended.then(() => running.delete(child));

  const printed = {};
  const lines = createInterface({ input: child.stdout });
  const told = new Promise((done) => {
    lines.on("line", (line) => {
      const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
      if (names.includes(name)) printed[name] = value;
      if (names.every((name) => name in printed)) done();
    });
  });
  const late = sleep(DEADLINE, "nothing more was printed", { ref: false });
  const failure = await Promise.race([told, ended, late]);
  if (failure !== undefined) {
    child.kill("SIGKILL");
    await rm(dir, { recursive: true, force: true });
    assert.fail(`${path} did not start: ${failure}\n${log}`);
  }
  return new Program(printed, dir, async () => {
    child.kill("SIGTERM");
    const code = await Promise.race([ended, sleep(DEADLINE, "no end", { ref: false })]);
    await rm(dir, { recursive: true, force: true });
    assert.equal(code, 0, `${path} did not stop as it should\n${log}`);
  }, child);
}

/** A program that runs. */
class Program {
  /** Ends it as an operator does, and removes what it stored. */
  stop;
  #child;

  constructor(printed, dir, stop, child) {
    /** Its data directory. */
    this.dir = dir;
    /** Where the shop is, if there is one. */
    this.app = printed.app;
    /** The link that signs in. */
    this.explorer = printed.explorer;
    this.url = new URL(printed.explorer).origin;
    this.apiToken = printed.api_token;
    this.ingestToken = printed.ingest_token;
    this.stop = stop;
    this.#child = child;
  }

  /**
   * Lets it run for a few milliseconds of each half second until `work` has ended, as on a machine that is far too busy;
   * `work` gets what stands it still.
   */
  async throttle(work) {
    let over = false;
    let still = false;
    const pulses = (async () => {
      while (!over) {
        if (!still) this.#child.kill("SIGCONT");
        await sleep(5);
        this.#child.kill("SIGSTOP");
        await sleep(500);
      }
    })();
    try {
      return await work(() => (still = true));
    } finally {
      over = true;
      await pulses;
      this.#child.kill("SIGCONT");
    }
  }

  /** Calls `/api/v1`, and returns the answer. */
  async api(method, path, body) {
    const answer = await fetch(`${this.url}/api/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${this.apiToken}`, "content-type": "application/json" },
      body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
    return text && JSON.parse(text);
  }

  /** What `/metrics` says. */
  async metrics() {
    const answer = await fetch(`${this.url}/metrics`, { headers: { authorization: `Bearer ${this.apiToken}` } });
    assert.equal(answer.status, 200);
    return answer.text();
  }

  /** Adds someone who signs in with this password. */
  async addPerson(name, role, password) {
    const { id } = await this.api("POST", "people", { name, role });
    const { link } = await this.api("POST", `people/${id}/password-link`);
    const code = new URL(link, this.url).searchParams.get("code");
    const body = new URLSearchParams({ code, password });
    const answer = await fetch(`${this.url}/signin/link`, { method: "POST", body, redirect: "manual" });
    assert.equal(answer.status, 303);
  }

  /** Waits until this many events are stored. */
  stored(count) {
    return until(`${count} events are stored`, async () => {
      const { events } = await this.api("GET", "events?limit=1000");
      return events.length >= count;
    });
  }
}

/** Asks until the answer is yes, and returns it. */
export async function until(what, ask) {
  const end = Date.now() + DEADLINE;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    assert.ok(Date.now() < end, `still not so: ${what}`);
    await sleep(20);
  }
}
