/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/writer_priv.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/secret.h"
#include "tests/support/vault_fixture.h"

static struct vault_fixture f;

static void setup(void)
{
    fixture_start(&f);
}

static void teardown(void)
{
    fault_test_set(NULL, NULL);
    clock_test_set_ms(-1);
    fixture_end(&f);
}

TestSuite(writer, .init = setup, .fini = teardown);

static bool same(const struct token_text *a, const struct token_text *b)
{
    return span_equal(fixture_span(a), fixture_span(b));
}

static uint64_t slot_of(const char *name)
{
    uint64_t slot = 0;

    cr_assert_eq(fixture_subject(&f, name, &slot), ERR_OK);
    return slot;
}

/* ---- tokenizing ---- */

Test(writer, a_value_becomes_a_token_that_reveals_it)
{
    struct token_text token;

    cr_assert_eq(fixture_tokenize(&f, f.note, "anna", "likes tea", &token), ERR_OK);
    cr_assert(token_is(fixture_span(&token)));
    cr_assert_null(memmem(token.bytes, token.len, "tea", 3));
    cr_assert(fixture_reveals(&f, &token, "likes tea"));
}

Test(writer, an_empty_value_is_a_value)
{
    struct token_text token;

    cr_assert_eq(fixture_tokenize(&f, f.note, "anna", "", &token), ERR_OK);
    cr_assert(fixture_reveals(&f, &token, ""));
}

/* E28 */
Test(writer, a_random_class_gives_equal_values_different_tokens)
{
    struct token_text a, b;

    cr_assert_eq(fixture_tokenize(&f, f.note, "anna", "same", &a), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.note, "anna", "same", &b), ERR_OK);
    cr_assert_not(same(&a, &b));
}

Test(writer, a_deterministic_class_gives_equal_values_one_token)
{
    struct token_text a, b, other;

    cr_assert_eq(fixture_tokenize(&f, f.phone, "anna", "+491701", &a), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.phone, "anna", "+491701", &b), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.phone, "anna", "+491702", &other), ERR_OK);
    cr_assert(same(&a, &b));
    cr_assert_not(same(&a, &other));
    cr_assert_eq(fixture_stats(&f, f.phone).items, 2);
}

Test(writer, a_string_and_a_number_are_not_equal_values)
{
    struct vault_item items[] = {
        {.class_id = f.phone, .kind = VALUE_STRING, .value = SPAN_LIT("1")},
        {.class_id = f.phone, .kind = VALUE_NUMBER, .value = SPAN_LIT("1")},
    };
    struct vault_tokenize op = {.op.kind = VAULT_TOKENIZE,
                                .domain = VAULT_DOMAIN_DEFAULT,
                                .names = {SPAN_LIT("anna")},
                                .name_count = 1,
                                .items = items,
                                .count = 2};

    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert_not(same(&items[0].token, &items[1].token));
}

Test(writer, two_domains_share_no_token)
{
    struct vault_item items[] = {
        {.class_id = f.phone, .kind = VALUE_STRING, .value = SPAN_LIT("+491701")}};
    struct vault_tokenize op = {.op.kind = VAULT_TOKENIZE,
                                .domain = f.crm,
                                .names = {SPAN_LIT("anna")},
                                .name_count = 1,
                                .items = items,
                                .count = 1};
    struct vault_item found = items[0];
    struct token_text here;
    uint64_t slot = 0;

    cr_assert_eq(fixture_tokenize(&f, f.phone, "anna", "+491701", &here), ERR_OK);
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert_not(same(&here, &items[0].token));
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(vault_read_subject(f.r, f.crm, SPAN_LIT("anna"), &slot), ERR_OK);
    cr_assert_eq(vault_find(f.r, f.crm, slot, &found), ERR_OK);
    cr_assert(same(&found.token, &items[0].token));
    cr_assert_eq(vault_find(f.r, VAULT_DOMAIN_DEFAULT, slot, &found), ERR_NOT_FOUND);
    cr_assert_eq(vault_find(f.r, VAULT_DOMAIN_DEFAULT, 0, &found), ERR_OK);
    cr_assert(same(&found.token, &here));
    cr_assert_eq(vault_find(f.r, f.crm, 0, &found), ERR_OK);
    cr_assert(same(&found.token, &items[0].token));
    vault_read_end(f.r);
    cr_assert_neq(slot, slot_of("anna"));
    /* and it stays so after a restart, when the domain's key is read back */
    fixture_close(&f);
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert(fixture_reveals(&f, &items[0].token, "+491701"));
    here = items[0].token;
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert(same(&here, &items[0].token));
}

