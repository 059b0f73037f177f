/* SPDX-License-Identifier: Apache-2.0 */
/* Provider `vault`, as its files share it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "keys/provider.h"
#include "keys/transit_priv.h"
#include "keys/wrapped_priv.h"

struct vault_provider {
    struct provider provider;
    struct keys_wrapper wrapper;
    struct transit_options options;
    struct transit *transit;
    int64_t lease_ms;      /* configured */
    int64_t last_lease_ms; /* as the last check() that was OK said */
    char *address;
    char *ca;
    char *file;        /* the envelope */
    char *doomed_file; /* keys/transit_drop.c */
    char *token_file;
    char *role_id_file;
    char *secret_id_file;
};

/* The text of a line, NUL-terminated; false when it is none of a Transit engine. */
bool transit__wrapped_text(const struct keys_wrapped *in, char ret_text[TRANSIT_CIPHERTEXT_MAX + 1])
    MUST_CHECK;
/* The version of the Transit key that it was wrapped under; 0 when it is no such text. */
int64_t transit__wrapped_version(const struct keys_wrapped *in);

/* provider_ops.drop. Blocks on files and requests. */
enum err transit__drop(struct vault_provider *v, uint32_t epoch, struct errmsg *msg) MUST_CHECK;
/* Finish a drop that was cut short, as far as the server lets it. */
void transit__drop_finish(struct vault_provider *v);
