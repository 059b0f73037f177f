/* SPDX-License-Identifier: Apache-2.0 */
/* Erasures in random histories (histories.c): of all or some classes, with exceptions, of what is not newer, that wait
 * for holds, that follow from withdrawn consent or the end of an exception, and that the program is killed in. */
#pragma once

#include <signal.h>
#include <sys/wait.h>

#include "base/fault.h"
#include "retention/consents.h"
#include "tests/stress/histories_world.h"
#include "vault/holds.h"

/* ---- the model ---- */

static const struct wish everything = {.newer_than_s = INT64_MAX};

static inline bool wish_is_for(const struct wish *wish, size_t class_at)
{
    return wish->scope == 0 || (wish->scope >> class_at & 1) != 0;
}

/* Is all that the other one is for meant by this one? */
static inline bool wish_covers(const struct wish *one, const struct wish *other)
{
    if (one->scope == 0 && one->except == 0 && one->newer_than_s == INT64_MAX)
        return true;
    return one->scope == other->scope && one->except == other->except &&
           (one->except == 0 || one->until_s == other->until_s) &&
           one->newer_than_s == other->newer_than_s;
}

/* What exceptions, given now or before, keep of a class; 0: nothing. */
static inline int64_t excepted_until(const struct model *m, const struct wish *wish, size_t person,
                                     size_t class_at)
{
    const struct exception *x = &m->kept[person][class_at];
    const int64_t before_s = x->is_on && !x->by_rule && x->until_s > m->now_s ? x->until_s : 0;
    const int64_t now_s = (wish->except >> class_at & 1) != 0 ? wish->until_s : 0;

    return before_s > now_s ? before_s : now_s;
}

static inline int64_t kept_until(const struct model *m, const struct wish *wish,
                                 const struct row *row)
{
    const int64_t minimum_s = (int64_t)life_of(m, row->class_at)->minimum_hours * 3600;
    const int64_t by_rule_s = minimum_s == 0 ? 0 : row->created_s + minimum_s;
    const int64_t excepted_s = excepted_until(m, wish, row->person, row->class_at);

    return by_rule_s > excepted_s ? by_rule_s : excepted_s;
}

enum fate { GOES, STAYS, OTHER };

static inline enum fate fate_of_row(const struct model *m, const struct wish *wish,
                                    const struct row *row)
{
    if (!wish_is_for(wish, row->class_at) ||
        (row->created_s > wish->newer_than_s && !is_excepted(m, row)))
        return OTHER;
    if (row->due_s <= m->now_s)
        return GOES;
    return kept_until(m, wish, row) > m->now_s ? STAYS : GOES;
}

static inline void count_fates(const struct model *m, const struct wish *wish, size_t person,
                               size_t counts[3])
{
    memset(counts, 0, 3 * sizeof(counts[0]));
    for (size_t i = 0; i < m->count; i++)
        if (m->rows[i].person == person && !m->rows[i].gone && !m->rows[i].lost)
            counts[fate_of_row(m, wish, &m->rows[i])]++;
}

/* The exception under which values of a class stay from now on. */
static inline struct exception exception_of(const struct model *m, const struct wish *wish,
                                            size_t person, size_t class_at)
{
    const struct exception *before = &m->kept[person][class_at];
    const int64_t excepted_s = excepted_until(m, wish, person, class_at);
    struct exception x = {.by_rule = excepted_s == 0,
                          .until_s = excepted_s,
                          .next_s = excepted_s == 0 ? INT64_MAX : excepted_s,
                          .cutoff_s =
                              m->now_s < wish->newer_than_s ? m->now_s : wish->newer_than_s};

    if (before->is_on && before->cutoff_s > x.cutoff_s)
        x.cutoff_s = before->cutoff_s;
    for (size_t i = 0; i < m->count; i++) {
        const struct row *row = &m->rows[i];
        int64_t until_s;

        if (row->person != person || row->class_at != class_at || row->gone ||
            fate_of_row(m, wish, row) != STAYS)
            continue;
        x.is_on = true;
        until_s = kept_until(m, wish, row);
        x.next_s = until_s < x.next_s ? until_s : x.next_s;
        if (x.by_rule)
            x.until_s = until_s > x.until_s ? until_s : x.until_s;
    }
    return x.is_on ? x : (struct exception){.is_on = false};
}

