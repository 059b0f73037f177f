/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of typed formats share: specs from options, and properties that hold of any format. */
#pragma once

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "vault/format.h"
#include "vault/token.h"

static const uint8_t rig_key[FORMAT_KEY_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8, [31] = 9};
static const uint8_t rig_other_key[FORMAT_KEY_BYTES] = {1, 2, 3, 4, 5, 6, 7, 9, [31] = 10};

/* The same numbers in every run. */
static inline uint64_t rig_random(void)
{
    static uint64_t state = 1;
    uint64_t n = state += 0x9e3779b97f4a7c15;

    n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
    n = (n ^ n >> 27) * 0x94d049bb133111eb;
    return n ^ n >> 31;
}

static inline struct format_spec rig_spec(enum token_format format, const char *range,
                                          const char *reserved, int64_t keep_last)
{
    struct format_options options = {range, reserved, keep_last};
    struct format_spec spec;
    struct errmsg msg = {""};
    const char *option = "";

    cr_assert_eq(format_spec_read(format, &options, &spec, &option, &msg), ERR_OK, "%s: %s", option,
                 msg.text);
    return spec;
}

static inline struct format_spec rig_plain(enum token_format format)
{
    return rig_spec(format, NULL, NULL, -1);
}

static inline struct format_shape rig_shape(const struct format_spec *spec, const char *value)
{
    struct format_shape shape;

    memset(&shape, 0x5a, sizeof(shape)); /* nothing may depend on what stands behind the NUL */
    cr_assert_eq(format_shape(spec, VALUE_STRING, span_str(value), &shape), ERR_OK, "%s", value);
    return shape;
}

static inline bool rig_reads(const struct format_spec *spec, const char *text)
{
    struct format_shape shape;
    uint64_t n;
    enum err e = format_read(spec, rig_key, span_str(text), &shape, &n);

    cr_assert(e == ERR_OK || e == ERR_NOT_FOUND);
    cr_assert(e != ERR_OK || format_owns(spec, rig_key, span_str(text)), "%s is read, not owned",
              text);
    return e == ERR_OK;
}

/* Token n as a string. */
static inline const char *rig_write(const struct format_spec *spec,
                                    const struct format_shape *shape, uint64_t n, const char *value,
                                    struct token_text *text)
{
    format_write(spec, shape, rig_key, n, span_str(value), text);
    cr_assert_lt(text->len, TOKEN_TEXT_MAX);
    text->bytes[text->len] = '\0';
    return text->bytes;
}

static inline void rig_reads_as(const struct format_spec *spec, const char *text,
                                const struct format_shape *shape, uint64_t n)
{
    struct format_shape read_shape;
    uint64_t read_n;

    if (format_read(spec, rig_key, span_str(text), &read_shape, &read_n) != ERR_OK)
        cr_assert_fail("%s is not read", text);
    if (strcmp(read_shape.text, shape->text) != 0 || read_n != n)
        cr_assert_fail("%s is read as number %llu of %s", text, (unsigned long long)read_n,
                       read_shape.text);
}

enum { RIG_COUNT = 100000, RIG_FEW = 10000, RIG_WIDTH = 72 };

static inline int rig_compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Half of `most` numbers from the start, and as many from anywhere in the sequence (or all there are):
 * each token passes `check` (which knows nothing of how it was made), reads back, is owned, and is not
 * another number's. */
static inline void rig_some_tokens(const struct format_spec *spec, const char *value,
                                   void (*check)(const char *token, const char *value), size_t most)
{
    struct format_shape shape = rig_shape(spec, value);
    uint64_t capacity = format_capacity(spec, &shape), stride;
    size_t count = capacity < most ? capacity : most;
    char(*all)[RIG_WIDTH] = malloc(count * sizeof(*all));
    struct token_text text;

    cr_assert_not_null(all);
    cr_assert_gt(capacity, 0);
    cr_assert_leq(capacity, FORMAT_NUMBERS_MAX);
    stride = count < most ? 1 : (capacity - count / 2) / (count / 2);
    for (size_t i = 0; i < count; i++) {
        uint64_t n = i < count / 2 || stride == 1 ? i : count / 2 + (i - count / 2) * stride;
        const char *token = rig_write(spec, &shape, n, value, &text);

        cr_assert_lt(text.len, RIG_WIDTH);
        check(token, value);
        rig_reads_as(spec, token, &shape, n);
        if (!format_owns(spec, rig_key, span_str(token)))
            cr_assert_fail("%s is not owned", token);
        memcpy(all[i], token, text.len + 1u);
    }
    qsort(all, count, sizeof(*all), rig_compare);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(all[i - 1], all[i]) == 0)
            cr_assert_fail("%s twice", all[i]);
    }
    free(all);
}

