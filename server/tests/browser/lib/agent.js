// An agent, as the backend sees it: what the protocol carries, so that any field can hold any text.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

/** An agent that is logged in. */
export class Agent {
  #server;
  #session;

  constructor(server, session) {
    this.#server = server;
    this.#session = session;
  }

  /** Logs in; `login` adds to what the body says. The name of the app must be printable ASCII, as a header is. */
  static async login(server, app, login = {}) {
    const answer = await post(
      `${server.url}/sqreen/v1/app-login`,
      { "x-api-key": server.ingestToken, "x-app-name": app },
      {
        agent_type: "rust",
        agent_version: "0.1.0",
        hostname: "web-1",
        instance: randomUUID(),
        capabilities: { version: 1, compression: [], ids: true, action_stream: true },
        ...login,
      },
    );
    return new Agent(server, answer.session_id);
  }

  /** Sends a heartbeat. */
  async beat(body) {
    await post(`${this.#server.url}/sqreen/v1/app-beat`, { "x-session-key": this.#session }, body);
  }

  /** Sends request records in one batch; every event of them is stored. */
  async send(...records) {
    const answer = await post(
      `${this.#server.url}/sqreen/v0/batch`,
      { "x-session-key": this.#session },
      { batch_id: randomUUID(), verdicts: true, batch: records },
    );
    assert.deepEqual(answer.verdicts ?? [], [], "the backend stored not every event");
  }
}

/**
 * The record of one request with one event of this name. `time` is a `Date`; `options` are those of `track`; `request`
 * and `record` add to what these say.
 */
export function record(name, { time = new Date(), options = {}, traits, request = {}, ...record } = {}) {
  const at = time.toISOString();
  const sdk = [{ id: randomUUID(), time: at, name: "track", args: [name, options] }];
  if (traits) {
    const args = [options.user_identifiers, traits];
    sdk.push({ id: randomUUID(), time: at, name: "identify", args });
  }
  return {
    event_type: "request_record",
    version: "20171208",
    client_ip: "198.51.100.7",
    response: { status: 200 },
    ...record,
    request: { rid: randomUUID(), verb: "GET", path: "/", ...request },
    observed: { sdk },
  };
}

async function post(url, headers, body) {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  assert.equal(answer.status, 200, `${url}: ${text}`);
  const read = JSON.parse(text);
  assert.equal(read.status, true, `${url}: ${text}`);
  return read;
}
