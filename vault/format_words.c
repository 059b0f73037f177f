/* SPDX-License-Identifier: Apache-2.0 */
/* Dates on which nobody lives, and names that nobody bears.
 * Runs on: any thread. Holds: constants. Invariant: a date is in the calendar; a name's words begin
 * like no name. Not here: times of day, which a date token never tells. */
#include <stdio.h>

#include "vault/format_priv.h"

/* ---- date ---- */

/* 3000-01-01 to 9998-12-31 of the calendar of ISO 8601. The year 9999 is left out: applications write
 * 9999-12-31 for "never ends", and such a value must not be taken for a token. */
enum { YEAR_FIRST = 3000, YEAR_LAST = 9998, DATE_LEN = 10, DATE_TIME_MAX = 40 };

/* Days since 0000-03-01 in the Gregorian calendar; years count from March, so that the leap day is a
 * year's last. */
static uint32_t day_of(uint32_t year, uint32_t month, uint32_t day)
{
    uint32_t y = month < 3 ? year - 1 : year, m = (month + 9) % 12;

    return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1;
}

static bool is_leap(uint32_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static uint32_t month_days(uint32_t year, uint32_t month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

static bool get_number(struct span text, size_t at, size_t count, uint32_t *ret)
{
    *ret = 0;
    for (size_t i = at; i < at + count; i++) {
        if (i >= text.len || !format_is_digit(text.at[i]))
            return false;
        *ret = *ret * 10 + (uint32_t)(text.at[i] - '0');
    }
    return true;
}

/* "hh:mm", "hh:mm:ss" or "hh:mm:ss.s", then nothing, "Z" or an offset. */
static bool is_time(struct span text)
{
    uint32_t hour, minute, second;
    size_t at = 5;

    if (!get_number(text, 0, 2, &hour) || hour > 24 || text.len < at || text.at[2] != ':' ||
        !get_number(text, 3, 2, &minute) || minute > 59)
        return false;
    if (at < text.len && text.at[at] == ':') {
        if (!get_number(text, at + 1, 2, &second) || second > 60)
            return false;
        at += 3;
        if (at < text.len && text.at[at] == '.') {
            for (at++; at < text.len && format_is_digit(text.at[at]); at++)
                continue;
        }
    }
    if (at == text.len || (text.at[at] == 'Z' && at + 1 == text.len))
        return true;
    return (text.at[at] == '+' || text.at[at] == '-') && at + 6 == text.len &&
           get_number(text, at + 1, 2, &hour) && text.at[at + 3] == ':' &&
           get_number(text, at + 4, 2, &minute);
}

/* "YYYY-MM-DD", and perhaps "T" or a space and a time (RFC 3339 5.6), which is not kept. */
static bool parse_date(struct span text, uint32_t *ret_year, uint32_t *ret_day)
{
    uint32_t year, month, day;

    if (text.len > DATE_TIME_MAX || !get_number(text, 0, 4, &year) ||
        !get_number(text, 5, 2, &month) || !get_number(text, 8, 2, &day) || text.at[4] != '-' ||
        text.at[7] != '-')
        return false;
    if (month < 1 || month > 12 || day < 1 || day > month_days(year, month))
        return false;
    if (text.len > DATE_LEN && ((text.at[DATE_LEN] != 'T' && text.at[DATE_LEN] != ' ') ||
                                !is_time(span_of(text.at + DATE_LEN + 1, text.len - DATE_LEN - 1))))
        return false;
    *ret_year = year;
    *ret_day = year == 0 ? 0 : day_of(year, month, day);
    return true;
}

static enum err date_shape(const struct format_spec *spec, enum value_kind kind, struct span value,
                           struct format_shape *ret)
{
    uint32_t year, day;

    (void)spec, (void)kind;
    if (!parse_date(value, &year, &day))
        return ERR_UNPROCESSABLE;
    vault__format_one_shape(ret);
    return ERR_OK;
}

static bool date_places(const struct format_spec *spec, const struct format_shape *shape,
                        struct format_places *ret)
{
    (void)spec;
    vault__format_places_add(ret, 1, day_of(YEAR_LAST + 1, 1, 1) - day_of(YEAR_FIRST, 1, 1));
    return vault__format_is_one_shape(shape);
}

/* With a time behind it where the value has one: spelled as there, but midnight. */
static void date_write(const struct format_spec *spec, const struct format_places *places,
                       struct span value, struct token_text *ret)
{
    uint32_t day = day_of(YEAR_FIRST, 1, 1) + (uint32_t)places->digit[0], year = YEAR_FIRST,
             month = 1;
    char text[sizeof("YYYY-MM-DD")];

    (void)spec;
    year += (uint32_t)(places->digit[0] / 366); /* never past it */
    while (day >= day_of(year + 1, 1, 1))
        year++;
    while (month < 12 && day >= day_of(year, month + 1, 1))
        month++;
    day -= day_of(year, month, 1);
    (void)snprintf(text, sizeof(text), "%04u-%02u-%02u", year % 10000, month % 100,
                   (day + 1) % 100);
    format_put_text(ret, text);
    for (size_t i = DATE_LEN; i < value.len; i++) {
        char c = value.at[i];

        if (format_is_digit(c))
            c = '0';
        else if (c == '-') /* ISO 8601-1 4.3.13: nothing is behind UTC by nothing */
            c = '+';
        format_put(ret, c);
    }
}

static bool date_read(const struct format_spec *spec, struct span token,
                      struct format_shape *ret_shape, struct format_places *ret)
{
    uint32_t year, day;

    (void)spec;
    if (!parse_date(token, &year, &day) || year < YEAR_FIRST || year > YEAR_LAST)
        return false;
    /* Applications spell midnight in many ways; any other time is of their own making. */
    for (size_t i = DATE_LEN; i < token.len; i++) {
        if (token.at[i] >= '1' && token.at[i] <= '9')
            return false;
    }
    ret->digit[0] = day - day_of(YEAR_FIRST, 1, 1);
    ret->count = 1;
    vault__format_one_shape(ret_shape);
    return true;
}

static bool date_owns(const struct format_spec *spec, struct span value)
{
    uint32_t year, day;

    (void)spec;
    return parse_date(value, &year, &day) && year >= YEAR_FIRST && year <= YEAR_LAST;
}

const struct format_kind vault__format_date = {
    .name = "date",
    .shape = date_shape,
    .places = date_places,
    .write = date_write,
    .read = date_read,
    .owns = date_owns,
};

/* ---- name ---- */

/* Two words such as "Zxabiluto Zxosemara": the marker, a vowel, three times a consonant and a vowel. No
 * language that is written in these letters begins a name with Zx. The consonants are few, so that
 * hardly any word in any language comes about in them. */
static const char MARKER[] = "Zx";
static const char VOWELS[] = "aeiou";
static const char CONSONANTS[] = "bdlmnrstv";

enum {
    MARKER_LEN = 2,
    VOWEL_COUNT = sizeof(VOWELS) - 1,
    CONSONANT_COUNT = sizeof(CONSONANTS) - 1,
    SYLLABLES = 3, /* behind the first vowel */
    WORDS = 2,
    WORD_LEN = MARKER_LEN + 1 + 2 * SYLLABLES,
    NAME_LEN = WORDS * WORD_LEN + 1
};

static bool name_places(const struct format_spec *spec, const struct format_shape *shape,
                        struct format_places *ret)
{
    (void)spec;
    for (int i = 0; i < WORDS; i++) {
        vault__format_places_add(ret, 1, VOWEL_COUNT);
        vault__format_places_add(ret, SYLLABLES, (uint64_t)CONSONANT_COUNT * VOWEL_COUNT);
    }
    return vault__format_is_one_shape(shape);
}

static void name_write(const struct format_spec *spec, const struct format_places *places,
                       struct span value, struct token_text *ret)
{
    const uint64_t *digit = places->digit;

    (void)spec, (void)value;
    for (int word = 0; word < WORDS; word++) {
        if (word > 0)
            format_put(ret, ' ');
        format_put_text(ret, MARKER);
        format_put(ret, VOWELS[*digit++]);
        for (int i = 0; i < SYLLABLES; i++, digit++) {
            format_put(ret, CONSONANTS[*digit / VOWEL_COUNT]);
            format_put(ret, VOWELS[*digit % VOWEL_COUNT]);
        }
    }
}

/* Where a letter stands in a list, in either case; false when it is not there. */
static bool find_letter(const char *list, char c, uint64_t *ret)
{
    const char *at = strchr(list, c | 0x20);

    if ((c | 0x20) < 'a' || at == NULL)
        return false;
    *ret = (uint64_t)(at - list);
    return true;
}

static bool read_word(const char *text, struct format_places *ret)
{
    uint64_t vowel, consonant;

    if (!span_equal_nocase(span_of(text, MARKER_LEN), span_str(MARKER)) ||
        !find_letter(VOWELS, text[MARKER_LEN], &vowel))
        return false;
    ret->digit[ret->count++] = vowel;
    text += MARKER_LEN + 1;
    for (int i = 0; i < SYLLABLES; i++, text += 2) {
        if (!find_letter(CONSONANTS, text[0], &consonant) || !find_letter(VOWELS, text[1], &vowel))
            return false;
        ret->digit[ret->count++] = consonant * VOWEL_COUNT + vowel;
    }
    return true;
}

static bool name_read(const struct format_spec *spec, struct span token,
                      struct format_shape *ret_shape, struct format_places *ret)
{
    (void)spec;
    if (token.len != NAME_LEN || token.at[WORD_LEN] != ' ')
        return false;
    vault__format_one_shape(ret_shape);
    return read_word(token.at, ret) && read_word(token.at + WORD_LEN + 1, ret);
}

const struct format_kind vault__format_name = {
    .name = "name",
    .places = name_places,
    .write = name_write,
    .read = name_read,
};
