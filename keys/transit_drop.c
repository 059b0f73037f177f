/* SPDX-License-Identifier: Apache-2.0 */
/* Destroying a version of the root key: its line in the envelope, and with the version of the
 * Transit key that it was wrapped under every copy of that line elsewhere.
 * Runs on: one thread at a time; blocks. Holds: nothing. Invariant: a version of the Transit key is
 * destroyed only if a drop() of its line was asked for, and no line here needs it or one below.
 * Not here: requests (keys/transit.c).
 *
 * A drop ends in the server, where it can fail for long (no right, no connection), and a crash can
 * come between. So the version that is to go is first written to ENVELOPE.doomed, "lethe-doomed-1
 * VERSION\n", durably; the file goes when the server did it. Whoever finds it goes on from there. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "keys/keyfile_priv.h"
#include "keys/transit_provider_priv.h"

static const char MAGIC[] = "lethe-doomed-1 ";

enum { MAGIC_LEN = sizeof(MAGIC) - 1, DOOMED_MAX = MAGIC_LEN + 20 };

/* ---- lines ---- */

bool transit__wrapped_text(const struct keys_wrapped *in, char ret_text[TRANSIT_CIPHERTEXT_MAX + 1])
{
    if (in->len > TRANSIT_CIPHERTEXT_MAX || memchr(in->bytes, '\0', in->len) != NULL)
        return false;
    memcpy(ret_text, in->bytes, in->len);
    ret_text[in->len] = '\0';
    return transit__text_version(ret_text) > 0;
}

int64_t transit__wrapped_version(const struct keys_wrapped *in)
{
    char text[TRANSIT_CIPHERTEXT_MAX + 1];

    return transit__wrapped_text(in, text) ? transit__text_version(text) : 0;
}

struct lines {
    struct keys_wrapped at[ROOT_KEYS_MAX];
    size_t count;
};

/* No line needs this version or one below. */
static bool is_unneeded(const struct lines *lines, int64_t version)
{
    for (size_t i = 0; i < lines->count; i++) {
        if (transit__wrapped_version(&lines->at[i]) <= version)
            return false;
    }
    return true;
}

/* OK with no lines where there is no envelope. */
static enum err read_lines(const struct vault_provider *v, struct lines *ret, struct errmsg *msg)
{
    enum err e = keys__wrapped_lines(&v->wrapper, ret->at, &ret->count, msg);

    if (e == ERR_NOT_FOUND)
        ret->count = 0;
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* ---- the note ---- */

/* NOT_FOUND: nothing is doomed. */
static enum err read_doomed(const struct vault_provider *v, int64_t *ret_version,
                            struct errmsg *msg)
{
    AUTO(secret_free) uint8_t *text = NULL;
    char line[DOOMED_MAX + 1], *end;
    size_t len = 0;
    long long version;
    enum err e =
        keys_keyfile_read(v->doomed_file, "the note of a drop", DOOMED_MAX, &text, &len, msg);

    if (e != ERR_OK)
        return e;
    memcpy(line, text, len);
    line[len] = '\0';
    version = len > MAGIC_LEN && line[MAGIC_LEN] >= '1' && line[MAGIC_LEN] <= '9'
                  ? strtoll(line + MAGIC_LEN, &end, 10)
                  : 0;
    if (strncmp(line, MAGIC, MAGIC_LEN) != 0 || version <= 0 || strcmp(end, "\n") != 0)
        return errmsg_set(msg, ERR_SEALED, "%s: is no note of a drop: \"%sVERSION\" is expected",
                          v->doomed_file, MAGIC);
    *ret_version = version;
    return ERR_OK;
}

static enum err write_doomed(const struct vault_provider *v, int64_t version, struct errmsg *msg)
{
    char line[DOOMED_MAX + 1];
    int64_t before = 0;
    int len = snprintf(line, sizeof(line), "%s%" PRId64 "\n", MAGIC, version);
    enum err e = read_doomed(v, &before, msg);

