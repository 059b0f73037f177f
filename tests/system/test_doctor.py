# SPDX-License-Identifier: Apache-2.0
"""`lethe doctor`: whatever is planted turns its line, and nothing else is given away."""
import json
import os
import re
import subprocess
import time

from clocks import FAKETIME
from harness import Lethe, check, equal

GRAVITY = ["ok", "warning", "problem"]


def findings(result):
    equal(result.stderr, "", "standard error")
    tree = json.loads(result.stdout)
    equal(result.returncode, {"ok": 0, "warning": 3, "problem": 1}[tree["worst"]], "exit code")
    equal(tree["worst"], max((f["level"] for f in tree["findings"]), key=GRAVITY.index), "worst")
    return tree["findings"]


def line(lethe, name, *more, days=0):
    """(gravest level, text) of a line, some days from now."""
    lethe.faults = {"LD_PRELOAD": FAKETIME, "FAKETIME": f"+{days}d"} if days else {}
    found = [f for f in findings(lethe.cli("doctor", "--json", *more)) if f["check"] == name]
    lethe.faults = {}
    check(found, f"no line {name}")
    for f in found:
        equal(f["do"] is None, f["level"] == "ok", f"what to do about {f}")
    worst = max(found, key=lambda f: GRAVITY.index(f["level"]))
    return worst["level"], worst["text"]


def expect(lethe, name, level, text="", days=0):
    got = line(lethe, name, days=days)
    check(got[0] == level and re.search(text, got[1]), f"{name}: got {got}, wanted {level}, {text!r}")


def test_doctor_beside_a_server_and_without_one(env):
    lethe = Lethe(env)
    expect(lethe, "server", "ok", "is not running")
    lethe.start()
    expect(lethe, "server", "ok", "is running")
    for name in ("configuration", "store", "store files", "disk", "clock", "retention", "requests",
                 "holds", "core files", "root key age", "access token", "admin listener", "audit trail"):
        expect(lethe, name, "ok")
    text = lethe.cli("doctor")
    check(re.search(r"^ok       configuration  .*test\.yaml$", text.stdout, re.M), text.stdout)
    check(re.search(r"^warning  backup         none in the last 30 days\n {24}lethe backup", text.stdout,
                    re.M), text.stdout)
    equal(lethe.stop(), 0, "exit code")


def test_doctor_sees_what_others_may_read_or_write(env):
    lethe = Lethe(env)
    os.chmod(lethe.file, 0o666)
    expect(lethe, "configuration", "problem", "written by others")
    os.chmod(lethe.file, 0o644)
    expect(lethe, "configuration", "ok")
    os.chmod(lethe.store, 0o755)
    expect(lethe, "store", "problem", "mode 0755")
    os.chmod(lethe.store, 0o700)
    os.chmod(os.path.join(lethe.store, "vault.db"), 0o640)
    expect(lethe, "store files", "warning", "vault.db has mode 0640")
    root = os.path.join(lethe.home, "root.key")
    os.chmod(root, 0o644)
    expect(lethe, "store", "problem", "root.key")


def test_doctor_sees_a_wrong_configuration(env):
    lethe = Lethe(env, nonsense=1)
    expect(lethe, "configuration", "problem", r"test\.yaml:\d+:\d+: ")
    lethe.config.pop("nonsense")
    lethe.config["listen"] = [{"address": "nonsense"}]
    lethe.save()
    expect(lethe, "configuration", "problem", r"test\.yaml:\d+:\d+: ")
    expect(lethe, "store files", "ok")


def test_doctor_sees_certificates_that_end(env):
    lethe = Lethe(env)
    lethe.add_tls()
    expect(lethe, "certificate", "warning", r"tls\.crt ends in [12] days")
    expect(lethe, "certificate", "problem", r"tls\.crt ended on", days=3)
    certificate, key = env.certificate("tls", "DNS:localhost", days=90)
    expect(lethe, "certificate", "ok", "is good until")
    os.chmod(key, 0o644)
    expect(lethe, "certificate", "problem", r"tls\.key, .*open to others")


def test_doctor_sees_the_mirror(env):
    lethe = Lethe(env)
    expect(lethe, "ledger mirror", "warning", "none")
    mirror = env.path("mirror.log")
    lethe.config["ledger_mirror"] = mirror
    lethe.save()
    expect(lethe, "ledger mirror", "problem", "No such file")
    equal(lethe.cli("ledger", "mirror").returncode, 0, "ledger mirror")
    expect(lethe, "ledger mirror", "warning", "same file system")