Test(writer, all_values_of_an_operation_belong_to_its_subject)
{
    struct vault_item items[] = {
        {.class_id = f.note, .kind = VALUE_STRING, .value = SPAN_LIT("one")},
        {.class_id = f.email, .kind = VALUE_STRING, .value = SPAN_LIT("anna@example.org")},
        {.class_id = f.brief, .kind = VALUE_BOOL, .value = SPAN_LIT("true")},
    };
    struct vault_tokenize op = {.op.kind = VAULT_TOKENIZE,
                                .domain = VAULT_DOMAIN_DEFAULT,
                                .names = {SPAN_LIT("anna")},
                                .name_count = 1,
                                .items = items,
                                .count = 3};
    struct vault_value value;

    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(vault_inspect(f.r, 0, fixture_span(&items[i].token), 0, &value), ERR_OK);
        cr_assert_eq(value.class_id, items[i].class_id);
        cr_assert_eq(value.kind, items[i].kind);
        if (i > 0)
            cr_assert_eq(value.created_s / 10, clock_now_s() / 10);
    }
    vault_read_end(f.r);
    cr_assert(span_equal(span_of(items[1].token.bytes + items[1].token.len - 12, 12),
                         SPAN_LIT("@tok.invalid")));
}

/* ---- subjects and their names ---- */

Test(writer, any_known_name_leads_to_the_subject_and_the_others_join_it)
{
    struct vault_item item = {.class_id = f.note, .kind = VALUE_STRING, .value = SPAN_LIT("x")};
    struct vault_tokenize op = {
        .op.kind = VAULT_TOKENIZE, .domain = VAULT_DOMAIN_DEFAULT, .items = &item, .count = 1};

    op.names[0] = SPAN_LIT("customer-17");
    op.name_count = 1;
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    op.names[0] = SPAN_LIT("anna@example.org");
    op.names[1] = SPAN_LIT("customer-17");
    op.name_count = 2;
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert_eq(slot_of("anna@example.org"), slot_of("customer-17"));
}

Test(writer, of_two_subjects_the_first_known_name_wins_and_no_name_moves)
{
    struct vault_item item = {.class_id = f.note, .kind = VALUE_STRING, .value = SPAN_LIT("x")};
    struct vault_tokenize op = {.op.kind = VAULT_TOKENIZE,
                                .domain = VAULT_DOMAIN_DEFAULT,
                                .names = {SPAN_LIT("new"), SPAN_LIT("bert"), SPAN_LIT("anna")},
                                .name_count = 3,
                                .items = &item,
                                .count = 1};
    struct token_text token;
    uint64_t anna;
    uint64_t bert;

    cr_assert_eq(fixture_tokenize(&f, f.note, "anna", "a", &token), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.note, "bert", "b", &token), ERR_OK);
    anna = slot_of("anna");
    bert = slot_of("bert");
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    fixture_close(&f); /* a reader that remembers nothing */
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(slot_of("anna"), anna);
    cr_assert_eq(slot_of("bert"), bert);
    cr_assert_eq(slot_of("new"), bert);
}

