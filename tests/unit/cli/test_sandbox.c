/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sandbox.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/secret.h"

TestSuite(sandbox, .init = secret_start, .timeout = 60);

static bool enter(enum sandbox_mode mode)
{
    struct errmsg msg;

    return sandbox_enter(mode, &msg) == ERR_OK;
}

enum { NOT_ENTERED = 99 };

/* Run `body` under the filter in a process of its own; how that ended, as waitpid(2) says it. */
static int ended(enum sandbox_mode mode, bool (*body)(void))
{
    int status = 0;
    pid_t child = fork();

    REQUIRE(child >= 0);
    if (child == 0)
        _exit(!enter(mode) ? NOT_ENTERED : body() ? 0 : 1);
    REQUIRE(waitpid(child, &status, 0) == child);
    return status;
}

static void is_killed(const char *what, bool (*body)(void))
{
    int status = ended(SANDBOX_ON, body);

    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "%s ended with %x", what,
              (unsigned)status);
}

static void is_fine(const char *what, bool (*body)(void))
{
    cr_assert_eq(ended(SANDBOX_ON, body), 0, "%s", what);
}

static bool run_program(void)
{
    return execl("/bin/true", "true", NULL) == 0;
}

static bool read_parent(void)
{
    return process_vm_readv(getppid(), NULL, 0, NULL, 0, 0) == 0;
}

static bool hear_packets(void)
{
    return socket(AF_PACKET, SOCK_RAW, 0) >= 0;
}

static bool use_kernel_crypto(void)
{
    return socket(AF_ALG, SOCK_SEQPACKET, 0) >= 0;
}

static bool map_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0) != MAP_FAILED;
}

static bool turn_into_code(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0;
}

static bool become_root(void)
{
    return setresuid(0, 0, 0) == 0;
}

static bool use_io_uring(void)
{
    return syscall(SYS_io_uring_setup, 1, NULL) >= 0;
}

static bool hide_a_file(void)
{
    return memfd_create("x", 0) >= 0;
}

Test(sandbox, ends_what_only_an_intruder_asks_for)
{
    is_killed("another program", run_program);
    is_killed("memory of others", read_parent);
    is_killed("packets", hear_packets);
    is_killed("kernel crypto", use_kernel_crypto);
    is_killed("new code", map_code);
    is_killed("data as code", turn_into_code);
    is_killed("root", become_root);
    is_killed("io_uring", use_io_uring);
    is_killed("memfd", hide_a_file);
}

#ifndef LETHE_SANITIZED
static bool become_two(void)
{
    return fork() >= 0;
}

static bool trace(void)
{
    return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0;
}

static bool be_dumpable(void)
{
    return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0;
}

Test(sandbox, ends_what_a_sanitizer_would_need)
{
    is_killed("a process", become_two);
    is_killed("a debugger", trace);
    is_killed("a core file", be_dumpable);
}
#endif

static bool call_unknown(void)
{
    return syscall(SYS_vhangup) == -1 && errno == ENOSYS && syscall(100000) == -1 &&
           errno == ENOSYS && socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) == -1 && errno == ENOSYS &&
           socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT) == -1 && errno == ENOSYS;
}

static void *nothing(void *context)
{
    return context;
}

static bool serve(void)
{
    pthread_t thread;
    int pair[2];
    char got;
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return page != MAP_FAILED && mprotect(page, 4096, PROT_NONE) == 0 &&
           pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0 &&
           socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && write(pair[0], "x", 1) == 1 &&
           read(pair[1], &got, 1) == 1 && socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 &&
           socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0) >= 0 &&
           socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE) >= 0;
}

Test(sandbox, refuses_what_nobody_knows_and_goes_on)
{
    is_fine("unknown calls", call_unknown);
}

Test(sandbox, lets_a_server_serve)
{
    is_fine("threads, memory, sockets", serve);
}

static bool is_unfiltered(void)
{
    return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 0;
}

static void *wait_and_call(void *context)
{
    const int *go = context;
    char byte;

    REQUIRE(read(*go, &byte, 1) == 1);
    (void)hear_packets();
    return NULL;
}

/* A thread that was there before. */
static bool call_from_another_thread(void)
{
    static int go[2];
    pthread_t thread;

    return pipe(go) == 0 && pthread_create(&thread, NULL, wait_and_call, go) == 0 &&
           enter(SANDBOX_ON) && write(go[1], "x", 1) == 1 && pthread_join(thread, NULL) == 0;
}

Test(sandbox, holds_in_threads_that_were_there_before)
{
    int status = ended(SANDBOX_OFF, call_from_another_thread);

    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "%x", (unsigned)status);
}

Test(sandbox, log_lets_everything_pass_and_off_is_none)
{
    cr_assert_eq(ended(SANDBOX_LOG, hide_a_file), 0);
    cr_assert_eq(ended(SANDBOX_LOG, turn_into_code), 0);
    cr_assert_eq(ended(SANDBOX_OFF, hide_a_file), 0);
    cr_assert_eq(ended(SANDBOX_OFF, is_unfiltered), 0);
}

static enum err read_mode(const char *text, enum sandbox_mode *ret)
{
    AUTO(conf_free) struct conf *conf = NULL;
    struct errmsg msg;

    REQUIRE(conf_parse("c", span_str(text), &conf, &msg) == ERR_OK);
    return sandbox_read(conf_get(conf_root(conf), "seccomp"), ret, &msg);
}

Test(sandbox, is_on_unless_it_is_said_otherwise)
{
    enum sandbox_mode mode = SANDBOX_ON;

    cr_assert_eq(read_mode("x: y\n", &mode), ERR_OK);
    cr_assert_eq(mode, SANDBOX_ON);
    cr_assert_eq(read_mode("seccomp: log\n", &mode), ERR_OK);
    cr_assert_eq(mode, SANDBOX_LOG);
    cr_assert_eq(read_mode("seccomp: off\n", &mode), ERR_OK);
    cr_assert_eq(mode, SANDBOX_OFF);
    cr_assert_eq(read_mode("seccomp: on\n", &mode), ERR_OK);
    cr_assert_eq(mode, SANDBOX_ON);
    cr_assert_eq(read_mode("seccomp: maybe\n", &mode), ERR_CONFIG);
    cr_assert_eq(read_mode("seccomp: true\n", &mode), ERR_CONFIG);
}
