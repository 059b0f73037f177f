/* SPDX-License-Identifier: Apache-2.0 */
/* The client of the admin API against scripted servers. */
#include "cli/remote.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "tests/support/http_stub.h"
#include "tests/support/scratch.h"

static void start(void)
{
    secret_start();
    log_set_level(LOG_ERROR);
}

TestSuite(remote, .init = start, .timeout = 60);

static const char TOKEN[] = "lta_planted-token";

/* ---- what --server takes ---- */

static enum err look_at(const char *url, struct errmsg *msg)
{
    const struct options o = {.server = url, .token_file = "f"};

    *msg = (struct errmsg){""};
    return remote_check(&o, msg);
}

Test(remote, takes_addresses_of_hosts)
{
    static const char *const good[] = {"https://lethe.example",  "https://lethe.example:8444",
                                       "https://lethe.example/", "https://192.0.2.1:1",
                                       "https://[2001:db8::1]",  "https://[2001:db8::1]:443/",
                                       "http://127.0.0.1:8444",  "http://127.9.9.9",
                                       "http://[::1]:8444",      "http://localhost:1"};

    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct errmsg msg;

        cr_expect_eq(look_at(good[i], &msg), ERR_OK, "%s: %s", good[i], msg.text);
    }
}

Test(remote, takes_no_other_text)
{
    static const char *const bad[] = {"",
                                      "lethe.example",
                                      "ftp://h",
                                      "https://",
                                      "https:///",
                                      "https://h:",
                                      "https://h:0",
                                      "https://h:65536",
                                      "https://h:x",
                                      "https://h/v1",
                                      "https://h?",
                                      "https://u:p@h",
                                      "https://h#f",
                                      "https://[::1",
                                      "https://::1",
                                      "https://[]",
                                      "https://[1.2.3.4]",
                                      "https://h h",
                                      "https://h:1:2",
                                      "HTTPS://h",
                                      "https://h%2f",
                                      "https://[::1]x",
                                      "https://h\r\nX: y"};

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct errmsg msg;

        cr_expect_eq(look_at(bad[i], &msg), ERR_INVALID, "%s", bad[i]);
        cr_expect_not_null(strstr(msg.text, "https://HOST"), "%s: %s", bad[i], msg.text);
    }
}

Test(remote, keeps_plain_http_on_this_host)
{
    static const char *const others[] = {
        "http://192.0.2.1",        "http://10.0.0.1:8444", "http://128.0.0.1",
        "http://lethe.example",    "http://[::]",          "http://[::ffff:127.0.0.1]",
        "http://localhost.example"};

    for (size_t i = 0; i < COUNT_OF(others); i++) {
        struct errmsg msg;

        cr_expect_eq(look_at(others[i], &msg), ERR_INVALID, "%s", others[i]);
        cr_expect_not_null(strstr(msg.text, "plain HTTP"), "%s: %s", others[i], msg.text);
    }
}

Test(remote, needs_a_token)
{
    const struct options o = {.server = "https://h"};
    struct errmsg msg = {""};

    cr_assert_eq(remote_check(&o, &msg), ERR_INVALID);
    cr_assert_not_null(strstr(msg.text, "--token-file"));
}

/* ---- scripted servers ---- */

struct rig {
    struct scratch scratch;
    struct http_stub *stub;
    char url[64];
    char token_file[128];
    char code_file[128];
    struct options options;
    struct remote *remote;
    struct json *result;
    struct errmsg msg;
};

static void keep(struct rig *r, const char *name, const char *text, char *ret_path, size_t size)
{
    (void)snprintf(ret_path, size, "%s", scratch_path(&r->scratch, name));
    scratch_write(ret_path, 0, text, strlen(text));
    REQUIRE(chmod(ret_path, 0400) == 0);
}

