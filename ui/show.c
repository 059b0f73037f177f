/* SPDX-License-Identifier: Apache-2.0 */
/* Dates, numbers and periods in words. Runs on: any thread. Holds: nothing. */
#include "ui/show.h"

#include <stdio.h>
#include <string.h>

#include "base/civil.h"
#include "base/mem.h"

enum { DATE_LEN = 10, MINUTE_LEN = 16 };

static const char *word(const struct words *words, enum words_lang lang, const char *key)
{
    const char *text = words_get(words, lang, key);

    return text == NULL ? "" : text;
}

static bool put(struct buf *out, const char *text, size_t len)
{
    return buf_append(out, text, len) == ERR_OK;
}

/* A pattern of the catalogue: letters in braces stand for parts. */
struct part {
    char letter;
    struct span text;
};

static bool put_pattern(const char *pattern, const struct part *parts, size_t count,
                        struct buf *out)
{
    for (; *pattern != '\0'; pattern++) {
        struct span text = span_of(pattern, 1);

        if (pattern[0] == '{' && pattern[1] != '\0' && pattern[2] == '}') {
            for (size_t i = 0; i < count; i++)
                if (parts[i].letter == pattern[1])
                    text = parts[i].text;
            pattern += 2;
        }
        if (!put(out, text.at, text.len))
            return false;
    }
    return true;
}

bool show_date(const struct words *words, enum words_lang lang, struct span text, struct buf *out)
{
    struct civil date;
    char key[16], day[4], year[8];
    struct part parts[3] = {{'d', SPAN_NONE}, {'m', SPAN_NONE}, {'y', SPAN_NONE}};

    if (!civil_parse(text, &date))
        return false;
    (void)snprintf(key, sizeof(key), "month.%d", date.month & 15);
    (void)snprintf(day, sizeof(day), "%d", date.day & 31);
    (void)snprintf(year, sizeof(year), "%04d", date.year % 10000);
    parts[0].text = span_str(day);
    parts[1].text = span_str(word(words, lang, key));
    parts[2].text = span_str(year);
    return put_pattern(word(words, lang, "pattern.date"), parts, COUNT_OF(parts), out);
}

static bool is_two_digits(const char *at)
{
    return at[0] >= '0' && at[0] <= '9' && at[1] >= '0' && at[1] <= '9';
}

bool show_instant(const struct words *words, enum words_lang lang, struct span text,
                  struct buf *out)
{
    AUTO(buf_done) struct buf date = {.max = SHOW_MAX};
    struct part parts[2] = {{'d', SPAN_NONE}, {'t', SPAN_NONE}};

    if (text.len <= MINUTE_LEN || text.at[DATE_LEN] != 'T' || text.at[13] != ':' ||
        text.at[text.len - 1] != 'Z' || !is_two_digits(text.at + 11) ||
        !is_two_digits(text.at + 14) || !show_date(words, lang, span_of(text.at, DATE_LEN), &date))
        return false;
    parts[0].text = buf_span(&date);
    parts[1].text = span_of(text.at + 11, 5);
    return put_pattern(word(words, lang, "pattern.instant"), parts, COUNT_OF(parts), out);
}

bool show_count(enum words_lang lang, struct span text, struct buf *out)
{
    const char *separator = lang == WORDS_DE ? "." : ",";
    const size_t first = text.len > 0 && text.at[0] == '-' ? 1 : 0;
    bool ok = text.len > first && text.len < 24;

    for (size_t i = first; i < text.len; i++)
        ok = ok && text.at[i] >= '0' && text.at[i] <= '9';
    for (size_t i = 0; ok && i < text.len; i++) {
        if (i > first && (text.len - i) % 3 == 0)
            ok = put(out, separator, 1);
        ok = ok && put(out, text.at + i, 1);
    }
    return ok;
}

/* "6M" behind `time`: 6 minutes, else 6 months. Moves on. */
static bool next_unit(struct span *text, struct span *ret_number, char *ret_unit)
{
    size_t n = 0;

    while (n < text->len && text->at[n] >= '0' && text->at[n] <= '9')
        n++;
    if (n == 0 || n > 6 || n == text->len)
        return false;
    *ret_number = span_of(text->at, n);
    *ret_unit = text->at[n];
    *text = span_of(text->at + n + 1, text->len - n - 1);
    return true;
}

bool show_period(const struct words *words, enum words_lang lang, struct span text, struct buf *out)
{
    AUTO(buf_done) struct buf shown = {.max = SHOW_MAX};
    struct span number;
    bool time = false, ok = text.len > 2 && text.at[0] == 'P';
    char unit;

    if (ok)
        text = span_of(text.at + 1, text.len - 1);
    while (ok && text.len > 0) {
        char key[24];
        const char *name;

        if (text.at[0] == 'T' && !time) {
            time = true;
            text = span_of(text.at + 1, text.len - 1);
        }
        ok = next_unit(&text, &number, &unit);
        if (!ok)
            break;
        (void)snprintf(key, sizeof(key), "period.%s%c.%s", time ? "T" : "", unit,
                       span_equal(number, SPAN_LIT("1")) ? "one" : "other");
        name = words_get(words, lang, key);
        ok = name != NULL && (shown.len == 0 || put(&shown, " ", 1)) &&
             put(&shown, number.at, number.len) && put(&shown, "\xc2\xa0", 2) &&
             put(&shown, name, strlen(name));
    }
    return ok && put(out, (const char *)shown.bytes, shown.len);
}
