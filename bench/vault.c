/* SPDX-License-Identifier: Apache-2.0 */
/* The vault against the bare database it stands on, in one run on one machine: the ratios count,
 * not the figures. Every pair is measured in turns, so that a slow moment hits both.
 *
 *   vault [--rows N] [--dir DIR]        (200,000 rows under the current directory unless said) */
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/secret.h"
#include "bench/bare.h"
#include "vault/vault.h"

enum {
    VALUE_BYTES = BARE_VALUE_BYTES,
    BURST = BARE_BURST, /* values of one subject in one request */
    REQUESTS = 100,     /* requests in one group */
    GROUP = BURST * REQUESTS,
    PER_SUBJECT = 50,
    ROUNDS = 10,
    BATCH = 50, /* look-ups in one read transaction */
    LOOK_UPS = 20000,
    ERASURES = 100
};

static char dir[256] = ".";
static size_t rows_wanted = 200000;

static char *path_of(const char *name)
{
    char *path = NULL;

    REQUIRE(asprintf(&path, "%s/%s", dir, name) > 0);
    return path;
}

static struct bare_row bare_rows[GROUP];

static double insert_bare(struct bare *b)
{
    const double start = now();

    bare_insert(b, bare_rows, GROUP);
    return now() - start;
}

/* ---- the vault ---- */

struct request {
    struct vault_tokenize op;
    struct vault_item items[BURST];
    char name[32];
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    size_t left[2]; /* requests of each of two groups that are under way */
} flight = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, {0, 0}};

static struct request *requests[2];
static const char value[VALUE_BYTES + 1] = "fifty bytes of a value that somebody wants to keep";
static struct token_text *tokens;
static size_t token_count;

static void on_done(struct vault_op *op)
{
    const size_t which = (size_t)(uintptr_t)op->owner;

    must(op->result == ERR_OK, "a tokenization");
    if (--flight.left[which] > 0)
        return;
    (void)pthread_mutex_lock(&flight.lock);
    (void)pthread_cond_signal(&flight.wake);
    (void)pthread_mutex_unlock(&flight.lock);
}

/* Only the writer counts `left` down, under way; the last one down is seen through the lock. */
static void wait_group(size_t which)
{
    (void)pthread_mutex_lock(&flight.lock);
    while (__atomic_load_n(&flight.left[which], __ATOMIC_ACQUIRE) > 0)
        (void)pthread_cond_wait(&flight.wake, &flight.lock);
    (void)pthread_mutex_unlock(&flight.lock);
}

/* `first`: subjects from there on, one value each; SIZE_MAX: bursts of subjects drawn at random. */
static void submit_group(struct vault *v, size_t which, uint16_t class_id, size_t subjects,
                         size_t first)
{
    flight.left[which] = REQUESTS;
    for (size_t i = 0; i < REQUESTS; i++) {
        struct request *r = &requests[which][i];

        (void)snprintf(r->name, sizeof(r->name), "subject %" PRIu64,
                       first == SIZE_MAX ? draw(subjects) : first + i);
        r->op = (struct vault_tokenize){
            .op = {.kind = VAULT_TOKENIZE, .done = on_done, .owner = (void *)(uintptr_t)which},
            .domain = VAULT_DOMAIN_DEFAULT,
            .names = {span_str(r->name)},
            .name_count = 1,
            .items = r->items,
            .count = first == SIZE_MAX ? BURST : 1};
        for (size_t k = 0; k < BURST; k++)
            r->items[k] = (struct vault_item){
                .class_id = class_id, .kind = VALUE_STRING, .value = span_of(value, VALUE_BYTES)};
    }
    for (size_t i = 0; i < REQUESTS; i++)
        must(vault_submit(v, &requests[which][i].op.op) == ERR_OK, "a submission");
}

static void keep_tokens(size_t which)
{
    for (size_t i = 0; i < REQUESTS; i++)
        for (size_t k = 0; k < BURST; k++)
            tokens[token_count++] = requests[which][i].items[k].token;
}

