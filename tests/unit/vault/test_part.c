/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/part.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/secret.h"
#include "tests/support/vault_fixture.h"
#include "vault/holds.h"

enum { NOW_S = 1800000000, DAY_S = 86400, STEP_ROWS = 100 };

static struct vault_fixture f;

static void setup(void)
{
    clock_test_set_ms(INT64_C(1000) * NOW_S);
    fixture_start(&f);
}

static void teardown(void)
{
    fault_test_set(NULL, NULL);
    clock_test_set_ms(-1);
    fixture_end(&f);
}

TestSuite(part, .init = setup, .fini = teardown, .timeout = 120);

static struct token_text store(uint16_t class_id, const char *subject, const char *value)
{
    struct token_text token;

    cr_assert_eq(fixture_tokenize(&f, class_id, subject, value, &token), ERR_OK);
    return token;
}

static uint64_t slot_of(const char *name)
{
    uint64_t slot = 0;

    return fixture_subject(&f, name, &slot) == ERR_OK ? slot : 0;
}

static struct vault_exception keep(uint16_t class_id)
{
    return (struct vault_exception){
        .class_id = class_id, .code = 'b', .law = "HGB 257", .until_s = NOW_S + 1000 * DAY_S};
}

static enum err step(uint64_t slot, const struct vault_exception *kept, size_t count,
                     struct vault_part_move *op, size_t limit)
{
    op->op.kind = VAULT_PART_MOVE;
    op->slot = slot;
    op->exceptions = kept;
    op->exception_count = count;
    op->newer_than_s = INT64_MAX;
    op->note = SPAN_LIT("{}");
    op->limit = limit;
    return vault_run(f.v, &op->op);
}

/* Every step of a move; the slot of what is kept. */
static uint64_t move(uint64_t slot, const struct vault_exception *kept, size_t count)
{
    struct vault_part_move op = {.slot = slot};

    do
        cr_assert_eq(step(slot, kept, count, &op, STEP_ROWS), ERR_OK);
    while (op.more);
    return op.target;
}

static void erase_slot(uint64_t slot, struct vault_verification *ret)
{
    struct vault_erasure erasure = {.slot = 0};
    struct vault_erase op = {.op = {.kind = VAULT_ERASE}, .slot = slot, .erasure = &erasure};
    struct vault_erasure_close closing = {
        .op = {.kind = VAULT_ERASURE_CLOSE}, .erasure = &erasure, .receipt = SPAN_LIT("{}")};
    struct vault_truncate truncate = {.op = {.kind = VAULT_TRUNCATE}};
    size_t deleted = 0;

    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert_eq(fixture_sweep(&f, slot, &deleted), ERR_OK);
    cr_assert_eq(vault_run(f.v, &truncate.op), ERR_OK);
    cr_assert_eq(vault_erasure_verify(f.v, &erasure, ret), ERR_OK);
    cr_assert_eq(vault_run(f.v, &closing.op), ERR_OK);
    vault_erasure_done(&erasure);
}

static bool is_clean(const struct vault_verification *v)
{
    return v->slot_zero && v->keys_left == 0 && v->samples_unreadable && v->rows_left == 0 &&
           v->names_left == 0 && v->key_absent && v->log_clean;
}

static enum err reveal_as(const struct token_text *token, bool legal, char out[64])
{
    const struct vault_scope scope = {.legal = legal};
    struct vault_value value;
    struct buf clear;
    enum err e;

    buf_init_secret(&clear, 63);
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    e = vault_reveal_as(f.r, &scope, fixture_span(token), &clear, &value);
    vault_read_end(f.r);
    if (e == ERR_OK)
        (void)snprintf(out, 64, "%.*s", (int)clear.len, (const char *)clear.bytes);
    buf_done(&clear);
    return e;
}

/* Legal purposes read all that is there, kept or not. */
static bool reads(const struct token_text *token, const char *expected)
{
    char value[64] = "";

    return reveal_as(token, true, value) == ERR_OK && strcmp(value, expected) == 0;
}

