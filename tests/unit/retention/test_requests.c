/* SPDX-License-Identifier: Apache-2.0 */
/* The register: entering, identity, clocks, decisions, answers. */
#include "retention/requests.h"

#include "base/calendar.h"
#include "tests/unit/retention/request_rig.h"
#include "vault/holds.h"

TestSuite(requests, .init = secret_start, .timeout = 60);

#define ADD "{\"rights\": [\"access\", \"erasure\"], \"channel\": \"email\""

#define EXPECT(number, path, text) cr_expect_str_eq(request_rig_get(&r, (number), (path)), (text))

Test(requests, are_entered_with_their_dates_and_history)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *view = NULL;

    request_rig_init(&r);
    rig_store(&r.rig, "note", "ada", "likes tea");
    cr_assert_eq(
        request_rig_add(&r, ADD ", \"external\": \"CRM-7\", \"owner\": \"team 2\"}", "ada", &view),
        ERR_OK, "%s", r.msg.text);
    cr_expect(json_bool_of(json_get(view, "created"), false));
    EXPECT(1, "number", "1");
    EXPECT(1, "state", "received");
    EXPECT(1, "standing", "on time");
    EXPECT(1, "received", "2026-01-10T12:00:00.000Z");
    EXPECT(1, "received_date", "2026-01-10");
    EXPECT(1, "dates.raw", "2026-02-10");
    EXPECT(1, "dates.legal", "2026-02-10");
    EXPECT(1, "dates.target", "2026-02-07");
    EXPECT(1, "due", "2026-02-10");
    EXPECT(1, "days_left", "31");
    EXPECT(1, "days_used", "0");
    EXPECT(1, "regime.name", "gdpr");
    EXPECT(1, "holidays", "DE-1");
    EXPECT(1, "zone", "UTC");
    EXPECT(1, "channel", "email");
    EXPECT(1, "external", "CRM-7");
    EXPECT(1, "owner", "team 2");
    EXPECT(1, "rights.0.right", "access");
    EXPECT(1, "rights.1.outcome", "pending");
    EXPECT(1, "decision", "");
    EXPECT(1, "domain", "default");
    EXPECT(1, "lookups.0.by", "identifier");
    EXPECT(1, "lookups.0.found", "true");
    EXPECT(1, "history.0.action", "add");
    EXPECT(1, "history.0.who", "uid 1000");
    EXPECT(1, "history.0.to", "received");
    cr_expect_eq(strlen(request_rig_get(&r, 1, "subject")), 32);
    cr_expect_eq(strlen(request_rig_get(&r, 1, "id")), 32);
}

Test(requests, e43_of_one_external_number_are_one_request)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *first = NULL;
    AUTO(json_free) struct json *again = NULL;
    AUTO(json_free) struct json *other = NULL;

    request_rig_init(&r);
    cr_assert_eq(request_rig_add(&r, ADD ", \"external\": \"CRM-7\"}", NULL, &first), ERR_OK);
    cr_assert_eq(request_rig_add(&r, ADD ", \"external\": \"CRM-7\"}", NULL, &again), ERR_OK);
    cr_assert_eq(request_rig_add(&r, ADD "}", NULL, &other), ERR_OK);
    cr_expect_not(json_bool_of(json_get(again, "created"), true));
    cr_expect_eq(json_int_of(json_get(again, "number"), 0), 1);
    cr_expect_eq(json_int_of(json_get(other, "number"), 0), 2);
}

Test(requests, that_came_earlier_count_from_then_in_the_controllers_zone)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *a = NULL;
    AUTO(json_free) struct json *b = NULL;

    request_rig_init(&r);
    cr_assert_eq(calendar_use("Europe/Berlin"), ERR_OK);
    rig_clock(1770000000); /* 2026-02-02 */
    cr_assert_eq(request_rig_add(&r, ADD ", \"received\": \"2026-01-31T23:30:00Z\"}", NULL, &a),
                 ERR_OK, "%s", r.msg.text);
    cr_assert_eq(request_rig_add(&r, ADD ", \"received\": \"2026-01-31\"}", NULL, &b), ERR_OK, "%s",
                 r.msg.text);
    EXPECT(1, "received", "2026-01-31T23:30:00.000Z");
    EXPECT(1, "received_date", "2026-02-01");
    EXPECT(1, "dates.legal", "2026-03-02");
    EXPECT(1, "zone", "Europe/Berlin");
    EXPECT(2, "received", "");
    EXPECT(2, "dates.raw", "2026-02-28");
    EXPECT(2, "dates.legal", "2026-03-02");
    cr_assert_eq(calendar_use("UTC"), ERR_OK);
}

