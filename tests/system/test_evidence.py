# SPDX-License-Identifier: Apache-2.0
"""Evidence packs: made beside traffic, checked where no store is, by lethe and by openssl alone."""
import hashlib
import json
import os
import subprocess
import tarfile

from harness import Lethe, check, equal
from upstreams import Recorder

MARKER = "Gwendolyn Quartermaine"


def made(env, serving=True):
    app = Recorder(env)
    lethe = Lethe(env, app.url).start()
    for i in range(4):
        lethe.request("PUT", f"/users/{i}", {"email": f"k{i}@x.example", "note": f"{MARKER} {i}"})
    equal(lethe.cli("subject", "erase", "2", "--ground", "b").returncode, 0, "an erasure")
    if not serving:
        lethe.stop()
    path = env.path("pack.tar")
    result = lethe.cli("evidence", "-o", path, "--from", "2020-01-01")
    equal(result.returncode, 0, f"lethe evidence: {result.stderr}")
    key = env.path("receipt.pub")
    with open(key, "w", encoding="ascii") as f:
        f.write(lethe.cli("key", "public").stdout)
    return lethe, path, key


def verify(lethe, path, *arguments):
    return lethe.run("verify-evidence", path, *arguments)


def test_a_pack_is_whole_and_holds_no_value(env):
    lethe, path, key = made(env)
    equal(verify(lethe, path, "--key", key).returncode, 0, "with the store's key")
    equal(json.loads(verify(lethe, path, "--json").stdout)["verdict"], "whole", "with its own")
    with tarfile.open(path) as tar:
        names = tar.getnames()
        content = b"".join(tar.extractfile(m).read() for m in tar.getmembers())
    check(MARKER.encode() not in content and b"x.example" not in content, "a value is in the pack")
    equal(sum(name.startswith("receipts/") for name in names), 1, f"receipts in {names}")
    again = lethe.cli("evidence", "-o", path)
    equal(again.returncode, 1, "a second one under the same name")
    check("is there already" in again.stderr, f"said {again.stderr!r}")


def test_a_pack_is_checked_by_hand(env):
    _, path, _ = made(env, serving=False)
    folder = env.path("unpacked")
    os.mkdir(folder)
    with tarfile.open(path) as tar:
        tar.extractall(folder)
    with open(os.path.join(folder, "manifest.json"), "rb") as f:
        manifest = f.read()
    with open(os.path.join(folder, "signed"), "wb") as f:
        f.write(b"lethe-v1 evidence\0" + manifest)
    subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "receipt.pub", "-rawin",
                    "-in", "signed", "-sigfile", "manifest.sig"], cwd=folder, check=True,
                   stdout=subprocess.DEVNULL, timeout=30)
    for entry in json.loads(manifest)["files"]:
        with open(os.path.join(folder, entry["name"]), "rb") as f:
            data = f.read()
        equal((len(data), hashlib.sha256(data).hexdigest()), (entry["bytes"], entry["sha256"]),
              entry["name"])


def test_d08_a_changed_byte_names_the_file(env):
    """E71: in any file of a pack."""
    lethe, path, key = made(env)
    with tarfile.open(path) as tar:
        members = [(m.name, m.offset_data, m.size) for m in tar.getmembers()]
    with open(path, "rb") as f:
        whole = f.read()
    for name, offset, size in members:
        bad = bytearray(whole)
        bad[offset + size // 2] ^= 1
        with open(env.path("bad.tar"), "wb") as f:
            f.write(bad)
        result = verify(lethe, env.path("bad.tar"), "--key", key)
        equal(result.returncode, 1, f"one byte of {name}")
        check(name in result.stderr, f"{name} is not named in {result.stderr!r}")


def test_what_is_no_pack_is_refused(env):
    lethe, path, key = made(env)
    for bad in (env.path("nosuch.tar"), key, env.dir, "/dev/null"):
        equal(verify(lethe, bad).returncode, 1, f"verify-evidence {bad}")
    equal(verify(lethe, path, "--key", path).returncode, 1, "a key that is none")
    equal(lethe.cli("evidence").returncode, 2, "without -o")
    equal(lethe.cli("evidence", "-o", env.path("x.tar"), "--from", "soon").returncode, 1, "no day")
    check(not os.path.exists(env.path("x.tar")), "a pack that was refused is there")
