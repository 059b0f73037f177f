/* SPDX-License-Identifier: Apache-2.0 */
#include "retention/report.h"

#include <string.h>

#include "base/log.h"
#include "base/secret.h"
#include "retention/flows.h"
#include "retention/measures.h"
#include "retention/report_write.h"
#include "tests/unit/retention/report_rig.h"

#define GUARDED                                                                                    \
    "admin: {address: x}\nledger_mirror: /x\naudit: {heads: syslog}\nkey_rotation: P30D\n"         \
    "retention: {breaker: {factor: 3}}\n"                                                          \
    "callers: {shop: {purposes: [account], quota: {subjects_per_hour: 1}}}\n"                      \
    "routes: [{path: /a, upstream: crm, undeclared: block, request: [{json: $.m, class: "          \
    "mail}]}]\n"
#define CARELESS                                                                                   \
    "default: pass\nseccomp: off\naudit: {reveals: buffered}\ncallers: {shop: {purposes: "         \
    "[account]}}\n"                                                                                \
    "routes: [{path: /a, upstream: crm, request: [{json: $.m, class: mail}]}]\n"

static void start(void)
{
    secret_start();
    log_set_level(LOG_ERROR);
}

TestSuite(report_dpia, .init = start, .timeout = 60);

/* SAID: what the configuration says of activities; its flows and measures are read here. */
static struct json *report_with(struct rig *r, const char *configuration, struct json *said)
{
    AUTO(conf_free) struct conf *conf = NULL;
    struct json *tree = NULL;
    struct errmsg msg = {""};

    cr_assert_eq(conf_parse("t.yaml", span_str(configuration), &conf, &msg), ERR_OK, "%s",
                 msg.text);
    json_set(said, "flows", flows_read(conf_root(conf), &r->classes));
    json_set(said, "measures", measures_read(conf_root(conf)));
    cr_assert_eq(rig_report_said(r, "dpia", said, INT64_MIN, &tree), ERR_OK);
    return tree;
}

static struct json *report(struct rig *r, const char *configuration)
{
    AUTO(json_free) struct json *said = json_new_map();

    return report_with(r, configuration, said);
}

/* The next row of the chapter with this number, of this item. */
static const struct json *find(const struct json *tree, char chapter, const char *item)
{
    const struct json *rows = json_get(tree, "rows");

    for (size_t i = 0; i < json_count(rows); i++) {
        const struct json *row = json_at(rows, i);

        if (json_str_of(json_get(row, "section"))[0] == chapter &&
            strcmp(json_str_of(json_get(row, "item")), item) == 0)
            return row;
    }
    return NULL;
}

static const char *text(const struct json *row, const char *name)
{
    const char *value = json_str_of(json_get(row, name));

    return value == NULL ? "" : value;
}

static void expect_states(const struct json *tree, const char *state)
{
    static const char *const items[] = {"four eyes",    "quotas",      "undeclared data",
                                        "ledger",       "audit heads", "refused unless declared",
                                        "system calls", "audit trail"};

    for (size_t i = 0; i < COUNT_OF(items); i++)
        cr_assert_str_eq(text(find(tree, '4', items[i]), "state"), state, "%s", items[i]);
}

Test(report_dpia, says_which_measures_are_in_place)
{
    AUTO(rig_done) struct rig r;
    struct json *tree;

    rig_init(&r);
    tree = report(&r, GUARDED);
    expect_states(tree, "in place");
    cr_assert_not_null(strstr(text(find(tree, '4', "root key"), "evidence"), "rule P30D"));
    cr_assert_not_null(strstr(text(find(tree, '4', "circuit breaker"), "evidence"), "3 times"));
    cr_assert_null(find(tree, '3', "default: pass"));
    json_free(&tree);
    tree = report(&r, CARELESS);
    expect_states(tree, "not in place");
    cr_assert_not_null(find(tree, '3', "default: pass"));
    cr_assert_eq(json_int_of(json_get(json_get(tree, "summary"), "not_in_place"), 0), 10,
                 "without a sweep and a backup, too");
    cr_assert_not(report_needs_attention(tree), "it judges nothing");
    json_free(&tree);
}

