/* SPDX-License-Identifier: Apache-2.0 */
/* E27: no token is a day or a name of anybody. */
#include "vault/format.h"

#include <ctype.h>
#include <time.h>

#include "tests/unit/vault/format_rig.h"

TestSuite(format_date, .init = secret_start);
TestSuite(format_name, .init = secret_start);

/* ---- dates ---- */

/* The C library's calendar, not ours: a date that is none comes back as another. */
static int64_t day_of(const char *text)
{
    struct tm tm = {0}, again;
    time_t at;
    int year, month, day;

    if (strlen(text) < 10 || sscanf(text, "%4d-%2d-%2d", &year, &month, &day) != 3)
        cr_assert_fail("%s is no date", text);
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    tm.tm_mday = day;
    at = timegm(&tm);
    cr_assert_not_null(gmtime_r(&at, &again));
    if (again.tm_year != year - 1900 || again.tm_mon != month - 1 || again.tm_mday != day)
        cr_assert_fail("%s is not in the calendar", text);
    return at / 86400;
}

static void check_date(const char *token, const char *value)
{
    (void)value;
    (void)day_of(token);
    if (strlen(token) != 10 || strcmp(token, "3000-01-01") < 0 || strcmp(token, "9998-12-31") > 0)
        cr_assert_fail("%s is out of range", token);
}

Test(format_date, is_of_a_year_in_which_nobody_lives)
{
    struct format_spec spec = rig_plain(TOKEN_DATE);

    rig_tokens(&spec, "1985-03-12", check_date);
    rig_whole_only(&spec, "1985-03-12");
}

Test(format_date, is_every_day_of_the_range_once)
{
    struct format_spec spec = rig_plain(TOKEN_DATE);
    struct format_shape shape = rig_shape(&spec, "1985-03-12");
    int64_t first = day_of("3000-01-01"), days = day_of("9998-12-31") - first + 1;
    uint8_t *seen = calloc((size_t)days, 1);
    struct token_text text;

    cr_assert_eq((int64_t)format_capacity(&spec, &shape), days);
    /* All days of all leap cycles there are: 400 years. */
    for (int64_t d = 0; d < 146097; d++) {
        time_t at = (first + d) * 86400;
        struct format_shape read_shape;
        struct tm tm;
        char date[16];
        uint64_t n;

        cr_assert_not_null(gmtime_r(&at, &tm));
        cr_assert_eq(strftime(date, sizeof(date), "%Y-%m-%d", &tm), 10);
        cr_assert_eq(format_read(&spec, rig_key, span_str(date), &read_shape, &n), ERR_OK);
        cr_assert(n < (uint64_t)days && seen[n]++ == 0, "%s", date);
        rig_write(&spec, &shape, n, "1985-03-12", &text);
        cr_assert_str_eq(text.bytes, date);
    }
    free(seen);
}

static void check_midnight(const char *token, const char *value)
{
    cr_assert_eq(strlen(token), strlen(value));
    (void)day_of(token);
    for (size_t i = 10; token[i] != '\0'; i++) {
        bool same = token[i] == value[i] || (isdigit((unsigned char)value[i]) && token[i] == '0') ||
                    (value[i] == '-' && token[i] == '+');

        if (!same || (token[i] >= '1' && token[i] <= '9'))
            cr_assert_fail("%s tells of %s", token, value);
    }
}

Test(format_date, hides_the_time_behind_it)
{
    static const char *const values[] = {"1985-03-12T13:45Z", "1985-03-12T23:59:60.123456+02:00",
                                         "1985-03-12 13:45:11", "1985-03-12T13:45:11-05:30"};
    struct format_spec spec = rig_plain(TOKEN_DATE);

    for (size_t i = 0; i < COUNT_OF(values); i++)
        rig_some_tokens(&spec, values[i], check_midnight, RIG_FEW);
}

Test(format_date, is_the_same_number_with_midnight_behind_it)
{
    static const char *const endings[] = {"",
                                          "T00:00",
                                          "T00:00:00Z",
                                          "T00:00:00.000Z",
                                          " 00:00:00",
                                          "T00:00:00+00:00",
                                          "T00:00:00.000000-00:00"};
    struct format_spec spec = rig_plain(TOKEN_DATE);
    struct format_shape shape = rig_shape(&spec, "1985-03-12T13:45Z");
    struct token_text text;
    char other[TOKEN_TEXT_MAX + 32];

    rig_write(&spec, &shape, 4711, "1985-03-12", &text);
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        (void)snprintf(other, sizeof(other), "%s%s", text.bytes, endings[i]);
        rig_reads_as(&spec, other, &shape, 4711);
    }
    (void)snprintf(other, sizeof(other), "%sT01:00:00Z", text.bytes);
    cr_assert_not(rig_reads(&spec, other), "%s", other);
}

