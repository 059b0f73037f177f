# SPDX-License-Identifier: Apache-2.0
"""docs/openapi.yaml itself: valid OpenAPI 3.1, with an example for each answer, every member that a request may have, and
served by the server it describes. That answers are as it says is looked at wherever a test asks (api_answers.py)."""
import json
import os
import re
import subprocess

import jsonschema

from api_answers import METHODS, described, problems, reports, resolved, validator
from harness import ROOT, check, equal
from test_admin_api import ROLES, Api, problem, routes
from upstreams import npm_folder


def operations():
    for path, item in described()["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def test_it_is_valid_openapi(env):
    place = os.path.dirname(npm_folder())
    program = """
        import {Validator} from "@seriousme/openapi-schema-validator";
        import fs from "node:fs";
        const validator = new Validator();
        await validator.addSpecRef(fs.readFileSync(process.argv[3], "utf8"), "reports.schema.json");
        const result = await validator.validate(fs.readFileSync(process.argv[2], "utf8"));
        console.log(JSON.stringify({...result, version: validator.version}));
    """
    script = os.path.join(place, "openapi.mjs")
    with open(script, "w") as f:
        f.write(program)

    def look(file):
        done = subprocess.run(["node", script, file, os.path.join(ROOT, "docs/reports.schema.json")], capture_output=True, text=True, timeout=60, check=True)
        return json.loads(done.stdout)

    good = look(os.path.join(ROOT, "docs/openapi.yaml"))
    equal((good["valid"], good["version"]), (True, "3.1"), f"{str(good.get('errors'))[:2000]}")
    with open(os.path.join(ROOT, "docs/openapi.yaml")) as f:
        broken = env.write("broken.yaml", f.read().replace("      summary: Holds that are or were", "      sumary: Holds", 1))
    check(not look(broken)["valid"], "a misspelt member is none of OpenAPI's")


test_it_is_valid_openapi.limit = 300  # it may be the first to need npm's packages


def strict(schema, seen=()):
    """What is left open in a schema: objects that may have any member, but for those that say what they are."""
    if isinstance(schema, list):
        return [found for part in schema for found in strict(part, seen)]
    if not isinstance(schema, dict):
        return []
    if "$ref" in schema:
        return [] if schema["$ref"] in seen else strict(resolved(schema), (*seen, schema["$ref"]))
    found = [] if schema.get("type") != "object" or schema.get("additionalProperties") is False or \
        "properties" not in schema and "description" in schema else [sorted(schema.get("properties", ["any"]))]
    return found + [one for key, part in schema.items() if key not in ("examples", "enum") for one in strict(part, seen)]


def test_every_answer_has_a_schema_that_leaves_nothing_open(env):
    for path, method, operation in operations():
        for status, answer in operation["responses"].items():
            content = resolved(answer).get("content", {})
            check(content or status == "304", f"{method} {path} {status}: no schema")
            for kind, media in content.items():
                schema = media.get("schema")
                check(schema or kind == "application/x-tar", f"{method} {path} {status} {kind}")
                if kind.endswith("json") and kind != "application/schema+json" and schema != {"$ref": "reports.schema.json"}:
                    check(resolved(schema) != {"type": "object"}, f"{method} {path} {status}: any object")
                    equal(strict(schema), [], f"{method} {path} {status}")


def test_every_example_is_what_its_schema_says(env):
    count = 0
    for name, schema in described()["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        for example in schema.get("examples", []):
            wrong = [e.message for e in validator({"$ref": f"#/components/schemas/{name}"}).iter_errors(example)]
            equal(wrong, [], f"the example of {name}")
            count += 1
    check(count > 50, f"{count} examples")
    shown = set()
    for _, _, operation in operations():
        for answer in operation["responses"].values():
            for media in resolved(answer).get("content", {}).values():
                shown |= set(re.findall(r"#/components/schemas/(\w+)", json.dumps(media)))
    without = [name for name in shown if "examples" not in described()["components"]["schemas"][name]]
    equal(without, ["Nothing"], "answers without an example")


def members(name):
    """What the program's own table lets an operation take."""
    with open(os.path.join(ROOT, "admin/ops.c")) as f:
        found = re.search(r'\{"%s",\s*\{([^}]*)\}' % re.escape(name), f.read())
    check(found, f"the operation {name}")
    return set(re.findall(r'"([a-z_]+)"', found[1]))


# set by the server itself, or the host's alone
OWN = {"evidence": {"file"}, "request.act": {"version"}, "reveal": {"hold"}}


def test_every_member_that_a_request_may_have_is_written_of(env):
    wrong = {}
    for route in routes():
        name, _, always = route.operation.partition(" ")
        if name == "document":
            continue
        operation = described()["paths"][re.sub(r"\{#", "{", route.path)][route.method.lower()]
        body = resolved(operation.get("requestBody", {}))
        told = set(body["content"]["application/json"]["schema"].get("properties", {})) if body else set()
        told |= {p["name"] for p in map(resolved, operation.get("parameters", [])) if p["in"] in ("path", "query")}
        taken = members(name) - OWN.get(name, set()) - {always.split("=")[0]}
        if route.method == "GET" or name in ("subject.show", "audit.list"):  # by whom, as far as a path or a query may say
            taken &= told | {q.removeprefix("#") for q in route.query} | set(re.findall(r"\{#?([a-z]+)\}", route.path))
        if "{person}" in route.path:
            taken -= {"subject", "domain", "token", "class"}
        elif route.path != "/v1/events":
            taken -= {"person"} - told
        if told != taken:
            wrong[f"{route.method} {route.path}"] = {"only written": told - taken, "not written": taken - told}
    equal(wrong, {}, "members")


def test_the_server_has_the_document_that_describes_it(env):
    api = Api(env)
    for target, file, kind in (("/v1/openapi.yaml", "openapi.yaml", "application/yaml"),
                               ("/v1/reports.schema.json", "reports.schema.json", "application/schema+json")):
        with open(os.path.join(ROOT, "docs", file), "rb") as f:
            text = f.read()
        for role in ROLES:
            response = api.ask("GET", target, token=role)
            equal((response.status, response.headers["content-type"], response.body), (200, kind, text), f"{role} {target}")
        again = api.ask("GET", target, token="app", headers={"If-None-Match": response.headers["etag"]})
        equal((again.status, again.body), (304, b""), target)
        problem(api.ask("GET", target), "UNAUTHORIZED")
    bound = api.token("app", "--class", "note", "--domain", "default", name="bound")
    equal(api.ask("GET", "/v1/openapi.yaml", token=bound).status, 200, "a bound token")


class Answer:
    def __init__(self, status, body, kind="application/json"):
        self.status, self.headers, self.body = status, {"content-type": kind}, json.dumps(body).encode()


def test_what_is_not_written_is_seen(env):
    good = described()["components"]["schemas"]["Clock"]["examples"][0]
    refused = described()["components"]["schemas"]["Problem"]["examples"][0]
    equal(problems("GET", "/v1/clock", Answer(200, good)), [], "as it is written")
    for what, answer in (("a member more", Answer(200, {**good, "zone": "UTC"})),
                         ("a member less", Answer(200, {"state": "right"})), ("another word", Answer(200, {**good, "state": "odd"})),
                         ("no instant", Answer(200, {**good, "time": "2026-13-01T00:00:00.000Z"})),
                         ("a status", Answer(202, good)), ("a type", Answer(200, good, "text/plain")),
                         ("a refusal without its type", Answer(404, refused)),
                         ("a refusal with more", Answer(404, {**refused, "value": "x"}, "application/problem+json"))):
        check(problems("GET", "/v1/clock?a=b", answer), what)
    check(problems("GET", "/v1/reports/holds", Answer(200, {"report": "holds"})), "a report that is none")
    check(reports()["oneOf"], "reports")