/* Two groups in flight: while one is committed the other waits whole. */
static double vault_insert(struct vault *v, uint16_t class_id, size_t groups, size_t subjects)
{
    const double start = now();
    double took;

    submit_group(v, 0, class_id, subjects, SIZE_MAX);
    for (size_t g = 1; g < groups; g++) {
        submit_group(v, g % 2, class_id, subjects, SIZE_MAX);
        wait_group((g + 1) % 2);
        keep_tokens((g + 1) % 2);
    }
    wait_group((groups + 1) % 2);
    took = now() - start;
    keep_tokens((groups + 1) % 2);
    return took;
}

static void one_value(struct vault *v, uint16_t class_id, const char *name)
{
    struct vault_item item = {
        .class_id = class_id, .kind = VALUE_STRING, .value = span_of(value, VALUE_BYTES)};
    struct vault_tokenize op = {.op.kind = VAULT_TOKENIZE,
                                .domain = VAULT_DOMAIN_DEFAULT,
                                .names = {span_str(name)},
                                .name_count = 1,
                                .items = &item,
                                .count = 1};

    must(vault_run(v, &op.op) == ERR_OK, "a tokenization");
}

/* ---- comparisons ---- */

static void compare_writing(struct vault *v, uint16_t class_id, struct bare *b)
{
    const size_t subjects = rows_wanted / PER_SUBJECT;
    const size_t groups = rows_wanted / GROUP / ROUNDS;
    double ratios[ROUNDS];
    double bare_s = 0;
    double vault_s = 0;
    double bare_cpu = 0;
    double vault_cpu = 0;

    for (size_t i = 0; i < subjects; i += REQUESTS) { /* they are there before it is measured */
        submit_group(v, 0, class_id, subjects, i);
        wait_group(0);
    }
    for (size_t r = 0; r < ROUNDS; r++) {
        double bare_round = 0;
        double vault_round;

        for (size_t g = 0; g < groups; g++) {
            bare_fill(b, bare_rows, subjects);
            bare_cpu -= cpu();
            bare_round += insert_bare(b);
            bare_cpu += cpu();
        }
        vault_cpu -= cpu();
        vault_round = vault_insert(v, class_id, groups, subjects);
        vault_cpu += cpu();
        ratios[r] = bare_round / vault_round;
        bare_s += bare_round;
        vault_s += vault_round;
    }
    (void)printf("tokenize, bursts of %d, groups of %d: bare %.0f rows/s, vault %.0f rows/s\n",
                 BURST, GROUP, (double)(groups * GROUP * ROUNDS) / bare_s,
                 (double)(groups * GROUP * ROUNDS) / vault_s);
    (void)printf("  CPU a row: bare %.2f us, vault %.2f us\n",
                 bare_cpu / (double)(groups * GROUP * ROUNDS) * 1e6,
                 vault_cpu / (double)(groups * GROUP * ROUNDS) * 1e6);
    verdict("durable tokenize / bare insert", median(ratios, ROUNDS), 0.85, true);
}

/* What is looked up, drawn beforehand: in life it comes with the request. */
static char asked_tokens[LOOK_UPS][TOKEN_OPAQUE_LEN];
static int64_t asked_rows[LOOK_UPS];

static void draw_look_ups(const struct bare *b)
{
    for (size_t i = 0; i < LOOK_UPS; i++) {
        memcpy(asked_tokens[i], tokens[draw(token_count / 2) * 2].bytes, TOKEN_OPAQUE_LEN);
        asked_rows[i] = 1 + (int64_t)draw((uint64_t)b->next - 1);
    }
}

/* Keys and pages warm, but none of the tokens that are going to be measured. */
static void warm(struct vault_reader *r)
{
    struct vault_value found;

    for (size_t i = 1; i < token_count; i += 2) {
        must(vault_read_begin(r) == ERR_OK, "a transaction");
        must(vault_inspect(r, VAULT_DOMAIN_DEFAULT, span_of(tokens[i].bytes, tokens[i].len), 0,
                           &found) == ERR_OK,
             "an inspection");
        vault_read_end(r);
    }
}

