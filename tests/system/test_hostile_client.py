# SPDX-License-Identifier: Apache-2.0
"""Clients that misbehave below HTTP: corrupt TLS records, resets with work in flight, slow readers and
writers. After each the process answers, and with the sanitizers nothing was touched that was gone."""
import json
import os
import socket
import ssl
import time

from harness import Background, Conn, Failure, Lethe, check, equal, make_request, until
from upstreams import Recorder, answer

MEGABYTE = 1 << 20


def big_answer(size):
    body = json.dumps({"email": None, "pad": "x" * size}).encode()
    return lambda request, sock: answer(200, body)


def started(env, handler=None, tls=False, **overrides):
    app = Recorder(env, handler)
    lethe = Lethe(env, app.url, **overrides)
    lethe.config["routes"].append({"path": "/plain/{id}", "upstream": "app"})
    lethe.save()
    if tls:
        lethe.add_tls()
    return app, lethe.start()


class RawTls:
    """A TLS client whose records can be damaged: the handshake is OpenSSL's, the socket is ours."""

    def __init__(self, lethe):
        self.sock = socket.create_connection(lethe.addresses[1], timeout=5)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = lethe.tls.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.flush()
                self.incoming.write(self.sock.recv(65536))
        self.flush()

    def flush(self):
        if self.outgoing.pending:
            self.sock.sendall(self.outgoing.read())

    def send(self, data):
        self.tls.write(data)
        self.flush()


CORRUPT = {
    "garbage record": b"\x17\x03\x03\x00\x40" + os.urandom(64),
    "empty record": b"\x17\x03\x03\x00\x00",
    "oversize record": b"\x17\x03\x03\xff\xff" + b"x" * 1000,
    "unknown type": b"\x63\x03\x03\x00\x10" + b"x" * 16,
    "plain alert": b"\x15\x03\x03\x00\x02\x02\x0a",
    "plain HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "handshake again": b"\x16\x03\x03\x00\x04\x00\x00\x00\x00",
    "change cipher spec flood": b"\x14\x03\x03\x00\x01\x01" * 200,
}


def test_corrupt_tls_records_while_a_large_answer_is_written(env):
    """This aborted libh2o's libuv binding every time."""
    _, lethe = started(env, big_answer(8 * MEGABYTE), tls=True)
    for path in ("plain", "users"):
        for name, record in CORRUPT.items():
            for wait in (True, False):
                client = RawTls(lethe)
                client.send(make_request("GET", f"/{path}/7"))
                if wait:
                    client.sock.recv(1024)  # the answer is being written now
                try:
                    client.sock.sendall(record)
                    while client.sock.recv(65536):
                        pass
                except OSError:
                    pass
                client.sock.close()
            check(lethe.process.running(), f"{name}, {path}: lethe is gone")
            lethe.alive()


def test_tls_handshakes_that_are_none(env):
    _, lethe = started(env, tls=True)
    good = lethe.request("GET", "/users/none", tls=True)
    equal(good.status, 404, "a good one")
    for data in (b"", b"\x16", b"\x16\x03\x01\x00\x05hello", b"\x16\x03\x01\xff\xff", b"GET / HTTP/1.1\r\n\r\n",
                 b"\x80\x2e\x01\x00\x02", os.urandom(300)):
        with Conn(lethe.addresses[1]) as conn:
            conn.send(data)
            conn.sock.shutdown(socket.SHUT_WR)
            conn.at_end(3)
        lethe.alive()
    old = ssl.create_default_context(cafile=env.path("tls.crt"))
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    try:
        Conn(lethe.addresses[1], tls=old)
        raise Failure("TLS 1.1 was accepted")
    except (ssl.SSLError, ConnectionError):
        pass
    h2 = ssl.create_default_context(cafile=env.path("tls.crt"))
    h2.set_alpn_protocols(["h2", "http/1.1"])
    with Conn(lethe.addresses[1], tls=h2) as conn:
        check(conn.sock.selected_alpn_protocol() != "h2", "HTTP/2 was agreed on")
        equal(conn.request("GET", "/users/none").status, 404, "HTTP/1.1 instead")


def test_resets_with_requests_in_flight(env):
    """The client is gone before the vault, or the upstream, has answered."""
    def handler(request, sock):
        time.sleep(0.02)
        return answer(200, request.body or b"{}")

    _, lethe = started(env, handler)
    for i in range(150):
        conn = lethe.connect()
        body = {"email": f"reset{i}@example.org", "phones": [str(i)], "note": "x" * (i * 40)}
        data = make_request("PUT", f"/users/{i % 10}", body)
        conn.send(data if i % 3 else data[:-1])
        if i % 2:
            time.sleep(0.001 * (i % 20))
        conn.reset()
    lethe.alive()
    response = lethe.request("PUT", "/users/last", {"email": "last@example.org"}, caller="officer")
    equal((response.status, response.json()), (200, {"email": "last@example.org"}), "a good one")


