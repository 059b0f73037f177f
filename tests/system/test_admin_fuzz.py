# SPDX-License-Identifier: Apache-2.0
"""The admin API under requests that docs/openapi.yaml describes, and that it does not: whatever comes, the
answer is there in time, is what the description allows to the last member, and is never the server's own fault.

LETHE_API_FUZZ_SECONDS (60), LETHE_API_FUZZ_SEED: how long, and from where."""
import collections
import concurrent.futures
import json
import os
import random
import time

from api_answers import METHODS, check_answer, described, operation_of
from api_fuzzer import BENT, VALID, WILD, Holder, Maker, Plain, Request
from api_tour import SECRET, Tour, signature_of
from harness import CLASSES, Conn, check, equal
from test_admin_api import ROLES, Api, one_time_code, routes

SECONDS = float(os.environ.get("LETHE_API_FUZZ_SECONDS", "60"))
HOLDERS = {"operator": 24, "approver": 8, "support": 4}  # of codes, each of which is good for once in half a minute
BUSY = (429, 503)  # says nothing of what was asked for
COMMON = {"Authorization", "Lethe-Purpose"}


class Wide(Api):
    """With all that the API can be asked about."""

    def __init__(self, env, **more):
        self.secret = env.write("chat.key", SECRET + "\n", 0o400)
        super().__init__(env, **more)

    def admin(self):
        return {"chat": {"secret": "file:" + self.secret, "link": "https://lethe.example:8444"}}


