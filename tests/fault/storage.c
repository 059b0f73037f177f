/* SPDX-License-Identifier: Apache-2.0 */
/* Every single call to the medium fails once, and from then on: does the vault keep what it
 * acknowledged, and nothing by halves?
 *
 * A store is made once. For each kind of failure and each n, a child works on a copy of it through a
 * fixed list of steps, while the n-th call of that kind fails; it notes what each step answered. Then
 * the parent opens the copy, with nothing failing, and looks:
 *   - the child ended by itself: an error, never a crash or a hang;
 *   - the store opens;
 *   - what was acknowledged holds: tokens reveal, the rectified value is the new one, the erased
 *     person is gone; whom the ledger has begun to erase is gone too;
 *   - what failed is there whole or not at all: every row opens or belongs to an erased person, and
 *     the counters balance with the rows.
 * The same for each allocation of SQLite's, and each of ours that depends on what a client sends.
 * The list ends when a run goes through without coming to the n-th call. Finally code that
 * acknowledges too early must be caught, or the look is worthless.
 *
 *   fault_storage [--every N]     only each N-th n; for a quick look
 */
#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/secret.h"
#include "tests/fault/fail_calls.h"
#include "tests/support/scratch.h"
#include "vault/records.h"
#include "vault/vault_priv.h"

enum { CLASSES = 3, STEP_LIMIT_S = 30, SWEEP_TRIES = 5 };
enum { NOTE, PHONE, BRIEF };

enum step {
    STEP_OPEN,
    STEP_STORE_NEW,
    STEP_STORE_LARGE, /* beyond what is buffered: memory of its own */
    STEP_STORE_MORE,
    STEP_RECTIFY,
    STEP_ERASE,
    STEP_SWEEP,
    STEP_TRUNCATE,
    STEP_VERIFY,
    STEP_CLOSE,
    STEP_PURGE,
    STEP_ROTATE,
    STEP_BOOKS, /* two records in one write */
    STEP_LAST,  /* one more person, after all that */
    STEP_COUNT
};

/* What the child did, in memory that both share. */
struct told {
    enum err result[STEP_COUNT];
    bool done[STEP_COUNT];
    bool fired;
    struct token_text note;
    struct token_text phone;
    struct token_text large;
    struct token_text more;
    struct token_text last;
};

static const int64_t NOW_S = 1800000000;

static char large[60000];

static struct class_def defs[CLASSES];
static struct classes classes = {defs, CLASSES};
static struct root_keys roots;
static struct root_key next_root;
static struct token_text zoe_note, zoe_phone, bob_note, eve_note;
static char template_dir[96];
static char dir[96];
static struct told *told;
static uint64_t violations;

static void violation(const char *what)
{
    violations++;
    (void)printf("    violation: %s\n", what);
}

/* ---- the steps ---- */

static enum err open_store(const char *path, struct vault **ret, struct errmsg *msg)
{
    struct vault_options options = {.dir = path, .roots = &roots, .classes = &classes};

    return vault_open(&options, ret, msg);
}

static enum err store(struct vault *v, int class_at, const char *subject, const char *value,
                      struct token_text *ret)
{
    struct vault_item item = {.class_id = vault_class_id(v, &defs[class_at]),
                              .kind = VALUE_STRING,
                              .value = span_str(value)};
    struct vault_tokenize op = {.op = {.kind = VAULT_TOKENIZE},
                                .domain = VAULT_DOMAIN_DEFAULT,
                                .names = {span_str(subject)},
                                .name_count = 1,
                                .items = &item,
                                .count = 1};
    enum err e = vault_run(v, &op.op);

    if (e == ERR_OK)
        *ret = item.token;
    return e;
}

/* Two values of somebody new in one operation. */
static enum err store_new(struct vault *v)
{
    struct vault_item items[2] = {{.kind = VALUE_STRING, .value = SPAN_LIT("ann's note")},
                                  {.kind = VALUE_STRING, .value = SPAN_LIT("shared number")}};
    struct vault_tokenize op = {.op = {.kind = VAULT_TOKENIZE},
                                .domain = VAULT_DOMAIN_DEFAULT,
                                .names = {SPAN_LIT("ann")},
                                .name_count = 1,
                                .items = items,
                                .count = 2};
    enum err e;

