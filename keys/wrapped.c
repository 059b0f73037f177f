/* SPDX-License-Identifier: Apache-2.0 */
/* Root keys in an envelope, whoever wraps them.
 * Runs on: one thread at a time; blocks. Holds: nothing beyond a call. Invariant: a key that does
 * not fit its line's check value is given to nobody. Not here: the file (keys/envelope.c), wrapping
 * (keys/transit_provider.c, keys/pkcs11.c). */
#include "keys/wrapped_priv.h"

#include <endian.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/secret.h"

static const char LABEL[] = "lethe root key check 1";

enum { CHECK_BYTES = SECRET_HASH_BYTES, LABEL_LEN = sizeof(LABEL) - 1 };

_Static_assert(KEYS_WRAPPED_MAX + CHECK_BYTES == ENVELOPE_BYTES_MAX, "a line holds both");

static void check_value(uint32_t epoch, const uint8_t *key, uint8_t ret[CHECK_BYTES])
{
    enum { EPOCH_AT = LABEL_LEN, KEY_AT = EPOCH_AT + sizeof(epoch) };
    AUTO(secret_free) uint8_t *text = secret_alloc(KEY_AT + ROOT_KEY_BYTES);
    uint32_t little = htole32(epoch);

    memcpy(text, LABEL, LABEL_LEN);
    memcpy(text + EPOCH_AT, &little, sizeof(little));
    memcpy(text + KEY_AT, key, ROOT_KEY_BYTES);
    secret_hash(text, KEY_AT + ROOT_KEY_BYTES, ret);
}

/* ---- lines ---- */

struct lines {
    struct envelope envelope;
    struct keys_wrapped wrapped; /* the one at hand */
};

static enum err read_lines(const struct keys_wrapper *w, struct lines *lines, struct errmsg *msg)
{
    enum err e = envelope_read(w->path, w->scheme, &lines->envelope, msg);

    for (size_t i = 0; e == ERR_OK && i < lines->envelope.count; i++) {
        if (lines->envelope.at[i].len <= CHECK_BYTES)
            e = errmsg_set(msg, ERR_SEALED, "%s: line %zu is cut short", w->path, i + 1);
    }
    return e;
}

static void strip(const struct envelope_line *line, struct keys_wrapped *ret)
{
    ret->epoch = line->epoch;
    ret->len = line->len - CHECK_BYTES;
    memcpy(ret->bytes, line->bytes + CHECK_BYTES, ret->len);
}

enum err keys__wrapped_lines(const struct keys_wrapper *w, struct keys_wrapped *ret,
                             size_t *ret_count, struct errmsg *msg)
{
    AUTO(mem_free) struct lines *lines = mem_alloc(sizeof(*lines));
    enum err e = read_lines(w, lines, msg);

    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < lines->envelope.count; i++)
        strip(&lines->envelope.at[i], &ret[i]);
    *ret_count = lines->envelope.count;
    return ERR_OK;
}

static enum err unwrap_line(const struct keys_wrapper *w, struct lines *lines, size_t i,
                            uint8_t *key, struct errmsg *msg)
{
    const struct envelope_line *line = &lines->envelope.at[i];
    uint8_t check[CHECK_BYTES];
    enum err e;

    strip(line, &lines->wrapped);
    e = w->unwrap(w->context, &lines->wrapped, key, msg);
    if (e != ERR_OK)
        return e;
    check_value(line->epoch, key, check);
    if (secret_equal(check, line->bytes, CHECK_BYTES))
        return ERR_OK;
    secret_wipe(key, ROOT_KEY_BYTES);
    return errmsg_set(msg, ERR_SEALED,
                      "%s: what was unwrapped for epoch %" PRIu32 " is not the root key that was "
                      "wrapped",
                      w->path, line->epoch);
}

/* ---- load, try ---- */

enum err keys__wrapped_load(const struct keys_wrapper *w, struct root_keys *ret, struct errmsg *msg)
{
    AUTO(mem_free) struct lines *lines = mem_alloc(sizeof(*lines));
    AUTO(root_keys_done) struct root_keys keys = {.count = 0};
    enum err e = read_lines(w, lines, msg);

    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < lines->envelope.count; i++) {
        struct root_key *to = &keys.at[keys.count++];

        *to = (struct root_key){.epoch = lines->envelope.at[i].epoch,
                                .bytes = secret_alloc(ROOT_KEY_BYTES)};
        if (unwrap_line(w, lines, i, to->bytes, msg) != ERR_OK)
            return ERR_SEALED;
    }
    *ret = keys;
    keys.count = 0;
    return ERR_OK;
}

enum err keys__wrapped_try(const struct keys_wrapper *w, struct errmsg *msg)
{
    AUTO(mem_free) struct lines *lines = mem_alloc(sizeof(*lines));
    AUTO(secret_free) uint8_t *key = secret_alloc(ROOT_KEY_BYTES);
    enum err e = read_lines(w, lines, msg);

