/* SPDX-License-Identifier: Apache-2.0 */
/* Consent: given, withdrawn, given again; what is shown then, what is erased, and that neither a crash nor an older
 * database undoes it. */
#include "retention/consents.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/fault.h"
#include "base/log.h"
#include "tests/support/vault_rig.h"
#include "vault/vault.h"

#define CLASSES                                                                                    \
    "mail: {format: email, deterministic: true, identifies: true, "                                \
    "purposes: [account, newsletter], basis: \"6(1)(b)\", retain: {period: P2Y}}\n"                \
    "news: {purposes: [newsletter], basis: \"6(1)(a)\", retain: {period: P1Y}}\n"                  \
    "taste: {purposes: [newsletter, ads], basis: \"6(1)(a)\", retain: {period: P1Y}}\n"

struct bench {
    struct rig rig;
    struct erasures *erasures;
    struct vault_reader *warm; /* has seen every value before anything was withdrawn */
    struct token_text mail, news, taste;
};

static void clear_fault(void)
{
    fault_test_set(NULL, NULL);
}

TestSuite(consents, .init = secret_start, .fini = clear_fault, .timeout = 120);

static enum err reveal(struct bench *b, struct vault_reader *reader, const struct token_text *token,
                       const char *purpose)
{
    AUTO(buf_done) struct buf out = {.max = 0};
    const struct vault_scope scope = {.purpose = vault_purpose_id(b->rig.vault, span_str(purpose))};
    struct vault_value value;
    enum err e;

    buf_init_secret(&out, 1024);
    cr_assert_eq(vault_read_begin(reader), ERR_OK);
    e = vault_reveal_as(reader, &scope, span_of(token->bytes, token->len), &out, &value);
    vault_read_end(reader);
    return e;
}

static enum err shown(struct bench *b, const struct token_text *token, const char *purpose)
{
    return reveal(b, b->warm, token, purpose);
}

static void open_parts(struct bench *b)
{
    b->erasures = erasures_new(b->rig.vault, NULL);
    cr_assert_eq(vault_reader_open(b->rig.vault, &b->warm), ERR_OK);
}

static void close_parts(struct bench *b)
{
    vault_reader_close(&b->warm);
    erasures_free(&b->erasures);
}

static void start(struct bench *b)
{
    *b = (struct bench){.erasures = NULL};
    rig_init_with(&b->rig, CLASSES);
    log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
    b->mail = rig_store(&b->rig, "mail", "ada", "ada@example.org");
    b->news = rig_store(&b->rig, "news", "ada", "weekly");
    b->taste = rig_store(&b->rig, "taste", "ada", "jazz");
    open_parts(b);
    cr_assert_eq(shown(b, &b->news, "newsletter"), ERR_OK);
    cr_assert_eq(shown(b, &b->taste, "ads"), ERR_OK);
    cr_assert_eq(shown(b, &b->mail, "newsletter"), ERR_OK);
}

static void stop(struct bench *b)
{
    close_parts(b);
    rig_done(&b->rig);
}

static enum err record_of(struct bench *b, const char *name, enum vault_holds_act act,
                          const char *purpose)
{
    struct vault_consent consent = {.slot = rig_slot(&b->rig, name), .set_by = "rita"};
    struct vault_holds op = {.op = {.kind = VAULT_HOLDS}, .act = act, .consent = &consent};

    memcpy(consent.purpose, purpose, strlen(purpose));
    return vault_run(b->rig.vault, &op.op);
}

static enum err record(struct bench *b, enum vault_holds_act act, const char *purpose)
{
    return record_of(b, "ada", act, purpose);
}

static struct consent_effect finish(struct bench *b)
{
    struct consent_effect effect = {.found = 99};

    cr_assert_eq(consents_finish(b->erasures, 0, &effect), ERR_OK);
    return effect;
}

