/* SPDX-License-Identifier: Apache-2.0 */
/* A table of rows in sets of four: what comes takes a free place of its set, or one after the other.
 * Runs on: its owner's thread (the writer drops from it under the owner's lock). Holds: ciphertext,
 * tokens, and tags of values. Invariant: owners[i] is the slot of entries[i] with a mark of its key above, 0
 * when it is empty; kept apart so that an erasure can look through all of them quickly, and a row that
 * is not here costs no look at an entry. Not here: whether a row still counts. */
#include "vault/rowcache_priv.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/secret.h"

/* Longer values are read from the database: they are few, and would cost everybody's memory. */
enum { SEALED_MAX = 96, WAYS = 4, LINE_BYTES = 64 };

enum { SALTED_AT = 6 }; /* in the text of an opaque token */

static const uint64_t SLOT_MASK = (UINT64_C(1) << 40) - 1; /* a slab counts no further */

struct key {
    uint64_t words[3];
};

struct entry {
    struct key key;
    char text
        [TOKEN_OPAQUE_LEN]; /* of the token, where an opaque one is part of the key, or what is asked for */
    struct store_row row; /* .sealed points nowhere; it is rebuilt from the bytes below */
    uint16_t class_id;
    uint16_t sealed_len;
    uint8_t text_len;
    uint8_t sealed[SEALED_MAX];
} __attribute__((aligned(LINE_BYTES)));

struct rowcache {
    unsigned shift; /* 64 - log2 of the number of sets */
    uint32_t capacity;
    uint32_t turn; /* whose place the next one takes in a full set */
    struct entry *entries;
    uint64_t *owners; /* behind them: one allocation */
};

_Static_assert(LINE_BYTES % (WAYS * sizeof(uint64_t)) == 0, "a set's owners stand in one line");

struct rowcache *rowcache_new(uint32_t capacity)
{
    struct rowcache *c = mem_alloc(sizeof(*c));

    REQUIRE(capacity > WAYS && (capacity & (capacity - 1)) == 0);
    c->shift = 64 - (unsigned)__builtin_ctz(capacity / WAYS);
    c->capacity = capacity;
    c->entries = mem_alloc_table(capacity * (sizeof(c->entries[0]) + sizeof(c->owners[0])));
    c->owners = (uint64_t *)(c->entries + capacity);
    return c;
}

void rowcache_free(struct rowcache **cache)
{
    struct rowcache *c = TAKE(*cache);

    if (c == NULL)
        return;
    secret_wipe(c->entries, c->capacity * sizeof(c->entries[0]));
    free(c->entries);
    free(c);
}

/* Row numbers stay below 2^48 and classes, from 1 on, below 2^16: a tag that looks like such a pair is a matter of
 * 2^-96, and would have to be the same owner's. */
static struct key token_key(uint16_t class_id, uint64_t row, uint64_t owner)
{
    return (struct key){{row, UINT64_MAX - class_id, owner}};
}

/* Of the text eight characters that its salt makes; all of it is compared besides. */
static struct key text_key(const char *text, uint64_t owner)
{
    struct key key = {{0, UINT64_MAX, owner}};

    memcpy(key.words, text + SALTED_AT, sizeof(key.words[0]));
    return key;
}

static struct key value_key(const uint8_t tag[SECRET_TAG_BYTES], uint64_t owner)
{
    struct key key = {{0, 0, owner}};

    memcpy(key.words, tag, SECRET_TAG_BYTES);
    return key;
}

/* Row numbers, salts and tags are not for a client to choose: no keyed hash is needed. */
static uint64_t hash_of(const struct key *key)
{
    uint64_t mixed = key->words[0] ^ (key->words[1] << 21 | key->words[1] >> 43) ^
                     (key->words[2] << 42 | key->words[2] >> 22);

    return mixed * UINT64_C(0x9e3779b97f4a7c15);
}

/* The upper bits of a hash choose the set, those below them are the mark. */
static uint64_t mark_of(const struct rowcache *c, uint64_t hash)
{
    return hash << (64 - c->shift) & ~SLOT_MASK;
}

static bool holds(const struct rowcache *c, size_t place, uint64_t mark, const struct key *key)
{
    const struct entry *entry = &c->entries[place];

    if ((c->owners[place] & ~SLOT_MASK) != mark || c->owners[place] == 0)
        return false;
    __builtin_prefetch((const char *)entry + LINE_BYTES); /* it is the one, almost certainly */
    __builtin_prefetch((const char *)entry + 2 * (size_t)LINE_BYTES);
    __builtin_prefetch((const char *)entry + 3 * (size_t)LINE_BYTES);
    return memcmp(&entry->key, key, sizeof(*key)) == 0;
}

/* The place of a key, or SIZE_MAX. */
static size_t find(const struct rowcache *c, uint64_t hash, const struct key *key)
{
    const size_t front = (size_t)(hash >> c->shift) * WAYS;
    const uint64_t mark = mark_of(c, hash);

    for (size_t place = front; place < front + WAYS; place++)
        if (holds(c, place, mark, key))
            return place;
    return SIZE_MAX;
}

/* NULL: it is not here. */
static const struct entry *get(const struct rowcache *c, const struct key *key,
                               struct store_row *ret)
{
    const size_t place = find(c, hash_of(key), key);
    const struct entry *entry;

