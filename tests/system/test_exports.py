# SPDX-License-Identifier: Apache-2.0
"""What is kept of a person, for that person: the document, what of it may be taken elsewhere, and links that
work once."""
import csv
import html.parser
import io
import json
import os
import re
import stat
import threading
import time

from harness import Conn, Lethe, check, equal
from test_admin_api import Api, one_time_code
from test_monitor import admin_address
from upstreams import Recorder

HOSTILE = "</script><script>alert(1)</script>\"'&<b>"
ANNA = {"email": "anna@example.org", "phones": ["+49 151 1"], "note": HOSTILE}
BERT = {"email": "bert@example.org", "phones": ["+49 151 1"], "note": "likes milk"}
SEES_ALL = {"email": "value", "phone": "value", "note": "value"}


def started(env, **overrides):
    app = Recorder(env)
    lethe = Lethe(env, app.url, admin={"address": "127.0.0.1:0"}, **overrides)
    lethe.config["controller"] = {"name": "Example <GmbH>", "contact": "privacy@example.org",
                                  "dpo": "dpo@example.org"}
    for definition in lethe.config["classes"].values():
        definition["purposes"] += ["marketing"]
    lethe.config["classes"]["note"]["basis"] = "6(1)(f)"
    for name in ("email", "phone"):
        lethe.config["classes"][name]["basis"] = "6(1)(b)"
    lethe.add_caller("desk", ["support"], SEES_ALL)
    lethe.add_caller("ads", ["marketing"], SEES_ALL)
    lethe.save()
    lethe.start()
    for i, person in enumerate((ANNA, BERT)):
        equal(lethe.request("PUT", f"/users/{i}", person, caller="robot").status, 200, "PUT")
    return app, lethe


def export(lethe, person, *args):
    result = lethe.cli("subject", "export", *args, person)
    equal((result.returncode, result.stderr), (0, ""), f"export {args}")
    return result.stdout


def test_d17_an_export_lists_exactly_the_reveals_that_were_made(env):
    app, lethe = started(env)
    equal(lethe.request("GET", "/users/0", caller="desk").json(), ANNA, "one look")
    equal(lethe.request("GET", "/users/0", caller="ads").json(), ANNA, "another")
    equal(lethe.request("GET", "/users/1", caller="ads").json(), BERT, "at somebody else")
    document = json.loads(export(lethe, "0"))
    equal(sorted(v["value"] for v in document["values"]),
          sorted([ANNA["email"], ANNA["phones"][0], ANNA["note"]]), "the values")
    tokens = json.loads(app.handler.users["0"])
    equal({v["token"] for v in document["values"]}, {tokens["email"], tokens["phones"][0], tokens["note"]},
          "as the application has them")
    looks = [(c["recipient"], c["purpose"], sorted(c["classes"])) for c in document["consultations"]]
    everything = ["email", "note", "phone"]
    equal(looks, [("desk", "support", everything), ("ads", "marketing", everything)], "the log")
    equal([(r["name"], r["times"], r["purposes"]) for r in document["recipients"]],
          [("desk", 1, ["support"]), ("ads", 1, ["marketing"])], "recipients")
    equal([(s["by"], sorted(s["classes"])) for s in document["sources"]], [("robot", everything)], "sources")
    equal(document["controller"]["name"], "Example <GmbH>", "the controller")
    equal(document["automated_decisions"]["made"], False, "automated decisions")
    check(document["consultations_since"] and document["complaint"] and document["rights"], "the rest")
    check(BERT["email"] not in json.dumps(document), "nobody else's data")
    again = json.loads(export(lethe, "0"))  # the operator's own look is one of the staff
    equal([c["recipient"] for c in again["consultations"]], ["desk", "ads", "operator"], "the log afterwards")
    equal(again["consultations"][2]["purpose"], "access", "what for")
    equal(len(again["recipients"]), 2, "the staff is no recipient")


