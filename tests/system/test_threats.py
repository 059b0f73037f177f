# SPDX-License-Identifier: Apache-2.0
"""What somebody looks for that is not there: text that becomes a statement or a path, protocols that are not spoken,
ways around a second factor, packages that were exchanged. docs/THREATS.md says what each is about."""
import csv
import html.parser
import io
import json
import os
import re
import shutil
import sqlite3
import ssl
import subprocess
import time

from harness import ROOT, Background, Conn, Lethe, check, equal
from test_admin_api import Api, one_time_code, routes, stored
from test_monitor import admin_address
from upstreams import Recorder

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = b"\0\0\0\4\0\0\0\0\0"


# ---- E31: text that is a statement or a path ----

HOSTILE = ["'; DROP TABLE subj; --", '" OR "1"="1', "x' UNION SELECT sql FROM sqlite_master --", "%", "_", "*", "\\",
           "../../../../etc/passwd", "/etc/passwd", "..\\..\\x", "$(touch made)", "`touch made`", "a;touch made",
           "%s%n%x", "{{7*7}}", "-c", "--help\u200b"]


def schema(lethe):
    with sqlite3.connect(f"file:{lethe.store}/vault.db?mode=ro", uri=True) as db:
        equal(db.execute("PRAGMA integrity_check").fetchone()[0], "ok", "integrity")
        return db.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()


def test_e31_text_that_is_a_statement_or_a_path_is_text(env):
    api = Api(env)
    lethe = api.lethe
    stored(api, "bystander", "of a bystander")
    before, tree = schema(lethe), sorted(os.listdir(env.dir))
    people = set()
    for i, text in enumerate(HOSTILE):
        value = f"value {i} {text}"
        token, person = stored(api, text, value)
        people.add(person)
        found = api.got(200, "POST", "/v1/subjects/find", {"token": token}, "support")
        equal(found["person"], person, f"{text!r} is one person")
        revealed = api.got(200, "POST", "/v1/tokens/reveal", {"tokens": [token, text]}, "app",
                           {"Lethe-Purpose": "account"})
        equal(revealed["values"], [value, None], f"{text!r} as a value and as a token")
        result = lethe.run("subject", "show", "-c", lethe.file, "--json", "--", text)
        equal(result.returncode, 0, f"{text!r} by command: {result.stderr}")
        for member in ("class", "domain"):
            body = {"subject": "s", "class": "note", "values": ["n"], member: text}
            check(api.ask("POST", "/v1/tokens", body, "app").status in (400, 404), f"{member} {text!r}")
        equal(lethe.run("report", "-c", lethe.file, "--", text).returncode, 2, f"a report {text!r}")
    equal(len(people), len(HOSTILE), "people")
    api.enrol("operator")
    body = {"person": person, "ground": HOSTILE[0], "owner": HOSTILE[3], "review": time.strftime(
        "%Y-%m-%d", time.gmtime(time.time() + 9 * 86400))}
    api.got(201, "POST", "/v1/holds", body, "operator", {"Lethe-Otp": one_time_code(api.uris["operator"])})
    shown = json.loads(lethe.cli("report", "holds", "--json").stdout)["rows"][0]
    equal((shown["ground"], shown["owner"]), (HOSTILE[0], HOSTILE[3]), "words of an operator")
    equal(lethe.cli("subject", "show", "bystander").returncode, 0, "somebody else")
    lethe.stop()
    equal(schema(lethe), before, "the tables")
    equal(sorted(os.listdir(env.dir)), tree, "files beside the store")


# ---- E41: a value rebuilt from masks ----

def test_e41_masks_tell_no_more_the_more_are_asked_for(env):
    app = Recorder(env)
    lethe = Lethe(env, app.url)
    lethe.config["callers"]["support-desk"]["reveal"] = {c: "mask" for c in ("email", "phone", "note")}
    lethe.save()
    lethe.start()
    person = {"email": "ada.lovelace@example.org", "phones": ["+44 1632 960001"], "note": "prefers tea at four"}
    masks = set()
    for _ in range(3):  # what was asked before, and by which way, changes nothing
        for method, body in (("PUT", person), ("GET", None), ("PATCH", {"note": person["note"]})):
            response = lethe.request(method, "/users/7", body, caller="support-desk")
            equal(response.status, 200, method)
            for value in response.json().values():
                masks.update(value if isinstance(value, list) else [value])
    equal(masks, {"a***@example.org", "***01", "***ur"}, "what was ever seen")
    equal([r.method for r in routes() if "compare" in r.operation or "compare" in r.path], [], "a compare call")


# ---- E64: working on after being revoked ----

