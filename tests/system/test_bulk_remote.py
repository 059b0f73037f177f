# SPDX-License-Identifier: Apache-2.0
"""Dumps of many rows over the admin API (--csv and --ndjson with --server): as on the server's own host, for whoever has a
token of the role app, and within what that token is bound to."""
import json
import os
import random
import subprocess
import time

from harness import check, equal, until
from test_admin_limits import Limited
from test_admin_once import trail
from test_bulk import FIELDS, OPAQUE, done, killed, read, read_csv, rows_of, stored, write_csv
from test_monitor import admin_address
from test_remote import Remote


class Dumps(Remote):
    """A server elsewhere and dumps here."""

    def __init__(self, env, rows, **options):
        super().__init__(env, **options)
        self.rows, self.src = rows_of(rows), env.path("dump.csv")
        write_csv(self.src, self.rows)

    def words(self, command, src, dst, *more, fields=FIELDS):
        named = ["--fields", fields] if fields else []
        whose = ["--subject", "id"] if command == "tokenize" else ["--purpose", "account"]
        return [command, "--csv", *named, *whose, "--in", src, "--out", dst, *more]

    def tokenize(self, dst, *more, who="app", fields=FIELDS):
        return self.run(who, *self.words("tokenize", self.src, dst, *more, fields=fields))

    def reveal(self, src, dst, *more, who="app", fields=FIELDS):
        return self.run(who, *self.words("reveal", src, dst, *more, fields=fields))


def left_behind(env):
    return sorted(n for n in os.listdir(env.dir) if n.endswith((".progress", ".rejects")))


def test_a_dump_comes_back_byte_for_byte_over_the_network(env):
    remote = Dumps(env, 2500)
    out, back, all_back = env.path("out.csv"), env.path("back.csv"), env.path("all.csv")
    counts = json.loads(done(remote.tokenize(out, "--json"), "tokenize").stdout)
    equal((counts["rows"], counts["values"], counts["verified"]["values"], counts["verified"]["unequal"]),
          (2500, 7500, 7500, 0), "counts")
    equal(len(OPAQUE.findall(read(out).decode())), 5000, "tokens")
    equal(stored(remote.lethe), 7500, "values in the store")
    equal(done(remote.reveal(out, back), "reveal").stderr.count("personal data in the clear"), 1, "the warning")
    check(read(back) == read(remote.src), "not the bytes of before")
    lines, tokens = env.path("dump.ndjson"), env.path("out.ndjson")
    with open(lines, "w", encoding="utf-8") as f:
        f.writelines(json.dumps({"id": n, "mail": {"to": f"m{n}@example.org"}}) + "\n" for n in range(300))
    ndjson = ["tokenize", "--ndjson", "--fields", "$.mail.to=email", "--subject", "$.id", "--in", lines, "--out", tokens]
    done(remote.run("app", *ndjson), "NDJSON")
    done(remote.run("app", "reveal", "--ndjson", "--fields", "$.mail.to=email", "--purpose", "account", "--in", tokens,
                    "--out", all_back), "NDJSON back")
    check(read(all_back) == read(lines), "not the lines of before")
    equal(left_behind(env), [], "what a job leaves behind")
    records = [r for r in trail(remote.api) if r.get("operation", "").startswith("bulk.") and r["outcome"] == "done"]
    equal({r["who"] for r in records}, {"app"}, "who did it")
    equal(sum(c["values"] for r in records if r["operation"] == "bulk.reveal" for c in r["classes"]), 2 * 7500 + 2 * 300,
          "values that were shown, in both passes")
    check("person7@" not in json.dumps(records), "a value in the trail")


def test_a_job_that_is_killed_goes_on_over_the_network(env):
    remote = Dumps(env, 40000)
    out = env.path("out.csv")
    argv = [*remote.words("tokenize", remote.src, out), *remote.server("app")]
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    rng, times = random.Random(seed), 0
    while True:
        resume = ["--resume"] if os.path.exists(out + ".progress") else []
        if not resume and os.path.exists(out):
            os.unlink(out)
        if killed(remote.lethe, argv + resume, rng.uniform(0.3, 2) if times < 6 else 300):
            break
        times += 1
    check(times >= 2, "it was hardly ever killed")
    check([r[0] for r in read_csv(out)] == [r[0] for r in remote.rows], "rows and their order")
    equal(stored(remote.lethe), 120000, "values in the store: no second token")


test_a_job_that_is_killed_goes_on_over_the_network.limit = 400


def test_a_job_that_is_killed_at_each_step_goes_on_over_the_network(env):
    remote = Dumps(env, 2500)
    if not env.has_faults():
        print("no fault points in this build")
        return
    for point in ("bulk.stored", "bulk.written", "bulk.marked"):
        before, out = stored(remote.lethe), env.path(f"{point}.csv")
        remote.lethe.faults = {"LETHE_FAULT": f"{point}:2"}
        broken = remote.tokenize(out, fields="note=note")
        remote.lethe.faults = {}
        check(broken.returncode != 0, f"{point}: it was not killed")
        done(remote.tokenize(out, "--resume", fields="note=note"), point)
        equal([r[0] for r in read_csv(out)], [r[0] for r in remote.rows], point)
        equal(stored(remote.lethe) - before, 2500, f"{point}: values in the store")


