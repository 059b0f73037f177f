# SPDX-License-Identifier: Apache-2.0
"""Bodies that try to carry a value past the tokenizer (E13, E15, E17-E19, E21): refused with
problem+json and the right class, nothing upstream, no input in the answer."""
import base64
import copy
import gzip
import json
import zlib

from harness import ROUTES, Lethe, check, equal, make_request
from upstreams import Recorder, answer

JSON = "application/json"
SECRET = "body-secret@example.org"


class Bench:
    def __init__(self, env, **overrides):
        self.app = Recorder(env)
        self.lethe = Lethe(env, self.app.url, **overrides).start()
        self.problems = []

    def send(self, body, headers):
        self.app.clear()
        with self.lethe.connect() as conn:
            key = {"Lethe-Key": self.lethe.keys["officer"], "Lethe-Purpose": "account"}
            try:
                conn.send(make_request("PUT", "/users/7", body, {**key, **headers}))
            except ConnectionError:
                pass  # refused before it was all sent; the answer may still be there
            return conn.read_response()

    def refused(self, name, body, statuses, headers=None,
                types=("application/problem+json",)):
        response = self.send(body, headers if headers is not None else {"Content-Type": JSON})
        if response.status not in statuses:
            self.problems.append(f"{name}: {response}, wanted {statuses}")
        if self.app.count():
            self.problems.append(f"{name}: upstream saw {self.app.requests}")
        if response.headers.get("content-type") not in types:
            self.problems.append(f"{name}: a refusal as {response.headers.get('content-type')}")
        if SECRET.encode() in response.body:
            self.problems.append(f"{name}: input echoed")

    def accepted(self, name, body, headers=None):
        response = self.send(body, headers if headers is not None else {"Content-Type": JSON})
        if response.status != 200 or self.app.count() != 1:
            self.problems.append(f"{name}: {response}, {self.app.count()} upstream")
        elif SECRET.encode() in self.app.last().body:
            self.problems.append(f"{name}: clear upstream")

    def finish(self):
        self.accepted("a good body", json.dumps({"email": SECRET}))
        self.lethe.alive()
        check(not self.problems, "\n".join(["", *self.problems]))


def test_e13_duplicate_names_at_any_depth(env):
    bench = Bench(env)
    for name, body in {
        "plain": '{"email":"%s","email":"x"}',
        "clear one last": '{"email":"x","email":"%s"}',
        "escaped": '{"email":"x","\\u0065mail":"%s"}',
        "both escaped": '{"\\u0065mail":"x","e\\u006dail":"%s"}',
        "undeclared name": '{"a":1,"a":"%s"}',
        "nested": '{"x":{"y":{"a":1,"a":"%s"}}}',
        "in an array": '{"x":[1,{"a":1,"a":"%s"}]}',
        "empty name": '{"":1,"":"%s"}',
        "solidus": '{"a/b":1,"a\\/b":"%s"}',
        "surrogate pair": '{"\U0001f600":1,"\\ud83d\\ude00":"%s"}',
        "NUL": '{"a\\u0000":1,"a\\u0000":"%s"}',
        "far apart": '{"k":1,' + ",".join(f'"f{i}":{i}' for i in range(2000)) + ',"k":"%s"}',
    }.items():
        bench.refused(name, body.replace("%s", SECRET), (400,))
    bench.accepted("same name at two depths", '{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}')
    bench.accepted("NUL makes a difference", '{"a":1,"a\\u0000":2,"a\\u0000b":3}')
    bench.finish()


def test_e13_an_escaped_name_is_the_declared_one(env):
    bench = Bench(env)
    for name in ('"email"', '"\\u0065mail"', '"\\u0065\\u006d\\u0061\\u0069\\u006c"',
                 '"emai\\u006C"'):
        bench.accepted(name, '{%s:"%s"}' % (name, SECRET))
        check(b"lt-" in bench.app.last().body, f"{name}: not tokenized")
    bench.finish()


DISGUISES = {
    "capital": "Email", "capitals": "EMAIL", "hyphen": "e-mail", "underscore": "e_mail", "blank": "email ",
    "fullwidth": "\uff45\uff4d\uff41\uff49\uff4c", "zero width": "e\u200bmail", "BOM": "\ufeffemail",
    "soft hyphen": "em\u00adail", "bold letter": "\U0001d41email", "circled letter": "emai\u24db",
    "NUL": "email\0", "dot": ".email", "brackets": "email[]",
}


