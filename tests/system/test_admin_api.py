# SPDX-License-Identifier: Apache-2.0
"""The admin API: who may ask for what, how strictly it listens, and the main job over it. Every cell of roles
times routes is tried; the routes come from the program's own table."""
import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import struct
import time
import urllib.parse

from api_answers import check_answer, described
from harness import CLASSES, ROOT, Conn, Lethe, check, equal, until
from test_monitor import admin_address
from upstreams import Recorder

ROLES = ["app", "support", "officer", "operator", "approver", "auditor"]
NAMES = {"PUT": "put", "POST": "post", "GET": "get", "DELETE": "delete", "PATCH": "patch"}


class Route:
    def __init__(self, method, path, operation, roles, flags, query):
        self.method, self.path, self.operation = method, path, operation
        self.roles = {r.strip().removeprefix("ACCESS_").lower() for r in roles.split("|")}
        self.flags = {f.strip() for f in flags.split("|")} - {"0"}
        self.query = query.split()

    def target(self):
        """The path with something in its parameters that names nothing."""
        path = self.path.replace("{person}", "1." + "0" * 32).replace("{number}", "0" * 32)
        return re.sub(r"\{#?[a-z]+\}", "999999", path)


def routes():
    with open(os.path.join(ROOT, "admin/api_routes.def")) as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    found = re.findall(r'ROUTE\(\s*([A-Z]+),\s*"([^"]+)",\s*"([^"]+)",\s*([A-Z_|\s]+?),\s*([A-Z0-9_|\s]+?),'
                       r'\s*"([^"]*)"\s*\)', text)
    equal(len(found), text.count("ROUTE("), "routes that this test can read")
    return [Route(*fields) for fields in found]


def one_time_code(uri, step=None):
    """As an authenticator makes it (RFC 6238)."""
    secret = urllib.parse.parse_qs(urllib.parse.urlsplit(uri).query)["secret"][0]
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    count = struct.pack(">Q", int(time.time()) // 30 if step is None else step)
    digest = hmac.new(key, count, hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7fffffff) % 10 ** 6:06d}"


def earlier_step():
    """The step before this one, whose code is right still, so that this one's is left for later; with half of this one
    left to use it, on a busy machine too."""
    until("the next step to begin", 20, lambda: time.time() % 30 < 15, 0.2)
    return int(time.time()) // 30 - 1


class Api:
    """A server with an admin listener, and a token for each role."""

    def __init__(self, env, four_eyes=True, delay="0s", **overrides):
        admin = {"address": "127.0.0.1:0", "four_eyes": four_eyes, "approval_delay": delay, **self.admin()}
        self.app = Recorder(env)
        self.lethe = Lethe(env, self.app.url, admin=admin, **overrides).start()
        self.address = admin_address(self.lethe)
        self.uris = {}
        self.tokens = {role: self.token(role) for role in ROLES}

    def admin(self):
        """What else the section `admin` says."""
        return {}

    def cli(self, *words):
        result = self.lethe.cli(*words)
        equal(result.returncode, 0, f"{words}: {result.stderr}")
        return result.stdout

    def token(self, role, *more, expires="P9D", name=None):
        return self.cli("access", "create", "--name", name or role, "--role", role, "--expires", expires,
                        *more).strip()

    def number(self, name, state="alive"):
        entries = json.loads(self.cli("access", "list", "--json"))
        return next(e["number"] for e in entries if e["name"] == name and e["state"] == state)

    def enrol(self, name):
        self.uris[name] = self.cli("access", "enrol", str(self.number(name))).strip()

    def ask(self, method, target, body=None, token=None, headers=(), **more):
        fields = dict(headers)
        if token is not None:
            fields["Authorization"] = f"Bearer {self.tokens.get(token, token)}"
        with Conn(self.address, **more) as conn:
            response = conn.request(method, target, body, fields)
        check_answer(method, target, response)
        return response

    def got(self, status, method, target, body=None, token=None, headers=()):
        response = self.ask(method, target, body, token, headers)
        equal(response.status, status, f"{method} {target}: {response.body[:300]!r}")
        return response.json()


def problem(response, code):
    check(response.headers["content-type"].startswith("application/problem+json"), f"{response}")
    equal((response.json()["code"], response.json()["status"]), (code, response.status), f"{response}")


