# SPDX-License-Identifier: Apache-2.0
"""The audit trail as those see it who rely on it: nothing is answered without a record, nothing is lost by a crash, nothing is
taken out unnoticed, and nobody's records can be told from others' after an erasure (E55, E60, E61, E76, E77)."""
import json
import os
import re
import shutil
import threading

from harness import Lethe, check, equal, until
from test_bulk import reveal, rows_of, tokenize, write_csv
from upstreams import Recorder, answer

PEOPLE = 6


def started(env, **audit):
    """Lethe in front of an application that sends back what it was sent last for a person."""
    kept = {}

    def handler(request, sock):
        if request.method == "PUT":
            kept[request.target] = request.body
        return answer(200, json.loads(kept.get(request.target, b"{}") or b"{}"))

    lethe = Lethe(env, Recorder(env, handler).url)
    lethe.config["callers"]["support-desk"]["reveal"] = {"note": "value", "phone": "mask"}
    if audit:
        lethe.config["audit"] = audit
    lethe.save()
    return lethe.start()


def put(lethe, person, note="note", **fields):
    response = lethe.request("PUT", f"/users/{person}", {"note": f"{note} of {person}"}, **fields)
    equal(response.status, 200, f"PUT {person}: {response}")


def get(lethe, person, caller="support-desk"):
    return lethe.request("GET", f"/users/{person}", caller=caller)


def records(lethe, *args):
    result = lethe.cli("audit", "list", "--json", *args)
    equal(result.returncode, 0, result.stderr)
    return [json.loads(line) for line in result.stdout.splitlines()]


def verify(lethe, *args):
    """Exit code and report."""
    result = lethe.cli("audit", "verify", "--json", *args)
    return result.returncode, json.loads(result.stdout or "{}"), result.stderr


def assert_whole(lethe, *args):
    code, report, error = verify(lethe, *args)
    equal((code, report.get("verdict")), (0, "whole"), f"{report} {error}")
    return report


def segment(lethe, number=1):
    return os.path.join(lethe.store, "audit", f"{number:06}.log")


def test_who_saw_whom_for_what(env):
    lethe = started(env)
    put(lethe, "ada", caller="support-desk")
    equal(get(lethe, "ada").json()["note"], "note of ada", "shown")
    equal(get(lethe, "ada", None).status, 200, "tokens for strangers")
    seen = records(lethe)
    equal([r["action"] for r in seen if r["role"] == "caller"][:2], ["tokenize", "reveal"], "actions")
    shown = [r for r in seen if r["action"] == "reveal"]
    check(all(r["who"] == "support-desk" and r["purpose"] == "support" for r in shown), f"{shown}")
    equal(shown[-1]["classes"], [{"class": "note", "values": 1, "masks": 0, "tokens": 0}], "classes")
    check(shown[-1]["address"] == "127.0.0.1" and len(shown[-1]["request"]) == 32, f"{shown[-1]}")
    configured = [r for r in seen if r["action"] == "configure"]
    equal(len(configured), 1, "configurations")
    equal(shown[-1]["configuration"], configured[0]["configuration"], "which was in force")
    assert_whole(lethe)


def test_every_record_leads_to_the_commit_that_wrote_it(env):
    lethe = started(env)
    put(lethe, "ada", caller="support-desk")
    get(lethe, "ada")
    equal(lethe.cli("subject", "erase", "ada").returncode, 0, "erase")
    lethe.stop()
    equal(lethe.cli("access", "list").returncode, 0, "an operator, without a server")
    commit = re.search(r"\((\S+)\)", lethe.run("--version").stdout)[1]
    seen = records(lethe)
    configured = {r["configuration"]: r["commit"] for r in seen if r["action"] == "configure"}
    check({"caller", "operator", "system"} <= {r["role"] for r in seen}, f"{seen}")
    for record in seen:
        written_by = record.get("commit") or configured.get(record["configuration"])
        check(written_by == commit, f"not of {commit}: {record}")
    check(all("commit" in r for r in seen if r["role"] == "operator"), "an operator's record without one of its own")


