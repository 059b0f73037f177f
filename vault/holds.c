/* SPDX-License-Identifier: Apache-2.0 */
/* Legal holds, restrictions, erasures that wait, objections: the registers and what they mean in memory.
 * Runs on: changes on the writer's thread; reading on the reader's. Holds: the purposes that were asked for.
 * Invariant: what is in force in the database is marked in memory, and the ledger knows it before either
 * does: a crash between leaves a hold too many, never one too few. Not here: who may see or destroy what
 * (reader.c, sweep.c, erasure.c), figures (holds_figures.c).
 *
 *   ledger entry, sync -> rows, commit -> marks -> every reader's transaction waited out -> done */
#include "vault/holds_priv.h"

#include "base/fault.h"
#include "base/secret.h"
#include "vault/consents_priv.h"
#include "vault/part_priv.h"
#include "vault/writer_priv.h"

enum { PURPOSE_PART = 0x8000 /* of a mark's key: no class has such a number */ };

/* ---- purposes ---- */

struct purpose {
    struct purpose *next;
    uint16_t id; /* from 1 */
    uint8_t hash[STORE_PURPOSE_BYTES];
};

struct purposes {
    pthread_mutex_t lock;
    struct purpose *first;
    uint16_t count;
};

struct purposes *vault__purposes_new(void)
{
    struct purposes *p = mem_alloc(sizeof(*p));

    REQUIRE(pthread_mutex_init(&p->lock, NULL) == 0);
    return p;
}

void vault__purposes_free(struct purposes **purposes)
{
    struct purposes *p = TAKE(*purposes);

    if (p == NULL)
        return;
    while (p->first != NULL) {
        struct purpose *purpose = p->first;

        p->first = purpose->next;
        free(purpose);
    }
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
}

/* What stands for a purpose in the ledger, which holds no text. */
static void hash_purpose(struct span name, uint8_t ret[STORE_PURPOSE_BYTES])
{
    uint8_t hash[SECRET_HASH_BYTES];

    secret_hash(name.at, name.len, hash);
    memcpy(ret, hash, STORE_PURPOSE_BYTES);
}

static uint16_t purpose_of(struct purposes *p, const uint8_t hash[STORE_PURPOSE_BYTES])
{
    struct purpose *purpose;

    (void)pthread_mutex_lock(&p->lock);
    for (purpose = p->first; purpose != NULL; purpose = purpose->next)
        if (memcmp(purpose->hash, hash, STORE_PURPOSE_BYTES) == 0)
            break;
    if (purpose == NULL) {
        REQUIRE(p->count < PURPOSE_PART - 1);
        purpose = mem_alloc(sizeof(*purpose));
        purpose->id = ++p->count;
        memcpy(purpose->hash, hash, STORE_PURPOSE_BYTES);
        purpose->next = p->first;
        p->first = purpose;
    }
    (void)pthread_mutex_unlock(&p->lock);
    return purpose->id;
}

uint16_t vault_purpose_id(struct vault *v, struct span name)
{
    uint8_t hash[STORE_PURPOSE_BYTES];

    hash_purpose(name, hash);
    return purpose_of(v->purposes, hash);
}

static uint16_t part_of_purpose(uint16_t purpose)
{
    return (uint16_t)(PURPOSE_PART | purpose);
}

bool vault__is_objected(const struct vault *v, uint64_t slot, uint16_t purpose)
{
    const struct mark_table *table = atomic_load_explicit(&v->marks, memory_order_acquire);

    return table != NULL && purpose != 0 &&
           vault__marks_exact(table, slot, part_of_purpose(purpose)) != 0;
}

/* ---- marks ---- */

static unsigned marks_now(const struct vault *v, uint64_t slot, uint16_t part)
{
    const struct mark_table *table = atomic_load_explicit(&v->marks, memory_order_relaxed);

    return table == NULL ? 0 : vault__marks_exact(table, slot, part);
}

