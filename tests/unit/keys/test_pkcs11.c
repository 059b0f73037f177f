/* SPDX-License-Identifier: Apache-2.0 */
/* keys/pkcs11.c and keys/pkcs11_token.c on SoftHSM, and on a module that makes it fail. */
#include <criterion/criterion.h>

#include "keys/envelope.h"
#include "keys/pkcs11_token_priv.h"
#include "tests/unit/keys/pkcs11_rig.h"
#include "tests/unit/keys/provider_rig.h"

TestSuite(pkcs11, .init = secret_start);

#define SOFTHSM "/usr/lib/softhsm/libsofthsm2.so"

struct place {
    struct hsm_rig hsm;
    struct provider_rig r;
    char file[96];
};

static void open_as(struct place *p, const char *token, const char *object, const char *module)
{
    provider_rig_done(&p->r);
    p->r = provider_rig_read("{provider: pkcs11, uri: \"pkcs11:%s;object=%s?module-path=%s&"
                             "pin-source=file:%s/pin\", file: %s, lease: 90s}",
                             token, object, module, p->hsm.s.dir, p->file);
    cr_assert_not_null(p->r.p, "%s", p->r.msg.text);
}

static void reopen(struct place *p)
{
    open_as(p, "token=box", "lethe", SOFTHSM);
}

static struct place place_new(void)
{
    struct place p = {.hsm = hsm_new()};

    (void)snprintf(p.file, sizeof(p.file), "%s/root.wrapped", p.hsm.s.dir);
    reopen(&p);
    return p;
}

/* Also AUTO(place_done). */
static void place_done(struct place *p)
{
    provider_rig_done(&p->r);
    hsm_done(&p->hsm);
}

static void must_add(struct place *p, uint32_t epoch, struct root_key *ret)
{
    enum err e = rig_add(&p->r, epoch, ret);

    cr_assert_eq(e, ERR_OK, "%s: %s", err_name(e), p->r.msg.text);
    cr_assert_eq(ret->epoch, epoch);
}

static void expect_no_key(struct place *p, const char *word)
{
    AUTO(root_keys_done) struct root_keys keys = {.count = 0};
    enum err e = rig_load(&p->r, &keys);

    cr_expect_eq(e, ERR_SEALED, "%s: %s: %s", word, err_name(e), p->r.msg.text);
    cr_expect_eq(keys.count, 0);
    cr_expect_not_null(strstr(p->r.msg.text, word), "wanted \"%s\": %s", word, p->r.msg.text);
    cr_expect_null(strstr(p->r.msg.text, HSM_PIN), "%s", p->r.msg.text);
}

static void must_load(struct place *p, size_t count, struct root_keys *ret)
{
    enum err e = rig_load(&p->r, ret);

    cr_assert_eq(e, ERR_OK, "%s: %s", err_name(e), p->r.msg.text);
    cr_assert_eq(ret->count, count);
}

/* ---- life ---- */

Test(pkcs11, makes_gives_rotates_and_drops)
{
    AUTO(place_done) struct place p = place_new();
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    AUTO(root_key_done) struct root_key two = {.bytes = NULL};
    AUTO(root_keys_done) struct root_keys keys = {.count = 0};
    char text[4096];

    cr_expect_eq(rig_load(&p.r, &keys), ERR_NOT_FOUND);
    must_add(&p, 1, &one);
    reopen(&p);
    must_load(&p, 1, &keys);
    expect_key(&keys, 0, &one);
    root_keys_done(&keys);
    must_add(&p, 2, &two);
    cr_expect(!secret_equal(one.bytes, two.bytes, ROOT_KEY_BYTES));
    must_load(&p, 2, &keys);
    expect_key(&keys, 0, &one);
    expect_key(&keys, 1, &two);
    root_keys_done(&keys);
    cr_expect_eq(hsm_keys(&p.hsm, text, sizeof(text)), 2);
    cr_assert_eq(rig_drop(&p.r, 1), ERR_OK, "%s", p.r.msg.text);
    must_load(&p, 1, &keys);
    expect_key(&keys, 0, &two);
    cr_expect_eq(hsm_keys(&p.hsm, text, sizeof(text)), 1);
    cr_expect_eq(rig_drop(&p.r, 1), ERR_OK, "once more: %s", p.r.msg.text);
}

