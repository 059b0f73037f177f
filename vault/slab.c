/* SPDX-License-Identifier: Apache-2.0 */
/* Wrapped keys in fixed slots, overwritten in place.
 * Runs on: the writer's thread; slab_read() and slab_raw() on any. Holds: the file, two derived
 * keys in guarded memory, the header. Invariant: a slot number is given out once, whatever happens
 * between two syncs; after a failed sync nothing is written any more. Not here: whose key it is,
 * and when it must go. The format is drawn in the header. */
#include "vault/slab_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/secret.h"
#include "vault/file_priv.h"
#include "vault/rootkey.h"

/* A header copy: 0 "LETHSLAB" | 8 u32 version | 12 u32 epoch | 16 u64 sequence | 24 store id 16 |
 *   40 u64 rows reserved | 48 u64 slots used | 56 key check 16 | 72 hash 32 | 104 zero
 *   key check = first 16 bytes of the keyed hash of ("lethe slab key" | u32 epoch | store id)
 *   hash      = keyed hash of bytes 0..71; both under the derived check key
 * A newer format changes both copies, so that an older program never takes the older of them.
 *
 * A slot: 0 u8 version | 1 u8 kind | 2 zero | 4 u32 epoch | 8 u64 owner | 16 subject 16 |
 *   32 nonce 24 | 56 wrapped 48 | 104 zero. All zero: empty or shredded. */
enum {
    VERSION = 1,
    COPY_BYTES = 2048,
    CHECK_BYTES = 16,
    HASHED_BYTES = 72,
    RUN_BYTES = 1 << 20,
    SLOT_USED_BYTES = 104,
    FIRST_SLOTS = 2 /* the locator key, the default domain's index key */
};

static const char MAGIC[8] = {'L', 'E', 'T', 'H', 'S', 'L', 'A', 'B'};
static const uint64_t ROWS_MAX = UINT64_C(1) << 48;  /* a token has 48 bits for the row */
static const uint64_t SLOTS_MAX = UINT64_C(1) << 40; /* bounds the file, not the use */

struct header {
    uint32_t epoch;
    uint64_t sequence; /* copy A holds even ones, copy B odd ones */
    uint8_t store_id[VAULT_ID_BYTES];
    uint64_t rows; /* row numbers below are taken */
};

struct slab {
    int fd;
    uint8_t *wrap_key;  /* guarded */
    uint8_t *check_key; /* guarded */
    struct header header;
    _Atomic uint64_t used; /* slot numbers below are taken; any thread reads it */
    uint64_t capacity;     /* slots the file has room for */
    bool dirty;            /* something waits for slab_sync() */
    bool failed;
};

/* ---- the header ---- */

static void key_check(const uint8_t *check_key, const struct header *h, uint8_t out[CHECK_BYTES])
{
    static const char label[] = "lethe slab key";
    uint8_t bytes[sizeof(label) - 1 + 4 + VAULT_ID_BYTES], hash[CRYPTO_HASH_BYTES];

    memcpy(bytes, label, sizeof(label) - 1);
    put_le(bytes + sizeof(label) - 1, h->epoch, 4);
    memcpy(bytes + sizeof(label) - 1 + 4, h->store_id, VAULT_ID_BYTES);
    vault__keyed_hash(check_key, bytes, sizeof(bytes), hash);
    memcpy(out, hash, CHECK_BYTES);
}

static void encode_header(const struct header *h, uint64_t used, const uint8_t *check_key,
                          uint8_t out[COPY_BYTES])
{
    memset(out, 0, COPY_BYTES);
    memcpy(out, MAGIC, sizeof(MAGIC));
    put_le(out + 8, VERSION, 4);
    put_le(out + 12, h->epoch, 4);
    put_le(out + 16, h->sequence, 8);
    memcpy(out + 24, h->store_id, VAULT_ID_BYTES);
    put_le(out + 40, h->rows, 8);
    put_le(out + 48, used, 8);
    key_check(check_key, h, out + 56);
    vault__keyed_hash(check_key, out, HASHED_BYTES, out + HASHED_BYTES);
}

static struct header decode_header(const uint8_t copy[COPY_BYTES])
{
    struct header h = {.epoch = (uint32_t)get_le(copy + 12, 4),
                       .sequence = get_le(copy + 16, 8),
                       .rows = get_le(copy + 40, 8)};

