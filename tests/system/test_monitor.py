# SPDX-License-Identifier: Apache-2.0
"""The operators' listener: figures as Prometheus reads them, health, readiness, and who may ask."""
import json
import re
import socket
import ssl

from prometheus_client.parser import text_string_to_metric_families

from harness import Conn, Lethe, check, equal, until
from upstreams import Recorder, answer

SENTINEL = "zq7sentinel"


def admin_address(lethe, count=1):
    def probe():
        return re.findall(r'"event":"started_admin".*?"address":"([^"]+):(\d+)"',
                          lethe.process.output())

    host, port = until("the operators' listener", 20, probe)[-1]
    return host, int(port)


def start(env, admin=None, **overrides):
    upstream = Recorder(env)
    lethe = Lethe(env, upstream.url, admin=admin or {"address": "127.0.0.1:0"}, **overrides)
    return lethe.start(), upstream


def ask(lethe, target, method="GET", headers=(), tls=None):
    with Conn(admin_address(lethe), tls=tls) as conn:
        return conn.request(method, target, headers=headers)


def scrape(lethe, **more):
    """{(name, ((label, value), ...)): number}, through Prometheus' own reader."""
    response = ask(lethe, "/metrics", **more)
    equal(response.status, 200, "/metrics")
    check(response.headers["content-type"].startswith("text/plain; version=0.0.4"), "the format")
    families = list(text_string_to_metric_families(response.body.decode()))
    names = [f.name for f in families]
    equal(sorted(set(names)), sorted(names), "each family once")
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for f in families for s in f.samples}


def figure(figures, name, **labels):
    return figures.get((name, tuple(sorted(labels.items()))), 0)


def test_figures_count_what_happened(env):
    lethe, upstream = start(env)
    body = {"email": "ada@example.org", "phones": ["+44 1632 960001", "+44 1632 960002"], "note": "n"}
    equal(lethe.request("PUT", "/users/1", body).status, 200, "stored")
    equal(lethe.request("PUT", "/users/1", body).status, 200, "stored again")
    equal(lethe.request("GET", "/users/1", caller="support-desk").status, 200, "revealed")
    equal(lethe.request("GET", "/nowhere").status, 404, "no route")
    equal(lethe.request("PUT", "/users/1", '{"note":').status, 415, "no type")
    until("all requests to be counted", 20,
          lambda: figure(scrape(lethe), "lethe_request_duration_seconds_count") == 5)
    f = scrape(lethe)
    users = {"route": "/users/{id}", "host": ""}
    equal(figure(f, "lethe_requests_total", code="2xx", **users), 3, "requests")
    equal(figure(f, "lethe_requests_total", code="4xx", **users), 1, "refused ones")
    equal(figure(f, "lethe_requests_total", code="4xx", route="-", host=""), 1, "undeclared ones")
    equal(figure(f, "lethe_refusals_total", error="NOT_FOUND"), 1, "why")
    equal(figure(f, "lethe_refusals_total", error="UNSUPPORTED"), 1, "why")
    equal(figure(f, "lethe_tokens_created_total", **{"class": "phone"}), 2, "deterministic: once")
    equal(figure(f, "lethe_tokens_created_total", **{"class": "note"}), 2, "random: each time")
    equal(figure(f, "lethe_values", **{"class": "email"}), 1, "kept")
    equal(figure(f, "lethe_tokenized_total"), 8, "tokens that went up")
    equal(figure(f, "lethe_reveals_total", outcome="value"), 2, "phones")
    equal(figure(f, "lethe_reveals_total", outcome="mask"), 1, "the e-mail")
    check(figure(f, "lethe_reveals_total", outcome="token") >= 1, "the note")
    equal(figure(f, "lethe_subjects"), 1, "persons")
    check(figure(f, "lethe_commit_duration_seconds_count") >= 2, "commits")
    equal(figure(f, "lethe_commit_duration_seconds_count"),
          figure(f, "lethe_commit_duration_seconds_bucket", le="+Inf"), "a whole histogram")
    equal(figure(f, "lethe_request_duration_seconds_count"), 5, "durations")
    equal(figure(f, "lethe_upstream_duration_seconds_count"), 3, "of the upstream")
    equal(figure(f, "lethe_ready"), 1, "ready")
    address = upstream.url.split("//")[1]
    equal(figure(f, "lethe_upstream_requests_total", upstream="app", address=address), 3, "upstream")
    equal(figure(f, "lethe_upstream_up", upstream="app", address=address), 1, "upstream")
    check(figure(f, "lethe_connections_total") >= 5, "connections")
    check(figure(f, "process_resident_memory_bytes") > 1 << 20, "memory")
    check(figure(f, "process_open_fds") > 5, "descriptors")
    check(figure(f, "lethe_build_info", **build(f)) == 1, "the build")
    equal(lethe.cli("subject", "erase", "1").returncode, 0, "erased")
    f = scrape(lethe)
    equal(figure(f, "lethe_erasures_total"), 1, "erasures")
    equal(figure(f, "lethe_values_erased_total", **{"class": "phone"}), 2, "their values")


