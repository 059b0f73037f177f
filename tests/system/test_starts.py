# SPDX-License-Identifier: Apache-2.0
"""What deletion rules count from: events of a person, the last use, and the backstop without them."""
import json
import time

from harness import Lethe, check, equal, until
from upstreams import Recorder, UserApp

PERSON = {"email": "ada@example.org", "note": "a note"}


def started(env, retain, **overrides):
    app = Recorder(env)
    lethe = Lethe(env, app.url, sweep_interval="1s", **overrides)
    lethe.config["classes"]["note"]["retain"] = retain
    lethe.save()
    return app, lethe.start()


def row(lethe, name="note"):
    result = lethe.cli("report", "retention", "--json")
    check(result.returncode in (0, 3), f"report: {result}")
    return next(r for r in json.loads(result.stdout)["rows"] if r["class"] == name)


def note(lethe):
    return lethe.request("GET", "/users/1", caller="officer").json()["note"]


def event(lethe, *arguments):
    return lethe.cli("subject", "event", "1", "case_closed", *arguments)


CASE = {"period": "PT3S", "from": "event:case_closed", "backstop": "P2Y"}


def test_an_event_starts_the_period(env):
    app, lethe = started(env, CASE)
    lethe.request("PUT", "/users/1", PERSON)
    token = app.last().json()["note"]
    stored = time.monotonic()
    until("longer than the period", 8, lambda: time.monotonic() > stored + 4)
    equal(note(lethe), PERSON["note"], "the value while its event has not come")
    result = event(lethe)
    equal(result.returncode, 0, f"lethe subject event: {result}")
    sent = json.loads(result.stdout)
    equal((sent["event"], sent["values"], sent["more"]), ("case_closed", 1, False), "the answer")
    shown = json.loads(lethe.cli("subject", "show", "--json", "1").stdout)
    equal([e["event"] for e in shown["events"]], ["case_closed"], "events of the person")
    until("the value to go", 15, lambda: note(lethe) == token)
    until("the sweep", 15, lambda: row(lethe)["items"] == 0)
    check(row(lethe)["balanced"], f"the books do not balance: {row(lethe)}")


def test_e52_the_event_that_never_comes(env):
    """The backstop ends the value all the same."""
    app, lethe = started(env, {"period": "P1Y", "from": "event:case_closed", "backstop": "PT2S"})
    lethe.request("PUT", "/users/1", PERSON)
    token = app.last().json()["note"]
    until("the backstop", 15, lambda: note(lethe) == token)
    until("the sweep", 15, lambda: row(lethe)["items"] == 0)


def test_e52_back_dating(env):
    """What is dated back beyond the limit, or forward, is refused with a reason; a correction is counted."""
    _, lethe = started(env, {"period": "P1Y", "from": "event:case_closed", "backstop": "P2Y"},
                       events={"case_closed": {"back_dating": "P10D"}})
    lethe.request("PUT", "/users/1", PERSON)
    for arguments, reason in ((("--at", "2020-01-31"), "back_dating"),
                              (("--at", "2999-01-31"), "future"),
                              (("--at", "2999-01-31", "--correct"), "future"),
                              (("--at", "yesterday"), "must be a date")):
        result = event(lethe, *arguments)
        check(result.returncode == 1 and reason in result.stderr, f"{arguments}: {result}")
    result = lethe.cli("subject", "event", "1", "no_such_event")
    check(result.returncode == 1 and "no class starts" in result.stderr, f"{result}")
    result = lethe.cli("subject", "event", "nobody", "case_closed")
    check(result.returncode == 1 and "no subject" in result.stderr, f"{result}")
    equal(event(lethe).returncode, 0, "the event")
    result = event(lethe, "--at", "2026-01-31")
    check(result.returncode == 1, f"an earlier one: {result}")
    result = event(lethe, "--at", "2026-01-31", "--correct")
    equal(result.returncode, 0, f"a correction: {result}")
    check(json.loads(result.stdout)["corrected"], f"{result}")
    shown = json.loads(lethe.cli("subject", "show", "--json", "1").stdout)
    equal(shown["events"][0]["corrections"], 1, "corrections")


def test_events_go_with_an_erasure(env):
    _, lethe = started(env, CASE)
    lethe.request("PUT", "/users/1", PERSON)
    equal(event(lethe).returncode, 0, "the event")
    equal(lethe.cli("subject", "erase", "1").returncode, 0, "the erasure")
    equal(lethe.cli("subject", "show", "1").returncode, 1, "the person")
    lethe.request("PUT", "/users/1", PERSON)
    shown = json.loads(lethe.cli("subject", "show", "--json", "1").stdout)
    equal(shown["events"], [], "events of who comes after")


