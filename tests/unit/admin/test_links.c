/* SPDX-License-Identifier: Apache-2.0 */
/* One-time links as a client meets them; and the operation that makes them. */
#include "admin/links.h"

#include <criterion/criterion.h>
#include <string.h>

#include "admin/access.h"
#include "admin/ops.h"
#include "base/log.h"
#include "tests/support/vault_rig.h"

static const struct controller nobody = {.name = NULL};
static const struct recipients partners = {.list = NULL};
static const struct period three_years = {.months = 36};

struct bench {
    struct rig rig;
    struct exports *exports;
    struct links *links;
    struct admin admin;
    struct errmsg msg;
    struct http_answer answer; /* the last one */
    char path[LINKS_PATH_MAX];
};

TestSuite(links, .init = secret_start, .timeout = 60);

static void bench_start(struct bench *b)
{
    *b = (struct bench){.msg = {""}};
    log_set_level(LOG_ERROR + 1);
    rig_init(&b->rig);
    b->exports = exports_new(b->rig.vault);
    exports_configure(b->exports, &nobody, &partners, &three_years);
    b->links = links_new(b->exports);
    b->admin = (struct admin){.vault = b->rig.vault,
                              .classes = &b->rig.classes,
                              .erasures = erasures_new(b->rig.vault, NULL),
                              .exports = b->exports};
    buf_init_secret(&b->answer.body, HTTP_ANSWER_MAX);
    (void)rig_store(&b->rig, "note", "anna", "likes <tea>");
}

static void bench_stop(struct bench *b)
{
    buf_done(&b->answer.body);
    links_free(&b->links);
    erasures_free(&b->admin.erasures);
    exports_free(&b->exports);
    rig_done(&b->rig);
}

static enum err run(struct bench *b, const char *text, struct json **ret)
{
    AUTO(json_free) struct json *request = NULL;

    cr_assert_eq(json_parse(span_str(text), &request), ERR_OK, "%s", text);
    return ops_run(&b->admin, request, ret, &b->msg);
}

static void expect(struct bench *b, const char *text, enum err wanted)
{
    AUTO(json_free) struct json *response = NULL;

    cr_expect_eq(run(b, text, &response), wanted, "%s: %s", text, b->msg.text);
}

#define EXPORT(more) "{\"op\":\"subject.export\",\"subject\":\"anna\"" more "}"

static void make_link(struct bench *b)
{
    AUTO(json_free) struct json *response = NULL;

    cr_assert_eq(run(b, EXPORT(",\"link\":true"), &response), ERR_OK, "%s", b->msg.text);
    (void)snprintf(b->path, sizeof(b->path), "%s", json_str_of(json_get(response, "path")));
    cr_expect_str_eq(json_str_of(json_get(response, "expires")), "2026-01-13T12:00:00Z");
}

static int ask(struct bench *b, const char *method, const char *path)
{
    const struct http_request request = {
        .method = span_str(method), .path = span_str(path), .peer = SPAN_LIT("192.0.2.7")};

    buf_reset(&b->answer.body);
    b->answer.field_count = 0;
    b->answer.status = 404;
    links_serve(b->links, &request, &b->answer);
    return b->answer.status;
}

static bool body_has(const struct bench *b, const char *what)
{
    return memmem(b->answer.body.bytes, b->answer.body.len, what, strlen(what)) != NULL;
}

static const char *field(const struct bench *b, const char *name)
{
    for (size_t i = 0; i < b->answer.field_count; i++)
        if (strcmp(b->answer.fields[i].name, name) == 0)
            return b->answer.fields[i].value;
    return "";
}

Test(links, are_told_from_other_paths)
{
    cr_expect(links_has(SPAN_LIT("/exports/x")));
    cr_expect(!links_has(SPAN_LIT("/exports/")));
    cr_expect(!links_has(SPAN_LIT("/exports")));
    cr_expect(!links_has(SPAN_LIT("/v1/exports/x")));
}

Test(links, give_a_button_often_and_the_document_once)
{
    AUTO(bench_stop) struct bench b;

    bench_start(&b);
    make_link(&b);
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(ask(&b, "GET", b.path), 200);
        cr_expect(body_has(&b, "<button") && !body_has(&b, "tea"));
        cr_expect_eq(ask(&b, "HEAD", b.path), 200);
    }
    cr_expect_eq(ask(&b, "POST", b.path), 200);
    cr_expect(body_has(&b, "likes &lt;tea&gt;"));
    cr_expect_eq(ask(&b, "POST", b.path), 410);
    cr_expect(!body_has(&b, "tea"));
    cr_expect_eq(ask(&b, "GET", b.path), 410);
}

/* E66 */
Test(links, answer_so_that_nobody_keeps_or_runs_anything)
{
    AUTO(bench_stop) struct bench b;
    static const char *const methods[] = {"GET", "POST", "POST", "DELETE"};

    bench_start(&b);
    make_link(&b);
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        (void)ask(&b, methods[i], b.path);
        cr_expect_not_null(strstr(field(&b, "content-security-policy"),
                                  "default-src 'none'; style-src 'unsafe-inline'"));
        cr_expect_str_eq(field(&b, "referrer-policy"), "no-referrer");
        cr_expect_str_eq(b.answer.content_type, "text/html; charset=utf-8");
    }
    cr_expect_eq(b.answer.status, 405);
    cr_expect_str_eq(field(&b, "allow"), "GET, HEAD, POST");
}

/* E56 */
Test(links, are_not_to_be_tried_one_after_the_other)
{
    AUTO(bench_stop) struct bench b;

    bench_start(&b);
    make_link(&b);
    for (int i = 0; i < 20; i++)
        cr_expect_eq(ask(&b, i % 2 == 0 ? "GET" : "POST", "/exports/none"), 404);
    cr_expect_eq(ask(&b, "GET", "/exports/none"), 429);
    cr_expect_eq(ask(&b, "POST", b.path), 429);
    cr_expect_str_eq(field(&b, "retry-after"), "60");
}

Test(links, come_from_an_operation_that_says_what_is_wrong)
{
    AUTO(bench_stop) struct bench b;

    bench_start(&b);
    expect(&b, EXPORT(",\"format\":\"pdf\""), ERR_INVALID);
    expect(&b, EXPORT(",\"lang\":\"fr\""), ERR_INVALID);
    expect(&b, EXPORT(",\"expires\":\"PT1H\""), ERR_INVALID);
    expect(&b, EXPORT(",\"link\":true,\"expires\":\"tomorrow\""), ERR_INVALID);
    expect(&b, EXPORT(",\"link\":true,\"expires\":\"P31D\""), ERR_INVALID);
    expect(&b, EXPORT(",\"link\":true,\"format\":\"csv\""), ERR_INVALID);
    expect(&b, "{\"op\":\"subject.export\",\"subject\":\"nobody\"}", ERR_NOT_FOUND);
    expect(&b, EXPORT(",\"format\":\"html\",\"lang\":\"de\""), ERR_OK);
}

Test(links, and_documents_are_not_for_tokens_that_are_bound)
{
    AUTO(bench_stop) struct bench b;
    struct access_who who = {.role = ACCESS_SUPPORT};

    bench_start(&b);
    b.admin.who = &who;
    expect(&b, EXPORT(""), ERR_OK);
    who.purposes.count = 1;
    (void)snprintf(who.purposes.at[0], sizeof(who.purposes.at[0]), "support");
    expect(&b, EXPORT(""), ERR_DENIED);
    expect(&b, EXPORT(",\"link\":true"), ERR_DENIED);
}