static void rig_init(struct rig *r, const struct stub_step *const *scripts, size_t count)
{
    struct sockaddr_in address;

    *r = (struct rig){.scratch = scratch_new(), .msg = {""}};
    r->stub = http_stub_start(scripts, count, NULL);
    http_stub_address(r->stub, &address);
    (void)snprintf(r->url, sizeof(r->url), "http://127.0.0.1:%u", ntohs(address.sin_port));
    keep(r, "token", "lta_planted-token\n", r->token_file, sizeof(r->token_file));
    keep(r, "code", "123456\n", r->code_file, sizeof(r->code_file));
    r->options =
        (struct options){.server = r->url, .token_file = r->token_file, .passphrase_fd = -1};
    cr_assert_eq(remote_open(&r->options, &r->remote, &r->msg), ERR_OK, "%s", r->msg.text);
}

static void rig_done(struct rig *r)
{
    json_free(&r->result);
    remote_close(&r->remote);
    http_stub_stop(&r->stub);
    scratch_remove(&r->scratch);
}

static enum err call(struct rig *r, const char *text)
{
    AUTO(json_free) struct json *request = NULL;

    REQUIRE(json_parse(span_str(text), &request) == ERR_OK);
    json_free(&r->result);
    r->msg = (struct errmsg){""};
    return remote_call(r->remote, request, &r->result, &r->msg);
}

#define ANSWER(status, type, length, body)                                                         \
    "HTTP/1.1 " status "\r\nContent-Type: " type "\r\nContent-Length: " length                     \
    "\r\nConnection: close\r\n\r\n" body

static const char GOOD[] = ANSWER("200 OK", "application/json", "11", "{\"state\":1}");

Test(remote, asks_with_the_token_and_gives_the_answer)
{
    static const struct stub_step script[] = {
        {STUB_REQUEST, NULL, 0}, {STUB_SEND, GOOD, 0}, {STUB_END, NULL, 0}};
    static const struct stub_step *const scripts[] = {script};
    AUTO(rig_done) struct rig r;
    char seen[2048];

    rig_init(&r, scripts, 1);
    cr_assert_eq(call(&r, "{\"op\":\"clock.status\"}"), ERR_OK, "%s", r.msg.text);
    cr_assert_eq(json_int_of(json_get(r.result, "state"), 0), 1);
    http_stub_last_request(r.stub, seen, sizeof(seen));
    cr_assert_eq(strncmp(seen, "GET /v1/clock HTTP/1.1\r\n", 24), 0, "%s", seen);
    cr_assert_not_null(strstr(seen, "Authorization: Bearer lta_planted-token\r\n"), "%s", seen);
}

Test(remote, makes_a_lost_request_again_under_the_same_key)
{
    static const struct stub_step lost[] = {{STUB_REQUEST, NULL, 0}, {STUB_RESET, NULL, 0}};
    static const struct stub_step script[] = {
        {STUB_REQUEST, NULL, 0}, {STUB_SEND, GOOD, 0}, {STUB_END, NULL, 0}};
    static const struct stub_step *const scripts[] = {lost, script};
    AUTO(rig_done) struct rig r;

    rig_init(&r, scripts, 2);
    cr_assert_eq(call(&r, "{\"op\":\"key.rotate\"}"), ERR_OK, "%s", r.msg.text);
    cr_assert_eq(http_stub_requests(r.stub), 2);
}

Test(remote, gives_up_after_three_tries)
{
    static const struct stub_step lost[] = {{STUB_REQUEST, NULL, 0}, {STUB_RESET, NULL, 0}};
    static const struct stub_step *const scripts[] = {lost};
    AUTO(rig_done) struct rig r;

    rig_init(&r, scripts, 1);
    cr_assert_eq(call(&r, "{\"op\":\"clock.status\"}"), ERR_UNAVAILABLE);
    cr_assert_eq(http_stub_requests(r.stub), 3);
    cr_assert_null(strstr(r.msg.text, TOKEN), "%s", r.msg.text);
}

Test(remote, gives_a_server_time_that_was_asked_too_often)
{
    static const char LATER[] =
        ANSWER("429 Too Many Requests", "application/problem+json", "16", "{\"code\":\"LIMIT\"}");
    static const struct stub_step first[] = {
        {STUB_REQUEST, NULL, 0}, {STUB_SEND, LATER, 0}, {STUB_END, NULL, 0}};
    static const struct stub_step script[] = {
        {STUB_REQUEST, NULL, 0}, {STUB_SEND, GOOD, 0}, {STUB_END, NULL, 0}};
    static const struct stub_step *const scripts[] = {first, script};
    AUTO(rig_done) struct rig r;

    rig_init(&r, scripts, 2);
    cr_assert_eq(call(&r, "{\"op\":\"clock.status\"}"), ERR_OK, "%s", r.msg.text);
    cr_assert_eq(http_stub_requests(r.stub), 2);
}

