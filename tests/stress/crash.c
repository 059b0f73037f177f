/* SPDX-License-Identifier: Apache-2.0 */
/* Kill -9 at random moments (E45): does the vault keep what it acknowledged?
 *
 * A child works on a store: tokenizes in groups, erases, sweeps, purges, truncates, and rotates the
 * root key, whose old version it destroys as soon as the vault says that it can. What is
 * acknowledged it reports over a pipe from inside done(), and waits there for leave to go on. The
 * parent either gives leave or kills; or it kills at a random time. Then the parent opens the store
 * and compares it with what was reported:
 *   - every acknowledged token reveals its value, unless its subject's erasure was begun;
 *   - every acknowledged erasure holds: token dead, key slot zero, name unknown;
 *   - no row stands without a durable key, unless the ledger says why;
 *   - the counters balance with the rows.
 * Afterwards mutants that acknowledge, or let go of the old root key, one step early must be caught, or
 * the check is worthless.
 *
 *   crash [--kills N] [--seed N]
 */
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/secret.h"
#include "tests/support/scratch.h"
#include "vault/vault_priv.h"

enum {
    SUBJECTS = 12,
    VALUES = 6,
    CLASSES = 3,
    BRIEF = 2, /* the class whose period ends within a few rounds */
    BURST = 6,
    ITEMS = 3,
    ROUND_S = 3,
    MUTANT_KILLS = 20,
    PASSING = 4,       /* subjects who store briefs only: their last value is due soon */
    POINT_ROUNDS = 20, /* until a fault point must have been reached */
    UNKILLED = 4,      /* exit code of a child that nobody killed */
    KEPT_MAX = 200000
};

static const int64_t T0_S = 1800000000;

/* ---- what travels ---- */

enum message_kind { NOTHING, TRYING, STORED, ERASING, ERASED, ASKING };

struct message {
    enum message_kind kind;
    uint32_t subject;
    uint32_t value;
    uint16_t class_at;
    uint64_t slot;
    struct token_text token;
};

/* ---- what the parent knows ---- */

struct kept {
    struct message said;
    int64_t due_s;
    bool begun;  /* its subject's erasure was begun after it was stored */
    bool erased; /* ... and acknowledged */
};

static struct kept *kept;
static size_t kept_count;
static bool maybe[SUBJECTS][VALUES]; /* a deterministic value that the subject may own */
static bool tried[SUBJECTS];         /* something was tried for the name since its last erasure */
static bool erased[SUBJECTS];
static uint64_t *zero_slots;
static size_t zero_count;
static uint64_t violations;
static uint64_t acknowledged;
static uint64_t erasures;

static struct class_def defs[CLASSES];
static struct classes classes = {defs, CLASSES};
static struct scratch scratch;
static char dir[128];
static int64_t now_s;

static uint64_t rng;
static uint64_t rounds;
static enum message_kind
    aim; /* kill at an acknowledgement of this kind; NOTHING: any, or any time */

static uint32_t draw(uint32_t below)
{
    rng = rng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(rng >> 33) % below;
}

static void violation(const char *what, uint64_t which)
{
    if (violations++ < 10)
        (void)printf("  violation: %s (%" PRIu64 ")\n", what, which);
}

/* ---- root keys ---- */

/* What a provider has made durable: epochs from .oldest (one, or the two of a rotation). */
struct provider {
    uint32_t oldest;
    uint32_t newest;
};

static struct provider provider_read(void)
{
    struct provider p;

    REQUIRE(scratch_read(scratch_path(&scratch, "provider"), 0, (uint8_t *)&p, sizeof(p)) ==
            sizeof(p));
    return p;
}

static void provider_write(struct provider p)
{
    scratch_write(scratch_path(&scratch, "provider"), 0, &p, sizeof(p));
}

/* Any bytes will do, as long as parent and child know them. */
static struct root_key root_of(uint32_t epoch)
{
    struct root_key key = {epoch, secret_alloc(ROOT_KEY_BYTES)};

    for (size_t i = 0; i < ROOT_KEY_BYTES; i++)
        key.bytes[i] = (uint8_t)(epoch * 31 + i);
    return key;
}

static enum err open_store(struct vault **ret, struct errmsg *msg)
{
    const struct provider p = provider_read();
    AUTO(root_keys_done) struct root_keys roots = {.count = 0};
    const struct vault_options options = {.dir = dir, .roots = &roots, .classes = &classes};

