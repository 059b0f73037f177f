/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the operator for a secret.
 * Runs on: the main thread before it starts others (signals are redirected while a terminal is
 * asked); blocks. Holds: the descriptor's number. Invariant: the terminal echoes again whatever
 * ends the question; what was typed stands in guarded memory only. Not here: what secrets are for. */
#include "keys/prompt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/secret.h"

struct prompt {
    int fd;
    bool ended;
};

struct prompt *prompt_new(void)
{
    struct prompt *p = mem_alloc(sizeof(*p));

    p->fd = -1;
    return p;
}

void prompt_free(struct prompt **prompt)
{
    free(TAKE(*prompt));
}

void prompt_use_fd(struct prompt *p, int fd)
{
    p->fd = fd;
}

void prompt_end(struct prompt *p)
{
    p->ended = true;
}

void prompt_secret_done(struct prompt_secret *secret)
{
    secret_free(&secret->bytes);
    secret->len = 0;
}

/* ---- one line ---- */

/* Byte by byte: what follows the line belongs to the next question. One byte more than is allowed
 * is kept, so that a line that is too long is seen. `mask`: the signals that are let through while it
 * waits (NULL: nobody waits for any). False: no line came (end of file, a signal). */
static bool read_line(int fd, struct prompt_secret *line, const sigset_t *mask)
{
    line->len = 0;
    for (;;) {
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        uint8_t *to = line->bytes + line->len;
        ssize_t n;

        if (mask != NULL && ppoll(&readable, 1, NULL, mask) < 0)
            return false;
        n = read(fd, to, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0 && line->len > 0;
        if (*to == '\n')
            return true;
        if (line->len < PROMPT_SECRET_MAX)
            line->len++;
        else
            line->len = PROMPT_SECRET_MAX + 1;
        if (line->len > PROMPT_SECRET_MAX)
            return true;
    }
}

/* ---- the terminal ---- */

/* Signals are blocked but while the terminal is waited for, so that none comes unseen in between. */
static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    caught = number;
}

static const int redirected[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

struct terminal {
    int fd;
    struct termios before;
    sigset_t mask; /* before */
    struct sigaction actions[COUNT_OF(redirected)];
};

static bool terminal_begin(struct terminal *t)
{
    struct sigaction act = {.sa_handler = on_signal};
    struct termios silent;
    sigset_t blocked;

    t->fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (t->fd < 0)
        return false;
    if (tcgetattr(t->fd, &t->before) != 0) {
        (void)close(t->fd);
        return false;
    }
    caught = 0;
    (void)sigemptyset(&blocked);
    for (size_t i = 0; i < COUNT_OF(redirected); i++)
        (void)sigaddset(&blocked, redirected[i]);
    (void)pthread_sigmask(SIG_BLOCK, &blocked, &t->mask);
    for (size_t i = 0; i < COUNT_OF(redirected); i++) {
        /* A stopped process would come back to a terminal that echoes: it cannot be stopped now. */
        act.sa_handler = redirected[i] == SIGTSTP ? SIG_IGN : on_signal;
        (void)sigaction(redirected[i], &act, &t->actions[i]);
    }
    silent = t->before;
    silent.c_lflag = (silent.c_lflag & ~(tcflag_t)ECHO) | ECHONL | ICANON | ISIG;
    silent.c_iflag |= ICRNL;
    (void)tcsetattr(t->fd, TCSAFLUSH, &silent);
    return true;
}

/* What came meanwhile then has the effect it would have had. */
static void terminal_end(struct terminal *t)
{
    (void)tcsetattr(t->fd, TCSAFLUSH, &t->before);
    (void)close(t->fd);
    for (size_t i = 0; i < COUNT_OF(redirected); i++)
        (void)sigaction(redirected[i], &t->actions[i], NULL);
    (void)pthread_sigmask(SIG_SETMASK, &t->mask, NULL);
    if (caught != 0)
        (void)raise(caught);
}

static bool type_line(const struct terminal *t, const char *what, const char *again,
                      struct prompt_secret *line)
{
    return dprintf(t->fd, "%s%s: ", what, again) > 0 && read_line(t->fd, line, &t->mask);
}

static enum err ask_terminal(const char *what, bool twice, struct prompt_secret *line,
                             struct errmsg *msg)
{
    AUTO(prompt_secret_done) struct prompt_secret second = {NULL, 0};
    struct terminal t;
    bool typed, equal = true;

    if (!terminal_begin(&t))
        return errmsg_set(
            msg, ERR_SEALED,
            "%s is needed: there is no terminal to ask; give it with --passphrase-fd N", what);
    typed = type_line(&t, what, "", line);
    if (typed && twice) {
        second.bytes = secret_alloc(PROMPT_SECRET_MAX + 1);
        typed = type_line(&t, what, ", again", &second);
        equal = line->len == second.len && secret_equal(line->bytes, second.bytes, line->len);
    }
    terminal_end(&t);
    if (!typed)
        return errmsg_set(msg, ERR_SEALED, "%s is needed: nothing was typed", what);
    return equal ? ERR_OK : errmsg_set(msg, ERR_SEALED, "the two lines differ; nothing was made");
}

/* ---- a descriptor ---- */

static enum err ask_fd(int fd, const char *what, struct prompt_secret *line, struct errmsg *msg)
{
    if (!read_line(fd, line, NULL))
        return errmsg_set(msg, ERR_SEALED,
                          "%s is needed: descriptor %d of --passphrase-fd gave no line", what, fd);
    return ERR_OK;
}

enum err prompt_ask(struct prompt *p, const char *what, bool twice, struct prompt_secret *ret,
                    struct errmsg *msg)
{
    AUTO(prompt_secret_done) struct prompt_secret line = {NULL, 0};
    enum err e;

    if (p->ended)
        return errmsg_set(msg, ERR_SEALED,
                          "%s is needed, which a running server cannot ask for: stop it, run the "
                          "command, start it again",
                          what);
    line.bytes = secret_alloc(PROMPT_SECRET_MAX + 1);
    e = p->fd >= 0 ? ask_fd(p->fd, what, &line, msg) : ask_terminal(what, twice, &line, msg);
    if (e != ERR_OK)
        return e;
    if (line.len > PROMPT_SECRET_MAX)
        return errmsg_set(msg, ERR_SEALED, "%s: a line of more than %d bytes was given", what,
                          PROMPT_SECRET_MAX);
    if (line.len == 0)
        return errmsg_set(msg, ERR_SEALED, "%s is needed: an empty line was given", what);
    ret->bytes = TAKE(line.bytes);
    ret->len = line.len;
    return ERR_OK;
}
