# SPDX-License-Identifier: Apache-2.0
"""Backups under load, restores, and the ledger that decides what a restore may bring back."""
import glob
import json
import os
import re
import shutil
import threading

from harness import ROOT, Lethe, check, equal, until
from upstreams import Recorder


class Site:
    """An installation with persons in it, and two directories for its backups."""

    def __init__(self, env, **overrides):
        self.env = env
        self.app = Recorder(env)
        self.lethe = Lethe(env, self.app.url, **overrides)
        self.data, self.keys = env.path("data"), env.path("keys")

    def start(self, **options):
        self.lethe.start(**options)
        return self

    def store(self, name):
        equal(self.lethe.request("PUT", f"/users/{name}", {"note": f"of {name}"}).status, 200,
              f"PUT {name}")

    def reads(self, name):
        got = self.lethe.request("GET", f"/users/{name}", caller="officer").json()["note"]
        return got == f"of {name}"

    def erase(self, name):
        result = self.lethe.cli("subject", "erase", name)
        equal(result.returncode, 0, f"erase ({result.stderr})")

    def try_backup(self):
        def attempt():
            result = self.lethe.cli("backup", "--data", self.data, "--keys", self.keys, "--json")
            return None if "a backup a second" in result.stderr else result

        return until("the next second", 10, attempt, pause=0.3)

    def backup(self):
        """The data file of a new backup."""
        before = set(self.data_files())
        result = self.try_backup()
        equal(result.returncode, 0, f"backup ({result.stderr})")
        new = set(self.data_files()) - before
        equal(len(new), 1, "new data files")
        return new.pop()

    def data_files(self):
        """Those that a restore would take."""
        return [f for f in glob.glob(os.path.join(self.data, "vault-*.db"))
                if os.path.exists(f[:-3] + ".json")]

    def restore(self, data, *more, fault=None):
        if fault:
            self.lethe.faults = {"LETHE_FAULT": fault}
        try:
            return self.lethe.cli("restore", "--data", data, "--keys",
                                  os.path.join(self.keys, "keys.slab"), *more)
        finally:
            self.lethe.faults = {}

    def must_restore(self, data, *more):
        result = self.restore(data, *more)
        equal(result.returncode, 0, f"restore ({result.stderr})")

    def path(self, name):
        return os.path.join(self.lethe.store, name)

    def stop(self):
        equal(self.lethe.stop(), 0, "exit code")

    def is_refused(self, result, *words):
        equal(result.returncode, 1, f"exit code ({result.stdout}{result.stderr})")
        for word in words:
            check(word in result.stderr, f"{word!r} is not in {result.stderr!r}")

    def check_clean(self):
        left = [n for n in os.listdir(self.lethe.store)
                if "restor" in n or "replaced" in n]
        equal(left, [], "left by the restore")


class Traffic:
    """Persons stored one after the other until it is told to stop; `acknowledged` counts them."""

    def __init__(self, site):
        self.site = site
        self.acknowledged = 0
        self.error = None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while not self.stopping.is_set():
                self.site.store(f"t{self.acknowledged}")
                self.acknowledged += 1
        except BaseException as error:
            self.error = error

    def stop(self):
        self.stopping.set()
        self.thread.join(30)
        if self.error is not None:
            raise self.error


# ---------------------------------------------------------------------------------------------
# the drill


def test_e46_drill_the_erased_stay_erased_in_a_restored_backup(env):
    site = Site(env).start()
    for name in ("ada", "bob", "eve"):
        site.store(name)
    traffic = Traffic(site)
    until("some traffic", 20, lambda: traffic.acknowledged > 20)
    sure = traffic.acknowledged
    data = site.backup()
    traffic.stop()
    site.erase("ada")
    site.store("later")
    site.stop()
    site.must_restore(data, "--replace")
    site.check_clean()
    site.start()
    check(not site.reads("ada"), "the erased person is back")
    check(site.reads("bob") and site.reads("eve"), "others do not read")
    check(not site.reads("later"), "stored after the backup, and yet there")
    for i in range(sure):
        check(site.reads(f"t{i}"), f"t{i} was acknowledged before the backup and is lost")
    equal(site.lethe.cli("subject", "show", "ada").returncode, 1, "subject show of the erased")
    verified = json.loads(site.lethe.cli("ledger", "verify", "--json").stdout)
    equal((verified["verdict"], verified["erasures"]), ("whole", 1), "ledger verify")
    until("the rows that came back to be swept", 20, lambda: json.loads(
        site.lethe.cli("ledger", "verify", "--json").stdout)["open_erasures"] == 0)


