/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/ops.h"

#include <criterion/criterion.h>

#include "admin/access.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/secret.h"
#include "tests/support/vault_rig.h"

struct desk {
    struct rig rig;
    struct erasures *erasures;
    struct admin admin;
    struct errmsg msg;
};

static void desk_init(struct desk *d)
{
    rig_init(&d->rig);
    d->erasures = erasures_new(d->rig.vault, NULL);
    d->admin =
        (struct admin){.vault = d->rig.vault, .classes = &d->rig.classes, .erasures = d->erasures};
}

static void desk_done(struct desk *d)
{
    erasures_free(&d->erasures);
    rig_done(&d->rig);
}

/* Run a request given as text. */
static enum err ask(struct desk *d, const char *request, struct json **ret)
{
    AUTO(json_free) struct json *tree = NULL;

    REQUIRE(json_parse(span_str(request), &tree) == ERR_OK);
    return ops_run(&d->admin, tree, ret, &d->msg);
}

static struct json *answer(struct desk *d, const char *request)
{
    struct json *tree = NULL;
    enum err e = ask(d, request, &tree);

    cr_assert_eq(e, ERR_OK, "%s: %s (%s)", request, err_name(e), d->msg.text);
    return tree;
}

static void refused(struct desk *d, const char *request, enum err expected)
{
    struct json *tree = NULL;
    enum err e = ask(d, request, &tree);

    cr_assert_eq(e, expected, "%s: %s", request, err_name(e));
    cr_assert_null(tree);
    cr_assert_neq(d->msg.text[0], '\0', "%s: a refusal says why", request);
    cr_assert_null(strstr(d->msg.text, "secret"), "%s: %s", request, d->msg.text);
}

static struct json *reveal_request(const struct json *tokens)
{
    struct json *request = json_new_map(), *list = json_new_list();

    for (size_t i = 0; i < json_count(tokens); i++)
        json_add(list, json_new_text(json_text_of(json_at(tokens, i))));
    json_set_str(request, "op", "reveal");
    json_set(request, "tokens", list);
    return request;
}

/* What the tokens of an answer stand for. */
static struct json *reveal(struct desk *d, const struct json *tokens)
{
    AUTO(json_free) struct json *request = reveal_request(tokens);
    struct json *tree = NULL;

    REQUIRE(ops_run(&d->admin, request, &tree, &d->msg) == ERR_OK);
    return tree;
}

/* A request of `count` strings of `len` bytes each. */
static struct json *bulk(const char *op, const char *member, size_t count, size_t len)
{
    struct json *request = json_new_map(), *list = json_new_list();
    char *text = mem_try_alloc(1, len + 1);

    REQUIRE(text != NULL);
    memset(text, 'x', len);
    for (size_t i = 0; i < count; i++)
        json_add(list, json_new_text(span_of(text, len)));
    free(text);
    json_set_str(request, "op", op);
    json_set(request, member, list);
    return request;
}

static void start(void)
{
    secret_start();
    log_set_level(LOG_ERROR);
}

TestSuite(ops, .init = start, .timeout = 60);

Test(ops, ping_tells_the_version)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *tree = NULL;

    desk_init(&d);
    tree = answer(&d, "{\"op\":\"ping\"}");
    cr_assert_not_null(json_str_of(json_get(tree, "version")));
    cr_assert_not_null(json_str_of(json_get(tree, "commit")));
}

Test(ops, tokens_come_back_in_order_and_reveal_gives_the_values)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *tree = NULL;
    AUTO(json_free) struct json *values = NULL;
    const struct json *list;

    desk_init(&d);
    tree = answer(&d, "{\"op\":\"tokenize\",\"class\":\"note\",\"subject\":\"4711\","
                      "\"values\":[\"tea\",\"\",\"J\\u00fcrgen\",\"tea\"]}");
    cr_assert_eq(json_count(json_get(tree, "tokens")), 4);
    values = reveal(&d, json_get(tree, "tokens"));
    list = json_get(values, "values");
    cr_assert_eq(json_count(list), 4);
    cr_assert_str_eq(json_str_of(json_at(list, 0)), "tea");
    cr_assert_str_eq(json_str_of(json_at(list, 1)), "");
    cr_assert_str_eq(json_str_of(json_at(list, 2)), "J\xc3\xbcrgen");
    cr_assert_str_eq(json_str_of(json_at(list, 3)), "tea");
    cr_assert_str_neq(json_str_of(json_at(json_get(tree, "tokens"), 0)),
                      json_str_of(json_at(json_get(tree, "tokens"), 3)));
}

