/* SPDX-License-Identifier: Apache-2.0 */
/* Forms from anywhere: values lie where the reader says, and pairs are those that query_each() sees. */
#include "base/secret.h"
#include "proxy/form_reader.h"
#include "proxy/path.h"
#include "tests/fuzz/hits_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct named_def defs[] = {{"a", 1, false, false}, {"b[]", 2, true, false}};

static enum err read_form(const void *context, struct span text, struct hits *ret_hits)
{
    return form_read(context, text, ret_hits);
}

struct walk {
    const struct hits *hits;
    size_t met;
};

static enum err see_pair(const struct query_item *item, void *context)
{
    struct walk *walk = context;
    const struct hit *hit;

    if (item->value.len == 0 ||
        (!span_equal(item->name, SPAN_LIT("a")) && !span_equal(item->name, SPAN_LIT("b[]"))))
        return ERR_OK;
    REQUIRE(walk->met < walk->hits->count);
    hit = &walk->hits->at[walk->met];
    REQUIRE(hit->start == item->value_start && hit->end == item->value_end);
    walk->met++;
    return ERR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct named_fields *fields;
    AUTO(hits_done) struct hits hits = {0};
    AUTO(buf_done) struct buf scratch = {.max = HITS_CHECK_MAX, .secret = true};
    struct walk walk = {&hits, 0};
    const struct span text = span_of(data, size);
    enum err e;

    if (fields == NULL) {
        secret_start();
        REQUIRE(named_fields_new(defs, 2, &fields, NULL) == ERR_OK);
        REQUIRE(named_fields_watch_names(fields) == ERR_OK);
    }
    e = form_read(fields, text, &hits);
    REQUIRE(e == ERR_OK || e == ERR_INVALID || e == ERR_TOO_LARGE);
    if (e != ERR_OK)
        return 0;
    hits_check(read_form, fields, text, &hits);
    REQUIRE(query_each(text, &scratch, see_pair, &walk) == ERR_OK);
    REQUIRE(walk.met == hits.count);
    return 0;
}
