/* SPDX-License-Identifier: Apache-2.0 */
/* history DIR [--persons N] [--seed S] [--days N] [--until SECONDS]: make a store in DIR, which must not be there, with a
 * history of two years that end now, and print the history's own account of it as JSON. DIR/lethe.yaml is its
 * configuration, DIR/tokens.json has an access token and a second factor for each role. */
#include "tests/history/history.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "retention/audit_check.h"
#include "vault/backup.h"

enum { DAY_S = 86400, PAUSED_DAYS = 20, CROWD = 50000 };

/* ---- chance ---- */

uint64_t history_draw(struct history *h, uint64_t below)
{
    uint64_t z = h->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) % below;
}

bool history_chance(struct history *h, unsigned percent)
{
    return history_draw(h, 100) < percent;
}

size_t history_crowds(const struct history *h)
{
    return h->size / CROWD + (h->size < CROWD);
}

struct person *history_somebody(struct history *h)
{
    for (int i = 0; i < 20 && h->people_count > 0; i++) {
        struct person *p = &h->people[history_draw(h, h->people_count)];

        if (!p->gone)
            return p;
    }
    return NULL;
}

const char *history_label(struct history *h)
{
    static const char *const labels[] = {
        "<script>alert(1)</script>",
        "\"onmouseover=\"alert(1)",
        "'><img src=x onerror=alert(1)>",
        "=cmd|'/C calc'!A0",
        "+1+1",
        "-2+3",
        "@SUM(1+1)*cmd|' /C calc'!A0",
        "javascript:alert(1)",
        "{{7*7}} ${7*7} #{7*7} <%= 7*7 %>",
        "&lt;b&gt; &amp; &#x3c;",
        "</title></textarea></style><svg onload=alert(1)>",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaa"
        "aaaaaaaa",
        "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \xd9\x85\xd8\xb1\xd8\xad\xd8\xa8\xd8\xa7", /* from right to left */
        "\xf0\x9f\x92\xbe;drop table val_1;--",
        "]]><!--",
        "line; with, separators\" and \"quotes",
        "legal department",
        "court case 7 O 123/26",
    };

    return labels[history_draw(h, COUNT_OF(labels))];
}

const char *history_bad_label(struct history *h)
{
    static const char *const labels[] = {
        "\xe2\x80\xaetxt.exe", /* turned round */
        "\x1b]0;owned\x07",    /* a terminal's order */
        "a\nb",
        "\xe2\x81\xa6isolate\xe2\x81\xa9",
    };

    return labels[history_draw(h, COUNT_OF(labels))];
}

/* ---- days ---- */

static size_t births_on(const struct history *h, int64_t index)
{
    return h->size * (size_t)(index + 1) / (size_t)h->days -
           h->size * (size_t)index / (size_t)h->days;
}

/* How often on a day: what so many of a thousand persons ask for, spread over the whole time. */
static size_t times(struct history *h, size_t persons, unsigned of_thousand)
{
    const uint64_t all = persons * of_thousand, spread = (uint64_t)h->days * 1000;

    return (size_t)(all / spread) + (history_draw(h, spread) < all % spread);
}

static void ask_and_erase(struct history *h, int64_t index, int64_t day)
{
    const int64_t left = h->days - index;
    const size_t persons = h->size < CROWD ? h->size : CROWD;
    size_t asked = times(h, h->size, 4), erased;

    history_clock(h, day * DAY_S + 11 * 3600);
    if (asked == 0 && (index % 11 == 0 || left == 32 || left == 26 || left == 28))
        asked = 1;
    while (asked-- > 0)
        history_request_new(h, day);
    history_requests_go_on(h, day);
    history_clock(h, day * DAY_S + 12 * 3600);
    history_holds(h, day);
    erased = times(h, persons, 2); /* each is proven by a search through the whole store */
    if (erased == 0 && (index % 19 == 0 || left == 7))
        erased = 1;
    while (erased-- > 0)
        history_erase(h);
}

