# SPDX-License-Identifier: Apache-2.0
"""The scanners, and what their reports say: their exit codes say nothing. Each gives a list of findings as text."""
import csv
import glob
import json
import os
import re
import subprocess
import xml.etree.ElementTree

from harness import check

# Left out: what asks a server elsewhere (ssrf, xxe), guesses names by the thousand (buster, nikto), waits for databases that
# sleep (blindsql: sqlmap does it better), knows only others' names of form keys (csrf: tests/system/test_ui.py) or breaks off
# (backup: it takes ports for names).
MODULES = ["xss", "permanentxss", "sql", "exec", "file", "crlf", "redirect", "htaccess", "csp", "cookieflags",
           "http_headers"]
TLS = {"1.2", "1.3"}


def run(env, name, argv, seconds):
    """Its output, which stays in the test's folder, too."""
    with open(env.path(name + ".log"), "w+", encoding="utf-8", errors="replace") as log:
        subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, timeout=seconds, check=False,
                       cwd=env.dir, env={**os.environ, "HOME": env.dir, "LC_ALL": "C.UTF-8"})
        log.seek(0)
        return log.read()


def wapiti(env, name, base, pages=(), headers=(), modules=None, seconds=45):
    """[(category, "METHOD path: what")] of a web server; `pages` are looked at besides what is linked."""
    report = env.path(name + ".json")
    env.write(name + ".config/apps.json", "{}")  # or it would fetch one
    argv = ["wapiti", "-u", base, "-m", ",".join(modules or MODULES), "-d", "4", "-t", "10", "-S", "normal", "-v", "0",
            "--max-scan-time", str(seconds), "--max-attack-time", "12", "--flush-session", "--no-bugreport",
            "--store-session", env.path(name + ".session"), "--store-config", env.path(name + ".config"),
            "-f", "json", "-o", report]
    for page in pages:
        argv += ["-s", page]
    for header in headers:
        argv += ["-H", header]
    said = run(env, name, argv, seconds * 3 + 60)
    check('\n  File "/' not in said, f"a module of wapiti broke: {said[-3000:]}")
    check(os.path.exists(report), f"wapiti wrote no report: {said[-2000:]}")
    with open(report, encoding="utf-8") as file:
        told = json.load(file)
    check(told["infos"]["version"].startswith("Wapiti "), f"not a report: {told['infos']}")
    return [(category, f"{entry['method']} {entry['path']}: {entry['info']}")
            for kind in ("vulnerabilities", "anomalies") for category, entries in told[kind].items() for entry in entries]


def burp(requests):
    """Requests as the log of a proxy, which sqlmap takes several from."""
    mark = "=" * 54
    return "".join(f"{mark}\n{request}\n{mark}\n\n" for request in requests)


def sqlmap(env, name, requests, seconds=600, **options):
    """[(target, parameter, techniques)] that statements can be injected into; `*` marks where to try in each request."""
    folder = env.path(name)
    log = env.write(name + ".requests", burp(requests))
    settings = {"dbms": "sqlite", "level": 2, "risk": 1, "technique": "BEUS", "threads": 3, "timeout": 10, "retries": 1,
                "ignore-code": "401,403,404", "output-dir": folder, "results-file": env.path(name + ".csv"), **options}
    said = run(env, name, ["sqlmap", "-l", log, "--batch", "--ignore-stdin", "--disable-coloring", "--flush-session",
                           *(f"--{key}={value}" for key, value in settings.items())], seconds)
    # It has tried when it says of each request that nothing was found, or writes what was.
    with open(env.path(name + ".csv"), encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    logs = [path for path in glob.glob(folder + "/*/log") if os.path.getsize(path)]
    # What it took back, after it could read nothing through it: answers that differ because the values' tokens do.
    taken_back = [row for row in rows if "false positive" in row["Note(s)"]]
    found = [(row["Target URL"], row["Parameter"], row["Technique(s)"]) for row in rows
             if row["Parameter"] and row not in taken_back]
    check(bool(found) == bool(logs), f"log and table of sqlmap differ: {rows}, {logs}")
    clean = said.count("all tested parameters do not appear to be injectable")
    check(clean + len(taken_back) + len({target for target, *_ in found}) >= len(requests),
          f"sqlmap tried {clean} of {len(requests)} requests: {said[-3000:]}")
    return found


def sslscan(env, name, port):
    """What a TLS server takes that it should not."""
    report = env.path(name + ".xml")
    said = run(env, name, ["sslscan", "--no-colour", f"--xml={report}", f"127.0.0.1:{port}"], 60)
    check(os.path.exists(report), f"sslscan wrote no report: {said}")
    test = xml.etree.ElementTree.parse(report).getroot().find("ssltest")
    check(test is not None, f"sslscan met nobody: {said}")
    taken = {f"{p.get('type')} {p.get('version')}" for p in test.findall("protocol") if p.get("enabled") == "1"}
    ciphers = test.findall("cipher")
    check(taken and ciphers, f"no version and no cipher: {said}")
    found = [f"takes {version}" for version in sorted(taken - {f"tls {v}" for v in TLS})]
    found += [f"{c.get('sslversion')} {c.get('cipher')}: {c.get('strength')}, {c.get('bits')} bits" for c in ciphers
              if c.get("strength") not in ("strong", "acceptable") or int(c.get("bits")) < 128
              or not re.match(r"TLS_|ECDHE-", c.get("cipher"))]
    found += [f"heartbleed over {h.get('sslversion')}" for h in test.findall("heartbleed") if h.get("vulnerable") != "0"]
    found += ["compression"] * any(c.get("supported") != "0" for c in test.findall("compression"))
    found += ["renegotiation"] * any(r.get("supported") == "1" and r.get("secure") != "1"
                                     for r in test.findall("renegotiation"))
    return found
