/* SPDX-License-Identifier: Apache-2.0 */
/* The keys' half of a backup: there is one copy only, and the one before is overwritten.
 * Runs on: a worker thread; blocks. Holds: nothing. Invariant: at every moment keys.slab of the
 * directory is whole and one of the manifests beside it fits. Not here: the data (backup.c).
 *
 *   .keys.slab.part written, synced -> keys.json.next written, synced -> the two key files change
 *     places -> keys.json.next becomes keys.json -> the old keys (now the part) zeroed, removed */
#include "vault/backup_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/fault.h"
#include "vault/file_priv.h"
#include "vault/slab_format_priv.h"

enum { RUN_BYTES = 64 << 10, TRIES = 4 };

enum err vault__file_digest(const char *path, uint8_t ret[CRYPTO_HASH_BYTES], uint64_t *ret_bytes)
{
    AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    AUTO(mem_free) uint8_t *run = mem_alloc(RUN_BYTES);
    struct digest hash;
    uint64_t at = 0;
    size_t got = 0;

    if (fd < 0)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    digest_begin(&hash);
    do {
        enum err e = vault__file_read(fd, run, RUN_BYTES, at, &got);

        if (e != ERR_OK)
            return e;
        digest_add(&hash, run, got);
        at += got;
    } while (got == RUN_BYTES);
    digest_end(&hash, ret);
    *ret_bytes = at;
    return ERR_OK;
}

/* ---- before ---- */

/* A backup that was killed may have left a part, and the manifest of keys that are in place. */
static enum err finish_earlier(const char *dir)
{
    AUTO(mem_free) char *slab = vault__path(dir, BACKUP_KEYS);
    AUTO(mem_free) char *part = vault__path(dir, BACKUP_KEYS_PART);
    AUTO(mem_free) char *json = vault__path(dir, BACKUP_KEYS_JSON);
    AUTO(mem_free) char *next = vault__path(dir, BACKUP_KEYS_JSON_NEW);
    struct manifest_signature signature;
    uint8_t digest[CRYPTO_HASH_BYTES];
    struct manifest m;
    uint64_t bytes;
    enum err e = manifest_read(next, &m, &signature);

    if (e == ERR_OK && vault__file_digest(slab, digest, &bytes) == ERR_OK &&
        memcmp(digest, m.sha256, sizeof(digest)) == 0)
        e = rename(next, json) == 0 ? ERR_OK : ERR_IO;
    else
        e = unlink(next) == 0 || errno == ENOENT ? ERR_OK : ERR_IO;
    if (e == ERR_OK)
        e = vault__folder_sync(slab);
    return e == ERR_OK ? vault__file_wipe(part) : e;
}

enum err vault__keys_tidy(const char *dir, const uint8_t store_id[VAULT_ID_BYTES],
                          struct errmsg *msg)
{
    AUTO(mem_free) char *path = vault__path(dir, BACKUP_KEYS);
    AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t both[SLAB_HEADER_BYTES];
    struct slab_header header;
    size_t got = 0;

    if (fd < 0 && errno != ENOENT)
        return errmsg_set(msg, ERR_IO, "%s: %s", path, strerror(errno));
    if (fd >= 0) {
        if (vault__file_read(fd, both, sizeof(both), 0, &got) != ERR_OK)
            return errmsg_set(msg, ERR_IO, "%s: cannot be read", path);
        if (got < sizeof(both) || !slab_header_newer(both, &header))
            return errmsg_set(msg, ERR_CONFLICT,
                              "%s: is no key file of this version; move it away, or name another "
                              "directory",
                              path);
        if (memcmp(header.store_id, store_id, VAULT_ID_BYTES) != 0)
            return errmsg_set(msg, ERR_CONFLICT,
                              "%s: holds the keys of another store; each store needs a directory "
                              "of its own for its keys",
                              path);
    }
    if (finish_earlier(dir) != ERR_OK)
        return errmsg_set(msg, ERR_IO, "%s: what an earlier backup left cannot be cleared away",
                          dir);
    return ERR_OK;
}

/* ---- the copy ---- */

/* From *at to the end of the slab as it is now. */
static enum err copy_slots(const struct slab *slab, int fd, uint8_t *run, uint64_t *at)
{
    size_t got = 0;

    do {
        enum err e = slab_bytes(slab, *at, run, RUN_BYTES, &got);

        if (e == ERR_OK)
            e = vault__file_write(fd, run, got, *at);
        if (e != ERR_OK)
            return e;
        *at += got;
        FAULT_POINT("backup.copying_keys");
    } while (got == RUN_BYTES);
    return ERR_OK;
}

static enum err read_header(const struct slab *slab, uint8_t both[SLAB_HEADER_BYTES],
                            struct slab_header *ret)
{
    size_t got = 0;
    enum err e = slab_bytes(slab, 0, both, SLAB_HEADER_BYTES, &got);

