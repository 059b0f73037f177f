/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of the audit trail as they stand in a segment, STORE/audit/NNNNNN.log. Numbers are little-endian.
 *
 *   segment: 0 "LETHAUD1" | 8 u64 number, from 1 | 16 store id 16 | 32 chain before 32 | 64 frames, then zeroes
 *   frame:   0 u32 length, a multiple of 8 | 4 u8 version=1 | 5 u8 kind | 6 zero 2 | 8 u64 seq, from 1 |
 *            16 i64 time_ms | 24 body | zero padding | length-32 chain 32
 *   chain = BLAKE2b-256 (no key) over the chain before and the frame without its own: the 32 bytes in front of
 *           the frame, and the frame's first length-32
 *
 *   1 SEGMENT  24 u64 number | 32 store id 16 | 48 u32 why: 0 it goes on; 1 records that the ledger remembers are
 *              missing; 2 what stands behind the last record of the segment before is none | 52 zero 4 |
 *              56 u64 the last record before that is there | 64 u32 configuration | 68 zero 4
 *   2 RECORD   24 u16 action | 26 u8 outcome | 27 u8 role | 28 u32 configuration | 32 u32 bytes of words |
 *              36 u32 entries | 40 words: u8 id, u8 zero, u16 length, bytes; ids ascend | entries of 24 bytes:
 *              tag 16, u16 class, u16 values, u16 masks, u16 tokens
 *   3 HEAD     24 u32 epoch | 28 u32 flags: 1 the epoch begins a new line of keys | 32 key 32 | 64 next key 32 |
 *              96 signature 64 by the epoch's key | 160 signature 64 by the store's key
 *   both over  "lethe-v1 audit" 0 | store id 16 | u64 seq | i64 time_ms | u32 epoch | u32 flags |
 *              chain before this frame 32 | key 32 | next key 32
 *
 * An epoch's secret key signs one head, which names the next epoch's key, and is overwritten: whoever takes
 * the machine later cannot sign what was before, and anybody can follow the line from its first key on. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/audit.h"
#include "vault/crypto_priv.h"
#include "vault/file_priv.h"

enum {
    AUDIT_SEGMENT_HEAD = 64,
    AUDIT_FRAME_HEAD = 24,
    AUDIT_FRAME_MIN = AUDIT_FRAME_HEAD + AUDIT_CHAIN_BYTES,
    AUDIT_SEGMENT_BODY = 48,
    AUDIT_HEAD_BODY = 200,
    AUDIT_ENTRY_BYTES = 24,
    AUDIT_HEAD_MESSAGE = 15 + 16 + 8 + 8 + 4 + 4 + 32 + 32 + 32
};

enum audit_frame_kind {
    AUDIT_FRAME_SEGMENT = 1,
    AUDIT_FRAME_RECORD = 2,
    AUDIT_FRAME_HEAD_KIND = 3
};

enum audit_why { AUDIT_GOES_ON = 0, AUDIT_WAS_SHORT = 1, AUDIT_WAS_DAMAGED = 2 };

/* One frame, borrowed from the bytes it was read from. */
struct audit_frame {
    enum audit_frame_kind kind;
    uint32_t len;
    uint64_t seq;
    int64_t time_ms;
    const uint8_t *bytes; /* all of it */
    const uint8_t *chain; /* its own */
};

struct audit_segment {
    uint64_t number;
    uint8_t store[VAULT_ID_BYTES];
    enum audit_why why;
    uint64_t last; /* the last record before that is there */
    uint32_t configuration;
};

struct audit_head {
    uint64_t seq;
    int64_t time_ms;
    uint32_t epoch;
    bool begins; /* a new line of keys */
    uint8_t chain[AUDIT_CHAIN_BYTES];
    uint8_t key[VAULT_PUBLIC_BYTES];
    uint8_t next[VAULT_PUBLIC_BYTES];
    uint8_t by_epoch[VAULT_SIGNATURE_BYTES];
    uint8_t by_store[VAULT_SIGNATURE_BYTES];
};

/* The frame that begins at `bytes`. OK; NOT_FOUND: only zeroes are left; TOO_LARGE: it goes on past `len`; INVALID: that
 * is no frame; UNSUPPORTED: a newer version's. The chain is not looked at. */
enum err audit_frame_read(const uint8_t *bytes, size_t len, struct audit_frame *ret) MUST_CHECK;
/* Does the chain fit? The 32 bytes in front of it are the chain before. */
bool audit_frame_fits(const struct audit_frame *frame);
/* Name the configuration in force in a record; 1: it is one that begins the next, and names that. */
unsigned audit_frame_configure(uint8_t *bytes, uint32_t configuration);
/* Give a frame its number, time and chain. In front of it stand the 32 bytes of the chain before. */
void audit_frame_finish(uint8_t *bytes, uint64_t seq, int64_t time_ms);

/* INVALID: not one of this kind. Spans are borrowed. *entries: AUDIT_ENTRY_BYTES each, see
 * audit_entry_read(); ret->entries stays NULL. */
enum err audit_record_read(const struct audit_frame *frame, struct audit_record *ret,
                           const uint8_t **ret_entries) MUST_CHECK;
void audit_entry_read(const uint8_t bytes[AUDIT_ENTRY_BYTES], struct audit_entry *ret);
enum err audit_segment_read(const struct audit_frame *frame, struct audit_segment *ret) MUST_CHECK;
enum err audit_head_read(const struct audit_frame *frame, struct audit_head *ret) MUST_CHECK;

/* Append an unfinished frame. TOO_LARGE, NO_SPACE. */
enum err audit_record_encode(const struct audit_record *record, struct buf *out) MUST_CHECK;
enum err audit_segment_encode(const struct audit_segment *segment, struct buf *out) MUST_CHECK;
enum err audit_head_encode(const struct audit_head *head, struct buf *out) MUST_CHECK;
/* What a head's signatures are over. */
void audit_head_message(const uint8_t store[VAULT_ID_BYTES], const struct audit_head *head,
                        uint8_t out[AUDIT_HEAD_MESSAGE]);
/* A head as a line of text for elsewhere, without a newline, appended; and back. INVALID. */
enum err audit_head_write_line(const uint8_t store[VAULT_ID_BYTES], const struct audit_head *head,
                               struct buf *out) MUST_CHECK;
enum err audit_head_read_line(struct span line, uint8_t ret_store[VAULT_ID_BYTES],
                              struct audit_head *ret) MUST_CHECK;
