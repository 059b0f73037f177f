/* SPDX-License-Identifier: Apache-2.0 */
/* A store that random histories (histories.c) happen to, beside the model of it. */
#pragma once

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "retention/erasure.h"
#include "retention/runs.h"
#include "tests/stress/histories_model.h"
#include "tests/stress/histories_steps.h"
#include "tests/support/vault_rig.h"

struct world {
    struct rig rig;
    struct classes sets[SETS]; /* the first is the rig's */
    struct conf *confs[SETS];
    struct vault_reader *reader;
    struct erasures *erasures;
    struct runs *runs;
    struct model m;
    int64_t swept_s;
    uint64_t created[CLASSES], timer[CLASSES], erased[CLASSES];
    /* When an event has brought due times forward that a sweep may not have foreseen yet; 0: none has. */
    int64_t leapt_s[CLASSES];
    unsigned changes; /* so that no rectified value is like another */
    char said[256];   /* what went wrong; empty: nothing */
};

static inline void wrong(struct world *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline void wrong(struct world *w, const char *format, ...)
{
    va_list list;

    if (w->said[0] != '\0')
        return;
    va_start(list, format);
    (void)vsnprintf(w->said, sizeof(w->said), format, list);
    va_end(list);
}

/* Of somebody who is known. */
static inline uint64_t slot_of(struct world *w, size_t person)
{
    uint64_t slot = 0;
    char name[16];

    name_of(person, name);
    REQUIRE(vault_read_begin(w->reader) == ERR_OK);
    REQUIRE(vault_read_subject(w->reader, VAULT_DOMAIN_DEFAULT, span_str(name), &slot) == ERR_OK);
    vault_read_end(w->reader);
    return slot;
}

static inline void open_parts(struct world *w)
{
    REQUIRE(vault_reader_open(w->rig.vault, &w->reader) == ERR_OK);
    w->erasures = erasures_new(w->rig.vault, NULL);
    w->runs = runs_new(w->rig.vault);
}

static inline void close_parts(struct world *w)
{
    vault_reader_close(&w->reader);
    erasures_free(&w->erasures);
    runs_free(&w->runs);
}