    if (e != ERR_OK)
        return ERR_SEALED;
    return unwrap_line(w, lines, lines->envelope.count - 1, key, msg);
}

/* ---- add ---- */

static enum err wrap_line(const struct keys_wrapper *w, struct lines *lines,
                          const struct root_key *key, struct envelope_line *line,
                          struct errmsg *msg)
{
    AUTO(mem_free) struct keys_wrapped *newest = NULL;
    AUTO(secret_free) uint8_t *again = secret_alloc(ROOT_KEY_BYTES);
    enum err e;

    if (lines->envelope.count > 0) {
        newest = mem_alloc(sizeof(*newest));
        strip(&lines->envelope.at[lines->envelope.count - 1], newest);
    }
    lines->wrapped.epoch = key->epoch;
    e = w->wrap(w->context, newest, key->bytes, &lines->wrapped, msg);
    if (e != ERR_OK)
        return e == ERR_UNSUPPORTED ? e : ERR_SEALED;
    /* what cannot be unwrapped must never hold a store's only key */
    if (w->unwrap(w->context, &lines->wrapped, again, msg) != ERR_OK)
        return ERR_SEALED;
    if (!secret_equal(again, key->bytes, ROOT_KEY_BYTES))
        return errmsg_set(msg, ERR_SEALED,
                          "%s: the root key does not come back as it was wrapped; nothing was "
                          "changed",
                          w->path);
    line->epoch = key->epoch;
    line->len = CHECK_BYTES + lines->wrapped.len;
    check_value(key->epoch, key->bytes, line->bytes);
    memcpy(line->bytes + CHECK_BYTES, lines->wrapped.bytes, lines->wrapped.len);
    return ERR_OK;
}

enum err keys__wrapped_add(const struct keys_wrapper *w, uint32_t epoch, struct root_key *ret,
                           struct errmsg *msg)
{
    AUTO(mem_free) struct lines *lines = mem_alloc(sizeof(*lines));
    AUTO(mem_free) struct envelope_line *line = mem_alloc(sizeof(*line));
    AUTO(root_key_done) struct root_key key = {.bytes = NULL};
    enum err e = read_lines(w, lines, msg);
    size_t count;

    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    if (e == ERR_NOT_FOUND)
        lines->envelope.count = 0;
    count = lines->envelope.count;
    if (count == ROOT_KEYS_MAX || (count > 0 && lines->envelope.at[count - 1].epoch >= epoch))
        return errmsg_set(msg, ERR_CONFLICT,
                          "%s: holds epoch %" PRIu32 " already; nothing was changed", w->path,
                          lines->envelope.at[count - 1].epoch);
    key = (struct root_key){.epoch = epoch, .bytes = secret_alloc(ROOT_KEY_BYTES)};
    secret_random(key.bytes, ROOT_KEY_BYTES);
    e = wrap_line(w, lines, &key, line, msg);
    if (e == ERR_OK)
        e = envelope_add(w->path, w->scheme, line, msg);
    if (e != ERR_OK)
        return e;
    ret->epoch = key.epoch;
    ret->bytes = TAKE(key.bytes);
    return ERR_OK;
}

/* ---- configuration and lease ---- */

enum err keys__conf_path(struct conf_node map, const char *name, char **ret, struct errmsg *msg)
{
    struct conf_node node = conf_get(map, name);
    const char *path = NULL;
    enum err e = conf_str(node, &path, msg);

    if (e != ERR_OK || path == NULL)
        return e;
    if (*path == '\0')
        return conf_fail(node, msg, "\"%s\" names no path", name);
    *ret = conf_path(node, path);
    return ERR_OK;
}

enum err keys__conf_span_ms(struct conf_node map, const char *name, int64_t min_ms, int64_t max_ms,
                            int64_t *ret, struct errmsg *msg)
{
    struct conf_node node = conf_get(map, name);
    int64_t ms = *ret;
    enum err e = conf_duration_ms(node, &ms, msg);

    if (e != ERR_OK)
        return e;
    if (ms < min_ms || ms > max_ms)
        return conf_fail(node, msg, "\"%s\" must be between %" PRId64 "ms and %" PRId64 "s", name,
                         min_ms, max_ms / 1000);
    *ret = ms;
    return ERR_OK;
}

int64_t keys__again_ms(int64_t lease_ms, bool failed)
{
    enum { MIN_MS = 1000, MAX_MS = 60000, FAILED_MAX_MS = 10000 };
    int64_t again = lease_ms / 3, max = failed ? FAILED_MAX_MS : MAX_MS;

    return again < MIN_MS ? MIN_MS : again > max ? max : again;
}
