/* SPDX-License-Identifier: Apache-2.0 */
/* Checking a pack offline.
 * Runs on: any thread; blocks. Holds: nothing. Invariant: OK only when the signature covers the manifest and
 * the manifest names exactly the members that are there, each with its bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "retention/evidence_priv.h"
#include "retention/pack.h"
#include "retention/proof.h"

struct member {
    char name[PACK_NAME_MAX + 1];
    uint64_t bytes;
    char sha256[DIGEST_HEX_BYTES];
    bool listed; /* the manifest names it */
};

struct contents {
    struct member *members; /* in the order of their names, once all are there */
    size_t count, capacity;
    struct buf manifest, signature, key;
};

static void contents_done(struct contents *c)
{
    free(c->members);
    buf_done(&c->manifest);
    buf_done(&c->signature);
    buf_done(&c->key);
}

/* ---- reading ---- */

static enum err keep(struct contents *c, const char *name, struct span bytes)
{
    struct buf *to = strcmp(name, EVIDENCE_MANIFEST) == 0    ? &c->manifest
                     : strcmp(name, EVIDENCE_SIGNATURE) == 0 ? &c->signature
                     : strcmp(name, EVIDENCE_KEY) == 0       ? &c->key
                                                             : NULL;

    if (to == NULL)
        return ERR_OK;
    buf_reset(to); /* of two with one name the last; that there are two is found later */
    return buf_append_span(to, bytes);
}

static enum err on_member(const char *name, struct span bytes, void *context, struct errmsg *msg)
{
    struct contents *c = context;
    struct member *m;
    enum err e = keep(c, name, bytes);

    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s: larger than it can be", name);
    if (c->count == c->capacity) {
        c->capacity = c->capacity == 0 ? 64 : 2 * c->capacity;
        c->members = realloc(c->members, c->capacity * sizeof(c->members[0]));
        if (c->members == NULL)
            abort(); /* bounded by LIMIT_PACK_MEMBERS_MAX */
    }
    m = &c->members[c->count++];
    memset(m, 0, sizeof(*m));
    memcpy(m->name, name, strlen(name) + 1);
    m->bytes = bytes.len;
    digest_hex(bytes, m->sha256);
    return ERR_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct member *)a)->name, ((const struct member *)b)->name);
}

static enum err check_names(struct contents *c, struct errmsg *msg)
{
    if (c->count > 0)
        qsort(c->members, c->count, sizeof(c->members[0]), by_name);
    for (size_t i = 1; i < c->count; i++)
        if (strcmp(c->members[i - 1].name, c->members[i].name) == 0)
            return errmsg_set(msg, ERR_INVALID, "%s: is there twice", c->members[i].name);
    return ERR_OK;
}

static struct member *find(struct contents *c, const char *name)
{
    struct member key = {.listed = false};

    if (name == NULL || strlen(name) > PACK_NAME_MAX || c->count == 0)
        return NULL;
    memcpy(key.name, name, strlen(name) + 1);
    return bsearch(&key, c->members, c->count, sizeof(c->members[0]), by_name);
}

/* ---- the signature ---- */

enum err evidence__signed_text(struct span manifest, struct buf *out)
{
    static const char purpose[] = "lethe-v1 evidence"; /* its NUL is signed, too */
    enum err e = buf_append(out, purpose, sizeof(purpose));

    return e == ERR_OK ? buf_append_span(out, manifest) : e;
}

static enum err take_key(struct contents *c, const uint8_t *given, uint8_t ret[VAULT_PUBLIC_BYTES],
                         struct errmsg *msg)
{
    if (given != NULL) {
        memcpy(ret, given, VAULT_PUBLIC_BYTES);
        return ERR_OK;
    }
    if (find(c, EVIDENCE_KEY) == NULL)
        return errmsg_set(msg, ERR_INVALID, "%s: is missing", EVIDENCE_KEY);
    return proof_pem_read(buf_span(&c->key), ret) == ERR_OK
               ? ERR_OK
               : errmsg_set(msg, ERR_INVALID, "%s: was changed", EVIDENCE_KEY);
}

static enum err check_signature(struct contents *c, const uint8_t *public_key, bool given,
                                struct errmsg *msg)
{
    AUTO(buf_done) struct buf text = {.max = LIMIT_PACK_MEMBER_MAX + 64};

