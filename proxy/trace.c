/* SPDX-License-Identifier: Apache-2.0 */
/* W3C Trace Context (level 1).
 * Runs on: any thread. Holds: nothing. Invariant: what is called valid is that to every reader of the
 * standard, so that nothing else travels under these names. Not here: what is passed on
 * (headers.c). */
#include "proxy/trace.h"

#include <string.h>

static bool is_lower_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Digits, and not all of them zero. */
static bool is_id(const char *at, size_t len)
{
    bool zero = true;

    for (size_t i = 0; i < len; i++) {
        if (!is_lower_hex(at[i]))
            return false;
        zero = zero && at[i] == '0';
    }
    return !zero;
}

bool trace_parent_is_valid(struct span t)
{
    enum { TRACE_AT = 3, SPAN_AT = 36, FLAGS_AT = 53 };

    if (t.len < TRACE_PARENT_LEN || !is_lower_hex(t.at[0]) || !is_lower_hex(t.at[1]) ||
        memcmp(t.at, "ff", 2) == 0)
        return false;
    if (memcmp(t.at, "00", 2) == 0 ? t.len != TRACE_PARENT_LEN
                                   : t.len > TRACE_PARENT_LEN && t.at[TRACE_PARENT_LEN] != '-')
        return false;
    return t.at[TRACE_AT - 1] == '-' && is_id(t.at + TRACE_AT, TRACE_ID_LEN) &&
           t.at[SPAN_AT - 1] == '-' && is_id(t.at + SPAN_AT, TRACE_SPAN_LEN) &&
           t.at[FLAGS_AT - 1] == '-' && is_lower_hex(t.at[FLAGS_AT]) &&
           is_lower_hex(t.at[FLAGS_AT + 1]);
}

static bool is_member(struct span m)
{
    const char *equals = memchr(m.at, '=', m.len);

    if (equals == NULL || equals == m.at || equals == m.at + m.len - 1)
        return false;
    for (const char *c = m.at; c < equals; c++)
        if (!is_lower_hex(*c) && !(*c >= 'g' && *c <= 'z') && strchr("_-*/@", *c) == NULL)
            return false;
    for (const char *c = equals + 1; c < m.at + m.len; c++)
        if (*c < ' ' || *c > '~' || *c == '=')
            return false;
    return true;
}

static struct span trimmed(struct span s)
{
    while (s.len > 0 && (s.at[0] == ' ' || s.at[0] == '\t'))
        s = span_of(s.at + 1, s.len - 1);
    while (s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
        s.len--;
    return s;
}

bool trace_state_is_valid(struct span text)
{
    size_t members = 0;

    if (text.len > TRACE_STATE_MAX)
        return false;
    while (text.len > 0) {
        const char *comma = memchr(text.at, ',', text.len);
        size_t len = comma == NULL ? text.len : (size_t)(comma - text.at);
        struct span member = trimmed(span_of(text.at, len));

        if (member.len > 0 && (!is_member(member) || ++members > TRACE_STATE_MEMBERS_MAX))
            return false;
        len += comma != NULL;
        text = span_of(text.at + len, text.len - len);
    }
    return true;
}

void trace_parent_write(char out[TRACE_PARENT_LEN], struct span trace, struct span span)
{
    memcpy(out, "00-", 3);
    memcpy(out + 3, trace.at, TRACE_ID_LEN);
    out[35] = '-';
    memcpy(out + 36, span.at, TRACE_SPAN_LEN);
    memcpy(out + 52, "-00", 3);
}