    if (place == SIZE_MAX)
        return NULL;
    entry = &c->entries[place];
    *ret = entry->row;
    ret->sealed = span_of(entry->sealed, entry->sealed_len);
    return entry;
}

/* Where a key goes that is not there. */
static size_t make_room(struct rowcache *c, uint64_t hash)
{
    const size_t front = (size_t)(hash >> c->shift) * WAYS;

    for (size_t place = front; place < front + WAYS; place++)
        if (c->owners[place] == 0)
            return place;
    return front + c->turn++ % WAYS;
}

/* NULL: it is not kept. */
static struct entry *put(struct rowcache *c, const struct key *key, const struct store_row *found,
                         struct span sealed)
{
    const uint64_t hash = hash_of(key);
    size_t place = find(c, hash, key);
    struct entry *entry;

    if (sealed.len > SEALED_MAX || found->slot == 0 || found->slot > SLOT_MASK)
        return NULL;
    if (place == SIZE_MAX)
        place = make_room(c, hash);
    entry = &c->entries[place];
    c->owners[place] = mark_of(c, hash) | found->slot;
    entry->key = *key;
    entry->row = *found;
    entry->row.sealed = SPAN_NONE;
    entry->sealed_len = (uint16_t)sealed.len;
    if (sealed.len > 0)
        memcpy(entry->sealed, sealed.at, sealed.len);
    entry->text_len = 0;
    return entry;
}

static void set_text(struct entry *entry, const char *text)
{
    memcpy(entry->text, text, TOKEN_OPAQUE_LEN);
    entry->text_len = TOKEN_OPAQUE_LEN;
}

/* ---- by what a token names ---- */

bool rowcache_by_token(const struct rowcache *c, uint16_t class_id, uint64_t row, uint64_t owner,
                       struct store_row *ret)
{
    const struct key key = token_key(class_id, row, owner);

    return get(c, &key, ret) != NULL;
}

void rowcache_put_token(struct rowcache *c, uint16_t class_id, uint64_t row, uint64_t owner,
                        const struct store_row *found)
{
    const struct key key = token_key(class_id, row, owner);

    (void)put(c, &key, found, found->sealed);
}

/* ---- by a token's text ---- */

bool rowcache_by_text(const struct rowcache *c, const char *text, uint16_t class_id, uint64_t owner,
                      struct store_row *ret)
{
    const struct key key = text_key(text, owner);
    const struct entry *entry = get(c, &key, ret);

    return entry != NULL && entry->class_id == class_id && entry->text_len == TOKEN_OPAQUE_LEN &&
           secret_equal(entry->text, text, TOKEN_OPAQUE_LEN);
}

void rowcache_put_text(struct rowcache *c, const char *text, uint16_t class_id, uint64_t owner,
                       const struct store_row *found)
{
    const struct key key = text_key(text, owner);
    struct entry *entry = put(c, &key, found, found->sealed);

    if (entry == NULL)
        return;
    entry->class_id = class_id;
    set_text(entry, text);
}

/* ---- by value ---- */

bool rowcache_by_value(const struct rowcache *c, const uint8_t tag[SECRET_TAG_BYTES],
                       uint64_t owner, struct store_row *ret, struct span *ret_token)
{
    const struct key key = value_key(tag, owner);
    const struct entry *entry = get(c, &key, ret);

    if (entry != NULL)
        *ret_token = span_of(entry->text, entry->text_len);
    return entry != NULL;
}

void rowcache_put_value(struct rowcache *c, const uint8_t tag[SECRET_TAG_BYTES], uint64_t owner,
                        const struct store_row *found, struct span token)
{
    const struct key key = value_key(tag, owner);
    struct entry *entry = put(c, &key, found, SPAN_NONE);

    if (entry != NULL && token.len == TOKEN_OPAQUE_LEN)
        set_text(entry, token.at);
}

/* ---- forgetting ---- */

void rowcache_drop(struct rowcache *c, uint64_t slot)
{
    for (uint32_t i = 0; i < c->capacity; i++) {
        if (c->owners[i] == 0 || (c->owners[i] & SLOT_MASK) != slot)
            continue;
        secret_wipe(&c->entries[i], sizeof(c->entries[i]));
        c->owners[i] = 0;
    }
}

static bool is_among(uint64_t slot, const uint64_t *slots, size_t count)
{
    size_t from = 0;

    while (count > 0) { /* slots[from .. from + count) may have it */
        const size_t half = count / 2;

        if (slots[from + half] == slot)
            return true;
        if (slots[from + half] < slot) {
            from += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return false;
}

void rowcache_drop_each(struct rowcache *c, const uint64_t *slots, size_t count)
{
    for (uint32_t i = 0; i < c->capacity; i++) {
        if (c->owners[i] == 0 || !is_among(c->owners[i] & SLOT_MASK, slots, count))
            continue;
        secret_wipe(&c->entries[i], sizeof(c->entries[i]));
        c->owners[i] = 0;
    }
}

void rowcache_clear(struct rowcache *c)
{
    secret_wipe(c->entries, c->capacity * sizeof(c->entries[0]));
    memset(c->owners, 0, c->capacity * sizeof(c->owners[0]));
}
