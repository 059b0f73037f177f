/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/slab_format_priv.h"

#include <criterion/criterion.h>

#include "base/secret.h"
#include "tests/unit/vault/slab_rig.h"
#include "tests/support/vectors.h"

#define VECTORS "tests/vectors/vault_v1.txt"

enum { COPY_BYTES = SLAB_COPY_BYTES, HEADER_USED_BYTES = 112 };

TestSuite(slab_format, .init = setup, .fini = teardown);

/* The known answers as a file: slot 5 and a header, of an odd sequence: copy B. */
static void write_known(const char *header_name, const char *slot_name)
{
    static const uint8_t zeroes[1 << 12];
    uint8_t header[HEADER_USED_BYTES], slot[SLAB_SLOT_BYTES];

    (void)unlink(path);
    cr_assert_eq(vector_bytes(VECTORS, header_name, header, sizeof(header)), sizeof(header));
    cr_assert_eq(vector_bytes(VECTORS, slot_name, slot, sizeof(slot)), sizeof(slot));
    scratch_write(path, 0, zeroes, sizeof(zeroes));
    scratch_write(path, SLAB_HEADER_BYTES, zeroes, sizeof(zeroes));
    scratch_write(path, COPY_BYTES, header, sizeof(header));
    scratch_write(path, place(5), slot, sizeof(slot));
}

static void assert_known(struct slab *s)
{
    struct slab_key key;

    cr_assert_eq(slab_slots_used(s), 6);
    cr_assert_eq(slab_read(s, 5, &key), ERR_OK);
    for (uint8_t i = 0; i < 32; i++)
        cr_assert_eq(key.key[i], 0x60 + i);
    for (uint8_t i = 0; i < 16; i++) {
        cr_assert_eq(key.subject[i], 0xc0 + i);
        cr_assert_eq(slab_store_id(s)[i], 0x10 + i);
    }
    cr_assert_eq(key.kind, SLAB_SUBJECT);
    cr_assert_eq(key.owner, 1);
}

Test(slab_format, is_laid_out_as_the_known_answers_say)
{
    AUTO(slab_close) struct slab *s = NULL;
    struct errmsg msg;
    uint64_t first = 0;

    write_known("slab_header", "slot");
    cr_assert_eq(slab_open(path, &roots, &s, &msg), ERR_OK, "%s", msg.text);
    assert_known(s);
    cr_assert_eq(slab_old_epoch(s), 0);
    cr_assert_eq(slab_reserve_rows(s, 10, &first), ERR_OK);
    cr_assert_eq(first, 4097);
}