def test_E77_nothing_is_answered_while_the_trail_cannot_be_written(env):
    lethe = started(env)
    lethe.stop()
    lethe.can_fail()
    lethe.start()
    put(lethe, "ada")
    equal(get(lethe, "ada").status, 200, "before")
    lethe.fail("sync")
    response = get(lethe, "ada")
    check(response.status in (503, 507), f"while it fails: {response}")
    check(b"note of" not in response.body, "a value was shown without a record")
    lethe.fail(None)
    equal(get(lethe, "ada").json()["note"], "note of ada", "after")
    assert_whole(lethe)


def test_E76_erasures_are_recorded_on_a_full_disk(env):
    lethe = started(env)
    lethe.stop()
    lethe.can_fail()
    lethe.start()
    put(lethe, "ada")
    lethe.fail("space")
    response = get(lethe, "ada")
    check(response.status in (503, 507) or b"note of" in response.body, f"on a full disk: {response}")
    lethe.fail(None)
    result = lethe.cli("subject", "erase", "ada")
    equal(result.returncode, 0, result.stderr)
    check(any(r["action"] == "erase" and r["outcome"] == "done" for r in records(lethe)), "no record of the erasure")
    assert_whole(lethe)


def hammer(lethe, stop, answered):
    """Ids of the requests whose values came back."""
    while not stop.is_set():
        try:
            for i in range(PEOPLE):
                response = get(lethe, f"person-{i}")
                if response.status == 200 and b"note of" in response.body:
                    answered.append(response.headers["x-request-id"]
                                    if "x-request-id" in response.headers else None)
        except OSError:
            return
        except Exception:  # noqa: BLE001: the server was killed in the middle of an answer
            return


def test_kill_loses_no_record_of_what_was_answered(env):
    lethe = started(env)
    for i in range(PEOPLE):
        put(lethe, f"person-{i}")
    for _ in range(3):
        stop, answers = threading.Event(), [[] for _ in range(4)]
        threads = [threading.Thread(target=hammer, args=(lethe, stop, a)) for a in answers]
        before = len([r for r in records(lethe) if r["action"] == "reveal"])
        for thread in threads:
            thread.start()
        until("answers", 20, lambda: sum(map(len, answers)) > 60)
        lethe.kill()
        stop.set()
        for thread in threads:
            thread.join()
        lethe.start()
        answered = [i for a in answers for i in a]
        shown = [r for r in records(lethe) if r["action"] == "reveal"][before:]
        check(len(shown) >= len(answered), f"{len(answered)} were answered, {len(shown)} are recorded")
        known = {r["request"] for r in shown}
        for request in answered:
            check(request is None or request in known, f"{request} was answered and is not recorded")
    code, report, error = verify(lethe)
    check(code in (0, 3) and report["verdict"] == "whole", f"{report} {error}")


def test_E55_after_an_erasure_nobody_knows_whose_records_they_were(env):
    lethe = started(env)
    for name in ("ada-1815", "bob"):
        put(lethe, name)
        equal(get(lethe, name).status, 200, name)
    equal(len(records(lethe, "--subject", "ada-1815")), 2, "ada's")
    before = len(records(lethe))
    equal(lethe.cli("subject", "erase", "ada-1815").returncode, 0, "erase")
    result = lethe.cli("audit", "list", "--subject", "ada-1815")
    equal(result.returncode, 1, "after the erasure")
    check("no subject" in result.stderr, result.stderr)
    check(len(records(lethe)) >= before, "records went")
    equal(len(records(lethe, "--subject", "bob")), 2, "bob's")
    with open(segment(lethe), "rb") as f:
        trail = f.read()
    check(b"ada-1815" not in trail and b"note of" not in trail, "an identifier or a value stands in the trail")
    assert_whole(lethe)


