# SPDX-License-Identifier: Apache-2.0
"""NDJSON over the admin API: a line for a line, in constant memory, as fast as the client takes it."""
import json
import socket
import time

from harness import check, equal, until
from test_admin_api import Api, problem
from test_admin_limits import Limited
from test_admin_once import trail
from test_monitor import admin_address

NDJSON = {"Content-Type": "application/x-ndjson"}
ACCOUNT = {"Lethe-Purpose": "account", **NDJSON}


def lines(*entries):
    return "".join((e if isinstance(e, str) else json.dumps(e)) + "\n" for e in entries).encode()


def parsed(response):
    equal(response.status, 200, f"{response.body[:300]!r}")
    equal(response.headers["content-type"], "application/x-ndjson", "the type")
    check(response.body.endswith(b"\n"), "the last line ends")
    return [json.loads(line) for line in response.body.splitlines()]


def person(n, **more):
    return {"subject": f"stream-{n}", "class": "note", "value": f"value-{n}", **more}


def test_a_line_for_a_line_there_and_back(env):
    api = Api(env)
    count = 1500
    made = parsed(api.ask("POST", "/v1/tokens", lines(*(person(n) for n in range(count))), "app", NDJSON, timeout=60))
    tokens = [line["token"] for line in made]
    equal(len(set(tokens)), count, "tokens")
    shown = parsed(api.ask("POST", "/v1/tokens/reveal", lines(*({"token": t} for t in tokens)), "app", ACCOUNT,
                           timeout=60))
    equal(shown, [{"value": f"value-{n}"} for n in range(count)], "values, in their order")
    for n in (0, count - 1):
        found = api.got(200, "POST", "/v1/subjects/find", {"subject": f"stream-{n}"}, "support")
        equal(found["items"], [{"class": "note", "values": 1}], "whose")
    records = [r for r in trail(api) if r.get("operation") in ("tokenize.lines", "reveal.lines") and r["outcome"] == "done"]
    equal(sum(r["people"] for r in records), 2 * count, "people in the trail")
    check(6 <= len(records) <= 40, f"{len(records)} records")
    check("stream-" not in json.dumps(trail(api)), "an identifier in the trail")


def test_a_wrong_line_has_its_own_error_and_the_others_go_on(env):
    api = Api(env, domains=["crm"])
    sent = lines(person(1), "{", person(2, role="x"), {"class": "note", "value": "v"}, person(3, **{"class": "none"}),
                 '""', person(4, domain="crm"), person(5, value=7), "", person(6, domain="none"), person(7))
    made = parsed(api.ask("POST", "/v1/tokens", sent, "app", NDJSON))
    equal(["token" in m or m["error"]["code"] for m in made],
          [True, "INVALID", "INVALID", "INVALID", "NOT_FOUND", "INVALID", True, "INVALID", "NOT_FOUND", True], f"{made}")
    check(b"value-" not in json.dumps(made).encode(), "a value in an error")
    phone = api.got(201, "POST", "/v1/tokens", {"subject": "p", "class": "phone", "values": ["+44 1"]}, "app")["tokens"][0]
    good = made[0]["token"]
    bound = api.token("app", "--class", "note", "--purpose", "account", name="bound")
    sent = lines({"token": good}, {"token": phone}, {"token": "lt_none"}, {"tokens": [good]}, {"token": 5},
                 {"token": good, "domain": "crm"}, {"token": good, "class": "note"}, {"token": made[6]["token"]})
    shown = parsed(api.ask("POST", "/v1/tokens/reveal", sent, bound, NDJSON))
    equal([m.get("value") if "value" in m else m["error"]["code"] for m in shown],
          ["value-1", "DENIED", None, "INVALID", "INVALID", None, "value-1", "value-4"], f"{shown}")
    record = [r for r in trail(api) if r["who"] == "bound"][-1]
    equal(record["classes"], [{"class": "note", "values": 3, "masks": 0, "tokens": 0}], "what was shown")
    far = api.token("app", "--domain", "crm", "--class", "note", name="far")
    made = parsed(api.ask("POST", "/v1/tokens", lines(person(8), person(9, domain="crm"),
                                                      person(9, domain="crm", **{"class": "phone"})), far, NDJSON))
    equal(["token" in m or m["error"]["code"] for m in made], ["DENIED", True, "DENIED"], f"{made}")


def test_it_is_refused_as_a_whole_before_anything_is_done(env):
    api = Limited(env, stream_lines=5, stream_bytes=4000)
    for what, body, token, headers, status in [
            ("nobody", lines(person(1)), None, NDJSON, 401),
            ("another role", lines(person(1)), "officer", NDJSON, 403),
            ("no line", b"\n \n", "app", NDJSON, 400),
            ("too many lines", lines(*(person(n) for n in range(6))), "app", NDJSON, 413),
            ("too many bytes", lines(person(1, value="x" * 4000)), "app", NDJSON, 413),
            ("a key", lines(person(1)), "app", {**NDJSON, "Idempotency-Key": "k"}, 400)]:
        response = api.ask("POST", "/v1/tokens", body, token, headers)
        equal(response.status, status, f"{what}: {response.body!r}")
        check(response.headers["content-type"] == "application/problem+json", what)
    response = api.ask("POST", "/v1/tokens/reveal", lines({"token": "x"}), "app", NDJSON)
    equal(response.status, 403, "without a purpose")
    response = api.ask("POST", "/v1/subjects/find", lines({"subject": "x"}), "support", NDJSON)
    equal(response.status, 415, "where there are no streams")
    problem(api.ask("POST", "/v1/subjects/find", {"subject": "stream-1"}, "support"), "NOT_FOUND")


