# SPDX-License-Identifier: Apache-2.0
"""The main job: tokens for the application, values for who may see them, nothing for the others."""
import json
import re

from harness import Conn, Lethe, check, equal
from upstreams import Recorder

EMAIL_TOKEN = r"lt-[0-9a-hjkmnp-tv-z]{34}@tok\.invalid"
OPAQUE_TOKEN = r"lt_[0-9A-Za-z]{29}"
ADA = {"email": "ada@example.org", "phones": ["+44 1632 960001", "+44 1632 960002"],
       "note": "prefers \"tea\", not coffee \u2615", "plan": "standard", "age": 36}
PROBLEM = "application/problem+json"


def started(env, **overrides):
    app = Recorder(env)
    return app, Lethe(env, app.url, **overrides).start()


def is_token(text, pattern=OPAQUE_TOKEN):
    return isinstance(text, str) and re.fullmatch(pattern, text) is not None


def check_hidden(app, *values):
    """No byte the application ever got holds one of the values."""
    for value in values:
        check(value.encode() not in app.bytes(), f"the upstream saw {value!r}")


def test_a_stored_person_reaches_the_application_as_tokens(env):
    app, lethe = started(env)
    response = lethe.request("PUT", "/users/42", ADA, caller="officer")
    equal(response.status, 200, "PUT")
    seen = app.last().json()
    check(is_token(seen["email"], EMAIL_TOKEN), f"email became {seen['email']!r}")
    for phone in seen["phones"]:
        check(is_token(phone), f"a phone became {phone!r}")
    check(is_token(seen["note"]), f"note became {seen['note']!r}")
    equal((seen["plan"], seen["age"]), ("standard", 36), "what is not declared")
    check_hidden(app, ADA["email"], *ADA["phones"], "coffee")


def test_each_caller_gets_what_its_policy_says(env):
    app, lethe = started(env)
    equal(lethe.request("PUT", "/users/42", ADA, caller="officer").json(), ADA, "officer, PUT")
    stored = app.last().json()
    equal(lethe.request("GET", "/users/42", caller="officer").json(), ADA, "officer, GET")
    desk = lethe.request("GET", "/users/42", caller="support-desk").json()
    equal(desk["email"], "a***@example.org", "the desk's email")
    equal(desk["phones"], ADA["phones"], "the desk's phones")
    equal(desk["note"], stored["note"], "the desk's note")
    for caller in ("robot", None):
        equal(lethe.request("GET", "/users/42", caller=caller).json(), stored, f"{caller}, GET")


def test_a_wrong_key_or_purpose_reveals_nothing(env):
    app, lethe = started(env)
    lethe.request("PUT", "/users/42", ADA, caller="officer")
    count = app.count()
    for headers in ({"Lethe-Key": "no-such-key"}, {"Lethe-Key": lethe.keys["officer"][:-1]},
                    {"Lethe-Key": ""}):
        response = lethe.request("GET", "/users/42", headers=headers)
        equal(response.status, 401, f"GET with {headers}")
    response = lethe.request("GET", "/users/42", headers={
        "Lethe-Key": lethe.keys["support-desk"], "Lethe-Purpose": "account"})
    equal(response.status, 403, "a purpose the caller has not")
    check(ADA["email"].encode() not in response.body, "email in a refusal")
    equal(app.count(), count, "requests upstream")


def test_a_class_is_shown_for_its_own_purposes_only(env):
    app = Recorder(env)
    lethe = Lethe(env, app.url)
    lethe.config["classes"]["note"]["purposes"] = ["support"]
    lethe.save()
    lethe.start()
    lethe.request("PUT", "/users/42", ADA)
    stored = app.last().json()
    for purpose, note in (("support", ADA["note"]), ("account", stored["note"])):
        seen = lethe.request("GET", "/users/42", caller="officer",
                             headers={"Lethe-Purpose": purpose}).json()
        equal((seen["email"], seen["note"]), (ADA["email"], note), f"for {purpose}")
    response = lethe.request("GET", "/users/42", headers={"Lethe-Key": lethe.keys["officer"]})
    equal(response.status, 400, "several purposes, none named")


