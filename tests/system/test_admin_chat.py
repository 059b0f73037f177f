# SPDX-License-Identifier: Apache-2.0
"""A chat may propose, and nothing else: signed, within five minutes, once (E69)."""
import hashlib
import hmac
import json
import os
import time

from harness import check, equal, until
from test_admin_api import Api, approval, one_time_code, problem, stored, value_of
from test_admin_once import trail
from test_monitor import admin_address

SECRET = "chat-secret-" + "s" * 20


class Chatty(Api):
    def __init__(self, env, **more):
        self.secret = env.write("chat.key", SECRET + "\n", 0o400)
        super().__init__(env, **more)

    def admin(self):
        return {"chat": {"secret": "file:" + self.secret, "link": "https://lethe.example:8444"}}

    def say(self, message, seconds=None, nonce=None, secret=SECRET, sent=None, headers=(), method="POST"):
        body = json.dumps(message).encode() if not isinstance(message, bytes) else message
        seconds = int(time.time()) if seconds is None else seconds
        nonce = nonce or os.urandom(12).hex()
        mac = hmac.new(secret.encode(), f"{seconds}.{nonce}.".encode() + body, hashlib.sha256).hexdigest()
        fields = {"Content-Type": "application/json",
                  "Lethe-Signature": f"t={seconds}, nonce={nonce}, hmac-sha256={mac}", **dict(headers)}
        return self.ask(method, "/v1/chat", body if sent is None else sent, None, fields)


def refused(api, response, status, code):
    equal(response.status, status, f"{response.body!r}")
    problem(response, code)
    name = response.headers["lethe-request-id"]
    (record,) = until("its record", 20, lambda: [r for r in trail(api) if r.get("request") == name], pause=0.3)
    equal((record["who"], record["operation"], record["error"], record["address"]),
          ("chat", "chat.propose", code, "127.0.0.1"), "the record")


def count(api):
    return len(api.got(200, "GET", "/v1/proposals", token="officer")["proposals"])


def test_e69_a_message_proposes_and_a_person_approves_elsewhere(env):
    api = Chatty(env)
    token, person = stored(api, "chat-sentinel")
    response = api.say({"operation": "subject.erase", "asked_by": "operator", "person": person, "ground": "b"})
    equal(response.status, 202, f"{response.body!r}")
    told = response.json()
    equal(set(told), {"proposal", "operation", "digest", "expires", "link"}, "what a chat is told")
    equal(told["link"], f"https://lethe.example:8444/ui/proposals/{told['proposal']}?digest={told['digest']}", "the link")
    equal(value_of(api, token), "n", "nothing happened")
    shown = api.got(200, "GET", f"/v1/proposals/{told['proposal']}", token="officer")
    equal((shown["proposed_by"], shown["state"]), ("operator", "open"), "the proposal")
    api.enrol("approver")
    equal(approval(api, told).json()["state"], "completed", "approved where people approve")
    equal(value_of(api, token), None, "then it is carried out")


def test_e58_a_chat_proposes_no_more_than_its_asker_may(env):
    api = Chatty(env, domains=["crm"])
    for name, more, why in [("note", ["--class", "note"], "all classes"), ("crm", ["--domain", "crm"], "all domains")]:
        api.token("operator", *more, name=name)
        response = api.say({"operation": "key.rotate", "asked_by": name})
        refused(api, response, 403, "DENIED")
        check(why in response.json()["detail"], f"{response.body}")
    equal(count(api), 0, "proposals")


def test_e69_what_is_old_edited_repeated_or_signed_by_others_is_refused(env):
    api = Chatty(env)
    message = {"operation": "key.rotate", "asked_by": "operator"}
    now = int(time.time())
    refused(api, api.say(message, secret="x" * 20), 401, "UNAUTHORIZED")
    refused(api, api.say(message, sent=json.dumps(dict(message, operation="clock.accept"))), 401, "UNAUTHORIZED")
    refused(api, api.say(message, headers={"Lethe-Signature": "t=1, nonce=x"}), 401, "UNAUTHORIZED")
    for bad in ("", "x", f"t={now}", f"t={now}, nonce={'a' * 16}, hmac-sha256={'0' * 64}",
                f"t={now},nonce={'a' * 16},hmac-sha256={'0' * 64}", f"t={now}, nonce={'a' * 16}, hmac-sha256={'0' * 63}"):
        equal(api.say(message, headers={"Lethe-Signature": bad}).status, 401, bad)
    equal(api.ask("POST", "/v1/chat", message, "operator").status, 401, "a token in place of a signature")
    refused(api, api.say(message, seconds=now - 330), 403, "DENIED")
    refused(api, api.say(message, seconds=now + 330), 403, "DENIED")
    equal(count(api), 0, "proposals")
    once = {"nonce": "n" * 20, "seconds": now}
    equal(api.say(message, **once).status, 202, "the first time")
    refused(api, api.say(message, **once), 409, "CONFLICT")
    api.lethe.kill()
    api.lethe.start()
    api.address = admin_address(api.lethe)
    refused(api, api.say(message, **once), 409, "CONFLICT")
    refused(api, api.say(dict(message, operation="clock.accept"), **once), 409, "CONFLICT")
    equal(count(api), 1, "proposals")


