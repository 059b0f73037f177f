# SPDX-License-Identifier: Apache-2.0
"""Requests made from docs/openapi.yaml: such as its schemas allow, such as are bent in one place, and such as nobody would send.
What answers tell (tokens, people, numbers, tags) goes into later requests, so that they come far."""
import datetime
import json
import string
import time
import urllib.parse

from api_answers import resolved
from harness import CLASSES
from test_admin_api import one_time_code

TEXTS = ["", "a", "default", "email", "note", "retention", "2027-01-31", "P90D", "\u0000", "\U0001f600", "é" * 40,
         "x" * 5000, "' OR 1=1 --", "../../etc/passwd", "%00", "lt_" + "0" * 30, "{{7*7}}", "-1", "null", "b", "\r\nX: y", "\u202e"]
NUMBERS = [0, 1, 2, -1, 2 ** 31, 2 ** 53, 2 ** 63 - 1, -2 ** 63, 2 ** 64, 1.5, 1e308]
KEEP = 30  # of what answers told, of each kind

VALID, BENT, WILD = "valid", "bent", "wild"


def later(days):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).strftime("%Y-%m-%d")


class Holder:
    """Somebody's token, and a second factor of which each code is good for once."""

    def __init__(self, role, token, uri):
        self.role, self.token, self.uri, self.step = role, token, uri, 0

    def code(self):
        """None: the next one comes with the next half minute."""
        now = int(time.time()) // 30
        if self.step >= now:
            return None
        self.step = max(self.step + 1, now - 1)
        return one_time_code(self.uri, self.step)


class Maker:
    """Values for schemas. `known` is what answers told, by the name of the member that wants it."""

    def __init__(self, random):
        self.random = random
        self.known = {"subject": ["fuzz-1"], "class": ["email", "note", "phone"], "domain": ["default"], "of_class": ["note"],
                      "purpose": ["account", "support", "letters"], "role": ["auditor", "support"],
                      "report": ["retention", "holds", "requests", "purges", "access"],
                      "rights": ["access"], "expires": ["P1D"], "owner": ["legal"], "timezone": ["UTC", "Europe/Berlin"],
                      "classes": ["email", "note"], "purposes": ["account"], "domains": ["default"], "networks": ["127.0.0.0/8"],
                      "certificate": ["ab" * 32], "caller": ["desk"], "state": ["open"], "letter": ["receipt"], "lang": ["en", "de"],
                      "review": [later(30)], "until": [later(300)], "notice_sent": [later(-1)], "aware": [later(-1) + "T15:00Z"],
                      "action": ["acknowledge", "ask-identity", "verify-identity", "scope", "extend", "fee", "refuse", "withdraw",
                                 "notify", "answer", "complain", "close"], "event": ["paid"], "ground": ["b", "a"],
                      "to": [later(0)], "from": [later(-60)], "received": [later(-3)], "asked_by": ["operator"]}

    def chance(self, share):
        return self.random.random() < share

    def learn(self, name, value):
        known = self.known.setdefault(name, [])
        if value not in known:
            known.append(value)
            del known[:-KEEP]

    def text(self, name, schema, mode):
        if mode == WILD and self.chance(0.3):
            return self.random.choice(TEXTS) if self.chance(0.5) else \
                "".join(self.random.choices(string.printable, k=self.random.randrange(30)))
        if name == "name":
            return f"n{self.random.randrange(10 ** 9)}"
        if name == "subject" and self.chance(0.3):
            return f"fuzz-{self.random.randrange(20)}"
        if "enum" in schema:
            return self.random.choice([word for word in self.known.get(name, []) if word in schema["enum"]] or schema["enum"])
        if name == "classes" and "description" in schema:  # a section of a configuration, in a text
            return json.dumps(dict(CLASSES, note=dict(CLASSES["note"], retain={"period": "P1D", "from": "created"})))
        if name in self.known:
            return self.random.choice(self.known[name])
        if schema.get("format") == "date":
            return later(self.random.randrange(-400, 400))
        if "examples" in schema:
            return self.random.choice(schema["examples"])
        if name in ("value", "values"):
            return self.random.choice(["ada@example.org", "+44 20 7946 0000", "a note", "ü" * 20, ""])
        return f"some {name or 'words'}"

    def make(self, schema, name="", mode=VALID, depth=0):
        schema = resolved(schema)
        kind = schema.get("type", "string")
        kind = self.random.choice(kind) if isinstance(kind, list) else kind
        if mode == WILD and self.chance(0.05) or depth > 6:
            return self.random.choice([None, True, [], {}, *TEXTS, *NUMBERS])
        if kind == "object":
            return self.make_object(schema, mode, depth)
        if kind == "array":
            count = self.random.choice([0, 1, 2, 3, 40] if mode == WILD else [1, 1, 2])
            item = name if name in self.known else name.removesuffix("s")
            return [self.make(schema.get("items", {}), item, mode, depth + 1) for _ in range(count)]
        if kind == "integer":
            return self.make_integer(schema, name, mode)
        return self.chance(0.5) if kind == "boolean" else self.text(name, schema, mode)

    def make_object(self, schema, mode, depth):
        made = {}
        for member, part in schema.get("properties", {}).items():
            wanted = member in schema.get("required", [])
            if self.chance((0.95 if wanted else 0.4) if mode == WILD else (1 if wanted else 0.25)):
                made[member] = self.make(part, member, mode, depth + 1)
        if mode == WILD and self.chance(0.1):
            made[self.random.choice(["op", "role", "slot", "key", "", "__proto__"])] = "x"
        return made

    def make_integer(self, schema, name, mode):
        if mode == WILD and self.chance(0.3):
            return self.random.choice(NUMBERS)
        if name in self.known and self.chance(0.9):
            return self.random.choice(self.known[name])
        return self.random.randrange(schema.get("minimum", 0), min(schema.get("maximum", 5), 5) + 1)

    def bend(self, made):
        """Another value in one place of it."""
        if not isinstance(made, (dict, list)) or not made or self.chance(0.3):
            return self.random.choice([None, True, [], {}, *TEXTS, *NUMBERS])
        key = self.random.choice(list(made)) if isinstance(made, dict) else self.random.randrange(len(made))
        bent = dict(made) if isinstance(made, dict) else list(made)
        if self.chance(0.2):
            del bent[key]
        else:
            bent[key] = self.bend(made[key])
        return bent

    def spoil(self, text):
        """Bytes that are no document any more, perhaps."""
        at = self.random.randrange(len(text) + 1)
        return self.random.choice([text[:at], text[:at] + bytes([self.random.randrange(256)]) + text[at + 1:], b"[" * 100000,
                                   text + b"}", b"\xef\xbb\xbf" + text, text.replace(b'"', b"'")])


