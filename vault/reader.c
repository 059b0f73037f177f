/* SPDX-License-Identifier: Apache-2.0 */
/* Reading: from a token to its value, from an identifier to a subject.
 * Runs on: the reader's own thread, inline. Holds: a connection, keys and names it has seen.
 * Invariant: unknown, erased, expired and forged tokens all end as NOT_FOUND; a value comes out
 * only if the row's key is there, its time is not over, and it opens bound to exactly this row. Not
 * here: who may see it (the caller decides before), how a reader comes and goes (reader_open.c). */
#include "vault/typed_priv.h"
#include "vault/uses_priv.h"

#include "base/secret.h"
#include "vault/audit.h"
#include "vault/holds_priv.h"
#include "vault/part_priv.h"
#include "vault/renew_priv.h"

/* ---- tokens ---- */

/* A live row and its key. */
struct found {
    const struct store_class *c;
    struct store_row row;
    const struct keycache_entry *entry;
    bool legal; /* asked for a legal claim */
};

/* A hold keeps a row beyond its time, for whom it is held. */
static bool is_kept(const struct vault_reader *r, const struct found *f)
{
    return f->legal && (vault__marks_on(r->v, f->row.slot, f->c->id) & MARK_HELD) != 0;
}

/* Make a row count only while its time is not over and its subject has a key. */
static enum err live(struct vault_reader *r, struct found *f)
{
    if (r->now_s >= f->row.due_s && !is_kept(r, f))
        return ERR_NOT_FOUND;
    return subject_key(r->v->slab, r->keys, f->row.slot, &f->entry);
}

/* Of the rows under a shared token: the wanted subject's, or else the first that lives. */
static enum err find_owner(struct vault_reader *r, uint64_t token_row, uint64_t subject_slot,
                           struct found *f)
{
    enum err e;

    if (subject_slot != 0) {
        e = store_owner_get(r->store, f->c, token_row, subject_slot, &f->row);
        if (e == ERR_OK)
            e = live(r, f);
        if (e != ERR_NOT_FOUND)
            return e;
    }
    e = store_owners(r->store, f->c, token_row);
    while (e == ERR_OK) {
        e = store_next(r->store, &f->row);
        if (e != ERR_OK)
            return e;
        e = live(r, f);
        if (e == ERR_OK)
            return ERR_OK;
        e = e == ERR_NOT_FOUND ? ERR_OK : e;
    }
    return e;
}

/* In a time that tells nothing, and without a call: this is asked of every row. */
static bool is_same_salt(const uint8_t a[TOKEN_SALT_BYTES], const uint8_t b[TOKEN_SALT_BYTES])
{
    uint64_t a_head, b_head;
    uint16_t a_tail, b_tail;

    _Static_assert(sizeof(a_head) + sizeof(a_tail) == TOKEN_SALT_BYTES, "all of it");
    memcpy(&a_head, a, sizeof(a_head));
    memcpy(&b_head, b, sizeof(b_head));
    memcpy(&a_tail, a + sizeof(a_head), sizeof(a_tail));
    memcpy(&b_tail, b + sizeof(b_head), sizeof(b_tail));
    return ((a_head ^ b_head) | (uint64_t)(a_tail ^ b_tail)) == 0;
}

/* A typed token has no salt: all it says is its number. */
static bool has_salt(const struct found *f, const struct token_ref *ref)
{
    return format_is_typed(f->c->format) || is_same_salt(f->row.salt, ref->salt);
}

static enum err find_stored(struct vault_reader *r, const struct token_ref *ref,
                            uint64_t subject_slot, struct found *f)
{
    enum err e;

    if (f->c->deterministic)
        e = find_owner(r, ref->row, subject_slot, f);
    else
        e = store_row_get(r->store, f->c, ref->row, &f->row);
    if (e != ERR_OK)
        return e;
    keycache_expect(r->keys, f->row.slot);
    if (!has_salt(f, ref))
        return ERR_NOT_FOUND;
    return f->c->deterministic ? ERR_OK : live(r, f);
}

/* What the reader remembers counts only while it serves; else the database is asked. A row whose time is
 * over may have been destroyed since, and a hold that came later gives nothing back. */
static bool serves(struct vault_reader *r, struct found *f)
{
    return r->now_s < f->row.due_s &&
           subject_key(r->v->slab, r->keys, f->row.slot, &f->entry) == ERR_OK;
}