/* Do it; how many rows went. Whatever was not found again goes with the key. */
static inline uint64_t carry_out(struct world *w, const struct wish *wish, size_t person)
{
    struct exception after[CLASSES];
    uint64_t rows = 0;

    for (size_t c = 0; c < CLASSES; c++)
        after[c] =
            wish_is_for(wish, c) ? exception_of(&w->m, wish, person, c) : w->m.kept[person][c];
    for (size_t i = 0; i < w->m.count; i++) {
        struct row *row = &w->m.rows[i];

        if (row->person != person || row->gone ||
            (!row->lost && fate_of_row(&w->m, wish, row) != GOES))
            continue;
        row->gone = true;
        rows++;
        w->erased[row->class_at]++;
    }
    memcpy(w->m.kept[person], after, sizeof(after));
    w->m.waits[person] = false;
    forget_people(&w->m);
    return rows;
}

/* What comes of a wish of somebody who is known, and of the model; *ret_rows: went. */
static inline enum err expect(struct world *w, const struct wish *wish, size_t person,
                              uint64_t *ret_rows)
{
    const bool bound = is_bound(&w->m, person), waits = w->m.waits[person];
    size_t counts[3];

    if (!bound && waits && !wish_covers(wish, &w->m.wishes[person]))
        return ERR_BUSY;
    count_fates(&w->m, wish, person, counts);
    if (counts[GOES] == 0 && counts[STAYS] + counts[OTHER] > 0)
        return ERR_CONFLICT;
    if (bound && waits && !wish_covers(&w->m.wishes[person], wish))
        return ERR_BUSY;
    if (bound) {
        if (!waits)
            w->m.wishes[person] = *wish;
        w->m.waits[person] = true;
        return ERR_HELD;
    }
    *ret_rows = carry_out(w, wish, person);
    return ERR_OK;
}

/* ---- the vault ---- */

static inline enum err ask(struct world *w, const struct wish *wish, uint64_t slot,
                           struct receipt *ret)
{
    struct vault_exception kept[CLASSES];
    struct erasure_request request = {
        .slot = slot, .exceptions = kept, .newer_than_s = wish->newer_than_s};

    for (size_t c = 0; c < CLASSES; c++) {
        const uint16_t id = rig_class(&w->rig, kinds[c].name);

        if ((wish->scope >> c & 1) != 0)
            vault_class_set_add(&request.scope, id);
        if ((wish->except >> c & 1) != 0)
            kept[request.exception_count++] = (struct vault_exception){
                .class_id = id, .code = 'b', .law = "a law", .until_s = wish->until_s};
    }
    return erasure_run_request(w->erasures, &request, ret);
}

/* ---- steps ---- */

static inline struct wish wish_of(const struct world *w, const struct step *s)
{
    struct wish wish = everything;

    if (s->b % 3 != 0)
        wish.scope = s->b >> 4 & s->c >> 4 & ((1u << CLASSES) - 1);
    if (s->b % 4 != 0) {
        wish.except = s->b >> 14 & s->c >> 14 & ((1u << CLASSES) - 1);
        wish.until_s = w->m.now_s + (int64_t)(s->c % 20) * MODEL_DAY_S / 2 - MODEL_DAY_S;
    }
    if (s->c % 5 == 0)
        wish.newer_than_s = w->m.now_s - 1 - (int64_t)(s->b % 10) * 7777;
    return wish;
}

static inline void erase_as(struct world *w, const struct wish *wish, size_t person)
{
    struct receipt *receipt = mem_alloc(sizeof(*receipt));
    const uint64_t slot = slot_of(w, person);
    uint64_t rows = 0;
    const enum err e = ask(w, wish, slot, receipt);
    const enum err should = expect(w, wish, person, &rows);

    if (e != should)
        wrong(w, "erasing of person %zu: %s, should be %s", person, err_name(e), err_name(should));
    else if (e == ERR_OK && (receipt->state != RECEIPT_COMPLETED || receipt->rows != rows))
        wrong(w, "the receipt speaks of %" PRIu64 " rows, there were %" PRIu64, receipt->rows,
              rows);
    free(receipt);
}

static inline void do_erase(struct world *w, const struct step *s)
{
    if (person_is_known(&w->m, s->a % PEOPLE))
        erase_as(w, &everything, s->a % PEOPLE);
}

static inline void do_erase_some(struct world *w, const struct step *s)
{
    const struct wish wish = wish_of(w, s);

    if (person_is_known(&w->m, s->a % PEOPLE))
        erase_as(w, &wish, s->a % PEOPLE);
}

static inline void die_erasing(struct world *w, const struct wish *wish, uint64_t slot,
                               const char *point)
{
    struct receipt receipt;

    rig_open(&w->rig);
    open_parts(w);
    fault_test_set(point, NULL);
    (void)!ask(w, wish, slot, &receipt);
    _exit(0);
}

