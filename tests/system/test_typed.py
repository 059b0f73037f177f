# SPDX-License-Identifier: Apache-2.0
"""Typed tokens and domains, through the whole program: what the application stores, and what comes
back, byte by byte."""
import json
import re

from harness import Lethe, check, equal
from upstreams import Recorder, answer

RULE = {"purposes": ["support"], "basis": "6(1)(b)", "retain": {"period": "P1Y"}}
CLASSES = {
    "tel": {"format": "phone", "deterministic": True, **RULE},
    "card": {"format": "pan", "keep_last": 4, **RULE},
    "born": {"format": "date", **RULE},
    "code": {"format": "alnum", **RULE},
    "number": {"format": "integer", "range": "900000000-999999999", "deterministic": True, **RULE},
    "few": {"format": "integer", "range": "70-72", **RULE},
    "note": dict(RULE),
}
FIELDS = [{"json": f"$.{name}", "class": name} for name in CLASSES]
RECORD = (b'{ "tel":"+49 (30) 1234567", "card" : "4111-1111-1111-1111",\n\t"born":"1990-02-28",'
          b'"code":"AB/12-cd","number":12345,"note":3.0e2, "plan":1.50 }\n')
HEADERS = {"Content-Type": "application/json"}


class Keeper:
    """Keeps bodies by path, byte for byte, and gives them back."""

    def __init__(self):
        self.kept = {}

    def __call__(self, request, _sock):
        path = request.target.partition("?")[0]
        if request.method == "PUT":
            self.kept[path] = request.body
        return answer(200, self.kept.get(path, b"{}"))


def route(prefix, **more):
    return {"path": prefix + "/{id}", "methods": ["GET", "PUT"], "upstream": "app",
            "subject": "path.id", "request": FIELDS, "response": FIELDS, **more}


def started(env):
    app = Recorder(env, Keeper())
    lethe = Lethe(env, app.url, classes=CLASSES, callers={}, domains=["crm", "analytics"],
                  routes=[route("/users"), route("/crm", domain="crm"),
                          route("/analytics", domain="analytics"),
                          {"path": "/find", "methods": ["GET"], "upstream": "app",
                           "request": [{"query": "number", "class": "number", "mode": "lookup"}]}])
    lethe.add_caller("desk", ["support"], {name: "value" for name in CLASSES})
    lethe.add_caller("crm-desk", ["support"], {name: "value" for name in CLASSES})
    lethe.config["callers"]["crm-desk"]["domains"] = ["crm"]
    lethe.save()
    return app, lethe.start()


def put(lethe, path, body, caller="desk"):
    return lethe.request("PUT", path, body, caller=caller, headers=HEADERS)


