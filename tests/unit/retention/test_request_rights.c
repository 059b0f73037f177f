/* SPDX-License-Identifier: Apache-2.0 */
/* Carrying out rights other than erasure: what each does, that it is done once whatever comes between, and how it
 * is lifted. */
#include <signal.h>
#include <sys/wait.h>

#include "base/fault.h"
#include "retention/rectification.h"
#include "tests/unit/retention/request_rig.h"
#include "vault/holds.h"

TestSuite(request_rights, .init = secret_start, .timeout = 120);

#define EXPECT(number, path, text) cr_expect_str_eq(request_rig_get(&r, (number), (path)), (text))
#define ACT(action, args)                                                                          \
    cr_assert_eq(request_rig_act(&r, 1, (action), (args)), ERR_OK, "%s", r.msg.text)

/* Ada with a mail and a note, and a request of hers for `rights`, approved with that scope. */
static void start(struct request_rig *r, const char *rights, const char *scope)
{
    AUTO(json_free) struct json *view = NULL;
    char args[256];

    request_rig_init(r);
    (void)rig_store(&r->rig, "mail", "ada", "ada@example.org");
    (void)rig_store(&r->rig, "note", "ada", "likes tea");
    (void)snprintf(args, sizeof(args), "{\"rights\": [%s], \"channel\": \"email\"}", rights);
    cr_assert_eq(request_rig_add(r, args, "ada", &view), ERR_OK, "%s", r->msg.text);
    cr_assert_eq(request_rig_act(r, 1, REQUEST_VERIFY_IDENTITY, "{\"method\": \"login\"}"), ERR_OK);
    cr_assert_eq(request_rig_act(r, 1, REQUEST_SCOPE, scope), ERR_OK, "%s", r->msg.text);
    cr_assert_eq(request_rig_act(r, 1, REQUEST_APPROVE, "{\"by\": \"M. Roe\"}"), ERR_OK);
}

static struct token_text note_of(struct request_rig *r)
{
    return rig_store(&r->rig, "note", "ada", "has a dog");
}

static enum err reveal_for(struct request_rig *r, const struct token_text *token,
                           const char *purpose)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    AUTO(buf_done) struct buf out = {.max = 0};
    const struct vault_scope scope = {.purpose = vault_purpose_id(r->rig.vault, span_str(purpose))};
    struct vault_value value;
    enum err e;

    buf_init_secret(&out, 1024);
    cr_assert_eq(vault_reader_open(r->rig.vault, &reader), ERR_OK);
    cr_assert_eq(vault_read_begin(reader), ERR_OK);
    e = vault_reveal_as(reader, &scope, span_of(token->bytes, token->len), &out, &value);
    vault_read_end(reader);
    return e;
}

/* The program is killed at a point of an action; then it starts again. */
static void crash_at(struct request_rig *r, enum request_action action, const char *args,
                     const char *point)
{
    int status = 0;
    pid_t pid;

    request_rig_close(r);
    vault_close(&r->rig.vault);
    pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        rig_open(&r->rig);
        request_rig_open(r);
        fault_test_set(point, NULL);
        (void)request_rig_act(r, 1, action, args);
        _exit(2);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%s: %d", point, status);
    rig_open(&r->rig);
    request_rig_open(r);
}

/* ---- access, portability ---- */

static void take_link(struct request_rig *r, const struct request_given *given, enum err wanted)
{
    AUTO(buf_done) struct buf page = {.max = 0};

    buf_init_secret(&page, 1 << 20);
    cr_assert_eq(given->count, 1);
    cr_expect_eq(exports_take(r->exports, span_str(given->at[0].link.token), SPAN_NONE, &page),
                 wanted);
}

