/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(secret, .init = secret_start);

/* AddressSanitizer would turn the guard pages' SIGSEGV into a finding. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "handle_segv=0";
}

/* Stands in for libc's: how much was wiped. */
static size_t wiped_bytes;

void explicit_bzero(void *at, size_t len)
{
    wiped_bytes += len;
    memset(at, 0, len);
    __asm__ volatile("" ::"r"(at) : "memory");
}

/* The signal that reading (or writing) one byte ends a process with; 0 when it may. */
static int signal_of_touching(volatile uint8_t *byte, bool write_it)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        if (write_it)
            *byte = 1;
        _exit(*byte == 0xff ? 1 : 0);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

Test(secret, memory_is_zeroed)
{
    for (int i = 0; i < 4; i++) {
        AUTO(secret_free) uint8_t *key = secret_alloc(32);

        for (int j = 0; j < 32; j++)
            cr_assert_eq(key[j], 0);
        memset(key, 0xaa, 32);
    }
}

Test(secret, memory_lies_between_guard_pages)
{
    AUTO(secret_free) uint8_t *key = secret_alloc(32);

    cr_assert_eq(signal_of_touching(key, true), 0);
    cr_assert_eq(signal_of_touching(key + 31, true), 0);
    cr_assert_eq(signal_of_touching(key + 32, false), SIGSEGV);
    cr_assert_eq(signal_of_touching(key + 32, true), SIGSEGV);
    cr_assert_eq(signal_of_touching(key - sysconf(_SC_PAGESIZE), false), SIGSEGV);
}

Test(secret, memory_is_gone_after_free)
{
    uint8_t *key = secret_alloc(32), *was = key;

    secret_free(&key);
    cr_assert_null(key);
    cr_assert_eq(signal_of_touching(was, false), SIGSEGV);
    secret_free(&key);
}

Test(secret, memory_written_before_its_start_ends_the_process_on_free, .signal = SIGSEGV)
{
    uint8_t *key = secret_alloc(32);

    ((volatile uint8_t *)key)[-1] ^= 1; /* the canary */
    secret_free(&key);
}

/* E72 */
Test(secret, hardened_process_leaves_no_core_and_is_closed_to_others)
{
    struct rlimit core;

    cr_assert_eq(secret_harden_process(), ERR_OK);
    cr_assert_eq(getrlimit(RLIMIT_CORE, &core), 0);
    cr_assert_eq(core.rlim_cur, 0);
    cr_assert_eq(core.rlim_max, 0);
    cr_assert_eq(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
}

Test(secret, random_bytes_never_come_twice)
{
    enum { DRAWS = 2000, BYTES = 16 }; /* several refills of the pool */
    static uint8_t drawn[DRAWS][BYTES];

    for (int i = 0; i < DRAWS; i++)
        secret_random(drawn[i], BYTES);
    for (int i = 0; i < DRAWS; i++)
        for (int j = 0; j < i; j++)
            cr_assert_neq(memcmp(drawn[i], drawn[j], BYTES), 0);
}

Test(secret, random_bytes_fill_exactly_what_was_asked_for)
{
    static const size_t sizes[] = {0, 1, 7, 511, 512, 513, 4096, 4097, 20000};
    static uint8_t bytes[20002];

    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        size_t n = sizes[i], zeroes = 0;

        memset(bytes, 0, sizeof(bytes));
        secret_random(bytes + 1, n);
        cr_assert_eq(bytes[0], 0);
        cr_assert_eq(bytes[n + 1], 0);
        for (size_t j = 0; j < n; j++)
            zeroes += bytes[j + 1] == 0;
        cr_assert_leq(zeroes, n / 64 + 2, "%zu of %zu bytes are zero", zeroes, n);
    }
}

Test(secret, random_bytes_of_a_forked_child_are_its_own)
{
    uint8_t warm[16], ours[32], theirs[32];
    int ends[2], status;
    pid_t child;

    secret_random(warm, sizeof(warm)); /* the pool is filled now, and copied by fork */
    cr_assert_eq(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        secret_random(theirs, sizeof(theirs));
        _exit(write(ends[1], theirs, sizeof(theirs)) == sizeof(theirs) ? 0 : 1);
    }
    secret_random(ours, sizeof(ours));
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    cr_assert_eq(read(ends[0], theirs, sizeof(theirs)), sizeof(theirs));
    cr_assert_neq(memcmp(ours, theirs, sizeof(ours)), 0);
}

