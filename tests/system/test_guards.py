# SPDX-License-Identifier: Apache-2.0
"""Requests that try to be two things at once (E01-E10, E12), as bytes on a socket. For every one of
them: Lethe refuses it before a byte goes upstream, or sends exactly one well-formed request; nothing
clear and nothing smuggled arrives; and Lethe still answers afterwards."""
import json
import os
import re
import socket
from random import Random

import h11

from harness import Conn, Lethe, check, equal, make_request
from upstreams import Recorder, UserApp, answer

BODY = b'{"email":"smuggler@example.org"}'
SMUGGLED = b"GET /users/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"  # would be passed on
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)


def read_all(conn):
    """Everything until the peer closes or resets."""
    try:
        while conn.fill():
            pass
    except ConnectionError:
        pass
    return conn.buffer


def put(*lines, body=b"", start=b"PUT /users/7 HTTP/1.1", host=b"Host: lethe.test"):
    """A request made of raw header lines."""
    head = [start, *([host] if host else []), b"Content-Type: application/json", *lines]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def length(value):
    return b"Content-Length: " + value


def coding(value):
    return b"Transfer-Encoding: " + value


N = b"%d" % len(BODY)
LEN = length(N)
TE = coding(b"chunked")
REFUSED = (400, 405, 411, 413, 414, 417, 421, 431, 501, 505)
ROUTED = (404, 405)  # where the request ends was not in doubt: the connection may stay open

# E01: both framings.
BOTH = {
    "CL then TE": put(LEN, TE, body=CHUNKED + SMUGGLED),
    "TE then CL": put(TE, LEN, body=CHUNKED + SMUGGLED),
    "CL 0 and TE": put(length(b"0"), TE, body=CHUNKED),
    "CL of the chunked bytes and TE": put(length(b"%d" % len(CHUNKED)), TE, body=CHUNKED),
    "short CL and TE": put(length(b"4"), TE, body=CHUNKED + SMUGGLED),
    "CL and TE identity": put(LEN, coding(b"identity"), body=BODY),
    "CL and empty TE": put(LEN, coding(b""), body=BODY),
    "CL and unknown TE": put(LEN, coding(b"xchunked"), body=BODY + SMUGGLED),
}

# E02: Transfer-Encoding that one side may not recognise.
CODINGS = {
    "list with identity": put(coding(b"identity, chunked"), body=CHUNKED),
    "chunked twice in a list": put(coding(b"chunked, chunked"), body=CHUNKED),
    "gzip, chunked": put(coding(b"gzip, chunked"), body=CHUNKED),
    "chunked, gzip": put(coding(b"chunked, gzip"), body=CHUNKED),
    "chunked, identity": put(coding(b"chunked, identity"), body=CHUNKED),
    "gzip": put(coding(b"gzip"), body=CHUNKED),
    "identity": put(coding(b"identity"), body=CHUNKED),
    "empty": put(coding(b""), body=CHUNKED),
    "trailing comma": put(coding(b"chunked,"), body=CHUNKED),
    "leading comma": put(coding(b",chunked"), body=CHUNKED),
    "only a comma": put(coding(b","), body=CHUNKED),
    "quoted": put(coding(b'"chunked"'), body=CHUNKED),
    "with a parameter": put(coding(b"chunked;foo=bar"), body=CHUNKED),
    "prefix": put(coding(b"xchunked"), body=CHUNKED),
    "suffix": put(coding(b"chunkedx"), body=CHUNKED),
    "vertical tab before": put(b"Transfer-Encoding:\x0bchunked", body=CHUNKED),
    "vertical tab after": put(coding(b"chunked\x0b"), body=CHUNKED),
    "form feed": put(coding(b"chunked\x0c"), body=CHUNKED),
    "NUL after": put(coding(b"chunked\0"), body=CHUNKED),
    "CR after": put(coding(b"chunked\r"), body=CHUNKED),
    "high byte": put(coding(b"\xffchunked"), body=CHUNKED),
    "dotless spelling": put(coding(b"chun\xc4\xb1ked"), body=CHUNKED),
    "space before the colon": put(b"Transfer-Encoding : chunked", body=CHUNKED),
    "tab before the colon": put(b"Transfer-Encoding\t: chunked", body=CHUNKED),
    "space before the name": put(b" Transfer-Encoding: chunked", body=CHUNKED),
    "obs-fold in the value": put(b"Transfer-Encoding:\r\n chunked", body=CHUNKED),
    "obs-fold after the value": put(b"Transfer-Encoding: chunked\r\n , identity", body=CHUNKED),
    "behind another header by bare LF": put(b"X: y\nTransfer-Encoding: chunked", body=CHUNKED),
    "behind another header by bare CR": put(b"X: y\rTransfer-Encoding: chunked", body=CHUNKED),
    "two headers": put(TE, TE, body=CHUNKED),
    "two headers, one odd": put(TE, coding(b"identity"), body=CHUNKED),
    "two headers, odd one first": put(coding(b"identity"), TE, body=CHUNKED),
    "underscore name": put(LEN, b"Transfer_Encoding: chunked", body=BODY),
    "no name": put(b": chunked", LEN, body=BODY),
    "HTTP/1.0": put(TE, start=b"PUT /users/7 HTTP/1.0", body=CHUNKED),
}

