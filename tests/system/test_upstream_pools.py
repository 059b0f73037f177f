# SPDX-License-Identifier: Apache-2.0
"""Upstreams with several addresses: some die, lie, are slow, move or come back (E12, E87), and egress
upstreams whose names lead where they must not (E74). Names are answered by fake_names.c."""
import os
import socket
import ssl
import subprocess
import threading
import time

from harness import HERE, Background, Lethe, check, equal, until
from upstreams import Recorder, answer

PLAIN = {"path": "/p/{id}", "upstream": "app"}


def good(request, sock):
    return answer(200, {"ok": 1})


def sick(request, sock):
    return answer(503, {"sick": 1})


def dropping(request, sock):
    return None


class Switch:
    """A handler that can be exchanged while it serves."""

    def __init__(self, handler=good):
        self.handler = handler

    def __call__(self, request, sock):
        return self.handler(request, sock)


def dead_address(env):
    return f"127.0.0.1:{env.port()}"


def address(recorder):
    return f"127.0.0.1:{recorder.port}"


def start(env, servers, threads=1, url="http://app.test", **members):
    lethe = Lethe(env, url, threads=threads)
    lethe.config["upstreams"]["app"].update(servers=servers, **members)
    lethe.config["routes"].append(PLAIN)
    lethe.save()
    return lethe.start()


def statuses(lethe, method="GET", times=12, body=None):
    return [lethe.request(method, "/p/1", body).status for _ in range(times)]


def logged(lethe, event):
    return lethe.process.output().count(f'"event":"{event}"')


def until_logged(lethe, event, times=1):
    until(f"{event} in the log", 10, lambda: logged(lethe, event) >= times)
    equal(logged(lethe, event), times, f"how often {event} is logged")


# ---- dead, dying, recovering


def test_requests_are_spread_and_one_dead_address_of_three_is_not_noticed(env):
    apps = [Recorder(env, good), Recorder(env, good)]
    lethe = start(env, [address(apps[0]), dead_address(env), address(apps[1])])
    equal(set(statuses(lethe)), {200}, "GET")
    equal(set(statuses(lethe, "POST", body={"a": 1})), {200}, "POST")
    counts = [app.count() for app in apps]
    equal(sum(counts), 24, "requests at the two")
    check(min(counts) >= 8, f"spread {counts}")
    equal(apps[0].last().headers["host"], "app.test", "the Host is the URL's")
    check(max(app.connections for app in apps) == 1, "connections are kept and used again")


def test_all_addresses_dead_is_502_and_one_that_is_back_is_found(env):
    port = env.port()
    lethe = start(env, [f"127.0.0.1:{port}", dead_address(env), dead_address(env)])
    equal(set(statuses(lethe, times=4)), {502}, "all are dead")
    back = socket.create_server(("127.0.0.1", port))
    env.cleanup(back.close)

    def serve():
        while True:
            try:
                sock, _ = back.accept()
            except OSError:
                return
            with sock:
                sock.recv(65536)
                sock.sendall(answer(200, {"back": 1}))

    threading.Thread(target=serve, daemon=True).start()
    until("the one that is back to answer", 10, lambda: statuses(lethe, times=1) == [200])
    lethe.alive()


def test_e12_a_post_is_sent_once_whatever_becomes_of_it(env):
    apps = [Recorder(env, dropping) for _ in range(3)]
    lethe = start(env, [address(app) for app in apps], eject={"failures": 0})
    for n in range(1, 7):
        equal(lethe.request("POST", "/p/1", {"a": 1}).status, 502, "POST")
        equal(sum(app.count() for app in apps), n, "requests that reached an application")
    # over connections that have served before
    for app in apps:
        app.handler = good
    equal(set(statuses(lethe, times=6)), {200}, "GET")
    before = sum(app.count() for app in apps)
    for app in apps:
        app.handler = dropping
    for n in range(1, 4):
        equal(lethe.request("POST", "/p/1", {"a": 1}).status, 502, "POST")
        equal(sum(app.count() for app in apps), before + n, "requests that reached an application")


