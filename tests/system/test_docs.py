# SPDX-License-Identifier: Apache-2.0
"""The examples of the documentation are configurations that Lethe takes."""
import json
import os
import pwd
import re
import shutil
import subprocess

from harness import HERE, Lethe, check, equal

DOCS = os.path.join(HERE, "..", "..", "docs")
INSIDE = ("crm.internal", "crm-a.internal", "crm-b.internal", "vault.internal")
PURPOSES = ["litigation", "account", "support", "billing"]


def examples(name):
    """(line, text) of each YAML example of a document."""
    with open(os.path.join(DOCS, name)) as f:
        text = f.read()
    return [(text.count("\n", 0, m.start()) + 2, m[1])
            for m in re.finditer(r"^```yaml\n(.*?)^```$", text, re.M | re.S)]


def surroundings():
    """What the examples take for granted, by top-level key."""
    def kind(form, **more):
        return {"format": form, "purposes": PURPOSES, "basis": "6(1)(b)",
                "retain": {"period": "P1Y", "from": "created"}, **more}

    upstream = {"url": "http://127.0.0.1:9"}
    return {
        "classes": {"email": kind("email", deterministic=True, identifies=True),
                    "phone": kind("phone"), "note": kind("opaque"), "card": kind("pan")},
        "upstreams": {"crm": upstream, "warehouse": upstream, "payments": {
            **upstream, "egress": True, "insecure_plain": True, "allow": ["127.0.0.0/8"]}}}


def files(env, lethe):
    """Whatever the examples name, beside the configuration."""
    cert, key = env.certificate("docs", "DNS:localhost")
    for name in ("tls.crt", "lethe.crt", "internal-ca.pem", "vault-ca.pem"):
        shutil.copy(cert, os.path.join(lethe.home, name))
    for name in ("tls.key", "lethe.key"):
        shutil.copy(key, os.path.join(lethe.home, name))
    keys = {"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA",
                      "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}
    for name, text in (("support.key", "support-key-support-key\n"), ("keys.json", json.dumps(keys)),
                       ("role.id", "role\n"), ("secret.id", "secret\n"), ("token.pin", "1234\n")):
        env.write(os.path.join("lethe", name), text, 0o400)


def fake_names(env, lethe):
    library = env.path("fake_names.so")
    subprocess.run(["gcc", "-std=gnu17", "-shared", "-fPIC", "-o", library,
                    os.path.join(HERE, "fake_names.c")], check=True, capture_output=True)
    names = "".join(f"{name} 10.0.0.1\n" for name in INSIDE) + "api.mailer.example 8.8.8.8\n"
    lethe.faults = {"LD_PRELOAD": library, "FAKE_NAMES": env.write("names", names)}


LIBRARIES = {"libsodium": "libsodium", "OpenSSL": "openssl", "liboath": "liboath", "libcurl over OpenSSL": "libcurl",
             "p11-kit": "p11-kit-1", "zlib": "zlib"}


def test_the_inventory_of_keys_is_whole(env):
    """What keys and signatures are bound to stands in the sources; the inventory names each, and no other."""
    with open(os.path.join(DOCS, "CRYPTOGRAPHY.md")) as f:
        text = f.read()
    root = os.path.dirname(DOCS)
    found = subprocess.run(["git", "grep", "-hoE", r'"lethe(-v1| root)( [a-z0-9]+)*', "--", "vault/*.c", "keys/*.c",
                            "retention/*.c", "admin/*.c", "base/*.c", "proxy/*.c"], cwd=root, capture_output=True, text=True)
    labels = {line[1:] for line in found.stdout.split("\n") if line}
    labels -= {"lethe-v1", "lethe root key"}  # what all begin with; what nobody keeps, a try whether Transit works
    check(len(labels) > 10, f"labels: {labels}")
    words = set(re.findall(r"`(lethe(?:-v1| root)[a-z0-9 ]*)`", text.replace("\n", " "))) - {"lethe-v1"}
    equal(words, labels, "labels in the inventory and in the sources")
    for name, package in LIBRARIES.items():
        version = re.search(rf"^\| {name} \| ([0-9.]+) \|", text, re.M)[1]
        real = subprocess.run(["pkg-config", "--modversion", package], capture_output=True, text=True).stdout.strip()
        check((real + ".").startswith(version + "."), f"{name} is {real}, not {version}")


def test_every_example_is_taken(env):
    lethe = Lethe(env, callers={}, routes=[], **surroundings())
    files(env, lethe)
    fake_names(env, lethe)
    base = {key: f"{key}: {json.dumps(value)}\n" for key, value in lethe.config.items()}
    seen = 0
    for document in ("CONFIGURATION.md", "OPERATIONS.md"):
        for line, text in examples(document):
            own = set(re.findall(r"^([a-z_]+):", text, re.M))
            text = text.replace("user: lethe", f"user: {pwd.getpwuid(os.getuid()).pw_name}")
            with open(lethe.file, "w") as f:
                f.write(text + "".join(value for key, value in base.items() if key not in own))
            result = lethe.cli("check")
            where = f"{document}:{line}: {result.stderr}"
            if "provider:" in text:  # there is no such provider: the configuration is as far as it goes
                check("test.yaml:" not in result.stderr and result.returncode == 78, where)
            else:
                equal((result.returncode, result.stdout), (0, "ok\n"), where)
            seen += 1
    check(seen >= 15, f"only {seen} examples were found")


def anchors(path):
    """What GitHub makes of a document's headings."""
    with open(path) as f:
        heads = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", f.read(), flags=re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_every_link_leads_somewhere(env):
    folder = os.path.join(DOCS, "..")
    files = [os.path.join(folder, "README.md"), os.path.join(folder, "CONTRIBUTING.md")]
    files += [os.path.join(DOCS, name) for name in sorted(os.listdir(DOCS)) if name.endswith(".md")]
    for path in files:
        with open(path) as f:
            links = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "x", f.read()))
        for link in links:
            target, _, anchor = link.partition("#")
            if "://" in target:
                continue
            to = os.path.join(os.path.dirname(path), target) if target else path
            check(os.path.exists(to), f"{os.path.basename(path)}: {link} does not exist")
            check(not anchor or anchor in anchors(to),
                  f"{os.path.basename(path)}: {link} has no such heading")
