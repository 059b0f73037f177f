# SPDX-License-Identifier: Apache-2.0
"""One person's values through every place of one configuration (E10, E16, E17, E20, E22-E24, E37-E40): what
the upstream got, what rests in files, who sees what, and that nobody sees anything after the erasure."""
import json

from harness import Failure, Lethe, check, equal, make_request
from markers import Detector
from places import BOUNDARY, FORM, JSON, PLACES, Application
from upstreams import Recorder, answer

ADA, BOB = "ada-7", "bob-8"


class Bench:
    def __init__(self, env, **more):
        """more: keys of each route that has `request` fields."""
        self.env = env
        self.app = Recorder(env, Application())
        self.kept = self.app.handler.kept
        self.third = Recorder(env, lambda request, _: answer(200, request.body))
        self.lethe = Lethe(env, self.app.url)
        self.lethe.config["routes"] = [{**route, **(more if "request" in route else {})}
                                       for place in PLACES.values() for route in place.routes()]
        self.lethe.config["upstreams"]["third"] = {
            "url": self.third.url, "egress": True, "insecure_plain": True, "allow": ["127.0.0.0/8"]}
        self.lethe.config["routes"].append({
            "path": "/out/{id}", "methods": ["POST"], "upstream": "third", "direction": "egress",
            "subject": "path.id", "request": [{"json": "$.note", "class": "note"}],
            "response": [{"json": "$.note", "class": "note"}]})
        self.lethe.save()
        self.lethe.start()

    def send(self, place, who, text, caller=None):
        target, body, headers = place.send(who, text)
        return self.lethe.request("POST", target, body, caller, headers)

    def store(self, place, who, text):
        """Gives back the token that the application has for it."""
        before = self.app.count()
        response = self.send(place, who, text)
        check(response.status in (200, 303), f"{place.name}: {response}")
        equal(self.app.count() - before, 1, f"{place.name}: requests upstream")
        token = self.kept[place.name, who]
        check(token.startswith("lt_") and text not in repr(self.app.last()),
              f"{place.name}: {self.app.last()}")
        return token

    def look(self, place, who, caller="officer", method="GET", headers=()):
        return self.lethe.request(method, f"/{place.name}/{who}", None, caller, headers)

    def shown(self, place, who, caller="officer"):
        response = self.look(place, who, caller)
        check(response.status in (200, 303), f"{place.name}: {response}")
        return place.shown(response)

    def pay(self, who, token, caller="officer"):
        """The application writes to a third party."""
        return self.lethe.request("POST", f"/out/{who}", {"note": token}, caller)

    def refused(self, what, statuses, ask):
        """Nothing of it goes upstream."""
        before = self.app.count() + self.third.count()
        response = ask()
        check(response.status in statuses, f"{what}: {response}")
        equal(self.app.count() + self.third.count() - before, 0, f"{what}: requests upstream")

    def finish(self):
        check(not self.app.malformed, f"malformed upstream: {self.app.malformed}")
        self.lethe.alive()


def test_one_person_through_every_place_and_erased(env):
    bench, detector = Bench(env), Detector()
    seen = bytearray()  # by those who may see no value
    values = {name: detector.value(f".{name}.") for name in PLACES}
    tokens = {name: bench.store(place, ADA, values[name]) for name, place in PLACES.items()}
    equal(len(set(tokens.values())), len(PLACES), "different tokens")
    for name, place in PLACES.items():
        equal(bench.shown(place, ADA)[0], values[name], f"{name}: for the officer")
        equal(place.shown(bench.send(place, ADA, values[name], "officer"))[0], values[name],
              f"{name}: the answer to who sends it")
        for caller in ("robot", "support-desk", None):
            response = bench.look(place, ADA, caller)
            seen += response.raw + response.body
            equal(place.shown(response)[0], bench.kept[name, ADA], f"{name}: for {caller}")
        # A token comes back from who saw it, and stays.
        equal(bench.send(place, ADA, tokens[name]).status in (200, 303), True, f"{name}: own token")
        equal(bench.kept[name, ADA], tokens[name], f"{name}: own token")
    response = bench.pay(ADA, tokens["form"])
    equal(bench.third.last().json(), {"note": values["form"]}, "what the third party gets")
    check(response.json()["note"].startswith("lt_"), f"what the application gets: {response}")
    seen += response.raw + response.body

    def sweep():
        equal(detector.in_bytes(bench.app.bytes()), [], "values in what the upstream got")
        equal(detector.in_bytes(bytes(seen)), [], "values in answers for those who may see none")
        equal(detector.in_tree(env.dir) + detector.in_process(bench.lethe.process.pid), [],
              "values at rest")

    sweep()
    receipt = bench.lethe.cli("subject", "erase", ADA, "--reason", "asked for it")
    equal(receipt.returncode, 0, f"erase: {receipt.stderr}")
    for name, place in PLACES.items():
        response = bench.look(place, ADA)
        seen += response.raw + response.body
        equal(place.shown(response)[0], tokens[name], f"{name}: after the erasure")
        bench.refused(f"{name}: a dead token", (422,), lambda p=place: bench.send(p, ADA,
                                                                                 tokens[p.name]))
    bench.refused("a dead token for the third party", (422,), lambda: bench.pay(ADA, tokens["form"]))
    sweep()
    equal(bench.lethe.stop(), 0, "exit code")
    equal(detector.in_tree(env.dir), [], "values at rest")


