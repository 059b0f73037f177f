/* SPDX-License-Identifier: Apache-2.0 */
/* The configured root key: `root_key`, and while it moves to another provider also
 * `root_key_previous`; and how old it may grow, `key_rotation`. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"
#include "base/period.h"
#include "keys/provider.h"
#include "vault/rootkey.h"

struct keys;

/* Read the keys above from the configuration's top level, which must outlive them; touches neither
 * key file nor network. CONFIG with FILE:LINE:COLUMN. ret_keys: keys_free(). */
enum err keys_read(struct conf_node root, struct keys **ret_keys, struct errmsg *msg) MUST_CHECK;
void keys_free(struct keys **keys);

/* What --passphrase-fd says; -1: the terminal is asked. Before the first load. */
void keys_use_fd(struct keys *keys, int fd);
/* From now on nobody is asked for anything: the server serves. */
void keys_end_prompt(struct keys *keys);

/* The functions below may be called by any thread; one at a time is inside a provider. They block
 * as providers do. */

/* All versions of both providers. CONFIG, with a message that names the file or variable: none
 * was ever made, more than a rotation needs, two that contradict each other, a secret in the environment (it
 * is seen by every child, in /proc and in crash reports). Otherwise what providers say (SEALED).
 * ret: root_keys_done(). */
enum err keys_load(struct keys *keys, struct root_keys *ret, struct errmsg *msg) MUST_CHECK;
/* The first version of all, in `root_key` (of a read-only provider: the one that is there). CONFLICT when there is one, here or in
 * `root_key_previous`. ret: root_key_done(). */
enum err keys_create(struct keys *keys, struct root_key *ret, struct errmsg *msg) MUST_CHECK;
/* Make version `epoch` in `root_key`; errors as provider_ops.add(). ret: root_key_done(). */
enum err keys_add(struct keys *keys, uint32_t epoch, struct root_key *ret, struct errmsg *msg)
    MUST_CHECK;
/* Destroy version `epoch` in both providers; errors as provider_ops.drop(). */
enum err keys_drop(struct keys *keys, uint32_t epoch, struct errmsg *msg) MUST_CHECK;

/* Can the access to the keys end (a lease, a token that is pulled)? Then keys_check() is worth
 * calling. */
bool keys_is_leased(const struct keys *keys);
/* As provider_ops.check() of `root_key`. */
enum err keys_check(struct keys *keys, struct provider_health *ret, struct errmsg *msg) MUST_CHECK;

/* For status and messages. The previous one is NULL when there is none. */
const char *keys_name(const struct keys *keys);
const char *keys_previous_name(const struct keys *keys);
/* `key_rotation`: the period, and as it was written. */
const struct period *keys_rotation_period(const struct keys *keys);
const char *keys_rotation_text(const struct keys *keys);

/* CONFIG, naming the variable, when the environment holds a secret of Lethe's providers. */
enum err keys_check_environment(struct errmsg *msg) MUST_CHECK;
