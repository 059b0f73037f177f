/* SPDX-License-Identifier: Apache-2.0 */
/* Access tokens: whose they are, for how long, and that codes work once. */
#include "admin/access.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "admin/otp.h"
#include "base/secret.h"
#include "tests/support/vault_fixture.h"

TestSuite(access, .init = secret_start, .timeout = 60);

static const int64_t NOW = 1800000000;

struct office {
    struct vault_fixture f;
    struct access *access;
    struct errmsg msg;
};

static void open_office(struct office *o)
{
    cr_assert_eq(access_open(o->f.dir, o->f.v, &o->access, &o->msg), ERR_OK, "%s", o->msg.text);
}

static void office_start(struct office *o)
{
    fixture_start(&o->f);
    open_office(o);
}

static void office_end(struct office *o)
{
    access_close(&o->access);
    fixture_end(&o->f);
}

/* The text of a new token, static. */
static const char *made(struct office *o, const char *name, enum access_role role,
                        uint64_t *ret_number)
{
    static char text[128];
    AUTO(buf_done) struct buf token = {.max = 0};
    struct access_grant grant = {.now_s = NOW, .expires_s = NOW + 100};
    enum err e;

    (void)snprintf(grant.who.name, sizeof(grant.who.name), "%s", name);
    grant.who.role = role;
    grant.who.classes.count = 1;
    (void)snprintf(grant.who.classes.at[0], sizeof(grant.who.classes.at[0]), "email");
    buf_init_secret(&token, 128);
    e = access_create(o->access, &grant, &token, ret_number, &o->msg);
    cr_assert_eq(e, ERR_OK, "%s", o->msg.text);
    (void)snprintf(text, sizeof(text), "%.*s", (int)token.len, (const char *)token.bytes);
    return text;
}

static enum err find_at(struct office *o, const char *token, int64_t now_s, struct access_who *ret)
{
    return access_find(o->access, span_str(token), now_s, ret);
}

/* E58 */
Test(access, a_token_is_its_owners_until_it_expires)
{
    struct office o;
    struct access_who who;
    uint64_t number = 0;
    char token[128];

    office_start(&o);
    (void)snprintf(token, sizeof(token), "%s", made(&o, "shop", ACCESS_APP, &number));
    cr_expect_eq(number, 1);
    cr_expect_eq(strlen(token), 4 + 64);
    cr_assert_eq(find_at(&o, token, NOW, &who), ERR_OK);
    cr_expect_str_eq(who.name, "shop");
    cr_expect_eq(who.role, ACCESS_APP);
    cr_expect(access_names_have(&who.classes, SPAN_LIT("email")));
    cr_expect_not(access_names_have(&who.classes, SPAN_LIT("phone")));
    cr_expect(access_names_have(&who.domains, SPAN_LIT("anything")));
    cr_expect_eq(find_at(&o, token, NOW + 99, &who), ERR_OK);
    cr_expect_eq(find_at(&o, token, NOW + 100, &who), ERR_UNAUTHORIZED);
    token[20] = token[20] == 'a' ? 'b' : 'a';
    cr_expect_eq(find_at(&o, token, NOW, &who), ERR_UNAUTHORIZED);
    cr_expect_eq(find_at(&o, "", NOW, &who), ERR_UNAUTHORIZED);
    office_end(&o);
}

/* E64 */
Test(access, tokens_outlive_a_restart_and_revoked_ones_do_not_come_back)
{
    struct office o;
    struct access_who who;
    uint64_t first = 0, second = 0;
    char one[128], two[128];

    office_start(&o);
    (void)snprintf(one, sizeof(one), "%s", made(&o, "one", ACCESS_OFFICER, &first));
    (void)snprintf(two, sizeof(two), "%s", made(&o, "two", ACCESS_AUDITOR, &second));
    cr_assert_eq(access_revoke(o.access, first, NOW), ERR_OK);
    cr_expect_eq(access_revoke(o.access, first, NOW), ERR_NOT_FOUND);
    cr_expect_eq(find_at(&o, one, NOW, &who), ERR_UNAUTHORIZED);
    access_close(&o.access);
    open_office(&o);
    cr_expect_eq(find_at(&o, one, NOW, &who), ERR_UNAUTHORIZED);
    cr_assert_eq(find_at(&o, two, NOW, &who), ERR_OK);
    cr_expect(who.number == second && who.role == ACCESS_AUDITOR);
    (void)made(&o, "one", ACCESS_APP, &first); /* the name is free again, the number is not */
    cr_expect_eq(first, 3);
    office_end(&o);
}

