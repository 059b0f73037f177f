/* SPDX-License-Identifier: Apache-2.0 */
/* What the store remembers of moves and of exceptions, for those who ask.
 * Runs on: a reader's thread; the lists without a reader on any but the writer's. Holds: nothing. Not here: looking
 * at a person, moving (part.c). */
#include "vault/part_priv.h"
#include "vault/vault_priv.h"

enum err vault_part_next(struct vault *v, uint64_t after, struct vault_part_open *ret)
{
    AUTO(store_close) struct store *s = NULL;
    struct store_part part;
    enum err e = vault__part_reader(v, &s);

    if (e == ERR_OK)
        e = store_part_next(s, after, &part);
    if (e != ERR_OK)
        return e;
    *ret = (struct vault_part_open){
        .slot = part.slot,
        .target = part.target,
        .ended = part.ended,
        .newer_than_s = part.newer_than_s,
        .note_len = part.note.len,
    };
    if (part.note.len > 0) {
        ret->note = mem_alloc(part.note.len);
        memcpy(ret->note, part.note.at, part.note.len);
    }
    return ERR_OK;
}

enum err vault_part_scope(struct vault *v, uint64_t slot, struct vault_class_set *ret)
{
    AUTO(store_close) struct store *s = NULL;
    struct store_part part;
    enum err e = vault__part_reader(v, &s);

    if (e == ERR_OK)
        e = store_part_get(s, slot, &part);
    if (e == ERR_OK)
        *ret = part.scope;
    return e;
}

void vault_part_open_done(struct vault_part_open *open)
{
    mem_free(&open->note);
    open->note_len = 0;
}

static enum err find_kept(struct store *s, uint64_t slot, uint16_t class_id, struct vault_kept *ret)
{
    struct store_subject subject;
    struct vault_kept kept;
    enum err e = store_kept_next(s, slot, class_id, &kept);

    if (e == ERR_OK)
        e = store_subject_get(s, kept.slot, &subject);
    if (e != ERR_OK)
        return e;
    memcpy(kept.subject, subject.id, VAULT_ID_BYTES);
    *ret = kept;
    return ERR_OK;
}

enum err vault_read_kept(struct vault_reader *r, uint16_t class_id, struct vault_kept_sum *ret)
{
    REQUIRE(r->reading);
    return store_kept_sum(r->store, class_id, ret);
}

enum err vault_kept_next(struct vault *v, uint64_t slot, uint16_t class_id, struct vault_kept *ret)
{
    AUTO(store_close) struct store *s = NULL;
    enum err e = vault__part_reader(v, &s);

    return e == ERR_OK ? find_kept(s, slot, class_id, ret) : e;
}

enum err vault_read_exception(struct vault_reader *r, uint64_t slot, uint16_t class_id,
                              struct vault_kept *ret)
{
    REQUIRE(r->reading);
    return find_kept(r->store, slot, class_id, ret);
}

enum err vault_read_exception_count(struct vault_reader *r, const struct vault_kept *kept,
                                    uint64_t *ret)
{
    const struct store_class *c = vault__class(r->v, kept->exception.class_id);
    struct store_row row;
    uint64_t count = 0;
    enum err e;

    REQUIRE(r->reading);
    e = c == NULL ? ERR_NOT_FOUND : store_rows_of(r->store, c, kept->slot);
    while (e == ERR_OK && (e = store_next(r->store, &row)) == ERR_OK)
        count += row.created_s <= kept->cutoff_s;
    if (e != ERR_NOT_FOUND)
        return e;
    *ret = count;
    return ERR_OK;
}