def test_an_event_survives_kill(env):
    check(env.has_faults(), "this build has no fault points: use the dev or asan one")
    app = Recorder(env)
    lethe = Lethe(env, app.url, sweep_interval="1s")
    lethe.config["classes"]["note"]["retain"] = dict(CASE)
    lethe.config["routes"][0]["request"].append({"json": "$.notes[*]", "class": "note"})
    lethe.save()
    lethe.start()
    lethe.request("PUT", "/users/1", {"notes": [f"n{i}" for i in range(800)]})
    result = event(lethe)
    equal(json.loads(result.stdout)["more"], True, "not all at once")
    lethe.kill()
    lethe.start(fault="retime.batch:1", wait=False)
    equal(lethe.died(), -9, "exit while the rest is done")
    lethe.start()
    until("the sweep", 20, lambda: row(lethe)["items"] == 0)
    check(row(lethe)["balanced"], f"the books do not balance: {row(lethe)}")


def test_what_is_used_lives_on(env):
    app, lethe = started(env, {"period": "PT10S", "from": "last_used"})
    lethe.request("PUT", "/users/1", PERSON)
    token = app.last().json()["note"]
    end = time.monotonic() + 14
    while time.monotonic() < end:
        equal(note(lethe), PERSON["note"], "a value in use")
        time.sleep(0.5)
    until("the value to go when it is not used", 30,
          lambda: lethe.cli("reveal", token).returncode == 1)
    until("the sweep", 15, lambda: row(lethe)["items"] == 0)
    check(row(lethe)["balanced"], f"the books do not balance: {row(lethe)}")


# ---- events that a route's answers post ----

CLOSES = {"path": "/cases/{id}", "methods": ["POST"], "upstream": "app", "subject": "path.id",
          "event": {"name": "case_closed", "when": "2xx"}}


def closing(env, status, period="P1Y"):
    """An application whose answers to POST have the status that stands in status[0]."""
    users = UserApp()
    app = Recorder(env, lambda request, sock: users(request, sock) if request.method != "POST" else
                   b"HTTP/1.1 %d X\r\nContent-Length: 6\r\n\r\nclosed" % status[0])
    lethe = Lethe(env, app.url, sweep_interval="1s", events={"case_closed": {"callers": ["officer"]}})
    lethe.config["classes"]["note"]["retain"] = {**CASE, "period": period}
    lethe.config["routes"].append(CLOSES)
    lethe.save()
    return app, lethe


def events(lethe):
    return [e["event"] for e in json.loads(lethe.cli("subject", "show", "--json", "1").stdout)["events"]]


def test_a_route_posts_an_event(env):
    status = [200]
    app, lethe = closing(env, status, "PT3S")
    lethe.start()
    lethe.request("PUT", "/users/1", PERSON)
    token = app.last().json()["note"]
    seen = app.count()
    equal(lethe.request("POST", "/cases/1", caller="robot").status, 403, "a caller who is not listed")
    equal(lethe.request("POST", "/cases/1").status, 403, "nobody in particular")
    equal(app.count(), seen, "requests that went up")
    status[0] = 500
    equal(lethe.request("POST", "/cases/1", caller="officer").status, 500, "the application's no")
    equal(events(lethe), [], "events after a 500")
    status[0] = 200
    response = lethe.request("POST", "/cases/2", caller="officer")
    equal((response.status, response.body), (200, b"closed"), "a case of somebody unknown")
    equal(events(lethe), [], "events of others")
    equal(note(lethe), PERSON["note"], "the value while its event has not come")
    response = lethe.request("POST", "/cases/1", caller="officer")
    equal((response.status, response.body), (200, b"closed"), "the answer")
    equal(events(lethe), ["case_closed"], "events of the person")
    until("the value to go", 15, lambda: note(lethe) == token)
    until("the sweep", 15, lambda: row(lethe)["items"] == 0)


def test_no_answer_leaves_before_its_event(env):
    check(env.has_faults(), "this build has no fault points: use the dev or asan one")
    app, lethe = closing(env, [200])
    lethe.start()
    lethe.request("PUT", "/users/1", PERSON)
    lethe.stop()
    lethe.start(fault="event.kept:1")
    seen = app.count()
    try:
        response = lethe.request("POST", "/cases/1", caller="officer")
        check(False, f"an answer without its event: {response}")
    except (EOFError, ConnectionError):
        pass
    equal(lethe.died(), -9, "exit before the event was durable")
    equal(app.count(), seen + 1, "requests that went up")
    lethe.start()
    equal(events(lethe), [], "events after the crash")
    equal(lethe.request("POST", "/cases/1", caller="officer").status, 200, "once more")
    equal(lethe.request("POST", "/cases/1", caller="officer").status, 200, "and again")
    lethe.kill()
    lethe.start()
    equal(events(lethe), ["case_closed"], "an event that was acknowledged")


def test_a_route_without_a_subject_posts_nothing(env):
    _, lethe = closing(env, [200])
    del lethe.config["routes"][-1]["subject"]
    lethe.save()
    result = lethe.cli("check")
    check(result.returncode != 0 and ".yaml:" in result.stderr and "`subject`" in result.stderr,
          f"{result}")