def test_half_closed_connections_are_not_used_again(env):
    halves = []

    def half(request, sock):
        sock.sendall(answer(200, {"ok": 1}))
        sock.shutdown(socket.SHUT_WR)  # and keeps reading
        halves.append(sock)
        time.sleep(0.3)

    apps = [Recorder(env, half), Recorder(env, half)]
    lethe = start(env, [address(app) for app in apps])
    for n in range(1, 7):
        equal(lethe.request("POST", "/p/1", {"a": 1}).status, 200, "POST")
        until("the half-close", 10, lambda n=n: len(halves) == n)
    equal(sum(app.count() for app in apps), 6, "requests")
    equal(logged(lethe, "upstream_ejected"), 0, "ejections")


# ---- ejection and health


def test_an_address_where_requests_fail_is_left_out_for_a_while(env):
    bad = Switch(sick)
    apps = [Recorder(env, bad), Recorder(env, good), Recorder(env, good)]
    lethe = start(env, [address(app) for app in apps],
                  eject={"failures": 3, "time": "5s", "max_time": "5s"})
    equal(statuses(lethe, times=20).count(503), 3, "sick answers that reached the client")
    until_logged(lethe, "upstream_ejected")
    check(address(apps[0]) in lethe.process.output(), "the log names the address")
    bad.handler = good
    until("it is asked again", 20, lambda: statuses(lethe, times=3) and apps[0].count() > 3)
    until_logged(lethe, "upstream_returned")
    equal(set(statuses(lethe)), {200}, "after that")


def test_the_last_address_is_never_left_out(env):
    apps = [Recorder(env, sick), Recorder(env, sick)]
    lethe = start(env, [address(app) for app in apps], eject={"failures": 2, "share": 100})
    equal(set(statuses(lethe, times=20)), {503}, "the application's own answer comes through")
    until_logged(lethe, "upstream_ejected")
    check(sum(app.count() for app in apps) == 20, "each was asked of an application")


def test_a_slow_address_is_left_out(env):
    def slow(request, sock):
        time.sleep(5)
        return answer(200, {"slow": 1})

    apps = [Recorder(env, slow), Recorder(env, good), Recorder(env, good)]
    lethe = start(env, [address(app) for app in apps], first_byte_timeout="2s",
                  eject={"failures": 2})
    got = statuses(lethe, times=20)
    equal(got.count(504), 2, f"time-outs among {got}")
    until_logged(lethe, "upstream_ejected")


def test_health_checks_take_an_address_out_and_bring_it_back(env):
    first, second = Switch(), Switch()
    apps = [Recorder(env, first), Recorder(env, second)]
    lethe = start(env, [address(app) for app in apps], threads=2,
                  health={"path": "/health?deep=1", "interval": "50ms", "timeout": "10s",
                          "rise": 2, "fall": 2, "status": 200})
    until("both to be checked", 10, lambda: all(app.count() >= 2 for app in apps))
    check(apps[0].last().raw == b"GET /health?deep=1 HTTP/1.1\r\nHost: app.test\r\n"
          b"User-Agent: lethe-health-check\r\n\r\n", f"a check is {apps[0].last().raw!r}")
    first.handler = sick
    until_logged(lethe, "upstream_down")
    equal(set(statuses(lethe)), {200}, "with one down")
    second.handler = dropping
    until_logged(lethe, "upstream_down", 2)
    response = lethe.request("GET", "/p/1")
    equal(response.status, 503, "with all down")
    equal(response.headers.get("retry-after"), "1", "Retry-After")
    first.handler = second.handler = good
    until_logged(lethe, "upstream_up", 2)
    equal(set(statuses(lethe)), {200}, "with both up again")


# ---- turns


