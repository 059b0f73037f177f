# SPDX-License-Identifier: Apache-2.0
"""What the register of requests carries out besides erasures, as operators and persons see it: over the command line,
the admin API and the pages, and through a warm proxy."""
import json
import re

from harness import check, equal
from test_admin_api import Api, earlier_step, one_time_code
from test_exports import ANNA, started, visit
from test_requests import request, view
from test_ui import Browser


def approved(lethe, rights, *scope, subject="0"):
    request(lethe, "add", "--subject", subject, f"rights={rights}", "channel=email")
    request(lethe, "verify-identity", "1", "method=login")
    request(lethe, "scope", "1", *scope)
    request(lethe, "approve", "1", "by=M. Roe")


def shows_anna(lethe, caller):
    """Does any of her values come through?"""
    body = lethe.request("GET", "/users/0", caller=caller).body.decode()
    return any(json.dumps(value)[1:-1] in body for value in (ANNA["email"], ANNA["note"], *ANNA["phones"]))


def test_d17_access_and_portability_are_given_by_the_register(env):
    app, lethe = started(env)
    approved(lethe, "access,portability")
    out = request(lethe, "execute", "1", "right=access").stdout
    path = re.search(r"^link +(/exports/[0-9a-f]{64})$", out, re.M)[1]
    equal(view(lethe)["rights"][0]["exports"][0]["state"], "waits", "before the person came")
    page = visit(lethe, path, "POST")
    check(ANNA["email"].encode() in page.body, f"the document: {page}")
    equal(visit(lethe, path, "POST").status, 410, "the second time")
    document = json.loads(request(lethe, "execute", "1", "right=portability", "format=json").stdout)
    check("recipients" not in document and len(document["values"]) == 2, "Art. 20: what rests on a contract")
    done = view(lethe)
    equal(done["state"], "verified_done", "state")
    equal([right["exports"][0]["state"] for right in done["rights"]], ["taken", "given"], "exports")
    equal(done["rights"][1]["exports"][0]["digest"], document["digest"], "of the document")
    check(re.fullmatch("[0-9a-f]{64}", done["rights"][0]["exports"][0]["digest"]), "of the one that was fetched")
    check(path[9:] not in json.dumps(done), "the register has no link")


def test_d18_a_value_is_corrected_by_the_register(env):
    app, lethe = started(env)
    equal(lethe.request("GET", "/users/0", caller="desk").json()["note"], ANNA["note"], "warm")
    token = json.loads(app.handler.users["0"])["note"]
    approved(lethe, "rectification")
    refused = lethe.cli("request", "execute", "1", "right=rectification", f"token={token}", "value=x")
    check(refused.returncode == 2 and "standard input" in refused.stderr, refused.stderr)
    result = lethe.cli("request", "execute", "1", "right=rectification", f"token={token}", data="likes tea\n")
    equal(result.returncode, 0, result.stderr)
    equal(lethe.request("GET", "/users/0", caller="desk").json()["note"], "likes tea", "through the warm proxy")
    done = view(lethe)
    equal((done["state"], done["rights"][0]["corrected"]), ("verified_done", 1), "state")
    check("likes tea" not in json.dumps(done) and token not in json.dumps(done), "neither stands in the register")


def test_d21_restriction_and_objection_are_set_and_lifted_by_the_register(env):
    app, lethe = started(env)
    for caller in ("desk", "ads"):
        equal(lethe.request("GET", "/users/0", caller=caller).json(), ANNA, f"warm: {caller}")
    approved(lethe, "restriction,objection", "purposes=marketing", "ground=a")
    request(lethe, "execute", "1")
    request(lethe, "answer", "1", "channel=email", "template=granted-en-1")
    equal(lethe.request("GET", "/users/0", caller="desk").status, 423, "restricted")
    refused = request(lethe, "lift", "1", "right=restriction", "channel=email", code=1)
    check("date" in refused.stderr, f"Art. 18(3): {refused.stderr}")
    today = view(lethe)["received_date"]
    request(lethe, "lift", "1", "right=restriction", "channel=email", f"date={today}")
    equal(lethe.request("GET", "/users/0", caller="desk").json(), ANNA, "after it was lifted")
    check(not shows_anna(lethe, "ads"), "the objection stays")
    lethe.kill()
    lethe.start()
    check(not shows_anna(lethe, "ads"), "after kill -9")
    request(lethe, "lift", "1", "right=objection", "channel=email", f"date={today}")
    equal(lethe.request("GET", "/users/0", caller="ads").json(), ANNA, "withdrawn")