def test_a_server_that_is_killed_does_not_make_a_second_token_over_the_network(env):
    remote = Dumps(env, 40000)
    out = env.path("out.csv")
    words = remote.words("tokenize", remote.src, out, fields="note=note")
    process = subprocess.Popen([env.lethe_path(), *words, *remote.server("app")], env=remote.lethe.environment(),
                               stderr=subprocess.PIPE)
    until("rows", 30, lambda: os.path.exists(out) and os.path.getsize(out) > 0)
    remote.lethe.kill()
    process.wait(60)
    error = process.communicate()[1]
    equal(process.returncode, 1, error)
    check(b"--resume goes on" in error, f"how to go on: {error}")
    remote.lethe.start()
    remote.url = "http://{}:{}".format(*admin_address(remote.lethe))
    done(remote.tokenize(out, "--resume", fields="note=note"), "resume")
    equal([r[0] for r in read_csv(out)], [r[0] for r in remote.rows], "rows")
    equal(stored(remote.lethe), 40000, "values in the store")


class LimitedDumps(Dumps):
    def __init__(self, env, rows, limits):
        self.limits = limits
        super().__init__(env, rows)

    def make(self, env, options):
        return Limited(env, **self.limits, **options)


def test_a_server_that_wants_it_slower_is_given_time(env):
    remote = LimitedDumps(env, 6000, {"app_rate": {"requests": 1, "per": "1s", "burst": 2}})
    out, began = env.path("out.csv"), time.monotonic()
    done(remote.tokenize(out, fields="note=note"), "tokenize")
    took = time.monotonic() - began
    check(took >= 11, f"14 requests in {took} s, at one a second")  # start, 6 groups, 6 to verify, finish
    equal(len(read_csv(out)), 6001, "rows")
    check(any(r.get("error") == "LIMIT" for r in trail(remote.api)), "it was never asked to wait")
    began = time.monotonic()
    done(remote.tokenize(env.path("slow.csv"), "--rate", "2000/s", "--no-verify", fields="note=note"), "a rate of its own")
    check(time.monotonic() - began >= 2.5, "6000 rows at 2000 a second")


def test_e58_a_token_is_bound_in_bulk_as_it_is_elsewhere(env):
    remote = Dumps(env, 3, domains=["crm"])
    out = env.path("out.csv")
    done(remote.tokenize(out), "tokenize")

    def bound(name, *words):
        return remote.keep("bound-" + name, remote.api.token("app", *words, name="bound-" + name))

    note, support, crm, both = (bound("note", "--class", "note"), bound("support", "--purpose", "support"),
                                bound("crm", "--domain", "crm"), bound("both", "--class", "note", "--purpose", "account"))
    for n, (what, result, words) in enumerate([
            ("a role", lambda f: remote.tokenize(f, who="support"), "the role support may not"),
            ("an operator", lambda f: remote.reveal(out, f, who="operator"), "the role operator may not"),
            ("a class", lambda f: remote.tokenize(f, who=note), "not for the class email"),
            ("a class, back", lambda f: remote.reveal(out, f, who=note), "not for the class email"),
            ("a class that stands in the text", lambda f: remote.reveal(out, f, "--all-tokens", who=both, fields=None),
             "not for values of this class"),
            ("a purpose", lambda f: remote.reveal(out, f, who=support), "not for this purpose"),
            ("a domain", lambda f: remote.tokenize(f, who=crm), "not for this domain"),
            ("a domain, back", lambda f: remote.reveal(out, f, who=crm), "not for values of this class and domain"),
            ("a domain that is named", lambda f: remote.reveal(out, f, "--domain", "default", who=crm), "not for this domain"),
    ]):
        file = env.path(f"none-{n}.csv")
        got = result(file)
        equal(got.returncode, 1, f"{what}: {got.stderr}")
        check(words in got.stderr and "person1" not in got.stderr, f"{what}: {got.stderr}")
        check(not os.path.exists(file) or b"person" not in read(file), f"{what}: a value")
    done(remote.reveal(out, env.path("note.csv"), who=both, fields="note=note"), "what it is for")
    done(remote.tokenize(env.path("crm.csv"), "--domain", "crm", who=crm), "its own domain")


def test_e58_nobody_may_try_values_who_may_not_see_them(env):
    """An answer to "does it stand for this?" is a value after enough questions."""
    remote = Dumps(env, 3)
    out = env.path("out.csv")
    done(remote.tokenize(out), "tokenize")
    other = remote.keep("other", remote.api.token("app", "--purpose", "nothing-of-these", name="other"))
    got = remote.tokenize(out, "--verify", who=other)
    equal(got.returncode, 1, got.stderr)
    check("not for this purpose" in got.stderr, got.stderr)
    done(remote.tokenize(out, "--verify"), "whoever may")
