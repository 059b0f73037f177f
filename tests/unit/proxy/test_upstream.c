/* SPDX-License-Identifier: Apache-2.0 */
/* The upstream client against well-meaning and hostile upstreams. */
#include "tests/unit/proxy/upstream_rig.h"

#include <criterion/parameterized.h>

TestSuite(upstream, .init = secret_start, .timeout = 60);

static const struct stub_step plain_script[] = {
    {STUB_REQUEST, NULL, 0},
    {STUB_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-One: a\r\n\r\nhello", 0},
    {STUB_AGAIN, NULL, 0},
};

Test(upstream, delivers_a_response_and_uses_the_connection_again)
{
    const struct stub_step *script = plain_script;
    struct rig r;

    rig_serve(&r, &script);
    for (int i = 0; i < 3; i++) {
        struct told t = rig_ask(&r, "GET", NULL);

        cr_assert_eq(t.result, ERR_OK);
        cr_assert_eq(t.status, 200);
        cr_assert_eq(t.content_length, 5);
        cr_assert(t.has_body);
        cr_assert_str_eq(t.body, "hello");
        cr_assert_str_eq(t.headers, "X-One: a\n");
    }
    cr_assert_eq(http_stub_requests(r.stub), 3);
    cr_assert_eq(http_stub_connections(r.stub), 1);
    rig_stop(&r);
}
