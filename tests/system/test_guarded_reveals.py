# SPDX-License-Identifier: Apache-2.0
"""Callers that ask for too much: quotas, honeytokens, answers with too many people (E22, E25, E35, E36, E39)."""
import json
import re

from harness import Lethe, check, equal, until
from upstreams import Recorder, answer

PEOPLE = {"path": "/people", "methods": ["GET"], "upstream": "app",
          "response": [{"json": "$[*].note", "class": "note"}]}


def started(env, quota=None, people=None, **more):
    """Lethe in front of an application whose /people is what the test puts into the list."""
    people = [] if people is None else people

    def handler(request, sock):
        if request.target.startswith("/people"):
            return answer(200, [{"note": token} for token in people])
        return answer(200, request.body or b"[]")

    app = Recorder(env, handler)
    lethe = Lethe(env, app.url)
    lethe.config["routes"].append({**PEOPLE, **more})
    lethe.config["callers"]["support-desk"]["reveal"] = {"note": "value"}
    if quota:
        lethe.config["callers"]["support-desk"]["quota"] = quota
    lethe.save()
    return app, lethe.start(), people


def store(lethe, count, first=0):
    """Tokens of so many people's notes."""
    tokens = []
    for i in range(first, first + count):
        result = lethe.cli("tokenize", "--class", "note", "--subject", f"person-{i}", data=f"note {i}\n")
        equal(result.returncode, 0, result.stderr)
        tokens.append(result.stdout.strip())
    return tokens


def seen(lethe, caller="support-desk"):
    response = lethe.request("GET", "/people", caller=caller)
    equal(response.status, 200, "GET /people")
    return [entry["note"] for entry in response.json()]


def caller(lethe, name="support-desk"):
    text = lethe.cli("caller", "list", "--json").stdout
    while text.strip():
        entry, end = json.JSONDecoder().raw_decode(text.lstrip())
        text = text.lstrip()[end:]
        if entry["caller"] == name:
            return entry
    raise AssertionError(f"{name} is not listed")


def quota_of(lethe):
    return caller(lethe)["quotas"]


def events(lethe, text):
    return lethe.process.output().count(text)


def test_E35_a_drip_of_reveals_stops_at_the_quota(env):
    _, lethe, people = started(env, {"subjects_per_hour": 3})
    tokens = store(lethe, 5)
    for i, token in enumerate(tokens):
        people[:] = [token]
        shown = seen(lethe)[0]
        equal(shown == f"note {i}", i < 3, f"person {i}: {shown}")
        check(i < 3 or (shown != token and "***" in shown), f"stepped down to a mask: {shown}")
    people[:] = tokens
    equal(seen(lethe)[:3], ["note 0", "note 1", "note 2"], "who was counted is seen on")
    equal(seen(lethe, "officer")[3:], ["note 3", "note 4"], "another caller has no quota")
    equal(events(lethe, "quota is used up"), 1, "events")
    equal(quota_of(lethe), [{"purpose": None, "what": "people", "window": "hour", "limit": 3, "used": 3}], "what is shown of it")
    listed = lethe.cli("caller", "list")
    check(listed.returncode == 0 and re.search(r"support-desk +people +a hour +3 of +3", listed.stdout), f"{listed}")
    lethe.stop()
    lethe.start()
    equal(quota_of(lethe)[0]["used"], 3, "also after a restart")
    shown = seen(lethe)
    equal(shown[:3], ["note 0", "note 1", "note 2"], "after a restart")
    check("note 3" not in shown and "note 4" not in shown, f"a restart gave a new quota: {shown}")


def test_E35_a_crash_gives_no_new_quota_either(env):
    _, lethe, people = started(env, {"subjects_per_day": 2, "then": "token"})
    tokens = store(lethe, 3)
    people[:] = tokens[:2]
    equal(seen(lethe), ["note 0", "note 1"], "within the quota")
    people[:] = tokens
    equal(seen(lethe)[2], tokens[2], "a token then")
    for note in ("behind the first batch", "behind the second"):  # the writer keeps their order
        equal(lethe.request("PUT", "/users/x", {"note": note}, caller="officer").status, 200, note)
    lethe.kill()
    lethe.start()
    people[:] = tokens[2:]
    equal(seen(lethe), tokens[2:], "after a crash")


def test_E39_an_answer_shows_only_so_many_people(env):
    _, lethe, people = started(env, subjects_per_response=4)
    people[:] = store(lethe, 7)
    shown = seen(lethe)
    equal(shown[:4], [f"note {i}" for i in range(4)], "the first")
    equal(shown[4:], people[4:], "the others stay tokens")
    equal(events(lethe, "more people than one may show"), 1, "events")


def test_E22_guessing_tokens_shuts_the_caller_out(env):
    _, lethe, people = started(env, {"misses_per_minute": 20})
    good = store(lethe, 1)
    dead = store(lethe, 1, 100)[0]
    equal(lethe.cli("subject", "erase", "person-100").returncode, 0, "erase")
    people[:] = good
    equal(seen(lethe), ["note 0"], "before")
    people[:] = [dead] * 30
    equal(seen(lethe), people, "guesses")
    people[:] = good
    equal(seen(lethe), good, "tokens only, for the rest of the minute")
    equal(events(lethe, "too many tokens that are not there"), 1, "events")