Test(consents, withdrawn_show_nothing_for_the_purpose_to_a_warm_reader)
{
    AUTO(stop) struct bench b;

    start(&b);
    cr_assert_eq(record(&b, VAULT_CONSENT_WITHDRAW, "newsletter"), ERR_OK);
    cr_expect_eq(shown(&b, &b.news, "newsletter"), ERR_OBJECTED);
    cr_expect_eq(shown(&b, &b.taste, "newsletter"), ERR_OBJECTED);
    cr_expect_eq(shown(&b, &b.mail, "newsletter"), ERR_OBJECTED);
    cr_expect_eq(shown(&b, &b.taste, "ads"), ERR_OK);
    cr_expect_eq(shown(&b, &b.mail, "account"), ERR_OK);
    cr_expect_eq(record(&b, VAULT_CONSENT_WITHDRAW, "newsletter"), ERR_CONFLICT);
}

/* Consent-only values go, one with a second purpose or another basis stays. */
Test(consents, withdrawn_erase_what_rests_on_them_alone)
{
    AUTO(stop) struct bench b;
    struct consent_effect effect;

    start(&b);
    cr_assert_eq(record(&b, VAULT_CONSENT_WITHDRAW, "newsletter"), ERR_OK);
    effect = finish(&b);
    cr_expect_eq(effect.erasures, 1);
    cr_expect_eq(shown(&b, &b.news, "newsletter"), ERR_NOT_FOUND);
    cr_expect_eq(shown(&b, &b.taste, "ads"), ERR_OK, "for its other purpose");
    cr_expect_eq(shown(&b, &b.mail, "account"), ERR_OK, "rests on a contract");
    cr_expect_eq(shown(&b, &b.mail, "newsletter"), ERR_OBJECTED, "goes along with what stays");
    cr_expect_eq(finish(&b).found, 0, "once");
    cr_assert_eq(record(&b, VAULT_CONSENT_WITHDRAW, "ads"), ERR_OK);
    cr_expect_eq(finish(&b).erasures, 1);
    cr_expect_eq(shown(&b, &b.taste, "ads"), ERR_NOT_FOUND, "no purpose is left");
    cr_expect_eq(shown(&b, &b.mail, "account"), ERR_OK);
}

Test(consents, given_again_show_again_and_the_register_has_each)
{
    AUTO(stop) struct bench b;
    AUTO(json_free) struct json *list = json_new_list();
    struct token_text news;

    start(&b);
    cr_assert_eq(record(&b, VAULT_CONSENT_GIVE, "newsletter"), ERR_OK);
    cr_assert_eq(record(&b, VAULT_CONSENT_WITHDRAW, "newsletter"), ERR_OK);
    (void)finish(&b);
    news = rig_store(&b.rig, "news", "ada", "monthly");
    cr_expect_eq(shown(&b, &news, "newsletter"), ERR_OBJECTED, "still withdrawn");
    cr_expect_eq(finish(&b).erasures, 0, "what came later is not meant");
    cr_assert_eq(record(&b, VAULT_CONSENT_GIVE, "newsletter"), ERR_OK);
    cr_expect_eq(shown(&b, &news, "newsletter"), ERR_OK);
    cr_assert_eq(vault_read_begin(b.warm), ERR_OK);
    cr_assert_eq(consents_of(b.warm, 0, list), ERR_OK);
    vault_read_end(b.warm);
    cr_expect_eq(json_count(list), 0);
    cr_assert_eq(vault_read_begin(b.warm), ERR_OK);
    {
        uint64_t slot = 0;

        cr_assert_eq(vault_read_subject(b.warm, VAULT_DOMAIN_DEFAULT, SPAN_LIT("ada"), &slot),
                     ERR_OK);
        cr_assert_eq(consents_of(b.warm, slot, list), ERR_OK);
    }
    vault_read_end(b.warm);
    cr_assert_eq(json_count(list), 1);
    cr_expect_str_eq(json_str_of(json_get(json_at(list, 0), "state")), "given");
}