def test_E60_what_verify_says_of_every_kind_of_damage(env):
    lethe = started(env, heads="file:heads.log")
    for i in range(4):
        put(lethe, f"person-{i}")
        equal(get(lethe, f"person-{i}").status, 200, "shown")
    lethe.stop()
    heads = os.path.join(lethe.home, "heads.log")
    check(os.path.getsize(heads) > 0, "no head was sent")
    report = assert_whole(lethe, "--heads", heads)
    check(report["heads"] >= 1 and report["unsigned"] == 0 and report["known_elsewhere"] >= 1, f"{report}")
    key = os.path.join(lethe.home, "receipt.pub")

    def of_copy(change):
        copy = env.path("copy")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(lethe.store, copy, ignore=lambda *_: ["control.sock"])
        path = os.path.join(copy, "audit", "000001.log")
        with open(path, "r+b") as f:
            content = bytearray(f.read())
            change(content)
            f.seek(0)
            f.truncate()
            f.write(content)
        result = lethe.run("audit", "verify", "--json", "--store", copy, "--key", key, "--heads", heads)
        return result.returncode, json.loads(result.stdout)["verdict"]

    def frames(content):
        at, found = 64, []
        while int.from_bytes(content[at:at + 4], "little"):
            found.append((at, int.from_bytes(content[at:at + 4], "little")))
            at += found[-1][1]
        return found

    def alter(content):
        content[frames(content)[3][0] + 45] ^= 1

    def remove(content):
        at, length = frames(content)[3]
        del content[at:at + length]
        content.extend(bytes(length))

    def cut(content):
        at, _ = frames(content)[4]
        content[at:] = bytes(len(content) - at)

    equal(of_copy(lambda content: None), (0, "whole"), "a copy")
    equal(of_copy(alter), (1, "altered"), "altered")
    equal(of_copy(remove), (1, "removed"), "removed")
    equal(of_copy(cut), (1, "truncated"), "cut off")
    lethe.start()


def test_E61_hostile_names_come_out_as_text(env):
    lethe = started(env)
    hostile = "x\\n{\"action\":\"reveal\"}"
    lethe.request("GET", "/users/ada", headers=[("Lethe-Key", "wrong"), ("Lethe-Purpose", "a\"}]"),
                                                ("User-Agent", hostile)])
    until("a record of the refusal", 10, lambda: any(r["outcome"] == "refused" for r in records(lethe)))
    tail = lethe.cli("audit", "tail")
    equal(tail.returncode, 0, tail.stderr)
    check(all(c == "\n" or " " <= c < "\x7f" for c in tail.stdout), repr(tail.stdout))
    refused = [r for r in records(lethe) if r["outcome"] == "refused"]
    equal((refused[0]["who"], refused[0]["error"]), ("-", "UNAUTHORIZED"), "the refusal")
    assert_whole(lethe)


def test_the_reports_say_what_was_asked(env):
    """A stolen key: what the breach report says is what the thief got."""
    lethe = started(env)
    for i in range(PEOPLE):
        put(lethe, f"person-{i}")
    got = set()
    for i in (0, 1, 2, 1):
        shown = get(lethe, f"person-{i}")
        equal(shown.json()["note"], f"note of person-{i}", "shown")
        got.add(i)
    equal(lethe.request("GET", "/users/person-5", caller="support-desk",
                        headers=[("Lethe-Purpose", "marketing")]).status, 403, "another purpose")

    def report(*args):
        result = lethe.cli("report", *args, "--json")
        check(result.returncode in (0, 3), f"{args}: {result.stderr}")
        return json.loads(result.stdout)

    until("the refusal's record", 10, lambda: any(r["outcome"] == "refused" for r in records(lethe)))
    breach = report("breach", "--caller", "support-desk", "--aware", "2026-03-27T15:00Z")
    equal((breach["summary"]["people"], breach["summary"]["values"], breach["summary"]["refused"]),
          (len(got), 4, 1), f"{breach}")
    equal(breach["summary"]["notify_by"], "2026-03-30T15:00:00Z", "72 hours")
    access = report("access")
    row = [r for r in access["rows"] if r["caller"] == "support-desk" and r["class"] == "note"][0]
    equal((row["requests"], row["values"], row["people"]), (4, 4, len(got)), f"{row}")