# E03: Content-Length that two readers may count differently.
LENGTHS = {
    "plus sign": put(length(b"+" + N), body=BODY),
    "minus zero": put(length(b"-0"), body=BODY),
    "negative": put(length(b"-5"), body=BODY),
    "hexadecimal": put(length(b"0x20"), body=BODY),
    "octal-like": put(length(b"0" + N), body=BODY),
    "list of equal ones": put(length(N + b", " + N), body=BODY),
    "list of different ones": put(length(N + b", 5"), body=BODY),
    "trailing comma": put(length(N + b","), body=BODY),
    "two equal headers": put(LEN, LEN, body=BODY),
    "two different headers": put(LEN, length(b"5"), body=BODY + SMUGGLED),
    "inner space": put(length(b"3 2"), body=BODY),
    "fraction": put(length(N + b".0"), body=BODY),
    "exponent": put(length(b"3e1"), body=BODY),
    "letters": put(length(b"abc"), body=BODY),
    "trailing letter": put(length(N + b"x"), body=BODY),
    "empty": put(length(b""), body=BODY),
    "underscore digits": put(length(b"3_2"), body=BODY),
    "quoted": put(length(b'"' + N + b'"'), body=BODY),
    "vertical tab": put(b"Content-Length:\x0b" + N, body=BODY),
    "NUL": put(length(N + b"\0"), body=BODY),
    "Arabic digits": put(length("\u0663\u0662".encode()), body=BODY),
    "2^64 + n": put(length(b"%d" % ((1 << 64) + len(BODY))), body=BODY),
    "2^63": put(length(b"%d" % (1 << 63)), body=BODY),
    "2^32 + n": put(length(b"%d" % ((1 << 32) + len(BODY))), body=BODY),
    "40 digits": put(length(b"9" * 40), body=BODY),
    "space before the colon": put(b"Content-Length : " + N, body=BODY),
    "obs-fold": put(b"Content-Length:\r\n " + N, body=BODY),
    "underscore name": put(LEN, b"Content_Length: 5", body=BODY),
}

