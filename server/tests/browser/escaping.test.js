// Whatever is captured is shown as text: nothing of it runs, or becomes an element.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Agent, record } from "./lib/agent.js";
import { signIn, visit } from "./lib/browser.js";
import { assertClean, assertShown, foreign, readAll, text } from "./lib/foreign.js";
import { PAYLOADS, asText, cut } from "./lib/payloads.js";
import { startServer } from "./lib/programs.js";

/** The most bytes of an event's name, and of an app's. */
const MAX_NAME = 256;

const server = await startServer();
after(() => server.stop());
const state = await signIn(server);
for (const payload of PAYLOADS) {
  await capture(payload);
  await decide(payload);
  await watch(payload);
}

/** Sends an event that has the text in every field that can hold it, from an app and a host of that name. */
async function capture(text) {
  const own = { [text]: text };
  const agent = await Agent.login(server, cut(text.replace(/[^ -~]/g, ""), MAX_NAME), {
    hostname: text,
    environment: text,
    agent_type: text,
    agent_version: text,
  });
  const request = {
    rid: text,
    verb: text,
    scheme: text,
    host: text,
    path: `/${text}`,
    endpoint: text,
    user_agent: text,
    referer: text,
    headers: [[text, text]],
    parameters: { query: own, form: own, path: own, json: { [text]: [text, own] }, rawbody: text, [text]: own },
  };
  const options = {
    properties: { ...own, nested: [text, own] },
    user_identifiers: { ...own, email: text },
    collect_body: true,
  };
  await agent.send(record(cut(text, MAX_NAME), { options, request, traits: own }));
}

/** Makes an action with the text in every field of it, and an entry of the allow list. */
async function decide(text) {
  const comment = cut(text, 1_000);
  const users = [{ [cut(text, 128)]: cut(text, 8_000) }];
  await server.api("POST", "actions", { action: "block_user", users, app: cut(text, MAX_NAME), comment });
  await server.api("POST", "allowlist", { paths: [`/${comment}`], comment });
}

/** Makes a playbook with the text in every field of it that takes any. */
async function watch(text) {
  const slug = `p-${PAYLOADS.indexOf(text)}`;
  const trigger = { event: [cut(text, 256)], where: `path:"${cut(text, 500).replace(/["\\]/g, "\\$&")}"`, apps: [cut(text, 256)] };
  const rule = { trigger, actor: "ip", at_least: 1, period: "5min", stage: "shadow" };
  await server.api("PUT", `playbooks/${slug}`, { ...rule, name: cut(text, 128), description: cut(text, 4_000) });
}

const query = (params) => new URLSearchParams(params).toString();
// With its policy, a page must report no breach of it; without, what was let in would run.
for (const policy of [true, false]) {
  const options = { state, policy };
  const kind = policy ? "" : ", even without a content security policy";

  test(`each text is shown as it is among the events${kind}`, async () => {
    await visit(server, options, async (page) => {
      assertShown(await readAll(page, "/"), MAX_NAME);
    });
  });

  test(`each text is shown as it is among the actions, what is allowed and the agents${kind}`, async () => {
    await visit(server, options, async (page) => {
      assertShown(await readAll(page, "/actions"), 1_000);
    });
  });
}

test("each text is shown as it is on the pages of its playbook", async () => {
  await visit(server, { state }, async (page) => {
    assertShown(await readAll(page, "/playbooks"), 128);
    for (const [nth, payload] of PAYLOADS.entries()) {
      await assertClean(page, `/playbooks/p-${nth}`);
      assert.ok((await text(page)).includes(asText(cut(payload, 128))), JSON.stringify(payload));
      await assertClean(page, `/playbooks/p-${nth}/edit`);
    }
    await assertClean(page, "/runs");
  });
});

for (const [by, bytes] of [["name", MAX_NAME], ["hostname", 200], ["path", 200], ["user.email", 200]]) {
  test(`each text is shown as it is among the groups by ${by}`, async () => {
    await visit(server, { state }, async (page) => {
      // What is longer than a table shows, or among the rarest, is elsewhere.
      await assertClean(page, `/?by=${by}&group=${by}`);
      // As many as there are bytes for.
      const rows = await page.locator(".groups tbody tr").count();
      assert.ok(rows > 10 && rows <= 25, `${rows} rows`);
      const value = page.locator(".groups .v").first();
      const shown = (await value.innerText()).slice(0, bytes);
      await value.click();
      await page.waitForURL(/filter=/);
      assert.ok((await text(page)).includes(shown), shown);
      assert.deepEqual(await page.evaluate(foreign), []);
    });
  });
}

test("each text is shown as it is on the page of its event", async () => {
  const { events } = await server.api("GET", "events?limit=1000");
  await visit(server, { state }, async (page) => {
    for (const { id, time, referer } of events) {
      await assertClean(page, `/event/${id}?time=${time}`);
      const shown = await text(page);
      assert.ok(shown.includes(asText(cut(referer, MAX_NAME))), JSON.stringify(referer));
    }
  });
});

test("each text is proposed as it is", async () => {
  await visit(server, { state }, async (page) => {
    await page.goto("/");
    const input = page.getByLabel("Filter", { exact: true });
    for (const start of ["name:", 'name:"<', "path:/<", "user.email:", "hostname:", 'referer:"', "app:"]) {
      await input.fill(start);
      await page.locator("#proposals li").first().waitFor();
      assert.deepEqual(await page.evaluate(foreign), [], start);
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      assert.notEqual(await input.inputValue(), start);
      await input.fill("");
    }
  });
});

test("each text is shown as it is while the list goes on", async () => {
  await visit(server, { state }, async (page) => {
    await page.goto("/?limit=1");
    await page.getByRole("button", { name: "Live" }).click();
    await page.getByText("live, 0 new").waitFor();
    for (const payload of PAYLOADS) await capture(payload);
    await page.getByText(`live, ${PAYLOADS.length} new`).waitFor();
    assertShown(await text(page), MAX_NAME);
    assert.deepEqual(await page.evaluate(foreign), []);
  });
});

test("each text is shown as it is where a page is asked for it", async () => {
  await visit(server, { state }, async (page) => {
    for (const payload of PAYLOADS) {
      // With each of its bytes escaped, all of these fit into a URL.
      const given = cut(payload, 2_000);
      await assertClean(page, `/?${query({ filter: `"${given.replace(/["\\]/g, "\\$&")}"` })}`);
      await assertClean(page, `/actor?${query({ [`user.${given}`]: given, "user.email": given })}`);
      assert.ok((await text(page)).includes(asText(given)), `not on the actor's page: ${JSON.stringify(given)}`);
      const form = { ip: given, user: given, app: given, comment: given, url: given, back: given, duration: given };
      await assertClean(page, `/actions?${query(form)}`);
    }
  });
});
