/* SPDX-License-Identifier: Apache-2.0 */
/* Files read through a window, for bytes that must not be there.
 * Runs on: any thread; blocks long. Holds: one window of memory during a call. Invariant: what lies
 * across two windows is found like anything else, and once; many persons are looked for in one reading. Not here: what it means. */
#include "vault/search_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "vault/audit_priv.h"
#include "vault/file_priv.h"
#include "vault/slab_format_priv.h"

enum { WINDOW_BYTES = 1 << 20, SUBJECT_AT = 16, THIRD = CRYPTO_WRAPPED_BYTES / 3 };

/* A part of a file, and which slots in it are to be taken: those that begin before begin_before. */
struct window {
    const char *name;
    const uint8_t *bytes;
    size_t len;
    size_t begin_before;
    uint64_t offset;
};

/* Any third of it counts: a page may have kept a part. */
static bool holds_wrapped(const uint8_t *bytes, size_t len, const uint8_t *wrapped)
{
    for (size_t at = 0; at < CRYPTO_WRAPPED_BYTES; at += THIRD)
        if (memmem(bytes, len, wrapped + at, THIRD) != NULL)
            return true;
    return false;
}

/* The subject's id stands at `at`: is it in a slot, one that begins in the first `begin_before` bytes of the
 * window, which stands at `offset`? */
static void take_slot(struct search *s, const struct window *w, size_t at)
{
    const uint8_t *slot = w->bytes + at - SUBJECT_AT;

    if (at < SUBJECT_AT || at - SUBJECT_AT >= w->begin_before ||
        w->len - (at - SUBJECT_AT) < SLAB_SLOT_BYTES || !slab_slot_is_subject(slot))
        return;
    s->slots++;
    if (s->on_slot != NULL)
        s->on_slot(s->context, w->name, w->offset + at - SUBJECT_AT, slot);
}

static void look_for_one(struct search *s, const struct window *w)
{
    size_t from = 0;

    if (s->wrapped != NULL)
        s->wrapped_found = s->wrapped_found || holds_wrapped(w->bytes, w->len, s->wrapped);
    while (from < w->len) {
        const uint8_t *id = memmem(w->bytes + from, w->len - from, s->subject, VAULT_ID_BYTES);

        if (id == NULL)
            return;
        take_slot(s, w, (size_t)(id - w->bytes));
        from = (size_t)(id - w->bytes) + 1;
    }
}

/* ---- many at once ---- */

/* What is looked for has 16 bytes: ids, and thirds of wrapped keys. A bit for each hash of the first four
 * says in one look-up that nothing of it begins here. */
enum { NEEDLE_BYTES = 16, FILTER_BITS = 18, HEADS_BITS = 12, NONE = -1 };

_Static_assert((int)VAULT_ID_BYTES == (int)NEEDLE_BYTES && (int)THIRD == (int)NEEDLE_BYTES,
               "one length");

struct needle {
    const uint8_t *bytes;
    struct search *of;
    bool is_subject;
    int32_t next; /* with the same head */
};

struct crowd {
    struct needle *needles;
    size_t count;
    int32_t heads[1 << HEADS_BITS];
    uint64_t filter[(1 << FILTER_BITS) / 64];
};

static uint32_t hash_at(const uint8_t *bytes)
{
    uint32_t first;

    memcpy(&first, bytes, sizeof(first));
    return first * 0x9e3779b1u;
}

static void add_needle(struct crowd *c, struct search *of, const uint8_t *bytes, bool is_subject)
{
    const uint32_t hash = hash_at(bytes), bit = hash >> (32 - FILTER_BITS);
    int32_t *head = &c->heads[hash >> (32 - HEADS_BITS)];

    c->needles[c->count] = (struct needle){bytes, of, is_subject, *head};
    *head = (int32_t)c->count++;
    c->filter[bit / 64] |= UINT64_C(1) << bit % 64;
}

static void crowd_free(struct crowd **crowd)
{
    struct crowd *c = TAKE(*crowd);

    if (c == NULL)
        return;
    free(c->needles);
    free(c);
}

static struct crowd *crowd_new(struct search *list, size_t count)
{
    enum { EACH = 1 + CRYPTO_WRAPPED_BYTES / THIRD };
    struct crowd *c = mem_try_alloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    c->needles = mem_try_alloc(count * EACH, sizeof(c->needles[0]));
    if (c->needles == NULL) {
        crowd_free(&c);
        return NULL;
    }
    for (size_t i = 0; i < COUNT_OF(c->heads); i++)
        c->heads[i] = NONE;
    for (size_t i = 0; i < count; i++) {
        add_needle(c, &list[i], list[i].subject, true);
        for (size_t at = 0; list[i].wrapped != NULL && at < CRYPTO_WRAPPED_BYTES; at += THIRD)
            add_needle(c, &list[i], list[i].wrapped + at, false);
    }
    return c;
}

