/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/fields.h"

#include <criterion/criterion.h>

#include "base/secret.h"
#include "proxy/fields_priv.h"
#include "tests/unit/proxy/json_rig.h"

TestSuite(fields, .init = secret_start);
TestSuite(paths, .init = secret_start);

/* What is found in `document`, as "field:text field:text ..." in document order. */
static void expect_found(const struct rig_field *list, size_t count, const char *document,
                         const char *wanted)
{
    AUTO(hits_done) struct hits hits = {0};
    AUTO(buf_done) struct buf found;
    char number[16];

    buf_init(&found, 1 << 16);
    cr_assert_eq(rig_read(list, count, span_str(document), &hits), ERR_OK, "%s", document);
    for (size_t i = 0; i < hits.count; i++) {
        const struct hit *hit = &hits.at[i];

        (void)snprintf(number, sizeof(number), "%s%u:", i == 0 ? "" : " ", hit->field);
        rig_put(&found, number);
        cr_assert_eq(buf_append(&found, document + hit->start, hit->end - hit->start), ERR_OK);
    }
    cr_assert(span_equal(buf_span(&found), span_str(wanted)), "%s in %s: %.*s",
              count > 0 ? list[0].path : "", document, (int)found.len, (char *)found.bytes);
}

/* One field; what it finds, blank-separated. */
static void expect(const char *path, const char *document, const char *wanted)
{
    const struct rig_field one = {path, false};

    expect_found(&one, 1, document, wanted);
}

/* ---- what paths find ---- */

Test(fields, name_the_document)
{
    expect("$", "7", "0:7");
    expect("$", "\"x\"", "0:\"x\"");
    expect("$", "null", "");
}

Test(fields, name_members)
{
    expect("$.a", "{\"a\":1,\"b\":2}", "0:1");
    expect("$.a", "{\"b\":{\"a\":1}}", "");
    expect("$.a", "[1]", "");
    expect("$.a", "1", "");
    expect("$.a.b", "{\"a\":{\"b\":1,\"c\":2},\"b\":3}", "0:1");
    expect("$.a.b", "{\"a\":[{\"b\":1}]}", "");
    expect("$['a']", "{\"a\":1}", "0:1");
    expect("$[\"a\"]['b']", "{\"a\":{\"b\":1}}", "0:1");
    expect("$.a", "{\"A\":1,\"aa\":2,\"\":3}", "");
}

Test(fields, compare_names_after_unescaping)
{
    expect("$.email", "{\"\\u0065mail\":1}", "0:1");
    expect("$.email", "{\"\\\\u0065mail\":1}", "");
    expect("$['a/b']", "{\"a\\/b\":1}", "0:1");
    expect("$.é", "{\"\\u00e9\":1}", "0:1");
    expect("$['\\u00e9']", "{\"é\":1}", "0:1");
    expect("$.🙂", "{\"\\uD83D\\uDE42\":1}", "0:1");
    expect("$['\\uD83D\\uDE42']", "{\"🙂\":1}", "0:1");
    expect("$['\\u0000']", "{\"\\u0000\":1,\"\":2}", "0:1");
    expect("$['']", "{\"\":1,\"a\":2}", "0:1");
    expect("$['\\'\"']", "{\"'\\\"\":1}", "0:1");
    expect("$[\"'\\\"\"]", "{\"'\\\"\":1}", "0:1");
    expect("$['\\n\\t\\\\\\/']", "{\"\\n\\t\\\\/\":1}", "0:1");
    expect("$['with blank']", "{\"with blank\":1}", "0:1");
    expect("$['$.a[0]']", "{\"$.a[0]\":1}", "0:1");
}

Test(fields, tell_long_names_apart)
{
    expect("$.profile_background_image_url",
           "{\"profile_background_image_url_https\":1,\"profile_background_image_url\":2,"
           "\"profile_background_image_ur\":3}",
           "0:2");
}

Test(fields, tell_names_apart_whose_hashes_meet)
{
    proxy__hash_start();
    proxy__hash_key.mix[1] = 0; /* all names of up to eight bytes */
    cr_assert_eq(name_hash(SPAN_LIT("a"), NULL), name_hash(SPAN_LIT("b"), NULL));
    expect("$.a", "{\"b\":1,\"a\":2,\"c\":3}", "0:2");
}