def resident(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(next(line for line in f if line.startswith("VmRSS")).split()[1]) << 10


def test_a_slow_client_costs_no_memory_and_holds_nobody_up(env):
    """50 MiB of values go to a client that takes none of them at first."""
    api = Api(env)
    big = "v" * (128 << 10)
    token = api.got(201, "POST", "/v1/tokens", {"subject": "p", "class": "note", "values": [big]}, "app")["tokens"][0]
    body = lines(*[{"token": token}] * 400)
    head = (f"POST /v1/tokens/reveal HTTP/1.1\r\nHost: x\r\nConnection: close\r\nLethe-Purpose: account\r\n"
            f"Authorization: Bearer {api.tokens['app']}\r\nContent-Type: application/x-ndjson\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode()
    before = resident(api.lethe.process.pid)
    # AddressSanitizer keeps 256 MiB of what was freed; the bound that counts is the plain build's.
    most = 40 + (256 if "asan" in env.build else 0)
    slow = []
    for _ in range(2):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(20)
        sock.connect(api.address)
        sock.sendall(head + body)
        check(sock.recv(12) == b"HTTP/1.1 200", "the head")
        slow.append(sock)
    time.sleep(1)  # as much as would come by itself
    grown = resident(api.lethe.process.pid) - before
    check(grown < most << 20, f"{grown >> 20} MiB more")
    equal(api.ask("GET", "/v1/version", token="app", timeout=20).status, 200, "somebody else meanwhile")
    third = api.ask("POST", "/v1/tokens/reveal", body, "app", ACCOUNT)
    equal(third.status, 503, "a third stream")
    check(int(third.headers["retry-after"]) > 0, f"{third}")
    for sock in slow:
        sock.close()
    until("a stream to be free", 20, lambda: api.ask("POST", "/v1/tokens/reveal", lines({"token": "x"}), "app",
                                                     ACCOUNT).status == 200)
    response = api.ask("POST", "/v1/tokens/reveal", body, "app", ACCOUNT, timeout=60)
    equal(len(response.body.splitlines()), 400, "lines")
    check(resident(api.lethe.process.pid) - before < most << 20, "memory that stays")


def test_e64_a_stream_ends_when_its_token_is_revoked(env):
    """A client that takes its time had the values of hours after the revocation."""
    api = Api(env)
    big = "v" * (128 << 10)
    token = api.got(201, "POST", "/v1/tokens", {"subject": "p", "class": "note", "values": [big]}, "app")["tokens"][0]
    body = lines(*[{"token": token}] * 1000)
    stolen = api.token("app", name="stolen")
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(20)
    sock.connect(api.address)
    sock.sendall((f"POST /v1/tokens/reveal HTTP/1.1\r\nHost: x\r\nLethe-Purpose: account\r\nAuthorization: Bearer {stolen}\r\n"
                  f"Content-Type: application/x-ndjson\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body)
    check(sock.recv(12) == b"HTTP/1.1 200", "the head")
    api.cli("access", "revoke", str(api.number("stolen")))
    got, tail = 0, b""
    with sock:
        try:
            while data := sock.recv(1 << 20):
                got, tail = got + len(data), (tail + data)[-16:]
        except OSError:
            pass
    check(got < 30 << 20, f"{got >> 20} MiB of 125")
    check(not tail.endswith(b"0\r\n\r\n"), "it looks whole")


def test_a_server_that_is_killed_in_a_stream_has_stored_what_it_told(env):
    api = Api(env)
    body = lines(*(person(n) for n in range(20000)))
    sock = socket.create_connection(api.address, timeout=20)
    sock.sendall((f"POST /v1/tokens HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.tokens['app']}\r\n"
                  f"Content-Type: application/x-ndjson\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body)
    got = b""
    while got.count(b"\n") < 300:
        got += sock.recv(4096)
    api.lethe.kill()
    with sock:
        try:
            while True:
                more = sock.recv(65536)
                got += more
                if not more:
                    break
        except OSError:
            pass
    check(not got.endswith(b"0\r\n\r\n"), "it looks whole")
    told = [json.loads(line)["token"] for line in got.split(b"\r\n") for line in line.splitlines()
            if line.startswith(b'{"token"') and line.endswith(b"}")]
    check(len(told) >= 250, f"{len(told)} tokens")
    api.lethe.start()
    api.address = admin_address(api.lethe)
    shown = parsed(api.ask("POST", "/v1/tokens/reveal", lines(*({"token": t} for t in told)), "app", ACCOUNT, timeout=60))
    equal(shown[:250], [{"value": f"value-{n}"} for n in range(250)], "what was told is there")