/* Opaque tokens are remembered by their text: taking one apart costs more than looking it up. */
static bool is_kept_by_text(const struct vault_reader *r, uint16_t class_id, struct span token)
{
    return token.len == TOKEN_OPAQUE_LEN && !vault__is_typed(r->v, class_id);
}

/* Of a random class's row there is only one owner. */
static uint64_t owner_asked_for(const struct vault_scope *scope, const struct found *f)
{
    return f->c->deterministic ? scope->slot : 0;
}

static bool recall_text(struct vault_reader *r, const struct vault_scope *scope, uint16_t class_id,
                        struct span token, struct found *f)
{
    f->c = vault__class(r->v, class_id);
    f->legal = scope->legal;
    return f->c != NULL && is_kept_by_text(r, class_id, token) &&
           rowcache_by_text(r->rows, token.at, class_id, owner_asked_for(scope, f), &f->row) &&
           serves(r, f);
}

static bool recall(struct vault_reader *r, const struct vault_scope *scope,
                   const struct token_ref *ref, struct span token, struct found *f)
{
    if (is_kept_by_text(r, ref->class_id, token))
        return recall_text(r, scope, ref->class_id, token, f);
    return rowcache_by_token(r->rows, ref->class_id, ref->row, owner_asked_for(scope, f),
                             &f->row) &&
           has_salt(f, ref) && serves(r, f);
}

/* Rows are remembered from their second use on: remembering each of many that come once would cost
 * more than it saves, and push out those in use. Salts are random, so any of their bytes tell. */
static bool comes_again(struct vault_reader *r, const uint8_t salt[TOKEN_SALT_BYTES])
{
    uint16_t *set;
    uint16_t place;
    uint16_t mark;
    bool again;

    memcpy(&place, salt, sizeof(place));
    memcpy(&mark, salt + sizeof(place), sizeof(mark));
    set = &r->seen[place % VAULT_READER_SEEN & ~1u];
    again = set[0] == mark || set[1] == mark;
    if (set[0] != mark) {
        set[1] = set[0]; /* two tokens in turn must not hide each other for ever */
        set[0] = mark;
    }
    return again;
}

static void remember(struct vault_reader *r, const struct vault_scope *scope,
                     const struct token_ref *ref, struct span token, const struct found *f)
{
    const uint64_t owner = owner_asked_for(scope, f);

    if ((owner != 0 && owner != f->row.slot) || !comes_again(r, f->row.salt))
        return;
    if (is_kept_by_text(r, ref->class_id, token))
        rowcache_put_text(r->rows, token.at, ref->class_id, owner, &f->row);
    else
        rowcache_put_token(r->rows, ref->class_id, ref->row, owner, &f->row);
}

/* A token of another domain is unknown, whosever it is: asked before the subject is. */
static enum err judge(const struct vault_scope *scope, const struct found *f)
{
    if (scope->domain != 0 && scope->domain != f->entry->domain)
        return ERR_NOT_FOUND;
    return scope->slot != 0 && scope->slot != f->row.slot ? ERR_DENIED : ERR_OK;
}

static enum err find_present(struct vault_reader *r, const struct vault_scope *scope,
                             const struct token_ref *ref, struct span token, struct found *f)
{
    f->c = vault__class(r->v, ref->class_id);
    f->legal = scope->legal;
    if (f->c == NULL)
        return ERR_NOT_FOUND;
    if (!recall(r, scope, ref, token, f)) {
        enum err e = find_stored(r, ref, scope->slot, f);

        if (e != ERR_OK)
            return e;
        remember(r, scope, ref, token, f);
    }
    return judge(scope, f);
}

/* The row of a token, or of the one that took its place. */
static enum err find_row(struct vault_reader *r, const struct vault_scope *scope,
                         const struct token_ref *ref, struct span token, struct found *f)
{
    struct token_ref heir;
    enum err e;

    f->c = vault__class(r->v, ref->class_id);
    /* Of a shared one only such owners are left under the old token as do not open. */
    if (f->c != NULL && f->c->deterministic && scope->slot == 0 && vault__any_renewed(r->v) &&
        vault__renewed_find(r->store, f->c, ref, &heir) == ERR_OK &&
        find_present(r, scope, &heir, token, f) == ERR_OK)
        return ERR_OK;
    e = find_present(r, scope, ref, token, f);
    if ((e != ERR_NOT_FOUND && e != ERR_DENIED) || f->c == NULL || !vault__any_renewed(r->v))
        return e;
    switch (vault__renewed_find(r->store, f->c, ref, &heir)) {
    case ERR_OK:
        return find_present(r, scope, &heir, token, f);
    case ERR_NOT_FOUND:
        return e;
    default:
        return ERR_IO;
    }
}

