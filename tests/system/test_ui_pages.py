# SPDX-License-Identifier: Apache-2.0
"""What the data officer's pages show and do: proposals, holds, access, the trail, rules, records of processing, keys."""
import datetime
import json
import os
import re
import subprocess
import urllib.parse

from harness import CLASSES, ROOT, ROUTES, check, equal
from test_admin_api import Api, earlier_step, one_time_code, stored
from test_ui import PAYLOADS
from ui_client import Browser, Page


def signed_in(env, *roles, **more):
    """A server and a browser for each of the roles, with this step's codes left to use."""
    api = Api(env, **more)
    for role in roles:
        api.enrol(role)
    step = earlier_step()
    return (api, *(Browser(api.address).sign_in(api, role, step) for role in roles))


def proposed_erasure(api, b, subject="ada-4711"):
    """An erasure that is proposed by forms; the page that it leads to."""
    unused, person = stored(api, subject)
    response = b.send("/ui/erasures/new", "/ui/erasures/new", subject=subject)
    equal((response.status, response.headers["location"]), (303, f"/ui/erasures/new/{person}"), "found")
    review = b.page(response.headers["location"])
    check("note" in review.text and subject not in review.text, review.text)
    response = b.send(f"/ui/erasures/new/{person}", "/ui/erasures", person=person, ground="b", reference="T-1")
    equal(response.status, 303, f"proposed: {response.body[-900:]!r}")
    return response.headers["location"], person


def digest_of(page):
    return next(a["value"] for a in page.all("input") if a.get("name") == "digest")


def test_an_erasure_is_proposed_looked_at_and_approved_by_forms(env):
    """E42, E59: by two people, and what was shown is what is done."""
    api, b, approver = signed_in(env, "operator", "approver")
    here, person = proposed_erasure(api, b)
    equal(here, "/ui/proposals/1", "where it leads")
    page = b.page(here)
    check("waits for somebody else's approval" in page.text and "You proposed this yourself" in page.text, page.text)
    check(not any(a.get("name") == "code" for a in page.all("input")), "no form to approve one's own")
    api.got(200, "GET", f"/v1/subjects/{person}", token="operator")
    page = approver.page(here)
    check("(b) consent withdrawn" in page.text and "T-1" in page.text and "note" in page.text, page.text)
    digest = digest_of(page)
    check(digest in page.text, "the digest is shown")
    equal(approver.send(f"{here}/approve", here, digest=digest).status, 403, "without a code")
    code = one_time_code(api.uris["approver"])
    response = approver.send(f"{here}/approve", here, digest="0" * 64, code=code)
    equal(response.status, 409, "another digest")
    check("digest is another proposal" in Page(response.body.decode()).text, "and why")
    api.got(200, "GET", f"/v1/subjects/{person}", token="operator")


def test_an_approved_erasure_is_carried_out(env):
    api, b, approver = signed_in(env, "operator", "approver")
    here, person = proposed_erasure(api, b)
    digest = digest_of(approver.page(here))
    response = approver.send(f"{here}/approve", here, digest=digest, code=one_time_code(api.uris["approver"]))
    equal((response.status, response.headers.get("location")), (303, here), f"{response.body[-900:]!r}")
    page = approver.page(here)
    check("It is approved." in page.text and "carried out" in page.text, page.text)
    equal(api.ask("GET", f"/v1/subjects/{person}", token="operator").status, 404, "gone")
    check(here in approver.page("/ui/proposals").links(), "in the list")
    receipt = api.got(200, "GET", "/v1/erasures", token="operator")["receipts"][0]["number"]
    check("T-1" in b.page(f"/ui/erasures/{receipt}").text, "its receipt")


