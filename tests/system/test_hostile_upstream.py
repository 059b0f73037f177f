# SPDX-License-Identifier: Apache-2.0
"""Upstreams that answer wrongly on purpose (E11, E87): a 502 or 504, nothing of the next answer, and
a process that lives. Run on a route with declared fields (the answer is held) and on one without
(the answer streams through)."""
import contextlib
import threading
import time

from harness import Background, Lethe, check, equal, until
from upstreams import Recorder, answer

OK = b"HTTP/1.1 200 OK\r\n"
END = b"\r\n\r\n"
BODY = b'{"n":1}'
LEN = b"Content-Length: 7\r\n"
JSON = b"Content-Type: application/json\r\n"
EVIL = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{\"evil\":1}"

# Answers that must become a 502 (the connection is then closed by the stub).
BROKEN = {
    "gzip, chunked": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n7\r\n" + BODY + b"\r\n0\r\n\r\n",
    "chunked, gzip": OK + b"Transfer-Encoding: chunked, gzip\r\n\r\n" + BODY,
    "unknown coding": OK + b"Transfer-Encoding: xyz\r\n\r\n" + BODY,
    "empty coding": OK + b"Transfer-Encoding:\r\n" + LEN + b"\r\n" + BODY,
    "chunked twice": OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
                     b"7\r\n" + BODY + b"\r\n0\r\n\r\n",
    "CL and TE": OK + LEN + b"Transfer-Encoding: chunked\r\n\r\n7\r\n" + BODY + b"\r\n0\r\n\r\n",
    "TE and CL": OK + b"Transfer-Encoding: chunked\r\n" + LEN + b"\r\n7\r\n" + BODY + b"\r\n0\r\n\r\n",
    "two lengths": OK + LEN + b"Content-Length: 3\r\n\r\n" + BODY,
    "two lengths in one": OK + b"Content-Length: 7, 3\r\n\r\n" + BODY,
    "letters as length": OK + b"Content-Length: abc\r\n\r\n" + BODY,
    "negative length": OK + b"Content-Length: -7\r\n\r\n" + BODY,
    "plus length": OK + b"Content-Length: +7\r\n\r\n" + BODY,
    "hex length": OK + b"Content-Length: 0x7\r\n\r\n" + BODY,
    "empty length": OK + b"Content-Length: \r\n\r\n" + BODY,
    "huge length": OK + b"Content-Length: 99999999999999999999999\r\n\r\n" + BODY,
    "2^64 + 7": OK + b"Content-Length: 18446744073709551623\r\n\r\n" + BODY,
    "length cut short": OK + JSON + b"Content-Length: 100\r\n\r\n" + BODY,
    "no status line": b"hello\r\n\r\n",
    "HTTP/0.9": BODY,
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\n" + LEN + b"\r\n" + BODY,
    "HTTP/1.9x": b"HTTP/1.9x 200 OK\r\n" + LEN + b"\r\n" + BODY,
    "status of two digits": b"HTTP/1.1 20 OK\r\n" + LEN + b"\r\n" + BODY,
    "status of four digits": b"HTTP/1.1 2000 OK\r\n" + LEN + b"\r\n" + BODY,
    "status 000": b"HTTP/1.1 000 OK\r\n" + LEN + b"\r\n" + BODY,
    "status 999": b"HTTP/1.1 999 OK\r\n" + LEN + b"\r\n" + BODY,
    "status with letters": b"HTTP/1.1 2xx OK\r\n" + LEN + b"\r\n" + BODY,
    "status 101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "obs-fold": OK + b"A: b\r\n c\r\n" + LEN + b"\r\n" + BODY,
    "fold of the length": OK + b"Content-Length:\r\n 7\r\n\r\n" + BODY,
    "space before a colon": OK + b"Content-Length : 7\r\n\r\n" + BODY,
    "no colon": OK + b"nonsense\r\n" + LEN + b"\r\n" + BODY,
    "empty name": OK + b": x\r\n" + LEN + b"\r\n" + BODY,
    "NUL in a value": OK + b"A: b\0c\r\n" + LEN + b"\r\n" + BODY,
    "bare CR in a value": OK + b"A: b\rc\r\n" + LEN + b"\r\n" + BODY,
    "NUL in a name": OK + b"A\0: b\r\n" + LEN + b"\r\n" + BODY,
    "200 headers": OK + b"A: b\r\n" * 200 + LEN + b"\r\n" + BODY,
    "100 KB of head": OK + b"A: " + b"b" * 100000 + b"\r\n" + LEN + b"\r\n" + BODY,
    "endless head": OK + b"A: b\r\n" * 50000,
    "only a status line": OK,
    "half a head": OK + b"Content-Le",
    "nothing": b"",
    "bad chunk size": OK + JSON + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n" + BODY + b"\r\n0\r\n\r\n",
    "negative chunk size": OK + JSON + b"Transfer-Encoding: chunked\r\n\r\n-7\r\n" + BODY + b"\r\n0\r\n\r\n",
    "huge chunk size": OK + JSON + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n" + BODY,
    "chunk without its end": OK + JSON + b"Transfer-Encoding: chunked\r\n\r\n7\r\n" + BODY + b"0\r\n\r\n",
    "no last chunk": OK + JSON + b"Transfer-Encoding: chunked\r\n\r\n7\r\n" + BODY + b"\r\n",
    "half a chunk": OK + JSON + b"Transfer-Encoding: chunked\r\n\r\nff\r\n" + BODY,
    "only 100s": b"HTTP/1.1 100 Continue\r\n\r\n" * 3,
    "103s without end": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 5000,
    "TLS alert": b"\x15\x03\x01\x00\x02\x02\x28",
}
# Answers that can be streamed as they come; where nothing is declared their head is out before the
# end shows that they are cut: then the client's connection is cut as well.
CUT_LATE = {"length cut short", "bad chunk size", "negative chunk size", "huge chunk size",
            "chunk without its end", "no last chunk", "half a chunk"}

# Odd, but good: read and answered.
ODD = {
    "no reason": b"HTTP/1.1 200\r\n" + JSON + LEN + b"\r\n" + BODY,
    "empty reason": b"HTTP/1.1 200 \r\n" + JSON + LEN + b"\r\n" + BODY,
    "HTTP/1.0 until close": b"HTTP/1.0 200 OK\r\n" + JSON + b"\r\n" + BODY,
    "HTTP/1.1 until close": OK + JSON + b"Connection: close\r\n\r\n" + BODY,
    "100 first": b"HTTP/1.1 100 Continue\r\n\r\n" + OK + JSON + LEN + b"\r\n" + BODY,
    "103 first": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK + JSON + LEN + b"\r\n" + BODY,
    "102 three times": b"HTTP/1.1 102 Processing\r\n\r\n" * 3 + OK + JSON + LEN + b"\r\n" + BODY,
    "chunk extension": OK + JSON + b"Transfer-Encoding: chunked\r\n\r\n7;a=b\r\n" + BODY +
                       b"\r\n0\r\n\r\n",
    "trailer": OK + JSON + b"Transfer-Encoding: chunked\r\n\r\n7\r\n" + BODY +
               b"\r\n0\r\nX-Trailer: evil\r\n\r\n",
    "one byte a chunk": OK + JSON + b"Transfer-Encoding: chunked\r\n\r\n" +
                        b"".join(b"1\r\n%c\r\n" % c for c in BODY) + b"0\r\n\r\n",
    "odd case": b"HTTP/1.1 200 OK\r\ncontent-TYPE: application/json\r\nCONTENT-length:7\r\n\r\n" + BODY,
}


class Bench:
    def __init__(self, env, **overrides):
        self.reply = answer(200, b"{}")
        self.app = Recorder(env, self.handle)
        self.lethe = Lethe(env, self.app.url, threads=1, **overrides)
        self.lethe.config["routes"].append({"path": "/plain/{id}", "upstream": "app"})
        self.lethe.config["upstreams"]["app"].update(first_byte_timeout="2s", idle_timeout="1s",
                                                     connect_timeout="1s")
        self.lethe.save()
        self.lethe.start()
        self.problems = []

    def handle(self, request, sock):
        if request.target.endswith("/good"):
            return answer(200, {"good": 1})
        reply = self.reply
        if callable(reply):
            return reply(request, sock)
        sock.sendall(reply)
        return None

    def finish(self):
        check(not self.problems, "\n".join(["", *self.problems]))

    def good(self, name, path):
        """The next request gets its own answer, not what was left over."""
        response = self.lethe.request("GET", f"/{path}/good")
        if response.status != 200 or response.json() != {"good": 1}:
            self.problems.append(f"{name}: then {response}")


def fetch(bench, path):
    """(response, or None when the connection was cut within it)."""
    with bench.lethe.connect() as conn:
        try:
            return conn.request("GET", f"/{path}/7", headers={
                "Lethe-Key": bench.lethe.keys["officer"], "Lethe-Purpose": "account"})
        except (EOFError, ConnectionError):
            return None


def run_table(env, cases, path, judge):
    bench = Bench(env)
    for name, reply in cases.items():
        bench.reply = reply
        response = fetch(bench, path)
        judge(bench, name, response)
        bench.good(name, path)
        bench.lethe.alive()
    bench.finish()


def judge_held(bench, name, response):
    if response is None or response.status not in (502, 504):
        bench.problems.append(f"{name}: {response}")


def judge_streamed(bench, name, response):
    if name in CUT_LATE and (response is None or response.status == 502):
        return
    judge_held(bench, name, response)


def judge_odd(bench, name, response):
    if response is None or (response.status, response.body) != (200, BODY):
        bench.problems.append(f"{name}: {response}")
    elif "x-trailer" in response.headers:
        bench.problems.append(f"{name}: a trailer became a header")


def test_e11_broken_answers_where_fields_are_declared(env):
    run_table(env, BROKEN, "users", judge_held)


def test_e11_broken_answers_where_nothing_is_declared(env):
    run_table(env, BROKEN, "plain", judge_streamed)


def test_odd_answers_are_read_where_fields_are_declared(env):
    run_table(env, ODD, "users", judge_odd)


def test_odd_answers_are_read_where_nothing_is_declared(env):
    run_table(env, ODD, "plain", judge_odd)


def test_e11_bytes_after_the_end_are_nobodys_answer(env):
    """A second answer behind the first, with and without a pause, on a connection that could be
    used again."""
    bench = Bench(env)
    sent = threading.Event()

    def at_once(request, sock):
        sock.sendall(answer(200, {"n": 1}) + EVIL)
        time.sleep(0.2)

    def later(request, sock):
        sock.sendall(answer(200, {"n": 1}))
        time.sleep(0.1)
        with contextlib.suppress(OSError):
            sock.sendall(EVIL)
        sent.set()
        time.sleep(0.2)

    def after_204(request, sock):
        sock.sendall(b"HTTP/1.1 204 No Content\r\n\r\n" + EVIL)
        time.sleep(0.2)

    def after_304(request, sock):
        sock.sendall(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n" + EVIL)
        time.sleep(0.2)

    for path in ("users", "plain"):
        for reply in (at_once, later, after_204, after_304):
            bench.reply = reply
            for _ in range(5):
                sent.clear()
                response = fetch(bench, path)
                if response is None or b"evil" in response.body:
                    bench.problems.append(f"{reply.__name__} {path}: {response}")
                # Once another request is out, what comes is its answer, whoever meant it.
                check(reply != later or sent.wait(20), "nothing was sent behind the answer")
                bench.good(reply.__name__, path)
    bench.lethe.alive()
    bench.finish()


def test_e11_a_head_answer_with_a_body_does_not_desync(env):
    bench = Bench(env)

    def reply(request, sock):
        sock.sendall(answer(200, {"n": 1}))
        time.sleep(0.2)

    bench.reply = reply
    for path in ("users", "plain"):
        for _ in range(3):
            with bench.lethe.connect() as conn:
                response = conn.request("HEAD", f"/{path}/7")
                check(response.status in (200, 502), f"HEAD: {response}")
            bench.good("HEAD", path)
    bench.finish()


def test_split_answers_are_one_answer(env):
    """Every byte in a packet of its own."""
    bench = Bench(env)

    def reply(request, sock):
        for byte in OK + JSON + b"Transfer-Encoding: chunked\r\n\r\n3\r\n{\"n\r\n4\r\n\":1}\r\n0\r\n\r\n":
            sock.sendall(bytes([byte]))
            time.sleep(0.001)

    bench.reply = reply
    for path in ("users", "plain"):
        response = fetch(bench, path)
        equal((response.status, response.body), (200, b'{"n":1}'), path)
    bench.finish()


def test_e11_an_endless_flood_of_interim_answers_ends(env):
    bench = Bench(env)

    def reply(request, sock):
        while True:  # until the other side has had enough
            sock.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n" * 100)

    bench.reply = reply
    response = fetch(bench, "users")
    check(response is not None and response.status in (502, 504), f"{response}")
    bench.lethe.alive()
    bench.finish()


def test_e11_an_answer_over_the_limit_is_a_502(env):
    bench = Bench(env)
    part = b"10000\r\n" + b" " * 65536 + b"\r\n"

    def reply(request, sock):
        sock.sendall(OK + JSON + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(1100):
            sock.sendall(part)
        sock.sendall(b"0\r\n\r\n")

    bench.reply = reply
    response = fetch(bench, "users")
    check(response is not None and response.status == 502, f"{response}")
    bench.reply = OK + JSON + b"Content-Length: 999999999999\r\n\r\n{"
    response = fetch(bench, "users")
    check(response is not None and response.status == 502, f"a declared length: {response}")
    bench.lethe.alive()
    bench.finish()


def test_slow_answers_time_out(env):
    bench = Bench(env)
    done = threading.Event()
    env.cleanup(done.set)

    def silent(request, sock):
        done.wait(60)

    def head_then_silent(request, sock):
        sock.sendall(OK + JSON + LEN + b"\r\n{")
        done.wait(60)

    def dripping_head(request, sock):
        sock.sendall(OK + b"A: ")
        while not done.wait(0.1):
            sock.sendall(b"b")

    for reply in (silent, head_then_silent, dripping_head):
        bench.reply = reply
        response = fetch(bench, "users")
        check(response is not None and response.status in (502, 504), f"{reply.__name__}: {response}")
        bench.lethe.alive()
    bench.finish()


def test_an_upstream_that_accepts_nobody_times_out(env):
    import socket
    full = socket.socket()
    env.cleanup(full.close)
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    fillers = []
    for _ in range(8):  # the backlog is full after a few
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(full.getsockname())
        fillers.append(s)
        env.cleanup(s.close)
    lethe = Lethe(env, f"http://127.0.0.1:{full.getsockname()[1]}")
    lethe.config["upstreams"]["app"].update(connect_timeout="500ms", first_byte_timeout="500ms")
    lethe.save()
    lethe.start()
    response = lethe.request("POST", "/users", {"email": "slow@example.org"}, timeout=20)
    check(response.status in (502, 504), f"POST: {response}")
    lethe.alive()


def test_e87_a_slow_upstream_does_not_starve_the_others(env):
    done = threading.Event()
    env.cleanup(done.set)
    slow = Recorder(env, lambda request, sock: done.wait(60) and None)
    fast = Recorder(env, lambda request, sock: answer(200, {"fast": 1}))
    lethe = Lethe(env, slow.url, threads=1)
    lethe.config["upstreams"]["fast"] = {"url": fast.url}
    lethe.config["upstreams"]["app"].update(connections=4, first_byte_timeout="30s")
    lethe.config["routes"].append({"path": "/fast", "upstream": "fast"})
    lethe.save()
    lethe.start()
    waiting = [Background(lethe.request, "GET", "/users/7") for _ in range(12)]
    until("the slow upstream's connections", 10, lambda: slow.count() >= 4)
    equal(lethe.request("GET", "/fast").json(), {"fast": 1}, "the other upstream")
    check(sum(w.busy() for w in waiting) >= 4, "the other upstream waited until the slow one had answered")
    until("those that waited for a connection", 20, lambda: sum(w.busy() for w in waiting) == 4)
    done.set()
    statuses = sorted(w.join().status for w in waiting)
    check(set(statuses) <= {502, 503, 504} and 503 in statuses, f"statuses {statuses}")
    check(slow.connections <= 4, f"{slow.connections} connections upstream")


def test_refused_and_reset_connections_are_502(env):
    import socket
    import struct

    def reset(request, sock):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    bench = Bench(env)
    bench.reply = reset
    for _ in range(5):
        response = fetch(bench, "users")
        check(response is not None and response.status == 502, f"{response}")
        bench.good("reset", "users")
    bench.finish()
