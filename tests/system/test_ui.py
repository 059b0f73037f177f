# SPDX-License-Identifier: Apache-2.0
"""The data officer's pages over HTTP, without a browser: signing in, sessions, forms, headers, roles, words. What browsers
make of them is tests/browser's."""
import os
import re
import threading
import urllib.parse

from harness import ROOT, check, equal
from test_admin_api import ROLES, Api, earlier_step, one_time_code, routes
from ui_client import Browser, Page

PEOPLE = [role for role in ROLES if role != "app"]
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
          "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
          "trusted-types 'none'")
FORMS = {"request_new": "/v1/requests", "erasure_new": "/v1/erasures", "erasure_review": "/v1/erasures",
         "hold_new": "/v1/holds", "token_new": "/v1/access", "token_appoint": "/v1/access/appointments"}  # seen by whoever may send them
PAYLOADS = ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onmouseover='alert(1)",
            "</title><svg onload=alert(1)>", "javascript:alert(1)", "{{session.form_key}}", "=HYPERLINK(\"http://x\")",
            "<!--", "]]>", "&lt;b&gt;", "\u2028\u202eevil", "${7*7}", "%3Cscript%3E", "<a href=//x>y</a>"]


OUR_SVG = {"class", "role", "aria-labelledby", "aria-hidden", "focusable", "width", "height", "viewbox", "x", "y", "overflow"}


def pages():
    with open(os.path.join(ROOT, "ui/pages.def")) as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    found = re.findall(r'PAGE\("([^"]+)",\s*(\w+),\s*(\w+),\s*"([^"]+)"\)', text)
    equal(len(found), text.count("PAGE("), "pages that this test can read")
    return found


def roles_of(path, method="GET"):
    for route in routes():
        if route.method == method and re.fullmatch(re.sub(r"\{#?\w+\}", "[^/]+", route.path), path):
            return route.roles
    raise AssertionError(f"no route for {path}")


def add_request(api, **more):
    return api.got(201, "POST", "/v1/requests", {"with": {"rights": ["erasure"], "channel": "email", **more}},
                   "operator")["number"]


def test_who_is_not_signed_in_sees_only_where_to_do_that(env):
    api = Api(env)
    b = Browser(api.address)
    for path, *unused in pages():
        response = b.get(path.replace("{class}", "email").replace("{number}", "1"), 303)
        check(response.headers["location"].startswith("/ui/sign-in?next=/ui/"), f"{path}: {response}")
    equal(b.get("/ui", 303).headers["location"], "/ui/", "the folder itself")
    page = b.page("/ui/sign-in")
    fields = {a.get("name"): a for a in page.all("input")}
    equal(fields["token"]["autocomplete"], "current-password", "a field that password managers know")
    equal(fields["code"]["autocomplete"], "one-time-code", "another one")
    for path in ("/ui/nothing", "/ui/assets/app.css", "/uix"):
        check(b.ask("GET", path).status in (303, 404), path)


def test_signing_in_and_out(env):
    api = Api(env)
    b = Browser(api.address)
    api.enrol("officer")
    response = b.post("/ui/sign-in", {"token": api.tokens["officer"], "code": one_time_code(api.uris["officer"]),
                                      "next": "/ui/retention"})
    equal((response.status, response.headers["location"]), (303, "/ui/retention"), "where to go on")
    equal(response.headers["set-cookie"].split("; ")[1:], ["Path=/", "Secure", "HttpOnly", "SameSite=Strict"],
          "the cookie")
    page = b.page("/ui/")
    check("Overview" in page.text and "officer" in page.text, page.text[:400])
    kept = b.cookie
    equal(b.send("/ui/sign-out", "/ui/").headers["location"], "/ui/sign-in", "signed out")
    check(b.cookie is None, "the cookie goes")
    b.cookie = kept
    b.get("/ui/", 303)
    for odd in ("//evil.example", "https://evil.example/", "/ui/../x?y", "/v1/x", "/ui/\r\nx: y"):
        b.cookie = None
        page = Page(b.get("/ui/sign-in?" + urllib.parse.urlencode({"next": odd})).body.decode())
        equal(next(a["value"] for a in page.all("input") if a.get("name") == "next"), "/ui/", odd)