Test(consents, an_objection_stays_when_consent_is_given)
{
    AUTO(stop) struct bench b;
    struct vault_objection objection = {.purpose = "newsletter", .set_by = "rita"};
    struct vault_holds op = {
        .op = {.kind = VAULT_HOLDS}, .act = VAULT_OBJECT, .objection = &objection};

    start(&b);
    objection.slot = rig_slot(&b.rig, "ada");
    cr_assert_eq(vault_run(b.rig.vault, &op.op), ERR_OK);
    cr_assert_eq(record(&b, VAULT_CONSENT_WITHDRAW, "newsletter"), ERR_OK);
    cr_assert_eq(record(&b, VAULT_CONSENT_GIVE, "newsletter"), ERR_OK);
    cr_expect_eq(shown(&b, &b.news, "newsletter"), ERR_OBJECTED);
    op.act = VAULT_OBJECT_WITHDRAW;
    memcpy(objection.withdrawn_by, "rita", 5);
    cr_assert_eq(vault_run(b.rig.vault, &op.op), ERR_OK);
    cr_expect_eq(shown(&b, &b.news, "newsletter"), ERR_OK);
}

Test(consents, withdrawn_of_all_that_is_there_end_the_person)
{
    AUTO(stop) struct bench b;

    start(&b);
    (void)rig_store(&b.rig, "news", "bob", "weekly");
    {
        struct vault_consent consent = {.purpose = "newsletter", .set_by = "rita"};
        struct vault_holds op = {
            .op = {.kind = VAULT_HOLDS}, .act = VAULT_CONSENT_WITHDRAW, .consent = &consent};

        cr_assert_eq(vault_read_begin(b.warm), ERR_OK);
        cr_assert_eq(
            vault_read_subject(b.warm, VAULT_DOMAIN_DEFAULT, SPAN_LIT("bob"), &consent.slot),
            ERR_OK);
        vault_read_end(b.warm);
        cr_assert_eq(vault_run(b.rig.vault, &op.op), ERR_OK);
        cr_expect_eq(finish(&b).erasures, 1);
        cr_assert_eq(vault_read_begin(b.warm), ERR_OK);
        cr_expect_eq(
            vault_read_subject(b.warm, VAULT_DOMAIN_DEFAULT, SPAN_LIT("bob"), &consent.slot),
            ERR_NOT_FOUND);
        vault_read_end(b.warm);
    }
    cr_expect_eq(shown(&b, &b.news, "newsletter"), ERR_OK, "ada has withdrawn nothing");
}

/* Bob's was cut off before it had its effect; ada's receipt is of her own. */
Test(consents, withdrawn_tell_of_whom_it_is_only)
{
    AUTO(stop) struct bench b;
    struct consent_effect effect;
    struct token_text news;

    start(&b);
    news = rig_store(&b.rig, "news", "bob", "weekly");
    cr_assert_eq(record_of(&b, "bob", VAULT_CONSENT_WITHDRAW, "newsletter"), ERR_OK);
    cr_assert_eq(record(&b, VAULT_CONSENT_WITHDRAW, "ads"), ERR_OK);
    cr_assert_eq(consents_finish(b.erasures, rig_slot(&b.rig, "ada"), &effect), ERR_OK);
    cr_expect_eq(effect.found, 2);
    cr_expect_eq(effect.erasures, 0, "ada has taste for the newsletter, still");
    cr_expect_eq(shown(&b, &news, "newsletter"), ERR_NOT_FOUND);
    cr_expect_eq(shown(&b, &b.taste, "newsletter"), ERR_OK);
}

static struct vault_consent last_of(struct bench *b)
{
    struct vault_consent at = {.number = 0}, last = at;

    cr_assert_eq(vault_read_begin(b->warm), ERR_OK);
    while (vault_read_consent(b->warm, at.number, &at) == ERR_OK)
        last = at;
    vault_read_end(b->warm);
    return last;
}