/* Killed at a point of an erasure; what was begun is finished, and it is asked for again. */
static inline void do_kill(struct world *w, const struct step *s)
{
    static const char *const points[] = {
        "part.keyed",    "part.before_commit", "part.committed",    "erase.parted",
        "erase.begun",   "erase.after_ledger", "erase.after_shred", "erase.acknowledged",
        "erase.noticed", "erase.swept",        "erase.verified",    "close.appended",
        "slab.added",    "slab.shredded",      "part.committed:2",  "slab.before_shred_sync"};
    const struct wish wish = wish_of(w, s);
    const size_t person = s->a % PEOPLE;
    struct erasure_resumed resumed = {.found = 0};
    struct receipt receipt;
    uint64_t rows, slot;
    size_t counts[3];
    char name[16];
    int status = 0;
    pid_t pid;
    enum err e;

    count_fates(&w->m, &wish, person, counts);
    if (counts[GOES] == 0 || is_bound(&w->m, person) || w->m.waits[person])
        return;
    slot = slot_of(w, person);
    close_parts(w);
    vault_close(&w->rig.vault);
    pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0)
        die_erasing(w, &wish, slot, points[s->c % COUNT_OF(points)]);
    REQUIRE(waitpid(pid, &status, 0) == pid);
    if (!WIFEXITED(status) && WTERMSIG(status) != SIGKILL)
        wrong(w, "erasing of person %zu died of %d", person, WTERMSIG(status));
    rig_open(&w->rig);
    open_parts(w);
    e = erasure_resume_all(w->erasures, &resumed);
    if (e != ERR_OK || resumed.completed != resumed.found)
        wrong(w, "resuming: %s, %zu of %zu", err_name(e), resumed.completed, resumed.found);
    name_of(person, name);
    REQUIRE(vault_read_begin(w->reader) == ERR_OK);
    e = vault_read_subject(w->reader, VAULT_DOMAIN_DEFAULT, span_str(name), &slot);
    vault_read_end(w->reader);
    if (e == ERR_OK)
        e = ask(w, &wish, slot, &receipt);
    if (e != ERR_OK && e != ERR_CONFLICT && e != ERR_NOT_FOUND)
        wrong(w, "erasing of person %zu again, after %s: %s", person,
              points[s->c % COUNT_OF(points)], err_name(e));
    if (expect(w, &wish, person, &rows) != ERR_OK)
        wrong(w, "the model is at odds with itself");
}

/* ---- what follows from other things ---- */

static inline void do_run_waiting(struct world *w, const struct step *s UNUSED)
{
    struct erasure_resumed resumed;
    const enum err e = erasure_run_waiting(w->erasures, &resumed);

    if (e != ERR_OK)
        wrong(w, "erasures that wait: %s", err_name(e));
    for (size_t p = 0; p < PEOPLE; p++) {
        const struct wish wish = w->m.wishes[p];
        uint64_t rows;

        if (w->m.waits[p] && !is_bound(&w->m, p) && expect(w, &wish, p, &rows) != ERR_OK)
            w->m.waits[p] = false; /* nothing would go */
    }
}

/* Does an exception keep values of this class that are there? */
static inline bool keeps(const struct model *m, size_t person, size_t class_at)
{
    const struct wish wish = {.scope = 1u << class_at,
                              .newer_than_s = m->kept[person][class_at].cutoff_s};
    size_t counts[3];

    count_fates(m, &wish, person, counts);
    return counts[STAYS] > 0;
}

static inline bool is_ended(const struct model *m, size_t person, size_t class_at)
{
    const struct exception *x = &m->kept[person][class_at];

    return x->is_on && x->next_s <= m->now_s;
}

static inline void end_exceptions_of(struct world *w, size_t person)
{
    for (size_t c = 0; c < CLASSES; c++) {
        const struct exception *x = &w->m.kept[person][c];
        struct wish wish = {.newer_than_s = x->cutoff_s};
        uint64_t rows;

        if (!is_ended(&w->m, person, c))
            continue;
        for (size_t other = 0; other < CLASSES; other++)
            if (is_ended(&w->m, person, other) && w->m.kept[person][other].cutoff_s == x->cutoff_s)
                wish.scope |= 1u << other;
        if (expect(w, &wish, person, &rows) == ERR_CONFLICT && !keeps(&w->m, person, c))
            w->m.kept[person][c] = (struct exception){.is_on = false};
    }
}

