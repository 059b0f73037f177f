#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every systemd unit of the tree is one that systemd understands without a word, and scores at most 2.0 of 10 for what it
could do to the host (`systemd-analyze security`). Its system calls are all that the server's own list needs."""
import functools
import os
import re
import subprocess
import sys
import tempfile

import sources

THRESHOLD = "20"  # tenths
SANDBOX = "cli/sandbox.def"
ROOT_ONLY = {"fchown"}  # SQLite's, and only when root runs it
BEFORE = {"seccomp"}  # what a server calls before its own list holds, and cannot do without


def analyze(*words):
    done = subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def verify(path, folder):
    """What systemd says of a copy whose programs exist: it exits 0 on a key that it does not know."""
    copy = os.path.join(folder, os.path.basename(path))
    with open(copy, "w", encoding="utf-8") as file:
        file.write(re.sub(r"^(Exec\w+=[-@:+!]*)/\S+", r"\1/bin/true", sources.read(path), flags=re.M))
    status, output, errors = analyze("verify", "--man=no", copy)
    said = (output + errors).replace(folder + "/", "").strip()
    return [f"{path}: {line}" for line in said.splitlines()] or (
        [f"{path}: systemd-analyze verify exits {status}"] if status else [])


def judge(path):
    status, output, errors = analyze("security", "--offline=true", f"--threshold={THRESHOLD}", "--no-pager", path)
    overall = re.search(r"Overall exposure level.*: (\S+)", output)
    if status == 0 and overall:
        return []
    bad = [line.strip() for line in output.splitlines() if line.startswith("✗")]
    return [f"{path}: exposure {overall[1] if overall else '?'} is more than {int(THRESHOLD) / 10}", *bad,
            *errors.splitlines()]


@functools.lru_cache(maxsize=None)
def calls_of(name):
    """The calls behind @group, groups in it resolved."""
    if not name.startswith("@"):
        return frozenset({name})
    lines = [line.strip() for line in analyze("syscall-filter", name)[1].splitlines()[1:]]
    found = set()
    for line in lines:
        if line and not line.startswith("#"):
            found |= calls_of(line)
    return found


def filters(path):
    allowed = None
    for line in re.findall(r"^SystemCallFilter=(.*)$", sources.read(path), re.M):
        words = line.lstrip("~").split()
        calls = set().union(*map(calls_of, words)) if words else set()
        if line.startswith("~"):
            allowed = allowed - calls if allowed is not None else None
        else:
            allowed = (allowed or set()) | calls
    return allowed


def compare(path):
    """What our own list allows, the unit must not forbid."""
    allowed = filters(path)
    if allowed is None or not os.path.exists(SANDBOX):
        return []
    ours = set(re.findall(r"^ALLOW\((\w+)\)", sources.read(SANDBOX), re.M)) - ROOT_ONLY | BEFORE
    return [f"{path}: SystemCallFilter forbids {call}, which the server needs" for call in sorted(ours - allowed)]


def main():
    problems = []
    with tempfile.TemporaryDirectory(prefix="lethe-units.") as folder:
        for path in sources.tracked(".service"):
            problems += verify(path, folder) + judge(path) + compare(path)
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
