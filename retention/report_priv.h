/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of reports, each in a file of its own. */
#pragma once

#include "retention/report.h"

/* Build from one state of the store: all that `fn` reads is of the same instant. */
enum err report__in_snapshot(const struct report_context *c, struct report *report,
                             enum err (*fn)(const struct report_context *c, struct report *report))
    MUST_CHECK;

/* The days that are meant: up to today, a month of them unless it is said. */
struct report_days {
    int64_t from, to;
    bool until_now;
};
struct report_days report__days(const struct report_context *c);

extern const struct report_kind report__request_years;
extern const struct report_kind report__requests;
extern const struct report_kind report__retention;
extern const struct report_kind report__holds;
extern const struct report_kind report__notices;
extern const struct report_kind report__exceptions;
extern const struct report_kind report__purges;
extern const struct report_kind report__purge_days;
extern const struct report_kind report__access; /* report_access.c, both */
extern const struct report_kind report__breach;
extern const struct report_kind report__changes;
extern const struct report_kind report__ropa;
extern const struct report_kind report__flows;
extern const struct report_kind report__dpia;
