/* SPDX-License-Identifier: Apache-2.0 */
/* Access tokens.
 * Runs on: any thread; blocks where it writes. Holds: all tokens, one lock. Invariant: what an answer says
 * is durable; no text of a token is kept anywhere. Not here: the file (admin/access_file.c), who may do
 * what (admin/ops.c).
 *
 * A token's text is "lta_" and 64 hexadecimal digits: nothing to guess, easy to find in a file where it
 * should not be. */
#include "admin/access.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "admin/access_priv.h"
#include "admin/otp.h"
#include "base/assert.h"
#include "base/mem.h"
#include "retention/proof.h"
#include "retention/receipt.h"

#define TOKEN_HEAD "lta_"

enum {
    SECRET_BYTES = 32,
    DAY_S = 86400,
    USED_EVERY_S = 3600, /* the last use is remembered to the hour */
    WRONG_CODES_MAX = 5
};

static const struct {
    enum access_role role;
    const char *name;
} roles[] = {
    {ACCESS_APP, "app"},           {ACCESS_SUPPORT, "support"},   {ACCESS_OFFICER, "officer"},
    {ACCESS_OPERATOR, "operator"}, {ACCESS_APPROVER, "approver"}, {ACCESS_AUDITOR, "auditor"},
    {ACCESS_LOCAL, "local"},
};

enum access_role access_role_of(struct span name)
{
    for (size_t i = 0; i < COUNT_OF(roles); i++)
        if (span_equal(name, span_str(roles[i].name)) && roles[i].role != ACCESS_LOCAL)
            return roles[i].role;
    return 0;
}

const char *access_role_name(enum access_role role)
{
    for (size_t i = 0; i < COUNT_OF(roles); i++)
        if (roles[i].role == role)
            return roles[i].name;
    return "?";
}

bool access_role_is_appointed(enum access_role role)
{
    return (role & (ACCESS_APP | ACCESS_SUPPORT | ACCESS_OFFICER | ACCESS_OPERATOR |
                    ACCESS_APPROVER)) != 0;
}

bool access_role_destroys(enum access_role role)
{
    return (role & (ACCESS_OPERATOR | ACCESS_APPROVER)) != 0;
}

bool access_names_have(const struct access_names *names, struct span name)
{
    for (size_t i = 0; i < names->count; i++)
        if (span_equal(name, span_str(names->at[i])))
            return true;
    return names->count == 0;
}

bool access_place_is(const struct access_place *place, const struct address *address,
                     struct span certificate)
{
    bool ok = place->network_count == 0;

    for (size_t i = 0; i < place->network_count; i++)
        ok = ok || network_has(&place->networks[i], address);
    return ok && (!place->has_certificate ||
                  (certificate.len == TLS_FINGERPRINT_BYTES &&
                   secret_equal(certificate.at, place->certificate, TLS_FINGERPRINT_BYTES)));
}

/* ---- its life ---- */

enum err access_open(const char *store_dir, struct vault *vault, struct access **ret_access,
                     struct errmsg *msg)
{
    AUTO(access_close) struct access *access = mem_alloc(sizeof(*access));
    enum err e;

    access->vault = vault;
    access->next_number = 1;
    access->entries = mem_alloc(ACCESS_ENTRIES_MAX * sizeof(access->entries[0]));
    REQUIRE(asprintf(&access->path, "%s/access.json", store_dir) > 0);
    REQUIRE(pthread_mutex_init(&access->lock, NULL) == 0);
    e = access__read(access, msg);
    if (e == ERR_OK)
        *ret_access = TAKE(access);
    return e;
}

void access_close(struct access **accessp)
{
    struct access *access = TAKE(*accessp);

    if (access == NULL)
        return;
    for (size_t i = 0; i < access->count; i++)
        free(access->entries[i]);
    (void)pthread_mutex_destroy(&access->lock);
    free(access->entries);
    free(access->path);
    free(access);
}

/* ---- making, revoking, listing ---- */

static bool is_alive(const struct access_entry *entry, int64_t now_s)
{
    return entry->revoked_s == 0 && now_s < entry->expires_s;
}

