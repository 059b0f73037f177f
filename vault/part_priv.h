/* SPDX-License-Identifier: Apache-2.0 */
/* Parting, between the files of the vault: what the store remembers of moves and exceptions, and how the
 * writer heeds a move under way. */
#pragma once

#include "vault/part.h"
#include "vault/store_priv.h"

struct writer;

/* ---- store_sqlite_part.c ---- */

struct store_part {
    uint64_t slot;
    uint64_t target;
    int64_t begun_s;
    int64_t newer_than_s;
    bool ended;
    struct span note; /* read: borrowed until the next call on this store */
};

/* Make the tables where they are missing. The writer's connection, outside a transaction. */
enum err store_part_prepare(struct store *s) MUST_CHECK;
enum err store_part_put(struct store *s, const struct store_part *part) MUST_CHECK;
/* By the slot that is left. */
enum err store_part_get(struct store *s, uint64_t slot, struct store_part *ret) MUST_CHECK;
/* The first past `after`; NOT_FOUND past the last. */
enum err store_part_next(struct store *s, uint64_t after, struct store_part *ret) MUST_CHECK;
/* One that has not ended, by either of its slots. */
enum err store_part_at(struct store *s, uint64_t slot, struct store_part *ret) MUST_CHECK;
enum err store_part_end(struct store *s, uint64_t slot) MUST_CHECK;
enum err store_part_delete(struct store *s, uint64_t slot) MUST_CHECK;
/* How many there are, until their erasures close. */
enum err store_parts_count(struct store *s, uint64_t *ret) MUST_CHECK;

enum err store_kept_put(struct store *s, const struct vault_kept *kept) MUST_CHECK;
/* More values are kept, the first of them until next_s, the last until until_s. */
struct store_kept_more {
    uint64_t slot;
    uint16_t class_id;
    uint64_t values;
    int64_t next_s;
    int64_t until_s;
};
enum err store_kept_add(struct store *s, const struct store_kept_more *more) MUST_CHECK;
/* The first past a slot and class; NOT_FOUND past the last. The subject is not filled in. */
enum err store_kept_next(struct store *s, uint64_t slot, uint16_t class_id, struct vault_kept *ret)
    MUST_CHECK;
enum err store_kept_sum(struct store *s, uint16_t class_id, struct vault_kept_sum *ret) MUST_CHECK;
/* Is anything kept of this subject? */
enum err store_kept_on(struct store *s, uint64_t slot, bool *ret) MUST_CHECK;
enum err store_kept_delete(struct store *s, uint64_t slot) MUST_CHECK;
enum err store_kept_forget(struct store *s, uint64_t slot, uint16_t class_id) MUST_CHECK;
/* Forget those that keep nothing. */
enum err store_kept_trim(struct store *s, uint64_t slot) MUST_CHECK;

/* ---- part.c ---- */

/* A connection to read with. */
enum err vault__part_reader(struct vault *v, struct store **ret) MUST_CHECK;
enum err vault__part_move(struct writer *w, struct vault_part_move *op) MUST_CHECK;
enum err vault__part_forget(struct writer *w, const struct vault_part_forget *op) MUST_CHECK;
/* Is this slot being left, or moved to, so that it may not end now? */
bool vault__part_is_open(struct writer *w, uint64_t slot);
/* Does a statutory minimum keep a value that this person has? */
enum err vault__part_must_stay(struct writer *w, uint64_t slot, bool *ret) MUST_CHECK;
/* Where values of this slot belong: from the beginning of a move until its erasure closes, where the person
 * goes. Whoever asks has looked the slot up before, and what is left behind there would be destroyed. */
uint64_t vault__part_follow(struct writer *w, uint64_t slot);
