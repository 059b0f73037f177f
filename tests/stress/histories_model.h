/* SPDX-License-Identifier: Apache-2.0 */
/* What random histories (histories.c) are compared with: rows, each with an owner and a due time, the events of
 * their owners, holds and restrictions, exceptions and consents. Nothing here asks the vault anything. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "vault/events.h"
#include "vault/token.h"

enum {
    PEOPLE = 6,
    CLASSES = 9,
    SETS = 3,     /* of rules */
    PURPOSES = 2, /* that consent is given to */
    TEXTS = 12,
    ROWS_MAX = 20000,
    HOLDS_MAX = 4, /* at a time */
    MODEL_DAY_S = 86400,
    BACK_DATING_S = 10 * MODEL_DAY_S
};

/* Each kind of class that handles values of its own: random and shared, opaque and typed. */
static const struct kind {
    const char *name;
    bool shares; /* equal values, equal tokens */
    bool typed;
    const char *text; /* of its configuration */
} kinds[CLASSES] = {
    {"note", false, false, ""},
    {"brief", false, false, ""},
    {"mail", true, false, "format: email, deterministic: true, "},
    {"code", false, true, "format: digits, reserved: \"9\", "},
    {"number", true, true, "format: digits, reserved: \"9\", deterministic: true, "},
    {"login", false, false, ""},
    {"alias", true, false, "deterministic: true, "},
    {"file", false, false, ""},
    {"matter", true, false, "deterministic: true, "}};

/* To what, of the classes that rest on consent; and the same as a bit each. */
static const char *const purposes[PURPOSES] = {"mailing", "ads"};
static const char *const consents[CLASSES] = {[0] = "mailing", [6] = "mailing, ads"};
static const unsigned consent_bits[CLASSES] = {[0] = 1, [6] = 3};

enum start { STORED, USED, CLOSED, MOVED, STARTS };

static const char *const start_names[STARTS] = {"created", "last_used", "event:closed",
                                                "event:moved"};

/* The rules of the classes; a history goes from one set to another. No class goes from an event to the last
 * use: the instant that a row counted from would be taken for a use. */
static const struct life {
    enum start start;
    int hours;
    int backstop_days; /* 0: none */
    int minimum_hours; /* that a law demands; 0: none */
} lives[SETS][CLASSES] = {{{STORED, 10 * 24, 0, 0},
                           {STORED, 1, 0, 0},
                           {STORED, 60 * 24, 0, 30 * 24},
                           {STORED, 5 * 24, 0, 0},
                           {STORED, 20 * 24, 0, 10 * 24},
                           {USED, 10 * 24, 60, 0},
                           {USED, 20 * 24, 0, 0},
                           {CLOSED, 5 * 24, 90, 0},
                           {CLOSED, 30 * 24, 80, 0}},
                          {{STORED, 3 * 24, 0, 0},
                           {STORED, 1, 0, 0},
                           {STORED, 60 * 24, 0, 50 * 24},
                           {CLOSED, 5 * 24, 40, 0},
                           {STORED, 20 * 24, 0, 10 * 24},
                           {USED, 4 * 24, 60, 0},
                           {STORED, 10 * 24, 0, 0},
                           {MOVED, 5 * 24, 90, 0},
                           {CLOSED, 10 * 24, 50, 0}},
                          {{USED, 10 * 24, 30, 0},
                           {STORED, 1, 0, 0},
                           {USED, 30 * 24, 0, 0},
                           {STORED, 8 * 24, 0, 0},
                           {MOVED, 9 * 24, 20, 0},
                           {STORED, 12 * 24, 0, 0},
                           {USED, 8 * 24, 0, 0},
                           {STORED, 15 * 24, 0, 0},
                           {MOVED, 30 * 24, 60, 0}}};

struct row {
    size_t class_at;
    size_t person;
    size_t first; /* of the rows with the same token; itself when it is that */
    int64_t created_s;
    int64_t start_s; /* of what its life counts from; 0: its creation, or nothing yet */
    int64_t due_s;
    char text[32];
    struct token_text token;
    bool gone;
    bool lost; /* its time is over, not swept yet, and its text has another token since */
};

/* On a person, a class, or a class of a person; PEOPLE and CLASSES stand for all. */
struct hold {
    uint64_t number; /* 0: none */
    size_t person;
    size_t class_at;
};

/* Under which values of a class are kept that an erasure was for, Art. 17(3). */
struct exception {
    bool is_on;
    bool by_rule; /* by the class's minimum only */
    int64_t until_s, next_s;
    int64_t cutoff_s; /* values stored later are not meant */
};

/* What an erasure is for. */
struct wish {
    unsigned scope; /* a bit a class; 0: all of them */
    unsigned except;
    int64_t until_s;      /* of the exceptions */
    int64_t newer_than_s; /* values stored later are not meant */
};

struct consent {
    bool is_withdrawn, is_done;
    int64_t recorded_s;
    uint64_t number; /* the order in which they came */
};