static bool is_restricted(const struct token_text *token)
{
    char value[64];

    return reveal_as(token, false, value) == ERR_RESTRICTED;
}

static bool is_gone(const struct token_text *token)
{
    char value[64];

    return fixture_reveal(&f, token, value, sizeof(value)) == ERR_NOT_FOUND;
}

Test(part, keeps_the_values_of_a_class_and_ends_the_others)
{
    const struct token_text note = store(f.note, "ada", "likes tea");
    const struct token_text phone = store(f.phone, "ada", "0151");
    const struct token_text bob = store(f.note, "bob", "likes coffee");
    const struct vault_exception kept = keep(f.phone);
    const uint64_t slot = slot_of("ada"), target = move(slot, &kept, 1);
    struct vault_verification v;

    cr_assert_neq(target, 0);
    cr_assert_neq(target, slot);
    cr_assert(reads(&note, "likes tea"), "nothing is gone before the key is");
    cr_assert(reads(&phone, "0151"));
    erase_slot(slot, &v);
    cr_assert(is_clean(&v));
    cr_assert_gt(v.samples_tried, 0);
    cr_assert(is_gone(&note));
    cr_assert(reads(&phone, "0151"));
    cr_assert(reads(&bob, "likes coffee"));
    cr_assert_eq(slot_of("ada"), target);
}

Test(part, is_there_after_a_restart)
{
    const struct token_text note = store(f.note, "ada", "likes tea");
    const struct token_text phone = store(f.phone, "ada", "0151");
    const struct vault_exception kept = keep(f.phone);
    const uint64_t slot = slot_of("ada");
    struct vault_verification v;

    (void)move(slot, &kept, 1);
    erase_slot(slot, &v);
    fixture_close(&f);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
    cr_assert(is_gone(&note));
    cr_assert(reads(&phone, "0151"));
}

static struct vault_holds_figures figures(void)
{
    struct vault_holds_figures ret;

    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(vault_read_holds_figures(f.r, &ret), ERR_OK);
    vault_read_end(f.r);
    return ret;
}

static uint64_t restricted_in(uint16_t class_id)
{
    struct vault_class_holds ret;

    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(vault_read_class_holds(f.r, class_id, NOW_S, &ret), ERR_OK);
    vault_read_end(f.r);
    return ret.restricted;
}

static bool is_person_restricted(uint64_t slot)
{
    bool ret;

    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    ret = vault_is_restricted(f.r, slot);
    vault_read_end(f.r);
    return ret;
}

Test(part, restricts_what_it_keeps_and_nothing_else)
{
    const struct token_text phone = store(f.phone, "ada", "0151");
    const struct token_text bob = store(f.phone, "bob", "0152");
    const struct vault_exception kept = keep(f.phone);
    const uint64_t slot = slot_of("ada");
    struct vault_verification v;
    struct token_text later, note;
    uint64_t target;

    (void)store(f.note, "ada", "likes tea");
    cr_assert_not(is_restricted(&phone));
    target = move(slot, &kept, 1);
    cr_assert(is_restricted(&phone), "before the key is gone");
    erase_slot(slot, &v);
    clock_test_set_ms(INT64_C(1000) * (NOW_S + DAY_S));
    later = store(f.phone, "ada", "0153");
    note = store(f.note, "ada", "is back");
    for (int i = 0; i < 2; i++) {
        cr_assert(is_restricted(&phone));
        cr_assert(reads(&phone, "0151"), "a legal purpose");
        cr_assert_not(is_restricted(&later), "stored since");
        cr_assert_not(is_restricted(&note), "of another class");
        cr_assert_not(is_restricted(&bob), "somebody else's");
        cr_assert(is_person_restricted(target));
        cr_assert_not(is_person_restricted(slot_of("bob")));
        cr_assert_eq(figures().restricted, 1);
        cr_assert_eq(restricted_in(f.phone), 1);
        cr_assert_eq(restricted_in(f.note), 0);
        fixture_close(&f);
        cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
    }
    erase_slot(target, &v);
    cr_assert_eq(figures().restricted, 0, "it ends with what was kept");
    cr_assert_not(is_person_restricted(target));
}