    memcpy(h.store_id, copy + 24, VAULT_ID_BYTES);
    return h;
}

enum copy_state { COPY_GOOD, COPY_NEWER, COPY_FOREIGN, COPY_DAMAGED };

static bool is_zero(const uint8_t *bytes, size_t len)
{
    uint8_t any = 0;

    for (size_t i = 0; i < len; i++)
        any |= bytes[i];
    return any == 0;
}

static enum copy_state judge_copy(const uint8_t copy[COPY_BYTES], const uint8_t *check_key)
{
    uint8_t check[CHECK_BYTES], hash[CRYPTO_HASH_BYTES];
    struct header h = decode_header(copy);

    if (memcmp(copy, MAGIC, sizeof(MAGIC)) != 0 || get_le(copy + 8, 4) < VERSION)
        return COPY_DAMAGED;
    if (get_le(copy + 8, 4) > VERSION)
        return COPY_NEWER;
    key_check(check_key, &h, check);
    if (!secret_equal(check, copy + 56, CHECK_BYTES))
        return COPY_FOREIGN;
    vault__keyed_hash(check_key, copy, HASHED_BYTES, hash);
    if (!secret_equal(hash, copy + HASHED_BYTES, CRYPTO_HASH_BYTES) ||
        !is_zero(copy + HASHED_BYTES + CRYPTO_HASH_BYTES,
                 COPY_BYTES - HASHED_BYTES - CRYPTO_HASH_BYTES))
        return COPY_DAMAGED;
    return COPY_GOOD;
}

/* Neither copy is good: is it another key's store, a newer format, or damage? Damage does not hit
 * both copies alike, so that a key is called foreign only where they agree on whose they are. */
static enum err refuse_header(const char *path, const uint8_t *a, const uint8_t *b,
                              enum copy_state of_a, enum copy_state of_b,
                              const struct root_key *root, struct errmsg *msg)
{
    if (of_a == COPY_NEWER && of_b == COPY_NEWER)
        return errmsg_set(msg, ERR_CORRUPT, "%s: made by a newer version of Lethe (format %u)",
                          path, (unsigned)get_le(a + 8, 4));
    if (of_a == COPY_FOREIGN && of_b == COPY_FOREIGN && memcmp(a + 8, b + 8, 8) == 0 &&
        memcmp(a + 24, b + 24, VAULT_ID_BYTES) == 0 && memcmp(a + 56, b + 56, CHECK_BYTES) == 0)
        return errmsg_set(msg, ERR_SEALED,
                          "%s: sealed under another root key; epoch %u is wanted, the key given is "
                          "of epoch %u",
                          path, (unsigned)get_le(a + 12, 4), root->epoch);
    return errmsg_set(msg, ERR_CORRUPT, "%s: its header is damaged; restore keys.slab", path);
}

static enum err read_header(struct slab *s, const char *path, const struct root_key *root,
                            struct errmsg *msg)
{
    uint8_t both[2 * COPY_BYTES];
    const uint8_t *a = both, *b = both + COPY_BYTES, *best;
    enum copy_state of_a, of_b;
    size_t got = 0;

    if (vault__file_read(s->fd, both, sizeof(both), 0, &got) != ERR_OK)
        return errmsg_set(msg, ERR_IO, "%s: cannot be read", path);
    if (got < sizeof(both))
        return errmsg_set(msg, ERR_CORRUPT, "%s: too short; restore keys.slab", path);
    of_a = judge_copy(a, s->check_key);
    of_b = judge_copy(b, s->check_key);
    if (of_a != COPY_GOOD && of_b != COPY_GOOD)
        return refuse_header(path, a, b, of_a, of_b, root, msg);
    best =
        of_b != COPY_GOOD || (of_a == COPY_GOOD && get_le(a + 16, 8) > get_le(b + 16, 8)) ? a : b;
    s->header = decode_header(best);
    s->used = get_le(best + 48, 8);
    return ERR_OK;
}

/* Write the header to the copy whose turn it is; the other one stays as it was at the last sync. */
static enum err write_header(struct slab *s)
{
    uint8_t copy[COPY_BYTES];

    s->header.sequence++;
    encode_header(&s->header, s->used, s->check_key, copy);
    return vault__file_write(s->fd, copy, sizeof(copy), (s->header.sequence % 2) * COPY_BYTES);
}

