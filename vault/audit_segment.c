/* SPDX-License-Identifier: Apache-2.0 */
/* Segments of the audit trail as files.
 * Runs on: the trail's thread, and any that reads; blocks. Holds: nothing between calls. Invariant: nothing that
 * was written is ever cut off or overwritten: what is no frame stays, and the trail goes on in another segment.
 * Not here: what is written (audit.c). */
#include "vault/audit_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char MAGIC[] = "LETHAUD1";

enum { FIRST_BYTES = 128 << 10, NAME_DIGITS = 6 };

/* ---- names ---- */

char *audit_segment_path(const char *dir, uint64_t number)
{
    char *path = NULL;

    REQUIRE(asprintf(&path, "%s/" AUDIT_DIR "/%06" PRIu64 ".log", dir, number) > 0);
    return path;
}

uint64_t audit_file_number(const char *name, const char *ending)
{
    char *end = NULL;
    unsigned long long number;

    if (name[0] < '0' || name[0] > '9')
        return 0;
    errno = 0;
    number = strtoull(name, &end, 10);
    return errno == 0 && end - name >= NAME_DIGITS && strcmp(end, ending) == 0 ? number : 0;
}

enum err audit_segment_range(const char *dir, uint64_t *ret_first, uint64_t *ret_last)
{
    AUTO(mem_free) char *path = vault__path(dir, AUDIT_DIR);
    DIR *open_dir = opendir(path);
    const struct dirent *entry;
    uint64_t first = 0, last = 0;

    if (open_dir == NULL && errno != ENOENT)
        return ERR_IO;
    while (open_dir != NULL && (entry = readdir(open_dir)) != NULL) {
        const uint64_t n = audit_file_number(entry->d_name, ".log");

        if (n == 0)
            continue;
        first = first == 0 || n < first ? n : first;
        last = n > last ? n : last;
    }
    if (open_dir != NULL)
        (void)closedir(open_dir);
    *ret_first = first;
    *ret_last = last;
    return ERR_OK;
}

/* ---- walking ---- */

/* A mapping of a file that only grows: nothing is read past the length that it had. */
static enum err map(const char *path, struct audit_mapped *ret)
{
    AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    void *at;

    if (fd < 0)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return ERR_IO;
    *ret = (struct audit_mapped){.len = (size_t)st.st_size};
    if (ret->len == 0)
        return ERR_OK;
    at = mmap(NULL, ret->len, PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        return ERR_IO;
    ret->bytes = at;
    return ERR_OK;
}

void audit_segment_unmap(struct audit_mapped *m)
{
    if (m->bytes != NULL)
        (void)munmap((void *)(uintptr_t)m->bytes, m->len);
    m->bytes = NULL;
}

static bool head_is_right(const struct audit_mapped *m, const uint8_t *store)
{
    return m->len >= AUDIT_SEGMENT_HEAD && memcmp(m->bytes, MAGIC, sizeof(MAGIC) - 1) == 0 &&
           (store == NULL || memcmp(m->bytes + 16, store, VAULT_ID_BYTES) == 0);
}

enum err audit_segment_map(const char *path, const uint8_t store[VAULT_ID_BYTES],
                           struct audit_mapped *ret)
{
    AUTO(audit_segment_unmap) struct audit_mapped m = {.bytes = NULL};
    enum err e = map(path, &m);

    if (e != ERR_OK)
        return e;
    if (!head_is_right(&m, store))
        return ERR_CORRUPT;
    *ret = m;
    m.bytes = NULL;
    return ERR_OK;
}

enum err audit_segment_frames(const struct audit_mapped *m, struct audit_part part,
                              audit_frame_fn fn, void *context, enum err *ret_rest,
                              uint64_t *ret_at)
{
    size_t at = part.from;
    enum err e;

    *ret_rest = ERR_OK;
    for (*ret_at = at; at < part.to; *ret_at = at) {
        struct audit_frame frame;

        *ret_rest = audit_frame_read(m->bytes + at, m->len - at, &frame);
        if (*ret_rest != ERR_OK)
            return ERR_OK;
        e = fn(&frame, context);
        if (e != ERR_OK)
            return e;
        at += frame.len;
    }
    return ERR_OK;
}

enum err audit_segment_walk(const char *path, const uint8_t store[VAULT_ID_BYTES],
                            audit_frame_fn fn, void *context, enum err *ret_rest, uint64_t *ret_at)
{
    AUTO(audit_segment_unmap) struct audit_mapped m = {.bytes = NULL};
    const struct audit_part whole = {.from = AUDIT_SEGMENT_HEAD, .to = UINT64_MAX};
    const enum err e = audit_segment_map(path, store, &m);

    return e == ERR_OK ? audit_segment_frames(&m, whole, fn, context, ret_rest, ret_at) : e;
}

static enum err take_time(const struct audit_frame *frame, void *context)
{
    *(int64_t *)context = frame->time_ms;
    return ERR_CANCELED;
}

enum err audit_segment_time(const char *path, int64_t *ret_ms)
{
    enum err rest;
    uint64_t at;
    enum err e = audit_segment_walk(path, NULL, take_time, ret_ms, &rest, &at);

