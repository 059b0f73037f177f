/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/ops_priv.h"

#include <criterion/criterion.h>

#include "base/log.h"
#include "base/secret.h"
#include "tests/support/vault_rig.h"

static void start(void)
{
    secret_start();
    log_set_level(LOG_ERROR + 1);
}

TestSuite(ops_page, .init = start, .timeout = 60);

static struct json *request_of(const char *text)
{
    struct json *request = NULL;

    REQUIRE(json_parse(span_str(text), &request) == ERR_OK);
    return request;
}

Test(ops_page, is_what_is_asked_for)
{
    AUTO(json_free) struct json *request = request_of("{\"after\":7,\"limit\":2}");
    AUTO(json_free) struct json *none = request_of("{}");
    struct ops_page page;
    struct errmsg msg = {""};

    cr_assert_eq(ops_read_page(request, 5, &page, &msg), ERR_OK, "%s", msg.text);
    cr_assert(page.after == 7 && page.limit == 2);
    cr_assert_eq(ops_read_page(none, 5, &page, &msg), ERR_OK, "%s", msg.text);
    cr_assert(page.after == 0 && page.limit == 5);
}

Test(ops_page, stays_as_it_was_when_nothing_can_be_read)
{
    static const char *const bad[] = {"{\"after\":-1}", "{\"after\":\"1\"}", "{\"limit\":0}",
                                      "{\"after\":1,\"limit\":100000}"};

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        AUTO(json_free) struct json *request = request_of(bad[i]);
        struct ops_page page = {.after = 77, .limit = 88};
        struct errmsg msg = {""};

        cr_expect_eq(ops_read_page(request, 5, &page, &msg), ERR_INVALID, "%s", bad[i]);
        cr_expect(page.after == 77 && page.limit == 88, "%s", bad[i]);
        cr_expect_neq(msg.text[0], '\0', "%s", bad[i]);
    }
}

/* ---- records ---- */

static void add_record(struct rig *r, const char *body)
{
    struct vault_record record = {
        .kind = VAULT_RECORD_PROPOSAL, .at_ms = 1, .body = span_str(body)};
    struct vault_records_write op = {.op = {.kind = VAULT_RECORDS}, .records = &record, .count = 1};

    cr_assert_eq(vault_run(r->vault, &op.op), ERR_OK);
}

static enum err tell(const struct vault_record *record, struct json **ret)
{
    return json_parse(record->body, ret) == ERR_OK ? ERR_OK : ERR_CORRUPT;
}

static const struct ops_records proposals = {VAULT_RECORD_PROPOSAL, "entries", tell};

static enum err list(struct rig *r, const char *text, struct json **ret)
{
    AUTO(json_free) struct json *request = request_of(text);
    const struct admin admin = {.vault = r->vault, .classes = &r->classes};
    struct errmsg msg = {""};

    json_free(ret);
    return ops_list_records(&admin, request, &proposals, ret, &msg);
}

Test(ops_page, of_records_says_where_the_next_begins)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *page = NULL;

    rig_init(&r);
    add_record(&r, "{\"n\":1}");
    add_record(&r, "{\"n\":2}");
    add_record(&r, "{\"n\":3}");
    cr_assert_eq(list(&r, "{\"limit\":2}", &page), ERR_OK);
    cr_assert_eq(json_count(json_get(page, "entries")), 2);
    cr_assert(json_bool_of(json_get(page, "more"), false));
    cr_assert_eq(json_int_of(json_get(page, "next"), 0), 2);
    cr_assert_eq(list(&r, "{\"after\":2,\"limit\":2}", &page), ERR_OK);
    cr_assert_eq(json_count(json_get(page, "entries")), 1);
    cr_assert_eq(json_int_of(json_get(json_at(json_get(page, "entries"), 0), "n"), 0), 3);
    cr_assert_not(json_bool_of(json_get(page, "more"), true));
}

Test(ops_page, of_records_that_cannot_be_read_is_none)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *page = NULL;

    rig_init(&r);
    add_record(&r, "{\"n\":1}");
    add_record(&r, "no json");
    cr_assert_eq(list(&r, "{\"limit\":2}", &page), ERR_CORRUPT);
    cr_assert_null(page);
    cr_assert_eq(list(&r, "{\"limit\":0}", &page), ERR_INVALID);
    cr_assert_null(page);
}
