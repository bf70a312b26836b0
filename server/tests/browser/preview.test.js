// The editor's preview: it follows the rule while that is typed, and can be given up.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Agent, record } from "./lib/agent.js";
import { LOOKS, signIn, visit } from "./lib/browser.js";
import { assertAccessible, assertFits } from "./lib/checks.js";
import { startServer, until } from "./lib/programs.js";

const SENDS = 30;
const EACH = 250;
const KEYS = 60;

// Many segments: between two of them, a preview looks whether anybody still waits.
const server = await startServer({ SQREEN_SERVER_SEAL_ROWS: String(EACH) });
after(() => server.stop());
const state = await signIn(server);
const agent = await Agent.login(server, "shop");
const wide = (of) => Object.fromEntries(Array.from({ length: KEYS }, (_, key) => [`k${key}`, of]));
for (let send = 0; send < SENDS; send++) {
  await agent.send(...Array.from({ length: EACH }, (_, nth) => record("wide", { options: { properties: wide(`${send}-${nth}`) } })));
}
/** No event has any of it, which takes a build without optimizations long to find out. */
const LABORIOUS = Array.from({ length: 2 * KEYS }, (_, nth) => `properties.k${nth % KEYS}:*${nth}z*`).join(" or ");
// One address with nine wrong passwords, one with seven, one with two.
for (const [ip, times] of [["203.0.113.9", 9], ["203.0.113.7", 7], ["203.0.113.2", 2]]) {
  const login = () => record("users.login", { client_ip: ip, options: { properties: { success: false } } });
  await agent.send(...Array.from({ length: times }, login));
}

const metric = async (name) => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(await server.metrics())[1]);
const cancelled = () => metric("sqreen_store_cancelled_scans_total");

async function compose(page, { threshold = "6", event = "users.login", where = "properties.success:false" } = {}) {
  await page.goto("/playbooks/new");
  await page.getByLabel("Name").fill("Tried");
  await page.getByLabel("Slug").fill("tried");
  await page.getByLabel("Events, one a line").first().fill(event);
  await page.getByLabel("Where").first().fill(where);
  await page.getByLabel("Events, at least").fill(threshold);
  await page.getByLabel("Within, such as").fill("5min");
}

const part = (page) => page.getByRole("region", { name: "Preview", exact: true });

/** The threshold that the curve marks as the playbook's own, and the actors that it catches. */
async function own(page) {
  const row = part(page).locator("tr", { has: page.locator(".mark") });
  return (await row.locator("td").allTextContents()).map((text) => text.trim());
}

for (const look of LOOKS) {
  const { width, scheme } = look;
  test(`a preview follows the rule without a click, ${width} px, ${scheme}`, async () => {
    await visit(server, { ...look, state }, async (page, visit) => {
      await compose(page);
      const preview = part(page);
      await preview.getByText("it would have fired 2 times on 2 actors").waitFor();
      await preview.getByRole("link", { name: "203.0.113.9" }).waitFor();
      assert.deepEqual(await own(page), ["6 this one", "2"]);
      await preview.getByText("The curve as a table").click();
      await visit.picture(page, "preview");
      await assertFits(page);
      await assertAccessible(page);

      await page.getByLabel("Events, at least").fill("8");
      await preview.getByText("it would have fired 1 time on 1 actor").waitFor();
      assert.deepEqual(await own(page), ["8 this one", "1"]);
      assert.equal(await preview.getByRole("link", { name: "203.0.113.7" }).count(), 0);
      await page.getByLabel("Events, at least").fill("40");
      await preview.getByText("it would not have fired").waitFor();
      assert.equal(await page.getByLabel("Name").inputValue(), "Tried");
      const { playbooks } = await server.api("GET", "playbooks");
      assert.deepEqual(playbooks, [], "nothing is saved");
    });
  });
}

