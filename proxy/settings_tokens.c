/* SPDX-License-Identifier: Apache-2.0 */
/* A caller's `jwt`: whose tokens, signed by which keys, saying what.
 * Runs on: the control thread, at start. Holds: public keys. Invariant: issuer and audience are always
 * named, so that a token made for somebody else's service is none here (RFC 8725 3.9). Not here: tokens
 * themselves (jwt.c). */
#include "proxy/settings_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEFAULT_LEEWAY_S = 30 };

static const uint32_t ALL_ALGS = (1u << SIGNATURE_ALGS) - 1;

/* ---- keys ---- */

static enum err read_file(struct conf_node node, const char *path, struct buf *out,
                          struct errmsg *msg)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    enum err e = ERR_OK;
    ssize_t got = 1;

    if (fd < 0)
        return conf_fail(node, msg, "the key set %s cannot be opened: %s", path, strerror(errno));
    while (e == ERR_OK && got > 0) {
        e = buf_reserve(out, 4096);
        if (e != ERR_OK) {
            e = conf_fail(node, msg, "the key set %s is larger than %d bytes", path,
                          JWKS_BYTES_MAX);
            break;
        }
        got = read(fd, out->bytes + out->len, 4096);
        if (got > 0)
            out->len += (size_t)got;
    }
    if (got < 0)
        e = conf_fail(node, msg, "the key set %s cannot be read: %s", path, strerror(errno));
    (void)close(fd);
    return e;
}

/* Who can write the file can be any caller of it. */
static enum err check_file(struct conf_node node, const char *path, struct errmsg *msg)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return conf_fail(node, msg, "the key set %s cannot be opened: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode) || (st.st_mode & 022) != 0)
        return conf_fail(node, msg, "the key set %s must be a file that only its owner can write",
                         path);
    return ERR_OK;
}

static enum err read_keys(struct conf_node node, struct jwks **ret_keys, struct errmsg *msg)
{
    const char *text = NULL;
    AUTO(mem_free) char *path = NULL;
    AUTO(buf_done) struct buf bytes = {.max = JWKS_BYTES_MAX + 4096};
    struct errmsg why = {""};
    enum err e = conf_str(node, &text, msg);

    if (e != ERR_OK)
        return e;
    if (strncmp(text, "file:", 5) != 0 || text[5] == '\0')
        return conf_fail(node, msg, "a key set is named as file:PATH");
    path = conf_path(node, text + 5);
    e = check_file(node, path, msg);
    if (e == ERR_OK)
        e = read_file(node, path, &bytes, msg);
    if (e == ERR_OK && jwks_parse(buf_span(&bytes), ret_keys, &why) != ERR_OK)
        e = conf_fail(node, msg, "%s: %s", path, why.text);
    return e;
}

static enum err read_algs(struct conf_node node, uint32_t *ret_algs, struct errmsg *msg)
{
    size_t count;
    enum err e = settings_list(node, &count, msg);
    uint32_t algs = 0;

    if (e != ERR_OK || !conf_has(node))
        return e;
    if (count == 0)
        return conf_fail(node, msg, "there is at least one algorithm");
    for (size_t i = 0; i < count; i++) {
        const char *name = "";
        enum signature_alg alg;

        e = conf_str(conf_at(node, i), &name, msg);
        if (e != ERR_OK)
            return e;
        if (jwks_alg(span_str(name), &alg) != ERR_OK)
            return conf_fail(conf_at(node, i), msg,
                             "an algorithm is \"EdDSA\", \"ES256\" or \"RS256\"");
        algs |= 1u << alg;
    }
    *ret_algs = algs;
    return ERR_OK;
}

/* ---- what it must say ---- */

static enum err read_claims(struct conf_node map, struct caller_jwt *jwt, struct errmsg *msg)
{
    struct conf_node member;
    void *it = NULL;

    if (!conf_has(map))
        return ERR_OK;
    if (json_kind(map.value) != JSON_MAP)
        return conf_fail(map, msg, "`claims` is a map from claims to what they must say");
    jwt->claims = mem_alloc((json_count(map.value) + 1) * sizeof(*jwt->claims));
    while (conf_next(map, &it, &member)) {
        const char *text = NULL;
        enum err e = conf_str(member, &text, msg);

        if (e != ERR_OK)
            return e;
        jwt->claims[jwt->claim_count++] =
            (struct caller_claim){mem_strdup(member.name), mem_strdup(text)};
    }
    return ERR_OK;
}

static enum err read_text(struct conf_node map, const char *name, char **ret, struct errmsg *msg)
{
    const char *text = NULL;
    enum err e = settings_text(map, name, &text, msg);

    if (e != ERR_OK)
        return e;
    if (text[0] == '\0')
        return conf_fail(conf_get(map, name), msg, "`%s` is empty", name);
    *ret = mem_strdup(text);
    return ERR_OK;
}

