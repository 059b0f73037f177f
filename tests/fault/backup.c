/* SPDX-License-Identifier: Apache-2.0 */
/* Every single call to the medium fails once, and from then on, while a store is backed up and
 * restored: is there always either the old store or the restored one, or one that says what to do; do
 * the erased stay erased; is a backup that was acknowledged good for a restore, and one that was
 * not either refused or whole?
 *
 * As in storage.c a child works on a copy of a store while the n-th call of one kind fails, and the
 * parent looks afterwards, with nothing failing. Finally code that lies must be caught.
 *
 *   fault_backup [--every N]     only each N-th n; for a quick look
 */
#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
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
#include "vault/backup.h"
#include "vault/restore.h"
#include "vault/vault_priv.h"

enum { STEP_LIMIT_S = 30 };
static const int64_t NOW_S = 1800000000;

/* What the child did, in memory that both share. */
struct told {
    bool opened, backed_up, erased, restored, fired;
};

static struct class_def defs[1];
static struct classes classes = {defs, 1};
static struct root_keys roots;
static struct token_text zoe, eve;
static char template_dir[96], base[96], dir[128], data_dir[128], keys_dir[128], other_dir[128];
static struct told *told;
static uint64_t violations;

static void violation(const char *what, const char *why)
{
    violations++;
    (void)printf("    violation: %s (%s)\n", what, why);
}

/* ---- the steps ---- */

static struct vault_options options_for(const char *where)
{
    return (struct vault_options){.dir = where, .roots = &roots, .classes = &classes};
}

static enum err open_store(const char *where, struct vault **ret, struct errmsg *msg)
{
    const struct vault_options options = options_for(where);

    return vault_open(&options, ret, msg);
}

static enum err store(struct vault *v, const char *subject, const char *value,
                      struct token_text *ret)
{
    struct vault_item item = {
        .class_id = vault_class_id(v, &defs[0]), .kind = VALUE_STRING, .value = span_str(value)};
    struct vault_tokenize op = {.op = {.kind = VAULT_TOKENIZE},
                                .domain = VAULT_DOMAIN_DEFAULT,
                                .names = {span_str(subject)},
                                .name_count = 1,
                                .items = &item,
                                .count = 1};
    enum err e = vault_run(v, &op.op);

    *ret = item.token;
    return e;
}

static bool back_up(struct vault *v)
{
    struct vault_backup backup = {.data_file = NULL};
    struct errmsg msg;
    enum err e = vault_backup(v, data_dir, keys_dir, &backup, &msg);

    vault_backup_done(&backup);
    return e == ERR_OK;
}

static bool erase(struct vault *v)
{
    struct vault_erasure erasure = {.slot = 0};
    struct vault_erase op = {.op = {.kind = VAULT_ERASE},
                             .domain = VAULT_DOMAIN_DEFAULT,
                             .name = SPAN_LIT("eve"),
                             .erasure = &erasure};
    enum err e = vault_run(v, &op.op);

    if (e == ERR_OK)
        vault_erasure_done(&erasure);
    return e == ERR_OK;
}

/* The data file of the one backup that there can be; "" when there is none. */
static const char *data_file(void)
{
    static char path[400];
    const struct dirent *entry;
    DIR *folder = opendir(data_dir);

    path[0] = '\0';
    while (folder != NULL && (entry = readdir(folder)) != NULL)
        if (strlen(entry->d_name) > 3 &&
            strcmp(entry->d_name + strlen(entry->d_name) - 3, ".db") == 0)
            (void)snprintf(path, sizeof(path), "%s/%s", data_dir, entry->d_name);
    if (folder != NULL)
        (void)closedir(folder);
    return path;
}

static enum err restore(const char *where, const char *ledger, bool replace, struct errmsg *msg)
{
    char keys_file[160];
    const struct vault_restore_options options = {.store = options_for(where),
                                                  .data_file = data_file(),
                                                  .keys_file = keys_file,
                                                  .ledger_file = ledger,
                                                  .replace = replace};
    struct vault_restored restored;

    (void)snprintf(keys_file, sizeof(keys_file), "%s/" VAULT_SLAB, keys_dir);
    return vault_restore(&options, &restored, msg);
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
    fail_calls_set(kind, n, times);
    told->opened = open_store(dir, &v, &msg) == ERR_OK;
    if (told->opened) {
        told->backed_up = back_up(v);
        told->erased = erase(v);
    }
    vault_close(&v);
    if (told->backed_up)
        told->restored = restore(dir, NULL, true, &msg) == ERR_OK;
    told->fired = kind == FAIL_MEMORY ? fault_test_reached() : fail_calls_fired();
    _exit(0);
}

/* ---- looking afterwards ---- */

static bool reveals(struct vault_reader *r, const struct token_text *token, const char *expected)
{
    struct vault_value value;
    struct buf out;
    bool same;

    buf_init_secret(&out, 1024);
    same = vault_reveal(r, 0, span_of(token->bytes, token->len), 0, &out, &value) == ERR_OK &&
           span_equal(buf_span(&out), span_str(expected));
    buf_done(&out);
    return same;
}

static enum err note_erased(const struct ledger_record *record, void *context)
{
    bool *erased = context;

    *erased = *erased || record->kind == LEDGER_ERASE;
    return ERR_OK;
}

