// The quickstart's shop, driven over HTTP, and what its backend's pages show and do.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { PASSWORD, signIn, visit } from "./lib/browser.js";
import { tabTo } from "./lib/checks.js";
import { startQuickstart, until } from "./lib/programs.js";

const ANN = "ann@example.com";
const HOME = "198.51.100.7";
const CAFE = "203.0.113.9";

const quickstart = await startQuickstart();
after(() => quickstart.stop());
const state = await signIn(quickstart);

/** Asks the shop for something, from this address; returns the status. */
async function shop(from, path, { form, cart, user } = {}) {
  const headers = { "x-forwarded-for": from };
  if (user) headers["x-demo-user"] = user;
  if (cart) headers["content-type"] = "application/json";
  const body = form ? new URLSearchParams(form) : cart && JSON.stringify(cart);
  const method = body ? "POST" : "GET";
  return (await fetch(quickstart.app + path, { method, headers, body })).status;
}

assert.equal(await shop(HOME, "/products/42"), 200);
assert.equal(await shop(HOME, "/login", { form: { email: ANN, password: "guess" } }), 401);
assert.equal(await shop(CAFE, "/signup", { form: { email: "bob@example.com" } }), 200);
assert.equal(await shop(CAFE, "/checkout", { cart: { items: [1, 2] }, user: ANN }), 200);
await quickstart.stored(4);

/** Rows of events that show this text. */
const rows = (page, text) => page.getByRole("row").filter({ hasText: text });

/** The names of the events that are listed. */
const names = (page) => page.locator("tbody strong:first-child").allInnerTexts();

test("the shop's traffic is shown", async () => {
  await visit(quickstart, { state }, async (page, visit) => {
    await page.goto("/");
    const expected = ["cart.checkout", "users.signup", "users.login", "product.viewed"];
    assert.deepEqual(await names(page), expected);
    const login = rows(page, "users.login");
    for (const text of [ANN, HOME, "POST /login", "401"]) {
      assert.ok((await login.innerText()).includes(text), text);
    }
    assert.ok((await rows(page, "cart.checkout").innerText()).includes("items 2"));
    assert.ok((await rows(page, "product.viewed").innerText()).includes("product_id 42"));
    await visit.picture(page, "quickstart");
  });
});

const filters = [
  "name:users.login",
  `ip:${CAFE}`,
  `user.email:${ANN}`,
  "-status:200 or items",
];
const EXPECTED = [["users.login"], ["cart.checkout", "users.signup"], ["cart.checkout", "users.login"], ["cart.checkout", "users.login"]];
for (const [place, text] of filters.entries()) {
  const expected = EXPECTED[place];
  test(`the search for ${text} shows the events that match, and no others`, async () => {
    await visit(quickstart, { state }, async (page) => {
      await page.goto("/");
      await page.getByLabel("Filter", { exact: true }).fill(text);
      await page.getByRole("button", { name: "Search" }).click();
      await page.waitForURL((url) => url.search !== "");
      assert.deepEqual(await names(page), expected);
      assert.equal(await page.getByLabel("Filter", { exact: true }).inputValue(), text);
    });
  });
}

test("the shop's traffic is found by a click, and by zooming in", async () => {
  await visit(quickstart, { state }, async (page) => {
    await page.goto("/?last=1h");
    await rows(page, "users.signup").getByRole("link", { name: "/signup" }).click();
    await page.waitForURL(/filter=/);
    assert.deepEqual(await names(page), ["users.signup"]);

    await page.goto("/?last=1h");
    for (let times = 0; times < 2; times++) {
      const here = page.url();
      await page.locator(".plot a").last().click();
      await page.waitForURL((url) => url.href !== here);
      assert.ok((await names(page)).includes("cart.checkout"));
    }
    const { searchParams } = new URL(page.url());
    assert.ok(Date.parse(searchParams.get("to")) - Date.parse(searchParams.get("from")) <= 60_000);
    const here = page.url();
    const { x, y, width } = await page.locator(".plot").boundingBox();
    await page.goto("/?last=1h");
    await page.mouse.move(x + 1, y + 50);
    await page.mouse.down();
    await page.mouse.move(x + width / 2, y + 50, { steps: 3 });
    await page.mouse.up();
    await page.getByText("No event matches.").waitFor();
    await page.goto(here);
    assert.ok((await names(page)).includes("cart.checkout"));
  });
});

test("an actor's page shows the actor's events", async () => {
  await visit(quickstart, { state }, async (page) => {
    await page.goto("/");
    await rows(page, "users.login").getByRole("link", { name: ANN }).click();
    await page.getByRole("heading", { name: ANN }).waitFor();
    assert.deepEqual(await names(page), ["cart.checkout", "users.login"]);
    await page.locator("#events").getByRole("link", { name: CAFE }).click();
    await page.getByRole("heading", { name: CAFE }).waitFor();
    assert.deepEqual(await names(page), ["cart.checkout", "users.signup"]);
  });
});

test("an address is blocked from one of its events, and served again once that is lifted", async () => {
  await visit(quickstart, { state }, async (page) => {
    await page.goto(`/?filter=ip:${CAFE}+name:users.signup`);
    const cell = page.getByRole("cell").filter({ hasText: CAFE });
    await cell.getByRole("link", { name: "Block" }).click();
    const form = page.locator("#block-ip");
    assert.equal(await form.getByLabel("IP address or range").inputValue(), CAFE);
    await form.getByLabel("Comment").fill("tries other people's cards");
    await form.getByRole("button", { name: "Block" }).click();
    await cell.getByText("blocked").waitFor();
    await until("the shop refuses the address", async () => (await shop(CAFE, "/")) === 403);
    assert.equal(await shop(HOME, "/"), 200);

    await cell.getByRole("button", { name: "Unblock" }).click();
    await cell.getByRole("link", { name: "Block" }).waitFor();
    await until("the shop serves the address", async () => (await shop(CAFE, "/")) === 200);
  });
});

for (const width of [380, 1600]) {
  test(`someone signs in, finds a user, blocks and unblocks by keyboard alone, ${width} px wide`, async () => {
    await quickstart.addPerson(`keys-${width}`, "operator", PASSWORD);
    await visit(quickstart, { width }, async (page, visit) => {
      const press = async (target) => {
        await tabTo(page, target);
        await page.keyboard.press("Enter");
      };
      const me = () => shop(HOME, "/me", { user: ANN });
      const cell = page.locator("#events tr:first-child td").filter({ hasText: ANN });
      visit.expect("answer: / 401");
      await page.goto("/");
      await tabTo(page, page.getByLabel("Name"));
      await page.keyboard.type(`keys-${width}`);
      await tabTo(page, page.getByLabel("Password"));
      await page.keyboard.type(PASSWORD);
      await page.keyboard.press("Enter");
      await page.getByRole("search").waitFor();

      await tabTo(page, page.getByLabel("Filter", { exact: true }));
      await page.keyboard.type("name:cart.checkout");
      await page.keyboard.press("Enter");
      await page.waitForURL((url) => url.search !== "");
      assert.deepEqual(await names(page), ["cart.checkout"]);

      await press(cell.getByRole("link", { name: "Block" }));
      const form = page.locator("#block-user");
      await form.waitFor();
      await visit.picture(page, "keyboard-block");
      await press(form.getByRole("button", { name: "Block" }));
      await cell.getByText("blocked").waitFor();
      await until("the shop refuses the user", async () => (await me()) === 403);

      await press(cell.getByRole("button", { name: "Unblock" }));
      await cell.getByRole("link", { name: "Block" }).waitFor();
      await until("the shop serves the user", async () => (await me()) === 200);
    });
  });
}
