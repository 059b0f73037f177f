/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/search_priv.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"
#include "tests/support/scratch.h"
#include "vault/crypto_priv.h"

static struct scratch scratch;
static uint8_t wrapped[CRYPTO_WRAPPED_BYTES];
static uint8_t subject[16];

static void setup(void)
{
    secret_start();
    scratch = scratch_new();
    secret_random(wrapped, sizeof(wrapped));
    secret_random(subject, sizeof(subject));
}

static void teardown(void)
{
    scratch_remove(&scratch);
}

TestSuite(search, .init = setup, .fini = teardown);

static void write_file(const char *name, size_t before, const uint8_t *bytes, size_t len)
{
    FILE *file = fopen(scratch_path(&scratch, name), "w");

    cr_assert_not_null(file);
    for (size_t i = 0; i < before; i++)
        (void)fputc('x', file);
    cr_assert_eq(fwrite(bytes, 1, len, file), len);
    cr_assert_eq(fclose(file), 0);
}

static struct search look(bool (*skip)(const char *name))
{
    struct search s = {.wrapped = wrapped, .subject = subject};

    cr_assert_eq(search_folder(&s, scratch.dir, skip), ERR_OK);
    return s;
}

Test(search, finds_the_key_wherever_it_lies_in_a_file)
{
    static const size_t places[] = {0, 1, (1 << 20) - 20, (1 << 20) - 1, 1 << 20, 3000000};

    for (size_t i = 0; i < COUNT_OF(places); i++) {
        write_file("file", places[i], wrapped, sizeof(wrapped));
        cr_assert(look(NULL).wrapped_found, "at %zu", places[i]);
    }
    write_file("file", 5, wrapped, sizeof(wrapped) / 3);
    cr_assert(look(NULL).wrapped_found, "the first third alone");
    write_file("file", 5, wrapped, sizeof(wrapped) / 3 - 1);
    cr_assert_not(look(NULL).wrapped_found);
}

static bool not_the_second(const char *name)
{
    return strcmp(name, "second") == 0;
}

Test(search, looks_at_every_file_but_those_that_are_skipped)
{
    write_file("first", 0, subject, sizeof(subject));
    write_file("second", 0, wrapped, sizeof(wrapped));
    cr_assert(look(NULL).wrapped_found);
    cr_assert_not(look(not_the_second).wrapped_found);
    cr_assert_eq(look(NULL).bytes, sizeof(subject) + sizeof(wrapped));
}

/* Called for each name right before it is opened. */
static bool removed_meanwhile(const char *name)
{
    if (strcmp(name, "vanishes") == 0)
        cr_assert_eq(unlink(scratch_path(&scratch, name)), 0);
    return false;
}

Test(search, a_file_that_goes_meanwhile_is_no_failure)
{
    write_file("stays", 0, wrapped, sizeof(wrapped));
    write_file("vanishes", 0, subject, sizeof(subject));
    cr_assert(look(removed_meanwhile).wrapped_found, "the others are looked at");
}

Test(search, what_cannot_be_read_is_a_failure)
{
    struct search s = {.wrapped = wrapped, .subject = subject};

    cr_assert_eq(search_folder(&s, scratch_path(&scratch, "nowhere"), NULL), ERR_IO);
}

enum { CROWD = 300 };

Test(search, for_many_finds_exactly_those_who_are_there)
{
    static const size_t places[] = {0, 1, 70, (1 << 20) - 20, (1 << 20) - 1, 1 << 20, 3000000};
    static uint8_t keys[CROWD][CRYPTO_WRAPPED_BYTES], ids[CROWD][16];
    struct search all[CROWD];

    secret_random(keys, sizeof(keys));
    secret_random(ids, sizeof(ids));
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        write_file("file", places[i], keys[i * 40] + 16, 16); /* the second third */
        for (size_t k = 0; k < CROWD; k++)
            all[k] = (struct search){.wrapped = keys[k], .subject = ids[k]};
        cr_assert_eq(search_folder_for(all, CROWD, scratch.dir, NULL), ERR_OK);
        for (size_t k = 0; k < CROWD; k++) {
            cr_assert_eq(all[k].wrapped_found, k == i * 40, "%zu at %zu", k, places[i]);
            cr_assert_eq(all[k].slots, 0);
            cr_assert_eq(all[k].bytes, places[i] + 16);
        }
    }
}

Test(search, for_many_finds_slots_as_it_does_for_one)
{
    static const size_t places[] = {0, 5, (1 << 20) - 64, (1 << 20) - 127, 2500000};
    static uint8_t ids[CROWD][16];
    struct search all[CROWD];

    secret_random(ids, sizeof(ids));
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        struct search one = {.subject = ids[11]};
        uint8_t slot[SLAB_SLOT_BYTES] = {1, SLAB_SUBJECT, 0, 0, 1};

        memcpy(slot + 16, ids[11], 16);
        write_file("file", places[i], slot, sizeof(slot));
        for (size_t k = 0; k < CROWD; k++)
            all[k] = (struct search){.subject = ids[k]};
        cr_assert_eq(search_folder_for(all, CROWD, scratch.dir, NULL), ERR_OK);
        cr_assert_eq(search_folder(&one, scratch.dir, NULL), ERR_OK);
        cr_assert_eq(one.slots, 1, "at %zu", places[i]);
        for (size_t k = 0; k < CROWD; k++)
            cr_assert_eq(all[k].slots, k == 11, "%zu at %zu", k, places[i]);
    }
}
