/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a configuration: members by name and type, mistakes with their place.
 * Runs on: any thread; blocks on the file. Holds: nothing beyond the struct conf it made.
 * Invariant: a message names keys and places, never a value. Not here: YAML (conf_yaml.c), what
 * keys mean. */
#include "base/conf_priv.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/secret.h"

_Static_assert((int)CONF_DIGEST_BYTES == (int)SECRET_HASH_BYTES, "digest size");

/* No timeout or interval is longer; far from overflow when added to a clock. */
static const int64_t DURATION_MAX_MS = INT64_C(36500) * 86400 * 1000;

/* The folder of `path`, absolute: relative files of a configuration are looked up there. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    AUTO(mem_free) char *here = NULL;
    char *folder = NULL;
    int len = slash == NULL ? 0 : (int)(slash - path);

    if (path[0] == '/') {
        REQUIRE(asprintf(&folder, "%.*s", len, path) >= 0);
        return folder;
    }
    here = getcwd(NULL, 0);
    if (here == NULL)
        return NULL;
    REQUIRE(asprintf(&folder, len > 0 ? "%s/%.*s" : "%s%.*s", here, len, path) >= 0);
    return folder;
}

enum err conf_parse(const char *name, struct span text, struct conf **ret_conf, struct errmsg *msg)
{
    AUTO(conf_free) struct conf *c = mem_alloc(sizeof(*c));
    enum err e;

    c->name = mem_strdup(name);
    c->folder = folder_of(name);
    if (c->folder == NULL)
        return errmsg_set(msg, ERR_CONFIG, "%s: the working directory is gone", name);
    secret_hash(text.at, text.len, c->digest);
    e = conf__load_yaml(c, text, msg);
    if (e != ERR_OK)
        return e;
    *ret_conf = TAKE(c);
    return ERR_OK;
}

enum { READ_BYTES = 4096 };

/* To the end, or until there is no room for a whole READ_BYTES more. */
static enum err read_all(int fd, struct buf *out)
{
    for (;;) {
        enum err e = buf_reserve(out, READ_BYTES);
        ssize_t n;

        if (e != ERR_OK)
            return e;
        n = read(fd, out->bytes + out->len, READ_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR_IO;
        if (n == 0)
            return ERR_OK;
        out->len += (size_t)n;
    }
}

enum err conf_load(const char *path, struct conf **ret_conf, struct errmsg *msg)
{
    AUTO(buf_done) struct buf text;
    AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum err e;

    buf_init_secret(&text,
                    LIMIT_CONFIG_FILE_MAX + READ_BYTES); /* the end is seen by one read more */
    if (fd < 0)
        return errmsg_set(msg, ERR_CONFIG, "%s: cannot be opened: %s", path, strerror(errno));
    e = read_all(fd, &text);
    if (e == ERR_IO)
        return errmsg_set(msg, ERR_CONFIG, "%s: cannot be read: %s", path, strerror(errno));
    if (e != ERR_OK)
        return errmsg_set(msg, ERR_CONFIG, "%s: larger than %d bytes", path, LIMIT_CONFIG_FILE_MAX);
    return conf_parse(path, buf_span(&text), ret_conf, msg);
}

void conf_free(struct conf **conf)
{
    struct conf *c = TAKE(*conf);

    if (c == NULL)
        return;
    for (size_t i = 0; i < c->place_count; i++)
        free(c->places[i].name);
    free(c->places);
    json_free(&c->root);
    free(c->name);
    free(c->folder);
    free(c);
}

const uint8_t *conf_digest(const struct conf *conf)
{
    return conf->digest;
}

struct conf_node conf_root(const struct conf *conf)
{
    return (struct conf_node){.conf = conf, .value = conf->root};
}

struct conf_node conf_get(struct conf_node map, const char *name)
{
    return (struct conf_node){
        .conf = map.conf, .value = json_get(map.value, name), .parent = map.value, .name = name};
}

struct conf_node conf_at(struct conf_node list, size_t index)
{
    return (struct conf_node){.conf = list.conf,
                              .value = json_at(list.value, index),
                              .parent = list.value,
                              .index = index};
}

bool conf_next(struct conf_node map, void **it, struct conf_node *ret_member)
{
    struct json *value;
    const char *name;

    if (!json_next(map.value, it, &name, &value))
        return false;
    *ret_member =
        (struct conf_node){.conf = map.conf, .value = value, .parent = map.value, .name = name};
    return true;
}

/* Where the node stood; NULL for an absent one. */
static const struct conf_place *place_of(struct conf_node node)
{
    for (size_t i = 0; i < node.conf->place_count; i++) {
        const struct conf_place *p = &node.conf->places[i];

        if (p->parent == node.parent && p->value == node.value &&
            (p->name == NULL || node.name == NULL ? p->name == node.name && p->index == node.index
                                                  : strcmp(p->name, node.name) == 0))
            return p;
    }
    return NULL;
}

/* Where a map or list stood, the root when it is neither. */
static const struct conf_place *place_of_container(const struct conf *conf,
                                                   const struct json *container)
{
    if (json_kind(container) == JSON_MAP || json_kind(container) == JSON_LIST)
        for (size_t i = 0; i < conf->place_count; i++)
            if (conf->places[i].value == container)
                return &conf->places[i];
    return &conf->places[conf->place_count - 1]; /* the root comes last */
}

static enum err fail_at(const struct conf *conf, struct conf_mark at, struct errmsg *msg,
                        const char *what)
{
    return errmsg_set(msg, ERR_CONFIG, "%s:%zu:%zu: %s", conf->name, at.line, at.column, what);
}

enum err conf_fail(struct conf_node node, struct errmsg *msg, const char *format, ...)
{
    const struct conf_place *place = place_of(node);
    struct errmsg what;
    va_list args;

