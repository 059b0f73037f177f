/* SPDX-License-Identifier: Apache-2.0 */
/* Provider `pkcs11`: root keys wrapped by AES keys that stay in a token.
 * Runs on: one thread at a time; blocks. Holds: the loaded module. Invariant: every version is
 * wrapped by an AES key of its own, which is destroyed with it. Not here: the token
 * (keys/pkcs11_token.c), the envelope (keys/wrapped.c).
 *
 * What is wrapped, behind the check value:
 *    0  16  family: random, the same in every line of an envelope
 *   16  12  IV
 *   28  32  the root key, AES-256-GCM
 *   60  16  tag; associated data: label, epoch (little-endian), family, and the object's label
 * The AES key of an epoch is labelled OBJECT-EPOCH and has the id family, epoch (big-endian): so
 * the keys of two stores that name the same OBJECT are never taken for each other. */
#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/secret.h"
#include "keys/pkcs11_token_priv.h"
#include "keys/provider.h"
#include "keys/wrapped_priv.h"

static const char LABEL[] = "lethe root key in pkcs11 1";

enum {
    FAMILY_BYTES = 16,
    IV_AT = FAMILY_BYTES,
    SEALED_AT = IV_AT + PKCS11_IV_BYTES,
    SEALED_BYTES = ROOT_KEY_BYTES + PKCS11_TAG_BYTES,
    WRAPPED_BYTES = SEALED_AT + SEALED_BYTES,
    AD_MAX = sizeof(LABEL) + 4 + FAMILY_BYTES + PKCS11_LABEL_MAX
};

_Static_assert(FAMILY_BYTES + sizeof(uint32_t) == PKCS11_ID_BYTES, "an id holds both");

struct pkcs11_provider {
    struct provider provider;
    struct keys_wrapper wrapper;
    struct pkcs11_token *token;
    int64_t lease_ms;
    char *file;
};

/* ---- wrapping ---- */

static struct pkcs11_name name_of(const struct pkcs11_provider *p, uint32_t epoch,
                                  const uint8_t family[FAMILY_BYTES])
{
    struct pkcs11_name name = {.label = ""};
    uint32_t big = htobe32(epoch);

    REQUIRE(snprintf(name.label, sizeof(name.label), "%s-%" PRIu32, pkcs11__token_object(p->token),
                     epoch) < (int)sizeof(name.label));
    memcpy(name.id, family, FAMILY_BYTES);
    memcpy(name.id + FAMILY_BYTES, &big, sizeof(big));
    return name;
}

static struct span associated_of(const struct pkcs11_name *name, uint32_t epoch,
                                 uint8_t text[AD_MAX])
{
    uint32_t little = htole32(epoch);
    size_t len = sizeof(LABEL), label_len = strlen(name->label);

    memcpy(text, LABEL, len);
    memcpy(text + len, &little, sizeof(little));
    len += sizeof(little);
    memcpy(text + len, name->id, FAMILY_BYTES);
    len += FAMILY_BYTES;
    memcpy(text + len, name->label, label_len);
    return span_of(text, len + label_len);
}

static enum err wrap_open(struct pkcs11_provider *p, const uint8_t *key, struct keys_wrapped *out,
                          struct errmsg *msg)
{
    struct pkcs11_name name = name_of(p, out->epoch, out->bytes);
    uint8_t associated[AD_MAX];
    struct pkcs11_sealing how = {.name = &name,
                                 .associated = associated_of(&name, out->epoch, associated)};
    /* what a crash left of an earlier try: no line was made with it */
    enum err e = pkcs11__key_destroy(p->token, &name, msg);

    if (e == ERR_OK)
        e = pkcs11__key_make(p->token, &name, msg);
    if (e == ERR_OK)
        e = pkcs11__seal(p->token, &how, key, ROOT_KEY_BYTES, out->bytes + SEALED_AT, msg);
    if (e == ERR_OK)
        memcpy(out->bytes + IV_AT, how.iv, PKCS11_IV_BYTES);
    return e;
}

static enum err pkcs11_wrap(void *context, const struct keys_wrapped *newest, const uint8_t *key,
                            struct keys_wrapped *out, struct errmsg *msg)
{
    struct pkcs11_provider *p = context;
    enum err e;

