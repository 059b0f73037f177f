/* SPDX-License-Identifier: Apache-2.0 */
/* The indexes of the audit trail: made.
 * Runs on: any thread that may block. Holds: what a segment has, block by block. Invariant: only frames that fit the
 * chain are covered, so that one that is just being written is left to those who read what is behind; the file has
 * its name only when it is whole. Not synced: what a crash leaves of it has no MAC, and is made again. */
#include "vault/audit_index_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

enum {
    BLOCK_BYTES_MAX = 256 << 10,
    /* Of 16 bits each: of 2,000 keys that a block does not have one seems to be there. */
    BLOCK_KEYS_MAX = 1024,
    STALE_S = 600 /* nobody makes one for so long */
};

struct block {
    struct audit_index_block said;
    uint8_t bits[AUDIT_INDEX_ROWS / 8];
};

struct making {
    const uint8_t *bytes; /* the segment's */
    struct block **blocks;
    size_t count, cap;
    size_t keys; /* of the last */
    uint64_t end;
};

static void making_done(struct making *m)
{
    for (size_t i = 0; i < m->count; i++)
        free(m->blocks[i]);
    free(m->blocks);
}

/* ---- gathering ---- */

static enum err begin_block(struct making *m, uint64_t at)
{
    if (m->count == AUDIT_INDEX_BLOCKS_MAX)
        return ERR_TOO_LARGE;
    if (m->count == m->cap) {
        const size_t cap = m->cap == 0 ? 64 : m->cap * 2;
        struct block **grown = realloc(m->blocks, cap * sizeof(struct block *));

        if (grown == NULL)
            return ERR_NO_SPACE;
        m->blocks = grown;
        m->cap = cap;
    }
    m->blocks[m->count] = mem_try_alloc(1, sizeof(struct block));
    if (m->blocks[m->count] == NULL)
        return ERR_NO_SPACE;
    m->blocks[m->count++]->said =
        (struct audit_index_block){.at = at, .first_ms = INT64_MAX, .last_ms = INT64_MIN};
    m->keys = 0;
    return ERR_OK;
}

static void add_key(struct making *m, const struct audit_index_key *key)
{
    uint8_t *bits = m->blocks[m->count - 1]->bits;
    bool is_new = false;

    for (size_t i = 0; i < AUDIT_INDEX_HASHES; i++) {
        const uint8_t bit = (uint8_t)(1u << key->rows[i] % 8);

        is_new = is_new || (bits[key->rows[i] / 8] & bit) == 0;
        bits[key->rows[i] / 8] |= bit;
    }
    m->keys += is_new;
}

static void add_record(struct making *m, const struct audit_record *r, const uint8_t *entries)
{
    struct audit_index_block *b = &m->blocks[m->count - 1]->said;
    struct audit_index_key key;

    b->last_seq = r->seq > b->last_seq ? r->seq : b->last_seq;
    b->first_ms = r->time_ms < b->first_ms ? r->time_ms : b->first_ms;
    b->last_ms = r->time_ms > b->last_ms ? r->time_ms : b->last_ms;
    b->actions |= audit_index_bit(r->action);
    audit_index_key_of_name(r->who, &key);
    add_key(m, &key);
    for (size_t i = 0; i < r->entry_count; i++) {
        audit_index_key_of_tag(entries + i * AUDIT_ENTRY_BYTES, &key);
        add_key(m, &key);
    }
}

static enum err on_frame(const struct audit_frame *frame, void *context)
{
    struct making *m = context;
    const uint64_t at = (uint64_t)(frame->bytes - m->bytes);
    const uint8_t *entries;
    struct audit_record record;
    enum err e = ERR_OK;

    if (!audit_frame_fits(frame))
        return ERR_CANCELED;
    if (m->count == 0 || m->keys >= BLOCK_KEYS_MAX ||
        at - m->blocks[m->count - 1]->said.at >= BLOCK_BYTES_MAX)
        e = begin_block(m, at);
    if (e != ERR_OK)
        return e;
    m->end = at + frame->len;
    if (audit_record_read(frame, &record, &entries) == ERR_OK)
        add_record(m, &record, entries);
    return ERR_OK;
}

/* ---- as pages ---- */

static void put_block(const struct audit_index_block *b, uint8_t *to)
{
    put_le(to, b->at, 8);
    put_le(to + 8, b->last_seq, 8);
    put_le(to + 16, (uint64_t)b->first_ms, 8);
    put_le(to + 24, (uint64_t)b->last_ms, 8);
    put_le(to + 32, b->actions, 8);
}

/* Where item `i` stands, of items that begin on `page`. */
static uint8_t *place(uint8_t *pages, size_t page, size_t item_bytes, size_t i)
{
    const size_t a_page = AUDIT_INDEX_DATA / item_bytes;

    return pages + (page + i / a_page) * AUDIT_INDEX_PAGE + AUDIT_INDEX_HEAD +
           i % a_page * item_bytes;
}

static size_t pages_of(size_t item_bytes, size_t items)
{
    const size_t a_page = AUDIT_INDEX_DATA / item_bytes;

    return (items + a_page - 1) / a_page;
}