Test(fields, name_elements)
{
    expect("$[0]", "[1,2]", "0:1");
    expect("$[1]", "[1,2,3]", "0:2");
    expect("$[2]", "[1,2]", "");
    expect("$[0]", "{\"0\":1}", "");
    expect("$['0']", "[1]", "");
    expect("$.a[1].b", "{\"a\":[{\"b\":1},{\"b\":2}]}", "0:2");
    expect("$[1][0]", "[[1],[2,3]]", "0:2");
    expect("$[10]", "[0,1,2,3,4,5,6,7,8,9,10,11]", "0:10");
}

Test(fields, name_any_member_or_element)
{
    expect("$.*", "{\"a\":1,\"b\":2}", "0:1 0:2");
    expect("$[*]", "{\"a\":1,\"b\":2}", "0:1 0:2");
    expect("$[*]", "[1,2]", "0:1 0:2");
    expect("$.a[*]", "{\"a\":[1,null,2],\"b\":[3]}", "0:1 0:2");
    expect("$[*].a", "[{\"a\":1},{\"b\":2},{\"a\":3},4]", "0:1 0:3");
    expect("$.*.*", "{\"a\":[1],\"b\":{\"c\":2},\"d\":3}", "0:1 0:2");
}

Test(fields, name_elements_from_the_end)
{
    expect("$[-1]", "[1,2,3]", "0:3");
    expect("$[-3]", "[1,2,3]", "0:1");
    expect("$[-4]", "[1,2,3]", "");
    expect("$[-1]", "[]", "");
    expect("$[-1]", "{\"a\":1}", "");
    expect("$.a[-2].b", "{\"a\":[{\"b\":1},{\"b\":2},{\"b\":3}]}", "0:2");
    expect("$[-1][-1]", "[[1,2],[3,[4],5]]", "0:5");
    expect("$..a[-1]", "[{\"a\":[1,2]},{\"b\":[[],{\"a\":[3]}]},{\"a\":[]}]", "0:2 0:3");
    expect("$[-1]", "[ \"]\" , \"a,b\" , { \"x\" : [ 1 , 2 ] , \"y\" : 3 } , 9 ]", "0:9");
    expect("$.a[-1]", "{\"z\":[1,2],\"a\":[\"\\\"],[\",2]}", "0:2");
}

Test(fields, name_slices_of_arrays)
{
    const char *ten = "[0,1,2,3,4,5,6,7,8,9]";

    expect("$[1:3]", ten, "0:1 0:2");
    expect("$[8:]", ten, "0:8 0:9");
    expect("$[:2]", ten, "0:0 0:1");
    expect("$[:]", "[1,2]", "0:1 0:2");
    expect("$[::]", "[1,2]", "0:1 0:2");
    expect("$[1:8:3]", ten, "0:1 0:4 0:7");
    expect("$[-2:]", ten, "0:8 0:9");
    expect("$[:-8]", ten, "0:0 0:1");
    expect("$[-100:2]", ten, "0:0 0:1");
    expect("$[8:100]", ten, "0:8 0:9");
    expect("$[5:3]", ten, "");
    expect("$[-3:-1:2]", ten, "0:7");
    expect("$[-3::2]", ten, "0:7 0:9");
    expect("$[::0]", ten, "");
    expect("$[::-3]", ten, "0:0 0:3 0:6 0:9");
    expect("$[7:2:-2]", ten, "0:3 0:5 0:7");
    expect("$[100::-4]", ten, "0:1 0:5 0:9");
    expect("$[:6:-2]", ten, "0:7 0:9");
    expect("$[2:-100:-1]", ten, "0:0 0:1 0:2");
    expect("$[-100::-1]", ten, "");
    expect("$[9007199254740991:]", ten, "");
    expect("$[:-9007199254740991]", ten, "");
    expect("$[1:3]", "{\"1\":1}", "");
    expect("$[1:].a", "[{\"a\":1},{\"a\":2},{\"a\":3}]", "0:2 0:3");
}

