/* SPDX-License-Identifier: Apache-2.0 */
/* keys/transit_provider.c against a key server that behaves, and one that does not. */
#include <criterion/criterion.h>

#include "tests/unit/keys/provider_rig.h"
#include "tests/unit/keys/transit_rig.h"

TestSuite(vault_provider, .init = secret_start);

/* One stub, one envelope, one provider. */
struct place {
    struct transit_rig stub;
    struct provider_rig r;
    char file[96];
};

static const char TOKEN_LOGIN[] = "token_file: %s/token";
static const char APPROLE_LOGIN[] = "role_id_file: %s/role, secret_id_file: %s/secret";

static void open_provider(struct place *p, const char *login, const char *more)
{
    char how[256];

    if (login == APPROLE_LOGIN)
        (void)snprintf(how, sizeof(how), APPROLE_LOGIN, p->stub.s.dir, p->stub.s.dir);
    else
        (void)snprintf(how, sizeof(how), TOKEN_LOGIN, p->stub.s.dir);
    p->r = provider_rig_read("{provider: vault, address: \"%s\", ca: %s, key: lethe, file: %s, "
                             "%s, %s timeout: 15s}",
                             p->stub.address, p->stub.ca, p->file, how, more);
    cr_assert_not_null(p->r.p, "%s", p->r.msg.text);
}

static struct place place_new(const char *login)
{
    struct place p = {.stub = rig_new(NULL)};

    (void)snprintf(p.file, sizeof(p.file), "%s/root.vault", p.stub.s.dir);
    open_provider(&p, login, "");
    return p;
}

/* Also AUTO(place_done). */
static void place_done(struct place *p)
{
    provider_rig_done(&p->r);
    rig_done(&p->stub);
}

static void reopen(struct place *p, const char *login, const char *more)
{
    provider_rig_done(&p->r);
    open_provider(p, login, more);
}

static void must_add(struct place *p, uint32_t epoch, struct root_key *ret)
{
    enum err e = rig_add(&p->r, epoch, ret);

    cr_assert_eq(e, ERR_OK, "%s: %s", err_name(e), p->r.msg.text);
    cr_assert_eq(ret->epoch, epoch);
    cr_assert_not_null(ret->bytes);
}

/* load() fails so, gives no key, and says nothing it should not. */
static void expect_no_key(struct place *p, const char *word)
{
    AUTO(root_keys_done) struct root_keys keys = {.count = 0};
    enum err e = rig_load(&p->r, &keys);

    cr_expect_eq(e, ERR_SEALED, "%s: %s: %s", word, err_name(e), p->r.msg.text);
    cr_expect_eq(keys.count, 0);
    cr_expect_not_null(strstr(p->r.msg.text, word), "wanted \"%s\": %s", word, p->r.msg.text);
    cr_expect_null(strstr(p->r.msg.text, "planted"), "%s", p->r.msg.text);
    cr_expect_null(strstr(p->r.msg.text, RIG_OPERATOR), "%s", p->r.msg.text);
}

/* ---- life ---- */

static void live(const char *login)
{
    AUTO(place_done) struct place p = place_new(login);
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    AUTO(root_key_done) struct root_key two = {.bytes = NULL};
    AUTO(root_keys_done) struct root_keys keys = {.count = 0};

    cr_expect_eq(rig_load(&p.r, &keys), ERR_NOT_FOUND);
    must_add(&p, 1, &one);
    reopen(&p, login, "");
    cr_assert_eq(rig_load(&p.r, &keys), ERR_OK, "%s", p.r.msg.text);
    cr_expect_eq(keys.count, 1);
    expect_key(&keys, 0, &one);
    root_keys_done(&keys);

    must_add(&p, 2, &two);
    cr_expect(!secret_equal(one.bytes, two.bytes, ROOT_KEY_BYTES));
    cr_assert_eq(rig_load(&p.r, &keys), ERR_OK, "%s", p.r.msg.text);
    cr_expect_eq(keys.count, 2);
    expect_key(&keys, 0, &one);
    expect_key(&keys, 1, &two);
    root_keys_done(&keys);

    cr_assert_eq(rig_drop(&p.r, 1), ERR_OK, "%s", p.r.msg.text);
    cr_assert_eq(rig_load(&p.r, &keys), ERR_OK, "%s", p.r.msg.text);
    cr_expect_eq(keys.count, 1);
    expect_key(&keys, 0, &two);
}