Test(writer, values_without_a_name_belong_to_a_subject_of_their_own)
{
    struct token_text a, b;
    struct vault_value of_a, of_b;

    cr_assert_eq(fixture_tokenize(&f, f.note, NULL, "x", &a), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.note, NULL, "x", &b), ERR_OK);
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(vault_inspect(f.r, 0, fixture_span(&a), 0, &of_a), ERR_OK);
    cr_assert_eq(vault_inspect(f.r, 0, fixture_span(&b), 0, &of_b), ERR_OK);
    vault_read_end(f.r);
    cr_assert_neq(of_a.slot, of_b.slot);
}

Test(writer, the_same_name_given_twice_is_one_name)
{
    struct vault_tokenize op = {.op.kind = VAULT_TOKENIZE,
                                .domain = VAULT_DOMAIN_DEFAULT,
                                .names = {SPAN_LIT("anna"), SPAN_LIT("anna")},
                                .name_count = 2};

    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert_neq(slot_of("anna"), 0);
}

/* ---- refusals concern one operation ---- */

static enum err run_item(uint16_t class_id, struct span name, struct span value, int kind)
{
    struct vault_item item = {.class_id = class_id, .kind = (enum value_kind)kind, .value = value};
    struct vault_tokenize op = {.op.kind = VAULT_TOKENIZE,
                                .domain = VAULT_DOMAIN_DEFAULT,
                                .names = {name},
                                .name_count = 1,
                                .items = &item,
                                .count = 1};

    return vault_run(f.v, &op.op);
}

Test(writer, an_operation_that_cannot_be_right_is_refused_and_leaves_nothing)
{
    AUTO(mem_free) char *large = mem_alloc(LIMIT_VALUE_MAX + 1);
    uint64_t slot;

    cr_assert_eq(run_item(0, SPAN_LIT("a"), SPAN_LIT("x"), VALUE_STRING), ERR_NOT_FOUND);
    cr_assert_eq(run_item(99, SPAN_LIT("a"), SPAN_LIT("x"), VALUE_STRING), ERR_NOT_FOUND);
    cr_assert_eq(run_item(60000, SPAN_LIT("a"), SPAN_LIT("x"), VALUE_STRING), ERR_NOT_FOUND);
    cr_assert_eq(run_item(f.note, SPAN_LIT("a"), SPAN_LIT("x"), 9), ERR_INVALID);
    cr_assert_eq(run_item(f.note, SPAN_LIT(""), SPAN_LIT("x"), VALUE_STRING), ERR_INVALID);
    cr_assert_eq(run_item(f.note, SPAN_LIT("a"), span_of(large, LIMIT_VALUE_MAX + 1), VALUE_STRING),
                 ERR_TOO_LARGE);
    cr_assert_eq(
        run_item(f.note, span_of(large, LIMIT_IDENTIFIER_MAX + 1), SPAN_LIT("x"), VALUE_STRING),
        ERR_TOO_LARGE);
    cr_assert_eq(fixture_stats(&f, f.note).items, 0);
    cr_assert_eq(fixture_subject(&f, "a", &slot), ERR_NOT_FOUND);
}

Test(writer, the_largest_value_is_stored)
{
    AUTO(mem_free) char *large = mem_alloc(LIMIT_VALUE_MAX);

    memset(large, 'v', LIMIT_VALUE_MAX);
    cr_assert_eq(run_item(f.note, SPAN_LIT("a"), span_of(large, LIMIT_VALUE_MAX), VALUE_STRING),
                 ERR_OK);
}

/* ---- groups ---- */

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    size_t left;
};

static struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

