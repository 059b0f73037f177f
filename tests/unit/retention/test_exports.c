/* SPDX-License-Identifier: Apache-2.0 */
/* Exports of persons: what stands in them, that each is recorded, and links that work once. */
#include "retention/exports.h"

#include <criterion/criterion.h>

#include "base/digest.h"
#include "retention/canonical.h"
#include "tests/support/vault_rig.h"
#include "vault/audit.h"
#include "vault/records.h"

static const struct controller shop = {.name = "Shop <&>", .contact = "privacy@example.org"};
static char printer_name[] = "printer", crm_name[] = "crm", note_name[] = "note";
static char *printer_classes[] = {note_name};
static struct recipient partner_list[] = {
    {.name = printer_name, .classes = printer_classes, .class_count = 1}, {.name = crm_name}};
static const struct recipients partners = {.list = partner_list, .count = 2};
static const struct period three_years = {.months = 36};

struct bench {
    struct rig rig;
    struct exports *exports;
    struct export_order order;
    struct errmsg msg;
};

TestSuite(exports, .init = secret_start, .timeout = 60);

static uint64_t slot_of(struct bench *b, const char *name)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    uint64_t slot = 0;

    cr_assert_eq(vault_reader_open(b->rig.vault, &reader), ERR_OK);
    cr_assert_eq(vault_read_begin(reader), ERR_OK);
    cr_assert_eq(vault_read_subject(reader, VAULT_DOMAIN_DEFAULT, span_str(name), &slot), ERR_OK);
    vault_read_end(reader);
    return slot;
}

/* Anna has a value of each class: (b), (f) and (a). */
static void bench_start(struct bench *b)
{
    *b = (struct bench){.msg = {""}};
    rig_init(&b->rig);
    b->exports = exports_new(b->rig.vault);
    exports_configure(b->exports, &shop, &partners, &three_years);
    (void)rig_store(&b->rig, "mail", "anna", "anna@example.org");
    (void)rig_store(&b->rig, "note", "anna", "=1+1 </script> \"x\"");
    (void)rig_store(&b->rig, "brief", "anna", "short");
    (void)rig_store(&b->rig, "note", "bert", "milk");
    b->order.ask.slot = slot_of(b, "anna");
    b->order.who = SPAN_LIT("rita");
}

static void bench_stop(struct bench *b)
{
    exports_free(&b->exports);
    rig_done(&b->rig);
}

static struct json *make(struct bench *b)
{
    struct json *tree = NULL;
    uint64_t number = 0;

    cr_assert_eq(exports_make(b->exports, &b->order, &tree, &number, &b->msg), ERR_OK, "%s",
                 b->msg.text);
    return tree;
}

static const struct json *value_of(const struct json *tree, const char *class_name)
{
    const struct json *values = json_get(tree, "values");

    for (size_t i = 0; i < json_count(values); i++)
        if (strcmp(json_str_of(json_get(json_at(values, i), "class")), class_name) == 0)
            return json_at(values, i);
    return NULL;
}

static void erase(struct bench *b, uint64_t slot)
{
    struct vault_erasure erasure = {.slot = 0};
    struct vault_erase op = {.op = {.kind = VAULT_ERASE}, .slot = slot, .erasure = &erasure};

    cr_assert_eq(vault_run(b->rig.vault, &op.op), ERR_OK);
    vault_erasure_done(&erasure);
}

static void text_of(const struct json *tree, enum export_format format, struct buf *out)
{
    buf_init_secret(out, 1 << 20);
    cr_assert_eq(export_write(tree, format, out), ERR_OK);
    cr_assert_eq(buf_append_byte(out, 0), ERR_OK);
}

static bool has(const struct buf *text, const char *what)
{
    return strstr((const char *)text->bytes, what) != NULL;
}

/* ---- the document ---- */

