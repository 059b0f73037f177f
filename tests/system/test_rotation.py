# SPDX-License-Identifier: Apache-2.0
"""The drill: every secret that can be exchanged is exchanged while requests of all kinds go on. None of them fails, and the
old secret is refused afterwards. Root keys with a provider elsewhere: test_keys_remote.py."""
import json
import os
import ssl
import time

from harness import Background, check, equal, until
from test_admin_chat import SECRET, Chatty
from test_admin_once import restart
from test_callers import AUDIENCE, ISSUER, Issuer, base64url, openssl
from test_keys import copy_root, refuses, settled, status
from test_monitor import ask, figure, scrape
from test_reload import peer_certificate, reload

PERSON = {"email": "ada@example.org", "phones": ["+44 1632 960001"], "note": "calls at night"}
NAMES = "DNS:localhost,IP:127.0.0.1"


class Signer(Issuer):
    """One key of an issuer that has several."""

    def __init__(self, env, kid):
        super().__init__(env, kid)
        self.kid = kid
        self.current = self.token({"kid": kid}, sub="batch", exp=int(time.time()) + 600)

    def public(self):
        point = openssl("pkey", "-in", self.key, "-pubout", "-outform", "DER")[-32:]
        return {"kty": "OKP", "crv": "Ed25519", "kid": self.kid, "use": "sig", "x": base64url(point)}


class Drill(Chatty):
    """A server with a secret of every kind, and requests that use them without a pause."""

    def __init__(self, env):
        self.env = env
        self.scrapers = os.urandom(20).hex()
        super().__init__(env)
        self.signer = Signer(env, "k1")
        self.publish(self.signer)
        self.lethe.add_tls()
        self.lethe.config["callers"]["batch"] = {
            "jwt": {"jwks": "file:" + env.path("jwks.json"), "issuer": ISSUER, "audience": AUDIENCE},
            "purposes": ["account"], "reveal": {"email": "value"}}
        self.lethe.save()
        restart(self)
        self.ended = False
        kinds = (self.by_key, self.by_jwt, self.over_tls, self.by_token)
        self.counts = [0] * len(kinds)
        self.workers = [Background(self.work, number, kind) for number, kind in enumerate(kinds)]

    def admin(self):
        return {**super().admin(), "metrics_key": "file:" + self.env.write("scrape-1.key", self.scrapers + "\n", 0o400)}

    def publish(self, *signers):
        self.env.write("jwks.json", json.dumps({"keys": [s.public() for s in signers]}), 0o644)

    def reload(self):
        self.lethe.save()
        reload(self.lethe)

    # -- requests

    def by_key(self, n):
        person = {**PERSON, "email": f"k{n}@example.org"}
        return self.lethe.request("PUT", f"/users/k{n}", person, caller="robot")

    def by_jwt(self, n):
        person = {**PERSON, "email": f"j{n}@example.org"}
        response = self.lethe.request("PUT", f"/users/j{n}", person,
                                      headers={"Authorization": "Bearer " + self.signer.current})
        equal((response.status, response.json().get("email")), (200, person["email"]), f"what the caller sees: {response}")
        return response

    def over_tls(self, n):
        return self.lethe.request("PUT", f"/users/t{n}", PERSON, caller="officer", tls=True)

    def by_token(self, n):
        return self.ask("POST", "/v1/tokens", {"class": "note", "subject": f"a{n}", "values": ["n"]}, "app")

    def work(self, number, kind):
        while not self.ended:
            response = kind(self.counts[number] % 50)
            check(response.status in (200, 201, 204), f"{kind.__name__}, request {self.counts[number]}: {response}")
            self.counts[number] += 1

    def all_go_on(self):
        """Whatever was sent before has been answered, and something since."""
        then = list(self.counts)
        until("each client's next request but one", 20, lambda: self.ended_badly() or all(
            now > before + 1 for now, before in zip(self.counts, then)))

    def ended_badly(self):
        return any(w.error for w in self.workers)

    def stop(self):
        self.ended = True
        for worker in self.workers:
            worker.join()
        check(min(self.counts) > 10, f"there was no traffic: {self.counts}")


def drill_root_key(drill):
    before = status(drill.lethe)["epoch"]
    old = copy_root(drill.env, drill.lethe)
    equal(drill.lethe.cli("key", "rotate").returncode, 0, "key rotate")
    equal(status(drill.lethe)["versions"], [before + 1], "versions")
    settled(drill.lethe)
    return lambda: refuses(drill.lethe, old, before + 1)


