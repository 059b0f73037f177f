# SPDX-License-Identifier: Apache-2.0
"""The canary sweep: unique synthetic persons through every route and every refusal, then a search for
each of their values, in every spelling, wherever bytes come to rest."""
import base64
import glob
import gzip
import json
import os
import re
import urllib.parse

from harness import ROOT, Conn, Lethe, check, equal, make_request, until
from markers import Detector, spellings
from upstreams import Recorder

PERSONS = 40


def test_the_detector_finds_what_is_planted(env):
    """The search is only worth something if it can find."""
    detector = Detector()
    planted = detector.value("x")
    equal(detector.in_bytes(b"nothing here " * 1000), [], "in innocent bytes")
    check(len(spellings(detector.head)) >= 15, "spellings")
    for name, data in {
        "raw": planted.encode(),
        "JSON escapes": "".join(f"\\u{ord(c):04x}" for c in planted).encode(),
        "percent": "".join(f"%{ord(c):02X}" for c in planted).encode(),
        "hex": planted.encode().hex().encode(),
        "UTF-16LE": planted.encode("utf-16-le"),
        "UTF-16BE": planted.encode("utf-16-be"),
        "upper case": planted.upper().encode(),
        "lower case": planted.lower().encode(),
        "base64 0": base64.b64encode(planted.encode()),
        "base64 1": base64.b64encode(b"a" + planted.encode() + b"b"),
        "base64 2": base64.urlsafe_b64encode(b"ab" + planted.encode() + b"cd"),
        "only the head": detector.head.encode(),
        "only the tail": detector.tail.encode(),
    }.items():
        check(detector.in_bytes(b"before " + data + b" after"), f"{name} is not found")
        path = env.write("planted/file.bin", os.urandom(5000) + data + os.urandom(5000))
        check(detector.in_tree(env.path("planted")), f"{name} is not found in {path}")


def test_the_sweep_finds_a_leak_in_a_store(env):
    """A value planted where Lethe writes, as a leaking Lethe would leave it, turns the sweep red."""
    sweep = Sweep(env)
    sweep.store_persons(2)
    sweep.check_clean()
    for path in (os.path.join(sweep.lethe.store, "vault.db-wal"), sweep.lethe.process.log,
                 os.path.join(sweep.lethe.home, "tmp", "h2o.b.x")):
        with open(path, "ab") as f:
            size = f.tell()
            f.write(sweep.detector.value("leak").encode())
        check(sweep.dirty(), f"a leak in {path} was not seen")
        os.truncate(path, size)
    sweep.check_clean()


