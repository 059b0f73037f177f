/* SPDX-License-Identifier: Apache-2.0 */
/* The watch, and the rotation where a provider is in its way. */
#include "keys/watch.h"

#include <criterion/criterion.h>

#include "base/log.h"
#include "keys/keys_priv.h"
#include "tests/support/vault_rig.h"

/* A provider that does what the test says. */
struct fake {
    struct provider provider;
    uint8_t keys[4][ROOT_KEY_BYTES]; /* of epochs 1, 2, ... */
    uint32_t first, last;
    enum err check, add, drop;
    struct provider_health health;
    int loads;
};

static enum err fake_load(struct provider *p, struct root_keys *ret, struct errmsg *msg)
{
    struct fake *f = (struct fake *)p;

    f->loads++;
    if (f->check != ERR_OK)
        return errmsg_set(msg, ERR_SEALED, "no answer");
    ret->count = 0;
    for (uint32_t epoch = f->first; epoch <= f->last; epoch++) {
        struct root_key *to = &ret->at[ret->count++];

        *to = (struct root_key){epoch, secret_alloc(ROOT_KEY_BYTES)};
        memcpy(to->bytes, f->keys[epoch - 1], ROOT_KEY_BYTES);
    }
    return ERR_OK;
}

static enum err fake_add(struct provider *p, uint32_t epoch, struct root_key *ret,
                         struct errmsg *msg)
{
    struct fake *f = (struct fake *)p;

    if (f->add != ERR_OK)
        return errmsg_set(msg, f->add, "cannot add");
    f->last = epoch;
    *ret = (struct root_key){epoch, secret_alloc(ROOT_KEY_BYTES)};
    memcpy(ret->bytes, f->keys[epoch - 1], ROOT_KEY_BYTES);
    return ERR_OK;
}

static enum err fake_drop(struct provider *p, uint32_t epoch, struct errmsg *msg)
{
    struct fake *f = (struct fake *)p;

    if (epoch < f->first)
        return ERR_OK;
    if (f->drop != ERR_OK)
        return errmsg_set(msg, f->drop, "cannot drop");
    f->first = epoch + 1;
    return ERR_OK;
}

static enum err fake_check(struct provider *p, struct provider_health *ret, struct errmsg *msg)
{
    struct fake *f = (struct fake *)p;

    *ret = f->health;
    return f->check == ERR_OK ? ERR_OK : errmsg_set(msg, f->check, "no answer");
}

static void fake_close(struct provider *p)
{
    free(p);
}

static const struct provider_ops fake_ops = {.scheme = "fake",
                                             .load = fake_load,
                                             .add = fake_add,
                                             .drop = fake_drop,
                                             .check = fake_check,
                                             .close = fake_close};

struct bench {
    struct rig rig;
    struct fake *fake;
    struct keys *keys;
    struct rotation *rotation;
    struct watch *watch;
    struct token_text token;
    struct errmsg msg;
};

static void bench_start(struct bench *b)
{
    *b = (struct bench){.fake = mem_alloc(sizeof(struct fake))};
    log_set_level(LOG_ERROR + 1);
    rig_init(&b->rig);
    b->token = rig_store(&b->rig, "note", "somebody", "a value");
    b->fake->provider = (struct provider){&fake_ops, mem_strdup("fake")};
    secret_random(b->fake->keys, sizeof(b->fake->keys));
    memcpy(b->fake->keys[0], b->rig.root, ROOT_KEY_BYTES);
    b->fake->first = b->fake->last = 1;
    b->fake->health = (struct provider_health){5000, 60000};
    b->keys = keys__new(&b->fake->provider, NULL);
    b->rotation = rotation_new(b->rig.vault, b->keys);
    b->watch = watch_new(b->rig.vault, b->keys, b->rotation);
}

static void bench_stop(struct bench *b)
{
    watch_free(&b->watch);
    rotation_free(&b->rotation);
    rig_done(&b->rig);
    keys_free(&b->keys);
}

