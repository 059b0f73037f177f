/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/control.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "admin/client.h"
#include "admin/socket.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/secret.h"
#include "tests/support/vault_rig.h"

enum { WAIT_MS = 20000 };

/* A server on a loop thread of its own. */
struct server {
    struct rig rig;
    struct erasures *erasures;
    struct admin admin;
    uv_loop_t loop;
    uv_async_t stop;
    struct control *control;
    pthread_t thread;
    int closed;
    int loop_close;
    char dir[64];
};

static void on_closed(void *context)
{
    struct server *s = context;

    s->closed++;
}

static void on_stop(uv_async_t *handle)
{
    struct server *s = handle->data;

    control_stop(&s->control, on_closed, s);
    uv_close((uv_handle_t *)handle, NULL);
}

static void *run_loop(void *context)
{
    struct server *s = context;

    (void)uv_run(&s->loop, UV_RUN_DEFAULT);
    s->loop_close = uv_loop_close(&s->loop);
    return NULL;
}

static void server_start(struct server *s, int64_t idle_ms)
{
    struct control_options options = {
        .loop = &s->loop, .admin = &s->admin, .store_dir = s->dir, .idle_ms = idle_ms};
    struct errmsg msg = {""};

    *s = (struct server){.loop_close = -1};
    (void)signal(SIGPIPE, SIG_IGN);
    rig_init(&s->rig);
    (void)snprintf(s->dir, sizeof(s->dir), "%s/store", s->rig.scratch.dir);
    s->erasures = erasures_new(s->rig.vault, NULL);
    s->admin =
        (struct admin){.vault = s->rig.vault, .classes = &s->rig.classes, .erasures = s->erasures};
    REQUIRE(uv_loop_init(&s->loop) == 0);
    REQUIRE(uv_async_init(&s->loop, &s->stop, on_stop) == 0);
    s->stop.data = s;
    REQUIRE(control_start(&options, &s->control, &msg) == ERR_OK);
    REQUIRE(pthread_create(&s->thread, NULL, run_loop, s) == 0);
}

/* Ends with the loop closed clean: nothing was left open. */
static void server_stop(struct server *s)
{
    REQUIRE(uv_async_send(&s->stop) == 0);
    REQUIRE(pthread_join(s->thread, NULL) == 0);
    cr_assert_eq(s->closed, 1);
    cr_assert_eq(s->loop_close, 0);
    cr_assert_null(s->control);
    erasures_free(&s->erasures);
    rig_done(&s->rig);
}

static int dial(const struct server *s)
{
    struct errmsg msg;
    int fd = -1;

    REQUIRE(socket_connect(s->dir, &fd, &msg) == ERR_OK);
    return fd;
}

static void say(int fd, const char *text)
{
    size_t len = strlen(text);

    while (len > 0) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

        REQUIRE(n > 0);
        text += n;
        len -= (size_t)n;
    }
}

/* The next line, without its end; "" at the end of the connection. */
static const char *hear(int fd)
{
    static char line[8192];
    size_t len = 0;

    while (len < sizeof(line) - 1) {
        struct pollfd p = {.fd = fd, .events = POLLIN};

        REQUIRE(poll(&p, 1, WAIT_MS) == 1);
        if (recv(fd, line + len, 1, 0) <= 0 || line[len] == '\n')
            break;
        len++;
    }
    line[len] = '\0';
    return line;
}

static void start(void)
{
    secret_start();
    log_set_level(LOG_ERROR + 1);
}

TestSuite(control, .init = start, .timeout = 60);

Test(control, answers_a_line_with_a_line)
{
    static struct server s; /* outlives a failed assertion, like its thread */
    int fd;

    server_start(&s, 0);
    fd = dial(&s);
    say(fd, "{\"op\":\"ping\"}\n");
    cr_assert_eq(strncmp(hear(fd), "{\"ok\":true,\"result\":{\"version\":", 31), 0);
    say(fd, "{\"op\":\"nonsense\"}\n");
    cr_assert_str_eq(hear(fd), "{\"ok\":false,\"error\":\"INVALID\",\"message\":\"there is no such "
                               "operation\"}");
    (void)close(fd);
    server_stop(&s);
}

