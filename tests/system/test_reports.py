# SPDX-License-Identifier: Apache-2.0
"""Reports: what is published of them holds for every kind; what is printed is a sound page."""
import csv
import datetime
import html.parser
import io
import json
import os
import zipfile

import jsonschema
import openpyxl

from harness import Lethe, check, equal
from test_history import History
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


def told(value, schema):
    """What a spreadsheet has in the place of a member."""
    if value is None or value == []:
        return None
    if isinstance(value, list):
        return "; ".join(value)
    if isinstance(value, str) and "pattern" in schema and len(value) == 10:
        return datetime.datetime.fromisoformat(value)
    if isinstance(value, str) and "pattern" in schema:
        return datetime.datetime.fromisoformat(value[:19])
    return value


def check_book(path, kind, tree):
    book = openpyxl.load_workbook(path)
    name = kind["properties"]["report"]["const"]
    equal(book.sheetnames, [name, "About"], "sheets")
    sheet, members = book[name], kind["properties"]["rows"]["items"]["properties"]
    for row, cells in zip(tree["rows"], sheet.iter_rows(min_row=2), strict=True):
        for (member, schema), cell in zip(members.items(), cells, strict=True):
            equal(cell.value, told(row[member], schema), f"{name}: {member}")
            check(cell.data_type != "f" and cell.hyperlink is None, f"{name}: {member} acts: {cell.value}")
    equal(sheet.freeze_panes, "B2", "what stays in sight")
    check(sheet.auto_filter.ref.startswith("A1:"), "filters")
    about = {a.value: b.value for a, b in book["About"].iter_rows(max_col=2)}
    equal((about["zone"], about["store"]), ("UTC", tree["store"]), "what it is about")


def test_every_xlsx_has_the_rows_of_the_json_as_dates_numbers_and_text(env):
    """E67: text is text."""
    lethe = started(env)
    label = "=cmd|'/C calc'!A0"
    held = lethe.cli("hold", "add", "--subject", "1", "--ground", label, "--owner", "https://evil.example",
                     "--review", str(datetime.date.today() + datetime.timedelta(30)))
    equal(held.returncode, 0, f"a hold: {held}")
    schema, _ = kinds()
    for kind in schema["oneOf"]:
        name, path = kind["properties"]["report"]["const"], env.path("book.xlsx")
        tree = json.loads(made(lethe, name, "--json"))
        made(lethe, name, "--format", "xlsx", "-o", path)
        check_book(path, kind, tree)
        if name == "holds":
            equal(openpyxl.load_workbook(path)[name]["G2"].value, label, "a label like a formula is text")
    equal([n for n in os.listdir(env.dir) if n.startswith("book")], ["book.xlsx"], "nothing else is left")


def test_a_hostile_history_gives_books_that_are_sound_and_csv_without_formulas(env):
    """E67: labels of a whole history."""
    history = History(env, "--persons", "150", "--days", "200")
    acting = ("=", "+", "-", "@", "\t", "\r")
    for name in ("retention", "requests", "holds", "notices", "access"):
        path = env.path(f"{name}.xlsx")
        history.run("report", name, "--format", "xlsx", "-o", path, "--from", "2000-01-01")
        with zipfile.ZipFile(path) as book:
            equal(book.testzip(), None, "the archive")
            sheets = b"".join(book.read(n) for n in book.namelist() if "worksheets/sheet" in n)
        check(b"<f>" not in sheets and b"<hyperlink" not in sheets, f"{name}: cells that act")
        rows = openpyxl.load_workbook(path)[name].iter_rows(min_row=2, values_only=True)
        check(next(rows, None) is not None, f"{name}: rows")
        for form, separator in (("csv", ","), ("csv-excel", ";")):
            text = history.run("report", name, "--format", form, "--from", "2000-01-01").lstrip("\ufeff")
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True):
                bad = [c for c in row if c.startswith(acting) and not c.lstrip("-").isdigit()]
                equal(bad, [], f"{name}: cells of {form} that act")


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