static struct access_entry *live_one(struct access *access, uint64_t number, int64_t now_s)
{
    for (size_t i = 0; i < access->count; i++)
        if (access->entries[i]->who.number == number && is_alive(access->entries[i], now_s))
            return access->entries[i];
    return NULL;
}

/* What an authenticator's URI and a log can hold as it is. */
static bool is_name(const char *name)
{
    const size_t len = strlen(name);

    return len > 0 && len <= ACCESS_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-") ==
               len;
}

static enum err check_grant(struct access *access, const struct access_grant *grant,
                            struct errmsg *msg)
{
    size_t alive = 0;

    if (!is_name(grant->who.name))
        return errmsg_set(msg, ERR_INVALID, "a name is 1 to %d letters, digits and . _ @ -",
                          ACCESS_NAME_MAX);
    if (grant->who.role == 0 || grant->who.role == ACCESS_LOCAL)
        return errmsg_set(msg, ERR_INVALID,
                          "a role is app, support, officer, operator, approver "
                          "or auditor");
    if (grant->expires_s <= grant->now_s ||
        grant->expires_s - grant->now_s > (int64_t)ACCESS_DAYS_MAX * DAY_S)
        return errmsg_set(msg, ERR_INVALID,
                          "a token expires: within %d days, and not before it begins",
                          ACCESS_DAYS_MAX);
    for (size_t i = 0; i < access->count; i++) {
        if (!is_alive(access->entries[i], grant->now_s))
            continue;
        alive++;
        if (strcasecmp(access->entries[i]->who.name, grant->who.name) == 0)
            return errmsg_set(msg, ERR_CONFLICT,
                              "a token of this name is alive: revoke it, or choose another name");
    }
    if (alive >= ACCESS_TOKENS_MAX || access->count >= ACCESS_ENTRIES_MAX)
        return errmsg_set(msg, ERR_TOO_LARGE, "there are %zu tokens already", alive);
    return ERR_OK;
}

static enum err new_text(struct access_entry *entry, struct buf *ret_token)
{
    uint8_t secret[SECRET_BYTES];
    char text[sizeof(TOKEN_HEAD) + 2 * sizeof(secret)] = TOKEN_HEAD;
    enum err e;

    secret_random(secret, sizeof(secret));
    proof_hex(secret, sizeof(secret), text + sizeof(TOKEN_HEAD) - 1);
    secret_hash(text, strlen(text), entry->hash);
    e = buf_append_str(ret_token, text);
    secret_wipe(secret, sizeof(secret));
    secret_wipe(text, sizeof(text));
    return e;
}

/* ret_token NULL: it waits for its text. */
static enum err add(struct access *access, const struct access_grant *grant, struct buf *ret_token)
{
    AUTO(mem_free) struct access_entry *entry = mem_alloc(sizeof(*entry));
    enum err e;

    entry->who = grant->who;
    entry->who.number = access->next_number;
    entry->who.has_code = false;
    entry->who.factor = 0;
    entry->created_s = grant->now_s;
    entry->expires_s = grant->expires_s;
    entry->is_waiting = ret_token == NULL;
    secret_random(entry->hash, sizeof(entry->hash));
    e = entry->is_waiting ? ERR_OK : new_text(entry, ret_token);
    if (e != ERR_OK)
        return e;
    access->entries[access->count++] = entry;
    access->next_number++;
    e = access__write(access);
    if (e == ERR_OK) {
        (void)TAKE(entry);
        return ERR_OK;
    }
    access->count--;
    access->next_number--;
    return e;
}

static enum err create(struct access *access, const struct access_grant *grant,
                       struct buf *ret_token, uint64_t *ret_number, struct errmsg *msg)
{
    enum err e;

    (void)pthread_mutex_lock(&access->lock);
    e = check_grant(access, grant, msg);
    if (e == ERR_OK) {
        *ret_number = access->next_number;
        e = add(access, grant, ret_token);
    }
    (void)pthread_mutex_unlock(&access->lock);
    return e;
}

enum err access_create(struct access *access, const struct access_grant *grant,
                       struct buf *ret_token, uint64_t *ret_number, struct errmsg *msg)
{
    const enum err e = create(access, grant, ret_token, ret_number, msg);

    if (e != ERR_OK)
        buf_reset(ret_token);
    return e;
}