Test(fields, name_several_things_in_one_segment)
{
    expect("$['a','b']", "{\"b\":1,\"c\":2,\"a\":3}", "0:1 0:3");
    expect("$[0,2:4]", "[0,1,2,3,4]", "0:0 0:2 0:3");
    expect("$[-1,0,0]", "[0,1,2]", "0:0 0:2");
}

Test(fields, name_several_things_wherever_they_stand)
{
    const struct rig_field deep = {"$['a',1]", true};

    expect_found(&deep, 1, "{\"a\":[5,6]}", "0:5 0:6");
    expect_found(&deep, 1, "[5,6]", "0:6");
    expect("$..['a',0]", "[1,{\"a\":2,\"b\":[3,4]}]", "0:1 0:2 0:3");
    expect("$['a','b'].c", "{\"b\":{\"c\":1},\"a\":{\"c\":2,\"d\":3},\"e\":{\"c\":4}}", "0:1 0:2");
    expect("$[*,'a']", "{\"a\":1,\"b\":2}", "0:1 0:2");
}

Test(fields, name_what_stands_at_any_depth)
{
    expect("$..a", "{\"a\":1,\"b\":{\"a\":2,\"c\":[{\"a\":3}]}}", "0:1 0:2 0:3");
    expect("$..['a']", "[[{\"a\":1}]]", "0:1");
    expect("$.b..a", "{\"a\":1,\"b\":{\"a\":2,\"c\":[{\"a\":3}]},\"d\":{\"b\":{\"a\":4}}}",
           "0:2 0:3");
    expect("$..a.b", "{\"a\":{\"a\":{\"b\":1}},\"b\":2,\"c\":{\"a\":{\"b\":3}}}", "0:1 0:3");
    expect("$..[0]", "{\"a\":[1,2],\"b\":{\"c\":[3,4]}}", "0:1 0:3");
    expect("$..a[1]", "{\"x\":{\"a\":[1,2]},\"a\":[3,4]}", "0:2 0:4");
    expect("$..*", "{\"a\":1,\"b\":2}", "0:1 0:2");
    expect("$.a..*", "{\"a\":{\"b\":1},\"b\":2}", "0:1");
    expect("$..a..b", "{\"b\":1,\"a\":{\"b\":2,\"c\":{\"b\":3}}}", "0:2 0:3");
}

Test(fields, at_any_depth_refuse_containers_like_others)
{
    const struct rig_field one = {"$..a", false};
    AUTO(hits_done) struct hits hits = {0};

    cr_assert_eq(rig_read(&one, 1, SPAN_LIT("{\"b\":{\"a\":{\"a\":1}}}"), &hits),
                 ERR_UNPROCESSABLE);
}

Test(fields, let_the_first_of_several_win)
{
    const struct rig_field list[] = {{"$.a", false}, {"$['a']", false}, {"$..*", true}};
    const struct rig_field turned[] = {{"$..*", true}, {"$.a", false}};

    expect_found(list, 3, "{\"a\":1,\"b\":{\"a\":2}}", "0:1 2:2");
    expect_found(turned, 2, "{\"a\":1,\"b\":{\"a\":2}}", "0:1 0:2");
}

Test(fields, decide_about_containers_by_the_first_as_well)
{
    const struct rig_field refusing[] = {{"$.a.b", false}, {"$.a", true}};
    const struct rig_field accepting[] = {{"$.a", true}, {"$.a.b", false}};
    AUTO(hits_done) struct hits hits = {0};

    cr_assert_eq(rig_read(refusing, 2, SPAN_LIT("{\"a\":{\"b\":[1]}}"), &hits), ERR_UNPROCESSABLE);
    expect_found(refusing, 2, "{\"a\":{\"b\":1,\"c\":2}}", "0:1 1:2");
    expect_found(accepting, 2, "{\"a\":{\"b\":[1]}}", "0:1");
}

Test(fields, that_are_deep_take_everything_below)
{
    const struct rig_field deep[] = {{"$..contact", true}};
    const struct rig_field root[] = {{"$", true}};

    expect_found(deep, 1, "{\"contact\":1,\"a\":{\"contact\":[2,{\"b\":[3,null]}],\"c\":4}}",
                 "0:1 0:2 0:3");
    expect_found(root, 1, "[1,{\"a\":[\"x\"]}]", "0:1 0:\"x\"");
}

