/* SPDX-License-Identifier: Apache-2.0 */
/* The way up, over real sockets: tokens for declared values, and nothing when in doubt. */
#include "tests/unit/proxy/person_rig.h"

#include "base/fault.h"

TestSuite(exchange_store, .init = secret_start, .timeout = 60);

/* ---- up ---- */

Test(exchange_store, shows_the_upstream_tokens_and_every_other_byte_as_it_was)
{
    struct rig r;
    char email[TOKEN_TEXT_MAX + 1], phone[TOKEN_TEXT_MAX + 1], wanted[1024];
    const char *seen;

    rig_start(&r, &person_routes);
    store_erika(&r);
    seen = body_seen(&r);
    cr_expect_null(strstr(seen, "erika"));
    cr_expect_null(strstr(seen, "+49"));
    cr_expect_null(strstr(seen, "x\\n"));
    token_seen(&r, "email", email);
    token_seen(&r, "phone", phone);
    cr_expect_not_null(strstr(email, "@tok.invalid"));
    (void)snprintf(wanted, sizeof(wanted),
                   "{ \"email\" : \"%s\", \"phone\":\"%s\",\"plan\":1.50 , \"notes\":[ \"lt_",
                   email, phone);
    cr_expect_eq(strncmp(seen, wanted, strlen(wanted)), 0, "%s", seen);
    rig_stop(&r);
}

Test(exchange_store, drops_digests_of_the_body_that_was)
{
    struct rig r;
    char seen[8192];

    rig_start(&r, &person_routes);
    cr_expect_eq(
        status_of(send_json(&r, "PUT", "/users/7", "Content-MD5: abc\r\nDigest: x\r\n", ERIKA)),
        204);
    http_stub_last_request(r.stub, seen, sizeof(seen));
    cr_expect_null(strcasestr(seen, "md5"));
    cr_expect_null(strcasestr(seen, "digest"));
    rig_stop(&r);
}

Test(exchange_store, gives_equal_values_of_one_person_equal_tokens)
{
    struct rig r;
    char first[TOKEN_TEXT_MAX + 1], second[TOKEN_TEXT_MAX + 1];

    rig_start(&r, &person_routes);
    store_erika(&r);
    token_seen(&r, "email", first);
    store_erika(&r);
    token_seen(&r, "email", second);
    cr_expect_str_eq(first, second);
    rig_stop(&r);
}

Test(exchange_store, takes_a_persons_own_tokens_back)
{
    struct rig r;
    char before[8192];

    rig_start(&r, &person_routes);
    store_erika(&r);
    (void)snprintf(before, sizeof(before), "%s", body_seen(&r));
    cr_expect_eq(status_of(send_json(&r, "PUT", "/users/7", "", before)), 200);
    cr_expect_str_eq(body_seen(&r), before);
    rig_stop(&r);
}

Test(exchange_store, sends_a_body_without_declared_fields_as_it_came)
{
    struct rig r;

    rig_start(&r, &person_routes);
    cr_expect_eq(status_of(send_json(&r, "PUT", "/users/7", "", "{ \"a\" : [1e5, null] }")), 204);
    cr_expect_str_eq(body_seen(&r), "{ \"a\" : [1e5, null] }");
    cr_expect_eq(status_of(send_json(&r, "POST", "/users", "", "{\"plan\":1}")), 204,
                 "a missing subject of nothing is no matter");
    rig_stop(&r);
}

Test(exchange_store, finds_the_subject_where_the_route_says)
{
    static const struct {
        const char *method, *target, *fields;
    } asks[] = {{"PUT", "/users/ren%C3%A9e", ""},
                {"PUT", "/by-header",
                 "X-User: ren\xc3\xa9"
                 "e\r\n"},
                {"PUT", "/by-query?user=ren%C3%A9e", ""}};
    struct rig r;
    char first[TOKEN_TEXT_MAX + 1], token[TOKEN_TEXT_MAX + 1];

    rig_start(&r, &person_routes);
    for (size_t i = 0; i < COUNT_OF(asks); i++) {
        cr_assert_eq(status_of(send_json(&r, asks[i].method, asks[i].target, asks[i].fields,
                                         "{\"phone\":\"1\"}")),
                     204, "%s", asks[i].target);
        token_seen(&r, "phone", i == 0 ? first : token);
        if (i > 0) /* equal tokens of this class are one person's */
            cr_expect_str_eq(token, first, "%s", asks[i].target);
    }
    rig_stop(&r);
}