def test_e87_some_are_served_some_wait_and_the_rest_hear_503_at_once(env):
    lock = threading.Lock()
    gate = threading.Event()
    inside = {"now": 0, "most": 0}

    def slow(request, sock):
        with lock:
            inside["now"] += 1
            inside["most"] = max(inside["most"], inside["now"])
        gate.wait(20)
        with lock:
            inside["now"] -= 1
        return answer(200, {"ok": 1})

    app = Recorder(env, slow)
    lethe = start(env, [address(app)], threads=2, concurrency=3, queue=4, queue_timeout="15s")
    waiting = [Background(lethe.request, "POST", "/p/1", {"n": n}) for n in range(20)]
    until("13 refusals", 10, lambda: sum(w.result is not None for w in waiting) == 13)
    refused = [w.result for w in waiting if w.result is not None]
    equal({r.status for r in refused}, {503}, "refusals")
    equal({r.headers.get("retry-after") for r in refused}, {"1"}, "Retry-After")
    until("three to be with the application", 10, lambda: app.count() == 3)
    gate.set()
    equal(sorted(w.join().status for w in waiting), [200] * 7 + [503] * 13, "in the end")
    equal(inside["most"], 3, "at a time, over both loops")
    equal(set(statuses(lethe, times=6)), {200}, "all turns came back")


def test_e87_who_waits_too_long_hears_503(env):
    gate = threading.Event()
    env.cleanup(gate.set)
    app = Recorder(env, lambda request, sock: gate.wait(20) and answer(200, {"ok": 1}))
    lethe = start(env, [address(app)], threads=2, concurrency=1, queue_timeout="300ms")
    first = Background(lethe.request, "GET", "/p/1")
    until("the turn to be taken", 10, lambda: app.count() == 1)
    equal(lethe.request("GET", "/p/2").status, 503, "after the queue's time")
    gate.set()
    equal(first.join().status, 200, "who had the turn")
    equal(lethe.request("GET", "/p/3").status, 200, "the next")


# ---- names


class Names:
    """The name server of one test."""

    def __init__(self, env, lethe):
        self.env = env
        library = env.path("fake_names.so")
        subprocess.run(["gcc", "-std=gnu17", "-shared", "-fPIC", "-o", library,
                        os.path.join(HERE, "fake_names.c")], check=True, capture_output=True)
        lethe.preload = {"LD_PRELOAD": library, "FAKE_NAMES": env.path("names")}

    def set(self, **names):
        path = self.env.write("names.new", "".join(
            f"{name}.test {' '.join(addresses)}\n" for name, addresses in names.items()))
        os.replace(path, self.env.path("names"))


def named(env, port, **members):
    lethe = Lethe(env, f"http://crm.test:{port}", threads=1)
    lethe.config["upstreams"]["app"].update(resolve="1s", **members)
    lethe.config["routes"].append(PLAIN)
    lethe.save()
    return lethe, Names(env, lethe)


class Elsewhere(Recorder):
    """A recorder at the same port of another loopback address."""

    def __init__(self, env, host, port, handler):
        self.where = (host, port)
        super().__init__(env, handler)
        self.listener.close()
        self.listener = socket.create_server(self.where, backlog=64)
        threading.Thread(target=self.accept, daemon=True).start()


def test_an_upstream_that_moves_is_followed(env):
    old = Recorder(env, good)
    new = Elsewhere(env, "127.0.0.2", old.port, good)
    lethe, names = named(env, old.port)
    names.set(crm=["127.0.0.1"])
    lethe.start()
    equal(set(statuses(lethe, times=4)), {200}, "before")
    equal((old.count(), new.count()), (4, 0), "requests")
    names.set(crm=["127.0.0.2"])
    until_logged(lethe, "upstream_moved")
    equal(set(statuses(lethe, times=4)), {200}, "after")
    equal((old.count(), new.count()), (4, 4), "requests")
    until("connections to the old address to be closed", 10, lambda: not old.open)
    names.set(crm=[])
    until_logged(lethe, "upstream_unresolved")
    equal(set(statuses(lethe, times=4)), {200}, "with a name that is gone")
    names.set(crm=["127.0.0.2", "127.0.0.1"])
    until_logged(lethe, "upstream_resolved")
    until_logged(lethe, "upstream_moved", 2)
    equal(set(statuses(lethe, times=8)), {200}, "at both")
    check(old.count() > 4 and new.count() > 8, "both are asked")
    lethe.stop()


