# SPDX-License-Identifier: Apache-2.0
"""Clients that are slow, many, large or gone (E82, E83, E85, E87): the others are served meanwhile, and
memory stays bounded."""
import json
import os
import re
import resource
import select
import socket
import statistics
import subprocess
import time

from harness import Background, Failure, Lethe, check, equal, make_request, until
from upstreams import Recorder, answer

MEGABYTE = 1 << 20
HASTY = {"head_timeout": "2s", "idle_timeout": "2s", "body_timeout": "2s", "write_timeout": "2s",
         "connections_per_client": 16000}


def started(env, handler=None, limits=None, **overrides):
    app = Recorder(env, handler)
    lethe = Lethe(env, app.url, limits=limits or {}, **overrides)
    lethe.config["routes"].append({"path": "/plain/{id}", "upstream": "app"})
    lethe.save()
    return app, lethe.start()


def resident(lethe):
    """In MB."""
    with open(f"/proc/{lethe.process.pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) / 1024


def sanitized(env):
    """Sanitizers keep freed memory: there are no bounds to assert."""
    with open(env.lethe_path(), "rb") as f:
        return b"__asan_init" in f.read()


def events(lethe, name):
    return [e for e in map(json.loads, lethe.process.output().splitlines()) if e["event"] == name]


def raise_descriptors(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))
    return min(count, max(soft, hard))


def is_gone(sock):
    """Has the server ended this connection?"""
    poll = select.poll()
    poll.register(sock, select.POLLRDHUP)
    return bool(poll.poll(0))


# ---- slowhttptest


def cut_off(lethe):
    return sum(e["connections"] for e in events(lethe, "clients_cut_off"))


def attack(lethe, *options, path="/plain/7"):
    """slowhttptest, until most of its connections are cut off; meanwhile everybody else is answered, and most of them
    sooner than slow ones are cut off: a server that waited for these would let all others wait as long."""
    host, port = lethe.addresses[0]
    command = ["slowhttptest", "-c", "400", "-r", "400", "-l", "60", "-p", "2", *options,
               "-u", f"http://{host}:{port}{path}"]
    tool = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    waits = []
    while tool.poll() is None and cut_off(lethe) <= 300:
        begin = time.monotonic()
        equal(lethe.request("GET", "/no-such-route").status, 404, "somebody else")
        waits.append(time.monotonic() - begin)
        # The stub behind, with its threads, takes longer to find time.
        equal(lethe.request("GET", "/plain/health").status, 200, "the application")
        time.sleep(0.1)
    tool.terminate()
    tool.wait(20)
    check(statistics.median(waits) < 1, f"the others waited {waits}")
    until("slow connections to be cut off", 10, lambda: cut_off(lethe) > 300)


def test_e82_slowhttptest_slow_heads(env):
    _, lethe = started(env, limits=HASTY)
    attack(lethe, "-H", "-i", "1", "-x", "24")


def test_e82_slowhttptest_slow_bodies(env):
    app, lethe = started(env, limits=HASTY)
    attack(lethe, "-B", "-i", "1", "-s", "8192", "-x", "10", path="/users/7")
    check(all(r.method == "GET" for r in app.requests), "half a body went upstream")


def test_e82_slowhttptest_slow_reads(env):
    small, big = (answer(200, b"x" * n, content_type="text/plain") for n in (1, MEGABYTE))

    def handler(request, sock):
        return small if "health" in request.target else big

    _, lethe = started(env, handler, limits={**HASTY, "write_rate": 100000})
    attack(lethe, "-X", "-w", "512", "-y", "1024", "-n", "1", "-z", "32", "-k", "3")


# ---- many


def test_e82_ten_thousand_idle_and_a_thousand_slow_connections_cost_little_memory(env):
    room = raise_descriptors(12000)
    check(room > 11500, f"only {room} file descriptors are allowed here")
    _, lethe = started(env, limits={"connections_per_client": 16000})
    equal(lethe.request("PUT", "/users/7", {"email": "a@example.org"}).status, 200, "PUT")
    before = resident(lethe)
    address = lethe.addresses[0]
    idle = [socket.create_connection(address) for _ in range(10000)]
    slow = [socket.create_connection(address) for _ in range(1000)]
    body = b"PUT /users/7 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"
    for i, sock in enumerate(slow):
        sock.sendall(body if i % 2 else body[:60])
    until("all to be let in", 60, lambda: len(os.listdir(f"/proc/{lethe.process.pid}/fd")) > 11000)
    busy = lethe.process.cpu()
    equal(lethe.request("PUT", "/users/8", {"email": "b@example.org"}).status, 200, "PUT")
    check(lethe.process.cpu() - busy < 1, "a crowd makes each request dear")
    grown = resident(lethe) - before
    print(f"11,000 connections: {grown:.0f} MB more")
    if not sanitized(env):
        check(grown < 100, f"resident memory grew by {grown:.0f} MB")
    check(not any(is_gone(s) for s in idle[:100]), "an idle connection was closed")
    for sock in idle + slow:
        sock.close()
    lethe.alive()


