# SPDX-License-Identifier: Apache-2.0
"""The page of access tokens: they are made, given out, and bound by forms, and what is shown is shown once."""
import json
import re
import time

from harness import check, equal, until
from test_admin_api import Api, earlier_step, one_time_code
from test_admin_once import trail
from test_ui import PAYLOADS
from test_ui_pages import digest_of, signed_in
from ui_client import Browser, Page
from upstreams import answer


def page_of(response, status=200):
    equal(response.status, status, f"{response.body[-700:]!r}")
    return Page(response.body.decode())


def number_of(api, name):
    return next(t["number"] for t in api.got(200, "GET", "/v1/access", token="auditor")["tokens"] if t["name"] == name)


def coded(api, role, step=None):
    return one_time_code(api.uris[role], step)


def enrolled_uri(page):
    (uri,) = re.findall(r"otpauth://totp/[^\s]+issuer=Lethe", page.text)
    return uri


def fresh(api, *roles):
    """Other second factors, so that all of a step's codes are left."""
    for role in roles:
        api.enrol(role)
    return earlier_step()


def test_a_token_is_made_by_a_form_and_shown_once(env):
    api, b = signed_in(env, "operator")
    fields = {"name": "shop", "role": "auditor", "expires": "P30D", "classes": ["email", "note"], "purposes": "account, support",
              "networks": " 127.0.0.0/8 , ::1", "domains": "", "certificate": ""}
    equal(b.send("/ui/tokens/new", "/ui/tokens/new", **fields).status, 403, "without a code")
    response = b.send("/ui/tokens/new", "/ui/tokens/new", **fields, code=coded(api, "operator"))
    equal(response.headers["cache-control"], "no-store", "nobody keeps it")
    page = page_of(response)
    (token,) = re.findall(r"lta_[0-9a-f]{64}", page.text)
    equal(api.got(200, "GET", "/v1/version", token=token)["version"] != "", True, "it works")
    made = api.got(200, "GET", f"/v1/access/{number_of(api, 'shop')}", token="auditor")
    equal((made["classes"], made["purposes"], made["networks"]), (["email", "note"], ["account", "support"], ["127.0.0.0/8", "::1/128"]), "bounds")
    for path in ("/ui/tokens", "/ui/tokens?show=all", f"/ui/tokens/{made['number']}"):
        page = b.page(path)
        check("shop" in page.text and "lta_" not in page.text, f"{path}: {page.text}")
    again = b.send("/ui/tokens/new", "/ui/tokens/new", **fields, code=coded(api, "operator"))
    check(b"lta_" not in again.body, "sent again")
    check(token not in str(trail(api)) and token not in api.lethe.process.output(), "recorded nowhere")


def test_e59_two_people_appoint_an_approver_by_forms(env):
    api, b, approver = signed_in(env, "operator", "approver")
    response = b.send("/ui/tokens/appoint", "/ui/tokens/appoint", name="anna", role="approver", expires="P90D")
    equal((response.status, response.headers["location"]), (303, "/ui/proposals/1"), f"{response.body[-500:]!r}")
    page = approver.page("/ui/proposals/1")
    check("anna" in page.text and "Appointing somebody" in page.text, page.text)
    response = approver.send("/ui/proposals/1/approve", "/ui/proposals/1", digest=digest_of(page), code=coded(api, "approver"))
    equal(response.status, 303, f"{response.body[-500:]!r}")
    anna = number_of(api, "anna")
    here = f"/ui/tokens/{anna}"
    check(here in approver.page("/ui/proposals/1").links(), "where it goes on")
    check("to be collected" in approver.page(here).text, "it waits")
    check(f"{here}/collect" not in [f.get("action") for f in approver.page(here).all("form")], "not by an approver")
    page = b.page(here)
    actions = [f.get("action") for f in page.all("form")]
    check(f"{here}/collect" in actions and f"{here}/enrol" not in actions, f"{actions}")
    check("An approver gives out the second factor" in page.text, page.text)
    page = page_of(b.send(f"{here}/collect", here, code=coded(api, "operator")))
    (api.tokens["anna"],) = re.findall(r"lta_[0-9a-f]{64}", page.text)
    step = fresh(api, "operator", "approver")
    equal(b.get("/ui/tokens", 303).headers["location"], "/ui/sign-in?next=/ui/tokens", "another second factor ends sessions")
    b, approver = (Browser(api.address).sign_in(api, role, step) for role in ("operator", "approver"))
    again = b.send(f"{here}/collect", "/ui/tokens", code=coded(api, "operator"))
    equal(again.status, 409, "a second time")
    check(b"lta_" not in again.body, "and nothing is shown")
    response = approver.send(f"{here}/enrol", here, code=coded(api, "approver"))
    equal(response.headers["cache-control"], "no-store", "nobody keeps it")
    page = page_of(response)
    api.uris["anna"] = enrolled_uri(page)
    (svg,), (drawn,) = page.all("svg"), page.all("path")
    size = int(svg["viewbox"].split()[2])
    check(svg["role"] == "img" and re.fullmatch(r"(M\d+ \d+h\d+v1h-\d+z)+", drawn["d"]), "the QR code")
    rows = {int(y) for y in re.findall(r"M\d+ (\d+)h", drawn["d"])}
    equal((min(rows), max(rows)), (4, size - 5), "with a quiet zone")
    text = re.search(r"secret=([A-Z2-7]+)", api.uris["anna"])[1]
    check(text in page.text.split("otpauth:")[0].replace(" ", ""), "the secret as text")
    code = coded(api, "anna", step)
    equal(approver.send(f"{here}/prove", here, first_code="000000").status, 403, "a wrong one")
    response = approver.send(f"{here}/prove", here, first_code=code)
    equal((response.status, response.headers["location"]), (303, here), "the first code")
    page = approver.page(here)
    check("has arrived" in page.text and "in use" in page.text and "otpauth" not in page.text, page.text)
    equal(approver.send(f"{here}/prove", here, first_code=code).status, 409, "proven already")
    equal(Browser(api.address).post("/ui/sign-in", {"token": api.tokens["anna"], "code": code}).status, 401, "the same code")
    Browser(api.address).sign_in(api, "anna")
    check(f"{here}/enrol" not in [f.get("action") for f in approver.page(here).all("form")], "no form to replace it")


