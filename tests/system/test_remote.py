# SPDX-License-Identifier: Apache-2.0
"""The command line on another host's server: --server URL, with an access token from a file. Every command that asks
an operation says what it says on the server's own host; the others say why they do not."""
import http.server
import json
import os
import pty
import re
import socket
import stat
import subprocess
import threading
import time

from harness import CLASSES, ROOT, Lethe, check, equal
from test_admin_api import Api, one_time_code
from test_monitor import admin_address
from upstreams import Recorder

LATER = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 30 * 86400))
EARLIER = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 9 * 86400))
YESTERDAY = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86400))


class Remote:
    """A server with an admin listener, and commands for it from somewhere else."""

    def __init__(self, env, **options):
        self.env = env
        self.api = self.make(env, options)
        self.lethe = self.api.lethe
        self.url = "http://{}:{}".format(*self.api.address)
        self.files = {role: self.keep(role, token) for role, token in self.api.tokens.items()}
        self.made = 0

    def make(self, env, options):
        return Api(env, **options)

    def keep(self, name, token, mode=0o400):
        return self.env.write(f"tokens/{name}", token + "\n", mode)

    def server(self, role):
        return ["--server", self.url, "--token-file", self.files.get(role, role)]

    def run(self, role, *words, data=None, more=()):
        """A command as somebody, in a folder without any configuration."""
        return self.lethe.run(*words, *self.server(role), *more, data=data)

    def with_code(self, role, *words, data=None):
        """The same with a second factor, of a new token: a code is good for once."""
        self.made += 1
        name = f"{role}-{self.made}"
        file = self.keep(name, self.api.token(role, name=name))
        self.api.enrol(name)
        code = self.env.write(f"codes/{name}", one_time_code(self.api.uris[name]) + "\n", 0o400)
        return self.run(file, *words, data=data, more=["--otp-file", code])

    def here(self, *words, data=None):
        return self.lethe.run(*words, "-c", self.lethe.file, data=data)

    def good(self, role, *words, data=None, code=False, exits=(0,)):
        result = (self.with_code if code else self.run)(role, *words, data=data)
        check(result.returncode in exits, f"{words}: {result.returncode} {result.stdout} {result.stderr}")
        return result.stdout


def steady(text):
    """Without what goes on between two calls."""
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text)
    return re.sub(r"audit trail: \d+ records", "audit trail: N records", text)


# ---- everything that asks an operation ----

READS = [
    ("operator", ["subject", "show", "ada"]),
    ("operator", ["subject", "show", "--json", "ada"]),
    ("operator", ["request", "list"]),
    ("operator", ["request", "list", "--json", "open"]),
    ("operator", ["request", "show", "1"]),
    ("operator", ["request", "show", "--json", "1"]),
    ("operator", ["request", "letter", "1", "receipt"]),
    ("operator", ["hold", "list"]),
    ("operator", ["hold", "list", "--json"]),
    ("operator", ["hold", "show", "1"]),
    ("operator", ["notice", "list"]),
    ("operator", ["notice", "list", "--json"]),
    ("operator", ["honeytoken", "list"]),
    ("operator", ["incident", "list"]),
    ("operator", ["caller", "list"]),
    ("officer", ["caller", "list", "--json"]),
    ("operator", ["incident", "list", "--json"]),
    ("operator", ["proposal", "list"]),
    ("operator", ["clock", "status"]),
    ("operator", ["clock", "status", "--json"]),
    ("operator", ["retention", "status"]),
    ("operator", ["retention", "status", "--json"]),
    ("operator", ["retention", "simulate", "--at", LATER]),
    ("operator", ["retention", "simulate", "--at", LATER, "--json"]),
    ("auditor", ["retention", "simulate", "--at", LATER, "--progress"]),
    ("operator", ["retention", "preview"]),
    ("operator", ["retention", "recount"]),
    ("operator", ["retention", "versions"]),
    ("operator", ["retention", "versions", "--class", "note", "--json"]),
    ("operator", ["receipt", "list"]),
    ("operator", ["receipt", "list", "--json"]),
    ("officer", ["overview", "--from", EARLIER, "--to", YESTERDAY]),
    ("officer", ["report", "retention"]),
    ("officer", ["report", "--json", "holds"]),
    ("officer", ["report", "--format", "csv", "requests"]),
    ("officer", ["report", "--from", EARLIER, "--to", YESTERDAY, "access"]),
    ("officer", ["report", "breach", "--caller", "desk", "--from", EARLIER, "--to", YESTERDAY]),
    ("operator", ["tokens", "renewals"]),
    ("operator", ["tokens", "renewals", "--json"]),
    ("operator", ["tokens", "renew", "--class", "email", "--dry-run"]),
    ("operator", ["key", "status"]),
    ("operator", ["key", "status", "--json"]),
    ("operator", ["key", "public"]),
    ("operator", ["access", "list"]),
    ("operator", ["access", "list", "--json"]),
]