def test_e82_slow_readers_of_large_revealed_answers_are_bounded(env):
    """Each answer is held whole: those of sixty clients would take 700 MB."""
    body = json.dumps({"email": None, "pad": "x" * (4 * MEGABYTE)}).encode()
    _, lethe = started(env, lambda request, sock: answer(200, body), threads=1,
                       limits={"buffered": 64 * MEGABYTE})
    equal(lethe.request("GET", "/users/7").status, 200, "once")
    before, most = resident(lethe), 0
    slow = []
    for _ in range(60):
        conn = lethe.connect()
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        conn.send(make_request("GET", "/users/7"))
        slow.append(conn)
        most = max(most, resident(lethe) - before)
        time.sleep(0.05)
    until("some to be cut off", 10, lambda: events(lethe, "clients_cut_off"))
    print(f"at most {most:.0f} MB more")
    if not sanitized(env):
        check(most < 300, f"resident memory grew by {most:.0f} MB")
    for conn in slow:
        conn.close()
    until("others to be served again", 10,
          lambda: lethe.request("GET", "/users/7").status == 200)


def test_e82_who_comes_when_all_is_taken_is_told_so(env):
    _, lethe = started(env, threads=1, limits={"connections": 50, "idle_timeout": "1h"})
    crowd = [socket.create_connection(lethe.addresses[0]) for _ in range(50)]
    with lethe.connect() as conn:
        response = conn.read_response()
        equal((response.status, response.headers["retry-after"]), (503, "1"), "the next one")
        check(conn.at_end(), "the connection stays open")
    until("idle ones to make room", 10, lambda: any(is_gone(sock) for sock in crowd))
    equal(lethe.request("GET", "/plain/7").status, 200, "then")
    check(events(lethe, "clients_turned_away"), "nothing in the log")
    for sock in crowd:
        sock.close()


def test_few_file_descriptors_are_said(env):
    app = Recorder(env)
    lethe = Lethe(env, app.url, limits={"connections": 1000000})
    lethe.start()
    found = events(lethe, "few_descriptors")
    with open(f"/proc/{lethe.process.pid}/limits") as f:
        soft, hard = re.search(r"Max open files +(\d+) +(\d+)", f.read()).groups()
    equal(soft, hard, "the soft limit")
    if int(hard) < 1000000:
        check(found and found[0]["needed"] > 1000000, f"no warning: {found}")


# ---- gone


def test_e87_clients_that_leave_free_the_upstream(env):
    """The upstream takes one connection and never answers: only if those who leave free it does it serve
    the next."""
    def handler(request, sock):
        if request.target == "/plain/slow":
            select.select([sock], [], [], 20)  # until Lethe closes it
            return None
        return answer(200, {"ok": True})

    app, lethe = started(env, handler, threads=1)
    lethe.config["upstreams"]["app"]["connections"] = 1
    lethe.save()
    lethe.stop()
    lethe.start()
    for _ in range(3):
        conn = lethe.connect()
        conn.send(make_request("GET", "/plain/slow"))
        until("the upstream to have it", 10, lambda: app.requests and app.last().target == "/plain/slow")
        conn.close()
        until("its place to be free", 10,
              lambda: lethe.request("GET", "/plain/quick").status == 200)


# ---- large


BOMBS = {
    "deep arrays": (b"[" * 1000000, 413),
    "deep objects": (b'{"a":' * 1000000, 413),
    "a million members": (b"{" + b",".join(b'"k%d":1' % i for i in range(1000000)) + b"}", 413),
    "a number out of range": (b'{"email": null, "n": 1e999999}', 200),
    "a long number": (b'{"n": ' + b"9" * 1000000 + b"}", 200),
    "a long string": (b'{"s": "' + b"x" * (15 * MEGABYTE) + b'"}', 200),
    "a long value": (b'{"email": "' + b"x" * (15 * MEGABYTE) + b'"}', 413),
    "many values": (b'{"phones": [' + b",".join(b'"%d"' % i for i in range(20000)) + b"]}", 413),
}