Test(pkcs11, keeps_its_keys_in_the_token)
{
    AUTO(place_done) struct place p = place_new();
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    char text[4096];

    must_add(&p, 1, &one);
    cr_assert_eq(hsm_keys(&p.hsm, text, sizeof(text)), 1);
    cr_expect_not_null(strstr(text, "AES length 32"), "%s", text);
    cr_expect_not_null(strstr(text, "lethe-1"), "%s", text);
    cr_expect_not_null(strstr(text, "encrypt, decrypt\n"), "%s", text);
    cr_expect_not_null(strstr(text, "sensitive, always sensitive, never extractable, local"), "%s",
                       text);
}

Test(pkcs11, kills_every_copy_of_the_old_envelope)
{
    AUTO(place_done) struct place p = place_new();
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    AUTO(root_key_done) struct root_key two = {.bytes = NULL};
    const char *copy = scratch_path(&p.hsm.s, "copy");

    must_add(&p, 1, &one);
    scratch_copy(p.file, copy);
    must_add(&p, 2, &two);
    cr_assert_eq(rig_drop(&p.r, 1), ERR_OK, "%s", p.r.msg.text);
    cr_assert_eq(rename(copy, p.file), 0);
    expect_no_key(&p, "does not have the key lethe-1");
}

Test(pkcs11, destroys_the_last_version_too)
{
    AUTO(place_done) struct place p = place_new();
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    AUTO(root_keys_done) struct root_keys keys = {.count = 0};
    char text[4096];

    must_add(&p, 1, &one);
    cr_assert_eq(rig_drop(&p.r, 1), ERR_OK, "%s", p.r.msg.text);
    cr_expect_eq(rig_load(&p.r, &keys), ERR_NOT_FOUND);
    cr_expect_eq(hsm_keys(&p.hsm, text, sizeof(text)), 0);
    cr_expect_eq(rig_drop(&p.r, 1), ERR_OK);
}

Test(pkcs11, finishes_a_drop_that_was_cut_short)
{
    AUTO(place_done) struct place p = place_new();
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    AUTO(root_key_done) struct root_key two = {.bytes = NULL};
    AUTO(root_keys_done) struct root_keys keys = {.count = 0};
    struct errmsg msg;
    char text[4096];

    /* the envelope was changed, the token not any more */
    must_add(&p, 1, &one);
    must_add(&p, 2, &two);
    cr_assert_eq(envelope_drop(p.file, "pkcs11", 1, &msg), ERR_OK, "%s", msg.text);
    cr_expect_eq(hsm_keys(&p.hsm, text, sizeof(text)), 2);
    must_load(&p, 1, &keys);
    cr_expect_eq(hsm_keys(&p.hsm, text, sizeof(text)), 1);
    cr_expect_not_null(strstr(text, "lethe-2"));
}

Test(pkcs11, leaves_the_keys_of_another_store_alone)
{
    AUTO(place_done) struct place p = place_new();
    AUTO(root_key_done) struct root_key mine = {.bytes = NULL};
    AUTO(root_key_done) struct root_key other = {.bytes = NULL};
    AUTO(root_keys_done) struct root_keys keys = {.count = 0};
    const char *aside = scratch_path(&p.hsm.s, "aside");

    must_add(&p, 1, &mine);
    cr_assert_eq(rename(p.file, aside), 0);
    must_add(&p, 1, &other);
    cr_expect_eq(rig_drop(&p.r, 1), ERR_OK, "%s", p.r.msg.text);
    cr_assert_eq(rename(aside, p.file), 0);
    must_load(&p, 1, &keys);
    expect_key(&keys, 0, &mine);
}

Test(pkcs11, makes_a_key_anew_when_a_crash_left_one_without_a_line)
{
    AUTO(place_done) struct place p = place_new();
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    AUTO(root_key_done) struct root_key lost = {.bytes = NULL};
    AUTO(root_key_done) struct root_key two = {.bytes = NULL};
    const char *copy = scratch_path(&p.hsm.s, "copy");
    char text[4096];

    must_add(&p, 1, &one);
    scratch_copy(p.file, copy);
    must_add(&p, 2, &lost);
    cr_assert_eq(rename(copy, p.file), 0);
    must_add(&p, 2, &two);
    cr_expect(!secret_equal(lost.bytes, two.bytes, ROOT_KEY_BYTES));
    cr_expect_eq(hsm_keys(&p.hsm, text, sizeof(text)), 2);
}

Test(pkcs11, adds_an_epoch_once)
{
    AUTO(place_done) struct place p = place_new();
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    AUTO(root_key_done) struct root_key none = {.bytes = NULL};
    AUTO(root_keys_done) struct root_keys keys = {.count = 0};

    must_add(&p, 2, &one);
    cr_expect_eq(rig_add(&p.r, 2, &none), ERR_CONFLICT);
    cr_expect_eq(rig_add(&p.r, 1, &none), ERR_CONFLICT);
    cr_expect_null(none.bytes);
    must_load(&p, 1, &keys);
    expect_key(&keys, 0, &one);
}

