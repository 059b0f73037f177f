# SPDX-License-Identifier: Apache-2.0
"""Proofs of erasures: receipts that strangers can check, copies of stores that are looked at, and what
is left on the medium."""
import base64
import json
import os
import random
import shutil
import subprocess

from harness import Lethe, check, equal, until
from markers import Detector

SLOT = 128
SLAB_HEADER = 4096
MIB = 1 << 20


def receipt_of(lethe, subject, *args):
    """(text, document) of an erasure."""
    result = lethe.cli("subject", "erase", *args, subject)
    equal(result.returncode, 0, f"erase ({result.stderr})")
    return result.stdout, json.loads(result.stdout)


def store_note(lethe, subject, value):
    result = lethe.cli("tokenize", "--class", "note", "--subject", subject, data=value + "\n")
    equal(result.returncode, 0, f"tokenize ({result.stderr})")
    return result.stdout.strip()


def verify_receipt(lethe, text, *args):
    return lethe.run("verify-receipt", *args, "-", data=text)


def canonical(document):
    """What docs/RECEIPTS.md says is signed, and the signature over it."""
    document = json.loads(json.dumps(document))
    value = document["signature"].pop("value")
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return b"lethe-v1 receipt\0" + text.encode(), bytes.fromhex(value)


# ---------------------------------------------------------------------------------------------
# receipts


def test_a_stranger_checks_a_receipt_with_openssl_alone(env):
    lethe = Lethe(env)
    store_note(lethe, "4711", "tea")
    text, document = receipt_of(lethe, "4711", "--reason", "Art. 17 \u00e9 \"a\" \\ 100 %",
                                "--reference", "REQ-7", "--ground", "b")
    equal(document["reference"], "REQ-7", "reference")
    equal(document["ground"], "17(1)(b)", "ground")
    digest = subprocess.run(["b2sum", "-l", "256", lethe.file], capture_output=True, text=True)
    equal(document["product"]["configuration"], digest.stdout.split()[0], "configuration")
    message, signature = canonical(document)
    env.write("message", message)
    env.write("signature", signature)
    public = os.path.join(lethe.home, "receipt.pub")
    argv = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin",
            "-in", env.path("message"), "-sigfile", env.path("signature")]
    done = subprocess.run(argv, capture_output=True, text=True)
    check(done.returncode == 0 and "Verified Successfully" in done.stdout, f"{done}")
    env.write("message", message.replace(b"REQ-7", b"REQ-8"))
    check(subprocess.run(argv, capture_output=True).returncode != 0, "openssl sees a change")
    der = base64.b64decode(open(public).read().split("-----")[2])
    equal(der[12:].hex(), document["signature"]["public_key"], "the key in receipt.pub")
    equal(lethe.cli("key", "public").stdout, open(public).read(), "lethe key public")
    equal(document["signature"]["key_id"], document["signature"]["public_key"][:16], "key id")


def test_verify_receipt_needs_nothing_but_the_key(env):
    """E71: by whoever has the key."""
    lethe, other = Lethe(env), Lethe(env, name="other")
    store_note(lethe, "4711", "tea")
    text, document = receipt_of(lethe, "4711")
    public = os.path.join(lethe.home, "receipt.pub")
    file = env.write("away/receipt.json", text)
    result = lethe.run("verify-receipt", "--key", public, file)
    equal(result.returncode, 0, f"verify-receipt ({result.stderr})")
    check("completed and verified" in result.stdout, result.stdout)
    equal(verify_receipt(lethe, json.dumps(document)).returncode, 0, "other white space")
    result = verify_receipt(lethe, text, "--key", os.path.join(other.home, "receipt.pub"))
    equal(result.returncode, 1, "another controller's key")
    check("another key" in result.stderr, result.stderr)
    document["scope"]["values"] += 1
    equal(verify_receipt(lethe, json.dumps(document)).returncode, 1, "altered")
    equal(verify_receipt(lethe, text + "{}").returncode, 1, "something behind it")
    equal(verify_receipt(lethe, "").returncode, 1, "nothing")
    equal(lethe.run("verify-receipt", env.path("none")).returncode, 1, "no file")
    equal(lethe.run("verify-receipt", "--key", file, file).returncode, 1, "a key that is none")


