/* SPDX-License-Identifier: Apache-2.0 */
/* Forms, queries and cookies. Runs on: any thread. Holds: nothing. */
#include "ui/form.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Append what %XX and + stand for. */
static enum err decode(struct span text, struct buf *out, struct span *ret)
{
    const size_t start = out->len;
    enum err e = ERR_OK;

    for (size_t i = 0; i < text.len && e == ERR_OK; i++) {
        uint8_t byte = text.at[i] == '+' ? ' ' : (uint8_t)text.at[i];

        if (text.at[i] == '%') {
            const int high = i + 2 < text.len ? hex_digit(text.at[i + 1]) : -1;
            const int low = i + 2 < text.len ? hex_digit(text.at[i + 2]) : -1;

            if (high < 0 || low < 0)
                return ERR_INVALID;
            byte = (uint8_t)(high << 4 | low);
            i += 2;
        }
        if (byte == '\0')
            return ERR_INVALID;
        e = buf_append_byte(out, byte);
    }
    *ret = span_of((const char *)out->bytes + start, out->len - start);
    return e;
}

static bool is_text(struct span text)
{
    AUTO(json_free) struct json *tree = json_new_text(text);

    return tree != NULL;
}

static enum err add(struct form *form, struct span pair)
{
    const char *equals = memchr(pair.at, '=', pair.len);
    const size_t len = equals == NULL ? pair.len : (size_t)(equals - pair.at);
    const struct span value =
        equals == NULL ? span_of(pair.at + len, 0) : span_of(equals + 1, pair.len - len - 1);
    enum err e;

    if (form->count == FORM_FIELDS_MAX)
        return ERR_TOO_LARGE;
    e = decode(span_of(pair.at, len), &form->bytes, &form->fields[form->count].name);
    if (e == ERR_OK)
        e = decode(value, &form->bytes, &form->fields[form->count].value);
    if (e == ERR_OK &&
        !(is_text(form->fields[form->count].name) && is_text(form->fields[form->count].value)))
        e = ERR_INVALID;
    form->count += e == ERR_OK;
    return e;
}

enum err form_parse(struct span text, struct form *ret)
{
    enum err e;

    *ret = (struct form){.count = 0};
    buf_init_secret(&ret->bytes, text.len + 1);
    if (text.len > FORM_BYTES_MAX)
        return ERR_TOO_LARGE;
    e = buf_reserve(&ret->bytes, text.len + 1); /* so that nothing moves */
    while (e == ERR_OK && text.len > 0) {
        const char *end = memchr(text.at, '&', text.len);
        const size_t len = end == NULL ? text.len : (size_t)(end - text.at);

        if (len > 0)
            e = add(ret, span_of(text.at, len));
        text = span_of(text.at + len + (end != NULL), text.len - len - (end != NULL));
    }
    return e;
}

void form_done(struct form *form)
{
    buf_done(&form->bytes);
    form->count = 0;
}

struct span form_value(const struct form *form, const char *name)
{
    for (size_t i = 0; i < form->count; i++)
        if (span_equal(form->fields[i].name, span_str(name)))
            return form->fields[i].value;
    return SPAN_NONE;
}

struct span form_cookie(struct span cookies, const char *name)
{
    const size_t name_len = strlen(name);
    struct span found = SPAN_NONE;

    while (cookies.len > 0) {
        const char *end = memchr(cookies.at, ';', cookies.len);
        const size_t len = end == NULL ? cookies.len : (size_t)(end - cookies.at);
        struct span one = span_of(cookies.at, len);

        while (one.len > 0 && one.at[0] == ' ')
            one = span_of(one.at + 1, one.len - 1);
        if (one.len > name_len && memcmp(one.at, name, name_len) == 0 && one.at[name_len] == '=') {
            if (found.at != NULL)
                return SPAN_NONE;
            found = span_of(one.at + name_len + 1, one.len - name_len - 1);
        }
        cookies = span_of(cookies.at + len + (end != NULL), cookies.len - len - (end != NULL));
    }
    return found;
}