Test(request_rights, access_makes_a_link_and_the_request_says_when_it_was_used)
{
    AUTO(request_rig_done) struct request_rig r;

    start(&r, "\"access\"", "{}");
    ACT(REQUEST_EXECUTE, "{\"expires\": \"P7D\", \"lang\": \"de\"}");
    EXPECT(1, "state", "verified_done");
    EXPECT(1, "rights.0.outcome", "granted");
    EXPECT(1, "rights.0.exports.0.format", "link");
    EXPECT(1, "rights.0.exports.0.state", "waits");
    EXPECT(1, "rights.0.exports.0.expires", "2026-01-17T12:00:00.000Z");
    EXPECT(1, "rights.0.exports.0.digest", "");
    take_link(&r, &r.given, ERR_OK);
    EXPECT(1, "rights.0.exports.0.state", "taken");
    EXPECT(1, "rights.0.exports.0.taken", "2026-01-10T12:00:00.000Z");
    cr_expect_eq(strlen(request_rig_get(&r, 1, "rights.0.exports.0.digest")), 64);
    take_link(&r, &r.given, ERR_GONE);
}

Test(request_rights, access_gives_a_document_with_its_digest_where_one_is_wanted)
{
    AUTO(request_rig_done) struct request_rig r;

    start(&r, "\"access\", \"portability\"", "{}");
    cr_expect_eq(request_rig_act(&r, 1, REQUEST_EXECUTE, "{\"format\": \"json\"}"), ERR_INVALID,
                 "two at once");
    EXPECT(1, "state", "approved");
    ACT(REQUEST_EXECUTE, "{\"right\": \"portability\", \"format\": \"json\"}");
    cr_assert_eq(r.given.count, 1);
    cr_expect_eq(json_count(json_get(r.given.at[0].document, "values")), 1,
                 "the note rests on another basis");
    EXPECT(1, "rights.1.exports.0.state", "given");
    EXPECT(1, "rights.1.exports.0.digest", json_str_of(json_get(r.given.at[0].document, "digest")));
    EXPECT(1, "state", "executing");
    ACT(REQUEST_EXECUTE, "{\"format\": \"csv\"}");
    cr_expect_eq(json_count(json_get(r.given.at[0].document, "values")), 2);
    EXPECT(1, "state", "verified_done");
}

Test(request_rights, a_link_that_was_lost_is_replaced_and_ends)
{
    AUTO(request_rig_done) struct request_rig r;
    struct request_given first;

    start(&r, "\"access\"", "{}");
    ACT(REQUEST_EXECUTE, "{}");
    first = r.given;
    r.given.count = 0;
    ACT(REQUEST_EXECUTE, "{\"right\": \"access\"}");
    EXPECT(1, "rights.0.exports.0.state", "ended");
    EXPECT(1, "rights.0.exports.1.state", "waits");
    take_link(&r, &first, ERR_GONE);
    take_link(&r, &r.given, ERR_OK);
    request_given_done(&first);
    ACT(REQUEST_ANSWER, "{\"channel\": \"email\", \"template\": \"granted-en-1\"}");
    ACT(REQUEST_CLOSE, "{}");
    cr_expect_eq(request_rig_act(&r, 1, REQUEST_EXECUTE, "{\"right\": \"access\"}"), ERR_CONFLICT);
}

Test(request_rights, an_erasure_waits_until_the_link_was_used_or_is_over)
{
    AUTO(request_rig_done) struct request_rig r;

    start(&r, "\"erasure\", \"access\"", "{}");
    ACT(REQUEST_EXECUTE, "{}");
    EXPECT(1, "state", "executing");
    EXPECT(1, "waiting", "the person has not fetched the export yet");
    cr_expect_neq(request_rig_slot(&r, "ada"), 0);
    take_link(&r, &r.given, ERR_OK);
    ACT(REQUEST_EXECUTE, "{}");
    EXPECT(1, "state", "verified_done");
    EXPECT(1, "waiting", "");
    cr_expect_eq(request_rig_slot(&r, "ada"), 0);
}

Test(request_rights, what_says_nothing_sensible_of_an_export_is_refused)
{
    AUTO(request_rig_done) struct request_rig r;
    static const char *const bad[] = {"{\"format\": \"pdf\"}", "{\"lang\": \"fr\"}",
                                      "{\"expires\": \"soon\"}",
                                      "{\"format\": \"html\", \"expires\": \"P1D\"}"};

    start(&r, "\"access\"", "{}");
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        cr_expect_eq(request_rig_act(&r, 1, REQUEST_EXECUTE, bad[i]), ERR_INVALID, "%s", bad[i]);
    EXPECT(1, "state", "approved");
}

