# SPDX-License-Identifier: Apache-2.0
"""Reports: what is published of them holds for every kind; what is printed is a sound page."""
import csv
import html.parser
import io
import json
import os

import jsonschema

from harness import Lethe, check, equal
from upstreams import Recorder

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VOID = {"meta", "br", "link", "img", "hr", "input"}


def kinds():
    with open(os.path.join(ROOT, "docs", "reports.schema.json"), encoding="utf-8") as f:
        schema = json.load(f)
    jsonschema.Draft202012Validator.check_schema(schema)
    return schema, [kind["properties"]["report"]["const"] for kind in schema["oneOf"]]


def started(env):
    app = Recorder(env)
    lethe = Lethe(env, app.url).start()
    for i in range(3):
        lethe.request("PUT", f"/users/{i}", {"email": f"k{i}@x.example", "note": f"note {i}"})
    equal(lethe.cli("subject", "erase", "2").returncode, 0, "an erasure")
    return lethe


def made(lethe, *arguments):
    of_caller = ("--caller", "officer") if arguments[0] == "breach" else ()
    result = lethe.cli("report", *arguments, *of_caller)
    check(result.returncode in (0, 3), f"report {' '.join(arguments)}: {result}")
    return result.stdout


def test_every_report_is_what_the_published_schema_says(env):
    lethe = started(env)
    schema, names = kinds()
    check("retention" in names, f"{names}")
    validator = jsonschema.Draft202012Validator(schema)
    for name in names:
        for period in ((), ("--from", "2026-01-01"), ("--from", "2020-01-01", "--to", "2020-02-01")):
            tree = json.loads(made(lethe, name, "--json", *period))
            problems = [error.message for error in validator.iter_errors(tree)]
            equal(problems, [], f"report {name} {period} against the schema")


def test_every_csv_has_the_rows_and_members_of_the_json(env):
    lethe = started(env)
    schema, _ = kinds()
    for kind in schema["oneOf"]:
        name = kind["properties"]["report"]["const"]
        members = list(kind["properties"]["rows"]["items"]["properties"])
        tree = json.loads(made(lethe, name, "--json"))
        for form, separator in (("csv", ","), ("csv-excel", ";")):
            text = made(lethe, name, "--format", form)
            equal(text.startswith("\ufeff"), form == "csv-excel", "the byte order mark")
            table = list(csv.reader(io.StringIO(text.lstrip("\ufeff")), delimiter=separator,
                                    strict=True))
            equal(table[0], ["as_of"] + members, f"{name}: the header of {form}")
            equal(len(table) - 1, len(tree["rows"]), f"{name}: rows of {form}")
            check(all(len(row) == len(table[0]) for row in table), f"{name}: ragged rows in {form}")


class Page(html.parser.HTMLParser):
    """A page that must be well-formed, with what screen readers need."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.found, self.text = [], [], ""
        self.feed(text)
        self.close()
        equal(self.open, [], "elements that are left open")

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        equal(self.open.pop() if self.open else None, tag, "the element that ends")

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attrs for name, attrs in self.found if name == tag]


def check_page(name, page):
    equal([a.get("lang") for a in page.all("html")], ["en"], "the language")
    equal(len(page.all("title")), 1, "titles")
    equal(len(page.all("h1")), 1, "headings")
    equal(len(page.all("main")), 1, "main")
    equal(len(page.all("caption")), len(page.all("table")), "tables with captions")
    check(all(th.get("scope") in ("row", "col") for th in page.all("th")), f"{name}: th without scope")
    for region in page.all("div"):
        check(region.get("aria-label") and region.get("tabindex") == "0", f"{name}: {region}")
    for tag, attrs in page.found:
        check(tag not in ("script", "link", "img", "iframe", "object", "form"), f"{name}: <{tag}>")
        check(not any(a.startswith("on") or a in ("src", "href", "style") for a in attrs),
              f"{name}: {tag} {attrs}")


def test_every_page_is_well_formed_and_stands_alone(env):
    lethe = started(env)
    _, names = kinds()
    for name in names:
        text = made(lethe, name, "--format", "html")
        page = Page(text)
        check_page(name, page)
        for outside in ("http:", "https:", "url(", "@import", "javascript:"):
            check(outside not in text, f"{name}: {outside} in the page")


def test_a_report_goes_into_a_file(env):
    lethe = started(env)
    path = os.path.join(env.dir, "retention.html")
    equal(made(lethe, "retention", "--format", "html", "-o", path), "", "standard output")
    with open(path, encoding="utf-8") as f:
        Page(f.read())
    equal(os.stat(path).st_mode & 0o777, 0o600, "its mode")


def test_records_of_processing_follow_a_reload(env):
    lethe = started(env)
    before = json.loads(made(lethe, "ropa", "--json"))
    classes = {c for row in before["rows"] for c in row["classes"]}
    equal(classes, set(lethe.config["classes"]), "classes that appear")
    check("no_controller" in before["rows"][0]["attention"], f"{before['rows'][0]}")
    lethe.config["controller"] = {"name": "Example GmbH", "contact": "privacy@example.org"}
    lethe.config["activities"] = {"care": {"purposes": ["support"], "transfers": ["US"]}}
    lethe.save()
    equal(lethe.cli("reload").returncode, 0, "reload")
    after = json.loads(made(lethe, "ropa", "--json"))
    care = next(row for row in after["rows"] if row["activity"] == "care")
    equal((care["controller"], care["attention"]), ("Example GmbH", ["no_safeguards"]), "the activity")
    check(after["configuration"] != before["configuration"], "the configuration's digest is stale")
    lethe.config["activities"]["care"]["recipient"] = "x"
    lethe.save()
    refused = lethe.cli("reload")
    equal(refused.returncode != 0 and "did you mean" in refused.stderr, True, f"{refused.stderr}")
