/* SPDX-License-Identifier: Apache-2.0 */
/* Files read through a window, for bytes that must not be there.
 * Runs on: any thread; blocks long. Holds: one window of memory during a call. Invariant: what lies
 * across two windows is found like anything else, and once. Not here: what it means. */
#include "vault/search_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "vault/audit_priv.h"
#include "vault/file_priv.h"
#include "vault/slab_format_priv.h"

enum { WINDOW_BYTES = 1 << 20, SUBJECT_AT = 16, THIRD = CRYPTO_WRAPPED_BYTES / 3 };

/* Any third of it counts: a page may have kept a part. */
static bool holds_wrapped(const uint8_t *bytes, size_t len, const uint8_t *wrapped)
{
    for (size_t at = 0; at < CRYPTO_WRAPPED_BYTES; at += THIRD)
        if (memmem(bytes, len, wrapped + at, THIRD) != NULL)
            return true;
    return false;
}

/* Slots that begin in the first `begin_before` bytes of the window, which stands at `offset`. */
static void find_slots(struct search *s, const char *name, const uint8_t *window, size_t len,
                       size_t begin_before, uint64_t offset)
{
    size_t from = 0;

    while (from < len) {
        const uint8_t *id = memmem(window + from, len - from, s->subject, VAULT_ID_BYTES);
        size_t at;

        if (id == NULL)
            return;
        at = (size_t)(id - window);
        from = at + 1;
        if (at < SUBJECT_AT || at - SUBJECT_AT >= begin_before ||
            len - (at - SUBJECT_AT) < SLAB_SLOT_BYTES ||
            !slab_slot_is_subject(window + at - SUBJECT_AT))
            continue;
        s->slots++;
        if (s->on_slot != NULL)
            s->on_slot(s->context, name, offset + at - SUBJECT_AT, window + at - SUBJECT_AT);
    }
}

/* Each step looks at what was kept of the window before and what is new. A slot is taken in the step
 * in which it lies whole and begins before what the next step keeps. */
static enum err search_windows(struct search *s, int fd, const char *name, uint8_t *window)
{
    uint64_t at = 0; /* in the file, of the first byte after the window's contents */
    size_t kept = 0;
    bool more = true;

    while (more) {
        size_t got = 0, len, next;
        enum err e = vault__file_read(fd, window + kept, WINDOW_BYTES - kept, at, &got);

        if (e != ERR_OK)
            return e;
        more = got > 0;
        at += got;
        s->bytes += got;
        len = kept + got;
        next = !more ? 0 : len < SLAB_SLOT_BYTES ? len : SLAB_SLOT_BYTES - 1;
        if (s->wrapped != NULL)
            s->wrapped_found = s->wrapped_found || holds_wrapped(window, len, s->wrapped);
        find_slots(s, name, window, len, len - next, at - len);
        kept = next;
        memmove(window, window + len - kept, kept);
    }
    return ERR_OK;
}

enum err search_file(struct search *s, int fd, const char *name)
{
    AUTO(mem_free) uint8_t *window = mem_try_alloc(1, WINDOW_BYTES);

    return window == NULL ? ERR_NO_SPACE : search_windows(s, fd, name, window);
}

/* A name that was listed and is gone since (the control socket of a server that stops) is no file. */
static enum err gone_or_failed(void)
{
    return errno == ENOENT ? ERR_OK : ERR_IO;
}

static enum err search_entry(struct search *s, int dir_fd, const char *name)
{
    AUTO(vault__fd_close) int fd = -1;
    struct stat st;

    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return gone_or_failed();
    if (!S_ISREG(st.st_mode))
        return ERR_OK;
    fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? gone_or_failed() : search_file(s, fd, name);
}

enum err search_folder(struct search *s, const char *dir, bool (*skip)(const char *name))
{
    DIR *open_dir = opendir(dir);
    const struct dirent *entry;
    enum err e = open_dir == NULL ? ERR_IO : ERR_OK;

    while (e == ERR_OK && (entry = readdir(open_dir)) != NULL)
        if (skip == NULL || !skip(entry->d_name))
            e = search_entry(s, dirfd(open_dir), entry->d_name);
    if (open_dir != NULL)
        (void)closedir(open_dir);
    return e;
}

enum err search_store(struct search *s, const char *dir, bool (*skip)(const char *name))
{
    AUTO(mem_free) char *audit = vault__path(dir, AUDIT_DIR);
    enum err e = search_folder(s, dir, skip);

    if (e != ERR_OK || access(audit, F_OK) != 0)
        return e;
    return search_folder(s, audit, NULL);
}