Test(part, restriction_outlives_a_hold_on_the_class_and_does_not_stop_the_purge)
{
    const struct token_text note = store(f.note, "ada", "one");
    const struct vault_exception kept = keep(f.note);
    struct vault_hold hold = {
        .ground = "case", .owner = "legal", .set_by = "test", .review_s = NOW_S + DAY_S};
    struct vault_holds op = {.op = {.kind = VAULT_HOLDS}, .act = VAULT_HOLD_SET, .hold = &hold};
    struct vault_verification v;
    size_t deleted = 0;
    uint64_t slot;

    (void)store(f.phone, "ada", "0151");
    slot = slot_of("ada");
    hold.slot = move(slot, &kept, 1);
    erase_slot(slot, &v);
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert(is_restricted(&note));
    cr_assert(reads(&note, "one"));
    op.act = VAULT_HOLD_LIFT;
    (void)snprintf(hold.lifted_why, sizeof(hold.lifted_why), "settled");
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert(is_restricted(&note), "when the hold is lifted, too");
    clock_test_set_ms(INT64_C(1000) * (NOW_S + 91 * DAY_S));
    cr_assert_eq(fixture_purge(&f, f.note, 100, &deleted), ERR_OK);
    cr_assert_eq(deleted, 1);
}

Test(part, of_a_person_whose_class_has_no_values_moves_nothing)
{
    const struct token_text note = store(f.note, "ada", "likes tea");
    const struct vault_exception kept = keep(f.phone);
    struct vault_part_open open;

    cr_assert_eq(move(slot_of("ada"), &kept, 1), 0);
    cr_assert_eq(vault_part_next(f.v, 0, &open), ERR_NOT_FOUND);
    cr_assert(reads(&note, "likes tea"));
}

Test(part, of_nobody_is_refused)
{
    const struct vault_exception kept = keep(f.phone);
    struct vault_part_move op = {.slot = 0};

    cr_assert_eq(step(1000, &kept, 1, &op, 10), ERR_NOT_FOUND);
}

Test(part, keeps_the_balance_of_what_was_created_and_purged)
{
    const struct vault_exception kept = keep(f.phone);
    struct vault_class_stats phone, note;
    struct vault_verification v;
    uint64_t slot;

    (void)store(f.phone, "ada", "0151");
    (void)store(f.phone, "bob", "0152");
    (void)store(f.note, "ada", "likes tea");
    slot = slot_of("ada");
    (void)move(slot, &kept, 1);
    erase_slot(slot, &v);
    phone = fixture_stats(&f, f.phone);
    note = fixture_stats(&f, f.note);
    cr_assert_eq(phone.items, 2);
    cr_assert_eq(phone.created, 2);
    cr_assert_eq(phone.purged_erasure + phone.purged_timer, 0);
    cr_assert_eq(note.items, 0);
    cr_assert_eq(note.created, 1);
    cr_assert_eq(note.purged_erasure, 1);
}

static uint64_t people(void)
{
    uint64_t n = 0;

    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(vault_read_subject_count(f.r, &n), ERR_OK);
    vault_read_end(f.r);
    return n;
}

Test(part, leaves_the_number_of_people_as_it_was)
{
    const struct vault_exception kept = keep(f.phone);
    struct vault_verification v;
    uint64_t slot;

    (void)store(f.phone, "ada", "0151");
    (void)store(f.note, "ada", "likes tea");
    slot = slot_of("ada");
    (void)move(slot, &kept, 1);
    erase_slot(slot, &v);
    cr_assert_eq(people(), 1);
}

