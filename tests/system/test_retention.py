# SPDX-License-Identifier: Apache-2.0
"""Retention: what is over is refused at once and destroyed by the sweeper; the books balance."""
import json
import os
import sqlite3
import time

from clocks import Clock
from harness import Lethe, check, equal, until
from upstreams import Recorder

PERSON = {"email": "short@example.org", "note": "short-lived"}


def started(env, **overrides):
    app = Recorder(env)
    lethe = Lethe(env, app.url, **overrides)
    lethe.config["classes"]["note"]["retain"] = {"period": "PT5S", "from": "created"}
    lethe.save()
    return app, lethe.start()


def row(lethe, name="note"):
    result = lethe.cli("report", "retention", "--format", "json")
    check(result.returncode in (0, 3), f"report: {result}")
    return next(r for r in json.loads(result.stdout)["rows"] if r["class"] == name)


def note(lethe):
    return lethe.request("GET", "/users/1", caller="officer").json()["note"]


def test_what_is_over_is_refused_before_the_sweep(env):
    app, lethe = started(env, sweep_interval="1d")
    lethe.request("PUT", "/users/1", PERSON, caller="officer")
    token = app.last().json()["note"]
    equal(note(lethe), "short-lived", "at first")
    until("the token to die", 20, lambda: note(lethe) == token)
    equal(lethe.request("GET", "/users/1", caller="officer").json()["email"], PERSON["email"],
          "a value of another class")
    result = lethe.cli("reveal", token)
    equal((result.returncode, result.stdout), (1, ""), "lethe reveal")
    equal((row(lethe)["created"], row(lethe)["items"]), (1, 1), "rows before the sweep")


def test_what_is_over_is_destroyed_by_the_sweep(env):
    app, lethe = started(env, sweep_interval="1s")
    for i in range(30):
        lethe.request("PUT", f"/users/{i}", {"note": f"short-lived {i}", "email": f"k{i}@x.example"})
    tokens = [json.loads(body)["note"] for body in app.handler.users.values()]
    check(row(lethe)["created"] == 30, f"{row(lethe)}")
    until("the sweep", 15, lambda: row(lethe)["items"] == 0)
    books = row(lethe)
    equal((books["created"], books["purged_timer"], books["purged_erasure"], books["balanced"]),
          (30, 30, 0, True), "the books of the short-lived class")
    books = row(lethe, "email")
    equal((books["created"], books["items"], books["purged_timer"], books["balanced"]),
          (30, 30, 0, True), "the books of the other class")
    result = lethe.cli("reveal", data="\n".join(tokens) + "\n")
    equal((result.returncode, result.stdout.strip()), (1, ""), "lethe reveal")
    # The rows themselves are gone, not only refused.
    lethe.stop()
    with sqlite3.connect(f"file:{lethe.store}/vault.db?mode=ro", uri=True) as db:
        tables = [t for (t,) in db.execute("select name from sqlite_master where type = 'table'"
                                           " and name glob 'val_*'")]
        counts = sorted(db.execute(f"select count(*) from {t}").fetchone()[0] for t in tables)
    equal(counts, [0, 0, 30], f"rows of {sorted(tables)}")


def test_a_value_stored_again_after_its_end_is_a_new_token(env):
    app, lethe = started(env, sweep_interval="1s")
    lethe.request("PUT", "/users/1", PERSON)
    first = app.last().json()["note"]
    until("the token to die", 20, lambda: note(lethe) == first)
    lethe.request("PUT", "/users/1", PERSON)
    second = app.last().json()["note"]
    check(second != first, "the dead token came back")
    equal(note(lethe), "short-lived", "the new one")


def test_a_dead_token_sent_in_is_refused(env):
    app, lethe = started(env, sweep_interval="1s")
    lethe.request("PUT", "/users/1", PERSON)
    token = app.last().json()["note"]
    until("the token to die", 20, lambda: note(lethe) == token)
    count = app.count()
    response = lethe.request("PUT", "/users/1", {"note": token}, caller="officer")
    equal(response.status, 422, "PUT of a dead token")
    equal(app.count(), count, "requests upstream")


