# SPDX-License-Identifier: Apache-2.0
"""Notices to recipients: sent once, signed, again after failures and crashes, and never lost."""
import json
import os
import re
import ssl

from harness import HERE, Lethe, check, equal, until
from upstreams import Recorder, answer

ANNA = {"email": "anna@example.org", "phones": ["+49 151 1"], "note": "likes tea"}
BERT = {"email": "bert@example.org", "phones": ["+49 151 2"], "note": "likes milk"}


class Crm:
    """A recipient: answers what it is told to."""

    def __init__(self, env):
        cert, key = env.certificate("crm", "DNS:localhost,IP:127.0.0.1")
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(cert, key)
        self.status, self.headers = 200, ()
        self.recorder = Recorder(env, self.serve, tls)
        self.settings = {"url": self.recorder.url + "/lethe", "ca": cert, "upstreams": ["app"],
                         "allow_private": True}

    def serve(self, request, sock):
        return answer(self.status, b"{}", self.headers)

    def notices(self):
        return list(self.recorder.requests)


def started(env, fault=None, **recipients):
    app = Recorder(env)
    crm = Crm(env)
    lethe = Lethe(env, app.url, sweep_interval="1s")
    lethe.config["recipients"] = {"crm": {**crm.settings, **recipients}}
    lethe.save()
    lethe.start(fault=fault)
    for i, person in enumerate((ANNA, BERT)):
        equal(lethe.request("PUT", f"/users/{i}", person).status, 200, "PUT")
    return app, crm, lethe


def tokens(app, i):
    kept = json.loads(app.handler.users[str(i)])
    return {kept["email"], kept["note"], *kept["phones"]}


def book(lethe):
    result = lethe.cli("notice", "list", "--json")
    check(result.returncode in (0, 3), result.stderr)
    text, found = result.stdout.strip(), []
    while text:
        notice, end = json.JSONDecoder().raw_decode(text)
        found.append(notice)
        text = text[end:].lstrip()
    return found


def erase(lethe, i):
    result = lethe.cli("subject", "erase", str(i))
    equal((result.returncode, result.stderr), (0, ""), "erase")
    return json.loads(result.stdout)


def wait_for(crm, count, seconds=20):
    until(f"{count} notices", seconds, lambda: len(crm.notices()) >= count)
    return crm.notices()


def one(values):
    equal(len(set(values)), 1, "the same each time")
    return values[0]


def header(request, name):
    return dict(request.headers)[name]


def documented_check():
    """The receiver's function, as docs/NOTICES.md has it."""
    with open(os.path.join(HERE, "../../docs/NOTICES.md")) as f:
        code = re.search(r"```python\n(.*?)```", f.read(), re.S)[1]
    names = {}
    exec(code, names)  # pylint: disable=exec-used
    return names["is_genuine"]


def test_an_erasure_is_told_once_and_verifies(env):
    app, crm, lethe = started(env)
    had = tokens(app, 0)
    receipt = erase(lethe, 0)
    request = wait_for(crm, 1)[0]
    body = json.loads(request.body)
    equal((request.method, request.target), ("POST", "/lethe"), "where it goes")
    equal(set(body["tokens"]), had, "the tokens of the person")
    equal((body["format"], body["event"], body["part"]), ("lethe-notice-1", "erased", 1), "what")
    equal(body["reference"], receipt["number"], "the receipt")
    equal(header(request, "idempotency-key"), body["id"], "the id")
    public = env.write("public.pem", lethe.cli("key", "public").stdout)
    genuine = documented_check()
    signature = header(request, "lethe-signature")
    check(genuine(public, signature, request.body), "the documented check takes it")
    check(not genuine(public, signature, request.body + b" "), "and nothing else")
    check(not genuine(public, signature, request.body, now=1), "nor what is old")
    until("acknowledged", 10, lambda: book(lethe) == [])
    equal(len(crm.notices()), 1, "once")
    for secret in ("anna", "likes tea", "49 151"):
        check(secret.encode() not in request.body, "no value")
    report = json.loads(lethe.cli("report", "notices", "--format", "json").stdout)
    equal([(r["recipient"], r["state"], r["count"]) for r in report["rows"]],
          [("crm", "acknowledged", 4 if len(had) == 4 else len(had))], "the report")


