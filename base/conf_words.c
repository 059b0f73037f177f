/* SPDX-License-Identifier: Apache-2.0 */
/* Which key was meant: the nearest of the known ones.
 * Runs on: any thread. Holds: nothing. */
#include "base/conf_priv.h"

#include <ctype.h>

static int least(int a, int b)
{
    return a < b ? a : b;
}

enum { NEAR_MAX = 2, WORD_MAX = 63 };

/* Damerau-Levenshtein distance without regard to case (a neighbouring pair swapped is one step). */
static int distance(const char *a, const char *b)
{
    int rows[3][WORD_MAX + 1];
    size_t a_len = strlen(a), b_len = strlen(b);

    if (a_len > WORD_MAX || b_len > WORD_MAX)
        return NEAR_MAX + 1;
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = (int)j;
    for (size_t i = 1; i <= a_len; i++) {
        int *row = rows[i % 3], *above = rows[(i - 1) % 3], *above2 = rows[(i + 1) % 3];

        row[0] = (int)i;
        for (size_t j = 1; j <= b_len; j++) {
            int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);

            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
                y == tolower((unsigned char)a[i - 2]))
                row[j] = least(row[j], above2[j - 2] + 1);
        }
    }
    return rows[a_len % 3][b_len];
}

const char *conf_nearest(const char *name, const char *const known[])
{
    const char *best = NULL;
    int best_distance = NEAR_MAX + 1;

    for (; *known != NULL; known++) {
        int d = distance(name, *known);

        /* two steps away in a word of three letters is another word */
        if (d < best_distance && (size_t)d * 2 <= strlen(*known)) {
            best = *known;
            best_distance = d;
        }
    }
    return best;
}