/* ---- slots ---- */

static uint64_t slot_at(uint64_t slot)
{
    return SLAB_HEADER_BYTES + slot * SLAB_SLOT_BYTES;
}

static struct crypto_slot binding(const struct slab *s, uint64_t slot, uint8_t kind, uint32_t epoch,
                                  uint64_t owner, const uint8_t subject[VAULT_ID_BYTES])
{
    struct crypto_slot b = {.slot = slot, .kind = kind, .epoch = epoch, .owner = owner};

    memcpy(b.store, s->header.store_id, VAULT_ID_BYTES);
    memcpy(b.subject, subject, VAULT_ID_BYTES);
    return b;
}

static void encode_slot(const struct slab *s, uint64_t slot, const struct slab_key *key,
                        uint8_t out[SLAB_SLOT_BYTES])
{
    struct crypto_slot b =
        binding(s, slot, (uint8_t)key->kind, s->header.epoch, key->owner, key->subject);

    memset(out, 0, SLAB_SLOT_BYTES);
    out[0] = VERSION;
    out[1] = (uint8_t)key->kind;
    put_le(out + 4, b.epoch, 4);
    put_le(out + 8, b.owner, 8);
    memcpy(out + 16, b.subject, VAULT_ID_BYTES);
    secret_random(out + 32, CRYPTO_NONCE_BYTES);
    vault__wrap(s->wrap_key, &b, out + 32, key->key, out + 56);
}

static enum err decode_slot(const struct slab *s, uint64_t slot, const uint8_t in[SLAB_SLOT_BYTES],
                            struct slab_key *ret)
{
    struct crypto_slot b =
        binding(s, slot, in[1], (uint32_t)get_le(in + 4, 4), get_le(in + 8, 8), in + 16);
    enum err e;

    if (in[0] != VERSION || get_le(in + 2, 2) != 0 || in[1] < SLAB_SUBJECT || in[1] > SLAB_INDEX ||
        !is_zero(in + SLOT_USED_BYTES, SLAB_SLOT_BYTES - SLOT_USED_BYTES))
        return ERR_CORRUPT;
    e = vault__unwrap(s->wrap_key, &b, in + 32, in + 56, ret->key);
    if (e != ERR_OK)
        return e;
    ret->kind = (enum slab_kind)b.kind;
    ret->owner = b.owner;
    memcpy(ret->subject, b.subject, VAULT_ID_BYTES);
    return ERR_OK;
}

/* Make room for `slots` in all, by runs of zeroes that are on the medium before a key goes there: a
 * slot in blocks that were only allocated would be moved at its first write. */
static enum err grow(struct slab *s, uint64_t slots)
{
    AUTO(mem_free) uint8_t *zeroes = NULL;
    enum err e = ERR_OK;

    if (slots <= s->capacity)
        return ERR_OK;
    zeroes = mem_alloc(RUN_BYTES);
    while (s->capacity < slots) {
        e = vault__file_write(s->fd, zeroes, RUN_BYTES, slot_at(s->capacity));
        if (e != ERR_OK)
            return e; /* tried again from the same place */
        e = vault__file_sync(s->fd);
        if (e != ERR_OK) {
            s->failed = true;
            return e;
        }
        s->capacity += RUN_BYTES / SLAB_SLOT_BYTES;
    }
    return ERR_OK;
}

/* A crash may have left slots written whose count was not: their numbers are taken. */
static enum err skip_uncounted(struct slab *s)
{
    AUTO(mem_free) uint8_t *run = mem_alloc(RUN_BYTES);
    uint64_t slot = s->used;
    size_t got = 0;
    enum err e;

    do {
        e = vault__file_read(s->fd, run, RUN_BYTES, slot_at(slot), &got);
        if (e != ERR_OK)
            return e;
        for (size_t at = 0; at < got; at += SLAB_SLOT_BYTES, slot++) {
            size_t len = got - at < SLAB_SLOT_BYTES ? got - at : SLAB_SLOT_BYTES;

            if (!is_zero(run + at, len))
                s->used = slot + 1;
        }
    } while (got == RUN_BYTES);
    return ERR_OK;
}

/* ---- making and opening ---- */

static struct slab *slab_new(const struct root_key *root)
{
    struct slab *s = mem_alloc(sizeof(*s));

