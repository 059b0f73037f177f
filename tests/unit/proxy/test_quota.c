/* SPDX-License-Identifier: Apache-2.0 */
/* Quotas against a list that is looked through from end to end, and over a restart. */
#include "proxy/quota.h"

#include <criterion/criterion.h>
#include <pthread.h>

#include "tests/support/vault_fixture.h"

static struct vault_fixture f;
static struct quotas *quotas;

static void start(void)
{
    fixture_start(&f);
    cr_assert_eq(quotas_open(f.v, &quotas), ERR_OK);
}

static void stop(void)
{
    quotas_free(&quotas);
    fixture_end(&f);
}

TestSuite(quota, .init = start, .fini = stop, .timeout = 60);

static enum quota_verdict take(struct quota *q, uint64_t subject, int64_t now_s)
{
    return quotas_take(quotas, &q, 1, subject, now_s);
}

Test(quota, counts_subjects_once_and_stops_at_the_limit)
{
    struct quota *q = quotas_get(quotas, "desk//hour", 3600, 3, true);

    for (int i = 0; i < 5; i++)
        for (uint64_t subject = 1; subject <= 3; subject++)
            cr_expect_eq(take(q, subject, 1000), QUOTA_ROOM);
    cr_expect_eq(take(q, 4, 1000), QUOTA_CROSSED);
    cr_expect_eq(take(q, 5, 1000), QUOTA_USED_UP);
    cr_expect_eq(take(q, 2, 1000), QUOTA_ROOM, "who counts already is seen on");
    cr_expect(quota_is_used_up(quotas, q, 4599));
    cr_expect_not(quota_is_used_up(quotas, q, 4600));
    cr_expect_eq(take(q, 4, 4600), QUOTA_ROOM, "an hour later");
}

Test(quota, says_how_much_of_it_is_used)
{
    struct quota *q = quotas_get(quotas, "desk//hour", 3600, 3, true);
    struct quota_state state;

    cr_expect_eq(take(q, 1, 1000), QUOTA_ROOM);
    cr_expect_eq(take(q, 2, 1001), QUOTA_ROOM);
    quota_read(quotas, q, 4599, &state);
    cr_expect(state.window_s == 3600 && state.limit == 3 && state.used == 2);
    quota_read(quotas, q, 4600, &state);
    cr_expect_eq(state.used, 1, "the first counts no more");
}

Test(quota, takes_in_all_or_in_none)
{
    struct quota *both[] = {quotas_get(quotas, "a", 3600, 5, true),
                            quotas_get(quotas, "b", 86400, 2, true)};

    cr_expect_eq(quotas_take(quotas, both, 2, 1, 0), QUOTA_ROOM);
    cr_expect_eq(quotas_take(quotas, both, 2, 2, 0), QUOTA_ROOM);
    for (uint64_t subject = 3; subject < 100; subject++)
        cr_expect_neq(quotas_take(quotas, both, 2, subject, 0), QUOTA_ROOM);
    for (uint64_t subject = 3; subject < 6; subject++)
        cr_expect_eq(take(both[0], subject, 0), QUOTA_ROOM, "those did not count in the first");
    cr_expect_neq(take(both[0], 6, 0), QUOTA_ROOM);
}

/* The same by brute force. */
struct model {
    uint64_t subject[40];
    int64_t until_s[40];
    size_t count;
};

static bool model_takes(struct model *m, uint64_t subject, int64_t now_s)
{
    size_t kept = 0;

    for (size_t i = 0; i < m->count; i++)
        if (m->until_s[i] > now_s) {
            m->subject[kept] = m->subject[i];
            m->until_s[kept++] = m->until_s[i];
        }
    m->count = kept;
    for (size_t i = 0; i < m->count; i++)
        if (m->subject[i] == subject)
            return true;
    if (m->count == 40)
        return false;
    m->subject[m->count] = subject;
    m->until_s[m->count++] = now_s + 100;
    return true;
}

Test(quota, is_exact_over_a_sliding_window)
{
    struct quota *q = quotas_get(quotas, "model", 100, 40, false);
    struct model m = {.count = 0};
    uint64_t random = 88172645463325252u;
    uint64_t subjects[60]; /* without order, so that they meet in the table */
    int64_t now_s = 0;

    for (uint64_t i = 0; i < 60; i++)
        subjects[i] = (i * i * i * i * 2862933555777941757u + i * 3037000493u) >> 1 | 1;

    for (size_t i = 0; i < 200000; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        now_s += random % 7 == 0;
        cr_assert_eq(take(q, subjects[random % 60], now_s) == QUOTA_ROOM,
                     model_takes(&m, subjects[random % 60], now_s), "step %zu", i);
    }
}

/* E35 */
Test(quota, outlives_a_restart_and_a_smaller_limit)
{
    const int64_t now_s = vault_now_s(f.v);
    struct quota *q = quotas_get(quotas, "kept", 3600, 100, true);
    struct quota *lost = quotas_get(quotas, "lost", 3600, 1, false);

    for (uint64_t subject = 1; subject <= 100; subject++)
        cr_assert_eq(take(q, subject, now_s), QUOTA_ROOM);
    cr_expect_eq(take(lost, 1, now_s), QUOTA_ROOM);
    quotas_free(&quotas);
    fixture_close(&f);
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(quotas_open(f.v, &quotas), ERR_OK);
    q = quotas_get(quotas, "kept", 3600, 100, true);
    lost = quotas_get(quotas, "lost", 3600, 1, false);
    cr_expect_eq(take(q, 50, now_s), QUOTA_ROOM);
    cr_expect_neq(take(q, 101, now_s), QUOTA_ROOM);
    cr_expect_eq(take(lost, 2, now_s), QUOTA_ROOM);
    cr_expect_eq(quotas_get(quotas, "kept", 3600, 10, true), q);
    cr_expect_eq(take(q, 50, now_s), QUOTA_ROOM, "who counts is seen on");
    cr_expect_neq(take(q, 102, now_s), QUOTA_ROOM);
}

static void *drip(void *context)
{
    struct quota *q = context;
    size_t taken = 0;

    for (uint64_t subject = 1; subject <= 5000; subject++)
        taken += take(q, subject, 0) == QUOTA_ROOM;
    return (void *)taken;
}

Test(quota, is_one_for_all_threads)
{
    struct quota *q = quotas_get(quotas, "threads", 3600, 1000, true);
    pthread_t threads[4];
    void *taken;

    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, drip, q), 0);
    for (size_t i = 0; i < 4; i++) {
        cr_assert_eq(pthread_join(threads[i], &taken), 0);
        cr_expect_eq((size_t)taken, 1000, "the same thousand");
    }
}

Test(quota, numbers_texts_by_what_they_are)
{
    const uint64_t number = quotas_hash(quotas, 1, SPAN_LIT("ada@example.org"));
    struct quotas *other;

    cr_expect_eq(number, quotas_hash(quotas, 1, SPAN_LIT("ada@example.org")));
    cr_expect_neq(number, quotas_hash(quotas, 2, SPAN_LIT("ada@example.org")));
    cr_expect_neq(number, quotas_hash(quotas, 1, SPAN_LIT("bob@example.org")));
    cr_assert_eq(quotas_open(f.v, &other), ERR_OK);
    cr_expect_neq(number, quotas_hash(other, 1, SPAN_LIT("ada@example.org")), "another process");
    quotas_free(&other);
}
