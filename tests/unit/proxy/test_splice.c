/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <signal.h>

#include "base/secret.h"
#include "proxy/json_reader.h"

TestSuite(splice, .init = secret_start);

static const struct span document = SPAN_LIT("0123456789");

static void expect_spliced(const struct splice *splices, size_t count, struct span wanted)
{
    AUTO(buf_done) struct buf out;

    buf_init(&out, 100);
    cr_assert_eq(splice_write(document, splices, count, &out), ERR_OK);
    cr_assert(span_equal(buf_span(&out), wanted), "%.*s", (int)out.len, (char *)out.bytes);
}

Test(splice, with_nothing_to_replace_copies)
{
    expect_spliced(NULL, 0, SPAN_LIT("0123456789"));
}

Test(splice, replaces_at_the_edges_and_in_the_middle)
{
    const struct splice three[] = {
        {0, 1, SPAN_LIT("first")}, {4, 6, SPAN_LIT("")}, {9, 10, SPAN_LIT("end")}};

    expect_spliced(three, 3, SPAN_LIT("first123678end"));
}

Test(splice, replaces_neighbours_and_inserts)
{
    const struct splice next[] = {
        {2, 4, SPAN_LIT("a")}, {4, 4, SPAN_LIT("b")}, {4, 5, SPAN_LIT("c")}};

    expect_spliced(next, 3, SPAN_LIT("01abc56789"));
}

Test(splice, replaces_everything)
{
    const struct splice all[] = {{0, 10, SPAN_LIT("x")}};

    expect_spliced(all, 1, SPAN_LIT("x"));
}

Test(splice, of_an_empty_document_may_insert)
{
    const struct splice only[] = {{0, 0, SPAN_LIT("x")}};
    AUTO(buf_done) struct buf out;

    buf_init(&out, 10);
    cr_assert_eq(splice_write(SPAN_NONE, only, 1, &out), ERR_OK);
    cr_assert(span_equal(buf_span(&out), SPAN_LIT("x")));
}

Test(splice, appends_to_what_is_there)
{
    AUTO(buf_done) struct buf out;

    buf_init(&out, 100);
    cr_assert_eq(buf_append_str(&out, "before "), ERR_OK);
    cr_assert_eq(splice_write(document, NULL, 0, &out), ERR_OK);
    cr_assert(span_equal(buf_span(&out), SPAN_LIT("before 0123456789")));
}

Test(splice, writes_nothing_when_it_does_not_fit)
{
    const struct splice longer[] = {{9, 10, SPAN_LIT("ab")}};
    const struct splice shorter[] = {{0, 2, SPAN_LIT("a")}};
    AUTO(buf_done) struct buf out;

    buf_init(&out, 10);
    cr_assert_eq(splice_write(document, longer, 1, &out), ERR_TOO_LARGE);
    cr_assert_eq(out.len, 0);
    buf_done(&out);
    buf_init(&out, 9);
    cr_assert_eq(splice_write(document, NULL, 0, &out), ERR_TOO_LARGE);
    cr_assert_eq(splice_write(document, shorter, 1, &out), ERR_OK);
}

Test(splice, takes_its_memory_once)
{
    const struct splice one[] = {{5, 6, SPAN_LIT("a much longer text than before")}};
    AUTO(buf_done) struct buf out;
    const uint8_t *bytes;

    buf_init(&out, 1 << 20);
    cr_assert_eq(buf_reserve(&out, 39), ERR_OK);
    bytes = out.bytes;
    cr_assert_eq(splice_write(document, one, 1, &out), ERR_OK);
    cr_assert_eq(out.bytes, bytes);
}

Test(splice, out_of_order_is_a_bug, .signal = SIGABRT)
{
    const struct splice bad[] = {{4, 6, SPAN_LIT("a")}, {5, 7, SPAN_LIT("b")}};
    AUTO(buf_done) struct buf out;

    buf_init(&out, 100);
    (void)!splice_write(document, bad, 2, &out);
}

Test(splice, beyond_the_document_is_a_bug, .signal = SIGABRT)
{
    const struct splice bad[] = {{4, 11, SPAN_LIT("a")}};
    AUTO(buf_done) struct buf out;

    buf_init(&out, 100);
    (void)!splice_write(document, bad, 1, &out);
}
