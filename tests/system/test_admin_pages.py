# SPDX-License-Identifier: Apache-2.0
"""Lists of the admin API in pages, and conditional requests."""
import json
import re

from harness import check, equal
from test_admin_api import Api, problem, routes, stored

LISTS = {"/v1/holds": "holds", "/v1/notices": "notices", "/v1/requests": "requests", "/v1/erasures": "receipts",
         "/v1/retention/versions": "versions", "/v1/honeytokens": "honeytokens", "/v1/incidents": "incidents",
         "/v1/audit": "records", "/v1/access": "tokens", "/v1/proposals": "proposals", "/v1/callers": "callers",
         "/v1/renewals": "renewals"}
FOLLOWED = {"/v1/audit/tail"}  # it has no last page: one asks again
OF_ONE = {"/v1/renewals/{#number}/tokens"}  # test_renewals.py


def pages(api, target, member, token="auditor"):
    """All entries, page by page as Link says."""
    entries, seen = [], 0
    while target is not None:
        response = api.ask("GET", target, token=token)
        equal(response.status, 200, f"{target}: {response}")
        page = response.json()
        equal(page["more"], page["next"] is not None, f"{target}: {page}")
        entries += page[member]
        link = response.headers.get("link")
        equal(link is not None, page["more"], f"{target}: {link}")
        target = re.fullmatch('<(.*)>; rel="next"', link).group(1) if link else None
        seen += 1
        check(seen < 50, "it goes on for ever")
    return entries


def test_every_list_has_pages(env):
    api = Api(env)
    equal({r.path for r in routes() if "#limit" in r.query}, set(LISTS) | FOLLOWED | OF_ONE, "lists")
    for route in routes():
        if "#limit" not in route.query or route.path in FOLLOWED | OF_ONE:
            continue
        page = api.got(200, "GET", route.path, token=sorted(route.roles)[0])
        check(isinstance(page[LISTS[route.path]], list), f"{route.path}: {page}")
        equal((page["more"], page["next"]), (False, None), f"{route.path}")
        for bad in ("limit=0", "limit=1001", "limit=x", "limit=-1", "after=-1", "limit=1&limit=2"):
            response = api.ask("GET", f"{route.path}?{bad}", token=sorted(route.roles)[0])
            equal(response.status, 400, f"{route.path}?{bad}")


def test_pages_join_to_the_whole_list(env):
    api = Api(env)
    for _ in range(7):
        api.got(201, "POST", "/v1/requests", {"with": {"rights": ["access"], "channel": "email"}}, "support")
    stored(api, "p")
    for _ in range(5):
        api.got(202, "POST", "/v1/keys/rotate", None, "operator")
    for n in range(5):
        api.got(201, "POST", "/v1/honeytokens", {"class": "email", "value": f"bait-{n}@example.org"}, "operator")
    for target, member, name, count, token in [
            ("/v1/requests?limit=3&state=open", "requests", "number", 7, "auditor"),
            ("/v1/proposals?limit=2", "proposals", "proposal", 5, "auditor"),
            ("/v1/honeytokens?limit=2", "honeytokens", "subject", 5, "officer"),
            ("/v1/access?limit=4", "tokens", "number", 7, "auditor")]:  # one for each role, and one of `lethe init`
        entries = pages(api, target, member, token)
        equal(len({e[name] for e in entries}), count, target)
        equal(len(entries), count, target)
        whole = api.got(200, "GET", target.split("?")[0], token=token)[member]
        equal([e[name] for e in whole], [e[name] for e in entries], f"{target}: the same order")
    sequence = [r["number"] for r in pages(api, "/v1/audit?limit=20", "records")]
    equal(sequence, sorted(set(sequence)), "records of the trail")


def test_erasures_from_the_newest_while_more_come(env):
    api = Api(env)

    def erase(name):
        stored(api, name)
        api.cli("subject", "erase", name)

    for n in range(5):
        erase(f"p{n}")
    whole = [e["number"] for e in api.got(200, "GET", "/v1/erasures", token="officer")["receipts"]]
    equal(len(whole), 5, "all of them")
    equal([e["number"] for e in pages(api, "/v1/erasures?order=newest&limit=2", "receipts")], whole[::-1], "reversed")
    equal([e["number"] for e in pages(api, "/v1/erasures?order=oldest&limit=2", "receipts")], whole, "as they stand")
    first = api.got(200, "GET", "/v1/erasures?order=newest&limit=2", token="officer")
    erase("p5")
    second = api.got(200, "GET", f"/v1/erasures?order=newest&limit=2&after={first['next']}", token="officer")
    equal([e["number"] for e in second["receipts"]], whole[1:3][::-1], "what came meanwhile moves nothing")
    problem(api.ask("GET", "/v1/erasures?order=size", token="officer"), "INVALID")


def test_an_answer_that_has_not_changed_is_not_sent_again(env):
    api = Api(env)
    for target in ("/v1/keys/public", "/v1/retention/versions", "/v1/reports/retention", "/v1/reports/holds"):
        first = api.ask("GET", target, token="officer")
        tag = first.headers["etag"]
        equal(tag.startswith("W/"), "reports" in target, f"{target}: {tag}")
        for wanted in (tag, f'"x", {tag} ', "*", tag if tag.startswith("W/") else "W/" + tag):
            again = api.ask("GET", target, token="officer", headers={"If-None-Match": wanted})
            equal((again.status, again.body), (304, b""), f"{target} {wanted}: {again}")
            equal(again.headers["etag"], tag, target)
            check("content-length" not in again.headers, f"{again}")
        for wanted in ('"x"', tag[:-2] + '"', ""):
            again = api.ask("GET", target, token="officer", headers={"If-None-Match": wanted})
            equal(again.status, 200, f"{target} {wanted!r}")
    csv = api.ask("GET", "/v1/reports/retention", token="officer", headers={"Accept": "text/csv"})
    check(csv.headers["etag"] != api.ask("GET", "/v1/reports/retention", token="officer").headers["etag"], "CSV")
    before = api.ask("GET", "/v1/reports/retention", token="officer").headers["etag"]
    stored(api, "p")
    again = api.ask("GET", "/v1/reports/retention", token="officer", headers={"If-None-Match": before})
    equal(again.status, 200, "a report that has changed")


def test_a_step_of_a_request_that_has_changed_is_refused(env):
    api = Api(env)
    made = api.got(201, "POST", "/v1/requests", {"with": {"rights": ["access"], "channel": "email"}}, "support")
    target = f"/v1/requests/{made['number']}"
    note = {"with": {"reference": "DSB-1"}}
    tag = api.ask("GET", target, token="support").headers["etag"]
    response = api.ask("POST", target + "/complain", note, "support", {"If-Match": tag})
    equal(response.status, 200, f"{response.body}")
    response = api.ask("POST", target + "/complain", note, "support", {"If-Match": tag})
    equal(response.status, 412, f"{response.body}")
    problem(response, "CHANGED")
    for wanted in ('"x"', "W/" + tag, ""):
        equal(api.ask("POST", target + "/complain", note, "support", {"If-Match": wanted}).status, 412, wanted)
    equal(api.ask("POST", target + "/complain", note, "support", {"If-Match": "*"}).status, 200, "any")
    history = json.dumps(api.got(200, "GET", target, token="support")["history"])
    equal(history.count('"complain"'), 2, history)
    equal(api.ask("POST", "/v1/tokens", {}, "app", {"If-Match": tag}).status, 400, "where it has no meaning")