static double reveal_round(struct vault_reader *r, size_t per_transaction, size_t round)
{
    const size_t first = round * (LOOK_UPS / ROUNDS);
    const double start = cpu();
    struct vault_value found;
    struct buf out;

    buf_init_secret(&out, 1 << 20);
    for (size_t i = 0; i < LOOK_UPS / ROUNDS; i += per_transaction) {
        must(vault_read_begin(r) == ERR_OK, "a transaction");
        for (size_t k = 0; k < per_transaction; k++) {
            const struct span token = span_of(asked_tokens[first + i + k], TOKEN_OPAQUE_LEN);

            must(vault_reveal(r, VAULT_DOMAIN_DEFAULT, token, 0, &out, &found) == ERR_OK,
                 "a reveal");
        }
        vault_read_end(r);
        buf_reset(&out);
    }
    buf_done(&out);
    return cpu() - start;
}

static double bare_round(struct bare *b, size_t per_transaction, size_t round)
{
    const double start = cpu();

    bare_look_up(b, asked_rows + round * (LOOK_UPS / ROUNDS), LOOK_UPS / ROUNDS, per_transaction);
    return cpu() - start;
}

static void compare_reading(struct vault *v, struct bare *b, size_t per_transaction, double bar)
{
    struct vault_reader *r = NULL;
    double ratios[ROUNDS];
    double bare_s = 0;
    double vault_s = 0;
    double again_s = 0;
    char what[64];

    must(vault_reader_open(v, &r) == ERR_OK, "a reader");
    draw_look_ups(b);
    warm(r);
    for (size_t i = 0; i < ROUNDS; i++)
        (void)bare_round(b, per_transaction, i);
    for (size_t i = 0; i < ROUNDS; i++) {
        const double bare = bare_round(b, per_transaction, i);
        const double ours = reveal_round(r, per_transaction, i);

        ratios[i] = bare / ours;
        bare_s += bare;
        vault_s += ours;
        (void)reveal_round(r, per_transaction, i); /* the second time it is remembered */
        again_s += reveal_round(r, per_transaction, i);
    }
    (void)printf(
        "reveal, %zu in a transaction: bare %.2f us, vault %.2f us (seen lately: %.2f us)\n",
        per_transaction, bare_s / LOOK_UPS * 1e6, vault_s / LOOK_UPS * 1e6,
        again_s / LOOK_UPS * 1e6);
    (void)snprintf(what, sizeof(what), "reveal / bare select + decrypt, %zu in a transaction",
                   per_transaction);
    verdict(what, median(ratios, ROUNDS), bar, true);
    vault_reader_close(&r);
}

static double sync_once(int fd)
{
    static const char record[128];
    const double start = now();

    must(write(fd, record, sizeof(record)) == sizeof(record) && fdatasync(fd) == 0, "a sync");
    return now() - start;
}

static double acknowledged_at;

static void on_erased(struct vault_op *op)
{
    must(op->result == ERR_OK, "an erasure");
    acknowledged_at = now();
}

static double erase_once(struct vault *v, const char *name)
{
    struct vault_erasure erasure = {0};
    struct vault_erase op = {.op = {.kind = VAULT_ERASE, .done = on_erased},
                             .domain = VAULT_DOMAIN_DEFAULT,
                             .name = span_str(name),
                             .erasure = &erasure};
    struct vault_purge_due idle = {.op.kind = VAULT_PURGE_DUE};
    double start;

    /* What follows the erasure before is not counted to this one. */
    must(vault_run(v, &idle.op) == ERR_NOT_FOUND, "an idle writer");
    start = now();
    must(vault_submit(v, &op.op) == ERR_OK, "a submission");
    must(vault_run(v, &idle.op) == ERR_NOT_FOUND, "an idle writer");
    vault_erasure_done(&erasure);
    return acknowledged_at - start;
}