/* E58 */
Test(access, no_text_of_a_token_stands_in_the_file)
{
    struct office o;
    AUTO(json_free) struct json *list = NULL;
    uint64_t number;
    char text[8192] = "", token[128];
    ssize_t len;
    int fd;

    office_start(&o);
    (void)snprintf(token, sizeof(token), "%s", made(&o, "shop", ACCESS_APP, &number));
    fd = open(fixture_path(&o.f, "access.json"), O_RDONLY);
    len = read(fd, text, sizeof(text) - 1);
    close(fd);
    cr_assert(len > 100);
    cr_expect_not_null(strstr(text, "\"shop\""));
    cr_expect_null(strstr(text, token + 4));
    list = access_list(o.access, NOW + 200);
    cr_expect_eq(json_count(list), 1);
    cr_expect_str_eq(json_str_of(json_get(json_at(list, 0), "state")), "expired");
    cr_expect_null(json_get(json_at(list, 0), "hash"));
    office_end(&o);
}

Test(access, a_file_that_was_changed_is_not_believed)
{
    struct office o;
    uint64_t number;
    char text[8192] = "", *role;
    ssize_t len;
    int fd;

    office_start(&o);
    (void)made(&o, "shop", ACCESS_AUDITOR, &number);
    access_close(&o.access);
    fd = open(fixture_path(&o.f, "access.json"), O_RDWR);
    len = read(fd, text, sizeof(text) - 1);
    role = strstr(text, "auditor");
    cr_assert_not_null(role);
    memcpy(role, "officer", 7);
    cr_assert_eq(pwrite(fd, text, (size_t)len, 0), len);
    cr_expect_eq(access_open(o.f.dir, o.f.v, &o.access, &o.msg), ERR_CORRUPT);
    cr_expect_not_null(strstr(o.msg.text, "access.json"));
    memcpy(role, "auditor", 7);
    cr_assert_eq(pwrite(fd, text, (size_t)len, 0), len);
    close(fd);
    open_office(&o);
    office_end(&o);
}

Test(access, refuses_odd_grants)
{
    static const struct {
        const char *name;
        enum access_role role;
        int64_t expires_s;
        enum err e;
    } bad[] = {
        {"", ACCESS_APP, NOW + 1, ERR_INVALID},
        {"a b", ACCESS_APP, NOW + 1, ERR_INVALID},
        {"a&issuer=x", ACCESS_APP, NOW + 1, ERR_INVALID},
        {"a", 0, NOW + 1, ERR_INVALID},
        {"a", ACCESS_LOCAL, NOW + 1, ERR_INVALID},
        {"a", ACCESS_APP, NOW, ERR_INVALID},
        {"a", ACCESS_APP, NOW + INT64_C(367) * 86400, ERR_INVALID},
        {"there", ACCESS_APP, NOW + 1, ERR_CONFLICT},
        {"There", ACCESS_APP, NOW + 1, ERR_CONFLICT},
    };
    struct office o;
    uint64_t number;

    office_start(&o);
    (void)made(&o, "there", ACCESS_APP, &number);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        AUTO(buf_done) struct buf token = {.max = 0};
        struct access_grant grant = {.now_s = NOW, .expires_s = bad[i].expires_s};

        (void)snprintf(grant.who.name, sizeof(grant.who.name), "%s", bad[i].name);
        grant.who.role = bad[i].role;
        buf_init_secret(&token, 128);
        cr_expect_eq(access_create(o.access, &grant, &token, &number, &o.msg), bad[i].e, "%zu", i);
        cr_expect_eq(token.len, 0);
    }
    office_end(&o);
}

/* ---- codes ---- */

/* RFC 6238 Appendix B, SHA-1, with a longer secret: of the authenticators' kind; the values come from
 * oathtool(1) --totp with the same hexadecimal secret. */
Test(access, codes_are_those_of_other_programs)
{
    uint8_t secret[OTP_SECRET_BYTES];
    char code[OTP_DIGITS + 1];

    for (size_t i = 0; i < sizeof(secret); i++)
        secret[i] = (uint8_t)(0x30 + (i + 1) % 10);
    otp_code(secret, 59 / OTP_STEP_S, code);
    cr_expect_str_eq(code, "599872");
    otp_code(secret, 1111111109 / OTP_STEP_S, code);
    cr_expect_str_eq(code, "138967");
}

