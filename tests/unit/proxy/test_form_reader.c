/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/form_reader.h"

#include "base/secret.h"
#include "tests/unit/proxy/hits_rig.h"

TestSuite(form_reader, .init = secret_start, .timeout = 30);

static const struct named_def defs[] = {
    {"email", 7, false, false},
    {"phone[]", 8, true, false},
    {"na me", 9, false, false},
    {"stra\xc3\x9f"
     "e",
     10, false, false}, /* straße */
};

static enum err read_form(const void *context, struct span text, struct hits *ret_hits)
{
    AUTO(named_fields_free) struct named_fields *fields = NULL;

    (void)context;
    cr_assert_eq(named_fields_new(defs, COUNT_OF(defs), &fields, NULL), ERR_OK);
    return form_read(fields, text, ret_hits);
}

static void expect(const struct hits_case *cases, size_t count)
{
    hits_rig_expect(read_form, NULL, cases, count);
}

Test(form_reader, finds_the_values_of_declared_names)
{
    static const struct hits_case cases[] = {
        {"", "", ERR_OK},
        {"a=1&b=2", "", ERR_OK},
        {"email=a", "0=a", ERR_OK},
        {"x=1&email=alice%40example.org&y=2", "0=alice@example.org", ERR_OK},
        {"email=a+b%2Bc", "0=a b+c", ERR_OK},
        {"%65m%61il=a", "0=a", ERR_OK},
        {"na+me=a&stra%C3%9Fe=b", "2=a\n3=b", ERR_OK},
        {"na%20me=a&stra\xc3\x9f"
         "e=\xc3\xa9",
         "2=a\n3=\xc3\xa9", ERR_OK},
        {"email=a=b=c", "0=a=b=c", ERR_OK},
        {"&&email=a&&", "0=a", ERR_OK},
        {"=x&email=a&=", "0=a", ERR_OK},
        {"email=a b", "0=a b", ERR_OK},
    };
    AUTO(hits_done) struct hits hits = {0};

    expect(cases, COUNT_OF(cases));
    cr_assert_eq(read_form(NULL, SPAN_LIT("email=%00x&phone[]=1"), &hits), ERR_OK);
    cr_assert_eq(hits.count, 2);
    cr_assert_eq(hits.at[1].class_id, 8);
    cr_assert_eq(hits.at[1].coding, HIT_FORM);
    cr_assert_eq(hits.at[1].kind, VALUE_STRING);
    cr_assert_not(hits.misplaced);
}

Test(form_reader, sees_no_value_where_there_is_none)
{
    static const struct hits_case cases[] = {
        {"email=", "", ERR_OK},
        {"email", "", ERR_OK},
        {"email&x=1", "", ERR_OK},
        {"phone%5B%5D=&phone[]=5", "1=5", ERR_OK},
    };

    expect(cases, COUNT_OF(cases));
}

Test(form_reader, takes_names_only_as_they_are_declared)
{
    static const struct hits_case cases[] = {
        {"Email=a", "", ERR_OK},
        {"emai=a&emaill=b&email%20=c&e=d", "", ERR_OK},
        {"phone=1&phone[0]=2", "", ERR_OK},
        {"%2565mail=a", "", ERR_OK},
    };

    expect(cases, COUNT_OF(cases));
}

Test(form_reader, e20_refuses_what_two_servers_read_differently)
{
    static const struct hits_case cases[] = {
        {"email=a&email=b", NULL, ERR_INVALID},
        {"email=a&%65mail=b", NULL, ERR_INVALID},
        {"email=&email=b", NULL, ERR_INVALID},
        {"email&email=b", NULL, ERR_INVALID},
        {"phone[]=1&phone%5b%5D=2&phone%5B]=3", "1=1\n1=2\n1=3", ERR_OK},
        {"a=1;email=b", NULL, ERR_INVALID},
        {"a;email=b", NULL, ERR_INVALID},
        {"a%00=1", NULL, ERR_INVALID},
        {"email%00=b", NULL, ERR_INVALID},
        {"email%0A=b", NULL, ERR_INVALID},
        {"a=1\r\n&email=b", NULL, ERR_INVALID},
        {"email=b\n", NULL, ERR_INVALID},
        {"\temail=b", NULL, ERR_INVALID},
        {"email\x7f=b", NULL, ERR_INVALID},
    };

    expect(cases, COUNT_OF(cases));
}

