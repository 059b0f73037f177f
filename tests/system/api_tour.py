# SPDX-License-Identifier: Apache-2.0
"""Every operation of the admin API once, as those ask who know how: what it makes is there for requests that know less."""
import hashlib
import hmac
import json
import os
import time

from api_fuzzer import later
from harness import check, until

SECRET = "chat-" + "s" * 20
NOTE = {"subject": "fuzz-1", "class": "note"}


def signature_of(body):
    """Of a chat's message."""
    now, nonce = int(time.time()), os.urandom(12).hex()
    mac = hmac.new(SECRET.encode(), f"{now}.{nonce}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={now}, nonce={nonce}, hmac-sha256={mac}"


class Tour:
    """`world`: test_admin_fuzz.World. Its steps are its methods, and go in their order."""

    def __init__(self, world):
        self.world, self.api, self.call = world, world.api, world.call

    # ---- asking ----

    def coded(self, method, path, body=None, role="operator", **headers):
        """With a code, as soon as somebody of the role has one left; with another one when its half minute ended on the way."""
        for _ in range(4):
            holder, code = until("a code that is left", 40, lambda: self.world.code_of(role), pause=0.5)
            response = self.world.call(method, path, body, token=holder.token, Lethe_Otp=code, **headers)
            if b"one-time code is wrong" not in response.body:
                break
        return response

    def decided(self, method, path, body=None):
        """What destroys: with somebody else's approval, or with a code."""
        if not self.world.four_eyes:
            return self.coded(method, path, body)
        told = self.call(method, path, body, role="operator")
        check(told.status == 202, f"{method} {path}: {told}")
        told = told.json()
        self.call("GET", f"/v1/proposals/{told['proposal']}", role="auditor")
        return self.coded("POST", f"/v1/proposals/{told['proposal']}/approve", {"digest": told["digest"]}, role="approver")

    def tokens(self, subject, word="note", value="a note"):
        body = {"subject": subject, "class": word, "values": [value]}
        return self.call("POST", "/v1/tokens", body).json()["tokens"]

    def person(self, subject):
        return self.call("POST", "/v1/subjects/find", {"subject": subject}, role="support").json()["person"]

    # ---- the steps ----

    def values(self):
        token = self.tokens("fuzz-1")[0]
        self.call("POST", "/v1/tokens/reveal", {"tokens": [token]}, Lethe_Purpose="account")
        self.call("POST", "/v1/tokens/rectify", {"token": token, "value": "another note"}, role="support")
        self.world.chain_bulk()

    def people(self):
        here = f"/v1/subjects/{self.person('fuzz-1')}"
        self.call("GET", here, role="support")
        self.call("PUT", f"{here}/restriction", {"ground": "a"}, role="support")
        self.coded("DELETE", f"{here}/restriction?notice_sent={later(-1)}")
        self.call("POST", f"{here}/objections", {"purpose": "support"}, role="support")
        self.call("POST", f"{here}/consents", {"purpose": "letters"}, role="support")
        self.coded("POST", f"{here}/export", {}, role="support")
        self.call("POST", "/v1/events", {"subject": "fuzz-1", "event": "paid"})
        self.call("POST", f"{here}/events", {"event": "paid"})

    def holds(self):
        made = self.coded("POST", "/v1/holds", {"of_class": "phone", "ground": "17(3)(e)", "owner": "legal", "review": later(30)}).json()
        self.call("GET", "/v1/holds", role="approver")
        self.call("GET", f"/v1/holds/{made['number']}", role="officer")
        self.decided("POST", f"/v1/holds/{made['number']}/lift", {"reason": "over"})

    def requests(self):
        """One that is granted, and lifted again."""
        self.tokens("fuzz-2")
        made = self.call("POST", "/v1/requests", {"with": {"rights": ["restriction"], "channel": "email"}, "subject": "fuzz-2"}, role="support")
        here = f"/v1/requests/{made.json()['number']}"
        for action, said in (("acknowledge", {"channel": "email"}), ("verify-identity", {"method": "login"}), ("scope", {"ground": "a"})):
            self.call("POST", f"{here}/{action}", {"with": said}, role="support")
        self.coded("POST", f"{here}/approve", {"with": {"by": "M. Roe"}}, role="approver")
        self.coded("POST", f"{here}/execute", {"with": {"right": "restriction"}})
        self.call("POST", f"{here}/answer", {"with": {"channel": "email", "template": "granted-en-1"}}, role="support")
        self.coded("POST", f"{here}/lift", {"with": {"right": "restriction", "channel": "email", "date": later(0)}})
        for path in ("/v1/requests", here, f"{here}/letter?letter=receipt&lang=en"):
            self.call("GET", path, role="officer")

    def erasures(self):
        """Of somebody whose data went on: recipients are told, or cannot be."""
        check(self.api.lethe.request("PUT", "/users/fuzz-3", {"note": "a note", "email": "fuzz-3@example.org"}).status == 200, "a person")
        self.decided("POST", "/v1/erasures", {"subject": "fuzz-3", "ground": "b"})
        listed = self.call("GET", "/v1/erasures", role="officer").json()["receipts"]
        self.call("GET", f"/v1/erasures/{listed[-1]['number']}/receipt", role="auditor")
        notices = until("notices", 20, lambda: self.failed_and_open())
        self.call("POST", f"/v1/notices/{notices[0]}/retry", role="operator")
        self.call("POST", f"/v1/notices/{notices[1]}/done", {"how": "by letter"}, role="operator")

    def failed_and_open(self):
        """The numbers of a notice that could not be sent, and of one that is a person's to give."""
        listed = self.call("GET", "/v1/notices?state=open", role="officer").json()["notices"]
        by_name = {n["recipient"]: n["number"] for n in listed if n["recipient"] != "crm" or n["tries"]}
        return [by_name["crm"], by_name["printer"]] if len(by_name) == 2 else None

    def rules(self):
        classes = self.api.lethe.config["classes"]
        self.call("POST", "/v1/retention/preview", {"classes": json.dumps(classes)}, role="officer")
        classes["phone"]["retain"] = {"period": "P3Y", "from": "created"}
        self.tokens("fuzz-1", "phone", "+44 1632 960001")
        self.api.lethe.save()
        self.coded("POST", "/v1/configuration/reload")
        digest = self.call("GET", "/v1/retention/preview", role="officer").json()["digest"]
        self.decided("POST", "/v1/retention/apply", {"confirm": digest})
        for path in (f"simulation?at={later(90)}", "versions", "status"):
            self.call("GET", f"/v1/retention/{path}", role="auditor")
        self.call("POST", "/v1/retention/recount", role="operator")
        self.decided("POST", "/v1/retention/repair", {"confirm": "0" * 32})
        self.call("POST", "/v1/retention/resume", {"class": "note"}, role="operator")

    def renewals(self):
        """One that is paused before the next pass of the server, and goes on."""
        for word in ("letter", "note", "email"):
            self.tokens("fuzz-1", word, "fuzz-1@example.org")
            plan = self.call("POST", "/v1/renewals/plan", {"class": word}, role="officer").json()
            made = self.decided("POST", "/v1/renewals", {"class": word, "confirm": plan["digest"]}).json()
            here = f"/v1/renewals/{made['number']}"
            if self.coded("POST", f"{here}/pause").status == 200:
                break
        self.call("GET", "/v1/renewals", role="auditor")
        self.call("GET", f"{here}/tokens?class={word}", role="operator")
        self.coded("POST", f"{here}/resume")
        until("it to be open", 40, lambda: self.call("GET", here, role="approver").json()["state"] == "open")
        self.decided("POST", f"{here}/finish")

    def watches(self):
        """Somebody walks into a trap, and is let in again."""
        bait = self.call("POST", "/v1/honeytokens", {"class": "note", "value": "nobody's"}, role="operator").json()["token"]
        self.api.app.handler.users["trap"] = json.dumps({"note": bait}).encode()
        self.api.lethe.request("GET", "/users/trap", caller="officer", headers={"Lethe-Purpose": "account"})
        until("an incident", 20, lambda: self.call("GET", "/v1/incidents", role="officer").json()["incidents"])
        self.call("GET", "/v1/honeytokens", role="officer")
        self.call("GET", "/v1/callers", role="auditor")
        self.coded("POST", "/v1/callers/officer/restore")

    def access(self):
        self.coded("POST", "/v1/access", {"name": "eyes", "role": "auditor", "expires": "P1D"})
        wanted = {"name": "second", "role": "approver", "expires": "P1D"}
        made = self.decided("POST", "/v1/access/appointments", wanted).json()
        here = f"/v1/access/{made['number']}"
        self.call("GET", "/v1/access", role="auditor")
        self.call("GET", here, role="auditor")
        self.coded("POST", f"{here}/collect")
        uri = self.coded("POST", f"{here}/enrol", role="approver").json()["uri"]
        self.call("POST", f"{here}/prove", {"first_code": self.world.first_code(uri)}, role="operator")
        self.decided("POST", f"{here}/unenrol")
        self.coded("POST", f"{here}/revoke", role="approver")

    def keys(self):
        for path in ("/v1/keys", "/v1/keys/public", "/v1/clock", "/v1/audit/status", "/v1/progress"):
            self.call("GET", path, role="operator")
        self.decided("POST", "/v1/keys/rotate")
        self.decided("POST", "/v1/clock/accept")

    def chat(self):
        """A chat proposes, whether or not there are four eyes; it is rejected."""
        message = {"operation": "key.rotate", "asked_by": "operator"}
        told = self.call("POST", "/v1/chat", message, token="", Lethe_Signature=signature_of(json.dumps(message).encode())).json()
        self.call("GET", "/v1/proposals", role="officer")
        if self.world.four_eyes:
            self.call("POST", f"/v1/proposals/{told['proposal']}/reject", role="operator")
        else:
            self.call("GET", f"/v1/proposals/{told['proposal']}", role="officer")
            self.coded("POST", f"/v1/proposals/{told['proposal']}/approve", {"digest": told["digest"]}, role="approver")

    def books(self):
        for path in ("audit", "audit/tail", "overview", "reports/holds", "reports/retention", "figures/flow", "figures/ages",
                     "figures/expiries", "figures/purges", "figures/burndown", "figures/matrix", "figures/holds"):
            self.call("GET", f"/v1/{path}", role="officer")
        for path in ("version", "openapi.yaml", "reports.schema.json"):
            self.call("GET", f"/v1/{path}")
        self.call("POST", "/v1/evidence", {}, role="auditor")

    def run(self):
        for step in (self.values, self.people, self.holds, self.requests, self.erasures, self.rules, self.renewals, self.watches, self.access, self.keys,
                     self.chat, self.books):
            step()