    if (find(c, EVIDENCE_MANIFEST) == NULL)
        return errmsg_set(msg, ERR_INVALID, "%s: is missing", EVIDENCE_MANIFEST);
    if (find(c, EVIDENCE_SIGNATURE) == NULL)
        return errmsg_set(msg, ERR_INVALID, "%s: is missing", EVIDENCE_SIGNATURE);
    if (c->signature.len != VAULT_SIGNATURE_BYTES)
        return errmsg_set(msg, ERR_INVALID, "%s: was changed", EVIDENCE_SIGNATURE);
    if (evidence__signed_text(buf_span(&c->manifest), &text) == ERR_OK &&
        vault_signature_is_valid(public_key, buf_span(&text), c->signature.bytes))
        return ERR_OK;
    return given ? errmsg_set(msg, ERR_DENIED,
                              "%s: the signature is not right: it or %s was changed, or another "
                              "key has signed",
                              EVIDENCE_MANIFEST, EVIDENCE_SIGNATURE)
                 : errmsg_set(msg, ERR_DENIED,
                              "%s: the signature is not right: it, %s or %s was changed",
                              EVIDENCE_MANIFEST, EVIDENCE_SIGNATURE, EVIDENCE_KEY);
}

/* ---- the manifest ---- */

static enum err check_file(struct contents *c, const struct json *file, struct errmsg *msg)
{
    const char *name = json_str_of(json_get(file, "name"));
    const char *sha256 = json_str_of(json_get(file, "sha256"));
    struct member *m = find(c, name);

    if (name == NULL || sha256 == NULL)
        return errmsg_set(msg, ERR_INVALID, "%s: is none of ours", EVIDENCE_MANIFEST);
    if (m == NULL)
        return errmsg_set(msg, ERR_INVALID, "%.100s: is missing", name);
    if (json_int_of(json_get(file, "bytes"), -1) != (int64_t)m->bytes ||
        strcmp(sha256, m->sha256) != 0)
        return errmsg_set(msg, ERR_INVALID, "%.100s: was changed", name);
    m->listed = true;
    return ERR_OK;
}

static enum err check_files(struct contents *c, const struct json *manifest, struct errmsg *msg)
{
    const struct json *files = json_get(manifest, "files");
    enum err e = ERR_OK;

    for (size_t i = 0; i < json_count(files) && e == ERR_OK; i++)
        e = check_file(c, json_at(files, i), msg);
    for (size_t i = 0; i < c->count && e == ERR_OK; i++)
        if (!c->members[i].listed && strcmp(c->members[i].name, EVIDENCE_MANIFEST) != 0 &&
            strcmp(c->members[i].name, EVIDENCE_SIGNATURE) != 0)
            e = errmsg_set(msg, ERR_INVALID, "%s: does not belong to the pack", c->members[i].name);
    return e;
}

static void copy_text(const struct json *map, const char *name, char *to, size_t size)
{
    const char *text = json_str_of(json_get(map, name));

    (void)snprintf(to, size, "%s", text == NULL ? "" : text);
}

static void take_facts(struct contents *c, const struct json *manifest, const uint8_t *public_key,
                       struct evidence_facts *ret)
{
    const struct json *period = json_get(manifest, "period");

    *ret = (struct evidence_facts){.files = json_count(json_get(manifest, "files"))};
    copy_text(manifest, "as_of", ret->created, sizeof(ret->created));
    copy_text(manifest, "store", ret->store, sizeof(ret->store));
    copy_text(period, "from", ret->from, sizeof(ret->from));
    copy_text(period, "to", ret->to, sizeof(ret->to));
    proof_hex(public_key, PROOF_KEY_ID_CHARS / 2, ret->key_id);
    digest_hex(buf_span(&c->manifest), ret->sha256);
}

static enum err check_manifest(struct contents *c, const uint8_t *public_key,
                               struct evidence_facts *ret, struct errmsg *msg)
{
    AUTO(json_free) struct json *manifest = NULL;
    enum err e;

    if (json_parse(buf_span(&c->manifest), &manifest) != ERR_OK)
        return errmsg_set(msg, ERR_INVALID, "%s: is no JSON", EVIDENCE_MANIFEST);
    if (!span_equal(json_text_of(json_get(manifest, "format")), SPAN_LIT(EVIDENCE_FORMAT)))
        return errmsg_set(msg, ERR_UNSUPPORTED, "%s: of another format than %s", EVIDENCE_MANIFEST,
                          EVIDENCE_FORMAT);
    e = check_files(c, manifest, msg);
    if (e == ERR_OK)
        take_facts(c, manifest, public_key, ret);
    return e;
}

enum err evidence_verify(const char *path, const uint8_t *public_key, struct evidence_facts *ret,
                         struct errmsg *msg)
{
    AUTO(contents_done)
    struct contents c = {.manifest = {.max = LIMIT_PACK_MEMBER_MAX},
                         .signature = {.max = 4096},
                         .key = {.max = 4096}};
    uint8_t key[VAULT_PUBLIC_BYTES];
    enum err e = pack_read(path, on_member, &c, msg);

    if (e == ERR_OK)
        e = check_names(&c, msg);
    if (e == ERR_OK)
        e = take_key(&c, public_key, key, msg);
    if (e == ERR_OK)
        e = check_signature(&c, key, public_key != NULL, msg);
    return e == ERR_OK ? check_manifest(&c, key, ret, msg) : e;
}
