/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/json_reader.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <malloc.h>

#include "base/limits.h"
#include "base/secret.h"
#include "tests/unit/proxy/json_rig.h"

TestSuite(json_reader, .init = secret_start, .timeout = 60);
TestSuite(json_hits, .init = secret_start);
TestSuite(json_limits, .init = secret_start, .timeout = 60);

/* ---- RFC 8259 ---- */

/* A line of the vectors: its bytes. */
static struct span decode_line(char *line)
{
    size_t len = 0;
    char *at = line[1] == ' ' ? line + 2 : line + 1;
    char *const start = at;

    for (const char *p = at; *p != '\0'; len++) {
        if (*p == '%' && p[1] == '%') {
            *at++ = '%';
            p += 2;
        } else if (*p == '%') {
            const char digits[3] = {p[1], p[2], '\0'};

            *at++ = (char)strtoul(digits, NULL, 16);
            p += 3;
        } else {
            *at++ = *p++;
        }
    }
    return span_of(start, len);
}

Test(json_reader, accepts_and_refuses_what_rfc_8259_does)
{
    FILE *f = fopen("tests/vectors/json/rfc8259.txt", "re");
    char line[1024], copy[1024];
    unsigned accepted = 0, refused = 0;

    cr_assert_not_null(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        struct span document;
        enum err e;

        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '+' && line[0] != '-')
            continue;
        (void)snprintf(copy, sizeof(copy), "%s", line);
        document = decode_line(copy);
        e = rig_check(document);
        cr_assert_eq(e, line[0] == '+' ? ERR_OK : ERR_INVALID, "%s: %s", line, err_name(e));
        accepted += line[0] == '+';
        refused += line[0] == '-';
    }
    cr_assert_eq(fclose(f), 0);
    cr_assert_gt(accepted, 110);
    cr_assert_gt(refused, 300);
}

/* Each text again behind enough white space that the vector loops see all of it, and each with the
 * memory ending right behind it (under ASan one byte more is a finding). */
Test(json_reader, decides_alike_wherever_a_text_stands)
{
    FILE *f = fopen("tests/vectors/json/rfc8259.txt", "re");
    char line[1024];

    cr_assert_not_null(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        const char sign = line[0];
        struct span document;

        line[strcspn(line, "\n")] = '\0';
        if (sign != '+' && sign != '-')
            continue;
        document = decode_line(line);
        for (size_t pad = 0; pad < 40; pad += 13) {
            char *exact = malloc(document.len + 2 * pad);

            cr_assert_not_null(exact);
            memset(exact, ' ', document.len + 2 * pad);
            memcpy(exact + pad, document.at, document.len);
            cr_assert_eq(rig_check(span_of(exact, document.len + 2 * pad)),
                         sign == '+' ? ERR_OK : ERR_INVALID, "%s", line);
            free(exact);
        }
    }
    cr_assert_eq(fclose(f), 0);
}

Test(json_reader, knows_eight_letters_after_a_backslash)
{
    for (unsigned byte = 0; byte <= 0xFF; byte++) {
        char document[] = "[\"\\?\"]";
        const bool good = byte != 0 && strchr("\"\\/bfnrt", (int)byte) != NULL;

        document[3] = (char)byte;
        cr_assert_eq(rig_check(span_of(document, sizeof(document) - 1)),
                     good ? ERR_OK : ERR_INVALID, "\\%c", (int)byte);
    }
}

Test(json_reader, refuses_nothing_at_all)
{
    cr_assert_eq(rig_check(SPAN_NONE), ERR_INVALID);
    cr_assert_eq(rig_check(SPAN_LIT("")), ERR_INVALID);
}

Test(json_reader, refuses_every_document_that_is_cut_short)
{
    static const char whole[] =
        "{\"a\":[1,-2.5e+3,\"x\\u00e9\\uD83D\\uDE42é🙂\",true,false,null,"
        "{}],\"b\":{\"c\":[]}}";

    cr_assert_eq(rig_check(span_str(whole)), ERR_OK);
    for (size_t len = 0; len < sizeof(whole) - 1; len++) {
        char *exact = malloc(len);

        cr_assert_not_null(exact);
        memcpy(exact, whole, len);
        cr_assert_eq(rig_check(span_of(exact, len)), ERR_INVALID, "%.*s", (int)len, whole);
        free(exact);
    }
}