def test_e14_names_that_come_near_a_declared_one(env):
    bench = Bench(env)
    for name, disguise in DISGUISES.items():
        for ascii_only in (True, False):
            bench.refused(name, json.dumps({disguise: SECRET}, ensure_ascii=ascii_only), (422,))
            bench.refused(name + " beside the right one", json.dumps(
                {"email": "x", disguise: SECRET}, ensure_ascii=ascii_only), (422,))
    bench.accepted("other names", '{"mail":1,"emails":2,"x":{"Email":3},"\u0435mail":4}')
    bench.finish()
    bench.lethe.stop()
    lines = [json.loads(line) for line in bench.lethe.process.output().splitlines() if line]
    near = [line for line in lines if line["event"] == "near_name"]
    equal(len(near), 4 * len(DISGUISES), "events")
    equal({(line["route"], line["field"]) for line in near}, {("/users/{id}", "$.email")}, "events")


def test_e14_near_names_can_be_allowed(env):
    routes = copy.deepcopy(ROUTES)
    routes[0]["near_names"] = "allow"
    bench = Bench(env, routes=routes)
    for name, disguise in DISGUISES.items():
        bench.accepted(name, json.dumps({"email": SECRET, disguise: "a clear value"}))
        check(b"a clear value" in bench.app.last().body, f"{name}: changed")
    bench.finish()


UNDECLARED = {
    "$.*": ("email", '{"remark":"write to %s"}' % SECRET),
    "$.*~": ("email", '{"%s":1}' % SECRET),
    "$.*[*].*": ("email", '{"l":[{"x":"body-secret\\u0040example.org"}]}'),
    "$[*].*": ("card", '[{"n":4111111111111111}]'),
    "$.*.*": ("iban", '{"bank":{"account":"DE89 3704 0044 0532 0130 00"}}'),
    "$.*.*.*": ("phone", '{"a":{"b":{"c":"+44 20 7946 0958"}}}'),
    "$.*.*[*]": ("national_id", '{"a":{"b":["RSSMRA85T10A562S"]}}'),
    "$.*.*.*~": ("email", '{"a":{"b":{"%s":1}}}' % SECRET),
}


def findings(lethe):
    lethe.stop()
    lines = [json.loads(line) for line in lethe.process.output().splitlines() if line]
    return [(line["place"], line["where"], line["kind"]) for line in lines
            if line["event"] == "undeclared"]


def undeclared(env, action):
    routes = copy.deepcopy(ROUTES)
    routes[0]["request"] = [{"json": "$.email", "class": "email"}, {"json": "$.list[*].x", "class": "note"}]
    routes[0]["undeclared"] = action
    return Bench(env, routes=routes)


def test_e16_what_looks_like_personal_data_is_blocked(env):
    bench = undeclared(env, "block")
    for where, (kind, body) in UNDECLARED.items():
        if where.startswith("$["):
            body = '{"x":' + body + '}'  # a list at the root is of another shape than declared
        bench.refused(f"{kind} at {where}", body, (422,))
    bench.refused("JSON in a string", json.dumps({"x": json.dumps({"y": SECRET})}), (422,))
    bench.refused("base64 in a string",
                  json.dumps({"x": base64.b64encode(SECRET.encode()).decode()}), (422,))
    bench.accepted("what is declared", json.dumps({"email": SECRET, "list": [{"x": SECRET}]}))
    bench.accepted("nothing", '{"a":"some text","b":1772357400000,"c":"2026-03-01T09:30:00Z"}')
    response = bench.lethe.request("PUT", "/users/7?q=body-secret%40example.org", "{}",
                                   headers={"Content-Type": JSON})
    equal(response.status, 422, "an address in the query")
    bench.finish()
    equal(len(findings(bench.lethe)), len(UNDECLARED) + 3, "events")


