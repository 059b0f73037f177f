# SPDX-License-Identifier: Apache-2.0
"""What a server gives up before it serves: its user, its privileges, system calls, core files; and what it tells a service
manager.

When a test fails because of a call that the filter refuses: start the server by `strace -f` with `seccomp: off`, or
with `seccomp: log` and look at the kernel's log (`dmesg`, type=1326, `ausyscall NUMBER`)."""
import glob
import json
import os
import pwd
import re
import resource
import shutil
import signal
import socket
import subprocess

from harness import Failure, Lethe, check, equal, until
from upstreams import Recorder

OTHER = "daemon"  # a user of every Debian that owns nothing
PERSON = {"email": "ada@example.org", "note": "a note"}


def events(lethe):
    return [json.loads(line) for line in lethe.process.output().splitlines() if line]


def named(lethe, name):
    return [e for e in events(lethe) if e["event"] == name]


def fields(path):
    with open(path) as f:
        return {name: value.split() for name, value in (line.split(":", 1) for line in f)}


def threads(lethe):
    """Of each that is there; one may end meanwhile."""
    found = []
    for path in glob.glob(f"/proc/{lethe.process.pid}/task/*/status"):
        try:
            found.append(fields(path))
        except (FileNotFoundError, ProcessLookupError):
            pass
    check(found, "no thread")
    return found


def serves(lethe):
    equal(lethe.request("PUT", "/users/1", PERSON, caller="officer").json(), PERSON, "it serves")


def low_port(env):
    for port in range(700, 1024):
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
    raise Failure("no free port below 1024")


# ---- system calls


def test_what_only_an_intruder_calls_ends_the_process(env):
    lethe = Lethe(env, Recorder(env).url)
    for call in ("exec", "ptrace", "packet", "code"):
        lethe.start(fault=f"intruder.{call}!x", wait=False)
        equal(lethe.died(), -signal.SIGSYS, call)
    lethe.config["seccomp"] = "off"
    lethe.save()
    lethe.start(fault="intruder.packet!x")
    serves(lethe)


def test_an_unknown_call_fails_and_the_server_goes_on(env):
    lethe = Lethe(env, Recorder(env).url).start(fault="intruder.unknown!x")
    serves(lethe)


def test_every_thread_is_filtered_and_has_no_privilege(env):
    lethe = Lethe(env, Recorder(env).url, admin={"address": "127.0.0.1:0"}, access_log=env.path("access.log"))
    lethe.start()
    serves(lethe)
    equal(lethe.cli("subject", "show", "1").returncode, 0, "a command, which starts workers")
    seen = threads(lethe)
    check(len(seen) > 8, f"only {len(seen)} threads")
    for thread in seen:
        name = thread["Name"]
        equal(thread["Seccomp"], ["2"], f"{name}: filter")
        equal(thread["NoNewPrivs"], ["1"], f"{name}: no new privileges")
        for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            ptrace = 1 << 19 if "asan" in env.build else 0  # LeakSanitizer is a debugger
            equal(int(thread[kind][0], 16) & ~ptrace, 0, f"{name}: {kind}")


def test_the_filter_only_logs_or_is_off_when_the_configuration_says_so(env):
    lethe = Lethe(env, Recorder(env).url, seccomp="log").start(fault="intruder.packet!x")
    serves(lethe)
    equal({t["Seccomp"][0] for t in threads(lethe)}, {"2"}, "log")
    equal(len(named(lethe, "no_sandbox")), 1, "a warning")
    lethe.config["seccomp"] = "off"
    lethe.save()
    result = lethe.cli("reload")
    check(result.returncode == 78 and "\"seccomp\" changes at a restart only" in result.stderr, f"{result}")
    lethe.stop()
    lethe.start()
    equal({t["Seccomp"][0] for t in threads(lethe)}, {"0"}, "off")
    check("any may be made" in lethe.cli("doctor").stdout, "doctor says so")
    lethe.config["seccomp"] = "maybe"
    lethe.save()
    result = lethe.cli("check")
    check(result.returncode == 78 and "\"seccomp\" is on, log or off" in result.stderr, f"{result}")


# ---- the user


