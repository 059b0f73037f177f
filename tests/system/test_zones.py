# SPDX-License-Identifier: Apache-2.0
"""Two zones: packaging/nftables/lethe.nft on a host between clients, applications and administrators, each in a network
namespace of its own. Whoever is in the wrong one gets no connection at all (E78)."""
import concurrent.futures
import json
import os
import subprocess

from harness import ROOT, Lethe, Process, check, equal, until

RULES = os.path.join(ROOT, "packaging", "nftables", "lethe.nft")
ZONES = {"edge": 1, "app": 2, "admin": 3}  # name -> the third number of its addresses
PROXY, ADMIN = 8443, 8444

# The application: keeps what it gets, and gives it back.
APPLICATION = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.HTTPServer(("10.77.2.2", 9000), Handler).serve_forever()
"""

# connect HOST PORT: prints what became of it; a first packet that is lost while a cable comes up is sent again in time
CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5).close()
    print("open")
except (TimeoutError, socket.timeout):
    print("silent")
except OSError as error:
    print(error.strerror)
"""


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Network:
    """The host, and a namespace for each zone, joined by a cable each."""

    def __init__(self, env):
        self.host = f"lethe-{os.getpid()}"
        self.add(env, self.host)
        for zone, number in ZONES.items():
            far = f"{self.host}-{zone}"
            self.add(env, far)
            ip("-n", self.host, "link", "add", f"{zone}0", "type", "veth", "peer", "name", "eth0", "netns", far)
            for name, device, last in ((self.host, f"{zone}0", 1), (far, "eth0", 2)):
                ip("-n", name, "addr", "add", f"10.77.{number}.{last}/24", "dev", device)
                ip("-n", name, "link", "set", device, "up")
            ip("-n", far, "route", "add", "default", "via", f"10.77.{number}.1")

    @staticmethod
    def add(env, name):
        ip("netns", "add", name)
        env.cleanup(lambda: ip("netns", "del", name))
        ip("-n", name, "link", "set", "lo", "up")

    def within(self, zone=None):
        """What a command begins with to run there; without a zone, on the host."""
        return ["ip", "netns", "exec", f"{self.host}-{zone}" if zone else self.host]

    def run(self, zone, *argv):
        return subprocess.run([*self.within(zone), *argv], capture_output=True, text=True, check=True, timeout=20).stdout.strip()

    def reaches(self, zone, host, port):
        return self.run(zone, "/usr/bin/python3", "-c", CONNECT, host, str(port))


def test_e78_each_zone_reaches_what_it_may(env):
    net = Network(env)
    net.run(None, "nft", "-f", RULES)
    env.processes.append(Process(env, "application", [*net.within("app"), "/usr/bin/python3", "-c", APPLICATION]))
    until("the application", 20, lambda: net.reaches(None, "10.77.2.2", 9000) == "open", 0.2)
    cert, key = env.certificate("admin", "IP:10.77.3.1")
    lethe = Lethe(env, "http://10.77.2.2:9000",
                  admin={"address": f"10.77.3.1:{ADMIN}", "tls": {"certificate": cert, "key": key},
                         "metrics_key": "file:" + env.write("metrics.key", os.urandom(16).hex() + "\n", 0o400)})
    lethe.config["listen"] = [{"address": f"10.77.1.1:{PROXY}"}]
    lethe.save()
    lethe.prefix = net.within()
    lethe.start()

    answer = net.run("edge", "curl", "-sS", "-X", "PUT", f"http://10.77.1.1:{PROXY}/users/1", "-H", "Content-Type: application/json",
                     "-H", f"Lethe-Key: {lethe.keys['robot']}", "-d", json.dumps({"email": "ada@example.org"}))
    check("ada@" not in answer and "email" in answer, f"a client and the application behind Lethe: {answer}")
    equal(net.run("admin", "curl", "-sS", "--cacert", cert, "-o", "/dev/null", "-w", "%{http_code}", f"https://10.77.3.1:{ADMIN}/healthz"), "200",
          "an administrator asks for its health")

    strangers = [("edge", "10.77.3.1", ADMIN), ("edge", "10.77.1.1", ADMIN), ("edge", "10.77.2.2", 9000), ("edge", "10.77.3.2", 22),
                 ("admin", "10.77.1.1", PROXY), ("admin", "10.77.2.2", 9000),
                 ("app", "10.77.1.1", PROXY), ("app", "10.77.3.1", ADMIN), ("app", "10.77.1.2", 80),
                 (None, "10.77.2.2", 9001), (None, "10.77.1.2", 80)]
    with concurrent.futures.ThreadPoolExecutor(len(strangers)) as pool:
        for who, said in zip(strangers, pool.map(lambda who: net.reaches(*who), strangers)):
            check(said not in ("open", "Connection refused"), f"{who}: {said}")


def test_e78_without_the_rules_they_would(env):
    """The test above is not blind: the same places answer when nothing keeps them apart."""
    net = Network(env)
    net.run(None, "sysctl", "-qw", "net.ipv4.ip_forward=1")
    equal(net.reaches("edge", "10.77.3.1", ADMIN), "Connection refused", "a stranger")
    equal(net.reaches("edge", "10.77.2.2", 9000), "Connection refused", "a stranger")
    net.run(None, "nft", "-f", RULES)
    equal(net.reaches("edge", "10.77.3.1", ADMIN), "silent", "a stranger")
    equal(net.reaches("edge", "10.77.2.2", 9000), "silent", "a stranger")
