# SPDX-License-Identifier: Apache-2.0
"""Legal holds, restriction of processing and objections, as operators and callers meet them."""
import datetime
import json
import time
import urllib.request

from harness import Lethe, check, equal, until
from upstreams import Recorder

ANNA = {"email": "anna@example.org", "phones": ["+49 151 1"], "note": "likes tea"}
BERT = {"email": "bert@example.org", "phones": ["+49 151 2"], "note": "likes milk"}
SEES_ALL = {"email": "value", "phone": "value", "note": "value"}


def day(days):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).strftime(
        "%Y-%m-%d")


def started(env, **overrides):
    app = Recorder(env)
    lethe = Lethe(env, app.url, sweep_interval="1s", **overrides)
    for definition in lethe.config["classes"].values():
        definition["purposes"] += ["litigation", "marketing"]
    lethe.config["holds"] = {"purposes": ["litigation"]}
    for name, purpose in (("counsel", "litigation"), ("ads", "marketing")):
        lethe.add_caller(name, [purpose], SEES_ALL)
    lethe.add_caller("desk", ["support"], SEES_ALL)
    partner = {"url": app.url, "egress": True, "insecure_plain": True, "allow": ["127.0.0.0/8"]}
    lethe.config["upstreams"]["partner"] = partner
    lethe.config["routes"].append({
        "path": "/partner", "methods": ["POST"], "upstream": "partner", "direction": "egress",
        "subject": "none", "request": [{"json": "$.note", "class": "note"}]})
    lethe.save()
    lethe.start()
    for i, person in enumerate((ANNA, BERT)):
        equal(lethe.request("PUT", f"/users/{i}", person, caller="desk").status, 200, "PUT")
    return app, lethe


def tokens(app, i):
    return json.loads(app.handler.users[str(i)])


def get(lethe, i, caller):
    return lethe.request("GET", f"/users/{i}", caller=caller)


def add_hold(lethe, *args, review=30):
    result = lethe.cli("hold", "add", "--ground", "case 12/2026", "--owner", "legal", "--review",
                       day(review), *args)
    equal((result.returncode, result.stderr), (0, ""), "hold add")
    return result.stdout.strip()


def lift(lethe, number):
    result = lethe.cli("hold", "lift", number, "--reason", "settled")
    equal((result.returncode, result.stderr), (0, ""), "hold lift")
    return result.stdout


def test_a_hold_shows_values_to_the_legal_purpose_only(env):
    app, lethe = started(env)
    kept = tokens(app, 0)
    number = add_hold(lethe, "--subject", "0")
    answer = get(lethe, 0, "desk")
    equal((answer.status, answer.json()), (200, kept), "the tokens stay")
    equal(get(lethe, 0, "counsel").json(), ANNA, "the legal purpose")
    equal(get(lethe, 1, "desk").json(), BERT, "somebody else")
    result = lethe.cli("reveal", kept["note"])
    equal((result.returncode, result.stdout), (1, ""), "the operator without the hold's number")
    check("hold" in result.stderr, result.stderr)
    result = lethe.cli("reveal", "--hold", number, kept["note"])
    equal((result.returncode, result.stdout), (0, ANNA["note"] + "\n"), "and with it")
    result = lethe.cli("reveal", "--hold", number, tokens(app, 1)["note"])
    equal((result.returncode, result.stdout), (1, ""), "it is no key to anybody else")
    lift(lethe, number)
    equal(get(lethe, 0, "desk").json(), ANNA, "after the hold")
    equal(lethe.cli("reveal", "--hold", number, kept["note"]).returncode, 1, "a lifted one opens nothing")


def test_a_class_on_hold_outlives_its_time(env):
    app, lethe = started(env)
    lethe.stop()
    lethe.config["classes"]["note"]["retain"]["period"] = "PT10S"
    lethe.save()
    lethe.start()
    lethe.request("PUT", "/users/9", {"note": "short-lived"}, caller="desk")
    token = tokens(app, 9)["note"]
    number = add_hold(lethe, "--class", "note")
    report = lambda: json.loads(lethe.cli("report", "holds", "--format", "json").stdout)["rows"][0]
    equal((report()["scope"], report()["class"], report()["items"]), ("class", "note", 3), "the report")
    time.sleep(12)  # sweeps go over it
    equal(get(lethe, 9, "desk").json()["note"], token, "as if it had been destroyed")
    equal(get(lethe, 9, "counsel").json()["note"], "short-lived", "but for the legal purpose")
    lift(lethe, number)
    until("the sweep", 15, lambda: get(lethe, 9, "counsel").json()["note"] == token)