Test(control, answers_in_order_however_the_bytes_come)
{
    static struct server s; /* outlives a failed assertion, like its thread */
    int fd;

    server_start(&s, 0);
    fd = dial(&s);
    say(fd, "{\"op\":\"ping\"}\n{\"op\":\"a\"}\n[\n{\"op\":\"report\",\"report\":\"retention\"}\n{"
            "\"op\":\"pi");
    cr_assert_eq(strncmp(hear(fd), "{\"ok\":true,\"result\":{\"version\"", 30), 0);
    cr_assert_not_null(strstr(hear(fd), "no such operation"));
    cr_assert_not_null(strstr(hear(fd), "no JSON object"));
    cr_assert_eq(strncmp(hear(fd), "{\"ok\":true,\"result\":{\"report\"", 29), 0);
    say(fd, "ng\"}\n\n");
    cr_assert_eq(strncmp(hear(fd), "{\"ok\":true,\"result\":{\"version\"", 30), 0);
    cr_assert_not_null(strstr(hear(fd), "\"INVALID\""), "an empty line is no request");
    (void)close(fd);
    server_stop(&s);
}

Test(control, carries_values_there_and_back_through_the_client)
{
    static struct server s; /* outlives a failed assertion, like its thread */
    struct errmsg msg = {""};
    struct json *request = NULL, *answer = NULL, *again = NULL;
    const struct json *token;
    int fd;

    server_start(&s, 0);
    fd = dial(&s);
    REQUIRE(json_parse(SPAN_LIT("{\"op\":\"tokenize\",\"class\":\"note\",\"subject\":\"4711\","
                                "\"values\":[\"two\\nlines\"]}"),
                       &request) == ERR_OK);
    cr_assert_eq(client_call(fd, request, WAIT_MS, &answer, &msg), ERR_OK, "%s", msg.text);
    token = json_at(json_get(json_get(answer, "result"), "tokens"), 0);
    cr_assert_not_null(token);
    json_free(&request);
    request = json_new_map();
    json_set_str(request, "op", "reveal");
    json_set(request, "tokens", json_new_list());
    json_add(json_get(request, "tokens"), json_new_text(json_text_of(token)));
    cr_assert_eq(client_call(fd, request, WAIT_MS, &again, &msg), ERR_OK, "%s", msg.text);
    cr_assert_str_eq(json_str_of(json_at(json_get(json_get(again, "result"), "values"), 0)),
                     "two\nlines");
    json_free(&request);
    json_free(&answer);
    json_free(&again);
    (void)close(fd);
    server_stop(&s);
}

Test(control, errors_reach_the_client_with_code_and_message)
{
    static struct server s; /* outlives a failed assertion, like its thread */
    struct errmsg msg = {""};
    struct json *request = NULL, *answer = NULL;
    int fd;

    server_start(&s, 0);
    fd = dial(&s);
    REQUIRE(json_parse(SPAN_LIT("{\"op\":\"subject.erase\",\"subject\":\"eve\"}"), &request) ==
            ERR_OK);
    cr_assert_eq(client_call(fd, request, WAIT_MS, &answer, &msg), ERR_NOT_FOUND);
    cr_assert_str_eq(msg.text, "no subject of this domain has this identifier (or it was erased)");
    cr_assert_null(answer);
    json_free(&request);
    (void)close(fd);
    server_stop(&s);
}

Test(control, refuses_a_line_without_end_and_hangs_up)
{
    static struct server s; /* outlives a failed assertion, like its thread */
    size_t len = LIMIT_CONTROL_LINE_MAX + 1, sent = 0;
    char *junk = mem_try_alloc(1, len);
    int fd;

    REQUIRE(junk != NULL);
    memset(junk, ' ', len);
    server_start(&s, 0);
    fd = dial(&s);
    while (sent < len) {
        ssize_t n = send(fd, junk + sent, len - sent, MSG_NOSIGNAL);

        if (n <= 0)
            break;
        sent += (size_t)n;
    }
    cr_assert_not_null(strstr(hear(fd), "\"TOO_LARGE\""));
    cr_assert_str_eq(hear(fd), "", "and no more");
    (void)close(fd);
    free(junk);
    server_stop(&s);
}

