/* SPDX-License-Identifier: Apache-2.0 */
/* What a guess costs tells nothing of how near it came (E26): instructions are counted, one by one,
 * since they repeat exactly where time does not. */
#include <criterion/criterion.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/secret.h"
#include "tests/support/vault_fixture.h"
#include "vault/vault_priv.h"

enum { GUESS_ROUNDS = 2, CASES_MAX = 64 };

TestSuite(timing, .init = secret_start, .timeout = 240);

/* ---- counting ---- */

/* In the child that is watched: what lies between two marks is counted as one case. */
static void mark(void)
{
    (void)raise(SIGSTOP);
}

static bool is_marked(pid_t child)
{
    int status = 0;

    cr_assert_eq(waitpid(child, &status, 0), child);
    if (WIFEXITED(status)) {
        cr_assert_eq(WEXITSTATUS(status), 0, "the watched child failed");
        return false;
    }
    cr_assert(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    return true;
}

/* Steps from this mark to the next. */
static long count_steps(pid_t child)
{
    long steps = 0;
    int status = 0;

    do {
        cr_assert_eq(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert(WIFSTOPPED(status));
        steps++;
    } while (WSTOPSIG(status) != SIGSTOP);
    return steps;
}

/* Run `work` in a child; ret: instructions of each case that it marks. */
static size_t count(void (*work)(void), long ret[CASES_MAX])
{
    size_t cases = 0;
    pid_t child = fork();

    cr_assert_geq(child, 0);
    if (child == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
            _exit(1);
        work();
        _exit(0);
    }
    while (is_marked(child)) {
        cr_assert_lt(cases, CASES_MAX);
        ret[cases++] = count_steps(child);
        cr_assert_eq(ptrace(PTRACE_CONT, child, NULL, NULL), 0);
    }
    return cases;
}

/* All cases come `rounds` times, and each counts at its shortest: an allocator (a sanitizer's above all) tidies up
 * now and then. The first case warms what is done once only, such as binding functions; the others are alike. */
static void assert_alike(void (*work)(void), size_t expected, size_t rounds, long least)
{
    long steps[CASES_MAX];
    const size_t each = expected + 1, cases = count(work, steps);

    cr_assert_eq(cases, each * rounds);
    for (size_t i = each; i < cases; i++)
        steps[i % each] = steps[i] < steps[i % each] ? steps[i] : steps[i % each];
    cr_assert_gt(steps[1], least, "nothing was counted");
    for (size_t i = 2; i < each; i++)
        cr_assert_eq(steps[i], steps[1], "case %zu: %ld instructions in place of %ld", i, steps[i],
                     steps[1]);
}

/* ---- cases ---- */

static void compare_salts(void)
{
    uint8_t a[TOKEN_SALT_BYTES] = {0}, b[TOKEN_SALT_BYTES] = {0};

    for (size_t i = 0; i < TOKEN_SALT_BYTES + 2; i++) {
        volatile bool equal;

        memset(b, 0, sizeof(b));
        if (i < TOKEN_SALT_BYTES)
            b[i] = 1;
        mark();
        equal = secret_equal(a, b, sizeof(a));
        mark();
        (void)equal;
    }
}

Test(timing, of_a_comparison_does_not_say_where_the_difference_is)
{
    assert_alike(compare_salts, TOKEN_SALT_BYTES + 1, 1, 20);
}

static void hash_values(void)
{
    static const char *const values[] = {"ada@example.org", "ada@example.org", "bob@example.org",
                                         "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "zzzzzzzzzzzzzzz"};
    static const uint8_t key[CRYPTO_KEY_BYTES] = {1};
    uint8_t out[CRYPTO_MAC_BYTES];

    for (size_t i = 0; i < COUNT_OF(values); i++) {
        mark();
        vault__fingerprint(key, 1, 1, VALUE_STRING, span_of(values[i], 15), out);
        mark();
    }
}

Test(timing, of_a_blind_index_does_not_say_of_what_it_is)
{
    assert_alike(hash_values, 4, 1, 1000);
}

/* What a guess of a token brings; `marked`: it is counted. */
static void guess(const struct vault_fixture *f, const struct token_ref *ref, bool marked)
{
    struct token_text token;
    struct vault_value value;
    struct buf out;
    enum err e;

    buf_init_secret(&out, LIMIT_VALUE_MAX);
    token_write(ref, TOKEN_OPAQUE, NULL, f->v->locator_key, &token);
    REQUIRE(vault_read_begin(f->r) == ERR_OK);
    if (marked)
        mark();
    e = vault_reveal(f->r, VAULT_DOMAIN_DEFAULT, fixture_span(&token), 0, &out, &value);
    if (marked)
        mark();
    vault_read_end(f->r);
    REQUIRE(e == ERR_NOT_FOUND);
}

/* Tokens made by who has the locator key: right row, and a salt that is wrong in one byte. Nobody
 * else can come that near. The first guesses after a commit take the reader to its state. */
static void guess_salts(uint16_t (*class_of)(const struct vault_fixture *f))
{
    enum { WARM_UP = 8 };
    static struct vault_fixture f;
    struct token_text token;
    struct token_ref ref, wrong;

    fixture_start(&f);
    REQUIRE(fixture_tokenize(&f, class_of(&f), "ada", "tea", &token) == ERR_OK);
    REQUIRE(token_read(fixture_span(&token), f.v->locator_key, &ref) == ERR_OK);
    for (size_t i = 0; i < WARM_UP; i++) {
        wrong = ref;
        wrong.salt[0] ^= (uint8_t)(i + 1);
        guess(&f, &wrong, false);
    }
    for (size_t n = 0; n < GUESS_ROUNDS * (TOKEN_SALT_BYTES + 1); n++) {
        const size_t i = n % (TOKEN_SALT_BYTES + 1);

        wrong = ref;
        wrong.salt[i == 0 ? 0 : i - 1] ^= i == 0 ? 0x20 : 0x40;
        guess(&f, &wrong, true);
    }
    fixture_end(&f);
}

static uint16_t note(const struct vault_fixture *f)
{
    return f->note;
}

static uint16_t phone(const struct vault_fixture *f)
{
    return f->phone;
}

static void guess_salts_of_a_row(void)
{
    guess_salts(note);
}

static void guess_salts_of_a_shared_token(void)
{
    guess_salts(phone);
}

Test(timing, of_a_guessed_token_does_not_say_how_much_of_it_is_right)
{
    assert_alike(guess_salts_of_a_row, TOKEN_SALT_BYTES, GUESS_ROUNDS, 1000);
    assert_alike(guess_salts_of_a_shared_token, TOKEN_SALT_BYTES, GUESS_ROUNDS, 1000);
}