Test(requests, that_make_no_sense_are_not_entered)
{
    static const struct {
        const char *args, *message;
    } wrong[] = {
        {"{\"channel\": \"email\"}", "\"rights\" must be a list"},
        {"{\"rights\": [], \"channel\": \"email\"}", "\"rights\" must be a list"},
        {"{\"rights\": [\"cake\"], \"channel\": \"email\"}", "a right is access"},
        {"{\"rights\": [\"access\", \"access\"], \"channel\": \"email\"}", "named twice"},
        {"{\"rights\": [\"access\"]}", "\"channel\" must be one of: email"},
        {"{\"rights\": [\"access\"], \"channel\": \"owl\"}", "\"channel\" must be one of"},
        {ADD ", \"received\": \"2026-01-11\"}", "in the future"},
        {ADD ", \"received\": \"2026-01-10T12:00:01Z\"}", "in the future"},
        {ADD ", \"received\": \"2024-12-01\"}", "more than a year ago"},
        {ADD ", \"received\": \"yesterday\"}", "must be a date"},
        {ADD ", \"received\": \"2026-01-09T25:00:00Z\"}", "must be a date"},
        {ADD ", \"received\": \"2026-01-09T\"}", "must be a date"},
        {ADD ", \"regime\": \"hipaa\"}", "\"regime\" must be"},
        {ADD ", \"ground\": \"g\"}", "the ground must be"},
        {ADD ", \"owner\": \"two\\nlines\"}", "\"owner\" must be one line"},
        {ADD ", \"owner\": 5}", "\"owner\" must be a string"},
        {ADD ", \"subject\": \"ada\"}", "does not belong here"},
        {"{\"rights\": [\"access\"], \"channel\": \"email\", \"ground\": \"b\"}",
         "belongs to a request for erasure"},
    };
    AUTO(request_rig_done) struct request_rig r;

    request_rig_init(&r);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        AUTO(json_free) struct json *view = NULL;

        cr_expect_eq(request_rig_add(&r, wrong[i].args, NULL, &view), ERR_INVALID, "%s",
                     wrong[i].args);
        cr_expect_not_null(strstr(r.msg.text, wrong[i].message), "%s: %s", wrong[i].args,
                           r.msg.text);
    }
    cr_expect_eq(request_rig_act(&r, 1, REQUEST_SCOPE, "{}"), ERR_NOT_FOUND);
}

Test(requests, keep_no_text_that_holds_an_identifier_of_the_person)
{
    AUTO(request_rig_done) struct request_rig r;
    uint64_t number;

    request_rig_init(&r);
    rig_store(&r.rig, "note", "ada@example.org", "likes tea");
    number = request_rig_erasure(&r, "ada@example.org");
    cr_expect_eq(request_rig_act(&r, number, REQUEST_ACKNOWLEDGE, "{\"channel\": \"email\"}"),
                 ERR_OK, "%s", r.msg.text);
    cr_expect_eq(request_rig_act(&r, number, REQUEST_COMPLAIN,
                                 "{\"reference\": \"file of (ada@example.org), no. 3\"}"),
                 ERR_INVALID);
    cr_expect_null(strstr(r.msg.text, "ada"), "%s", r.msg.text);
    cr_expect_eq(request_rig_act(&r, number, REQUEST_COMPLAIN,
                                 "{\"reference\": \"file of bob@example.org\"}"),
                 ERR_OK, "%s", r.msg.text);
}

