# SPDX-License-Identifier: Apache-2.0
"""Every place of a message in which a value may travel: how a client writes one there, how an application
and a client read it. What is read is read by Python's own parsers, never by a search for text."""
import email.parser
import email.policy
import functools
import gzip
import http.cookies
import json
import re
import subprocess
import urllib.parse
import xml.etree.ElementTree
from xml.sax.saxutils import escape, quoteattr

from harness import check, equal
from upstreams import answer

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
BOUNDARY = "-----------------------------7pLaces"


def wire_text(text):
    """A header's value as the text it stands for."""
    return text.encode("latin-1").decode("utf-8")


def header_text(text):
    return text.encode("utf-8").decode("latin-1")


@functools.lru_cache
def brotli(data):
    """Node's, since Python has none of its own."""
    code = ("const c=[];process.stdin.on('data',d=>c.push(d)).on('end',()=>"
            "process.stdout.write(require('zlib').brotliCompressSync(Buffer.concat(c))))")
    return subprocess.run(["node", "-e", code], input=data, capture_output=True, check=True,
                          timeout=60).stdout


class Place:
    """The value of a member of a JSON document; others say what is different with them."""
    name = "json"
    type = JSON
    subject = "path.id"
    tail = ""  # of the path, behind the person
    request = response = ({"json": "$.note", "class": "note"},)
    fits_all = True  # any text can be shown there

    def routes(self):
        """One route to send by, one to look by."""
        common = {"upstream": "app", "subject": self.subject, "response": list(self.response)}
        return [{"path": f"/{self.name}/{{id}}{self.tail}", "methods": ["POST"], **common,
                 "request": list(self.request)},
                {"path": f"/{self.name}/{{id}}", "methods": ["GET"], **common}]

    # -- what stands in a body

    def write(self, who, text):
        return json.dumps({"a": 1, "note": text, "z": [{"note": "other"}]})

    def read(self, data):
        """(the value, all else)"""
        pairs = json.loads(data, object_pairs_hook=list)
        found = [v for n, v in pairs if n == "note"]
        equal(len(found), 1, "members of that name")
        return found[0], [p for p in pairs if p[0] != "note"]

    # -- requests and answers

    def send(self, who, text):
        """(target, body, headers)"""
        return f"/{self.name}/{who}", self.write(who, text).encode(), {"Content-Type": self.type}

    def seen(self, request):
        return self.read(request.body)[0]

    def reply(self, who, text):
        return answer(200, self.write(who, text), [("ETag", '"1"'), ("X-Own", "kept")], self.type)

    def shown(self, response):
        return self.read(response.body)


class Gzip(Place):
    name = "gzip"
    coding = "gzip"

    def pack(self, data):
        return gzip.compress(data)

    def send(self, who, text):
        target, body, headers = super().send(who, text)
        return target, self.pack(body), {**headers, "Content-Encoding": self.coding}

    def seen(self, request):
        check("content-encoding" not in request.headers, "the application gets it plain")
        return super().seen(request)

    def reply(self, who, text):
        return answer(200, self.pack(self.write(who, text).encode()),
                      [("Content-Encoding", self.coding), ("ETag", '"1"'), ("X-Own", "kept")])


class Brotli(Gzip):
    name = coding = "br"

    def pack(self, data):
        return brotli(data)


class Deep(Place):
    name = "deep"
    request = response = ({"json": "$.all", "class": "note", "deep": True},)

    def write(self, who, text):
        return json.dumps({"a": 1, "all": {"x": [{"y": text}]}})

    def read(self, data):
        document = json.loads(data, object_pairs_hook=list)
        text = document[1][1][0][1][0][0][1]
        return text, json.dumps(document).replace(json.dumps(text), "")


