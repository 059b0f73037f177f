/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that a configuration names as files: of callers, of scrapers.
 * Runs on: any thread; blocks on the file. Holds: nothing; a key is wiped as soon as it is hashed.
 * Not here: who may use one. */
#include "base/conf_key.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/owner.h"

/* A key file as it must be: regular, the process's or root's own, closed to everybody else. */
static enum err check_key_file(struct conf_node node, const char *path, int fd, struct errmsg *msg)
{
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return conf_fail(node, msg, "the key file %s is not a regular file", path);
    if (!owner_is_ours(st.st_uid))
        return conf_fail(node, msg, "the key file %s belongs to another user", path);
    if ((st.st_mode & 077) != 0)
        return conf_fail(node, msg, "the key file %s is open to others: chmod 0400 it", path);
    return ERR_OK;
}

static enum err read_key(struct conf_node node, const char *path, int fd, struct buf *out,
                         struct errmsg *msg)
{
    char key[CONF_KEY_MAX + 3]; /* style 7.9: wiped below, on every path */
    ssize_t got = read(fd, key, sizeof(key));
    size_t len = got < 0 ? 0 : (size_t)got;
    enum err e = ERR_OK;

    while (len > 0 && (key[len - 1] == '\n' || key[len - 1] == '\r'))
        len--;
    if (got < 0)
        e = conf_fail(node, msg, "the key file %s cannot be read: %s", path, strerror(errno));
    else if (len < CONF_KEY_MIN || len > CONF_KEY_MAX)
        e = conf_fail(node, msg, "the key in %s must have %d to %d characters", path, CONF_KEY_MIN,
                      CONF_KEY_MAX);
    for (size_t i = 0; e == ERR_OK && i < len; i++)
        if (key[i] <= ' ' || key[i] > '~')
            e = conf_fail(node, msg, "the key in %s may hold visible ASCII only", path);
    if (e == ERR_OK)
        e = buf_append(out, key, len);
    secret_wipe(key, sizeof(key));
    return e;
}

enum err conf_key_read(struct conf_node node, struct buf *out, struct errmsg *msg)
{
    const char *text = NULL;
    AUTO(mem_free) char *path = NULL;
    enum err e = conf_str(node, &text, msg);
    int fd;

    if (e != ERR_OK)
        return e;
    if (strncmp(text, "file:", 5) != 0 || text[5] == '\0')
        return conf_fail(node, msg, "a key is named as file:PATH; it never stands here itself");
    path = conf_path(node, text + 5);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return conf_fail(node, msg, "the key file %s cannot be opened: %s", path, strerror(errno));
    e = check_key_file(node, path, fd, msg);
    if (e == ERR_OK)
        e = read_key(node, path, fd, out, msg);
    (void)close(fd);
    return e;
}

enum err conf_key_hash(struct conf_node node, uint8_t ret_hash[SECRET_HASH_BYTES],
                       struct errmsg *msg)
{
    AUTO(buf_done) struct buf key = {.max = 0};
    enum err e;

    buf_init_secret(&key, CONF_KEY_MAX);
    e = conf_key_read(node, &key, msg);
    if (e == ERR_OK)
        secret_hash(key.bytes, key.len, ret_hash);
    return e;
}