Test(requests, stand_by_the_days_that_are_left)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *view = NULL;
    static const struct {
        int day;
        const char *standing;
    } cases[] = {{25, "on time"}, {26, "due soon"}, {31, "due soon"}, {32, "past due"}};
    struct request_figures figures;

    request_rig_init(&r);
    cr_assert_eq(request_rig_add(&r, ADD "}", NULL, &view), ERR_OK);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        rig_clock(RIG_NOW_S + (int64_t)cases[i].day * RIG_DAY_S);
        EXPECT(1, "standing", cases[i].standing);
        cr_assert_eq(requests_figures(r.requests, &figures), ERR_OK);
        cr_expect_eq(figures.open, 1);
        cr_expect_eq(figures.soon, strcmp(cases[i].standing, "due soon") == 0, "%d", cases[i].day);
        cr_expect_eq(figures.past, strcmp(cases[i].standing, "past due") == 0, "%d", cases[i].day);
    }
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_WITHDRAW, "{\"channel\": \"phone\"}"), ERR_OK);
    EXPECT(1, "standing", "ended");
    EXPECT(1, "decision", "withdrawn");
    cr_assert_eq(requests_figures(r.requests, &figures), ERR_OK);
    cr_expect(figures.open == 0 && figures.past == 0);
}

/* ---- identity ---- */

Test(requests, pause_while_identity_is_asked_for_where_the_policy_says_so)
{
    AUTO(request_rig_done) struct request_rig r;
    struct request_figures figures;

    request_rig_init(&r);
    rig_store(&r.rig, "note", "ada", "likes tea");
    for (uint64_t number = 1; number <= 2; number++) {
        AUTO(json_free) struct json *view = NULL;

        rig_clock(RIG_NOW_S);
        request_rig_configure(&r, number == 1 ? "requests: {pause_for_identity: true}\n"
                                              : "other: 1\n");
        cr_assert_eq(request_rig_add(&r, ADD "}", "ada", &view), ERR_OK);
        cr_assert_eq(request_rig_act(&r, number, REQUEST_ASK_IDENTITY,
                                     "{\"channel\": \"email\", \"reason\": \"new address\"}"),
                     ERR_OK, "%s", r.msg.text);
    }
    rig_clock(RIG_NOW_S + 40 * RIG_DAY_S);
    EXPECT(1, "paused_now", "true");
    EXPECT(1, "paused_days", "40");
    EXPECT(1, "dates.legal", "2026-02-10");
    EXPECT(1, "dates.due", "2026-03-23"); /* the 22nd is a Sunday */
    EXPECT(1, "standing", "on time");
    EXPECT(2, "dates.due", "2026-02-10");
    EXPECT(2, "standing", "past due");
    cr_assert_eq(requests_figures(r.requests, &figures), ERR_OK);
    cr_expect(figures.open == 2 && figures.past == 1 && figures.soon == 0);
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_VERIFY_IDENTITY,
                                 "{\"method\": \"letter\", \"date\": \"2026-01-20\"}"),
                 ERR_OK, "%s", r.msg.text);
    EXPECT(1, "paused_now", "false");
    EXPECT(1, "paused_days", "10");
    EXPECT(1, "dates.legal", "2026-02-10");
    EXPECT(1, "dates.due", "2026-02-20");
    EXPECT(1, "identity.method", "letter");
    EXPECT(1, "identity.doubt", "new address");
}

/* D12, D16 */
Test(requests, of_somebody_whom_nobody_finds_end_as_not_identifiable)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *view = NULL;
    AUTO(json_free) struct json *ignored = NULL;
    const char *refuse = "{\"reason\": \"not_identifiable\"}";

    request_rig_init(&r);
    cr_assert_eq(request_rig_add(&r, ADD "}", NULL, &view), ERR_OK);
    cr_expect_eq(request_rig_act(&r, 1, REQUEST_REFUSE, refuse), ERR_CONFLICT);
    cr_expect_not_null(strstr(r.msg.text, "nobody has looked"));
    cr_expect_eq(request_rig_act(&r, 1, REQUEST_VERIFY_IDENTITY, "{\"method\": \"login\"}"),
                 ERR_INVALID);
    cr_expect_not_null(strstr(r.msg.text, "whose request this is"));
    cr_expect_eq(request_rig_act_of(&r, 1, REQUEST_VERIFY_IDENTITY, "{\"method\": \"login\"}",
                                    "nobody", &ignored),
                 ERR_NOT_FOUND);
    cr_expect_not_null(strstr(r.msg.text, "nobody is known by this identifier"), "%s", r.msg.text);
    EXPECT(1, "state", "received");
    EXPECT(1, "lookups.0.found", "false");
    EXPECT(1, "history.1.action", "look-up");
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_REFUSE, refuse), ERR_OK, "%s", r.msg.text);
    EXPECT(1, "state", "not_identifiable");
    EXPECT(1, "decision", "not_identifiable");
}

