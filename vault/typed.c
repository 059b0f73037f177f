/* SPDX-License-Identifier: Apache-2.0 */
/* Typed tokens in one store: which class's key, which sequence, which number.
 * Runs on: any thread but where said. Holds: nothing. Invariant: a key is made for each use and
 * wiped, so that nothing of it is left when the locator key is gone.
 * Not here: how a format writes (format.h), what becomes of the numbers (sequence.c). */
#include "vault/typed_priv.h"

#include "base/secret.h"

/* What a use of a class's tokens needs. */
struct use {
    const struct class_def *def;
    uint8_t key[CRYPTO_KEY_BYTES];
};

static uint64_t number_of(uint32_t index, uint64_t n)
{
    return (uint64_t)index << SEQUENCE_NUMBER_BITS | n;
}

bool vault__is_typed(const struct vault *v, uint16_t class_id)
{
    return class_id <= CLASSES_MAX && v->defs[class_id] != NULL &&
           format_is_typed(v->defs[class_id]->format);
}

static void begin(const struct vault *v, uint16_t class_id, struct use *u)
{
    char spec[FORMAT_SPEC_TEXT_MAX];

    REQUIRE(vault__is_typed(v, class_id));
    u->def = v->defs[class_id];
    format_spec_text(&u->def->spec, spec);
    vault__class_key(v->locator_key, u->def->name, spec, u->key);
}

static void end(struct use *u)
{
    secret_wipe(u->key, sizeof(u->key));
}

/* ---- opening ---- */

static enum err load(const struct store_sequence *stored, void *context)
{
    struct vault *v = context;
    uint8_t mac[CRYPTO_MAC_BYTES];
    struct use u;

    /* Of a class that left the configuration: it is empty, and the ledger has its marks. */
    if (!vault__is_typed(v, stored->class_id))
        return ERR_OK;
    begin(v, stored->class_id, &u);
    vault__sequence_mac(u.key, stored->id, stored->index, stored->room, mac);
    end(&u);
    if (!secret_equal(mac, stored->mac, CRYPTO_MAC_BYTES))
        return ERR_CORRUPT;
    sequences_load(v->sequences, stored);
    return ERR_OK;
}

enum err vault__typed_open(struct vault *v, struct store *s, struct errmsg *msg)
{
    enum err e = store_sequence_each(s, load, v);

    if (e != ERR_OK)
        return errmsg_set(msg, e,
                          "%s/" VAULT_DB ": the numbers of typed tokens %s; put a sound copy back",
                          v->dir, e == ERR_CORRUPT ? "were altered" : "cannot be read");
    return ERR_OK;
}

/* ---- tokens and numbers ---- */

enum err vault__typed_read(const struct vault *v, uint16_t class_id, struct span token,
                           uint64_t *ret_number)
{
    uint8_t id[CRYPTO_MAC_BYTES];
    const struct sequence *sequence;
    struct format_shape shape;
    uint64_t n = 0;
    struct use u;
    enum err e;

    begin(v, class_id, &u);
    e = format_read(&u.def->spec, u.key, token, &shape, &n);
    if (e == ERR_OK)
        vault__sequence_id(u.key, shape.text, id);
    end(&u);
    if (e != ERR_OK)
        return e;
    sequence = sequences_find(v->sequences, id);
    if (sequence == NULL)
        return ERR_NOT_FOUND;
    *ret_number = number_of(atomic_load(&sequence->index), n);
    return ERR_OK;
}

enum err vault__typed_index(const struct vault *v, const struct vault_item *item,
                            uint64_t *ret_index)
{
    uint8_t id[CRYPTO_MAC_BYTES];
    const struct sequence *sequence;
    struct format_shape shape;
    struct use u;
    enum err e;

    begin(v, item->class_id, &u);
    e = format_shape(&u.def->spec, item->kind, item->value, &shape);
    if (e == ERR_OK)
        vault__sequence_id(u.key, shape.text, id);
    end(&u);
    if (e != ERR_OK)
        return e;
    sequence = sequences_find(v->sequences, id);
    if (sequence == NULL)
        return ERR_NOT_FOUND;
    *ret_index = atomic_load(&sequence->index);
    return ERR_OK;
}

bool vault__typed_owns(const struct vault *v, uint16_t class_id, struct span text)
{
    struct use u;
    bool owns;

    begin(v, class_id, &u);
    owns = format_owns(&u.def->spec, u.key, text);
    end(&u);
    return owns;
}

enum err vault__typed_check(const struct vault *v, const struct vault_item *item)
{
    struct format_shape shape;
    enum err e = format_shape(&v->defs[item->class_id]->spec, item->kind, item->value, &shape);

    if (e == ERR_OK && vault__typed_owns(v, item->class_id, item->value))
        e = ERR_CONFLICT;
    return e;
}

enum err vault__typed_write(const struct vault *v, struct vault_item *item, uint64_t number)
{
    const uint64_t n = number & ((UINT64_C(1) << SEQUENCE_NUMBER_BITS) - 1);
    struct format_shape shape;
    struct use u;
    enum err e;

    begin(v, item->class_id, &u);
    e = format_shape(&u.def->spec, item->kind, item->value, &shape);
    if (e == ERR_OK && n >= format_capacity(&u.def->spec, &shape))
        e = ERR_CORRUPT;
    if (e == ERR_OK)
        format_write(&u.def->spec, &shape, u.key, n, item->value, &item->token);
    end(&u);
    return e;
}

enum err vault__typed_decoy(const struct vault *v, struct vault_item *item)
{
    const struct format_spec *spec = &v->defs[item->class_id]->spec;
    uint64_t capacity, room, n = 0;
    struct format_shape shape;
    enum err e = format_shape(spec, item->kind, item->value, &shape);

    if (e != ERR_OK)
        return e;
    capacity = format_capacity(spec, &shape);
    if (capacity == 0)
        return ERR_UNPROCESSABLE; /* nothing of this shape can ever be stored */
    room = sequence_room(capacity);
    secret_random(&n, sizeof(n));
    return vault__typed_write(v, item, room + n % (capacity - room));
}

enum err vault__typed_take(struct vault *v, const struct vault_item *item, uint64_t *ret_number,
                           struct sequence **ret_sequence)
{
    struct sequence_origin origin = {.class_id = item->class_id};
    struct sequence *sequence = NULL;
    struct format_shape shape;
    uint64_t n = 0;
    struct use u;
    enum err e;

    begin(v, item->class_id, &u);
    e = format_shape(&u.def->spec, item->kind, item->value, &shape);
    if (e == ERR_OK) {
        vault__sequence_id(u.key, shape.text, origin.id);
        origin.class_key = u.key;
        origin.capacity = format_capacity(&u.def->spec, &shape);
        e = sequence_room(origin.capacity) == 0 ? ERR_EXHAUSTED
                                                : sequences_get(v->sequences, &origin, &sequence);
    }
    end(&u);
    if (e == ERR_OK)
        e = sequence_take(v->sequences, sequence, &n);
    if (e != ERR_OK)
        return e;
    *ret_number = number_of(atomic_load(&sequence->index), n);
    *ret_sequence = sequence;
    return ERR_OK;
}