Test(exports, tell_of_each_value_why_and_until_when)
{
    AUTO(bench_stop) struct bench b;
    AUTO(json_free) struct json *tree = NULL;
    const struct json *mail, *category;

    bench_start(&b);
    tree = make(&b);
    cr_expect_eq(json_count(json_get(tree, "values")), 3);
    mail = value_of(tree, "mail");
    cr_expect_str_eq(json_str_of(json_get(mail, "value")), "anna@example.org");
    cr_expect_str_eq(json_str_of(json_get(mail, "created")), "2026-01-10T12:00:00Z");
    cr_expect_str_eq(json_str_of(json_get(mail, "due")), "2028-01-10T12:00:00Z");
    category = json_at(json_get(tree, "categories"), 0);
    cr_expect_str_eq(json_str_of(json_get(category, "basis_text")), "contract");
    cr_expect_str_eq(json_str_of(json_get(category, "retention")),
                     "2 years from when it was stored");
    cr_expect_eq(json_count(json_get(category, "recipients")), 1);
    cr_expect_str_eq(json_str_of(json_at(json_get(category, "recipients"), 0)), "crm");
    category = json_at(json_get(tree, "categories"), 1);
    cr_expect_eq(json_count(json_get(category, "recipients")), 2);
    cr_expect_str_eq(json_str_of(json_get(json_get(tree, "controller"), "name")), "Shop <&>");
    cr_expect_eq(json_count(json_get(tree, "rights")), 6);
    cr_expect_str_eq(json_str_of(json_get(tree, "as_of")), "2026-01-10T12:00:00Z");
}

Test(exports, are_in_the_language_that_was_asked_for)
{
    AUTO(bench_stop) struct bench b;
    AUTO(json_free) struct json *tree = NULL;

    bench_start(&b);
    b.order.ask.lang = LETTER_DE;
    tree = make(&b);
    cr_expect_str_eq(json_str_of(json_get(tree, "title")), "Ihre Daten");
    cr_expect_str_eq(json_str_of(json_get(json_at(json_get(tree, "categories"), 1), "retention")),
                     "10 Tage ab der Speicherung");
}

Test(exports, to_take_along_rest_on_consent_or_contract)
{
    AUTO(bench_stop) struct bench b;
    AUTO(json_free) struct json *tree = NULL;

    bench_start(&b);
    b.order.ask.portable = true;
    tree = make(&b);
    cr_expect_eq(json_count(json_get(tree, "values")), 2);
    cr_expect_null(value_of(tree, "note"));
    cr_expect_null(json_get(tree, "consultations"));
}

Test(exports, carry_a_digest_of_all_the_rest)
{
    AUTO(bench_stop) struct bench b;
    AUTO(json_free) struct json *tree = NULL;
    AUTO(buf_done) struct buf text = {.max = 1 << 20};
    char hex[DIGEST_HEX_BYTES], digest[DIGEST_HEX_BYTES];

    bench_start(&b);
    tree = make(&b);
    (void)snprintf(digest, sizeof(digest), "%s", json_str_of(json_get(tree, "digest")));
    json_remove(tree, "digest");
    cr_assert_eq(canonical_write(tree, &text), ERR_OK);
    digest_hex(buf_span(&text), hex);
    cr_expect_str_eq(hex, digest);
}

/* The books keep the digest for longer than the person is there. */
Test(exports, have_a_digest_that_values_cannot_be_tried_on)
{
    AUTO(bench_stop) struct bench b;
    AUTO(json_free) struct json *first = NULL;
    AUTO(json_free) struct json *second = NULL;

    bench_start(&b);
    b.order.ask.portable = true; /* nothing in it says how often it was made */
    first = make(&b);
    second = make(&b);
    cr_expect_str_eq(json_str_of(json_get(first, "as_of")), json_str_of(json_get(second, "as_of")));
    cr_expect_str_neq(json_str_of(json_get(first, "digest")),
                      json_str_of(json_get(second, "digest")));
}

/* E67 */
Test(exports, escape_whatever_a_person_may_have_typed)
{
    AUTO(bench_stop) struct bench b;
    AUTO(json_free) struct json *tree = NULL;
    AUTO(buf_done) struct buf page = {.max = 0};
    AUTO(buf_done) struct buf table = {.max = 0};

    bench_start(&b);
    tree = make(&b);
    text_of(tree, EXPORT_HTML, &page);
    cr_expect(has(&page, "=1+1 &lt;/script&gt; &quot;x&quot;"));
    cr_expect(has(&page, "Shop &lt;&amp;&gt;"));
    cr_expect(!has(&page, "<script") && !has(&page, "</script"));
    text_of(tree, EXPORT_CSV, &table);
    cr_expect(has(&table, "\"note\",\"'=1+1 </script> \"\"x\"\"\",\"string\""));
    cr_expect(has(&table, "\"class\",\"value\",\"type\",\"token\",\"created\",\"due\"\r\n"));
}

