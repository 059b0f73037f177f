# SPDX-License-Identifier: Apache-2.0
"""What bench/proxy, bench/api and bench/instructions stand on: Lethe as users start it, with one loop thread, in
front of bench/echo_upstream, and the requests that are measured.

Everything is in a folder of its own, on loopback, and ends with the rig.
"""
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FIELDS = ("email", "phone", "name")


def free_port():
    while True:
        port = random.randrange(10240, 32768)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def wait_port(port):
    for _ in range(2000):  # valgrind is slow to start
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    sys.exit(f"nothing listens on port {port}")


def document(i):
    """A 500-byte JSON body with three personal fields among others."""
    body = {"id": i, "email": f"person{i}@example.org", "phone": f"+49 30 5550{i:04d}",
            "name": f"Erika Mustermann {i}", "plan": "standard", "active": True,
            "balance": 1234.50, "tags": ["newsletter", "beta", "invoice"],
            "address": {"country": "DE", "zone": 3}, "history": list(range(20)), "padding": ""}
    body["padding"] = "x" * (500 - len(json.dumps(body)))
    text = json.dumps(body)
    assert len(text) == 500
    return text.encode()


def requests_for(path, method, key, subjects):
    out = []
    for i in range(subjects):
        body = document(i) if method == "POST" else b""
        head = f"{method} {path}/{i} HTTP/1.1\r\nHost: bench.test\r\nLethe-Key: {key}\r\n"
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        out.append(head.encode() + b"\r\n" + body)
    return out


def exchange(connection, request):
    """One request on a connection, and its answer's body."""
    connection.sendall(request)
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536) or sys.exit(f"no answer: {data!r}")
    head, body = data.split(b"\r\n\r\n", 1)
    length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n")
                   if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536) or sys.exit("answer cut off")
    if not head.startswith(b"HTTP/1.1 200"):
        sys.exit(f"not a 200: {head!r} {body!r}")
    return body


class Rig:
    """Processes, ports and files of one run."""

    def __init__(self, build, pin=False):
        self.build = build
        self.pin = pin
        self.dir = tempfile.mkdtemp(prefix="lethe-b.")
        self.processes = []
        self.key = os.urandom(16).hex()

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def spawn(self, name, argv, mine):
        """mine: on the processor of the proxy under test, otherwise on the others."""
        if self.pin:
            others = f"1-{os.cpu_count() - 1}"
            argv = ["taskset", "-c", "0" if mine else others, *argv]
        with open(self.path(name + ".log"), "wb") as log:
            process = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def start_upstream(self):
        self.upstream = free_port()
        self.spawn("upstream", [os.path.join(self.build, "bench", "echo_upstream"),
                                str(self.upstream)], False)
        wait_port(self.upstream)

    def start_lethe(self, argv=(), more_routes=(), **sections):
        """argv: what stands before `lethe serve`; more_routes: beside the ones below; sections: of the configuration."""
        lethe = os.path.join(self.build, "lethe")
        home = self.path("l")
        subprocess.run([lethe, "init", home], check=True, capture_output=True)
        port = free_port()
        key = self.path("key")
        with open(key, "w") as f:
            f.write(self.key + "\n")
        os.chmod(key, 0o400)
        classes, fields = {}, {"warm": [], "fresh": []}
        for field in FIELDS:
            for kind in fields:
                name = f"{field}-{kind}"
                classes[name] = {"format": "opaque", "deterministic": kind == "warm",
                                 "purposes": ["bench"], "basis": "6(1)(b)",
                                 "retain": {"period": "P1Y", "from": "created"}}
                fields[kind].append({"json": "$." + field, "class": name})
        route = {"methods": ["GET", "POST"], "upstream": "app"}
        config = {
            "listen": [{"address": f"127.0.0.1:{port}"}], "threads": 1,
            "store": f"sqlite:{home}/store", "root_key": f"file:{home}/root.key",
            "upstreams": {"app": {"url": f"http://127.0.0.1:{self.upstream}"}},
            "classes": classes,
            "callers": {"bench": {"key": "file:" + key, "purposes": ["bench"],
                                  "reveal": {name: "value" for name in classes}}},
            "routes": [{"path": "/pass/{id}", **route},
                       *({"path": f"/{kind}/{{id}}", **route, "subject": "path.id",
                          "request": list_, "response": list_}
                         for kind, list_ in fields.items()),
                       *({**route, **more} for more in more_routes)],
            **sections,
        }
        with open(self.path("lethe.yaml"), "w") as f:
            json.dump(config, f, indent=1)
        self.lethe = self.spawn("lethe", [*argv, lethe, "serve", "-c", self.path("lethe.yaml")],
                                True)
        wait_port(port)
        self.lethe_port = port

    def show_logs(self):
        for name in sorted(os.listdir(self.dir)):
            if name.endswith(".log"):
                with open(self.path(name), errors="backslashreplace") as f:
                    print(f"--- {name}\n{f.read()[-2000:]}", file=sys.stderr)

    def close(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        shutil.rmtree(self.dir, ignore_errors=True)
