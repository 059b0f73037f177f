/* SPDX-License-Identifier: Apache-2.0 */
/* Renewals, between their two files: the records. */
#pragma once

#include "retention/renewal.h"
#include "vault/records.h"

#define RENEWAL_BIT(state) (UINT64_C(1) << (state))

struct renewal {
    struct vault_record record; /* its body: the next */
    struct json *body;
};

/* Over reading and changing a record. */
void renewal__lock(void);
void renewal__unlock(void);
/* NOT_FOUND, with a message unless msg is NULL. */
enum err renewal__get(struct vault *v, uint64_t number, struct renewal *r, struct errmsg *msg)
    MUST_CHECK;
/* The first past `after` in one of these states; what `r` had is freed. NOT_FOUND past the last. */
enum err renewal__next(struct vault *v, uint64_t states, uint64_t after, struct renewal *r)
    MUST_CHECK;
enum err renewal__put(struct vault *v, struct renewal *r) MUST_CHECK;
void renewal__done(struct renewal *r);
/* All that gets a new token has one: from now on the old ones' time runs. */
void renewal__open_up(struct vault *v, struct renewal *r);
/* A member of the one for the other; null where it is not there. */
void renewal__copy(struct json *to, const struct json *from, const char *name);