Test(requests, belong_to_one_person)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *view = NULL;
    AUTO(json_free) struct json *ignored = NULL;

    request_rig_init(&r);
    rig_store(&r.rig, "note", "ada", "likes tea");
    rig_store(&r.rig, "note", "bob", "likes coffee");
    cr_assert_eq(request_rig_add(&r, ADD "}", "ada", &view), ERR_OK);
    cr_expect_eq(request_rig_act_of(&r, 1, REQUEST_VERIFY_IDENTITY, "{\"method\": \"login\"}",
                                    "bob", &ignored),
                 ERR_CONFLICT);
    cr_expect_not_null(strstr(r.msg.text, "another person's"));
    cr_expect_eq(request_rig_act(&r, 1, REQUEST_REFUSE, "{\"reason\": \"not_identifiable\"}"),
                 ERR_CONFLICT);
    cr_expect_not_null(strstr(r.msg.text, "was found"));
}

/* ---- decisions ---- */

Test(requests, are_extended_once_and_in_time)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *view = NULL;
    AUTO(json_free) struct json *lgpd = NULL;
    const char *extend =
        "{\"reason\": \"complexity\", \"channel\": \"letter\", \"by\": \"M. Roe\"}";

    request_rig_init(&r);
    rig_store(&r.rig, "note", "ada", "likes tea");
    cr_assert_eq(request_rig_add(&r, ADD "}", "ada", &view), ERR_OK);
    cr_assert_eq(request_rig_add(&r, ADD ", \"regime\": \"lgpd\"}", "ada", &lgpd), ERR_OK);
    cr_expect_eq(request_rig_act(&r, 2, REQUEST_EXTEND, extend), ERR_CONFLICT);
    cr_expect_not_null(strstr(r.msg.text, "no extension"));
    cr_expect_eq(request_rig_act(&r, 1, REQUEST_EXTEND,
                                 "{\"reason\": \"holiday\", \"channel\": "
                                 "\"letter\", \"by\": \"M. Roe\"}"),
                 ERR_INVALID);
    cr_expect_eq(request_rig_act(&r, 1, REQUEST_EXTEND, "{\"reason\": \"number\"}"), ERR_INVALID);
    cr_expect_str_eq(r.msg.text, "extend needs \"channel\"");
    rig_clock(RIG_NOW_S + 32 * RIG_DAY_S); /* 2026-02-11 */
    cr_expect_eq(request_rig_act(&r, 1, REQUEST_EXTEND, extend), ERR_CONFLICT);
    cr_expect_not_null(strstr(r.msg.text, "is over"));
    rig_clock(RIG_NOW_S + 31 * RIG_DAY_S);
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_EXTEND, extend), ERR_OK, "%s", r.msg.text);
    EXPECT(1, "state", "received"); /* it goes its way */
    EXPECT(1, "dates.legal", "2026-04-10");
    EXPECT(1, "dates.target", "2026-04-07");
    EXPECT(1, "extension.decided", "2026-02-10");
    cr_expect_eq(request_rig_act(&r, 1, REQUEST_EXTEND, extend), ERR_CONFLICT);
    cr_expect_not_null(strstr(r.msg.text, "before"));
}

Test(requests, are_confirmed_where_the_regime_wants_it)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *view = NULL;

    request_rig_init(&r);
    cr_assert_eq(request_rig_add(&r, ADD ", \"regime\": \"ccpa\"}", NULL, &view), ERR_OK);
    EXPECT(1, "due", "2026-01-23"); /* ten working days */
    EXPECT(1, "dates.legal", "2026-02-24");
    rig_clock(RIG_NOW_S + 14 * RIG_DAY_S);
    EXPECT(1, "standing", "past due");
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_ACKNOWLEDGE,
                                 "{\"channel\": \"email\", \"date\": \"2026-01-12\"}"),
                 ERR_OK, "%s", r.msg.text);
    EXPECT(1, "due", "2026-02-24");
    EXPECT(1, "standing", "on time");
    cr_expect_eq(request_rig_act(&r, 1, REQUEST_ACKNOWLEDGE, "{\"channel\": \"email\"}"),
                 ERR_CONFLICT);
}

