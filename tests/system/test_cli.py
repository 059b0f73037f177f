# SPDX-License-Identifier: Apache-2.0
"""The commands beside a running server, which they ask over its socket, and without one."""
import json
import os
import re
import socket
import stat
import subprocess

from harness import ROOT, Background, Lethe, check, equal
from upstreams import Recorder

TOKEN = "lt_"


def started(env):
    app = Recorder(env)
    return app, Lethe(env, app.url).start()


def both(env):
    """The same with a server and without."""
    _, lethe = started(env)
    yield "beside a server", lethe
    equal(lethe.stop(), 0, "exit code")
    yield "alone", lethe


def test_tokenize_and_reveal_give_the_value_back(env):
    for where, lethe in both(env):
        made = lethe.cli("tokenize", "--class", "note", "--subject", "7", "a note \u2615")
        equal(made.returncode, 0, f"{where}: tokenize ({made.stderr})")
        token = made.stdout.strip()
        check(token.startswith(TOKEN) and len(token) == 32, f"{where}: {token!r}")
        shown = lethe.cli("reveal", token)
        equal((shown.returncode, shown.stdout), (0, "a note \u2615\n"), f"{where}: reveal")


def test_streams_of_lines(env):
    values = [f"value {i}" for i in range(2500)] + ["", "ends with blank "]
    for where, lethe in both(env):
        made = lethe.cli("tokenize", "--class", "note", "--subject", "7",
                         data="".join(v + "\n" for v in values))
        equal(made.returncode, 0, f"{where}: tokenize ({made.stderr})")
        tokens = made.stdout.splitlines()
        equal(len(tokens), len(values), f"{where}: tokens")
        equal(len(set(tokens)), len(values), f"{where}: different tokens")
        shown = lethe.cli("reveal", data=made.stdout)
        equal((shown.returncode, shown.stdout.split("\n")[:-1]), (0, values), f"{where}: reveal")


def test_deterministic_classes_give_one_token(env):
    for where, lethe in both(env):
        tokens = {lethe.cli("tokenize", "--class", "phone", "--subject", "7", "+44 1632 960001").stdout
                  for _ in range(3)}
        equal(len(tokens), 1, f"{where}: tokens")


def test_the_cli_and_the_proxy_mean_the_same_person(env):
    app, lethe = started(env)
    token = lethe.cli("tokenize", "--class", "note", "--subject", "7", "from the shell").stdout.strip()
    app.handler.users["7"] = json.dumps({"note": token}).encode()
    equal(lethe.request("GET", "/users/7", caller="officer").json(), {"note": "from the shell"}, "GET")
    lethe.request("PUT", "/users/8", {"note": "from the proxy"})
    shown = lethe.cli("reveal", app.last().json()["note"])
    equal(shown.stdout, "from the proxy\n", "reveal")


def test_unknown_things_are_not_found(env):
    for where, lethe in both(env):
        for token in ("lt_" + "0" * 29, "nonsense", "", "lt-x@tok.invalid"):
            shown = lethe.cli("reveal", token)
            equal((shown.returncode, shown.stdout.strip()), (1, ""), f"{where}: reveal {token!r}")
        for command in (("subject", "show", "nobody"), ("subject", "erase", "nobody")):
            result = lethe.cli(*command)
            equal((result.returncode, result.stdout), (1, ""), f"{where}: {command}")
        result = lethe.cli("tokenize", "--class", "nosuch", "--subject", "7", "x")
        equal((result.returncode, result.stdout), (1, ""), f"{where}: an unknown class")


def test_a_dead_line_in_a_stream_is_an_empty_line(env):
    for where, lethe in both(env):
        one = lethe.cli("tokenize", "--class", "note", "--subject", "7", "one").stdout
        two = lethe.cli("tokenize", "--class", "note", "--subject", "7", "two").stdout
        shown = lethe.cli("reveal", data=one + "nonsense\n" + two)
        equal((shown.returncode, shown.stdout), (1, "one\n\ntwo\n"), f"{where}: reveal")
        shown = lethe.cli("reveal", "--json", data=one + "nonsense\n" + two)
        equal((shown.returncode, shown.stdout), (1, '"one"\nnull\n"two"\n'), f"{where}: as JSON")