def test_E25_a_dictionary_of_lookups_is_refused(env):
    app, lethe, _ = started(env, {"lookups_per_hour": 3})
    def look(name):
        return lethe.request("GET", f"/users?email={name}%40example.org", caller="support-desk").status
    equal([look(n) for n in ("a", "b", "c", "a", "b")], [200] * 5, "within the quota")
    before = app.count()
    equal([look(n) for n in ("d", "e")], [429, 429], "beyond it")
    equal(app.count(), before, "nothing went upstream")
    equal(look("a"), 200, "what was asked before")
    equal(events(lethe, "quota is used up"), 1, "events")


def test_E36_a_honeytoken_suspends_whoever_sees_it(env):
    _, lethe, people = started(env)
    made = lethe.cli("honeytoken", "create", "--class", "note", "--subject", "nobody", "--json",
                     data="looks like any other\n")
    equal(made.returncode, 0, made.stderr)
    bait = json.loads(made.stdout)
    real = store(lethe, 1)
    people[:] = real
    equal(seen(lethe), ["note 0"], "before")
    people[:] = real + [bait["token"]]
    equal(seen(lethe, "robot"), people, "who sees tokens sees no difference")
    response = lethe.request("GET", "/people", caller="support-desk")
    equal(response.status, 403, "the answer that held it")
    check(b"note 0" not in response.body, "a value left with it")
    people[:] = real
    equal(lethe.request("GET", "/people", caller="support-desk").status, 403, "the next call")
    equal(lethe.request("PUT", "/users/1", {"note": "x"}, caller="support-desk").status, 403, "E36: any")
    equal(seen(lethe, "officer"), ["note 0"], "another caller")
    listed = until("the incident to be stored", 10,
                   lambda: lethe.cli("incident", "list", "--json").stdout)
    incident = json.loads(listed)
    equal((incident["caller"], incident["kind"], incident["state"], incident["subject"]),
          ("support-desk", "honeytoken", "open", bait["subject"]), "the incident")
    equal(lethe.cli("incident", "list").returncode, 3, "attention")
    equal(lethe.cli("caller", "list").returncode, 3, "attention, there too")
    shown = caller(lethe)
    equal((shown["suspended"], shown["incident"]["kind"], shown["incident"]["since"]), (True, "honeytoken", incident["time"]), "why")
    check("looks like any other" not in lethe.process.output(), "the log holds the value")
    lethe.stop()
    lethe.start()
    equal(lethe.request("GET", "/people", caller="support-desk").status, 403, "after a restart")
    equal(lethe.cli("caller", "restore", "support-desk").returncode, 0, "restore")
    equal(seen(lethe), ["note 0"], "restored")
    equal((caller(lethe)["suspended"], caller(lethe)["incident"]), (False, None), "nothing any more")
    equal(lethe.cli("caller", "restore", "support-desk").returncode, 1, "once is enough")
    equal(lethe.cli("incident", "list").returncode, 0, "all are closed")


def test_E36_honeytokens_are_nobody_and_counted_apart(env):
    _, lethe, _ = started(env)
    store(lethe, 2)
    lethe.request("PUT", "/users/ada", {"email": "ada@example.org"}, caller="officer")
    for arguments, data in [(("--class", "note", "--subject", "person-0"), "x\n"),
                            (("--class", "email",), "ada@example.org\n")]:
        result = lethe.cli("honeytoken", "create", *arguments, data=data)
        equal(result.returncode, 1, f"a real person: {result.stdout}{result.stderr}")
    equal(lethe.cli("honeytoken", "list").stdout, "", "none yet")
    equal(lethe.cli("honeytoken", "create", "--class", "note", data="bait\n").returncode, 0, "create")
    equal(len(lethe.cli("honeytoken", "list").stdout.splitlines()), 1, "one")
    report = json.loads(lethe.cli("report", "retention", "--json").stdout)
    notes = next(c for c in report["rows"] if c["class"] == "note")
    equal((notes["items"], notes["synthetic"], notes["balanced"]), (3, 1, True), "the report")


def test_values_for_third_parties_are_guarded_too(env):
    app, lethe, _ = started(env, {"subjects_per_hour": 1})
    lethe.config["upstreams"]["partner"] = {"url": app.url, "egress": True, "insecure_plain": True,
                                            "allow": ["127.0.0.0/8"]}
    lethe.config["routes"].append({
        "path": "/partner", "methods": ["POST"], "upstream": "partner", "direction": "egress",
        "subject": "none", "request": [{"json": "$.note", "class": "note"}]})
    lethe.save()
    lethe.stop()
    lethe.start()
    first, second = store(lethe, 2)
    bait = lethe.cli("honeytoken", "create", "--class", "note", data="bait\n").stdout.strip()

    def send(token):
        return lethe.request("POST", "/partner", {"note": token}, caller="support-desk").status

    equal(send(first), 200, "within the quota")
    equal(app.last().json(), {"note": "note 0"}, "what the partner got")
    count = app.count()
    equal(send(second), 422, "beyond it nothing is sent, not even a mask")
    equal(send(bait), 403, "E36: a honeytoken")
    equal(send(first), 403, "suspended")
    equal(app.count(), count, "requests at the partner")


def test_wrong_quotas_are_refused_before_anything_starts(env):
    _, lethe, _ = started(env)
    for quota, words in [({"subjects_per_hour": 0}, "1"), ({"then": "value"}, "mask"),
                         ({"subject_per_hour": 5}, "subjects_per_hour"),
                         ({"purposes": {"sales": {"subjects_per_day": 1}}}, "sales"),
                         ({"masks": True, "then": "mask"}, "only \"token\"")]:
        lethe.config["callers"]["support-desk"]["quota"] = quota
        lethe.save()
        result = lethe.cli("check")
        equal(result.returncode, 78, str(quota))
        check(words in result.stderr, f"{quota}: {result.stderr}")