    if (place == NULL)
        place = place_of_container(node.conf, node.parent);
    va_start(args, format);
    (void)vsnprintf(what.text, sizeof(what.text), format, args);
    va_end(args);
    return fail_at(node.conf, place->at, msg, what.text);
}

struct conf_shown conf__show(const char *key)
{
    struct conf_shown shown;
    size_t len = strlen(key), max = sizeof(shown.text) - sizeof("...");
    size_t n = len < max ? len : max;

    while (n < len && n > 0 && ((unsigned char)key[n] & 0xc0) == 0x80)
        n--; /* not in the middle of a character */
    for (size_t i = 0; i < n; i++)
        shown.text[i] = iscntrl((unsigned char)key[i]) ? '?' : key[i];
    (void)snprintf(shown.text + n, sizeof(shown.text) - n, "%s", n < len ? "..." : "");
    return shown;
}

/* The node as a message calls it. */
static void describe(struct conf_node node, char out[96])
{
    const struct conf_place *list;

    if (node.name != NULL) {
        (void)snprintf(out, 96, "\"%s\"", conf__show(node.name).text);
        return;
    }
    if (node.parent == NULL) {
        (void)snprintf(out, 96, "the configuration");
        return;
    }
    list = place_of_container(node.conf, node.parent);
    (void)snprintf(out, 96, "entry %zu of %s%s%s", node.index + 1, list->name ? "\"" : "",
                   list->name ? conf__show(list->name).text : "a list", list->name ? "\"" : "");
}

/* CONFIG: the node is not what it `must` be. */
static enum err fail_kind(struct conf_node node, const char *must, struct errmsg *msg)
{
    char name[96];

    describe(node, name);
    if (node.value == NULL)
        return conf_fail(node, msg, "%s is missing", name);
    if (json_kind(node.value) == JSON_NIL)
        return conf_fail(node, msg, "%s is empty", name);
    return conf_fail(node, msg, "%s must be %s", name, must);
}

static enum err fail_unknown(struct conf_node member, const char *const known[], struct errmsg *msg)
{
    const struct conf_place *place = place_of(member);
    const char *meant = conf_nearest(member.name, known);
    struct errmsg what;
    int n =
        snprintf(what.text, sizeof(what.text), "unknown key \"%s\"", conf__show(member.name).text);

