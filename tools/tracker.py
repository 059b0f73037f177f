# SPDX-License-Identifier: Apache-2.0
"""Debian's security tracker, as a site mirrors it (https://security-tracker.debian.org/tracker/data/json): which known
vulnerabilities of a package are not mended in the version that is installed."""
import collections
import json
import os
import time

import debian

DAYS_MAX = 7  # what a mirror may be behind
# Debian's word for what does not touch its binary packages, or is none at all.
HARMLESS = "unimportant"

Unfixed = collections.namedtuple("Unfixed", "cve package version why")


def release():
    with open("/etc/os-release", encoding="utf-8") as file:
        said = dict(line.strip().split("=", 1) for line in file if "=" in line)
    return said.get("VERSION_CODENAME", "").strip('"')


def read(path):
    """The tracker's data. Fault: it is something else, or old."""
    age = (time.time() - os.stat(path).st_mtime) / 86400
    if age > DAYS_MAX:
        raise debian.Fault(f"{path}: {age:.0f} days old, {DAYS_MAX} at most: mirror it anew")
    try:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
    except ValueError as error:
        raise debian.Fault(f"{path}: not JSON: {error}") from None
    if not isinstance(data, dict) or not all(isinstance(known, dict) for known in data.values()):
        raise debian.Fault(f"{path}: not what Debian's security tracker gives")
    return data


def reason(state, installed):
    """Why a vulnerability is in the installed version; None if it is not."""
    fixed = state.get("fixed_version", "0")
    if state.get("status") == "resolved":
        return f"mended in {fixed}" if debian.newer(fixed, installed) else None
    if state.get("urgency") == HARMLESS:
        return None
    planned = state.get("nodsa")
    return f"not mended ({planned})" if planned else "not mended"


def unfixed(data, packages, path="the tracker", code=None):
    """[Unfixed] of these packages. Fault: the data says nothing of any of them in this release, so it proves nothing."""
    code, seen, found = code or release(), 0, {}
    for package in packages:
        for cve, entry in data.get(package.source, {}).items():
            state = entry.get("releases", {}).get(code)
            if state is None:
                continue
            seen += 1
            why = reason(state, package.source_version)
            if why:
                found.setdefault((cve, package.source), Unfixed(cve, package.source, package.source_version, why))
    if not seen:
        raise debian.Fault(f"{path}: says nothing of any package here in {code}")
    return [found[key] for key in sorted(found)]
