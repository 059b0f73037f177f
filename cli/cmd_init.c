/* SPDX-License-Identifier: Apache-2.0 */
/* lethe init: a store, its root key, an example configuration, the key of its example caller, and an access token
 * with a second factor.
 * Runs on: the main thread. Holds: nothing. Invariant: nothing that exists is overwritten, a
 * failure before the store is whole leaves nothing behind, and the second factor's secret goes to a terminal or to a
 * file that is the operator's alone. Not here: what tokens are (admin/access.c). */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/span.h"
#include "cli/cli.h"
#include "cli/example.h"
#include "cli/output.h"
#include "cli/qr.h"
#include "cli/session.h"
#include "cli/settings.h"
#include "retention/proof.h"
#include "vault/vault.h"

enum { CALLER_KEY_BYTES = 32, PEM_MAX = 1024, LINE_BYTES_MAX = 1024, PICTURE_MAX = 64 << 10 };

/* Long enough to come to know it, and to make tokens for people. */
#define TOKEN_PERIOD "P90D"

/* What is made, in this order; undone backwards. The root key and the store are made as the
 * configuration says, and undone by those who make them. */
enum piece {
    PIECE_DIR,
    PIECE_CALLER_KEY,
    PIECE_CONFIG,
    PIECE_ROOT_KEY,
    PIECE_STORE,
    PIECE_RECEIPT_KEY,
    PIECE_TOKEN,
    PIECE_FACTOR, /* where there is no terminal to show it on */
    PIECE_COUNT
};

struct setup {
    const char *dir;
    char *paths[PIECE_COUNT];
    bool made[PIECE_COUNT];
    bool whole; /* the store is there */
};

static void setup_init(struct setup *s, const char *dir)
{
    static const char *const names[PIECE_COUNT] = {
        [PIECE_ROOT_KEY] = "root.key",       [PIECE_STORE] = "store",
        [PIECE_CALLER_KEY] = "support.key",  [PIECE_CONFIG] = "lethe.yaml",
        [PIECE_RECEIPT_KEY] = "receipt.pub", [PIECE_TOKEN] = "admin.token",
        [PIECE_FACTOR] = "admin.otpauth",
    };

    *s = (struct setup){.dir = dir};
    s->paths[PIECE_DIR] = mem_strdup(dir);
    for (int i = PIECE_DIR + 1; i < PIECE_COUNT; i++)
        REQUIRE(asprintf(&s->paths[i], "%s/%s", dir, names[i]) > 0);
}

static void setup_done(struct setup *s)
{
    for (int i = 0; i < PIECE_COUNT; i++)
        free(s->paths[i]);
}

/* Only what this run made, and a directory only when it is empty: vault_create() cleans up its own.
 */
static void undo(const struct setup *s)
{
    for (int i = PIECE_COUNT - 1; i >= 0; i--) {
        if (s->made[i])
            (void)remove(s->paths[i]);
    }
}

static enum err refuse_existing(const struct setup *s, struct errmsg *msg)
{
    struct stat st;

    for (int i = PIECE_DIR + 1; i < PIECE_COUNT; i++) {
        if (lstat(s->paths[i], &st) == 0)
            return errmsg_set(msg, ERR_CONFLICT, "%s exists already; nothing was changed",
                              s->paths[i]);
    }
    return ERR_OK;
}

static enum err make_dir(struct setup *s, struct errmsg *msg)
{
    if (mkdir(s->dir, 0700) == 0) {
        s->made[PIECE_DIR] = true;
        return ERR_OK;
    }
    return errno == EEXIST
               ? ERR_OK
               : errmsg_set(msg, ERR_IO, "%s cannot be made: %s", s->dir, strerror(errno));
}

static enum err write_fd(int fd, struct span text)
{
    while (text.len > 0) {
        ssize_t n = write(fd, text.at, text.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ERR_IO;
        text = span_of(text.at + n, text.len - (size_t)n);
    }
    return fsync(fd) == 0 ? ERR_OK : ERR_IO;
}

static enum err make_file(struct setup *s, enum piece piece, mode_t mode, struct span text,
                          struct errmsg *msg)
{
    const char *path = s->paths[piece];
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    enum err e;

