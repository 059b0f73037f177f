/* SPDX-License-Identifier: Apache-2.0 */
/* A record of the audit trail as JSON.
 * Runs on: any thread. Holds: nothing. Invariant: bytes that somebody managed to get into a record come out as
 * text in which nothing but text can be seen; tags of people do not come out. Not here: reading (vault/audit_read.h). */
#include "retention/audit_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "retention/receipt.h"

/* What is no printable ASCII is written as \xNN. */
static struct json *safe_text(struct span text)
{
    char out[4 * AUDIT_WORD_MAX + 1];
    size_t len = 0;

    for (size_t i = 0; i < text.len && i < AUDIT_WORD_MAX; i++) {
        const unsigned char c = (unsigned char)text.at[i];

        if (c >= ' ' && c < 0x7f)
            out[len++] = (char)c;
        else
            len += (size_t)snprintf(out + len, 5, "\\x%02x", c);
    }
    return json_new_text(span_of(out, len));
}

static void set_word(struct json *map, const char *name, struct span word)
{
    if (word.len > 0)
        json_set(map, name, safe_text(word));
}

static void set_request(struct json *map, const uint8_t *id)
{
    if (id != NULL)
        receipt_set_id(map, "request", id);
}

/* What was shown and stored, by class; how many people it was about. */
struct sums {
    uint64_t values[CLASSES_MAX + 1], masks[CLASSES_MAX + 1], tokens[CLASSES_MAX + 1];
    size_t people;
};

static bool is_new(const struct audit_record *r, size_t index)
{
    for (size_t i = index; i > 0 && i + 64 > index; i--)
        if (memcmp(r->entries[i - 1].tag, r->entries[index].tag, AUDIT_TAG_BYTES) == 0)
            return false;
    return true;
}

static struct json *classes_list(const struct vault *vault, const struct sums *sums)
{
    struct json *list = json_new_list();

    for (uint16_t id = 1; id <= CLASSES_MAX; id++) {
        const struct class_def *def = vault_class_def(vault, id);
        struct json *item;

        if (sums->values[id] + sums->masks[id] + sums->tokens[id] == 0)
            continue;
        item = json_new_map();
        json_set_str(item, "class", def == NULL ? "?" : def->name);
        json_set_int(item, "values", (int64_t)sums->values[id]);
        json_set_int(item, "masks", (int64_t)sums->masks[id]);
        json_set_int(item, "tokens", (int64_t)sums->tokens[id]);
        json_add(list, item);
    }
    return list;
}

static void set_people(const struct vault *vault, struct json *map, const struct audit_record *r)
{
    struct sums *sums = mem_alloc(sizeof(*sums));

    for (size_t i = 0; i < r->entry_count; i++) {
        const struct audit_entry *entry = &r->entries[i];

        sums->people += is_new(r, i);
        if (entry->class_id > CLASSES_MAX)
            continue;
        sums->values[entry->class_id] += entry->values;
        sums->masks[entry->class_id] += entry->masks;
        sums->tokens[entry->class_id] += entry->tokens;
    }
    if (r->entry_count > 0) {
        json_set_int(map, "people", (int64_t)sums->people);
        json_set(map, "classes", classes_list(vault, sums));
    }
    free(sums);
}

static const char *word_or(const char *word)
{
    return word == NULL ? "?" : word;
}

struct json *audit_json(const struct vault *vault, const struct audit_record *r)
{
    struct json *map = json_new_map();

    json_set_int(map, "number", (int64_t)r->seq);
    receipt_set_instant(map, "time", r->time_ms);
    json_set_str(map, "action", word_or(audit_action_word(r->action)));
    json_set_str(map, "outcome", word_or(audit_outcome_word(r->outcome)));
    json_set_str(map, "role", word_or(audit_role_word(r->role)));
    set_word(map, "who", r->who);
    set_word(map, "address", r->address);
    set_word(map, "purpose", r->purpose);
    set_word(map, "domain", r->domain);
    set_word(map, "route", r->route);
    set_word(map, "operation", r->operation);
    set_word(map, "error", r->error);
    set_word(map, "object", r->object);
    set_request(map, r->request);
    if (r->more > 0)
        json_set_int(map, "more", (int64_t)r->more);
    set_people(vault, map, r);
    set_word(map, "commit", r->commit);
    set_word(map, "digest", r->digest);
    json_set_int(map, "configuration", (int64_t)r->configuration);
    return map;
}