static uint32_t epoch_of(const struct bench *b)
{
    struct vault_key_status status;

    vault_key_status(b->rig.vault, &status);
    return status.old_epoch == 0 ? status.epoch : 0;
}

static bool reads(struct bench *b)
{
    char value[256] = "";

    return rig_reveal(&b->rig, &b->token, value) == ERR_OK && strcmp(value, "a value") == 0;
}

TestSuite(watch, .init = secret_start);
TestSuite(rotation, .init = secret_start);

Test(watch, seals_when_the_lease_is_over_and_unseals_when_access_is_back)
{
    AUTO(bench_stop) struct bench b;

    bench_start(&b);
    cr_assert_eq(watch_pass(b.watch), 5000, "as the provider says");
    cr_assert(!vault_is_sealed(b.rig.vault));
    b.fake->check = ERR_IO;
    cr_assert_eq(watch_pass(b.watch), 5000);
    cr_assert(!vault_is_sealed(b.rig.vault), "the lease goes on");
    b.fake->health.lease_ms = 3000;
    cr_assert_leq(watch_pass(b.watch), 3000, "not later than the lease ends");
    cr_assert(!vault_is_sealed(b.rig.vault));
    b.fake->health.lease_ms = 0;
    (void)watch_pass(b.watch);
    cr_assert(vault_is_sealed(b.rig.vault));
    (void)watch_pass(b.watch);
    cr_assert(vault_is_sealed(b.rig.vault));
    cr_assert_eq(b.fake->loads, 0, "what is not there is not loaded");
    b.fake->check = ERR_OK;
    (void)watch_pass(b.watch);
    cr_assert(!vault_is_sealed(b.rig.vault));
    cr_assert(reads(&b));
    cr_assert_eq(b.fake->loads, 1);
}

Test(watch, counts_the_lease_from_the_last_yes)
{
    AUTO(bench_stop) struct bench b;
    int64_t until_ms;

    bench_start(&b);
    for (until_ms = clock_mono_ms() + 1100; clock_mono_ms() < until_ms;)
        continue;
    (void)watch_pass(b.watch);
    b.fake->check = ERR_IO;
    b.fake->health.lease_ms = 1000;
    (void)watch_pass(b.watch);
    cr_assert(!vault_is_sealed(b.rig.vault), "it was there a moment ago");
    for (until_ms = clock_mono_ms() + 1100; clock_mono_ms() < until_ms;)
        continue;
    (void)watch_pass(b.watch);
    cr_assert(vault_is_sealed(b.rig.vault));
}

Test(watch, stays_sealed_when_another_key_comes_back)
{
    AUTO(bench_stop) struct bench b;

    bench_start(&b);
    b.fake->check = ERR_DENIED;
    b.fake->health.lease_ms = 0;
    (void)watch_pass(b.watch);
    b.fake->check = ERR_OK;
    b.fake->keys[0][0] ^= 1;
    (void)watch_pass(b.watch);
    cr_assert(vault_is_sealed(b.rig.vault));
    b.fake->keys[0][0] ^= 1;
    (void)watch_pass(b.watch);
    cr_assert(!vault_is_sealed(b.rig.vault));
    cr_assert(reads(&b));
}

Test(watch, keeps_its_times_within_bounds)
{
    AUTO(bench_stop) struct bench b;

    bench_start(&b);
    b.fake->health.again_ms = 0;
    cr_assert_eq(watch_pass(b.watch), 1000);
    b.fake->health.again_ms = INT64_MAX;
    cr_assert_eq(watch_pass(b.watch), 600000);
}

