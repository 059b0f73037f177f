# SPDX-License-Identifier: Apache-2.0
"""Erasures in part, repeated, many at once; what stays, what goes, and what receipts say of it."""
import datetime
import json
import os
import subprocess

from harness import CLASSES, Lethe, check, equal
from upstreams import Recorder

BOOKS = {"format": "opaque", "purposes": ["account"], "basis": "6(1)(c)", "law": "HGB 257",
         "retain": {"period": "P10Y", "from": "created", "minimum": "P8Y",
                    "minimum_law": "HGB 257(1)"}}


def store(lethe, subject, class_name, value):
    result = lethe.cli("tokenize", "--class", class_name, "--subject", subject, data=value + "\n")
    equal(result.returncode, 0, f"tokenize ({result.stderr})")
    return result.stdout.strip()


def reveal(lethe, token):
    return lethe.cli("reveal", token).stdout.rstrip("\n")


def in_days(days):
    return (datetime.date.today() + datetime.timedelta(days=days)).isoformat()


def is_kept(lethe, token):
    """It is there, and shown to nobody here: a legal purpose would see it."""
    result = lethe.cli("reveal", token)
    return (result.returncode, result.stdout) == (1, "") and "restricted" in result.stderr


def erase(lethe, subject, *args, code=0):
    result = lethe.cli("subject", "erase", subject, *args)
    equal(result.returncode, code, f"erase ({result.stderr})")
    return json.loads(result.stdout) if code == 0 else result.stderr


EXCEPT = ("--except", "phone:b:HGB 257:2034-12-31")


def test_an_exception_keeps_a_class_and_the_receipt_says_so(env):
    lethe = Lethe(env)
    note, phone = store(lethe, "4711", "note", "tea"), store(lethe, "4711", "phone", "0151-23")
    preview = lethe.cli("subject", "erase", "4711", *EXCEPT, "--dry-run")
    equal(preview.returncode, 0, preview.stderr)
    check("phone" in preview.stdout and "HGB 257" in preview.stdout, preview.stdout)
    equal(reveal(lethe, note), "tea", "a dry run changes nothing")
    receipt = erase(lethe, "4711", *EXCEPT, "--ground", "b", "--reason", "words of staff")
    equal(receipt["not_erased"], [{"class": "phone", "code": "17(3)(b)", "law": "HGB 257",
                                   "review": "2034-12-31", "values": 1}], "not_erased")
    equal(receipt["scope"]["classes"], [{"class": "note", "values": 1}], "scope")
    equal(reveal(lethe, note), "", "note")
    check(is_kept(lethe, phone), "phone")
    file = env.write("receipt.json", json.dumps(receipt))
    equal(lethe.run("verify-receipt", file).returncode, 0, "verify-receipt")
    looked = lethe.cli("verify-erasure", "--store", lethe.store, file)
    equal(looked.returncode, 0, looked.stdout + looked.stderr)
    text = lethe.cli("receipt", receipt["number"], "--for", "subject").stdout
    check("kept until 2034-12-31" in text and "words of staff" not in text, text)
    check("anonym" not in text.lower() + json.dumps(receipt).lower(), "nobody calls it that")


def test_an_exception_outlives_another_erasure_and_a_restart(env):
    lethe = Lethe(env)
    store(lethe, "4711", "note", "tea")
    phone = store(lethe, "4711", "phone", "0151-23")
    erase(lethe, "4711", *EXCEPT)
    check("kept by an exception" in erase(lethe, "4711", code=1), "nothing would go")
    later = store(lethe, "4711", "note", "came back")
    receipt = erase(lethe, "4711")
    equal(len(receipt["not_erased"]), 1, "the exception still holds")
    equal(reveal(lethe, later), "", "later")
    check(is_kept(lethe, phone), "phone")


def test_what_is_kept_is_restricted_at_once(env):
    app = Recorder(env)
    lethe = Lethe(env, app.url)
    for definition in lethe.config["classes"].values():
        definition["purposes"] += ["tax", "marketing"]
    lethe.config["holds"] = {"purposes": ["tax"]}
    for name, purpose in (("books", "tax"), ("ads", "marketing")):
        lethe.add_caller(name, [purpose], {"email": "value", "phone": "value", "note": "value"})
    lethe.save()
    lethe.start()
    get = lambda caller: lethe.request("GET", "/users/7", caller=caller)
    lethe.request("PUT", "/users/7", {"note": "tea", "phones": ["+49 151 1"]}, caller="ads")
    equal(get("ads").json()["phones"], ["+49 151 1"], "before")
    receipt = erase(lethe, "7", *EXCEPT)
    check("restricted" in receipt["remains"], receipt["remains"])
    equal(get("ads").status, 423, "for marketing")
    equal(get("books").json()["phones"], ["+49 151 1"], "for the tax office")
    shown = json.loads(lethe.cli("subject", "show", "7", "--json").stdout)
    equal((shown["restricted"], [(x["ground"], x["class"]) for x in shown["restrictions"]]),
          (True, [("17(3)(b)", "phone")]), "subject show")
    report = json.loads(lethe.cli("report", "exceptions", "--format", "json").stdout)
    equal([(x["class"], x["code"], x["law"], x["review"], x["values"], x["state"])
           for x in report["rows"]],
          [("phone", "17(3)(b)", "HGB 257", "2034-12-31", 1, "in force")], "the report")
    refused = lethe.cli("subject", "unrestrict", "7", "--notice-sent", "2026-01-01")
    equal(refused.returncode, 1, "it ends with the exception only")
    lethe.stop()
    lethe.start()
    equal((get("ads").status, get("books").status), (423, 200), "after a restart")


