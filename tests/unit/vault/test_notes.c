/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/notes.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/secret.h"
#include "tests/support/vault_fixture.h"

TestSuite(notes, .init = secret_start);

static struct vault_fixture f;

static uint64_t person(const char *name)
{
    struct token_text token;
    uint64_t slot = 0;

    cr_assert_eq(fixture_tokenize(&f, f.note, name, "x", &token), ERR_OK);
    cr_assert_eq(fixture_subject(&f, name, &slot), ERR_OK);
    return slot;
}

static void add(struct notes *n, uint64_t slot, uint16_t class_id, enum note_kind kind)
{
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(notes_add(n, f.r, slot, class_id, kind), ERR_OK);
    vault_read_end(f.r);
}

Test(notes, count_by_person_and_class)
{
    AUTO(notes_done) struct notes n = {.count = 0};
    const struct audit_entry *at;
    uint64_t ada, bob;

    fixture_start(&f);
    ada = person("ada");
    bob = person("bob");
    add(&n, ada, f.note, NOTE_VALUE);
    add(&n, ada, f.email, NOTE_MASK);
    add(&n, bob, f.note, NOTE_VALUE);
    add(&n, ada, f.note, NOTE_VALUE);
    add(&n, ada, f.note, NOTE_TOKEN);
    cr_assert_eq(n.count, 3);
    at = notes_entries(&n);
    cr_assert_eq(at[0].values, 2);
    cr_assert_eq(at[0].tokens, 1);
    cr_assert_eq(at[1].masks, 1);
    cr_assert_arr_eq(at[0].tag, at[1].tag, AUDIT_TAG_BYTES);
    cr_assert_arr_neq(at[0].tag, at[2].tag, AUDIT_TAG_BYTES);
    cr_assert(n.values == 3 && n.masks == 1 && n.tokens == 1);
    notes_reset(&n);
    cr_assert_eq(n.count, 0);
    add(&n, bob, f.note, NOTE_VALUE);
    cr_assert_eq(notes_entries(&n)[0].values, 1);
    notes_done(&n);
    fixture_end(&f);
}

Test(notes, grow_with_the_people_and_lose_none)
{
    AUTO(notes_done) struct notes n = {.count = 0};
    uint64_t slots[100];
    char name[16];

    fixture_start(&f);
    for (size_t i = 0; i < COUNT_OF(slots); i++) {
        (void)snprintf(name, sizeof(name), "person %zu", i);
        slots[i] = person(name);
    }
    for (size_t i = 0; i < 2 * COUNT_OF(slots); i++)
        add(&n, slots[i / 2], f.note, NOTE_VALUE);
    cr_assert_eq(n.count, COUNT_OF(slots));
    for (size_t i = 0; i < n.count; i++)
        cr_assert_eq(notes_entries(&n)[i].values, 2);
    notes_done(&n);
    fixture_end(&f);
}

Test(notes, begin_another_entry_before_a_count_overflows)
{
    AUTO(notes_done) struct notes n = {.count = 0};
    uint64_t ada;

    fixture_start(&f);
    ada = person("ada");
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    for (size_t i = 0; i < UINT16_MAX + 5; i++)
        cr_assert_eq(notes_add(&n, f.r, ada, f.note, NOTE_VALUE), ERR_OK);
    vault_read_end(f.r);
    cr_assert_eq(n.count, 2);
    cr_assert_eq(notes_entries(&n)[0].values, UINT16_MAX);
    cr_assert_eq(notes_entries(&n)[1].values, 5);
    cr_assert_eq(n.values, UINT16_MAX + 5);
    notes_done(&n);
    fixture_end(&f);
}

Test(notes, take_no_more_than_a_record_holds)
{
    AUTO(notes_done) struct notes n = {.count = 0};
    uint64_t ada;
    enum err e = ERR_OK;

    fixture_start(&f);
    ada = person("ada");
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    for (uint32_t i = 0; e == ERR_OK && i < AUDIT_ENTRIES_MAX + 1u; i++)
        e = notes_add(&n, f.r, ada, (uint16_t)(i + 1), NOTE_VALUE);
    vault_read_end(f.r);
    cr_assert_eq(e, ERR_LIMIT);
    cr_assert_eq(n.count, AUDIT_ENTRIES_MAX);
    notes_done(&n);
    fixture_end(&f);
}

Test(notes, know_nobody_who_was_erased)
{
    AUTO(notes_done) struct notes n = {.count = 0};
    struct vault_erasure erasure = {.slot = 0};
    uint64_t ada;

    fixture_start(&f);
    ada = person("ada");
    cr_assert_eq(fixture_erase(&f, "ada", &erasure), ERR_OK);
    vault_erasure_done(&erasure);
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(notes_add(&n, f.r, ada, f.note, NOTE_VALUE), ERR_NOT_FOUND);
    vault_read_end(f.r);
    fixture_end(&f);
}
