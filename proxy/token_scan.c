/* SPDX-License-Identifier: Apache-2.0 */
/* Finding tokens in text.
 * Runs on: any thread. Holds: nothing. Invariant: the same tokens are found however the text is cut into
 * pieces. Not here: whether a token stands for anything. */
#include "proxy/token_scan.h"

#include <string.h>

enum { PREFIX_LEN = 3, DOMAIN_MAX = TOKEN_TEXT_MAX - TOKEN_EMAIL_LOCAL_LEN - 1 };

/* What stands at a place. */
enum finding { NOTHING, TOKEN, UNFINISHED };

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_alnum(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9');
}

/* ---- opaque tokens ---- */

/* text begins with "lt_". */
static enum finding judge_opaque(struct span text, bool last, size_t *ret_len)
{
    if (text.len >= TOKEN_OPAQUE_LEN) {
        *ret_len = TOKEN_OPAQUE_LEN;
        return token_is(span_of(text.at, TOKEN_OPAQUE_LEN)) ? TOKEN : NOTHING;
    }
    for (size_t i = PREFIX_LEN; i < text.len; i++) {
        if (!is_alnum(text.at[i]))
            return NOTHING;
    }
    return last ? NOTHING : UNFINISHED;
}

/* ---- e-mail tokens ---- */

/* Does a text begin with `what`, whatever the case? */
static bool begins_with(struct span text, struct span what)
{
    return text.len >= what.len && span_equal_nocase(span_of(text.at, what.len), what);
}

/* The domain after the `@`: its length, 0 when it is none. */
static enum finding judge_domain(const struct token_scan *scan, struct span text, bool last,
                                 size_t *ret_len)
{
    size_t run = 0, best = 0;

    while (run < text.len && run <= DOMAIN_MAX &&
           (is_alnum(text.at[run]) || text.at[run] == '.' || text.at[run] == '-'))
        run++;
    for (size_t i = 0; i < scan->domain_count; i++) {
        const struct span domain = scan->domains[i];

        if (!last && run == text.len && domain.len > run && begins_with(domain, text))
            return UNFINISHED;
        if (domain.len > best && begins_with(text, domain))
            best = domain.len;
    }
    if (best == 0 && !last && run == text.len && run <= DOMAIN_MAX)
        return UNFINISHED;
    if (best == 0 && run <= DOMAIN_MAX) {
        best = run;
        while (best > 0 && !is_alnum(text.at[best - 1])) /* what ends a sentence */
            best--;
    }
    *ret_len = best;
    return best > 0 ? TOKEN : NOTHING;
}

/* Is this a local part with the right check characters? */
static bool is_local(const char *text)
{
    char address[TOKEN_EMAIL_LOCAL_LEN + 2];

    memcpy(address, text, TOKEN_EMAIL_LOCAL_LEN);
    memcpy(address + TOKEN_EMAIL_LOCAL_LEN, "@x", 2);
    return token_is(span_of(address, sizeof(address)));
}

/* text begins with "lt-", in any case. */
static enum finding judge_email(const struct token_scan *scan, struct span text, bool last,
                                size_t *ret_len)
{
    const size_t most = text.len < TOKEN_EMAIL_LOCAL_LEN ? text.len : (size_t)TOKEN_EMAIL_LOCAL_LEN;
    const size_t domain_at = TOKEN_EMAIL_LOCAL_LEN + 1;
    enum finding found;

    for (size_t i = PREFIX_LEN; i < most; i++) {
        if (!is_alnum(text.at[i]))
            return NOTHING;
    }
    if (text.len <= TOKEN_EMAIL_LOCAL_LEN)
        return last ? NOTHING : UNFINISHED;
    if (text.at[TOKEN_EMAIL_LOCAL_LEN] != '@' || !is_local(text.at))
        return NOTHING;
    found = judge_domain(scan, span_of(text.at + domain_at, text.len - domain_at), last, ret_len);
    *ret_len += found == TOKEN ? domain_at : 0;
    return found;
}

/* ---- anywhere ---- */

/* How far the third character of three is from where a token can begin: of "lt_" and "lt-" it is none but
 * the last. */
static size_t distance(char c)
{
    switch (c) {
    case '_':
    case '-':
        return 0;
    case 't':
    case 'T':
        return 1;
    case 'l':
    case 'L':
        return 2;
    default:
        return 3;
    }
}

/* The next place from `at` on where "lt_" or "lt-" stands or, at the end of the text, may begin. */
static size_t next_place(struct span text, size_t at)
{
    while (text.len - at >= PREFIX_LEN) {
        const size_t step = distance(text.at[at + 2]);

        if (step == 0 && (text.at[at] | 0x20) == 'l' && (text.at[at + 1] | 0x20) == 't')
            return at;
        at += step == 0 ? 3 : step;
    }
    for (; at < text.len; at++) {
        if ((text.at[at] | 0x20) == 'l' && (at + 1 == text.len || (text.at[at + 1] | 0x20) == 't'))
            break;
    }
    return at;
}

static enum finding judge(const struct token_scan *scan, struct span text, bool last,
                          size_t *ret_len)
{
    if (text.len < PREFIX_LEN)
        return last ? NOTHING : UNFINISHED;
    if (text.at[2] == '-')
        return judge_email(scan, text, last, ret_len);
    return memcmp(text.at, "lt_", PREFIX_LEN) == 0 ? judge_opaque(text, last, ret_len) : NOTHING;
}

bool token_scan_next(const struct token_scan *scan, struct span text, bool last, size_t *at,
                     struct token_place *ret)
{
    size_t i = next_place(text, *at), len = 0;

    for (; i < text.len; i = next_place(text, i + 1)) {
        const enum finding found = judge(scan, span_of(text.at + i, text.len - i), last, &len);

        if (found == UNFINISHED)
            break;
        if (found == TOKEN) {
            *ret = (struct token_place){i, i + len};
            *at = i + len;
            return true;
        }
    }
    *at = i;
    return false;
}