static unsigned marks_of_ground(char ground)
{
    return MARK_RESTRICTED | (ground == 'b' || ground == 'c' ? MARK_KEPT : 0);
}

static void add_marks(struct vault *v, uint64_t slot, uint16_t part, unsigned marks)
{
    vault__marks_set(v, slot, part, (uint8_t)(marks_now(v, slot, part) | marks));
}

static void load_hold(void *context, uint64_t slot, uint16_t class_id)
{
    add_marks(context, slot, class_id, MARK_HELD);
}

static void load_restriction(void *context, uint64_t slot, char ground)
{
    add_marks(context, slot, 0, marks_of_ground(ground));
}

/* And a withdrawal of consent. */
static void load_objection(void *context, uint64_t slot, const uint8_t hash[STORE_PURPOSE_BYTES],
                           const char *purpose UNUSED)
{
    struct vault *v = context;

    add_marks(v, slot, part_of_purpose(purpose_of(v->purposes, hash)), MARK_OBJECTED);
}

/* Whoever waits for an erasure is restricted meanwhile. */
static enum err load_waiting(struct vault *v, struct store *s)
{
    struct vault_waiting waiting = {.slot = 0};
    enum err e;

    while ((e = store_waiting_next(s, waiting.slot, &waiting)) == ERR_OK)
        add_marks(v, waiting.slot, 0, MARK_RESTRICTED);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* Which classes, and up to when they were stored, the database is asked: new values of whoever comes back
 * are his to process. */
static enum err load_kept(struct vault *v, struct store *s)
{
    struct vault_kept kept = {.slot = 0};
    enum err e;

    while ((e = store_kept_next(s, kept.slot, UINT16_MAX, &kept)) == ERR_OK)
        add_marks(v, kept.slot, 0, MARK_PARTED);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* The ledger has hashes for purposes; the configuration says what most of them are. */
static enum err name_purposes(struct vault *v, struct store *s)
{
    bool unnamed = false;
    enum err e = store_purposes_unnamed(s, &unnamed);

    for (uint16_t id = 1; unnamed && id <= CLASSES_MAX; id++) {
        const struct class_def *def = v->defs[id];

        for (size_t i = 0; e == ERR_OK && def != NULL && i < def->purpose_count; i++) {
            uint8_t hash[STORE_PURPOSE_BYTES];

            hash_purpose(span_str(def->purposes[i]), hash);
            e = store_purpose_name(s, hash, def->purposes[i]);
        }
    }
    return e;
}

enum err vault__holds_load(struct vault *v, struct store *s)
{
    enum err e = name_purposes(v, s);

    if (e == ERR_OK)
        e = store_holds_open(s, load_hold, v);

    if (e == ERR_OK)
        e = store_restrictions_open(s, load_restriction, v);
    if (e == ERR_OK)
        e = store_objections_open(s, 0, load_objection, v);
    if (e == ERR_OK)
        e = store_consents_open(s, 0, load_objection, v);
    if (e == ERR_OK)
        e = load_kept(v, s);
    return e == ERR_OK ? load_waiting(v, s) : e;
}

static uint16_t count_purposes(struct purposes *p)
{
    uint16_t count;

    (void)pthread_mutex_lock(&p->lock);
    count = p->count;
    (void)pthread_mutex_unlock(&p->lock);
    return count;
}

void vault__holds_forget(struct vault *v, uint64_t slot)
{
    const uint16_t purposes = atomic_load(&v->marks) == NULL ? 0 : count_purposes(v->purposes);

    vault__marks_set(v, slot, 0, (uint8_t)(marks_now(v, slot, 0) & MARK_HELD));
    for (uint16_t id = 1; id <= purposes; id++)
        vault__marks_set(v, slot, part_of_purpose(id), 0);
}

void vault__holds_unfollow(struct vault *v, uint64_t slot)
{
    vault__holds_forget(v, slot);
    for (uint16_t id = 1; id <= CLASSES_MAX; id++)
        if (marks_now(v, slot, id) != 0)
            vault__marks_set(v, slot, id, 0);
}

static enum err is_waiting(struct store *s, uint64_t slot, struct vault_waiting *ret)
{
    enum err e = store_waiting_next(s, slot - 1, ret);

