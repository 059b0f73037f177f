# SPDX-License-Identifier: Apache-2.0
"""The sweeper: it pauses when far more is due than was foreseen, asks, and writes down what it did."""
import json
import sqlite3
import time

from clocks import Clock
from harness import Lethe, check, equal, until
from upstreams import Recorder


def started(env, breaker=None, clock=False, period="P30D"):
    app = Recorder(env)
    lethe = Lethe(env, app.url, sweep_interval="1s", retention={"breaker": breaker or {"at_least": 5}})
    lethe.config["classes"]["note"]["retain"] = {"period": period, "from": "created"}
    lethe.config["routes"][0]["request"].append({"json": "$.notes[*]", "class": "note"})
    lethe.save()
    wall = Clock(env, lethe) if clock else None
    return app, lethe.start(), wall


def status(lethe):
    result = lethe.cli("retention", "status", "--json")
    told = json.loads(result.stdout)
    paused = [c["class"] for c in told["classes"] if c["paused"]]
    equal(result.returncode, 3 if paused else 0, "exit code")
    return told


def of(lethe, name="note"):
    return next(c for c in status(lethe)["classes"] if c["class"] == name)


def store(lethe, count):
    lethe.request("PUT", "/users/1", {"notes": [f"n{i}" for i in range(count)], "email": "a@x.example"})


def foreseen(lethe, wall, count):
    """Let the sweeper look, an hour later, so that what is stored is what it foresees with."""
    store(lethe, count)
    wall.set("+2h")
    until("the sweeper to have looked", 10, lambda: len(status(lethe)["classes"]) == 3
          and status(lethe)["last_run"] is not None and of(lethe)["forecast"] == 0)


def test_e49_a_leap_that_was_accepted_destroys_nothing_before_somebody_has_looked(env):
    _, lethe, wall = started(env, clock=True)
    foreseen(lethe, wall, 40)
    wall.set("+10y")
    until("the leap to be seen", 10, lambda: lethe.cli("clock", "status").returncode == 3)
    equal(lethe.cli("clock", "accept").returncode, 0, "clock accept")
    until("the class to be paused", 30, lambda: of(lethe)["paused"])
    time.sleep(2.2)  # two passes
    row = of(lethe)
    equal((row["items"], row["due"], row["forecast"], row["paused"]["why"]), (40, 40, 0, "unforeseen"),
          "the class")
    equal(of(lethe, "email")["items"], 0, "one value that nobody foresaw is no matter")
    check("purge_paused" in lethe.process.output(), "not said in the log")
    # Over a restart, too.
    equal(lethe.stop(), 0, "exit code")
    lethe.start()
    time.sleep(1.2)
    equal(of(lethe)["items"], 40, "after a restart")
    report = lethe.cli("report", "retention", "--json")
    reasons = {r["class"]: r["attention"] for r in json.loads(report.stdout)["rows"]}
    equal((report.returncode, "sweep_paused" in reasons["note"]), (3, True), f"report ({reasons})")
    text = lethe.cli("retention", "status")
    check("PAUSED" in text.stdout and text.returncode == 3, f"{text}")
    equal(lethe.cli("retention", "resume", "--class", "note").returncode, 0, "resume")
    until("what is due to go", 10, lambda: of(lethe)["items"] == 0)
    equal(status(lethe)["attention"], False, "attention")


def test_e49_a_clock_put_right_again_keeps_everything(env):
    app, lethe, wall = started(env, clock=True)
    foreseen(lethe, wall, 40)
    wall.set("+10y")
    until("the leap to be seen", 10, lambda: lethe.cli("clock", "status").returncode == 3)
    equal(lethe.cli("clock", "accept").returncode, 0, "clock accept")
    until("the class to be paused", 30, lambda: of(lethe)["paused"])
    wall.set("+2h")
    equal(lethe.cli("clock", "accept").returncode, 0, "clock accept, back")
    equal(of(lethe)["due"], 0, "due again")
    equal(lethe.cli("retention", "resume", "--class", "note").returncode, 0, "resume")
    time.sleep(2.2)
    row = of(lethe)
    equal((row["items"], row["paused"]), (40, None), "the class")
    shown = lethe.request("GET", "/users/1", caller="officer").json()
    equal(shown["notes"][0], "n0", "a value")


