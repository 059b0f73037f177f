/* SPDX-License-Identifier: Apache-2.0 */
/* Names that look like declared ones and are not (E14): `Email`, `e-mail`, fullwidth letters, zero-width
 * characters, a NUL behind. An application that is lenient about names would take them for the declared
 * one, and their values would reach it in clear. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

struct near_names;

/* By their first and last bytes most names can be told to be like none. */
struct near_filter {
    bool first[256], last[256]; /* by byte: a name that begins, ends with it may be like one */
};

struct near_names *near_names_new(void);
void near_names_free(struct near_names **names);
/* Add a declared name. ret_group: a number from 0 on that it shares with all names that say the same. A
 * name in which nothing is left to compare (`-`), or more than 128 characters are, or that is no UTF-8, is like no other: SIZE_MAX. */
enum err near_names_add(struct near_names *names, struct span name, size_t *ret_group) MUST_CHECK;
size_t near_names_count(const struct near_names *names); /* of groups */
/* The group of declared names that this one says the same as; SIZE_MAX when there is none. It may be one of
 * them: that is the caller's to know. */
size_t near_names_find(const struct near_names *names, struct span name);
const struct near_filter *near_names_filter(const struct near_names *names);

static inline bool near_filter_passes(const struct near_filter *f, struct span name)
{
    return name.len > 0 && f->first[(uint8_t)name.at[0]] && f->last[(uint8_t)name.at[name.len - 1]];
}