def test_a_failed_receipt_is_genuine_and_says_so(env):
    lethe = Lethe(env)
    store_note(lethe, "4711", "tea")
    lethe.faults = {"LETHE_FAULT": "erase.verify!lies"}
    result = lethe.cli("subject", "erase", "4711")
    lethe.faults = {}
    equal(result.returncode, 1, "erase")
    equal(json.loads(result.stdout)["state"], "failed", "state")
    checked = verify_receipt(lethe, result.stdout)
    equal(checked.returncode, 1, "verify-receipt")
    check("genuine" in checked.stdout and "FAILED" in checked.stdout, checked.stdout)


def test_the_receipt_of_an_erasure_that_a_crash_interrupted_can_be_had(env):
    for fault in ("erase.acknowledged", "sweep.batch", "erase.verified", "close.appended"):
        lethe = Lethe(env, name=fault)
        for n in range(5):
            store_note(lethe, "4711", f"tea {n}")
        lethe.faults = {"LETHE_FAULT": fault}
        result = lethe.cli("subject", "erase", "--reference", "REQ-9", "--ground", "f", "4711")
        lethe.faults = {}
        check(result.returncode not in (0, 1), f"{fault}: it was killed")
        listed = [json.loads(part) for part in
                  lethe.cli("receipt", "list", "--json").stdout.replace("}\n{", "}\0{").split("\0")]
        equal([e["state"] for e in listed], ["completed"], f"{fault}: opening it finished it")
        kept = lethe.cli("receipt", listed[0]["number"])
        equal(verify_receipt(lethe, kept.stdout).returncode, 0, f"{fault}: the receipt")
        document = json.loads(kept.stdout)
        equal(document["scope"]["values"], 5, f"{fault}: all values are counted")
        if fault != "erase.acknowledged":  # killed before the database was told
            equal(document["reference"], "REQ-9", f"{fault}: reference")
            equal(document["ground"], "17(1)(f)", f"{fault}: ground")
        equal(lethe.cli("receipt", "0" * 32).returncode, 1, "an unknown number")
        equal(lethe.cli("receipt", "x").returncode, 1, "no number")


def test_a_receipt_names_nobody(env):
    lethe, marks = Lethe(env), Detector()
    lethe.start()
    name = marks.value("person")
    store_note(lethe, name, marks.value("value"))
    result = lethe.cli("subject", "erase", "--reference", "of " + name, name)
    check(result.returncode == 1 and "names nobody" not in result.stdout, "a reference that names")
    check("identifier" in result.stderr, result.stderr)
    text, document = receipt_of(lethe, name, "--reference", "REQ-1")
    equal(marks.in_bytes(text.encode()), [], "the receipt")
    check(document["executed_by"].startswith("user "), f"executed by {document['executed_by']}")
    lethe.stop()
    equal(marks.in_tree(lethe.store), [], "the store, with the receipt in it")


# ---------------------------------------------------------------------------------------------
# copies


def snapshot(folder):
    """Names, sizes, times and contents of everything in a folder."""
    found = {}
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        info = os.stat(path)
        if not os.path.isfile(path):
            continue  # a dead server's socket
        with open(path, "rb") as f:
            found[name] = (info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_mode, f.read())
    return found, os.stat(folder).st_mtime_ns


def verify_erasure(lethe, receipt, folder, *args, still=True):
    """(exit code, verdict); the folder must be as it was."""
    before = snapshot(folder) if still else None
    result = lethe.run("verify-erasure", "--store", folder, *args, "--json", receipt)
    if still:
        equal(snapshot(folder), before, "nothing is written into the copy")
    if result.returncode == 1 and not result.stdout:
        return 1, result.stderr
    words = lethe.run("verify-erasure", "--store", folder, *args, receipt)
    equal(words.returncode, result.returncode, "the same in words")
    verdict = json.loads(result.stdout)["verdict"]
    check(f"verdict      {verdict}\n" in words.stdout, words.stdout)
    return result.returncode, verdict


def copy_store(source, target, *, without=()):
    shutil.copytree(source, target, ignore=lambda *_: {"control.sock", *without})
    return target


