# SPDX-License-Identifier: Apache-2.0
"""Each analyser must pass a small clean program, and fail it with one fault planted, naming the fault."""
import datetime
import json
import os
import shutil
import subprocess
import tempfile

TODAY = datetime.date(2026, 1, 31)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

CLEAN = {
    "base/a.c": "#include <stdlib.h>\nint main(void)\n{\n    char *text = malloc(4);\n    free(text);\n    return 0;\n}\n",
    "ui/assets/app.js": '"use strict";\ndocument.body.textContent = "clean";\n',
}

# (tool, file, its new text, what must be said)
FAULTS = [
    ("clang-tidy", "base/a.c", "#include <stdlib.h>\nint main(int argc, char **argv)\n{\n    return atoi(argv[argc - 1]);\n}\n",
     "base/a.c:4: 'atoi' used to convert"),
    ("clang-tidy", "base/a.c", "int main(int argc, char **argv)\n{\n    if (argc > 1);\n        return argv[1][0];\n    return 0;\n}\n",
     "bugprone-suspicious-semicolon"),
    ("gcc", "base/a.c", "#include <stdlib.h>\nint main(void)\n{\n    char *text = malloc(4);\n    free(text);\n    free(text);\n"
     "    return 0;\n}\n", "analyzer-double-free"),
    ("gcc", "base/a.c", "#include <stdio.h>\nint g(void);\nint g(void)\n{\n    FILE *f = fopen(\"x\", \"r\");\n    return f == NULL;\n}\n",
     "analyzer-file-leak"),
    ("flawfinder", "base/a.c", "#include <string.h>\nint main(int argc, char **argv)\n{\n    char a[4];\n    strcpy(a, argv[argc - 1]);\n"
     "    return a[0];\n}\n", "buffer/strcpy"),
    ("eslint", "ui/assets/app.js", "eval(location.hash);\n", "no-eval"),
    ("eslint", "ui/assets/app.js", "document.body.innerHTML = location.hash;\n", "no-restricted-properties"),
    ("eslint", "ui/assets/app.js", "nothing(;\n", "syntax"),
]


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def archive(folder, *sources):
    """A library of the build for each source."""
    for number, text in enumerate(sources):
        write(f"{folder}/s{number}.c", text)
        subprocess.run(["gcc", "-c", "-o", f"{folder}/s{number}.o", f"{folder}/s{number}.c"], check=True)
        library = f"{folder}/build/liblethe_{number}.a"
        subprocess.run(["ar", "rc", library, f"{folder}/s{number}.o"], check=True)


def doubled(a, folder):
    archive(folder, "int f(void) { return 1; }\n", "int f(void) { return 2; }\n")
    said = said_of(a, folder, "symbols")
    if "f [twice]" not in said:
        yield f"symbols did not see a name twice: {said}"


def lay_out(folder):
    for path, text in CLEAN.items():
        write(f"{folder}/{path}", text)
    shutil.copy(os.path.join(ROOT, ".clang-tidy"), folder)
    source = f"{folder}/base/a.c"
    write(f"{folder}/build/compile_commands.json", json.dumps(
        [{"directory": folder, "file": source, "command": f"gcc -O0 -c -o a.o {source}"}]))
    archive(folder, "int f(void) { return 1; }\n", "int g(void) { return 2; }\n")


def said_of(a, folder, tool, accepted=()):
    return "\n".join(a.analyse(f"{folder}/build", folder, [tool], accepted, TODAY)[tool][0])


def plant(a, folder, fault):
    tool, path, text, expected = fault
    write(f"{folder}/{path}", text)
    said = said_of(a, folder, tool)
    write(f"{folder}/{path}", CLEAN[path])
    return None if expected in said else f"{tool} did not say {expected!r} of {text!r}: {said}"


def accepting(a, folder):
    """A finding that is accepted, and acceptances that are worn out."""
    _, path, text, _ = FAULTS[4]
    write(f"{folder}/{path}", text)
    entry = a.Accepted("flawfinder", "buffer/strcpy", path, "1", "2026-01-31", "because")
    cases = [
        ("an accepted finding", [entry], ""),
        ("one more than accepted", [entry._replace(count="0")], "buffer/strcpy"),
        ("accepted until yesterday", [entry._replace(expires="2026-01-30")], "decide anew"),
        ("accepted elsewhere", [entry._replace(file="base/b.c")], "not found any more"),
    ]
    for what, accepted, expected in cases:
        said = said_of(a, folder, "flawfinder", accepted)
        if (expected not in said) or (not expected and said):
            yield f"{what}: {said}"
    write(f"{folder}/{path}", CLEAN[path])


def main(a):
    problems = []
    with tempfile.TemporaryDirectory(prefix="lethe-analyse.") as folder:
        lay_out(folder)
        for tool in a.ALL:
            said = said_of(a, folder, tool)
            if said:
                problems.append(f"{tool} fails on the clean program: {said}")
        problems += [p for p in (plant(a, folder, fault) for fault in FAULTS) if p]
        problems += accepting(a, folder)
        problems += doubled(a, folder)
    for problem in problems:
        print(problem)
    total = len(FAULTS) + len(a.ALL) + 5
    print(f"{total - len(problems)} passed, {len(problems)} failed")
    return 1 if problems else 0