    if (fd < 0)
        return errmsg_set(msg, ERR_IO, "%s cannot be made: %s", path, strerror(errno));
    s->made[piece] = true;
    e = write_fd(fd, text);
    if (e != ERR_OK)
        (void)errmsg_set(msg, e, "%s cannot be written: %s", path, strerror(errno));
    (void)close(fd);
    return e;
}

/* What receipts are checked with, as PEM into `pem`. */
static enum err read_public(const char *dir, const struct root_key *root, struct buf *pem,
                            struct errmsg *msg)
{
    const struct root_keys borrowed = {.at = {*root}, .count = 1};
    uint8_t key[VAULT_PUBLIC_BYTES];
    enum err e = vault_read_public(dir, &borrowed, key, msg);

    return e == ERR_OK ? proof_pem_write(key, pem) : e;
}

/* The root key and the store that a configuration names. */
static enum err make_store(const char *config, int passphrase_fd, struct buf *pem,
                           struct errmsg *msg)
{
    AUTO(settings_done) struct settings settings = {.conf = NULL};
    AUTO(root_key_done) struct root_key root = {.bytes = NULL};
    struct errmsg ignored;
    enum err e = settings_load(config, SETTINGS_STORE, &settings, msg);

    if (e != ERR_OK)
        return e;
    keys_use_fd(settings.keys, passphrase_fd);
    e = keys_create(settings.keys, &root, msg);
    if (e != ERR_OK)
        return e;
    e = vault_create(settings.store_dir, &root, msg);
    if (e != ERR_OK)
        (void)!keys_drop(settings.keys, root.epoch, &ignored);
    if (e == ERR_OK)
        e = read_public(settings.store_dir, &root, pem, msg);
    return e == ERR_OK ? privilege_give(&settings.user, settings.store_dir, msg) : e;
}

/* The example caller's key: 256 random bits in hexadecimal. */
static enum err make_caller_key(struct setup *s, struct errmsg *msg)
{
    AUTO(secret_free) uint8_t *key = secret_alloc(CALLER_KEY_BYTES);
    AUTO(secret_free) uint8_t *line = secret_alloc(2 * CALLER_KEY_BYTES + 1);

    secret_random(key, CALLER_KEY_BYTES);
    for (size_t i = 0; i < 2 * CALLER_KEY_BYTES; i++)
        line[i] = (uint8_t) "0123456789abcdef"[(key[i / 2] >> (i % 2 == 0 ? 4 : 0)) & 15];
    line[2 * CALLER_KEY_BYTES] = '\n';
    return make_file(s, PIECE_CALLER_KEY, 0400, span_of(line, 2 * CALLER_KEY_BYTES + 1), msg);
}

static enum err make_all(struct setup *s, struct errmsg *msg)
{
    AUTO(buf_done) struct buf pem = {.max = 0};
    enum err e = refuse_existing(s, msg);

    buf_init(&pem, PEM_MAX);
    if (e == ERR_OK)
        e = make_dir(s, msg);
    if (e == ERR_OK)
        e = make_caller_key(s, msg);
    if (e == ERR_OK)
        e = make_file(s, PIECE_CONFIG, 0644, span_str(EXAMPLE_CONFIGURATION), msg);
    if (e == ERR_OK)
        e = make_store(s->paths[PIECE_CONFIG], -1, &pem, msg);
    if (e != ERR_OK)
        return e;
    s->whole = true; /* the store stays, even if this file cannot be written: it can be had again */
    e = make_file(s, PIECE_RECEIPT_KEY, 0644, buf_span(&pem), msg);
    return e == ERR_OK
               ? e
               : errmsg_set(msg, e,
                            "%s cannot be written; everything else was made, and `lethe key "
                            "public` prints what belongs there",
                            s->paths[PIECE_RECEIPT_KEY]);
}

/* ---- who may use the admin listener ---- */

static enum err ask(struct session *session, struct json *request, struct reply *reply,
                    struct errmsg *msg)
{
    AUTO(json_free) struct json *own = request;

    reply_done(reply);
    return session_call(session, own, reply, msg);
}

static struct json *grant(void)
{
    struct json *request = json_new_map();

    json_set_str(request, "op", "access.create");
    json_set_str(request, "name", "admin");
    json_set_str(request, "role", "operator");
    json_set_str(request, "expires", TOKEN_PERIOD);
    return request;
}

/* One line into a file of its own. */
static enum err keep_line(struct setup *s, enum piece piece, const struct json *text,
                          struct errmsg *msg)
{
    AUTO(buf_done) struct buf line = {.max = 0};
    enum err e;