Test(control, takes_a_line_of_the_full_length)
{
    static struct server s; /* outlives a failed assertion, like its thread */
    struct errmsg msg = {""};
    struct json *request = json_new_map(), *answer = NULL, *list = json_new_list();
    char *text = mem_try_alloc(1, 1 << 20);
    struct buf line;
    int fd;

    REQUIRE(text != NULL);
    memset(text, 'x', 1 << 20);
    buf_init(&line, LIMIT_CONTROL_LINE_MAX);
    json_set_str(request, "op", "tokenize");
    json_set_str(request, "class", "note");
    json_set_str(request, "subject", "1");
    json_set(request, "values", list);
    for (int i = 0; i < 3; i++)
        json_add(list, json_new_text(span_of(text, 1 << 20)));
    cr_assert_eq(json_write(request, &line), ERR_OK); /* and one more value: 3 bytes around it */
    json_add(list, json_new_text(span_of(text, LIMIT_CONTROL_LINE_MAX - 1 - line.len - 3)));
    buf_reset(&line);
    cr_assert_eq(json_write(request, &line), ERR_OK);
    cr_assert_eq(line.len + 1, LIMIT_CONTROL_LINE_MAX, "with its line feed");
    buf_done(&line);
    free(text);
    server_start(&s, 0);
    fd = dial(&s);
    cr_assert_eq(client_call(fd, request, WAIT_MS, &answer, &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(json_count(json_get(json_get(answer, "result"), "tokens")), 4);
    json_free(&request);
    json_free(&answer);
    (void)close(fd);
    server_stop(&s);
}

Test(control, serves_several_connections_at_once)
{
    static struct server s; /* outlives a failed assertion, like its thread */
    int fds[20];

    server_start(&s, 0);
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = dial(&s);
        say(fds[i], "{\"op\":\"report\",\"report\":\"retention\"}\n");
    }
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        cr_assert_not_null(strstr(hear(fds[i]), "\"ok\":true"));
        (void)close(fds[i]);
    }
    server_stop(&s);
}

/* E86 */
Test(control, turns_away_more_connections_than_it_may_have)
{
    static struct server s; /* outlives a failed assertion, like its thread */
    int fds[CONTROL_CONNECTIONS_MAX], extra;

    server_start(&s, 0);
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = dial(&s);
        say(fds[i], "{\"op\":\"ping\"}\n");
        cr_assert_not_null(strstr(hear(fds[i]), "\"ok\":true"));
    }
    extra = dial(&s);
    cr_assert_str_eq(hear(extra), "", "closed without a word");
    (void)close(extra);
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        (void)close(fds[i]);
    server_stop(&s);
}

Test(control, hangs_up_on_who_says_nothing)
{
    static struct server s; /* outlives a failed assertion, like its thread */
    int fd;

    server_start(&s, 50);
    fd = dial(&s);
    say(fd, "{\"op\":");
    cr_assert_str_eq(hear(fd), "");
    (void)close(fd);
    server_stop(&s);
}

Test(control, hangs_up_on_who_asks_for_much_and_reads_nothing)
{
    static struct server s; /* outlives a failed assertion, like its thread */
    struct errmsg msg = {""};
    struct json *request = json_new_map(), *answer = NULL, *list = json_new_list();
    char *text = mem_try_alloc(1, 1 << 20);
    struct buf line;
    int fd, other;

    REQUIRE(text != NULL);
    memset(text, 'x', 1 << 20);
    buf_init(&line, 4096);
    json_set_str(request, "op", "tokenize");
    json_set_str(request, "class", "note");
    json_set_str(request, "subject", "1");
    json_set(request, "values", list);
    json_add(list, json_new_text(span_of(text, 1 << 20)));
    free(text);
    server_start(&s, 500);
    fd = dial(&s);
    cr_assert_eq(client_call(fd, request, WAIT_MS, &answer, &msg), ERR_OK, "%s", msg.text);
    json_free(&request);
    request = json_new_map();
    json_set_str(request, "op", "reveal");
    json_set(request, "tokens", json_new_list());
    json_add(
        json_get(request, "tokens"),
        json_new_text(json_text_of(json_at(json_get(json_get(answer, "result"), "tokens"), 0))));
    cr_assert_eq(json_write(request, &line), ERR_OK);
    cr_assert_eq(buf_append(&line, "\n", 2), ERR_OK);
    other = dial(&s);
    say(other, (const char *)line.bytes);
    for (int left = 0; left < 2;
         left++) { /* both are idle now: the first, and the one written to */
        struct pollfd p = {.fd = left == 0 ? fd : other, .events = POLLRDHUP};

        cr_assert_eq(poll(&p, 1, WAIT_MS), 1);
    }
    json_free(&request);
    json_free(&answer);
    buf_done(&line);
    (void)close(other);
    (void)close(fd);
    server_stop(&s);
}