# E04: lines and heads.
HEADS = {
    "bare LF line ends": put(LEN, body=BODY).replace(b"\r\n", b"\n"),
    "bare LF after the request line": b"GET /users/7 HTTP/1.1\nHost: x\r\n\r\n",
    "bare LF after a header": b"GET /users/7 HTTP/1.1\r\nHost: x\nA: b\r\n\r\n",
    "bare LF as the empty line": b"GET /users/7 HTTP/1.1\r\nHost: x\r\n\n",
    "LF LF as the end": b"GET /users/7 HTTP/1.1\r\nHost: x\n\n",
    "bare CR in a value": b"GET /users/7 HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n",
    "bare CR in the request line": b"GET /users/7\rx HTTP/1.1\r\nHost: x\r\n\r\n",
    "CR CR LF": b"GET /users/7 HTTP/1.1\r\r\nHost: x\r\n\r\n",
    "NUL in a value": b"GET /users/7 HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n",
    "NUL in a name": b"GET /users/7 HTTP/1.1\r\nHost: x\r\nA\0B: c\r\n\r\n",
    "NUL in the target": b"GET /users/7\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    "control in a value": b"GET /users/7 HTTP/1.1\r\nHost: x\r\nA: b\x01c\r\n\r\n",
    "DEL in a value": b"GET /users/7 HTTP/1.1\r\nHost: x\r\nA: b\x7fc\r\n\r\n",
    "space before a colon": b"GET /users/7 HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n",
    "space in a name": b"GET /users/7 HTTP/1.1\r\nHost: x\r\nA B: c\r\n\r\n",
    "no colon": b"GET /users/7 HTTP/1.1\r\nHost: x\r\nAbc\r\n\r\n",
    "empty name": b"GET /users/7 HTTP/1.1\r\nHost: x\r\n: v\r\n\r\n",
    "odd character in a name": b"GET /users/7 HTTP/1.1\r\nHost: x\r\nA(b): c\r\n\r\n",
    "high byte in a name": b"GET /users/7 HTTP/1.1\r\nHost: x\r\nA\xe9: c\r\n\r\n",
    "obs-fold": b"GET /users/7 HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
    "obs-fold with tab": b"GET /users/7 HTTP/1.1\r\nHost: x\r\nA: b\r\n\tc\r\n\r\n",
    "space before the first header": b"GET /users/7 HTTP/1.1\r\n Host: x\r\nA: b\r\n\r\n",
    "two spaces in the request line": b"GET  /users/7 HTTP/1.1\r\nHost: x\r\n\r\n",
    "two spaces before the version": b"GET /users/7  HTTP/1.1\r\nHost: x\r\n\r\n",
    "tab in the request line": b"GET\t/users/7 HTTP/1.1\r\nHost: x\r\n\r\n",
    "leading space": b" GET /users/7 HTTP/1.1\r\nHost: x\r\n\r\n",
    "trailing space": b"GET /users/7 HTTP/1.1 \r\nHost: x\r\n\r\n",
    "no version": b"GET /users/7\r\nHost: x\r\n\r\n",
    "no target": b"GET HTTP/1.1\r\nHost: x\r\n\r\n",
    "odd method": b"GE(T /users/7 HTTP/1.1\r\nHost: x\r\n\r\n",
    "lower-case method": b"get /users/7 HTTP/1.1\r\nHost: x\r\n\r\n",
    "lower-case version": b"GET /users/7 http/1.1\r\nHost: x\r\n\r\n",
    "version 1.2": b"GET /users/7 HTTP/1.2\r\nHost: x\r\n\r\n",
    "version 2.0": b"GET /users/7 HTTP/2.0\r\nHost: x\r\n\r\n",
    "version 1.10": b"GET /users/7 HTTP/1.10\r\nHost: x\r\n\r\n",
    "version 01.1": b"GET /users/7 HTTP/01.1\r\nHost: x\r\n\r\n",
    "version 0.9": b"GET /users/7 HTTP/0.9\r\nHost: x\r\n\r\n",
    "version 9.9": b"GET /users/7 HTTP/9.9\r\nHost: x\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no Host": b"GET /users/7 HTTP/1.1\r\nA: b\r\n\r\n",
    "two Hosts": b"GET /users/7 HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "two equal Hosts": b"GET /users/7 HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
    "Host with a path": b"GET /users/7 HTTP/1.1\r\nHost: x/y\r\n\r\n",
    "Host with user information": b"GET /users/7 HTTP/1.1\r\nHost: a@x\r\n\r\n",
    "Host with a space": b"GET /users/7 HTTP/1.1\r\nHost: x y\r\n\r\n",
    "Host as a list": b"GET /users/7 HTTP/1.1\r\nHost: x, y\r\n\r\n",
    "101 headers": b"GET /users/7 HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 120 + b"\r\n",
    "40 KB of one header": b"GET /users/7 HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 40000 + b"\r\n\r\n",
    "40 KB of target": b"GET /users/7?" + b"b" * 40000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x01" * 200 + b"\r\n\r\n",
}

