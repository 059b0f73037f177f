/* SPDX-License-Identifier: Apache-2.0 */
/* Elements that say themselves whose their values are. */
#include "tests/unit/proxy/json_rig.h"

#include "base/limits.h"
#include "base/secret.h"

TestSuite(json_elements, .init = secret_start);

struct owned {
    const char *path, *subject;
    bool deep;
};

static struct fields *compile(const struct owned *list, size_t count)
{
    struct field_def defs[8];
    struct fields *fields = NULL;
    struct errmsg msg = {""};

    REQUIRE(count <= COUNT_OF(defs));
    for (size_t i = 0; i < count; i++)
        defs[i] = (struct field_def){
            .path = list[i].path, .class_id = 1, .deep = list[i].deep, .subject = list[i].subject};
    cr_assert_eq(fields_new(defs, count, &fields, &msg), ERR_OK, "%s", msg.text);
    return fields;
}

static void put_text(struct buf *out, const char *document, const struct hit *hit)
{
    REQUIRE(buf_append(out, document + hit->start, hit->end - hit->start) == ERR_OK);
}

/* What is found, as "value=subject value=subject ...". */
static void expect_all(const struct owned *list, size_t count, const char *document, bool lines,
                       const char *wanted)
{
    static const char *const states[] = {"nobody", "null", "nested"};
    AUTO(fields_free) struct fields *fields = compile(list, count);
    AUTO(hits_done) struct hits hits = {0};
    AUTO(buf_done) struct buf found;
    size_t in_elements = 0;

    buf_init(&found, 1 << 16);
    cr_assert_eq((lines ? json_lines_read : json_read)(fields, span_str(document), &hits), ERR_OK,
                 "%s", document);
    for (size_t i = 0; i < hits.count; i++) {
        const struct hit_element *element;

        rig_put(&found, i == 0 ? "" : " ");
        put_text(&found, document, &hits.at[i]);
        if (hits.at[i].element == 0)
            continue;
        element = &hits.elements[hits.at[i].element - 1];
        rig_put(&found, "=");
        if (element->state == ELEMENT_NAMED)
            put_text(&found, document, &element->subject);
        else
            rig_put(&found, states[element->state]);
    }
    cr_assert(span_equal(buf_span(&found), span_str(wanted)), "%s: %.*s", document, (int)found.len,
              (char *)found.bytes);
    for (size_t i = 0; i < hits.element_count; i++)
        in_elements += hits.elements[i].hits;
    cr_assert_leq(in_elements, hits.count);
}

static void expect(const char *path, const char *subject, const char *document, const char *wanted)
{
    const struct owned one = {path, subject, false};

    expect_all(&one, 1, document, false, wanted);
}

Test(json_elements, name_their_subject_before_or_after_the_value)
{
    expect("$[*].email", "@.id", "[{\"id\":1,\"email\":\"a\"},{\"email\":\"b\",\"id\":\"two\"}]",
           "\"a\"=1 \"b\"=\"two\"");
    expect("$.people[*].contact.email", "@.id",
           "{\"id\":0,\"people\":[{\"contact\":{\"id\":9,\"email\":\"a\"},\"id\":1},"
           "{\"id\":2,\"contact\":{\"email\":\"b\"}}]}",
           "\"a\"=1 \"b\"=2");
    expect(
        "$[*].email", "@.owner['id']",
        "[{\"email\":\"a\",\"owner\":{\"id\":1}},{\"owner\":{\"x\":1,\"id\":2},\"email\":\"b\"}]",
        "\"a\"=1 \"b\"=2");
    expect("$[*].email", "@.ids[0]",
           "[{\"email\":\"a\",\"ids\":[1,2]},{\"ids\":[],\"email\":\"b\"}]",
           "\"a\"=1 \"b\"=nobody");
    expect("$[*].email", "@.ids[-1]", "[{\"email\":\"a\",\"ids\":[1,2]}]", "\"a\"=2");
}

Test(json_elements, are_what_the_last_choice_before_the_values_leads_to)
{
    expect("$.list[0].email", "@.id", "{\"list\":[{\"email\":\"a\",\"id\":1},{\"email\":2}]}",
           "\"a\"=1");
    expect("$.list[-1].email", "@.id",
           "{\"list\":[{\"email\":\"a\",\"id\":1},{\"email\":2,\"id\":3}]}", "2=3");
    expect("$.list[1:].email", "@.id", "{\"list\":[{\"email\":1},{\"email\":2,\"id\":3}]}", "2=3");
    expect("$.*.email", "@.id", "{\"x\":{\"email\":1,\"id\":2},\"y\":{\"id\":3,\"email\":4}}",
           "1=2 4=3");
    expect("$[*].phones[*]", "@.id", "[{\"phones\":[1,2],\"id\":3},{\"id\":4,\"phones\":[5]}]",
           "1=3 2=3 5=4");
    expect("$[*]['a','b']", "@.id", "[{\"a\":1,\"b\":2,\"id\":3}]", "1=3 2=3");
    expect("$[*].phones[*].number", "@.id",
           "[{\"id\":1,\"phones\":[{\"id\":2,\"number\":3},{\"number\":4}]}]", "3=2 4=nobody");
    expect("$..users[*].email", "@.id",
           "{\"users\":[{\"id\":1,\"email\":2}],\"x\":{\"users\":[{\"email\":3,\"id\":4}]}}",
           "2=1 3=4");
    expect("$..[*].email", "@.id",
           "[{\"email\":1,\"id\":2,\"in\":{\"email\":3,\"id\":4},\"l\":[{\"id\":5,\"email\":6}]}]",
           "1=2 3=4 6=5");
}

