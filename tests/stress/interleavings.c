/* SPDX-License-Identifier: Apache-2.0 */
/* Rounds in which a few threads store, read, sweep, erase, hold and move the clock over the same people, each
 * time in another order: no value is read after its due time or after its erasure was acknowledged, none is
 * lost that neither ended, none is destroyed while its class is held, erasures verify or wait for a hold, and
 * after each round the counters balance (E44). Also a program for ThreadSanitizer.
 *
 *   interleavings [--rounds N] [--seed N]
 *
 * People have generations, as in threads.c: even is alive, odd an erasure under way, even again acknowledged.
 * A value was stored in the generation that its thread saw before; it lived from then on, if the same was
 * seen afterwards. Its due time is known as well as the clock was when it was stored. */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>

#include "base/log.h"
#include "retention/erasure.h"
#include "retention/runs.h"
#include "retention/sweeper.h"
#include "tests/support/vault_rig.h"
#include "vault/holds.h"

enum { PEOPLE = 3, VALUES = 24, STEPS = 6, THREADS = 6 };

#define REST "purposes: [test], basis: \"6(1)(b)\", retain: {period: "
static const char classes_text[] =
    "brief: {" REST "PT1M}}\n"
    "shared: {deterministic: true, " REST "PT2M}}\n"
    "typed: {format: digits, reserved: \"9\", deterministic: true, " REST "PT3M}}\n";
static const struct {
    const char *name;
    int64_t period_s;
} kinds[] = {{"brief", 60}, {"shared", 120}, {"typed", 180}};

struct value {
    bool filled;
    size_t class_at;
    size_t person;
    unsigned generation;
    int64_t due_from_s, due_to_s; /* it falls due within these */
    struct token_text token;
};

static struct rig rig;
static struct erasures *erasures;
static struct runs *runs;
static uint64_t seed = 1;
static unsigned rounds = 1000;
static _Atomic unsigned round_now;
static _Atomic int64_t now_s;
static atomic_uint generation[PEOPLE];
static pthread_mutex_t shelf_lock = PTHREAD_MUTEX_INITIALIZER;
static struct value shelf[VALUES];
static atomic_uint violations, revealed, refused, withheld, held, erased, swept;

static uint32_t draw(uint64_t *rng, uint32_t below)
{
    *rng = *rng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*rng >> 33) % below;
}

static void violation(const char *what)
{
    if (atomic_fetch_add(&violations, 1) < 10)
        (void)printf("  violation in round %u: %s\n", atomic_load(&round_now), what);
}

/* Other people each round: what one leaves behind is no matter to the next. */
static void name_of(size_t person, char out[32])
{
    (void)snprintf(out, 32, "person %u.%zu", atomic_load(&round_now), person);
}

/* A value says whose it is, so that nobody's is taken for another's; those of shared classes say nothing. */
static void text_of(size_t class_at, size_t person, char out[32])
{
    if (class_at == 0)
        name_of(person, out);
    else
        (void)snprintf(out, 32, "%08zu", 12345678 + class_at);
}

/* ---- what the threads do ---- */

static void store(struct vault_reader *reader UNUSED, uint64_t *rng)
{
    struct value v = {.class_at = draw(rng, COUNT_OF(kinds)), .person = draw(rng, PEOPLE)};
    struct vault_item item = {.class_id = rig_class(&rig, kinds[v.class_at].name),
                              .kind = VALUE_STRING};
    struct vault_tokenize op = {.op.kind = VAULT_TOKENIZE,
                                .domain = VAULT_DOMAIN_DEFAULT,
                                .name_count = 1,
                                .items = &item,
                                .count = 1};
    char name[32], text[32];

    name_of(v.person, name);
    text_of(v.class_at, v.person, text);
    op.names[0] = span_str(name);
    item.value = span_str(text);
    v.generation = atomic_load(&generation[v.person]);
    v.due_from_s =
        atomic_load(&now_s); /* an earlier row of the same value may be the one that counts */
    if (vault_run(rig.vault, &op.op) != ERR_OK) {
        violation("a value cannot be stored");
        return;
    }
    v.due_to_s = atomic_load(&now_s) + kinds[v.class_at].period_s;
    if (v.class_at == 0)
        v.due_from_s += kinds[0].period_s;
    v.filled = v.generation % 2 == 0 && atomic_load(&generation[v.person]) == v.generation;
    v.token = item.token;
    (void)pthread_mutex_lock(&shelf_lock);
    shelf[draw(rng, VALUES)] = v;
    (void)pthread_mutex_unlock(&shelf_lock);
}

/* A token of a shared class lives as long as anybody's row: of those, only what must be dead is known. */
static void judge(const struct value *v, enum err e, int64_t before_s, unsigned before)
{
    const bool shared = v->class_at != 0;

    if (e == ERR_HELD || e == ERR_RESTRICTED) {
        atomic_fetch_add(&withheld, 1);
        return;
    }
    if (e != ERR_OK && e != ERR_NOT_FOUND)
        violation("a token cannot be read");
    if (e == ERR_OK && !shared && before_s >= v->due_to_s)
        violation("a value was read after its due time");
    if (e == ERR_OK && !shared && before >= v->generation + 2)
        violation("an erased value was read after the acknowledgement");
    if (e == ERR_NOT_FOUND && atomic_load(&now_s) < v->due_from_s &&
        atomic_load(&generation[v->person]) == v->generation)
        violation("a value is lost that is neither over nor erased");
    atomic_fetch_add(e == ERR_OK ? &revealed : &refused, 1);
}

