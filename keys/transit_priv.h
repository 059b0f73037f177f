/* SPDX-License-Identifier: Apache-2.0 */
/* The Transit secrets engine of HashiCorp Vault and OpenBao (HTTP API version 1): what the provider
 * asks of it. The named key stays in the server; root keys go there to be wrapped and come back to
 * be unwrapped.
 *
 *   POST MOUNT/encrypt/KEY   POST MOUNT/decrypt/KEY   POST MOUNT/keys/KEY/rotate
 *   GET MOUNT/keys/KEY       POST MOUNT/keys/KEY/config, .../trim
 *   POST auth/AUTH/login     GET auth/token/lookup-self     POST auth/token/renew-self, revoke-self
 *
 * Errors of every call, with a message that names the address and what to do, and nothing of what
 * the server wrote: DENIED 403, INVALID 400, NOT_FOUND 404, SEALED 503, BUSY 429, UPSTREAM (not
 * reached, not trusted, a redirect, another status, an answer that is not what was asked for),
 * TIMEOUT, CONFIG (the CA file). Each blocks for http.total_ms a request at most; one thread at a
 * time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "keys/http_priv.h"
#include "vault/rootkey.h"

enum {
    TRANSIT_CIPHERTEXT_MAX = 1024, /* "vault:v7:BASE64" is some 100 bytes for one key */
    TRANSIT_NAME_MAX = 128         /* a mount or key */
};

/* Everything is borrowed and outlives the transit; names are checked (transit_name_is_valid()). */
struct transit_options {
    struct keys_http http;
    const char *space;      /* namespace; NULL: none */
    const char *mount;      /* of the engine */
    const char *key;        /* its named key */
    const char *token_file; /* either this */
    const char *auth_mount; /* or these three: AppRole */
    const char *role_id_file;
    const char *secret_id_file;
};

struct transit;

/* A path of `a-z A-Z 0-9 _ . -` in segments between '/', none of them "." or "..". Keys have one
 * segment. */
bool transit__name_is_valid(const char *name, bool one_segment);

/* In place of a connection: nothing is asked yet. transit__free() gives back (revokes) a token that
 * an AppRole login made, wipes and frees. */
struct transit *transit__new(const struct transit_options *options);
void transit__free(struct transit **transit);

/* Get a token: AppRole login, or the token file read again and looked up. SEALED, too, when a file
 * is missing or open to others. Every other call does it by itself when there is no token, and once
 * more when the token is refused. */
enum err transit__login(struct transit *t, struct errmsg *msg) MUST_CHECK;
/* Renew the token, or log in again when that is refused or does not give more time. */
enum err transit__renew(struct transit *t, struct errmsg *msg) MUST_CHECK;
/* How long the token is good for, from now: 0 without one, INT64_MAX when it does not end.
 * ret_whole_ms: what it was given for. */
int64_t transit__left_ms(const struct transit *t, int64_t *ret_whole_ms);

/* What the server says about the key. */
struct transit_key {
    bool fits;      /* AEAD with 256 bits, not derived */
    bool can_leave; /* exportable, or a plaintext backup is allowed */
    int64_t latest;
    int64_t min_decryption;
    int64_t min_available; /* versions below were destroyed; 0: none was */
};
enum err transit__key_read(struct transit *t, struct transit_key *ret, struct errmsg *msg)
    MUST_CHECK;
/* Begin a new version of the key, which wraps from now on. */
enum err transit__key_rotate(struct transit *t, struct errmsg *msg) MUST_CHECK;
/* Refuse versions below `version` for ever: raise min_decryption_version and
 * min_encryption_version, then trim. */
enum err transit__key_retire(struct transit *t, int64_t version, struct errmsg *msg) MUST_CHECK;

/* Wrap a root key of that epoch. ret_text: NUL-terminated, "vault:vN:BASE64". */
enum err transit__wrap(struct transit *t, uint32_t epoch, const uint8_t key[ROOT_KEY_BYTES],
                       char ret_text[TRANSIT_CIPHERTEXT_MAX + 1], struct errmsg *msg) MUST_CHECK;
/* The other way. `key`: guarded memory; written only when OK. */
enum err transit__unwrap(struct transit *t, uint32_t epoch, const char *text,
                         uint8_t key[ROOT_KEY_BYTES], struct errmsg *msg) MUST_CHECK;
/* The version in "vault:vN:BASE64"; 0 when it is no such text. */
int64_t transit__text_version(const char *text);
