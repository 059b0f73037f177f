/* SPDX-License-Identifier: Apache-2.0 */
/* One-time links to what is kept of a person: /exports/TOKEN. Whoever has the link needs nothing else, so that
 * it works once, not for long, and only when somebody presses a button: programs that look at links in mails
 * do not use it up. */
#pragma once

#include "base/http_server.h"
#include "retention/exports.h"

#define LINKS_PREFIX "/exports/"

enum { LINKS_PATH_MAX = 96 };

struct links;

/* exports must outlive it. */
struct links *links_new(struct exports *exports);
void links_free(struct links **links);

/* Is this path a link's? Any thread. */
bool links_has(struct span path);
/* Answer a request for one. GET shows a page with a button, as often as somebody likes; POST gives the
 * document, once. 404: there is no such link, 410: it was used, is too old, or the person was erased, 429:
 * somebody tries too many that there are not. Any number of threads; blocks. */
void links_serve(struct links *links, const struct http_request *request,
                 struct http_answer *answer);
