/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/envelope.h"

#include "keys_rig.h"

TestSuite(envelope, .init = secret_start);

#define MAGIC "lethe-root-wrapped-1 "

static enum err add(struct keys_rig *r, const char *scheme, uint32_t epoch, size_t len)
{
    AUTO(mem_free) struct envelope_line *line = mem_alloc(sizeof(*line));

    line->epoch = epoch;
    line->len = len;
    memset(line->bytes, (int)epoch, len);
    return envelope_add(scratch_path(&r->scratch, "e"), scheme, line, &r->msg);
}

static enum err load(struct keys_rig *r, struct envelope *ret)
{
    return envelope_read(scratch_path(&r->scratch, "e"), "test", ret, &r->msg);
}

Test(envelope, lines_come_and_go)
{
    AUTO(rig_end) struct keys_rig r;
    AUTO(mem_free) struct envelope *e = mem_alloc(sizeof(*e));
    const char *path;

    rig_begin(&r);
    path = scratch_path(&r.scratch, "e");
    cr_assert_eq(load(&r, e), ERR_NOT_FOUND);
    cr_assert_eq(envelope_drop(path, "test", 1, &r.msg), ERR_OK);
    cr_assert_eq(add(&r, "test", 7, ENVELOPE_BYTES_MAX), ERR_OK, "%s", r.msg.text);
    cr_assert_eq(add(&r, "test", 7, 1), ERR_CONFLICT);
    cr_assert_eq(add(&r, "test", 6, 1), ERR_CONFLICT);
    cr_assert_eq(add(&r, "test", 9, ENVELOPE_BYTES_MAX), ERR_OK, "%s", r.msg.text);
    cr_assert_eq(add(&r, "test", 10, 1), ERR_CONFLICT);
    cr_assert_eq(load(&r, e), ERR_OK, "%s", r.msg.text);
    cr_assert(e->count == 2 && e->at[0].epoch == 7 && e->at[1].epoch == 9);
    cr_assert(e->at[1].len == ENVELOPE_BYTES_MAX && e->at[1].bytes[4095] == 9);
    cr_assert_eq(envelope_drop(path, "test", 8, &r.msg), ERR_OK);
    cr_assert_eq(envelope_drop(path, "test", 7, &r.msg), ERR_OK);
    cr_assert_eq(load(&r, e), ERR_OK);
    cr_assert(e->count == 1 && e->at[0].epoch == 9 && e->at[0].bytes[0] == 9);
    cr_assert_eq(envelope_drop(path, "test", 9, &r.msg), ERR_OK);
    cr_assert_eq(load(&r, e), ERR_NOT_FOUND);
    cr_assert_eq(rig_files(&r), 0);
}

Test(envelope, of_another_provider_is_refused_and_left_alone)
{
    AUTO(rig_end) struct keys_rig r;
    AUTO(mem_free) struct envelope *e = mem_alloc(sizeof(*e));

    rig_begin(&r);
    cr_assert_eq(add(&r, "testy", 1, 3), ERR_OK);
    cr_assert_eq(load(&r, e), ERR_SEALED);
    cr_assert_not_null(strstr(r.msg.text, "EPOCH test BASE64"), "%s", r.msg.text);
    cr_assert_eq(add(&r, "test", 2, 3), ERR_SEALED);
    cr_assert_eq(envelope_drop(scratch_path(&r.scratch, "e"), "test", 1, &r.msg), ERR_SEALED);
    cr_assert_eq(add(&r, "testy", 2, 3), ERR_OK, "still as it was");
}

static const char *const malformed[] = {
    "",
    "\n",
    MAGIC "1 test",
    MAGIC "1 test ",
    MAGIC "1 test AAA\n",
    MAGIC "1 test AAAA\r\n",
    MAGIC "1 test AAAA \n",
    MAGIC "1 test AA A\n",
    MAGIC "1 test AB==\n", /* bits that mean nothing are set */
    MAGIC "1 test AA\n",   /* no padding */
    MAGIC "1 test AA--\n",
    MAGIC "1  test AAAA\n",
    MAGIC "1 Test AAAA\n",
    MAGIC "0 test AAAA\n",
    MAGIC "01 test AAAA\n",
    MAGIC "4294967296 test AAAA\n",
    MAGIC "1 test AAAA\n\n",
    MAGIC "2 test AAAA\n" MAGIC "1 test AAAA\n",
    MAGIC "1 test AAAA\n" MAGIC "1 test AAAA\n",
    MAGIC "1 test AAAA\n" MAGIC "2 test AAAA\n" MAGIC "3 test AAAA\n",
    "lethe-root-1 1 " HEX "\n",
};

Test(envelope, of_garbage_is_refused)
{
    AUTO(rig_end) struct keys_rig r;
    AUTO(mem_free) struct envelope *e = mem_alloc(sizeof(*e));
    const char *path;

    rig_begin(&r);
    path = scratch_path(&r.scratch, "e");
    for (size_t i = 0; i < COUNT_OF(malformed); i++) {
        (void)unlink(path);
        scratch_write(path, 0, malformed[i], strlen(malformed[i]));
        cr_assert_eq(load(&r, e), ERR_SEALED, "%s", malformed[i]);
        cr_assert_not_null(strstr(r.msg.text, path));
    }
    (void)unlink(path);
    scratch_write(path, 0, MAGIC "1 test AAA=", strlen(MAGIC "1 test AAA="));
    cr_assert_eq(load(&r, e), ERR_OK);
    cr_assert_eq(e->at[0].len, 2);
    cr_assert_eq(chmod(path, 0440), 0);
    cr_assert_eq(load(&r, e), ERR_SEALED, "open to others");
}
