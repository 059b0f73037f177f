# SPDX-License-Identifier: Apache-2.0
"""What stands between a scanner and what it scans: passes requests on byte for byte, reads answers strictly, counts them."""
import collections
import contextlib
import re
import socket
import threading

from harness import Conn, Failure

HELD_BACK = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"


class Front:
    """A server before `address`. What `hold_back` matches ("POST /path") is answered here: it would end the scan."""

    def __init__(self, env, address, hold_back=None, tls=None):
        """tls: the context to go on with; who comes speaks plain HTTP."""
        self.address, self.tls = address, tls
        self.hold_back = hold_back
        self.answers = collections.Counter()
        self.problems = []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", env.port()), backlog=64)
        self.host = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.url = "http://" + self.host
        env.cleanup(self.listener.close)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        client = Conn.__new__(Conn)
        client.sock, client.buffer = sock, b""
        sock.settimeout(30)
        with sock, contextlib.suppress(OSError, EOFError):
            while True:
                head = client.read_until(b"\r\n\r\n")
                length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.I)
                sock.sendall(self.pass_on(head, client.read_exact(int(length[1]) if length else 0)))

    def pass_on(self, head, body):
        method, target = (head.split(b" ", 2) + [b""])[:2]
        if self.hold_back and re.match(self.hold_back, f"{method.decode('latin-1')} {target.decode('latin-1')}"):
            return HELD_BACK
        try:
            with Conn(self.address, timeout=20, tls=self.tls) as server:
                server.send(head + b"\r\n\r\n" + body)
                response = server.read_response(method.decode("latin-1"))
        except (Failure, EOFError, OSError) as problem:
            self.told(method, target, repr(problem))
            raise EOFError from problem
        with self.lock:
            self.answers[response.status] += 1
        if response.status >= 500:
            self.told(method, target, f"{response}")
        raw = response.raw + b"\r\n\r\n"
        if response.headers.get("transfer-encoding"):
            return raw + (b"%x\r\n%s\r\n" % (len(response.body), response.body) if response.body else b"") + b"0\r\n\r\n"
        return raw + response.body

    def told(self, method, target, what):
        with self.lock:
            self.problems.append(f"{method.decode('latin-1')} {target.decode('latin-1')}: {what}")