Test(exports, of_nobody_are_refused)
{
    AUTO(bench_stop) struct bench b;
    struct json *tree = NULL;
    uint64_t number;

    bench_start(&b);
    erase(&b, b.order.ask.slot);
    cr_expect_eq(exports_make(b.exports, &b.order, &tree, &number, &b.msg), ERR_NOT_FOUND);
    cr_expect_null(tree);
}

/* ---- the records ---- */

Test(exports, are_recorded_without_a_value)
{
    AUTO(bench_stop) struct bench b;
    AUTO(json_free) struct json *tree = NULL;
    AUTO(vault_records_close) struct vault_records *records = NULL;
    struct vault_record record;
    char body[512];

    bench_start(&b);
    tree = make(&b);
    cr_assert_eq(vault_records_open(b.rig.vault, &records), ERR_OK);
    cr_assert_eq(vault_record_get(records, VAULT_RECORD_EXPORT, 1, &record), ERR_OK);
    (void)snprintf(body, sizeof(body), "%.*s", (int)record.body.len, record.body.at);
    cr_expect_eq(record.slot, b.order.ask.slot);
    cr_expect_not_null(strstr(body, "\"by\":\"rita\""), "%s", body);
    cr_expect_not_null(strstr(body, "\"values\":3"), "%s", body);
    cr_expect_null(strstr(body, "example.org"), "%s", body);
}

Test(exports, are_themselves_looks_at_the_data)
{
    AUTO(bench_stop) struct bench b;
    AUTO(json_free) struct json *first = NULL;
    AUTO(json_free) struct json *second = NULL;
    const struct json *look;

    bench_start(&b);
    first = make(&b);
    cr_expect_eq(json_count(json_get(first, "consultations")), 0);
    second = make(&b);
    cr_assert_eq(json_count(json_get(second, "consultations")), 1);
    look = json_at(json_get(second, "consultations"), 0);
    cr_expect_str_eq(json_str_of(json_get(look, "recipient")), "operator");
    cr_expect_str_eq(json_str_of(json_get(look, "purpose")), "access");
    cr_expect_eq(json_count(json_get(look, "classes")), 3);
    cr_expect_eq(json_count(json_get(second, "recipients")), 0);
}

Test(exports, log_whom_an_application_showed_what)
{
    AUTO(bench_stop) struct bench b;
    AUTO(json_free) struct json *tree = NULL;
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    struct audit_entry entries[1] = {{.values = 1}};
    struct audit_record record = {.action = AUDIT_REVEAL,
                                  .outcome = AUDIT_DONE,
                                  .role = AUDIT_CALLER,
                                  .who = SPAN_LIT("crm"),
                                  .purpose = SPAN_LIT("support"),
                                  .entries = entries,
                                  .entry_count = 1};
    const struct json *recipient;

    bench_start(&b);
    entries[0].class_id = rig_class(&b.rig, "note");
    cr_assert_eq(vault_reader_open(b.rig.vault, &reader), ERR_OK);
    cr_assert_eq(vault_read_begin(reader), ERR_OK);
    cr_assert_eq(audit_subject_tag(reader, b.order.ask.slot, entries[0].tag), ERR_OK);
    vault_read_end(reader);
    cr_assert_eq(audit_write(vault_audit(b.rig.vault), &record), ERR_OK);
    cr_assert_eq(audit_write(vault_audit(b.rig.vault), &record), ERR_OK);
    entries[0].tag[0] ^= 1; /* somebody else's */
    cr_assert_eq(audit_write(vault_audit(b.rig.vault), &record), ERR_OK);
    tree = make(&b);
    cr_expect_eq(json_count(json_get(tree, "consultations")), 2);
    cr_assert_eq(json_count(json_get(tree, "recipients")), 1);
    recipient = json_at(json_get(tree, "recipients"), 0);
    cr_expect_str_eq(json_str_of(json_get(recipient, "name")), "crm");
    cr_expect_eq(json_int_of(json_get(recipient, "times"), 0), 2);
    cr_expect_str_eq(json_str_of(json_at(json_get(recipient, "purposes"), 0)), "support");
}

