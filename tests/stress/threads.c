/* SPDX-License-Identifier: Apache-2.0 */
/* Writers, readers, an eraser, recorders of the audit trail and a rotation after the other at once: no value of an erased person after the acknowledgement,
 * nothing lost that was not erased, no record lost or settled twice, and no data race (run it under ThreadSanitizer; E33, E44).
 *
 * Each person has a generation that the eraser moves before it erases and after it was
 * acknowledged. A reader that takes a token of generation g, and sees the person beyond g when it
 * begins to read, must find nothing; one that still sees g when it has read must find the value.
 *
 *   threads [--erasures N] [--seed N]
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/secret.h"
#include "tests/support/scratch.h"
#include "vault/audit_read.h"
#include "vault/vault.h"

enum { PEOPLE = 8, SLOTS = 32, WRITERS = 3, READERS = 3, RECORDERS = 2, RECORDS = 8 };

/* Even: alive. Odd: an erasure is under way. Even again: acknowledged. */
static atomic_uint generation[PEOPLE];

struct shared {
    pthread_mutex_t lock;
    struct token_text token;
    unsigned generation;
    bool filled;
};

static struct shared shelf[PEOPLE][SLOTS];
static struct vault *v;
static uint16_t class_id;
static atomic_bool stopping;
static atomic_uint violations;
static atomic_uint revealed;
static atomic_uint refused;
static atomic_ullong recorded;
static unsigned erasures_wanted = 150;
static uint64_t seed = 1;

static uint32_t draw(uint64_t *rng, uint32_t below)
{
    *rng = *rng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*rng >> 33) % below;
}

static void violation(const char *what)
{
    if (atomic_fetch_add(&violations, 1) < 10)
        (void)printf("  violation: %s\n", what);
}

static void name_of(uint32_t person, char out[16])
{
    (void)snprintf(out, 16, "person %u", person);
}

static void *write_values(void *context)
{
    uint64_t rng = seed * 1000 + (uint64_t)(uintptr_t)context;

    while (!atomic_load(&stopping)) {
        const uint32_t person = draw(&rng, PEOPLE);
        struct shared *s = &shelf[person][draw(&rng, SLOTS)];
        const unsigned before = atomic_load(&generation[person]);
        char name[16];
        struct vault_item item = {.class_id = class_id, .kind = VALUE_STRING};
        struct vault_tokenize op = {.op.kind = VAULT_TOKENIZE,
                                    .domain = VAULT_DOMAIN_DEFAULT,
                                    .name_count = 1,
                                    .items = &item,
                                    .count = 1};

        name_of(person, name);
        op.names[0] = span_str(name);
        item.value = span_str(name);
        REQUIRE(vault_run(v, &op.op) == ERR_OK);
        (void)pthread_mutex_lock(&s->lock);
        /* Stored while an erasure ran: before or after it, nobody can say. */
        s->filled = before % 2 == 0 && atomic_load(&generation[person]) == before;
        s->generation = before;
        s->token = item.token;
        (void)pthread_mutex_unlock(&s->lock);
    }
    return NULL;
}

static void read_one(struct vault_reader *r, uint32_t person, const struct shared *s)
{
    const unsigned before = atomic_load(&generation[person]);
    struct vault_value value;
    struct buf out;
    char name[16];
    enum err e;

    buf_init_secret(&out, 64);
    name_of(person, name);
    REQUIRE(vault_read_begin(r) == ERR_OK);
    e = vault_reveal(r, 0, span_of(s->token.bytes, s->token.len), 0, &out, &value);
    vault_read_end(r);
    if (e != ERR_OK && e != ERR_NOT_FOUND)
        violation("a token cannot be read");
    if (e == ERR_OK && !span_equal(buf_span(&out), span_str(name)))
        violation("a token reveals something else");
    if (e == ERR_OK && before >= s->generation + 2)
        violation("an erased value was read after the acknowledgement");
    if (e == ERR_NOT_FOUND && atomic_load(&generation[person]) == s->generation)
        violation("a value is lost that nobody erased");
    atomic_fetch_add(e == ERR_OK ? &revealed : &refused, 1);
    buf_done(&out);
}