def test_untouched_bytes_stay_what_they_were(env):
    app, lethe = started(env)
    body = (b'{ "z" : 1.50e+2 ,\t"a":"\\u00e9\\/\xc3\xa9", "email"\r\n: "ada@example.org",'
            b'"n":-0,"big":123456789012345678901234567890, "e":{"email":"clear on purpose"} }\n')
    response = lethe.request("PUT", "/users/42", body, caller="officer",
                             headers={"Content-Type": "application/json"})
    equal(response.body, body, "the body that comes back")
    seen = app.last().body
    before, after = body.split(b'"ada@example.org"')
    check(seen.startswith(before) and seen.endswith(after), f"other bytes changed: {seen!r}")
    token = seen[len(before):len(seen) - len(after)].decode()
    check(is_token(token.strip('"'), EMAIL_TOKEN), f"email became {token!r}")


def test_values_of_every_json_type_come_back_as_they_were(env):
    app, lethe = started(env)
    body = (b'{"email":null,"phones":[12345678901234567890.50,true,false,null,"\\ud83d\\ude00 x",""],'
            b'"note":"line\\nbreak \\"quoted\\" \\u0000 \xe2\x82\xac"}')
    response = lethe.request("PUT", "/users/42", body, caller="officer",
                             headers={"Content-Type": "application/json"})
    equal(response.status, 200, f"PUT ({response.body!r})")
    equal(json.loads(response.body), json.loads(body), "the values that come back")
    check(b"12345678901234567890.50" in response.body, "a number was spelt anew")
    seen = app.last().json()
    equal((seen["email"], seen["phones"][3]), (None, None), "null")
    check(all(is_token(p) for p in seen["phones"][:3]), f"scalars became {seen['phones']}")


def test_post_takes_its_subject_from_the_body(env):
    app, lethe = started(env)
    response = lethe.request("POST", "/users", ADA, caller="officer")
    equal((response.status, response.json()), (201, ADA), "POST")
    equal(response.headers.get("location"), "/users/1", "Location")
    shown = lethe.cli("subject", "show", "ada@example.org")
    equal(shown.returncode, 0, f"subject show by the e-mail address ({shown.stderr})")
    check_hidden(app, ADA["email"])


def test_post_without_its_subject_is_refused(env):
    app, lethe = started(env)
    for body in ({"note": "whose?"}, {"email": None, "note": "whose?"}, {"email": ["a@example.org"]},
                 {"email": {}}, {"email": "", "note": "whose?"}):
        response = lethe.request("POST", "/users", body, caller="officer")
        check(response.status in (400, 422), f"POST {body}: {response}")
        equal(response.headers.get("content-type"), PROBLEM, "content type of a refusal")
    equal(app.count(), 0, "requests upstream")


def test_search_finds_by_the_deterministic_token(env):
    app, lethe = started(env)
    lethe.request("POST", "/users", ADA, caller="officer")
    lethe.request("POST", "/users", {**ADA, "email": "bob@example.org"}, caller="officer")
    found = lethe.request("GET", "/users?x=1&email=ada%40example.org&y=%20", caller="officer")
    equal(found.json(), [ADA], "search for Ada")
    target = app.last().target
    match = re.fullmatch(r"/users\?x=1&email=(.*)&y=%20", target)
    check(match and is_token(match[1].replace("%40", "@"), EMAIL_TOKEN), f"target {target!r}")
    check_hidden(app, "ada@example.org", "ada%40example.org")


def test_search_for_an_unknown_value_matches_nothing_and_stores_nothing(env):
    app, lethe = started(env)
    lethe.request("POST", "/users", ADA, caller="officer")
    before = lethe.cli("report", "retention", "--format", "json").stdout
    response = lethe.request("GET", "/users?email=nobody%40example.org", caller="officer")
    equal((response.status, response.json()), (200, []), "search for nobody")
    check_hidden(app, "nobody@example.org", "nobody%40")
    after = lethe.cli("report", "retention", "--format", "json").stdout
    equal([c["created"] for c in json.loads(after)["rows"]],
          [c["created"] for c in json.loads(before)["rows"]], "rows made by a search")


