# SPDX-License-Identifier: Apache-2.0
"""How much of the admin API one client and one token may take, and how wrong tokens and codes are slowed down."""
import time

from harness import check, equal
from test_admin_api import Api, one_time_code, problem, without_id
from test_admin_once import trail


class Limited(Api):
    """With `limits` of the admin listener."""

    def __init__(self, env, **limits):
        self.limits = limits
        super().__init__(env, four_eyes=False)

    def admin(self):
        return {"limits": self.limits}


def statuses(api, count, token=None, target="/v1/version"):
    return [api.ask("GET", target, token=token).status for _ in range(count)]


def test_a_token_has_its_share_and_others_have_theirs(env):
    api = Limited(env, person_rate={"requests": 5, "per": "1h", "burst": 5})
    equal(statuses(api, 5, "officer"), [200] * 5, "its share")
    response = api.ask("GET", "/v1/version", token="officer")
    equal(response.status, 429, f"{response}")
    problem(response, "LIMIT")
    check(1 <= int(response.headers["retry-after"]) <= 720, f"{response}")
    equal(statuses(api, 1, "auditor"), [200], "another token")
    equal(statuses(api, 20, "app"), [200] * 20, "an application")


def test_a_client_has_its_share_with_whatever_token(env):
    api = Limited(env, client_rate={"requests": 4, "per": "1h", "burst": 4})
    equal([statuses(api, 1, t)[0] for t in ("app", "officer", "auditor", "x")], [200, 200, 200, 401], "its share")
    equal(statuses(api, 1, "app") + statuses(api, 1, "support") + statuses(api, 1, "app", "/v1/nothing"), [429] * 3,
          "beyond")
    equal(api.ask("GET", "/readyz").status, 200, "what a balancer asks")


def test_e62_wrong_tokens_are_slowed_down_and_lock_nobody_out(env):
    api = Limited(env, failure_rate={"requests": 5, "per": "1h", "burst": 5})
    begun = time.monotonic()
    wrong = [api.ask("GET", "/v1/version", token="lta_" + f"{n:064x}") for n in range(200)]
    equal([r.status for r in wrong], [401] * 5 + [429] * 195, "wrong tokens")
    seconds = int(time.monotonic() - begun) + 2
    equal(len({without_id(r) for r in wrong[:5]}), 1, "answers")
    check(int(wrong[-1].headers["retry-after"]) > 0, "when to come again")
    equal(statuses(api, 3, "officer"), [200] * 3, "who has a token, from the same address")
    equal(statuses(api, 1), [429], "nobody")
    time.sleep(1.1)
    equal(statuses(api, 1), [429], "later")
    time.sleep(1.1)
    records = [r for r in trail(api) if r["who"] == "-"]
    equal({(r["outcome"], r["address"]) for r in records}, {("refused", "127.0.0.1")}, "records")
    equal(len(records) + sum(r.get("more", 0) for r in records), 202, "refusals that are told of")
    check(len(records) <= 100 * seconds + 2, f"a flood fills the trail: {len(records)}")


def test_e63_wrong_codes_are_slowed_down(env):
    api = Api(env, four_eyes=False)
    api.enrol("operator")
    right = one_time_code(api.uris["operator"])
    wrong = [c for c in ("000000", "111111", "222222", "333333", "444444", "555555", "666666") if c != right][:6]
    answers = [api.ask("POST", "/v1/clock/accept", None, "operator", {"Lethe-Otp": c}) for c in wrong]
    equal([a.status for a in answers], [403] * 5 + [429], "wrong codes")
    equal(answers[-1].headers["retry-after"], "60", "when to come again")
    equal(api.ask("POST", "/v1/clock/accept", None, "operator", {"Lethe-Otp": right}).status, 429, "a right one")
    equal(api.ask("GET", "/v1/keys", token="operator").status, 200, "what needs no code")


def test_limits_are_exchanged_by_a_reload_and_read_strictly(env):
    api = Limited(env, person_rate={"requests": 2, "per": "1h", "burst": 2})
    equal(statuses(api, 3, "officer"), [200, 200, 429], "before")
    api.lethe.config["admin"]["limits"] = {"person_rate": {"requests": 100, "per": "1s", "burst": 200}}
    api.lethe.save()
    api.cli("reload")
    equal(statuses(api, 20, "auditor"), [200] * 20, "after")
    api.lethe.config["admin"]["limits"] = {"person_rates": {"requests": 1}}
    api.lethe.save()
    result = api.lethe.cli("check")
    equal(result.returncode, 78, f"{result}")
    check("did you mean" in result.stderr and "person_rate" in result.stderr, result.stderr)
