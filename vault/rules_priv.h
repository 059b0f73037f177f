/* SPDX-License-Identifier: Apache-2.0 */
/* Rule versions inside the vault: their tables, and writing one. */
#pragma once

#include "vault/rules.h"
#include "vault/store_priv.h"
#include "vault/vault_priv.h"

enum { RULE_ZONED_MAX = RULE_TIMING_MAX + 80 };

struct store_rule {
    struct vault_rule_version said;
    uint64_t today;              /* values of the class that were stored earlier that day (UTC) */
    char timing[RULE_ZONED_MAX]; /* what due times follow from, zone included */
};

/* Make the tables, where they are missing. The writer's connection, outside a transaction. */
enum err store_rules_prepare(struct store *s) MUST_CHECK;
enum err store_rule_add(struct store *s, const struct store_rule *rule) MUST_CHECK;
/* The first past class and version (those of a class stand together); NOT_FOUND past the last. The body is
 * borrowed until the next call on this store. */
enum err store_rule_next(struct store *s, const char *class_name, uint32_t version,
                         struct store_rule *ret) MUST_CHECK;
/* The newest of a class. */
enum err store_rule_last(struct store *s, const char *class_name, struct store_rule *ret)
    MUST_CHECK;
enum err store_rule_applied_get(struct store *s, const char *class_name, uint32_t *ret) MUST_CHECK;
enum err store_rule_applied_put(struct store *s, const char *class_name, uint32_t version)
    MUST_CHECK;

/* Write down what changed since the last configuration, inside the caller's transaction. configuration: digest
 * of the file; NULL: not known. */
enum err vault__rules_register(const struct registry *r, const uint8_t *configuration) MUST_CHECK;

/* What due times of a class follow from, the zone included: equal texts, equal due times. */
void vault__rule_timing(const struct class_def *def, char out[RULE_ZONED_MAX]);

struct writer;
/* Called outside any transaction. */
enum err vault__rule_applied(struct writer *w, const struct vault_rule_applied *op) MUST_CHECK;