static bool take_value(uint64_t *rng, struct value *ret)
{
    const size_t from = draw(rng, VALUES);

    *ret = (struct value){.filled = false};
    (void)pthread_mutex_lock(&shelf_lock);
    for (size_t i = 0; i < VALUES && !ret->filled; i++)
        *ret = shelf[(from + i) % VALUES];
    (void)pthread_mutex_unlock(&shelf_lock);
    return ret->filled;
}

static void read_value(struct vault_reader *reader, uint64_t *rng)
{
    const int64_t before_s = atomic_load(&now_s);
    struct vault_scope scope = {.class_id = 0};
    struct vault_value value;
    struct value v;
    struct buf out;
    char text[32];
    unsigned before;
    enum err e;

    if (!take_value(rng, &v))
        return;
    before = atomic_load(&generation[v.person]);
    text_of(v.class_at, v.person, text);
    scope.class_id = rig_class(&rig, kinds[v.class_at].name);
    buf_init_secret(&out, 64);
    REQUIRE(vault_read_begin(reader) == ERR_OK);
    e = vault_reveal_as(reader, &scope, span_of(v.token.bytes, v.token.len), &out, &value);
    vault_read_end(reader);
    if (e == ERR_OK && !span_equal(buf_span(&out), span_str(text)))
        violation("a token reveals something else");
    if (e == ERR_OK && before_s >= value.due_s)
        violation("a row was read after its due time");
    judge(&v, e, before_s, before);
    buf_done(&out);
}

/* One pass at a time, as the server has it. */
static void sweep(struct vault_reader *reader UNUSED, uint64_t *rng)
{
    static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
    static const struct breaker breaker = {.at_least = 1, .factor = 2, .percent = 1};
    struct sweeper_options o = {.vault = rig.vault,
                                .classes = &rig.classes,
                                .budget = draw(rng, 2) == 0 ? 5 : 0,
                                .breaker = &breaker,
                                .runs = runs};
    struct sweeper_counts counts;

    (void)pthread_mutex_lock(&turn);
    o.now_s = vault_now_s(rig.vault);
    if (sweeper_pass(&o, &counts) != ERR_OK)
        violation("a pass failed");
    if (counts.paused > 0)
        violation("something is due that was not foreseen");
    atomic_fetch_add(&swept, (unsigned)counts.purged);
    (void)pthread_mutex_unlock(&turn);
}

/* One erasure of a person at a time: generations cannot tell two apart. */
static void erase(struct vault_reader *reader UNUSED, uint64_t *rng)
{
    static pthread_mutex_t turns[PEOPLE] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
                                            PTHREAD_MUTEX_INITIALIZER};
    const size_t person = draw(rng, PEOPLE);
    struct receipt receipt = {.state = RECEIPT_COMPLETED};
    char name[32];
    enum err e;

    name_of(person, name);
    (void)pthread_mutex_lock(&turns[person]);
    atomic_fetch_add(&generation[person], 1);
    e = erasure_run(erasures, VAULT_DOMAIN_DEFAULT, span_str(name), NULL, &receipt);
    if (e == ERR_HELD)
        atomic_fetch_sub(&generation[person], 1); /* nothing was destroyed */
    else
        atomic_fetch_add(&generation[person], 1);
    (void)pthread_mutex_unlock(&turns[person]);
    if (e != ERR_OK && e != ERR_NOT_FOUND && e != ERR_HELD)
        violation("an erasure failed");
    if (e == ERR_OK && receipt.state != RECEIPT_COMPLETED)
        violation("an erasure does not verify");
    atomic_fetch_add(&erased, e == ERR_OK);
}

static void count_class(struct vault_reader *reader, uint16_t class_id,
                        struct vault_class_stats *ret)
{
    REQUIRE(vault_read_begin(reader) == ERR_OK);
    REQUIRE(vault_read_stats(reader, class_id, atomic_load(&now_s), ret) == ERR_OK);
    vault_read_end(reader);
}

/* A class, for a while: nothing of it is destroyed between the two acknowledgements, whatever the others
 * do. */