class Sweep:
    def __init__(self, env, persons=PERSONS, **overrides):
        self.env = env
        self.detector = Detector()
        self.names = Detector()  # identifiers: the upstream may know its own, Lethe keeps none
        self.app = Recorder(env)
        self.lethe = Lethe(env, self.app.url, **overrides)
        self.lethe.config["routes"].append({"path": "/plain", "upstream": "app"})
        self.lethe.save()
        os.makedirs(os.path.join(self.lethe.home, "tmp"))
        os.environ["TMPDIR"] = os.path.join(self.lethe.home, "tmp")
        self.seen = bytearray()  # what callers got that may see no values
        self.count = persons
        self.lethe.start()

    def subject(self, i):
        return self.names.value(str(i))

    def person(self, i):
        mark = self.detector.value
        return {"email": mark(f".mail{i}.") + "@canary.example", "plan": "standard",
                "phones": [mark(f"phone{i}a"), mark(f"phone{i}b \u00e9\"\\/<&'\n\u2028")],
                "note": mark(f"note{i} \U0001f600 " + "x" * (i * 50))}

    def store_persons(self, count):
        for i in range(count):
            response = self.lethe.request("PUT", f"/users/{self.subject(i)}", self.person(i),
                                          caller="officer")
            equal((response.status, response.json()), (200, self.person(i)), f"PUT {i}")

    def escaped(self, i):
        """The same person with every character of every value escaped."""
        def esc(text):
            return "".join(f"\\u{u:04x}" for c in text
                           for u in memoryview(c.encode("utf-16-le")).cast("H"))

        p = self.person(i)
        return ('{"email":"%s","phones":["%s","%s"],"note":"%s"}' % (
            esc(p["email"]), esc(p["phones"][0]), esc(p["phones"][1]), esc(p["note"]))).encode()

    def blind(self, method, target, body=None, caller=None, headers=()):
        """A request of somebody who sees no values; the answer is searched, too."""
        response = self.lethe.request(method, target, body, caller, headers)
        self.seen += response.raw + response.body
        return response

    def run_good(self, i):
        path = f"/users/{self.subject(i)}"
        json_type = {"Content-Type": "application/json"}
        equal(self.blind("PUT", path, self.escaped(i), headers=json_type).status, 200, "escaped")
        equal(self.blind("PATCH", path, {"note": self.person(i)["note"]}, "robot").status, 200,
              "PATCH")
        equal(self.blind("PUT", path, self.person(i)).status, 200, "PUT")
        for caller in ("robot", None):
            self.blind("GET", path, caller=caller)
        masked = self.lethe.request("GET", path, caller="support-desk").json()
        check(not self.detector.in_bytes(masked["email"].encode()), f"mask {masked['email']!r}")
        address = urllib.parse.quote(self.person(i)["email"], safe="")
        self.blind("GET", f"/users?email={address}", caller="robot")
        self.blind("GET", "/users?email=" + "".join(
            f"%{b:02x}" for b in self.person(i)["email"].encode()))
        equal(self.blind("POST", "/users", self.person(i)).status, 201, "POST")
        value = self.person(i)["note"].encode("unicode_escape").decode()
        result = self.lethe.cli("tokenize", "--class", "note", "--subject", self.subject(i),
                                data=value + "\n")
        equal(result.returncode, 0, f"lethe tokenize ({result.stderr})")
        self.seen += result.stdout.encode() + result.stderr.encode()

    def run_bad(self, i):
        """Everything that is refused still passed through memory: none of it may be kept."""
        path = f"/users/{self.subject(i)}"
        mark = self.detector.value(f"bad{i}")
        good = json.dumps(self.person(i)).encode()
        t = {"Content-Type": "application/json"}
        for body, headers in (
                (good[:-1], t), (good + b"x", t), (good, {"Content-Type": "text/plain"}),
                (gzip.compress(good)[:-1], {**t, "Content-Encoding": "gzip"}),
                (good.decode().encode("utf-16"), t), (b'{"email":["%s"]}' % mark.encode(), t),
                (b'{"%s":1,"%s":2}' % (mark.encode(), mark.encode()), t),
                (b'{"email":"%s\xff"}' % mark.encode(), t),
                (b"<a>%s</a>" % mark.encode(), {"Content-Type": "application/xml"}),
                (good, {**t, "Content-Encoding": mark}), (good, {"Content-Type": mark})):
            response = self.blind("PUT", path, body, headers=headers)
            check(400 <= response.status < 500, f"{headers}: {response}")
        for target in (f"/{mark}", f"/users?other={mark}&email=%zz", f"/users/{mark}/x",
                       f"/users?email={mark}&email={mark}"):
            self.blind("GET", target)
        self.blind("GET", path, headers={"Lethe-Key": mark})
        self.blind("GET", path, caller="officer", headers={"Lethe-Purpose": mark})
        self.blind(mark.upper()[:20], path)
        raw = make_request("PUT", path, {"email": mark})
        for data in (raw[:-5], raw.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n"),
                     raw.replace(b"Host: ", b"Host : ")):
            with Conn(self.lethe.addresses[0], timeout=2) as conn:
                conn.send(data)
                conn.sock.shutdown(1)
                try:
                    while conn.fill():
                        pass
                except OSError:
                    pass
                self.seen += conn.buffer
        for arguments in (("tokenize", "--class", "nosuch", "--subject", mark),
                          ("reveal",), ("subject", "show", mark), ("subject", "erase", mark)):
            result = self.lethe.cli(*arguments, data=mark + "\n")
            check(result.returncode != 0, f"{arguments} succeeded")
            self.seen += result.stdout.encode() + result.stderr.encode()

    def run_answers(self, i):
        """An application that lies: somebody else's token, clear values, values in what is broken."""
        users = self.app.handler.users
        path = f"/users/{self.subject(i)}"
        good = users[self.subject(i)]
        other = json.loads(users[self.subject(i + 1)])
        clear = json.dumps(self.person(i)).encode()
        for body in (json.dumps({**json.loads(good), "note": other["note"]}).encode(), clear,
                     clear[:-1], clear + clear, b'{"note":["%s"]}' % clear[20:40]):
            users[self.subject(i)] = body
            self.lethe.request("GET", path, caller="officer")
            for caller in ("robot", None):
                self.blind("GET", path, caller=caller)
        users[self.subject(i)] = good
        app, self.app.handler = self.app.handler, lambda request, sock: sock.sendall(
            b"HTTP/1.1 200 " + clear[20:40] + b"\r\nX: " + clear[20:40] + b"\r\n" + clear[20:40])
        self.blind("GET", path, caller="robot")
        self.app.handler = app

    def dirty(self):
        """Every place where a value was found that may not be there."""
        hits = []
        upstream = self.app.bytes()
        found = self.detector.in_bytes(upstream)
        if found:
            hits.append(f"upstream: {', '.join(found)}")
        found = self.detector.in_bytes(bytes(self.seen))
        if found:
            hits.append(f"answers to callers who see no values: {', '.join(found)}")
        for detector, what in ((self.detector, "value"), (self.names, "identifier")):
            hits += [f"{what} in {h}" for h in detector.in_tree(self.env.dir)]
            if self.lethe.process.running():
                hits += [f"{what} in {h}" for h in detector.in_process(self.lethe.process.pid)]
        return hits

    def check_clean(self):
        check(b"lt_" in self.app.bytes(), "the upstream saw no token: nothing was tested")
        hits = self.dirty()
        check(not hits, "\n".join(["", *hits]))


