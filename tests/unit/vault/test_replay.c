/* SPDX-License-Identifier: Apache-2.0 */
/* What the ledger brings back when older files are put beside it: numbers that were given out, and
 * erasures, each for the subject that it names. */
#include <criterion/criterion.h>

#include "base/fault.h"
#include "base/secret.h"
#include "tests/support/scratch.h"
#include "tests/support/vault_fixture.h"
#include "vault/ledger_priv.h"
#include "vault/vault_priv.h"
#include "vault/writer_priv.h"

TestSuite(replay, .init = secret_start);

enum { PERSONS = 70 }; /* more than the first block of slots */

struct numbers {
    uint64_t row[PERSONS];
    uint8_t salt[PERSONS][TOKEN_SALT_BYTES];
    uint64_t slot[PERSONS];
};

/* Store so many persons, whose names begin with `prefix`; the numbers they got. */
static struct numbers store_persons(struct vault_fixture *f, const char *prefix)
{
    struct numbers n;

    for (size_t i = 0; i < PERSONS; i++) {
        struct token_text token;
        struct token_ref ref;
        char name[32];

        (void)snprintf(name, sizeof(name), "%s%zu", prefix, i);
        cr_assert_eq(fixture_tokenize(f, f->note, name, name, &token), ERR_OK);
        cr_assert_eq(token_read(fixture_span(&token), f->v->locator_key, &ref), ERR_OK);
        n.row[i] = ref.row;
        memcpy(n.salt[i], ref.salt, TOKEN_SALT_BYTES);
        cr_assert_eq(fixture_subject(f, name, &n.slot[i]), ERR_OK);
    }
    return n;
}

static void assert_apart(const struct numbers *a, const struct numbers *b)
{
    for (size_t i = 0; i < PERSONS; i++)
        for (size_t j = 0; j < PERSONS; j++) {
            cr_assert_neq(a->row[i], b->row[j], "row %zu", i);
            cr_assert_neq(a->slot[i], b->slot[j], "slot %zu", i);
            cr_assert(memcmp(a->salt[i], b->salt[j], TOKEN_SALT_BYTES) != 0);
        }
}

static void keep(struct vault_fixture *f, const char *name)
{
    char kept[128];

    (void)snprintf(kept, sizeof(kept), "%s/%s.kept", f->base, name);
    scratch_copy(fixture_path(f, name), kept);
}

static void put_back(struct vault_fixture *f, const char *name)
{
    char kept[128];

    (void)snprintf(kept, sizeof(kept), "%s/%s.kept", f->base, name);
    scratch_cut(fixture_path(f, name), 0);
    scratch_copy(kept, fixture_path(f, name));
}

static void reopen(struct vault_fixture *f)
{
    cr_assert_eq(fixture_open(f), ERR_OK, "%s", f->msg.text);
}

Test(replay, no_number_comes_back_with_older_files)
{
    struct vault_fixture f;
    struct numbers before, lost, after;

    fixture_start(&f);
    before = store_persons(&f, "before");
    fixture_close(&f);
    keep(&f, VAULT_DB);
    keep(&f, VAULT_SLAB);
    reopen(&f);
    lost = store_persons(&f, "lost");
    fixture_close(&f);
    put_back(&f, VAULT_DB);
    put_back(&f, VAULT_SLAB);
    reopen(&f);
    after = store_persons(&f, "after");
    assert_apart(&before, &after);
    assert_apart(&lost, &after);
    fixture_end(&f);
}

/* The files of a crash, which nobody closed: the block that was open then is given up as well. */
Test(replay, no_number_comes_back_within_an_open_block)
{
    struct vault_fixture f;
    struct numbers lost, after;
    struct token_text token;

    fixture_start(&f);
    cr_assert_eq(fixture_tokenize(&f, f.note, "ada", "x", &token), ERR_OK);
    keep(&f, VAULT_DB); /* the write-ahead log is left out: as old as can be */
    keep(&f, VAULT_SLAB);
    lost = store_persons(&f, "lost");
    fixture_close(&f);
    put_back(&f, VAULT_DB);
    put_back(&f, VAULT_SLAB);
    reopen(&f);
    after = store_persons(&f, "after");
    assert_apart(&lost, &after);
    fixture_end(&f);
}

Test(replay, nothing_is_reserved_by_a_process_that_only_reads)
{
    struct vault_fixture f;
    uint64_t slot, entries;

    fixture_start(&f);
    (void)store_persons(&f, "a");
    entries = ledger_seq(f.v->ledger);
    fixture_close(&f);
    reopen(&f);
    cr_assert_eq(fixture_subject(&f, "a1", &slot), ERR_OK);
    cr_assert_eq(ledger_seq(f.v->ledger), entries);
    fixture_end(&f);
}

Test(replay, nothing_is_given_out_that_the_ledger_did_not_take)
{
    struct vault_fixture f;
    struct token_text token;
    uint64_t slot, used;

    fixture_start(&f);
    fixture_close(&f); /* a new store has begun a block, for its domains */
    reopen(&f);
    used = slab_slots_used(f.v->slab);
    fault_test_set("ledger.append!io", NULL);
    cr_assert_eq(fixture_tokenize(&f, f.note, "ada", "x", &token), ERR_IO);
    cr_assert_eq(slab_slots_used(f.v->slab), used);
    fault_test_set(NULL, NULL);
    cr_assert_eq(fixture_tokenize(&f, f.note, "ada", "x", &token), ERR_OK);
    cr_assert_eq(fixture_subject(&f, "ada", &slot), ERR_OK);
    cr_assert_eq(slot, SLAB_FIRST_SLOTS + 64);
    fixture_end(&f);
}

