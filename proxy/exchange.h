/* SPDX-License-Identifier: Apache-2.0 */
/* One request's life on its loop: judged, routed, tokenized, sent up, answered. */
#pragma once

#include <h2o.h>

#include "proxy/proxy_priv.h"

/* The one handler behind every listener: each request becomes an exchange, which lives in the
 * request's pool and ends with it. Always takes the request (0). */
int exchange_on_request(h2o_handler_t *self, h2o_req_t *req);
/* Give back what the vault's writer is done with (`stored` of a loop). */
void exchange_on_stored(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages);
/* Records of requests in the audit trail: before the first request, after the last. Loop thread. */
void exchange_records_init(struct proxy_loop *loop);
void exchange_records_done(struct proxy_loop *loop);
void exchange_on_recorded(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages);
/* The drain's time is over: end every exchange of the loop, answered or not. */
void exchanges_abort(struct proxy_loop *loop);
/* Some clients are leaving: their connections end with the request under way, idle ones now. */
void exchanges_let_go(struct proxy_loop *loop);
/* Free the buffers that this thread kept for later. At its end. */
void exchange_buffers_free(void);
/* The same of exchanges. */
void exchanges_free_spare(void);