def test_e64_a_token_that_was_revoked_ends_on_connections_that_are_open(env):
    api = Api(env)
    fields = {"Authorization": f"Bearer {api.tokens['officer']}"}
    with Conn(api.address) as conn:
        equal(conn.request("GET", "/v1/version", None, fields).status, 200, "before")
        equal(conn.request("GET", "/v1/version", None, fields).status, 200, "on the same connection")
        api.cli("access", "revoke", str(api.number("officer")))
        response = conn.request("GET", "/v1/version", None, fields)
        equal(response.status, 401, "after")
        check("set-cookie" not in response.headers, "there is no session to keep")


# ---- E66: pages of others that ask in an operator's name ----

def test_e66_a_browser_alone_opens_nothing_of_the_api(env):
    api = Api(env)
    _, person = stored(api, "p")
    other = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    good = api.tokens["operator"]
    for cookie in (f"token={good}", f"lethe={good}; Authorization=Bearer {good}", f"__Host-lethe={good}"):
        for method, target, body in [("POST", "/v1/erasures", {"person": person, "ground": "b"}),
                                     ("GET", f"/v1/subjects/{person}", None), ("POST", "/v1/keys/rotate", None)]:
            response = api.ask(method, target, body, headers={**other, "Cookie": cookie})
            equal(response.status, 401, f"{method} {target} with {cookie[:9]}")
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        response = api.ask("POST", "/v1/erasures", json.dumps({"person": person, "ground": "b"}), "operator",
                           {**other, "Content-Type": kind})
        equal(response.status, 415, f"what a form can send: {kind}")
    for method in ("OPTIONS", "GET"):
        response = api.ask(method, "/v1/erasures", headers={**other, "Access-Control-Request-Method": "POST"})
        check(response.status in (401, 405), f"{method}: {response}")
        check(not [h for h in response.headers if h.startswith("access-control-")], f"{response.headers}")
    equal(api.ask("GET", f"/v1/subjects/{person}", token="support").status, 200, "the person")


# ---- E67: what runs when somebody opens a report ----

LABELS = ["=HYPERLINK(\"http://evil.example\",\"x\")", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(1,2)", "</td></table><h1>forged",
          "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onmouseover='alert(1)", "&lt;b&gt;",
          "a,b;c\"d", "{{7*7}} ${7*7} <%= 7 %>"]
STEERING = re.compile(r"[\0-\x08\x0b-\x1f\x7f-\x9f]")


class Texts(html.parser.HTMLParser):
    """What a page shows, and what it is made of."""

    def __init__(self, page):
        super().__init__()
        self.texts, self.tags, self.attributes = [], set(), set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.texts.append(data)


def test_e67_labels_run_nowhere(env):
    app = Recorder(env)
    lethe = Lethe(env, app.url).start()
    review = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 9 * 86400))
    for i, label in enumerate(LABELS):
        equal(lethe.request("PUT", f"/users/{i}", {"note": label}).status, 200, "a person")
        result = lethe.cli("hold", "add", "--subject", str(i), f"--ground={label}", f"--owner={label}", "--review", review)
        equal(result.returncode, 0, result.stderr)

    for label in ("a\nb", "\x1b]0;title\x07", "\x9b31mred", "\u202egnp.exe"):
        result = lethe.cli("hold", "add", "--subject", "0", f"--ground={label}", "--owner=o", "--review", review)
        equal(result.returncode, 1, f"more than a line: {label!r}")
        equal(lethe.cli("subject", "erase", "1", f"--reason={label}").returncode, 1, f"a reason: {label!r}")

    def report(form):
        result = lethe.cli("report", "holds", "--format", form, "--wide")
        equal(result.returncode, 0, result.stderr)
        return result.stdout

    equal([row["ground"] for row in json.loads(report("json"))["rows"]], LABELS, "JSON")
    for form, delimiter in (("csv", ","), ("csv-excel", ";")):
        rows = list(csv.DictReader(io.StringIO(report(form).lstrip("\ufeff")), delimiter=delimiter))
        for row, label in zip(rows, LABELS, strict=True):
            equal(row["ground"].removeprefix("'" if label[0] in "=+-@" else ""), label, form)
            check(not any(cell[:1] in "=+-@\t\r" and cell for cell in row.values()), f"{form}: a formula: {row}")
    page = Texts(report("html"))
    check(all(any(label in text for text in page.texts) for label in LABELS), "a label is missing, or more than text")
    check(not page.tags & {"script", "img", "a", "iframe", "form"}, f"{page.tags}")
    check(not [a for a in page.attributes if a.startswith("on")], f"{page.attributes}")
    said = [report("table")]
    for words in (("hold", "list"), ("hold", "show", str(len(LABELS))), ("audit", "tail"), ("subject", "show", "0")):
        said.append(lethe.cli(*words).stdout)
    for text in said:
        check(not STEERING.search(text), f"a terminal is steered: {STEERING.search(text)} in {text!r}")
    for form in ("html", "csv"):
        result = lethe.cli("subject", "export", "--format", form, "0")
        check(f"\n{LABELS[0]}" not in result.stdout and "\n\"=" not in result.stdout, f"an export as {form}")