/* ---- which row a token says ---- */

static enum err read_typed(struct vault_reader *r, uint16_t class_id, struct span token,
                           struct token_ref *ret)
{
    struct token_ref ref = {.class_id = class_id};
    enum err e = vault__typed_read(r->v, class_id, token, &ref.row);

    if (e == ERR_OK)
        *ret = ref;
    return e;
}

/* Text without a class may be a token of several: one that lives under two of them is a CONFLICT,
 * since the wrong one would show somebody else's value. */
static enum err find_any_typed(struct vault_reader *r, const struct vault_scope *scope,
                               struct span token, struct token_ref *ret)
{
    enum err found = ERR_NOT_FOUND;

    for (uint16_t id = 1; id <= CLASSES_MAX; id++) {
        struct token_ref ref;
        struct found f;
        enum err e;

        if (!vault__is_typed(r->v, id))
            continue;
        e = read_typed(r, id, token, &ref);
        if (e == ERR_OK)
            e = find_row(r, scope, &ref, token, &f);
        if (e == ERR_NOT_FOUND)
            continue;
        if (e != ERR_OK && e != ERR_DENIED)
            return e;
        if (found == ERR_OK)
            return ERR_CONFLICT;
        found = ERR_OK;
        *ret = ref;
    }
    return found;
}

static enum err read_token(struct vault_reader *r, const struct vault_scope *scope,
                           struct span token, struct token_ref *ret)
{
    enum err e;

    REQUIRE(r->reading);
    if (vault__is_typed(r->v, scope->class_id))
        return read_typed(r, scope->class_id, token, ret);
    e = token_read(token, r->v->locator_key, ret);
    if (scope->class_id != 0)
        return e == ERR_OK && ret->class_id != scope->class_id ? ERR_NOT_FOUND : e;
    /* A class of typed tokens that also has this form: not the row of such a number. */
    if (e == ERR_OK)
        return vault__is_typed(r->v, ret->class_id) ? ERR_NOT_FOUND : ERR_OK;
    return find_any_typed(r, scope, token, ret);
}

static enum err find(struct vault_reader *r, const struct vault_scope *scope, struct span token,
                     struct found *f)
{
    struct token_ref ref;
    enum err e;

    REQUIRE(r->reading);
    if (scope->class_id != 0 && recall_text(r, scope, scope->class_id, token, f))
        return judge(scope, f);
    e = read_token(r, scope, token, &ref);
    return e == ERR_OK ? find_row(r, scope, &ref, token, f) : e;
}

static struct vault_value describe(const struct found *f)
{
    return (struct vault_value){
        .domain = (uint16_t)f->entry->domain,
        .class_id = f->c->id,
        .slot = f->row.slot,
        .created_s = f->row.created_s,
        .due_s = f->row.due_s,
    };
}

static enum err open_row(const struct found *f, enum value_kind *ret_kind, struct buf *out)
{
    struct crypto_row bound = {
        .domain = (uint16_t)f->entry->domain,
        .class_id = f->c->id,
        .row = f->row.id,
        .revision = f->row.revision,
        .due_s = f->row.due_s,
        .created_s = f->row.created_s,
        .start_s = f->row.start_s,
    };

    memcpy(bound.subject, f->entry->subject, VAULT_ID_BYTES);
    memcpy(bound.salt, f->row.salt, TOKEN_SALT_BYTES);
    return vault__open(f->entry->key, &bound, f->row.sealed, ret_kind, out);
}

/* Is the value that was found one of those that Art. 17(3) keeps, and not one that came later? Looking for
 * that lets go of it: it is found again. */
static enum err is_parted(struct vault_reader *r, const struct vault_scope *scope,
                          struct span token, struct found *f, bool *ret)
{
    const uint64_t slot = f->row.slot;
    const uint16_t class_id = f->c->id;
    const int64_t created_s = f->row.created_s;
    struct vault_kept kept;
    enum err e = store_kept_next(r->store, slot, (uint16_t)(class_id - 1), &kept);

    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    *ret = e == ERR_OK && kept.slot == slot && kept.exception.class_id == class_id &&
           created_s <= kept.cutoff_s;
    return find(r, scope, token, f);
}

