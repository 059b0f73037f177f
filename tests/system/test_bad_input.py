# SPDX-License-Identifier: Apache-2.0
"""What operators get wrong, and what machines do to us: configurations, key files, full disks, second
servers, signals."""
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time

from harness import Background, Failure, Lethe, check, equal, make_request, until
from upstreams import Recorder, answer

PERSON = {"email": "bad@example.org", "note": "clear"}
OTHER = {"note": "clear too"}

CONFIG = """\
listen:
  - {address: "127.0.0.1:0"}
store: sqlite:store
root_key: file:root.key
sweep_interval: 60s
upstreams:
  app: {url: "http://127.0.0.1:9000"}
classes:
  email: {format: email, deterministic: true, identifies: true, purposes: [account],
          basis: "6(1)(b)", retain: {period: P2Y, from: created}}
callers:
  desk: {key: file:desk.key, purposes: [account], reveal: {email: value}}
routes:
  - {path: "/users/{id}", methods: [GET, PUT], upstream: app, subject: path.id,
     request: [{json: "$.email", class: email}], response: [{json: "$.email", class: email}]}
"""

# (what is replaced, by what, line that must be named, words that must be said)
MISTAKES = [
    ("sweep_interval: 60s", "sweep_intervall: 60s", 5, ["sweep_intervall", "sweep_interval"]),
    ("listen:", "lisen:", 1, ["lisen", "listen"]),
    ("{address:", "{adress:", 2, ["adress", "address"]),
    ("127.0.0.1:0", "127.0.0.1", 2, ["HOST:PORT"]),
    ("store: sqlite:store", "store: postgresql://x", 3, ["store", "sqlite:"]),
    ("store: sqlite:store\n", "", 1, ["store", "missing"]),
    ("root_key: file:root.key", "root_key: env:KEY", 4, ["root_key", "file:"]),
    ("sweep_interval: 60s", "sweep_interval: 1ms", 5, ["sweep_interval"]),
    ("sweep_interval: 60s", "sweep_interval: soon", 5, []),
    ("url:", "urll:", 7, ["urll", "url"]),
    ("http://127.0.0.1:9000", "ftp://127.0.0.1", 7, ["http"]),
    ("http://127.0.0.1:9000", "http://user:pw@127.0.0.1", 7, ["user"]),
    ("format: email", "format: emial", 9, ["format"]),
    ("deterministic: true", "deterministic: yes please", 9, []),
    ("identifies: true", "identify: true", 9, ["identify", "identifies"]),
    ("purposes: [account],\n", "purposes: [],\n", 9, ["purpose"]),
    ('basis: "6(1)(b)", ', "", 9, ["basis"]),
    ('"6(1)(b)"', '"6(1)(z)"', 10, ["basis"]),
    ("retain: {period: P2Y, from: created}", "", 9, ["retain"]),
    ("period: P2Y", "period: 2 years", 10, ["period"]),
    ("from: created", "from: last_usd", 10, ["from"]),
    ("from: created", 'from: "event:closed"', 10, ["backstop"]),
    ("file:desk.key", "literal-key-in-the-file", 12, ["file:"]),
    ("file:desk.key", "file:nosuch.key", 12, ["nosuch.key"]),
    ("purposes: [account], reveal", "purposes: [sales], reveal", 12, ["sales"]),
    ("reveal: {email: value}", "reveal: {emial: value}", 12, ["emial"]),
    ("reveal: {email: value}", "reveal: {email: show}", 12, ["value", "mask", "token"]),
    ("upstream: app,", "upstream: ap,", 14, ["ap"]),
    ("subject: path.id", "subject: path.user", 14, ["user"]),
    ("subject: path.id", "subject: body.id", 14, ["subject"]),
    ("subject: path.id,", "", 14, ["subject"]),
    ("methods: [GET, PUT]", "methods: [GET, FETCH]", 14, ["FETCH"]),
    ('"/users/{id}"', '"users/{id}"', 14, []),
    ('"/users/{id}"', '"/users/{id"', 14, []),
    ('request: [{json: "$.email"', 'request: [{json: "$.email[?(@.x)]"', 15, []),
    ('request: [{json: "$.email"', 'request: [{jsn: "$.email"', 15, ["jsn", "json"]),
    ("class: email}], response", "class: mail}], response", 15, ["mail"]),
    ("root_key: file:root.key", "root_key: ]", 4, []),
    ("root_key: file:root.key", "root_key: &a file:root.key", 4, []),
    ("root_key: file:root.key", "root_key: file:root.key\nroot_key: file:other.key", 5, ["root_key"]),
    ("listen:", "admin: {address: 0.0.0.0:8444}\nlisten:", 1, ["tls", "metrics_key"]),
    ("listen:", "\tlisten:", 1, []),
    ("listen:", "threads: 0\nlisten:", 1, []),
    ("listen:", "default: open\nlisten:", 1, ["default"]),
]


