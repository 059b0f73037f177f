/* SPDX-License-Identifier: Apache-2.0 */
/* How the vault's costs grow with it: storing, looking up and erasing at 100,000, a million and ten
 * million rows, each against the smallest, and beside them how the bare database's costs grow;
 * memory; what the retention report costs against reading every row; and how long requests wait while a
 * sweep runs.
 * Processor time is compared where the disk's own mood would hide the answer.
 *
 *   growth [--rows N] [--dir DIR]     (10,000,000 rows under the current directory unless said) */
#include <ftw.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/secret.h"
#include "bench/bare.h"
#include "retention/report.h"
#include "vault/vault.h"

enum {
    VALUE_BYTES = BARE_VALUE_BYTES,
    BURST = BARE_BURST,
    REQUESTS = 100,
    GROUP = BURST * REQUESTS,
    PER_SUBJECT = 50,
    SIZES = 3,
    TAIL_GROUPS = 50, /* ingest is measured over the last rows before a size is reached */
    KEPT = 100000,    /* tokens kept for looking up, spread over all */
    LOOK_UPS = 40000,
    BATCH = 50,
    ERASURES = 60,
    REPORTS = 20,
    SCANS = 3,
    SWEEP_BATCH = 500,
    WAITS = 4000
};

enum { PERIOD_S = 7776000 };
static const char value[VALUE_BYTES + 1] = "fifty bytes of a value that somebody wants to keep";

static char dir[256] = ".";
static size_t sizes[SIZES] = {100000, 1000000, 10000000};

/* ---- storing ---- */

struct request {
    struct vault_tokenize op;
    struct vault_item items[BURST];
    char name[32];
};

static struct request *requests[2];
static struct token_text kept[KEPT];
static size_t stored;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    size_t left[2];
} flight = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, {0, 0}};

static void on_done(struct vault_op *op)
{
    size_t *left = &flight.left[(uintptr_t)op->owner];

    must(op->result == ERR_OK, "a tokenization");
    if (__atomic_sub_fetch(left, 1, __ATOMIC_RELEASE) > 0)
        return;
    (void)pthread_mutex_lock(&flight.lock);
    (void)pthread_cond_signal(&flight.wake);
    (void)pthread_mutex_unlock(&flight.lock);
}

static void wait_group(size_t which)
{
    (void)pthread_mutex_lock(&flight.lock);
    while (__atomic_load_n(&flight.left[which], __ATOMIC_ACQUIRE) > 0)
        (void)pthread_cond_wait(&flight.wake, &flight.lock);
    (void)pthread_mutex_unlock(&flight.lock);
}

/* A group of requests, each of a subject drawn from as many as fit the size that is aimed at. */
static void submit_group(struct vault *v, size_t which, uint16_t class_id, size_t subjects)
{
    flight.left[which] = REQUESTS;
    for (size_t i = 0; i < REQUESTS; i++) {
        struct request *r = &requests[which][i];

        (void)snprintf(r->name, sizeof(r->name), "subject %" PRIu64, draw(subjects));
        r->op = (struct vault_tokenize){
            .op = {.kind = VAULT_TOKENIZE, .done = on_done, .owner = (void *)(uintptr_t)which},
            .domain = VAULT_DOMAIN_DEFAULT,
            .names = {span_str(r->name)},
            .name_count = 1,
            .items = r->items,
            .count = BURST};
        for (size_t k = 0; k < BURST; k++)
            r->items[k] = (struct vault_item){
                .class_id = class_id, .kind = VALUE_STRING, .value = span_of(value, VALUE_BYTES)};
    }
    for (size_t i = 0; i < REQUESTS; i++)
        must(vault_submit(v, &requests[which][i].op.op) == ERR_OK, "a submission");
}

/* Every token with the same chance (reservoir sampling). */
static void keep_tokens(size_t which)
{
    for (size_t i = 0; i < GROUP; i++) {
        const size_t place = stored < KEPT ? stored : draw(stored + 1);

        stored++;
        if (place < KEPT)
            kept[place] = requests[which][i / BURST].items[i % BURST].token;
    }
}

static void store_groups(struct vault *v, uint16_t class_id, size_t groups, size_t subjects)
{
    submit_group(v, 0, class_id, subjects);
    for (size_t g = 1; g < groups; g++) {
        submit_group(v, g % 2, class_id, subjects);
        wait_group((g + 1) % 2);
        keep_tokens((g + 1) % 2);
    }
    wait_group((groups + 1) % 2);
    keep_tokens((groups + 1) % 2);
}

/* ---- what is measured at a size ---- */

