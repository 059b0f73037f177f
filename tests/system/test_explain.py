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
            (("--caller", "robot", "--purpose", "support", "GET", "/users/1"), None, 403)):
        answer = explain(lethe, *args, body=body, code=1)
        equal((answer["refused"], answer["status"]), (True, status), args)
        if "--caller" not in args:
            headers = dict(h.split(": ") for h in args[1:2] if args[0] == "-H")
            real = lethe.request(args[-2], args[-1], json.dumps(body) if isinstance(body, dict) else body,
                                 headers=headers)
            equal(real.status, status, args)
            equal(real.json()["detail"], answer["problem"]["detail"], args)


def test_e70_no_callers_key_stands_in_an_argument(env):
    lethe = Lethe(env)
    for header in ("Lethe-Key: planted-key-4711", "authorization:Bearer planted-key-4711"):
        result = lethe.cli("explain", "-H", header, "GET", "/users/1")
        equal(result.returncode, 2, header)
        check("--caller" in result.stderr and "planted" not in result.stderr, result.stderr)


def test_lookups_tokens_and_text(env):
    lethe = Lethe(env)
    answer = explain(lethe, "GET", "/users?email=ada%40example.org")
    equal(fates(answer), [("query", "email", "email", "looked up")], "a look-up")
    check("ada@" not in answer["forwarded"] and "ada%40" not in answer["forwarded"], answer)
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


EVERYWHERE = {
    "path": "/all/{id}", "upstream": "app", "subject": "path.id",
    "request": [
        {"path": "id", "class": "note"}, {"query": "q", "class": "email", "mode": "lookup"},
        {"header": "x-phone", "class": "phone"}, {"cookie": "c", "class": "note"},
        {"form": "f", "class": "note"}, {"multipart": "m", "class": "note"},
        {"filename": "m2", "class": "note"}, {"xml": "/p/@e", "class": "email"}],
    "response": [{"header": "x-phone", "class": "phone"}, {"cookie": "c", "class": "note"},
                 {"location": "*", "class": "email"}, {"json": "$.text", "scan": True},
                 {"text": "*"}]}
TRY = ("-H", "X-Phone: +44 1632 960001", "-H", "Cookie: a=b; c=crumb", "POST", "/all/7?q=ada%40example.org")
SAME = [("cookie", "c", "note", "tokenized"), ("header", "x-phone", "phone", "tokenized"),
        ("path", "id", "note", "tokenized"), ("query", "q", "email", "looked up")]


def test_every_place_has_its_say(env):
    lethe = Lethe(env)
    lethe.config["routes"].append(EVERYWHERE)
    lethe.save()
    part = '--B\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
    bodies = {
        ("application/x-www-form-urlencoded", "f=secret&g=1"): [("form", "f")],
        ("multipart/form-data; boundary=B", part % ("m", "", "secret")
         + part % ("m2", '; filename="secret.txt"', "file") + "--B--\r\n"):
            [("multipart", "m"), ("filename", "m2")],
        ("application/xml", "<p e='secret'>x</p>"): [("xml", "/p/@e")]}
    for (kind, body), found in bodies.items():
        answer = explain(lethe, "-H", "Content-Type: " + kind, "--caller", "support-desk", *TRY, body=body)
        absent = [("form", "f"), ("multipart", "m"), ("filename", "m2"), ("xml", "/p/@e")]
        wanted = SAME + [(*f, "email" if f[0] == "xml" else "note", "tokenized" if f in found else "absent")
                         for f in absent]
        equal(fates(answer), sorted(wanted), kind)
        for clear in ("secret", "960001", "crumb", "ada@", "ada%40", "/all/7"):
            check(clear not in answer["forwarded"], f"{kind}: {clear} in {answer['forwarded']}")
        equal([(f["place"], f["name"], f.get("class"), f["fate"]) for f in answer["answer_fields"]],
              [("header", "x-phone", "phone", "value"), ("cookie", "c", "note", "token"),
               ("location", "*", "email", "mask"), ("json", "$.text", None, "scanned"),
               ("text", "*", None, "scanned")], "the answer")
    text = lethe.cli("explain", *TRY).stdout
    check("answer     json $.text, class -: scanned\n" in text, text)


def test_lists_third_parties_and_websockets(env):
    lethe = Lethe(env)
    lethe.config["upstreams"]["partner"] = {"url": "http://127.0.0.1:9", "egress": True,
                                            "insecure_plain": True, "allow": ["127.0.0.0/8"]}
    lethe.config["routes"] += [
        {"path": "/list", "upstream": "app", "subject": "@.id",
         "request": [{"json": "$[*].email", "class": "email"}]},
        {"path": "/partner", "upstream": "partner", "direction": "egress", "subject": "none",
         "request": [{"json": "$.email", "class": "email"}, {"json": "$.text", "scan": True}],
         "response": [{"json": "$.phone", "class": "phone"}]},
        {"path": "/socket", "upstream": "app", "websocket": "pass"}]
    lethe.save()
    kind = ("-H", "Content-Type: application/json")
    answer = explain(lethe, *kind, "POST", "/list", body=[{"id": 1, "email": "a@b.example"},
                                                         {"id": 2, "email": "c@d.example"}])
    equal(answer["subject"], {"from": "each element", "name": "@.id"}, "whose")
    equal(fates(answer), [("json", "$[*].email", "email", "tokenized")] * 2, "of each")
    nobody = explain(lethe, *kind, "POST", "/list", body=[{"email": "a@b.example"}], code=1)
    equal((nobody["status"], nobody["refused"]), (422, True), "an element that names nobody")
    answer = explain(lethe, *kind, "POST", "/partner", body={"email": "a@b.example", "text": "none"})
    equal([(f["name"], f["fate"]) for f in answer["fields"]],
          [("$.email", "clear"), ("$.text", "no token in it")], "towards a third party")
    equal([f["fate"] for f in answer["answer_fields"]], ["tokenized"], "and back")
    over = ("-H", "Connection: Upgrade", "-H", "Upgrade: websocket", "-H", "Sec-WebSocket-Version: 13",
            "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    equal(explain(lethe, *over, "GET", "/socket")["websocket"], True, "a WebSocket")
    equal(explain(lethe, *over, "GET", "/users/1")["websocket"], False, "no route for one")
