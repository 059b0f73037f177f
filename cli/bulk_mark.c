/* SPDX-License-Identifier: Apache-2.0 */
/* How far a bulk job has come, as a small JSON file.
 * Runs on: the main thread; blocks. Holds: nothing. Invariant: the file is whole, and no younger than what it speaks of: OUT
 * is on the medium before. It holds no value: digests are keyed with a secret of the store. */
#include "cli/bulk.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/output.h"

enum { MARK_BYTES_MAX = 64 << 10 };

static const char mark_format[] = "lethe bulk job 1";

static const char *const policies[] = {
    [BULK_STOP] = "stop", [BULK_SKIP] = "skip", [BULK_KEEP] = "keep"};

void bulk_digest_begin(struct digest *d, const char *key)
{
    digest_begin(d);
    digest_add(d, key, strlen(key));
}

void bulk_digest_now(const struct digest *d, char ret[DIGEST_HEX_BYTES])
{
    struct digest copy = *d;
    uint8_t bytes[DIGEST_BYTES];

    digest_end(&copy, bytes);
    for (size_t i = 0; i < DIGEST_BYTES; i++)
        (void)snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
}

enum err bulk_sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    AUTO(mem_free) char *folder = mem_strdup(slash == NULL ? "." : path);
    bool synced;
    int fd;

    if (slash != NULL)
        folder[slash == path ? 1 : slash - path] = '\0';
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return ERR_IO;
    synced = fsync(fd) == 0;
    (void)close(fd);
    return synced ? ERR_OK : ERR_IO;
}

static void set_number(struct json *map, const char *name, uint64_t n)
{
    json_set_int(map, name, (int64_t)n);
}

static struct json *to_json(const struct bulk_mark *m)
{
    struct json *map = json_new_map(), *counts = json_new_map();

    json_set_str(map, "format", mark_format);
    json_set_str(map, "job", m->job);
    json_set_str(map, "settings", m->settings);
    json_set_str(map, "on_error", policies[m->policy]);
    json_set_bool(map, "written", m->written);
    set_number(map, "group", m->group);
    set_number(map, "in_offset", m->in_offset);
    set_number(map, "in_line", m->in_line);
    set_number(map, "in_size", m->in_size);
    json_set_int(map, "in_mtime_ns", m->in_mtime_ns);
    set_number(map, "out_offset", m->out_offset);
    set_number(map, "rejects_offset", m->rejects_offset);
    json_set_str(map, "in_digest", m->in_digest);
    json_set_str(map, "out_digest", m->out_digest);
#define X(name) set_number(counts, #name, m->counts.name);
    BULK_COUNTS(X)
#undef X
    json_set(map, "counts", counts);
    return map;
}

enum err bulk_mark_write(const char *path, const struct bulk_mark *mark)
{
    AUTO(json_free) struct json *map = to_json(mark);
    AUTO(buf_done) struct buf text = {.max = 0};
    enum err e;

    buf_init(&text, MARK_BYTES_MAX);
    e = json_write_pretty(map, &text);
    if (e == ERR_OK)
        e = output_file(path, buf_span(&text), NULL);
    return e == ERR_OK ? bulk_sync_folder(path) : e;
}

/* ---- reading ---- */

static bool get_number(const struct json *map, const char *name, uint64_t *ret)
{
    const int64_t n = json_int_of(json_get(map, name), -1);

    *ret = (uint64_t)n;
    return n >= 0;
}

/* A text of exactly this length, NUL included. */
static bool get_hex(const struct json *map, const char *name, char *ret, size_t size)
{
    const char *text = json_str_of(json_get(map, name));

    if (text == NULL || strlen(text) + 1 != size || strspn(text, "0123456789abcdef") + 1 != size)
        return false;
    memcpy(ret, text, size);
    return true;
}

static bool get_policy(const struct json *map, enum bulk_policy *ret)
{
    const struct span word = json_text_of(json_get(map, "on_error"));

    for (size_t i = 0; i < COUNT_OF(policies); i++) {
        *ret = (enum bulk_policy)i;
        if (span_equal(word, span_str(policies[i])))
            return true;
    }
    return false;
}

static bool from_json(const struct json *map, struct bulk_mark *m)
{
    const struct json *counts = json_get(map, "counts");
    uint64_t mtime = 0;
    bool good = span_equal(json_text_of(json_get(map, "format")), span_str(mark_format)) &&
                get_hex(map, "job", m->job, sizeof(m->job)) &&
                get_hex(map, "settings", m->settings, sizeof(m->settings)) &&
                get_hex(map, "in_digest", m->in_digest, sizeof(m->in_digest)) &&
                get_hex(map, "out_digest", m->out_digest, sizeof(m->out_digest)) &&
                get_policy(map, &m->policy) && get_number(map, "group", &m->group) &&
                get_number(map, "in_offset", &m->in_offset) &&
                get_number(map, "in_line", &m->in_line) &&
                get_number(map, "in_size", &m->in_size) && get_number(map, "in_mtime_ns", &mtime) &&
                get_number(map, "out_offset", &m->out_offset) &&
                get_number(map, "rejects_offset", &m->rejects_offset);

    m->in_mtime_ns = (int64_t)mtime;
    m->written = json_bool_of(json_get(map, "written"), false);
#define X(name) good = good && get_number(counts, #name, &m->counts.name);
    BULK_COUNTS(X)
#undef X
    return good;
}

enum err bulk_mark_read(const char *path, struct bulk_mark *ret)
{
    AUTO(json_free) struct json *map = NULL;
    AUTO(mem_free) char *bytes = mem_alloc(MARK_BYTES_MAX);
    struct bulk_mark mark = {.group = 0};
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n;

    if (fd < 0)
        return access(path, F_OK) == 0 ? ERR_IO : ERR_NOT_FOUND;
    n = read(fd, bytes, MARK_BYTES_MAX);
    (void)close(fd);
    if (n < 0)
        return ERR_IO;
    if (json_parse(span_of(bytes, (size_t)n), &map) != ERR_OK || !from_json(map, &mark))
        return ERR_CORRUPT;
    *ret = mark;
    return ERR_OK;
}
