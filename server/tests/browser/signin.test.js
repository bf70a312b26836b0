// How someone comes in: by the link that was printed, or by the API token.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { visit } from "./lib/browser.js";
import { startQuickstart, startServer } from "./lib/programs.js";

const server = await startServer();
after(() => server.stop());

const events = (page) => page.getByRole("search");

test("the printed link signs in once, and then the API token does", async () => {
  await visit(server, {}, async (page) => {
    await page.goto(server.explorer);
    await events(page).waitFor();
    await page.getByRole("link", { name: "Actions" }).click();
    await page.getByRole("heading", { name: "Block an address" }).waitFor();
  });

  await visit(server, {}, async (page, visit) => {
    visit.expect("answer: /signin 401");
    await page.goto(server.explorer);
    await page.getByText("This link has been used.").waitFor();
    assert.equal(await events(page).count(), 0);

    visit.expect("answer: /signin 401");
    await page.getByLabel("API token").fill("a guess");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("This is not the API token.").waitFor();

    await page.getByLabel("API token").fill(server.apiToken);
    await page.getByRole("button", { name: "Sign in" }).click();
    await events(page).waitFor();
    assert.equal(new URL(page.url()).pathname, "/");
  });
});

test("nobody sees a page without signing in", async () => {
  for (const path of ["/", "/actions", "/actor?ip=198.51.100.7", "/delivery", "/apps", "/export?format=csv"]) {
    await visit(server, {}, async (page, visit) => {
      visit.expect(`answer: ${path.split("?")[0]} 401`);
      await page.goto(path);
      await page.getByLabel("API token").waitFor();
      assert.equal(await page.getByRole("navigation").count(), 0);
    });
  }
});

test("the quickstart's link signs in as often as it is opened", async () => {
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
  } finally {
    await quickstart.stop();
  }
});
