/* SPDX-License-Identifier: Apache-2.0 */
/* What requests leave in the audit trail, over real sockets. */
#include "tests/unit/proxy/person_rig.h"

#include "base/fault.h"
#include "vault/audit_read.h"
#include "vault/watch.h"

TestSuite(exchange_audit, .init = secret_start, .timeout = 60);

static const struct rig_options routes = {
    .scripts = scripts,
    .script_count = 1,
    .routes =
        "routes:\n"
        "  - {path: \"/users/{id}\", methods: [PUT, GET], upstream: app, subject: path.id,\n"
        "     request: [{json: \"$.email\", class: email}, {json: \"$.phone\", class: phone}],\n"
        "     response: [{json: \"$.email\", class: email}, {json: \"$.phone\", class: phone}]}\n"
        "  - {path: \"/notes/{id}\", methods: [PUT, GET], upstream: app, subject: path.id,\n"
        "     response: [{header: X-Note, class: phone}]}\n"
        "  - {path: /plain, methods: [GET], upstream: app}\n"};

/* ---- what the trail holds ---- */

struct seen {
    size_t count;
    struct audit_record at[16];
    struct audit_entry entries[16][4];
    char who[16][32], purpose[16][32], error[16][32];
};

static enum err take(const struct audit_record *record, void *context)
{
    struct seen *seen = context;
    const size_t n = seen->count;

    cr_assert_lt(n, COUNT_OF(seen->at));
    seen->at[n] = *record;
    (void)snprintf(seen->who[n], sizeof(seen->who[n]), "%.*s", (int)record->who.len,
                   record->who.at == NULL ? "" : record->who.at);
    (void)snprintf(seen->purpose[n], sizeof(seen->purpose[n]), "%.*s", (int)record->purpose.len,
                   record->purpose.at == NULL ? "" : record->purpose.at);
    (void)snprintf(seen->error[n], sizeof(seen->error[n]), "%.*s", (int)record->error.len,
                   record->error.at == NULL ? "" : record->error.at);
    for (size_t i = 0; i < record->entry_count && i < COUNT_OF(seen->entries[0]); i++)
        seen->entries[n][i] = record->entries[i];
    seen->count++;
    return ERR_OK;
}

static struct seen *records(const struct rig *r)
{
    static const struct audit_filter all = {.after = 0};
    static struct seen seen;

    seen.count = 0;
    cr_assert_eq(audit_each(vault_dir(r->vault), &all, take, &seen), ERR_OK);
    return &seen;
}

static struct rig_answer put(struct rig *r, const char *fields, const char *body)
{
    return send_json(r, "PUT", "/users/7", fields, body);
}

/* The upstream answers with what it was sent. */
static int store_and_show(struct rig *r, const char *fields)
{
    struct rig_answer a;
    int status;

    answer_with(200, "application/json", "{}");
    a = put(r, fields, "{\"email\":\"ada@example.org\",\"phone\":\"+49 30 1\"}");
    rig_answer_done(&a);
    answer_with(200, "application/json", body_seen(r));
    a = put(r, fields, "{\"email\":\"ada@example.org\",\"phone\":\"+49 30 1\"}");
    status = a.status;
    rig_answer_done(&a);
    return status;
}

Test(exchange_audit, one_record_says_what_was_stored_and_one_what_was_shown)
{
    struct seen *s;
    struct rig r;

    rig_start(&r, &routes);
    cr_assert_eq(store_and_show(&r, DESK), 200);
    s = records(&r);
    cr_assert_eq(s->count, 2);
    cr_assert_eq(s->at[0].action, AUDIT_TOKENIZE);
    cr_assert_eq(s->at[0].entry_count, 2);
    cr_assert_eq(s->entries[0][0].tokens, 1);
    cr_assert_str_eq(s->who[0], "desk");
    /* The second time nothing was new: what it found counts with what it showed. */
    cr_assert_eq(s->at[1].action, AUDIT_REVEAL);
    cr_assert_eq(s->at[1].outcome, AUDIT_DONE);
    cr_assert_eq(s->at[1].entry_count, 2);
    cr_assert_eq(s->entries[1][0].tokens, 1);
    cr_assert_eq(s->entries[1][0].masks, 1); /* the desk sees e-mail addresses masked */
    cr_assert_eq(s->entries[1][1].values, 1);
    cr_assert_str_eq(s->purpose[1], "support");
    cr_assert_arr_eq(s->entries[0][0].tag, s->entries[1][0].tag, AUDIT_TAG_BYTES);
    cr_assert_neq(s->at[1].request, NULL);
    rig_stop(&r);
}

