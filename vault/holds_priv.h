/* SPDX-License-Identifier: Apache-2.0 */
/* What a vault holds in memory of vault/holds.h: marks that the writer and readers look at for each row.
 *
 * A table from (slot, class), (slot, all classes), (all slots, class) and (slot, purpose) to marks. It is
 * not there while nothing is marked, so that a look costs one load then. The writer's thread changes it;
 * readers look without a lock, inside a read transaction only, since a table that was outgrown is freed
 * once each reader's lock was taken. */
#pragma once

#include "vault/holds.h"
#include "vault/vault_priv.h"

enum mark {
    MARK_HELD = 1,       /* a legal hold: not destroyed, shown to legal purposes only */
    MARK_RESTRICTED = 2, /* Art. 18: not shown */
    MARK_KEPT = 4,       /* ... and not destroyed: 18(1)(b), (c) */
    MARK_OBJECTED = 8,   /* Art. 21, or consent withdrawn: not shown for the purpose */
    MARK_PARTED =
        16 /* Art. 17(3): of him something may be kept, and is shown to legal purposes only */
};

struct mark_table;

unsigned vault__marks_look(const struct mark_table *table, uint64_t slot, uint16_t class_id);
unsigned vault__marks_exact(const struct mark_table *table, uint64_t slot, uint16_t part);

/* All marks on a value of this subject in this class; class 0: those on the whole subject only. */
static inline unsigned vault__marks_on(const struct vault *v, uint64_t slot, uint16_t class_id)
{
    const struct mark_table *table = atomic_load_explicit(&v->marks, memory_order_acquire);

    return table == NULL ? 0 : vault__marks_look(table, slot, class_id);
}

/* Is a value of this subject in this class kept beyond its time? */
static inline bool vault__is_kept(const struct vault *v, uint64_t slot, uint16_t class_id)
{
    return (vault__marks_on(v, slot, class_id) & (MARK_HELD | MARK_KEPT)) != 0;
}

/* Does this subject object to the purpose (vault_purpose_id())? */
bool vault__is_objected(const struct vault *v, uint64_t slot, uint16_t purpose);

/* Put these marks in the place of those there are; 0: none. The writer's thread, or before there is one. */
void vault__marks_set(struct vault *v, uint64_t slot, uint16_t part, uint8_t marks);
/* Wait until every reader is past the transaction that it may be in: from then on all heed what was set. */
void vault__marks_settle(struct vault *v);
void vault__marks_free(struct vault *v);

/* ---- holds.c ---- */

struct purposes;

struct purposes *vault__purposes_new(void);
void vault__purposes_free(struct purposes **purposes);

/* Take in what the database knows; before there are readers. */
enum err vault__holds_load(struct vault *v, struct store *s) MUST_CHECK;
/* A subject has lost its key: nothing of his is marked any more. The writer, after the commit. */
void vault__holds_forget(struct vault *v, uint64_t slot);
/* The same of whom nothing was moved to after all, with what vault__holds_follow() has marked. */
void vault__holds_unfollow(struct vault *v, uint64_t slot);

/* Does a hold bind this subject, by himself or by a class of which he has rows in `s`? */
enum err vault__is_bound(const struct vault *v, struct store *s, uint64_t slot, bool *ret)
    MUST_CHECK;
/* What an entry of the ledger says of holds and the like, carried into a database that may know it
 * already, inside the caller's transaction. */
enum err vault__holds_replay(struct store *s, const struct ledger_record *record) MUST_CHECK;

struct writer;

/* Called outside any transaction. */
enum err vault__holds(struct writer *w, const struct vault_holds *op) MUST_CHECK;
struct vault_part_move;
/* What restricts a subject restricts the one that his values are moved to, and what is kept there is
 * restricted from the first on; inside the caller's transaction. */
enum err vault__holds_follow(struct writer *w, const struct vault_part_move *move, uint64_t to,
                             const uint8_t subject[VAULT_ID_BYTES]) MUST_CHECK;
/* If an erasure of record->slot waits: its id, and when it was asked for. */
enum err vault__waiting_id(struct store *s, struct ledger_record *record, int64_t *ret_asked_ms)
    MUST_CHECK;
/* The erasure that `record` would begin waits, from when this is OK on. */
enum err vault__erasure_wait(struct writer *w, struct ledger_record *record, uint16_t domain,
                             struct span note) MUST_CHECK;
