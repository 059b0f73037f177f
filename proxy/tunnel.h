/* SPDX-License-Identifier: Apache-2.0 */
/* Two connections that carry each other's bytes, once a client and an upstream have gone over to another
 * protocol. What passes is not read. Loop thread. */
#pragma once

#include <h2o.h>

#include "base/span.h"
#include "proxy/proxy_priv.h"

struct tunnel;

/* Take an upstream's connection, and what it has sent already. It waits for its other side:
 * tunnel_open() must be called once, whatever becomes of the client. */
struct tunnel *tunnel_new(struct proxy_loop *loop, h2o_socket_t *upstream, struct span first);
/* h2o_http1_upgrade()'s callback; data is the tunnel. client NULL: it has gone, and so does the tunnel;
 * otherwise the first head_size bytes of its input are the request's. From here on the tunnel lives until
 * either side ends, or nothing passes for LIMIT_TUNNEL_IDLE_S. */
void tunnel_open(void *data, h2o_socket_t *client, size_t head_size);