/* May the value be shown, to whoever may see it otherwise? */
static enum err may_show(struct vault_reader *r, const struct vault_scope *scope, struct span token,
                         struct found *f)
{
    const unsigned marks = vault__marks_on(r->v, f->row.slot, f->c->id);

    if ((marks & MARK_PARTED) != 0) {
        bool kept = false;
        enum err e = is_parted(r, scope, token, f, &kept);

        if (e != ERR_OK || kept)
            return e == ERR_OK && !scope->legal ? ERR_RESTRICTED : e;
    }
    if ((marks & MARK_HELD) != 0)
        return scope->legal ? ERR_OK : (marks & MARK_RESTRICTED) != 0 ? ERR_RESTRICTED : ERR_HELD;
    if ((marks & MARK_RESTRICTED) != 0)
        return ERR_RESTRICTED;
    return vault__is_objected(r->v, f->row.slot, scope->purpose) ? ERR_OBJECTED : ERR_OK;
}

enum err vault_reveal_as(struct vault_reader *r, const struct vault_scope *scope, struct span token,
                         struct buf *out, struct vault_value *ret)
{
    struct vault_value value;
    struct found f;
    enum err e;

    REQUIRE(out->secret);
    e = find(r, scope, token, &f);
    if (e != ERR_OK)
        return e;
    value = describe(&f);
    if (atomic_load_explicit(&r->v->marks, memory_order_relaxed) != NULL) {
        e = may_show(r, scope, token, &f);
        if (e != ERR_OK) {
            *ret = value; /* whose it is may matter all the same */
            return e;
        }
    }
    if (uses_is_due(f.c, &f.row, r->now_s))
        value.use_row = f.row.id;
    e = open_row(&f, &value.kind, out);
    if (e == ERR_OK)
        *ret = value;
    return e;
}

enum err vault_reveal(struct vault_reader *r, uint16_t domain, struct span token,
                      uint64_t subject_slot, struct buf *out, struct vault_value *ret)
{
    const struct vault_scope scope = {.domain = domain, .slot = subject_slot};

    return vault_reveal_as(r, &scope, token, out, ret);
}

enum err vault_inspect_as(struct vault_reader *r, const struct vault_scope *scope,
                          struct span token, struct vault_value *ret)
{
    struct vault_value value;
    struct found f;
    enum err e = find(r, scope, token, &f);

    if (e != ERR_OK)
        return e;
    value = describe(&f);
    e = open_row(&f, &value.kind, NULL);
    if (e == ERR_OK)
        *ret = value;
    return e;
}

enum err vault_inspect(struct vault_reader *r, uint16_t domain, struct span token,
                       uint64_t subject_slot, struct vault_value *ret)
{
    const struct vault_scope scope = {.domain = domain, .slot = subject_slot};

    return vault_inspect_as(r, &scope, token, ret);
}

/* Of the rows under a shared token: the subject they all belong to. */
static enum err find_only_owner(struct vault_reader *r, const struct token_ref *ref,
                                struct found *f, uint64_t *ret_slot)
{
    uint64_t owner = 0;
    enum err e = store_owners(r->store, f->c, ref->row);

    while (e == ERR_OK) {
        e = store_next(r->store, &f->row);
        if (e != ERR_OK)
            break;
        if (!has_salt(f, ref))
            return ERR_NOT_FOUND;
        e = live(r, f);
        if (e == ERR_OK && owner != 0 && owner != f->row.slot)
            return ERR_CONFLICT;
        if (e == ERR_OK)
            owner = f->row.slot;
        e = e == ERR_NOT_FOUND ? ERR_OK : e;
    }
    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    *ret_slot = owner;
    return owner == 0 ? ERR_NOT_FOUND : ERR_OK;
}

static enum err read_owner(struct vault_reader *r, const struct token_ref *ref, struct found *f,
                           uint64_t *ret_slot)
{
    enum err e;

    if (f->c->deterministic)
        return find_only_owner(r, ref, f, ret_slot);
    e = find_stored(r, ref, 0, f);
    if (e == ERR_OK)
        *ret_slot = f->row.slot;
    return e;
}