struct bare_figures {
    double ingest_rows_s;
    double ingest_cpu_us;
    double look_up_us;
    double batch_us;
};

struct figures {
    struct bare_figures bare;
    double ingest_rows_s;
    double ingest_cpu_us;
    double look_up_us;
    double batch_us;
    double erase_us;
    double sync_us;
    double report_us;
    double scan_us;
};

static void ingest(struct vault *v, uint16_t class_id, size_t from, size_t to, struct figures *ret)
{
    const size_t groups = (to - from) / GROUP - TAIL_GROUPS;
    double wall, spent;

    store_groups(v, class_id, groups, to / PER_SUBJECT);
    wall = now();
    spent = cpu();
    store_groups(v, class_id, TAIL_GROUPS, to / PER_SUBJECT);
    ret->ingest_rows_s = TAIL_GROUPS * GROUP / (now() - wall);
    ret->ingest_cpu_us = (cpu() - spent) / (TAIL_GROUPS * GROUP) * 1e6;
}

static void ingest_bare(struct bare *b, size_t from, size_t to, struct bare_figures *ret)
{
    static struct bare_row rows[GROUP];
    const size_t groups = (to - from) / GROUP;
    double wall = 0, spent = 0;

    for (size_t g = 0; g < groups; g++) {
        const bool measured = g + TAIL_GROUPS >= groups;

        bare_fill(b, rows, to / PER_SUBJECT);
        wall -= measured ? now() : 0;
        spent -= measured ? cpu() : 0;
        bare_insert(b, rows, BARE_GROUP);
        wall += measured ? now() : 0;
        spent += measured ? cpu() : 0;
    }
    ret->ingest_rows_s = TAIL_GROUPS * GROUP / wall;
    ret->ingest_cpu_us = spent / (TAIL_GROUPS * GROUP) * 1e6;
    must(sqlite3_wal_checkpoint_v2(b->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) ==
             SQLITE_OK,
         "a checkpoint");
}

/* What is looked up, drawn beforehand: in life it comes with the request. */
static char asked_tokens[LOOK_UPS][TOKEN_OPAQUE_LEN];
static int64_t asked_rows[LOOK_UPS];

static void draw_look_ups(size_t rows)
{
    for (size_t i = 0; i < LOOK_UPS; i++) {
        memcpy(asked_tokens[i], kept[draw(KEPT)].bytes, TOKEN_OPAQUE_LEN);
        asked_rows[i] = 1 + (int64_t)draw(rows);
    }
}

static double look_up(struct vault_reader *r, size_t per_transaction)
{
    struct vault_value found;
    struct buf out;
    double start = 0;

    buf_init_secret(&out, 1 << 20);
    for (int round = 0; round < 2; round++) { /* the first warms the pages */
        start = cpu();
        for (size_t i = 0; i < LOOK_UPS; i += per_transaction) {
            must(vault_read_begin(r) == ERR_OK, "a transaction");
            for (size_t k = 0; k < per_transaction; k++)
                must(vault_reveal(r, 0, span_of(asked_tokens[i + k], TOKEN_OPAQUE_LEN), 0, &out,
                                  &found) == ERR_OK,
                     "a reveal");
            vault_read_end(r);
            buf_reset(&out);
        }
    }
    buf_done(&out);
    return (cpu() - start) / LOOK_UPS * 1e6;
}

static double look_up_bare(struct bare *b, size_t per_transaction)
{
    double start;

    bare_look_up(b, asked_rows, LOOK_UPS, per_transaction);
    start = cpu();
    bare_look_up(b, asked_rows, LOOK_UPS, per_transaction);
    return (cpu() - start) / LOOK_UPS * 1e6;
}

static double acknowledged_at;

static void on_erased(struct vault_op *op)
{
    must(op->result == ERR_OK, "an erasure");
    acknowledged_at = now();
}

static double erase_once(struct vault *v, uint16_t class_id, size_t n)
{
    char name[32];
    struct vault_item item = {
        .class_id = class_id, .kind = VALUE_STRING, .value = span_of(value, VALUE_BYTES)};
    struct vault_tokenize add = {.op.kind = VAULT_TOKENIZE,
                                 .domain = VAULT_DOMAIN_DEFAULT,
                                 .name_count = 1,
                                 .items = &item,
                                 .count = 1};
    struct vault_erasure erasure = {0};
    struct vault_erase op = {.op = {.kind = VAULT_ERASE, .done = on_erased},
                             .domain = VAULT_DOMAIN_DEFAULT,
                             .erasure = &erasure};
    struct vault_purge_due idle = {.op.kind = VAULT_PURGE_DUE};
    double start;

    (void)snprintf(name, sizeof(name), "short-lived %zu", n);
    add.names[0] = op.name = span_str(name);
    must(vault_run(v, &add.op) == ERR_OK, "a tokenization");
    must(vault_run(v, &idle.op) == ERR_NOT_FOUND, "an idle writer");
    start = now();
    must(vault_submit(v, &op.op) == ERR_OK, "a submission");
    must(vault_run(v, &idle.op) == ERR_NOT_FOUND, "an idle writer");
    vault_erasure_done(&erasure);
    return acknowledged_at - start;
}

