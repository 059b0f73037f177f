/* SPDX-License-Identifier: Apache-2.0 */
/* What a caller is, for the files that find one: caller.c (by key and certificate), caller_token.c. */
#pragma once

#include "proxy/caller.h"

struct purpose {
    char *name;
    bool legal; /* a legal claim: what a hold keeps is kept for it */
    uint8_t actions[CLASSES_MAX + 1];
    struct guard_rules rules;
};

struct caller {
    char *name;
    bool has_key;
    uint8_t key_hash[SECRET_HASH_BYTES];
    bool has_next_key;
    uint8_t next_key_hash[SECRET_HASH_BYTES];
    struct caller_certificate certificate;
    const struct caller_jwt *jwt; /* NULL: not by token */
    size_t jwt_field;             /* index into callers->fields */
    struct caller_quotas quotas;  /* as declared */
    struct vault_caller *state;
    struct purpose *purposes;
    size_t purpose_count;
    bool some_domains;
    bool domains[DOMAINS_MAX];
};

struct callers {
    struct caller *at;
    size_t count;
    struct caller_field fields[CALLER_FIELDS_MAX];
    size_t field_count;
};
