/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing names by what they say.
 * Runs on: any thread; a finished set is read-only. Holds: the declared names, folded. Invariant: a name
 * is looked at no further than it can still match. Not here: how names are folded (base/unicode.c),
 * what is done about them (fields_near.c, exchange_store.c). */
#include "proxy/near_name.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/unicode.h"

enum { NEAR_NAME_MAX = 128 }; /* folded characters; longer names are like no other */

struct group {
    int32_t *folded;
    size_t len;
};

struct near_names {
    struct group *groups;
    size_t count;
    size_t longest;
    struct near_filter filter;
};

/* A name may begin or end with this character of a group; others than ASCII are let through anyway. */
static void let_through(bool bytes[256], int32_t folded)
{
    if (folded < 128)
        bytes[folded] = true;
    if (folded >= 'a' && folded <= 'z')
        bytes[folded - 'a' + 'A'] = true;
}

struct near_names *near_names_new(void)
{
    struct near_names *n = mem_alloc(sizeof(*n));

    for (int c = 0; c < 256; c++) { /* what is folded away may stand at both ends of any name */
        const char text = (char)c;
        struct span rest = span_of(&text, 1);
        int32_t folded[UNICODE_FOLDED_MAX];
        size_t count = 0;

        (void)unicode_fold_next(&rest, folded, &count);
        n->filter.first[c] = count == 0;
        n->filter.last[c] = count == 0;
    }
    return n;
}

void near_names_free(struct near_names **names)
{
    struct near_names *n = TAKE(*names);

    if (n == NULL)
        return;
    for (size_t i = 0; i < n->count; i++)
        free(n->groups[i].folded);
    free(n->groups);
    free(n);
}

static size_t find_group(const struct near_names *n, const int32_t *folded, size_t len)
{
    for (size_t i = 0; i < n->count; i++)
        if (n->groups[i].len == len &&
            memcmp(n->groups[i].folded, folded, len * sizeof(*folded)) == 0)
            return i;
    return SIZE_MAX;
}

static enum err add_group(struct near_names *n, const int32_t *folded, size_t len)
{
    struct group *larger = realloc(n->groups, (n->count + 1) * sizeof(*larger));
    int32_t *copy = mem_try_alloc(len, sizeof(*copy));

    if (larger != NULL)
        n->groups = larger;
    if (larger == NULL || copy == NULL) {
        free(copy);
        return ERR_NO_SPACE;
    }
    memcpy(copy, folded, len * sizeof(*copy));
    n->groups[n->count++] = (struct group){.folded = copy, .len = len};
    if (len > n->longest)
        n->longest = len;
    let_through(n->filter.first, folded[0]);
    let_through(n->filter.last, folded[len - 1]);
    return ERR_OK;
}

enum err near_names_add(struct near_names *n, struct span name, size_t *ret_group)
{
    int32_t folded[NEAR_NAME_MAX + UNICODE_FOLDED_MAX];
    size_t len = 0, count = 0;

    while (len <= NEAR_NAME_MAX && unicode_fold_next(&name, folded + len, &count))
        len += count;
    if (len == 0 || len > NEAR_NAME_MAX || name.len > 0) {
        *ret_group = SIZE_MAX;
        return ERR_OK;
    }
    *ret_group = find_group(n, folded, len);
    if (*ret_group != SIZE_MAX)
        return ERR_OK;
    *ret_group = n->count;
    return add_group(n, folded, len);
}

/* Does a group begin with this character? */
static bool is_first(const struct near_names *n, int32_t folded)
{
    for (size_t i = 0; i < n->count; i++)
        if (n->groups[i].folded[0] == folded)
            return true;
    return false;
}

size_t near_names_find(const struct near_names *n, struct span name)
{
    int32_t folded[NEAR_NAME_MAX + UNICODE_FOLDED_MAX];
    size_t len = 0, count = 0;

    if (!near_filter_passes(&n->filter, name))
        return SIZE_MAX;
    while (len <= n->longest && unicode_fold_next(&name, folded + len, &count)) {
        if (len == 0 && count > 0 && !is_first(n, folded[0]))
            return SIZE_MAX;
        len += count;
    }
    return len == 0 || name.len > 0 ? SIZE_MAX : find_group(n, folded, len);
}

size_t near_names_count(const struct near_names *n)
{
    return n->count;
}

const struct near_filter *near_names_filter(const struct near_names *n)
{
    return &n->filter;
}
