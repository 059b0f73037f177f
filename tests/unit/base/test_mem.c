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
