/* SPDX-License-Identifier: Apache-2.0 */
/* Standard output without stdio: its buffer would keep values in memory that is never wiped. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/span.h"

/* Write all of it to standard output; IO when that fails, with the reason on standard error. Blocks. */
enum err output_write(struct span bytes) MUST_CHECK;
/* The same of a text, of which at most a KiB is written. */
enum err output_print(const char *format, ...) MUST_CHECK __attribute__((format(printf, 1, 2)));
/* A tree, indented, with a newline. */
enum err output_json(const struct json *tree) MUST_CHECK;
/* The same on one line. */
enum err output_json_line(const struct json *tree) MUST_CHECK;
/* Put a file in place, whole or not at all, mode 0600; one that stands there is replaced. IO. */
enum err output_file(const char *path, struct span bytes) MUST_CHECK;
/* The same, but one that stands there stays as it is: CONFLICT. */
enum err output_new_file(const char *path, struct span bytes) MUST_CHECK;