/* ---- what does not open ---- */

/* Base64 of a line: the character that holds the byte at `at` (the check value is in front). */
static size_t place_of(const char *text, size_t at)
{
    const char *base64 = strstr(text, " pkcs11 ");

    cr_assert_not_null(base64);
    return (size_t)(base64 + strlen(" pkcs11 ") - text) + at * 8 / 6;
}

Test(pkcs11, opens_nothing_that_was_changed)
{
    static const size_t bytes[] = {0, 31, 32, 40, 48, 55, 60, 80, 92, 106};
    AUTO(place_done) struct place p = place_new();
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    AUTO(root_keys_done) struct root_keys keys = {.count = 0};
    char text[512] = "";

    must_add(&p, 1, &one);
    (void)scratch_read(p.file, 0, text, sizeof(text) - 1);
    cr_assert_eq(chmod(p.file, 0600), 0);
    for (size_t i = 0; i < COUNT_OF(bytes); i++) {
        size_t at = place_of(text, bytes[i]);

        scratch_write(p.file, at, text[at] == 'A' ? "B" : "A", 1);
        expect_no_key(&p, "");
        scratch_write(p.file, at, &text[at], 1);
    }
    must_load(&p, 1, &keys);
}

Test(pkcs11, binds_a_line_to_its_epoch)
{
    AUTO(place_done) struct place p = place_new();
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    char text[512] = "";
    char *digit;

    must_add(&p, 1, &one);
    (void)scratch_read(p.file, 0, text, sizeof(text) - 1);
    digit = strstr(text, " 1 pkcs11 ");
    cr_assert_not_null(digit);
    cr_assert_eq(chmod(p.file, 0600), 0);
    scratch_write(p.file, (size_t)(digit + 1 - text), "3", 1);
    expect_no_key(&p, "does not have the key lethe-3");
}