def test_e16_what_looks_like_personal_data_is_only_reported(env):
    bench = undeclared(env, "alert")
    wanted = []
    for where, (kind, body) in UNDECLARED.items():
        if where.startswith("$["):
            continue
        equal(bench.send(body, {"Content-Type": JSON}).status, 200, where)
        equal(bench.app.last().body, body.encode(), "what went up")
        wanted.append(("json", where, kind))
    bench.finish()
    equal(findings(bench.lethe), wanted, "events")
    check(SECRET not in bench.lethe.process.output(), "a value in the log")


def test_e15_other_types_than_declared(env):
    bench = Bench(env)
    for value in ("{}", '{"a":"%s"}', "[]", '["%s"]', '[["%s"]]', '{"toString":"%s"}'):
        bench.refused(f"email {value}", '{"email":%s}' % value.replace("%s", SECRET), (422,))
    for value in ('[["%s"]]', '[{"a":"%s"}]', '[[]]', '["x",{}]'):
        bench.refused(f"phones {value}", '{"phones":%s}' % value.replace("%s", SECRET), (422,))
    for value in ("1", "-0", "1e5", "true", "false", "null", '""'):
        bench.accepted(f"email {value}", '{"email":%s}' % value)
    bench.finish()


def test_e15_a_wrong_shape_around_the_field_hides_nothing(env):
    """`$.phones[*]` does not reach a text in `phones`, nor anything below a list at the root."""
    bench = Bench(env)
    for body in ('{"phones":"%s"}', '{"phones":"%s","email":"x"}', '[{"email":"%s"}]', '[["%s"]]',
                 '["%s"]'):
        bench.refused(body, body % SECRET, (400, 422))
    for body in ('{"phones":null}', '{"phones":[]}', '{"phones":{}}', "{}"):
        bench.accepted(body, body)
    bench.finish()


def test_e17_content_types(env):
    bench = Bench(env)
    body = json.dumps({"email": SECRET})
    for value in ("text/plain", "text/json", "application/jsonx", "application/octet-stream",
                  "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
                  "application/xml", "application/json, text/plain", "text/plain, application/json",
                  "json", "", "/", "application/", "application/json/x",
                  "application/json; charset=utf-16", "application/json; charset=latin1",
                  "application/json;charset=utf-7", "application/graphql", "application/cbor"):
        bench.refused(f"type {value!r}", body, (400, 415), {"Content-Type": value})
    bench.refused("no type", body.encode(), (400, 415), {})
    for value in (JSON, "Application/JSON", "application/json; charset=utf-8",
                  'application/json;charset="UTF-8"', "application/vnd.api+json",
                  "application/merge-patch+json", "application/x-ndjson"):
        bench.accepted(f"type {value!r}", body, {"Content-Type": value})
    bench.finish()


def test_e17_two_content_types(env):
    bench = Bench(env)
    body = json.dumps({"email": SECRET}).encode()
    for first, second in ((JSON, "text/plain"), ("text/plain", JSON), (JSON, JSON)):
        bench.app.clear()
        response, _ = bench.lethe.raw(
            b"PUT /users/7 HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Type: %s\r\n"
            b"Content-Length: %d\r\n\r\n" % (first.encode(), second.encode(), len(body)) + body)
        check(response is not None and response.status in (400, 415), f"{first}, {second}: {response}")
        equal(bench.app.count(), 0, "requests upstream")
    bench.finish()


def test_e17_no_body_needs_no_type(env):
    bench = Bench(env)
    bench.app.clear()
    equal(bench.lethe.request("DELETE", "/users/none").status, 404, "DELETE without a body")
    equal(bench.app.count(), 1, "requests upstream")
    bench.refused("an empty body with a length", b"", (400, 415, 422))
    bench.finish()


def test_e18_codings(env):
    bench = Bench(env)
    body = json.dumps({"email": SECRET}).encode()
    packed = gzip.compress(body)
    for coding, data in (("deflate", zlib.compress(body)), ("br", packed), ("br", body),
                         ("gzip, gzip", gzip.compress(packed)), ("identity, gzip", packed),
                         ("zstd", body), ("identity", packed), ("gzip", body),
                         ("gzip", packed[:-1]), ("gzip", packed + b"x"), ("gzip", packed + packed),
                         ("*", body), ("aws-chunked", body)):
        bench.refused(f"coding {coding}", data, (400, 415),
                      {"Content-Type": JSON, "Content-Encoding": coding})
    for coding in ("gzip", "x-gzip", "GZIP"):
        response = bench.lethe.request("PUT", "/users/7", packed,
                                       headers={"Content-Type": JSON, "Content-Encoding": coding})
        equal(response.status, 200, coding)
        seen = bench.app.last()
        check("content-encoding" not in seen.headers, "the application gets it plain")
        check(SECRET.encode() not in seen.body and b"@tok.invalid" in seen.body, repr(seen.body))
    bench.finish()