enum err access_check(struct access *access, const struct access_grant *grant, struct errmsg *msg)
{
    enum err e;

    (void)pthread_mutex_lock(&access->lock);
    e = check_grant(access, grant, msg);
    (void)pthread_mutex_unlock(&access->lock);
    return e;
}

enum err access_appoint(struct access *access, const struct access_grant *grant,
                        uint64_t *ret_number, struct errmsg *msg)
{
    return create(access, grant, NULL, ret_number, msg);
}

static enum err collect(struct access *access, struct access_entry *entry, struct buf *ret_token)
{
    const struct access_entry before = *entry;
    enum err e;

    if (!entry->is_waiting)
        return ERR_CONFLICT;
    e = new_text(entry, ret_token);
    entry->is_waiting = false;
    if (e == ERR_OK)
        e = access__write(access);
    if (e != ERR_OK)
        *entry = before;
    return e;
}

enum err access_collect(struct access *access, uint64_t number, int64_t now_s,
                        struct buf *ret_token)
{
    struct access_entry *entry;
    enum err e = ERR_NOT_FOUND;

    (void)pthread_mutex_lock(&access->lock);
    entry = live_one(access, number, now_s);
    if (entry != NULL)
        e = collect(access, entry, ret_token);
    (void)pthread_mutex_unlock(&access->lock);
    if (e != ERR_OK)
        buf_reset(ret_token);
    return e;
}

enum err access_revoke(struct access *access, uint64_t number, int64_t now_s)
{
    struct access_entry *entry;
    enum err e = ERR_NOT_FOUND;

    (void)pthread_mutex_lock(&access->lock);
    entry = live_one(access, number, now_s);
    if (entry != NULL) {
        entry->revoked_s = now_s; /* at once, also when it cannot be written */
        e = access__write(access);
    }
    (void)pthread_mutex_unlock(&access->lock);
    return e;
}

static void set_instant_or_null(struct json *map, const char *name, int64_t at_s)
{
    if (at_s == 0)
        json_set(map, name, json_new_null());
    else
        receipt_set_instant(map, name, at_s * 1000);
}

static const char *state_of(const struct access_entry *entry, int64_t now_s)
{
    if (entry->revoked_s != 0)
        return "revoked";
    if (!is_alive(entry, now_s))
        return "expired";
    return entry->is_waiting ? "waiting" : "alive";
}

static struct json *shown(const struct access_entry *entry, int64_t now_s)
{
    struct json *map = access__map(entry);

    receipt_set_instant(map, "created", entry->created_s * 1000);
    receipt_set_instant(map, "expires", entry->expires_s * 1000);
    set_instant_or_null(map, "used", entry->used_s);
    set_instant_or_null(map, "revoked", entry->revoked_s);
    json_set_bool(map, "code", entry->who.has_code);
    json_set_bool(map, "code_used", entry->who.has_code && entry->code_step != 0);
    json_set_str(map, "state", state_of(entry, now_s));
    return map;
}

struct json *access_list(struct access *access, int64_t now_s)
{
    struct json *list = json_new_list();

    (void)pthread_mutex_lock(&access->lock);
    for (size_t i = 0; i < access->count; i++)
        json_add(list, shown(access->entries[i], now_s));
    (void)pthread_mutex_unlock(&access->lock);
    return list;
}

enum err access_show(struct access *access, uint64_t number, int64_t now_s, struct json **ret)
{
    enum err e = ERR_NOT_FOUND;

    (void)pthread_mutex_lock(&access->lock);
    for (size_t i = 0; e != ERR_OK && i < access->count; i++) {
        if (access->entries[i]->who.number != number)
            continue;
        *ret = shown(access->entries[i], now_s);
        e = ERR_OK;
    }
    (void)pthread_mutex_unlock(&access->lock);
    return e;
}

/* ---- whose a token is ---- */

static void remember_use(struct access *access, struct access_entry *entry, int64_t now_s)
{
    if (now_s - entry->used_s < USED_EVERY_S)
        return;
    entry->used_s = now_s;
    if (access__write(access) != ERR_OK)
        entry->used_s = 0; /* it is only a note: the next use tries again */
}

