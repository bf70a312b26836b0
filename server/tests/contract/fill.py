"""Fills a server through its API: the events of a recorded agent, as if they happened now, a playbook that they make
fire, a notice, and a webhook with a former secret. Prints the configuration of schemathesis that leads to them.

Usage: fill.py ORIGIN API_TOKEN INGEST_TOKEN CAPTURE
"""

import json
import re
import sys
import time
from datetime import datetime, timezone
from urllib.error import HTTPError
from urllib.request import Request, urlopen

ORIGIN, API_TOKEN, INGEST_TOKEN, CAPTURE = sys.argv[1:]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*Z")
RUN_SECONDS = 30


def call(method, path, body, headers):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **headers}
    try:
        with urlopen(Request(ORIGIN + path, data, headers, method=method), timeout=10) as answer:
            return json.loads(answer.read() or "null")
    except HTTPError as refused:
        sys.exit(f"{method} {path}: {refused.code} {refused.read().decode()}")


def api(method, path, body=None):
    return call(method, f"/api/v1/{path}", body, {"Authorization": f"Bearer {API_TOKEN}"})


def replay():
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    with open(CAPTURE) as file:
        exchanges = json.load(file)
    session = ""
    for request in (exchange["request"] for exchange in exchanges):
        headers = {"x-api-key": INGEST_TOKEN, "x-app-name": "shop", "x-session-key": session}
        if request["path"].endswith("app-login"):
            del headers["x-session-key"]
        body = json.loads(TIME.sub(now, json.dumps(request["body"])))
        answer = call(request["method"], request["path"], body, headers)
        session = answer.get("session_id", session)


def first_run():
    deadline = time.monotonic() + RUN_SECONDS
    while time.monotonic() < deadline:
        if runs := api("GET", "runs")["runs"]:
            return runs[0]["id"]
        time.sleep(0.1)
    sys.exit("the playbook did not fire")


api("PUT", "playbooks/filled", {
    "name": "Filled", "stage": "shadow", "actor": "ip", "at_least": 1, "period": "5min",
    "trigger": {"event": "order.viewed"}, "responses": [{"action": "block_ip", "duration": "5min"}],
})
sink = api("POST", "notifications/destinations", {"name": "sink", "kind": "webhook", "url": "https://127.0.0.1:9/"})
api("POST", f"notifications/destinations/{sink['id']}/test")
delivery = api("GET", "notifications/deliveries")["deliveries"][0]["id"]
# One of its own, whose former secret is ended and which nothing else ends.
turned = api("POST", "notifications/destinations", {"name": "turned", "kind": "webhook", "url": "https://127.0.0.1:9/"})
api("POST", f"notifications/destinations/{turned['id']}/secret")
replay()
run = first_run()
event = api("GET", "events?limit=1")["events"][0]

for path, parameters in [
    ("events/{event}", {"path.event": event["id"], "query.time": event["time"]}),
    ("runs/{id}", {"path.id": run}),
    ("runs/{id}/undo", {"path.id": run}),
    ("playbooks/{slug}/undo", {"path.slug": "filled"}),
    ("playbooks/{slug}/versions", {"path.slug": "filled"}),
    ("notifications/deliveries/{id}/replay", {"path.id": delivery}),
    ("notifications/destinations/{id}/former-secret", {"path.id": turned["id"]}),
]:
    values = ", ".join(f'"{name}" = "{value}"' for name, value in parameters.items())
    print(f'[[operations]]\ninclude-path = "/api/v1/{path}"\nparameters = {{ {values} }}\n')