    if (e == ERR_CANCELED)
        return ERR_OK;
    return e == ERR_OK ? ERR_NOT_FOUND : e;
}

/* ---- the end ---- */

/* Frames whose chain fits count; the walk ends at the first that does not. */
static enum err step(const struct audit_frame *frame, void *context)
{
    struct audit_end *end = context;
    struct audit_segment segment;
    struct audit_record record;
    const uint8_t *entries;

    if (!audit_frame_fits(frame))
        return ERR_CANCELED;
    if (end->first_ms == 0)
        end->first_ms = frame->time_ms;
    end->seq = frame->seq;
    end->at += frame->len;
    memcpy(end->chain, frame->chain, AUDIT_CHAIN_BYTES);
    end->unsigned_records++;
    if (audit_segment_read(frame, &segment) == ERR_OK)
        end->configuration = segment.configuration;
    if (audit_record_read(frame, &record, &entries) == ERR_OK && record.action == AUDIT_CONFIGURE)
        end->configuration = record.configuration;
    if (audit_head_read(frame, &end->head) == ERR_OK) {
        end->has_head = true;
        end->unsigned_records = 0;
    }
    return ERR_OK;
}

static enum err find_in(const char *dir, uint64_t number, const uint8_t *store,
                        struct audit_end *ret)
{
    AUTO(mem_free) char *path = audit_segment_path(dir, number);
    struct stat st;
    enum err rest = ERR_INVALID;
    uint64_t at;
    enum err e;

    *ret = (struct audit_end){.number = number, .at = AUDIT_SEGMENT_HEAD};
    e = audit_segment_walk(path, store, step, ret, &rest, &at);
    if (e == ERR_CANCELED)
        e = ERR_OK;
    if (stat(path, &st) != 0)
        return ERR_IO;
    ret->size = (uint64_t)st.st_size;
    ret->damaged = e == ERR_CORRUPT || (rest != ERR_NOT_FOUND && ret->at < ret->size);
    return e == ERR_CORRUPT ? ERR_OK : e;
}

/* A segment without a frame is one that a crash kept from beginning, or what somebody left of it: what is known
 * stands in the one before. */
enum err audit_end_find(const char *dir, const uint8_t store[VAULT_ID_BYTES], struct audit_end *ret)
{
    struct audit_end end = {.number = 0}, before;
    uint64_t first, last;
    bool damaged = false;
    enum err e = audit_segment_range(dir, &first, &last);

    for (uint64_t n = last; e == ERR_OK && n >= first && n > 0 && end.seq == 0; n--) {
        e = find_in(dir, n, store, &end);
        damaged = damaged || end.damaged;
    }
    /* The last head is mostly here; else it closed the segment before. */
    for (uint64_t n = end.number; e == ERR_OK && !end.has_head && n > first; n--) {
        e = find_in(dir, n - 1, store, &before);
        end.has_head = before.has_head;
        end.head = before.head;
    }
    if (e != ERR_OK)
        return e;
    end.damaged = damaged;
    if (damaged || end.number < last)
        end.at = 0;
    end.number = last;
    *ret = end;
    return ERR_OK;
}

/* ---- making ---- */

static enum err write_first(int fd, uint64_t number, const uint8_t *store, const uint8_t *chain)
{
    AUTO(mem_free) uint8_t *bytes = mem_try_alloc(1, FIRST_BYTES);

    if (bytes == NULL)
        return ERR_NO_SPACE;
    memcpy(bytes, MAGIC, sizeof(MAGIC) - 1);
    put_le(bytes + 8, number, 8);
    memcpy(bytes + 16, store, VAULT_ID_BYTES);
    memcpy(bytes + 32, chain, AUDIT_CHAIN_BYTES);
    return vault__file_write(fd, bytes, FIRST_BYTES, 0);
}

enum err audit_segment_create(const char *dir, uint64_t number, const uint8_t store[VAULT_ID_BYTES],
                              const uint8_t chain[AUDIT_CHAIN_BYTES], int *ret_fd,
                              uint64_t *ret_size)
{
    AUTO(mem_free) char *folder = vault__path(dir, AUDIT_DIR);
    AUTO(mem_free) char *path = audit_segment_path(dir, number);
    AUTO(fd_close) int fd = -1;
    enum err e;

    if (mkdir(folder, 0700) == 0)
        e = vault__folder_sync(folder);
    else
        e = errno == EEXIST ? ERR_OK : errno == ENOSPC || errno == EDQUOT ? ERR_NO_SPACE : ERR_IO;
    if (e != ERR_OK)
        return e;
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return errno == ENOSPC || errno == EDQUOT ? ERR_NO_SPACE : ERR_IO;
    e = write_first(fd, number, store, chain);
    if (e == ERR_OK)
        e = vault__file_sync(fd);
    if (e == ERR_OK)
        e = vault__folder_sync(path);
    if (e != ERR_OK) {
        (void)unlink(path);
        return e;
    }
    *ret_fd = fd;
    *ret_size = FIRST_BYTES;
    fd = -1;
    return ERR_OK;
}
