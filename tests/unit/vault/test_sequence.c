/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/sequence_priv.h"

#include <sqlite3.h>

#include "tests/unit/vault/typed_rig.h"

/* Nine tokens for values of two digits: 90 to 99 without the decoy. */
static const char CLASSES[] =
    "classes:\n"
    "  two: {format: digits, reserved: \"9\", " TYPED_REST "}\n"
    "  same: {format: digits, reserved: \"9\", deterministic: true, " TYPED_REST "}\n"
    "  long: {format: digits, reserved: \"9\", " TYPED_REST "}\n"
    "  note: {" TYPED_REST "}\n";
enum { TOKENS = 9 };

static void setup(void)
{
    typed_start(CLASSES);
}

TestSuite(sequence, .init = setup, .fini = typed_end);

static struct token_text store_two(const char *class_name, size_t n)
{
    char subject[16], value[8];

    (void)snprintf(subject, sizeof(subject), "s%zu", n);
    (void)snprintf(value, sizeof(value), "%02zu", n % 90);
    return store(class_name, subject, value);
}

static enum err try_two(const char *class_name, size_t n)
{
    struct token_text token;
    char value[8];

    (void)snprintf(value, sizeof(value), "%02zu", n % 90);
    return try_store(class_name, "last", value, &token);
}

static uint64_t ledger_records(enum ledger_kind kind, uint64_t *ret_last);

/* ---- used up ---- */

Test(sequence, the_last_number_is_given_and_then_none)
{
    AUTO(mem_free) struct given *given = mem_alloc(sizeof(*given));

    for (size_t n = 0; n < TOKENS; n++) {
        struct token_text token = store_two("two", n);

        must_be_new(given, &token);
        cr_assert_eq(token.len, 2);
        cr_assert_eq(token.bytes[0], '9');
    }
    cr_assert_eq(stats("two").capacity, TOKENS);
    cr_assert_eq(stats("two").used, TOKENS);
    for (int again = 0; again < 3; again++) {
        cr_assert_eq(try_two("two", 50), ERR_EXHAUSTED);
        cr_assert_eq(stats("two").items, TOKENS);
    }
    typed_restart();
    cr_assert_eq(try_two("two", 50), ERR_EXHAUSTED);
    cr_assert_eq(stats("two").capacity, TOKENS);
    cr_assert_eq(stats("two").used, TOKENS);
}

Test(sequence, another_shape_has_numbers_of_its_own)
{
    struct token_text token;

    for (size_t n = 0; n < TOKENS; n++)
        (void)store_two("two", n);
    cr_assert_eq(try_two("two", 50), ERR_EXHAUSTED);
    token = store("two", "s", "123");
    cr_assert(reveals("two", &token, "123"));
    cr_assert_eq(stats("two").capacity, TOKENS + 99);
    cr_assert_eq(try_store("two", "s", "1", &token), ERR_EXHAUSTED, "one token, and that a decoy");
}

Test(sequence, an_operation_that_finds_it_used_up_leaves_nothing_behind)
{
    struct vault_item items[4];
    struct vault_tokenize op = {.op.kind = VAULT_TOKENIZE,
                                .domain = VAULT_DOMAIN_DEFAULT,
                                .names = {SPAN_LIT("ada")},
                                .name_count = 1,
                                .items = items,
                                .count = 4};
    static const char *const values[] = {"11", "12", "13", "14"};
    uint64_t slot;

    for (size_t n = 0; n < TOKENS - 3; n++)
        (void)store_two("two", n);
    for (size_t i = 0; i < 4; i++)
        items[i] = (struct vault_item){
            .class_id = class_id("two"), .kind = VALUE_STRING, .value = span_str(values[i])};
    cr_assert_eq(vault_run(f.v, &op.op), ERR_EXHAUSTED);
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(items[i].token.len, 0);
    cr_assert_eq(fixture_subject(&f, "ada", &slot), ERR_NOT_FOUND);
    cr_assert_eq(stats("two").items, TOKENS - 3);
    cr_assert_eq(stats("two").used, TOKENS - 3);
    op.count = 3; /* exactly what is left */
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert_eq(try_two("two", 50), ERR_EXHAUSTED);
}

Test(sequence, a_value_that_has_a_token_needs_no_number)
{
    struct token_text first = store_two("same", 0), again;

    for (size_t n = 1; n < TOKENS; n++)
        (void)store_two("same", n);
    cr_assert_eq(try_two("same", 50), ERR_EXHAUSTED);
    again = store("same", "other", "00");
    cr_assert(same(&first, &again));
}