Test(vault_provider, makes_gives_rotates_and_drops_with_a_token)
{
    live(TOKEN_LOGIN);
}

Test(vault_provider, makes_gives_rotates_and_drops_with_an_approle)
{
    live(APPROLE_LOGIN);
}

Test(vault_provider, gives_the_token_of_an_approle_back_and_keeps_the_operators)
{
    AUTO(place_done) struct place p = place_new(APPROLE_LOGIN);
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};

    must_add(&p, 1, &one);
    cr_expect_eq(rig_requests(&p.stub, "login 200"), 1);
    reopen(&p, TOKEN_LOGIN, "");
    cr_expect_eq(rig_requests(&p.stub, "revoke-self 204"), 1);
    cr_expect_eq(rig_drop(&p.r, 7), ERR_OK, "%s", p.r.msg.text);
    reopen(&p, TOKEN_LOGIN, "");
    cr_expect_eq(rig_requests(&p.stub, "revoke-self"), 1);
}

Test(vault_provider, kills_every_copy_of_the_old_envelope)
{
    AUTO(place_done) struct place p = place_new(TOKEN_LOGIN);
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    AUTO(root_key_done) struct root_key two = {.bytes = NULL};
    const char *copy = scratch_path(&p.stub.s, "backup");

    must_add(&p, 1, &one);
    scratch_copy(p.file, copy);
    must_add(&p, 2, &two);
    cr_assert_eq(rig_drop(&p.r, 1), ERR_OK, "%s", p.r.msg.text);
    cr_assert_eq(rename(copy, p.file), 0);
    expect_no_key(&p, "destroyed");
    /* for good: lowering the bounds again brings nothing back */
    cr_expect_eq(rig_requests(&p.stub, "keys/lethe/config 200"), 1);
    cr_expect_eq(rig_requests(&p.stub, "keys/lethe/trim 204"), 1);
}

Test(vault_provider, destroys_the_last_version_too)
{
    AUTO(place_done) struct place p = place_new(TOKEN_LOGIN);
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    AUTO(root_keys_done) struct root_keys keys = {.count = 0};
    const char *copy = scratch_path(&p.stub.s, "backup");

    must_add(&p, 1, &one);
    scratch_copy(p.file, copy);
    cr_assert_eq(rig_drop(&p.r, 1), ERR_OK, "%s", p.r.msg.text);
    cr_expect_eq(rig_load(&p.r, &keys), ERR_NOT_FOUND);
    cr_assert_eq(rename(copy, p.file), 0);
    expect_no_key(&p, "destroyed");
}

Test(vault_provider, finishes_a_drop_that_was_cut_short)
{
    AUTO(place_done) struct place p = place_new(TOKEN_LOGIN);
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    AUTO(root_key_done) struct root_key two = {.bytes = NULL};
    AUTO(root_keys_done) struct root_keys keys = {.count = 0};
    const char *copy = scratch_path(&p.stub.s, "backup");

    must_add(&p, 1, &one);
    scratch_copy(p.file, copy);
    must_add(&p, 2, &two);
    rig_order(&p.stub, "/config status 503");
    cr_expect_eq(rig_drop(&p.r, 1), ERR_SEALED, "%s", p.r.msg.text);
    rig_order(&p.stub, "");
    cr_assert_eq(rig_load(&p.r, &keys), ERR_OK, "%s", p.r.msg.text);
    cr_expect_eq(keys.count, 1);
    expect_key(&keys, 0, &two);
    cr_expect_eq(rig_requests(&p.stub, "trim 204"), 1);
    cr_assert_eq(rename(copy, p.file), 0);
    expect_no_key(&p, "destroyed");
}