Test(fields, may_be_more_than_fit_one_word)
{
    char paths[60][32];
    struct rig_field list[60];
    char document[4096] = "{", wanted[4096] = "";

    for (size_t i = 0; i < COUNT_OF(list); i++) {
        char text[64];

        (void)snprintf(paths[i], sizeof(paths[i]), "$.a%zu.b.c.d", i);
        list[i] = (struct rig_field){paths[i], false};
        (void)snprintf(text, sizeof(text), "%s\"a%zu\":{\"b\":{\"c\":{\"d\":%zu}}}",
                       i == 0 ? "" : ",", i, i);
        (void)strncat(document, text, sizeof(document) - strlen(document) - 1);
        (void)snprintf(text, sizeof(text), "%s%zu:%zu", i == 0 ? "" : " ", i, i);
        (void)strncat(wanted, text, sizeof(wanted) - strlen(wanted) - 1);
    }
    (void)strncat(document, "}", 2);
    expect_found(list, COUNT_OF(list), document, wanted);
}

/* A path of 63 steps fills a word with its 64 states. */
Test(fields, may_be_as_long_as_documents_are_deep)
{
    char path[256] = "$", document[1024] = "";
    const struct rig_field list[] = {{"$.x", false}, {path, false}, {"$.y", false}};

    for (int i = 0; i < 63; i++) {
        (void)strncat(path, ".a", 3);
        (void)strncat(document, "{\"a\":", 6);
    }
    (void)strncat(document, "1", 2);
    for (int i = 0; i < 63; i++)
        (void)strncat(document, "}", 2);
    expect_found(list, 3, document, "1:1");
}

Test(fields, can_be_none)
{
    AUTO(fields_free) struct fields *fields = NULL;

    cr_assert_eq(fields_new(NULL, 0, &fields, NULL), ERR_OK);
    cr_assert_eq(fields_count(fields), 0);
    expect_found(NULL, 0, "{\"a\":[1,{}]}", "");
}

Test(fields, are_counted)
{
    const struct rig_field list[] = {{"$.a", false}, {"$.b", true}};
    AUTO(fields_free) struct fields *fields = rig_fields(list, 2);

    cr_assert_eq(fields_count(fields), 2);
}

/* ---- against a slow and simple reading of RFC 9535 ---- */

enum oracle_kind { ORACLE_NAME, ORACLE_INDEX, ORACLE_ANY, ORACLE_LAST, ORACLE_SLICE, ORACLE_LIST };

struct oracle_step {
    enum oracle_kind kind;
    bool descend;
    uint32_t number; /* of a name or element, or of the slice in the table */
};

/* Containers have three values. Which of them a slice has, as bits. */
static const struct {
    const char *text;
    unsigned elements;
} oracle_slices[] = {{":", 7},    {"1:", 6},    {":-1", 3},   {"::2", 5},   {"-2:", 6},
                     {"::-2", 5}, {"1::-1", 3}, {"-2:-1", 2}, {":0:-1", 6}, {"5:", 0}};

/* way: a member's number, or -1 - index of an element. */
static bool oracle_takes(const struct oracle_step *step, int way)
{
    const int number = (int)step->number;

    switch (step->kind) {
    case ORACLE_NAME:
        return way == number;
    case ORACLE_INDEX:
        return way == -1 - number;
    case ORACLE_LAST: /* [-1], [-2], [-3] */
        return way == -3 + number;
    case ORACLE_SLICE:
        return way < 0 && (oracle_slices[step->number].elements >> (-1 - way) & 1) != 0;
    case ORACLE_LIST: /* a name and an index */
        return way == number || way == -1 - number;
    case ORACLE_ANY:
        break;
    }
    return true;
}

/* Does a path's steps from `step` match the last of the nodes on the way from `at`? */
static bool oracle_matches(const struct oracle_step *steps, size_t count, const int *way,
                           size_t len)
{
    if (count == 0)
        return len == 0;
    if (len == 0)
        return false;
    if (steps[0].descend && oracle_matches(steps, count, way + 1, len - 1))
        return true;
    if (oracle_takes(&steps[0], way[0]))
        return oracle_matches(steps + 1, count - 1, way + 1, len - 1);
    return false;
}