Test(part, forgets_names_that_are_values_of_an_erased_class)
{
    const struct vault_exception kept = keep(f.phone);
    struct vault_verification v;
    struct vault_item item = {
        .class_id = f.email, .kind = VALUE_STRING, .value = SPAN_LIT("ada@example.org")};
    struct vault_tokenize op = {.op = {.kind = VAULT_TOKENIZE},
                                .domain = VAULT_DOMAIN_DEFAULT,
                                .names = {SPAN_LIT("ada"), SPAN_LIT("ada@example.org")},
                                .name_count = 2,
                                .items = &item,
                                .count = 1};
    uint64_t slot, target;

    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    (void)store(f.phone, "ada", "0151");
    slot = slot_of("ada");
    cr_assert_eq(slot_of("ada@example.org"), slot);
    target = move(slot, &kept, 1);
    erase_slot(slot, &v);
    cr_assert(is_clean(&v));
    cr_assert_eq(slot_of("ada"), target);
    cr_assert_eq(slot_of("ada@example.org"), 0);
}

Test(part, keeps_names_that_are_values_of_a_kept_class)
{
    const struct vault_exception kept = keep(f.email);
    struct vault_item item = {
        .class_id = f.email, .kind = VALUE_STRING, .value = SPAN_LIT("ada@example.org")};
    struct vault_tokenize op = {.op = {.kind = VAULT_TOKENIZE},
                                .domain = VAULT_DOMAIN_DEFAULT,
                                .names = {SPAN_LIT("ada@example.org")},
                                .name_count = 1,
                                .items = &item,
                                .count = 1};
    uint64_t slot, target;

    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    (void)store(f.note, "ada@example.org", "likes tea");
    slot = slot_of("ada@example.org");
    target = move(slot, &kept, 1);
    cr_assert_neq(target, 0);
    cr_assert_eq(slot_of("ada@example.org"), target);
}

Test(part, leaves_others_who_share_a_value_alone)
{
    const struct token_text ada = store(f.phone, "ada", "0151");
    const struct token_text bob = store(f.phone, "bob", "0151");
    const struct vault_exception kept = keep(f.note);
    struct vault_verification v;
    const uint64_t bobs = slot_of("bob");
    uint64_t slot;

    (void)store(f.note, "ada", "likes tea");
    cr_assert_eq(ada.len, bob.len);
    cr_assert_eq(memcmp(ada.bytes, bob.bytes, ada.len), 0);
    slot = slot_of("ada");
    (void)move(slot, &kept, 1);
    erase_slot(slot, &v);
    cr_assert(reads(&bob, "0151"));
    cr_assert_eq(slot_of("bob"), bobs);
}

Test(part, of_a_shared_value_keeps_both_owners)
{
    const struct token_text ada = store(f.phone, "ada", "0151");
    const struct vault_exception kept = keep(f.phone);
    struct vault_verification v;
    uint64_t slot, target;

    (void)store(f.phone, "bob", "0151");
    (void)store(f.note, "ada", "likes tea");
    slot = slot_of("ada");
    target = move(slot, &kept, 1);
    erase_slot(slot, &v);
    erase_slot(slot_of("bob"), &v);
    cr_assert(reads(&ada, "0151"));
    erase_slot(target, &v);
    cr_assert(is_gone(&ada));
}

Test(part, does_not_keep_what_is_due)
{
    const struct vault_exception kept = keep(f.brief);

    (void)store(f.brief, "ada", "soon gone");
    (void)store(f.note, "ada", "likes tea");
    clock_test_set_ms(INT64_C(1000) * (NOW_S + 60));
    cr_assert_eq(move(slot_of("ada"), &kept, 1), 0);
}

static void fill(uint16_t class_id, const char *subject, struct token_text *tokens, size_t count)
{
    char value[32];

    for (size_t i = 0; i < count; i++) {
        (void)snprintf(value, sizeof(value), "%s %zu", subject, i);
        tokens[i] = store(class_id, subject, value);
    }
}