class Request:
    """One that an operation describes, more or less."""

    def __init__(self, maker, path, method, operation, mode):
        self.path, self.method, self.operation, self.mode = path, method.upper(), operation, mode
        self.headers, self.body, self.lines = {}, None, 0
        self.target = self.make_target(maker)
        self.make_body(maker)

    def make_target(self, maker):
        path, query = self.path, []
        for parameter in map(resolved, self.operation.get("parameters", [])):
            name, where = parameter["name"], parameter["in"]
            known = f"{name} of {self.path.split('/')[2]}" if name == "number" else name
            value = maker.make(parameter["schema"], known, self.mode)
            if known == "number of access":  # who asks shall not lose their token, nor the second factor
                value = maker.random.choice([*maker.known.get(known, []), 999999])
            value = value if isinstance(value, str) else json.dumps(value)
            if where == "path":
                path = path.replace("{%s}" % name, urllib.parse.quote(value, safe="") or "0")
            elif where == "query" and (parameter.get("required") or maker.chance(0.5)):
                query.append(f"{name}={urllib.parse.quote(value, safe='')}")
            elif where == "header":
                self.add_header(maker, name, value)
        if self.mode == WILD and maker.chance(0.1):
            query.append("what=ever")
        return path + ("?" + "&".join(query) if query else "")

    def add_header(self, maker, name, value):
        if name == "Lethe-Purpose":
            self.headers[name] = maker.random.choice(maker.known["purpose"] if self.mode != WILD else ["account", "", "none"])
        elif name == "Idempotency-Key" and maker.chance(0.2):
            self.headers[name] = f"k{maker.random.randrange(10 ** 6)}" if self.mode == VALID else maker.random.choice(["k1", "k2", '"', "a b"])
        elif name in ("If-Match", "If-None-Match") and self.mode == WILD and maker.chance(0.5):
            text = "".join(c for c in value if " " <= c <= "~").strip()
            self.headers[name] = maker.random.choice([text, '"%s"' % text.replace('"', ""), "*", 'W/"', ",,,"])

    def make_body(self, maker):
        described = resolved(self.operation.get("requestBody", {}))
        if not described:
            if self.mode == WILD and maker.chance(0.1):
                self.body, self.headers["Content-Type"] = b"{}", "application/json"
            return
        lines = described["content"].get("application/x-ndjson")
        if lines and maker.chance(0.3):
            self.lines = maker.random.choice([1, 2, 255, 256, 257, 600])
            made = [json.dumps(self.variant(maker, lines["schema"])) for _ in range(self.lines)]
            self.body, self.headers["Content-Type"] = "\n".join(made).encode(), "application/x-ndjson"
            return
        text = json.dumps(self.variant(maker, described["content"]["application/json"]["schema"])).encode()
        self.body = maker.spoil(text) if self.mode == WILD and maker.chance(0.2) else text
        kinds = ["application/json"] * (8 if self.mode == WILD else 1)
        kind = maker.random.choice([*kinds, "text/plain", None] if self.mode == WILD else kinds)
        if kind is not None:
            self.headers["Content-Type"] = kind

    def variant(self, maker, schema):
        made = maker.make(schema, mode=WILD if self.mode == WILD else VALID)
        return maker.bend(made) if self.mode == BENT else made


class Plain(Request):
    """One that is as a test says."""

    def __init__(self, path, method, operation, target, headers, body):
        self.path, self.method, self.operation, self.mode = path, method, operation, VALID
        self.target, self.headers, self.lines = target, headers, 0
        self.body = None if body is None else json.dumps(body).encode()
        if body is not None:
            self.headers["Content-Type"] = "application/json"