static void on_done(struct vault_op *op)
{
    struct waiter *w = op->owner;

    pthread_mutex_lock(&w->lock);
    w->left--;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

static void wait_all(void)
{
    pthread_mutex_lock(&waiter.lock);
    while (waiter.left > 0)
        pthread_cond_wait(&waiter.wake, &waiter.lock);
    pthread_mutex_unlock(&waiter.lock);
}

enum { MANY = 300 };

struct request {
    struct vault_tokenize op;
    struct vault_item item;
    char value[32];
};

static struct request *make_requests(void)
{
    struct request *all = mem_alloc(MANY * sizeof(*all));

    for (size_t i = 0; i < MANY; i++) {
        snprintf(all[i].value, sizeof(all[i].value), "value %zu", i);
        all[i].item = (struct vault_item){
            .class_id = f.note, .kind = VALUE_STRING, .value = span_str(all[i].value)};
        all[i].op = (struct vault_tokenize){.domain = VAULT_DOMAIN_DEFAULT,
                                            .names = {SPAN_LIT("anna")},
                                            .name_count = 1,
                                            .items = &all[i].item,
                                            .count = 1};
        all[i].op.op = (struct vault_op){
            .kind = VAULT_TOKENIZE, .done = on_done, .owner = &waiter, .result = ERR_INTERNAL};
    }
    return all;
}

Test(writer, queued_operations_are_each_answered_once)
{
    AUTO(mem_free) struct request *all = make_requests();

    waiter.left = MANY;
    for (size_t i = 0; i < MANY; i++)
        cr_assert_eq(vault_submit(f.v, &all[i].op.op), ERR_OK);
    wait_all();
    for (size_t i = 0; i < MANY; i++) {
        cr_assert_eq(all[i].op.op.result, ERR_OK);
        cr_assert(fixture_reveals(&f, &all[i].item.token, all[i].value));
    }
}

Test(writer, a_bad_operation_fails_alone_in_its_group)
{
    AUTO(mem_free) struct request *all = make_requests();
    AUTO(mem_free) char *large = mem_alloc(LIMIT_VALUE_MAX + 1);
    static const enum err expected[] = {ERR_NOT_FOUND, ERR_TOO_LARGE, ERR_OK};

    for (size_t i = 0; i < MANY; i += 3)
        all[i].item.class_id = 99;
    for (size_t i = 1; i < MANY; i += 3)
        all[i].item.value = span_of(large, LIMIT_VALUE_MAX + 1);
    waiter.left = MANY;
    for (size_t i = 0; i < MANY; i++)
        cr_assert_eq(vault_submit(f.v, &all[i].op.op), ERR_OK);
    wait_all();
    for (size_t i = 0; i < MANY; i++)
        cr_assert_eq(all[i].op.op.result, expected[i % 3]);
    cr_assert_eq(fixture_stats(&f, f.note).items, MANY / 3);
}

Test(writer, closing_finishes_what_is_queued)
{
    AUTO(mem_free) struct request *all = make_requests();

    waiter.left = MANY;
    for (size_t i = 0; i < MANY; i++)
        cr_assert_eq(vault_submit(f.v, &all[i].op.op), ERR_OK);
    fixture_close(&f);
    cr_assert_eq(waiter.left, 0);
    cr_assert_eq(fixture_open(&f), ERR_OK);
    for (size_t i = 0; i < MANY; i++)
        cr_assert(fixture_reveals(&f, &all[i].item.token, all[i].value));
}

static void hold_writer(struct vault_op *op)
{
    struct waiter *w = op->owner;

    pthread_mutex_lock(&w->lock); /* held by the test until the queue is full */
    w->left--;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

Test(writer, a_full_queue_answers_busy_at_once)
{
    const size_t most = 2 * LIMIT_WRITER_QUEUE_MAX; /* one queue being served, one waiting */
    AUTO(mem_free) struct vault_purge_due *ops = mem_alloc((most + 2) * sizeof(*ops));
    size_t queued = 0;
    enum err e = ERR_OK;

    pthread_mutex_lock(&waiter.lock);
    for (size_t i = 0; e == ERR_OK && i < most + 2; i++) {
        ops[i].op =
            (struct vault_op){.kind = VAULT_PURGE_DUE, .done = hold_writer, .owner = &waiter};
        e = vault_submit(f.v, &ops[i].op);
        queued += e == ERR_OK;
    }
    waiter.left = queued;
    pthread_mutex_unlock(&waiter.lock);
    wait_all();
    cr_assert_eq(e, ERR_BUSY);
    cr_assert_geq(queued, LIMIT_WRITER_QUEUE_MAX);
    cr_assert_leq(queued, most);
}

enum { RACERS = 64 };

static struct token_text raced[RACERS];

static void *race(void *context)
{
    size_t i = (size_t)context;
    char name[16];

    snprintf(name, sizeof(name), "racer %zu", i);
    cr_assert_eq(fixture_tokenize(&f, f.phone, name, "+491701", &raced[i]), ERR_OK);
    return NULL;
}

/* E33 */
Test(writer, racing_first_uses_of_one_value_get_one_token)
{
    pthread_t threads[RACERS];

    for (size_t i = 0; i < RACERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, race, (void *)i), 0);
    for (size_t i = 0; i < RACERS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 1; i < RACERS; i++)
        cr_assert(same(&raced[0], &raced[i]));
    cr_assert_eq(fixture_stats(&f, f.phone).items, RACERS);
}

/* ---- a store that cannot be written ---- */

static void check_nothing_stays(const char *fault, enum err expected)
{
    struct token_text before, token;
    uint64_t slot;

    cr_assert_eq(fixture_tokenize(&f, f.phone, "anna", "before", &before), ERR_OK);
    fault_test_set(fault, NULL);
    cr_assert_eq(fixture_tokenize(&f, f.phone, "anna", "lost", &token), expected);
    cr_assert_eq(fixture_tokenize(&f, f.phone, "bert", "lost", &token), expected);
    fault_test_set(NULL, NULL);
    cr_assert_eq(fixture_subject(&f, "bert", &slot), ERR_NOT_FOUND);
    cr_assert_eq(fixture_stats(&f, f.phone).items, 1);
    cr_assert(fixture_reveals(&f, &before, "before"));
    cr_assert_eq(fixture_tokenize(&f, f.phone, "bert", "kept", &token), ERR_OK);
    cr_assert(fixture_reveals(&f, &token, "kept"));
    cr_assert_eq(fixture_subject(&f, "bert", &slot), ERR_OK, "not remembered from the lost one");
    cr_assert_eq(fixture_stats(&f, f.phone).created, 2);
}

Test(writer, a_failed_commit_leaves_no_part_of_it)
{
    check_nothing_stays("commit.fail!io", ERR_IO);
}

Test(writer, a_full_disk_says_so_and_leaves_no_part)
{
    check_nothing_stays("space.fail!full", ERR_NO_SPACE);
}

Test(writer, an_operation_that_fails_half_way_leaves_no_half)
{
    struct vault_item item = {.class_id = f.note, .kind = VALUE_STRING, .value = SPAN_LIT("x")};
    struct vault_tokenize op = {.op.kind = VAULT_TOKENIZE,
                                .domain = VAULT_DOMAIN_DEFAULT,
                                .names = {SPAN_LIT("anna"), SPAN_LIT("anna@example.org")},
                                .name_count = 2,
                                .items = &item,
                                .count = 1};
    struct token_text token;

    cr_assert_eq(fixture_tokenize(&f, f.note, "anna", "before", &token), ERR_OK);
    f.v->writer->row_next = f.v->writer->row_end; /* it is idle, and will need a block of rows */
    fault_test_set("file.full!", NULL);
    cr_assert_eq(vault_run(f.v, &op.op), ERR_NO_SPACE);
    fault_test_set(NULL, NULL);
    cr_assert_eq(fixture_subject(&f, "anna@example.org", &(uint64_t){0}), ERR_NOT_FOUND);
    cr_assert(fixture_reveals(&f, &token, "before"));
}

Test(writer, keys_that_cannot_be_synced_end_all_service)
{
    struct token_text before, token;
    char value[16];

    cr_assert_eq(fixture_tokenize(&f, f.note, "anna", "before", &before), ERR_OK);
    fault_test_set("file.sync!io", NULL);
    cr_assert_neq(fixture_tokenize(&f, f.note, "bert", "lost", &token), ERR_OK);
    fault_test_set(NULL, NULL);
    cr_assert_eq(fixture_tokenize(&f, f.note, "anna", "x", &token), ERR_IO);
    cr_assert_eq(fixture_reveal(&f, &before, value, sizeof(value)), ERR_IO);
    fixture_close(&f);
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert(fixture_reveals(&f, &before, "before"));
}

/* ---- time ---- */

enum { T0_S = 1800000000 };

Test(writer, an_expired_value_gets_a_new_token)
{
    struct token_text a, b;

    clock_test_set_ms(T0_S * INT64_C(1000));
    cr_assert_eq(fixture_tokenize(&f, f.phone, "anna", "+491701", &a), ERR_OK);
    clock_test_set_ms((T0_S + 366 * 86400) * INT64_C(1000));
    cr_assert_not(fixture_reveals(&f, &a, "+491701"));
    cr_assert_eq(fixture_tokenize(&f, f.phone, "anna", "+491701", &b), ERR_OK);
    cr_assert_not(same(&a, &b));
    cr_assert(fixture_reveals(&f, &b, "+491701"));
    cr_assert_not(fixture_reveals(&f, &a, "+491701"));
}

Test(writer, a_value_that_another_subject_still_keeps_keeps_its_token)
{
    struct token_text a, b, c;

    clock_test_set_ms(T0_S * INT64_C(1000));
    cr_assert_eq(fixture_tokenize(&f, f.phone, "anna", "+491701", &a), ERR_OK);
    clock_test_set_ms((T0_S + 200 * 86400) * INT64_C(1000));
    cr_assert_eq(fixture_tokenize(&f, f.phone, "bert", "+491701", &b), ERR_OK);
    clock_test_set_ms((T0_S + 400 * 86400) * INT64_C(1000));
    cr_assert(same(&a, &b));
    cr_assert(fixture_reveals(&f, &b, "+491701"));
    /* anna's own row is over: she gets another under the same token */
    cr_assert_eq(fixture_tokenize(&f, f.phone, "anna", "+491701", &c), ERR_OK);
    cr_assert(same(&a, &c));
    cr_assert_eq(fixture_stats(&f, f.phone).items, 3);
}

Test(writer, purging_deletes_what_is_due_and_nothing_else)
{
    struct token_text old[5], fresh;
    size_t deleted = 0;

    clock_test_set_ms(T0_S * INT64_C(1000));
    for (size_t i = 0; i < 5; i++)
        cr_assert_eq(fixture_tokenize(&f, f.brief, "anna", "old", &old[i]), ERR_OK);
    clock_test_set_ms((T0_S + 9) * INT64_C(1000));
    cr_assert_eq(fixture_tokenize(&f, f.brief, "anna", "fresh", &fresh), ERR_OK);
    cr_assert_eq(fixture_purge(&f, f.brief, 100, &deleted), ERR_OK);
    cr_assert_eq(deleted, 0);
    clock_test_set_ms((T0_S + 10) * INT64_C(1000));
    cr_assert_eq(fixture_purge(&f, f.brief, 3, &deleted), ERR_OK);
    cr_assert_eq(deleted, 3);
    cr_assert_eq(fixture_purge(&f, f.brief, 3, &deleted), ERR_OK);
    cr_assert_eq(deleted, 2);
    cr_assert(fixture_reveals(&f, &fresh, "fresh"));
    cr_assert_eq(fixture_stats(&f, f.brief).purged_timer, 5);
    cr_assert_eq(fixture_stats(&f, f.brief).items, 1);
}

Test(writer, rows_stored_while_the_clock_was_wrong_do_not_hold_back_the_purge)
{
    struct token_text token;
    size_t deleted = 0;

    clock_test_set_ms((T0_S + 3650 * INT64_C(86400)) * 1000);
    for (size_t i = 0; i < 20; i++)
        cr_assert_eq(fixture_tokenize(&f, f.brief, "anna", "future", &token), ERR_OK);
    clock_test_set_ms(T0_S * INT64_C(1000));
    fault_test_set("commit.fail!io", NULL); /* what is lost with a transaction is noticed again */
    cr_assert_eq(fixture_tokenize(&f, f.brief, "anna", "now", &token), ERR_IO);
    fault_test_set(NULL, NULL);
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(fixture_tokenize(&f, f.brief, "anna", "now", &token), ERR_OK);
    clock_test_set_ms((T0_S + 10) * INT64_C(1000));
    cr_assert_eq(fixture_purge(&f, f.brief, 10, &deleted), ERR_OK);
    cr_assert_eq(deleted, 4);
    /* and what was learned about the order survives a restart */
    cr_assert_eq(fixture_tokenize(&f, f.brief, "anna", "now", &token), ERR_OK);
    fixture_close(&f);
    cr_assert_eq(fixture_open(&f), ERR_OK);
    clock_test_set_ms((T0_S + 20) * INT64_C(1000));
    cr_assert_eq(fixture_purge(&f, f.brief, 10, &deleted), ERR_OK);
    cr_assert_eq(deleted, 1);
}

Test(writer, a_subject_ends_with_its_last_value)
{
    static const uint8_t zeroes[SLAB_SLOT_BYTES];
    uint8_t raw[SLAB_SLOT_BYTES];
    struct token_text token;
    size_t deleted = 0;
    uint64_t slot = 0;
    uint64_t anna = 0;
    uint64_t count = 0;

    clock_test_set_ms(T0_S * INT64_C(1000));
    cr_assert_eq(fixture_tokenize(&f, f.brief, "anna", "x", &token), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.brief, "anna", "y", &token), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.brief, NULL, "nobody's", &token), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.brief, "bert", "x", &token), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.note, "bert", "stays", &token), ERR_OK);
    cr_assert_eq(fixture_subject(&f, "anna", &anna), ERR_OK); /* and now a reader knows her */
    clock_test_set_ms((T0_S + 10) * INT64_C(1000));
    cr_assert_eq(fixture_purge(&f, f.brief, 100, &deleted), ERR_OK);
    cr_assert_eq(deleted, 4);
    cr_assert_eq(slab_raw(f.v->slab, anna, raw), ERR_OK);
    cr_assert_arr_eq(raw, zeroes, sizeof(raw), "her key opens nothing any more, and goes");
    cr_assert_eq(fixture_subject(&f, "anna", &slot), ERR_NOT_FOUND);
    cr_assert_eq(fixture_subject(&f, "bert", &slot), ERR_OK);
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(vault_read_subject_count(f.r, &count), ERR_OK);
    vault_read_end(f.r);
    cr_assert_eq(count, 1);
    cr_assert_eq(slab_raw(f.v->slab, slot, raw), ERR_OK);
    cr_assert_arr_neq(raw, zeroes, sizeof(raw), "bert's stays");
    /* her name may come again, as somebody new */
    cr_assert_eq(fixture_tokenize(&f, f.note, "anna", "back", &token), ERR_OK);
    cr_assert(fixture_reveals(&f, &token, "back"));
}

