/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/tagcache_priv.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/secret.h"

TestSuite(tagcache, .init = secret_start);

static const uint8_t ada[VAULT_ID_BYTES] = {1}, bob[VAULT_ID_BYTES] = {2};
static const uint8_t tag[AUDIT_TAG_BYTES] = {7, 8, 9}, other[AUDIT_TAG_BYTES] = {4};

Test(tagcache, gives_a_tag_to_whom_it_was_made_for)
{
    AUTO(tagcache_free) struct tagcache *c = tagcache_new(16);

    cr_assert_null(tagcache_get(c, 3, ada));
    tagcache_put(c, 3, ada, tag);
    cr_assert_arr_eq(tagcache_get(c, 3, ada), tag, sizeof(tag));
    cr_assert_null(tagcache_get(c, 3, bob), "the slot is somebody else's now");
    cr_assert_null(tagcache_get(c, 19, ada), "another slot of the same place");
    cr_assert_null(tagcache_get(c, 0, (const uint8_t[VAULT_ID_BYTES]){0}), "nobody's");
}

Test(tagcache, lets_the_later_one_have_the_place)
{
    AUTO(tagcache_free) struct tagcache *c = tagcache_new(16);

    tagcache_put(c, 3, ada, tag);
    tagcache_put(c, 19, bob, other);
    cr_assert_null(tagcache_get(c, 3, ada));
    cr_assert_arr_eq(tagcache_get(c, 19, bob), other, sizeof(other));
}

Test(tagcache, forgets_one_and_all)
{
    AUTO(tagcache_free) struct tagcache *c = tagcache_new(16);

    tagcache_put(c, 3, ada, tag);
    tagcache_put(c, 4, bob, other);
    tagcache_drop(c, 19);
    cr_assert_not_null(tagcache_get(c, 3, ada), "that was another slot");
    tagcache_drop(c, 3);
    cr_assert_null(tagcache_get(c, 3, ada));
    cr_assert_not_null(tagcache_get(c, 4, bob));
    tagcache_clear(c);
    cr_assert_null(tagcache_get(c, 4, bob));
}
