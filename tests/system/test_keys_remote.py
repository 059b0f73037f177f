# SPDX-License-Identifier: Apache-2.0
"""Root keys that are wrapped elsewhere: by a Vault or OpenBao server (a stub of one) and by a
PKCS#11 token (SoftHSM)."""
import json
import os
import shutil
import subprocess

from harness import ROOT, SYSTEM_PYTHON, Lethe, check, equal, until
from upstreams import Recorder

PIN = "246813"
SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"
PERSON = {"email": "ada@example.org", "phones": ["+44 1632 960001"], "note": "calls at night"}


class Keeper(Lethe):
    """An installation whose root key is what `root_key` says, with a store of its own."""

    extra = {}

    def environment(self):
        return {**super().environment(), **self.extra}

    def hold(self, root_key, **extra):
        self.extra = extra
        self.config["root_key"] = root_key
        self.config["store"] = "sqlite:" + os.path.join(self.home, "held")
        self.save()
        result = self.cli("init")
        equal(result.returncode, 0, f"init ({result.stderr})")
        check(not os.path.exists(os.path.join(self.home, "held", "root.key")), "a key file was made")

    def envelope(self):
        with open(os.path.join(self.home, "root.wrapped"), encoding="ascii") as f:
            return f.read()

    def status(self):
        result = self.cli("key", "status", "--json")
        check(result.stdout, f"key status: {result.stderr}")
        return json.loads(result.stdout)


class Transit:
    """tests/support/transit_stub.py."""

    def __init__(self, env):
        self.env = env
        self.dir = env.path("transit")
        os.mkdir(self.dir)
        self.process = None
        self.port = 0
        self.start()
        env.write("transit/role", "role-5f0c\n")
        env.write("transit/secret", "secret-93aa\n")
        env.write("transit/token", "s.operator-token-1\n")

    def start(self):
        path = os.path.join(self.dir, "port")
        if os.path.exists(path):
            os.unlink(path)
        self.process = self.env.spawn(
            "transit-stub", [SYSTEM_PYTHON, os.path.join(ROOT, "tests/support/transit_stub.py"),
                             self.dir, "--port", str(self.port)])
        until("the stub to listen", 20, lambda: os.path.exists(path))
        with open(path, encoding="ascii") as f:
            self.port = int(f.read())

    def kill(self):
        self.process.stop(9)

    def order(self, text):
        self.env.write("transit/orders", text)

    def root_key(self, approle=True, **more):
        login = ({"role_id_file": f"{self.dir}/role", "secret_id_file": f"{self.dir}/secret"}
                 if approle else {"token_file": f"{self.dir}/token"})
        return {"provider": "vault", "address": f"https://localhost:{self.port}",
                "ca": f"{self.dir}/ca.pem", "key": "lethe", "file": "root.wrapped", **login, **more}

    def requests(self):
        with open(os.path.join(self.dir, "log"), encoding="ascii") as f:
            return f.read()


def token_of_softhsm(env):
    """(environment, root_key) of a fresh token."""
    os.makedirs(env.path("hsm/tokens"))
    conf = env.write("hsm/softhsm2.conf", f"directories.tokendir = {env.path('hsm/tokens')}\n"
                                          "objectstore.backend = file\nlog.level = ERROR\n")
    subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", "box", "--so-pin",
                    "98765432", "--pin", PIN], check=True, capture_output=True,
                   env={**os.environ, "SOFTHSM2_CONF": conf})
    env.write("hsm/pin", PIN + "\n")
    return {"SOFTHSM2_CONF": conf}, {
        "provider": "pkcs11", "file": "root.wrapped",
        "uri": f"pkcs11:token=box;object=lethe?module-path={SOFTHSM}&pin-source=file:"
               f"{env.path('hsm/pin')}"}