Test(vault_provider, leaves_what_another_envelope_under_the_same_key_holds)
{
    AUTO(place_done) struct place p = place_new(TOKEN_LOGIN);
    AUTO(place_done) struct place to = {.stub = {.borrowed = true}};
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    AUTO(root_key_done) struct root_key two = {.bytes = NULL};
    AUTO(root_keys_done) struct root_keys keys = {.count = 0};

    /* the store's root key moves to an envelope elsewhere: `root_key_previous` */
    must_add(&p, 1, &one);
    to.stub = p.stub;
    to.stub.borrowed = true;
    (void)snprintf(to.file, sizeof(to.file), "%s/moved.vault", p.stub.s.dir);
    open_provider(&to, TOKEN_LOGIN, "");
    must_add(&to, 2, &two);
    cr_assert_eq(rig_load(&to.r, &keys), ERR_OK, "%s", to.r.msg.text);
    root_keys_done(&keys);
    cr_expect_eq(rig_drop(&to.r, 1), ERR_OK, "%s", to.r.msg.text);
    cr_assert_eq(rig_load(&p.r, &keys), ERR_OK, "the old one stands: %s", p.r.msg.text);
    expect_key(&keys, 0, &one);
    root_keys_done(&keys);
    cr_expect_eq(rig_drop(&p.r, 1), ERR_OK, "%s", p.r.msg.text);
    cr_assert_eq(rig_load(&to.r, &keys), ERR_OK, "the new one stands: %s", to.r.msg.text);
    expect_key(&keys, 0, &two);
}

Test(vault_provider, destroys_nothing_that_a_line_still_needs)
{
    AUTO(place_done) struct place p = place_new(TOKEN_LOGIN);
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    AUTO(root_keys_done) struct root_keys keys = {.count = 0};
    char doomed[120];

    /* as a crash leaves it between the note and the envelope */
    must_add(&p, 1, &one);
    (void)snprintf(doomed, sizeof(doomed), "%s.doomed", p.file);
    scratch_write(doomed, 0, "lethe-doomed-1 2\n", 17);
    cr_assert_eq(rig_load(&p.r, &keys), ERR_OK, "%s", p.r.msg.text);
    cr_expect_eq(rig_requests(&p.stub, "trim"), 0);
    cr_expect_eq(rig_drop(&p.r, 9), ERR_CONFLICT);
    cr_expect_not_null(strstr(p.r.msg.text, "still needs"), "%s", p.r.msg.text);
    cr_expect_eq(rig_requests(&p.stub, "trim"), 0);
    cr_expect_eq(rig_drop(&p.r, 1), ERR_OK, "%s", p.r.msg.text);
    cr_expect_eq(rig_requests(&p.stub, "trim 204"), 1);
    cr_expect_neq(access(doomed, F_OK), 0);
}

Test(vault_provider, refuses_a_note_that_it_does_not_understand)
{
    static const char *const notes[] = {"",
                                        "lethe-doomed-1 ",
                                        "lethe-doomed-1 0\n",
                                        "lethe-doomed-1 2",
                                        "lethe-doomed-1 2 \n",
                                        "lethe-doomed-2 2\n",
                                        "lethe-doomed-1 -1\n"};
    AUTO(place_done) struct place p = place_new(TOKEN_LOGIN);
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    AUTO(root_key_done) struct root_key two = {.bytes = NULL};
    char doomed[120];

    must_add(&p, 1, &one);
    must_add(&p, 2, &two);
    (void)snprintf(doomed, sizeof(doomed), "%s.doomed", p.file);
    for (size_t i = 0; i < COUNT_OF(notes); i++) {
        (void)unlink(doomed);
        scratch_write(doomed, 0, notes[i], strlen(notes[i]));
        cr_expect_eq(rig_drop(&p.r, 1), ERR_SEALED, "%zu: %s", i, p.r.msg.text);
        cr_expect_not_null(strstr(p.r.msg.text, "no note of a drop"), "%s", p.r.msg.text);
    }
    cr_expect_eq(rig_requests(&p.stub, "trim"), 0);
}

Test(vault_provider, asks_the_operator_no_more_once_he_destroyed_it_himself)
{
    AUTO(place_done) struct place p = place_new(TOKEN_LOGIN);
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};

    must_add(&p, 1, &one);
    rig_order(&p.stub, "/trim status 403");
    cr_expect_eq(rig_drop(&p.r, 1), ERR_UNSUPPORTED);
    rig_order(&p.stub, "/trim status 403\n/config status 403\n"
                       "keys/lethe text {\"data\":{\"type\":\"aes256-gcm96\","
                       "\"latest_version\":3,\"min_available_version\":3}}");
    cr_expect_eq(rig_drop(&p.r, 1), ERR_OK, "%s", p.r.msg.text);
}