struct model {
    int64_t now_s;
    size_t set;
    struct row *rows;
    size_t count;
    struct hold holds[HOLDS_MAX];
    bool waits[PEOPLE];         /* for a hold to end, with an erasure */
    struct wish wishes[PEOPLE]; /* of those */
    struct exception kept[PEOPLE][CLASSES];
    struct consent consents[PEOPLE][PURPOSES];
    unsigned grounds[PEOPLE];       /* of restrictions, a bit each */
    int64_t events[PEOPLE][STARTS]; /* when each happened; 0: it has not */
};

static inline const struct life *life_of(const struct model *m, size_t class_at)
{
    return &lives[m->set][class_at];
}

static inline int64_t granularity_of(const struct life *life)
{
    const int64_t tenth_s = (int64_t)life->hours * 3600 / 10;

    return tenth_s < MODEL_DAY_S ? tenth_s : MODEL_DAY_S;
}

/* What the rules make of a row now. */
static inline void set_due(const struct model *m, struct row *row)
{
    const struct life *life = life_of(m, row->class_at);
    const int64_t happened_s = m->events[row->person][life->start];
    const int64_t period_s = (int64_t)life->hours * 3600;
    const int64_t latest_s = life->backstop_days == 0
                                 ? INT64_MAX
                                 : row->created_s + (int64_t)life->backstop_days * MODEL_DAY_S;

    if (life->start == STORED)
        row->start_s = 0;
    if (life->start >= CLOSED)
        row->start_s = happened_s == 0 || happened_s > row->created_s ? happened_s : row->created_s;
    row->due_s = (row->start_s == 0 ? row->created_s : row->start_s) + period_s;
    if ((life->start >= CLOSED && happened_s == 0) ||
        (life->start == USED && row->due_s > latest_s))
        row->due_s = latest_s;
}

static inline bool row_is_alive(const struct model *m, const struct row *row)
{
    return !row->gone && row->due_s > m->now_s;
}

/* Is there a row behind this row's token that is alive? */
static inline bool token_is_alive(const struct model *m, size_t first)
{
    if (!kinds[m->rows[first].class_at].shares)
        return row_is_alive(m, &m->rows[first]);
    for (size_t i = first; i < m->count; i++)
        if (m->rows[i].first == first && row_is_alive(m, &m->rows[i]))
            return true;
    return false;
}

static inline bool person_is_known(const struct model *m, size_t person)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->rows[i].person == person && !m->rows[i].gone)
            return true;
    return false;
}

static inline bool is_held(const struct model *m, size_t person, size_t class_at)
{
    for (size_t i = 0; i < HOLDS_MAX; i++) {
        const struct hold *h = &m->holds[i];

        if (h->number != 0 && (h->person == PEOPLE || h->person == person) &&
            (h->class_at == CLASSES || h->class_at == class_at))
            return true;
    }
    return false;
}

/* Does a hold keep this person from being erased? */
static inline bool is_bound(const struct model *m, size_t person)
{
    for (size_t i = 0; i < HOLDS_MAX; i++)
        if (m->holds[i].number != 0 && m->holds[i].person == person &&
            m->holds[i].class_at == CLASSES)
            return true;
    for (size_t i = 0; i < m->count; i++)
        if (m->rows[i].person == person && !m->rows[i].gone &&
            is_held(m, person, m->rows[i].class_at))
            return true;
    return false;
}

/* Does anything keep values of this person whose time is over? */
static inline bool is_kept(const struct model *m, size_t person, size_t class_at)
{
    return is_held(m, person, class_at) || (m->grounds[person] & 6) != 0; /* 18(1)(b), (c) */
}

/* A value was used, by its owner or somebody who read it. */
static inline void note_use(const struct model *m, struct row *row)
{
    const struct life *life = life_of(m, row->class_at);
    const int64_t before_s = row->due_s;

    if (life->start != USED ||
        m->now_s - (row->start_s == 0 ? row->created_s : row->start_s) < granularity_of(life))
        return;
    row->start_s = m->now_s;
    set_due(m, row);
    row->due_s = row->due_s > before_s ? row->due_s : before_s;
}

static inline bool event_is_known(const struct model *m, enum start event)
{
    for (size_t c = 0; c < CLASSES; c++)
        if (life_of(m, c)->start == event)
            return true;
    return false;
}

/* Who has no value left is forgotten, and so is what is known of him. */
static inline void forget_people(struct model *m)
{
    for (size_t p = 0; p < PEOPLE; p++) {
        if (person_is_known(m, p))
            continue;
        m->waits[p] = false;
        m->grounds[p] = 0;
        memset(m->kept[p], 0, sizeof(m->kept[p]));
        memset(m->consents[p], 0, sizeof(m->consents[p]));
        for (size_t i = 0; i < STARTS; i++)
            m->events[p][i] = 0;
        for (size_t i = 0; i < HOLDS_MAX; i++)
            if (m->holds[i].person == p)
                m->holds[i].number = 0;
    }
}