def installation(env):
    home = env.path("home")
    lethe = Lethe(env)
    result = lethe.run("init", home)
    equal(result.returncode, 0, f"lethe init ({result.stderr})")
    env.write("home/desk.key", "a-key-of-at-least-16-characters\n", 0o400)
    return lethe, home


def test_a_good_configuration_is_good(env):
    lethe, home = installation(env)
    env.write("home/c.yaml", CONFIG)
    result = lethe.run("check", "-c", os.path.join(home, "c.yaml"))
    equal((result.returncode, result.stdout), (0, "ok\n"), f"check ({result.stderr})")
    result = lethe.run("check", "-c", os.path.join(home, "lethe.yaml"))
    equal(result.returncode, 0, f"check of the example that init made ({result.stderr})")


def test_a_bad_configuration_exits_78_and_names_the_place(env):
    lethe, home = installation(env)
    problems = []
    for old, new, line, words in MISTAKES:
        check(old in CONFIG, f"the test's own {old!r}")
        path = env.write("home/c.yaml", CONFIG.replace(old, new, 1))
        for command in ("check", "serve"):
            result = lethe.run(command, "-c", path)
            said = result.stderr.strip().splitlines()[-1:] or [""]
            place = re.search(r"c\.yaml:(\d+):(\d+): .+", said[0])
            if result.returncode != 78:
                problems.append(f"{command}, {new!r}: exit {result.returncode}, {result.stderr!r}")
            elif not place:
                problems.append(f"{command}, {new!r}: no place in {said[0]!r}")
            elif int(place[1]) != line:
                problems.append(f"{command}, {new!r}: line {line} expected in {said[0]!r}")
            elif any(w not in said[0] for w in words):
                problems.append(f"{command}, {new!r}: {words} expected in {said[0]!r}")
    check(not problems, "\n".join(["", *problems]))


def test_a_misspelt_key_is_answered_with_a_suggestion(env):
    lethe, _ = installation(env)
    path = env.write("home/c.yaml", CONFIG.replace("sweep_interval", "sweep_intervall"))
    said = lethe.run("check", "-c", path).stderr
    check("did you mean" in said and '"sweep_interval"' in said.replace("`", '"'), said)


def test_a_missing_configuration_exits_78(env):
    lethe, home = installation(env)
    for path in ("nosuch.yaml", home, "/dev/null"):
        result = lethe.run("check", "-c", path)
        equal(result.returncode, 78, f"check -c {path} ({result.stderr})")
        check(path in result.stderr, f"{path} is not named in {result.stderr!r}")


def test_wrong_usage_exits_2(env):
    lethe, _ = installation(env)
    for arguments in ((), ("nosuch",), ("serve", "--nosuch"), ("init",), ("init", "a", "b"),
                      ("subject",), ("subject", "erase"), ("tokenize",), ("report",),
                      ("reveal", "--reason", "x"), ("report", "retention", "--format", "xml"),
                      ("serve", "--ready-fd", "x"), ("subject", "nosuch", "x")):
        result = lethe.run(*arguments)
        equal(result.returncode, 2, f"lethe {' '.join(arguments)} ({result.stderr})")
        check(result.stderr.startswith("lethe: "), f"said {result.stderr!r}")


