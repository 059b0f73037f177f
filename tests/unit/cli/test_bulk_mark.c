/* SPDX-License-Identifier: Apache-2.0 */
/* How far a job has come: written whole, read back, and anything else refused. */
#include "cli/bulk.h"

#include <criterion/criterion.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"
#include "tests/support/scratch.h"

TestSuite(bulk_mark, .init = secret_start, .timeout = 30);

static struct bulk_mark example(void)
{
    struct bulk_mark m = {.job = "00112233445566778899aabbccddeeff",
                          .policy = BULK_SKIP,
                          .group = 12,
                          .in_offset = 5000000000,
                          .in_line = 77,
                          .in_size = 6000000000,
                          .in_mtime_ns = 1768046400123456789,
                          .out_offset = 7000000000,
                          .rejects_offset = 9,
                          .counts = {.rows = 1, .values = 2, .tokens = 3, .wrong = 7}};

    memset(m.settings, 'a', sizeof(m.settings) - 1);
    memset(m.in_digest, 'b', sizeof(m.in_digest) - 1);
    memset(m.out_digest, 'c', sizeof(m.out_digest) - 1);
    return m;
}

Test(bulk_mark, what_was_written_is_read_back)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    const struct bulk_mark m = example();
    struct bulk_mark got;
    struct stat st;

    cr_assert_eq(bulk_mark_read(scratch_path(&s, "mark"), &got), ERR_NOT_FOUND);
    cr_assert_eq(bulk_mark_write(scratch_path(&s, "mark"), &m), ERR_OK);
    cr_assert_eq(bulk_mark_read(scratch_path(&s, "mark"), &got), ERR_OK);
    cr_assert_str_eq(got.job, m.job);
    cr_assert_str_eq(got.settings, m.settings);
    cr_assert_str_eq(got.in_digest, m.in_digest);
    cr_assert_str_eq(got.out_digest, m.out_digest);
    cr_assert(got.policy == m.policy && got.group == m.group && got.in_offset == m.in_offset &&
              got.in_line == m.in_line && got.in_size == m.in_size &&
              got.in_mtime_ns == m.in_mtime_ns && got.out_offset == m.out_offset &&
              got.rejects_offset == m.rejects_offset && !got.written);
    cr_assert_eq(memcmp(&got.counts, &m.counts, sizeof(m.counts)), 0);
    cr_assert_eq(stat(scratch_path(&s, "mark"), &st), 0);
    cr_assert_eq(st.st_mode & 0777, 0600);
}

Test(bulk_mark, a_link_is_not_followed)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    const struct bulk_mark m = example();
    struct bulk_mark got;

    cr_assert_eq(bulk_mark_write(scratch_path(&s, "mark"), &m), ERR_OK);
    cr_assert_eq(symlink("mark", scratch_path(&s, "link")), 0);
    cr_assert_eq(bulk_mark_read(scratch_path(&s, "link"), &got), ERR_IO);
}

/* The file with one text in it exchanged for another one. */
static enum err changed(struct scratch *s, const char *from, const char *to)
{
    const struct bulk_mark m = example();
    struct bulk_mark got;
    char text[4096] = "", other[8192];
    char *at;

    cr_assert_eq(bulk_mark_write(scratch_path(s, "mark"), &m), ERR_OK);
    text[scratch_read(scratch_path(s, "mark"), 0, text, sizeof(text) - 1)] = '\0';
    at = strstr(text, from);
    cr_assert_not_null(at, "%s", from);
    (void)snprintf(other, sizeof(other), "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    scratch_write(scratch_path(s, "mark"), 0, other, strlen(other));
    scratch_cut(scratch_path(s, "mark"), strlen(other));
    return bulk_mark_read(scratch_path(s, "mark"), &got);
}

Test(bulk_mark, what_is_not_one_is_refused)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();

    cr_assert_eq(changed(&s, "\"skip\"", "\"skip\""), ERR_OK);
    cr_assert_eq(changed(&s, "\"skip\"", "\"leap\""), ERR_CORRUPT);
    cr_assert_eq(changed(&s, "0011223344", "00112233"), ERR_CORRUPT);
    cr_assert_eq(changed(&s, "0011223344", "0011../344"), ERR_CORRUPT);
    cr_assert_eq(changed(&s, "5000000000", "-5"), ERR_CORRUPT);
    cr_assert_eq(changed(&s, "bulk job 1", "bulk job 2"), ERR_CORRUPT);
    cr_assert_eq(changed(&s, "\"counts\"", "\"others\""), ERR_CORRUPT);
    cr_assert_eq(changed(&s, "{", ""), ERR_CORRUPT);
}

Test(bulk_mark, digests_are_keyed_and_go_on)
{
    struct digest d, other;
    char a[DIGEST_HEX_BYTES], b[DIGEST_HEX_BYTES];

    bulk_digest_begin(&d, "one key");
    bulk_digest_begin(&other, "another");
    digest_add(&d, "text", 4);
    digest_add(&other, "text", 4);
    bulk_digest_now(&d, a);
    bulk_digest_now(&other, b);
    cr_assert_str_neq(a, b);
    bulk_digest_begin(&other, "one key");
    digest_add(&other, "te", 2);
    bulk_digest_now(&other, b);
    cr_assert_str_neq(a, b);
    digest_add(&other, "xt", 2);
    bulk_digest_now(&other, b);
    cr_assert_str_eq(a, b);
}