def test_subject_show_counts_and_names_nobody(env):
    for where, lethe in both(env):
        lethe.cli("tokenize", "--class", "email", "--subject", "show-me", "show@example.org")
        for _ in range(2):
            lethe.cli("tokenize", "--class", "note", "--subject", "show-me", "x")
        for name in ("show-me", "show@example.org"):
            result = lethe.cli("subject", "show", "--json", name)
            equal(result.returncode, 0, f"{where}: show {name} ({result.stderr})")
            text = result.stdout
            check("show" not in text and "example" not in text, f"{where}: names somebody: {text}")
            json.loads(text)


def test_erase_prints_a_receipt_that_names_nobody(env):
    for where, lethe in both(env):
        lethe.cli("tokenize", "--class", "email", "--subject", "gone", "gone@example.org")
        token = lethe.cli("tokenize", "--class", "note", "--subject", "gone", "bye").stdout.strip()
        result = lethe.cli("subject", "erase", "gone@example.org", "--reason", "Art. 17(1)(b)")
        equal(result.returncode, 0, f"{where}: erase ({result.stderr})")
        receipt = json.loads(result.stdout)
        equal(receipt["state"], "completed", f"{where}: state")
        equal(receipt["reason"], "Art. 17(1)(b)", f"{where}: reason")
        check("gone" not in result.stdout, f"{where}: names the person: {result.stdout}")
        equal(lethe.cli("reveal", token).returncode, 1, f"{where}: reveal")
        equal(lethe.cli("subject", "erase", "gone").returncode, 1, f"{where}: erase again")
        again = lethe.cli("tokenize", "--class", "note", "--subject", "gone", "bye").stdout.strip()
        check(again and again != token, f"{where}: the old token came back")
        equal(lethe.cli("reveal", again).stdout, "bye\n", f"{where}: somebody new")
        equal(lethe.cli("subject", "erase", "gone").returncode, 0, f"{where}: tidy up")


def test_rectification_keeps_the_token_and_changes_the_value(env):
    for where, lethe in both(env):
        token = lethe.cli("tokenize", "--class", "email", "--subject", f"fix-{len(where)}",
                          f"old{len(where)}@example.org").stdout.strip()
        new = f"new{len(where)}@example.org"
        done = lethe.cli("subject", "rectify", token, data=new + "\n")
        equal((done.returncode, done.stdout, done.stderr), (0, "", ""), f"{where}: rectify")
        equal(lethe.cli("reveal", token).stdout, new + "\n", f"{where}: reveal")
        equal(lethe.cli("subject", "show", new).returncode, 0, f"{where}: found by the new name")
        equal(lethe.cli("subject", "show", f"old{len(where)}@example.org").returncode, 1,
              f"{where}: found by the old name")
        for lines in ("", "one\ntwo\n"):
            refused = lethe.cli("subject", "rectify", token, data=lines)
            equal(refused.returncode, 2, f"{where}: {lines!r}")
        equal(lethe.cli("reveal", token).stdout, new + "\n", f"{where}: nothing changed")
        dead = lethe.cli("subject", "rectify", "lt_" + "0" * 29, data="x\n")
        equal((dead.returncode, dead.stdout), (1, ""), f"{where}: a dead token")


def test_rectification_leaves_a_shared_token_alone(env):
    for where, lethe in both(env):
        tokens = {lethe.cli("tokenize", "--class", "phone", "--subject", who,
                            "+44 1632 960777").stdout.strip() for who in ("one", "two")}
        equal(len(tokens), 1, f"{where}: shared")
        token = tokens.pop()
        refused = lethe.cli("subject", "rectify", "--subject", "one", token, data="+44 1632 960778\n")
        equal(refused.returncode, 1, f"{where}: rectify")
        check("shared" in refused.stderr and "960778" not in refused.stderr, f"{where}: {refused.stderr}")
        equal(lethe.cli("reveal", token).stdout, "+44 1632 960777\n", f"{where}: reveal")
        shown = lethe.cli("subject", "show", "--token", token)
        equal(shown.returncode, 1, f"{where}: whose it is cannot be said")
        check("share" in shown.stderr, f"{where}: {shown.stderr}")
        lethe.cli("subject", "erase", "one")
        equal(lethe.cli("reveal", token).stdout, "+44 1632 960777\n", f"{where}: the other's is left")
        equal(lethe.cli("subject", "rectify", token, data="+44 1632 960778\n").returncode, 0,
              f"{where}: alone now")
        lethe.cli("subject", "erase", "two")


