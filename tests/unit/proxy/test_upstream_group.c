/* SPDX-License-Identifier: Apache-2.0 */
/* What the loops share of an upstream: the list of addresses, ejections, health. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "proxy/upstream_group_priv.h"
#include "proxy/upstream_priv.h"

TestSuite(group, .init = secret_start, .timeout = 60);

enum { FAILURES = 3, ADDRESSES = 4 };

struct rig {
    struct upstream_address addresses[UPSTREAM_ADDRESSES_MAX + 2];
    struct upstream_config config;
    struct upstream_group *group;
    int log;
};

static struct upstream_address numbered(size_t i)
{
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_port = htons(80),
                             .sin_addr.s_addr = htonl(0x0a000001u + (uint32_t)i)};
    struct upstream_address a = {.len = sizeof(in)};

    memcpy(&a.address, &in, sizeof(in));
    return a;
}

static void start(struct rig *r, size_t count, uint32_t share)
{
    char path[] = "/tmp/lethe-test-log-XXXXXX";

    *r = (struct rig){.log = mkstemp(path)};
    (void)unlink(path);
    log_set_fd(r->log);
    for (size_t i = 0; i < COUNT_OF(r->addresses); i++)
        r->addresses[i] = numbered(i);
    r->config = (struct upstream_config){
        .name = (char *)"app",
        .addresses = r->addresses,
        .address_count = count,
        .health = {.rise = 2, .fall = 3},
        .ejection = {.failures = FAILURES, .base_ms = 1000, .max_ms = 4000, .share = share},
    };
    r->group = upstream_group_new(&r->config);
}

static void stop(struct rig *r)
{
    upstream_group_free(&r->group);
    log_set_fd(2);
    close(r->log);
}

/* How often an event was logged. */
static size_t logged(const struct rig *r, const char *event)
{
    char text[16384], wanted[64];
    ssize_t n = pread(r->log, text, sizeof(text) - 1, 0);
    size_t count = 0;

    text[n < 0 ? 0 : n] = '\0';
    (void)snprintf(wanted, sizeof(wanted), "\"%s\"", event);
    for (const char *at = text; (at = strstr(at, wanted)) != NULL; at++)
        count++;
    return count;
}

static void fail(struct rig *r, size_t i, unsigned times)
{
    while (times-- > 0)
        upstream__target_failed(r->group, r->group->targets[i], false);
}

static bool is_out(struct rig *r, size_t i, int64_t after_ms)
{
    return upstream__target_is_out(r->group, r->group->targets[i], clock_mono_ms() + after_ms);
}

/* ---- ejection ---- */

Test(group, leaves_out_an_address_after_so_many_failures_in_a_row)
{
    struct rig r;

    start(&r, ADDRESSES, 50);
    fail(&r, 0, FAILURES - 1);
    upstream__target_well(r.group->targets[0]);
    fail(&r, 0, FAILURES - 1);
    cr_expect_not(is_out(&r, 0, 0));
    fail(&r, 0, 1);
    cr_expect(is_out(&r, 0, 0));
    cr_expect(is_out(&r, 0, 900));
    fail(&r, 0, 5); /* those that were under way */
    cr_expect_eq(logged(&r, "upstream_ejected"), 1);
    cr_expect_not(is_out(&r, 0, 1001));
    cr_expect_not(is_out(&r, 0, 1001));
    cr_expect_eq(logged(&r, "upstream_returned"), 1);
    stop(&r);
}

Test(group, leaves_it_out_longer_each_time_up_to_a_limit)
{
    static const int64_t wanted[] = {1000, 2000, 4000, 4000};
    struct rig r;

    start(&r, ADDRESSES, 50);
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        struct upstream_target *t = r.group->targets[0];
        int64_t now_ms = clock_mono_ms();

        fail(&r, 0, i == 0 ? FAILURES : 1); /* on trial after the first time */
        cr_assert(upstream__target_is_out(r.group, t, now_ms));
        cr_expect_geq(atomic_load(&t->ejected_until), now_ms + wanted[i]);
        cr_expect_leq(atomic_load(&t->ejected_until), clock_mono_ms() + wanted[i]);
        cr_expect_not(upstream__target_is_out(r.group, t, atomic_load(&t->ejected_until)));
        t->returned_at = now_ms; /* as if the time had gone by */
    }
    stop(&r);
}

