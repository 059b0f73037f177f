# SPDX-License-Identifier: Apache-2.0
"""nginx and HAProxy in front, with the configurations of docs/OPERATIONS.md: HTTP/2 for clients, the
client's address and certificate kept, framing kept, and nothing smuggled past either (E01-E07)."""
import base64
import json
import os
import re
import ssl
import struct
import subprocess
import urllib.parse

from harness import ROOT, Conn, Lethe, check, equal, make_request, wait_port
from upstreams import Recorder, answer

CLIENT = "127.0.0.9"  # what curl and the sockets here are bound to: not trusted


def documented(title):
    """The block of docs/OPERATIONS.md that begins with this comment."""
    with open(os.path.join(ROOT, "docs", "OPERATIONS.md")) as f:
        blocks = re.findall(r"^```\w+\n(# ([^\n]*)\n.*?)^```", f.read(), re.DOTALL | re.MULTILINE)
    found = [text for text, first in blocks if first == title]
    equal(len(found), 1, f"blocks called {title!r}")
    return found[0]


def tls_files(env):
    """A certificate for the edge, and one for its clients."""
    cert, key = env.certificate("edge", "DNS:localhost,IP:127.0.0.1")
    with open(cert) as c, open(key) as k:
        env.write("edge.pem", c.read() + k.read())
    return cert, env.certificate("clients", "DNS:client.test")


def replaced(text, **by):
    for old, new in by.items():
        check(old in text, f"{old} is not in the documented file")
        text = text.replace(old, new)
    return text


def echo(request, sock):
    return answer(200, request.body)


def behind(env):
    app = Recorder(env, echo)
    lethe = Lethe(env, app.url, trusted_proxies=["127.0.0.1"], client_certificate_header="X-Client-Cert")
    lethe.config["routes"].append({"path": "/plain/{id}", "upstream": "app"})
    lethe.save()
    return app, lethe.start()


class Edge:
    """A proxy on a port of its own, and clients for it."""

    def __init__(self, env, name, port, cert, client):
        self.env, self.name, self.port, self.cert, self.client = env, name, port, cert, client

    def curl(self, path, *options, h2=True):
        """(protocol version, status, body) of one request from CLIENT."""
        result = subprocess.run(
            ["curl", "-sS", "--http2" if h2 else "--http1.1", "--interface", CLIENT, "--cacert", self.cert,
             "-m", "60", "-w", "\n%{http_version} %{http_code}", *options,
             f"https://localhost:{self.port}{path}", "--resolve", f"localhost:{self.port}:127.0.0.1"],
            capture_output=True, text=True, check=False)
        equal(result.returncode, 0, f"curl: {result.stderr}")
        body, _, last = result.stdout.rpartition("\n")
        version, status = last.split()
        return version, int(status), body

    def context(self, *protocols):
        tls = ssl.create_default_context(cafile=self.cert)
        tls.set_alpn_protocols(list(protocols))
        return tls

    def raw(self, data):
        """Bytes over HTTP/1.1; all that came back."""
        with Conn(("127.0.0.1", self.port), tls=self.context("http/1.1"), timeout=3) as conn:
            conn.send(data)
            try:
                while conn.fill():
                    pass
            except OSError:
                pass
            return conn.buffer


