/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/renew.h"

#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>

#include "tests/unit/vault/typed_rig.h"
#include "vault/erasure_priv.h"
#include "vault/renew_priv.h"
#include "vault/tokens.h"
#include "vault/writer_priv.h"

enum { T0_S = 1800000000, DAY_S = 86400 };

static const char CLASSES[] =
    "classes:\n"
    "  opaque: {" TYPED_REST "}\n"
    "  shared: {deterministic: true, " TYPED_REST "}\n"
    "  typed: {format: digits, reserved: \"9\", " TYPED_REST "}\n"
    "  equal: {format: digits, reserved: \"9\", deterministic: true, " TYPED_REST "}\n"
    "  mail: {format: email, deterministic: true, " TYPED_REST "}\n";

static const char *const kinds[] = {"opaque", "shared", "typed", "equal", "mail"};

static bool is_shared(size_t kind)
{
    return kind == 1 || kind >= 3;
}

static void setup(void)
{
    clock_test_set_ms(INT64_C(1000) * T0_S);
    typed_start(CLASSES);
}

static void teardown(void)
{
    typed_end();
}

TestSuite(renew, .init = setup, .fini = teardown, .timeout = 60);

/* To the end; counts of all batches stay in the operation. */
static struct vault_renew renew_with(const char *name, size_t limit)
{
    struct vault_renew op = {
        .op.kind = VAULT_RENEW, .class_id = class_id(name), .limit = limit, .more = true};
    size_t renewed = 0, unreadable = 0;

    while (op.more) {
        cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
        op.at = op.next;
        renewed += op.renewed;
        unreadable += op.unreadable;
    }
    op.renewed = renewed;
    op.unreadable = unreadable;
    return op;
}

static size_t renew(const char *name)
{
    return renew_with(name, 500).renewed;
}

static void end_of(const char *name)
{
    struct vault_renew_end op = {
        .op.kind = VAULT_RENEW_END, .class_id = class_id(name), .limit = 10, .more = true};

    while (op.more)
        cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
}

/* What took the place of a token; false: none did. */
static bool heir_of(const char *name, const struct token_text *token, struct token_text *ret)
{
    struct vault_renewed renewed = {.number = 0};
    bool found = false;

    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    while (!found && vault_read_renewed(f.r, class_id(name), renewed.number, &renewed) == ERR_OK)
        found = same(&renewed.old_token, token);
    vault_read_end(f.r);
    if (found)
        *ret = renewed.new_token;
    return found;
}

static struct token_text new_of(const char *name, const struct token_text *token)
{
    struct token_text heir = {.len = 0};

    cr_assert(heir_of(name, token, &heir), "%s: %.*s has none", name, (int)token->len,
              token->bytes);
    cr_assert_not(same(&heir, token));
    return heir;
}

static int64_t ask(const char *sql, uint16_t id)
{
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = NULL;
    char text[256];
    size_t n = 0;
    int64_t got;

    for (; *sql != '\0' && n + 8 < sizeof(text); sql++)
        n += (size_t)(*sql == '#' ? snprintf(text + n, sizeof(text) - n, "%u", id)
                                  : snprintf(text + n, sizeof(text) - n, "%c", *sql));
    cr_assert_eq(sqlite3_open_v2(fixture_path(&f, VAULT_DB), &db, SQLITE_OPEN_READONLY, NULL),
                 SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(db, text, -1, &stmt, NULL), SQLITE_OK, "%s", text);
    cr_assert_eq(sqlite3_step(stmt), SQLITE_ROW, "%s", text);
    got = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    sqlite3_close(db);
    return got;
}

/* ---- what it is for ---- */

Test(renew, e28_gives_values_of_every_kind_of_class_new_tokens)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct token_text old = store(kinds[i], "ada", "1234"), heir, again;

        cr_assert_eq(renew(kinds[i]), 1, "%s", kinds[i]);
        heir = new_of(kinds[i], &old);
        cr_assert(reveals(kinds[i], &heir, "1234"), "%s", kinds[i]);
        cr_assert(reveals(kinds[i], &old, "1234"), "%s: the old one reveals yet", kinds[i]);
        again = store(kinds[i], "ada", "1234");
        cr_assert_eq(same(&again, &heir), is_shared(i), "%s", kinds[i]);
        typed_restart();
        cr_assert(reveals(kinds[i], &heir, "1234"), "%s, after a restart", kinds[i]);
        cr_assert(reveals(kinds[i], &old, "1234"), "%s, after a restart", kinds[i]);
    }
}

