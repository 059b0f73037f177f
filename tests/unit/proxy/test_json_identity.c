/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever an accepted document looks like: with nothing declared it comes out as it went in, and with
 * fields declared all that lies outside of their values does, on the way up and on the way back. */
#include "tests/unit/proxy/body_rig.h"

TestSuite(json_identity, .timeout = 120);

enum { ROUNDS = 3000, FIELDS_EACH = 3 };

/* Paths that reach into documents whose members are called n0, n1, ... */
static const char *const paths[] = {
    "$",        "$..n1",     "$..['n2','n5',0]", "$[*]", "$.*.*",   "$[-1]", "$..[-1]", "$[1:]",
    "$..n3..*", "$..[::-2]", "$.n0.n1",          "$..*", "$[*].n4", "$..n7", "$..[0]"};

/* A byte goes, comes, changes or moves. */
static void mutate(struct rig_random *r, struct buf *b)
{
    static const char bytes[] = "{}[]\",:\\ \n0-9etfnu\x80\xC3\xFF";
    const size_t at = rig_draw(r, (uint32_t)b->len);

    switch (rig_draw(r, 4)) {
    case 0:
        memmove(b->bytes + at, b->bytes + at + 1, b->len - at - 1);
        b->len--;
        break;
    case 1:
        REQUIRE(buf_append_byte(b, 0) == ERR_OK);
        memmove(b->bytes + at + 1, b->bytes + at, b->len - at - 1);
        b->bytes[at] = (uint8_t)bytes[rig_draw(r, sizeof(bytes))];
        break;
    case 2:
        b->bytes[at] = (uint8_t)bytes[rig_draw(r, sizeof(bytes))];
        break;
    default:
        b->bytes[at] = b->bytes[rig_draw(r, (uint32_t)b->len)];
    }
}

static void make(struct rig_random *r, struct buf *document)
{
    buf_init(document, 1 << 22);
    rig_document(r, document);
    while (document->len > 1 && rig_draw(r, 3) == 0)
        mutate(r, document);
}

/* The bytes of a document outside of what is declared in it; false where the reader refuses it. */
static bool read_outside(const struct fields *fields, struct span document, struct buf *out,
                         size_t *ret_hits)
{
    AUTO(hits_done) struct hits hits = {0};
    size_t from = 0;

    buf_init(out, 1 << 22);
    if (json_read(fields, document, &hits) != ERR_OK)
        return false;
    for (size_t i = 0; i < hits.count; i++) {
        REQUIRE(buf_append(out, document.at + from, hits.at[i].start - from) == ERR_OK);
        REQUIRE(buf_append_byte(out, '\0') == ERR_OK); /* where the value was */
        from = hits.at[i].end;
    }
    REQUIRE(buf_append(out, document.at + from, document.len - from) == ERR_OK);
    *ret_hits = hits.count;
    return true;
}

static void expect_same(struct span got, struct span wanted)
{
    cr_assert(span_equal(got, wanted), "got %.*s, wanted %.*s", (int)got.len, got.at,
              (int)wanted.len, wanted.at);
}

/* Up and back again. *ret_hits: values that were replaced; the document was accepted when true. */
static bool travel(struct body_rig *b, struct span document, bool identical, size_t *ret_hits)
{
    AUTO(buf_done) struct buf up = {0}, back = {0}, before = {0}, after = {0}, at_last = {0};
    size_t values = 0, tokens = 0, shown = 0;
    const enum err e = body_send(b, document, &up);

    if (e != ERR_OK) {
        cr_assert(e == ERR_INVALID || e == ERR_UNPROCESSABLE || e == ERR_TOO_LARGE, "%d", e);
        cr_assert_eq(up.len, 0);
        return false;
    }
    cr_assert(read_outside(b->fields, document, &before, &values));
    cr_assert(read_outside(b->fields, buf_span(&up), &after, &tokens));
    cr_assert_eq(values, tokens);
    expect_same(buf_span(&after), buf_span(&before));
    body_allow(b, REVEAL_VALUE);
    cr_assert_eq(body_receive(b, buf_span(&up), NULL, &back), ERR_OK);
    cr_assert(read_outside(b->fields, buf_span(&back), &at_last, &shown));
    cr_assert_eq(shown, values);
    expect_same(buf_span(&at_last), buf_span(&before));
    if (identical) {
        expect_same(buf_span(&up), document);
        expect_same(buf_span(&back), document);
    }
    *ret_hits = values;
    return true;
}

static void declare(struct body_rig *b, struct rig_random *r, size_t count)
{
    struct field_def defs[FIELDS_EACH];

    fields_free(&b->fields);
    for (size_t i = 0; i < count; i++)
        defs[i] = (struct field_def){.path = paths[rig_draw(r, COUNT_OF(paths))],
                                     .class_id = b->f.note,
                                     .deep = rig_draw(r, 4) != 0};
    cr_assert_eq(fields_new(defs, count, &b->fields, NULL), ERR_OK);
}

static void travel_often(size_t count, size_t *ret_accepted, size_t *ret_hits)
{
    struct rig_random r = {0xD1B54A32D192ED03U};
    struct body_rig b;

    body_start(&b);
    body_subject(&b, "ada");
    for (int round = 0; round < ROUNDS; round++) {
        AUTO(buf_done) struct buf document = {0};
        size_t hits = 0;

        declare(&b, &r, count);
        make(&r, &document);
        if (!travel(&b, buf_span(&document), count == 0, &hits))
            continue;
        *ret_accepted += 1;
        *ret_hits += hits;
    }
    body_end(&b);
}

Test(json_identity, holds_for_whole_documents_with_nothing_declared)
{
    size_t accepted = 0, hits = 0;

    travel_often(0, &accepted, &hits);
    cr_assert(accepted > ROUNDS / 2 && accepted < ROUNDS, "%zu", accepted);
    cr_assert_eq(hits, 0);
}

Test(json_identity, holds_for_all_but_the_declared_values)
{
    size_t accepted = 0, hits = 0;

    travel_often(FIELDS_EACH, &accepted, &hits);
    cr_assert(accepted > ROUNDS / 4 && accepted < ROUNDS, "%zu", accepted);
    cr_assert_gt(hits, ROUNDS / 2, "%zu", hits);
}