Test(ops, deterministic_classes_give_equal_tokens_again)
{
    static const char request[] = "{\"op\":\"tokenize\",\"class\":\"mail\",\"subject\":\"4711\","
                                  "\"domain\":\"default\",\"values\":[\"ada@example.org\"]}";
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *first = NULL;
    AUTO(json_free) struct json *second = NULL;

    desk_init(&d);
    first = answer(&d, request);
    second = answer(&d, request);
    cr_assert_str_eq(json_str_of(json_at(json_get(first, "tokens"), 0)),
                     json_str_of(json_at(json_get(second, "tokens"), 0)));
}

Test(ops, values_of_a_class_that_identifies_name_the_subject_however_many)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *tree = NULL;
    AUTO(json_free) struct json *shown = NULL;

    desk_init(&d);
    tree = answer(&d,
                  "{\"op\":\"tokenize\",\"class\":\"mail\",\"subject\":\"4711\",\"values\":["
                  "\"a@x\",\"\",\"b@x\",\"c@x\",\"d@x\",\"e@x\",\"f@x\",\"g@x\",\"h@x\",\"i@x\"]}");
    cr_assert_eq(json_count(json_get(tree, "tokens")), 10);
    shown = answer(&d, "{\"op\":\"subject.show\",\"subject\":\"i@x\"}");
    cr_assert_eq(json_int_of(json_get(shown, "identifiers"), -1), 10,
                 "the nine and 4711; the empty one names nobody");
}

Test(ops, nothing_in_nothing_out)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *tree = NULL;
    AUTO(json_free) struct json *none = NULL;

    desk_init(&d);
    tree = answer(&d, "{\"op\":\"tokenize\",\"class\":\"note\",\"subject\":\"1\",\"values\":[]}");
    cr_assert_eq(json_kind(json_get(tree, "tokens")), JSON_LIST);
    cr_assert_eq(json_count(json_get(tree, "tokens")), 0);
    none = answer(&d, "{\"op\":\"reveal\",\"tokens\":[]}");
    cr_assert_eq(json_count(json_get(none, "values")), 0);
}

Test(ops, a_dead_or_foreign_token_reveals_null_and_the_others_their_values)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *tree = NULL;
    AUTO(json_free) struct json *values = NULL;
    struct json *tokens;

    desk_init(&d);
    tree = answer(&d, "{\"op\":\"tokenize\",\"class\":\"note\",\"subject\":\"1\","
                      "\"values\":[\"tea\"]}");
    tokens = json_get(tree, "tokens");
    json_add(tokens, json_new_text(SPAN_LIT("lt_000000000000000000000000000000")));
    json_add(tokens, json_new_text(SPAN_LIT("no token at all")));
    values = reveal(&d, tokens);
    cr_assert_str_eq(json_str_of(json_at(json_get(values, "values"), 0)), "tea");
    cr_assert_eq(json_kind(json_at(json_get(values, "values"), 1)), JSON_NIL);
    cr_assert_eq(json_kind(json_at(json_get(values, "values"), 2)), JSON_NIL);
}

Test(ops, a_value_of_the_greatest_length_comes_back)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *request = bulk("tokenize", "values", 1, LIMIT_VALUE_MAX);
    AUTO(json_free) struct json *tree = NULL;
    AUTO(json_free) struct json *values = NULL;

    desk_init(&d);
    json_set_str(request, "class", "note");
    json_set_str(request, "subject", "1");
    cr_assert_eq(ops_run(&d.admin, request, &tree, &d.msg), ERR_OK);
    values = reveal(&d, json_get(tree, "tokens"));
    cr_assert_eq(json_text_of(json_at(json_get(values, "values"), 0)).len, LIMIT_VALUE_MAX);
}

Test(ops, reveal_gives_back_less_than_asked_when_values_are_large)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(json_free) struct json *tree = NULL;
    AUTO(json_free) struct json *values = NULL;
    char *large = mem_try_alloc(1, 300 << 10);
    struct json *list = json_new_list();

    REQUIRE(large != NULL);
    memset(large, 'x', 300 << 10);
    desk_init(&d);
    for (int i = 0; i < 6; i++)
        json_add(list, json_new_text(span_of(large, 300 << 10)));
    free(large);
    json_set_str(request, "op", "tokenize");
    json_set_str(request, "class", "note");
    json_set_str(request, "subject", "1");
    json_set(request, "values", list);
    cr_assert_eq(ops_run(&d.admin, request, &tree, &d.msg), ERR_OK);
    values = reveal(&d, json_get(tree, "tokens"));
    cr_assert_eq(json_count(json_get(values, "values")), 4, "a megabyte, and the one begun");
}

