/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/rootkey.h"

#include <criterion/criterion.h>

#include "base/secret.h"

TestSuite(rootkey, .init = secret_start);

Test(rootkey, done_twice_is_harmless)
{
    struct root_key key = {3, secret_alloc(ROOT_KEY_BYTES)};

    root_key_done(&key);
    cr_assert_null(key.bytes);
    cr_assert_eq(key.epoch, 0);
    root_key_done(&key);
}

Test(rootkey, of_several_is_found_by_its_epoch)
{
    struct root_keys keys = {{{3, secret_alloc(ROOT_KEY_BYTES)}, {5, secret_alloc(ROOT_KEY_BYTES)}},
                             2};
    const struct root_keys none = {.count = 0};

    cr_assert_eq(root_keys_find(&keys, 3), &keys.at[0]);
    cr_assert_eq(root_keys_find(&keys, 5), &keys.at[1]);
    cr_assert_null(root_keys_find(&keys, 4));
    cr_assert_null(root_keys_find(&keys, 0));
    cr_assert_eq(root_keys_newest(&keys), &keys.at[1]);
    cr_assert_null(root_keys_newest(&none));
    root_keys_done(&keys);
    cr_assert(keys.count == 0 && keys.at[0].bytes == NULL && keys.at[1].bytes == NULL);
    cr_assert_null(root_keys_find(&keys, 3));
    root_keys_done(&keys);
}
