#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What no C source of ours holds. (Variable-length arrays are the compiler's to refuse: -Wvla.)"""
import re

import sources

# Function: what to use.
FUNCTIONS = {
    "strcpy": "struct buf or snprintf",
    "stpcpy": "struct buf or snprintf",
    "strcat": "struct buf or snprintf",
    "sprintf": "snprintf",
    "vsprintf": "vsnprintf",
    "strtok": "struct span",
    "strtok_r": "struct span",
    "atoi": "strtoll with its checks",
    "atol": "strtoll with its checks",
    "atoll": "strtoll with its checks",
    "atof": "strtod with its checks",
    "gets": "read",
    "alloca": "mem_try_alloc",
    "tmpnam": "mkstemp",
    "tempnam": "mkstemp",
    "mktemp": "mkstemp",
    "rand": "secret_random",
    "random": "secret_random",
}
CALL = re.compile(r"(?<![\w.>])(" + "|".join(FUNCTIONS) + r")\s*\(")
# not of a function type: those may return a struct or enum
TYPEDEF = re.compile(r"\btypedef\s+(struct|union|enum)\b[^;{(]*[;{]")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b")


def main():
    problems = []

    def found(path, text, match, what):
        problems.append(f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {what}")

    for path in sources.tracked(".c", ".h", ".def"):
        text = sources.read(path)
        code = sources.blank(text)
        for match in CALL.finditer(code):
            found(path, text, match, f"{match[1]}() is banned, use {FUNCTIONS[match[1]]}")
        for match in TYPEDEF.finditer(code):
            found(path, text, match, f"a {match[1]} is not hidden behind a typedef")
        for match in UNFINISHED.finditer(text):
            found(path, text, match, f"{match[1]}: finish it or open an issue")
    sources.finish(problems)


if __name__ == "__main__":
    main()
