// What someone does who investigates: search, click, zoom, group, follow, keep, take along; with script and without.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Agent, record } from "./lib/agent.js";
import { PASSWORD, signIn, visit } from "./lib/browser.js";
import { assertFits, assertSound, tabTo } from "./lib/checks.js";
import { startServer, until } from "./lib/programs.js";

const MINUTE = 60_000;
const ANN = "ann@example.com";
const HOME = "198.51.100.7";
const CAFE = "203.0.113.9";

const server = await startServer();
after(() => server.stop());
const state = await signIn(server);
const shop = await Agent.login(server, "shop");
const now = Date.now();
const ago = (minutes) => new Date(now - minutes * MINUTE);
const login = (minutes, client_ip, email, status) =>
  record("users.login", {
    time: ago(minutes),
    client_ip,
    options: { user_identifiers: { email }, properties: { success: status === 200 } },
    request: { verb: "POST", path: "/login" },
    response: { status },
  });
// One address guesses the passwords of three people, hours after two ordinary logins.
await shop.send(
  login(600, HOME, ANN, 200),
  login(599, HOME, "bob@example.com", 200),
  ...["ann", "bob", "cid"].map((name, nth) => login(10 - nth, CAFE, `${name}@example.com`, 401)),
  record("cart.checkout", { time: ago(6), client_ip: CAFE, options: { user_identifiers: { email: ANN }, properties: { amount: 42.5 } } }),
);

/** The names of the events that are listed, and their statuses. */
const listed = (page) =>
  page.locator("#events tr").evaluateAll((rows) =>
    rows.map((row) => `${row.querySelector("strong").textContent} ${row.querySelector("td:nth-child(6)").textContent}`),
  );
const filter = (page) => page.getByLabel("Filter", { exact: true });
const ATTACK = ["cart.checkout 200", "users.login 401", "users.login 401", "users.login 401"];

for (const script of [true, false]) {
  const how = script ? "" : ", without script";

  test(`a click on a value filters by it, and one on ≠ excludes it${how}`, async () => {
    await visit(server, { state, script }, async (page) => {
      await page.goto("/?by=status&group=ip");
      await page.locator("#events").getByRole("link", { name: "401" }).first().click();
      await page.waitForURL(/filter=/);
      assert.equal(await filter(page).inputValue(), "status:401");
      assert.deepEqual(await listed(page), ATTACK.slice(1));
      await page.locator(".groups").getByRole("link", { name: CAFE, exact: true }).click();
      await page.waitForURL(/203\.0\.113\.9/);
      assert.equal(await filter(page).inputValue(), `status:401 ip:${CAFE}`);

      await page.goto("/?by=status&group=ip");
      await page.getByRole("link", { name: "Exclude 200" }).click();
      await page.waitForURL(/filter=/);
      assert.deepEqual(await listed(page), ATTACK.slice(1));
      await page.locator(".groups").getByRole("link", { name: `Exclude ${CAFE}` }).click();
      await page.getByText("No event matches.").waitFor();
      await page.getByRole("link", { name: "Take the filter away" }).click();
      assert.equal((await listed(page)).length, 6);
    });
  });

  test(`a bar leads to its time, and the ways beside lead out again${how}`, async () => {
    await visit(server, { state, script }, async (page) => {
      await page.goto("/?last=24h");
      // The last bar with events is that of the attack, unless that was in two.
      await page.locator(".plot a").first().click();
      await page.waitForURL(/from=/);
      const first = await listed(page);
      assert.ok(first.length >= 1 && first.every((event) => event === "users.login 200"), String(first));
      for (let step = 0; step < 8 && (await listed(page)).length < 6; step++) {
        await page.getByRole("link", { name: "Zoom out" }).click();
      }
      assert.equal((await listed(page)).length, 6);
    });
  });
}