CHANGES = ["tokenize", "reveal", "subject erase", "subject rectify", "subject export", "subject event", "subject restrict",
           "subject unrestrict", "subject object", "subject consent", "subject withdraw", "request add", "request", "hold add", "hold lift", "notice done",
           "notice retry", "honeytoken create", "caller restore", "access create", "access revoke",
           "access collect", "access enrol", "access unenrol",
           "proposal show", "proposal approve", "proposal reject", "clock accept", "retention resume",
           "retention apply", "retention repair", "receipt", "reload", "key rotate",
           "tokens pause", "tokens resume", "tokens cancel", "tokens finish", "tokens mapping", "audit list", "audit tail", "evidence"]

LOCAL = {"init": ["DIR"], "check": [], "serve": [], "explain": ["GET", "/"],
         "verify-receipt": ["FILE"], "verify-erasure": ["FILE"],
         "verify-evidence": ["FILE"], "backup": [], "restore": [], "ledger verify": [],
         "ledger mirror": [], "audit verify": [], "doctor": [], "manual": ["DIR"], "version": [], "help": []}


def commands(lethe):
    names = re.findall(r"^  (\S+(?: \S+)?)  ", lethe.run("help").stdout, re.M)
    check(len(names) > 50, f"{names}")
    return names


def test_every_command_is_offered_or_says_why_not(env):
    """Whoever adds a command decides."""
    remote = Remote(env)
    known = {" ".join(words[:2]) for _, words in READS} | {words[0] for _, words in READS} | set(CHANGES)
    for name in commands(remote.lethe):
        result = remote.run("operator", *name.split(), *LOCAL.get(name, []))
        if name in LOCAL:
            equal(result.returncode, 2, f"{name}: {result.stderr}")
            check("does not take --server: " in result.stderr, f"{name}: {result.stderr}")
        else:
            check(name in known, f"{name} is in no table of this test")
            check("does not take --server" not in result.stderr, f"{name}: {result.stderr}")


def test_the_documents_list_what_is_local_and_why(env):
    remote = Remote(env)
    with open(os.path.join(ROOT, "docs/ADMIN.md")) as f:
        told = dict(re.findall(r"^\| `lethe ([a-z -]+)` \| (it [^|]+|the [^|]+) \|$", f.read(), re.M))
    equal(set(told), set(LOCAL), "commands without --server")
    for name, why in told.items():
        result = remote.run("operator", *name.split(), *LOCAL[name])
        check(result.stderr.startswith(f"lethe: lethe {name} does not take --server: {why}\n"), f"{name}: {result.stderr}")


def test_an_evidence_pack_comes_over_the_network(env):
    remote = Remote(env)
    prepare(remote)
    pack = env.path("pack.tar")
    made = json.loads(remote.good("officer", "evidence", "--from", "2020-01-01", "--json", "-o", pack))
    checked = remote.lethe.run("verify-evidence", "--json", pack)
    equal((checked.returncode, json.loads(checked.stdout)["sha256"]), (0, made["sha256"]), checked.stderr)
    equal(stat.S_IMODE(os.stat(pack).st_mode), 0o600, "its mode")
    again = remote.run("officer", "evidence", "-o", pack)
    check(again.returncode == 1 and "is there already, and was not touched" in again.stderr, again.stderr)
    none = env.path("none.tar")
    refused = remote.run("support", "evidence", "-o", none)
    check("the role support may not" in refused.stderr and not os.path.exists(none), refused.stderr)