def test_every_role_may_do_what_the_table_says_and_nothing_else(env):
    """E59: no role may all."""
    four_eyes = False
    api = Api(env, four_eyes)
    for route in routes():
        response = api.ask(route.method, route.target())
        equal(response.status, 401, f"{route.method} {route.path} by nobody")
        problem(response, "UNAUTHORIZED")
        equal(response.headers["www-authenticate"], "Bearer", "what is wanted")
        for role in ROLES:
            response = api.ask(route.method, route.target(), token=role)
            cell = f"{role}: {route.method} {route.path}: {response}"
            refused = response.status == 403 and "the role" in response.json()["detail"]
            equal(refused, role not in route.roles, cell)
            check(response.status not in (401, 404, 405) or role in route.roles, cell)
            check(response.status < 500, cell)
            wants_code = route.flags & {"CODE"} or route.flags & {"APPROVAL"} and not four_eyes
            if role in route.roles and wants_code and response.status != 400:
                check("second factor" in response.json()["detail"], cell)


def without_id(response):
    return response.body.replace(response.headers["lethe-request-id"].encode(), b"ID")


def test_wrong_tokens_are_all_answered_alike(env):
    """E58, E62, E64: also those that were good a moment ago."""
    api = Api(env)
    short = api.token("app", name="short", expires="PT1S")
    revoked = api.token("app", name="gone")
    equal(api.ask("GET", "/v1/version", token=revoked).status, 200, "while it lives")
    api.cli("access", "revoke", str(api.number("gone")))
    time.sleep(1.1)  # until the short one has expired
    good = api.tokens["app"]
    wrong = [short, revoked, "", "x", good[:-1], good + "0", good.upper(), "lta_" + "0" * 64]
    bodies = set()
    for token in wrong:
        response = api.ask("GET", "/v1/version", token=token)
        equal(response.status, 401, f"{token!r}")
        bodies.add(without_id(response))
    for headers in ({"Authorization": good}, {"Authorization": f"Basic {good}"}, {}):
        response = api.ask("GET", "/v1/version", headers=headers)
        equal(response.status, 401, f"{headers}")
        bodies.add(without_id(response))
    equal(len(bodies), 1, "answers")


def test_the_main_job(env):
    api = Api(env, four_eyes=False)
    person = {"subject": "ada-4711", "class": "email", "values": ["ada@example.org", "a.l@example.org"]}
    tokens = api.got(201, "POST", "/v1/tokens", person, "app")["tokens"]
    found = api.got(200, "POST", "/v1/subjects/find", {"subject": "ada-4711"}, "support")
    same = api.got(200, "GET", f"/v1/subjects/{found['person']}", token="officer")
    equal(same, found, "by identifier and by id")
    revealed = api.got(200, "POST", "/v1/tokens/reveal", {"tokens": tokens + ["lt_none"]}, "app",
                       {"Lethe-Purpose": "account"})
    equal(revealed["values"], person["values"] + [None], "values")
    api.enrol("operator")
    code = {"Lethe-Otp": one_time_code(api.uris["operator"])}
    erasure = {"person": found["person"], "ground": "b", "reference": "T-1"}
    response = api.ask("POST", "/v1/erasures", erasure, "operator")
    equal(response.status, 403, "without a code")
    receipt = api.got(201, "POST", "/v1/erasures", erasure, "operator", code)
    equal((receipt["state"], receipt["executed_by"]), ("completed", "operator"), "the receipt")
    response = api.ask("POST", "/v1/clock/accept", None, "operator", code)
    equal(response.status, 403, "the code again")
    again = api.got(200, "GET", f"/v1/erasures/{receipt['number']}/receipt", token="auditor")
    equal(again, receipt, "the receipt that was kept")
    dead = api.got(200, "POST", "/v1/tokens/reveal", {"tokens": tokens}, "app",
                   {"Lethe-Purpose": "account"})
    equal(dead["values"], [None, None], "after the erasure")
    equal(api.ask("GET", f"/v1/subjects/{found['person']}", token="support").status, 404, "the person")
    listed = api.got(200, "GET", "/v1/erasures?after=0", token="officer")
    equal([e["number"] for e in listed["receipts"]], [receipt["number"]], "erasures")


def stored(api, subject, value="n"):
    """A token of a new person, and the person's id."""
    body = {"subject": subject, "class": "note", "values": [value]}
    token = api.got(201, "POST", "/v1/tokens", body, "app")["tokens"][0]
    return token, api.got(200, "POST", "/v1/subjects/find", {"subject": subject}, "operator")["person"]