def test_e63_whose_second_factor_is_taken_away_is_signed_out(env):
    api, b, approver, officer = signed_in(env, "operator", "approver", "officer")
    here = f"/ui/tokens/{number_of(api, 'officer')}"
    check("can be used" in officer.page(here).text, "an officer reads")
    equal([f["action"] for f in officer.page(here).all("form") if f.get("action", "").startswith(here)], [], "and does nothing")
    equal(officer.send(f"{here}/unenrol", here).status, 403, "nor without a form")
    response = b.send(f"{here}/unenrol", here)
    equal((response.status, response.headers["location"]), (303, "/ui/proposals/1"), f"{response.body[-500:]!r}")
    page = approver.page("/ui/proposals/1")
    check("officer" in page.text and "signed out" in page.text, page.text)
    response = approver.send("/ui/proposals/1/approve", "/ui/proposals/1", digest=digest_of(page), code=coded(api, "approver"))
    equal(response.status, 303, f"{response.body[-500:]!r}")
    equal(officer.get(here, 303).headers["location"], f"/ui/sign-in?next={here}", "signed out")
    check(f"{here}/enrol" not in [f.get("action") for f in b.page(here).all("form")], "no form of an operator's")
    equal(b.send(f"{here}/enrol", here, code=coded(api, "operator")).status, 403, "both are the holder's alone")
    step = fresh(api, "approver")
    approver = Browser(api.address).sign_in(api, "approver", step)
    page = page_of(approver.send(f"{here}/enrol", here, code=coded(api, "approver")))
    api.uris["officer"] = enrolled_uri(page)
    Browser(api.address).sign_in(api, "officer")


def test_a_token_is_revoked_by_a_form_at_once(env):
    api, b = signed_in(env, "operator")
    here = f"/ui/tokens/{number_of(api, 'app')}"
    equal(b.send(f"{here}/revoke", here).status, 403, "without a code")
    equal(api.ask("GET", "/v1/version", token="app").status, 200, "alive")
    response = b.send(f"{here}/revoke", here, code=coded(api, "operator"))
    equal((response.status, response.headers["location"]), (303, here), f"{response.body[-500:]!r}")
    equal(api.ask("GET", "/v1/version", token="app").status, 401, "nobody's")
    page = b.page(here)
    check("revoked" in page.text, page.text)
    check(not [f for f in page.all("form") if f.get("action", "").startswith(here)], "nothing to do with it")
    links = b.page("/ui/tokens").links()
    check(here not in links and here in b.page("/ui/tokens?show=all").links(), "what has ended is asked for")


def test_what_a_token_was_shown_today_stands_beside_it(env):
    api, b = signed_in(env, "operator")
    tokens = api.got(201, "POST", "/v1/tokens", {"class": "note", "subject": "p", "values": ["a", "b"]}, "app")["tokens"]
    api.got(200, "POST", "/v1/tokens/reveal", {"tokens": tokens}, "app", {"Lethe-Purpose": "account"})
    page = b.page(f"/ui/tokens/{number_of(api, 'app')}")
    check(re.search(r"Values in clear today\s*2\s", page.text), page.text)


