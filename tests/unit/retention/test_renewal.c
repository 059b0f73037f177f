/* SPDX-License-Identifier: Apache-2.0 */
/* Renewals of tokens. */
#include "retention/renewal.h"

#include <criterion/criterion.h>
#include <sqlite3.h>

#include "base/fault.h"
#include "base/log.h"
#include "tests/support/vault_rig.h"
#include "vault/records.h"

#define CLASSES                                                                                    \
    "{note: {purposes: [a], basis: \"6(1)(b)\", retain: {period: P10Y}},"                          \
    " mail: {deterministic: true, purposes: [a], basis: \"6(1)(b)\", retain: {period: P10Y}},"     \
    " code: {format: digits, reserved: \"9\", purposes: [a], basis: \"6(1)(b)\","                  \
    " retain: {period: P10Y}}}"

static struct rig r;
static atomic_bool stop;

static void start(void)
{
    secret_start();
    log_set_level(LOG_ERROR + 1);
    rig_init_with(&r, CLASSES);
    atomic_store(&stop, false);
}

static void end(void)
{
    fault_test_set(NULL, NULL);
    rig_done(&r);
}

TestSuite(renewal, .init = start, .fini = end, .timeout = 60);

static uint16_t id_of(const char *name)
{
    return vault_class_id(r.vault, classes_find(&r.classes, span_str(name)));
}

static struct renewal_ask ask_for(const char *name)
{
    return (struct renewal_ask){.class_id = id_of(name), .keep = {.days = 30}};
}

static struct json *begin_with(const struct renewal_ask *ask, const char *confirm, const char *key,
                               enum err expected)
{
    const struct renewal_words words = {
        .confirm = span_str(confirm), .key = span_str(key), .by = SPAN_LIT("cli")};
    struct json *tree = NULL;
    struct errmsg msg = {""};

    cr_assert_eq(renewal_start(r.vault, ask, &words, &tree, &msg), expected, "%s", msg.text);
    return tree;
}

/* Its number. */
static uint64_t begin(const char *name)
{
    const struct renewal_ask ask = ask_for(name);
    AUTO(json_free) struct json *tree = begin_with(&ask, "", "", ERR_OK);

    return (uint64_t)json_int_of(json_get(tree, "number"), 0);
}

static void work(void)
{
    bool more = true;

    while (more)
        cr_assert_eq(renewal_run(r.vault, &stop, &more), ERR_OK);
}

static struct json *shown(uint64_t number)
{
    struct json *tree = NULL;
    struct errmsg msg = {""};

    cr_assert_eq(renewal_show(r.vault, number, &tree, &msg), ERR_OK, "%s", msg.text);
    return tree;
}

static void must_be(uint64_t number, const char *state, int64_t renewed)
{
    AUTO(json_free) struct json *tree = shown(number);
    int64_t sum = 0;

    for (size_t i = 0; i < json_count(json_get(tree, "classes")); i++)
        sum += json_int_of(json_get(json_at(json_get(tree, "classes"), i), "renewed"), 0);
    cr_assert_str_eq(json_str_of(json_get(tree, "state")), state);
    cr_assert_eq(sum, renewed, "%lld", (long long)sum);
}

static enum err act(uint64_t number, const char *action)
{
    AUTO(json_free) struct json *tree = NULL;
    struct errmsg msg = {""};

    return renewal_act(r.vault, number, span_str(action), &tree, &msg);
}

static size_t pairs(uint64_t number, const char *name, size_t limit)
{
    struct renewal_page page = {.renewal = number, .class_id = id_of(name), .limit = limit};
    size_t count = 0;
    bool more = true;

    while (more) {
        AUTO(json_free) struct json *list = json_new_list();
        struct errmsg msg = {""};

        cr_assert_eq(renewal_tokens(r.vault, &page, list, &page.after, &more, &msg), ERR_OK, "%s",
                     msg.text);
        cr_assert_leq(json_count(list), limit);
        count += json_count(list);
    }
    return count;
}