def test_an_erasure_that_waits_keeps_its_exceptions(env):
    lethe = Lethe(env)
    note, phone = store(lethe, "4711", "note", "tea"), store(lethe, "4711", "phone", "0151-23")
    number = lethe.cli("hold", "add", "--subject", "4711", "--ground", "case", "--owner", "legal",
                       "--review", in_days(30)).stdout.strip()
    waiting = lethe.cli("subject", "erase", "4711", *EXCEPT)
    equal(waiting.returncode, 3, f"it waits ({waiting.stderr})")
    equal(lethe.cli("hold", "lift", number, "--reason", "settled").returncode, 0, "lift")
    equal(reveal(lethe, note), "", "note")
    check(is_kept(lethe, phone), "phone")
    receipt = json.loads(lethe.cli("receipt", json.loads(waiting.stdout)["number"]).stdout)
    equal([(x["class"], x["law"]) for x in receipt["not_erased"]], [("phone", "HGB 257")], "not_erased")


def test_a_statutory_minimum_keeps_by_itself(env):
    lethe = Lethe(env, classes={**CLASSES, "books": BOOKS})
    note, book = store(lethe, "4711", "note", "tea"), store(lethe, "4711", "books", "2026")
    receipt = erase(lethe, "4711", "--except", "phone:b:HGB 257:2034-12-31")
    equal([(x["class"], x["code"], x["law"]) for x in receipt["not_erased"]],
          [("books", "17(3)(b)", "HGB 257(1)")], "not_erased")
    equal(reveal(lethe, note), "", "note")
    check(is_kept(lethe, book), "book")


def test_e45_a_move_that_was_killed_is_carried_through(env):
    for fault in ("part.keyed", "part.before_commit", "part.committed", "erase.parted",
                  "erase.after_ledger", "erase.after_shred", "erase.verified"):
        lethe = Lethe(env, name=fault)
        note, phone = store(lethe, "4711", "note", "tea"), store(lethe, "4711", "phone", "0151")
        lethe.faults = {"LETHE_FAULT": fault}
        result = lethe.cli("subject", "erase", "4711", *EXCEPT)
        lethe.faults = {}
        check(result.returncode not in (0, 1), f"{fault}: it was killed")
        begun = fault not in ("part.keyed", "part.before_commit")
        equal(is_kept(lethe, phone), begun, f"{fault}: phone")
        if not begun:
            equal(reveal(lethe, phone), "0151", f"{fault}: phone")
            equal(reveal(lethe, note), "tea", f"{fault}: it had not begun")
            erase(lethe, "4711", *EXCEPT)
        equal(reveal(lethe, note), "", f"{fault}: note")
        check(is_kept(lethe, phone), f"{fault}: phone at the end")
        listed = [json.loads(part) for part in
                  lethe.cli("receipt", "list", "--json").stdout.replace("}\n{", "}\0{").split("\0")]
        equal([e["state"] for e in listed], ["completed"], f"{fault}: one erasure")
        kept = json.loads(lethe.cli("receipt", listed[0]["number"]).stdout)
        equal([x["class"] for x in kept["not_erased"]], ["phone"], f"{fault}: not_erased")


def test_e43_a_repeated_erasure_touches_nothing_newer(env):
    lethe = Lethe(env)
    store(lethe, "4711", "note", "old")
    first = erase(lethe, "4711", "--idempotency-key", "TICKET-8815")
    later = store(lethe, "4711", "note", "new")
    equal(erase(lethe, "4711", "--idempotency-key", "TICKET-8815"), first, "the same receipt")
    equal(reveal(lethe, later), "new", "newer data stays")
    other = store(lethe, "4712", "note", "other")
    check("another subject" in erase(lethe, "4712", "--idempotency-key", "TICKET-8815", code=1),
          "the key of another request")
    equal(reveal(lethe, other), "other", "nobody else is hit")
    for name in os.listdir(lethe.store):
        path = os.path.join(lethe.store, name)
        if os.path.isfile(path):
            check(b"TICKET-8815" not in open(path, "rb").read(), f"{name} holds the key")


def test_a_line_that_is_no_text_is_named_and_not_repeated(env):
    lethe = Lethe(env)
    token = store(lethe, "person-1", "note", "x")
    result = subprocess.run([env.lethe_path(), "subject", "erase", "--batch", "-c", lethe.file], input=b"person-1\nn\xffobody\n",
                            capture_output=True, timeout=60, check=False, env=lethe.environment())
    equal((result.returncode, result.stdout), (1, b""), f"{result}")
    check(b"line 2: is no UTF-8; none of the lines 1 to 2 was carried out" in result.stderr and b"obody" not in result.stderr,
          f"{result}")
    equal(reveal(lethe, token), "x", "nobody is erased")


def test_many_are_erased_at_once(env):
    lethe = Lethe(env)
    people = [f"person-{n}" for n in range(300)]
    tokens = {p: store(lethe, p, "note", p) for p in people[:3]}
    lethe.cli("tokenize", "--class", "note", "--subject", "stays", data="stays\n")
    for p in people[3:12]:
        store(lethe, p, "note", p)
    result = lethe.cli("subject", "erase", "--batch", "--ground", "a",
                       data="".join(f"{p}\n" for p in people[:12]) + "nobody\n")
    equal(result.returncode, 1, "nobody is not there")
    check("line 13:" in result.stderr, result.stderr)
    receipts = [json.loads(line) for line in result.stdout.splitlines()]
    equal([r["state"] for r in receipts], ["completed"] * 12, "states")
    equal({r["ground"] for r in receipts}, {"17(1)(a)"}, "ground")
    for receipt in receipts:
        file = env.write("receipt.json", json.dumps(receipt))
        equal(lethe.run("verify-receipt", file).returncode, 0, "verify-receipt")
    for token in tokens.values():
        equal(reveal(lethe, token), "", "gone")