    if (newest != NULL && newest->len != WRAPPED_BYTES)
        return errmsg_set(msg, ERR_SEALED, "%s: epoch %" PRIu32 " was not wrapped by a token",
                          p->file, newest->epoch);
    if (newest != NULL)
        memcpy(out->bytes, newest->bytes, FAMILY_BYTES);
    else
        secret_random(out->bytes, FAMILY_BYTES);
    out->len = WRAPPED_BYTES;
    e = pkcs11__open(p->token, msg);
    if (e != ERR_OK)
        return e;
    e = wrap_open(p, key, out, msg);
    pkcs11__close(p->token);
    return e;
}

static enum err pkcs11_unwrap(void *context, const struct keys_wrapped *in, uint8_t *key,
                              struct errmsg *msg)
{
    struct pkcs11_provider *p = context;
    AUTO(secret_free) uint8_t *clear = secret_alloc(SEALED_BYTES);
    struct pkcs11_name name = name_of(p, in->epoch, in->bytes);
    uint8_t associated[AD_MAX];
    struct pkcs11_sealing how = {.name = &name,
                                 .associated = associated_of(&name, in->epoch, associated)};
    enum err e;

    if (in->len != WRAPPED_BYTES)
        return errmsg_set(msg, ERR_SEALED, "%s: epoch %" PRIu32 " was not wrapped by a token",
                          p->file, in->epoch);
    memcpy(how.iv, in->bytes + IV_AT, PKCS11_IV_BYTES);
    e = pkcs11__open(p->token, msg);
    if (e != ERR_OK)
        return e;
    e = pkcs11__unseal(p->token, &how, in->bytes + SEALED_AT, SEALED_BYTES, clear, msg);
    pkcs11__close(p->token);
    if (e == ERR_OK)
        memcpy(key, clear, ROOT_KEY_BYTES);
    return e;
}

/* ---- versions ---- */

struct lines {
    struct keys_wrapped at[ROOT_KEYS_MAX];
    size_t count;
};

/* OK with no lines where there is no envelope. */
static enum err read_lines(const struct pkcs11_provider *p, struct lines *ret, struct errmsg *msg)
{
    enum err e = keys__wrapped_lines(&p->wrapper, ret->at, &ret->count, msg);