def test_an_application_tells_of_events(env):
    classes = json.loads(json.dumps(CLASSES))
    classes["note"]["retain"] = {"period": "P1Y", "from": "event:paid", "backstop": "P2Y"}
    remote = Remote(env, classes=classes)
    prepare(remote)
    told = json.loads(remote.good("app", "subject", "event", "--json", "ada", "paid"))
    equal(told["event"], "paid", "the event")
    shown = json.loads(remote.here("subject", "show", "--json", "ada").stdout)
    equal([e["event"] for e in shown["events"]], ["paid"], "what is known")
    corrected = remote.run("app", "subject", "event", "--correct", "ada", "paid")
    check("for operators" in corrected.stderr, corrected.stderr)
    nobody = remote.run("app", "subject", "event", "nobody-at-all", "paid")
    equal(nobody.returncode, 1, nobody.stderr)


def prepare(remote):
    """Something of each kind."""
    here = remote.here
    token = here("tokenize", "--class", "email", "--subject", "ada", data="ada@example.org\n").stdout.strip()
    for words in (["request", "add", "--subject", "ada", "rights=access", "channel=email"],
                  ["hold", "add", "--class", "note", "--ground", "tax", "--owner", "legal", "--review", LATER],
                  ["subject", "erase", "nobody-else"]):
        result = here(*words)
        check(result.returncode in (0, 1), f"{words}: {result.stderr}")
    equal(here("tokenize", "--class", "email", "--subject", "bob", data="b@example.org\n").returncode, 0, "bob")
    equal(here("subject", "erase", "--reason", "asked", "bob").returncode, 0, "an erasure")
    return token


def test_what_is_read_over_the_network_is_what_is_read_on_the_host(env):
    remote = Remote(env)
    prepare(remote)
    for role, words in READS:
        there = remote.run(role, *words)
        here = remote.here(*words)
        equal(there.returncode, here.returncode, f"{words}: {there.stdout} {there.stderr} {here.stderr}")
        check(there.returncode in (0, 3), f"{words}: {there.stderr}")
        equal(steady(there.stdout), steady(here.stdout), f"{words}")
        equal(there.stderr, here.stderr, f"{words}")


def test_values_and_people(env):
    remote = Remote(env, four_eyes=False)
    good = remote.good
    values = "ada@example.org\na.l@example.org\n"
    tokens = good("app", "tokenize", "--class", "email", "--subject", "ada", data=values)
    equal(len(tokens.split()), 2, "tokens")
    equal(good("app", "reveal", "--purpose", "account", data=tokens), values, "values")
    token = tokens.split()[0]
    equal(good("support", "reveal", "--purpose", "account", "--json", token), '"ada@example.org"\n', "one value")
    none = remote.run("app", "reveal", "--purpose", "account", "lt_none")
    equal((none.returncode, none.stdout), (1, ""), "a token that stands for nothing")
    refused = remote.run("app", "reveal", token)
    check("purpose is needed" in refused.stderr and refused.returncode == 1, f"{refused.stderr}")
    good("operator", "subject", "rectify", token, data="new@example.org\n")
    equal(remote.here("reveal", token).stdout, "new@example.org\n", "the new value")
    good("operator", "subject", "restrict", "--ground", "a", "ada")
    restricted = remote.here("reveal", token)
    check("not shown" in restricted.stderr, f"{restricted.stderr}")
    good("operator", "subject", "unrestrict", "--notice-sent", YESTERDAY, "--token", token, code=True)
    good("operator", "subject", "object", "--purpose", "support", "ada")
    good("operator", "subject", "object", "--withdraw", "--purpose", "support", "ada")
    exported = json.loads(good("operator", "subject", "export", "ada", code=True))
    check("new@example.org" in json.dumps(exported), "the export")
    out = env.path("export.html")
    good("operator", "subject", "export", "--format", "html", "-o", out, "ada", code=True)
    check("new@example.org" in open(out).read() and stat.S_IMODE(os.stat(out).st_mode) == 0o600, "a file")
    preview = good("operator", "subject", "erase", "--dry-run", "ada")
    check("nothing was changed" in preview and "email" in preview, preview)
    receipt = json.loads(good("operator", "subject", "erase", "--reason", "asked", "ada", code=True))
    equal((receipt["state"], receipt["reason"]), ("completed", "asked"), "the receipt")
    equal(json.loads(good("auditor", "receipt", receipt["number"])), receipt, "the receipt again")
    batch = remote.run("operator", "subject", "erase", "--batch", data="ada\n")
    equal(batch.returncode, 2, f"{batch.stderr}")


