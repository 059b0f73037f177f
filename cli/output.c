/* SPDX-License-Identifier: Apache-2.0 */
/* Standard output, and files that a command was told to write.
 * Runs on: the main thread; blocks. Holds: where output goes. */
#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum { JSON_TEXT_MAX = 64 << 20 };

static struct {
    int fd;
    const char *name;
} out = {STDOUT_FILENO, "standard output"};

void output_use(int fd, const char *name)
{
    out.fd = fd;
    out.name = name;
}

static enum err write_all(int fd, struct span bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.at, bytes.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ERR_IO;
        bytes = span_of(bytes.at + n, bytes.len - (size_t)n);
    }
    return ERR_OK;
}

enum err output_write(struct span bytes)
{
    const enum err e = write_all(out.fd, bytes);

    if (e != ERR_OK)
        (void)fprintf(stderr, "lethe: %s cannot be written: %s\n", out.name, strerror(errno));
    return e;
}

enum err output_print(const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return output_write(span_str(text));
}

static enum err cannot_write(const char *path, struct errmsg *msg)
{
    return errmsg_set(msg, ERR_IO, "%s cannot be written: %s", path, strerror(errno));
}

static enum err is_there(const char *path, struct errmsg *msg)
{
    return errmsg_set(msg, ERR_CONFLICT, "%s: is there already, and was not touched", path);
}

/* A file beside `path`, whole and on the medium; its name is the caller's to free. NULL: IO, with a message. */
static char *write_part(const char *path, struct span bytes, struct errmsg *msg)
{
    const size_t size = strlen(path) + sizeof(".XXXXXX");
    AUTO(mem_free) char *part = mem_alloc(size);
    bool whole;
    int fd;

    (void)snprintf(part, size, "%s.XXXXXX", path);
    fd = mkstemp(part);
    whole = fd >= 0 && write_all(fd, bytes) == ERR_OK && fsync(fd) == 0;
    if (!whole)
        (void)cannot_write(path, msg);
    if (!whole && fd >= 0)
        (void)unlink(part);
    if (fd >= 0)
        (void)close(fd);
    return whole ? TAKE(part) : NULL;
}

enum err output_file(const char *path, struct span bytes, struct errmsg *msg)
{
    AUTO(mem_free) char *part = write_part(path, bytes, msg);
    enum err e;

    if (part == NULL)
        return ERR_IO;
    if (rename(part, path) == 0)
        return ERR_OK;
    e = cannot_write(path, msg);
    (void)unlink(part);
    return e;
}

enum err output_json_line(const struct json *tree)
{
    AUTO(buf_done) struct buf text = {.max = 0};
    enum err e;

    buf_init_secret(&text, JSON_TEXT_MAX);
    e = json_write(tree, &text);
    if (e == ERR_OK)
        e = buf_append_byte(&text, '\n');
    return e == ERR_OK ? output_write(buf_span(&text)) : e;
}

enum err output_new_file(const char *path, struct span bytes, struct errmsg *msg)
{
    AUTO(mem_free) char *part = write_part(path, bytes, msg);
    enum err e = ERR_OK;

    if (part == NULL)
        return ERR_IO;
    if (link(part, path) != 0) /* unlike rename(), it replaces nothing */
        e = errno == EEXIST ? is_there(path, msg) : cannot_write(path, msg);
    (void)unlink(part);
    return e;
}

enum err output_begin(const char *path, int *ret_fd, struct errmsg *msg)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0 && errno == EEXIST)
        return is_there(path, msg);
    if (fd < 0)
        return errmsg_set(msg, ERR_IO, "%s cannot be made: %s", path, strerror(errno));
    *ret_fd = fd;
    return ERR_OK;
}

/* The folder may let root alone remove it, who is the configuration's `user` by now. */
static void discard(const char *path, int fd)
{
    if (unlink(path) == 0 || errno == ENOENT)
        return;
    (void)fprintf(stderr, "lethe: %s is not whole, and cannot be removed: %s\n", path,
                  strerror(errno));
    if (ftruncate(fd, 0) != 0)
        (void)fprintf(stderr, "lethe: %s cannot be emptied: %s\n", path, strerror(errno));
}

enum err output_end(const char *path, int *fdp, enum err e, struct errmsg *msg)
{
    const int fd = *fdp;

    *fdp = -1;
    if (e == ERR_OK && fsync(fd) != 0)
        e = cannot_write(path, msg);
    if (e != ERR_OK)
        discard(path, fd);
    (void)close(fd);
    return e;
}

enum err output_json(const struct json *tree)
{
    AUTO(buf_done) struct buf text = {.max = 0};
    enum err e;

    buf_init_secret(&text, JSON_TEXT_MAX);
    e = json_write_pretty(tree, &text);
    return e == ERR_OK ? output_write(buf_span(&text)) : e;
}