def test_d24_what_may_be_taken_elsewhere_is_a_part(env):
    app, lethe = started(env)
    document = json.loads(export(lethe, "0", "--portable"))
    equal(sorted(v["class"] for v in document["values"]), ["email", "phone"], "no legitimate interest")
    check("consultations" not in document and "recipients" not in document, "the data alone")
    text = export(lethe, "0", "--portable", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    equal({r["value"] for r in rows}, {ANNA["email"], "'" + ANNA["phones"][0]}, "formulas are disarmed")


class Strict(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]


def test_e56_hostile_values_do_nothing_in_a_page(env):
    app, lethe = started(env)
    for lang in ("en", "de"):
        text = export(lethe, "0", "--format", "html", "--lang", lang)
        page = Strict(text)
        check("script" not in page.tags and "b" not in page.tags, f"{set(page.tags)}")
        check(not [a for a in page.attributes if a.startswith("on")], "no handlers")
        check(f'<html lang="{lang}">' in text and "<th scope=" in text, "marked up for readers")
        check("src" not in page.attributes and "href" not in page.attributes, "it needs nothing else")
        check("Example &lt;GmbH&gt;" in text, "the controller")
    check("Ihre Rechte" in text, "in German")


def test_a_file_is_the_owners_and_never_overwritten(env):
    app, lethe = started(env)
    path = env.path("anna.json")
    equal(export(lethe, "0", "-o", path), "", "nothing is printed")
    equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, "mode")
    equal(json.load(open(path))["article"], "15", "the document")
    before = open(path).read()
    result = lethe.cli("subject", "export", "-o", path, "0")
    equal(result.returncode, 1, "again")
    equal(open(path).read(), before, "as it was")
    check("was not touched" in result.stderr, result.stderr)
    result = lethe.cli("subject", "export", "nobody")
    equal(result.returncode, 1, "nobody")


def visit(lethe, path, method="GET", headers=()):
    with Conn(admin_address(lethe)) as conn:
        return conn.request(method, path, headers=headers)


def make_link(lethe, *args):
    path = export(lethe, "0", "--link", *args).strip()
    check(re.fullmatch("/exports/[0-9a-f]{64}", path), path)
    return path


def test_d17_a_link_gives_the_document_once(env):
    """E56: a link is no copy."""
    app, lethe = started(env)
    path = make_link(lethe)
    for method in ("GET", "HEAD", "GET"):
        response = visit(lethe, path, method)
        equal(response.status, 200, f"{method} uses nothing up")
        check(b"anna" not in response.body, "and shows nothing")
    check(b'<form method="post">' in response.body, f"{response}")
    response = visit(lethe, path, "POST")
    equal(response.status, 200, "the document")
    check(b"anna@example.org" in response.body, "with the values")
    check("no-store" in response.headers["cache-control"], "not kept")
    check(response.headers["content-security-policy"].startswith("default-src 'none'; style-src 'unsafe-inline'"),
          f"{response.fields}")
    equal(response.headers["referrer-policy"], "no-referrer", "nobody is told")
    for method in ("POST", "GET"):
        response = visit(lethe, path, method)
        equal(response.status, 410, f"{method} the second time")
        check(b"anna" not in response.body, "shows nothing")
    equal(visit(lethe, "/exports/" + "0" * 64).status, 404, "one that never was")
    equal(visit(lethe, "/exports/x").status, 404, "no token")
    equal(visit(lethe, path, "PUT").status, 405, "another method")
    token = path.rsplit("/", 1)[1]
    for name in os.listdir(lethe.store):
        full = os.path.join(lethe.store, name)
        if os.path.isfile(full):
            check(token.encode() not in open(full, "rb").read(), f"only a hash is kept, not in {name}")


