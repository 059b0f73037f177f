/* SPDX-License-Identifier: Apache-2.0 */
/* The signature of a receipt, and checking one with nothing but the document and a public key.
 *
 *   "signature": {"algorithm": "Ed25519", "key_id": 16 hex, "public_key": 64 hex, "value": 128 hex}
 *
 *   signed: "lethe-v1 receipt" and a zero byte, then the canonical form (canonical.h) of the whole
 *           document without signature.value
 *   key_id: the first 16 digits of public_key */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "retention/receipt.h"
#include "vault/vault.h"

enum { PROOF_DOCUMENT_MAX = 1 << 20, PROOF_KEY_ID_CHARS = 16 };

/* Put the member "signature" into a document. SEALED when the store's key is not at hand. */
enum err proof_sign(struct json *document, const struct vault *vault) MUST_CHECK;

/* What a receipt says, as far as a copy of the store can be asked about it. */
struct receipt_facts {
    enum receipt_state state;
    bool passed; /* a verification is on it, and it passed */
    uint8_t number[VAULT_ID_BYTES];
    uint8_t store[VAULT_ID_BYTES];
    uint8_t subject[VAULT_ID_BYTES];
    uint64_t slot;
    uint32_t epoch;
    uint64_t ledger_seq;
    uint8_t ledger_head[VAULT_HEAD_BYTES];
    uint8_t public_key[VAULT_PUBLIC_BYTES]; /* that the signature is right for */
};

/* Read a receipt from outside and check it: strict JSON, exactly the members that a receipt has, each
 * of its type, and a signature that is right; public_key (NULL: the one that the receipt carries)
 * says whose. Errors, with a message: INVALID (no receipt, or damaged), UNSUPPORTED (of another
 * format), DENIED (signed by another key, or altered). ret_tree: json_free(). Any thread. */
enum err proof_check(struct span text, const uint8_t *public_key, struct json **ret_tree,
                     struct receipt_facts *ret, struct errmsg *msg) MUST_CHECK;

/* A public key as a PEM SubjectPublicKeyInfo (RFC 8410), appended, and back. INVALID when the text is
 * anything else. */
enum err proof_pem_write(const uint8_t public_key[VAULT_PUBLIC_BYTES], struct buf *out) MUST_CHECK;
enum err proof_pem_read(struct span text, uint8_t ret[VAULT_PUBLIC_BYTES]) MUST_CHECK;

/* `len` bytes as lower-case hexadecimal, with a NUL, and back; false unless `text` is exactly that. */
void proof_hex(const uint8_t *bytes, size_t len, char *out);
bool proof_unhex(struct span text, uint8_t *out, size_t len) MUST_CHECK;