def test_e46_old_data_with_keys_from_after_the_erasure(env):
    """As when a person is erased between the copies of the data and of the keys."""
    site = Site(env).start()
    site.store("ada")
    site.store("bob")
    data = site.backup()
    site.erase("ada")
    site.backup()
    site.stop()
    shutil.rmtree(site.lethe.store + ".old", ignore_errors=True)
    for name in ("vault.db", "keys.slab"):
        os.unlink(site.path(name))
    site.must_restore(data)
    site.start()
    check(not site.reads("ada") and site.reads("bob"), "after the restore")


def test_e46_twice_restored_twice_erased(env):
    site = Site(env).start()
    site.store("ada")
    site.store("bob")
    first = site.backup()
    site.erase("ada")
    second = site.backup()
    site.erase("bob")
    site.stop()
    for data in (first, second, first):
        site.must_restore(data, "--replace")
        site.start()
        check(not site.reads("ada") and not site.reads("bob"), f"somebody is back from {data}")
        site.store("carl")
        check(site.reads("carl"), "nothing can be stored any more")
        site.stop()


def test_backup_without_a_server(env):
    site = Site(env).start()
    site.store("ada")
    site.stop()
    data = site.backup()
    site.must_restore(data, "--replace")
    site.start()
    check(site.reads("ada"), "after the restore")
    site.is_refused(site.restore(data, "--replace"), "in use")


def test_backup_refuses_places_that_touch(env):
    site = Site(env).start()
    for data, keys in ((site.data, site.data), (site.data, site.data + "/keys"),
                       (site.lethe.store, site.keys), (site.data, site.lethe.store + "/keys")):
        result = site.lethe.cli("backup", "--data", data, "--keys", keys)
        equal((result.returncode, result.stdout), (1, ""), f"{data} {keys}")
    equal(site.lethe.cli("backup", "--data", site.data).returncode, 2, "no --keys")


# ---------------------------------------------------------------------------------------------
# the ledger


def lose(site, *names):
    for name in names:
        os.unlink(site.path(name))


def test_e47_missing_shortened_and_older_ledgers_are_refused(env):
    site = Site(env).start()
    site.store("ada")
    site.store("bob")
    site.erase("bob")
    data = site.backup()
    early = env.path("early.log")
    shutil.copyfile(site.path("ledger.log"), early)
    site.erase("ada")
    site.stop()
    live = env.path("live.log")
    shutil.copyfile(site.path("ledger.log"), live)

    shutil.copyfile(early, site.path("ledger.log"))
    site.is_refused(site.restore(data, "--replace"), "ledger.log", "being replaced",
                    "would be undone")
    lose(site, "ledger.log")
    site.is_refused(site.restore(data, "--replace"), "ledger.log is missing", "--ledger")
    lose(site, "vault.db", "keys.slab")
    for cut in (128, 64):
        with open(early, "rb") as f:
            env.write("cut.log", f.read()[:-cut])
        site.is_refused(site.restore(data, "--ledger", env.path("cut.log")), "cut.log",
                        "would be undone", "the keys backup knows")
    with open(live, "rb") as f:
        altered = bytearray(f.read())
    altered[-100] ^= 1
    env.write("altered.log", bytes(altered))
    site.is_refused(site.restore(data, "--ledger", env.path("altered.log")), "damaged or altered")
    site.check_clean()
    site.must_restore(data, "--ledger", live)
    site.start()
    check(not site.reads("ada") and not site.reads("bob"), "the erased are back")


