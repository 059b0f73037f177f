/* SPDX-License-Identifier: Apache-2.0 */
/* Random histories against a simple model of what must be alive, over, held and destroyed at each instant:
 * values stored, rectified, read, erased and swept by a clock that the history sets, holds set and lifted,
 * over restarts.
 *
 * The model is a list of rows, each with an owner and a due time, and a list of holds. After each step tokens are read and
 * compared with it; now and then all of them, and the counters, and who is known. Between a sweep and the
 * next nothing is due that was not foreseen: the breaker is set so tight that a single value would trip it.
 *
 * A history is drawn from its seed. One that fails is made as short as it can be and printed.
 *
 *   histories [--histories N] [--steps N] [--seed N]
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "retention/erasure.h"
#include "retention/runs.h"
#include "retention/sweeper.h"
#include "tests/support/vault_rig.h"
#include "vault/holds.h"

enum {
    PEOPLE = 6,
    CLASSES = 5,
    TEXTS = 12,
    ROWS_MAX = 20000,
    HOLDS_MAX = 4, /* at a time */
    UNSWEPT_MAX_S = 100 * 86400
};

/* Each kind of class that handles values of its own: random and shared, opaque and typed. */
static const struct kind {
    const char *name;
    bool shares; /* equal values, equal tokens */
    bool typed;
    int64_t period_s;
} kinds[CLASSES] = {{"note", false, false, 10 * 86400},
                    {"brief", false, false, 3600},
                    {"mail", true, false, 60 * 86400},
                    {"code", false, true, 5 * 86400},
                    {"number", true, true, 20 * 86400}};

#define REST "purposes: [test], basis: \"6(1)(b)\", retain: {period: "
static const char classes_text[] =
    "note: {" REST "P10D}}\n"
    "brief: {" REST "PT1H}}\n"
    "mail: {format: email, deterministic: true, " REST "P60D}}\n"
    "code: {format: digits, reserved: \"9\", " REST "P5D}}\n"
    "number: {format: digits, reserved: \"9\", deterministic: true, " REST "P20D}}\n";

/* ---- histories ---- */

enum act {
    STORE,
    STORE_MANY,
    READ,
    RECTIFY,
    ERASE,
    SWEEP,
    WAIT,
    WAIT_FOR_DUE,
    HOLD,
    LIFT,
    RESTART,
    ACTS
};

static const char *const act_names[ACTS] = {"store", "store many", "read",   "rectify",
                                            "erase", "sweep",      "wait",   "wait for due",
                                            "hold",  "lift",       "restart"};
/* How often each comes, of a hundred. */
static const uint32_t weights[ACTS] = {31, 4, 18, 5, 5, 12, 10, 9, 2, 2, 2};

struct step {
    enum act act;
    uint32_t a, b, c;
};

static uint32_t draw(uint64_t *rng)
{
    *rng = *rng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*rng >> 33);
}

static void draw_history(uint64_t seed, struct step *steps, size_t count)
{
    uint64_t rng = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;

    for (size_t i = 0; i < count; i++) {
        uint32_t at = draw(&rng) % 100;
        enum act act = 0;

        while (at >= weights[act])
            at -= weights[act++];
        steps[i] = (struct step){act, draw(&rng), draw(&rng), draw(&rng)};
    }
}

/* ---- the model ---- */

struct row {
    size_t class_at;
    size_t person;
    size_t first; /* of the rows with the same token; itself when it is that */
    int64_t due_s;
    char text[32];
    struct token_text token;
    bool gone;
};

/* On a person, a class, or a class of a person; PEOPLE and CLASSES stand for all. */
struct hold {
    uint64_t number; /* 0: none */
    size_t person;
    size_t class_at;
};

struct world {
    struct rig rig;
    struct vault_reader *reader;
    struct erasures *erasures;
    struct runs *runs;
    int64_t now_s;
    int64_t swept_s;
    struct row *rows;
    size_t count;
    uint64_t created[CLASSES], timer[CLASSES], erased[CLASSES];
    struct hold holds[HOLDS_MAX];
    bool waits[PEOPLE]; /* for a hold to end, with an erasure */
    unsigned changes;   /* so that no rectified value is like another */
    char said[256];     /* what went wrong; empty: nothing */
};

