/* SPDX-License-Identifier: Apache-2.0 */
/* The register of requests of persons: what was asked, by when it must be answered, what was decided and
 * done. It knows a person by a random id and a key slot only: no identifier, no contact data, nothing of
 * what identity was proven with. docs/REQUESTS.md describes it for those who use it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "retention/erasure.h"
#include "retention/exports.h"
#include "retention/request_settings.h"
#include "retention/request_states.h"
#include "vault/vault.h"

struct exports;
struct requests;

/* What is given must outlive it; requests_free() when no call is inside. exports NULL: access and portability are
 * seen to by other means. */
struct requests *requests_new(struct vault *vault, struct erasures *erasures,
                              struct exports *exports);
void requests_free(struct requests **requests);
/* What is in force from now on, copied. Before anything below. Any thread. */
void requests_configure(struct requests *requests, const struct request_settings *settings);

/* What came of looking for a person: who looked knew an identifier or a token, which come no further. */
struct request_finding {
    const char *by;     /* "identifier", "token": a literal */
    const char *domain; /* where it was looked for; NULL: everywhere */
    uint64_t slot;      /* 0: nobody was found */
};

/* What executing makes for the person, to be handed on and kept nowhere. */
enum { REQUEST_GIVEN_MAX = 2 };
struct request_given {
    struct {
        enum request_right right;
        struct export_link link; /* without a document */
        enum export_format format;
        uint64_t number;
        struct json *document; /* owned; NULL: a link */
    } at[REQUEST_GIVEN_MAX];
    size_t count;
};
/* Wiped, and empty after. */
void request_given_done(struct request_given *given);

/* What an operator says. */
struct request_ask {
    const struct json *args; /* a map: the members that the action takes (request_rule()) */
    const char *who;         /* who is at the keyboard */
    bool is_one_person;      /* whom that name tells from all others: an access token's */
    const struct request_finding *finding; /* NULL: nobody was looked for */
    uint64_t version; /* requests_act(): the request must still have it; 0: whatever it has */
    struct request_given *given; /* out, of `execute`: empty before; NULL: no exports are made */
};

/* Enter a request. Members: rights (a list), channel; and received (a date or an instant; now), external
 * (the number in the controller's own system: the same one leads to the same request), regime, ground (of
 * an erasure), agent, owner. ret_view as of requests_show(), with "created": false when it was there.
 * Errors, with a message: INVALID, TOO_LARGE, and what the vault says. These and all below: worker thread
 * or command line; block. */
enum err requests_add(struct requests *requests, const struct request_ask *ask,
                      struct json **ret_view, struct errmsg *msg) MUST_CHECK;
/* Do something with a request; `execute` may take as long as an erasure. Errors as above, and NOT_FOUND
 * (no such request; nobody found by what was given, which is noted), CHANGED (it has another version), CONFLICT (not in this state; changed
 * by somebody else meanwhile), BUSY (being executed), LIMIT (no more erasures today). */
enum err requests_act(struct requests *requests, uint64_t number, enum request_action action,
                      const struct request_ask *ask, struct json **ret_view, struct errmsg *msg)
    MUST_CHECK;

/* Everything that the register has of a request, and how it stands today. NOT_FOUND with a message. */
enum err requests_show(struct requests *requests, uint64_t number, struct json **ret_view,
                       struct errmsg *msg) MUST_CHECK;
/* The first request after `after` that is in one of `states`, as requests_show(). NOT_FOUND past the last.
 * A walk is opened, asked and closed by one thread. */
struct request_walk;
enum err request_walk_open(struct requests *requests, uint64_t states, uint64_t after,
                           struct request_walk **ret_walk) MUST_CHECK;
enum err request_walk_next(struct request_walk *walk, struct json **ret_view) MUST_CHECK;
/* What is counted of one. */
struct request_gist_right {
    enum request_right right;
    struct span outcome;
};
struct request_gist {
    enum request_state state;
    struct civil received;
    struct span regime;
    struct request_gist_right rights[REQUEST_RIGHT_COUNT];
    size_t right_count;
    bool answered, in_time;
    bool is_soon, is_past; /* of one that is open and not answered */
    int64_t days_used;
    size_t history_at, history_len; /* where in the body it stands, name and all; 0, 0: nowhere */
};
/* The same of the next request, for a fiftieth of the time; spans are borrowed until the walk goes on. */
enum err request_walk_gist(struct request_walk *walk, struct request_gist *ret) MUST_CHECK;
/* The one whose gist was given just now, as requests_show(), but without its history, which is half of it. */
enum err request_walk_view(struct request_walk *walk, const struct request_gist *gist,
                           struct json **ret_view) MUST_CHECK;
void request_walk_close(struct request_walk **walk);

struct request_figures {
    uint64_t open;
    uint64_t soon; /* of these: due within DEADLINE_SOON_DAYS days */
    uint64_t past;
};

enum err requests_figures(struct requests *requests, struct request_figures *ret) MUST_CHECK;
/* Forget closed requests whose time in the register is over, and notices that ended as long ago, a bounded number. */
enum err requests_forget(struct requests *requests, size_t *ret_count) MUST_CHECK;

/* The text of a letter to the person, as the request stands: template and language as letter_find() knows
 * them; NULL: what fits. */
enum err requests_letter(struct requests *requests, uint64_t number, const char *template_name,
                         const char *lang, struct json **ret_letter, struct errmsg *msg) MUST_CHECK;
