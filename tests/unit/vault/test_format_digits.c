/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/format.h"

#include <ctype.h>

#include "tests/unit/vault/format_rig.h"

TestSuite(format_digits, .init = secret_start);
TestSuite(format_alnum, .init = secret_start);
TestSuite(format_integer, .init = secret_start);

/* The token has what the value has at each place: a digit, an upper or lower case letter, or this
 * very separator. */
static void check_like(const char *token, const char *value)
{
    if (strlen(token) != strlen(value))
        cr_assert_fail("%s is not like %s", token, value);
    for (size_t i = 0; value[i] != '\0'; i++) {
        bool like = isdigit((unsigned char)value[i])   ? isdigit((unsigned char)token[i]) != 0
                    : isupper((unsigned char)value[i]) ? isupper((unsigned char)token[i]) != 0
                    : islower((unsigned char)value[i]) ? islower((unsigned char)token[i]) != 0
                                                       : token[i] == value[i];

        if (!like)
            cr_assert_fail("%s is not like %s", token, value);
    }
}

static void begins(const char *token, const char *prefix)
{
    for (size_t i = 0; *prefix != '\0'; i++) {
        if (!isalnum((unsigned char)token[i]))
            continue;
        if (toupper((unsigned char)token[i]) != *prefix++)
            cr_assert_fail("%s is not reserved", token);
    }
}

/* ---- digits ---- */

static void check_zero(const char *token, const char *value)
{
    check_like(token, value);
    begins(token, "0");
}

static void check_77(const char *token, const char *value)
{
    check_like(token, value);
    begins(token, "77");
}

Test(format_digits, have_the_shape_of_the_value)
{
    static const char *const values[] = {
        "123-45-6789",
        "1",
        "12",
        "987654",
        "(12) 34.56/78:90_1+2#3,4",
        "1234567890123456789012345678901234567890123456789012345678901234"};
    struct format_spec spec = rig_plain(TOKEN_DIGITS), other;

    for (size_t i = 0; i < COUNT_OF(values); i++)
        rig_some_tokens(&spec, values[i], check_zero, RIG_FEW);
    rig_tokens(&spec, "123-45-67890", check_zero);
    other = rig_spec(TOKEN_DIGITS, NULL, "77", -1);
    rig_tokens(&other, "12-3456789012", check_77);
    rig_tokens(&other, "1-2", check_77);
    rig_whole_only(&spec, "98765432109876543210");
}

Test(format_digits, end_exactly)
{
    struct format_spec spec = rig_plain(TOKEN_DIGITS);
    struct token_text text;
    uint8_t seen[1000] = {0};

    cr_assert_eq(format_capacity(&spec, &(struct format_shape){"1"}), 1);
    cr_assert_eq(format_capacity(&spec, &(struct format_shape){"4"}), 1000);
    cr_assert_eq(format_capacity(&spec, &(struct format_shape){"13"}), UINT64_C(1000000000000));
    cr_assert_eq(format_capacity(&spec, &(struct format_shape){"64"}), UINT64_C(1000000000000));
    for (uint64_t n = 0; n < 1000; n++) {
        const char *token = rig_write(&spec, &(struct format_shape){"4"}, n, "1234", &text);

        seen[strtoul(token, NULL, 10)]++;
    }
    for (size_t i = 0; i < COUNT_OF(seen); i++)
        cr_assert_eq(seen[i], 1, "%zu", i);
}

Test(format_digits, are_the_same_number_however_they_are_grouped)
{
    struct format_spec spec = rig_plain(TOKEN_DIGITS);
    struct format_shape shape = rig_shape(&spec, "123-45-6789"),
                        bare = rig_shape(&spec, "123456789");
    struct token_text text;
    char other[40];

    cr_assert_str_eq(shape.text, "9");
    cr_assert_str_eq(bare.text, "9");
    for (uint64_t n = 0; n < 1000; n++) {
        rig_write(&spec, &shape, n, "123-45-6789", &text);
        (void)snprintf(other, sizeof(other), "%.3s%.2s%s", text.bytes, text.bytes + 4,
                       text.bytes + 7);
        rig_reads_as(&spec, other, &shape, n);
        (void)snprintf(other, sizeof(other), " (%.3s) %.2s.%s", text.bytes, text.bytes + 4,
                       text.bytes + 7);
        rig_reads_as(&spec, other, &shape, n);
    }
}

