/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket's file.
 * Runs on: the thread that starts, stops or calls a server; short. Holds: nothing. Invariant: the
 * file is never open to others, not even between bind and listen. Not here: what is said on it. */
#include "admin/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"

enum { BACKLOG = 16 };

/* The address of the socket file. A path of any length works: the directory is opened and named
 * through /proc, as sun_path holds 107 bytes. *ret_dir stays open while the address is in use. */
static enum err address_of(const char *store_dir, struct sockaddr_un *ret, int *ret_dir)
{
    int dir = open(store_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0)
        return errno == ENOENT ? ERR_NOT_FOUND : errno == EACCES ? ERR_DENIED : ERR_IO;
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    (void)snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/" SOCKET_NAME, dir);
    *ret_dir = dir;
    return ERR_OK;
}

static enum err remove_stale(int dir, const char *store_dir, struct errmsg *msg)
{
    struct stat st;

    if (fstatat(dir, SOCKET_NAME, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT
                   ? ERR_OK
                   : errmsg_set(msg, ERR_IO, "%s/" SOCKET_NAME ": %s", store_dir, strerror(errno));
    if (!S_ISSOCK(st.st_mode))
        return errmsg_set(msg, ERR_CONFLICT,
                          "%s/" SOCKET_NAME " is in the way and is no socket; remove it",
                          store_dir);
    if (unlinkat(dir, SOCKET_NAME, 0) != 0)
        return errmsg_set(msg, ERR_IO, "%s/" SOCKET_NAME " cannot be removed: %s", store_dir,
                          strerror(errno));
    return ERR_OK;
}

enum err socket_listen(const char *store_dir, int *ret_fd, struct errmsg *msg)
{
    AUTO(fd_close) int dir = -1;
    AUTO(fd_close) int fd = -1;
    struct sockaddr_un address;
    enum err e;

    e = address_of(store_dir, &address, &dir);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s cannot be opened: %s", store_dir, strerror(errno));
    e = remove_stale(dir, store_dir, msg);
    if (e != ERR_OK)
        return e;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* On Linux the file takes the mode that the unbound socket has. */
    if (fd < 0 || fchmod(fd, 0600) != 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, BACKLOG) != 0)
        return errmsg_set(msg, ERR_IO, "%s/" SOCKET_NAME " cannot be made: %s", store_dir,
                          strerror(errno));
    *ret_fd = fd;
    fd = -1;
    return ERR_OK;
}

void socket_remove(const char *store_dir)
{
    AUTO(fd_close) int dir = open(store_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (dir >= 0)
        (void)unlinkat(dir, SOCKET_NAME, 0);
}

enum err socket_connect(const char *store_dir, int *ret_fd, struct errmsg *msg)
{
    AUTO(fd_close) int dir = -1;
    AUTO(fd_close) int fd = -1;
    struct sockaddr_un address;
    enum err e;

    e = address_of(store_dir, &address, &dir);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s cannot be opened: %s", store_dir, strerror(errno));
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errmsg_set(msg, ERR_IO, "no socket: %s", strerror(errno));
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        e = errno == ENOENT || errno == ECONNREFUSED ? ERR_NOT_FOUND
            : errno == EACCES                        ? ERR_DENIED
                                                     : ERR_IO;
        return errmsg_set(msg, e, "%s/" SOCKET_NAME ": %s", store_dir, strerror(errno));
    }
    *ret_fd = fd;
    fd = -1;
    return ERR_OK;
}

bool socket_is_allowed(uid_t peer, uid_t own)
{
    return peer == 0 || peer == own;
}

enum err socket_peer(int fd, uid_t *ret_uid)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || len != sizeof(peer))
        return ERR_IO;
    *ret_uid = peer.uid;
    return ERR_OK;
}