def test_no_value_rests_anywhere(env):
    """E34: in no file, log or error."""
    sweep = Sweep(env, sweep_interval="1s")
    sweep.store_persons(sweep.count)
    for i in range(0, sweep.count, 4):
        sweep.run_good(i)
    for i in range(0, sweep.count, 10):
        sweep.run_bad(i)
        sweep.run_answers(i)
    said = sweep.lethe.process.output()
    for event in ("foreign_token", "clear_value", "request_refused", "reveal_denied",
                  "upstream_failed"):
        check(f'"event":"{event}"' in said, f"nothing made Lethe log {event}")
    sweep.check_clean()
    # The store says the same after the write-ahead log has been folded in, and after kill -9.
    equal(sweep.lethe.stop(), 0, "exit code")
    sweep.check_clean()
    sweep.lethe.start()
    response = sweep.lethe.request("GET", f"/users/{sweep.subject(3)}", caller="officer")
    equal(response.json(), sweep.person(3), "the authorised reveal")
    check(sweep.detector.in_bytes(response.body), "the detector does not know the value")
    sweep.lethe.kill()
    sweep.check_clean()


test_no_value_rests_anywhere.limit = 300


def test_no_value_rests_where_writing_failed(env):
    """What could not be stored is nowhere: half-written rows, logs, the upstream."""
    for what in ("space", "sync"):
        sweep = Sweep(env, name="l-" + what)
        sweep.store_persons(2)
        sweep.lethe.stop()
        sweep.lethe.can_fail()
        sweep.lethe.start()
        sweep.lethe.fail(what)
        for i in range(2, 8):
            response = sweep.blind("PUT", f"/users/{sweep.subject(i)}", sweep.person(i))
            check(response.status in (503, 507), f"PUT: {response}")
        check('"event":"store_failed"' in sweep.lethe.process.output(), "nothing was logged")
        sweep.check_clean()
        sweep.lethe.fail(None)
        sweep.lethe.kill()
        sweep.check_clean()