Test(group, begins_anew_with_one_that_did_well_for_long)
{
    struct rig r;
    struct upstream_target *t;

    start(&r, ADDRESSES, 50);
    t = r.group->targets[0];
    fail(&r, 0, FAILURES);
    cr_expect_not(is_out(&r, 0, 1001));
    upstream__target_well(t);
    t->returned_at = clock_mono_ms() - 4001;
    fail(&r, 0, FAILURES);
    cr_expect_leq(atomic_load(&t->ejected_until), clock_mono_ms() + 1000);
    stop(&r);
}

Test(group, leaves_out_no_more_than_the_share)
{
    static const struct {
        size_t count, most;
        uint32_t share;
    } cases[] = {{4, 2, 50}, {4, 1, 49}, {4, 0, 24},  {4, 3, 100},
                 {3, 1, 50}, {2, 1, 50}, {1, 0, 100}, {4, 0, 0}};

    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        size_t out = 0;
        struct rig r;

        start(&r, cases[c].count, cases[c].share);
        for (size_t i = 0; i < cases[c].count; i++)
            fail(&r, i, 2 * FAILURES);
        for (size_t i = 0; i < cases[c].count; i++)
            out += is_out(&r, i, 0);
        cr_expect_eq(out, cases[c].most, "%zu of %zu with %u", out, cases[c].count, cases[c].share);
        cr_expect_eq(logged(&r, "upstream_ejected"), cases[c].most);
        stop(&r);
    }
}

Test(group, counts_those_that_are_down_when_it_spares_the_last)
{
    struct rig r;

    start(&r, 2, 100);
    for (int i = 0; i < 3; i++)
        upstream__target_checked(r.group, r.group->targets[1], false);
    fail(&r, 0, 2 * FAILURES);
    cr_expect_not(is_out(&r, 0, 0));
    stop(&r);
}

Test(group, never_leaves_out_when_told_so)
{
    struct rig r;

    start(&r, ADDRESSES, 100);
    r.config.ejection.failures = 0;
    fail(&r, 0, 1000);
    cr_expect_not(is_out(&r, 0, 0));
    stop(&r);
}

Test(group, avoids_for_a_while_what_could_not_be_connected_to)
{
    struct rig r;
    struct upstream_target *t;

    start(&r, ADDRESSES, 50);
    t = r.group->targets[0];
    upstream__target_failed(r.group, t, true);
    cr_expect_gt(atomic_load(&t->avoid_until), clock_mono_ms());
    upstream__target_well(t);
    cr_expect_eq(atomic_load(&t->avoid_until), 0);
    cr_expect_eq(atomic_load(&t->failures), 0);
    stop(&r);
}

/* ---- health ---- */

Test(group, goes_down_and_up_after_so_many_checks_in_a_row)
{
    static const struct {
        bool good, down;
    } checks[] = {{false, false}, {false, false}, {true, false}, {false, false},
                  {false, false}, {false, true},  {false, true}, {true, true},
                  {false, true},  {true, true},   {true, false}, {true, false}};
    struct rig r;

    start(&r, ADDRESSES, 50);
    for (size_t i = 0; i < COUNT_OF(checks); i++) {
        upstream__target_checked(r.group, r.group->targets[0], checks[i].good);
        cr_expect_eq(atomic_load(&r.group->targets[0]->down), checks[i].down, "check %zu", i);
    }
    cr_expect_eq(logged(&r, "upstream_down"), 1);
    cr_expect_eq(logged(&r, "upstream_up"), 1);
    stop(&r);
}

/* ---- the list ---- */

Test(group, keeps_what_it_knows_of_addresses_that_stay)
{
    struct rig r;
    struct upstream_target *kept;
    uint64_t generation;

    start(&r, 3, 50);
    kept = r.group->targets[1];
    fail(&r, 1, 2);
    generation = atomic_load(&r.group->generation);
    r.addresses[0] = numbered(9);
    cr_expect(upstream_group_publish(r.group, r.addresses, 3));
    cr_expect_eq(r.group->targets[1], kept);
    cr_expect_eq(atomic_load(&kept->failures), 2);
    cr_expect_neq(atomic_load(&r.group->generation), generation);
    stop(&r);
}

