/* SPDX-License-Identifier: Apache-2.0 */
/* The configured root key.
 * Runs on: any thread. Holds: the providers, one lock over both. Invariant: no version of the root
 * key stays here. Not here: the rotation (rotation.c), any provider. */
#include "keys/keys_priv.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/secret.h"
#include "keys/prompt.h"

static const char ROTATION_DEFAULT[] = "P90D";

struct keys {
    pthread_mutex_t lock;
    struct prompt *prompt;
    struct provider *current;
    struct provider *previous; /* NULL: none */
    struct period rotation;
    char *rotation_text;
};

static void lock(struct keys *keys)
{
    REQUIRE(pthread_mutex_lock(&keys->lock) == 0);
}

static void unlock(struct keys *keys)
{
    REQUIRE(pthread_mutex_unlock(&keys->lock) == 0);
}

/* ---- the configuration ---- */

static enum err read_rotation(struct conf_node root, struct keys *keys, struct errmsg *msg)
{
    struct conf_node node = conf_get(root, "key_rotation");
    const char *text = ROTATION_DEFAULT;
    enum err e = conf_str(node, &text, msg);

    if (e != ERR_OK)
        return e;
    if (period_parse(span_str(text), &keys->rotation) != ERR_OK)
        return conf_fail(node, msg,
                         "\"key_rotation\" must be an ISO 8601 period such as P90D or P1Y");
    keys->rotation_text = mem_strdup(text);
    return ERR_OK;
}

static struct keys *keys_begin(void)
{
    struct keys *keys = mem_alloc(sizeof(*keys));

    REQUIRE(pthread_mutex_init(&keys->lock, NULL) == 0);
    keys->prompt = prompt_new();
    return keys;
}

struct keys *keys__new(struct provider *current, struct provider *previous)
{
    struct keys *keys = keys_begin();

    keys->current = current;
    keys->previous = previous;
    keys->rotation_text = mem_strdup(ROTATION_DEFAULT);
    REQUIRE(period_parse(span_str(ROTATION_DEFAULT), &keys->rotation) == ERR_OK);
    return keys;
}

enum err keys_read(struct conf_node root, struct keys **ret_keys, struct errmsg *msg)
{
    AUTO(keys_free) struct keys *keys = keys_begin();
    struct conf_node node, previous = conf_get(root, "root_key_previous");
    enum err e;

    e = conf_need(root, "root_key", &node, msg);
    if (e == ERR_OK)
        e = provider_read(node, keys->prompt, &keys->current, msg);
    if (e == ERR_OK && conf_has(previous))
        e = provider_read(previous, keys->prompt, &keys->previous, msg);
    if (e == ERR_OK)
        e = read_rotation(root, keys, msg);
    if (e != ERR_OK)
        return e;
    if (keys->previous != NULL && strcmp(keys->current->name, keys->previous->name) == 0)
        return conf_fail(previous, msg, "\"root_key_previous\" must be another than \"root_key\"");
    *ret_keys = TAKE(keys);
    return ERR_OK;
}

void keys_free(struct keys **keysp)
{
    struct keys *keys = TAKE(*keysp);

    if (keys == NULL)
        return;
    provider_close(&keys->current);
    provider_close(&keys->previous);
    prompt_free(&keys->prompt);
    free(keys->rotation_text);
    (void)pthread_mutex_destroy(&keys->lock);
    free(keys);
}

void keys_use_fd(struct keys *keys, int fd)
{
    prompt_use_fd(keys->prompt, fd);
}

void keys_end_prompt(struct keys *keys)
{
    lock(keys);
    prompt_end(keys->prompt);
    unlock(keys);
}

enum err keys_check_environment(struct errmsg *msg)
{
    static const char *const names[] = {"LETHE_PASSPHRASE", "LETHE_ROOT_KEY",  "LETHE_PIN",
                                        "VAULT_TOKEN",      "VAULT_SECRET_ID", "BAO_TOKEN"};

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const char *value = getenv(names[i]);

        if (value != NULL && value[0] != '\0')
            return errmsg_set(
                msg, ERR_CONFIG,
                "the environment variable %s holds a secret: lethe takes none from "
                "there (it shows in /proc and goes to every child); unset it, and use "
                "a file or a descriptor",
                names[i]);
    }
    return ERR_OK;
}

/* ---- loading ---- */

static enum err take_key(struct root_keys *to, struct root_key *key, const struct keys *keys,
                         struct errmsg *msg)
{
    const struct root_key *there = root_keys_find(to, key->epoch);
    size_t at = to->count;