def test_a_month_off_pauses_nothing(env):
    _, lethe, wall = started(env, clock=True, period="P10D")
    foreseen(lethe, wall, 40)
    equal(lethe.stop(), 0, "exit code")
    wall.set("+29d")
    lethe.start()
    until("what is due to go", 10, lambda: of(lethe)["items"] == 0)
    equal(status(lethe)["attention"], False, "attention")
    run = status(lethe)["last_run"]
    equal([(c["class"], c["purged"]) for c in run["classes"]], [("note", 40)], "the run")
    check(18 * 86400 < run["classes"][0]["delay_s"] < 20 * 86400, f"the delay: {run}")


def test_e48_small_steps_of_the_clock_change_nothing(env):
    """A clock that is put right by seconds, forth and back, over restarts."""
    app, lethe, wall = started(env, clock=True, period="PT1H")
    store(lethe, 40)
    for offset in ("+20s", "-10s", "+40s", "+0s"):
        wall.set(offset)
        time.sleep(1.1)
        equal(lethe.cli("clock", "status").returncode, 0, f"clock status at {offset}")
        equal(lethe.stop(), 0, "exit code")
        lethe.start()
    row = of(lethe)
    equal((row["items"], row["paused"]), (40, None), "the class")


def test_due_times_changed_in_the_database_pause_the_class(env):
    """The counters know nothing of it: a batch is lost, the rest is not."""
    _, lethe, _ = started(env)
    store(lethe, 1200)
    equal(lethe.stop(), 0, "exit code")
    with sqlite3.connect(f"{lethe.store}/vault.db") as db:
        table = next(t for (t,) in db.execute("select name from sqlite_master where name glob 'val_*'"
                                              " and type = 'table'")
                     if db.execute(f"select count(*) from {t}").fetchone()[0] == 1200)
        db.execute(f"update {table} set due = 1000000000")
    lethe.start()
    until("the class to be paused", 30, lambda: of(lethe)["paused"])
    row = of(lethe)
    equal(row["paused"]["why"], "uncounted", "why")
    with sqlite3.connect(f"file:{lethe.store}/vault.db?mode=ro", uri=True) as db:
        left = db.execute(f"select count(*) from {table}").fetchone()[0]
    check(600 <= left < 1200, f"{left} rows left")


def test_resuming_what_is_not_paused_is_refused(env):
    _, lethe, _ = started(env)
    for name, said in (("note", "not paused"), ("no-such", "class")):
        result = lethe.cli("retention", "resume", "--class", name)
        equal(result.returncode, 1, f"exit code for {name}")
        check(said in result.stderr, f"{result}")
    equal(lethe.cli("retention", "resume").returncode, 2, "without a class")


def purges(lethe):
    result = lethe.cli("report", "purges", "--json")
    check(result.returncode in (0, 3), f"report: {result}")
    return json.loads(result.stdout)


def test_a_run_that_was_killed_is_recorded_with_the_right_numbers(env):
    check(env.has_faults(), "this build has no fault points: use the dev or asan one")
    _, lethe, _ = started(env, period="PT5S")
    store(lethe, 1200)
    lethe.kill()
    stored = time.monotonic()
    until("the values to be over", 10, lambda: time.monotonic() > stored + 5.1)
    lethe.start(fault="purge.batch:4", wait=False)
    equal(lethe.died(), -9, "exit in the sweep")
    # What was committed before the kill; the batch that was under way was not.
    with sqlite3.connect(f"file:{lethe.store}/vault.db?mode=ro", uri=True) as db:
        left = max(db.execute(f"select count(*) from {t}").fetchone()[0] for (t,) in
                   db.execute("select name from sqlite_master where name glob 'val_*' and type = 'table'")
                   .fetchall())
    check(0 < left < 1200, f"{left} left")
    lethe.start()
    until("the sweep", 15, lambda: of(lethe)["items"] == 0)
    rows = [r for r in purges(lethe)["rows"] if r["class"] == "note"]
    equal([(r["end"], r["purged"]) for r in rows], [("interrupted", 1200 - left), ("done", left)],
          "the runs")
    days = json.loads(lethe.cli("report", "purge-days", "--json").stdout)["rows"]
    equal(sum(r["purged_timer"] for r in days), 1200, "by day")
    table = lethe.cli("report", "purges")
    check("interrupted" in table.stdout, f"{table}")
