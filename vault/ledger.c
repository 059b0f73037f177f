/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger: fixed records, appended and synced one by one, chained by a keyed hash.
 * Runs on: appended to by the writer; read by any thread. Holds: the file, the chain key in guarded
 * memory, the head. Invariant: the head covers exactly the records that are durable; readers see
 * nothing beyond it. Not here: what an erasure does. The format is drawn in the header. */
#include "vault/ledger_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/secret.h"
#include "vault/file_priv.h"
#include "vault/mirror_priv.h"

enum { VERSION = 1, CHAINED_BYTES = 96, BATCH_RECORDS = 512, SECTOR_RECORDS = 4 };

struct ledger {
    int fd;
    uint8_t *key;          /* guarded */
    struct mirror *mirror; /* NULL: none is kept */
    bool failed;           /* a sync or a cut failed: what the file holds is not known any more */
    pthread_mutex_t lock;  /* over those below, and the key */
    bool sealed;           /* the key is wiped */
    uint64_t seq;
    uint8_t head[CRYPTO_HASH_BYTES];
};

/* ---- one record ---- */

static void chain_step(const uint8_t *key, const uint8_t previous[CRYPTO_HASH_BYTES],
                       const uint8_t *record, uint8_t out[CRYPTO_HASH_BYTES])
{
    uint8_t bytes[CRYPTO_HASH_BYTES + CHAINED_BYTES];

    memcpy(bytes, previous, CRYPTO_HASH_BYTES);
    memcpy(bytes + CRYPTO_HASH_BYTES, record, CHAINED_BYTES);
    vault__keyed_hash(key, bytes, sizeof(bytes), out);
}

static void encode(const struct ledger_record *r, const uint8_t *key,
                   const uint8_t previous[CRYPTO_HASH_BYTES], uint8_t out[LEDGER_RECORD_BYTES])
{
    memset(out, 0, LEDGER_RECORD_BYTES);
    out[0] = VERSION;
    out[1] = (uint8_t)r->kind;
    put_le(out + 8, r->seq, 8);
    put_le(out + 16, (uint64_t)r->time_ms, 8);
    put_le(out + 24, r->slot, 8);
    memcpy(out + 32, r->erasure, VAULT_ID_BYTES);
    memcpy(out + 48, r->subject, VAULT_ID_BYTES);
    put_le(out + 64, (uint64_t)r->cutoff_ms, 8);
    chain_step(key, previous, out, out + CHAINED_BYTES);
}

static struct ledger_record decode(const uint8_t in[LEDGER_RECORD_BYTES])
{
    struct ledger_record r = {.kind = (enum ledger_kind)in[1],
                              .seq = get_le(in + 8, 8),
                              .time_ms = (int64_t)get_le(in + 16, 8),
                              .slot = get_le(in + 24, 8),
                              .cutoff_ms = (int64_t)get_le(in + 64, 8)};

    memcpy(r.erasure, in + 32, VAULT_ID_BYTES);
    memcpy(r.subject, in + 48, VAULT_ID_BYTES);
    return r;
}

/* ---- reading the chain ---- */

struct walk {
    int fd;
    const uint8_t *key;
    uint64_t seq; /* of the last record that verified */
    uint8_t head[CRYPTO_HASH_BYTES];
};

/* Verify the record that follows w->seq and step over it. */
static bool step(struct walk *w, const uint8_t record[LEDGER_RECORD_BYTES])
{
    uint8_t chain[CRYPTO_HASH_BYTES];

    if (record[0] != VERSION || get_le(record + 8, 8) != w->seq + 1)
        return false;
    chain_step(w->key, w->head, record, chain);
    if (!secret_equal(chain, record + CHAINED_BYTES, CRYPTO_HASH_BYTES))
        return false;
    memcpy(w->head, chain, CRYPTO_HASH_BYTES);
    w->seq++;
    return true;
}

typedef enum err (*record_fn)(const struct ledger_record *, void *);

/* Walk from the start over the records that verify, `limit` at most; fn may be NULL. Ends without
 * an error at the first that does not. */
static enum err walk_records(struct walk *w, uint64_t limit, record_fn fn, void *context)
{
    uint8_t batch[BATCH_RECORDS * LEDGER_RECORD_BYTES];
    size_t got = 0;
    enum err e;