static void *read_values(void *context)
{
    uint64_t rng = seed * 2000 + (uint64_t)(uintptr_t)context;
    struct vault_reader *r = NULL;

    REQUIRE(vault_reader_open(v, &r) == ERR_OK);
    while (!atomic_load(&stopping)) {
        const uint32_t person = draw(&rng, PEOPLE);
        struct shared *from = &shelf[person][draw(&rng, SLOTS)];
        struct shared s;

        (void)pthread_mutex_lock(&from->lock);
        s = *from;
        (void)pthread_mutex_unlock(&from->lock);
        if (s.filled)
            read_one(r, person, &s);
    }
    vault_reader_close(&r);
    return NULL;
}

static void finish(const struct vault_erasure *erasure)
{
    struct vault_sweep_subject sweep = {
        .op.kind = VAULT_SWEEP_SUBJECT, .slot = erasure->slot, .limit = 50, .more = true};
    struct vault_erasure_close closing = {.op.kind = VAULT_ERASURE_CLOSE, .erasure = erasure};
    struct vault_verification found;

    while (sweep.more)
        REQUIRE(vault_run(v, &sweep.op) == ERR_OK);
    REQUIRE(vault_erasure_verify(v, erasure, &found) == ERR_OK);
    if (!found.slot_zero || !found.samples_unreadable || !found.key_absent || found.rows_left != 0)
        violation("an erasure does not verify");
    REQUIRE(vault_run(v, &closing.op) == ERR_OK);
}

static void erase_people(void)
{
    uint64_t rng = seed;

    for (unsigned i = 0; i < erasures_wanted; i++) {
        const uint32_t person = draw(&rng, PEOPLE);
        struct vault_erasure erasure = {0};
        char name[16];
        struct vault_erase op = {
            .op.kind = VAULT_ERASE, .domain = VAULT_DOMAIN_DEFAULT, .erasure = &erasure};
        enum err e;

        name_of(person, name);
        op.name = span_str(name);
        atomic_fetch_add(&generation[person], 1);
        e = vault_run(v, &op.op);
        REQUIRE(e == ERR_OK || e == ERR_NOT_FOUND);
        atomic_fetch_add(&generation[person], 1);
        if (e == ERR_OK && draw(&rng, 4) == 0)
            finish(&erasure);
        vault_erasure_done(&erasure);
    }
}

/* ---- the audit trail ---- */

struct recorder {
    struct audit_waiter *waiter;
    pthread_mutex_t lock;
    pthread_cond_t told;
    bool woken;
};

/* The trail's thread. */
static void on_settled(void *context)
{
    struct recorder *r = context;

    (void)pthread_mutex_lock(&r->lock);
    r->woken = true;
    (void)pthread_cond_signal(&r->told);
    (void)pthread_mutex_unlock(&r->lock);
}

static void await_ticket(struct recorder *r, uint64_t ticket)
{
    struct audit_settled settled = {.through = 0};

    for (;;) {
        audit_settled(r->waiter, &settled);
        if (settled.failed_to != 0)
            violation("a record that was not written");
        if (settled.through > ticket)
            violation("a record that was settled before it was handed over");
        if (settled.through >= ticket)
            return;
        (void)pthread_mutex_lock(&r->lock);
        while (!r->woken)
            (void)pthread_cond_wait(&r->told, &r->lock);
        r->woken = false;
        (void)pthread_mutex_unlock(&r->lock);
    }
}

/* As the loops do it: some records a turn, and one wake-up. */
static void *record_groups(void *context)
{
    struct recorder r = {.lock = PTHREAD_MUTEX_INITIALIZER, .told = PTHREAD_COND_INITIALIZER};
    const struct audit_record record = {.action = AUDIT_REVEAL,
                                        .outcome = AUDIT_DONE,
                                        .role = AUDIT_CALLER,
                                        .who = SPAN_LIT("desk")};
    uint64_t rng = seed * 977 + (uint64_t)(uintptr_t)context, ticket = 0;

    r.waiter = audit_waiter_new(vault_audit(v), on_settled, &r);
    while (!atomic_load(&stopping)) {
        for (uint32_t left = 1 + draw(&rng, RECORDS); left > 0; left--)
            REQUIRE(audit_submit(r.waiter, &record, &ticket) == ERR_OK);
        audit_flush(r.waiter);
        if (draw(&rng, 4) != 0)
            await_ticket(&r, ticket);
        audit_note(vault_audit(v), &record);
        (void)atomic_fetch_add(&recorded, 1);
    }
    audit_flush(r.waiter);
    await_ticket(&r, ticket);
    audit_waiter_free(&r.waiter);
    (void)atomic_fetch_add(&recorded, ticket);
    return NULL;
}