class World:
    """A server, and all who may ask it."""

    def __init__(self, env, seed, four_eyes):
        self.random = random.Random(seed)
        classes = json.loads(json.dumps(CLASSES))
        classes["note"]["retain"] = {"period": "P1Y", "from": "event:paid", "backstop": "P2Y"}
        classes["letter"] = {"format": "opaque", "basis": "6(1)(a)", "purposes": ["letters"], "retain": {"period": "P1Y", "from": "created"}}
        cert, _ = env.certificate("crm", "DNS:localhost,IP:127.0.0.1")
        recipients = {"crm": {"url": "https://127.0.0.1:9/lethe", "ca": cert, "upstreams": ["app"], "allow_private": True},
                      "printer": {"upstreams": ["app"]}}
        self.api = Wide(env, four_eyes=four_eyes, classes=classes, recipients=recipients, sweep_interval="5s")
        self.four_eyes = four_eyes
        self.maker = Maker(self.random)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            made = [pool.submit(self.holder, role, n) for role, count in HOLDERS.items() for n in range(count)]
        self.holders = {role: [m.result() for m in made if m.result().role == role] for role in HOLDERS}
        self.flags = {(r.method, r.path.replace("#", "")): r.flags for r in routes()}
        self.operations = [(path, method, item[method]) for path, item in described()["paths"].items()
                           for method in METHODS if method in item]
        self.done = collections.Counter()  # how often an operation was carried out
        self.answers = collections.Counter()
        self.tags = {}

    def holder(self, role, n):
        name = f"{role}-{n}"
        self.api.tokens[name] = self.api.token(role, name=name)
        self.api.enrol(name)
        return Holder(role, self.api.tokens[name], self.api.uris[name])

    # ---- asking ----

    def send(self, request, token):
        """The answer, which is looked at from all sides first."""
        headers = {**request.headers, "Authorization": f"Bearer {token}"}
        with Conn(self.api.address, timeout=30) as conn:
            response = conn.request(request.method, request.target, request.body, headers)
        what = f"{request.mode} {request.method} {request.target} {request.body!r:.300} {set(headers) - COMMON}: {response}"
        check(response.status < 500 or response.status in (503, 507), what)
        check(response.status != 401 or request.path == "/v1/chat" and "Lethe-Signature" not in headers, what)
        check("no-store" in response.headers["cache-control"] and response.headers["lethe-request-id"], what)
        check_answer(request.method, request.target, response)
        if response.headers.get("content-type") == "application/x-ndjson" and request.mode == VALID:
            equal(len(response.body.splitlines()), request.lines, what)
        self.answers[response.status] += 1
        if response.status < 300:
            self.done[request.method, request.path] += 1
            self.learn(request, response)
        return response

    def code_of(self, role):
        """(who has a code left, the code), or None."""
        for holder in self.random.sample(self.holders[role], len(self.holders[role])):
            code = holder.code()
            if code is not None:
                return holder, code
        return None

    def first_code(self, uri):
        return one_time_code(uri)

    def whom(self, request):
        """(a token, whether its role may), with a fresh code where one is wanted and to be had."""
        roles = request.operation["x-roles"]
        role = self.random.choice(roles if roles and (request.mode == VALID or self.maker.chance(0.8)) else ROLES)
        flags = self.flags.get((request.method, request.path), set())
        wants_code = "CODE" in flags or "APPROVAL" in flags and not self.four_eyes
        if wants_code and (request.mode == VALID or self.maker.chance(0.1)):
            found = self.code_of(role) if role in self.holders else None
            if found is not None:
                request.headers["Lethe-Otp"] = found[1]
                return found[0].token
        return self.api.tokens[role]

    def pick(self):
        """What was seldom carried out is asked for more often."""
        weights = [1 / (1 + self.done[method.upper(), path]) + 0.05 for path, method, _ in self.operations]
        return self.random.choices(self.operations, weights)[0]

    def ask(self, mode):
        path, method, operation = self.pick()
        request = Request(self.maker, path, method, operation, mode)
        token = self.whom(request)
        if path == "/v1/chat" and (mode != WILD or self.maker.chance(0.8)):
            request.headers["Lethe-Signature"] = signature_of(request.body or b"")
        response = self.send(request, token)
        self.follow(request, token, response)

    # ---- what answers tell ----

    def learn(self, request, response):
        if response.headers.get("content-type") != "application/json":
            return
        found, group = response.json(), request.path.split("/")[2]
        for name in ("person", "digest", "job", "version"):
            if isinstance(found.get(name), (str, int)) and group != "version":
                self.maker.learn("confirm" if name == "digest" and group == "retention" else name, found[name])
        for token in found.get("tokens") or []:
            if isinstance(token, str):
                self.maker.learn("token", token)
                self.maker.learn("tokens", token)
        listed = next((found[n] for n in ("holds", "requests", "proposals", "notices", "receipts") if n in found), [found])
        for one in listed if isinstance(listed, list) else []:
            number = one.get("number") if isinstance(one, dict) and "proposal" not in one else None
            if isinstance(number, (int, str)) and number and (group != "access" or request.method == "POST"):
                self.maker.learn(f"number of {'erasures' if 'format' in one or 'ledger' in one else group}", number)
            if isinstance(one, dict) and "proposal" in one:
                self.maker.learn("number of proposals", one["proposal"])
                self.maker.learn(("digest of", one["proposal"]), one.get("digest"))

    # ---- once more ----

    def follow(self, request, token, response):
        """The same again where that means something: under its key, with its tag, the next page."""
        if "Idempotency-Key" in request.headers and response.status < 300 and request.lines == 0:
            self.again(request, token, response)
        elif "etag" in response.headers and response.status == 200:
            self.unchanged(request, token, response)
        if "link" in response.headers:
            self.next_page(request, token, response)

    def again(self, request, token, before):
        request.headers.pop("Lethe-Otp", None)
        after = self.send(request, token)
        flags = self.flags[request.method, request.path]
        if flags & {"READS", "NUMBERED"} or after.status in BUSY:
            return
        if "SECRET" in flags or len(before.body) > 48 << 10:
            equal(after.status, 409, f"{request.target}: what is shown once")
            return
        equal((after.status, after.body, after.headers["idempotent-replayed"]), (before.status, before.body, "true"),
              f"{request.method} {request.target} again")

    def unchanged(self, request, token, before):
        request.headers["If-None-Match"] = before.headers["etag"]
        after = self.send(request, token)
        check(after.status in BUSY or after.status == 304 and not after.body or
              after.headers.get("etag", before.headers["etag"]) != before.headers["etag"], f"{request.target}: {after}")

    def next_page(self, request, token, response):
        request.target = response.headers["link"].split(">")[0].removeprefix("<")
        request.headers.pop("If-None-Match", None)
        after = self.send(request, token)
        check(after.status == 200 or after.status in BUSY, f"the next page: {request.target}: {after}")

    # ---- chains ----

    def call(self, method, path, body=None, role="app", token=None, **headers):
        """A request of a chain, which is right. token: in place of the role's."""
        written, operation = operation_of(method, path)
        request = Plain(written, method, operation, path, {n.replace("_", "-"): v for n, v in headers.items()}, body)
        if token is None:
            token = self.whom(request) if role is None else self.api.tokens[role]
        return self.send(request, token)

    def chain_bulk(self):
        """A job as the command line runs one, with its groups asked for twice."""
        job = self.call("POST", "/v1/bulk", {"classes": ["note", "email"], "purpose": "account"}).json()["job"]
        columns = [{"class": "note"}, {"class": "email"}, {}]
        rows = [[f"fuzz-{n}", 0, f"note {n}", 1, f"m{n}@example.org"] for n in range(self.random.randrange(1, 40))]
        body = {"group": 1, "on_error": "stop", "columns": columns, "rows": rows}
        first = self.call("POST", f"/v1/bulk/{job}/tokenize", body).json()
        equal(self.call("POST", f"/v1/bulk/{job}/tokenize", body).json(), first, "a group again")
        equal(self.call("POST", f"/v1/bulk/{job}/tokenize", {**body, "group": 3}).status, 409, "not its turn")
        flat = [part for n, token in enumerate(first["tokens"]) for part in (n % 2, token)]
        shown = self.call("POST", f"/v1/bulk/{job}/reveal", {"columns": columns, "tokens": flat}, Lethe_Purpose="account").json()
        values = [row[i] for row in rows for i in (2, 4)]
        known = {(token, value) for token, value, state in zip(first["tokens"], shown["values"], shown["states"]) if state == "s"}
        check(known <= set(zip(first["tokens"], values)), "values of a group")
        pairs = [part for n, token in enumerate(first["tokens"]) for part in (n % 2, token, values[n])]
        states = self.call("POST", f"/v1/bulk/{job}/verify", {"columns": columns, "pairs": pairs}).json()["states"]
        check(set(states) <= set("=hro0"), f"verified: {states}")
        bent = self.maker.bend(body)
        self.call("POST", f"/v1/bulk/{job}/tokenize", bent)
        self.call("POST", f"/v1/bulk/{job}/finish")

    def chain_request(self):
        """A person's request, step by step, whatever comes of each."""
        token = self.call("POST", "/v1/tokens", {"subject": "fuzz-9", "class": "note", "values": ["n"]}).json()["tokens"][0]
        added = self.call("POST", "/v1/requests", {"with": {"rights": ["access", "erasure"], "channel": "email"}, "token": token},
                          role="support").json()
        number, steps = added["number"], {
            "acknowledge": {"channel": "email"}, "ask-identity": {"channel": "email", "reason": "a new address"},
            "verify-identity": {"method": "reply"}, "scope": {}, "extend": {"reason": "number", "channel": "email", "by": "dpo"},
            "approve": {"by": "dpo"}, "execute": {}, "complain": {"reference": "DSB-1"}, "notify": {"recipients": 0},
            "answer": {"channel": "email", "template": "own:letter"}, "close": {"reason": "told"},
            "refuse": {"reason": "excessive", "by": "dpo", "reasoning": "file 7"}, "withdraw": {"channel": "email"}}
        for _ in range(6):
            shown = self.call("GET", f"/v1/requests/{number}", role="officer")
            action = self.random.choice([a for a in shown.json()["actions"] if a in steps] or ["complain"])
            fields = {"If_Match": shown.headers["etag"]} if self.maker.chance(0.5) else {}
            body = {"with": steps[action] if self.maker.chance(0.8) else self.maker.bend(steps[action])}
            special = action in ("approve", "execute")
            self.call("POST", f"/v1/requests/{number}/{action}", body, role=None if special else "operator", **fields)

    def chain_proposal(self):
        """What was proposed is approved by somebody else with the digest that was shown."""
        number = self.random.choice(self.maker.known.get("number of proposals", [None]))
        digests = self.maker.known.get(("digest of", number))
        if number is not None and digests:
            self.call("POST", f"/v1/proposals/{number}/approve", {"digest": digests[-1]}, role=None)

    def step(self):
        chance = self.random.random()
        if chance < 0.03:
            self.random.choice([self.chain_bulk, self.chain_request, self.chain_proposal])()
        else:
            self.ask(VALID if chance < 0.55 else BENT if chance < 0.75 else WILD)

    def end(self):
        check(self.api.lethe.process.running(), "the server")
        equal(self.api.lethe.stop(), 0, "its end")
        with open(self.api.lethe.process.log) as log:
            text = log.read()
        for word in ("fuzz-", "lta_", "example.org", '"INTERNAL"'):
            check(word not in text, f"{word} in the log")


