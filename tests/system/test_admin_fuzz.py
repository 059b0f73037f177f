# SPDX-License-Identifier: Apache-2.0
"""The admin API under requests that docs/openapi.yaml describes, and that it does not: whatever comes, the
answer is there in time, is what the description allows, and is never the server's own fault."""
import json
import os
import random
import string
import time
import urllib.parse

from harness import Conn, check
from test_admin_api import ROLES, Api, described, one_time_code

SECONDS = float(os.environ.get("LETHE_API_FUZZ_SECONDS", "60"))
TEXTS = ["", "a", "default", "email", "note", "retention", "2027-01-31", "P90D", "\u0000", "\U0001f600", "é" * 40,
         "x" * 5000, "' OR 1=1 --", "../../etc/passwd", "%00", "lt_" + "0" * 30, "{{7*7}}", "-1", "null", "b"]
NUMBERS = [0, 1, 2, -1, 2 ** 31, 2 ** 53, 2 ** 63 - 1, -2 ** 63, 2 ** 64, 1.5, 1e308]


class Fuzzer:
    def __init__(self, document, seed):
        self.document = document
        self.random = random.Random(seed)
        self.seen = {"subjects": ["fuzz-1"], "tokens": ["lt_none"], "persons": [], "digests": ["0" * 64]}

    def resolve(self, part):
        while isinstance(part, dict) and "$ref" in part:
            found = self.document
            for name in part["$ref"].removeprefix("#/").split("/"):
                found = found[name]
            part = found
        return part

    def text(self, name, schema):
        known = {"subject": self.seen["subjects"] + ["fuzz-%d" % self.random.randrange(5)],
                 "token": self.seen["tokens"], "person": self.seen["persons"] or ["1." + "0" * 32],
                 "digest": self.seen["digests"], "class": ["email", "note", "phone"], "domain": ["default"],
                 "purpose": ["account", "support"], "report": ["retention", "holds", "requests", "purges"]}
        if name in known and self.random.random() < 0.8:
            return self.random.choice(known[name])
        if "enum" in schema and self.random.random() < 0.8:
            return self.random.choice(schema["enum"])
        if schema.get("format") == "date":
            return f"202{self.random.randrange(10)}-0{self.random.randrange(1, 10)}-1{self.random.randrange(10)}"
        if self.random.random() < 0.5:
            return self.random.choice(TEXTS)
        return "".join(self.random.choices(string.printable, k=self.random.randrange(30)))

    def make(self, schema, name="", depth=0):
        schema = self.resolve(schema)
        kind = schema.get("type", "string")
        kind = self.random.choice(kind) if isinstance(kind, list) else kind
        if self.random.random() < 0.05 or depth > 6:
            return self.random.choice([None, True, [], {}, *TEXTS, *NUMBERS])
        if kind == "object":
            made = {}
            for member, part in schema.get("properties", {}).items():
                wanted = member in schema.get("required", [])
                if self.random.random() < (0.95 if wanted else 0.4):
                    made[member] = self.make(part, member, depth + 1)
            if self.random.random() < 0.1:
                made[self.random.choice(["op", "role", "slot", "key", "", "__proto__"])] = "x"
            if "properties" not in schema:
                for member in self.random.sample(["rights", "channel", "received", "reason", "owner", "keep"], 3):
                    made[member] = self.make({"type": ["string", "array", "integer"]}, member, depth + 1)
            return made
        if kind == "array":
            return [self.make(schema.get("items", {}), name.rstrip("s"), depth + 1)
                    for _ in range(self.random.choice([0, 1, 2, 3, 40]))]
        if kind == "integer":
            return self.random.choice(NUMBERS[:4]) if self.random.random() < 0.8 else self.random.choice(NUMBERS)
        return self.random.random() < 0.5 if kind == "boolean" else self.text(name, schema)

    def parameters(self, path, operation):
        query, fields = [], {}
        for parameter in operation.get("parameters", []):
            parameter = self.resolve(parameter)
            value = self.make(parameter["schema"], parameter["name"])
            value = value if isinstance(value, str) else json.dumps(value)
            if parameter["in"] == "header" and parameter["name"] not in ("Lethe-Otp", "Lethe-Purpose"):
                if self.random.random() < 0.3:
                    text = "".join(c for c in value if " " <= c <= "~").strip()
                    fields[parameter["name"]] = self.random.choice([text, '"%s"' % text.replace('"', ""), "*", "k1", "k2"])
            elif parameter["in"] == "path":
                path = path.replace("{%s}" % parameter["name"], urllib.parse.quote(value, safe="") or "0")
            elif parameter["in"] == "query" and self.random.random() < 0.7:
                query.append(f"{parameter['name']}={urllib.parse.quote(value, safe='')}")
        if self.random.random() < 0.03:
            query.append("what=ever")
        return path + ("?" + "&".join(query) if query else ""), fields

    def body(self, operation):
        """(bytes or None, fields)"""
        if "requestBody" not in operation and self.random.random() < 0.95:
            return None, {}
        described = self.resolve(operation.get("requestBody", {"content": {"application/json": {"schema": {}}}}))
        lines = described["content"].get("application/x-ndjson")
        if lines and self.random.random() < 0.3:
            made = [json.dumps(self.make(lines["schema"])) for _ in range(self.random.randrange(1, 600))]
            return "\n".join(made).encode(), {"Content-Type": "application/x-ndjson"}
        text = json.dumps(self.make(described["content"]["application/json"]["schema"])).encode()
        chance = self.random.random()
        if chance < 0.05 and text:
            at = self.random.randrange(len(text))
            text = text[:at] + bytes([self.random.randrange(256)]) + text[at + 1:]
        elif chance < 0.08:
            text = text[:self.random.randrange(len(text) + 1)]
        elif chance < 0.1:
            text = b"[" * 100000
        kinds = ["application/json"] * 30 + ["text/plain", "application/json; charset=latin-1", None]
        return text, {"Content-Type": self.random.choice(kinds)}

    def learn(self, response):
        """Real tokens, people and digests make deeper requests."""
        if response.headers["content-type"] == "application/x-ndjson":
            for line in map(json.loads, response.body.splitlines()):
                check(line.keys() & {"token", "value", "error"}, f"{line}")
            return
        found = json.loads(response.body)
        if not isinstance(found, dict):
            return
        self.seen["tokens"] = (self.seen["tokens"] + [t for t in found.get("tokens", []) if isinstance(t, str)])[-20:]
        for name in ("person", "digest"):
            if isinstance(found.get(name), str):
                self.seen[name + "s"] = (self.seen[name + "s"] + [found[name]])[-20:]


