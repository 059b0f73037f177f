/* SPDX-License-Identifier: Apache-2.0 */
/* The error table, read out.
 * Runs on: any thread. Holds: constants only. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
    int status;
    const char *name;
    const char *text;
} table[] = {
#define X(name, status, text) {status, #name, text},
    ERR_TABLE(X)
#undef X
};

int err_status(enum err e)
{
    return table[e].status;
}

const char *err_text(enum err e)
{
    return table[e].text;
}

const char *err_name(enum err e)
{
    return table[e].name;
}

enum err errmsg_set(struct errmsg *msg, enum err e, const char *format, ...)
{
    va_list args;

    if (msg == NULL)
        return e;
    va_start(args, format);
    (void)vsnprintf(msg->text, sizeof(msg->text), format, args);
    va_end(args);
    return e;
}
