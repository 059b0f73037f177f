/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API without a network: idempotency keys over crashes and days, limits, tags. test_admin_*.py ask it over
 * one. */
#include "admin/api.h"

#include <criterion/criterion.h>

#include "base/log.h"
#include "base/secret.h"
#include "tests/support/vault_rig.h"
#include "vault/records.h"

TestSuite(api, .init = secret_start, .timeout = 60);

struct desk {
    struct rig rig;
    struct erasures *erasures;
    struct access *access;
    struct admin admin;
    struct api api;
    struct buf token; /* an application's */
    struct buf operator;
    struct errmsg msg;
};

static void make_token(struct desk *d, const char *name, enum access_role role, struct buf *ret)
{
    struct access_grant grant = {.now_s = RIG_NOW_S, .expires_s = RIG_NOW_S + 30 * RIG_DAY_S};
    uint64_t number;

    (void)snprintf(grant.who.name, sizeof(grant.who.name), "%s", name);
    grant.who.role = role;
    buf_init_secret(ret, 256);
    cr_assert_eq(buf_append_str(ret, "Bearer "), ERR_OK);
    {
        AUTO(buf_done) struct buf text = {.max = 0};

        buf_init_secret(&text, 128);
        cr_assert_eq(access_create(d->access, &grant, &text, &number, &d->msg), ERR_OK, "%s",
                     d->msg.text);
        cr_assert_eq(buf_append_span(ret, buf_span(&text)), ERR_OK);
    }
}

static void desk_init(struct desk *d)
{
    struct api_settings settings;

    rig_init(&d->rig);
    log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
    d->erasures = erasures_new(d->rig.vault, NULL);
    cr_assert_eq(access_open(vault_dir(d->rig.vault), d->rig.vault, &d->access, &d->msg), ERR_OK);
    d->admin = (struct admin){.vault = d->rig.vault,
                              .classes = &d->rig.classes,
                              .erasures = d->erasures,
                              .access = d->access};
    d->api = (struct api){.admin = &d->admin, .access = d->access, .four_eyes = true};
    api_settings_init(&settings);
    settings.rates.failures = (struct meter_rate){.requests = 1, .per_ms = 60000, .burst = 3};
    api_start(&d->api, &settings);
    make_token(d, "shop", ACCESS_APP, &d->token);
    make_token(d, "ops", ACCESS_OPERATOR, &d->operator);
}

static void desk_done(struct desk *d)
{
    buf_done(&d->token);
    buf_done(&d->operator);
    api_end(&d->api);
    access_close(&d->access);
    erasures_free(&d->erasures);
    rig_done(&d->rig);
}

/* The status; the body and what was said with it are in `answer`, which the caller ends. */
static int ask(struct desk *d, const char *path, const struct buf *token, const char *key,
               const char *body, struct http_answer *answer)
{
    struct http_request request = {.method = SPAN_LIT("POST"),
                                   .path = span_str(path),
                                   .body = span_str(body),
                                   .peer = SPAN_LIT("192.0.2.7")};

    *answer = (struct http_answer){.status = 404};
    buf_init_secret(&answer->body, HTTP_ANSWER_MAX);
    request.fields[HTTP_CONTENT_TYPE] = SPAN_LIT("application/json");
    if (token != NULL)
        request.fields[HTTP_AUTHORIZATION] = buf_span(token);
    if (key != NULL)
        request.fields[HTTP_IDEMPOTENCY_KEY] = span_str(key);
    api_serve(&d->api, &request, answer);
    return answer->status;
}

static int status_of(struct desk *d, const char *path, const struct buf *token, const char *key,
                     const char *body)
{
    struct http_answer answer;
    const int status = ask(d, path, token, key, body, &answer);

    buf_done(&answer.body);
    return status;
}

static const char NOTE[] = "{\"class\":\"note\",\"subject\":\"ada\",\"values\":[\"x\"]}";
static const char BAIT[] = "{\"class\":\"mail\",\"value\":\"bait@example.org\"}";

static uint64_t values_of(struct desk *d)
{
    AUTO(json_free) struct json *question = json_new_map(), *shown = NULL;

    json_set_str(question, "op", "subject.show");
    json_set_str(question, "subject", "ada");
    cr_assert_eq(ops_run(&d->admin, question, &shown, &d->msg), ERR_OK);
    return (uint64_t)json_int_of(json_get(json_at(json_get(shown, "items"), 0), "values"), 0);
}

