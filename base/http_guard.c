/* SPDX-License-Identifier: Apache-2.0 */
/* Judges raw request heads (RFC 9112 3, 5, 6; RFC 9110 5, 7.6.1, 10.1.1).
 * Runs on: any thread, for every request. Holds: nothing. Invariant: OK means that every reader
 * that keeps to the RFCs, or errs as the known ones do, sees the same one request. Not here: normal
 * paths (proxy/path.h), routes, bodies. */
#include "base/http_guard.h"

#include <string.h>

#include "base/limits.h"
#include "base/http_line.h"

enum {
    LENGTH_DIGITS_MAX = 18, /* always fits int64_t */
    NAME_MAX_KNOWN = 22     /* the longest name below */
};

enum field_kind {
    FIELD_OTHER,
    FIELD_HOST,
    FIELD_LENGTH,
    FIELD_CODING,
    FIELD_CONNECTION,
    FIELD_EXPECT,
    FIELD_UPGRADE,
    FIELD_OVERRIDE,  /* asks for another method than the request line */
    FIELD_PROTECTED, /* Lethe or the application decides by it */
    FIELD_TYPE,      /* these too, and they come once */
    FIELD_CREDENTIAL,
    FIELD_KEY,
    FIELD_PURPOSE
};

struct known {
    const char *name; /* lower case */
    enum field_kind kind;
};

/* By length; a NULL name ends each row. */
static const struct known known_names[NAME_MAX_KNOWN + 1][4] = {
    [4] = {{"host", FIELD_HOST}},
    [6] = {{"cookie", FIELD_PROTECTED}, {"expect", FIELD_EXPECT}},
    [7] = {{"upgrade", FIELD_UPGRADE}},
    [9] = {{"lethe-key", FIELD_KEY},
           {"forwarded", FIELD_PROTECTED},
           {"x-real-ip", FIELD_PROTECTED}},
    [10] = {{"connection", FIELD_CONNECTION}},
    [12] = {{"content-type", FIELD_TYPE}},
    [13] = {{"authorization", FIELD_CREDENTIAL},
            {"lethe-purpose", FIELD_PURPOSE},
            {"x-http-method", FIELD_OVERRIDE}},
    [14] = {{"content-length", FIELD_LENGTH}},
    [15] = {{"x-forwarded-for", FIELD_PROTECTED}},
    [16] = {{"content-encoding", FIELD_PROTECTED}, {"x-forwarded-host", FIELD_PROTECTED}},
    [17] = {{"transfer-encoding", FIELD_CODING},
            {"x-forwarded-proto", FIELD_PROTECTED},
            {"x-method-override", FIELD_OVERRIDE}},
    [22] = {{"x-http-method-override", FIELD_OVERRIDE}},
};

/* What was read so far, beside the facts. */
struct judging {
    struct guard_facts facts;
    uint32_t seen; /* bits of enum field_kind */
};

static enum field_kind kind_of(struct span name)
{
    if (name.len <= NAME_MAX_KNOWN) {
        for (const struct known *k = known_names[name.len]; k->name != NULL; k++) {
            if ((name.at[0] | 0x20) == k->name[0] && /* most names end here */
                span_equal_nocase(name, span_of(k->name, name.len)))
                return k->kind;
        }
    }
    return FIELD_OTHER;
}

static bool starts_with(struct span name, struct span prefix)
{
    return name.len > prefix.len && span_equal_nocase(span_of(name.at, prefix.len), prefix);
}

/* Is this a name that nobody may take away from a message, or give a second spelling? */
static bool is_protected(struct span name)
{
    return kind_of(name) != FIELD_OTHER || starts_with(name, SPAN_LIT("lethe-")) ||
           starts_with(name, SPAN_LIT("x-forwarded-"));
}

/* "Content_Length": CGI, WSGI and Rack make one variable of it and of the real one. */
static bool shadows_protected(struct span name)
{
    char dashed[32]; /* longer than any protected name but the x-forwarded- ones, which a prefix
                        tells */
    size_t len = name.len < sizeof(dashed) ? name.len : sizeof(dashed);

    for (size_t i = 0; i < len; i++)
        dashed[i] = name.at[i] == '_' ? '-' : name.at[i];
    return is_protected(span_of(dashed, len));
}

/* ---- request line ---- */

enum { TARGET = 1, HOST = 2, BOTH = TARGET | HOST };

/* Targets: not what RFC 3986 forbids everywhere, and not '#', which none has; paths are judged
 * further by path_normalise(). Hosts: a name or address and perhaps a port; nothing that reads as
 * two of them, a user or a path. */
