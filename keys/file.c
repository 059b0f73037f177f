/* SPDX-License-Identifier: Apache-2.0 */
/* The provider file: (and the lines it shares with credential:). One line a version, ascending:
 * "lethe-root-1 EPOCH HEX", readable by its owner only.
 * Runs on: the caller's thread, one at a time; blocks. Holds: the path. Invariant: no key byte
 * stands in memory that is not wiped. Not here: what the key wraps. */
#include "keys/file_priv.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/secret.h"
#include "keys/keyfile_priv.h"
#include "keys/line_priv.h"

static const char MAGIC[] = "lethe-root-1";

enum {
    HEX_LEN = 2 * ROOT_KEY_BYTES,
    LINE_MAX_LEN = sizeof(MAGIC) + KEYS_EPOCH_DIGITS_MAX + 1 + HEX_LEN + 1,
    TEXT_MAX = ROOT_KEYS_MAX * LINE_MAX_LEN
};

struct file_provider {
    struct provider provider;
    char *path;
};

/* ---- the lines ---- */

/* 0-9 a-f without a branch or table that depends on the digit; 0xff for anything else. */
static unsigned hex_digit(uint8_t c)
{
    unsigned number = (unsigned)c - '0', letter = (unsigned)c - 'a';
    unsigned is_number = number < 10, is_letter = letter < 6;

    return (is_number * number) | (is_letter * (letter + 10)) |
           (0xffu * (1u - (is_number | is_letter)));
}

static bool parse_hex(struct span hex, uint8_t key[ROOT_KEY_BYTES])
{
    unsigned bad = 0;

    if (hex.len != HEX_LEN)
        return false;
    for (size_t i = 0; i < ROOT_KEY_BYTES; i++) {
        unsigned high = hex_digit((uint8_t)hex.at[2 * i]);
        unsigned low = hex_digit((uint8_t)hex.at[2 * i + 1]);

        bad |= (high | low) & 0x80;
        key[i] = (uint8_t)(high << 4 | low);
    }
    return bad == 0;
}

static void format_hex(const uint8_t key[ROOT_KEY_BYTES], uint8_t *hex)
{
    for (size_t i = 0; i < HEX_LEN; i++) {
        unsigned byte = key[i / 2], nibble = i % 2 == 0 ? byte >> 4 : byte & 15;

        hex[i] = (uint8_t)('0' + nibble + (unsigned)(nibble > 9) * ('a' - '0' - 10u));
    }
}

static bool parse(struct span text, struct root_keys *keys)
{
    struct span line, hex;

    while (keys__line_next(&text, &line)) {
        struct root_key *to = &keys->at[keys->count];

        if (keys->count == ROOT_KEYS_MAX)
            return false;
        *to = (struct root_key){.bytes = secret_alloc(ROOT_KEY_BYTES)};
        keys->count++;
        if (!keys__line_head(line, MAGIC, &to->epoch, &hex) || !parse_hex(hex, to->bytes) ||
            (keys->count > 1 && to->epoch <= to[-1].epoch))
            return false;
    }
    return keys->count > 0;
}

/* Into guarded memory of TEXT_MAX; how much was used. */
static size_t format(const struct root_key *const keys[], size_t count, uint8_t *text)
{
    size_t at = 0;

    for (size_t i = 0; i < count; i++) {
        at += (size_t)snprintf((char *)text + at, LINE_MAX_LEN, "%s %" PRIu32 " ", MAGIC,
                               keys[i]->epoch);
        format_hex(keys[i]->bytes, text + at);
        at += HEX_LEN;
        text[at++] = '\n';
    }
    return at;
}

/* ---- the file ---- */

enum err keys__lines_load(const char *path, bool credential, struct root_keys *ret,
                          struct errmsg *msg)
{
    AUTO(root_keys_done) struct root_keys keys = {.count = 0};
    AUTO(secret_free) uint8_t *text = NULL;
    size_t len = 0;
    enum err e = (credential ? keys__keyfile_read_credential
                             : keys_keyfile_read)(path, "the root key", TEXT_MAX, &text, &len, msg);