    return e == ERR_OK && ret->slot != slot ? ERR_NOT_FOUND : e;
}

/* What is in force for a whole subject, or for (part of) a class, as the database has it. */
static enum err read_marks(struct store *s, uint64_t slot, uint16_t class_id, unsigned *ret)
{
    struct vault_waiting waiting;
    unsigned grounds = 0, marks = 0;
    bool held = false, parted = false;
    enum err e = store_hold_on(s, slot, class_id, &held);

    if (e == ERR_OK && class_id == 0)
        e = store_restriction_on(s, slot, &grounds);
    for (unsigned i = 0; i < 8; i++)
        if ((grounds & 1u << i) != 0)
            marks |= marks_of_ground((char)('a' + (char)i));
    if (e == ERR_OK && class_id == 0) {
        e = is_waiting(s, slot, &waiting);
        if (e == ERR_OK)
            marks |= MARK_RESTRICTED;
        e = e == ERR_NOT_FOUND ? ERR_OK : e;
    }
    if (e == ERR_OK && class_id == 0)
        e = store_kept_on(s, slot, &parted);
    if (e == ERR_OK)
        *ret = marks | (held ? MARK_HELD : 0) | (parted ? MARK_PARTED : 0);
    return e;
}

/* What is in force for a purpose. */
static enum err read_purpose_marks(struct store *s, uint64_t slot,
                                   const uint8_t hash[STORE_PURPOSE_BYTES], unsigned *ret)
{
    uint64_t objected = 0;
    bool withdrawn = false;
    enum err e = store_objection_on(s, slot, hash, &objected);

    if (e == ERR_OK) {
        e = store_consent_on(s, slot, hash, &withdrawn);
        e = e == ERR_NOT_FOUND ? ERR_OK : e;
    }
    if (e == ERR_OK)
        *ret = objected != 0 || withdrawn ? MARK_OBJECTED : 0;
    return e;
}

/* ---- values that are moved to another key ---- */

/* The marks come before the commit: there is nothing yet that they could bind. */
enum err vault__holds_follow(struct writer *w, const struct vault_part_move *move, uint64_t to,
                             const uint8_t subject[VAULT_ID_BYTES])
{
    unsigned marks = 0;
    enum err e;

    if (atomic_load_explicit(&w->v->marks, memory_order_relaxed) == NULL) {
        vault__marks_set(w->v, to, 0, MARK_PARTED);
        return store_consents_copy(w->store, move->slot, to, subject);
    }
    /* Holds on classes of which the person has no value yet go along; what another hold binds is not moved. */
    e = store_holds_copy(w->store, move->slot, to, subject, move->restriction);
    if (e == ERR_OK)
        e = store_consents_copy(w->store, move->slot, to, subject);
    if (e == ERR_OK)
        e = read_marks(w->store, to, 0, &marks);
    if (e != ERR_OK)
        return e;
    vault__marks_set(w->v, to, 0, (uint8_t)(marks | MARK_PARTED));
    e = store_holds_open(w->store, load_hold, w->v);
    if (e == ERR_OK)
        e = store_objections_open(w->store, to, load_objection, w->v);
    return e == ERR_OK ? store_consents_open(w->store, to, load_objection, w->v) : e;
}

/* ---- what the ledger says ---- */

static struct ledger_record record_of(struct vault *v, enum ledger_kind kind, uint64_t slot,
                                      const uint8_t *id, const uint8_t *subject, int64_t what)
{
    struct ledger_record record = {
        .kind = kind, .time_ms = vault__now_ms(v), .slot = slot, .cutoff_ms = what};

    if (id != NULL)
        memcpy(record.erasure, id, VAULT_ID_BYTES);
    if (subject != NULL)
        memcpy(record.subject, subject, VAULT_ID_BYTES);
    return record;
}

/* ---- changes ---- */

/* One change on its way. */
struct change {
    struct ledger_record record;
    uint64_t slot;
    uint16_t class_id; /* of a hold */
    uint16_t part;     /* of the marks that change; else those of (slot, class_id) */
    bool one;          /* of a restriction that ends: no other of the subject does */
};

/* Who it is, while he has a key. BUSY: his values are being moved to another one. */
static enum err find_subject(struct writer *w, uint64_t slot, uint8_t ret_id[VAULT_ID_BYTES])
{
    const struct keycache_entry *entry;
    enum err e = slot == 0 ? ERR_NOT_FOUND : subject_key(w->v->slab, w->keys, slot, &entry);

