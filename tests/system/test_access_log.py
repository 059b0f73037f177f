# SPDX-License-Identifier: Apache-2.0
"""The access log: what stands in a line, what never does, logrotate, full disks; and traces."""
import json
import os
import re
import signal
import urllib.parse

from harness import Conn, Lethe, check, equal, make_request, until
from upstreams import Recorder

SENTINEL = "zq8sentinel"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def start(env, **overrides):
    upstream = Recorder(env)
    lethe = Lethe(env, upstream.url, access_log=env.path("access.log"), **overrides)
    return lethe.start(), upstream


def lines(env, count, name="access.log"):
    """So many whole lines, each read as JSON by itself."""
    def probe():
        if not os.path.exists(env.path(name)):
            return None
        with open(env.path(name), "rb") as f:
            data = f.read()
        found = data.decode("utf-8").splitlines()
        return found if data.endswith(b"\n") and len(found) >= count else None

    found = until(f"{count} lines in {name}", 20, probe)
    equal(len(found), count, "lines")
    return [json.loads(line) for line in found]


def test_a_line_says_what_happened(env):
    lethe, _ = start(env)
    body = {"email": "ada@example.org", "phones": ["+44 1632 960001"], "note": "n"}
    equal(lethe.request("PUT", "/users/1", body).status, 200, "stored")
    equal(lethe.request("GET", "/users/1", caller="officer").status, 200, "revealed")
    equal(lethe.request("GET", "/nowhere").status, 404, "refused")
    by_status = {(line["method"], line["status"]): line for line in lines(env, 3)}
    put, get, refused = by_status["PUT", 200], by_status["GET", 200], by_status["GET", 404]
    for line in (put, get, refused):
        check(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"]), line["time"])
        check(re.fullmatch(r"[0-9a-f]{32}", line["request"]), line["request"])
        check(line["us"] >= 0 and "trace" not in line, line)
    equal((put["method"], put["route"], put["status"], put["caller"]),
          ("PUT", "/users/{id}", 200, "-"), "the first")
    equal((put["tokens"], put["domain"]), (3, "default"), "tokens")
    check(put["store_us"] > 0 and put["upstream_us"] > 0, "durations")
    check(put["us"] >= put["store_us"] + put["upstream_us"], "of the whole")
    equal(put["bytes_in"], len(json.dumps(body)), "bytes")
    equal((get["caller"], get["purpose"]), ("officer", "account"), "the caller")
    equal(get["reveals"], {"value": 3, "mask": 0, "token": 0, "foreign": 0, "clear": 0, "unfit": 0},
          "reveals")
    check("store_us" not in get and get["bytes_out"] > 50, get)
    equal((refused["route"], refused["status"], refused["domain"]), ("-", 404, "-"), "the refused")
    check("upstream_us" not in refused, refused)
    equal(os.stat(env.path("access.log")).st_mode & 0o777, 0o640, "closed to others")


def test_e61_a_request_writes_nothing_into_the_logs(env):
    lethe, upstream = start(env)
    s = SENTINEL
    evil = f'{s}"}}\n{{"event":"{s}'
    quoted = urllib.parse.quote(evil)
    count = 0
    for target in (f"/users/{quoted}", f"/{quoted}", f"/users?email={quoted}", f"/users/1?{quoted}"):
        for method in ("GET", "PUT", f"X{s.upper()}"):
            for headers in ({"User-Agent": s, "Referer": s, "X-Request-Id": s, "Cookie": s},
                            {"Lethe-Key": s, "Lethe-Purpose": s},
                            {"Lethe-Key": lethe.keys["officer"], "Lethe-Purpose": s},
                            {"traceparent": s, "tracestate": f"{s}={s}"},
                            {"traceparent": TRACE[:-2] + s, "Host": f"{s}.test"}):
                lethe.request(method, target, {"note": s, "email": f"{s}@example.org"}, headers=headers)
                count += 1
    for raw in (f"GET /{s} HTTP/1.1\r\n\r\n", f"GET /{s}\r\n{s}: x HTTP/1.1\r\nHost: a\r\n\r\n",
                f"{s} /users/1 HTTP/1.1\r\nHost: {s}\r\nContent-Length: x{s}\r\n\r\n"):
        lethe.raw(raw.encode())
    lethe.request("GET", "/last")
    until("the last line", 20, lambda: open(env.path("access.log")).read().count("\n") > count)
    for name in ("access.log", lethe.process.log):
        with open(env.path(name), errors="backslashreplace") as f:
            text = f.read()
        check(s.lower() not in text.lower(), f"a request's bytes stand in {name}")
        for line in text.splitlines():
            if line.startswith("{"):
                json.loads(line)
    names = {"time", "request", "trace", "caller", "purpose", "domain", "method", "route", "status",
             "bytes_in", "bytes_out", "us", "upstream_us", "store_us", "tokens", "reveals"}
    with open(env.path("access.log")) as f:
        for line in f:
            check(set(json.loads(line)) <= names, line)


def test_e34_logs_hold_no_value_while_everything_fails(env):
    lethe, upstream = start(env)
    lethe.can_fail()
    lethe.stop()
    lethe.start()
    s = SENTINEL
    body = {"email": f"{s}@example.org", "phones": [s], "note": s}
    lethe.request("PUT", f"/users/{s}", body)
    lethe.request("GET", f"/users/{s}", caller="officer")
    upstream.close()
    lethe.request("PUT", f"/users/{s}", body)
    lethe.request("GET", f"/users/{s}", caller="officer")
    for bad in ('{"note":"' + s, '{"note":{"a":"' + s + '"}}', '{"note":"' + s + '","note":1}'):
        lethe.request("PUT", f"/users/{s}", bad, headers={"Content-Type": "application/json"})
    lethe.fail("sync")
    lethe.request("PUT", f"/users/other-{s}", {"note": s + "2"})
    lethe.fail(None)
    lines(env, 8)
    for name in ("access.log", lethe.process.log):
        with open(env.path(name), errors="backslashreplace") as f:
            check(s not in f.read(), f"a value stands in {name}")


def test_logrotate_moves_the_file_and_hangs_up(env):
    lethe, _ = start(env)
    lethe.request("GET", "/users/1")
    lines(env, 1)
    os.rename(env.path("access.log"), env.path("access.log.1"))
    with open(lethe.file, "a") as f:
        f.write("]")  # also when the configuration is bad
    lethe.process.popen.send_signal(signal.SIGHUP)
    until("the new file", 20, lambda: os.path.exists(env.path("access.log")))
    lethe.request("GET", "/users/2")
    lines(env, 1)
    lines(env, 1, "access.log.1")
    lethe.save()
    lethe.config["access_log"] = "off"
    lethe.save()
    equal(lethe.cli("reload").returncode, 0, "reload")
    lethe.request("GET", "/users/3")
    lethe.config["access_log"] = env.path("other.log")
    lethe.save()
    equal(lethe.cli("reload").returncode, 0, "reload")
    lethe.request("GET", "/users/4")
    lines(env, 1, "other.log")
    lines(env, 1)
    lethe.config["access_log"] = env.path("nowhere/other.log")
    lethe.save()
    result = lethe.cli("reload")
    equal(result.returncode, 78, result.stderr)
    check("the access log" in result.stderr and "cannot be opened" in result.stderr, result.stderr)
    equal(lethe.request("GET", "/users/5").status, 404, "it goes on")
    lines(env, 2, "other.log")


def test_what_waits_is_written_at_the_end(env):
    lethe, _ = start(env)
    with Conn(lethe.addresses[0]) as conn:
        for i in range(500):
            conn.send(make_request("GET", f"/users/{i}"))
            conn.read_response()
    lethe.stop()
    lines(env, 500)


def test_a_full_disk_stops_no_request(env):
    upstream = Recorder(env)
    lethe = Lethe(env, upstream.url, access_log="/dev/full").start()
    for _ in range(20):
        equal(lethe.request("GET", "/users/1").status, 404, "served")
    until("the complaint", 20, lambda: '"event":"access_log_failed"' in lethe.process.output())
    equal(lethe.process.output().count("access_log_failed"), 1, "once")


def seen(upstream, name):
    return [v for n, v in upstream.last().fields if n.lower() == name]


def test_traces_pass_and_wrong_ones_do_not(env):
    lethe, upstream = start(env)
    lethe.request("GET", "/users/1", headers={"traceparent": TRACE, "tracestate": "a=1,b@c=2"})
    equal(seen(upstream, "traceparent"), [TRACE], "as it came")
    equal(seen(upstream, "tracestate"), ["a=1,b@c=2"], "as it came")
    wrong = (TRACE.upper(), TRACE + "-00", TRACE.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32),
             TRACE.replace("00f067aa0ba902b7", "0" * 16), "ff" + TRACE[2:], TRACE[:-1], "")
    for value in wrong:
        lethe.request("GET", "/users/1", headers={"traceparent": value, "tracestate": "a=1"})
        equal(seen(upstream, "traceparent") + seen(upstream, "tracestate"), [], value)
    lethe.request("GET", "/users/1", headers={"traceparent": TRACE, "tracestate": "a=" + "x" * 600})
    equal((seen(upstream, "traceparent"), seen(upstream, "tracestate")), ([TRACE], []), "too long")
    with Conn(lethe.addresses[0]) as conn:
        conn.send(f"GET /users/1 HTTP/1.1\r\nHost: a\r\ntraceparent: {TRACE}\r\n"
                  f"traceparent: {TRACE}\r\n\r\n".encode())
        conn.read_response()
    equal(seen(upstream, "traceparent"), [], "two of them")
    equal([line["trace"] for line in lines(env, len(wrong) + 3) if "trace" in line], [TRACE[3:35]] * 2,
          "in the log")


def test_a_trace_begins_here_or_nothing_passes(env):
    lethe, upstream = start(env, trace="start")
    lethe.request("GET", "/users/1")
    made = seen(upstream, "traceparent")
    check(len(made) == 1 and re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", made[0]), made)
    lethe.request("GET", "/users/1", headers={"traceparent": TRACE})
    equal(seen(upstream, "traceparent"), [TRACE], "one that came stays")
    equal({line["trace"] for line in lines(env, 2)}, {made[0][3:35], TRACE[3:35]}, "in the log")
    lethe.config["trace"] = "off"
    lethe.save()
    equal(lethe.cli("reload").returncode, 0, "reload")
    lethe.request("GET", "/users/1", headers={"traceparent": TRACE, "tracestate": "a=1"})
    equal(seen(upstream, "traceparent") + seen(upstream, "tracestate"), [], "off")
