/* SPDX-License-Identifier: Apache-2.0 */
/* The stub of a key server (tests/support/transit_stub.py) as a child of one test. */
#pragma once

#include <criterion/criterion.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "base/secret.h"
#include "keys/http_priv.h"
#include "tests/support/scratch.h"

#define RIG_ROLE     "role-5f0c\n"
#define RIG_SECRET   "secret-93aa\n"
#define RIG_OPERATOR "s.operator-token-1"

struct transit_rig {
    struct scratch s;
    pid_t pid;
    bool borrowed;
    char port[16];
    char address[64];
    char ca[96];
};

static inline void rig_pause(void)
{
    const struct timespec ten_ms = {0, 10000000};

    (void)nanosleep(&ten_ms, NULL);
}

/* names: of the certificate; NULL: localhost. */
static inline void rig_spawn(struct transit_rig *r, const char *names)
{
    const char *port_file = scratch_path(&r->s, "port");
    const char *port = r->port[0] == '\0' ? "0" : r->port;

    (void)unlink(port_file);
    r->pid = fork();
    REQUIRE(r->pid >= 0);
    if (r->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)unsetenv("LD_PRELOAD");
        /* by its whole name: python looks for its library where PATH finds that name */
        (void)execl("/usr/bin/python3", "/usr/bin/python3", "tests/support/transit_stub.py",
                    r->s.dir, "--port", port, "--names",
                    names == NULL ? "DNS:localhost,IP:127.0.0.1" : names, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; access(port_file, R_OK) != 0; i++) {
        cr_assert_lt(i, 2000, "the stub does not start");
        cr_assert_eq(waitpid(r->pid, NULL, WNOHANG), 0, "the stub ended");
        rig_pause();
    }
    memset(r->port, 0, sizeof(r->port));
    r->port[scratch_read(port_file, 0, r->port, sizeof(r->port) - 1) - 1] = '\0';
    (void)snprintf(r->address, sizeof(r->address), "https://localhost:%s", r->port);
}

static inline void rig_kill(struct transit_rig *r)
{
    if (r->pid > 0) {
        (void)kill(r->pid, SIGKILL);
        (void)waitpid(r->pid, NULL, 0);
    }
    r->pid = 0;
}

static inline struct transit_rig rig_new(const char *names)
{
    struct transit_rig r = {.s = scratch_new()};

    rig_spawn(&r, names);
    (void)snprintf(r.ca, sizeof(r.ca), "%s", scratch_path(&r.s, "ca.pem"));
    scratch_write(scratch_path(&r.s, "token"), 0, RIG_OPERATOR "\n", strlen(RIG_OPERATOR) + 1);
    scratch_write(scratch_path(&r.s, "role"), 0, RIG_ROLE, strlen(RIG_ROLE));
    scratch_write(scratch_path(&r.s, "secret"), 0, RIG_SECRET, strlen(RIG_SECRET));
    return r;
}

/* Also AUTO(rig_done). A borrowed copy only looks on. */
static inline void rig_done(struct transit_rig *r)
{
    if (r->borrowed)
        return;
    rig_kill(r);
    scratch_remove(&r->s);
}

/* What the stub is to do from now on; "" for nothing special. */
static inline void rig_order(struct transit_rig *r, const char *orders)
{
    const char *path = scratch_path(&r->s, "orders");

    (void)unlink(path);
    scratch_write(path, 0, orders, strlen(orders));
}

/* How many requests so far had `text` in their line "METHOD PATH STATUS". */
static inline size_t rig_requests(struct transit_rig *r, const char *text)
{
    FILE *log = fopen(scratch_path(&r->s, "log"), "re");
    char line[512];
    size_t count = 0;

    while (log != NULL && fgets(line, sizeof(line), log) != NULL)
        count += strstr(line, text) != NULL;
    if (log != NULL)
        (void)fclose(log);
    return count;
}

static inline struct keys_http rig_http(const struct transit_rig *r)
{
    return (struct keys_http){
        .address = r->address, .ca = r->ca, .connect_ms = 5000, .total_ms = 15000};
}
