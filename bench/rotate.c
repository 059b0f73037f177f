/* SPDX-License-Identifier: Apache-2.0 */
/* Rotating the root key of a store against the bare work in it: read, decrypt, encrypt and write as
 * many wrapped keys, synced as often. In turns, in one run on one machine: the ratio counts. Then how
 * long one value takes to be stored while a rotation goes on beside it.
 *
 *   rotate [--subjects N] [--dir DIR]        (1,000,000 under the current directory unless said) */
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/secret.h"
#include "vault/vault.h"

enum { SLOT = 128, STEP = 8192, ROUNDS = 3, FLIGHT = 1000, STORES = 2000 };

static char dir[256] = ".";
static size_t subjects = 1000000;

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What the process has cost so far: on a busy machine the steadier figure. */
static double cpu(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double at_share(double *values, size_t count, double share)
{
    qsort(values, count, sizeof(values[0]), by_value);
    return values[(size_t)((double)(count - 1) * share)];
}

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "bench: %s failed\n", what);
    exit(1);
}

/* ---- the bare work ---- */

static double bare_once(int fd, size_t slots)
{
    static uint8_t run[STEP * SLOT], nonces[STEP * 24];
    uint8_t key[32] = {1}, clear[32];
    const double start = now();

    for (size_t at = 0; at < slots; at += STEP) {
        const size_t count = slots - at < STEP ? slots - at : STEP;
        const off_t place = (off_t)(at * SLOT);

        randombytes_buf(nonces, sizeof(nonces));
        must(pread(fd, run, count * SLOT, place) == (ssize_t)(count * SLOT), "a bare read");
        for (size_t i = 0; i < count; i++) {
            uint8_t *slot = run + i * SLOT;

            /* Opened as the vault opens it: 55 bytes of associated data; here they are of the slot. */
            must(crypto_aead_xchacha20poly1305_ietf_decrypt(clear, NULL, NULL, slot + 24, 48,
                                                            slot + 72, 55, slot, key) == 0,
                 "a bare decryption");
            memcpy(slot, nonces + i * 24, 24);
            (void)crypto_aead_xchacha20poly1305_ietf_encrypt(slot + 24, NULL, clear, sizeof(clear),
                                                             slot + 72, 55, NULL, slot, key);
        }
        must(pwrite(fd, run, count * SLOT, place) == (ssize_t)(count * SLOT), "a bare write");
        must(fdatasync(fd) == 0, "a bare sync");
    }
    return now() - start;
}

static int bare_open(size_t slots)
{
    char path[320];
    uint8_t slot[SLOT] = {0}, key[32] = {1}, clear[32] = {2};
    FILE *f;

    (void)snprintf(path, sizeof(path), "%s/bare", dir);
    f = fopen(path, "we");
    must(f != NULL, "the bare file");
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(slot + 24, NULL, clear, sizeof(clear),
                                                     slot + 72, 55, NULL, slot, key);
    for (size_t i = 0; i < slots; i++)
        must(fwrite(slot, sizeof(slot), 1, f) == 1, "the bare file");
    must(fflush(f) == 0 && fdatasync(fileno(f)) == 0 && fclose(f) == 0, "the bare file");
    return open(path, O_RDWR | O_CLOEXEC);
}

/* ---- the vault ---- */

static struct root_key next = {1, NULL};

static void begin(struct vault *v)
{
    struct vault_rotate_begin op = {.op.kind = VAULT_ROTATE_BEGIN, .next = &next};

    next.epoch++;
    secret_random(next.bytes, ROOT_KEY_BYTES);
    must(vault_run(v, &op.op) == ERR_OK, "beginning a rotation");
}

static double rotate_once(struct vault *v, size_t limit)
{
    struct vault_rotate_step op = {.op.kind = VAULT_ROTATE_STEP, .limit = limit, .more = true};
    const double start = now();

    begin(v);
    while (op.more)
        must(vault_run(v, &op.op) == ERR_OK, "a step of a rotation");
    return now() - start;
}

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    size_t left;
} flight = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

static void on_made(struct vault_op *op)
{
    must(op->result == ERR_OK, "making a subject");
    (void)pthread_mutex_lock(&flight.lock);
    flight.left--;
    (void)pthread_cond_signal(&flight.wake);
    (void)pthread_mutex_unlock(&flight.lock);
}