Test(ops, an_erasure_gives_a_receipt_and_ends_the_tokens)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *tree = NULL;
    AUTO(json_free) struct json *receipt = NULL;
    AUTO(json_free) struct json *values = NULL;

    desk_init(&d);
    tree = answer(&d, "{\"op\":\"tokenize\",\"class\":\"note\",\"subject\":\"4711\","
                      "\"values\":[\"tea\"]}");
    receipt = answer(&d, "{\"op\":\"subject.erase\",\"subject\":\"4711\","
                         "\"reason\":\"17(1)(b), ticket 9\"}");
    cr_assert_str_eq(json_str_of(json_get(receipt, "state")), "completed");
    cr_assert_str_eq(json_str_of(json_get(receipt, "reason")), "17(1)(b), ticket 9");
    values = reveal(&d, json_get(tree, "tokens"));
    cr_assert_eq(json_kind(json_at(json_get(values, "values"), 0)), JSON_NIL);
    refused(&d, "{\"op\":\"subject.erase\",\"subject\":\"4711\"}", ERR_NOT_FOUND);
    refused(&d, "{\"op\":\"subject.show\",\"subject\":\"4711\"}", ERR_NOT_FOUND);
}

Test(ops, a_reason_that_names_the_person_is_refused_before_anything_happens)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *tree = NULL;
    AUTO(json_free) struct json *shown = NULL;
    AUTO(json_free) struct json *receipt = NULL;

    desk_init(&d);
    tree = answer(&d, "{\"op\":\"tokenize\",\"class\":\"note\",\"subject\":\"Secret@Example.org\","
                      "\"values\":[\"tea\"]}");
    refused(&d,
            "{\"op\":\"subject.erase\",\"subject\":\"Secret@Example.org\","
            "\"reason\":\"mail from secret@example.org\"}",
            ERR_INVALID);
    shown = answer(&d, "{\"op\":\"subject.show\",\"subject\":\"Secret@Example.org\"}");
    cr_assert_eq(json_count(json_get(shown, "items")), 1);
    receipt = answer(&d, "{\"op\":\"subject.erase\",\"subject\":\"Secret@Example.org\","
                         "\"reason\":\"\"}");
    cr_assert_eq(json_kind(json_get(receipt, "reason")), JSON_NIL);
}

Test(ops, a_ground_is_one_of_the_regulations)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *tree = NULL;
    AUTO(json_free) struct json *receipt = NULL;

    desk_init(&d);
    tree = answer(&d, "{\"op\":\"tokenize\",\"class\":\"note\",\"subject\":\"4711\","
                      "\"values\":[\"tea\"]}");
    refused(&d, "{\"op\":\"subject.erase\",\"subject\":\"4711\",\"ground\":\"g\"}", ERR_INVALID);
    receipt = answer(&d, "{\"op\":\"subject.erase\",\"subject\":\"4711\",\"ground\":\"d\"}");
    cr_assert_str_eq(json_str_of(json_get(receipt, "ground")), "17(1)(d)");
}

Test(ops, a_subject_is_shown_by_counts_and_a_random_id)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *a = NULL;
    AUTO(json_free) struct json *b = NULL;
    AUTO(json_free) struct json *shown = NULL;
    AUTO(buf_done) struct buf text;
    const struct json *items;

    desk_init(&d);
    buf_init(&text, 4096);
    a = answer(&d, "{\"op\":\"tokenize\",\"class\":\"note\",\"subject\":\"marker-1\","
                   "\"values\":[\"marker-2\",\"marker-3\"]}");
    b = answer(&d, "{\"op\":\"tokenize\",\"class\":\"brief\",\"subject\":\"marker-1\","
                   "\"values\":[\"marker-4\"]}");
    shown = answer(&d, "{\"op\":\"subject.show\",\"subject\":\"marker-1\"}");
    items = json_get(shown, "items");
    cr_assert_eq(json_count(items), 2);
    cr_assert_str_eq(json_str_of(json_get(json_at(items, 0), "class")), "note");
    cr_assert_eq(json_int_of(json_get(json_at(items, 0), "values"), -1), 2);
    cr_assert_eq(json_int_of(json_get(json_at(items, 1), "values"), -1), 1);
    cr_assert_eq(json_text_of(json_get(shown, "subject")).len, 32);
    cr_assert_str_eq(json_str_of(json_get(shown, "created")), "2026-01-10T12:00:00.000Z");
    cr_assert_eq(json_write(shown, &text), ERR_OK);
    cr_assert_eq(buf_append_byte(&text, 0), ERR_OK);
    cr_assert_null(strstr((const char *)text.bytes, "marker"));
}

