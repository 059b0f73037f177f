/* SPDX-License-Identifier: Apache-2.0 */
/* The envelope file.
 * Runs on: any thread, one at a time for a path; blocks. Holds: nothing. Invariant: what
 * keyfile_priv.h says. Not here: what wraps the keys. */
#include "keys/envelope.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/secret.h"
#include "keys/crypto_priv.h"
#include "keys/keyfile_priv.h"
#include "keys/line_priv.h"

static const char MAGIC[] = "lethe-root-wrapped-1";

enum {
    SCHEME_MAX = 16,
    LINE_MAX_LEN = sizeof(MAGIC) + KEYS_EPOCH_DIGITS_MAX + 1 + SCHEME_MAX + 1 +
                   KEYS_BASE64_LEN(ENVELOPE_BYTES_MAX) + 1,
    TEXT_MAX = ROOT_KEYS_MAX * LINE_MAX_LEN
};

/* ---- the text ---- */

static bool parse_line(struct span line, const char *scheme, struct envelope_line *ret)
{
    size_t scheme_len = strlen(scheme);
    struct span rest;

    if (!keys__line_head(line, MAGIC, &ret->epoch, &rest))
        return false;
    if (rest.len <= scheme_len || memcmp(rest.at, scheme, scheme_len) != 0 ||
        rest.at[scheme_len] != ' ')
        return false;
    rest = span_of(rest.at + scheme_len + 1, rest.len - scheme_len - 1);
    return keys__base64_read(rest, ret->bytes, sizeof(ret->bytes), &ret->len);
}

static bool parse(struct span text, const char *scheme, struct envelope *ret)
{
    struct span line;

    ret->count = 0;
    while (keys__line_next(&text, &line)) {
        struct envelope_line *to = &ret->at[ret->count];

        if (ret->count == ROOT_KEYS_MAX || !parse_line(line, scheme, to) ||
            (ret->count > 0 && to->epoch <= to[-1].epoch))
            return false;
        ret->count++;
    }
    return ret->count > 0;
}

/* ret_text: LINE_MAX_LEN a line; returns how much was used. */
static size_t format(const struct envelope *envelope, const char *scheme, char *text)
{
    size_t at = 0;

    for (size_t i = 0; i < envelope->count; i++) {
        const struct envelope_line *line = &envelope->at[i];

        at += (size_t)snprintf(text + at, LINE_MAX_LEN, "%s %" PRIu32 " %s ", MAGIC, line->epoch,
                               scheme);
        keys__base64_write(line->bytes, line->len, text + at);
        at += KEYS_BASE64_LEN(line->len);
        text[at++] = '\n';
    }
    return at;
}

/* ---- the file ---- */

enum err envelope_read(const char *path, const char *scheme, struct envelope *ret,
                       struct errmsg *msg)
{
    AUTO(secret_free) uint8_t *text = NULL;
    size_t len = 0;
    enum err e = keys_keyfile_read(path, "the root key", TEXT_MAX, &text, &len, msg);

    if (e != ERR_OK)
        return e;
    if (!parse(span_of(text, len), scheme, ret))
        return errmsg_set(msg, ERR_SEALED,
                          "%s: is no root key of this provider: lines \"%s EPOCH %s BASE64\" with "
                          "ascending epochs are expected (at most %d)",
                          path, MAGIC, scheme, ROOT_KEYS_MAX);
    return ERR_OK;
}

static enum err write_file(const char *path, const char *scheme, const struct envelope *envelope,
                           bool replaces, struct errmsg *msg)
{
    AUTO(mem_free) char *text = mem_alloc(TEXT_MAX + 1);
    size_t len = format(envelope, scheme, text);

    return replaces ? keys__keyfile_replace(path, (const uint8_t *)text, len, msg)
                    : keys__keyfile_create(path, (const uint8_t *)text, len, msg);
}

enum err envelope_add(const char *path, const char *scheme, const struct envelope_line *line,
                      struct errmsg *msg)
{
    AUTO(mem_free) struct envelope *envelope = mem_alloc(sizeof(*envelope));
    enum err e = envelope_read(path, scheme, envelope, msg);
    bool replaces = e == ERR_OK;

    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    if (replaces && (envelope->count == ROOT_KEYS_MAX ||
                     envelope->at[envelope->count - 1].epoch >= line->epoch))
        return errmsg_set(msg, ERR_CONFLICT,
                          "%s: holds epoch %" PRIu32 " already; nothing was changed", path,
                          envelope->at[envelope->count - 1].epoch);
    envelope->at[envelope->count++] = *line;
    return write_file(path, scheme, envelope, replaces, msg);
}

enum err envelope_drop(const char *path, const char *scheme, uint32_t epoch, struct errmsg *msg)
{
    AUTO(mem_free) struct envelope *envelope = mem_alloc(sizeof(*envelope));
    enum err e = envelope_read(path, scheme, envelope, msg);
    size_t kept = 0;

    if (e != ERR_OK)
        return e == ERR_NOT_FOUND ? keys__keyfile_settle(path, msg) : e;
    for (size_t i = 0; i < envelope->count; i++) {
        if (envelope->at[i].epoch != epoch)
            envelope->at[kept++] = envelope->at[i];
    }
    if (kept == envelope->count)
        return keys__keyfile_settle(path, msg);
    envelope->count = kept;
    return kept == 0 ? keys__keyfile_destroy(path, msg)
                     : write_file(path, scheme, envelope, true, msg);
}