Test(rotation, goes_from_epoch_to_epoch)
{
    AUTO(bench_stop) struct bench b;

    bench_start(&b);
    cr_assert_eq(rotation_run(b.rotation, ROTATION_RESUME, &b.msg), ERR_OK);
    cr_assert_eq(epoch_of(&b), 1, "nothing was half-way");
    cr_assert_eq(rotation_run(b.rotation, ROTATION_NEW, &b.msg), ERR_OK, "%s", b.msg.text);
    cr_assert_eq(epoch_of(&b), 2);
    cr_assert(b.fake->first == 2 && b.fake->last == 2);
    cr_assert(reads(&b));
}

Test(rotation, that_cannot_begin_changes_nothing)
{
    AUTO(bench_stop) struct bench b;
    struct rotation_status status;

    bench_start(&b);
    b.fake->add = ERR_UNSUPPORTED;
    cr_assert_eq(rotation_run(b.rotation, ROTATION_NEW, &b.msg), ERR_UNSUPPORTED);
    cr_assert_str_eq(b.msg.text, "cannot add");
    rotation_read_status(b.rotation, &status);
    cr_assert_eq(status.state, ROTATION_WAITING);
    b.fake->add = ERR_IO;
    cr_assert_eq(rotation_run(b.rotation, ROTATION_NEW, &b.msg), ERR_IO);
    rotation_read_status(b.rotation, &status);
    cr_assert(status.state == ROTATION_FAILED && status.error == ERR_IO);
    cr_assert_eq(epoch_of(&b), 1);
    cr_assert_eq(b.fake->last, 1);
}

Test(rotation, that_could_not_destroy_the_old_version_does_so_later_and_begins_no_new_one)
{
    AUTO(bench_stop) struct bench b;

    bench_start(&b);
    b.fake->drop = ERR_IO;
    cr_assert_eq(rotation_run(b.rotation, ROTATION_NEW, &b.msg), ERR_IO);
    cr_assert_eq(epoch_of(&b), 2, "the store itself has gone over");
    cr_assert(b.fake->first == 1 && b.fake->last == 2);
    cr_assert_eq(rotation_run(b.rotation, ROTATION_NEW, &b.msg), ERR_IO);
    cr_assert_eq(b.fake->last, 2);
    b.fake->drop = ERR_OK;
    cr_assert_eq(rotation_run(b.rotation, ROTATION_NEW, &b.msg), ERR_OK);
    cr_assert_eq(epoch_of(&b), 2);
    cr_assert(b.fake->first == 2 && b.fake->last == 2);
}

Test(rotation, takes_a_version_that_is_there_already)
{
    AUTO(bench_stop) struct bench b;

    bench_start(&b);
    b.fake->last = 2; /* made, and then the process ended */
    b.fake->add = ERR_INTERNAL;
    cr_assert_eq(rotation_run(b.rotation, ROTATION_RESUME, &b.msg), ERR_OK, "%s", b.msg.text);
    cr_assert_eq(epoch_of(&b), 2);
    cr_assert_eq(b.fake->first, 2);
    cr_assert(reads(&b));
}

Test(rotation, that_is_stopped_says_so)
{
    AUTO(bench_stop) struct bench b;

    bench_start(&b);
    rotation_stop(b.rotation);
    cr_assert_eq(rotation_run(b.rotation, ROTATION_NEW, &b.msg), ERR_CANCELED);
    cr_assert_eq(b.fake->first, 1, "the old version is needed");
    cr_assert(reads(&b));
}

Test(rotation, on_its_own_thread_ends_with_its_owner)
{
    AUTO(bench_stop) struct bench b;
    struct rotation_status status = {.state = ROTATION_RUNNING};

    bench_start(&b);
    for (int i = 0; i < 3; i++) {
        cr_assert(rotation_start(b.rotation, i < 2 ? ROTATION_NEW : ROTATION_RESUME));
        do
            rotation_read_status(b.rotation, &status);
        while (status.state == ROTATION_RUNNING);
        cr_assert_eq(status.state, ROTATION_NONE, "%s", status.message.text);
    }
    cr_assert_eq(epoch_of(&b), 3);
}
