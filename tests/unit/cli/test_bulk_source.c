/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of dumps: where values stand, which rows are wrong, and that groups depend on the file alone. */
#include "base/mem.h"
#include "base/secret.h"
#include "tests/unit/cli/bulk_rig.h"

TestSuite(bulk_source, .init = secret_start, .timeout = 60);

#define CSV_START(r, fields, subject, text)                                                        \
    AUTO(bulk_rig_done) struct bulk_rig r;                                                         \
    bulk_rig_start(&r, false, fields, subject, SPAN_LIT(text))
#define JSON_START(r, fields, subject, text)                                                       \
    AUTO(bulk_rig_done) struct bulk_rig r;                                                         \
    bulk_rig_start(&r, true, fields, subject, SPAN_LIT(text))

static bool subject_is(const struct bulk_rig *r, size_t row, const char *expected)
{
    const struct bulk_row *it = &r->group.rows[row];

    return span_equal(span_of(r->group.text.bytes + it->subject_at, it->subject_len),
                      span_str(expected));
}

Test(bulk_source, csv_values_are_those_of_the_named_columns)
{
    CSV_START(r, "email=email,note=note", "id",
              "\xEF\xBB\xBFid,note,email\r\n7,\"a, \"\"b\"\"\",ada@example.org\r\n8,,\r\n");
    bulk_rig_next(&r);
    cr_assert_eq(r.group.count, 3);
    cr_assert_eq(r.group.data_rows, 2);
    cr_assert(r.group.rows[0].plain);
    cr_assert_eq(r.group.rows[1].line, 2);
    cr_assert_eq(r.group.rows[1].count, 2);
    cr_assert(bulk_rig_says(&r, 0, "a, \"b\"") && bulk_rig_says(&r, 1, "ada@example.org"));
    cr_assert(subject_is(&r, 1, "7"));
    cr_assert_eq(r.group.values[0].field, 1);
    cr_assert_eq(r.group.rows[2].count, 0, "nothing is nobody's value");
    cr_assert_null(r.group.rows[2].wrong);
    bulk_rig_next(&r);
    cr_assert_eq(r.group.count, 0);
}

Test(bulk_source, what_is_not_replaced_stays_the_bytes_it_was)
{
    CSV_START(
        r, "a=x,b=x", "id",
        "\xEF\xBB\xBFid,a,b,\"c\"\r\n1,\"q\",plain,\" x\"\"y\"\n\n2,,\"\",\xff\r\n3,z,\"l\nm\",");
    bulk_rig_next(&r);
    bulk_rig_renders(&r, "\xEF\xBB\xBFid,a,b,\"c\"\r\n1,\"q\",plain,\" x\"\"y\"\n\n2,,\"\",\xff\r\n"
                         "3,z,\"l\nm\",");
    bulk_rig_replace(&r, 0, "t1");
    bulk_rig_replace(&r, 1, "t2");
    bulk_rig_replace(&r, 3, "t,4");
    bulk_rig_renders(&r, "\xEF\xBB\xBFid,a,b,\"c\"\r\n1,\"t1\",t2,\" x\"\"y\"\n\n2,,\"\",\xff\r\n"
                         "3,z,\"t,4\",");
    bulk_rig_replace(&r, 0, "");
    bulk_rig_renders(&r, "\xEF\xBB\xBFid,a,b,\"c\"\r\n1,,t2,\" x\"\"y\"\n\n2,,\"\",\xff\r\n"
                         "3,z,\"t,4\",");
}

Test(bulk_source, rows_that_are_wrong_say_why_and_where)
{
    CSV_START(r, "a=x,b=x", "id", "id,a,b\n1,v\n2,\xff,w\n,v,w\n4,v,w,x\n5,\"l\nm\",w\n6,v\n");
    bulk_rig_next(&r);
    cr_assert_eq(r.group.count, 7);
    cr_assert_not_null(r.group.rows[1].wrong, "too few columns");
    cr_assert_not_null(r.group.rows[2].wrong);
    cr_assert_eq(r.group.rows[2].wrong_field, 0, "not UTF-8");
    cr_assert_eq(r.group.rows[3].wrong, bulk_wrong_subject);
    cr_assert_not_null(r.group.rows[4].wrong, "too many columns");
    cr_assert_null(r.group.rows[5].wrong);
    cr_assert_eq(r.group.rows[6].line, 8, "line ends in quotes count");
}

static void refuses(const char *fields, const char *subject, const char *text, enum err expected)
{
    AUTO(bulk_rig_done) struct bulk_rig r;

    bulk_rig_start(&r, false, fields, subject, span_str(text));
    cr_assert_eq(bulk_source_next(&r.source, 0, &r.group, &r.msg), expected, "%s", text);
    cr_assert_neq(r.msg.text[0], '\0');
    cr_assert_null(strstr(r.msg.text, "secret"), "%s", r.msg.text);
}