def test_e83_json_bombs_cost_little_memory(env):
    app, lethe = started(env, threads=1)
    equal(lethe.request("PUT", "/users/7", {"email": "a@example.org"}).status, 200, "PUT")
    before = resident(lethe)
    for name, (body, status) in BOMBS.items():
        for _ in range(3):
            got = lethe.request("PUT", "/users/7", body, headers={"Content-Type": "application/json"})
            equal(got.status, status, name)
    grown = resident(lethe) - before
    print(f"bombs: {grown:.0f} MB more")
    if not sanitized(env):
        check(grown < 120, f"resident memory grew by {grown:.0f} MB")
    lethe.alive()
    equal(app.count(), 1 + 3 * sum(status == 200 for _, status in BOMBS.values()), "requests upstream")


def test_e83_a_gigabyte_is_refused_by_its_length(env):
    app, lethe = started(env)
    before = resident(lethe)
    for length in (16 * MEGABYTE + 1, 1 << 30, 10 ** 17):
        response, closed = lethe.raw(
            b"PUT /users/7 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n{\"s\": \"" % length)
        equal(response.status, 413, f"{length} bytes")
        check(closed, "the connection stays open")
    check(resident(lethe) - before < 20, "memory for what was only announced")
    equal(app.count(), 0, "requests upstream")


def test_e83_an_endless_chunked_body_ends(env):
    app, lethe = started(env, threads=1)
    before = resident(lethe)
    with lethe.connect() as conn:
        conn.send(b"PUT /users/7 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                  b"Transfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(1024):
                conn.send(b"100000\r\n" + b"x" * MEGABYTE + b"\r\n")
            raise Failure("a gigabyte was taken")
        except OSError:
            pass
    if not sanitized(env):
        check(resident(lethe) - before < 120, "resident memory grew")
    equal(app.count(), 0, "requests upstream")
    lethe.alive()


def test_e83_a_head_without_end_ends(env):
    _, lethe = started(env)
    with lethe.connect() as conn:
        conn.send(b"GET /plain/7 HTTP/1.1\r\nHost: x\r\n")
        try:
            for _ in range(10000):
                conn.send(b"X: " + b"x" * 10000 + b"\r\n")
            raise Failure("a hundred megabytes were taken")
        except OSError:
            pass
    lethe.alive()


# ---- hash flooding


def test_e85_names_that_meet_under_other_hashes_cost_nothing_here(env):
    """Names of one length that differ in few bits, such as those against unkeyed hashes do: as fast as others."""
    _, lethe = started(env, threads=1)

    def seconds(names):
        body = b"{" + b",".join(b'"%s":1' % n for n in names) + b"}"
        begin = lethe.process.cpu()
        for _ in range(5):
            equal(lethe.request("PUT", "/users/7", body,
                                headers={"Content-Type": "application/json"}).status, 200, "PUT")
        return lethe.process.cpu() - begin

    def pairs(bits):
        """Strings made of "Aa" and "BB", which meet under Java's and similar hashes."""
        return [b"".join(b"Aa" if i >> b & 1 else b"BB" for b in range(bits)) for i in range(1 << bits)]

    plain = seconds([os.urandom(15).hex().encode() for _ in range(1 << 15)])
    crafted = seconds(pairs(15))
    check(crafted < 5 * plain + 0.5, f"{crafted:.2f} s, others {plain:.2f} s")


# ---- rates


def test_rates_answer_429(env):
    _, lethe = started(env, limits={"client_rate": {"requests": 1, "per": "3s", "burst": 5}})
    got = [lethe.request("GET", "/plain/7") for _ in range(10)]
    statuses = [r.status for r in got]
    check(statuses[:5] == [200] * 5 and 429 in statuses, f"{statuses}")
    refused = next(r for r in got if r.status == 429)
    check(refused.headers["retry-after"] in ("1", "2", "3"), f"Retry-After: {refused}")
    equal(refused.headers["content-type"], "application/problem+json", "Content-Type")
    until("the next one", 20, lambda: lethe.request("GET", "/plain/7").status == 200, 0.3)