/* ---- links ---- */

static struct export_link link_of(struct bench *b, const char *period)
{
    struct export_link link;
    struct period lifetime;

    cr_assert_eq(period_parse(span_str(period), &lifetime), ERR_OK);
    cr_assert_eq(exports_link(b->exports, &b->order, &lifetime, &link, &b->msg), ERR_OK, "%s",
                 b->msg.text);
    return link;
}

static enum err look(struct bench *b, const struct export_link *link)
{
    enum letter_lang lang;

    return exports_look(b->exports, span_str(link->token), &lang);
}

static enum err take(struct bench *b, const struct export_link *link)
{
    AUTO(buf_done) struct buf page = {.max = 0};
    enum err e;

    buf_init_secret(&page, 1 << 20);
    e = exports_take(b->exports, span_str(link->token), SPAN_LIT("127.0.0.1"), &page);
    cr_expect_eq(page.len > 0, e == ERR_OK);
    return e;
}

Test(exports, by_link_come_once)
{
    AUTO(bench_stop) struct bench b;
    AUTO(json_free) struct json *tree = NULL;
    struct export_link link, other = {.token = ""};

    bench_start(&b);
    link = link_of(&b, "PT72H");
    cr_expect_eq(look(&b, &link), ERR_OK);
    cr_expect_eq(look(&b, &link), ERR_OK, "looking uses nothing up");
    cr_expect_eq(take(&b, &link), ERR_OK);
    cr_expect_eq(take(&b, &link), ERR_GONE);
    cr_expect_eq(look(&b, &link), ERR_GONE);
    cr_expect_eq(look(&b, &other), ERR_NOT_FOUND);
    memset(other.token, '0', EXPORTS_TOKEN_CHARS);
    cr_expect_eq(take(&b, &other), ERR_NOT_FOUND);
    tree = make(&b);
    cr_expect_eq(json_count(json_get(tree, "consultations")), 0, "the person is no third party");
}

Test(exports, by_link_end_with_its_time)
{
    AUTO(bench_stop) struct bench b;
    const struct period too_long = {.days = EXPORTS_LINK_DAYS_MAX + 1};
    struct export_link link;

    bench_start(&b);
    link = link_of(&b, "PT1H");
    rig_clock(RIG_NOW_S + 3599);
    cr_expect_eq(look(&b, &link), ERR_OK);
    rig_clock(RIG_NOW_S + 3600);
    cr_expect_eq(look(&b, &link), ERR_GONE);
    cr_expect_eq(take(&b, &link), ERR_GONE);
    cr_expect_eq(exports_link(b.exports, &b.order, &too_long, &link, &b.msg), ERR_INVALID);
}

/* E56 */
Test(exports, by_link_end_with_the_person)
{
    AUTO(bench_stop) struct bench b;
    struct export_link link;

    bench_start(&b);
    link = link_of(&b, "PT1H");
    erase(&b, b.order.ask.slot);
    cr_expect_eq(look(&b, &link), ERR_GONE);
    cr_expect_eq(take(&b, &link), ERR_GONE);
}

Test(exports, are_forgotten_after_the_time_of_registers)
{
    AUTO(bench_stop) struct bench b;
    struct export_link link;

    bench_start(&b);
    link = link_of(&b, "PT1H");
    rig_clock(RIG_NOW_S + 1099 * (int64_t)RIG_DAY_S);
    cr_expect_eq(look(&b, &link), ERR_GONE);
    (void)rig_store(&b.rig, "note", "carl", "x");
    b.order.ask.slot = slot_of(&b, "carl");
    (void)link_of(&b, "PT1H");
    cr_expect_eq(look(&b, &link), ERR_NOT_FOUND);
}