def test_e47_ledger_verify_keeps_verdicts_apart(env):
    site = Site(env).start()
    site.store("ada")
    site.erase("ada")
    site.stop()
    other = Lethe(env, name="other")
    with open(site.path("ledger.log"), "rb") as f:
        ledger = f.read()
    altered = bytearray(ledger)
    altered[200] ^= 1
    # Before the erasure was closed; behind that the audit trail may have left a head.
    closed = max(at for at in range(0, len(ledger), 128) if ledger[at + 1] == 3)
    for verdict, data in (("whole", ledger), ("shortened", ledger[:closed]),
                          ("altered", bytes(altered)), ("altered", b""), ("missing", None),
                          ("foreign", open(os.path.join(other.store, "ledger.log"), "rb").read())):
        if data is None:
            os.unlink(env.path("copy.log"))
        else:
            env.write("copy.log", data)
        result = site.lethe.cli("ledger", "verify", "--json", env.path("copy.log"))
        equal(json.loads(result.stdout)["verdict"], verdict, "verdict")
        equal(result.returncode, 0 if verdict == "whole" else 1, f"exit code of {verdict}")
    equal(site.lethe.cli("ledger", "verify").returncode, 0, "the store's own")


def mirrored(env):
    mirror = env.path("elsewhere.log")
    return Site(env, ledger_mirror=mirror), mirror


def test_e47_a_mirror_notices_what_was_cut(env):
    site, mirror = mirrored(env)
    result = site.lethe.cli("tokenize", "--class", "note", "--subject", "x", "y")
    site.is_refused(result, "mirror is missing", "lethe ledger mirror")
    equal(site.lethe.cli("ledger", "mirror").returncode, 0, "ledger mirror")
    site.is_refused(site.lethe.cli("ledger", "mirror"), "is there already")
    site.start()
    site.store("ada")
    site.erase("ada")
    site.stop()
    with open(mirror, "rb") as a, open(site.path("ledger.log"), "rb") as b:
        equal(a.read(), b.read(), "the mirror")
    # The whole store of an earlier day, with its ledger: nothing in it knows better.
    shutil.rmtree(env.path("early"), ignore_errors=True)
    shutil.copytree(site.lethe.store, env.path("early"))
    site.start()
    site.store("bob")
    site.erase("bob")
    site.stop()
    shutil.rmtree(site.lethe.store)
    shutil.copytree(env.path("early"), site.lethe.store)
    result = site.lethe.cli("subject", "show", "bob")
    site.is_refused(result, "elsewhere.log", "would be undone", "cp ")
    equal(json.loads(site.lethe.cli("ledger", "verify", "--json").stdout)["verdict"], "shortened",
          "verdict")
    shutil.copyfile(mirror, site.path("ledger.log"))
    equal(site.lethe.cli("ledger", "verify").returncode, 0, "after cp")
    site.start()
    site.stop()
    os.unlink(mirror)
    site.is_refused(site.lethe.cli("subject", "show", "bob"), "mirror is missing")


def test_e47_a_mirror_that_lags_by_a_crash_is_brought_up(env):
    site, mirror = mirrored(env)
    equal(site.lethe.cli("ledger", "mirror").returncode, 0, "ledger mirror")
    site.start()
    site.store("ada")
    site.stop()
    site.start(fault="mirror.behind")
    check(site.lethe.cli("subject", "erase", "ada").returncode != 0, "erased")
    equal(site.lethe.died(), -9, "exit")
    check(os.path.getsize(mirror) < os.path.getsize(site.path("ledger.log")), "not behind")
    site.start()
    check(not site.reads("ada"), "the ledger has the erasure")
    until("the erasure to end", 20, lambda: json.loads(
        site.lethe.cli("ledger", "verify", "--json").stdout)["open_erasures"] == 0)
    site.stop()
    with open(mirror, "rb") as a, open(site.path("ledger.log"), "rb") as b:
        equal(a.read(), b.read(), "the mirror")


# ---------------------------------------------------------------------------------------------
# kill -9


