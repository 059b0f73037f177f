/* SPDX-License-Identifier: Apache-2.0 */
/* E27: no token is anybody's card or account. */
#include "vault/format.h"

#include "tests/unit/vault/format_rig.h"

TestSuite(format_pan, .init = secret_start);
TestSuite(format_iban, .init = secret_start);

/* ---- card numbers ---- */

/* By the table of ISO/IEC 7812-1 annex B, not as the code does it. */
static bool is_luhn_valid(const char *digits)
{
    static const unsigned doubled[] = {0, 2, 4, 6, 8, 1, 3, 5, 7, 9};
    unsigned sum = 0;
    size_t len = strlen(digits);

    for (size_t i = 1; i <= len; i++) {
        unsigned d = (unsigned)(digits[len - i] - '0');

        sum += i % 2 == 0 ? doubled[d] : d;
    }
    return sum % 10 == 0;
}

static void check_pan(const char *token, const char *value)
{
    size_t digits = strspn(value, "0123456789");

    if (value[digits] != '\0')
        digits = 16; /* the one with separators */
    if (strlen(token) != digits || strspn(token, "0123456789") != digits ||
        strncmp(token, "99", 2) != 0)
        cr_assert_fail("%s is no card number of %zu digits in 99", token, digits);
    if (is_luhn_valid(token))
        cr_assert_fail("%s passes", token);
}

static void check_pan_last(const char *token, const char *value)
{
    check_pan(token, value);
    if (strcmp(token + strlen(token) - 4, value + strlen(value) - 4) != 0)
        cr_assert_fail("%s does not end like %s", token, value);
}

static const char *const cards[] = {"4222222222222",      "42222222222222",    "378282246310005",
                                    "4111111111111111",   "41111111111111111", "411111111111111111",
                                    "4111111111111111111"};

Test(format_pan, is_never_a_card)
{
    struct format_spec spec = rig_plain(TOKEN_PAN);

    for (size_t i = 0; i < COUNT_OF(cards); i++)
        rig_some_tokens(&spec, cards[i], check_pan, RIG_FEW);
    rig_tokens(&spec, "4111 1111-1111 1111", check_pan);
    rig_whole_only(&spec, cards[3]);
}

Test(format_pan, keeps_the_last_four)
{
    struct format_spec spec = rig_spec(TOKEN_PAN, NULL, NULL, 4);

    for (size_t i = 0; i < COUNT_OF(cards); i++)
        rig_some_tokens(&spec, cards[i], check_pan_last, RIG_FEW);
    rig_tokens(&spec, "4111 1111 1111 0042", check_pan_last);
    rig_some_tokens(&spec, "5555555555559999", check_pan_last, RIG_FEW);
}

Test(format_pan, is_the_same_number_whatever_four_are_kept)
{
    struct format_spec spec = rig_spec(TOKEN_PAN, NULL, NULL, 4);
    struct format_shape shape = rig_shape(&spec, cards[3]);
    struct token_text text;
    char card[17];

    for (unsigned last = 0; last < 10000; last++) {
        (void)snprintf(card, sizeof(card), "411111111111%04u", last);
        rig_write(&spec, &shape, 12345, card, &text);
        check_pan_last(text.bytes, card);
        rig_reads_as(&spec, text.bytes, &shape, 12345);
    }
}

Test(format_pan, has_the_capacity_of_its_length)
{
    struct format_spec spec = rig_plain(TOKEN_PAN), last = rig_spec(TOKEN_PAN, NULL, NULL, 4);
    struct format_shape shortest = {"13"}, longest = {"19"};

    /* 13 digits but two, one and four leave six, and nine of ten that fail. */
    cr_assert_eq(format_capacity(&last, &shortest), 9000000);
    cr_assert_eq(format_capacity(&last, &longest), UINT64_C(1000000000000));
    cr_assert_eq(format_capacity(&spec, &shortest), UINT64_C(90000000000));
    cr_assert_eq(format_capacity(&spec, &longest), UINT64_C(1000000000000));
}

Test(format_pan, is_refused_by_what_is_no_card_number)
{
    static const char *const texts[] = {"",
                                        "411111111111",
                                        "41111111111111111111",
                                        "4111-1111-1111-111x",
                                        " 4111111111111111",
                                        "4111111111111111 ",
                                        "4111  111111111111",
                                        "4111.1111.1111.1111",
                                        "+4111111111111111",
                                        NULL};
    static const char *const owned[] = {"9900000000000000", "9912 3456 7890 1234",
                                        "99-1234567890123", NULL};
    struct format_spec spec = rig_plain(TOKEN_PAN);

    rig_refused(&spec, texts);
    rig_owned(&spec, owned);
}