    items[0].class_id = vault_class_id(v, &defs[NOTE]);
    items[1].class_id = vault_class_id(v, &defs[PHONE]);
    e = vault_run(v, &op.op);
    if (e != ERR_OK)
        return e;
    told->note = items[0].token;
    told->phone = items[1].token;
    return ERR_OK;
}

static enum err rectify(struct vault *v)
{
    struct vault_rectify op = {.op = {.kind = VAULT_RECTIFY},
                               .token = span_of(bob_note.bytes, bob_note.len),
                               .kind = VALUE_STRING,
                               .value = SPAN_LIT("bob's new note")};

    return vault_run(v, &op.op);
}

static enum err sweep(struct vault *v, uint64_t slot)
{
    struct vault_sweep_subject op = {
        .op.kind = VAULT_SWEEP_SUBJECT, .slot = slot, .limit = 1, .more = true};
    enum err e = ERR_OK;

    for (int i = 0; op.more && e == ERR_OK && i < SWEEP_TRIES; i++)
        e = vault_run(v, &op.op);
    return e;
}

static enum err purge(struct vault *v)
{
    struct vault_purge_due op = {.op.kind = VAULT_PURGE_DUE,
                                 .class_id = vault_class_id(v, &defs[BRIEF]),
                                 .now_s = NOW_S + 100,
                                 .limit = 10};

    return vault_run(v, &op.op);
}

static enum err truncate_log(struct vault *v)
{
    struct vault_truncate op = {.op = {.kind = VAULT_TRUNCATE}};

    return vault_run(v, &op.op);
}

static enum err rotate(struct vault *v)
{
    struct vault_rotate_begin begin = {.op = {.kind = VAULT_ROTATE_BEGIN}, .next = &next_root};
    struct vault_rotate_step op = {.op = {.kind = VAULT_ROTATE_STEP}, .limit = 4, .more = true};
    enum err e = vault_run(v, &begin.op);

    while (e == ERR_OK && op.more)
        e = vault_run(v, &op.op);
    return e;
}

static enum err keep_books(struct vault *v)
{
    struct vault_record two[] = {
        {.kind = VAULT_RECORD_REQUEST, .key = "a", .due_ms = 1, .body = SPAN_LIT("{}")},
        {.kind = VAULT_RECORD_REQUEST, .slot = 1, .body = SPAN_LIT("{}")}};
    struct vault_records_write op = {
        .op = {.kind = VAULT_RECORDS}, .records = two, .count = COUNT_OF(two)};

    return vault_run(v, &op.op);
}

static void tell(enum step step, enum err e)
{
    told->result[step] = e;
    told->done[step] = true;
}

/* Whatever a step answers, the next is tried: so would a server. */
static void work(struct vault *v)
{
    struct vault_verification looked;
    struct vault_erasure erasure = {.slot = 0};
    struct vault_erase op = {.op = {.kind = VAULT_ERASE},
                             .domain = VAULT_DOMAIN_DEFAULT,
                             .name = SPAN_LIT("eve"),
                             .erasure = &erasure};
    struct vault_erasure_close closing = {.op = {.kind = VAULT_ERASURE_CLOSE}, .erasure = &erasure};

    tell(STEP_STORE_NEW, store_new(v));
    tell(STEP_STORE_LARGE, store(v, NOTE, "zoe", large, &told->large));
    tell(STEP_STORE_MORE, store(v, PHONE, "bob", "shared number", &told->more));
    tell(STEP_RECTIFY, rectify(v));
    tell(STEP_ERASE, vault_run(v, &op.op));
    if (told->result[STEP_ERASE] == ERR_OK) {
        tell(STEP_SWEEP, sweep(v, erasure.slot));
        tell(STEP_TRUNCATE, truncate_log(v));
        tell(STEP_VERIFY, vault_erasure_verify(v, &erasure, &looked));
        if (told->result[STEP_SWEEP] == ERR_OK)
            tell(STEP_CLOSE, vault_run(v, &closing.op));
        vault_erasure_done(&erasure);
    }
    tell(STEP_PURGE, purge(v));
    tell(STEP_ROTATE, rotate(v));
    tell(STEP_BOOKS, keep_books(v));
    tell(STEP_LAST, store(v, NOTE, "last", "last note", &told->last));
}