def value_of(api, token):
    return api.got(200, "POST", "/v1/tokens/reveal", {"tokens": [token]}, "app",
                   {"Lethe-Purpose": "account"})["values"][0]


def approval(api, proposal, who="approver", step=None, digest=None):
    return api.ask("POST", f"/v1/proposals/{proposal['proposal']}/approve",
                   {"digest": digest or proposal["digest"]}, who,
                   {"Lethe-Otp": one_time_code(api.uris[who], step)})


def test_e42_what_destroys_needs_two_people(env):
    api = Api(env)
    token, person = stored(api, "eve-sentinel-77")
    proposal = api.got(202, "POST", "/v1/erasures", {"subject": "eve-sentinel-77", "ground": "b"}, "operator")
    equal((proposal["operation"], proposal["preview"]["person"]), ("subject.erase", person), "the proposal")
    check("eve-sentinel" not in json.dumps(api.got(200, "GET", "/v1/proposals", token="officer")), "names")
    equal(value_of(api, token), "n", "nothing happened yet")
    number = proposal["proposal"]
    response = api.ask("POST", f"/v1/proposals/{number}/approve", {"digest": proposal["digest"]}, "approver")
    equal(response.status, 403, "an approver without a second factor")
    api.enrol("approver")
    equal(approval(api, proposal, digest="0" * 64).status, 409, "another digest")
    step = int(time.time()) // 30
    response = approval(api, proposal, step=step - 1)
    equal(response.status, 403, f"an older code than the last: {response.body}")
    equal(value_of(api, token), "n", "still nothing happened")


def test_a_proposal_that_is_approved_is_carried_out_once(env):
    api = Api(env)
    token, _ = stored(api, "p1")
    proposal = api.got(202, "POST", "/v1/erasures", {"subject": "p1", "reason": "asked"}, "operator")
    api.enrol("approver")
    response = approval(api, proposal)
    equal(response.status, 200, f"{response.body}")
    receipt = response.json()
    equal((receipt["state"], receipt["executed_by"], receipt["reason"]), ("completed", "operator", "asked"),
          "the receipt")
    equal(value_of(api, token), None, "the value")
    shown = api.got(200, "GET", f"/v1/proposals/{proposal['proposal']}", token="auditor")
    equal((shown["state"], shown["outcome"], shown["number"], shown["decided_by"]),
          ("done", "OK", receipt["number"], "approver"), "the proposal")
    equal(api.ask("POST", f"/v1/proposals/{proposal['proposal']}/reject", None, "operator").status, 409,
          "too late")


def test_e59_nobody_approves_their_own_and_a_proposal_can_be_rejected(env):
    api = Api(env)
    token, _ = stored(api, "p2")
    proposal = api.got(202, "POST", "/v1/erasures", {"subject": "p2"}, "operator")
    api.cli("access", "revoke", str(api.number("operator")))
    api.tokens["twin"] = api.token("approver", name="operator")  # the same person with another token
    api.enrol("operator")
    api.uris["twin"] = api.uris["operator"]
    response = approval(api, proposal, who="twin")
    equal((response.status, "themselves" in response.json()["detail"]), (403, True), "their own")
    api.got(200, "POST", f"/v1/proposals/{proposal['proposal']}/reject", None, "approver")
    api.enrol("approver")
    equal(approval(api, proposal).status, 409, "rejected")
    equal(value_of(api, token), "n", "the value")


def test_an_approved_proposal_waits_and_survives_a_restart(env):
    api = Api(env, delay="3s", sweep_interval="1s")
    token, _ = stored(api, "p3")
    proposal = api.got(202, "POST", "/v1/erasures", {"subject": "p3"}, "operator")
    api.enrol("approver")
    response = approval(api, proposal)
    equal((response.status, response.json()["state"]), (200, "approved"), f"{response.body}")
    equal(value_of(api, token), "n", "while it waits")
    api.lethe.kill()
    api.lethe.start()
    api.address = admin_address(api.lethe)
    until("the erasure", 20, lambda: value_of(api, token) is None)
    until("its end", 20, lambda: api.got(200, "GET", f"/v1/proposals/{proposal['proposal']}",
                                         token="auditor")["state"] == "done")