/* ---- against another reader ---- */

static void mutate(struct rig_random *r, struct buf *b)
{
    static const char *const pieces[] = {"\"",
                                         "\\",
                                         "{",
                                         "}",
                                         "[",
                                         "]",
                                         ",",
                                         ":",
                                         "0",
                                         "1e5",
                                         ".5",
                                         "-",
                                         "null",
                                         "true",
                                         " ",
                                         "\\u",
                                         "\\uD800",
                                         "\\uDC00",
                                         "\\u0061",
                                         "\xC3",
                                         "\xA9",
                                         "\xED\xA0\x80",
                                         "\xEF\xBB\xBF",
                                         "\"n1\":",
                                         "\"\":",
                                         "\x01",
                                         "é",
                                         "/**/",
                                         "'",
                                         "\\u0000"};
    AUTO(buf_done) struct buf next;
    const size_t at = rig_draw(r, (uint32_t)b->len + 1);
    size_t skip = 0;

    buf_init(&next, 1 << 20);
    cr_assert_eq(buf_append(&next, b->bytes, at), ERR_OK);
    switch (rig_draw(r, 4)) {
    case 0: /* a byte changes */
        cr_assert_eq(buf_append_byte(&next, (uint8_t)rig_draw(r, 256)), ERR_OK);
        skip = 1;
        break;
    case 1: /* some go missing */
        skip = 1 + rig_draw(r, 4);
        break;
    case 2: /* something comes in */
        rig_put(&next, pieces[rig_draw(r, COUNT_OF(pieces))]);
        break;
    default: /* something comes again */
        cr_assert_eq(buf_append(&next, b->bytes + at / 2, at - at / 2), ERR_OK);
    }
    if (at + skip < b->len)
        cr_assert_eq(buf_append(&next, b->bytes + at + skip, b->len - at - skip), ERR_OK);
    buf_reset(b);
    cr_assert_eq(buf_append_span(b, buf_span(&next)), ERR_OK);
}

/* What jansson cannot read although it is JSON: numbers beyond a double or 64 bits, a NUL in a
 * name. */
static bool is_known_difference(const json_error_t *error)
{
    const enum json_error_code code = json_error_code(error);

    return code == json_error_numeric_overflow || code == json_error_null_byte_in_key;
}

