/* SPDX-License-Identifier: Apache-2.0 */
/* The file that holds room.
 * Runs on: the writer thread (opened before it starts). Holds: one descriptor. Invariant: `held`
 * only while the file system has set the blocks aside: a file merely made longer takes no room. */
#include "vault/reserve_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "vault/file_priv.h"
#include "vault/vault_priv.h"

/* A batch of a sweep changes a thousand pages of 4 KiB at most, and the log starts over after
 * each; the ledger wants 128 bytes. */
enum { RESERVE_BYTES = 8 << 20, RETRY_MS = 1000 };

struct reserve {
    int fd;
    bool held;
    int64_t retry_at_ms; /* by the monotonic clock */
};

/* All of it, or nothing. */
static bool take(struct reserve *r)
{
    r->held = posix_fallocate(r->fd, 0, RESERVE_BYTES) == 0;
    if (!r->held)
        (void)!ftruncate(r->fd, 0);
    r->retry_at_ms = clock_mono_ms() + RETRY_MS;
    return r->held;
}

enum err reserve_open(const char *dir, struct reserve **ret_reserve, struct errmsg *msg)
{
    AUTO(mem_free) char *path = vault__path(dir, VAULT_RESERVE);
    AUTO(reserve_close) struct reserve *r = mem_alloc(sizeof(*r));

    r->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (r->fd < 0)
        return errmsg_set(msg, ERR_IO, "%s: %s", path, strerror(errno));
    (void)take(r);
    *ret_reserve = TAKE(r);
    return ERR_OK;
}

void reserve_close(struct reserve **reserve)
{
    struct reserve *r = TAKE(*reserve);

    if (r == NULL)
        return;
    fd_close(&r->fd);
    free(r);
}

bool reserve_is_held(struct reserve *r)
{
    if (!r->held && clock_mono_ms() >= r->retry_at_ms)
        (void)take(r);
    return r->held;
}

bool reserve_release(struct reserve *r)
{
    if (!r->held)
        return false;
    r->held = false;
    r->retry_at_ms = clock_mono_ms() + RETRY_MS;
    return ftruncate(r->fd, 0) == 0;
}