/* What a copy of the whole machine would draw: no fork handler runs for it. */
static void draw_in_a_copy(uint8_t out[32], bool renew)
{
    int ends[2], status;
    long child;

    cr_assert_eq(pipe(ends), 0);
    child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0) {
        if (renew)
            secret_random_renew();
        secret_random(out, 32);
        _exit(write(ends[1], out, 32) == 32 ? 0 : 1);
    }
    cr_assert_eq(waitpid((pid_t)child, &status, 0), child);
    cr_assert_eq(status, 0);
    cr_assert_eq(read(ends[0], out, 32), 32);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

Test(secret, random_bytes_of_a_copied_machine_are_its_own_once_renewed)
{
    uint8_t ours[32], theirs[32];

    secret_random(ours, 16);
    draw_in_a_copy(theirs, false);
    secret_random(ours, sizeof(ours));
    cr_assert_eq(memcmp(ours, theirs, sizeof(ours)), 0, "the pool was copied: that is the danger");
    draw_in_a_copy(theirs, true);
    secret_random_renew();
    secret_random(ours, sizeof(ours));
    cr_assert_neq(memcmp(ours, theirs, sizeof(ours)), 0);
}

/* From now on the kernel has no random bytes for this process. */
static void take_randomness_away(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getrandom, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EIO),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {COUNT_OF(filter), filter};

    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* E29 */
Test(secret, without_random_bytes_the_process_ends, .signal = SIGABRT)
{
    uint8_t drawn[16] = {0};

    take_randomness_away();
    secret_random_renew();
    secret_random(drawn, sizeof(drawn)); /* sealing with what was there before must not happen */
}

Test(secret, random_bytes_are_wiped_from_the_pool_as_they_are_handed_out)
{
    uint8_t drawn[48];

    secret_random(drawn, 16);
    wiped_bytes = 0;
    secret_random(drawn, sizeof(drawn));
    cr_assert_eq(wiped_bytes, sizeof(drawn));
}

static void *draw(void *out)
{
    secret_random(out, 32);
    return NULL;
}

Test(secret, random_bytes_of_threads_differ)
{
    uint8_t drawn[4][32];
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, draw, drawn[i]), 0);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < i; j++)
            cr_assert_neq(memcmp(drawn[i], drawn[j], 32), 0);
}

Test(secret, hash_is_blake2b_256)
{
    static const uint8_t abc[SECRET_HASH_BYTES] = {0xbd, 0xdd, 0x81, 0x3c, 0x63, 0x42, 0x39, 0x72,
                                                   0x31, 0x71, 0xef, 0x3f, 0xee, 0x98, 0x57, 0x9b,
                                                   0x94, 0x96, 0x4e, 0x3b, 0xb1, 0xcb, 0x3e, 0x42,
                                                   0x72, 0x62, 0xc8, 0xc0, 0x68, 0xd5, 0x23, 0x19};
    uint8_t hash[SECRET_HASH_BYTES];

    secret_hash("abc", 3, hash);
    cr_assert_arr_eq(hash, abc, sizeof(abc));
    secret_hash("abd", 3, hash);
    cr_assert_arr_neq(hash, abc, sizeof(abc));
}

Test(secret, tag_depends_on_key_and_bytes)
{
    const uint8_t key[SECRET_TAG_KEY_BYTES] = {0}, other[SECRET_TAG_KEY_BYTES] = {[15] = 1};
    uint8_t tag[SECRET_TAG_BYTES], again[SECRET_TAG_BYTES];

    secret_tag(key, "abc", 3, tag);
    secret_tag(key, "abc", 3, again);
    cr_assert_arr_eq(tag, again, sizeof(tag));
    secret_tag(other, "abc", 3, again);
    cr_assert(memcmp(tag, again, sizeof(tag)) != 0);
    secret_tag(key, "abd", 3, again);
    cr_assert(memcmp(tag, again, sizeof(tag)) != 0);
}

Test(secret, equal_compares_every_byte)
{
    uint8_t a[32], b[32];

    memset(a, 7, sizeof(a));
    for (size_t i = 0; i < sizeof(a); i++) {
        memcpy(b, a, sizeof(a));
        cr_assert(secret_equal(a, b, sizeof(a)));
        b[i] ^= 0x80;
        cr_assert_not(secret_equal(a, b, sizeof(a)));
    }
    cr_assert(secret_equal(a, b, 0));
}

Test(secret, wipe_zeroes)
{
    uint8_t bytes[40];

    memset(bytes, 7, sizeof(bytes));
    secret_wipe(bytes, 39);
    for (int i = 0; i < 39; i++)
        cr_assert_eq(bytes[i], 0);
    cr_assert_eq(bytes[39], 7);
}
