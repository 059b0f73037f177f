/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/session.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>

#include "admin/control.h"
#include "base/effort.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/secret.h"
#include "tests/support/vault_rig.h"

#define SETTINGS_HEAD "store: sqlite:store\nroot_key: file:root.key\nclasses:\n"

/* RIG_CLASSES as a configuration beside the rig's store: indented below `classes:`. */
/* The rig's key where the configuration looks for it. */
static void write_root_key(struct rig *r)
{
    char line[32 + 2 * ROOT_KEY_BYTES] = "lethe-root-1 1 ";

    for (size_t i = 0; i < ROOT_KEY_BYTES; i++)
        (void)snprintf(line + 15 + 2 * i, 3, "%02x", r->root[i]);
    scratch_write(scratch_path(&r->scratch, "root.key"), 0, line, strlen(line));
}

static const char *write_config(struct rig *r)
{
    const char *path = scratch_path(&r->scratch, "lethe.yaml");
    char text[2048] = SETTINGS_HEAD;
    const char *line = RIG_CLASSES;

    while (*line != '\0') {
        size_t len = strcspn(line, "\n") + 1, at = strlen(text);

        (void)snprintf(text + at, sizeof(text) - at, "  %.*s", (int)len, line);
        line += len;
    }
    scratch_write(path, 0, text, strlen(text));
    write_root_key(r);
    return path;
}

static const struct options *with_config(struct rig *r)
{
    static struct options options;

    options = (struct options){.config = write_config(r), .passphrase_fd = -1};
    return &options;
}

static struct json *ping(void)
{
    struct json *request = json_new_map();

    json_set_str(request, "op", "ping");
    return request;
}

static void start(void)
{
    secret_start();
    log_set_level(LOG_ERROR);
}

TestSuite(session, .init = start, .timeout = 60);