#define LATER(status, seconds)                                                                     \
    "HTTP/1.1 " status "\r\nContent-Type: application/problem+json\r\nContent-Length: 16\r\n"      \
    "Retry-After: " seconds "\r\nConnection: close\r\n\r\n{\"code\":\"LIMIT\"}"

Test(remote, waits_as_long_as_the_server_says)
{
    static const struct stub_step first[] = {{STUB_REQUEST, NULL, 0},
                                             {STUB_SEND, LATER("429 Too Many Requests", "2"), 0},
                                             {STUB_END, NULL, 0}};
    static const struct stub_step busy[] = {
        {STUB_REQUEST, NULL, 0}, {STUB_SEND, LATER("503 Busy", "1"), 0}, {STUB_END, NULL, 0}};
    static const struct stub_step script[] = {
        {STUB_REQUEST, NULL, 0}, {STUB_SEND, GOOD, 0}, {STUB_END, NULL, 0}};
    static const struct stub_step *const scripts[] = {first, busy, script};
    AUTO(rig_done) struct rig r;
    const int64_t began_ms = clock_mono_ms();

    rig_init(&r, scripts, 3);
    cr_assert_eq(call(&r, "{\"op\":\"clock.status\"}"), ERR_OK, "%s", r.msg.text);
    cr_assert_eq(http_stub_requests(r.stub), 3);
    cr_assert_geq(clock_mono_ms() - began_ms, 3000);
}

Test(remote, does_not_wait_for_hours)
{
    static const struct stub_step script[] = {{STUB_REQUEST, NULL, 0},
                                              {STUB_SEND, LATER("429 Too Many", "3600"), 0},
                                              {STUB_END, NULL, 0}};
    static const struct stub_step *const scripts[] = {script};
    AUTO(rig_done) struct rig r;

    rig_init(&r, scripts, 1);
    cr_assert_eq(call(&r, "{\"op\":\"clock.status\"}"), ERR_LIMIT, "%s", r.msg.text);
    cr_assert_eq(http_stub_requests(r.stub), 1);
}

static enum err download(struct rig *r, const char *text, const char *name, struct buf *ret)
{
    AUTO(json_free) struct json *request = NULL;
    const char *path = scratch_path(&r->scratch, name);
    enum err e;
    int fd;

    scratch_write(path, 0, "what stood there before, and is longer", 38);
    fd = open(path, O_RDWR | O_CLOEXEC);
    REQUIRE(fd >= 0 && json_parse(span_str(text), &request) == ERR_OK);
    e = remote_download(r->remote, request, fd, &r->msg);
    buf_init(ret, 4096);
    REQUIRE(buf_reserve(ret, 4096) == ERR_OK);
    ret->len = (size_t)pread(fd, ret->bytes, 4096, 0);
    (void)close(fd);
    return e;
}

Test(remote, writes_a_file_that_is_asked_for_from_its_beginning)
{
    static const char HALF[] = "HTTP/1.1 200 OK\r\nContent-Type: application/x-tar\r\n"
                               "Content-Length: 9\r\nConnection: close\r\n\r\nhalf";
    static const char PACK[] = ANSWER("200 OK", "application/x-tar", "9", "the file!");
    static const struct stub_step cut[] = {
        {STUB_REQUEST, NULL, 0}, {STUB_SEND, HALF, 0}, {STUB_END, NULL, 0}};
    static const struct stub_step script[] = {
        {STUB_REQUEST, NULL, 0}, {STUB_SEND, PACK, 0}, {STUB_END, NULL, 0}};
    static const struct stub_step *const scripts[] = {cut, script};
    AUTO(rig_done) struct rig r;
    AUTO(buf_done) struct buf got = {.max = 0};

    rig_init(&r, scripts, 2);
    cr_assert_eq(download(&r, "{\"op\":\"evidence\"}", "pack", &got), ERR_OK, "%s", r.msg.text);
    cr_assert(span_equal(buf_span(&got), SPAN_LIT("the file!")));
}

