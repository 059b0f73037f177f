/* SPDX-License-Identifier: Apache-2.0 */
#include "base/effort.h"

#include <criterion/criterion.h>
#include <string.h>

Test(effort, is_what_was_said_last_of_each_kind)
{
    uint64_t done = 1, total = 1;

    effort_get(EFFORT_BACKUP, &done, &total);
    cr_assert(done == 0 && total == 0);
    effort_set(EFFORT_BACKUP, 3, 10);
    effort_set(EFFORT_RECOUNT, 7, 0);
    effort_set(EFFORT_BACKUP, 4, 10);
    effort_get(EFFORT_BACKUP, &done, &total);
    cr_assert(done == 4 && total == 10);
    effort_get(EFFORT_RECOUNT, &done, &total);
    cr_assert(done == 7 && total == 0);
}

Test(effort, has_a_name_of_its_own)
{
    for (enum effort a = 0; a < EFFORTS; a++)
        for (enum effort b = a + 1; b < EFFORTS; b++)
            cr_assert_str_neq(effort_name(a), effort_name(b));
}
