/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks, for which purpose, and what that lets them see. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/secret.h"
#include "base/span.h"
#include "proxy/transform.h"
#include "vault/classes.h"
#include "vault/domains.h"
#include "vault/vault.h"

/* A caller as the settings declare it. */
struct caller_def {
    char *name;
    uint8_t key_hash[SECRET_HASH_BYTES]; /* the key itself is not kept */
    char **purposes;
    size_t purpose_count;
    uint8_t *reveal;   /* enum reveal_action by index into classes->defs */
    bool some_domains; /* it sees values of these only, by index into the settings' domains */
    bool domains[DOMAINS_MAX];
};

struct callers;
struct caller;

/* What a class id is for: the vault's numbers, or any numbering a test likes. 0: unknown. */
typedef uint16_t (*class_id_fn)(const struct class_def *def, const void *context);

/* Work out once what each caller sees for each purpose: a class's action counts only for a purpose
 * that the class lists. defs and classes are not needed afterwards. */
struct callers *callers_new(const struct caller_def *defs, size_t count,
                            const struct classes *classes, class_id_fn class_id,
                            const void *context);
void callers_free(struct callers **callers);

/* The caller of a Lethe-Key field. UNAUTHORIZED: no such key. Any thread. */
enum err callers_find(const struct callers *callers, struct span key,
                      const struct caller **ret_caller) MUST_CHECK;
/* The caller that named no key: it has no purpose and sees tokens. */
const struct caller *caller_anonymous(void);

/* Which of them it is: its place among the defs. */
size_t callers_index(const struct callers *callers, const struct caller *caller);

/* What the caller sees in a domain (index into the settings' domains) for a purpose: enum
 * reveal_action by class id, CLASSES_MAX + 1 of them, borrowed from callers; in a domain that is not
 * one of its own tokens only. purpose SPAN_NONE: its only one. DENIED: not one of its purposes.
 * INVALID: it has several and named none. */
enum err caller_actions(const struct caller *caller, struct span purpose, size_t domain,
                        const uint8_t **ret_actions) MUST_CHECK;
/* What is seen where it is not known whose values they are: tokens only. */
const uint8_t *caller_no_actions(void);
