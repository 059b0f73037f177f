/* SPDX-License-Identifier: Apache-2.0 */
/* Callers by the hash of their key, or by a name in their certificate.
 * Runs on: built by the control thread, then read by any. Holds: one array of actions for each
 * caller and purpose. Invariant: what is not explicitly allowed is a token. Not here: reading
 * the keys' files (settings_callers.c), tokens (caller_token.c). */
#include "proxy/caller_priv.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"

static const uint8_t all_tokens[CLASSES_MAX + 1]; /* REVEAL_TOKEN is zero */
static const struct caller anonymous;

static void purpose_init(struct purpose *p, const char *name, const struct caller_def *def,
                         const struct classes *classes, class_id_fn class_id, const void *context)
{
    p->name = mem_strdup(name);
    for (size_t i = 0; i < classes->count; i++) {
        uint16_t id = class_id(&classes->defs[i], context);

        if (id > 0 && id <= CLASSES_MAX && class_has_purpose(&classes->defs[i], span_str(name)))
            p->actions[id] = def->reveal[i];
    }
}

/* The number of a header field; the settings see that there are not too many. */
static size_t field_number(struct callers *callers, const struct caller_jwt *jwt)
{
    const struct span name = span_str(jwt->header);
    size_t i;

    for (i = 0; i < callers->field_count; i++)
        if (span_equal(callers->fields[i].name, name))
            return i;
    REQUIRE(callers->field_count < CALLER_FIELDS_MAX);
    callers->fields[callers->field_count++] = (struct caller_field){name, jwt->pass};
    return i;
}

static void caller_init(struct caller *c, const struct caller_def *def, struct callers *callers)
{
    c->name = mem_strdup(def->name == NULL ? "" : def->name);
    c->has_key = def->has_key;
    memcpy(c->key_hash, def->key_hash, sizeof(c->key_hash));
    c->has_next_key = def->has_next_key;
    memcpy(c->next_key_hash, def->next_key_hash, sizeof(c->next_key_hash));
    c->certificate = def->certificate;
    c->jwt = def->jwt;
    if (c->jwt != NULL)
        c->jwt_field = field_number(callers, c->jwt);
    c->quotas = def->quotas;
    c->some_domains = def->some_domains;
    memcpy(c->domains, def->domains, sizeof(c->domains));
}

struct callers *callers_new(const struct caller_def *defs, size_t count,
                            const struct classes *classes, class_id_fn class_id,
                            const void *context)
{
    struct callers *callers = mem_alloc(sizeof(*callers));

    callers->at = mem_alloc((count + 1) * sizeof(*callers->at));
    callers->count = count;
    for (size_t i = 0; i < count; i++) {
        struct caller *c = &callers->at[i];

        caller_init(c, &defs[i], callers);
        c->purposes = mem_alloc((defs[i].purpose_count + 1) * sizeof(*c->purposes));
        c->purpose_count = defs[i].purpose_count;
        for (size_t j = 0; j < c->purpose_count; j++) {
            purpose_init(&c->purposes[j], defs[i].purposes[j], &defs[i], classes, class_id,
                         context);
            c->purposes[j].legal = defs[i].legal != NULL && defs[i].legal[j];
        }
    }
    return callers;
}

void callers_free(struct callers **callersp)
{
    struct callers *callers = TAKE(*callersp);

    if (callers == NULL)
        return;
    for (size_t i = 0; i < callers->count; i++) {
        for (size_t j = 0; j < callers->at[i].purpose_count; j++)
            free(callers->at[i].purposes[j].name);
        free(callers->at[i].purposes);
        free(callers->at[i].name);
    }
    free(callers->at);
    free(callers);
}

enum err callers_find(const struct callers *callers, struct span key,
                      const struct caller **ret_caller)
{
    const struct caller *found = NULL;
    uint8_t hash[SECRET_HASH_BYTES];

    secret_hash(key.at, key.len, hash);
    /* All are compared, each in constant time: how long it takes says nothing about whose it is. */
    for (size_t i = 0; i < callers->count; i++) {
        const struct caller *c = &callers->at[i];
        const bool is_key = secret_equal(hash, c->key_hash, sizeof(hash));
        const bool is_next = secret_equal(hash, c->next_key_hash, sizeof(hash));

        if ((is_key && c->has_key) || (is_next && c->has_next_key))
            found = c;
    }
    if (found == NULL)
        return ERR_UNAUTHORIZED;
    *ret_caller = found;
    return ERR_OK;
}

