/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted of a request, read from its record without a tree: a register has many, and a tree of one costs as much
 * as fifty of these.
 * Runs on: any thread; never blocks. Holds: nothing. Invariant: says of a request what request__view() says, or that it is
 * corrupt; reads nothing past the body's end, whatever stands in it. Not here: dates (request_clock.c). */
#include "retention/requests_priv.h"

enum { DEPTH_MAX = 16, NAMED_MAX = 3 /* deeper down nothing counts */ };

/* Members of the body that count; of its lists and maps, those are walked over that do not. */
enum member {
    OTHER,
    RECEIVED_DATE,
    PAUSED_DAYS,
    REGIME,
    RIGHTS,
    IDENTITY,
    DATES,
    ACKNOWLEDGED,
    EXTENSION,
    ANSWER,
    HISTORY
};

static const struct {
    const char *name;
    enum member member;
} members[] = {
    {"received_date", RECEIVED_DATE},
    {"paused_days", PAUSED_DAYS},
    {"regime", REGIME},
    {"rights", RIGHTS},
    {"identity", IDENTITY},
    {"dates", DATES},
    {"acknowledged", ACKNOWLEDGED},
    {"extension", EXTENSION},
    {"answer", ANSWER},
    {"history", HISTORY},
};

struct reading {
    const char *begin, *at, *end;
    size_t depth;
    enum member member;           /* at depth 1 */
    size_t name_at;               /* its first quote */
    struct span names[NAMED_MAX]; /* [0]: at depth 1 */
    struct request_facts facts;
    struct request_gist gist;
    bool has_received, has_asked, has_confirmed;
};

/* ---- values ---- */

static bool is_named(const struct reading *r, size_t depth, const char *name)
{
    return span_equal(r->names[depth - 1], span_str(name));
}

/* As json_int_of() gives it for what this program writes; else 0. */
static int64_t number_of(struct span word)
{
    enum { DIGITS_MAX = 9 };
    const bool negative = word.len > 0 && word.at[0] == '-';
    int64_t n = 0;

    if (word.len - negative > DIGITS_MAX)
        return 0;
    for (size_t i = negative; i < word.len; i++) {
        if (word.at[i] < '0' || word.at[i] > '9')
            return 0;
        n = n * 10 + word.at[i] - '0';
    }
    return negative ? -n : n;
}

static void take_identity(struct reading *r, struct span value)
{
    struct civil ignored;

    if (is_named(r, 2, "asked"))
        r->has_asked = civil_parse(value, &r->facts.asked);
    else if (is_named(r, 2, "confirmed"))
        r->has_confirmed = civil_parse(value, &ignored);
    else if (is_named(r, 2, "pauses"))
        r->facts.pauses = span_equal(value, SPAN_LIT("true"));
}

/* A text without its quotes, a number or a word; r->depth says where. */
static void take_member(struct reading *r, struct span value)
{
    struct civil ignored;

    if (r->member == IDENTITY)
        take_identity(r, value);
    else if (r->member == DATES)
        (void)request__take_noted(&r->facts, r->names[1], value);
    else if (r->member == REGIME && is_named(r, 2, "name"))
        r->gist.regime = value;
    else if (r->member == ACKNOWLEDGED && is_named(r, 2, "date"))
        r->facts.acknowledged = civil_parse(value, &ignored);
    else if (r->member == ANSWER && is_named(r, 2, "date"))
        r->facts.answered = civil_parse(value, &r->facts.answered_on);
}

static enum err take_right(struct reading *r, struct span value)
{
    struct request_gist_right *right;

    if (r->gist.right_count == 0)
        return ERR_CORRUPT;
    right = &r->gist.rights[r->gist.right_count - 1];
    if (is_named(r, 3, "outcome"))
        right->outcome = value;
    else if (is_named(r, 3, "right") && !request_right_of(value, &right->right))
        return ERR_CORRUPT;
    return ERR_OK;
}

static enum err take(struct reading *r, struct span value)
{
    if (r->depth == 1 && r->member == RECEIVED_DATE)
        r->has_received = civil_parse(value, &r->facts.received);
    else if (r->depth == 1 && r->member == PAUSED_DAYS)
        r->facts.paused_days = number_of(value);
    else if (r->depth == 2)
        take_member(r, value);
    else if (r->depth == 3 && r->member == RIGHTS)
        return take_right(r, value);
    return ERR_OK;
}

/* ---- structure ---- */