def owned(env, **overrides):
    """A server whose store is another user's; root keeps the rest."""
    os.chmod(env.dir, 0o711)
    env.looks_for_leaks = False  # the other user may not
    lethe = Lethe(env, Recorder(env).url, user=OTHER, **overrides)
    os.chmod(lethe.home, 0o711)
    give(lethe.store)
    return lethe


def give(path):
    subprocess.run(["chown", "-R", OTHER, path], check=True)


def test_root_binds_and_reads_and_then_is_nobody(env):
    port, admin = low_port(env), None
    lethe = owned(env, listen=[{"address": f"127.0.0.1:{port}"}], admin={"address": "127.0.0.1:0"})
    lethe.add_tls()
    admin = lethe.config["admin"]
    lethe.start()
    serves(lethe)
    equal(lethe.request("GET", "/users/1", caller="officer", tls=True).json(), PERSON, "by TLS")
    check(named(lethe, "started_admin"), f"the listener of operators {admin}")
    user = pwd.getpwnam(OTHER)
    for thread in threads(lethe):
        equal(thread["Uid"], [str(user.pw_uid)] * 4, "users")
        equal(thread["Gid"], [str(user.pw_gid)] * 4, "groups")
        equal(set(thread["Groups"]) - {str(user.pw_gid)}, set(), "more groups")
        equal(int(thread["CapBnd"][0], 16), 0, "what could be gained")
    for folder, _, files in os.walk(lethe.store):
        for name in files:
            equal(os.stat(os.path.join(folder, name)).st_uid, user.pw_uid, name)


def test_a_reload_that_cannot_read_says_what_and_changes_nothing(env):
    lethe = owned(env)
    lethe.add_tls()
    lethe.start()
    key = lethe.config["listen"][1]["tls"]["key"]
    keys = env.path("lethe.keys")
    warned = named(lethe, "reload_blind")
    check(len(warned) == 1 and (key in warned[0]["why"] or keys in warned[0]["why"]), f"{warned}")
    result = lethe.cli("reload")
    check(result.returncode == 78 and "ermission denied" in result.stderr, f"{result}")
    serves(lethe)
    for path in (key, keys):
        give(path)
    os.chmod(keys, 0o700)
    result = lethe.cli("reload")
    equal(result.returncode, 0, f"readable: {result}")
    serves(lethe)
    lethe.config["listen"].append({"address": f"127.0.0.1:{low_port(env)}"})
    lethe.save()
    result = lethe.cli("reload")
    check(result.returncode == 78 and "cannot listen on" in result.stderr, f"a low port: {result}")
    serves(lethe)


def test_nothing_of_it_can_be_read_by_its_own_user(env):
    """Whoever runs as the same user has no way into its memory."""
    lethe = owned(env).start()
    serves(lethe)
    for name in ("mem", "environ", "maps", "fd/0"):
        result = subprocess.run(["head", "-c1", f"/proc/{lethe.process.pid}/{name}"], user=OTHER, group=OTHER,
                                extra_groups=[], capture_output=True)
        check(result.returncode != 0 and b"ermission denied" in result.stderr, f"{name}: {result}")


def test_a_store_of_two_owners_is_refused(env):
    lethe = owned(env)
    os.chown(os.path.join(lethe.store, "ledger.log"), 0, 0)
    lethe.start(wait=False)
    equal(lethe.died(), 1, "with a file of root")
    check("ledger.log belongs to user 0, not to daemon; run: chown -R daemon: " in lethe.process.output(),
          lethe.process.output())
    give(lethe.store)
    del lethe.config["user"]
    lethe.save()
    lethe.start(wait=False)
    equal(lethe.died(), 1, "as root")
    check("name the user as `user` in the configuration" in lethe.process.output(), lethe.process.output())
    result = lethe.cli("subject", "show", "1")
    check(result.returncode == 1 and "belongs to user" in result.stderr, f"a command of root: {result}")


def test_commands_without_a_server_leave_files_of_its_user(env):
    lethe = owned(env)
    lethe.cli("tokenize", "--class", "note", "--subject", "1", "x")
    user = pwd.getpwnam(OTHER).pw_uid
    for folder, _, files in os.walk(lethe.store):
        for name in files:
            equal(os.stat(os.path.join(folder, name)).st_uid, user, name)
    lethe.start()
    serves(lethe)