static void child(enum fail_kind kind, uint64_t n, uint64_t times, const char *mutant)
{
    struct vault *v = NULL;
    struct errmsg msg = {""};
    char fault[32] = "";

    (void)alarm(STEP_LIMIT_S);
    if (kind == FAIL_MEMORY)
        (void)snprintf(fault, sizeof(fault), times == 1 ? "mem.try!%" PRIu64 : "mem.try!all", n);
    fault_test_set(fault, mutant);
    clock_test_set_ms((NOW_S + 100) * 1000);
    fail_calls_set(kind, n, times);
    tell(STEP_OPEN, open_store(dir, &v, &msg));
    if (told->result[STEP_OPEN] == ERR_OK)
        work(v);
    vault_close(&v);
    told->fired = kind == FAIL_MEMORY ? fault_test_reached() : fail_calls_fired();
    _exit(0);
}

/* ---- looking afterwards ---- */

static bool reveals(struct vault_reader *r, const struct token_text *token, const char *expected)
{
    struct vault_value value;
    struct buf out;
    enum err e;
    bool same;

    buf_init_secret(&out, sizeof(large) + 1);
    e = vault_reveal(r, 0, span_of(token->bytes, token->len), 0, &out, &value);
    same = e == ERR_OK && span_equal(buf_span(&out), span_str(expected));
    buf_done(&out);
    return same;
}

static bool acknowledged(enum step step)
{
    return told->done[step] && told->result[step] == ERR_OK;
}

static enum err note_erased(const struct ledger_record *record, void *context)
{
    bool *erased = context;

    *erased = *erased || record->kind == LEDGER_ERASE;
    return ERR_OK;
}

static void check_persons(struct vault *v, struct vault_reader *r)
{
    bool erased = false;
    uint64_t slot;

    REQUIRE(ledger_each(v->ledger, note_erased, &erased) == ERR_OK);
    if (!reveals(r, &zoe_note, "zoe's note") || !reveals(r, &zoe_phone, "zoe's number"))
        violation("somebody whom nobody touched cannot be read");
    if (acknowledged(STEP_STORE_NEW) &&
        (!reveals(r, &told->note, "ann's note") || !reveals(r, &told->phone, "shared number")))
        violation("acknowledged values are lost");
    if (acknowledged(STEP_STORE_LARGE) && !reveals(r, &told->large, large))
        violation("an acknowledged large value is lost");
    if (acknowledged(STEP_STORE_MORE) && !reveals(r, &told->more, "shared number"))
        violation("an acknowledged shared value is lost");
    if (acknowledged(STEP_LAST) && !reveals(r, &told->last, "last note"))
        violation("a value acknowledged after the failure is lost");
    if (acknowledged(STEP_RECTIFY)
            ? !reveals(r, &bob_note, "bob's new note")
            : !reveals(r, &bob_note, "bob's new note") && !reveals(r, &bob_note, "bob's note"))
        violation("a rectified value is neither the new one nor the old one");
    if (acknowledged(STEP_ERASE) && !erased)
        violation("an acknowledged erasure is not in the ledger");
    if (erased == reveals(r, &eve_note, "eve's note"))
        violation(erased ? "an erased value reads" : "a value that was not erased does not read");
    if (erased &&
        vault_read_subject(r, VAULT_DOMAIN_DEFAULT, SPAN_LIT("eve"), &slot) != ERR_NOT_FOUND)
        violation("an erased person's name is known");
}

static void check_books(struct vault *v)
{
    AUTO(vault_records_close) struct vault_records *r = NULL;
    uint64_t states[VAULT_RECORD_STATES];

    REQUIRE(vault_records_open(v, &r) == ERR_OK);
    REQUIRE(vault_records_count(r, VAULT_RECORD_REQUEST, states) == ERR_OK);
    if (states[0] != 2 && (acknowledged(STEP_BOOKS) || states[0] != 0))
        violation("records are lost, or there by halves");
}