def test_it_is_sent_again_after_an_error_and_a_restart(env):
    _, crm, lethe = started(env)
    crm.status = 500
    erase(lethe, 0)
    wait_for(crm, 2)
    open_ = book(lethe)
    equal([(n["state"], n["error"]) for n in open_], [("to send", "HTTP 500")], "the book")
    lethe.kill()
    crm.status = 204
    lethe.start()
    until("acknowledged", 40, lambda: book(lethe) == [])
    one([r.body for r in crm.notices()])
    one([header(r, "idempotency-key") for r in crm.notices()])


def killed_at(env, point):
    if not env.has_faults():
        return
    app, crm, lethe = started(env, fault=point)
    had = tokens(app, 0)
    lethe.cli("subject", "erase", "0")
    lethe.died()
    equal(crm.notices(), [], "nothing is sent of what is not known to have happened")
    lethe.start()
    if point == "notices.planned":
        erase(lethe, 0)
    request = wait_for(crm, 1)[0]
    equal(set(json.loads(request.body)["tokens"]), had, "the tokens of the person")
    until("acknowledged", 10, lambda: book(lethe) == [])
    equal(len(crm.notices()), 1, "once")


def test_none_is_lost_to_a_kill_before_the_erasure(env):
    killed_at(env, "notices.planned")


def test_none_is_lost_to_a_kill_after_the_acknowledgement(env):
    killed_at(env, "erase.noticed")


def test_none_is_lost_to_a_kill_after_the_sweep(env):
    killed_at(env, "erase.swept")


def test_what_was_sent_before_a_kill_is_sent_again_as_the_same(env):
    if not env.has_faults():
        return
    _, crm, lethe = started(env, fault="notices.asked")
    erase(lethe, 0)
    lethe.died()
    lethe.start()
    wait_for(crm, 2)
    until("acknowledged", 10, lambda: book(lethe) == [])
    one([r.body for r in crm.notices()])
    one([header(r, "idempotency-key") for r in crm.notices()])


def test_a_dead_recipient_shows_as_open_until_somebody_ends_it(env):
    _, _, lethe = started(env, url="https://127.0.0.1:9/")
    erase(lethe, 0)
    until("tried", 20, lambda: book(lethe) and book(lethe)[0]["tries"] > 0)
    notice = book(lethe)[0]
    check("no connection" in notice["error"], notice["error"])
    equal(lethe.cli("notice", "done", "1").returncode, 2, "without how")
    result = lethe.cli("notice", "done", "1", "--how", "by letter")
    equal((result.returncode, result.stderr), (0, ""), "done")
    equal(book(lethe), [], "not open any more")
    result = lethe.cli("notice", "done", "1", "--how", "again")
    equal(result.returncode, 1, "only once")


def test_a_redirect_is_refused(env):
    """E74: nobody is followed."""
    _, crm, lethe = started(env)
    other = Recorder(env)
    crm.status, crm.headers = 302, [("Location", other.url)]
    erase(lethe, 0)
    wait_for(crm, 1)
    until("noted", 10, lambda: "redirect" in (book(lethe)[0]["error"] or ""))
    equal(other.count(), 0, "not followed")


def test_a_private_address_is_refused_unless_it_is_allowed(env):
    """E74: also for webhooks."""
    _, crm, lethe = started(env, allow_private=False)
    erase(lethe, 0)
    until("noted", 10, lambda: "not public" in (book(lethe)[0]["error"] or ""))
    equal(crm.recorder.connections, 0, "not even connected to")