def test_an_expired_deterministic_value_gets_a_new_token(env):
    app = Recorder(env)
    lethe = Lethe(env, app.url, sweep_interval="1d")
    lethe.config["classes"]["phone"]["retain"] = {"period": "PT5S", "from": "created"}
    lethe.save()
    lethe.start()
    lethe.request("PUT", "/users/1", {"phones": ["+44 1632 960001"]})
    first = app.last().json()["phones"]

    def dead():
        return lethe.request("GET", "/users/1", caller="officer").json()["phones"] == first

    until("the token to die", 20, dead)
    lethe.request("PUT", "/users/1", {"phones": ["+44 1632 960001"]})
    check(app.last().json()["phones"] != first, "the dead token was used again")
    equal(lethe.request("GET", "/users/1", caller="officer").json()["phones"], ["+44 1632 960001"],
          "the new one")


def test_purging_survives_kill_in_the_middle(env):
    check(env.has_faults(), "this build has no fault points: use the dev or asan one")
    app = Recorder(env)
    lethe = Lethe(env, app.url, sweep_interval="1s")
    lethe.config["classes"]["note"]["retain"] = {"period": "PT5S", "from": "created"}
    lethe.config["routes"][0]["request"].append({"json": "$.notes[*]", "class": "note"})
    lethe.save()
    lethe.start()
    lethe.request("PUT", "/users/1", {"notes": [f"n{i}" for i in range(1200)]})
    lethe.kill()
    stored = time.monotonic()
    until("the values to be over", 10, lambda: time.monotonic() > stored + 5.1)
    # Two classes with nothing to purge, then the first of three batches.
    lethe.start(fault="purge.batch:3", wait=False)
    equal(lethe.died(), -9, "exit in the sweep")
    lethe.start()
    until("the sweep", 15, lambda: row(lethe)["items"] == 0)
    books = row(lethe)
    equal((books["created"], books["purged_timer"], books["balanced"]), (1200, 1200, True),
          "the books")


def test_a_purge_that_fails_is_said_and_tried_again(env):
    app = Recorder(env)
    lethe = Lethe(env, app.url, sweep_interval="1s")
    lethe.config["classes"]["note"]["retain"] = {"period": "PT5S", "from": "created"}
    lethe.save()
    lethe.can_fail()
    lethe.start()
    lethe.request("PUT", "/users/1", PERSON)
    lethe.fail("sync")
    until("the failure in the log", 15, lambda: "purge_failed" in lethe.process.output())
    lethe.alive()
    lethe.fail(None)
    until("the sweep", 15, lambda: row(lethe)["items"] == 0)
    check(row(lethe)["balanced"], f"the books do not balance: {row(lethe)}")


def test_the_report_in_its_formats(env):
    _, lethe = started(env, sweep_interval="1d")
    lethe.request("PUT", "/users/1", PERSON)
    table = lethe.cli("report", "retention", "--wide")
    check(table.returncode in (0, 3), f"{table}")
    for word in ("email", "phone", "note", "P2Y", "P1Y", "PT5S", "6(1)(b)"):
        check(word in table.stdout, f"{word} is missing in\n{table.stdout}")
    csv = lethe.cli("report", "retention", "--format", "csv").stdout
    equal(len(csv.splitlines()), 4, "lines of the CSV")
    whole = json.loads(lethe.cli("report", "retention", "--json").stdout)
    equal((whole["summary"]["subjects"], len(whole["rows"])), (1, 3), "the JSON report")
    check(os.path.exists(os.path.join(lethe.store, "control.sock")), "asked the server")
    lethe.stop()
    direct = json.loads(lethe.cli("report", "retention", "--json").stdout)
    equal(direct["rows"], whole["rows"], "the report without a server")
    equal(direct["configuration"], whole["configuration"], "which configuration it was")


