/* SPDX-License-Identifier: Apache-2.0 */
/* Provider `vault`: root keys wrapped by the Transit engine of HashiCorp Vault or OpenBao.
 * Runs on: one thread at a time; blocks. Holds: a token (below). Invariant: the transit key is
 * rotated with every version, so that destroying its older versions takes every copy of an old
 * envelope with it. Not here: requests (keys/transit.c), the envelope (keys/wrapped.c), destroying
 * (keys/transit_drop.c).
 *
 * What is wrapped, behind the check value: the text that the server made, "vault:vN:BASE64". */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/secret.h"
#include "keys/transit_provider_priv.h"

static const int64_t TIMEOUT_DEFAULT_MS = 10000, TIMEOUT_MIN_MS = 100, TIMEOUT_MAX_MS = 60000,
                     CONNECT_MAX_MS = 3000;

enum { ADDRESS_MAX = 256, SPACE_MAX = 256 };

/* ---- wrapping ---- */

/* A key that this may rely on. */
static enum err check_key(const struct vault_provider *v, struct errmsg *msg)
{
    struct transit_key key;
    enum err e = transit__key_read(v->transit, &key, msg);

    if (e != ERR_OK)
        return e;
    if (!key.fits)
        return errmsg_set(
            msg, ERR_UNSUPPORTED,
            "%s: the key %s/%s must be of type aes256-gcm96 and not derived; make one "
            "with: vault write -f %s/keys/%s",
            v->address, v->options.mount, v->options.key, v->options.mount, v->options.key);
    if (key.can_leave)
        return errmsg_set(msg, ERR_UNSUPPORTED,
                          "%s: the key %s/%s is exportable or allows a plaintext backup, so nobody "
                          "can tell whether it was destroyed; make one that does not",
                          v->address, v->options.mount, v->options.key);
    return ERR_OK;
}

static enum err vault_wrap(void *context, const struct keys_wrapped *newest, const uint8_t *key,
                           struct keys_wrapped *out, struct errmsg *msg)
{
    const struct vault_provider *v = context;
    char text[TRANSIT_CIPHERTEXT_MAX + 1];
    enum err e = check_key(v, msg);

    /* the first as well: an envelope that this one takes over from may hold the present version */
    if (e == ERR_OK)
        e = transit__key_rotate(v->transit, msg);
    if (e == ERR_OK)
        e = transit__wrap(v->transit, out->epoch, key, text, msg);
    if (e != ERR_OK)
        return e;
    if (newest != NULL && transit__text_version(text) <= transit__wrapped_version(newest))
        return errmsg_set(msg, ERR_SEALED,
                          "%s: the key %s/%s was rotated, but wraps under its old version; try "
                          "again",
                          v->address, v->options.mount, v->options.key);
    out->len = strlen(text);
    memcpy(out->bytes, text, out->len);
    return ERR_OK;
}

static enum err vault_unwrap(void *context, const struct keys_wrapped *in, uint8_t *key,
                             struct errmsg *msg)
{
    const struct vault_provider *v = context;
    char text[TRANSIT_CIPHERTEXT_MAX + 1];

    if (!transit__wrapped_text(in, text))
        return errmsg_set(msg, ERR_SEALED, "%s: epoch %" PRIu32 " is no text of a Transit engine",
                          v->file, in->epoch);
    return transit__unwrap(v->transit, in->epoch, text, key, msg);
}

/* ---- the versions ---- */

static enum err vault_load(struct provider *p, struct root_keys *ret, struct errmsg *msg)
{
    struct vault_provider *v = (struct vault_provider *)p;
    enum err e = keys__wrapped_load(&v->wrapper, ret, msg);

    if (e == ERR_OK)
        transit__drop_finish(v);
    return e;
}

static enum err vault_add(struct provider *p, uint32_t epoch, struct root_key *ret,
                          struct errmsg *msg)
{
    return keys__wrapped_add(&((struct vault_provider *)p)->wrapper, epoch, ret, msg);
}

static enum err vault_drop(struct provider *p, uint32_t epoch, struct errmsg *msg)
{
    return transit__drop((struct vault_provider *)p, epoch, msg);
}

/* ---- the lease ---- */

