/* SPDX-License-Identifier: Apache-2.0 */
/* What the proxy tells of its callers, for operators. */
#pragma once

#include <pthread.h>

#include "base/json.h"
#include "proxy/proxy.h"

struct callers_view {
    pthread_mutex_t lock; /* of what follows, and held while the proxy is asked */
    struct proxy *proxy;
};

void callers_view_init(struct callers_view *view);
void callers_view_done(struct callers_view *view);
/* Whom to ask from now on; NULL: nobody, and nobody is asked any more when it comes back. */
void callers_view_use(struct callers_view *view, struct proxy *proxy);
/* As admin->callers; context: a view. */
struct json *callers_view_read(void *context);
