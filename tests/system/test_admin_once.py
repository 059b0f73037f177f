# SPDX-License-Identifier: Apache-2.0
"""Idempotency keys of the admin API, and what each request leaves in the audit trail."""
import concurrent.futures
import json
import os
import re

from harness import check, equal, until
from test_admin_api import ROLES, Api, approval, one_time_code, problem, routes, stored
from test_monitor import admin_address

NOTE = {"subject": "once-1", "class": "note", "values": ["a"]}


def with_key(key, **more):
    return {"Idempotency-Key": key, **more}


def people(api, subject):
    found = api.got(200, "POST", "/v1/subjects/find", {"subject": subject}, "support")
    return sum(item["values"] for item in found["items"])


def restart(api):
    api.lethe.kill()
    api.lethe.start()
    api.address = admin_address(api.lethe)


def test_a_request_that_is_sent_again_is_carried_out_once(env):
    api = Api(env)
    first = api.ask("POST", "/v1/tokens", NOTE, "app", with_key('"k-1"'))
    equal(first.status, 201, f"{first}")
    check("idempotent-replayed" not in first.headers, "the first answer")
    again = api.ask("POST", "/v1/tokens", NOTE, "app", with_key('"k-1"'))
    equal((again.status, again.body), (201, first.body), "the second answer")
    equal(again.headers["idempotent-replayed"], "true", "it says so")
    equal(api.ask("POST", "/v1/tokens", NOTE, "app", with_key("k-1")).body, first.body, "without quotes")
    equal(people(api, "once-1"), 1, "values")
    other = api.ask("POST", "/v1/tokens", dict(NOTE, values=["b"]), "app", with_key('"k-1"'))
    equal(other.status, 422, "the key with another request")
    problem(other, "UNPROCESSABLE")
    equal(api.ask("POST", "/v1/tokens", NOTE, "app", with_key('"k-2"')).status, 201, "another key")
    equal(people(api, "once-1"), 2, "values")
    api.tokens["app-2"] = api.token("app", name="app-2")
    equal(api.ask("POST", "/v1/tokens", NOTE, "app-2", with_key('"k-1"')).status, 201, "another holder")
    equal(people(api, "once-1"), 3, "values")
    for bad in ('""', "", "a b", '"a', 'a"b', "x" * 256, "é"):
        response = api.ask("POST", "/v1/tokens", NOTE, "app", with_key(bad))
        equal(response.status, 400, f"{bad!r}: {response}")


def test_a_key_survives_kill_and_says_nothing(env):
    api = Api(env)
    value = "once-sentinel-value@example.org"
    body = {"subject": "once-sentinel-person", "class": "note", "values": [value]}
    first = api.ask("POST", "/v1/tokens", body, "app", with_key('"once-sentinel-key"'))
    equal(first.status, 201, f"{first}")
    restart(api)
    again = api.ask("POST", "/v1/tokens", body, "app", with_key('"once-sentinel-key"'))
    equal((again.status, again.body), (201, first.body), "after kill -9")
    equal(people(api, "once-sentinel-person"), 1, "values")
    api.lethe.stop()
    files = [os.path.join(folder, name) for folder, _, names in os.walk(api.lethe.store) for name in names]
    check(len(files) > 3, f"{files}")
    for file in files:
        with open(file, "rb") as f:
            check(b"once-sentinel" not in f.read(), f"in {file}")


def test_a_failed_request_lets_go_of_its_key(env):
    api = Api(env)
    body = {"class": "note", "subject": "p", "values": ["n"], "domain": "crm"}
    equal(api.ask("POST", "/v1/tokens", body, "app", with_key("k")).status, 404, "no such domain")
    del body["domain"]
    equal(api.ask("POST", "/v1/tokens", body, "app", with_key("k")).status, 201, "put right, the same key")


def test_of_many_at_once_one_is_carried_out(env):
    """E43: raced."""
    api = Api(env)

    def ask(_):
        return api.ask("POST", "/v1/tokens", dict(NOTE, subject="race"), "app", with_key("race"), timeout=30)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(24)))
    check({a.status for a in answers} <= {201, 409}, f"{[a.status for a in answers]}")
    equal(len({a.body for a in answers if a.status == 201}), 1, "answers")
    equal(people(api, "race"), 1, "values")


def test_what_is_shown_once_is_not_shown_again(env):
    api = Api(env)
    api.enrol("operator")
    wanted = {"name": "new", "role": "auditor", "expires": "P1D"}
    code = one_time_code(api.uris["operator"])
    made = api.got(201, "POST", "/v1/access", wanted, "operator", with_key("a", **{"Lethe-Otp": code}))
    again = api.ask("POST", "/v1/access", wanted, "operator", with_key("a", **{"Lethe-Otp": code}))
    equal(again.status, 409, f"{again.body}")
    check(f"number {made['number']}" in again.json()["detail"], f"{again.body}")
    check(made["token"].encode() not in again.body, "the token again")