def test_doctor_sees_room_that_is_gone(env):
    lethe = Lethe(env)
    lethe.cli("subject", "show", "nobody")
    expect(lethe, "disk", "ok", "reserve stands")
    os.truncate(os.path.join(lethe.store, "reserve"), 0)
    expect(lethe, "disk", "problem", "reserve")


def test_doctor_sees_too_few_descriptors(env):
    lethe = Lethe(env).start()
    expect(lethe, "open files", "ok", "enough")
    subprocess.run(["prlimit", "--pid", str(lethe.process.pid), "--nofile=512:512"], check=True)
    expect(lethe, "open files", "warning", r"at most 512 \(the server\)")


def test_doctor_sees_a_second_factor_that_lies_about(env):
    lethe = Lethe(env)
    expect(lethe, "second factor", "warning", "admin.otpauth is still there")
    os.remove(os.path.join(lethe.home, "admin.otpauth"))
    names = [f["check"] for f in findings(lethe.cli("doctor", "--json"))]
    check("second factor" not in names, f"{names}")


def test_doctor_sees_what_is_old_or_overdue(env):
    lethe = Lethe(env, key_rotation="PT1S")
    time.sleep(1.1)
    expect(lethe, "root key age", "warning", "key_rotation is PT1S")
    equal(lethe.cli("access", "create", "--name", "desk", "--role", "support", "--expires",
                    "P20D").returncode, 0, "access create")
    expect(lethe, "access token", "ok", "2 alive")
    equal(lethe.cli("access", "create", "--name", "brief", "--role", "officer", "--expires",
                    "P9D").returncode, 0, "access create")
    expect(lethe, "access token", "warning", r"number 3 \(brief\) ends on")
    equal(lethe.cli("request", "add", "rights=access", "channel=email").returncode, 0, "request add")
    expect(lethe, "requests", "ok")
    received = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 60 * 86400))
    made = lethe.cli("request", "add", "rights=access", "channel=email", "received=" + received)
    equal(made.returncode, 0, f"request add ({made.stderr})")
    expect(lethe, "requests", "problem", "1 past the day")


def test_doctor_sees_holds_that_nobody_reviewed(env):
    lethe = Lethe(env)
    tomorrow = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86400))
    equal(lethe.cli("hold", "add", "--class", "note", "--ground", "17(3)(e) a claim", "--owner", "legal",
                    "--review", tomorrow).returncode, 0, "hold add")
    expect(lethe, "holds", "ok")
    expect(lethe, "holds", "warning", "1 past the day", days=3)
    equal(lethe.cli("hold", "lift", "1", "--reason", "settled").returncode, 0, "hold lift")
    expect(lethe, "holds", "ok", days=3)


def test_doctor_sees_backups(env):
    lethe = Lethe(env)
    expect(lethe, "backup", "warning", "none in the last 30 days")
    made = lethe.cli("backup", "--data", env.path("data"), "--keys", env.path("keys"))
    equal(made.returncode, 0, f"backup ({made.stderr})")
    expect(lethe, "backup", "ok", r"the last one is of \d{4}-")
    expect(lethe, "backup", "warning", "the last one is of", days=9)


def test_doctor_sees_settings_that_protect_less(env):
    lethe = Lethe(env)
    expect(lethe, "audit", "warning", "heads stay on this machine")
    lethe.config["audit"] = {"heads": "file:" + env.path("heads")}
    lethe.config["admin"] = {"address": "127.0.0.1:0", "four_eyes": False}
    lethe.save()
    expect(lethe, "audit", "ok")
    expect(lethe, "admin listener", "warning", "one person alone")
    lethe.config["audit"]["reveals"] = "buffered"
    lethe.config["admin"]["four_eyes"] = True
    lethe.save()
    expect(lethe, "audit", "warning", "lose the records")
    expect(lethe, "admin listener", "ok", "this host only")


def test_e70_doctor_gives_nothing_away(env):
    lethe = Lethe(env)
    value, person = "a value of somebody's", "person-4711"
    made = lethe.cli("tokenize", "--class", "note", "--subject", person, data=value + "\n")
    equal(made.returncode, 0, "tokenize")
    with open(os.path.join(lethe.home, "root.key")) as f:
        secrets = [word for word in f.read().split() if len(word) > 31]
    check(secrets, "no root key found")
    secrets += [*lethe.keys.values(), value, person, made.stdout.strip()]
    for run in ("alone", "beside a server"):
        for options in ((), ("--json",)):
            result = lethe.cli("doctor", *options)
            for secret in secrets:
                check(secret not in result.stdout + result.stderr, f"{run}: {secret} is printed")
        if run == "alone":
            lethe.start()
