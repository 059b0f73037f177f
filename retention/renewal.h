/* SPDX-License-Identifier: Apache-2.0 */
/* Renewals: all values of a class, or of a domain, get new tokens, so that who counted or took the old ones has
 * nothing. A renewal is a record of the store (VAULT_RECORD_RENEWAL), carried out by the server between everything
 * else, and goes on after a crash.
 *
 *   running <──> paused        values get new tokens, old ones stand for the same
 *      │cancel      │cancel    those that have a new one keep it
 *      ▼            ▼
 *     open                     for the time that was asked for: applications are given the new ones
 *      │time is over, or finish
 *      ▼
 *    ending ──> done           what took the place of which is forgotten; old tokens stand for nothing */
#pragma once

#include <stdatomic.h>

#include "base/err.h"
#include "base/json.h"
#include "base/period.h"
#include "base/span.h"
#include "vault/vault.h"

struct vault_record;

/* States of the records. */
enum renewal_state { RENEWAL_RUNNING, RENEWAL_PAUSED, RENEWAL_OPEN, RENEWAL_ENDING, RENEWAL_DONE };

struct renewal_ask {
    uint16_t class_id;  /* 0: all of the configuration */
    uint16_t domain;    /* 0: of all; one of the two is given */
    struct period keep; /* how long old tokens stand for the same once all have new ones */
};

/* What it would do:
 *
 *   {"class" and "domain": what was asked for, or null, "keep", "digest": what renewal_start() takes,
 *    "values": total, "classes": [{"class", "deterministic", "values": of all domains,
 *    "left": tokens of a typed class that are not given out, or null}]}
 *
 * From counters. CONFLICT: values of such a class have old tokens yet, or get new ones; EXHAUSTED: a class has fewer tokens left than
 * values, and no domain was named. Each with a message. ret_tree: json_free(). Blocks shortly. */
enum err renewal_plan(struct vault *v, const struct renewal_ask *ask, struct json **ret_tree,
                      struct errmsg *msg) MUST_CHECK;
/* Begin one, as renewal_show() tells it. confirm: the plan's digest, or nothing; CONFLICT when another renewal was
 * begun since. key: the same renewal when it is asked for again; may be nothing. by: who asks, UTF-8. */
struct renewal_words {
    struct span confirm, key, by;
};
enum err renewal_start(struct vault *v, const struct renewal_ask *ask,
                       const struct renewal_words *words, struct json **ret_tree,
                       struct errmsg *msg) MUST_CHECK;

/* {"number", "state", "class", "domain", "keep", "begun", "by", "ends": instant or null, "cancelled", "problem": null
 * or the code of an error, "forgotten", "classes": [{"class", "values", "looked", "renewed", "unreadable", "done"}]} */
enum err renewal_show(struct vault *v, uint64_t number, struct json **ret_tree, struct errmsg *msg)
    MUST_CHECK;
/* The same of a record that was read. CORRUPT. */
enum err renewal_tell(const struct vault_record *record, struct json **ret_tree) MUST_CHECK;
/* "pause", "resume", "cancel", "finish". CONFLICT: it is in no state for that. */
enum err renewal_act(struct vault *v, uint64_t number, struct span action, struct json **ret_tree,
                     struct errmsg *msg) MUST_CHECK;
/* A page of the old and new tokens of one class: {"class", "old", "new"} are added to `list`. *ret_last: what to ask on
 * after; *ret_more: there may be more. Tokens of values that do not open are left out, and logged. NOT_FOUND: no such
 * renewal, or it has no such class; CONFLICT: it has ended. */
struct renewal_page {
    uint64_t renewal;
    uint16_t class_id;
    uint64_t after;
    size_t limit;
};
enum err renewal_tokens(struct vault *v, const struct renewal_page *page, struct json *list,
                        uint64_t *ret_last, bool *ret_more, struct errmsg *msg) MUST_CHECK;

/* Go on with what is to be done, for some seconds. *ret_more: there is more to do at once. What fails is tried again
 * by the next call. Worker thread; one at a time. */
enum err renewal_run(struct vault *v, const atomic_bool *stop, bool *ret_more) MUST_CHECK;