Test(remote, writes_no_refusal_into_the_file)
{
    static const char REFUSED[] = ANSWER("403 Forbidden", "application/problem+json", "34",
                                         "{\"code\":\"DENIED\",\"detail\":\"no no\"}");
    static const struct stub_step script[] = {
        {STUB_REQUEST, NULL, 0}, {STUB_SEND, REFUSED, 0}, {STUB_END, NULL, 0}};
    static const struct stub_step *const scripts[] = {script};
    AUTO(rig_done) struct rig r;
    AUTO(buf_done) struct buf got = {.max = 0};

    rig_init(&r, scripts, 1);
    cr_assert_eq(download(&r, "{\"op\":\"evidence\"}", "pack", &got), ERR_DENIED, "%s", r.msg.text);
    cr_assert_eq(got.len, 0);
    cr_assert_not_null(strstr(r.msg.text, "no no"), "%s", r.msg.text);
    buf_done(&got);
    cr_assert_eq(download(&r, "{\"op\":\"clock.status\"}", "pack", &got), ERR_UNSUPPORTED);
    cr_assert_eq(call(&r, "{\"op\":\"evidence\"}"), ERR_UNSUPPORTED);
}

Test(remote, sends_no_key_where_a_request_says_which_it_is)
{
    static const struct stub_step script[] = {
        {STUB_REQUEST, NULL, 0}, {STUB_SEND, GOOD, 0}, {STUB_END, NULL, 0}};
    static const struct stub_step *const scripts[] = {script};
    AUTO(rig_done) struct rig r;
    char seen[2048];

    rig_init(&r, scripts, 1);
    cr_assert_eq(call(&r, "{\"op\":\"bulk.finish\",\"job\":\"ab\"}"), ERR_OK, "%s", r.msg.text);
    http_stub_last_request(r.stub, seen, sizeof(seen));
    cr_assert_eq(strncmp(seen, "POST /v1/bulk/ab/finish HTTP/1.1\r\n", 34), 0, "%s", seen);
    cr_assert_null(strstr(seen, "Idempotency-Key"), "%s", seen);
}

static const char WANTED[] = ANSWER("403 Forbidden", "application/problem+json", "38",
                                    "{\"code\":\"DENIED\",\"one_time_code\":true}");

static enum err propose(struct rig *r)
{
    AUTO(json_free) struct json *request = NULL;

    REQUIRE(json_parse(SPAN_LIT("{\"op\":\"access.appoint\",\"role\":\"app\"}"), &request) ==
            ERR_OK);
    json_free(&r->result);
    return remote_propose(r->remote, request, &r->result, &r->msg);
}

Test(remote, proposes_and_gives_no_code_for_it)
{
    static const char KEPT[] = ANSWER("202 Accepted", "application/json", "14", "{\"proposal\":7}");
    static const struct stub_step kept[] = {
        {STUB_REQUEST, NULL, 0}, {STUB_SEND, KEPT, 0}, {STUB_END, NULL, 0}};
    static const struct stub_step at_once[] = {
        {STUB_REQUEST, NULL, 0}, {STUB_SEND, WANTED, 0}, {STUB_END, NULL, 0}};
    static const struct stub_step *const scripts[] = {kept, at_once};
    AUTO(rig_done) struct rig r;

    rig_init(&r, scripts, 2);
    r.options.otp_file = r.code_file;
    cr_assert_eq(propose(&r), ERR_PROPOSED, "%s", r.msg.text);
    cr_assert_eq(json_int_of(json_get(r.result, "proposal"), 0), 7);
    cr_assert_eq(propose(&r), ERR_UNSUPPORTED, "%s", r.msg.text);
    cr_assert_eq(http_stub_requests(r.stub), 2);
}

