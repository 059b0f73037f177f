/* SPDX-License-Identifier: Apache-2.0 */
/* The root key in a file: "lethe-root-1 EPOCH HEX", one line, readable by its owner only.
 * Runs on: the thread that starts or stops the program; blocks. Holds: the key in guarded memory.
 * Invariant: no key byte stands in memory that is not wiped. Not here: what the key wraps. */
#include "vault/rootkey.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/secret.h"
#include "vault/file_priv.h"

static const char MAGIC[] = "lethe-root-1 ";

enum {
    MAGIC_LEN = sizeof(MAGIC) - 1,
    EPOCH_DIGITS_MAX = 10,
    HEX_LEN = 2 * ROOT_KEY_BYTES,
    LINE_MAX_LEN = MAGIC_LEN + EPOCH_DIGITS_MAX + 1 + HEX_LEN + 1
};

/* ---- the line ---- */

/* 0-9 a-f without a branch or table that depends on the digit; 0xff for anything else. */
static unsigned hex_digit(uint8_t c)
{
    unsigned number = (unsigned)c - '0', letter = (unsigned)c - 'a';
    unsigned is_number = number < 10, is_letter = letter < 6;

    return (is_number * number) | (is_letter * (letter + 10)) |
           (0xffu * (1u - (is_number | is_letter)));
}

static bool parse_hex(const uint8_t *hex, uint8_t key[ROOT_KEY_BYTES])
{
    unsigned bad = 0;

    for (size_t i = 0; i < ROOT_KEY_BYTES; i++) {
        unsigned high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);

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

static bool parse_line(const uint8_t *line, size_t len, uint32_t *ret_epoch,
                       uint8_t key[ROOT_KEY_BYTES])
{
    uint64_t epoch = 0;
    size_t at = MAGIC_LEN;

    if (len < MAGIC_LEN || memcmp(line, MAGIC, MAGIC_LEN) != 0)
        return false;
    if (at < len && line[at] == '0')
        return false;
    while (at < len && line[at] >= '0' && line[at] <= '9' && at < MAGIC_LEN + EPOCH_DIGITS_MAX)
        epoch = epoch * 10 + (line[at++] - '0');
    if (epoch == 0 || epoch > UINT32_MAX || at >= len || line[at++] != ' ')
        return false;
    if (len - at == HEX_LEN + 1 && line[len - 1] == '\n')
        len--;
    if (len - at != HEX_LEN || !parse_hex(line + at, key))
        return false;
    *ret_epoch = (uint32_t)epoch;
    return true;
}

/* ---- the file ---- */

static enum err check_owner(const char *path, int fd, struct errmsg *msg)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return errmsg_set(msg, ERR_SEALED, "%s: cannot be examined: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return errmsg_set(msg, ERR_SEALED, "%s: the root key must be a regular file", path);
    if ((st.st_mode & 077) != 0)
        return errmsg_set(msg, ERR_SEALED,
                          "%s: the root key is open to others (mode %04o); run: chmod 0400 %s",
                          path, (unsigned)st.st_mode & 07777, path);
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return errmsg_set(msg, ERR_SEALED,
                          "%s: the root key belongs to another user (uid %u); run: chown %u %s",
                          path, (unsigned)st.st_uid, (unsigned)geteuid(), path);
    return ERR_OK;
}

enum err root_key_load(const char *provider, struct root_keys *ret, struct errmsg *msg)
{
    AUTO(vault__fd_close) int fd = -1;
    AUTO(secret_free) uint8_t *line = NULL;
    AUTO(secret_free) uint8_t *key = NULL;
    const char *path;
    uint32_t epoch = 0;
    size_t got = 0;
    enum err e;

    if (strncmp(provider, "file:", 5) != 0)
        return errmsg_set(
            msg, ERR_SEALED,
            "the root key's provider is not available in this version: use file:PATH");
    path = provider + 5;
    /* Not blocking, so that a FIFO put there is refused instead of waited for. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return errmsg_set(msg, ERR_SEALED, "%s: the root key cannot be read: %s", path,
                          strerror(errno));
    e = check_owner(path, fd, msg);
    if (e != ERR_OK)
        return e;
    line = secret_alloc(LINE_MAX_LEN + 1);
    key = secret_alloc(ROOT_KEY_BYTES);
    if (vault__file_read(fd, line, LINE_MAX_LEN + 1, 0, &got) != ERR_OK)
        return errmsg_set(msg, ERR_SEALED, "%s: the root key cannot be read", path);
    if (!parse_line(line, got, &epoch, key))
        return errmsg_set(msg, ERR_SEALED,
                          "%s: is no root key: one line \"lethe-root-1 EPOCH HEX\" is expected",
                          path);
    *ret = (struct root_keys){{{epoch, TAKE(key)}}, 1};
    return ERR_OK;
}

static enum err write_new(int fd, const char *path)
{
    AUTO(secret_free) uint8_t *line = secret_alloc(LINE_MAX_LEN);
    AUTO(secret_free) uint8_t *key = secret_alloc(ROOT_KEY_BYTES);
    size_t len = MAGIC_LEN;
    enum err e;

    secret_random(key, ROOT_KEY_BYTES);
    memcpy(line, MAGIC, MAGIC_LEN);
    line[len++] = '1';
    line[len++] = ' ';
    format_hex(key, line + len);
    len += HEX_LEN;
    line[len++] = '\n';
    if (fchmod(fd, 0400) != 0)
        return ERR_IO;
    e = vault__file_write(fd, line, len, 0);
    if (e == ERR_OK)
        e = vault__file_sync(fd);
    if (e == ERR_OK)
        e = vault__folder_sync(path);
    return e;
}

enum err root_key_create(const char *path, struct errmsg *msg)
{
    AUTO(vault__fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
    enum err e;

    if (fd < 0)
        return errmsg_set(msg, errno == EEXIST ? ERR_CONFLICT : ERR_IO,
                          "%s: the root key cannot be created: %s", path, strerror(errno));
    e = write_new(fd, path);
    if (e != ERR_OK) {
        (void)unlink(path);
        return errmsg_set(msg, e, "%s: the root key cannot be written", path);
    }
    return ERR_OK;
}

/* ---- keys in memory ---- */

const struct root_key *root_keys_find(const struct root_keys *keys, uint32_t epoch)
{
    for (size_t i = 0; i < keys->count; i++)
        if (keys->at[i].epoch == epoch)
            return &keys->at[i];
    return NULL;
}

const struct root_key *root_keys_newest(const struct root_keys *keys)
{
    return keys->count == 0 ? NULL : &keys->at[keys->count - 1];
}

void root_key_done(struct root_key *key)
{
    secret_free(&key->bytes);
    key->epoch = 0;
}

void root_keys_done(struct root_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        root_key_done(&keys->at[i]);
    keys->count = 0;
}