    if (e == ERR_NOT_FOUND)
        ret->count = 0;
    for (size_t i = 0; e == ERR_OK && i < ret->count; i++) {
        if (ret->at[i].len != WRAPPED_BYTES)
            return errmsg_set(msg, ERR_SEALED, "%s: epoch %" PRIu32 " was not wrapped by a token",
                              p->file, ret->at[i].epoch);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err destroy_key(const struct pkcs11_provider *p, uint32_t epoch, const uint8_t *family,
                            struct errmsg *msg)
{
    struct pkcs11_name name = name_of(p, epoch, family);
    struct errmsg why = {""};
    enum err e = pkcs11__open(p->token, msg);

    if (e != ERR_OK)
        return e;
    e = pkcs11__key_destroy(p->token, &name, &why);
    pkcs11__close(p->token);
    if (e == ERR_UNSUPPORTED || e == ERR_DENIED)
        return errmsg_set(msg, ERR_UNSUPPORTED,
                          "%s; old copies of %s still open: have the key %s destroyed in the token",
                          why.text, p->file, name.label);
    return e == ERR_OK ? e : errmsg_set(msg, e, "%s", why.text);
}

static enum err pkcs11_load(struct provider *provider, struct root_keys *ret, struct errmsg *msg)
{
    struct pkcs11_provider *p = (struct pkcs11_provider *)provider;
    AUTO(mem_free) struct lines *lines = mem_alloc(sizeof(*lines));
    enum err e = keys__wrapped_load(&p->wrapper, ret, msg);

    /* A drop() that was cut short once it had changed the envelope: the key before the first line's.
     * What fails here was said when it was dropped. */
    if (e == ERR_OK && read_lines(p, lines, NULL) == ERR_OK && lines->count > 0 &&
        lines->at[0].epoch > 1)
        (void)!destroy_key(p, lines->at[0].epoch - 1, lines->at[0].bytes, NULL);
    return e;
}

static enum err pkcs11_add(struct provider *provider, uint32_t epoch, struct root_key *ret,
                           struct errmsg *msg)
{
    return keys__wrapped_add(&((struct pkcs11_provider *)provider)->wrapper, epoch, ret, msg);
}

static enum err pkcs11_drop(struct provider *provider, uint32_t epoch, struct errmsg *msg)
{
    struct pkcs11_provider *p = (struct pkcs11_provider *)provider;
    AUTO(mem_free) struct lines *lines = mem_alloc(sizeof(*lines));
    bool is_last;
    enum err e = read_lines(p, lines, msg);

    if (e != ERR_OK)
        return e;
    is_last = lines->count == 1 && lines->at[0].epoch == epoch;
    /* The last line knows the family, which whoever goes on after a crash needs, so it goes after
     * its key. Another line goes before: a line without its key would stop the next start. */
    if (is_last)
        e = destroy_key(p, epoch, lines->at[0].bytes, msg);
    if (e == ERR_OK || e == ERR_UNSUPPORTED) {
        enum err dropped = envelope_drop(p->file, p->wrapper.scheme, epoch, msg);

        e = dropped == ERR_OK ? e : dropped;
    }
    if (e == ERR_OK && lines->count > 0 && !is_last)
        e = destroy_key(p, epoch, lines->at[0].bytes, msg);
    return e;
}

/* ---- the lease ---- */

static enum err pkcs11_check(struct provider *provider, struct provider_health *ret,
                             struct errmsg *msg)
{
    struct pkcs11_provider *p = (struct pkcs11_provider *)provider;
    struct errmsg why = {""};
    enum err e = keys__wrapped_try(&p->wrapper, &why);
    bool is_refused = e == ERR_DENIED || e == ERR_INVALID;

    ret->lease_ms = is_refused ? 0 : p->lease_ms;
    ret->again_ms = keys__again_ms(p->lease_ms, e != ERR_OK);
    return e == ERR_OK ? e : errmsg_set(msg, is_refused ? ERR_DENIED : e, "%s", why.text);
}

/* ---- the configuration ---- */

static void pkcs11_close(struct provider *provider)
{
    struct pkcs11_provider *p = (struct pkcs11_provider *)provider;

    pkcs11__token_free(&p->token);
    free(p->file);
    free(p);
}

static enum err read_uri(struct pkcs11_provider *p, struct conf_node map, struct errmsg *msg)
{
    AUTO(mem_free) char *source = NULL;
    AUTO(mem_free) char *path = NULL;
    struct errmsg why = {""};
    struct conf_node node;
    const char *text = NULL;
    enum err e = conf_need(map, "uri", &node, msg);

    if (e == ERR_OK)
        e = conf_str(node, &text, msg);
    if (e != ERR_OK)
        return e;
    p->token = pkcs11__token_new(text, &source, &why);
    if (p->token == NULL)
        return conf_fail(node, msg, "\"uri\" %s", why.text);
    path = conf_path(node, source);
    pkcs11__token_set_pin(p->token, path);
    return ERR_OK;
}

static enum err pkcs11_read(struct conf_node node, struct prompt *prompt UNUSED,
                            struct provider **ret_provider, struct errmsg *msg)
{
    static const char *const known[] = {"provider", "uri", "file", "lease", NULL};
    AUTO(provider_close) struct provider *provider = NULL;
    struct pkcs11_provider *p = mem_alloc(sizeof(*p));
    struct conf_node file;
    enum err e;

    provider = &p->provider;
    provider->ops = &provider_pkcs11;
    p->lease_ms = KEYS_LEASE_DEFAULT_MS;
    e = conf_only(node, known, msg);
    if (e == ERR_OK)
        e = read_uri(p, node, msg);
    if (e == ERR_OK)
        e = keys__conf_span_ms(node, "lease", KEYS_LEASE_MIN_MS, KEYS_LEASE_MAX_MS, &p->lease_ms,
                               msg);
    if (e == ERR_OK)
        e = conf_need(node, "file", &file, msg);
    if (e == ERR_OK)
        e = keys__conf_path(node, "file", &p->file, msg);
    if (e != ERR_OK)
        return e;
    p->wrapper = (struct keys_wrapper){.path = p->file,
                                       .scheme = provider_pkcs11.scheme,
                                       .wrap = pkcs11_wrap,
                                       .unwrap = pkcs11_unwrap,
                                       .context = p};
    REQUIRE(asprintf(&provider->name, "pkcs11:object=%s", pkcs11__token_object(p->token)) > 0);
    *ret_provider = TAKE(provider);
    return ERR_OK;
}

const struct provider_ops provider_pkcs11 = {
    .scheme = "pkcs11",
    .is_map = true,
    .read = pkcs11_read,
    .load = pkcs11_load,
    .add = pkcs11_add,
    .drop = pkcs11_drop,
    .check = pkcs11_check,
    .close = pkcs11_close,
};
