/* SPDX-License-Identifier: Apache-2.0 */
/* The audit trail, shared by its files:
 *
 *   audit.c           records handed over, the thread, waiters told
 *   audit_batch.c     batches: numbered, chained, written
 *   audit_segment.c   segment files: made, walked
 *   audit_keys.c      the epochs' keys, which sign heads
 *   audit_head.c      heads: signed, sent elsewhere, remembered by the ledger
 *   audit_frame.c     frames as bytes
 *   audit_index.c, audit_index_make.c   where in a segment a search has to look
 *   audit_read.c, audit_verify.c   reading, also beside a server */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "vault/audit_frame_priv.h"
#include "vault/vault_priv.h"

#define AUDIT_DIR "audit"

enum {
    AUDIT_EXTEND_BYTES =
        256 << 10, /* by which a segment grows: zeroes, so that a record changes no size */
    AUDIT_RESERVE_BYTES = 64 << 10, /* of it are kept for erasures on a full disk */
    AUDIT_SEGMENT_MAX = 64 << 20,
    AUDIT_PENDING_MAX = 32 << 20, /* what may wait for the disk */
    AUDIT_HANDED_MAX = 4 << 20,   /* what a waiter may keep before it is flushed */
    AUDIT_HEAD_RECORDS = 4096,    /* a head is signed after so many records */
    AUDIT_HEAD_MS = 60000,        /* ... and when the oldest unsigned one is so old */
    AUDIT_LAZY_MS = 500           /* what nobody waits for is written after so long */
};

/* ---- audit_segment.c ---- */

/* Where a trail ends. */
struct audit_end {
    uint64_t number;           /* of the segment; 0: there is none */
    uint64_t at;               /* where the next frame goes; 0: into a new segment */
    uint64_t size;             /* of the file */
    uint64_t seq;              /* of the last frame */
    uint64_t unsigned_records; /* since the last head */
    uint32_t configuration;
    int64_t first_ms; /* of the segment's first frame */
    uint8_t chain[AUDIT_CHAIN_BYTES];
    bool damaged; /* something stands behind it that is no frame */
    bool has_head;
    struct audit_head head; /* the last */
};

/* DIR/audit/000001.log; caller frees. */
char *audit_segment_path(const char *dir, uint64_t number);
/* The number in the name of a file of DIR/audit that ends so (".log"); 0: it is none. */
uint64_t audit_file_number(const char *name, const char *ending);
/* The lowest and the highest number of a segment in DIR/audit; 0, 0: there is none. IO. */
enum err audit_segment_range(const char *dir, uint64_t *ret_first, uint64_t *ret_last) MUST_CHECK;
/* Call fn for every frame of a segment, in order, up to the first that is none: *ret_rest is what stands there
 * (audit_frame_read()'s answer), *ret_at where. Frames are borrowed. CORRUPT: the file's head is none, or of
 * another store (`store` NULL: any). */
typedef enum err (*audit_frame_fn)(const struct audit_frame *frame, void *context);
enum err audit_segment_walk(const char *path, const uint8_t store[VAULT_ID_BYTES],
                            audit_frame_fn fn, void *context, enum err *ret_rest, uint64_t *ret_at)
    MUST_CHECK;
/* The same of a part of it: the frames that begin in [from, to), where `from` is the first one's. The mapping is the
 * caller's, who ends it with audit_segment_unmap(). ret_rest OK: all of the part was walked. */
struct audit_mapped {
    const uint8_t *bytes;
    size_t len;
};
struct audit_part {
    uint64_t from, to;
};
enum err audit_segment_map(const char *path, const uint8_t store[VAULT_ID_BYTES],
                           struct audit_mapped *ret) MUST_CHECK;
void audit_segment_unmap(struct audit_mapped *m);
enum err audit_segment_frames(const struct audit_mapped *m, struct audit_part part,
                              audit_frame_fn fn, void *context, enum err *ret_rest,
                              uint64_t *ret_at) MUST_CHECK;
/* Find the end of the trail. IO, CORRUPT. */
enum err audit_end_find(const char *dir, const uint8_t store[VAULT_ID_BYTES], struct audit_end *ret)
    MUST_CHECK;
/* The time of a segment's first frame. NOT_FOUND: it has none. */
enum err audit_segment_time(const char *path, int64_t *ret_ms) MUST_CHECK;
/* Make a segment that goes on after `chain`; durable, without a frame. */
enum err audit_segment_create(const char *dir, uint64_t number, const uint8_t store[VAULT_ID_BYTES],
                              const uint8_t chain[AUDIT_CHAIN_BYTES], int *ret_fd,
                              uint64_t *ret_size) MUST_CHECK;

/* ---- audit_keys.c ---- */

