# SPDX-License-Identifier: Apache-2.0
"""A browser without scripts, for the data officer's pages: it keeps a cookie, sends forms, and reads HTML strictly."""
import html.parser
import re
import urllib.parse

from harness import Conn, check, equal
from test_admin_api import one_time_code

COOKIE = "__Host-lethe"


class Page(html.parser.HTMLParser):
    """What a page is made of: tags with their attributes, and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]

    def links(self):
        return [a["href"] for a in self.all("a") if "href" in a]

    def form_key(self):
        return next(a["value"] for a in self.all("input") if a.get("name") == "form_key")


class Browser:
    def __init__(self, address, accept_language="en", tls=None):
        self.address, self.tls = address, tls
        self.origin = f"http://{address[0]}:{address[1]}"
        self.cookie = None
        self.accept_language = accept_language

    def ask(self, method, path, body=None, headers=()):
        fields = {"Host": self.origin.removeprefix("http://"), "Accept-Language": self.accept_language}
        if self.cookie is not None:
            fields["Cookie"] = f"{COOKIE}={self.cookie}"
        fields.update(headers)
        with Conn(self.address, timeout=20, tls=self.tls) as conn:
            response = conn.request(method, path, body, fields)
        set_cookie = response.headers.get("set-cookie", "")
        match = re.fullmatch(rf"{COOKIE}=([0-9a-f]{{64}}|); (.*)", set_cookie)
        check(match or not set_cookie, f"an odd cookie: {set_cookie}")
        if match:
            self.cookie = match[1] or None
        return response

    def get(self, path, status=200, headers=()):
        response = self.ask("GET", path, headers=headers)
        equal(response.status, status, f"GET {path}: {response.body[:300]!r}")
        return response

    def page(self, path, status=200):
        response = self.get(path, status)
        check(response.headers["content-type"] == "text/html; charset=utf-8", f"{response}")
        return Page(response.body.decode())

    def post(self, path, fields, headers=()):
        own = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin",
               "Content-Type": "application/x-www-form-urlencoded"}
        own.update(headers)
        return self.ask("POST", path, urllib.parse.urlencode(fields, doseq=True),
                        {n: v for n, v in own.items() if v is not None})

    def send(self, path, form_page, **fields):
        """A form of one of the pages, with its key."""
        return self.post(path, {"form_key": self.page(form_page).form_key(),
                                **{n.replace("__", "."): v for n, v in fields.items()}})

    def sign_in(self, api, role, step=None):
        if role not in api.uris:
            api.enrol(role)
        response = self.post("/ui/sign-in", {"token": api.tokens[role],
                                             "code": one_time_code(api.uris[role], step)})
        equal((response.status, response.headers.get("location")), (303, "/ui/"), f"{role} signs in: {response}")
        return self