enum { ORACLE_FIELDS = 12, ORACLE_STEPS = 4, ORACLE_DEPTH = 5 };

struct oracle {
    struct rig_random random;
    struct oracle_step steps[ORACLE_FIELDS][ORACLE_STEPS];
    size_t step_count[ORACLE_FIELDS];
    bool deep[ORACLE_FIELDS];
    char paths[ORACLE_FIELDS][128];
    struct buf document, wanted;
    int way[ORACLE_DEPTH + 1];
    bool refused;
};

static void oracle_write(const struct oracle_step *step, char *out, size_t size)
{
    const char *dots = step->descend ? ".." : "";

    switch (step->kind) {
    case ORACLE_NAME:
        (void)snprintf(out, size, "%s['n%u']", dots, step->number);
        break;
    case ORACLE_INDEX:
        (void)snprintf(out, size, "%s[%u]", dots, step->number);
        break;
    case ORACLE_LAST:
        (void)snprintf(out, size, "%s[-%u]", dots, step->number + 1);
        break;
    case ORACLE_SLICE:
        (void)snprintf(out, size, "%s[%s]", dots, oracle_slices[step->number].text);
        break;
    case ORACLE_LIST:
        (void)snprintf(out, size, "%s['n%u',%u]", dots, step->number, step->number);
        break;
    case ORACLE_ANY:
        (void)snprintf(out, size, "%s[*]", dots);
        break;
    }
}

static void oracle_paths(struct oracle *o)
{
    for (size_t f = 0; f < ORACLE_FIELDS; f++) {
        char *path = o->paths[f];

        (void)snprintf(path, sizeof(o->paths[f]), "$");
        o->step_count[f] = 1 + rig_draw(&o->random, ORACLE_STEPS);
        o->deep[f] = rig_draw(&o->random, 2) == 0;
        for (size_t i = 0; i < o->step_count[f]; i++) {
            struct oracle_step *step = &o->steps[f][i];
            char text[48];

            *step = (struct oracle_step){.kind = (enum oracle_kind)rig_draw(&o->random, 6),
                                         .descend = rig_draw(&o->random, 4) == 0,
                                         .number = rig_draw(&o->random, 3)};
            if (step->kind == ORACLE_SLICE)
                step->number = rig_draw(&o->random, COUNT_OF(oracle_slices));
            oracle_write(step, text, sizeof(text));
            (void)strncat(path, text, sizeof(o->paths[f]) - strlen(path) - 1);
        }
    }
}

/* The field of the node at the end of the way: the first that matches it, or a deep one that
 * matches a node on the way to it. */
static size_t oracle_field(const struct oracle *o, size_t len)
{
    for (size_t f = 0; f < ORACLE_FIELDS; f++) {
        for (size_t part = o->deep[f] ? 0 : len; part <= len; part++)
            if (oracle_matches(o->steps[f], o->step_count[f], o->way, part))
                return f;
    }
    return ORACLE_FIELDS;
}

static void oracle_value(struct oracle *o, size_t len)
{
    const size_t field = oracle_field(o, len);
    const bool leaf = len == ORACLE_DEPTH || rig_draw(&o->random, 3) == 0;
    const bool object = rig_draw(&o->random, 2) == 0;
    char text[32];

    if (leaf) {
        rig_put(&o->document, "1");
        if (field < ORACLE_FIELDS) {
            (void)snprintf(text, sizeof(text), "%zu@%zu ", field, o->document.len);
            rig_put(&o->wanted, text);
        }
        return;
    }
    if (field < ORACLE_FIELDS && !o->deep[field])
        o->refused = true;
    rig_put(&o->document, object ? "{" : "[");
    for (int i = 0; i < 3; i++) {
        (void)snprintf(text, sizeof(text), "%s\"n%d\":", i == 0 ? "" : ",", i);
        rig_put(&o->document, object ? text : i == 0 ? "" : ",");
        o->way[len] = object ? i : -1 - i;
        oracle_value(o, len + 1);
    }
    rig_put(&o->document, object ? "}" : "]");
}

