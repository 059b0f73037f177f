/* SPDX-License-Identifier: Apache-2.0 */
/* Whose files may hold secrets of this process.
 * Runs on: any thread. Holds: the user to come, set once before there are threads. Not here: becoming
 * that user (cli/privilege.c). */
#include "base/owner.h"

#include <unistd.h>

static uid_t expected; /* root, until something else is said: trusted in any case */

void owner_expect(uid_t uid)
{
    expected = uid;
}

bool owner_is_ours(uid_t uid)
{
    return uid == 0 || uid == geteuid() || uid == expected;
}