def test_a_person_is_found_and_erased_by_a_token(env):
    for where, lethe in both(env):
        lethe.cli("tokenize", "--class", "email", "--subject", "by-token", "by-token@example.org")
        token = lethe.cli("tokenize", "--class", "note", "--subject", "by-token", "x").stdout.strip()
        by_name = lethe.cli("subject", "show", "--json", "by-token").stdout
        by_token = lethe.cli("subject", "show", "--json", "--token", token)
        equal((by_token.returncode, by_token.stdout), (0, by_name), f"{where}: show")
        for nonsense in (("by-token", "--token", token), ()):
            equal(lethe.cli("subject", "erase", *nonsense).returncode, 2, f"{where}: {nonsense}")
        erased = lethe.cli("subject", "erase", "--token", token)
        equal((erased.returncode, json.loads(erased.stdout)["state"]), (0, "completed"), f"{where}: erase")
        equal(lethe.cli("subject", "show", "by-token@example.org").returncode, 1, f"{where}: gone")
        equal(lethe.cli("subject", "erase", "--token", token).returncode, 1, f"{where}: again")


def test_help_says_all_of_each_command_and_names_each_report(env):
    lethe = Lethe(env)
    commands = re.findall(r"^  (\S+(?: \S+)*) {2,}(.+)$", lethe.run("help").stdout, re.M)
    check(len(commands) > 70, f"{len(commands)} commands")
    for name, summary in commands:
        check(f"\n{summary}.\n" in lethe.run("help", *name.split()).stdout, f"help {name}")
    with open(os.path.join(ROOT, "docs/reports.schema.json"), encoding="utf-8") as f:
        reports = [kind["properties"]["report"]["const"] for kind in json.load(f)["oneOf"]]
    said = re.findall(r"[a-z-]+", lethe.run("help", "report").stdout)
    equal([r for r in reports if r not in said], [], "reports that help does not name")


def test_the_control_socket_is_for_the_owner_only(env):
    _, lethe = started(env)
    path = os.path.join(lethe.store, "control.sock")
    equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, "mode of the socket")
    equal(stat.S_IMODE(os.stat(lethe.store).st_mode), 0o700, "mode of the store")


def test_nonsense_on_the_control_socket_harms_nobody(env):
    _, lethe = started(env)
    path = os.path.join(lethe.store, "control.sock")
    for data in (b"\n", b"x\n", b"[]\n", b"{}\n", b'{"op":1}\n', b'{"op":"nosuch"}\n',
                 b'{"op":"ping","x":1}\n', b'{"op":"tokenize"}\n', b"\0" * 1000 + b"\n",
                 b'{"op":"reveal","tokens":"x"}\n', b'{"op":"reveal","tokens":[1]}\n',
                 b'{"op":"tokenize","class":"note","subject":"x","values":[{}]}\n',
                 b"[" * 100000 + b"\n", b"x" * (5 << 20),
                 # the message with the path in it is cut somewhere: in the middle of a letter
                 *(json.dumps({"op": "backup", "keys": "/x",
                               "data": "/" + "y" * n + "\u00e9" * 400}).encode() + b"\n"
                   for n in range(2))):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(path)
            try:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                reply = b""
                while True:
                    more = s.recv(65536)
                    if not more:
                        break
                    reply += more
            except (BrokenPipeError, ConnectionResetError):
                continue
            if reply:
                equal(json.loads(reply.splitlines()[0])["ok"], False, f"answer to {data[:40]!r}")
    lethe.alive()
    equal(lethe.cli("tokenize", "--class", "note", "--subject", "7", "x").returncode, 0, "a good one")


def test_many_commands_at_once(env):
    _, lethe = started(env)

    def work(i):
        token = lethe.cli("tokenize", "--class", "note", "--subject", f"s{i}", f"v{i}").stdout.strip()
        equal(lethe.cli("reveal", token).stdout, f"v{i}\n", f"reveal {i}")
        if i % 2:
            equal(lethe.cli("subject", "erase", f"s{i}").returncode, 0, f"erase {i}")
            equal(lethe.cli("reveal", token).returncode, 1, f"reveal {i} afterwards")

    for thread in [Background(work, i) for i in range(12)]:
        thread.join(60)


def test_an_erasure_wipes_what_the_loops_had_cached(env):
    """The token is warm in every loop; after the acknowledgement no loop knows it."""
    app = Recorder(env)
    lethe = Lethe(env, app.url, threads=4).start()
    lethe.request("PUT", "/users/7", {"note": "warm"})
    token = app.last().json()["note"]
    conns = [lethe.connect() for _ in range(24)]
    key = {"Lethe-Key": lethe.keys["officer"], "Lethe-Purpose": "account"}
    for conn in conns:
        equal(conn.request("GET", "/users/7", headers=key).json(), {"note": "warm"}, "before")
    equal(lethe.cli("subject", "erase", "7").returncode, 0, "erase")
    for conn in conns:
        equal(conn.request("GET", "/users/7", headers=key).json(), {"note": token}, "after")
        conn.close()


