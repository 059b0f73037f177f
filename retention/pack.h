/* SPDX-License-Identifier: Apache-2.0 */
/* Packs: tar archives (POSIX ustar) that are written in one way only, and read with suspicion. The one
 * adapter around libarchive. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

enum { PACK_NAME_MAX = 99 };

/* ---- writing ---- */

struct pack;

/* Begin a pack beside `path`, mode 0600, where nothing must stand yet (CONFLICT). Every member is of time_s, of
 * nobody, and only readable: equal members, equal bytes. Errors with a message. Caller ends it with
 * pack_finish() or pack_free(). Blocks, as all of these. */
enum err pack_new(const char *path, int64_t time_s, struct pack **ret_pack, struct errmsg *msg)
    MUST_CHECK;
/* A file; its name is relative, at most PACK_NAME_MAX bytes. IO, NO_SPACE. */
enum err pack_add(struct pack *pack, const char *name, struct span bytes) MUST_CHECK;
/* All of it is durable under `path` then; on an error nothing is. CONFLICT: somebody else was faster. */
enum err pack_finish(struct pack **pack) MUST_CHECK;
/* Drop what is not finished. NULL is fine; leaves NULL. */
void pack_free(struct pack **pack);

/* ---- reading ---- */

/* Give every member to `fn`, in order; its error ends it. Strict: nothing but plain files under names of
 * A-Z a-z 0-9 . _ - and /, none of them hidden, with zeroes between and after them. Errors with a message:
 * IO, INVALID (no such archive, or damaged: names the member), TOO_LARGE (LIMIT_PACK_MEMBER_MAX,
 * LIMIT_PACK_MEMBERS_MAX). `bytes` is borrowed during the call. Blocks. */
enum err pack_read(const char *path,
                   enum err (*fn)(const char *name, struct span bytes, void *context,
                                  struct errmsg *msg),
                   void *context, struct errmsg *msg) MUST_CHECK;