Test(renew, e28_equal_values_share_the_new_token_too)
{
    static const char *const shared[] = {"shared", "equal", "mail"};

    for (size_t i = 0; i < COUNT_OF(shared); i++) {
        struct token_text ada = store(shared[i], "ada", "1234"), ada_new;
        struct token_text bert = store(shared[i], "bert", "1234"), bert_new;
        struct token_text other = store(shared[i], "bert", "5678"), other_new;

        cr_assert(same(&ada, &bert));
        cr_assert_eq(renew(shared[i]), 3, "%s", shared[i]);
        ada_new = new_of(shared[i], &ada);
        bert_new = store(shared[i], "bert", "1234");
        other_new = new_of(shared[i], &other);
        cr_assert(same(&ada_new, &bert_new), "%s", shared[i]);
        cr_assert_not(same(&ada_new, &other_new), "%s", shared[i]);
        cr_assert_eq(stats(shared[i]).items, 3, "nobody has a value twice");
    }
}

Test(renew, e28_after_the_end_old_tokens_are_dead_also_for_readers_that_remember_them)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct token_text old = store(kinds[i], "ada", "1234"), heir, found;

        (void)renew(kinds[i]);
        heir = new_of(kinds[i], &old);
        for (int n = 0; n < 3; n++)
            cr_assert(reveals(kinds[i], &old, "1234"));
        end_of(kinds[i]);
        cr_assert_eq(reveal_result(kinds[i], &old), ERR_NOT_FOUND, "%s", kinds[i]);
        cr_assert(reveals(kinds[i], &heir, "1234"), "%s", kinds[i]);
        cr_assert_not(heir_of(kinds[i], &old, &found));
        cr_assert_eq(ask("SELECT count(*) FROM renewed", 0), 0);
        cr_assert_not(atomic_load(&f.v->renewed), "nothing is looked for any more");
    }
}

Test(renew, a_row_that_a_reader_remembers_by_its_old_token_is_not_taken_for_the_present_one)
{
    struct token_text old = store("opaque", "ada", "1234"), heir;

    for (int n = 0; n < 3; n++)
        cr_assert(reveals("opaque", &old, "1234"));
    (void)renew("opaque");
    heir = new_of("opaque", &old);
    for (int n = 0; n < 3; n++) {
        cr_assert(reveals("opaque", &old, "1234"));
        cr_assert(reveals("opaque", &heir, "1234"));
    }
}

Test(renew, can_be_done_again_after_its_end)
{
    struct token_text first = store("equal", "ada", "1234"), second, third;

    (void)renew("equal");
    second = new_of("equal", &first);
    end_of("equal");
    cr_assert_eq(renew("equal"), 1);
    third = new_of("equal", &second);
    cr_assert(reveals("equal", &third, "1234"));
    cr_assert(reveals("equal", &second, "1234"));
    cr_assert_eq(reveal_result("equal", &first), ERR_NOT_FOUND);
}

Test(renew, begun_anew_passes_over_what_has_its_new_token)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct token_text old = store(kinds[i], "ada", "1234"), heir, later;

        (void)renew(kinds[i]);
        heir = new_of(kinds[i], &old);
        cr_assert_eq(renew(kinds[i]), 0, "%s", kinds[i]);
        later = new_of(kinds[i], &old);
        cr_assert(same(&heir, &later), "%s", kinds[i]);
    }
}

