/* SPDX-License-Identifier: Apache-2.0 */
/* A token behind a PKCS#11 module (version 2.40): the one adapter around p11-kit, which reads URIs
 * (RFC 7512) and loads modules. AES keys are made in the token, never leave it, and seal small
 * things with AES-GCM (CKM_AES_GCM, 96 bit IV, 128 bit tag).
 *
 * Errors, with a message that names the module, the object or the PIN's file and what to do, never
 * the PIN: DENIED (PIN wrong, locked, not set; the key is not there), NOT_FOUND (no such token), UNSUPPORTED (the token cannot or may not do it), INVALID (does not open), UPSTREAM (the
 * token is gone or fails), CONFIG (the module), NO_SPACE. Blocks for as long as the module does. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

enum { PKCS11_LABEL_MAX = 128, PKCS11_ID_BYTES = 20, PKCS11_IV_BYTES = 12, PKCS11_TAG_BYTES = 16 };

struct pkcs11_token;

/* What a URI says: "pkcs11:token=T;object=O?module-path=M&pin-source=file:F". Needs a token or
 * serial, an object, module-path (absolute), pin-source (file:). NULL, and why in `msg` (no part of
 * the URI is repeated: a PIN may stand in it), for anything else; a pin-value is refused, since it
 * would stand in the configuration. The path behind pin-source is given to the caller, who sets it
 * with pkcs11__token_set_pin(); ret_pin_source: free(). */
struct pkcs11_token *pkcs11__token_new(const char *uri, char **ret_pin_source, struct errmsg *msg);
void pkcs11__token_set_pin(struct pkcs11_token *token, const char *path);
void pkcs11__token_free(struct pkcs11_token **token); /* C_Finalize, too */
const char *pkcs11__token_object(const struct pkcs11_token *token);

/* Load the module, find the token, log in with the PIN in the file. A token takes only a few wrong
 * PINs before it locks itself: after one the next calls fail without trying, and the last try that
 * a token has is never used. */
enum err pkcs11__open(struct pkcs11_token *token, struct errmsg *msg) MUST_CHECK;
/* Log out; fine without an open session. */
void pkcs11__close(struct pkcs11_token *token);

/* A key by its label and its id: which of several of the same label it is. */
struct pkcs11_name {
    char label[PKCS11_LABEL_MAX + 1];
    uint8_t id[PKCS11_ID_BYTES];
};

/* With an open session. */
enum err pkcs11__key_make(struct pkcs11_token *token, const struct pkcs11_name *name,
                          struct errmsg *msg) MUST_CHECK;
/* OK, too, when it is not there. Looks whether it is gone. */
enum err pkcs11__key_destroy(struct pkcs11_token *token, const struct pkcs11_name *name,
                             struct errmsg *msg) MUST_CHECK;
struct pkcs11_sealing {
    const struct pkcs11_name *name;
    struct span associated;
    uint8_t iv[PKCS11_IV_BYTES]; /* sealing: random, but a token may put its own there */
};
/* `sealed` has room for len + PKCS11_TAG_BYTES. */
enum err pkcs11__seal(struct pkcs11_token *token, struct pkcs11_sealing *how, const uint8_t *clear,
                      size_t len, uint8_t *sealed, struct errmsg *msg) MUST_CHECK;
/* `clear` gets len - PKCS11_TAG_BYTES; it is guarded memory of at least len. */
enum err pkcs11__unseal(struct pkcs11_token *token, const struct pkcs11_sealing *how,
                        const uint8_t *sealed, size_t len, uint8_t *clear, struct errmsg *msg)
    MUST_CHECK;