/* The only token of a tokenize request, put into a request in which $ stands for it. */
static void with_token(struct desk *d, const char *tokenize, const char *format, char out[512])
{
    AUTO(json_free) struct json *tree = answer(d, tokenize);
    const char *token = json_str_of(json_at(json_get(tree, "tokens"), 0));
    const char *place = strchr(format, '$');

    (void)snprintf(out, 512, "%.*s%s%s", (int)(place - format), format, token, place + 1);
}

Test(ops, rectification_changes_what_a_token_stands_for)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *tree = NULL;
    char request[512];

    desk_init(&d);
    with_token(
        &d, "{\"op\":\"tokenize\",\"class\":\"note\",\"subject\":\"4711\",\"values\":[\"tea\"]}",
        "{\"op\":\"rectify\",\"token\":\"$\",\"value\":\"coffee\",\"subject\":\"4711\"}", request);
    tree = answer(&d, request);
    cr_assert_str_eq(json_str_of(json_get(tree, "class")), "note");
}

Test(ops, rectification_refuses_what_does_not_fit)
{
    static const char mail[] = "{\"op\":\"tokenize\",\"class\":\"mail\",\"subject\":\"4711\","
                               "\"values\":[\"secret@x\"]}";
    AUTO(desk_done) struct desk d;
    char request[512];

    desk_init(&d);
    json_free(&(struct json *){answer(
        &d,
        "{\"op\":\"tokenize\",\"class\":\"mail\",\"subject\":\"12\",\"values\":[\"secret2@x\"]}")});
    with_token(&d, mail, "{\"op\":\"rectify\",\"token\":\"$\",\"value\":\"secret2@x\"}", request);
    refused(&d, request, ERR_CONFLICT);
    with_token(&d, mail,
               "{\"op\":\"rectify\",\"token\":\"$\",\"value\":\"secret3@x\",\"subject\":\"12\"}",
               request);
    refused(&d, request, ERR_DENIED);
    with_token(&d, mail, "{\"op\":\"rectify\",\"token\":\"$\"}", request);
    refused(&d, request, ERR_INVALID);
    refused(&d, "{\"op\":\"rectify\",\"token\":\"secret\",\"value\":\"x\"}", ERR_NOT_FOUND);
    with_token(&d, mail, "{\"op\":\"subject.show\",\"token\":\"$\",\"subject\":\"4711\"}", request);
    refused(&d, request, ERR_INVALID);
}

/* The proxy stores numbers and booleans as such. */
Test(ops, rectification_keeps_numbers_numbers)
{
    struct vault_item items[2] = {{.kind = VALUE_NUMBER, .value = SPAN_LIT("42")},
                                  {.kind = VALUE_BOOL, .value = SPAN_LIT("true")}};
    struct vault_tokenize op = {
        .op = {.kind = VAULT_TOKENIZE}, .domain = VAULT_DOMAIN_DEFAULT, .items = items, .count = 2};
    static const char *const wrong[2] = {"\"secret\"", "\"1\""};
    static const char *const right[2] = {"\"-1.5e3\"", "\"false\""};
    AUTO(desk_done) struct desk d;

    desk_init(&d);
    items[0].class_id = items[1].class_id = rig_class(&d.rig, "note");
    cr_assert_eq(vault_run(d.rig.vault, &op.op), ERR_OK);
    for (size_t i = 0; i < 2; i++) {
        AUTO(json_free) struct json *tree = NULL;
        const struct token_text *t = &items[i].token;
        char request[256];

        (void)snprintf(request, sizeof(request),
                       "{\"op\":\"rectify\",\"token\":\"%.*s\",\"value\":%s}", t->len, t->bytes,
                       wrong[i]);
        refused(&d, request, ERR_INVALID);
        (void)snprintf(request, sizeof(request),
                       "{\"op\":\"rectify\",\"token\":\"%.*s\",\"value\":%s}", t->len, t->bytes,
                       right[i]);
        tree = answer(&d, request);
    }
}

Test(ops, the_retention_report_is_one_of_them)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *tree = NULL;

    desk_init(&d);
    tree = answer(&d, "{\"op\":\"report\",\"report\":\"retention\"}");
    cr_assert_eq(json_count(json_get(tree, "rows")), 3);
}

