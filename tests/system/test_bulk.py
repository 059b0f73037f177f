# SPDX-License-Identifier: Apache-2.0
"""Dumps of many rows in and out: tokenize and reveal with --csv and --ndjson, killed and gone on with."""
import csv
import io
import json
import os
import random
import re
import signal
import stat
import subprocess
import time

from harness import Lethe, check, equal

TYPED = {
    "code": {"format": "digits", "purposes": ["account"], "basis": "6(1)(b)",
             "retain": {"period": "P1Y", "from": "created"}},
    "size": {"format": "integer", "range": "900000-999999", "purposes": ["account"],
             "basis": "6(1)(b)", "retain": {"period": "P1Y", "from": "created"}},
}
FIELDS = "email=email,phone=phone,note=note"
OPAQUE = re.compile(r"lt_[0-9A-Za-z_]{29}")


def installed(env, **more):
    lethe = Lethe(env, **more)
    lethe.config["classes"].update(TYPED)
    lethe.save()
    return lethe


def rows_of(count, start=0):
    return [["id", "email", "phone", "note", "town"]] + [
        [str(i), f"person{i}@example.org", f"+49 30 {i:07}", f'said "{i}",\nthen left', "K\u00f6ln"]
        for i in range(start, start + count)]


def write_csv(path, rows, delimiter=",", end="\n", bom=""):
    with open(path, "w", newline="", encoding="utf-8") as f:
        f.write(bom)
        csv.writer(f, delimiter=delimiter, lineterminator=end).writerows(rows)


def read_csv(path, delimiter=","):
    with open(path, newline="", encoding="utf-8-sig") as f:
        return list(csv.reader(f, delimiter=delimiter))


def read(path):
    with open(path, "rb") as f:
        return f.read()


def stored(lethe):
    """Values in the store, of all classes."""
    shown = lethe.run("report", "retention", "--format", "json", "-c", lethe.file, timeout=300)
    report = json.loads(shown.stdout)
    return sum(row["items"] for row in report["rows"])


def tokenize(lethe, src, dst, *more, form="--csv", fields=FIELDS, subject="id", timeout=300):
    return lethe.cli("tokenize", form, "--fields", fields, "--subject", subject, "--in", src,
                     "--out", dst, *more, timeout=timeout)


def reveal(lethe, src, dst, *more, form="--csv", fields=FIELDS, timeout=300):
    named = ("--fields", fields) if fields else ()
    return lethe.cli("reveal", form, *named, "--purpose", "account", "--in", src, "--out", dst,
                     *more, timeout=timeout)


def done(result, what, code=0):
    equal(result.returncode, code, f"{what} ({result.stderr})")
    return result


def test_a_dump_comes_back_byte_for_byte_with_a_server_and_without(env):
    lethe = installed(env).start()
    rows = rows_of(1500)
    rows[3][1:4] = ["", "", ""]
    src = env.path("dump.csv")
    for where in ("server", "store"):
        out, back = env.path(f"{where}.csv"), env.path(f"{where}.back.csv")
        write_csv(src, rows, delimiter=";", end="\r\n", bom="\ufeff")
        result = done(tokenize(lethe, src, out, "--delimiter", "semicolon", "--json"), where)
        counts = json.loads(result.stdout)
        equal((counts["rows"], counts["values"], counts["verified"]["values"],
               counts["verified"]["unequal"]), (1500, 4497, 4497, 0), where)
        equal(stat.S_IMODE(os.stat(out).st_mode), 0o600, "mode")
        check(read(out).startswith(b"\xef\xbb\xbfid;email;phone;note;town\r\n"), "the header stays")
        made = read_csv(out, ";")
        equal([(r[0], r[4]) for r in made], [(r[0], r[4]) for r in rows], "other columns")
        equal(made[3][1:4], ["", "", ""], "empty values")
        text = read(out).decode()
        for row in rows[1:]:
            check(not row[1] or row[1] not in text, "a value stands in the output")
        equal(len(OPAQUE.findall(text)), 2 * 1499, "tokens")
        result = done(reveal(lethe, out, back, "--delimiter", "semicolon"), where)
        check("personal data in the clear" in result.stderr, "the warning")
        check(read(back) == read(src), f"{where}: not the bytes of before")
        equal(sorted(n for n in os.listdir(env.dir) if n.endswith((".progress", ".rejects"))), [],
              "what a job leaves behind")
        if where == "server":
            equal(lethe.stop(), 0, "exit code")