Test(renew, goes_on_where_the_last_batch_ended)
{
    struct vault_renew op = {
        .op.kind = VAULT_RENEW, .class_id = class_id("opaque"), .limit = 10, .more = true};
    size_t batches = 0, renewed = 0;

    for (int i = 0; i < 25; i++)
        (void)store("opaque", i % 2 == 0 ? "ada" : "bert", "1234");
    for (; op.more; batches++, op.at = op.next) {
        cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
        cr_assert_leq(op.looked, 10);
        renewed += op.renewed;
        (void)store("opaque", "cleo", "5678"); /* later than the walk */
    }
    cr_assert_eq(renewed, 25);
    cr_assert_leq(batches, 4);
}

Test(renew, of_a_domain_leaves_the_others_alone)
{
    struct token_text token = store("shared", "ada", "1234"), found;
    struct vault_renew op = {
        .op.kind = VAULT_RENEW, .class_id = class_id("shared"), .domain = 99, .limit = 10};

    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert_eq(op.renewed, 0);
    cr_assert_not(heir_of("shared", &token, &found));
    cr_assert(reveals("shared", &token, "1234"));
}

Test(renew, of_a_token_of_very_many_owners_takes_several_batches)
{
    enum { OWNERS = 1200 };
    struct vault_renew op = {.op.kind = VAULT_RENEW, .class_id = class_id("shared"), .limit = 100};
    struct token_text old = {.len = 0}, heir;
    char name[16];

    for (int i = 0; i < OWNERS; i++) {
        (void)snprintf(name, sizeof(name), "p%d", i);
        old = store("shared", name, "Paris");
    }
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert_neq(op.next.slot, 0, "it is left by halves");
    heir = new_of("shared", &old);
    cr_assert(reveals("shared", &old, "Paris"));
    cr_assert(reveals("shared", &heir, "Paris"));
    cr_assert_eq(renew("shared") + op.renewed, OWNERS, "begun anew, as after a crash");
    cr_assert_eq(stats("shared").items, OWNERS);
    fixture_close(&f);
    cr_assert_eq(ask("SELECT count(*) FROM det_2", 0), 1, "the old one is gone");
    cr_assert_eq(fixture_open(&f), ERR_OK);
}

/* The value that they share does not become another one for who is alone under either. */
Test(renew, a_token_that_is_left_by_halves_is_not_rectified_for_its_last_owner)
{
    enum { OWNERS = 513 }; /* one more than a batch moves */
    struct vault_renew op = {.op.kind = VAULT_RENEW, .class_id = class_id("shared"), .limit = 100};
    struct token_text old = {.len = 0};
    struct vault_rectify change = {
        .op.kind = VAULT_RECTIFY, .kind = VALUE_STRING, .value = SPAN_LIT("Rome")};
    char name[16];

    for (int i = 0; i < OWNERS; i++) {
        (void)snprintf(name, sizeof(name), "p%d", i);
        old = store("shared", name, "Paris");
    }
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert_eq(op.renewed, OWNERS - 1);
    change.token = span_of(old.bytes, old.len);
    cr_assert_eq(vault_run(f.v, &change.op), ERR_CONFLICT);
    cr_assert(reveals("shared", &old, "Paris"));
}

