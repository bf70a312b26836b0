// Receivers of notifications, which check what they are sent as those of others would.

import assert from "node:assert/strict";
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { SMTPServer } from "smtp-server";

/** A webhook that keeps the requests it was sent, and answers with `status`, and says `says`. */
export async function startHook() {
  const requests = [];
  const hook = { requests, status: 200, says: "what <b>it</b> says" };
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    requests.push({ headers: request.headers, body: Buffer.concat(parts) });
    response.writeHead(hook.status).end(hook.says);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  hook.url = `http://127.0.0.1:${server.address().port}/hook`;
  hook.stop = () => new Promise((stopped) => server.close(stopped));
  return hook;
}

/**
 * Fails unless the signatures are those of the secret: Sqreen's own, and that of Standard Webhooks. While there is a
 * `former` secret, Sqreen's is of that one, and of the others each has one.
 */
export function assertSigned({ headers, body }, secret, former) {
  const sqreen = createHmac("sha256", former ?? secret).update(body).digest();
  assert.ok(timingSafeEqual(sqreen, Buffer.from(headers["x-sqreen-integrity"], "hex")), "X-Sqreen-Integrity");
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  const standard = [secret, former].filter(Boolean).map((secret) => {
    const key = Buffer.from(secret.replace("whsec_", ""), "base64");
    return `v1,${createHmac("sha256", key).update(signed).digest("base64")}`;
  });
  assert.equal(headers["webhook-signature"], standard.join(" "));
  assert.ok(Math.abs(Date.now() / 1000 - headers["webhook-timestamp"]) < 300, "the time is now");
}

/** An SMTP server that asks for a password, and keeps the mails it was sent. */
export async function startMail() {
  const mails = [];
  const [user, password] = ["sqreen", "p@ss word"];
  const server = new SMTPServer({
    disabledCommands: ["STARTTLS"],
    allowInsecureAuth: true,
    onAuth: (auth, _, done) => {
      const right = auth.username === user && auth.password === password;
      done(right ? null : new Error("a wrong password"), { user });
    },
    onData: async (stream, session, done) => {
      const parts = [];
      for await (const part of stream) parts.push(part);
      const to = session.envelope.rcptTo.map(({ address }) => address);
      mails.push({ from: session.envelope.mailFrom.address, to, text: Buffer.concat(parts).toString() });
      done();
    },
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.server.address();
  const url = `smtp://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}`;
  return { mails, url, stop: () => new Promise((stopped) => server.close(stopped)) };
}