    if (e != ERR_OK)
        return e;
    if (!parse(span_of(text, len), &keys))
        return errmsg_set(msg, ERR_SEALED,
                          "%s: is no root key: one line \"%s EPOCH HEX\" a version is expected, "
                          "ascending, at most %d",
                          path, MAGIC, ROOT_KEYS_MAX);
    *ret = keys;
    keys.count = 0;
    return ERR_OK;
}

static enum err write_lines(const char *path, const struct root_key *const keys[], size_t count,
                            bool replaces, struct errmsg *msg)
{
    AUTO(secret_free) uint8_t *text = secret_alloc(TEXT_MAX + 1);
    size_t len = format(keys, count, text);

    return replaces ? keys__keyfile_replace(path, text, len, msg)
                    : keys__keyfile_create(path, text, len, msg);
}

/* ---- the provider ---- */

static enum err file_load(struct provider *p, struct root_keys *ret, struct errmsg *msg)
{
    return keys__lines_load(((struct file_provider *)p)->path, false, ret, msg);
}

static enum err file_add(struct provider *p, uint32_t epoch, struct root_key *ret,
                         struct errmsg *msg)
{
    const char *path = ((struct file_provider *)p)->path;
    AUTO(root_keys_done) struct root_keys keys = {.count = 0};
    AUTO(root_key_done) struct root_key fresh = {.bytes = NULL};
    const struct root_key *lines[ROOT_KEYS_MAX];
    enum err e = keys__lines_load(path, false, &keys, msg);
    size_t count = 0;

    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    if (keys.count == ROOT_KEYS_MAX || (keys.count > 0 && root_keys_newest(&keys)->epoch >= epoch))
        return errmsg_set(msg, ERR_CONFLICT,
                          "%s: holds epoch %" PRIu32 " already; nothing was changed", path,
                          root_keys_newest(&keys)->epoch);
    fresh.epoch = epoch;
    fresh.bytes = secret_alloc(ROOT_KEY_BYTES);
    secret_random(fresh.bytes, ROOT_KEY_BYTES);
    for (; count < keys.count; count++)
        lines[count] = &keys.at[count];
    lines[count++] = &fresh;
    e = write_lines(path, lines, count, keys.count > 0, msg);
    if (e != ERR_OK)
        return e;
    *ret = fresh;
    fresh.bytes = NULL;
    return ERR_OK;
}

static enum err file_drop(struct provider *p, uint32_t epoch, struct errmsg *msg)
{
    const char *path = ((struct file_provider *)p)->path;
    AUTO(root_keys_done) struct root_keys keys = {.count = 0};
    const struct root_key *lines[ROOT_KEYS_MAX];
    enum err e = keys__lines_load(path, false, &keys, msg);
    size_t count = 0;

    if (e != ERR_OK)
        return e == ERR_NOT_FOUND ? keys__keyfile_settle(path, msg) : e;
    for (size_t i = 0; i < keys.count; i++) {
        if (keys.at[i].epoch != epoch)
            lines[count++] = &keys.at[i];
    }
    if (count == keys.count)
        return keys__keyfile_settle(path, msg);
    return count == 0 ? keys__keyfile_destroy(path, msg)
                      : write_lines(path, lines, count, true, msg);
}

static void file_close(struct provider *p)
{
    free(((struct file_provider *)p)->path);
    free(p);
}

static enum err file_read(struct conf_node node, struct prompt *prompt UNUSED,
                          struct provider **ret_provider, struct errmsg *msg)
{
    const char *path = json_str_of(node.value) + strlen("file:");
    struct file_provider *f;

    if (*path == '\0')
        return conf_fail(node, msg, "\"%s\" names no path", node.name);
    f = mem_alloc(sizeof(*f));
    f->provider.ops = &provider_file;
    f->path = conf_path(node, path);
    REQUIRE(asprintf(&f->provider.name, "file:%s", f->path) > 0);
    *ret_provider = &f->provider;
    return ERR_OK;
}

const struct provider_ops provider_file = {
    .scheme = "file",
    .read = file_read,
    .load = file_load,
    .add = file_add,
    .drop = file_drop,
    .close = file_close,
};