test("what keeps a preview from being made is said at its field, once it was filled in", async () => {
  await visit(server, { state }, async (page, visit) => {
    await page.goto("/playbooks/new");
    const preview = part(page);
    await page.getByLabel("Events, one a line").first().fill("users.login");
    await preview.getByRole("link", { name: /^at_least: missing/ }).waitFor();
    const least = page.getByLabel("Events, at least");
    assert.equal(await least.getAttribute("aria-invalid"), null, "it was not reached yet");

    await least.fill("many");
    await preview.getByRole("link", { name: /^at_least: / }).waitFor();
    await page.locator("[aria-invalid=true]").waitFor();
    const said = `#${await least.getAttribute("aria-describedby")}`;
    assert.match(await page.locator(said).textContent(), /\d/, "the bounds are told");
    await visit.picture(page, "preview-wrong");
    await assertFits(page);
    await assertAccessible(page);

    await least.fill("6");
    await preview.getByRole("link", { name: /^period: missing/ }).waitFor();
    assert.equal(await least.getAttribute("aria-invalid"), null);
    assert.equal(await page.locator(said).count(), 0);
    await page.getByLabel("Within, such as").fill("5min");
    await preview.getByText("it would have fired").waitFor();
  });
});

test("a preview that takes long tells how far it is, and is given up by a click, an edit and by leaving", async () => {
  await visit(server, { state }, async (page, visit) => {
    const given = async (what, before) => until(what, async () => (await cancelled()) > before);
    let before = await cancelled();
    await compose(page, { event: "wide", where: LABORIOUS, threshold: "2" });
    const preview = part(page);
    const rows = preview.getByText(/^[1-9].* of .+ rows$/);
    await rows.waitFor();
    await visit.picture(page, "preview-slow");
    await assertAccessible(page);
    await preview.getByRole("button", { name: "Cancel" }).click();
    await preview.getByText("Cancelled.").waitFor();
    await given("the server has ended it after a click", before);
    assert.ok(await preview.getByRole("button", { name: "Preview" }).evaluate((button) => button === document.activeElement));
    assert.equal(await rows.isVisible(), false);

    before = await cancelled();
    await preview.getByRole("button", { name: "Preview" }).click();
    await rows.waitFor();
    await page.getByLabel("Where").first().fill("properties.k1:nothing");
    await given("the server has ended it after an edit", before);
    await preview.getByText("there was no event for it").waitFor();

    before = await cancelled();
    await page.getByLabel("Where").first().fill(LABORIOUS);
    await rows.waitFor();
    await page.goto("/playbooks");
    await given("the server has ended it with the page", before);
  });
});

test("without script, a button makes the preview", async () => {
  await visit(server, { state, script: false }, async (page, visit) => {
    await compose(page);
    const preview = part(page);
    await preview.getByText("is shown here").waitFor();
    await preview.getByRole("button", { name: "Preview" }).click();
    await preview.getByText("it would have fired 2 times on 2 actors").waitFor();
    assert.equal(await page.getByLabel("Events, at least").inputValue(), "6");
    await page.getByLabel("Events, at least").fill("8");
    await page.getByLabel("Over the last").selectOption("6");
    await preview.getByRole("button", { name: "Preview" }).click();
    await preview.getByText("In the last 6 hours, it would have fired").waitFor();
    assert.deepEqual(await own(page), ["8 this one", "1"]);
    assert.equal(new URL(page.url()).hash, "#preview");
    await visit.picture(page, "preview-no-script");

    visit.expect("answer: /playbooks/new 400");
    await page.getByLabel("Events, at least").fill("many");
    await preview.getByRole("button", { name: "Preview" }).click();
    await page.getByRole("alert").getByRole("link", { name: /^at_least: / }).waitFor();
    assert.equal(await page.getByLabel("Events, at least").getAttribute("aria-invalid"), "true");
  });
});

test("an editor of what is there shows what it would do at once", async () => {
  const rule = { trigger: { event: "users.login" }, actor: "ip", at_least: 7, period: "5min" };
  await server.api("PUT", "playbooks/there", rule);
  await visit(server, { state }, async (page) => {
    await page.goto("/playbooks/there/edit");
    await part(page).getByText("it would have fired 2 times on 2 actors").waitFor();
  });
  await server.api("DELETE", "playbooks/there");
});
