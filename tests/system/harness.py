# SPDX-License-Identifier: Apache-2.0
"""What every system test stands on: a temporary folder, processes that end with the test, Lethe
with a made configuration, and an HTTP client that shows the bytes.

Nothing here mocks Lethe: the program is started as a user starts it and spoken to over sockets.
"""
import contextlib
import copy
import json
import os
import random
import re
import select
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SYSTEM_PYTHON = "/usr/bin/python3"  # Debian's own, which sees Debian's python3-* packages


class Failure(AssertionError):
    """The program did not do what the test wants."""


def check(condition, message):
    if not condition:
        raise Failure(message)


def equal(got, wanted, what):
    if got != wanted:
        raise Failure(f"{what}: got {got!r}, wanted {wanted!r}")


def until(what, seconds, probe, pause=0.02):
    """Poll until probe() is true. The wait is bounded; there is no other way to wait in a test."""
    end = time.monotonic() + seconds
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"waited {seconds} s in vain: {what}")
        time.sleep(pause)


def wait_port(port, seconds=20, host="127.0.0.1"):
    def probe():
        with contextlib.suppress(OSError):
            socket.create_connection((host, port), timeout=1).close()
            return True
        return False

    until(f"port {port} to listen", seconds, probe)


# ---------------------------------------------------------------------------------------------
# HTTP as bytes


class Response:
    """One response, taken off the wire strictly."""

    def __init__(self, status, headers, body, raw):
        self.status = status
        self.fields = headers  # [(lower-case name, value)]
        self.headers = dict(headers)
        self.body = body
        self.raw = raw

    def json(self):
        return json.loads(self.body.decode("utf-8"))

    def __repr__(self):
        return f"<{self.status} {self.fields} {self.body[:300]!r}>"


