# SPDX-License-Identifier: Apache-2.0
"""What an access token is bound to: role, class, domain, purpose, network, client certificate. Cells come from the
program's own table of routes and from docs/openapi.yaml."""
import json
import re
import ssl
import subprocess
import time

from harness import Conn, check, equal
from test_admin_api import ROLES, Api, described, one_time_code, problem, routes, without_id
from test_admin_once import trail
from test_callers import Authority
from test_monitor import admin_address


def body_of(route):
    """What the description lets stand in the body; "op" is never one of them."""
    item = described()["paths"][re.sub(r"\{#", "{", route.path)][route.method.lower()]
    if "requestBody" not in item:
        return {}
    body = item["requestBody"]
    if "$ref" in body:
        body = described()["components"]["requestBodies"][body["$ref"].rsplit("/", 1)[1]]
    schema = body["content"]["application/json"]["schema"]
    if "$ref" in schema:
        schema = described()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema["properties"]


def cells():
    for route in routes():
        for role in sorted(route.roles):
            yield route, role


def refused(api, route, token, body, why, headers=()):
    response = api.ask(route.method, route.target(), body or None, token, headers)
    what = f"{token}: {route.method} {route.path} {body}: {response}"
    equal(response.status, 403, what)
    check(why in response.json()["detail"], what)


def test_e58_every_cell_of_classes_domains_and_purposes(env):
    api = Api(env, domains=["crm"])
    for role in ROLES:
        api.tokens[role + "-class"] = api.token(role, "--class", "note", name=role + "-class")
        api.tokens[role + "-domain"] = api.token(role, "--domain", "crm", name=role + "-domain")
        api.tokens[role + "-purpose"] = api.token(role, "--purpose", "support", name=role + "-purpose")
    seen = {"class": 0, "domain": 0, "all": 0, "subject": 0, "purpose": 0, "whole": 0}
    for route, role in cells():
        takes = body_of(route)
        if "PARTS" not in route.flags:
            refused(api, route, role + "-class", {}, "all classes")
            seen["whole"] += 1
        elif "class" in takes:
            refused(api, route, role + "-class", {"class": "email"}, "not for this class",
                    {"Lethe-Purpose": "account"})
            seen["class"] += 1
        if "PURPOSE" in route.flags:
            refused(api, route, role + "-purpose", {}, "not for this purpose", {"Lethe-Purpose": "account"})
            refused(api, route, role, {}, "a purpose is needed")
            seen["purpose"] += 1
        if "DOMAIN" not in route.flags:
            refused(api, route, role + "-domain", {}, "all domains")
            seen["all"] += 1
            continue
        if "domain" in takes:
            refused(api, route, role + "-domain", {"domain": "default"}, "not for this domain")
            seen["domain"] += 1
        if "subject" in takes:
            refused(api, route, role + "-domain", {"subject": "ada"}, "not for this domain")
            seen["subject"] += 1
    print(seen)
    check(min(seen.values()) > 0, f"{seen}")


def test_e58_what_a_request_does_not_name_is_looked_up(env):
    api = Api(env, domains=["crm"])
    review = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86400 * 9))
    token = api.got(201, "POST", "/v1/tokens", {"subject": "ada", "class": "note", "values": ["tea"]}, "app")["tokens"][0]
    (rectify,) = (r for r in routes() if r.operation == "rectify")
    for more in (["--domain", "crm"], ["--class", "email"]):
        bound = api.token("support", *more, name="support" + more[0])
        refused(api, rectify, bound, {"token": token, "value": "gin"}, "class and domain")
    api.tokens["crm"] = api.token("operator", "--domain", "crm", name="crm")
    api.enrol("crm")
    response = api.ask("POST", "/v1/holds", {"ground": "a claim", "owner": "legal", "review": review, "of_class": "note"},
                       "crm", {"Lethe-Otp": one_time_code(api.uris["crm"])})
    equal(response.status, 403, f"{response}")
    check("all domains" in response.json()["detail"], f"{response.body}")
    api.tokens["narrow"] = api.token("operator", "--purpose", "support", name="narrow")
    api.enrol("narrow")
    response = api.ask("POST", "/v1/access", {"name": "wide", "role": "app", "expires": "P1D"}, "narrow",
                       {"Lethe-Otp": one_time_code(api.uris["narrow"])})
    equal(response.status, 403, f"a token that may more than its maker: {response}")
    check("bound to purposes" in response.json()["detail"], f"{response.body}")
    equal(api.got(200, "POST", "/v1/tokens/reveal", {"tokens": [token]}, "app", {"Lethe-Purpose": "support"})["values"],
          ["tea"], "afterwards")