class Case:
    """A store with a copy from before an erasure, the receipt, and the live store after it."""

    def __init__(self, env, rows=3):
        self.env = env
        self.lethe = Lethe(env)
        for n in range(rows):
            store_note(self.lethe, "4711", f"tea {n}")
        store_note(self.lethe, "4712", "stays")
        self.old = copy_store(self.lethe.store, env.path("old"))
        self.text, self.document = receipt_of(self.lethe, "4711")
        self.receipt = env.write("receipt.json", self.text)
        self.keys = ("-c", self.lethe.file)
        self.mixed = 0

    def verdict(self, folder, *args, still=True):
        return verify_erasure(self.lethe, self.receipt, folder, *args, still=still)

    def mix(self, **sources):
        """A folder with vault.db, keys.slab and ledger.log of the stores named."""
        self.mixed += 1
        folder = self.env.path(f"mixed-{self.mixed}")
        os.mkdir(folder)
        for name, source in (("vault.db", sources["db"]), ("keys.slab", sources["keys"]),
                             ("ledger.log", sources["ledger"])):
            if source:
                shutil.copy(os.path.join(source, name), folder)
        return folder


def test_the_live_store_is_clean(env):
    case = Case(env)
    equal(case.verdict(case.lethe.store), (0, "erased"), "without keys")
    equal(case.verdict(case.lethe.store, *case.keys), (0, "erased"), "with keys")
    case.lethe.start()
    store_note(case.lethe, "4713", "the log is not empty now")
    equal(case.verdict(case.lethe.store, *case.keys, still=False), (0, "erased"), "while it serves")
    check(not [n for n in os.listdir(env.dir) if n.startswith("lethe-copy")], "copies are removed")
    case.lethe.stop()


def test_a_copy_from_before_gives_the_person_away(env):
    case = Case(env)
    equal(case.verdict(case.old), (1, "wrapped key left"), "without keys")
    equal(case.verdict(case.old, *case.keys), (1, "readable"), "with keys")
    root = "file:" + os.path.join(case.lethe.home, "root.key")
    equal(case.verdict(case.old, "--root-key", root), (1, "readable"), "with a provider")
    words = case.lethe.run("verify-erasure", "--store", case.old, *case.keys, case.receipt).stdout
    check("keys.slab" in words and "3 tried" in words and "key rotate" in words, words)


def test_a_copy_from_before_with_the_live_keys_is_noise(env):
    case = Case(env)
    live = case.lethe.store
    mixed = case.mix(db=case.old, keys=live, ledger=live)
    equal(case.verdict(mixed, *case.keys), (3, "erased, rows left"), "old rows, live keys")
    equal(case.verdict(mixed), (3, "erased, rows left"), "the same without keys")
    mixed = case.mix(db=case.old, keys=live, ledger=case.old)
    equal(case.verdict(mixed, *case.keys), (3, "erased, copy incomplete"), "an old ledger")
    mixed = case.mix(db=live, keys=case.old, ledger=live)
    equal(case.verdict(mixed, *case.keys), (1, "readable"), "old keys beside live rows")


def test_a_rotation_kills_the_keys_of_old_copies(env):
    case = Case(env)
    old_root = shutil.copy(os.path.join(case.lethe.home, "root.key"), env.path("old-root.key"))
    result = case.lethe.cli("key", "rotate")
    equal(result.returncode, 0, f"key rotate ({result.stderr})")
    equal(case.verdict(case.old, *case.keys), (0, "erased, dead key"), "after the rotation")
    equal(case.verdict(case.old, "--root-key", "file:" + old_root), (1, "readable"),
          "with a root key that somebody kept")
    equal(case.verdict(case.lethe.store, *case.keys), (0, "erased"), "the live store")


def test_a_copy_whose_log_is_not_empty_is_read_with_it(env):
    lethe = Lethe(env).start()
    store_note(lethe, "4711", "tea")
    old = copy_store(lethe.store, env.path("old"))  # rows stand in the log alone
    check(os.path.getsize(os.path.join(old, "vault.db-wal")) > 0, "a log")
    lethe.stop()
    text, _ = receipt_of(lethe, "4711")
    receipt = env.write("receipt.json", text)
    equal(verify_erasure(lethe, receipt, old, "-c", lethe.file), (1, "readable"), "the log counts")
    found = json.loads(lethe.run("verify-erasure", "--store", old, "-c", lethe.file, "--json",
                                 receipt).stdout)
    equal((found["rows_left"], found["rows_opened"]), (1, 1), "rows that stand in the log alone")


