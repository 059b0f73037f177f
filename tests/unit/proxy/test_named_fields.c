/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/secret.h"
#include "proxy/named_fields_priv.h"

TestSuite(named_fields, .init = secret_start);

static uint16_t find(const struct named_fields *fields, const char *name)
{
    struct hits hits = {0};

    return proxy__named_find(fields, span_str(name), name + strlen(name), &hits);
}

/* What a name comes near, as hits->near has it. */
static uint16_t near(const struct named_fields *fields, const char *name)
{
    struct hits hits = {0};

    cr_assert_eq(proxy__named_find(fields, span_str(name), name + strlen(name), &hits), NAMED_NONE);
    return hits.near;
}

Test(named_fields, are_found_by_their_exact_names)
{
    enum { COUNT = NAMED_FIELDS_MAX };
    AUTO(named_fields_free) struct named_fields *fields = NULL;
    static char names[COUNT][16];
    static struct named_def defs[COUNT];

    for (size_t i = 0; i < COUNT; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "field%zu", i);
        defs[i] = (struct named_def){names[i], (uint16_t)(i + 1), i % 2 == 0, false};
    }
    cr_assert_eq(named_fields_new(defs, COUNT, &fields, NULL), ERR_OK);
    memset(names, 0, sizeof(names)); /* they were copied */
    cr_assert_eq(named_fields_count(fields), COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "field%zu", i);
        cr_assert_eq(find(fields, name), i);
        cr_assert_eq(fields->at[i].class_id, i + 1);
    }
    cr_assert_eq(find(fields, "field"), NAMED_NONE);
    cr_assert_eq(find(fields, "field1024"), NAMED_NONE);
    cr_assert_eq(find(fields, "Field1"), NAMED_NONE);
    cr_assert_eq(find(fields, "a name longer than any"), NAMED_NONE);
    cr_assert_eq(find(fields, ""), NAMED_NONE);
}

Test(named_fields, may_be_none)
{
    AUTO(named_fields_free) struct named_fields *fields = NULL;

    cr_assert_eq(named_fields_new(NULL, 0, &fields, NULL), ERR_OK);
    cr_assert_eq(find(fields, "a"), NAMED_NONE);
    cr_assert_eq(find(fields, ""), NAMED_NONE);
}

Test(named_fields, e14_tell_of_names_that_come_near_theirs)
{
    static const struct named_def defs[] = {{"phone", 1, false, false}, {"email", 1, false, false}};
    AUTO(named_fields_free) struct named_fields *fields = NULL;
    char padded[520] = "";

    cr_assert_eq(named_fields_new(defs, 2, &fields, NULL), ERR_OK);
    cr_assert_eq(near(fields, "Email"), 0); /* nobody watches */
    cr_assert_eq(named_fields_watch_names(fields), ERR_OK);
    cr_assert_eq(named_fields_watch_names(fields), ERR_OK);
    cr_assert_eq(near(fields, "Email"), 2);
    cr_assert_eq(near(fields, "e-mail"), 2);
    cr_assert_eq(near(fields, "PHONE"), 1);
    cr_assert_eq(near(fields, "em\xe2\x80\x8b"
                              "ail"),
                 2); /* a zero-width space */
    cr_assert_eq(near(fields, "emails"), 0);
    cr_assert_eq(near(fields, "x"), 0);
    cr_assert_eq(find(fields, "email"), 1);
    memset(padded, 'e', sizeof(padded) - 1);
    cr_assert_eq(near(fields, padded), 0);
}

Test(named_fields, e15_tell_of_names_that_are_members_of_theirs)
{
    static const struct named_def defs[] = {
        {"email", 1, false, false}, {"user[phone]", 1, false, false}, {"tags[]", 1, true, false}};
    AUTO(named_fields_free) struct named_fields *fields = NULL;
    char deep[2000] = "email[";

    cr_assert_eq(named_fields_new(defs, 3, &fields, NULL), ERR_OK);
    cr_assert_eq(near(fields, "email[0]"), 0); /* nobody watches */
    cr_assert_eq(named_fields_watch_names(fields), ERR_OK);
    cr_assert_eq(near(fields, "email[0]"), 1);
    cr_assert_eq(near(fields, "Email[x][y]"), 1);
    cr_assert_eq(near(fields, "email["), 1);
    cr_assert_eq(near(fields, "user[phone][$ne]"), 2);
    cr_assert_eq(near(fields, "tags[7]"), 3);
    cr_assert_eq(near(fields, "user[email]"), 0);
    cr_assert_eq(near(fields, "x[email]"), 0);
    cr_assert_eq(near(fields, "[email]x"), 0);
    memset(deep + 6, 'a', sizeof(deep) - 7);
    cr_assert_eq(near(fields, deep), 1, "however long the key is");
    memset(deep, '[', sizeof(deep) - 1);
    cr_assert_eq(near(fields, deep), 0);
}

Test(named_fields, come_once_unless_they_are_declared_to_come_again)
{
    static const struct named_def defs[] = {{"once", 1, false, false}, {"often", 1, true, false}};
    AUTO(named_fields_free) struct named_fields *fields = NULL;
    struct named_seen seen = {{0}};

    cr_assert_eq(named_fields_new(defs, 2, &fields, NULL), ERR_OK);
    cr_assert_eq(proxy__named_meet(fields, &seen, 1), ERR_OK);
    cr_assert_eq(proxy__named_meet(fields, &seen, 0), ERR_OK);
    cr_assert_eq(proxy__named_meet(fields, &seen, 1), ERR_OK);
    cr_assert_eq(proxy__named_meet(fields, &seen, 0), ERR_INVALID);
}

static void refused(const struct named_def *defs, size_t count, const char *why)
{
    struct named_fields *fields = NULL;
    struct errmsg msg = {""};

    cr_assert_eq(named_fields_new(defs, count, &fields, &msg), ERR_CONFIG);
    cr_assert_null(fields);
    cr_assert_not_null(strstr(msg.text, why), "%s", msg.text);
}

Test(named_fields, say_why_a_declaration_is_refused)
{
    static struct named_def many[NAMED_FIELDS_MAX + 1];
    char longest[NAMED_NAME_MAX + 2] = "";

    memset(longest, 'a', NAMED_NAME_MAX + 1);
    refused((struct named_def[]){{"", 1, false, false}}, 1, "1 to 255");
    refused((struct named_def[]){{longest, 1, false, false}}, 1, "1 to 255");
    refused((struct named_def[]){{"a\nb", 1, false, false}}, 1, "control");
    refused((struct named_def[]){{"a\x7f", 1, false, false}}, 1, "control");
    refused((struct named_def[]){{"a\xff", 1, false, false}}, 1, "UTF-8");
    refused((struct named_def[]){{"a", 1, false, false}, {"a", 2, false, true}}, 2, "twice");
    refused(many, NAMED_FIELDS_MAX + 1, "more than 1024");
}