def test_buffered_reveals_are_said_and_written(env):
    lethe = started(env, reveals="buffered")
    check("reveals: buffered" in lethe.process.output(), "no warning at the start")
    put(lethe, "ada")
    equal(get(lethe, "ada").status, 200, "shown")
    until("the record", 10, lambda: any(r["action"] == "reveal" for r in records(lethe)))
    equal(lethe.stop(), 0, "stop")
    lethe.start()
    assert_whole(lethe)


def test_bad_settings_are_refused(env):
    lethe = started(env)
    for audit, what in (({"reveals": "never"}, "durable or buffered"), ({"heads": "mail"}, "file:PATH or syslog"),
                        ({"keep": "P1D"}, "P30D at least"), ({"keep": "soon"}, "a period"), ({"of": 1}, "of")):
        lethe.config["audit"] = audit
        lethe.save()
        result = lethe.cli("check")
        equal(result.returncode, 78, f"{audit}: {result.stderr}")
        check(what in result.stderr, f"{audit}: {result.stderr}")


def lengthen(env, lethe, size):
    """Records of thousands of people each, until the first segment is so long."""
    plain, tokens = env.path("plain.csv"), env.path("tokens.csv")
    if not os.path.exists(tokens):
        write_csv(plain, rows_of(5000))
        equal(tokenize(lethe, plain, tokens).returncode, 0, "dump in")
    for i in range(100):
        with open(segment(lethe), "rb") as f:
            if len(f.read().rstrip(b"\0")) > size:
                return
        equal(reveal(lethe, tokens, env.path(f"out{i}.csv")).returncode, 0, "dump out")
        os.unlink(env.path(f"out{i}.csv"))
    check(False, "the trail does not grow")


def test_e60_what_is_rare_is_found_in_a_long_trail_whatever_becomes_of_its_index(env):
    lethe = started(env)
    put(lethe, "ada", caller="support-desk")
    lengthen(env, lethe, 3 << 20)
    put(lethe, "ada", caller="support-desk")
    lengthen(env, lethe, 5 << 20)
    searches = (["--caller", "support-desk"], ["--action", "configure"], ["--subject", "ada"], ["--caller", "nobody"],
                ["--caller", "support-desk", "--action", "tokenize"], ["--from", "2001-01-01", "--to", "2002-01-01"])
    index = os.path.join(lethe.store, "audit", "000001.idx")

    if os.path.exists(index):  # adding up the days' access, which the server does by itself, is a search, too
        os.unlink(index)
    everything = records(lethe)

    def found(until=everything[-1]["number"]):  # a search for a person is a record about the person
        return [[r["number"] for r in records(lethe, *args) if r["number"] <= until] for args in searches]

    first = found()
    check(os.path.exists(index), "no index after a search")
    equal(first[0], [r["number"] for r in everything if r.get("who") == "support-desk"], "by caller")
    equal(first[1], [r["number"] for r in everything if r["action"] == "configure"], "by action")
    check(len(first[2]) >= 2 and first[3] == [] and len(first[4]) == 2 and first[5] == [], first)
    equal(found(), first, "through the index")
    with open(index, "r+b") as f:
        for page in range(1, os.path.getsize(index) // 4096):
            f.seek(page * 4096 + 100)
            f.write(bytes(1000))
    equal(found(), first, "past a damaged index")
    os.truncate(index, 5000)
    equal(found(), first, "past a cut index")
    lethe.kill()
    lethe.start()
    put(lethe, "ada", caller="support-desk")
    after = found(10 ** 9)
    equal(after[0][:len(first[0])], first[0], "by caller, after a crash")
    check(len(after[0]) > len(first[0]), "what came after the crash is missing")
    assert_whole(lethe)