/* Operations of one group: the writer is kept busy so that they wait together. */
struct waiting {
    struct vault_tokenize op;
    struct vault_item item;
    char value[8];
    _Atomic(bool) done;
};

static void on_done(struct vault_op *op)
{
    atomic_store(&((struct waiting *)op->owner)->done, true);
}

Test(sequence, others_of_the_same_group_are_served)
{
    static struct waiting w[40];
    size_t served = 0, exhausted = 0;

    for (size_t i = 0; i < COUNT_OF(w); i++) {
        w[i] = (struct waiting){
            .item = {.class_id = class_id(i % 2 == 0 ? "two" : "note"), .kind = VALUE_STRING}};
        (void)snprintf(w[i].value, sizeof(w[i].value), "%02zu", i);
        w[i].item.value = span_str(w[i].value);
        w[i].op =
            (struct vault_tokenize){.op = {.kind = VAULT_TOKENIZE, .done = on_done, .owner = &w[i]},
                                    .domain = VAULT_DOMAIN_DEFAULT,
                                    .items = &w[i].item,
                                    .count = 1};
        cr_assert_eq(vault_submit(f.v, &w[i].op.op), ERR_OK);
    }
    fixture_close(&f); /* finishes what is queued */
    cr_assert_eq(fixture_open(&f), ERR_OK);
    for (size_t i = 0; i < COUNT_OF(w); i++) {
        cr_assert(atomic_load(&w[i].done));
        served += w[i].op.op.result == ERR_OK;
        exhausted += w[i].op.op.result == ERR_EXHAUSTED;
        if (w[i].op.op.result == ERR_OK)
            cr_assert(reveals(i % 2 == 0 ? "two" : "note", &w[i].item.token, w[i].value));
    }
    cr_assert_eq(served, 20 + TOKENS);
    cr_assert_eq(exhausted, 20 - TOKENS);
}

/* ---- never again ---- */

Test(sequence, numbers_of_the_erased_do_not_come_back)
{
    AUTO(mem_free) struct given *given = mem_alloc(sizeof(*given));

    for (size_t n = 0; n < TOKENS; n++) {
        struct token_text token = store_two("same", n);

        must_be_new(given, &token);
        erase(n % 90 == 0 ? "s0" : (char[]){'s', (char)('0' + n), '\0'});
    }
    cr_assert_eq(stats("same").items, 0);
    cr_assert_eq(try_two("same", 1), ERR_EXHAUSTED);
    typed_restart();
    cr_assert_eq(try_two("same", 1), ERR_EXHAUSTED);
}

Test(sequence, numbers_of_a_failed_commit_do_not_come_back)
{
    AUTO(mem_free) struct given *given = mem_alloc(sizeof(*given));
    struct token_text token;

    token = store("long", "ada", "12345678");
    must_be_new(given, &token);
    fault_test_set("commit.fail!io", NULL);
    cr_assert_eq(try_store("long", "bert", "12345678", &token), ERR_IO);
    fault_test_set(NULL, NULL);
    cr_assert_eq(stats("long").used, 2, "what was sealed counts as given out");
    token = store("long", "carl", "12345678");
    must_be_new(given, &token);
    typed_restart();
    cr_assert_geq(stats("long").used, 3);
    token = store("long", "dora", "12345678");
    must_be_new(given, &token);
    for (size_t i = 0; i < given->count; i++)
        cr_assert(reveals("long", &given->tokens[i], "12345678"));
}

Test(sequence, nothing_is_given_out_that_the_ledger_does_not_take)
{
    struct token_text token;

    (void)store("note", "ada", "x"); /* the ledger's own blocks for slots and rows */
    fault_test_set("ledger.append!io", NULL);
    cr_assert_eq(try_store("long", "ada", "12345678", &token), ERR_IO);
    fault_test_set(NULL, NULL);
    cr_assert_eq(stats("long").items, 0);
    (void)store("long", "ada", "12345678");
}

static enum err count_record(const struct ledger_record *record, void *context)
{
    uint64_t *n = context; /* kind, count, last mark */

    if ((uint64_t)record->kind == n[0]) {
        n[1]++;
        n[2] = (uint64_t)record->cutoff_ms;
    }
    return ERR_OK;
}

static uint64_t ledger_records(enum ledger_kind kind, uint64_t *ret_last)
{
    uint64_t n[3] = {kind, 0, 0};

    cr_assert_eq(ledger_each(f.v->ledger, count_record, n), ERR_OK);
    *ret_last = n[2];
    return n[1];
}