    if (e == ERR_OK && vault__part_is_open(w, slot))
        return ERR_BUSY;
    if (e == ERR_OK)
        memcpy(ret_id, entry->subject, VAULT_ID_BYTES);
    return e;
}

static enum err check_hold(struct writer *w, struct vault_hold *hold)
{
    if (hold->slot == 0 && hold->class_id == 0)
        return ERR_INVALID; /* on everything */
    if (hold->ground[0] == '\0' || hold->owner[0] == '\0' || hold->review_s == 0)
        return ERR_INVALID;
    if (hold->class_id != 0 && vault__class(w->v, hold->class_id) == NULL)
        return ERR_NOT_FOUND;
    return hold->slot == 0 ? ERR_OK : find_subject(w, hold->slot, hold->subject);
}

static enum err begin_hold(struct writer *w, struct vault_hold *hold, struct change *ret)
{
    enum err e = check_hold(w, hold);

    if (e != ERR_OK)
        return e;
    secret_random(hold->id, VAULT_ID_BYTES);
    ret->slot = hold->slot;
    ret->class_id = hold->class_id;
    ret->record = record_of(w->v, LEDGER_HOLD, hold->slot, hold->id, hold->subject, hold->class_id);
    hold->set_ms = ret->record.time_ms;
    return ERR_OK;
}

static enum err begin_lift(struct writer *w, struct vault_hold *hold, struct change *ret)
{
    struct vault_hold found;
    enum err e = store_hold_next(w->store, hold->number - 1, &found);

    if (e == ERR_OK && found.number != hold->number)
        e = ERR_NOT_FOUND;
    if (e == ERR_OK && found.lifted_ms != 0)
        e = ERR_CONFLICT;
    if (e == ERR_OK && hold->lifted_why[0] == '\0')
        e = ERR_INVALID;
    if (e != ERR_OK)
        return e;
    ret->slot = found.slot;
    ret->class_id = found.class_id;
    ret->record = record_of(w->v, LEDGER_LIFT, found.slot, found.id, found.subject, found.class_id);
    found.lifted_ms = ret->record.time_ms;
    memcpy(found.lifted_by, hold->lifted_by, sizeof(found.lifted_by));
    memcpy(found.lifted_why, hold->lifted_why, sizeof(found.lifted_why));
    *hold = found;
    return ERR_OK;
}

static enum err begin_restriction(struct writer *w, struct vault_restriction *restriction,
                                  struct change *ret)
{
    uint8_t id[VAULT_ID_BYTES];
    unsigned grounds = 0;
    enum err e = restriction->ground < 'a' || restriction->ground > 'd'
                     ? ERR_INVALID
                     : find_subject(w, restriction->slot, restriction->subject);

    if (e == ERR_OK)
        e = store_restriction_on(w->store, restriction->slot, &grounds);
    if (e == ERR_OK && (grounds & 1u << (restriction->ground - 'a')) != 0)
        e = ERR_CONFLICT;
    if (e != ERR_OK)
        return e;
    secret_random(id, sizeof(id));
    ret->slot = restriction->slot;
    ret->record = record_of(w->v, LEDGER_RESTRICT, restriction->slot, id, restriction->subject,
                            restriction->ground);
    restriction->set_ms = ret->record.time_ms;
    return ERR_OK;
}

static enum err begin_unrestriction(struct writer *w, struct vault_restriction *restriction,
                                    struct change *ret)
{
    uint8_t id[VAULT_ID_BYTES] = {0};
    unsigned grounds = 0;
    enum err e = find_subject(w, restriction->slot, restriction->subject);