Test(format_pan, is_read_in_groups)
{
    struct format_spec spec = rig_plain(TOKEN_PAN);
    struct format_shape shape = rig_shape(&spec, cards[3]);
    struct token_text text;
    const char *token = rig_write(&spec, &shape, 42, cards[3], &text);
    char other[24];

    (void)snprintf(other, sizeof(other), "%.4s %.4s %.4s %s", token, token + 4, token + 8,
                   token + 12);
    rig_reads_as(&spec, other, &shape, 42);
}

Test(format_pan, reads_no_number_that_passes_or_begins_otherwise)
{
    struct format_spec spec = rig_plain(TOKEN_PAN), last = rig_spec(TOKEN_PAN, NULL, NULL, 4);
    char text[24];

    for (unsigned i = 0; i < 100000; i++) {
        size_t len = 13 + rig_random() % 7;

        (void)snprintf(text, sizeof(text), "%019llu",
                       (unsigned long long)(rig_random() % UINT64_C(10000000000000000000)));
        text[len] = '\0';
        if (i % 2 == 0) { /* in the space, but a number that passes */
            text[0] = text[1] = '9';
            while (!is_luhn_valid(text))
                text[len - 1] = text[len - 1] == '9' ? '0' : (char)(text[len - 1] + 1);
        } else if (strncmp(text, "99", 2) == 0) {
            text[0] = '4';
        }
        cr_assert_not(rig_reads(&spec, text), "%s", text);
        cr_assert_not(rig_reads(&last, text), "%s", text);
    }
}

/* ---- account numbers ---- */

/* ISO 7064 as ISO 13616 tells it: the first four behind, letters as 10 to 35, remainder 1. */
static unsigned mod97(const char *iban)
{
    char moved[40], digits[80];
    size_t len = strlen(iban), count = 0;
    unsigned rest = 0;

    (void)snprintf(moved, sizeof(moved), "%s%.4s", iban + 4, iban);
    for (size_t i = 0; i < len; i++) {
        int n = moved[i] <= '9' ? moved[i] - '0' : moved[i] - 'A' + 10;

        if (n >= 10)
            digits[count++] = (char)('0' + n / 10);
        digits[count++] = (char)('0' + n % 10);
    }
    for (size_t i = 0; i < count; i++)
        rest = (rest * 10 + (unsigned)(digits[i] - '0')) % 97;
    return rest;
}

static bool is_mod97_valid(const char *iban)
{
    return mod97(iban) == 1;
}

/* Right check digits into a text that has 00 there. */
static void set_check(char *iban)
{
    unsigned check = 98 - mod97(iban);

    iban[2] = (char)('0' + check / 10);
    iban[3] = (char)('0' + check % 10);
    cr_assert(is_mod97_valid(iban));
}

static void check_iban(const char *token, const char *value)
{
    size_t len = 0;

    for (const char *c = value; *c != '\0'; c++)
        len += *c != ' ';
    if (strlen(token) != len || strncmp(token, "ZZ", 2) != 0 ||
        strspn(token + 2, "0123456789") != len - 2)
        cr_assert_fail("%s is not like %s", token, value);
    if (!is_mod97_valid(token) || strncmp(token + 2, "00", 2) == 0 ||
        strncmp(token + 2, "01", 2) == 0 || strncmp(token + 2, "99", 2) == 0)
        cr_assert_fail("%s has wrong check digits", token);
}

Test(format_iban, is_valid_in_no_country)
{
    static const char *const values[] = {"NO9386011117947",
                                         "BE68539007547034",
                                         "DE89370400440532013000",
                                         "GB29 NWBK 6016 1331 9268 19",
                                         "FR1420041010050500013M02606",
                                         "MT84MALT011000012345MTLCAST001S",
                                         "DE893704004405320130001234567890AB"};
    struct format_spec spec = rig_plain(TOKEN_IBAN);

    for (size_t i = 0; i < COUNT_OF(values); i++)
        rig_some_tokens(&spec, values[i], check_iban, i == 2 ? RIG_COUNT : RIG_FEW);
    rig_whole_only(&spec, values[2]);
}