# ---- egress


def refused(env, lethe):
    done = lethe.cli("check")
    equal(done.returncode, 78, f"lethe check: {done.stderr}")
    return done.stderr


def test_e74_an_egress_upstream_never_leads_inside(env):
    lethe = Lethe(env)
    for url, words in [("http://1.1.1.1", "https"), ("https://127.0.0.1", "127.0.0.1:443"),
                       ("https://localhost", "egress"), ("https://169.254.169.254", "169.254"),
                       ("https://[::ffff:169.254.169.254]", "169.254"),
                       ("https://[fd00:ec2::254]", "fd00:ec2::254"), ("https://10.1.2.3", "10.1.2.3"),
                       ("https://[::1]:8443", "[::1]:8443"), ("https://0.0.0.0", "0.0.0.0")]:
        lethe.config["upstreams"]["app"] = {"url": url, "egress": True}
        lethe.save()
        message = refused(env, lethe)
        check(words in message and ":" in message.split(" ")[0], f"{url}: {message}")


def test_e74_a_name_that_is_rebound_to_the_inside_is_not_followed(env):
    inside = Recorder(env, good)
    partner = Elsewhere(env, "127.0.7.1", inside.port, good)
    lethe, names = named(env, inside.port, egress=True, insecure_plain=True, allow=["127.0.7.0/24"])
    names.set(crm=["127.0.7.1"])
    lethe.start()
    equal(set(statuses(lethe, times=2)), {200}, "before")
    names.set(crm=["127.0.0.1"])
    until_logged(lethe, "egress_refused")
    equal(set(statuses(lethe, times=4)), {200}, "the old address stays")
    names.set(crm=["127.0.0.1", "127.0.7.1"])
    time.sleep(1.2)
    equal(set(statuses(lethe, times=4)), {200}, "the good one of two")
    equal(inside.count(), 0, "requests inside")
    equal(inside.connections, 0, "connections inside")
    equal(partner.count(), 10, "requests at the partner")
    lethe.stop()


def test_e74_a_redirect_is_the_clients_affair(env):
    inside = Recorder(env, good)
    there = f"http://127.0.0.1:{inside.port}/latest/meta-data"
    partner = Elsewhere(env, "127.0.7.1", env.port(),
                        lambda request, sock: answer(307, b"", [("Location", there)]))
    lethe = start(env, [f"127.0.7.1:{partner.where[1]}"], egress=True, insecure_plain=True,
                  allow=["127.0.7.0/24"])
    response = lethe.request("GET", "/p/1")
    equal((response.status, response.headers.get("location")), (307, there), "the answer")
    equal(inside.connections, 0, "connections inside")


# ---- TLS


def test_lethe_shows_its_certificate_and_checks_the_other(env):
    app_cert, app_key = env.certificate("app", "DNS:crm.internal,IP:127.0.0.1")
    own_cert, own_key = env.certificate("own", "DNS:lethe.internal")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(app_cert, app_key)
    context.load_verify_locations(own_cert)
    context.verify_mode = ssl.CERT_REQUIRED
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context.minimum_version = context.maximum_version = version
        app = Recorder(env, good, tls=context)
        for n, (members, wanted) in enumerate([
                ({"certificate": own_cert, "key": own_key}, 200),
                ({"certificate": own_cert, "key": own_key, "server_name": "127.0.0.1"}, 200),
                ({}, 502),
                ({"certificate": own_cert, "key": own_key, "server_name": "other.internal"}, 502)]):
            lethe = Lethe(env, "https://crm.internal", name=f"l{version}{n}", threads=1)
            lethe.config["upstreams"]["app"].update(servers=[address(app)], ca=app_cert, **members)
            lethe.config["routes"].append(PLAIN)
            lethe.save()
            lethe.start()
            equal(lethe.request("GET", "/p/1").status, wanted, f"{version} {members}")
            equal(app.count(), min(2, n + 1), "requests")
            lethe.stop()
