/* SPDX-License-Identifier: Apache-2.0 */
/* A keyed permutation of any number of things: an alternating Feistel network over Z_a x Z_b, with
 * cycle walking.
 * Runs on: any thread. Holds: nothing. Invariant: permute_invert(permute_apply(n)) is n. Not here:
 * which key. */
#include "vault/permute.h"

#include <stdbool.h>
#include <string.h>

#include "base/assert.h"
#include "vault/crypto_priv.h"
#include "vault/file_priv.h"

/* A number x is a pair: left = x / b in 0..a-1, right = x % b in 0..b-1, where a is about the square
 * root of the size and even, and b is the least with a * b >= size. Round i adds to the left a hash of
 * the right (mod a), or to the right one of the left (mod b), in turns, as NIST SP 800-38G does with
 * the halves of a number. Each round is a bijection of 0..a*b-1. What falls behind the size is permuted
 * again until it does not (cycle walking): that is a bijection of 0..size-1, and rarely needed, since
 * a * b exceeds the size by less than a.
 *
 * How many rounds. The best attacks known on small Feistel networks (Bellare, Hoang, Tessaro, CCS
 * 2016; Hoang, Tessaro, Trieu, CRYPTO 2018) live on a bias of about M^-(r/2 - 1) in r rounds, M being
 * the size of the smaller half, and on many tweaks; FF1 has r = 10, for 10^6 numbers and more. Here
 * nobody sees more than one permutation, and of that only what was given out. Still the rounds are so
 * many that the bias is below 2^-40 for the smallest halves, and never fewer than 24. More is not to be
 * had of a small domain: who has seen 690 of 700 numbers knows much of the rest.
 *
 * a is even because adding to an even cycle can be an odd permutation: with a and b odd every round
 * would be an even one, and half of all permutations could not occur. */
enum { ROUNDS_MIN = 24, BIAS_BITS = 40 };

struct network {
    const struct permute *p;
    uint64_t a, b;
    unsigned rounds;
};

/* The least even number of at least 2 whose square is not less than n; n at most 2^63. */
static uint64_t even_root(uint64_t n)
{
    uint64_t root = 0;

    for (uint64_t bit = UINT64_C(1) << 31; bit > 0; bit >>= 1) {
        if ((root | bit) * (root | bit) < n)
            root |= bit;
    }
    /* root is the largest whose square is less than n (0 for n of 1). */
    return (root + 2) & ~UINT64_C(1);
}

static struct network network_of(const struct permute *p)
{
    struct network net = {.p = p, .rounds = ROUNDS_MIN};
    unsigned bits;

    REQUIRE(p->size > 0 && p->size <= PERMUTE_SIZE_MAX);
    net.a = even_root(p->size);
    net.b = (p->size - 1) / net.a + 1;
    bits = net.b < 4 ? 1 : 63 - (unsigned)__builtin_clzll(net.b);
    if (2 * ((BIAS_BITS + bits - 1) / bits + 1) > ROUNDS_MIN)
        net.rounds = 2 * ((BIAS_BITS + bits - 1) / bits + 1);
    return net;
}

/* Round function: u64 tweak | u64 half | u8 round, little-endian. Remainders of at most 2^32 are taken
 * of it, so their bias is below 2^-31. */
static uint64_t hash(const struct network *net, unsigned round, uint64_t half)
{
    uint8_t in[17];

    put_le(in, net->p->tweak, 8);
    put_le(in + 8, half, 8);
    in[16] = (uint8_t)round;
    return vault__short_hash(net->p->key, in, sizeof(in));
}

static uint64_t add(uint64_t x, uint64_t y, uint64_t size)
{
    return x + y < size ? x + y : x + y - size;
}

static uint64_t subtract(uint64_t x, uint64_t y, uint64_t size)
{
    return x >= y ? x - y : x + size - y;
}

static uint64_t forward(const struct network *net, uint64_t x)
{
    uint64_t left = x / net->b, right = x % net->b;

    for (unsigned i = 0; i < net->rounds; i++) {
        if (i % 2 == 0)
            left = add(left, hash(net, i, right) % net->a, net->a);
        else
            right = add(right, hash(net, i, left) % net->b, net->b);
    }
    return left * net->b + right;
}

static uint64_t backward(const struct network *net, uint64_t x)
{
    uint64_t left = x / net->b, right = x % net->b;

    for (unsigned i = net->rounds; i-- > 0;) {
        if (i % 2 == 0)
            left = subtract(left, hash(net, i, right) % net->a, net->a);
        else
            right = subtract(right, hash(net, i, left) % net->b, net->b);
    }
    return left * net->b + right;
}

uint64_t permute_apply(const struct permute *p, uint64_t n)
{
    const struct network net = network_of(p);

    REQUIRE(n < p->size);
    do {
        n = forward(&net, n);
    } while (n >= p->size);
    return n;
}

uint64_t permute_invert(const struct permute *p, uint64_t image)
{
    const struct network net = network_of(p);

    REQUIRE(image < p->size);
    do {
        image = backward(&net, image);
    } while (image >= p->size);
    return image;
}
