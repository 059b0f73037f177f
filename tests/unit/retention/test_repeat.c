/* SPDX-License-Identifier: Apache-2.0 */
#include "retention/repeat.h"

#include <criterion/criterion.h>
#include <fcntl.h>

#include "base/log.h"
#include "base/secret.h"
#include "retention/erasure.h"
#include "tests/support/vault_rig.h"

TestSuite(repeat, .init = secret_start, .timeout = 60);

static void start(struct rig *r)
{
    rig_init(r);
    rig_log(r);
}

static const struct span key = {"TICKET-7", 8}, request = {"{\"subject\":\"ada\"}", 17};

static enum err erase(struct rig *r, const struct repeat *repeat, struct receipt *ret)
{
    const struct erasure_request erasure = {
        .slot = repeat->slot, .newer_than_s = INT64_MAX, .number = repeat->number};
    struct erasures *e = erasures_new(r->vault, NULL);
    enum err result = erasure_run_request(e, &erasure, ret);

    erasures_free(&e);
    return result;
}

Test(repeat, key_that_nobody_used_is_not_found)
{
    AUTO(rig_done) struct rig r;
    struct repeat repeat;

    start(&r);
    cr_assert_eq(repeat_find(r.vault, key, request, &repeat), ERR_NOT_FOUND);
}

Test(repeat, key_stands_for_one_request_also_after_a_restart)
{
    AUTO(rig_done) struct rig r;
    struct repeat taken, found;

    start(&r);
    (void)rig_store(&r, "note", "ada", "tea");
    cr_assert_eq(repeat_claim(r.vault, key, request, rig_slot(&r, "ada"), &taken), ERR_OK);
    vault_close(&r.vault);
    rig_open(&r);
    cr_assert_eq(repeat_find(r.vault, key, request, &found), ERR_OK);
    cr_assert_eq(found.slot, taken.slot);
    cr_assert_arr_eq(found.number, taken.number, VAULT_ID_BYTES);
    cr_assert_eq(repeat_find(r.vault, key, SPAN_LIT("{\"subject\":\"bob\"}"), &found),
                 ERR_CONFLICT);
    cr_assert_eq(repeat_find(r.vault, SPAN_LIT("TICKET-8"), request, &found), ERR_NOT_FOUND);
}

Test(repeat, key_is_taken_once)
{
    AUTO(rig_done) struct rig r;
    struct repeat first, second;

    start(&r);
    (void)rig_store(&r, "note", "ada", "tea");
    cr_assert_eq(repeat_claim(r.vault, key, request, rig_slot(&r, "ada"), &first), ERR_OK);
    cr_assert_eq(repeat_claim(r.vault, key, request, rig_slot(&r, "ada"), &second), ERR_CONFLICT);
}

Test(repeat, says_what_became_of_it)
{
    AUTO(rig_done) struct rig r;
    struct vault_erasure erasure = {.slot = 0};
    struct vault_erase op = {.op = {.kind = VAULT_ERASE}, .erasure = &erasure};
    struct erasure_resumed resumed;
    struct erasures *e;
    struct repeat repeat;
    enum repeat_state state;

    start(&r);
    (void)rig_store(&r, "note", "ada", "tea");
    cr_assert_eq(repeat_claim(r.vault, key, request, rig_slot(&r, "ada"), &repeat), ERR_OK);
    cr_assert_eq(repeat_state(r.vault, &repeat, &state), ERR_OK);
    cr_assert_eq(state, REPEAT_OPEN);
    op.slot = repeat.slot;
    op.number = repeat.number;
    cr_assert_eq(vault_run(r.vault, &op.op), ERR_OK);
    vault_erasure_done(&erasure);
    cr_assert_eq(repeat_state(r.vault, &repeat, &state), ERR_OK);
    cr_assert_eq(state, REPEAT_GOING);
    e = erasures_new(r.vault, NULL);
    cr_assert_eq(erasure_resume_all(e, &resumed), ERR_OK);
    erasures_free(&e);
    cr_assert_eq(repeat_state(r.vault, &repeat, &state), ERR_OK);
    cr_assert_eq(state, REPEAT_DONE);
}

/* E43 */
Test(repeat, of_an_erasure_touches_nothing_newer)
{
    AUTO(rig_done) struct rig r;
    struct token_text later;
    struct receipt receipt;
    struct repeat repeat, again;
    enum repeat_state state;
    char value[256];

    start(&r);
    (void)rig_store(&r, "note", "ada", "old");
    cr_assert_eq(repeat_claim(r.vault, key, request, rig_slot(&r, "ada"), &repeat), ERR_OK);
    cr_assert_eq(erase(&r, &repeat, &receipt), ERR_OK);
    cr_assert_arr_eq(receipt.number, repeat.number, VAULT_ID_BYTES);
    later = rig_store(&r, "note", "ada", "new");
    cr_assert_eq(repeat_find(r.vault, key, request, &again), ERR_OK);
    cr_assert_eq(repeat_state(r.vault, &again, &state), ERR_OK);
    cr_assert_eq(state, REPEAT_DONE);
    cr_assert_eq(erase(&r, &again, &receipt), ERR_NOT_FOUND, "its slot is nobody's any more");
    cr_assert_eq(rig_reveal(&r, &later, value), ERR_OK);
    cr_assert_str_eq(value, "new");
}

Test(repeat, keeps_neither_the_key_nor_whom_it_was_about)
{
    AUTO(rig_done) struct rig r;
    static const char *const files[] = {"store/vault.db", "store/vault.db-wal"};
    static char bytes[4 << 20];
    struct repeat repeat;

    start(&r);
    (void)rig_store(&r, "note", "marker-person-9", "tea");
    cr_assert_eq(repeat_claim(r.vault, SPAN_LIT("marker-ticket-9"),
                              SPAN_LIT("{\"subject\":\"marker-person-9\"}"),
                              rig_slot(&r, "marker-person-9"), &repeat),
                 ERR_OK);
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        const size_t n = scratch_read(scratch_path(&r.scratch, files[i]), 0, bytes, sizeof(bytes));

        cr_assert_null(memmem(bytes, n, "marker-ticket-9", 15), "%s", files[i]);
        cr_assert_null(memmem(bytes, n, "marker-person-9", 15), "%s", files[i]);
    }
}
