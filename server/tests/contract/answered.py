"""Fails unless each operation that was called was answered with success at least once: an operation that is only ever
refused is not tested.

Usage: answered.py REPORT, which is what schemathesis writes as NDJSON
"""

import json
import sys
from collections import defaultdict

(REPORT,) = sys.argv[1:]

statuses = defaultdict(set)
with open(REPORT) as report:
    for line in report:
        scenario = json.loads(line).get("ScenarioFinished")
        if scenario is None:
            continue
        recorder = scenario["recorder"]
        seen = statuses[recorder["label"]]
        # A scenario that was skipped has none.
        for called in recorder.get("interactions", {}).values():
            if called["response"]:
                seen.add(called["response"]["status_code"])

refused = [f"{label}: {sorted(seen)}" for label, seen in statuses.items() if not any(200 <= s < 300 for s in seen)]
if refused or not statuses:
    sys.exit("\n".join(["no answer of success from:", *refused]))
print(f"{len(statuses)} operations answered with success")