static void live(struct history *h, int64_t index)
{
    const int64_t day = h->start_day + index, left = h->days - index;
    const int64_t start_s = day * DAY_S;

    history_clock(h, start_s + 8 * 3600);
    history_births(h, births_on(h, index));
    history_clock(h, start_s + 9 * 3600);
    if (index == h->days / 2)
        history_change_rules(h);
    for (size_t i = 0; i < 1 + h->size / 5000; i++)
        history_events(h);
    history_clock(h, start_s + 10 * 3600);
    history_looks(h, day);
    if (index == h->days / 3 || left == 12)
        history_incident(h, day);
    ask_and_erase(h, index, day);
    history_clock(h, start_s + 23 * 3600);
    if (left == PAUSED_DAYS)
        history_pause(h);
    history_sweep(h, day);
}

static void count_receipt(struct history *h, const char *number)
{
    AUTO(json_free)
    struct json *receipt =
        history_ask(h, ERR_OK, "{\"op\":\"receipt.show\",\"number\":\"%s\"}", number);

    h->account.receipts++;
    h->account.erased += (uint64_t)json_int_of(json_get(json_get(receipt, "scope"), "values"), 0);
}

/* At the end, since an erasure may have waited for a hold, and a request find the receipt of one that came before. */
static void count_receipts(struct history *h)
{
    int64_t after = 0;

    do {
        AUTO(json_free)
        struct json *page =
            history_ask(h, ERR_OK, "{\"op\":\"receipt.list\",\"after\":%" PRId64 "}", after);
        const struct json *list = json_get(page, "receipts");

        for (size_t i = 0; i < json_count(list); i++)
            count_receipt(h, json_str_of(json_get(json_at(list, i), "number")));
        after = json_int_of(json_get(page, "next"), 0);
    } while (after != 0);
}

/* Those of the erased ended with them. */
static void count_objections(struct history *h)
{
    for (size_t i = 0; i < h->people_count; i++)
        h->account.objections +=
            h->people[i].objects &&
            history_do(h, ERR_NOT_FOUND, "{\"op\":\"subject.show\",\"subject\":\"%s\"}",
                       h->people[i].name);
}

static void end(struct history *h)
{
    struct vault_clock_accept accept = {.op = {.kind = VAULT_CLOCK_ACCEPT}};
    AUTO(json_free) struct json *recount = NULL;

    history_clock(h, h->end_s);
    REQUIRE(vault_run(h->vault, &accept.op) == ERR_OK);
    recount = history_ask(h, ERR_OK, "{\"op\":\"retention.recount\"}");
    count_receipts(h);
    count_objections(h);
    REQUIRE(audit_check_run(h->vault, NULL) == ERR_OK);
}

/* ---- what is left behind ---- */

static void make_tokens(struct history *h)
{
    static const char *const roles[] = {"officer",  "operator", "auditor",
                                        "approver", "support",  "app"};
    AUTO(json_free) struct json *all = json_new_map();
    AUTO(buf_done) struct buf out = {.max = 1 << 16};
    AUTO(mem_free) char *path = NULL;
    int fd;

    for (size_t i = 0; i < COUNT_OF(roles); i++) {
        AUTO(json_free)
        struct json *made = history_ask(
            h, ERR_OK,
            "{\"op\":\"access.create\",\"name\":\"%s\",\"role\":\"%s\",\"expires\":\"P90D\"}",
            roles[i], roles[i]);
        AUTO(json_free)
        struct json *factor = history_ask(h, ERR_OK, "{\"op\":\"access.enrol\",\"number\":%lld}",
                                          (long long)json_int_of(json_get(made, "number"), 0));
        struct json *one = json_new_map();

        json_set(one, "token", json_new_text(json_text_of(json_get(made, "token"))));
        json_set(one, "uri", json_new_text(json_text_of(json_get(factor, "uri"))));
        json_set(all, roles[i], one);
    }
    REQUIRE(json_write_pretty(all, &out) == ERR_OK &&
            asprintf(&path, "%s/tokens.json", h->dir) > 0);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, out.bytes, out.len) != (ssize_t)out.len || close(fd) != 0)
        history_fail("%s cannot be written", path);
}

