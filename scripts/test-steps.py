#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The steps of scripts/test, in order; see there."""
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FUZZ_SECONDS = 25
# A step that hangs is a failure, not a wait; each takes a fraction of this.
STEP_LIMIT = 2400
TAIL = 150


class Counts:
    def __init__(self):
        self.passed = 0
        self.failed = 0

    def add(self, passed, failed):
        self.passed += passed
        self.failed += failed


def shell(argv, limit=STEP_LIMIT, **options):
    """(exit code, output); a step that takes too long has failed."""
    try:
        done = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, text=True, errors="backslashreplace",
                              timeout=limit, **options)
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        said = (late.stdout or b"").decode(errors="backslashreplace")
        return 124, f"{said}\ntook over {limit} s"
    except OSError as error:
        return 127, str(error)


def simple(argv):
    """A step that is one test: it passes when the command does."""
    code, output = shell(argv)
    return (1, 0, "") if code == 0 else (0, 1, output)


def build(preset):
    return lambda: simple(["scripts/build", preset])


def ctest(preset):
    """Every test of a build folder. A Criterion program counts with all its tests, as its wrapper
    says; a program that failed although all of them passed counts as one failed test more."""
    def run():
        with tempfile.NamedTemporaryFile(suffix=".xml") as report:
            code, output = shell(["ctest", "--preset", preset, "-j4", "--no-tests=error",
                                  "--output-junit", report.name])
            try:
                cases = xml.etree.ElementTree.parse(report.name).getroot().findall("testcase")
            except (OSError, xml.etree.ElementTree.ParseError):
                return 0, 1, output
        passed = failed = 0
        for case in cases:
            said = case.findtext("system-out") or ""
            counted = re.findall(r"^\S+: (\d+) of (\d+) tests passed$", said, re.M)
            ok, planned = map(int, counted[-1]) if counted else (1, 1)
            if case.get("status") == "run":
                passed += ok
                failed += planned - ok
            else:
                passed += ok if counted else 0
                failed += max(planned - ok, 1)
        if code != 0 and failed == 0:
            failed = 1
        return passed, failed, output if failed else ""
    return run


def counting(argv):
    """A command that ends with "N passed, N failed" itself."""
    def run():
        code, output = shell(argv)
        found = re.findall(r"^(\d+) passed, (\d+) failed$", output, re.M)
        if not found:
            return 0, 1, output
        passed, failed = map(int, found[-1])
        return passed, failed if failed or code == 0 else 1, output if code else ""
    return run


def system(preset):
    # The sanitizers cost time; the limits of the tests are for the plain build.
    slow = "3" if preset == "asan" else "1"
    return counting(["tests/system/run", "--build", f"build/{preset}", "--slow", slow])


def fuzz_one(program, folder):
    name = os.path.basename(program)
    work = os.path.join(folder, name)
    os.makedirs(work)
    seeds = os.path.join(ROOT, "tests", "fuzz", "corpus", name.removeprefix("fuzz_"))
    argv = [program, f"-max_total_time={FUZZ_SECONDS}", "-timeout=10", "-rss_limit_mb=2048",
            "-print_final_stats=1", f"-artifact_prefix={folder}/{name}-", work]
    if os.path.isdir(seeds):
        argv.append(seeds)
    code, output = shell(argv, FUZZ_SECONDS + 120)
    runs = re.search(r"number_of_executed_units:\s*(\d+)", output)
    if code != 0 or not runs or int(runs[1]) < 100:
        return False, f"--- {name}: exit {code}\n{output}"
    print(f"    {name}: {runs[1]} inputs", flush=True)
    return True, ""


def fuzz():
    """Every target for a minute from its corpus; what it finds new is thrown away."""
    code, output = shell(["scripts/build", "fuzz"])
    if code != 0:
        return 0, 1, output
    programs = sorted(p for p in glob.glob(os.path.join(ROOT, "build/fuzz/tests/fuzz/fuzz_*"))
                      if os.path.isfile(p) and os.access(p, os.X_OK))
    if not programs:
        return 0, 1, "no fuzz targets were built"
    folder = tempfile.mkdtemp(prefix="lethe-fuzz.")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda p: fuzz_one(p, folder), programs))
    text = "".join(said for _, said in results)
    failed = sum(not ok for ok, _ in results)
    if failed:
        text += f"inputs that failed: {folder}\n"
    else:
        shutil.rmtree(folder)
    return len(results) - failed, failed, text


def tsan():
    """The programs of tests/stress/ that have threads, looked at by ThreadSanitizer."""
    programs = ["stress_threads", "stress_interleavings"]
    code, output = shell(["scripts/build", "tsan", *programs])
    if code != 0:
        return 0, 1, output
    passed, said = 0, ""
    for name in programs:
        code, output = shell([f"build/tsan/tests/{name}"],
                             env={**os.environ, "TSAN_OPTIONS": "halt_on_error=1"})
        passed += code == 0
        said += "" if code == 0 else f"--- {name}: exit {code}\n{output}"
    return passed, len(programs) - passed, said


