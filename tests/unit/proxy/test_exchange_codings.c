/* SPDX-License-Identifier: Apache-2.0 */
/* Coded bodies both ways, over real sockets. */
#include "tests/unit/proxy/person_rig.h"

#include <zlib.h>

TestSuite(exchange_codings, .init = secret_start, .timeout = 60);

static size_t gzip(struct span text, uint8_t *out, size_t room)
{
    z_stream z = {0};

    cr_assert_eq(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)text.at;
    z.avail_in = (uInt)text.len;
    z.next_out = out;
    z.avail_out = (uInt)room;
    cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    cr_assert_eq(deflateEnd(&z), Z_OK);
    return room - z.avail_out;
}

/* A PUT of Erika with this coding and body; its status. */
static int put_coded(const struct rig *r, const char *coding, const uint8_t *body, size_t len)
{
    struct rig_answer a;
    char head[512];
    int fd = rig_connect(r), status;
    int n = snprintf(head, sizeof(head),
                     "PUT /users/7 HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                     "Content-Encoding: %s\r\nContent-Length: %zu\r\n\r\n",
                     coding, len);

    rig_say(fd, head, (size_t)n);
    rig_say(fd, (const char *)body, len);
    a = rig_hear(fd, false);
    status = a.status;
    rig_answer_done(&a);
    close(fd);
    return status;
}

Test(exchange_codings, a_coded_request_is_read_and_goes_up_plain)
{
    struct rig r;
    uint8_t packed[4096];
    char seen[8192], token[TOKEN_TEXT_MAX + 1];
    size_t len = gzip(SPAN_LIT(ERIKA), packed, sizeof(packed));

    rig_start(&r, &person_routes);
    cr_expect_eq(put_coded(&r, "gzip", packed, len), 204);
    http_stub_last_request(r.stub, seen, sizeof(seen));
    cr_expect_null(strcasestr(seen, "content-encoding"));
    cr_expect_null(strstr(seen, "erika"));
    (void)token_seen(&r, "email", token);
    len = gzip(SPAN_LIT("{\"plan\":1}"), packed, sizeof(packed));
    cr_expect_eq(put_coded(&r, "gzip", packed, len), 204, "also without a value in it");
    http_stub_last_request(r.stub, seen, sizeof(seen));
    cr_expect_null(strcasestr(seen, "content-encoding"));
    cr_expect_str_eq(body_seen(&r), "{\"plan\":1}");
    rig_stop(&r);
}

Test(exchange_codings, e18_what_cannot_be_undone_reaches_nobody)
{
    struct rig r;
    uint8_t packed[65536];
    char *zeroes = mem_alloc(20 << 20);
    size_t len = gzip(SPAN_LIT(ERIKA), packed, sizeof(packed));

    rig_start(&r, &person_routes);
    cr_expect_eq(put_coded(&r, "gzip", packed, len - 1), 400, "cut");
    cr_expect_eq(put_coded(&r, "gzip", (const uint8_t *)ERIKA, strlen(ERIKA)), 400, "not coded");
    cr_expect_eq(put_coded(&r, "br", packed, len), 400, "of another coding");
    cr_expect_eq(put_coded(&r, "gzip, gzip", packed, len), 415, "stacked");
    cr_expect_eq(put_coded(&r, "deflate", packed, len), 415);
    memset(zeroes, ' ', 20 << 20);
    len = gzip(span_of(zeroes, 20 << 20), packed, sizeof(packed));
    cr_expect_eq(put_coded(&r, "gzip", packed, len), 413, "a bomb");
    cr_expect_eq(http_stub_requests(r.stub), 0);
    free(zeroes);
    rig_stop(&r);
}

/* The next answer as it is sent, with bytes of any kind in it. */
static char coded_answer[8192];
static struct stub_step coded_script[] = {
    {STUB_REQUEST, NULL, 0}, {STUB_SEND, coded_answer, 1}, {STUB_AGAIN, NULL, 0}};
static const struct stub_step *const coded_scripts[] = {coded_script};

static void answer_coded(const char *coding, const uint8_t *body, size_t len)
{
    int n = snprintf(coded_answer, sizeof(coded_answer),
                     "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                     "Content-Encoding: %s\r\nContent-Length: %zu\r\n\r\n",
                     coding, len);

    memcpy(coded_answer + n, body, len);
    coded_script[1].n = (size_t)n + len;
}

static struct rig_options coded_routes(void)
{
    struct rig_options o = person_routes;

    o.scripts = coded_scripts;
    answer_coded("identity", (const uint8_t *)"{}", 2);
    return o;
}

Test(exchange_codings, a_coded_answer_is_revealed_and_comes_plain)
{
    struct rig_options o = coded_routes();
    struct rig r;
    struct rig_answer a;
    uint8_t packed[4096];
    size_t len;

    rig_start(&r, &o);
    cr_assert_eq(status_of(send_json(&r, "PUT", "/users/7", "", ERIKA)), 200);
    len = gzip(span_str(body_seen(&r)), packed, sizeof(packed));
    answer_coded("gzip", packed, len);
    a = get(&r, "/users/7", DESK "Accept-Encoding: gzip\r\n");
    cr_expect_eq(a.status, 200);
    cr_expect_not_null(strstr(a.body, "+49 30 1"), "%s", a.text);
    cr_expect_null(strcasestr(a.text, "content-encoding"));
    rig_answer_done(&a);
    rig_stop(&r);
}

Test(exchange_codings, a_coded_answer_that_cannot_be_undone_is_a_bad_gateway)
{
    struct rig_options o = coded_routes();
    struct rig r;
    uint8_t packed[4096];
    size_t len = gzip(SPAN_LIT("{\"email\":\"x\"}"), packed, sizeof(packed));

    rig_start(&r, &o);
    answer_coded("gzip", packed, len - 2);
    cr_expect_eq(status_of(get(&r, "/users/7", DESK)), 502, "cut");
    answer_coded("br", packed, len);
    cr_expect_eq(status_of(get(&r, "/users/7", DESK)), 502, "of another coding");
    answer_coded("zstd", packed, len);
    cr_expect_eq(status_of(get(&r, "/users/7", DESK)), 502, "unknown");
    answer_coded("gzip", packed, len);
    cr_expect_eq(status_of(get(&r, "/users/7", DESK)), 200);
    rig_stop(&r);
}
