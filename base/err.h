/* SPDX-License-Identifier: Apache-2.0 */
/* Every way an operation of Lethe can fail, with the HTTP status and the text that a client may
 * see. The texts never contain data. Code, status and text stand in one table. */
#pragma once

#include <stddef.h>

#include "base/mem.h"

/* clang-format off */
#define ERR_TABLE(X)                                                    \
    X(OK,            200, "ok")                                         \
    X(PROPOSED,      202, "it waits for somebody else's approval")      \
    X(INVALID,       400, "the request is malformed")                   \
    X(UNAUTHORIZED,  401, "the caller is not known")                    \
    X(DENIED,        403, "not allowed")                                \
    X(NOT_FOUND,     404, "not found")                                  \
    X(METHOD,        405, "the method is not allowed here")             \
    X(CONFLICT,      409, "in conflict with another operation")         \
    X(GONE,          410, "it is not there any more")                   \
    X(CHANGED,       412, "it was changed meanwhile")                   \
    X(TOO_LARGE,     413, "too large")                                  \
    X(UNSUPPORTED,   415, "the content cannot be read here")            \
    X(UNPROCESSABLE, 422, "the content does not fit its declaration")   \
    X(HELD,          423, "kept under a legal hold")                    \
    X(RESTRICTED,    423, "processing is restricted")                   \
    X(OBJECTED,      403, "the person objects to this purpose, or has withdrawn consent") \
    X(LIMIT,         429, "too many requests")                          \
    X(HEAD_TOO_LARGE,431, "the request head is too large")              \
    X(INTERNAL,      500, "internal error")                             \
    X(UNIMPLEMENTED, 501, "not implemented")                            \
    X(UPSTREAM,      502, "the upstream did not answer properly")       \
    X(SEALED,        503, "the vault is sealed")                        \
    X(BUSY,          503, "too busy, try again")                        \
    X(UNAVAILABLE,   503, "the upstream is down")                       \
    X(CANCELED,      503, "cancelled")                                  \
    X(IO,            503, "storage failed")                             \
    X(CORRUPT,       503, "stored data is damaged")                     \
    X(TIMEOUT,       504, "the upstream took too long")                 \
    X(NO_SPACE,      507, "storage is full")                            \
    X(EXHAUSTED,     507, "token space used up")                        \
    X(CONFIG,        500, "the configuration is wrong")
/* clang-format on */

enum err {
#define X(name, status, text) ERR_##name,
    ERR_TABLE(X)
#undef X
};

/* HTTP status (RFC 9110 15) and public text of a code; never NULL. */
int err_status(enum err e);
const char *err_text(enum err e);
/* The code's name as the table spells it ("NOT_FOUND"), for logs. */
const char *err_name(enum err e);

/* A message for the operator who starts or runs Lethe: file names and what to do, never personal
 * data. Written by whoever fails first. */
struct errmsg {
    char text[512];
};

/* Put a message (printf style, truncated when long) and give back `e`. msg may be NULL. */
enum err errmsg_set(struct errmsg *msg, enum err e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
