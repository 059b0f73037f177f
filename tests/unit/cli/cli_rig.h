/* SPDX-License-Identifier: Apache-2.0 */
/* A command run in the test's own process: its standard input from a text, its output into files.
 */
#pragma once

#include <stdio.h>

#include "cli/cli.h"
#include "tests/support/scratch.h"

struct ran {
    enum cli_exit code;
    char out[1 << 16];
    char err[1 << 12];
};

static inline int cli_rig_swap(int fd, const char *path, int flags)
{
    int saved = dup(fd), opened = open(path, flags, 0600);

    REQUIRE(saved >= 0 && opened >= 0 && dup2(opened, fd) == fd);
    (void)close(opened);
    return saved;
}

static inline void cli_rig_restore(int fd, int saved)
{
    REQUIRE(dup2(saved, fd) == fd);
    (void)close(saved);
}

/* Run a command with these options; ret->out and ret->err are C strings. */
static inline void cli_rig_run(struct scratch *s, enum cli_exit (*run)(const struct options *),
                               const struct options *options, const char *in, struct ran *ret)
{
    int saved[3];

    scratch_write(scratch_path(s, "stdin"), 0, in, strlen(in));
    scratch_cut(scratch_path(s, "stdin"), strlen(in));
    (void)fflush(stderr);
    saved[0] = cli_rig_swap(0, scratch_path(s, "stdin"), O_RDONLY);
    saved[1] = cli_rig_swap(1, scratch_path(s, "stdout"), O_WRONLY | O_CREAT | O_TRUNC);
    saved[2] = cli_rig_swap(2, scratch_path(s, "stderr"), O_WRONLY | O_CREAT | O_TRUNC);
    ret->code = run(options);
    (void)fflush(stderr);
    for (int fd = 0; fd < 3; fd++)
        cli_rig_restore(fd, saved[fd]);
    ret->out[scratch_read(scratch_path(s, "stdout"), 0, ret->out, sizeof(ret->out) - 1)] = '\0';
    ret->err[scratch_read(scratch_path(s, "stderr"), 0, ret->err, sizeof(ret->err) - 1)] = '\0';
}