Test(format_digits, are_refused_by_what_has_none)
{
    static const char *const texts[] = {
        "",
        "-",
        "12a",
        "1\n2",
        "\xc2\xb2",
        "12%",
        "12345678901234567890123456789012345678901234567890123456789012345",
        NULL};
    static const char *const owned[] = {"0", "00", "0123", "0-12", "-0", " 01", NULL};
    static const char *const taken[] = {"123", "987", "1-00", "(5) 55", "102", NULL};
    struct format_spec spec = rig_plain(TOKEN_DIGITS), two = rig_spec(TOKEN_DIGITS, NULL, "77", -1);
    struct format_shape shape;

    rig_refused(&spec, texts);
    rig_owned(&spec, owned);
    rig_taken(&spec, taken, "3");
    cr_assert_eq(format_shape(&two, VALUE_STRING, SPAN_LIT("7"), &shape), ERR_UNPROCESSABLE,
                 "no token begins with 77 and is as short");
    cr_assert_eq(format_capacity(&two, &(struct format_shape){"1"}), 0);
    cr_assert_not(format_owns(&two, rig_key, SPAN_LIT("7")));
}

Test(format_digits, take_plain_numbers)
{
    struct format_spec spec = rig_plain(TOKEN_DIGITS);
    struct format_shape shape;

    cr_assert_eq(format_shape(&spec, VALUE_NUMBER, SPAN_LIT("12345"), &shape), ERR_OK);
    cr_assert_str_eq(shape.text, "5");
    cr_assert_eq(format_shape(&spec, VALUE_NUMBER, SPAN_LIT("-5"), &shape), ERR_UNPROCESSABLE);
    cr_assert_eq(format_shape(&spec, VALUE_NUMBER, SPAN_LIT("1.5"), &shape), ERR_UNPROCESSABLE);
    cr_assert_eq(format_shape(&spec, VALUE_NUMBER, SPAN_LIT("1e5"), &shape), ERR_UNPROCESSABLE);
}

Test(format_digits, read_nothing_that_does_not_begin_reserved)
{
    struct format_spec spec = rig_plain(TOKEN_DIGITS);
    char text[24];

    for (unsigned i = 0; i < 100000; i++) {
        (void)snprintf(text, sizeof(text), "%llu",
                       (unsigned long long)(1 + rig_random() % (UINT64_C(1) << (1 + i % 60))));
        cr_assert_not(rig_reads(&spec, text), "%s", text);
        cr_assert_not(format_owns(&spec, rig_key, span_str(text)), "%s", text);
    }
}

/* ---- letters and digits ---- */

static void check_alnum(const char *token, const char *value)
{
    char prefix[3] = "";
    size_t len = 0;

    check_like(token, value);
    for (size_t i = 0; value[i] != '\0' && len < 2; i++) {
        if (isalnum((unsigned char)value[i]))
            prefix[len++] = isdigit((unsigned char)value[i]) ? '0' : 'Z';
    }
    prefix[len] = '\0';
    begins(token, prefix);
}

static void check_x9(const char *token, const char *value)
{
    check_like(token, value);
    begins(token, "X9");
}

Test(format_alnum, has_the_shape_of_the_value)
{
    static const char *const values[] = {"C01X00T478", "ab-12-CD-34", "1a2B3c4D5e", "x", "12", "7B",
                                         "b/7-xyz",    "AAAAAAAAAA",  "00aA00aA00"};
    struct format_spec spec = rig_plain(TOKEN_ALNUM), other = rig_spec(TOKEN_ALNUM, NULL, "x9", -1);

    for (size_t i = 0; i + 1 < COUNT_OF(values); i++)
        rig_some_tokens(&spec, values[i], check_alnum, RIG_FEW);
    rig_tokens(&spec, "DE-0123456789", check_alnum);
    rig_tokens(&other, "q-7cde-FG", check_x9);
    rig_whole_only(&spec, "ab-12-CD-34");
}