    for (uint32_t epoch = p.oldest; epoch <= p.newest; epoch++)
        roots.at[roots.count++] = root_of(epoch);
    return vault_open(&options, ret, msg);
}

/* ---- the child ---- */

static int report_fd;
static int leave_fd;

static void say(const struct message *m)
{
    if (write(report_fd, m, sizeof(*m)) != (ssize_t)sizeof(*m))
        _exit(0);
}

/* Report, and stand still until the parent says to go on. */
static void ask(void)
{
    struct message m = {.kind = ASKING};
    char leave;

    say(&m);
    if (read(leave_fd, &leave, 1) != 1)
        _exit(0);
}

struct request {
    struct vault_tokenize op;
    struct vault_item items[ITEMS];
    struct message messages[ITEMS];
    char name[16];
    char values[ITEMS][32];
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    size_t left;
} work = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

static void one_less(void)
{
    (void)pthread_mutex_lock(&work.lock);
    work.left--;
    (void)pthread_cond_signal(&work.wake);
    (void)pthread_mutex_unlock(&work.lock);
}

static void wait_all(void)
{
    (void)pthread_mutex_lock(&work.lock);
    while (work.left > 0)
        (void)pthread_cond_wait(&work.wake, &work.lock);
    (void)pthread_mutex_unlock(&work.lock);
}

static void on_tokenized(struct vault_op *op)
{
    struct request *r = op->owner;

    REQUIRE(op->result == ERR_OK);
    for (size_t i = 0; i < r->op.count; i++) {
        r->messages[i].kind = STORED;
        r->messages[i].token = r->items[i].token;
        say(&r->messages[i]);
    }
    ask();
    one_less();
}

static void value_text(uint16_t class_at, uint32_t subject, uint32_t value, char out[32])
{
    if (defs[class_at].deterministic)
        (void)snprintf(out, 32, "shared %u", value);
    else
        (void)snprintf(out, 32, "value %u of %u", value, subject);
}

static uint16_t class_for(uint32_t subject)
{
    return subject < PASSING ? BRIEF : (uint16_t)draw(CLASSES);
}

static void tokenize_burst(struct vault *v)
{
    static struct request requests[BURST];
    const size_t count = 1 + draw(BURST);

    work.left = count;
    for (size_t i = 0; i < count; i++) {
        struct request *r = &requests[i];
        const uint32_t subject = draw(SUBJECTS);

        *r = (struct request){.op = {.op = {.kind = VAULT_TOKENIZE, .done = on_tokenized},
                                     .domain = VAULT_DOMAIN_DEFAULT,
                                     .name_count = 1,
                                     .count = 1 + draw(ITEMS)}};
        (void)snprintf(r->name, sizeof(r->name), "subject %u", subject);
        r->op.names[0] = span_str(r->name);
        r->op.items = r->items;
        r->op.op.owner = r;
        for (size_t k = 0; k < r->op.count; k++) {
            struct message *m = &r->messages[k];

            *m = (struct message){TRYING, subject, draw(VALUES), class_for(subject), 0, {{0}, 0}};
            value_text(m->class_at, subject, m->value, r->values[k]);
            r->items[k] = (struct vault_item){.class_id = vault_class_id(v, &defs[m->class_at]),
                                              .kind = VALUE_STRING,
                                              .value = span_str(r->values[k])};
            say(m);
        }
    }
    for (size_t i = 0; i < count; i++)
        REQUIRE(vault_submit(v, &requests[i].op.op) == ERR_OK);
    wait_all();
}

static struct message erase_message;
static struct vault_erasure erasure;

static void on_erased(struct vault_op *op)
{
    if (op->result == ERR_OK) {
        erase_message.kind = ERASED;
        erase_message.slot = erasure.slot;
        say(&erase_message);
    }
    ask();
    one_less();
}

static void finish(struct vault *v, const struct vault_erasure *e)
{
    struct vault_sweep_subject sweep = {
        .op.kind = VAULT_SWEEP_SUBJECT, .slot = e->slot, .limit = 1 + draw(20), .more = true};
    struct vault_truncate truncate = {.op.kind = VAULT_TRUNCATE};
    struct vault_erasure_close closing = {.op.kind = VAULT_ERASURE_CLOSE, .erasure = e};
    enum err e2;

    while (sweep.more)
        REQUIRE(vault_run(v, &sweep.op) == ERR_OK);
    e2 = vault_run(v, &truncate.op);
    REQUIRE(e2 == ERR_OK || e2 == ERR_BUSY);
    REQUIRE(vault_run(v, &closing.op) == ERR_OK);
}