    buf_init_secret(&line, LINE_BYTES_MAX);
    e = buf_append_span(&line, json_text_of(text));
    if (e == ERR_OK)
        e = buf_append_byte(&line, '\n');
    return e == ERR_OK ? make_file(s, piece, 0400, buf_span(&line), msg) : e;
}

/* A token that runs out, and the second factor of whoever holds it; `uri` is filled for a terminal. */
static enum err make_access(struct setup *s, struct buf *uri, struct errmsg *msg)
{
    AUTO(session_close) struct session *session = NULL;
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    struct json *enrol = json_new_map();
    enum err e = session_open_new(s->paths[PIECE_CONFIG], &session, msg);

    json_set_str(enrol, "op", "access.enrol");
    if (e == ERR_OK)
        e = ask(session, grant(), &reply, msg);
    if (e == ERR_OK)
        e = keep_line(s, PIECE_TOKEN, json_get(reply.result, "token"), msg);
    json_set_int(enrol, "number", json_int_of(json_get(reply.result, "number"), 0));
    if (e != ERR_OK) {
        json_free(&enrol);
        return e;
    }
    e = ask(session, enrol, &reply, msg);
    if (e != ERR_OK)
        return e;
    return isatty(STDOUT_FILENO) == 1
               ? buf_append_span(uri, json_text_of(json_get(reply.result, "uri")))
               : keep_line(s, PIECE_FACTOR, json_get(reply.result, "uri"), msg);
}

/* ---- the command ---- */

/* What an authenticator takes, as a picture and as a text. */
static enum err show_factor(const struct buf *uri)
{
    AUTO(buf_done) struct buf text = {.max = 0};
    enum err e;

    buf_init_secret(&text, PICTURE_MAX);
    e = buf_append_str(&text, "\nThe second factor of admin.token, shown this once; let an "
                              "authenticator scan it:\n");
    if (e == ERR_OK)
        e = qr_write((const char *)uri->bytes, &text);
    if (e == ERR_OK)
        e = buf_append(&text, uri->bytes, uri->len - 1);
    if (e == ERR_OK)
        e = buf_append_str(&text, "\n\n");
    return e == ERR_OK ? output_write(buf_span(&text)) : e;
}

static enum err print_made(const struct setup *s, struct buf *uri)
{
    char text[1024];
    enum err e = ERR_OK;

    if (uri->len > 0)
        e = buf_append_byte(uri, '\0');
    if (e == ERR_OK && uri->len > 0)
        e = show_factor(uri);
    if (e != ERR_OK)
        return e;
    (void)snprintf(
        text, sizeof(text),
        "made %.200s: lethe.yaml, root.key, support.key, receipt.pub, admin.token%s, store/\n"
        "next: lethe serve -c %.200s/lethe.yaml\n%s",
        s->dir, uri->len > 0 ? "" : ", admin.otpauth", s->dir,
        uri->len > 0 ? ""
                     : "then: give admin.otpauth to an authenticator, and delete it (shred -u)\n");
    return output_write(span_str(text));
}

static enum cli_exit init_dir(const char *dir)
{
    AUTO(setup_done) struct setup s = {.dir = NULL};
    AUTO(buf_done) struct buf uri = {.max = 0};
    struct errmsg msg = {""}, whole;
    enum err e;

    setup_init(&s, dir);
    buf_init_secret(&uri, LINE_BYTES_MAX);
    e = make_all(&s, &msg);
    if (e != ERR_OK) {
        if (!s.whole)
            undo(&s);
        return cli_fail(e, &msg);
    }
    e = make_access(&s, &uri, &msg);
    if (e != ERR_OK)
        return cli_fail(e, cli_message(&whole,
                                       "%.300s; everything else was made, and `lethe access "
                                       "create` and `enrol` make a token",
                                       msg.text));
    return print_made(&s, &uri) == ERR_OK ? CLI_OK : CLI_FAILED;
}

enum cli_exit cmd_init(const struct options *o)
{
    AUTO(buf_done) struct buf pem = {.max = 0};
    struct errmsg msg = {""};
    enum err e;

    if (o->config_given == (o->argument_count == 1))
        return cli_usage("lethe init takes either DIR or -c FILE");
    if (!o->config_given)
        return init_dir(o->arguments[0]);
    buf_init(&pem, PEM_MAX);
    e = make_store(o->config, o->passphrase_fd, &pem, &msg);
    if (e != ERR_OK)
        return cli_fail(e, &msg);
    return output_write(SPAN_LIT("made the root key and the store\n")) == ERR_OK ? CLI_OK
                                                                                 : CLI_FAILED;
}
