# SPDX-License-Identifier: Apache-2.0
"""New tokens for values that are there: planned, carried out, survived, exported, ended."""
import json
import os
import stat
import time

from harness import Lethe, check, equal, until
from test_admin_access import coded
from test_admin_api import Api, approval, earlier_step, problem
from upstreams import Recorder

PEOPLE = [f"p{i}" for i in range(6)]


def started(env, fault=None, **overrides):
    lethe = Lethe(env, Recorder(env).url, **{"sweep_interval": "1s", **overrides})
    return lethe.start(fault)


def mail(name):
    return f"{name}@example.org"


def store(lethe, people=PEOPLE):
    """{value: token}: each person an address of their own, and two who share a number."""
    tokens = {}
    for name in people:
        for kind, value in (("email", mail(name)), ("note", f"note of {name}"), ("phone", "+49170123")):
            tokens[kind, value] = told(lethe, "tokenize", "--class", kind, "--subject", name, value).strip()
    return tokens


def told(lethe, *words, code=0):
    result = lethe.cli(*words)
    equal(result.returncode, code, f"{words}: {result.stdout} {result.stderr}")
    return result.stdout


def reveals(lethe, token):
    result = lethe.cli("reveal", token)
    return result.stdout.rstrip("\n") if result.returncode == 0 else None


def renew(lethe, *what):
    plan = json.loads(told(lethe, "tokens", "renew", *what, "--dry-run", "--json"))
    told(lethe, "tokens", "renew", *what, "--confirm", plan["digest"])
    return plan


def renewals(lethe, code=0):
    text, found = told(lethe, "tokens", "renewals", "--json", code=code).strip(), []
    while text:
        document, end = json.JSONDecoder().raw_decode(text)
        found.append(document)
        text = text[end:].strip()
    return found


def must_become(lethe, state, number=1):
    until(f"renewal {number} to be {state}", 30, lambda: renewals(lethe)[number - 1]["state"] == state, pause=0.1)
    return renewals(lethe)[number - 1]


def mapping(lethe, number=1):
    lines = told(lethe, "tokens", "mapping", str(number)).splitlines()
    return {line["old"]: line["new"] for line in map(json.loads, lines)}


def test_e28_values_get_new_tokens_and_the_old_ones_die(env):
    lethe = started(env)
    old = store(lethe)
    plan = renew(lethe, "--domain", "default")
    equal((plan["domain"], plan["keep"], plan["values"]), ("default", "P30D", 18), "the plan")
    done = must_become(lethe, "open")
    equal({c["class"]: c["renewed"] for c in done["classes"]}, {"email": 6, "phone": 6, "note": 6}, "renewed")
    check(done["ends"] is not None, f"{done}")
    new = mapping(lethe)
    equal(set(new), set(old.values()), "the tokens there were")
    equal(len(set(new.values()) | set(new)), 2 * len(new), "all are new")
    for (kind, value), token in old.items():
        equal((reveals(lethe, token), reveals(lethe, new[token])), (value, value), f"{kind}: both reveal")
    again = told(lethe, "tokenize", "--class", "email", "--subject", "p1", mail("p1")).strip()
    equal(again, new[old["email", mail("p1")]], "a deterministic class gives the new one")
    # The file of it: closed to others, and no value in it.
    file = env.path("mapping.ndjson")
    told(lethe, "tokens", "mapping", "1", "--output", file)
    with open(file) as f:
        text = f.read()
    equal((stat.S_IMODE(os.stat(file).st_mode), len(text.splitlines())), (0o600, len(new)), "the file")
    check("example.org" not in text and "note of" not in text and "49170" not in text, "a value in it")
    result = lethe.cli("tokens", "mapping", "1", "--output", file)
    equal(result.returncode, 1, "once more")
    check("is there already, and was not touched" in result.stderr, result.stderr)
    with open(file) as f:
        equal(f.read(), text, "untouched")
    # An erasure kills both; a restart changes nothing.
    told(lethe, "subject", "erase", "--token", new[old["email", mail("p2")]])
    for token in (old["email", mail("p2")], old["note", "note of p2"]):
        equal((reveals(lethe, token), reveals(lethe, new[token])), (None, None), "of the erased")
    equal(set(mapping(lethe)) & {old["email", mail("p2")], old["note", "note of p2"]}, set(), "nor in what is given out")
    equal(lethe.stop(), 0, "exit code")
    lethe.start()
    equal(reveals(lethe, old["phone", "+49170123"]), "+49170123", "shared by those who live")
    told(lethe, "tokens", "finish", "1")
    must_become(lethe, "done")
    for (kind, value), token in old.items():
        dead = value in (mail("p2"), "note of p2")
        equal((reveals(lethe, token), reveals(lethe, new[token])), (None, None if dead else value), f"{kind} {value}")
    result = lethe.cli("tokens", "mapping", "1", "--output", env.path("late.ndjson"))
    equal(result.returncode, 1, "the mapping of one that has ended")
    check("forgotten" in result.stderr, result.stderr)
    check(not os.path.exists(env.path("late.ndjson")), "a file of nothing")
    result = lethe.cli("tokens", "mapping", "1", "--output", env.path("no", "folder"))
    check(result.returncode == 1 and "cannot be made: No such file" in result.stderr, f"{result}")
    result = lethe.cli("tokens", "mapping", "1", "--output", "/dev/full")
    check(result.returncode == 1 and "was not touched" in result.stderr, f"a device: {result}")