def test_e62_whatever_is_wrong_gets_the_same_answer(env):
    api = Api(env)
    for role in ("officer", "app"):
        api.enrol(role)
    good, code = api.tokens["officer"], one_time_code(api.uris["officer"])
    wrong = [(good, "000000"), (good, ""), ("lta_" + "0" * 64, code), ("", ""), (api.tokens["auditor"], code),
             (api.tokens["app"], one_time_code(api.uris["app"])), (good[:-1], code)]
    bodies = set()
    for token, tried in wrong:
        response = Browser(api.address).post("/ui/sign-in", {"token": token, "code": tried})
        equal(response.status, 401, f"{token[:8]} {tried}")
        check("set-cookie" not in response.headers, "no cookie")
        bodies.add(response.body)
    equal(len(bodies), 1, "answers")
    for unused in range(5):
        response = Browser(api.address).post("/ui/sign-in", {"token": "lta_1", "code": "000000"})
    response = Browser(api.address).post("/ui/sign-in", {"token": "lta_1", "code": "000000"})
    equal((response.status, response.headers["retry-after"]), (429, "60"), "too many tries")
    Browser(api.address).sign_in(api, "officer")  # and nobody else is locked out
    log = "".join(open(os.path.join(env.dir, n)).read() for n in os.listdir(env.dir) if n.endswith((".err", ".log")))
    check(good not in log and code not in log, "the log holds no token and no code")


def test_e63_of_two_who_use_one_code_one_signs_in(env):
    api = Api(env)
    api.enrol("officer")
    fields = {"token": api.tokens["officer"], "code": one_time_code(api.uris["officer"])}
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(Browser(api.address).post("/ui/sign-in", fields).status))
               for unused in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    equal(sorted(answers), [303, 401, 401, 401], "one of four")


def test_e64_a_session_is_its_owners_and_ends_with_the_token(env):
    api = Api(env)
    b, other, third = (Browser(api.address) for unused in range(3))
    b.cookie = "0" * 64  # fixed by somebody else
    b.sign_in(api, "officer")
    check(b.cookie != "0" * 64, "signing in gives another id")
    other.sign_in(api, "auditor")
    for odd in ("0" * 64, b.cookie[:-1], b.cookie.upper(), b.cookie + "; __Host-lethe=" + b.cookie):
        third.cookie = odd
        if odd.upper() != b.cookie or odd != b.cookie:
            third.get("/ui/", 303)
    api.cli("access", "revoke", str(api.number("officer")))
    b.get("/ui/", 303)
    other.get("/ui/")
    restarted = other.cookie
    api.lethe.stop()
    api.lethe.start()
    from test_monitor import admin_address
    other = Browser(admin_address(api.lethe))
    other.cookie = restarted
    other.get("/ui/", 303)


def test_signing_out_everywhere_ends_all_of_ones_sessions(env):
    api = Api(env)
    one, two, other = (Browser(api.address) for unused in range(3))
    one.sign_in(api, "officer", earlier_step())
    two.sign_in(api, "officer")
    other.sign_in(api, "auditor")
    two.get("/ui/")
    one.send("/ui/sign-out-everywhere", "/ui/")
    two.get("/ui/", 303)
    other.get("/ui/")


