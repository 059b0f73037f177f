# SPDX-License-Identifier: Apache-2.0
"""Each gate must pass a small clean tree, and fail it with one fault planted, naming the fault."""
import os
import shutil
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

TAG = "SPDX-License-" "Identifier: Apache-2.0"  # in two, or reuse takes it for this file's own
SPDX = f"/* {TAG} */\n"
PY = f"# {TAG}\n"
SH = "#!/bin/sh\n" + PY


def header(text=""):
    return SPDX + "#pragma once\n" + text


def stories(*texts):
    return "# Threats\n" + "".join(f"\n### E{n:02} A story\n\n{t}\n" for n, t in enumerate(texts, 1))


ONE = "* `tests/unit/vault/test_t.c`: `t/refuses`,\n  `t/e01_again`\n* `tests/fuzz/fuzz_t.c`\n"
TWO = "* `tests/system/test_s.py`: `e02_waits`, `made_*`\n"


def unit(**changed):
    """A unit without powers."""
    keys = {"ExecStart": "/bin/x", "User": "daemon", "NoNewPrivileges": "yes", "ProtectSystem": "strict",
            "ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes", "PrivateNetwork": "yes",
            "PrivateUsers": "yes", "ProtectKernelTunables": "yes", "ProtectKernelModules": "yes",
            "ProtectKernelLogs": "yes", "ProtectControlGroups": "yes", "ProtectClock": "yes", "ProtectHostname": "yes",
            "ProtectProc": "invisible", "RestrictNamespaces": "yes", "RestrictRealtime": "yes",
            "RestrictSUIDSGID": "yes", "RestrictAddressFamilies": "AF_UNIX", "LockPersonality": "yes",
            "MemoryDenyWriteExecute": "yes", "SystemCallArchitectures": "native", "RemoveIPC": "yes",
            "SystemCallFilter": "@system-service seccomp", "CapabilityBoundingSet": "", "UMask": "0077", **changed}
    return "[Service]\n" + "".join(f"{name}={value}\n" for name, value in keys.items())


# In two each, or they would be found here.
PEM = "-----BEGIN " "PRIVATE KEY-----\n"
HEX32, DRAWN = "0123456789abcdef" * 2, "dR4wn" "Qx7Zp9LmT2vB8sKc1"

CLEAN = {
    "CMakeLists.txt": PY,
    "base/a.h": header("\nint a_get(void);\n"),
    "base/a.c": SPDX + '#include "base/a.h"\n\n#include <string.h>\n\n'
                "/* strcpy(x, y) in a comment, typedef struct too */\n"
                'static const char text[] = "sprintf(";\n\n'
                "int a_get(void)\n{\n    return (int)strlen(text);\n}\n",
    "base/json.c": SPDX + "#include <jansson.h>\n",
    "vault/b_priv.h": header('\n#include "base/a.h"\n\n'
                             "typedef enum b_kind (*b_fn)(int);\nenum b_kind { B };\n"),
    "vault/b.c": SPDX + '#include "vault/b_priv.h"\n\n#include <sys/stat.h>\n',
    "vault/store_sqlite.c": SPDX + "#include <sqlite3.h>\n",
    "retention/r.h": header(),
    "keys/k.h": header(),
    "keys/k.c": SPDX + '#include "vault/v.h"\n',
    "keys/crypto.c": SPDX + "#include <sodium.h>\n",
    "vault/v.h": header(),
    "proxy/p.h": header(),
    "admin/m.h": header('\n#include "keys/k.h"\n'),
    "cli/c.h": header(),
    "cli/main.c": SPDX + '#include "admin/m.h"\n#include "proxy/p.h"\n#include "version.h"\n',
    "tests/support/t.h": header("\n#include <criterion/criterion.h>\n"),
    "tests/unit/vault/rig.h": header(),
    "tests/unit/vault/test_b.c": SPDX + '#include "rig.h"\n#include "tests/support/t.h"\n'
                                 '#include "vault/b_priv.h"\n\n#include <sodium.h>\n',
    "tests/unit/vault/test_t.c": SPDX + "/* E01 */\nTest(t, refuses)\n{\n}\n\nTest(t, e01_again)\n{\n}\n",
    "tests/fuzz/fuzz_t.c": SPDX + "/* Bytes of anybody (E01). */\n",
    "tests/system/test_s.py": PY + '"""E02-E02: waiting."""\n\n\ndef test_e02_waits(env):\n    pass\n\n\n'
                              'globals()["test_made_" + "here"] = test_e02_waits\n',
    "docs/THREATS.md": stories(ONE, TWO),
    "tools/run.py": PY,
    "tests/vectors/k.pem": PEM,
    "tools/accepted_secrets.txt": PY + "tests/vectors/* private-key of a test\n",
    "scripts/run": SH + "exit 0\n",
    "cli/sandbox.def": SPDX + "ALLOW(read)\n",
    "packaging/x.service": PY + unit(),
}