/* The code of a step, read from the URI as an authenticator does. */
static void code_of(const char *uri, int64_t step, char code[OTP_DIGITS + 1])
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    const char *at = strstr(uri, "secret=") + 7;
    uint8_t secret[OTP_SECRET_BYTES + 1] = {0};
    unsigned bits = 0, have = 0;
    size_t n = 0;

    for (; *at != '&' && n < OTP_SECRET_BYTES; at++) {
        bits = bits << 5 | (unsigned)(strchr(alphabet, *at) - alphabet);
        have += 5;
        if (have >= 8) {
            have -= 8;
            secret[n++] = (uint8_t)(bits >> have);
        }
    }
    cr_assert_eq(n, OTP_SECRET_BYTES);
    otp_code(secret, step, code);
}

static void enrolled(struct office *o, uint64_t number, char uri[256])
{
    AUTO(buf_done) struct buf text = {.max = 0};

    buf_init_secret(&text, 256);
    cr_assert_eq(access_enrol(o->access, number, true, NOW, &text), ERR_OK);
    (void)snprintf(uri, 256, "%.*s", (int)text.len, (const char *)text.bytes);
}

/* E63 */
Test(access, a_code_works_once_also_after_a_restart)
{
    struct office o;
    uint64_t number;
    char uri[256], now[OTP_DIGITS + 1], before[OTP_DIGITS + 1], older[OTP_DIGITS + 1];
    const int64_t step = NOW / OTP_STEP_S;

    office_start(&o);
    (void)made(&o, "ops", ACCESS_OPERATOR, &number);
    cr_expect_eq(access_check_code(o.access, number, SPAN_LIT("000000"), NOW), ERR_DENIED);
    enrolled(&o, number, uri);
    code_of(uri, step, now);
    code_of(uri, step - 1, before);
    code_of(uri, step - 2, older);
    cr_expect_eq(access_check_code(o.access, number, span_str(older), NOW), ERR_DENIED);
    cr_expect_eq(access_check_code(o.access, number, span_str(before), NOW), ERR_OK);
    cr_expect_eq(access_check_code(o.access, number, span_str(before), NOW), ERR_DENIED);
    cr_expect_eq(access_check_code(o.access, number, span_str(now), NOW), ERR_OK);
    access_close(&o.access);
    open_office(&o);
    cr_expect_eq(access_check_code(o.access, number, span_str(now), NOW), ERR_DENIED);
    code_of(uri, step + 1, now);
    cr_expect_eq(access_check_code(o.access, number, span_str(now), NOW), ERR_DENIED, "the future");
    cr_expect_eq(access_check_code(o.access, number, span_str(now), NOW + OTP_STEP_S), ERR_OK);
    office_end(&o);
}

static enum err collected(struct office *o, uint64_t number, char text[128])
{
    AUTO(buf_done) struct buf token = {.max = 0};
    enum err e;

    buf_init_secret(&token, 128);
    e = access_collect(o->access, number, NOW, &token);
    (void)snprintf(text, 128, "%.*s", (int)token.len, token.len == 0 ? "" : (char *)token.bytes);
    return e;
}

static const char *state_of(struct office *o, uint64_t number, bool *ret_code_used)
{
    static char state[16];
    struct json *token = NULL;

    cr_assert_eq(access_show(o->access, number, NOW, &token), ERR_OK);
    (void)snprintf(state, sizeof(state), "%s", json_str_of(json_get(token, "state")));
    *ret_code_used = json_bool_of(json_get(token, "code_used"), false);
    json_free(&token);
    return state;
}

Test(access, whoever_sees_values_or_decides_is_appointed)
{
    cr_expect_not(access_role_is_appointed(ACCESS_AUDITOR));
    for (enum access_role role = ACCESS_APP; role < ACCESS_AUDITOR; role *= 2)
        cr_expect(access_role_is_appointed(role), "%s", access_role_name(role));
}

