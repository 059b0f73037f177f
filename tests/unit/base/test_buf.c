/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <criterion/criterion.h>

#include "base/secret.h"

TestSuite(buf, .init = secret_start);

/* Stands in for libc's: what was wiped last, and how often. */
static struct {
    void *at;
    size_t len;
    int times;
} wiped;

void explicit_bzero(void *at, size_t len)
{
    wiped.at = at;
    wiped.len = len;
    wiped.times++;
    memset(at, 0, len);
    __asm__ volatile("" ::"r"(at) : "memory");
}

Test(buf, appends_in_order)
{
    AUTO(buf_done) struct buf b;

    buf_init(&b, 100);
    cr_assert_eq(buf_append(&b, "ab", 2), ERR_OK);
    cr_assert_eq(buf_append_str(&b, "cd"), ERR_OK);
    cr_assert_eq(buf_append_byte(&b, 'e'), ERR_OK);
    cr_assert_eq(buf_append_span(&b, SPAN_LIT("fg")), ERR_OK);
    cr_assert(span_equal(buf_span(&b), SPAN_LIT("abcdefg")));
}

Test(buf, appends_nothing_from_nowhere)
{
    AUTO(buf_done) struct buf b;

    buf_init(&b, 10);
    cr_assert_eq(buf_append(&b, NULL, 0), ERR_OK);
    cr_assert_eq(buf_append_span(&b, SPAN_NONE), ERR_OK);
    cr_assert_eq(b.len, 0);
}

Test(buf, grows_up_to_its_maximum_and_not_beyond)
{
    AUTO(buf_done) struct buf b;

    buf_init(&b, 1000);
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(buf_append_byte(&b, (uint8_t)i), ERR_OK);
    cr_assert_leq(b.cap, 1000);
    cr_assert_eq(buf_append_byte(&b, 1), ERR_TOO_LARGE);
    cr_assert_eq(b.len, 1000);
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(b.bytes[i], (uint8_t)i);
}

Test(buf, is_untouched_by_an_append_that_does_not_fit)
{
    AUTO(buf_done) struct buf b;
    uint8_t *before;

    buf_init(&b, 10);
    cr_assert_eq(buf_append_str(&b, "12345"), ERR_OK);
    before = b.bytes;
    cr_assert_eq(buf_append_str(&b, "678901"), ERR_TOO_LARGE);
    cr_assert_eq(buf_reserve(&b, SIZE_MAX), ERR_TOO_LARGE);
    cr_assert_eq(buf_reserve(&b, SIZE_MAX - 4), ERR_TOO_LARGE, "the sum overflows");
    cr_assert_eq(b.bytes, before);
    cr_assert(span_equal(buf_span(&b), SPAN_LIT("12345")));
}

Test(buf, with_no_maximum_to_speak_of_does_not_overflow)
{
    AUTO(buf_done) struct buf b;

    buf_init(&b, SIZE_MAX);
    cr_assert_eq(buf_append_str(&b, "12345"), ERR_OK);
    cr_assert_eq(buf_reserve(&b, SIZE_MAX - 2), ERR_TOO_LARGE);
    cr_assert_eq(b.len, 5);
}

Test(buf, reserves_so_that_the_bytes_can_be_written_in_place)
{
    AUTO(buf_done) struct buf b;

    buf_init(&b, 100000);
    for (size_t n = 1; n < 60000; n = n * 2 + 1) {
        cr_assert_eq(buf_reserve(&b, n), ERR_OK);
        cr_assert_geq(b.cap - b.len, n);
    }
}

Test(buf, reset_keeps_the_memory)
{
    AUTO(buf_done) struct buf b;
    uint8_t *before;

    buf_init(&b, 100);
    cr_assert_eq(buf_append_str(&b, "12345"), ERR_OK);
    before = b.bytes;
    buf_reset(&b);
    cr_assert_eq(b.len, 0);
    cr_assert_eq(b.bytes, before);
}

Test(buf, can_be_used_again_after_done)
{
    AUTO(buf_done) struct buf b;

    buf_init_secret(&b, 100);
    cr_assert_eq(buf_append_str(&b, "12345"), ERR_OK);
    buf_done(&b);
    cr_assert_null(b.bytes);
    cr_assert_eq(buf_append_str(&b, "678"), ERR_OK);
    cr_assert(span_equal(buf_span(&b), SPAN_LIT("678")));
    cr_assert(b.secret);
}

Test(buf, secret_wipes_the_old_memory_when_it_grows)
{
    AUTO(buf_done) struct buf b;
    void *old;
    size_t old_cap;

    buf_init_secret(&b, 100000);
    cr_assert_eq(buf_append_str(&b, "a personal value"), ERR_OK);
    old = b.bytes;
    old_cap = b.cap;
    wiped.times = 0;
    cr_assert_eq(buf_reserve(&b, 5000), ERR_OK);
    cr_assert_eq(wiped.times, 1);
    cr_assert_eq(wiped.at, old);
    cr_assert_eq(wiped.len, old_cap, "the capacity, not only the length");
    cr_assert(span_equal(buf_span(&b), SPAN_LIT("a personal value")));
}

Test(buf, secret_wipes_its_whole_capacity_at_the_end)
{
    struct buf b;
    void *bytes;
    size_t cap;

    buf_init_secret(&b, 1000);
    cr_assert_eq(buf_append_str(&b, "a personal value"), ERR_OK);
    bytes = b.bytes;
    cap = b.cap;
    wiped.times = 0;
    buf_done(&b);
    cr_assert_eq(wiped.times, 1);
    cr_assert_eq(wiped.at, bytes);
    cr_assert_eq(wiped.len, cap);
}

Test(buf, secret_wipes_the_contents_when_it_is_reset)
{
    AUTO(buf_done) struct buf b;
    size_t len;

    buf_init_secret(&b, 1000);
    cr_assert_eq(buf_append_str(&b, "a personal value"), ERR_OK);
    len = b.len;
    buf_reset(&b);
    for (size_t i = 0; i < len; i++)
        cr_assert_eq(b.bytes[i], 0);
}

Test(buf, plain_does_not_pay_for_wiping)
{
    struct buf b;

    buf_init(&b, 1000);
    cr_assert_eq(buf_append_str(&b, "public"), ERR_OK);
    wiped.times = 0;
    buf_done(&b);
    cr_assert_eq(wiped.times, 0);
}