static inline void rig_tokens(const struct format_spec *spec, const char *value,
                              void (*check)(const char *token, const char *value))
{
    rig_some_tokens(spec, value, check, RIG_COUNT);
}

/* Nothing but the whole token is one: not a part, not with something at either end, not with another
 * byte in it that no token has. */
static inline void rig_whole_only(const struct format_spec *spec, const char *value)
{
    struct format_shape shape = rig_shape(spec, value);
    struct token_text text;
    char longer[RIG_WIDTH + 2];

    for (uint64_t n = 0; n < 50 && n < format_capacity(spec, &shape); n++) {
        const char *token = rig_write(spec, &shape, n, value, &text);
        struct format_shape other;
        uint64_t read;

        for (size_t len = 0; len < text.len; len++) {
            /* Exactly so many bytes on the heap: reading further is a sanitizer's finding. */
            char *part = malloc(len + 1);

            memcpy(part, token, len);
            if (format_read(spec, rig_key, span_of(part, len), &other, &read) == ERR_OK &&
                strcmp(other.text, shape.text) == 0)
                cr_assert_fail("%.*s is read", (int)len, part);
            free(part);
        }
        for (const char *end = "\n\t\"'<>@;\x80"; *end != '\0'; end++) {
            (void)snprintf(longer, sizeof(longer), "%s%c", token, *end);
            cr_assert_not(rig_reads(spec, longer), "%s", longer);
            (void)snprintf(longer, sizeof(longer), "%c%s", *end, token);
            cr_assert_not(rig_reads(spec, longer), "%s", longer);
        }
        memcpy(longer, token, text.len + 1u); /* with its NUL */
        cr_assert_neq(format_read(spec, rig_key, span_of(longer, text.len + 1u), &other, &read),
                      ERR_OK);
        for (size_t i = 0; i < text.len; i++) {
            memcpy(longer, token, text.len + 1u);
            for (const char *c = "\x01\x7f\x80!?\"\\'"; *c != '\0'; c++) {
                longer[i] = *c;
                cr_assert_not(rig_reads(spec, longer), "%s", longer);
            }
        }
    }
}

/* Texts that are no values of a format, or no tokens. */
static inline void rig_refused(const struct format_spec *spec, const char *const texts[])
{
    struct format_shape shape = {"x"};

    for (size_t i = 0; texts[i] != NULL; i++) {
        cr_assert_eq(format_shape(spec, VALUE_STRING, span_str(texts[i]), &shape),
                     ERR_UNPROCESSABLE, "%s", texts[i]);
        cr_assert_str_eq(shape.text, "x");
        cr_assert_not(rig_reads(spec, texts[i]), "%s", texts[i]);
    }
}

static inline void rig_taken(const struct format_spec *spec, const char *const texts[],
                             const char *shape)
{
    for (size_t i = 0; texts[i] != NULL; i++) {
        cr_assert_str_eq(rig_shape(spec, texts[i]).text, shape, "%s", texts[i]);
        cr_assert_not(format_owns(spec, rig_key, span_str(texts[i])), "%s", texts[i]);
        cr_assert_not(rig_reads(spec, texts[i]), "%s", texts[i]);
    }
}

static inline void rig_owned(const struct format_spec *spec, const char *const texts[])
{
    for (size_t i = 0; texts[i] != NULL; i++)
        cr_assert(format_owns(spec, rig_key, span_str(texts[i])), "%s", texts[i]);
}
