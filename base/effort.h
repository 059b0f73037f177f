/* SPDX-License-Identifier: Apache-2.0 */
/* How far the long work of this process has come: counts that whoever does it leaves, and whoever waits for it
 * looks at. One of a kind at a time. */
#pragma once

#include <stdint.h>

enum effort {
    EFFORT_BACKUP,   /* pages of the database */
    EFFORT_RECOUNT,  /* rows */
    EFFORT_RESTORE,  /* MiB of the backup */
    EFFORT_EXAMINE,  /* keys that are tried on a copy */
    EFFORT_SIMULATE, /* classes whose counters are added up */
    EFFORTS
};

/* So much of it is done; total 0: nobody knows how much there is. Any thread; cheap. */
void effort_set(enum effort kind, uint64_t done, uint64_t total);
void effort_get(enum effort kind, uint64_t *ret_done, uint64_t *ret_total);
/* "backup", "recount", ...: its name in the operation "progress". */
const char *effort_name(enum effort kind);