def test_an_erasure_is_answered_again_with_its_receipt(env):
    """E43: it touches nothing that came since."""
    api = Api(env, four_eyes=False)
    api.enrol("operator")
    stored(api, "p1")
    fields = with_key("e", **{"Lethe-Otp": one_time_code(api.uris["operator"])})
    receipt = api.got(201, "POST", "/v1/erasures", {"subject": "p1"}, "operator", fields)
    again = api.got(201, "POST", "/v1/erasures", {"subject": "p1"}, "operator", fields)
    equal(again, receipt, "the receipt, with the code that was used up")
    restart(api)
    equal(api.got(201, "POST", "/v1/erasures", {"subject": "p1"}, "operator", fields), receipt, "after kill -9")


def test_a_proposal_is_made_once(env):
    api = Api(env)
    stored(api, "p2")
    made = api.got(202, "POST", "/v1/erasures", {"subject": "p2"}, "operator", with_key("p"))
    equal(api.got(202, "POST", "/v1/erasures", {"subject": "p2"}, "operator", with_key("p")), made, "again")
    equal(len(api.got(200, "GET", "/v1/proposals", token="officer")["proposals"]), 1, "proposals")


# ---- the audit trail ----


def trail(api, after=0):
    records = []
    while True:
        page = api.got(200, "GET", f"/v1/audit?after={after}", token="auditor")
        records += page["records"]
        after = page["last"]
        if not page["more"]:
            return records


def of_request(api, response):
    return [r for r in trail(api) if r.get("request") == response.headers["lethe-request-id"]]


def test_a_record_says_who_asked_from_where_under_which_id(env):
    api = Api(env)
    response = api.ask("POST", "/v1/tokens", NOTE, "app")
    check(re.fullmatch("[0-9a-f]{32}", response.headers["lethe-request-id"]), f"{response}")
    begun, done = of_request(api, response)
    equal((begun["outcome"], done["outcome"]), ("begun", "done"), "outcomes")
    for record in (begun, done):
        equal((record["who"], record["address"], record["operation"]), ("app", "127.0.0.1", "tokenize"), "a record")
        check(record["configuration"] >= 1, "the configuration in force")
    start = next(r for r in trail(api) if r["action"] == "configure")
    check(start["commit"] and start["digest"], f"{start}")
    token = response.json()["tokens"][0]
    response = api.ask("POST", "/v1/tokens/reveal", {"tokens": [token]}, "app", {"Lethe-Purpose": "account"})
    (record,) = of_request(api, response)
    equal((record["purpose"], record["action"], record["people"]), ("account", "reveal", 1), "a reveal")
    check(NOTE["subject"] not in json.dumps(trail(api)), "an identifier in the trail")


UNRECORDED = {"ping", "document", "clock.status", "key.status", "key.public", "audit.tail", "audit.status", "progress"}  # they tell of nobody


def test_each_request_leaves_one_record_however_it_ends(env):
    """Of what changes something: one of its end, after one that it begins."""
    api = Api(env)
    asked = {}
    for route in routes():
        if route.operation == "audit.list":
            continue
        for role in [*ROLES, None]:
            response = api.ask(route.method, route.target(), token=role, headers={"Lethe-Purpose": "account"})
            asked[response.headers["lethe-request-id"]] = (route, role, response)
            if response.status >= 400:
                equal(response.json()["request_id"], response.headers["lethe-request-id"], f"{response}")
    last = response.headers["lethe-request-id"]  # refusals do not wait for their records
    until("the last record", 20, lambda: any(r.get("request") == last for r in trail(api)), pause=0.5)
    found = {}
    for record in trail(api):
        found.setdefault(record.get("request"), []).append(record)
    for name, (route, role, response) in asked.items():
        records = found.get(name, [])
        what = f"{role}: {route.method} {route.path} {response.status}: {records}"
        ended = [r for r in records if r["outcome"] != "begun"]
        if response.status == 200 and route.operation.split()[0] in UNRECORDED:
            equal(records, [], what)
            continue
        equal(len(ended), 1, what)
        check(len(records) - len(ended) <= 1, what)
        equal(ended[0]["who"], role or "-", what)
        wanted = "done" if response.status < 300 else "refused" if response.status in (401, 403, 429) else "failed"
        equal(ended[0]["outcome"], wanted, what)
        check(ended[0]["address"] == "127.0.0.1", what)


def test_a_proposal_and_its_approval_are_recorded(env):
    api = Api(env)
    stored(api, "p3")
    response = api.ask("POST", "/v1/erasures", {"subject": "p3"}, "operator")
    begun, done = of_request(api, response)
    equal((done["operation"], done["object"], done["people"]), ("proposal.make", "1", 1), "the proposal")
    api.enrol("approver")
    approved = approval(api, response.json())
    equal(approved.status, 200, f"{approved}")
    records = of_request(api, approved)
    equal([(r["operation"], r["outcome"], r["who"]) for r in records],
          [("proposal.approve", "begun", "approver"), ("subject.erase", "begun", "operator"),
           ("subject.erase", "done", "operator"), ("proposal.approve", "done", "approver")], "the approval")