Test(access, an_appointed_token_is_nobodys_until_it_is_collected_once)
{
    struct office o;
    struct access_who who;
    struct access_grant grant = {.now_s = NOW, .expires_s = NOW + 100};
    uint64_t number = 0;
    char token[128], again[128];
    bool used;

    office_start(&o);
    (void)snprintf(grant.who.name, sizeof(grant.who.name), "second");
    grant.who.role = ACCESS_APPROVER;
    cr_assert_eq(access_appoint(o.access, &grant, &number, &o.msg), ERR_OK, "%s", o.msg.text);
    cr_expect_str_eq(state_of(&o, number, &used), "waiting");
    cr_expect_eq(access_named(o.access, SPAN_LIT("second"), NOW, &who), ERR_NOT_FOUND);
    cr_expect_eq(access_check(o.access, &grant, &o.msg), ERR_CONFLICT, "the name is taken");
    access_close(&o.access);
    open_office(&o); /* it waits over restarts */
    cr_expect_str_eq(state_of(&o, number, &used), "waiting");
    cr_assert_eq(collected(&o, number, token), ERR_OK);
    cr_expect_eq(strlen(token), 4 + 64);
    cr_assert_eq(find_at(&o, token, NOW, &who), ERR_OK);
    cr_expect(who.number == number && who.role == ACCESS_APPROVER);
    cr_expect_eq(collected(&o, number, again), ERR_CONFLICT);
    cr_expect_str_eq(again, "");
    access_close(&o.access);
    open_office(&o);
    cr_expect_eq(find_at(&o, token, NOW, &who), ERR_OK);
    cr_expect_eq(collected(&o, number, again), ERR_CONFLICT);
    cr_expect_eq(collected(&o, number + 1, again), ERR_NOT_FOUND);
    office_end(&o);
}

static enum err enrol(struct office *o, uint64_t number, bool replace)
{
    AUTO(buf_done) struct buf text = {.max = 0};
    enum err e;

    buf_init_secret(&text, 256);
    e = access_enrol(o->access, number, replace, NOW, &text);
    cr_expect_eq(text.len > 0, e == ERR_OK);
    return e;
}

/* E63 */
Test(access, a_second_factor_that_was_proven_is_not_replaced_unasked)
{
    struct office o;
    uint64_t number;
    char uri[256], code[OTP_DIGITS + 1];
    bool used;

    office_start(&o);
    (void)made(&o, "ops", ACCESS_OPERATOR, &number);
    cr_expect_eq(access_prove(o.access, number, SPAN_LIT("000000"), NOW), ERR_DENIED, "none");
    cr_expect_eq(enrol(&o, number, false), ERR_OK);
    cr_expect_eq(enrol(&o, number, false), ERR_OK, "nobody has shown to have it");
    enrolled(&o, number, uri);
    code_of(uri, NOW / OTP_STEP_S, code);
    cr_expect_eq(access_prove(o.access, number, SPAN_LIT("12345"), NOW), ERR_DENIED);
    (void)state_of(&o, number, &used);
    cr_expect_not(used);
    cr_expect_eq(access_prove(o.access, number, span_str(code), NOW), ERR_OK);
    (void)state_of(&o, number, &used);
    cr_expect(used);
    cr_expect_eq(access_check_code(o.access, number, span_str(code), NOW), ERR_DENIED, "used");
    cr_expect_eq(access_prove(o.access, number, span_str(code), NOW), ERR_CONFLICT);
    cr_expect_eq(enrol(&o, number, false), ERR_CONFLICT);
    access_close(&o.access);
    open_office(&o);
    cr_expect_eq(enrol(&o, number, false), ERR_CONFLICT);
    cr_expect_eq(enrol(&o, number, true), ERR_OK);
    cr_expect_eq(enrol(&o, number + 1, true), ERR_NOT_FOUND);
    office_end(&o);
}

/* E63 */
Test(access, without_a_second_factor_no_code_is_right)
{
    struct office o;
    struct access_who who;
    uint64_t number, factor;
    char uri[256], code[OTP_DIGITS + 1];

    office_start(&o);
    (void)made(&o, "ops", ACCESS_OPERATOR, &number);
    cr_expect_eq(access_unenrol(o.access, number, NOW), ERR_CONFLICT);
    enrolled(&o, number, uri);
    cr_assert_eq(access_look(o.access, number, NOW, &who), ERR_OK);
    factor = who.factor;
    enrolled(&o, number, uri);
    cr_assert_eq(access_look(o.access, number, NOW, &who), ERR_OK);
    cr_expect(factor != 0 && who.factor != factor, "another one");
    factor = who.factor;
    access_close(&o.access);
    open_office(&o);
    cr_assert_eq(access_look(o.access, number, NOW, &who), ERR_OK);
    cr_expect_eq(who.factor, factor, "the same after a restart");
    code_of(uri, NOW / OTP_STEP_S, code);
    cr_assert_eq(access_unenrol(o.access, number, NOW), ERR_OK);
    cr_expect_eq(access_check_code(o.access, number, span_str(code), NOW), ERR_DENIED);
    cr_assert_eq(access_look(o.access, number, NOW, &who), ERR_OK);
    cr_expect(!who.has_code && who.factor == 0);
    access_close(&o.access);
    open_office(&o);
    cr_expect_eq(access_check_code(o.access, number, span_str(code), NOW), ERR_DENIED);
    cr_expect_eq(access_unenrol(o.access, number + 1, NOW), ERR_NOT_FOUND);
    cr_expect_eq(enrol(&o, number, false), ERR_OK);
    office_end(&o);
}

