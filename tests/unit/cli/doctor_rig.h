/* SPDX-License-Identifier: Apache-2.0 */
/* Findings of one look. */
#pragma once

#include <criterion/criterion.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "cli/doctor.h"

/* What was found is this, and nothing else: the last finding, how many there are, a part of its text. Empties. */
static inline void expect_found(struct doctor *d, size_t count, enum doctor_level level,
                                const char *check, const char *text)
{
    const struct doctor_finding *last = d->first;
    size_t n = last == NULL ? 0 : 1;

    for (; last != NULL && last->next != NULL; n++)
        last = last->next;
    cr_assert_eq(n, count, "%zu findings about %s, not %zu", n, check, count);
    cr_assert_str_eq(last->check, check);
    cr_assert_eq(last->level, level, "%s: %s", check, last->text);
    cr_assert_not_null(strstr(last->text, text), "%s: %s", check, last->text);
    cr_assert_eq(last->todo == NULL, level == DOCTOR_OK, "%s: what to do", check);
    doctor_done(d);
}
