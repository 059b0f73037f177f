# SPDX-License-Identifier: Apache-2.0
"""The program that users get: no fault points (E80), hardened, and it does the main job."""
import glob
import json
import os
import re
import shutil
import subprocess

from harness import ROOT, Lethe, check, equal
from upstreams import Recorder

RELEASE = os.path.join(ROOT, "build", "release")
TRACES = (rb"LETHE_FAULT", rb"LETHE_MUTANT", rb"fault_point", rb"fault_fails", rb"fault_mutant",
          rb"fault_test_set")


def traces(path):
    """What of the fault machinery is in a program: its names as strings or symbols, and the names of
    the points that the sources give them."""
    names = set()
    for folder in ("base", "vault", "retention", "proxy", "admin", "cli"):
        for file in os.listdir(os.path.join(ROOT, folder)):
            if file.endswith(".c"):
                with open(os.path.join(ROOT, folder, file), "rb") as f:
                    names |= set(re.findall(rb'FAULT_[A-Z]+\("([a-z_.]+)"\)', f.read()))
    check(len(names) > 5, "no fault points in the sources?")
    with open(path, "rb") as f:
        data = f.read()
    return sorted(n.decode() for n in [*TRACES, *names] if n in data)


def release_path():
    path = os.path.join(RELEASE, "lethe")
    check(os.path.exists(path), "no release build: run scripts/build release")
    return path


def test_e80_the_release_has_no_fault_points(env):
    equal(traces(release_path()), [], "traces in the release program")
    symbols = subprocess.run(["nm", "-a", release_path()], capture_output=True, check=True).stdout
    found = re.findall(rb"\bfault_\w+", symbols)
    check(not found, f"fault symbols in the release program: {found}")
    check(len(traces(env.lethe_path())) > 5, "the dev program has none either: the gate is blind")


def test_the_release_is_hardened(env):
    headers = subprocess.run(["readelf", "-hldW", release_path()], capture_output=True, text=True,
                             check=True).stdout
    check(re.search(r"Type:\s+DYN", headers), "not position independent")
    check("GNU_RELRO" in headers and "BIND_NOW" in headers, "not full RELRO")
    check(re.search(r"GNU_STACK.*RW ", headers), "executable stack")
    symbols = subprocess.run(["nm", "-D", release_path()], capture_output=True, text=True,
                             check=True).stdout
    check("__stack_chk_fail" in symbols, "no stack protector")
    check("_chk@" in symbols, "not fortified")
    for banned in (" strcpy", " strcat", " sprintf", " gets", " strtok", " alloca"):
        check(not re.search(rf"U{banned}(@|$)", symbols, re.M), f"uses{banned}")


def test_the_release_tells_what_it_is_made_of(env):
    bill = json.loads(subprocess.run([release_path(), "--bom"], capture_output=True, check=True).stdout)
    equal((bill["bomFormat"], bill["specVersion"]), ("CycloneDX", "1.5"), "the format")
    version = subprocess.run([release_path(), "--version"], capture_output=True, text=True, check=True).stdout
    commit = [p["value"] for p in bill["metadata"]["component"]["properties"] if p["name"] == "lethe:commit"]
    check(f"({commit[0]})" in version, f"{commit} is not the commit of {version}")
    files = {file["name"] for part in bill["components"] for file in part.get("components", [])}
    loaded = set(re.findall(r"^\s*(\S+) =>", subprocess.run(["ldd", release_path()], capture_output=True, text=True,
                                                           check=True).stdout, re.M))
    equal(sorted(loaded - files), [], "loaded, but not in the bill")
    check(all(part["licenses"] and part["purl"] for part in bill["components"]), "a part without licence or purl")


def test_nothing_is_packed_from_a_changed_tree(env):
    """What is released can be traced to a commit, and be built from it again."""
    tree = env.path("tree")

    def run(*argv, cwd=tree):
        return subprocess.run(argv, cwd=cwd, capture_output=True, text=True, timeout=100)

    def configure():
        return run("cmake", "--preset", "release", "-DLETHE_BENCH=OFF", "-DLETHE_PACKAGE=ON")

    equal(run("git", "clone", "-q", ROOT, tree, cwd=ROOT).returncode, 0, "clone")
    for name in ("scripts/package", "packaging/package.cmake"):  # as they are now
        shutil.copy(os.path.join(ROOT, name), os.path.join(tree, name))
    run("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qam", "now")
    equal(run("git", "status", "--porcelain").stdout, "", "a clean tree")
    result = configure()
    equal(result.returncode, 0, f"of a clean tree: {result.stderr}")
    for name, text in (("README.md", "changed\n"), ("base/more.c", "int more;\n")):
        env.write(f"tree/{name}", text)
        result = run("scripts/package")
        equal(result.returncode, 1, f"with {name}: {result}")
        check(name in result.stderr and "commit" in result.stderr, f"{result}")
    result = configure()
    check(result.returncode != 0 and "not committed" in result.stderr, f"configuring by hand: {result}")


def test_it_builds_where_there_is_no_npm(env):
    """As on a Debian that has what scripts/install-deps brings for the demo, and nothing else."""
    for why, option in (("there is no npm", "-DLETHE_NPM="), ("LETHE_CHARTS says", "-DLETHE_CHARTS=OFF")):
        for words in (["-S", ROOT, "-B", env.path("bare"), "-G", "Ninja", option], ["--build", env.path("bare"), "--target", "ui_note"]):
            done = subprocess.run(["cmake", *words], capture_output=True, text=True, timeout=100)
            equal(done.returncode, 0, f"cmake {words}: {done.stdout}{done.stderr}")
        check(why in done.stdout, done.stdout)


def test_no_two_libraries_define_the_same_function(env):
    """The linker would take whichever comes first, without a word."""
    seen = {}
    for library in sorted(glob.glob(os.path.join(env.build, "liblethe_*.a"))):
        symbols = subprocess.run(["nm", "-g", "--defined-only", library], capture_output=True, text=True,
                                 check=True).stdout
        for name in set(re.findall(r"^[0-9a-f]+ [TDBR] (\w+)$", symbols, re.M)):
            seen.setdefault(name, []).append(os.path.basename(library))
    check(len(seen) > 1000, f"only {len(seen)} functions")
    twice = {name: places for name, places in seen.items() if len(places) > 1 and not name.startswith("__odr_asan")}
    check(not twice, f"defined twice: {twice}")


def test_the_release_does_the_main_job(env):
    env.build = RELEASE
    app = Recorder(env)
    lethe = Lethe(env, app.url).start(fault="tokenize.before_commit")
    person = {"email": "release@example.org", "note": "whole"}
    equal(lethe.request("PUT", "/users/1", person, caller="officer").json(), person, "PUT")
    check(b"release@" not in app.bytes(), "clear upstream")
    equal(lethe.cli("subject", "erase", "1").returncode, 0, "erase")
    check(lethe.request("GET", "/users/1", caller="officer").json()["note"].startswith("lt_"), "GET")


def test_what_a_request_costs_is_counted(env):
    figures = env.path("figures.json")
    done = subprocess.run([os.path.join(ROOT, "bench", "instructions"), "--requests", "20",
                           "--kinds", "warm", "--json", figures], capture_output=True, text=True)
    equal(done.returncode, 0, f"bench/instructions: {done.stderr}")
    with open(figures) as f:
        counted = json.load(f)
    check(all(counted["warm"][name] > 1000 for name in ("lethe", "libc", "libsodium", "libh2o")),
          f"some library is missing: {counted}")
