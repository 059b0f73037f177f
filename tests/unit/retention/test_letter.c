/* SPDX-License-Identifier: Apache-2.0 */
/* Letters: the right one for each outcome, with what the law wants said. */
#include "retention/letter.h"

#include "tests/unit/retention/request_rig.h"

TestSuite(letter, .init = secret_start, .timeout = 60);

/* The letter of a request; "" and the message in r->msg when there is none. */
static const char *letter(struct request_rig *r, uint64_t number, const char *kind,
                          const char *lang, const char *expected_name)
{
    static char text[8192];
    AUTO(json_free) struct json *tree = NULL;

    text[0] = '\0';
    r->msg = (struct errmsg){""};
    if (requests_letter(r->requests, number, kind, lang, &tree, &r->msg) != ERR_OK)
        return text;
    (void)snprintf(text, sizeof(text), "%s", json_str_of(json_get(tree, "text")));
    if (expected_name != NULL)
        cr_expect_str_eq(json_str_of(json_get(tree, "template")), expected_name);
    cr_expect_null(strpbrk(text, "{}"), "%s", text);
    cr_expect_null(strstr(text, "anonym"), "%s", text);
    return text;
}

#define SAYS(text, words)                                                                          \
    cr_expect_not_null(strstr((text), (words)), "%s\nlacks %s", (text), (words))
#define COURT_EN "you may go to court (Article 79 GDPR)"
#define COURT_DE "Klage vor Gericht erheben (Artikel 79 DSGVO)"

Test(letter, of_an_erasure_tells_of_copies_that_remain)
{
    AUTO(request_rig_done) struct request_rig r;
    uint64_t number;
    const char *text;
    char receipt[64];

    request_rig_init(&r);
    rig_store(&r.rig, "note", "ada", "likes tea");
    number = request_rig_approved(&r, "ada");
    cr_assert_eq(request_rig_act(&r, number, REQUEST_EXECUTE, "{}"), ERR_OK);
    (void)snprintf(receipt, sizeof(receipt), "%s", request_rig_get(&r, number, "rights.0.receipt"));
    text = letter(&r, number, NULL, NULL, "granted-en-1");
    SAYS(text, "Your request of 10 January 2026, our number 1");
    SAYS(text, "erased on 10 January 2026");
    SAYS(text, receipt);
    SAYS(text, "Backup copies may remain until they are replaced");
    cr_expect_null(strstr(text, "complaint"));
    text = letter(&r, number, NULL, "de", "granted-de-1");
    SAYS(text, "Ihr Antrag vom 10. Januar 2026, unser Zeichen 1");
    SAYS(text, "am 10. Januar 2026 gelöscht");
    SAYS(text, "Sicherungskopien können noch");
}

Test(letter, names_the_day_until_which_copies_remain)
{
    AUTO(json_free)
    struct json *view = request_rig_json(
        "{\"number\": 5, \"received_date\": \"2026-03-05\", \"backups_until\": \"2026-07-05\","
        " \"rights\": [{\"right\": \"erasure\", \"outcome\": \"granted\", \"done\": \"2026-03-09\","
        " \"receipt\": \"00\"}]}");
    AUTO(buf_done) struct buf out = {.max = 0};

    buf_init(&out, LETTER_TEXT_MAX);
    cr_assert_eq(letter_write(view, LETTER_GRANTED, LETTER_EN, &out), ERR_OK);
    cr_assert_eq(buf_append_byte(&out, '\0'), ERR_OK);
    SAYS((const char *)out.bytes, "may remain until 5 July 2026 at the latest");
    SAYS((const char *)out.bytes, "If you ask us, we name");
}

Test(letter, that_refuses_tells_of_complaint_and_court)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *view = NULL;
    const char *text;

    request_rig_init(&r);
    cr_assert_eq(
        request_rig_add(&r, "{\"rights\": [\"erasure\"], \"channel\": \"email\"}", NULL, &view),
        ERR_OK);
    cr_assert_eq(
        request_rig_act(&r, 1, REQUEST_REFUSE, "{\"reason\": \"17(3)(b)\", \"law\": \"AO 147\"}"),
        ERR_OK);
    text = letter(&r, 1, NULL, "en", "refused-en-1");
    SAYS(text, "The law obliges us to keep the data (Article 17(3)(b) GDPR).");
    SAYS(text, "The provision: AO 147.");
    SAYS(text, COURT_EN);
    text = letter(&r, 1, NULL, "de", "refused-de-1");
    SAYS(text, "gesetzlich verpflichtet");
    SAYS(text, "Die Vorschrift: AO 147.");
    SAYS(text, COURT_DE);
    cr_expect_str_eq(letter(&r, 1, "granted", NULL, NULL), "");
    cr_expect_not_null(strstr(r.msg.text, "is true"));
    cr_expect_str_eq(letter(&r, 1, "ode", NULL, NULL), "");
    cr_expect_str_eq(letter(&r, 1, NULL, "tlh", NULL), "");
    cr_expect_not_null(strstr(r.msg.text, "en, de"));
    cr_expect_str_eq(letter(&r, 9, NULL, NULL, NULL), "");
}