Test(form_reader, e19_refuses_bad_escapes_and_what_is_not_utf8_anywhere)
{
    static const char *const bad[] = {
        "%",    "%2",     "%zz",       "%4",   "%u0041",       "%FF",     "\xff",        "%C3",
        "\xc3", "%C0%AF", "%ED%A0%80", "%C3A", "\xed\xa0\x80", "%E2%82+", "%F5%80%80%80"};
    static const char *const frames[] = {"%s",           "%s=1",  "a=%s",
                                         "email=%s&b=1", "a%s=1", "a=x%s&b=1"};

    for (size_t b = 0; b < COUNT_OF(bad); b++) {
        for (size_t f = 0; f < COUNT_OF(frames); f++) {
            char text[64];
            const struct hits_case refused = {text, NULL, ERR_INVALID};
            const char *gap = strstr(frames[f], "%s");

            (void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(gap - frames[f]), frames[f],
                           bad[b], gap + 2);
            expect(&refused, 1);
        }
    }
}

Test(form_reader, splits_a_character_over_raw_bytes_and_escapes)
{
    static const struct hits_case cases[] = {
        {"email=%C3\xa9", "0=\xc3\xa9", ERR_OK},
        {"email=\xe2%82\xac", "0=\xe2\x82\xac", ERR_OK},
    };

    expect(cases, COUNT_OF(cases));
}

Test(form_reader, e38_gives_hostile_values_back_as_one_value_each)
{
    hits_rig_travel_all(read_form, NULL, "email=x");
    hits_rig_travel_all(read_form, NULL, "a=%2B+1&email=%41&&phone[]=1&b&phone%5b]=2&c=");
}

Test(form_reader, ends_at_the_limit_of_fields)
{
    AUTO(buf_done) struct buf text = {.max = HITS_RIG_MAX};
    AUTO(hits_done) struct hits hits = {0};

    for (int i = 0; i < 10000; i++)
        cr_assert_eq(buf_append_str(&text, "phone[]=1&"), ERR_OK);
    cr_assert_eq(read_form(NULL, buf_span(&text), &hits), ERR_OK);
    cr_assert_eq(hits.count, 10000);
    hits_done(&hits);
    cr_assert_eq(buf_append_str(&text, "phone[]=1&"), ERR_OK);
    cr_assert_eq(read_form(NULL, buf_span(&text), &hits), ERR_TOO_LARGE);
}

Test(form_reader, e14_tells_of_a_name_near_a_declared_one)
{
    static const struct {
        const char *text;
        uint16_t near;
    } cases[] = {{"email=a&x=b", 0}, {"a=b&Email=a", 1},      {"e%2Dmail=a", 1},
                 {"EMAIL", 1},       {"%E2%80%8Bemail=a", 1}, {"na%C2%ADme=1", 3},
                 {"email[0]=a", 1},  {"email%5bx%5D=a", 1},   {"phone[1]=a", 2},
                 {"x[email]=a", 0}};
    AUTO(named_fields_free) struct named_fields *fields = NULL;
    char deep[4096] = "x=1&%65mail%5B";

    cr_assert_eq(named_fields_new(defs, COUNT_OF(defs), &fields, NULL), ERR_OK);
    cr_assert_eq(named_fields_watch_names(fields), ERR_OK);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(hits_done) struct hits hits = {0};

        cr_assert_eq(form_read(fields, span_str(cases[i].text), &hits), ERR_OK);
        cr_expect_eq(hits.near, cases[i].near, "%s: %u", cases[i].text, hits.near);
    }
    for (size_t i = strlen(deep); i + 4 < sizeof(deep); i += 3)
        memcpy(deep + i, "%41", 4);
    {
        AUTO(hits_done) struct hits hits = {0};

        cr_assert_eq(form_read(fields, span_str(deep), &hits), ERR_OK);
        cr_expect_eq(hits.near, 1, "however long its key is");
    }
}