def test_books_and_watches(env):
    remote = Remote(env, four_eyes=False)
    good = remote.good
    token = prepare(remote)
    number = json.loads(good("support", "request", "add", "--json", "--token", token, "rights=access",
                             "channel=email"))["number"]
    good("support", "request", "acknowledge", str(number), "channel=email")
    shown = json.loads(remote.here("request", "show", "--json", str(number)).stdout)
    equal(shown["history"][-1]["action"], "acknowledge", "the last step")
    hold = good("operator", "hold", "add", "--subject", "ada", "--ground", "suit", "--owner", "legal", "--review",
                LATER, code=True).strip()
    good("operator", "hold", "lift", "--reason", "over", hold, code=True)
    equal(json.loads(remote.here("hold", "show", hold).stdout)["state"], "lifted", "the hold")
    trap = good("operator", "honeytoken", "create", "--class", "email", data="trap@example.org\n").strip()
    check(trap, "a honeytoken")
    desk = remote.run("operator", "caller", "restore", "desk")
    equal(desk.returncode, 1, "a caller that is not suspended, without a code")
    waits = good("operator", "access", "create", "--name", "anna", "--role", "approver", "--expires", "P1D", code=True)
    number = remote.api.number("anna", "waiting")
    equal(waits, f"{number} is to be collected: lethe access collect {number}\n", "who may approve")
    collected = good("operator", "access", "collect", str(number), code=True).strip()
    equal(remote.run(remote.keep("anna", collected), "hold", "list").returncode, 0, "the approver")
    made = good("operator", "access", "create", "--name", "new", "--role", "app", "--expires", "P1D", code=True).strip()
    equal(remote.run(remote.keep("new", made), "tokenize", "--class", "note", "--subject", "p", data="n\n").returncode,
          0, "the new token")
    good("operator", "access", "revoke", str(remote.api.number("new")), code=True)
    gone = remote.run(remote.keep("new2", made), "tokenize", "--class", "note", "--subject", "p", data="n\n")
    check("revoked" in gone.stderr and made not in gone.stderr, f"{gone.stderr}")
    check("right" in good("operator", "clock", "accept", code=True), "the clock")
    equal(good("operator", "reload", code=True), "reloaded\n", "a reload")
    preview = remote.run("operator", "retention", "preview", "-c", remote.lethe.file)
    equal((preview.returncode, preview.stdout), (0, remote.here("retention", "preview").stdout), preview.stderr)
    resumed = remote.with_code("operator", "retention", "resume", "--class", "note")
    check("not paused" in resumed.stderr, f"{resumed.stderr}")
    epoch = json.loads(remote.here("key", "status", "--json").stdout)["epoch"]
    check("the root key is on epoch" in good("operator", "key", "rotate", code=True), "a rotation")
    equal(json.loads(remote.here("key", "status", "--json").stdout)["epoch"], epoch + 1, "the epoch")
    for words in (["notice", "retry", "99"], ["notice", "done", "--how", "told", "99"],
                  ["retention", "apply", "--confirm", "0" * 64]):
        result = remote.with_code("operator", *words)
        check(result.returncode == 1 and "Traceback" not in result.stderr, f"{words}: {result.stderr}")


def test_the_trail(env):
    remote = Remote(env)
    prepare(remote)
    there = remote.good("officer", "audit", "list", "--action", "erase", "--json")
    here = remote.here("audit", "list", "--action", "erase", "--json").stdout
    equal(there, here, "erasures")
    of_ada = remote.good("officer", "audit", "list", "--subject", "ada")
    check(of_ada and not re.search(r"\bada\b", of_ada), f"{of_ada}")
    check(remote.good("auditor", "audit", "tail").strip(), "the tail")