def test_no_value_of_an_erased_person_rests_anywhere(env):
    """E55: in what is left behind."""
    sweep = Sweep(env)
    sweep.store_persons(6)
    erased = sweep.subject(2)
    result = sweep.lethe.cli("subject", "erase", erased, "--reason", "asked for it")
    equal(result.returncode, 0, f"erase ({result.stderr})")
    sweep.seen += result.stdout.encode() + result.stderr.encode()
    equal(json.loads(result.stdout)["state"], "completed", "the receipt")
    hits = sweep.names.in_bytes(result.stdout.encode())
    check(not hits, f"the receipt names the person: {hits}")
    sweep.check_clean()
    gone = sweep.blind("GET", f"/users/{erased}", caller="officer").json()
    check(gone["email"].startswith("lt-"), f"erased: {gone}")
    equal(sweep.lethe.request("GET", f"/users/{sweep.subject(3)}", caller="officer").json(),
          sweep.person(3), "somebody else")
    sweep.check_clean()


def slots(lethe):
    with open(os.path.join(lethe.store, "keys.slab"), "rb") as f:
        data = f.read()
    return [data[i:i + 128] for i in range(0, len(data), 128)]


def in_memory(pid, text):
    """Places in a process where a text stands, in whatever it has mapped."""
    places = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            start, end = (int(x, 16) for x in line.split()[0].split("-"))
            if line.split()[1][0] != "r" or end - start > 1 << 30:  # the shadow of a sanitizer
                continue
            try:
                memory.seek(start)
                data = memory.read(end - start)
            except (OSError, ValueError, OverflowError):  # [vvar], [vsyscall]
                continue
            places += [f"{start + m.start():x} ({line.split()[-1]})"
                       for m in re.finditer(re.escape(text.encode()), data)]
    return places


def test_e72_nothing_of_an_erased_person_stays_in_the_memory_of_the_server(env):
    """Requests in flight and what comes next use the same buffers and stacks; values kept on purpose, and
    keys, are wiped by the erasure itself (tests of the vault look for those)."""
    lethe = Lethe(env, Recorder(env).url, threads=1)
    lethe.start()
    pid = lethe.process.pid
    mark = "zqx7sentinel"
    with lethe.connect() as conn:
        officer = {"Lethe-Key": lethe.keys["officer"], "Lethe-Purpose": "account"}

        def person(name, value):
            for method in ("PUT", "GET"):
                body = {"email": f"{value}@example.org", "note": f"{value} note"}
                got = conn.request(method, f"/users/{name}", body if method == "PUT" else None, officer)
                equal(got.status, 200, f"{method} {name}")

        person(f"{mark}-id", mark)
        check(in_memory(pid, mark), "the search finds nothing of a person that is there")
        equal(lethe.cli("subject", "erase", f"{mark}-id").returncode, 0, "erase")
        for i in range(20):
            person(f"somebody-else-{i}", f"somebody-else-{i}")
            lethe.cli("subject", "show", f"somebody-else-{i}")
    until("the connection to be forgotten", 10, lambda: not in_memory(pid, mark))


def test_the_erased_persons_wrapped_key_is_in_no_file_of_the_store(env):
    """Judged from outside, with nothing but the bytes: the slot is zero, and what stood in it stands
    nowhere else, not even in part."""
    sweep = Sweep(env)
    sweep.store_persons(5)
    before = slots(sweep.lethe)
    result = sweep.lethe.cli("subject", "erase", sweep.subject(1))
    equal(result.returncode, 0, f"erase ({result.stderr})")
    after = slots(sweep.lethe)
    wiped = [i for i, slot in enumerate(before) if slot.strip(b"\0") and not after[i].strip(b"\0")]
    equal(len(wiped), 1, "slots that became zero")
    key = before[wiped[0]][32:104]  # nonce and wrapped key; see vault/slab_priv.h
    windows = {key[i:i + 8] for i in range(len(key) - 7)}
    check(len(windows) == 65, "the slot held no key")
    other = next(s[32:104] for i, s in enumerate(before[32:], 32) if s == after[i] and s[1] == 1)
    places = 0
    for folder, _, files in os.walk(sweep.lethe.store):
        for name in set(files) - {"control.sock"}:
            with open(os.path.join(folder, name), "rb") as f:
                data = f.read()
            hits = [w.hex() for w in windows if w in data]
            check(not hits, f"{name} holds bytes of the erased key: {hits[:3]}")
            places += other in data
    check(places >= 1, "a living key was not found either: the search is blind")