    if (e == ERR_OK)
        e = store_restriction_on(w->store, restriction->slot, &grounds);
    if (e == ERR_OK && grounds == 0)
        e = ERR_CONFLICT;
    if (e == ERR_OK && restriction->number != 0) {
        e = store_restriction_id(w->store, restriction, id);
        e = e == ERR_NOT_FOUND ? ERR_CONFLICT : e;
    }
    if (e == ERR_OK && restriction->notice_s == 0)
        e = ERR_INVALID; /* Art. 18(3): he is told before it ends */
    if (e != ERR_OK)
        return e;
    ret->slot = restriction->slot;
    ret->record = record_of(w->v, LEDGER_UNRESTRICT, restriction->slot, id, restriction->subject,
                            restriction->notice_s);
    ret->one = restriction->number != 0;
    restriction->lifted_ms = ret->record.time_ms;
    return ERR_OK;
}

static enum err begin_objection(struct writer *w, struct vault_objection *objection, bool ends,
                                struct change *ret)
{
    uint8_t hash[STORE_PURPOSE_BYTES];
    uint64_t there = 0;
    enum err e = objection->purpose[0] == '\0'
                     ? ERR_INVALID
                     : find_subject(w, objection->slot, objection->subject);

    hash_purpose(span_str(objection->purpose), hash);
    if (e == ERR_OK)
        e = store_objection_on(w->store, objection->slot, hash, &there);
    if (e == ERR_OK && (there != 0) != ends)
        e = ERR_CONFLICT;
    if (e != ERR_OK)
        return e;
    objection->number = there;
    ret->slot = objection->slot;
    ret->part = part_of_purpose(purpose_of(w->v->purposes, hash));
    ret->record = record_of(w->v, LEDGER_OBJECT, objection->slot, hash, objection->subject, !ends);
    *(ends ? &objection->withdrawn_ms : &objection->set_ms) = ret->record.time_ms;
    return ERR_OK;
}

/* Taking back what was never recorded as given is as good; taking it back twice is not. */
static enum err begin_consent(struct writer *w, struct vault_consent *consent, bool withdrawn,
                              struct change *ret)
{
    uint8_t hash[STORE_PURPOSE_BYTES];
    bool was_withdrawn = false;
    enum err e = consent->purpose[0] == '\0' ? ERR_INVALID
                                             : find_subject(w, consent->slot, consent->subject);

    hash_purpose(span_str(consent->purpose), hash);
    if (e == ERR_OK) {
        e = store_consent_on(w->store, consent->slot, hash, &was_withdrawn);
        e = e == ERR_NOT_FOUND ? ERR_OK : e;
    }
    if (e == ERR_OK && withdrawn && was_withdrawn)
        e = ERR_CONFLICT;
    if (e != ERR_OK)
        return e;
    ret->slot = consent->slot;
    ret->part = part_of_purpose(purpose_of(w->v->purposes, hash));
    ret->record = record_of(w->v, LEDGER_CONSENT, consent->slot, hash, consent->subject, withdrawn);
    consent->withdrawn = withdrawn;
    consent->recorded_ms = ret->record.time_ms;
    if (consent->at_s == 0)
        consent->at_s = consent->recorded_ms / 1000;
    return ERR_OK;
}

static enum err begin(struct writer *w, const struct vault_holds *op, struct change *ret)
{
    struct vault_waiting waiting;

