/* SPDX-License-Identifier: Apache-2.0 */
/* The filter of system calls, on libseccomp.
 * Runs on: the control thread, once all others run. Holds: nothing; the kernel has the filter. Invariant: a call that
 * sandbox.def does not name is never carried out. Not here: the list (sandbox.def), the user (privilege.c).
 *
 * Two refusals. What only an intruder would call, such as execve or ptrace, ends the process before the call: there is
 * nothing to save then. What is merely unknown fails with ENOSYS: a library that learnt a new call falls back to the
 * old one, so that an update of the C library costs nobody the service. (EPERM would not be taken as a reason to fall
 * back.) */
#include "cli/sandbox.h"

#include <errno.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/fault.h"

/* LeakSanitizer stops the threads of its own process at the end, as a debugger does. */
#ifdef LETHE_SANITIZED
#define SANITIZER_CALLS SCMP_ACT_ALLOW
#else
#define SANITIZER_CALLS SCMP_ACT_KILL_PROCESS
#endif

enum { SOCKET_TYPE_BITS = 0xf, BINARY_TREE = 2 };

struct filter {
    scmp_filter_ctx ctx;
    bool only_logs;
    int failed; /* the first error, negative */
};

/* ---- rules ---- */

static void add(struct filter *f, uint32_t action, int call, unsigned count,
                const struct scmp_arg_cmp *arguments)
{
    int failed;

    if (f->only_logs && action != SCMP_ACT_ALLOW)
        return; /* as everything that is not named */
    failed = seccomp_rule_add_array(f->ctx, action, call, count, arguments);
    if (failed != 0 && failed != -EDOM && f->failed == 0) /* EDOM: not a call of this machine */
        f->failed = failed;
}

static void add_listed(struct filter *f)
{
    static const struct {
        int call;
        bool is_allowed;
    } calls[] = {
#define ALLOW(name) {SCMP_SYS(name), true},
#define KILL(name)  {SCMP_SYS(name), false},
#include "cli/sandbox.def"
#undef ALLOW
#undef KILL
    };

    add(f, SANITIZER_CALLS, SCMP_SYS(ptrace), 0, NULL);
    add(f, SANITIZER_CALLS, SCMP_SYS(wait4), 0, NULL);
    add(f, SANITIZER_CALLS, SCMP_SYS(getdents), 0, NULL);
    for (size_t i = 0; i < COUNT_OF(calls); i++)
        add(f, calls[i].is_allowed ? SCMP_ACT_ALLOW : SCMP_ACT_KILL_PROCESS, calls[i].call, 0,
            NULL);
}

static void on_bits(struct filter *f, uint32_t action, int call, unsigned argument, uint64_t mask,
                    uint64_t bits)
{
    const struct scmp_arg_cmp is = SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, mask, bits);

    add(f, action, call, 1, &is);
}

static void on_value(struct filter *f, uint32_t action, int call, unsigned argument, uint64_t value)
{
    on_bits(f, action, call, argument, UINT32_MAX, value); /* the C library passes an int */
}

/* Threads, but no processes. clone3 has its flags in memory, out of a filter's sight: ENOSYS lets the C library go back
 * to clone. */
static void add_clone(struct filter *f)
{
    on_bits(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD);
    on_bits(f, SANITIZER_CALLS, SCMP_SYS(clone), 0, CLONE_THREAD, 0);
    if (f->only_logs)
        add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone3), 0, NULL); /* every thread would be logged */
}

/* No memory that can be written and then run. Code of libraries that are loaded late, such as those that look names up, is
 * mapped from their files. */
static void add_memory(struct filter *f)
{
    on_bits(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, PROT_EXEC, 0);
    on_bits(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, PROT_WRITE, 0);
    on_bits(f, SCMP_ACT_KILL_PROCESS, SCMP_SYS(mmap), 2, PROT_WRITE | PROT_EXEC,
            PROT_WRITE | PROT_EXEC);
    on_bits(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 2, PROT_EXEC, 0);
    on_bits(f, SCMP_ACT_KILL_PROCESS, SCMP_SYS(mprotect), 2, PROT_EXEC, PROT_EXEC);
}

static void add_internet(struct filter *f, uint64_t family)
{
    static const uint64_t types[] = {SOCK_STREAM, SOCK_DGRAM};

    for (size_t i = 0; i < COUNT_OF(types); i++) {
        const struct scmp_arg_cmp is[] = {
            SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, UINT32_MAX, family),
            SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, SOCKET_TYPE_BITS, types[i])};

        add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), COUNT_OF(is), is);
    }
}