def test_root_erases_more_people_than_one_request_takes(env):
    """After the first request it was the store's user, and could not read the root key again."""
    lethe = owned(env)
    people = [f"person-{i}" for i in range(300)]
    lethe.cli("tokenize", "--class", "note", "--subject", people[299], "x")
    result = lethe.cli("subject", "erase", "--batch", data="".join(f"{who}\n" for who in people))
    equal(result.returncode, 1, "most are not there")
    check("line 257: no subject" in result.stderr and "line 300" not in result.stderr, result.stderr[-500:])
    equal(json.loads(result.stdout)["state"], "completed", "the last")
    result = lethe.cli("audit", "list")
    equal(result.returncode, 0, result.stderr)
    check(len(result.stdout.splitlines()) > 1, "the trail")


def test_root_gets_the_tokens_of_a_renewal_whole_or_none(env):
    """It becomes the store's user, to whom root's folder is closed."""
    lethe = owned(env, sweep_interval="1s")
    for kind in ("note", "email"):
        equal(lethe.cli("tokenize", "--class", kind, "--subject", "1", "x@example.org").returncode, 0, kind)
    plan = json.loads(lethe.cli("tokens", "renew", "--domain", "default", "--dry-run", "--json").stdout)
    equal(lethe.cli("tokens", "renew", "--domain", "default", "--confirm", plan["digest"]).returncode, 0, "begun")
    lethe.start()
    until("all to be renewed", 30, lambda: "open" in lethe.cli("tokens", "renewals").stdout, pause=0.1)
    equal(lethe.stop(), 0, "exit code")
    folder = env.path("roots")
    os.mkdir(folder, 0o700)
    file = os.path.join(folder, "tokens.ndjson")
    result = lethe.cli("tokens", "mapping", "1", "--output", file)
    equal(result.returncode, 0, result.stderr)
    with open(file) as f:
        equal({json.loads(line)["class"] for line in f}, {"note", "email"}, "classes")
    left = os.path.join(folder, "left.ndjson")
    result = lethe.cli("tokens", "mapping", "2", "--output", left)
    check(result.returncode == 1 and f"{left} is not whole, and cannot be removed" in result.stderr, f"{result}")
    equal(os.stat(left).st_size, 0, "what is left")


def test_what_root_restores_and_mirrors_is_the_servers(env):
    """It was root's, and no server started on it."""
    places = {name: env.path(name) for name in ("data", "keys", "mirrors")}
    for path in places.values():
        os.mkdir(path)
        give(path)
    mirror = os.path.join(places.pop("mirrors"), "mirror.log")
    lethe = owned(env, ledger_mirror=mirror)
    equal(lethe.cli("ledger", "mirror").returncode, 0, "the first mirror")
    lethe.start()
    result = lethe.cli("backup", "--json", *(word for name, path in places.items() for word in ("--" + name, path)))
    equal(result.returncode, 0, result.stderr)
    made = json.loads(result.stdout)
    equal(lethe.stop(), 0, "exit code")
    for replace in ((), ("--replace",)):
        if not replace:
            shutil.copy(os.path.join(lethe.store, "ledger.log"), env.path("ledger.log"))
            shutil.rmtree(lethe.store)
        result = lethe.cli("restore", "--data", made["data"]["file"], "--keys", made["keys"]["file"],
                           *(replace or ("--ledger", env.path("ledger.log"))))
        equal(result.returncode, 0, result.stderr)
        os.unlink(mirror)
        equal(lethe.cli("ledger", "mirror").returncode, 0, "a new mirror")
        lethe.start()
        serves(lethe)
        equal(lethe.stop(), 0, "exit code")


def test_init_gives_the_store_to_its_user(env):
    lethe = owned(env)
    subprocess.run(["rm", "-rf", lethe.store, os.path.join(lethe.home, "root.key")], check=True)
    equal(lethe.cli("init").returncode, 0, "init")
    lethe.start()
    serves(lethe)