Test(renewal, e28_goes_from_begun_to_done)
{
    uint64_t number;

    rig_store_many(&r, "note", "ada", 30);
    number = begin("note");
    must_be(number, "running", 0);
    work();
    must_be(number, "open", 30);
    cr_assert_eq(pairs(number, "note", 7), 30);
    rig_clock(RIG_NOW_S + 29 * RIG_DAY_S);
    work();
    must_be(number, "open", 30);
    rig_clock(RIG_NOW_S + 31 * RIG_DAY_S);
    work();
    must_be(number, "done", 30);
    {
        AUTO(json_free) struct json *tree = shown(number);

        cr_assert_eq(json_int_of(json_get(tree, "forgotten"), 0), 30);
    }
}

Test(renewal, a_plan_says_what_there_is_and_its_digest_is_good_once)
{
    const struct renewal_ask ask = ask_for("mail"), note = ask_for("note");
    AUTO(json_free) struct json *plan = NULL;
    AUTO(json_free) struct json *begun = NULL;
    struct errmsg msg = {""};
    const char *digest;

    rig_store_many(&r, "mail", "ada", 3);
    cr_assert_eq(renewal_plan(r.vault, &ask, &plan, &msg), ERR_OK, "%s", msg.text);
    digest = json_str_of(json_get(plan, "digest"));
    cr_assert_eq(json_count(json_get(plan, "classes")), 1);
    cr_assert_str_eq(json_str_of(json_get(plan, "keep")), "P30D");
    cr_assert_null(begin_with(&note, digest, "", ERR_CONFLICT), "of another plan");
    begun = begin_with(&ask, digest, "", ERR_OK);
    cr_assert_null(begin_with(&note, digest, "", ERR_CONFLICT), "used");
}

Test(renewal, two_that_have_not_ended_share_no_class)
{
    const struct renewal_ask ask = ask_for("note");
    const uint64_t number = begin("note");

    cr_assert_null(begin_with(&ask, "", "", ERR_CONFLICT));
    (void)begin("mail");
    work();
    cr_assert_null(begin_with(&ask, "", "", ERR_CONFLICT), "old tokens are there yet");
    cr_assert_eq(act(number, "finish"), ERR_OK);
    work();
    must_be(number, "done", 0);
    (void)begin("note");
}

Test(renewal, asked_for_again_under_its_key_it_is_the_same)
{
    const struct renewal_ask ask = ask_for("note");
    AUTO(json_free) struct json *one = begin_with(&ask, "", "proposal-7", ERR_OK);
    AUTO(json_free) struct json *two = begin_with(&ask, "", "proposal-7", ERR_OK);

    cr_assert_eq(json_int_of(json_get(one, "number"), 0), json_int_of(json_get(two, "number"), 1));
}

Test(renewal, neither_a_class_nor_a_domain_is_refused)
{
    const struct renewal_ask ask = {.keep = {.days = 1}};

    cr_assert_null(begin_with(&ask, "", "", ERR_INVALID));
}

Test(renewal, of_a_domain_takes_all_classes)
{
    const struct renewal_ask ask = {.domain = VAULT_DOMAIN_DEFAULT, .keep = {.days = 1}};
    AUTO(json_free) struct json *tree = NULL;

    rig_store_many(&r, "note", "ada", 3);
    rig_store_many(&r, "mail", "ada", 3);
    tree = begin_with(&ask, "", "", ERR_OK);
    work();
    cr_assert_geq(pairs(1, "note", 100), 3);
    cr_assert_geq(pairs(1, "mail", 100), 1);
    must_be(1, "open", 4); /* equal values are one */
}

Test(renewal, rests_while_it_is_paused_and_cannot_be_cancelled_twice)
{
    uint64_t number;

    rig_store_many(&r, "note", "ada", 30);
    number = begin("note");
    cr_assert_eq(act(number, "pause"), ERR_OK);
    work();
    must_be(number, "paused", 0);
    cr_assert_eq(act(number, "pause"), ERR_CONFLICT);
    cr_assert_eq(act(number, "finish"), ERR_CONFLICT);
    cr_assert_eq(act(number, "resume"), ERR_OK);
    cr_assert_eq(act(number, "cancel"), ERR_OK);
    work();
    must_be(number, "open", 0);
    cr_assert_eq(act(number, "cancel"), ERR_CONFLICT);
    cr_assert_eq(act(number, "nothing"), ERR_INVALID);
    cr_assert_eq(act(99, "pause"), ERR_NOT_FOUND);
    cr_assert_eq(act(number, "finish"), ERR_OK);
    cr_assert_eq(act(number, "finish"), ERR_OK, "it is so already");
    work();
    must_be(number, "done", 0);
    cr_assert_eq(act(number, "finish"), ERR_OK);
}

