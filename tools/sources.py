# SPDX-License-Identifier: Apache-2.0
"""What the gates share: the tracked files, and C text without its comments and strings."""
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True

TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def tracked(*endings):
    """The files git knows and that are there, in order; all, or those with one of the endings."""
    listed = subprocess.run(["git", "ls-files", "-z"], check=True, stdout=subprocess.PIPE,
                            text=True).stdout.split("\0")
    return sorted(f for f in set(listed) if os.path.isfile(f) and not os.path.islink(f)
                  and (not endings or f.endswith(endings)))


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def blank(text, strings=True):
    """C text with comments (and, unless told otherwise, the insides of strings) turned into spaces;
    lines and columns stay."""
    def spaces(match):
        token = match[0]
        if token[0] == "/":
            return re.sub(r"[^\n]", " ", token)
        if not strings:
            return token
        return token[0] + re.sub(r"[^\n]", " ", token[1:-1]) + token[-1]
    return TOKEN.sub(spaces, text)


def finish(problems):
    """Print problems, exit 1 when there are any."""
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)
