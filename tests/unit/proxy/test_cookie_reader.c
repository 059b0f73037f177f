/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/cookie_reader.h"

#include "base/secret.h"
#include "tests/unit/proxy/hits_rig.h"

TestSuite(cookies, .init = secret_start);
TestSuite(set_cookie, .init = secret_start);

static const struct named_def defs[] = {{"mail", 7, false, false}, {"seen[]", 8, true, false}};

typedef enum err (*read_fn)(const struct named_fields *fields, struct span field,
                            struct hits *ret_hits);

static enum err read_as(read_fn read, struct span field, struct hits *ret_hits)
{
    AUTO(named_fields_free) struct named_fields *fields = NULL;

    cr_assert_eq(named_fields_new(defs, COUNT_OF(defs), &fields, NULL), ERR_OK);
    return read(fields, field, ret_hits);
}

static enum err read_cookies(const void *context, struct span field, struct hits *ret_hits)
{
    (void)context;
    return read_as(cookies_read, field, ret_hits);
}

static enum err read_set_cookie(const void *context, struct span field, struct hits *ret_hits)
{
    (void)context;
    return read_as(set_cookie_read, field, ret_hits);
}

Test(cookies, are_found_by_their_names)
{
    static const struct hits_case cases[] = {
        {"", "", ERR_OK},
        {"a=b", "", ERR_OK},
        {"mail=x", "0=x", ERR_OK},
        {"a=b; mail=alice@example.org; c=d", "0=alice@example.org", ERR_OK},
        {"a=b;mail=x;c=d", "0=x", ERR_OK},
        {"a=b;  \tmail=x ;c=d", "0=x", ERR_OK},
        {"mail=\"x\"; a=b", "0=x", ERR_OK},
        {"mail=a=b==", "0=a=b==", ERR_OK},
        {"mail=alice%40example.org+%zz", "0=alice%40example.org+%zz", ERR_OK},
        {"seen[]=1; seen[]=2", "1=1\n1=2", ERR_OK},
        {"mail=", "", ERR_OK},
        {"mail=\"\"", "", ERR_OK},
        {";; mail=x;", "0=x", ERR_OK},
        {"Mail=1; mai=2; maill=3; a=mail; b=mail=4", "", ERR_OK},
    };

    hits_rig_expect(read_cookies, NULL, cases, COUNT_OF(cases));
}

Test(cookies, that_nobody_declared_may_hold_what_browsers_send)
{
    static const struct hits_case cases[] = {
        {"a={\"b\":1,\"c\":\"d\"}; mail=x", "0=x", ERR_OK},
        {"a=b c; mail=x", "0=x", ERR_OK},
        {"a=caf\xc3\xa9\xff; mail=x", "0=x", ERR_OK},
        {"a=b\\; mail=x", "0=x", ERR_OK},
        {"a=x,mail; mail=x", "0=x", ERR_OK},
        {"alone; mail=x", "0=x", ERR_OK},
        {"a=\"b\"; mail=x", "0=x", ERR_OK},
    };

    hits_rig_expect(read_cookies, NULL, cases, COUNT_OF(cases));
}

Test(cookies, are_refused_where_two_servers_read_them_differently)
{
    static const struct hits_case cases[] = {
        {"mail=x; mail=y", NULL, ERR_INVALID},
        {"mail=; mail=y", NULL, ERR_INVALID},
        {"mail; a=b", NULL, ERR_INVALID},
        {"mail =x", NULL, ERR_INVALID},
        {"a b=x", NULL, ERR_INVALID},
        {"a,mail=x", NULL, ERR_INVALID},
        {"\"mail=x", NULL, ERR_INVALID},
        {"a\\b=x", NULL, ERR_INVALID},
        {"=x", NULL, ERR_INVALID},
        {"a=\"b; mail=x; c=\"", NULL, ERR_INVALID},
        {"a= \"b; mail=x; c=\"", NULL, ERR_INVALID},
        {"a= \"b\"", NULL, ERR_INVALID},
        {"a= \"", NULL, ERR_INVALID},
        {"a=\"b", NULL, ERR_INVALID},
        {"a=\"", NULL, ERR_INVALID},
        {"a=\"b\"c", NULL, ERR_INVALID},
        {"a=\"b\"c\"", NULL, ERR_INVALID},
        {"a=\"b\\\"; mail=x; c=\"", NULL, ERR_INVALID},
        {"a=b\r\n; mail=x", NULL, ERR_INVALID},
        {"a=b\x01", NULL, ERR_INVALID},
        {"a=b\x7f", NULL, ERR_INVALID},
        {"mail=a b", NULL, ERR_INVALID},
        {"mail=a,b", NULL, ERR_INVALID},
        {"mail=a\"b", NULL, ERR_INVALID},
        {"mail=\"a b\"", NULL, ERR_INVALID},
        {"mail=a\\b", NULL, ERR_INVALID},
        {"mail=caf\xc3\xa9", NULL, ERR_INVALID},
        {"mail= x", NULL, ERR_INVALID},
    };

    hits_rig_expect(read_cookies, NULL, cases, COUNT_OF(cases));
}

Test(cookies, e38_give_hostile_values_back_as_one_value_each)
{
    hits_rig_travel_all(read_cookies, NULL, "mail=x");
    hits_rig_travel_all(read_cookies, NULL, "a=b;seen[]=1; c={\"d\"} ;seen[]=\"2\"; mail=y ;");
}

Test(set_cookie, is_read_up_to_its_attributes)
{
    static const struct hits_case cases[] = {
        {"a=b", "", ERR_OK},
        {"mail=x", "0=x", ERR_OK},
        {"mail=\"x\"; Path=/; Max-Age=1", "0=x", ERR_OK},
        {"mail=x;Expires=Wed, 21 Oct 2026 07:28:00 GMT; mail=y; Secure", "0=x", ERR_OK},
        {"mail=; Max-Age=0", "", ERR_OK},
        {"a=b; mail=x; Path=\"", "", ERR_OK},
        {"seen[]=1", "1=1", ERR_OK},
        {"", NULL, ERR_INVALID},
        {"mail", NULL, ERR_INVALID},
        {"; mail=x", NULL, ERR_INVALID},
        {"=x", NULL, ERR_INVALID},
        {"a=\"b; mail=x\"", NULL, ERR_INVALID},
        {"mail=a b", NULL, ERR_INVALID},
        {"mail=x\r\nSet-Cookie: a=b", NULL, ERR_INVALID},
        {"mail =x", NULL, ERR_INVALID},
    };

    hits_rig_expect(read_set_cookie, NULL, cases, COUNT_OF(cases));
}

Test(set_cookie, e37_gives_hostile_values_back_as_one_value)
{
    hits_rig_travel_all(read_set_cookie, NULL, "mail=x; Path=/; HttpOnly");
    hits_rig_travel_all(read_set_cookie, NULL, "mail=\"x\"");
}
