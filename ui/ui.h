/* SPDX-License-Identifier: Apache-2.0 */
/* The data officer's pages, at /ui/ on the operators' listener: HTML that is made here and works without scripts.
 * What a page shows and a form does goes through the admin API (api_serve_as()) as whoever is signed in, so that
 * roles, scopes, one-time codes, approvals and the audit trail are the same. */
#pragma once

#include "admin/api.h"
#include "base/http_server.h"

struct ui;

/* api must outlive it. Reads what is compiled in: INVALID with a message, which is a fault of the build. */
enum err ui_new(const struct api *api, struct ui **ret_ui, struct errmsg *msg) MUST_CHECK;
void ui_free(struct ui **ui);

/* Is this path one of its own? Any thread. */
bool ui_has(struct span path);
/* Answer a request. Any number of threads; blocks. */
void ui_serve(struct ui *ui, const struct http_request *request, struct http_answer *answer);