static void set_count(struct json *map, const char *name, uint64_t n)
{
    json_set_int(map, name, (int64_t)n);
}

static void print_account(const struct history *h)
{
    AUTO(json_free) struct json *map = json_new_map();
    AUTO(buf_done) struct buf out = {.max = 1 << 16};
    struct json *created = json_new_map();
    const struct account *a = &h->account;

    for (size_t i = 0; i < HISTORY_CLASSES; i++)
        set_count(created, history_classes[i], a->created[i]);
    json_set(map, "created", created);
    json_set_str(map, "first", history_date(h->start_day));
    json_set_str(map, "until", history_date(h->end_s / DAY_S));
    set_count(map, "persons", h->people_count);
    set_count(map, "swept", a->swept);
    set_count(map, "erased", a->erased);
    set_count(map, "sweeps", a->sweeps);
    set_count(map, "failed_sweeps", a->failed_sweeps);
    set_count(map, "receipts", a->receipts);
    set_count(map, "requests", a->requests);
    set_count(map, "answered", a->answered);
    set_count(map, "holds", a->holds - a->lifted);
    set_count(map, "lifted", a->lifted);
    set_count(map, "restrictions", a->restrictions);
    set_count(map, "objections", a->objections);
    set_count(map, "incidents", a->incidents);
    set_count(map, "shown", a->shown);
    set_count(map, "masked", a->masked);
    set_count(map, "refused", a->refused);
    set_count(map, "shown_lately", a->shown_lately);
    set_count(map, "masked_lately", a->masked_lately);
    set_count(map, "refused_lately", a->refused_lately);
    set_count(map, "events", a->events);
    set_count(map, "notices_done", a->notices_done);
    set_count(map, "refused_labels", a->refused_labels);
    REQUIRE(json_write_pretty(map, &out) == ERR_OK);
    (void)fwrite(out.bytes, 1, out.len, stdout);
}

/* ---- the command ---- */

static void read_options(struct history *h, int argc, char **argv)
{
    if (argc < 2)
        history_fail("history DIR [--persons N] [--seed S] [--days N] [--until SECONDS]");
    h->dir = argv[1];
    for (int i = 2; i + 1 < argc; i += 2) {
        const unsigned long long n = strtoull(argv[i + 1], NULL, 10);

        if (strcmp(argv[i], "--persons") == 0)
            h->size = (size_t)n;
        else if (strcmp(argv[i], "--seed") == 0)
            h->seed = n;
        else if (strcmp(argv[i], "--days") == 0 && n >= HISTORY_DAYS_MIN)
            h->days = (int64_t)n;
        else if (strcmp(argv[i], "--until") == 0)
            h->end_s = (int64_t)n;
        else
            history_fail("%s %s: there is no such option", argv[i], argv[i + 1]);
    }
}

int main(int argc, char **argv)
{
    struct history h = {
        .size = 50000, .seed = 1, .days = HISTORY_DAYS, .end_s = (int64_t)time(NULL)};

    read_options(&h, argc, argv);
    secret_start();
    log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
    h.random = h.seed;
    h.start_day = h.end_s / DAY_S - h.days;
    h.people = mem_try_alloc(h.size + 1, sizeof(*h.people));
    REQUIRE(h.people != NULL);
    history_clock(&h, h.start_day * DAY_S);
    history_open(&h);
    for (int64_t i = 0; i < h.days; i++)
        live(&h, i);
    end(&h);
    make_tokens(&h);
    print_account(&h);
    history_close(&h);
    free(h.people);
    free(h.asked);
    return 0;
}
