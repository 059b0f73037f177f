/* SPDX-License-Identifier: Apache-2.0 */
/* A SoftHSM token of one test's own. */
#pragma once

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/wait.h>

#include "tests/support/scratch.h"

#define HSM_PIN "246813"

struct hsm_rig {
    struct scratch s;
};

/* Run a program; its exit code. Its output goes to DIR/out. */
static inline int hsm_run(struct hsm_rig *r, const char *const argv[])
{
    pid_t pid = fork();
    int status = -1;

    REQUIRE(pid >= 0);
    if (pid == 0) {
        int fd = open(scratch_path(&r->s, "out"), O_WRONLY | O_CREAT | O_TRUNC, 0600);

        (void)dup2(fd, 1);
        (void)dup2(fd, 2);
        (void)unsetenv("LD_PRELOAD");
        (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    REQUIRE(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static inline void hsm_make_token(struct hsm_rig *r, const char *label)
{
    const char *const argv[] = {"softhsm2-util", "--init-token", "--free", "--label", label,
                                "--so-pin",      "98765432",     "--pin",  HSM_PIN,   NULL};

    cr_assert_eq(hsm_run(r, argv), 0, "softhsm2-util");
}

static inline struct hsm_rig hsm_new(void)
{
    struct hsm_rig r = {.s = scratch_new()};
    char conf[256];

    (void)snprintf(conf, sizeof(conf),
                   "directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = "
                   "ERROR\n",
                   r.s.dir);
    cr_assert_eq(mkdir(scratch_path(&r.s, "tokens"), 0700), 0);
    scratch_write(scratch_path(&r.s, "softhsm2.conf"), 0, conf, strlen(conf));
    cr_assert_eq(setenv("SOFTHSM2_CONF", scratch_path(&r.s, "softhsm2.conf"), 1), 0);
    hsm_make_token(&r, "box");
    scratch_write(scratch_path(&r.s, "pin"), 0, HSM_PIN "\n", strlen(HSM_PIN) + 1);
    return r;
}

/* Also AUTO(hsm_done). */
static inline void hsm_done(struct hsm_rig *r)
{
    scratch_remove(&r->s);
}

/* What pkcs11-tool says about the token's keys. */
static inline size_t hsm_keys(struct hsm_rig *r, char *out, size_t size)
{
    const char *const argv[] = {"pkcs11-tool", "--module", "/usr/lib/softhsm/libsofthsm2.so",
                                "--token",     "box",      "--login",
                                "--pin",       HSM_PIN,    "--list-objects",
                                "--type",      "secrkey",  NULL};
    size_t len, count = 0;

    cr_assert_eq(hsm_run(r, argv), 0, "pkcs11-tool");
    len = scratch_read(scratch_path(&r->s, "out"), 0, out, size - 1);
    out[len] = '\0';
    for (const char *at = out; (at = strstr(at, "Secret Key Object")) != NULL; at++)
        count++;
    return count;
}
