# SPDX-License-Identifier: Apache-2.0
"""Applications that stand behind Lethe: a stub that keeps what it got byte by byte, and real ones."""
import contextlib
import fcntl
import hashlib
import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import threading
import urllib.parse

from harness import HERE, ROOT, SYSTEM_PYTHON, Failure, check, wait_port

TOKEN_CHARS = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"


class Malformed(Exception):
    pass


class Request:
    def __init__(self, method, target, headers, body, raw):
        self.method = method
        self.target = target
        self.fields = headers
        self.headers = dict(headers)
        self.body = body
        self.raw = raw

    def json(self):
        return json.loads(self.body.decode("utf-8"))

    def __repr__(self):
        return f"<{self.method} {self.target} {self.fields} {self.body[:200]!r}>"


def parse_head(head):
    """One request head by the letter of RFC 9112; anything a lenient server might read two ways is
    Malformed, since Lethe must not send it."""
    lines = head.split(b"\r\n")
    for line in lines:
        if b"\r" in line or b"\n" in line or b"\0" in line:
            raise Malformed(f"stray control character in {line!r}")
    start = re.fullmatch(rb"([A-Z]+) (/[\x21-\x7e]*) HTTP/1\.1", lines[0])
    if not start or b"#" in start[2]:
        raise Malformed(f"request line {lines[0]!r}")
    headers = []
    for line in lines[1:]:
        match = re.fullmatch(rb"(" + TOKEN_CHARS + rb"):[ \t]*((?:[^\x00-\x08\x0a-\x1f\x7f])*?)[ \t]*",
                             line)
        if not match:
            raise Malformed(f"header line {line!r}")
        headers.append((match[1].decode().lower(), match[2].decode("latin-1")))
    names = [n for n, _ in headers]
    if names.count("host") != 1:
        raise Malformed(f"{names.count('host')} Host headers")
    if names.count("content-length") + names.count("transfer-encoding") > 1:
        raise Malformed("several framings")
    values = dict(headers)
    if not re.fullmatch(r"0|[1-9]\d*", values.get("content-length", "0")):
        raise Malformed(f"Content-Length {values['content-length']!r}")
    if values.get("transfer-encoding", "chunked") != "chunked":
        raise Malformed(f"Transfer-Encoding {values['transfer-encoding']!r}")
    return start[1].decode(), start[2].decode(), headers