def killed(lethe, argv, seconds):
    """Start a command and kill it after a while. Its exit code, or None when it was killed."""
    process = subprocess.Popen([lethe.env.lethe_path(), *argv], env=lethe.environment(),
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    error = process.communicate()[1]
    check(process.returncode in (0, -signal.SIGKILL), f"{argv[0]}: {process.returncode} {error!r}")
    return process.returncode == 0


def run_through_kills(lethe, argv, out, seed, kills):
    """Kill it at random moments and go on, until it is done; how often it was killed."""
    rng, times = random.Random(seed), 0
    while True:
        resume = ["--resume"] if os.path.exists(out + ".progress") else []
        if not resume and os.path.exists(out):
            os.unlink(out)
        if killed(lethe, argv + resume, rng.uniform(0.3, 2.5) if times < kills else 300):
            return times
        times += 1


def test_a_job_killed_at_random_moments_loses_no_row_and_makes_no_second_token(env):
    lethe = installed(env)
    rows = rows_of(100000)
    src, out, other = env.path("dump.csv"), env.path("out.csv"), env.path("other.csv")
    write_csv(src, rows)
    argv = ["tokenize", "-c", lethe.file, "--csv", "--fields", FIELDS, "--subject", "id", "--in", src,
            "--out", out]
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    check(run_through_kills(lethe, argv, out, seed, 12) >= 5, "it was hardly ever killed")
    made = read_csv(out)
    equal(len(made), len(rows), "rows")
    check([r[0] for r in made] == [r[0] for r in rows], "the order of rows")
    equal(stored(lethe), 300000, "values in the store: no orphans")
    done(tokenize(lethe, src, other, "--no-verify", fields="email=email,phone=phone", timeout=600),
         "uninterrupted")
    whole = read_csv(other)
    check([r[1:3] for r in whole] == [r[1:3] for r in made], "tokens differ from an uninterrupted run")
    back = env.path("back.csv")
    argv = ["reveal", "-c", lethe.file, "--csv", "--fields", FIELDS, "--purpose", "account", "--in",
            out, "--out", back, "--no-verify"]
    run_through_kills(lethe, argv, back, seed, 4)
    check(read(back) == read(src), "not the bytes of before")


test_a_job_killed_at_random_moments_loses_no_row_and_makes_no_second_token.limit = 400


def test_a_job_killed_at_each_step_goes_on_beside_a_server(env):
    lethe = installed(env)
    if not env.has_faults():
        print("no fault points in this build")
        return
    lethe.start()
    rows = rows_of(2500)
    src = env.path("dump.csv")
    write_csv(src, rows)
    for point in ("bulk.stored", "bulk.written", "bulk.marked"):
        for time_ in (1, 2, 3):
            before = stored(lethe)
            out = env.path(f"{point}.{time_}.csv")
            lethe.faults = {"LETHE_FAULT": f"{point}:{time_}"}
            broken = tokenize(lethe, src, out, fields="note=note")
            lethe.faults = {}
            check(broken.returncode != 0, f"{point}: it was not killed")
            done(tokenize(lethe, src, out, "--resume", fields="note=note"), f"{point} {time_}")
            equal([r[0] for r in read_csv(out)], [r[0] for r in rows], f"{point} {time_}")
            equal(stored(lethe) - before, 2500, f"{point} {time_}: values in the store")


def test_a_server_that_is_killed_does_not_make_a_second_token(env):
    lethe = installed(env).start()
    src, out = env.path("dump.csv"), env.path("out.csv")
    write_csv(src, rows_of(30000))
    process = subprocess.Popen([env.lethe_path(), "tokenize", "-c", lethe.file, "--csv", "--fields",
                                "note=note", "--subject", "id", "--in", src, "--out", out],
                               env=lethe.environment(), stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while not os.path.exists(out) or os.path.getsize(out) == 0:
        check(time.monotonic() < deadline, "nothing was written")
        time.sleep(0.02)
    lethe.kill()
    process.wait(60)
    check(process.returncode == 1, f"{process.returncode}")
    check(b"--resume goes on" in process.communicate()[1], "it does not say how to go on")
    done(tokenize(lethe, src, out, "--resume", fields="note=note"), "resume without a server")
    equal(stored(lethe), 30000, "values in the store")


def test_what_was_changed_between_two_parts_is_refused(env):
    lethe = installed(env)
    src, out = env.path("dump.csv"), env.path("out.csv")
    write_csv(src, rows_of(3000))
    lethe.faults = {"LETHE_FAULT": "bulk.marked:2"}
    if not env.has_faults():
        print("no fault points in this build")
        return
    tokenize(lethe, src, out)
    lethe.faults = {}
    times = os.stat(src)
    whole, written = read(src), read(out)
    equal(stat.S_IMODE(os.stat(out + ".progress").st_mode), 0o600, "mode")
    for value in (b"person", b"+49", b"said", b"Ln", b"lt"):
        check(b'"' + value not in read(out + ".progress") and value + b"1" not in read(out + ".progress"),
              "a value in the progress file")

    def resume(*more, fields=FIELDS):
        return tokenize(lethe, src, out, "--resume", *more, fields=fields)

    def refused(what, *more, **kind):
        result = resume(*more, **kind)
        equal(result.returncode, 1, f"{what} ({result.stderr})")
        check("person" not in result.stderr, "a value in a message")
        equal(len(read(out)), len(written), f"{what}: the output was touched")

    with open(src, "r+b") as f:
        f.seek(50)
        f.write(b"X")
    os.utime(src, ns=(times.st_atime_ns, times.st_mtime_ns))
    refused("the input, with its old time")
    with open(src, "wb") as f:
        f.write(whole + b"9,,,,\n")
    refused("a longer input")
    with open(src, "wb") as f:
        f.write(whole)
    refused("the time of the input")
    os.utime(src, ns=(times.st_atime_ns, times.st_mtime_ns))
    refused("fields", fields="email=email")
    refused("the delimiter", "--delimiter", "tab")
    refused("the domain", "--domain", "default")
    with open(out, "r+b") as f:
        f.seek(60)
        f.write(b"X")
    refused("the output")
    with open(out, "wb") as f:
        f.write(written[:100])
    equal(resume().returncode, 1, "a shorter output")
    with open(out, "wb") as f:
        f.write(written + b"half a row that was never\n" * 20000)
    equal(tokenize(lethe, src, out).returncode, 1, "without --resume nothing is overwritten")
    done(resume(), "as it was")
    equal(len(read_csv(out)), 3001, "rows")
    equal(resume().returncode, 1, "a job that is done")


def test_a_store_that_was_set_back_does_not_go_on(env):
    lethe = installed(env)
    if not env.has_faults():
        print("no fault points in this build")
        return
    src, out, data, keys = (env.path(name) for name in ("dump.csv", "out.csv", "data", "keys"))
    write_csv(src, rows_of(3000))
    for folder in (data, keys):
        os.makedirs(folder, mode=0o700)
    done(lethe.cli("backup", "--data", data, "--keys", keys), "backup")
    lethe.faults = {"LETHE_FAULT": "bulk.marked:2"}
    tokenize(lethe, src, out)
    lethe.faults = {}
    file = next(os.path.join(data, name) for name in os.listdir(data) if name.endswith(".db"))
    done(lethe.cli("restore", "--data", file, "--keys", os.path.join(keys, "keys.slab"), "--replace"), "restore")
    result = tokenize(lethe, src, out, "--resume")
    equal(result.returncode, 1, "resume")
    check("restored from a backup" in result.stderr, result.stderr)
    equal(stored(lethe), 0, "values in the store")


def test_rows_that_do_not_fit_stop_the_job_or_are_left_out_or_kept(env):
    lethe = installed(env)
    src, out = env.path("dump.csv"), env.path("out.csv")
    secret = "no-code-secret"
    with open(src, "w", encoding="utf-8") as f:
        f.write("id,code,note\n" + "".join(f"{i},{100000 + i},n{i}\n" for i in range(1500)))
        f.write(f"bad1,{secret},secret note\nbad2,1,secret,too many\n,123456,secret nobody\n")
        f.write("".join(f"{i},{100000 + i},n{i}\n" for i in range(1500, 2500)))
    fields = "code=code,note=note"
    result = tokenize(lethe, src, out, fields=fields)
    equal(result.returncode, 1, f"stop ({result.stderr})")
    for line in (1503, 1504):
        check(f"line {line}" in result.stderr, f"line {line}: {result.stderr}")
    check("secret" not in result.stderr, result.stderr)
    equal(len(read_csv(out)), 1001, "what was done before stays")
    equal(stored(lethe), 2000, "nothing of the group is stored")
    result = done(tokenize(lethe, src, out, "--resume", "--on-error", "skip", fields=fields), "skip", 3)
    check("3 rows could not be worked on" in result.stderr, result.stderr)
    check("secret" not in read(out).decode(), "a row that was left out")
    equal(len(read_csv(out)), 2501, "rows")
    rejects = read(out + ".rejects").decode()
    check("secret" not in rejects, rejects)
    equal([line.split("\t")[:2] for line in rejects.splitlines()],
          [["1502", "code"], ["1503", "-"], ["1504", "-"]], "rejects")
    done(lethe.cli("tokenize", "--csv", "--fields", fields, "--subject", "id", "--in", src, "--out",
                   out, "--verify", "--on-error", "skip"), "verify")
    kept = env.path("kept.csv")
    done(tokenize(lethe, src, kept, "--on-error", "keep", fields=fields), "keep", 3)
    made = read(kept).decode().splitlines()
    equal(len(made), 2504, "rows")
    check(made[1501].startswith(f"bad1,{secret},lt_"), "the other values of a row get tokens")
    equal(made[1502:1504], ["bad2,1,secret,too many", ",123456,secret nobody"], "rows that are kept")


def test_files_that_are_no_csv_or_have_no_such_column_change_nothing(env):
    lethe = installed(env)
    src, out = env.path("dump.csv"), env.path("out.csv")
    for text, what in ((b"id,mail\n1,a@x\n", "column"), (b"id,email,email\n1,a,b\n", "two columns"),
                       (b"id,email\n1,a\"b\n", "line 2"), (b"", "header")):
        with open(src, "wb") as f:
            f.write(text)
        result = tokenize(lethe, src, out, fields="email=email")
        equal(result.returncode, 1, f"{what} ({result.stderr})")
        check(what in result.stderr, f"{what}: {result.stderr}")
        equal(read(out), b"", what)
        os.unlink(out)
        os.unlink(out + ".progress")
    write_csv(src, rows_of(1))
    for arguments, code in ((("--fields", "email=none", "--subject", "id"), 1),
                            (("--fields", "email", "--subject", "id"), 2),
                            (("--fields", "email=email"), 2), (("--subject", "id"), 2),
                            (("--fields", "email=email", "--subject", "id", "--ndjson"), 2),
                            (("--fields", "email=email", "--subject", "id", "--rate", "x"), 2)):
        result = lethe.cli("tokenize", "--csv", "--in", src, "--out", out, *arguments)
        equal(result.returncode, code, f"{arguments} ({result.stderr})")
        check(not os.path.exists(out), f"{arguments}: it was made")
    equal(lethe.cli("reveal", "--csv", "--fields", "email=email", "--in", src).returncode, 2,
          "reveal without a purpose")
    equal(reveal(lethe, src, out, fields="email=email", *()).returncode, 0, "no tokens in it")
    equal(lethe.cli("reveal", "--csv", "--fields", "email=email", "--purpose", "fun", "--in",
                    src).returncode, 1, "reveal for a purpose that is none of its class")


def test_links_and_files_that_are_there_are_not_written_to(env):
    """E31: a path that leads elsewhere."""
    lethe = installed(env)
    src, out, victim = env.path("dump.csv"), env.path("out.csv"), env.path("victim")
    write_csv(src, rows_of(3))
    env.write("victim", "precious")
    os.symlink(victim, out)
    equal(tokenize(lethe, src, out).returncode, 1, "a link")
    equal(tokenize(lethe, src, victim).returncode, 1, "a file")
    equal(read(victim), b"precious", "what it holds")


def test_the_second_pass_sees_every_row_that_was_changed(env):
    lethe = installed(env)
    src, out = env.path("dump.csv"), env.path("out.csv")
    write_csv(src, rows_of(2500))
    done(tokenize(lethe, src, out), "tokenize")
    good = read_csv(out)

    def verify(rows, code, what):
        write_csv(out, rows)
        result = lethe.cli("tokenize", "--csv", "--fields", FIELDS, "--subject", "id", "--in", src,
                           "--out", out, "--verify")
        equal(result.returncode, code, f"{what} ({result.stderr})")
        check("person" not in result.stderr and "said" not in result.stderr, "a value in a message")
        return result.stderr

    def changed(change):
        rows = [list(row) for row in good]
        change(rows)
        return rows

    def swap(rows):
        rows[2000][3], rows[2001][3] = rows[2001][3], rows[2000][3]

    def clear(rows):
        rows[1700][1] = "person1699@example.org"

    verify(good, 0, "as it was")
    check("2 rows" in verify(changed(swap), 1, "tokens of two rows"), "two rows")
    check("1 rows" in verify(changed(clear), 1, "a value in the clear"), "one row")
    verify(changed(lambda rows: rows[7].__setitem__(4, "Bonn")), 1, "another column")
    verify(changed(lambda rows: rows[7].__setitem__(2, "")), 1, "a token that is gone")
    verify(changed(lambda rows: rows.pop()), 1, "a row that is gone")
    verify(changed(lambda rows: rows.pop(1200)), 1, "a row in the middle")
    verify(changed(lambda rows: rows.append(list(rows[-1]))), 1, "a row too many")
    verify(changed(lambda rows: rows[9].__setitem__(3, "lt_" + "0" * 29)), 1, "a token that is none")


def test_what_is_a_token_already_stays(env):
    lethe = installed(env)
    src, out, again = env.path("dump.csv"), env.path("out.csv"), env.path("again.csv")
    write_csv(src, rows_of(300))
    done(tokenize(lethe, src, out), "tokenize")
    counts = json.loads(done(tokenize(lethe, out, again, "--json"), "again").stdout)
    equal((counts["values"], counts["tokens"]), (0, 900), "counts")
    check(read(again) == read(out), "tokens were changed")
    equal(stored(lethe), 900, "values in the store")


def test_rows_may_name_people_by_a_value_that_becomes_a_token_too(env):
    lethe = installed(env)
    for name, who, other in (("email", "ada@example.org", "bob@example.org"), ("code", "100001", "100002")):
        src, out, half = (env.path(f"{name}.{part}.csv") for part in ("dump", "out", "half"))
        kind = {"fields": f"{name}={name},note=note", "subject": name}
        write_csv(src, [[name, "note"], [who, "tea"], [other, ""]])
        done(tokenize(lethe, src, out, **kind), f"{name}: tokenize")
        token = read_csv(out)[1][0]
        check(token != who, f"{name}: no token")
        write_csv(half, [[name, "note"], [token, "cake"]])
        done(tokenize(lethe, half, env.path(f"{name}.half.out.csv"), **kind),
             f"{name}: a row that names its person by a token")
        shown = lethe.cli("subject", "show", "--json", who)
        items = {i["class"]: i["values"] for i in json.loads(shown.stdout)["items"]}
        equal(items, {name: 1, "note": 2}, f"{name}: what the person has")


DOCUMENTS = [
    {"_id": {"$oid": "5f"}, "user": {"id": 1, "email": "a@example.org"}, "phones": ["+1", "+2"],
     "size": 42, "text": "caf\u00e9 \U0001f600"},
    {"user": {"id": "2", "email": None}, "phones": [], "size": None, "n": 1.50},
    {"user": {"id": 3, "email": "c@example.org"}, "other": [[{"email": "untouched"}]]},
]
PATHS = "$.user.email=email,$.phones[*]=phone,$.size=size,$.text=note"


def test_lines_of_json_keep_every_other_byte(env):
    lethe = installed(env).start()
    src, out, back = env.path("dump.ndjson"), env.path("out.ndjson"), env.path("back.ndjson")
    lines = [json.dumps(DOCUMENTS[0], ensure_ascii=False), json.dumps(DOCUMENTS[1]).replace(": ", " :  "),
             "", json.dumps(DOCUMENTS[2], indent=None)]
    with open(src, "w", encoding="utf-8", newline="") as f:
        f.write("\r\n".join(lines))
    done(tokenize(lethe, src, out, form="--ndjson", fields=PATHS, subject="$.user.id"), "tokenize")
    text = read(out).decode()
    for value in ("a@example.org", '"+1"', "caf\u00e9"):
        check(value not in text, f"{value} stands in the output")
    made = [json.loads(line) for line in text.split("\r\n") if line]
    check(isinstance(made[0]["size"], int) and made[0]["size"] >= 900000, "a number stays a number")
    equal(made[1], DOCUMENTS[1], "a document without values")
    equal(made[2]["other"], DOCUMENTS[2]["other"], "what is not declared")
    check(lines[1] in text, "the bytes of a line without values")
    done(reveal(lethe, out, back, form="--ndjson", fields=PATHS), "reveal")
    check(read(back) == read(src), "not the bytes of before")


def test_streams_and_rates(env):
    lethe = installed(env)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows_of(1500))
    start = time.monotonic()
    made = lethe.run("tokenize", "-c", lethe.file, "--csv", "--fields", FIELDS, "--subject", "id",
                     "--rate", "1000/s", data=text.getvalue())
    done(made, "tokenize")
    check(time.monotonic() - start >= 1.4, "faster than it may be")
    back = lethe.run("reveal", "-c", lethe.file, "--csv", "--fields", FIELDS, "--purpose", "account",
                     data=made.stdout)
    done(back, "reveal")
    equal(back.stdout, text.getvalue(), "what comes back")
    equal(lethe.run("tokenize", "-c", lethe.file, "--csv", "--fields", FIELDS, "--subject", "id",
                    "--resume", data="").returncode, 1, "--resume of a stream")


def test_people_who_were_erased_leave_nothing_in_the_way_out(env):
    """E81: nor does a dump bring them back."""
    lethe = installed(env).start()
    src, out = env.path("dump.csv"), env.path("out.csv")
    rows = rows_of(50)
    write_csv(src, rows)
    done(tokenize(lethe, src, out), "tokenize")
    made = read_csv(out)
    done(lethe.cli("subject", "erase", "7"), "erase")
    for policy, expected in ((None, ["", "", ""]), ("marker", ["[erased]"] * 3), ("keep", made[8][1:4])):
        back = env.path(f"{policy}.csv")
        result = done(reveal(lethe, out, back, *(["--erased", policy] if policy else [])), policy, 3)
        check("3 tokens stand for nothing" in result.stderr, result.stderr)
        got = read_csv(back)
        equal(got[8], ["7", *expected, "K\u00f6ln"], f"{policy}: the row of who was erased")
        equal(got[:8] + got[9:], rows[:8] + rows[9:], f"{policy}: the others")
    document = env.path("d.ndjson")
    with open(document, "w") as f:
        f.write(json.dumps({"note": made[8][3], "other": f"see {made[9][3]}, {made[8][3]}!"}) + "\n")
    back = env.path("back.ndjson")
    done(reveal(lethe, document, back, "--all-tokens", form="--ndjson", fields=None), "all tokens", 3)
    equal(json.loads(read(back)), {"note": None, "other": f"see {rows[9][3]}, !"}, "all tokens")


def test_reveals_are_in_the_audit_trail_by_person_and_purpose(env):
    lethe = installed(env).start()
    src, out = env.path("dump.csv"), env.path("out.csv")
    write_csv(src, rows_of(5))
    done(tokenize(lethe, src, out), "tokenize")
    done(reveal(lethe, out, env.path("back.csv"), "--no-verify"), "reveal")
    listed = done(lethe.cli("audit", "list", "--subject", "3", "--json"), "audit list")
    records = [json.loads(line) for line in listed.stdout.splitlines()]
    found = [(r["operation"], r.get("purpose")) for r in records if r["operation"].startswith("bulk.")
             and r["outcome"] == "done"]
    equal(found, [("bulk.tokenize", None), ("bulk.reveal", "account")], "records of person 3")
