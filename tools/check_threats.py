#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/THREATS.md against the tests: every story has one, every test that is named exists, and whichever file
carries a story's number stands at that story, and the other way round. Of docs/COMPLIANCE.md: every test that is named
exists.

A story is a heading "### E07 ..."; its tests are list items below it: "* `tests/FILE`: `TEST`, `TEST`". TEST is what
stands behind "def test_" in Python, SUITE/TEST of a Test() in C, and may end in * where a loop makes several. Programs
without named tests (fuzz, stress, fault) are named by their file. A story's number is carried in a comment, a docstring
or a test's name: E07, e07_, or a range, E01-E10."""
import re

import sources

DOC = "docs/THREATS.md"
NAMES_TESTS = "docs/COMPLIANCE.md"
STORY = re.compile(r"### (E[0-9]{2})\b")
ANY = re.compile(r"#+ (.*)")
ITEM = re.compile(r"\* `(tests/[^`]+)`")
NAME = re.compile(r"`([^`]+)`")
TAG = re.compile(r"(?<![A-Za-z0-9_%\\])E([0-9]{2})(?:-E([0-9]{2}))?(?![A-Za-z0-9])"
                 r"|(?<=[a-z0-9_ (]_)[eE]([0-9]{2})(?=_)|(?<=, )e([0-9]{2})(?=_)")
TESTS = {
    ".py": re.compile(r"^def test_(\w+)\(", re.M),
    ".c": re.compile(r"^(?:Parameterized)?Test\(\s*(\w+),\s*(\w+)", re.M),
}
CODE = (".c", ".h", ".py", ".js", ".mjs", ".ts")
PROGRAMS = ("tests/fuzz/", "tests/stress/", "tests/fault/")


def stories(text, pattern=STORY):
    """[(number, line, [(file, names, line)])] of a document whose headings of stories match."""
    found = []
    item = None
    for at, line in enumerate(text.split("\n"), 1):
        heading = pattern.match(line)
        if heading:
            found.append((heading[1], at, []))
        start = ITEM.match(line)
        if start and found:
            item = (start[1], [], at)
            found[-1][2].append(item)
            line = line[start.end():]
        elif not line.startswith("  "):
            item = None
        if item:
            item[1].extend(NAME.findall(line))
    return found


def tags(text):
    """{story: line of its first tag}"""
    found = {}
    for match in TAG.finditer(text):
        first = int(match[1] or match[3] or match[4])
        for number in range(first, int(match[2] or first) + 1):
            found.setdefault(f"E{number:02}", text.count("\n", 0, match.start()) + 1)
    return found


def exists(path, text, name):
    for ending, pattern in TESTS.items():
        if path.endswith(ending):
            names = ["/".join(m.groups()) for m in pattern.finditer(text)]
            if name.endswith("*"):
                return f"test_{name[:-1]}" in text or any(n.startswith(name[:-1]) for n in names)
            return name in names
    return f'"{name}"' in text


def check_named(doc, files, item):
    path, names, line = item
    if path not in files:
        return [f"{doc}:{line}: {path} does not exist"]
    missing = [f"{doc}:{line}: {path} has no test {name}" for name in names if not exists(path, files[path], name)]
    if not names and not path.startswith(PROGRAMS):
        missing.append(f"{doc}:{line}: {path}: which of its tests?")
    return missing


def check_item(files, carried, story, item):
    path, _, line = item
    problems = check_named(DOC, files, item)
    if path in files and story not in carried[path]:
        problems.append(f"{DOC}:{line}: {story}: {path} does not carry {story}")
    return problems


def main():
    told = stories(sources.read(DOC)) if DOC in sources.tracked(".md") else []
    if not told:
        sources.finish([f"{DOC}:1: no story"])
    files = {f: sources.read(f) for f in sources.tracked(*CODE) if f.startswith("tests/")}
    carried = {f: tags(t) for f, t in files.items()}
    numbers = [number for number, _, _ in told]
    problems = []
    for at, (number, line, items) in enumerate(told, 1):
        if number != f"E{at:02}":
            problems.append(f"{DOC}:{line}: {number} stands where E{at:02} should")
        if not items:
            problems.append(f"{DOC}:{line}: {number} has no test")
        for item in items:
            problems += check_item(files, carried, number, item)
    for _, _, items in stories(sources.read(NAMES_TESTS), ANY) if NAMES_TESTS in sources.tracked(".md") else []:
        for item in items:
            problems += check_named(NAMES_TESTS, files, item)
    named = {(number, item[0]) for number, _, items in told for item in items}
    for path, found in carried.items():
        for story, line in found.items():
            if story not in numbers:
                problems.append(f"{path}:{line}: {story} is no story of {DOC}")
            elif (story, path) not in named:
                problems.append(f"{path}:{line}: {story}: {DOC} does not name this file there")
    sources.finish(problems)


if __name__ == "__main__":
    main()