# E05: chunks that are none. Each is the body of a request with Transfer-Encoding: chunked.
CHUNKS = {
    "0x size": b"0x20\r\n" + BODY + b"\r\n0\r\n\r\n",
    "plus size": b"+20\r\n" + BODY + b"\r\n0\r\n\r\n",
    "minus size": b"-20\r\n" + BODY + b"\r\n0\r\n\r\n",
    "leading space": b" 20\r\n" + BODY + b"\r\n0\r\n\r\n",
    "underscore": b"2_0\r\n" + BODY + b"\r\n0\r\n\r\n",
    "not hexadecimal": b"xyz\r\n" + BODY + b"\r\n0\r\n\r\n",
    "empty size": b"\r\n" + BODY + b"\r\n0\r\n\r\n",
    "size of 17 digits": b"10000000000000020\r\n" + BODY + b"\r\n0\r\n\r\n",
    "size near 2^64": b"ffffffffffffffff\r\n" + BODY + b"\r\n0\r\n\r\n",
    "size near 2^63": b"7fffffffffffffff\r\n" + BODY + b"\r\n0\r\n\r\n",
    "too long for a limit": b"ffffffff\r\n" + BODY + b"\r\n0\r\n\r\n",
    "LF after the size": b"20\n" + BODY + b"\r\n0\r\n\r\n",
    "CR after the size": b"20\r" + BODY + b"\r\n0\r\n\r\n",
    "LF in an extension": b"20;a\nb\r\n" + BODY + b"\r\n0\r\n\r\n",
    "no CRLF after the data": b"20\r\n" + BODY + b"0\r\n\r\n",
    "LF after the data": b"20\r\n" + BODY + b"\n0\r\n\r\n",
    "data longer than its size": b"1f\r\n" + BODY + b"\r\n0\r\n\r\n",
    "NUL in the size": b"20\0\r\n" + BODY + b"\r\n0\r\n\r\n",
    "LF as the last line end": b"20\r\n" + BODY + b"\r\n0\n\n",
    "LF after the last chunk": b"20\r\n" + BODY + b"\r\n0\r\n\n",
}
# These may be read (and are then cleaned) or refused.
CHUNKS_EITHER = {
    "extension": b"20;a=b\r\n" + BODY + b"\r\n0\r\n\r\n",
    "quoted extension": b'20;a="b;c"\r\n' + BODY + b"\r\n0\r\n\r\n",
    "leading zeroes": b"00000020\r\n" + BODY + b"\r\n0\r\n\r\n",
    "trailing space": b"20 \r\n" + BODY + b"\r\n0\r\n\r\n",
    "many zeroes at the end": b"20\r\n" + BODY + b"\r\n0000\r\n\r\n",
    "trailer Authorization": b"20\r\n" + BODY + b"\r\n0\r\nAuthorization: trailed\r\n\r\n",
    "trailer Content-Length": b"20\r\n" + BODY + b"\r\n0\r\nContent-Length: 5\r\n\r\n",
    "trailer Lethe-Key": b"20\r\n" + BODY + b"\r\n0\r\nLethe-Key: trailed\r\n\r\n",
    "one byte a chunk": b"".join(b"1\r\n%c\r\n" % c for c in BODY) + b"0\r\n\r\n",
}


class Bench:
    """One Lethe and its stub for a whole table."""

    def __init__(self, env, **overrides):
        self.app = Recorder(env)
        self.lethe = Lethe(env, self.app.url, **overrides).start()
        self.problems = []

    def complain(self, name, what):
        self.problems.append(f"{name}: {what}")

    def run(self, name, data, refused=True, statuses=REFUSED, clear=False):
        """refused: nothing may go upstream; otherwise exactly one well-formed request may. clear:
        undeclared routes pass, so a clear value upstream is no mistake by itself."""
        self.app.clear()
        response, closed = self.lethe.raw(data, data.split(b" ")[0].decode("latin-1"))
        count = self.app.count()
        if response is None and not closed:
            self.complain(name, "neither answered nor closed")
        if self.app.malformed:
            self.complain(name, f"malformed upstream: {self.app.malformed}")
        for seen in self.app.requests:
            if b"/smuggled" in seen.raw or b"trailed" in seen.raw:
                self.complain(name, f"smuggled: {seen!r}")
            if b"smuggler@" in seen.raw and not clear:
                self.complain(name, f"clear upstream: {seen!r}")
        if refused:
            if count:
                self.complain(name, f"upstream saw {self.app.requests} {self.app.malformed}")
            if response is not None and response.status not in statuses:
                self.complain(name, f"answered {response}")
            if response is not None and not closed and response.status not in ROUTED:
                self.complain(name, f"the connection stays open after {response.status}")
        elif count > 1 or (count == 0 and (response is None or response.status < 400)):
            self.complain(name, f"{count} requests upstream, answer {response}")
        if response is not None and b"smuggler@" in response.body and response.status >= 400:
            self.complain(name, f"input echoed: {response}")

    def table(self, cases, **options):
        for name, data in cases.items():
            self.run(name, data, **options)
            self.lethe.alive()
        self.finish()

    def finish(self):
        # What is good must still be read as good, or the tables above prove nothing.
        self.app.clear()
        response, _ = self.lethe.raw(put(LEN, body=BODY))
        check(response is not None and response.status == 200, f"a good request: {response}")
        equal(self.app.count(), 1, "requests upstream for a good one")
        check(not self.problems, "\n".join(["", *self.problems]))


