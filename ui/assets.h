/* SPDX-License-Identifier: Apache-2.0 */
/* Style sheets and scripts. Each has a name that follows from what it holds, so that a browser may keep it for ever
 * and never has an old one. */
#pragma once

#include "base/http_server.h"
#include "base/json.h"

#define ASSETS_PREFIX "/ui/assets/"

struct assets;

struct assets *assets_new(void);
void assets_free(struct assets **assets);
/* Answer a request below ASSETS_PREFIX. Any thread. */
void assets_serve(const struct assets *assets, const struct http_request *request,
                  struct http_answer *answer);
/* A map for templates: "app.css" is "css", "app.js" "js", "uplot.js" "uplot_js", with their names behind the prefix. */
struct json *assets_names(const struct assets *assets);
/* Are there pictures? Not where the build had no npm. */
bool assets_have_charts(const struct assets *assets);