static void compare_erasing(struct vault *v, uint16_t class_id)
{
    char *path = path_of("sync.log");
    const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    double syncs[ERASURES];
    double erasures[ERASURES];
    double sync_s;
    double erase_s;
    char name[32];

    must(fd >= 0, "the sync file");
    for (size_t i = 0; i < ERASURES; i++) {
        (void)snprintf(name, sizeof(name), "short-lived %zu", i);
        one_value(v, class_id, name);
    }
    for (size_t i = 0; i < ERASURES; i++) {
        (void)snprintf(name, sizeof(name), "short-lived %zu", i);
        syncs[i] = sync_once(fd);
        erasures[i] = erase_once(v, name);
    }
    sync_s = lower_quartile(syncs, ERASURES);
    erase_s = lower_quartile(erasures, ERASURES);
    (void)printf("erase acknowledged: %.0f us, one fdatasync %.0f us\n", erase_s * 1e6,
                 sync_s * 1e6);
    verdict("erase acknowledged / fdatasync, person of one value", erase_s / sync_s, 2.5, false);
    for (size_t i = 0; i < ERASURES / 2; i++) {
        (void)snprintf(name, sizeof(name), "subject %zu", i);
        erasures[i] = erase_once(v, name);
        syncs[i] = sync_once(fd);
    }
    verdict("erase acknowledged / fdatasync, person of many values",
            lower_quartile(erasures, ERASURES / 2) / lower_quartile(syncs, ERASURES / 2), 2.5,
            false);
    (void)close(fd);
    free(path);
}

static double size_of(struct vault *v)
{
    struct vault_truncate truncate = {.op.kind = VAULT_TRUNCATE};
    char *path = NULL;
    struct stat st;

    while (vault_run(v, &truncate.op) != ERR_OK) /* the checkpointer may be at it */
        ;
    REQUIRE(asprintf(&path, "%s/vault.db", vault_dir(v)) > 0);
    must(stat(path, &st) == 0, "the size");
    free(path);
    return (double)st.st_size;
}

/* Without the tables of an empty store, which are there once. */
static void measure_size(struct vault *v, double empty)
{
    const double size = size_of(v);

    (void)printf("size: vault.db %.1f MB, empty %.2f MB\n", size / 1e6, empty / 1e6);
    verdict("bytes on disk per value of 50 bytes",
            (size - empty) / (double)(token_count + rows_wanted / PER_SUBJECT), 120, false);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

int main(int argc, char **argv)
{
    static char class_name[] = "note", domain[] = "tok.invalid";
    struct class_def def = {.name = class_name,
                            .format = TOKEN_OPAQUE,
                            .email_domain = domain,
                            .rule = {.period = {.seconds = 7776000}}};
    struct classes classes = {&def, 1};
    struct root_key root = {1, NULL};
    struct root_keys roots;
    struct vault_options options = {.roots = &roots, .classes = &classes};
    static struct bare bare;
    struct vault *v = NULL;
    struct errmsg msg;
    char *store, *bare_path;
    double empty;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--rows") == 0)
            rows_wanted = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--dir") == 0)
            (void)snprintf(dir, sizeof(dir), "%s", argv[i + 1]);
    }
    rows_wanted = rows_wanted / (GROUP * ROUNDS) * (GROUP * ROUNDS);
    must(rows_wanted > 0, "--rows: at least 10000");
    (void)snprintf(dir + strlen(dir), sizeof(dir) - strlen(dir), "/lethe-bench-XXXXXX");
    must(mkdtemp(dir) != NULL, "making a folder");
    secret_start();
    root.bytes = secret_alloc(ROOT_KEY_BYTES);
    roots = (struct root_keys){{root}, 1};
    tokens = mem_try_alloc(2 * rows_wanted + GROUP, sizeof(tokens[0]));
    requests[0] = mem_try_alloc(REQUESTS, sizeof(struct request));
    requests[1] = mem_try_alloc(REQUESTS, sizeof(struct request));
    must(tokens != NULL && requests[0] != NULL && requests[1] != NULL, "memory");
    store = path_of("store");
    options.dir = store;
    must(vault_create(store, &root, &msg) == ERR_OK && vault_open(&options, &v, &msg) == ERR_OK,
         msg.text);
    empty = size_of(v);
    bare_path = path_of("bare.db");
    bare_open(&bare, bare_path, rows_wanted / PER_SUBJECT);
    compare_writing(v, vault_class_id(v, &def), &bare);
    must(sqlite3_wal_checkpoint_v2(bare.db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) ==
             SQLITE_OK,
         "a checkpoint");
    measure_size(v, empty);
    compare_reading(v, &bare, 1, 0.95);
    compare_reading(v, &bare, BATCH, 0.88);
    compare_erasing(v, vault_class_id(v, &def));
    vault_close(&v);
    bare_close(&bare);
    must(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0, "tidying up");
    return 0;
}