def test_init_overwrites_nothing(env):
    lethe, home = installation(env)
    before = {}
    for name in ("lethe.yaml", "root.key", "store/keys.slab", "store/ledger.log"):
        with open(os.path.join(home, name), "rb") as f:
            before[name] = f.read()
    equal(lethe.run("init", home).returncode, 1, "init over an installation")
    for name, data in before.items():
        with open(os.path.join(home, name), "rb") as f:
            equal(f.read(), data, name)
    equal(os.stat(os.path.join(home, "root.key")).st_mode & 0o777, 0o400, "mode of root.key")
    equal(os.stat(os.path.join(home, "store")).st_mode & 0o777, 0o700, "mode of the store")


def test_e73_a_root_key_that_others_can_read_is_refused(env):
    lethe, home = installation(env)
    env.write("home/c.yaml", CONFIG)
    path = os.path.join(home, "c.yaml")
    key = os.path.join(home, "root.key")
    for mode in (0o644, 0o440, 0o404, 0o600 | 0o020):
        os.chmod(key, mode)
        for command in ("check", "serve"):
            result = lethe.run(command, "-c", path)
            equal(result.returncode, 78, f"{command} with {mode:o} ({result.stderr})")
            check("root.key" in result.stderr, f"the file is not named: {result.stderr!r}")
    os.chmod(key, 0o400)
    equal(lethe.run("check", "-c", path).returncode, 0, "check with 0400")
    os.chmod(os.path.join(home, "desk.key"), 0o644)
    result = lethe.run("check", "-c", path)
    equal(result.returncode, 78, "a caller's key that others can read")
    check("desk.key" in result.stderr, f"the file is not named: {result.stderr!r}")


def test_another_root_key_does_not_open_the_store(env):
    app = Recorder(env)
    lethe = Lethe(env, app.url)
    other = env.path("other")
    equal(lethe.run("init", other).returncode, 0, "another installation")
    lethe.config["root_key"] = "file:" + os.path.join(other, "root.key")
    lethe.save()
    result = lethe.cli("serve")
    check(result.returncode in (1, 78) and "give the root key of this store" in result.stderr,
          f"serve: {result}")


def test_e70_no_key_is_taken_from_arguments_or_environment(env):
    lethe, home = installation(env)
    path = env.write("home/c.yaml", CONFIG.replace("root_key: file:root.key\n", ""))
    result = subprocess.run([env.lethe_path(), "check", "-c", path], capture_output=True, text=True,
                            env={**lethe.environment(), "LETHE_ROOT_KEY": "00" * 32,
                                 "ROOT_KEY": "00" * 32})
    equal(result.returncode, 78, "check without a root key in the file")
    equal(lethe.run("serve", "--root-key", "00" * 32, "-c", path).returncode, 2, "an option")


def test_a_second_server_on_one_store_is_refused(env):
    app = Recorder(env)
    lethe = Lethe(env, app.url).start()
    result = lethe.cli("serve", timeout=20)
    equal(result.returncode, 1, f"the second ({result.stderr})")
    check(lethe.store in result.stderr, f"the store is not named: {result.stderr!r}")
    lethe.alive()
    equal(lethe.request("PUT", "/users/1", PERSON, caller="officer").json(), PERSON, "the first")
    check(os.path.exists(os.path.join(lethe.store, "control.sock")), "its socket was removed")
    equal(lethe.cli("subject", "show", "1").returncode, 0, "the first one's socket")


def test_an_address_in_use_is_named(env):
    app = Recorder(env)
    lethe = Lethe(env, app.url)
    lethe.config["listen"] = [{"address": f"127.0.0.1:{app.port}"}]
    lethe.save()
    result = lethe.cli("serve", timeout=20)
    check(result.returncode in (1, 78), f"serve: {result}")
    check(str(app.port) in result.stderr, f"the address is not named: {result.stderr!r}")


def check_writes_refused(lethe, app, statuses):
    app.clear()
    for i in range(3):
        response = lethe.request("PUT", f"/users/refused{i}", OTHER)
        check(response.status in statuses, f"PUT: {response}")
        equal(response.headers.get("content-type"), "application/problem+json", "content type")
        response = lethe.request("POST", "/users", {**OTHER, "email": f"refused{i}@example.org"})
        check(response.status in statuses, f"POST: {response}")
    equal(app.count(), 0, "requests upstream")
    lethe.alive()


