# SPDX-License-Identifier: Apache-2.0
"""Scanners against a running Lethe with made persons, and against servers with planted faults, which they must find."""
import ssl

import scanners
import weak
from front import Front
from harness import Lethe, check, equal
from test_admin_api import Api
from test_monitor import admin_address
from ui_client import Browser

RATES = {rate: {"requests": 100000, "per": "1s", "burst": 100000} for rate in ("person_rate", "failure_rate")}
# What wapiti wants of headers and Lethe does another way.
ACCEPTED = {
    "X-XSS-Protection is not set": "a filter that browsers took out, as it made holes; the policy does its work",
}


class Scanned(Api):
    """A server with some history, and a front before each listener."""

    def __init__(self, env, **overrides):
        self.files = env.certificate("operators", "DNS:localhost,IP:127.0.0.1")
        self.tls = ssl.create_default_context(cafile=self.files[0])
        super().__init__(env, four_eyes=False, **overrides)
        for i in range(3):
            person = {"email": f"a{i}@example.org", "phones": [f"+44 1632 96000{i}"], "note": "calls at night"}
            equal(self.lethe.request("PUT", f"/users/{i}", person, caller="robot").status, 200, "PUT")
        self.cli("request", "add", "--subject", "1", "rights=erasure", "channel=email", "ground=b")
        self.cli("subject", "erase", "2")
        self.proxy = Front(env, self.lethe.addresses[0])
        self.operators = Front(env, self.address, r"POST /ui/sign-out", self.tls)

    def admin(self):
        return {"limits": RATES, "tls": dict(zip(("certificate", "key"), self.files))}

    def ask(self, *what, **more):
        return super().ask(*what, tls=self.tls, **more)

    def well(self, front, at_least):
        """After a scan: it was one, every answer was whole and none was a failure, and the server still works."""
        check(not front.problems, "\n".join(front.problems[:10]))
        check(sum(front.answers.values()) >= at_least, f"only {dict(front.answers)} answers")
        self.lethe.alive()
        equal(self.ask("GET", "/v1/version", token="officer").status, 200, "the admin API")


def none(findings):
    left = [f for f in findings if not any(str(f[-1]).endswith(known) for known in ACCEPTED)]
    check(not left, "found:\n" + "\n".join(map(str, left)))


def test_wapiti_on_the_pages(env):
    api = Scanned(env)
    browser = Browser(api.address, tls=api.tls).sign_in(api, "operator")
    front = api.operators
    none(scanners.wapiti(env, "pages", front.url + "/ui/", headers=[
        f"Cookie: __Host-lethe={browser.cookie}", f"Origin: {front.url}", "Sec-Fetch-Site: same-origin"]))
    api.well(front, 150)  # in the time that the scanner gives itself, on a busy machine too
    browser.page("/ui/")  # it is signed in still
    check(front.answers[200] > 50 and front.answers[303] > 0, f"it was not signed in, or sent no form: {front.answers}")


def test_wapiti_on_the_admin_api(env):
    api = Scanned(env)
    front = api.operators
    none(scanners.wapiti(env, "api", front.url + "/v1/version", [
        f"{front.url}/v1/{target}" for target in (
            "erasures?after=0&limit=5", "requests/1", "audit?after=0&from=2026-01-01&caller=x&action=start",
            "reports/retention?from=2026-01-01&to=2026-12-31", "retention/simulation?at=2027-01-01", "requests/1/letter")],
        [f"Authorization: Bearer {api.tokens['officer']}"]))
    api.well(front, 100)
    check(front.answers[200] > 5, f"nothing was answered: {front.answers}")


def test_wapiti_on_the_proxy(env):
    """E31: paths and queries with whatever scanners write into them."""
    api = Scanned(env)
    front = api.proxy
    # Headers of pages are the application's there.
    modules = [m for m in scanners.MODULES if m not in ("csp", "http_headers", "cookieflags")]
    none(scanners.wapiti(env, "proxy", front.url + "/users/1", [front.url + "/users?email=a1@example.org"],
                         [f"Lethe-Key: {api.lethe.keys['robot']}"], modules))
    api.well(front, 50)
    check(not api.app.malformed, f"what reached the application: {api.app.malformed[:3]}")