static void damage_first_row(uint16_t id)
{
    sqlite3 *db = NULL;
    char sql[128];

    (void)snprintf(
        sql, sizeof(sql),
        "UPDATE val_%u SET ct=zeroblob(length(ct)) WHERE id=(SELECT min(id) FROM val_%u)", id, id);
    cr_assert_eq(sqlite3_open(fixture_path(&f, VAULT_DB), &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_close(db), SQLITE_OK);
}

/* Rows that do not open stay where they are: nobody else's value may hang on them. */
Test(renew, an_owner_whose_row_is_damaged_takes_the_old_token_from_nobody)
{
    struct token_text old = store("shared", "ada", "Paris");
    const uint16_t shared = class_id("shared");
    uint64_t slot = 0;

    (void)store("shared", "bert", "Paris");
    fixture_close(&f);
    damage_first_row(shared);
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(renew_with("shared", 500).unreadable, 1);
    cr_assert(reveals("shared", &old, "Paris"), "bert's");
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(vault_read_owner(f.r, class_id("shared"), span_of(old.bytes, old.len), &slot),
                 ERR_CONFLICT, "it is ada's and bert's");
    vault_read_end(f.r);
}

/* One that does not open keeps nobody from the others. */
Test(renew, a_damaged_value_is_named_and_the_others_are_told)
{
    const uint16_t opaque = class_id("opaque"), shared = class_id("shared");
    struct token_text ada = store("opaque", "ada", "1"), bert = store("opaque", "bert", "2");
    struct token_text both = store("shared", "ada", "Paris"), heir;
    struct vault_renewed renewed = {.number = 0};
    size_t damaged = 0, told = 0;

    (void)store("shared", "bert", "Paris");
    (void)renew("opaque");
    (void)renew("shared");
    fixture_close(&f);
    damage_first_row(opaque);
    damage_first_row(shared);
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_not(heir_of("opaque", &ada, &heir));
    cr_assert(heir_of("opaque", &bert, &heir));
    cr_assert(reveals("opaque", &heir, "2"));
    cr_assert(heir_of("shared", &both, &heir), "bert's");
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    while (vault_read_renewed(f.r, opaque, renewed.number, &renewed) == ERR_OK) {
        damaged += renewed.damaged;
        told += !renewed.damaged;
    }
    vault_read_end(f.r);
    cr_assert(damaged == 1 && told == 1);
}

/* However many owners each of them has: whoever stores meanwhile waits for one batch. */
Test(renew, a_batch_of_shared_tokens_is_as_long_as_was_asked)
{
    enum { TOKENS = 12, OWNERS = 5 };
    struct vault_renew op = {.op.kind = VAULT_RENEW, .class_id = class_id("shared"), .limit = 10};

    for (int token = 0; token < TOKENS; token++)
        for (int owner = 0; owner < OWNERS; owner++) {
            char name[16], value[16];

            (void)snprintf(name, sizeof(name), "p%d", owner);
            (void)snprintf(value, sizeof(value), "city %d", token);
            (void)store("shared", name, value);
        }
    f.v->writer->stored_ms -= 60000; /* it is idle, and has been for a minute */
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert_geq(op.looked, 10);
    cr_assert_lt(op.looked, 10 + OWNERS);
    cr_assert_eq(renew("shared") + op.renewed, TOKENS * OWNERS);
}

Test(renew, a_used_up_class_says_so_and_keeps_what_was_done)
{
    struct token_text token;
    struct vault_renew op = {.op.kind = VAULT_RENEW, .class_id = class_id("typed"), .limit = 100};
    enum err e = ERR_OK;
    int stored = 0;

    while ((e = try_store("typed", "ada", "77", &token)) == ERR_OK)
        stored++;
    cr_assert_eq(e, ERR_EXHAUSTED);
    cr_assert_gt(stored, 0);
    cr_assert_eq(vault_run(f.v, &op.op), ERR_EXHAUSTED);
    cr_assert_eq(stats("typed").items, (uint64_t)stored);
}

/* ---- the rights of a person ---- */

static void must_be_dead(const char *name, const struct token_text *old,
                         const struct token_text *heir)
{
    cr_assert_eq(reveal_result(name, old), ERR_NOT_FOUND, "%s: old", name);
    cr_assert_eq(reveal_result(name, heir), ERR_NOT_FOUND, "%s: new", name);
}

Test(renew, an_erasure_kills_old_and_new_and_leaves_nothing_of_their_kinship)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct token_text old = store(kinds[i], "ada", "1234"), heir;

        (void)renew(kinds[i]);
        heir = new_of(kinds[i], &old);
        erase("ada");
        must_be_dead(kinds[i], &old, &heir);
        cr_assert_eq(ask("SELECT count(*) FROM renewed", 0), 0, "%s", kinds[i]);
    }
}

Test(renew, of_two_who_share_a_token_the_other_keeps_both)
{
    struct token_text old = store("shared", "ada", "1234"), heir;

    (void)store("shared", "bert", "1234");
    (void)renew("shared");
    heir = new_of("shared", &old);
    erase("ada");
    cr_assert(reveals("shared", &old, "1234"));
    cr_assert(reveals("shared", &heir, "1234"));
    cr_assert_eq(ask("SELECT count(*) FROM renewed", 0), 1);
}

