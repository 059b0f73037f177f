# SPDX-License-Identifier: Apache-2.0
"""Deletion rules: changed, versioned, previewed, applied; by whose calendar; what is refused."""
import copy
import json

from harness import Lethe, check, equal, until
from upstreams import Recorder


def start(env, **overrides):
    app = Recorder(env)
    lethe = Lethe(env, app.url, sweep_interval="1s", **overrides)
    lethe.config["classes"]["note"]["retain"] = {"period": "P10Y"}
    lethe.save()
    return lethe.start()


def items(lethe, name="note"):
    result = lethe.cli("report", "retention", "--format", "json")
    check(result.returncode in (0, 3), f"report: {result}")
    return next(r for r in json.loads(result.stdout)["rows"] if r["class"] == name)["items"]


def store(lethe, count):
    for i in range(count):
        equal(lethe.request("PUT", f"/users/{i}", {"note": f"note {i}"}).status, 200, "PUT")


def set_rule(lethe, **rule):
    lethe.config["classes"]["note"]["retain"] = rule
    lethe.save()


def preview(lethe):
    result = lethe.cli("retention", "preview", "--json")
    equal(result.returncode, 0, f"preview: {result.stderr}")
    return json.loads(result.stdout)


def versions(lethe):
    """Of the class note: one JSON document after the other."""
    result = lethe.cli("retention", "versions", "--class", "note", "--json")
    equal(result.returncode, 0, f"versions: {result.stderr}")
    text, found = result.stdout.strip(), []
    while text:
        document, end = json.JSONDecoder().raw_decode(text)
        found.append(document)
        text = text[end:].strip()
    return found


def swept(lethe):
    """A sweep that began after now has ended: a value of two seconds that is stored now is gone."""
    until("a sweep", 20, lambda: items(lethe, "phone") == 0, pause=0.1)


def test_e50_editing_a_rule_destroys_nothing_and_applying_it_what_was_previewed(env):
    lethe = start(env)
    store(lethe, 12)
    before = preview(lethe)
    equal((before["classes"], before["digest"]), ([], None), "nothing changed")
    set_rule(lethe, period="PT1S")
    proposal = preview(lethe)
    check(not proposal["in_force"], "the server has not read the file again")
    result = lethe.cli("retention", "apply", "--confirm", proposal["digest"])
    equal(result.returncode, 1, "apply before the reload")
    check("not those of the preview" in result.stderr, result.stderr)
    lethe.config["classes"]["phone"]["retain"] = {"period": "PT1S"}
    lethe.save()
    equal(lethe.cli("reload").returncode, 0, "reload")
    lethe.request("PUT", "/users/1", {"phones": ["+44 1632 960001"]})
    swept(lethe)
    equal(items(lethe), 12, "after the reload and a sweep")
    seen = preview(lethe)
    row, = seen["classes"]
    equal((row["class"], row["values"], row["earlier"], row["at_once"], seen["in_force"]),
          ("note", 12, 12, 12, True), "the preview")
    result = lethe.cli("retention", "preview")
    check("12 values would be destroyed" in result.stdout, result.stdout)
    result = lethe.cli("retention", "apply", "--confirm", seen["digest"], "--json")
    equal(result.returncode, 0, f"apply: {result.stderr}")
    equal(json.loads(result.stdout)["classes"][0]["changed"], 12, "values that were re-timed")
    until("the sweep", 20, lambda: items(lethe) == 0, pause=0.1)
    equal([(v["version"], v["rule"]["retain"]["period"]) for v in versions(lethe)],
          [(1, "P10Y"), (2, "PT1S")], "versions")
    equal(versions(lethe)[0]["rule"]["timezone"], "UTC", "the zone")


def test_an_application_of_rules_survives_kill_in_the_middle(env):
    check(env.has_faults(), "this build has no fault points: use the dev or asan one")
    lethe = start(env)
    lethe.config["routes"][0]["request"].append({"json": "$.notes[*]", "class": "note"})
    lethe.save()
    equal(lethe.cli("reload").returncode, 0, "reload")
    equal(lethe.request("PUT", "/users/1", {"notes": [f"n{i}" for i in range(2500)]}).status, 200,
          "PUT")
    lethe.stop()
    lethe.config["sweep_interval"] = "1d"  # or the first batch may be destroyed before the second is re-timed
    set_rule(lethe, period="PT1S")
    lethe.start(fault="retime.batch:2")
    digest = preview(lethe)["digest"]
    result = lethe.cli("retention", "apply", "--confirm", digest)
    check(result.returncode != 0, "apply on a server that died")
    equal(lethe.died(), -9, "exit while values were re-timed")
    equal(items(lethe), 2500, "before the restart")
    lethe.config["sweep_interval"] = "1s"
    lethe.save()
    lethe.start()
    until("all of them to be gone", 30, lambda: items(lethe) == 0, pause=0.1)
    result = lethe.cli("retention", "apply", "--confirm", digest, "--json")
    equal(result.returncode, 0, f"apply, again: {result.stderr}")
    equal(json.loads(result.stdout)["state"], "done", "the run")


