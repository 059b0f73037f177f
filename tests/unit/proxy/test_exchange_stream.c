/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that are revealed while they stream, over real sockets. */
#include "tests/unit/proxy/person_rig.h"

#include <zlib.h>

#include "vault/watch.h"

TestSuite(exchange_stream, .init = secret_start, .timeout = 60);

/* Two people are stored; then one answer comes in pieces, one after the other as the test lets them. */
static char head[1024], first[8192], second[8192], third[8192];
static struct stub_step stream[] = {
    {STUB_REQUEST, NULL, 0},  {STUB_SEND, answer, 0},  {STUB_REQUEST, NULL, 0},
    {STUB_SEND, answer, 0},   {STUB_REQUEST, NULL, 0}, {STUB_SEND, head, 0},
    {STUB_TRICKLE, first, 0}, {STUB_AWAIT, NULL, 0},   {STUB_SEND, second, 0},
    {STUB_AWAIT, NULL, 0},    {STUB_SEND, third, 0},   {STUB_END, NULL, 0}};
enum { SECOND = 8, LAST = 11 };
static const struct stub_step *const streams[] = {stream};

static const struct rig_options routes = {
    .scripts = streams,
    .script_count = 1,
    .routes = "routes:\n"
              "  - {path: \"/users/{id}\", methods: [PUT], upstream: app, subject: path.id,\n"
              "     request: [{json: \"$.note\", class: note}]}\n"
              "  - {path: \"/events/{id}\", methods: [GET], upstream: app, subject: path.id,\n"
              "     response: [{json: \"$.note\", class: note, gone: \"(gone)\"}, {header: X-Note, "
              "class: note}]}\n"
              "  - {path: \"/strict/{id}\", methods: [GET], upstream: app, subject: path.id,\n"
              "     binding: strict, response: [{json: \"$.note\", class: note}]}\n"
              "  - {path: \"/text/{id}\", methods: [GET], upstream: app, subject: path.id,\n"
              "     response: [{text: \"*\"}]}\n"
              "  - {path: /people, methods: [GET], upstream: app, subject: \"@.id\",\n"
              "     response: [{json: \"$[*].note\", class: note}]}\n"};

struct talk {
    struct rig r;
    char erika[TOKEN_TEXT_MAX + 1], bob[TOKEN_TEXT_MAX + 1];
    int fd;
    char heard[32768];
    size_t len;
};

static void begin(struct talk *t)
{
    memset(t, 0, sizeof(*t));
    stream[SECOND].kind = STUB_SEND;
    stream[SECOND].n = 0;
    stream[LAST].kind = STUB_END;
    rig_start(&t->r, &routes);
    answer_with(201, "application/json", "{}");
    cr_assert_eq(status_of(send_json(&t->r, "PUT", "/users/7", "", "{\"note\":\"erikas\"}")), 201);
    (void)token_seen(&t->r, "note", t->erika);
    cr_assert_eq(status_of(send_json(&t->r, "PUT", "/users/8", "", "{\"note\":\"bobs\"}")), 201);
    (void)token_seen(&t->r, "note", t->bob);
    t->fd = rig_connect(&t->r);
}

static void end(struct talk *t)
{
    close(t->fd);
    rig_stop(&t->r);
}

/* The upstream's head; its end is the end of the connection. */
static void head_with(const char *type, const char *fields)
{
    (void)snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n%s\r\n", type,
                   fields);
}

