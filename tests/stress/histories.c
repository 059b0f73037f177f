/* SPDX-License-Identifier: Apache-2.0 */
/* Random histories against a simple model of what must be alive, over, held and destroyed at each instant:
 * values stored, rectified, used, erased and swept by a clock that the history sets, events sent and corrected,
 * rules changed, previewed and applied, holds and restrictions set and lifted, persons erased in whole and in part,
 * consents withdrawn, over restarts and kills.
 *
 * After each step tokens are read and compared with the model (histories_model.h); now and then all of them,
 * and the counters, and who is known. Between a sweep and the next nothing is due that was not foreseen, but for
 * what events bring forward: the breaker is set so tight that a single value would trip it.
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
#include "retention/retiming.h"
#include "retention/runs.h"
#include "retention/sweeper.h"
#include "tests/stress/histories_erasures.h"
#include "tests/stress/histories_world.h"
#include "vault/events.h"
#include "vault/holds.h"
#include "vault/purges.h"
#include "vault/uses.h"

enum {
    UNSWEPT_MAX_S = 100 * 86400,
    FORESEE_EVERY_S = 3600 /* the sweeper foresees that often at most */
};

/* ---- looking ---- */

/* The writer has served what was posted before. */
static void settle(struct world *w)
{
    struct vault_purge_due nothing = {.op.kind = VAULT_PURGE_DUE};

    REQUIRE(vault_run(w->rig.vault, &nothing.op) == ERR_NOT_FOUND);
}

/* Of values that several share it would not be known whose is used. */
static enum err reveal(struct world *w, const struct row *row, bool use, char out[32],
                       int64_t *ret_due_s)
{
    const struct vault_scope scope = {.class_id = rig_class(&w->rig, kinds[row->class_at].name)};
    struct vault_value value;
    struct buf text;
    enum err e;

    buf_init_secret(&text, 31);
    REQUIRE(vault_read_begin(w->reader) == ERR_OK);
    e = vault_reveal_as(w->reader, &scope, span_of(row->token.bytes, row->token.len), &text,
                        &value);
    if (e == ERR_OK && use)
        vault_use(w->reader, &value);
    vault_read_end(w->reader);
    if (e == ERR_OK && use)
        settle(w);
    if (e == ERR_OK) {
        memcpy(out, text.bytes, text.len);
        out[text.len] = '\0';
        *ret_due_s = value.due_s;
    }
    buf_done(&text);
    return e;
}

static void look_at(struct world *w, size_t first, bool use)
{
    struct row *row = &w->m.rows[first];
    const bool alive = token_is_alive(&w->m, first);
    char text[32] = "";
    int64_t due_s = 0;
    const enum err e = reveal(w, row, use, text, &due_s);
    const bool withheld = alive && may_be_withheld(&w->m, first);

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
        wrong(w, "row %zu (%s) is due in %" PRId64 " s, should be in %" PRId64, first,
              kinds[row->class_at].name, due_s - w->m.now_s, row->due_s - w->m.now_s);
    if (use && e == ERR_OK)
        note_use(&w->m, row);
}

static void check_token(struct world *w, size_t first)
{
    look_at(w, first, false);
}