def test_e18_a_bomb_costs_nothing(env):
    bench = Bench(env)
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = b"".join(bomb.compress(b"\0" * (1 << 20)) for _ in range(64)) + bomb.flush()
    bench.refused("bomb", data, (400, 413, 415),
                  {"Content-Type": JSON, "Content-Encoding": "gzip"})
    with open(f"/proc/{bench.lethe.process.pid}/status") as f:
        rss = next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
    check(rss < 500_000, f"{rss} KiB resident")
    bench.finish()


def test_e18_a_coded_answer_is_not_passed_unread(env):
    def handler(request, _):
        return answer(200, zlib.compress(b'{"email":"clear@example.org"}'),
                      [("Content-Encoding", "deflate")])

    app = Recorder(env, handler)
    lethe = Lethe(env, app.url).start()
    response = lethe.request("GET", "/users/7", headers={"Accept-Encoding": "gzip, br"})
    coding = app.last().headers.get("accept-encoding", "identity")
    check("gzip" not in coding and "br" not in coding, f"asked the upstream for {coding!r}")
    equal(response.status, 502, "an answer that cannot be read")
    lethe.alive()


def test_e19_encodings(env):
    bench = Bench(env)
    text = '{"email":"%s","x":"\u00e9"}' % SECRET
    raw = b'{"email":"' + SECRET.encode() + b'","x":"%s"}'
    for name, body in {
        "UTF-16LE": text.encode("utf-16-le"),
        "UTF-16BE": text.encode("utf-16-be"),
        "UTF-16 with BOM": text.encode("utf-16"),
        "UTF-32": text.encode("utf-32"),
        "UTF-8 with BOM": b"\xef\xbb\xbf" + text.encode(),
        "Latin-1": text.encode("latin-1"),
        "overlong": raw % b"\xc0\xae",
        "overlong 3": raw % b"\xe0\x80\xaf",
        "overlong 4": raw % b"\xf0\x80\x80\xaf",
        "surrogate in UTF-8": raw % b"\xed\xa0\x80",
        "beyond Unicode": raw % b"\xf4\x90\x80\x80",
        "lone continuation": raw % b"\x80",
        "cut sequence": raw % b"\xe2\x82",
        "0xff": raw % b"\xff",
        "lone high surrogate": raw % b"\\ud800",
        "lone low surrogate": raw % b"\\udc00",
        "reversed pair": raw % b"\\udc00\\ud800",
        "high surrogate, then text": raw % b"\\ud800abc",
        "two high surrogates": raw % b"\\ud800\\ud800",
        "NUL byte": raw % b"\0",
        "control": raw % b"\x1f",
        "line break": raw % b"\n",
    }.items():
        bench.refused(name, body, (400,))
    bench.accepted("valid UTF-8", text)
    bench.accepted("escaped pair", raw % b"\\ud83d\\ude00")
    bench.finish()


def test_e21_more_than_one_document_or_none(env):
    bench = Bench(env)
    good = '{"email":"%s"}' % SECRET
    for name, body in {
        "two documents": good + good,
        "NDJSON": good + "\n" + good + "\n",
        "RS-separated": "\x1e" + good + "\n",
        "comma": good + ",",
        "garbage after": good + "x",
        "NUL after": good + "\0",
        "comment": "/* */" + good,
        "line comment": good + "// x",
        "JSONP": "f(" + good + ")",
        "prefix": ")]}'\n" + good,
        "trailing comma": '{"email":"%s",}' % SECRET,
        "single quotes": "{'email':'%s'}" % SECRET,
        "no quotes": '{email:"%s"}' % SECRET,
        "form": "email=" + SECRET,
        "XML": "<email>" + SECRET + "</email>",
        "GraphQL": 'mutation { a(email: "%s") }' % SECRET,
        "protobuf": b"\x0a\x17" + SECRET.encode(),
        "white space": "  \n",
        "open": '{"email":"%s"' % SECRET,
        "form feed": good + "\x0c",
        "no-break space": good + "\u00a0",
        "NaN": '{"email":"%s","n":NaN}' % SECRET,
        "leading zero": '{"email":"%s","n":01}' % SECRET,
        "plus": '{"email":"%s","n":+1}' % SECRET,
        "bare point": '{"email":"%s","n":.5}' % SECRET,
    }.items():
        bench.refused(name, body, (400,))
    bench.accepted("white space around", " \t\r\n" + good + " \t\r\n")
    bench.accepted("a scalar as root", '"just text"')
    bench.accepted("odd numbers", '{"a":1E400,"b":-0.0e-0,"c":1e999999,"d":' + "9" * 400 + "}")
    bench.finish()