/* clang-format off */
static const uint8_t chars[256] = {
    ['0' ... '9'] = BOTH, ['A' ... 'Z'] = BOTH, ['a' ... 'z'] = BOTH,
    ['-'] = BOTH, ['.'] = BOTH, ['_'] = BOTH, ['~'] = BOTH, [':'] = BOTH, ['['] = BOTH, [']'] = BOTH,
    ['!'] = TARGET, ['$'] = TARGET, ['%'] = TARGET, ['&'] = TARGET, ['\''] = TARGET, ['('] = TARGET,
    [')'] = TARGET, ['*'] = TARGET, ['+'] = TARGET, [','] = TARGET, ['/'] = TARGET, [';'] = TARGET,
    ['='] = TARGET, ['?'] = TARGET, ['@'] = TARGET, ['^'] = TARGET, ['`'] = TARGET, ['{'] = TARGET,
    ['|'] = TARGET, ['}'] = TARGET,
};
/* clang-format on */

static bool is(char c, unsigned kind)
{
    return (chars[(uint8_t)c] & kind) != 0;
}

static enum err read_version(const char **at, const char *end, int *ret_minor)
{
    const char *p = *at;

    if (end - p < 10 || memcmp(p, "HTTP/", 5) != 0 || p[6] != '.' || p[8] != '\r' || p[9] != '\n' ||
        p[5] < '0' || p[5] > '9' || p[7] < '0' || p[7] > '9')
        return ERR_INVALID;
    if (p[5] != '1' || p[7] > '1')
        return ERR_UNIMPLEMENTED;
    *ret_minor = p[7] - '0';
    *at = p + 10;
    return ERR_OK;
}

static enum err read_request_line(const char **at, const char *end, struct guard_facts *facts)
{
    const char *p = *at, *start;

    for (start = p; p < end && head_is_token_char(*p); p++)
        ;
    facts->method = span_of(start, (size_t)(p - start));
    if (facts->method.len == 0 || p == end || *p != ' ')
        return ERR_INVALID;
    if (span_equal_nocase(facts->method, SPAN_LIT("CONNECT")) ||
        span_equal_nocase(facts->method, SPAN_LIT("TRACE")))
        return ERR_METHOD;
    for (start = ++p; p < end && is(*p, TARGET); p++)
        ;
    facts->target = span_of(start, (size_t)(p - start));
    if (facts->target.len == 0 || *start != '/' || p == end || *p != ' ')
        return ERR_INVALID;
    *at = p + 1;
    return read_version(at, end, &facts->minor_version);
}

/* ---- fields ---- */

/* What stands in front of the port: a name, or an address, of which one in brackets has colons. SIZE_MAX: neither. */
static size_t name_len(struct span host)
{
    const bool bracketed = host.at[0] == '[';
    size_t len = bracketed;

    for (; len < host.len && host.at[len] != (bracketed ? ']' : ':'); len++)
        if (!is(host.at[len], HOST) || host.at[len] == '[' || host.at[len] == ']')
            return SIZE_MAX;
    if (bracketed && len == host.len)
        return SIZE_MAX;
    return len + bracketed;
}

static enum err judge_host(struct span host)
{
    size_t at = host.len == 0 ? SIZE_MAX : name_len(host);

    if (at == SIZE_MAX || at == 0 || (at < host.len && host.at[at] != ':'))
        return ERR_INVALID;
    for (at++; at < host.len; at++)
        if (host.at[at] < '0' || host.at[at] > '9')
            return ERR_INVALID;
    return ERR_OK;
}

static enum err read_length(struct span text, int64_t *ret)
{
    int64_t n = 0;

    if (text.len == 0 || text.len > LENGTH_DIGITS_MAX || (text.at[0] == '0' && text.len > 1))
        return ERR_INVALID;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return ERR_INVALID;
        n = n * 10 + (text.at[i] - '0');
    }
    *ret = n;
    return ERR_OK;
}

/* Options about the connection itself, which name no field of the message. */
static bool is_plain_option(struct span option)
{
    return span_equal_nocase(option, SPAN_LIT("keep-alive")) ||
           span_equal_nocase(option, SPAN_LIT("close")) ||
           (head_is_hop_by_hop(option) && kind_of(option) != FIELD_CODING);
}

/* What the client wants taken out on the way: not what anybody decides by. */
static enum err judge_connection(struct span list, struct guard_facts *facts)
{
    struct span rest = list, option;
    bool nominates = false;

