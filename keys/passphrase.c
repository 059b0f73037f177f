/* SPDX-License-Identifier: Apache-2.0 */
/* The provider passphrase: an envelope file whose keys are wrapped under a key that Argon2id makes
 * of a passphrase. What a line's BASE64 holds (big endian):
 *
 *   0  4 passes   4  4 memory in KiB   8  16 salt   24  24 nonce   48  48 sealed root key
 *
 * XChaCha20-Poly1305; associated data: "lethe root passphrase 1", epoch (4), bytes 0 to 23.
 *
 * Runs on: the caller's thread, one at a time; blocks (Argon2id takes about a second and 256 MiB).
 * Holds: the path; after the passphrase was given, the key made of it (guarded), so that a rotation
 * needs nobody to type. Invariant: the passphrase is wiped as soon as that key is made.
 * Not here: the file, asking. */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/secret.h"
#include "keys/crypto_priv.h"
#include "keys/envelope.h"
#include "keys/prompt.h"
#include "keys/provider.h"

/* libsodium's MODERATE; what is read may be more, but not so much that a planted line could take
 * the host down, nor less. */
enum {
    PASSES = 3,
    PASSES_MAX = 16,
    MEMORY_KIB = 256 << 10,
    MEMORY_KIB_MAX = 1 << 20,
    PASSPHRASE_MIN = 12 /* characters */
};

enum {
    AT_PASSES = 0,
    AT_MEMORY = 4,
    AT_SALT = 8,
    AT_NONCE = AT_SALT + KEYS_SALT_BYTES,
    AT_SEALED = AT_NONCE + KEYS_NONCE_BYTES,
    LINE_BYTES = AT_SEALED + ROOT_KEY_BYTES + KEYS_TAG_BYTES
};

static const char LABEL[] = "lethe root passphrase 1";

enum { ASSOCIATED_LEN = sizeof(LABEL) - 1 + 4 + AT_NONCE };

struct passphrase_provider {
    struct provider provider;
    struct prompt *prompt;
    char *path;
    struct keys_argon2 parameters; /* that `key` was made with */
    uint8_t *key;                  /* guarded; NULL before the passphrase was given */
};

/* ---- a line ---- */

static uint32_t get_u32(const uint8_t *at)
{
    uint32_t n;

    memcpy(&n, at, sizeof(n));
    return be32toh(n);
}

static void put_u32(uint8_t *at, uint32_t n)
{
    n = htobe32(n);
    memcpy(at, &n, sizeof(n));
}

static struct span associate(const struct envelope_line *line, uint8_t out[ASSOCIATED_LEN])
{
    uint8_t *at = out;

    memcpy(at, LABEL, sizeof(LABEL) - 1);
    at += sizeof(LABEL) - 1;
    put_u32(at, line->epoch);
    memcpy(at + 4, line->bytes, AT_NONCE);
    return span_of(out, ASSOCIATED_LEN);
}

static enum err read_parameters(const struct passphrase_provider *p,
                                const struct envelope_line *line, struct keys_argon2 *ret,
                                struct errmsg *msg)
{
    if (line->len != LINE_BYTES)
        return errmsg_set(msg, ERR_SEALED, "%s: is damaged: a line has the wrong length", p->path);
    ret->passes = get_u32(line->bytes + AT_PASSES);
    ret->memory_kib = get_u32(line->bytes + AT_MEMORY);
    memcpy(ret->salt, line->bytes + AT_SALT, KEYS_SALT_BYTES);
    if (ret->passes < PASSES || ret->passes > PASSES_MAX || ret->memory_kib < MEMORY_KIB ||
        ret->memory_kib > MEMORY_KIB_MAX)
        return errmsg_set(msg, ERR_SEALED,
                          "%s: asks for %u passes over %u KiB, which lethe never writes: the file "
                          "was tampered with",
                          p->path, ret->passes, ret->memory_kib);
    return ERR_OK;
}

static bool same_parameters(const struct keys_argon2 *a, const struct keys_argon2 *b)
{
    return a->passes == b->passes && a->memory_kib == b->memory_kib &&
           memcmp(a->salt, b->salt, KEYS_SALT_BYTES) == 0;
}

static void seal_line(const struct passphrase_provider *p, const struct root_key *root,
                      struct envelope_line *line)
{
    uint8_t associated[ASSOCIATED_LEN];

