/* SPDX-License-Identifier: Apache-2.0 */
/* Whose values a request has shown or stored, by class: what its record in the audit trail counts. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vault/audit.h"
#include "vault/vault.h"

enum { NOTES_FEW = 8 };
enum note_kind { NOTE_VALUE, NOTE_MASK, NOTE_TOKEN, NOTE_ABOUT /* none: somebody was meant */ };

/* Zeroed is empty. */
struct notes {
    struct audit_entry *at; /* NULL: in `few` */
    uint64_t *slots;        /* whose each is */
    size_t count, room;
    size_t values, masks, tokens;
    struct audit_entry few[NOTES_FEW];
    uint64_t few_slots[NOTES_FEW];
};

/* Count one value of this person and class. LIMIT: one record holds no more of them; NO_SPACE; what the vault says
 * of the person. Inside a read transaction. */
enum err notes_add(struct notes *n, struct vault_reader *reader, uint64_t slot, uint16_t class_id,
                   enum note_kind kind) MUST_CHECK;
/* Borrowed until the next call. */
const struct audit_entry *notes_entries(const struct notes *n);
/* They are recorded: count anew. */
void notes_reset(struct notes *n);
void notes_done(struct notes *n);