Test(control, survives_who_leaves_before_the_answer)
{
    static struct server s; /* outlives a failed assertion, like its thread */
    int fd;

    server_start(&s, 0);
    for (int i = 0; i < 50; i++) {
        fd = dial(&s);
        say(fd, "{\"op\":\"report\",\"report\":\"retention\"}\n{\"op\":\"report\",\"report\":"
                "\"retention\"}\n{\"op\"");
        (void)close(fd);
    }
    fd = dial(&s);
    say(fd, "{\"op\":\"ping\"}\n");
    cr_assert_not_null(strstr(hear(fd), "\"ok\":true"));
    (void)close(fd);
    server_stop(&s);
}

Test(control, answers_what_it_began_when_it_is_stopped)
{
    static struct server s; /* outlives a failed assertion, like its thread */
    const char *answer;
    int fd, idle;

    server_start(&s, 0);
    rig_store_many(&s.rig, "note", "ada", 2000);
    idle = dial(&s);
    say(idle, "{\"op\":\"ping\"}\n");
    cr_assert_not_null(strstr(hear(idle), "\"ok\":true"));
    fd = dial(&s);
    say(fd, "{\"op\":\"ping\"}\n");
    cr_assert_not_null(strstr(hear(fd), "\"ok\":true"));
    say(fd, "{\"op\":\"subject.erase\",\"subject\":\"ada\"}\n{\"op\":\"ping\"}\n");
    for (uint64_t slot = 0; slot == 0;) { /* until the erasure is acknowledged */
        struct vault_reader *reader = NULL;

        REQUIRE(vault_reader_open(s.rig.vault, &reader) == ERR_OK);
        REQUIRE(vault_read_begin(reader) == ERR_OK);
        slot = vault_read_subject(reader, VAULT_DOMAIN_DEFAULT, SPAN_LIT("ada"), &(uint64_t){0}) ==
               ERR_NOT_FOUND;
        vault_read_end(reader);
        vault_reader_close(&reader);
    }
    REQUIRE(uv_async_send(&s.stop) == 0);
    answer = hear(fd);
    cr_assert_not_null(strstr(answer, "\"state\":\"completed\""), "%s", answer);
    cr_assert_str_eq(hear(idle), "");
    REQUIRE(pthread_join(s.thread, NULL) == 0);
    cr_assert_eq(s.closed, 1);
    cr_assert_eq(s.loop_close, 0);
    (void)close(fd);
    (void)close(idle);
    erasures_free(&s.erasures);
    rig_done(&s.rig);
}

Test(control, leaves_no_socket_file_behind)
{
    static struct server s; /* outlives a failed assertion, like its thread */
    struct stat st;
    char path[96];

    server_start(&s, 0);
    (void)snprintf(path, sizeof(path), "%s/" SOCKET_NAME, s.dir);
    cr_assert_eq(stat(path, &st), 0);
    REQUIRE(uv_async_send(&s.stop) == 0);
    REQUIRE(pthread_join(s.thread, NULL) == 0);
    cr_assert_eq(stat(path, &st), -1);
    cr_assert_eq(s.loop_close, 0);
    erasures_free(&s.erasures);
    rig_done(&s.rig);
}

/* As another user: connect, and tell by the exit code whether the server answered. Only root can
 * try. */
static int exit_code_of_a_stranger(const struct server *s)
{
    pid_t child = fork();
    int status = 0;

    REQUIRE(child >= 0);
    if (child == 0) {
        struct errmsg msg;
        int fd = -1;

        if (setgid(65534) != 0 || setuid(65534) != 0)
            _exit(3);
        if (socket_connect(s->dir, &fd, &msg) != ERR_OK)
            _exit(4);
        (void)!write(fd, "{\"op\":\"ping\"}\n", 14);
        _exit(hear(fd)[0] == '\0' ? 0 : 1);
    }
    REQUIRE(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

Test(control, hangs_up_on_other_users_even_where_the_file_lets_them_in)
{
    static struct server s; /* outlives a failed assertion, like its thread */
    char path[96];
    int fd;

    (void)signal(SIGPIPE, SIG_IGN);
    server_start(&s, 0);
    if (geteuid() == 0) {
        (void)snprintf(path, sizeof(path), "%s/" SOCKET_NAME, s.dir);
        cr_assert_eq(chmod(s.rig.scratch.dir, 0755) | chmod(s.dir, 0755) | chmod(path, 0666), 0);
        cr_assert_eq(exit_code_of_a_stranger(&s), 0, "connected, and closed without an answer");
    }
    fd = dial(&s);
    say(fd, "{\"op\":\"ping\"}\n");
    cr_assert_not_null(strstr(hear(fd), "\"ok\":true"), "its own user is still served");
    (void)close(fd);
    server_stop(&s);
}
