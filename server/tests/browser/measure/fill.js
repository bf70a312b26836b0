// What a server that was used for a while has beside events.

import { Agent, record } from "../lib/agent.js";

const RUNS = 60;

/** Fills a server over its API, unless an earlier measurement did; returns the names and ids of some of it. */
export async function fill(server, api) {
  const post = (path, body = {}) => api(path, { method: "POST", body });
  const times = (count, make) => Array.from({ length: count }, (_, nth) => make(nth));
  const each = async (count, make) => {
    for (const next of times(count, make)) await next();
  };

  if ((await api("people")).people.length < 200) {
    await each(200, (nth) => () => post("people", { name: `someone-${nth}@customers.example`, role: "viewer" }));
    await each(100, (nth) => () => post("tokens", { kind: "api", role: "viewer", comment: `reports of team ${nth}` }));
    await each(40, (nth) => () => post("views", { name: `View ${nth}`, place: `/?filter=name:app.event.${nth}&by=ip&last=24h` }));
    await each(50, (nth) => () =>
      post("allowlist", { ips: [`192.0.2.${nth}`], paths: [`/health/${nth}`], comment: `monitoring ${nth}` }),
    );
    await each(400, (nth) => async () => {
      const who =
        nth % 2 === 0
          ? { action: "block_ip", ip_cidr: [`198.18.${nth % 256}.0/24`] }
          : { action: "block_user", users: [{ email: `user${nth}@customers.example` }] };
      const { id } = await post("actions", { ...who, duration_s: 86_400, comment: "by hand, after a look at the logins" });
      if (nth % 4 === 0) await api(`actions/${id}`, { method: "DELETE" });
    });
    await each(100, (nth) => () => api(`playbooks/playbook-${nth}`, { method: "PUT", body: playbook(`playbook-${nth}`, "users.login", 30) }));
    await each(20, (nth) => async () => {
      const to = { name: `hook ${nth}`, kind: "webhook", url: `https://127.0.0.1:9/hooks/${nth}` };
      const { id } = await post("notifications/destinations", to);
      // Loopback is refused, so that the delivery is dead at once.
      for (let test = 0; test < 4; test++) await post(`notifications/destinations/${id}/test`);
    });
    await api("playbooks/measured", { method: "PUT", body: playbook("measured", "measured.*", 3) });
  }
  const { deliveries } = await api("notifications/deliveries?limit=50");
  return { playbook: "measured", runs: await runs(server, api), deliveries: deliveries.map(({ id }) => id) };
}

function playbook(slug, event, at_least) {
  return {
    slug,
    version: 0,
    name: `Logins of ${slug}`,
    description: "Passwords are tried from one address.\n\nTrack logins with `auth_track`.",
    stage: "shadow",
    actor: "ip",
    trigger: { event, where: "-path^/admin" },
    at_least,
    period: "5min",
    responses: [{ action: "block_ip", duration: ["5min", "1h", "24h"] }],
  };
}

/** The ids of runs, for which events come if there are none. */
async function runs(server, api) {
  const found = async () => (await api("runs?playbook=measured&limit=100")).runs.map(({ id }) => id);
  const agent = await Agent.login(server, "shop");
  for (let nth = (await found()).length; nth < RUNS; nth++) {
    const three = Array.from({ length: 3 }, () => record("measured.login", { client_ip: `203.0.113.${nth}` }));
    await agent.send(...three);
  }
  for (;;) {
    const ids = await found();
    if (ids.length >= RUNS) return ids;
    await new Promise((done) => setTimeout(done, 100));
  }
}
