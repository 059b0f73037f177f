/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks, for which purpose, and what that lets them see. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/secret.h"
#include "base/span.h"
#include "base/tls.h"
#include "proxy/caller_state.h"
#include "proxy/guard.h"
#include "proxy/jwt.h"
#include "proxy/jwt_cache.h"
#include "proxy/transform.h"
#include "vault/classes.h"
#include "vault/domains.h"
#include "vault/vault.h"

enum { CALLER_FIELDS_MAX = 8 };

/* A name that a client's certificate must have, exactly. Both NULL: not by certificate. */
struct caller_certificate {
    char *subject; /* as struct tls_peer has it */
    char *san;     /* likewise: "dns:...", "uri:...", "email:..." */
};

struct caller_claim {
    char *name, *value;
};

/* Which JWTs name a caller, and where they stand. */
struct caller_jwt {
    char *header; /* lower case */
    bool pass;    /* the upstream gets the header too */
    struct jwks *keys;
    char *issuer, *audience;
    uint32_t algs;
    int64_t leeway_s;
    struct caller_claim *claims; /* what it must say beside */
    size_t claim_count;
};

/* How many different people it may see; 0: any number. */
struct caller_quota {
    int64_t per_hour, per_day;
};

struct caller_quotas {
    struct caller_quota all;
    struct caller_quota *purposes; /* as the caller's; NULL: none has one of its own */
    int64_t lookups_per_hour;      /* different values; 0: any number */
    int64_t misses_per_minute;     /* tokens that are dead or somebody else's; 0: any number */
    bool masks;                    /* who is seen masked counts, too */
    uint8_t then;                  /* enum reveal_action: instead of a value too many */
};

/* A caller as the settings declare it: known by a key, a certificate or a token; each is enough. */
struct caller_def {
    char *name;
    bool has_key;
    uint8_t key_hash[SECRET_HASH_BYTES]; /* the key itself is not kept */
    bool has_next_key;                   /* while clients go over from one key to another */
    uint8_t next_key_hash[SECRET_HASH_BYTES];
    struct caller_certificate certificate;
    struct caller_jwt *jwt; /* NULL: not by token */
    char **purposes;
    size_t purpose_count;
    bool *legal;     /* by purpose: is it a legal claim (`holds`)? NULL: none is */
    uint8_t *reveal; /* enum reveal_action by index into classes->defs */
    struct caller_quotas quotas;
    bool some_domains; /* it sees values of these only, by index into the settings' domains */
    bool domains[DOMAINS_MAX];
};

struct callers;
struct caller;

/* What a class id is for: the vault's numbers, or any numbering a test likes. 0: unknown. */
typedef uint16_t (*class_id_fn)(const struct class_def *def, const void *context);

/* A header field that may carry a token. */
struct caller_field {
    struct span name; /* lower case */
    bool pass;        /* the upstream gets it too */
};

/* Work out once what each caller sees for each purpose: a class's action counts only for a purpose
 * that the class lists. The array of defs and the classes are not needed afterwards; certificates and
 * tokens that the defs point at are. There are at most CALLER_FIELDS_MAX different headers. */
struct callers *callers_new(const struct caller_def *defs, size_t count,
                            const struct classes *classes, class_id_fn class_id,
                            const void *context);
void callers_free(struct callers **callers);

/* The caller of a Lethe-Key field. UNAUTHORIZED: no such key. Any thread. */
enum err callers_find(const struct callers *callers, struct span key,
                      const struct caller **ret_caller) MUST_CHECK;
/* Whose keys came lately, by their tags: most requests come with a key that came before. A loop has its own
 * of each configuration, with the callers it is of. */
enum { CALLER_MEMO_ENTRIES = 16 };
struct caller_memo {
    uint8_t key[SECRET_TAG_KEY_BYTES];
    struct {
        uint8_t tag[SECRET_TAG_BYTES];
        const struct caller *caller; /* NULL: free */
    } at[CALLER_MEMO_ENTRIES];
};
void caller_memo_init(struct caller_memo *memo);
/* callers_find(), with a memo. */
enum err callers_find_again(const struct callers *callers, struct caller_memo *memo,
                            struct span key, const struct caller **ret_caller) MUST_CHECK;
/* The caller of a verified certificate. NOT_FOUND: it names none; INVALID: it names several. Any thread. */
enum err callers_find_certificate(const struct callers *callers, const struct tls_peer *peer,
                                  const struct caller **ret_caller) MUST_CHECK;
/* The fields in which tokens come, whoever's. */
const struct caller_field *callers_fields(const struct callers *callers, size_t *ret_count);
/* The caller of a token that came in field number `field`, and what it claims: an entry of the cache,
 * borrowed until the next call. NOT_FOUND: it is no JWT, or one that the configuration knows nothing of
 * (issuer, claims): perhaps the application's; UNAUTHORIZED: it names a caller and does not verify (any
 * more); INVALID: it names several callers. The loop that owns the cache. */
enum err callers_find_token(const struct callers *callers, struct jwt_cache *cache, size_t field,
                            struct span token, int64_t now_s, const struct jwt_entry **ret_entry)
    MUST_CHECK;
/* Give callers their quotas, and what the vault knows of them. Before they are used. */
void callers_watch(struct callers *callers, struct vault *v, struct quotas *quotas);
/* Each caller, in the order of the configuration. Any thread; takes the quotas' lock for moments. */
void callers_read(const struct callers *callers, int64_t now_s, caller_state_fn each,
                  void *context);
/* Its quotas for a purpose (SPAN_NONE: its only one). Borrowed. */
const struct guard_rules *caller_rules(const struct caller *caller, struct span purpose);
/* What the vault knows of it; NULL for the anonymous one. */
struct vault_caller *caller_state(const struct caller *caller);
/* Its name in the configuration; "-" for the anonymous one. */
struct span caller_name(const struct caller *caller);
/* The caller that named itself in no way: it has no purpose and sees tokens. */
const struct caller *caller_anonymous(void);

/* Which of them it is: its place among the defs. */
size_t callers_index(const struct callers *callers, const struct caller *caller);

/* The purpose that a request names, if it is one of the caller's (SPAN_NONE: its only one); else SPAN_NONE. */
struct span caller_purpose(const struct caller *caller, struct span named);
/* What the caller sees in a domain (index into the settings' domains) for a purpose: enum
 * reveal_action by class id, CLASSES_MAX + 1 of them, borrowed from callers; in a domain that is not
 * one of its own tokens only. purpose SPAN_NONE: its only one. DENIED: not one of its purposes.
 * INVALID: it has several and named none. */
enum err caller_actions(const struct caller *caller, struct span purpose, size_t domain,
                        const uint8_t **ret_actions) MUST_CHECK;
/* What is seen where it is not known whose values they are: tokens only. */
const uint8_t *caller_no_actions(void);