def judge(fuzzer, operation, response, what):
    check(response.status < 500 or response.status in (503, 507), f"{what}: {response}")
    told = operation["responses"]
    if response.status >= 400:
        check(response.headers["content-type"] == "application/problem+json", f"{what}: {response}")
        problem = json.loads(response.body)
        check({"type", "title", "status", "detail", "code"} <= set(problem), f"{what}: {problem}")
        return
    check(str(response.status) in told, f"{what}: {response.status} is not described")
    if response.headers.get("content-type") in ("application/json", "application/x-ndjson"):
        fuzzer.learn(response)


def test_what_is_described_and_what_is_not(env):
    """E65: also what no description has."""
    seed = int(os.environ.get("LETHE_API_FUZZ_SEED", random.randrange(2 ** 32)))
    print(f"LETHE_API_FUZZ_SEED={seed}")
    api = Api(env)
    for who in ("operator", "approver"):
        api.enrol(who)
    fuzzer = Fuzzer(described(), seed)
    operations = [(path, method, operation) for path, item in fuzzer.document["paths"].items()
                  for method, operation in item.items()]
    operations = [o for o in operations if not o[0].endswith("/revoke")]  # it would soon have no token left
    answers = {}
    end, count, code_step = time.monotonic() + SECONDS, 0, 0
    while time.monotonic() < end:
        path, method, operation = fuzzer.random.choice(operations)
        role = fuzzer.random.choice(ROLES + operation["x-roles"] * 3)
        target, fields = fuzzer.parameters(path, operation)
        body, more = fuzzer.body(operation)
        fields.update({n: v for n, v in more.items() if v is not None})
        step = int(time.time()) // 30
        if role in api.uris and step > code_step and fuzzer.random.random() < 0.1:
            fields["Lethe-Otp"] = one_time_code(api.uris[role])
            code_step = step
        if fuzzer.random.random() < 0.5:
            fields["Lethe-Purpose"] = "account"
        what = f"seed {seed}, request {count}: {role} {method.upper()} {target} {body!r:.300}"
        with Conn(api.address, timeout=30) as conn:
            fields["Authorization"] = f"Bearer {api.tokens[role]}"
            response = conn.request(method.upper(), target, body, fields)
        judge(fuzzer, operation, response, what)
        answers[response.status] = answers.get(response.status, 0) + 1
        count += 1
    print(f"answers: {sorted(answers.items())}")
    check(answers.get(200, 0) > 0 and answers.get(201, 0) > 0 and answers.get(202, 0) > 0, "nothing went through")
    check(count > SECONDS, f"only {count} requests")
    check(api.lethe.process.running(), "the server")
    with open(api.lethe.process.log) as log:
        check("fuzz-1" not in log.read(), "an identifier in the log")