static bool all_reveal(const struct token_text *tokens, const char *subject, size_t count)
{
    char value[32];

    for (size_t i = 0; i < count; i++) {
        (void)snprintf(value, sizeof(value), "%s %zu", subject, i);
        if (!reads(&tokens[i], value))
            return false;
    }
    return true;
}

enum { MANY = 7 };

Test(part, goes_on_in_steps_and_every_value_reads_in_between)
{
    struct token_text notes[MANY], phones[MANY];
    const struct vault_exception kept[] = {keep(f.note), keep(f.phone)};
    struct vault_part_move op = {.slot = 0};
    struct vault_verification v;
    size_t steps = 0;
    uint64_t slot;

    fill(f.note, "ada", notes, MANY);
    fill(f.phone, "ada", phones, MANY);
    (void)store(f.email, "ada", "ada@example.org");
    slot = slot_of("ada");
    do {
        cr_assert_eq(step(slot, kept, 2, &op, 2), ERR_OK);
        cr_assert(all_reveal(notes, "ada", MANY));
        cr_assert(all_reveal(phones, "ada", MANY));
        steps++;
    } while (op.more);
    cr_assert_gt(steps, MANY);
    erase_slot(slot, &v);
    cr_assert(is_clean(&v));
    cr_assert(all_reveal(notes, "ada", MANY) && all_reveal(phones, "ada", MANY));
}

Test(part, under_way_keeps_either_side_from_being_erased)
{
    struct token_text notes[MANY];
    const struct vault_exception kept = keep(f.note);
    struct vault_part_move op = {.slot = 0};
    struct vault_erasure erasure = {.slot = 0};
    struct vault_erase erase = {.op = {.kind = VAULT_ERASE}, .erasure = &erasure};
    uint64_t slot;

    fill(f.note, "ada", notes, MANY);
    slot = slot_of("ada");
    cr_assert_eq(step(slot, &kept, 1, &op, 2), ERR_OK);
    cr_assert(op.more);
    erase.slot = slot;
    cr_assert_eq(vault_run(f.v, &erase.op), ERR_BUSY);
    erase.slot = op.target;
    cr_assert_eq(vault_run(f.v, &erase.op), ERR_BUSY);
}

Test(part, under_way_takes_new_values_to_the_kept_side)
{
    struct token_text notes[MANY];
    const struct vault_exception kept = keep(f.note);
    struct vault_part_move op = {.slot = 0};
    struct vault_item item = {.class_id = f.note, .kind = VALUE_STRING, .value = SPAN_LIT("late")};
    struct vault_tokenize late = {
        .op = {.kind = VAULT_TOKENIZE}, .domain = VAULT_DOMAIN_DEFAULT, .items = &item, .count = 1};
    struct vault_verification v;

    fill(f.note, "ada", notes, MANY);
    late.slot = slot_of("ada");
    cr_assert_eq(step(late.slot, &kept, 1, &op, 2), ERR_OK);
    cr_assert_eq(vault_run(f.v, &late.op), ERR_OK);
    while (op.more)
        cr_assert_eq(step(late.slot, &kept, 1, &op, 2), ERR_OK);
    erase_slot(late.slot, &v);
    cr_assert(reads(&item.token, "late"));
}

/* Whoever has looked a person up asks by the slot of before, and cannot know that all has moved. */
Test(part, that_has_ended_takes_new_values_to_the_kept_side_until_the_erasure)
{
    const struct vault_exception kept = keep(f.note);
    struct vault_item item = {.class_id = f.note, .kind = VALUE_STRING, .value = SPAN_LIT("late")};
    struct vault_tokenize late = {
        .op = {.kind = VAULT_TOKENIZE}, .domain = VAULT_DOMAIN_DEFAULT, .items = &item, .count = 1};
    struct vault_verification v;

    (void)store(f.note, "ada", "likes tea");
    (void)store(f.phone, "ada", "0151");
    late.slot = slot_of("ada");
    (void)move(late.slot, &kept, 1);
    cr_assert_eq(vault_run(f.v, &late.op), ERR_OK);
    erase_slot(late.slot, &v);
    cr_assert(is_clean(&v));
    cr_assert(reads(&item.token, "late"));
    item.value = SPAN_LIT("later");
    cr_assert_eq(vault_run(f.v, &late.op), ERR_NOT_FOUND, "the old slot is nobody's now");
}