Test(letter, of_a_part_says_what_is_kept_and_why)
{
    AUTO(json_free)
    struct json *view = request_rig_json(
        "{\"number\": 5, \"received_date\": \"2026-03-05\", \"rights\": [{\"right\": \"erasure\","
        " \"outcome\": \"partly\", \"done\": \"2026-03-09\", \"receipt\": \"00\"}], \"scope\":"
        " {\"kept\": [{\"class\": \"invoice\", \"exception\": \"17(3)(b)\", \"law\": \"AO 147\","
        " \"until\": \"2034-12-31\"}]}}");
    AUTO(buf_done) struct buf out = {.max = 0};

    buf_init(&out, LETTER_TEXT_MAX);
    cr_assert_eq(letter_write(view, LETTER_PARTLY, LETTER_DE, &out), ERR_OK);
    cr_assert_eq(buf_append_byte(&out, '\0'), ERR_OK);
    SAYS((const char *)out.bytes, "Wir bewahren invoice bis 31. Dezember 2034 auf.");
    SAYS((const char *)out.bytes, "Die Vorschrift: AO 147.");
    SAYS((const char *)out.bytes, COURT_DE);
}

Test(letter, fits_where_the_request_stands)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *view = NULL;
    const char *text;

    request_rig_init(&r);
    cr_assert_eq(request_rig_add(&r,
                                 "{\"rights\": [\"access\", \"objection\"], "
                                 "\"channel\": \"email\"}",
                                 NULL, &view),
                 ERR_OK);
    text = letter(&r, 1, NULL, NULL, "receipt-en-1");
    SAYS(text, "access to your data (Article 15 GDPR); objection to processing");
    SAYS(text, "by 10 February 2026 at the latest");
    cr_expect_str_eq(letter(&r, 1, "identity", NULL, NULL), "");
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_ASK_IDENTITY,
                                 "{\"channel\": \"email\", \"reason\": \"new address\"}"),
                 ERR_OK);
    SAYS(letter(&r, 1, NULL, "en", "identity-en-1"), "Article 12(6)");
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_EXTEND,
                                 "{\"reason\": \"number\", \"channel\": \"email\", \"by\": \"M\"}"),
                 ERR_OK);
    text = letter(&r, 1, NULL, "de", "extension-de-1");
    SAYS(text, "wegen der Anzahl von Anträgen");
    SAYS(text, "spätestens am 10. April 2026");
    SAYS(text, COURT_DE);
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_WITHDRAW, "{\"channel\": \"email\"}"), ERR_OK);
    SAYS(letter(&r, 1, NULL, NULL, "withdrawn-en-1"), "you have withdrawn");
}

Test(letter, to_somebody_whom_nobody_found_asks_for_something_to_look_for)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *view = NULL;

    request_rig_init(&r);
    cr_assert_eq(
        request_rig_add(&r, "{\"rights\": [\"access\"], \"channel\": \"email\"}", "nobody", &view),
        ERR_OK);
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_REFUSE, "{\"reason\": \"not_identifiable\"}"),
                 ERR_OK, "%s", r.msg.text);
    SAYS(letter(&r, 1, NULL, NULL, "not_identifiable-en-1"), "Article 11(2)");
    SAYS(letter(&r, 1, NULL, NULL, NULL), COURT_EN);
}

/* Each kind in each language is whole, whatever is missing in the request. */
Test(letter, every_kind_can_be_written_about_anything)
{
    static const char *const views[] = {
        "{}",
        "{\"rights\": [{\"right\": \"cake\"}, {}], \"scope\": {\"kept\": [{}]}}",
        ("{\"number\": 1, \"rights\": [{\"right\": \"erasure\", \"outcome\": \"refused\","
         " \"reason\": \"nonsense\", \"law\": \"{braces}\"}]}"),
    };

    for (size_t v = 0; v < COUNT_OF(views); v++) {
        AUTO(json_free) struct json *view = request_rig_json(views[v]);

        for (int kind = 0; kind < LETTER_KIND_COUNT; kind++)
            for (int lang = 0; lang < LETTER_LANG_COUNT; lang++) {
                AUTO(buf_done) struct buf out = {.max = 0};
                AUTO(buf_done) struct buf small = {.max = 0};

                buf_init(&out, LETTER_TEXT_MAX);
                buf_init(&small, 20);
                cr_assert_eq(
                    letter_write(view, (enum letter_kind)kind, (enum letter_lang)lang, &out),
                    ERR_OK);
                cr_assert_gt(out.len, 100);
                cr_assert_eq(
                    letter_write(view, (enum letter_kind)kind, (enum letter_lang)lang, &small),
                    ERR_TOO_LARGE);
            }
    }
}

Test(letter, words_lead_back)
{
    enum letter_kind kind;
    enum letter_lang lang;
    char name[LETTER_NAME_MAX];

    for (int i = 0; i < LETTER_KIND_COUNT; i++) {
        cr_assert(letter_kind_of(span_str(letter_kind_word((enum letter_kind)i)), &kind));
        cr_expect_eq((int)kind, i);
    }
    cr_assert(letter_lang_of(span_str("de"), &lang) && !letter_lang_of(span_str("DE"), &lang));
    cr_expect_not(letter_kind_of(span_str(""), &kind));
    letter_name(LETTER_NOT_IDENTIFIABLE, LETTER_DE, name);
    cr_expect_str_eq(name, "not_identifiable-de-1");
}
