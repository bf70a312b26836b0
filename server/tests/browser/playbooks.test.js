// An operator makes a playbook of a template, sees what it would do, lets it act, and takes it back.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Agent, record } from "./lib/agent.js";
import { LOOKS, PASSWORD, signIn, visit } from "./lib/browser.js";
import { assertAccessible, assertFits } from "./lib/checks.js";
import { startServer, until } from "./lib/programs.js";

const server = await startServer();
after(() => server.stop());
const state = await signIn(server);
const agent = await Agent.login(server, "shop");

/** Wrong passwords from an address, just now. */
async function attack(ip, times = 6) {
  const login = (nth) =>
    record("users.login", {
      options: { user_identifiers: { email: `u${nth}@example.com` }, properties: { success: false } },
      client_ip: ip,
    });
  await agent.send(...Array.from({ length: times }, (_, nth) => login(nth)));
}

const runs = async (query = "") => (await server.api("GET", `runs?${query}`)).runs;
const fired = (slug, outcome) =>
  until("it fired", async () => (await runs(`playbook=${slug}`)).some((run) => run.outcome === outcome));

async function compose(page, { name, slug, events = "6" }) {
  await page.goto("/playbooks/new");
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Slug").fill(slug);
  await page.getByLabel("Events, one a line").first().fill("users.login");
  await page.getByLabel("Where").first().fill("properties.success:false");
  await page.getByLabel("Events, at least").fill(events);
  await page.getByLabel("Within, such as").fill("5min");
  await page.getByLabel("Response 1").selectOption("block_ip");
  await page.getByLabel("For", { exact: true }).first().fill("5min, 1h");
}

for (const script of [true, false]) {
  const kind = script ? "with" : "without";
  test(`a playbook goes from draft to enforce, explains itself and is undone, ${kind} script`, async () => {
    const slug = `wrong-${kind}`;
    const [first, second] = script ? ["203.0.113.1", "203.0.113.2"] : ["203.0.113.3", "203.0.113.4"];
    await visit(server, { state, script }, async (page, visit) => {
      const look = async (name) => {
        await visit.picture(page, `playbooks-${kind}-${name}`);
        await assertFits(page);
        if (script) await assertAccessible(page);
      };
      await compose(page, { name: `Wrong ${kind}`, slug });
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByText("Stage: draft").waitFor();
      await page.getByRole("button", { name: "Put to shadow" }).click();
      await page.getByText("Stage: shadow").waitFor();

      await attack(first);
      await fired(slug, "shadowed");
      await page.reload();
      await page.getByRole("region", { name: "Recent runs" }).getByText("would have").waitFor();
      assert.equal((await server.api("GET", "actions")).actions.length, 0, "nobody is blocked in shadow");
      await look("shadow");

      await page.getByRole("button", { name: "Put to enforce" }).click();
      await page.getByText("Stage: enforce").waitFor();
      await attack(second);
      await fired(slug, "enforced");
      await page.goto("/actions");
      const live = page.getByRole("region", { name: "Actions in force" });
      await live.getByRole("link", { name: "Why it was decided" }).click();
      await page.getByText("It fired, and did what it says.").waitFor();
      const events = page.getByRole("region", { name: "Events of the run" });
      assert.equal(await events.getByRole("row").count(), 7, "a head and six events");
      await page.getByText("by the word of").waitFor();
      await page.getByText("Its text").click();
      await page.getByText(`slug = "${slug}"`).waitFor();
      await look("run");

      await page.goto(`/actor?ip=${second}`);
      await page.getByRole("region", { name: "Playbooks that fired" }).getByText("acted").waitFor();
      await page.goto(`/runs?playbook=${slug}&outcome=enforced`);
      await page.getByRole("region", { name: "Runs" }).last().getByRole("link").first().click();
      await page.getByRole("button", { name: "Undo" }).click();
      await page.getByText("Undone by").waitFor();
      assert.equal((await server.api("GET", "actions")).actions.length, 0, "it is lifted");

      await page.goto(`/playbooks/${slug}`);
      await page.getByText("Remove this playbook").click();
      await page.getByRole("button", { name: "Remove" }).click();
      await page.getByText("No playbook watches your events yet.").waitFor();
    });
  });
}