def test_e66_forms_are_taken_from_own_pages_only(env):
    api = Api(env)
    b, other = Browser(api.address).sign_in(api, "operator"), Browser(api.address).sign_in(api, "support")
    number = add_request(api)
    path = f"/ui/requests/{number}/acknowledge"
    key = b.page("/ui/requests").form_key()
    fields = {"form_key": key, "with.channel": "email"}
    bad = [({**fields, "form_key": ""}, {}), ({"with.channel": "email"}, {}),
           ({**fields, "form_key": other.page("/ui/requests").form_key()}, {}),
           ({**fields, "form_key": b.cookie}, {}),
           (fields, {"Origin": "https://evil.example"}), (fields, {"Origin": "null"}),
           (fields, {"Origin": b.origin + ".evil.example"}), (fields, {"Sec-Fetch-Site": "cross-site"}),
           (fields, {"Sec-Fetch-Site": "same-site"}), (fields, {"Sec-Fetch-Site": "none"}),
           (fields, {"Origin": None, "Sec-Fetch-Site": None})]
    for form, headers in bad:
        equal(b.post(path, form, headers).status, 403, f"{form} {headers}")
    for kind in ("text/plain", "application/json", "multipart/form-data; boundary=x", None):
        equal(b.post(path, fields, {"Content-Type": kind}).status, 415, f"{kind}")
    equal(b.ask("GET", path + "?" + urllib.parse.urlencode(fields)).status, 404, "GET")
    for method in ("PUT", "DELETE", "OPTIONS"):
        equal(b.ask(method, path).status, 405, method)
    shown = api.got(200, "GET", f"/v1/requests/{number}", token="operator")
    equal(len(shown["history"]), 1, "nothing was done")
    equal(b.post(path, fields).status, 303, "a form of ours")
    check("It stands in the register." in b.page(f"/ui/requests/{number}").text, "is said once")
    check("It stands in the register." not in b.page(f"/ui/requests/{number}").text, "and not again")


def test_every_answer_is_protected(env):
    """E66: no frame, no script of others."""
    api = Api(env)
    b = Browser(api.address)
    answers = [b.ask("GET", "/ui/"), b.ask("GET", "/ui/sign-in"), b.post("/ui/sign-in", {}), b.ask("PUT", "/ui/")]
    b.sign_in(api, "officer")
    page = b.page("/ui/")
    sheets = [a["href"] for a in page.all("link")] + [a["src"] for a in page.all("script")]
    check(len(sheets) >= 3, f"{sheets}")
    answers += [b.ask("GET", "/ui/"), b.ask("GET", "/ui/nothing"), b.ask("HEAD", "/ui/")]
    assets = [b.ask("GET", sheet) for sheet in sheets]
    for answer in answers + assets:
        equal(answer.headers["content-security-policy"], POLICY, "policy")
        equal([answer.headers[n] for n in ("x-content-type-options", "x-frame-options", "cross-origin-opener-policy",
                                           "cross-origin-resource-policy", "referrer-policy")],
              ["nosniff", "DENY", "same-origin", "same-origin", "same-origin"], f"{answer}")
        check("permissions-policy" in answer.headers, f"{answer}")
        check(not any(n.startswith("access-control-") for n, v in answer.fields), "no CORS")
    for answer in answers:
        equal(answer.headers["cache-control"], "no-store", f"{answer}")
    for answer, sheet in zip(assets, sheets):
        equal(answer.headers["cache-control"], "public, max-age=31536000, immutable", sheet)
        again = b.ask("GET", sheet, headers={"If-None-Match": answer.headers["etag"]})
        equal((again.status, again.body), (304, b""), sheet)
        equal(b.ask("GET", sheet.replace(".", ".0", 1)).status, 404, "another name")


def test_pages_hold_no_script_and_no_style_of_their_own(env):
    api = Api(env)
    b = Browser(api.address).sign_in(api, "operator")
    number = add_request(api)
    for path, *unused in pages():
        response = b.ask("GET", path.replace("{class}", "email").replace("{number}", str(number)))
        page = Page(response.body.decode())
        for tag, attrs in page.tags:
            check(tag not in ("style", "iframe", "object", "embed"), f"{path}: <{tag}>")
            check(not any(n.startswith("on") or n == "style" for n in attrs), f"{path}: {tag} {attrs}")
            for n in ("href", "src", "action"):
                check(n not in attrs or re.match(r"/ui/|[?#]", attrs[n]), f"{path}: {attrs}")
        check("<script>" not in response.body.decode(), path)


