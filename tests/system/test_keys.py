# SPDX-License-Identifier: Apache-2.0
"""The root key: where it comes from, its rotation under traffic and under kill -9, and that nothing
of an old version opens anything afterwards."""
import json
import os
import pty
import re
import select
import subprocess

from harness import HERE, Background, Failure, Lethe, check, equal, until
from upstreams import Recorder

PERSON = {"email": "ada@example.org", "phones": ["+44 1632 960001"], "note": "calls at night"}
PASSPHRASE = "correct horse battery staple"
ROOT = os.path.dirname(os.path.dirname(HERE))


def root_line(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def tokens(lethe, values, subject="s"):
    result = lethe.cli("tokenize", "--class", "note", "--subject", subject,
                       data="".join(v + "\n" for v in values))
    equal(result.returncode, 0, f"tokenize ({result.stderr})")
    return result.stdout.split()


def reads(lethe, made, values):
    result = lethe.cli("reveal", data="".join(t + "\n" for t in made))
    equal(result.returncode, 0, f"reveal ({result.stderr})")
    equal(result.stdout.splitlines(), values, "the values")


def status(lethe, code=0):
    result = lethe.cli("key", "status", "--json")
    equal(result.returncode, code, f"key status ({result.stdout} {result.stderr})")
    return json.loads(result.stdout)


def refuses(lethe, copy, epoch):
    """A server with a copy of an old root.key does not start, and says which epoch it wants."""
    kept = lethe.config["root_key"]
    lethe.config["root_key"] = "file:" + copy
    lethe.save()
    result = lethe.cli("serve", timeout=30)
    lethe.config["root_key"] = kept
    lethe.save()
    check(result.returncode in (1, 78), f"serve with an old root key: {result}")
    check(f"epoch {epoch}" in result.stderr, f"the epoch is not named: {result.stderr!r}")


def copy_root(env, lethe, name="old.key"):
    return env.write(name, root_line(os.path.join(lethe.home, "root.key")), 0o400)


def settled(lethe):
    """No second file is left beside the root key."""
    left = [n for n in os.listdir(lethe.home) if n.startswith("root.key")]
    equal(left, ["root.key"], "key files")


def test_rotation_without_a_server(env):
    lethe = Lethe(env)
    old = copy_root(env, lethe)
    made = tokens(lethe, ["one", "two"])
    before = status(lethe)
    equal((before["epoch"], before["versions"], before["overdue"]), (1, [1], False), "status")
    result = lethe.cli("key", "rotate")
    equal((result.returncode, result.stderr), (0, ""), f"rotate ({result.stdout})")
    after = status(lethe)
    equal((after["epoch"], after["versions"]), (2, [2]), "status")
    equal(after["rotation"]["state"], "none", "rotation")
    reads(lethe, made, ["one", "two"])
    check(re.fullmatch("lethe-root-1 2 [0-9a-f]{64}\n", root_line(os.path.join(lethe.home, "root.key"))),
          "root.key does not hold epoch 2 alone")
    settled(lethe)
    refuses(lethe, old, 2)
    result = lethe.cli("key", "rotate", "--json", "--progress")
    equal(json.loads(result.stdout)["epoch"], 3, f"again ({result.stderr})")


def test_rotation_while_a_server_takes_traffic(env):
    app = Recorder(env)
    lethe = Lethe(env, app.url).start()
    made = tokens(lethe, [f"before {i}" for i in range(200)])
    for i in range(300):  # a key each
        equal(lethe.request("PUT", f"/users/{i}", PERSON, caller="officer").status, 200, "fill")
    old = copy_root(env, lethe)
    ended = []

    def traffic():
        n = 0
        while not ended:
            n += 1
            response = lethe.request("PUT", f"/users/t{n}", {**PERSON, "email": f"t{n}@example.org"},
                                     caller="officer")
            equal(response.json(), {**PERSON, "email": f"t{n}@example.org"}, "revealed")
        return n

    workers = [Background(traffic) for _ in range(3)]
    during = []
    for epoch in range(2, 6):
        result = lethe.cli("key", "rotate")
        equal(result.returncode, 0, f"rotate to {epoch} ({result.stderr})")
        during += tokens(lethe, [f"during {epoch}"])
        equal(status(lethe)["versions"], [epoch], "versions")
    ended.append(True)
    check(min(w.join() for w in workers) > 3, "there was no traffic")
    after = tokens(lethe, ["after"])
    values = [f"before {i}" for i in range(200)] + [f"during {e}" for e in range(2, 6)] + ["after"]
    reads(lethe, made + during + after, values)
    equal(lethe.stop(), 0, "stop")
    refuses(lethe, old, 5)
    lethe.start()
    reads(lethe, made + during + after, values)
    settled(lethe)


def rotation_faults():
    """Every point at which a rotation can be killed, taken from the sources."""
    found = set()
    for folder in ("keys", "vault"):
        for name in os.listdir(os.path.join(ROOT, folder)):
            with open(os.path.join(ROOT, folder, name), encoding="utf-8") as file:
                found |= set(re.findall(r'FAULT_POINT\("((?:keys|keyfile|rotate)\.[^"]+)"\)',
                                        file.read()))
    # Reached only when a key file is made, or destroyed with its last version.
    return sorted(found - {"keyfile.named", "keyfile.unnamed"})


def check_killed_rotation(env, fault):
    check(env.has_faults(), "this build has no fault points: use the dev or asan one")
    app = Recorder(env)
    lethe = Lethe(env, app.url)
    made = tokens(lethe, ["one", "two", "three"])
    old = copy_root(env, lethe)
    lethe.start(fault=fault)
    result = lethe.cli("key", "rotate")
    check(result.returncode != 0, f"rotate succeeded at {fault}: {result.stdout}")
    equal(lethe.died(), -9, f"exit at {fault}")
    lethe.start()
    # Before the new version is in force nothing has begun; from then on it finishes by itself.
    expected = 1 if fault in ("keyfile.fresh", "keyfile.linked") else 2
    state = until("the rotation to end", 20,
                  lambda: (s := json.loads(lethe.cli("key", "status", "--json").stdout))
                  ["rotation"]["state"] == "none" and s["versions"] == [expected] and s)
    equal(state["epoch"], expected, f"epoch after {fault}")
    reads(lethe, made, ["one", "two", "three"])
    if expected == 1:
        equal(lethe.cli("key", "rotate").returncode, 0, "rotate again")
    equal(status(lethe)["epoch"], 2, "epoch")
    until("the key file to be settled", 10,
          lambda: [n for n in os.listdir(lethe.home) if n.startswith("root.key")] == ["root.key"])
    equal(lethe.stop(), 0, "stop")
    refuses(lethe, old, 2)
    lethe.start()
    reads(lethe, made, ["one", "two", "three"])


def make_kill_test(fault):
    def test(env):
        check_killed_rotation(env, fault)
    test.__doc__ = f"kill -9 at {fault}"
    return test


for _fault in rotation_faults() + ["keyfile.overwritten:2", "keyfile.renamed:2", "keyfile.linked:2",
                                   "keyfile.fresh:2"]:
    globals()["test_rotation_survives_kill_at_" + re.sub("[.:]", "_", _fault)] = make_kill_test(_fault)


def test_the_list_of_rotation_fault_points_is_not_empty(_env):
    check(len(rotation_faults()) >= 10, f"found only {rotation_faults()}")


def test_a_rotation_that_ended_half_way_is_finished_by_the_command(env):
    """The same without a server: the command itself is killed, and run again."""
    check(env.has_faults(), "this build has no fault points: use the dev or asan one")
    lethe = Lethe(env)
    made = tokens(lethe, ["one"])
    epoch = 1
    for fault in ("keys.added", "rotate.begun", "rotate.ended", "keys.dropped"):
        lethe.faults = {"LETHE_FAULT": fault}
        equal(lethe.cli("key", "rotate").returncode, -9, fault)
        lethe.faults = {}
        state = json.loads(lethe.cli("key", "status", "--json").stdout)
        result = lethe.cli("key", "rotate")
        equal(result.returncode, 0, f"rotate after {fault} ({result.stderr})")
        epoch += 2 if fault == "keys.dropped" else 1  # nothing was left to do: a new one
        after = status(lethe)
        equal((after["epoch"], after["versions"]), (epoch, [epoch]), f"after {fault} ({state})")
        reads(lethe, made, ["one"])
    settled(lethe)


def test_an_old_root_key_is_overdue(env):
    lethe = Lethe(env, key_rotation="PT1S")
    until("a second to pass", 10,
          lambda: json.loads(lethe.cli("key", "status", "--json").stdout)["overdue"])
    result = lethe.cli("key", "status")
    equal(result.returncode, 3, f"status ({result.stderr})")
    check("overdue" in result.stdout, result.stdout)


def test_e70_a_secret_in_the_environment_is_refused(env):
    """E70, E73: by name, before a key is opened."""
    lethe = Lethe(env)
    for name in ("LETHE_PASSPHRASE", "LETHE_ROOT_KEY", "LETHE_PIN", "VAULT_TOKEN", "VAULT_SECRET_ID",
                 "BAO_TOKEN"):
        for command in (("serve",), ("check",), ("key", "rotate"), ("key", "status")):
            lethe.faults = {name: "s3cr3t-in-the-environment"}
            result = lethe.cli(*command)
            equal(result.returncode, 78, f"{command} with {name} ({result.stderr})")
            check(name in result.stderr, f"it is not named: {result.stderr!r}")
            check("s3cr3t" not in result.stdout + result.stderr, "the value is repeated")
    lethe.faults = {"VAULT_TOKEN": ""}
    equal(lethe.cli("key", "status").returncode, 0, "an empty one is none")


def test_e70_no_option_takes_a_passphrase(env):
    lethe = Lethe(env)
    for option in (("--passphrase", "x"), ("--passphrase=x",), ("--root-key", "x")):
        for command in ("serve", "key"):
            equal(lethe.cli(command, *(["status"] if command == "key" else []), *option).returncode, 2,
                  f"{command} {option}")


def test_a_key_in_the_configuration_is_refused(env):
    """E73: a key is a file's."""
    lethe = Lethe(env)
    line = root_line(os.path.join(lethe.home, "root.key")).strip()
    digits = line.split()[2]
    for value in (line, digits, "file:" + digits, "file:/etc/" + digits, "passphrase:" + PASSPHRASE,
                  "credential:../root.key", "credential:", "env:ROOT", 7, [], {}, {"provider": "file"},
                  {"provider": "none"}):
        lethe.config["root_key"] = value
        lethe.save()
        result = lethe.cli("check")
        equal(result.returncode, 78, f"check with {value!r}")
        check(re.search(r"test\.yaml:\d+:\d+: ", result.stderr), f"no place: {result.stderr!r}")
        check(digits not in result.stderr and PASSPHRASE not in result.stderr, "it is repeated")


def test_a_key_file_of_garbage_is_named(env):
    lethe = Lethe(env)
    key = os.path.join(lethe.home, "root.key")
    good = root_line(key)
    for text in ("", "garbage\n", good * 2, good[:-5], good + "x", good.replace(" 1 ", " 0 ")):
        os.chmod(key, 0o600)
        with open(key, "w", encoding="ascii") as file:
            file.write(text)
        for command in (("serve",), ("check",), ("key", "rotate")):
            result = lethe.cli(*command)
            equal(result.returncode, 78, f"{command} with {text[:20]!r}")
            check(key in result.stderr, f"the file is not named: {result.stderr!r}")


# ---- init -c FILE


def plain(env, home, **more):
    """A configuration beside which nothing exists yet."""
    os.makedirs(env.path(home), exist_ok=True)
    return env.write(f"{home}/lethe.yaml", json.dumps({
        "listen": [{"address": "127.0.0.1:0"}], "store": "sqlite:store", "root_key": "file:root.key",
        "upstreams": {"app": {"url": "http://127.0.0.1:9"}},
        "classes": {"note": {"purposes": ["p"], "basis": "6(1)(f)", "retain": {"period": "P90D"}}},
        "callers": {}, "routes": [], **more}))


def run(env, *args, phrases=None, data=None, extra=None):
    """A command; `phrases` go through a descriptor."""
    words, fds = [env.lethe_path(), *args], ()
    if phrases is not None:
        read, write = os.pipe()
        os.write(write, "".join(p + "\n" for p in phrases).encode())
        os.close(write)
        words += ["--passphrase-fd", str(read)]
        fds = (read,)
    try:
        return subprocess.run(words, input=data, text=True, capture_output=True, timeout=60,
                              pass_fds=fds, start_new_session=True,
                              env={"PATH": os.environ["PATH"], **env.sanitizer_env(),
                                   **(extra or {})})
    finally:
        for fd in fds:
            os.close(fd)


def test_init_makes_what_a_configuration_names_and_overwrites_nothing(env):
    path = plain(env, "a")
    home = os.path.dirname(path)
    equal(run(env, "init", "-c", path).returncode, 0, "init -c")
    equal(sorted(os.listdir(home)), ["lethe.yaml", "root.key", "store"], "what was made")
    equal(os.stat(os.path.join(home, "root.key")).st_mode & 0o777, 0o400, "mode")
    equal(run(env, "check", "-c", path).returncode, 0, "check")
    key = root_line(os.path.join(home, "root.key"))
    result = run(env, "init", "-c", path)
    equal(result.returncode, 1, "init -c again")
    check("root.key" in result.stderr, result.stderr)
    equal(root_line(os.path.join(home, "root.key")), key, "the key")
    os.rename(os.path.join(home, "root.key"), os.path.join(home, "kept"))
    equal(run(env, "init", "-c", path).returncode, 1, "init -c over a store")
    check(not os.path.exists(os.path.join(home, "root.key")), "a key for another's store was left")
    equal(run(env, "init").returncode, 2, "neither")
    equal(run(env, "init", env.path("b"), "-c", path).returncode, 2, "both")


# ---- passphrase


def test_passphrase_from_a_descriptor(env):
    path = plain(env, "p", root_key="passphrase:./root.wrapped")
    home = os.path.dirname(path)
    wrapped = os.path.join(home, "root.wrapped")
    result = run(env, "init", "-c", path, phrases=["too short"])
    equal(result.returncode, 1, f"a short one ({result.stderr})")
    check("12 characters" in result.stderr and "too short" not in result.stderr, result.stderr)
    equal(os.listdir(home), ["lethe.yaml"], "nothing was made")
    equal(run(env, "init", "-c", path, phrases=[PASSPHRASE]).returncode, 0, "init")
    text = root_line(wrapped)
    check(re.fullmatch(r"lethe-root-wrapped-1 1 passphrase [A-Za-z0-9+/=]+\n", text), text)
    check("lethe-root-1" not in text and PASSPHRASE not in text, "in clear")
    equal(os.stat(wrapped).st_mode & 0o777, 0o400, "mode")
    for phrases in (None, [], [""], ["correct horse battery stapl"], [PASSPHRASE + " "]):
        result = run(env, "key", "status", "-c", path, phrases=phrases)
        equal(result.returncode, 78, f"{phrases} ({result.stderr})")
        check("root.wrapped" in result.stderr, f"the file is not named: {result.stderr!r}")
    result = run(env, "key", "rotate", "-c", path, phrases=[PASSPHRASE])
    equal(result.returncode, 0, f"rotate ({result.stderr})")
    check(" 2 passphrase " in root_line(wrapped), "epoch 2")
    equal(run(env, "key", "status", "-c", path, phrases=[PASSPHRASE]).returncode, 0, "status")
    env.write("old.wrapped", text, 0o400)
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    config["root_key"] = "passphrase:" + env.path("old.wrapped")
    result = run(env, "key", "status", "-c", env.write("p/old.yaml", json.dumps(config)),
                 phrases=[PASSPHRASE])
    check(result.returncode != 0 and "epoch 2" in result.stderr, f"the old version: {result.stderr}")


def on_terminal(env, argv, answers):
    """Run with a controlling terminal; (everything it showed, exit code)."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(argv[0], argv, {"PATH": os.environ["PATH"], **env.sanitizer_env()})
    shown = b""
    answers = list(answers)
    try:
        while True:
            if not select.select([fd], [], [], 30)[0]:
                raise Failure(f"nothing came: {shown!r}")
            try:
                data = os.read(fd, 4096)
            except OSError:
                break
            if not data:
                break
            shown += data
            if answers and shown.endswith(b": "):
                os.write(fd, answers.pop(0))
    finally:
        _, code = os.waitpid(pid, 0)
        os.close(fd)
    return shown.decode(), code


def test_passphrase_from_a_terminal_without_echo(env):
    path = plain(env, "p", root_key="passphrase:./root.wrapped")
    typed = PASSPHRASE.encode() + b"\n"
    shown, code = on_terminal(env, [env.lethe_path(), "init", "-c", path], [typed, b"another phrase\n"])
    check(code != 0 and "differ" in shown, f"two that differ: {shown!r}")
    shown, code = on_terminal(env, [env.lethe_path(), "init", "-c", path], [typed, typed])
    equal(code, 0, f"init ({shown!r})")
    check(PASSPHRASE not in shown and "root.wrapped" in shown, f"echoed: {shown!r}")
    equal(shown.count(": "), 2, f"asked twice ({shown!r})")
    shown, code = on_terminal(env, [env.lethe_path(), "key", "status", "-c", path], [typed])
    equal(os.waitstatus_to_exitcode(code), 0, f"status ({shown!r})")
    check(PASSPHRASE not in shown, f"echoed: {shown!r}")
    shown, code = on_terminal(env, [env.lethe_path(), "key", "status", "-c", path], [b"wrong one\n"])
    equal(os.waitstatus_to_exitcode(code), 78, f"a wrong one ({shown!r})")
    shown, code = on_terminal(env, [env.lethe_path(), "key", "status", "-c", path], [b"\x03"])
    check(os.WIFSIGNALED(code), f"interrupted: {shown!r} {code}")


def test_passphrase_of_a_server(env):
    lethe = Lethe(env, root_key="passphrase:./root.wrapped")
    lethe.config["store"] = "sqlite:" + os.path.join(lethe.home, "other")
    lethe.save()
    equal(run(env, "init", "-c", lethe.file, phrases=[PASSPHRASE]).returncode, 0, "init")
    read, write = os.pipe()
    ready, tell = os.pipe()
    os.write(write, PASSPHRASE.encode() + b"\n")
    process = env.spawn("lethe", [env.lethe_path(), "serve", "-c", lethe.file, "--passphrase-fd",
                                  str(read), "--ready-fd", str(tell)], pass_fds=(read, tell),
                        env=lethe.environment())
    os.close(tell)
    lethe.process = process
    lethe.addresses = lethe.read_ready(ready)
    made = tokens(lethe, ["one"])  # a running server is asked: nobody types
    equal(lethe.cli("key", "rotate").returncode, 0, "rotate")
    state = status(lethe)
    equal((state["epoch"], state["versions"]), (2, [2]), "status")
    reads(lethe, made, ["one"])
    with open(f"/proc/{process.popen.pid}/cmdline", "rb") as file:
        check(PASSPHRASE.encode() not in file.read(), "in its arguments")
    equal(process.stop(), 0, "stop")


# ---- systemd's credential, and moving from one provider to another


def test_credential(env):
    path = plain(env, "c", root_key="credential:lethe-root")
    folder = env.path("credentials")
    os.makedirs(folder)
    hex1, hex2 = os.urandom(32).hex(), os.urandom(32).hex()
    extra = {"CREDENTIALS_DIRECTORY": folder}

    def lethe(*args, data=None):
        return run(env, *args, "-c", path, extra=extra, data=data)

    def give(text):
        env.write("credentials/new", text, 0o400)
        os.replace(os.path.join(folder, "new"), os.path.join(folder, "lethe-root"))

    result = run(env, "init", "-c", path)
    equal(result.returncode, 1, "without systemd")
    check("CREDENTIALS_DIRECTORY" in result.stderr, result.stderr)
    check(lethe("init").returncode != 0, "without the credential")
    give(f"lethe-root-1 1 {hex1}\n")
    result = lethe("init")
    equal(result.returncode, 0, f"init ({result.stderr})")
    made = lethe("tokenize", "--class", "note", "--subject", "s", data="one\n").stdout
    result = lethe("key", "rotate")
    equal(result.returncode, 3, f"rotate without a second line ({result.stderr})")
    check("lethe-root-1 2" in result.stderr, f"what to do: {result.stderr!r}")
    give(f"lethe-root-1 1 {hex1}\nlethe-root-1 2 {hex2}\n")
    result = lethe("key", "rotate")
    equal(result.returncode, 3, f"rotate: the old line is the operator's ({result.stderr})")
    check("epoch 1" in result.stderr, result.stderr)
    equal(lethe("key", "status").returncode, 3, "the old version is still there")
    give(f"lethe-root-1 2 {hex2}\n")
    equal(lethe("key", "status").returncode, 0, "status")
    equal(lethe("reveal", data=made).stdout, "one\n", "the value")
    give(f"lethe-root-1 1 {hex1}\n")
    result = lethe("key", "status")
    check(result.returncode != 0 and "epoch 2" in result.stderr, f"the old key: {result}")


def test_moving_to_another_provider(env):
    """E81: nothing of the old one stays."""
    path = plain(env, "m")
    home = os.path.dirname(path)
    equal(run(env, "init", "-c", path).returncode, 0, "init")
    made = run(env, "tokenize", "--class", "note", "--subject", "s", "-c", path, data="one\n").stdout
    moved = plain(env, "m", root_key="passphrase:./root.wrapped", root_key_previous="file:root.key")
    result = run(env, "key", "rotate", "-c", moved, phrases=[PASSPHRASE])
    equal(result.returncode, 0, f"rotate ({result.stderr})")
    check(not os.path.exists(os.path.join(home, "root.key")), "the old version is still there")
    for config in (moved, plain(env, "m", root_key="passphrase:./root.wrapped")):
        result = run(env, "reveal", "-c", config, phrases=[PASSPHRASE], data=made)
        equal(result.stdout, "one\n", f"the value ({result.stderr})")
    back = plain(env, "m", root_key="file:root.key", root_key_previous="passphrase:./root.wrapped")
    result = run(env, "key", "rotate", "-c", back, phrases=[PASSPHRASE])
    equal(result.returncode, 0, f"and back ({result.stderr})")
    result = run(env, "reveal", "-c", plain(env, "m"), data=made)
    equal(result.stdout, "one\n", f"the value ({result.stderr})")
    equal(sorted(os.listdir(home)), ["lethe.yaml", "root.key", "store"], "files")