    if (e == ERR_NOT_FOUND)
        return keys__keyfile_create(v->doomed_file, (const uint8_t *)line, (size_t)len, msg);
    if (e != ERR_OK || before >= version)
        return e;
    return keys__keyfile_replace(v->doomed_file, (const uint8_t *)line, (size_t)len, msg);
}

/* ---- the server ---- */

/* Destroy this version and those below. */
static enum err destroy_version(const struct vault_provider *v, int64_t version, struct errmsg *msg)
{
    const char *mount = v->options.mount, *name = v->options.key;
    struct transit_key key;
    int64_t next = version + 1;
    enum err e = transit__key_read(v->transit, &key, msg);

    if (e == ERR_OK && key.latest < next)
        e = transit__key_rotate(v->transit, msg);
    if (e == ERR_OK && key.min_available < next)
        e = transit__key_retire(v->transit, next, msg);
    if (e != ERR_DENIED && e != ERR_NOT_FOUND && e != ERR_INVALID)
        return e;
    return errmsg_set(
        msg, ERR_UNSUPPORTED,
        "%s: the server does not let Lethe destroy the old versions of %s/%s, so old copies of %s "
        "still open; run: vault write %s/keys/%s/config min_decryption_version=%" PRId64
        " min_encryption_version=%" PRId64 "; vault write %s/keys/%s/trim "
        "min_available_version=%" PRId64,
        v->address, mount, name, v->file, mount, name, next, next, mount, name, next);
}

/* Do what the note says. */
static enum err finish(const struct vault_provider *v, const struct lines *lines,
                       struct errmsg *msg)
{
    int64_t version = 0;
    enum err e = read_doomed(v, &version, msg);

    if (e != ERR_OK)
        return e == ERR_NOT_FOUND ? ERR_OK : e;
    if (!is_unneeded(lines, version))
        return errmsg_set(msg, ERR_CONFLICT,
                          "%s: version %" PRId64
                          " of %s/%s was to be destroyed, but %s still needs "
                          "it",
                          v->doomed_file, version, v->options.mount, v->options.key, v->file);
    e = destroy_version(v, version, msg);
    return e == ERR_OK ? keys__keyfile_destroy(v->doomed_file, msg) : e;
}

void transit__drop_finish(struct vault_provider *v)
{
    AUTO(mem_free) struct lines *lines = mem_alloc(sizeof(*lines));

    if (read_lines(v, lines, NULL) == ERR_OK)
        (void)!finish(v, lines, NULL);
}

/* The proof that old copies of the envelope are dead. */
static enum err try_dropped(const struct vault_provider *v, const struct keys_wrapped *dropped,
                            struct errmsg *msg)
{
    AUTO(secret_free) uint8_t *key = secret_alloc(ROOT_KEY_BYTES);
    enum err e = v->wrapper.unwrap(v->wrapper.context, dropped, key, msg);

    if (e != ERR_OK)
        return e == ERR_INVALID ? ERR_OK : e;
    return errmsg_set(msg, ERR_UNSUPPORTED,
                      "%s: the server said that it destroyed the old versions of %s/%s, but still "
                      "unwraps epoch %" PRIu32 " from old copies of %s",
                      v->address, v->options.mount, v->options.key, dropped->epoch, v->file);
}

enum err transit__drop(struct vault_provider *v, uint32_t epoch, struct errmsg *msg)
{
    AUTO(mem_free) struct lines *lines = mem_alloc(sizeof(*lines));
    AUTO(mem_free) struct keys_wrapped *dropped = NULL;
    enum err e = read_lines(v, lines, msg);
    size_t kept = 0;

    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < lines->count; i++) {
        if (lines->at[i].epoch != epoch) {
            lines->at[kept++] = lines->at[i];
        } else {
            dropped = mem_alloc(sizeof(*dropped));
            *dropped = lines->at[i];
        }
    }
    lines->count = kept;
    if (dropped != NULL && transit__wrapped_version(dropped) > 0)
        e = write_doomed(v, transit__wrapped_version(dropped), msg);
    if (e == ERR_OK)
        e = envelope_drop(v->file, v->wrapper.scheme, epoch, msg);
    if (e == ERR_OK)
        e = finish(v, lines, msg);
    return e == ERR_OK && dropped != NULL ? try_dropped(v, dropped, msg) : e;
}