def test_an_erasure_waits_and_fires_by_itself(env):
    app, lethe = started(env)
    kept = tokens(app, 0)
    number = add_hold(lethe, "--subject", "0", "--class", "phone")
    result = lethe.cli("subject", "erase", "0", "--ground", "b", "--reason", "asked by letter",
                       "--reference", "R-77")
    waiting = json.loads(result.stdout)
    equal((result.returncode, waiting["state"], waiting["holds"]), (3, "held", [int(number)]), "held")
    equal(json.loads(lethe.cli("subject", "erase", "0").stdout)["number"], waiting["number"], "again")
    answer = get(lethe, 0, "desk")
    equal(answer.status, 423, "restricted at once")
    equal(answer.headers["content-type"], "application/problem+json", "as a problem document")
    shown = json.loads(lethe.cli("subject", "show", "0", "--json").stdout)
    equal((shown["holds"], shown["restricted"], shown["erasure_waiting"]),
          ([int(number)], True, waiting["number"]), "subject show")
    lethe.stop()
    lethe.start()
    equal(get(lethe, 0, "desk").status, 423, "after a restart")
    check("1 erasures" in lift(lethe, number), "it was carried out with the lifting")
    equal(get(lethe, 0, "counsel").json(), kept, "the tokens mean nothing any more")
    receipt = json.loads(lethe.cli("receipt", waiting["number"]).stdout)
    equal((receipt["state"], receipt["reason"], receipt["reference"]),
          ("completed", "asked by letter", "R-77"), "the receipt has the words of then")


def test_an_erasure_that_waits_is_carried_out_by_whoever_starts_next(env):
    app, lethe = started(env)
    kept = tokens(app, 0)
    number = add_hold(lethe, "--subject", "0")
    waiting = json.loads(lethe.cli("subject", "erase", "0").stdout)
    lethe.stop()
    lethe.start(fault="hold.committed")
    lethe.cli("hold", "lift", number, "--reason", "settled")
    lethe.died()
    lethe.start()
    until("the erasure", 20, lambda: get(lethe, 0, "counsel").json() == kept)
    until("the receipt", 20, lambda: lethe.cli("receipt", waiting["number"]).returncode == 0)


def test_a_restricted_person_is_shown_to_nobody(env):
    app, lethe = started(env)
    equal(lethe.cli("subject", "restrict", "0").returncode, 1, "without a ground")
    equal(lethe.cli("subject", "restrict", "0", "--ground", "a").returncode, 0, "restrict")
    equal(get(lethe, 0, "desk").status, 423, "about one person")
    equal(get(lethe, 0, "counsel").status, 423, "there is no hold")
    equal(get(lethe, 0, "robot").status, 200, "who sees tokens anyway sees them")
    everybody = lethe.request("GET", "/users", caller="desk").json()
    check(BERT in everybody and tokens(app, 0) in everybody, f"about many: {everybody}")
    out = lethe.request("POST", "/partner", {"note": tokens(app, 0)["note"]}, caller="desk")
    equal(out.status, 423, "to a third party")
    out = lethe.request("POST", "/partner", {"note": tokens(app, 1)["note"]}, caller="desk")
    equal(out.status, 200, "somebody else to a third party")
    equal(lethe.request("PUT", "/users/0", ANNA, caller="robot").status, 200, "storing goes on")
    equal(lethe.cli("subject", "rectify", tokens(app, 0)["note"], data="prefers coffee\n").returncode, 0,
          "and correcting")
    result = lethe.cli("reveal", tokens(app, 0)["note"])
    equal((result.returncode, result.stdout), (1, ""), "the operator")
    result = lethe.cli("subject", "unrestrict", "0")
    equal(result.returncode, 1, "Art. 18(3): without a notice")
    check("18(3)" in result.stderr, result.stderr)
    equal(lethe.cli("subject", "unrestrict", "0", "--notice-sent", day(3)).returncode, 1, "to come")
    equal(get(lethe, 0, "desk").status, 423, "still")
    equal(lethe.cli("subject", "unrestrict", "0", "--notice-sent", day(0)).returncode, 0, "told")
    equal(get(lethe, 0, "desk").json()["note"], "prefers coffee", "afterwards")


