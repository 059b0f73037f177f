/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a text that stands in a pipe or a file, as the bulk commands read them. */
#pragma once

#include <criterion/criterion.h>
#include <fcntl.h>
#include <unistd.h>

#include "cli/bulk.h"
#include "tests/support/scratch.h"

struct bulk_rig {
    struct scratch scratch;
    struct bulk_spec spec;
    struct bulk_source source;
    struct bulk_group group;
    struct errmsg msg;
    int fd;
};

static inline enum err bulk_rig_try(struct bulk_rig *r, bool ndjson, const char *fields,
                                    const char *subject, struct span text)
{
    const char *path;
    enum err e = ERR_OK;

    *r = (struct bulk_rig){.scratch = scratch_new(), .fd = -1};
    r->spec = (struct bulk_spec){.ndjson = ndjson, .delimiter = ',', .subject = subject};
    if (fields != NULL)
        e = bulk_spec_fields(&r->spec, fields, &r->msg);
    r->spec.all_tokens = fields == NULL;
    path = scratch_path(&r->scratch, "rows");
    scratch_write(path, 0, text.at, text.len);
    scratch_cut(path, text.len);
    r->fd = open(path, O_RDONLY);
    cr_assert_geq(r->fd, 0);
    bulk_group_init(&r->group);
    return e == ERR_OK ? bulk_source_open(&r->source, &r->spec, r->fd, "rows", &r->msg) : e;
}

static inline void bulk_rig_start(struct bulk_rig *r, bool ndjson, const char *fields,
                                  const char *subject, struct span text)
{
    cr_assert_eq(bulk_rig_try(r, ndjson, fields, subject, text), ERR_OK, "%s", r->msg.text);
}

static inline void bulk_rig_done(struct bulk_rig *r)
{
    bulk_source_close(&r->source);
    bulk_group_done(&r->group);
    bulk_spec_done(&r->spec);
    (void)close(r->fd);
    scratch_remove(&r->scratch);
}

static inline void bulk_rig_next(struct bulk_rig *r)
{
    cr_assert_eq(bulk_source_next(&r->source, 0, &r->group, &r->msg), ERR_OK, "%s", r->msg.text);
}

/* What value i of the group says. */
static inline bool bulk_rig_says(const struct bulk_rig *r, size_t i, const char *expected)
{
    const struct bulk_value *v = &r->group.values[i];

    return span_equal(span_of(r->group.text.bytes + v->at, v->len), span_str(expected));
}

/* Put a text in the place of a value's piece. */
static inline void bulk_rig_replace(struct bulk_rig *r, size_t piece, const char *text)
{
    struct bulk_piece *p = &r->group.pieces[piece];

    p->replaced = true;
    p->at = r->group.text.len;
    p->len = strlen(text);
    cr_assert_eq(buf_append_str(&r->group.text, text), ERR_OK);
}

/* The whole group as it is written. */
static inline void bulk_rig_renders(struct bulk_rig *r, const char *expected)
{
    AUTO(buf_done) struct buf out = {.max = 0};

    buf_init_secret(&out, 1 << 20);
    for (size_t i = 0; i < r->group.count; i++)
        cr_assert_eq(bulk_render(&r->source, &r->group, &r->group.rows[i], &out), ERR_OK);
    cr_assert(span_equal(buf_span(&out), span_str(expected)), "%.*s", (int)out.len,
              (const char *)out.bytes);
}
