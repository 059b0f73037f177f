/* SPDX-License-Identifier: Apache-2.0 */
/* The rotation of the root key.
 * Runs on: a worker or a thread of its own; blocks. Holds: how the last run ended, its thread.
 * Invariant: a version is destroyed only when the vault says that no key needs it; one is used only
 * when its provider says that it is durable. Not here: wrapping (vault/rotate.c), providers. */
#include "keys/rotation.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"

enum {
    STEP_SLOTS = 1024, /* some milliseconds of the writer */
    BUSY_TRIES = 500,
    BUSY_WAIT_NS = 20000000
};

struct rotation {
    struct vault *vault;
    struct keys *keys;
    atomic_bool stop;
    pthread_mutex_t lock; /* over what follows */
    struct rotation_status status;
    bool joinable;
    pthread_t thread;
    enum rotation_kind kind; /* of the thread */
};

/* ---- operations of the vault ---- */

static enum err run_op(struct rotation *r, struct vault_op *op)
{
    const struct timespec wait = {.tv_nsec = BUSY_WAIT_NS};
    enum err e = ERR_BUSY;

    for (int i = 0; i < BUSY_TRIES && e == ERR_BUSY; i++) {
        if (i > 0)
            (void)nanosleep(&wait, NULL);
        if (atomic_load(&r->stop))
            return ERR_CANCELED;
        e = vault_run(r->vault, op);
    }
    return e;
}

static enum err begin(struct rotation *r, const struct root_key *next, struct errmsg *msg)
{
    struct vault_rotate_begin op = {.op = {.kind = VAULT_ROTATE_BEGIN}, .next = next};
    enum err e = run_op(r, &op.op);

    return e == ERR_OK ? e
                       : errmsg_set(msg, e, "the rotation to epoch %" PRIu32 " cannot begin: %s",
                                    next->epoch, err_text(e));
}

static enum err rewrap(struct rotation *r, struct errmsg *msg)
{
    struct vault_rotate_step op = {
        .op = {.kind = VAULT_ROTATE_STEP}, .limit = STEP_SLOTS, .more = true};
    enum err e = ERR_OK;

    while (op.more && e == ERR_OK)
        e = run_op(r, &op.op);
    if (e == ERR_CANCELED)
        return errmsg_set(msg, e,
                          "the rotation was stopped half-way; it goes on at the next start");
    if (e == ERR_CORRUPT)
        return errmsg_set(msg, e,
                          "%s/keys.slab holds keys that do not unwrap; the old root key is kept, "
                          "restore keys.slab",
                          vault_dir(r->vault));
    return e == ERR_OK ? e : errmsg_set(msg, e, "the rotation stopped: %s", err_text(e));
}

/* ---- the provider's versions ---- */

/* Destroy every version before `epoch`. What a crash left of an earlier drop is finished with it. */
static enum err drop_before(struct rotation *r, const struct root_keys *roots, uint32_t epoch,
                            struct errmsg *msg)
{
    enum err e;

    for (size_t i = 0; i < roots->count && roots->at[i].epoch < epoch; i++) {
        e = keys_drop(r->keys, roots->at[i].epoch, msg);
        if (e != ERR_OK)
            return e;
        FAULT_POINT("keys.dropped");
    }
    return keys_drop(r->keys, epoch - 1, msg);
}

static enum err make_next(struct rotation *r, uint32_t epoch, struct root_key *ret,
                          struct errmsg *msg)
{
    enum err e;

    if (epoch == UINT32_MAX)
        return errmsg_set(msg, ERR_CONFIG, "epoch %" PRIu32 " is the last one there is", epoch);
    e = keys_add(r->keys, epoch + 1, ret, msg);
    if (e == ERR_OK)
        FAULT_POINT("keys.added");
    return e;
}

/* With no rotation going on in the vault: begin one where one is due. */
static enum err begin_next(struct rotation *r, enum rotation_kind kind,
                           const struct root_keys *roots, uint32_t epoch, struct errmsg *msg)
{
    AUTO(root_key_done) struct root_key fresh = {.bytes = NULL};
    const struct root_key *next = root_keys_newest(roots);
    enum err e;

    if (next->epoch > epoch) /* made, and then the process ended; or put there by the operator */
        return begin(r, next, msg);
    if (kind == ROTATION_RESUME || roots->at[0].epoch < epoch) /* only the drop is left to do */
        return ERR_OK;
    e = make_next(r, epoch, &fresh, msg);
    return e == ERR_OK ? begin(r, &fresh, msg) : e;
}