Test(requests, are_refused_with_what_the_law_wants_shown)
{
    static const struct {
        const char *args, *message;
    } wrong[] = {
        {"{}", "refuse needs \"reason\""},
        {"{\"reason\": \"\"}", "refuse needs \"reason\""},
        {"{\"reason\": \"mood\"}", "no such reason"},
        {"{\"reason\": \"excessive\"}", "name who decided"},
        {"{\"reason\": \"excessive\", \"by\": \"M. Roe\"}", "name who decided"},
        {"{\"reason\": \"17(3)(b)\"}", "needs the law"},
        {"{\"reason\": \"17(3)(e)\", \"right\": \"access\"}", "is no reason to refuse access"},
        {"{\"reason\": \"excessive\", \"by\": \"M\", \"reasoning\": \"F\", \"right\": "
         "\"objection\"}",
         "not for that right"},
    };
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *view = NULL;

    request_rig_init(&r);
    cr_assert_eq(request_rig_add(&r, ADD "}", NULL, &view), ERR_OK);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        cr_expect_eq(request_rig_act(&r, 1, REQUEST_REFUSE, wrong[i].args), ERR_INVALID, "%s",
                     wrong[i].args);
        cr_expect_not_null(strstr(r.msg.text, wrong[i].message), "%s: %s", wrong[i].args,
                           r.msg.text);
    }
    cr_expect_eq(request_rig_act(&r, 1, REQUEST_REFUSE, "{\"reason\": \"identity_not_proven\"}"),
                 ERR_CONFLICT, "it was not asked for");
    EXPECT(1, "history.1.action", "");
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_REFUSE,
                                 "{\"reason\": \"17(3)(e)\", \"right\": \"erasure\"}"),
                 ERR_OK, "%s", r.msg.text);
    EXPECT(1, "state", "received"); /* access goes on */
    EXPECT(1, "rights.1.outcome", "refused");
    EXPECT(1, "rights.1.reason", "17(3)(e)");
    cr_expect_eq(request_rig_act(&r, 1, REQUEST_REFUSE,
                                 "{\"reason\": \"17(3)(e)\", \"right\": \"erasure\"}"),
                 ERR_CONFLICT);
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_REFUSE,
                                 "{\"reason\": \"excessive\", \"by\": \"M. Roe\", "
                                 "\"reasoning\": \"file 12\"}"),
                 ERR_OK, "%s", r.msg.text);
    EXPECT(1, "state", "refused");
    EXPECT(1, "decision", "refused");
    EXPECT(1, "rights.0.reasoning", "file 12");
    EXPECT(1, "rights.1.reason", "17(3)(e)");
}

Test(requests, keep_classes_only_with_exception_law_and_end)
{
    static const struct {
        const char *keep, *message;
    } wrong[] = {
        {"[{\"class\": \"note\", \"exception\": \"z\", \"until\": \"2030-01-01\"}]",
         "a letter from a to e"},
        {"[{\"class\": \"note\", \"exception\": \"b\", \"until\": \"2030-01-01\"}]",
         "needs the law"},
        {"[{\"class\": \"note\", \"exception\": \"e\"}]", "needs \"until\""},
        {"[{\"class\": \"note\", \"exception\": \"e\", \"until\": \"2026-01-10\"}]",
         "in the future"},
        {"[{\"class\": \"brief\", \"exception\": \"e\", \"until\": \"2030-01-01\"}]",
         "not in the scope"},
        {"[{\"class\": \"none\", \"exception\": \"e\", \"until\": \"2030-01-01\"}]",
         "no such class"},
        {"[{\"class\": \"note\", \"exception\": \"e\", \"until\": \"2030-01-01\", \"x\": 1}]",
         "does not belong here"},
        {"{}", "must be a list"},
    };
    AUTO(request_rig_done) struct request_rig r;
    uint64_t number;

    request_rig_init(&r);
    rig_store(&r.rig, "note", "ada", "likes tea");
    number = request_rig_erasure(&r, "ada");
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        char args[256];

        (void)snprintf(args, sizeof(args), "{\"classes\": [\"note\", \"mail\"], \"keep\": %s}",
                       wrong[i].keep);
        cr_expect_neq(request_rig_act(&r, number, REQUEST_SCOPE, args), ERR_OK, "%s", args);
        cr_expect_not_null(strstr(r.msg.text, wrong[i].message), "%s: %s", args, r.msg.text);
    }
    EXPECT(number, "state", "verified");
    cr_assert_eq(request_rig_act(&r, number, REQUEST_SCOPE,
                                 "{\"keep\": [{\"class\": \"note\", \"exception\": \"b\", "
                                 "\"law\": \"AO 147\", \"until\": \"2030-01-01\"}]}"),
                 ERR_OK, "%s", r.msg.text);
    EXPECT(number, "state", "scoped");
    EXPECT(number, "scope.kept.0.exception", "17(3)(b)");
    EXPECT(number, "scope.kept.0.law", "AO 147");
    EXPECT(number, "scope.classes", "");
}