Test(ops, malformed_requests_are_refused_with_a_reason_that_repeats_nothing)
{
    static const struct {
        const char *request;
        enum err expected;
    } cases[] = {
        {"[]", ERR_INVALID},
        {"\"ping\"", ERR_INVALID},
        {"{}", ERR_INVALID},
        {"{\"op\":7}", ERR_INVALID},
        {"{\"op\":\"secret\"}", ERR_INVALID},
        {"{\"op\":\"ping\",\"secret\":1}", ERR_INVALID},
        {"{\"op\":\"tokenize\"}", ERR_INVALID},
        {"{\"op\":\"tokenize\",\"class\":\"note\",\"subject\":\"1\"}", ERR_INVALID},
        {"{\"op\":\"tokenize\",\"class\":\"note\",\"subject\":\"1\",\"values\":\"secret\"}",
         ERR_INVALID},
        {"{\"op\":\"tokenize\",\"class\":\"note\",\"subject\":\"1\",\"values\":[\"secret\",2]}",
         ERR_INVALID},
        {"{\"op\":\"tokenize\",\"class\":\"note\",\"subject\":\"\",\"values\":[\"secret\"]}",
         ERR_INVALID},
        {"{\"op\":\"tokenize\",\"class\":\"note\",\"subject\":5,\"values\":[\"secret\"]}",
         ERR_INVALID},
        {"{\"op\":\"tokenize\",\"class\":\"secret\",\"subject\":\"1\",\"values\":[\"a\"]}",
         ERR_NOT_FOUND},
        {"{\"op\":\"tokenize\",\"class\":\"note\",\"subject\":\"1\",\"domain\":\"secret\","
         "\"values\":[\"a\"]}",
         ERR_NOT_FOUND},
        {"{\"op\":\"tokenize\",\"class\":\"note\",\"subject\":\"1\",\"values\":[\"a\"],"
         "\"role\":\"secret\"}",
         ERR_INVALID},
        {"{\"op\":\"reveal\",\"tokens\":[null]}", ERR_INVALID},
        {"{\"op\":\"reveal\",\"tokens\":{}}", ERR_INVALID},
        {"{\"op\":\"subject.erase\",\"subject\":\"secret\"}", ERR_NOT_FOUND},
        {"{\"op\":\"subject.erase\",\"subject\":\"secret\",\"reason\":4}", ERR_INVALID},
        {"{\"op\":\"subject.show\",\"subject\":\"secret\"}", ERR_NOT_FOUND},
        {"{\"op\":\"subject.show\",\"subject\":\"secret\",\"domain\":\"other\"}", ERR_NOT_FOUND},
        {"{\"op\":\"report\",\"report\":\"retention\",\"as_of\":\"secret\"}", ERR_INVALID},
        {"{\"op\":\"report\"}", ERR_INVALID},
        {"{\"op\":\"report\",\"report\":\"secret\"}", ERR_NOT_FOUND},
        {"{\"op\":\"report\",\"report\":\"retention\",\"from\":\"secret\"}", ERR_INVALID},
        {"{\"op\":\"report\",\"report\":\"retention\",\"from\":3}", ERR_INVALID},
        {"{\"op\":\"report\",\"report\":\"retention\",\"to\":\"2026-02-30\"}", ERR_INVALID},
        {"{\"op\":\"report\",\"report\":\"retention\",\"from\":\"2026-02-02\",\"to\":"
         "\"2026-02-01\"}",
         ERR_INVALID},
    };
    AUTO(desk_done) struct desk d;

    desk_init(&d);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        refused(&d, cases[i].request, cases[i].expected);
}

Test(ops, limits_are_kept)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *many = bulk("reveal", "tokens", OPS_VALUES_MAX + 1, 1);
    AUTO(json_free) struct json *full = bulk("reveal", "tokens", OPS_VALUES_MAX, 1);
    AUTO(json_free) struct json *large = bulk("tokenize", "values", 1, LIMIT_VALUE_MAX + 1);
    AUTO(json_free)
    struct json *identifier = bulk("tokenize", "values", 1, LIMIT_IDENTIFIER_MAX + 1);
    AUTO(json_free) struct json *tree = NULL;
    struct json *none = NULL;

    desk_init(&d);
    cr_assert_eq(ops_run(&d.admin, many, &none, &d.msg), ERR_TOO_LARGE);
    cr_assert_eq(ops_run(&d.admin, full, &tree, &d.msg), ERR_OK);
    cr_assert_eq(json_count(json_get(tree, "values")), OPS_VALUES_MAX);
    json_set_str(large, "class", "note");
    json_set_str(large, "subject", "1");
    cr_assert_eq(ops_run(&d.admin, large, &none, &d.msg), ERR_TOO_LARGE);
    json_set_str(identifier, "class", "mail");
    json_set_str(identifier, "subject", "1");
    cr_assert_eq(ops_run(&d.admin, identifier, &none, &d.msg), ERR_TOO_LARGE);
    json_set_str(identifier, "class", "note");
    json_free(&tree);
    cr_assert_eq(ops_run(&d.admin, identifier, &tree, &d.msg), ERR_OK, "long for a name only");
    cr_assert_null(none);
}

