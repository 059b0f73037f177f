/* SPDX-License-Identifier: Apache-2.0 */
/* Guarded memory and randomness on libsodium.
 * Runs on: any thread. Holds: a pool of random bytes a thread. Invariant: a pooled byte is handed
 * out once and wiped; a child and a renewed pool begin with fresh ones. Not here: what keys mean (vault/). */
#include "base/secret.h"

#include <pthread.h>
#include <sodium.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/assert.h"

enum { POOL_BYTES = 4096, FIRST_BYTES = 256, POOLED_MAX = 512 };

static __thread struct {
    uint8_t bytes[POOL_BYTES];
    size_t left;
    unsigned fork_generation;
    bool renewed; /* since the last filling: little is wanted perhaps */
} pool;

static unsigned fork_generation;

static void after_fork_in_child(void)
{
    fork_generation++;
}

static void register_fork_handler(void)
{
    REQUIRE(pthread_atfork(NULL, NULL, after_fork_in_child) == 0);
}

void secret_start(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    REQUIRE(sodium_init() >= 0);
    REQUIRE(pthread_once(&once, register_fork_handler) == 0);
}

enum err secret_harden_process(void)
{
    const struct rlimit none = {0, 0};

    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return ERR_IO;
    return ERR_OK;
}

uint8_t *secret_alloc(size_t size)
{
    uint8_t *p = sodium_malloc(size);

    REQUIRE(p != NULL);
    memset(p, 0, size);
    return p;
}

void secret_free(uint8_t **bytes)
{
    sodium_free(*bytes); /* wipes; NULL is fine */
    *bytes = NULL;
}

/* What is left is at the end of the pool. */
static void fill_pool(size_t len)
{
    randombytes_buf(pool.bytes + POOL_BYTES - len, len);
    pool.left = len;
    pool.fork_generation = fork_generation;
    pool.renewed = false;
}

void secret_random(void *bytes, size_t len)
{
    uint8_t *from;

    if (len > POOLED_MAX) {
        randombytes_buf(bytes, len);
        return;
    }
    if (pool.left < len || pool.fork_generation != fork_generation)
        fill_pool(pool.renewed && len <= FIRST_BYTES ? FIRST_BYTES : POOL_BYTES);
    from = pool.bytes + POOL_BYTES - pool.left;
    memcpy(bytes, from, len);
    explicit_bzero(from, len);
    pool.left -= len;
}

void secret_random_renew(void)
{
    pool.left = 0;
    pool.renewed = true;
}

void secret_hash(const void *bytes, size_t len, uint8_t ret[SECRET_HASH_BYTES])
{
    REQUIRE(crypto_generichash(ret, SECRET_HASH_BYTES, bytes, len, NULL, 0) == 0);
}

void secret_tag(const uint8_t key[SECRET_TAG_KEY_BYTES], const void *bytes, size_t len,
                uint8_t ret[SECRET_TAG_BYTES])
{
    REQUIRE(crypto_shorthash_siphashx24(ret, bytes, len, key) == 0);
}

/* Eight bytes at a time, which sodium_memcmp() does not do: keys and MACs are compared on every request. The
 * compiler must not see that only zero or not is asked for. */
bool secret_equal(const void *a, const void *b, size_t len)
{
    const uint8_t *x = a, *y = b;
    uint64_t differ = 0;

    for (; len >= sizeof(uint64_t); len -= sizeof(uint64_t)) {
        uint64_t left, right;

        memcpy(&left, x, sizeof(left));
        memcpy(&right, y, sizeof(right));
        differ |= left ^ right;
        __asm__ volatile("" : "+r"(differ));
        x += sizeof(left);
        y += sizeof(right);
    }
    for (; len > 0; len--)
        differ |= (uint64_t)(*x++ ^ *y++);
    __asm__ volatile("" : "+r"(differ));
    return differ == 0;
}

void secret_wipe(void *bytes, size_t len)
{
    sodium_memzero(bytes, len);
}

void secret_wipe_stack(void)
{
    sodium_stackzero(16384);
}