Test(sequence, blocks_double_and_stand_in_the_ledger_before_the_numbers)
{
    uint64_t last = 0, before = 0;

    for (size_t n = 1; n <= 300; n++) {
        (void)store("long", "ada", "12345678");
        cr_assert_geq(ledger_records(LEDGER_SEQUENCE, &last) > 0 ? last : 0, n);
        before = last;
    }
    cr_assert_eq(ledger_records(LEDGER_SEQUENCE, &last), 9, "1, 2, 4, ... 256");
    cr_assert_eq(before, 511);
    cr_assert_eq(stats("long").used, 300);
    typed_restart();
    cr_assert_eq(stats("long").used, 511, "the rest of a block is given up");
}

/* A process that stores little must not use up a sequence by coming often. */
Test(sequence, a_restart_gives_up_no_more_than_was_used)
{
    for (size_t n = 0; n < 20; n++) {
        (void)store("long", "ada", "12345678");
        typed_restart();
    }
    cr_assert_eq(stats("long").used, 20);
}

/* Put an older database and older keys back beside the live ledger. */
static void restore(void)
{
    fixture_close(&f);
    (void)unlink(fixture_path(&f, "vault.db-wal"));
    (void)unlink(fixture_path(&f, "vault.db-shm"));
    copy_file(fixture_path(&f, "vault.kept"), fixture_path(&f, "vault.db"));
    copy_file(fixture_path(&f, "keys.kept"), fixture_path(&f, "keys.slab"));
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
}

static void keep(void)
{
    fixture_close(&f);
    copy_file(fixture_path(&f, "vault.db"), fixture_path(&f, "vault.kept"));
    copy_file(fixture_path(&f, "keys.slab"), fixture_path(&f, "keys.kept"));
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
}

static uint64_t index_of(const char *value)
{
    const struct vault_item item = {
        .class_id = class_id("long"), .kind = VALUE_STRING, .value = span_str(value)};
    uint64_t index = 0;

    cr_assert_eq(vault__typed_index(f.v, &item, &index), ERR_OK);
    return index;
}

Test(sequence, older_files_put_back_give_no_number_again)
{
    AUTO(mem_free) struct given *given = mem_alloc(sizeof(*given));
    struct token_text token;

    for (size_t n = 0; n < 5; n++) {
        token = store("long", "ada", "12345678");
        must_be_new(given, &token);
    }
    keep();
    for (size_t n = 0; n < 50; n++) {
        token = store("long", "bert", "12345678");
        must_be_new(given, &token);
        token = store("long", "bert", "123"); /* a shape that the older database does not know */
        must_be_new(given, &token);
    }
    restore();
    cr_assert(reveals("long", &given->tokens[0], "12345678"));
    cr_assert_eq(reveal_result("long", &given->tokens[20]), ERR_NOT_FOUND);
    /* Shapes come in another order now; an index that rows had is not another shape's. */
    token = store("long", "carl", "1234567");
    must_be_new(given, &token);
    cr_assert_eq(index_of("1234567"), 3);
    for (size_t n = 0; n < 40; n++) {
        token = store("long", "carl", "123");
        must_be_new(given, &token);
        token = store("long", "carl", "12345678");
        must_be_new(given, &token);
    }
}

Test(sequence, a_ledger_from_before_a_block_is_refused)
{
    (void)store("long", "ada", "12345678");
    fixture_close(&f);
    copy_file(fixture_path(&f, "ledger.log"), fixture_path(&f, "ledger.kept"));
    cr_assert_eq(fixture_open(&f), ERR_OK);
    (void)store("long", "ada", "12345678");
    fixture_close(&f);
    copy_file(fixture_path(&f, "ledger.kept"), fixture_path(&f, "ledger.log"));
    cr_assert_eq(fixture_open(&f), ERR_CORRUPT);
    cr_assert_not_null(strstr(f.msg.text, "ledger.log"), "%s", f.msg.text);
}

/* Numbers of typed rows are their own: those of the other classes do not go on behind them. */
Test(sequence, typed_rows_use_up_no_row_numbers)
{
    struct token_text token;
    struct token_ref ref;

    (void)store("long", "ada", "12345678");
    typed_restart();
    token = store("note", "ada", "x");
    cr_assert_eq(token_read(fixture_span(&token), f.v->locator_key, &ref), ERR_OK);
    cr_assert_lt(ref.row, UINT64_C(1) << 32);
}