def test_e58_every_cell_from_elsewhere(env):
    """A token that is used from another network is a wrong one, and the trail says whose it was."""
    api = Api(env)
    wrong = without_id(api.ask("GET", "/v1/version", token="x"))
    for role in ROLES:
        api.tokens[role + "-far"] = api.token(role, "--network", "203.0.113.0/24,2001:db8::/32", name=role + "-far")
        api.tokens[role + "-near"] = api.token(role, "--network", "203.0.113.0/24,127.0.0.0/8", name=role + "-near")
        api.tokens[role + "-card"] = api.token(role, "--certificate", "ab:" * 31 + "AB", name=role + "-card")
    slow = {"failure_rate": {"requests": 1000, "per": "1s", "burst": 1000}}
    api.lethe.config["admin"]["limits"] = slow
    api.lethe.save()
    api.cli("reload")
    for route, role in cells():
        for kind in ("-far", "-card"):
            response = api.ask(route.method, route.target(), token=role + kind)
            equal((response.status, without_id(response)), (401, wrong), f"{role}{kind} {route.path}")
        response = api.ask(route.method, route.target(), token=role + "-near")
        check(response.status != 401, f"{role}-near {route.path}: {response}")
    listed = {t["name"]: t for t in json.loads(api.cli("access", "list", "--json"))}
    equal(listed["app-far"]["networks"], ["203.0.113.0/24", "2001:db8::/32"], "as it is listed")
    equal(listed["app-card"]["certificate"], "ab" * 32, "as it is listed")
    stolen = [r for r in trail(api) if r["who"] == "app-far"]
    check(stolen and all((r["outcome"], r["error"]) == ("refused", "UNAUTHORIZED") for r in stolen), f"{stolen}")


def test_networks_and_certificates_are_read_strictly(env):
    api = Api(env)
    for more in (["--network", "10.1.2.3/8"], ["--network", "example.org"], ["--network", "10.0.0.0/33"],
                 ["--network", ",".join(["10.0.0.0/8"] * 17)], ["--certificate", "ab" * 31],
                 ["--certificate", "xy" * 32], ["--certificate", "ab" * 33]):
        result = api.lethe.cli("access", "create", "--name", "n", "--role", "app", "--expires", "P1D", *more)
        equal(result.returncode, 1, f"{more}: {result}")


class Guarded(Api):
    """Operators' connections are TLS, and clients may show certificates."""

    def __init__(self, env, authority):
        self.authority = authority
        self.pair = env.certificate("admin", "DNS:localhost,IP:127.0.0.1")
        super().__init__(env)

    def admin(self):
        return {"tls": {"certificate": self.pair[0], "key": self.pair[1], "client_ca": self.authority.cert}}

    def ask_as(self, pair, token):
        context = ssl.create_default_context(cafile=self.pair[0])
        if pair:
            context.load_cert_chain(*pair)
        with Conn(self.address, tls=context) as conn:
            fields = {"Authorization": f"Bearer {token}"}
            statuses = {conn.request("GET", "/v1/version", None, fields).status for _ in range(2)}
        equal(len(statuses), 1, "the second on the same connection")
        return statuses.pop()


def test_e58_a_token_is_right_with_its_certificate_only(env):
    authority = Authority(env)
    api = Guarded(env, authority)
    mine, other = (authority.client(n, f"/CN={n}", f"DNS:{n}.example") for n in ("mine", "other"))
    told = subprocess.run(["openssl", "x509", "-in", mine[0], "-noout", "-fingerprint", "-sha256"],
                          capture_output=True, text=True, check=True).stdout
    token = api.token("officer", "--certificate", told.strip().split("=")[1], name="bound")
    equal(api.ask_as(mine, token), 200, "with its own")
    equal(api.ask_as(other, token), 401, "with another")
    equal(api.ask_as(None, token), 401, "with none")
    equal(api.ask_as(None, api.tokens["officer"]), 200, "one that is bound to none")
    api.cli("reload")
    equal(api.ask_as(mine, token), 200, "after a reload")
    equal(api.ask_as(None, token), 401, "after a reload, with none")
    api.lethe.kill()
    api.lethe.start()
    api.address = admin_address(api.lethe)
    equal((api.ask_as(mine, token), api.ask_as(other, token)), (200, 401), "after a restart")
