# SPDX-License-Identifier: Apache-2.0
"""Access tokens and second factors over the admin API: who gives out what, to whom, and that it is shown once."""
import datetime
import json
import os
import re
import urllib.parse

from harness import check, equal
from test_admin_api import Api, approval, earlier_step, one_time_code, problem
from test_admin_once import trail


def enrolled(env, *roles, **more):
    """A server, and the step before this one: its codes and this step's are left to use."""
    api = Api(env, **more)
    for role in roles:
        api.enrol(role)
    return api, earlier_step()


def coded(api, role, step=None):
    return {"Lethe-Otp": one_time_code(api.uris[role], step)}


def number_of(api, name):
    return next(t["number"] for t in api.got(200, "GET", "/v1/access", token="auditor")["tokens"]
                if t["name"] == name and t["state"] in ("alive", "waiting"))


def appointed(api, step, name="anna", role="approver"):
    wanted = {"name": name, "role": role, "expires": "P30D", "networks": ["127.0.0.0/8"]}
    return api.got(202, "POST", "/v1/access/appointments", wanted, "operator")


def test_e59_an_operator_is_two_peoples_to_appoint(env):
    """Nobody but the holder ever has the token and its codes: an operator collects the one, an approver gives out the other."""
    api, step = enrolled(env, "operator", "approver")
    wanted = {"name": "anna", "role": "operator", "expires": "P30D"}
    response = api.ask("POST", "/v1/access", wanted, "operator", coded(api, "operator", step))
    equal(response.status, 403, "at once")
    check("appointed" in response.json()["detail"], f"{response.body!r}")
    for wrong, status in ((dict(wanted, role="auditor"), 400), (dict(wanted, expires="P9Y"), 400), (dict(wanted, name="a b"), 400),
                          (dict(wanted, classes=["none"]), 404), (dict(wanted, name="operator"), 409)):
        equal(api.ask("POST", "/v1/access/appointments", wrong, "operator").status, status, f"{wrong}")
    told = appointed(api, step, role="operator")
    equal((told["preview"]["name"], told["preview"]["role"], told["preview"]["networks"]),
          ("anna", "operator", ["127.0.0.0/8"]), "what is approved")
    equal([t for t in api.got(200, "GET", "/v1/access", token="officer")["tokens"] if t["name"] == "anna"], [], "not yet")
    answer = approval(api, told, step=step)
    equal(answer.status, 200, f"{answer.body!r}")
    made = answer.json()
    equal((made["state"], "token" in made), ("waiting", False), "an approver is shown no token")
    shown = api.got(200, "GET", f"/v1/proposals/{told['proposal']}", token="officer")
    equal((shown["state"], shown["number"]), ("done", made["number"]), "what became of it")
    equal(api.ask("POST", f"/v1/access/{made['number']}/collect", None, "operator").status, 403, "without a code")
    collected = api.got(200, "POST", f"/v1/access/{made['number']}/collect", None, "operator", coded(api, "operator"))
    check(re.fullmatch("lta_[0-9a-f]{64}", collected["token"]), "its text")
    equal(api.got(200, "GET", "/v1/version", token=collected["token"])["version"] != "", True, "it works")
    api.enrol("operator")  # the host may: other codes from now on
    again = api.ask("POST", f"/v1/access/{made['number']}/collect", None, "operator", coded(api, "operator"))
    problem(again, "CONFLICT")
    check("lta_" not in again.body.decode(), "it is not shown again")
    response = api.ask("POST", f"/v1/access/{made['number']}/enrol", None, "operator", coded(api, "operator", step))
    equal(response.status, 403, "an operator gives out no codes to one")
    api.enrol("approver")
    uri = api.got(200, "POST", f"/v1/access/{made['number']}/enrol", None, "approver", coded(api, "approver", step))["uri"]
    api.got(200, "POST", f"/v1/access/{made['number']}/prove", {"first_code": one_time_code(uri, step)}, "approver")
    soon = (datetime.date.today() + datetime.timedelta(days=20)).isoformat()
    api.tokens["anna"], api.uris["anna"] = collected["token"], uri
    problem(api.ask("POST", "/v1/holds", {"of_class": "note"}, "anna", coded(api, "anna", step)), "DENIED")
    equal(api.ask("POST", "/v1/holds", {"of_class": "note", "ground": "17(3)(e)", "owner": "legal", "review": soon}, "anna",
                  coded(api, "anna")).status, 201, "it works with its codes")


