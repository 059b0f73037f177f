# SPDX-License-Identifier: Apache-2.0
"""Callers that are known by a certificate or a JWT, made with the openssl program as an operator would."""
import base64
import json
import os
import ssl
import subprocess
import time

from harness import Conn, Lethe, check, equal
from upstreams import Recorder, answer as answer_with

ADA = {"email": "ada@example.org", "phones": ["+44 1632 960001"], "note": "met in Turin"}
ISSUER, AUDIENCE = "https://issuer.example", "lethe"


def openssl(*args, data=None):
    return subprocess.run(["openssl", *args], input=data, check=True, capture_output=True).stdout


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Issuer:
    """Signs JWTs with an Ed25519 key."""

    def __init__(self, env, name="issuer"):
        self.env = env
        self.key = env.path(name + ".pem")
        openssl("genpkey", "-algorithm", "ed25519", "-out", self.key)

    def jwks(self):
        public = openssl("pkey", "-in", self.key, "-pubout", "-outform", "DER")[-32:]
        return self.env.write("keys.json", json.dumps({"keys": [
            {"kty": "OKP", "crv": "Ed25519", "kid": "k1", "use": "sig", "x": base64url(public)}]}),
            0o444)

    def token(self, header=None, **claims):
        header = {"alg": "EdDSA", "kid": "k1", **(header or {})}
        claims = {"iss": ISSUER, "aud": AUDIENCE, "exp": int(time.time()) + 60, **claims}
        text = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
        signature = openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.key,
                            "-in", self.env.write("to_sign", text))
        return text + "." + base64url(signature)


def echoing(env, **more):
    """Lethe in front of an application that answers with what it was sent."""
    app = Recorder(env, lambda request, sock: answer_with(200, request.body))
    lethe = Lethe(env, app.url)
    lethe.config.update(more)
    return app, lethe


def jwt_caller(signer, **more):
    return {"jwt": {"jwks": "file:" + signer.jwks(), "issuer": ISSUER, "audience": AUDIENCE, **more},
            "purposes": ["account"], "reveal": {"email": "value", "note": "value"}}


def test_a_jwt_names_a_caller(env):
    issuer = Issuer(env)
    app, lethe = echoing(env)
    lethe.config["callers"]["batch"] = jwt_caller(issuer, claims={"sub": "batch"})
    lethe.save()
    lethe.start()
    good = {"Authorization": "Bearer " + issuer.token(sub="batch")}
    for _ in range(3):
        answer = lethe.request("PUT", "/users/42", ADA, headers=good)
        equal((answer.status, answer.json()["email"]), (200, ADA["email"]), "a good token")
        check(answer.json()["phones"] != ADA["phones"], "what it may not see stays a token")
    equal(app.requests[-1].headers["authorization"], good["Authorization"], "the application's copy")
    for headers, status, what in [
            ({"Authorization": "Bearer " + issuer.token(sub="ada")}, 200, "an application's user"),
            ({"Authorization": "Basic YTpi"}, 200, "another scheme"),
            ({"Authorization": "Bearer opaque"}, 200, "no JWT"),
            ({"Authorization": "Bearer " + issuer.token(sub="batch", exp=int(time.time()) - 60)}, 401,
             "an old one"),
            ({"Authorization": "Bearer " + issuer.token(sub="batch", aud="other")}, 401, "for others"),
            ({"Authorization": "Bearer " + Issuer(env, "evil").token(sub="batch")}, 401, "forged"),
            ({**good, "Lethe-Key": lethe.keys["robot"]}, 400, "two callers at once")]:
        before = len(app.requests)
        answer = lethe.request("PUT", "/users/42", ADA, headers=headers)
        equal(answer.status, status, what)
        equal(len(app.requests) - before, status == 200, what + ": requests upstream")
        check(b"ada@example.org" not in answer.body, what + " sees a value")


def test_a_token_of_our_own_header_stays_here(env):
    issuer = Issuer(env)
    app, lethe = echoing(env)
    lethe.config["callers"]["batch"] = jwt_caller(issuer, header="X-Batch-Token")
    lethe.save()
    lethe.start()
    token = issuer.token()
    answer = lethe.request("PUT", "/users/42", ADA, headers={"X-Batch-Token": token})
    equal(answer.json()["email"], ADA["email"], "PUT")
    check("x-batch-token" not in app.requests[-1].headers, "it went upstream")
    equal(lethe.request("PUT", "/users/42", ADA, headers={"X-Batch-Token": "opaque"}).status, 401,
          "what is no token there")
    for attack in ({"alg": "none"}, {"alg": "HS256"}, {"jku": "http://evil"}, {"crit": ["exp"]},
                   {"kid": "k2"}):
        equal(lethe.request("PUT", "/users/42", ADA,
                            headers={"X-Batch-Token": issuer.token(attack)}).status, 401, str(attack))


