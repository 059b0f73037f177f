/* SPDX-License-Identifier: Apache-2.0 */
/* What a proxy in front of this one says about its client, and whether it may. Pure. */
#pragma once

#include <h2o.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/span.h"
#include "base/address.h"

/* The one header that trusted proxies write; the other may be the client's own words. */
enum edge_header { EDGE_X_FORWARDED_FOR, EDGE_FORWARDED };

/* Who is trusted, and with what. */
struct edge_trust {
    struct network *networks;
    size_t count;
    enum edge_header header;
    char *certificate_header; /* lower case; NULL: none */
};

/* What is known of the client of one request. */
struct edge_client {
    struct address address;
    bool https;              /* how it spoke to whom it reached first */
    struct span certificate; /* what certificate_header said; at is NULL without it */
};

bool edge_trusts(const struct edge_trust *trust, const struct address *address);

/* Read what the trusted peer `client->address` says and put it into *client, which holds what the
 * connection itself tells. The client is the right-most address that no trusted proxy has; what
 * stands left of that is what the client said. INVALID: the scheme or the certificate came twice, or
 * the scheme is neither http nor https. */
enum err edge_read(const struct edge_trust *trust, const h2o_headers_t *headers,
                   struct edge_client *client) MUST_CHECK;
