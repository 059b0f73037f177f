/* SPDX-License-Identifier: Apache-2.0 */
/* Finding what may be personal data in a text.
 *
 * An address is looked for around each @. Everything else is a run: letters and digits, between which
 * single blanks, points, hyphens and the like may stand. From each place where a run may begin it is
 * read as far as the longest form goes, and looked at wherever a group of it ends.
 *
 * Runs on: any thread. Holds: nothing. Invariant: what is done at each byte is bounded, whatever the
 * text is. Not here: check digits (detect_number.c, detect_id.c), documents (detect_json.c). */
#include "proxy/detect.h"

#include <string.h>

#include "base/mem.h"
#include "proxy/detect_priv.h"

enum {
    LOCAL_MAX = 64, /* RFC 5321 4.5.3.1 */
    DOMAIN_MAX = 255,
    PHONE_MIN = 8, /* digits, with the country's (ITU-T E.164: 15 at most) */
    PHONE_MAX = 15,
    GROUPS_MAX = 9, /* an IBAN in fours */
    SINGLES_MAX = 2 /* groups of one character, of a candidate */
};

const char *detect_kind_name(enum detect_kind kind)
{
    static const char *const names[] = {"nothing", "email", "phone", "card", "iban", "national_id"};

    return names[kind];
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_alnum(char c)
{
    return is_digit(c) || is_letter(c) || (uint8_t)c >= 0x80;
}

/* ---- e-mail addresses ---- */

static bool is_local(char c)
{
    return is_alnum(c) || (c != '\0' && strchr(".!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* Labels with a point between them, the last one of two letters or more. */
static bool is_domain(const char *p, const char *end)
{
    const char *start = p, *label = p;
    size_t labels = 0;

    for (; p < end && p - start < DOMAIN_MAX && (is_alnum(*p) || *p == '-' || *p == '.'); p++) {
        if (*p != '.')
            continue;
        if (p == label)
            break;
        labels++;
        label = p + 1;
    }
    if (p == label && labels > 0) /* a full stop behind it */
        return labels > 1 && p - start > 4;
    return labels > 0 && p - label >= 2 && !is_digit(*label) && *label != '-';
}

static bool has_email(struct span text)
{
    const char *end = text.at + text.len, *from = text.at, *at;

    while ((at = memchr(from, '@', (size_t)(end - from))) != NULL) {
        if (at > from && is_local(at[-1]) && is_domain(at + 1, end))
            return true;
        from = at + 1;
    }
    return false;
}

/* ---- runs ---- */

struct run {
    char text[DETECT_RUN_MAX + 1]; /* without separators, in capitals */
    size_t len;
    bool digits; /* nothing else */
    bool card;   /* only blanks and hyphens between them */
};

static enum detect_kind judge(const struct run *r, bool whole)
{
    if (r->digits && r->card && detect__is_card(r->text, r->len))
        return DETECT_CARD;
    if (is_letter(r->text[0]) && is_letter(r->text[1]) && detect__is_iban(r->text, r->len))
        return DETECT_IBAN;
    return detect__is_id(r->text, r->len, whole) ? DETECT_ID : DETECT_NOTHING;
}

/* A group ends at p: is it anything so far? */
static enum detect_kind judge_group(const struct run *r, struct span text, const char *start,
                                    const char *p)
{
    return r->len < DETECT_DIGITS_MIN ? DETECT_NOTHING
                                      : judge(r, start == text.at && p == text.at + text.len);
}

/* The next group into the run: past it. */
static const char *read_group(struct run *r, const char *p, const char *end)
{
    while (p < end && r->len < DETECT_RUN_MAX && (is_digit(*p) || is_letter(*p))) {
        r->digits = r->digits && is_digit(*p);
        r->text[r->len++] = is_digit(*p) ? *p : (char)(*p & ~0x20);
        p++;
    }
    return p;
}

/* What stands at p, where a run begins. */
static enum detect_kind read_run(struct span text, const char *p)
{
    const char *start = p, *end = text.at + text.len, *group;
    struct run r = {.digits = true, .card = true};
    enum detect_kind kind = DETECT_NOTHING;
    size_t singles = 0;

    for (size_t groups = 0; groups < GROUPS_MAX && singles <= SINGLES_MAX; groups++) {
        group = p;
        p = read_group(&r, p, end);
        if (p == group || (p < end && is_alnum(*p)))
            break; /* no group, or a longer one than any has */
        singles += p - group == 1;
        kind = judge_group(&r, text, start, p);
        if (kind != DETECT_NOTHING || p == end || *p == '\0' || strchr(" -./", *p) == NULL)
            break;
        r.card = r.card && (*p == ' ' || *p == '-');
        p++;
    }
    return kind;
}

/* +49 (30) 1234-567 */
static bool is_phone(const char *p, const char *end)
{
    size_t digits = 0;

    if (p + 1 == end || p[1] < '1' || p[1] > '9')
        return false;
    for (p++; p < end && digits <= PHONE_MAX; p++) {
        if (is_digit(*p))
            digits++;
        else if (*p == '\0' || strchr(" -./()", *p) == NULL)
            break;
    }
    return digits >= PHONE_MIN && digits <= PHONE_MAX &&
           (p == end || !is_digit(p[-1]) || !is_letter(*p));
}

/* Whether there are digits enough for any of it. */
static bool has_digits(struct span text)
{
    size_t digits = 0;

    for (size_t i = 0; i < text.len; i++)
        digits += is_digit(text.at[i]);
    return digits >= DETECT_DIGITS_MIN;
}

enum detect_kind detect_personal(struct span text)
{
    const char *end = text.at + text.len;

    if (text.len == 0)
        return DETECT_NOTHING;
    if (has_email(text))
        return DETECT_EMAIL;
    if (!has_digits(text))
        return DETECT_NOTHING;
    for (const char *p = text.at; p < end; p++) {
        const bool begins = p == text.at || !is_alnum(p[-1]);
        enum detect_kind kind = DETECT_NOTHING;

        if (begins && *p == '+' && is_phone(p, end))
            return DETECT_PHONE;
        if (begins && is_alnum(*p))
            kind = read_run(text, p);
        if (kind != DETECT_NOTHING)
            return kind;
    }
    return DETECT_NOTHING;
}
