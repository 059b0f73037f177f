# SPDX-License-Identifier: Apache-2.0
"""What Debian's tools know of libraries and packages: dpkg, apt, ldd, readelf. Nothing here changes anything."""
import collections
import gzip
import hashlib
import os
import re
import subprocess
import tempfile

Package = collections.namedtuple("Package", "name version architecture source source_version")
Pending = collections.namedtuple("Pending", "package installed candidate cves")

LIMIT_S = 300
CVE = re.compile(r"CVE-\d{4}-\d{4,}")
ENTRY = re.compile(r"^\S+ \(([^)]+)\) ")


class Fault(Exception):
    """Something that Debian's tools do not know or say."""


def say(*argv):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                          timeout=LIMIT_S, env={**os.environ, "LC_ALL": "C.UTF-8"})
    if done.returncode != 0:
        raise Fault(f"{' '.join(argv[:2])}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


# ---- libraries ----

def loaded(path):
    """The libraries that the loader brings in for a program or library: soname -> file."""
    found = {}
    for line in say("ldd", path).splitlines():
        match = re.match(r"\s*(\S+)(?: => (\S+))? \(0x", line)
        if not match:
            if "not found" in line:
                raise Fault(f"{path}: {line.strip()}")
            continue
        name, file = match.groups()
        if file or name.startswith("/"):
            found[os.path.basename(name)] = file or name
    return found


def needed(path):
    """The sonames that a file itself asks for."""
    return re.findall(r"\(NEEDED\)\s+Shared library: \[([^]]+)\]", say("readelf", "-d", path))


def soname(path):
    found = re.search(r"\(SONAME\)\s+Library soname: \[([^]]+)\]", say("readelf", "-d", path))
    return found[1] if found else os.path.basename(path)


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


# ---- packages ----

def spellings(path):
    """/lib and /usr/lib are one directory, links are followed: dpkg knows one of the names."""
    real = os.path.realpath(path)
    return {path, real, real.removeprefix("/usr"), "/usr" + path}


def owners(paths):
    """The package that each file comes from. One call: looking through all of dpkg's lists is slow."""
    names = {name: path for path in paths for name in spellings(path)}
    done = subprocess.run(["dpkg-query", "--search", *sorted(names)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True, check=False, timeout=LIMIT_S)
    found = {}
    for line in done.stdout.splitlines():
        package, _, file = line.rpartition(": ")
        if file in names:
            found[names[file]] = package.split(":")[0]
    strays = sorted(set(paths) - found.keys())
    if strays:
        raise Fault(f"{strays[0]} belongs to no package")
    return found


def packages(names):
    """What is installed under these names."""
    shown = say("dpkg-query", "--show", "--showformat",
                "${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n", *sorted(names))
    return {fields[0]: Package(*fields) for fields in (line.split("\t") for line in shown.splitlines())}


def newer(one, other):
    return subprocess.run(["dpkg", "--compare-versions", one, "gt", other], check=False).returncode == 0


# ---- updates ----

def security_candidates(installed):
    """The newest version from a security archive of each package that has one newer than what is installed."""
    best = {}
    for line in say("apt-cache", "madison", *sorted(installed)).splitlines():
        name, version, archive = (field.strip() for field in line.split("|"))
        if "security" in archive and name in installed and newer(version, best.get(name, installed[name])):
            best[name] = version
    return best


def changelog(name, version):
    """The package's own account of its changes; it is in the package."""
    with tempfile.TemporaryDirectory(prefix="lethe-changelog.") as folder:
        subprocess.run(["apt-get", "-q", "download", f"{name}={version}"], cwd=folder, check=True, timeout=LIMIT_S,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for file in os.listdir(folder):
            subprocess.run(["dpkg-deb", "-x", os.path.join(folder, file), os.path.join(folder, "x")], check=True,
                           timeout=LIMIT_S)
        docs = os.path.join(folder, "x", "usr", "share", "doc", name)
        for file in ("changelog.Debian.gz", "changelog.gz"):
            path = os.path.join(docs, file)
            if os.path.isfile(path):
                with gzip.open(path, "rt", errors="replace") as text:
                    return text.read()
    return ""


def cves_since(text, installed):
    """The CVE numbers that the entries newer than the installed version name."""
    found = []
    for line in text.splitlines():
        entry = ENTRY.match(line)
        if entry and not newer(entry[1], installed):
            break
        found += [cve for cve in CVE.findall(line) if cve not in found]
    return found


def pending(found):
    """The security updates that these packages wait for."""
    installed = {package.name: package.version for package in found}
    for name, candidate in sorted(security_candidates(installed).items()):
        try:
            cves = cves_since(changelog(name, candidate), installed[name])
        except (OSError, subprocess.SubprocessError):
            cves = []
        yield Pending(name, installed[name], candidate, cves)