static void erase_one(struct vault *v)
{
    const uint32_t subject = draw(SUBJECTS);
    struct vault_erase op = {.op = {.kind = VAULT_ERASE, .done = on_erased},
                             .domain = VAULT_DOMAIN_DEFAULT,
                             .erasure = &erasure};
    char name[16];

    erasure = (struct vault_erasure){0};
    (void)snprintf(name, sizeof(name), "subject %u", subject);
    op.name = span_str(name);
    erase_message = (struct message){.kind = ERASING, .subject = subject};
    say(&erase_message);
    work.left = 1;
    REQUIRE(vault_submit(v, &op.op) == ERR_OK);
    wait_all();
    if (op.op.result == ERR_OK && draw(2) == 0)
        finish(v, &erasure);
    vault_erasure_done(&erasure);
}

static void finish_open(struct vault *v)
{
    struct vault_erasure *list = NULL;
    size_t count = 0;

    REQUIRE(vault_erasures_open(v, &list, &count) == ERR_OK);
    for (size_t i = 0; i < count; i++) {
        finish(v, &list[i]);
        vault_erasure_done(&list[i]);
    }
    free(list);
}

static void purge(struct vault *v)
{
    for (size_t i = 0; i < CLASSES; i++) {
        struct vault_purge_due op = {.op.kind = VAULT_PURGE_DUE,
                                     .class_id = vault_class_id(v, &defs[i]),
                                     .now_s = now_s,
                                     .limit = 1 + draw(50)};

        REQUIRE(vault_run(v, &op.op) == ERR_OK);
    }
}

/* Begin a rotation or go on with one, and destroy the old root key when it has ended. */
static void rotate(struct vault *v)
{
    struct provider p = provider_read();
    AUTO(root_key_done) struct root_key next = {0, NULL};
    struct vault_rotate_begin begin = {.op.kind = VAULT_ROTATE_BEGIN, .next = &next};
    struct vault_rotate_step step = {
        .op.kind = VAULT_ROTATE_STEP, .limit = 1 + draw(40), .more = true};
    uint32_t steps = 1 + draw(10);

    if (p.oldest == p.newest) {
        p.newest++;
        provider_write(p);
    }
    next = root_of(p.newest);
    REQUIRE(vault_run(v, &begin.op) == ERR_OK);
    while (step.more && steps-- > 0)
        REQUIRE(vault_run(v, &step.op) == ERR_OK);
    if (step.more)
        return;
    p.oldest = p.newest;
    provider_write(p);
}

/* And nothing else: whoever gets another value has not got the last one. */
static void only_purge(struct vault *v)
{
    for (int i = 0; i < 100; i++)
        purge(v);
    _exit(UNKILLED);
}

/* Until it is killed. */
static void live(const char *fault, const char *mutant)
{
    struct vault *v = NULL;
    struct errmsg msg = {""};

    if (open_store(&v, &msg) != ERR_OK) {
        (void)fprintf(stderr, "child: %s\n", msg.text);
        _exit(3);
    }
    fault_test_set(fault, mutant);
    if (fault != NULL && strcmp(fault, "purge.committed") == 0)
        only_purge(v);
    for (int i = 0; i < 4000; i++) {
        switch (draw(12)) {
        case 0:
        case 1:
            erase_one(v);
            break;
        case 2:
            purge(v);
            break;
        case 3:
            finish_open(v);
            break;
        case 4:
            rotate(v);
            break;
        default:
            tokenize_burst(v);
        }
    }
    _exit(UNKILLED);
}

/* ---- the parent: listening ---- */

