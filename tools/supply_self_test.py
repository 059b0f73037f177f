# SPDX-License-Identifier: Apache-2.0
"""The supply check must pass what is right, and see each fault planted: with the real apt, on an archive of its own."""
import contextlib
import datetime
import gzip
import hashlib
import io
import json
import os
import subprocess
import tempfile
import time

import bom
import debian
import tracker

PROGRAM = "/bin/sh"  # it links libc6 and nothing else
TODAY = datetime.date(2026, 1, 31)
CVE = "CVE-2026-00001"
CONTROL = """Package: libc6
Version: {version}
Architecture: all
Maintainer: nobody <nobody@example.org>
Description: a security update that waits
"""


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def archive(folder, version):
    """A security archive with one package, newer than what is installed."""
    root = os.path.join(folder, "tree")
    write(f"{root}/DEBIAN/control", CONTROL.format(version=version))
    docs = f"{root}/usr/share/doc/libc6"
    os.makedirs(docs)
    with gzip.open(f"{docs}/changelog.Debian.gz", "wt") as file:
        file.write(f"glibc ({version}) bookworm-security; urgency=high\n\n  * Mend {CVE}.\n\n"
                   "glibc (0) bookworm; urgency=low\n\n  * Mend CVE-2000-9999.\n")
    pool = os.path.join(folder, "bookworm-security")
    os.makedirs(pool)
    package = os.path.join(pool, "libc6.deb")
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", root, package], check=True,
                   stdout=subprocess.DEVNULL)
    with open(package, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    write(f"{pool}/Packages", CONTROL.format(version=version) +
          f"Filename: ./libc6.deb\nSize: {os.path.getsize(package)}\nSHA256: {digest}\n")
    return pool


@contextlib.contextmanager
def only_archive(folder, pool):
    """apt, for as long as this lasts, knows the machine's packages and this archive."""
    lists, cache = (os.path.join(folder, name) for name in ("lists", "cache"))
    os.makedirs(f"{lists}/partial")
    os.makedirs(f"{cache}/archives/partial")
    write(f"{folder}/sources.list", f"deb [trusted=yes] file:{pool} ./\n")
    write(f"{folder}/apt.conf", f'Dir::Etc::sourcelist "{folder}/sources.list";\nDir::Etc::sourceparts "-";\n'
          f'Dir::State::lists "{lists}";\nDir::Cache "{cache}";\nAPT::Sandbox::User "root";\n')
    before = os.environ.get("APT_CONFIG")
    os.environ["APT_CONFIG"] = f"{folder}/apt.conf"
    try:
        subprocess.run(["apt-get", "-q", "update"], check=True, stdout=subprocess.DEVNULL)
        yield
    finally:
        if before is None:
            del os.environ["APT_CONFIG"]
        else:
            os.environ["APT_CONFIG"] = before


class Trial:
    def __init__(self, supply, folder):
        self.supply = supply
        self.folder = folder
        self.version = debian.packages(["libc6"])["libc6"].version
        self.count = 0
        self.problems = []

    def files(self, lock=None, licences="LGPL-2.1-or-later\n", accepted=""):
        write(f"{self.folder}/deps.lock", f"libc6 {self.version} linked LGPL-2.1-or-later\n" if lock is None else lock)
        write(f"{self.folder}/licences.txt", licences)
        write(f"{self.folder}/accepted.txt", accepted)

    def expect(self, what, said, **files):
        """said: what the check must name; None if there is nothing wrong."""
        self.count += 1
        self.files(**files)
        try:
            faults = [fault for _, found in self.supply.check(PROGRAM, self.folder, today=TODAY) for fault in found]
        except debian.Fault as fault:
            faults = [str(fault)]
        if said is None and faults:
            self.problems.append(f"{what}: {faults}")
        elif said is not None and not any(said in fault for fault in faults):
            self.problems.append(f"{what}: {said!r} is not among {faults}")

    def expect_unfixed(self, what, said, data, days=0, **files):
        """Of the tracker's check; said: None if there is nothing wrong."""
        path = f"{self.folder}/tracker.json"
        write(path, data if isinstance(data, str) else json.dumps(data))
        then = time.time() - days * 86400
        os.utime(path, (then, then))
        self.count += 1
        self.files(**files)
        try:
            faults = list(self.supply.tracker_faults(path, debian.packages(["libc6"]).values(),
                                                     self.supply.read_accepted(self.folder), TODAY))
        except debian.Fault as fault:
            faults = [str(fault)]
        if (faults if said is None else not any(said in fault for fault in faults)):
            self.problems.append(f"tracker, {what}: {said!r}, but {faults}")

    def holds(self, what, right):
        self.count += 1
        if not right:
            self.problems.append(what)


def try_lists(t):
    t.expect("all is right", None)
    t.expect("not in the lock", "libc6: linked, but not in", lock="")
    t.expect("more in the lock", "libx1: in supply/deps.lock, but not linked",
             lock=f"libc6 {t.version} linked LGPL-2.1-or-later\nlibx1 1 linked LGPL-2.1-or-later\n")
    t.expect("an older one", "is older than 9:9", lock="libc6 9:9 linked LGPL-2.1-or-later\n")
    t.expect("another licence", "libc6: GPL-2.0-only is not among", lock=f"libc6 {t.version} linked GPL-2.0-only\n")
    t.expect("one of two licences", None, lock=f"libc6 {t.version} linked LGPL-2.1-or-later OR GPL-2.0-only\n")
    t.expect("a lock with a gap", "4 columns are needed", lock="libc6 1 linked\n")
    t.expect("an exception past its date", "accepted until 2026-01-30", accepted="libc6 roe 2026-01-30 why\n")
    t.expect("an exception without a date", "soon is not a date", accepted="libc6 roe soon why\n")


def try_updates(t):
    t.expect("a security update", f"9:9-1 is a security update of {t.version}: {CVE}")
    t.expect("an accepted one", None, accepted="libc6 roe 2026-01-31 why\n")
    t.expect("one accepted too long ago", CVE, accepted="libc6 roe 2026-01-30 why\n")
    t.holds("changes of before the installed version are named",
            debian.cves_since("glibc (2) x\n CVE-2026-1111\nglibc (1) x\n CVE-2026-2222\n", "1") == ["CVE-2026-1111"])


def try_tracker(t):
    def known(package="glibc", release=None, **state):
        return {package: {CVE: {"releases": {release or tracker.release(): state}}}}

    def accepted(subject, day):
        return f"{subject} roe {day} why\n"

    unfixed = known(status="open", urgency="not yet assigned")
    t.expect_unfixed("nothing", None, known(status="resolved", fixed_version="0"))
    t.expect_unfixed("mended before", None, known(status="resolved", fixed_version="0.1"))
    t.expect_unfixed("none of the binaries", None, known(status="open", urgency="unimportant"))
    t.expect_unfixed("not mended", f"{CVE}: not mended", unfixed)
    t.expect_unfixed("undecided", f"{CVE}: not mended", known(status="undetermined"))
    t.expect_unfixed("none planned", f"glibc {t.version}: {CVE}: not mended (Minor issue)",
                     known(status="open", urgency="low", nodsa="Minor issue"))
    t.expect_unfixed("mended later", f"{CVE}: mended in 99", known(status="resolved", fixed_version="99"))
    t.expect_unfixed("accepted", None, unfixed, accepted=accepted(CVE, "2026-01-31"))
    t.expect_unfixed("accepted too long ago", CVE, unfixed, accepted=accepted(CVE, "2026-01-30"))
    t.expect_unfixed("another accepted", CVE, unfixed, accepted=accepted("CVE-2026-00002", "2026-01-31"))
    t.expect_unfixed("accepted for nothing", "CVE-2026-00002: accepted in supply/accepted.txt, but in nothing",
                     known(status="resolved", fixed_version="0"), accepted=accepted("CVE-2026-00002", "2026-01-31"))
    t.expect_unfixed("other packages", "says nothing of any package here", known("x", status="open"))
    t.expect_unfixed("another release", "says nothing of any package here", known(release="sid", status="open"))
    t.expect_unfixed("nothing at all", "says nothing of any package here", {})
    t.expect_unfixed("a list", "not what Debian's security tracker gives", "[]")
    t.expect_unfixed("a page", "not JSON", "<html>")
    t.expect_unfixed("an old one", "8 days old", unfixed, days=8)
    t.holds("the image's packages are not known", {"openssl", "tzdata"} <= t.supply.shipped_names())


def try_image(t):
    dockerfile = f"{t.folder}/Dockerfile"
    good = "FROM a AS tree\nRUN install x\nFROM scratch\nCOPY --from=tree /image/ /\nUSER 1:1\n"
    planted = {
        "nothing": ("", "", None),
        "a base": ("FROM scratch", "FROM b", "made from something"),
        "a command": ("USER", "RUN install \\\n y\nUSER", "has RUN"),
        "a file of the tree": ("USER", "COPY x /\nUSER", "from elsewhere: COPY x"),
        "another image": ("--from=tree", "--from=b", "from elsewhere"),
        "no user": ("USER 1:1\n", "", "as root"),
        "root": ("USER 1:1", "USER 0:0", "as root"),
    }
    for what, (old, new, expected) in planted.items():
        write(dockerfile, good.replace(old, new) if old else good)
        faults = list(t.supply.image_faults(dockerfile))
        t.holds(f"an image with {what}: {faults}", not faults if expected is None else len(faults) == 1 and expected in faults[0])


def try_reuse(t):
    """The licence lines, as reuse sees them."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    tag = "SPDX-License-" "Identifier: "
    licensed = f"# {tag}Apache-2.0\n# SPDX-FileCopyright" "Text: the authors\n"
    with open(f"{root}/LICENSES/Apache-2.0.txt", encoding="utf-8") as file:
        write(f"{t.folder}/reuse/LICENSES/Apache-2.0.txt", file.read())
    for what, text, right in (("a file with its licence", licensed, True), ("a file without one", "x\n", False),
                              ("a licence whose text is missing", licensed.replace("Apache-2.0", "MIT"), False)):
        write(f"{t.folder}/reuse/x.py", text)
        done = subprocess.run(["reuse", "--root", f"{t.folder}/reuse", "lint"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False)
        t.holds(f"reuse, {what}: {done.stdout}", (done.returncode == 0) == right)


def try_schema(t, made, schema):
    path = f"{t.folder}/bill.json"
    write(path, json.dumps(made))
    t.holds("a bill as it should be", t.supply.cmd_validate(path, schema) == 0)
    write(path, json.dumps({**made, "components": [{"type": "library"}]}))
    with contextlib.redirect_stderr(io.StringIO()) as said:
        t.holds("a bill without a name", t.supply.cmd_validate(path, schema) == 1)
    t.holds("it is said", "'name' is a required property" in said.getvalue())


def try_bill(t, schema):
    build = {"version": "1", "commit": "c", "date": "2026-01-31", "compiler": "gcc", "compiler_version": "12",
             "flags": "", "system": "Linux", "page": ""}
    libc = debian.loaded(PROGRAM)["libc.so.6"]
    entry = t.supply.Entry("libc6", t.version, "linked", "LGPL-2.1-or-later")
    made = bom.make(build, [libc], {"libc6": entry})
    t.holds("the bill covers the program", bom.unlisted(made, PROGRAM) == [])
    t.holds("the same twice", json.dumps(made) == json.dumps(bom.make(build, [libc], {"libc6": entry})))
    if schema:
        try_schema(t, made, schema)
    made["components"][0]["components"] = []
    t.holds("a library that is not in the bill", "libc.so.6" in bom.unlisted(made, PROGRAM))
    try:
        bom.make(build, [libc], {})
        t.holds("a library that is not in the lock", False)
    except debian.Fault as fault:
        t.holds("it is named", "libc6" in str(fault))


def main(supply, schema):
    with tempfile.TemporaryDirectory(prefix="lethe-supply.") as folder:
        t = Trial(supply, folder)
        os.makedirs(f"{folder}/none/bookworm-security")
        write(f"{folder}/none/bookworm-security/Packages", "")
        with only_archive(f"{folder}/none", f"{folder}/none/bookworm-security"):
            try_lists(t)
        with only_archive(f"{folder}/one", archive(f"{folder}/one", "9:9-1")):
            try_updates(t)
        try_tracker(t)
        try_image(t)
        try_reuse(t)
        try_bill(t, schema)
    for problem in t.problems:
        print(problem)
    print(f"{t.count - len(t.problems)} passed, {len(t.problems)} failed")
    return 1 if t.problems else 0