static void oracle_round(struct oracle *o)
{
    AUTO(hits_done) struct hits hits = {0};
    AUTO(buf_done) struct buf found;
    struct rig_field list[ORACLE_FIELDS];
    enum err e;

    buf_init(&o->document, 1 << 20);
    buf_init(&o->wanted, 1 << 20);
    buf_init(&found, 1 << 20);
    o->refused = false;
    oracle_paths(o);
    oracle_value(o, 0);
    for (size_t f = 0; f < ORACLE_FIELDS; f++)
        list[f] = (struct rig_field){o->paths[f], o->deep[f]};
    e = rig_read(list, ORACLE_FIELDS, buf_span(&o->document), &hits);
    cr_assert_eq(e, o->refused ? ERR_UNPROCESSABLE : ERR_OK, "%.*s", (int)o->document.len,
                 (char *)o->document.bytes);
    for (size_t i = 0; i < hits.count; i++) {
        char text[32];

        (void)snprintf(text, sizeof(text), "%u@%zu ", hits.at[i].field, hits.at[i].end);
        rig_put(&found, text);
    }
    if (!o->refused)
        cr_assert(span_equal(buf_span(&found), buf_span(&o->wanted)), "%.*s: %.*s",
                  (int)o->document.len, (char *)o->document.bytes, (int)found.len,
                  (char *)found.bytes);
    buf_done(&o->document);
    buf_done(&o->wanted);
}

Test(fields, find_what_a_slow_reading_of_the_rfc_finds)
{
    struct oracle o = {.random = {0x9E3779B97F4A7C15U}};
    unsigned refused = 0;

    for (int round = 0; round < 3000; round++) {
        oracle_round(&o);
        refused += o.refused;
    }
    cr_assert(refused > 100 && refused < 2900, "%u", refused);
}

/* ---- paths that are none ---- */

static void expect_refused(const char *path, size_t character, const char *hint)
{
    const struct field_def def = {.path = path, .class_id = 1};
    struct fields *fields = NULL;
    struct errmsg msg = {""};
    char place[64];

    (void)snprintf(place, sizeof(place), "character %zu:", character);
    cr_assert_eq(fields_new(&def, 1, &fields, &msg), ERR_CONFIG, "%s", path);
    cr_assert_null(fields);
    cr_assert_not_null(strstr(msg.text, place), "%s", msg.text);
    cr_assert_not_null(strstr(msg.text, hint), "%s", msg.text);
    cr_assert_not_null(strstr(msg.text, path), "%s", msg.text);
}

Test(paths, are_refused_where_they_go_wrong)
{
    expect_refused("", 1, "begins with \"$\"");
    expect_refused("a.b", 1, "begins with \"$\"");
    expect_refused("@.a", 1, "begins with \"$\"");
    expect_refused(" $.a", 1, "begins with \"$\"");
    expect_refused("$a", 2, ". or [");
    expect_refused("$.a b", 5, ". or [");
    expect_refused("$.", 3, "a name or *");
    expect_refused("$..", 4, "a name or *");
    expect_refused("$...a", 4, "a name or *");
    expect_refused("$.1a", 3, "a name or *");
    expect_refused("$.['a']", 3, "a name or *");
    expect_refused("$. a", 3, "a name or *");
    expect_refused("$.a-b", 4, "['like-this']");
    expect_refused("$.a ", 4, "white space");
    expect_refused("$[", 3, "an index, a slice or *");
    expect_refused("$[]", 3, "an index, a slice or *");
    expect_refused("$[a]", 3, "an index, a slice or *");
    expect_refused("$['a", 3, "not closed");
    expect_refused("$['a\\']", 3, "not closed");
    expect_refused("$['a'", 6, "]");
    expect_refused("$[1", 4, "]");
    expect_refused("$[1 2]", 5, "]");
    expect_refused("$[01]", 3, "leading zeros");
    expect_refused("$[9007199254740992]", 3, "2^53");
    expect_refused("$[99999999999999999999999]", 3, "2^53");
    expect_refused("$.a\xFF", 3, "UTF-8");
    expect_refused("$['\xFF']", 4, "RFC 9535");
    expect_refused("$['\\x']", 4, "RFC 9535");
    expect_refused("$['\\\"']", 4, "RFC 9535");
    expect_refused("$[\"\\'\"]", 4, "RFC 9535");
    expect_refused("$['\\uD800']", 4, "RFC 9535");
    expect_refused("$['a\nb']", 4, "RFC 9535");
}