static double sync_once(FILE *file)
{
    static const char record[128];
    const double start = now();

    must(fwrite(record, sizeof(record), 1, file) == 1 && fflush(file) == 0 &&
             fdatasync(fileno(file)) == 0,
         "a sync");
    return now() - start;
}

static void erase(struct vault *v, uint16_t class_id, FILE *sync_file, struct figures *ret)
{
    static size_t n;
    double erasures[ERASURES], syncs[ERASURES];

    for (size_t i = 0; i < ERASURES; i++) {
        erasures[i] = erase_once(v, class_id, n++);
        syncs[i] = sync_once(sync_file);
    }
    ret->erase_us = lower_quartile(erasures, ERASURES) * 1e6;
    ret->sync_us = lower_quartile(syncs, ERASURES) * 1e6;
}

static void truncate_log(struct vault *v)
{
    struct vault_truncate op = {.op = {.kind = VAULT_TRUNCATE}};

    while (vault_run(v, &op.op) == ERR_BUSY) /* the checkpointer may be at it */
        ;
}

/* ---- the retention report against a scan ---- */

static double report_once(struct report_context *context)
{
    const struct report_kind *kind = report_kind_find(SPAN_LIT("retention"));
    const double start = cpu();
    struct json *tree = NULL;
    struct errmsg msg;

    must(report_make(kind, context, &tree, &msg) == ERR_OK, msg.text);
    json_free(&tree);
    return cpu() - start;
}

/* The least that a report without counters would have to ask: one look at every row of one class. */
static double scan_once(sqlite3 *db, uint16_t class_id, size_t rows)
{
    sqlite3_stmt *scan;
    char sql[128];
    double start;

    (void)snprintf(sql, sizeof(sql),
                   "SELECT count(*), min(created), min(due), max(due) FROM val_%u", class_id);
    scan = bare_prepare(db, sql);
    start = cpu();
    must(sqlite3_step(scan) == SQLITE_ROW, "a scan");
    must((size_t)sqlite3_column_int64(scan, 0) >= rows, "finding every row");
    start = cpu() - start;
    (void)sqlite3_finalize(scan);
    return start;
}

static void compare_report(struct vault *v, uint16_t class_id, size_t rows, struct figures *ret)
{
    struct report_context context = {.vault = v,
                                     .classes = vault_classes(v),
                                     .now_s = clock_now_s(),
                                     .from_day = INT64_MIN,
                                     .to_day = INT64_MAX};
    double reports[REPORTS], scans[SCANS];
    sqlite3 *db = NULL;
    char path[300];

    (void)snprintf(path, sizeof(path), "%s/store/vault.db", dir);
    must(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) ==
                 SQLITE_OK &&
             sqlite3_exec(db, "PRAGMA mmap_size=8000000000", NULL, NULL, NULL) == SQLITE_OK,
         "opening the store's database");
    must(vault_reader_open(v, &context.reader) == ERR_OK, "a reader");
    for (size_t i = 0; i < REPORTS; i++)
        reports[i] = report_once(&context);
    for (size_t i = 0; i < SCANS; i++)
        scans[i] = scan_once(db, class_id, rows);
    vault_reader_close(&context.reader);
    (void)sqlite3_close_v2(db);
    ret->report_us = median(reports, REPORTS) * 1e6;
    ret->scan_us = median(scans, SCANS) * 1e6;
    (void)printf("%9zu rows: retention report %.0f us CPU, full scan %.0f us CPU\n", rows,
                 ret->report_us, ret->scan_us);
}

static void measure(struct vault *v, uint16_t class_id, FILE *sync_file, size_t at,
                    struct figures *f)
{
    struct vault_reader *r = NULL;

