/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that a configuration names as files: of callers, of scrapers. */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/secret.h"

enum conf_key_limits { CONF_KEY_MIN = 16, CONF_KEY_MAX = 256 /* characters */ };

/* Append the key in the file that `file:PATH` names to a secret buffer that has room for CONF_KEY_MAX. As conf_key_hash(). */
enum err conf_key_read(struct conf_node node, struct buf *out, struct errmsg *msg) MUST_CHECK;
/* The hash of the key in the file that `file:PATH` names. CONFIG with its place: another form, a file that
 * others may read, a key that is too short, too long or not visible ASCII. Blocks. */
enum err conf_key_hash(struct conf_node node, uint8_t ret_hash[SECRET_HASH_BYTES],
                       struct errmsg *msg) MUST_CHECK;
