# SPDX-License-Identifier: Apache-2.0
"""docs/MIGRATION.md, word for word: its commands, in their order, against a real PostgreSQL."""
import os
import re
import subprocess
import textwrap

from harness import HERE, Lethe, check, equal
from upstreams import Postgres

DOCUMENT = os.path.join(HERE, "..", "..", "docs", "MIGRATION.md")
PEOPLE = 2500


def commands():
    """The blocks of shell commands in the document, by what they hold."""
    with open(DOCUMENT) as f:
        blocks = re.findall(r"^( *)```sh\n(.*?)^\1```$", f.read(), re.M | re.S)
    return [textwrap.dedent(text) for _, text in blocks]


class Shell:
    """Where the document's reader stands: lethe.yaml here, PostgreSQL by its variables."""

    def __init__(self, env, lethe, postgres):
        self.lethe = lethe
        os.makedirs(env.path("bin"))
        os.symlink(env.lethe_path(), env.path("bin", "lethe"))
        os.rename(lethe.file, os.path.join(lethe.home, "lethe.yaml"))
        self.environment = {**lethe.environment(), "PGHOST": postgres.dir, "PGPORT": str(postgres.port),
                            "PGUSER": "postgres", "PGDATABASE": "postgres"}
        self.environment["PATH"] = env.path("bin") + ":" + self.environment["PATH"]

    def run(self, text, **variables):
        return subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=self.lethe.home, text=True,
                              capture_output=True, timeout=120, env={**self.environment, **variables})

    def must(self, text):
        result = self.run(text)
        equal(result.returncode, 0, f"{text}\n{result.stdout}{result.stderr}")
        return result.stdout

    def rows(self, query):
        return self.must(f'psql -At -F "|" -c "{query}"').splitlines()


MAKE = f"""psql -q <<'SQL'
CREATE TABLE customers (id bigint PRIMARY KEY, email text, phone text, note text, city text);
INSERT INTO customers SELECT i, 'customer' || i || '@example.org', '+49 30 ' || i,
  CASE WHEN i % 5 = 0 THEN NULL WHEN i % 5 = 1 THEN '' ELSE E'likes "tea",\\n and ' || i END, 'Town ' || i % 7
  FROM generate_series(1, {PEOPLE}) i;
SQL
"""
# What the application does while the dump is being worked on: through the proxy, so that tokens stand there.
CHANGE = """token=$(printf 'new@example.org\\n' | lethe tokenize --class email --subject 7)
psql -q -c "UPDATE customers SET email = '$token' WHERE id = 7"
"""
ALL = "SELECT id, email, phone, quote_nullable(replace(note, chr(10), chr(9))), city FROM customers ORDER BY id"


def go_on(env, shell, text):
    """The command with --resume, after it was killed half-way."""
    if not env.has_faults():
        return
    shell.must("rm customers.tokens.csv")
    broken = shell.run(text.replace(" --resume", ""), LETHE_FAULT="bulk.marked:2")
    check(broken.returncode != 0, "it was not interrupted")
    shell.must(text)


def test_the_worked_example_of_the_migration(env):
    lethe = Lethe(env)
    shell = Shell(env, lethe, Postgres(env))
    shell.must(MAKE)
    before = shell.rows(ALL)
    blocks = commands()
    count = next(i for i, text in enumerate(blocks) if "SELECT count(*)" in text)
    for i, text in enumerate(blocks):
        if "--resume" in text:
            go_on(env, shell, text)
            continue
        if "CREATE TEMP TABLE was" in text:
            shell.must(CHANGE)
        if "TO 'customers.tokens.csv'" in text:
            shell.must("lethe subject erase 9")
        result = shell.must(text)
        if i == count:
            equal(result.strip(), "1", "the row that was changed in part")
            shell.must("rm customers.csv customers.tokens.csv")
            for again in blocks[:count + 1]:
                result = shell.must(again) if "--resume" not in again else result
            equal(result.strip(), "0", "after a second round")
            check("example.org" not in "".join(shell.rows(ALL)), "a value stands in the database")
        if "--json" in text:
            check('"erased": 3' in result, result)
    after = shell.rows(ALL)
    others = [[row for row in rows if row.split("|")[0] not in ("7", "9")] for rows in (before, after)]
    check(len(others[0]) == PEOPLE - 2 and others[0] == others[1], "what came back is something else")
    check("7|new@example.org|+49 30 7|" in "\n".join(after), "what was changed meanwhile")
    check("\n9|||NULL|Town 2\n" in "\n".join(after), "who was erased has nothing left")
    check(not os.path.exists(lethe.store), "the store is gone")
    left = [name for name in os.listdir(lethe.home) if name.endswith((".csv", ".ndjson", ".progress"))]
    equal(left, [], "files that are left")