def test_e24_somebody_elses_token_stays_closed_in_every_place(env):
    bench = Bench(env)
    for name, place in PLACES.items():
        bob = bench.store(place, BOB, f"Bobs-{name}")
        own = bench.store(place, ADA, f"Adas-{name}")
        bench.kept[name, ADA] = bob
        equal(bench.shown(place, ADA)[0], bob, f"{name}: Bob's in Ada's record")
        bench.refused(f"{name}: sent in as Ada's", (422,), lambda p=place, t=bob: bench.send(p, ADA, t))
        bench.refused(f"{name}: to a third party", (422,), lambda t=bob: bench.pay(ADA, t))
        bench.kept[name, ADA] = own
        equal(bench.shown(place, ADA)[0], f"Adas-{name}", f"{name}: her own")
    bench.finish()


def test_e22_e23_refused_tokens_tell_nothing_of_each_other(env):
    """One that never was, an erased person's, another person's, another domain's: the same answer, and
    nothing upstream."""
    bench = Bench(env)
    bench.lethe.stop()
    bench.lethe.config["domains"] = ["default", "other"]
    bench.lethe.config["routes"] += [
        {**route, "path": "/other" + route["path"], "domain": "other"} for route in PLACES["json"].routes()]
    bench.lethe.save()
    bench.lethe.start()
    application = bench.app.handler
    bench.app.handler = lambda request, _: answer(200, request.body)
    equal(bench.lethe.request("POST", f"/other/json/{ADA}", {"note": "secret"}).status, 200, "other")
    others = bench.app.last().json()["note"]
    bench.app.handler = application
    source = PLACES["json"]
    erased = bench.store(source, "gone", "secret-1")
    equal(bench.lethe.cli("subject", "erase", "gone", "--reason", "asked").returncode, 0, "erase")
    bench.store(source, ADA, "secret-2")
    kinds = {"never": "lt_002HwEx0XlgFHs9gd01bnod6jDhFL", "erased": erased,
             "Bob's": bench.store(source, BOB, "secret-3"), "another domain's": others}
    for name, place in PLACES.items():
        answers = set()
        for kind, token in kinds.items():
            response = bench.send(place, ADA, token, "officer")
            equal(response.status, 422, f"{name}: {kind}")
            document = response.json()
            check(token not in response.body.decode(), f"{name}: {kind}: echoed")
            answers.add((json.dumps({**document, "request_id": ""}), len(response.raw), len(response.body)))
        equal(len(answers), 1, f"{name}: answers that differ: {answers}")
    check(not any("secret" in repr(r) for r in bench.app.requests), "it arrived")
    bench.finish()


HOSTILE = ["x\r\nSet-Cookie: admin=1", "x\nX-Evil: 1", "\r\n\r\n<script>", "</script><script>alert(1)",
           '","admin":true,"x":"', '"}]}\n{"id":"evil","note":"1"}', "1&admin=1", "1;admin=1", "a+b %41 %",
           "--" + BOUNDARY + "--\r\n", '"><admin/><note of="', "]]></note><admin/><![CDATA[",
           "<!--", "&amp;&lt;&#13;", "v; Path=/; Domain=evil.example", 'v", admin="1', "\\", "\\\"",
           "../../../etc?x#y", "..", ".", "//evil.example/", "javascript:alert(1)", "\u2028\u2029",
           "\u202e\ufeff",
           "\U0001f600 \u00e9", " padded ", "\t", "'", "a\x1bb", "\x7f", "\x01", "=", "lt_", "null"]


