# SPDX-License-Identifier: Apache-2.0
"""Values that can be found again: unique markers, and a detector that knows how a value may be spelt
where it should not be."""
import base64
import os
import random
import string

MAX_FILE = 512 << 20


def spellings(text):
    """{name: [bytes]}: the ways in which `text` (ASCII letters) may stand in a file or a stream."""
    raw = text.encode()
    found = {
        "raw": [raw],
        "upper case": [raw.upper()],
        "lower case": [raw.lower()],
        "JSON escapes": ["".join(f"\\u{ord(c):04x}" for c in text).encode(),
                         "".join(f"\\u{ord(c):04X}" for c in text).encode()],
        "percent": ["".join(f"%{ord(c):02x}" for c in text).encode(),
                    "".join(f"%{ord(c):02X}" for c in text).encode()],
        "octal": ["".join(f"\\{ord(c):03o}" for c in text).encode()],
        "hex": [raw.hex().encode(), raw.hex().upper().encode()],
        "hex with blanks": [" ".join(f"{b:02x}" for b in raw).encode()],
        "\\x": ["".join(f"\\x{b:02x}" for b in raw).encode()],
        "HTML": ["".join(f"&#{ord(c)};" for c in text).encode(),
                 "".join(f"&#x{ord(c):x};" for c in text).encode()],
        "UTF-16LE": [text.encode("utf-16-le")],
        "UTF-16BE": [text.encode("utf-16-be")],
        "UTF-32LE": [text.encode("utf-32-le")],
        "reversed": [raw[::-1]],
        "base64": [],
    }
    for offset in range(3):
        # Only the characters that do not depend on what stands before and after.
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            code = encode(b"\0" * offset + raw)
            start = (0, 2, 3)[offset]
            whole = (offset + len(raw)) * 8 // 6
            if code[start:whole] not in found["base64"]:
                found["base64"].append(code[start:whole])
    return found


class Detector:
    """Every marked value begins and ends with a sentinel of its kind; finding either is a hit."""

    def __init__(self):
        letters = random.SystemRandom()

        def sentinel():
            return "Zq" + "".join(letters.choice(string.ascii_letters) for _ in range(12))

        self.head, self.tail = sentinel(), sentinel()
        self.patterns = [(kind, pattern) for s in (self.head, self.tail)
                         for kind, list_ in spellings(s).items() for pattern in list_]

    def value(self, middle):
        return f"{self.head}{middle}{self.tail}"

    def in_bytes(self, data):
        """The spellings found."""
        return sorted({kind for kind, pattern in self.patterns if pattern in data})

    def in_file(self, path):
        with open(path, "rb") as f:
            data = f.read(MAX_FILE)
        return self.in_bytes(data)

    def in_tree(self, *roots):
        """["path: spelling, ..."] of every file below the roots, names of files included."""
        hits = []
        for root in roots:
            for folder, _, files in os.walk(root):
                for name in files:
                    path = os.path.join(folder, name)
                    if not os.path.isfile(path):
                        continue
                    found = self.in_file(path) + self.in_bytes(path.encode())
                    if found:
                        hits.append(f"{path}: {', '.join(found)}")
        return hits

    def in_process(self, pid):
        """Command line, environment, and files that are open but have no name any more."""
        hits = []
        for name in ("cmdline", "environ"):
            with open(f"/proc/{pid}/{name}", "rb") as f:
                if self.in_bytes(f.read()):
                    hits.append(name)
        for fd in os.listdir(f"/proc/{pid}/fd"):
            path = f"/proc/{pid}/fd/{fd}"
            try:
                target = os.readlink(path)
                if target.endswith(" (deleted)") and os.path.isfile(path):
                    found = self.in_file(path)
                    if found:
                        hits.append(f"open file {target}: {', '.join(found)}")
            except OSError:
                continue
        return hits
