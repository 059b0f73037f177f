/* SPDX-License-Identifier: Apache-2.0 */
/* Standard output without stdio: its buffer would keep values in memory that is never wiped. And files that a command
 * was told to write. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/span.h"

/* What is written from here on goes to this descriptor; name: what it is called when it cannot be written, borrowed.
 * Standard output until then. */
void output_use(int fd, const char *name);
/* Write all of it there; IO when that fails, with the reason on standard error. Blocks. */
enum err output_write(struct span bytes) MUST_CHECK;
/* The same of a text, of which at most a KiB is written. */
enum err output_print(const char *format, ...) MUST_CHECK __attribute__((format(printf, 1, 2)));
/* A tree, indented, with a newline. */
enum err output_json(const struct json *tree) MUST_CHECK;
/* The same on one line. */
enum err output_json_line(const struct json *tree) MUST_CHECK;
/* Put a file in place, whole or not at all, mode 0600; one that stands there is replaced. IO, with a message. */
enum err output_file(const char *path, struct span bytes, struct errmsg *msg) MUST_CHECK;
/* The same, but one that stands there stays as it is: CONFLICT. */
enum err output_new_file(const char *path, struct span bytes, struct errmsg *msg) MUST_CHECK;
/* Make a file, mode 0600, that is written bit by bit. Errors with a message: CONFLICT (one that stands there stays as it
 * is), IO. ret_fd: output_end(). */
enum err output_begin(const char *path, int *ret_fd, struct errmsg *msg) MUST_CHECK;
/* Close it. It stays only when all went well so far (e) and it is on the medium; otherwise it is removed, or, where whoever
 * made it was another user, emptied. Gives back e, or IO with a message. *fd: -1 then. */
enum err output_end(const char *path, int *fd, enum err e, struct errmsg *msg) MUST_CHECK;