/* As a crash leaves the only key there is: taken, and nobody at it. */
static void crash(struct desk *d)
{
    const struct vault_record_filter filter = {.kind = VAULT_RECORD_ANSWER,
                                               .states = VAULT_RECORD_ANY};
    struct vault_records_write op = {.op = {.kind = VAULT_RECORDS}, .count = 1};
    AUTO(vault_records_close) struct vault_records *records = NULL;
    AUTO(buf_done) struct buf body = {.max = 0};
    struct vault_record record;

    cr_assert_eq(vault_records_open(d->rig.vault, &records), ERR_OK);
    cr_assert_eq(vault_record_next(records, &filter, 0, &record), ERR_OK);
    buf_init(&body, VAULT_RECORD_BODY_MAX);
    cr_assert_eq(buf_append_span(&body, record.body), ERR_OK);
    vault_records_close(&records);
    record.body = buf_span(&body);
    record.state = 0;
    op.records = &record;
    cr_assert_eq(vault_run(d->rig.vault, &op.op), ERR_OK);
}

Test(api, a_key_is_good_for_a_day)
{
    struct desk d;

    desk_init(&d);
    cr_expect_eq(status_of(&d, "/v1/tokens", &d.token, "k", NOTE), 201);
    cr_expect_eq(status_of(&d, "/v1/tokens", &d.token, "k", NOTE), 201);
    cr_expect_eq(values_of(&d), 1);
    rig_clock(RIG_NOW_S + RIG_DAY_S - 5);
    cr_expect_eq(status_of(&d, "/v1/tokens", &d.token, "k", NOTE), 201);
    cr_expect_eq(values_of(&d), 1);
    rig_clock(RIG_NOW_S + RIG_DAY_S + 5);
    cr_expect_eq(status_of(&d, "/v1/tokens", &d.token, "k", NOTE), 201);
    cr_expect_eq(values_of(&d), 2);
    desk_done(&d);
}

Test(api, what_a_crash_cut_off_runs_again_where_that_does_no_harm)
{
    struct desk d;

    desk_init(&d);
    cr_expect_eq(status_of(&d, "/v1/tokens", &d.token, "k", NOTE), 201);
    crash(&d);
    cr_expect_eq(status_of(&d, "/v1/tokens", &d.token, "k", BAIT), 422);
    cr_expect_eq(status_of(&d, "/v1/tokens", &d.token, "k", NOTE), 201);
    cr_expect_eq(status_of(&d, "/v1/tokens", &d.token, "k", NOTE), 201);
    cr_expect_eq(values_of(&d), 2);
    desk_done(&d);
}

Test(api, what_a_crash_cut_off_is_not_done_twice_elsewhere)
{
    struct http_answer answer;
    struct desk d;

    desk_init(&d);
    cr_expect_eq(ask(&d, "/v1/honeytokens", &d.operator, "k", BAIT, &answer), 201, "%.*s",
                 (int)answer.body.len, (const char *)answer.body.bytes);
    buf_done(&answer.body);
    crash(&d);
    for (int i = 0; i < 2; i++) {
        cr_expect_eq(ask(&d, "/v1/honeytokens", &d.operator, "k", BAIT, &answer), 409);
        cr_expect_not_null(memmem(answer.body.bytes, answer.body.len, "the server stopped", 18));
        buf_done(&answer.body);
    }
    desk_done(&d);
}

Test(api, a_wrong_token_is_slowed_down_and_a_right_one_is_not)
{
    struct desk d;

    desk_init(&d);
    for (int i = 0; i < 6; i++)
        cr_expect_eq(status_of(&d, "/v1/tokens", NULL, NULL, NOTE), i < 3 ? 401 : 429);
    cr_expect_eq(status_of(&d, "/v1/tokens", &d.token, NULL, NOTE), 201);
    desk_done(&d);
}

Test(api, each_answer_has_an_id)
{
    struct http_answer one, other;
    struct desk d;

    desk_init(&d);
    (void)ask(&d, "/v1/tokens", &d.token, NULL, NOTE, &one);
    (void)ask(&d, "/v1/nothing", NULL, NULL, "{}", &other);
    cr_assert(one.field_count > 0 && other.field_count > 0);
    cr_expect_str_eq(one.fields[0].name, "lethe-request-id");
    cr_expect_eq(strlen(one.fields[0].value), 32);
    cr_expect_str_neq(one.fields[0].value, other.fields[0].value);
    buf_done(&one.body);
    buf_done(&other.body);
    desk_done(&d);
}