    if (e != ERR_OK)
        return e;
    return got == SLAB_HEADER_BYTES && slab_header_newer(both, ret) ? ERR_OK : ERR_CORRUPT;
}

/* The header goes last, and fits what was copied before it: no slot is of an epoch that it does not
 * name, and every slot that it counts is there. */
static enum err copy_once(const struct slab *slab, int fd, uint8_t *run, struct slab_header *ret)
{
    uint8_t both[SLAB_HEADER_BYTES];
    uint64_t at = SLAB_HEADER_BYTES;
    struct slab_header before;
    enum err e = read_header(slab, both, &before);

    do {
        if (e == ERR_OK)
            e = copy_slots(slab, fd, run, &at);
        if (e == ERR_OK)
            e = read_header(slab, both, ret);
    } while (e == ERR_OK && ret->used > (at - SLAB_HEADER_BYTES) / SLAB_SLOT_BYTES);
    if (e == ERR_OK && (ret->epoch != before.epoch || ret->old_epoch != before.old_epoch))
        return ERR_BUSY; /* a rotation began or ended */
    return e == ERR_OK ? vault__file_write(fd, both, sizeof(both), 0) : e;
}

enum err vault__keys_copy(const struct vault *v, const char *dir, struct manifest *m,
                          struct errmsg *msg)
{
    AUTO(mem_free) char *path = vault__path(dir, BACKUP_KEYS_PART);
    AUTO(fd_close)
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    AUTO(mem_free) uint8_t *run = mem_alloc(RUN_BYTES);
    struct slab_header header;
    enum err e = ERR_BUSY;

    if (fd < 0)
        return errmsg_set(msg, ERR_IO, "%s: cannot be made: %s", path, strerror(errno));
    for (int i = 0; e == ERR_BUSY && i < TRIES; i++)
        e = copy_once(v->slab, fd, run, &header);
    if (e == ERR_OK)
        e = vault__file_sync(fd);
    if (e == ERR_OK)
        e = vault__file_digest(path, m->sha256, &m->bytes);
    if (e != ERR_OK) {
        if (vault__file_wipe(path) != ERR_OK)
            (void)unlink(path);
        return errmsg_set(msg, e, "%s: cannot be written: %s", path, err_text(e));
    }
    m->epoch = header.epoch;
    m->rows = header.rows;
    m->slots = slab_slots_used(v->slab);
    return ERR_OK;
}

/* ---- into its place ---- */

/* Where the file system cannot exchange names the old copy loses its own and is overwritten then. */
static enum err replace_and_wipe(const char *part, const char *slab)
{
    static const uint8_t zeroes[RUN_BYTES];
    AUTO(fd_close) int old = open(slab, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    off_t len = old < 0 ? -1 : lseek(old, 0, SEEK_END);
    enum err e = len < 0 || rename(part, slab) != 0 ? ERR_IO : vault__folder_sync(slab);

    for (off_t at = 0; e == ERR_OK && at < len; at += RUN_BYTES)
        e = vault__file_write(old, zeroes, (size_t)(len - at < RUN_BYTES ? len - at : RUN_BYTES),
                              (uint64_t)at);
    return e == ERR_OK ? vault__file_sync(old) : e;
}

static enum err change_places(const char *part, const char *slab)
{
    if (access(slab, F_OK) != 0)
        return rename(part, slab) == 0 ? ERR_OK : ERR_IO;
    if (renameat2(AT_FDCWD, part, AT_FDCWD, slab, RENAME_EXCHANGE) == 0)
        return ERR_OK;
    if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
        return ERR_IO;
    return replace_and_wipe(part, slab);
}

enum err vault__keys_publish(const struct vault *v, const char *dir, const struct manifest *m,
                             struct errmsg *msg)
{
    AUTO(mem_free) char *slab = vault__path(dir, BACKUP_KEYS);
    AUTO(mem_free) char *part = vault__path(dir, BACKUP_KEYS_PART);
    AUTO(mem_free) char *json = vault__path(dir, BACKUP_KEYS_JSON);
    AUTO(mem_free) char *next = vault__path(dir, BACKUP_KEYS_JSON_NEW);
    enum err e = manifest_write(next, m, v);

    if (e == ERR_OK)
        e = vault__folder_sync(slab);
    FAULT_POINT("backup.keys_written");
    if (e == ERR_OK)
        e = change_places(part, slab);
    FAULT_POINT("backup.keys_placed");
    if (e == ERR_OK && rename(next, json) != 0)
        e = ERR_IO;
    if (e == ERR_OK)
        e = vault__folder_sync(slab);
    FAULT_POINT("backup.keys_noted");
    if (e == ERR_OK)
        e = vault__file_wipe(part);
    return e == ERR_OK ? e : errmsg_set(msg, e, "%s: cannot be replaced: %s", slab, err_text(e));
}
