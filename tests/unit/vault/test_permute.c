/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/permute.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"

TestSuite(permute, .init = secret_start);

static const uint8_t key[PERMUTE_KEY_BYTES] = {3, 1, 4, 1, 5, 9, 2, 6};

static uint64_t next_number(void)
{
    static uint64_t state = 1;
    uint64_t n = state += 0x9e3779b97f4a7c15;

    n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
    n = (n ^ n >> 27) * 0x94d049bb133111eb;
    return n ^ n >> 31;
}

/* Each number of the domain goes to one of its own within the domain, and some of them come back (if
 * each goes to its own, permute_invert() has one answer only). */
static void assert_bijection(uint64_t size)
{
    static uint8_t seen[200000];
    struct permute p = {key, size * 7, size};

    memset(seen, 0, size);
    for (uint64_t n = 0; n < size; n++) {
        uint64_t image = permute_apply(&p, n);

        if (image >= size || seen[image]++ != 0)
            cr_assert_fail("%llu of %llu goes to %llu", (unsigned long long)n,
                           (unsigned long long)size, (unsigned long long)image);
        if (n % 16 == size % 16 && permute_invert(&p, image) != n)
            cr_assert_fail("%llu of %llu does not come back", (unsigned long long)n,
                           (unsigned long long)size);
    }
}

Test(permute, is_a_bijection_of_every_size_up_to_a_thousand)
{
    for (uint64_t size = 1; size <= 1000; size++)
        assert_bijection(size);
}

Test(permute, is_a_bijection_of_larger_sizes)
{
    /* All up to 5000 were tried once; all of them in every run would take half a minute. Both sides of
     * each square, where the halves change, and one of 11 others. */
    for (uint64_t size = 1001; size <= 5000; size++) {
        uint64_t root = 1;

        while (root * root < size)
            root++;
        if (size % 11 == 0 || size + 1 >= root * root || size <= (root - 1) * (root - 1) + 1)
            assert_bijection(size);
    }
}

Test(permute, is_a_bijection_around_squares_and_powers)
{
    static const uint64_t sizes[] = {65535, 65536,  65537,  99225,  99226,
                                     99856, 100000, 131072, 131073, 199999};

    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        assert_bijection(sizes[i]);
}

Test(permute, comes_back_in_domains_of_any_size)
{
    for (unsigned bits = 13; bits <= 63; bits++) {
        for (int i = 0; i < 400; i++) {
            uint64_t span = bits == 63 ? 0 : next_number() % (UINT64_C(1) << bits);
            struct permute p = {key, 5, (UINT64_C(1) << bits) + (i % 2 == 0 ? span : 0)};
            uint64_t n = i < 2 ? p.size - 1 : next_number() % p.size, image = permute_apply(&p, n);

            cr_assert_lt(image, p.size);
            cr_assert_eq(permute_invert(&p, image), n);
        }
    }
}

Test(permute, of_one_number_is_that_number)
{
    struct permute p = {key, 0, 1};

    cr_assert_eq(permute_apply(&p, 0), 0);
    cr_assert_eq(permute_invert(&p, 0), 0);
}

/* Chi-square of counts that should be equal; `freedom` is the number of counts less one. */
static double chi_square(const uint32_t *counts, size_t cells, double total)
{
    double expected = total / (double)cells, sum = 0;

    for (size_t i = 0; i < cells; i++)
        sum += ((double)counts[i] - expected) * ((double)counts[i] - expected) / expected;
    return sum;
}