test("dragging over the chart shows the time under it", async () => {
  await visit(server, { state }, async (page, visit) => {
    await page.goto("/?last=24h&by=name");
    const { x, y, width } = await page.locator(".plot").boundingBox();
    const drag = async (from, to) => {
      await page.mouse.move(x + width * from, y + 60);
      await page.mouse.down();
      await page.mouse.move(x + width * (from + to) / 2, y + 60);
      await page.mouse.move(x + width * to, y + 60);
      await visit.picture(page, "explorer-drag");
      await page.mouse.up();
      await page.waitForURL(/from=/);
    };
    await drag(0.85, 1);
    assert.deepEqual(await listed(page), ATTACK);
    const { searchParams } = new URL(page.url());
    assert.ok(Date.parse(searchParams.get("to")) - Date.parse(searchParams.get("from")) < 5 * 60 * MINUTE);
    assert.equal(searchParams.get("last"), null);
    // Leftwards does the same.
    await page.goto("/?last=24h");
    await drag(0.8, 0.3);
    assert.deepEqual(await listed(page), ["users.login 200", "users.login 200"]);
  });
});

for (const script of [true, false]) {
  test(`a time is chosen in the form${script ? "" : ", without script"}, which stays open on a mistake`, async () => {
    await visit(server, { state, script }, async (page, visit) => {
      await page.goto("/?filter=app:shop");
      const at = (minutes) => ago(minutes).toISOString().slice(0, 16);
      const show = async (from, to) => {
        if (!(await page.getByLabel("From (UTC)").isVisible())) await page.getByText("From … to").click();
        await page.getByLabel("From (UTC)").fill(from);
        await page.getByLabel("To (UTC)").fill(to);
        if (script) await assertSound(page);
        const here = page.url();
        await page.getByRole("button", { name: "Show" }).click();
        await page.waitForURL((url) => url.href !== here);
      };
      await show(at(610), at(590));
      assert.deepEqual(await listed(page), ["users.login 200", "users.login 200"]);
      assert.equal(new URL(page.url()).searchParams.get("filter"), "app:shop");

      visit.expect("answer: / 400");
      await show(at(590), at(610));
      await page.getByRole("alert").getByText("from: must be before to").waitFor();
      assert.ok(await page.getByLabel("From (UTC)").isVisible());
      assert.equal(await page.getByLabel("From (UTC)").getAttribute("aria-invalid"), "true");
      assert.equal(await page.getByLabel("To (UTC)").inputValue(), at(610));
      await visit.picture(page, "explorer-times");
      await show(at(610), at(590));
      assert.equal((await listed(page)).length, 2);
    });
  });
}

test("fingers drag over the chart, and tap near a bar", async () => {
  await visit(server, { state, width: 380, touch: true }, async (page) => {
    const open = async () => {
      await page.goto("/?filter=app:shop&last=24h");
      return page.locator(".plot").boundingBox();
    };
    let { x, y, width } = await open();
    const fingers = await page.context().newCDPSession(page);
    const touch = (type, ...at) =>
      fingers.send("Input.dispatchTouchEvent", { type, touchPoints: at.map((part) => ({ x: x + width * part, y: y + 60 })) });
    await touch("touchStart", 0.85);
    await touch("touchMove", 0.9);
    await touch("touchMove", 0.99);
    await touch("touchEnd");
    await page.waitForURL(/from=/);
    assert.deepEqual(await listed(page), ATTACK);

    ({ x, y, width } = await open());
    const bar = await page.locator(".plot a rect").first().boundingBox();
    assert.ok(bar.width < 10);
    await page.touchscreen.tap(bar.x - 12, y + 60);
    await page.waitForURL(/from=/);
    const first = await listed(page);
    assert.ok(first.length >= 1 && first.every((event) => event === "users.login 200"), String(first));
  });
});

test("a finger's first tap on a value offers to exclude it, and its next one filters", async () => {
  await visit(server, { state, width: 380, touch: true }, async (page, visit) => {
    await page.goto("/?filter=app:shop");
    const value = page.locator("#events").getByRole("link", { name: "401" }).first();
    await value.tap();
    const exclude = page.locator(".pick").getByRole("link", { name: "Exclude" });
    await exclude.waitFor();
    await visit.picture(page, "explorer-tapped");
    await assertSound(page);
    await value.tap();
    await page.waitForURL(/status:401/);
    assert.deepEqual(await listed(page), ATTACK.slice(1));

    await page.goto("/?filter=app:shop");
    await page.locator("#events").getByRole("link", { name: CAFE }).first().tap();
    await exclude.tap();
    await page.waitForURL(/-ip/);
    assert.deepEqual(await listed(page), ["users.login 200", "users.login 200"]);
  });
});