Test(requests, e42_need_as_many_people_as_the_configuration_says)
{
    AUTO(request_rig_done) struct request_rig r;
    uint64_t number;

    request_rig_init(&r);
    request_rig_configure(&r, "requests: {approvals: 2}\n");
    rig_store(&r.rig, "note", "ada", "likes tea");
    number = request_rig_erasure(&r, "ada");
    cr_assert_eq(request_rig_act(&r, number, REQUEST_SCOPE, "{}"), ERR_OK);
    cr_expect_eq(request_rig_act(&r, number, REQUEST_APPROVE, "{}"), ERR_INVALID);
    cr_assert_eq(request_rig_act(&r, number, REQUEST_APPROVE, "{\"by\": \"M. Roe\"}"), ERR_OK);
    EXPECT(number, "state", "scoped");
    cr_expect_eq(request_rig_act(&r, number, REQUEST_EXECUTE, "{}"), ERR_CONFLICT);
    cr_expect_eq(request_rig_act(&r, number, REQUEST_APPROVE, "{\"by\": \"m. roe\"}"),
                 ERR_CONFLICT);
    cr_assert_eq(request_rig_act(&r, number, REQUEST_APPROVE, "{\"by\": \"J. Doe\"}"), ERR_OK);
    EXPECT(number, "state", "approved");
    EXPECT(number, "approvals.1.by", "J. Doe");
}

/* ---- the end ---- */

Test(requests, are_answered_with_channel_date_and_the_template_that_is_true)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *view = NULL;

    request_rig_init(&r);
    cr_assert_eq(request_rig_add(&r, ADD "}", NULL, &view), ERR_OK);
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_REFUSE,
                                 "{\"reason\": \"excessive\", \"by\": \"M\", "
                                 "\"reasoning\": \"file 12\"}"),
                 ERR_OK);
    cr_expect_eq(request_rig_act(&r, 1, REQUEST_ANSWER, "{\"channel\": \"letter\"}"), ERR_INVALID);
    cr_expect_eq(request_rig_act(&r, 1, REQUEST_ANSWER,
                                 "{\"channel\": \"letter\", \"template\": \"granted-de-1\"}"),
                 ERR_INVALID);
    cr_expect_eq(request_rig_act(&r, 1, REQUEST_ANSWER,
                                 "{\"channel\": \"letter\", \"template\": \"refused-de-1\", "
                                 "\"date\": \"2026-01-09\"}"),
                 ERR_INVALID, "before it came");
    rig_clock(RIG_NOW_S + 10 * RIG_DAY_S);
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_ANSWER,
                                 "{\"channel\": \"letter\", \"template\": \"refused-de-1\"}"),
                 ERR_OK, "%s", r.msg.text);
    EXPECT(1, "state", "answered");
    EXPECT(1, "answer.date", "2026-01-20");
    EXPECT(1, "in_time", "true");
    EXPECT(1, "days_used", "10");
    EXPECT(1, "standing", "in time");
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_COMPLAIN, "{\"reference\": \"DSB 5/26\"}"), ERR_OK);
    EXPECT(1, "complaints.0.reference", "DSB 5/26");
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_CLOSE, "{}"), ERR_OK, "%s", r.msg.text);
    EXPECT(1, "state", "closed");
}

