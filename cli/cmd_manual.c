/* SPDX-License-Identifier: Apache-2.0 */
/* lethe manual: what is written from the tables, as files.
 * Runs on: the main thread; blocks. Holds: nothing. Not here: what stands in them (manual.c,
 * completion.c). */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/manual.h"

/* A file that is being written; failed: the message has been printed. */
struct target {
    const char *dir;
    char path[PATH_MAX];
    FILE *file;
    bool failed;
};

static void fail(struct target *t)
{
    struct errmsg msg;

    (void)cli_fail(ERR_IO, cli_message(&msg, "%s: %s", t->path, strerror(errno)));
    t->failed = true;
}

static bool set_path(struct target *t, const char *folder, const char *name)
{
    int n = snprintf(t->path, sizeof(t->path), "%s%s%s%s%s", t->dir, folder[0] == '\0' ? "" : "/",
                     folder, name[0] == '\0' ? "" : "/", name);

    if (n > 0 && (size_t)n < sizeof(t->path))
        return true;
    errno = ENAMETOOLONG;
    fail(t);
    return false;
}

static void make_folder(struct target *t, const char *folder)
{
    if (!t->failed && set_path(t, folder, "") && mkdir(t->path, 0755) != 0 && errno != EEXIST)
        fail(t);
}

/* NULL after a failure. */
static FILE *begin(struct target *t, const char *folder, const char *name)
{
    if (t->failed || !set_path(t, folder, name))
        return NULL;
    t->file = fopen(t->path, "we");
    if (t->file == NULL)
        fail(t);
    return t->file;
}

static void end(struct target *t)
{
    FILE *file = TAKE(t->file);
    bool bad = ferror(file) != 0;

    if (fclose(file) != 0 || bad)
        fail(t);
}

static void write_group(struct target *t, struct span group)
{
    char name[NAME_MAX + 1];

    (void)snprintf(name, sizeof(name), "lethe-%.*s.1", (int)group.len, group.at);
    if (begin(t, "man1", name) == NULL)
        return;
    manual_group(t->file, group);
    end(t);
}

static void write_one(struct target *t, const char *folder, const char *name,
                      void (*write)(FILE *out))
{
    if (begin(t, folder, name) == NULL)
        return;
    write(t->file);
    end(t);
}

enum cli_exit cmd_manual(const struct options *o)
{
    static const char *const folders[] = {"", "man1", "man5", "completions"};
    struct target t = {.dir = o->arguments[0]};

    for (size_t i = 0; i < COUNT_OF(folders); i++)
        make_folder(&t, folders[i]);
    write_one(&t, "man1", "lethe.1", manual_overview);
    for (const struct command *c = commands; c < commands + command_count; c++)
        if (command_begins_group(c))
            write_group(&t, command_group(c));
    write_one(&t, "man5", "lethe.yaml.5", manual_settings);
    write_one(&t, "completions", "lethe", completion_bash);
    return t.failed ? CLI_FAILED : CLI_OK;
}