Test(vault_provider, says_what_the_operator_has_to_do_when_it_may_not_destroy)
{
    static const char *const orders[] = {"/config status 403", "/trim status 403",
                                         "/trim status 404"};

    for (size_t i = 0; i < COUNT_OF(orders); i++) {
        AUTO(place_done) struct place p = place_new(TOKEN_LOGIN);
        AUTO(root_key_done) struct root_key one = {.bytes = NULL};
        AUTO(root_key_done) struct root_key two = {.bytes = NULL};
        AUTO(root_keys_done) struct root_keys keys = {.count = 0};

        must_add(&p, 1, &one);
        must_add(&p, 2, &two);
        rig_order(&p.stub, orders[i]);
        cr_expect_eq(rig_drop(&p.r, 1), ERR_UNSUPPORTED, "%s: %s", orders[i], p.r.msg.text);
        cr_expect_not_null(strstr(p.r.msg.text, "transit/keys/lethe/config "
                                                "min_decryption_version=3 "
                                                "min_encryption_version=3"),
                           "%s", p.r.msg.text);
        cr_expect_not_null(strstr(p.r.msg.text, "trim min_available_version=3"), "%s",
                           p.r.msg.text);
        cr_assert_eq(rig_load(&p.r, &keys), ERR_OK, "%s", p.r.msg.text);
        cr_expect_eq(keys.count, 1, "the line is gone");
        root_keys_done(&keys);
        /* given the right, the next drop does what was left */
        rig_order(&p.stub, "");
        cr_expect_eq(rig_drop(&p.r, 1), ERR_OK, "%s", p.r.msg.text);
        cr_expect_eq(rig_requests(&p.stub, "trim 204"), 1);
    }
}

Test(vault_provider, does_not_believe_a_server_that_only_says_it_destroyed)
{
    AUTO(place_done) struct place p = place_new(TOKEN_LOGIN);
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    AUTO(root_key_done) struct root_key two = {.bytes = NULL};

    must_add(&p, 1, &one);
    must_add(&p, 2, &two);
    rig_order(&p.stub, "/config ignore\n/trim ignore");
    cr_expect_eq(rig_drop(&p.r, 1), ERR_UNSUPPORTED);
    cr_expect_not_null(strstr(p.r.msg.text, "still unwraps"), "%s", p.r.msg.text);
}

Test(vault_provider, adds_nothing_unless_the_key_was_really_rotated)
{
    AUTO(place_done) struct place p = place_new(TOKEN_LOGIN);
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    AUTO(root_key_done) struct root_key two = {.bytes = NULL};
    AUTO(root_keys_done) struct root_keys keys = {.count = 0};

    must_add(&p, 1, &one);
    rig_order(&p.stub, "/rotate ignore");
    cr_expect_eq(rig_add(&p.r, 2, &two), ERR_SEALED);
    cr_expect_not_null(strstr(p.r.msg.text, "old version"), "%s", p.r.msg.text);
    cr_expect_null(two.bytes);
    rig_order(&p.stub, "");
    cr_assert_eq(rig_load(&p.r, &keys), ERR_OK, "%s", p.r.msg.text);
    cr_expect_eq(keys.count, 1);
}

Test(vault_provider, adds_an_epoch_once)
{
    AUTO(place_done) struct place p = place_new(TOKEN_LOGIN);
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    AUTO(root_key_done) struct root_key two = {.bytes = NULL};
    AUTO(root_key_done) struct root_key none = {.bytes = NULL};

    must_add(&p, 2, &one);
    cr_expect_eq(rig_add(&p.r, 2, &none), ERR_CONFLICT);
    cr_expect_eq(rig_add(&p.r, 1, &none), ERR_CONFLICT);
    must_add(&p, 3, &two);
    cr_expect_eq(rig_add(&p.r, 4, &none), ERR_CONFLICT, "two are there");
    cr_expect_null(none.bytes);
    cr_expect_eq(rig_requests(&p.stub, "rotate"), 2);
}

/* ---- a server that refuses or lies ---- */

struct wrong {
    char order[96];
    char word[40];
};