static enum err read_leeway(struct conf_node node, struct caller_jwt *jwt, struct errmsg *msg)
{
    int64_t ms = DEFAULT_LEEWAY_S * 1000;
    enum err e = conf_duration_ms(node, &ms, msg);

    if (e == ERR_OK && (ms < 0 || ms > JWT_LEEWAY_MAX_S * 1000))
        e = conf_fail(node, msg, "a leeway is at most %ds", JWT_LEEWAY_MAX_S);
    jwt->leeway_s = ms / 1000;
    return e;
}

/* ---- where it stands ---- */

/* Fields that frame, route or describe a message carry no tokens. */
static bool may_carry(const char *header)
{
    static const char *const others[] = {
        "host",   "connection",        "content-type", "content-encoding",
        "expect", "transfer-encoding", "upgrade",      "content-length",
        "te",     "trailer",           "x-request-id", "cookie"};

    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (strcmp(header, others[i]) == 0)
            return false;
    return settings_is_header_name(header);
}

/* A header is for everybody's tokens alike. */
static enum err check_header(struct conf_node node, const struct proxy_settings *settings,
                             const struct caller_def *def, struct errmsg *msg)
{
    const struct caller_jwt *jwt = def->jwt;
    size_t others = 0;

    for (const struct caller_def *other = settings->callers; other < def; other++) {
        bool is_new = other->jwt != NULL && strcmp(other->jwt->header, jwt->header) != 0;

        if (other->jwt != NULL && !is_new && other->jwt->pass != jwt->pass)
            return conf_fail(conf_get(node, "pass"), msg,
                             "the caller \"%s\" says otherwise of the header \"%s\"", other->name,
                             jwt->header);
        for (const struct caller_def *before = settings->callers; is_new && before < other;
             before++)
            is_new = before->jwt == NULL || strcmp(before->jwt->header, other->jwt->header) != 0;
        others += is_new;
    }
    if (others >= CALLER_FIELDS_MAX)
        return conf_fail(conf_get(node, "header"), msg, "tokens come in at most %d headers",
                         CALLER_FIELDS_MAX);
    return ERR_OK;
}

static enum err read_header(struct conf_node map, const struct proxy_settings *settings,
                            struct caller_def *def, struct errmsg *msg)
{
    const struct conf_node node = conf_get(map, "header");
    const char *header = "Authorization";
    enum err e = conf_str(node, &header, msg);

    if (e != ERR_OK)
        return e;
    def->jwt->header = settings_lower_case(header);
    if (!may_carry(def->jwt->header))
        return conf_fail(node, msg, "\"%s\" is no header that can carry a token", header);
    def->jwt->pass = strcmp(def->jwt->header, "authorization") == 0;
    e = conf_bool(conf_get(map, "pass"), &def->jwt->pass, msg);
    return e == ERR_OK ? check_header(map, settings, def, msg) : e;
}

enum err settings_read_token(struct conf_node node, const struct proxy_settings *settings,
                             struct caller_def *def, struct errmsg *msg)
{
    static const char *const keys[] = {"header", "pass",   "jwks",       "issuer", "audience",
                                       "claims", "leeway", "algorithms", NULL};
    struct conf_node jwks;
    enum err e;

    if (!conf_has(node))
        return ERR_OK;
    e = conf_only(node, keys, msg);
    if (e != ERR_OK)
        return e;
    def->jwt = mem_alloc(sizeof(*def->jwt));
    def->jwt->algs = ALL_ALGS;
    e = read_header(node, settings, def, msg);
    if (e == ERR_OK)
        e = conf_need(node, "jwks", &jwks, msg);
    if (e == ERR_OK)
        e = read_keys(jwks, &def->jwt->keys, msg);
    if (e == ERR_OK)
        e = read_algs(conf_get(node, "algorithms"), &def->jwt->algs, msg);
    if (e == ERR_OK)
        e = read_text(node, "issuer", &def->jwt->issuer, msg);
    if (e == ERR_OK)
        e = read_text(node, "audience", &def->jwt->audience, msg);
    if (e == ERR_OK)
        e = read_claims(conf_get(node, "claims"), def->jwt, msg);
    return e == ERR_OK ? read_leeway(conf_get(node, "leeway"), def->jwt, msg) : e;
}

void settings_free_token(struct caller_def *def)
{
    struct caller_jwt *jwt = TAKE(def->jwt);

    if (jwt == NULL)
        return;
    for (size_t i = 0; i < jwt->claim_count; i++) {
        free(jwt->claims[i].name);
        free(jwt->claims[i].value);
    }
    free(jwt->claims);
    jwks_free(&jwt->keys);
    free(jwt->issuer);
    free(jwt->audience);
    free(jwt->header);
    free(jwt);
}