class Conn:
    """A client connection. Every read has a time limit."""

    def __init__(self, address, timeout=20, tls=None):
        host, port = address
        self.sock = socket.create_connection((host, port), timeout=timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.sock = tls.wrap_socket(self.sock, server_hostname="localhost")
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        """Close with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def fill(self):
        data = self.sock.recv(65536)
        self.buffer += data
        return bool(data)

    def at_end(self, timeout=5):
        """True when the peer has closed and nothing is left unread."""
        if self.buffer:
            return False
        self.sock.settimeout(timeout)
        try:
            return not self.fill()
        except ConnectionError:
            return True
        except OSError:
            return False

    def read_until(self, mark):
        while mark not in self.buffer:
            if not self.fill():
                raise EOFError(f"peer closed after {self.buffer[:200]!r}")
        head, self.buffer = self.buffer.split(mark, 1)
        return head

    def read_exact(self, n):
        while len(self.buffer) < n:
            if not self.fill():
                raise EOFError(f"peer closed {n - len(self.buffer)} bytes early")
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def read_head(self):
        head = self.read_until(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        match = re.fullmatch(rb"HTTP/1\.1 ([1-5]\d\d)(?: [^\r\n]*)?", lines[0])
        check(match, f"not a status line: {lines[0]!r}")
        headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            check(colon and re.fullmatch(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name),
                  f"not a header line: {line!r}")
            headers.append((name.decode().lower(), value.strip(b" \t").decode("latin-1")))
        return int(match[1]), headers, head

    def read_response(self, method="GET", interim=False):
        """The next final response (with interim: also a 1xx one)."""
        while True:
            status, headers, head = self.read_head()
            if status >= 200 or interim:
                break
        lengths = [v for n, v in headers if n == "content-length"]
        codings = [v for n, v in headers if n == "transfer-encoding"]
        check(len(lengths) <= 1 and len(codings) <= 1 and not (lengths and codings),
              f"ambiguous framing of a response: {headers}")
        if status < 200 or status in (204, 304) or method == "HEAD":
            body = b""
        elif codings:
            body = self.read_chunked()
        elif lengths:
            body = self.read_exact(int(lengths[0]))
        else:
            while self.fill():
                pass
            body, self.buffer = self.buffer, b""
        return Response(status, headers, body, head)

    def read_chunked(self):
        body = b""
        while True:
            size = int(self.read_until(b"\r\n").split(b";")[0], 16)
            if size == 0:
                while self.read_until(b"\r\n"):
                    pass
                return body
            body += self.read_exact(size)
            equal(self.read_exact(2), b"\r\n", "end of a chunk")

    def request(self, method, target, body=None, headers=()):
        self.send(make_request(method, target, body, headers))
        return self.read_response(method)


def make_request(method, target, body=None, headers=()):
    """The bytes of a well-formed request; a dict or list as body goes as JSON."""
    fields = dict(headers)
    if isinstance(body, (dict, list)):
        body = json.dumps(body, ensure_ascii=False)
        fields.setdefault("Content-Type", "application/json")
    if isinstance(body, str):
        body = body.encode("utf-8")
    lines = [f"{method} {target} HTTP/1.1"]
    if not any(n.lower() == "host" for n in fields):
        lines.append("Host: lethe.test")
    lines += [f"{n}: {v}" for n, v in fields.items() if v is not None]
    if body is not None and not any(n.lower() in ("content-length", "transfer-encoding")
                                    for n in fields):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + (body or b"")


# ---------------------------------------------------------------------------------------------
# one test's surroundings


def can_ptrace():
    """LeakSanitizer looks into its own process by ptrace, which Lethe allows to root only."""
    with open("/proc/self/status") as f:
        effective = next(int(line.split()[1], 16) for line in f if line.startswith("CapEff"))
    return bool(effective >> 19 & 1)  # CAP_SYS_PTRACE


def make_folder():
    """Short: a Unix socket's path has 108 bytes."""
    return tempfile.mkdtemp(prefix="lethe-t.", dir="/tmp")


def remove_folder(folder):
    for name in os.listdir(folder):
        if os.path.ismount(os.path.join(folder, name)):
            subprocess.run(["umount", "-l", os.path.join(folder, name)], check=False)
    for _ in range(50):  # killed processes may need a moment to let go
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.exists(folder):
            return
        time.sleep(0.02)


def logs(folder):
    """Everything any process of a test said."""
    parts = []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".log"):
            with open(os.path.join(folder, name), errors="backslashreplace") as f:
                text = f.read()
            if text:
                parts.append(f"--- {name} ---\n{text[-20000:]}")
    return "\n".join(parts)