def test_an_objection_holds_from_the_next_request_on(env):
    app, lethe = started(env)
    equal(get(lethe, 0, "ads").json(), ANNA, "before")
    equal(lethe.cli("subject", "object", "0", "--purpose", "marketing").returncode, 0, "object")
    equal(get(lethe, 0, "ads").json(), tokens(app, 0), "the very next request")
    equal(get(lethe, 1, "ads").json(), BERT, "somebody else")
    equal(get(lethe, 0, "desk").json(), ANNA, "another purpose")
    out = lethe.request("POST", "/partner", {"note": tokens(app, 0)["note"]}, caller="ads")
    equal(out.status, 403, "to a third party")
    equal(lethe.cli("subject", "object", "0", "--purpose", "nothing").returncode, 1, "no such purpose")
    equal(lethe.cli("subject", "object", "0", "--purpose", "marketing", "--withdraw").returncode, 0,
          "withdraw")
    equal(get(lethe, 0, "ads").json(), ANNA, "afterwards")


def test_e51_a_hold_on_everything_or_for_ever_is_refused(env):
    _, lethe = started(env)
    full = {"--subject": "0", "--ground": "case", "--owner": "legal", "--review": day(30)}
    for change, why in (({"--subject": None}, "everything"), ({"--ground": None}, "ground"),
                        ({"--owner": None}, "owner"), ({"--review": None}, "review"),
                        ({"--review": day(400)}, "review"), ({"--review": day(-1)}, "review"),
                        ({"--review": "soon"}, "day"), ({"--subject": "nobody"}, "subject"),
                        ({"--subject": "anna@example.org", "--ground": "anna@example.org sues"},
                         "identifier")):
        args = [part for item in {**full, **change}.items() if item[1] is not None for part in item]
        result = lethe.cli("hold", "add", *args)
        equal(result.returncode, 1, f"{change}: {result.stderr}")
        check(why in result.stderr, f"{change}: {result.stderr}")
    equal(json.loads(lethe.cli("report", "holds", "--format", "json").stdout)["rows"], [], "none is there")
    number = add_hold(lethe, "--subject", "0")
    equal(lethe.cli("hold", "lift", number).returncode, 1, "lifted without a reason")
    equal(lethe.cli("hold", "lift", "99", "--reason", "x").returncode, 1, "no such hold")
    lift(lethe, number)
    equal(lethe.cli("hold", "lift", number, "--reason", "again").returncode, 1, "lifted before")
    result = lethe.cli("hold", "list", "--json")
    listed = json.loads(result.stdout)
    equal((listed["state"], listed["reason"]), ("lifted", "settled"), "it stays")
    check(listed["set_by"] and listed["lifted_by"], "who did it")


def test_holds_are_counted(env):
    _, lethe = started(env, admin={"address": "127.0.0.1:0"})
    add_hold(lethe, "--subject", "0")
    lethe.cli("subject", "restrict", "1", "--ground", "b")
    lethe.cli("subject", "erase", "0")
    log = lethe.process.output()
    address = next(json.loads(line)["address"] for line in log.splitlines()
                   if '"serving operators"' in line)
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    for line in ("lethe_holds 1", "lethe_restricted_subjects 2", "lethe_erasures_waiting 1"):
        check("\n" + line in text, line)


def test_a_legal_purpose_that_no_class_lists_is_refused(env):
    lethe = Lethe(env, holds={"purposes": ["litigation"]})
    result = lethe.cli("check")
    equal(result.returncode, 78, "check")
    check("no class lists the purpose" in result.stderr and "test.yaml:" in result.stderr, result.stderr)