def test_files_of_another_store_and_damaged_ones_are_told_apart(env):
    case = Case(env)
    live = case.lethe.store
    other = Lethe(env, name="other")
    store_note(other, "4711", "tea")
    equal(case.verdict(other.store, *case.keys), (1, "not this store"), "another store")
    mixed = case.mix(db=live, keys=live, ledger=other.store)
    equal(case.verdict(mixed), (1, "not this store"), "another ledger")
    mixed = case.mix(db=other.store, keys=live, ledger=live)
    equal(case.verdict(mixed), (1, "not this store"), "another database")
    mixed = case.mix(db=live, keys=None, ledger=live)
    equal(case.verdict(mixed), (1, "cannot tell"), "no keys.slab")
    mixed = case.mix(db=live, keys=live, ledger=live)
    os.truncate(os.path.join(mixed, "keys.slab"), 1000)
    equal(case.verdict(mixed), (1, "cannot tell"), "a short keys.slab")
    mixed = case.mix(db=live, keys=live, ledger=live)
    with open(os.path.join(mixed, "keys.slab"), "r+b") as f:
        f.write(b"\xff" * SLAB_HEADER)
    equal(case.verdict(mixed), (1, "cannot tell"), "a damaged header")
    mixed = case.mix(db=live, keys=live, ledger=live)
    with open(os.path.join(mixed, "vault.db"), "r+b") as f:
        f.write(random.Random(1).randbytes(8192))
    equal(case.verdict(mixed), (3, "erased, copy incomplete"), "a damaged database")
    mixed = case.mix(db=live, keys=live, ledger=live)
    os.truncate(os.path.join(mixed, "ledger.log"), 3 * SLOT)
    equal(case.verdict(mixed), (3, "erased, copy incomplete"), "a shortened ledger")
    mixed = case.mix(db=None, keys=live, ledger=None)
    equal(case.verdict(mixed), (3, "erased, copy incomplete"), "keys alone")
    os.mkdir(env.path("empty"))
    code, said = case.verdict(env.path("empty"))
    check(code == 1 and "holds no file of a store" in said, said)
    shutil.copy(os.path.join(case.old, "keys.slab"), os.path.join(live, "keys.slab.orig"))
    equal(case.verdict(live, *case.keys), (1, "readable"), "a copy of the keys in another file")


def test_an_altered_receipt_asks_nothing(env):
    case = Case(env)
    case.document["method"]["slot"] += 1
    receipt = env.write("altered.json", json.dumps(case.document))
    code, said = verify_erasure(case.lethe, receipt, case.lethe.store)
    check(code == 1 and "signature is wrong" in said, said)


# ---------------------------------------------------------------------------------------------
# the lying shredder


def lie(env, mutant, expected_step):
    """An erasure by a program that lies at one step; the receipt must not say that it is done."""
    lethe = Lethe(env, name=mutant)
    for n in range(3):
        store_note(lethe, "4711", f"tea {n}")
    lethe.start(mutant=mutant)
    token = store_note(lethe, "4711", "one more")
    equal(lethe.cli("reveal", token).stdout, "one more\n", "before")
    result = lethe.cli("subject", "erase", "4711")
    document = json.loads(result.stdout)
    equal((result.returncode, document["state"]), (1, "failed"), f"{mutant}: the receipt")
    equal(document["failure"]["step"], expected_step, f"{mutant}: the step")
    lethe.kill()
    return lethe, env.write(f"{mutant}.json", result.stdout)


def test_a_lying_shredder_is_caught(env):
    """E53: it reports success and does nothing."""
    for mutant in ("shred.lies", "shred.wrong_slot"):
        lethe, receipt = lie(env, mutant, "sweep")  # the sweep meets the key
        equal(verify_erasure(lethe, receipt, lethe.store, "-c", lethe.file), (1, "readable"), mutant)
        equal(verify_erasure(lethe, receipt, lethe.store), (1, "wrapped key left"), mutant)
    lethe, receipt = lie(env, "erase.writer_keeps_key", "sweep")
    equal(verify_erasure(lethe, receipt, lethe.store, "-c", lethe.file),
          (3, "erased, rows left"), "the file is right: the key was in memory")


def test_a_lying_sweep_and_a_lying_checkpoint_are_caught(env):
    """E53: each step may lie."""
    lethe, receipt = lie(env, "sweep.lies", "verify")
    equal(verify_erasure(lethe, receipt, lethe.store, "-c", lethe.file), (3, "erased, rows left"),
          "sweep.lies")
    lie(env, "truncate.lies", "verify")


# ---------------------------------------------------------------------------------------------
# what is left on the medium