/* E63 */
Test(access, wrong_codes_make_one_wait)
{
    struct office o;
    uint64_t number;
    char uri[256], code[OTP_DIGITS + 1];

    office_start(&o);
    (void)made(&o, "ops", ACCESS_OPERATOR, &number);
    enrolled(&o, number, uri);
    for (int i = 0; i < 5; i++)
        cr_expect_eq(access_check_code(o.access, number, SPAN_LIT("12345"), NOW), ERR_DENIED);
    code_of(uri, NOW / OTP_STEP_S, code);
    cr_expect_eq(access_check_code(o.access, number, span_str(code), NOW), ERR_LIMIT);
    code_of(uri, (NOW + 60) / OTP_STEP_S, code);
    cr_expect_eq(access_check_code(o.access, number, span_str(code), NOW + 60), ERR_OK);
    office_end(&o);
}

static enum err sign_in(struct office *o, const char *token, const char *code, int64_t now_s)
{
    struct access_who who;

    return access_sign_in(o->access, span_str(token), span_str(code), now_s, &who);
}

/* E62 */
Test(access, signing_in_wants_both_and_says_nothing_of_what_was_wrong)
{
    struct office o;
    struct access_who who;
    uint64_t number, other;
    char uri[256], token[128], plain[128], code[OTP_DIGITS + 1];

    office_start(&o);
    (void)snprintf(token, sizeof(token), "%s", made(&o, "dpo", ACCESS_OFFICER, &number));
    (void)snprintf(plain, sizeof(plain), "%s", made(&o, "no-code", ACCESS_OFFICER, &other));
    enrolled(&o, number, uri);
    code_of(uri, NOW / OTP_STEP_S, code);
    cr_expect_eq(sign_in(&o, token, "000000", NOW), ERR_UNAUTHORIZED);
    cr_expect_eq(sign_in(&o, token, "", NOW), ERR_UNAUTHORIZED);
    cr_expect_eq(sign_in(&o, "lta_0", code, NOW), ERR_UNAUTHORIZED);
    cr_expect_eq(sign_in(&o, "", "", NOW), ERR_UNAUTHORIZED);
    cr_expect_eq(sign_in(&o, plain, code, NOW), ERR_UNAUTHORIZED);
    cr_assert_eq(access_sign_in(o.access, span_str(token), span_str(code), NOW, &who), ERR_OK);
    cr_expect(who.number == number && who.role == ACCESS_OFFICER);
    cr_expect_eq(sign_in(&o, token, code, NOW), ERR_UNAUTHORIZED, "used");
    for (int i = 0; i < 5; i++)
        cr_expect_eq(sign_in(&o, token, "000000", NOW), ERR_UNAUTHORIZED);
    code_of(uri, NOW / OTP_STEP_S + 1, code);
    cr_expect_eq(sign_in(&o, token, code, NOW + OTP_STEP_S), ERR_UNAUTHORIZED, "must wait");
    code_of(uri, NOW / OTP_STEP_S + 2, code);
    cr_expect_eq(sign_in(&o, token, code, NOW + 2 * OTP_STEP_S), ERR_OK);
    cr_assert_eq(access_revoke(o.access, number, NOW + 61), ERR_OK);
    code_of(uri, NOW / OTP_STEP_S + 3, code);
    cr_expect_eq(sign_in(&o, token, code, NOW + 3 * OTP_STEP_S), ERR_UNAUTHORIZED, "revoked");
    office_end(&o);
}

