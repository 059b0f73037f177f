# SPDX-License-Identifier: Apache-2.0
"""The register of requests, as an operator uses it: from receipt to answer, with a server running and without."""
import json
import time

from harness import Lethe, check, equal
from test_monitor import figure, scrape
from upstreams import Recorder


def request(lethe, *words, code=0):
    """A command's answer as JSON."""
    result = lethe.cli("request", *words)
    equal(result.returncode, code, f"lethe request {words} ({result.stderr})")
    return result


def view(lethe, number=1):
    return json.loads(request(lethe, "show", "--json", str(number)).stdout)


def store_note(lethe, subject, value):
    result = lethe.cli("tokenize", "--class", "note", "--subject", subject, data=value + "\n")
    equal(result.returncode, 0, f"tokenize ({result.stderr})")
    return result.stdout.strip()


def whole_life(lethe):
    token = store_note(lethe, "4711", "likes tea")
    other = store_note(lethe, "4712", "likes coffee")
    request(lethe, "add", "--subject", "4711", "rights=erasure", "channel=email", "ground=b",
            "external=CRM-7")
    request(lethe, "add", "--subject", "4711", "rights=erasure", "channel=email", "external=CRM-7")
    equal(request(lethe, "list").stdout.count("\n"), 1, "the same external number")
    refused = request(lethe, "execute", "1", code=1)
    check("not possible" in refused.stderr, f"executed before it was approved: {refused.stderr}")
    request(lethe, "ask-identity", "1", "channel=email", "reason=another address")
    request(lethe, "verify-identity", "1", "method=letter")
    request(lethe, "scope", "1")
    request(lethe, "approve", "1", "by=M. Roe")
    check("values of note" in lethe.cli("subject", "show", "4711").stdout, "before it is executed")
    check(lethe.cli("reveal", token).stdout.strip() != "likes tea", "restricted on receipt")
    request(lethe, "execute", "1")
    equal((lethe.cli("reveal", token).returncode, lethe.cli("reveal", other).stdout.strip()),
          (1, "likes coffee"), "after it was executed")
    done = view(lethe)
    equal((done["state"], done["decision"], done["rights"][0]["ground"]),
          ("verified_done", "granted", "17(1)(b)"), "state")
    receipt = json.loads(lethe.cli("receipt", done["rights"][0]["receipt"]).stdout)
    equal((receipt["reference"], receipt["state"]), ("request 1", "completed"), "the receipt")
    equal(receipt["subject"], done["subject"], "whose it is")
    again = store_note(lethe, "4711", "likes milk now")
    request(lethe, "execute", "1")
    equal(view(lethe)["rights"][0]["receipt"], done["rights"][0]["receipt"], "executed again")
    equal(lethe.cli("reveal", again).stdout.strip(), "likes milk now", "what came later")
    letter = request(lethe, "letter", "--lang", "de", "1").stdout
    check("Sicherungskopien" in letter and done["rights"][0]["receipt"] in letter, letter)
    template = json.loads(request(lethe, "letter", "--json", "1").stdout)["template"]
    request(lethe, "answer", "1", "channel=letter", f"template={template}")
    request(lethe, "close", "1")
    equal(view(lethe)["in_time"], True, "answered in time")
    actions = [entry["action"] for entry in view(lethe)["history"]]
    equal(actions, ["add", "ask-identity", "verify-identity", "scope", "approve", "execute", "done",
                    "answer", "close"], "history")


def test_an_erasure_without_a_server(env):
    whole_life(Lethe(env))


def test_an_erasure_with_a_server(env):
    app = Recorder(env)
    lethe = Lethe(env, app.url).start()
    whole_life(lethe)
    lethe.stop()
    equal(view(lethe)["state"], "closed", "after a restart")


def test_the_report_needs_attention_when_a_request_is_past_due(env):
    lethe = Lethe(env)
    long_ago = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 60 * 86400))
    request(lethe, "add", "rights=access", "channel=letter", f"received={long_ago}", "owner=team 2")
    listed = lethe.cli("request", "list", "open")
    equal((listed.returncode, "past due" in listed.stdout), (3, True), "list")
    result = lethe.cli("report", "requests", "--format", "json")
    equal(result.returncode, 3, "report")
    report = json.loads(result.stdout)
    equal((report["rows"][0]["attention"], report["summary"]["past_due"]), (["past_due"], 1), "row")
    request(lethe, "refuse", "1", "reason=excessive", "by=M. Roe", "reasoning=file 12")
    letter = request(lethe, "letter", "1").stdout
    check("Article 77" in letter and "Article 79" in letter, letter)
    request(lethe, "answer", "1", "channel=letter", "template=refused-en-1")
    equal(lethe.cli("report", "requests").returncode, 0, "once it is answered")
    equal(view(lethe)["in_time"], False, "too late")


def test_nothing_of_the_person_is_in_the_register(env):
    lethe = Lethe(env)
    store_note(lethe, "ada@example.org", "likes tea")
    result = lethe.cli("request", "add", "--subject", "ada@example.org", "rights=access",
                       "channel=email", "external=re: Ada@Example.org")
    equal(result.returncode, 1, "a text that names the person")
    check("must name nobody" in result.stderr and "ada" not in result.stderr.lower(), result.stderr)
    request(lethe, "add", "--subject", "ada@example.org", "rights=access", "channel=email")
    with open(f"{lethe.store}/vault.db", "rb") as file:
        check(b"ada@example.org" not in file.read(), "the database knows the identifier")


def test_figures_tell_of_requests_and_a_reload_changes_policy(env):
    app = Recorder(env)
    lethe = Lethe(env, app.url)
    lethe.config["admin"] = {"address": "127.0.0.1:0"}
    lethe.config["requests"] = {"approvals": 2}
    lethe.save()
    lethe.start()
    store_note(lethe, "4711", "likes tea")
    request(lethe, "add", "--subject", "4711", "rights=erasure", "channel=email")
    request(lethe, "verify-identity", "1", "method=login")
    request(lethe, "scope", "1")
    request(lethe, "approve", "1", "by=M. Roe")
    equal(view(lethe)["state"], "scoped", "one of two")
    long_ago = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 60 * 86400))
    request(lethe, "add", "rights=access", "channel=letter", f"received={long_ago}")
    figures = scrape(lethe)
    equal([figure(figures, "lethe_requests_open", standing=s)
           for s in ("on time", "due soon", "past due")], [1, 0, 1], "figures")
    lethe.config["requests"] = {"approvals": 1}
    lethe.save()
    equal(lethe.cli("reload").returncode, 0, "reload")
    request(lethe, "approve", "1", "by=J. Doe")
    equal(view(lethe)["state"], "approved", "one is enough now")


def test_configuration_mistakes_have_their_place(env):
    lethe = Lethe(env)
    for section, text, wrong in (("holidays", {"country": "XX"}, "not built in"),
                                 ("holidays", ["2026-02-30"], "no date"),
                                 ("requests", {"target": 5}, "target"),
                                 ("registers", {"keep": "3y"}, "ISO 8601")):
        lethe.config[section] = text
        lethe.save()
        result = lethe.cli("check")
        del lethe.config[section]
        equal(result.returncode, 78, f"{section}: {text}")
        check(wrong in result.stderr and lethe.file in result.stderr, result.stderr)
