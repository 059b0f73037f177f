/* SPDX-License-Identifier: Apache-2.0 */
/* A made history: persons, and all that can become of their data, over two years that end now. Through the same
 * library and operations as a server, with a clock that is set; nothing is written behind their back. The same seed and
 * size give the same history (but for random ids and keys). It keeps an account of its own, which reports must agree
 * with. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "admin/access.h"
#include "base/assert.h"
#include "admin/ops.h"
#include "cli/settings.h"
#include "retention/notices.h"
#include "retention/runs.h"
#include "vault/audit.h"
#include "vault/vault.h"

enum {
    HISTORY_DAYS = 730,
    HISTORY_DAYS_MIN = 120,
    HISTORY_CLASSES = 8,
    HISTORY_TOKENS = 3,     /* of a person, that are looked at later */
    HISTORY_VALUES_MAX = 10 /* of a person */
};

/* As the configuration declares them, in this order. */
enum history_class { EMAIL, PHONE, ADDRESS, NOTE, INVOICE, VISIT, HEALTH, NEWSLETTER };
extern const char *const history_classes[HISTORY_CLASSES];

struct person {
    char name[32];
    struct token_text tokens[HISTORY_TOKENS]; /* email, note, newsletter; len 0: none */
    bool gone, objects;
};

/* What the history has done, by its own count. */
struct account {
    uint64_t created[HISTORY_CLASSES];
    uint64_t swept, erased; /* values */
    uint64_t sweeps, failed_sweeps;
    uint64_t receipts;
    uint64_t requests, answered;
    uint64_t holds, lifted, restrictions, objections;
    uint64_t incidents;
    uint64_t shown, masked, refused, shown_lately, masked_lately,
        refused_lately; /* lately: the last 30 days */
    uint64_t events, notices_done, refused_labels;
};

struct history {
    const char *dir;
    uint64_t seed;
    uint64_t random; /* the generator's state */
    size_t size;     /* persons */
    int64_t days, start_day, end_s;
    int64_t now_s;

    struct settings settings; /* as they are at the end */
    struct conf *old_conf;    /* as the rules were in the first year */
    struct classes old_classes;
    struct vault *vault;
    struct vault_reader *reader;
    struct erasures *erasures;
    struct notices *notices;
    struct requests *requests;
    struct ropa *ropa;
    struct exports *exports;
    struct access *access;
    struct rotation *rotation;
    struct runs *runs;
    struct admin admin;

    struct person *people;
    size_t people_count; /* born so far */
    struct asked *asked; /* requests under way */
    size_t asked_count, erasing;
    bool forgot; /* a request of the last weeks, so far */
    struct account account;
};

/* What goes wrong ends the program, with a message: a history is whole or there is none. */
void history_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* ---- chance (main.c) ---- */

uint64_t history_draw(struct history *h, uint64_t below);
bool history_chance(struct history *h, unsigned percent);
/* What does not depend on the number of persons, up to 50,000, is done this often: once for each 50,000. */
size_t history_crowds(const struct history *h);
/* Somebody who is still there; NULL: nobody was found. */
struct person *history_somebody(struct history *h);
/* Labels that would like to be markup, formulas or orders; and those that no operation takes. */
const char *history_label(struct history *h);
const char *history_bad_label(struct history *h);

/* ---- the store (store.c) ---- */

void history_open(struct history *h);
/* The rules of the second year. */
void history_change_rules(struct history *h);
void history_close(struct history *h);
void history_clock(struct history *h, int64_t now_s);
/* An operation, as JSON text; its answer (json_free()), or NULL where it failed with `allowed` (NOT_FOUND: also with
 * CONFLICT: nobody is there any more, or it is so already). Any other failure ends the program. */
struct json *history_ask(struct history *h, enum err allowed, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same where the answer is of no use. */
bool history_do(struct history *h, enum err allowed, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A text as a JSON string, with its quotes; good until the eighth call after. */
const char *history_quoted(const char *text);
const char *history_date(int64_t day);

/* ---- what happens on a day ---- */

void history_births(struct history *h, size_t count); /* people.c */
void history_events(struct history *h);
void history_looks(struct history *h, int64_t day); /* looks.c */
void history_incident(struct history *h, int64_t day);
void history_request_new(struct history *h, int64_t day); /* requests.c */
void history_requests_go_on(struct history *h, int64_t day);
void history_holds(struct history *h, int64_t day); /* acts.c */
void history_erase(struct history *h);
void history_sweep(struct history *h, int64_t day);
void history_pause(struct history *h);