class Lines(Place):
    name = "lines"
    type = "application/x-ndjson"
    subject = "@.id"

    def write(self, who, text):
        return "".join(json.dumps({"id": i, "note": n}) + "\n"
                       for i, n in (("other", None), (who, text)))

    def read(self, data):
        lines = [json.loads(line, object_pairs_hook=list) for line in data.split(b"\n")[:-1]]
        equal([[n for n, _ in line] for line in lines], [["id", "note"]] * 2, "lines")
        return lines[1][1][1], lines[0]


class People(Place):
    name = "people"
    subject = "@.id"
    request = response = ({"json": "$[*].note", "class": "note"},)

    def write(self, who, text):
        return json.dumps([{"id": "other"}, {"note": text, "id": who}])

    def read(self, data):
        elements = json.loads(data, object_pairs_hook=list)
        equal([[n for n, _ in e] for e in elements], [["id"], ["note", "id"]], "elements")
        return elements[1][0][1], elements[0]


class Form(Place):
    name = "form"
    type = FORM
    request = response = ({"form": "note", "class": "note"},)

    def write(self, who, text):
        return urllib.parse.urlencode([("a", "1&2"), ("note", text), ("z", "")])

    def read(self, data):
        pairs = urllib.parse.parse_qsl(data.decode("ascii"), keep_blank_values=True,
                                       strict_parsing=True, errors="strict")
        equal([n for n, _ in pairs], ["a", "note", "z"], "fields of the form")
        return pairs[1][1], (pairs[0], pairs[2])


class Element(Place):
    name = "xml"
    type = "application/xml"
    request = response = ({"xml": "/person/note", "class": "note"},)
    fits_all = False  # no control characters

    def write(self, who, text):
        return f'<?xml version="1.0"?>\n<person a="1"><note>{escape(text)}</note><z/></person>\n'

    def read(self, data):
        root = xml.etree.ElementTree.fromstring(data)
        equal([(e.tag, e.attrib) for e in root.iter()],
              [("person", {"a": "1"}), ("note", {}), ("z", {})], "elements")
        return root.find("note").text, ()


class Attribute(Element):
    name = "attribute"
    request = response = ({"xml": "//note/@of", "class": "note"},)

    def write(self, who, text):
        return f'<person><note of={quoteattr(text)} z="1">text</note></person>'

    def read(self, data):
        root = xml.etree.ElementTree.fromstring(data)
        equal([e.tag for e in root.iter()], ["person", "note"], "elements")
        note = root[0]
        equal((sorted(note.attrib), note.text), (["of", "z"], "text"), "attributes")
        return note.get("of"), ()


class Part(Place):
    """Of a multipart form: its answer is JSON."""
    name = "part"
    request = ({"multipart": "note", "class": "note"},)

    def parts(self, text):
        return [('name="a"', "1"), ('name="note"', text), ('name="f"; filename="f.bin"', "\0\r\n-")]

    def send(self, who, text):
        body = "".join(f"--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n"
                       for head, content in self.parts(text)) + f"--{BOUNDARY}--\r\n"
        return f"/{self.name}/{who}", body.encode(), {
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}

    def parsed(self, request):
        head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + request.body)
        equal(message.defects, [], "what Python's parser complains about")
        return list(message.iter_parts())

    def seen(self, request):
        parts = self.parsed(request)
        equal([p.get_param("name", header="content-disposition") for p in parts],
              ["a", "note", "f"], "names of the parts")
        return parts[1].get_payload(decode=True).decode()


class FileName(Part):
    name = "filename"
    request = ({"filename": "photo", "class": "note"},)

    def parts(self, text):
        return [('name="a"', "1"), (f'name="photo"; filename="{text}"\r\nContent-Type: image/png',
                                    "\u0089PNG\r\n\u001a\n")]

    def seen(self, request):
        parts = self.parsed(request)
        equal(parts[1].get_content_type(), "image/png", "the photo's type")
        return parts[1].get_filename()