def test_e69_a_chat_can_propose_and_nothing_else(env):
    api = Chatty(env)
    _, person = stored(api, "p")
    by = {"asked_by": "operator"}
    for message, status in [
            ({"operation": "proposal.approve", "number": 1, "digest": "0" * 64, **by}, 403),
            ({"operation": "reveal", "tokens": ["x"], **by}, 403),
            ({"operation": "access.create", "name": "x", "role": "app", "expires": "P1D", **by}, 403),
            ({"operation": "subject.erase", "person": person}, 403),
            ({"operation": "subject.erase", "person": person, "asked_by": "approver"}, 403),
            ({"operation": "subject.erase", "person": person, "asked_by": "nobody"}, 403),
            ({"operation": "subject.erase", "subject": "p", **by}, 400),
            ({"operation": "subject.erase", "person": person, "dry_run": True, **by}, 400),
            ({"operation": "subject.erase", "person": person, "code": "123456", **by}, 400),
            ({"operation": "subject.erase", "op": "reveal", "person": person, **by}, 400),
            (b"[]", 400), (b"{", 400)]:
        response = api.say(message)
        equal(response.status, status, f"{message}: {response.body!r}")
    response = api.say({"operation": "subject.erase", "person": person, **by}, headers={"Lethe-Otp": "123456"})
    equal(response.status, 400, "a code in a chat")
    equal(api.say({"operation": "key.rotate", **by}, method="GET").status, 405, "another method")
    equal(count(api), 0, "proposals")
    api.enrol("operator")
    code = {"Lethe-Otp": one_time_code(api.uris["operator"])}
    response = api.say({"operation": "subject.erase", "person": person, **by})
    equal(response.status, 202, f"{response.body!r}")
    api.cli("access", "revoke", str(api.number("operator")))
    equal(api.say({"operation": "key.rotate", **by}).status, 403, "whose token is revoked")
    api.tokens["twin"] = api.token("approver", name="operator")
    api.enrol("operator")
    told = response.json()
    code = {"Lethe-Otp": one_time_code(api.uris["operator"])}
    own = api.ask("POST", f"/v1/proposals/{told['proposal']}/approve", {"digest": told["digest"]}, "twin", code)
    equal((own.status, "themselves" in own.json()["detail"]), (403, True), "their own, from the chat")


def test_a_chat_is_not_there_unless_it_is_asked_for_and_is_read_strictly(env):
    api = Chatty(env)
    del api.lethe.config["admin"]["chat"]
    api.lethe.save()
    api.cli("reload")
    equal(api.say({"operation": "key.rotate", "asked_by": "operator"}).status, 404, "none")
    wide = env.write("wide.key", SECRET, 0o644)
    for chat in ({"secret": "file:" + api.secret}, {"link": "https://x.example"},
                 {"secret": "file:" + api.secret, "link": "http://x.example"},
                 {"secret": "file:" + api.secret, "link": "https://x.example/"},
                 {"secret": "file:" + api.secret, "link": "https://x.example?a=b"},
                 {"secret": SECRET, "link": "https://x.example"},
                 {"secret": "file:" + wide, "link": "https://x.example"},
                 {"secret": "file:" + api.secret, "link": "https://x.example", "channel": "x"}):
        api.lethe.config["admin"]["chat"] = chat
        api.lethe.save()
        result = api.lethe.cli("check")
        equal(result.returncode, 78, f"{chat}: {result}")
        check(SECRET not in result.stderr or chat.get("secret") == SECRET, result.stderr)