def test_e66_e67_forms_of_tokens_are_own_ones_and_echo_no_markup(env):
    api, b = signed_in(env, "operator")
    here = f"/ui/tokens/{number_of(api, 'officer')}"
    for path in ("/ui/tokens/new", "/ui/tokens/appoint", *(f"{here}/{w}" for w in ("collect", "enrol", "prove", "unenrol", "revoke"))):
        key = b.page("/ui/tokens").form_key()
        for fields, headers in (({}, {}), ({"form_key": "0" * 64}, {}), ({"form_key": key}, {"Origin": "https://evil.example"}),
                                ({"form_key": key}, {"Sec-Fetch-Site": "cross-site"})):
            equal(b.post(path, fields, headers).status, 403, f"{path} {fields} {headers}")
        equal(b.post(path, {"form_key": key, "four_eyes": "false"}).status, 400, f"{path}: a field without a meaning")
    for payload in PAYLOADS:
        for path in ("/ui/tokens/new", "/ui/tokens/appoint"):
            fields = {n: payload for n in ("name", "role", "expires", "domains", "purposes", "networks", "certificate", "classes")}
            response = b.send(path, path, **fields)
            check(response.status in (400, 403, 404), f"{path} {payload}: {response.status}")
            page = Page(response.body.decode())
            for tag, attrs in page.tags:
                check(tag not in ("img", "a") or "evil" not in str(attrs) and attrs.get("href", "/ui/")[:1] in "/#?", f"{tag} {attrs}")
                check(not any(n.startswith("on") for n in attrs), f"{payload}: {tag} {attrs}")
            check("<script>alert" not in response.body.decode(), payload)


def test_quotas_and_suspended_applications_are_shown_and_let_in_again(env):
    """E35, E36."""
    api = Api(env, callers={"shop": {"key": "file:" + env.write("shop.key", "shop-" + "k" * 20 + "\n", 0o400), "purposes": ["account"],
                                     "reveal": {"note": "value"}, "quota": {"subjects_per_day": 5, "subjects_per_hour": 2}}},
              routes=[{"path": "/notes", "methods": ["POST"], "upstream": "app", "response": [{"json": "$.note", "class": "note"}]}])
    api.app.handler = lambda request, sock: answer(200, json.loads(request.body))
    api.enrol("operator")
    step = earlier_step()
    b = Browser(api.address).sign_in(api, "operator", step)
    officer = Browser(api.address).sign_in(api, "officer")
    bait = api.got(201, "POST", "/v1/honeytokens", {"class": "note", "value": "nobody's"}, "operator")["token"]
    tokens = api.got(201, "POST", "/v1/tokens", {"class": "note", "subject": "p", "values": ["a"]}, "app")["tokens"]
    api.lethe.keys["shop"] = "shop-" + "k" * 20

    def asked(token):
        return api.lethe.request("POST", "/notes", {"note": token}, caller="shop").status

    equal(asked(tokens[0]), 200, "within the quota")
    page = officer.page("/ui/access")
    check(re.search(r"different people a day\s*–\s*1\s*5", page.text) and re.search(r"different people an hour\s*–\s*1\s*2", page.text), page.text)
    equal(asked(bait), 403, "a honeytoken")
    page = until("the incident to be stored", 20, lambda: (p := b.page("/ui/access")) and "honeytoken was asked for" in p.text and p)
    check("suspended" in page.text, page.text)
    check("/ui/access/shop/restore" not in [f.get("action") for f in officer.page("/ui/access").all("form")], "an officer does nothing")
    equal(b.send("/ui/access/shop/restore", "/ui/access").status, 403, "without a code")
    response = b.send("/ui/access/shop/restore", "/ui/access", code=coded(api, "operator"))
    equal((response.status, response.headers["location"]), (303, "/ui/access"), f"{response.body[-500:]!r}")
    check("let in again" in b.page("/ui/access").text, "said so")
    equal(asked(tokens[0]), 200, "in again")


def in_a_month():
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() + 30 * 86400))


def test_an_approver_reads_holds_and_changes_none(env):
    api, b, approver = signed_in(env, "operator", "approver")
    api.cli("hold", "add", "--ground", "17(3)(e) case 12", "--owner", "legal", "--review", in_a_month(), "--class", "note")
    page = approver.page("/ui/holds")
    check("case 12" in page.text and "/ui/holds/1" in page.links(), page.text)
    check("/ui/holds/new" not in page.links(), "no form to set one")
    equal(api.got(200, "GET", "/v1/reports/holds", token="approver")["summary"]["in_force"], 1, "the report")
    equal(api.ask("GET", "/v1/reports/exceptions", token="approver").status, 403, "no other")
    equal(api.ask("GET", "/v1/reports/access", token="approver").status, 403, "no other")