def test_every_role_sees_what_it_may_read_and_nothing_else(env):
    """E59: as over the API."""
    api = Api(env)
    number = add_request(api)
    for role in PEOPLE:
        b = Browser(api.address).sign_in(api, role)
        for path, name, of, route in pages():
            wanted = role in roles_of(route)
            response = b.ask("GET", path.replace("{class}", "email").replace("{number}", str(number)))
            allowed = response.status in (200, 400, 404) or (path == "/ui/" and response.status == 303)
            if name in FORMS:
                wanted = role in roles_of(FORMS[name], "POST")
            if path != "/ui/":
                equal(allowed, wanted, f"{role}: {path}: {response.status}")
        links = {n for n in b.page("/ui/requests").links()}
        for path, name, of, route in pages():
            if name == of and path != "/ui/":  # to which the product's name leads
                equal(path in links, role in roles_of(route), f"{role}: {path} in the navigation")


def test_both_languages_are_whole(env):
    api = Api(env)
    b = Browser(api.address, "de-AT, en;q=0.5").sign_in(api, "officer")
    response = b.get("/ui/retention")
    page = Page(response.body.decode())
    equal((page.all("html")[0]["lang"], response.headers["content-language"]), ("de", "de"), "by Accept-Language")
    check("Regellöschfrist" in page.text and "Löschsperre" in page.text, page.text[:600])
    b.send("/ui/language", "/ui/", lang="en", here="/ui/retention")
    page = b.page("/ui/retention")
    equal(page.all("html")[0]["lang"], "en", "as was chosen")
    check("Retention period" in page.text, page.text[:600])
    equal(Page(Browser(api.address).get("/ui/sign-in?lang=de").body.decode()).all("html")[0]["lang"], "de",
          "before signing in")


def test_e67_what_operators_write_never_becomes_markup(env):
    api = Api(env)
    b = Browser(api.address).sign_in(api, "operator")
    for payload in PAYLOADS:
        text = payload.replace("\u2028", "")
        response = api.ask("POST", "/v1/requests", {"with": {"rights": ["access"], "channel": "email", "external": text,
                                                             "owner": text, "agent": text}}, "operator")
        if response.status == 400:
            continue  # what steers a terminal is no label
        number = response.json()["number"]
        for path in ("/ui/requests?state=all", f"/ui/requests/{number}", "/ui/"):
            page = b.page(path)
            scripts = page.all("script")
            check(all(s.get("src", "").startswith("/ui/assets/") for s in scripts), f"{payload}: {scripts}")
            check(not any(n.startswith("on") for tag, attrs in page.tags for n in attrs), payload)
            check(all(OUR_SVG.issuperset(a) for a in page.all("svg")) and not page.all("img"), payload)
        check(text in b.page(f"/ui/requests/{number}").text, f"{payload!r} is shown as it is")
        # typed into a form that fails, it comes back as text
        response = b.send("/ui/requests/new", "/ui/requests/new", with__external=text, with__channel="email")
        equal(response.status, 400, "no right was chosen")
        page = Page(response.body.decode())
        check(any(a.get("value") == text for a in page.all("input")), f"{payload!r} in its field")
        check(not any(n.startswith("on") for tag, attrs in page.tags for n in attrs), payload)


def test_no_page_holds_a_clear_value_or_an_identifier(env):
    """E34: also not of one who is looked at."""
    api = Api(env)
    value, person = "planted.canary@example.org", "planted-person-4711"
    api.got(201, "POST", "/v1/tokens", {"class": "email", "subject": person, "values": [value]}, "app")
    b = Browser(api.address).sign_in(api, "operator")
    response = b.send("/ui/requests/new", "/ui/requests/new", with__rights="erasure", with__channel="email",
                      with__ground="b", subject=person)
    equal(response.status, 303, f"{response}")
    number = response.headers["location"].rsplit("/", 1)[1]
    for path, *unused in pages():
        body = b.ask("GET", path.replace("{class}", "email").replace("{number}", number)).body.decode()
        check(value not in body and person not in body, path)