def test_types_and_bytes_survive_the_way_there_and_back(env):
    app, lethe = started(env)
    response = put(lethe, "/users/7", RECORD)
    equal((response.status, response.body), (200, RECORD), "the answer to the PUT")
    seen = app.last().body
    tokens = json.loads(seen)
    check(re.fullmatch(r"\+28\d+", tokens["tel"]), f"tel became {tokens['tel']!r}")
    check(re.fullmatch(r"99[\d-]+1111", tokens["card"]), f"card became {tokens['card']!r}")
    check(re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", tokens["born"]), f"{tokens['born']!r}")
    check(re.fullmatch(r"[A-Z]{2}/[0-9]{2}-[a-zA-Z]{2}", tokens["code"]), f"{tokens['code']!r}")
    check(type(tokens["number"]) is int and 900000000 <= tokens["number"] <= 999999999,
          f"number became {tokens['number']!r}")
    check(isinstance(tokens["note"], str), "a number in an opaque field is a string token")
    wanted = (f'{{ "tel":"{tokens["tel"]}", "card" : "{tokens["card"]}",\n\t"born":"{tokens["born"]}",'
              f'"code":"{tokens["code"]}","number":{tokens["number"]},"note":"{tokens["note"]}",'
              f' "plan":1.50 }}\n')
    equal(seen, wanted.encode(), "the bytes that the application got")
    equal(lethe.request("GET", "/users/7", caller="desk").body, RECORD, "GET by the desk")
    equal(lethe.request("GET", "/users/7").body, seen, "GET by nobody known")
    equal(put(lethe, "/users/7", seen, caller=None).status, 200, "PUT after GET")
    equal(app.last().body, seen, "tokens that come back stay")
    lethe.stop()
    lethe.start()
    equal(lethe.request("GET", "/users/7", caller="desk").body, RECORD, "after a restart")
    response = lethe.request("GET", "/find?number=12345")
    equal(response.status, 200, "a look-up")
    equal(app.last().target, f"/find?number={tokens['number']}", "what it asks for")


def test_what_does_not_fit_reaches_nobody(env):
    app, lethe = started(env)
    cases = [b'{"born":"next tuesday"}', b'{"card":"secret-value"}', b'{"number":true}',
             b'{"number":912345678}', b'{"number":1.5}', b'{"code":"\xc3\xa4"}']
    for body in cases:
        response = put(lethe, "/users/7", body)
        equal(response.status, 422, f"PUT {body!r}")
        equal(response.headers.get("content-type"), "application/problem+json", "its type")
        check(b"secret" not in response.body and b"912345678" not in response.body, "it names it")
    status, given = 200, 0
    while status == 200:
        status = put(lethe, "/users/7", b'{"few":%d}' % (1000 + given)).status
        given += status == 200
    equal((status, given), (507, 2), "a space of three, one of them for decoys")
    equal(app.count(), given, "requests upstream")
    equal(put(lethe, "/users/7", RECORD).status, 200, "others go on")


def test_domains_share_no_token_and_are_erased_one_by_one(env):
    """E23: one person and value in two domains."""
    app, lethe = started(env)
    seen = {}
    for name in ("users", "crm", "analytics"):
        equal(put(lethe, f"/{name}/7", RECORD).status, 200, f"PUT to {name}")
        seen[name] = app.last().body
    tokens = [json.loads(body) for body in seen.values()]
    for field in CLASSES:
        values = [str(t[field]) for t in tokens if field in t]
        equal(len(set(values)), len(values), f"different tokens for {field}")
    for on in seen:
        for of, body in seen.items():
            app.handler.kept[f"/{on}/7"] = body
            answer_seen = lethe.request("GET", f"/{on}/7", caller="desk").body
            equal(answer_seen, RECORD if on == of else body, f"tokens of {of} on {on}")
            app.handler.kept[f"/{on}/7"] = seen[on]
            if on != of:
                equal(put(lethe, f"/{on}/7", body).status, 422, f"tokens of {of} sent to {on}")
    equal(lethe.request("GET", "/crm/7", caller="crm-desk").body, RECORD, "the crm's desk in crm")
    equal(lethe.request("GET", "/users/7", caller="crm-desk").body, seen["users"], "and elsewhere")

    receipt = json.loads(lethe.cli("subject", "erase", "7", "--domain", "crm").stdout)
    equal((receipt["state"], receipt["domain"]), ("completed", "crm"), "the receipt")
    equal(lethe.request("GET", "/crm/7", caller="desk").body, seen["crm"], "crm after its erasure")
    for name in ("users", "analytics"):
        equal(lethe.request("GET", f"/{name}/7", caller="desk").body, RECORD, name)
    receipt = json.loads(lethe.cli("subject", "erase", "7").stdout)
    equal(receipt["domain"], "default", "without --domain")
    equal(lethe.request("GET", "/analytics/7", caller="desk").body, RECORD, "analytics is left")


def test_the_command_line_keeps_to_a_domain(env):
    _, lethe = started(env)
    args = ("--class", "tel", "--subject", "7")
    here = lethe.cli("tokenize", *args, data="+49 30 1\n").stdout.strip()
    there = lethe.cli("tokenize", *args, "--domain", "crm", data="+49 30 1\n").stdout.strip()
    check(here and there and here != there, f"{here!r} and {there!r}")
    equal(lethe.cli("reveal", data=f"{here}\n{there}\n").stdout, "+49 30 1\n+49 30 1\n", "reveal")
    equal(lethe.cli("reveal", "--domain", "crm", data=f"{here}\n{there}\n").stdout,
          "\n+49 30 1\n", "reveal in crm")
    shown = lethe.cli("subject", "show", "7", "--domain", "crm", "--json").stdout
    equal(json.loads(shown)["domain"], "crm", "subject show")
    result = lethe.cli("subject", "show", "7", "--domain", "shop")
    equal(result.returncode, 1, "a domain that is not there")
    check("no such domain" in result.stderr, result.stderr)
    equal(lethe.cli("subject", "show", "7", "--domain", "analytics").returncode, 1, "nobody there")


def test_a_domain_with_people_cannot_leave_the_configuration(env):
    _, lethe = started(env)
    equal(put(lethe, "/crm/7", RECORD).status, 200, "PUT to crm")
    lethe.stop()
    whole = lethe.config["routes"], lethe.config["callers"], lethe.config["domains"]
    lethe.config["routes"] = [route("/users")]
    lethe.config["callers"] = {}
    lethe.config["domains"] = ["analytics"]
    lethe.save()
    result = lethe.cli("subject", "show", "7")
    check(result.returncode != 0 and "domain crm: the store still holds people" in result.stderr,
          f"{result.returncode}: {result.stderr}")
    lethe.config["routes"], lethe.config["callers"], lethe.config["domains"] = whole
    lethe.config["routes"][1]["domain"] = "crmm"
    lethe.save()
    result = lethe.cli("check")
    equal(result.returncode, 78, "lethe check")
    check(re.search(r'test\.yaml:\d+:\d+: there is no domain "crmm"', result.stderr), result.stderr)
