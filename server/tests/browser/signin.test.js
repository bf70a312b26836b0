// How someone comes in: by the link that was printed, and then by name and password.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { ADMIN, LOOKS, PASSWORD, signIn, visit } from "./lib/browser.js";
import { assertSound } from "./lib/checks.js";
import { startQuickstart, startServer } from "./lib/programs.js";

const server = await startServer();
after(() => server.stop());

const events = (page) => page.getByRole("search");

test("the printed link makes the first admin, once, who then signs in by password", async () => {
  for (const look of LOOKS) {
    await visit(server, look, async (page, visit) => {
      await page.goto(server.explorer);
      await page.getByRole("heading", { name: "Make the first admin" }).waitFor();
      await visit.picture(page, "signin-first");
      await assertSound(page);
    });
  }
  const state = await signIn(server);
  await visit(server, { state }, async (page) => {
    await page.goto("/");
    await page.getByRole("link", { name: "Account" }).click();
    await page.getByText("Your role is admin.").waitFor();
  });

  await visit(server, {}, async (page, visit) => {
    visit.expect("answer: /signin/link 401");
    await page.goto(server.explorer);
    await page.getByText("This link has been used").waitFor();
    assert.equal(await events(page).count(), 0);

    visit.expect("answer: /actions 401");
    await page.goto("/actions");
    visit.expect("answer: /signin 401");
    await enter(page, ADMIN, "a guess of the password");
    await page.getByText("The name or the password is wrong.").waitFor();
    await assertSound(page);
    await enter(page, ADMIN, PASSWORD);
    await page.getByRole("heading", { name: "Block an address" }).waitFor();
    assert.equal(new URL(page.url()).pathname, "/actions", "what was asked for");

    await page.getByRole("link", { name: "Account" }).click();
    visit.expect("answer: /signout 403");
    await page.locator("form[action='/signout'] [name=csrf]").evaluate((token) => (token.value = "another"));
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByText("This form was not sent from a page of your session.").waitFor();
    await assertSound(page);
    await page.getByRole("link", { name: "Account" }).click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByText("You have signed out.").waitFor();
    visit.expect("answer: / 401");
    await page.goto("/");
  });
});

test("someone who is added chooses a password, and sees what their role allows", async () => {
  const state = await signIn({ url: server.url, explorer: `${server.url}/signin` });
  let link;
  await visit(server, { state }, async (page) => {
    await page.goto("/people");
    await page.getByLabel("Name, an e-mail address or a login").fill("bob@example.com");
    await page.getByLabel("Role", { exact: true }).selectOption("viewer");
    await page.getByRole("button", { name: "Add" }).click();
    link = await page.getByRole("link", { name: /signin/ }).getAttribute("href");
    await assertSound(page);
    await page.goto("/audit");
    await page.getByText("person added").first().waitFor();
  });
  await visit(server, {}, async (page, visit) => {
    await page.goto(link);
    await page.getByRole("heading", { name: "Choose your password" }).waitFor();
    await assertSound(page);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Sign in" }).click();
    await events(page).waitFor();
    visit.expect("answer: /people 403");
    await page.goto("/people");
    await page.getByText("This takes the role admin").waitFor();
    await assertSound(page);
  });
});

/** Fills in the form to sign in, and sends it. */
async function enter(page, name, password) {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

test("nobody sees a page without signing in", async () => {
  for (const path of ["/", "/actions", "/actor?ip=198.51.100.7", "/delivery", "/apps", "/export?format=csv", "/people", "/audit", "/notifications"]) {
    await visit(server, {}, async (page, visit) => {
      visit.expect(`answer: ${path.split("?")[0]} 401`);
      await page.goto(path);
      await page.getByLabel("Password").waitFor();
      assert.equal(await page.getByRole("navigation").count(), 0);
    });
  }
});

test("the quickstart's link signs in as often as it is opened, and shows the first event by itself", async () => {
  const quickstart = await startQuickstart();
  try {
    for (let time = 0; time < 2; time++) {
      await visit(quickstart, {}, async (page) => {
        await page.goto(quickstart.explorer);
        await page.getByText("No events yet.").waitFor();
        await page.getByRole("link", { name: "Actions" }).click();
        await page.getByRole("heading", { name: "Block an address" }).waitFor();
      });
    }
    const first = (page) => page.locator("#events strong").first();
    await visit(quickstart, {}, async (page, visit) => {
      await page.goto(quickstart.explorer);
      await page.getByText("Waiting for the first event").waitFor();
      await page.getByText(`SQREEN_URL=${quickstart.url}`).waitFor();
      await visit.picture(page, "quickstart-before");
      assert.equal((await fetch(`${quickstart.app}/products/42`)).status, 200);
      await first(page).waitFor();
      assert.equal(await first(page).innerText(), "product.viewed");
    });
  } finally {
    await quickstart.stop();
  }
});

test("without script, the page without events leads to the first one", async () => {
  const quickstart = await startQuickstart();
  try {
    await visit(quickstart, { script: false }, async (page) => {
      await page.goto(quickstart.explorer);
      const reload = page.getByRole("link", { name: "Reload" });
      await reload.click();
      await page.getByText("No events yet.").waitFor();
      assert.equal((await fetch(`${quickstart.app}/products/42`)).status, 200);
      await quickstart.stored(1);
      await reload.click();
      await page.getByText("product.viewed").waitFor();
    });
  } finally {
    await quickstart.stop();
  }
});
