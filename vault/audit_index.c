/* SPDX-License-Identifier: Apache-2.0 */
/* The indexes of the audit trail: read and asked.
 * Runs on: any thread that may block. Holds: a file, the table of its blocks. Invariant: no byte of it counts that this
 * store did not write for these frames. Not here: making one (audit_index_make.c), what is found (audit_read.c). */
#include "vault/audit_index_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/secret.h"

enum { NUMBERS_AT = AUDIT_INDEX_HEAD, CHAIN_AT = AUDIT_INDEX_HEAD + 8 };

static const char MAGIC[] = "LETHAIX1";
static const char PURPOSE[] = "lethe-v1 audit index";

/* ---- keys of what is sought ---- */

static void spread(uint64_t from, uint64_t step, struct audit_index_key *ret)
{
    step |= 1; /* so that no row comes twice */
    for (size_t i = 0; i < AUDIT_INDEX_HASHES; i++)
        ret->rows[i] = (uint16_t)((from + i * step) % AUDIT_INDEX_ROWS);
}

/* A tag is random: it is its own hash. */
void audit_index_key_of_tag(const uint8_t tag[AUDIT_TAG_BYTES], struct audit_index_key *ret)
{
    spread(get_le(tag, 8), get_le(tag + 8, 8), ret);
}

void audit_index_key_of_name(struct span who, struct audit_index_key *ret)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

    for (size_t i = 0; i < who.len; i++)
        h = (h ^ (uint8_t)who.at[i]) * UINT64_C(0x100000001b3);
    spread(h ^ h >> 32, h >> 16, ret);
}

uint64_t audit_index_bit(enum audit_action action)
{
    const unsigned bit = (unsigned)action;

    return UINT64_C(1) << (bit < AUDIT_INDEX_ANY_ACTION ? bit : AUDIT_INDEX_ANY_ACTION);
}

/* ---- pages ---- */

enum err audit_index_secret(const struct vault *v, uint8_t *ret)
{
    AUTO(secret_free) uint8_t *ledger_key = NULL;
    enum err e;

    if (vault_is_sealed(v))
        return ERR_SEALED;
    ledger_key = secret_alloc(CRYPTO_KEY_BYTES);
    e = vault__own_key(v->slab, SLAB_SLOT_LEDGER, SLAB_LEDGER, ledger_key);
    if (e == ERR_OK)
        vault__keyed_hash(ledger_key, PURPOSE, sizeof(PURPOSE), ret);
    return e;
}

char *audit_index_path(const char *dir, uint64_t number)
{
    char *path = NULL;

    REQUIRE(asprintf(&path, "%s/" AUDIT_DIR "/%06" PRIu64 ".idx", dir, number) > 0);
    return path;
}

static void put_head(const struct audit_index *ix, size_t page, uint8_t *bytes)
{
    memset(bytes, 0, AUDIT_INDEX_HEAD);
    memcpy(bytes, MAGIC, sizeof(MAGIC) - 1);
    put_le(bytes + 8, ix->number, 8);
    put_le(bytes + 16, ix->end, 8);
    put_le(bytes + 24, page, 4);
}

void audit_index_seal(const struct audit_index *ix, size_t page, uint8_t bytes[AUDIT_INDEX_PAGE])
{
    put_head(ix, page, bytes);
    vault__keyed_hash(ix->key, bytes, AUDIT_INDEX_PAGE - CRYPTO_HASH_BYTES,
                      bytes + AUDIT_INDEX_PAGE - CRYPTO_HASH_BYTES);
}

/* Of page 0 the head says what it covers; all others say the same. */
static enum err read_page(struct audit_index *ix, size_t page, uint8_t bytes[AUDIT_INDEX_PAGE])
{
    uint8_t head[AUDIT_INDEX_HEAD], mac[CRYPTO_HASH_BYTES];
    size_t got = 0;
    enum err e =
        vault__file_read(ix->fd, bytes, AUDIT_INDEX_PAGE, (uint64_t)page * AUDIT_INDEX_PAGE, &got);

    if (e != ERR_OK)
        return e;
    if (got != AUDIT_INDEX_PAGE)
        return ERR_CORRUPT;
    if (page == 0)
        ix->end = get_le(bytes + 16, 8);
    put_head(ix, page, head);
    vault__keyed_hash(ix->key, bytes, AUDIT_INDEX_PAGE - CRYPTO_HASH_BYTES, mac);
    return memcmp(head, bytes, sizeof(head)) == 0 &&
                   secret_equal(mac, bytes + AUDIT_INDEX_PAGE - CRYPTO_HASH_BYTES, sizeof(mac))
               ? ERR_OK
               : ERR_CORRUPT;
}

/* ---- opening ---- */

static void take_block(const uint8_t *from, struct audit_index_block *ret)
{
    *ret = (struct audit_index_block){.at = get_le(from, 8),
                                      .last_seq = get_le(from + 8, 8),
                                      .first_ms = (int64_t)get_le(from + 16, 8),
                                      .last_ms = (int64_t)get_le(from + 24, 8),
                                      .actions = get_le(from + 32, 8)};
}