Test(pkcs11, opens_a_sealing_only_with_what_was_bound_to_it)
{
    AUTO(hsm_done) struct hsm_rig hsm = hsm_new();
    AUTO(pkcs11__token_free) struct pkcs11_token *token = NULL;
    AUTO(secret_free) uint8_t *clear = secret_alloc(64);
    AUTO(mem_free) char *source = NULL;
    const struct pkcs11_name name = {.label = "k-1", .id = {1}};
    struct pkcs11_sealing how = {.name = &name, .associated = SPAN_LIT("epoch 1")};
    uint8_t sealed[8 + PKCS11_TAG_BYTES];
    struct errmsg msg = {""};

    token = pkcs11__token_new("pkcs11:token=box;object=k?module-path=" SOFTHSM
                              "&pin-source=file:///nowhere",
                              &source, &msg);
    cr_assert_not_null(token, "%s", msg.text);
    cr_expect_str_eq(source, "/nowhere");
    pkcs11__token_set_pin(token, scratch_path(&hsm.s, "pin"));
    cr_assert_eq(pkcs11__open(token, &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(pkcs11__key_make(token, &name, &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(pkcs11__seal(token, &how, (const uint8_t *)"12345678", 8, sealed, &msg), ERR_OK);
    cr_expect_eq(pkcs11__unseal(token, &how, sealed, sizeof(sealed), clear, &msg), ERR_OK, "%s",
                 msg.text);
    cr_expect_eq(memcmp(clear, "12345678", 8), 0);
    how.associated = SPAN_LIT("epoch 2");
    cr_expect_neq(pkcs11__unseal(token, &how, sealed, sizeof(sealed), clear, &msg), ERR_OK);
    pkcs11__close(token);
}

/* ---- what is missing or wrong ---- */

Test(pkcs11, says_what_is_missing)
{
    AUTO(place_done) struct place p = place_new();
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    AUTO(root_keys_done) struct root_keys keys = {.count = 0};
    char garbage[96];

    must_add(&p, 1, &one);
    open_as(&p, "token=other", "lethe", SOFTHSM);
    expect_no_key(&p, "no token that the URI names");
    open_as(&p, "token=box", "other", SOFTHSM);
    expect_no_key(&p, "does not have the key other-1");
    open_as(&p, "token=box", "lethe", "/no/such/module.so");
    expect_no_key(&p, "/no/such/module.so: cannot be loaded");
    (void)snprintf(garbage, sizeof(garbage), "%s/softhsm2.conf", p.hsm.s.dir);
    open_as(&p, "token=box", "lethe", garbage);
    expect_no_key(&p, "cannot be loaded");
    open_as(&p, "token=box", "lethe", "/usr/lib/x86_64-linux-gnu/libz.so.1");
    expect_no_key(&p, "cannot be loaded");
    reopen(&p);
    must_load(&p, 1, &keys);
}

Test(pkcs11, wants_to_know_which_of_two_tokens)
{
    AUTO(place_done) struct place p = place_new();
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};

    must_add(&p, 1, &one);
    provider_rig_done(&p.r);
    hsm_make_token(&p.hsm, "box");
    reopen(&p);
    expect_no_key(&p, "more than one token");
}

Test(pkcs11, tries_a_wrong_pin_once)
{
    AUTO(place_done) struct place p = place_new();
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    AUTO(root_keys_done) struct root_keys keys = {.count = 0};
    const char *pin = scratch_path(&p.hsm.s, "pin");
    struct provider_health health;

    must_add(&p, 1, &one);
    scratch_write(pin, 0, "999999", 6);
    expect_no_key(&p, "refuses this PIN");
    scratch_write(pin, 0, HSM_PIN, 6);
    expect_no_key(&p, "not tried again");
    cr_expect_eq(rig_check(&p.r, &health), ERR_DENIED);
    cr_expect_eq(health.lease_ms, 0);
    reopen(&p);
    must_load(&p, 1, &keys);
}

Test(pkcs11, judges_the_pins_file)
{
    AUTO(place_done) struct place p = place_new();
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    const char *pin = scratch_path(&p.hsm.s, "pin");

    must_add(&p, 1, &one);
    cr_assert_eq(chmod(pin, 0644), 0);
    expect_no_key(&p, "open to others");
    cr_assert_eq(chmod(pin, 0600), 0);
    scratch_cut(pin, 0);
    expect_no_key(&p, "is empty");
    cr_assert_eq(unlink(pin), 0);
    expect_no_key(&p, "cannot be read");
}

/* ---- a token that fails: tests/unit/keys/pkcs11_broken.c ---- */

struct broken {
    char what[24];
    char word[48];
};

static void break_module(const char *what)
{
    cr_assert_eq(setenv("PKCS11_BROKEN", what, 1), 0);
}

Test(pkcs11, gives_no_key_when_the_token_fails)
{
    static const struct broken faults[] = {
        {"locked", "has locked its PIN"},      {"locked-login", "has locked its PIN"},
        {"final-try", "one try left"},         {"expired", "new) PIN"},
        {"gone", "cannot open a session"},     {"removed", "cannot open the wrapped root key"},
        {"short", "opens the wrapped root"},   {"other-key", "is not the root key"},
        {"slots", "cannot list its tokens"},   {"start", "cannot start the module"},
        {"no-gcm", "cannot open the wrapped"}, {"extractable", "can be taken out"},
    };
    AUTO(place_done) struct place p = place_new();
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    AUTO(root_keys_done) struct root_keys keys = {.count = 0};

    must_add(&p, 1, &one);
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        break_module("");
        open_as(&p, "token=box", "lethe", PKCS11_BROKEN_MODULE);
        break_module(faults[i].what);
        expect_no_key(&p, faults[i].word);
    }
    break_module("");
    open_as(&p, "token=box", "lethe", PKCS11_BROKEN_MODULE);
    must_load(&p, 1, &keys);
    expect_key(&keys, 0, &one);
}

Test(pkcs11, writes_no_envelope_when_the_token_fails)
{
    static const struct broken faults[] = {
        {"locked", "has locked its PIN"},           {"no-gcm", "cannot seal with AES-GCM"},
        {"extractable", "no keys that stay in it"}, {"other-key", "does not come back"},
        {"no-make", "cannot make an AES key"},
    };
    AUTO(place_done) struct place p = place_new();

    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        AUTO(root_key_done) struct root_key one = {.bytes = NULL};
        enum err e;

        break_module("");
        open_as(&p, "token=box", "lethe", PKCS11_BROKEN_MODULE);
        break_module(faults[i].what);
        e = rig_add(&p.r, 1, &one);
        cr_expect(e == ERR_SEALED || e == ERR_UNSUPPORTED, "%s: %s", faults[i].what, err_name(e));
        cr_expect_not_null(strstr(p.r.msg.text, faults[i].word), "%s: %s", faults[i].what,
                           p.r.msg.text);
        cr_expect_null(one.bytes);
        cr_expect_neq(access(p.file, F_OK), 0, "%s", faults[i].what);
    }
}

Test(pkcs11, says_what_the_operator_has_to_do_when_it_may_not_destroy)
{
    static const char *const faults[] = {"no-destroy", "lie-destroy"};

    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        AUTO(place_done) struct place p = place_new();
        AUTO(root_key_done) struct root_key one = {.bytes = NULL};
        AUTO(root_key_done) struct root_key two = {.bytes = NULL};
        AUTO(root_keys_done) struct root_keys keys = {.count = 0};

        must_add(&p, 1, &one);
        must_add(&p, 2, &two);
        open_as(&p, "token=box", "lethe", PKCS11_BROKEN_MODULE);
        break_module(faults[i]);
        cr_expect_eq(rig_drop(&p.r, 1), ERR_UNSUPPORTED, "%s", p.r.msg.text);
        cr_expect_not_null(strstr(p.r.msg.text, "have the key lethe-1 destroyed"), "%s",
                           p.r.msg.text);
        must_load(&p, 1, &keys);
        break_module("");
        cr_expect_eq(rig_drop(&p.r, 1), ERR_OK, "%s", p.r.msg.text);
    }
}