def failing_disk(env):
    app = Recorder(env)
    lethe = Lethe(env, app.url)
    lethe.can_fail()
    lethe.start()
    equal(lethe.request("PUT", "/users/0", PERSON, caller="officer").json(), PERSON, "at first")
    return app, lethe


def test_e75_a_vault_without_space_forwards_nothing_and_recovers(env):
    app, lethe = failing_disk(env)
    lethe.fail("space")
    check_writes_refused(lethe, app, (503, 507))
    response = lethe.request("GET", "/users/0", caller="officer")
    check(response.status in (503, 507), f"what cannot be recorded in the audit trail is not shown: {response}")
    lethe.fail(None)
    until("what was there to be shown", 10,
          lambda: lethe.request("GET", "/users/0", caller="officer").json() == PERSON)
    until("values to be stored again", 10,
          lambda: lethe.request("PUT", "/users/1", OTHER, caller="officer").json() == OTHER)
    equal(lethe.cli("subject", "erase", "0").returncode, 0, "erase")


def test_e75_a_disk_that_cannot_sync_is_not_trusted_again(env):
    """What a file holds after a failed fsync is not known: nothing goes upstream, nothing clear comes
    out, until a restart has read the files again."""
    app, lethe = failing_disk(env)
    lethe.fail("sync")
    check_writes_refused(lethe, app, (503, 507))
    result = lethe.cli("subject", "erase", "0")
    equal((result.returncode, result.stdout), (1, ""), "an erasure is not acknowledged")
    lethe.fail(None)
    app.clear()
    response = lethe.request("PUT", "/users/1", OTHER, caller="officer")
    check(response.status == 200 or app.count() == 0, f"with the disk back: {response}")
    lethe.alive()
    equal(lethe.stop(), 0, "exit code")
    lethe.start()
    equal(lethe.request("GET", "/users/0", caller="officer").json(), PERSON, "after a restart")
    equal(lethe.request("PUT", "/users/1", OTHER, caller="officer").json(), OTHER, "PUT")
    equal(lethe.cli("subject", "erase", "0").returncode, 0, "erase")
    check(lethe.request("GET", "/users/0", caller="officer").json()["note"].startswith("lt_"), "GET")


class SmallDisk:
    """A real file system of 24 MB under the store; where mounting is not allowed (a container), one
    that only behaves like it."""

    def __init__(self, env, lethe):
        self.lethe = lethe
        self.mount = env.path("small")
        os.mkdir(self.mount)
        self.real = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "lethe",
                                    self.mount], capture_output=True).returncode == 0
        if not self.real:
            lethe.can_fail()
            return
        store = os.path.join(self.mount, "store")
        subprocess.run(["cp", "-a", lethe.store, store], check=True)
        lethe.store = store
        lethe.config["store"] = "sqlite:" + store
        lethe.save()

    def fill(self):
        if not self.real:
            self.lethe.fail("space")
            return
        with open(os.path.join(self.mount, "filler"), "wb", buffering=0) as f:
            for block in (65536, 1):
                try:
                    while True:
                        f.write(b"x" * block)
                except OSError:
                    pass

    def free(self):
        if self.real:
            os.unlink(os.path.join(self.mount, "filler"))
        else:
            self.lethe.fail(None)


def check_full_disk(lethe, app, disk):
    """Not one byte is left but the reserve, which is for what destroys; also after a restart."""
    stored = [name for name in app.handler.users if name.startswith("b")]
    for name in (["0"] + stored)[:3]:
        disk.fill()
        erased = lethe.cli("subject", "erase", name)
        equal((erased.returncode, json.loads(erased.stdout)["state"]), (0, "completed"),
              f"erase {name} on a full disk ({erased.stderr})")
        response = lethe.request("GET", f"/users/{name}", caller="officer")
        check(response.json()["email"].startswith("lt-"), f"still readable: {response}")
        app.clear()
        disk.fill()
        response = lethe.request("PUT", "/users/new", OTHER)
        check(response.status in (503, 507), f"PUT into the reserve: {response}")
        equal(app.count(), 0, "requests upstream")
        equal(lethe.stop(), 0, "exit code")
        lethe.start()


