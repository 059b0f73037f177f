# SPDX-License-Identifier: Apache-2.0
"""Real applications behind Lethe, which know nothing of it."""
import json
import os
import ssl

from harness import LIST_FIELDS, USER_FIELDS, Lethe, check, equal
from upstreams import FastApi, JsonServer, Nginx, Postgres, Recorder

ADA = {"id": "ada", "email": "ada@example.org", "phones": ["+44 1632 960001"],
       "note": "met in Turin"}
BOB = {"id": "bob", "email": "bob@example.org", "phones": [], "note": None}
CLEAR = [b"ada@example.org", b"bob@example.org", b"960001", b"Turin", b"eve@example.org"]


def check_clean(data, what):
    for value in CLEAR:
        check(value not in data, f"{what} holds {value!r}")
    check(b"lt_" in data or b"lt-" in data, f"{what} holds no token: is it the right place?")


def test_nginx_stores_and_serves_only_tokens(env):
    app = Nginx(env)
    lethe = Lethe(env, app.url).start()
    response = lethe.request("PUT", "/users/ada", ADA, caller="officer")
    check(response.status in (201, 204), f"PUT: {response}")
    with open(os.path.join(app.root, "users", "ada"), "rb") as f:
        check_clean(f.read(), "the stored file")
    equal(lethe.request("GET", "/users/ada", caller="officer").json(), ADA, "GET")
    response = lethe.request("GET", "/users/ada", caller="officer",
                             headers={"Range": "bytes=0-10", "If-None-Match": "*",
                                      "If-Modified-Since": "Fri, 01 Jan 2038 00:00:00 GMT"})
    equal((response.status, response.json()), (200, ADA), "E40: GET with Range and conditions")
    equal(lethe.request("DELETE", "/users/ada").status, 204, "DELETE")
    equal(lethe.request("GET", "/users/ada", caller="officer").status, 404, "GET afterwards")


def test_nginx_answers_of_every_kind_pass(env):
    app = Nginx(env)
    lethe = Lethe(env, app.url)
    lethe.config["routes"] += [{"path": p, "methods": ["GET", "HEAD"], "upstream": "app"}
                               for p in ("/fixed", "/moved", "/gone")]
    lethe.save()
    lethe.start()
    with lethe.connect() as conn:
        for _ in range(3):
            equal(conn.request("GET", "/fixed").body, b'{"fixed":true}', "200")
            equal(conn.request("HEAD", "/fixed").headers["content-length"], "14", "HEAD")
            equal(conn.request("GET", "/moved").status, 301, "301")
            equal(conn.request("GET", "/gone").status, 204, "204")


def test_json_server_behind_lethe(env):
    app = JsonServer(env)
    lethe = Lethe(env, app.url)
    # The application's own key names the person, in bodies and in paths alike.
    next(r for r in lethe.config["routes"] if r["methods"] == ["POST"])["subject"] = "$.id"
    lethe.save()
    lethe.start()
    created = lethe.request("POST", "/users", ADA, caller="officer",
                            headers={"Accept-Encoding": "gzip, br", "Origin": "http://x.test"})
    equal((created.status, created.json()), (201, ADA), "POST")
    equal(lethe.request("GET", "/users/ada", caller="officer").json(), ADA, "GET")
    found = lethe.request("GET", "/users?email=ada%40example.org", caller="officer",
                          headers={"Accept-Encoding": "gzip"})
    equal(found.json(), [ADA], "search")
    equal(lethe.request("GET", "/users?email=eve%40example.org", caller="officer").json(), [],
          "search for nobody")
    changed = lethe.request("PATCH", "/users/ada", {"note": "met in Turin again"}, caller="officer")
    equal(changed.json(), {**ADA, "note": "met in Turin again"}, "PATCH")
    with open(app.database, "rb") as f:
        check_clean(f.read(), "the application's database")
    equal(lethe.request("DELETE", "/users/ada").status, 200, "DELETE")
    equal(lethe.request("GET", "/users/ada", caller="officer").status, 404, "GET afterwards")