def test_e01_two_framings_in_one_request(env):
    Bench(env).table(BOTH)


def test_e02_transfer_encoding_in_disguise(env):
    Bench(env).table(CODINGS)


def test_e02_chunked_in_another_case_is_chunked_or_refused(env):
    bench = Bench(env)
    for spelling in (b"Chunked", b"CHUNKED", b"chunked ", b"\tchunked"):
        bench.run(spelling.decode(), put(coding(spelling), body=CHUNKED),
                  refused=False)
    bench.finish()


def test_e03_content_length_in_disguise(env):
    Bench(env).table(LENGTHS)


def test_e04_lines_and_heads(env):
    Bench(env).table(HEADS)


def test_e05_chunks_that_are_none(env):
    """Where such a body ends two readers may see differently: it is refused, or read as one request;
    in both cases nothing behind it is, for the connection is closed."""
    bench = Bench(env)
    for name, body in CHUNKS.items():
        bench.app.clear()
        with bench.lethe.connect() as conn:
            conn.send(put(TE, body=body + SMUGGLED))
            conn.sock.shutdown(socket.SHUT_WR)  # those that wait for more shall not
            received = read_all(conn)
        for seen in bench.app.requests:
            if b"smuggled" in seen.raw:
                bench.complain(name, f"smuggled: {seen!r}")
            if b"smuggler@" in seen.raw:
                bench.complain(name, f"clear upstream: {seen!r}")
        if bench.app.malformed or bench.app.count() > 1:
            bench.complain(name, f"upstream saw {bench.app.requests} {bench.app.malformed}")
        if received.count(b"HTTP/1.1 ") > 1:
            bench.complain(name, f"answered twice: {received!r}")
        bench.lethe.alive()
    bench.finish()


def test_e05_odd_but_legal_chunks_arrive_clean_or_not_at_all(env):
    bench = Bench(env)
    for name, body in CHUNKS_EITHER.items():
        bench.run(name, put(TE, body=body), refused=False)
        for seen in bench.app.requests:
            if "transfer-encoding" in seen.headers or "trailer" in seen.headers:
                bench.complain(name, f"not framed anew: {seen!r}")
    bench.finish()


def test_e05_chunked_bodies_are_tokenized_like_others(env):
    bench = Bench(env)
    response, _ = bench.lethe.raw(put(TE, body=CHUNKED))
    equal(response.status, 200, "PUT")
    token = bench.app.last().json()["email"]
    check(token.startswith("lt-"), f"email became {token!r}")
    bench.finish()


def test_e06_headers_nominated_by_the_client(env):
    bench = Bench(env)
    key = b"Lethe-Key: " + bench.lethe.keys["officer"].encode()
    for name in (b"Authorization", b"Host", b"Content-Length", b"Content-Type", b"Lethe-Key",
                 b"Cookie", b"X-Forwarded-For", b"Transfer-Encoding"):
        request = put(LEN, b"Connection: close, " + name, b"Authorization: mine", b"Cookie: c",
                      key, b"Lethe-Purpose: account", body=BODY)
        bench.run(name.decode(), request, refused=False)
        for seen in bench.app.requests:
            if name == b"Authorization" and seen.headers.get("authorization") != "mine":
                bench.complain(name, f"stripped: {seen!r}")
            if "connection" in seen.headers and seen.headers["connection"] != "keep-alive":
                bench.complain(name, f"Connection forwarded: {seen!r}")
    bench.run("X-Own", put(LEN, b"Connection: close, X-Own", b"X-Own: 1", body=BODY),
              refused=False)
    for seen in bench.app.requests:
        if "x-own" in seen.headers:
            bench.complain("X-Own", "a nominated header was forwarded")
    bench.finish()


def test_e06_hop_by_hop_headers_end_here(env):
    bench = Bench(env)
    hops = [b"Keep-Alive: timeout=5", b"Proxy-Connection: keep-alive", b"TE: trailers",
            b"Trailer: X", b"Proxy-Authorization: Basic x", b"Upgrade: h2c"]
    for line in hops:
        bench.run(line.decode(), put(LEN, line, body=BODY), refused=False)
        name = line.split(b":")[0].decode().lower()
        for seen in bench.app.requests:
            if name in seen.headers:
                bench.complain(name, f"forwarded: {seen!r}")
    bench.finish()