def c(text):
    return SPDX + text


def function(lines, parameters="void"):
    return c("int f(" + parameters + ");\nint f(" + parameters + ")\n{\n"
             + "    f();\n" * (lines - 1) + "    return 0;\n}\n")


# (gate, file, its new text, what the gate must say)
FAULTS = [
    ("format", "base/a.c", c("int  a;\n"), "base/a.c: 1 places"),
    ("format", "tests/support/t.h", header("int  a;\n"), "tests/support/t.h: 1 places"),
    ("includes", "base/a.c", c('#include "vault/b.h"\n'), 'base/a.c:2: "vault/b.h" does not exist'),
    ("includes", "base/a.c", c('#include "retention/r.h"\n'), "base/ may not include"),
    ("includes", "vault/b.c", c('#include "retention/r.h"\n'), "vault/ may not include"),
    ("includes", "vault/b.c", c('#if 0\n  #  include "proxy/p.h"\n#endif\n'), "vault/ may not include"),
    ("includes", "retention/r.c", c('#include "admin/m.h"\n'), "retention/ may not include"),
    ("includes", "retention/r.c", c('#include "proxy/p.h"\n'), "retention/ may not include"),
    ("includes", "retention/r.c", c('#include "keys/k.h"\n'), "retention/ may not include"),
    ("includes", "vault/b.c", c('#include "keys/k.h"\n'), "vault/ may not include"),
    ("includes", "keys/k.c", c('#include "retention/r.h"\n'), "keys/ may not include"),
    ("includes", "keys/k.c", c('#include "admin/m.h"\n'), "keys/ may not include"),
    ("includes", "keys/k.c", c("#include <sodium.h>\n"), "belongs to its adapter"),
    ("includes", "proxy/p.c", c('#include "keys/k.h"\n'), "proxy/ may not include"),
    ("includes", "proxy/p.c", c('#include "retention/r.h"\n'), "proxy/ may not include"),
    ("includes", "proxy/p.c", c('#include "admin/m.h"\n'), "proxy/ may not include"),
    ("includes", "admin/m.c", c('#include "proxy/p.h"\n'), "admin/ may not include"),
    ("includes", "admin/m.c", c('#include "cli/c.h"\n'), "admin/ may not include"),
    ("includes", "bench/b.c", c('#include "cli/c.h"\n'), "bench/ may not include"),
    ("includes", "cli/c.c", c('#include "tests/support/t.h"\n'), "cli/ may not include"),
    ("includes", "retention/r.c", c('#include "vault/b_priv.h"\n'), "private to vault/"),
    ("includes", "tests/unit/proxy/test_p.c", c('#include "vault/b_priv.h"\n'), "private to vault/"),
    ("includes", "vault/b.c", c('#include "b_priv.h"\n'), "does not exist"),
    ("includes", "vault/b.c", c("#include <vault/b_priv.h>\n"), "neither a header"),
    ("includes", "vault/b.c", c("#include <zstd.h>\n"), "neither a header"),
    ("includes", "vault/b.c", c("#include <curl/curl.h>\n"), "belongs to its adapter"),
    ("includes", "vault/b.c", c("#include <sqlite3.h>\n"), "belongs to its adapter"),
    ("includes", "vault/b.c", c("#include <sodium.h>\n"), "belongs to its adapter"),
    ("includes", "vault/b.c", c("#include <zlib.h>\n"), "belongs to its adapter"),
    ("includes", "vault/b.c", c("#include <uv.h>\n"), "belongs to its adapter"),
    ("includes", "admin/m.c", c("#include <h2o.h>\n"), "belongs to its adapter"),
    ("includes", "admin/m.c", c("#include <h2o/http1.h>\n"), "belongs to its adapter"),
    ("includes", "proxy/p.c", c("#include <openssl/ssl.h>\n"), "belongs to its adapter"),
    ("includes", "proxy/p.c", c("#include <jansson.h>\n"), "belongs to its adapter"),
    ("includes", "proxy/p.c", c("#include <yaml.h>\n"), "belongs to its adapter"),
    ("includes", "proxy/p.c", c("#include <criterion/criterion.h>\n"), "tests only"),
    ("banned", "base/a.c", c("void f(void)\n{\n    strcpy(a, b);\n}\n"), "base/a.c:4: strcpy() is banned"),
    ("banned", "base/a.c", c("int n = atoi (text);\n"), "atoi() is banned"),
    ("banned", "base/a.c", c("char *p = strtok(text, sep);\n"), "strtok() is banned"),
    ("banned", "base/a.c", c('int n = sprintf(p, "");\n'), "sprintf() is banned"),
    ("banned", "base/a.c", c("char *p = strcat(p, q);\n"), "strcat() is banned"),
    ("banned", "base/a.c", c("char *p = gets(p);\n"), "gets() is banned"),
    ("banned", "base/a.c", c("char *p = alloca(5);\n"), "alloca() is banned"),
    ("banned", "base/a.h", header("typedef struct a a;\n"), "a struct is not hidden"),
    ("banned", "base/a.h", header("typedef enum { A } a;\n"), "a enum is not hidden"),
    ("banned", "base/a.c", c("/* TO" "DO: later */\n"), "finish it"),
    ("size", "base/a.c", c("\n" * 800), "base/a.c: 801 lines"),
    ("size", "tools/run.py", PY + "\n" * 800, "tools/run.py: 801 lines"),
    ("size", "base/a.c", function(101), "base/a.c:3: f: 101 lines"),
    ("size", "base/a.c", function(1, "int a, int b, int (*c)(int, int), int d, int e, int f, int g"),
     "f: 7 parameters"),
    ("spdx", "base/a.c", "int a;\n", "base/a.c:1:"),
    ("spdx", "base/e.def", "E(1)\n", "base/e.def:1:"),
    ("spdx", "CMakeLists.txt", "\n", "CMakeLists.txt:1:"),
    ("spdx", "tools/run.py", "\n\n\n" + PY, "tools/run.py:1:"),
    ("spdx", "scripts/run", "#!/bin/sh\nexit 0\n", "scripts/run:1:"),
    ("spdx", "base/a.c", SPDX.replace("Apache-2.0", "MIT"), "base/a.c:1:"),
    ("threats", "docs/THREATS.md", "", "docs/THREATS.md:1: no story"),
    ("threats", "docs/THREATS.md", stories(ONE, TWO, "Nothing.\n"), "docs/THREATS.md:15: E03 has no test"),
    ("threats", "docs/THREATS.md", stories(ONE, TWO).replace("E02", "E03"), "E03 stands where E02 should"),
    ("threats", "docs/THREATS.md", stories(ONE, TWO + "* `tests/x.c`: `t/x`\n"), "tests/x.c does not exist"),
    ("threats", "docs/THREATS.md", stories(ONE.replace("refuses", "takes"), TWO), "has no test t/takes"),
    ("threats", "docs/THREATS.md", stories(ONE.replace("e01_again", "e01"), TWO), "has no test t/e01"),
    ("threats", "docs/THREATS.md", stories(ONE, TWO.replace("e02_", "e02")), "has no test e02waits"),
    ("threats", "docs/THREATS.md", stories(ONE, TWO.replace("made", "found")), "has no test found_*"),
    ("threats", "docs/THREATS.md", stories(ONE, TWO.split(":")[0] + "\n"), "which of its tests?"),
    ("threats", "docs/THREATS.md", stories(ONE, TWO + "* `tests/fuzz/fuzz_t.c`\n"), "fuzz_t.c does not carry E02"),
    ("threats", "docs/COMPLIANCE.md", "# Article 1\n\n" + ONE.replace("e01_", "e02_"), "docs/COMPLIANCE.md:3: tests/unit"),
    ("threats", "docs/COMPLIANCE.md", "# Article 1\n\n* `tests/x.c`: `t/x`\n", "tests/x.c does not exist"),
    ("threats", "tests/unit/vault/test_t.c", SPDX, "has no test t/refuses"),
    ("threats", "tests/system/test_u.py", PY + '"""E03"""\n', "tests/system/test_u.py:2: E03 is no story"),
    ("threats", "tests/system/test_u.py", PY + '"""E02"""\n', "test_u.py:2: E02: docs/THREATS.md does not name"),
    ("threats", "tests/unit/vault/test_u.c", c("\nTest(t, e02_x)\n{\n}\n"), "test_u.c:3: E02: docs/THREATS.md does"),
    ("threats", "tests/fuzz/fuzz_t.c", c("/* E01-E02 */\n"), "fuzz_t.c:2: E02: docs/THREATS.md does not name"),
    *(("secrets", "docs/x", text, f"docs/x:2: looks like a secret ({name})") for name, text in (
        ("private-key", "\n" + PEM.replace("PRIVATE", "EC PRIVATE")),
        ("access-token", f"\nBearer lta_{HEX32}{HEX32}\n"),
        ("root-key", f"\nlethe-root-1 7 {HEX32}{HEX32}\n"),
        ("aws", "\nAKIA" + "Q7" * 8),
        ("github", "\nghp_" + "a1" * 18),
        ("gitlab", "\nglpat-" + "a1" * 10),
        ("npm", "\nnpm_" + "a1" * 18),
        ("slack", "\nxoxb-" + "a1" * 10),
        ("vault", "\nhvs." + "a1" * 12),
        ("jwt", "\neyJ" + "a1" * 8 + ".eyJ" + "a1" * 8 + "." + "a1" * 16),
        ("otpauth", "\notpauth:" "//totp/lethe:x?secret=" + "AB23" * 8),
        ("url-password", "\npostgresql://lethe:" "correcthorse@db.example/lethe\n"),
        ("quoted", "\npassword: " "'correcthorse'\n"),
        ("assignment", f"\nexport APP_SECRET_KEY={DRAWN}\n"),
        ("assignment", f'\n{{"api_key": "{DRAWN}"}}\n'),
        ("assignment", f"\n    static const char token[] = \"{HEX32}\";\n"))),
    ("secrets", "tests/vectors/k.pem", PY, "accepted_secrets.txt:2: nothing of tests/vectors/* is a private-key"),
    ("secrets", "tools/accepted_secrets.txt", "tests/* private-key\n", "txt:1: PATH, one of"),
    ("secrets", "tools/accepted_secrets.txt", PY, "k.pem:1: looks like a secret (private-key)"),
    ("headers", "base/a.h", header("size_t a_get(void);\n"), "unknown type name"),
    ("headers", "base/a.h", header("#ifndef LETHE_FAULTS\n#error fault\n#endif\n"), "base/a.h:4:2: error: #error fault"),
    ("headers", "base/a.h", header("#ifdef LETHE_FAULTS\n#error fault\n#endif\n"), "base/a.h:4:2: error: #error fault"),
    ("headers", "base/a.h", SPDX, "base/a.h:1: no #pragma once"),
    ("shell", "scripts/run", SH + "rm -rf $1/x\n", "SC2086"),
    ("shell", "tests/run", "#!/usr/bin/env bash\n" + PY + "cd $1\n", "SC2086"),
    ("cppcheck", "base/a.c", c("int f(void);\nint f(void)\n{\n    int *p = 0;\n    return *p;\n}\n"),
     "base/a.c:6: error: Null pointer"),
    ("units", "packaging/x.service", PY + unit(ProtectSytem="strict"), "Unknown key 'ProtectSytem'"),
    ("units", "packaging/x.service", PY + unit(CapabilityBoundingSet="~", User="root", SystemCallFilter="", UMask="0"), "is more than 2.0"),
    ("units", "packaging/x.service", PY + unit(SystemCallFilter="@system-service\nSystemCallFilter=~@basic-io"),
     "forbids read"),
    ("units", "packaging/x.service", PY + unit(SystemCallFilter="@system-service"), "forbids seccomp"),
    ("cppcheck", "vault/b.c", c("int f(void);\nint f(void)\n{\n    int a[3];\n    a[3] = 1;\n"
                                "    return a[0];\n}\n"), "vault/b.c:6: error:"),
]