test("groups tell one address that tries many users", async () => {
  await visit(server, { state }, async (page, visit) => {
    await page.goto("/?filter=name:users.login&last=24h&group=ip&by=properties.success");
    const rows = await page.locator(".groups tbody tr").evaluateAll((rows) =>
      rows.map((row) => [...row.cells].slice(0, 5).map((cell) => cell.innerText.trim().replace(/\s+/g, " "))),
    );
    assert.deepEqual(rows, [
      [`${CAFE} Actor`, "3", "60.0 %", "1", "3"],
      [`${HOME} Actor`, "2", "40.0 %", "1", "2"],
    ]);
    const legend = await page.locator(".legend li").allInnerTexts();
    assert.deepEqual(legend.map((text) => text.replace(/\s+/g, " ").trim()), ["false 3 ≠", "true 2 ≠"]);
    await visit.picture(page, "explorer-groups");
    // A user is an object: its identifiers are what is filtered by.
    await page.goto("/?last=24h&group=user");
    await page.locator(".groups .v").first().click();
    await page.waitForURL(/filter=/);
    assert.equal(await filter(page).inputValue(), `user.email:${ANN}`);
    assert.deepEqual(await listed(page), ["cart.checkout 200", "users.login 401", "users.login 200"]);
    await page.goto("/?last=24h&group=user");
    await page.getByRole("link", { name: `Actor email ${ANN}` }).click();
    await page.getByRole("heading", { name: `email ${ANN}` }).waitFor();
  });
});

test("a filter that is wrong is shown where it is wrong", async () => {
  await visit(server, { state }, async (page, visit) => {
    visit.expect("answer: / 400");
    await page.goto("/");
    await filter(page).fill("status:401 colour:red");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").waitFor();
    assert.equal(await page.locator(".pointed mark").innerText(), "colour:red");
    assert.equal(await filter(page).inputValue(), "status:401 colour:red");
    assert.equal(await filter(page).getAttribute("aria-invalid"), "true");
    await assertSound(page);
  });
});

test("fields and values are proposed, and taken by keyboard", async () => {
  await visit(server, { state }, async (page, visit) => {
    await page.goto("/");
    await page.keyboard.press("/");
    await page.keyboard.type("nam");
    await page.getByRole("option", { name: "name:" }).waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.getByRole("option", { name: "name:users.login 5" }).waitFor();
    await visit.picture(page, "explorer-proposals");
    await assertSound(page);
    await page.keyboard.type("cart");
    await until("one value is left", async () => (await page.getByRole("option").count()) === 1);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    assert.equal(await filter(page).inputValue(), "name:cart.checkout ");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Enter");
    await page.waitForURL(/filter=/);
    assert.deepEqual(await listed(page), ["cart.checkout 200"]);
  });
});

/** What is typed, and the first proposal, which `take` makes of it. */
const STARTED = [
  ["-has:user.e", "has:user.email", "-has:user.email "],
  ["ha", "has:", "has:"],
  ["name:cart.checkout,users", "name:cart.checkout,users.login 5", "name:cart.checkout,users.login "],
  ["status:401 path~LOG", "path:/login 5", "status:401 path:/login "],
  ["(path^/lo", "path:/login 5", "(path:/login "],
  ["status>=4", "status>=401 3", "status>=401 "],
  ["properties.", "properties.amount:", "properties.amount:"],
];

test("proposals follow every operator", async () => {
  await visit(server, { state }, async (page) => {
    await page.goto("/?filter=app:shop");
    for (const [typed, proposed, taken] of STARTED) {
      await filter(page).fill("");
      await filter(page).pressSequentially(typed);
      await page.getByRole("option", { name: proposed, exact: true }).waitFor();
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      assert.equal(await filter(page).inputValue(), taken);
    }
  });
});

test("the operators are told beside the search field, without script", async () => {
  await visit(server, { state, script: false, width: 380 }, async (page, visit) => {
    await page.goto("/");
    await page.getByText("Operators").click();
    await page.getByText("name:users.login,users.signup").waitFor();
    await visit.picture(page, "explorer-operators");
    await assertFits(page);
  });
  await visit(server, { state }, async (page) => {
    await page.goto("/");
    await page.getByText("Operators").click();
    await assertSound(page);
    // Each example is a filter.
    for (const example of await page.locator(".operators code").allInnerTexts()) {
      await page.goto(`/?filter=${encodeURIComponent(example)}`);
      assert.equal(await page.getByRole("alert").count(), 0, example);
    }
  });
});