    line->epoch = root->epoch;
    line->len = LINE_BYTES;
    put_u32(line->bytes + AT_PASSES, p->parameters.passes);
    put_u32(line->bytes + AT_MEMORY, p->parameters.memory_kib);
    memcpy(line->bytes + AT_SALT, p->parameters.salt, KEYS_SALT_BYTES);
    secret_random(line->bytes + AT_NONCE, KEYS_NONCE_BYTES);
    keys__seal(p->key, line->bytes + AT_NONCE, associate(line, associated), root->bytes,
               line->bytes + AT_SEALED);
}

/* ---- the key that the passphrase makes ---- */

static enum err make_key(const struct passphrase_provider *p, const struct prompt_secret *phrase,
                         const struct keys_argon2 *parameters, uint8_t **ret_key,
                         struct errmsg *msg)
{
    AUTO(secret_free) uint8_t *key = secret_alloc(ROOT_KEY_BYTES);
    enum err e = keys__argon2(parameters, span_of(phrase->bytes, phrase->len), key);

    if (e != ERR_OK)
        return errmsg_set(msg, e,
                          "%s: making a key of the passphrase takes %u MiB, which there are not",
                          p->path, parameters->memory_kib >> 10);
    *ret_key = TAKE(key);
    return ERR_OK;
}

static size_t characters(const struct prompt_secret *phrase)
{
    size_t n = 0;

    for (size_t i = 0; i < phrase->len; i++)
        n += (phrase->bytes[i] & 0xc0) != 0x80; /* not the rest of a UTF-8 sequence */
    return n;
}

static enum err ask(const struct passphrase_provider *p, bool made, struct prompt_secret *ret,
                    struct errmsg *msg)
{
    char what[256];
    enum err e;

    (void)snprintf(what, sizeof(what), "%s passphrase of %s", made ? "a new" : "the", p->path);
    e = prompt_ask(p->prompt, what, made, ret, msg);
    if (e != ERR_OK || !made || characters(ret) >= PASSPHRASE_MIN)
        return e;
    prompt_secret_done(ret);
    return errmsg_set(msg, ERR_SEALED, "%s: a passphrase has at least %d characters", p->path,
                      PASSPHRASE_MIN);
}

/* For a file that is to be made. */
static enum err new_key(struct passphrase_provider *p, struct errmsg *msg)
{
    AUTO(prompt_secret_done) struct prompt_secret phrase = {NULL, 0};
    struct keys_argon2 parameters = {.passes = PASSES, .memory_kib = MEMORY_KIB};
    enum err e = ask(p, true, &phrase, msg);

    if (e != ERR_OK)
        return e;
    secret_random(parameters.salt, sizeof(parameters.salt));
    secret_free(&p->key);
    e = make_key(p, &phrase, &parameters, &p->key, msg);
    if (e == ERR_OK)
        p->parameters = parameters;
    return e;
}

/* ---- opening ---- */

/* Open with the key at hand. */
static enum err open_line(const struct passphrase_provider *p, const struct envelope_line *line,
                          struct root_key *ret, struct errmsg *msg)
{
    AUTO(secret_free) uint8_t *bytes = secret_alloc(ROOT_KEY_BYTES);
    uint8_t associated[ASSOCIATED_LEN];

    if (!keys__open(p->key, line->bytes + AT_NONCE, associate(line, associated),
                    line->bytes + AT_SEALED, bytes))
        return errmsg_set(msg, ERR_SEALED,
                          "%s: the passphrase does not open it (or the file was changed)", p->path);
    ret->epoch = line->epoch;
    ret->bytes = TAKE(bytes);
    return ERR_OK;
}

/* Make the key for a line's parameters, asking once for all lines of the file. A key that opens
 * nothing is not kept: it was made of a wrong passphrase. */
static enum err unlock(struct passphrase_provider *p, const struct envelope_line *line,
                       struct prompt_secret *phrase, struct root_key *ret, struct errmsg *msg)
{
    struct keys_argon2 parameters;
    enum err e = read_parameters(p, line, &parameters, msg);

    if (e != ERR_OK)
        return e;
    if (p->key != NULL && same_parameters(&parameters, &p->parameters))
        return open_line(p, line, ret, msg);
    if (phrase->bytes == NULL)
        e = ask(p, false, phrase, msg);
    if (e != ERR_OK)
        return e;
    secret_free(&p->key);
    e = make_key(p, phrase, &parameters, &p->key, msg);
    if (e != ERR_OK)
        return e;
    p->parameters = parameters;
    e = open_line(p, line, ret, msg);
    if (e != ERR_OK)
        secret_free(&p->key);
    return e;
}