    s->fd = -1;
    s->wrap_key = secret_alloc(CRYPTO_KEY_BYTES);
    s->check_key = secret_alloc(CRYPTO_KEY_BYTES);
    vault__derive(root->bytes, CRYPTO_DERIVE_WRAP, s->wrap_key);
    vault__derive(root->bytes, CRYPTO_DERIVE_CHECK, s->check_key);
    return s;
}

void slab_close(struct slab **slab)
{
    struct slab *s = TAKE(*slab);

    if (s == NULL)
        return;
    vault__fd_close(&s->fd);
    secret_free(&s->wrap_key);
    secret_free(&s->check_key);
    free(s);
}

static enum err add_random(struct slab *s, enum slab_kind kind, uint64_t owner)
{
    struct slab_key key = {.kind = kind, .owner = owner};
    uint64_t slot;
    enum err e;

    secret_random(key.key, sizeof(key.key));
    e = slab_add(s, &key, &slot);
    secret_wipe(&key, sizeof(key));
    return e;
}

static enum err fill_new(struct slab *s, const char *path)
{
    enum err e = write_header(s); /* both copies, so that either can be damaged later */

    if (e == ERR_OK)
        e = add_random(s, SLAB_LOCATOR, 0);
    if (e == ERR_OK)
        e = add_random(s, SLAB_INDEX, VAULT_DOMAIN_DEFAULT);
    if (e == ERR_OK)
        e = write_header(s);
    if (e == ERR_OK)
        e = slab_sync(s);
    if (e == ERR_OK)
        e = vault__folder_sync(path);
    return e;
}

enum err slab_create(const char *path, const struct root_key *root, struct errmsg *msg)
{
    AUTO(slab_close) struct slab *s = slab_new(root);
    enum err e;

    s->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (s->fd < 0)
        return errmsg_set(msg, errno == EEXIST ? ERR_CONFLICT : ERR_IO, "%s: cannot be created: %s",
                          path, strerror(errno));
    s->header.epoch = root->epoch;
    s->header.rows = 1; /* row numbers start at 1 */
    secret_random(s->header.store_id, VAULT_ID_BYTES);
    e = fill_new(s, path);
    if (e != ERR_OK) {
        (void)unlink(path);
        return errmsg_set(msg, e, "%s: cannot be written: %s", path, err_text(e));
    }
    return ERR_OK;
}

static enum err read_slots(struct slab *s, const char *path, struct errmsg *msg)
{
    struct stat st;

    if (fstat(s->fd, &st) != 0)
        return errmsg_set(msg, ERR_IO, "%s: cannot be examined: %s", path, strerror(errno));
    s->capacity = ((uint64_t)st.st_size - SLAB_HEADER_BYTES) / SLAB_SLOT_BYTES;
    if (s->used < FIRST_SLOTS || s->used > s->capacity)
        return errmsg_set(msg, ERR_CORRUPT, "%s: shorter than its header says; restore keys.slab",
                          path);
    if (skip_uncounted(s) != ERR_OK)
        return errmsg_set(msg, ERR_IO, "%s: cannot be read", path);
    return ERR_OK;
}

enum err slab_open(const char *path, const struct root_key *root, struct slab **ret_slab,
                   struct errmsg *msg)
{
    AUTO(slab_close) struct slab *s = slab_new(root);
    enum err e;

    s->fd = open(path, O_RDWR | O_CLOEXEC);
    if (s->fd < 0)
        return errmsg_set(msg, errno == ENOENT ? ERR_CORRUPT : ERR_IO, "%s: cannot be opened: %s",
                          path, strerror(errno));
    e = read_header(s, path, root, msg);
    if (e == ERR_OK)
        e = read_slots(s, path, msg);
    if (e != ERR_OK)
        return e;
    *ret_slab = TAKE(s);
    return ERR_OK;
}

/* ---- using it ---- */

const uint8_t *slab_store_id(const struct slab *s)
{
    return s->header.store_id;
}

uint32_t slab_epoch(const struct slab *s)
{
    return s->header.epoch;
}

uint64_t slab_slots_used(const struct slab *s)
{
    return s->used;
}

/* A full medium may have room later; anything else ends writing for good. */
static enum err note_failure(struct slab *s, enum err e)
{
    if (e == ERR_IO)
        s->failed = true;
    return e;
}

