/* SPDX-License-Identifier: Apache-2.0 */
/* Bulk jobs as operations: what is stored, what is refused, what is shown and recorded. */
#include "admin/access.h"
#include "admin/ops.h"

#include <criterion/criterion.h>

#include "base/log.h"
#include "base/secret.h"
#include "tests/support/vault_rig.h"
#include "vault/audit_read.h"

#define BULK_CLASSES                                                                               \
    RIG_CLASSES                                                                                    \
    "code: {format: digits, purposes: [support], basis: \"6(1)(b)\", retain: {period: P1Y}}\n"     \
    "size: {format: integer, range: 90000-99999, purposes: [support], basis: \"6(1)(b)\","         \
    " retain: {period: P1Y}}\n"

struct desk {
    struct rig rig;
    struct erasures *erasures;
    struct admin admin;
    struct errmsg msg;
    char job[33];
};

static enum err run(struct desk *d, const char *request, struct json **ret)
{
    AUTO(json_free) struct json *tree = NULL;

    cr_assert_eq(json_parse(span_str(request), &tree), ERR_OK, "%s", request);
    if (d->job[0] != '\0')
        json_set_str(tree, "job", d->job);
    return ops_run(&d->admin, tree, ret, &d->msg);
}

static struct json *answer(struct desk *d, const char *request)
{
    struct json *tree = NULL;
    enum err e = run(d, request, &tree);

    cr_assert_eq(e, ERR_OK, "%s: %s (%s)", request, err_name(e), d->msg.text);
    return tree;
}

static void refused(struct desk *d, const char *request, enum err expected)
{
    struct json *tree = NULL;

    cr_assert_eq(run(d, request, &tree), expected, "%s (%s)", request, d->msg.text);
    cr_assert_null(tree);
    cr_assert_null(strstr(d->msg.text, "secret"), "%s", d->msg.text);
}

static void desk_init(struct desk *d)
{
    AUTO(json_free) struct json *tree = NULL;

    *d = (struct desk){.job = ""};
    rig_init_with(&d->rig, BULK_CLASSES);
    d->erasures = erasures_new(d->rig.vault, NULL);
    d->admin =
        (struct admin){.vault = d->rig.vault, .classes = &d->rig.classes, .erasures = d->erasures};
    tree = answer(d, "{\"op\":\"bulk.start\",\"classes\":[\"mail\",\"note\"]}");
    cr_assert_eq(strlen(json_str_of(json_get(tree, "key"))), 64);
    cr_assert_eq(json_count(json_get(tree, "email_domains")), 1);
    memcpy(d->job, json_str_of(json_get(tree, "job")), sizeof(d->job));
}

static void desk_done(struct desk *d)
{
    erasures_free(&d->erasures);
    rig_done(&d->rig);
}

static void start(void)
{
    secret_start();
    log_set_level(LOG_ERROR);
}

TestSuite(ops_bulk, .init = start, .timeout = 60);

#define COLUMNS                                                                                    \
    "\"columns\":[{\"class\":\"mail\"},{\"class\":\"note\"},{\"class\":\"code\"},"                 \
    "{\"class\":\"size\",\"kind\":\"number\"},{}]"
#define TOKENIZE(group, on_error, rows)                                                            \
    "{\"op\":\"bulk.tokenize\",\"group\":" group ",\"on_error\":\"" on_error "\"," COLUMNS         \
    ",\"rows\":[" rows "]}"

static const char *states_of(const struct json *tree)
{
    return json_str_of(json_get(tree, "states"));
}

static const char *token_of(const struct json *tree, size_t i)
{
    return json_str_of(json_at(json_get(tree, "tokens"), i));
}

static int64_t values_of(struct desk *d, const char *subject)
{
    AUTO(json_free) struct json *tree = NULL;
    char request[128], job[33];
    int64_t values = 0;

    memcpy(job, d->job, sizeof(job));
    d->job[0] = '\0';
    (void)snprintf(request, sizeof(request), "{\"op\":\"subject.show\",\"subject\":\"%s\"}",
                   subject);
    if (run(d, request, &tree) == ERR_OK)
        for (size_t i = 0; i < json_count(json_get(tree, "items")); i++)
            values += json_int_of(json_get(json_at(json_get(tree, "items"), i), "values"), 0);
    memcpy(d->job, job, sizeof(job));
    return values;
}