/* All of them are looked at, whichever it is. Under the lock. */
static struct access_entry *whose(struct access *access, struct span token, int64_t now_s)
{
    struct access_entry *found = NULL;
    uint8_t hash[SECRET_HASH_BYTES];

    secret_hash(token.at, token.len, hash);
    for (size_t i = 0; i < access->count; i++) {
        struct access_entry *entry = access->entries[i];
        const bool same = secret_equal(entry->hash, hash, sizeof(hash));

        if (same && is_alive(entry, now_s) && !entry->is_waiting)
            found = entry;
    }
    return found;
}

enum err access_find(struct access *access, struct span token, int64_t now_s,
                     struct access_who *ret)
{
    struct access_entry *found;

    (void)pthread_mutex_lock(&access->lock);
    found = whose(access, token, now_s);
    if (found != NULL) {
        remember_use(access, found, now_s);
        *ret = found->who;
    }
    (void)pthread_mutex_unlock(&access->lock);
    return found == NULL ? ERR_UNAUTHORIZED : ERR_OK;
}

enum err access_look(struct access *access, uint64_t number, int64_t now_s, struct access_who *ret)
{
    struct access_entry *found;

    (void)pthread_mutex_lock(&access->lock);
    found = live_one(access, number, now_s);
    if (found != NULL) {
        remember_use(access, found, now_s);
        *ret = found->who;
    }
    (void)pthread_mutex_unlock(&access->lock);
    return found == NULL ? ERR_UNAUTHORIZED : ERR_OK;
}

enum err access_named(struct access *access, struct span name, int64_t now_s,
                      struct access_who *ret)
{
    enum err e = ERR_NOT_FOUND;

    (void)pthread_mutex_lock(&access->lock);
    for (size_t i = 0; i < access->count; i++) {
        const struct access_entry *entry = access->entries[i];

        if (!is_alive(entry, now_s) || entry->is_waiting ||
            !span_equal(name, span_str(entry->who.name)))
            continue;
        *ret = entry->who;
        e = ERR_OK;
    }
    (void)pthread_mutex_unlock(&access->lock);
    return e;
}

/* ---- the second factor ---- */

/* Nothing secret is in the file: the secret is what the store's key makes of the nonce. */
static enum err secret_of(const struct access *access, const struct access_entry *entry,
                          uint8_t secret[OTP_SECRET_BYTES])
{
    _Static_assert((int)OTP_SECRET_BYTES == (int)VAULT_DERIVED_BYTES, "one is the other");
    return vault_derive(access->vault, "one-time codes",
                        span_of((const char *)entry->nonce, sizeof(entry->nonce)), secret);
}

uint64_t access__factor(const uint8_t nonce[ACCESS_NONCE_BYTES])
{
    uint64_t number;

    memcpy(&number, nonce, sizeof(number));
    return number == 0 ? 1 : number;
}

static bool is_proven(const struct access_entry *entry)
{
    return entry->who.has_code && entry->code_step != 0;
}

static enum err enrol(struct access *access, struct access_entry *entry, bool replace,
                      struct buf *ret_uri)
{
    const struct access_entry before = *entry;
    uint8_t secret[OTP_SECRET_BYTES];
    enum err e;

    if (is_proven(entry) && !replace)
        return ERR_CONFLICT;
    secret_random(entry->nonce, sizeof(entry->nonce));
    entry->who.has_code = true;
    entry->who.factor = access__factor(entry->nonce);
    entry->code_step = 0;
    entry->wrong_codes = 0;
    e = secret_of(access, entry, secret);
    if (e == ERR_OK)
        e = otp_uri(secret, entry->who.name, ret_uri);
    if (e == ERR_OK)
        e = access__write(access);
    secret_wipe(secret, sizeof(secret));
    if (e != ERR_OK)
        *entry = before;
    return e;
}

enum err access_enrol(struct access *access, uint64_t number, bool replace, int64_t now_s,
                      struct buf *ret_uri)
{
    struct access_entry *entry;
    enum err e = ERR_NOT_FOUND;

    (void)pthread_mutex_lock(&access->lock);
    entry = live_one(access, number, now_s);
    if (entry != NULL)
        e = enrol(access, entry, replace, ret_uri);
    (void)pthread_mutex_unlock(&access->lock);
    if (e != ERR_OK)
        buf_reset(ret_uri);
    return e;
}

