/* SPDX-License-Identifier: Apache-2.0 */
/* Findings of lethe doctor.
 * Runs on: the main thread. Holds: nothing. Not here: the looks (doctor_host.c, doctor_store.c). */
#include "cli/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

static const char *const level_names[] = {
    [DOCTOR_OK] = "ok",
    [DOCTOR_WARNING] = "warning",
    [DOCTOR_PROBLEM] = "problem",
};

void doctor_init(struct doctor *d)
{
    *d = (struct doctor){.worst = DOCTOR_OK};
    d->last = &d->first;
}

void doctor_done(struct doctor *d)
{
    while (d->first != NULL) {
        struct doctor_finding *f = d->first;

        d->first = f->next;
        free(f->text);
        free(f);
    }
    doctor_init(d);
}

void doctor_say(struct doctor *d, enum doctor_level level, const char *check, const char *todo,
                const char *format, ...)
{
    struct doctor_finding *f = mem_alloc(sizeof(*f));
    va_list args;

    va_start(args, format);
    REQUIRE(vasprintf(&f->text, format, args) >= 0);
    va_end(args);
    f->level = level;
    f->check = check;
    f->todo = todo;
    *d->last = f;
    d->last = &f->next;
    if (level > d->worst)
        d->worst = level;
}

static enum err write_finding(const struct doctor_finding *f, struct buf *out)
{
    char head[64];
    enum err e;

    (void)snprintf(head, sizeof(head), "%-8s %-14s ", level_names[f->level], f->check);
    e = buf_append_str(out, head);
    if (e == ERR_OK)
        e = buf_append_str(out, f->text);
    if (e == ERR_OK && f->todo != NULL) {
        (void)snprintf(head, sizeof(head), "\n%24s", "");
        e = buf_append_str(out, head);
        if (e == ERR_OK)
            e = buf_append_str(out, f->todo);
    }
    return e == ERR_OK ? buf_append_byte(out, '\n') : e;
}

enum err doctor_write(const struct doctor *d, struct buf *out)
{
    enum err e = ERR_OK;

    for (const struct doctor_finding *f = d->first; f != NULL && e == ERR_OK; f = f->next)
        e = write_finding(f, out);
    return e;
}

/* Paths may be other bytes than UTF-8. */
static struct json *text_or_none(const char *text)
{
    struct json *value = json_new_text(span_str(text));

    return value != NULL ? value : json_new_text(SPAN_LIT("(not UTF-8)"));
}

struct json *doctor_json(const struct doctor *d)
{
    struct json *tree = json_new_map(), *list = json_new_list();

    for (const struct doctor_finding *f = d->first; f != NULL; f = f->next) {
        struct json *map = json_new_map();

        json_set_str(map, "level", level_names[f->level]);
        json_set_str(map, "check", f->check);
        json_set(map, "text", text_or_none(f->text));
        json_set(map, "do", f->todo == NULL ? json_new_null() : text_or_none(f->todo));
        json_add(list, map);
    }
    json_set(tree, "findings", list);
    json_set_str(tree, "worst", level_names[d->worst]);
    return tree;
}