def test_a_proposal_can_be_rejected_and_nothing_happens(env):
    api, b, approver = signed_in(env, "operator", "approver")
    here, person = proposed_erasure(api, b)
    digest = digest_of(approver.page(here))
    check("is the one that you were shown" in approver.page(f"{here}?digest={digest}").text, "from a chat")
    check("do not approve" in approver.page(f"{here}?digest={'0' * 64}").text, "another's")
    equal(approver.send(f"{here}/reject", here).status, 303, "rejected")
    check("It is rejected." in approver.page(here).text, "is said")
    page = approver.page(here)
    check(not any(a.get("name") == "digest" for a in page.all("input")), "no form is left")
    response = approver.send(f"{here}/approve", "/ui/proposals", digest=digest,
                             code=one_time_code(api.uris["approver"]))
    equal(response.status, 409, "too late")
    api.got(200, "GET", f"/v1/subjects/{person}", token="operator")


def test_who_approves_a_repair_sees_what_differs(env):
    api, b = signed_in(env, "approver")
    stored(api, "p1")
    proposed = api.got(202, "POST", "/v1/retention/repair", {"confirm": "0" * 32}, "operator")
    facts = b.page(f"/ui/proposals/{proposed['proposal']}").text
    check("Of these with counters that differ" in facts and "would be set to what the values" in facts, facts)


def test_nobody_approves_their_own_with_another_token(env):
    """E58: the server says so, whatever a form holds."""
    api, b = signed_in(env, "operator")
    here, unused = proposed_erasure(api, b)
    digest = api.got(200, "GET", "/v1/proposals/1", token="auditor")["digest"]
    api.cli("access", "revoke", str(api.number("operator")))
    api.tokens["own"] = api.token("approver", name="operator")
    api.uris["own"] = api.cli("access", "enrol", str(api.number("operator"))).strip()
    own = Browser(api.address).sign_in(api, "own", earlier_step())
    check("You proposed this yourself" in own.page(here).text, "said before")
    response = own.send(f"{here}/approve", here, digest=digest, code=one_time_code(api.uris["own"]))
    equal(response.status, 403, "refused")
    check("Nobody approves what they have proposed themselves" in Page(response.body.decode()).text, "in the server's words")


def test_without_four_eyes_an_erasure_wants_a_code(env):
    api, b = signed_in(env, "operator", four_eyes=False)
    unused, person = stored(api, "p1")
    page = b.page(f"/ui/erasures/new/{person}")
    check("Erase for ever" in page.text and any(a.get("name") == "code" for a in page.all("input")), page.text)
    target = f"/ui/erasures/new/{person}"
    response = b.send(target, target, person=person, reference="T-9")
    equal(response.status, 403, "without")
    check(any(a.get("value") == "T-9" for a in Page(response.body.decode()).all("input")), "what was typed is kept")
    response = b.send(target, target, person=person, reference="T-9", code=one_time_code(api.uris["operator"]))
    check(response.headers.get("location", "").startswith("/ui/erasures/"), f"{response.body[-900:]!r}")
    check("T-9" in b.page(response.headers["location"]).text, "the receipt")


def test_who_is_looked_for_must_be_there(env):
    api, b = signed_in(env, "operator")
    response = b.send("/ui/erasures/new", "/ui/erasures/new", subject="nobody-at-all")
    equal(response.status, 404, "not found")
    page = Page(response.body.decode())
    check("No subject of this domain" in page.text, page.text)
    equal(b.get("/ui/erasures/new/1." + "0" * 32, 404).status, 404, "no such person")
    equal(b.get("/ui/erasures/new/..%2f..", 400).status, 400, "no id")


def test_what_goes_wrong_is_said_in_the_language_of_the_page(env):
    api, b = signed_in(env, "operator")
    b.send("/ui/language", "/ui/", lang="de", here="/ui/requests/new")
    fields = {"with__rights": "access", "with__channel": "email"}
    response = b.send("/ui/requests/new", "/ui/requests/new", **fields, with__ground="b")
    page = Page(response.body.decode())
    equal(response.status, 400, "a ground without an erasure")
    check("Ein Grund gehört nur zu einem Antrag auf Löschung." in page.text, page.text)
    check(not any(a.get("lang") == "en" for a in page.all("span")), "nothing of it is English")
    response = b.send("/ui/requests/new", "/ui/requests/new", **fields, with__owner="x" * 2000)
    page = Page(response.body.decode())
    equal(response.status, 413, "too long")
    check("Im Einzelnen (auf Englisch): \"owner\" is longer than" in page.text, page.text)
    equal(len([a for a in page.all("span") if a.get("lang") == "en"]), 1, "what is English says so")
    page = b.page("/ui/nothing", 404)
    check("Diese Seite oder diesen Eintrag gibt es nicht." in page.text and "Im Einzelnen" not in page.text, page.text)