# ---- four eyes ----


def test_two_people_erase_somebody_by_commands_only(env):
    remote = Remote(env)
    token = prepare(remote)
    asked = remote.run("operator", "subject", "erase", "--ground", "b", "ada")
    equal((asked.returncode, asked.stdout), (3, ""), f"{asked.stderr}")
    number = re.search(r"proposal (\d+) for another person's approval", asked.stderr)[1]
    digest = re.search(r"digest ([0-9a-f]{64})", asked.stderr)[1]
    check(f"lethe proposal approve --confirm DIGEST {number}" in asked.stderr, asked.stderr)
    equal(remote.here("reveal", token).stdout, "ada@example.org\n", "nothing happened yet")
    equal(remote.run("approver", "proposal", "list").returncode, 3, "something waits")
    shown = json.loads(remote.good("approver", "proposal", "show", number))
    equal((shown["digest"], shown["operation"], shown["state"]), (digest, "subject.erase", "open"), "the proposal")
    check(not re.search(r"\bada\b", json.dumps(shown)), "a name in it")
    own = remote.with_code("operator", "proposal", "approve", "--confirm", digest, number)
    check("the role operator may not" in own.stderr, f"{own.stderr}")
    wrong = remote.with_code("approver", "proposal", "approve", "--confirm", "0" * 64, number)
    check("digest is another" in wrong.stderr and wrong.returncode == 1, f"{wrong.stderr}")
    receipt = json.loads(remote.good("approver", "proposal", "approve", "--confirm", digest, number, code=True))
    equal(receipt["state"], "completed", "the receipt")
    equal(remote.here("reveal", token).returncode, 1, "the value")
    equal(remote.run("approver", "proposal", "list").returncode, 0, "nothing waits")
    again = json.loads(remote.run("operator", "clock", "accept", "--json").stdout)
    equal(again["operation"], "clock.accept", "the proposal as JSON")
    remote.good("approver", "proposal", "reject", str(again["proposal"]))


def test_two_people_appoint_an_operator_by_commands_only(env):
    remote = Remote(env)
    for name, role in (("desk", "support"), ("anna", "operator")):
        asked = remote.run("operator", "access", "create", "--name", name, "--role", role, "--expires", "P9D")
        equal((asked.returncode, asked.stdout), (3, ""), f"{asked.stderr}")
    told = json.loads(remote.good("operator", "access", "create", "--name", "eve", "--role", "app", "--expires", "P9D", "--json", exits=(3,)))
    equal(told["operation"], "access.appoint", f"{told}")
    number = re.search(r"proposal (\d+) for another person's approval", asked.stderr)[1]
    digest = re.search(r"digest ([0-9a-f]{64})", asked.stderr)[1]
    made = json.loads(remote.good("approver", "proposal", "approve", "--confirm", digest, number, code=True))
    equal((made["name"], made["state"]), ("anna", "waiting"), "what an approver is told")
    anna = str(made["number"])
    token = remote.good("operator", "access", "collect", anna, code=True).strip()
    check(re.fullmatch("lta_[0-9a-f]{64}", token), token)
    again = remote.with_code("operator", "access", "collect", anna)
    equal((again.returncode, again.stdout), (1, ""), f"{again.stderr}")
    refused = remote.with_code("operator", "access", "enrol", anna)
    equal((refused.returncode, refused.stdout), (1, ""), f"{refused.stderr}")
    uri = remote.good("approver", "access", "enrol", anna, code=True).strip()
    check(uri.startswith("otpauth://totp/Lethe:anna?secret="), uri)
    code = env.write("codes/anna", one_time_code(uri) + "\n", 0o400)
    file = remote.keep("anna", token)
    equal(remote.run(file, "access", "revoke", anna, more=["--otp-file", code]).returncode, 0, "it works with its codes")
    gone = remote.run("operator", "access", "unenrol", anna)
    equal(gone.returncode, 3, f"proposed: {gone.stderr}")