Test(remote, gives_a_code_when_it_is_asked_for_one)
{
    static const struct stub_step first[] = {
        {STUB_REQUEST, NULL, 0}, {STUB_SEND, WANTED, 0}, {STUB_END, NULL, 0}};
    static const struct stub_step script[] = {
        {STUB_REQUEST, NULL, 0}, {STUB_SEND, GOOD, 0}, {STUB_END, NULL, 0}};
    static const struct stub_step *const scripts[] = {first, script};
    AUTO(rig_done) struct rig r;
    char seen[2048];

    rig_init(&r, scripts, 2);
    r.options.otp_file = r.code_file;
    cr_assert_eq(call(&r, "{\"op\":\"clock.accept\"}"), ERR_OK, "%s", r.msg.text);
    http_stub_last_request(r.stub, seen, sizeof(seen));
    cr_assert_not_null(strstr(seen, "\r\nLethe-Otp: 123456\r\n"), "%s", seen);
}

Test(remote, says_what_the_server_said)
{
    static const char CONFLICT[] = ANSWER("409 Conflict", "application/problem+json", "39",
                                          "{\"code\":\"CONFLICT\",\"detail\":\"as it is\"}");
    static const char UNKNOWN[] =
        ANSWER("401 Unauthorized", "application/problem+json", "23", "{\"code\":\"UNAUTHORIZED\"}");
    static const char STRANGE[] = ANSWER("404 Not Found", "text/html", "6", "<html>");
    static const char BROKEN[] = ANSWER("200 OK", "application/json", "1", "{");
    static const char MOVED[] = ANSWER("302 Found", "text/html", "0", "");
    static const struct {
        const char *answer;
        enum err e;
        const char *words;
    } cases[] = {{CONFLICT, ERR_CONFLICT, "as it is"},
                 {UNKNOWN, ERR_UNAUTHORIZED, "does not know the access token"},
                 {STRANGE, ERR_UPSTREAM, "status 404"},
                 {BROKEN, ERR_UPSTREAM, "cannot be read"},
                 {MOVED, ERR_UPSTREAM, "status 302"}};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct stub_step script[] = {
            {STUB_REQUEST, NULL, 0}, {STUB_SEND, cases[i].answer, 0}, {STUB_END, NULL, 0}};
        const struct stub_step *const scripts[] = {script};
        AUTO(rig_done) struct rig r;

        rig_init(&r, scripts, 1);
        cr_expect_eq(call(&r, "{\"op\":\"clock.status\"}"), cases[i].e, "%s", r.msg.text);
        cr_expect_not_null(strstr(r.msg.text, cases[i].words), "%s", r.msg.text);
        cr_expect_null(strstr(r.msg.text, TOKEN), "%s", r.msg.text);
        cr_expect_null(r.result);
    }
}

Test(remote, tells_a_proposal_from_what_was_done)
{
    static const char PROPOSAL[] =
        ANSWER("202 Accepted", "application/json", "60",
               "{\"proposal\":7,\"operation\":\"key.rotate\",\"digest\":\"abcdef\"   }");
    static const struct stub_step script[] = {
        {STUB_REQUEST, NULL, 0}, {STUB_SEND, PROPOSAL, 0}, {STUB_END, NULL, 0}};
    static const struct stub_step *const scripts[] = {script};
    AUTO(rig_done) struct rig r;

    rig_init(&r, scripts, 1);
    cr_assert_eq(call(&r, "{\"op\":\"key.rotate\"}"), ERR_PROPOSED, "%s", r.msg.text);
    cr_assert_eq(json_int_of(json_get(r.result, "proposal"), 0), 7);
    cr_assert_not_null(strstr(r.msg.text, "nothing was changed yet"), "%s", r.msg.text);
    cr_assert_not_null(strstr(r.msg.text, "digest abcdef"), "%s", r.msg.text);
}

Test(remote, asks_nobody_for_what_the_api_does_not_offer)
{
    static const struct stub_step script[] = {{STUB_REQUEST, NULL, 0}, {STUB_END, NULL, 0}};
    static const struct stub_step *const scripts[] = {script};
    AUTO(rig_done) struct rig r;

    rig_init(&r, scripts, 1);
    cr_assert_eq(call(&r, "{\"op\":\"backup\"}"), ERR_UNSUPPORTED);
    cr_assert_eq(http_stub_connections(r.stub), 0);
}