static bool is_refusal(enum err e)
{
    return e == ERR_DENIED || e == ERR_INVALID || e == ERR_NOT_FOUND;
}

static enum err vault_check(struct provider *p, struct provider_health *ret, struct errmsg *msg)
{
    struct vault_provider *v = (struct vault_provider *)p;
    int64_t whole_ms, left_ms = transit__left_ms(v->transit, &whole_ms);
    enum err e;

    /* a third of it is over; what fails here leaves the other two */
    if (left_ms > 0 && left_ms < whole_ms / 3 * 2)
        (void)!transit__renew(v->transit, NULL);
    e = keys__wrapped_try(&v->wrapper, msg);
    left_ms = transit__left_ms(v->transit, &whole_ms);
    if (e == ERR_OK)
        v->last_lease_ms = left_ms < v->lease_ms ? left_ms : v->lease_ms;
    ret->lease_ms = is_refusal(e) ? 0 : v->last_lease_ms;
    ret->again_ms = keys__again_ms(v->last_lease_ms, e != ERR_OK);
    return is_refusal(e) ? ERR_DENIED : e;
}

/* ---- the configuration ---- */

static void vault_close(struct provider *p)
{
    struct vault_provider *v = (struct vault_provider *)p;

    transit__free(&v->transit);
    free(v->address);
    free(v->ca);
    free(v->file);
    free(v->doomed_file);
    free(v->token_file);
    free(v->role_id_file);
    free(v->secret_id_file);
    free(v);
}

/* "https://HOST[:PORT]"; the rest is libcurl's to judge. */
static bool is_address(const char *text)
{
    size_t len = strlen(text);

    if (len <= strlen("https://") || len > ADDRESS_MAX || strncmp(text, "https://", 8) != 0)
        return false;
    for (const char *at = text + strlen("https://"); *at != '\0'; at++) {
        if (strchr("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:[]", *at) ==
            NULL)
            return false;
    }
    return true;
}

static enum err read_address(struct vault_provider *v, struct conf_node map, struct errmsg *msg)
{
    struct conf_node node;
    const char *text = NULL;
    size_t len;
    enum err e = conf_need(map, "address", &node, msg);

    if (e == ERR_OK)
        e = conf_str(node, &text, msg);
    if (e != ERR_OK)
        return e;
    v->address = mem_strdup(text);
    len = strlen(v->address);
    if (len > 0 && v->address[len - 1] == '/')
        v->address[len - 1] = '\0';
    if (strncmp(text, "http://", strlen("http://")) == 0)
        return conf_fail(node, msg,
                         "\"address\" must begin with https://: tokens and root keys pass through "
                         "it");
    if (!is_address(v->address))
        return conf_fail(node, msg, "\"address\" must be https://HOST or https://HOST:PORT");
    v->options.http.address = v->address;
    return ERR_OK;
}

static enum err read_name(struct conf_node map, const char *name, bool one_segment,
                          const char **ret, struct errmsg *msg)
{
    struct conf_node node = conf_get(map, name);
    enum err e = conf_str(node, ret, msg);

    if (e == ERR_OK && !transit__name_is_valid(*ret, one_segment))
        e = conf_fail(node, msg, "\"%s\" must be a name of a-z A-Z 0-9 _ . -%s", name,
                      one_segment ? "" : ", or several between '/'");
    return e;
}

static enum err read_names(struct vault_provider *v, struct conf_node map, struct errmsg *msg)
{
    struct conf_node node;
    enum err e;

    v->options.mount = "transit";
    v->options.auth_mount = "approle";
    e = conf_need(map, "key", &node, msg);
    if (e == ERR_OK) {
        v->options.key = "";
        e = read_name(map, "key", true, &v->options.key, msg);
    }
    if (e == ERR_OK)
        e = read_name(map, "mount", false, &v->options.mount, msg);
    if (e == ERR_OK)
        e = read_name(map, "auth_mount", false, &v->options.auth_mount, msg);
    if (e == ERR_OK && conf_has(conf_get(map, "namespace"))) {
        v->options.space = "";
        e = read_name(map, "namespace", false, &v->options.space, msg);
    }
    return e;
}