Test(format_alnum, has_one_sequence_a_pattern)
{
    struct format_spec spec = rig_plain(TOKEN_ALNUM);
    struct format_shape shape = rig_shape(&spec, "AB-12-cd");
    struct token_text text;
    char folded[40];

    cr_assert_str_eq(shape.text, "AA99AA");
    cr_assert_eq(format_capacity(&spec, &shape), 10 * 10 * 26 * 26);
    cr_assert_eq(format_capacity(&spec, &(struct format_shape){"AA"}), 1);
    cr_assert_eq(format_capacity(&spec, &(struct format_shape){"9"}), 1);
    for (uint64_t n = 0; n < 1000; n++) {
        size_t len = 0;

        rig_write(&spec, &shape, n, "AB-12-cd", &text);
        for (size_t i = 0; i <= text.len; i++) {
            if (text.bytes[i] != '-')
                folded[len++] = (char)tolower((unsigned char)text.bytes[i]);
        }
        rig_reads_as(&spec, folded, &shape, n);
    }
}

Test(format_alnum, ends_exactly)
{
    struct format_spec spec = rig_plain(TOKEN_ALNUM);
    struct format_shape shape = rig_shape(&spec, "AB12");
    uint8_t seen[100] = {0};
    struct token_text text;

    cr_assert_eq(format_capacity(&spec, &shape), 100);
    for (uint64_t n = 0; n < 100; n++)
        seen[strtoul(rig_write(&spec, &shape, n, "AB12", &text) + 2, NULL, 10)]++;
    for (size_t i = 0; i < COUNT_OF(seen); i++)
        cr_assert_eq(seen[i], 1, "%zu", i);
}

Test(format_alnum, is_refused_by_what_has_none)
{
    static const char *const texts[] = {
        "",     "-",
        "12\n", "a b\xc3\xa4",
        "a@b",  "a2345678901234567890123456789012345678901234567890123456789012345",
        NULL};
    static const char *const owned[] = {"ZZ12", "zz12", "0z1", "Z-012", "00", "Z", NULL};
    static const char *const taken[] = {"AB12", "Z-Y12", "Zy-99", "a-a-00", NULL};
    static const char *const misfits[] = {"1234", "A", "AB", "9X12", NULL};
    struct format_spec spec = rig_plain(TOKEN_ALNUM), other = rig_spec(TOKEN_ALNUM, NULL, "X9", -1);

    rig_refused(&spec, texts);
    rig_owned(&spec, owned);
    rig_taken(&spec, taken, "AA99");
    rig_refused(&other, misfits);
    cr_assert_eq(format_capacity(&other, &(struct format_shape){"9999"}), 0);
    cr_assert_eq(format_capacity(&other, &(struct format_shape){"A999"}), 100);
}

Test(format_alnum, reads_nothing_that_does_not_begin_reserved)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXY123456789abcdefghijklmnopqrstuvwxy";
    struct format_spec spec = rig_plain(TOKEN_ALNUM);
    char text[24];

    for (unsigned i = 0; i < 100000; i++) {
        size_t len = 1 + rig_random() % 20;

        for (size_t c = 0; c < len; c++)
            text[c] = letters[rig_random() % (sizeof(letters) - 1)];
        text[len] = '\0';
        cr_assert_not(rig_reads(&spec, text), "%s", text);
        cr_assert_not(format_owns(&spec, rig_key, span_str(text)), "%s", text);
    }
}

/* ---- integers ---- */

static void check_integer(const char *token, const char *value)
{
    double n = strtod(token, NULL);
    char again[40];

    (void)value;
    (void)snprintf(again, sizeof(again), "%.0f", n);
    if (strcmp(again, token) != 0 || n < 8e15 || n > 9007199254740991.0)
        cr_assert_fail("%s is not exact, or out of range", token);
}

