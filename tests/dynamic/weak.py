# SPDX-License-Identifier: Apache-2.0
"""Servers with the faults that the scanners look for: a scanner that passes them is blind. Nothing that comes in is run as a
command or opened as a file; the server only answers as one that did."""
import html
import http.server
import re
import sqlite3
import subprocess
import threading
import urllib.parse

from harness import wait_port

PAGE = """<!DOCTYPE html><html><head><title>weak</title></head><body>
<a href="/user?id=1">user</a> <a href="/greet?name=you">greet</a> <a href="/go?to=/greet">go</a>
<a href="/file?name=x">file</a> <a href="/ping?host=h">ping</a> <a href="/notes">notes</a> <a href="/private">private</a>
<form action="/notes" method="post"><input name="note" value="n"><input type="submit"></form>%s</body></html>"""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    notes = []

    def log_message(self, *unused):
        pass

    def answer(self, text, status=200, fields=(), kind="text/html"):
        body = text.encode()
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", len(body)), ("Set-Cookie", "id=1"), *fields):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def parameters(self):
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query, keep_blank_values=True))

    def user(self):
        """Whatever stands in the parameter becomes a part of the statement."""
        rows = sqlite3.connect(":memory:")
        rows.executescript("CREATE TABLE users (id INTEGER, name TEXT); INSERT INTO users VALUES (1, 'Ada'), (2, 'Eve');")
        try:
            found = rows.execute("SELECT name FROM users WHERE id = " + self.parameters().get("id", "1")).fetchall()
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
            return self.answer(PAGE % f"Warning: sqlite3.OperationalError: {html.escape(str(error))}", 500)
        return self.answer(PAGE % html.escape(str(found)))

    def do_GET(self):
        path, given = urllib.parse.urlsplit(self.path).path, self.parameters()
        if path == "/user":
            self.user()
        elif path == "/greet":
            self.answer(PAGE % f"Hello {given.get('name')}")
        elif path == "/notes":
            self.answer(PAGE % " ".join(self.notes))
        elif path == "/go":
            to = urllib.parse.unquote(given.get("to", "/"))  # once too often
            to = urllib.parse.quote(to, safe=":/?#=&%\r\n ") if to.startswith(("/", "http")) else "/"
            self.answer("", 302, [("Location", to)])
        elif path == "/file":
            self.answer("root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:" if "/passwd" in given.get("name", "") else "no file")
        elif path == "/ping":
            self.answer("PATH=/bin\nPWD=/\nHOME=/" if re.search(r"[;|&`\n]\s*env", given.get("host", "")) else "pong")
        elif path == "/private":
            self.answer("who are you?", 401, [("WWW-Authenticate", "Basic")])
        else:
            self.answer(PAGE % "", 200 if path == "/" else 404)

    def do_POST(self):
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode(errors="replace")
        self.notes.append(dict(urllib.parse.parse_qsl(sent)).get("note", ""))
        self.answer("", 303, [("Location", "/notes")])

    def do_ABC(self):
        self.answer("a method that nobody thought of")


def web(env):
    """The address of a weak web server."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", env.port()), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    env.cleanup(server.shutdown)
    return server.server_address


def tls(env):
    """The port of a TLS server that takes a version and ciphers which nobody should."""
    port = env.port()
    cert, key = env.path("weak.crt"), env.path("weak.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=weak",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    env.spawn("weak-tls", ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", cert, "-key", key, "-tls1",
                           "-cipher", "ALL:@SECLEVEL=0", "-quiet"])
    wait_port(port)
    return port