def test_what_is_printed_can_be_held_against_what_was_saved(env):
    api, b = signed_in(env, "officer")
    stored(api, "p1")
    stored(api, "p2")
    api.cli("hold", "add", "--ground", "a, \"b\"; =c", "--owner", "legal", "--review", day(60), "--subject", "p1")
    api.cli("subject", "erase", "p2")
    for page, reports in (("/ui/retention", ["retention"]), ("/ui/ropa", ["ropa", "flows"]), ("/ui/rules", ["changes"]),
                          ("/ui/holds", ["holds", "exceptions"]), ("/ui/erasures", ["notices"])):
        printed = dict(re.findall(r'data-report="([a-z-]+)">([0-9a-f]{64})<', b.get(page).body.decode()))
        equal(sorted(printed), sorted(reports), page)
        for report in reports:
            link = next(a for a in b.page(page).links() if a.startswith(f"/ui/reports/{report}.csv"))
            path = env.write(f"{report}.csv", b.get(link).body)
            command = f"cut -d, -f2- {path} | sha256sum"
            found = subprocess.run(["sh", "-c", command], check=True, capture_output=True, text=True).stdout.split()[0]
            equal(found, printed[report], f"{report}: as UI.md says")
            with open(path, "a", encoding="utf-8") as f:
                f.write("x,changed\r\n")
            found = subprocess.run(["sh", "-c", command], check=True, capture_output=True, text=True).stdout.split()[0]
            check(found != printed[report], "a changed one")


def test_a_request_shows_its_dates_along_a_strip(env):
    api, b = signed_in(env, "operator")
    api.got(201, "POST", "/v1/requests", {"with": {"rights": ["access"], "channel": "email"}}, "operator")
    body = b.get("/ui/requests/1").body.decode()
    picture = body[body.index("strip-picture"):body.index("strip-key")]
    places = [float(x) for x in re.findall(r'<svg x="([\d.]+)%"', picture)]
    equal((places[0], places[-1], places), (2.0, 98.0, sorted(places)), "from the receipt to the last date")
    page = b.page("/ui/requests/1")
    for words in ("Receipt", "Today", "Internal target", "Legal due date"):
        check(words in page.text, f"{words} stands in the table behind it")
    equal(picture.count("<circle") + picture.count("<path"), len(places), "a shape for each")
    check("Extended due date" not in page.text, "it was not extended")
    api.cli("request", "extend", "1", "reason=complexity", "channel=email", "by=M. Roe")
    page = b.page("/ui/requests/1")
    check("Extended due date" in page.text, page.text)


def test_a_late_request_says_by_how_many_days(env):
    api, b = signed_in(env, "operator")
    for received in (day(-90), day(-1)):
        api.got(201, "POST", "/v1/requests", {"with": {"rights": ["access"], "channel": "email", "received": received}}, "operator")
    late, running = (b.page(f"/ui/requests/{number}").text for number in (1, 2))
    check(re.search(r"received · \d\d days late", late) and "days left" not in late, late)
    check("days left" in running and "days late" not in running, running)


def test_words_for_what_goes_wrong_are_of_texts_that_there_are(env):
    sources = ""
    for folder in ("admin", "keys", "retention", "ui", "vault"):
        for name in sorted(os.listdir(os.path.join(ROOT, folder))):
            if name.endswith(".c"):
                with open(os.path.join(ROOT, folder, name)) as f:
                    sources += f.read()
    sources = re.sub(r'"\s*\n\s*"', "", sources)
    with open(os.path.join(ROOT, "ui/words/en.json")) as f:
        texts = [key.removeprefix("detail.") for key in json.load(f) if key.startswith("detail.")]
    check(len(texts) > 40, f"{texts}")
    equal([text for text in texts if json.dumps(text, ensure_ascii=False) not in sources], [], "nobody says these")