static void wrong(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void wrong(struct world *w, const char *format, ...)
{
    va_list list;

    if (w->said[0] != '\0')
        return;
    va_start(list, format);
    (void)vsnprintf(w->said, sizeof(w->said), format, list);
    va_end(list);
}

static bool row_is_alive(const struct world *w, const struct row *row)
{
    return !row->gone && row->due_s > w->now_s;
}

/* Is there a row behind this row's token that is alive? */
static bool token_is_alive(const struct world *w, size_t first)
{
    if (!kinds[w->rows[first].class_at].shares)
        return row_is_alive(w, &w->rows[first]);
    for (size_t i = first; i < w->count; i++)
        if (w->rows[i].first == first && row_is_alive(w, &w->rows[i]))
            return true;
    return false;
}

static bool person_is_known(const struct world *w, size_t person)
{
    for (size_t i = 0; i < w->count; i++)
        if (w->rows[i].person == person && !w->rows[i].gone)
            return true;
    return false;
}

static bool is_held(const struct world *w, size_t person, size_t class_at)
{
    for (size_t i = 0; i < HOLDS_MAX; i++) {
        const struct hold *h = &w->holds[i];

        if (h->number != 0 && (h->person == PEOPLE || h->person == person) &&
            (h->class_at == CLASSES || h->class_at == class_at))
            return true;
    }
    return false;
}

/* Does a hold keep this person from being erased? */
static bool is_bound(const struct world *w, size_t person)
{
    for (size_t i = 0; i < HOLDS_MAX; i++)
        if (w->holds[i].number != 0 && w->holds[i].person == person &&
            w->holds[i].class_at == CLASSES)
            return true;
    for (size_t i = 0; i < w->count; i++)
        if (w->rows[i].person == person && !w->rows[i].gone &&
            is_held(w, person, w->rows[i].class_at))
            return true;
    return false;
}

/* Who has no value left is forgotten, and so are holds on him. */
static void forget_people(struct world *w)
{
    for (size_t p = 0; p < PEOPLE; p++) {
        if (person_is_known(w, p))
            continue;
        w->waits[p] = false;
        for (size_t i = 0; i < HOLDS_MAX; i++)
            if (w->holds[i].person == p)
                w->holds[i].number = 0;
    }
}

/* May the value behind a token be shown, while it is alive? Shared ones: of all owners that are alive. */
static bool may_be_withheld(const struct world *w, size_t first)
{
    for (size_t i = first; i < w->count; i++)
        if (w->rows[i].first == first && row_is_alive(w, &w->rows[i]) &&
            (w->waits[w->rows[i].person] || is_held(w, w->rows[i].person, w->rows[i].class_at)))
            return true;
    return false;
}

static void name_of(size_t person, char out[16])
{
    (void)snprintf(out, 16, "person %zu", person);
}

static void text_of(size_t class_at, uint32_t n, char out[32])
{
    if (kinds[class_at].typed)
        (void)snprintf(out, 32, "%08u", 10000000 + n % TEXTS);
    else
        (void)snprintf(out, 32, "text %u", n % TEXTS);
}

/* ---- looking ---- */

static enum err reveal(struct world *w, const struct row *row, char out[32], int64_t *ret_due_s)
{
    const struct vault_scope scope = {.class_id = rig_class(&w->rig, kinds[row->class_at].name)};
    struct vault_value value;
    struct buf text;
    enum err e;

    buf_init_secret(&text, 31);
    REQUIRE(vault_read_begin(w->reader) == ERR_OK);
    e = vault_reveal_as(w->reader, &scope, span_of(row->token.bytes, row->token.len), &text,
                        &value);
    vault_read_end(w->reader);
    if (e == ERR_OK) {
        memcpy(out, text.bytes, text.len);
        out[text.len] = '\0';
        *ret_due_s = value.due_s;
    }
    buf_done(&text);
    return e;
}

static void check_token(struct world *w, size_t first)
{
    const struct row *row = &w->rows[first];
    const bool alive = token_is_alive(w, first);
    char text[32] = "";
    int64_t due_s = 0;
    const enum err e = reveal(w, row, text, &due_s);
    const bool withheld = alive && may_be_withheld(w, first);

    if (e == ERR_HELD || e == ERR_RESTRICTED) {
        if (!withheld)
            wrong(w, "row %zu (%s) is withheld", first, kinds[row->class_at].name);
        return;
    }
    if (withheld && e == ERR_OK && !kinds[row->class_at].shares)
        wrong(w, "row %zu (%s) is shown, and should be withheld", first, kinds[row->class_at].name);
    if (e != ERR_OK && e != ERR_NOT_FOUND)
        wrong(w, "row %zu (%s): %s", first, kinds[row->class_at].name, err_name(e));
    else if (alive != (e == ERR_OK))
        wrong(w, "row %zu (%s) is %s", first, kinds[row->class_at].name,
              alive ? "lost" : "still read");
    else if (alive && strcmp(text, row->text) != 0)
        wrong(w, "row %zu (%s) reads as another value", first, kinds[row->class_at].name);
    else if (alive && !kinds[row->class_at].shares && due_s != row->due_s)
        wrong(w, "row %zu (%s) is due at another time", first, kinds[row->class_at].name);
}

static void check_counters(struct world *w, size_t class_at)
{
    struct vault_class_stats s;
    uint64_t items = 0;

    for (size_t i = 0; i < w->count; i++)
        items += w->rows[i].class_at == class_at && !w->rows[i].gone;
    REQUIRE(vault_read_begin(w->reader) == ERR_OK);
    REQUIRE(vault_read_stats(w->reader, rig_class(&w->rig, kinds[class_at].name), w->now_s, &s) ==
            ERR_OK);
    vault_read_end(w->reader);
    if (s.items != items || s.created != w->created[class_at] ||
        s.purged_timer != w->timer[class_at] || s.purged_erasure != w->erased[class_at])
        wrong(w,
              "%s: %" PRIu64 " kept, %" PRIu64 " created, %" PRIu64 " over, %" PRIu64
              " erased; should be %" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64,
              kinds[class_at].name, s.items, s.created, s.purged_timer, s.purged_erasure, items,
              w->created[class_at], w->timer[class_at], w->erased[class_at]);
}

static void check_people(struct world *w)
{
    uint64_t known = 0, count = 0;

    REQUIRE(vault_read_begin(w->reader) == ERR_OK);
    for (size_t p = 0; p < PEOPLE; p++) {
        const bool should = person_is_known(w, p);
        char name[16];
        uint64_t slot;

        name_of(p, name);
        known += should;
        if (should !=
            (vault_read_subject(w->reader, VAULT_DOMAIN_DEFAULT, span_str(name), &slot) == ERR_OK))
            wrong(w, "person %zu is %s", p, should ? "not known" : "still known");
    }
    REQUIRE(vault_read_subject_count(w->reader, &count) == ERR_OK);
    vault_read_end(w->reader);
    if (count != known)
        wrong(w, "%" PRIu64 " people are counted, there are %" PRIu64, count, known);
}

static void check_all(struct world *w)
{
    for (size_t i = 0; i < w->count && w->said[0] == '\0'; i++)
        if (w->rows[i].first == i)
            check_token(w, i);
    for (size_t c = 0; c < CLASSES; c++)
        check_counters(w, c);
    check_people(w);
}

/* ---- steps ---- */

/* The first row whose token this is; w->count when there is none. */
static size_t find_token(const struct world *w, size_t class_at, const struct token_text *token)
{
    for (size_t i = 0; i < w->count; i++)
        if (w->rows[i].class_at == class_at && w->rows[i].token.len == token->len &&
            memcmp(w->rows[i].token.bytes, token->bytes, token->len) == 0)
            return i;
    return w->count;
}

/* The token that stands for a text now; w->count when there is none. */
static size_t live_token_of(const struct world *w, size_t class_at, const char *text)
{
    for (size_t i = 0; i < w->count; i++)
        if (w->rows[i].first == i && w->rows[i].class_at == class_at &&
            strcmp(w->rows[i].text, text) == 0 && token_is_alive(w, i))
            return i;
    return w->count;
}

static bool owns_live_row(const struct world *w, size_t first, size_t person)
{
    for (size_t i = first; i < w->count; i++)
        if (w->rows[i].first == first && w->rows[i].person == person &&
            row_is_alive(w, &w->rows[i]))
            return true;
    return false;
}

static void note_stored(struct world *w, size_t class_at, size_t person, const char *text,
                        const struct token_text *token)
{
    const size_t there = find_token(w, class_at, token);
    const size_t expected = kinds[class_at].shares ? live_token_of(w, class_at, text) : w->count;
    struct row *row = &w->rows[w->count];

    if (there != expected) {
        wrong(w, "%s: a value got %s token", kinds[class_at].name,
              there == w->count ? "a new" : "another's");
        return;
    }
    if (there < w->count && owns_live_row(w, there, person))
        return; /* it is stored already */
    *row = (struct row){.class_at = class_at,
                        .person = person,
                        .first = there,
                        .due_s = w->now_s + kinds[class_at].period_s,
                        .token = *token};
    (void)snprintf(row->text, sizeof(row->text), "%s", text);
    w->count++;
    w->created[class_at]++;
}

static void do_store(struct world *w, const struct step *s)
{
    const size_t person = s->a % PEOPLE, class_at = s->b % CLASSES;
    struct token_text token;
    char name[16], text[32];

    name_of(person, name);
    text_of(class_at, s->c, text);
    if (w->count == ROWS_MAX)
        return;
    token = rig_store(&w->rig, kinds[class_at].name, name, text);
    note_stored(w, class_at, person, text, &token);
}

static void do_store_many(struct world *w, const struct step *s)
{
    for (uint32_t i = 0; i < 8; i++)
        do_store(w, &(struct step){STORE, s->a, s->b + i, s->c + i * 7});
}

static void do_read(struct world *w, const struct step *s)
{
    if (w->count > 0)
        check_token(w, w->rows[s->a % w->count].first);
}

/* Values of random classes; what else there is to say of rectifying has tests of its own. */
static void do_rectify(struct world *w, const struct step *s)
{
    struct row *row = w->count == 0 ? NULL : &w->rows[s->a % w->count];
    char text[32];
    struct vault_rectify op = {.op.kind = VAULT_RECTIFY, .kind = VALUE_STRING};
    enum err e;

    if (row == NULL || kinds[row->class_at].shares || kinds[row->class_at].typed)
        return;
    (void)snprintf(text, sizeof(text), "changed %u", w->changes++);
    op.token = span_of(row->token.bytes, row->token.len);
    op.value = span_str(text);
    e = vault_run(w->rig.vault, &op.op);
    if (e == ERR_HELD && is_held(w, row->person, row->class_at))
        return;
    if (e != (row_is_alive(w, row) ? ERR_OK : ERR_NOT_FOUND))
        wrong(w, "rectifying row %zu: %s", row->first, err_name(e));
    if (e == ERR_OK)
        memcpy(row->text, text, sizeof(text));
}

static void do_erase(struct world *w, const struct step *s)
{
    const size_t person = s->a % PEOPLE;
    const bool known = person_is_known(w, person), bound = known && is_bound(w, person);
    struct receipt receipt = {.rows = 0};
    uint64_t rows = 0;
    char name[16];
    enum err e;

    name_of(person, name);
    e = erasure_run(w->erasures, VAULT_DOMAIN_DEFAULT, span_str(name), NULL, &receipt);
    if (bound && e == ERR_HELD) {
        w->waits[person] = true;
        return;
    }
    if (bound || e != (known ? ERR_OK : ERR_NOT_FOUND)) {
        wrong(w, "erasing person %zu: %s", person, err_name(e));
        return;
    }
    for (size_t i = 0; i < w->count; i++) {
        struct row *row = &w->rows[i];

        if (row->person != person || row->gone)
            continue;
        row->gone = true;
        rows++;
        w->erased[row->class_at]++;
    }
    forget_people(w);
    if (known && (receipt.state != RECEIPT_COMPLETED || receipt.rows != rows))
        wrong(w, "the receipt speaks of %" PRIu64 " rows, there were %" PRIu64, receipt.rows, rows);
}

/* In passes with a bound, to the end. */
static void do_sweep(struct world *w, const struct step *s)
{
    static const struct breaker tight = {.at_least = 1, .factor = 2, .percent = 1};
    struct sweeper_options o = {.vault = w->rig.vault,
                                .classes = &w->rig.classes,
                                .now_s = w->now_s,
                                .budget = s->a % 3 == 0 ? 1 + s->b % 20 : 0,
                                .breaker = &tight,
                                .runs = w->runs};
    struct sweeper_counts counts = {.more = true};
    uint64_t purged = 0, due = 0;

    while (counts.more && w->said[0] == '\0') {
        const enum err e = sweeper_pass(&o, &counts);

        purged += counts.purged;
        if (e != ERR_OK || counts.paused > 0)
            wrong(w, "a pass: %s, %zu classes paused", err_name(e), counts.paused);
    }
    for (size_t i = 0; i < w->count; i++) {
        struct row *row = &w->rows[i];

        if (row->gone || row->due_s > w->now_s || is_held(w, row->person, row->class_at))
            continue;
        row->gone = true;
        due++;
        w->timer[row->class_at]++;
    }
    if (purged != due)
        wrong(w, "%" PRIu64 " values were purged, %" PRIu64 " were due", purged, due);
    forget_people(w);
    w->swept_s = w->now_s;
}

static void set_clock(struct world *w, int64_t now_s)
{
    w->now_s = now_s;
    rig_clock(now_s);
    if (now_s - w->swept_s > UNSWEPT_MAX_S) /* what is foreseen ends some day */
        do_sweep(w, &(struct step){SWEEP, 1, 1, 1});
}

static void do_wait(struct world *w, const struct step *s)
{
    static const int64_t units_s[] = {1, 60, 3600, 86400};

    set_clock(w, w->now_s + (int64_t)(s->b % 15) * units_s[s->a % COUNT_OF(units_s)]);
}

/* To a second before something is due, to the instant, to a second after it. */
static void do_wait_for_due(struct world *w, const struct step *s)
{
    const struct row *row = w->count == 0 ? NULL : &w->rows[s->a % w->count];
    const int64_t to_s = row == NULL ? 0 : row->due_s - 1 + (int64_t)(s->b % 3);

    if (to_s < w->now_s)
        return;
    check_token(w, row->first); /* it is in caches then */
    set_clock(w, to_s);
    check_token(w, row->first);
}

static void do_hold(struct world *w, const struct step *s)
{
    struct hold *h = &w->holds[s->a % HOLDS_MAX];
    struct vault_hold hold = {.code = "17(3)(e)",
                              .ground = "a case",
                              .owner = "legal",
                              .set_by = "test",
                              .review_s = w->now_s + 86400};
    struct vault_holds op = {.op.kind = VAULT_HOLDS, .act = VAULT_HOLD_SET, .hold = &hold};
    const size_t person = s->b % PEOPLE;
    char name[16];
    enum err e;

    if (h->number != 0 || (s->c % 3 != 0 && !person_is_known(w, person)))
        return;
    *h = (struct hold){.person = s->c % 3 == 0 ? PEOPLE : person,
                       .class_at = s->c % 3 == 1 ? CLASSES : s->b % CLASSES};
    name_of(person, name);
    REQUIRE(vault_read_begin(w->reader) == ERR_OK);
    if (h->person < PEOPLE)
        REQUIRE(vault_read_subject(w->reader, VAULT_DOMAIN_DEFAULT, span_str(name), &hold.slot) ==
                ERR_OK);
    vault_read_end(w->reader);
    if (h->class_at < CLASSES)
        hold.class_id = rig_class(&w->rig, kinds[h->class_at].name);
    e = vault_run(w->rig.vault, &op.op);
    if (e != ERR_OK)
        wrong(w, "a hold: %s", err_name(e));
    h->number = hold.number;
}

static void do_lift(struct world *w, const struct step *s)
{
    struct hold *h = &w->holds[s->a % HOLDS_MAX];
    struct vault_hold hold = {.number = h->number, .lifted_by = "test", .lifted_why = "settled"};
    struct vault_holds op = {.op.kind = VAULT_HOLDS, .act = VAULT_HOLD_LIFT, .hold = &hold};
    enum err e;

    if (h->number == 0)
        return;
    e = vault_run(w->rig.vault, &op.op);
    if (e != ERR_OK)
        wrong(w, "lifting a hold: %s", err_name(e));
    h->number = 0;
}

static void open_parts(struct world *w)
{
    REQUIRE(vault_reader_open(w->rig.vault, &w->reader) == ERR_OK);
    w->erasures = erasures_new(w->rig.vault, NULL);
    w->runs = runs_new(w->rig.vault);
}

static void close_parts(struct world *w)
{
    vault_reader_close(&w->reader);
    erasures_free(&w->erasures);
    runs_free(&w->runs);
}

static void do_restart(struct world *w, const struct step *s UNUSED)
{
    close_parts(w);
    vault_close(&w->rig.vault);
    rig_open(&w->rig);
    open_parts(w);
}

static void (*const acts[ACTS])(struct world *w, const struct step *s) = {
    do_store, do_store_many,   do_read, do_rectify, do_erase,  do_sweep,
    do_wait,  do_wait_for_due, do_hold, do_lift,    do_restart};

/* ---- running ---- */

/* Run a history; the number of the step that went wrong, `count` when none did. */
static size_t run(const struct step *steps, size_t count, char said[256])
{
    struct world *w = mem_alloc(sizeof(*w));
    size_t at = 0;

    w->rows = mem_alloc(ROWS_MAX * sizeof(w->rows[0]));
    rig_init_in(&w->rig, scratch_new_fast(), classes_text);
    w->now_s = w->swept_s = RIG_NOW_S;
    open_parts(w);
    do_sweep(w, &(struct step){SWEEP, 1, 1, 1});
    for (; at < count; at++) {
        acts[steps[at].act](w, &steps[at]);
        if (at % 16 == 0 || at + 1 == count || steps[at].act >= ERASE)
            check_all(w);
        if (w->said[0] != '\0')
            break;
    }
    memcpy(said, w->said, 256);
    close_parts(w);
    rig_done(&w->rig);
    free(w->rows);
    free(w);
    return at;
}

/* Leave out what the failure does not need: halves, quarters, and so on, down to single steps. */
static size_t shrink(struct step *steps, size_t count, char said[256])
{
    AUTO(mem_free) struct step *fewer = mem_alloc(count * sizeof(*fewer));

    for (size_t piece = (count + 1) / 2; piece > 0; piece = piece == 1 ? 0 : (piece + 1) / 2) {
        for (size_t from = 0; from < count;) {
            const size_t left_out = from + piece < count ? piece : count - from;
            size_t failed;
            char now[256];

            memcpy(fewer, steps, from * sizeof(*steps));
            memcpy(fewer + from, steps + from + left_out,
                   (count - from - left_out) * sizeof(*steps));
            failed = run(fewer, count - left_out, now);
            if (now[0] == '\0') {
                from += piece;
                continue;
            }
            count = failed < count - left_out ? failed + 1 : count - left_out;
            memcpy(steps, fewer, count * sizeof(*steps));
            memcpy(said, now, sizeof(now));
        }
    }
    return count;
}

static bool run_seed(uint64_t seed, size_t count)
{
    AUTO(mem_free) struct step *steps = mem_alloc(count * sizeof(*steps));
    char said[256];
    size_t failed;

    draw_history(seed, steps, count);
    failed = run(steps, count, said);
    if (said[0] == '\0')
        return true;
    (void)printf("seed %" PRIu64 ", step %zu: %s\n", seed, failed, said);
    (void)fflush(stdout);
    count = shrink(steps, failed < count ? failed + 1 : count, said);
    (void)printf("in short: %s\n", said);
    for (size_t i = 0; i < count; i++)
        (void)printf("  %-12s %u %u %u\n", act_names[steps[i].act], steps[i].a, steps[i].b,
                     steps[i].c);
    return false;
}

int main(int argc, char **argv)
{
    uint64_t histories = 12, seed = 1;
    size_t steps = 1000;
    unsigned failures = 0;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--histories") == 0)
            histories = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--steps") == 0)
            steps = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[i + 1], NULL, 10);
    }
    secret_start();
    log_set_level(LOG_ERROR + 1);
    for (uint64_t i = 0; i < histories; i++)
        failures += !run_seed(seed + i, steps);
    (void)printf("%" PRIu64 " histories of %zu steps, seeds %" PRIu64 " to %" PRIu64
                 ", %u failures\n",
                 histories, steps, seed, seed + histories - 1, failures);
    return failures == 0 ? 0 : 1;
}
