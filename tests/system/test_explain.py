# SPDX-License-Identifier: Apache-2.0
"""`lethe explain`: each field's fate for a sample request, without touching store or upstream."""
import json
import os

from harness import Lethe, check, equal
from upstreams import Recorder

BODY = {"email": "ada@example.org", "phones": ["+44 1632 960001", "+44 1632 960002"], "other": 7}


def explain(lethe, *args, body=None, code=0):
    data = json.dumps(body) if isinstance(body, (dict, list)) else body or ""
    result = lethe.cli("explain", "--json", *args, data=data)
    equal(result.returncode, code, result.stderr + result.stdout)
    return json.loads(result.stdout) if code < 2 else result.stderr


def fates(answer):
    return sorted((f["place"], f["name"], f["class"], f["fate"]) for f in answer["fields"])


def files(folder):
    found = {}
    for top, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(top, name)
            found[path] = (os.stat(path).st_mtime_ns, os.path.getsize(path))
    return found


def test_each_field_has_a_fate_and_nothing_is_touched(env):
    upstream = Recorder(env)
    lethe = Lethe(env, upstream.url)
    before = files(lethe.store)
    os.mkdir(env.path("tmp"))
    os.environ["TMPDIR"] = env.path("tmp")
    answer = explain(lethe, "-H", "Content-Type: application/json", "--caller", "support-desk",
                     "PUT", "/users/4711", body=BODY)
    equal((answer["route"], answer["upstream"], answer["domain"]), ("/users/{id}", "app", "default"),
          "the route")
    equal(answer["subject"], {"from": "path", "name": "id", "found": True}, "the subject")
    equal(fates(answer), [("json", "$.email", "email", "tokenized"), ("json", "$.note", "note", "absent"),
                          ("json", "$.phones[*]", "phone", "tokenized"),
                          ("json", "$.phones[*]", "phone", "tokenized")], "the fields")
    equal(answer["answer"], {"email": "mask", "phone": "value", "note": "token"}, "what it would see")
    equal(answer["caller"], "support-desk", "the caller")
    forwarded = answer["forwarded"]
    check(forwarded.startswith("PUT /users/4711 HTTP/1.1\r\n"), forwarded)
    check("ada@example.org" not in forwarded and "960001" not in forwarded, forwarded)
    check('"other": 7' in forwarded and "Lethe-Key" not in forwarded, forwarded)
    equal((upstream.count(), upstream.connections), (0, 0), "the upstream heard of it")
    equal(files(lethe.store), before, "the store has changed")
    equal(os.listdir(env.path("tmp")), [], "something is left")


def test_it_says_what_the_server_would_say(env):
    upstream = Recorder(env)
    lethe = Lethe(env, upstream.url).start()
    header = ("-H", "Content-Type: application/json")
    for args, body, status in (
            ((*header, "PUT", "/users/1"), '{"note":', 400),
            ((*header, "PUT", "/users/1"), {"note": {"a": 1}}, 422),
            (("PUT", "/users/1"), {"note": "n"}, 415),
            (("GET", "/nowhere"), None, 404),
            (("POST", "/users/1"), None, 405),
            (("-H", "Lethe-Key: nobody-has-this-key", "GET", "/users/1"), None, 401),
            (("--caller", "robot", "--purpose", "support", "GET", "/users/1"), None, 403)):
        answer = explain(lethe, *args, body=body, code=1)
        equal((answer["refused"], answer["status"]), (True, status), args)
        if "--caller" not in args:
            headers = dict(h.split(": ") for h in args[1:2] if args[0] == "-H")
            real = lethe.request(args[-2], args[-1], json.dumps(body) if isinstance(body, dict) else body,
                                 headers=headers)
            equal(real.status, status, args)
            equal(real.json()["detail"], answer["problem"]["detail"], args)


def test_lookups_tokens_and_text(env):
    lethe = Lethe(env)
    answer = explain(lethe, "GET", "/users?email=ada%40example.org")
    equal(fates(answer), [("query", "email", "email", "looked up")], "a look-up")
    check("ada" not in answer["forwarded"], answer)
    result = lethe.cli("explain", "GET", "/users?email=ada%40example.org")
    equal(result.returncode, 0, result.stderr)
    check("request    query email, class email: looked up\n" in result.stdout, result.stdout)
    token = lethe.cli("tokenize", "--class", "note", "--subject", "1", "n").stdout.strip()
    answer = explain(lethe, "-H", "Content-Type: application/json", "PUT", "/users/1",
                     body={"note": token}, code=1)
    check(("json", "$.note", "note", "a token already") in fates(answer), answer)


def test_wrong_use_is_told(env):
    lethe = Lethe(env)
    check("no caller of that name" in explain(lethe, "--caller", "nobody", "GET", "/", code=2), "")
    check("Name: value" in explain(lethe, "-H", "nonsense", "GET", "/", code=2), "")
    equal(lethe.cli("explain", "GET").returncode, 2, "no path")
    with open(lethe.file, "a") as f:
        f.write("]")
    equal(lethe.cli("explain", "GET", "/").returncode, 78, "the configuration")