static void on_message(const struct message *m)
{
    switch (m->kind) {
    case TRYING:
        tried[m->subject] = true;
        if (defs[m->class_at].deterministic)
            maybe[m->subject][m->value] = true;
        break;
    case STORED:
        REQUIRE(kept_count < KEPT_MAX);
        kept[kept_count++] =
            (struct kept){.said = *m, .due_s = period_add(now_s, &defs[m->class_at].rule.period)};
        acknowledged++;
        break;
    case ERASING:
        for (size_t i = 0; i < kept_count; i++)
            if (kept[i].said.subject == m->subject)
                kept[i].begun = true;
        break;
    case ERASED:
        for (size_t i = 0; i < kept_count; i++)
            if (kept[i].said.subject == m->subject)
                kept[i].erased = true;
        memset(maybe[m->subject], 0, sizeof(maybe[m->subject]));
        tried[m->subject] = false;
        erased[m->subject] = true;
        zero_slots[zero_count++] = m->slot;
        erasures++;
        break;
    case NOTHING:
    case ASKING:
        break;
    }
}

/* Read one message; false at the end, when `deadline_ms` (monotonic) has passed. */
static bool listen_once(int fd, int64_t deadline_ms, struct message *m, bool *ret_late)
{
    struct pollfd p = {fd, POLLIN, 0};
    int64_t left = deadline_ms - clock_mono_ms();

    *ret_late = false;
    if (poll(&p, 1, left > 0 ? (int)left : 0) == 0) {
        *ret_late = true;
        return false;
    }
    return read(fd, m, sizeof(*m)) == (ssize_t)sizeof(*m);
}

/* One life of a child. kill: at a random acknowledgement or time; otherwise it dies of `fault`, unless it does not come
 * there in this round: false. */
static bool round_of(const char *fault, const char *mutant)
{
    const bool at_asking = aim != NOTHING || draw(2) == 0;
    uint32_t leaves = fault != NULL ? UINT32_MAX : draw(aim != NOTHING ? 5 : 40);
    enum message_kind last = NOTHING;
    int64_t deadline = clock_mono_ms() + (fault != NULL ? 20000 : 5 + draw(60));
    struct message m;
    int reports[2];
    int grants[2];
    bool late = false;
    int status;
    pid_t child;

    if (fault == NULL && at_asking)
        deadline += 20000;
    REQUIRE(pipe(reports) == 0 && pipe(grants) == 0);
    rounds++;
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        rng ^= rounds * UINT64_C(0x9e3779b97f4a7c15); /* its own sequence, told by the seed too */
        report_fd = reports[1];
        leave_fd = grants[0];
        (void)close(reports[0]);
        (void)close(grants[1]);
        live(fault, mutant);
    }
    (void)close(reports[1]);
    (void)close(grants[0]);
    while (listen_once(reports[0], deadline, &m, &late)) {
        on_message(&m);
        if (m.kind != ASKING) {
            last = m.kind;
            continue;
        }
        if (at_asking && (aim == NOTHING || aim == last) && leaves-- == 0)
            break;
        if (write(grants[1], "g", 1) != 1)
            break;
    }
    (void)kill(child, SIGKILL);
    while (listen_once(reports[0], clock_mono_ms() + 10000, &m, &late))
        on_message(&m); /* what it had said before it died */
    (void)close(reports[0]);
    (void)close(grants[1]);
    REQUIRE(waitpid(child, &status, 0) == child);
    if (fault != NULL && (late || (WIFEXITED(status) && WEXITSTATUS(status) == UNKILLED)))
        return false;
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        violation("the child ended by itself", (uint64_t)status);
    return true;
}

/* ---- the parent: checking ---- */

static bool others_may_own(const struct kept *k)
{
    if (!defs[k->said.class_at].deterministic)
        return false;
    for (uint32_t s = 0; s < SUBJECTS; s++)
        if (maybe[s][k->said.value])
            return true;
    return false;
}

static void check_token(struct vault_reader *r, size_t at)
{
    const struct kept *k = &kept[at];
    char expected[32];
    struct vault_value value;
    struct buf out;
    enum err e;

    buf_init_secret(&out, 4096);
    e = vault_reveal(r, 0, span_of(k->said.token.bytes, k->said.token.len), 0, &out, &value);
    value_text(k->said.class_at, k->said.subject, k->said.value, expected);
    if (e == ERR_OK && !span_equal(buf_span(&out), span_str(expected)))
        violation("a token reveals something else", at);
    if (e != ERR_OK && e != ERR_NOT_FOUND)
        violation("a token cannot be read", at);
    if (e == ERR_NOT_FOUND && !k->begun && now_s < k->due_s)
        violation("an acknowledged token is lost", at);
    if (e == ERR_OK && (k->erased || now_s >= k->due_s) && !others_may_own(k))
        violation("an erased or expired token lives", at);
    buf_done(&out);
}

