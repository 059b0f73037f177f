/* SPDX-License-Identifier: Apache-2.0 */
/* The key of the name hashes, and SipHash-1-3 (Aumasson, Bernstein 2012).
 * Runs on: any thread. Holds: the process's key. Invariant: the key is drawn before the first hash
 * and never changes. Not here: cryptography of the vault; nothing secret rests on this key. */
#include "proxy/json_hash_priv.h"

#include <pthread.h>

#include "base/assert.h"
#include "base/secret.h"

struct hash_key proxy__hash_key;

static void draw_key(void)
{
    secret_random(&proxy__hash_key, sizeof(proxy__hash_key));
}

void proxy__hash_start(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    REQUIRE(pthread_once(&once, draw_key) == 0);
}

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32) + v[3];
    v[2] += v[1];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

uint32_t proxy__sip_hash(struct span name)
{
    const struct hash_key *key = &proxy__hash_key;
    uint64_t v[4] = {
        key->sip[0] ^ UINT64_C(0x736f6d6570736575), key->sip[1] ^ UINT64_C(0x646f72616e646f6d),
        key->sip[0] ^ UINT64_C(0x6c7967656e657261), key->sip[1] ^ UINT64_C(0x7465646279746573)};
    uint64_t last = (uint64_t)name.len << 56;

    for (; name.len >= 8; name.at += 8, name.len -= 8) {
        const uint64_t word = hash_word(name.at);

        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    for (size_t i = 0; i < name.len; i++)
        last |= (uint64_t)(uint8_t)name.at[i] << (8 * i);
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xFF;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    last = v[0] ^ v[1] ^ v[2] ^ v[3];
    return (uint32_t)(last ^ last >> 32);
}
