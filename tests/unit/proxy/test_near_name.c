/* SPDX-License-Identifier: Apache-2.0 */
/* E14: names that hide a declared one. */
#include "proxy/near_name.h"

#include <criterion/criterion.h>

#include "base/secret.h"
#include "tests/unit/proxy/json_rig.h"

TestSuite(near_name, .init = secret_start);

static const struct span disguises[] = {
    SPAN_LIT("Email"),
    SPAN_LIT("EMAIL"),
    SPAN_LIT("e-mail"),
    SPAN_LIT("e_mail"),
    SPAN_LIT("e mail"),
    SPAN_LIT("e.mail"),
    SPAN_LIT(" email"),
    SPAN_LIT("email\t"),
    SPAN_LIT("email\0"),
    SPAN_LIT("\0email"),
    SPAN_LIT("-email"),
    SPAN_LIT("email[]"),
    SPAN_LIT("\"email\""),
    SPAN_LIT("\xEF\xBC\xA5\xEF\xBC\xAD\xEF\xBC\xA1\xEF\xBC\xA9\xEF\xBC\xAC"), /* fullwidth */
    SPAN_LIT("e\xE2\x80\x8Bmail"),                                            /* zero width space */
    SPAN_LIT("\xEF\xBB\xBF"
             "email"), /* BOM */
    SPAN_LIT("em\xC2\xAD"
             "ail"),               /* soft hyphen */
    SPAN_LIT("e\xE2\x80\x93mail"), /* dash */
    SPAN_LIT("\xF0\x9D\x90\x9E"
             "mail"),             /* bold e */
    SPAN_LIT("emai\xE2\x93\x9B"), /* circled l */
    SPAN_LIT("\xE2\x84\xAF"
             "mail"),                  /* script e */
    SPAN_LIT("email\xF3\xA0\x84\x80"), /* a variation selector */
};

static const struct span others[] = {
    SPAN_LIT("mail"),
    SPAN_LIT("emails"),
    SPAN_LIT("emai"),
    SPAN_LIT("e-mails"),
    SPAN_LIT("email2"),
    SPAN_LIT(""),
    SPAN_LIT("-"),
    SPAN_LIT("\0"),
    SPAN_LIT("email+"),
    SPAN_LIT("email\xFF"),
    SPAN_LIT("phone"),
    SPAN_LIT("xemail"),
    SPAN_LIT("\xC3\xA9mail"),
    SPAN_LIT("\xD0\xB5mail"), /* Cyrillic e: another letter, whatever it looks like */
};

Test(near_name, finds_what_says_the_same)
{
    struct near_names *names = near_names_new();
    size_t email = 0, phone = 0, again = 0;

    cr_assert_eq(near_names_add(names, SPAN_LIT("email"), &email), ERR_OK);
    cr_assert_eq(near_names_add(names, SPAN_LIT("home_phone"), &phone), ERR_OK);
    cr_assert_eq(near_names_add(names, SPAN_LIT("eMail"), &again), ERR_OK);
    cr_assert(email == 0 && phone == 1 && again == 0 && near_names_count(names) == 2);
    cr_assert_eq(near_names_find(names, SPAN_LIT("email")), email);
    cr_assert_eq(near_names_find(names, SPAN_LIT("homePhone")), phone);
    for (size_t i = 0; i < COUNT_OF(disguises); i++)
        cr_assert_eq(near_names_find(names, disguises[i]), email, "%zu", i);
    for (size_t i = 0; i < COUNT_OF(others); i++)
        cr_assert_eq(near_names_find(names, others[i]), SIZE_MAX, "%zu", i);
    near_names_free(&names);
    cr_assert_null(names);
}

