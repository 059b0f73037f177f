/* SPDX-License-Identifier: Apache-2.0 */
/* keys.slab while it is open: what slab.c (slots), slab_open.c (making, opening, sealing) and
 * slab_rotate.c share. Nobody else looks inside. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "vault/slab_format_priv.h"

/* What the root key of one epoch wraps slots with. */
struct wrapping {
    uint32_t epoch; /* 0: none */
    uint8_t *key;   /* guarded */
};

enum { WRAP_NEW = 0, WRAP_OLD = 1, WRAPPINGS = 2 };

struct slab {
    int fd;
    pthread_rwlock_t keys_lock;       /* over the three below: other threads unwrap with them */
    struct wrapping wraps[WRAPPINGS]; /* WRAP_OLD while a rotation is leaving it */
    uint8_t *check_key;               /* guarded */
    bool sealed;                      /* the keys above are wiped */
    struct slab_header header;        /* `used` of it is set where it is written */
    _Atomic uint64_t used;            /* slot numbers below are taken; any thread reads it */
    uint64_t capacity;                /* slots the file has room for */
    bool dirty;                       /* something waits for slab_sync() */
    bool failed;
    slab_reserve_fn reserve; /* NULL: numbers are given out without asking */
    void *reserve_context;
    uint64_t slots_below; /* reserved by this process: numbers below may be given out */
    uint64_t slots_from;  /* numbers below were reserved by others: never to be given out */
    uint64_t rows_from;
    uint64_t block;       /* slots to reserve next */
    pthread_mutex_t lock; /* held while slots or a header are overwritten */
    /* A rotation: passes over all slots, until one finds nothing under the old epoch. */
    uint64_t cursor;            /* slots below are done in this pass */
    bool found;                 /* this pass re-wrapped something, or met damage */
    bool damaged;               /* this pass met a slot that does not unwrap */
    bool clean;                 /* the last whole pass found nothing */
    _Atomic uint64_t rewrapped; /* slots below do not need the old epoch */
};

static inline uint64_t slab_slot_at(uint64_t slot)
{
    return SLAB_HEADER_BYTES + slot * SLAB_SLOT_BYTES;
}

/* The locks are no part of what a caller sees as const. */
static inline pthread_rwlock_t *slab_keys_lock(const struct slab *s)
{
    return (pthread_rwlock_t *)&s->keys_lock;
}

/* IO after a failed write or sync, SEALED while the keys are wiped: nothing is written then. */
static inline enum err slab_may_write(const struct slab *s)
{
    if (s->failed)
        return ERR_IO;
    return s->sealed ? ERR_SEALED : ERR_OK;
}

/* Write the header to the copy whose turn it is; the other one stays as it was at the last sync. */
enum err slab_header_write(struct slab *s) MUST_CHECK;
/* Header and slots to the medium, in one sync. A failure ends writing for good. */
enum err slab_flush(struct slab *s) MUST_CHECK;
/* The wrapping key that a root key makes. */
void slab_wrapping_take(struct wrapping *w, const struct root_key *root);