static void take_name(struct reading *r, struct span name)
{
    if (r->depth <= NAMED_MAX)
        r->names[r->depth - 1] = name;
    if (r->depth != 1)
        return;
    r->member = OTHER;
    r->name_at = (size_t)(name.at - 1 - r->begin);
    for (size_t i = 0; i < COUNT_OF(members); i++)
        if (span_equal(name, span_str(members[i].name)))
            r->member = members[i].member;
}

static enum err open_level(struct reading *r, char bracket)
{
    if (r->depth == DEPTH_MAX)
        return ERR_CORRUPT;
    r->depth++;
    if (r->depth <= NAMED_MAX)
        r->names[r->depth - 1] = SPAN_NONE;
    if (bracket != '{')
        return ERR_OK;
    if (r->depth == 2 && r->member == EXTENSION)
        r->facts.extended = true;
    if (r->depth != 3 || r->member != RIGHTS)
        return ERR_OK;
    if (r->gist.right_count == REQUEST_RIGHT_COUNT)
        return ERR_CORRUPT;
    r->gist.rights[r->gist.right_count++] =
        (struct request_gist_right){.right = REQUEST_RIGHT_COUNT, .outcome = SPAN_NONE};
    return ERR_OK;
}

static void close_level(struct reading *r)
{
    r->depth--;
    if (r->depth != 1 || r->member != HISTORY)
        return;
    r->gist.history_at = r->name_at;
    r->gist.history_len = (size_t)(r->at - r->begin) - r->name_at;
}

/* A text, behind its first quote: names are told from values by the colon. */
static enum err read_text(struct reading *r)
{
    const char *from = r->at;

    while (r->at < r->end && *r->at != '"')
        r->at += *r->at == '\\' && r->end - r->at > 1 ? 2 : 1;
    if (r->at >= r->end)
        return ERR_CORRUPT;
    r->at++;
    if (r->at < r->end && *r->at == ':') {
        take_name(r, span_of(from, (size_t)(r->at - 1 - from)));
        r->at++;
        return ERR_OK;
    }
    return take(r, span_of(from, (size_t)(r->at - 1 - from)));
}

static enum err read_word(struct reading *r)
{
    const char *from = r->at - 1;

    while (r->at < r->end && strchr(",]}\" \n\t\r", *r->at) == NULL)
        r->at++;
    return take(r, span_of(from, (size_t)(r->at - from)));
}

static enum err read_next(struct reading *r)
{
    const char c = *r->at++;

    switch (c) {
    case '{':
    case '[':
        return open_level(r, c);
    case '}':
    case ']':
        close_level(r);
        return ERR_OK;
    case '"':
        return read_text(r);
    case ',':
    case ' ':
    case '\n':
    case '\t':
    case '\r':
        return ERR_OK;
    default:
        return read_word(r);
    }
}

/* ---- the whole ---- */

static enum err read_body(struct reading *r, struct span body)
{
    enum err e = ERR_OK;

    r->begin = r->at = body.at;
    r->end = body.at + body.len;
    if (body.len == 0 || body.at[0] != '{')
        return ERR_CORRUPT;
    do
        e = read_next(r);
    while (e == ERR_OK && r->depth > 0 && r->at < r->end);
    if (e == ERR_OK && (r->depth > 0 || r->at != r->end || !r->has_received))
        e = ERR_CORRUPT;
    for (size_t i = 0; e == ERR_OK && i < r->gist.right_count; i++)
        if (r->gist.rights[i].right == REQUEST_RIGHT_COUNT)
            e = ERR_CORRUPT;
    return e;
}

enum err request__gist(const struct request_case *now, enum request_state state, struct span body,
                       struct request_gist *ret)
{
    struct reading r = {.gist = {.state = state}};
    struct request_clock clock;
    enum err e = read_body(&r, body);

    if (e != ERR_OK)
        return e;
    r.facts.regime = regime_find(r.gist.regime);
    if (r.facts.regime == NULL)
        r.facts.regime = regime_at(0);
    if (r.facts.extended && r.facts.regime->extended.months + r.facts.regime->extended.days == 0)
        return ERR_CORRUPT;
    r.facts.asking = r.has_asked && !r.has_confirmed;
    request__clock_of(&r.facts, now->settings, now->today, &clock);
    *ret = r.gist;
    ret->received = r.facts.received;
    ret->answered = clock.answered;
    ret->in_time = clock.answered && clock.standing != DEADLINE_PAST;
    ret->days_used =
        civil_days(clock.answered ? clock.answered_on : now->today) - civil_days(r.facts.received);
    if (!clock.answered && (REQUEST_OPEN_STATES >> state & 1) != 0) {
        ret->is_soon = clock.standing == DEADLINE_SOON;
        ret->is_past = clock.standing == DEADLINE_PAST;
    }
    return ERR_OK;
}
