/* SPDX-License-Identifier: Apache-2.0 */
/* What access tokens are in memory, and their file. */
#pragma once

#include <pthread.h>

#include "admin/access.h"
#include "base/secret.h"

enum {
    ACCESS_NONCE_BYTES = 16,
    ACCESS_ENTRIES_MAX =
        16384, /* revoked ones, too: they are kept so that the list tells what was */
    ACCESS_FILE_MAX = 32 << 20
};

struct access_entry {
    struct access_who who;
    uint8_t hash[SECRET_HASH_BYTES];
    bool is_waiting; /* it has no text yet, and its hash is nothing's */
    int64_t created_s;
    int64_t expires_s;
    int64_t used_s;                    /* 0: never */
    int64_t revoked_s;                 /* 0: not */
    uint8_t nonce[ACCESS_NONCE_BYTES]; /* has_code: its secret is derived from this */
    int64_t code_step;                 /* the last step whose code was right; 0: none */
    unsigned wrong_codes;              /* since then, in this process */
    int64_t wrong_at_s;
};

struct access {
    struct vault *vault; /* borrowed */
    char *path;
    pthread_mutex_t lock; /* of what follows */
    struct access_entry **entries;
    size_t count;
    uint64_t next_number;
};

/* Fill an empty one from its file. As access_open(). */
enum err access__read(struct access *access, struct errmsg *msg) MUST_CHECK;
/* Put the file in the place of the one that is there, durably; that one stays on an error. */
enum err access__write(const struct access *access) MUST_CHECK;
/* The number of the second factor that is made of this nonce. */
uint64_t access__factor(const uint8_t nonce[ACCESS_NONCE_BYTES]);
/* One as it is listed. */
struct json *access__map(const struct access_entry *entry);