static enum err count_record(const struct audit_record *record, void *context)
{
    *(unsigned long long *)context += span_equal(record->who, SPAN_LIT("desk"));
    return ERR_OK;
}

static void count_records(const char *dir)
{
    const struct audit_filter all = {.after = 0};
    unsigned long long found = 0;

    REQUIRE(audit_each(dir, &all, count_record, &found) == ERR_OK);
    if (found != atomic_load(&recorded))
        violation("a record that is not in the trail, or twice");
}

/* From one root key to the next, without end. */
static void *rotate_keys(void *context)
{
    struct root_key next = {1, secret_alloc(ROOT_KEY_BYTES)};
    unsigned *rotations = context;

    while (!atomic_load(&stopping)) {
        struct vault_rotate_begin begin = {.op.kind = VAULT_ROTATE_BEGIN, .next = &next};
        struct vault_rotate_step step = {.op.kind = VAULT_ROTATE_STEP, .limit = 20, .more = true};
        struct vault_key_status status;

        next.epoch++;
        secret_random(next.bytes, ROOT_KEY_BYTES);
        REQUIRE(vault_run(v, &begin.op) == ERR_OK);
        while (step.more)
            REQUIRE(vault_run(v, &step.op) == ERR_OK);
        vault_key_status(v, &status);
        REQUIRE(status.epoch == next.epoch && status.old_epoch == 0);
        (*rotations)++;
    }
    root_key_done(&next);
    return NULL;
}

/* How many rotations there were. */
static unsigned work(void)
{
    pthread_t threads[WRITERS + READERS], recorders[RECORDERS], keeper;
    unsigned rotations = 0;

    for (uintptr_t i = 0; i < WRITERS + READERS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, i < WRITERS ? write_values : read_values,
                               (void *)i) == 0);
    for (uintptr_t i = 0; i < RECORDERS; i++)
        REQUIRE(pthread_create(&recorders[i], NULL, record_groups, (void *)i) == 0);
    REQUIRE(pthread_create(&keeper, NULL, rotate_keys, &rotations) == 0);
    erase_people();
    atomic_store(&stopping, true);
    for (size_t i = 0; i < WRITERS + READERS; i++)
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    for (size_t i = 0; i < RECORDERS; i++)
        REQUIRE(pthread_join(recorders[i], NULL) == 0);
    REQUIRE(pthread_join(keeper, NULL) == 0);
    return rotations;
}

int main(int argc, char **argv)
{
    static char class_name[] = "note";
    struct class_def def = {
        .name = class_name, .format = TOKEN_OPAQUE, .rule = {.period = {.months = 12}}};
    struct classes classes = {&def, 1};
    struct root_key root = {1, NULL};
    struct root_keys roots;
    struct vault_options options = {.roots = &roots, .classes = &classes};
    struct scratch scratch = scratch_new();
    struct errmsg msg = {""};
    unsigned rotations;
    char dir[128];

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--erasures") == 0)
            erasures_wanted = (unsigned)strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[i + 1], NULL, 10);
    }
    secret_start();
    root.bytes = secret_alloc(ROOT_KEY_BYTES);
    secret_random(root.bytes, ROOT_KEY_BYTES);
    roots = (struct root_keys){{root}, 1};
    for (size_t p = 0; p < PEOPLE; p++)
        for (size_t i = 0; i < SLOTS; i++)
            REQUIRE(pthread_mutex_init(&shelf[p][i].lock, NULL) == 0);
    (void)snprintf(dir, sizeof(dir), "%s/store", scratch.dir);
    options.dir = dir;
    if (vault_create(dir, &root, &msg) != ERR_OK || vault_open(&options, &v, &msg) != ERR_OK) {
        (void)fprintf(stderr, "%s\n", msg.text);
        return 1;
    }
    class_id = vault_class_id(v, &def);
    rotations = work();
    vault_close(&v);
    count_records(dir);
    secret_free(&root.bytes);
    scratch_remove(&scratch);
    (void)printf("%u erasures, %u rotations, %u values revealed, %u refused, %u violations\n",
                 erasures_wanted, rotations, atomic_load(&revealed), atomic_load(&refused),
                 atomic_load(&violations));
    return atomic_load(&violations) == 0 && atomic_load(&revealed) > 0 &&
                   atomic_load(&refused) > 0 && rotations > 0
               ? 0
               : 1;
}
