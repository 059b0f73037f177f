/* SPDX-License-Identifier: Apache-2.0 */
/* Access tokens: who may ask for what over the admin API. A token is 256 random bits and shown once; what is
 * kept is its hash, in a signed file beside the vault, STORE/access.json. That file is in no backup: a token
 * that was revoked does not come back with an old database. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/span.h"
#include "base/tls.h"
#include "vault/vault.h"

enum access_limits {
    ACCESS_TOKENS_MAX = 1024, /* that are alive; each look-up compares with all of them */
    ACCESS_NAME_MAX = 64,
    ACCESS_LIST_MAX = 16,
    ACCESS_DAYS_MAX = 366,
    ACCESS_CODE_WAIT_S = 60 /* after too many wrong one-time codes */
};

/* What somebody is. Numbers are bits of the table of operations. */
enum access_role {
    ACCESS_APP = 1 << 0,     /* an application: tokenizes and reveals */
    ACCESS_SUPPORT = 1 << 1, /* looks up single people */
    ACCESS_OFFICER =
        1 << 2, /* data protection: reads reports and the audit trail, carries nothing out */
    ACCESS_OPERATOR = 1 << 3, /* runs the thing; proposes what destroys */
    ACCESS_APPROVER = 1 << 4, /* approves what somebody else proposed */
    ACCESS_AUDITOR = 1 << 5,  /* reads the audit trail and evidence */
    ACCESS_LOCAL = 1 << 6     /* the control socket: root or the server's own user */
};

/* "app", "support", ...; 0 when it is none that a token can have. */
enum access_role access_role_of(struct span name);
const char *access_role_name(enum access_role role);
/* Is a token of this role more than one person's to give out, over the network: does its holder see clear values or what
 * is kept of people, or propose, approve and carry out what destroys? */
bool access_role_is_appointed(enum access_role role);
/* May its holder propose, approve and carry out what destroys? */
bool access_role_destroys(enum access_role role);

struct access_names {
    size_t count; /* 0: all of them */
    char at[ACCESS_LIST_MAX][ACCESS_NAME_MAX + 1];
};

/* Where whoever has the token must ask from. */
struct access_place {
    size_t network_count; /* 0: anywhere */
    struct network networks[ACCESS_LIST_MAX];
    bool has_certificate;
    uint8_t certificate[TLS_FINGERPRINT_BYTES]; /* SHA-256 of the one that the client must show */
};

/* Who asks. */
struct access_who {
    uint64_t number; /* of the token; 0: nobody's */
    char name[ACCESS_NAME_MAX + 1];
    enum access_role role;
    struct access_names domains, classes, purposes; /* beyond which it may ask for nothing */
    struct access_place place;
    bool has_code;   /* a second factor is enrolled */
    uint64_t factor; /* which: each that is given out has another number; 0: none */
};

/* Is this where the token may be used? certificate: TLS_FINGERPRINT_BYTES; at is NULL: none was shown. */
bool access_place_is(const struct access_place *place, const struct address *address,
                     struct span certificate);
bool access_names_have(const struct access_names *names, struct span name);

struct access;

/* Read STORE/access.json; none is an empty one. CORRUPT, with a message: it was not written by this store, or
 * was changed. SEALED, IO. Blocks. */
enum err access_open(const char *store_dir, struct vault *vault, struct access **ret_access,
                     struct errmsg *msg) MUST_CHECK;
void access_close(struct access **access);

/* What a new token is to be; who->number and has_code are out of use. */
struct access_grant {
    struct access_who who;
    int64_t now_s;
    int64_t expires_s;
};

/* Durable when it comes back. ret_token (a secret buf): its text, which nobody can find out again. INVALID, with
 * a message: no name, no role, over before it begins or more than ACCESS_DAYS_MAX days long. CONFLICT: a live
 * token has this name. TOO_LARGE: there are ACCESS_TOKENS_MAX. IO, NO_SPACE. Any thread; blocks. */