/* An old token that is remembered although no row has the number that took its place. */
static void remember_for_nobody(uint16_t id, int64_t number)
{
    sqlite3 *db = NULL;
    char sql[128];

    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO renewed VALUES(%u,%" PRId64 ",zeroblob(10),%" PRId64
                   ",zeroblob(10))",
                   id, number, number);
    cr_assert_eq(sqlite3_open(fixture_path(&f, VAULT_DB), &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

Test(renew, a_verification_looks_for_what_is_left_of_old_tokens_of_the_person)
{
    int64_t number;
    struct vault_verification found;
    struct vault_erasure erasure = {0};
    size_t deleted;

    (void)store("opaque", "ada", "1234");
    (void)store("typed", "bert", "1234");
    (void)renew("opaque");
    number = ask("SELECT new FROM renewed", 0);
    cr_assert_eq(fixture_erase(&f, "ada", &erasure), ERR_OK);
    cr_assert_eq(fixture_sweep(&f, erasure.slot, &deleted), ERR_OK);
    cr_assert_eq(vault_erasure_verify(f.v, &erasure, &found), ERR_OK);
    cr_assert_eq(found.rows_left, 0);
    remember_for_nobody(class_id("opaque"), number + 77);
    cr_assert_eq(vault_erasure_verify(f.v, &erasure, &found), ERR_OK);
    cr_assert_eq(found.rows_left, 0, "it is not of this person");
    remember_for_nobody(class_id("opaque"), number);
    cr_assert_eq(vault_erasure_verify(f.v, &erasure, &found), ERR_OK);
    cr_assert_eq(found.rows_left, 1);
    vault_erasure_done(&erasure);
}

Test(renew, values_whose_time_is_over_take_their_old_tokens_along)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct token_text old, heir;
        size_t deleted = 0;

        clock_test_set_ms(INT64_C(1000) * (T0_S + (int64_t)i * 400 * DAY_S));
        old = store(kinds[i], "ada", "1234");
        (void)renew(kinds[i]);
        heir = new_of(kinds[i], &old);
        clock_test_set_ms(INT64_C(1000) * (T0_S + (int64_t)(i + 1) * 400 * DAY_S));
        must_be_dead(kinds[i], &old, &heir);
        cr_assert_eq(fixture_purge(&f, class_id(kinds[i]), 100, &deleted), ERR_OK);
        cr_assert_eq(deleted, 1, "%s", kinds[i]);
        cr_assert_eq(ask("SELECT count(*) FROM renewed", 0), 0, "%s", kinds[i]);
    }
}

Test(renew, passes_over_the_erased_and_the_expired)
{
    struct vault_erasure erasure = {0};

    (void)store("shared", "ada", "1234");
    (void)store("opaque", "ada", "1234");
    cr_assert_eq(fixture_erase(&f, "ada", &erasure), ERR_OK); /* and not swept yet */
    cr_assert_eq(renew("shared"), 0);
    cr_assert_eq(renew("opaque"), 0);
    vault_erasure_done(&erasure);
    (void)store("opaque", "bert", "1");
    clock_test_set_ms(INT64_C(1000) * (T0_S + 400 * DAY_S));
    cr_assert_eq(renew("opaque"), 0);
}

Test(renew, a_rectification_by_an_old_token_reaches_the_value)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct token_text old = store(kinds[i], "ada", "1234"), heir;
        struct vault_rectify op = {.op.kind = VAULT_RECTIFY,
                                   .token = fixture_span(&old),
                                   .class_id = class_id(kinds[i]),
                                   .kind = VALUE_STRING,
                                   .value = SPAN_LIT("5678")};

        (void)renew(kinds[i]);
        heir = new_of(kinds[i], &old);
        cr_assert_eq(vault_run(f.v, &op.op), ERR_OK, "%s", kinds[i]);
        cr_assert(reveals(kinds[i], &heir, "5678"), "%s", kinds[i]);
        cr_assert(reveals(kinds[i], &old, "5678"), "%s", kinds[i]);
    }
}