Test(group, takes_another_order_for_the_same_list)
{
    const struct upstream_address turned[] = {numbered(2), numbered(0), numbered(1)};
    struct rig r;
    uint64_t generation;

    start(&r, 3, 50);
    generation = atomic_load(&r.group->generation);
    cr_expect_not(upstream_group_publish(r.group, turned, 3));
    cr_expect_eq(atomic_load(&r.group->generation), generation);
    stop(&r);
}

Test(group, takes_an_address_once_and_no_more_than_it_can_hold)
{
    const struct upstream_address twice[] = {numbered(2), numbered(2), numbered(1)};
    struct rig r;

    start(&r, 3, 50);
    cr_expect(upstream_group_publish(r.group, twice, 3));
    cr_expect_eq(r.group->count, 2);
    cr_expect(upstream_group_publish(r.group, r.addresses, COUNT_OF(r.addresses)));
    cr_expect_eq(r.group->count, UPSTREAM_ADDRESSES_MAX);
    cr_expect_not(upstream_group_publish(r.group, r.addresses, 0));
    cr_expect_eq(r.group->count, UPSTREAM_ADDRESSES_MAX, "none at all is not believed");
    stop(&r);
}

Test(group, lives_on_in_pools_that_hold_addresses_that_went)
{
    struct upstream_target *held[UPSTREAM_ADDRESSES_MAX];
    const struct upstream_address other = numbered(9);
    uint64_t generation;
    struct rig r;

    start(&r, 2, 50);
    cr_expect_eq(upstream__group_take(r.group, held, &generation), 2);
    cr_expect(upstream_group_publish(r.group, &other, 1));
    cr_expect_str_eq(held[1]->text, "10.0.0.2:80");
    upstream__target_failed(r.group, held[1], true);
    upstream__target_drop(r.group, &held[0]);
    upstream__target_drop(r.group, &held[1]);
    cr_expect_null(held[1]);
    stop(&r);
}

Test(group, hands_on_what_it_knows_when_settings_change)
{
    struct upstream_config checking;
    struct upstream_group *next;
    struct rig r;

    start(&r, 3, 50);
    fail(&r, 0, FAILURES);
    for (int i = 0; i < 3; i++)
        upstream__target_checked(r.group, r.group->targets[1], false);
    checking = r.config;
    checking.health.path = (char *)"/";
    next = upstream_group_new(&checking);
    upstream_group_inherit(next, r.group);
    cr_expect(upstream__target_is_out(next, next->targets[0], clock_mono_ms()));
    cr_expect(atomic_load(&next->targets[1]->down));
    cr_expect_not(atomic_load(&next->targets[2]->down));
    upstream_group_free(&next);
    next = upstream_group_new(&r.config); /* nobody checks any more: nobody would find it up */
    upstream_group_inherit(next, r.group);
    cr_expect_not(atomic_load(&next->targets[1]->down));
    upstream_group_free(&next);
    stop(&r);
}

Test(group, leaves_one_in_of_those_that_were_handed_on)
{
    struct upstream_config fewer;
    struct upstream_group *next;
    struct rig r;

    start(&r, 3, 50);
    fail(&r, 0, FAILURES);
    fewer = r.config;
    fewer.address_count = 1; /* the one that is out */
    next = upstream_group_new(&fewer);
    upstream_group_inherit(next, r.group);
    cr_expect_not(upstream__target_is_out(next, next->targets[0], clock_mono_ms()));
    upstream_group_free(&next);
    stop(&r);
}

Test(group, tells_how_it_is)
{
    struct upstream_state state;
    struct rig r;

    start(&r, 3, 50);
    fail(&r, 0, FAILURES);
    for (int i = 0; i < 3; i++)
        upstream__target_checked(r.group, r.group->targets[2], false);
    upstream_group_read(r.group, &state);
    cr_expect_str_eq(state.name, "app");
    cr_assert_eq(state.address_count, 3);
    cr_expect_str_eq(state.addresses[0].address, "10.0.0.1:80");
    cr_expect(state.addresses[0].ejected && !state.addresses[0].down);
    cr_expect(!state.addresses[1].ejected && !state.addresses[1].down);
    cr_expect(!state.addresses[2].ejected && state.addresses[2].down);
    stop(&r);
}