static void put_rows(const struct making *m, uint8_t *pages, size_t page, size_t width)
{
    for (size_t b = 0; b < m->count; b++)
        for (size_t at = 0; at < AUDIT_INDEX_ROWS / 8; at++) {
            const uint8_t bits = m->blocks[b]->bits[at];

            for (size_t i = 0; bits >> i != 0; i++)
                if ((bits >> i & 1) != 0)
                    place(pages, page, width, at * 8 + i)[b / 8] |= (uint8_t)(1u << b % 8);
        }
}

static enum err write_pages(const struct making *m, struct audit_index *ix, int fd)
{
    const size_t rows = 1 + pages_of(AUDIT_INDEX_BLOCK, ix->blocks);
    const size_t count = rows + pages_of(ix->width, AUDIT_INDEX_ROWS);
    AUTO(mem_free) uint8_t *pages = mem_try_alloc(count, AUDIT_INDEX_PAGE);

    if (pages == NULL)
        return ERR_NO_SPACE;
    put_le(pages + AUDIT_INDEX_HEAD, ix->blocks, 4);
    put_le(pages + AUDIT_INDEX_HEAD + 4, ix->width, 4);
    memcpy(pages + AUDIT_INDEX_HEAD + 8, ix->chain, AUDIT_CHAIN_BYTES);
    for (size_t b = 0; b < ix->blocks; b++)
        put_block(&m->blocks[b]->said, place(pages, 1, AUDIT_INDEX_BLOCK, b));
    put_rows(m, pages, rows, ix->width);
    for (size_t i = 0; i < count; i++)
        audit_index_seal(ix, i, pages + i * AUDIT_INDEX_PAGE);
    return vault__file_write(fd, pages, count * AUDIT_INDEX_PAGE, 0);
}

/* ---- files ---- */

/* One of a time to come was made before the clock was put right: nobody would ever wait that long. */
static bool is_stale(const char *path)
{
    const int64_t now_s = clock_now_s();
    struct stat st;

    return lstat(path, &st) == 0 && (st.st_mtime > now_s || now_s - st.st_mtime > STALE_S);
}

/* Who has made the file makes the index. */
static int open_unfinished(const char *path)
{
    enum { FLAGS = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW };
    int fd = open(path, FLAGS, 0600);

    if (fd < 0 && errno == EEXIST && is_stale(path) && unlink(path) == 0)
        fd = open(path, FLAGS, 0600);
    return fd;
}

static enum err fill_file(const struct audit_mapped *segment, struct audit_index *ix, int fd)
{
    AUTO(making_done) struct making m = {.bytes = segment->bytes};
    const struct audit_part whole = {.from = AUDIT_SEGMENT_HEAD, .to = UINT64_MAX};
    enum err rest;
    uint64_t at;
    enum err e = audit_segment_frames(segment, whole, on_frame, &m, &rest, &at);

    if (e != ERR_OK && e != ERR_CANCELED)
        return e;
    if (m.count == 0)
        return ERR_NOT_FOUND;
    ix->end = m.end;
    ix->blocks = m.count;
    ix->width = (m.count + 7) / 8;
    memcpy(ix->chain, segment->bytes + m.end - AUDIT_CHAIN_BYTES, AUDIT_CHAIN_BYTES);
    return write_pages(&m, ix, fd);
}

enum err audit_index_make(const char *dir, const struct audit_mapped *segment, uint64_t number,
                          const uint8_t *key)
{
    AUTO(mem_free) char *path = audit_index_path(dir, number);
    AUTO(mem_free) char *segment_path = audit_segment_path(dir, number);
    AUTO(mem_free) char *unfinished = NULL;
    AUTO(fd_close) int fd = -1;
    struct audit_index ix = {.key = key, .number = number};
    enum err e;

    REQUIRE(asprintf(&unfinished, "%s.tmp", path) > 0);
    fd = open_unfinished(unfinished); /* before the segment is walked, which takes long */
    if (fd < 0)
        return errno == EEXIST ? ERR_BUSY : errno == ENOSPC ? ERR_NO_SPACE : ERR_IO;
    e = fill_file(segment, &ix, fd);
    if (e == ERR_OK && rename(unfinished, path) != 0)
        e = ERR_IO;
    if (e != ERR_OK)
        (void)unlink(unfinished);
    else if (access(segment_path, F_OK) != 0)
        (void)unlink(path); /* it was retired meanwhile */
    return e;
}

void audit_index_tidy(const char *dir, uint64_t first)
{
    AUTO(mem_free) char *folder = vault__path(dir, AUDIT_DIR);
    DIR *open_dir = opendir(folder);
    const struct dirent *entry;

    while (open_dir != NULL && (entry = readdir(open_dir)) != NULL) {
        AUTO(mem_free) char *path = vault__path(folder, entry->d_name);
        const uint64_t made = audit_file_number(entry->d_name, ".idx");
        const uint64_t unfinished = audit_file_number(entry->d_name, ".idx.tmp");

        if ((made != 0 && made < first) ||
            (unfinished != 0 && (unfinished < first || is_stale(path))))
            (void)unlink(path);
    }
    if (open_dir != NULL)
        (void)closedir(open_dir);
}