Test(requests, that_were_answered_late_stay_late)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *view = NULL;

    request_rig_init(&r);
    cr_assert_eq(request_rig_add(&r, ADD "}", NULL, &view), ERR_OK);
    rig_clock(RIG_NOW_S + 40 * RIG_DAY_S);
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_REFUSE,
                                 "{\"reason\": \"excessive\", \"by\": \"M\", "
                                 "\"reasoning\": \"file 12\"}"),
                 ERR_OK);
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_ANSWER,
                                 "{\"channel\": \"letter\", \"template\": \"own:late\"}"),
                 ERR_OK, "%s", r.msg.text);
    EXPECT(1, "in_time", "false");
    EXPECT(1, "standing", "late");
}

Test(requests, take_no_member_that_an_action_does_not_know)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *view = NULL;

    request_rig_init(&r);
    cr_assert_eq(request_rig_add(&r, ADD "}", NULL, &view), ERR_OK);
    cr_expect_eq(
        request_rig_act(&r, 1, REQUEST_WITHDRAW, "{\"channel\": \"phone\", \"reason\": \"x\"}"),
        ERR_INVALID);
    cr_expect_eq(request_rig_act(&r, 1, REQUEST_CLOSE, "{}"), ERR_CONFLICT);
    cr_expect_str_eq(r.msg.text, "the request is received: \"close\" is not possible there");
}

Test(requests, are_walked_by_state_and_forgotten_when_their_time_is_over)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(request_walk_close) struct request_walk *walk = NULL;
    AUTO(json_free) struct json *found = NULL;
    AUTO(json_free) struct json *none = NULL;
    size_t count = 9;

    request_rig_init(&r);
    request_rig_configure(&r, "registers: {keep: P1M}\n");
    for (uint64_t number = 1; number <= 3; number++) {
        AUTO(json_free) struct json *view = NULL;

        cr_assert_eq(request_rig_add(&r, ADD "}", NULL, &view), ERR_OK);
        if (number == 2)
            cr_assert_eq(request_rig_act(&r, 2, REQUEST_WITHDRAW, "{\"channel\": \"fax\"}"),
                         ERR_OK);
    }
    cr_assert_eq(request_rig_act(&r, 2, REQUEST_CLOSE, "{}"), ERR_OK);
    cr_assert_eq(request_walk_open(r.requests, REQUEST_OPEN_STATES, 1, &walk), ERR_OK);
    cr_assert_eq(request_walk_next(walk, &found), ERR_OK);
    cr_expect_eq(json_int_of(json_get(found, "number"), 0), 3);
    cr_expect_eq(request_walk_next(walk, &none), ERR_NOT_FOUND);
    rig_clock(RIG_NOW_S + 30 * RIG_DAY_S);
    cr_assert_eq(requests_forget(r.requests, &count), ERR_OK);
    cr_expect_eq(count, 0);
    rig_clock(RIG_NOW_S + 32 * RIG_DAY_S);
    cr_assert_eq(requests_forget(r.requests, &count), ERR_OK);
    cr_expect_eq(count, 1);
    cr_expect_eq(request_rig_act(&r, 2, REQUEST_CLOSE, "{}"), ERR_NOT_FOUND);
    EXPECT(3, "state", "received");
}

/* ---- restriction ---- */

static bool restricted(struct request_rig *r, const char *subject)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    const uint64_t slot = request_rig_slot(r, subject);
    bool is;

    cr_assert_neq(slot, 0);
    cr_assert_eq(vault_reader_open(r->rig.vault, &reader), ERR_OK);
    cr_assert_eq(vault_read_begin(reader), ERR_OK);
    is = vault_is_restricted(reader, slot);
    vault_read_end(reader);
    return is;
}