static void check_counters(struct world *w, size_t class_at)
{
    struct vault_class_stats s;
    uint64_t items = 0;

    for (size_t i = 0; i < w->m.count; i++)
        items += w->m.rows[i].class_at == class_at && !w->m.rows[i].gone;
    REQUIRE(vault_read_begin(w->reader) == ERR_OK);
    REQUIRE(vault_read_stats(w->reader, rig_class(&w->rig, kinds[class_at].name), w->m.now_s, &s) ==
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
        const bool should = person_is_known(&w->m, p);
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
    for (size_t i = 0; i < w->m.count && w->said[0] == '\0'; i++)
        if (w->m.rows[i].first == i)
            check_token(w, i);
    for (size_t c = 0; c < CLASSES; c++)
        check_counters(w, c);
    check_people(w);
    check_consents(w);
}

/* ---- steps ---- */

static void note_stored(struct world *w, size_t class_at, size_t person, const char *text,
                        const struct token_text *token)
{
    const size_t there = find_token(&w->m, class_at, token);
    const size_t expected =
        kinds[class_at].shares ? shared_token_of(&w->m, class_at, text) : w->m.count;
    struct row *row = &w->m.rows[w->m.count], *owned;

    if (there != expected) {
        wrong(w, "%s: a value got %s token", kinds[class_at].name,
              there == w->m.count ? "a new" : "another's");
        return;
    }
    for (size_t i = 0; i < w->m.count && there == w->m.count && kinds[class_at].shares; i++)
        if (w->m.rows[i].class_at == class_at && strcmp(w->m.rows[i].text, text) == 0)
            w->m.rows[i].lost = true;
    owned = there < w->m.count ? live_row_of(&w->m, there, person) : NULL;
    if (owned != NULL) { /* it is stored already */
        note_use(&w->m, owned);
        return;
    }
    *row = (struct row){.class_at = class_at,
                        .person = person,
                        .first = there,
                        .created_s = w->m.now_s,
                        .token = *token};
    set_due(&w->m, row);
    (void)snprintf(row->text, sizeof(row->text), "%s", text);
    w->m.count++;
    w->created[class_at]++;
}

static void do_store(struct world *w, const struct step *s)
{
    const size_t person = s->a % PEOPLE, class_at = s->b % CLASSES;
    struct token_text token;
    char name[16], text[32];

    name_of(person, name);
    text_of(class_at, s->c, text);
    if (w->m.count == ROWS_MAX)
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
    const struct row *row = w->m.count == 0 ? NULL : &w->m.rows[s->a % w->m.count];

    if (row != NULL)
        look_at(w, row->first, s->b % 4 != 0 && !kinds[row->class_at].shares);
}

/* Values of random classes; what else there is to say of rectifying has tests of its own. */
static void do_rectify(struct world *w, const struct step *s)
{
    struct row *row = w->m.count == 0 ? NULL : &w->m.rows[s->a % w->m.count];
    char text[32];
    struct vault_rectify op = {.op.kind = VAULT_RECTIFY, .kind = VALUE_STRING};
    enum err e;

    if (row == NULL || kinds[row->class_at].shares || kinds[row->class_at].typed)
        return;
    (void)snprintf(text, sizeof(text), "changed %u", w->changes++);
    op.token = span_of(row->token.bytes, row->token.len);
    op.value = span_str(text);
    e = vault_run(w->rig.vault, &op.op);
    if (e == ERR_HELD && is_held(&w->m, row->person, row->class_at))
        return;
    if (e != (row_is_alive(&w->m, row) ? ERR_OK : ERR_NOT_FOUND))
        wrong(w, "rectifying row %zu: %s", row->first, err_name(e));
    if (e == ERR_OK)
        memcpy(row->text, text, sizeof(text));
}

/* Let the classes go on that paused since an event brought due times forward; how many. */
static size_t resume(struct world *w)
{
    size_t resumed = 0;

    for (size_t c = 0; c < CLASSES; c++) {
        struct vault_purge_note op = {.op.kind = VAULT_PURGE_NOTE,
                                      .resume = rig_class(&w->rig, kinds[c].name)};

        if (w->leapt_s[c] == 0 || !vault_purge_is_paused(w->rig.vault, op.resume))
            continue;
        REQUIRE(vault_run(w->rig.vault, &op.op) == ERR_OK);
        resumed++;
    }
    return resumed;
}

/* The first class that is paused. */
static const char *paused_name(const struct world *w)
{
    for (size_t c = 0; c < CLASSES; c++)
        if (vault_purge_is_paused(w->rig.vault, rig_class(&w->rig, kinds[c].name)))
            return kinds[c].name;
    return "";
}

/* In passes with a bound, to the end. */
static void do_sweep(struct world *w, const struct step *s)
{
    static const struct breaker tight = {.at_least = 1, .factor = 2, .percent = 1};
    struct sweeper_options o = {.vault = w->rig.vault,
                                .classes = vault_classes(w->rig.vault),
                                .now_s = w->m.now_s,
                                .budget = s->a % 3 == 0 ? 1 + s->b % 20 : 0,
                                .breaker = &tight,
                                .runs = w->runs};
    struct sweeper_counts counts = {.more = true};
    uint64_t purged = 0, due = 0;

    while (counts.more && w->said[0] == '\0') {
        const enum err e = sweeper_pass(&o, &counts);
        const size_t resumed = resume(w);

        purged += counts.purged;
        counts.more = counts.more || resumed > 0;
        if (e != ERR_OK || counts.paused > resumed)
            wrong(w, "a pass: %s, %zu classes paused, %s", err_name(e), counts.paused,
                  paused_name(w));
    }
    for (size_t c = 0; c < CLASSES; c++)
        if (w->m.now_s - w->leapt_s[c] >= FORESEE_EVERY_S)
            w->leapt_s[c] = 0;
    for (size_t i = 0; i < w->m.count; i++) {
        struct row *row = &w->m.rows[i];

        if (row->gone || row->due_s > w->m.now_s || is_kept(&w->m, row->person, row->class_at))
            continue;
        row->gone = true;
        due++;
        w->timer[row->class_at]++;
    }
    if (purged != due)
        wrong(w, "%" PRIu64 " values were purged, %" PRIu64 " were due", purged, due);
    forget_people(&w->m);
    w->swept_s = w->m.now_s;
}

static void set_clock(struct world *w, int64_t now_s)
{
    w->m.now_s = now_s;
    rig_clock(now_s);
    if (now_s - w->swept_s > UNSWEPT_MAX_S) /* what is foreseen ends some day */
        do_sweep(w, &(struct step){SWEEP, 1, 1, 1});
}

static void do_wait(struct world *w, const struct step *s)
{
    static const int64_t units_s[] = {1, 60, 3600, 86400};

    set_clock(w, w->m.now_s + (int64_t)(s->b % 15) * units_s[s->a % COUNT_OF(units_s)]);
}

/* To a second before something is due, to the instant, to a second after it. */
static void do_wait_for_due(struct world *w, const struct step *s)
{
    const struct row *row = w->m.count == 0 ? NULL : &w->m.rows[s->a % w->m.count];
    const int64_t to_s = row == NULL ? 0 : row->due_s - 1 + (int64_t)(s->b % 3);

    if (to_s < w->m.now_s)
        return;
    check_token(w, row->first); /* it is in caches then */
    set_clock(w, to_s);
    check_token(w, row->first);
}

static void do_hold(struct world *w, const struct step *s)
{
    struct hold *h = &w->m.holds[s->a % HOLDS_MAX];
    struct vault_hold hold = {.code = "17(3)(e)",
                              .ground = "a case",
                              .owner = "legal",
                              .set_by = "test",
                              .review_s = w->m.now_s + 86400};
    struct vault_holds op = {.op.kind = VAULT_HOLDS, .act = VAULT_HOLD_SET, .hold = &hold};
    const size_t person = s->b % PEOPLE;
    char name[16];
    enum err e;

    if (h->number != 0 || (s->c % 3 != 0 && !person_is_known(&w->m, person)))
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
    struct hold *h = &w->m.holds[s->a % HOLDS_MAX];
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

/* From an hour ahead to two weeks ago; an eighth of them corrections. */
static void do_event(struct world *w, const struct step *s)
{
    const size_t person = s->a % PEOPLE;
    const enum start event = s->b % 2 == 0 ? CLOSED : MOVED;
    int64_t *known_s = &w->m.events[person][event];
    struct vault_event op = {.op.kind = VAULT_EVENT,
                             .name = start_names[event] + strlen("event:"),
                             .at_s = w->m.now_s + 3600 - (int64_t)(s->c % (14 * 24)) * 3600,
                             .correct = s->b % 16 < 2};
    struct retimed retimed = {.values = 0};
    enum vault_event_fate fate;

    if (!person_is_known(&w->m, person))
        return;
    op.slot = slot_of(w, person);
    fate = fate_of(&w->m, event, *known_s, &op);
    REQUIRE(vault_run(w->rig.vault, &op.op) == ERR_OK);
    if (op.fate != fate)
        wrong(w, "an event: fate %d, should be %d", (int)op.fate, (int)fate);
    if (fate > VAULT_EVENT_CORRECTED || op.at_s == *known_s)
        return;
    *known_s = op.at_s;
    for (size_t i = 0; i < w->m.count; i++) {
        struct row *row = &w->m.rows[i];
        const int64_t before = retimed.earlier;

        if (row->person == person && life_of(&w->m, row->class_at)->start == event)
            retime(&w->m, row, &retimed);
        if (retimed.earlier > before)
            w->leapt_s[row->class_at] = w->m.now_s;
    }
    if (op.more || op.changed != (size_t)retimed.changed)
        wrong(w, "an event changed %zu rows, should have %" PRId64, op.changed, retimed.changed);
}

static void do_restrict(struct world *w, const struct step *s)
{
    const size_t person = s->a % PEOPLE;
    const unsigned ground = s->b % 4;
    struct vault_restriction r = {.ground = (char)('a' + ground), .set_by = "test"};
    struct vault_holds op = {.op.kind = VAULT_HOLDS, .act = VAULT_RESTRICT, .restriction = &r};
    enum err e;

    if (!person_is_known(&w->m, person))
        return;
    r.slot = slot_of(w, person);
    e = vault_run(w->rig.vault, &op.op);
    if (e != ((w->m.grounds[person] & 1u << ground) != 0 ? ERR_CONFLICT : ERR_OK))
        wrong(w, "a restriction: %s", err_name(e));
    w->m.grounds[person] |= 1u << ground;
}

static void do_unrestrict(struct world *w, const struct step *s)
{
    const size_t person = s->a % PEOPLE;
    struct vault_restriction r = {.notice_s = w->m.now_s, .lifted_by = "test"};
    struct vault_holds op = {.op.kind = VAULT_HOLDS, .act = VAULT_UNRESTRICT, .restriction = &r};
    enum err e;

    if (!person_is_known(&w->m, person))
        return;
    r.slot = slot_of(w, person);
    e = vault_run(w->rig.vault, &op.op);
    if (e != (w->m.grounds[person] == 0 ? ERR_CONFLICT : ERR_OK))
        wrong(w, "the end of a restriction: %s", err_name(e));
    w->m.grounds[person] = 0;
}

/* ---- other rules ---- */

static int64_t sum_of(const struct json *tree, const char *figure)
{
    const struct json *classes = json_get(tree, "classes");
    int64_t sum = 0;

    for (size_t i = 0; i < json_count(classes); i++)
        sum += json_int_of(json_get(json_at(classes, i), figure), 0);
    return sum;
}

/* Count what is to be, and do it. */
static void apply_rules(struct world *w, const struct retimed *should)
{
    AUTO(json_free) struct json *preview = NULL;
    AUTO(json_free) struct json *applied = NULL;
    const struct {
        const char *name;
        int64_t count;
    } figures[] = {{"values", should->values},
                   {"earlier", should->earlier},
                   {"later", should->later},
                   {"at_once", should->at_once},
                   {"held", should->held}};
    struct errmsg msg = {""};
    enum err e = retiming_preview(w->rig.vault, vault_classes(w->rig.vault), &preview, &msg);

    for (size_t i = 0; e == ERR_OK && i < COUNT_OF(figures); i++)
        if (sum_of(preview, figures[i].name) != figures[i].count)
            wrong(w, "previewed as %s: %" PRId64 ", should be %" PRId64, figures[i].name,
                  sum_of(preview, figures[i].name), figures[i].count);
    if (e == ERR_OK && should->values == 0 && json_count(json_get(preview, "classes")) == 0)
        return; /* classes without values have their rules at once */
    if (e == ERR_OK)
        e = retiming_apply(w->rig.vault, json_text_of(json_get(preview, "digest")), &applied, &msg);
    if (e != ERR_OK)
        wrong(w, "other rules: %s", msg.text);
    else if (sum_of(applied, "changed") != should->changed)
        wrong(w, "%" PRId64 " values got another due time, should have %" PRId64,
              sum_of(applied, "changed"), should->changed);
}

static void do_change(struct world *w, const struct step *s)
{
    const size_t before = w->m.set;
    struct retimed retimed = {.values = 0};
    struct errmsg msg = {""};
    struct vault_configure op;

    w->m.set = (before + 1 + s->a % (SETS - 1)) % SETS;
    op = (struct vault_configure){.op.kind = VAULT_CONFIGURE,
                                  .classes = &w->sets[w->m.set],
                                  .domains = &w->rig.domains,
                                  .msg = &msg};
    if (vault_run(w->rig.vault, &op.op) != ERR_OK)
        wrong(w, "other rules: %s", msg.text);
    w->rig.classes = w->sets[w->m.set];
    check_all(w); /* values keep their due times */
    for (size_t i = 0; i < w->m.count; i++) {
        struct row *row = &w->m.rows[i];

        if (memcmp(&lives[before][row->class_at], life_of(&w->m, row->class_at),
                   sizeof(struct life)) != 0)
            retime(&w->m, row, &retimed);
    }
    if (w->said[0] == '\0')
        apply_rules(w, &retimed);
}

static void do_restart(struct world *w, const struct step *s UNUSED)
{
    close_parts(w);
    vault_close(&w->rig.vault);
    rig_open(&w->rig);
    open_parts(w);
}

static void (*const acts[ACTS])(struct world *w, const struct step *s) = {
    do_store,          do_store_many,   do_read,           do_rectify,    do_erase, do_sweep,
    do_wait,           do_wait_for_due, do_hold,           do_lift,       do_event, do_restrict,
    do_unrestrict,     do_change,       do_restart,        do_erase_some, do_kill,  do_run_waiting,
    do_end_exceptions, do_consent,      do_finish_consents};

/* ---- running ---- */

static void start_world(struct world *w)
{
    char text[4096];

    write_set(0, text, sizeof(text));
    rig_init_in(&w->rig, scratch_new_fast(), text);
    w->sets[0] = w->rig.classes;
    for (size_t i = 1; i < SETS; i++) {
        struct errmsg msg = {""};

        write_set(i, text, sizeof(text));
        REQUIRE(conf_parse("set.yaml", span_str(text), &w->confs[i], &msg) == ERR_OK);
        REQUIRE(classes_read(conf_root(w->confs[i]), &w->sets[i], &msg) == ERR_OK);
    }
    for (size_t i = 0; i < SETS; i++)
        for (size_t c = 0; c < CLASSES; c++)
            w->sets[i].defs[c].back_dating = (struct period){.seconds = BACK_DATING_S};
    w->m.rows = mem_alloc(ROWS_MAX * sizeof(w->m.rows[0]));
    w->m.now_s = w->swept_s = RIG_NOW_S;
    open_parts(w);
    do_sweep(w, &(struct step){SWEEP, 1, 1, 1});
}

static void end_world(struct world *w)
{
    close_parts(w);
    w->rig.classes = w->sets[0];
    rig_done(&w->rig);
    for (size_t i = 1; i < SETS; i++) {
        classes_done(&w->sets[i]);
        conf_free(&w->confs[i]);
    }
    free(w->m.rows);
}

/* Run a history; the number of the step that went wrong, `count` when none did. */
static size_t run(const struct step *steps, size_t count, char said[256])
{
    struct world *w = mem_alloc(sizeof(*w));
    size_t at = 0;

    start_world(w);
    for (; at < count; at++) {
        acts[steps[at].act](w, &steps[at]);
        if (at % 16 == 0 || at + 1 == count || steps[at].act >= ERASE)
            check_all(w);
        if (w->said[0] != '\0')
            break;
    }
    memcpy(said, w->said, 256);
    end_world(w);
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
    (void)printf("seed %" PRIu64 ", step %zu, %s: %s\n", seed, failed,
                 failed < count ? act_names[steps[failed].act] : "none", said);
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