Test(json_reader, agrees_with_jansson_on_a_hundred_thousand_damaged_documents)
{
    struct rig_random r = {88172645463325252U};
    unsigned accepted = 0, refused = 0;

    for (int round = 0; round < 100000; round++) {
        AUTO(buf_done) struct buf document;
        json_error_t error;
        json_t *tree;
        enum err e;

        buf_init(&document, 1 << 20);
        rig_document(&r, &document);
        for (uint32_t n = rig_draw(&r, 3); n > 0 && document.len > 0; n--)
            mutate(&r, &document);
        if (document.len == 0 || memchr(document.bytes, '\0', document.len) != NULL)
            continue; /* jansson takes a NUL after a document for its end */
        e = rig_check(buf_span(&document));
        tree = json_loadb((char *)document.bytes, document.len,
                          JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
        if (tree != NULL)
            cr_assert_eq(e, ERR_OK, "%.*s", (int)document.len, (char *)document.bytes);
        else if (!is_known_difference(&error))
            cr_assert_eq(e, ERR_INVALID, "%s: %.*s", error.text, (int)document.len,
                         (char *)document.bytes);
        accepted += e == ERR_OK;
        refused += e != ERR_OK;
        json_decref(tree);
    }
    cr_assert_gt(accepted, 20000);
    cr_assert_gt(refused, 20000);
}

/* ---- byte-exact ---- */

/* The document with every hit replaced, built by hand. */
static void replace_by_hand(struct span document, const struct hits *hits, struct buf *out)
{
    size_t from = 0;

    for (size_t i = 0; i < hits->count; i++) {
        cr_assert_eq(buf_append(out, document.at + from, hits->at[i].start - from), ERR_OK);
        rig_put(out, "\"T\"");
        from = hits->at[i].end;
    }
    cr_assert_eq(buf_append(out, document.at + from, document.len - from), ERR_OK);
}

/* A hit is what its kind says, by its bytes alone. */
static void check_hit(struct span document, const struct hit *hit)
{
    const char first = document.at[hit->start], last = document.at[hit->end - 1];

    if (hit->kind == VALUE_STRING) {
        cr_assert(first == '"' && last == '"' && hit->end - hit->start >= 2);
        cr_assert_eq(hit->escaped,
                     memchr(document.at + hit->start, '\\', hit->end - hit->start) != NULL);
    } else if (hit->kind == VALUE_NUMBER) {
        cr_assert((first >= '0' && first <= '9') || first == '-');
        cr_assert(last >= '0' && last <= '9');
    } else {
        cr_assert(hit->kind == VALUE_BOOL && last == 'e' && (first == 't' || first == 'f'));
    }
}

Test(json_reader, leaves_every_byte_outside_the_hits_as_it_was)
{
    static const struct rig_field all[] = {{"$", true}};
    static const struct rig_field some[] = {{"$.n0", true}, {"$[1]", true}, {"$..n3", true}};
    struct rig_random r = {0x2545F4914F6CDD1DU};
    unsigned with_hits = 0;

    for (int round = 0; round < 20000; round++) {
        AUTO(buf_done) struct buf document, wanted, got;
        AUTO(hits_done) struct hits hits = {0};
        struct splice splices[2000];
        struct span text;

        buf_init(&document, 1 << 20);
        buf_init(&wanted, 1 << 20);
        buf_init(&got, 1 << 20);
        rig_document(&r, &document);
        text = buf_span(&document);
        if (round % 2 == 0)
            cr_assert_eq(rig_read(all, COUNT_OF(all), text, &hits), ERR_OK);
        else
            cr_assert_eq(rig_read(some, COUNT_OF(some), text, &hits), ERR_OK);
        cr_assert_leq(hits.count, COUNT_OF(splices));
        for (size_t i = 0; i < hits.count; i++) {
            cr_assert(i == 0 || hits.at[i].start >= hits.at[i - 1].end);
            cr_assert_leq(hits.at[i].end, text.len);
            check_hit(text, &hits.at[i]);
            splices[i] = (struct splice){hits.at[i].start, hits.at[i].end, SPAN_LIT("\"T\"")};
        }
        with_hits += hits.count > 0;
        replace_by_hand(text, &hits, &wanted);
        cr_assert_eq(splice_write(text, splices, hits.count, &got), ERR_OK);
        cr_assert(span_equal(buf_span(&wanted), buf_span(&got)));
        cr_assert_eq(rig_check(buf_span(&got)), ERR_OK);
    }
    cr_assert_gt(with_hits, 10000);
}

Test(json_reader, gives_a_document_back_as_it_was_where_nothing_is_declared)
{
    struct rig_random r = {362436069};

    for (int round = 0; round < 5000; round++) {
        AUTO(buf_done) struct buf document, got;
        AUTO(hits_done) struct hits hits = {0};

        buf_init(&document, 1 << 20);
        buf_init(&got, 1 << 20);
        rig_document(&r, &document);
        cr_assert_eq(rig_read(NULL, 0, buf_span(&document), &hits), ERR_OK);
        cr_assert_eq(hits.count, 0);
        cr_assert_eq(splice_write(buf_span(&document), NULL, 0, &got), ERR_OK);
        cr_assert(span_equal(buf_span(&document), buf_span(&got)));
    }
}

/* ---- hits ---- */

Test(json_hits, say_where_a_value_stands_and_what_it_is)
{
    static const struct rig_field fields[] = {
        {"$.s", false}, {"$.n", false}, {"$.b", false}, {"$.e", false}};
    static const char document[] = "{\"s\" : \"ab\" , \"n\":-1.5e3,\"b\":true,\"e\":\"\\n\"}";
    AUTO(hits_done) struct hits hits = {0};

    cr_assert_eq(rig_read(fields, 4, span_str(document), &hits), ERR_OK);
    cr_assert_eq(hits.count, 4);
    cr_assert(span_equal(span_of(document + hits.at[0].start, hits.at[0].end - hits.at[0].start),
                         SPAN_LIT("\"ab\"")));
    cr_assert(span_equal(span_of(document + hits.at[1].start, hits.at[1].end - hits.at[1].start),
                         SPAN_LIT("-1.5e3")));
    cr_assert_eq(hits.at[0].kind, VALUE_STRING);
    cr_assert_eq(hits.at[1].kind, VALUE_NUMBER);
    cr_assert_eq(hits.at[2].kind, VALUE_BOOL);
    cr_assert(!hits.at[0].escaped && hits.at[3].escaped);
    for (uint16_t i = 0; i < 4; i++) {
        cr_assert_eq(hits.at[i].field, i);
        cr_assert_eq(hits.at[i].class_id, 100 + i);
    }
}

Test(json_hits, leave_null_out)
{
    static const struct rig_field fields[] = {{"$.a", false}, {"$.b", true}};
    AUTO(hits_done) struct hits hits = {0};

    cr_assert_eq(rig_read(fields, 2, SPAN_LIT("{\"a\":null,\"b\":[null,{\"c\":null}]}"), &hits),
                 ERR_OK);
    cr_assert_eq(hits.count, 0);
}

Test(json_hits, refuse_containers_in_a_field_that_is_not_deep)
{
    static const struct rig_field fields[] = {{"$.a", false}};
    static const char *const bad[] = {"{\"a\":{}}", "{\"a\":[]}", "{\"a\":[\"x\"]}",
                                      "{\"b\":1,\"a\":{\"c\":1}}", "{\"\\u0061\":[]}"};
    struct hits hits = {0};

    for (size_t i = 0; i < COUNT_OF(bad); i++)
        cr_assert_eq(rig_read(fields, 1, span_str(bad[i]), &hits), ERR_UNPROCESSABLE, "%s", bad[i]);
    cr_assert_null(hits.at);
    cr_assert_eq(rig_read(fields, 1, SPAN_LIT("{\"b\":{\"a\":[]}}"), &hits), ERR_OK);
}

Test(json_hits, come_from_every_scalar_below_a_deep_field)
{
    static const struct rig_field fields[] = {{"$.a", true}};
    static const char document[] =
        "{\"a\":{\"b\":[1,\"x\",{\"c\":true}],\"d\":null,\"e\":{}},\"f\":2,\"g\":{\"a\":3}}";
    AUTO(hits_done) struct hits hits = {0};

    cr_assert_eq(rig_read(fields, 1, span_str(document), &hits), ERR_OK);
    cr_assert_eq(hits.count, 3);
    cr_assert_eq(document[hits.at[0].start], '1');
    cr_assert_eq(document[hits.at[1].start + 1], 'x');
    cr_assert_eq(document[hits.at[2].start], 't');
}

Test(json_hits, are_untouched_when_the_document_is_bad_after_them)
{
    static const struct rig_field fields[] = {{"$.a", false}};
    struct hits hits = {.count = 77};

    cr_assert_eq(rig_read(fields, 1, SPAN_LIT("{\"a\":1"), &hits), ERR_INVALID);
    cr_assert_eq(hits.count, 77);
    cr_assert_null(hits.at);
}

Test(json_hits, can_be_a_scalar_that_is_the_document)
{
    static const struct rig_field fields[] = {{"$", false}};
    AUTO(hits_done) struct hits hits = {0};

    cr_assert_eq(rig_read(fields, 1, SPAN_LIT(" \"x\" "), &hits), ERR_OK);
    cr_assert_eq(hits.count, 1);
    cr_assert_eq(hits.at[0].start, 1);
    cr_assert_eq(hits.at[0].end, 4);
    cr_assert_eq(rig_read(fields, 1, SPAN_LIT("[1]"), &hits), ERR_UNPROCESSABLE);
}

Test(json_hits, cost_no_memory_when_there_are_none)
{
    static const struct rig_field list[] = {{"$.absent", false}, {"$..nowhere", false}};
    AUTO(fields_free) struct fields *fields = rig_fields(list, 2);
    struct hits hits = {0};
    const size_t before = mallinfo2().uordblks;

    cr_assert_eq(json_read(fields, SPAN_LIT("{\"a\":[1,2,{\"b\":\"c\"}]}"), &hits), ERR_OK);
    cr_assert_eq(mallinfo2().uordblks, before);
    cr_assert_null(hits.at);
}

/* ---- limits ---- */

static void nest(struct buf *out, const char *open, const char *inner, const char *close, int depth)
{
    buf_init(out, 1 << 24);
    for (int i = 0; i < depth; i++)
        rig_put(out, open);
    rig_put(out, inner);
    for (int i = 0; i < depth; i++)
        rig_put(out, close);
}

static enum err read_nested(const char *open, const char *inner, const char *close, int depth)
{
    AUTO(buf_done) struct buf document;

    nest(&document, open, inner, close, depth);
    return rig_check(buf_span(&document));
}

Test(json_limits, stop_at_the_depth_and_not_before)
{
    cr_assert_eq(read_nested("[", "1", "]", LIMIT_JSON_DEPTH_MAX), ERR_OK);
    cr_assert_eq(read_nested("[", "", "]", LIMIT_JSON_DEPTH_MAX), ERR_OK);
    cr_assert_eq(read_nested("[", "1", "]", LIMIT_JSON_DEPTH_MAX + 1), ERR_TOO_LARGE);
    cr_assert_eq(read_nested("[", "", "]", LIMIT_JSON_DEPTH_MAX + 1), ERR_TOO_LARGE);
    cr_assert_eq(read_nested("{\"a\":", "1", "}", LIMIT_JSON_DEPTH_MAX), ERR_OK);
    cr_assert_eq(read_nested("{\"a\":", "1", "}", LIMIT_JSON_DEPTH_MAX + 1), ERR_TOO_LARGE);
    cr_assert_eq(read_nested("[{\"a\":", "1", "}]", LIMIT_JSON_DEPTH_MAX / 2), ERR_OK);
    cr_assert_eq(read_nested("[{\"a\":", "1", "}]", LIMIT_JSON_DEPTH_MAX / 2 + 1), ERR_TOO_LARGE);
    cr_assert_eq(read_nested("[{\"\":", "", "", 50000), ERR_TOO_LARGE);
    cr_assert_eq(read_nested("[", "", "", LIMIT_JSON_DEPTH_MAX), ERR_INVALID);
}

Test(json_limits, follow_fields_to_the_last_level)
{
    static const struct rig_field anywhere[] = {{"$..x", false}};
    AUTO(buf_done) struct buf document;
    AUTO(hits_done) struct hits hits = {0};

    nest(&document, "[", "{\"x\":1}", "]", LIMIT_JSON_DEPTH_MAX - 1);
    cr_assert_eq(rig_read(anywhere, 1, buf_span(&document), &hits), ERR_OK);
    cr_assert_eq(hits.count, 1);
}

Test(json_limits, stop_at_the_number_of_hits)
{
    static const struct rig_field fields[] = {{"$[*]", false}};
    AUTO(buf_done) struct buf document;
    AUTO(hits_done) struct hits hits = {0};

    buf_init(&document, 1 << 24);
    rig_put(&document, "[1");
    for (int i = 1; i < LIMIT_FIELDS_MAX; i++)
        rig_put(&document, ",1");
    rig_put(&document, "]");
    cr_assert_eq(rig_read(fields, 1, buf_span(&document), &hits), ERR_OK);
    cr_assert_eq(hits.count, LIMIT_FIELDS_MAX);
    document.len--;
    rig_put(&document, ",null]");
    hits_done(&hits);
    cr_assert_eq(rig_read(fields, 1, buf_span(&document), &hits), ERR_OK);
    document.len--;
    rig_put(&document, ",1]");
    hits_done(&hits);
    cr_assert_eq(rig_read(fields, 1, buf_span(&document), &hits), ERR_TOO_LARGE);
}

Test(json_limits, do_not_bound_strings_and_numbers)
{
    AUTO(buf_done) struct buf document;
    const size_t length = 3 << 20;

    buf_init(&document, 1 << 24);
    rig_put(&document, "[");
    cr_assert_eq(buf_reserve(&document, 2 * length), ERR_OK);
    memset(document.bytes + 1, '7', length);
    document.len = 1 + length;
    rig_put(&document, ",\"");
    memset(document.bytes + document.len, 'x', length);
    document.len += length;
    rig_put(&document, "\"]");
    cr_assert_eq(rig_check(buf_span(&document)), ERR_OK);
}