def test_resets_while_an_answer_is_written(env):
    _, lethe = started(env, big_answer(4 * MEGABYTE))
    for i in range(30):
        conn = lethe.connect()
        conn.send(make_request("GET", "/plain/7" if i % 2 else "/users/7"))
        if i % 3:
            conn.sock.recv(1000 * i + 1)
        conn.reset()
        if i % 10 == 0:
            lethe.alive()
    lethe.alive()


def test_a_reader_that_stalls_does_not_fill_the_memory(env):
    """An answer with nothing declared streams with back-pressure: 400 MB to someone who does not
    read cost a few buffers."""
    total = 400

    def handler(request, sock):
        if request.target.endswith("/small"):
            return answer(200, {"small": 1})
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (total * MEGABYTE))
        chunk = b"x" * MEGABYTE
        for _ in range(total):
            sock.sendall(chunk)
        return None

    _, lethe = started(env, handler, threads=1)

    def resident():
        with open(f"/proc/{lethe.process.pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) / 1024

    before = resident()
    with lethe.connect() as stalled:
        stalled.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stalled.send(make_request("GET", "/plain/big"))
        check(stalled.sock.recv(100), "the head")
        for _ in range(20):
            equal(lethe.request("GET", "/plain/small").json(), {"small": 1}, "somebody else")
            time.sleep(0.05)
        grown = resident() - before
        check(grown < 64, f"resident memory grew by {grown:.0f} MB")
    lethe.alive()


def test_a_slow_reader_gets_everything(env):
    _, lethe = started(env, big_answer(4 * MEGABYTE))
    for path in ("plain", "users"):
        with lethe.connect() as conn:
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            conn.send(make_request("GET", f"/{path}/7"))
            time.sleep(0.5)
            response = conn.read_response()
            equal(len(response.json()["pad"]), 4 * MEGABYTE, f"{path}: bytes")


def test_e82_half_open_heads_and_bodies_end(env):
    """Slow senders are cut off; the others are served meanwhile."""
    app, lethe = started(env)
    slow = []
    for i in range(50):
        conn = lethe.connect()
        conn.send(b"PUT /users/7 HTTP/1.1\r\nHost: x\r\n" if i % 2 else
                  b"PUT /users/7 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                  b"Content-Length: 1000\r\n\r\n{")
        slow.append(conn)
    lethe.alive()
    check(not any(ended(conn) for conn in slow[:2]), "others waited until slow senders were cut off")
    for conn in slow:
        until("a slow sender to be cut off", 40, lambda conn=conn: ended(conn), 0.2)
        conn.close()
    equal(app.count(), 0, "requests upstream")
    lethe.alive()


def ended(conn):
    conn.sock.settimeout(0.1)
    try:
        while conn.sock.recv(4096):
            pass
        return True
    except TimeoutError:
        return False
    except OSError:
        return True


def test_many_idle_connections_are_cheap(env):
    _, lethe = started(env)
    idle = [lethe.connect() for _ in range(500)]
    until("all to be let in", 20, lambda: len(os.listdir(f"/proc/{lethe.process.pid}/fd")) > 500)
    before = lethe.process.cpu()
    equal(lethe.request("PUT", "/users/7", {"email": "busy@example.org"}).status, 200, "PUT")
    check(lethe.process.cpu() - before < 1, "an idle crowd makes each request dear")
    for conn in idle:
        conn.close()
    lethe.alive()


def test_writers_at_once_are_all_stored(env):
    """E33: many first requests for the same and for different people at the same time."""
    app, lethe = started(env, threads=4)

    def store(worker):
        with lethe.connect() as conn:
            for i in range(25):
                subject = i if worker % 2 else 1000 + worker * 100 + i
                body = {"email": f"s{subject}@example.org", "note": f"{worker}-{i}"}
                response = conn.request("PUT", f"/users/{subject}", body, {
                    "Lethe-Key": lethe.keys["officer"], "Lethe-Purpose": "support"})
                equal((response.status, response.json()), (200, body), f"{worker}-{i}")

    for thread in [Background(store, w) for w in range(8)]:
        thread.join(60)
    tokens = {}
    for request in app.requests:
        tokens.setdefault(request.target, set()).add(request.json()["email"])
    check(all(len(t) == 1 for t in tokens.values()), "one value of one person got two tokens")