def test_e76_a_full_disk_refuses_new_values_and_still_erases(env):
    """Nothing goes upstream, an erasure still works, and with space everything goes on."""
    app = Recorder(env)
    lethe = Lethe(env, app.url)
    disk = SmallDisk(env, lethe)
    lethe.start()
    equal(lethe.request("PUT", "/users/0", PERSON, caller="officer").json(), PERSON, "PUT 0")
    disk.fill()
    big = {"email": "big@example.org", "note": "n" * 60000}
    refused = 0
    for i in range(1, 200):
        app.clear()
        response = lethe.request("PUT", f"/users/b{i}", {**big, "email": f"b{i}@example.org"})
        if response.status != 200:
            refused += 1
            check(response.status in (503, 507), f"PUT {i}: {response}")
            equal(app.count(), 0, "requests upstream")
        if refused == 5:
            break
    check(refused == 5, "the disk never became full")
    lethe.alive()
    if disk.real:  # the other kind refuses even to write over what is there
        check_full_disk(lethe, app, disk)
    disk.free()

    def works():
        return lethe.request("PUT", "/users/2", OTHER, caller="officer").status == 200

    until("writes to work again", 10, works, 0.2)
    equal(lethe.request("GET", "/users/2", caller="officer").json(), OTHER, "GET 2")
    equal(lethe.stop(), 0, "exit code")


def test_e32_rows_that_changed_places_do_not_open_and_are_an_incident(env):
    app = Recorder(env)
    lethe = Lethe(env, app.url).start()
    for i in (1, 2):
        lethe.request("PUT", f"/users/{i}", {"note": f"secret of {i}"})
    lethe.stop()
    db = sqlite3.connect(os.path.join(lethe.store, "vault.db"))
    for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type='table' "
                               "AND name LIKE 'val_%'").fetchall():
        rows = db.execute(f"SELECT id, ct FROM {table}").fetchall()
        for (row, _), (_, ciphertext) in zip(rows, reversed(rows)):
            db.execute(f"UPDATE {table} SET ct=? WHERE id=?", (ciphertext, row))
    db.commit()
    db.close()
    lethe.start()
    for i in (1, 2):
        response = lethe.request("GET", f"/users/{i}", caller="officer")
        check(response.status >= 500 and b"secret" not in response.body, f"GET {i}: {response}")
    token = json.loads(app.requests[0].body)["note"]
    result = lethe.cli("reveal", token)
    check(result.returncode == 1 and "secret" not in result.stdout, f"reveal: {result}")
    events = [json.loads(line)["event"] for line in lethe.process.output().splitlines() if line.startswith("{")]
    equal(events.count("store_damaged"), 3, "incidents in the log")


def newer_slab(data):
    """Both copies of the header name another format."""
    data = bytearray(data)
    for at in (8, 2048 + 8):
        data[at] = 9
    return bytes(data)


def test_a_damaged_store_is_refused_by_name(env):
    """... and says what to do."""
    app = Recorder(env)
    lethe = Lethe(env, app.url).start()
    lethe.request("PUT", "/users/0", OTHER)
    lethe.request("PUT", "/users/1", PERSON)
    equal(lethe.cli("subject", "erase", "0").returncode, 0, "erase")
    lethe.stop()
    problems = []
    for what, name, damage, remedy in (
            ("altered", "ledger.log", lambda d: d[:200] + bytes([d[200] ^ 1]) + d[201:], "put the live"),
            ("shortened (E47)", "ledger.log", lambda d: d[:128], "put the live"),
            ("gone", "ledger.log", None, "put"),
            ("empty", "ledger.log", lambda d: b"", "put"),
            ("newer", "ledger.log", lambda d: b"\x09" + d[1:], "use the newer program"),
            ("altered", "keys.slab", lambda d: bytes(b ^ 1 for b in d[:4096]) + d[4096:], "restore"),
            ("newer", "keys.slab", newer_slab, "use the newer program"),
            ("cut", "keys.slab", lambda d: d[:3000], "restore"),
            ("gone", "keys.slab", None, "restore"),
            ("altered", "vault.db", lambda d: b"not a database" + d[14:], "lethe restore"),
            ("cut", "vault.db", lambda d: d[:5000], "lethe restore"),
            ("empty", "vault.db", lambda d: b"", "lethe restore"),
            ("newer", "vault.db", lambda d: d[:60] + b"\0\0\0\x63" + d[64:], "use the newer program"),
            ("gone", "vault.db", None, "lethe restore")):
        with tempfile.TemporaryDirectory(dir=env.dir) as away:
            good = os.path.join(away, "good")
            shutil.copytree(lethe.store, good)
            path = os.path.join(lethe.store, name)
            if damage is None:
                os.unlink(path)
            else:
                with open(path, "r+b") as f:
                    data = damage(f.read())
                    f.seek(0)
                    f.truncate()
                    f.write(data)
            try:
                result = lethe.cli("serve", timeout=20)
                said = result.stderr.splitlines()[-1]
                if result.returncode != 1 or f"{name}: " not in said or remedy not in said:
                    problems.append(f"{name} {what}: {result.returncode}, {result.stderr!r}")
            except subprocess.TimeoutExpired:
                problems.append(f"{name} {what}: it serves")
            shutil.rmtree(lethe.store)
            shutil.copytree(good, lethe.store)
    check(not problems, "\n".join(["", *problems]))
    lethe.start()
    equal(lethe.request("GET", "/users/1", caller="officer").json(), PERSON, "the good store")


