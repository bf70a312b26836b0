// What every page must be, at each width and in each theme.

import { after, test } from "node:test";
import { LOOKS, signIn, visit } from "./lib/browser.js";
import { assertSound, assertStandsOut } from "./lib/checks.js";
import { startServer } from "./lib/programs.js";
import { EMPTY_PAGES, PAGES, deliveryPages, eventPages, fill, runPages } from "./lib/sample.js";

const servers = await Promise.all([startServer(), startServer()]);
after(() => Promise.all(servers.map((server) => server.stop())));
const [empty, full] = servers;
await fill(full);

const filled = [...PAGES, ...(await eventPages(full)), ...(await deliveryPages(full)), ...(await runPages(full))];

for (const [server, pages] of [[empty, EMPTY_PAGES], [full, filled]]) {
  const signedIn = await signIn(server);
  for (const { name, path, status = 200, stranger } of pages) {
    for (const look of LOOKS) {
      const { width, scheme } = look;
      test(`${name}, ${width} px, ${scheme}: accessible, no wider than the window, and nothing too faint`, async () => {
        const state = stranger ? undefined : signedIn;
        await visit(server, { ...look, state }, async (page, visit) => {
          if (status >= 400) visit.expect(`answer: ${new URL(path, server.url).pathname} ${status}`);
          await page.goto(path);
          await visit.picture(page, name);
          await assertSound(page);
          await assertStandsOut(page);
        });
      });
    }
  }
}