    switch (op->act) {
    case VAULT_HOLD_SET:
        return begin_hold(w, op->hold, ret);
    case VAULT_HOLD_LIFT:
        return begin_lift(w, op->hold, ret);
    case VAULT_RESTRICT:
        return begin_restriction(w, op->restriction, ret);
    case VAULT_UNRESTRICT:
        return begin_unrestriction(w, op->restriction, ret);
    case VAULT_OBJECT:
    case VAULT_OBJECT_WITHDRAW:
        return begin_objection(w, op->objection, op->act == VAULT_OBJECT_WITHDRAW, ret);
    case VAULT_CONSENT_GIVE:
    case VAULT_CONSENT_WITHDRAW:
        return begin_consent(w, op->consent, op->act == VAULT_CONSENT_WITHDRAW, ret);
    case VAULT_CONSENT_DONE:
        return ERR_INTERNAL; /* nothing of it is in force or not */
    case VAULT_WAITING_DROP:
        ret->slot = op->slot;
        return is_waiting(w->store, op->slot, &waiting);
    }
    return ERR_INTERNAL;
}

static enum err write_change(struct writer *w, const struct vault_holds *op, const struct change *c)
{
    switch (op->act) {
    case VAULT_HOLD_SET:
        return store_hold_add(w->store, op->hold);
    case VAULT_HOLD_LIFT:
        return store_hold_lift(w->store, op->hold);
    case VAULT_RESTRICT:
        return store_restriction_add(w->store, c->record.erasure, op->restriction);
    case VAULT_UNRESTRICT:
        return store_restrictions_lift(w->store, c->one ? c->record.erasure : NULL,
                                       op->restriction);
    case VAULT_OBJECT:
        return store_objection_add(w->store, c->record.erasure, op->objection);
    case VAULT_OBJECT_WITHDRAW:
        return store_objection_end(w->store, c->record.erasure, op->objection);
    case VAULT_CONSENT_GIVE:
    case VAULT_CONSENT_WITHDRAW:
        return store_consent_add(w->store, c->record.erasure, op->consent);
    case VAULT_CONSENT_DONE:
        return ERR_INTERNAL;
    case VAULT_WAITING_DROP:
        return store_waiting_delete(w->store, c->slot);
    }
    return ERR_INTERNAL;
}

static enum err append(struct writer *w, struct ledger_record *record)
{
    enum err e = ledger_append(w->v->ledger, record);

    if (writer_make_room(w, e))
        e = ledger_append(w->v->ledger, record);
    if (e == ERR_OK)
        FAULT_POINT("hold.appended");
    return e;
}

/* Marks are set before whoever asked is told, and after the commit: what a crash undoes was heeded by
 * nobody. */
static enum err write_all(struct writer *w, const struct vault_holds *op, const struct change *c,
                          unsigned *ret_marks)
{
    enum err e = store_begin(w->store);

    if (e == ERR_OK)
        e = write_change(w, op, c);
    if (e == ERR_OK)
        e = c->part == 0 ? read_marks(w->store, c->slot, c->class_id, ret_marks)
                         : read_purpose_marks(w->store, c->slot, c->record.erasure, ret_marks);
    if (e == ERR_OK)
        e = vault__replay_mark(w->v, w->store);
    if (e == ERR_OK)
        return store_commit(w->store);
    store_rollback(w->store);
    return e;
}

static enum err look(struct writer *w, const struct vault_holds *op, struct change *ret)
{
    enum err e;

    store_read_begin(w->store);
    e = begin(w, op, ret);
    store_read_end(w->store);
    if (e != ERR_OK)
        store_rollback(w->store);
    return e;
}

static enum err note_effect(struct writer *w, const struct vault_consent *consent)
{
    enum err e = store_begin(w->store);

    if (e == ERR_OK)
        e = store_consent_done(w->store, consent->number, vault__now_ms(w->v));
    if (e == ERR_OK)
        e = store_commit(w->store);
    if (e != ERR_OK)
        store_rollback(w->store);
    return e;
}

enum err vault__holds(struct writer *w, const struct vault_holds *op)
{
    struct change c = {.slot = 0};
    unsigned marks = 0;
    enum err e;

    if (op->act == VAULT_CONSENT_DONE)
        return note_effect(w, op->consent);
    e = vault__erasures_tell(w); /* the database's mark of the ledger must not pass them */