/* Each row of a class opens, or its owner has no key any more. */
static void check_rows(struct vault *v, struct vault_reader *r, sqlite3 *db, uint16_t id)
{
    const struct store_class *c = vault__class(v, id);
    struct vault_value value;
    sqlite3_stmt *stmt = NULL;
    char sql[160];

    (void)snprintf(sql, sizeof(sql),
                   c->deterministic
                       ? "SELECT v.subj,v.tok,d.salt FROM val_%u v LEFT JOIN det_%u d USING(tok)"
                       : "SELECT subj,id,salt FROM val_%u",
                   id, id);
    REQUIRE(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        struct token_ref ref = {.class_id = id, .row = (uint64_t)sqlite3_column_int64(stmt, 1)};
        const uint64_t slot = (uint64_t)sqlite3_column_int64(stmt, 0);
        struct token_text token;
        struct slab_key key;
        enum err has_key, e;

        if (sqlite3_column_bytes(stmt, 2) != TOKEN_SALT_BYTES) {
            violation("a row has no token");
            continue;
        }
        memcpy(ref.salt, sqlite3_column_blob(stmt, 2), TOKEN_SALT_BYTES);
        token_write(&ref, TOKEN_OPAQUE, NULL, v->locator_key, &token);
        has_key = slab_read(v->slab, slot, &key);
        secret_wipe(&key, sizeof(key));
        e = vault_inspect(r, 0, span_of(token.bytes, token.len), slot, &value);
        if (has_key == ERR_OK && e != ERR_OK && id != BRIEF + 1)
            violation("a row does not open");
        if (has_key != ERR_OK && has_key != ERR_NOT_FOUND)
            violation("a key does not unwrap");
    }
    (void)sqlite3_finalize(stmt);
}

static void check_balance(struct vault_reader *r, sqlite3 *db, uint16_t id)
{
    struct vault_class_stats stats;
    sqlite3_stmt *stmt = NULL;
    char sql[96];

    REQUIRE(vault_read_stats(r, id, NOW_S + 100, &stats) == ERR_OK);
    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM val_%u", id);
    REQUIRE(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK);
    REQUIRE(sqlite3_step(stmt) == SQLITE_ROW);
    if (stats.items != (uint64_t)sqlite3_column_int64(stmt, 0) ||
        stats.created - stats.purged_timer - stats.purged_erasure != stats.items)
        violation("the counters do not balance");
    (void)sqlite3_finalize(stmt);
}

static void look(void)
{
    struct vault *v = NULL;
    struct vault_reader *r = NULL;
    struct errmsg msg = {""};
    sqlite3 *db = NULL;
    char path[128];

    clock_test_set_ms((NOW_S + 5) * 1000); /* brief values that were not purged live */
    if (open_store(dir, &v, &msg) != ERR_OK) {
        violation("the store does not open");
        (void)printf("      %s\n", msg.text);
        return;
    }
    REQUIRE(vault_reader_open(v, &r) == ERR_OK);
    (void)snprintf(path, sizeof(path), "%s/" VAULT_DB, dir);
    REQUIRE(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
    REQUIRE(vault_read_begin(r) == ERR_OK);
    check_persons(v, r);
    check_books(v);
    for (size_t i = 0; i < CLASSES; i++) {
        check_rows(v, r, db, vault_class_id(v, &defs[i]));
        check_balance(r, db, vault_class_id(v, &defs[i]));
    }
    vault_read_end(r);
    (void)sqlite3_close(db);
    vault_reader_close(&r);
    vault_close(&v);
}

/* ---- runs ---- */

static void copy_template(void)
{
    static const char *const files[] = {VAULT_DB, VAULT_SLAB, VAULT_LEDGER, VAULT_LOCK};
    char command[512];

    (void)snprintf(command, sizeof(command), "rm -rf %s && mkdir -m 700 %s", dir, dir);
    REQUIRE(system(command) == 0);
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        (void)snprintf(command, sizeof(command), "cp %s/%s %s/", template_dir, files[i], dir);
        REQUIRE(system(command) == 0);
    }
}

/* One child and one look; false when the n-th call never came. */
static bool run(enum fail_kind kind, uint64_t n, uint64_t times, const char *mutant)
{
    const uint64_t before = violations;
    int status = 0;
    pid_t pid;

    copy_template();
    memset(told, 0, sizeof(*told));
    (void)fflush(stdout);
    pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0)
        child(kind, n, times, mutant);
    REQUIRE(waitpid(pid, &status, 0) == pid);
    if (status != 0)
        violation(WIFSIGNALED(status) ? "the child was ended by a signal" : "the child gave up");
    look();
    if (violations != before && mutant == NULL)
        (void)printf("  %s, n=%" PRIu64 " times=%" PRIu64 " (status %d)\n", fail_kind_name(kind), n,
                     times, status);
    return told->fired || status != 0;
}

