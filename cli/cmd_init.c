/* SPDX-License-Identifier: Apache-2.0 */
/* lethe init: a store, its root key, an example configuration and the key of its example caller.
 * Runs on: the main thread. Holds: nothing. Invariant: nothing that exists is overwritten, and a
 * failure leaves nothing behind. Not here: access tokens of an admin listener. */
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
#include "vault/rootkey.h"
#include "vault/vault.h"

enum { CALLER_KEY_BYTES = 32 };

/* What is made, in this order; undone backwards. */
enum piece { PIECE_DIR, PIECE_ROOT_KEY, PIECE_STORE, PIECE_CALLER_KEY, PIECE_CONFIG, PIECE_COUNT };

struct setup {
    const char *dir;
    char *paths[PIECE_COUNT];
    bool made[PIECE_COUNT];
};

static void setup_init(struct setup *s, const char *dir)
{
    static const char *const names[PIECE_COUNT] = {
        [PIECE_ROOT_KEY] = "root.key",
        [PIECE_STORE] = "store",
        [PIECE_CALLER_KEY] = "support.key",
        [PIECE_CONFIG] = "lethe.yaml",
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
    if (close(fd) != 0 && e == ERR_OK)
        e = ERR_IO;
    return e == ERR_OK ? e : errmsg_set(msg, e, "%s cannot be written", path);
}

static enum err make_store(struct setup *s, struct errmsg *msg)
{
    AUTO(root_keys_done) struct root_keys roots = {.count = 0};
    AUTO(mem_free) char *provider = NULL;
    enum err e;

    e = root_key_create(s->paths[PIECE_ROOT_KEY], msg);
    if (e != ERR_OK)
        return e;
    s->made[PIECE_ROOT_KEY] = true;
    REQUIRE(asprintf(&provider, "file:%s", s->paths[PIECE_ROOT_KEY]) > 0);
    e = root_key_load(provider, &roots, msg);
    return e == ERR_OK ? vault_create(s->paths[PIECE_STORE], root_keys_newest(&roots), msg) : e;
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
    enum err e = refuse_existing(s, msg);

    if (e == ERR_OK)
        e = make_dir(s, msg);
    if (e == ERR_OK)
        e = make_store(s, msg);
    if (e == ERR_OK)
        e = make_caller_key(s, msg);
    if (e == ERR_OK)
        e = make_file(s, PIECE_CONFIG, 0644, span_str(EXAMPLE_CONFIGURATION), msg);
    return e;
}

enum cli_exit cmd_init(const struct options *o)
{
    AUTO(setup_done) struct setup s = {.dir = NULL};
    struct errmsg msg = {""};
    char text[512];
    enum err e;

    setup_init(&s, o->arguments[0]);
    e = make_all(&s, &msg);
    if (e != ERR_OK) {
        undo(&s);
        return cli_fail(e, &msg);
    }
    (void)snprintf(text, sizeof(text),
                   "made %.200s: lethe.yaml, root.key, support.key, store/\n"
                   "next: lethe serve -c %.200s/lethe.yaml\n",
                   s.dir, s.dir);
    return output_write(span_str(text)) == ERR_OK ? CLI_OK : CLI_FAILED;
}