Test(json_elements, are_the_document_where_nothing_chooses)
{
    expect("$.email", "@.id", "{\"id\":1,\"email\":2}", "2=1");
    expect("$.contact.email", "@.id", "{\"contact\":{\"email\":2,\"id\":3},\"id\":1}", "2=1");
    expect("$.emails[*]", "@.id", "{\"emails\":[2,3],\"id\":1}", "2=1 3=1");
    expect("$['a','b'].email", "@.id", "{\"a\":{\"email\":2,\"id\":3},\"id\":1}", "2=1");
}

Test(json_elements, may_name_nobody)
{
    expect(
        "$[*].email", "@.id",
        "[{\"email\":1},{\"email\":2,\"id\":null},{\"email\":3,\"id\":{}},{\"id\":[4],\"email\":5},"
        "{\"email\":6,\"id\":\"\"},{\"email\":7,\"id\":true}]",
        "1=nobody 2=null 3=nested 5=nested 6=\"\" 7=true");
    expect("$.email", "@.a.id", "{\"a\":7,\"email\":1}", "1=nobody");
    expect("$.email", "@.a.id", "{\"email\":1,\"a\":[{\"id\":2}]}", "1=nobody");
    expect("$[*][0]", "@.id", "[[1],[2]]", "1=nobody 2=nobody");
}

Test(json_elements, belong_to_lines)
{
    const struct owned root = {"$.email", "@.id", false}, inner = {"$.l[*].e", "@.id", false};

    expect_all(&root, 1, "{\"id\":1,\"email\":2}\n{\"email\":3}\n{\"email\":4,\"id\":5}\n", true,
               "2=1 3=nobody 4=5");
    expect_all(&inner, 1, "{\"id\":1,\"l\":[{\"e\":2,\"id\":3}]}\n{\"l\":[{\"id\":4,\"e\":5}]}",
               true, "2=3 5=4");
}

Test(json_elements, hold_values_of_several_fields)
{
    const struct owned list[] = {{"$[*].email", "@.id", false},
                                 {"$[*].note", "@.id", true},
                                 {"$[*].boss.email", "@.boss.id", false},
                                 {"$[*].free", NULL, false},
                                 {"$[*].id", "@.id", false}};

    expect_all(list, 5,
               "[{\"email\":1,\"note\":{\"email\":2,\"id\":3,\"x\":[4]},\"free\":5,"
               "\"boss\":{\"email\":6,\"id\":7},\"id\":8}]",
               false, "1=8 2=8 3=8 4=8 5 6=7 8=8");
}

Test(json_elements, of_deep_fields_are_those_around_the_field)
{
    const struct owned one = {"$[*].note", "@.id", true}, any = {"$..[*].a", "@.id", true};

    expect_all(&one, 1, "[{\"note\":[[1],{\"note\":2}],\"id\":3}]", false, "1=3 2=3");
    expect_all(&any, 1, "[{\"a\":{\"a\":{\"a\":1},\"id\":2},\"id\":3}]", false, "1=3 2=3");
}

/* Elements without values are forgotten when they end. */
Test(json_elements, without_values_cost_nothing)
{
    AUTO(fields_free)
    struct fields *fields = compile(&(struct owned){"$[*].email", "@.id", false}, 1);
    AUTO(hits_done) struct hits hits = {0};
    AUTO(buf_done) struct buf document;

    buf_init(&document, 1 << 24);
    rig_put(&document, "[");
    for (int i = 0; i < 2 * LIMIT_FIELDS_MAX; i++)
        rig_put(&document, "{\"id\":1},");
    rig_put(&document, "{\"id\":2,\"email\":3}]");
    cr_assert_eq(json_read(fields, buf_span(&document), &hits), ERR_OK);
    cr_assert_eq(hits.count, 1);
    cr_assert_eq(hits.element_count, 1);
}

Test(json_elements, that_name_two_subjects_are_no_json)
{
    AUTO(fields_free)
    struct fields *fields = compile(&(struct owned){"$[*].email", "@.id", false}, 1);
    AUTO(hits_done) struct hits hits = {0};

    cr_assert_eq(json_read(fields, SPAN_LIT("[{\"id\":1,\"email\":2,\"\\u0069d\":3}]"), &hits),
                 ERR_INVALID);
}

static void expect_refused(const char *path, const char *subject, const char *hint)
{
    const struct field_def def = {.path = path, .class_id = 1, .subject = subject};
    struct fields *fields = NULL;
    struct errmsg msg = {""};

    cr_assert_eq(fields_new(&def, 1, &fields, &msg), ERR_CONFIG, "%s %s", path, subject);
    cr_assert_null(fields);
    cr_assert_not_null(strstr(msg.text, hint), "%s", msg.text);
}

Test(json_elements, must_be_one_and_name_one_subject)
{
    expect_refused("$..email", "@.id", "one element");
    expect_refused("$[*]..email", "@.id", "one element");
    expect_refused("$..[*]", "@.id", "one element");
    expect_refused("$", "@.id", "one element");
    expect_refused("$[*].email", "@", "\"@.id\"");
    expect_refused("$[*].email", "$.id", "begins with \"@\"");
    expect_refused("$[*].email", "@.*", "one value");
    expect_refused("$[*].email", "@..id", "one value");
    expect_refused("$[*].email", "@[0:1]", "one value");
    expect_refused("$[*].email", "@['a','b']", "one value");
    expect_refused("$[*].email", "@.a b", "character 5");
}