def test_e37_e38_hostile_values_stay_inside_their_place(env):
    """Stored where any text can be, revealed everywhere: shown whole, or not at all."""
    bench = Bench(env)
    source, whole = PLACES["json"], {name: 0 for name in PLACES}
    for number, text in enumerate(HOSTILE):
        who = f"p{number}"
        bench.send(source, who, text)
        token = bench.kept["json", who]
        for name, place in PLACES.items():
            bench.kept[name, who] = token
            plain = bench.shown(place, who, None)
            what = f"{name}: {text!r}"
            try:
                got = bench.shown(place, who)
            except (ValueError, SyntaxError) as error:
                raise Failure(f"{what}: broke out: {error}") from error
            equal((plain[0], got[1]), (token, plain[1]), f"{what}: all around it")
            check(got[0] in (text, token), f"{what}: became {got[0]!r}")
            whole[name] += got[0] == text
            check(got[0] == text or not place.fits_all, f"{what}: not shown")
    check('"event":"unfit_value"' in bench.lethe.process.output(), "nothing was logged")
    check(all(count >= 3 for count in whole.values()), f"hardly anything is shown: {whole}")
    bench.finish()


test_e37_e38_hostile_values_stay_inside_their_place.limit = 300


def test_e39_a_thousand_foreign_tokens_are_no_values(env):
    bench = Bench(env)
    source, tokens = PLACES["json"], []
    for number in range(1000):
        with_it = f"q{number % 250}"
        bench.send(source, with_it, f"secret-{number}-")
        tokens.append(bench.kept["json", with_it])
    equal(len(set(tokens)), 1000, "tokens")
    bench.send(source, ADA, "Adas own")  # whom the vault knows
    many = {"lines": "".join(json.dumps({"id": ADA, "note": t}) + "\n" for t in tokens),
            "people": json.dumps([{"id": ADA, "note": t} for t in tokens]),
            "deep": json.dumps({"all": tokens}), "text": json.dumps({"text": " ".join(tokens)}),
            "plain": " ".join(tokens),
            "event": "".join(f"data: {json.dumps({'note': t})}\n\n" for t in tokens),
            "eventtext": "".join(f"data: see {t}\n\n" for t in tokens),
            "xml": "<person>" + "".join(f"<note>{t}</note>" for t in tokens) + "</person>",
            "attribute": "<person>" + "".join(f'<note of="{t}"/>' for t in tokens) + "</person>"}
    for name, body in many.items():
        bench.app.handler = lambda request, _, b=body, n=name: answer(200, b, (), PLACES[n].type)
        response = bench.look(PLACES[name], ADA)
        equal(response.status, 200, name)
        check(b"secret-" not in response.body, f"{name}: {response}")
        equal(sum(t.encode() in response.body for t in tokens), 1000, f"{name}: tokens that stay")
    bench.finish()


def test_e40_what_was_revealed_is_kept_by_nobody(env):
    bench = Bench(env)
    for name, place in PLACES.items():
        bench.store(place, ADA, f"Adas-{name}")
        conditions = {"Range": "bytes=0-3", "If-Range": '"1"', "If-None-Match": '"1"',
                      "If-Modified-Since": "Mon, 01 Jan 2024 00:00:00 GMT",
                      "Accept-Encoding": "gzip, br"}
        response = bench.look(place, ADA, headers=conditions)
        check(response.status in (200, 303), f"{name}: {response}")
        equal(place.shown(response)[0], f"Adas-{name}", f"{name}: whole")
        got = bench.app.last().headers
        for field in conditions:
            check(field.lower() not in got, f"{name}: {field} went up: {got}")
        equal([v for n, v in response.fields if n == "cache-control"], ["no-store"], name)
        for field in ("etag", "last-modified", "content-encoding", "accept-ranges", "age"):
            check(field not in response.headers, f"{name}: {field} came: {response.fields}")
        head = bench.look(place, ADA, method="HEAD")
        check(head.status in (200, 303) and not head.body, f"{name}: HEAD: {head}")
        if name not in ("header", "cookie", "location", "textheader"):
            check("content-length" not in head.headers and "etag" not in head.headers,
                  f"{name}: HEAD tells of the tokens: {head.fields}")
    bench.app.handler = lambda request, _: (b"HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n")
    response = bench.look(PLACES["json"], ADA)
    check(response.status in (304, 502) and not response.body, f"304: {response}")
    bench.finish()