/* ... and whoever has the token in its place by now: while a shared one is moved, its owners stand under both. */
static enum err add_heirs_owner(struct vault_reader *r, const struct token_ref *ref,
                                struct found *f, enum err e, uint64_t *slot)
{
    struct token_ref heir;
    uint64_t other = 0;
    enum err found = vault__renewed_find(r->store, f->c, ref, &heir);

    if (found == ERR_OK)
        found = read_owner(r, &heir, f, &other);
    if (found != ERR_OK)
        return found == ERR_NOT_FOUND ? e : found;
    if (e == ERR_OK && other != *slot)
        return ERR_CONFLICT;
    *slot = other;
    return ERR_OK;
}

enum err vault_read_owner(struct vault_reader *r, uint16_t class_id, struct span token,
                          uint64_t *ret_slot)
{
    const struct vault_scope scope = {.class_id = class_id};
    struct found f = {.c = NULL, .legal = false};
    struct token_ref ref;
    enum err e = read_token(r, &scope, token, &ref);

    if (e != ERR_OK)
        return e;
    f.c = vault__class(r->v, ref.class_id);
    if (f.c == NULL)
        return ERR_NOT_FOUND;
    e = read_owner(r, &ref, &f, ret_slot);
    if ((e == ERR_NOT_FOUND || (e == ERR_OK && f.c->deterministic)) && vault__any_renewed(r->v))
        e = add_heirs_owner(r, &ref, &f, e, ret_slot);
    return e;
}

bool vault_is_token(struct vault_reader *r, uint16_t class_id, struct span text)
{
    REQUIRE(r->reading);
    return token_is(text) ||
           (vault__is_typed(r->v, class_id) && vault__typed_owns(r->v, class_id, text));
}

/* ---- values and names ---- */

/* To know a text again; the index that the database has costs five times as much. */
static void tag_of(const struct vault_reader *r, struct span text, uint64_t meant,
                   uint8_t ret[SECRET_TAG_BYTES])
{
    uint64_t word;

    secret_tag(r->tag_key, text.at, text.len, ret);
    memcpy(&word, ret, sizeof(word));
    word ^= meant;
    memcpy(ret, &word, sizeof(word));
}

static enum err find_value(struct vault_reader *r, uint16_t domain, uint64_t subject_slot,
                           const struct vault_item *item, struct found *f)
{
    uint8_t salt[TOKEN_SALT_BYTES], fingerprint[CRYPTO_MAC_BYTES];
    uint64_t token_row = 0;
    enum err e;

    vault__fingerprint(vault__domain_key(r->v, domain), domain, item->class_id, item->kind,
                       item->value, fingerprint);
    e = store_shared_find(r->store, f->c, fingerprint, &token_row, salt);
    if (e == ERR_OK)
        e = find_owner(r, token_row, subject_slot, f);
    if (e == ERR_OK && subject_slot != 0 && f->row.slot != subject_slot)
        e = ERR_NOT_FOUND;
    return e;
}

static enum err write_token(const struct vault_reader *r, const struct found *f,
                            struct vault_item *item)
{
    struct token_ref ref = {.class_id = item->class_id, .row = f->row.token_row};

    if (format_is_typed(f->c->format))
        return vault__typed_write(r->v, item, f->row.token_row);
    memcpy(ref.salt, f->row.salt, TOKEN_SALT_BYTES);
    token_write(&ref, f->c->format, r->v->defs[item->class_id]->email_domain, r->v->locator_key,
                &item->token);
    return ERR_OK;
}

static struct span opaque_text(const struct found *f, const struct vault_item *item)
{
    return f->c->format == TOKEN_OPAQUE ? span_of(item->token.bytes, item->token.len) : SPAN_NONE;
}

static enum err find_item(struct vault_reader *r, uint16_t domain, uint64_t subject_slot,
                          struct vault_item *item, struct found *f)
{
    const uint64_t meant = (uint64_t)item->kind << 32 | (uint64_t)item->class_id << 16 | domain;
    uint8_t tag[SECRET_TAG_BYTES];
    struct span token;
    enum err e;