/* ---- domains ---- */

static struct json *stored_in(struct desk *d, const char *domain, const char *class_name)
{
    char request[256];

    (void)snprintf(request, sizeof(request),
                   "{\"op\":\"tokenize\",\"class\":\"%s\",\"subject\":\"4711\"%s%s%s,"
                   "\"values\":[\"ada@example.org\"]}",
                   class_name, domain == NULL ? "" : ",\"domain\":\"", domain == NULL ? "" : domain,
                   domain == NULL ? "" : "\"");
    return answer(d, request);
}

static struct span token_of(const struct json *stored)
{
    return json_text_of(json_at(json_get(stored, "tokens"), 0));
}

/* What a token stands for when it is asked for in a domain (NULL: in any); "" for nothing. */
static void reveal_in(struct desk *d, const char *domain, const struct json *stored,
                      const char *expected)
{
    AUTO(json_free) struct json *request = reveal_request(json_get(stored, "tokens"));
    AUTO(json_free) struct json *tree = NULL;
    const struct json *value;

    if (domain != NULL)
        json_set_str(request, "domain", domain);
    cr_assert_eq(ops_run(&d->admin, request, &tree, &d->msg), ERR_OK);
    value = json_at(json_get(tree, "values"), 0);
    if (expected[0] == '\0')
        cr_assert_eq(json_kind(value), JSON_NIL);
    else
        cr_assert_str_eq(json_str_of(value), expected);
}

Test(ops, work_in_the_domain_that_is_named_and_else_in_the_default_one)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *in_default = NULL;
    AUTO(json_free) struct json *in_crm = NULL;
    AUTO(json_free) struct json *again = NULL;
    AUTO(json_free) struct json *subject = NULL;
    AUTO(json_free) struct json *receipt = NULL;

    desk_init(&d);
    in_default = stored_in(&d, NULL, "mail");
    in_crm = stored_in(&d, "crm", "mail");
    again = stored_in(&d, "default", "mail");
    cr_assert(span_equal(token_of(in_default), token_of(again)), "no domain is the default one");
    cr_assert_not(span_equal(token_of(in_default), token_of(in_crm)));
    reveal_in(&d, NULL, in_default, "ada@example.org");
    reveal_in(&d, NULL, in_crm, "ada@example.org");
    reveal_in(&d, "crm", in_crm, "ada@example.org");
    reveal_in(&d, "crm", in_default, "");
    reveal_in(&d, "default", in_crm, "");

    subject = answer(&d, "{\"op\":\"subject.show\",\"subject\":\"4711\",\"domain\":\"crm\"}");
    cr_assert_str_eq(json_str_of(json_get(subject, "domain")), "crm");
    receipt = answer(&d, "{\"op\":\"subject.erase\",\"subject\":\"4711\"}");
    cr_assert_str_eq(json_str_of(json_get(receipt, "domain")), "default");
    reveal_in(&d, NULL, in_default, "");
    reveal_in(&d, NULL, in_crm, "ada@example.org");
    json_free(&receipt);
    receipt = answer(&d, "{\"op\":\"subject.erase\",\"subject\":\"4711\",\"domain\":\"crm\"}");
    cr_assert_str_eq(json_str_of(json_get(receipt, "domain")), "crm");
    cr_assert_str_eq(json_str_of(json_get(receipt, "state")), "completed");
    reveal_in(&d, NULL, in_crm, "");
}

/* E58: `domain` and `class_name` of whoever asks; NULL: of no one in particular. */
static enum err rectified_by(struct desk *d, const char *domain, const char *class_name,
                             const struct json *stored)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(json_free) struct json *tree = NULL;
    struct access_who who = {.number = 1, .name = "ada"};
    struct admin as = d->admin;

    who.domains.count = domain != NULL;
    (void)snprintf(who.domains.at[0], sizeof(who.domains.at[0]), "%s",
                   domain == NULL ? "" : domain);
    who.classes.count = class_name != NULL;
    (void)snprintf(who.classes.at[0], sizeof(who.classes.at[0]), "%s",
                   class_name == NULL ? "" : class_name);
    as.who = &who;
    json_set_str(request, "op", "rectify");
    json_set(request, "token", json_new_text(token_of(stored)));
    json_set_str(request, "value", "new");
    return ops_run(&as, request, &tree, &d->msg);
}

