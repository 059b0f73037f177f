# SPDX-License-Identifier: Apache-2.0
"""docs/openapi.yaml as a test reads it: which operation a request asks for, and whether an answer is what is written of it. A
member that no schema has is a mistake, and so is a status that no operation has."""
import datetime
import functools
import json
import os
import re
import urllib.parse

import jsonschema
import yaml

from harness import ROOT, check

METHODS = ("get", "put", "post", "delete")
FORMATS = jsonschema.FormatChecker(formats=())


@FORMATS.checks("date", raises=ValueError)
def is_date(value):
    return not isinstance(value, str) or bool(datetime.date.fromisoformat(value))


@FORMATS.checks("date-time", raises=ValueError)
def is_instant(value):
    return not isinstance(value, str) or bool(datetime.datetime.fromisoformat(value.replace("Z", "+00:00")))


@functools.cache
def described():
    with open(os.path.join(ROOT, "docs/openapi.yaml"), encoding="utf-8") as f:
        return yaml.safe_load(f)


@functools.cache
def reports():
    with open(os.path.join(ROOT, "docs/reports.schema.json"), encoding="utf-8") as f:
        return json.load(f)


def resolved(part):
    """What a reference stands for."""
    while isinstance(part, dict) and "$ref" in part:
        where = part["$ref"]
        if where == "reports.schema.json":
            return reports()
        part = described()
        for name in where.removeprefix("#/").split("/"):
            part = part[name]
    return part


def validator(schema):
    """Of a schema anywhere in the document."""
    schema = reports() if schema == {"$ref": "reports.schema.json"} else schema
    return jsonschema.Draft202012Validator({**schema, "components": described()["components"]}, format_checker=FORMATS)


@functools.cache
def paths():
    """Those without parameters first: they are meant where both fit."""
    found = sorted(described()["paths"], key=lambda path: path.count("{"))
    return [(re.compile(re.sub(r"\\\{[a-z]+\\\}", "[^/]+", re.escape(path))), path) for path in found]


def operation_of(method, target):
    """(its path, what is written of it), or None."""
    wanted = urllib.parse.unquote(target.split("?")[0])
    for pattern, path in paths():
        if pattern.fullmatch(wanted) and method.lower() in described()["paths"][path]:
            return path, described()["paths"][path][method.lower()]
    return None


@functools.cache
def validator_of(path, method, status, kind):
    """None: nothing is written of such an answer."""
    told = described()["paths"][path][method]["responses"]
    answer = resolved(told.get(str(status), told["default"] if status >= 400 else {}))
    content = answer.get("content", {})
    return validator(content[kind].get("schema", {})) if kind in content else None


def problems(method, target, response):
    """What is wrong with an answer, as texts. Values are not repeated but for the member's name."""
    found = operation_of(method, target)
    kind = response.headers.get("content-type", "").split(";")[0]
    if found is None or response.status == 304:
        return [] if found is None or not response.body else ["304 with a body"]
    path, operation = found
    if response.status < 400 and str(response.status) not in operation["responses"]:
        return [f"{method} {path}: {response.status} is not described"]
    known = validator_of(path, method.lower(), response.status, kind)
    if known is None:
        return [f"{method} {path}: {response.status} with {kind!r} is not described"]
    if kind == "application/x-ndjson":
        answers = [json.loads(line) for line in response.body.splitlines()]
    elif kind.endswith("json"):
        answers = [json.loads(response.body)]
    else:
        return []
    return [f"{method} {path}: {response.status}: {explain(error)}" for answer in answers for error in known.iter_errors(answer)]


def explain(error):
    deepest = jsonschema.exceptions.best_match([error])
    return f"{'/'.join(map(str, deepest.absolute_path)) or 'the answer'}: {deepest.message[:300]}"


def check_answer(method, target, response):
    """Red when the description does not allow this answer."""
    wrong = problems(method, target, response)
    check(not wrong, f"against docs/openapi.yaml: {wrong[:3]}")
