/* SPDX-License-Identifier: Apache-2.0 */
/* keys/http.c over base/webclient.c: whom it trusts, what it takes, and what it leaves in memory. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <malloc.h>
#include <stdatomic.h>

#include "tests/unit/keys/transit_rig.h"

TestSuite(http, .init = secret_start);

static const char TOKEN[] = "s.planted-token-8c1f40";
static const char LOOKUP[] = "/v1/auth/token/lookup-self";

struct asked {
    enum err e;
    int status;
    struct buf answer;
    struct errmsg msg;
};

static void asked_done(struct asked *a)
{
    buf_done(&a->answer);
}

static struct asked ask_with(const struct keys_http *http, const char *path, const char *token)
{
    struct asked a = {.status = -1, .msg = {""}};
    struct keys_http_request request = {.path = path};
    AUTO(secret_free) uint8_t *guarded = NULL;

    if (token != NULL) {
        guarded = secret_alloc(64);
        memcpy(guarded, token, strlen(token));
        request.token = guarded;
    }
    buf_init_secret(&a.answer, KEYS_HTTP_ANSWER_MAX);
    a.e = keys__http_ask(http, &request, &a.answer, &a.status, &a.msg);
    return a;
}

static struct asked ask(struct transit_rig *r, const char *orders)
{
    struct keys_http http = rig_http(r);

    rig_order(r, orders);
    return ask_with(&http, LOOKUP, RIG_OPERATOR);
}

static bool holds(const struct asked *a, const char *text)
{
    return memmem(a->answer.bytes, a->answer.len, text, strlen(text)) != NULL;
}

/* Nothing was taken, the message says what is wrong, and holds neither token nor answer. */
static void expect_failure(const struct asked *a, enum err e, const char *word)
{
    cr_expect_eq(a->e, e, "%s: %s", err_name(a->e), a->msg.text);
    cr_expect_eq(a->status, -1);
    cr_expect_eq(a->answer.len, 0);
    cr_expect_not_null(strstr(a->msg.text, word), "%s", a->msg.text);
    cr_expect_null(strstr(a->msg.text, "token"), "%s", a->msg.text);
}

Test(http, brings_status_and_body)
{
    AUTO(rig_done) struct transit_rig r = rig_new(NULL);
    AUTO(asked_done) struct asked good = ask(&r, "");
    AUTO(asked_done) struct asked refused = ask(&r, "* status 403");

    cr_assert_eq(good.e, ERR_OK, "%s", good.msg.text);
    cr_expect_eq(good.status, 200);
    cr_expect(holds(&good, "\"ttl\""));
    cr_expect_eq(refused.e, ERR_OK);
    cr_expect_eq(refused.status, 403);
}

Test(http, trusts_its_own_authority_only)
{
    AUTO(rig_done) struct transit_rig r = rig_new(NULL);
    struct keys_http http = rig_http(&r);
    AUTO(asked_done) struct asked other = {.status = 0};
    AUTO(asked_done) struct asked systems = {.status = 0};

    http.ca = scratch_path(&r.s, "other-ca.pem");
    other = ask_with(&http, LOOKUP, TOKEN);
    expect_failure(&other, ERR_UPSTREAM, "not trusted");
    http.ca = NULL;
    systems = ask_with(&http, LOOKUP, TOKEN);
    expect_failure(&systems, ERR_UPSTREAM, "not trusted");
    cr_expect_eq(rig_requests(&r, "/"), 0);
}

Test(http, does_not_trust_the_systems_authorities_beside_a_named_one)
{
    AUTO(rig_done) struct transit_rig r = rig_new(NULL);
    struct keys_http http = rig_http(&r);
    AUTO(asked_done) struct asked a = {.status = 0};

    /* as if the stub's authority were the system's */
    cr_assert_eq(setenv("SSL_CERT_FILE", r.ca, 1), 0);
    cr_assert_eq(setenv("SSL_CERT_DIR", r.s.dir, 1), 0);
    http.ca = scratch_path(&r.s, "other-ca.pem");
    a = ask_with(&http, LOOKUP, TOKEN);
    expect_failure(&a, ERR_UPSTREAM, "not trusted");
}

Test(http, wants_the_hosts_name_in_the_certificate)
{
    AUTO(rig_done) struct transit_rig r = rig_new("DNS:other.test,IP:127.0.0.9");
    AUTO(asked_done) struct asked a = ask(&r, "");

    expect_failure(&a, ERR_UPSTREAM, "another name");
    cr_expect_eq(rig_requests(&r, "/"), 0);
}

Test(http, speaks_no_tls_older_than_1_2)
{
    AUTO(rig_done) struct transit_rig r = rig_new(NULL);
    AUTO(asked_done) struct asked a = {.status = 0};

    rig_kill(&r);
    scratch_write(scratch_path(&r.s, "old-tls"), 0, "", 0);
    rig_spawn(&r, NULL);
    a = ask(&r, "");
    expect_failure(&a, ERR_UPSTREAM, "TLS");
}

Test(http, says_which_ca_file_is_bad)
{
    AUTO(rig_done) struct transit_rig r = rig_new(NULL);
    struct keys_http http = rig_http(&r);
    AUTO(asked_done) struct asked missing = {.status = 0};
    AUTO(asked_done) struct asked garbage = {.status = 0};

    http.ca = scratch_path(&r.s, "no-such.pem");
    missing = ask_with(&http, LOOKUP, TOKEN);
    expect_failure(&missing, ERR_CONFIG, "no-such.pem");
    http.ca = scratch_path(&r.s, "names");
    garbage = ask_with(&http, LOOKUP, TOKEN);
    expect_failure(&garbage, ERR_CONFIG, "names");
}

