// An admin adds destinations and tries them out; what is sent is checked by receivers that are not ours.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { signIn, visit } from "./lib/browser.js";
import { assertAccessible, assertFits } from "./lib/checks.js";
import { startServer, until } from "./lib/programs.js";
import { assertSigned, startHook, startMail } from "./lib/receivers.js";

const [hook, mail] = await Promise.all([startHook(), startMail()]);
const server = await startServer({
  SQREEN_SERVER_NOTIFY_INTERNAL: "true",
  SQREEN_SERVER_SMTP_URL: mail.url,
  SQREEN_SERVER_SMTP_FROM: "Sqreen <sqreen@example.com>",
});
after(() => Promise.all([server, hook, mail].map((running) => running.stop())));
const state = await signIn(server);

async function add(page, name, kind, target) {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Kind").selectOption(kind);
  await page.getByLabel("URL of the webhook").fill(target);
  await page.getByRole("button", { name: "Add", exact: true }).click();
}

for (const script of [true, false]) {
  test(`a webhook is added, tried out and replayed, ${script ? "with" : "without"} script`, async () => {
    const name = `On call ${script ? "with" : "without"} script`;
    hook.requests.length = 0;
    await visit(server, { state, script }, async (page, visit) => {
      await page.goto("/");
      await page.getByRole("link", { name: "Notifications" }).click();
      await add(page, name, "webhook", hook.url);
      const secret = await page.getByRole("region", { name: `Secret of ${name}` }).getByRole("code").textContent();
      await page.getByRole("link", { name: "Notifications" }).click();
      assert.ok(!(await page.content()).includes(secret), "it is shown once");

      await page.getByRole("button", { name: `Test ${name}` }).click();
      await page.getByText(`The test of ${name} was delivered.`).waitFor();
      hook.status = 500;
      await page.getByRole("button", { name: `Test ${name}` }).click();
      await page.getByText("failed: answered 500: what <b>it</b> says").waitFor();
      await visit.picture(page, `notifications-tested-${script}`);
      if (script) {
        await assertFits(page);
        await assertAccessible(page);
      }
      hook.status = 200;
      await page.getByRole("button", { name: "Replay" }).click();
      await until("it is delivered", async () => hook.requests.length === 3);

      assert.equal(hook.requests.length, 3);
      for (const request of hook.requests) assertSigned(request, secret);
      const [first, second, third] = hook.requests.map(({ body }) => JSON.parse(body)[0]);
      assert.equal(first.message_type, "test");
      assert.equal(first.api_version, "2");
      assert.notEqual(first.message_id, second.message_id);
      assert.deepEqual([third.message_id, third.retry_count], [second.message_id, 1]);

      await page.getByRole("button", { name: `Remove ${name}` }).click();
      await page.getByText("Nobody is told yet.").waitFor();
    });
  });
}

for (const script of [true, false]) {
  test(`a destination is edited, ${script ? "with" : "without"} script`, async () => {
    await visit(server, { state, script, width: 380 }, async (page, visit) => {
      await page.goto("/notifications");
      await add(page, "Before", "webhook", `${hook.url}/before`);
      await page.getByRole("region", { name: "Secret of Before" }).waitFor();
      await page.goto("/notifications");
      await page.getByRole("link", { name: "Edit Before" }).click();
      await page.getByRole("heading", { name: "Edit Before, webhook" }).waitFor();
      assert.equal(await page.getByLabel("URL of the webhook").inputValue(), `${hook.url}/before`);
      visit.expect(`answer: ${new URL(page.url()).pathname} 400`);
      await page.getByLabel("URL of the webhook").fill("nowhere");
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByRole("alert").getByText("url: not a URL").waitFor();
      await visit.picture(page, `notifications-edit-${script}`);
      if (script) {
        await assertFits(page);
        await assertAccessible(page);
      }
      await page.getByLabel("Name").fill("After");
      await page.getByLabel("URL of the webhook").fill(hook.url);
      await page.getByLabel("Only these playbooks").fill("logins, carding");
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByText(hook.url, { exact: true }).waitFor();
      await page.getByText("logins, carding").waitFor();
      await assertFits(page);
      await page.getByRole("button", { name: "Test After" }).click();
      await page.getByText("The test of After was delivered.").waitFor();
      await page.getByRole("button", { name: "Remove After" }).click();
      await page.getByText("Nobody is told yet.").waitFor();
    });
  });
}

test("a secret gives way to another, and the former signs until it is ended", async () => {
  hook.requests.length = 0;
  await visit(server, { state }, async (page, visit) => {
    const shown = () => page.getByRole("region", { name: "Secret of Rotated" }).getByRole("code").textContent();
    const sent = async () => {
      await page.getByRole("button", { name: "Test Rotated" }).click();
      await page.getByText("The test of Rotated was delivered.").waitFor();
      return hook.requests.at(-1);
    };
    await page.goto("/notifications");
    await add(page, "Rotated", "webhook", hook.url);
    const former = await shown();
    await page.getByRole("button", { name: "New secret Rotated" }).click();
    const secret = await shown();
    assert.notEqual(secret, former);
    assertSigned(await sent(), secret, former);
    await visit.picture(page, "notifications-rotated");
    await assertFits(page);
    await page.getByRole("button", { name: "End former secret Rotated" }).click();
    await page.getByRole("button", { name: "End former secret Rotated" }).waitFor({ state: "detached" });
    assertSigned(await sent(), secret);
    await page.getByRole("button", { name: "Remove Rotated" }).click();
    await page.getByText("Nobody is told yet.").waitFor();
  });
});

test("e-mail is sent through an SMTP server that asks for a password", async () => {
  await visit(server, { state, width: 380 }, async (page, visit) => {
    await page.goto("/notifications");
    visit.expect("answer: /notifications 400");
    await add(page, "Team", "email", "ann@example.com, nobody");
    await page.getByText('addresses: "nobody" is no address').waitFor();
    assert.equal(await page.getByLabel("URL of the webhook").inputValue(), "ann@example.com, nobody");
    await add(page, "Team", "email", "ann@example.com, bob@example.com");
    await page.getByRole("button", { name: "Test Team" }).click();
    await page.getByText("The test of Team was delivered.").waitFor();
    await assertFits(page);
  });
  assert.equal(mail.mails.length, 1);
  const [{ from, to, text }] = mail.mails;
  assert.deepEqual([from, to], ["sqreen@example.com", ["ann@example.com", "bob@example.com"]]);
  const [head, ...body] = text.split("\r\n\r\n");
  assert.match(head, /^Subject: Test$/m);
  assert.match(head, /^From: Sqreen <sqreen@example.com>$/m);
  assert.match(head, /^Message-ID: <[0-9a-f]{16}@example.com>$/m);
  assert.match(body.join(), /tries out whether notifications arrive here/);
});