def test_rectification_and_restriction_are_told(env):
    app, crm, lethe = started(env)
    had = tokens(app, 0)
    note = json.loads(app.handler.users["0"])["note"]
    result = lethe.cli("subject", "rectify", "--subject", "0", note, data="likes coffee\n")
    equal((result.returncode, result.stderr), (0, ""), "rectify")
    body = json.loads(wait_for(crm, 1)[0].body)
    equal((body["event"], body["tokens"]), ("rectified", [note]), "the token")
    equal(lethe.cli("subject", "restrict", "0", "--ground", "a").returncode, 0, "set")
    body = json.loads(wait_for(crm, 2)[1].body)
    equal((body["event"], set(body["tokens"])), ("restricted", had), "set")
    result = lethe.cli("subject", "unrestrict", "0", "--notice-sent", "2026-01-01")
    equal((result.returncode, result.stderr), (0, ""), "lift")
    body = json.loads(wait_for(crm, 3)[2].body)
    equal((body["event"], set(body["tokens"])), ("unrestricted", had), "lifted")
    until("acknowledged", 10, lambda: book(lethe) == [])


def test_410_means_that_there_is_nothing(env):
    _, crm, lethe = started(env)
    crm.status = 410
    erase(lethe, 0)
    wait_for(crm, 1)
    until("ended", 10, lambda: book(lethe) == [])
    report = json.loads(lethe.cli("report", "notices", "--format", "json").stdout)
    equal([r["state"] for r in report["rows"]], ["nothing there"], "the report")


def test_without_a_url_somebody_tells_by_hand(env):
    app = Recorder(env)
    lethe = Lethe(env, app.url)
    lethe.add_caller("agency", ["support"], {"note": "value", "email": "token"})
    lethe.config["recipients"] = {"printer": {"upstreams": ["app"]},
                                  "agency": {"callers": ["agency"]}}
    lethe.save()
    lethe.start()
    equal(lethe.request("PUT", "/users/0", ANNA).status, 200, "PUT")
    erase(lethe, 0)
    equal({n["recipient"]: n["count"] for n in book(lethe)}, {"printer": 3, "agency": 1}, "whose")
    equal({n["state"] for n in book(lethe)}, {"to tell by hand"}, "by hand")


def test_a_wrong_section_is_refused_with_its_place(env):
    lethe = Lethe(env)
    for settings, words in (({"url": "http://crm.example"}, "https://"),
                            ({"url": "https://user@crm.example"}, "https://"),
                            ({"upstreams": ["nobody"]}, "no member of this name"),
                            ({"callers": []}, "list of names"),
                            ({"ca": "x.pem"}, "url"),
                            ({"urk": "https://crm.example"}, "did you mean")):
        lethe.config["recipients"] = {"crm": settings}
        lethe.save()
        result = lethe.cli("check")
        equal(result.returncode, 78, f"{settings}")
        check(re.search(r"test\.yaml:\d+:\d+: ", result.stderr) and words in result.stderr,
              result.stderr)


def test_a_request_is_not_closed_while_somebody_does_not_know(env):
    lethe = Lethe(env)
    lethe.config["recipients"] = {"printer": {}}
    lethe.save()
    stored = lethe.cli("tokenize", "--class", "note", "--subject", "4711", data="likes tea\n")
    equal((stored.returncode, stored.stderr), (0, ""), "tokenize")
    for words in (("add", "--subject", "4711", "rights=erasure", "channel=email"),
                  ("verify-identity", "1", "method=letter"), ("scope", "1"),
                  ("approve", "1", "by=M. Roe"), ("execute", "1")):
        result = lethe.cli("request", *words)
        equal((result.returncode, result.stderr), (0, ""), f"{words}")
    report = json.loads(lethe.cli("report", "requests", "--format", "json").stdout)
    equal([(r["to_notify"], r["notified"]) for r in report["rows"]], [(1, 0)], "the register")
    letter = json.loads(lethe.cli("request", "letter", "--json", "1").stdout)["template"]
    result = lethe.cli("request", "answer", "1", "channel=letter", f"template={letter}")
    equal((result.returncode, result.stderr), (0, ""), "answer")
    refused = lethe.cli("request", "close", "1")
    check(refused.returncode == 1 and "do not know yet" in refused.stderr, refused.stderr)
    equal(lethe.cli("notice", "done", "1", "--how", "by phone").returncode, 0, "done")
    result = lethe.cli("request", "close", "1")
    equal((result.returncode, result.stderr), (0, ""), "closed")