Test(sequence, a_store_from_before_its_typed_classes_gives_no_number_again)
{
    AUTO(mem_free) struct given *given = mem_alloc(sizeof(*given));
    struct token_text token;

    cr_assert_eq(typed_reopen("classes: {note: {" TYPED_REST "}}"), ERR_OK);
    keep();
    cr_assert_eq(typed_reopen(CLASSES), ERR_OK);
    for (size_t n = 0; n < TOKENS; n++) {
        token = store_two("two", n);
        must_be_new(given, &token);
    }
    restore(); /* classes are registered anew, perhaps under other ids */
    cr_assert_eq(try_two("two", 50), ERR_EXHAUSTED);
}

Test(sequence, a_class_that_was_emptied_and_made_again_goes_on)
{
    for (size_t n = 0; n < TOKENS; n++)
        (void)store_two("two", n);
    for (size_t n = 0; n < TOKENS; n++)
        erase((char[]){'s', (char)('0' + n), '\0'});
    cr_assert_eq(typed_reopen("classes: {two: {" TYPED_REST "}}"), ERR_OK, "%s", f.msg.text);
    cr_assert_eq(typed_reopen(CLASSES), ERR_OK, "%s", f.msg.text);
    cr_assert_eq(try_two("two", 50), ERR_EXHAUSTED);
}

Test(sequence, options_do_not_change_while_there_are_values)
{
    static const char changed[] =
        "classes: {two: {format: digits, reserved: \"99\", " TYPED_REST "}}";
    struct token_text token = store("two", "ada", "12345");

    cr_assert_eq(typed_reopen(changed), ERR_CONFIG);
    cr_assert_not_null(strstr(f.msg.text, "class two"), "%s", f.msg.text);
    cr_assert_not_null(strstr(f.msg.text, "digits reserved=9"), "%s", f.msg.text);
    cr_assert_eq(typed_reopen(CLASSES), ERR_OK);
    cr_assert(reveals("two", &token, "12345"));
    erase("ada");
    cr_assert_eq(typed_reopen(changed), ERR_OK, "%s", f.msg.text);
}

/* ---- decoys ---- */

Test(sequence, decoys_are_never_given_out)
{
    AUTO(mem_free) struct given *given = mem_alloc(sizeof(*given));
    struct vault_item decoy = {
        .class_id = class_id("same"), .kind = VALUE_STRING, .value = SPAN_LIT("77")};

    for (size_t n = 0; n < TOKENS; n++) {
        struct token_text token = store_two("same", n);

        must_be_new(given, &token);
    }
    for (size_t i = 0; i < 20; i++) {
        cr_assert_eq(vault_decoy(f.r, &decoy), ERR_OK);
        for (size_t n = 0; n < TOKENS; n++)
            cr_assert_not(same(&given->tokens[n], &decoy.token));
    }
}

Test(sequence, room_is_left_for_decoys)
{
    cr_assert_eq(sequence_room(0), 0);
    cr_assert_eq(sequence_room(1), 0);
    cr_assert_eq(sequence_room(2), 1);
    cr_assert_eq(sequence_room(2047), 2046);
    cr_assert_eq(sequence_room(4096), 4092);
    cr_assert_eq(sequence_room(FORMAT_NUMBERS_MAX), FORMAT_NUMBERS_MAX - 65536);
}

/* ---- crash ---- */

/* In a process of its own: killed at a fault point, its store is opened by the test. */
static void store_and_die(const char *fault)
{
    int status = 0;
    pid_t child;

    fixture_close(&f);
    child = fork();
    if (child == 0) {
        struct token_text token;

        if (fixture_open(&f) != ERR_OK)
            _exit(1);
        fault_test_set(fault, NULL);
        _exit(2 + (int)fixture_tokenize(&f, class_id("long"), "bert", "12345678", &token));
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%s: %d", fault, status);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s: %s", fault, f.msg.text);
}

Test(sequence, a_crash_at_any_step_only_wastes_numbers)
{
    static const char *const faults[] = {"sequence.appended", "sequence.synced",
                                         "sequence.reserved", "tokenize.before_commit",
                                         "tokenize.committed"};
    AUTO(mem_free) struct given *given = mem_alloc(sizeof(*given));
    uint64_t used = 0, marks = 0;

    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        struct token_text token = store("long", "ada", "12345678");
        uint64_t items = stats("long").items;

        must_be_new(given, &token);
        store_and_die(faults[i]);
        cr_assert_eq(stats("long").items, items + (i == COUNT_OF(faults) - 1), "%s", faults[i]);
        cr_assert_geq(stats("long").used, used + 1, "%s", faults[i]);
        used = stats("long").used;
        (void)ledger_records(LEDGER_SEQUENCE, &marks);
        cr_assert_leq(used, marks, "%s", faults[i]);
    }
    for (size_t i = 0; i < given->count; i++)
        cr_assert(reveals("long", &given->tokens[i], "12345678"));
}