def write(path, text):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def plant(fault, gates):
    """None, or what is wrong with the gate."""
    gate, path, text, expected = fault
    write(path, text)
    subprocess.run(["git", "add", "-A"], check=True)
    passed, output = gates[gate]()
    if path in CLEAN:
        write(path, CLEAN[path])
    else:
        os.unlink(path)
    subprocess.run(["git", "add", "-A"], check=True)
    if passed:
        return f"{gate} did not see: {path}: {text!r}"
    if expected not in output:
        return f"{gate} saw something else than {expected!r}: {output}"
    return None


def main(gates):
    problems = []
    covered = {fault[0] for fault in FAULTS}
    problems += [f"{gate} has no fault to find" for gate in gates if gate not in covered]
    with tempfile.TemporaryDirectory(prefix="lethe-gates.") as folder:
        os.chdir(folder)
        subprocess.run(["git", "init", "-q"], check=True)
        for path, text in CLEAN.items():
            write(path, text)
        shutil.copy(os.path.join(ROOT, ".clang-format"), ".")
        subprocess.run(["git", "add", "-A"], check=True)
        for gate in gates:
            passed, output = gates[gate]()
            if not passed:
                problems.append(f"{gate} fails on the clean tree: {output}")
        problems += [p for p in (plant(fault, gates) for fault in FAULTS) if p]
        os.chdir("/")
    for problem in problems:
        print(problem)
    total = len(FAULTS) + len(gates)
    print(f"{total - len(problems)} passed, {len(problems)} failed")
    return 1 if problems else 0