def fault_points(prefix):
    names = set()
    for file in glob.glob(os.path.join(ROOT, "vault", "*.c")):
        with open(file) as f:
            names |= set(re.findall(r'FAULT_POINT\("(' + prefix + r'\.[a-z_]+)"\)', f.read()))
    return sorted(names)


def check_killed_backup(env, fault):
    check(env.has_faults(), "this build has no fault points: use the dev or asan one")
    site = Site(env).start()
    site.store("ada")
    site.store("bob")
    first = site.backup()
    site.store("carl")
    site.stop()
    site.start(fault=fault)
    result = site.try_backup()
    check(result.returncode != 0, f"the backup succeeded: {result.stdout}")
    equal(site.lethe.died(), -9, f"exit at {fault}")
    # Whatever is there can be restored; the backup before can be in any case.
    site.start()
    site.erase("bob")
    site.stop()
    for data in {first, *site.data_files()}:
        site.must_restore(data, "--replace")
        site.start()
        check(site.reads("ada") and not site.reads("bob"), f"restored from {data}")
        equal(site.reads("carl"), data != first, f"carl, of {data}")
        site.stop()
    site.start()
    site.backup()
    left = [n for folder in (site.data, site.keys) for n in os.listdir(folder)
            if n.startswith(".") or n.endswith(".next")]
    equal(left, [], "left by the killed backup")


def check_killed_restore(env, fault):
    check(env.has_faults(), "this build has no fault points: use the dev or asan one")
    site = Site(env).start()
    site.store("ada")
    site.store("bob")
    data = site.backup()
    site.erase("bob")
    site.store("later")
    site.lethe.kill()  # so that the old database has a log beside it
    result = site.restore(data, "--replace", fault=fault)
    equal(result.returncode, -9, f"exit at {fault} ({result.stderr})")
    probe = site.lethe.cli("subject", "show", "ada")
    if probe.returncode == 0:
        check(fault == "restore.staged", f"the store is open after {fault}")
        site.start()
        check(site.reads("ada") and site.reads("later") and not site.reads("bob"), "the old store")
        site.stop()
    else:
        site.is_refused(probe, "restore.unfinished", "run `lethe restore` again")
        result = site.lethe.run("serve", "-c", site.lethe.file)
        site.is_refused(result, "restore.unfinished")
    site.must_restore(data, "--replace")
    site.check_clean()
    site.start()
    check(site.reads("ada") and not site.reads("bob") and not site.reads("later"),
          "after the second restore")


for _fault in fault_points("backup"):
    globals()["test_killed_at_" + _fault.replace(".", "_")] = \
        lambda env, fault=_fault: check_killed_backup(env, fault)
for _fault in fault_points("restore"):
    globals()["test_killed_at_" + _fault.replace(".", "_")] = \
        lambda env, fault=_fault: check_killed_restore(env, fault)


def test_the_lists_of_fault_points_are_not_empty(_env):
    check(len(fault_points("backup")) >= 8, f"found only {fault_points('backup')}")
    check(len(fault_points("restore")) >= 9, f"found only {fault_points('restore')}")


def test_a_restore_that_fails_late_leaves_the_old_store(env):
    """The backup has values of a class that the configuration has no more."""
    site = Site(env).start()
    site.store("ada")
    data = site.backup()
    site.erase("ada")
    site.stop()
    site.lethe.start()
    site.stop()
    site.lethe.config["classes"]["memo"] = site.lethe.config["classes"].pop("note")
    for route in site.lethe.config["routes"]:
        for side in ("request", "response"):
            for field in route.get(side, []):
                field["class"] = "memo" if field["class"] == "note" else field["class"]
    for caller in site.lethe.config["callers"].values():
        caller["reveal"] = {("memo" if k == "note" else k): v for k, v in caller["reveal"].items()}
    site.lethe.save()
    result = site.restore(data, "--replace")
    check(result.returncode != 0 and "note" in result.stderr, f"restore: {result.stderr}")
    site.check_clean()
    site.start()
    site.lethe.alive()
