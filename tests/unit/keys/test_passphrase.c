/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/crypto_priv.h"
#include "keys/envelope.h"
#include "keys_rig.h"

TestSuite(passphrase, .init = secret_start);

#define PHRASE "correct horse battery staple"

/* The line's bytes, changed by the test and written back as the only one. */
static void rewrite(struct keys_rig *r, struct envelope *e, uint32_t epoch)
{
    e->at[0].epoch = epoch;
    (void)unlink(scratch_path(&r->scratch, "k.w"));
    cr_assert_eq(envelope_add(scratch_path(&r->scratch, "k.w"), "passphrase", &e->at[0], &r->msg),
                 ERR_OK);
}

static void make(struct keys_rig *r, struct envelope *e)
{
    rig_begin(r);
    rig_read(r, "passphrase:k.w");
    rig_type(r, PHRASE "\n");
    cr_assert_eq(rig_add(r, 1), ERR_OK, "%s", r->msg.text);
    cr_assert_eq(envelope_read(scratch_path(&r->scratch, "k.w"), "passphrase", e, &r->msg), ERR_OK);
}

Test(passphrase, is_asked_once_and_versions_come_and_go)
{
    AUTO(rig_end) struct keys_rig r;
    AUTO(mem_free) struct envelope *e = mem_alloc(sizeof(*e));

    make(&r, e);
    cr_assert_str_eq(rig_epochs(&r), "1", "nobody is asked again");
    cr_assert_eq(rig_add(&r, 1), ERR_CONFLICT);
    cr_assert_eq(rig_add(&r, 2), ERR_OK);
    rig_read(&r, "passphrase:k.w");
    rig_type(&r, PHRASE "\r\n"); /* another line end is another passphrase */
    cr_assert_str_eq(rig_epochs(&r), "SEALED");
    rig_type(&r, PHRASE);
    cr_assert_str_eq(rig_epochs(&r), "1 2");
    cr_assert_eq(rig_drop(&r, 1), ERR_OK);
    cr_assert_str_eq(rig_epochs(&r), "2");
    prompt_end(r.prompt);
    rig_read(&r, "passphrase:k.w");
    cr_assert_str_eq(rig_epochs(&r), "SEALED");
    cr_assert_not_null(strstr(r.msg.text, "running server"), "%s", r.msg.text);
}

Test(passphrase, line_is_bound_to_its_epoch_and_parameters)
{
    AUTO(rig_end) struct keys_rig r;
    AUTO(mem_free) struct envelope *e = mem_alloc(sizeof(*e));
    static const size_t places[] = {8 /* salt */, 24 /* nonce */, 48, 95 /* sealed */};

    make(&r, e);
    rewrite(&r, e, 2);
    cr_assert_str_eq(rig_epochs(&r), "SEALED", "another epoch");
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        e->at[0].bytes[places[i]] ^= 1;
        rewrite(&r, e, 1);
        rig_type(&r, PHRASE);
        cr_assert_str_eq(rig_epochs(&r), "SEALED", "byte %zu", places[i]);
        e->at[0].bytes[places[i]] ^= 1;
    }
    rewrite(&r, e, 1);
    rig_type(&r, PHRASE);
    cr_assert_str_eq(rig_epochs(&r), "1", "and as it was");
}

Test(passphrase, line_cannot_order_much_memory_or_time_or_be_weak, .timeout = 30)
{
    AUTO(rig_end) struct keys_rig r;
    AUTO(mem_free) struct envelope *e = mem_alloc(sizeof(*e));
    static const struct {
        size_t at;
        uint8_t bytes[4];
    } planted[] = {
        {0, {0xff, 0xff, 0xff, 0xff}}, {0, {0, 0, 0, 17}},   {0, {0, 0, 0, 2}},
        {4, {0xff, 0xff, 0xff, 0xff}}, {4, {0, 0x10, 0, 1}}, {4, {0, 3, 0xff, 0xff}},
    };
    uint8_t kept[8];

    make(&r, e);
    memcpy(kept, e->at[0].bytes, sizeof(kept));
    for (size_t i = 0; i < COUNT_OF(planted); i++) {
        memcpy(e->at[0].bytes + planted[i].at, planted[i].bytes, 4);
        rewrite(&r, e, 1);
        rig_read(&r, "passphrase:k.w");
        rig_type(&r, PHRASE);
        cr_assert_str_eq(rig_epochs(&r), "SEALED");
        cr_assert_not_null(strstr(r.msg.text, "tampered"), "%zu: %s", i, r.msg.text);
        memcpy(e->at[0].bytes, kept, sizeof(kept));
    }
    e->at[0].len--;
    rewrite(&r, e, 1);
    cr_assert_str_eq(rig_epochs(&r), "SEALED");
    cr_assert_not_null(strstr(r.msg.text, "length"), "%s", r.msg.text);
}

Test(passphrase, must_be_long_and_given)
{
    AUTO(rig_end) struct keys_rig r;
    char long_line[PROMPT_SECRET_MAX + 2];

    rig_begin(&r);
    rig_read(&r, "passphrase:k.w");
    memset(long_line, 'x', sizeof(long_line) - 1);
    long_line[sizeof(long_line) - 1] = '\0';
    for (int i = 0; i < 5; i++) {
        static const char *const lines[] = {"", "\n", "eleven char\n",
                                            "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\n"};

        rig_type(&r, i < 4 ? lines[i] : long_line);
        cr_assert_eq(rig_add(&r, 1), ERR_SEALED, "%d", i);
        cr_assert_not_null(strstr(r.msg.text, "k.w"), "%s", r.msg.text);
        cr_assert_eq(rig_files(&r), 0);
    }
}
