/* SPDX-License-Identifier: Apache-2.0 */
/* The audit trail's part of a backup: its segments go where the data goes, since they hold no key and no value.
 * Runs on: the thread that backs up or restores; blocks. Holds: nothing after it returns. Invariant: a segment has
 * its name only when it is whole and durable; one that is complete is copied once; a trail that is there is never
 * replaced by an older one. Not here: whether it is whole (audit_verify.c).
 *
 *   DATA/audit-0123456789abcdef/000001.log ...   the store's, by the beginning of its id */
#include "vault/backup_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vault/audit_priv.h"

enum { COPY_BYTES = 1 << 20, NAMED_BYTES = 8 };

static char *folder_of(const char *data_dir, const uint8_t store_id[VAULT_ID_BYTES])
{
    char name[16 + 2 * NAMED_BYTES] = "audit-";

    for (size_t i = 0; i < NAMED_BYTES; i++)
        (void)snprintf(name + 6 + 2 * i, 3, "%02x", store_id[i]);
    return vault__path(data_dir, name);
}

static enum err copy_bytes(int from, int to)
{
    AUTO(mem_free) uint8_t *bytes = mem_try_alloc(1, COPY_BYTES);
    uint64_t at = 0;
    size_t got = 0;
    enum err e = bytes == NULL ? ERR_NO_SPACE : ERR_OK;

    while (e == ERR_OK) {
        e = vault__file_read(from, bytes, COPY_BYTES, at, &got);
        if (e != ERR_OK || got == 0)
            break;
        e = vault__file_write(to, bytes, got, at);
        at += got;
    }
    return e == ERR_OK ? vault__file_sync(to) : e;
}

static enum err copy_file(const char *from, const char *to)
{
    AUTO(fd_close) int source = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    AUTO(fd_close) int target = -1;
    AUTO(mem_free) char *part = NULL;
    enum err e;

    REQUIRE(asprintf(&part, "%s.part", to) > 0);
    if (source < 0)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    target = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    e = target < 0 ? ERR_IO : copy_bytes(source, target);
    if (e == ERR_OK && rename(part, to) != 0)
        e = ERR_IO;
    if (e == ERR_OK)
        return vault__folder_sync(to);
    (void)unlink(part);
    return e;
}

static enum err need_folder(const char *dir)
{
    if (mkdir(dir, 0700) == 0)
        return vault__folder_sync(dir);
    return errno == EEXIST ? ERR_OK : ERR_IO;
}

static char *segment_in(const char *folder, uint64_t number)
{
    AUTO(mem_free) char *path = audit_segment_path("", number); /* "/audit/000001.log" */

    return vault__path(folder, strrchr(path, '/') + 1);
}

/* Its successor is there, too: nothing came to it any more when it was copied. */
static bool is_copied(const char *folder, uint64_t number)
{
    AUTO(mem_free) char *own = segment_in(folder, number);
    AUTO(mem_free) char *next = segment_in(folder, number + 1);

    return access(own, F_OK) == 0 && access(next, F_OK) == 0;
}

enum err vault__audit_backup(const struct vault *v, const char *data_dir, struct errmsg *msg)
{
    AUTO(mem_free) char *folder = folder_of(data_dir, slab_store_id(v->slab));
    uint64_t first = 0, last = 0;
    enum err e = audit_segment_range(v->dir, &first, &last);

    if (e == ERR_OK && first > 0)
        e = need_folder(folder);
    for (uint64_t n = first; e == ERR_OK && n > 0 && n <= last; n++) {
        AUTO(mem_free) char *from = audit_segment_path(v->dir, n);
        AUTO(mem_free) char *to = segment_in(folder, n);

        if (!is_copied(folder, n))
            e = copy_file(from, to);
        e = e == ERR_NOT_FOUND ? ERR_OK : e; /* retired just now */
    }
    return e == ERR_OK ? e
                       : errmsg_set(msg, e, "%s: the audit trail cannot be copied: %s", folder,
                                    err_text(e));
}

enum err vault__audit_restore(const char *data_file, const uint8_t store_id[VAULT_ID_BYTES],
                              const char *dir, struct errmsg *msg)
{
    AUTO(mem_free) char *copy = mem_strdup(data_file); /* dirname() writes into its argument */
    AUTO(mem_free) char *folder = folder_of(dirname(copy), store_id);
    AUTO(mem_free) char *target = vault__path(dir, AUDIT_DIR);
    uint64_t first = 0, last = 0;
    enum err e = audit_segment_range(dir, &first, &last);

    if (e != ERR_OK || first > 0 || access(folder, F_OK) != 0)
        return e == ERR_OK ? e : errmsg_set(msg, e, "%s: cannot be read", target);
    e = need_folder(target);
    for (uint64_t n = 1; e == ERR_OK; n++) {
        AUTO(mem_free) char *from = segment_in(folder, n);
        AUTO(mem_free) char *to = audit_segment_path(dir, n);

        e = copy_file(from, to);
        last = e == ERR_OK ? n : last;
        if (e == ERR_NOT_FOUND && last == 0 && n < LIMIT_AUDIT_SEGMENTS_MAX)
            e = ERR_OK; /* the first ones were retired */
    }
    return e == ERR_NOT_FOUND ? ERR_OK
                              : errmsg_set(msg, e, "%s: the audit trail cannot be put back: %s",
                                           target, err_text(e));
}
