/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies that are not JSON documents, over real sockets: forms, multipart forms, lines of JSON. */
#include "tests/unit/proxy/person_rig.h"

TestSuite(exchange_forms, .init = secret_start, .timeout = 60);

static const struct rig_options routes = {
    .scripts = scripts,
    .script_count = 1,
    .routes = "routes:\n"
              "  - {path: /form, methods: [POST, GET], upstream: app, subject: form.user,\n"
              "     request: [{form: phone, class: phone}, {form: note, class: note, many: true},\n"
              "               {json: \"$.phone\", class: phone}],\n"
              "     response: [{form: phone, class: phone}]}\n"
              "  - {path: /upload, methods: [POST], upstream: app, subject: multipart.user,\n"
              "     request: [{multipart: note, class: note}, {filename: photo, class: note}]}\n"
              "  - {path: /lines, methods: [POST, GET], upstream: app, subject: \"@.id\",\n"
              "     request: [{json: \"$.phone\", class: phone}],\n"
              "     response: [{json: \"$.phone\", class: phone}]}\n"
              "  - {path: /xml, methods: [POST], upstream: app, subject: \"/p/@id\",\n"
              "     request: [{xml: \"/p/@mail\", class: email},\n"
              "               {xml: \"//note\", class: note}]}\n"
              "  - {path: /xml, methods: [GET], upstream: app,\n"
              "     response: [{xml: \"/p/@mail\", class: email},\n"
              "                {xml: \"//note\", class: note}]}\n"};

#define FORM_TYPE "application/x-www-form-urlencoded"

static int post(const struct rig *r, const char *target, const char *type, const char *body)
{
    char request[16384];

    (void)snprintf(
        request, sizeof(request),
        "POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s", target,
        type, strlen(body), body);
    return status_of(rig_ask(r, request));
}

/* The token that stands behind `before` in the body seen last, up to one of `ends`. */
static struct span token_in(struct rig *r, const char *before, const char *ends)
{
    const char *seen = body_seen(r), *at = strstr(seen, before);
    struct span token;

    cr_assert_not_null(at, "%s in %s", before, seen);
    at += strlen(before);
    token = span_of(at, strcspn(at, ends));
    cr_assert(token_is(token), "%.*s in %s", (int)token.len, token.at, seen);
    return token;
}

Test(exchange_forms, fields_of_a_form_become_tokens_and_come_back)
{
    struct rig r;
    struct rig_answer a;
    struct span token;

    rig_start(&r, &routes);
    cr_assert_eq(post(&r, "/form", FORM_TYPE, "a=1&user=erika&phone=%2B49+30&note=x&note=y%26&b="),
                 204);
    token = token_in(&r, "a=1&user=erika&phone=", "&");
    (void)token_in(&r, "&note=", "&");
    cr_expect_null(strstr(body_seen(&r), "note=x"));
    cr_expect_str_eq(body_seen(&r) + strlen(body_seen(&r)) - 3, "&b=");
    (void)snprintf(answer, sizeof(answer),
                   "HTTP/1.1 200 OK\r\nContent-Type: " FORM_TYPE
                   "\r\nContent-Length: %zu\r\n\r\nphone=%.*s&x=%%41",
                   token.len + 12, (int)token.len, token.at);
    a = get(&r, "/form", DESK);
    cr_expect_eq(a.status, 200);
    cr_expect_not_null(strstr(a.body, "x=%41"), "%s", a.body);
    rig_answer_done(&a);
    rig_stop(&r);
}

Test(exchange_forms, what_cannot_be_read_as_declared_reaches_nobody)
{
    static const struct {
        const char *target, *type, *body;
        int status;
    } asks[] = {
        {"/form", FORM_TYPE, "user=a&phone=1&phone=2", 400},
        {"/form", FORM_TYPE, "user=a&user=b&phone=1", 400},
        {"/form", FORM_TYPE, "user=a&phone=%zz", 400},
        {"/form", FORM_TYPE, "phone=1", 422},
        {"/form", "text/plain", "user=a&phone=1", 415},
        {"/form", FORM_TYPE "; charset=latin1", "user=a&phone=1", 415},
        {"/form", "multipart/form-data; boundary=x", "--x--\r\n", 415},
        {"/form", "application/json", "{\"phone\":\"1\"}", 422},
        {"/upload", FORM_TYPE, "user=a&note=1", 415},
        {"/upload", "multipart/form-data", "--x--\r\n", 415},
        {"/upload", "multipart/form-data; boundary=x", "--y--\r\n", 400},
        {"/lines", "application/x-ndjson", "{\"id\":1,\"phone\":\"1\"}\n{\"phone\":\"2\"}\n", 422},
        {"/lines", "application/x-ndjson", "{\"id\":1,\"phone\":\"1\"}\n\n", 400},
    };
    struct rig r;

    rig_start(&r, &routes);
    for (size_t i = 0; i < COUNT_OF(asks); i++)
        cr_expect_eq(post(&r, asks[i].target, asks[i].type, asks[i].body), asks[i].status, "%s",
                     asks[i].body);
    cr_expect_eq(http_stub_requests(r.stub), 0);
    rig_stop(&r);
}

