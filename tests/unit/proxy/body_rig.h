/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies through a real store: what a request becomes, what a response becomes. */
#pragma once

#include <criterion/criterion.h>

#include "base/limits.h"
#include "proxy/transform.h"
#include "tests/support/vault_fixture.h"
#include "tests/unit/proxy/json_rig.h"

struct body_rig {
    struct vault_fixture f;
    struct fields *fields; /* of requests and responses */
    struct tokenize_subject subject;
    struct part request; /* the last one's: borrowed by its tokenize */
    uint8_t actions[CLASSES_MAX + 1];
    struct reveal_counts counts;
};

/* $.email, $.phone, $.note, $.brief and the same below $.list[*]. */
static inline void body_start(struct body_rig *b)
{
    struct field_def defs[] = {{.path = "$.email"},
                               {.path = "$.phone", .class_id = 0},
                               {.path = "$.note", .deep = true},
                               {.path = "$.brief", .class_id = 0},
                               {.path = "$.list[*].email"},
                               {.path = "$.list[*].phone", .class_id = 0},
                               {.path = "$.list[*].note", .deep = true},
                               {.path = "$.notes[*]", .class_id = 0}};
    struct errmsg msg = {""};

    *b = (struct body_rig){.request = {.text = SPAN_NONE}};
    fixture_start(&b->f);
    defs[0].class_id = defs[4].class_id = b->f.email;
    defs[1].class_id = defs[5].class_id = b->f.phone;
    defs[2].class_id = defs[6].class_id = defs[7].class_id = b->f.note;
    defs[3].class_id = b->f.brief;
    cr_assert_eq(fields_new(defs, COUNT_OF(defs), &b->fields, &msg), ERR_OK, "%s", msg.text);
}

static inline void body_end(struct body_rig *b)
{
    parts_done(&b->request, 1);
    fields_free(&b->fields);
    fixture_end(&b->f);
}

/* The next requests are about this person; NULL: about nobody known. */
static inline void body_subject(struct body_rig *b, const char *name)
{
    b->subject.name_count = name == NULL ? 0 : 1;
    b->subject.names[0] = name == NULL ? SPAN_NONE : span_str(name);
}

static inline enum err body_begin_with(struct body_rig *b, const struct fields *fields,
                                       struct span document, struct tokenize **ret_tokenize)
{
    const struct tokenize_input input = {.reader = b->f.r,
                                         .vault = b->f.v,
                                         .domain = VAULT_DOMAIN_DEFAULT,
                                         .parts = &b->request,
                                         .part_count = 1,
                                         .subjects = &b->subject,
                                         .subject_count = 1};
    enum err e;

    parts_done(&b->request, 1);
    b->request = (struct part){.text = document};
    e = json_read(fields, document, &b->request.hits);
    return e == ERR_OK ? tokenize_new(&input, ret_tokenize) : e;
}

static inline enum err body_begin(struct body_rig *b, struct span document,
                                  struct tokenize **ret_tokenize)
{
    return body_begin_with(b, b->fields, document, ret_tokenize);
}

/* A whole request: read, stored, written. */
static inline enum err body_send(struct body_rig *b, struct span document, struct buf *out)
{
    AUTO(tokenize_free) struct tokenize *t = NULL;
    enum err e = body_begin(b, document, &t);

    buf_init(out, LIMIT_REQUEST_BODY_MAX);
    if (e == ERR_OK && tokenize_op(t) != NULL)
        e = vault_run(b->f.v, tokenize_op(t));
    return e == ERR_OK ? tokenize_write(t, 0, out) : e;
}

static inline void body_allow(struct body_rig *b, enum reveal_action action)
{
    memset(b->actions, (int)action, sizeof(b->actions));
}

static inline enum err body_reveal(struct body_rig *b, const struct fields *fields,
                                   struct span document, uint64_t slot, struct buf *out)
{
    const struct reveal_scope scope = {
        .vault = b->f.v, .actions = b->actions, .domain = VAULT_DOMAIN_DEFAULT, .slots = &slot};
    struct part part = {.text = document};
    struct reveal_counts counts = {0};
    enum err e = json_read(fields, document, &part.hits);

    if (e == ERR_OK) {
        cr_assert_eq(vault_read_begin(b->f.r), ERR_OK);
        e = reveal_part(b->f.r, &part, &scope, out, &counts);
        vault_read_end(b->f.r);
    }
    parts_done(&part, 1);
    if (e == ERR_OK)
        b->counts = counts;
    return e;
}

/* A whole response, bound to the subject of this name; NULL: to nobody. */
static inline enum err body_receive(struct body_rig *b, struct span document, const char *subject,
                                    struct buf *out)
{
    uint64_t slot = 0;

    buf_init_secret(out, LIMIT_RESPONSE_BODY_MAX);
    if (subject != NULL)
        cr_assert_eq(fixture_subject(&b->f, subject, &slot), ERR_OK);
    return body_reveal(b, b->fields, document, slot, out);
}

static inline void body_expect(const struct buf *got, const char *wanted)
{
    cr_assert(span_equal(buf_span(got), span_str(wanted)), "got %.*s, wanted %s", (int)got->len,
              (char *)got->bytes, wanted);
}

/* printf into a buffer of the test's. */
static inline struct span body_text(char *to, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static inline struct span body_text(char *to, size_t size, const char *format, ...)
{
    va_list arguments;
    int len;

    va_start(arguments, format);
    len = vsnprintf(to, size, format, arguments);
    va_end(arguments);
    REQUIRE(len >= 0 && (size_t)len < size);
    return span_of(to, (size_t)len);
}