def test_e28_a_kill_at_any_point_loses_no_value(env):
    lethe = started(env, sweep_interval="60s")
    old = store(lethe)
    renew(lethe, "--domain", "default", "--expires", "PT1S")
    for fault in ("renew.batch", "tokenize.committed", "renew.noted", "renew.noted:2"):
        lethe.kill()
        lethe.start(fault)
        lethe.died(30)
        equal(renewals(lethe)[0]["state"], "running", f"after {fault}")
        for (kind, value), token in old.items():
            equal(reveals(lethe, token), value, f"{fault}: {kind}")
    lethe.start()
    must_become(lethe, "open")
    seen = mapping(lethe)
    equal(set(seen), set(old.values()), "all have new tokens")
    lethe.kill()
    time.sleep(1.1)  # the old ones' time
    lethe.start("renew.end")
    lethe.died(30)
    equal(renewals(lethe)[0]["state"], "ending", "after renew.end")
    lethe.start()
    must_become(lethe, "done")
    for (kind, value), token in old.items():
        equal((reveals(lethe, token), reveals(lethe, seen[token])), (None, value), f"{kind}: at the end")
    report = lethe.cli("retention", "recount")
    equal(report.returncode, 0, f"the books ({report.stdout})")


def test_it_rests_and_is_cancelled(env):
    lethe = started(env, sweep_interval="1h")
    old = store(lethe)
    equal(lethe.stop(), 0, "exit code")
    renew(lethe, "--class", "note")  # without a server
    told(lethe, "tokens", "pause", "1")
    lethe.start()
    equal(renewals(lethe, code=3)[0]["state"], "paused", "after a start")
    result = lethe.cli("tokens", "renew", "--class", "note", "--dry-run")
    equal(result.returncode, 1, "another one of the class")
    check("has not ended" in result.stderr, result.stderr)
    told(lethe, "tokens", "cancel", "1")
    cancelled = renewals(lethe)[0]
    equal((cancelled["state"], cancelled["cancelled"]), ("open", True), "cancelled")
    equal(mapping(lethe), {}, "nothing was renewed")
    equal(reveals(lethe, old["note", "note of p1"]), "note of p1", "as before")
    equal(lethe.cli("tokens", "resume", "1").returncode, 1, "it does not come back")
    equal(lethe.cli("tokens", "renew", "--class", "note").returncode, 2, "neither looked at nor confirmed")
    equal(lethe.cli("tokens", "renew", "--dry-run").returncode, 2, "nothing named")


def test_e28_over_the_network_it_takes_two_people(env):
    api = Api(env)
    lethe = api.lethe
    old = store(lethe, ["p1"])
    for role in ("operator", "approver"):
        api.enrol(role)
    step = earlier_step()
    plan = api.got(200, "POST", "/v1/renewals/plan", {"class": "note"}, "approver")
    proposal = api.got(202, "POST", "/v1/renewals", {"class": "note", "confirm": plan["digest"]}, "operator")
    equal(proposal["preview"], plan, "what is approved")
    equal(api.got(200, "GET", "/v1/renewals", token="auditor")["renewals"], [], "nothing yet")
    made = approval(api, proposal, step=step)
    equal(made.status, 200, f"{made.body}")
    number = made.json()["number"]
    problem(api.ask("POST", f"/v1/renewals/{number}/pause", None, "operator"), "DENIED")
    equal(api.ask("POST", f"/v1/renewals/{number}/pause", None, "operator", coded(api, "operator", step)).status, 200, "paused")
    problem(api.ask("GET", f"/v1/renewals/{number}/tokens?class=note", token="auditor"), "DENIED")
    equal(api.got(200, "GET", f"/v1/renewals/{number}/tokens?class=note", token="operator")["tokens"], [], "none yet")
    told(lethe, "tokens", "resume", str(number))
    told(lethe, "reload")
    equal(lethe.stop(), 0, "exit code")
    lethe.start()
    must_become(lethe, "open")
    equal(len(mapping(lethe)), 1, "renewed")
    equal(reveals(lethe, old["note", "note of p1"]), "note of p1", "the old one")
