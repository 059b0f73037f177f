# SPDX-License-Identifier: Apache-2.0
"""What else an operator or officer can do over the admin API: evidence packs, recount, previews, reload."""
import json
import os

from harness import check, equal
from test_admin_api import Api, one_time_code, problem, stored
from test_admin_once import of_request


def test_a_pack_is_downloaded_and_verifies(env):
    api = Api(env)
    stored(api, "p")
    response = api.ask("POST", "/v1/evidence", {"from": "2020-01-01"}, "officer", timeout=60)
    equal((response.status, response.headers["content-type"]), (200, "application/x-tar"), f"{response.body[:200]!r}")
    check(response.headers["content-disposition"].startswith("attachment;"), f"{response.headers}")
    pack = env.path("pack.tar")
    with open(pack, "wb") as f:
        f.write(response.body)
    result = api.lethe.run("verify-evidence", pack)
    equal(result.returncode, 0, f"{result.stderr}")
    equal([n for n in os.listdir(api.lethe.store) if "evidence" in n], [], "what is left in the store")
    (record,) = of_request(api, response)
    equal((record["operation"], record["outcome"], record["who"]), ("evidence", "done", "officer"), "the record")
    for body, status in (({"file": "/tmp/x"}, 400), ({"from": "x"}, 400), ({"what": 1}, 400)):
        refused = api.ask("POST", "/v1/evidence", body, "officer")
        equal(refused.status, status, f"{body}: {refused.body!r}")
        check("content-disposition" not in refused.headers, f"{body}")
    problem(api.ask("POST", "/v1/evidence", {}, "support"), "DENIED")


def test_recount_preview_progress_and_status(env):
    api = Api(env)
    stored(api, "p")
    counted = api.got(200, "POST", "/v1/retention/recount", None, "operator")
    equal((counted["differ"], counted["uncounted"]), (0, 0), "a recount")
    classes = {name: dict(c) for name, c in api.lethe.config["classes"].items()}
    classes["note"]["retain"] = {"period": "P1D", "from": "created"}
    preview = api.got(200, "POST", "/v1/retention/preview", {"classes": json.dumps(classes)}, "officer")
    check(preview["digest"] != api.got(200, "GET", "/v1/retention/preview", token="officer")["digest"], "another one")
    check("note" in json.dumps(preview), f"{preview}")
    equal(api.ask("POST", "/v1/retention/preview", {"classes": "{"}, "officer").status, 400, "no JSON")
    check(isinstance(api.got(200, "GET", "/v1/progress", token="officer"), dict), "progress")
    check(isinstance(api.got(200, "GET", "/v1/audit/status", token="officer"), dict), "the trail")


def test_a_reload_wants_a_code(env):
    api = Api(env)
    equal(api.ask("POST", "/v1/configuration/reload", None, "operator").status, 403, "without")
    api.enrol("operator")
    code = {"Lethe-Otp": one_time_code(api.uris["operator"])}
    api.got(200, "POST", "/v1/configuration/reload", None, "operator", code)
