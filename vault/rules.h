/* SPDX-License-Identifier: Apache-2.0 */
/* Versions of deletion rules: each change of a class's rule, basis, purposes or owner between two
 * configurations is one, written down when the store takes the configuration over. New values fall due by the
 * newest version at once; those that are there keep their due time until they are re-timed (retime.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"
#include "base/err.h"
#include "base/span.h"
#include "vault/vault.h"

enum { VAULT_RULE_BODY_MAX = 65536 };

struct vault_rule_version {
    char class_name[CLASS_NAME_MAX + 1];
    uint32_t version; /* from 1 within the class, also over a time when it was not configured */
    int64_t since_s;  /* in force from then on */
    uint8_t configuration[CONF_DIGEST_BYTES]; /* of the file that brought it; zeroes: not known */
    struct span body;                         /* vault_rule_text(); borrowed during the call */
};

/* What a class says of its deletion, as one line of JSON: equal texts, equal rules. Appended to `out`. Any
 * thread. */
enum err vault_rule_text(const struct class_def *def, struct buf *out) MUST_CHECK;

/* Every version of a class (NULL: of all, also of those that have left the configuration), in order, until `fn`
 * gives back an error. Any thread that is not inside a read transaction; blocks shortly. */
enum err vault_rules_each(struct vault *v, const char *class_name,
                          enum err (*fn)(const struct vault_rule_version *version, void *context),
                          void *context) MUST_CHECK;

struct vault_rule_status {
    uint32_t version; /* in force for new values */
    int64_t since_s;
    uint32_t applied; /* values that are there fall due by this one, and by those since */
    uint64_t pending; /* values stored under a version with other due times; counted to the day */
};

/* Between begin and end of a reader's transaction, from counters. NOT_FOUND: the class has none. */
enum err vault_read_rule(struct vault_reader *r, uint16_t class_id, struct vault_rule_status *ret)
    MUST_CHECK;

/* The values of a class have been re-timed by this version. CONFLICT: there is a newer one. */
struct vault_rule_applied {
    struct vault_op op; /* kind VAULT_RULE_APPLIED */
    uint16_t class_id;
    uint32_t version;
};