# Fault points that other things than an erasure pass.
OTHERS = ("tokenize.", "rectify.", "rotate.", "keys.", "reserve.", "sequence.", "backup.", "restore.", "mirror.", "notices.", "slab.added",
          "records.", "request.", "erase.parted", "hold.", "wait.", "audit.", "part.",
          "retime.", "renew.", "event.", "use.", "purge.", "rectification.", "consent.")


def erasure_faults():
    """Every point at which an erasure can be killed, taken from the sources so that none is
    forgotten; the ledger is written twice, when an erasure begins and when it is closed."""
    names = set()
    for folder in ("vault", "retention"):
        for file in glob.glob(os.path.join(ROOT, folder, "*.c")):
            with open(file) as f:
                names |= set(re.findall(r'FAULT_POINT\("([a-z_.]+)"\)', f.read()))
    names = {n for n in names if not n.startswith(OTHERS)}
    return sorted(names | {n + ":2" for n in names if n.startswith("ledger.")})


def ledger(lethe):
    """(erasures begun, erasures closed) by the records' kinds; see vault/ledger_priv.h."""
    with open(os.path.join(lethe.store, "ledger.log"), "rb") as f:
        data = f.read()
    records = [data[i:i + 128] for i in range(0, len(data) - 127, 128)]
    return ({r[32:48] for r in records if r[1] == 2}, {r[32:48] for r in records if r[1] == 3})


def check_crash(env, fault):
    """kill -9 at one step of an erasure, then a start without anybody's help."""
    check(env.has_faults(), "this build has no fault points: use the dev or asan one")
    sweep = Sweep(env)
    sweep.store_persons(4)
    token = json.loads(sweep.app.handler.users[sweep.subject(1)])["note"]
    equal(sweep.lethe.stop(), 0, "exit code")
    sweep.lethe.start(fault=fault)
    result = sweep.lethe.cli("subject", "erase", sweep.subject(1))
    check(result.returncode != 0, f"erase succeeded at {fault}: {result.stdout}")
    equal(sweep.lethe.died(), -9, f"exit at {fault}")
    sweep.seen += result.stdout.encode() + result.stderr.encode()
    sweep.check_clean()
    sweep.lethe.start()
    begun, _ = ledger(sweep.lethe)
    path = f"/users/{sweep.subject(1)}"
    if not begun:
        # Nothing was promised: the person is as alive as before, and can be erased now.
        equal(sweep.lethe.request("GET", path, caller="officer").json(), sweep.person(1), "GET")
        equal(sweep.lethe.cli("subject", "erase", sweep.subject(1)).returncode, 0, "erase again")
    else:
        equal(len(begun), 1, "ledger entries")
        gone = sweep.blind("GET", path, caller="officer").json()
        check(gone["note"] == token, f"not dead at once after the restart: {gone}")
    until("the erasure to complete by itself", 20,
          lambda: ledger(sweep.lethe)[0] == ledger(sweep.lethe)[1] != set())
    result = sweep.lethe.cli("reveal", token)
    equal((result.returncode, result.stdout), (1, ""), "reveal of the dead token")
    equal(sweep.lethe.cli("subject", "show", sweep.subject(1)).returncode, 1, "subject show")
    for i in (0, 2, 3):
        response = sweep.lethe.request("GET", f"/users/{sweep.subject(i)}", caller="officer")
        equal(response.json(), sweep.person(i), f"person {i}, who was not erased")
    report = json.loads(sweep.lethe.cli("report", "retention", "--format", "json").stdout)
    for row in report["rows"]:
        check(row["balanced"], f"the books of {row['class']} do not balance: {row}")
        equal(row["purged_erasure"], {"email": 1, "phone": 2, "note": 1}[row["class"]],
              f"erased rows of {row['class']}")
    # The person may come back, as somebody new.
    equal(sweep.lethe.request("PUT", path, sweep.person(1), caller="officer").json(),
          sweep.person(1), "stored again")
    sweep.check_clean()


