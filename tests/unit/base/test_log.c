/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/secret.h"

/* The log goes into a socket that keeps the borders of each write(2). */
static int reader;
static char line[8192];

static void start(void)
{
    int ends[2];

    secret_start();
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    reader = ends[0];
    log_set_fd(ends[1]);
    clock_test_set_ms(1795448737042);
}

TestSuite(log, .init = start);

/* The next line written, as a string; NULL when there is none. */
static const char *next_line(void)
{
    ssize_t n = recv(reader, line, sizeof(line) - 1, MSG_DONTWAIT);

    if (n <= 0)
        return NULL;
    line[n] = '\0';
    return line;
}

/* The text of `name` in the line, which must be one JSON object that ends in its only newline. */
static const char *member(const char *text, const char *name)
{
    static char value[8192];
    struct json *tree = NULL;
    struct span s;

    cr_assert_not_null(text);
    cr_assert_eq(strchr(text, '\n'), text + strlen(text) - 1, "%s", text);
    cr_assert_eq(json_parse(span_of(text, strlen(text) - 1), &tree), ERR_OK, "%s", text);
    s = json_text_of(json_get(tree, name));
    cr_assert_lt(s.len, sizeof(value));
    memcpy(value, s.len == 0 ? "" : s.at, s.len);
    value[s.len] = '\0';
    json_free(&tree);
    return value;
}

Test(log, writes_time_level_event_text_and_typed_fields)
{
    log_event(EV_UPSTREAM_FAILED, F_NUM("n", -42), F_LIT("code", "TIMEOUT"),
              F_TEXT("route", SPAN_LIT("/users/{id}")), F_ID("id", "\x00\x7f\xff", 3),
              F_PERSONAL("value", "hello", 5));
    cr_assert_str_eq(next_line(),
                     "{\"time\":\"2026-11-23T15:45:37.042Z\",\"level\":\"warning\","
                     "\"event\":\"upstream_failed\",\"text\":\"upstream failed\",\"n\":-42,"
                     "\"code\":\"TIMEOUT\",\"route\":\"/users/{id}\",\"id\":\"007fff\","
                     "\"value_len\":5}\n");
    cr_assert_null(next_line(), "one write a line");
}

Test(log, writes_an_event_without_fields)
{
    log_event(EV_STARTED);
    cr_assert_str_eq(next_line(), "{\"time\":\"2026-11-23T15:45:37.042Z\",\"level\":\"info\","
                                  "\"event\":\"started\",\"text\":\"serving\"}\n");
}

Test(log, writes_every_event_as_a_valid_line_with_its_own_name)
{
    char names[EV_COUNT][64];

    log_set_level(LOG_DEBUG);
    for (int i = 0; i < EV_COUNT; i++) {
        const char *text;

        log_event((enum log_event)i, F_NUM("n", INT64_MIN));
        text = next_line();
        cr_assert_gt(strlen(member(text, "text")), 0);
        (void)snprintf(names[i], sizeof(names[i]), "%s", member(text, "event"));
        for (int j = 0; j < i; j++)
            cr_assert_str_neq(names[i], names[j]);
    }
}

/* E34 */
Test(log, never_holds_a_personal_value_whole_or_in_part)
{
    static const char value[] = "erika.mustermann@example.org";
    const char *text;

    log_event(EV_CLEAR_VALUE, F_PERSONAL("value", value, strlen(value)),
              F_PERSONAL("secret", "x", 1));
    text = next_line();
    cr_assert_not_null(text);
    cr_assert_not_null(strstr(text, "\"value_len\":28,\"secret_len\":1"), "%s", text);
    for (size_t i = 0; i + 5 <= strlen(value); i++) {
        char part[6];

        (void)snprintf(part, sizeof(part), "%s", value + i);
        cr_assert_null(strstr(text, part), "%s", part);
    }
    cr_assert_null(strstr(text, "\"value\""));
    cr_assert_null(strstr(text, "6572696b61"), "in hexadecimal");
}

Test(log, cannot_be_made_to_start_a_new_line_or_object)
{
    static const char attack[] = "x\"}\n{\"event\":\"started\"}\r\n\\";

    log_event(EV_REQUEST_REFUSED, F_TEXT("route", SPAN_LIT(attack)), F_LIT("code", attack));
    (void)next_line();
    cr_assert_str_eq(member(line, "route"), attack);
    cr_assert_str_eq(member(line, "code"), attack);
    cr_assert_str_eq(member(line, "event"), "request_refused");
}