def test_e07_the_client_cannot_speak_for_the_proxy(env):
    bench = Bench(env)
    lines = [b"X-Forwarded-For: 6.6.6.6", b"X-Forwarded-Host: evil.test", b"X-Forwarded-Proto: gopher",
             b"Forwarded: for=6.6.6.6;host=evil.test;proto=gopher", b"X-Real-IP: 6.6.6.6"]
    bench.run("forwarding headers", put(LEN, *lines, body=BODY), refused=False)
    for seen in bench.app.requests:
        for text in ("6.6.6.6", "evil.test", "gopher"):
            if any(text in value for _, value in seen.fields):
                bench.complain(text, f"believed: {seen!r}")
    bench.finish()


PATHS = ["//users/7", "/users//7", "/./users/7", "/users/./7", "/x/../users/7", "/users/x/../7",
         "/users/7/../7", "/users/7/.", "/%75sers/7", "/users%2f7", "/users%2F7", "/%2fusers/7",
         "/users/7/", "/users/7//", "/users;x/7", "/users/7;x=y", "/;/users/7", "/users/%37",
         "/users/7%00", "/users/7%0a", "/users/7%0d%0aX:%20y", "/users\\7", "\\users\\7",
         "/users%5c7", "/users/..%2fusers/7", "/users/%2e%2e/users/7", "/users/.%2e/users/7",
         "/%2e/users/7", "/users/%2e/7", "/users/7%", "/users/7%2", "/users/7%zz", "/users/%c0%af7",
         "/%c1%b5sers/7", "/users/%ff", "/users/7#x", "/users/7?#x", "/users/7 x", "/users/7\tx",
         "/users/7\"", "/users/<7>", "/users/7\x7f", "/users/\xe9", "/%25%37%35sers/7", "/users%3f/7",
         "http://lethe.test/users/7", "HTTP://lethe.test/users/7", "http://other.test/users/7",
         "https://lethe.test/users/7", "http://lethe.test:80@other.test/users/7", "users/7", "*",
         "//other.test/users/7", "?/users/7", "/users/7?x=y", "/users/7?a;b=c", "/USERS/7"]


def plain(target):
    """The path as the laziest of servers might read it."""
    path = re.sub(r"^[a-z]+://[^/]*", "", target, flags=re.I).split("?")[0].split("#")[0]
    path = re.sub(r"%([0-9a-fA-F]{2})", lambda m: chr(int(m[1], 16)), path)
    path = re.sub(r";[^/]*", "", path.replace("\\", "/"))
    parts = []
    for part in path.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


def check_paths(env, clear=False, **overrides):
    bench = Bench(env, **overrides)
    for target in PATHS:
        start = b"PUT " + target.encode("latin-1") + b" HTTP/1.1"
        bench.run(target, put(LEN, start=start, body=BODY), refused=False, clear=clear)
        for seen in bench.app.requests:
            path = seen.target.split("?")[0]
            if re.search(r"//|/\.{1,2}(/|$)|%2[eEfF]|%5[cC]|\\|;", path):
                bench.complain(target, f"forwarded as it came: {seen.target!r}")
            if plain(path) == "/users/7" and b"lt-" not in seen.body:
                bench.complain(target, f"not protected: {seen!r}")
        bench.lethe.alive()
    bench.finish()


def test_e08_path_tricks_do_not_dodge_a_route(env):
    check_paths(env)


def test_e08_path_tricks_do_not_dodge_a_route_where_others_pass(env):
    """With `default: pass` a trick that only the application undoes would go by clear."""
    check_paths(env, clear=True, default="pass", default_upstream="app")


