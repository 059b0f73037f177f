/* SPDX-License-Identifier: Apache-2.0 */
/* Keys in guarded memory, random bytes, and the process's own guard against leaking them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Start libsodium; every program and every test suite calls it first. Aborts when it cannot. */
void secret_start(void);
/* No core files, no ptrace or /proc/PID/mem by others (PR_SET_DUMPABLE 0, RLIMIT_CORE 0).
 * IO when the kernel refuses. */
enum err secret_harden_process(void) MUST_CHECK;

/* Zeroed memory between guard pages, locked where RLIMIT_MEMLOCK allows, outside core files. Never
 * NULL (aborts). A page or more each: for few and long-lived keys, or one table of many. */
uint8_t *secret_alloc(size_t size);
/* Wipe and free; NULL inside is fine; leaves NULL. Also AUTO(secret_free). */
void secret_free(uint8_t **bytes);

/* Fill with unpredictable bytes. From a per-thread pool refilled by the kernel (a system call for
 * each small request would cost more than sealing does); pooled bytes are wiped as they are handed
 * out, and a forked child starts with an empty pool. Aborts when the kernel has none. */
void secret_random(void *bytes, size_t len);
/* Give out nothing more of what this thread's pool holds: the next bytes come from the kernel then.
 * Whoever makes nonces calls it before each piece of work: a virtual machine can be copied or set
 * back while it runs, and each of its copies would go on with the same pool. */
void secret_random_renew(void);
enum { SECRET_HASH_BYTES = 32 };
/* BLAKE2b-256 of a high-entropy secret, so that the secret itself need not be kept. Not for
 * passwords: it is fast. */
void secret_hash(const void *bytes, size_t len, uint8_t ret[SECRET_HASH_BYTES]);
enum { SECRET_TAG_BYTES = 16, SECRET_TAG_KEY_BYTES = 16 };
/* SipHash-2-4-128 under a random key that never leaves the process: to know a secret again, for half of
 * what hashing it costs. */
void secret_tag(const uint8_t key[SECRET_TAG_KEY_BYTES], const void *bytes, size_t len,
                uint8_t ret[SECRET_TAG_BYTES]);
/* Constant-time comparison of secrets, MACs and tokens. */
bool secret_equal(const void *a, const void *b, size_t len) MUST_CHECK;
/* Zero the stack below the caller: what functions that have returned left there. */
void secret_wipe_stack(void);
/* Zero that the compiler cannot remove. */
void secret_wipe(void *bytes, size_t len);