class Process:
    """A program of the test, with its output in a file and its end under control."""

    def __init__(self, owner, name, argv, **options):
        self.name = name
        self.argv = argv
        self.log = os.path.join(owner.dir, name + ".log")
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          **options)
        self.pid = self.popen.pid
        self.asked_to_end = False

    def running(self):
        return self.popen.poll() is None

    def tell(self, number):
        self.asked_to_end = True
        if self.running():
            self.popen.send_signal(number)

    def wait(self, seconds=20):
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} did not end within {seconds} s") from None

    def stop(self, number=signal.SIGTERM, seconds=20):
        self.tell(number)
        try:
            return self.wait(seconds)
        except Failure:
            self.popen.kill()
            self.popen.wait()
            raise

    def output(self):
        with open(self.log, "rb") as log:
            return log.read().decode("utf-8", "backslashreplace")

    def cpu(self):
        """Seconds of processor time so far: what something costs, whoever else is busy."""
        with open(f"/proc/{self.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Env:
    """The temporary folder of one test and all that lives in it."""

    def __init__(self, build, folder):
        self.build = os.path.abspath(build)
        self.dir = folder
        self.processes = []
        self.cleanups = []
        self.looks_for_leaks = can_ptrace()
        # No two tests that run beside each other draw the same ports; below 32768 the kernel hands
        # none out by itself.
        self.random = random.Random(os.getpid())

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write(self, name, data, mode=0o600):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode("utf-8"))
        os.chmod(path, mode)
        return path

    def port(self):
        for _ in range(200):
            port = self.random.randrange(10240, 32768)
            with socket.socket() as s:
                with contextlib.suppress(OSError):
                    s.bind(("127.0.0.1", port))
                    return port
        raise Failure("no free port")

    def spawn(self, name, argv, **options):
        process = Process(self, name, argv, **options)
        self.processes.append(process)
        return process

    def cleanup(self, function):
        self.cleanups.append(function)

    def certificate(self, name, names, days=2):
        """(certificate, key): self-signed, for these subjectAltNames."""
        cert, key = self.path(name + ".crt"), self.path(name + ".key")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", str(days), "-subj", "/CN=test",
                        "-addext", "subjectAltName=" + names, "-keyout", key, "-out", cert],
                       check=True, capture_output=True)
        os.chmod(key, 0o400)
        return cert, key

    def lethe_path(self):
        return os.path.join(self.build, "lethe")

    def has_faults(self):
        """Whether this build has fault points (dev and asan have, release has not)."""
        with open(self.lethe_path(), "rb") as f:
            return b"LETHE_FAULT" in f.read()

    def sanitizer_env(self):
        log = self.path("san")
        return {
            "ASAN_OPTIONS": f"abort_on_error=1:detect_leaks={int(self.looks_for_leaks)}:"
                            f"verify_asan_link_order=0:log_path={log}",
            "UBSAN_OPTIONS": f"print_stacktrace=1:abort_on_error=1:log_path={log}",
            "LSAN_OPTIONS": f"log_path={log}",
        }

    def close(self):
        """End everything; raises when something ended badly by itself."""
        problems = []
        for process in reversed(self.processes):
            if not process.running() and not process.asked_to_end:
                problems.append(f"{process.name} ended by itself with {process.popen.returncode}")
            elif process.running():
                try:
                    code = process.stop()
                    if isinstance(process, LetheProcess) and code != 0:
                        problems.append(f"{process.name} ended with {code}")
                except Failure as failure:
                    problems.append(str(failure))
        for function in reversed(self.cleanups):
            try:
                function()
            except Exception as error:  # the others must run
                problems.append(f"cleaning up: {error!r}")
        for name in sorted(os.listdir(self.dir)):
            if name.startswith("san."):
                with open(self.path(name), errors="backslashreplace") as f:
                    problems.append(f"sanitizer finding:\n{f.read()}")
        if problems:
            raise Failure("; ".join(problems))


class LetheProcess(Process):
    pass


# ---------------------------------------------------------------------------------------------
# Lethe

CLASSES = {
    "email": {"format": "email", "deterministic": True, "identifies": True,
              "purposes": ["account", "support"], "basis": "6(1)(b)",
              "retain": {"period": "P2Y", "from": "created"}},
    "phone": {"format": "opaque", "deterministic": True, "purposes": ["account", "support"],
              "basis": "6(1)(b)", "retain": {"period": "P1Y", "from": "created"}},
    "note": {"format": "opaque", "purposes": ["account", "support"], "basis": "6(1)(f)",
             "retain": {"period": "P90D", "from": "created"}},
}

USER_FIELDS = [{"json": "$.email", "class": "email"}, {"json": "$.phones[*]", "class": "phone"},
               {"json": "$.note", "class": "note"}]
LIST_FIELDS = [{"json": "$[*]" + f["json"][1:], "class": f["class"]} for f in USER_FIELDS]

ROUTES = [
    {"path": "/users/{id}", "methods": ["GET", "HEAD", "PUT", "PATCH", "DELETE"], "upstream": "app",
     "subject": "path.id", "request": USER_FIELDS, "response": USER_FIELDS},
    {"path": "/users", "methods": ["POST"], "upstream": "app", "subject": "$.email",
     "request": USER_FIELDS, "response": USER_FIELDS},
    {"path": "/users", "methods": ["GET"], "upstream": "app",
     "request": [{"query": "email", "class": "email", "mode": "lookup"}],
     "response": LIST_FIELDS},
]