def test_sigterm_finishes_what_is_in_flight(env):
    def handler(request, sock):
        time.sleep(1.5)
        return answer(200, request.body or b"{}")

    app = Recorder(env, handler)
    lethe = Lethe(env, app.url).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        app.clear()
        slow = Background(lethe.request, "PUT", "/users/1", PERSON, "officer")
        idle = lethe.connect()
        until("the request to be upstream", 10, lambda: app.count() == 1)
        lethe.process.tell(number)
        response = slow.join()
        equal((response.status, response.json()), (200, PERSON), "the request in flight")
        check(idle.at_end(5), "an idle connection stays open")
        idle.close()
        equal(lethe.process.wait(), 0, "exit code")
        check(not os.path.exists(os.path.join(lethe.store, "control.sock")), "the socket is left")
        try:
            lethe.connect()
            raise Failure("still accepting")
        except OSError:
            pass
        lethe.start()


def test_a_request_that_never_ends_does_not_hold_up_the_stop(env):
    app = Recorder(env, lambda request, sock: time.sleep(60))
    lethe = Lethe(env, app.url).start()
    conn = lethe.connect()
    conn.send(make_request("GET", "/users/1"))
    half = lethe.connect()
    half.send(b"PUT /users/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
    until("the request to be upstream", 10, lambda: app.count() == 1)
    equal(lethe.stop(seconds=30), 0, "the exit code")
    conn.close()
    half.close()


def test_log_lines_are_json_and_hold_no_input(env):
    """E34, E61: odd input shows up in the log as codes, one JSON object a line."""
    app = Recorder(env)
    lethe = Lethe(env, app.url).start()
    injected = 'x%0a{"event":"FORGED"}'
    lethe.request("GET", "/" + injected)
    lethe.request("PUT", "/users/1", "not json", headers={"Content-Type": "application/json"})
    lethe.request("GET", "/users/1", headers={"Lethe-Key": 'k","event":"FORGED'})
    lethe.raw(b"GET / HTTP/1.1\r\nHost: FORGED\r\nHost: x\r\n\r\n")
    lethe.cli("subject", "erase", 'FORGED\n{"event":"x"}')
    lethe.stop()
    lines = [line for line in lethe.process.output().splitlines() if line]
    check(lines, "nothing was logged")
    for line in lines:
        entry = json.loads(line)
        check(isinstance(entry, dict), f"not an object: {line}")
        check("FORGED" not in line, f"input in the log: {line}")


def test_e72_the_process_is_closed_to_others(env):
    app = Recorder(env)
    lethe = Lethe(env, app.url).start()
    with open(f"/proc/{lethe.process.pid}/limits") as f:
        core = next(line.split()[4:6] for line in f if line.startswith("Max core"))
    equal(core, ["0", "0"], "core file limits")
    # Not dumpable: the kernel gives its /proc entries to root, and ptrace to nobody else.
    result = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "cat",
                             f"/proc/{lethe.process.pid}/environ"], capture_output=True)
    check(result.returncode != 0, "another user can read its environment")