    while (w->seq < limit) {
        e = vault__file_read(w->fd, batch, sizeof(batch), w->seq * LEDGER_RECORD_BYTES, &got);
        if (e != ERR_OK)
            return e;
        if (got < LEDGER_RECORD_BYTES)
            return ERR_OK;
        for (size_t at = 0; at + LEDGER_RECORD_BYTES <= got && w->seq < limit;
             at += LEDGER_RECORD_BYTES) {
            struct ledger_record r = decode(batch + at);

            if (!step(w, batch + at))
                return ERR_OK;
            e = fn == NULL ? ERR_OK : fn(&r, context);
            if (e != ERR_OK)
                return e;
        }
    }
    return ERR_OK;
}

/* What stands behind the last record that verified? An acknowledged record never looks like this.
 */
static enum err tail_is_unfinished(int fd, uint64_t from, bool *ret)
{
    uint8_t bytes[4096];
    uint64_t at = from;
    size_t got = 0;
    bool zero = true;
    enum err e;

    do {
        e = vault__file_read(fd, bytes, sizeof(bytes), at, &got);
        if (e != ERR_OK)
            return e;
        for (size_t i = 0; i < got; i++)
            zero = zero && bytes[i] == 0;
        at += got;
    } while (got == sizeof(bytes) && zero);
    *ret = zero || (at - from < LEDGER_RECORD_BYTES && got < sizeof(bytes));
    return ERR_OK;
}

/* ---- making and opening ---- */

static enum err write_first(int fd, const char *path, const uint8_t *key, const uint8_t *store_id)
{
    static const uint8_t origin[CRYPTO_HASH_BYTES];
    struct ledger_record r = {.kind = LEDGER_OPENED, .seq = 1, .time_ms = clock_now_ms()};
    uint8_t bytes[LEDGER_RECORD_BYTES];
    enum err e;

    memcpy(r.erasure, store_id, VAULT_ID_BYTES);
    encode(&r, key, origin, bytes);
    e = vault__file_write(fd, bytes, sizeof(bytes), 0);
    if (e == ERR_OK)
        e = vault__file_sync(fd);
    if (e == ERR_OK)
        e = vault__folder_sync(path);
    return e;
}

