# SPDX-License-Identifier: Apache-2.0
"""WebSockets (E09): they pass where a route says so, byte by byte, and nothing else goes over to another
protocol; a tunnel that was not granted carries no second request."""
import base64
import hashlib
import os

from harness import Lethe, check, equal, until
from upstreams import Recorder, answer

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
SMUGGLED = b"DELETE /users/smuggled HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"


def accept_of(key):
    return base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()


def ask(target="/socket", method="GET", **fields):
    """The bytes of a handshake; a field that is None is left out."""
    head = {"Host": "lethe.test", "Connection": "Upgrade", "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": base64.b64encode(b"k" * 16).decode()}
    head.update({name.replace("_", "-"): value for name, value in fields.items()})
    return "\r\n".join([f"{method} {target} HTTP/1.1",
                        *(f"{n}: {v}" for n, v in head.items() if v is not None), "", ""]).encode()


class Echo:
    """Grants every handshake and sends back what comes, until the other side ends."""

    def __init__(self):
        self.got = bytearray()
        self.ended = 0
        self.grant = True

    def __call__(self, request, sock):
        if not self.grant or "upgrade" not in request.headers:
            return answer(426, {"error": "upgrade"})
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                     b"Sec-WebSocket-Accept: " +
                     accept_of(request.headers["sec-websocket-key"]).encode() + b"\r\n\r\nhello")
        while True:
            data = sock.recv(65536)
            if not data:
                self.ended += 1
                return None
            self.got += data
            sock.sendall(data)


def started(env):
    app = Recorder(env, Echo())
    lethe = Lethe(env, app.url)
    lethe.config["routes"] += [{"path": "/socket", "upstream": "app", "websocket": "pass"},
                               {"path": "/plain", "upstream": "app"}]
    lethe.save()
    return app, lethe.start()


def test_what_goes_over_a_websocket_passes_unchanged(env):
    app, lethe = started(env)
    noise = os.urandom(1 << 20) + SMUGGLED
    with lethe.connect(timeout=30) as conn:
        conn.send(ask(Lethe_Key=lethe.keys["robot"], Sec_WebSocket_Protocol="chat"))
        status, fields, _ = conn.read_head()
        headers = dict(fields)
        equal((status, headers["upgrade"], headers["connection"].lower()),
              (101, "websocket", "upgrade"), "the answer")
        equal(headers["sec-websocket-accept"], accept_of(base64.b64encode(b"k" * 16).decode()), "accept")
        equal(conn.read_exact(5), b"hello", "what came with the head of the answer")
        for at in range(0, len(noise), 50000):
            piece = noise[at:at + 50000]
            conn.send(piece)
            equal(conn.read_exact(len(piece)) == piece, True, f"bytes at {at}")
    equal(bytes(app.handler.got) == noise, True, "what the application got")
    until("the application to hear the end", 10, lambda: app.handler.ended == 1)
    seen = app.last()
    equal((len(app.requests), app.malformed), (1, []), "requests upstream")
    check("lethe-key" not in seen.headers, f"the caller's key went up: {seen}")
    lethe.alive()


def test_e09_no_other_request_goes_over(env):
    app, lethe = started(env)
    for what, request in {
            "another route": ask("/plain"), "a route with fields": ask("/users/7"),
            "POST": ask(method="POST", Content_Length="0"), "a body": ask(Content_Length="3") + b"abc",
            "h2c": ask(Upgrade="h2c"), "two protocols": ask(Upgrade="websocket, h2c"),
            "version 8": ask(Sec_WebSocket_Version="8"), "no version": ask(Sec_WebSocket_Version=None),
            "no key": ask(Sec_WebSocket_Key=None), "not in Connection": ask(Connection="keep-alive"),
            "HTTP/1.0": ask().replace(b"HTTP/1.1", b"HTTP/1.0"),
    }.items():
        before = app.count()
        with lethe.connect() as conn:
            conn.send(request)
            response = conn.read_response()
            check(400 <= response.status < 503, f"{what}: {response}")
            check(not app.malformed and app.count() - before <= 1, f"{what}: {app.malformed}")
            for seen in app.requests[before:]:
                check("upgrade" not in seen.headers, f"{what}: forwarded: {seen}")
    equal(bytes(app.handler.got), b"", "bytes over a tunnel")
    lethe.alive()


def test_e09_a_handshake_that_is_not_granted_carries_nothing(env):
    """A client that takes the grant for certain sends on; Lethe reads that as requests of its own."""
    app, lethe = started(env)
    app.handler.grant = False
    with lethe.connect() as conn:
        conn.send(ask() + SMUGGLED.replace(b"/users/smuggled", b"/nowhere") +
                  b"GET /plain HTTP/1.1\r\nHost: x\r\n\r\n")
        statuses = []
        try:
            for _ in range(3):
                statuses.append(conn.read_response().status)
        except (EOFError, ConnectionError):
            pass
        check(statuses[0] == 426 and 101 not in statuses, f"answers: {statuses}")
    check(not app.malformed, f"malformed upstream: {app.malformed}")
    check(all(r.target in ("/socket", "/plain") for r in app.requests), f"upstream: {app.requests}")
    lethe.alive()


def test_open_websockets_do_not_hold_up_the_stop(env):
    _, lethe = started(env)
    with lethe.connect() as conn:
        conn.send(ask())
        equal(conn.read_head()[0], 101, "status")
        equal(lethe.stop(seconds=30), 0, "exit code")