Test(part, remembers_what_is_kept_and_why)
{
    const struct vault_exception kept[] = {keep(f.note), keep(f.phone)};
    struct vault_kept found;
    uint64_t slot, target;

    (void)store(f.note, "ada", "one");
    (void)store(f.note, "ada", "two");
    slot = slot_of("ada");
    target = move(slot, kept, 2);
    cr_assert_eq(vault_kept_next(f.v, 0, 0, &found), ERR_OK);
    cr_assert_eq(found.slot, target);
    cr_assert_eq(found.exception.class_id, f.note);
    cr_assert_eq(found.exception.code, 'b');
    cr_assert_str_eq(found.exception.law, "HGB 257");
    cr_assert_eq(found.exception.until_s, NOW_S + 1000 * DAY_S);
    cr_assert_eq(found.exception.values, 2);
    cr_assert_eq(found.cutoff_s, NOW_S);
    cr_assert_eq(vault_kept_next(f.v, target, f.note, &found), ERR_NOT_FOUND,
                 "phone keeps nothing");
}

Test(part, goes_with_the_last_kept_value)
{
    const struct vault_exception kept = keep(f.note);
    struct vault_verification v;
    struct vault_kept found;
    size_t deleted = 0;
    uint64_t slot;

    (void)store(f.note, "ada", "one");
    (void)store(f.phone, "ada", "0151");
    slot = slot_of("ada");
    (void)move(slot, &kept, 1);
    erase_slot(slot, &v);
    clock_test_set_ms(INT64_C(1000) * (NOW_S + 91 * DAY_S));
    cr_assert_eq(fixture_purge(&f, f.note, 100, &deleted), ERR_OK);
    cr_assert_eq(deleted, 1);
    cr_assert_eq(vault_kept_next(f.v, 0, 0, &found), ERR_NOT_FOUND);
    cr_assert_eq(slot_of("ada"), 0);
    cr_assert_eq(people(), 0);
}

static struct vault_part look(uint64_t slot, const struct vault_exception *kept, size_t count,
                              int64_t newer_than_s, bool exact)
{
    const struct vault_part_ask ask = {
        .exceptions = kept, .count = count, .newer_than_s = newer_than_s, .exact = exact};
    static struct vault_part part;

    cr_assert_eq(vault_part_look(f.v, slot, &ask, &part), ERR_OK);
    return part;
}

Test(part, look_tells_what_would_go_and_stay)
{
    const struct vault_exception kept = keep(f.phone);
    struct vault_part part;

    (void)store(f.note, "ada", "one");
    (void)store(f.note, "ada", "two");
    (void)store(f.phone, "ada", "0151");
    part = look(slot_of("ada"), &kept, 1, INT64_MAX, true);
    cr_assert_eq(part.goes[f.note], 2);
    cr_assert_eq(part.gone, 2);
    cr_assert_eq(part.stays, 1);
    cr_assert_eq(part.kept_count, 1);
    cr_assert_eq(part.kept[0].values, 1);
    part = look(slot_of("ada"), NULL, 0, INT64_MAX, false);
    cr_assert_gt(part.gone, 0);
    cr_assert_eq(part.stays, 0);
}

Test(part, look_heeds_what_an_earlier_erasure_has_left)
{
    const struct vault_exception kept = keep(f.phone);
    struct vault_verification v;
    struct vault_part part;
    uint64_t slot, target;

    (void)store(f.note, "ada", "one");
    (void)store(f.phone, "ada", "0151");
    slot = slot_of("ada");
    target = move(slot, &kept, 1);
    erase_slot(slot, &v);
    part = look(target, NULL, 0, INT64_MAX, false);
    cr_assert_eq(part.gone, 0);
    cr_assert_gt(part.stays, 0);
    cr_assert_str_eq(part.kept[0].law, "HGB 257");
}