def clocked(env):
    app = Recorder(env)
    lethe = Lethe(env, app.url, sweep_interval="1s")
    lethe.config["classes"]["note"]["retain"] = {"period": "PT5S", "from": "created"}
    lethe.save()
    clock = Clock(env, lethe)
    return app, lethe.start(), clock


def clock_state(lethe):
    result = lethe.cli("clock", "status", "--json")
    state = json.loads(result.stdout)["state"]
    equal(result.returncode, 0 if state == "right" else 3, "exit code")
    return state


def test_e48_a_clock_set_back_keeps_nothing_longer(env):
    """Neither while the server runs nor over a restart."""
    app, lethe, clock = clocked(env)
    lethe.request("PUT", "/users/1", PERSON, caller="officer")
    token = app.last().json()["note"]
    clock.set("-1y")
    until("the change to be seen", 10, lambda: clock_state(lethe) == "behind")
    until("the note to be over all the same", 15, lambda: note(lethe) == token)
    until("the sweep", 15, lambda: row(lethe)["items"] == 0)
    lethe.request("PUT", "/users/2", {"note": "later"})
    equal(lethe.stop(), 0, "exit code")
    lethe.start()
    equal(clock_state(lethe), "behind", "after a restart")
    until("the sweep after the restart", 15, lambda: row(lethe)["items"] == 0)
    clock.set("+0")
    until("the clock to be right again", 10, lambda: clock_state(lethe) == "right")


def test_e49_a_clock_set_ahead_destroys_nothing(env):
    """Until an operator says that it is right."""
    app, lethe, clock = clocked(env)
    lethe.request("PUT", "/users/1", PERSON, caller="officer")
    shown = lethe.request("GET", "/users/1", caller="officer").json()
    for restart in (False, True):
        clock.set("+10y")
        if restart:
            equal(lethe.stop(), 0, "exit code")
            lethe.start()
        until("the change to be seen", 10, lambda: clock_state(lethe) == "ahead")
        time.sleep(2.5)  # two sweeps
        equal(lethe.request("GET", "/users/1", caller="officer").json()["email"], shown["email"], "GET")
        equal(row(lethe, "email")["items"], 1, "values that are kept for two years")
    accepted = lethe.cli("clock", "accept")
    equal((accepted.returncode, "right" in accepted.stdout), (0, True), f"accept ({accepted})")
    until("what is due by then to go", 15, lambda: row(lethe, "email")["items"] == 0)


def test_counters_that_differ_are_put_right_when_somebody_says_so(env):
    _, lethe = started(env, sweep_interval="1d")
    lethe.request("PUT", "/users/1", PERSON, caller="officer")
    equal(lethe.cli("retention", "recount").returncode, 0, "all agree")
    with sqlite3.connect(os.path.join(lethe.store, "vault.db"), timeout=20) as db:
        db.execute("UPDATE agg SET n=n+5 WHERE n>0")
    db.close()
    found = lethe.cli("retention", "recount", "--json")
    equal(found.returncode, 3, f"they differ: {found}")
    digest = json.loads(found.stdout)["digest"]
    check(digest in lethe.cli("retention", "recount").stdout, "it is told, and the same")
    refused = lethe.cli("retention", "repair", "--confirm", "0" * 32)
    check(refused.returncode == 1 and "nothing was changed" in refused.stderr, f"{refused}")
    equal(lethe.cli("retention", "recount").returncode, 3, "nothing was put right")
    done = lethe.cli("retention", "repair", "--confirm", digest, "--json")
    equal(done.returncode, 0, f"{done}")
    check({"class": "note", "items": 6, "counted": 1, "differ": 1, "lost": 0} in json.loads(done.stdout)["classes"], done.stdout)
    equal(lethe.cli("retention", "recount").returncode, 0, "they agree")
    after = row(lethe)
    check(after["repaired"] is not None and after["repaired_counters"] == 1 and after["balanced"], f"{after}")
    trail = lethe.cli("audit", "list", "--json").stdout
    check("retention.repair" in trail, "it stands in the trail")