Test(vault_provider, gives_no_key_when_anything_is_wrong)
{
    static const struct wrong wrongs[] = {
        {"decrypt status 503", "sealed or in maintenance"},
        {"* status 503", "sealed or in maintenance"},
        {"decrypt status 403", "permission denied"},
        {"lookup-self status 403", "permission denied"},
        {"decrypt status 404", "(404)"},
        {"decrypt status 400", "(400)"},
        {"decrypt status 429", "(429)"},
        {"decrypt status 500", "status 500"},
        {"decrypt status 201", "status 201"},
        {"decrypt redirect https://localhost:1/", "redirect"},
        {"decrypt reset", "ended before"},
        {"decrypt cut", "ended before"},
        {"decrypt huge", "larger than"},
        {"decrypt empty", "makes no sense"},
        {"decrypt text {\"data\":{\"plaintext\":", "makes no sense"},
        {"decrypt text []", "makes no sense"},
        {"decrypt text <html>planted</html>", "makes no sense"},
        {"decrypt text {\"data\":{}}", "makes no sense"},
        {"decrypt text {\"data\":{\"plaintext\":7}}", "makes no sense"},
        {"decrypt text {\"plaintext\":\"AAAA\"}", "makes no sense"},
        {"decrypt plaintext AAAAAAAAAAAAAAAAAAAAAA==", "makes no sense"},
        {"decrypt plaintext AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "makes no sense"},
        {"decrypt plaintext AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "makes no sense"},
        {"decrypt plaintext !!!!AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "makes no sense"},
        {"decrypt plaintext AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "is not the root key"},
        {"lookup-self text {\"data\":{\"ttl\":-1}}", "makes no sense"},
        {"lookup-self text {\"data\":{}}", "makes no sense"},
    };
    AUTO(place_done) struct place p = place_new(TOKEN_LOGIN);
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    AUTO(root_keys_done) struct root_keys keys = {.count = 0};

    must_add(&p, 1, &one);
    for (size_t i = 0; i < COUNT_OF(wrongs); i++) {
        reopen(&p, TOKEN_LOGIN, "");
        rig_order(&p.stub, wrongs[i].order);
        expect_no_key(&p, wrongs[i].word);
    }
    rig_order(&p.stub, "");
    cr_assert_eq(rig_load(&p.r, &keys), ERR_OK, "%s", p.r.msg.text);
    expect_key(&keys, 0, &one);
}

Test(vault_provider, writes_no_envelope_when_anything_is_wrong)
{
    static const struct wrong wrongs[] = {
        {"* status 503", "sealed or in maintenance"},
        {"keys/lethe status 403", "permission denied"},
        {"keys/lethe status 404", "(404)"},
        {"encrypt status 403", "permission denied"},
        {"encrypt reset", "ended before"},
        {"encrypt text {\"data\":{\"ciphertext\":\"planted\"}}", "makes no sense"},
        {"encrypt text {\"data\":{\"ciphertext\":\"vault:v0:AA\"}}", "makes no sense"},
        {"encrypt text {\"data\":{\"ciphertext\":\"vault:v1:\"}}", "makes no sense"},
        {"encrypt text {\"data\":{\"ciphertext\":\"vault:v1:a b\"}}", "makes no sense"},
        {"encrypt text {\"data\":{\"ciphertext\":\"vault:v1:AAAA\"}}", "(400)"},
        {"decrypt status 403", "permission denied"},
        {"decrypt plaintext AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "does not come back"},
    };
    AUTO(place_done) struct place p = place_new(TOKEN_LOGIN);

    for (size_t i = 0; i < COUNT_OF(wrongs); i++) {
        AUTO(root_key_done) struct root_key one = {.bytes = NULL};

        reopen(&p, TOKEN_LOGIN, "");
        rig_order(&p.stub, wrongs[i].order);
        cr_expect_eq(rig_add(&p.r, 1, &one), ERR_SEALED, "%s", p.r.msg.text);
        cr_expect_not_null(strstr(p.r.msg.text, wrongs[i].word), "wanted \"%s\": %s",
                           wrongs[i].word, p.r.msg.text);
        cr_expect_null(strstr(p.r.msg.text, "planted"), "%s", p.r.msg.text);
        cr_expect_null(one.bytes);
        cr_expect_neq(access(p.file, F_OK), 0, "%s left an envelope", wrongs[i].order);
    }
}

Test(vault_provider, relies_only_on_a_key_that_cannot_leave_the_server)
{
    static const struct wrong wrongs[] = {
        {"\"type\":\"aes256-gcm96\",\"exportable\":true", "exportable"},
        {"\"type\":\"aes256-gcm96\",\"allow_plaintext_backup\":true", "backup"},
        {"\"type\":\"aes256-gcm96\",\"derived\":true", "must be of type"},
        {"\"type\":\"aes128-gcm96\"", "must be of type"},
        {"\"type\":\"rsa-4096\"", "must be of type"},
    };
    AUTO(place_done) struct place p = place_new(TOKEN_LOGIN);

    for (size_t i = 0; i < COUNT_OF(wrongs); i++) {
        AUTO(root_key_done) struct root_key one = {.bytes = NULL};
        char order[192];

        (void)snprintf(order, sizeof(order), "keys/lethe text {\"data\":{\"latest_version\":1,%s}}",
                       wrongs[i].order);
        rig_order(&p.stub, order);
        cr_expect_eq(rig_add(&p.r, 1, &one), ERR_UNSUPPORTED, "%s", p.r.msg.text);
        cr_expect_not_null(strstr(p.r.msg.text, wrongs[i].word), "%s", p.r.msg.text);
        cr_expect_null(one.bytes);
    }
    cr_expect_eq(rig_requests(&p.stub, "encrypt"), 0);
}

Test(vault_provider, binds_a_line_to_its_epoch)
{
    AUTO(place_done) struct place p = place_new(TOKEN_LOGIN);
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    char text[512] = "";
    char *digit;

    must_add(&p, 1, &one);
    (void)scratch_read(p.file, 0, text, sizeof(text) - 1);
    digit = strstr(text, " 1 vault ");
    cr_assert_not_null(digit, "%s", text);
    cr_assert_eq(chmod(p.file, 0600), 0);
    scratch_write(p.file, (size_t)(digit + 1 - text), "3", 1);
    expect_no_key(&p, "for another epoch");
}

Test(vault_provider, judges_the_files_of_its_login)
{
    AUTO(place_done) struct place p = place_new(APPROLE_LOGIN);
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    const char *secret = scratch_path(&p.stub.s, "secret"), *token;

    must_add(&p, 1, &one);
    reopen(&p, APPROLE_LOGIN, "");
    cr_assert_eq(chmod(secret, 0640), 0);
    expect_no_key(&p, "open to others");
    cr_assert_eq(unlink(secret), 0);
    expect_no_key(&p, "cannot be read");
    scratch_write(secret, 0, "wrong\n", 6);
    expect_no_key(&p, "secret ID is not accepted");

    reopen(&p, TOKEN_LOGIN, "");
    token = scratch_path(&p.stub.s, "token");
    scratch_write(token, 0, "s.wrong-token-22222", 19);
    expect_no_key(&p, "permission denied");
    scratch_write(token, 3, "\r\nX-Evil: 1", 11);
    expect_no_key(&p, "printable characters");
    scratch_cut(token, 0);
    expect_no_key(&p, "printable characters");
    cr_expect_eq(rig_requests(&p.stub, "lookup-self 403"), 1, "only one was sent");
}

Test(vault_provider, sends_the_namespace_and_uses_the_mounts_it_is_told)
{
    AUTO(place_done) struct place p = place_new(TOKEN_LOGIN);
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};

    reopen(&p, TOKEN_LOGIN, "mount: teams/pii,");
    must_add(&p, 1, &one);
    cr_expect_eq(rig_requests(&p.stub, "/v1/teams/pii/encrypt/lethe 200"), 1);
    reopen(&p, TOKEN_LOGIN, "mount: teams/pii, namespace: eu/pii,");
    expect_no_key(&p, "(404)"); /* the stub has no namespaces unless it is told */
    reopen(&p, APPROLE_LOGIN, "auth_mount: other,");
    expect_no_key(&p, "permission denied");
    cr_expect_eq(rig_requests(&p.stub, "POST /v1/auth/other/login"), 1);
}

/* ---- the lease ---- */

static void must_check(struct place *p, struct provider_health *health)
{
    enum err e = rig_check(&p->r, health);

    cr_assert_eq(e, ERR_OK, "%s: %s", err_name(e), p->r.msg.text);
}

Test(vault_provider, leases_the_shorter_of_its_own_and_the_tokens_time)
{
    AUTO(place_done) struct place p = place_new(APPROLE_LOGIN);
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    struct provider_health health;

    must_add(&p, 1, &one);
    must_check(&p, &health);
    cr_expect_leq(health.lease_ms, 3600000);
    cr_expect_gt(health.lease_ms, 3500000);
    cr_expect_eq(health.again_ms, 60000);
    reopen(&p, APPROLE_LOGIN, "lease: 9s,");
    must_check(&p, &health);
    cr_expect_eq(health.lease_ms, 9000);
    cr_expect_eq(health.again_ms, 3000);
    rig_order(&p.stub, "* short 6");
    reopen(&p, APPROLE_LOGIN, "lease: 9s,");
    must_check(&p, &health);
    cr_expect_leq(health.lease_ms, 6000);
    cr_expect_gt(health.lease_ms, 3000);
}

Test(vault_provider, goes_on_for_the_lease_when_the_server_is_away)
{
    static const char *const orders[] = {"* status 503", "* reset", "* status 429",
                                         "* redirect https://localhost:1/",
                                         "decrypt plaintext AAAA"};
    AUTO(place_done) struct place p = place_new(TOKEN_LOGIN);
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    struct provider_health health;

    must_add(&p, 1, &one);
    reopen(&p, TOKEN_LOGIN, "lease: 100s,");
    must_check(&p, &health);
    for (size_t i = 0; i < COUNT_OF(orders); i++) {
        enum err e;

        rig_order(&p.stub, orders[i]);
        e = rig_check(&p.r, &health);
        cr_expect(e != ERR_OK && e != ERR_DENIED, "%s: %s", orders[i], err_name(e));
        cr_expect_eq(health.lease_ms, 100000);
        cr_expect_eq(health.again_ms, 10000);
    }
    rig_kill(&p.stub);
    cr_expect_eq(rig_check(&p.r, &health), ERR_UNAVAILABLE);
    cr_expect_eq(health.lease_ms, 100000);
    rig_order(&p.stub, "");
    rig_spawn(&p.stub, NULL);
    must_check(&p, &health);
}

Test(vault_provider, stops_at_once_when_its_access_is_taken_away)
{
    static const char *const orders[] = {"decrypt status 403", "decrypt status 400",
                                         "decrypt status 404", "* revoke"};
    AUTO(place_done) struct place p = place_new(TOKEN_LOGIN);
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    struct provider_health health;

    must_add(&p, 1, &one);
    for (size_t i = 0; i < COUNT_OF(orders); i++) {
        must_check(&p, &health);
        rig_order(&p.stub, orders[i]);
        cr_expect_eq(rig_check(&p.r, &health), ERR_DENIED, "%s", orders[i]);
        cr_expect_eq(health.lease_ms, 0);
        cr_expect_gt(health.again_ms, 0);
        rig_order(&p.stub, "");
    }
}

Test(vault_provider, logs_in_again_when_its_token_was_revoked)
{
    AUTO(place_done) struct place p = place_new(APPROLE_LOGIN);
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    struct provider_health health;

    must_add(&p, 1, &one);
    rig_order(&p.stub, "decrypt revoke"); /* at every try, so that only the login saves it */
    cr_expect_eq(rig_check(&p.r, &health), ERR_DENIED);
    rig_order(&p.stub, "");
    must_check(&p, &health);
    cr_expect_eq(rig_requests(&p.stub, "login 200"), 3);
}

static void wait_for_a_third_of(struct place *p, struct provider_health *health, const char *line)
{
    for (int i = 0; rig_requests(&p->stub, line) == 0; i++) {
        cr_assert_lt(i, 2000, "no %s", line);
        rig_pause();
        (void)rig_check(&p->r, health);
    }
}

Test(vault_provider, renews_its_token_after_a_third_of_its_time)
{
    AUTO(place_done) struct place p = place_new(APPROLE_LOGIN);
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    struct provider_health health;

    rig_order(&p.stub, "* short 12");
    must_add(&p, 1, &one);
    must_check(&p, &health);
    cr_expect_eq(rig_requests(&p.stub, "renew-self"), 0);
    wait_for_a_third_of(&p, &health, "renew-self 200");
    must_check(&p, &health);
    cr_expect_gt(health.lease_ms, 6000);
    cr_expect_eq(rig_requests(&p.stub, "login 200"), 1);
}

Test(vault_provider, logs_in_again_when_renewal_is_refused)
{
    AUTO(place_done) struct place p = place_new(APPROLE_LOGIN);
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    struct provider_health health;

    rig_order(&p.stub, "* short 12\nrenew-self refuse");
    must_add(&p, 1, &one);
    wait_for_a_third_of(&p, &health, "renew-self 400");
    must_check(&p, &health);
    cr_expect_eq(rig_requests(&p.stub, "login 200"), 2);
    cr_expect_gt(health.lease_ms, 6000);
}

Test(vault_provider, ends_with_its_token_when_neither_renewal_nor_login_is_granted)
{
    AUTO(place_done) struct place p = place_new(APPROLE_LOGIN);
    AUTO(root_key_done) struct root_key one = {.bytes = NULL};
    struct provider_health health;
    enum err e = ERR_OK;

    rig_order(&p.stub, "* short 6");
    must_add(&p, 1, &one);
    rig_order(&p.stub, "* refuse");
    must_check(&p, &health);
    cr_expect_leq(health.lease_ms, 6000);
    for (int i = 0; e == ERR_OK; i++) {
        cr_assert_lt(i, 2000);
        rig_pause();
        e = rig_check(&p.r, &health);
    }
    cr_expect_eq(e, ERR_DENIED);
    cr_expect_eq(health.lease_ms, 0);
    expect_no_key(&p, "not accepted");
}

/* ---- the configuration ---- */

struct bad {
    char members[160];
    char word[48];
};

Test(vault_provider, refuses_a_configuration_that_it_does_not_understand)
{
    static const struct bad bads[] = {
        {"key: k, file: f, token_file: t", "\"address\" is missing"},
        {"address: \"http://vault:8200\", key: k, file: f, token_file: t", "https://"},
        {"address: \"https://\", key: k, file: f, token_file: t", "https://HOST"},
        {"address: \"https://u:p@vault\", key: k, file: f, token_file: t", "https://HOST"},
        {"address: \"https://vault/v1\", key: k, file: f, token_file: t", "https://HOST"},
        {"address: \"https://vault?x\", key: k, file: f, token_file: t", "https://HOST"},
        {"address: \"https://vault\", file: f, token_file: t", "\"key\" is missing"},
        {"address: \"https://vault\", key: a/b, file: f, token_file: t", "\"key\""},
        {"address: \"https://vault\", key: \"..\", file: f, token_file: t", "\"key\""},
        {"address: \"https://vault\", key: \"a?b\", file: f, token_file: t", "\"key\""},
        {"address: \"https://vault\", key: k, mount: \"a//b\", file: f, token_file: t",
         "\"mount\""},
        {"address: \"https://vault\", key: k, mount: \"../sys\", file: f, token_file: t",
         "\"mount\""},
        {"address: \"https://vault\", key: k, namespace: \"a b\", file: f, token_file: t",
         "\"namespace\""},
        {"address: \"https://vault\", key: k, token_file: t", "\"file\" is missing"},
        {"address: \"https://vault\", key: k, file: f", "logs in with"},
        {"address: \"https://vault\", key: k, file: f, role_id_file: r", "logs in with"},
        {"address: \"https://vault\", key: k, file: f, secret_id_file: r", "logs in with"},
        {"address: \"https://vault\", key: k, file: f, token_file: t, role_id_file: r",
         "logs in with"},
        {"address: \"https://vault\", key: k, file: f, token_file: t, lease: 0s", "\"lease\""},
        {"address: \"https://vault\", key: k, file: f, token_file: t, timeout: 2h", "\"timeout\""},
        {"address: \"https://vault\", key: k, file: f, token_file: t, token: s.x", "token"},
    };

    for (size_t i = 0; i < COUNT_OF(bads); i++) {
        AUTO(provider_rig_done)
        struct provider_rig r = provider_rig_read("{provider: vault, %s}", bads[i].members);

        cr_expect_null(r.p, "%s", bads[i].members);
        cr_expect_not_null(strstr(r.msg.text, "test.yaml:1:"), "%s", r.msg.text);
        cr_expect_not_null(strstr(r.msg.text, bads[i].word), "%s: %s", bads[i].members, r.msg.text);
    }
}

Test(vault_provider, is_named_without_its_secrets)
{
    AUTO(provider_rig_done)
    struct provider_rig r =
        provider_rig_read("{provider: vault, address: \"https://vault:8200/\", key: k, file: f, "
                          "token_file: t}");

    cr_assert_not_null(r.p, "%s", r.msg.text);
    cr_expect_str_eq(r.p->name, "vault:https://vault:8200/transit/k");
}