/* How often the log, kept since rig_log(), has this. */
static size_t logged(const char *what)
{
    static char text[1 << 16];
    size_t count = 0;

    text[scratch_read(scratch_path(&r.scratch, "log"), 0, text, sizeof(text) - 1)] = '\0';
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
        count++;
    return count;
}

Test(renewal, says_once_that_all_have_new_tokens_and_not_of_a_cancelled_one)
{
    uint64_t number;

    rig_log(&r);
    log_set_level(LOG_INFO);
    (void)rig_store(&r, "note", "ada", "likes tea");
    (void)rig_store(&r, "mail", "ada", "ada@example.org");
    number = begin("note");
    cr_assert_eq(act(number, "cancel"), ERR_OK);
    work();
    must_be(number, "open", 0);
    cr_expect_eq(logged("\"tokens_renewed\""), 0);
    number = begin("mail");
    work();
    must_be(number, "open", 1);
    cr_expect_eq(logged("\"tokens_renewed\""), 1);
}

/* Everybody else's tokens can be had. */
Test(renewal, leaves_damaged_values_out_of_the_mapping_and_says_so)
{
    sqlite3 *db = NULL;
    uint64_t number;

    rig_log(&r);
    log_set_level(LOG_ERROR);
    rig_store_many(&r, "note", "ada", 30);
    number = begin("note");
    work();
    vault_close(&r.vault);
    cr_assert_eq(sqlite3_open(scratch_path(&r.scratch, "store/vault.db"), &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db,
                              "UPDATE val_1 SET ct=zeroblob(length(ct)) WHERE id IN"
                              " (SELECT id FROM val_1 LIMIT 2)",
                              NULL, NULL, NULL),
                 SQLITE_OK);
    cr_assert_eq(sqlite3_close(db), SQLITE_OK);
    rig_open(&r);
    cr_expect_eq(pairs(number, "note", 1000), 28);
    cr_expect_eq(logged("\"store_damaged\""), 1);
    cr_expect_eq(logged("\"values\":2"), 1);
    cr_expect_eq(pairs(number, "note", 1), 28, "also page by page");
}

Test(renewal, goes_on_after_a_stop)
{
    uint64_t number;
    bool more = false;

    rig_store_many(&r, "note", "ada", 30);
    number = begin("note");
    atomic_store(&stop, true);
    cr_assert_eq(renewal_run(r.vault, &stop, &more), ERR_OK);
    must_be(number, "running", 0);
    atomic_store(&stop, false);
    work();
    must_be(number, "open", 30);
}

Test(renewal, a_class_with_fewer_tokens_than_values_is_refused)
{
    const struct renewal_ask ask = ask_for("code");
    char value[8];

    for (int i = 10; i < 99; i++) {
        struct vault_item item = {
            .class_id = id_of("code"), .kind = VALUE_STRING, .value = span_str(value)};
        struct vault_tokenize op = {.op = {.kind = VAULT_TOKENIZE},
                                    .domain = VAULT_DOMAIN_DEFAULT,
                                    .names = {SPAN_LIT("ada")},
                                    .name_count = 1,
                                    .items = &item,
                                    .count = 1};

        (void)snprintf(value, sizeof(value), "%d", i % 10 + 10);
        item.value = span_str(value);
        if (vault_run(r.vault, &op.op) != ERR_OK)
            break;
    }
    cr_assert_null(begin_with(&ask, "", "", ERR_EXHAUSTED));
}

Test(renewal, an_ended_one_tells_no_tokens)
{
    AUTO(json_free) struct json *list = json_new_list();
    struct renewal_page page = {.renewal = 1, .class_id = id_of("note"), .limit = 10};
    struct errmsg msg = {""};
    uint64_t last;
    bool more;

    rig_store_many(&r, "note", "ada", 3);
    (void)begin("note");
    work();
    page.class_id = id_of("mail");
    cr_assert_eq(renewal_tokens(r.vault, &page, list, &last, &more, &msg), ERR_NOT_FOUND);
    page.class_id = id_of("note");
    cr_assert_eq(act(1, "finish"), ERR_OK);
    work();
    cr_assert_eq(renewal_tokens(r.vault, &page, list, &last, &more, &msg), ERR_CONFLICT);
    cr_assert_eq(json_count(list), 0);
}
