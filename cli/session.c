/* SPDX-License-Identifier: Apache-2.0 */
/* One way to the operations for every command.
 * Runs on: the main thread; blocks. Holds: the settings, and the open store when no server runs; or
 * who is asked with --server.
 * Invariant: a store is opened here only while no server owns it (the store's lock sees to it).
 * Not here: the operations (admin/ops.c). */
#include "retention/consents.h"
#include "cli/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "admin/access.h"
#include "admin/client.h"
#include "admin/ops.h"
#include "admin/socket.h"
#include "base/assert.h"
#include "base/mem.h"
#include "cli/parts.h"
#include "cli/remote.h"
#include "cli/settings.h"

/* An erasure may read the whole store to verify itself. */
static const int64_t ANSWER_MS = 3600000;

struct session {
    struct remote *remote; /* NULL: on this host */
    struct settings settings;
    struct vault *vault; /* NULL: a server runs */
    struct parts parts;
    struct access *access;
};

/* An erasure that a crash left half-way is finished by whoever opens the store next: there may
 * never be a server. What fails is logged there and stays open. */
static enum err finish_erasures(struct session *s, struct errmsg *msg)
{
    struct erasure_resumed resumed;
    struct consent_effect effect;
    enum err e = erasure_resume_all(s->parts.erasures, &resumed);

    if (e == ERR_OK)
        e = erasure_run_waiting(s->parts.erasures, &resumed);
    if (e == ERR_OK)
        e = consents_finish(s->parts.erasures, 0, &effect);
    return e == ERR_OK ? e : errmsg_set(msg, e, "the open erasures cannot be read");
}

static enum err open_store(struct session *s, struct errmsg *msg)
{
    AUTO(root_keys_done) struct root_keys roots = {.count = 0};
    struct vault_options options = {.dir = s->settings.store_dir,
                                    .roots = &roots,
                                    .classes = &s->settings.classes,
                                    .domains = &s->settings.domains,
                                    .configuration = conf_digest(s->settings.conf),
                                    .ledger_mirror = s->settings.ledger_mirror};
    enum err e;

    e = keys_load(s->settings.keys, &roots, msg);
    if (e != ERR_OK)
        return e == ERR_SEALED ? ERR_CONFIG : e;
    e = privilege_become(&s->settings.user, s->settings.store_dir, msg);
    if (e != ERR_OK)
        return e;
    e = vault_open(&options, &s->vault, msg);
    if (e == ERR_BUSY)
        return errmsg_set(msg, e,
                          "%s: another process has the store open, but no server answers on its "
                          "control socket; try again when it is done",
                          s->settings.store_dir);
    if (e != ERR_OK)
        return e;
    audit_settings_use(&s->settings, s->vault);
    cli_parts_make(&s->parts, s->vault, &s->settings);
    e = access_open(s->settings.store_dir, s->vault, &s->access, msg);
    return e == ERR_OK ? finish_erasures(s, msg) : e;
}

/* The server on this host, or the store. */
static enum err open_here(struct session *s, const struct options *o, struct errmsg *msg)
{
    AUTO(fd_close) int fd = -1;
    enum err e = settings_start(o->config, SETTINGS_STORE, &s->settings, msg);

    if (e != ERR_OK)
        return e;
    keys_use_fd(s->settings.keys, o->passphrase_fd);
    e = socket_connect(s->settings.store_dir, &fd, msg);
    return e == ERR_NOT_FOUND ? open_store(s, msg) : e;
}

enum err session_open(const struct options *o, struct session **ret_session, struct errmsg *msg)
{
    AUTO(session_close) struct session *s = mem_alloc(sizeof(*s));
    enum err e = o->server != NULL ? remote_open(o, &s->remote, msg) : open_here(s, o, msg);

    if (e == ERR_OK)
        *ret_session = TAKE(s);
    return e;
}

enum err session_open_new(const char *config, struct session **ret_session, struct errmsg *msg)
{
    AUTO(session_close) struct session *s = mem_alloc(sizeof(*s));
    enum err e = settings_start(config, SETTINGS_STORE, &s->settings, msg);

    if (e != ERR_OK)
        return e;
    classes_done(&s->settings.classes);
    s->settings.classes = (struct classes){.count = 0};
    e = open_store(s, msg);
    if (e == ERR_OK)
        *ret_session = TAKE(s);
    return e;
}

void session_close(struct session **session)
{
    struct session *s = TAKE(*session);

    if (s == NULL)
        return;
    remote_close(&s->remote);
    access_close(&s->access);
    cli_parts_done(&s->parts);
    vault_close(&s->vault);
    settings_done(&s->settings);
    free(s);
}

/* A connection a call: between two calls the command may wait for its input longer than a server
 * keeps an idle connection. */
static enum err call_server(struct session *s, const struct json *request, struct reply *reply,
                            struct errmsg *msg)
{
    AUTO(fd_close) int fd = -1;
    enum err e;

    e = socket_connect(s->settings.store_dir, &fd, msg);
    if (e == ERR_NOT_FOUND)
        return errmsg_set(msg, ERR_CANCELED, "the server has stopped");
    if (e == ERR_OK)
        e = client_call(fd, request, ANSWER_MS, &reply->tree, msg);
    if (e == ERR_OK)
        reply->result = json_get(reply->tree, "result");
    return e;
}

static enum err call_store(struct session *s, const struct json *request, struct reply *reply,
                           struct errmsg *msg)
{
    struct admin admin = {.vault = s->vault,
                          .classes = &s->settings.classes,
                          .erasures = s->parts.erasures,
                          .ropa = s->parts.ropa,
                          .access = s->access,
                          .requests = s->parts.requests,
                          .exports = s->parts.exports,
                          .keys = s->settings.keys,
                          .rotation = s->parts.rotation,
                          .conf = s->settings.conf};
    enum err e = ops_run(&admin, request, &reply->tree, msg);

    reply->result = reply->tree;
    return e;
}

static enum err call_remote(struct session *s, const struct json *request, struct reply *reply,
                            struct errmsg *msg)
{
    const enum err e = remote_call(s->remote, request, &reply->tree, msg);

    reply->result = reply->tree;
    return e;
}

enum err session_call(struct session *s, const struct json *request, struct reply *ret_reply,
                      struct errmsg *msg)
{
    struct reply reply = {NULL, NULL};
    enum err e;

    if (s->remote != NULL)
        e = call_remote(s, request, &reply, msg);
    else
        e = s->vault == NULL ? call_server(s, request, &reply, msg)
                             : call_store(s, request, &reply, msg);
    if (e == ERR_OK || e == ERR_PROPOSED)
        *ret_reply = reply;
    return e;
}

enum err session_propose(struct session *s, const struct json *request, struct reply *ret_proposal,
                         struct errmsg *msg)
{
    struct json *tree = NULL;
    enum err e;

    REQUIRE(s->remote != NULL);
    e = remote_propose(s->remote, request, &tree, msg);
    if (e == ERR_OK || e == ERR_PROPOSED)
        *ret_proposal = (struct reply){tree, tree};
    return e;
}

enum err session_download(struct session *s, const struct json *request, int file,
                          struct errmsg *msg)
{
    REQUIRE(s->remote != NULL);
    return remote_download(s->remote, request, file, msg);
}

void reply_done(struct reply *reply)
{
    json_free(&reply->tree);
    reply->result = NULL;
}
