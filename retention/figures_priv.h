/* SPDX-License-Identifier: Apache-2.0 */
/* The figures, each in a file with those like it. */
#pragma once

#include "retention/figures.h"

enum { FIGURE_DAY_S = 86400 };

/* Values by class: figure_values.c. */
extern const struct figure_kind figure__expiries;
extern const struct figure_kind figure__ages;
extern const struct figure_kind figure__matrix;
/* What came and went: figure_flows.c. */
extern const struct figure_kind figure__purges;
extern const struct figure_kind figure__flow;
/* What people do: figure_acts.c. */
extern const struct figure_kind figure__burndown;
extern const struct figure_kind figure__holds;

/* A list of integers. */
struct json *figure__list(const uint64_t *counts, size_t count);
/* {"from", "to"}: the first and the last day of it. */
struct json *figure__span_of_days(int64_t from, int64_t to);
