/* SPDX-License-Identifier: Apache-2.0 */
/* What each page shows: as page_model_fn. */
#pragma once

#include "ui/ui_priv.h"

#define PAGE(path, name, of, route)                                                                \
    enum err page_##name(struct visit *v, struct errmsg *msg) MUST_CHECK;
#include "ui/pages.def"
#undef PAGE

/* Does a path fit a pattern? v->parameters hold what stands for {x} then. */
bool page__fits(struct visit *v, const char *pattern, struct span path);
/* "start": "event:case_closed" in two members, "start" and "event", for the words. Else "event" is null. */
void page__split_start(struct json *row);