static enum err read_login(struct vault_provider *v, struct conf_node map, struct errmsg *msg)
{
    bool approle;
    enum err e = keys__conf_path(map, "token_file", &v->token_file, msg);

    if (e == ERR_OK)
        e = keys__conf_path(map, "role_id_file", &v->role_id_file, msg);
    if (e == ERR_OK)
        e = keys__conf_path(map, "secret_id_file", &v->secret_id_file, msg);
    if (e != ERR_OK)
        return e;
    approle = v->role_id_file != NULL && v->secret_id_file != NULL;
    if (approle == (v->token_file != NULL) ||
        (v->token_file != NULL && (v->role_id_file != NULL || v->secret_id_file != NULL)))
        return conf_fail(map, msg,
                         "the provider vault logs in with \"token_file\", or with both "
                         "\"role_id_file\" and \"secret_id_file\"");
    v->options.token_file = v->token_file;
    v->options.role_id_file = v->role_id_file;
    v->options.secret_id_file = v->secret_id_file;
    return ERR_OK;
}

static enum err read_times(struct vault_provider *v, struct conf_node map, struct errmsg *msg)
{
    enum err e;

    v->lease_ms = KEYS_LEASE_DEFAULT_MS;
    v->options.http.total_ms = TIMEOUT_DEFAULT_MS;
    e = keys__conf_span_ms(map, "lease", KEYS_LEASE_MIN_MS, KEYS_LEASE_MAX_MS, &v->lease_ms, msg);
    if (e == ERR_OK)
        e = keys__conf_span_ms(map, "timeout", TIMEOUT_MIN_MS, TIMEOUT_MAX_MS,
                               &v->options.http.total_ms, msg);
    v->last_lease_ms = v->lease_ms;
    v->options.http.connect_ms =
        v->options.http.total_ms < CONNECT_MAX_MS ? v->options.http.total_ms : CONNECT_MAX_MS;
    return e;
}

static enum err read_members(struct vault_provider *v, struct conf_node map, struct errmsg *msg)
{
    static const char *const known[] = {
        "provider",  "address",    "ca",           "file",       "mount",          "key",
        "namespace", "token_file", "role_id_file", "auth_mount", "secret_id_file", "lease",
        "timeout",   NULL};
    struct conf_node file;
    enum err e = conf_only(map, known, msg);

    if (e == ERR_OK)
        e = read_address(v, map, msg);
    if (e == ERR_OK)
        e = read_names(v, map, msg);
    if (e == ERR_OK)
        e = read_login(v, map, msg);
    if (e == ERR_OK)
        e = read_times(v, map, msg);
    if (e == ERR_OK)
        e = keys__conf_path(map, "ca", &v->ca, msg);
    if (e == ERR_OK)
        e = conf_need(map, "file", &file, msg);
    if (e == ERR_OK)
        e = keys__conf_path(map, "file", &v->file, msg);
    v->options.http.ca = v->ca;
    return e;
}

static enum err vault_read(struct conf_node node, struct prompt *prompt UNUSED,
                           struct provider **ret_provider, struct errmsg *msg)
{
    AUTO(provider_close) struct provider *p = NULL;
    struct vault_provider *v = mem_alloc(sizeof(*v));
    enum err e;

    p = &v->provider;
    p->ops = &provider_vault;
    e = read_members(v, node, msg);
    if (e != ERR_OK)
        return e;
    v->wrapper = (struct keys_wrapper){.path = v->file,
                                       .scheme = provider_vault.scheme,
                                       .wrap = vault_wrap,
                                       .unwrap = vault_unwrap,
                                       .context = v};
    v->transit = transit__new(&v->options);
    REQUIRE(asprintf(&v->doomed_file, "%s.doomed", v->file) > 0);
    REQUIRE(asprintf(&p->name, "vault:%s/%s/%s", v->address, v->options.mount, v->options.key) > 0);
    *ret_provider = TAKE(p);
    return ERR_OK;
}

const struct provider_ops provider_vault = {
    .scheme = "vault",
    .is_map = true,
    .read = vault_read,
    .load = vault_load,
    .add = vault_add,
    .drop = vault_drop,
    .check = vault_check,
    .close = vault_close,
};