Test(bulk_source, headers_and_files_that_are_none_are_refused)
{
    refuses("a=x", "id", "id,b\n1,2\n", ERR_INVALID);
    refuses("a=x", "id", "a,b\n1,2\n", ERR_INVALID);
    refuses("a=x", "id", "id,a,a\n1,2,3\n", ERR_CONFLICT);
    refuses("a=x", "id", "id,a,id\n1,2,3\n", ERR_CONFLICT);
    refuses("a=x", "id", "id,a\n1,se\"cret\n", ERR_INVALID);
    refuses("a=x", "id", "id,a\n1,\"secret\n", ERR_INVALID);
    refuses("a=x", "id", "id,a\n1,secret\r2,secret\n", ERR_INVALID);
}

/* A long text of rows: groups are the same wherever reading begins and however long the reads are. */
Test(bulk_source, groups_are_those_of_the_file_wherever_a_job_goes_on)
{
    AUTO(buf_done) struct buf text = {.max = 4 << 20};
    AUTO(bulk_rig_done) struct bulk_rig r;
    uint64_t offset[8], line[8], rows[8];
    size_t count = 0;

    cr_assert_eq(buf_append_str(&text, "id,a\n"), ERR_OK);
    for (int i = 0; i < 4500; i++) {
        char row[64];

        (void)snprintf(row, sizeof(row), "%d,\"value\n%d\"\n", i, i);
        cr_assert_eq(buf_append_str(&text, row), ERR_OK);
    }
    bulk_rig_start(&r, false, "a=x", "id", buf_span(&text));
    do {
        bulk_rig_next(&r);
        offset[count] = bulk_source_position(&r.source);
        line[count] = r.source.line;
        rows[count++] = r.source.rows;
    } while (r.group.count > 0);
    cr_assert_eq(count, 6);
    cr_assert_eq(rows[0], BULK_GROUP_ROWS);
    for (size_t i = 0; i + 1 < count; i++) {
        bulk_source_close(&r.source);
        cr_assert_eq(lseek(r.fd, 0, SEEK_SET), 0);
        cr_assert_eq(bulk_source_open(&r.source, &r.spec, r.fd, "rows", &r.msg), ERR_OK);
        cr_assert_eq(bulk_source_seek(&r.source, offset[i], line[i], rows[i], &r.msg), ERR_OK);
        bulk_rig_next(&r);
        cr_assert_eq(bulk_source_position(&r.source), offset[i + 1]);
        cr_assert_eq(r.source.line, line[i + 1]);
        cr_assert_eq(r.source.rows, rows[i + 1]);
        if (r.group.count > 0)
            cr_assert_eq(r.group.rows[0].line, line[i]);
    }
}

Test(bulk_source, an_exact_number_of_rows_can_be_asked_for)
{
    CSV_START(r, "a=x", "id", "id,a\n1,v\n\n2,v\n");
    cr_assert_eq(bulk_source_next(&r.source, 3, &r.group, &r.msg), ERR_OK);
    cr_assert_eq(r.group.count, 3);
    cr_assert(r.group.rows[2].plain, "an empty line is a row");
    cr_assert_eq(bulk_source_next(&r.source, 3, &r.group, &r.msg), ERR_OK);
    cr_assert_eq(r.group.count, 1);
}

Test(bulk_source, a_quote_that_is_never_closed_ends_the_job_and_not_the_memory)
{
    AUTO(buf_done) struct buf text = {.max = 2 * (size_t)BULK_ROW_MAX};
    AUTO(bulk_rig_done) struct bulk_rig r;

    cr_assert_eq(buf_append_str(&text, "id,a\n1,\""), ERR_OK);
    cr_assert_eq(buf_reserve(&text, BULK_ROW_MAX + 100), ERR_OK);
    memset(text.bytes + text.len, 'x', BULK_ROW_MAX + 100);
    text.len += BULK_ROW_MAX + 100;
    bulk_rig_start(&r, false, "a=x", "id", buf_span(&text));
    cr_assert_eq(bulk_source_next(&r.source, 0, &r.group, &r.msg), ERR_TOO_LARGE);
    cr_assert_not_null(strstr(r.msg.text, "line 2"), "%s", r.msg.text);
}

/* ---- NDJSON ---- */

