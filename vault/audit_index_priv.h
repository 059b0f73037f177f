/* SPDX-License-Identifier: Apache-2.0 */
/* Where in a segment of the audit trail a search has to look: an index beside it, STORE/audit/000001.idx. Derived from the
 * segment alone: it may be missing, and is made again; nothing is verified by it. Whoever has no key of the store can
 * take it away but cannot make it lie.
 *
 *   The segment's frames from its beginning to `end`, in blocks of at most so many bytes or keys (the frame that makes it
 *   too many is in). A key is the name of who did something, or a person's tag. Numbers are little-endian.
 *
 *   file:  pages of 4096 bytes
 *   page:  0 "LETHAIX1" | 8 u64 number of the segment | 16 u64 end | 24 u32 page, from 0 | 28 zero 4 | 32 data 4032 |
 *          4064 MAC 32: BLAKE2b-256 of the rest, under a key of the store's
 *   data of page 0:    u32 blocks | u32 bytes of a row, blocks / 8 | chain of the frame that ends at `end` 32
 *   then blocks:       u64 where it begins | u64 highest seq | i64 first and | i64 last time_ms | u64 actions, a bit each;
 *                      of its records; whole ones to a page
 *   then 16384 rows:   bit b of row h: block b has a key with h among its 8 hashes; whole ones to a page */
#pragma once

#include "vault/audit_priv.h"
#include "vault/audit_read.h"

enum {
    AUDIT_INDEX_PAGE = 4096,
    AUDIT_INDEX_HEAD = 32,
    AUDIT_INDEX_DATA = AUDIT_INDEX_PAGE - AUDIT_INDEX_HEAD - CRYPTO_HASH_BYTES,
    AUDIT_INDEX_BLOCK = 40, /* bytes of one in the table */
    AUDIT_INDEX_BLOCKS_MAX = AUDIT_INDEX_DATA * 8,
    AUDIT_INDEX_ROWS = 16384,
    AUDIT_INDEX_HASHES = 8,
    AUDIT_INDEX_ANY_ACTION = 63 /* the bit of all actions from there on */
};

struct audit_index_block {
    uint64_t at;
    uint64_t last_seq;
    int64_t first_ms, last_ms;
    uint64_t actions; /* 0: it has no record */
};

/* One that is open. */
struct audit_index {
    int fd;
    const uint8_t *key; /* borrowed */
    uint64_t number, end;
    size_t blocks, width;
    struct audit_index_block *table;
    uint8_t chain[AUDIT_CHAIN_BYTES];
};

/* The rows of a key. */
struct audit_index_key {
    uint16_t rows[AUDIT_INDEX_HASHES];
};
void audit_index_key_of_name(struct span who, struct audit_index_key *ret);
void audit_index_key_of_tag(const uint8_t tag[AUDIT_TAG_BYTES], struct audit_index_key *ret);
uint64_t audit_index_bit(enum audit_action action);

/* The key of a store's indexes. SEALED, IO, CORRUPT. ret: CRYPTO_KEY_BYTES, guarded. */
enum err audit_index_secret(const struct vault *v, uint8_t *ret) MUST_CHECK;
/* DIR/audit/000001.idx; caller frees. */
char *audit_index_path(const char *dir, uint64_t number);
/* Fill page number `page`'s head and MAC in, around its data. */
void audit_index_seal(const struct audit_index *ix, size_t page, uint8_t bytes[AUDIT_INDEX_PAGE]);

/* The index of a mapped segment. NOT_FOUND: there is none, or none that was made by this store of these frames. `ret` is
 * closed by audit_index_close(), which also takes one that was only zeroed. */
enum err audit_index_open(const char *dir, const struct audit_mapped *segment, uint64_t number,
                          const uint8_t *key, struct audit_index *ret) MUST_CHECK;
void audit_index_close(struct audit_index *ix);
/* Which blocks may have records that pass: a bit each into `ret_hits`, of ->width bytes. CORRUPT: no page like that was
 * written. */
enum err audit_index_select(const struct audit_index *ix, const struct audit_filter *filter,
                            uint8_t *ret_hits) MUST_CHECK;

/* ---- audit_index_make.c ---- */

/* Make the index of as much of a mapped segment as fits its chain; one that is there is replaced. BUSY: somebody else
 * is making it. IO, NO_SPACE: there is none then. Blocks long. */
enum err audit_index_make(const char *dir, const struct audit_mapped *segment, uint64_t number,
                          const uint8_t *key) MUST_CHECK;
/* Take away the indexes of segments before `first`, and what was left of making one. */
void audit_index_tidy(const char *dir, uint64_t first);
