# SPDX-License-Identifier: Apache-2.0
"""A made history (tests/history): reports, overview and figures against the history's own account."""
import json
import subprocess

from harness import check, equal

SMALL = ("--persons", "300", "--days", "240")


class History:
    """A store with a history; commands open it themselves."""

    def __init__(self, env, *options, folder="history"):
        self.env, self.dir = env, env.path(folder)
        made = subprocess.run([f"{env.build}/tests/history", self.dir, *options], capture_output=True, text=True,
                              timeout=400, check=False)
        equal(made.returncode, 0, f"history: {made.stderr}")
        self.account = json.loads(made.stdout)

    def run(self, *words):
        result = subprocess.run([f"{self.env.build}/lethe", *words, "-c", f"{self.dir}/lethe.yaml"],
                                capture_output=True, text=True, timeout=120, check=False)
        check(result.returncode in (0, 3), f"{words}: {result}")
        return result.stdout

    def ask(self, *words):
        return json.loads(self.run(*words, "--json"))


def day_after(day):
    import datetime
    return str(datetime.date.fromisoformat(day) + datetime.timedelta(1))


def days_before(day, days):
    import datetime
    return str(datetime.date.fromisoformat(day) - datetime.timedelta(days))


def test_reports_agree_with_the_historys_own_account(env):
    history = History(env, *SMALL)
    account = history.account
    tree = history.ask("report", "retention")
    rows = {row["class"]: row for row in tree["rows"]}
    equal({name: row["created_ever"] for name, row in rows.items()}, account["created"], "values stored")
    gone = account["swept"] + account["erased"]
    equal(sum(row["purged_ever"] for row in rows.values()), gone, "values destroyed")
    equal(sum(row["items"] for row in rows.values()), sum(account["created"].values()) - gone, "values kept")
    equal([name for name, row in rows.items() if not row["balanced"]], [], "books that do not balance")
    equal([name for name, row in rows.items() if row["counted"] != row["items"]], [], "counts that differ")
    check(account["swept"] > 100 and account["erased"] > 10, f"a history without ends: {account}")
    holds = history.ask("report", "holds")
    equal(holds["summary"]["in_force"], account["holds"], "holds")
    equal(holds["summary"]["objections"], account["objections"], "objections")
    listed = history.ask("report", "requests", "--from", "2000-01-01")
    equal(listed["summary"]["requests"], account["requests"], "requests")
    equal(listed["summary"]["answered"], account["answered"], "answers")


def test_balance_lines_of_periods_fit_together(env):
    history = History(env, *SMALL)
    until = day_after(history.account["until"])
    edges = [history.account["first"], days_before(until, 100), days_before(until, 31), days_before(until, 7), until]
    before = {}
    for start, end in zip(edges, edges[1:]):
        for row in history.ask("report", "retention", "--from", start, "--to", end)["rows"]:
            purged = row["purged_timer"] + row["purged_erasure"]
            equal(row["opening"] + row["created"] - purged, row["closing"], f"{row['class']} in {start}")
            equal(row["opening"], before.get(row["class"], 0), f"{row['class']}: opening of {start}")
            before[row["class"]] = row["closing"]
    items = {row["class"]: row["items"] for row in history.ask("report", "retention")["rows"]}
    equal(before, items, "the last closing is what is there")


def test_overview_and_figures_agree_with_the_account_and_the_reports(env):
    history = History(env, *SMALL)
    account, until = history.account, day_after(history.account["until"])
    tree = history.ask("overview", "--from", days_before(until, 30), "--to", until)
    access = tree["access"]
    equal((access["values"], access["masks"], access["refused"]),
          (account["shown_lately"], account["masked_lately"], account["refused_lately"]), "what was shown lately")
    check("growth" in access["attention"], f"the mailer's growth: {access['callers']}")
    equal(tree["held"]["holds"]["in_force"], account["holds"], "holds")
    equal((access["incidents"], access["suspended"]), (1, 1), "incidents")
    equal([(c["class"], c["reason"]) for c in tree["overdue"]["classes"]], [("visit", "sweep_paused")], "overdue")
    equal(tree["destroyed"]["audit"]["verdict"], "whole", "the audit trail")
    equal(tree["destroyed"]["balance"]["balanced"], True, "the balance")
    check(tree["requests"]["past_due"] > 0, f"requests past due: {tree['requests']}")
    rows = history.ask("report", "requests")["rows"]
    equal(tree["requests"]["past_due"], sum(r["standing"] == "past due" for r in rows), "past due in the register")
    whole = history.ask("overview", "--from", days_before(until, 1000), "--to", until)["destroyed"]
    equal(whole["receipts"]["verified"], account["receipts"], "receipts")
    equal(whole["runs"]["failed"], account["failed_sweeps"], "failed sweeps")
    equal((whole["timer"], whole["erasure"]), (account["swept"], account["erased"]), "destroyed")


def test_the_same_seed_gives_the_same_history(env):
    options = ("--persons", "60", "--days", "120", "--until", "1795000000")
    first, second = (History(env, *options, folder=name).account for name in ("a", "b"))
    equal(first, second, "the account")
    other = History(env, *options, "--seed", "2", folder="c").account
    check(other != first, "another seed")