    if (e == ERR_OK)
        e = look(w, op, &c);
    if (e == ERR_OK && c.record.kind != 0)
        e = append(w, &c.record);
    if (e != ERR_OK)
        return e;
    e = write_all(w, op, &c, &marks);
    if (writer_make_room(w, e))
        e = write_all(w, op, &c, &marks);
    if (e != ERR_OK) {
        /* The ledger has it and the database has not: only a restart brings them together. */
        atomic_store(&w->v->failed, true);
        return ERR_IO;
    }
    FAULT_POINT("hold.committed");
    vault__marks_set(w->v, c.slot, c.part != 0 ? c.part : c.class_id, (uint8_t)marks);
    vault__marks_settle(w->v);
    return ERR_OK;
}

/* ---- erasures that wait ---- */

enum err vault__is_bound(const struct vault *v, struct store *s, uint64_t slot, bool *ret)
{
    const bool any = atomic_load_explicit(&v->marks, memory_order_acquire) != NULL;
    bool bound = any && (vault__marks_on(v, slot, 0) & MARK_HELD) != 0;
    enum err e = ERR_OK;

    for (uint16_t id = 1; any && e == ERR_OK && !bound && id <= CLASSES_MAX; id++) {
        const struct store_class *c = vault__class(v, id);

        if (c != NULL && (vault__marks_on(v, slot, id) & MARK_HELD) != 0)
            e = store_class_has(s, c, slot, &bound);
    }
    if (e == ERR_OK)
        *ret = bound;
    return e;
}

static enum err write_waiting(struct writer *w, const struct vault_waiting *waiting)
{
    enum err e = store_begin(w->store);

    if (e == ERR_OK)
        e = store_waiting_add(w->store, waiting);
    if (e == ERR_OK)
        e = vault__replay_mark(w->v, w->store);
    if (e == ERR_OK)
        return store_commit(w->store);
    store_rollback(w->store);
    return e;
}

enum err vault__waiting_id(struct store *s, struct ledger_record *record, int64_t *ret_asked_ms)
{
    struct vault_waiting waiting;
    enum err e = is_waiting(s, record->slot, &waiting);

    if (e == ERR_NOT_FOUND)
        return ERR_OK;
    if (e != ERR_OK)
        return e;
    memcpy(record->erasure, waiting.id, VAULT_ID_BYTES);
    *ret_asked_ms = waiting.asked_ms;
    return ERR_OK;
}

enum err vault__erasure_wait(struct writer *w, struct ledger_record *record, uint16_t domain,
                             struct span note)
{
    struct vault_waiting waiting = {.slot = record->slot,
                                    .domain = domain,
                                    .asked_ms = record->time_ms,
                                    .note = (uint8_t *)note.at,
                                    .note_len = note.len};
    struct vault_waiting there;
    struct ledger_record entry;
    bool known;
    enum err e;

    store_read_begin(w->store);
    e = is_waiting(w->store, record->slot, &there);
    store_read_end(w->store);
    known = e == ERR_OK;
    if (e != ERR_NOT_FOUND && (!known || there.note_len > 0))
        return e; /* asked for before; of the ledger it has no words yet */
    entry = record_of(w->v, LEDGER_WAIT, record->slot, record->erasure, record->subject, domain);
    memcpy(waiting.id, record->erasure, VAULT_ID_BYTES);
    memcpy(waiting.subject, record->subject, VAULT_ID_BYTES);
    e = vault__erasures_tell(w);
    if (e == ERR_OK && !known)
        e = append(w, &entry);
    if (e != ERR_OK)
        return e;
    e = write_waiting(w, &waiting);
    if (writer_make_room(w, e))
        e = write_waiting(w, &waiting);
    if (e != ERR_OK) {
        atomic_store(&w->v->failed, true);
        return ERR_IO;
    }
    FAULT_POINT("wait.committed");
    add_marks(w->v, record->slot, 0, MARK_RESTRICTED);
    vault__marks_settle(w->v);
    return ERR_OK;
}