test("all that a playbook did is lifted at once, by those who may", async () => {
  const rule = { trigger: { event: "coupon.tried" }, actor: "ip", at_least: 2, period: "5min", stage: "enforce" };
  await server.api("PUT", "playbooks/coupons", { ...rule, responses: [{ action: "block_ip", duration: ["1h"] }] });
  const tried = ["203.0.113.20", "203.0.113.21"].flatMap((ip) => [ip, ip]);
  await agent.send(...tried.map((ip) => record("coupon.tried", { client_ip: ip })));
  await until("both are blocked", async () => (await server.api("GET", "actions")).actions.length === 2);
  await server.addPerson("vic@example.com", "viewer", PASSWORD);
  for (const look of LOOKS) {
    await visit(server, look, async (page, visit) => {
      visit.expect("answer: /playbooks/coupons 401");
      await page.goto("/playbooks/coupons");
      await page.getByLabel("Name").fill("vic@example.com");
      await page.getByLabel("Password").fill(PASSWORD);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByText("2 actions of it are in force.").waitFor();
      assert.equal(await page.getByRole("button").count(), 0, "a viewer has nothing to press");
      await visit.picture(page, "playbooks-viewer");
      await assertFits(page);
      await assertAccessible(page);
    });
    await visit(server, { ...look, state }, async (page, visit) => {
      await page.goto("/playbooks/coupons");
      await visit.picture(page, "playbooks-in-force");
      await assertFits(page);
      await assertAccessible(page);
    });
  }
  await visit(server, { state }, async (page) => {
    await page.goto("/playbooks/coupons");
    await page.getByRole("button", { name: "Put to shadow and lift everything it did" }).click();
    await page.getByText("Stage: shadow").waitFor();
    await page.getByText("Nothing that it did is in force.").waitFor();
    assert.equal(await page.getByRole("region", { name: "Runs", exact: true }).getByText("undone").count(), 2);
    assert.deepEqual((await server.api("GET", "actions")).actions, []);
  });
  await server.api("DELETE", "playbooks/coupons");
});

test("a template is the start of a playbook, with its tests", async () => {
  await visit(server, { state }, async (page, visit) => {
    await page.goto("/playbooks");
    await page.getByText("Logins", { exact: true }).click();
    await visit.picture(page, "playbooks-templates");
    await assertFits(page);
    await page.getByRole("link", { name: /^Use / }).first().click();
    await page.getByLabel(/^Keep its \d+ tests?$/).waitFor();
    const slug = await page.getByLabel("Slug").inputValue();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Stage: draft").waitFor();
    const stored = await server.api("GET", `playbooks/${slug}`);
    assert.ok(stored.tests.length > 0);
    await server.api("DELETE", `playbooks/${slug}`);
  });
});

test("what is wrong is said at its field, and nothing typed is lost", async () => {
  await visit(server, { state }, async (page, visit) => {
    visit.expect("answer: /playbooks/new 400");
    await compose(page, { name: "Odd <b>one</b>", slug: "odd", events: "many" });
    await page.getByRole("button", { name: "Save" }).click();
    const events = page.getByLabel("Events, at least");
    assert.equal(await events.getAttribute("aria-invalid"), "true");
    assert.equal(await events.inputValue(), "many");
    assert.equal(await page.getByLabel("Name").inputValue(), "Odd <b>one</b>");
    assert.equal(await page.getByLabel("For", { exact: true }).first().inputValue(), "5min, 1h");
    await page.getByRole("alert").getByRole("link", { name: /^at_least: / }).waitFor();
    await visit.picture(page, "playbooks-wrong");
    await assertFits(page);
    await assertAccessible(page);
  });
});

test("pages overwrite neither a file's playbook nor what another saved, unless told to", async () => {
  const trigger = { event: ["users.login"] };
  const base = { trigger, actor: "ip", at_least: 6, period: "5min" };
  await server.api("PUT", "playbooks/shared", { ...base, source: "file" });
  await visit(server, { state }, async (page, visit) => {
    visit.expect("answer: /playbooks/shared/edit 400");
    visit.expect("answer: /playbooks/shared/edit 409");
    await page.goto("/playbooks/shared/edit");
    await page.getByLabel("Events, at least").fill("7");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("alert").getByText("overwrite: ").waitFor();

    await server.api("PUT", "playbooks/shared", { ...base, at_least: 8, version: 1, source: "file" });
    await page.getByLabel("Take the place of the file's version").check();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Version 2 was saved by").waitFor();
    await page.getByRole("region", { name: "What changed" }).getByText("at_least").waitFor();
    assert.equal((await server.api("GET", "playbooks/shared")).at_least, 8);
    await visit.picture(page, "playbooks-conflict");
    await assertFits(page);
    await assertAccessible(page);
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Stage: draft").waitFor();
    assert.equal((await server.api("GET", "playbooks/shared")).at_least, 7);
  });
});