struct seen {
    struct token_text tokens[4];
    size_t count;
};

static enum err note_token(void *context, uint16_t id UNUSED, const struct token_text *token)
{
    struct seen *seen = context;

    cr_assert_lt(seen->count, COUNT_OF(seen->tokens));
    seen->tokens[seen->count++] = *token;
    return ERR_OK;
}

Test(renew, recipients_are_told_of_old_and_new_tokens)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct token_text old = store(kinds[i], kinds[i], "1234"), heir;
        struct seen seen = {.count = 0};
        uint64_t slot = 0;

        (void)renew(kinds[i]);
        heir = new_of(kinds[i], &old);
        cr_assert_eq(fixture_subject(&f, kinds[i], &slot), ERR_OK);
        cr_assert_eq(vault_read_begin(f.r), ERR_OK);
        cr_assert_eq(vault_read_tokens(f.r, slot, note_token, &seen), ERR_OK);
        vault_read_end(f.r);
        cr_assert_eq(seen.count, 2, "%s", kinds[i]);
        cr_assert(same(&seen.tokens[0], &heir), "%s", kinds[i]);
        cr_assert(same(&seen.tokens[1], &old), "%s", kinds[i]);
    }
}

Test(renew, an_old_token_leads_to_its_owner)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct token_text old = store(kinds[i], "ada", "1234");
        uint64_t slot = 0, owner = 0;

        (void)renew(kinds[i]);
        cr_assert_eq(fixture_subject(&f, "ada", &slot), ERR_OK);
        cr_assert_eq(vault_read_begin(f.r), ERR_OK);
        cr_assert_eq(vault_read_owner(f.r, class_id(kinds[i]), fixture_span(&old), &owner), ERR_OK,
                     "%s", kinds[i]);
        vault_read_end(f.r);
        cr_assert_eq(owner, slot);
    }
}

Test(renew, e28_a_forged_salt_does_not_lead_through_an_old_token)
{
    struct token_text old = store("opaque", "ada", "1234"), forged;
    struct token_ref ref;

    (void)renew("opaque");
    cr_assert_eq(token_read(fixture_span(&old), f.v->locator_key, &ref), ERR_OK);
    ref.salt[0] ^= 1;
    token_write(&ref, TOKEN_OPAQUE, "", f.v->locator_key, &forged);
    cr_assert_eq(reveal_result("opaque", &forged), ERR_NOT_FOUND);
}

/* ---- crashes ---- */

static void crash_at(const char *point)
{
    pid_t pid;
    int status = 0;

    fixture_close(&f);
    pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        struct vault_renew op = {.op.kind = VAULT_RENEW, .limit = 2, .more = true};
        char kill[64];

        (void)snprintf(kill, sizeof(kill), "%s", point);
        if (fixture_open(&f) != ERR_OK)
            _exit(3);
        op.class_id = class_id("equal");
        fault_test_set(kill, NULL);
        while (op.more && vault_run(f.v, &op.op) == ERR_OK)
            op.at = op.next;
        _exit(0);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%s: %d", point, status);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
}

Test(renew, a_crash_at_any_point_loses_no_token)
{
    static const char *const points[] = {"renew.batch", "tokenize.before_commit",
                                         "tokenize.committed"};
    static const char *const values[] = {"1111", "2222", "3333", "4444", "5555"};
    struct token_text old[COUNT_OF(values)];

    for (size_t i = 0; i < COUNT_OF(values); i++)
        old[i] = store("equal", "ada", values[i]);
    for (size_t p = 0; p < COUNT_OF(points); p++) {
        crash_at(points[p]);
        for (size_t i = 0; i < COUNT_OF(values); i++)
            cr_assert(reveals("equal", &old[i], values[i]), "%s", points[p]);
    }
    (void)renew("equal");
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        struct token_text heir = new_of("equal", &old[i]);

        cr_assert(reveals("equal", &heir, values[i]));
        cr_assert(reveals("equal", &old[i], values[i]));
    }
    cr_assert_eq(stats("equal").items, COUNT_OF(values));
}