def fuzz(env, four_eyes):
    seed = int(os.environ.get("LETHE_API_FUZZ_SEED", random.randrange(2 ** 32)))
    print(f"LETHE_API_FUZZ_SEED={seed}")
    world = World(env, seed, four_eyes)
    Tour(world).run()
    missing = {f"{m.upper()} {p}" for p, m, _ in world.operations if world.done[m.upper(), p] == 0}
    never = set() if four_eyes else {  # no purge is paused, no counter differs, nothing is proposed
        "POST /v1/retention/resume", "POST /v1/retention/repair", "POST /v1/proposals/{number}/reject"}
    equal(missing, never, "operations that were never carried out")
    end, count = time.monotonic() + SECONDS / 2, 0
    while time.monotonic() < end or count < 300:
        world.step()
        count += 1
    print(f"{count} steps, answers: {sorted(world.answers.items())}")
    check({200, 201} <= set(world.answers), "nothing went through")
    check(world.answers[202] > 0 or not four_eyes, "nothing was proposed")
    world.end()


def test_what_is_described_and_what_is_not(env):
    """E65: also what no description has."""
    fuzz(env, four_eyes=True)


def test_what_is_carried_out_at_once(env):
    """Without four eyes: what destroys, too."""
    fuzz(env, four_eyes=False)


test_what_is_described_and_what_is_not.limit = test_what_is_carried_out_at_once.limit = 240 + SECONDS