Test(paths, name_what_is_not_supported)
{
    expect_refused("$[?@.a]", 3, "filters are not supported");
    expect_refused("$[?(@.a == 1)]", 3, "filters are not supported");
    expect_refused("$..['a', ?@.a]", 10, "filters are not supported");
}

Test(paths, with_wrong_numbers_and_lists_are_refused)
{
    expect_refused("$[-0]", 3, "zero has no sign");
    expect_refused("$[-]", 3, "leading zeros");
    expect_refused("$[-01]", 3, "leading zeros");
    expect_refused("$[-9007199254740992]", 3, "2^53");
    expect_refused("$[1:01]", 5, "leading zeros");
    expect_refused("$[1:2:-0]", 7, "zero has no sign");
    expect_refused("$[1:2:3:4]", 8, "]");
    expect_refused("$[1 2:3]", 5, "]");
    expect_refused("$[1:a]", 5, "]");
    expect_refused("$[- 1]", 3, "leading zeros");
    expect_refused("$['a',]", 7, "a quoted name");
    expect_refused("$[,1]", 3, "a quoted name");
    expect_refused("$[1,,2]", 5, "a quoted name");
    expect_refused("$['a' 'b']", 7, "]");
    expect_refused("$[a,b]", 3, "a quoted name");
}

Test(paths, may_have_white_space_where_rfc_9535_has_it)
{
    expect("$ .a", "{\"a\":1}", "0:1");
    expect("$\n.a\t[ 0 ] [ 'b' ]", "{\"a\":[{\"b\":1}]}", "0:1");
    expect("$..[ * ]", "[1]", "0:1");
    expect("$[ 0 , 2 : 4 : 1 ]", "[0,1,2,3,4]", "0:0 0:2 0:3");
    expect("$[ 1\n:\t3 ]", "[0,1,2,3,4]", "0:1 0:2");
    expect("$[ : : 2 ]", "[0,1,2]", "0:0 0:2");
    expect("$[1::\r\n]", "[0,1,2]", "0:1 0:2");
}

Test(paths, have_a_bounded_number_of_steps)
{
    char path[256] = "$";
    const struct field_def def = {.path = path, .class_id = 1};
    struct fields *fields = NULL;
    struct errmsg msg = {""};

    for (int i = 0; i < 64; i++)
        (void)strncat(path, ".a", 3);
    cr_assert_eq(fields_new(&def, 1, &fields, &msg), ERR_CONFIG);
    cr_assert_not_null(strstr(msg.text, "more than 63 steps"), "%s", msg.text);
}

Test(paths, together_have_a_bounded_number_of_steps)
{
    struct field_def defs[FIELDS_STATES];
    struct fields *fields = NULL;
    struct errmsg msg = {""};

    for (size_t i = 0; i < COUNT_OF(defs); i++)
        defs[i] = (struct field_def){.path = "$.a", .class_id = 1};
    cr_assert_eq(fields_new(defs, FIELDS_STATES / 2, &fields, &msg), ERR_OK, "%s", msg.text);
    fields_free(&fields);
    cr_assert_eq(fields_new(defs, FIELDS_STATES / 2 + 1, &fields, &msg), ERR_CONFIG);
    cr_assert_not_null(strstr(msg.text, "too many fields"), "%s", msg.text);
    cr_assert_eq(fields_new(defs, FIELDS_STATES, &fields, &msg), ERR_CONFIG);
    defs[FIELDS_STATES / 2].path = "$"; /* no step, and a state too many */
    cr_assert_eq(fields_new(defs, FIELDS_STATES / 2 + 1, &fields, &msg), ERR_CONFIG);
    cr_assert_null(fields);
}

Test(paths, need_no_place_for_their_message)
{
    const struct field_def def = {.path = "nothing"};
    struct fields *fields = NULL;

    cr_assert_eq(fields_new(&def, 1, &fields, NULL), ERR_CONFIG);
}