def drill_callers_key(drill):
    """Both are good until every client has the new one."""
    lethe, robot = drill.lethe, drill.lethe.config["callers"]["robot"]
    old, new = lethe.keys["robot"], os.urandom(20).hex()
    robot["next_key"] = "file:" + drill.env.write("robot-2.key", new + "\n", 0o400)
    drill.reload()
    equal([lethe.request("GET", "/users/k1", headers={"Lethe-Key": key}).status for key in (old, new)], [200, 200], "both")
    lethe.keys["robot"] = new
    drill.all_go_on()
    robot["key"] = robot.pop("next_key")
    drill.reload()
    equal([lethe.request("GET", "/users/k1", headers={"Lethe-Key": key}).status for key in (old, new)], [401, 200], "new")


def drill_jwks(drill):
    """The set has both keys while tokens of the old one live."""
    old, new = drill.signer, Signer(drill.env, "k2")
    drill.publish(old, new)
    drill.reload()
    drill.all_go_on()
    drill.signer = new
    drill.all_go_on()
    drill.publish(new)
    drill.reload()
    statuses = [drill.lethe.request("GET", "/users/j1", headers={"Authorization": "Bearer " + s.current}).status
                for s in (old, new)]
    equal(statuses, [401, 200], "tokens of the old key, of the new one")


def drill_certificate(drill):
    """Clients trust both before the server shows the new one."""
    lethe, tls = drill.lethe, drill.lethe.config["listen"][1]["tls"]
    old, (cert, key) = tls["certificate"], drill.env.certificate("tls-2", NAMES)
    both = ssl.create_default_context(cafile=old)
    both.load_verify_locations(cafile=cert)
    lethe.tls = both
    tls.update(certificate=cert, key=key)
    drill.reload()
    drill.all_go_on()
    check(peer_certificate(lethe.addresses[1], cert), "the new certificate is shown")
    try:
        peer_certificate(lethe.addresses[1], old)
        check(False, "the old certificate is shown still")
    except ssl.SSLCertVerificationError:
        pass


def drill_access_token(drill):
    old, number = drill.tokens["app"], drill.number("app")
    drill.tokens["app"] = drill.token("app", name="app-2")
    drill.all_go_on()
    drill.cli("access", "revoke", str(number))
    equal([drill.ask("GET", "/v1/version", token=t).status for t in (old, drill.tokens["app"])], [401, 200], "old, new")


def drill_metrics_key(drill):
    old, new = drill.scrapers, os.urandom(20).hex()
    bearer = {"Authorization": "Bearer " + old}
    before = figure(scrape(drill.lethe, headers=bearer), "lethe_tokenized_total")
    drill.lethe.config["admin"]["metrics_key"] = "file:" + drill.env.write("scrape-2.key", new + "\n", 0o400)
    drill.reload()
    equal(ask(drill.lethe, "/metrics", headers=bearer).status, 401, "the old key")
    check(figure(scrape(drill.lethe, headers={"Authorization": "Bearer " + new}), "lethe_tokenized_total") > before,
          "figures that went on, for the new key")


def drill_chat_secret(drill):
    new = os.urandom(20).hex()
    equal(drill.say({"operation": "key.rotate", "asked_by": "operator"}).status, 202, "the old secret, before")
    drill.lethe.config["admin"]["chat"]["secret"] = "file:" + drill.env.write("chat-2.key", new + "\n", 0o400)
    drill.reload()
    message = {"operation": "clock.accept", "asked_by": "operator"}
    equal([drill.say(message, secret=s).status for s in (SECRET, new)], [401, 202], "the old secret, the new one")


def test_every_secret_is_exchanged_under_load(env):
    """E58: old ones count for nothing afterwards."""
    drill = Drill(env)
    refused_at_start = drill_root_key(drill)
    for exchange in (drill_callers_key, drill_jwks, drill_certificate, drill_access_token, drill_metrics_key,
                     drill_chat_secret):
        exchange(drill)
    drill.stop()
    person = {**PERSON, "email": "k1@example.org"}
    equal(drill.lethe.request("PUT", "/users/k1", person, caller="officer").json(), person, "values")
    equal(drill.lethe.stop(), 0, "stop")
    refused_at_start()