Test(exchange_store, stores_nothing_for_a_subject_that_is_not_named)
{
    static const char body[] = "{\"phone\":\"1\"}";
    struct rig r;
    int count;

    rig_start(&r, &person_routes);
    cr_expect_eq(status_of(send_json(&r, "PUT", "/by-header", "", body)), 422);
    cr_expect_eq(status_of(send_json(&r, "PUT", "/by-header", "X-User: \r\n", body)), 422);
    cr_expect_eq(status_of(send_json(&r, "PUT", "/by-header", "X-User: a\r\nX-User: b\r\n", body)),
                 400);
    cr_expect_eq(status_of(send_json(&r, "PUT", "/by-query", "", body)), 422);
    cr_expect_eq(status_of(send_json(&r, "PUT", "/by-query?user=", "", body)), 422);
    cr_expect_eq(status_of(send_json(&r, "PUT", "/by-query?user=a&user=b", "", body)), 400);
    cr_expect_eq(status_of(send_json(&r, "POST", "/users", "", body)), 422);
    cr_expect_eq(status_of(send_json(&r, "POST", "/users", "", "{\"email\":null,\"phone\":\"1\"}")),
                 422);
    count = (int)http_stub_requests(r.stub);
    cr_expect_eq(count, 0, "the upstream saw nothing");
    cr_expect_eq(status_of(send_json(&r, "POST", "/anonymous", "", body)), 204,
                 "but for values that belong to nobody known");
    rig_stop(&r);
}

Test(exchange_store, refuses_bodies_that_do_not_fit_and_sends_nothing)
{
    static const struct {
        const char *body;
        int status;
    } cases[] = {{"{\"email\":", 400},
                 {"", 400},
                 {"{\"email\":\"a\",\"\\u0065mail\":\"b\"}", 400},
                 {"{\"email\":\"\\ud800\"}", 400},
                 {"\xef\xbb\xbf{\"email\":\"a\"}", 400},
                 {"{\"email\":\"a\"} {}", 400},
                 {"{\"email\":{\"a\":1}}", 422},
                 {"{\"email\":[\"a\"]}", 422},
                 {"{\"email\":\"lt-00000000000000000000000000000000000@tok.invalid\"}", 204}};
    struct rig r;
    size_t good = 0;

    rig_start(&r, &person_routes);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int status = status_of(send_json(&r, "PUT", "/users/7", "", cases[i].body));

        cr_expect_eq(status, cases[i].status, "%d: %s", status, cases[i].body);
        good += status == 204;
        cr_expect_eq(http_stub_requests(r.stub), good, "%s", cases[i].body);
    }
    rig_stop(&r);
}

/* E75 */
Test(exchange_store, forwards_nothing_when_the_vault_cannot_write)
{
    struct rig r;

    rig_start(&r, &person_routes);
    fault_test_set("commit.fail!", NULL);
    cr_expect_eq(status_of(send_json(&r, "PUT", "/users/7", "", ERIKA)), 503);
    cr_expect_eq(http_stub_requests(r.stub), 0);
    cr_expect_not_null(strstr(rig_log(&r), "store_failed"));
    cr_expect_null(strstr(rig_log(&r), "erika"));
    fault_test_set(NULL, NULL);
    cr_expect_eq(status_of(send_json(&r, "PUT", "/users/7", "", ERIKA)), 204);
    rig_stop(&r);
}