/* Is it restricted, as what an exception keeps? */
static inline bool is_excepted(const struct model *m, const struct row *row)
{
    const struct exception *x = &m->kept[row->person][row->class_at];

    return x->is_on && row->created_s <= x->cutoff_s;
}

/* May the value behind a token be shown, while it is alive? Shared ones: of all owners that are alive. */
static inline bool may_be_withheld(const struct model *m, size_t first)
{
    for (size_t i = first; i < m->count; i++)
        if (m->rows[i].first == first && row_is_alive(m, &m->rows[i]) &&
            (m->waits[m->rows[i].person] || m->grounds[m->rows[i].person] != 0 ||
             is_held(m, m->rows[i].person, m->rows[i].class_at) || is_excepted(m, &m->rows[i])))
            return true;
    return false;
}

static inline void name_of(size_t person, char out[16])
{
    (void)snprintf(out, 16, "person %zu", person);
}

static inline void text_of(size_t class_at, uint32_t n, char out[32])
{
    if (kinds[class_at].typed)
        (void)snprintf(out, 32, "%08u", 10000000 + n % TEXTS);
    else
        (void)snprintf(out, 32, "text %u", n % TEXTS);
}

/* The first row whose token this is; m->count when there is none. */
static inline size_t find_token(const struct model *m, size_t class_at,
                                const struct token_text *token)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->rows[i].class_at == class_at && m->rows[i].token.len == token->len &&
            memcmp(m->rows[i].token.bytes, token->bytes, token->len) == 0)
            return i;
    return m->count;
}

/* Does anybody own a row behind this row's token whose value is alive, or kept beyond its time? */
static inline bool token_is_owned(const struct model *m, size_t first)
{
    for (size_t i = first; i < m->count; i++)
        if (m->rows[i].first == first && !m->rows[i].gone && !m->rows[i].lost &&
            (row_is_alive(m, &m->rows[i]) || is_kept(m, m->rows[i].person, m->rows[i].class_at)))
            return true;
    return false;
}

/* The token that whoever stores a text now is given; m->count when that is a new one. */
static inline size_t shared_token_of(const struct model *m, size_t class_at, const char *text)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->rows[i].first == i && m->rows[i].class_at == class_at &&
            strcmp(m->rows[i].text, text) == 0 && token_is_owned(m, i))
            return i;
    return m->count;
}

static inline struct row *live_row_of(const struct model *m, size_t first, size_t person)
{
    for (size_t i = first; i < m->count; i++)
        if (m->rows[i].first == first && m->rows[i].person == person &&
            row_is_alive(m, &m->rows[i]))
            return &m->rows[i];
    return NULL;
}

/* Rows whose time is over stay as they are. Rows that are due at another time, and that count from another. */
struct retimed {
    int64_t values, earlier, later, changed, at_once, held;
};

static inline void retime(struct model *m, struct row *row, struct retimed *ret)
{
    const struct row before = *row;

    if (!row_is_alive(m, row))
        return;
    set_due(m, row);
    ret->values++;
    ret->earlier += row->due_s < before.due_s;
    ret->later += row->due_s > before.due_s;
    ret->changed += row->due_s != before.due_s || row->start_s != before.start_s;
    if (row->due_s > m->now_s)
        return;
    if (is_kept(m, row->person, row->class_at))
        ret->held++;
    else
        ret->at_once++;
}

static inline enum vault_event_fate fate_of(const struct model *m, enum start event,
                                            int64_t known_s, const struct vault_event *op)
{
    if (!event_is_known(m, event))
        return VAULT_EVENT_UNKNOWN;
    if (op->at_s > m->now_s)
        return VAULT_EVENT_FUTURE;
    if (!op->correct && op->at_s < m->now_s - BACK_DATING_S)
        return VAULT_EVENT_TOO_OLD;
    if (op->at_s >= known_s)
        return VAULT_EVENT_KEPT;
    return op->correct ? VAULT_EVENT_CORRECTED : VAULT_EVENT_EARLIER;
}

static inline void write_set(size_t set, char *out, size_t size)
{
    size_t at = 0;

    for (size_t c = 0; c < CLASSES; c++) {
        const struct life *life = &lives[set][c];
        char backstop[32] = "", minimum[64] = "";

        if (life->backstop_days != 0)
            (void)snprintf(backstop, sizeof(backstop), ", backstop: P%dD", life->backstop_days);
        if (life->minimum_hours != 0)
            (void)snprintf(minimum, sizeof(minimum), ", minimum: PT%dH, minimum_law: a law",
                           life->minimum_hours);
        at += (size_t)snprintf(out + at, size - at,
                               "%s: {%spurposes: [%s], basis: \"6(1)(%c)\", retain: {period: "
                               "PT%dH, from: \"%s\"%s%s}}\n",
                               kinds[c].name, kinds[c].text,
                               consents[c] == NULL ? "test" : consents[c],
                               consents[c] == NULL ? 'b' : 'a', life->hours,
                               start_names[life->start], backstop, minimum);
        REQUIRE(at < size);
    }
}
