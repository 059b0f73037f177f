#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The application of the demo: users over HTTP and JSON, kept in a file. It knows nothing of Lethe.

    demo-upstream.py [ADDRESS:]PORT FILE      without an address it listens for this host only
"""
import http.server
import json
import os
import sys
import urllib.parse


class App(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    users = {}
    file = None

    def answer(self, status, value=None):
        body = b"" if value is None else json.dumps(value, ensure_ascii=False).encode() + b"\n"
        self.send_response(status)
        if body:
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def save(self):
        with open(self.file + ".new", "w") as f:
            json.dump(self.users, f, ensure_ascii=False, indent=2)
        os.replace(self.file + ".new", self.file)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        wanted = urllib.parse.parse_qs(url.query)
        if url.path == "/users":
            self.answer(200, [u for u in self.users.values()
                              if all(u.get(k) in v for k, v in wanted.items())])
        elif url.path.removeprefix("/users/") in self.users:
            self.answer(200, self.users[url.path.removeprefix("/users/")])
        else:
            self.answer(404, {"error": "no such user"})

    def do_PUT(self):
        key = self.path.removeprefix("/users/")
        self.users[key] = self.body()
        self.save()
        self.answer(200, self.users[key])

    def do_POST(self):
        key = str(len(self.users) + 1)
        self.users[key] = self.body()
        self.save()
        self.answer(201, self.users[key])

    def log_message(self, *unused):
        pass


def main():
    App.file = sys.argv[2]
    address, _, port = sys.argv[1].rpartition(":")
    server = http.server.ThreadingHTTPServer((address or "127.0.0.1", int(port)), App)
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    main()
