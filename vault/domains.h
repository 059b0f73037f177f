/* SPDX-License-Identifier: Apache-2.0 */
/* Pseudonymisation domains, as the `domains:` section declares them: families of tokens that nothing
 * links with each other. There is always one, "default". */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/conf.h"
#include "base/err.h"
#include "base/span.h"

#define DOMAIN_DEFAULT_NAME "default"

enum domain_limits { DOMAIN_NAME_MAX = 64, DOMAINS_MAX = 256 };

struct domains {
    char **names; /* each 1-64 of a-z 0-9 _ -; the first is "default" */
    size_t count;
};

/* Read `domains:` of a configuration; an absent node leaves the default one alone. "default" may be
 * listed or not. CONFIG with its place for a name that is none or is there twice, and for too many. */
enum err domains_read(struct conf_node node, struct domains *ret, struct errmsg *msg) MUST_CHECK;
void domains_done(struct domains *domains);
bool domains_have(const struct domains *domains, struct span name);
