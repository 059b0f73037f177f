# SPDX-License-Identifier: Apache-2.0
"""Configurations exchanged under a running server: SIGHUP, `lethe reload`, certificates, listeners."""
import copy
import json
import os
import signal
import socket
import ssl
import threading

from harness import CLASSES, Conn, Lethe, check, equal, until
from upstreams import Recorder, answer


def start(env, **overrides):
    upstream = Recorder(env, lambda request, sock: answer(body=b"{}"))
    lethe = Lethe(env, upstream.url, **overrides)
    return lethe, upstream


def said(lethe, event, count=1):
    until(f"{count} times {event!r} in the log", 20,
          lambda: lethe.process.output().count(f'"event":"{event}"') >= count)


def reload(lethe, code=0):
    result = lethe.cli("reload")
    equal(result.returncode, code, f"lethe reload ({result.stdout}{result.stderr})")
    return result.stderr


def refused(lethe, *words):
    """The reload is refused for a reason; by signal, too."""
    message = reload(lethe, 78)
    for word in words:
        check(word in message, f"{word!r} is not in {message!r}")
    return message


class Traffic:
    """Requests without a pause, each checked; stop() gives their number."""

    def __init__(self, lethe, clients=4):
        self.lethe, self.done, self.count, self.failures = lethe, False, 0, []
        self.threads = [threading.Thread(target=self.run, args=(i,), daemon=True)
                        for i in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        body = {"email": f"p{number}@example.org", "phones": ["+44 1632 960001"], "note": "n"}
        conn, n = None, 0
        try:
            while not self.done:
                conn = conn or Conn(self.lethe.addresses[0])
                target = f"/users/{number}"
                response = conn.request("PUT", target, body)
                if response.status not in (200, 201, 204):
                    self.failures.append(response)
                    return
                self.count, n = self.count + 1, n + 1
                if response.headers.get("connection") == "close" or n % 50 == 0:
                    conn.close()
                    conn = None
        except Exception as error:
            self.failures.append(error)

    def stop(self):
        self.done = True
        for thread in self.threads:
            thread.join(20)
        check(not self.failures, f"requests failed: {self.failures[:3]}")
        return self.count


def test_no_request_fails_while_configurations_come_and_go(env):
    lethe, _ = start(env)
    lethe.start()
    traffic = Traffic(lethe)
    first = copy.deepcopy(lethe.config)
    for i in range(40):
        lethe.config = copy.deepcopy(first)
        if i % 2 == 0:
            lethe.config["classes"]["extra"] = copy.deepcopy(CLASSES["note"])
            lethe.config["domains"] = ["crm"]
        if i % 3 == 0:
            lethe.config["routes"].append({"path": "/more/{all...}", "upstream": "app"})
        lethe.save()
        if i % 4 == 0:
            lethe.process.popen.send_signal(signal.SIGHUP)
            said(lethe, "reloaded", i + 1)
        else:
            reload(lethe)
        equal(lethe.request("GET", "/more/x").status, 200 if i % 3 == 0 else 404, "the new route")
    check(traffic.stop() > 100, "there was traffic")
    lethe.alive()


def test_a_bad_configuration_keeps_the_old_one_and_says_why(env):
    lethe, _ = start(env)
    lethe.start()
    good = copy.deepcopy(lethe.config)
    with open(lethe.file, "w") as f:
        f.write("listen: [\n")
    check("test.yaml:" in refused(lethe), "the place is named")
    lethe.config["routes"][0]["upstream"] = "nobody"
    lethe.save()
    refused(lethe, "test.yaml:", 'there is no upstream "nobody"')
    lethe.process.popen.send_signal(signal.SIGHUP)
    said(lethe, "reload_refused", 2)
    check('there is no upstream \\"nobody\\"' in lethe.process.output(), "the log says it, too")
    equal(lethe.request("PUT", "/users/1", {"note": "n"}).status, 200, "the old routes")
    lethe.config = good
    lethe.save()
    reload(lethe)


def test_what_needs_a_restart_is_refused_whole(env):
    lethe, _ = start(env)
    lethe.start()
    good = copy.deepcopy(lethe.config)
    for key, value in (("threads", 3), ("store", "sqlite:" + env.path("elsewhere")),
                       ("root_key", "file:" + env.path("other.key")), ("sweep_interval", "2m")):
        lethe.config = copy.deepcopy(good)
        lethe.config["routes"].append({"path": "/more", "upstream": "app"})
        lethe.config[key] = value
        with open(lethe.file, "w") as f:
            json.dump(lethe.config, f, indent=1)
        if key == "store":  # the command finds the server by it
            lethe.process.popen.send_signal(signal.SIGHUP)
            said(lethe, "reload_refused", 2)
        else:
            refused(lethe, "test.yaml:", f'"{key}" changes at a restart only')
        equal(lethe.request("GET", "/more").status, 404, "nothing was taken over")


def test_e59_eyes_are_not_counted_anew_by_a_reload(env):
    """It said "reloaded", and went on with as many as before."""
    lethe, _ = start(env, admin={"address": "127.0.0.1:0"})
    lethe.start()
    for key, value in (("four_eyes", False), ("approval_delay", "1h")):
        lethe.config["admin"] = {"address": "127.0.0.1:0", key: value}
        with open(lethe.file, "w") as f:
            json.dump(lethe.config, f, indent=1)
        refused(lethe, "test.yaml:", '"four_eyes" and "approval_delay"')


def test_a_class_with_values_stays(env):
    lethe, _ = start(env)
    lethe.start()
    equal(lethe.request("PUT", "/users/1", {"note": "n"}).status, 200, "a note")
    for route in lethe.config["routes"]:
        for part in ("request", "response"):
            route[part] = [f for f in route[part] if f["class"] != "note"]
    lethe.config["callers"]["officer"]["reveal"].pop("note")
    del lethe.config["classes"]["note"]
    lethe.save()
    refused(lethe, "test.yaml:", "class note: the store still holds values of it")
    answer = lethe.request("PUT", "/users/1", {"note": "again"})
    equal(answer.status, 200, "still tokenized")


def test_callers_keys_are_read_again(env):
    lethe, upstream = start(env)
    lethe.start()
    equal(lethe.request("GET", "/users/1", caller="robot").status, 200, "the old key")
    old = lethe.keys["robot"]
    lethe.add_caller("newcomer", ["account"], {})
    path = lethe.config["callers"]["robot"]["key"][5:]
    os.chmod(path, 0o600)
    with open(path, "w") as f:
        f.write("another-key-another-key\n")
    lethe.save()
    reload(lethe)
    equal(lethe.request("GET", "/users/1", headers={"Lethe-Key": old}).status, 401, "the old key")
    lethe.keys["robot"] = "another-key-another-key"
    equal(lethe.request("GET", "/users/1", caller="robot").status, 200, "the new key")
    equal(lethe.request("GET", "/users/1", caller="newcomer").status, 200, "the new caller")


def peer_certificate(address, cafile):
    context = ssl.create_default_context(cafile=cafile)
    with socket.create_connection(address, timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as tls:
            return tls.getpeercert(binary_form=True)


def test_certificates_are_read_again(env):
    lethe, _ = start(env)
    lethe.add_tls()
    lethe.start()
    old_ca = lethe.config["listen"][1]["tls"]["certificate"]
    before = peer_certificate(lethe.addresses[1], old_ca)
    with lethe.connect(tls=True) as conn:
        equal(conn.request("GET", "/users/1").status, 200, "before")
        os.chmod(lethe.config["listen"][1]["tls"]["key"], 0o600)
        env.certificate("tls", "DNS:localhost,IP:127.0.0.1")  # overwrites both files
        reload(lethe)
        equal(conn.request("GET", "/users/1").status, 200, "the old connection goes on")
    check(peer_certificate(lethe.addresses[1], old_ca) != before, "the new certificate is shown")


def test_the_overview_tells_of_the_certificates_in_force(env):
    """It told of those of the start, whatever had come in their place."""
    lethe, _ = start(env)
    lethe.add_tls()
    lethe.start()
    other = env.certificate("other", "DNS:localhost,IP:127.0.0.1")
    before = lethe.config["listen"][1]["tls"]["certificate"]

    def told():
        clocks = json.loads(lethe.cli("overview", "--json").stdout)["clocks"]
        return [c["of"] for c in clocks if c["clock"] == "certificate_end"]

    equal(told(), [before], "at first")
    lethe.config["listen"][1]["tls"] = dict(zip(("certificate", "key"), other))
    lethe.save()
    reload(lethe)
    equal(told(), [other[0]], "after a reload")


def test_listeners_are_added_and_removed(env):
    lethe, _ = start(env)
    lethe.start()
    first, added = lethe.addresses[0], env.port()
    idle = Conn(first)
    equal(idle.request("GET", "/users/1").status, 200, "the first listener")
    lethe.config["listen"].append({"address": f"127.0.0.1:{added}"})
    lethe.save()
    reload(lethe)
    equal(idle.request("GET", "/users/1").status, 200, "the connection goes on")
    with Conn(("127.0.0.1", added)) as conn:
        equal(conn.request("GET", "/users/1").status, 200, "the new listener")
    lethe.config["listen"].pop(0)
    lethe.save()
    reload(lethe)
    check(idle.at_end(), "an idle connection of the removed listener ends")
    idle.close()
    try:
        Conn(first).close()
        check(False, "the removed listener is still there")
    except OSError:
        pass
    lethe.config["listen"].append({"address": f"127.0.0.1:{lethe_port_taken(env)}"})
    lethe.save()
    refused(lethe, "test.yaml:", "cannot listen on")
    with Conn(("127.0.0.1", added)) as conn:
        equal(conn.request("GET", "/users/1").status, 200, "the other one stays")


def lethe_port_taken(env):
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    env.cleanup(taken.close)
    return taken.getsockname()[1]


def test_no_server_is_an_error(env):
    lethe, _ = start(env)
    result = lethe.cli("reload")
    equal(result.returncode, 1, result.stderr)
    check("no server runs" in result.stderr, result.stderr)


def test_a_proxy_that_is_trusted_no_more_speaks_for_nobody(env):
    lethe, upstream = start(env, trusted_proxies=["127.0.0.1"])
    lethe.start()
    with Conn(lethe.addresses[0]) as conn:
        said_by = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
        equal(conn.request("GET", "/users/1", None, said_by).status, 200, "while it is trusted")
        told = upstream.last().headers
        equal((told["x-forwarded-for"], told["x-forwarded-proto"]), ("203.0.113.9", "https"), "what went up")
        del lethe.config["trusted_proxies"]
        lethe.save()
        reload(lethe)
        for fields in ({}, said_by):
            equal(conn.request("GET", "/users/1", None, fields).status, 200, "the same connection")
            told = upstream.last().headers
            equal((told["x-forwarded-for"], told["x-forwarded-proto"]), ("127.0.0.1", "http"), f"with {fields}")
