/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the operator for a secret: a passphrase, a PIN. From the descriptor of --passphrase-fd, a
 * line a secret in the order in which they are asked for, or from the terminal without echo. Never
 * from the environment or an argument. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { PROMPT_SECRET_MAX = 1024 };

struct prompt;

/* A secret in guarded memory. prompt_secret_done() wipes it. */
struct prompt_secret {
    uint8_t *bytes;
    size_t len;
};

/* Asks the terminal (/dev/tty) until a descriptor is named. Aborts without memory. prompt_free(). */
struct prompt *prompt_new(void);
void prompt_free(struct prompt **prompt);
/* From now on read from a descriptor, which stays the caller's. -1: the terminal. */
void prompt_use_fd(struct prompt *prompt, int fd);
/* From now on nobody is asked: a server that serves cannot wait for somebody to type. */
void prompt_end(struct prompt *prompt);

/* Ask for a secret; `what` names it ("the passphrase of /etc/lethe/root.key"). `twice`: it is being
 * made, so a terminal asks again and both must be equal (a descriptor gives it once). The line
 * end is no part of it. Errors, with a message: SEALED when there is neither descriptor nor
 * terminal, after prompt_end(), no line, an empty one, one longer than PROMPT_SECRET_MAX, or two that differ. Blocks
 * until it is typed. */
enum err prompt_ask(struct prompt *prompt, const char *what, bool twice, struct prompt_secret *ret,
                    struct errmsg *msg) MUST_CHECK;
void prompt_secret_done(struct prompt_secret *secret);