def nginx(env, lethe):
    cert, client = tls_files(env)
    port = env.port()
    site = replaced(documented("/etc/nginx/conf.d/lethe.conf"),
                    **{"127.0.0.1:8080": "%s:%d" % lethe.addresses[0], "listen 443": f"listen 127.0.0.1:{port}",
                       "/etc/lethe": env.dir})
    env.write("lethe.conf", site)
    temp = "".join(f"{kind}_temp_path {env.path(kind)};\n"
                   for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;\n" if os.geteuid() == 0 else ""
    env.write("nginx.conf", f"{user}daemon off;\nworker_processes 1;\npid {env.path('nginx.pid')};\n"
              f"error_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{temp}"
              f"include {env.path('lethe.conf')};\n}}\n")
    env.spawn("nginx", ["nginx", "-p", env.dir, "-c", env.path("nginx.conf"), "-e", "stderr"],
              env={**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin"})
    wait_port(port)
    return Edge(env, "nginx", port, cert, client)


def haproxy(env, lethe):
    cert, client = tls_files(env)
    port = env.port()
    env.write("haproxy.cfg", replaced(
        documented("/etc/haproxy/haproxy.cfg"),
        **{"127.0.0.1:8080": "%s:%d" % lethe.addresses[0], "bind :443": f"bind 127.0.0.1:{port}",
           "/etc/lethe": env.dir}))
    env.spawn("haproxy", ["/usr/sbin/haproxy", "-db", "-f", env.path("haproxy.cfg")])
    wait_port(port)
    return Edge(env, "haproxy", port, cert, client)


# ---- what a client sees, and what is known of it


def keeps_the_client(env, make):
    app, lethe = behind(env)
    edge = make(env, lethe)
    version, status, body = edge.curl("/users/7", "-X", "PUT", "-H", "Content-Type: application/json",
                                      "-d", '{"email": "ada@example.org"}',
                                      "-H", f"Lethe-Key: {lethe.keys['officer']}", "-H", "Lethe-Purpose: support",
                                      "-H", "X-Forwarded-For: 203.0.113.9", "-H", "Forwarded: for=203.0.113.9",
                                      "-H", "X-Forwarded-Proto: gopher", "-H", "X-Client-Cert: mine")
    equal((version, status), ("2", 200), "version and status")
    equal(json.loads(body), {"email": "ada@example.org"}, "what the client gets back")
    got = app.last()
    check("ada@" not in got.body.decode(), "the value reached the application")
    equal(got.headers["x-forwarded-for"], CLIENT, "the client's address")
    equal(got.headers["x-forwarded-proto"], "https", "the scheme")
    equal(got.headers["x-forwarded-host"], f"localhost:{edge.port}", "the host")
    check("forwarded" not in got.headers, "the client's Forwarded was passed on")
    check("mine" not in str(got.fields), "a client named its own certificate")
    return app, lethe, edge


def keeps_the_certificate(app, edge):
    cert, key = edge.client
    equal(edge.curl("/plain/7", "--cert", cert, "--key", key)[1], 200, "with a certificate")
    said = app.last().headers["x-client-cert"]
    with open(cert) as f:
        pem = f.read()
    if said.startswith("-----"):
        equal(urllib.parse.unquote(said).strip(), pem.strip(), "the certificate")
    else:
        equal(base64.b64decode(said), ssl.PEM_cert_to_DER_cert(pem), "the certificate")


def keeps_bodies(env, app, edge):
    """Large ones, ones of unknown length, and none."""
    for size in (0, 1, 100000, 15 << 20):
        path = env.write("upload", b"x" * size)
        for more in ((), ("-H", "Transfer-Encoding: chunked")):
            version, status, body = edge.curl("/plain/7", "-X", "POST", "-H", "Content-Type: text/plain", "-H",
                                              "Expect:", "--data-binary", "@" + path, *(more if size else ()))
            equal((version, status), ("2", 200), f"{size} bytes")
            equal(len(app.last().body), size, "what the application got")
            check(body == "x" * size or size == 0, "what came back")
    version, status, _ = edge.curl("/plain/7", "-I")
    equal((version, status, app.last().method), ("2", 200, "HEAD"), "HEAD")
    equal(edge.curl("/plain/7", h2=False)[0], "1.1", "HTTP/1.1 for those who want it")


def test_e07_nginx_keeps_the_client(env):
    app, _, edge = keeps_the_client(env, nginx)
    keeps_the_certificate(app, edge)


def test_e07_haproxy_keeps_the_client(env):
    app, _, edge = keeps_the_client(env, haproxy)
    keeps_the_certificate(app, edge)


def test_nginx_keeps_bodies(env):
    app, lethe = behind(env)
    edge = nginx(env, lethe)
    keeps_bodies(env, app, edge)
    for kind in ("client_body", "proxy"):
        check(not any(files for _, _, files in os.walk(env.path(kind))), "a body went to a file")


def test_haproxy_keeps_bodies(env):
    app, lethe = behind(env)
    keeps_bodies(env, app, haproxy(env, lethe))


def test_e07_without_trust_nothing_is_believed(env):
    """The same edge, in front of a Lethe that does not trust it: it is the client."""
    app = Recorder(env, lambda request, sock: answer(200, b"{}"))
    lethe = Lethe(env, app.url, trusted_proxies=["192.0.2.1"], client_certificate_header="X-Client-Cert")
    lethe.config["routes"].append({"path": "/plain/{id}", "upstream": "app"})
    lethe.save()
    edge = haproxy(env, lethe.start())
    cert, key = edge.client
    equal(edge.curl("/plain/7", "--cert", cert, "--key", key)[1], 200, "status")
    got = app.last()
    equal(got.headers["x-forwarded-for"], "127.0.0.1", "the client's address")
    equal(got.headers["x-forwarded-proto"], "http", "the scheme")
    check("x-client-cert" not in got.headers, "a certificate was believed")


def test_haproxy_passes_tls_through(env):
    app = Recorder(env, lambda request, sock: answer(200, b"{}"))
    cert, client = tls_files(env)
    lethe = Lethe(env, app.url, trusted_proxies=["127.0.0.1"])
    lethe.config["listen"] = [{"address": "127.0.0.1:0", "proxy_protocol": True,
                               "tls": {"certificate": cert, "key": env.path("edge.key")}}]
    lethe.config["routes"].append({"path": "/plain/{id}", "upstream": "app"})
    lethe.save()
    lethe.start()
    port = env.port()
    env.write("haproxy.cfg", replaced(
        documented("/etc/haproxy/haproxy.cfg, passing TLS through"),
        **{"127.0.0.1:8443": "%s:%d" % lethe.addresses[0], "bind :443": f"bind 127.0.0.1:{port}"}))
    env.spawn("haproxy", ["/usr/sbin/haproxy", "-db", "-f", env.path("haproxy.cfg")])
    wait_port(port)
    edge = Edge(env, "haproxy", port, cert, client)
    version, status, _ = edge.curl("/plain/7", "-H", "X-Forwarded-For: 203.0.113.9", "-H", "X-Forwarded-Proto: http")
    equal((version, status), ("1.1", 200), "version and status")
    got = app.last()
    equal(got.headers["x-forwarded-for"], CLIENT, "the client's address")
    equal(got.headers["x-forwarded-proto"], "https", "the scheme")


def test_what_is_said_of_tls_is_said_over_tls(env):
    """RFC 6797 7.2: not over plain HTTP; and the application's word stands."""
    def own(request, sock):
        return answer(200, b"{}", [("Strict-Transport-Security", "max-age=7")] if "/own" in request.target else [])

    lethe = Lethe(env, Recorder(env, own).url, hsts="365d", trusted_proxies=["127.0.0.1"])
    lethe.config["routes"].append({"path": "/plain/{id}", "upstream": "app"})
    lethe.add_tls()
    lethe.start()
    for target, tls, forwarded, said in (
            ("/plain/1", True, None, "max-age=31536000"), ("/plain/1", False, None, None),
            ("/plain/1", False, "https", "max-age=31536000"), ("/plain/1", True, "http", None),
            ("/plain/own", True, None, "max-age=7"), ("/nowhere", True, None, "max-age=31536000"),
            ("/nowhere", False, None, None)):
        headers = {"X-Forwarded-For": CLIENT, "X-Forwarded-Proto": forwarded} if forwarded else {}
        got = lethe.request("GET", target, tls=tls, headers=headers)
        equal(got.headers.get("strict-transport-security"), said, f"{target} {tls} {forwarded}: {got.status}")
    got = lethe.request("PUT", "/users/1", {"email": "a@example.org"}, tls=True)
    equal(got.headers.get("strict-transport-security"), "max-age=31536000", "of an answer that is revealed")


# ---- smuggling, over HTTP/1.1 and as HTTP/2 frames

INNER = b"GET /plain/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def h1(*lines, body=b""):
    return b"POST /plain/outer HTTP/1.1\r\nHost: localhost\r\n" + b"".join(lines) + b"\r\n" + body


ONE = {
    "CL.TE": h1(b"Content-Length: %d\r\n" % (len(INNER) + 5), CHUNKED, body=b"0\r\n\r\n" + INNER),
    "TE.CL": h1(b"Content-Length: 4\r\n", CHUNKED, body=b"%x\r\n" % len(INNER) + INNER + b"\r\n0\r\n\r\n"),
    "two lengths": h1(b"Content-Length: 0\r\n", b"Content-Length: %d\r\n" % len(INNER), body=INNER),
    "a list of lengths": h1(b"Content-Length: 0, %d\r\n" % len(INNER), body=INNER),
    "a coding in disguise": h1(b"Content-Length: %d\r\n" % (len(INNER) + 5), b"Transfer-Encoding : chunked\r\n",
                               body=b"0\r\n\r\n" + INNER),
    "a coding with a tab": h1(b"Content-Length: %d\r\n" % (len(INNER) + 5), b"Transfer-Encoding:\tchunked\r\n",
                              body=b"0\r\n\r\n" + INNER),
    "a chunk size that overflows": h1(CHUNKED, body=b"10000000000000000\r\n" + INNER),
    "bare line feeds": h1(b"X: y\nContent-Length: 0\r\n", b"Content-Length: %d\r\n" % len(INNER), body=INNER),
    "an absolute target": b"GET http://y/plain/smuggled HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
}


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    """An HPACK field, neither indexed nor compressed; up to 126 bytes each."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def h2(fields, body=None):
    block = b"".join(literal(n, v) for n, v in fields)
    data = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"")
    data += frame(1, 4 | (body is None), 1, block)
    if body is not None:
        data += frame(0, 1, 1, body)
    return data


def post(*more, path=b"/plain/outer", method=b"POST"):
    return [(b":method", method), (b":scheme", b"https"), (b":path", path), (b":authority", b"localhost"), *more]


TWO = {
    "H2.CL": h2(post((b"content-length", b"0")), INNER),
    "H2.CL, too long": h2(post((b"content-length", b"500")), INNER),
    "H2.TE": h2(post((b"transfer-encoding", b"chunked")), b"0\r\n\r\n" + INNER),
    "a value with a line": h2(post((b"x", b"y\r\nTransfer-Encoding: chunked")), b"0\r\n\r\n" + INNER),
    "a name with a line": h2(post((b"x: y\r\ntransfer-encoding", b"chunked")), b"0\r\n\r\n" + INNER),
    "a path with a request": h2(post(path=b"/plain/outer HTTP/1.1\r\nHost: x\r\n\r\nGET /plain/smuggled")),
    "a path with a blank": h2(post(path=b"/plain/smuggled HTTP/1.1")),
    "a method with a request": h2(post(method=b"GET /plain/smuggled HTTP/1.1\r\nx:")),
    "two hosts": h2(post((b"host", b"other"), path=b"/plain/smuggled")),
    "a connection header": h2(post((b"connection", b"x-forwarded-for"), path=b"/plain/smuggled")),
}


def smuggles_nothing(env, make):
    """Each is refused, or arrives as one request that says what the client said; never the inner one."""
    app, lethe = behind(env)
    edge = make(env, lethe)
    for name, data in ONE.items():
        before = app.count()
        edge.raw(data)
        got = app.requests[before:]
        check(len(got) <= 1, f"{name}: {got}")
        check(name == "an absolute target" or all(r.target == "/plain/outer" for r in got), f"{name}: {got}")
    for name, data in TWO.items():
        before = app.count()
        with Conn(("127.0.0.1", edge.port), tls=edge.context("h2"), timeout=2) as conn:
            equal(conn.sock.selected_alpn_protocol(), "h2", "the protocol")
            conn.send(data)
            try:
                while conn.fill() and b"\0\0\0\0\x01" not in conn.buffer[9:]:
                    pass
            except OSError:
                pass
        got = app.requests[before:]
        check(len(got) <= 1, f"{name}: {got}")
        if name not in ("two hosts", "a connection header"):
            check(all(r.target == "/plain/outer" for r in got), f"{name}: {got}")
        check(all(r.headers["x-forwarded-for"] == "127.0.0.1" for r in got), f"{name}: {got}")
    check(not app.malformed, f"malformed: {app.malformed}")
    equal(edge.curl("/plain/7")[1], 200, "a good one")
    equal(lethe.raw(make_request("GET", "/plain/7"))[0].status, 200, "a good one, past the edge")


def test_nginx_lets_nothing_be_smuggled(env):
    smuggles_nothing(env, nginx)


def test_haproxy_lets_nothing_be_smuggled(env):
    smuggles_nothing(env, haproxy)