def test_e59_nobody_makes_themselves_one_who_sees_clear_values(env):
    """One operator alone got an officer's, a support's or an application's token, and its second factor with it."""
    api, step = enrolled(env, "operator", "approver")
    secret = api.got(201, "POST", "/v1/tokens", {"subject": "p", "class": "note", "values": ["clear"]}, "app")["tokens"]
    for role in ("app", "support", "officer", "operator", "approver"):
        api.enrol("operator")
        response = api.ask("POST", "/v1/access", {"name": "me", "role": role, "expires": "P1D"}, "operator", coded(api, "operator"))
        problem(response, "DENIED")
        check("appointed" in response.json()["detail"] and b"lta_" not in response.body, f"{role}: {response.body!r}")
    api.enrol("operator")
    api.enrol("approver")
    step = earlier_step()
    equal(api.ask("POST", "/v1/access", {"name": "eyes", "role": "auditor", "expires": "P1D"}, "operator", coded(api, "operator", step)).status,
          201, "who reads no values")
    told = appointed(api, step, name="me", role="support")
    made = approval(api, told, step=step).json()
    mine = api.got(200, "POST", f"/v1/access/{made['number']}/collect", None, "operator", coded(api, "operator"))["token"]
    equal(api.got(200, "POST", "/v1/tokens/reveal", {"tokens": secret}, mine, {"Lethe-Purpose": "support"})["values"], ["clear"], "by two")
    api.enrol("operator")
    step = earlier_step()
    problem(api.ask("POST", f"/v1/access/{made['number']}/enrol", None, "operator", coded(api, "operator")), "DENIED")
    problem(api.ask("POST", f"/v1/access/{number_of(api, 'officer')}/enrol", None, "operator", coded(api, "operator", step)), "DENIED")


def test_e63_a_second_factor_is_shown_once_and_taken_away_by_two(env):
    api, step = enrolled(env, "operator", "approver")
    officer = number_of(api, "officer")
    target = f"/v1/access/{officer}"
    for role in ("app", "support", "officer", "auditor"):
        response = api.ask("POST", f"{target}/enrol", None, role)
        equal(response.status, 403, role)
        check("the role" in response.json()["detail"], role)
    equal(api.ask("POST", f"{target}/enrol", None, "approver").status, 403, "without a code")
    key = {"Idempotency-Key": "once-more"}
    answer = api.ask("POST", f"{target}/enrol", None, "approver", {**coded(api, "approver", step), **key})
    uri = answer.json()["uri"]
    equal(answer.headers["cache-control"], "no-store", "kept by nobody")
    response = api.ask("POST", f"{target}/enrol", None, "approver", {**coded(api, "approver"), **key})
    equal(response.status, 409, "asked again under the same key")
    check(b"otpauth" not in response.body, "and not shown again")
    check("otpauth" not in json.dumps(api.got(200, "GET", target, token="auditor")), "nor when it is looked at")
    code = one_time_code(uri, step)
    problem(api.ask("POST", f"{target}/prove", {"first_code": "12345"}, "operator"), "DENIED")
    api.got(200, "POST", f"{target}/prove", {"first_code": code}, "operator")
    problem(api.ask("POST", f"{target}/prove", {"first_code": code}, "operator"), "CONFLICT")
    equal(api.got(200, "GET", target, token="auditor")["code_used"], True, "it has arrived")
    response = api.ask("POST", f"{target}/enrol", None, "approver", coded(api, "approver"))
    equal(response.status, 409, "over one that is there")
    api.enrol("approver")  # other codes from now on
    told = api.got(202, "POST", f"{target}/unenrol", None, "operator")
    equal(told["preview"]["name"], "officer", "whose it is")
    equal(approval(api, told, step=step).status, 200, "taken away")
    equal(api.got(200, "GET", target, token="auditor")["code"], False, "none any more")
    text = json.dumps(trail(api))
    check("access.enrol" in text and "access.prove" in text and "access.unenrol" in text, "recorded")
    shown_once = urllib.parse.parse_qs(urllib.parse.urlsplit(uri).query)["secret"][0].encode()
    for folder, unused, names in os.walk(env.dir):
        for path in (os.path.join(folder, name) for name in names):
            if os.path.isfile(path):
                with open(path, "rb") as f:
                    check(shown_once not in f.read(), f"what is shown once stands in {path}")


def test_without_four_eyes_an_operator_appoints_with_a_code(env):
    api, step = enrolled(env, "operator", four_eyes=False)
    wanted = {"name": "anna", "role": "approver", "expires": "P30D"}
    equal(api.ask("POST", "/v1/access/appointments", wanted, "operator").status, 403, "without a code")
    made = api.got(201, "POST", "/v1/access/appointments", wanted, "operator", coded(api, "operator", step))
    equal(made["state"], "waiting", "it is collected, too")
    api.enrol("operator")
    equal(api.ask("POST", "/v1/access", {"name": "shop", "role": "app", "expires": "P1D"}, "operator", coded(api, "operator", step)).status,
          201, "an application's at once")
    api.got(200, "POST", f"/v1/access/{made['number']}/enrol", None, "operator", coded(api, "operator"))


def test_a_token_that_waits_can_be_revoked(env):
    api, step = enrolled(env, "operator", "approver")
    made = approval(api, appointed(api, step), step=step).json()
    api.got(200, "POST", f"/v1/access/{made['number']}/revoke", None, "approver", coded(api, "approver"))
    response = api.ask("POST", f"/v1/access/{made['number']}/collect", None, "operator", coded(api, "operator", step))
    equal(response.status, 404, f"{response.body!r}")