def test_all_tokens_are_listed_however_many_pages_they_are(env):
    """Only the first hundred were: those to be revoked may be behind them."""
    remote = Remote(env)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(os.path.join(remote.lethe.store, "control.sock"))
        answers = sock.makefile("rb")
        for n in range(105):
            wanted = {"op": "access.create", "name": f"many-{n}", "role": "auditor", "expires": "P1D"}
            sock.sendall(json.dumps(wanted).encode() + b"\n")
            check(json.loads(answers.readline())["ok"], f"{n}")
    listed = json.loads(remote.run("operator", "access", "list", "--json").stdout)
    equal(listed, json.loads(remote.here("access", "list", "--json").stdout), "on the host and elsewhere")
    check({f"many-{n}" for n in range(105)} <= {t["name"] for t in listed}, "all")
    equal(remote.run("operator", "access", "list").stdout, remote.here("access", "list").stdout, "as lines")


# ---- who is trusted, and with what ----


def test_tokens_that_are_none(env):
    remote = Remote(env)
    short = remote.keep("short", remote.api.token("app", name="short", expires="PT1S"))
    time.sleep(1.1)  # until it is over
    for name, file in [("over", short), ("wrong", remote.keep("wrong", "lta_" + "0" * 64))]:
        result = remote.run(file, "clock", "status")
        equal((result.returncode, result.stdout), (1, ""), name)
        check("does not know the access token" in result.stderr and "lta_" not in result.stderr, result.stderr)
    for name, text, mode, words in [("open", remote.api.tokens["app"], 0o644, "open to others"),
                                    ("empty", "", 0o400, "must hold an access token"),
                                    ("two", "lta_1\nlta_2", 0o400, "must hold an access token"),
                                    ("long", "x" * 4000, 0o400, "longer than")]:
        result = remote.run(remote.keep(name, text, mode), "clock", "status")
        equal(result.returncode, 1, name)
        check(words in result.stderr and "lta_" not in result.stderr, f"{name}: {result.stderr}")
    result = remote.run(env.path("none"), "clock", "status")
    check("there is no such file" in result.stderr, result.stderr)


def test_servers_that_are_none(env):
    remote = Remote(env)
    file = remote.files["operator"]
    for url, words in [("http://192.0.2.1:8444", "plain HTTP would show the token"),
                       ("http://lethe.example", "plain HTTP would show the token"),
                       ("http://127.0.0.1.example:1", "plain HTTP would show the token"),
                       ("https://user:pass@host", "takes the address"), ("https://host/v1", "takes the address"),
                       ("https://host:0", "takes the address"), ("https://host:99999", "takes the address"),
                       ("https://", "takes the address"), ("ftp://host", "takes the address"),
                       ("https://[::1", "takes the address"), ("host:8444", "takes the address")]:
        result = remote.lethe.run("clock", "status", "--server", url, "--token-file", file)
        equal((result.returncode, result.stdout), (2, ""), url)
        check(words in result.stderr, f"{url}: {result.stderr}")
    result = remote.lethe.run("clock", "status", "--server", remote.url)
    equal(result.returncode, 2, "without a token")
    result = remote.lethe.run("clock", "status", "--token-file", file)
    equal(result.returncode, 2, "without a server")
    port = env.port()
    result = remote.lethe.run("clock", "status", "--server", f"http://127.0.0.1:{port}", "--token-file", file)
    check("no connection can be made" in result.stderr, result.stderr)
    proxy = "http://{}:{}".format(*remote.lethe.addresses[0])
    result = remote.lethe.run("clock", "status", "--server", proxy, "--token-file", file)
    check("as no admin API of Lethe does" in result.stderr, result.stderr)
    check("lta_" not in result.stderr, "the token")


