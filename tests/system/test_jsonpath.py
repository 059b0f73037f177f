# SPDX-License-Identifier: Apache-2.0
"""The cases that the authors of RFC 9535 publish (jsonpath-compliance-test-suite, which npm's package
jsonpath-rfc9535 carries), each of them, through the reader that finds declared fields.

That reader marks scalars; so every scalar of a case's document, null too, becomes a number of its own, and
a path must find those that lie in the values which the case wants: with `deep`, and without it,
where a wanted object or list makes the reader refuse the document."""
import json
import os
import subprocess

from harness import Failure, check, equal
from upstreams import npm_folder

SUITE = "jsonpath-rfc9535/src/__tests__/jsonpath-compliance-test-suite/cts.json"


def cases():
    with open(os.path.join(npm_folder(), SUITE), encoding="utf-8") as f:
        return json.load(f)["tests"]


def needs_filter(case):
    """Filters, which declared fields have not: a question mark outside the quotes of names."""
    quote = None
    text = iter(case["selector"])
    for c in text:
        if quote is None:
            if c == "?":
                return True
            if c in "'\"":
                quote = c
        elif c == "\\":
            next(text, None)
        elif c == quote:
            quote = None
    return False


class Numbered:
    """A document whose scalars are numbers, one for each; those below a place."""

    def __init__(self, document):
        self.count = 0
        self.tree = self.numbered(document)
        self.text = json.dumps(self.tree, ensure_ascii=False).encode()

    def numbered(self, value):
        if isinstance(value, dict):
            return {name: self.numbered(below) for name, below in value.items()}
        if isinstance(value, list):
            return [self.numbered(below) for below in value]
        self.count += 1
        return 1000 + self.count


def scalars(tree):
    if isinstance(tree, (dict, list)):
        return {n for below in (tree.values() if isinstance(tree, dict) else tree)
                for n in scalars(below)}
    return {tree}


def walk(tree, path):
    """The value at a normalised path: $['name'][0]."""
    at = 1
    while at < len(path):
        if path[at + 1] != "'":
            end = path.index("]", at)
            tree = tree[int(path[at + 1:end])]
            at = end + 1
            continue
        name, at = "", at + 2
        while path[at] != "'":
            if path[at] != "\\":
                name, at = name + path[at], at + 1
            elif path[at + 1] == "u":
                name, at = name + chr(int(path[at + 2:at + 6], 16)), at + 6
            else:
                name += dict(zip("bfnrt'\\", "\b\f\n\r\t'\\"))[path[at + 1]]
                at += 2
        tree = tree[name]
        at += 2
    return tree


def run(env, mode, questions):
    lines = "".join(f"{path.encode('utf-8', 'surrogatepass').hex()} {text.hex()}\n"
                    for path, text in questions)
    program = os.path.join(env.build, "tests", "jsonpath_find")
    result = subprocess.run([program, *mode], input=lines, capture_output=True, text=True,
                            timeout=60, check=True)
    answers = result.stdout.splitlines()
    equal(len(answers), len(questions), "answers")
    return answers


def found(answer, text):
    check(answer.startswith("found"), f"the driver said {answer!r}")
    return [int(text[int(a):int(b)]) for a, b in
            (place.split("-") for place in answer.split()[1:])]


def test_paths_find_what_the_published_cases_want(env):
    wanted = [c for c in cases() if not c.get("invalid_selector") and not needs_filter(c)]
    check(len(wanted) >= 150, f"only {len(wanted)} cases")
    documents = [Numbered(c["document"]) for c in wanted]
    questions = [(c["selector"], d.text) for c, d in zip(wanted, documents)]
    deep, plain = run(env, ["deep"], questions), run(env, [], questions)
    wrong = []
    for case, document, one, other in zip(wanted, documents, deep, plain):
        paths = case.get("result_paths") or case.get("results_paths", [[]])[0]
        nodes = [walk(document.tree, path) for path in paths]
        below = {n for node in nodes for n in scalars(node)}
        try:
            equal(found(one, document.text), sorted(below), "deep")
            if any(isinstance(node, (dict, list)) for node in nodes):
                equal(other, "container", "not deep")
            else:
                equal(found(other, document.text), sorted(below), "not deep")
        except Failure as failure:
            wrong.append(f"{case['name']}: {case['selector']!r}: {failure}")
    check(not wrong, "\n".join(wrong))


def test_paths_are_refused_where_the_published_cases_say_so(env):
    refused = [c for c in cases() if c.get("invalid_selector")]
    check(len(refused) >= 200, f"only {len(refused)} cases")
    answers = run(env, [], [(c["selector"], b"1") for c in refused])
    wrong = [f"{c['name']}: {c['selector']!r}: {a}" for c, a in zip(refused, answers) if a != "path"]
    check(not wrong, "\n".join(wrong))


def test_filters_are_refused(env):
    filters = [c for c in cases() if needs_filter(c)]
    answers = run(env, [], [(c["selector"], b"1") for c in filters])
    equal([c["selector"] for c, a in zip(filters, answers) if a != "path"], [], "filters accepted")
