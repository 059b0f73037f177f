# SPDX-License-Identifier: Apache-2.0
"""Manual pages and completion, as `lethe manual` writes them and as their readers take them."""
import os
import re
import subprocess

from harness import ROOT, check, equal

COMPLETE = r"""
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_lethe
printf '%s\n' "${COMPREPLY[@]}"
"""


def lethe(env, *args):
    return subprocess.run([env.lethe_path(), *args], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **env.sanitizer_env()}, cwd=env.dir)


def manual(env):
    made = lethe(env, "manual", env.path("manual"))
    equal((made.returncode, made.stdout, made.stderr), (0, "", ""), "lethe manual")
    return env.path("manual")


def commands(env):
    """Names as `lethe help` lists them."""
    lines = lethe(env, "help").stdout.splitlines()
    return [re.match(r"  (\S+( \S+)?)  ", line)[1] for line in lines if line.startswith("  ")]


def test_pages_have_no_warnings(env):
    folder = manual(env)
    pages = [os.path.join(folder, section, name) for section in ("man1", "man5")
             for name in sorted(os.listdir(os.path.join(folder, section)))]
    check(len(pages) > 20, pages)
    result = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *pages], capture_output=True,
                            text=True)
    equal((result.returncode, result.stdout + result.stderr), (0, ""), "mandoc -T lint")


def test_every_command_can_be_read_about(env):
    folder = manual(env)

    def read(name):
        path = os.path.join(folder, "man1", name)
        text = subprocess.run(["mandoc", "-T", "utf8", "-O", "width=400", path], check=True,
                              capture_output=True, text=True).stdout
        return re.sub(r".\x08", "", text).replace("\u00a0", " ")

    overview = read("lethe.1")
    names = commands(env)
    check(len(names) > 30, names)
    for name in names:
        check(re.search(rf"^ +{name}( |$)", overview, re.M), f"lethe.1 has no {name}")
        page = read(f"lethe-{name.split()[0]}.1")
        check(re.search(rf"^ +lethe {name}( |$)", page, re.M), f"no usage of {name}:\n{page}")
        usage = lethe(env, "help", *name.split()).stdout.splitlines()[0]
        for option in re.findall(r"--[a-z-]+", usage):
            check(re.search(rf"^ +(-., )?{option}( |$)", page, re.M), f"{name}: no {option}")


def test_settings_are_those_of_the_documentation(env):
    with open(os.path.join(ROOT, "docs", "CONFIGURATION.md")) as f:
        top = f.read().split("## Top level")[1].split("\n### ")[0]
    documented = {m[1] for m in re.finditer(r"^\| \[?`(\w+)`", top, re.M)}
    with open(os.path.join(manual(env), "man5", "lethe.yaml.5")) as f:
        keys = f.read().split(".SH KEYS")[1].split(".SH ")[0]
    equal(set(re.findall(r"^\\fB(\w+)\\fP$", keys, re.M)), documented, "keys of the top level")


def test_a_folder_that_cannot_be_written_is_an_error(env):
    result = lethe(env, "manual", env.path("none", "manual"))
    equal((result.returncode, result.stderr),
          (1, f"lethe: {env.path('none', 'manual')}: No such file or directory\n"), "no folder")


def test_completion_in_bash(env):
    script = os.path.join(manual(env), "completions", "lethe")
    env.write("a file.yaml", "")
    env.write("alone", "")
    os.mkdir(env.path("folder"))

    def complete(*words):
        result = subprocess.run(["bash", "--norc", "-u", "-c", COMPLETE, "bash", script,
                                 "lethe", *words], capture_output=True, text=True, cwd=env.dir)
        equal((result.returncode, result.stderr), (0, ""), f"completion of {words}")
        return set(result.stdout.split("\n")) - {""}

    equal(complete(""), {name.split()[0] for name in commands(env)}, "all commands")
    equal(complete("verify-r"), {"verify-receipt"}, "a command's beginning")
    equal(complete("subject", "re"), {"rectify", "restrict"}, "a second word")
    equal(complete("help", "hol"), {"hold"}, "help on a command")
    equal(complete("help", "hold", "l"), {"list", "lift"}, "help on a second word")
    equal(complete("subject", "show", "--d"), {"--domain"}, "an option")
    equal(complete("serve", "--"), {"--config", "--passphrase-fd", "--ready-fd", "--help"},
          "a command's options")
    equal(complete("request", "approve", "--dom"), {"--domain"}, "a command of one word in a group")
    equal(complete("report", "--format", "cs"), {"csv", "csv-excel"}, "one of several words")
    equal(complete("report", "--format", "="), {"table", "json", "csv", "csv-excel", "html", "xlsx"}, "after =")
    equal(complete("report", "--format", "=", "j"), {"json"}, "behind =")
    equal(complete("check", "-c", "a"), {"a file.yaml", "alone"}, "files")
    equal(complete("verify-receipt", "al"), {"alone"}, "a file that is no option's")
    equal(complete("verify-erasure", "--store", ""), {"folder", "manual"}, "folders")
    equal(complete("tokenize", "--class", ""), set(), "what nobody knows")
    equal(complete("nonsense", ""), set(), "no command")


def test_completion_passes_shellcheck(env):
    script = os.path.join(manual(env), "completions", "lethe")
    result = subprocess.run(["shellcheck", script], capture_output=True, text=True)
    equal((result.returncode, result.stdout), (0, ""), "shellcheck")
