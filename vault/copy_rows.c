/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of a copy: how many are left of a subject, and whether any key opens them.
 * Runs on: any thread; blocks long. Holds: nothing after it returns. Invariant: SQLite never writes
 * beside the copy: a database without a log is opened as one that nobody changes, any other is
 * copied together with its log into a folder of our own first.
 * Not here: the copy's other files (copy.c). */
#include "vault/copy_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/effort.h"
#include "base/secret.h"
#include "vault/erasure_priv.h"
#include "vault/file_priv.h"
#include "vault/vault_priv.h"

enum {
    COPY_BYTES = 1 << 20,
    COPY_TRIES = 5,     /* while a server starts its log over again and again */
    LOG_HEAD_BYTES = 32 /* of SQLite's log: has a salt that changes when it starts over */
};

/* ---- a database that may be read ---- */

struct folder {
    char *path; /* our own, with the copies in it; NULL: none */
};

static void folder_remove(struct folder *f)
{
    static const char *const names[] = {VAULT_DB, VAULT_DB "-wal", VAULT_DB "-shm"};

    if (f->path == NULL)
        return;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        AUTO(mem_free) char *path = vault__path(f->path, names[i]);

        (void)unlink(path);
    }
    (void)rmdir(f->path);
    mem_free(&f->path);
}

static enum err folder_make(struct folder *f, struct errmsg *msg)
{
    const char *parent = getenv("TMPDIR");

    parent = parent == NULL || parent[0] != '/' ? "/tmp" : parent;
    REQUIRE(asprintf(&f->path, "%s/lethe-copy-XXXXXX", parent) > 0);
    if (mkdtemp(f->path) != NULL)
        return ERR_OK;
    mem_free(&f->path);
    return errmsg_set(msg, ERR_IO, "%s: no folder can be made there: %s", parent, strerror(errno));
}

static enum err copy_bytes(int from, int to)
{
    AUTO(mem_free) uint8_t *bytes = mem_try_alloc(1, COPY_BYTES);
    uint64_t at = 0;
    size_t got = 1;
    enum err e = bytes == NULL ? ERR_NO_SPACE : ERR_OK;

    while (e == ERR_OK && got > 0) {
        e = vault__file_read(from, bytes, COPY_BYTES, at, &got);
        if (e == ERR_OK && got > 0)
            e = vault__file_write(to, bytes, got, at);
        at += got;
    }
    return e;
}

static enum err copy_file(const char *from_dir, const char *to_dir, const char *name,
                          struct errmsg *msg)
{
    AUTO(mem_free) char *from_path = vault__path(from_dir, name);
    AUTO(mem_free) char *to_path = vault__path(to_dir, name);
    AUTO(fd_close) int from = open(from_path, O_RDONLY | O_CLOEXEC);
    AUTO(fd_close) int to = open(to_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    enum err e = from < 0 || to < 0 ? ERR_IO : copy_bytes(from, to);

    if (e == ERR_NO_SPACE)
        return errmsg_set(msg, e,
                          "%s: no room for a copy of %s, which is needed since its log is not "
                          "empty; set TMPDIR to a folder that has room",
                          to_dir, from_path);
    return e == ERR_OK ? e : errmsg_set(msg, e, "%s: cannot be copied", from_path);
}

/* The first bytes of the log; none when there is no log or it is empty. */
static size_t read_log_head(const char *dir, uint8_t head[LOG_HEAD_BYTES])
{
    AUTO(mem_free) char *path = vault__path(dir, VAULT_DB "-wal");
    AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t got = 0;

    memset(head, 0, LOG_HEAD_BYTES);
    if (fd < 0 || vault__file_read(fd, head, LOG_HEAD_BYTES, 0, &got) != ERR_OK)
        return 0;
    return got;
}

/* Database first, then its log: whatever a server moves from the log into the database meanwhile
 * stands in the log still, unless it starts the log over. */
static enum err copy_pair(struct copy *c, struct folder *f, struct errmsg *msg)
{
    for (int i = 0; i < COPY_TRIES; i++) {
        uint8_t before[LOG_HEAD_BYTES], after[LOG_HEAD_BYTES];
        const size_t had = read_log_head(c->dir, before);
        enum err e = copy_file(c->dir, f->path, VAULT_DB, msg);

        if (e == ERR_OK && had > 0)
            e = copy_file(c->dir, f->path, VAULT_DB "-wal", msg);
        if (e != ERR_OK)
            return e;
        if (read_log_head(c->dir, after) == had && memcmp(before, after, sizeof(before)) == 0)
            return ERR_OK;
    }
    return errmsg_set(msg, ERR_BUSY, "%s: changes too fast to be copied; try again", c->dir);
}

static enum err open_rows(struct copy *c, struct folder *f, struct store **ret, struct errmsg *msg)
{
    uint8_t head[LOG_HEAD_BYTES];
    const bool quiet = !c->report->in_use && read_log_head(c->dir, head) == 0;
    AUTO(mem_free) char *path = NULL;
    enum err e = ERR_OK;

