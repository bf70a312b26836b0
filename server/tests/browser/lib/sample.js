// A backend that has something to show on every page, and the list of its pages.

import { Agent, record } from "./agent.js";
import { until } from "./programs.js";

export const ANN = "ann@example.com";
export const HOME = "198.51.100.7";
const CAFE = "203.0.113.9";
const LONG = "a-name-without-a-single-break-".repeat(6);
const MINUTE = 60_000;

/** Stores events of several apps, and decides things about the people behind them. */
export async function fill(server) {
  const shop = await Agent.login(server, "shop");
  const blog = await Agent.login(server, "blog", { agent_type: "nodejs", capabilities: undefined });
  const long = await Agent.login(server, LONG, { hostname: LONG });
  const now = Date.now();
  const ago = (minutes) => new Date(now - minutes * MINUTE);
  const user = { email: ANN, shop: "north" };
  await shop.send(
    record("users.login", {
      time: ago(1),
      options: { user_identifiers: user, properties: { success: true } },
      request: { verb: "POST", path: "/login", user_agent: "Mozilla/5.0", referer: "https://shop.example/" },
      client_ip: HOME,
    }),
    record("cart.checkout", {
      time: ago(5),
      options: { user_identifiers: user, properties: { amount: 42.5, currency: "EUR", coupons: ["spring", "ten"] } },
      request: { verb: "POST", path: "/checkout", parameters: { query: { step: "2" } } },
      client_ip: HOME,
    }),
    record("search", { time: ago(90), options: { properties: { query: LONG } }, client_ip: "2001:db8::1" }),
  );
  const odd = { [LONG.slice(0, 128)]: LONG };
  await long.send(
    record(LONG, {
      time: ago(200),
      options: { user_identifiers: odd, properties: odd },
      request: { path: `/${LONG}` },
      response: { status: 500 },
      client_ip: CAFE,
    }),
  );
  const view = (nth) => record("page.viewed", { time: ago(nth * 40), client_ip: CAFE });
  await blog.send(...Array.from({ length: 30 }, (_, nth) => view(nth)));
  const outcomes = { instance: "i-1", tracked: 1_260, accepted: 1_234, duplicate: 3, pending: 5 };
  await shop.beat({ outcomes: { ...outcomes, rejected: { too_large: 8 }, dropped: { queue_full: 10 } } });
  await long.beat({ outcomes: { ...outcomes, tracked: 9, accepted: 1, pending: 0, rejected: {}, dropped: { [LONG]: 5 } } });
  await blog.beat({ metrics: [{ name: "request_overtime", observation: { a: 1 } }] });
  const block = (action) => server.api("POST", "actions", { duration_s: 3600, comment: "by hand", ...action });
  await server.api("POST", "tokens", { kind: "app", app: LONG, comment: LONG });
  const spare = await server.api("POST", "tokens", { kind: "api", role: "viewer", comment: LONG });
  await server.api("DELETE", `tokens/${spare.id}`);
  await server.api("POST", "people", { name: LONG.slice(0, 128), role: "operator" });
  await block({ action: "block_ip", ip_cidr: [CAFE] });
  await block({ action: "block_ip", ip_cidr: ["192.0.2.0/24", "2001:db8:1::/48"], comment: LONG, dry_run: true });
  await block({ action: "redirect_user", users: [odd], url: `https://shop.example/${LONG}`, app: "shop" });
  const { id } = await block({ action: "block_user", users: [user] });
  await server.api("DELETE", `actions/${id}`);
  await block({ action: "block_user", users: [user], match_any: true });
  const hook = (name) => server.api("POST", "notifications/destinations", { name, kind: "webhook", url: "https://127.0.0.1:9/hook" });
  // Nothing is sent to loopback: both tests are in the log as dead.
  for (const { id } of [await hook("On call"), await hook(LONG.slice(0, 100))]) {
    await server.api("POST", `notifications/destinations/${id}/test`);
  }
  const url = `https://hooks.slack.com/services/${LONG}`;
  await server.api("POST", "notifications/destinations", { name: "Chat", kind: "slack", url, playbooks: ["logins"], enabled: false });
  const rule = { trigger: { event: "page.*" }, actor: "ip", at_least: 2, period: "5min", stage: "shadow" };
  await server.api("PUT", "playbooks/views", { ...rule, responses: [{ action: "block_ip", duration: ["5min", "permanent"] }] });
  const long_rule = { ...rule, trigger: { event: LONG, where: `path:"/${LONG}"` }, stage: "draft" };
  await server.api("PUT", `playbooks/${LONG.slice(0, 63)}`, { ...long_rule, name: LONG.slice(0, 128), description: LONG });
  await blog.send(view(0), view(0));
  await until("a playbook fired", async () => (await server.api("GET", "runs")).runs.length > 0);
  await server.api("POST", "allowlist", { ips: ["192.0.2.7"], paths: ["/health", `/${LONG}`], comment: LONG });
}

