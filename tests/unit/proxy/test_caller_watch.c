/* SPDX-License-Identifier: Apache-2.0 */
/* What callers have used, as it is shown. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/mem.h"
#include "proxy/caller.h"
#include "tests/support/vault_fixture.h"
#include "vault/watch.h"

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

TestSuite(caller_watch, .init = start, .fini = stop, .timeout = 60);

static struct class_def class_defs[] = {
    {.name = "note", .purposes = {"account", "support"}, .purpose_count = 2}};
static const struct classes classes = {class_defs, 1};

static uint16_t number(const struct class_def *def UNUSED, const void *context UNUSED)
{
    return 1;
}

static char desk_name[] = "desk", free_name[] = "free", account[] = "account",
            support[] = "support";
static char *purposes[] = {account, support};
static uint8_t reveal[] = {REVEAL_VALUE};

/* One with every kind of quota, and one with none. */
static struct callers *two_callers(void)
{
    struct caller_quota own[] = {{0, 0}, {.per_hour = 2}};
    struct caller_def defs[] = {
        {.name = desk_name,
         .has_key = true,
         .purposes = purposes,
         .purpose_count = 2,
         .reveal = reveal,
         .quotas = {.all = {.per_hour = 5, .per_day = 9},
                    .purposes = own,
                    .lookups_per_hour = 7,
                    .misses_per_minute = 4}},
        {.name = free_name,
         .has_key = true,
         .purposes = purposes,
         .purpose_count = 2,
         .reveal = reveal},
    };
    struct callers *callers;

    secret_hash("desk-desk-desk-desk", 19, defs[0].key_hash);
    secret_hash("free-free-free-free", 19, defs[1].key_hash);
    callers = callers_new(defs, COUNT_OF(defs), &classes, number, NULL);
    callers_watch(callers, f.v, quotas);
    return callers;
}

static void write_state(const struct caller_state *state, void *context)
{
    struct buf *out = context;
    char line[256];

    (void)snprintf(line, sizeof(line), "%s%s:", state->name, state->suspended ? "!" : "");
    cr_assert_eq(buf_append_str(out, line), ERR_OK);
    for (size_t i = 0; i < state->quota_count; i++) {
        const struct caller_quota_state *q = &state->quotas[i];

        (void)snprintf(line, sizeof(line), " %s/%s/%lld=%zu/%zu",
                       q->purpose == NULL ? "" : q->purpose, q->what, (long long)q->window_s,
                       q->used, q->limit);
        cr_assert_eq(buf_append_str(out, line), ERR_OK);
    }
    cr_assert_eq(buf_append_byte(out, '\n'), ERR_OK);
}

static void expect(const struct callers *callers, const char *wanted)
{
    AUTO(buf_done) struct buf text = {.max = 4096};

    callers_read(callers, 1000, write_state, &text);
    cr_assert_eq(buf_append_byte(&text, '\0'), ERR_OK);
    cr_expect_str_eq((const char *)text.bytes, wanted);
}

Test(caller_watch, each_quota_is_told_once_with_its_use)
{
    AUTO(callers_free) struct callers *callers = two_callers();
    const struct guard_rules *rules;
    const struct caller *desk = NULL;

    expect(callers, "desk: /people/3600=0/5 /people/86400=0/9 /lookups/3600=0/7 /misses/60=0/4 "
                    "support/people/3600=0/2\nfree:\n");
    cr_assert_eq(callers_find(callers, SPAN_LIT("desk-desk-desk-desk"), &desk), ERR_OK);
    rules = caller_rules(desk, SPAN_LIT("support"));
    for (uint64_t subject = 1; subject <= 3; subject++)
        (void)quotas_take(quotas, rules->list, rules->count, subject, 1000);
    vault_caller_suspend(caller_state(desk));
    expect(callers, "desk!: /people/3600=2/5 /people/86400=2/9 /lookups/3600=0/7 /misses/60=0/4 "
                    "support/people/3600=2/2\nfree:\n");
}