def part(head, content="x"):
    return f"--{BOUNDARY}\r\n{head}\r\n\r\n{content}\r\n"


def test_e20_forms_that_two_servers_read_differently_reach_nobody(env):
    bench = Bench(env)
    note = 'Content-Disposition: form-data; name="note"'
    end = f"--{BOUNDARY}--\r\n"
    bodies = {
        "twice": part(note, "secret") * 2 + end, "not ended": part(note, "secret"),
        "a preamble": "secret\r\n" + part(note) + end, "an epilogue": part(note) + end + "secret",
        "bare line feeds": (part(note, "secret") + end).replace("\r\n", "\n"),
        "name without quotes": part(note.replace('"', ""), "secret") + end,
        "two names": part(note + '; name="a"', "secret") + end,
        "name and filename*": part(note + "; filename*=UTF-8''secret", "secret") + end,
        "name*": part("Content-Disposition: form-data; name*=UTF-8''note", "secret") + end,
        "an escaped name": part('Content-Disposition: form-data; name="n\\ote"', "secret") + end,
        "two dispositions": part(note + '\r\nContent-Disposition: form-data; name="a"', "secret") + end,
        "no disposition": part("Content-Type: text/plain", "secret") + end,
        "attachment": part(note.replace("form-data", "attachment"), "secret") + end,
        "a folded head": part(note.replace("; ", ";\r\n "), "secret") + end,
        "a part of parts": part(note + "\r\nContent-Type: multipart/mixed; boundary=y", "secret") + end,
        "base64": part(note + "\r\nContent-Transfer-Encoding: base64", "c2VjcmV0") + end,
        "another charset": part(note + "\r\nContent-Type: text/plain; charset=utf-7", "secret") + end,
        "as a file": part(note + '; filename="a.txt"', "secret") + end,
        "the delimiter inside": part('Content-Disposition: form-data; name="f"; filename="f"',
                                     f"x--{BOUNDARY}\r\n" + note + "\r\n\r\nsecret") + end,
        "a name in another case": part(note.replace('"note"', '"Note"'), "secret") + end,
        "empty": "",
    }
    types = {f"boundary {b!r}": f"multipart/form-data{b}" for b in (
        "", "; boundary=", "; boundary=other", f"; boundary={BOUNDARY}; boundary=other",
        f"; boundary={BOUNDARY}; Boundary={BOUNDARY}", f"; boundary*=UTF-8''{BOUNDARY}")}

    def send(body, content_type):
        return bench.lethe.request("POST", f"/part/{ADA}", body, None,
                                   {"Content-Type": content_type})

    own = f"multipart/form-data; boundary={BOUNDARY}"
    for what, body in bodies.items():
        bench.refused(what, (400, 415, 422), lambda b=body: send(b, own))
    for what, content_type in types.items():
        bench.refused(what, (400, 415), lambda t=content_type: send(part(note, "secret") + end, t))
    for body in ("note=secret&note=x", "note=secret;a=1", "note=%zz", "note=%ff", "Note=secret",
                 "n%6fte=secret&note=x", "note=secret\n", "note=\u00e9\0"):
        bench.refused(f"form {body!r}", (400, 422), lambda b=body: bench.lethe.request(
            "POST", f"/form/{ADA}", b, None, {"Content-Type": FORM}))
    for query in ("note=secret&note=x", "note=secret;a=1", "note=%zz", "note=%ff", "NOTE=secret"):
        bench.refused(f"query {query!r}", (400, 422), lambda q=query: bench.lethe.request(
            "POST", f"/query/{ADA}?{q}"))
    check(b"secret" not in bench.app.bytes(), "it arrived")
    bench.finish()


