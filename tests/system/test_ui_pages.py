# SPDX-License-Identifier: Apache-2.0
"""What the data officer's pages show and do: proposals, holds, access, the trail, rules, records of processing, keys."""
from harness import check, equal
from test_admin_api import Api, one_time_code, stored
from ui_client import Browser, Page, earlier_step


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
    check("the digest is another proposal" in Page(response.body.decode()).text, "and why")
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
    check("nobody approves what they proposed themselves" in Page(response.body.decode()).text, "in the server's words")


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
    check("no subject of this domain" in page.text, page.text)
    equal(b.get("/ui/erasures/new/1." + "0" * 32, 404).status, 404, "no such person")
    equal(b.get("/ui/erasures/new/..%2f..", 400).status, 400, "no id")