Test(format_date, is_refused_by_what_is_none)
{
    static const char *const texts[] = {"",
                                        "1985-3-12",
                                        "1985-02-29",
                                        "1900-02-29",
                                        "1985-04-31",
                                        "1985-00-10",
                                        "1985-13-10",
                                        "1985-10-00",
                                        "12.03.1985",
                                        "03/12/1985",
                                        "19850312",
                                        "1985-W10-2",
                                        "85-03-12",
                                        "1985-03-12T",
                                        "1985-03-12x",
                                        "1985-03-12T1:00",
                                        "1985-03-12T25:00",
                                        "1985-03-12T12:60",
                                        "1985-03-12T12:00:61",
                                        "1985-03-12T12:00:00ZZ",
                                        "1985-03-12T12:00:00+1:00",
                                        "1985-03-12T12:00:00+01-00",
                                        "1985-03-12T12:00:00.000000000000000000000000Z",
                                        "1985/03/12",
                                        " 1985-03-12",
                                        "3000-02-29",
                                        "99999-01-01",
                                        NULL};
    static const char *const taken[] = {"1985-03-12", "1984-02-29", "2000-02-29",
                                        "0001-01-01", "0000-01-01", "2999-12-31",
                                        "9999-12-31", "9999-01-01", NULL};
    static const char *const owned[] = {"3000-01-01", "9998-12-31", "3456-07-08T01:02:03Z", NULL};
    struct format_spec spec = rig_plain(TOKEN_DATE);

    rig_refused(&spec, texts);
    rig_taken(&spec, taken, "*");
    rig_owned(&spec, owned);
}

Test(format_date, reads_no_day_of_anybodys_life)
{
    struct format_spec spec = rig_plain(TOKEN_DATE);
    char date[16];

    for (time_t day = -62135596800 / 86400; day < 376200; day += 7) { /* from the year 1 to 2999 */
        time_t at = day * 86400;
        struct tm tm;

        cr_assert_not_null(gmtime_r(&at, &tm));
        (void)snprintf(date, sizeof(date), "%04d-%02d-%02d", (tm.tm_year + 1900) % 10000,
                       (tm.tm_mon + 1) % 100, tm.tm_mday % 100);
        cr_assert_not(rig_reads(&spec, date), "%s", date);
        cr_assert_not(format_owns(&spec, rig_key, span_str(date)), "%s", date);
    }
}

/* ---- names ---- */

static void check_name(const char *token, const char *value)
{
    size_t words = 0;

    (void)value;
    for (const char *word = token; *word != '\0';) {
        size_t letters = strcspn(word, " ");

        words++;
        if (strncmp(word, "Zx", 2) != 0 || letters != 9)
            cr_assert_fail("%s has no marker", token);
        for (size_t i = 1; i < letters; i++) {
            bool vowel = strchr("aeiou", word[i]) != NULL;

            /* Vowels and consonants in turns: it can be spoken. */
            if (word[i] < 'a' || word[i] > 'z' || vowel != (i % 2 == 0))
                cr_assert_fail("%s cannot be spoken", token);
        }
        word += letters + (word[letters] == ' ' && word[letters + 1] != '\0');
    }
    if (words != 2)
        cr_assert_fail("%s is not two words", token);
}

Test(format_name, is_two_words_that_can_be_spoken)
{
    struct format_spec spec = rig_plain(TOKEN_NAME);
    struct format_shape shape = rig_shape(&spec, "Ada");

    cr_assert_eq(format_capacity(&spec, &shape), UINT64_C(455625) * 455625);
    rig_tokens(&spec, "Ada Lovelace", check_name);
    rig_whole_only(&spec, "Ada Lovelace");
}

Test(format_name, takes_any_name)
{
    static const char *const values[] = {"Ada Lovelace",
                                         "Li",
                                         "",
                                         "O'Neil-Smith, Jr.",
                                         "\xc3\x84nne M\xc3\xbcller",
                                         "Zxa",
                                         "Xza Zxo",
                                         "Zxabiluto",
                                         "Zxabiluto Lovelace",
                                         "Zxabiluto Zxosemarak",
                                         "Zxabikuto Zxosemara",
                                         "Qxabiluto Zxosemara",
                                         NULL};
    struct format_spec spec = rig_plain(TOKEN_NAME);

    rig_taken(&spec, values, "*");
}

Test(format_name, is_read_in_any_case)
{
    struct format_spec spec = rig_plain(TOKEN_NAME);
    struct format_shape shape = rig_shape(&spec, "Ada");
    struct token_text text;

    for (uint64_t n = 0; n < 200; n++) {
        rig_write(&spec, &shape, n, "Ada", &text);
        for (size_t i = 0; i < text.len; i++)
            text.bytes[i] = (char)(n % 2 == 0 ? toupper((unsigned char)text.bytes[i])
                                              : tolower((unsigned char)text.bytes[i]));
        rig_reads_as(&spec, text.bytes, &shape, n);
    }
}

Test(format_name, is_told_from_names)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    struct format_spec spec = rig_plain(TOKEN_NAME);
    char text[24];

    for (unsigned i = 0; i < 100000; i++) {
        for (size_t c = 0; c < 19; c++)
            text[c] = letters[rig_random() % 26];
        text[9] = ' ';
        text[19] = '\0';
        if (i % 2 == 0)
            memcpy(text, "Zx", 2); /* the first word's marker alone */
        text[10] = (char)('A' + rig_random() % 25);
        cr_assert_not(rig_reads(&spec, text), "%s", text);
    }
}
