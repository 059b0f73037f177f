/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger's mirror: made once, never ahead, and what it notices. */
#include "tests/unit/vault/backup_rig.h"

#include "vault/ledger_verify.h"

static struct backup_rig r;
static char mirror[128];

static struct vault_options options(const struct root_keys *roots)
{
    return (struct vault_options){.dir = r.f.dir,
                                  .roots = roots,
                                  .classes = &r.f.classes,
                                  .domains = &r.f.domains,
                                  .ledger_mirror = mirror};
}

static enum err make_mirror(void)
{
    const struct root_keys roots = {{r.f.root}, 1};
    const struct vault_options o = options(&roots);

    return vault_ledger_mirror(&o, &r.msg);
}

static void start(void)
{
    secret_start();
    backup_rig_start(&r);
    (void)snprintf(mirror, sizeof(mirror), "%s/mirror.log", r.f.base);
    fixture_close(&r.f);
    r.f.mirror = mirror;
}

static void end(void)
{
    backup_rig_end(&r);
}

TestSuite(mirror, .init = start, .fini = end);

static void assert_alike(void)
{
    static uint8_t a[1 << 16], b[1 << 16];
    size_t n = scratch_read(fixture_path(&r.f, VAULT_LEDGER), 0, a, sizeof(a));

    cr_assert_eq(scratch_read(mirror, 0, b, sizeof(b)), n);
    cr_assert_gt(n, 0);
    cr_assert_arr_eq(a, b, n);
}

static void assert_refused(enum err code, const char *words)
{
    cr_assert_eq(fixture_open(&r.f), code, "%s", r.f.msg.text);
    cr_assert_not_null(strstr(r.f.msg.text, words), "%s", r.f.msg.text);
}

Test(mirror, is_made_by_its_command_only)
{
    assert_refused(ERR_CORRUPT, "mirror is missing");
    cr_assert_neq(access(mirror, F_OK), 0);
    cr_assert_eq(make_mirror(), ERR_OK, "%s", r.msg.text);
    assert_alike();
    ASSERT_REFUSED(&r, make_mirror(), ERR_CONFLICT, "is there already");
    reopen(&r);
    ASSERT_REFUSED(&r, make_mirror(), ERR_BUSY, "in use");
}

Test(mirror, gets_every_entry_before_it_counts)
{
    cr_assert_eq(make_mirror(), ERR_OK, "%s", r.msg.text);
    reopen(&r);
    (void)store_person(&r, "ada");
    assert_alike();
    erase_person(&r, "ada");
    assert_alike();
}

Test(mirror, that_cannot_be_written_refuses_the_entry)
{
    struct vault_erasure erasure = {.slot = 0};
    struct token_text token;

    cr_assert_eq(make_mirror(), ERR_OK, "%s", r.msg.text);
    reopen(&r);
    token = store_person(&r, "ada");
    fault_test_set("mirror.write!io", NULL);
    cr_assert_eq(fixture_erase(&r.f, "ada", &erasure), ERR_IO);
    fault_test_set(NULL, NULL);
    assert_alike();
    cr_assert(reads(&r, &token, "ada"), "nothing was promised, nothing done");
    erase_person(&r, "ada");
    assert_alike();
    fixture_close(&r.f);
    reopen(&r);
    cr_assert_not(reads(&r, &token, "ada"));
}

Test(mirror, notices_a_ledger_that_was_cut)
{
    char ledger[128];

    cr_assert_eq(make_mirror(), ERR_OK, "%s", r.msg.text);
    (void)snprintf(ledger, sizeof(ledger), "%s", fixture_path(&r.f, VAULT_LEDGER));
    scratch_cut(ledger, scratch_size(ledger) - LEDGER_RECORD_BYTES);
    assert_refused(ERR_CORRUPT, "would be undone");
    scratch_cut(ledger, 0);
    scratch_copy(mirror, ledger); /* as the message says */
    reopen(&r);
}

Test(mirror, notices_that_it_is_anothers)
{
    struct backup_rig other;

    backup_rig_start(&other);
    fixture_close(&other.f);
    scratch_copy(fixture_path(&other.f, VAULT_LEDGER), mirror);
    backup_rig_end(&other);
    assert_refused(ERR_CORRUPT, "differ from entry 1 on");
}

Test(mirror, is_brought_up_after_a_crash)
{
    static const uint8_t zeroes[LEDGER_RECORD_BYTES];
    size_t size;

    cr_assert_eq(make_mirror(), ERR_OK, "%s", r.msg.text);
    size = scratch_size(mirror);
    scratch_cut(mirror, size - LEDGER_RECORD_BYTES - 60);
    reopen(&r);
    assert_alike();
    fixture_close(&r.f);
    size = scratch_size(mirror);
    scratch_write(mirror, size, zeroes, sizeof(zeroes)); /* allocated, never written */
    reopen(&r);
    assert_alike();
}

Test(mirror, is_not_the_ledger_itself)
{
    cr_assert_eq(link(fixture_path(&r.f, VAULT_LEDGER), mirror), 0);
    assert_refused(ERR_CONFIG, "is the ledger itself");
}

Test(mirror, is_made_of_a_whole_ledger_only)
{
    char ledger[128];

    (void)snprintf(ledger, sizeof(ledger), "%s", fixture_path(&r.f, VAULT_LEDGER));
    r.f.mirror = NULL;
    reopen(&r);
    (void)store_person(&r, "ada");
    erase_person(&r, "ada");
    fixture_close(&r.f);
    scratch_cut(ledger, scratch_size(ledger) - LEDGER_RECORD_BYTES);
    ASSERT_REFUSED(&r, make_mirror(), ERR_CORRUPT, "an older copy");
    cr_assert_neq(access(mirror, F_OK), 0);
}
