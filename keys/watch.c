/* SPDX-License-Identifier: Apache-2.0 */
/* Access to the root key, watched.
 * Runs on: a worker, one at a time; blocks. Holds: when access was there last. Invariant: the vault
 * is open no longer than the lease after the last time that the provider said yes.
 * Not here: asking (the provider's check()), the timer (cli/keywatch.c). */
#include "keys/watch.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum { AGAIN_MIN_MS = 1000, AGAIN_MAX_MS = 600000, ROTATION_AGAIN_MS = 600000 };

struct watch {
    struct vault *vault;
    struct keys *keys;
    struct rotation *rotation;
    int64_t last_ok_ms; /* by the monotonic clock */
    int64_t rotation_at_ms;
    bool lost;
};

struct watch *watch_new(struct vault *vault, struct keys *keys, struct rotation *rotation)
{
    struct watch *w = mem_alloc(sizeof(*w));

    w->vault = vault;
    w->keys = keys;
    w->rotation = rotation;
    w->last_ok_ms = clock_mono_ms();
    w->rotation_at_ms = w->last_ok_ms + ROTATION_AGAIN_MS;
    return w;
}

void watch_free(struct watch **watch)
{
    free(TAKE(*watch));
}

static int64_t bounded(int64_t ms)
{
    if (ms < AGAIN_MIN_MS)
        return AGAIN_MIN_MS;
    return ms > AGAIN_MAX_MS ? AGAIN_MAX_MS : ms;
}

static void log_lost(enum err e, const struct errmsg *msg)
{
    log_event(EV_KEY_ACCESS_LOST, F_LIT("error", err_name(e)),
              F_TEXT("message", span_str(msg->text)));
}

/* An error leaves the vault open, and the next pass tries again: that is soon. */
static void seal(struct watch *w)
{
    struct vault_seal op = {.op = {.kind = VAULT_SEAL}};

    if (vault_is_sealed(w->vault))
        return;
    if (vault_run(w->vault, &op.op) == ERR_OK)
        log_event(EV_SEALED);
}

static void unseal(struct watch *w)
{
    AUTO(root_keys_done) struct root_keys roots = {.count = 0};
    struct errmsg msg = {""};
    struct vault_unseal op = {.op = {.kind = VAULT_UNSEAL}, .roots = &roots, .msg = &msg};
    enum err e;

    if (!vault_is_sealed(w->vault))
        return;
    e = keys_load(w->keys, &roots, &msg);
    if (e == ERR_OK)
        e = vault_run(w->vault, &op.op);
    if (e != ERR_OK) {
        log_lost(e, &msg);
        return;
    }
    w->rotation_at_ms = 0; /* the seal may have stopped one */
    log_event(EV_UNSEALED);
}

/* After how long to ask again. */
static int64_t ask(struct watch *w)
{
    struct provider_health health = {AGAIN_MAX_MS, AGAIN_MAX_MS};
    int64_t asked_ms = clock_mono_ms(), left_ms;
    struct errmsg msg = {""};
    enum err e = keys_check(w->keys, &health, &msg);

    if (e == ERR_OK) {
        if (w->lost)
            log_event(EV_KEY_ACCESS_BACK);
        w->lost = false;
        w->last_ok_ms = asked_ms; /* the answer may have taken long, and is of then */
        unseal(w);
        return health.again_ms;
    }
    if (!w->lost)
        log_lost(e, &msg);
    w->lost = true;
    left_ms = w->last_ok_ms + health.lease_ms - clock_mono_ms();
    if (left_ms <= 0)
        seal(w);
    return left_ms > 0 && left_ms < health.again_ms ? left_ms : health.again_ms;
}

static void resume_rotation(struct watch *w)
{
    struct vault_key_status vault;
    struct rotation_status status;

    if (clock_mono_ms() < w->rotation_at_ms || vault_is_sealed(w->vault))
        return;
    w->rotation_at_ms = clock_mono_ms() + ROTATION_AGAIN_MS;
    rotation_read_status(w->rotation, &status);
    vault_key_status(w->vault, &vault);
    if (status.state == ROTATION_FAILED || vault.old_epoch != 0)
        (void)rotation_start(w->rotation, ROTATION_RESUME);
}

int64_t watch_pass(struct watch *w)
{
    int64_t again_ms = keys_is_leased(w->keys) ? ask(w) : AGAIN_MAX_MS;

    resume_rotation(w);
    return bounded(again_ms);
}