def test_equal_values_get_equal_tokens_only_where_declared(env):
    app, lethe = started(env)
    seen = []
    for _ in range(2):
        lethe.request("PUT", "/users/42", ADA)
        seen.append(app.last().json())
    equal(seen[0]["email"], seen[1]["email"], "the token of a deterministic class")
    check(seen[0]["note"] != seen[1]["note"], "a random class gave the same token twice")


def test_two_people_with_one_value_are_erased_one_at_a_time(env):
    """E54: one leaves, the other stays."""
    app, lethe = started(env)
    lethe.request("PUT", "/users/1", {"phones": ["+44 1632 960009"]})
    first = app.last().json()["phones"][0]
    lethe.request("PUT", "/users/2", {"phones": ["+44 1632 960009"]})
    equal(lethe.cli("subject", "erase", "1").returncode, 0, "erase the first")
    response = lethe.request("GET", "/users/2", caller="officer")
    equal(response.json(), {"phones": ["+44 1632 960009"]}, "the second one's record")
    response = lethe.request("GET", "/users/1", caller="officer")
    equal(response.json(), {"phones": [first]}, "the first one's record")


def test_a_token_sent_back_by_who_saw_tokens_stays_that_token(env):
    app, lethe = started(env)
    lethe.request("PUT", "/users/42", ADA)
    stored = app.last().json()
    seen = lethe.request("GET", "/users/42").json()
    equal(lethe.request("PUT", "/users/42", {**seen, "plan": "gold"}).status, 200, "PUT of tokens")
    equal(app.last().json(), {**stored, "plan": "gold"}, "what the application got")
    equal(lethe.request("GET", "/users/42", caller="officer").json(), {**ADA, "plan": "gold"},
          "what the officer sees")


def test_somebody_elses_token_in_a_record_is_not_revealed(env):
    """E24, E39: the application echoes Bob's token in Alice's record."""
    app, lethe = started(env)
    lethe.request("PUT", "/users/bob", {"note": "only Bob's"})
    bob = app.last().json()["note"]
    lethe.request("PUT", "/users/alice", {"email": "alice@example.org"})
    alice = app.last().json()["email"]
    app.handler.users["alice"] = json.dumps({"note": bob, "email": alice}).encode()
    response = lethe.request("GET", "/users/alice", caller="officer")
    equal(response.json(), {"note": bob, "email": "alice@example.org"}, "Alice's record")
    response = lethe.request("PUT", "/users/alice", {"note": bob}, caller="officer")
    equal(response.status, 422, "Bob's token written into Alice's record")


def test_a_record_of_nobody_known_shows_one_persons_values_only(env):
    """E39: by a name that Lethe does not know (the application's own number) one record cannot be
    made to show several people."""
    app, lethe = started(env)
    tokens = []
    for i in range(20):
        lethe.request("PUT", f"/users/p{i}", {"phones": [f"+44 1632 9601{i:02d}"]})
        tokens += app.last().json()["phones"]
    app.handler.users["4711"] = json.dumps({"phones": tokens}).encode()
    seen = lethe.request("GET", "/users/4711", caller="officer").json()["phones"]
    equal(seen[1:], tokens[1:], "everybody but the first")


def test_a_revealed_answer_is_not_cacheable_and_has_no_old_validators(env):
    from upstreams import answer

    def handler(request, _):
        return answer(200, request.body or b"{}", [
            ("ETag", '"1"'), ("Content-MD5", "x"), ("Digest", "sha-256=x"),
            ("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT"), ("Accept-Ranges", "bytes"),
            ("Cache-Control", "public, max-age=600"), ("X-Own", "kept")])

    app = Recorder(env, handler)
    lethe = Lethe(env, app.url).start()
    response = lethe.request("PUT", "/users/42", ADA, caller="officer")
    equal(response.json(), ADA, "the body")
    for name in ("etag", "content-md5", "digest", "accept-ranges"):
        check(name not in response.headers, f"{name} of the old bytes was kept")
    equal([v for n, v in response.fields if n == "cache-control"], ["no-store"], "Cache-Control")
    equal(response.headers.get("x-own"), "kept", "another header")


