/* SPDX-License-Identifier: Apache-2.0 */
/* The adapter of utf8proc.
 * Runs on: any thread. Holds: nothing. Not here: what is compared (proxy/near_name.c), who is asked for a line
 * (admin/ops.c and others). */
#include "base/unicode.h"

#include <string.h>

#include <utf8proc.h>

/* Letters, marks, digits and symbols count; what separates them, or cannot be seen, does not. */
static bool counts(int32_t character)
{
    switch (utf8proc_category(character)) {
    case UTF8PROC_CATEGORY_PC: /* _ */
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
        return false;
    default:
        return true;
    }
}

/* ASCII by hand: names are mostly that. */
static size_t fold_ascii(uint8_t c, int32_t folded[UNICODE_FOLDED_MAX])
{
    static const char symbols[] = "$+<=>^`|~";
    const uint8_t lower = c | 0x20;

    if (lower >= 'a' && lower <= 'z')
        folded[0] = lower;
    else if ((c >= '0' && c <= '9') || memchr(symbols, c, sizeof(symbols) - 1) != NULL)
        folded[0] = c;
    else
        return 0;
    return 1;
}

static size_t fold_other(int32_t character, int32_t folded[UNICODE_FOLDED_MAX])
{
    int32_t parts[UNICODE_FOLDED_MAX];
    int last_class = UTF8PROC_BOUNDCLASS_START;
    const utf8proc_ssize_t count = utf8proc_decompose_char(
        character, parts, UNICODE_FOLDED_MAX,
        UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE, &last_class);
    size_t kept = 0;

    for (utf8proc_ssize_t i = 0; i < count && i < UNICODE_FOLDED_MAX; i++)
        if (counts(parts[i]))
            folded[kept++] = parts[i];
    return kept;
}

bool unicode_fold_next(struct span *rest, int32_t folded[UNICODE_FOLDED_MAX], size_t *ret_count)
{
    const uint8_t *p = (const uint8_t *)rest->at;
    int32_t character = 0;
    utf8proc_ssize_t len = 1;

    if (rest->len == 0)
        return false;
    if (*p < 0x80) {
        *ret_count = fold_ascii(*p, folded);
    } else {
        len = utf8proc_iterate(p, (utf8proc_ssize_t)rest->len, &character);
        if (len <= 0)
            return false;
        *ret_count = fold_other(character, folded);
    }
    rest->at += len;
    rest->len -= (size_t)len;
    return true;
}

bool unicode_is_line(struct span text)
{
    const uint8_t *at = (const uint8_t *)text.at;
    int32_t c = 0;

    for (size_t left = text.len; left > 0;) {
        const utf8proc_ssize_t taken = utf8proc_iterate(at, (utf8proc_ssize_t)left, &c);

        if (taken <= 0 || unicode_steers(c))
            return false;
        at += taken;
        left -= (size_t)taken;
    }
    return true;
}