Test(ops_bulk, a_group_gets_its_tokens_and_the_same_ones_again)
{
    static const char request[] =
        TOKENIZE("1", "stop",
                 "[\"1\",0,\"a@x.org\",1,\"tea\"],[\"2\",1,\"tea\",2,\"123456\"],"
                 "[\"3\",3,\"17\"],[\"4\"]");
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *first = NULL;
    AUTO(json_free) struct json *again = NULL;

    desk_init(&d);
    first = answer(&d, request);
    again = answer(&d, request);
    cr_assert_str_eq(states_of(first), "++++#");
    cr_assert_eq(json_count(json_get(first, "tokens")), 5);
    for (size_t i = 0; i < 5; i++)
        cr_assert_str_eq(token_of(first, i), token_of(again, i));
    cr_assert_str_neq(token_of(first, 1), token_of(first, 2), "a random class");
    cr_assert_eq(values_of(&d, "1"), 2);
    cr_assert_eq(values_of(&d, "a@x.org"), 2, "the address names the person, too");
    cr_assert_eq(values_of(&d, "4"), 0, "nobody is made for nothing");
}

Test(ops_bulk, a_person_may_have_any_number_of_addresses)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *tree = NULL;

    desk_init(&d);
    tree = answer(
        &d, TOKENIZE("1", "stop",
                     "[\"1\",0,\"a@x\",0,\"b@x\",0,\"c@x\",0,\"d@x\",0,\"e@x\",0,\"f@x\",0,\"g@x\","
                     "0,\"h@x\",0,\"i@x\"]"));
    cr_assert_str_eq(states_of(tree), "+++++++++");
    cr_assert_eq(values_of(&d, "i@x"), 9);
    cr_assert_eq(values_of(&d, "1"), 9);
}

Test(ops_bulk, tokens_stay_and_say_whose_a_row_is)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *first = NULL;
    AUTO(json_free) struct json *second = NULL;
    char request[1024];

    desk_init(&d);
    first = answer(&d, TOKENIZE("1", "stop", "[\"a@x\",0,\"a@x\"]"));
    (void)snprintf(request, sizeof(request), TOKENIZE("2", "stop", "[\"%s\",0,\"%s\",1,\"tea\"]"),
                   token_of(first, 0), token_of(first, 0));
    second = answer(&d, request);
    cr_assert_str_eq(states_of(second), "=+");
    cr_assert_eq(json_kind(json_at(json_get(second, "tokens"), 0)), JSON_NIL);
    cr_assert_eq(values_of(&d, "a@x"), 2);
}

Test(ops_bulk, a_group_with_a_bad_row_is_not_stored_unless_that_is_asked_for)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *stopped = NULL;
    AUTO(json_free) struct json *skipped = NULL;
    AUTO(json_free) struct json *kept = NULL;

    desk_init(&d);
    stopped = answer(&d, TOKENIZE("1", "stop", "[\"1\",1,\"tea\"],[\"2\",2,\"secret\",1,\"tea\"]"));
    cr_assert_str_eq(states_of(stopped), "+f+");
    cr_assert_null(json_get(stopped, "tokens"));
    cr_assert_eq(values_of(&d, "1") + values_of(&d, "2"), 0);
    skipped = answer(&d, TOKENIZE("1", "skip", "[\"1\",1,\"tea\"],[\"2\",2,\"secret\",1,\"tea\"]"));
    cr_assert_str_eq(states_of(skipped), "+f+");
    cr_assert_not_null(token_of(skipped, 0));
    cr_assert_null(token_of(skipped, 2), "of a row that is left out");
    cr_assert_eq(values_of(&d, "2"), 0);
    kept = answer(&d, TOKENIZE("2", "keep", "[\"3\",2,\"secret\",1,\"tea\"],[\"\",1,\"tea\"]"));
    cr_assert_str_eq(states_of(kept), "f+s");
    cr_assert_not_null(token_of(kept, 1));
    cr_assert_null(token_of(kept, 2));
    cr_assert_eq(values_of(&d, "3"), 1);
}