    if (meant != NULL)
        (void)snprintf(what.text + n, sizeof(what.text) - (size_t)n, ", did you mean \"%s\"?",
                       meant);
    for (size_t i = 0; meant == NULL && known[i] != NULL && n < (int)sizeof(what.text) - 1; i++)
        n += snprintf(what.text + n, sizeof(what.text) - (size_t)n, "%s%s",
                      i == 0 ? ", known here: " : ", ", known[i]);
    REQUIRE(place != NULL);
    return fail_at(member.conf, place->key, msg, what.text);
}

enum err conf_only(struct conf_node map, const char *const known[], struct errmsg *msg)
{
    struct conf_node member;
    void *it = NULL;

    if (json_kind(map.value) != JSON_MAP)
        return fail_kind(map, "a map", msg);
    while (conf_next(map, &it, &member)) {
        size_t i = 0;

        while (known[i] != NULL && strcmp(known[i], member.name) != 0)
            i++;
        if (known[i] == NULL)
            return fail_unknown(member, known, msg);
    }
    return ERR_OK;
}

enum err conf_need(struct conf_node map, const char *name, struct conf_node *ret,
                   struct errmsg *msg)
{
    struct conf_node node = conf_get(map, name);

    if (json_kind(map.value) != JSON_MAP)
        return fail_kind(map, "a map", msg);
    if (node.value == NULL || json_kind(node.value) == JSON_NIL)
        return fail_kind(node, "set", msg);
    *ret = node;
    return ERR_OK;
}

enum err conf_str(struct conf_node node, const char **ret, struct errmsg *msg)
{
    const char *text = json_str_of(node.value);

    if (node.value == NULL)
        return ERR_OK;
    if (text == NULL) {
        bool scalar = json_kind(node.value) == JSON_INT || json_kind(node.value) == JSON_BOOL;

        return fail_kind(node, scalar ? "text, put it in quotes" : "text", msg);
    }
    *ret = text;
    return ERR_OK;
}

enum err conf_bool(struct conf_node node, bool *ret, struct errmsg *msg)
{
    if (node.value == NULL)
        return ERR_OK;
    if (json_kind(node.value) != JSON_BOOL)
        return fail_kind(node, "true or false", msg);
    *ret = json_bool_of(node.value, false);
    return ERR_OK;
}

enum err conf_int(struct conf_node node, int64_t min, int64_t max, int64_t *ret, struct errmsg *msg)
{
    int64_t n = json_int_of(node.value, 0);
    char range[64];

    if (node.value == NULL)
        return ERR_OK;
    if (json_kind(node.value) != JSON_INT)
        return fail_kind(node, "a whole number", msg);
    if (n < min || n > max) {
        if (max == INT64_MAX)
            (void)snprintf(range, sizeof(range), "at least %" PRId64, min);
        else
            (void)snprintf(range, sizeof(range), "between %" PRId64 " and %" PRId64, min, max);
        return fail_kind(node, range, msg);
    }
    *ret = n;
    return ERR_OK;
}

/* "250ms" and the like; false when it is no duration. */
static bool parse_duration(const char *text, int64_t *ret_ms)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    int64_t n = 0;
    size_t i = 0;

    for (; text[i] >= '0' && text[i] <= '9'; i++) {
        if (n > DURATION_MAX_MS)
            return false;
        n = n * 10 + (text[i] - '0');
    }
    for (size_t u = 0; i > 0 && u < COUNT_OF(units); u++) {
        if (strcmp(text + i, units[u].name) != 0)
            continue;
        if (n > DURATION_MAX_MS / units[u].ms)
            return false;
        *ret_ms = n * units[u].ms;
        return true;
    }
    return false;
}

enum err conf_duration_ms(struct conf_node node, int64_t *ret, struct errmsg *msg)
{
    const char *text = json_str_of(node.value);
    int64_t seconds = json_int_of(node.value, -1);

    if (node.value == NULL)
        return ERR_OK;
    if (seconds >= 0 && seconds <= DURATION_MAX_MS / 1000) {
        *ret = seconds * 1000;
        return ERR_OK;
    }
    if (text == NULL || !parse_duration(text, ret))
        return fail_kind(node, "a duration such as 250ms, 30s, 5m, 2h or 1d", msg);
    return ERR_OK;
}

char *conf_path(struct conf_node node, const char *path)
{
    char *whole = NULL;

    if (path[0] == '/')
        return mem_strdup(path);
    REQUIRE(asprintf(&whole, "%s/%s", node.conf->folder, path) >= 0);
    return whole;
}
