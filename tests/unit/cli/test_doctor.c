/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cli/doctor_rig.h"

TestSuite(doctor, .timeout = 20);

static void say_three(struct doctor *d)
{
    doctor_init(d);
    doctor_say(d, DOCTOR_OK, "first", NULL, "number %d", 1);
    doctor_say(d, DOCTOR_PROBLEM, "second", "mend it", "%s", "broken");
    doctor_say(d, DOCTOR_WARNING, "third", "look at it", "strange");
}

Test(doctor, remembers_the_worst)
{
    AUTO(doctor_done) struct doctor d = {.first = NULL};

    doctor_init(&d);
    cr_assert_eq(d.worst, DOCTOR_OK);
    doctor_say(&d, DOCTOR_WARNING, "check", "act", "text");
    cr_assert_eq(d.worst, DOCTOR_WARNING);
    doctor_done(&d);
    say_three(&d);
    cr_assert_eq(d.worst, DOCTOR_PROBLEM);
}

Test(doctor, writes_a_line_a_finding_and_what_to_do_below_it)
{
    AUTO(doctor_done) struct doctor d = {.first = NULL};
    AUTO(buf_done) struct buf text = {.max = 4096};

    say_three(&d);
    cr_assert_eq(doctor_write(&d, &text), ERR_OK);
    cr_assert_eq(buf_append_byte(&text, '\0'), ERR_OK);
    cr_assert_str_eq((const char *)text.bytes, "ok       first          number 1\n"
                                               "problem  second         broken\n"
                                               "                        mend it\n"
                                               "warning  third          strange\n"
                                               "                        look at it\n");
}

Test(doctor, refuses_more_than_fits)
{
    AUTO(doctor_done) struct doctor d = {.first = NULL};
    AUTO(buf_done) struct buf text = {.max = 40};

    say_three(&d);
    cr_assert_eq(doctor_write(&d, &text), ERR_TOO_LARGE);
}

Test(doctor, says_the_same_in_json_also_of_strange_bytes)
{
    AUTO(doctor_done) struct doctor d = {.first = NULL};
    AUTO(json_free) struct json *tree = NULL;
    const struct json *list;

    say_three(&d);
    doctor_say(&d, DOCTOR_OK, "fourth", NULL, "/tmp/\xff");
    tree = doctor_json(&d);
    list = json_get(tree, "findings");
    cr_assert_str_eq(json_str_of(json_get(tree, "worst")), "problem");
    cr_assert_eq(json_count(list), 4);
    cr_assert_str_eq(json_str_of(json_get(json_at(list, 1), "level")), "problem");
    cr_assert_str_eq(json_str_of(json_get(json_at(list, 1), "do")), "mend it");
    cr_assert_eq(json_kind(json_get(json_at(list, 0), "do")), JSON_NIL);
    cr_assert_str_eq(json_str_of(json_get(json_at(list, 3), "text")), "(not UTF-8)");
}