/* ---- the lease ---- */

Test(pkcs11, says_whether_the_token_is_still_there)
{
    AUTO(place_done) struct place p = place_new();
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    struct provider_health health;

    must_add(&p, 1, &one);
    open_as(&p, "token=box", "lethe", PKCS11_BROKEN_MODULE);
    cr_assert_eq(rig_check(&p.r, &health), ERR_OK, "%s", p.r.msg.text);
    cr_expect_eq(health.lease_ms, 90000);
    cr_expect_eq(health.again_ms, 30000);
    break_module("gone");
    cr_expect_eq(rig_check(&p.r, &health), ERR_UPSTREAM, "%s", p.r.msg.text);
    cr_expect_eq(health.lease_ms, 90000);
    cr_expect_eq(health.again_ms, 10000);
    break_module("locked");
    cr_expect_eq(rig_check(&p.r, &health), ERR_DENIED, "%s", p.r.msg.text);
    cr_expect_eq(health.lease_ms, 0);
}

/* ---- the configuration ---- */

struct bad {
    char members[160];
    char word[40];
};

Test(pkcs11, refuses_a_configuration_that_it_does_not_understand)
{
    static const struct bad bads[] = {
        {"file: f", "\"uri\" is missing"},
        {"uri: \"token\", file: f", "is no PKCS#11 URI"},
        {"uri: \"pkcs11:object=o?module-path=/m&pin-source=file:p\", file: f", "names no token"},
        {"uri: \"pkcs11:token=t?module-path=/m&pin-source=file:p\", file: f", "names no object"},
        {"uri: \"pkcs11:token=t;object=o?pin-source=file:p\", file: f", "names no module"},
        {"uri: \"pkcs11:token=t;object=o?module-path=m.so&pin-source=file:p\", file: f",
         "names no module"},
        {"uri: \"pkcs11:token=t;object=o?module-path=/m\", file: f", "names no PIN file"},
        {"uri: \"pkcs11:token=t;object=o?module-path=/m&pin-source=p\", file: f",
         "names no PIN file"},
        {"uri: \"pkcs11:token=t;object=o?module-path=/m&pin-value=246813\", file: f",
         "holds a PIN"},
        {"uri: \"pkcs11:token=t;object=o;id=%01?module-path=/m&pin-source=file:p\", file: f",
         "has an id"},
        {"uri: \"pkcs11:token=t;object=o;type=cert?module-path=/m&pin-source=file:p\", file: f",
         "another type"},
        {"uri: \"pkcs11:token=t;object=o;colour=red?module-path=/m&pin-source=file:p\", file: f",
         "mean nothing"},
        {"uri: \"pkcs11:token=t;object=o?module-path=/m&pin-source=file:p\"",
         "\"file\" is missing"},
        {"uri: \"pkcs11:token=t;object=o?module-path=/m&pin-source=file:p\", file: f, pin: 1",
         "pin"},
        {"uri: \"pkcs11:token=t;object=o?module-path=/m&pin-source=file:p\", file: f, lease: 0s",
         "\"lease\""},
    };

    for (size_t i = 0; i < COUNT_OF(bads); i++) {
        AUTO(provider_rig_done)
        struct provider_rig r = provider_rig_read("{provider: pkcs11, %s}", bads[i].members);

        cr_expect_null(r.p, "%s", bads[i].members);
        cr_expect_not_null(strstr(r.msg.text, "test.yaml:1:"), "%s", r.msg.text);
        cr_expect_not_null(strstr(r.msg.text, bads[i].word), "%s: %s", bads[i].members, r.msg.text);
        cr_expect_null(strstr(r.msg.text, HSM_PIN), "%s", r.msg.text);
    }
}