def answer(status=200, body=b"", headers=(), content_type="application/json"):
    """The bytes of a plain response."""
    if isinstance(body, (dict, list)):
        body = json.dumps(body, ensure_ascii=False)
    if isinstance(body, str):
        body = body.encode("utf-8")
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
    if content_type and body:
        lines.append(f"Content-Type: {content_type}")
    lines += [f"{n}: {v}" for n, v in headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class Recorder:
    """An upstream that records exactly what it got. `handler(request, sock)` gives back the bytes to
    answer with, or None when it dealt with the socket itself (the connection then closes)."""

    def __init__(self, env, handler=None, tls=None):
        """tls: an ssl.SSLContext to serve with."""
        self.handler = handler or UserApp()
        self.tls = tls
        self.lock = threading.Lock()
        self.requests = []
        self.malformed = []
        self.captured = bytearray()
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.open = set()
        threading.Thread(target=self.accept, daemon=True).start()
        env.cleanup(self.close)

    def close(self):
        self.listener.close()
        with self.lock:
            socks = list(self.open)
        for sock in socks:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def count(self):
        with self.lock:
            return len(self.requests) + len(self.malformed)

    def last(self):
        with self.lock:
            check(self.requests, "the upstream saw nothing")
            return self.requests[-1]

    def clear(self):
        with self.lock:
            self.requests.clear()
            self.malformed.clear()

    def bytes(self):
        with self.lock:
            return bytes(self.captured)

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.connections += 1
                self.open.add(sock)
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        plain = sock
        try:
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
            self.serve_requests(sock)
        except (OSError, EOFError):
            pass
        finally:
            with self.lock:
                self.open.discard(plain)
            sock.close()

    def receive(self, sock):
        data = sock.recv(65536)
        if not data:
            raise EOFError
        with self.lock:
            self.captured += data
        return data

    def serve_requests(self, sock):
        buffer = b""
        while True:
            while b"\r\n\r\n" not in buffer:
                buffer += self.receive(sock)
            head, rest = buffer.split(b"\r\n\r\n", 1)
            try:
                method, target, headers = parse_head(head)
                early = getattr(self.handler, "early", False)
                body, buffer = (b"", rest) if early else self.read_body(sock, headers, rest)
            except Malformed as problem:
                with self.lock:
                    self.malformed.append(f"{problem}: {head!r}")
                return
            request = Request(method, target, headers, body, head + b"\r\n\r\n" + body)
            with self.lock:
                self.requests.append(request)
            reply = self.handler(request, sock)
            if reply is None:
                return
            sock.sendall(reply)

    def read_body(self, sock, headers, rest):
        values = dict(headers)
        if "transfer-encoding" not in values:
            length = int(values.get("content-length", "0"))
            data = bytearray(rest)
            while len(data) < length:
                data += self.receive(sock)
            return bytes(data[:length]), bytes(data[length:])
        data, at, body = bytearray(rest), 0, bytearray()
        while True:
            while (end := data.find(b"\r\n", at)) < 0:
                data += self.receive(sock)
            line = bytes(data[at:end])
            if not re.fullmatch(rb"[0-9a-fA-F]{1,8}", line):
                raise Malformed(f"chunk size {line!r}")
            size, at = int(line, 16), end + 2
            while len(data) < at + size + 2:
                data += self.receive(sock)
            if data[at + size:at + size + 2] != b"\r\n":
                raise Malformed("chunk end")
            body += data[at:at + size]
            at += size + 2
            if size == 0:
                return bytes(body), bytes(data[at:])


class UserApp:
    """An application with users, as an API usually has it: keeps the bodies as they came."""

    def __init__(self):
        self.users = {}
        self.next = 1
        self.lock = threading.Lock()

    def __call__(self, request, unused_sock):
        url = urllib.parse.urlsplit(request.target)
        parts = url.path.strip("/").split("/")
        if parts[0] != "users":
            return answer(200, {"path": url.path, "method": request.method})
        with self.lock:
            if len(parts) == 1:
                return self.collection(request, url)
            return self.item(request, urllib.parse.unquote(parts[1]))

    def collection(self, request, url):
        if request.method == "POST":
            key = str(self.next)
            self.next += 1
            self.users[key] = request.body
            return answer(201, request.body, [("Location", f"/users/{key}")])
        wanted = urllib.parse.parse_qs(url.query).get("email")
        found = [body for body in self.users.values()
                 if not wanted or json.loads(body).get("email") == wanted[0]]
        return answer(200, b"[" + b",".join(found) + b"]")

    def item(self, request, key):
        if request.method in ("PUT", "PATCH"):
            self.users[key] = request.body
            return answer(200, request.body)
        if key not in self.users:
            return answer(404, {"error": "no such user"})
        if request.method == "DELETE":
            del self.users[key]
            return answer(204)
        if request.method == "HEAD":
            return answer(200, self.users[key]).split(b"\r\n\r\n")[0] + b"\r\n\r\n"
        return answer(200, self.users[key])


# ---------------------------------------------------------------------------------------------
# real ones


class Nginx:
    """nginx as an application: files put and fetched over WebDAV methods, and fixed answers."""

    def __init__(self, env):
        self.port = env.port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.root = env.path("nginx-root")
        os.makedirs(os.path.join(self.root, "users"))
        base = env.path("nginx")
        os.makedirs(base)
        user = "user root;" if os.geteuid() == 0 else ""
        config = env.write("nginx.conf", f"""
            {user}
            daemon off; worker_processes 1; pid {base}/pid; error_log {base}/error.log notice;
            events {{ worker_connections 256; }}
            http {{
                access_log {base}/access.log;
                client_body_temp_path {base}/body; proxy_temp_path {base}/proxy;
                fastcgi_temp_path {base}/fastcgi; uwsgi_temp_path {base}/uwsgi;
                scgi_temp_path {base}/scgi;
                default_type application/json;
                server {{
                    listen 127.0.0.1:{self.port};
                    root {self.root};
                    location /users/ {{
                        dav_methods PUT DELETE;
                        create_full_put_path on;
                    }}
                    location = /fixed {{ return 200 '{{"fixed":true}}'; }}
                    location = /moved {{ return 301 /fixed; }}
                    location = /gone {{ return 204; }}
                }}
            }}""")
        binary = shutil.which("nginx") or "/usr/sbin/nginx"
        env.spawn("nginx-main", [binary, "-c", config, "-p", base])
        wait_port(self.port)


def npm_folder():
    """node_modules with someone else's application, installed once from the lock file."""
    source = os.path.join(HERE, "npm")
    target = os.path.join(ROOT, "build", "system-npm")
    os.makedirs(target, exist_ok=True)
    with open(os.path.join(source, "package-lock.json"), "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    with open(os.path.join(target, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = os.path.join(target, "installed")
        if os.path.exists(stamp):
            with open(stamp) as f:
                if f.read() == digest:
                    return os.path.join(target, "node_modules")
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(os.path.join(source, name), target)
        result = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                                cwd=target, capture_output=True, text=True, timeout=240)
        if result.returncode != 0:
            raise Failure(f"npm ci failed:\n{result.stdout}{result.stderr}")
        with open(stamp, "w") as f:
            f.write(digest)
    return os.path.join(target, "node_modules")


class JsonServer:
    """npm's json-server: express, body-parser, compression, lowdb; its database is a JSON file."""

    def __init__(self, env):
        modules = npm_folder()
        self.port = env.port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.database = env.write("db.json", '{"users": []}')
        env.spawn("json-server", ["node", os.path.join(modules, ".bin", "json-server"),
                                  "--host", "127.0.0.1", "--port", str(self.port), self.database],
                  cwd=env.dir)
        wait_port(self.port, 60)


class Postgres:
    """A PostgreSQL of the test's own, on a Unix socket in its folder."""

    def __init__(self, env):
        self.env = env
        self.dir = env.path("pg")
        self.data = os.path.join(self.dir, "data")
        self.port = env.port()
        self.programs = max(
            (os.path.join("/usr/lib/postgresql", v, "bin")
             for v in os.listdir("/usr/lib/postgresql")), key=lambda p: int(p.split("/")[4]))
        self.user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        os.makedirs(self.dir)
        os.chmod(env.dir, 0o711)
        if os.geteuid() == 0:
            shutil.chown(self.dir, self.user, self.user)
        self.run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "--no-sync",
                 "-E", "UTF8", "--locale=C.UTF-8")
        env.spawn("postgres", self.as_user(
            [os.path.join(self.programs, "postgres"), "-D", self.data, "-k", self.dir, "-p",
             str(self.port), "-c", "listen_addresses=", "-c", "fsync=off",
             "-c", "log_statement=all"]), cwd="/")
        self.wait()

    def as_user(self, argv):
        if os.geteuid() != 0:
            return argv
        return ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--init-groups", "--",
                *argv]

    def run(self, program, *args):
        result = subprocess.run(self.as_user([os.path.join(self.programs, program), *args]),
                                capture_output=True, timeout=60, cwd="/")
        if result.returncode != 0:
            raise Failure(f"{program}: {result.stderr.decode(errors='replace')}")
        return result.stdout

    def wait(self):
        from harness import until

        def probe():
            with contextlib.suppress(Failure):
                self.run("pg_isready", "-h", self.dir, "-p", str(self.port))
                return True
            return False

        until("PostgreSQL to accept connections", 30, probe, 0.1)

    def dump(self):
        return self.run("pg_dump", "-h", self.dir, "-p", str(self.port), "-U", "postgres",
                        "postgres")

    def dsn(self):
        return f"host={self.dir} port={self.port} user=postgres dbname=postgres"


class FastApi:
    """Debian's FastAPI and psycopg2 on that PostgreSQL."""

    def __init__(self, env, postgres):
        self.port = env.port()
        self.url = f"http://127.0.0.1:{self.port}"
        env.spawn("fastapi", [SYSTEM_PYTHON, "-m", "uvicorn", "--host", "127.0.0.1", "--port",
                              str(self.port), "--log-level", "debug", "--app-dir",
                              os.path.join(HERE, "apps"), "people:app"],
                  env={"PATH": os.environ["PATH"], "DSN": postgres.dsn(),
                       "PYTHONDONTWRITEBYTECODE": "1"}, cwd=env.dir)
        wait_port(self.port, 30)
