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

/* fd: the descriptor to read from; -1 asks the terminal (/dev/tty). Aborts without memory.
 * prompt_free(). */
struct prompt *prompt_new(int fd);
void prompt_free(struct prompt **prompt);

/* Ask for a secret; `what` names it ("the passphrase of /etc/lethe/root.key"). `twice`: it is being
 * made, so a terminal asks again and both must be equal (a descriptor gives it once). The line
 * end is no part of it. Errors, with a message: SEALED when there is neither descriptor nor
 * terminal, no line, an empty one, one longer than PROMPT_SECRET_MAX, or two that differ. Blocks
 * until it is typed. */
enum err prompt_ask(struct prompt *prompt, const char *what, bool twice, struct prompt_secret *ret,
                    struct errmsg *msg) MUST_CHECK;
void prompt_secret_done(struct prompt_secret *secret);