Test(bulk_source, json_values_are_those_of_the_paths)
{
    JSON_START(
        r, "$.email=email,$.phones[*]=phone", "$.id",
        "{\"id\":7,\"email\":\"a\\u00e9@b\",\"phones\":[1,\"2\"],\"x\":{\"email\":\"no\"}}\r\n"
        "\n{\"id\":\"8\",\"email\":null}");
    bulk_rig_next(&r);
    cr_assert_eq(r.group.count, 3);
    cr_assert_eq(r.group.data_rows, 2);
    cr_assert_eq(r.group.rows[0].count, 3);
    cr_assert(bulk_rig_says(&r, 0, "a\xc3\xa9@b") && bulk_rig_says(&r, 1, "1") &&
              bulk_rig_says(&r, 2, "2"));
    cr_assert_eq(r.group.values[1].kind, VALUE_NUMBER);
    cr_assert_eq(r.group.values[1].field, 1);
    cr_assert(subject_is(&r, 0, "7"));
    cr_assert_eq(r.group.rows[2].count, 0);
    cr_assert_null(r.group.rows[2].wrong);
    bulk_rig_replace(&r, 0, "t\"1");
    bulk_rig_replace(&r, 1, "12");
    r.group.pieces[1].literal = true;
    bulk_rig_renders(
        &r, "{\"id\":7,\"email\":\"t\\\"1\",\"phones\":[12,\"2\"],\"x\":{\"email\":\"no\"}}"
            "\r\n\n{\"id\":\"8\",\"email\":null}");
}

Test(bulk_source, the_subject_may_be_a_field_too)
{
    JSON_START(r, "$.email=email", "$.email", "{\"email\":\"a@b\"}\n");
    bulk_rig_next(&r);
    cr_assert_null(r.group.rows[0].wrong);
    cr_assert_eq(r.group.rows[0].count, 1);
    cr_assert(subject_is(&r, 0, "a@b"));
}

Test(bulk_source, lines_that_cannot_be_read_are_wrong_and_the_next_one_is_not)
{
    JSON_START(r, "$.a=x", "$.id",
               "{\"id\":1,\"a\":\"v\"\n{\"id\":2,\"a\":\"v\",\"a\":\"w\"}\n{\"id\":3,\"a\":{}}\n"
               "{\"a\":\"v\"}\n{\"id\":null,\"a\":\"v\"}\n{\"id\":\"\",\"a\":\"v\"}\n[\"v\"]\n"
               "{\"id\":8,\"a\":\"v\"}\n{\"id\":9,\r\"a\":\"v\"}\n");
    bulk_rig_next(&r);
    cr_assert_eq(r.group.count, 9);
    for (size_t i = 0; i < 9; i++) {
        const bool good = i == 7;

        cr_assert_eq(r.group.rows[i].wrong == NULL, good, "line %zu: %s", i + 1,
                     r.group.rows[i].wrong);
    }
    cr_assert_eq(r.group.rows[7].count, 1);
}

Test(bulk_source, a_path_that_is_none_is_refused)
{
    AUTO(bulk_rig_done) struct bulk_rig r;

    cr_assert_eq(bulk_rig_try(&r, true, "$.a[=x", "$.id", SPAN_LIT("")), ERR_CONFIG);
    cr_assert_neq(r.msg.text[0], '\0');
}

/* ---- every token anywhere ---- */

static struct span token_text(struct token_text *t, char letter)
{
    const struct token_ref ref = {.class_id = 5, .row = (uint64_t)letter};
    static const uint8_t key[TOKEN_LOCATOR_KEY_BYTES] = "0123456789abcde";

    token_write(&ref, TOKEN_OPAQUE, NULL, key, t);
    return span_of(t->bytes, t->len);
}

Test(bulk_source, tokens_are_found_inside_of_texts)
{
    AUTO(bulk_rig_done) struct bulk_rig r;
    struct token_text a, b;
    char row[512];

    (void)token_text(&a, 'a');
    (void)token_text(&b, 'b');
    (void)snprintf(row, sizeof(row), "n,t\n1,\"see %.32s, %.32s.\"\n2,nothing\n3,%.32s\n", a.bytes,
                   b.bytes, b.bytes);
    bulk_rig_start(&r, false, NULL, NULL, span_str(row));
    bulk_rig_next(&r);
    cr_assert_eq(r.group.value_count, 2);
    cr_assert_eq(r.group.values[0].pieces, 2);
    cr_assert_eq(r.group.rows[2].count, 0);
    bulk_rig_replace(&r, 0, "Ada");
    bulk_rig_replace(&r, 1, "\"Bob\"");
    bulk_rig_replace(&r, 2, "C,D");
    bulk_rig_renders(&r, "n,t\n1,\"see Ada, \"\"Bob\"\".\"\n2,nothing\n3,\"C,D\"\n");
}

Test(bulk_source, tokens_are_found_inside_of_json_strings)
{
    AUTO(bulk_rig_done) struct bulk_rig r;
    struct token_text a;
    char row[512];

    (void)token_text(&a, 'a');
    (void)snprintf(row, sizeof(row), "{\"x\":[{\"y\":\"<%.32s>\"}],\"z\":\"no\"}\n", a.bytes);
    bulk_rig_start(&r, true, NULL, NULL, span_str(row));
    bulk_rig_next(&r);
    cr_assert_eq(r.group.value_count, 1);
    bulk_rig_replace(&r, 0, "A\"da");
    bulk_rig_renders(&r, "{\"x\":[{\"y\":\"<A\\\"da>\"}],\"z\":\"no\"}\n");
}