enum err ledger_create(const char *path, const uint8_t key[CRYPTO_KEY_BYTES],
                       const uint8_t store_id[VAULT_ID_BYTES], struct errmsg *msg)
{
    AUTO(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    enum err e;

    if (fd < 0)
        return errmsg_set(msg, errno == EEXIST ? ERR_CONFLICT : ERR_IO, "%s: cannot be created: %s",
                          path, strerror(errno));
    e = write_first(fd, path, key, store_id);
    if (e != ERR_OK) {
        (void)unlink(path);
        return errmsg_set(msg, e, "%s: cannot be written: %s", path, err_text(e));
    }
    return ERR_OK;
}

/* Say what is wrong with the record behind the last good one. */
static enum err explain(const char *path, const struct walk *w, const uint8_t *store_id,
                        struct errmsg *msg)
{
    uint8_t record[LEDGER_RECORD_BYTES];
    size_t got = 0;
    enum err e =
        vault__file_read(w->fd, record, sizeof(record), w->seq * LEDGER_RECORD_BYTES, &got);

    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s: cannot be read", path);
    if (got == sizeof(record) && record[0] > VERSION)
        return errmsg_set(msg, ERR_CORRUPT,
                          "%s: made by a newer version of Lethe (format %u): use the newer program",
                          path, record[0]);
    if (got == sizeof(record) && w->seq == 0 && record[1] == LEDGER_OPENED &&
        memcmp(record + 32, store_id, VAULT_ID_BYTES) != 0)
        return errmsg_set(msg, ERR_CORRUPT,
                          "%s: belongs to another store; put this store's own ledger back", path);
    return errmsg_set(msg, ERR_CORRUPT,
                      "%s: damaged or altered at record %llu; put the live ledger back", path,
                      (unsigned long long)w->seq + 1);
}

struct first {
    const uint8_t *store_id;
    bool same_store;
};

static enum err check_kind(const struct ledger_record *r, void *context)
{
    struct first *first = context;

    if (r->seq == 1) {
        first->same_store =
            r->kind == LEDGER_OPENED && memcmp(r->erasure, first->store_id, VAULT_ID_BYTES) == 0;
        return ERR_OK;
    }
    return r->kind > LEDGER_OPENED && r->kind <= LEDGER_LAST ? ERR_OK : ERR_UNSUPPORTED;
}

/* Verify everything; `cut`: cut off what was never acknowledged. */
static enum err verify(const char *path, struct walk *w, const uint8_t *store_id, bool cut,
                       struct errmsg *msg)
{
    struct first first = {store_id, false};
    bool unfinished = false;
    enum err e = walk_records(w, UINT64_MAX, check_kind, &first);

    if (e == ERR_OK)
        e = tail_is_unfinished(w->fd, w->seq * LEDGER_RECORD_BYTES, &unfinished);
    if (e == ERR_UNSUPPORTED)
        return errmsg_set(msg, ERR_CORRUPT,
                          "%s: made by a newer version of Lethe: use the newer program", path);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s: cannot be read", path);
    if (w->seq > 0 && !first.same_store)
        return errmsg_set(msg, ERR_CORRUPT,
                          "%s: belongs to another store; put this store's own ledger back", path);
    if (w->seq == 0 || !unfinished)
        return explain(path, w, store_id, msg);
    if (!cut)
        return ERR_OK;
    if (ftruncate(w->fd, (off_t)(w->seq * LEDGER_RECORD_BYTES)) != 0 ||
        vault__file_sync(w->fd) != ERR_OK)
        return errmsg_set(msg, ERR_IO, "%s: an unfinished record cannot be cut off", path);
    return ERR_OK;
}

static struct ledger *ledger_new(const uint8_t *key)
{
    struct ledger *l = mem_alloc(sizeof(*l));

    l->fd = -1;
    l->key = secret_alloc(CRYPTO_KEY_BYTES);
    memcpy(l->key, key, CRYPTO_KEY_BYTES);
    REQUIRE(pthread_mutex_init(&l->lock, NULL) == 0);
    return l;
}

void ledger_close(struct ledger **ledger)
{
    struct ledger *l = TAKE(*ledger);

    if (l == NULL)
        return;
    fd_close(&l->fd);
    mirror_close(&l->mirror);
    secret_free(&l->key);
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
}

static enum err open_with(const char *path, const uint8_t *key, const uint8_t *store_id,
                          bool writable, struct ledger **ret_ledger, struct errmsg *msg)
{
    AUTO(ledger_close) struct ledger *l = ledger_new(key);
    struct walk w = {.key = l->key};
    enum err e;

    w.fd = l->fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    l->failed = !writable;
    if (l->fd < 0 && errno == ENOENT)
        return errmsg_set(msg, ERR_CORRUPT,
                          "%s is missing: it must never be restored from a backup; put the live "
                          "ledger back",
                          path);
    if (l->fd < 0)
        return errmsg_set(msg, ERR_IO, "%s: cannot be opened: %s", path, strerror(errno));
    e = verify(path, &w, store_id, writable, msg);
    if (e != ERR_OK)
        return e;
    memcpy(l->head, w.head, CRYPTO_HASH_BYTES);
    l->seq = w.seq;
    *ret_ledger = TAKE(l);
    return ERR_OK;
}

void ledger_seal(struct ledger *l)
{
    if (l == NULL)
        return;
    (void)pthread_mutex_lock(&l->lock);
    secret_wipe(l->key, CRYPTO_KEY_BYTES);
    l->sealed = true;
    (void)pthread_mutex_unlock(&l->lock);
}

void ledger_unseal(struct ledger *l, const uint8_t key[CRYPTO_KEY_BYTES])
{
    (void)pthread_mutex_lock(&l->lock);
    memcpy(l->key, key, CRYPTO_KEY_BYTES);
    l->sealed = false;
    (void)pthread_mutex_unlock(&l->lock);
}

enum err ledger_look(const char *path, uint64_t seq, struct ledger_record *ret,
                     uint8_t ret_chain[CRYPTO_HASH_BYTES])
{
    AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t record[LEDGER_RECORD_BYTES];
    size_t got = 0;
    enum err e = fd < 0 ? ERR_IO : ERR_OK;

    if (seq == 0 || seq > INT64_MAX / LEDGER_RECORD_BYTES)
        return ERR_NOT_FOUND;
    if (e == ERR_OK)
        e = vault__file_read(fd, record, sizeof(record), (seq - 1) * LEDGER_RECORD_BYTES, &got);
    if (e != ERR_OK)
        return e;
    if (got < sizeof(record))
        return ERR_NOT_FOUND;
    if (record[0] != VERSION || get_le(record + 8, 8) != seq)
        return ERR_CORRUPT;
    *ret = decode(record);
    memcpy(ret_chain, record + CHAINED_BYTES, CRYPTO_HASH_BYTES);
    return ERR_OK;
}

enum err ledger_open(const char *path, const uint8_t key[CRYPTO_KEY_BYTES],
                     const uint8_t store_id[VAULT_ID_BYTES], struct ledger **ret_ledger,
                     struct errmsg *msg)
{
    return open_with(path, key, store_id, true, ret_ledger, msg);
}

enum err ledger_view(const char *path, const uint8_t key[CRYPTO_KEY_BYTES],
                     const uint8_t store_id[VAULT_ID_BYTES], struct ledger **ret_ledger,
                     struct errmsg *msg)
{
    return open_with(path, key, store_id, false, ret_ledger, msg);
}

/* ---- using it ---- */

/* The mirror after the ledger: a crash between the two leaves it behind, never ahead. */
static enum err write_both(struct ledger *l, const uint8_t *records, size_t len, uint64_t at)
{
    enum err e = vault__file_write(l->fd, records, len, at);

    if (e != ERR_OK)
        return e;
    if (records[1] == LEDGER_RESERVED)
        FAULT_POINT("reserve.appended");
    else if (records[1] == LEDGER_SEQUENCE)
        FAULT_POINT("sequence.appended");
    else
        FAULT_POINT("ledger.appended");
    e = vault__file_sync(l->fd);
    if (e != ERR_OK)
        l->failed = true;
    if (e != ERR_OK || l->mirror == NULL)
        return e;
    FAULT_POINT("mirror.behind");
    return mirror_append(l->mirror, records, len, at, &l->failed);
}

/* Write records at the end and make them durable. On an error they are cut off again, durably: what was
 * refused must not be carried out by a start after a crash. */
static enum err write_last(struct ledger *l, const uint8_t *records, size_t len)
{
    uint64_t at = l->seq * LEDGER_RECORD_BYTES;
    enum err e = write_both(l, records, len, at);

    if (e != ERR_OK && (FAULT_FAILS("ledger.cut") || ftruncate(l->fd, (off_t)at) != 0 ||
                        vault__file_sync(l->fd) != ERR_OK))
        l->failed = true;
    return e;
}

/* As many as one sector takes. */
static enum err append(struct ledger *l, struct ledger_record *records, size_t count)
{
    uint8_t bytes[SECTOR_RECORDS * LEDGER_RECORD_BYTES];
    const uint8_t *head = l->head;
    enum err e;

    REQUIRE(count > 0 && count <= SECTOR_RECORDS);
    if (l->failed || FAULT_FAILS("ledger.append"))
        return ERR_IO;
    if (l->sealed)
        return ERR_SEALED;
    for (size_t i = 0; i < count; i++) {
        struct ledger_record r = records[i];

        r.seq = l->seq + 1 + i;
        encode(&r, l->key, head, bytes + i * LEDGER_RECORD_BYTES);
        head = bytes + i * LEDGER_RECORD_BYTES + CHAINED_BYTES;
    }
    e = write_last(l, bytes, count * LEDGER_RECORD_BYTES);
    if (e != ERR_OK)
        return e;
    if (records[0].kind == LEDGER_RESERVED)
        FAULT_POINT("reserve.synced");
    else if (records[0].kind == LEDGER_SEQUENCE)
        FAULT_POINT("sequence.synced");
    else
        FAULT_POINT("ledger.synced");
    for (size_t i = 0; i < count; i++)
        records[i].seq = l->seq + 1 + i;
    (void)pthread_mutex_lock(&l->lock);
    memcpy(l->head, head, CRYPTO_HASH_BYTES);
    l->seq += count;
    (void)pthread_mutex_unlock(&l->lock);
    return ERR_OK;
}

enum err ledger_append(struct ledger *l, struct ledger_record *record)
{
    return append(l, record, 1);
}

enum err ledger_append_all(struct ledger *l, struct ledger_record *records, size_t count)
{
    enum err e = ERR_OK;

    while (e == ERR_OK && count > 0) {
        size_t room = SECTOR_RECORDS - l->seq % SECTOR_RECORDS;

        room = count < room ? count : room;
        e = append(l, records, room);
        records += room;
        count -= room;
    }
    return e;
}

/* The lock is no part of what a caller sees as const. */
static pthread_mutex_t *lock_of(const struct ledger *l)
{
    return (pthread_mutex_t *)&l->lock;
}

uint64_t ledger_seq(const struct ledger *l)
{
    uint64_t seq;

    (void)pthread_mutex_lock(lock_of(l));
    seq = l->seq;
    (void)pthread_mutex_unlock(lock_of(l));
    return seq;
}

uint64_t ledger_position(const struct ledger *l, uint8_t ret_head[CRYPTO_HASH_BYTES])
{
    uint64_t seq;

    (void)pthread_mutex_lock(lock_of(l));
    seq = l->seq;
    memcpy(ret_head, l->head, CRYPTO_HASH_BYTES);
    (void)pthread_mutex_unlock(lock_of(l));
    return seq;
}

void ledger_head(const struct ledger *l, uint8_t ret[CRYPTO_HASH_BYTES])
{
    (void)ledger_position(l, ret);
}

/* For a walk on any thread: the writer may wipe its own meanwhile. */
static enum err copy_key(const struct ledger *l, uint8_t **ret_key)
{
    AUTO(secret_free) uint8_t *key = secret_alloc(CRYPTO_KEY_BYTES);
    bool sealed;

    (void)pthread_mutex_lock(lock_of(l));
    sealed = l->sealed;
    memcpy(key, l->key, CRYPTO_KEY_BYTES);
    (void)pthread_mutex_unlock(lock_of(l));
    if (sealed)
        return ERR_SEALED;
    *ret_key = TAKE(key);
    return ERR_OK;
}

enum err ledger_head_at(const struct ledger *l, uint64_t seq, uint8_t ret[CRYPTO_HASH_BYTES])
{
    AUTO(secret_free) uint8_t *key = NULL;
    struct walk w = {.fd = l->fd};
    enum err e;

    if (seq > ledger_seq(l))
        return ERR_NOT_FOUND;
    e = copy_key(l, &key);
    if (e != ERR_OK)
        return e;
    w.key = key;
    e = walk_records(&w, seq, NULL, NULL);
    if (e != ERR_OK)
        return e;
    if (w.seq != seq)
        return ERR_CORRUPT;
    memcpy(ret, w.head, CRYPTO_HASH_BYTES);
    return ERR_OK;
}

enum err ledger_bytes(const struct ledger *l, uint64_t at, void *to, size_t len)
{
    size_t got = 0;
    enum err e = vault__file_read(l->fd, to, len, at, &got);

    return e == ERR_OK && got < len ? ERR_CORRUPT : e;
}

bool ledger_is_file(const struct ledger *l, int fd)
{
    struct stat a, b;

    return fstat(l->fd, &a) == 0 && fstat(fd, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

void ledger_mirror_with(struct ledger *l, struct mirror *mirror)
{
    mirror_close(&l->mirror);
    l->mirror = mirror;
}

enum err ledger_each(struct ledger *l, enum err (*fn)(const struct ledger_record *, void *),
                     void *context)
{
    AUTO(secret_free) uint8_t *key = NULL;
    struct walk w = {.fd = l->fd};
    uint64_t seq = ledger_seq(l);
    enum err e = copy_key(l, &key);

    if (e != ERR_OK)
        return e;
    w.key = key;
    e = walk_records(&w, seq, fn, context);
    if (e != ERR_OK)
        return e;
    return w.seq == seq ? ERR_OK : ERR_CORRUPT;
}
