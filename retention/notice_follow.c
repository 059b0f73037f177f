/* SPDX-License-Identifier: Apache-2.0 */
/* Notices of restrictions: made from the vault's own list of them, so that none is lost between the one and the
 * other.
 * Runs on: a worker thread; blocks. Holds: nothing. Invariant: a restriction, and its end, is told once. */
#include <inttypes.h>
#include <stdio.h>

#include "base/fault.h"
#include "retention/notices_priv.h"
#include "vault/holds.h"

/* What is older is not told to recipients that are new. */
static const int64_t FOLLOW_MS = INT64_C(31) * 86400000;

/* The first after `after` that was set or lifted since; in a transaction of its own, since an erasure waits for
 * each. */
static enum err next_recent(struct vault_reader *reader, int64_t since_ms,
                            struct vault_restriction *at)
{
    enum err e = vault_read_begin(reader);

    if (e != ERR_OK)
        return e;
    do
        e = vault_read_restriction(reader, at->number, at);
    while (e == ERR_OK && at->set_ms < since_ms && at->lifted_ms < since_ms);
    vault_read_end(reader);
    return e;
}

static enum err tell(struct notices *n, const struct notice_tokens *tokens, const char *event,
                     int64_t at_ms, uint64_t number)
{
    char key[32], reference[48];
    const struct notice_words words = {.event = event,
                                       .state = NOTICE_TO_SEND,
                                       .at_ms = at_ms,
                                       .reference = reference,
                                       .key = key};

    (void)snprintf(key, sizeof(key), "%" PRIu64, number);
    (void)snprintf(reference, sizeof(reference), "restriction %" PRIu64, number);
    return notice__make(n, tokens, &words);
}

static enum err follow_one(struct notices *n, const struct vault_restriction *r, int64_t since_ms)
{
    AUTO(notice__tokens_done) struct notice_tokens tokens = {.slot = 0};
    enum err e = notice__tokens_read(n->vault, r->slot, &tokens);

    if (e == ERR_OK && r->set_ms >= since_ms)
        e = tell(n, &tokens, "restricted", r->set_ms, r->number);
    if (e == ERR_OK && r->lifted_ms >= since_ms)
        e = tell(n, &tokens, "unrestricted", r->lifted_ms, r->number);
    return e == ERR_NOT_FOUND ? ERR_OK : e; /* erased since: that is told */
}

enum err notice__follow(struct notices *n)
{
    const int64_t since_ms = vault_now_s(n->vault) * 1000 - FOLLOW_MS;
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    struct vault_restriction at = {.number = 0};
    enum err e;

    if (!atomic_exchange(&n->look, false) || notice__recipients(n)->count == 0)
        return ERR_OK;
    e = vault_reader_open(n->vault, &reader);
    while (e == ERR_OK) {
        e = next_recent(reader, since_ms, &at);
        if (e == ERR_OK)
            e = follow_one(n, &at, since_ms);
    }
    if (e == ERR_NOT_FOUND)
        return ERR_OK;
    atomic_store(&n->look, true);
    return e;
}