static void check_reader(struct vault *v)
{
    struct vault_reader *r = NULL;
    uint64_t slot;

    REQUIRE(vault_reader_open(v, &r) == ERR_OK && vault_read_begin(r) == ERR_OK);
    for (size_t i = 0; i < kept_count; i++)
        check_token(r, i);
    for (uint32_t s = 0; s < SUBJECTS; s++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "subject %u", s);
        if (erased[s] && !tried[s] &&
            vault_read_subject(r, VAULT_DOMAIN_DEFAULT, span_str(name), &slot) != ERR_NOT_FOUND)
            violation("an erased name is known", s);
    }
    vault_reader_close(&r);
}

static bool slot_is_zero(struct vault *v, uint64_t slot)
{
    static const uint8_t zeroes[SLAB_SLOT_BYTES];
    uint8_t raw[SLAB_SLOT_BYTES];

    REQUIRE(slab_raw(v->slab, slot, raw) == ERR_OK);
    return memcmp(raw, zeroes, sizeof(raw)) == 0;
}

struct wanted {
    uint64_t slot;
    bool found;
};

static enum err find_slot(const struct ledger_record *record, void *context)
{
    struct wanted *wanted = context;

    wanted->found = wanted->found || (record->kind == LEDGER_ERASE && record->slot == wanted->slot);
    return ERR_OK;
}

static void check_rows(struct vault *v, sqlite3 *db, uint16_t id)
{
    sqlite3_stmt *stmt = NULL;
    char sql[96];

    (void)snprintf(sql, sizeof(sql), "SELECT DISTINCT subj FROM val_%u", id);
    REQUIRE(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        struct wanted wanted = {(uint64_t)sqlite3_column_int64(stmt, 0), false};

        if (!slot_is_zero(v, wanted.slot))
            continue;
        REQUIRE(ledger_each(v->ledger, find_slot, &wanted) == ERR_OK);
        if (!wanted.found)
            violation("a row has no key and the ledger does not say why", wanted.slot);
    }
    (void)sqlite3_finalize(stmt);
}

static void check_balance(struct vault *v, sqlite3 *db, uint16_t id)
{
    struct vault_reader *r = NULL;
    struct vault_class_stats stats;
    sqlite3_stmt *stmt = NULL;
    char sql[96];

    REQUIRE(vault_reader_open(v, &r) == ERR_OK && vault_read_begin(r) == ERR_OK);
    REQUIRE(vault_read_stats(r, id, now_s, &stats) == ERR_OK);
    vault_reader_close(&r);
    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM val_%u", id);
    REQUIRE(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK);
    REQUIRE(sqlite3_step(stmt) == SQLITE_ROW);
    if (stats.items != (uint64_t)sqlite3_column_int64(stmt, 0) ||
        stats.created - stats.purged_timer - stats.purged_erasure != stats.items)
        violation("the counters do not balance", id);
    (void)sqlite3_finalize(stmt);
}