Test(ops_bulk, what_is_no_request_is_refused_and_stores_nothing)
{
    AUTO(desk_done) struct desk d;

    desk_init(&d);
    refused(&d, TOKENIZE("0", "stop", "[\"1\",1,\"secret\"]"), ERR_INVALID);
    refused(&d, TOKENIZE("1", "hope", "[\"1\",1,\"secret\"]"), ERR_INVALID);
    refused(&d, TOKENIZE("1", "stop", "[\"1\",9,\"secret\"]"), ERR_INVALID);
    refused(&d, TOKENIZE("1", "stop", "[\"1\",4,\"secret\"]"), ERR_INVALID);
    refused(&d, TOKENIZE("1", "stop", "[\"1\",1]"), ERR_INVALID);
    refused(&d, TOKENIZE("1", "stop", "[1,1,\"secret\"]"), ERR_INVALID);
    refused(&d, TOKENIZE("1", "stop", "[\"1\",1,7]"), ERR_INVALID);
    refused(&d, TOKENIZE("2", "stop", "[\"1\",1,\"secret\"]"), ERR_CONFLICT);
    refused(&d, "{\"op\":\"bulk.start\",\"classes\":[\"none\"]}", ERR_NOT_FOUND);
    refused(&d, "{\"op\":\"bulk.start\",\"classes\":[\"note\"],\"purpose\":\"fun\"}", ERR_DENIED);
    refused(&d, "{\"op\":\"bulk.reveal\"," COLUMNS ",\"tokens\":[1,\"secret\"]}", ERR_INVALID);
    refused(&d, "{\"op\":\"bulk.reveal\"," COLUMNS ",\"purpose\":\"\",\"tokens\":[]}", ERR_INVALID);
    refused(&d, "{\"op\":\"bulk.verify\"," COLUMNS ",\"pairs\":[1,\"secret\"]}", ERR_INVALID);
    cr_assert_eq(values_of(&d, "1"), 0);
}

/* ---- over the admin API ---- */

#define NOTES     "\"columns\":[{\"class\":\"note\"}]"
#define UNCLASSED "\"columns\":[{}]"

/* A request about one token. */
static void ask_of(char ret[1024], const char *operation, const char *columns, const char *token)
{
    (void)snprintf(ret, 1024, "{\"op\":\"bulk.%s,%s,\"%s\":[0,\"%s\"%s]}", operation, columns,
                   strstr(operation, "verify") != NULL ? "pairs" : "tokens", token,
                   strstr(operation, "verify") != NULL ? ",\"tea\"" : "");
}

Test(ops_bulk, a_token_is_bound_to_its_classes)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *made = NULL;
    AUTO(json_free) struct json *shown = NULL;
    struct access_who who = {.number = 1, .classes = {.count = 1, .at = {"brief"}}};
    char request[1024];

    desk_init(&d);
    made = answer(&d, TOKENIZE("1", "stop", "[\"1\",1,\"tea\"]"));
    d.admin.who = &who;
    refused(&d, "{\"op\":\"bulk.start\",\"classes\":[\"mail\"]}", ERR_DENIED);
    refused(&d, TOKENIZE("2", "stop", "[\"1\",1,\"secret\"]"), ERR_DENIED);
    refused(&d,
            "{\"op\":\"bulk.tokenize\",\"group\":2,\"on_error\":\"stop\"," UNCLASSED
            ",\"subject_class\":\"note\",\"rows\":[]}",
            ERR_DENIED);
    ask_of(request, "reveal\",\"purpose\":\"support\"", UNCLASSED, token_of(made, 0));
    refused(&d, request, ERR_DENIED);
    ask_of(request, "verify\"", UNCLASSED, token_of(made, 0));
    refused(&d, request, ERR_DENIED);
    who.classes = (struct access_names){.count = 1, .at = {"note"}};
    ask_of(request, "reveal\",\"purpose\":\"support\"", UNCLASSED, token_of(made, 0));
    shown = answer(&d, request);
    cr_assert_str_eq(states_of(shown), "s");
}