def test_users_that_cannot_be_are_refused(env):
    lethe = Lethe(env, Recorder(env).url, user="no-such-user")
    result = lethe.cli("check")
    check(result.returncode == 78 and re.search(r":\d+:\d+: this host has no user of that name", result.stderr),
          f"{result}")
    lethe.config["user"] = "root"
    lethe.save()
    subprocess.run(["chown", "-R", OTHER, lethe.home, env.path("lethe.keys")], check=True)
    os.chmod(env.dir, 0o711)
    result = subprocess.run([env.lethe_path(), "serve", "-c", lethe.file], user=OTHER, group=OTHER, extra_groups=[],
                            capture_output=True, text=True, timeout=20, env=lethe.environment())
    check(result.returncode == 78 and "but `user` is root" in result.stderr, f"{result}")


def test_root_that_is_not_named_is_warned_of(env):
    lethe = Lethe(env, Recorder(env).url).start()
    equal(len(named(lethe, "runs_as_root")), 1, "without `user`")
    lethe.stop()
    lethe.config["user"] = "root"
    lethe.save()
    lethe.start()
    equal(len(named(lethe, "runs_as_root")), 1, "with `user: root`")
    serves(lethe)


# ---- core files and memory


def test_e72_a_crash_leaves_no_core_file(env):
    lethe = Lethe(env, Recorder(env).url)
    home = env.path("crash")
    os.mkdir(home)

    def unlimited():
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    read, write = os.pipe()
    pid = subprocess.Popen([env.lethe_path(), "serve", "-c", lethe.file, "--ready-fd", str(write)], cwd=home,
                           pass_fds=(write,), preexec_fn=unlimited, env=lethe.environment(),
                           stderr=subprocess.DEVNULL).pid
    os.close(write)
    check(os.read(read, 6) == b"ready ", "not ready")
    os.close(read)
    os.kill(pid, signal.SIGSEGV)
    _, status = os.waitpid(pid, 0)
    check(os.WIFSIGNALED(status), f"it ended with {status}")
    check(not os.WCOREDUMP(status), "the kernel wrote a core file")
    equal(os.listdir(home), [], "what it left")
    for name in os.listdir(env.dir):
        if name.startswith("san."):
            os.unlink(env.path(name))  # the sanitizer's report of this crash


def test_e72_keys_are_locked_in_memory_and_outside_of_core_files(env):
    lethe = Lethe(env, Recorder(env).url).start()
    wanted = {"dd"} if "asan" in env.build else {"lo", "dd"}  # AddressSanitizer makes mlock() do nothing
    guarded = 0
    with open(f"/proc/{lethe.process.pid}/smaps") as f:
        for line in f:
            guarded += line.startswith("VmFlags") and wanted <= set(line.split())
    check(guarded >= 3, f"{guarded} such places")


# ---- service managers


class Manager:
    def __init__(self, env):
        self.path = env.path("notify.sock")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(20)
        env.cleanup(self.socket.close)

    def hear(self):
        return self.socket.recv(4096).decode().split("\n")


def test_the_service_manager_is_told(env):
    manager = Manager(env)
    lethe = Lethe(env, Recorder(env).url)
    lethe.preload = {"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "200000"}
    lethe.start()
    equal(manager.hear(), ["READY=1", "STATUS=serving"], "at first")
    for _ in range(3):
        equal(manager.hear(), ["WATCHDOG=1"], "every so often")
    serves(lethe)
    lethe.process.tell(signal.SIGTERM)
    heard = []
    until("the end", 20, lambda: heard.append(manager.hear()) or heard[-1][0] == "STOPPING=1")
    equal(lethe.process.wait(), 0, "its end")


def test_a_service_manager_that_is_not_there_is_an_error(env):
    lethe = Lethe(env, Recorder(env).url)
    for variables, code in (({"NOTIFY_SOCKET": env.path("nothing")}, 1), ({"NOTIFY_SOCKET": "nothing"}, 78),
                            ({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "soon"}, 78)):
        lethe.preload = variables
        lethe.start(wait=False)
        equal(lethe.died(), code, f"{variables}: {lethe.process.output()}")