/* ---- restriction ---- */

Test(request_rights, a_restriction_stays_until_it_is_lifted_with_notice)
{
    AUTO(request_rig_done) struct request_rig r;
    struct token_text note;
    char value[256];

    start(&r, "\"restriction\"", "{\"ground\": \"c\"}");
    note = note_of(&r);
    ACT(REQUEST_EXECUTE, "{}");
    EXPECT(1, "state", "verified_done");
    EXPECT(1, "rights.0.outcome", "granted");
    ACT(REQUEST_ANSWER, "{\"channel\": \"email\", \"template\": \"granted-en-1\"}");
    cr_expect_eq(rig_reveal(&r.rig, &note, value), ERR_RESTRICTED);
    cr_expect_eq(request_rig_act(&r, 1, REQUEST_LIFT,
                                 "{\"right\": \"restriction\", \"channel\": \"email\"}"),
                 ERR_INVALID, "when was the person told?");
    cr_expect_eq(request_rig_act(&r, 1, REQUEST_LIFT,
                                 "{\"right\": \"objection\", \"channel\": \"email\", "
                                 "\"date\": \"2026-01-10\"}"),
                 ERR_CONFLICT);
    cr_expect_eq(request_rig_act(&r, 1, REQUEST_LIFT,
                                 "{\"right\": \"restriction\", \"channel\": \"email\", "
                                 "\"date\": \"2026-01-11\"}"),
                 ERR_INVALID, "that day is to come");
    ACT(REQUEST_LIFT,
        "{\"right\": \"restriction\", \"channel\": \"email\", \"date\": \"2026-01-10\"}");
    EXPECT(1, "state", "answered");
    EXPECT(1, "rights.0.lifted", "2026-01-10");
    EXPECT(1, "rights.0.told.channel", "email");
    cr_expect_eq(rig_reveal(&r.rig, &note, value), ERR_OK);
    cr_expect_eq(request_rig_act(&r, 1, REQUEST_LIFT,
                                 "{\"right\": \"restriction\", \"channel\": \"email\", "
                                 "\"date\": \"2026-01-10\"}"),
                 ERR_CONFLICT);
}

Test(request_rights, lifting_one_restriction_leaves_those_of_others)
{
    AUTO(request_rig_done) struct request_rig r;
    struct vault_restriction other = {.ground = 'b', .set_by = "rita"};
    struct vault_holds op = {
        .op = {.kind = VAULT_HOLDS}, .act = VAULT_RESTRICT, .restriction = &other};
    struct token_text note;
    char value[256];

    start(&r, "\"restriction\"", "{\"ground\": \"a\"}");
    note = note_of(&r);
    other.slot = request_rig_slot(&r, "ada");
    cr_assert_eq(vault_run(r.rig.vault, &op.op), ERR_OK);
    ACT(REQUEST_EXECUTE, "{}");
    ACT(REQUEST_LIFT,
        "{\"right\": \"restriction\", \"channel\": \"email\", \"date\": \"2026-01-10\"}");
    cr_expect_eq(rig_reveal(&r.rig, &note, value), ERR_RESTRICTED, "rita's is in force");
    op.act = VAULT_UNRESTRICT;
    other.notice_s = RIG_NOW_S;
    memcpy(other.lifted_by, "rita", 5);
    cr_assert_eq(vault_run(r.rig.vault, &op.op), ERR_OK);
    cr_expect_eq(rig_reveal(&r.rig, &note, value), ERR_OK);
}

