# SPDX-License-Identifier: Apache-2.0
"""The overview and the figures: as commands, over the admin API, and against the reports."""
import json
import time

from harness import Lethe, check, equal
from test_admin_api import Api, problem
from upstreams import Recorder

FIGURES = ["expiries", "ages", "purges", "flow", "burndown", "matrix", "holds"]
PARTS = ["overdue", "held", "requests", "destroyed", "access"]


def overview(lethe, code, *more):
    result = lethe.cli("overview", "--json", *more)
    equal(result.returncode, code, f"overview: {result}")
    return json.loads(result.stdout)


def test_the_overview_says_what_was_done_and_asks_for_a_backup(env):
    lethe = Lethe(env, Recorder(env).url).start()
    for i in range(3):
        lethe.request("PUT", f"/users/{i}", {"email": f"k{i}@x.example", "note": f"note {i}"})
    equal(lethe.cli("subject", "erase", "2").returncode, 0, "an erasure")
    tree = overview(lethe, 3)
    equal([c["clock"] for c in tree["clocks"] if c["state"] == "past"], ["backup_due"], "what wants attention")
    equal([p for p in PARTS if tree[p]["attention"]], [], "questions that want attention")
    equal(tree["destroyed"]["receipts"]["verified"], 1, "receipts")
    equal(tree["destroyed"]["erasure"], 2, "values that were erased")
    text = lethe.cli("overview").stdout
    check("0 values by timer, 2 by request" in text, f"the lines: {text}")
    check("\n!   backup_due" in text, f"the mark: {text}")


def test_the_overview_is_quiet_when_there_is_a_backup(env):
    lethe = Lethe(env, Recorder(env).url).start()
    made = lethe.cli("backup", "--data", env.path("data"), "--keys", env.path("keys"))
    equal(made.returncode, 0, f"backup: {made}")
    tree = overview(lethe, 0)
    equal(tree["attention"], False, "attention")


def test_requests_stand_in_the_overview_and_make_it_say_3(env):
    lethe = Lethe(env, Recorder(env).url).start()
    lethe.request("PUT", "/users/1", {"email": "k1@x.example"})
    long_ago = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 60 * 86400))
    added = lethe.cli("request", "add", "--subject", "1", "rights=access", "channel=email", f"received={long_ago}")
    equal(added.returncode, 0, f"a request: {added}")
    tree = overview(lethe, 3)
    row = tree["requests"]["rows"][0]
    equal((row["number"], row["standing"], row["rights"]), (1, "past due", ["access"]), "the request")
    check("past_due" in tree["requests"]["attention"], f"{tree['requests']}")


def test_access_is_counted_by_caller_and_purpose(env):
    api = Api(env, four_eyes=False)
    person = {"subject": "ada", "class": "email", "values": ["ada@x.example", "a@x.example"]}
    tokens = api.got(201, "POST", "/v1/tokens", person, "app")["tokens"]
    for _ in range(3):
        api.got(200, "POST", "/v1/tokens/reveal", {"tokens": tokens}, "app", {"Lethe-Purpose": "account"})
    tree = api.got(200, "GET", "/v1/overview", token="officer")
    row = next(c for c in tree["access"]["callers"] if c["caller"] == "app")
    equal((row["purpose"], row["requests"], row["values"]), ("account", 3, 6), "what app saw")


def test_figures_are_there_for_those_who_may_and_agree_with_the_report(env):
    api = Api(env, four_eyes=False)
    person = {"subject": "ada", "class": "note", "values": ["a", "b", "c"]}
    api.got(201, "POST", "/v1/tokens", person, "app")
    for name in FIGURES:
        for role in ("officer", "operator", "auditor", "approver"):
            equal(api.got(200, "GET", f"/v1/figures/{name}", token=role)["figure"], name, name)
        problem(api.ask("GET", f"/v1/figures/{name}", token="app"), "DENIED")
    problem(api.ask("GET", "/v1/figures/nonsense", token="officer"), "NOT_FOUND")
    problem(api.ask("GET", "/v1/figures/flow?from=2001-01-01", token="officer"), "INVALID")
    rows = api.got(200, "GET", "/v1/reports/retention", token="officer")["rows"]
    series = api.got(200, "GET", "/v1/figures/expiries", token="officer")["series"]
    equal({r["class"]: r["items"] for r in rows}, {s["class"]: s["values"] for s in series}, "items")
    check(any(r["items"] == 3 for r in rows), f"{rows}")
