/* SPDX-License-Identifier: Apache-2.0 */
/* Root keys in memory.
 * Runs on: any thread. Holds: nothing. Not here: where they come from (keys/), what they wrap
 * (slab.c). */
#include "vault/rootkey.h"

#include "base/secret.h"

const struct root_key *root_keys_find(const struct root_keys *keys, uint32_t epoch)
{
    for (size_t i = 0; i < keys->count; i++)
        if (keys->at[i].epoch == epoch)
            return &keys->at[i];
    return NULL;
}

const struct root_key *root_keys_newest(const struct root_keys *keys)
{
    return keys->count == 0 ? NULL : &keys->at[keys->count - 1];
}

void root_key_done(struct root_key *key)
{
    secret_free(&key->bytes);
    key->epoch = 0;
}

void root_keys_done(struct root_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        root_key_done(&keys->at[i]);
    keys->count = 0;
}
