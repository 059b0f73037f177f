/* SPDX-License-Identifier: Apache-2.0 */
/* The provider credential: lines as in file.c, in a file that systemd put into
 * $CREDENTIALS_DIRECTORY (LoadCredential=, LoadCredentialEncrypted=). It can only be read: new
 * versions are made, and old ones destroyed, where systemd takes them from.
 * Runs on: the caller's thread; blocks. Holds: the name. Not here: the lines. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "keys/file_priv.h"

struct credential_provider {
    struct provider provider;
    char *credential;
};

static const char *name_of(const struct provider *p)
{
    return ((const struct credential_provider *)p)->credential;
}

static enum err credential_load(struct provider *p, struct root_keys *ret, struct errmsg *msg)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    AUTO(mem_free) char *path = NULL;
    enum err e;

    if (folder == NULL || folder[0] != '/')
        return errmsg_set(
            msg, ERR_SEALED,
            "credential:%s: CREDENTIALS_DIRECTORY is not set; start lethe as a systemd "
            "service with LoadCredentialEncrypted=%s:/etc/lethe/%s.cred",
            name_of(p), name_of(p), name_of(p));
    REQUIRE(asprintf(&path, "%s/%s", folder, name_of(p)) > 0);
    e = keys__lines_load(path, true, ret, msg);
    /* An empty provider would mean that one can be begun here. */
    return e == ERR_NOT_FOUND ? ERR_SEALED : e;
}

static enum err credential_add(struct provider *p, uint32_t epoch, struct root_key *ret UNUSED,
                               struct errmsg *msg)
{
    return errmsg_set(msg, ERR_UNSUPPORTED,
                      "credential:%s is read only: add the line \"lethe-root-1 %" PRIu32
                      " HEX\" (HEX: openssl rand -hex 32) where systemd takes the credential from, "
                      "restart, and the rotation begins",
                      name_of(p), epoch);
}

static enum err credential_drop(struct provider *p, uint32_t epoch, struct errmsg *msg)
{
    AUTO(root_keys_done) struct root_keys keys = {.count = 0};
    enum err e = credential_load(p, &keys, msg);

    if (e != ERR_OK || root_keys_find(&keys, epoch) == NULL)
        return e;
    return errmsg_set(msg, ERR_UNSUPPORTED,
                      "credential:%s is read only: epoch %" PRIu32
                      " is no longer needed; destroy its line where systemd takes the credential "
                      "from (shred the old file), and restart",
                      name_of(p), epoch);
}

static void credential_close(struct provider *p)
{
    free(((struct credential_provider *)p)->credential);
    free(p);
}

static enum err credential_read(struct conf_node node, struct prompt *prompt UNUSED,
                                struct provider **ret_provider, struct errmsg *msg)
{
    const char *name = json_str_of(node.value) + strlen("credential:");
    struct credential_provider *c;

    if (*name == '\0' || *name == '.' || strchr(name, '/') != NULL)
        return conf_fail(node, msg,
                         "\"%s\": credential:NAME takes the name that LoadCredential= gives it, no "
                         "path",
                         node.name);
    c = mem_alloc(sizeof(*c));
    c->provider.ops = &provider_credential;
    c->credential = mem_strdup(name);
    REQUIRE(asprintf(&c->provider.name, "credential:%s", name) > 0);
    *ret_provider = &c->provider;
    return ERR_OK;
}

const struct provider_ops provider_credential = {
    .scheme = "credential",
    .read = credential_read,
    .load = credential_load,
    .add = credential_add,
    .drop = credential_drop,
    .close = credential_close,
};