static enum err unenrol(struct access *access, struct access_entry *entry)
{
    if (!entry->who.has_code)
        return ERR_CONFLICT;
    entry->who.has_code = false; /* at once, also when it cannot be written */
    entry->who.factor = 0;
    entry->code_step = 0;
    return access__write(access);
}

enum err access_unenrol(struct access *access, uint64_t number, int64_t now_s)
{
    struct access_entry *entry;
    enum err e = ERR_NOT_FOUND;

    (void)pthread_mutex_lock(&access->lock);
    entry = live_one(access, number, now_s);
    if (entry != NULL)
        e = unenrol(access, entry);
    (void)pthread_mutex_unlock(&access->lock);
    return e;
}

/* The step whose code this is: now's or the one before, later than the last that was used; 0: none. Takes the
 * same time for every code. */
static int64_t step_of(const uint8_t secret[OTP_SECRET_BYTES], struct span code, int64_t last,
                       int64_t now_s)
{
    char wanted[OTP_DIGITS + 1], given[OTP_DIGITS + 1] = "";
    const int64_t now = now_s / OTP_STEP_S;
    int64_t found = 0;

    if (code.len == OTP_DIGITS)
        memcpy(given, code.at, OTP_DIGITS);
    for (int64_t step = now - 1; step <= now; step++) {
        otp_code(secret, step, wanted);
        if (secret_equal(wanted, given, sizeof(wanted)) && step > last)
            found = step;
    }
    secret_wipe(wanted, sizeof(wanted));
    return found;
}

static enum err check_code(struct access *access, struct access_entry *entry, struct span code,
                           int64_t now_s)
{
    uint8_t secret[OTP_SECRET_BYTES];
    const int64_t before = entry->code_step;
    int64_t step;
    enum err e;

    if (entry->wrong_codes >= WRONG_CODES_MAX && now_s - entry->wrong_at_s < ACCESS_CODE_WAIT_S)
        return ERR_LIMIT;
    e = secret_of(access, entry, secret);
    if (e != ERR_OK)
        return e;
    step = step_of(secret, code, before, now_s);
    secret_wipe(secret, sizeof(secret));
    if (step == 0) {
        entry->wrong_codes++;
        entry->wrong_at_s = now_s;
        return ERR_DENIED;
    }
    entry->code_step = step;
    e = access__write(access);
    if (e == ERR_OK)
        entry->wrong_codes = 0;
    return e;
}

enum err access_check_code(struct access *access, uint64_t number, struct span code, int64_t now_s)
{
    struct access_entry *entry;
    enum err e = ERR_DENIED;

    (void)pthread_mutex_lock(&access->lock);
    entry = live_one(access, number, now_s);
    if (entry != NULL && entry->who.has_code)
        e = check_code(access, entry, code, now_s);
    (void)pthread_mutex_unlock(&access->lock);
    return e;
}

enum err access_prove(struct access *access, uint64_t number, struct span code, int64_t now_s)
{
    struct access_entry *entry;
    enum err e = ERR_DENIED;

    (void)pthread_mutex_lock(&access->lock);
    entry = live_one(access, number, now_s);
    if (entry != NULL && entry->who.has_code)
        e = is_proven(entry) ? ERR_CONFLICT : check_code(access, entry, code, now_s);
    (void)pthread_mutex_unlock(&access->lock);
    return e;
}

enum err access_sign_in(struct access *access, struct span token, struct span code, int64_t now_s,
                        struct access_who *ret)
{
    /* who has no token here: a code is wrong for nobody as it is for others */
    struct access_entry nobody = {.code_step = INT64_MAX};
    struct access_entry *found;
    enum err e;

    (void)pthread_mutex_lock(&access->lock);
    found = whose(access, token, now_s);
    e = check_code(access, found != NULL && found->who.has_code ? found : &nobody, code, now_s);
    if (e == ERR_LIMIT)
        e = check_code(access, &nobody, code, now_s);
    if (e == ERR_OK) {
        remember_use(access, found, now_s);
        *ret = found->who;
    }
    (void)pthread_mutex_unlock(&access->lock);
    return e == ERR_DENIED ? ERR_UNAUTHORIZED : e;
}