    ingest(v, class_id, at == 0 ? 0 : sizes[at - 1], sizes[at], f);
    truncate_log(v);
    draw_look_ups(sizes[at]);
    must(vault_reader_open(v, &r) == ERR_OK, "a reader");
    f->look_up_us = look_up(r, 1);
    f->batch_us = look_up(r, BATCH);
    vault_reader_close(&r);
    erase(v, class_id, sync_file, f);
    compare_report(v, class_id, sizes[at], f);
    (void)printf("%9zu rows: ingest %.0f rows/s (%.2f us CPU), look-up %.2f us, %d in one "
                 "transaction %.2f us each, erase %.0f us, fdatasync %.0f us\n",
                 sizes[at], f->ingest_rows_s, f->ingest_cpu_us, f->look_up_us, BATCH, f->batch_us,
                 f->erase_us, f->sync_us);
}

static void measure_bare(struct bare *b, size_t at, struct bare_figures *f)
{
    ingest_bare(b, at == 0 ? 0 : sizes[at - 1], sizes[at], f);
    draw_look_ups(sizes[at]);
    f->look_up_us = look_up_bare(b, 1);
    f->batch_us = look_up_bare(b, BATCH);
    (void)printf("%9zu rows, bare: ingest %.0f rows/s (%.2f us CPU), look-up %.2f us, %d in one "
                 "transaction %.2f us each\n",
                 sizes[at], f->ingest_rows_s, f->ingest_cpu_us, f->look_up_us, BATCH, f->batch_us);
}

/* ---- memory ---- */

/* Anonymous memory of the process: mapped pages of vault.db belong to the system's cache. */
static double anonymous_mb(void)
{
    FILE *f = fopen("/proc/self/status", "re");
    char line[128];
    double kb = 0;

    must(f != NULL, "reading /proc");
    while (fgets(line, sizeof(line), f) != NULL)
        if (strncmp(line, "RssAnon:", 8) == 0)
            kb = strtod(line + 8, NULL);
    (void)fclose(f);
    return kb / 1e3;
}

/* ---- a sweep beside requests ---- */

struct sweep {
    struct vault *v;
    uint16_t class_id;
    bool stop;
    size_t deleted;
};

static void *sweep(void *context)
{
    struct sweep *s = context;
    bool more = true;

    while (more && !__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE)) {
        struct vault_purge_due op = {.op.kind = VAULT_PURGE_DUE,
                                     .class_id = s->class_id,
                                     .now_s = clock_now_s() + PERIOD_S + 1,
                                     .run = 1,
                                     .limit = SWEEP_BATCH};
        const double start = now();

        must(vault_run(s->v, &op.op) == ERR_OK, "a purge");
        s->deleted += op.deleted;
        more = op.more;
        (void)usleep(
            (useconds_t)((now() - start) * 1e6)); /* as the sweeper does: half of the time */
    }
    return NULL;
}

static double p99(double *waits)
{
    qsort(waits, WAITS, sizeof(waits[0]), by_value);
    return waits[WAITS / 100 * 99];
}

/* One request after the other, as one client sees it. */
static double wait_of_requests(struct vault *v, uint16_t class_id)
{
    static double waits[WAITS];

    for (size_t i = 0; i < WAITS; i++) {
        struct request *r = &requests[0][0];
        struct vault_tokenize op = {.op.kind = VAULT_TOKENIZE,
                                    .domain = VAULT_DOMAIN_DEFAULT,
                                    .names = {SPAN_LIT("a customer")},
                                    .name_count = 1,
                                    .items = r->items,
                                    .count = 3};
        const double start = now();

        for (size_t k = 0; k < 3; k++)
            r->items[k] = (struct vault_item){
                .class_id = class_id, .kind = VALUE_STRING, .value = span_of(value, VALUE_BYTES)};
        must(vault_run(v, &op.op) == ERR_OK, "a tokenization");
        waits[i] = now() - start;
    }
    return p99(waits) * 1e3;
}

static void compare_sweeping(struct vault *v, uint16_t swept, uint16_t other)
{
    struct sweep s = {.v = v, .class_id = swept};
    double ratios[3];

    for (size_t i = 0; i < COUNT_OF(ratios); i++) {
        const double alone = wait_of_requests(v, other);
        pthread_t thread;
        double beside;

        s.stop = false;
        must(pthread_create(&thread, NULL, sweep, &s) == 0, "a thread");
        beside = wait_of_requests(v, other);
        __atomic_store_n(&s.stop, true, __ATOMIC_RELEASE);
        (void)pthread_join(thread, NULL);
        (void)printf("requests, p99: %.2f ms alone, %.2f ms beside a sweep (%zu rows swept)\n",
                     alone, beside, s.deleted);
        ratios[i] = beside / alone;
    }
    verdict("p99 of tokenize beside a sweep / without", median(ratios, COUNT_OF(ratios)), 2, false);
}