def day(days):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).strftime("%Y-%m-%d")


def rows(page):
    """What stands in the rows' heads."""
    return [a for tag, a in page.tags if tag == "th" and a.get("scope") == "row"]


def test_a_hold_is_set_and_its_lifting_proposed_by_forms(env):
    api, b, approver = signed_in(env, "operator", "approver")
    unused, person = stored(api, "p1")
    fields = {"subject": "p1", "of_class": "note", "ground": "17(3)(b) tax", "owner": "legal", "review": day(30)}
    response = b.send("/ui/holds/new", "/ui/holds/new", **fields)
    equal(response.status, 403, "without a code")
    page = Page(response.body.decode())
    check(any(a.get("value") == "17(3)(b) tax" for a in page.all("input")), "what was typed is kept")
    check(any(a.get("value") == "note" and "selected" in a for a in page.all("option")), "and what was chosen")
    code = one_time_code(api.uris["operator"])
    response = b.send("/ui/holds/new", "/ui/holds/new", **fields, code=code)
    equal((response.status, response.headers.get("location")), (303, "/ui/holds/1"), f"{response.body[-900:]!r}")
    page = b.page("/ui/holds/1")
    check("17(3)(b)" in page.text and "legal" in page.text and "p1" not in page.text.split(), page.text)
    page = b.page("/ui/holds")
    check("/ui/holds/1" in page.links() and "17(3)(b) tax" in page.text, page.text)
    response = b.send("/ui/holds/1/lift", "/ui/holds/1", reason="settled")
    equal((response.status, response.headers.get("location")), (303, "/ui/proposals/1"), "proposed")
    page = approver.page("/ui/proposals/1")
    check("settled" in page.text and "17(3)(b) tax" in page.text, page.text)
    response = approver.send("/ui/proposals/1/approve", "/ui/proposals/1", digest=digest_of(page),
                             code=one_time_code(api.uris["approver"]))
    equal(response.status, 303, f"approved: {response.body[-900:]!r}")
    check("/ui/holds/1" not in b.page("/ui/holds").links(), "not among those in force")
    page = b.page("/ui/holds?show=all")
    check("/ui/holds/1" in page.links() and "lifted" in page.text, page.text)
    check(not any(a.get("name") == "reason" for a in b.page("/ui/holds/1").all("input")), "no form is left")
    check(person in api.got(200, "GET", f"/v1/subjects/{person}", token="operator")["person"], "the person stays")


def test_holds_whose_review_comes_first_stand_first(env):
    api, b = signed_in(env, "officer")
    for subject, days in (("p1", 60), ("p2", 20), ("p3", 40)):
        stored(api, subject)
        api.cli("hold", "add", "--ground", "case", "--owner", "legal", "--review", day(days), "--subject", subject)
    page = b.page("/ui/holds")
    found = [link for link in page.links() if re.fullmatch(r"/ui/holds/\d+", link)]
    equal(found, ["/ui/holds/2", "/ui/holds/3", "/ui/holds/1"], "order")
    check(not any(link == "/ui/holds/new" for link in page.links()), "an officer sets none")
    for ending in ("csv", "xlsx", "json"):
        b.get(next(link for link in page.links() if f"holds.{ending}" in link))
        b.get(next(link for link in page.links() if f"exceptions.{ending}" in link))


def test_many_holds_stand_on_several_pages(env):
    api, b = signed_in(env, "officer")
    stored(api, "p1")
    for n in range(102, 0, -1):
        api.cli("hold", "add", "--ground", "case", "--owner", "legal", "--review", day(10 + n), "--subject", "p1")
    found, path = [], "/ui/holds?show=all"
    while path is not None:
        page = b.page(path)
        found.append([link for link in page.links() if re.fullmatch(r"/ui/holds/\d+", link)])
        path = next((link for link in page.links() if "after=" in link), None)
    equal([len(links) for links in found], [100, 2], "holds a page")
    equal(sum(found, []), [f"/ui/holds/{n}" for n in range(102, 0, -1)], "each once, those first whose review is")
    for beyond in ("after=999999", "after=x", "after=-1", "after=99999999999999999999"):
        check("102" in b.page(f"/ui/holds?{beyond}").text, beyond)