def live(env, lethe, app):
    """Tokenize, reveal, rotate while serving, restart, reveal; the old envelope opens nothing."""
    lethe.start()
    equal(lethe.request("PUT", "/users/7", PERSON).status, 200, "PUT")
    check(PERSON["note"] not in json.dumps(app.last().json()), "the upstream saw a value")
    equal(lethe.request("GET", "/users/7", caller="officer").json(), PERSON, "GET")
    old = lethe.envelope()
    result = lethe.cli("key", "rotate")
    equal(result.returncode, 0, f"rotate ({result.stderr})")
    state = lethe.status()
    equal((state["epoch"], state["versions"]), (2, [2]), "versions")
    equal(lethe.request("GET", "/users/7", caller="officer").json(), PERSON, "GET after the rotation")
    equal(lethe.stop(), 0, "exit code")
    lethe.start()
    equal(lethe.request("GET", "/users/7", caller="officer").json(), PERSON, "GET after a restart")
    equal(lethe.stop(), 0, "exit code")
    new = lethe.envelope()
    path = os.path.join(lethe.home, "root.wrapped")
    os.rename(path, path + ".kept")
    env.write("lethe/root.wrapped", old, 0o400)
    result = lethe.cli("serve")
    check(result.returncode in (1, 78), f"served with the old envelope: {result}")
    os.rename(path + ".kept", path)
    equal(lethe.envelope(), new, "the envelope")
    return result.stderr


def secrets_are_nowhere(lethe, secrets):
    for folder, _, names in os.walk(lethe.home):
        for name in names:
            with open(os.path.join(folder, name), "rb") as f:
                data = f.read()
            for secret in secrets:
                check(secret.encode() not in data, f"{secret} stands in {name}")
    for secret in secrets:
        check(secret not in lethe.process.output(), f"{secret} stands in the log")


def test_vault_by_approle(env):
    stub, app = Transit(env), Recorder(env)
    lethe = Keeper(env, app.url)
    lethe.hold(stub.root_key())
    said = live(env, lethe, app)
    check("destroyed" in said, f"the old envelope: {said!r}")
    check("keys/lethe/trim 204" in stub.requests(), "the old version was not trimmed")
    secrets_are_nowhere(lethe, ["secret-93aa", "hvs."])


def test_vault_by_token(env):
    stub, app = Transit(env), Recorder(env)
    lethe = Keeper(env, app.url)
    lethe.hold(stub.root_key(approle=False))
    live(env, lethe, app)
    secrets_are_nowhere(lethe, ["s.operator-token-1"])


def test_a_server_is_sealed_when_vault_is_gone_for_longer_than_the_lease(env):
    stub, app = Transit(env), Recorder(env)
    lethe = Keeper(env, app.url)
    lethe.hold(stub.root_key(lease="5s", timeout="3s"))
    lethe.start()

    def fate():
        return lethe.request("GET", "/users/7", caller="officer").status

    equal(lethe.request("PUT", "/users/7", PERSON).status, 200, "PUT")
    for order in ("* status 503", "decrypt status 403"):
        stub.order(order)
        until("the vault to be sealed", 30, lambda: fate() == 503)
        equal(lethe.request("PUT", "/users/8", PERSON).status, 503, "PUT into a sealed vault")
        result = lethe.cli("key", "status")
        equal(result.returncode, 3, f"key status ({result.stdout} {result.stderr})")
        check("sealed" in result.stdout, result.stdout)
        stub.order("")
        until("the vault to be unsealed", 30, lambda: fate() == 200)
        equal(lethe.request("GET", "/users/7", caller="officer").json(), PERSON, "GET")
    check('"event":"sealed"' in lethe.process.output(), "the log does not say so")


def test_vault_that_fails_starts_nothing(env):
    stub = Transit(env)
    lethe = Keeper(env)
    lethe.hold(stub.root_key(timeout="5s"))
    for order, word in (("* status 503", "sealed"), ("decrypt status 403", "permission denied"),
                        ("login refuse", "not accepted"), ("decrypt hang", "in time"),
                        ("decrypt plaintext " + "A" * 43 + "=", "not the root key"),
                        ("* redirect https://localhost:1/", "redirect")):
        stub.order(order)
        result = lethe.cli("serve")
        check(result.returncode in (1, 78), f"{order}: {result}")
        check(word in result.stderr, f"{order}: {result.stderr!r}")
        check("ready" not in result.stdout, f"{order}: said that it is ready")
        check("planted" not in result.stderr, f"{order}: {result.stderr!r}")
    shutil.copy(f"{stub.dir}/other-ca.pem", f"{stub.dir}/ca-now.pem")
    lethe.config["root_key"]["ca"] = f"{stub.dir}/ca-now.pem"
    lethe.save()
    stub.order("")
    result = lethe.cli("serve")
    check(result.returncode in (1, 78) and "not trusted" in result.stderr, f"another CA: {result}")


