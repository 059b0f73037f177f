/* SPDX-License-Identifier: Apache-2.0 */
/* What --fields says, and when two jobs are the same. */
#include "cli/bulk.h"

#include <criterion/criterion.h>
#include <stdio.h>

TestSuite(bulk_spec, .timeout = 30);

static enum err read(struct bulk_spec *spec, const char *text)
{
    struct errmsg msg;

    return bulk_spec_fields(spec, text, &msg);
}

static void has(const struct bulk_spec *spec, size_t i, const char *name, const char *class_name)
{
    cr_assert_lt(i, spec->field_count);
    cr_assert_str_eq(spec->fields[i].name, name);
    cr_assert_str_eq(spec->fields[i].class_name, class_name);
}

Test(bulk_spec, fields_stand_between_commas)
{
    AUTO(bulk_spec_done) struct bulk_spec spec = {.subject = "phone"};

    cr_assert_eq(read(&spec, "email=mail,phone=tel"), ERR_OK);
    cr_assert_eq(read(&spec, "a=b=c"), ERR_OK);
    cr_assert_eq(read(&spec, "\"x,y\"=tel"), ERR_OK);
    has(&spec, 0, "email", "mail");
    has(&spec, 1, "phone", "tel");
    has(&spec, 2, "a=b", "c");
    has(&spec, 3, "x,y", "tel");
    cr_assert_eq(bulk_spec_subject_field(&spec), 1);
    spec.subject = "id";
    cr_assert_eq(bulk_spec_subject_field(&spec), BULK_ANY);
}

Test(bulk_spec, paths_have_commas_of_their_own)
{
    AUTO(bulk_spec_done) struct bulk_spec spec = {.ndjson = true};

    cr_assert_eq(read(&spec, "$['a','b']=x,$[\"c,]=\"]=y,$.d[0,1]=z"), ERR_OK);
    has(&spec, 0, "$['a','b']", "x");
    has(&spec, 1, "$[\"c,]=\"]", "y");
    has(&spec, 2, "$.d[0,1]", "z");
}

Test(bulk_spec, what_names_no_field_or_class_is_refused)
{
    static const char *const bad[] = {"email", "=x", "email=", "a=x,,b=y", "a=x,b", "a=x,a=y"};

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        AUTO(bulk_spec_done) struct bulk_spec spec = {.ndjson = false};

        cr_assert_eq(read(&spec, bad[i]), ERR_INVALID, "%s", bad[i]);
    }
}

Test(bulk_spec, more_fields_than_there_is_room_for_are_refused)
{
    AUTO(bulk_spec_done) struct bulk_spec spec = {.ndjson = false};
    char one[16];

    for (int i = 0; i < BULK_FIELDS_MAX; i++) {
        (void)snprintf(one, sizeof(one), "f%d=x", i);
        cr_assert_eq(read(&spec, one), ERR_OK);
    }
    cr_assert_eq(read(&spec, "more=x"), ERR_INVALID);
}

Test(bulk_spec, a_digest_tells_jobs_apart)
{
    static const char *const fields[] = {"a=x,b=y", "a=x,b=z", "b=y,a=x", "a=x"};
    AUTO(bulk_spec_done) struct bulk_spec same = {.delimiter = ',', .subject = "id"};
    char first[DIGEST_HEX_BYTES], other[DIGEST_HEX_BYTES];

    cr_assert_eq(read(&same, fields[0]), ERR_OK);
    bulk_spec_digest(&same, "tokenize", NULL, first);
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        AUTO(bulk_spec_done) struct bulk_spec spec = {.delimiter = ',', .subject = "id"};

        cr_assert_eq(read(&spec, fields[i]), ERR_OK);
        bulk_spec_digest(&spec, "tokenize", NULL, other);
        cr_assert_eq(strcmp(first, other) == 0, i == 0, "%s", fields[i]);
    }
    bulk_spec_digest(&same, "reveal", NULL, other);
    cr_assert_str_neq(first, other);
    bulk_spec_digest(&same, "tokenize", "", other);
    cr_assert_str_neq(first, other);
    same.subject = "other";
    bulk_spec_digest(&same, "tokenize", NULL, other);
    cr_assert_str_neq(first, other);
    same.subject = "id";
    same.delimiter = ';';
    bulk_spec_digest(&same, "tokenize", NULL, other);
    cr_assert_str_neq(first, other);
}