def test_a_claim_names_the_subject(env):
    issuer = Issuer(env)
    app, lethe = echoing(env)
    lethe.config["callers"]["batch"] = jwt_caller(issuer)
    lethe.config["routes"].append({
        "path": "/me", "methods": ["PUT"], "upstream": "app", "subject": "jwt.sub",
        "request": [{"json": "$.note", "class": "note"}],
        "response": [{"json": "$.note", "class": "note"}]})
    lethe.save()
    lethe.start()
    as_ada = {"Authorization": "Bearer " + issuer.token(sub="ada")}
    equal(lethe.request("PUT", "/me", {"note": "hello"}, headers=as_ada).json(), {"note": "hello"},
          "ada's own")
    token = app.requests[-1].json()["note"]
    as_bob = {"Authorization": "Bearer " + issuer.token(sub="bob")}
    answer = lethe.request("PUT", "/me", {"note": "mine"}, headers=as_bob)
    equal(answer.json(), {"note": "mine"}, "bob's own")
    equal(lethe.request("PUT", "/me", {"note": token}, headers=as_bob).status, 422, "E24: ada's as bob")
    equal(lethe.request("PUT", "/me", {"note": "whose?"},
                        headers={"Authorization": "Bearer " + issuer.token()}).status, 422, "no sub")
    equal(lethe.cli("subject", "show", "ada").returncode, 0, "ada is known by her claim")


class Authority:
    def __init__(self, env):
        self.env = env
        self.cert, self.key = env.path("ca.crt"), env.path("ca.key")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-days", "2", "-subj", "/CN=authority", "-keyout", self.key, "-out", self.cert)

    def client(self, name, subject, san, days="1"):
        key, cert = self.env.path(name + ".key"), self.env.path(name + ".crt")
        request = openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                          "-nodes", "-subj", subject, "-keyout", key,
                          "-addext", "subjectAltName=" + san)
        with open(cert, "wb") as f:
            f.write(openssl("x509", "-req", "-CA", self.cert, "-CAkey", self.key, "-days", days,
                            "-copy_extensions", "copy", data=request))
        return cert, key


def test_a_certificate_names_a_caller(env):
    authority = Authority(env)
    app, lethe = echoing(env)
    lethe.add_tls()
    lethe.config["listen"][1]["tls"]["client_ca"] = authority.cert
    sees = {"purposes": ["account"], "reveal": {"email": "value"}}
    lethe.config["callers"]["batch"] = {"certificate": {"subject": "CN=batch,O=Example"}, **sees}
    lethe.config["callers"]["job"] = {"certificate": {"san": "uri:spiffe://example/job"}, **sees}
    lethe.save()
    lethe.start()

    def put(pair, caller=None):
        context = ssl.create_default_context(cafile=env.path("tls.crt"))
        if pair:
            context.load_cert_chain(*pair)
        fields = {"Lethe-Key": lethe.keys[caller]} if caller else {}
        try:
            with Conn(lethe.addresses[1], tls=context) as conn:
                answers = [conn.request("PUT", "/users/42", ADA, fields) for _ in range(2)]
        except (ssl.SSLError, EOFError, ConnectionError):
            return None
        equal(answers[0].status, answers[1].status, "the second on the same connection")
        return answers[1]

    batch = authority.client("batch", "/O=Example/CN=batch", "DNS:batch.example")
    equal(put(batch).json()["email"], ADA["email"], "by subject")
    job = authority.client("job", "/CN=whatever", "URI:spiffe://example/job")
    equal(put(job).json()["email"], ADA["email"], "by alternative name")
    nobody = authority.client("nobody", "/CN=batch", "DNS:batch")
    check(put(nobody).json()["email"] != ADA["email"], "a certificate that names nobody")
    equal(put(nobody, "robot").status, 200, "it may still have a key")
    equal(put(batch, "robot").status, 400, "two callers at once")
    check(put(None).json()["email"] != ADA["email"], "no certificate")
    equal(put(env.certificate("stranger", "URI:spiffe://example/job")), None, "a foreign certificate")
    late = authority.client("late", "/O=Example/CN=batch", "DNS:batch", days="0")
    equal(put(late), None, "a certificate that has ended")
    lethe.config["listen"][1]["tls"]["client_certificates"] = "required"
    lethe.save()
    lethe.stop()
    lethe.start()
    equal(put(None), None, "none, where one is required")
    equal(put(batch).status, 200, "where one is required")


def test_callers_of_all_kinds_are_checked_before_anything_starts(env):
    issuer = Issuer(env)
    _, lethe = echoing(env)
    for change, words in [
            ({"algorithms": ["HS256"]}, "EdDSA"), ({"issuer": ""}, "`issuer` is empty"),
            ({"header": "Content-Type"}, "no header that can carry a token"),
            ({"leeway": "1h"}, "at most 300s"), ({"jwks": "keys.json"}, "file:PATH"),
            ({"audiense": "x"}, "audience")]:
        lethe.config["callers"]["batch"] = jwt_caller(issuer, **change)
        lethe.save()
        result = lethe.cli("check")
        equal(result.returncode, 78, str(change))
        check(words in result.stderr, f"{change}: {result.stderr}")
    lethe.config["callers"]["batch"] = {"certificate": {"subject": "CN=x"}, "purposes": ["account"]}
    lethe.save()
    check("client_ca" in lethe.cli("check").stderr, "a certificate that nobody asks for")
    lethe.config["callers"]["batch"] = jwt_caller(issuer)
    os.chmod(env.path("keys.json"), 0o666)
    lethe.save()
    check("only its owner" in lethe.cli("check").stderr, "keys that anybody can change")
