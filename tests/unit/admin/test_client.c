/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/client.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/secret.h"

enum { WAIT_MS = 20000 };

static enum err call_a_server_that_says(const char *says, int64_t timeout_ms, struct errmsg *msg)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(json_free) struct json *answer = NULL;
    int fds[2];
    enum err e;

    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    json_set_str(request, "op", "ping");
    if (says != NULL) {
        REQUIRE(send(fds[1], says, strlen(says), 0) == (ssize_t)strlen(says));
        REQUIRE(shutdown(fds[1], SHUT_WR) == 0);
    }
    e = client_call(fds[0], request, timeout_ms, &answer, msg);
    (void)close(fds[0]);
    (void)close(fds[1]);
    return e;
}

TestSuite(client, .init = secret_start, .timeout = 20);

Test(client, tells_a_late_a_broken_and_a_missing_answer_apart)
{
    struct errmsg msg = {""};

    cr_assert_eq(call_a_server_that_says(NULL, 30, &msg), ERR_TIMEOUT);
    cr_assert_eq(call_a_server_that_says("", WAIT_MS, &msg), ERR_IO);
    cr_assert_eq(call_a_server_that_says("{\"ok\":tr", WAIT_MS, &msg), ERR_IO);
    cr_assert_eq(call_a_server_that_says("{\"ok\":tr\n", WAIT_MS, &msg), ERR_IO);
    cr_assert_eq(call_a_server_that_says("{\"ok\":true}\n", WAIT_MS, &msg), ERR_OK);
    cr_assert_eq(call_a_server_that_says("{}\n", WAIT_MS, &msg), ERR_INTERNAL);
    cr_assert_eq(call_a_server_that_says("{\"ok\":false,\"error\":\"OK\"}\n", WAIT_MS, &msg),
                 ERR_INTERNAL, "an error that says OK is none");
    cr_assert_eq(call_a_server_that_says("{\"ok\":false,\"error\":\"BUSY\"}\n", WAIT_MS, &msg),
                 ERR_BUSY);
    cr_assert_str_eq(msg.text, err_text(ERR_BUSY));
}

Test(client, sends_no_request_that_a_server_would_not_read)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(json_free) struct json *answer = NULL;
    char *text = mem_try_alloc(1, LIMIT_CONTROL_LINE_MAX);
    struct errmsg msg = {""};
    int fds[2];
    char byte;

    REQUIRE(text != NULL && socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    memset(text, 'x', LIMIT_CONTROL_LINE_MAX);
    json_set(request, "op", json_new_text(span_of(text, LIMIT_CONTROL_LINE_MAX)));
    free(text);
    cr_assert_eq(client_call(fds[0], request, WAIT_MS, &answer, &msg), ERR_TOO_LARGE);
    cr_assert_eq(recv(fds[1], &byte, 1, MSG_DONTWAIT), -1);
    (void)close(fds[0]);
    (void)close(fds[1]);
}