def test_a_link_is_shown_once_by_api_and_pages(env):
    api = Api(env)
    api.got(201, "POST", "/v1/tokens", {"class": "email", "subject": "p1", "values": ["a@example.org"]}, "app")
    for role in ("operator", "approver"):
        api.enrol(role)
    step = earlier_step()
    b = Browser(api.address).sign_in(api, "operator", step)
    approver = Browser(api.address).sign_in(api, "approver", step)
    response = b.send("/ui/requests/new", "/ui/requests/new", with__rights="access", with__channel="email",
                      subject="p1")
    here = response.headers["location"]
    equal(b.send(f"{here}/verify-identity", here, with__method="login").status, 303, "verified")
    equal(b.send(f"{here}/scope", here).status, 303, "scoped")
    equal(approver.send(f"{here}/approve", here, with__by="R", code=one_time_code(api.uris["approver"])).status, 303,
          "approved")
    response = b.send(f"{here}/execute", here, code=one_time_code(api.uris["operator"]))
    equal(response.status, 200, f"carried out: {response}")
    path = re.search(r"/exports/[0-9a-f]{64}", response.body.decode())[0]
    page = b.page(here)
    check(path not in page.text and "link not used yet" in page.text, page.text)
    with_link = visit(api.lethe, path, "POST")
    check(b"a@example.org" in with_link.body, f"the document: {with_link}")
    check("link used" in b.page(here).text, "the page says so")


def test_d10_withdrawn_consent_ends_the_purpose_and_what_rests_on_it_alone(env):
    app, lethe = started(env)
    lethe.stop()
    lethe.config["classes"]["note"].update(basis="6(1)(a)", purposes=["marketing"])
    lethe.save()
    lethe.start()
    equal(lethe.request("GET", "/users/0", caller="ads").json(), ANNA, "warm")
    equal(lethe.cli("subject", "consent", "--purpose", "nothing", "0").returncode, 1, "no such purpose")
    equal(lethe.cli("subject", "consent", "--purpose", "marketing", "--reference", "text 4", "0").returncode, 0, "given")
    result = lethe.cli("subject", "withdraw", "--purpose", "marketing", "--how", "email", "--json", "0")
    equal(result.returncode, 0, result.stderr)
    receipt = json.loads(lethe.cli("receipt", json.loads(result.stdout)["receipt"]).stdout)
    equal((receipt["ground"], receipt["scope"]["classes"]), ("17(1)(b)", [{"class": "note", "values": 1}]), "the receipt")
    check(not shows_anna(lethe, "ads"), "nothing for the purpose, through the warm proxy")
    seen = lethe.request("GET", "/users/0", caller="desk").json()
    equal((seen["email"], seen["phones"]), (ANNA["email"], ANNA["phones"]), "what rests on a contract stays")
    check(seen["note"] != ANNA["note"], "what rested on consent alone is gone")
    equal(lethe.cli("subject", "withdraw", "--purpose", "marketing", "0").returncode, 1, "twice")
    lethe.kill()
    lethe.start()
    check(not shows_anna(lethe, "ads"), "after kill -9")
    document = json.loads(lethe.cli("subject", "export", "0").stdout)
    consent = document["state"]["consents"][0]
    equal((consent["purpose"], consent["state"], consent["channel"]), ("marketing", "withdrawn", "email"), "the export")
    report = json.loads(lethe.cli("report", "holds", "--format", "json").stdout)
    equal(report["summary"]["consents_withdrawn"], 1, "the report")
    equal(lethe.cli("subject", "consent", "--purpose", "marketing", "0").returncode, 0, "given again")
    equal(lethe.request("GET", "/users/0", caller="ads").json()["email"], ANNA["email"], "shown again")