/* The last value of anna ends, and `op` comes in the same group; her slot of before. */
static uint64_t end_anna_beside(struct vault_tokenize *op, struct vault_item *item)
{
    struct vault_purge_due first = {
        .op = {.kind = VAULT_PURGE_DUE, .done = hold_writer, .owner = &waiter}};
    struct vault_purge_due purge = {
        .op = {.kind = VAULT_PURGE_DUE, .done = on_done, .owner = &waiter},
        .class_id = f.brief,
        .now_s = T0_S + 10,
        .limit = 10};
    struct token_text token;
    uint64_t anna;

    op->op = (struct vault_op){.kind = VAULT_TOKENIZE, .done = on_done, .owner = &waiter};
    op->domain = VAULT_DOMAIN_DEFAULT;
    op->items = item;
    op->count = 1;
    clock_test_set_ms(T0_S * INT64_C(1000));
    cr_assert_eq(fixture_tokenize(&f, f.brief, "anna", "x", &token), ERR_OK);
    anna = slot_of("anna");
    if (op->name_count == 0)
        op->slot = anna;
    clock_test_set_ms((T0_S + 10) * INT64_C(1000));
    pthread_mutex_lock(&waiter.lock);
    waiter.left = 3;
    cr_assert_eq(vault_submit(f.v, &first.op), ERR_OK);
    while (f.v->writer->head != NULL) /* until the writer has taken it, to wait for the lock */
        sched_yield();
    cr_assert_eq(vault_submit(f.v, &purge.op), ERR_OK);
    cr_assert_eq(vault_submit(f.v, &op->op), ERR_OK);
    pthread_mutex_unlock(&waiter.lock);
    wait_all();
    cr_assert_eq(purge.deleted, 1);
    return anna;
}