def test_tls_is_verified(env):
    cert, key = env.certificate("admin", "DNS:localhost,IP:127.0.0.1")
    other, _ = env.certificate("other", "DNS:localhost,IP:127.0.0.1")
    env_tls = {"certificate": cert, "key": key}
    lethe = Lethe(env, Recorder(env).url, admin={"address": "127.0.0.1:0", "tls": env_tls}).start()
    made = lethe.cli("access", "create", "--name", "op", "--role", "operator", "--expires", "P1D").stdout
    file = env.write("op.token", made, 0o400)
    port = admin_address(lethe)[1]

    def ask(url, *more):
        return lethe.run("clock", "status", "--server", url, "--token-file", file, *more)

    good = ask(f"https://127.0.0.1:{port}", "--ca", cert)
    equal(good.returncode, 0, good.stderr)
    equal(ask(f"https://localhost:{port}/", "--ca", cert).returncode, 0, "by name")
    for what, result in [("the system's authorities", ask(f"https://127.0.0.1:{port}")),
                         ("another authority", ask(f"https://127.0.0.1:{port}", "--ca", other))]:
        check("not trusted" in result.stderr and result.returncode == 1, f"{what}: {result.stderr}")
    bad = ask(f"https://127.0.0.1:{port}", "--ca", env.path("none.pem"))
    equal(bad.returncode, 78, bad.stderr)
    equal(ask(f"http://127.0.0.1:{port}").returncode, 1, "plain where TLS is spoken")


def test_codes(env):
    remote = Remote(env, four_eyes=False)
    without = remote.run("operator", "clock", "accept")
    check("has none enrolled" in without.stderr, without.stderr)
    remote.api.enrol("operator")
    nobody = remote.run("operator", "clock", "accept")
    check("no terminal to ask" in nobody.stderr and nobody.returncode == 1, nobody.stderr)
    wrong = env.write("wrong.code", "000000\n", 0o400)
    result = remote.run("operator", "clock", "accept", more=["--otp-file", wrong])
    check("one-time code is wrong" in result.stderr and "000000" not in result.stderr, result.stderr)
    readable = env.write("open.code", "000000\n", 0o644)
    result = remote.run("operator", "clock", "accept", more=["--otp-file", readable])
    check("open to others" in result.stderr, result.stderr)
    read, write = os.pipe()
    os.write(write, (one_time_code(remote.api.uris["operator"]) + "\n").encode())
    os.close(write)
    result = subprocess.run([env.lethe_path(), "clock", "accept", *remote.server("operator"), "--passphrase-fd",
                             str(read)], pass_fds=[read], capture_output=True, text=True, timeout=60,
                            env=remote.lethe.environment())
    os.close(read)
    equal(result.returncode, 0, result.stderr)


def test_e70_secrets_in_arguments_are_refused(env):
    remote = Remote(env)
    token, file = remote.api.tokens["operator"], remote.files["operator"]
    for words in (["--token-file", token], ["--token", token], [token], ["--bearer=" + token],
                  ["--token-file", file, "--otp-file", "123456"], ["--token-file", token[4:]],
                  ["--password=" + token[4:]], ["--otp=123456"]):
        result = remote.lethe.run("clock", "accept", "--server", remote.url, *words)
        equal((result.returncode, result.stdout), (2, ""), f"{words}")
        check(token[4:] not in result.stderr and "123456" not in result.stderr, f"repeated: {result.stderr}")
        check("-file" in result.stderr, f"what to use: {result.stderr}")


def test_e73_secrets_in_the_environment_are_refused(env):
    remote = Remote(env)
    token = remote.api.tokens["operator"]
    for name in ("LETHE_TOKEN", "LETHE_ACCESS_TOKEN", "LETHE_OTP", "LETHE_PASSWORD", "MY_TOKEN"):
        remote.lethe.faults = {name: token}
        for words in (["clock", "status"], ["version"]):
            result = remote.run("operator", *words) if words[0] == "clock" else remote.lethe.run(*words)
            equal((result.returncode, result.stdout), (78, ""), f"{name}: {result.stderr}")
            check(name in result.stderr and token[4:] not in result.stderr, f"{name}: {result.stderr}")
    remote.lethe.faults = {"LETHE_TOKEN_FILE": remote.files["operator"]}
    equal(remote.run("operator", "clock", "status").returncode, 0, "where a file is")


def on_terminal(env, lethe, *words):
    """A command whose standard output is a terminal, and what that shows."""
    near, far = pty.openpty()
    process = subprocess.Popen([env.lethe_path(), *words], stdin=far, stdout=far, stderr=far,
                               env=lethe.environment())
    os.close(far)
    shown = b""
    try:
        while chunk := os.read(near, 65536):
            shown += chunk
    except OSError:  # the terminal ends with its last user
        pass
    os.close(near)
    equal(process.wait(60), 0, shown.decode())
    return shown.decode()