/* ---- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static void beside(double bare)
{
    (void)printf("  %-58s %6.2f\n", "  the bare database's", bare);
}

static void compare(const struct figures f[SIZES])
{
    const struct bare_figures *few = &f[0].bare, *some = &f[1].bare, *many = &f[2].bare;

    verdict("look-up at the greatest / at the smallest size", f[2].look_up_us / f[0].look_up_us,
            1.5, false);
    beside(many->look_up_us / few->look_up_us);
    verdict("the same, 50 in one transaction", f[2].batch_us / f[0].batch_us, 1.5, false);
    beside(many->batch_us / few->batch_us);
    verdict("ingest at the greatest / at the middle size, rows/s",
            f[2].ingest_rows_s / f[1].ingest_rows_s, 0.85, true);
    beside(many->ingest_rows_s / some->ingest_rows_s);
    verdict("the same by processor time", f[1].ingest_cpu_us / f[2].ingest_cpu_us, 0.85, true);
    beside(some->ingest_cpu_us / many->ingest_cpu_us);
    verdict("erase at the greatest / at the smallest size, in fdatasyncs",
            f[2].erase_us / f[2].sync_us / (f[0].erase_us / f[0].sync_us), 1.3, false);
    verdict("full scan / retention report, processor time", f[2].scan_us / f[2].report_us, 1000,
            true);
}

static void read_arguments(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--rows") == 0)
            sizes[2] = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--dir") == 0)
            (void)snprintf(dir, sizeof(dir), "%s", argv[i + 1]);
    }
    must(sizes[2] >= 4 * sizes[0] && sizes[2] % (2 * GROUP) == 0,
         "--rows: at least 400000, in thousands");
    if (sizes[1] >= sizes[2])
        sizes[1] = sizes[2] / 2;
    (void)snprintf(dir + strlen(dir), sizeof(dir) - strlen(dir), "/lethe-growth-XXXXXX");
    must(mkdtemp(dir) != NULL, "making a folder");
}

int main(int argc, char **argv)
{
    static char note[] = "note", other[] = "other", domain[] = "tok.invalid";
    struct class_def defs[2] = {{.name = note,
                                 .format = TOKEN_OPAQUE,
                                 .email_domain = domain,
                                 .rule = {.period = {.seconds = PERIOD_S}}},
                                {.name = other,
                                 .format = TOKEN_OPAQUE,
                                 .email_domain = domain,
                                 .rule = {.period = {.months = 1200}}}};
    struct classes classes = {defs, 2};
    struct root_keys roots = {{{1, NULL}}, 1};
    struct vault_options options = {.roots = &roots, .classes = &classes};
    struct figures f[SIZES];
    struct bare bare;
    struct vault *v = NULL;
    struct errmsg msg;
    char store[280], sync_path[280], bare_path[280];
    FILE *sync_file;

    read_arguments(argc, argv);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    secret_start();
    roots.at[0].bytes = secret_alloc(ROOT_KEY_BYTES);
    requests[0] = mem_try_alloc(REQUESTS, sizeof(struct request));
    requests[1] = mem_try_alloc(REQUESTS, sizeof(struct request));
    must(requests[0] != NULL && requests[1] != NULL, "memory");
    (void)snprintf(store, sizeof(store), "%s/store", dir);
    (void)snprintf(sync_path, sizeof(sync_path), "%s/sync.log", dir);
    (void)snprintf(bare_path, sizeof(bare_path), "%s/bare.db", dir);
    sync_file = fopen(sync_path, "we");
    options.dir = store;
    must(sync_file != NULL && vault_create(store, &roots.at[0], &msg) == ERR_OK &&
             vault_open(&options, &v, &msg) == ERR_OK,
         msg.text);
    for (size_t i = 0; i < SIZES; i++) {
        measure(v, vault_class_id(v, &defs[0]), sync_file, i, &f[i]);
        if (i == 1)
            (void)printf("memory of the process beside the system's cache, %zu rows: %.1f MB\n",
                         sizes[i], anonymous_mb());
    }
    bare_open(&bare, bare_path, sizes[SIZES - 1] / PER_SUBJECT);
    for (size_t i = 0; i < SIZES; i++)
        measure_bare(&bare, i, &f[i].bare);
    bare_close(&bare);
    compare(f);
    compare_sweeping(v, vault_class_id(v, &defs[0]), vault_class_id(v, &defs[1]));
    vault_close(&v);
    (void)fclose(sync_file);
    secret_free(&roots.at[0].bytes);
    free(requests[0]);
    free(requests[1]);
    return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