/* What an earlier erasure has left stays under its exception. */
Test(consents, withdrawn_of_who_was_erased_with_exceptions_erase_what_came_since)
{
    AUTO(stop) struct bench b;
    struct vault_exception keep;
    struct erasure_request request = {
        .exceptions = &keep, .exception_count = 1, .newer_than_s = INT64_MAX};
    struct receipt receipt;

    start(&b);
    keep = (struct vault_exception){.class_id = rig_class(&b.rig, "mail"),
                                    .code = 'b',
                                    .law = "HGB 257",
                                    .until_s = RIG_NOW_S + 100 * (int64_t)RIG_DAY_S};
    request.slot = rig_slot(&b.rig, "ada");
    cr_assert_eq(erasure_run_request(b.erasures, &request, &receipt), ERR_OK);
    b.news = rig_store(&b.rig, "news", "ada", "is back");
    cr_assert_eq(record(&b, VAULT_CONSENT_WITHDRAW, "newsletter"), ERR_OK);
    cr_expect_eq(finish(&b).erasures, 1);
    cr_expect_eq(shown(&b, &b.news, "newsletter"), ERR_NOT_FOUND);
    cr_expect_neq(last_of(&b).done_ms, 0);
    cr_expect_eq(finish(&b).found, 0);
}

/* Killed at a point of a withdrawal and its effect; what the next start and pass make of it. */
static void expect_whole_after(const char *point, bool recorded)
{
    AUTO(stop) struct bench b;
    struct erasure_resumed resumed;
    int status = 0;
    pid_t pid;

    start(&b);
    close_parts(&b);
    vault_close(&b.rig.vault);
    pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        rig_open(&b.rig);
        open_parts(&b);
        fault_test_set(point, NULL);
        (void)record(&b, VAULT_CONSENT_WITHDRAW, "newsletter");
        (void)finish(&b);
        _exit(2);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%s: %d", point, status);
    rig_open(&b.rig);
    open_parts(&b);
    if (!recorded)
        cr_assert_eq(record(&b, VAULT_CONSENT_WITHDRAW, "newsletter"), ERR_OK, "%s", point);
    cr_expect_neq(shown(&b, &b.news, "newsletter"), ERR_OK, "%s", point);
    cr_expect_eq(shown(&b, &b.mail, "newsletter"), ERR_OBJECTED, "%s", point);
    cr_assert_eq(erasure_resume_all(b.erasures, &resumed), ERR_OK);
    (void)finish(&b);
    cr_expect_eq(shown(&b, &b.news, "newsletter"), ERR_NOT_FOUND, "%s", point);
    cr_expect_eq(shown(&b, &b.taste, "ads"), ERR_OK, "%s", point);
    cr_expect_eq(shown(&b, &b.mail, "account"), ERR_OK, "%s", point);
    cr_expect_eq(finish(&b).found, 0, "%s", point);
}

Test(consents, withdrawn_are_heeded_and_finished_after_a_crash_between_any_two_steps)
{
    static const char *const points[] = {"hold.appended",      "hold.committed", "part.keyed",
                                         "part.before_commit", "part.committed", "erase.parted",
                                         "erase.swept",        "erase.verified", "consent.erased"};

    for (size_t i = 0; i < COUNT_OF(points); i++)
        expect_whole_after(points[i], true);
}

/* An older database is put back: the ledger knows. */
Test(consents, withdrawn_stay_so_in_an_older_database)
{
    AUTO(stop) struct bench b;

    start(&b);
    close_parts(&b);
    rig_copy_database(&b.rig, false);
    open_parts(&b);
    cr_assert_eq(record(&b, VAULT_CONSENT_WITHDRAW, "newsletter"), ERR_OK);
    close_parts(&b);
    rig_copy_database(&b.rig, true);
    open_parts(&b);
    cr_expect_eq(shown(&b, &b.news, "newsletter"), ERR_OBJECTED);
    cr_expect_eq(shown(&b, &b.taste, "ads"), ERR_OK);
}