def test_who_looked_at_what_is_shown(env):
    api, b = signed_in(env, "officer")
    token, unused = stored(api, "p1")
    api.got(200, "POST", "/v1/tokens/reveal", {"tokens": [token]}, "app", {"Lethe-Purpose": "account"})
    api.got(201, "POST", "/v1/honeytokens", {"class": "email", "value": "bait@example.org"}, "operator")
    page = b.page("/ui/access")
    check("app" in page.text and "account" in page.text and "note" in page.text, page.text)
    check("bait@example.org" not in page.text and "Honeytokens that are laid out" in page.text, page.text)
    page = b.page("/ui/access?from=2020-01-01&to=2020-02-01")
    check("Nobody looked at anything." in page.text, page.text)
    for ending in ("csv", "xlsx", "json"):
        link = next(link for link in page.links() if f"access.{ending}" in link)
        check("from=2020-01-01" in link, link)
        b.get(link)


def test_the_trail_is_searched_and_paged(env):
    api, b = signed_in(env, "officer")
    for n in range(3):
        token, unused = stored(api, f"p{n}")
        api.got(200, "POST", "/v1/tokens/reveal", {"tokens": [token]}, "app", {"Lethe-Purpose": "account"})
    page = b.page("/ui/audit")
    check("The newest records" in page.text and "Head of the ledger" in page.text, page.text)
    with open(os.path.join(ROOT, "vault/audit.def")) as f:
        words = re.findall(r'^ACTION\(\w+, \d+, "(\w+)"\)', f.read(), re.M)
    equal([a["value"] for a in page.all("option")][1:], words, "every action of the trail can be searched for")
    page = b.page("/ui/audit?action=reveal&caller=app")
    equal(len(rows(page)), 3, "reveals")
    check("account" in page.text and "Records that were found" in page.text, page.text)
    equal(len(rows(b.page("/ui/audit?action=reveal&caller=nobody%26limit%3D1"))), 0, "another's; no second parameter")
    equal(len(rows(b.page("/ui/audit?to=2020-01-01"))), 0, "before")
    equal(len(rows(b.page("/ui/audit?action=nonsense&from=x"))) > 0, True, "what means nothing is left out")
    for unused in range(60):
        api.got(200, "GET", "/v1/version", token="officer")
        api.got(200, "GET", "/v1/holds", token="officer")
    page = b.page(f"/ui/audit?from={day(0)}")
    equal(len(rows(page)), 100, "a page of them")
    more = next(link for link in page.links() if "after=" in link)
    check(f"from={day(0)}" in more, more)
    numbers = len(rows(b.page(more)))
    check(numbers > 0, "the rest")


def test_a_changed_rule_is_shown_and_its_application_proposed(env):
    """E50: what is applied is what was shown, to the byte."""
    api, b, approver = signed_in(env, "operator", "approver")
    stored(api, "p1")
    page = b.page("/ui/rules")
    check("All values fall due by the rules that are in force" in page.text, page.text)
    check(any(a.get("data-heat") == "5" for a in page.all("td")), "the matrix is warm where values are")
    check(not any(a.get("name") == "confirm" for a in page.all("input")), "nothing to apply")
    api.lethe.config["classes"]["note"]["retain"]["period"] = "P30D"
    api.lethe.save()
    api.cli("reload")
    page = b.page("/ui/rules")
    check(0 < page.text.index("retain.period: P30D") < page.text.index("retain.period: P1Y"), "the newest change first")
    confirm = next(a["value"] for a in page.all("input") if a.get("name") == "confirm")
    check(confirm in page.text, "the digest is shown")
    response = b.send("/ui/rules/apply", "/ui/rules", confirm=confirm)
    equal((response.status, response.headers.get("location")), (303, "/ui/proposals/1"), f"{response.body[-900:]!r}")
    page = approver.page("/ui/proposals/1")
    check("due earlier" in page.text and "note" in page.text, page.text)
    response = approver.send("/ui/proposals/1/approve", "/ui/proposals/1", digest=digest_of(page),
                             code=one_time_code(api.uris["approver"]))
    equal(response.status, 303, f"approved: {response.body[-900:]!r}")
    check("All values fall due by the rules that are in force" in b.page("/ui/rules").text, "applied")
    b.get(next(link for link in page.links() + b.page("/ui/rules").links() if "changes.csv" in link))