def test_vault_that_may_not_destroy_leaves_it_to_the_operator(env):
    stub = Transit(env)
    lethe = Keeper(env)
    lethe.hold(stub.root_key())
    stub.order("/config status 403")
    result = lethe.cli("key", "rotate")
    equal(result.returncode, 3, f"rotate ({result.stderr})")
    check("min_decryption_version=3" in result.stderr, f"what to run is not said: {result.stderr!r}")
    equal(lethe.status()["epoch"], 2, "epoch")
    stub.order("")
    lethe.start()
    until("the server to destroy what was left", 20,
          lambda: "keys/lethe/trim 204" in stub.requests())
    equal(lethe.stop(), 0, "exit code")


def answer(lethe):
    return lethe.request("GET", "/users/7", caller="officer")


def test_vault_seals_when_its_lease_ends_and_opens_when_the_server_is_back(env):
    """E75: its own access ends, too."""
    stub, app = Transit(env), Recorder(env)
    lethe = Keeper(env, app.url)
    lethe.hold(stub.root_key(lease="6s"))
    lethe.start()
    equal(lethe.request("PUT", "/users/7", PERSON).status, 200, "PUT")
    equal(answer(lethe).json(), PERSON, "GET")
    stub.kill()
    equal(answer(lethe).json(), PERSON, "GET within the lease")
    until("the vault to be sealed", 30, lambda: answer(lethe).status == 503)
    seen = app.count()
    equal(lethe.request("PUT", "/users/8", PERSON).status, 503, "PUT while sealed")
    check(PERSON["note"] not in repr(answer(lethe)), "a value while sealed")
    equal(lethe.request("DELETE", "/users/7", caller="officer").status, 503, "DELETE while sealed")
    equal(app.requests[seen:], [], "forwarded while sealed")
    stub.start()
    until("the vault to be open again", 30, lambda: answer(lethe).status == 200)
    equal(answer(lethe).json(), PERSON, "GET once it is back")
    equal(lethe.stop(), 0, "exit code")


def test_vault_seals_at_once_when_its_access_is_taken_away(env):
    stub, app = Transit(env), Recorder(env)
    lethe = Keeper(env, app.url)
    lethe.hold(stub.root_key(lease="30s"))
    lethe.start()
    equal(lethe.request("PUT", "/users/7", PERSON).status, 200, "PUT")
    stub.order("decrypt status 403")
    until("the vault to be sealed, long before the lease is over", 20, lambda: answer(lethe).status == 503)
    stub.order("")
    until("the vault to be open again", 30, lambda: answer(lethe).status == 200)
    equal(answer(lethe).json(), PERSON, "GET")
    equal(lethe.stop(), 0, "exit code")


def test_pkcs11(env):
    extra, root_key = token_of_softhsm(env)
    app = Recorder(env)
    lethe = Keeper(env, app.url)
    lethe.hold(root_key, **extra)
    said = live(env, lethe, app)
    check("does not have the key lethe-1" in said, f"the old envelope: {said!r}")
    secrets_are_nowhere(lethe, [PIN])


def test_pkcs11_that_fails_starts_nothing(env):
    extra, root_key = token_of_softhsm(env)
    lethe = Keeper(env)
    lethe.hold(root_key, **extra)
    kept = root_key["uri"]
    for change, word in ((("token=box", "token=other"), "no token"),
                         (("object=lethe", "object=other"), "does not have the key"),
                         ((SOFTHSM, "/no/such.so"), "cannot be loaded")):
        lethe.config["root_key"]["uri"] = kept.replace(*change)
        lethe.save()
        result = lethe.cli("serve")
        check(result.returncode in (1, 78) and word in result.stderr, f"{change}: {result}")
    lethe.config["root_key"]["uri"] = kept
    lethe.save()
    env.write("hsm/pin", "999999\n")
    result = lethe.cli("serve")
    check(result.returncode in (1, 78) and "refuses this PIN" in result.stderr, f"PIN: {result}")
    check("999999" not in result.stderr, "the PIN is said")
