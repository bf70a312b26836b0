// The harness itself: each thing that a visit must not overlook fails it.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, test } from "node:test";
import { visit } from "./lib/browser.js";
import { assertAccessible, assertFits, assertStandsOut, tabTo } from "./lib/checks.js";

const STRICT = "default-src 'none'; style-src 'unsafe-inline'";
const PAGES = {
  "/calm": ["<p>calm"],
  "/inline": ["<script>document.title = 'ran'</script>", STRICT],
  "/handler": ["<img src='data:,' onerror='alert(1)'>", `${STRICT}; img-src data:`],
  "/dialog": ["<script>alert('hello')</script>"],
  "/throws": ["<script>throw new Error('thrown')</script>"],
  "/warns": ["<script>console.warn('odd')</script>"],
  "/missing-image": ["<img src='/nowhere' alt=''>"],
  "/elsewhere": ["<img src='http://127.0.0.1:1/' alt=''>"],
  "/window": ["<script>window.open('/calm')</script>"],
  "/unlabelled": ["<input><button></button>"],
  "/wide": ["<div style='width: 2000px'>wide</div>"],
  "/faint": ["<style>body { background: white } input { border: 1px solid #d9dee7 }</style><input aria-label='faint'>"],
  "/no-ring": ["<style>a { outline: none }</style><a href='/calm'>calm</a>"],
};

const listener = createServer((request, response) => {
  const [body, policy] = PAGES[request.url] ?? [];
  const type = { "content-type": "text/html; charset=utf-8" };
  response.writeHead(body ? 200 : 404, policy ? { ...type, "content-security-policy": policy } : type);
  const head = "<!doctype html><html lang='en'><title>t</title><link rel='icon' href='data:,'>";
  response.end(head + (body ?? "nothing"));
});
await new Promise((done) => listener.listen(0, "127.0.0.1", done));
after(() => listener.close());
const server = { url: `http://127.0.0.1:${listener.address().port}` };

const open = (path, more = () => {}, options = {}) =>
  visit(server, options, async (page, visit) => {
    await page.goto(path, { waitUntil: "load" });
    await more(page, visit);
  });

test("a page that does nothing wrong passes", () => open("/calm"));

const overlooked = [
  ["/inline", /content security policy: script-src-elem inline/],
  ["/handler", /content security policy: script-src-attr inline/],
  ["/dialog", /dialog: hello/],
  ["/throws", /script: Error: thrown/],
  ["/warns", /console: odd/],
  ["/missing-image", /answer: \/nowhere 404/],
  ["/elsewhere", /request: http:\/\/127\.0\.0\.1:1\/ failed/],
];
for (const [path, complaint] of overlooked) {
  test(`${path} fails a visit`, () => assert.rejects(open(path), complaint));
}

test("/window fails a visit", async () => {
  const opened = visit(server, {}, async (page) => {
    // It opens in its own time.
    await Promise.all([page.waitForEvent("popup"), page.goto("/window")]);
  });
  await assert.rejects(opened, /window: /);
});

test("what is expected may happen, and must", async () => {
  await open("/missing-image", (_, visit) => visit.expect("answer: /nowhere 404"));
  const expected = open("/calm", (_, visit) => visit.expect("answer: /nowhere 404"));
  await assert.rejects(expected, /did not happen: answer: \/nowhere 404/);
});

test("without its policy, a page runs what was let in", async () => {
  await assert.rejects(open("/handler", undefined, { policy: false }), /dialog: 1/);
});

test("a test that fails tells what the page did besides", async () => {
  const failing = open("/throws", () => assert.fail("not as expected"));
  await assert.rejects(failing, /not as expected\n\nbesides:\nscript: Error: thrown/);
});

test("the checks of every page fail where they should", async () => {
  await assert.rejects(open("/unlabelled", assertAccessible), /button-name.*[^]*label/);
  await assert.rejects(open("/wide", assertFits, { width: 380 }), /2\d\d\d px wide/);
  await assert.rejects(open("/faint", assertStandsOut), /faint/);
  const link = (page) => tabTo(page, page.getByRole("link"));
  await assert.rejects(open("/no-ring", link), /cannot be seen/);
});
