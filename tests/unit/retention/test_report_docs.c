/* SPDX-License-Identifier: Apache-2.0 */
/* What is published of reports: docs/reports.schema.json is made from the table of kinds, and
 * docs/REPORTS.md describes every member. After a change: LETHE_WRITE_SCHEMA=1 and this test. */
#include "retention/report.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/secret.h"

static const char schema_path[] = "docs/reports.schema.json";
static const char page_path[] = "docs/REPORTS.md";

TestSuite(report_docs, .init = secret_start, .timeout = 20);

static void load(const char *path, struct buf *ret)
{
    FILE *f = fopen(path, "r");
    char run[4096];
    size_t got;

    buf_init(ret, 1 << 20);
    cr_assert_not_null(f, "%s", path);
    while ((got = fread(run, 1, sizeof(run), f)) > 0)
        REQUIRE(buf_append(ret, run, got) == ERR_OK);
    (void)fclose(f);
    REQUIRE(buf_append_byte(ret, '\0') == ERR_OK);
}

/* ---- the schema (JSON Schema 2020-12) ---- */

static struct json *parsed(const char *text)
{
    struct json *tree = NULL;

    REQUIRE(json_parse(span_str(text), &tree) == ERR_OK);
    return tree;
}

static struct json *cell_schema(enum report_cell cell)
{
    static const char *const schemas[] = {
        [REPORT_TEXT] = "{\"type\":[\"string\",\"null\"]}",
        [REPORT_COUNT] = "{\"type\":[\"integer\",\"null\"]}",
        [REPORT_SHARE] = "{\"type\":[\"integer\",\"null\"]}",
        [REPORT_DATE] =
            "{\"type\":[\"string\",\"null\"],\"pattern\":\"^\\\\d{4}-\\\\d\\\\d-\\\\d\\\\d$\"}",
        [REPORT_INSTANT] = "{\"type\":[\"string\",\"null\"],\"pattern\":"
                           "\"^\\\\d{4}-\\\\d\\\\d-\\\\d\\\\dT\\\\d\\\\d:\\\\d\\\\d:\\\\d\\\\d("
                           "\\\\.\\\\d{3})?Z$\"}",
        [REPORT_FLAG] = "{\"type\":[\"boolean\",\"null\"]}",
        [REPORT_LIST] = "{\"type\":[\"array\",\"null\"],\"items\":{\"type\":\"string\"}}",
    };

    return parsed(schemas[cell]);
}

/* A map with these members and no others. */
static struct json *map_schema(const struct report_column *columns, size_t count, bool is_row)
{
    struct json *map = json_new_map(), *members = json_new_map(), *names = json_new_list();

    for (size_t i = 0; i < count; i++) {
        struct json *cell = cell_schema(columns[i].cell);

        json_set_str(cell, "title", columns[i].title);
        json_set(members, columns[i].member, cell);
        json_add(names, json_new_text(span_str(columns[i].member)));
    }
    if (is_row) {
        json_set(members, "attention",
                 parsed("{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"));
        json_add(names, json_new_text(SPAN_LIT("attention")));
    }
    json_set_str(map, "type", "object");
    json_set(map, "properties", members);
    json_set(map, "required", names);
    json_set_bool(map, "additionalProperties", false);
    return map;
}

static struct json *kind_schema(const struct report_kind *kind)
{
    struct json *map = json_new_map(), *members = json_new_map(), *name = json_new_map();
    struct json *rows = json_new_map();

    json_set_str(name, "const", kind->name);
    json_set_str(rows, "type", "array");
    json_set(rows, "items", map_schema(kind->columns, kind->column_count, true));
    json_set(members, "report", name);
    json_set(members, "summary", map_schema(kind->summary, kind->summary_count, false));
    json_set(members, "rows", rows);
    json_set_str(map, "title", kind->title);
    json_set(map, "properties", members);
    return map;
}