Test(slab_format, amid_a_rotation_needs_both_root_keys)
{
    AUTO(slab_close) struct slab *s = NULL;
    uint8_t old_bytes[ROOT_KEY_BYTES];
    const struct root_keys both = {{{2, old_bytes}, root}, 2}, old = {{{2, old_bytes}}, 1};
    struct errmsg msg;

    for (uint8_t i = 0; i < sizeof(old_bytes); i++)
        old_bytes[i] = 0x20 + i;
    write_known("slab_header_rotating", "slot_old");
    cr_assert_eq(slab_open(path, &both, &s, &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(slab_epoch(s), 3);
    cr_assert_eq(slab_old_epoch(s), 2);
    assert_known(s);
    slab_close(&s);
    assert_refused(&roots, ERR_SEALED, "the root key of epoch 2 is needed, too");
    assert_refused(&old, ERR_CORRUPT, "damaged"); /* copy A is zeroes: it could be damage */
    write_known("slab_header", "slot_old");
    cr_assert_eq(slab_open(path, &both, &s, &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(slab_read(s, 5, &(struct slab_key){0}), ERR_CORRUPT, "epoch 2 has ended");
}

/* ---- the header ---- */

Test(slab_format, survives_damage_of_either_header_copy_in_any_byte)
{
    for (size_t i = 0; i < 2 * COPY_BYTES; i += i % COPY_BYTES < HEADER_USED_BYTES ? 1 : 97) {
        struct slab *s;

        scratch_flip(path, i, 0x80);
        s = open_slab();
        cr_assert_eq(slab_slots_used(s), FIRST);
        slab_close(&s);
        scratch_flip(path, i, 0x80);
    }
}

Test(slab_format, is_corrupt_when_both_header_copies_are_damaged)
{
    for (size_t i = 0; i < COPY_BYTES; i += i < HEADER_USED_BYTES ? 1 : 97) {
        size_t in_b = COPY_BYTES + (i + 31) % HEADER_USED_BYTES;

        scratch_flip(path, i, 0x80);
        scratch_flip(path, in_b, 0x80);
        assert_refused(&roots, ERR_CORRUPT, "keys.slab");
        scratch_flip(path, i, 0x80);
        scratch_flip(path, in_b, 0x80);
    }
}

Test(slab_format, of_another_root_key_is_sealed_and_says_which_epoch_it_wants)
{
    uint8_t other_bytes[ROOT_KEY_BYTES] = {0xff};
    const struct root_keys other = {{{8, other_bytes}}, 1}, same = {{{3, other_bytes}}, 1};
    const struct root_keys two = {{{1, other_bytes}, {2, root_bytes}}, 2}, none = {.count = 0};

    assert_refused(&other, ERR_SEALED, "epoch 3 is wanted, the key given is of epoch 8");
    assert_refused(&two, ERR_SEALED, "epoch 3 is wanted, the key given is of epoch 1 and 2");
    assert_refused(&same, ERR_SEALED, "another root key than the one given for epoch 3");
    assert_refused(&none, ERR_SEALED, "no root key");
}

Test(slab_format, finds_its_root_key_beside_another)
{
    uint8_t other_bytes[ROOT_KEY_BYTES] = {0xff};
    const struct root_keys before = {{{2, other_bytes}, root}, 2};
    const struct root_keys after = {{root, {4, other_bytes}}, 2};
    struct slab *s = NULL;

    cr_assert_eq(slab_open(path, &before, &s, NULL), ERR_OK);
    cr_assert_eq(slab_epoch(s), 3);
    slab_close(&s);
    cr_assert_eq(slab_open(path, &after, &s, NULL), ERR_OK);
    cr_assert_eq(slab_epoch(s), 3);
    slab_close(&s);
}

/* E30 */
Test(slab_format, of_another_format_says_so)
{
    static const struct {
        uint8_t version;
        const char *words;
    } others[] = {{3, "newer version of Lethe (format 3)"},
                  {1, "older version of Lethe (format 1)"}};

    for (size_t i = 0; i < COUNT_OF(others); i++) {
        uint8_t ours = 2;

        scratch_write(path, 8, &others[i].version, 1);
        slab_close(&(struct slab *){open_slab()}); /* one copy alone is damage */
        scratch_write(path, COPY_BYTES + 8, &others[i].version, 1);
        assert_refused(&roots, ERR_CORRUPT, others[i].words);
        scratch_write(path, 8, &ours, 1);
        scratch_write(path, COPY_BYTES + 8, &ours, 1);
    }
}

Test(slab_format, that_is_missing_or_shortened_is_corrupt)
{
    struct slab *s = open_slab();

    for (uint64_t n = 0; n < 100; n++)
        (void)add(s, n);
    cr_assert_eq(slab_sync(s), ERR_OK);
    slab_close(&s);
    scratch_cut(path, place(FIRST + 99));
    assert_refused(&roots, ERR_CORRUPT, "shorter");
    scratch_cut(path, SLAB_HEADER_BYTES - 1);
    assert_refused(&roots, ERR_CORRUPT, "too short");
    (void)unlink(path);
    assert_refused(&roots, ERR_CORRUPT, "cannot be opened");
}

Test(slab_format, goes_back_one_step_when_the_last_header_was_torn)
{
    struct slab *s = open_slab();
    uint64_t first = 0, again = 0, slot;
    uint8_t copies[2 * COPY_BYTES];
    size_t newer;

    cr_assert_eq(slab_reserve_rows(s, 100, &first), ERR_OK);
    slot = add(s, 1);
    cr_assert_eq(slab_sync(s), ERR_OK);
    cr_assert_eq(scratch_read(path, 0, copies, sizeof(copies)), sizeof(copies));
    newer = copies[16] > copies[COPY_BYTES + 16] ? 0 : COPY_BYTES;
    slab_close(&s);
    scratch_flip(path, newer + 50, 0xff);
    s = open_slab();
    cr_assert_eq(slab_slots_used(s), slot + 1, "the slot's bytes tell that it is taken");
    assert_holds(s, slot, 1);
    cr_assert_eq(slab_reserve_rows(s, 100, &again), ERR_OK);
    cr_assert_eq(again, first + 100);
    slab_close(&s);
}

/* ---- torn writes ---- */

enum { SECTOR_BYTES = 512, SECTORS = 2 * COPY_BYTES / SECTOR_BYTES };

/* The header before and after a key was added; the page is written as a whole, whichever copy changes. */
static uint64_t add_between(uint8_t before[2 * COPY_BYTES], uint8_t after[2 * COPY_BYTES])
{
    struct slab *s = open_slab();
    uint64_t slot;

    cr_assert_eq(scratch_read(path, 0, before, 2 * COPY_BYTES), 2 * COPY_BYTES);
    slot = add(s, 1);
    cr_assert_eq(slab_sync(s), ERR_OK);
    slab_close(&s);
    cr_assert_eq(scratch_read(path, 0, after, 2 * COPY_BYTES), 2 * COPY_BYTES);
    cr_assert(memcmp(before, after, 2 * COPY_BYTES) != 0);
    return slot;
}

/* Of a page that was being written every sector may be old or new. */
Test(slab_format, keeps_every_key_whichever_sectors_of_the_header_were_written)
{
    uint8_t before[2 * COPY_BYTES], after[2 * COPY_BYTES];
    const uint64_t slot = add_between(before, after);

    for (unsigned written = 0; written < 1u << SECTORS; written++) {
        struct slab *s;

        for (size_t i = 0; i < SECTORS; i++)
            scratch_write(path, i * SECTOR_BYTES,
                          ((written >> i & 1) != 0 ? after : before) + i * SECTOR_BYTES,
                          SECTOR_BYTES);
        s = open_slab();
        assert_holds(s, slot, 1);
        slab_close(&s);
    }
}

Test(slab_format, keeps_every_key_when_a_sector_of_the_header_was_lost)
{
    static const uint8_t lost[SECTOR_BYTES] = {0xff, 0x5a};
    uint8_t before[2 * COPY_BYTES], after[2 * COPY_BYTES];
    const uint64_t slot = add_between(before, after);

    for (size_t i = 0; i < SECTORS; i++) {
        struct slab *s;

        scratch_write(path, 0, after, sizeof(after));
        scratch_write(path, i * SECTOR_BYTES, lost, sizeof(lost));
        s = open_slab();
        assert_holds(s, slot, 1);
        slab_close(&s);
    }
}

/* A disk with sectors of 4 KiB that loses one takes both copies. Nothing is served, and nothing is lost: the keys
 * stand behind, and the header of an older copy of the file opens all of them. */
Test(slab_format, keeps_every_key_behind_a_header_that_was_lost)
{
    static const uint8_t lost[2 * COPY_BYTES] = {0xff, 0x5a};
    uint8_t before[2 * COPY_BYTES], after[2 * COPY_BYTES];
    const uint64_t slot = add_between(before, after);
    struct slab *s;

    scratch_write(path, 0, lost, sizeof(lost));
    assert_refused(&roots, ERR_CORRUPT, "keys.slab");
    scratch_write(path, 0, before, sizeof(before));
    s = open_slab();
    assert_holds(s, slot, 1);
    cr_assert_eq(add(s, 2), slot + 1, "it is not given out again");
    slab_close(&s);
}
