// An admin makes a token, copies it, and takes it back.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { LOOKS, signIn, visit } from "./lib/browser.js";
import { assertAccessible, assertFits } from "./lib/checks.js";
import { startServer } from "./lib/programs.js";

const server = await startServer();
after(() => server.stop());
const state = await signIn(server);

const status = async (token) => {
  const headers = { authorization: `Bearer ${token}` };
  return (await fetch(`${server.url}/api/v1/events`, { headers })).status;
};

for (const look of LOOKS) {
  test(`a token is made, used and revoked, ${look.width} px, ${look.scheme}`, async () => {
    await visit(server, { ...look, state }, async (page, visit) => {
      const name = `dashboard ${look.width} ${look.scheme}`;
      await page.goto("/apps");
      await page.getByRole("combobox", { name: "For" }).selectOption("the API: reads");
      await page.getByLabel("Name, to know it by").fill(name);
      await page.getByRole("button", { name: "Make" }).click();
      const made = page.getByRole("region", { name: "New token for the API as viewer" });
      await made.getByText("It is not shown again.").waitFor();
      const token = (await made.locator("code").innerText()).replace("Authorization: Bearer ", "");
      assert.equal(await status(token), 200);
      await visit.picture(page, "token-made");
      await assertFits(page);
      await assertAccessible(page);

      const row = page.getByRole("region", { name: "Tokens", exact: true }).last().getByRole("row", { name });
      await row.getByText("the API as viewer").waitFor();
      await row.getByText("Revoke", { exact: true }).click();
      await row.getByRole("button", { name: "Revoke it" }).click();
      await page.getByText(/tokens? revoked/).click();
      await page.getByRole("region", { name: "Revoked tokens" }).getByRole("row", { name }).waitFor();
      assert.equal(await status(token), 401);
      assert.ok(!(await page.content()).includes(token), "shown once");
    });
  });
}
