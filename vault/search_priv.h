/* SPDX-License-Identifier: Apache-2.0 */
/* Looking through files for what an erasure must not leave: the wrapped key's bytes, and key slots
 * that name the subject, wherever they stand. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vault/slab_priv.h"

/* A key slot of the subject was found; `at` is where in the file it begins. */
typedef void (*search_slot_fn)(void *context, const char *file, uint64_t at,
                               const uint8_t slot[SLAB_SLOT_BYTES]);

struct search {
    const uint8_t *wrapped; /* CRYPTO_WRAPPED_BYTES; NULL: not looked for */
    const uint8_t *subject; /* VAULT_ID_BYTES */
    search_slot_fn on_slot;
    void *context;
    /* What came out; not reset by the calls below. */
    uint64_t bytes;
    bool wrapped_found;
    uint64_t slots;
};

/* One file from its beginning to its end. IO, NO_SPACE. Blocks. */
enum err search_file(struct search *s, int fd, const char *name) MUST_CHECK;
/* Every regular file of a folder but those that `skip` is true for (NULL: none). Blocks. */
enum err search_folder(struct search *s, const char *dir, bool (*skip)(const char *name))
    MUST_CHECK;
/* The same of a store's folder, and of its audit trail's. */
enum err search_store(struct search *s, const char *dir, bool (*skip)(const char *name)) MUST_CHECK;
/* The same for many at once, each with what came out for itself, in one reading. */
enum err search_file_for(struct search *list, size_t count, int fd, const char *name) MUST_CHECK;
enum err search_folder_for(struct search *list, size_t count, const char *dir,
                           bool (*skip)(const char *name)) MUST_CHECK;
enum err search_store_for(struct search *list, size_t count, const char *dir,
                          bool (*skip)(const char *name)) MUST_CHECK;
