/* SPDX-License-Identifier: Apache-2.0 */
/* What the records of processing (Art. 30) say that no class says: who is responsible, and the activities with
 * their recipients, transfers and measures, as the section `activities:` declares them. */
#pragma once

#include <stdbool.h>

#include "base/conf.h"
#include "base/err.h"
#include "base/json.h"
#include "retention/controller.h"

enum { ROPA_ACTIVITIES_MAX = 256, ROPA_WORDS_MAX = 64 };

/* Read `activities:` (an absent node: none) and put it, with the controller, into a tree:
 *
 *   {"controller": {"name", "contact", "representative", "dpo"}, "activities": {NAME: {...}}}
 *
 * whose members are there when they are said; whoever puts it in force may add "flows" (flows.h) and "measures"
 * (measures.h). CONFIG with its place: a key that is unknown, a text that is
 * none, a role other than controller and processor, a processor that names nobody on whose behalf. ret_tree:
 * json_free(). */
enum err ropa_read(struct conf_node activities, const struct controller *controller,
                   struct json **ret_tree, struct errmsg *msg) MUST_CHECK;

/* The tree in force, for any thread, also while a configuration is exchanged. */
struct ropa;

struct ropa *ropa_new(void);
/* NULL is fine; leaves NULL. */
void ropa_free(struct ropa **ropa);
/* From now on; keeps a copy of its own. Any thread; does not block for long. */
void ropa_set(struct ropa *ropa, const struct json *tree);
/* A copy for the caller, an empty map before the first ropa_set(): json_free(). ropa may be NULL. */
struct json *ropa_get(struct ropa *ropa);