static enum err load_all(struct passphrase_provider *p, const struct envelope *envelope,
                         struct root_keys *keys, struct errmsg *msg)
{
    AUTO(prompt_secret_done) struct prompt_secret phrase = {NULL, 0};
    enum err e = ERR_OK;

    for (size_t i = 0; i < envelope->count && e == ERR_OK; i++) {
        e = unlock(p, &envelope->at[i], &phrase, &keys->at[i], msg);
        if (e == ERR_OK)
            keys->count++;
    }
    return e;
}

static enum err passphrase_load(struct provider *provider, struct root_keys *ret,
                                struct errmsg *msg)
{
    struct passphrase_provider *p = (struct passphrase_provider *)provider;
    AUTO(root_keys_done) struct root_keys keys = {.count = 0};
    AUTO(mem_free) struct envelope *envelope = mem_alloc(sizeof(*envelope));
    enum err e = envelope_read(p->path, provider_passphrase.scheme, envelope, msg);

    if (e == ERR_OK)
        e = load_all(p, envelope, &keys, msg);
    if (e != ERR_OK)
        return e;
    *ret = keys;
    keys.count = 0;
    return ERR_OK;
}

/* ---- changing ---- */

/* Before anybody has to type. */
static enum err refuse_existing(const struct passphrase_provider *p, uint32_t epoch,
                                struct errmsg *msg)
{
    AUTO(mem_free) struct envelope *envelope = mem_alloc(sizeof(*envelope));
    enum err e = envelope_read(p->path, provider_passphrase.scheme, envelope, msg);

    if (e == ERR_OK && envelope->at[envelope->count - 1].epoch >= epoch)
        return errmsg_set(msg, ERR_CONFLICT, "%s: holds epoch %u already; nothing was changed",
                          p->path, envelope->at[envelope->count - 1].epoch);
    return e;
}

static enum err passphrase_add(struct provider *provider, uint32_t epoch, struct root_key *ret,
                               struct errmsg *msg)
{
    struct passphrase_provider *p = (struct passphrase_provider *)provider;
    AUTO(root_keys_done) struct root_keys keys = {.count = 0};
    AUTO(root_key_done) struct root_key fresh = {.bytes = NULL};
    AUTO(mem_free) struct envelope_line *line = mem_alloc(sizeof(*line));
    enum err e = refuse_existing(p, epoch, msg);

    if (e == ERR_OK)
        e = passphrase_load(provider, &keys, msg);
    if (e == ERR_NOT_FOUND)
        e = new_key(p, msg);
    if (e != ERR_OK)
        return e;
    fresh.epoch = epoch;
    fresh.bytes = secret_alloc(ROOT_KEY_BYTES);
    secret_random(fresh.bytes, ROOT_KEY_BYTES);
    seal_line(p, &fresh, line);
    e = envelope_add(p->path, provider_passphrase.scheme, line, msg);
    if (e != ERR_OK)
        return e;
    *ret = fresh;
    fresh.bytes = NULL;
    return ERR_OK;
}

static enum err passphrase_drop(struct provider *provider, uint32_t epoch, struct errmsg *msg)
{
    return envelope_drop(((struct passphrase_provider *)provider)->path, provider_passphrase.scheme,
                         epoch, msg);
}

static void passphrase_close(struct provider *provider)
{
    struct passphrase_provider *p = (struct passphrase_provider *)provider;

    secret_free(&p->key);
    free(p->path);
    free(p);
}

static enum err passphrase_read(struct conf_node node, struct prompt *prompt,
                                struct provider **ret_provider, struct errmsg *msg)
{
    const char *path = json_str_of(node.value) + strlen("passphrase:");
    struct passphrase_provider *p;

    /* A passphrase in the place of the path would not look like one. */
    if (strchr(path, '/') == NULL && strchr(path, '.') == NULL)
        return conf_fail(
            node, msg,
            "\"%s\": passphrase:PATH names the file of the wrapped key (with a folder or "
            "an ending, such as ./root.key), never the passphrase",
            node.name);
    p = mem_alloc(sizeof(*p));
    p->provider.ops = &provider_passphrase;
    p->prompt = prompt;
    p->path = conf_path(node, path);
    REQUIRE(asprintf(&p->provider.name, "passphrase:%s", p->path) > 0);
    *ret_provider = &p->provider;
    return ERR_OK;
}

const struct provider_ops provider_passphrase = {
    .scheme = "passphrase",
    .read = passphrase_read,
    .load = passphrase_load,
    .add = passphrase_add,
    .drop = passphrase_drop,
    .close = passphrase_close,
};