Test(writer, a_name_that_ends_and_comes_back_in_one_group_is_somebody_new)
{
    struct vault_item item = {.class_id = f.note, .kind = VALUE_STRING, .value = SPAN_LIT("back")};
    struct vault_tokenize back = {.names = {SPAN_LIT("anna")}, .name_count = 1};
    const uint64_t anna = end_anna_beside(&back, &item);

    cr_assert_eq(back.op.result, ERR_OK);
    cr_assert(fixture_reveals(&f, &item.token, "back"));
    cr_assert_neq(slot_of("anna"), anna);
}

/* A loop that has looked her up asks by her slot, and cannot know yet that she has ended. */
Test(writer, nobody_who_ends_is_given_a_value_in_the_same_group)
{
    struct vault_item item = {.class_id = f.note, .kind = VALUE_STRING, .value = SPAN_LIT("late")};
    struct vault_tokenize late = {.name_count = 0};

    (void)end_anna_beside(&late, &item);
    cr_assert_eq(late.op.result, ERR_NOT_FOUND, "its key goes with the commit");
}

Test(writer, the_log_is_copied_into_the_database_while_it_is_written)
{
    AUTO(mem_free) char *large = mem_alloc(LIMIT_VALUE_MAX);
    struct stat st = {.st_size = 0};
    struct token_text token;

    for (int i = 0; i < 40; i++)
        cr_assert_eq(run_item(f.note, SPAN_LIT("a"), span_of(large, LIMIT_VALUE_MAX), VALUE_STRING),
                     ERR_OK);
    for (int i = 0; i < 3000 && st.st_size < (20 << 20);
         i++) { /* the log stays far below its bound */
        cr_assert_eq(fixture_tokenize(&f, f.note, "a", "x", &token), ERR_OK);
        cr_assert_eq(stat(fixture_path(&f, "vault.db"), &st), 0);
    }
    cr_assert_geq(st.st_size, 20 << 20);
}

Test(writer, purging_an_unknown_class_or_nothing_is_refused)
{
    size_t deleted = 0;

    cr_assert_eq(fixture_purge(&f, 99, 10, &deleted), ERR_NOT_FOUND);
    cr_assert_eq(fixture_purge(&f, f.note, 0, &deleted), ERR_INVALID);
}

Test(writer, a_subject_that_has_a_key_is_never_swept)
{
    struct token_text token;
    size_t deleted = 0;

    cr_assert_eq(fixture_tokenize(&f, f.note, "anna", "x", &token), ERR_OK);
    cr_assert_eq(fixture_sweep(&f, slot_of("anna"), &deleted), ERR_CONFLICT);
    cr_assert(fixture_reveals(&f, &token, "x"));
}
