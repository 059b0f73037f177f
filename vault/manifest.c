/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests of backups: written, read, verified.
 * Runs on: a worker or the command line; blocks. Holds: nothing. Invariant: what is signed is built
 * from the members, so that a file with more or other members does not verify. Not here: what the
 * members are compared with (backup.c, restore.c). */
#include "vault/manifest_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "vault/file_priv.h"

enum { FILE_MAX_BYTES = 8192 };

static const char FORMAT[] = "lethe-backup-1";
static const char PURPOSE[] = "lethe-v1 backup"; /* signed with the zero byte that ends it */
static const char *const part_names[] = {[MANIFEST_DATA] = "data", [MANIFEST_KEYS] = "keys"};

/* ---- members ---- */

static void set_hex(struct json *map, const char *name, const uint8_t *bytes, size_t len)
{
    char text[2 * VAULT_SIGNATURE_BYTES + 1];

    for (size_t i = 0; i < 2 * len; i++)
        text[i] = "0123456789abcdef"[(bytes[i / 2] >> (i % 2 == 0 ? 4 : 0)) & 15];
    text[2 * len] = '\0';
    json_set_str(map, name, text);
}

static bool get_hex(const struct json *map, const char *name, uint8_t *ret, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const char *text = json_str_of(json_get(map, name));

    if (text == NULL || strlen(text) != 2 * len)
        return false;
    memset(ret, 0, len);
    for (size_t i = 0; i < 2 * len; i++) {
        const char *at = strchr(digits, text[i]);

        if (at == NULL)
            return false;
        ret[i / 2] = (uint8_t)(ret[i / 2] << 4 | (at - digits));
    }
    return true;
}

static bool get_text(const struct json *map, const char *name, char *ret, size_t size)
{
    const char *text = json_str_of(json_get(map, name));

    if (text == NULL || strlen(text) >= size)
        return false;
    memcpy(ret, text, strlen(text) + 1);
    return true;
}

static bool get_number(const struct json *map, const char *name, uint64_t *ret)
{
    int64_t n = json_int_of(json_get(map, name), -1);

    *ret = (uint64_t)n;
    return n >= 0;
}

static struct json *to_json(const struct manifest *m)
{
    struct json *map = json_new_map();

    json_set_str(map, "format", FORMAT);
    json_set_str(map, "part", part_names[m->part]);
    set_hex(map, "store", m->store, sizeof(m->store));
    set_hex(map, "backup", m->backup, sizeof(m->backup));
    json_set_str(map, "time", m->time);
    json_set_int(map, "epoch", m->epoch);
    json_set_int(map, "ledger_entries", (int64_t)m->entries);
    set_hex(map, "ledger_head", m->head, sizeof(m->head));
    json_set_int(map, "rows", (int64_t)m->rows);
    json_set_int(map, "slots", (int64_t)m->slots);
    json_set_str(map, "file", m->file);
    json_set_int(map, "bytes", (int64_t)m->bytes);
    set_hex(map, "sha256", m->sha256, sizeof(m->sha256));
    json_set_str(map, "version", m->version);
    return map;
}

static bool from_json(const struct json *map, struct manifest *m)
{
    const char *format = json_str_of(json_get(map, "format"));
    const char *part = json_str_of(json_get(map, "part"));
    uint64_t epoch = 0;

    if (format == NULL || strcmp(format, FORMAT) != 0 || part == NULL ||
        (strcmp(part, part_names[MANIFEST_DATA]) != 0 &&
         strcmp(part, part_names[MANIFEST_KEYS]) != 0))
        return false;
    m->part = strcmp(part, part_names[MANIFEST_DATA]) == 0 ? MANIFEST_DATA : MANIFEST_KEYS;
    if (!get_number(map, "epoch", &epoch) || epoch > UINT32_MAX)
        return false;
    m->epoch = (uint32_t)epoch;
    return get_hex(map, "store", m->store, sizeof(m->store)) &&
           get_hex(map, "backup", m->backup, sizeof(m->backup)) &&
           get_text(map, "time", m->time, sizeof(m->time)) &&
           get_number(map, "ledger_entries", &m->entries) &&
           get_hex(map, "ledger_head", m->head, sizeof(m->head)) &&
           get_number(map, "rows", &m->rows) && get_number(map, "slots", &m->slots) &&
           get_text(map, "file", m->file, sizeof(m->file)) && get_number(map, "bytes", &m->bytes) &&
           get_hex(map, "sha256", m->sha256, sizeof(m->sha256)) &&
           get_text(map, "version", m->version, sizeof(m->version));
}

/* ---- what is signed ---- */

static enum err signed_text(const struct manifest *m, struct buf *out)
{
    AUTO(json_free) struct json *map = to_json(m);
    enum err e = buf_append(out, PURPOSE, sizeof(PURPOSE));

    return e == ERR_OK ? json_write(map, out) : e;
}

bool manifest_is_signed(const struct manifest *m, const struct manifest_signature *signature,
                        const uint8_t public_key[VAULT_PUBLIC_BYTES])
{
    AUTO(buf_done) struct buf text = {.max = FILE_MAX_BYTES};

    return signed_text(m, &text) == ERR_OK &&
           vault__signature_is_valid(public_key, buf_span(&text), signature->bytes);
}

/* ---- files ---- */

enum err manifest_write(const char *path, const struct manifest *m, const struct vault *signer)
{
    AUTO(json_free) struct json *map = to_json(m);
    AUTO(buf_done) struct buf text = {.max = FILE_MAX_BYTES};
    AUTO(fd_close) int fd = -1;
    struct manifest_signature signature;
    enum err e = signed_text(m, &text);

    if (e == ERR_OK)
        e = vault_sign(signer, buf_span(&text), signature.bytes);
    if (e != ERR_OK)
        return e;
    set_hex(map, "signature", signature.bytes, sizeof(signature.bytes));
    buf_reset(&text);
    e = json_write_pretty(map, &text);
    if (e != ERR_OK)
        return e;
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return ERR_IO;
    e = vault__file_write(fd, text.bytes, text.len, 0);
    return e == ERR_OK ? vault__file_sync(fd) : e;
}

enum err manifest_read(const char *path, struct manifest *ret,
                       struct manifest_signature *ret_signature)
{
    AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    AUTO(json_free) struct json *map = NULL;
    char text[FILE_MAX_BYTES];
    struct manifest_signature signature;
    struct manifest m = {.part = MANIFEST_DATA};
    size_t len = 0;

    if (fd < 0)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    if (vault__file_read(fd, text, sizeof(text), 0, &len) != ERR_OK)
        return ERR_IO;
    if (len == sizeof(text) || json_parse(span_of(text, len), &map) != ERR_OK ||
        json_kind(map) != JSON_MAP || !from_json(map, &m) ||
        !get_hex(map, "signature", signature.bytes, sizeof(signature.bytes)))
        return ERR_CORRUPT;
    *ret = m;
    *ret_signature = signature;
    return ERR_OK;
}