    if (there != NULL)
        return secret_equal(there->bytes, key->bytes, ROOT_KEY_BYTES)
                   ? ERR_OK
                   : errmsg_set(msg, ERR_CONFIG,
                                "%s and %s hold different root keys for epoch %" PRIu32,
                                keys->current->name, keys->previous->name, key->epoch);
    if (to->count == ROOT_KEYS_MAX)
        return errmsg_set(
            msg, ERR_CONFIG,
            "%s and %s together hold more than %d versions: finish the rotation under "
            "the previous provider first",
            keys->current->name, keys->previous->name, ROOT_KEYS_MAX);
    for (; at > 0 && to->at[at - 1].epoch > key->epoch; at--)
        to->at[at] = to->at[at - 1];
    to->at[at] = *key;
    key->bytes = NULL;
    to->count++;
    return ERR_OK;
}

static enum err load_from(const struct keys *keys, struct provider *p, struct root_keys *to,
                          struct errmsg *msg)
{
    AUTO(root_keys_done) struct root_keys found = {.count = 0};
    enum err e = p->ops->load(p, &found, msg);

    if (e == ERR_NOT_FOUND) /* the message stays, in case that nobody has any */
        return ERR_OK;
    for (size_t i = 0; i < found.count && e == ERR_OK; i++)
        e = take_key(to, &found.at[i], keys, msg);
    return e;
}

/* Under the lock. Empty when no version was ever made. */
static enum err load_both(const struct keys *keys, struct root_keys *ret, struct errmsg *msg)
{
    AUTO(root_keys_done) struct root_keys all = {.count = 0};
    enum err e = keys_check_environment(msg);

    if (e == ERR_OK && keys->previous != NULL)
        e = load_from(keys, keys->previous, &all, msg);
    if (e == ERR_OK)
        e = load_from(keys, keys->current, &all, msg);
    if (e != ERR_OK)
        return e;
    *ret = all;
    all.count = 0;
    return ERR_OK;
}

enum err keys_load(struct keys *keys, struct root_keys *ret, struct errmsg *msg)
{
    struct root_keys all = {.count = 0};
    enum err e;

    lock(keys);
    e = load_both(keys, &all, msg);
    unlock(keys);
    if (e != ERR_OK)
        return e;
    if (all.count == 0)
        return ERR_CONFIG; /* with the message of the provider that has none */
    *ret = all;
    return ERR_OK;
}

/* ---- changing ---- */

/* Of a provider that is read only: the one version that the operator has put there. */
static enum err take_only(struct provider *p, struct root_key *ret, struct errmsg *msg)
{
    AUTO(root_keys_done) struct root_keys keys = {.count = 0};
    enum err e = p->ops->load(p, &keys, msg);

    if (e != ERR_OK)
        return e;
    if (keys.count != 1)
        return errmsg_set(msg, ERR_CONFLICT, "%s holds %zu versions; a new store begins with one",
                          p->name, keys.count);
    *ret = keys.at[0];
    keys.count = 0;
    return ERR_OK;
}

enum err keys_create(struct keys *keys, struct root_key *ret, struct errmsg *msg)
{
    AUTO(root_keys_done) struct root_keys previous = {.count = 0};
    enum err e = keys_check_environment(msg);

    lock(keys);
    if (e == ERR_OK && keys->previous != NULL) {
        e = keys->previous->ops->load(keys->previous, &previous, msg);
        if (e == ERR_OK)
            e = errmsg_set(msg, ERR_CONFLICT, "%s holds a root key already; nothing was changed",
                           keys->previous->name);
        else if (e == ERR_NOT_FOUND)
            e = ERR_OK;
    }
    if (e == ERR_OK)
        e = keys->current->ops->add(keys->current, 1, ret, msg);
    if (e == ERR_UNSUPPORTED)
        e = take_only(keys->current, ret, msg);
    unlock(keys);
    return e;
}

enum err keys_add(struct keys *keys, uint32_t epoch, struct root_key *ret, struct errmsg *msg)
{
    enum err e;

    lock(keys);
    e = keys->current->ops->add(keys->current, epoch, ret, msg);
    unlock(keys);
    return e;
}

enum err keys_drop(struct keys *keys, uint32_t epoch, struct errmsg *msg)
{
    enum err e;

    lock(keys);
    e = keys->current->ops->drop(keys->current, epoch, msg);
    if (e == ERR_OK && keys->previous != NULL)
        e = keys->previous->ops->drop(keys->previous, epoch, msg);
    unlock(keys);
    return e;
}

/* ---- access that can end ---- */

bool keys_is_leased(const struct keys *keys)
{
    return keys->current->ops->check != NULL;
}

enum err keys_check(struct keys *keys, struct provider_health *ret, struct errmsg *msg)
{
    enum err e;

    REQUIRE(keys_is_leased(keys));
    lock(keys);
    e = keys->current->ops->check(keys->current, ret, msg);
    unlock(keys);
    return e;
}

/* ---- telling ---- */

const char *keys_name(const struct keys *keys)
{
    return keys->current->name;
}

const char *keys_previous_name(const struct keys *keys)
{
    return keys->previous == NULL ? NULL : keys->previous->name;
}

const struct period *keys_rotation_period(const struct keys *keys)
{
    return &keys->rotation;
}

const char *keys_rotation_text(const struct keys *keys)
{
    return keys->rotation_text;
}