Test(log, escapes_what_a_terminal_would_obey)
{
    static const struct {
        const char *raw, *escaped;
    } cases[] = {
        {"\x1b[2J", "\\u001b[2J"},
        {"\x7f", "\\u007f"},
        {"\xc2\x9b", "\\u009b"},
        {"\xe2\x80\xa8", "\\u2028"},
        {"\xe2\x80\xae", "\\u202e"},
        {"\xe2\x80\xaa", "\\u202a"},
        {"\xe2\x81\xa6", "\\u2066"},
        {"\t", "\\u0009"},
        {"\xff\xfe", "\\ufffd\\ufffd"},
        {"\xc0\xaf", "\\ufffd\\ufffd"},
        {"\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd"},
        {"\xe2\x82", "\\ufffd\\ufffd"},
        {"\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char expected[100];

        log_event(EV_STARTED, F_TEXT("t", span_str(cases[i].raw)));
        (void)snprintf(expected, sizeof(expected), "\"t\":\"%s\"}\n", cases[i].escaped);
        cr_expect_not_null(strstr(next_line(), expected), "%zu: %s", i, line);
        cr_expect_gt(strlen(member(line, "t")), 0);
    }
    log_event(EV_STARTED, F_TEXT("t", SPAN_LIT("a\0b")));
    cr_expect_not_null(strstr(next_line(), "\"a\\u0000b\""));
}

Test(log, leaves_out_a_text_that_there_is_not)
{
    log_event(EV_STARTED, F_TEXT("none", SPAN_NONE), F_TEXT("empty", SPAN_LIT("")));
    cr_expect_null(strstr(next_line(), "none"));
    cr_expect_not_null(strstr(line, "\"empty\":\"\""));
}

Test(log, cuts_a_long_text_between_characters_and_says_so)
{
    char text[601];

    for (size_t i = 0; i < 600; i += 3)
        memcpy(text + i, "\xe2\x82\xac", 4);
    log_event(EV_STARTED, F_TEXT("t", span_str(text)));
    cr_assert_eq(strlen(member(next_line(), "t")), 513 + 3, "171 characters and three dots");
    log_event(EV_STARTED, F_TEXT("t", span_of(text, 510)));
    cr_assert_eq(strlen(member(next_line(), "t")), 510);
}

Test(log, keeps_a_line_whole_and_valid_when_fields_do_not_fit)
{
    char text[512];
    const char *got;

    memset(text, 1, sizeof(text)); /* six bytes each when escaped */
    log_event(EV_STARTED, F_TEXT("a", span_of(text, 512)), F_TEXT("b", span_of(text, 512)),
              F_NUM("c", 7));
    got = next_line();
    cr_assert_leq(strlen(got), 4096);
    cr_assert_eq(strlen(member(got, "a")), 512);
    cr_assert_null(strstr(got, "\"b\""));
    cr_assert_not_null(strstr(got, ",\"c\":7,\"truncated\":true}\n"), "what still fits is there");
}

Test(log, fills_a_line_to_any_length_without_breaking_it)
{
    char text[512];

    memset(text, 'x', sizeof(text));
    for (size_t n = 0; n <= sizeof(text); n++) { /* the border is met somewhere in here */
        struct span s = span_of(text, n);

        log_event(EV_STARTED, F_TEXT("a", s), F_TEXT("b", s), F_TEXT("c", s), F_TEXT("d", s),
                  F_TEXT("e", s), F_TEXT("f", s), F_TEXT("g", s), F_TEXT("h", s), F_TEXT("i", s));
        cr_assert_not_null(next_line());
        cr_assert_leq(strlen(line), 4096);
        (void)member(line, "a");
    }
}

Test(log, drops_events_below_its_level)
{
    log_set_level(LOG_WARNING);
    log_event(EV_STARTED);
    cr_assert_null(next_line());
    log_event(EV_UPSTREAM_FAILED);
    cr_assert_not_null(next_line());
    log_set_level(LOG_ERROR);
    log_event(EV_UPSTREAM_FAILED);
    cr_assert_null(next_line());
    log_event(EV_STORE_FAILED);
    cr_assert_not_null(next_line());
}

Test(log, never_fails_its_caller)
{
    int ends[2];

    log_set_fd(-1);
    errno = EINTR;
    log_event(EV_STARTED);
    cr_assert_eq(errno, EINTR, "errno is the caller's");
    cr_assert_eq(pipe2(ends, O_NONBLOCK), 0);
    log_set_fd(ends[1]);
    for (int i = 0; i < 2000; i++) /* more than the pipe holds */
        log_event(EV_STARTED);
}

enum { THREADS = 4, LINES = 200 };

static void *log_many(void *name)
{
    char text[400];

    memset(text, *(const char *)name, sizeof(text));
    for (int i = 0; i < LINES; i++)
        log_event(EV_STARTED, F_TEXT("t", span_of(text, sizeof(text))));
    return NULL;
}

Test(log, keeps_lines_of_threads_apart_in_a_pipe)
{
    char names[THREADS] = "abcd";
    pthread_t threads[THREADS];
    int ends[2], lines = 0;
    FILE *in;

    cr_assert_eq(pipe(ends), 0);
    cr_assert_geq(fcntl(ends[1], F_SETPIPE_SZ, 1 << 20), 1 << 20);
    log_set_fd(ends[1]);
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, log_many, &names[i]), 0);
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    (void)close(ends[1]);
    in = fdopen(ends[0], "r");
    cr_assert_not_null(in);
    while (fgets(line, sizeof(line), in) != NULL) {
        const char *t = member(line, "t");

        cr_assert_eq(strspn(t, (char[]){t[0], '\0'}), 400);
        lines++;
    }
    (void)fclose(in);
    cr_assert_eq(lines, THREADS * LINES);
}