Test(near_name, compares_nothing_where_nothing_is_left)
{
    struct near_names *names = near_names_new();
    char longer[512];
    size_t group = 0;

    memset(longer, 'x', sizeof(longer));
    cr_assert_eq(near_names_find(names, SPAN_LIT("a")), SIZE_MAX);
    cr_assert_eq(near_names_add(names, SPAN_LIT(""), &group), ERR_OK);
    cr_assert_eq(group, SIZE_MAX);
    cr_assert_eq(near_names_add(names, SPAN_LIT("--"), &group), ERR_OK);
    cr_assert_eq(group, SIZE_MAX);
    cr_assert_eq(near_names_add(names, span_of(longer, 129), &group), ERR_OK);
    cr_assert_eq(group, SIZE_MAX);
    cr_assert_eq(near_names_add(names, span_of(longer, 128), &group), ERR_OK);
    cr_assert_eq(near_names_find(names, span_of(longer, 128)), 0);
    cr_assert_eq(near_names_find(names, span_of(longer, sizeof(longer))), SIZE_MAX);
    cr_assert_eq(near_names_find(names, SPAN_LIT("_")), SIZE_MAX);
    near_names_free(&names);
}

/* A ligature may run over the end of the longest name. */
Test(near_name, may_end_within_a_character)
{
    struct near_names *names = near_names_new();
    size_t group = 0;

    cr_assert_eq(near_names_add(names, SPAN_LIT("if"), &group), ERR_OK);
    cr_assert_eq(near_names_find(names, SPAN_LIT("i\xEF\xAC\x81")), SIZE_MAX); /* i fi */
    cr_assert_eq(near_names_find(names, SPAN_LIT("i\xEF\xB7\xBA")), SIZE_MAX);
    near_names_free(&names);
}

/* ---- in documents ---- */

static uint16_t near_in(const struct rig_field *list, size_t count, const char *document,
                        bool watch)
{
    AUTO(fields_free) struct fields *fields = rig_fields(list, count);
    AUTO(hits_done) struct hits hits = {0};

    if (watch)
        cr_assert_eq(fields_watch_names(fields), ERR_OK);
    cr_assert_eq(json_read(fields, span_str(document), &hits), ERR_OK, "%s", document);
    return hits.near;
}

static const struct rig_field list[] = {{"$.email", false},
                                        {"$.contact.phone", false},
                                        {"$..iban", false},
                                        {"$.open.*", false},
                                        {"$.open.tax", false}};

static const struct {
    const char *document;
    uint16_t near;
} documents[] = {
    {"{\"email\":1,\"other\":2}", 0},
    {"{\"Email\":1}", 1},
    {"{\"email\":1,\"E-Mail\":null}", 1},
    {"{\"\\uFF45mail\":1}", 1},
    {"{\"email\\u0000\":1}", 1},
    {"{\"EMAIL\":[{}]}", 1},
    {"{\"contact\":{\"Email\":1}}", 0}, /* nobody waits for it there */
    {"{\"contact\":{\"email\":1}}", 0},
    {"{\"contact\":{\"phone\":1}}", 0},
    {"{\"contact\":{\"Phone\":1}}", 2},
    {"{\"Contact\":{\"phone\":1}}", 2}, /* the way there is watched as well */
    {"{\"phone\":1,\"Phone\":1}", 0},
    {"{\"a\":[{\"b\":{\"IBAN\":1}}]}", 3},
    {"{\"a\":[{\"b\":{\"iban\":1}}]}", 0},
    {"{\"open\":{\"Tax\":1}}", 0}, /* another field takes it */
    {"[{\"Email\":1}]", 0},
    {"{\"Email\":1,\"IBAN\":2}", 1},
    {"{\"IBAN\":1,\"Email\":2}", 3},
};

Test(near_name, is_told_of_members_where_the_declared_one_would_be)
{
    for (size_t i = 0; i < COUNT_OF(documents); i++) {
        cr_assert_eq(near_in(list, COUNT_OF(list), documents[i].document, true), documents[i].near,
                     "%s", documents[i].document);
        cr_assert_eq(near_in(list, COUNT_OF(list), documents[i].document, false), 0);
    }
}

Test(near_name, is_no_matter_without_names)
{
    const struct rig_field any[] = {{"$[*]", false}, {"$['-']", false}};

    cr_assert_eq(near_in(any, 2, "{\"a\":1}", true), 0);
    cr_assert_eq(near_in(NULL, 0, "{\"a\":1}", true), 0);
}