test("a proposal that is chosen stays chosen while the list follows the last key", async () => {
  await visit(server, { state }, async (page) => {
    await page.clock.install();
    await page.goto("/");
    await page.keyboard.press("/");
    await page.keyboard.type("na");
    await page.clock.runFor(500);
    await page.getByRole("option", { name: "name:" }).waitFor();
    await page.keyboard.type("m");
    await page.keyboard.press("ArrowDown");
    await page.clock.runFor(500);
    await page.getByRole("option", { name: "name:", selected: true }).waitFor();
    await page.keyboard.press("Enter");
    assert.equal(await filter(page).inputValue(), "name:");
  });
});

test("an event's page shows what was captured, and leads to more like it", async () => {
  await visit(server, { state, width: 380 }, async (page, visit) => {
    await page.goto("/?filter=name:cart.checkout");
    await page.locator("a.detail").click();
    await page.getByRole("heading", { name: "cart.checkout" }).waitFor();
    const row = page.getByRole("row").filter({ hasText: "properties.amount" });
    await row.getByText("42.5").waitFor();
    await page.getByText("JSON", { exact: true }).click();
    const json = JSON.parse(await page.locator(".raw code").innerText());
    assert.deepEqual([json.properties, json.ip, json.user], [{ amount: 42.5 }, CAFE, { email: ANN }]);
    await visit.picture(page, "explorer-event");
    await assertSound(page);
    const here = page.url();
    await page.getByRole("link", { name: "Events by this user" }).click();
    await page.waitForURL(/filter=/);
    assert.deepEqual(await listed(page), ["cart.checkout 200", "users.login 401", "users.login 200"]);
    await page.goto(here);
    await row.getByRole("link", { name: "Exclude 42.5" }).click();
    await page.waitForURL(/filter=/);
    assert.equal((await listed(page)).length, 5);
  });
});

test("an actor's page tells what they did, and who else is there", async () => {
  await visit(server, { state }, async (page, visit) => {
    await page.goto(`/actor?ip=${CAFE}`);
    const card = (name) => page.getByRole("region", { name });
    assert.match(await card("Events").first().innerText(), /users\.login 3,/);
    const users = card("Users of this address");
    assert.deepEqual(
      (await users.getByRole("link").allInnerTexts()).sort(),
      ["ann", "bob", "cid"].map((name) => `email ${name}@example.com`),
    );
    await visit.picture(page, "explorer-actor");
    await users.getByRole("link", { name: ANN }).click();
    await page.getByRole("heading", { name: `email ${ANN}` }).waitFor();
    assert.deepEqual((await card("Addresses of this user").getByRole("link").allInnerTexts()).sort(), [HOME, CAFE]);
  });
});

test("what is shown can be taken along, as CSV and NDJSON", async () => {
  await visit(server, { state }, async (page) => {
    await page.goto("/?filter=status:401&last=24h");
    const file = (name) =>
      page.getByRole("link", { name, exact: true }).evaluate(async (link) => (await fetch(link.href)).text());
    const lines = (await file("NDJSON")).trim().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(lines.map(({ name, status, ip }) => [name, status, ip]), Array(3).fill(["users.login", 401, CAFE]));
    const csv = await file("CSV");
    assert.equal(csv.trim().split("\r\n").length, 4);

    await page.goto("/?filter=status:401&last=24h&group=user.email");
    const [head, ...groups] = (await file("Export as CSV")).trim().split("\r\n");
    assert.equal(head, "value,events,ips,ips_exact,users,users_exact,first,last");
    const counts = groups.map((line) => line.split(",").slice(0, 6).join(",")).sort();
    assert.deepEqual(counts, ["ann", "bob", "cid"].map((name) => `${name}@example.com,1,1,true,1,true`));
  });
});