static enum err carry_out(struct rotation *r, enum rotation_kind kind, struct errmsg *msg)
{
    AUTO(root_keys_done) struct root_keys roots = {.count = 0};
    struct vault_key_status vault;
    enum err e = keys_load(r->keys, &roots, msg);

    if (e != ERR_OK)
        return e;
    vault_key_status(r->vault, &vault);
    if (vault.old_epoch == 0)
        e = begin_next(r, kind, &roots, vault.epoch, msg);
    vault_key_status(r->vault, &vault);
    if (e == ERR_OK && vault.old_epoch != 0)
        e = rewrap(r, msg);
    if (e != ERR_OK)
        return e;
    vault_key_status(r->vault, &vault);
    REQUIRE(vault.old_epoch == 0);
    return drop_before(r, &roots, vault.epoch, msg);
}

/* ---- one at a time ---- */

/* Under the lock. */
static bool take(struct rotation *r)
{
    if (r->status.state == ROTATION_RUNNING)
        return false;
    r->status = (struct rotation_status){.state = ROTATION_RUNNING};
    return true;
}

static enum err run_taken(struct rotation *r, enum rotation_kind kind, struct errmsg *msg)
{
    struct rotation_status ended = {.state = ROTATION_NONE};

    ended.error = carry_out(r, kind, &ended.message);
    if (ended.error == ERR_UNSUPPORTED)
        ended.state = ROTATION_WAITING;
    else if (ended.error != ERR_OK)
        ended.state = ROTATION_FAILED;
    *msg = ended.message;
    REQUIRE(pthread_mutex_lock(&r->lock) == 0);
    r->status = ended;
    REQUIRE(pthread_mutex_unlock(&r->lock) == 0);
    return ended.error;
}

enum err rotation_run(struct rotation *r, enum rotation_kind kind, struct errmsg *msg)
{
    bool taken;

    REQUIRE(pthread_mutex_lock(&r->lock) == 0);
    taken = take(r);
    REQUIRE(pthread_mutex_unlock(&r->lock) == 0);
    if (!taken)
        return errmsg_set(msg, ERR_BUSY, "a rotation is going on");
    return run_taken(r, kind, msg);
}

static void *thread_main(void *argument)
{
    struct rotation *r = argument;
    struct vault_key_status before, after;
    struct errmsg msg = {""};
    enum err e;

    vault_key_status(r->vault, &before);
    e = run_taken(r, r->kind, &msg);
    vault_key_status(r->vault, &after);
    if (before.old_epoch != 0 || after.epoch != before.epoch)
        log_event(EV_KEY_ROTATION, F_NUM("epoch", after.epoch),
                  F_LIT("state", after.old_epoch == 0 ? "rewrapped" : "half-way"));
    if (e != ERR_OK && e != ERR_CANCELED)
        log_event(EV_KEY_ROTATION_FAILED, F_LIT("error", err_name(e)),
                  F_TEXT("message", span_str(msg.text)));
    return NULL;
}

bool rotation_start(struct rotation *r, enum rotation_kind kind)
{
    bool taken;

    REQUIRE(pthread_mutex_lock(&r->lock) == 0);
    taken = take(r);
    if (taken) {
        if (r->joinable) /* the one before has told its status, and needs the lock no more */
            REQUIRE(pthread_join(r->thread, NULL) == 0);
        r->kind = kind;
        r->joinable = true;
        REQUIRE(pthread_create(&r->thread, NULL, thread_main, r) == 0);
    }
    REQUIRE(pthread_mutex_unlock(&r->lock) == 0);
    return taken;
}

void rotation_read_status(struct rotation *r, struct rotation_status *ret)
{
    REQUIRE(pthread_mutex_lock(&r->lock) == 0);
    *ret = r->status;
    REQUIRE(pthread_mutex_unlock(&r->lock) == 0);
}

struct rotation *rotation_new(struct vault *vault, struct keys *keys)
{
    struct rotation *r = mem_alloc(sizeof(*r));

    r->vault = vault;
    r->keys = keys;
    REQUIRE(pthread_mutex_init(&r->lock, NULL) == 0);
    return r;
}

void rotation_stop(struct rotation *r)
{
    atomic_store(&r->stop, true);
}

void rotation_free(struct rotation **rotation)
{
    struct rotation *r = TAKE(*rotation);

    if (r == NULL)
        return;
    rotation_stop(r);
    if (r->joinable)
        REQUIRE(pthread_join(r->thread, NULL) == 0);
    (void)pthread_mutex_destroy(&r->lock);
    free(r);
}