enum err slab_add(struct slab *s, const struct slab_key *key, uint64_t *ret_slot)
{
    uint8_t bytes[SLAB_SLOT_BYTES];
    uint64_t slot = s->used;
    enum err e;

    if (s->failed)
        return ERR_IO;
    if (slot >= SLOTS_MAX)
        return ERR_NO_SPACE;
    e = grow(s, slot + 1);
    if (e != ERR_OK)
        return note_failure(s, e);
    s->used = slot + 1; /* taken from here on, even if the write fails half-way */
    s->dirty = true;
    encode_slot(s, slot, key, bytes);
    e = vault__file_write(s->fd, bytes, sizeof(bytes), slot_at(slot));
    if (e != ERR_OK)
        return note_failure(s, e);
    FAULT_POINT("slab.added");
    *ret_slot = slot;
    return ERR_OK;
}

/* Header and slots to the medium, in one sync. */
static enum err flush(struct slab *s)
{
    enum err e = write_header(s);

    if (e == ERR_OK)
        e = vault__file_sync(s->fd);
    if (e != ERR_OK) {
        s->failed = true;
        return e;
    }
    s->dirty = false;
    return ERR_OK;
}

enum err slab_sync(struct slab *s)
{
    if (s->failed)
        return ERR_IO;
    return s->dirty ? flush(s) : ERR_OK;
}

enum err slab_reserve_rows(struct slab *s, uint64_t count, uint64_t *ret_first)
{
    uint64_t first = s->header.rows;
    enum err e;

    if (s->failed)
        return ERR_IO;
    if (count > ROWS_MAX - first)
        return ERR_NO_SPACE;
    s->header.rows = first + count;
    e = flush(s);
    if (e != ERR_OK)
        return e;
    *ret_first = first;
    return ERR_OK;
}

enum err slab_shred(struct slab *s, uint64_t slot)
{
    static const uint8_t zeroes[SLAB_SLOT_BYTES];
    enum err e;

    REQUIRE(slot != 0); /* the locator key is nobody's */
    if (s->failed)
        return ERR_IO;
    if (slot >= SLOTS_MAX)
        return ERR_NOT_FOUND;
    if (slot >= s->used) {
        /* A restored slab is older than the ledger: the number must not be given to somebody else.
         */
        e = grow(s, slot + 1);
        if (e != ERR_OK)
            return note_failure(s, e);
        s->used = slot + 1;
        s->dirty = true;
    }
    e = vault__file_write(s->fd, zeroes, sizeof(zeroes), slot_at(slot));
    if (e != ERR_OK)
        return note_failure(s, e);
    FAULT_POINT("slab.before_shred_sync");
    if (s->dirty) {
        e = flush(s);
    } else {
        e = vault__file_sync(s->fd);
        s->failed = e != ERR_OK;
    }
    if (e != ERR_OK)
        return e;
    FAULT_POINT("slab.shredded");
    return ERR_OK;
}

enum err slab_raw(const struct slab *s, uint64_t slot, uint8_t ret[SLAB_SLOT_BYTES])
{
    uint8_t bytes[SLAB_SLOT_BYTES] = {0};
    size_t got = 0;
    enum err e;

    if (slot >= SLOTS_MAX)
        return ERR_NOT_FOUND;
    e = vault__file_read(s->fd, bytes, sizeof(bytes), slot_at(slot), &got);
    if (e != ERR_OK)
        return e;
    memcpy(ret, bytes, sizeof(bytes)); /* past the end of the file: zeroes */
    return ERR_OK;
}

enum err slab_read(const struct slab *s, uint64_t slot, struct slab_key *ret)
{
    uint8_t bytes[SLAB_SLOT_BYTES], again[SLAB_SLOT_BYTES];
    enum err e = slab_raw(s, slot, bytes);

    while (e == ERR_OK) {
        if (is_zero(bytes, sizeof(bytes)))
            return ERR_NOT_FOUND;
        e = decode_slot(s, slot, bytes, ret);
        if (e == ERR_OK)
            return ERR_OK;
        /* Read while the writer was half-way over it? Then it reads differently now. */
        e = slab_raw(s, slot, again);
        if (e == ERR_OK && memcmp(bytes, again, sizeof(bytes)) == 0)
            return ERR_CORRUPT;
        memcpy(bytes, again, sizeof(bytes));
    }
    return e;
}
