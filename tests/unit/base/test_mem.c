/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdint.h>

#include "base/secret.h"

TestSuite(mem, .init = secret_start);

static bool is_zero(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

Test(mem, is_zeroed_even_when_it_was_used_before)
{
    for (int i = 0; i < 8; i++) {
        AUTO(mem_free) uint8_t *small = mem_alloc(200);
        AUTO(mem_free) uint8_t *counted = mem_try_alloc(10, 20);

        cr_assert_not_null(counted);
        cr_assert(is_zero(small, 200));
        cr_assert(is_zero(counted, 200));
        memset(small, 0xaa, 200);
        memset(counted, 0xaa, 200);
    }
}

Test(mem, of_a_table_is_zeroed_and_aligned)
{
    for (int i = 0; i < 3; i++) {
        AUTO(mem_free) uint8_t *table = mem_alloc_table(3 << 20);

        cr_assert_eq((uintptr_t)table % 4096, 0);
        cr_assert(is_zero(table, 3 << 20));
        memset(table, 0xaa, 3 << 20);
    }
}

#if !defined(__SANITIZE_ADDRESS__) /* whose allocator reports what is tested here */
Test(mem, that_does_not_exist_is_null_when_tried_for)
{
    volatile size_t half = SIZE_MAX / 2;

    cr_assert_null(mem_try_alloc(half, 4), "the product overflows");
    cr_assert_null(mem_try_alloc(1, half));
    cr_assert_null(mem_try_bytes(half));
}

Test(mem, that_does_not_exist_aborts_when_it_is_small_and_fixed, .signal = SIGABRT)
{
    volatile size_t half = SIZE_MAX / 2;

    (void)mem_alloc(half);
}
#endif

Test(mem, free_leaves_null_and_takes_null)
{
    char *p = mem_strdup("text");

    mem_free(&p);
    cr_assert_null(p);
    mem_free(&p);
    cr_assert_null(p);
}

Test(mem, strdup_copies)
{
    const char *text = "text";
    AUTO(mem_free) char *copy = mem_strdup(text);

    cr_assert_str_eq(copy, "text");
    cr_assert_neq((void *)copy, (void *)text);
}

Test(mem, take_hands_over_and_empties)
{
    char *p = mem_strdup("text");
    AUTO(mem_free) char *q = TAKE(p);

    cr_assert_null(p);
    cr_assert_str_eq(q, "text");
}

static int released;

static void count_release(const int *value)
{
    released = released * 10 + *value;
}

Test(mem, auto_releases_at_the_end_of_the_scope_last_first)
{
    released = 0;
    {
        AUTO(count_release) UNUSED int first = 1;
        AUTO(count_release) UNUSED int second = 2;

        cr_assert_eq(released, 0);
    }
    cr_assert_eq(released, 21);
}

Test(mem, container_of_finds_the_whole_from_a_part)
{
    struct whole {
        char before[5];
        int part;
    } w = {.part = 7};

    cr_assert_eq(CONTAINER_OF(&w.part, struct whole, part), &w);
}

Test(mem, count_of_counts_elements)
{
    uint32_t seven[7];

    cr_assert_eq(COUNT_OF(seven), 7);
}

Test(mem, that_was_given_back_is_taken_again_on_a_thread_that_keeps_it)
{
    uint8_t *first, *again, *other;

    mem_keep(true);
    first = mem_take(700);
    cr_assert_not_null(first);
    memset(first, 0xaa, 700);
    mem_give(first, 700);
    other = mem_take(400); /* of another list */
    again = mem_take(1000);
    cr_assert_not_null(other);
    cr_assert_not_null(again);
    cr_assert_neq(again, other);
#ifndef __SANITIZE_ADDRESS__
    cr_assert_eq(again, first);
#endif
    memset(again, 0xbb, 1000); /* it has room for all of its list's sizes */
    mem_give(again, 1000);
    mem_give(other, 400);
    mem_give(NULL, 5000);
    mem_keep(false); /* a leak otherwise */
}

Test(mem, that_is_taken_has_room_for_every_size)
{
    static const size_t sizes[] = {1, 63, 64, 65, 128, 129, 256, 4095, 4096, 4097, 100000};

    for (int keep = 0; keep < 2; keep++) {
        mem_keep(keep == 1);
        for (size_t round = 0; round < 3; round++)
            for (size_t i = 0; i < COUNT_OF(sizes); i++) {
                uint8_t *block = mem_take(sizes[i]);

                cr_assert_not_null(block);
                memset(block, 0xcc, sizes[i]);
                mem_give(block, sizes[i]);
            }
    }
    mem_keep(false);
}

Test(mem, that_is_given_back_is_kept_up_to_a_limit)
{
    enum { MANY = 200 };
    static void *blocks[MANY];

    mem_keep(true);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < MANY; i++) {
            blocks[i] = mem_take(512);
            cr_assert_not_null(blocks[i]);
            for (size_t j = 0; j < i; j++)
                cr_assert_neq(blocks[i], blocks[j]);
        }
        for (size_t i = 0; i < MANY; i++)
            mem_give(blocks[i], 512);
    }
    mem_keep(false);
}