/* D19 */
Test(requests, for_erasure_restrict_at_once_and_until_they_are_answered)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *access = NULL;
    AUTO(json_free) struct json *erasure = NULL;
    AUTO(json_free) struct json *later = NULL;
    AUTO(json_free) struct json *verified = NULL;

    request_rig_init(&r);
    rig_store(&r.rig, "note", "ada", "likes tea");
    cr_assert_eq(
        request_rig_add(&r, "{\"rights\": [\"access\"], \"channel\": \"email\"}", "ada", &access),
        ERR_OK);
    cr_expect_not(restricted(&r, "ada"), "nobody asked for that");
    cr_assert_eq(request_rig_add(&r, ADD "}", "ada", &erasure), ERR_OK, "%s", r.msg.text);
    cr_expect(restricted(&r, "ada"));
    EXPECT(2, "restriction.set", "2026-01-10");
    cr_assert_eq(request_rig_add(&r, ADD "}", NULL, &later), ERR_OK);
    cr_assert_eq(request_rig_act_of(&r, 3, REQUEST_VERIFY_IDENTITY, "{\"method\": \"login\"}",
                                    "ada", &verified),
                 ERR_OK, "%s", r.msg.text);
    EXPECT(3, "restriction", "");
    cr_assert_eq(request_rig_act(&r, 2, REQUEST_WITHDRAW, "{\"channel\": \"email\"}"), ERR_OK);
    cr_expect(restricted(&r, "ada"), "the third request wants it, too");
    EXPECT(2, "restriction.lifted", "");
}

Test(requests, that_are_withdrawn_or_refused_lift_what_they_restricted)
{
    AUTO(request_rig_done) struct request_rig r;

    request_rig_init(&r);
    rig_store(&r.rig, "note", "ada", "likes tea");
    for (uint64_t number = 1; number <= 2; number++) {
        AUTO(json_free) struct json *view = NULL;

        cr_assert_eq(request_rig_add(&r, ADD "}", "ada", &view), ERR_OK, "%s", r.msg.text);
        cr_assert(restricted(&r, "ada"));
        if (number == 1) {
            cr_assert_eq(request_rig_act(&r, 1, REQUEST_WITHDRAW, "{\"channel\": \"email\"}"),
                         ERR_OK, "%s", r.msg.text);
        } else {
            cr_assert_eq(request_rig_act(&r, 2, REQUEST_REFUSE,
                                         "{\"reason\": \"excessive\", \"by\": \"M\", "
                                         "\"reasoning\": \"file 12\"}"),
                         ERR_OK);
            cr_expect(restricted(&r, "ada"), "until the person is told");
            cr_assert_eq(request_rig_act(&r, 2, REQUEST_ANSWER,
                                         "{\"channel\": \"email\", \"template\": "
                                         "\"refused-en-1\"}"),
                         ERR_OK, "%s", r.msg.text);
        }
        cr_expect_not(restricted(&r, "ada"), "%zu", (size_t)number);
        EXPECT(number, "restriction.lifted", "2026-01-10");
    }
}

Test(requests, that_granted_a_restriction_leave_it)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *view = NULL;

    request_rig_init(&r);
    rig_store(&r.rig, "note", "ada", "likes tea");
    cr_assert_eq(request_rig_add(&r, "{\"rights\": [\"restriction\"], \"channel\": \"email\"}",
                                 "ada", &view),
                 ERR_OK, "%s", r.msg.text);
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_VERIFY_IDENTITY, "{\"method\": \"login\"}"),
                 ERR_OK);
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_SCOPE, "{}"), ERR_OK);
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_APPROVE, "{\"by\": \"M. Roe\"}"), ERR_OK);
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_EXECUTE,
                                 "{\"right\": \"restriction\", \"reference\": \"in force\"}"),
                 ERR_OK, "%s", r.msg.text);
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_ANSWER,
                                 "{\"channel\": \"email\", \"template\": \"granted-en-1\"}"),
                 ERR_OK, "%s", r.msg.text);
    cr_expect(restricted(&r, "ada"));
}

Test(requests, restrict_nobody_where_the_policy_does_not)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *view = NULL;

    request_rig_init(&r);
    request_rig_configure(&r, "requests: {restrict_on_receipt: false}\n");
    rig_store(&r.rig, "note", "ada", "likes tea");
    cr_assert_eq(request_rig_add(&r, ADD "}", "ada", &view), ERR_OK);
    cr_expect_not(restricted(&r, "ada"));
}