test("a view is saved, replaced, seen by others, and removed", async () => {
  await visit(server, { state, script: false }, async (page, visit) => {
    await page.goto("/?filter=status:401&group=ip");
    const views = page.locator("details.views");
    await views.locator("summary").click();
    await views.getByLabel("Save this page as").fill("Guessed passwords <b>");
    await views.getByRole("button", { name: "Save view" }).click();
    await views.locator("summary").click();
    await visit.picture(page, "explorer-views");

    visit.expect("answer: /views 409");
    await views.getByLabel("Save this page as").fill("Guessed passwords <b>");
    await views.getByRole("button", { name: "Save view" }).click();
    await page.getByText("There is a view of the name Guessed passwords <b>.").waitFor();
    await page.getByRole("link", { name: "Leave it, and choose another name" }).click();
    assert.equal(await filter(page).inputValue(), "status:401");
    await page.goto("/?filter=status:401&group=user");
    visit.expect("answer: /views 409");
    await views.locator("summary").click();
    await views.getByLabel("Save this page as").fill("Guessed passwords <b>");
    await views.getByRole("button", { name: "Save view" }).click();
    await page.getByRole("button", { name: "Replace it by this page" }).click();
    await views.locator("summary").click();
    assert.equal(await views.getByRole("listitem").count(), 1);
  });
  await visit(server, { state, width: 380 }, async (page, visit) => {
    await page.goto("/");
    const views = page.locator("details.views");
    await views.locator("summary").click();
    await assertSound(page);
    visit.expect("answer: /views 409");
    await views.getByLabel("Save this page as").fill("Guessed passwords <b>");
    await views.getByRole("button", { name: "Save view" }).click();
    await page.getByRole("button", { name: "Replace it by this page" }).waitFor();
    await visit.picture(page, "explorer-view-taken");
    await assertSound(page);
    await page.getByRole("link", { name: "Leave it, and choose another name" }).click();
    await views.locator("summary").click();
    await views.getByRole("link", { name: "Guessed passwords <b>" }).click();
    await page.waitForURL(/group=user/);
    assert.equal(await filter(page).inputValue(), "status:401");
    await views.locator("summary").click();
    await views.getByRole("button", { name: "Remove Guessed passwords <b>" }).click();
    await views.locator("summary").click();
    await views.getByText("No view is saved yet.").waitFor();
  });
});

test("the list goes on by itself, and waits while it is paused", async () => {
  await visit(server, { state }, async (page, visit) => {
    await page.goto("/?filter=app:blog+or+name:a.second");
    await page.getByText("No event matches.").waitFor();
    const blog = await Agent.login(server, "blog");
    await blog.send(record("a.first"));
    await page.goto("/?filter=app:blog+or+name:a.second");
    await page.getByRole("button", { name: "Live" }).click();
    await page.getByText("live, 0 new").waitFor();
    await blog.send(record("a.second"));
    await shop.send(record("not.meant"));
    await page.getByText("live, 1 new").waitFor();
    assert.deepEqual(await listed(page), ["a.second 200", "a.first 200"]);
    await assertSound(page);
    await page.getByRole("button", { name: "Pause" }).click();
    await blog.send(record("a.third"), record("a.fourth"));
    await page.getByText("paused 2 waiting").waitFor();
    assert.equal((await listed(page)).length, 2);
    await visit.picture(page, "explorer-live");
    await assertSound(page);
    await page.getByRole("button", { name: "Resume" }).click();
    await page.getByText("live, 3 new").waitFor();
    assert.deepEqual(await listed(page), ["a.fourth 200", "a.third 200", "a.second 200", "a.first 200"]);
  });
});

test("what was stored since the page was made, or while the stream was cut off, is in the live list", async () => {
  await visit(server, { state }, async (page, visit) => {
    const gap = await Agent.login(server, "gap");
    const send = (...names) => gap.send(...names.map((name) => record(name)));
    await send("g.first");
    await page.goto("/?filter=app:gap&limit=2&last=1h");
    await send("g.second");
    await page.getByRole("button", { name: "Live" }).click();
    await page.getByText("live, 1 new").waitFor();
    assert.deepEqual(await listed(page), ["g.second 200", "g.first 200"]);
    await send("g.third");
    await page.getByText("live, 2 new").waitFor();
    assert.deepEqual(await listed(page), ["g.third 200", "g.second 200", "g.first 200"]);

    await page.goto("/?filter=app:gap&limit=2&last=1h");
    await send("g.fourth", "g.fifth");
    await page.getByRole("button", { name: "Live" }).click();
    await page.getByText("More events came meanwhile than a page takes: refresh to see all.").waitFor();
    await send("g.sixth");
    await page.getByText("live, 3 new – More events came meanwhile").waitFor();
    await page.goto("/actor?ip=198.51.100.7&app=gap");
    await page.getByRole("button", { name: "Live" }).click();
    await page.getByText("live, 0 new").waitFor();
    await send("g.seventh");
    await page.getByText("live, 1 new").waitFor();
    assert.equal((await listed(page))[0], "g.seventh 200");
  });
});