def test_the_records_of_processing_are_read_and_taken_as_files(env):
    api, b = signed_in(env, "officer")
    page = b.page("/ui/ropa")
    check("account" in page.text and "no controller named" in page.text and "Art. 6(1)(b)" in page.text, page.text)
    for ending in ("csv", "xlsx", "json"):
        b.get(next(link for link in page.links() if f"ropa.{ending}" in link))
        b.get(next(link for link in page.links() if f"flows.{ending}" in link))


def test_the_records_of_processing_stand_without_flows_that_are_too_many(env):
    kinds = {f"c{i}": CLASSES["note"] for i in range(100)}
    parties = [f"u{i}" for i in range(101)]
    fields = [{"json": f"$.{name}", "class": name} for name in kinds]
    api, b = signed_in(env, "officer", classes={**CLASSES, **kinds},
                       upstreams={name: {"url": "http://127.0.0.1:9"} for name in ("app", *parties)},
                       routes=[*ROUTES, *({"path": f"/{name}", "upstream": name, "subject": "$.id", "request": fields}
                                          for name in parties)])
    problem = api.got(413, "GET", "/v1/reports/flows", token="officer")
    check("more than 10000 rows: it has one for each thing that is configured" in problem["detail"], f"{problem}")
    page = b.page("/ui/ropa")
    check("more than 10,000 rows" in page.text and "c99" in page.text and "Art. 6(1)(b)" in page.text, page.text)
    check(not any("flows.csv" in link for link in page.links()), "no file to take")


def test_an_impact_assessment_is_taken_in_every_form(env):
    api, b = signed_in(env, "officer")
    stored(api, "p1")
    page = b.page("/ui/ropa")
    found = {}
    for ending, begins in (("html", b"<!doctype html>"), ("txt", b"Data protection impact"), ("xlsx", b"PK"), ("json", b"{")):
        response = b.get(next(link for link in page.links() if f"dpia.{ending}" in link))
        check(response.body.startswith(begins) and "attachment" in response.headers["content-disposition"], f"{ending}: {response}")
        found[ending] = response.body.decode(errors="replace")
    rows = json.loads(found["json"])["rows"]
    state = {r["item"]: r["state"] for r in rows if r["section"].startswith("4")}
    equal((state["four eyes"], state["audit trail"], state["audit heads"]), ("in place", "in place", "not in place"), "measures")
    check(any(r["item"] == "recipient" and "receives email as token" in r["statement"] for r in rows), "recipients")
    for said in (found["html"], found["txt"], api.cli("report", "dpia")):
        check("4 Measures (Art. 35(7)(d))" in said and "To be filled in:" in said, said[:900])


def test_recipients_are_shown_with_what_they_received(env):
    api, b = signed_in(env, "officer", routes=[*ROUTES, {"path": "/text", "upstream": "app", "response": [{"text": "*"}]}])
    token, unused = stored(api, "p1")
    api.got(200, "POST", "/v1/tokens/reveal", {"tokens": [token]}, "app", {"Lethe-Purpose": "account"})
    rows = api.got(200, "GET", "/v1/reports/flows", token="officer")["rows"]
    said = {(r["recipient"], r["kind"], r["class"], r["form"]) for r in rows if r["declared"]}
    check(("app", "upstream", "email", "token") in said, f"{said}")
    shown = [r for r in rows if not r["declared"]]
    equal([(r["recipient"], r["kind"], r["class"], r["form"], r["purposes"], r["values"]) for r in shown],
          [("app", "operator", "note", "value", ["account"], 1)], "what a token of the admin API was shown")
    page = b.page("/ui/ropa")
    check("application behind Lethe" in page.text and "operator or access token" in page.text, page.text)
    check(("app", "upstream", "any class", "token") in said and "any, in scanned fields" in page.text, f"{said}")
    check(not any("any%20class" in link or "any class" in link for link in page.links()), "there is no page of it")
    equal({(r["recipient"], r["class"]) for r in json.loads(api.cli("report", "flows", "--json"))["rows"]},
          {(r["recipient"], r["class"]) for r in rows}, "the command")
    api.lethe.stop()
    offline = json.loads(api.cli("report", "flows", "--json"))["rows"]
    equal([r for r in offline if r["declared"]], [r for r in rows if r["declared"]], "without a server")


