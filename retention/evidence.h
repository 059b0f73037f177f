/* SPDX-License-Identifier: Apache-2.0 */
/* The evidence pack: what a supervisory authority asks for, in one signed archive that can be checked
 * without the store. docs/EVIDENCE.md draws it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "retention/report.h"
#include "vault/vault.h"

#define EVIDENCE_FORMAT "lethe-evidence-1"

enum { EVIDENCE_NAME_MAX = 100 };

struct evidence {
    uint64_t number; /* of its record in the store */
    size_t files;    /* besides the manifest and its signature */
    char sha256[65]; /* of the manifest */
};

/* Make a pack of the context's period at `path`, where nothing must stand yet: every report in JSON, CSV
 * and HTML, the receipts of erasures begun in the period, the ledger's entries, the audit trail's
 * records, all versions of deletion rules, the public key, a manifest with the SHA-256 of each, and its signature. That it was made is recorded in the
 * store before it is there. Errors with a message; nothing is left at `path` then. Worker thread; blocks. */
enum err evidence_make(const struct report_context *context, const char *path, struct evidence *ret,
                       struct errmsg *msg) MUST_CHECK;

/* What a pack that was found whole says of itself. */
struct evidence_facts {
    char created[32];
    char from[16], to[16]; /* "" where the period has no end on that side */
    char store[40];
    char key_id[20]; /* the first 16 digits of the key that the signature is right for */
    char sha256[65]; /* of the manifest */
    size_t files;
};

/* Check a pack with nothing but a public key; NULL: the one that it carries. Errors, with a message that
 * names the file concerned: INVALID (no pack, or a file was changed, is missing or does not belong), DENIED (the
 * signature is not right for this key), UNSUPPORTED (another format), TOO_LARGE, IO. Any thread; blocks. */
enum err evidence_verify(const char *path, const uint8_t *public_key, struct evidence_facts *ret,
                         struct errmsg *msg) MUST_CHECK;