    REQUIRE(r->reading);
    *f = (struct found){.c = vault__class(r->v, item->class_id)};
    if (vault__domain_key(r->v, domain) == NULL || f->c == NULL || !f->c->deterministic ||
        r->v->defs[item->class_id] == NULL)
        return ERR_NOT_FOUND;
    tag_of(r, item->value, meant, tag);
    if (rowcache_by_value(r->rows, tag, subject_slot, &f->row, &token) && live(r, f) == ERR_OK) {
        if (token.len == 0)
            return write_token(r, f, item);
        memcpy(item->token.bytes, token.at, token.len);
        item->token.len = (uint16_t)token.len;
        return ERR_OK;
    }
    e = find_value(r, domain, subject_slot, item, f);
    if (e == ERR_OK)
        e = write_token(r, f, item);
    if (e == ERR_OK)
        rowcache_put_value(r->rows, tag, subject_slot, &f->row, opaque_text(f, item));
    return e;
}

enum err vault_find(struct vault_reader *r, uint16_t domain, uint64_t subject_slot,
                    struct vault_item *item)
{
    struct found f;

    return find_item(r, domain, subject_slot, item, &f);
}

enum err vault_find_use(struct vault_reader *r, uint16_t domain, uint64_t subject_slot,
                        struct vault_item *item)
{
    struct found f;
    enum err e = find_item(r, domain, subject_slot, item, &f);

    if (e == ERR_OK && uses_is_due(f.c, &f.row, r->now_s))
        vault__use_note(
            r, &(struct use){
                   .class_id = f.c->id, .row = f.row.id, .slot = f.row.slot, .at_s = r->now_s});
    return e;
}

enum err vault_decoy(struct vault_reader *r, struct vault_item *item)
{
    const struct class_def *def = item->class_id <= CLASSES_MAX ? r->v->defs[item->class_id] : NULL;
    struct token_ref ref = {.class_id = item->class_id};
    uint64_t row;

    REQUIRE(def != NULL);
    if (format_is_typed(def->format))
        return vault__typed_decoy(r->v, item);
    secret_random(ref.salt, sizeof(ref.salt)); /* a row that has this salt: one in 2^80 */
    secret_random(&row, sizeof(row));
    ref.row = row >> 16;
    token_write(&ref, def->format, def->email_domain, r->v->locator_key, &item->token);
    return ERR_OK;
}

unsigned vault_reader_mark(const struct vault_reader *r)
{
    return r->names_generation;
}

bool vault_still_names(struct vault_reader *r, uint64_t slot, unsigned mark)
{
    const struct keycache_entry *entry;

    REQUIRE(r->reading);
    return mark == r->names_generation && subject_key(r->v->slab, r->keys, slot, &entry) == ERR_OK;
}

enum err vault_read_subject(struct vault_reader *r, uint16_t domain, struct span name,
                            uint64_t *ret_slot)
{
    const uint8_t *index_key = vault__domain_key(r->v, domain);
    const struct keycache_entry *entry;
    uint8_t tag[SECRET_TAG_BYTES], mac[CRYPTO_MAC_BYTES];
    uint64_t slot;
    enum err e;

    REQUIRE(r->reading);
    if (index_key == NULL || name.len == 0 || name.len > LIMIT_IDENTIFIER_MAX)
        return ERR_NOT_FOUND;
    tag_of(r, name, domain, tag);
    slot = names_get(r->names, tag);
    if (slot != 0 && subject_key(r->v->slab, r->keys, slot, &entry) == ERR_OK) {
        *ret_slot = slot;
        return ERR_OK;
    }
    vault__name_mac(index_key, domain, name, mac);
    e = store_name_get(r->store, mac, &slot);
    if (e == ERR_OK)
        e = subject_key(r->v->slab, r->keys, slot, &entry);
    if (e != ERR_OK)
        return e;
    names_put(r->names, tag, slot);
    *ret_slot = slot;
    return ERR_OK;
}

/* ---- tags ---- */

enum err audit_subject_tag(struct vault_reader *r, uint64_t slot, uint8_t ret[AUDIT_TAG_BYTES])
{
    const struct keycache_entry *entry;
    const uint8_t *tag;
    enum err e;

    REQUIRE(r->reading);
    e = subject_key(r->v->slab, r->keys, slot, &entry);
    if (e != ERR_OK)
        return e;
    tag = tagcache_get(r->tags, slot, entry->subject);
    if (tag != NULL) {
        memcpy(ret, tag, AUDIT_TAG_BYTES);
        return ERR_OK;
    }
    vault__audit_tag(entry->key, ret);
    tagcache_put(r->tags, slot, entry->subject, ret);
    return ERR_OK;
}
