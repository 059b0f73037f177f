#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every source names its license in one of its first three lines."""
import sources

LINE = "SPDX-License-" "Identifier: Apache-2.0"  # in two, or reuse takes it for this file's own
ENDINGS = (".c", ".h", ".def", ".in", ".py", ".sh", ".cmake", ".sql", ".js", ".mjs", ".ts", ".css",
           ".lua", "CMakeLists.txt", "Dockerfile")


def is_script(path):
    with open(path, "rb") as file:
        return file.read(2) == b"#!"


def main():
    problems = []
    for path in sources.tracked():
        if not path.endswith(ENDINGS) and not is_script(path):
            continue
        if not any(LINE in line for line in sources.read(path).split("\n")[:3]):
            problems.append(f"{path}:1: no \"{LINE}\" in the first three lines")
    sources.finish(problems)


if __name__ == "__main__":
    main()