Test(http, follows_no_redirect)
{
    AUTO(rig_done) struct transit_rig r = rig_new(NULL);
    AUTO(rig_done) struct transit_rig elsewhere = rig_new(NULL);
    char order[128];
    AUTO(asked_done) struct asked a = {.status = 0};

    (void)snprintf(order, sizeof(order), "* redirect %s%s", elsewhere.address, LOOKUP);
    a = ask(&r, order);
    cr_expect_eq(a.e, ERR_OK);
    cr_expect_eq(a.status, 307);
    cr_expect_eq(rig_requests(&r, "/"), 1);
    cr_expect_eq(rig_requests(&elsewhere, "/"), 0);
}

Test(http, takes_no_proxy_from_the_environment)
{
    AUTO(rig_done) struct transit_rig r = rig_new(NULL);
    AUTO(asked_done) struct asked a = {.status = 0};

    cr_assert_eq(setenv("https_proxy", "http://127.0.0.1:9", 1), 0);
    cr_assert_eq(setenv("ALL_PROXY", "http://127.0.0.1:9", 1), 0);
    a = ask(&r, "");
    cr_expect_eq(a.e, ERR_OK, "%s", a.msg.text);
}

Test(http, writes_no_tls_secrets_to_the_file_that_the_environment_names)
{
    AUTO(rig_done) struct transit_rig r = rig_new(NULL);
    const char *path = scratch_path(&r.s, "keylog");
    AUTO(asked_done) struct asked a = {.status = 0};

    cr_assert_eq(setenv("SSLKEYLOGFILE", path, 1), 0);
    a = ask(&r, "");
    cr_expect_eq(a.e, ERR_OK, "%s", a.msg.text);
    cr_expect(access(path, F_OK) != 0 || scratch_size(path) == 0);
}

Test(http, keeps_no_cookie)
{
    AUTO(rig_done) struct transit_rig r = rig_new(NULL);

    for (int i = 0; i < 2; i++) {
        AUTO(asked_done) struct asked a = ask(&r, "");

        cr_expect_eq(a.status, 200); /* the stub answers 418 to a cookie */
    }
}

Test(http, bounds_the_answer)
{
    AUTO(rig_done) struct transit_rig r = rig_new(NULL);
    AUTO(asked_done) struct asked body = ask(&r, "* huge");
    AUTO(asked_done) struct asked head = ask(&r, "* heads");

    expect_failure(&body, ERR_UPSTREAM, "larger than");
    expect_failure(&head, ERR_UPSTREAM, "larger than");
}

Test(http, wants_the_whole_answer)
{
    AUTO(rig_done) struct transit_rig r = rig_new(NULL);
    AUTO(asked_done) struct asked cut = ask(&r, "* cut");
    AUTO(asked_done) struct asked reset = ask(&r, "* reset");

    expect_failure(&cut, ERR_UNAVAILABLE, "ended before");
    expect_failure(&reset, ERR_UNAVAILABLE, "ended before");
}

Test(http, waits_for_no_longer_than_told)
{
    AUTO(rig_done) struct transit_rig r = rig_new(NULL);
    struct keys_http http = rig_http(&r);
    AUTO(asked_done) struct asked a = {.status = 0};

    rig_order(&r, "* hang");
    http.total_ms = 300;
    a = ask_with(&http, LOOKUP, TOKEN);
    expect_failure(&a, ERR_TIMEOUT, "in time");
}

Test(http, says_when_nobody_listens)
{
    AUTO(rig_done) struct transit_rig r = rig_new(NULL);
    AUTO(asked_done) struct asked a = {.status = 0};

    rig_kill(&r);
    a = ask(&r, "");
    expect_failure(&a, ERR_UNAVAILABLE, "no connection");
}

/* ---- what is left in memory ---- */

#ifndef __SANITIZE_ADDRESS__
extern void __libc_free(void *bytes);
static atomic_bool watching;
static atomic_size_t found;

/* Every block that anybody in this program gives back passes through here. */
void free(void *bytes)
{
    if (bytes != NULL && atomic_load(&watching)) {
        size_t size = malloc_usable_size(bytes);

        if (memmem(bytes, size, TOKEN, sizeof(TOKEN) - 1) != NULL ||
            memmem(bytes, size, "cGxhbnRlZC1hbnN3ZXI=", 20) != NULL)
            atomic_fetch_add(&found, 1);
    }
    __libc_free(bytes);
}

Test(http, leaves_neither_token_nor_answer_in_memory_that_it_frees)
{
    AUTO(rig_done) struct transit_rig r = rig_new(NULL);
    struct keys_http http = rig_http(&r);
    void *seen = strdup(TOKEN);

    rig_order(&r, "* text {\"data\":{\"plaintext\":\"cGxhbnRlZC1hbnN3ZXI=\"}}");
    atomic_store(&watching, true);
    free(seen);
    cr_assert_eq(atomic_exchange(&found, 0), 1, "the detector works");
    {
        AUTO(asked_done) struct asked a = ask_with(&http, LOOKUP, TOKEN);

        cr_assert_eq(a.e, ERR_OK, "%s", a.msg.text);
        cr_assert(holds(&a, "cGxhbnRlZC1hbnN3ZXI="));
    }
    atomic_store(&watching, false);
    cr_expect_eq(atomic_load(&found), 0);
}
#endif
