/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on the root key.
 *
 *   key.status gives {"epoch", "since", "age_days", "policy", "due", "overdue", "provider",
 *     "previous_provider"?, "versions": [EPOCH, ...] or, when the provider cannot be asked,
 *     "provider_error", "sealed", "rotation": {"state": "none"|"running"|"interrupted"|"waiting"|"failed",
 *     "error"?, "message"?, "from"?, "slots", "rewrapped"}}
 *
 * "since" is when the last rotation ended (before any: when the store was made).
 * Runs on: worker threads and the command line; key.status blocks as long as the provider does.
 * Holds: nothing. Not here: the rotation (keys/rotation.c). */
#include "admin/ops_priv.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"

static const char *const state_names[] = {
    [ROTATION_NONE] = "none",
    [ROTATION_RUNNING] = "running",
    [ROTATION_WAITING] = "waiting",
    [ROTATION_FAILED] = "failed",
};

enum err ops_key_rotate(struct admin *admin, const struct json *request UNUSED,
                        struct json **ret_response, struct errmsg *msg UNUSED)
{
    struct json *map = json_new_map();

    REQUIRE(admin->rotation != NULL);
    json_set_bool(map, "started", rotation_start(admin->rotation, ROTATION_NEW));
    *ret_response = map;
    return ERR_OK;
}

/* Paths may be other bytes than UTF-8. */
static void set_text(struct json *map, const char *name, const char *text)
{
    struct json *value = json_new_text(span_str(text));

    if (value == NULL)
        json_set_str(map, name, "(not UTF-8)");
    else
        json_set(map, name, value);
}

static void set_instant(struct json *map, const char *name, int64_t at_s)
{
    char text[24];

    period_format_instant(at_s, text);
    json_set_str(map, name, text);
}

static void set_age(struct json *map, const struct keys *keys, int64_t began_ms)
{
    int64_t now_s = clock_now_s(), began_s = began_ms / 1000;
    int64_t due_s = period_add(began_s, keys_rotation_period(keys));

    set_instant(map, "since", began_s);
    json_set_int(map, "age_days", now_s < began_s ? 0 : (now_s - began_s) / 86400);
    json_set_str(map, "policy", keys_rotation_text(keys));
    set_instant(map, "due", due_s);
    json_set_bool(map, "overdue", now_s >= due_s);
}

static void set_provider(struct json *map, struct keys *keys)
{
    AUTO(root_keys_done) struct root_keys roots = {.count = 0};
    struct json *versions;
    struct errmsg msg = {""};

    set_text(map, "provider", keys_name(keys));
    if (keys_previous_name(keys) != NULL)
        set_text(map, "previous_provider", keys_previous_name(keys));
    if (keys_load(keys, &roots, &msg) != ERR_OK) {
        set_text(map, "provider_error", msg.text);
        return;
    }
    versions = json_new_list();
    for (size_t i = 0; i < roots.count; i++)
        json_add(versions, json_new_int(roots.at[i].epoch));
    json_set(map, "versions", versions);
}

static struct json *rotation_map(const struct rotation_status *status,
                                 const struct vault_key_status *vault)
{
    struct json *map = json_new_map();
    bool interrupted = status->state == ROTATION_NONE && vault->old_epoch != 0;

    json_set_str(map, "state", interrupted ? "interrupted" : state_names[status->state]);
    if (status->error != ERR_OK) {
        json_set_str(map, "error", err_name(status->error));
        set_text(map, "message", status->message.text);
    }
    if (vault->old_epoch != 0)
        json_set_int(map, "from", vault->old_epoch);
    json_set_int(map, "slots", (int64_t)vault->slots);
    json_set_int(map, "rewrapped", (int64_t)vault->rewrapped);
    return map;
}

enum err ops_key_status(struct admin *admin, const struct json *request UNUSED,
                        struct json **ret_response, struct errmsg *msg UNUSED)
{
    struct json *map = json_new_map();
    struct rotation_status rotation;
    struct vault_key_status vault;

    REQUIRE(admin->rotation != NULL && admin->keys != NULL);
    /* In this order: a rotation that ends in between is not called interrupted. */
    rotation_read_status(admin->rotation, &rotation);
    vault_key_status(admin->vault, &vault);
    json_set_int(map, "epoch", vault.epoch);
    set_age(map, admin->keys, vault.epoch_began_ms);
    set_provider(map, admin->keys);
    json_set_bool(map, "sealed", vault_is_sealed(admin->vault));
    json_set(map, "rotation", rotation_map(&rotation, &vault));
    *ret_response = map;
    return ERR_OK;
}