def test_e83_depth_and_size_end_somewhere(env):
    bench = Bench(env)
    bench.refused("depth", '{"a":' + "[" * 100000 + "]" * 100000 + "}", (400, 413))
    bench.refused("depth 65", '{"a":' + "[" * 64 + "]" * 64 + "}", (400, 413))
    bench.accepted("depth 60", '{"a":' + "[" * 59 + "]" * 59 + "}")
    bench.refused("members", "{" + ",".join(f'"k{i}":0' for i in range(100001)) + "}", (413,))
    # Refused by libh2o while it still reads, in its own words.
    bench.refused("17 MB", '{"a":"' + "x" * (17 << 20) + '"}', (413,),
                  types=("application/problem+json", "text/plain; charset=utf-8"))
    bench.refused("a value of 2 MB", '{"email":"' + "x" * (2 << 20) + '"}', (413,))
    bench.refused("10001 fields", json.dumps({"phones": ["x"] * 10001}), (413,))
    bench.finish()


def test_e83_a_declared_length_over_the_limit_is_refused_at_once(env):
    bench = Bench(env)
    response, closed = bench.lethe.raw(
        b"PUT /users/7 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: 99999999999\r\n\r\n{")
    check(response is not None and response.status == 413, f"{response}")
    check(closed, "the connection stays open")
    equal(bench.app.count(), 0, "requests upstream")
    bench.finish()


def test_unreadable_answers_are_not_passed_on(env):
    bodies = {
        "not JSON": b"<html>clear@example.org</html>",
        "duplicate": b'{"email":"x","email":"clear@example.org"}',
        "two documents": b'{}{"email":"clear@example.org"}',
        "bad UTF-8": b'{"email":"clear@example.org\xff"}',
        "empty": b"",
    }
    app = Recorder(env)
    lethe = Lethe(env, app.url).start()
    for name, body in bodies.items():
        app.handler = lambda request, sock, body=body: answer(200, body)
        response = lethe.request("GET", "/users/7", caller="robot")
        check(b"clear@" not in response.body, f"{name}: passed on")
        check(response.status == 502 or name == "empty", f"{name}: {response}")
    app.handler = lambda request, sock: answer(200, b"<p>clear@example.org</p>",
                                               content_type="text/html")
    response = lethe.request("GET", "/users/7", caller="robot")
    check(b"clear@" not in response.body and response.status == 502, f"HTML: {response}")
    lethe.alive()


def test_a_clear_value_in_an_answer_is_shown_to_those_who_may_see_values_only(env):
    """An application that still holds values from before Lethe."""
    app = Recorder(env, lambda request, sock: answer(
        200, {"email": "old@example.org", "phones": ["+441632960007"], "note": "old note"}))
    lethe = Lethe(env, app.url).start()
    equal(lethe.request("GET", "/users/7", caller="officer").json()["email"], "old@example.org",
          "the officer's view")
    desk = lethe.request("GET", "/users/7", caller="support-desk").json()
    check("***" in desk["email"] and "old" not in desk["email"], f"masked as {desk['email']!r}")
    equal((desk["phones"], desk["note"]), (["+441632960007"], None), "the desk's view")
    for caller in ("robot", None):
        seen = lethe.request("GET", "/users/7", caller=caller)
        equal(seen.json(), {"email": None, "phones": [None], "note": None}, f"{caller}'s view")