def counted(lethe, **expected):
    """Wait until the figures without labels are these; an exchange counts when it has ended."""
    until(f"{expected} to be counted", 20, lambda: all(
        figure(scrape(lethe), "lethe_" + name) == n for name, n in expected.items()))


def test_figures_of_what_was_watched(env):
    people = []
    upstream = Recorder(env, lambda request, sock: answer(200, [{"note": t} for t in people]))
    lethe = Lethe(env, upstream.url, admin={"address": "127.0.0.1:0"})
    lethe.config["routes"].append({"path": "/people", "methods": ["GET"], "upstream": "app",
                                   "response": [{"json": "$[*].note", "class": "note"}]})
    lethe.config["callers"]["support-desk"].update(
        reveal={"note": "value"},
        quota={"subjects_per_hour": 2, "lookups_per_hour": 1, "misses_per_minute": 5})
    lethe.save()
    lethe.start()

    def token(subject, *command):
        return lethe.cli(*(command or ("tokenize",)), "--class", "note", "--subject", subject,
                         data=f"{subject}\n").stdout.strip()

    def see(*tokens, status=200):
        people[:] = tokens
        equal(lethe.request("GET", "/people", caller="support-desk").status, status, "seen")

    see(*[token(f"p{i}") for i in range(4)])
    counted(lethe, quotas_reached_total=1, reveals_stepped_down_total=2, misses_throttled_total=0)
    for name, status in (("a", 200), ("b", 429), ("c", 429)):
        equal(lethe.request("GET", f"/users?email={name}%40example.org", caller="support-desk").status,
              status, name)
    counted(lethe, quotas_reached_total=2, lookups_refused_total=2, honeytokens_total=0,
            incidents_open=0, callers_suspended=0)
    see(token("bait", "honeytoken", "create"), status=403)
    counted(lethe, honeytokens_total=1, incidents_open=1, callers_suspended=1)
    equal(lethe.cli("caller", "restore", "support-desk").returncode, 0, "restore")
    counted(lethe, incidents_open=0, callers_suspended=0)
    dead = token("gone")
    equal(lethe.cli("subject", "erase", "gone").returncode, 0, "erase")
    see(*[dead] * 9)
    see(dead)
    counted(lethe, misses_reached_total=1, misses_throttled_total=1)


def test_figures_of_what_was_refused(env):
    upstream = Recorder(env)
    partner = {"url": upstream.url, "egress": True, "insecure_plain": True, "allow": ["127.0.0.0/8"]}
    users = {"upstream": "app", "subject": "none", "request": [{"json": "$.email", "class": "email"}]}
    lethe = Lethe(env, upstream.url, admin={"address": "127.0.0.1:0"}, limits={"head_timeout": "3s"})
    lethe.config["routes"] += [
        {"path": "/alert", "undeclared": "alert", **users},
        {"path": "/block", "undeclared": "block", **users},
        {"path": "/partner", "direction": "egress", **users, "upstream": "partner"}]
    lethe.config["upstreams"]["partner"] = partner
    lethe.save()
    lethe.start()
    found = {"x": "ada@example.org"}
    trace = "0af7651916cd43dd8448eb211c80319c"
    for path, body, status in (("/users/1", {"Email": "x"}, 422), ("/alert", found, 200),
                               ("/alert", found, 200), ("/block", found, 422)):
        equal(lethe.request("PUT", path, body, headers={
            "traceparent": f"00-{trace}-b7ad6b7169203331-01"}).status, status, path)
    dead = lethe.cli("tokenize", "--class", "email", "--subject", "1", data="ada@example.org\n")
    equal(lethe.cli("subject", "erase", "1").returncode, 0, "erase")
    equal(lethe.request("PUT", "/partner", {"email": dead.stdout.strip()}).status, 422, "/partner")
    with lethe.connect() as conn:
        conn.send(b"GET / HTTP/1.1\r\nHost:")
        equal(conn.read_response().status, 408, "a slow one")
    counted(lethe, near_names_total=1, tokens_not_sent_total=1, requests_timed_out_total=1,
            connections_cut_total=1)
    f = scrape(lethe)
    equal(figure(f, "lethe_undeclared_total", action="alert"), 2, "alerts")
    equal(figure(f, "lethe_undeclared_total", action="block"), 1, "blocked")
    lines = [json.loads(line) for line in lethe.process.output().splitlines() if line]
    equal([line.get("trace") for line in lines if line["event"] in ("near_name", "undeclared")],
          [trace] * 4, "traces in the log")
    equal([line["trace"] for line in lines if line["event"] == "token_not_sent" and "trace" in line],
          [], "none where there is none")