def test_fastapi_on_postgresql_behind_lethe(env):
    postgres = Postgres(env)
    app = FastApi(env, postgres)
    # What identifies a person is the application's own key: created by the body, read by the path.
    lethe = Lethe(env, app.url, routes=[
        {"path": "/people", "methods": ["POST"], "upstream": "app", "subject": "$.id",
         "request": USER_FIELDS, "response": USER_FIELDS},
        {"path": "/people/{id}", "methods": ["GET", "PUT", "DELETE"], "upstream": "app",
         "subject": "path.id", "request": USER_FIELDS, "response": USER_FIELDS},
        {"path": "/people", "methods": ["GET"], "upstream": "app",
         "request": [{"query": "email", "class": "email", "mode": "lookup"}],
         "response": LIST_FIELDS}]).start()
    for person in (ADA, BOB):
        response = lethe.request("POST", "/people", person, caller="officer")
        equal((response.status, response.json()), (201, person), f"POST {person['id']}")
    equal(lethe.request("GET", "/people/ada", caller="officer").json(), ADA, "GET")
    equal(lethe.request("GET", "/people", caller="officer").json(), [ADA, BOB], "list")
    equal(lethe.request("GET", "/people?email=ada%40example.org", caller="officer").json(), [ADA],
          "search")
    equal(lethe.request("GET", "/people?email=eve%40example.org", caller="officer").json(), [],
          "search for nobody")
    changed = {**BOB, "phones": ["+44 1632 960001"], "note": "Turin too"}
    equal(lethe.request("PUT", "/people/bob", changed, caller="officer").json(), changed, "PUT")
    masked = lethe.request("GET", "/people/bob", caller="support-desk").json()
    equal(masked["email"], "b***@example.org", "the desk's view")
    # The application's own refusal of a wrong body shows what it was sent: tokens.
    response = lethe.request("PUT", "/people/bob", {**BOB, "phones": None, "email": "eve@example.org"})
    equal(response.status, 422, "the application refuses")
    check_clean(postgres.dump(), "the dump")
    equal(lethe.cli("subject", "erase", "ada").returncode, 0, "erase")
    gone = lethe.request("GET", "/people/ada", caller="officer").json()
    check(gone["email"].startswith("lt-") and gone["note"].startswith("lt_"), f"erased: {gone}")
    equal(lethe.request("GET", "/people/bob", caller="officer").json(), changed, "the other one")
    equal(lethe.request("DELETE", "/people/bob").status, 204, "DELETE")
    with open(env.path("postgres.log"), "rb") as log:
        check_clean(log.read(), "PostgreSQL's statement log")


def test_an_https_application_is_verified(env):
    """Chain and name, in TLS 1.2 and 1.3: a certificate for somebody else must not see a token."""
    def context(name, names, version=None, **options):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*env.certificate(name, names, **options))
        if version:
            tls.maximum_version = version
        return tls

    for name, names, ca, version, good in (
            ("right", "DNS:localhost", "right", None, True),
            ("right12", "DNS:localhost", "right12", ssl.TLSVersion.TLSv1_2, True),
            ("other", "DNS:other.test", "other", None, False),
            ("other12", "DNS:other.test", "other12", ssl.TLSVersion.TLSv1_2, False),
            ("unknown", "DNS:localhost", "right", None, False),
            ("system", "DNS:localhost", None, None, False)):
        app = Recorder(env, tls=context(name, names, version))
        lethe = Lethe(env, f"https://localhost:{app.port}", name="l-" + name)
        if ca:
            lethe.config["upstreams"]["app"]["ca"] = env.path(ca + ".crt")
        lethe.save()
        lethe.start()
        for _ in range(2):
            response = lethe.request("PUT", "/users/ada", ADA, caller="officer")
            equal(response.status, 200 if good else 502, f"PUT, certificate {name}")
        equal(app.count(), 2 if good else 0, f"requests upstream, certificate {name}")
        if good:
            equal((response.json(), app.connections <= 2), (ADA, True), f"certificate {name}")
        lethe.alive()
        lethe.stop()


def test_an_application_that_is_down_is_a_502(env):
    app = Nginx(env)
    lethe = Lethe(env, app.url).start()
    nginx = next(p for p in env.processes if p.name == "nginx-main")
    equal(nginx.stop(), 0, "nginx's exit code")
    response = lethe.request("PUT", "/users/ada", ADA, caller="officer")
    equal(response.status, 502, "PUT")
    check(b"Turin" not in response.body, "the value stands in the refusal")
    problem = response.json()
    equal(problem.get("status"), 502, f"problem+json {problem}")
    equal(json.loads(json.dumps(problem)), problem, "a JSON document")
