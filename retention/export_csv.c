/* SPDX-License-Identifier: Apache-2.0 */
/* The values of an export as CSV (RFC 4180).
 * Runs on: any thread. Holds: nothing. Invariant: no value becomes a formula, and none a column of its own. */
#include "retention/export_priv.h"

#include <string.h>

static bool is_formula_start(char c)
{
    return c == '=' || c == '+' || c == '-' || c == '@' || c == '\t' || c == '\r' || c == '\n' ||
           c == '\0';
}

/* Every field is quoted: then nothing in it has a meaning but the quote. */
static enum err append_field(struct buf *out, struct span text, bool is_first)
{
    enum err e = buf_append_str(out, is_first ? "\"" : ",\"");

    if (e == ERR_OK && text.len > 0 && is_formula_start(text.at[0]))
        e = buf_append_byte(out, '\'');
    for (size_t i = 0; i < text.len && e == ERR_OK; i++) {
        if (text.at[i] == '"')
            e = buf_append_byte(out, '"');
        if (e == ERR_OK)
            e = buf_append_byte(out, (uint8_t)text.at[i]);
    }
    return e == ERR_OK ? buf_append_byte(out, '"') : e;
}

enum err export__write_csv(const struct json *tree, struct buf *out)
{
    static const char *const members[] = {"class", "value", "type", "token", "created", "due"};
    const struct json *values = json_get(tree, "values");
    enum err e = ERR_OK;

    for (size_t i = 0; i < COUNT_OF(members) && e == ERR_OK; i++)
        e = append_field(out, span_str(members[i]), i == 0);
    if (e == ERR_OK)
        e = buf_append_str(out, "\r\n");
    for (size_t row = 0; row < json_count(values) && e == ERR_OK; row++) {
        for (size_t i = 0; i < COUNT_OF(members) && e == ERR_OK; i++)
            e = append_field(out, json_text_of(json_get(json_at(values, row), members[i])), i == 0);
        if (e == ERR_OK)
            e = buf_append_str(out, "\r\n");
    }
    return e;
}