    while (head_list_next(&rest, &option)) {
        for (size_t i = 0; i < option.len; i++) {
            if (!head_is_token_char(option.at[i]))
                return ERR_INVALID;
        }
        if (span_equal_nocase(option, SPAN_LIT("upgrade")))
            facts->connection_upgrade = true;
        if (is_plain_option(option))
            continue;
        if (is_protected(option) || shadows_protected(option))
            return ERR_INVALID;
        nominates = true;
    }
    if (!nominates)
        return ERR_OK;
    if (facts->connection_count == GUARD_CONNECTION_MAX)
        return ERR_INVALID;
    facts->connection[facts->connection_count++] = list;
    return ERR_OK;
}

static enum err judge_expect(struct span value, struct guard_facts *facts)
{
    if (!span_equal_nocase(value, SPAN_LIT("100-continue")))
        return ERR_UNIMPLEMENTED;
    facts->expect_continue = true;
    return ERR_OK;
}

static enum err judge_field(const struct head_line *line, struct judging *j)
{
    enum field_kind kind = kind_of(line->name);
    uint32_t bit = (uint32_t)1 << kind;
    bool again = (j->seen & bit) != 0;

    j->seen |= bit;
    switch (kind) {
    case FIELD_OTHER:
        return line->has_underscore && shadows_protected(line->name) ? ERR_INVALID : ERR_OK;
    case FIELD_PROTECTED:
        return ERR_OK;
    case FIELD_UPGRADE:
        j->facts.upgrade = true;
        return ERR_OK;
    case FIELD_OVERRIDE:
        return ERR_METHOD;
    case FIELD_CONNECTION:
        return judge_connection(line->value, &j->facts);
    default:
        break;
    }
    if (again) /* what follows comes once */
        return ERR_INVALID;
    switch (kind) {
    case FIELD_HOST:
        j->facts.host = line->value;
        return judge_host(line->value);
    case FIELD_LENGTH:
        return read_length(line->value, &j->facts.content_length);
    case FIELD_CODING:
        return span_equal(line->value, SPAN_LIT("chunked")) ? ERR_OK : ERR_UNIMPLEMENTED;
    case FIELD_EXPECT:
        return judge_expect(line->value, &j->facts);
    default:
        return ERR_OK;
    }
}

static bool saw(const struct judging *j, enum field_kind kind)
{
    return (j->seen & ((uint32_t)1 << kind)) != 0;
}

/* What only all lines together show. */
static enum err judge_whole(struct judging *j)
{
    bool length = saw(j, FIELD_LENGTH), coding = saw(j, FIELD_CODING);

    if (coding && (length || j->facts.minor_version == 0))
        return ERR_INVALID;
    if (!saw(j, FIELD_HOST) && j->facts.minor_version > 0)
        return ERR_INVALID;
    j->facts.chunked = coding;
    j->facts.has_body = coding || length;
    return ERR_OK;
}

enum err guard_head(struct span input, struct guard_facts *ret_facts)
{
    const char *at = input.at, *end = input.at + input.len;
    struct judging j = {.facts = {.content_length = -1}};
    size_t lines = 0;
    enum err e;

    e = read_request_line(&at, end, &j.facts);
    if (e != ERR_OK)
        return e;
    for (;;) {
        struct head_line line;
        enum head_step step = head_line_next(&at, end, &line);

        if (step == HEAD_END)
            break;
        if (step == HEAD_BAD)
            return ERR_INVALID;
        if (lines++ == LIMIT_HEADERS_MAX)
            return ERR_HEAD_TOO_LARGE;
        e = judge_field(&line, &j);
        if (e != ERR_OK)
            return e;
    }
    j.facts.head_len = (size_t)(at - input.at);
    j.facts.field_count = lines;
    if (j.facts.head_len > LIMIT_REQUEST_HEAD_MAX)
        return ERR_HEAD_TOO_LARGE;
    e = judge_whole(&j);
    if (e != ERR_OK)
        return e;
    *ret_facts = j.facts;
    return ERR_OK;
}

bool guard_drops(const struct guard_facts *facts, struct span name)
{
    if (head_is_hop_by_hop(name))
        return true;
    switch (kind_of(name)) {
    case FIELD_HOST:
    case FIELD_LENGTH:
    case FIELD_EXPECT:
        return true;
    default:
        break;
    }
    for (size_t i = 0; i < facts->connection_count; i++) {
        if (head_list_has(facts->connection[i], name))
            return true;
    }
    return false;
}
