/* SPDX-License-Identifier: Apache-2.0 */
/* What making and checking a pack have in common.
 *
 *   README.txt               what this is, and how it is checked by hand
 *   ledger.jsonl             the ledger's entries of the period, each with its 128 bytes in hexadecimal
 *   audit/NNNNNN.jsonl       the audit trail's records of the period, about 8 MiB in a file (retention/audit_json.h)
 *   policies.jsonl           every version of every class's deletion rule
 *   receipt.pub              the store's public key (PEM)
 *   receipts/NUMBER.json     receipts of erasures begun in the period
 *   reports/NAME.json|csv|html
 *   manifest.json            {"format", "as_of", "zone", "period": {"from", "to"}, "version", "commit",
 *                            "configuration", "store", "ledger": {"entries", "head"}, "clock",
 *                            "files": [{"name", "bytes", "sha256"}, ...]} of all above
 *   manifest.sig             64 bytes: Ed25519 over "lethe-v1 evidence", a zero byte, manifest.json */
#pragma once

#include "base/digest.h"
#include "base/span.h"
#include "retention/evidence.h"

#define EVIDENCE_MANIFEST  "manifest.json"
#define EVIDENCE_SIGNATURE "manifest.sig"
#define EVIDENCE_KEY       "receipt.pub"

/* What is signed for a manifest, appended to `out`. */
enum err evidence__signed_text(struct span manifest, struct buf *out) MUST_CHECK;