static enum err read_table(struct audit_index *ix)
{
    enum { A_PAGE = AUDIT_INDEX_DATA / AUDIT_INDEX_BLOCK };
    uint8_t bytes[AUDIT_INDEX_PAGE];
    uint64_t from = AUDIT_SEGMENT_HEAD;
    enum err e = ERR_OK;

    ix->table = mem_try_alloc(ix->blocks, sizeof(*ix->table));
    if (ix->table == NULL)
        return ERR_NO_SPACE;
    for (size_t i = 0; e == ERR_OK && i < ix->blocks; i++) {
        if (i % A_PAGE == 0)
            e = read_page(ix, 1 + i / A_PAGE, bytes);
        if (e == ERR_OK)
            take_block(bytes + AUDIT_INDEX_HEAD + i % A_PAGE * AUDIT_INDEX_BLOCK, &ix->table[i]);
        if (e == ERR_OK && (ix->table[i].at < from || ix->table[i].at >= ix->end))
            e = ERR_CORRUPT;
        from = ix->table[i].at + 1;
    }
    return e;
}

static enum err read_first(struct audit_index *ix, const struct audit_mapped *segment)
{
    uint8_t bytes[AUDIT_INDEX_PAGE];
    enum err e = read_page(ix, 0, bytes);

    if (e != ERR_OK)
        return e;
    ix->blocks = get_le(bytes + NUMBERS_AT, 4);
    ix->width = get_le(bytes + NUMBERS_AT + 4, 4);
    memcpy(ix->chain, bytes + CHAIN_AT, AUDIT_CHAIN_BYTES);
    if (ix->blocks == 0 || ix->blocks > AUDIT_INDEX_BLOCKS_MAX || ix->width != (ix->blocks + 7) / 8)
        return ERR_CORRUPT;
    /* What stands there now is what it was made of: the chain at its end is that of all before. */
    return ix->end >= AUDIT_SEGMENT_HEAD + AUDIT_FRAME_MIN && ix->end <= segment->len &&
                   memcmp(segment->bytes + ix->end - AUDIT_CHAIN_BYTES, ix->chain,
                          AUDIT_CHAIN_BYTES) == 0
               ? ERR_OK
               : ERR_NOT_FOUND;
}

enum err audit_index_open(const char *dir, const struct audit_mapped *segment, uint64_t number,
                          const uint8_t *key, struct audit_index *ret)
{
    AUTO(mem_free) char *path = audit_index_path(dir, number);
    AUTO(audit_index_close) struct audit_index ix = {.key = key, .number = number};
    enum err e;

    ix.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (ix.fd < 0)
        return ERR_NOT_FOUND;
    e = read_first(&ix, segment);
    if (e == ERR_OK)
        e = read_table(&ix);
    if (e != ERR_OK)
        return e == ERR_NO_SPACE ? e : ERR_NOT_FOUND;
    *ret = ix;
    ix = (struct audit_index){.fd = -1};
    return ERR_OK;
}

void audit_index_close(struct audit_index *ix)
{
    if (ix->key != NULL)
        fd_close(&ix->fd);
    free(ix->table);
    *ix = (struct audit_index){.fd = -1};
}

/* ---- asking ---- */

static bool may_have(const struct audit_index_block *b, const struct audit_filter *f)
{
    return b->actions != 0 && b->last_seq > f->after &&
           (f->from_ms == 0 || b->last_ms >= f->from_ms) &&
           (f->to_ms == 0 || b->first_ms < f->to_ms) &&
           (f->action == 0 || (b->actions & audit_index_bit(f->action)) != 0);
}

static size_t rows_at(const struct audit_index *ix)
{
    enum { A_PAGE = AUDIT_INDEX_DATA / AUDIT_INDEX_BLOCK };

    return 1 + (ix->blocks + A_PAGE - 1) / A_PAGE;
}

/* Leave the blocks that have the key. */
static enum err keep_those_with(struct audit_index *ix, const struct audit_index_key *key,
                                uint8_t *hits)
{
    const size_t a_page = AUDIT_INDEX_DATA / ix->width;
    uint8_t bytes[AUDIT_INDEX_PAGE];
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < AUDIT_INDEX_HASHES; i++) {
        const uint8_t *row = bytes + AUDIT_INDEX_HEAD + key->rows[i] % a_page * ix->width;

        e = read_page(ix, rows_at(ix) + key->rows[i] / a_page, bytes);
        for (size_t b = 0; e == ERR_OK && b < ix->width; b++)
            hits[b] &= row[b];
    }
    return e;
}

enum err audit_index_select(const struct audit_index *index, const struct audit_filter *f,
                            uint8_t *hits)
{
    struct audit_index ix = *index; /* reading a page leaves it as it is, but for its first */
    struct audit_index_key key;
    bool any = false;
    enum err e = ERR_OK;

    memset(hits, 0, ix.width);
    for (size_t b = 0; b < ix.blocks; b++)
        if (may_have(&ix.table[b], f)) {
            hits[b / 8] |= (uint8_t)(1u << b % 8);
            any = true;
        }
    if (any && f->who.at != NULL) {
        audit_index_key_of_name(f->who, &key);
        e = keep_those_with(&ix, &key, hits);
    }
    if (e == ERR_OK && any && f->tag != NULL) {
        audit_index_key_of_tag(f->tag, &key);
        e = keep_those_with(&ix, &key, hits);
    }
    return e;
}