class Query(Place):
    name = "query"
    request = ({"query": "note", "class": "note"},)

    def send(self, who, text):
        return f"/query/{who}?a=%41&note={urllib.parse.quote(text, safe='')}&z", None, {}

    def seen(self, request):
        query = urllib.parse.urlsplit(request.target).query
        pairs = urllib.parse.parse_qsl(query, keep_blank_values=True, errors="strict")
        equal([n for n, _ in pairs], ["a", "note", "z"], "parameters")
        return pairs[1][1]


class Path(Place):
    name = "path"
    tail = "/{to}"
    request = ({"path": "to", "class": "note"},)

    def send(self, who, text):
        return f"/path/{who}/{urllib.parse.quote(text, safe='')}", None, {}

    def seen(self, request):
        parts = urllib.parse.urlsplit(request.target).path.split("/")
        equal(len(parts), 4, "segments")
        return urllib.parse.unquote(parts[3], errors="strict")


class Header(Place):
    name = "header"
    request = response = ({"header": "X-Note", "class": "note"},)
    fits_all = False  # no line ends

    def send(self, who, text):
        return f"/{self.name}/{who}", None, {"X-Note": text}

    def seen(self, request):
        equal([n for n, _ in request.fields].count("x-note"), 1, "fields of that name")
        return wire_text(request.headers["x-note"])

    def reply(self, who, text):
        return answer(200, "{}", [("X-Note", header_text(text)), ("X-Own", "kept")])

    def shown(self, response):
        names = sorted(n for n, _ in response.fields if n.startswith("x-"))
        return wire_text(response.headers["x-note"]), (names, response.body)


class Cookie(Header):
    name = "cookie"
    request = response = ({"cookie": "note", "class": "note"},)

    def send(self, who, text):
        return f"/cookie/{who}", None, {"Cookie": f"a=1; note={text}; z=2"}

    def seen(self, request):
        pairs = [p.partition("=") for p in request.headers["cookie"].split("; ")]
        equal([n for n, _, _ in pairs], ["a", "note", "z"], "cookies")
        return pairs[1][2]

    def reply(self, who, text):
        return answer(200, "{}", [("Set-Cookie", "a=1"),
                                  ("Set-Cookie", f"note={text}; Path=/x; HttpOnly")])

    def shown(self, response):
        fields = [v for n, v in response.fields if n == "set-cookie"]
        equal((len(fields), fields[0]), (2, "a=1"), "Set-Cookie")
        jar = http.cookies.SimpleCookie(fields[1])
        equal(list(jar), ["note"], "cookies that are set")
        morsel = jar["note"]
        return morsel.value, (sorted((k, v) for k, v in morsel.items() if v), response.body)


class Location(Place):
    """A redirect; it is sent by the query."""
    name = "location"
    request = ({"query": "note", "class": "note"},)
    response = ({"location": "*"},)

    def send(self, who, text):
        return f"/location/{who}?a&note={urllib.parse.quote(text, safe='')}&z", None, {}

    def seen(self, request):
        return Query.seen(self, request)

    def reply(self, who, text):
        return answer(303, b"", [("Location", f"https://app.example/x/{text}/y?n={text}&z=1#end")])

    def shown(self, response):
        url = urllib.parse.urlsplit(response.headers["location"])
        parts = url.path.split("/")
        pairs = urllib.parse.parse_qsl(url.query, strict_parsing=True, errors="strict")
        equal((url.scheme, url.netloc, url.fragment, len(parts), parts[1], parts[3]),
              ("https", "app.example", "end", 4, "x", "y"), "the redirect's other parts")
        equal(([n for n, _ in pairs], pairs[1][1]), (["n", "z"], "1"), "the redirect's query")
        text, segment = pairs[0][1], urllib.parse.unquote(parts[2], errors="strict")
        check(segment == text or segment.startswith("lt_"), f"{segment!r} in the path")
        check(segment not in (".", ".."), "a segment that leads elsewhere")
        return text, ()