Test(report_dpia, describes_classes_and_what_counting_their_tokens_tells)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *tree = NULL;

    rig_init(&r);
    (void)rig_store(&r, "mail", "ada", "ada@example.org");
    tree = report(&r, GUARDED);
    cr_assert_str_eq(text(find(tree, '1', "mail"), "state"), "equal tokens");
    cr_assert_str_eq(text(find(tree, '1', "mail"), "evidence"), "1 values now");
    cr_assert_not_null(strstr(text(find(tree, '1', "mail"), "statement"), "Kept P2Y from"));
    cr_assert_str_eq(text(find(tree, '1', "note"), "state"), "random tokens");
    cr_assert_not_null(strstr(text(find(tree, '3', "counting"), "statement"), "values of mail"));
    cr_assert_not_null(strstr(text(find(tree, '1', "recipient"), "statement"), "receives mail"));
    cr_assert_eq(json_int_of(json_get(json_get(tree, "summary"), "deterministic"), 0), 1);
}

Test(report_dpia, leaves_what_a_person_must_say_blank)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *tree = NULL;
    const struct json *rows;
    int64_t blank = 0;

    rig_init(&r);
    tree = report(&r, GUARDED);
    rows = json_get(tree, "rows");
    for (size_t i = 0; i < json_count(rows); i++) {
        const char *state = text(json_at(rows, i), "state");

        cr_assert_eq(json_kind(json_get(json_at(rows, i), "answer")), JSON_NIL);
        blank += strcmp(state, "blank") == 0 || strcmp(state, "assess") == 0;
    }
    cr_assert_eq(json_int_of(json_get(json_get(tree, "summary"), "blank"), 0), blank);
    for (size_t i = 0; i < r.classes.count; i++)
        cr_assert_str_eq(text(find(tree, '2', r.classes.defs[i].name), "state"), "blank");
    cr_assert_not_null(find(tree, '5', "officer"));
}

Test(report_dpia, repeats_a_long_description_whole)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *tree = NULL, *said = json_new_map();
    struct json *activities = json_new_map(), *orders = json_new_map();
    char words[199 + 2 * 50 + 1];

    /* A cut after 200 bytes would fall into the first of the letters of two. */
    memset(words, 'a', 199);
    for (size_t i = 199; i < sizeof(words) - 1; i += 2)
        memcpy(words + i, "\xc3\xa4", 2);
    words[sizeof(words) - 1] = '\0';
    json_set_str(orders, "description", words);
    json_set(activities, "orders", orders);
    json_set(said, "activities", activities);
    rig_init(&r);
    tree = report_with(&r, GUARDED, said);
    cr_assert_not_null(strstr(text(find(tree, '1', "orders"), "statement"), words));
}

Test(report_dpia, calls_nothing_in_place_where_there_is_nothing)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *tree = NULL;

    rig_init(&r);
    tree = report(&r, "admin: {address: x}\n");
    cr_assert_str_eq(text(find(tree, '4', "quotas"), "state"), "not in place");
    cr_assert_str_eq(text(find(tree, '4', "undeclared data"), "state"), "not in place");
}

static void put(const struct json *tree, enum report_format format, struct buf *out)
{
    buf_init(out, REPORT_TEXT_MAX);
    cr_assert_eq(report_write(tree, &(struct report_style){.format = format}, out), ERR_OK);
    cr_assert_eq(buf_append_byte(out, '\0'), ERR_OK);
}

Test(report_dpia, reads_as_text_and_as_a_page)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *tree = NULL;
    AUTO(buf_done) struct buf page = {.max = 0}, plain = {.max = 0};
    size_t width = 0;

    rig_init(&r);
    tree = report(&r, GUARDED);
    json_set_str(json_at(json_get(tree, "rows"), 0), "statement", "<b>bold</b> \x1b[2J");
    put(tree, REPORT_HTML, &page);
    cr_assert_not_null(strstr((char *)page.bytes, "<h2>1 Description of the processing"));
    cr_assert_not_null(strstr((char *)page.bytes, "<p class=\"blank\"></p>"));
    cr_assert_not_null(strstr((char *)page.bytes, "&lt;b&gt;bold"));
    cr_assert_null(strstr((char *)page.bytes, "<table"));
    put(tree, REPORT_TABLE, &plain);
    cr_assert_not_null(strstr((char *)plain.bytes, "\n4 Measures (Art. 35(7)(d))\n\n"));
    cr_assert_not_null(strstr((char *)plain.bytes, "To be filled in: ......"));
    cr_assert_null(strchr((char *)plain.bytes, '\x1b'));
    for (const char *at = strstr((char *)plain.bytes, "\n1 "), *end; at != NULL; at = end) {
        end = strchr(at + 1, '\n');
        if (end != NULL && (size_t)(end - at) > width)
            width = (size_t)(end - at);
    }
    cr_assert(width > 60 && width <= 101, "lines are broken: %zu", width);
}