Test(exchange_forms, parts_and_file_names_become_tokens_and_files_stay)
{
    static const char body[] =
        "--x\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nerika\r\n"
        "--x\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nlikes\r\ntea\r\n"
        "--x\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"erika.png\"\r\n"
        "Content-Type: image/png\r\n\r\n\x89PNG\r\n\x1a\n\r\n--x--\r\n";
    struct rig r;
    const char *seen;

    rig_start(&r, &routes);
    cr_assert_eq(post(&r, "/upload", "multipart/form-data; boundary=x", body), 204);
    seen = body_seen(&r);
    cr_expect_null(strstr(seen, "tea"), "%s", seen);
    cr_expect_null(strstr(seen, "erika.png"), "%s", seen);
    (void)token_in(&r, "name=\"note\"\r\n\r\n", "\r");
    (void)token_in(&r, "filename=\"", "\"");
    cr_expect_not_null(strstr(seen, "image/png\r\n\r\n\x89PNG\r\n\x1a\n\r\n--x--\r\n"));
    rig_stop(&r);
}

Test(exchange_forms, each_line_is_a_document_of_its_own_person)
{
    struct rig r;
    struct rig_answer a;
    char stored[4096];

    rig_start(&r, &routes);
    cr_assert_eq(post(&r, "/lines", "application/x-ndjson",
                      "{\"id\":1,\"phone\":\"+49 1\"}\n{\"phone\":\"+49 2\",\"id\":2}\r\n"),
                 204);
    (void)snprintf(stored, sizeof(stored), "%s", body_seen(&r));
    cr_expect_null(strstr(stored, "+49"));
    answer_with(200, "application/x-ndjson", stored);
    a = get(&r, "/lines", DESK);
    cr_expect_str_eq(a.body, "{\"id\":1,\"phone\":\"+49 1\"}\n{\"phone\":\"+49 2\",\"id\":2}\r\n");
    rig_answer_done(&a);
    rig_stop(&r);
}

#define PERSON "<?xml version=\"1.0\"?>\n<p id='7' mail=\"%s\"><a><note>%s</note></a>&amp;</p>\n"

Test(exchange_forms, elements_and_attributes_of_xml_become_tokens_and_come_back)
{
    struct rig r;
    struct rig_answer a;
    char body[1024], stored[4096];

    rig_start(&r, &routes);
    (void)snprintf(body, sizeof(body), PERSON, "erika@a.test", "likes &lt;tea&gt;");
    cr_assert_eq(post(&r, "/xml", "application/xml", body), 204);
    (void)snprintf(stored, sizeof(stored), "%s", body_seen(&r));
    cr_expect_null(strstr(stored, "erika"), "%s", stored);
    cr_expect_null(strstr(stored, "tea"), "%s", stored);
    (void)token_in(&r, "<note>", "<");
    cr_expect_not_null(strstr(stored, "</note></a>&amp;</p>\n"));
    answer_with(200, "text/xml; charset=utf-8", stored);
    a = get(&r, "/xml", DESK);
    (void)snprintf(body, sizeof(body), PERSON, "e***@a.test", "likes &lt;tea&gt;");
    cr_expect_str_eq(a.body, body);
    rig_answer_done(&a);
    cr_expect_eq(post(&r, "/xml", "application/xml", "<!DOCTYPE p><p id='1' mail='x'/>"), 400);
    cr_expect_eq(post(&r, "/xml", "application/xml", "<p mail='x'/>"), 422, "whose is it?");
    rig_stop(&r);
}
