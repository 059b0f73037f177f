/* SPDX-License-Identifier: Apache-2.0 */
/* The user that a server runs as: `user` of the configuration. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/conf.h"
#include "base/err.h"

struct identity {
    bool given; /* else: whoever starts the server */
    char name[33];
    uid_t uid;
    gid_t gid;
};

/* A user of this host by name. CONFIG with a message when there is none. From then on key files may be that user's
 * (base/owner.h). */
enum err identity_read(struct conf_node node, struct identity *ret, struct errmsg *msg) MUST_CHECK;

/* Does the process have any capability: may it more than others? */
bool privilege_has_any(void);

/* Become that user, with its groups, when root started the process and a user is given; whoever else started it must be
 * that user. Refused when the store is another's: its files would get two owners. Errors with a message: CONFIG, DENIED,
 * IO. Before any thread of ours is started; there is no way back. */
enum err privilege_become(const struct identity *who, const char *store_dir, struct errmsg *msg)
    MUST_CHECK;

/* The same for a server: looks at every file of the store, and gives up all capabilities, also of root, and whatever a
 * program that it started could gain. The limit of locked memory is lifted before, so that keys stay out of swap. */
enum err privilege_drop(const struct identity *who, const char *store_dir, struct errmsg *msg)
    MUST_CHECK;

/* Give a file, or a folder and what is in it, to the user that is given; nothing when root did not start the process. IO,
 * also where a file has a second name: it may be somebody else's. */
enum err privilege_give(const struct identity *who, const char *dir, struct errmsg *msg) MUST_CHECK;
