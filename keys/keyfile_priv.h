/* SPDX-License-Identifier: Apache-2.0 */
/* Small files that hold keys: read only when nobody else can, and replaced so that there is a whole
 * file at every moment and nothing is left of the old one.
 *
 * Replacing PATH: PATH.new is written and synced; PATH.old becomes a second name of the old file;
 * PATH.new is renamed to PATH; the folder is synced; the old bytes are overwritten with zeroes
 * through PATH.old and synced; PATH.old goes. Whatever a crash leaves of this is finished by the
 * next keys__keyfile_settle(), which every change begins with. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "keys/keyfile.h"

/* As keys_keyfile_read(), for a file that systemd hands over: its group bits may say "read" (they are the mask of
 * an access list that names the service's user). */
enum err keys__keyfile_read_credential(const char *path, const char *what, size_t max,
                                       uint8_t **ret_bytes, size_t *ret_len, struct errmsg *msg)
    MUST_CHECK;
/* Make a file, 0400, durable with its folder. CONFLICT when there is one. Nothing is left behind on
 * an error. Blocks. */
enum err keys__keyfile_create(const char *path, const uint8_t *bytes, size_t len,
                              struct errmsg *msg) MUST_CHECK;
/* Put new contents in the place of a file's (a link is followed); the old are destroyed. On an
 * error before the rename the old file stands; one after it is repaired by the next settle. Blocks. */
enum err keys__keyfile_replace(const char *path, const uint8_t *bytes, size_t len,
                               struct errmsg *msg) MUST_CHECK;
/* Overwrite, sync and remove. OK when there is none. Blocks. */
enum err keys__keyfile_destroy(const char *path, struct errmsg *msg) MUST_CHECK;
/* Finish what a crash left of a change. Blocks. */
enum err keys__keyfile_settle(const char *path, struct errmsg *msg) MUST_CHECK;
