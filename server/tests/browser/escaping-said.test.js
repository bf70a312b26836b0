// Whatever reaches a page by way of playbooks, notifications and people is shown as text, too.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Agent, record } from "./lib/agent.js";
import { signIn, visit } from "./lib/browser.js";
import { assertClean, assertShown, foreign, readAll, text } from "./lib/foreign.js";
import { PAYLOADS, asText, cut } from "./lib/payloads.js";
import { startServer, until } from "./lib/programs.js";
import { startHook } from "./lib/receivers.js";

/** The most bytes of a playbook's name, of a comment, and of one text in a table. */
const [MAX_NAME, MAX_COMMENT, SHOWN] = [128, 256, 256];

const hook = await startHook();
const server = await startServer({ SQREEN_SERVER_NOTIFY_INTERNAL: "true" });
after(() => Promise.all([server, hook].map((running) => running.stop())));
const state = await signIn(server);
hook.status = 503;
const agent = await Agent.login(server, "shop");
for (const [nth, payload] of PAYLOADS.entries()) {
  await tell(nth, payload);
  await fire(nth, payload);
  await name(payload);
}
const { runs } = await until("all playbooks fired", async () => {
  const found = await server.api("GET", "runs?limit=1000");
  return found.runs.filter(({ outcome }) => outcome === "enforced").length === PAYLOADS.length && found;
});
const deliveries = await until("all of it was told", async () => {
  const { deliveries } = await server.api("GET", "notifications/deliveries?limit=1000");
  const fired = deliveries.filter(({ playbook }) => playbook);
  return fired.length === PAYLOADS.length && fired;
});

/** A destination that is told of the playbook of the text, and answers with the text. Names take no line breaks. */
async function tell(nth, payload) {
  const name = `${nth} ${cut(payload, 90).replace(/\p{Cc}/gu, " ")}`.trim();
  const { id } = await server.api("POST", "notifications/destinations", {
    name,
    kind: "webhook",
    url: `${hook.url}/${encodeURIComponent(cut(payload, 90))}`,
    playbooks: [`p-${nth}`],
  });
  hook.says = payload;
  await server.api("POST", `notifications/destinations/${id}/test`);
}

/** A playbook of that name fires on a user of that name, in a group of that name, over a value of that name. */
async function fire(nth, payload) {
  await server.api("PUT", `playbooks/p-${nth}`, {
    name: cut(payload, MAX_NAME),
    description: payload.slice(0, 4_000),
    trigger: { event: [`fired.${nth}`] },
    cancel: { event: [cut(payload, 256)], apps: [cut(payload, 256)] },
    actor: "user",
    group_by: "properties.group",
    first_seen: "properties.kind",
    period: "24h",
    responses: [{ action: "block_user", duration: ["24h"] }],
    stage: "enforce",
  });
  const user_identifiers = { [cut(payload, 128)]: cut(payload, 1_000) };
  for (const kind of ["before", payload]) {
    const properties = { kind, group: payload };
    await agent.send(record(`fired.${nth}`, { options: { user_identifiers, properties } }));
  }
}

/** A token, a saved view and an allowed address, each under that name, and someone who calls himself so. */
async function name(payload) {
  const comment = cut(payload, MAX_COMMENT);
  const { id } = await server.api("POST", "tokens", { kind: "app", app: comment, comment });
  if (PAYLOADS.indexOf(payload) % 2) await server.api("DELETE", `tokens/${id}`);
  await server.api("POST", "views", { name: [...payload].slice(0, 100).join(""), place: "/?last=24h" });
  await server.api("POST", "allowlist", { ips: ["192.0.2.1"], comment });
  const body = new URLSearchParams({ name: payload, password: "wrong" });
  await fetch(`${server.url}/signin`, { method: "POST", body, redirect: "manual" });
}

// With its policy, a page must report no breach of it; without, what was let in would run.
for (const policy of [true, false]) {
  const options = { state, policy };
  const kind = policy ? "" : ", even without a content security policy";

  test(`each text is shown as it is among the playbooks, their runs and what they decided${kind}`, async () => {
    await visit(server, options, async (page) => {
      for (const path of ["/playbooks", "/runs", "/actions"]) assertShown(await readAll(page, path), MAX_NAME);
    });
  });

  test(`each text is shown as it is among what was told, to whom, and what they answered${kind}`, async () => {
    await visit(server, options, async (page) => {
      const shown = await readAll(page, "/notifications");
      for (const payload of PAYLOADS) {
        // The log keeps an answer's words, not its spaces.
        const answer = `answered 503: ${asText(payload).split(/[\t-\r\u0085\p{Z}]+/u).join(" ").trim()}`;
        assert.ok(shown.includes(cut(answer, 60)), `not shown: ${JSON.stringify(answer)}`);
      }
    });
  });

  test(`each text is shown as it is among the tokens, the views and in the audit log${kind}`, async () => {
    await visit(server, options, async (page) => {
      assertShown(await readAll(page, "/apps"), SHOWN);
      const views = await readAll(page, "/views");
      for (const payload of PAYLOADS) assert.ok(views.includes(asText(cut(payload, 90)).trim()), JSON.stringify(payload));
      const log = await readAll(page, "/audit");
      assertShown(log, SHOWN);
      assert.ok(log.includes(PAYLOADS[0]), "who tries to sign in may call himself anything");
    });
  });
}

test("each text is shown as it is where it is told why a playbook fired", async () => {
  await visit(server, { state }, async (page) => {
    for (const { id, playbook } of runs) {
      await assertClean(page, `/runs/${id}`);
      const shown = await text(page);
      for (const before of ["Within the group ", "the new value "]) {
        const expected = before + asText(cut(PAYLOADS[playbook.replace("p-", "")], SHOWN));
        assert.ok(shown.includes(expected), `not shown: ${JSON.stringify(expected)}`);
      }
    }
  });
});

test("each text is shown as it is in a notification", async () => {
  await visit(server, { state }, async (page) => {
    for (const { id, playbook } of deliveries) {
      await assertClean(page, `/notifications/deliveries/${id}`);
      // What a notice says is one line.
      const name = cut(PAYLOADS[playbook.replace("p-", "")], MAX_NAME).replace(/\p{Cc}/gu, "");
      assert.ok((await text(page)).includes(`${name} `), JSON.stringify(name));
    }
  });
});

test("each text is shown as it is where runs are looked for by it", async () => {
  await visit(server, { state }, async (page) => {
    for (const payload of PAYLOADS) {
      const given = cut(payload, 2_000);
      await assertClean(page, `/runs?${new URLSearchParams({ playbook: given, outcome: given, actor: given })}`);
    }
  });
});

test("a text is shown as it is where a form sends it back", async () => {
  await visit(server, { state }, async (page, visit) => {
    for (const payload of PAYLOADS.filter((payload) => payload.includes('">') || payload.startsWith("</"))) {
      await page.goto("/apps");
      await page.getByLabel("App, for the agents of one").fill(payload);
      await page.getByLabel("Name, to know it by").fill(payload);
      await page.getByRole("button", { name: "Make" }).click();
      visit.expect("answer: /apps/tokens 400");
      await page.getByRole("alert").waitFor();
      assert.equal(await page.getByLabel("Name, to know it by").inputValue(), payload);
      assert.deepEqual(await page.evaluate(foreign), []);
    }
  });
});