static void look_closer(const struct crowd *c, const struct window *w, size_t at, uint32_t hash)
{
    for (int32_t n = c->heads[hash >> (32 - HEADS_BITS)]; n != NONE; n = c->needles[n].next) {
        const struct needle *needle = &c->needles[n];

        if (memcmp(w->bytes + at, needle->bytes, NEEDLE_BYTES) != 0)
            continue;
        if (needle->is_subject)
            take_slot(needle->of, w, at);
        else
            needle->of->wrapped_found = true;
    }
}

static void look_for_crowd(const struct crowd *c, const struct window *w)
{
    for (size_t at = 0; at + NEEDLE_BYTES <= w->len; at++) {
        const uint32_t hash = hash_at(w->bytes + at), bit = hash >> (32 - FILTER_BITS);

        if ((c->filter[bit / 64] >> bit % 64 & 1) != 0)
            look_closer(c, w, at, hash);
    }
}

/* ---- files ---- */

/* Who is looked for: one, or a crowd. */
struct hunt {
    struct search *list;
    size_t count;
    struct crowd *crowd; /* NULL: there is one */
};

static enum err hunt_init(struct hunt *h, struct search *list, size_t count)
{
    *h = (struct hunt){.list = list, .count = count};
    if (count == 1)
        return ERR_OK;
    h->crowd = crowd_new(list, count);
    return h->crowd == NULL ? ERR_NO_SPACE : ERR_OK;
}

static void look(const struct hunt *h, const struct window *w, size_t got)
{
    for (size_t i = 0; i < h->count; i++)
        h->list[i].bytes += got;
    if (h->crowd == NULL)
        look_for_one(&h->list[0], w);
    else
        look_for_crowd(h->crowd, w);
}

/* Each step looks at what was kept of the window before and what is new. A slot is taken in the step
 * in which it lies whole and begins before what the next step keeps. */
static enum err search_windows(const struct hunt *h, int fd, const char *name, uint8_t *bytes)
{
    uint64_t at = 0; /* in the file, of the first byte after the window's contents */
    size_t kept = 0;
    bool more = true;

    while (more) {
        struct window w = {.name = name, .bytes = bytes};
        size_t got = 0, next;
        enum err e = vault__file_read(fd, bytes + kept, WINDOW_BYTES - kept, at, &got);

        if (e != ERR_OK)
            return e;
        more = got > 0;
        at += got;
        w.len = kept + got;
        next = !more ? 0 : w.len < SLAB_SLOT_BYTES ? w.len : SLAB_SLOT_BYTES - 1;
        w.begin_before = w.len - next;
        w.offset = at - w.len;
        look(h, &w, got);
        kept = next;
        memmove(bytes, bytes + w.len - kept, kept);
    }
    return ERR_OK;
}

static enum err hunt_in_file(const struct hunt *h, int fd, const char *name)
{
    AUTO(mem_free) uint8_t *window = mem_try_alloc(1, WINDOW_BYTES);

    return window == NULL ? ERR_NO_SPACE : search_windows(h, fd, name, window);
}

enum err search_file_for(struct search *list, size_t count, int fd, const char *name)
{
    struct hunt h;
    enum err e = hunt_init(&h, list, count);

    if (e == ERR_OK)
        e = hunt_in_file(&h, fd, name);
    crowd_free(&h.crowd);
    return e;
}

enum err search_file(struct search *s, int fd, const char *name)
{
    return search_file_for(s, 1, fd, name);
}

/* A name that was listed and is gone since (the control socket of a server that stops) is no file. */
static enum err gone_or_failed(void)
{
    return errno == ENOENT ? ERR_OK : ERR_IO;
}

static enum err search_entry(const struct hunt *h, int dir_fd, const char *name)
{
    AUTO(fd_close) int fd = -1;
    struct stat st;

    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return gone_or_failed();
    if (!S_ISREG(st.st_mode))
        return ERR_OK;
    fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? gone_or_failed() : hunt_in_file(h, fd, name);
}

enum err search_folder_for(struct search *list, size_t count, const char *dir,
                           bool (*skip)(const char *name))
{
    DIR *open_dir = opendir(dir);
    const struct dirent *entry;
    struct hunt h;
    enum err e = hunt_init(&h, list, count);

    if (e == ERR_OK && open_dir == NULL)
        e = ERR_IO;
    while (e == ERR_OK && (entry = readdir(open_dir)) != NULL)
        if (skip == NULL || !skip(entry->d_name))
            e = search_entry(&h, dirfd(open_dir), entry->d_name);
    if (open_dir != NULL)
        (void)closedir(open_dir);
    crowd_free(&h.crowd);
    return e;
}

enum err search_folder(struct search *s, const char *dir, bool (*skip)(const char *name))
{
    return search_folder_for(s, 1, dir, skip);
}

enum err search_store_for(struct search *list, size_t count, const char *dir,
                          bool (*skip)(const char *name))
{
    AUTO(mem_free) char *audit = vault__path(dir, AUDIT_DIR);
    enum err e = search_folder_for(list, count, dir, skip);

    if (e != ERR_OK || access(audit, F_OK) != 0)
        return e;
    return search_folder_for(list, count, audit, NULL);
}

enum err search_store(struct search *s, const char *dir, bool (*skip)(const char *name))
{
    return search_store_for(s, 1, dir, skip);
}