def test_the_callers_key_and_purpose_stay_with_lethe(env):
    app, lethe = started(env)
    lethe.request("PUT", "/users/42", ADA, caller="officer",
                  headers={"Authorization": "Bearer of-the-application"})
    names = app.last().headers
    check("lethe-key" not in names and "lethe-purpose" not in names, f"headers {sorted(names)}")
    equal(names.get("authorization"), "Bearer of-the-application", "the application's own header")
    check(lethe.keys["officer"].encode() not in app.bytes(), "the key went upstream")


def test_head_delete_and_other_answers_pass(env):
    app, lethe = started(env)
    lethe.request("PUT", "/users/42", ADA)
    response = lethe.request("HEAD", "/users/42", caller="officer")
    equal((response.status, response.body), (200, b""), "HEAD")
    equal(lethe.request("DELETE", "/users/42").status, 204, "DELETE")
    response = lethe.request("GET", "/users/42", caller="officer")
    equal((response.status, response.json()), (404, {"error": "no such user"}), "GET afterwards")


def test_an_undeclared_route_or_method_reaches_nobody(env):
    app, lethe = started(env)
    response = lethe.request("GET", "/other")
    equal((response.status, response.headers.get("content-type")), (404, PROBLEM), "no route")
    response = lethe.request("POST", "/users/42", ADA)
    equal((response.status, response.headers.get("content-type")), (405, PROBLEM), "no method")
    check("GET" in response.headers.get("allow", ""), f"Allow: {response.headers.get('allow')}")
    equal(app.count(), 0, "requests upstream")


def test_one_connection_carries_many_requests(env):
    app, lethe = started(env)
    with lethe.connect() as conn:
        for i in range(50):
            body = {"email": f"p{i}@example.org", "plan": str(i)}
            key = {"Lethe-Key": lethe.keys["officer"], "Lethe-Purpose": "account"}
            response = conn.request("PUT", f"/users/{i}", body, key)
            equal((response.status, response.json()), (200, body), f"request {i}")
    check(app.connections <= 4, f"{app.connections} connections upstream for one client")


def test_tls_serves_the_same(env):
    app = Recorder(env)
    lethe = Lethe(env, app.url)
    lethe.add_tls()
    lethe.start()
    equal(lethe.request("PUT", "/users/42", ADA, caller="officer", tls=True).json(), ADA, "PUT")
    with lethe.connect(tls=True) as conn:
        check(conn.sock.version() in ("TLSv1.2", "TLSv1.3"), conn.sock.version())
        equal(conn.request("GET", "/users/42").status, 200, "GET")


def test_threads_share_one_vault(env):
    """What one loop stored another reveals at once: read your own write, on any connection."""
    _, lethe = started(env, threads=4)
    for i in range(40):
        body = {"email": f"t{i}@example.org"}
        with lethe.connect() as one, lethe.connect() as other:
            equal(one.request("PUT", f"/users/t{i}", body).status, 200, "PUT")
            key = {"Lethe-Key": lethe.keys["officer"], "Lethe-Purpose": "account"}
            equal(other.request("GET", f"/users/t{i}", headers=key).json(), body, "GET")


def test_a_restart_forgets_nothing(env):
    _, lethe = started(env)
    lethe.request("PUT", "/users/42", ADA)
    equal(lethe.stop(), 0, "exit code")
    lethe.start()
    equal(lethe.request("GET", "/users/42", caller="officer").json(), ADA, "after a restart")
    lethe.kill()
    lethe.start()
    equal(lethe.request("GET", "/users/42", caller="officer").json(), ADA, "after kill -9")


def test_the_ready_line_is_on_standard_output_too(env):
    app = Recorder(env)
    lethe = Lethe(env, app.url)
    process = env.spawn("bare", [env.lethe_path(), "serve", "-c", lethe.file],
                        env=lethe.environment())
    from harness import until
    until("a ready line", 20, lambda: re.search(r"^ready .*:\d+$", process.output(), re.M))
    port = int(re.search(r"^ready \S*:(\d+)", process.output(), re.M)[1])
    with Conn(("127.0.0.1", port)) as conn:
        equal(conn.request("PUT", "/users/1", ADA).status, 200, "PUT")
    equal(process.stop(), 0, "exit code")