def test_rules_are_applied_without_a_server(env):
    lethe = start(env)
    store(lethe, 3)
    lethe.stop()
    set_rule(lethe, period="P20Y", round="year_end")
    seen = preview(lethe)
    equal((seen["in_force"], seen["classes"][0]["later"], seen["at_once"]), (True, 3, 0),
          "the preview")
    result = lethe.cli("retention", "apply", "--confirm", seen["digest"])
    equal(result.returncode, 0, f"apply: {result.stderr}")
    equal(preview(lethe)["classes"], [], "what is left to do")
    result = lethe.cli("retention", "simulate", "--at", "2150-01-01", "--json")
    tree = json.loads(result.stdout)
    row = next(r for r in tree["classes"] if r["class"] == "note")
    equal((row["due"], row["left"], len(row["days"])), (3, 0, 1), "the simulation")
    check(row["days"][0]["day"].endswith("-01-01"), f"due at a year's end: {row}")


def test_simulation_counts_without_a_scan(env):
    lethe = start(env)
    store(lethe, 5)
    result = lethe.cli("retention", "simulate", "--at", "2150-01-01")
    equal(result.returncode, 0, result.stderr)
    check("5 due by the end of 2150-01-01 (UTC)" in result.stdout, result.stdout)
    again = lethe.cli("retention", "simulate", "--at", "2150-01-01", "--progress")
    equal((again.returncode, again.stdout), (0, result.stdout), "a bar is only for what takes long, and on another stream")
    for wrong, code in (("2001-01-01", 1), ("soon", 1), ("2027-02-29", 1)):
        equal(lethe.cli("retention", "simulate", "--at", wrong).returncode, code, wrong)
    equal(lethe.cli("retention", "simulate").returncode, 2, "without a day")


def test_commands_refuse_what_they_cannot_do(env):
    lethe = start(env)
    for digest, words in (("nonsense", "has 32 characters"), ("0" * 32, "no preview")):
        result = lethe.cli("retention", "apply", "--confirm", digest)
        equal(result.returncode, 1, digest)
        check(words in result.stderr, result.stderr)
    equal(lethe.cli("retention", "apply").returncode, 2, "without a digest")
    lethe.config["controller"] = {"timezone": "Europe/Berlin"}
    lethe.save()
    result = lethe.cli("retention", "preview")
    equal(result.returncode, 1, "another zone")
    check("a changed one needs a restart" in result.stderr, result.stderr)


def test_the_time_zone_changes_at_a_restart(env):
    lethe = start(env, controller={"name": "Example", "timezone": "Europe/Berlin"})
    lethe.config["controller"]["timezone"] = "America/New_York"
    lethe.save()
    result = lethe.cli("reload")
    equal(result.returncode, 78, "reload with another zone")
    check("needs a restart" in result.stderr and "test.yaml:" in result.stderr, result.stderr)
    lethe.stop()
    lethe.start()
    equal([v["rule"]["timezone"] for v in versions(lethe)], ["Europe/Berlin", "America/New_York"],
          "versions")


def test_bad_rules_are_refused_with_their_place(env):
    lethe = Lethe(env, Recorder(env).url)
    good = copy.deepcopy(lethe.config)
    note = {"purposes": ["support"], "basis": "6(1)(f)", "retain": {"period": "P90D"}}
    rule = note["retain"]
    cases = (
        ({**note, "retain": [rule, rule]}, "a class has one deletion rule"),
        ({k: v for k, v in note.items() if k != "retain"}, '"retain" is missing'),
        ({**note, "retain": {**rule, "minimum": "P1Y", "minimum_law": "x"}},
         "the minimum can end after the period does"),
        ({**note, "retain": {**rule, "minimum": "P30D"}}, "minimum_law is missing"),
        ({**note, "retain": {**rule, "review": "2027-02-30"}}, "a date that exists"),
        ({**note, "retain": {**rule, "round": "week"}}, "round must be"),
        ({**note, "retain": {**rule, "from": "event:x"}}, "a backstop"),
        ({**note, "special": "9(2)(h)", "deterministic": True}, "cannot be deterministic"),
        ({**note, "basis": "6(1)(c)"}, '"law" is missing'),
        ({**note, "basis": "9(2)(h)"}, 'is written as special: "9(2)(h)"'),
    )
    for definition, words in cases:
        lethe.config = copy.deepcopy(good)
        lethe.config["classes"]["note"] = definition
        lethe.save()
        result = lethe.cli("check")
        equal(result.returncode, 78, f"check of {definition}")
        check(words in result.stderr and "test.yaml:" in result.stderr, result.stderr)
    lethe.config = copy.deepcopy(good)
    lethe.config["controller"] = {"timezone": "Europe/Berlon"}
    lethe.save()
    result = lethe.cli("check")
    equal(result.returncode, 78, "a zone that is none")
    check("knows no such time zone" in result.stderr, result.stderr)
