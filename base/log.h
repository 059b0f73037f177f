/* SPDX-License-Identifier: Apache-2.0 */
/* Structured log: one JSON object a line on standard error. Events come from base/events.def; calls
 * take typed fields, no format strings. Personal data is reduced to its length in every build. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

enum log_event {
#define EVENT(name, level, text) EV_##name,
#include "base/events.def"
#undef EVENT
    EV_COUNT
};

enum log_field_kind { FIELD_END, FIELD_NUM, FIELD_LIT, FIELD_TEXT, FIELD_ID, FIELD_PERSONAL };

struct log_field {
    enum log_field_kind kind;
    const char *name;
    int64_t number;
    struct span text;
};

/* A number. */
#define F_NUM(name, n)         ((struct log_field){FIELD_NUM, (name), (int64_t)(n), SPAN_NONE})
/* A string that our own code chose (a literal, an error name). */
#define F_LIT(name, s)         ((struct log_field){FIELD_LIT, (name), 0, span_str(s)})
/* Text the operator wrote (a path, a route, a class name); control characters are escaped.
 * Left out when there is none (SPAN_NONE). */
#define F_TEXT(name, s)        ((struct log_field){FIELD_TEXT, (name), 0, (s)})
/* Random bytes of an id, written in hexadecimal. */
#define F_ID(name, p, n)       ((struct log_field){FIELD_ID, (name), 0, span_of((p), (n))})
/* Personal data: only "<name>_len" reaches the log. */
#define F_PERSONAL(name, p, n) ((struct log_field){FIELD_PERSONAL, (name), 0, span_of((p), (n))})

/* Write one event with its fields. Any thread; one write(2) a line; never fails the caller. */
#define log_event(event, ...)                                                                      \
    log_write((event), (const struct log_field[]){                                                 \
                           __VA_ARGS__ __VA_OPT__(, ){FIELD_END, NULL, 0, SPAN_NONE}})
void log_write(enum log_event event, const struct log_field *fields);

/* Text as a JSON string, quotes included, the way the log writes it: what would end a line, look like
 * another one or turn its direction is escaped, and long text is cut. Appended to out. */
enum err log_text(struct buf *out, struct span text) MUST_CHECK;

/* Events below this level are dropped; INFO at first. */
void log_set_level(enum log_level level);
/* Where lines go: a file descriptor the caller owns; 2 at first. */
void log_set_fd(int fd);
