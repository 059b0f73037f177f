#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A key server for tests: what Lethe uses of the HTTP API (version 1) of HashiCorp Vault and OpenBao,
over TLS with certificates made on the spot, and the ways in which it, or what stands before it, can
misbehave.

    transit_stub.py DIR [--port N]

DIR/ca.pem is the CA to trust, DIR/other-ca.pem one that signed nothing here. DIR/port holds the port
once it listens. DIR/state.json survives a restart: keys, tokens and every ciphertext ever made (the
"encryption" is a table). DIR/log has one line a request: METHOD PATH STATUS.

DIR/orders, read before each request, is how a test tells it what to do; a line each:

    PATH-PART WORD [ARGUMENT]     for requests whose path holds PATH-PART ("*": all)

    status N      answer N with an "errors" member, as a refusal does
    reset         close with RST
    hang          never answer
    redirect URL  307
    cut           say a longer Content-Length than the body has
    huge          a body of many megabytes
    heads         a head of a megabyte
    text TEXT     200 with this body
    plaintext B64 decrypt to this
    refuse        of renew-self: 400; of login: 400
    short N       tokens and renewals last N seconds from now on
    revoke        forget every token, once
    ignore        trim, config: say yes and do nothing; rotate: likewise
    empty         204 in place of the answer