class Text(Place):
    """A token somewhere in a text."""
    name = "text"
    response = ({"json": "$.text", "scan": True},)

    def reply(self, who, text):
        return answer(200, {"a": 1, "text": f"see {text}, \"now\""}, [("ETag", '"1"')])

    def shown(self, response):
        pairs = json.loads(response.body, object_pairs_hook=list)
        equal([n for n, _ in pairs], ["a", "text"], "members")
        text = pairs[1][1]
        check(text.startswith("see ") and text.endswith(', "now"'), f"the text around: {text!r}")
        return text[4:-7], ()


class TextHeader(Header):
    name = "textheader"
    response = ({"header": "X-Text", "scan": True},)

    def reply(self, who, text):
        return answer(200, "{}", [("X-Text", f"see {text} now"), ("X-Own", "kept")])

    def shown(self, response):
        names = sorted(n for n, _ in response.fields if n.startswith("x-"))
        text = wire_text(response.headers["x-text"])
        check(text.startswith("see ") and text.endswith(" now"), f"the text around: {text!r}")
        return text[4:-4], (names, response.body)


class PlainText(Text):
    """Streams. It is sent by JSON."""
    name = "plain"
    type = "text/plain"
    response = ({"text": "*"},)

    def send(self, who, text):
        return f"/{self.name}/{who}", self.write(who, text).encode(), {"Content-Type": JSON}

    def reply(self, who, text):
        return answer(200, f"\u00e9 see {text}, \"now\"\n", [("ETag", '"1"')], "text/plain")

    def shown(self, response):
        text = response.body.decode()
        check(text.startswith("\u00e9 see ") and text.endswith(', "now"\n'), f"around: {text!r}")
        return text[6:-8], ()


def read_events(data):
    """Server-sent events as a browser reads them: [{field: value}, ...]"""
    events, fields = [], {}
    for line in re.split("\r\n|\n|\r", data.decode())[:-1]:
        if line == "":
            events += [fields] if fields else []
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            fields[name] = fields[name] + "\n" + value if name in fields else value
    equal(fields, {}, "what stands behind the last event")
    return events


class Event(PlainText):
    """JSON in the data of server-sent events."""
    name = "event"
    type = "text/event-stream"
    response = ({"json": "$.note", "class": "note"}, {"text": "*"})

    def data(self, who, text):
        return self.write(who, text)

    def reply(self, who, text):
        return answer(200, f": hello\n\nevent: a\ndata: {self.data(who, text)}\nid: 7\n\ndata: [DONE]\n\n",
                      [("ETag", '"1"')], self.type)

    def parsed(self, response):
        first, last = read_events(response.body)
        equal((sorted(first), first["event"], first["id"], last),
              (["data", "event", "id"], "a", "7", {"data": "[DONE]"}), "events")
        return first["data"]

    def shown(self, response):
        return self.read(self.parsed(response))


class EventText(Event):
    name = "eventtext"
    fits_all = False  # no line ends

    def data(self, who, text):
        return f"see {text}, \"now\""

    def shown(self, response):
        text = self.parsed(response)
        check(text.startswith("see ") and text.endswith(', "now"'), f"the text around: {text!r}")
        return text[4:-7], ()


PLACES = {cls.name: cls() for cls in (
    Place, Gzip, Brotli, Deep, Lines, People, Form, Element, Attribute, Part, FileName, Query, Path,
    Header, Cookie, Location, Text, TextHeader, PlainText, Event, EventText)}


class Application:
    """Keeps, for each place and person, the text that came there, and sends it back there."""

    def __init__(self):
        self.kept = {}

    def __call__(self, request, unused_sock):
        name, who = urllib.parse.urlsplit(request.target).path.split("/")[1:3]
        place = PLACES[name]
        if request.method == "POST":
            self.kept[name, who] = place.seen(request)
        data = place.reply(who, self.kept[name, who])
        return data.split(b"\r\n\r\n")[0] + b"\r\n\r\n" if request.method == "HEAD" else data
