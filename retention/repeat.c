/* SPDX-License-Identifier: Apache-2.0 */
/* Erasures that may be asked for twice.
 * Runs on: worker threads and the command line; blocks. Holds: nothing. Invariant: a key is bound to one
 * request and to one number, durably, before anything is destroyed; so that whatever comes between, the
 * number says whether the erasure has begun. Not here: the erasure itself (erasure.c). */
#include "retention/repeat.h"

#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "retention/proof.h"
#include "vault/records.h"

enum { STATE_TAKEN, BODY_MAX = 256 };

static enum err hash_key(struct vault *vault, struct span key, char ret[2 * VAULT_MAC_BYTES + 1])
{
    uint8_t mac[VAULT_MAC_BYTES];
    enum err e = vault_repeat_mac(vault, key, SPAN_NONE, mac);

    if (e == ERR_OK)
        proof_hex(mac, sizeof(mac), ret);
    return e;
}

/* {"number": hex, "request": hex} */
static bool read_body(const struct vault_record *record, struct repeat *ret,
                      uint8_t ret_request[VAULT_MAC_BYTES])
{
    AUTO(json_free) struct json *body = NULL;

    if (json_parse(record->body, &body) != ERR_OK)
        return false;
    ret->slot = record->slot;
    return proof_unhex(json_text_of(json_get(body, "number")), ret->number, VAULT_ID_BYTES) &&
           proof_unhex(json_text_of(json_get(body, "request")), ret_request, VAULT_MAC_BYTES);
}

enum err repeat_find(struct vault *vault, struct span key, struct span request, struct repeat *ret)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    uint8_t asked[VAULT_MAC_BYTES], taken[VAULT_MAC_BYTES];
    char name[2 * VAULT_MAC_BYTES + 1];
    struct vault_record record;
    struct repeat found;
    enum err e = hash_key(vault, key, name);

    if (e == ERR_OK)
        e = vault_repeat_mac(vault, key, request, asked);
    if (e == ERR_OK)
        e = vault_records_open(vault, &records);
    if (e == ERR_OK)
        e = vault_record_by_key(records, VAULT_RECORD_ERASURE, name, &record);
    if (e != ERR_OK)
        return e;
    if (!read_body(&record, &found, taken))
        return ERR_CORRUPT;
    if (!secret_equal(asked, taken, sizeof(asked)))
        return ERR_CONFLICT;
    *ret = found;
    return ERR_OK;
}

static enum err write_body(const struct repeat *repeat, const uint8_t request[VAULT_MAC_BYTES],
                           struct buf *out)
{
    AUTO(json_free) struct json *body = json_new_map();
    char text[2 * VAULT_ID_BYTES + 2 * VAULT_MAC_BYTES + 1];

    proof_hex(repeat->number, VAULT_ID_BYTES, text);
    json_set_str(body, "number", text);
    proof_hex(request, VAULT_MAC_BYTES, text);
    json_set_str(body, "request", text);
    return json_write(body, out);
}

enum err repeat_claim(struct vault *vault, struct span key, struct span request, uint64_t slot,
                      struct repeat *ret)
{
    AUTO(buf_done) struct buf body = {.max = 0};
    struct vault_record record = {.kind = VAULT_RECORD_ERASURE, .slot = slot, .state = STATE_TAKEN};
    struct vault_records_write op = {.op = {.kind = VAULT_RECORDS}, .records = &record, .count = 1};
    struct repeat taken = {.slot = slot};
    uint8_t mac[VAULT_MAC_BYTES];
    enum err e = hash_key(vault, key, record.key);

    secret_random(taken.number, sizeof(taken.number));
    buf_init(&body, BODY_MAX);
    if (e == ERR_OK)
        e = vault_repeat_mac(vault, key, request, mac);
    if (e == ERR_OK)
        e = write_body(&taken, mac, &body);
    record.body = buf_span(&body);
    if (e == ERR_OK)
        e = vault_run(vault, &op.op);
    if (e == ERR_OK)
        *ret = taken;
    return e;
}

enum err repeat_state(struct vault *vault, const struct repeat *repeat, enum repeat_state *ret)
{
    AUTO(buf_done) struct buf text = {.max = 0};
    AUTO(mem_free) struct vault_erasure *list = NULL;
    size_t count = 0;
    enum err e;

    buf_init(&text, PROOF_DOCUMENT_MAX);
    e = vault_receipt_read(vault, repeat->number, &text);
    if (e == ERR_OK)
        *ret = REPEAT_DONE;
    if (e != ERR_NOT_FOUND)
        return e;
    e = vault_erasures_open(vault, &list, &count);
    if (e != ERR_OK)
        return e;
    *ret = REPEAT_OPEN;
    for (size_t i = 0; i < count; i++) {
        if (memcmp(list[i].id, repeat->number, VAULT_ID_BYTES) == 0)
            *ret = REPEAT_GOING;
        vault_erasure_done(&list[i]);
    }
    return ERR_OK;
}