def test_e09_methods_that_tunnel_or_trace(env):
    bench = Bench(env)
    bench.table({
        "TRACE": b"TRACE /users/7 HTTP/1.1\r\nHost: x\r\n\r\n",
        "TRACK": b"TRACK /users/7 HTTP/1.1\r\nHost: x\r\n\r\n",
        "CONNECT authority": b"CONNECT other.test:443 HTTP/1.1\r\nHost: other.test\r\n\r\n",
        "CONNECT path": b"CONNECT /users/7 HTTP/1.1\r\nHost: x\r\n\r\n",
        "OPTIONS *": b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    } | {name: put(LEN, name.encode() + b": DELETE", body=BODY)
         for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")})


def test_e09_upgrades_are_not_granted(env):
    bench = Bench(env)
    for upgrade in (b"h2c", b"websocket", b"TLS/1.0", b"h2c, websocket"):
        request = b"\r\n".join([
            b"GET /users/7 HTTP/1.1", b"Host: x", b"Connection: Upgrade, HTTP2-Settings",
            b"Upgrade: " + upgrade, b"HTTP2-Settings: AAMAAABkAAQAAP__", b"Sec-WebSocket-Version: 13",
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"", b""])
        bench.run(upgrade.decode(), request, refused=False)
        response, _ = bench.lethe.raw(request)
        if response is not None and response.status == 101:
            bench.complain(upgrade, "101")
        for seen in bench.app.requests:
            if "upgrade" in seen.headers or "http2-settings" in seen.headers:
                bench.complain(upgrade, f"forwarded: {seen!r}")
    bench.finish()


def test_e09_an_upstreams_101_is_a_502(env):
    app = Recorder(env, lambda request, sock: b"HTTP/1.1 101 Switching Protocols\r\n"
                   b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    lethe = Lethe(env, app.url).start()
    equal(lethe.request("GET", "/users/7").status, 502, "GET")
    lethe.alive()


def test_e10_expect_is_answered_here(env):
    bench = Bench(env)
    with bench.lethe.connect() as conn:
        conn.send(put(LEN, b"Expect: 100-continue"))
        equal(conn.read_response(interim=True).status, 100, "before the body")
        equal(bench.app.count(), 0, "requests upstream before the body")
        conn.send(BODY)
        equal(conn.read_response().status, 200, "after the body")
    check("expect" not in bench.app.last().headers, "Expect was forwarded")
    bench.app.clear()
    response, _ = bench.lethe.raw(put(LEN, b"Expect: 200-maybe", body=BODY))
    check(response.status in (417, 501), f"an unknown expectation: {response}")
    equal(bench.app.count(), 0, "requests upstream for an unknown expectation")
    bench.finish()


def test_e10_a_body_where_none_is_expected(env):
    bench = Bench(env)
    for method in (b"GET", b"HEAD", b"DELETE"):
        start = method + b" /users/7 HTTP/1.1"
        for name, request in ((" CL", put(LEN, start=start, body=BODY)),
                              (" chunked", put(TE, start=start, body=CHUNKED)),
                              (" CL, then another", put(length(b"%d" % len(SMUGGLED)), start=start,
                                                        body=SMUGGLED))):
            bench.run(method.decode() + name, request, refused=False)
            bench.lethe.alive()
    bench.finish()


def test_e10_an_early_answer_does_not_desync(env):
    """The application answers from the head alone; its connection must not be used again."""
    class Early(UserApp):
        early = True

        def __call__(self, request, sock):
            if request.method == "PUT":
                sock.sendall(answer(413, {"error": "too large"}))
                return None
            return answer(200, {"path": request.target})

    app = Recorder(env, Early())
    lethe = Lethe(env, app.url).start()
    body = json.dumps({"email": "early@example.org", "pad": "x" * 300000})
    for _ in range(5):
        with lethe.connect() as conn:
            response = conn.request("PUT", "/users/7", body, {"Content-Type": "application/json"})
            check(response.status in (413, 502), f"PUT: {response}")
        response = lethe.request("GET", "/users/8")
        equal((response.status, response.json()["path"]), (200, "/users/8"), "GET afterwards")
    check(not app.malformed, f"desync: {app.malformed}")


def test_e12_a_write_is_never_sent_twice(env):
    """The upstream takes the request and goes away, at various points."""
    def drop(n):
        def handler(request, sock):
            if request.method == "GET":
                return answer(200, {})
            sock.sendall(answer(200, {"a": "b" * 50})[:n])
            return None
        return handler

    app = Recorder(env)
    lethe = Lethe(env, app.url).start()
    for n in (0, 1, 8, 20, 60, 80):
        app.handler = drop(n)
        lethe.request("GET", "/users/7")  # leaves an idle connection to reuse
        app.clear()
        response = lethe.request("POST", "/users", {"email": "once@example.org"})
        check(response.status in (502, 504), f"dropped after {n}: {response}")
        equal(app.count(), 1, f"POST requests upstream, dropped after {n}")
    lethe.alive()


def test_e12_an_upstream_that_closed_meanwhile_costs_a_reconnect_only(env):
    """A pooled connection that died idle: nothing was sent on it, so another one is right."""
    app = Recorder(env)
    lethe = Lethe(env, app.url, threads=1).start()
    for i in range(5):
        equal(lethe.request("POST", "/users", {"email": f"p{i}@example.org"}).status, 201, "POST")
        with app.lock:
            socks = list(app.open)
        for sock in socks:
            sock.shutdown(socket.SHUT_RDWR)
        from harness import until
        until("the stub to see the close", 10, lambda: not app.open)
    equal(app.count(), 5, "requests upstream")


def h11_refuses(data):
    """What an independent, strict parser says to the head of the same bytes. (What stands behind the
    last chunk libh2o drops unread; the connection is closed then.)"""
    peer = h11.Connection(h11.SERVER)
    try:
        peer.receive_data(data)
        return not isinstance(peer.next_event(), h11.Request)
    except h11.RemoteProtocolError:
        return True


def mutate(random, data):
    """One to three small changes of the kind that make two parsers disagree."""
    odd = [b"\r", b"\n", b"\0", b" ", b"\t", b"\x0b", b":", b",", b";", b"\x80", b"\xff", b"+", b"-",
           b"0x", b"\r\n", b"\r\n ", b"\n\n", b"%00", b"chunked", b"Content-Length: 3\r\n",
           b"Transfer-Encoding: chunked\r\n", b"Host: y\r\n", b"HTTP/1.1", b"GET "]
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(data) + 1)
        kind = random.randrange(4)
        if kind == 0:
            data = data[:at] + random.choice(odd) + data[at:]
        elif kind == 1:
            data = data[:at] + data[at + 1:]
        elif kind == 2:
            data = data[:at] + bytes([random.randrange(256)]) + data[at + 1:]
        else:
            end = min(len(data), at + random.randint(1, 20))
            data = data[:at] + data[at:end] + data[at:]
    return data


def test_e04_nothing_is_passed_on_that_a_strict_parser_refuses(env):
    bench = Bench(env)
    seed = int.from_bytes(os.urandom(4), "big")
    random = Random(seed)
    whole = [put(LEN, body=BODY), put(TE, body=CHUNKED), put(b"A: b", LEN, b"C: d", body=BODY),
             b"GET /users/7 HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n"]
    passed = refused = 0
    for number in range(6000):
        data = mutate(random, random.choice(whole))
        bench.app.clear()
        with bench.lethe.connect() as conn:
            conn.send(data)
            conn.sock.shutdown(socket.SHUT_WR)
            read_all(conn)
        count = bench.app.count()
        strict = h11_refuses(data)
        passed += count > 0
        refused += strict
        if bench.app.malformed:
            bench.complain(number, f"seed {seed}: malformed upstream {bench.app.malformed}: {data!r}")
        if count > 0 and strict:
            bench.complain(number, f"seed {seed}: passed on {bench.app.requests}: {data!r}")
    check(passed > 200 and refused > 1000, f"{passed} passed, {refused} refused: not much of a test")
    bench.finish()


def test_pipelined_requests_are_answered_in_order(env):
    bench = Bench(env)
    with bench.lethe.connect() as conn:
        conn.send(b"".join(
            make_request("PUT", f"/users/{i}", {"email": f"p{i}@example.org", "n": i},
                         {"Lethe-Key": bench.lethe.keys["officer"], "Lethe-Purpose": "account"})
            for i in range(30)))
        for i in range(30):
            response = conn.read_response("PUT")
            equal((response.status, response.json()["n"]), (200, i), f"answer {i}")
    bench.finish()


def test_a_request_in_single_bytes_is_one_request(env):
    bench = Bench(env)
    with Conn(bench.lethe.addresses[0]) as conn:
        for byte in put(LEN, body=BODY):
            conn.send(bytes([byte]))
        equal(conn.read_response().status, 200, "PUT")
    bench.finish()


def test_a_cut_request_reaches_nobody(env):
    bench = Bench(env)
    whole = put(LEN, body=BODY)
    for n in (1, 10, 30, len(whole) - len(BODY), len(whole) - 1):
        with bench.lethe.connect() as conn:
            conn.send(whole[:n])
            conn.sock.shutdown(socket.SHUT_WR)
            conn.at_end(2)
    equal(bench.app.count(), 0, "requests upstream")
    bench.finish()