Test(format_iban, has_the_capacity_of_its_length)
{
    struct format_spec spec = rig_plain(TOKEN_IBAN);

    cr_assert_eq(format_capacity(&spec, &(struct format_shape){"15"}), UINT64_C(100000000000));
    cr_assert_eq(format_capacity(&spec, &(struct format_shape){"34"}), UINT64_C(1000000000000));
    cr_assert_eq(format_capacity(&spec, &(struct format_shape){"14"}), 0);
    cr_assert_eq(format_capacity(&spec, &(struct format_shape){"35"}), 0);
}

Test(format_iban, is_refused_by_what_is_none)
{
    static const char *const texts[] = {"",
                                        "DE8937040044",
                                        "DE893704004405320130001234567890ABC",
                                        "D089370400440532013000",
                                        "DEX9370400440532013000",
                                        "DE8937040044053201300!",
                                        " DE89370400440532013000",
                                        "DE89370400440532013000 ",
                                        "DE89  370400440532013000",
                                        "370400440532013000",
                                        NULL};
    static const char *const owned[] = {"ZZ89370400440532013000", "zz89 3704 0044 0532 0130 00",
                                        "ZZ00ABCDEFGHIJKLMNOP", NULL};
    struct format_spec spec = rig_plain(TOKEN_IBAN);

    rig_refused(&spec, texts);
    rig_owned(&spec, owned);
}

Test(format_iban, is_read_in_groups_and_any_case)
{
    struct format_spec spec = rig_plain(TOKEN_IBAN);
    struct format_shape shape = rig_shape(&spec, "DE89370400440532013000");
    struct token_text text;
    const char *token = rig_write(&spec, &shape, 42, "", &text);
    char other[32];

    (void)snprintf(other, sizeof(other), "%.4s %.4s %.4s %.4s %.4s %s", token, token + 4, token + 8,
                   token + 12, token + 16, token + 20);
    rig_reads_as(&spec, other, &shape, 42);
    (void)snprintf(other, sizeof(other), "zz%s", token + 2);
    rig_reads_as(&spec, other, &shape, 42);
}

Test(format_iban, reads_no_account_of_a_country)
{
    /* Of the SWIFT registry; XK is Kosovo's. */
    static const char *const countries[] = {
        "AD", "AE", "AL", "AT", "AZ", "BA", "BE", "BG", "BR", "CH", "CY", "CZ", "DE", "DK",
        "EE", "ES", "FI", "FR", "GB", "GR", "HR", "HU", "IE", "IS", "IT", "LT", "LU", "LV",
        "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK", "SM", "VA", "XK"};
    struct format_spec spec = rig_plain(TOKEN_IBAN);
    char text[40];

    for (unsigned i = 0; i < 100000; i++) {
        (void)snprintf(text, sizeof(text), "%s00%018llu", countries[i % COUNT_OF(countries)],
                       (unsigned long long)(rig_random() % 1000000000000000000));
        set_check(text);
        cr_assert_not(rig_reads(&spec, text), "%s", text);
        cr_assert_not(format_owns(&spec, rig_key, span_str(text)), "%s", text);
    }
}

Test(format_iban, reads_none_whose_check_digits_are_wrong)
{
    struct format_spec spec = rig_plain(TOKEN_IBAN);
    struct format_shape shape = rig_shape(&spec, "DE89370400440532013000");
    struct token_text text;

    for (uint64_t n = 0; n < 1000; n++) {
        rig_write(&spec, &shape, n, "", &text);
        for (size_t i = 2; i < text.len; i++) {
            char right = text.bytes[i];

            text.bytes[i] = right == '9' ? '0' : (char)(right + 1);
            cr_assert_not(rig_reads(&spec, text.bytes), "%s", text.bytes);
            text.bytes[i] = right;
        }
    }
}

Test(format_iban, has_a_keyed_check_in_the_places_left_over)
{
    struct format_spec spec = rig_plain(TOKEN_IBAN);
    char text[40];
    unsigned read = 0;

    /* 22 characters leave six digits: one text in a million. */
    for (unsigned i = 0; i < 20000; i++) {
        (void)snprintf(text, sizeof(text), "ZZ00%018llu",
                       (unsigned long long)(rig_random() % 1000000000000000000));
        set_check(text);
        read += rig_reads(&spec, text);
    }
    cr_assert_leq(read, 1);
}
