/* SPDX-License-Identifier: Apache-2.0 */
/* What happens when an assertion fails: one line on standard error, then abort without a core.
 * Runs on: any thread. Not here: any object's contents. */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void assert_fail(const char *file, int line, const char *expression)
{
    (void)fprintf(stderr, "lethe: bug at %s:%d: %s\n", file, line, expression);
    abort();
}