Test(access, who_has_a_number_is_known_while_its_token_lives)
{
    struct office o;
    struct access_who who;
    uint64_t number;

    office_start(&o);
    (void)made(&o, "dpo", ACCESS_OFFICER, &number);
    cr_assert_eq(access_look(o.access, number, NOW, &who), ERR_OK);
    cr_expect_str_eq(who.name, "dpo");
    cr_expect_eq(access_look(o.access, number + 1, NOW, &who), ERR_UNAUTHORIZED);
    cr_expect_eq(access_look(o.access, 0, NOW, &who), ERR_UNAUTHORIZED);
    cr_expect_eq(access_look(o.access, number, NOW + 100, &who), ERR_UNAUTHORIZED, "expired");
    cr_assert_eq(access_revoke(o.access, number, NOW), ERR_OK);
    cr_expect_eq(access_look(o.access, number, NOW, &who), ERR_UNAUTHORIZED, "revoked");
    office_end(&o);
}

struct race {
    struct office *o;
    uint64_t number;
    const char *code;
    atomic_int right;
};

static void *use_code(void *context)
{
    struct race *r = context;

    if (access_check_code(r->o->access, r->number, span_str(r->code), NOW) == ERR_OK)
        (void)atomic_fetch_add(&r->right, 1);
    return NULL;
}

/* E63 */
Test(access, of_many_who_use_one_code_at_once_one_is_right)
{
    struct office o;
    struct race race = {.o = &o};
    pthread_t threads[8];
    char uri[256], code[OTP_DIGITS + 1];

    office_start(&o);
    (void)made(&o, "ops", ACCESS_OPERATOR, &race.number);
    enrolled(&o, race.number, uri);
    code_of(uri, NOW / OTP_STEP_S, code);
    race.code = code;
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, use_code, &race), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        (void)pthread_join(threads[i], NULL);
    cr_expect_eq(atomic_load(&race.right), 1);
    office_end(&o);
}

static struct address at(const char *text)
{
    struct address address = {.known = false};

    cr_assert_eq(address_parse(span_str(text), &address), ERR_OK);
    return address;
}

Test(access, a_place_is_networks_and_a_certificate)
{
    struct access_place place = {.network_count = 0};
    const struct address near = at("10.1.2.3"), far = at("203.0.113.1"), nowhere = {.known = false};
    uint8_t mine[TLS_FINGERPRINT_BYTES] = {1}, other[TLS_FINGERPRINT_BYTES] = {2};
    const struct span with_mine = span_of(mine, sizeof(mine));

    cr_expect(access_place_is(&place, &nowhere, SPAN_NONE), "anywhere");
    place.network_count = 2;
    cr_assert_eq(network_parse(SPAN_LIT("192.0.2.0/24"), &place.networks[0]), ERR_OK);
    cr_assert_eq(network_parse(SPAN_LIT("10.0.0.0/8"), &place.networks[1]), ERR_OK);
    cr_expect(access_place_is(&place, &near, SPAN_NONE));
    cr_expect_not(access_place_is(&place, &far, SPAN_NONE));
    cr_expect_not(access_place_is(&place, &nowhere, SPAN_NONE));
    place.has_certificate = true;
    memcpy(place.certificate, mine, sizeof(mine));
    cr_expect_not(access_place_is(&place, &near, SPAN_NONE));
    cr_expect_not(access_place_is(&place, &near, span_of(other, sizeof(other))));
    cr_expect_not(access_place_is(&place, &near, span_of(mine, 31)));
    cr_expect(access_place_is(&place, &near, with_mine));
    cr_expect_not(access_place_is(&place, &far, with_mine), "both are wanted");
}

Test(access, places_outlive_a_restart)
{
    AUTO(buf_done) struct buf token = {.max = 0};
    struct access_grant grant = {.now_s = NOW, .expires_s = NOW + 100};
    struct access_who who;
    struct office o;
    uint64_t number;

    office_start(&o);
    (void)snprintf(grant.who.name, sizeof(grant.who.name), "bound");
    grant.who.role = ACCESS_APP;
    grant.who.place = (struct access_place){
        .network_count = 1, .has_certificate = true, .certificate = {[31] = 7}};
    cr_assert_eq(network_parse(SPAN_LIT("2001:db8::/32"), &grant.who.place.networks[0]), ERR_OK);
    buf_init_secret(&token, 128);
    cr_assert_eq(access_create(o.access, &grant, &token, &number, &o.msg), ERR_OK);
    access_close(&o.access);
    open_office(&o);
    cr_assert_eq(access_find(o.access, buf_span(&token), NOW, &who), ERR_OK);
    cr_expect_eq(who.place.network_count, 1);
    cr_expect_eq(who.place.networks[0].bits, 32);
    cr_expect(who.place.has_certificate && who.place.certificate[31] == 7);
    office_end(&o);
}