static void check_int32(const char *token, const char *value)
{
    long n = strtol(token, NULL, 10);

    (void)value;
    cr_assert(n >= 2000000000 && n <= 2147483647 && token[0] == '2' && strlen(token) == 10, "%s",
              token);
}

Test(format_integer, is_exact_and_in_its_range)
{
    struct format_spec spec = rig_plain(TOKEN_INTEGER);
    struct format_spec small = rig_spec(TOKEN_INTEGER, "2000000000-2147483647", NULL, -1);
    struct format_shape shape = rig_shape(&spec, "5");

    cr_assert_eq(format_capacity(&spec, &shape), FORMAT_NUMBERS_MAX);
    rig_tokens(&spec, "4711", check_integer);
    cr_assert_eq(format_capacity(&small, &shape), 147483648);
    rig_tokens(&small, "-5", check_int32);
    rig_whole_only(&spec, "4711");
}

Test(format_integer, ends_exactly)
{
    struct format_spec spec = rig_spec(TOKEN_INTEGER, "0-999", NULL, -1);
    struct format_spec one = rig_spec(TOKEN_INTEGER, "7-7", NULL, -1);
    struct format_shape shape = {"*"};
    uint8_t seen[1000] = {0};
    struct token_text text;

    cr_assert_eq(format_capacity(&spec, &shape), 1000);
    for (uint64_t n = 0; n < 1000; n++) {
        rig_write(&spec, &shape, n, "", &text);
        seen[strtoul(text.bytes, NULL, 10)]++;
        rig_reads_as(&spec, text.bytes, &shape, n);
    }
    for (size_t i = 0; i < COUNT_OF(seen); i++)
        cr_assert_eq(seen[i], 1, "%zu", i);
    cr_assert_eq(format_capacity(&one, &shape), 1);
    cr_assert_str_eq(rig_write(&one, &shape, 0, "", &text), "7");
}

Test(format_integer, is_refused_by_what_is_none)
{
    static const char *const texts[] = {"",   "-",    "1.5", "1e3", "007", "-0",
                                        "+1", "0x10", "12 ", " 12", "--1", "8000000000000001.0",
                                        NULL};
    static const char *const taken[] = {"0",
                                        "7",
                                        "-7",
                                        "-8000000000000000",
                                        "7999999999999999",
                                        "9007199254740992",
                                        "80000000000000000",
                                        "123456789012345678901234567890",
                                        NULL};
    static const char *const owned[] = {"8000000000000000", "9007199254740991", NULL};
    struct format_spec spec = rig_plain(TOKEN_INTEGER);
    struct format_shape shape;

    rig_refused(&spec, texts);
    rig_taken(&spec, taken, "*");
    rig_owned(&spec, owned);
    cr_assert_eq(format_shape(&spec, VALUE_NUMBER, SPAN_LIT("1e3"), &shape), ERR_UNPROCESSABLE);
    cr_assert_eq(format_shape(&spec, VALUE_NUMBER, SPAN_LIT("1000"), &shape), ERR_OK);
}

Test(format_integer, reads_nothing_outside_and_few_inside)
{
    struct format_spec spec = rig_plain(TOKEN_INTEGER);
    unsigned read = 0;
    char text[24];

    for (unsigned i = 0; i < 100000; i++) {
        (void)snprintf(text, sizeof(text), "%llu",
                       (unsigned long long)(rig_random() % UINT64_C(8000000000000000)));
        cr_assert_not(rig_reads(&spec, text), "%s", text);
        (void)snprintf(text, sizeof(text), "%llu",
                       (unsigned long long)(UINT64_C(8000000000000000) +
                                            rig_random() % UINT64_C(1007199254740992)));
        read += rig_reads(&spec, text);
    }
    /* The range is 916 times as large as a sequence: so many parts of it are check. */
    cr_assert(read > 60 && read < 160, "%u", read);
}