/* An open store says what is true: zoe reads, eve as the ledger has it. */
static void look_into(struct vault *v, const char *which)
{
    struct vault_reader *r = NULL;
    bool erased = false;

    REQUIRE(ledger_each(v->ledger, note_erased, &erased) == ERR_OK);
    REQUIRE(vault_reader_open(v, &r) == ERR_OK && vault_read_begin(r) == ERR_OK);
    if (!reveals(r, &zoe, "zoe's note"))
        violation("somebody whom nobody touched cannot be read", which);
    if (told->erased && !erased)
        violation("an acknowledged erasure is not in the ledger", which);
    if (reveals(r, &eve, "eve's note") == erased)
        violation(erased ? "an erased value reads" : "a value that was not erased does not read",
                  which);
    vault_read_end(r);
    vault_reader_close(&r);
}

/* The store in place: as it was, or restored, or one that wants its restore again. */
static void look_at_store(void)
{
    struct vault *v = NULL;
    struct errmsg msg = {""};
    enum err e = open_store(dir, &v, &msg);

    if (e == ERR_CONFLICT && told->backed_up) {
        e = restore(dir, NULL, true, &msg);
        if (e == ERR_OK)
            e = open_store(dir, &v, &msg);
    }
    if (e != ERR_OK) {
        violation("the store neither opens nor can be restored", msg.text);
        return;
    }
    if (told->restored && e != ERR_OK)
        violation("a restored store does not open", msg.text);
    look_into(v, "the store");
    vault_close(&v);
}

/* The backup: acknowledged, it restores elsewhere; else it is refused, or is whole. */
static void look_at_backup(void)
{
    struct vault *v = NULL;
    struct errmsg msg = {"no data file"};
    char ledger[160];
    enum err e;

    (void)snprintf(ledger, sizeof(ledger), "%s/" VAULT_LEDGER, dir);
    e = *data_file() == '\0' ? ERR_NOT_FOUND : restore(other_dir, ledger, false, &msg);
    if (e != ERR_OK && told->backed_up)
        violation("an acknowledged backup cannot be restored", msg.text);
    if (e != ERR_OK)
        return;
    if (open_store(other_dir, &v, &msg) != ERR_OK)
        violation("what was restored does not open", msg.text);
    else
        look_into(v, "restored elsewhere");
    vault_close(&v);
}

/* ---- runs ---- */

static void start_afresh(void)
{
    char command[512];

    (void)snprintf(command, sizeof(command), "rm -rf %s/* && cp -a %s %s", base, template_dir, dir);
    REQUIRE(system(command) == 0);
    memset(told, 0, sizeof(*told));
}

/* One child and one look; false when the n-th call never came. */
static bool run(enum fail_kind kind, uint64_t n, uint64_t times, const char *mutant)
{
    const uint64_t before = violations;
    int status = 0;
    pid_t pid;

    start_afresh();
    (void)fflush(stdout);
    pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0)
        child(kind, n, times, mutant);
    REQUIRE(waitpid(pid, &status, 0) == pid);
    if (status != 0)
        violation("the child did not end by itself", "");
    look_at_store();
    look_at_backup();
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

static bool mutant_is_caught(const char *mutant)
{
    const uint64_t before = violations;
    bool caught;

    for (uint64_t n = 1; violations == before && run(FAIL_SYNC, n, UINT32_MAX, mutant);)
        n++;
    caught = violations > before;
    violations = before;
    (void)printf("mutant %s: %s\n", mutant, caught ? "caught" : "NOT CAUGHT");
    return caught;
}

static void make_template(void)
{
    struct vault *v = NULL;
    struct errmsg msg = {""};

    clock_test_set_ms(NOW_S * 1000);
    roots.at[0] = (struct root_key){1, secret_alloc(ROOT_KEY_BYTES)};
    secret_random(roots.at[0].bytes, ROOT_KEY_BYTES);
    roots.count = 1;
    REQUIRE(vault_create(template_dir, &roots.at[0], &msg) == ERR_OK);
    REQUIRE(open_store(template_dir, &v, &msg) == ERR_OK);
    REQUIRE(store(v, "zoe", "zoe's note", &zoe) == ERR_OK);
    REQUIRE(store(v, "eve", "eve's note", &eve) == ERR_OK);
    vault_close(&v);
}

int main(int argc, char **argv)
{
    static char name[] = "note";
    AUTO(scratch_remove) struct scratch scratch = scratch_new_fast();
    uint64_t every = 1, runs = 0;
    bool ok;

    if (argc == 3 && strcmp(argv[1], "--every") == 0)
        every = strtoull(argv[2], NULL, 10);
    fail_calls_start();
    secret_start();
    told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(told != MAP_FAILED && every > 0);
    (void)snprintf(template_dir, sizeof(template_dir), "%s/template", scratch.dir);
    (void)snprintf(base, sizeof(base), "%s/run", scratch.dir);
    (void)snprintf(dir, sizeof(dir), "%s/store", base);
    (void)snprintf(data_dir, sizeof(data_dir), "%s/data", base);
    (void)snprintf(keys_dir, sizeof(keys_dir), "%s/keys", base);
    (void)snprintf(other_dir, sizeof(other_dir), "%s/other", base);
    REQUIRE(mkdir(base, 0700) == 0);
    defs[0] = (struct class_def){
        .name = name, .format = TOKEN_OPAQUE, .rule = {.period = {.months = 12}}};
    make_template();
    for (enum fail_kind kind = FAIL_WRITE_IO; kind < FAIL_KIND_COUNT; kind++)
        runs += run_all(kind, kind == FAIL_SQL_MEMORY ? every * 11 : every);
    (void)printf("%" PRIu64 " runs, %" PRIu64 " violations\n", runs, violations);
    ok = violations == 0 && runs > 100 / every;
    ok = mutant_is_caught("erase.ack_before_ledger") && ok;
    root_keys_done(&roots);
    return ok ? 0 : 1;
}