def test_what_was_done_before_a_crash_is_no_failure(env):
    """The trail said that the hold was lifted, and the proposal that it failed."""
    check(env.has_faults(), "this build has no fault points: use the dev or asan one")
    api = Api(env, sweep_interval="1s")
    number = api.cli("hold", "add", "--class", "note", "--ground", "suit", "--owner", "legal", "--review",
                     time.strftime("%Y-%m-%d", time.gmtime(time.time() + 30 * 86400))).strip()
    proposal = api.got(202, "POST", f"/v1/holds/{number}/lift", {"reason": "settled"}, "operator")
    api.enrol("approver")
    equal(api.lethe.stop(), 0, "exit code")
    api.lethe.start(fault="proposal.done")
    api.address = admin_address(api.lethe)
    try:
        check(approval(api, proposal).status == 0, "answered")
    except (OSError, EOFError, http.client.HTTPException):
        pass
    equal(api.lethe.died(), -9, "killed")
    api.lethe.start()
    api.address = admin_address(api.lethe)
    shown = until("its end", 20, lambda: (p := api.got(200, "GET", f"/v1/proposals/{proposal['proposal']}", token="auditor"))
                  and p["state"] not in ("running", "approved") and p)
    equal((shown["state"], shown["outcome"]), ("done", "OK"), f"{shown}")


def test_a_token_is_bound_to_purposes_classes_and_domains(env):
    """E58: what a stolen one is good for."""
    api = Api(env, domains=["crm"])
    mail, phone = (api.got(201, "POST", "/v1/tokens", {"subject": "p", "class": c, "values": ["+44 1"]},
                           "app")["tokens"][0] for c in ("note", "phone"))
    bound = api.token("app", "--class", "note", "--purpose", "support", "--domain", "crm", name="bound")
    wide = api.token("app", "--class", "note", "--purpose", "support", name="wide")
    for token, body, headers, status in [
            (wide, {"tokens": [mail]}, {}, 200),
            (wide, {"tokens": [mail]}, {"Lethe-Purpose": "support"}, 200),
            (wide, {"tokens": [mail]}, {"Lethe-Purpose": "account"}, 403),
            (wide, {"tokens": [phone]}, {}, 403),
            (wide, {"tokens": [mail, phone]}, {}, 403),
            (bound, {"tokens": [mail]}, {}, 403),
            (bound, {"tokens": [mail], "domain": "crm"}, {}, 200),
            (bound, {"tokens": [mail], "domain": "default"}, {}, 403),
            (api.tokens["app"], {"tokens": [mail]}, {}, 403),
            (api.tokens["app"], {"tokens": [mail]}, {"Lethe-Purpose": "nonsense"}, 403)]:
        response = api.ask("POST", "/v1/tokens/reveal", body, token, headers)
        equal(response.status, status, f"{body} {headers}: {response.body!r}")
        check(status == 200 or b"+44" not in response.body, "a value in a refusal")
    for body, status in [({"subject": "q", "class": "note", "values": ["n"]}, 403),
                         ({"subject": "q", "class": "note", "values": ["n"], "domain": "crm"}, 201),
                         ({"subject": "q", "class": "phone", "values": ["n"], "domain": "crm"}, 403)]:
        equal(api.ask("POST", "/v1/tokens", body, bound).status, status, f"{body}")


def test_holds_requests_and_reports(env):
    api = Api(env)
    for who in ("operator", "approver"):
        api.enrol(who)
    token, person = stored(api, "p9")
    review = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 30 * 86400))
    hold = api.got(201, "POST", "/v1/holds",
                   {"person": person, "ground": "lawsuit 12", "owner": "legal", "review": review}, "operator",
                   {"Lethe-Otp": one_time_code(api.uris["operator"])})
    proposal = api.got(202, "POST", "/v1/erasures", {"person": person, "ground": "b"}, "operator")
    step = earlier_step()
    held = approval(api, proposal, step=step).json()
    equal(held["state"], "held", "while the hold binds")
    lifting = api.got(202, "POST", f"/v1/holds/{hold['number']}/lift", {"reason": "settled"}, "operator")
    equal(lifting["preview"]["owner"], "legal", "what an approver sees")
    equal(approval(api, lifting).status, 200, "the hold ends")
    for target in ("/v1/keys/rotate", "/v1/clock/accept"):
        shown = api.got(202, "POST", target, None, "operator")
        check(shown["preview"], f"{target}: what an approver sees")
    equal(api.ask("GET", f"/v1/subjects/{person}", token="support").status, 404, "the person that waited")
    request = api.got(201, "POST", "/v1/requests",
                      {"with": {"rights": ["access"], "channel": "email"}, "token": token}, "support")
    listed = api.got(200, "GET", "/v1/requests", token="auditor")["requests"]
    equal([r["number"] for r in listed], [request["number"]], "the register")
    report = api.got(200, "GET", "/v1/reports/holds", token="officer")
    equal(report["report"], "holds", "a report")
    csv = api.ask("GET", "/v1/reports/retention", token="officer", headers={"Accept": "text/csv"})
    xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    book = api.ask("GET", "/v1/reports/retention", token="officer", headers={"Accept": xlsx})
    equal((book.status, book.headers["content-type"], book.body[:2]), (200, xlsx, b"PK"), "as XLSX")
    check(csv.headers["content-type"].startswith("text/csv") and b"class" in csv.body.splitlines()[0], f"{csv}")
    equal(api.ask("GET", "/v1/reports/nonsense", token="officer").status, 404, "no such report")