test("the live list ends with the session", async () => {
  await server.addPerson("leaver@example.com", "viewer", PASSWORD);
  await visit(server, {}, async (page, visit) => {
    visit.expect("answer: / 401");
    await page.goto("/");
    await page.getByLabel("Name").fill("leaver@example.com");
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("button", { name: "Live" }).click();
    await page.getByText("live, 0 new").waitFor();
    visit.expect("answer: /live 401");
    const { people } = await server.api("GET", "people");
    const { id } = people.find(({ name }) => name === "leaver@example.com");
    await server.api("PATCH", `people/${id}`, { disabled: true });
    await page.getByText("The server has ended it. Try again, or refresh to sign in.").waitFor();
  });
});

for (const width of [380, 1600]) {
  test(`keys alone find the attack, ${width} px wide`, async () => {
    await visit(server, { state, width }, async (page, visit) => {
      await page.goto("/");
      await page.keyboard.press("?");
      await page.getByRole("dialog", { name: "Keys" }).getByText("Zoom out").waitFor();
      await visit.picture(page, "explorer-keys");
      await assertSound(page);
      await page.keyboard.press("Escape");
      await page.keyboard.press("/");
      await page.keyboard.type("status:401");
      await page.keyboard.press("Enter");
      await page.waitForURL(/filter=/);
      await page.keyboard.press("j");
      await page.keyboard.press("j");
      await page.keyboard.press("k");
      await page.keyboard.press("j");
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "users.login" }).waitFor();
      await page.getByRole("cell", { name: "bob@example.com", exact: true }).waitFor();
      const way = page.getByRole("link", { name: "Events from this address" });
      await tabTo(page, way);
      await page.keyboard.press("Enter");
      await page.waitForURL(/filter=ip/);
      assert.deepEqual(await listed(page), ATTACK);
      await page.keyboard.press("z");
      await page.waitForURL(/from=/);
    });
  });
}

test("the value that is pointed at can be excluded beside it", async () => {
  await visit(server, { state }, async (page) => {
    await page.goto("/?filter=app:shop+-name:not.meant+-name:a.second");
    await page.locator("#events").getByRole("link", { name: CAFE }).first().hover();
    await page.locator(".pick").getByRole("link", { name: "Exclude" }).waitFor();
    await assertSound(page);
    await page.locator(".pick").getByRole("link", { name: "Exclude" }).click();
    await page.waitForURL(/-ip/);
    assert.deepEqual(await listed(page), ["users.login 200", "users.login 200"]);
  });
});

/** In the page: by how much what was there has moved since it was first shown. */
async function moved() {
  const shifts = [];
  const observer = new PerformanceObserver((list) => shifts.push(...list.getEntries()));
  observer.observe({ type: "layout-shift", buffered: true });
  // What is buffered is handed out between frames.
  for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
  return shifts.concat(observer.takeRecords()).reduce((sum, { value }) => sum + value, 0);
}

for (const width of [380, 1600]) {
  test(`nothing moves once it is there, ${width} px wide`, async () => {
    await visit(server, { state, width }, async (page) => {
      await page.goto("/?last=24h&by=name&group=ip", { waitUntil: "load" });
      assert.ok((await page.evaluate(moved)) < 0.01);
      // It would have been seen.
      await page.evaluate(() => document.querySelector("main").prepend(document.createElement("pre")));
      assert.ok((await page.evaluate(moved)) > 0.01);
    });
  });
}

test("what is proposed is of the range that is shown", async () => {
  const old = await Agent.login(server, "archive");
  await old.send(record("old.attack", { time: ago(3 * 24 * 60) }));
  await visit(server, { state }, async (page) => {
    await page.goto("/?last=7d");
    await filter(page).pressSequentially("name:old");
    await page.getByRole("option", { name: "name:old.attack 1" }).waitFor();
    await page.goto("/?last=24h");
    const answered = page.waitForResponse(/complete.*start=old/);
    await filter(page).pressSequentially("name:old");
    assert.deepEqual(await (await answered).json(), []);
  });
});