Test(ops_bulk, a_token_is_bound_to_its_domains)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *made = NULL;
    struct access_who who = {.number = 1, .domains = {.count = 1, .at = {"crm"}}};
    char request[1024];

    desk_init(&d);
    made = answer(&d, TOKENIZE("1", "stop", "[\"1\",1,\"tea\"]"));
    d.admin.who = &who;
    refused(&d, TOKENIZE("2", "stop", "[\"1\",1,\"secret\"]"), ERR_DENIED);
    ask_of(request, "reveal\",\"purpose\":\"support\"", NOTES, token_of(made, 0));
    refused(&d, request, ERR_DENIED);
    ask_of(request, "verify\"", NOTES, token_of(made, 0));
    refused(&d, request, ERR_DENIED);
}

/* Who may ask whether a guess is right has the value soon. */
Test(ops_bulk, who_may_not_see_a_value_is_not_told_whether_it_is_right)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *made = NULL;
    AUTO(json_free) struct json *seen = NULL;
    struct access_who who = {.number = 1, .purposes = {.count = 1, .at = {"fun"}}};
    char request[1024];

    desk_init(&d);
    made = answer(&d, TOKENIZE("1", "stop", "[\"1\",1,\"tea\"]"));
    d.admin.who = &who;
    ask_of(request, "verify\"", NOTES, token_of(made, 0));
    refused(&d, request, ERR_DENIED);
    refused(&d, "{\"op\":\"bulk.start\",\"classes\":[\"note\"],\"purpose\":\"support\"}",
            ERR_DENIED);
    who.purposes = (struct access_names){.count = 2, .at = {"fun", "account"}};
    seen = answer(&d, request);
    cr_assert_str_eq(states_of(seen), "=");
    who.purposes.count = 0;
    json_free(&seen);
    seen = answer(&d, request);
    cr_assert_str_eq(states_of(seen), "=");
}

Test(ops_bulk, reveal_says_of_each_token_what_it_is)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *made = NULL;
    AUTO(json_free) struct json *shown = NULL;
    const struct json *values;
    char request[2048];

    desk_init(&d);
    made = answer(&d, TOKENIZE("1", "stop", "[\"1\",1,\"tea\",2,\"123456\",3,\"17\"]"));
    (void)snprintf(request, sizeof(request),
                   "{\"op\":\"bulk.reveal\",\"purpose\":\"support\"," COLUMNS
                   ",\"tokens\":[4,\"%s\",2,\"%s\","
                   "3,\"%s\",1,\"lt_000000000000000000000000000000\",1,\"tea\"]}",
                   token_of(made, 0), token_of(made, 1), token_of(made, 2));
    shown = answer(&d, request);
    values = json_get(shown, "values");
    cr_assert_str_eq(states_of(shown), "ssn--");
    cr_assert_str_eq(json_str_of(json_at(values, 0)), "tea");
    cr_assert_str_eq(json_str_of(json_at(values, 1)), "123456");
    cr_assert_str_eq(json_str_of(json_at(values, 2)), "17");
    cr_assert_eq(json_kind(json_at(values, 3)), JSON_NIL);
}

Test(ops_bulk, nothing_is_revealed_for_another_purpose)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *made = NULL;
    char request[2048];

    desk_init(&d);
    made = answer(&d, TOKENIZE("1", "stop", "[\"1\",2,\"123456\"]"));
    (void)snprintf(request, sizeof(request),
                   "{\"op\":\"bulk.reveal\",\"purpose\":\"account\"," COLUMNS
                   ",\"tokens\":[2,\"%s\"]}",
                   token_of(made, 0));
    refused(&d, request, ERR_DENIED);
}

