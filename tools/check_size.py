#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Files over 800 lines, functions over 100 lines or with more than 6 parameters fail. Files over 400
and functions over 60 lines are noted: split them when you are there anyway."""
import re

import sources

FILE_MAX, FILE_WANTED = 800, 400
FUNCTION_MAX, FUNCTION_WANTED = 100, 60
PARAMETERS_MAX = 6

# In our format a function's braces, and no others, stand alone in the first column.
BODY = re.compile(r"^\{\n(.*?)^\}$", re.M | re.S)
HEAD = re.compile(r"(\w+)\s*\(([^{};]*)\)\s*\Z")


def head_before(code, at):
    """(name, parameters, line it starts on) of the function whose body starts at `at`."""
    start = max(code.rfind(mark, 0, at) for mark in (";", "}", "{"))
    match = HEAD.search(code[start + 1:at].rstrip())
    if not match:
        return "?", "", code.count("\n", 0, at) + 1
    first = start + 1 + match.start()
    return match[1], match[2], code.count("\n", 0, first) + 1


def count_parameters(text):
    depth = commas = 0
    for c in text:
        depth += (c == "(") - (c == ")")
        commas += c == "," and depth == 0
    return 0 if text.strip() in ("", "void") else commas + 1


def main():
    problems, notes = [], []
    for path in sources.tracked(".c", ".h", ".py", ".sh", ".js"):
        text = sources.read(path)
        lines = text.count("\n")
        if lines > FILE_WANTED:
            (problems if lines > FILE_MAX else notes).append(f"{path}: {lines} lines")
        if not path.endswith((".c", ".h")):
            continue
        # preprocessor lines hold braces and parentheses of their own
        code = re.sub(r"^#(?:\\\n|[^\n])*", lambda m: re.sub(r"[^\n]", " ", m[0]),
                      sources.blank(text), flags=re.M)
        for body in BODY.finditer(code):
            name, parameters, line = head_before(code, body.start())
            size = body[1].count("\n")
            is_test = name in ("Test", "ParameterizedTest")
            if is_test:
                name = "/".join(part.strip() for part in parameters.split(",")[:2])
            if size > FUNCTION_WANTED:
                (problems if size > FUNCTION_MAX else notes).append(
                    f"{path}:{line}: {name}: {size} lines")
            if not is_test and count_parameters(parameters) > PARAMETERS_MAX:
                problems.append(f"{path}:{line}: {name}: {count_parameters(parameters)} parameters")
    for note in notes:
        print("note:", note)
    sources.finish(problems)


if __name__ == "__main__":
    main()