/* The current epoch's key pair, and the file that it stands in, wrapped. One thread at a time. */
struct audit_keys {
    int fd;
    uint8_t *wrapping; /* CRYPTO_KEY_BYTES, guarded */
    uint8_t *secret;   /* CRYPTO_SECRET_KEY_BYTES, guarded: of `epoch` */
    uint8_t *coming;   /* ... of the next one */
    uint8_t store[VAULT_ID_BYTES];
    uint32_t epoch;
    bool begins; /* no head has named this key */
    bool ready;
    uint8_t key[VAULT_PUBLIC_BYTES];
    uint8_t next[VAULT_PUBLIC_BYTES];
};

/* Find the key that the last head (NULL: there is none) names; without it a new line begins. */
enum err audit_keys_open(struct audit_keys *k, const char *dir, const uint8_t store[VAULT_ID_BYTES],
                         const uint8_t ledger_key[CRYPTO_KEY_BYTES], const struct audit_head *last)
    MUST_CHECK;
/* Make the next epoch's key durable, and sign with this one's. Fills everything but the store's signature. */
enum err audit_keys_sign(struct audit_keys *k, struct audit_head *head) MUST_CHECK;
/* The head is durable: this epoch's key is overwritten. */
enum err audit_keys_step(struct audit_keys *k) MUST_CHECK;
void audit_keys_close(struct audit_keys *k); /* wipes */

/* ---- audit.c ---- */

struct audit_waiter {
    struct audit *a;
    void (*wake)(void *context);
    void *context;

    /* Its thread's. */
    struct buf handed; /* frames that were not flushed */
    size_t handed_records;
    uint64_t ticket; /* the last that was given out */

    /* Under the trail's lock. */
    uint64_t flushed;                  /* tickets up to there are pending, or further */
    uint64_t taken;                    /* ... in a batch, or further */
    uint64_t refused_from, refused_to; /* could not be made pending; 0, 0: none */
    enum err refused_why;
    struct audit_settled settled;
    struct audit_waiter *next;
};

struct audit {
    struct vault *v;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake;
    struct audit_waiter *waiters;
    struct buf pending; /* frames; the first bytes are room for the chain before */
    size_t pending_records;
    bool pending_must;  /* somebody may use the reserve */
    bool pending_waits; /* somebody waits */
    int64_t lazy_ms;    /* since when what nobody waits for is pending; 0: nothing is */
    bool sleeping, closing, started;
    pthread_t thread;
    struct audit_figures figures;
    bool healthy; /* the last batch could be written */
    char *heads;
    int64_t keep_s;
    _Atomic bool buffered;
    struct buf note; /* one that nobody waits for, while it is handed over */

    /* The thread's. */
    bool open;
    int fd;
    struct buf batch; /* swapped with `pending` */
    struct audit_end end;
    uint64_t zero_from, zero_to; /* what a write that failed may have left */
    struct audit_keys keys;
    int64_t unsigned_ms; /* since when; 0: nothing is unsigned */
    int64_t tidied_ms;   /* segments were looked at */
    struct audit_marker *marker;
    pthread_mutex_t keys_lock; /* of `keys`: sealing wipes them */
};

enum err audit_start(struct vault *v, struct audit **ret) MUST_CHECK;
/* Write what waits, sign it, stop the thread. The writer still runs. */
void audit_stop(struct audit *a);
void audit_free(struct audit **a);
/* Wipe the keys; heads wait until they can be had again. */
void audit_seal(struct audit *a);

/* ---- audit_batch.c; the trail's thread ---- */

/* Write frames, in front of which there is room for the chain before, and a head when one is due (`now`: if
 * anything is unsigned). `must`: what is kept of a full disk may be used. All of it or nothing. */
enum err audit_batch_write(struct audit *a, struct buf *batch, bool must, bool now) MUST_CHECK;
/* Retire segments that are old enough, from time to time. */
void audit_batch_tidy(struct audit *a);

/* ---- audit_head.c ---- */

/* Append a signed head to the batch, after which the chain is `chain` and the last frame `seq`. SEALED. */
enum err audit_head_sign(struct audit *a, const uint8_t chain[AUDIT_CHAIN_BYTES], uint64_t seq,
                         int64_t now_ms, struct buf *batch, struct audit_head *ret) MUST_CHECK;
/* It is durable: forget its key, send it elsewhere, tell the ledger when it is time. */
void audit_head_done(struct audit *a, const struct audit_head *head);
/* How far the ledger remembers the trail; seq 0: not at all. */
struct audit_mark {
    uint64_t seq;
    int64_t time_ms;
    uint8_t chain[AUDIT_CHAIN_BYTES];
};
enum err audit_mark_last(struct ledger *l, struct audit_mark *ret) MUST_CHECK;
struct audit_marker *audit_marker_new(struct vault *v);
void audit_marker_free(struct audit_marker **m);
/* The ledger's last mark is so old: the next one comes when it is ten minutes. */
void audit_marker_known(struct audit_marker *m, int64_t age_ms);
/* Wait for a mark that is on its way. */
void audit_marker_wait(struct audit_marker *m);