def test_a_proposal_names_nobody(env):
    """What is proposed is kept, and what comes of it printed on a receipt: no text of it holds the identifier."""
    api = Api(env)
    _, person = stored(api, "eve-sentinel-78")
    for said in ({"reason": "asked by (eve-sentinel-78)."}, {"reference": "eve-sentinel-78"},
                 {"except": [{"class": "note", "code": "b", "law": "for eve-sentinel-78,", "until": "2099-12-31"}]}):
        response = api.ask("POST", "/v1/erasures", {"person": person, **said}, "operator")
        equal(response.status, 400, f"by the id: {said}: {response.body!r}")
        problem(response, "INVALID")
    for said in ({"reason": "asked by eve-sentinel-78"}, {"reference": "ticket of Eve-Sentinel-78"},
                 {"except": [{"class": "note", "code": "b", "law": "for eve-sentinel-78", "until": "2099-12-31"}]}):
        response = api.ask("POST", "/v1/erasures", {"subject": "eve-sentinel-78", **said}, "operator")
        equal(response.status, 400, f"{said}: {response.body!r}")
        problem(response, "INVALID")
    equal(api.got(200, "GET", "/v1/proposals", token="officer")["proposals"], [], "proposals")


def granted(api, token):
    """The number of a request for erasure that nothing but its approval and its execution are missing of."""
    number = api.got(201, "POST", "/v1/requests", {"with": {"rights": ["erasure"], "channel": "email", "ground": "b"},
                                                   "token": token}, "support")["number"]
    for action, said in [("ask-identity", {"channel": "email", "reason": "another address"}),
                         ("verify-identity", {"method": "letter"}), ("scope", {})]:
        api.got(200, "POST", f"/v1/requests/{number}/{action}", {"with": said}, "support")
    return number


def test_e59_no_spelling_of_a_path_gets_around_what_it_wants(env):
    """`%65xecute` is `execute` to the operation: it must not be another path to the table of routes."""
    api = Api(env)
    token, person = stored(api, "p9")
    number = granted(api, token)
    for action, said in (("approve", {"by": "M. Roe"}), ("execute", {})):
        for at in range(len(action)):
            spelt = f"{action[:at]}%{ord(action[at]):02x}{action[at + 1:]}"
            for who in ("support", "operator"):
                response = api.ask("POST", f"/v1/requests/{number}/{spelt}", {"with": said}, who)
                equal(response.status, 404, f"{who}: {spelt}: {response.body!r}")
    equal(api.got(200, "GET", f"/v1/requests/{number}", token="auditor")["state"], "scoped", "the request")
    equal(api.got(200, "GET", f"/v1/subjects/{person}", token="support")["items"], [{"class": "note", "values": 1}], "the person")


def test_e59_one_approver_is_one_person(env):
    api = Api(env, requests={"approvals": 2})
    token, _ = stored(api, "p9")
    number = granted(api, token)
    api.tokens["second"] = api.token("approver", name="second")
    for who in ("approver", "second"):
        api.enrol(who)
    step = earlier_step()

    def approve(who, by, at):
        return api.ask("POST", f"/v1/requests/{number}/approve", {"with": {"by": by}}, who,
                       {"Lethe-Otp": one_time_code(api.uris[who], at)})
    equal(approve("approver", "M. Roe", step).json()["state"], "scoped", "after the first")
    response = approve("approver", "J. Doe", None)
    equal(response.status, 409, f"the same token under another name: {response.body!r}")
    equal(approve("second", "J. Doe", None).json()["state"], "approved", "after the second")