    if (!quiet)
        e = folder_make(f, msg);
    if (e == ERR_OK && !quiet)
        e = copy_pair(c, f, msg);
    if (e != ERR_OK)
        return e;
    path = vault__path(quiet ? c->dir : f->path, VAULT_DB);
    e = store_open(path, quiet ? STORE_SNAPSHOT : STORE_READER, c->about->store, ret, msg);
    if (e == ERR_CORRUPT || e == ERR_IO || e == ERR_BUSY) {
        c->report->rows =
            strstr(msg->text, "another store") != NULL ? VAULT_COPY_FOREIGN : VAULT_COPY_DAMAGED;
        return ERR_NOT_FOUND;
    }
    return e;
}

/* ---- trying them ---- */

static uint64_t opened_by(const struct vault_sample *sample, const uint8_t key[CRYPTO_KEY_BYTES])
{
    uint64_t n = 0;

    for (size_t i = 0; i < sample->count; i++) {
        const struct sample_row *row = &sample->rows[i];
        enum value_kind kind;

        n += vault__open(key, &row->bound, span_of(row->sealed, row->len), &kind, NULL) == ERR_OK;
    }
    return n;
}

/* Every key of keys.slab that the root keys open, and the subject's own, wherever it was found. */
static enum err try_keys(struct copy *c, const struct vault_sample *sample)
{
    AUTO(mem_free) char *path = vault__path(c->dir, VAULT_SLAB);
    AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    AUTO(mem_free) uint8_t *slots = mem_try_alloc(1, COPY_BYTES);
    struct vault_copy_report *report = c->report;
    struct stat st = {.st_size = 0};
    uint64_t at = SLAB_HEADER_BYTES;
    size_t got = 1;
    enum err e = slots == NULL ? ERR_NO_SPACE : ERR_OK;

    if (fd >= 0)
        (void)fstat(fd, &st);

    if (report->key == VAULT_COPY_KEY_OPEN) {
        report->keys_tried++;
        report->rows_opened = opened_by(sample, c->key);
    }
    while (e == ERR_OK && fd >= 0 && got > 0 && report->rows_opened == 0) {
        e = vault__file_read(fd, slots, COPY_BYTES, at, &got);
        for (size_t i = 0; e == ERR_OK && i + SLAB_SLOT_BYTES <= got; i += SLAB_SLOT_BYTES) {
            const uint64_t number = (at + i - SLAB_HEADER_BYTES) / SLAB_SLOT_BYTES;
            struct slab_key key;

            if (copy__unwrap(c, number, slots + i, &key) == ERR_OK) {
                report->keys_tried++;
                report->rows_opened += opened_by(sample, key.key);
            }
            secret_wipe(&key, sizeof(key));
        }
        at += got;
        effort_set(EFFORT_EXAMINE, at / SLAB_SLOT_BYTES, (uint64_t)st.st_size / SLAB_SLOT_BYTES);
    }
    return e;
}

/* ---- counting ---- */

static enum err count_rows(struct copy *c, struct store *s, const struct store_class *classes)
{
    enum err e = ERR_OK;

    for (size_t id = 1; e == ERR_OK && id <= CLASSES_MAX; id++) {
        uint64_t n = 0;

        if (classes[id].id != 0)
            e = store_rows_count(s, &classes[id], c->about->slot, INT64_MIN, &n);
        c->report->rows_left += n;
    }
    return e == ERR_OK ? store_names_count(s, c->about->slot, &c->report->names_left) : e;
}

/* The slot of this database may be somebody else's: an image of another past of the same store. */
static enum err subject_of(struct copy *c, struct store *s, struct crypto_row *about)
{
    struct store_subject subject = {.domain = VAULT_DOMAIN_DEFAULT};
    enum err e = store_subject_get(s, c->about->slot, &subject);

    memcpy(about->subject, c->about->subject, VAULT_ID_BYTES);
    about->domain = subject.domain;
    if (e == ERR_OK && memcmp(subject.id, c->about->subject, VAULT_ID_BYTES) != 0)
        return ERR_CONFLICT;
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err examine(struct copy *c, struct store *s)
{
    AUTO(mem_free) struct store_class *classes = mem_alloc((CLASSES_MAX + 1) * sizeof(classes[0]));
    struct vault_sample *sample = mem_alloc(sizeof(*sample));
    struct crypto_row about = {.row = 0};
    enum err e = store_classes_read(s, classes);

    if (e == ERR_OK)
        e = subject_of(c, s, &about);
    if (e == ERR_OK)
        e = count_rows(c, s, classes);
    if (e == ERR_OK && c->roots != NULL && c->report->rows_left > 0) {
        e = vault__sample_rows(s, classes, c->about->slot, &about, sample);
        c->report->rows_tried = sample->count;
        if (e == ERR_OK)
            e = try_keys(c, sample);
    }
    vault__sample_free(&sample);
    return e;
}

enum err copy__rows(struct copy *c, struct errmsg *msg)
{
    AUTO(folder_remove) struct folder folder = {NULL};
    AUTO(store_close) struct store *s = NULL;
    AUTO(mem_free) char *path = vault__path(c->dir, VAULT_DB);
    enum err e;

    if (access(path, F_OK) != 0 && errno == ENOENT)
        return ERR_OK; /* MISSING */
    e = open_rows(c, &folder, &s, msg);
    if (e == ERR_NOT_FOUND)
        return ERR_OK; /* the report says why */
    if (e != ERR_OK)
        return e;
    e = examine(c, s);
    c->report->rows = e == ERR_OK         ? VAULT_COPY_READ
                      : e == ERR_CONFLICT ? VAULT_COPY_FOREIGN
                                          : VAULT_COPY_DAMAGED;
    store_close(&s); /* before its files go */
    return e == ERR_NO_SPACE ? errmsg_set(msg, e, "no memory is left") : ERR_OK;
}