def test_what_init_makes_is_enough_to_work_with(env):
    """The example as it is, but for its ports; the second factor from the terminal."""
    lethe = Lethe(env)
    home = env.path("new")
    shown = on_terminal(env, lethe, "init", home)
    uri = re.search(r"otpauth://\S+", shown)[0]
    check("\x1b[30;47m" in shown, "a picture")
    check("lta_" not in shown and not os.path.exists(os.path.join(home, "admin.otpauth")), "what is kept")
    token = os.path.join(home, "admin.token")
    equal(stat.S_IMODE(os.stat(token).st_mode), 0o400, "its mode")
    lethe.home, lethe.file = home, os.path.join(home, "lethe.yaml")
    with open(lethe.file) as f:
        text = f.read()
    with open(lethe.file, "w") as f:
        f.write(text.replace("127.0.0.1:8080", "127.0.0.1:0").replace("127.0.0.1:8444", "127.0.0.1:0"))
    lethe.start()
    url = "http://{}:{}".format(*admin_address(lethe))
    code = env.write("code", one_time_code(uri) + "\n", 0o400)
    made = lethe.run("access", "create", "--name", "eyes", "--role", "auditor", "--expires", "P1D", "--server", url,
                     "--token-file", token, "--otp-file", code)
    equal(made.returncode, 0, made.stderr)
    listed = json.loads(lethe.run("access", "list", "--json", "--server", url, "--token-file", token).stdout)
    entry = next(e for e in listed if e["name"] == "admin")
    equal((entry["role"], entry["state"], entry["code"]), ("operator", "alive", True), "the first token")
    check(80 * 86400 < time.mktime(time.strptime(entry["expires"][:19], "%Y-%m-%dT%H:%M:%S")) - time.time() < 91 * 86400,
          entry["expires"])


# ---- lost connections ----


def test_a_call_that_lost_its_answer_is_made_again_under_the_same_key(env):
    remote = Remote(env)
    seen = []

    class Loses(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            seen.append((self.path, self.headers["Idempotency-Key"], self.headers["Authorization"], body))
            if len(seen) == 1:
                self.close_connection = True
                return
            answer = b'{"tokens": ["t1"]}'
            self.send_response(201)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *unused):
            pass

    server = http.server.HTTPServer(("127.0.0.1", env.port()), Loses)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    env.cleanup(server.shutdown)
    for _ in range(2):
        result = remote.lethe.run("tokenize", "--class", "note", "--subject", "p", "--server",
                                  f"http://127.0.0.1:{server.server_port}", "--token-file", remote.files["app"],
                                  data="n\n")
        equal((result.returncode, result.stdout), (0, "t1\n"), result.stderr)
    equal(len(seen), 3, "requests")
    equal(seen[0], seen[1], "the same request under the same key")
    check(re.fullmatch(r"[0-9a-f]{32}", seen[0][1]) and seen[2][1] != seen[0][1], f"{seen}")


def test_what_was_done_before_its_answer_got_lost_is_done_once(env):
    """A relay that lets the request through and keeps the first answer for itself."""
    remote = Remote(env)
    listener = socket.create_server(("127.0.0.1", env.port()))
    env.cleanup(listener.close)
    statuses = []

    def relay():
        while True:
            near, _ = listener.accept()
            with near, socket.create_connection(remote.api.address) as far:
                near.settimeout(10)
                far.sendall(near.recv(1 << 20))
                answer = far.recv(1 << 20)
                statuses.append(answer.split()[1])
                if len(statuses) > 1:
                    near.sendall(answer)

    threading.Thread(target=relay, daemon=True).start()
    result = remote.lethe.run("request", "add", "rights=access", "channel=email", "--server",
                              "http://127.0.0.1:{}".format(listener.getsockname()[1]), "--token-file",
                              remote.files["support"])
    equal(result.returncode, 0, result.stderr)
    equal(statuses, [b"201", b"201"], "both were answered")
    listed = remote.here("request", "list").stdout.splitlines()
    equal(len(listed), 1, f"requests in the register: {listed}")