def test_figures_of_rates_and_websockets(env):
    def handler(request, sock):
        if "upgrade" not in request.headers:
            return answer(200)
        sock.sendall(b"HTTP/1.1 101 Over\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                     b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
        return sock.recv(1) and None

    upstream = Recorder(env, handler)
    lethe = Lethe(env, upstream.url, admin={"address": "127.0.0.1:0"}, limits={
        "client_rate": {"requests": 9, "per": "1h"}, "caller_rate": {"requests": 2, "per": "1h"}})
    lethe.config["routes"].append({"path": "/socket", "upstream": "app", "websocket": "pass"})
    lethe.save()
    lethe.start()
    with lethe.connect() as conn:
        conn.send(b"GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                  b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        until("the upgrade", 10, lambda: b" 101 " in conn.sock.recv(4096))
        counted(lethe, websockets_open=1)
    counted(lethe, websockets_open=0)
    statuses = [lethe.request("GET", "/socket", caller="robot").status for _ in range(4)]
    equal(statuses, [200, 200, 429, 429], "a caller")
    statuses = [lethe.request("GET", "/socket").status for _ in range(6)]
    equal(statuses, [200] * 4 + [429] * 2, "a client")
    until("all to be counted", 20, lambda: figure(
        scrape(lethe), "lethe_rate_limited_total", of="client") == 2)
    equal(figure(scrape(lethe), "lethe_rate_limited_total", of="caller"), 2, "callers")


def build(figures):
    return dict(next(labels for name, labels in figures if name == "lethe_build_info"))


def test_e78_no_label_comes_from_a_request(env):
    lethe, _ = start(env)
    s = SENTINEL
    for target in (f"/users/{s}", f"/{s}/x", f"/users?email={s}%40example.org"):
        for method in ("GET", "PUT", f"M{s}"):
            lethe.request(method, target, {"email": f"{s}@example.org", "note": s},
                          headers={"Host": f"{s}.test", "Lethe-Purpose": s, "User-Agent": s})
    lethe.request("GET", f"/users/{s}", headers={"Lethe-Key": s})
    text = ask(lethe, "/metrics").body.decode()
    check(s not in text.lower(), "a request's bytes stand in the figures")
    before = {k for k in scrape(lethe)}
    for i in range(50):
        lethe.request("GET", f"/users/other{i}")
        lethe.request("GET", f"/nowhere/{i}")
    after = {k for k in scrape(lethe)}
    equal(after - before, set(), "series that requests made")


def test_e78_nothing_else_is_served(env):
    lethe, _ = start(env)
    for target in ("/", "/debug", "/debug/pprof", "/version", "/metrics/", "/metrics/../healthz",
                   "//metrics", "/%6detrics", "/users/1"):
        equal(ask(lethe, target).status, 404, target)
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        response = ask(lethe, "/metrics", method)
        equal(response.status, 405, method)
        equal(response.headers["allow"], "GET, HEAD", method)
    head = ask(lethe, "/healthz", "HEAD")
    equal((head.status, head.body), (200, b""), "HEAD")
    check("server" not in head.headers, "no software is named")
    equal(lethe.request("GET", "/metrics").status, 404, "the data path has no such page")
    for target in ("/healthz", "/readyz"):
        equal(ask(lethe, target).status, 200, target)


def test_the_operators_listener_guards_itself(env):
    lethe, _ = start(env)
    address = admin_address(lethe)
    for raw in (b"GET /healthz HTTP/1.1\r\n\r\n",
                b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
                b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: y\r\n z: 1\r\n\r\n",
                b"GET /healthz HTTP/1.1\nHost: a\n\n",
                b"TRACE /healthz HTTP/1.1\r\nHost: a\r\n\r\n"):
        with Conn(address) as conn:
            conn.send(raw)
            try:
                response = conn.read_response()
                check(response.status >= 400, f"{raw!r}: {response}")
            except (EOFError, ConnectionError):
                pass
    idle = [socket.create_connection(address) for _ in range(40)]
    equal(ask(lethe, "/healthz").status, 200, "idle connections do not stand in the way")
    for sock in idle:
        sock.close()
    lethe.alive()


def test_other_origins_get_nothing_of_any_answer(env):
    """E66: nor does a frame."""
    lethe, _ = start(env)
    browser = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST",
               "Access-Control-Request-Headers": "authorization"}
    with Conn(admin_address(lethe)) as conn:
        for method, path in (("OPTIONS", "/v1/tokens"), ("GET", "/v1/status"), ("GET", "/healthz"), ("GET", "/metrics"),
                             ("GET", "/nothing"), ("POST", "/healthz"), ("GET", "/exports/x"), ("HEAD", "/readyz")):
            fields = conn.request(method, path, headers=browser).headers
            what = f"{method} {path}: {fields}"
            check(not [name for name in fields if name.startswith("access-control-")], what)
            check("frame-ancestors 'none'" in fields["content-security-policy"], what)
            equal(fields["x-content-type-options"], "nosniff", what)
            equal(fields["x-frame-options"], "DENY", what)
            check("strict-transport-security" not in fields, f"{what}: TLS is promised where there is none")
            equal(fields["cross-origin-resource-policy"], "same-origin", what)
            check("no-store" in fields["cache-control"] and "referrer-policy" in fields, what)


def test_the_metrics_key_is_wanted_and_may_change(env):
    """E78: figures are not for everybody."""
    key = env.write("scrape.key", "scrape-key-scrape-key\n", 0o400)
    lethe, _ = start(env, {"address": "127.0.0.1:0", "metrics_key": "file:" + key})
    right = {"Authorization": "Bearer scrape-key-scrape-key"}
    equal(ask(lethe, "/metrics").status, 401, "without")
    equal(ask(lethe, "/metrics").headers["www-authenticate"], "Bearer", "what is wanted")
    for wrong in ("Bearer scrape-key-scrape-ke", "Bearer ", "scrape-key-scrape-key",
                  "Basic c2NyYXBlLWtleQ=="):
        equal(ask(lethe, "/metrics", headers={"Authorization": wrong}).status, 401, wrong)
    equal(ask(lethe, "/metrics", headers=right).status, 200, "with the key")
    equal(ask(lethe, "/readyz").status, 200, "health needs none")
    env.write("new.key", "another-key-another-key\n", 0o400)
    lethe.config["admin"]["metrics_key"] = "file:" + env.path("new.key")
    lethe.save()
    equal(lethe.cli("reload").returncode, 0, "reload")
    equal(ask(lethe, "/metrics", headers=right).status, 401, "the old key")
    new = {"Authorization": "bearer another-key-another-key"}
    equal(ask(lethe, "/metrics", headers=new).status, 200, "the new key")


def test_tls_and_its_new_certificate(env):
    cert, key = env.certificate("adm", "DNS:localhost,IP:127.0.0.1")
    lethe, _ = start(env, {"address": "127.0.0.1:0", "tls": {"certificate": cert, "key": key}})
    answer = ask(lethe, "/healthz", tls=ssl.create_default_context(cafile=cert))
    equal((answer.status, answer.headers.get("strict-transport-security")), (200, "max-age=31536000"), "TLS")
    cert, key = env.certificate("adm2", "DNS:localhost,IP:127.0.0.1")
    lethe.config["admin"]["tls"] = {"certificate": cert, "key": key}
    lethe.save()
    equal(lethe.cli("reload").returncode, 0, "reload")
    equal(ask(lethe, "/healthz", tls=ssl.create_default_context(cafile=cert)).status, 200,
          "the new certificate")


def test_addresses_that_others_reach_need_tls_and_a_key(env):
    lethe = Lethe(env, admin={"address": "0.0.0.0:0"})
    result = lethe.cli("check")
    equal(result.returncode, 78, result.stderr)
    check(re.search(r"test\.yaml:\d+:\d+: .*needs \"tls\" and \"metrics_key\"", result.stderr),
          result.stderr)
    lethe.config["admin"] = {"address": "127.0.0.1:0", "metric_key": "file:x"}
    with open(lethe.file, "w") as f:
        json.dump(lethe.config, f)
    result = lethe.cli("check")
    check("did you mean \"metrics_key\"" in result.stderr, result.stderr)


def test_figures_outlive_a_reload(env):
    lethe, _ = start(env)
    for _ in range(3):
        lethe.request("GET", "/users/1")
    lethe.config["routes"].append({"path": "/more", "upstream": "app"})
    lethe.save()
    equal(lethe.cli("reload").returncode, 0, "reload")
    lethe.request("GET", "/users/1")
    lethe.request("GET", "/more")

    def all_counted():  # an exchange counts when it has ended, which its client may see earlier
        f = scrape(lethe)
        new = [figure(f, "lethe_requests_total", code=c, route="/more", host="") for c in ("2xx", "4xx")]
        return figure(f, "lethe_requests_total", code="4xx", route="/users/{id}", host="") == 4 and (
            sum(new) == 1)

    until("all requests to be counted", 20, all_counted)
    lethe.config["admin"]["address"] = "127.0.0.1:1"
    lethe.save()
    check("change at a restart only" in lethe.cli("reload").stderr, "the address stays")