static const char head_schema[] =
    "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"title\":\"A report of Lethe\","
    "\"type\":\"object\",\"additionalProperties\":false,"
    "\"required\":[\"report\",\"title\",\"as_of\",\"zone\",\"period\",\"version\",\"commit\","
    "\"configuration\",\"store\",\"ledger\",\"clock\",\"classification\",\"summary\",\"rows\","
    "\"attention\"],"
    "\"properties\":{\"report\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},"
    "\"as_of\":{\"type\":\"string\",\"format\":\"date-time\"},\"zone\":{\"type\":\"string\"},"
    "\"period\":{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"from\",\"to\"],"
    "\"properties\":{\"from\":{\"type\":[\"string\",\"null\"],\"format\":\"date\"},"
    "\"to\":{\"type\":[\"string\",\"null\"],\"format\":\"date\"}}},"
    "\"version\":{\"type\":\"string\"},\"commit\":{\"type\":\"string\"},"
    "\"configuration\":{\"type\":[\"string\",\"null\"],\"pattern\":\"^[0-9a-f]{64}$\"},"
    "\"store\":{\"type\":\"string\",\"pattern\":\"^[0-9a-f]{32}$\"},"
    "\"ledger\":{\"type\":\"object\",\"additionalProperties\":false,"
    "\"required\":[\"entries\",\"head\"],\"properties\":{\"entries\":{\"type\":\"integer\"},"
    "\"head\":{\"type\":\"string\",\"pattern\":\"^[0-9a-f]{64}$\"}}},"
    "\"clock\":{\"enum\":[\"right\",\"behind\",\"ahead\"]},"
    "\"classification\":{\"type\":\"string\"},\"summary\":{\"type\":\"object\"},"
    "\"rows\":{\"type\":\"array\"},\"attention\":{\"type\":\"boolean\"}}}";

static struct json *schema(void)
{
    struct json *map = parsed(head_schema), *kinds = json_new_list();

    for (size_t i = 0; report_kind_at(i) != NULL; i++)
        json_add(kinds, kind_schema(report_kind_at(i)));
    json_set(map, "oneOf", kinds);
    return map;
}

static void write_file(const char *path, struct span text)
{
    FILE *f = fopen(path, "w");

    cr_assert_not_null(f);
    cr_assert_eq(fwrite(text.at, 1, text.len, f), text.len);
    cr_assert_eq(fclose(f), 0);
}

Test(report_docs, the_published_schema_is_that_of_the_kinds)
{
    AUTO(json_free) struct json *tree = schema();
    AUTO(buf_done) struct buf made = {.max = 1 << 20};
    AUTO(buf_done) struct buf published = {.max = 0};

    cr_assert_eq(json_write_pretty(tree, &made), ERR_OK);
    if (getenv("LETHE_WRITE_SCHEMA") != NULL)
        write_file(schema_path, buf_span(&made));
    load(schema_path, &published);
    cr_assert(span_equal(buf_span(&made), span_str((char *)published.bytes)),
              "%s is another one: run this test with LETHE_WRITE_SCHEMA=1", schema_path);
}

/* ---- the page ---- */

static bool describes(const char *page, const char *name, const char *member)
{
    char heading[64], quoted[80];
    const char *from, *to, *at;

    (void)snprintf(heading, sizeof(heading), "\n## %s\n", name);
    (void)snprintf(quoted, sizeof(quoted), "`%s`", member);
    from = strstr(page, heading);
    if (from == NULL)
        return false;
    to = strstr(from + 1, "\n## ");
    at = strstr(from, quoted);
    return at != NULL && (to == NULL || at < to);
}

Test(report_docs, every_member_of_every_kind_is_described)
{
    AUTO(buf_done) struct buf page = {.max = 0};
    const struct report_kind *kind;

    load(page_path, &page);
    for (size_t k = 0; (kind = report_kind_at(k)) != NULL; k++) {
        for (size_t i = 0; i < kind->column_count; i++)
            cr_expect(describes((char *)page.bytes, kind->name, kind->columns[i].member),
                      "%s: ## %s says nothing of `%s`", page_path, kind->name,
                      kind->columns[i].member);
        for (size_t i = 0; i < kind->summary_count; i++)
            cr_expect(describes((char *)page.bytes, kind->name, kind->summary[i].member),
                      "%s: ## %s says nothing of `%s`", page_path, kind->name,
                      kind->summary[i].member);
    }
}
