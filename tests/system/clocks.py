# SPDX-License-Identifier: Apache-2.0
"""A wall clock that tests set, for one server."""
import os

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


class Clock:
    """The wall clock of one installation's server; what counts from the machine's start goes on."""

    def __init__(self, env, lethe):
        self.file = env.path("clock")
        self.set("+0")
        lethe.preload = {"LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": self.file,
                         "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}

    def set(self, offset):
        with open(self.file + ".new", "w") as f:
            f.write(offset + "\n")
        os.rename(self.file + ".new", self.file)