def supply():
    """What the release is linked with, its bill of materials, and that the checks see what is wrong."""
    code, place = shell(["scripts/npm-ci", "tools"])
    if code != 0:
        return 0, 1, place
    # A site that mirrors Debian's security tracker says where its file is.
    tracker = ["--tracker", os.environ["LETHE_TRACKER"]] if os.environ.get("LETHE_TRACKER") else []
    schema = os.path.join(place.strip(), "node_modules/@cyclonedx/cyclonedx-library/res/schema")
    results = [
        counting(["tools/supply", "check", *tracker, "build/release/lethe"])(),
        simple(["tools/supply", "validate", "build/release/lethe.cdx.json", schema]),
        counting(["tools/supply", "self-test", schema])(),
        simple(["reuse", "lint"]),
    ]
    return tuple(sum(column) if n < 2 else "".join(column) for n, column in enumerate(zip(*results)))


def package():
    """The Debian package, of which two builds are equal, and the image: nothing is in them that should not be, they run,
    and the checks see what is wrong."""
    code, output = shell(["scripts/package", "--twice"])
    if code != 0:
        return 0, 1, output
    file = output.splitlines()[-1]
    results = [counting(["tests/package/release"])(), counting(["tools/artifact", file])(), counting(["tools/artifact", "--self-test", file])(),
               simple(["tests/package/role", file]), simple(["tests/package/unit", file])]
    code, output = shell(["scripts/image", file])
    if code != 0:
        results.append((0, 1, output))
    else:
        archive = output.splitlines()[-1]
        results += [(1, 0, ""), counting(["tests/package/image", archive])(),
                    counting(["tests/package/image", "--self-test", archive])(), counting(["tests/package/compose", archive])()]
    return 1 + sum(r[0] for r in results), sum(r[1] for r in results), "".join(r[2] for r in results)


def demo():
    return simple(["scripts/demo"])


# (name, what it is: "gate" is one of those that security people ask for, with what it stands on; what it does). A gate's
# self-test, with faults planted that it must see, is in its own step or in the one after it.
STEPS = [
    ("build dev (gcc)", "gate", build("dev")),
    ("source gates", "gate", counting(["tools/gates"])),
    ("source gates see planted faults", "gate", counting(["tools/gates", "--self-test"])),
    ("static analysis", "gate", counting(["tools/analyse"])),
    ("static analysis sees planted faults", "gate", counting(["tools/analyse", "--self-test"])),
    ("tests dev", "test", ctest("dev")),
    ("build release", "gate", build("release")),
    ("supply chain", "gate", supply),
    ("package", "gate", package),
    ("system tests dev", "test", system("dev")),
    ("browser tests", "test", counting(["tests/browser/run", "--build", "build/dev"])),
    ("dynamic tests", "gate", counting(["tests/dynamic/run", "--build", "build/dev"])),
    ("demo", "test", demo),
    ("build asan", "test", build("asan")),
    ("tests asan", "test", ctest("asan")),
    ("system tests asan", "test", system("asan")),
    ("threads tsan", "test", tsan),
    ("build dev-clang", "test", build("dev-clang")),
    ("fuzz", "test", fuzz),
]


def chosen(words):
    """All steps, the gates ("--gates"), or those whose names are one of the words, or hold one that is no whole name."""
    if words == ["--gates"]:
        return [step for step in STEPS if step[1] == "gate"]
    whole = {step[0] for step in STEPS}
    return [step for step in STEPS
            if not words or any(word == step[0] if word in whole else word in step[0] for word in words)]


PASSED = re.compile(r"ok |\s*Start\s+\d+: |\s*\d+/\d+ Test\s+#\d+: .* Passed ")
FAILED = re.compile(r"(?:FAIL|FAILED|\[FAIL\]|\[CRASH\]) |--- \S+: exit |\s*\d+ - \S+ \(")


def said_next(lines):
    """The first of what stands indented under a failed test; of a traceback, its end."""
    depth = len(lines[0]) - len(lines[0].lstrip()) if lines else 0
    if not depth or FAILED.match(lines[0]):
        return []
    if "Traceback (most recent call last)" not in lines[0]:
        return lines[:1]
    return [line for line in lines[1:] if len(line) - len(line.lstrip()) <= depth][:1]


def reasons(output):
    """What failed of a step, each with a line of why. Of a step that names nothing, its last lines."""
    lines = [line for line in output.splitlines() if line.strip()]
    found = []
    for at, line in enumerate(lines):
        if FAILED.match(line):
            found += [line, *said_next(lines[at + 1:])]
    return [line[:400] for line in found or lines[-3:]]


def main():
    counts = Counts()
    failures = []
    steps = chosen(sys.argv[1:])
    if not steps:
        print("no such step; there are: " + ", ".join(step[0] for step in STEPS), file=sys.stderr)
        return 2
    for name, _, function in steps:
        print(f"==> {name}", flush=True)
        started = time.monotonic()
        passed, failed, output = function()
        counts.add(passed, failed)
        if output:
            lines = [line for line in output.splitlines() if not PASSED.match(line)]
            print("\n".join(lines[-TAIL * (10 if "system" in name else 1):]), flush=True)
        print(f"    {passed} passed, {failed} failed, {time.monotonic() - started:.0f} s",
              flush=True)
        if failed:
            failures += [f"==> {name}: {failed} failed", *(f"    {line}" for line in reasons(output))]
    # A log that is cut in its middle still ends with what failed.
    print("\n".join(failures + [f"{counts.passed} passed, {counts.failed} failed"]))
    return 1 if counts.failed or not counts.passed else 0


if __name__ == "__main__":
    sys.exit(main())