enum err access_create(struct access *access, const struct access_grant *grant,
                       struct buf *ret_token, uint64_t *ret_number, struct errmsg *msg) MUST_CHECK;
/* What access_create() would refuse of it. */
enum err access_check(struct access *access, const struct access_grant *grant, struct errmsg *msg)
    MUST_CHECK;
/* A token without a text: nobody's, until it is collected. Errors as of access_create(). Any thread; blocks. */
enum err access_appoint(struct access *access, const struct access_grant *grant,
                        uint64_t *ret_number, struct errmsg *msg) MUST_CHECK;
/* The text of an appointed one, once: from now on it is whose has it. ret_token: as of access_create(). NOT_FOUND: no
 * live token has this number; CONFLICT: it has a text, which nobody can find out. IO, NO_SPACE. Any thread; blocks. */
enum err access_collect(struct access *access, uint64_t number, int64_t now_s,
                        struct buf *ret_token) MUST_CHECK;
/* From now on it is nobody's. NOT_FOUND: unknown, or revoked before. Any thread; blocks. */
enum err access_revoke(struct access *access, uint64_t number, int64_t now_s) MUST_CHECK;
/* All tokens that are or were, as a list: number, name, role, domains, classes, purposes, created, expires,
 * networks, certificate, used, revoked, state, code, code_used (one was right once). json_free(). Any thread. */
struct json *access_list(struct access *access, int64_t now_s);
/* One of them. NOT_FOUND. Any thread. */
enum err access_show(struct access *access, uint64_t number, int64_t now_s, struct json **ret)
    MUST_CHECK;
/* Whose a token is. UNAUTHORIZED for whatever is none, all alike and in the same time: unknown, expired,
 * revoked. Any thread; blocks shortly, and for one write an hour, since the last use is remembered. */
enum err access_find(struct access *access, struct span token, int64_t now_s,
                     struct access_who *ret) MUST_CHECK;

/* Who has the token of this number, as it is now. UNAUTHORIZED: nobody, any more. Any thread. */
enum err access_look(struct access *access, uint64_t number, int64_t now_s, struct access_who *ret)
    MUST_CHECK;

/* Who has the live token of this name. NOT_FOUND. Any thread. */
enum err access_named(struct access *access, struct span name, int64_t now_s,
                      struct access_who *ret) MUST_CHECK;

/* ---- the second factor (RFC 6238) ---- */

/* A new secret for a token's holder; the one before is of no use any more. ret_uri (a secret buf): what an
 * authenticator takes (otpauth://...). NOT_FOUND: no live token has this number. CONFLICT: its holder has proven to have
 * one, and `replace` is false. Any thread; blocks. */
enum err access_enrol(struct access *access, uint64_t number, bool replace, int64_t now_s,
                      struct buf *ret_uri) MUST_CHECK;
/* Its holder has none any more. NOT_FOUND; CONFLICT: there was none. Any thread; blocks. */
enum err access_unenrol(struct access *access, uint64_t number, int64_t now_s) MUST_CHECK;
/* The first code of a new secret, so that it is known to have arrived: as access_check_code(), and CONFLICT: it is
 * known already. */
enum err access_prove(struct access *access, uint64_t number, struct span code, int64_t now_s)
    MUST_CHECK;
/* Is it the code of now, or of the step before, and was no such one used before? OK is durable, so that it is
 * right only once, also after a restart. DENIED: wrong, used before, or no code is enrolled; LIMIT: too many
 * wrong ones, wait. Any thread; blocks. */
enum err access_check_code(struct access *access, uint64_t number, struct span code, int64_t now_s)
    MUST_CHECK;
/* Both at once: whose are this token and this code? UNAUTHORIZED for whatever is wrong, all alike and in the same
 * time: no such token, none enrolled, a wrong code, one that was used, too many wrong ones. SEALED, IO. Any thread;
 * blocks. */
enum err access_sign_in(struct access *access, struct span token, struct span code, int64_t now_s,
                        struct access_who *ret) MUST_CHECK;