def test_d17_of_many_who_press_the_button_one_gets_the_document(env):
    app, lethe = started(env)
    for _ in range(5):
        path, statuses = make_link(lethe), []
        threads = [threading.Thread(target=lambda: statuses.append(visit(lethe, path, "POST").status))
                   for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        equal(sorted(statuses), [200] + [410] * 7, "answers")


def test_d17_a_link_ends_with_its_time_or_the_person(env):
    app, lethe = started(env)
    short, long = make_link(lethe, "--expires", "PT1S"), make_link(lethe)
    result = lethe.cli("subject", "export", "--link", "--expires", "P31D", "0")
    equal(result.returncode, 1, "for too long")
    time.sleep(2.1)  # until the short one is over
    equal(visit(lethe, short).status, 410, "GET after its time")
    equal(visit(lethe, short, "POST").status, 410, "POST after its time")
    equal(visit(lethe, long).status, 200, "the long one")
    equal(lethe.cli("subject", "erase", "0").returncode, 0, "erase")
    equal(visit(lethe, long).status, 410, "GET after the erasure")
    equal(visit(lethe, long, "POST").status, 410, "POST after the erasure")


def test_a_link_from_before_a_restore_is_dead(env):
    """An older database does not know that the link was used since."""
    _, lethe = started(env)
    used, unused = make_link(lethe), make_link(lethe)
    data, keys = env.path("data"), env.path("keys")
    for folder in (data, keys):
        os.mkdir(folder, 0o700)
    made = lethe.cli("backup", "--data", data, "--keys", keys, "--json")
    equal(made.returncode, 0, made.stderr)
    equal(visit(lethe, used, "POST").status, 200, "its one use")
    lethe.stop()
    file = next(os.path.join(data, name) for name in os.listdir(data) if name.endswith(".db"))
    restored = lethe.cli("restore", "--data", file, "--keys", os.path.join(keys, "keys.slab"), "--replace")
    equal(restored.returncode, 0, restored.stderr)
    check("One-time links from before" in restored.stdout and "events of persons" in restored.stdout, restored.stdout)
    lethe.start()
    equal(visit(lethe, used, "POST").status, 410, "used before")
    equal(visit(lethe, unused, "POST").status, 410, "not used, which nobody can know")
    equal(visit(lethe, make_link(lethe), "POST").status, 200, "a new one")


def test_e56_links_cannot_be_tried_one_after_the_other(env):
    app, lethe = started(env)
    path = make_link(lethe)
    statuses = {visit(lethe, f"/exports/{i:064x}").status for i in range(20)}
    equal(statuses, {404}, "at first")
    response = visit(lethe, "/exports/" + "f" * 64, "POST")
    equal(response.status, 429, "and then")
    equal(response.headers["retry-after"], "60", "for how long")
    equal(visit(lethe, path).status, 429, "for a while")


def test_a_restricted_person_still_gets_all_of_it(env):
    app, lethe = started(env)
    equal(lethe.cli("subject", "restrict", "--ground", "c", "0").returncode, 0, "restrict")
    equal(lethe.cli("subject", "object", "--purpose", "marketing", "0").returncode, 0, "object")
    document = json.loads(export(lethe, "0"))
    equal(len(document["values"]), 3, "the values")
    check(all(v["restricted"] for v in document["values"]), "marked")
    equal(document["state"]["restricted"], True, "the state")
    equal([r["ground"] for r in document["state"]["restrictions"]], ["18(1)(c)"], "the ground")
    equal(document["state"]["objections"], ["marketing"], "objections")


def test_the_api_wants_a_code_and_a_token_without_bounds(env):
    api = Api(env)
    equal(api.lethe.request("PUT", "/users/0", ANNA).status, 200, "PUT")
    person = api.got(200, "POST", "/v1/subjects/find", {"subject": "0"}, "support")["person"]
    target = f"/v1/subjects/{person}/export"
    equal(api.ask("POST", target, {}, "support").status, 403, "without a second factor")
    api.enrol("support")
    code = {"Lethe-Otp": one_time_code(api.uris["support"])}
    answer = api.got(201, "POST", target, {"format": "json"}, "support", code)
    equal(len(answer["document"]["values"]), 3, "the values")
    api.tokens["bound"] = api.token("support", "--class", "note", name="bound")
    api.enrol("bound")
    code = {"Lethe-Otp": one_time_code(api.uris["bound"])}
    response = api.ask("POST", target, {}, "bound", code)
    equal(response.status, 403, "a part is not all")
    check("bound" in response.json()["detail"], f"{response}")
