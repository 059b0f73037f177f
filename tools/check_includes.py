#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who may include whom. docs/ARCHITECTURE.md has the picture; this is the rule:

- base <- vault <- retention <- admin <- ui; vault <- keys <- admin; base, vault <- proxy; cli may include all
  of them. So proxy and admin never see each other, proxy and retention never see a root key, and nothing but tests sees cli; nothing but tests sees tests.
- FOLDER/x_priv.h is seen by FOLDER and by its tests (tests/unit/FOLDER, tests/fault,
  tests/fuzz, tests/stress).
- Our headers are included by their full path in quotes (a test may name a header beside it alone), and
  exist.
- Each library has its adapter: its headers are included there and nowhere else. Tests and benchmarks
  may use any library. A header that stands in neither list below is refused, so that a new library
  comes with a decision.
"""
import fnmatch
import os
import re

import sources

MAY_SEE = {
    "base": {"base"},
    "vault": {"base", "vault"},
    "retention": {"base", "vault", "retention"},
    "keys": {"base", "vault", "keys"},
    "admin": {"base", "vault", "retention", "keys", "admin"},
    "ui": {"base", "admin", "ui"},
    "proxy": {"base", "vault", "proxy"},
    "cli": {"base", "vault", "retention", "keys", "admin", "ui", "proxy", "cli"},
    "bench": {"base", "vault", "retention", "keys", "admin", "proxy", "bench"},
    "tests": {"base", "vault", "retention", "keys", "admin", "ui", "proxy", "cli", "tests"},
}
PRODUCT = {"base", "vault", "retention", "keys", "admin", "ui", "proxy", "cli"}

# Header (pattern): the files (patterns) that adapt its library.
ADAPTERS = {
    "h2o.h": ["proxy/*", "base/http*"],
    "h2o/*": ["proxy/*", "base/http*"],
    "uv.h": ["admin/*", "cli/*"],
    "sqlite3.h": ["vault/store_sqlite*"],
    "zlib.h": ["vault/token.c", "proxy/coding.c"],
    "brotli/*": ["proxy/coding.c"],
    "sodium.h": ["vault/crypto.c", "base/secret.c", "base/digest.c", "keys/crypto.c"],
    "curl/*": ["base/webclient.c"],
    "p11-kit/*": ["keys/pkcs11*"],
    "openssl/*": ["base/tls.c", "base/signature.c"],
    "jansson.h": ["base/json.c"],
    "archive.h": ["retention/pack.c"],
    "archive_entry.h": ["retention/pack.c"],
    "yaml.h": ["base/conf_yaml.c"],
    "utf8proc.h": ["base/unicode.c"],
    "liboath/*": ["admin/otp.c"],
    "qrencode.h": ["base/qr.c"],
    "xlsxwriter.h": ["retention/report_xlsx.c"],
    "seccomp.h": ["cli/sandbox.c"],
    "criterion/*": [],
}

# The C library, the compiler and Linux.
SYSTEM = set("""
    assert.h ctype.h dirent.h dlfcn.h emmintrin.h endian.h errno.h fcntl.h float.h fnmatch.h ftw.h glob.h
    getopt.h grp.h immintrin.h inttypes.h langinfo.h libgen.h limits.h locale.h malloc.h math.h netdb.h
    nmmintrin.h poll.h pthread.h pwd.h regex.h sched.h semaphore.h setjmp.h signal.h smmintrin.h stdalign.h
    stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h string.h strings.h syslog.h
    termios.h time.h tmmintrin.h unistd.h wchar.h xmmintrin.h
    arpa/* linux/* net/* netinet/* sys/*
""".split())

GENERATED = {"version.h"}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">\n]+)[">]', re.M)


def among(name, patterns):
    return any(fnmatch.fnmatchcase(name, p) for p in patterns)


def check_library(path, folder, header):
    if among(header, SYSTEM):
        return None
    adapters = next((ADAPTERS[p] for p in ADAPTERS if fnmatch.fnmatchcase(header, p)), None)
    if adapters is None:
        return (f"<{header}> is neither a header of the system nor of a known library "
                "(see tools/check_includes.py)")
    if folder in PRODUCT and not among(path, adapters):
        return f"<{header}> belongs to its adapter: {', '.join(adapters) or 'tests only'}"
    return None


def check_ours(path, folder, header, files):
    beside = os.path.join(os.path.dirname(path), header)
    if folder == "tests" and "/" not in header and beside in files:
        return None
    if header in GENERATED:
        return None
    if header not in files:
        return f'"{header}" does not exist; headers of ours are named by their full path'
    to = header.split("/")[0]
    if to not in MAY_SEE.get(folder, ()):
        return f'{folder}/ may not include "{header}"'
    private = header.endswith("_priv.h") or header.endswith("_priv.def")
    its_tests = (f"tests/unit/{to}/", "tests/fault/", "tests/fuzz/", "tests/stress/")
    if private and folder != to and not path.startswith(its_tests):
        return f'"{header}" is private to {to}/'
    return None


def main():
    files = set(sources.tracked())
    problems = []
    for path in sources.tracked(".c", ".h", ".def"):
        folder = path.split("/")[0]
        text = sources.blank(sources.read(path), strings=False)
        for match in INCLUDE.finditer(text):
            problem = (check_library(path, folder, match[2]) if match[1] == "<"
                       else check_ours(path, folder, match[2], files))
            if problem:
                line = text.count("\n", 0, match.start()) + 1
                problems.append(f"{path}:{line}: {problem}")
    sources.finish(problems)


if __name__ == "__main__":
    main()