static void check(void)
{
    struct vault *v = NULL;
    struct errmsg msg = {""};
    sqlite3 *db = NULL;
    char path[160];

    if (open_store(&v, &msg) != ERR_OK) {
        (void)printf("  %s\n", msg.text);
        violation("the store does not open", 0);
        return;
    }
    check_reader(v);
    for (size_t i = 0; i < zero_count; i++)
        if (!slot_is_zero(v, zero_slots[i]))
            violation("an erased key is in its slot", zero_slots[i]);
    (void)snprintf(path, sizeof(path), "%s/vault.db", dir);
    REQUIRE(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
    for (size_t i = 0; i < CLASSES; i++) {
        check_rows(v, db, vault_class_id(v, &defs[i]));
        check_balance(v, db, vault_class_id(v, &defs[i]));
    }
    (void)sqlite3_close(db);
    vault_close(&v);
}

/* ---- runs ---- */

static void define(size_t at, char *name, bool deterministic, const char *period)
{
    static char domain[] = "tok.invalid";

    defs[at] = (struct class_def){.name = name,
                                  .format = TOKEN_OPAQUE,
                                  .deterministic = deterministic,
                                  .email_domain = domain};
    REQUIRE(period_parse(span_str(period), &defs[at].rule.period) == ERR_OK);
}

static void start_run(void)
{
    AUTO(root_key_done) struct root_key first = {0, NULL};
    struct errmsg msg;

    scratch = scratch_new();
    (void)snprintf(dir, sizeof(dir), "%s/store", scratch.dir);
    now_s = T0_S;
    clock_test_set_ms(now_s * 1000);
    kept_count = 0;
    zero_count = 0;
    violations = 0;
    acknowledged = 0;
    erasures = 0;
    memset(maybe, 0, sizeof(maybe));
    memset(tried, 0, sizeof(tried));
    memset(erased, 0, sizeof(erased));
    first = root_of(1);
    REQUIRE(vault_create(dir, &first, &msg) == ERR_OK);
    provider_write((struct provider){1, 1});
}

static bool next_round(const char *fault, const char *mutant)
{
    const bool reached = round_of(fault, mutant);

    check();
    now_s += ROUND_S;
    clock_test_set_ms(now_s * 1000);
    return reached;
}

/* Some points want what not every round has, such as somebody whose last value is due. */
static void die_at(const char *point)
{
    for (int i = 0; i < POINT_ROUNDS; i++) {
        if (next_round(point, NULL))
            return;
        if (i % 6 == 5) /* time has passed; somebody else comes */
            (void)next_round(NULL, NULL);
    }
    violation("the fault point was not reached", 0);
}

static bool run_honest(unsigned kills)
{
    static const char *const points[] = {"tokenize.before_slab_sync",
                                         "tokenize.after_slab_sync",
                                         "tokenize.before_commit",
                                         "tokenize.committed",
                                         "erase.begun",
                                         "erase.after_ledger",
                                         "erase.after_shred",
                                         "erase.acknowledged",
                                         "sweep.batch",
                                         "purge.batch",
                                         "purge.committed",
                                         "truncate.done",
                                         "close.appended",
                                         "rotate.header",
                                         "rotate.begun",
                                         "rotate.before_sync",
                                         "rotate.step",
                                         "rotate.before_end",
                                         "rotate.header:2",
                                         "rotate.ended"};

    start_run();
    for (unsigned i = 0; i < kills; i++)
        (void)next_round(NULL, NULL);
    for (size_t i = 0; i < COUNT_OF(points); i++)
        die_at(points[i]);
    scratch_remove(&scratch);
    (void)printf("honest: %u random kills, %zu at named points, %" PRIu64 " tokens and %" PRIu64
                 " erasures acknowledged, %" PRIu64 " violations\n",
                 kills, COUNT_OF(points), acknowledged, erasures, violations);
    return violations == 0 && acknowledged > 0 && erasures > 0;
}

static bool run_mutant(const char *mutant, enum message_kind at)
{
    unsigned kills = 0;

    aim = at;
    start_run();
    while (violations == 0 && kills < MUTANT_KILLS) {
        (void)next_round(NULL, mutant);
        kills++;
    }
    scratch_remove(&scratch);
    (void)printf("mutant %s: %s after %u kills\n", mutant, violations > 0 ? "caught" : "NOT CAUGHT",
                 kills);
    return violations > 0;
}

int main(int argc, char **argv)
{
    uint64_t seed = (uint64_t)clock_now_ms();
    unsigned kills = 60;
    bool ok;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--kills") == 0)
            kills = (unsigned)strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[i + 1], NULL, 10);
    }
    (void)printf("seed %" PRIu64 "\n", seed);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    rng = seed;
    secret_start();
    define(0, (char[]){"note"}, false, "P1Y");
    define(1, (char[]){"phone"}, true, "P1Y");
    define(BRIEF, (char[]){"brief"}, false, "PT10S");
    kept = mem_try_alloc(KEPT_MAX, sizeof(*kept));
    zero_slots = mem_try_alloc(KEPT_MAX, sizeof(*zero_slots));
    REQUIRE(kept != NULL && zero_slots != NULL);
    ok = run_honest(kills);
    ok = run_mutant("erase.ack_before_ledger", ERASED) && ok;
    ok = run_mutant("tokenize.ack_before_commit", STORED) && ok;
    ok = run_mutant("rotate.end_early", NOTHING) && ok;
    free(kept);
    free(zero_slots);
    return ok ? 0 : 1;
}