Test(session, opens_the_store_itself_when_no_server_runs)
{
    AUTO(rig_done) struct rig r;
    AUTO(session_close) struct session *session = NULL;
    AUTO(json_free) struct json *request = ping();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    struct errmsg msg = {""};

    rig_init(&r);
    vault_close(&r.vault);
    cr_assert_eq(session_open(with_config(&r), &session, &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(session_call(session, request, &reply, &msg), ERR_OK, "%s", msg.text);
    cr_assert_not_null(json_str_of(json_get(reply.result, "version")));
    session_close(&session);
    rig_open(&r); /* the lock is free again */
}

Test(session, tells_how_far_long_work_is)
{
    AUTO(rig_done) struct rig r;
    AUTO(session_close) struct session *session = NULL;
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    const struct json *backup;
    struct errmsg msg = {""};

    rig_init(&r);
    vault_close(&r.vault);
    json_set_str(request, "op", "progress");
    effort_set(EFFORT_BACKUP, 3, 10);
    cr_assert_eq(session_open(with_config(&r), &session, &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(session_call(session, request, &reply, &msg), ERR_OK, "%s", msg.text);
    backup = json_get(reply.result, "backup");
    cr_assert_eq(json_int_of(json_get(backup, "done"), 0), 3);
    cr_assert_eq(json_int_of(json_get(backup, "total"), 0), 10);
}

Test(session, says_so_when_the_store_is_locked_and_nobody_answers)
{
    AUTO(rig_done) struct rig r;
    AUTO(session_close) struct session *session = NULL;
    struct errmsg msg = {""};

    rig_init(&r);
    cr_assert_eq(session_open(with_config(&r), &session, &msg), ERR_BUSY);
    cr_assert_not_null(strstr(msg.text, "no server answers"), "%s", msg.text);
    cr_assert_null(session);
}

static size_t open_in_ledger(struct rig *r)
{
    struct vault_erasure *list = NULL;
    size_t count = 0;

    REQUIRE(vault_erasures_open(r->vault, &list, &count) == ERR_OK);
    for (size_t i = 0; i < count; i++)
        vault_erasure_done(&list[i]);
    free(list);
    return count;
}

Test(session, finishes_an_erasure_that_was_left_half_way)
{
    AUTO(rig_done) struct rig r;
    AUTO(session_close) struct session *session = NULL;
    struct errmsg msg = {""};
    struct receipt receipt;
    struct erasures *e;

    rig_init(&r);
    (void)rig_store(&r, "note", "ada", "tea");
    log_set_level(LOG_ERROR + 1);
    fault_test_set("erase.verify!lies", NULL);
    e = erasures_new(r.vault, NULL);
    cr_assert_eq(erasure_run(e, VAULT_DOMAIN_DEFAULT, SPAN_LIT("ada"), NULL, &receipt), ERR_OK);
    erasures_free(&e);
    fault_test_set(NULL, NULL);
    cr_assert_eq(open_in_ledger(&r), 1);
    vault_close(&r.vault);
    cr_assert_eq(session_open(with_config(&r), &session, &msg), ERR_OK, "%s", msg.text);
    session_close(&session);
    rig_open(&r);
    cr_assert_eq(open_in_ledger(&r), 0);
}

/* ---- with a server ---- */

struct server {
    struct admin admin;
    uv_loop_t loop;
    uv_async_t stop;
    struct control *control;
    pthread_t thread;
};

static void on_closed(void *context UNUSED)
{
}

static void on_stop(uv_async_t *handle)
{
    struct server *s = handle->data;

    control_stop(&s->control, on_closed, NULL);
    uv_close((uv_handle_t *)handle, NULL);
}

static void *run_loop(void *context)
{
    struct server *s = context;

    (void)uv_run(&s->loop, UV_RUN_DEFAULT);
    return NULL;
}

static void server_start(struct server *s, struct rig *r)
{
    struct control_options options = {.loop = &s->loop, .admin = &s->admin};
    struct errmsg msg;

    (void)signal(SIGPIPE, SIG_IGN);
    options.store_dir = vault_dir(r->vault);
    s->admin = (struct admin){
        .vault = r->vault, .classes = &r->classes, .erasures = erasures_new(r->vault, NULL)};
    REQUIRE(uv_loop_init(&s->loop) == 0);
    REQUIRE(uv_async_init(&s->loop, &s->stop, on_stop) == 0);
    s->stop.data = s;
    REQUIRE(control_start(&options, &s->control, &msg) == ERR_OK);
    REQUIRE(pthread_create(&s->thread, NULL, run_loop, s) == 0);
}

static void server_stop(struct server *s)
{
    REQUIRE(uv_async_send(&s->stop) == 0);
    REQUIRE(pthread_join(s->thread, NULL) == 0);
    cr_assert_eq(uv_loop_close(&s->loop), 0);
    erasures_free(&s->admin.erasures);
}

Test(session, asks_the_server_when_one_runs_and_notices_that_it_went)
{
    AUTO(rig_done) struct rig r;
    AUTO(session_close) struct session *session = NULL;
    AUTO(json_free) struct json *request = ping();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    struct errmsg msg = {""};
    struct server s;

    rig_init(&r);
    server_start(&s, &r);
    cr_assert_eq(session_open(with_config(&r), &session, &msg), ERR_OK, "%s", msg.text);
    for (int i = 0; i < 3; i++) {
        reply_done(&reply);
        cr_assert_eq(session_call(session, request, &reply, &msg), ERR_OK, "%s", msg.text);
        cr_assert_not_null(json_str_of(json_get(reply.result, "version")));
    }
    reply_done(&reply);
    json_set_str(request, "op", "nonsense");
    cr_assert_eq(session_call(session, request, &reply, &msg), ERR_INVALID);
    cr_assert_str_eq(msg.text, "there is no such operation");
    cr_assert_null(reply.tree);
    server_stop(&s);
    cr_assert_eq(session_call(session, request, &reply, &msg), ERR_CANCELED);
}
