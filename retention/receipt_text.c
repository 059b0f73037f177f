/* SPDX-License-Identifier: Apache-2.0 */
/* The rendering of a receipt for the person.
 * Runs on: any thread. Holds: nothing. Invariant: reason, reference and names of staff are not looked at,
 * so they cannot come out. Not here: the receipt itself (receipt.c), its signature (proof.c). */
#include "retention/receipt_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

enum { LINE_MAX_BYTES = 640 };

__attribute__((format(printf, 2, 3))) static enum err add(struct buf *out, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (n < 0)
        return ERR_INTERNAL;
    return buf_append(out, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

static const char *plural(int64_t n)
{
    return n == 1 ? "value" : "values";
}

static enum err write_head(const struct json *r, struct buf *out)
{
    const char *ground = json_str_or(r, "ground", "");
    enum err e = add(out, "Confirmation of erasure %s\n\n", json_str_or(r, "number", ""));

    if (e == ERR_OK && ground[0] != '\0')
        e = add(out, "Ground: Art. %s GDPR\n", ground);
    if (e == ERR_OK)
        e = add(out, "Concerns what was stored up to: %s\n",
                json_str_or(json_get(r, "scope"), "cutoff", ""));
    if (e == ERR_OK)
        e = add(out, "Unreadable since: %s\n", json_str_or(r, "effective_at", ""));
    return e == ERR_OK && json_str_or(r, "completed_at", "")[0] != '\0'
               ? add(out, "Completed and verified: %s\n", json_str_or(r, "completed_at", ""))
               : e;
}

static enum err write_erased(const struct json *r, struct buf *out)
{
    const struct json *list = json_get(json_get(r, "scope"), "classes");
    enum err e = add(out, "\nErased:\n");

    for (size_t i = 0; e == ERR_OK && i < json_count(list); i++) {
        const struct json *entry = json_at(list, i);
        const int64_t values = json_int_of(json_get(entry, "values"), 0);

        e = add(out, "  %s: %" PRId64 " %s\n", json_str_or(entry, "class", ""), values,
                plural(values));
    }
    return e == ERR_OK && json_count(list) == 0 ? add(out, "  no values\n") : e;
}

static enum err write_kept(const struct json *r, struct buf *out)
{
    const struct json *list = json_get(r, "not_erased");
    enum err e = ERR_OK;

    if (json_count(list) == 0)
        return ERR_OK;
    e = add(out, "\nNot erased, because the law provides for it:\n");
    for (size_t i = 0; e == ERR_OK && i < json_count(list); i++) {
        const struct json *entry = json_at(list, i);
        const int64_t values = json_int_of(json_get(entry, "values"), 0);

        e = add(out, "  %s: %" PRId64 " %s; Art. %s GDPR, %.300s; kept until %s, then erased\n",
                json_str_or(entry, "class", ""), values, plural(values),
                json_str_or(entry, "code", ""), json_str_or(entry, "law", ""),
                json_str_or(entry, "review", ""));
    }
    return e;
}

static enum err write_rest(const struct json *r, struct buf *out)
{
    const char *until = json_str_or(r, "unrecoverable_not_later_than", "");
    enum err e = add(out, "\nWhat remains:\n");

    if (e == ERR_OK && json_str_or(r, "remains", "")[0] != '\0')
        e = add(out, "  %s\n", json_str_or(r, "remains", ""));
    if (e == ERR_OK)
        e = until[0] == '\0'
                ? add(out,
                      "  A backup may hold a copy that nobody reads; there is no date by which "
                      "every copy is gone.\n")
                : add(out, "  A backup may hold a copy that nobody reads until %s.\n", until);
    if (e == ERR_OK)
        e = add(out, "  The receipt itself is signed; whoever has it can check it (key %s).\n",
                json_str_or(json_get(r, "signature"), "key_id", ""));
    return e == ERR_OK
               ? add(out, "\nYou may lodge a complaint with a supervisory authority (Art. 77 "
                          "GDPR).\n")
               : e;
}

enum err receipt_text(const struct json *r, struct buf *out)
{
    enum err e;

    if (json_kind(json_get(r, "scope")) != JSON_MAP || json_str_or(r, "number", "")[0] == '\0')
        return ERR_INVALID;
    e = write_head(r, out);
    if (e == ERR_OK)
        e = write_erased(r, out);
    if (e == ERR_OK)
        e = write_kept(r, out);
    return e == ERR_OK ? write_rest(r, out) : e;
}