/** The pages of the newest event that has a user, and of the one whose texts are long. */
export async function eventPages(server) {
  const { events } = await server.api("GET", "events");
  const page = (name, { id, time }) => ({ name, path: `/event/${id}?time=${time}` });
  return [
    page("event", events.find(({ user }) => user)),
    page("event-long", events.find(({ name }) => name === LONG)),
    { name: "event-none", path: `/event/${events[0].id}?time=2001-01-01T00:00:00Z`, status: 404 },
  ];
}

/** The pages of the newest delivery of a notification, and of one that there is not. */
export async function deliveryPages(server) {
  const { deliveries } = await server.api("GET", "notifications/deliveries");
  const path = (id) => `/notifications/deliveries/${id}`;
  return [
    { name: "notification", path: path(deliveries[0].id) },
    { name: "notification-none", path: path("0123456789abcdef"), status: 404 },
  ];
}

/** The page of the newest run of a playbook, and of one that there is not. */
export async function runPages(server) {
  const { runs } = await server.api("GET", "runs");
  return [
    { name: "run", path: `/runs/${runs[0].id}` },
    { name: "run-none", path: "/runs/0123456789abcdef", status: 404 },
  ];
}

/** Every page that a link can lead to; `status` is that of its answer, 200 if there is none. */
export const PAGES = [
  { name: "sign-in", path: "/", status: 401, stranger: true },
  { name: "events", path: "/" },
  { name: "events-older", path: "/?filter=app:shop&limit=2" },
  { name: "events-grouped", path: "/?last=6h&by=name&group=ip" },
  { name: "events-coloured", path: "/?last=24h&by=properties.amount&group=user" },
  { name: "events-none-match", path: "/?filter=name:no.such.event&last=1h" },
  { name: "events-refused", path: "/?filter=name:x+colour:red", status: 400 },
  { name: "delivery", path: "/delivery" },
  { name: "account", path: "/account" },
  { name: "nowhere", path: "/nowhere", status: 404 },
  { name: "people", path: "/people" },
  { name: "audit", path: "/audit" },
  { name: "apps", path: "/apps" },
  { name: "notifications", path: "/notifications" },
  { name: "playbooks", path: "/playbooks" },
  { name: "playbook", path: "/playbooks/views" },
  { name: "playbook-long", path: `/playbooks/${LONG.slice(0, 63)}` },
  { name: "playbook-none", path: "/playbooks/none", status: 404 },
  { name: "playbook-edited", path: `/playbooks/${LONG.slice(0, 63)}/edit` },
  { name: "playbook-new", path: "/playbooks/new" },
  { name: "runs", path: "/runs" },
  { name: "actor-address", path: `/actor?ip=${CAFE}` },
  { name: "actor-user", path: `/actor?user.email=${ANN}&user.shop=north` },
  { name: "actor-long", path: `/actor?user.${LONG.slice(0, 128)}=${LONG}` },
  { name: "actor-refused", path: "/actor?ip=nowhere", status: 400 },
  { name: "actions", path: "/actions" },
  { name: "actions-to-block", path: `/actions?ip=${HOME}&app=shop&back=%2F#block-ip` },
];

/** The same of a backend that nothing was sent to yet. */
export const EMPTY_PAGES = [
  { name: "events-none", path: "/" },
  { name: "actions-none", path: "/actions" },
  { name: "delivery-none", path: "/delivery" },
  { name: "apps-none", path: "/apps" },
  { name: "notifications-none", path: "/notifications" },
  { name: "playbooks-none", path: "/playbooks" },
  { name: "runs-none", path: "/runs" },
];
