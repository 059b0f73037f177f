/* SPDX-License-Identifier: Apache-2.0 */
/* Counts of values by person and class.
 * Runs on: whoever holds the notes. Holds: counts and tags, no value. Invariant: what does not fit is an error, never left
 * out. Not here: when they are recorded (proxy/exchange_audit.c, admin/ops_audit.c). */
#include "vault/notes.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
    LOOK_BACK =
        16 /* entries: a list goes on from person to person, with the same few classes of each */
};

const struct audit_entry *notes_entries(const struct notes *n)
{
    return n->at != NULL ? n->at : n->few;
}

static struct audit_entry *entries_of(struct notes *n)
{
    return n->at != NULL ? n->at : n->few;
}

static const uint64_t *slots_of(const struct notes *n)
{
    return n->at != NULL ? n->slots : n->few_slots;
}

static enum err grow(struct notes *n)
{
    const size_t room = n->at == NULL ? 64 : n->room * 2;
    struct audit_entry *at;
    uint64_t *slots;

    if (n->count >= AUDIT_ENTRIES_MAX)
        return ERR_LIMIT;
    if (n->count < (n->at == NULL ? (size_t)NOTES_FEW : n->room))
        return ERR_OK;
    at = mem_try_alloc(room, sizeof(*at));
    slots = mem_try_alloc(room, sizeof(*slots));
    if (at == NULL || slots == NULL) {
        free(at);
        free(slots);
        return ERR_NO_SPACE;
    }
    memcpy(at, notes_entries(n), n->count * sizeof(*at));
    memcpy(slots, slots_of(n), n->count * sizeof(*slots));
    free(n->at);
    free(n->slots);
    n->at = at;
    n->slots = slots;
    n->room = room;
    return ERR_OK;
}

/* The entry of a person and class, made when none of the last ones is it. */
static enum err find(struct notes *n, struct vault_reader *reader, uint64_t slot, uint16_t class_id,
                     struct audit_entry **ret)
{
    const uint64_t *slots = slots_of(n);
    const uint8_t *tag = NULL;
    struct audit_entry *entry;
    enum err e;

    for (size_t i = n->count; i > 0 && i + LOOK_BACK > n->count; i--) {
        if (slots[i - 1] != slot)
            continue;
        *ret = &entries_of(n)[i - 1];
        if ((*ret)->class_id == class_id && (*ret)->values < UINT16_MAX &&
            (*ret)->masks < UINT16_MAX && (*ret)->tokens < UINT16_MAX)
            return ERR_OK;
        tag = (*ret)->tag;
    }
    entry = &(struct audit_entry){.class_id = class_id};
    if (tag != NULL)
        memcpy(entry->tag, tag, AUDIT_TAG_BYTES);
    else {
        e = audit_subject_tag(reader, slot, entry->tag);
        if (e != ERR_OK)
            return e;
    }
    e = grow(n);
    if (e != ERR_OK)
        return e;
    ((uint64_t *)(uintptr_t)slots_of(n))[n->count] = slot;
    entries_of(n)[n->count] = *entry;
    *ret = &entries_of(n)[n->count++];
    return ERR_OK;
}

enum err notes_add(struct notes *n, struct vault_reader *reader, uint64_t slot, uint16_t class_id,
                   enum note_kind kind)
{
    struct audit_entry *entry;
    enum err e = find(n, reader, slot, class_id, &entry);

    if (e != ERR_OK)
        return e;
    switch (kind) {
    case NOTE_VALUE:
        entry->values++;
        n->values++;
        break;
    case NOTE_MASK:
        entry->masks++;
        n->masks++;
        break;
    case NOTE_TOKEN:
        entry->tokens++;
        n->tokens++;
        break;
    case NOTE_ABOUT:
        break;
    }
    return ERR_OK;
}

void notes_reset(struct notes *n)
{
    n->count = 0;
    n->values = n->masks = n->tokens = 0;
}

void notes_done(struct notes *n)
{
    free(n->at);
    free(n->slots);
    n->at = NULL;
    n->slots = NULL;
    notes_reset(n);
}