/* What looks names up asks the kernel for addresses and routes by netlink. Families are few: each that is not wanted is
 * named. */
static void add_sockets(struct filter *f)
{
    const struct scmp_arg_cmp routes[] = {
        SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, UINT32_MAX, AF_NETLINK),
        SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, UINT32_MAX, NETLINK_ROUTE)};

    add_internet(f, AF_INET);
    add_internet(f, AF_INET6);
    on_value(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 0, AF_UNIX);
    add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), COUNT_OF(routes), routes);
    for (uint64_t family = 0; family < AF_MAX; family++)
        if (family != AF_INET && family != AF_INET6 && family != AF_UNIX && family != AF_NETLINK)
            on_value(f, SCMP_ACT_KILL_PROCESS, SCMP_SYS(socket), 0, family);
}

/* A terminal would take what TIOCSTI puts into it for what its user types. */
static void add_ioctl(struct filter *f)
{
    static const uint64_t allowed[] = {FIONBIO, FIOCLEX, FIONCLEX, FIONREAD, TCGETS, TIOCGWINSZ};

    for (size_t i = 0; i < COUNT_OF(allowed); i++)
        on_value(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, allowed[i]);
    on_value(f, SCMP_ACT_KILL_PROCESS, SCMP_SYS(ioctl), 1, TIOCSTI);
}

/* Not PR_SET_DUMPABLE: nobody opens the process again. */
static void add_prctl(struct filter *f)
{
    static const uint64_t allowed[] = {PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, PR_SET_VMA,
                                       PR_CAPBSET_READ};

    for (size_t i = 0; i < COUNT_OF(allowed); i++)
        on_value(f, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 0, allowed[i]);
    on_value(f, SANITIZER_CALLS, SCMP_SYS(prctl), 0, PR_SET_DUMPABLE);
}

/* ---- the whole ---- */

static int load(struct filter *f)
{
    add_listed(f);
    add_clone(f);
    add_memory(f);
    add_sockets(f);
    add_ioctl(f);
    add_prctl(f);
    if (f->failed == 0)
        f->failed = seccomp_attr_set(f->ctx, SCMP_FLTATR_CTL_TSYNC, 1);
    if (f->failed == 0)
        f->failed = seccomp_attr_set(f->ctx, SCMP_FLTATR_CTL_OPTIMIZE, BINARY_TREE);
    if (f->failed == 0)
        f->failed = seccomp_attr_set(f->ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (f->failed == 0)
        f->failed = seccomp_load(f->ctx);
    return f->failed;
}

/* For tests: what somebody tries who got in. */
static void intrude(void)
{
    if (FAULT_FAILS("intruder.exec"))
        (void)syscall(SYS_execve, "/bin/true", NULL, NULL);
    if (FAULT_FAILS("intruder.ptrace"))
        (void)process_vm_readv(getppid(), NULL, 0, NULL, 0, 0);
    if (FAULT_FAILS("intruder.packet"))
        (void)syscall(SYS_socket, AF_PACKET, SOCK_RAW, 0);
    if (FAULT_FAILS("intruder.code"))
        (void)syscall(SYS_mmap, NULL, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                      0);
    if (FAULT_FAILS("intruder.unknown"))
        REQUIRE(syscall(SYS_vhangup) == -1 && errno == ENOSYS);
}

enum err sandbox_enter(enum sandbox_mode mode, struct errmsg *msg)
{
    struct filter f = {.only_logs = mode == SANDBOX_LOG};
    int failed;

    if (mode == SANDBOX_OFF)
        return ERR_OK;
    f.ctx = seccomp_init(f.only_logs ? SCMP_ACT_LOG : SCMP_ACT_ERRNO(ENOSYS));
    REQUIRE(f.ctx != NULL);
    failed = load(&f);
    seccomp_release(f.ctx);
    if (failed != 0)
        return errmsg_set(msg, ERR_IO,
                          "the kernel takes no filter of system calls (%s); `seccomp: off` goes "
                          "without one",
                          strerror(-failed));
    intrude();
    return ERR_OK;
}

enum err sandbox_read(struct conf_node node, enum sandbox_mode *ret_mode, struct errmsg *msg)
{
    static const char *const words[] = {
        [SANDBOX_ON] = "on", [SANDBOX_LOG] = "log", [SANDBOX_OFF] = "off"};
    const char *text = words[SANDBOX_ON];
    enum err e = conf_str(node, &text, msg);

    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strcmp(text, words[i]) == 0) {
            *ret_mode = (enum sandbox_mode)i;
            return ERR_OK;
        }
    return conf_fail(node, msg, "\"seccomp\" is on, log or off");
}