def test_rectification_survives_kills(env):
    """Before the commit the old value stands, after it the new one; never half of either."""
    check(env.has_faults(), "this build has no fault points: use the dev or asan one")
    sweep = Sweep(env)
    sweep.store_persons(1)
    token = json.loads(sweep.app.handler.users[sweep.subject(0)])["note"]
    old = sweep.person(0)["note"]
    equal(sweep.lethe.stop(), 0, "exit code")
    for fault, expected in (("rectify.before_commit", old), ("rectify.committed", "the new value")):
        sweep.lethe.start(fault=fault)
        result = sweep.lethe.cli("subject", "rectify", token, data="the new value\n")
        check(result.returncode != 0, f"acknowledged at {fault}")
        equal(sweep.lethe.died(), -9, f"exit at {fault}")
        sweep.lethe.start()
        shown = sweep.lethe.request("GET", f"/users/{sweep.subject(0)}", caller="officer").json()
        equal(shown, {**sweep.person(0), "note": expected}, f"after {fault}")
        equal(sweep.lethe.stop(), 0, "exit code")


def make_crash_test(fault):
    def test(env):
        check_crash(env, fault)

    test.__doc__ = f"E45: kill -9 at {fault}"
    return test


for _fault in erasure_faults():
    globals()["test_e45_erasure_survives_kill_at_" + re.sub("[.:]", "_", _fault)] = \
        make_crash_test(_fault)


def test_e45_the_list_of_fault_points_is_not_empty(_env):
    check(len(erasure_faults()) >= 8, f"found only {erasure_faults()}")


def test_e45_erasure_survives_kills_while_it_is_resumed(env):
    """Killed, started, killed at a later step of the same erasure, and so on; then left alone."""
    sweep = Sweep(env)
    sweep.store_persons(3)
    token = json.loads(sweep.app.handler.users[sweep.subject(1)])["note"]
    equal(sweep.lethe.stop(), 0, "exit code")
    sweep.lethe.start(fault="slab.before_shred_sync")
    check(sweep.lethe.cli("subject", "erase", sweep.subject(1)).returncode != 0, "erase succeeded")
    equal(sweep.lethe.died(), -9, "exit of the first")
    for fault in ("sweep.batch", "erase.swept", "truncate.done", "erase.verified",
                  "close.appended"):
        sweep.lethe.start(fault=fault, wait=False)
        equal(sweep.lethe.died(), -9, f"exit at {fault}")
        sweep.check_clean()
    sweep.lethe.start()
    until("the erasure to complete by itself", 20,
          lambda: ledger(sweep.lethe)[0] == ledger(sweep.lethe)[1] != set())
    equal(sweep.lethe.cli("reveal", token).returncode, 1, "reveal of the dead token")
    for i in (0, 2):
        response = sweep.lethe.request("GET", f"/users/{sweep.subject(i)}", caller="officer")
        equal(response.json(), sweep.person(i), f"person {i}, who was not erased")
    sweep.check_clean()


def test_commits_survive_kill_at_any_moment(env):
    """What was answered is there after kill -9; what was not may be there or not, but never half."""
    sweep = Sweep(env)
    stored = 0
    for round_ in range(6):
        with sweep.lethe.connect() as conn:
            for i in range(stored, stored + 15):
                response = conn.request("PUT", f"/users/{i}", {"note": f"kept {i}"})
                equal(response.status, 200, f"PUT {i}")
            stored += 15
            conn.send(make_request("PUT", f"/users/{stored}", {"note": f"kept {stored}"}))
            sweep.lethe.kill()
        sweep.lethe.start()
        for i in range(stored):
            response = sweep.lethe.request("GET", f"/users/{i}", caller="officer")
            equal(response.json(), {"note": f"kept {i}"}, f"round {round_}, person {i}")