def test_e17_a_body_that_says_it_is_another_kind_reaches_nobody(env):
    """Each place's body under each other's type, and under types in which nothing is declared."""
    bench = Bench(env)
    families = {"json": "json", "gzip": "json", "lines": "lines", "form": "form", "xml": "xml",
                "part": "multipart"}
    types = {"json": JSON, "lines": "application/x-ndjson", "form": FORM, "xml": "application/xml",
             "multipart": f"multipart/form-data; boundary={BOUNDARY}", "text": "text/plain",
             "html": "text/html", "none": None, "graphql": "application/graphql",
             "protobuf": "application/x-protobuf", "csv": "text/csv", "two": f"{JSON}, {FORM}"}
    for name, family in families.items():
        target, body, headers = PLACES[name].send(ADA, "secret")
        for kind, value in types.items():
            # One JSON document is a line of NDJSON too: read as what it says, it is covered.
            if kind != family and {kind, family} != {"json", "lines"}:
                bench.refused(f"{name} as {kind}", (400, 415), lambda t=target, b=body, h=headers,
                              v=value: bench.lethe.request("POST", t, b, None,
                                                           {**h, "Content-Type": v}))
    for place in ("header", "cookie", "query", "path"):
        target, _, headers = PLACES[place].send(ADA, "marked-value")
        response = bench.lethe.request("POST", target, b"free text", None,
                                       {**headers, "Content-Type": "text/plain"})
        check(response.status in (200, 415), f"a body where only {place} is declared: {response}")
    check(b"secret" not in bench.app.bytes() and b"marked-value" not in bench.app.bytes(),
          "it arrived")
    bench.finish()


def test_e16_what_looks_like_personal_data_outside_the_fields_is_blocked_in_every_kind(env):
    bench = Bench(env, undeclared="block")
    mail = "secret.person@example.org"
    asks = {
        "JSON": ("/json/", json.dumps({"note": "x", "other": mail}), JSON),
        "a name of JSON": ("/json/", json.dumps({mail: 1}), JSON),
        "JSON in a string": ("/json/", json.dumps({"other": json.dumps([mail])}), JSON),
        "a line": ("/lines/", json.dumps({"id": ADA, "other": mail}) + "\n", "application/x-ndjson"),
        "a form": ("/form/", "other=secret.person%40example.org", FORM),
        "a name of a form": ("/form/", "secret.person%40example.org=1", FORM),
    }
    for what, (target, body, content_type) in asks.items():
        bench.refused(what, (422,), lambda t=target, b=body, c=content_type: bench.lethe.request(
            "POST", t + ADA, b, None, {"Content-Type": c}))
    for where in ("json", "form", "query"):
        target, body, headers = PLACES[where].send(ADA, "x")
        target += ("&" if "?" in target else "?") + "other=secret.person%40example.org"
        bench.refused(f"the query of {where}", (422,), lambda t=target, b=body, h=headers:
                      bench.lethe.request("POST", t, b, None, h))
    check("secret.person" not in bench.lethe.process.output(), "a value in the log")
    for name, place in PLACES.items():
        if name not in ("header", "cookie", "path", "textheader"):
            bench.store(place, ADA, mail)
    check(b"secret.person" not in bench.app.bytes(), "it arrived")
    bench.finish()


def test_e10_every_body_after_an_expectation_and_in_pieces(env):
    """Expect is answered here and the body of each kind arrives whole, framed by its length."""
    bench = Bench(env)
    for name, place in PLACES.items():
        target, body, headers = place.send(ADA, f"Adas-{name}")
        if body is None:
            continue
        raw = make_request("POST", target, body, {**headers, "Content-Length": None,
                                                  "Transfer-Encoding": "chunked",
                                                  "Expect": "100-continue"})
        head = raw[:raw.index(b"\r\n\r\n") + 4]
        before = bench.app.count()
        with bench.lethe.connect() as conn:
            conn.send(head)
            equal(conn.read_response(interim=True).status, 100, name)
            equal(bench.app.count() - before, 0, f"{name}: requests before the body")
            for at in range(0, len(body), 7):
                conn.send(b"%x\r\n%s\r\n" % (len(body[at:at + 7]), body[at:at + 7]))
            conn.send(b"0\r\n\r\n")
            equal(conn.read_response("POST").status, 200 if name != "location" else 303, name)
        last = bench.app.last()
        equal((bench.app.count() - before, "expect" in last.headers,
               int(last.headers["content-length"])), (1, False, len(last.body)), name)
        check(bench.kept[name, ADA].startswith("lt_"), f"{name}: {last}")
    bench.finish()