static void hold(struct vault_reader *reader, uint64_t *rng)
{
    static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
    const uint16_t class_id = rig_class(&rig, kinds[draw(rng, COUNT_OF(kinds))].name);
    struct vault_hold one = {.class_id = class_id,
                             .code = "17(3)(e)",
                             .ground = "a case",
                             .owner = "legal",
                             .set_by = "test",
                             .review_s = atomic_load(&now_s) + 86400,
                             .lifted_by = "test",
                             .lifted_why = "settled"};
    struct vault_holds op = {.op.kind = VAULT_HOLDS, .act = VAULT_HOLD_SET, .hold = &one};
    struct vault_class_stats before, after;

    (void)pthread_mutex_lock(&turn);
    if (vault_run(rig.vault, &op.op) != ERR_OK)
        violation("a hold cannot be set");
    count_class(reader, class_id, &before);
    for (uint32_t yields = draw(rng, 50); yields > 0; yields--)
        (void)sched_yield();
    count_class(reader, class_id, &after);
    if (after.purged_timer != before.purged_timer)
        violation("values were destroyed while their class was held");
    op.act = VAULT_HOLD_LIFT;
    if (vault_run(rig.vault, &op.op) != ERR_OK)
        violation("a hold cannot be lifted");
    atomic_fetch_add(&held, 1);
    (void)pthread_mutex_unlock(&turn);
}

static void move_clock(struct vault_reader *reader UNUSED, uint64_t *rng)
{
    static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
    const int64_t by_s = draw(rng, 3) == 0 ? 60 : draw(rng, 20);

    (void)pthread_mutex_lock(&turn);
    rig_clock(atomic_load(&now_s) + by_s);
    atomic_fetch_add(&now_s, by_s); /* who sees the new time has been shown it */
    (void)pthread_mutex_unlock(&turn);
}

/* ---- rounds ---- */

typedef void (*act_fn)(struct vault_reader *reader, uint64_t *rng);

struct worker {
    pthread_t thread;
    struct vault_reader *reader;
    uint64_t rng;
};

static void *work(void *context)
{
    static const act_fn acts[] = {store,      store, store,      read_value, read_value,
                                  read_value, sweep, move_clock, erase,      hold};
    struct worker *w = context;

    for (int i = 0; i < STEPS; i++) {
        acts[draw(&w->rng, COUNT_OF(acts))](w->reader, &w->rng);
        for (uint32_t yields = draw(&w->rng, 4); yields > 0; yields--)
            (void)sched_yield();
    }
    return NULL;
}

static void check_books(struct vault_reader *reader, bool all_gone)
{
    uint64_t people = 0;

    REQUIRE(vault_read_begin(reader) == ERR_OK);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct vault_class_stats s;

        REQUIRE(vault_read_stats(reader, rig_class(&rig, kinds[i].name), atomic_load(&now_s), &s) ==
                ERR_OK);
        if (s.created != s.items + s.purged_timer + s.purged_erasure)
            violation("the books do not balance");
        if (all_gone && s.items > 0)
            violation("values are left that are over");
    }
    REQUIRE(vault_read_subject_count(reader, &people) == ERR_OK);
    vault_read_end(reader);
    if (all_gone && people > 0)
        violation("people are left without a value");
}

static void run_round(struct worker workers[THREADS])
{
    for (size_t i = 0; i < VALUES; i++)
        shelf[i].filled = false;
    for (size_t i = 0; i < PEOPLE; i++)
        atomic_store(&generation[i], 0);
    for (size_t i = 0; i < THREADS; i++) {
        workers[i].rng = (seed + atomic_load(&round_now)) * THREADS + i;
        (void)draw(&workers[i].rng, 2);
        REQUIRE(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        REQUIRE(pthread_join(workers[i].thread, NULL) == 0);
    check_books(workers[0].reader, false);
}

/* When all is over and swept, nothing and nobody is left. */
static void end_all(struct worker *w)
{
    rig_clock(atomic_load(&now_s) + 86400);
    atomic_fetch_add(&now_s, 86400);
    for (int i = 0; i < 50; i++)
        sweep(NULL, &w->rng);
    check_books(w->reader, true);
}

int main(int argc, char **argv)
{
    struct worker workers[THREADS] = {{.rng = 0}};

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--rounds") == 0)
            rounds = (unsigned)strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[i + 1], NULL, 10);
    }
    secret_start();
    log_set_level(LOG_ERROR + 1);
    rig_init_in(&rig, scratch_new_fast(), classes_text);
    atomic_store(&now_s, RIG_NOW_S);
    erasures = erasures_new(rig.vault, NULL);
    runs = runs_new(rig.vault);
    for (size_t i = 0; i < THREADS; i++)
        REQUIRE(vault_reader_open(rig.vault, &workers[i].reader) == ERR_OK);
    for (unsigned i = 0; i < rounds; i++) {
        atomic_store(&round_now, i);
        run_round(workers);
    }
    end_all(&workers[0]);
    for (size_t i = 0; i < THREADS; i++)
        vault_reader_close(&workers[i].reader);
    runs_free(&runs);
    erasures_free(&erasures);
    rig_done(&rig);
    (void)printf(
        "%u rounds, seed %" PRIu64 ": %u read, %u refused, %u withheld, %u erasures, %u swept, "
        "%u holds, %u violations\n",
        rounds, seed, atomic_load(&revealed), atomic_load(&refused), atomic_load(&withheld),
        atomic_load(&erased), atomic_load(&swept), atomic_load(&held), atomic_load(&violations));
    return atomic_load(&violations) == 0 && atomic_load(&revealed) > 0 &&
                   atomic_load(&refused) > 0 && atomic_load(&erased) > 0 && atomic_load(&swept) > 0
               ? 0
               : 1;
}