static inline void do_end_exceptions(struct world *w, const struct step *s UNUSED)
{
    for (size_t i = 0; i <= CLASSES; i++) {
        size_t count = 0;
        const enum err e = erasure_end_exceptions(w->erasures, &count);

        if (e != ERR_OK)
            wrong(w, "the ends of exceptions: %s", err_name(e));
    }
    for (size_t p = 0; p < PEOPLE; p++)
        if (!w->m.waits[p] && !is_bound(&w->m, p))
            end_exceptions_of(w, p);
}

/* ---- consent ---- */

static inline void do_consent(struct world *w, const struct step *s)
{
    static uint64_t numbers;
    const size_t person = s->a % PEOPLE, purpose = s->b % PURPOSES;
    struct consent *known = &w->m.consents[person][purpose];
    struct vault_consent consent = {.set_by = "test"};
    struct vault_holds op = {.op.kind = VAULT_HOLDS,
                             .act = s->c % 3 == 0 ? VAULT_CONSENT_GIVE : VAULT_CONSENT_WITHDRAW,
                             .consent = &consent};
    const bool withdraws = op.act == VAULT_CONSENT_WITHDRAW;
    enum err e;

    if (!person_is_known(&w->m, person))
        return;
    consent.slot = slot_of(w, person);
    (void)snprintf(consent.purpose, sizeof(consent.purpose), "%s", purposes[purpose]);
    e = vault_run(w->rig.vault, &op.op);
    if (e != (withdraws && known->is_withdrawn ? ERR_CONFLICT : ERR_OK))
        wrong(w, "consent: %s", err_name(e));
    if (e == ERR_OK)
        *known = (struct consent){
            .is_withdrawn = withdraws, .recorded_s = w->m.now_s, .number = ++numbers};
}

/* The withdrawal that came first of those that have had no effect yet, past a number; NULL: none. */
static inline struct consent *next_pending(struct model *m, uint64_t after, size_t *ret_person)
{
    struct consent *found = NULL;

    for (size_t p = 0; p < PEOPLE; p++)
        for (size_t i = 0; i < PURPOSES; i++) {
            struct consent *at = &m->consents[p][i];

            if (!at->is_withdrawn || at->is_done || at->number <= after ||
                (found != NULL && found->number < at->number))
                continue;
            found = at;
            *ret_person = p;
        }
    return found;
}

static inline unsigned withdrawn_scope(const struct model *m, size_t person)
{
    unsigned withdrawn = 0, scope = 0;

    for (size_t i = 0; i < PURPOSES; i++)
        if (m->consents[person][i].is_withdrawn)
            withdrawn |= 1u << i;
    for (size_t c = 0; c < CLASSES; c++)
        if (consent_bits[c] != 0 && (consent_bits[c] & ~withdrawn) == 0)
            scope |= 1u << c;
    return scope;
}

static inline void do_finish_consents(struct world *w, const struct step *s UNUSED)
{
    struct consent_effect effect;
    struct consent *at;
    uint64_t after = 0;
    size_t person = 0;
    const enum err e = consents_finish(w->erasures, 0, &effect);

    if (e != ERR_OK)
        wrong(w, "the effect of withdrawals: %s", err_name(e));
    while ((at = next_pending(&w->m, after, &person)) != NULL) {
        const struct wish wish = {.scope = withdrawn_scope(&w->m, person),
                                  .newer_than_s = at->recorded_s};
        enum err should = ERR_CONFLICT;
        uint64_t rows;

        after = at->number;
        if (wish.scope != 0)
            should = expect(w, &wish, person, &rows);
        at->is_done = should == ERR_OK || should == ERR_CONFLICT;
    }
}

/* What is asked for a purpose is not shown once consent to it was withdrawn. */
static inline void check_consents(struct world *w)
{
    for (size_t i = 0; i < w->m.count; i += 7) {
        const struct row *row = &w->m.rows[i];
        struct vault_scope scope = {.class_id = rig_class(&w->rig, kinds[row->class_at].name)};
        struct vault_value value;
        struct buf text;

        if (kinds[row->class_at].shares || !row_is_alive(&w->m, row) || may_be_withheld(&w->m, i))
            continue;
        for (size_t p = 0; p < PURPOSES; p++) {
            enum err e;

            buf_init_secret(&text, 31);
            scope.purpose = vault_purpose_id(w->rig.vault, span_str(purposes[p]));
            REQUIRE(vault_read_begin(w->reader) == ERR_OK);
            e = vault_reveal_as(w->reader, &scope, span_of(row->token.bytes, row->token.len), &text,
                                &value);
            vault_read_end(w->reader);
            buf_done(&text);
            if (e != (w->m.consents[row->person][p].is_withdrawn ? ERR_OBJECTED : ERR_OK))
                wrong(w, "row %zu for %s: %s", i, purposes[p], err_name(e));
        }
    }
}