def test_e44_erasing_while_tokenizing_leaves_nothing_half(env):
    """One client writes the same person without pause while it is erased again and again: whatever
    was stored before an erasure is dead, what came after is alive and whole."""
    app, lethe = started(env)
    stop = []

    def write():
        with lethe.connect() as conn:
            key = {"Lethe-Key": lethe.keys["officer"], "Lethe-Purpose": "account"}
            n = 0
            while not stop:
                body = {"note": f"n{n}", "email": "racer@example.org"}
                response = conn.request("PUT", "/users/racer", body, key)
                check(response.status in (200, 409), f"PUT {n}: {response}")
                if response.status == 200:
                    note = response.json()["note"]
                    check(note == f"n{n}" or note.startswith("lt_"), f"PUT {n} shows {note!r}")
                n += 1
            return n

    writer = Background(write)
    dead = []
    for _ in range(10):
        result = lethe.cli("subject", "erase", "racer")
        if result.returncode == 0:
            cutoff = app.count()
            dead.append(cutoff)
        check(result.returncode in (0, 1), f"erase: {result.stderr}")
    stop.append(True)
    check(writer.join() > 10, "the writer hardly ran")
    equal(lethe.cli("subject", "erase", "racer").returncode, 0, "the last erasure")
    check(dead, "no erasure hit")
    tokens = "".join(r.json()["note"] + "\n" for r in app.requests)
    shown = lethe.cli("reveal", data=tokens)
    equal(shown.stdout.strip(), "", "values that outlived the last erasure")
    report = json.loads(lethe.cli("report", "retention", "--json").stdout)
    for row in report["rows"]:
        check(row["balanced"], f"the books of {row['class']} do not balance: {row}")
        equal(row["items"], 0, f"rows left of {row['class']}")


def kept(lethe):
    return {name: open(os.path.join(lethe.store, name), "rb").read() for name in ("keys.slab", "ledger.log", "lock")}


def test_a_descriptor_that_nobody_opened_is_no_file_of_the_store(env):
    """The line "ready" went into the file that had the number by then: the ledger, or the keys."""
    _, lethe = started(env)
    equal(lethe.stop(), 0, "exit code")
    before = kept(lethe)
    for number in range(3, 40):
        result = lethe.run("serve", "-c", lethe.file, "--ready-fd", str(number))
        equal(result.returncode, 2, f"{number}: {result.stderr}")
    equal(kept(lethe), before, "the store's files")


def test_what_is_said_goes_to_no_file_when_a_stream_is_closed(env):
    _, lethe = started(env)
    equal(lethe.stop(), 0, "exit code")
    before = kept(lethe)
    words = [env.lethe_path(), "access", "list", "-c", lethe.file]
    for closed, code in ((">&-", 1), ("2>&-", 0), ("<&-", 0), ("<&- >&- 2>&-", 1)):
        result = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", *words], text=True, capture_output=True, timeout=60,
                                env=lethe.environment())
        equal(result.returncode, code, f"{closed}: {result.stderr}")
    equal(kept(lethe), before, "the store's files")
    closing = ["sh", "-c", 'exec "$@" <&- 2>&-', "sh"]
    lethe.prefix = closing
    lethe.start()
    for number in (0, 2):
        equal(os.readlink(f"/proc/{lethe.process.pid}/fd/{number}"), "/dev/null", f"descriptor {number} of the server")
    equal(lethe.stop(), 0, "exit code")


def test_output_that_goes_nowhere_is_no_success(env):
    for where, lethe in both(env):
        for words in (("receipt", "list"), ("access", "list", "--json"), ("key", "public"), ("report", "retention")):
            with open("/dev/full", "w") as full:
                result = subprocess.run([env.lethe_path(), *words, "-c", lethe.file], stdout=full, stderr=subprocess.PIPE, text=True,
                                        timeout=60, env=lethe.environment())
            wrote_nothing = words[0] == "receipt"  # there is none
            equal(result.returncode, 0 if wrote_nothing else 1, f"{where}: {words}")
            check(wrote_nothing or "No space left" in result.stderr, f"{where}: {words}: {result.stderr!r}")