Test(ops_bulk, verify_tells_right_from_wrong_and_shows_nothing)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *made = NULL;
    AUTO(json_free) struct json *seen = NULL;
    char request[2048];

    desk_init(&d);
    made = answer(&d, TOKENIZE("1", "stop", "[\"1\",1,\"tea\",3,\"17\"]"));
    (void)snprintf(request, sizeof(request),
                   "{\"op\":\"bulk.verify\"," COLUMNS
                   ",\"pairs\":[1,\"%s\",\"tea\",1,\"%s\",\"Tea\","
                   "3,\"%s\",\"17\",3,\"%s\",\"18\",1,\"tea\",\"tea\"]}",
                   token_of(made, 0), token_of(made, 0), token_of(made, 1), token_of(made, 1));
    seen = answer(&d, request);
    cr_assert_str_eq(states_of(seen), "=!=!-");
    cr_assert_null(json_get(seen, "values"));
}

static void erase(struct desk *d, const char *subject)
{
    struct vault_erasure erasure = {.slot = 0};
    struct vault_erase op = {.op = {.kind = VAULT_ERASE},
                             .domain = VAULT_DOMAIN_DEFAULT,
                             .name = span_str(subject),
                             .erasure = &erasure};

    cr_assert_eq(vault_run(d->rig.vault, &op.op), ERR_OK);
    vault_erasure_done(&erasure);
}

Test(ops_bulk, tokens_of_erased_people_are_dead_and_name_nobody)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *made = NULL;
    AUTO(json_free) struct json *shown = NULL;
    AUTO(json_free) struct json *next = NULL;
    char request[2048];

    desk_init(&d);
    made = answer(&d, TOKENIZE("1", "stop", "[\"1\",1,\"tea\",0,\"a@x\"]"));
    erase(&d, "1");
    (void)snprintf(request, sizeof(request),
                   "{\"op\":\"bulk.reveal\",\"purpose\":\"support\"," COLUMNS
                   ",\"tokens\":[1,\"%s\"]}",
                   token_of(made, 0));
    shown = answer(&d, request);
    cr_assert_str_eq(states_of(shown), "0");
    (void)snprintf(request, sizeof(request), TOKENIZE("2", "skip", "[\"%s\",1,\"tea\"]"),
                   token_of(made, 1));
    next = answer(&d, request);
    cr_assert_str_eq(states_of(next), "s");
    cr_assert_null(token_of(next, 0));
}

/* The last records of the trail that are of bulk jobs, as "operation outcome object values tokens". */
static void trail(struct desk *d, char ret[2048])
{
    AUTO(json_free) struct json *tree = NULL;
    char job[33];

    memcpy(job, d->job, sizeof(job));
    d->job[0] = '\0';
    tree = answer(d, "{\"op\":\"audit.tail\",\"after\":0}");
    memcpy(d->job, job, sizeof(job));
    ret[0] = '\0';
    for (size_t i = 0; i < json_count(json_get(tree, "records")); i++) {
        const struct json *r = json_at(json_get(tree, "records"), i);
        const char *operation = json_str_of(json_get(r, "operation"));
        const char *object = json_str_of(json_get(r, "object"));

        if (operation == NULL || strncmp(operation, "bulk.", 5) != 0)
            continue;
        (void)snprintf(ret + strlen(ret), 2048 - strlen(ret), "%s %s %s\n", operation,
                       json_str_of(json_get(r, "outcome")),
                       object != NULL && strcmp(object, job) == 0 ? "job" : "-");
    }
}

Test(ops_bulk, groups_are_in_the_audit_trail_with_their_job)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *made = NULL;
    AUTO(json_free) struct json *shown = NULL;
    char request[2048], records[2048];

    desk_init(&d);
    made = answer(&d, TOKENIZE("1", "stop", "[\"1\",1,\"tea\"]"));
    (void)snprintf(request, sizeof(request),
                   "{\"op\":\"bulk.reveal\",\"purpose\":\"support\"," COLUMNS
                   ",\"tokens\":[1,\"%s\"]}",
                   token_of(made, 0));
    shown = answer(&d, request);
    trail(&d, records);
    cr_assert_str_eq(records, "bulk.start done -\nbulk.tokenize begun -\nbulk.tokenize done job\n"
                              "bulk.reveal done job\n");
}