def test_health_says_what_is_wrong(env):
    api, b, approver = signed_in(env, "operator", "approver")
    page = b.page("/ui/keys")
    check("No backup for too long." in page.text and "Epoch of the root key" in page.text, page.text)
    check("Believe the clock" not in page.text, "nothing to believe")
    response = b.send("/ui/keys/rotate", "/ui/keys")
    equal((response.status, response.headers.get("location")), (303, "/ui/proposals/1"), f"{response.body[-900:]!r}")
    page = approver.page("/ui/proposals/1")
    response = approver.send("/ui/proposals/1/approve", "/ui/proposals/1", digest=digest_of(page),
                             code=one_time_code(api.uris["approver"]))
    equal(response.status, 303, f"approved: {response.body[-900:]!r}")
    check("carried out" in approver.page("/ui/proposals/1").text, "the key is changed")
    commit = api.got(200, "GET", "/v1/version", token="operator")["commit"]
    check(commit in b.page("/ui/keys").text, "of which program")


def test_an_evidence_pack_is_taken_by_a_form(env):
    api, b = signed_in(env, "officer")
    stored(api, "p1")
    response = b.send("/ui/evidence", "/ui/erasures", **{"from": "2020-01-01", "to": ""})
    equal((response.status, response.headers["content-type"]), (200, "application/x-tar"), f"{response.body[:300]!r}")
    check(response.headers["content-disposition"].startswith("attachment;"), "it is saved")
    with open(env.path("pack.tar"), "wb") as f:
        f.write(response.body)
    equal(api.lethe.run("verify-evidence", env.path("pack.tar")).returncode, 0, "it is whole")
    response = b.send("/ui/evidence", "/ui/erasures", **{"from": "yesterday"})
    equal((response.status, response.headers["content-type"]), (400, "text/html; charset=utf-8"), "a page says why")
    equal(b.send("/ui/evidence", "/ui/erasures", file="/tmp/x").status, 400, "E65: an unknown field")


def test_e67_labels_on_these_pages_never_become_markup(env):
    api, b, officer = signed_in(env, "operator", "officer")
    stored(api, "p1")
    shown = 0
    for payload in PAYLOADS:
        text = payload.replace("\u2028", "")
        result = api.lethe.cli("hold", "add", "--ground", text, "--owner", text, "--review", day(30), "--subject", "p1")
        if result.returncode != 0:
            continue  # what steers a terminal is no label
        number = int(result.stdout)
        api.got(202, "POST", f"/v1/holds/{number}/lift", {"reason": text}, "operator")
        shown += 1
        for path in ("/ui/holds", f"/ui/holds/{number}", f"/ui/proposals/{shown}", "/ui/proposals"):
            page = b.page(path)
            check(text in page.text or path == "/ui/proposals", f"{payload!r} is shown as it is on {path}")
            check(not any(n.startswith("on") for tag, attrs in page.tags for n in attrs), payload)
            check(not page.all("svg") and not page.all("img"), payload)
        page = officer.page("/ui/audit?" + urllib.parse.urlencode({"caller": text}))
        check(any(a.get("value") == text for a in page.all("input")), f"{payload!r} in its field")
        check(not page.all("svg") and not page.all("img"), payload)
    check(shown > 5, f"{shown} labels were taken")
