# SPDX-License-Identifier: Apache-2.0
"""Answers that stream: a slow application of server-sent events and texts, and what a client has of them before
they end."""
import json
import threading
import time

from harness import Conn, Lethe, check, equal, until
from upstreams import Recorder, answer

NOTE = {"json": "$.note", "class": "note"}
ROUTES = [
    {"path": "/users/{id}", "methods": ["PUT"], "upstream": "app", "subject": "path.id",
     "request": [NOTE]},
    {"path": "/events/{id}", "methods": ["GET"], "upstream": "app", "subject": "path.id",
     "response": [NOTE, {"text": "*"}]},
    {"path": "/text/{id}", "methods": ["GET"], "upstream": "app", "subject": "path.id",
     "response": [{"text": "*"}]},
]
CLASSES = {"note": {"purposes": ["support"], "basis": "6(1)(b)",
                    "retain": {"period": "P1Y", "from": "created"}}}
HEAD = "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nTransfer-Encoding: chunked\r\n\r\n"


class Slow:
    """Keeps the tokens it gets. An answer is what a test puts into `pieces`; it waits for each, sends it byte by
    byte, each byte a chunk, and ends with None."""

    def __init__(self):
        self.tokens = {}
        self.pieces = []
        self.more = threading.Condition()
        self.kind = "text/event-stream"

    def put(self, piece):
        with self.more:
            self.pieces.append(piece)
            self.more.notify_all()

    def take(self):
        with self.more:
            check(self.more.wait_for(lambda: self.pieces, timeout=20), "nothing to send")
            return self.pieces.pop(0)

    def __call__(self, request, sock):
        if request.method == "PUT":
            self.tokens[request.target] = json.loads(request.body)["note"]
            return answer(201, b"{}")
        sock.sendall(HEAD.format(self.kind).encode())
        while (piece := self.take()) is not None:
            for byte in piece.encode():
                sock.sendall(b"1\r\n%c\r\n" % byte)
        sock.sendall(b"0\r\n\r\n")
        return b""


def started(env):
    slow = Slow()
    lethe = Lethe(env, Recorder(env, slow).url, classes=CLASSES, callers={}, routes=ROUTES)
    lethe.add_caller("desk", ["support"], {"note": "value"})
    lethe.save()
    lethe.start()
    for person, note in (("1", "Alice's \"own\" note"), ("2", "Bob's")):
        equal(lethe.request("PUT", f"/users/{person}", json.dumps({"note": note}),
                            headers={"Content-Type": "application/json"}).status, 201, "stored")
    return slow, lethe, slow.tokens["/users/1"], slow.tokens["/users/2"]


class Listener:
    """A client that has what came of an answer's body until now."""

    def __init__(self, lethe, target):
        self.conn = Conn(lethe.addresses[0], 20)
        self.conn.send(f"GET {target} HTTP/1.1\r\nHost: a\r\nLethe-Key: {lethe.keys['desk']}\r\n\r\n"
                       .encode())
        self.head = self.conn.read_head()
        self.body = b""

    def chunk(self):
        size = int(self.conn.read_until(b"\r\n").strip(), 16)
        data = self.conn.read_exact(size + 2)[:size]
        self.body += data
        return data

    def until(self, end):
        while not self.body.endswith(end.encode()):
            check(self.chunk(), f"it ended with {self.body!r}")
        body, self.body = self.body.decode(), b""
        return body


def test_events_arrive_before_the_stream_ends(env):
    slow, lethe, alice, bob = started(env)
    slow.put(": hello\n\n")
    listener = Listener(lethe, "/events/1")
    equal(listener.until("\n\n"), ": hello\n\n", "a comment")
    for number in range(20):
        slow.put(f"id: {number}\r\ndata: {{\"note\":\"{alice}\",\r\ndata: \"n\":{number}}}\r\n\r\n")
        equal(listener.until("\r\n\r\n"),
              f"id: {number}\r\ndata: {{\"note\":\"Alice's \\\"own\\\" note\",\r\ndata: \"n\":{number}}}"
              "\r\n\r\n", "an event")
    slow.put(f"data: {alice} and {bob}\n\n")
    equal(listener.until("\n\n"), f"data: Alice's \"own\" note and {bob}\n\n", "a text")
    slow.put(None)
    equal(listener.chunk(), b"", "the end")
    check(b"cache-control: no-store" in str(listener.head).lower().encode(), listener.head)


def test_an_erasure_closes_an_open_stream(env):
    slow, lethe, alice, _ = started(env)
    slow.put(f"data: {alice}\n\n")
    listener = Listener(lethe, "/events/1")
    equal(listener.until("\n\n"), "data: Alice's \"own\" note\n\n", "before")
    equal(lethe.cli("subject", "erase", "1").returncode, 0, "erase")
    slow.put(f"data: {alice}\n\n")
    equal(listener.until("\n\n"), f"data: {alice}\n\n", "after")
    slow.put(None)
    equal(listener.chunk(), b"", "the end")


def test_a_text_flows_with_tokens_over_its_edges(env):
    slow, lethe, alice, bob = started(env)
    slow.kind = "text/plain; charset=utf-8"
    slow.put("Grüße an ")
    listener = Listener(lethe, "/text/1")
    equal(listener.until("an "), "Grüße an ", "its beginning")
    slow.put(alice[:20])
    slow.put(alice[20:] + f"; {bob}.\n")
    equal(listener.until("\n"), f"Alice's \"own\" note; {bob}.\n", "its rest")
    slow.put(None)
    equal(listener.chunk(), b"", "the end")


def test_a_slow_client_makes_a_stream_wait(env):
    slow, lethe, alice, _ = started(env)
    slow.kind = "text/plain"
    sent = []

    def flood(_request, sock):
        sock.sendall(HEAD.format("text/plain").encode())
        piece = (alice + " " * 968 + "\n").encode() * 64
        for _ in range(400):
            sock.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            sent.append(len(piece))
        sock.sendall(b"0\r\n\r\n")
        return b""

    def rests():
        before = len(sent)
        time.sleep(1)
        return before > 0 and len(sent) == before

    lethe.stop()
    lethe.config["upstreams"]["app"]["url"] = Recorder(env, flood).url
    lethe.save()
    lethe.start()
    listener = Listener(lethe, "/text/1")
    until("the upstream waits", 20, rests)
    check(len(sent) < 300, f"{len(sent)} of 400 pieces are nowhere but in memory")
    total = 0
    while data := listener.chunk():
        total += data.count(b"note")
        listener.body = b""
    equal(total, 400 * 64, "lines with her note")
