/* SPDX-License-Identifier: Apache-2.0 */
/* What the store keeps of erasures after their acknowledgement: counts of what was swept, and the
 * receipts of those that are closed.
 * Runs on: any thread but the writer's, each call on a connection of its own; blocks shortly. Holds:
 * nothing. Not here: what a receipt says (retention/), when it is kept (erasure.c). */
#include "base/buf.h"
#include "vault/vault_priv.h"

enum err vault_erasure_swept(struct vault *v, const struct vault_erasure *erasure, uint64_t *ret)
{
    AUTO(mem_free) char *path = vault__path(v->dir, VAULT_DB);
    AUTO(store_close) struct store *s = NULL;
    enum err e = store_open(path, STORE_READER, slab_store_id(v->slab), &s, NULL);

    memset(ret, 0, (CLASSES_MAX + 1) * sizeof(ret[0]));
    return e == ERR_OK ? store_swept_read(s, erasure->slot, ret) : e;
}

enum err vault_receipt_read(struct vault *v, const uint8_t erasure[VAULT_ID_BYTES], struct buf *out)
{
    AUTO(mem_free) char *path = vault__path(v->dir, VAULT_DB);
    AUTO(store_close) struct store *s = NULL;
    struct span body;
    enum err e = store_open(path, STORE_READER, slab_store_id(v->slab), &s, NULL);

    if (e == ERR_OK)
        e = store_receipt_get(s, erasure, &body);
    return e == ERR_OK ? buf_append_span(out, body) : e;
}

/* The nearest of those that are closed and those that are open; open again counts. */
static enum err next_entry(struct store *s, enum vault_receipt_order order, uint64_t beside,
                           struct vault_receipt_entry *ret)
{
    const bool back = order == VAULT_RECEIPTS_NEWEST;
    struct store_erasure closed = {0}, open = {0};
    const struct store_erasure *first = &closed;
    const enum err of_closed =
        back ? store_receipt_before(s, beside, &closed) : store_receipt_next(s, beside, &closed);
    const enum err of_open =
        back ? store_erasure_before(s, beside, &open) : store_erasure_next(s, beside, &open);
    const bool open_first =
        back ? open.ledger_seq >= closed.ledger_seq : open.ledger_seq <= closed.ledger_seq;

    if (of_closed != ERR_OK && of_closed != ERR_NOT_FOUND)
        return of_closed;
    if (of_open != ERR_OK && (of_open != ERR_NOT_FOUND || of_closed == ERR_NOT_FOUND))
        return of_open;
    if (of_closed == ERR_NOT_FOUND || (of_open == ERR_OK && open_first))
        first = &open;
    *ret = (struct vault_receipt_entry){.ledger_seq = first->ledger_seq,
                                        .begun_ms = first->begun_ms,
                                        .is_closed = first == &closed};
    memcpy(ret->erasure, first->id, VAULT_ID_BYTES);
    return ERR_OK;
}

enum err vault_receipts_list(struct vault *v, enum vault_receipt_order order, uint64_t beside,
                             size_t max, struct vault_receipt_entry *ret, size_t *ret_count)
{
    AUTO(mem_free) char *path = vault__path(v->dir, VAULT_DB);
    AUTO(store_close) struct store *s = NULL;
    size_t count = 0;
    enum err e = store_open(path, STORE_READER, slab_store_id(v->slab), &s, NULL);

    if (order == VAULT_RECEIPTS_NEWEST && beside == 0)
        beside = INT64_MAX;
    while (e == ERR_OK && count < max) {
        e = next_entry(s, order, count == 0 ? beside : ret[count - 1].ledger_seq, &ret[count]);
        count += e == ERR_OK;
    }
    if (e == ERR_OK || e == ERR_NOT_FOUND)
        *ret_count = count;
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err vault_receipt_next(struct vault *v, uint64_t after, struct vault_receipt_entry *ret)
{
    size_t count = 0;
    enum err e = vault_receipts_list(v, VAULT_RECEIPTS_OLDEST, after, 1, ret, &count);

    return e == ERR_OK && count == 0 ? ERR_NOT_FOUND : e;
}

static enum err count_open(struct store *s, struct vault_receipts *ret)
{
    struct store_erasure open = {0};
    enum err e;

    while ((e = store_erasure_next(s, open.ledger_seq, &open)) == ERR_OK) {
        ret->open++;
        if (ret->open_since_ms == 0 || open.begun_ms < ret->open_since_ms)
            ret->open_since_ms = open.begun_ms;
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err find_last(struct store *s, int64_t from_ms, int64_t to_ms,
                          struct vault_receipts *ret)
{
    enum err e = ERR_OK;

    while (ret->last_count < VAULT_RECEIPTS_LAST) {
        struct vault_receipt_entry *entry = &ret->last[ret->last_count];
        struct store_erasure closed = {0};

        e = store_receipt_last(s, from_ms, to_ms, ret->last_count, &closed);
        if (e != ERR_OK)
            break;
        *entry = (struct vault_receipt_entry){
            .ledger_seq = closed.ledger_seq, .begun_ms = closed.begun_ms, .is_closed = true};
        memcpy(entry->erasure, closed.id, VAULT_ID_BYTES);
        ret->last_count++;
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err vault_receipts_look(struct vault *v, int64_t from_ms, int64_t to_ms,
                             struct vault_receipts *ret)
{
    AUTO(mem_free) char *path = vault__path(v->dir, VAULT_DB);
    AUTO(store_close) struct store *s = NULL;
    struct vault_receipts found = {.closed = 0};
    enum err e = store_open(path, STORE_READER, slab_store_id(v->slab), &s, NULL);

    if (e == ERR_OK)
        e = store_receipts_count(s, from_ms, to_ms, &found.closed);
    if (e == ERR_OK)
        e = find_last(s, from_ms, to_ms, &found);
    if (e == ERR_OK)
        e = count_open(s, &found);
    if (e == ERR_OK)
        *ret = found;
    return e;
}