def test_wapiti_sees_planted_faults(env):
    front = Front(env, weak.web(env))
    found = {category for category, _ in scanners.wapiti(env, "weak", front.url + "/")}
    missing = {"Cross Site Scripting", "SQL Injection", "Command execution", "Path Traversal", "CRLF Injection",
               "Open Redirect", "Htaccess Bypass", "Content Security Policy Configuration", "HttpOnly Flag cookie",
               "Secure Flag cookie", "HTTP Secure Headers"} - found
    check(not missing, f"wapiti did not see {sorted(missing)}, only {sorted(found)}")


def request(front, line, *fields, body=None, kind="application/json"):
    """The text of a request, as a browser's proxy logs it."""
    head = [f"{line} HTTP/1.1", f"Host: {front.host}", *fields]
    if body is not None:
        head += [f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    return "\n".join(head) + "\n\n" + (body or "")


def test_sqlmap_on_the_proxy(env):
    """E31: the query that is looked up, the identifier in the path, and values in a body."""
    api = Scanned(env)
    front, key = api.proxy, f"Lethe-Key: {api.lethe.keys['robot']}"
    none(scanners.sqlmap(env, "sqlmap", [
        request(front, "GET /users?email=a1@example.org*", key), request(front, "GET /users/1*", key),
        request(front, "PUT /users/0", key, body='{"email": "a0@example.org*", "note": "n*"}')]))
    api.well(front, 100)


def test_sqlmap_on_the_admin_api(env):
    """E31: identifiers, classes, tokens and numbers of the admin API and the pages."""
    api = Scanned(env)
    front = api.operators
    app, officer, operator = (f"Authorization: Bearer {api.tokens[role]}" for role in ("app", "officer", "operator"))
    person = api.got(200, "POST", "/v1/subjects/find", {"subject": "1"}, "operator")["person"]
    none(scanners.sqlmap(env, "sqlmap", [
        request(front, "POST /v1/subjects/find", operator, body='{"subject": "1*"}'),
        request(front, "POST /v1/tokens", app, body='{"class": "note*", "subject": "x*", "values": ["v*"]}'),
        request(front, "POST /v1/tokens/reveal", app, "Lethe-Purpose: account*", body='{"tokens": ["lt_x*"]}'),
        request(front, "GET /v1/erasures?after=0*&limit=5*", officer),
        request(front, f"GET /v1/audit?caller=robot*&action=tokenize*&person={person}*", officer),
        request(front, f"GET /v1/subjects/{person}*", officer),
        request(front, "GET /v1/reports/retention*?from=2026-01-01*", officer),
        request(front, "POST /ui/sign-in", f"Origin: {front.url}", "Sec-Fetch-Site: same-origin",
                body="token=lta_x*&code=000000*&next=/ui/*", kind="application/x-www-form-urlencoded"),
        request(front, "GET /ui/requests/1*?state=open*", "Cookie: __Host-lethe="
                + str(Browser(api.address, tls=api.tls).sign_in(api, "officer").cookie))]))
    api.well(front, 150)  # in the time that the scanner gives itself, on a busy machine too


def test_sqlmap_sees_planted_faults(env):
    front = Front(env, weak.web(env))
    found = scanners.sqlmap(env, "sqlmap", [request(front, "GET /greet?name=x*"), request(front, "GET /user?id=1*")])
    equal({target.split("?")[0] for target, *_ in found}, {front.url + "/user"}, "where it sees an injection")
    check(any("/user" in problem for problem in front.problems), "the front did not see answers that are failures")


def test_sslscan_on_both_listeners(env):
    cert, key = env.certificate("admin", "DNS:localhost,IP:127.0.0.1")
    lethe = Lethe(env, admin={"address": "127.0.0.1:0", "tls": {"certificate": cert, "key": key}})
    lethe.add_tls()
    lethe.start()
    for name, (_, port) in (("proxy", lethe.addresses[1]), ("admin", admin_address(lethe))):
        equal(scanners.sslscan(env, name, port), [], name)
    lethe.alive()


def test_sslscan_sees_planted_faults(env):
    found = "\n".join(scanners.sslscan(env, "weak", weak.tls(env)))
    for planted in ("takes tls 1.0", "ADH-AES128-SHA: anonymous", "TLSv1.0 AES128-SHA: acceptable"):
        check(planted in found, f"sslscan did not see {planted}: {found}")


for test in (test_wapiti_on_the_pages, test_sqlmap_on_the_admin_api):
    test.limit = 660