static void ask(struct talk *t, const char *target)
{
    char request[512];

    (void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: a\r\n" DESK "\r\n", target);
    rig_say(t->fd, request, strlen(request));
}

/* Read until this has come; false: the connection ended before. */
static bool hear(struct talk *t, const char *text)
{
    while (memmem(t->heard, t->len, text, strlen(text)) == NULL) {
        const ssize_t n = recv(t->fd, t->heard + t->len, sizeof(t->heard) - 1 - t->len, 0);

        cr_assert(n >= 0 || errno != EAGAIN, "%s did not come; so far:\n%s", text, t->heard);
        if (n <= 0)
            return false;
        t->len += (size_t)n;
    }
    return true;
}

static void go_on(struct talk *t)
{
    http_stub_go(t->r.stub);
}

#define EVENT(text) "data: {\"note\":\"" text "\"}\n\n"

static void write_event(char out[8192], const char *token)
{
    (void)snprintf(out, 8192, EVENT("%s"), token);
}

/* ---- events ---- */

Test(exchange_stream, an_event_does_not_wait_for_the_next_one)
{
    struct talk t;

    begin(&t);
    head_with("text/event-stream", "ETag: \"1\"\r\n");
    write_event(first, t.erika);
    write_event(second, t.bob);
    (void)snprintf(third, sizeof(third), ": bye\n");
    ask(&t, "/events/7");
    cr_expect(hear(&t, EVENT("erikas")), "%s", t.heard);
    cr_expect_not_null(strcasestr(t.heard, "cache-control: no-store\r\n"));
    cr_expect_not_null(strcasestr(t.heard, "transfer-encoding: chunked\r\n"));
    cr_expect_null(strcasestr(t.heard, "etag"));
    go_on(&t);
    cr_expect(hear(&t, EVENT("(gone)")), "another's: %s", t.heard);
    cr_expect_not_null(strstr(rig_log(&t.r), "foreign_token"));
    go_on(&t);
    cr_expect(hear(&t, ": bye\n\r\n0\r\n\r\n"), "%s", t.heard);
    end(&t);
}

Test(exchange_stream, from_an_erasure_on_no_value_leaves)
{
    struct vault_erasure erasure = {0};
    struct vault_erase op = {.op.kind = VAULT_ERASE,
                             .domain = VAULT_DOMAIN_DEFAULT,
                             .name = SPAN_LIT("7"),
                             .erasure = &erasure};
    struct talk t;

    begin(&t);
    head_with("text/event-stream", "");
    write_event(first, t.erika);
    write_event(second, t.erika);
    third[0] = '\0';
    ask(&t, "/events/7");
    cr_expect(hear(&t, EVENT("erikas")), "%s", t.heard);
    cr_assert_eq(vault_run(t.r.vault, &op.op), ERR_OK);
    vault_erasure_done(&erasure);
    go_on(&t);
    cr_expect(hear(&t, EVENT("(gone)")), "%s", t.heard);
    go_on(&t);
    end(&t);
}

Test(exchange_stream, e24_under_an_unknown_name_stays_the_first_persons)
{
    struct talk t;

    begin(&t);
    head_with("text/event-stream", "");
    write_event(first, t.bob);
    write_event(second, t.erika);
    write_event(third, t.bob);
    ask(&t, "/events/unknown");
    cr_expect(hear(&t, EVENT("bobs")), "%s", t.heard);
    go_on(&t);
    cr_expect(hear(&t, EVENT("(gone)")), "%s", t.heard);
    t.len = 0;
    go_on(&t);
    cr_expect(hear(&t, EVENT("bobs")), "%s", t.heard);
    end(&t);
}

Test(exchange_stream, e24_the_head_settles_whose_the_body_is)
{
    char fields[512];
    struct talk t;

    begin(&t);
    (void)snprintf(fields, sizeof(fields), "X-Note: %s\r\n", t.bob);
    head_with("text/event-stream", fields);
    write_event(first, t.erika);
    ask(&t, "/events/unknown");
    cr_expect(hear(&t, EVENT("(gone)")), "%s", t.heard);
    cr_expect_not_null(strstr(t.heard, "bobs"), "%s", t.heard);
    end(&t);
}

Test(exchange_stream, strict_binding_shows_nothing_under_an_unknown_name)
{
    struct talk t;

    begin(&t);
    head_with("text/event-stream", "");
    write_event(first, t.bob);
    write_event(second, t.bob);
    ask(&t, "/strict/unknown");
    cr_expect(hear(&t, first), "%s", t.heard);
    t.len = 0;
    go_on(&t);
    cr_expect(hear(&t, second), "%s", t.heard);
    end(&t);
}

Test(exchange_stream, elements_of_an_event_have_their_own_people)
{
    struct talk t;

    begin(&t);
    head_with("text/event-stream", "");
    (void)snprintf(first, sizeof(first),
                   "data: [{\"id\":7,\"note\":\"%s\"},\ndata: {\"id\":7,\"note\":\"%s\"}]\n\n",
                   t.erika, t.bob);
    ask(&t, "/people");
    cr_expect(hear(&t, "]\n\n"), "%s", t.heard);
    cr_expect_not_null(
        strstr(t.heard, "data: [{\"id\":7,\"note\":\"erikas\"},\ndata: {\"id\":7,\"note\":\"lt_"),
        "%s", t.heard);
    end(&t);
}

/* ---- texts ---- */

Test(exchange_stream, tokens_in_a_text_are_found_over_the_edges_of_its_pieces)
{
    struct talk t;

    begin(&t);
    head_with("text/plain; charset=utf-8", "");
    (void)snprintf(first, sizeof(first), "caf\xc3\xa9: %s, %.9s", t.erika, t.erika);
    (void)snprintf(second, sizeof(second), "%s! %.30s", t.erika + 9, t.erika);
    (void)snprintf(third, sizeof(third), "%s", t.erika + 30);
    ask(&t, "/text/7");
    cr_expect(hear(&t, ": "), "%s", t.heard);
    go_on(&t);
    cr_expect(hear(&t, "! "), "%s", t.heard);
    go_on(&t);
    cr_expect(hear(&t, "0\r\n\r\n"), "%s", t.heard);
    cr_expect_null(strstr(t.heard, "lt_"), "%s", t.heard);
    end(&t);
}

Test(exchange_stream, a_length_of_tokens_is_not_told)
{
    struct rig_answer a;
    char fields[64];
    struct talk t;

    begin(&t);
    (void)snprintf(fields, sizeof(fields), "Content-Length: %zu\r\n", strlen(t.erika) + 1);
    head_with("text/plain", fields);
    (void)snprintf(first, sizeof(first), "%s.", t.erika);
    rig_say(t.fd, "GET /text/7 HTTP/1.0\r\nHost: a\r\n" DESK "\r\n",
            strlen("GET /text/7 HTTP/1.0\r\nHost: a\r\n" DESK "\r\n"));
    a = rig_hear(t.fd, false);
    cr_expect(a.whole);
    cr_expect_null(rig_field(&a, "content-length"));
    cr_expect_null(rig_field(&a, "transfer-encoding"));
    cr_expect_str_eq(a.body, "erikas.");
    rig_answer_done(&a);
    end(&t);
}

Test(exchange_stream, coded_events_are_shown_as_soon_as_they_can_be_read)
{
    z_stream z = {0};
    char event[8192];
    struct talk t;

    begin(&t);
    head_with("text/event-stream", "Content-Encoding: gzip\r\n");
    first[0] = '\0';
    write_event(event, t.erika);
    cr_assert_eq(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)event;
    z.avail_in = (uInt)strlen(event);
    z.next_out = (Bytef *)second;
    z.avail_out = sizeof(second);
    cr_assert_eq(deflate(&z, Z_SYNC_FLUSH), Z_OK);
    stream[SECOND].kind = STUB_TRICKLE;
    stream[SECOND].n = sizeof(second) - z.avail_out;
    third[0] = '\0';
    ask(&t, "/events/7");
    go_on(&t);
    cr_expect(hear(&t, EVENT("erikas")), "%s", t.heard);
    cr_expect_null(strcasestr(t.heard, "content-encoding"));
    go_on(&t);
    cr_expect_not(hear(&t, "0\r\n\r\n"), "its coding broke off: %s", t.heard);
    cr_assert_eq(deflateEnd(&z), Z_DATA_ERROR);
    end(&t);
}

/* ---- what cannot be shown ---- */

Test(exchange_stream, breaks_off_where_the_upstream_did)
{
    struct talk t;

    begin(&t);
    head_with("text/event-stream", "Content-Length: 5000\r\n");
    write_event(first, t.erika);
    second[0] = third[0] = '\0';
    ask(&t, "/events/7");
    cr_expect(hear(&t, EVENT("erikas")), "%s", t.heard);
    go_on(&t);
    go_on(&t);
    cr_expect_not(hear(&t, "0\r\n\r\n"), "%s", t.heard);
    end(&t);
}

Test(exchange_stream, breaks_off_at_what_is_not_as_declared)
{
    struct talk t;

    begin(&t);
    head_with("text/event-stream", "");
    write_event(first, t.erika);
    (void)snprintf(second, sizeof(second), "data: {\"note\":\"clear\",\"note\":2}\n\n");
    ask(&t, "/events/7");
    cr_expect(hear(&t, EVENT("erikas")), "%s", t.heard);
    go_on(&t);
    cr_expect_not(hear(&t, "0\r\n\r\n"), "%s", t.heard);
    cr_expect_null(strstr(t.heard, "clear"));
    cr_expect_not_null(strstr(rig_log(&t.r), "stream_broken"));
    end(&t);
}

Test(exchange_stream, breaks_off_when_its_caller_is_suspended)
{
    struct talk t;

    begin(&t);
    head_with("text/event-stream", "");
    write_event(first, t.erika);
    write_event(second, t.erika);
    ask(&t, "/events/7");
    cr_expect(hear(&t, EVENT("erikas")), "%s", t.heard);
    vault_caller_suspend(vault_caller(t.r.vault, "desk"));
    go_on(&t);
    cr_expect_not(hear(&t, "0\r\n\r\n"), "%s", t.heard);
    end(&t);
}

Test(exchange_stream, e38_html_is_no_text)
{
    struct rig_answer a;
    struct talk t;

    begin(&t);
    head_with("text/html", "Content-Length: 3\r\n");
    (void)snprintf(first, sizeof(first), "<p>");
    ask(&t, "/text/7");
    a = rig_hear(t.fd, false);
    cr_expect_eq(a.status, 502);
    rig_answer_done(&a);
    end(&t);
}