/* E33 */
Test(exchange_store, stores_nothing_twice_for_many_at_once)
{
    enum { CLIENTS = 40 };
    struct rig_options o = person_routes;
    struct rig r;
    int fds[CLIENTS];
    char request[512];

    o.threads = 2;
    rig_start(&r, &o);
    for (int i = 0; i < CLIENTS; i++) { /* all in flight before the first is heard */
        int len = snprintf(request, sizeof(request),
                           "PUT /users/%d HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                           "Content-Length: 18\r\n\r\n{\"phone\":\"+49 %02d\"}",
                           i, i);

        fds[i] = rig_connect(&r);
        rig_say(fds[i], request, (size_t)len);
    }
    for (int i = 0; i < CLIENTS; i++) {
        struct rig_answer a = rig_hear(fds[i], false);

        cr_expect_eq(a.status, 204, "%s", a.text);
        rig_answer_done(&a);
        close(fds[i]);
    }
    cr_expect_eq(http_stub_requests(r.stub), CLIENTS);
    rig_stop(&r);
}

#define WRITING                                                                                    \
    "PUT /users/7 HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"                       \
    "Content-Length: 30\r\n\r\n{\"notes\":[\"abcdefghijklmnop\"]}"

Test(exchange_store, survives_clients_that_leave_while_the_writer_works)
{
    const struct linger at_once = {.l_onoff = 1};
    struct rig r;

    rig_start(&r, &person_routes);
    for (int i = 0; i < 200; i++) {
        int fd = rig_connect(&r);

        rig_say(fd, WRITING, strlen(WRITING));
        if (i % 2 == 0)
            cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
        close(fd);
    }
    proxy_stop(&r.proxy, 0); /* at once: what the writer still has comes back to nobody */
    rig_stop(&r);
}

/* Work that keeps the writer busy for a while. */
enum { HEAVY_ITEMS = 20000 };

static void on_heavy_done(struct vault_op *op)
{
    bool *done = op->owner;

    __atomic_store_n(done, true, __ATOMIC_RELEASE);
}

Test(exchange_store, takes_no_notice_of_operations_whose_requests_have_ended)
{
    struct vault_item *items = mem_alloc(HEAVY_ITEMS * sizeof(*items));
    bool done = false;
    struct rig r;
    struct rig_answer a;
    struct vault_tokenize heavy = {
        .domain = VAULT_DOMAIN_DEFAULT, .items = items, .count = HEAVY_ITEMS};
    int fd;

    rig_start(&r, &person_routes);
    heavy.op = (struct vault_op){.kind = VAULT_TOKENIZE, .done = on_heavy_done, .owner = &done};
    for (size_t i = 0; i < HEAVY_ITEMS; i++) {
        items[i].class_id = vault_class_id(r.vault, classes_find(&r.classes, SPAN_LIT("note")));
        items[i].kind = VALUE_STRING;
        items[i].value = SPAN_LIT("heavy");
    }
    cr_assert_eq(vault_submit(r.vault, &heavy.op), ERR_OK);
    fd = rig_connect(&r);
    rig_say(fd, WRITING, strlen(WRITING));
    proxy_stop(&r.proxy, 20); /* the request has to end before the writer comes to it */
    a = rig_hear(fd, false);
    cr_expect(a.status == 0 || a.status == 503 || a.status == 204, "%s", a.text);
    rig_answer_done(&a);
    close(fd);
    rig_stop(&r); /* closes the vault, which finishes what it has */
    cr_expect(__atomic_load_n(&done, __ATOMIC_ACQUIRE));
    free(items);
}

/* ---- look-ups ---- */

/* The target of the request seen last; static. */
static const char *target_seen(struct rig *r)
{
    static char seen[8192];
    char *end;

    http_stub_last_request(r->stub, seen, sizeof(seen));
    end = strstr(seen, " HTTP/1.1");
    cr_assert_not_null(end);
    *end = '\0';
    return strchr(seen, ' ') + 1;
}

Test(exchange_store, looks_values_up_by_their_tokens)
{
    struct rig r;
    char token[TOKEN_TEXT_MAX + 1], wanted[512];
    const char *at;

    rig_start(&r, &person_routes);
    store_erika(&r);
    token_seen(&r, "email", token);
    answer_with(200, "application/json", "[]");
    cr_assert_eq(status_of(get(&r, "/users?a=1&email=erika%40a.test&b=%20", "")), 200);
    at = strchr(token, '@');
    (void)snprintf(wanted, sizeof(wanted), "/users?a=1&email=%.*s%%40tok.invalid&b=%%20",
                   (int)(at - token), token);
    cr_expect_str_eq(target_seen(&r), wanted);
    rig_stop(&r);
}

Test(exchange_store, looks_unknown_values_up_by_tokens_that_match_nothing)
{
    struct rig r;
    char first[512];

    rig_start(&r, &person_routes);
    answer_with(200, "application/json", "[]");
    cr_assert_eq(status_of(get(&r, "/users?email=nobody@a.test", "")), 200);
    (void)snprintf(first, sizeof(first), "%s", target_seen(&r));
    cr_expect_eq(strncmp(first, "/users?email=lt-", 16), 0, "%s", first);
    cr_expect_null(strstr(first, "nobody"));
    {
        uint64_t subjects = 99;
        struct vault_reader *reader = NULL;

        cr_assert_eq(vault_reader_open(r.vault, &reader), ERR_OK);
        cr_assert_eq(vault_read_begin(reader), ERR_OK);
        cr_assert_eq(vault_read_subject_count(reader, &subjects), ERR_OK);
        vault_read_end(reader);
        vault_reader_close(&reader);
        cr_expect_eq(subjects, 0, "looking stores nothing");
    }
    rig_stop(&r);
}

Test(exchange_store, leaves_other_parameters_and_tokens_in_a_query_alone)
{
    struct rig r;
    char token[TOKEN_TEXT_MAX + 1], target[512];

    rig_start(&r, &person_routes);
    store_erika(&r);
    token_seen(&r, "email", token);
    answer_with(200, "application/json", "[]");
    (void)snprintf(target, sizeof(target), "/users?email=%s&mail=x@y&&b", token);
    cr_assert_eq(status_of(get(&r, target, "")), 200);
    cr_expect_str_eq(target_seen(&r), target);
    cr_expect_eq(status_of(get(&r, "/users?email=%zz", "")), 400);
    cr_expect_eq(status_of(get(&r, "/users?email=a&email=b", "")), 400, "which one is meant?");
    rig_stop(&r);
}