Test(exchange_audit, requests_that_show_and_store_nothing_have_none)
{
    struct rig_answer a;
    struct rig r;

    rig_start(&r, &routes);
    answer_with(200, "application/json", "{}");
    for (size_t i = 0; i < 5; i++) {
        a = get(&r, "/users/7", DESK);
        cr_assert_eq(a.status, 200);
        rig_answer_done(&a);
    }
    cr_assert_eq(rig_status(&r, "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    cr_assert_eq(records(&r)->count, 0);
    rig_stop(&r);
}

/* ---- refusals ---- */

static void await_records(struct rig *r, size_t count)
{
    const int64_t until = clock_mono_ms() + RIG_PATIENCE_MS;

    while (records(r)->count < count && clock_mono_ms() < until)
        (void)poll(NULL, 0, 20);
    cr_assert_eq(records(r)->count, count);
}

Test(exchange_audit, what_was_refused_is_recorded)
{
    struct seen *s;
    struct rig r;

    rig_start(&r, &routes);
    cr_assert_eq(rig_status(&r, "GET /users/7 HTTP/1.1\r\nHost: a\r\nLethe-Key: wrong\r\n\r\n"),
                 401);
    cr_assert_eq(rig_status(&r, "GET /users/7 HTTP/1.1\r\nHost: a\r\n" DESK
                                "Lethe-Purpose: marketing\r\n\r\n"),
                 403);
    await_records(&r, 2);
    s = records(&r);
    cr_assert_eq(s->at[0].outcome, AUDIT_REFUSED);
    cr_assert_str_eq(s->error[0], "UNAUTHORIZED");
    cr_assert_str_eq(s->who[0], "-");
    cr_assert_str_eq(s->error[1], "DENIED");
    cr_assert_str_eq(s->who[1], "desk");
    cr_assert_str_eq(s->purpose[1], ""); /* what a client writes there is nobody's purpose */
    rig_stop(&r);
}

struct flood {
    size_t count;
    uint64_t more;
};

static enum err count_flood(const struct audit_record *record, void *context)
{
    struct flood *flood = context;

    flood->count++;
    flood->more += record->more;
    return ERR_OK;
}

/* Until all that nobody waits for is written. */
static void await_figures(struct rig *r)
{
    const int64_t until = clock_mono_ms() + RIG_PATIENCE_MS;
    struct audit_figures before = {.records = UINT64_MAX}, now;

    for (audit_figures(vault_audit(r->vault), &now);
         now.records != before.records && clock_mono_ms() < until;
         audit_figures(vault_audit(r->vault), &now)) {
        before = now;
        (void)poll(NULL, 0, 1200);
    }
}

Test(exchange_audit, a_flood_of_refusals_is_counted_and_not_written)
{
    const struct audit_filter all = {.who = SPAN_LIT("-")};
    struct flood flood = {.count = 0};
    struct rig r;

    rig_start(&r, &routes);
    for (size_t i = 0; i < 600; i++)
        cr_assert_eq(rig_status(&r, "GET /plain HTTP/1.1\r\nHost: a\r\nLethe-Key: no\r\n\r\n"),
                     401);
    proxy_stop(&r.proxy, RIG_PATIENCE_MS);
    await_figures(&r);
    cr_assert_eq(audit_each(vault_dir(r.vault), &all, count_flood, &flood), ERR_OK);
    cr_assert_lt(flood.count, 600);
    cr_assert_leq(flood.count + flood.more, 600);
    cr_assert_geq(flood.count, 50);
    rig_stop(&r);
}

/* ---- what cannot be recorded ---- */

Test(exchange_audit, e77_nothing_is_shown_or_stored_without_a_record)
{
    struct rig_answer a;
    struct rig r;

    rig_start(&r, &routes);
    cr_assert_eq(store_and_show(&r, DESK), 200);
    fault_test_set("audit.write!fail", NULL);
    a = put(&r, DESK, "{\"email\":\"ada@example.org\",\"phone\":\"+49 30 1\"}");
    cr_expect_eq(a.status, 503);
    cr_expect_null(strstr(a.text, "+49"), "%s", a.text);
    rig_answer_done(&a);
    a = put(&r, DESK, "{\"email\":\"ada@example.org\",\"phone\":\"+49 30 2\"}"); /* a new value */
    cr_expect_eq(a.status, 503);
    rig_answer_done(&a);
    cr_expect_null(strstr(body_seen(&r), "+49 30 2"));
    fault_test_set(NULL, NULL);
    cr_expect_eq(store_and_show(&r, DESK), 200);
    cr_expect_not_null(strstr(rig_log(&r), "the audit trail cannot be written"));
    rig_stop(&r);
}

Test(exchange_audit, e77_a_buffered_trail_refuses_too_once_it_cannot_be_written)
{
    const struct audit_options buffered = {.buffered = true};
    const int64_t until = clock_mono_ms() + 2 * RIG_PATIENCE_MS;
    int status;
    struct rig r;

    rig_start(&r, &routes);
    audit_configure(vault_audit(r.vault), &buffered);
    cr_assert_eq(store_and_show(&r, DESK), 200);
    await_records(&r, 2);
    fault_test_set("audit.write!fail", NULL);
    answer_with(200, "application/json", body_seen(&r));
    do {
        status = status_of(get(&r, "/users/7", DESK));
        (void)poll(NULL, 0, 20);
    } while (status == 200 && clock_mono_ms() < until);
    cr_assert_eq(status, 503);
    fault_test_set(NULL, NULL);
    rig_stop(&r);
}

Test(exchange_audit, header_fields_that_are_shown_are_recorded_before)
{
    char token[TOKEN_TEXT_MAX + 1], fields[1024];
    struct rig_answer a;
    struct seen *s;
    struct rig r;

    rig_start(&r, &routes);
    answer_with(200, "application/json", "{}");
    a = put(&r, DESK, "{\"phone\":\"+49 30 1\"}");
    rig_answer_done(&a);
    (void)token_seen(&r, "phone", token);
    (void)snprintf(fields, sizeof(fields),
                   "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Note: %s\r\nContent-Length: "
                   "2\r\n\r\nok",
                   token);
    (void)snprintf(answer, sizeof(answer), "%s", fields);
    a = get(&r, "/notes/7", DESK);
    cr_assert_eq(a.status, 200);
    cr_assert_not_null(strstr(a.text, "+49 30 1"), "%s", a.text);
    rig_answer_done(&a);
    s = records(&r);
    cr_assert_eq(s->count, 2);
    cr_assert_eq(s->entries[1][0].values, 1);
    fault_test_set("audit.write!fail", NULL);
    a = get(&r, "/notes/7", DESK);
    cr_assert_eq(a.status, 503);
    cr_assert_null(strstr(a.text, "+49"));
    rig_answer_done(&a);
    fault_test_set(NULL, NULL);
    rig_stop(&r);
}