class Residue:
    """Persons whose wrapped keys and values can be found again. What is looked for has nothing to do
    with row numbers or anything else that stands in the files: keys are random, values are made of
    random sentinels."""

    def __init__(self, lethe, persons, values=True):
        self.lethe = lethe
        self.marks = {n: Detector() for n in range(persons)} if values else {}
        self.keys = {}
        names = [f"person-{n}" for n in range(persons)]
        for n, name in enumerate(names):
            store_note(lethe, name, self.marks[n].value("note") if values else f"note {n}")
        self.read_keys(persons)

    def read_keys(self, persons):
        """The wrapped keys in the order in which the slots were given out."""
        with open(os.path.join(self.lethe.store, "keys.slab"), "rb") as f:
            slab = f.read()[SLAB_HEADER:]
        slots = [slab[at:at + SLOT] for at in range(0, len(slab), SLOT)]
        subjects = [s for s in slots if s[:2] == b"\1\1"]
        equal(len(subjects), persons, "slots of subjects")
        self.keys = {n: s[56:104] for n, s in enumerate(subjects)}

    def left(self, data, n):
        """Is a third of a wrapped key there?"""
        return any(self.keys[n][at:at + 16] in data for at in (0, 16, 32))


def erase_all(lethe, numbers):
    for n in numbers:
        _, document = receipt_of(lethe, f"person-{n}")
        equal(document["state"], "completed", "the receipt")


def read_tree(folder):
    data = b""
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            with open(path, "rb") as f:
                data += f.read() + b"\0" * 64
    return data


def test_no_file_of_the_store_keeps_a_key_or_a_value(env):
    lethe = Lethe(env).start()
    residue = Residue(lethe, 6)
    erased = range(0, 6, 2)
    data = read_tree(lethe.store)
    equal([n for n in range(6) if not residue.left(data, n)], [], "the search finds keys")
    erase_all(lethe, erased)
    for when in ("while it serves", "after it has ended"):
        data = read_tree(lethe.store)
        for n in range(6):
            equal(residue.left(data, n), n not in erased, f"{when}: wrapped key of {n}")
            equal(residue.marks[n].in_bytes(data), [], f"{when}: value of {n}")
        if lethe.process.running():
            lethe.stop()


def mount(env, kind, size, options=""):
    """A file system of its own in a file: (image, mount point), or None where mounting is not
    allowed."""
    image, point = env.path(f"{kind}.img"), env.path(f"{kind}.mnt")
    os.mkdir(point)
    with open(image, "wb") as f:
        f.truncate(size)
    subprocess.run([f"mkfs.{kind}", "-q", image], check=True, capture_output=True)
    done = subprocess.run(["mount", "-o", "loop" + options, image, point], capture_output=True,
                          text=True)
    if done.returncode != 0:
        print(f"NOTE: no {kind} image can be mounted here ({done.stderr.strip()}): nothing is "
              "proven about what is left on the medium", flush=True)
        return None
    env.cleanup(lambda: os.path.ismount(point) and
                subprocess.run(["umount", "-l", point], check=False))
    return image, point


def unmount(point):
    subprocess.run(["sync", "-f", point], check=True)
    until("the image to be let go", 20,
          lambda: subprocess.run(["umount", point], capture_output=True).returncode == 0, 0.2)


def move_store(lethe, point):
    target = os.path.join(point, "store")
    shutil.copytree(lethe.store, target)
    shutil.rmtree(lethe.store)
    lethe.store = target
    lethe.config["store"] = "sqlite:" + target
    lethe.save()


def test_a_raw_ext4_image_keeps_no_key_of_the_erased(env):
    persons, erased = 500, range(0, 500, 10)
    mounted = mount(env, "ext4", 96 * MIB)
    if mounted is None:
        return
    image, point = mounted
    lethe = Lethe(env)
    move_store(lethe, point)
    lethe.start()
    residue = Residue(lethe, persons, values=False)
    erase_all(lethe, erased)
    lethe.stop()
    unmount(point)
    with open(image, "rb") as f:
        data = f.read()
    equal([n for n in range(persons) if n not in erased and not residue.left(data, n)], [],
          "keys of others that the search does not find")
    equal([n for n in erased if residue.left(data, n)], [], "keys of the erased on the image")


test_a_raw_ext4_image_keeps_no_key_of_the_erased.limit = 240


def test_a_copy_on_write_file_system_is_warned_of(env):
    mounted = mount(env, "btrfs", 128 * MIB)
    if mounted is None:
        return
    lethe = Lethe(env)
    move_store(lethe, mounted[1])
    lethe.start()
    with open(lethe.process.log) as f:
        check("btrfs writes copies" in f.read(), "a warning that names the reason")
    lethe.stop()
    unmount(mounted[1])