# ---- E68: ways around a second factor ----

def test_e68_there_is_no_way_around_a_second_factor(env):
    """No recovery codes, no invitations, nobody made by mail: whoever lost a factor has it taken away by two people and another
    given by one of them, or on the host."""
    words = ("recover", "invite", "reset", "forgot", "backup-code", "break", "emergency", "signup")
    named = [r.path for r in routes() if any(w in r.path or w in r.operation for w in words)]
    equal(named, [], "paths of the API")
    for operation, flag in (("access.enrol", "CODE"), ("access.collect", "CODE"), ("access.unenrol", "APPROVAL"),
                            ("access.appoint", "APPROVAL")):
        (route,) = [r for r in routes() if r.operation == operation]
        check(flag in route.flags, f"{operation} wants a second factor itself")
    api = Api(env)
    for word in words:
        check(api.ask("POST", f"/v1/access/{word}", {}, "operator").status in (404, 405), word)
    number = api.number("operator")
    response = api.ask("POST", f"/v1/access/{number}/enrol", None, "operator")
    equal(response.status, 403, "a factor of one's own, who has none")
    api.enrol("operator")
    code = {"Lethe-Otp": one_time_code(api.uris["operator"], int(time.time()) // 30 - 1)}
    equal(api.ask("POST", f"/v1/access/{number}/enrol", None, "operator", code).status, 403, "another one for oneself")
    for role in ("app", "support", "officer", "operator", "approver"):
        body = {"name": "mallory", "role": role, "expires": "P1D"}
        response = api.ask("POST", "/v1/access", body, "operator",
                           {"Lethe-Otp": one_time_code(api.uris["operator"])})
        equal(response.status, 403, f"a new {role} over the API: {response.body}")
        equal(api.ask("POST", "/v1/access/appointments", body, "operator").status, 202, f"a new {role} is somebody else's to approve")
    actions = [json.loads(line) for line in api.cli("audit", "list", "--json", "--action", "access").splitlines()]
    enrolled = [a for a in actions if "enrol" in json.dumps(a) and a["outcome"] == "done"]
    who = {a["who"] for a in enrolled}  # "cli": lethe init, before there was a server
    check(any(w.startswith("user ") for w in who) and all(w == "cli" or w.startswith("user ") for w in who), f"made on the host: {who}")


# ---- E69: approvals out of a chat ----

def test_e69_a_code_counts_in_its_own_header_only(env):
    """Whoever has pasted a code into a channel, a link or a body has approved nothing."""
    api = Api(env)
    _, person = stored(api, "p")
    proposal = api.got(202, "POST", "/v1/erasures", {"person": person, "ground": "b"}, "operator")
    api.enrol("approver")
    target = f"/v1/proposals/{proposal['proposal']}/approve"
    code = one_time_code(api.uris["approver"])
    for query, body, headers in [
            ("", {"digest": proposal["digest"], "code": code}, {}), ("", {"digest": proposal["digest"], "otp": code}, {}),
            (f"?code={code}", {"digest": proposal["digest"]}, {}), ("", {"text": f"/approve {code}"}, {}),
            ("", {"digest": proposal["digest"]}, {"X-Slack-Signature": "v0=" + "0" * 64, "X-Code": code})]:
        response = api.ask("POST", target + query, body, "approver", headers)
        check(response.status in (400, 403), f"{query} {body}: {response.body}")
        equal(api.ask("POST", target + query, body, headers={**headers, "Lethe-Otp": code}).status, 401, "nobody")
    shown = api.got(200, "GET", f"/v1/proposals/{proposal['proposal']}", token="auditor")
    equal(shown["state"], "open", "the proposal")
    response = api.ask("POST", target, {"digest": proposal["digest"]}, "approver", {"Lethe-Otp": code})
    equal(response.status, 200, f"the code is still good where it belongs: {response.body}")


# ---- E79: packages that were exchanged ----

def locks():
    listed = subprocess.run(["git", "ls-files", "*package-lock.json"], cwd=ROOT, capture_output=True, text=True)
    return [os.path.join(ROOT, path) for path in listed.stdout.split()]


def test_e79_a_package_that_was_exchanged_is_not_installed(env):
    check(locks(), "lock files")
    for path in locks():
        with open(path) as f:
            packages = json.load(f)["packages"]
        for name, entry in packages.items():
            check(name == "" or entry.get("link") or entry["integrity"].startswith("sha512-"), f"{path}: {name}")
        with open(os.path.join(os.path.dirname(path), ".npmrc")) as f:
            check("ignore-scripts=true" in f.read().split("\n"), f"{path}: scripts of packages would run")
    name = "jsonpath-rfc9535"
    with open(os.path.join(ROOT, "tests/system/npm/package-lock.json")) as f:
        entry = json.load(f)["packages"][f"node_modules/{name}"]
    alone = {"name": "t", "version": "1.0.0", "dependencies": {name: entry["version"]}}
    folder = os.path.dirname(env.write("npm/package.json", json.dumps(alone)))
    shutil.copy(os.path.join(ROOT, "tests/system/npm/.npmrc"), folder)
    for integrity, good in ((entry["integrity"], True), ("sha512-" + "A" * 86 + "==", False)):
        lock = {**alone, "lockfileVersion": 3, "packages": {
            "": alone, f"node_modules/{name}": {**entry, "integrity": integrity}}}
        env.write("npm/package-lock.json", json.dumps(lock))
        shutil.rmtree(os.path.join(folder, "node_modules"), ignore_errors=True)
        result = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder,
                                capture_output=True, text=True, timeout=120)
        equal(result.returncode == 0, good, f"npm ci: {result.stderr}")
        check(good or "EINTEGRITY" in result.stderr, f"refused for something else: {result.stderr}")
        equal(os.path.isdir(os.path.join(folder, "node_modules", name)), good, "installed")


def test_e79_packages_of_the_system_come_signed_or_not_at_all(env):
    with open(os.path.join(ROOT, "scripts/install-deps")) as f:
        text = f.read()
    for word in ("allow-unauthenticated", "AllowInsecure", "trusted=yes", "--force-yes", "http:", "https:", "apt-key"):
        check(word not in text, f"{word} in scripts/install-deps")


# ---- E84: HTTP/2 ----

def test_e84_http_2_is_not_spoken(env):
    app = Recorder(env)
    lethe = Lethe(env, app.url, admin={"address": "127.0.0.1:0"})
    lethe.add_tls()
    lethe.start()
    storm = PREFACE + SETTINGS
    for stream in range(1, 4001, 2):  # a request and its reset, over and over
        number = stream.to_bytes(4, "big")
        storm += b"\0\0\1\1\5" + number + b"\x82" + b"\0\0\4\3\0" + number + b"\0\0\0\x08"
    started = lethe.process.cpu()
    for address in (lethe.addresses[0], admin_address(lethe)):
        for _ in range(20):
            with Conn(address) as conn:
                conn.send(storm)
                try:
                    while conn.fill():
                        pass
                except ConnectionError:
                    pass
                answer = conn.buffer
                check(answer == b"" or answer.startswith(b"HTTP/1.1 "), f"not HTTP/1.1: {answer[:80]!r}")
                check(answer.count(b"HTTP/1.1 ") <= 1, f"more than one answer: {answer[:400]!r}")
    check(lethe.process.cpu() - started < 2, "processor time")
    equal(app.count(), 0, "requests upstream")
    offers = lethe.tls
    offers.set_alpn_protocols(["h2", "http/1.1"])
    with lethe.connect(tls=True) as conn:
        equal(conn.sock.selected_alpn_protocol(), "http/1.1", "of two that were offered")
    offers.set_alpn_protocols(["h2"])
    try:
        with lethe.connect(tls=True) as conn:
            check(False, f"a client of HTTP/2 was let in: {conn.sock.selected_alpn_protocol()}")
    except (ssl.SSLError, ConnectionError):
        pass
    lethe.alive()


# ---- E86: reports ----

def test_e86_many_large_reports_do_not_hold_up_requests(env):
    api = Api(env, limits={})
    lethe = api.lethe
    for i in range(40):
        equal(lethe.request("PUT", f"/users/{i}", {"email": f"p{i}@example.org", "note": f"note {i}"}).status, 200,
              f"person {i}")

    def report(kind):
        return api.ask("GET", f"/v1/reports/{kind}?from=2026-01-01", token="officer", timeout=60)

    kinds = ["retention", "access", "ropa", "requests", "purges", "holds", "exceptions", "changes"] * 6
    begun = time.monotonic()
    waiting = [Background(report, kind) for kind in kinds]
    slowest = 0
    for i in range(40):
        started = time.monotonic()
        equal(lethe.request("GET", f"/users/{i}", caller="officer", timeout=60).status, 200, f"person {i} meanwhile")
        slowest = max(slowest, time.monotonic() - started)
    answers = [w.join(90) for w in waiting]
    check(all(a.status in (200, 503) for a in answers), f"{[a.status for a in answers]}")
    check(sum(a.status == 200 for a in answers) >= 4, "none was made")
    took = time.monotonic() - begun
    check(slowest < max(5, took / 4), f"a request waited for {slowest:.1f} s, the reports for {took:.1f} s")
    equal(api.ask("GET", "/readyz").status, 200, "readiness")
