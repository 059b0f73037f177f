/* SPDX-License-Identifier: Apache-2.0 */
/* STORE/control.sock: where a running server is asked to do things. Both ends of it. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

#define SOCKET_NAME "control.sock"

/* Bind and listen in the store's directory, mode 0600. A socket file that stands there is a dead
 * server's: the caller holds the store's lock. Any other file is refused (CONFLICT). Errors carry a
 * message; IO otherwise. ret_fd: non-blocking, caller closes. */
enum err socket_listen(const char *store_dir, int *ret_fd, struct errmsg *msg) MUST_CHECK;
/* Remove the socket file: when the server stops. */
void socket_remove(const char *store_dir);
/* Connect to a running server. NOT_FOUND: there is none. DENIED: this user may not. IO otherwise.
 * ret_fd: blocking, caller closes. */
enum err socket_connect(const char *store_dir, int *ret_fd, struct errmsg *msg) MUST_CHECK;

/* May a peer with this user id ask a server that runs as `own`? Root and the server's own user may.
 */
bool socket_is_allowed(uid_t peer, uid_t own);
/* The user at the other end of a connected socket, as the kernel recorded it. */
enum err socket_peer(int fd, uid_t *ret_uid) MUST_CHECK;
