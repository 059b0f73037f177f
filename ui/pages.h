/* SPDX-License-Identifier: Apache-2.0 */
/* What each page shows: as page_model_fn. */
#pragma once

#include "ui/ui_priv.h"

#define PAGE(path, name, of, route)                                                                \
    enum err page_##name(struct visit *v, struct errmsg *msg) MUST_CHECK;
#include "ui/pages.def"
#undef PAGE

/* What the API answered, when it is shown once and kept nowhere: put into v->model by once_NAME() for the template of that
 * name, which finds the answer itself as "made". In the table of forms its name stands as "!NAME". */
typedef enum err (*page_once_fn)(struct visit *v, const struct json *answer, struct errmsg *msg);

enum err once_token_made(struct visit *v, const struct json *answer, struct errmsg *msg) MUST_CHECK;
enum err once_token_enrolled(struct visit *v, const struct json *answer, struct errmsg *msg)
    MUST_CHECK;

/* Does a path fit a pattern? v->parameters hold what stands for {x} then. */
bool page__fits(struct visit *v, const char *pattern, struct span path);
/* "start": "event:case_closed" in two members, "start" and "event", for the words. Else "event" is null. */
void page__split_start(struct json *row);