Test(replay, a_lost_subjects_slot_is_nobodys_when_its_erasure_is_known)
{
    struct vault_fixture f;
    struct vault_erasure erasure = {.slot = 0};
    struct token_text token;
    struct numbers after;

    fixture_start(&f);
    fixture_close(&f);
    keep(&f, VAULT_DB);
    keep(&f, VAULT_SLAB);
    reopen(&f);
    cr_assert_eq(fixture_tokenize(&f, f.note, "lost", "x", &token), ERR_OK);
    cr_assert_eq(fixture_erase(&f, "lost", &erasure), ERR_OK);
    vault_erasure_done(&erasure);
    fixture_close(&f);
    put_back(&f, VAULT_DB);
    put_back(&f, VAULT_SLAB);
    reopen(&f);
    cr_assert_neq(fixture_reveal(&f, &token, (char[8]){""}, 8), ERR_OK);
    after = store_persons(&f, "after");
    for (size_t i = 0; i < PERSONS; i++)
        cr_assert_neq(after.slot[i], erasure.slot);
    fixture_end(&f);
}

/* Append an entry to the ledger of a closed store as if an earlier subject of `slot` had been erased. */
static void append_erasure_of_somebody_else(struct vault_fixture *f, uint64_t slot)
{
    struct ledger_record record = {.kind = LEDGER_ERASE, .slot = slot};
    const struct root_keys roots = {{f->root}, 1};
    uint8_t key[CRYPTO_KEY_BYTES];
    struct ledger *ledger = NULL;
    struct slab *slab = NULL;

    cr_assert_eq(slab_open(fixture_path(f, VAULT_SLAB), &roots, &slab, &f->msg), ERR_OK);
    cr_assert_eq(vault__own_key(slab, SLAB_SLOT_LEDGER, SLAB_LEDGER, key), ERR_OK);
    cr_assert_eq(
        ledger_open(fixture_path(f, VAULT_LEDGER), key, slab_store_id(slab), &ledger, &f->msg),
        ERR_OK);
    slab_close(&slab);
    secret_random(record.erasure, VAULT_ID_BYTES);
    secret_random(record.subject, VAULT_ID_BYTES);
    cr_assert_eq(ledger_append(ledger, &record), ERR_OK);
    ledger_close(&ledger);
}

Test(replay, an_erasure_is_carried_out_on_nobody_but_its_subject)
{
    struct vault_fixture f;
    struct vault_erasure *open = NULL;
    struct token_text token;
    uint64_t slot;
    size_t count = 0;

    fixture_start(&f);
    cr_assert_eq(fixture_tokenize(&f, f.note, "ada", "still here", &token), ERR_OK);
    cr_assert_eq(fixture_subject(&f, "ada", &slot), ERR_OK);
    fixture_close(&f);
    append_erasure_of_somebody_else(&f, slot);
    reopen(&f);
    cr_assert(fixture_reveals(&f, &token, "still here"));
    cr_assert_eq(fixture_subject(&f, "ada", &slot), ERR_OK);
    cr_assert_eq(vault_erasures_open(f.v, &open, &count), ERR_OK);
    cr_assert_eq(count, 0, "a sweep of the slot would take somebody else's rows");
    free(open);
    fixture_end(&f);
}

Test(replay, refuses_a_ledger_that_went_another_way)
{
    struct vault_fixture f;
    struct vault_erasure erasure = {.slot = 0};
    struct token_text token;

    fixture_start(&f);
    cr_assert_eq(fixture_tokenize(&f, f.note, "ada", "x", &token), ERR_OK);
    fixture_close(&f);
    keep(&f, VAULT_LEDGER);
    reopen(&f);
    cr_assert_eq(fixture_erase(&f, "ada", &erasure), ERR_OK);
    vault_erasure_done(&erasure);
    fixture_close(&f);
    put_back(&f, VAULT_LEDGER);
    for (uint64_t slot = 1000; slot < 1003; slot++) /* longer than what the store has seen */
        append_erasure_of_somebody_else(&f, slot);
    cr_assert_eq(fixture_open(&f), ERR_CORRUPT);
    cr_assert_not_null(strstr(f.msg.text, "is not the ledger that this store has written"), "%s",
                       f.msg.text);
    fixture_end(&f);
}

/* An entry that nothing else in the store depends on: the head of the audit trail. */
Test(replay, refuses_a_ledger_that_lost_the_last_head_of_the_audit_trail)
{
    struct vault_audit_mark mark = {.op.kind = VAULT_AUDIT_MARK, .seq = 41};
    struct token_text token;
    struct vault_fixture f;
    struct stat st;

    fixture_start(&f);
    cr_assert_eq(fixture_tokenize(&f, f.note, "ada", "x", &token), ERR_OK);
    cr_assert_eq(vault_run(f.v, &mark.op), ERR_OK);
    fixture_close(&f);
    keep(&f, VAULT_LEDGER);
    cr_assert_eq(stat(fixture_path(&f, VAULT_LEDGER), &st), 0);
    scratch_cut(fixture_path(&f, VAULT_LEDGER), (size_t)st.st_size - LEDGER_RECORD_BYTES);
    cr_assert_eq(fixture_open(&f), ERR_CORRUPT);
    cr_assert_not_null(strstr(f.msg.text, "this is an older copy"), "%s", f.msg.text);
    put_back(&f, VAULT_LEDGER);
    reopen(&f);
    fixture_end(&f);
}