def test_it_listens_strictly(env):
    """E65: members that nobody asked for."""
    api = Api(env)
    good = {"subject": "p", "class": "note", "values": ["n"]}
    for what, method, target, body, headers, status in [
            ("an unknown member", "POST", "/v1/tokens", dict(good, role="operator"), {}, 400),
            ("the operation itself", "POST", "/v1/tokens", dict(good, op="subject.erase"), {}, 400),
            ("no JSON", "POST", "/v1/tokens", "{", {"Content-Type": "application/json"}, 400),
            ("a list", "POST", "/v1/tokens", [good], {}, 400),
            ("a member twice", "POST", "/v1/tokens", '{"class":"note","class":"phone"}',
             {"Content-Type": "application/json"}, 400),
            ("another type", "POST", "/v1/tokens", json.dumps(good), {"Content-Type": "text/plain"}, 415),
            ("no type", "POST", "/v1/tokens", json.dumps(good), {}, 415),
            ("a query that means nothing", "GET", "/v1/version?after=1", None, {}, 400),
            ("another method", "PUT", "/v1/tokens", good, {}, 405),
            ("another path", "POST", "/v1/token", good, {}, 404),
            ("a path with more", "POST", "/v1/tokens/", good, {}, 404),
            ("a body with GET", "GET", "/v1/version", good, {}, 400)]:
        response = api.ask(method, target, body, "app", headers)
        equal(response.status, status, f"{what}: {response.body!r}")
        check("no-store" in response.headers["cache-control"], what)
        if status == 405:
            equal(response.headers["allow"], "POST", what)
    response = api.ask("GET", "/v1/subjects/" + "%00" * 3, token="support")
    equal(response.status, 400, "an id that is none")
    response = api.ask("GET", "/v1/erasures?after=x", token="officer")
    equal(response.status, 400, "a number that is none")


def test_health_needs_no_token(env):
    api = Api(env)
    equal(api.ask("GET", "/healthz").status, 200, "health")
    equal(api.ask("GET", "/readyz").status, 200, "readiness")


# ---- what is written about it ----


def test_openapi_says_what_the_table_says(env):
    document = described()
    check(document["openapi"].startswith("3.1."), "the version")
    told = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in NAMES.values() and not operation.get("x-signed"):
                told[method.upper(), path] = operation
    table = {(r.method, re.sub(r"\{#", "{", r.path)): r for r in routes()}
    equal(sorted(told), sorted(table), "routes")
    for key, route in table.items():
        operation = told[key]
        equal(set(operation["x-roles"]), route.roles, f"roles of {key}")
        parameters = [document["components"]["parameters"][p["$ref"].rsplit("/", 1)[1]] if "$ref" in p else p
                      for p in operation.get("parameters", [])]
        names = {p["name"] for p in parameters if p["in"] == "query"}
        equal(names, {q.removeprefix("#") for q in route.query}, f"query of {key}")
        equal({p["name"] for p in parameters if p["in"] == "path"},
              set(re.findall(r"\{#?([a-z]+)\}", route.path)), f"path of {key}")
        fields = {p["name"] for p in parameters if p["in"] == "header"}
        equal("APPROVAL" in route.flags, operation.get("x-approval", False), f"approval of {key}")
        for flag, name in (("CODE", "Lethe-Otp"), ("PURPOSE", "Lethe-Purpose")):
            wanted = flag in route.flags or flag == "CODE" and "APPROVAL" in route.flags
            equal(name in fields, wanted, f"{name} of {key}")
        equal("Idempotency-Key" in fields, route.method != "GET" and not route.flags & {"READS", "NUMBERED"}, f"key of {key}")
        success = "201" if "CREATES" in route.flags else "200"
        check(success in operation["responses"], f"{key} answers {success}")
        check("default" in operation["responses"], f"{key} may be refused")


def test_only_operators_correct_events(env):
    """An application sends events; to set a start back is an operator's."""
    classes = json.loads(json.dumps(CLASSES))
    classes["email"]["retain"] = {"period": "P1Y", "from": "event:case_closed", "backstop": "P2Y"}
    api = Api(env, classes=classes)
    _, person = stored(api, "ada-1")
    target = f"/v1/subjects/{person}/events"
    api.got(201, "POST", target, {"event": "case_closed"}, "app")
    early = {"event": "case_closed", "at": "2026-01-31", "correct": True}
    problem(api.ask("POST", target, early, "app"), "DENIED")
    equal(api.got(201, "POST", target, early, "operator")["corrected"], True, "a correction")