/* Subjects without values: what rotates is their keys. */
static void make_subjects(struct vault *v)
{
    static struct vault_tokenize ops[FLIGHT];

    for (size_t made = 0; made < subjects; made += FLIGHT) {
        flight.left = FLIGHT;
        for (size_t i = 0; i < FLIGHT; i++) {
            ops[i] = (struct vault_tokenize){.op = {.kind = VAULT_TOKENIZE, .done = on_made},
                                             .domain = VAULT_DOMAIN_DEFAULT};
            must(vault_submit(v, &ops[i].op) == ERR_OK, "a submission");
        }
        (void)pthread_mutex_lock(&flight.lock);
        while (flight.left > 0)
            (void)pthread_cond_wait(&flight.wake, &flight.lock);
        (void)pthread_mutex_unlock(&flight.lock);
    }
}

/* ---- one value at a time, meanwhile ---- */

static atomic_bool stopping;

static void *rotate_on(void *context)
{
    while (!atomic_load(&stopping))
        (void)rotate_once(context, 1024);
    return NULL;
}

static void store_values(struct vault *v, uint16_t class_id, const char *when)
{
    static double took[STORES];

    for (size_t i = 0; i < STORES; i++) {
        struct vault_item item = {
            .class_id = class_id, .kind = VALUE_STRING, .value = SPAN_LIT("one value")};
        struct vault_tokenize op = {
            .op.kind = VAULT_TOKENIZE, .domain = VAULT_DOMAIN_DEFAULT, .items = &item, .count = 1};
        const double start = now();

        must(vault_run(v, &op.op) == ERR_OK, "storing a value");
        took[i] = now() - start;
    }
    (void)printf("  one value stored, %-32s p50 %6.0f us   p99 %6.0f us\n", when,
                 at_share(took, STORES, 0.5) * 1e6, at_share(took, STORES, 0.99) * 1e6);
}

/* ---- together ---- */

static void compare(struct vault *v)
{
    double bare[ROUNDS], vault[ROUNDS], bare_cpu[ROUNDS], vault_cpu[ROUNDS];
    const int fd = bare_open(subjects);

    must(fd >= 0, "the bare file");
    for (size_t i = 0; i < ROUNDS; i++) {
        const double start = cpu();
        double between;

        bare[i] = bare_once(fd, subjects);
        between = cpu();
        vault[i] = rotate_once(v, STEP);
        bare_cpu[i] = between - start;
        vault_cpu[i] = cpu() - between;
    }
    (void)close(fd);
    (void)printf(
        "%zu subjects: rotated in %.2f s (CPU %.2f s), the bare work %.2f s (CPU %.2f s)\n",
        subjects, at_share(vault, ROUNDS, 0.5), at_share(vault_cpu, ROUNDS, 0.5),
        at_share(bare, ROUNDS, 0.5), at_share(bare_cpu, ROUNDS, 0.5));
    (void)printf("  rotation / bare read + decrypt + encrypt + write, time %8.2f   CPU %8.2f\n",
                 at_share(vault, ROUNDS, 0.5) / at_share(bare, ROUNDS, 0.5),
                 at_share(vault_cpu, ROUNDS, 0.5) / at_share(bare_cpu, ROUNDS, 0.5));
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
    struct root_keys roots;
    struct vault_options options = {.roots = &roots, .classes = &classes};
    struct vault *v = NULL;
    struct errmsg msg = {""};
    char store[320];
    pthread_t thread;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--subjects") == 0)
            subjects = strtoull(argv[i + 1], NULL, 10) / FLIGHT * FLIGHT;
        else if (strcmp(argv[i], "--dir") == 0)
            (void)snprintf(dir, sizeof(dir), "%s", argv[i + 1]);
    }
    must(subjects > 0, "--subjects: at least 1000");
    (void)snprintf(dir + strlen(dir), sizeof(dir) - strlen(dir), "/lethe-bench-XXXXXX");
    must(mkdtemp(dir) != NULL, "making a folder");
    secret_start();
    next.bytes = secret_alloc(ROOT_KEY_BYTES);
    secret_random(next.bytes, ROOT_KEY_BYTES);
    roots = (struct root_keys){{next}, 1};
    (void)snprintf(store, sizeof(store), "%s/store", dir);
    options.dir = store;
    must(vault_create(store, &next, &msg) == ERR_OK && vault_open(&options, &v, &msg) == ERR_OK,
         msg.text);
    make_subjects(v);
    compare(v);
    store_values(v, vault_class_id(v, &def), "nothing else going on");
    must(pthread_create(&thread, NULL, rotate_on, v) == 0, "a thread");
    store_values(v, vault_class_id(v, &def), "rotating, 1024 slots a step");
    atomic_store(&stopping, true);
    (void)pthread_join(thread, NULL);
    vault_close(&v);
    secret_free(&next.bytes);
    must(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0, "tidying up");
    return 0;
}
