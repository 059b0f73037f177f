/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of a small real store. */
#pragma once

#include <criterion/criterion.h>

#include "retention/report.h"
#include "retention/ropa.h"
#include "tests/support/vault_rig.h"

/* about: the period, and what else the report speaks of; the store, its classes and the clock are the rig's. */
static inline enum err rig_report_about(struct rig *r, const char *kind,
                                        struct report_context about, struct json **ret)
{
    struct errmsg msg = {""};
    enum err e;

    about.vault = r->vault;
    about.classes = &r->classes;
    about.now_s = clock_now_s();
    REQUIRE(vault_reader_open(r->vault, &about.reader) == ERR_OK);
    e = report_make(report_kind_find(span_str(kind)), &about, ret, &msg);
    vault_reader_close(&about.reader);
    if (e != ERR_OK)
        (void)fprintf(stderr, "%s: %s\n", kind, msg.text);
    return e;
}

/* Over the days [from, to). */
static inline struct json *rig_report_over(struct rig *r, const char *kind, int64_t from_day,
                                           int64_t to_day)
{
    const struct report_context about = {.from_day = from_day, .to_day = to_day};
    struct json *tree = NULL;

    cr_assert_eq(rig_report_about(r, kind, about, &tree), ERR_OK);
    return tree;
}

static inline struct json *rig_report(struct rig *r, const char *kind)
{
    return rig_report_over(r, kind, INT64_MIN, INT64_MAX);
}

/* With what a configuration says for reports (ropa.h); NULL: nothing. */
static inline enum err rig_report_said(struct rig *r, const char *kind, const struct json *said,
                                       int64_t from_day, struct json **ret)
{
    AUTO(ropa_free) struct ropa *ropa = ropa_new();
    const struct report_context about = {.from_day = from_day, .to_day = INT64_MAX, .ropa = ropa};

    if (said != NULL)
        ropa_set(ropa, said);
    return rig_report_about(r, kind, about, ret);
}