Test(ops, put_right_only_values_that_who_asks_is_not_kept_from)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *in_default = NULL;
    AUTO(json_free) struct json *in_crm = NULL;

    desk_init(&d);
    in_default = stored_in(&d, NULL, "note");
    in_crm = stored_in(&d, "crm", "note");
    cr_assert_eq(rectified_by(&d, "crm", NULL, in_default), ERR_DENIED, "another domain's");
    cr_assert_eq(rectified_by(&d, NULL, "mail", in_default), ERR_DENIED, "another class's");
    reveal_in(&d, NULL, in_default, "ada@example.org");
    cr_assert_eq(rectified_by(&d, "crm", "note", in_crm), ERR_OK, "%s", d.msg.text);
    reveal_in(&d, NULL, in_crm, "new");
    cr_assert_eq(rectified_by(&d, NULL, NULL, in_default), ERR_OK, "%s", d.msg.text);
}

/* Named by a token, so that the identifier is not in the request. */
static enum err erased_with(struct desk *d, const struct json *stored, const char *reason)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(json_free) struct json *tree = NULL;

    json_set_str(request, "op", "subject.erase");
    json_set(request, "token", json_new_text(token_of(stored)));
    json_set_str(request, "reason", reason);
    json_set_bool(request, "dry_run", true);
    return ops_run(&d->admin, request, &tree, &d->msg);
}

Test(ops, keep_no_text_that_holds_an_identifier_of_the_person)
{
    static const char *const bad[] = {"4711", "asked by 4711", "(4711).", "\"4711\", he said"};
    static const char *const good[] = {"asked by letter", "case 47110", "x4711", "4712", ""};
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *stored = NULL;
    AUTO(json_free) struct json *others = NULL;

    desk_init(&d);
    stored = stored_in(&d, NULL, "note");
    others = stored_in(&d, "crm", "note");
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        cr_expect_eq(erased_with(&d, stored, bad[i]), ERR_INVALID, "%s", bad[i]);
        cr_expect_eq(erased_with(&d, others, bad[i]), ERR_INVALID, "%s", bad[i]);
    }
    for (size_t i = 0; i < COUNT_OF(good); i++)
        cr_expect_eq(erased_with(&d, stored, good[i]), ERR_OK, "%s: %s", good[i], d.msg.text);
}

Test(ops, refuse_domains_that_are_not_there)
{
    AUTO(desk_done) struct desk d;

    desk_init(&d);
    refused(&d, "{\"op\":\"reveal\",\"tokens\":[\"x\"],\"domain\":\"secret\"}", ERR_NOT_FOUND);
    refused(&d, "{\"op\":\"reveal\",\"tokens\":[\"x\"],\"domain\":\"\"}", ERR_NOT_FOUND);
    refused(&d, "{\"op\":\"reveal\",\"tokens\":[\"x\"],\"domain\":1}", ERR_INVALID);
    refused(&d, "{\"op\":\"subject.erase\",\"subject\":\"secret\",\"domain\":\"nope\"}",
            ERR_NOT_FOUND);
}

/* ---- typed tokens ---- */

#define DIGITS_CLASS(name, more)                                                                   \
    name ": {format: digits, reserved: \"9\"," more " purposes: [x], basis: \"6(1)(b)\", "         \
         "retain: {period: P1Y}}\n"

static void typed_desk_init(struct desk *d)
{
    rig_init_with(&d->rig, DIGITS_CLASS("left", "") DIGITS_CLASS("right", ""));
    d->erasures = erasures_new(d->rig.vault, NULL);
    d->admin =
        (struct admin){.vault = d->rig.vault, .classes = &d->rig.classes, .erasures = d->erasures};
}

/* Reveal one token; \"\" for null. */
static const char *revealed(struct desk *d, const char *token, const char *class_name)
{
    AUTO(json_free) struct json *tree = NULL;
    static char value[64];
    char request[256];
    const char *text;

    (void)snprintf(request, sizeof(request), "{\"op\":\"reveal\",\"tokens\":[\"%s\"]%s%s%s}", token,
                   class_name == NULL ? "" : ",\"class\":\"", class_name == NULL ? "" : class_name,
                   class_name == NULL ? "" : "\"");
    tree = answer(d, request);
    text = json_str_of(json_at(json_get(tree, "values"), 0));
    (void)snprintf(value, sizeof(value), "%s", text == NULL ? "" : text);
    return value;
}