Test(permute, gives_every_order_of_five_alike)
{
    /* 120 orders, 120,000 keys: the small domains are where a Feistel network is weakest. */
    enum { KEYS = 120000, SIZE = 5, ORDERS = 120 };
    uint32_t counts[ORDERS] = {0};
    uint8_t other[PERMUTE_KEY_BYTES] = {0};

    for (uint32_t k = 0; k < KEYS; k++) {
        struct permute p = {other, 0, SIZE};
        uint64_t image[SIZE], order = 0;

        memcpy(other, &k, sizeof(k));
        for (uint64_t n = 0; n < SIZE; n++) {
            unsigned smaller = 0;

            image[n] = permute_apply(&p, n);
            for (uint64_t m = 0; m < n; m++)
                smaller += image[m] < image[n];
            order = order * (n + 1) + smaller;
        }
        counts[order]++;
    }
    /* 119 degrees of freedom: 190 is passed once in 30,000 times. The keys are always the same. */
    cr_assert_lt(chi_square(counts, ORDERS, KEYS), 190);
}

Test(permute, gives_every_parity)
{
    /* Nine is three times three: of odd halves every order would be an even one. */
    unsigned odd = 0;
    uint8_t other[PERMUTE_KEY_BYTES] = {0};

    for (uint32_t k = 0; k < 2000; k++) {
        struct permute p = {other, 0, 9};
        uint64_t image[9];
        unsigned inversions = 0;

        memcpy(other, &k, sizeof(k));
        for (uint64_t n = 0; n < 9; n++) {
            image[n] = permute_apply(&p, n);
            for (uint64_t m = 0; m < n; m++)
                inversions += image[m] > image[n];
        }
        odd += inversions % 2;
    }
    cr_assert(odd > 850 && odd < 1150, "%u of 2000", odd);
}

/* Where consecutive numbers go: into which of 100 equal parts, and in which pair of tenths one number and
 * the next. */
static void assert_even(uint64_t size)
{
    enum { COUNT = 100000 };
    struct permute p = {key, 11, size};
    uint32_t parts[100] = {0}, pairs[100] = {0};
    uint64_t before = 0;

    for (uint64_t n = 0; n < COUNT; n++) {
        uint64_t image = permute_apply(&p, n);
        uint64_t tenth = (uint64_t)((unsigned __int128)image * 10 / size);

        parts[(uint64_t)((unsigned __int128)image * 100 / size)]++;
        pairs[before * 10 + tenth]++;
        before = tenth;
    }
    /* 99 degrees of freedom: 165 is passed once in 30,000 times. */
    cr_assert_lt(chi_square(parts, 100, COUNT), 165, "%llu", (unsigned long long)size);
    cr_assert_lt(chi_square(pairs, 100, COUNT), 165, "%llu", (unsigned long long)size);
}

Test(permute, spreads_consecutive_numbers_evenly)
{
    static const uint64_t sizes[] = {1000000,           2556331,           268435455,
                                     UINT64_C(1) << 40, UINT64_C(1) << 63, UINT64_C(1000000000000)};

    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        assert_even(sizes[i]);
}

/* How many of 1000 numbers go where they go under the other one, too. */
static unsigned agreeing(struct permute a, struct permute b)
{
    unsigned same = 0;

    for (uint64_t n = 0; n < 1000; n++)
        same += permute_apply(&a, n) == permute_apply(&b, n);
    return same;
}

Test(permute, differs_by_key_tweak_and_size)
{
    static const uint8_t near[PERMUTE_KEY_BYTES] = {3, 1, 4, 1, 5, 9, 2, 7};
    struct permute p = {key, 5, 1000000}, same = p, other_key = p, other_tweak = p, other_size = p;

    other_key.key = near;
    other_tweak.tweak = 6;
    other_size.size = 1000001;
    cr_assert_eq(agreeing(p, same), 1000);
    cr_assert_leq(agreeing(p, other_key), 3);
    cr_assert_leq(agreeing(p, other_tweak), 3);
    cr_assert_leq(agreeing(p, other_size), 20, "the same network, but for where it ends");
}

Test(permute, leaves_few_numbers_where_they_are)
{
    struct permute p = {key, 5, 1000};
    unsigned fixed = 0;

    for (uint64_t n = 0; n < 1000; n++)
        fixed += permute_apply(&p, n) == n;
    cr_assert_leq(fixed, 6, "one is expected");
}