def test_a_request_is_led_to_its_end_by_forms(env):
    api = Api(env)
    api.got(201, "POST", "/v1/tokens", {"class": "email", "subject": "p1", "values": ["a@example.org"]}, "app")
    for role in ("operator", "approver"):
        api.enrol(role)
    step = earlier_step()
    b = Browser(api.address).sign_in(api, "operator", step)
    approver = Browser(api.address).sign_in(api, "approver", step)
    response = b.send("/ui/requests/new", "/ui/requests/new", with__rights="erasure", with__channel="email",
                      with__ground="b", subject="p1")
    here = response.headers["location"]
    response = b.send(f"{here}/verify-identity", here, with__method="nonsense")
    equal(response.status, 400, "what the API refuses")
    page = Page(response.body.decode())
    check("Nothing was changed." in page.text and "must be one of" in page.text, page.text[:800])
    check(any("open" in a for a in page.all("details")), "the form that failed is open")
    equal(b.send(f"{here}/verify-identity", here, with__method="login", role="x").status, 400, "E65: an unknown field")
    equal(b.send(f"{here}/verify-identity", here, with__method="login").status, 303, "verified")
    equal(b.send(f"{here}/scope", here).status, 303, "scoped")
    equal(b.send(f"{here}/approve", here, with__by="me").status, 403, "the operator approves nothing")
    equal(approver.send(f"{here}/approve", here, with__by="R").status, 403, "without a code")
    before = approver.cookie
    code = one_time_code(api.uris["approver"])
    equal(approver.send(f"{here}/approve", here, with__by="R", code=code).status, 303, "approved")
    check(approver.cookie != before, "another id after a step-up")
    response = b.send(f"{here}/execute", here, code=one_time_code(api.uris["operator"]))
    equal(response.status, 303, f"carried out: {response.body[-900:]!r}")
    page = b.page(here)
    check("carried out and verified" in page.text, page.text)
    receipt = next(link for link in page.links() if link.startswith("/ui/erasures/"))
    check("Nothing could be read afterwards" in b.page(receipt).text, "the receipt")
    check(receipt in b.page("/ui/erasures").links(), "in the list of erasures")


def test_reports_can_be_taken_as_files(env):
    api = Api(env)
    b = Browser(api.address).sign_in(api, "officer")
    for ending, kind, begins in (("csv", "text/csv", b"as_of,"), ("json", "application/json", b"{"),
                                 ("xlsx", "application/vnd.openxml", b"PK")):
        path = next(link for link in b.page("/ui/retention").links() if f".{ending}" in link)
        response = b.get(path)
        check(response.headers["content-type"].startswith(kind) and response.body.startswith(begins), f"{response}")
        equal(response.headers["content-disposition"], f'attachment; filename="retention.{ending}"', "it is saved")
    for path, status in (("nothing.csv", 404), ("retention.pdf", 404), ("../retention.csv", 404), (".csv", 404),
                         ("RETENTION.csv", 404)):
        equal(b.ask("GET", "/ui/reports/" + path).status, status, path)
    equal(Browser(api.address).sign_in(api, "support").ask("GET", "/ui/reports/retention.csv").status, 403, "support")


def test_signing_in_stands_in_the_audit_trail(env):
    api = Api(env)
    api.enrol("officer")
    Browser(api.address).post("/ui/sign-in", {"token": api.tokens["officer"], "code": "000000"})
    Browser(api.address).sign_in(api, "officer").get("/ui/retention")
    records = api.got(200, "GET", "/v1/audit", token="auditor")["records"]
    signs = [(r["outcome"], r["who"], r["address"]) for r in records if r.get("operation") == "page.sign_in"]
    equal(signs, [("refused", "-", "127.0.0.1"), ("done", "officer", "127.0.0.1")], "who tried, and who came in")
    check(any(r.get("operation") == "report" and r["who"] == "officer" for r in records), "and what was looked at")
