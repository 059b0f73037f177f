/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence packs over the admin API.
 * Runs on: the listener's pool; blocks long. Holds: whether one is being made. Invariant: a pack stands in the store's
 * folder, which is closed to others, while it is made, and has no name any more when it is sent; one at a time.
 * Not here: what is in a pack (retention/evidence.h). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "admin/api_priv.h"
#include "base/mem.h"

#define PART_NAME "evidence.part"

enum { PIECE_BYTES = 64 << 10, RETRY_S = 10 };

/* What was read so far may be half a pack by then: the client must not take it for one. */
static void send_file(struct call *c, int fd)
{
    uint8_t piece[PIECE_BYTES];
    enum err e = ERR_OK;

    while (e == ERR_OK) {
        const ssize_t n = read(fd, piece, sizeof(piece));

        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            return;
        e = n < 0 ? ERR_IO : buf_append(&c->answer->body, piece, (size_t)n);
        if (e == ERR_OK)
            e = http_answer_send(c->answer);
    }
    c->answer->status = err_status(e);
    http_answer_break(c->answer);
}

static enum err make(struct call *c, struct admin *admin, const char *path, int *ret_fd)
{
    AUTO(json_free) struct json *response = NULL;
    struct json *file = json_new_text(span_str(path));
    enum err e;

    if (file == NULL)
        return errmsg_set(&c->msg, ERR_INTERNAL, "the store's folder has a name that is no UTF-8");
    json_set(c->members, "file", file);
    (void)unlink(path); /* what a crash left */
    e = ops_run(admin, c->members, &response, &c->msg);
    if (e != ERR_OK)
        return e;
    *ret_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    (void)unlink(path);
    if (*ret_fd < 0)
        return ERR_IO;
    http_answer_field(c->answer, "content-disposition",
                      "attachment; filename=\"lethe-evidence-%lld.tar\"",
                      (long long)json_int_of(json_get(response, "record"), 0));
    return ERR_OK;
}

enum err api__download(struct call *c, struct admin *admin)
{
    AUTO(mem_free) char *path = NULL;
    int fd = -1;
    enum err e;

    if (json_get(c->members, "file") != NULL)
        return errmsg_set(&c->msg, ERR_INVALID, "the answer is the pack: no file is named");
    if (asprintf(&path, "%s/" PART_NAME, vault_dir(c->api->admin->vault)) < 0)
        return ERR_NO_SPACE;
    if (atomic_exchange(&c->api->state->downloads, true)) {
        c->retry_s = RETRY_S;
        return errmsg_set(&c->msg, ERR_BUSY, "somebody else is getting a pack");
    }
    e = make(c, admin, path, &fd);
    atomic_store(&c->api->state->downloads, false);
    if (e != ERR_OK)
        return e;
    c->answer->status = 200;
    c->answer->content_type = "application/x-tar";
    send_file(c, fd);
    (void)close(fd);
    return ERR_OK;
}