Test(request_rights, a_restriction_wants_its_ground_in_the_scope)
{
    AUTO(request_rig_done) struct request_rig r;

    start(&r, "\"restriction\"", "{}");
    cr_expect_eq(request_rig_act(&r, 1, REQUEST_EXECUTE, "{}"), ERR_CONFLICT);
    EXPECT(1, "state", "approved");
    ACT(REQUEST_EXECUTE, "{\"right\": \"restriction\", \"reference\": \"done by hand\"}");
    EXPECT(1, "state", "verified_done");
}

/* ---- objection ---- */

Test(request_rights, an_objection_is_to_the_purposes_of_the_scope)
{
    AUTO(request_rig_done) struct request_rig r;
    struct token_text note;

    start(&r, "\"objection\"", "{\"purposes\": [\"support\", \"support\"]}");
    note = note_of(&r);
    ACT(REQUEST_EXECUTE, "{}");
    EXPECT(1, "state", "verified_done");
    EXPECT(1, "rights.0.purposes", "[\"support\"]");
    ACT(REQUEST_ANSWER, "{\"channel\": \"email\", \"template\": \"granted-en-1\"}");
    cr_expect_eq(reveal_for(&r, &note, "support"), ERR_OBJECTED);
    cr_expect_eq(reveal_for(&r, &note, "account"), ERR_OK, "restricted while it was decided");
    ACT(REQUEST_LIFT, "{\"right\": \"objection\", \"channel\": \"email\", \"date\": "
                      "\"2026-01-10\"}");
    cr_expect_eq(reveal_for(&r, &note, "support"), ERR_OK);
}

Test(request_rights, purposes_and_grounds_belong_to_their_rights)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *view = NULL;

    request_rig_init(&r);
    (void)rig_store(&r.rig, "note", "ada", "likes tea");
    cr_assert_eq(
        request_rig_add(&r, "{\"rights\": [\"access\"], \"channel\": \"email\"}", "ada", &view),
        ERR_OK);
    ACT(REQUEST_VERIFY_IDENTITY, "{\"method\": \"login\"}");
    cr_expect_eq(request_rig_act(&r, 1, REQUEST_SCOPE, "{\"purposes\": [\"support\"]}"),
                 ERR_INVALID);
    cr_expect_eq(request_rig_act(&r, 1, REQUEST_SCOPE, "{\"ground\": \"a\"}"), ERR_INVALID);
    cr_expect_eq(request_rig_act(&r, 1, REQUEST_SCOPE, "{\"ground\": \"x\"}"), ERR_INVALID);
    EXPECT(1, "state", "verified");
}

/* ---- rectification ---- */

/* As JSON: what corrects a token. */
static const char *correct(const struct token_text *token, const char *value, const char *more)
{
    static char text[512];

    (void)snprintf(text, sizeof(text),
                   "{\"right\": \"rectification\", \"token\": \"%.*s\", \"value\": \"%s\"%s}",
                   (int)token->len, token->bytes, value, more);
    return text;
}

Test(request_rights, a_rectification_puts_another_value_behind_the_same_token)
{
    AUTO(request_rig_done) struct request_rig r;
    struct token_text note, other;
    char value[256];

    start(&r, "\"rectification\"", "{}");
    note = note_of(&r);
    other = rig_store(&r.rig, "note", "ada", "likes tee");
    cr_expect_eq(request_rig_act(&r, 1, REQUEST_EXECUTE, "{}"), ERR_INVALID);
    ACT(REQUEST_EXECUTE, correct(&note, "has a cat", ", \"more\": \"yes\""));
    EXPECT(1, "state", "executing");
    EXPECT(1, "rights.0.outcome", "pending");
    ACT(REQUEST_EXECUTE, correct(&other, "likes tea", ""));
    EXPECT(1, "state", "verified_done");
    EXPECT(1, "rights.0.corrected", "2");
    cr_assert_eq(rig_reveal(&r.rig, &note, value), ERR_OK);
    cr_expect_str_eq(value, "has a cat");
    cr_assert_eq(rig_reveal(&r.rig, &other, value), ERR_OK);
    cr_expect_str_eq(value, "likes tea");
}