static uint64_t run_all(enum fail_kind kind, uint64_t every)
{
    uint64_t n = 1, runs = 0;

    while (run(kind, n, 1, NULL)) {
        (void)run(kind, n, UINT32_MAX, NULL); /* and everything after it */
        n += every;
        runs += 2;
    }
    (void)printf("%s: %" PRIu64 " runs, %" PRIu64 " violations so far\n", fail_kind_name(kind),
                 runs, violations);
    return runs;
}

static bool mutant_is_caught(const char *mutant, enum fail_kind kind)
{
    const uint64_t before = violations;
    uint64_t n = 1;
    bool caught;

    (void)printf("mutant %s:\n", mutant);
    while (violations == before && run(kind, n, UINT32_MAX, mutant))
        n++;
    caught = violations > before;
    violations = before;
    (void)printf("mutant %s: %s\n", mutant, caught ? "caught" : "NOT CAUGHT");
    return caught;
}

static void define(size_t at, char *name, bool deterministic, const char *period)
{
    static char domain[] = "tok.invalid";

    defs[at] = (struct class_def){.name = name,
                                  .format = TOKEN_OPAQUE,
                                  .deterministic = deterministic,
                                  .email_domain = domain};
    REQUIRE(period_parse(span_str(period), &defs[at].rule.period) == ERR_OK);
}

static struct root_key new_root(uint32_t epoch)
{
    struct root_key key = {epoch, secret_alloc(ROOT_KEY_BYTES)};

    secret_random(key.bytes, ROOT_KEY_BYTES);
    return key;
}

static void make_template(void)
{
    struct token_text token;
    struct vault *v = NULL;
    struct errmsg msg = {""};

    clock_test_set_ms(NOW_S * 1000);
    roots.at[0] = new_root(1);
    roots.count = 1;
    next_root = new_root(2);
    REQUIRE(vault_create(template_dir, &roots.at[0], &msg) == ERR_OK);
    REQUIRE(open_store(template_dir, &v, &msg) == ERR_OK);
    REQUIRE(store(v, NOTE, "zoe", "zoe's note", &zoe_note) == ERR_OK);
    REQUIRE(store(v, PHONE, "zoe", "zoe's number", &zoe_phone) == ERR_OK);
    REQUIRE(store(v, NOTE, "bob", "bob's note", &bob_note) == ERR_OK);
    REQUIRE(store(v, NOTE, "eve", "eve's note", &eve_note) == ERR_OK);
    REQUIRE(store(v, PHONE, "eve", "shared number", &token) == ERR_OK);
    REQUIRE(store(v, BRIEF, "zoe", "soon over", &token) == ERR_OK);
    REQUIRE(store(v, BRIEF, "tom", "soon over, and tom with it", &token) == ERR_OK);
    vault_close(&v);
    /* The look has both: a rotation may have begun. */
    roots.at[1] = next_root;
    roots.count = 2;
}

int main(int argc, char **argv)
{
    AUTO(scratch_remove) struct scratch scratch = scratch_new_fast();
    uint64_t every = 1, runs = 0;
    bool ok = true;

    if (argc == 3 && strcmp(argv[1], "--every") == 0)
        every = strtoull(argv[2], NULL, 10);
    fail_calls_start();
    secret_start();
    told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(told != MAP_FAILED && every > 0);
    (void)snprintf(template_dir, sizeof(template_dir), "%s/template", scratch.dir);
    (void)snprintf(dir, sizeof(dir), "%s/store", scratch.dir);
    define(NOTE, (char[]){"note"}, false, "P1Y");
    define(PHONE, (char[]){"phone"}, true, "P1Y");
    define(BRIEF, (char[]){"brief"}, false, "PT10S");
    memset(large, 'x', sizeof(large) - 1);
    make_template();
    for (enum fail_kind kind = FAIL_WRITE_IO; kind < FAIL_KIND_COUNT; kind++)
        runs += run_all(kind, kind == FAIL_SQL_MEMORY ? every * 11 : every);
    (void)printf("%" PRIu64 " runs, %" PRIu64 " violations\n", runs, violations);
    ok = violations == 0 && runs > 100;
    ok = mutant_is_caught("tokenize.ack_before_commit", FAIL_WRITE_IO) && ok;
    ok = mutant_is_caught("erase.ack_before_ledger", FAIL_WRITE_IO) && ok;
    root_keys_done(&roots);
    return ok ? 0 : 1;
}