void caller_memo_init(struct caller_memo *memo)
{
    memset(memo, 0, sizeof(*memo));
    secret_random(memo->key, sizeof(memo->key));
}

enum err callers_find_again(const struct callers *callers, struct caller_memo *memo,
                            struct span key, const struct caller **ret_caller)
{
    uint8_t tag[SECRET_TAG_BYTES];
    size_t at;
    enum err e;

    secret_tag(memo->key, key.at, key.len, tag);
    at = tag[0] % CALLER_MEMO_ENTRIES;
    if (memo->at[at].caller != NULL && secret_equal(memo->at[at].tag, tag, sizeof(tag))) {
        *ret_caller = memo->at[at].caller;
        return ERR_OK;
    }
    e = callers_find(callers, key, ret_caller);
    if (e != ERR_OK)
        return e;
    memcpy(memo->at[at].tag, tag, sizeof(tag));
    memo->at[at].caller = *ret_caller;
    return ERR_OK;
}

static bool is_named_by(const struct caller_certificate *wanted, const struct tls_peer *peer)
{
    if (wanted->subject != NULL && strcmp(wanted->subject, peer->subject) == 0)
        return true;
    for (size_t i = 0; wanted->san != NULL && i < peer->name_count; i++)
        if (strcmp(wanted->san, peer->names[i]) == 0)
            return true;
    return false;
}

enum err callers_find_certificate(const struct callers *callers, const struct tls_peer *peer,
                                  const struct caller **ret_caller)
{
    const struct caller *found = NULL;

    for (size_t i = 0; i < callers->count; i++) {
        if (!is_named_by(&callers->at[i].certificate, peer))
            continue;
        if (found != NULL)
            return ERR_INVALID;
        found = &callers->at[i];
    }
    if (found == NULL)
        return ERR_NOT_FOUND;
    *ret_caller = found;
    return ERR_OK;
}

const struct caller_field *callers_fields(const struct callers *callers, size_t *ret_count)
{
    *ret_count = callers->field_count;
    return callers->fields;
}

struct span caller_name(const struct caller *caller)
{
    return caller->name == NULL ? SPAN_LIT("-") : span_str(caller->name);
}

const struct caller *caller_anonymous(void)
{
    return &anonymous;
}

size_t callers_index(const struct callers *callers, const struct caller *caller)
{
    return (size_t)(caller - callers->at);
}

const uint8_t *caller_no_actions(void)
{
    return all_tokens;
}

static const uint8_t *actions_of(const struct caller *caller, const struct purpose *purpose,
                                 size_t domain)
{
    return caller->some_domains && !caller->domains[domain] ? all_tokens : purpose->actions;
}

struct span caller_purpose(const struct caller *caller, struct span named)
{
    if (named.at == NULL)
        return caller->purpose_count == 1 ? span_str(caller->purposes[0].name) : SPAN_NONE;
    for (size_t i = 0; i < caller->purpose_count; i++)
        if (span_equal(span_str(caller->purposes[i].name), named))
            return span_str(caller->purposes[i].name);
    return SPAN_NONE;
}

enum err caller_actions(const struct caller *caller, struct span purpose, size_t domain,
                        const uint8_t **ret_actions)
{
    if (purpose.at == NULL) {
        if (caller->purpose_count > 1)
            return ERR_INVALID;
        *ret_actions = caller->purpose_count == 1 ? actions_of(caller, &caller->purposes[0], domain)
                                                  : all_tokens;
        return ERR_OK;
    }
    for (size_t i = 0; i < caller->purpose_count; i++) {
        if (span_equal(span_str(caller->purposes[i].name), purpose)) {
            *ret_actions = actions_of(caller, &caller->purposes[i], domain);
            return ERR_OK;
        }
    }
    return ERR_DENIED;
}