Test(ops, a_typed_token_is_revealed_with_its_class_or_without)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *tree = NULL;
    const char *token;

    typed_desk_init(&d);
    tree = answer(&d, "{\"op\":\"tokenize\",\"class\":\"left\",\"subject\":\"ada\","
                      "\"values\":[\"00123456789\"]}");
    token = json_str_of(json_at(json_get(tree, "tokens"), 0));
    cr_assert_str_eq(revealed(&d, token, NULL), "00123456789", "as it went in");
    cr_assert_str_eq(revealed(&d, token, "left"), "00123456789");
    cr_assert_str_eq(revealed(&d, token, "right"), "");
    refused(&d, "{\"op\":\"reveal\",\"tokens\":[],\"class\":\"none\"}", ERR_NOT_FOUND);
    refused(&d, "{\"op\":\"reveal\",\"tokens\":[],\"class\":7}", ERR_INVALID);
    refused(&d, "{\"op\":\"subject.show\",\"subject\":\"ada\",\"class\":\"left\"}", ERR_INVALID);
}

Test(ops, a_typed_token_of_two_classes_is_not_guessed)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *left = NULL, *right = NULL;
    const char *both = NULL;
    char request[512];

    typed_desk_init(&d);
    left = answer(&d, "{\"op\":\"tokenize\",\"class\":\"left\",\"subject\":\"ada\",\"values\":"
                      "[\"10\",\"11\",\"12\",\"13\",\"14\",\"15\",\"16\",\"17\",\"18\"]}");
    right = answer(&d, "{\"op\":\"tokenize\",\"class\":\"right\",\"subject\":\"bert\",\"values\":"
                       "[\"20\",\"21\",\"22\",\"23\",\"24\",\"25\",\"26\",\"27\",\"28\"]}");
    for (size_t i = 0; i < 81 && both == NULL; i++) {
        const char *a = json_str_of(json_at(json_get(left, "tokens"), i / 9));

        if (strcmp(a, json_str_of(json_at(json_get(right, "tokens"), i % 9))) == 0)
            both = a;
    }
    cr_assert_not_null(both, "nine of ten each");
    (void)snprintf(request, sizeof(request), "{\"op\":\"reveal\",\"tokens\":[\"%s\"]}", both);
    refused(&d, request, ERR_CONFLICT);
    cr_assert_not_null(strstr(d.msg.text, "--class"), "%s", d.msg.text);
    cr_assert_eq(revealed(&d, both, "left")[0], '1');
    cr_assert_eq(revealed(&d, both, "right")[0], '2');
    (void)snprintf(request, sizeof(request), "{\"op\":\"subject.show\",\"token\":\"%s\"}", both);
    refused(&d, request, ERR_CONFLICT);
    (void)snprintf(request, sizeof(request),
                   "{\"op\":\"rectify\",\"token\":\"%s\",\"value\":\"33\"}", both);
    refused(&d, request, ERR_CONFLICT);
    (void)snprintf(request, sizeof(request),
                   "{\"op\":\"rectify\",\"token\":\"%s\",\"class\":\"left\",\"value\":\"33\"}",
                   both);
    json_free(&left);
    left = answer(&d, request);
    cr_assert_str_eq(json_str_of(json_get(left, "class")), "left");
}

Test(ops, a_value_that_can_have_no_typed_token_is_refused_with_a_reason)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *report = NULL;
    const struct json *row;

    typed_desk_init(&d);
#define TOKENIZE(values)                                                                           \
    "{\"op\":\"tokenize\",\"class\":\"left\",\"subject\":\"ada\",\"values\":[" values "]}"
    refused(&d, TOKENIZE("\"secret\""), ERR_UNPROCESSABLE);
    cr_assert_not_null(strstr(d.msg.text, "class left"), "%s", d.msg.text);
    refused(&d, TOKENIZE("\"98765\""), ERR_CONFLICT);
    refused(&d, TOKENIZE("\"10\",\"11\",\"12\",\"13\",\"14\",\"15\",\"16\",\"17\",\"18\",\"19\""),
            ERR_EXHAUSTED);
    cr_assert_not_null(strstr(d.msg.text, "wider"), "%s", d.msg.text);
    json_free(&report);
    report = answer(&d, TOKENIZE("\"10\",\"11\",\"12\",\"13\",\"14\",\"15\",\"16\",\"17\",\"18\""));
    json_free(&report);
    report = answer(&d, "{\"op\":\"report\",\"report\":\"retention\"}");
    row = json_at(json_get(report, "rows"), 0);
    cr_assert_eq(json_int_of(json_get(row, "tokens_capacity"), 0), 9);
    cr_assert_eq(json_int_of(json_get(row, "tokens_used"), 0), 9);
    cr_assert_eq(json_int_of(json_get(row, "shapes_used_up"), 0), 1);
    cr_assert(json_bool_of(json_get(report, "attention"), false));
#undef TOKENIZE
}