Test(request_rights, a_rectification_of_somebody_elses_value_fails_and_can_be_done_again)
{
    AUTO(request_rig_done) struct request_rig r;
    struct token_text note, bob;
    char value[256];

    start(&r, "\"rectification\"", "{}");
    note = note_of(&r);
    bob = rig_store(&r.rig, "note", "bob", "likes coffee");
    cr_expect_eq(request_rig_act(&r, 1, REQUEST_EXECUTE, correct(&bob, "likes milk", "")),
                 ERR_CONFLICT);
    EXPECT(1, "state", "failed");
    EXPECT(1, "failure", "DENIED");
    cr_assert_eq(rig_reveal(&r.rig, &bob, value), ERR_OK);
    cr_expect_str_eq(value, "likes coffee");
    ACT(REQUEST_EXECUTE, correct(&note, "has a cat", ""));
    EXPECT(1, "state", "verified_done");
    EXPECT(1, "failure", "");
}

/* ---- crashes ---- */

static void expect_finished_after(const char *rights, const char *scope, const char *point)
{
    AUTO(request_rig_done) struct request_rig r;

    start(&r, rights, scope);
    crash_at(&r, REQUEST_EXECUTE, "{}", point);
    EXPECT(1, "state", "executing");
    EXPECT(1, "rights.0.outcome", "pending");
    ACT(REQUEST_EXECUTE, "{}");
    EXPECT(1, "state", "verified_done");
    EXPECT(1, "rights.0.outcome", "granted");
}

Test(request_rights, that_a_crash_cut_off_are_finished)
{
    static const char *const of_all[] = {"request.right", "request.restricted", "hold.appended",
                                         "hold.committed"};

    for (size_t i = 0; i < COUNT_OF(of_all); i++)
        expect_finished_after("\"restriction\"", "{\"ground\": \"b\"}", of_all[i]);
    expect_finished_after("\"objection\"", "{\"purposes\": [\"support\", \"account\"]}",
                          "request.objected");
    expect_finished_after("\"objection\"", "{\"purposes\": [\"support\", \"account\"]}",
                          "request.objected:2");
    expect_finished_after("\"access\"", "{}", "request.exported");
}

Test(request_rights, a_rectification_that_a_crash_cut_off_is_done_again)
{
    static const char *const points[] = {"request.right", "rectify.before_commit",
                                         "rectify.committed", "rectification.done",
                                         "request.rectified"};

    for (size_t i = 0; i < COUNT_OF(points); i++) {
        AUTO(request_rig_done) struct request_rig r;
        struct token_text note;
        char value[256], args[512];

        start(&r, "\"rectification\"", "{}");
        note = note_of(&r);
        (void)snprintf(args, sizeof(args), "%s", correct(&note, "has a cat", ""));
        crash_at(&r, REQUEST_EXECUTE, args, points[i]);
        EXPECT(1, "state", "executing");
        ACT(REQUEST_EXECUTE, args);
        EXPECT(1, "rights.0.corrected", "1");
        cr_assert_eq(rig_reveal(&r.rig, &note, value), ERR_OK);
        cr_expect_str_eq(value, "has a cat");
    }
}

Test(request_rights, lifting_that_a_crash_cut_off_is_finished)
{
    static const char lift[] =
        "{\"right\": \"restriction\", \"channel\": \"email\", \"date\": \"2026-01-10\"}";
    static const char *const points[] = {"hold.appended", "hold.committed", "request.lifted"};

    for (size_t i = 0; i < COUNT_OF(points); i++) {
        AUTO(request_rig_done) struct request_rig r;
        struct token_text note;
        char value[256];

        start(&r, "\"restriction\"", "{\"ground\": \"b\"}");
        note = note_of(&r);
        ACT(REQUEST_EXECUTE, "{}");
        crash_at(&r, REQUEST_LIFT, lift, points[i]);
        EXPECT(1, "rights.0.lifted", "");
        ACT(REQUEST_LIFT, lift);
        EXPECT(1, "rights.0.lifted", "2026-01-10");
        cr_expect_eq(rig_reveal(&r.rig, &note, value), ERR_OK);
    }
}