Test(part, look_spares_what_came_later)
{
    struct vault_part part;

    (void)store(f.note, "ada", "old");
    clock_test_set_ms(INT64_C(1000) * (NOW_S + 60));
    (void)store(f.note, "ada", "new");
    part = look(slot_of("ada"), NULL, 0, NOW_S + 10, true);
    cr_assert_eq(part.gone, 1);
    cr_assert_eq(part.other, 1);
}

Test(part, that_keeps_the_old_key_is_found_out)
{
    const struct vault_exception kept = keep(f.phone);
    struct vault_verification v;
    uint64_t slot;

    (void)store(f.phone, "ada", "0151");
    (void)store(f.note, "ada", "likes tea");
    slot = slot_of("ada");
    fault_test_set(NULL, "part.same_key");
    (void)move(slot, &kept, 1);
    fault_test_set(NULL, NULL);
    erase_slot(slot, &v);
    cr_assert_not(v.samples_unreadable);
    cr_assert_not(is_clean(&v));
}

/* ---- kill -9 ---- */

static bool ends_by_kill(void (*fn)(void), const char *fault)
{
    pid_t pid = fork();
    int status = 0;

    REQUIRE(pid >= 0);
    if (pid == 0) {
        fault_test_set(fault, NULL);
        if (fixture_open(&f) == ERR_OK)
            fn();
        _exit(0);
    }
    REQUIRE(waitpid(pid, &status, 0) == pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static uint64_t moving;

static void move_in_twos(void)
{
    const struct vault_exception kept = keep(f.note);
    struct vault_part_move op = {.slot = 0};

    do
        if (step(moving, &kept, 1, &op, 2) != ERR_OK)
            return;
    while (op.more);
}

static void kill_and_go_on(const char *fault)
{
    struct token_text notes[MANY], phone;
    const struct vault_exception kept = keep(f.note);
    struct vault_verification v;
    struct vault_part_open open;
    uint64_t target;

    fill(f.note, "ada", notes, MANY);
    phone = store(f.phone, "ada", "0151");
    moving = slot_of("ada");
    fixture_close(&f);
    cr_assert(ends_by_kill(move_in_twos, fault), "%s", fault);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s: %s", fault, f.msg.text);
    cr_assert(all_reveal(notes, "ada", MANY), "%s", fault);
    target = move(moving, &kept, 1);
    cr_assert_neq(target, 0);
    cr_assert_eq(vault_part_next(f.v, 0, &open), ERR_OK);
    cr_assert(open.ended && open.slot == moving && open.target == target);
    cr_assert_eq(open.note_len, 2);
    vault_part_open_done(&open);
    erase_slot(moving, &v);
    cr_assert(is_clean(&v), "%s", fault);
    cr_assert(all_reveal(notes, "ada", MANY), "%s", fault);
    cr_assert(is_gone(&phone), "%s", fault);
    cr_assert_eq(vault_part_next(f.v, 0, &open), ERR_NOT_FOUND);
    cr_assert_eq(people(), 1, "%s", fault);
    cr_assert_eq(fixture_stats(&f, f.note).items, MANY);
}

Test(part, killed_after_its_key_was_made_begins_again)
{
    kill_and_go_on("part.keyed");
}

Test(part, killed_before_a_commit_goes_on)
{
    kill_and_go_on("part.before_commit:2");
}

Test(part, killed_after_the_first_step_goes_on)
{
    kill_and_go_on("part.committed");
}

Test(part, killed_in_the_middle_goes_on)
{
    kill_and_go_on("part.committed:3");
}

Test(part, killed_after_the_last_step_has_ended)
{
    kill_and_go_on("part.committed:4");
}