# name: (purposes, what it sees of each class)
CALLERS = {
    "officer": (["account", "support"], {"email": "value", "phone": "value", "note": "value"}),
    "support-desk": (["support"], {"phone": "value", "email": "mask"}),
    "robot": (["account"], {}),
}


class Lethe:
    """One installation: `lethe init`, a configuration made for the test, the server, the tools."""

    def __init__(self, env, upstream=None, name="lethe", **overrides):
        self.env = env
        self.name = name
        self.home = env.path(name)
        self.store = os.path.join(self.home, "store")
        self.file = os.path.join(self.home, "test.yaml")
        self.process = None
        self.addresses = []
        self.keys = {}
        self.tls = None
        self.faults = {}
        self.preload = {}
        self.prefix = []  # what the server is started by
        result = self.run("init", self.home)
        equal(result.returncode, 0, f"lethe init ({result.stderr})")
        self.config = {
            "listen": [{"address": "127.0.0.1:0"}],
            "threads": 2,
            "store": "sqlite:" + self.store,
            "root_key": "file:" + os.path.join(self.home, "root.key"),
            "upstreams": {"app": {"url": upstream or "http://127.0.0.1:9"}},
            "classes": copy.deepcopy(CLASSES),
            "callers": {},
            "routes": copy.deepcopy(ROUTES),
        }
        for caller, (purposes, reveal) in CALLERS.items():
            self.add_caller(caller, purposes, reveal)
        self.config.update(overrides)
        self.save()

    def add_caller(self, name, purposes, reveal):
        self.keys[name] = f"{name}-{os.urandom(16).hex()}"
        path = self.env.write(f"{self.name}.keys/{name}.key", self.keys[name] + "\n", 0o400)
        self.config["callers"][name] = {"key": "file:" + path, "purposes": purposes,
                                        "reveal": reveal}

    def save(self):
        # JSON is YAML too (1.2, and libyaml's 1.1 for what json.dumps writes).
        with open(self.file, "w") as f:
            json.dump(self.config, f, indent=1)

    def add_tls(self):
        """One more listener, with a certificate for localhost."""
        cert, key = self.env.certificate("tls", "DNS:localhost,IP:127.0.0.1")
        self.config["listen"].append({"address": "127.0.0.1:0",
                                      "tls": {"certificate": cert, "key": key}})
        self.tls = ssl.create_default_context(cafile=cert)
        self.save()

    def environment(self):
        keep = {n: os.environ[n] for n in ("PATH", "HOME", "LANG", "TMPDIR") if n in os.environ}
        return {**keep, **self.env.sanitizer_env(), **self.faults}

    def run(self, *args, data=None, timeout=60):
        """A command, with the same sanitizer options; text in and out."""
        return subprocess.run([self.env.lethe_path(), *args], input=data, text=True,
                              capture_output=True, timeout=timeout, env=self.environment())

    def cli(self, command, *args, data=None, timeout=60):
        """`lethe COMMAND [SUBCOMMAND] -c FILE ...`: the configuration goes last."""
        return self.run(command, *args, "-c", self.file, data=data, timeout=timeout)

    def can_fail(self):
        """The next start() gets a disk that fails while fail() says so (see fail_io.c)."""
        library = self.env.path("fail_io.so")
        subprocess.run(["gcc", "-std=gnu17", "-shared", "-fPIC", "-o", library,
                        os.path.join(HERE, "fail_io.c")], check=True, capture_output=True)
        self.preload = {"LD_PRELOAD": library, "FAIL_IO": self.env.path("fail_io")}

    def fail(self, what):
        """"sync", "space", or None: all is well again."""
        if what is None:
            os.unlink(self.env.path("fail_io"))
        else:
            self.env.write("fail_io", what)

    def start(self, fault=None, mutant=None, wait=True):
        self.faults = dict(self.preload)
        if fault:
            self.faults["LETHE_FAULT"] = fault
        if mutant:
            self.faults["LETHE_MUTANT"] = mutant
        ready, write = os.pipe()
        try:
            process = LetheProcess(
                self.env, self.name, [*self.prefix, self.env.lethe_path(), "serve", "-c", self.file,
                                      "--ready-fd", str(write)],
                pass_fds=(write,), env=self.environment(), cwd=self.home)
        finally:
            os.close(write)
        self.faults = {}  # the tools stay whole
        self.env.processes.append(process)
        self.process = process
        if wait:
            self.addresses = self.read_ready(ready)
        else:
            self.env.cleanup(lambda: os.close(ready))
        return self

    def read_ready(self, fd, seconds=20):
        line = b""
        with os.fdopen(fd, "rb", buffering=0) as pipe:
            while not line.endswith(b"\n"):
                if not select.select([pipe], [], [], seconds)[0]:
                    raise Failure(f"lethe was not ready within {seconds} s")
                data = pipe.read(4096)
                if not data:
                    raise Failure(f"lethe ended before it was ready: {self.process.wait()}")
                line += data
        words = line.decode().split()
        check(words and words[0] == "ready", f"not a ready line: {line!r}")
        found = re.findall(r"((?:\d+\.){3}\d+|\[[0-9a-f:]+\]):(\d+)", line.decode())
        check(len(found) >= len(self.config["listen"]), f"addresses missing: {line!r}")
        return [(host, int(port)) for host, port in found]

    def stop(self, number=signal.SIGTERM, seconds=20):
        return self.process.stop(number, seconds)

    def kill(self):
        self.process.stop(signal.SIGKILL)

    def died(self, seconds=20):
        """The process is expected to end by itself (a fault point)."""
        self.process.asked_to_end = True
        return self.process.wait(seconds)

    # -- talking to it

    def connect(self, tls=False, timeout=20):
        return Conn(self.addresses[1 if tls else 0], timeout, self.tls if tls else None)

    def request(self, method, target, body=None, caller=None, headers=(), tls=False, timeout=20):
        fields = dict(headers)
        if caller:
            fields["Lethe-Key"] = self.keys[caller]
            purposes = self.config["callers"][caller]["purposes"]
            if len(purposes) > 1:
                fields.setdefault("Lethe-Purpose", purposes[0])
        with self.connect(tls, timeout) as conn:
            return conn.request(method, target, body, fields)

    def raw(self, data, method="GET", timeout=20):
        """Send bytes, give back (first response or None, whether the connection then closed)."""
        with self.connect(timeout=timeout) as conn:
            try:
                conn.send(data)
                response = conn.read_response(method)
            except (EOFError, ConnectionError):
                return None, True
            except (TimeoutError, socket.timeout):
                return None, False
            # What the server says it closes may take its time; what it does not must be open a moment later.
            return response, conn.at_end(10 if response.headers.get("connection") == "close" else 0.15)

    def alive(self):
        """It still answers, whatever was done to it."""
        check(self.process.running(),
              f"lethe is gone with {self.process.popen.returncode}")
        response = self.request("GET", "/no-such-route")
        check(response.status in (404, 200), f"lethe answers {response}")


class Background:
    """A function on a thread; join() gives its result or raises its exception."""

    def __init__(self, function, *args):
        self.result = None
        self.error = None
        self.thread = threading.Thread(target=self.run, args=(function, args), daemon=True)
        self.thread.start()

    def busy(self):
        return self.thread.is_alive()

    def run(self, function, args):
        try:
            self.result = function(*args)
        except BaseException as error:  # handed to join()
            self.error = error

    def join(self, seconds=30):
        self.thread.join(seconds)
        check(not self.thread.is_alive(), f"still busy after {seconds} s")
        if self.error is not None:
            raise self.error
        return self.result