"""
import argparse
import base64
import binascii
import contextlib
import http.server
import json
import os
import re
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

TTL_S = 3600
ROLE, SECRET, OPERATOR = "role-5f0c", "secret-93aa", "s.operator-token-1"


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True)


def make_ca(folder, name):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
            "2", "-subj", f"/CN={name}", "-keyout", f"{folder}/{name}.key", "-out",
            f"{folder}/{name}.pem")


def make_certificates(folder, names):
    make_ca(folder, "ca")
    make_ca(folder, "other-ca")
    with open(f"{folder}/names", "w") as f:
        f.write(f"subjectAltName={names}\n")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
            "/CN=stub", "-keyout", f"{folder}/server.key", "-out", f"{folder}/server.csr")
    openssl("x509", "-req", "-in", f"{folder}/server.csr", "-CA", f"{folder}/ca.pem", "-CAkey",
            f"{folder}/ca.key", "-CAcreateserial", "-days", "2", "-extfile", f"{folder}/names",
            "-out", f"{folder}/server.pem")


class Refusal(Exception):
    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class Server:
    """What the server knows. Requests are served one at a time."""

    def __init__(self, folder):
        self.folder = folder
        self.lock = threading.Lock()
        self.path = os.path.join(folder, "state.json")
        self.state = {"tokens": {OPERATOR: {"ends": time.time() + TTL_S, "policies": []}},
                      "keys": {"lethe": self.new_key()}, "texts": {}}
        with contextlib.suppress(FileNotFoundError):
            with open(self.path) as f:
                self.state = json.load(f)

    @staticmethod
    def new_key(**more):
        return {"type": "aes256-gcm96", "latest_version": 1, "min_decryption_version": 1,
                "min_encryption_version": 0, "min_available_version": 0, "derived": False,
                "exportable": False, "allow_plaintext_backup": False, **more}

    def save(self):
        with open(self.path + ".new", "w") as f:
            json.dump(self.state, f)
        os.rename(self.path + ".new", self.path)

    def orders(self, path):
        with contextlib.suppress(FileNotFoundError):
            with open(os.path.join(self.folder, "orders")) as f:
                for line in f:
                    part, word, *argument = line.rstrip("\n").split(" ", 2)
                    if part == "*" or part in path:
                        yield word, argument[0] if argument else ""

    def log(self, method, path, status):
        with open(os.path.join(self.folder, "log"), "a") as f:
            f.write(f"{method} {path} {status}\n")

    # -- the API

    def answer(self, method, path, headers, body, orders):
        if headers.get("X-Vault-Request") != "true":
            raise Refusal(412, "no X-Vault-Request")
        for forbidden in ("Cookie", "Authorization", "Referer"):
            if forbidden in headers:
                raise Refusal(418, forbidden)
        if not path.startswith("/v1/"):
            raise Refusal(404, "")
        if headers.get("X-Vault-Namespace") != self.state.get("namespace"):
            raise Refusal(404, "no handler for route")
        path = path[4:]
        ttl = int(orders.get("short", TTL_S))
        if "revoke" in orders:
            self.state["tokens"] = {}
        if (method, path) == ("POST", "auth/approle/login"):
            return self.login(body, ttl, orders)
        token = self.state["tokens"].get(headers.get("X-Vault-Token"))
        if token is None or token["ends"] is not None and token["ends"] <= time.time():
            raise Refusal(403, "permission denied")
        if path.startswith("auth/token/"):
            return self.token(method, path[len("auth/token/"):], headers, token, ttl, orders)
        return self.transit(method, path, body, orders)

    def login(self, body, ttl, orders):
        if body.get("role_id") != ROLE or body.get("secret_id") != SECRET or "refuse" in orders:
            raise Refusal(400, "invalid role or secret ID")
        name = "hvs." + os.urandom(24).hex()
        self.state["tokens"][name] = {"ends": time.time() + ttl, "login": True}
        return {"auth": {"client_token": name, "accessor": "a", "policies": ["lethe"],
                         "lease_duration": ttl, "renewable": True}}

    def token(self, method, verb, headers, token, ttl, orders):
        if (method, verb) == ("GET", "lookup-self"):
            left = 0 if token["ends"] is None else int(token["ends"] - time.time())
            return {"data": {"ttl": left, "renewable": token["ends"] is not None, "policies": ["lethe"],
                             "expire_time": None if token["ends"] is None else "2030-01-01T00:00:00Z"}}
        if (method, verb) == ("POST", "renew-self"):
            if "refuse" in orders or token["ends"] is None:
                raise Refusal(400, "lease is not renewable")
            token["ends"] = time.time() + ttl
            return {"auth": {"client_token": headers["X-Vault-Token"], "lease_duration": ttl,
                             "renewable": True}}
        if (method, verb) == ("POST", "revoke-self"):
            del self.state["tokens"][headers["X-Vault-Token"]]
            return None
        raise Refusal(405, "unsupported operation")

    def transit(self, method, path, body, orders):
        match = re.fullmatch(r"(?:transit|teams/pii)/(encrypt|decrypt|keys)/([^/]+)(?:/(rotate|config|trim))?",
                             path)
        if not match:
            raise Refusal(404, "no handler for route")
        verb, name, rest = match.groups()
        key = self.state["keys"].get(name)
        if key is None:  # as the real ones do, and with no right to create
            raise Refusal({"encrypt": 403, "decrypt": 400, "keys": 404 if not rest else 400}[verb], "")
        if verb == "keys" and (method, rest) == ("GET", None):
            return {"data": {"name": name, "supports_encryption": True, **key}}
        if method != "POST":
            raise Refusal(405, "unsupported operation")
        if "ignore" in orders:
            return None
        if verb == "keys":
            return getattr(self, rest or "create")(key, body)
        if not key["type"].endswith(("gcm96", "poly1305")):
            raise Refusal(400, "associated_data provided for non-AEAD cipher suite")
        return getattr(self, verb)(name, key, body, orders)

    def create(self, *unused):
        raise Refusal(403, "permission denied")

    def rotate(self, key, body):
        key["latest_version"] += 1
        return {"data": dict(key)}

    def config(self, key, body):
        low = body.get("min_decryption_version", key["min_decryption_version"])
        write = body.get("min_encryption_version", key["min_encryption_version"])
        if not 1 <= low <= key["latest_version"] or write > key["latest_version"] or 0 < write < low:
            raise Refusal(400, "cannot set")
        if low < key["min_available_version"]:
            raise Refusal(400, "trimmed")
        key.update(min_decryption_version=low, min_encryption_version=write)
        return {"data": dict(key)}

    def trim(self, key, body):
        low = body["min_available_version"]
        if low < max(1, key["min_available_version"]) or low > key["min_decryption_version"] or \
                low > key["min_encryption_version"]:
            raise Refusal(400, "cannot trim")
        key["min_available_version"] = low
        for text, made in list(self.state["texts"].items()):
            if self.state["keys"][made["key"]] is key and made["version"] < low:
                made["plaintext"] = None
        return None

    def encrypt(self, name, key, body, orders):
        try:
            base64.b64decode(body["plaintext"], validate=True)
            base64.b64decode(body["associated_data"], validate=True)
        except (KeyError, binascii.Error):
            raise Refusal(400, "illegal base64 data") from None
        text = f"vault:v{key['latest_version']}:" + base64.b64encode(os.urandom(60)).decode()
        self.state["texts"][text] = {"key": name, "version": key["latest_version"],
                                     "plaintext": body["plaintext"], "ad": body["associated_data"]}
        return {"data": {"ciphertext": text, "key_version": key["latest_version"]}}

    def decrypt(self, name, key, body, orders):
        made = self.state["texts"].get(body.get("ciphertext"))
        if made is None or made["key"] != name or made["ad"] != body.get("associated_data"):
            raise Refusal(400, "cipher: message authentication failed")
        if made["version"] < key["min_decryption_version"] or made["plaintext"] is None:
            raise Refusal(400, "ciphertext or signature version is disallowed by policy (too old)")
        return {"data": {"plaintext": orders.get("plaintext", made["plaintext"])}}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "stub"
    known = None

    def log_message(self, *unused):
        pass

    def send(self, status, body, headers=()):
        self.close_connection = True
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": len(body),
                            "Set-Cookie": "track=1", **dict(headers)}.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def misbehave(self, orders):
        """True when there is nothing more to answer."""
        if "reset" in orders:
            sock = self.connection
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            os.close(sock.detach())
            self.rfile = self.wfile = open(os.devnull, "r+b")
        elif "hang" in orders:
            self.close_connection = True
            self.connection.settimeout(60)
            with contextlib.suppress(OSError):
                self.connection.recv(1)
        elif "status" in orders:
            self.send(int(orders["status"]), b'{"errors":["the planted text of a refusal"]}')
        elif "redirect" in orders:
            self.send(307, b"", {"Location": orders["redirect"]})
        elif "text" in orders:
            self.send(200, orders["text"].encode())
        elif "huge" in orders:
            self.send(200, b'{"data":"' + b"x" * (8 << 20) + b'"}')
        elif "heads" in orders:
            self.send(200, b"{}", {f"X-Fill-{i}": "x" * 8000 for i in range(90)})
        elif "empty" in orders:
            self.send(204, b"")
        else:
            return False
        return True

    def serve(self):
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        known = self.known
        orders = dict(known.orders(self.path))
        if self.misbehave(orders):
            known.log(self.command, self.path, "misbehaved")
            return
        try:
            with known.lock:
                body = json.loads(raw) if raw else {}
                answer = known.answer(self.command, self.path, self.headers, body, orders)
                known.save()
            status = 200 if answer is not None else 204
        except Refusal as refusal:
            answer, status = {"errors": [str(refusal)]}, refusal.status
        known.log(self.command, self.path, status)
        data = json.dumps(answer).encode() if answer is not None else b""
        self.send(status, data, {"Content-Length": len(data) + 100} if "cut" in orders else {})

    do_GET = do_POST = do_PUT = do_DELETE = serve


class Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *unused):  # a peer that does not trust us, or gave up
        pass

    def finish_request(self, request, address):
        with self.tls.wrap_socket(request, server_side=True) as wrapped:
            self.RequestHandlerClass(wrapped, address, self)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--names", default="DNS:localhost,IP:127.0.0.1")
    args = parser.parse_args()
    if not os.path.exists(f"{args.folder}/ca.pem"):
        make_certificates(args.folder, args.names)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(f"{args.folder}/server.pem", f"{args.folder}/server.key")
    if os.path.exists(f"{args.folder}/old-tls"):
        tls.set_ciphers("ALL:@SECLEVEL=0")
        tls.minimum_version, tls.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    Handler.known = Server(args.folder)
    listener = Listener(("127.0.0.1", args.port), Handler)
    listener.tls = tls
    with open(f"{args.folder}/port.new", "w") as f:
        f.write(f"{listener.server_address[1]}\n")
    os.rename(f"{args.folder}/port.new", f"{args.folder}/port")
    listener.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
