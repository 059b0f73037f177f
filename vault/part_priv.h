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
    struct vault_class_set scope;
    struct span note; /* read: borrowed until the next call on this store */
};

/* Make the tables where they are missing. The writer's connection, outside a transaction. */
enum err store_part_prepare(struct store *s) MUST_CHECK;
enum err store_part_put(struct store *s, const struct store_part *part) MUST_CHECK;
/* By the slot that is left; this one alone fills in the scope. */
enum err store_part_get(struct store *s, uint64_t slot, struct store_part *ret) MUST_CHECK;
/* The first past `after`; NOT_FOUND past the last. */
enum err store_part_next(struct store *s, uint64_t after, struct store_part *ret) MUST_CHECK;
/* One that has not ended, by either of its slots. */
enum err store_part_at(struct store *s, uint64_t slot, struct store_part *ret) MUST_CHECK;
enum err store_part_end(struct store *s, uint64_t slot) MUST_CHECK;
enum err store_part_delete(struct store *s, uint64_t slot) MUST_CHECK;
/* How many there are, until their erasures close. */
enum err store_parts_count(struct store *s, uint64_t *ret) MUST_CHECK;

/* Requests of a person, but for one, and links made for him are the ones of whom his values are moved to. */
enum err store_records_follow(struct store *s, uint64_t from, uint64_t to, uint64_t but) MUST_CHECK;

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

/* ---- part_look.c ---- */

/* OTHER: it is not meant, as newer, or of another class. */
enum part_fate { PART_GOES, PART_STAYS, PART_OTHER };

struct part_judge {
    const struct vault *v;
    const struct vault_exception *exceptions;
    size_t count;
    struct vault_class_set scope;
    int64_t newer_than_s;
    int64_t now_s;
    /* By class: what was stored up to here is kept under an exception of before, or was; it is meant, though this
     * erasure be for older values only. 0: none was kept. */
    int64_t kept_to_s[CLASSES_MAX + 1];
};

/* Read what earlier erasures have left of this person into j->kept_to_s. */
enum err vault__part_read_kept(struct store *s, uint64_t slot, struct part_judge *j) MUST_CHECK;
/* The exception for a class; NULL: there is none. */
const struct vault_exception *vault__part_exception(const struct part_judge *j, uint16_t class_id);
/* Until when it is kept by an exception or a law; 0: by none. */
int64_t vault__part_kept_until(const struct part_judge *j, uint16_t class_id, int64_t created_s);
enum part_fate vault__part_fate(const struct part_judge *j, uint16_t class_id,
                                const struct store_row *row);
/* What stands for a class's statutory minimum. */
struct vault_exception vault__part_by_rule(const struct vault *v, uint16_t class_id);
/* A connection to read with. */
enum err vault__part_reader(struct vault *v, struct store **ret) MUST_CHECK;
/* Does a statutory minimum keep a value that this person has, or is there one of a class that is not meant (NULL: all
 * are)? */
enum err vault__part_must_stay(struct writer *w, uint64_t slot, const struct vault_class_set *scope,
                               bool *ret) MUST_CHECK;

/* ---- part.c ---- */

enum err vault__part_move(struct writer *w, struct vault_part_move *op) MUST_CHECK;
enum err vault__part_forget(struct writer *w, const struct vault_part_forget *op) MUST_CHECK;
/* Is this slot being left, or moved to, so that it may not end now? */
bool vault__part_is_open(struct writer *w, uint64_t slot);
/* Where values of this slot belong: from the beginning of a move until its erasure closes, where the person
 * goes. Whoever asks has looked the slot up before, and what is left behind there would be destroyed. */
uint64_t vault__part_follow(struct writer *w, uint64_t slot);
