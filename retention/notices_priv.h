/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of notices share. */
#pragma once

#include <pthread.h>

#include "retention/notices.h"
#include "vault/records.h"

struct recipients_list {
    struct recipients_list *next; /* those of before: somebody may still use them */
    struct recipients recipients;
};

struct notices {
    struct vault *vault;
    pthread_mutex_t lock; /* over the list */
    struct recipients_list *list;
    atomic_bool look; /* restrictions changed */
};

const struct recipients *notice__recipients(struct notices *n);
/* Run a write, again while the vault is busy. */
enum err notice__write(struct vault *v, struct vault_record *records, size_t count) MUST_CHECK;
/* A record with another body; its text is kept in `text`, which must live until it is written. */
enum err notice__set_body(struct vault_record *record, const struct json *body, struct buf *text)
    MUST_CHECK;
/* It is told, or given up: no tokens are kept any longer. */
void notice__close(struct json *body, int64_t now_ms);
/* Notices for restrictions that have none (notice_follow.c). */
enum err notice__follow(struct notices *n) MUST_CHECK;

/* ---- tokens of a person ---- */

/* Of each token: class (2 bytes), length (2 bytes), text. */
struct notice_tokens {
    struct buf bytes;
    uint64_t slot;
};

void notice__tokens_done(struct notice_tokens *tokens);
/* NOT_FOUND: nobody is there. */
enum err notice__tokens_read(struct vault *v, uint64_t slot, struct notice_tokens *ret) MUST_CHECK;

/* What a new notice says. */
struct notice_words {
    const char *event;
    unsigned state;
    int64_t at_ms; /* 0: not yet */
    const char *reference;
    const char *key; /* makes it the same one when it is made again; NULL: nothing does */
};

/* Make the notices of these tokens to all recipients that may have them. */
enum err notice__make(struct notices *n, const struct notice_tokens *tokens,
                      const struct notice_words *words) MUST_CHECK;
/* Take a planned one to where it is sent or told from. */
void notice__open(struct notices *n, struct vault_record *record, struct json *body, int64_t at_ms,
                  const char *reference);

/* ---- what is sent (notice_send.c) ---- */

/* The document of a notice. */
enum err notice__document(const struct vault_record *record, const struct json *body,
                          struct buf *out) MUST_CHECK;
/* The value of Lethe-Signature for a document at a time. SEALED. */
enum { NOTICE_SIGNATURE_MAX = 256 };
enum err notice__sign(struct vault *v, struct span document, int64_t now_s,
                      char ret[NOTICE_SIGNATURE_MAX]) MUST_CHECK;
