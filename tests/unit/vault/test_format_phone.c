/* SPDX-License-Identifier: Apache-2.0 */
/* E27: no token is anybody's number. */
#include "vault/format.h"

#include "tests/unit/vault/format_rig.h"

TestSuite(format_phone, .init = secret_start);

/* Every assigned country code of ITU-T E.164's list, by which numbers would reach somebody. Short for a
 * zone: all codes that begin so. */
static const char *const assigned[] = {
    "1",   "20",  "211", "212", "213", "216", "218", "22",  "23",  "24",  "250", "251", "252",
    "253", "254", "255", "256", "257", "258", "26",  "27",  "290", "291", "297", "298", "299",
    "3",   "40",  "41",  "420", "421", "423", "43",  "44",  "45",  "46",  "47",  "48",  "49",
    "5",   "60",  "61",  "62",  "63",  "64",  "65",  "66",  "670", "672", "673", "674", "675",
    "676", "677", "678", "679", "68",  "690", "691", "692", "7",   "800", "808", "81",  "82",
    "84",  "850", "852", "853", "855", "856", "86",  "870", "878", "880", "881", "882", "883",
    "886", "888", "90",  "91",  "92",  "93",  "94",  "95",  "960", "961", "962", "963", "964",
    "965", "966", "967", "968", "970", "971", "972", "973", "974", "975", "976", "977", "979",
    "98",  "991", "992", "993", "994", "995", "996", "998",
};

static void check_e164(const char *token)
{
    size_t digits = strspn(token + 1, "0123456789");

    if (token[0] != '+' || token[1] == '0' || token[1 + digits] != '\0' || digits > 15 ||
        digits < 8)
        cr_assert_fail("%s is not E.164", token);
}

static void check_reserved(const char *token, const char *value)
{
    (void)value;
    check_e164(token);
    for (size_t i = 0; i < COUNT_OF(assigned); i++) {
        if (strncmp(token + 1, assigned[i], strlen(assigned[i])) == 0)
            cr_assert_fail("%s is a number of +%s", token, assigned[i]);
    }
}

Test(format_phone, of_the_reserved_range_has_a_country_code_that_nobody_has)
{
    struct format_spec spec = rig_plain(TOKEN_PHONE);
    struct format_shape shape = rig_shape(&spec, "030 123");

    cr_assert_eq(format_capacity(&spec, &shape), UINT64_C(1000000000000));
    rig_tokens(&spec, "+49 30 901820", check_reserved);
    rig_whole_only(&spec, "+49 30 901820");
}

static void check_us(const char *token, const char *value)
{
    (void)value;
    check_e164(token);
    /* +1 NPA 555 01XX; area codes begin with 2-9 and are no N11, toll-free codes 8XX of one digit. */
    if (strlen(token) != 12 || strncmp(token, "+1", 2) != 0 || token[2] < '2' || token[3] == '9' ||
        token[3] == token[4] || strncmp(token + 5, "55501", 5) != 0)
        cr_assert_fail("%s is not fictional", token);
}

static unsigned count_tokens(const struct format_spec *spec, const char *prefix)
{
    struct format_shape shape = rig_shape(spec, "x");
    struct token_text text;
    unsigned found = 0;

    for (uint64_t n = 0; n < format_capacity(spec, &shape); n++)
        found += strncmp(rig_write(spec, &shape, n, "", &text), prefix, strlen(prefix)) == 0;
    return found;
}

Test(format_phone, of_the_us_is_555_01xx)
{
    struct format_spec spec = rig_spec(TOKEN_PHONE, "us", NULL, -1);
    struct format_shape shape = rig_shape(&spec, "x");

    rig_tokens(&spec, "(212) 555-2368", check_us);
    rig_whole_only(&spec, "(212) 555-2368");
    cr_assert_eq(format_capacity(&spec, &shape), 26800, "as docs/TOKENS.md says");
    cr_assert_eq(count_tokens(&spec, "+121255501"), 100, "each number of an area once");
    cr_assert_eq(count_tokens(&spec, "+1800"), 0);
}

/* Written here once more, from Ofcom's page. */
static void check_gb(const char *token, const char *value)
{
    static const char cities[][5] = {"+4411", "+4412", "+4413", "+4414", "+4415", "+4416"};
    static const char *const others[] = {"+44 20 7946 0", "+44 191 498 0", "+44 29 2018 0",
                                         "+44 1632 960",  "+44 7700 900",  "+44 3069 990"};
    char squeezed[16];
    bool found = false;

    (void)value;
    check_e164(token);
    cr_assert_eq(strlen(token), 13, "%s", token);
    for (size_t i = 0; i < COUNT_OF(cities); i++)
        found = found || (memcmp(token, cities[i], 5) == 0 && strncmp(token + 6, "4960", 4) == 0);
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        size_t len = 0;

        for (const char *c = others[i]; *c != '\0'; c++) {
            if (*c != ' ')
                squeezed[len++] = *c;
        }
        found = found || strncmp(token, squeezed, len) == 0;
    }
    if (!found)
        cr_assert_fail("%s is not for drama", token);
}

Test(format_phone, of_great_britain_is_for_drama)
{
    struct format_spec spec = rig_spec(TOKEN_PHONE, "gb", NULL, -1);
    struct format_shape shape = rig_shape(&spec, "x");

    rig_tokens(&spec, "020 7219 3000", check_gb);
    rig_whole_only(&spec, "020 7219 3000");
    cr_assert_eq(format_capacity(&spec, &shape), 17000);
    cr_assert_eq(count_tokens(&spec, "+447700900"), 1000);
    cr_assert_eq(count_tokens(&spec, "+442079460"), 1000);
}

static void check_de(const char *token, const char *value)
{
    static const char *const ranges[] = {"+493023125", "+496990009", "+494066969", "+492214710",
                                         "+498999998"};
    bool found = false;

    (void)value;
    check_e164(token);
    for (size_t i = 0; i < COUNT_OF(ranges); i++)
        found = found || (strncmp(token, ranges[i], 10) == 0 && strlen(token) == 13);
    if (!found)
        cr_assert_fail("%s is not for media", token);
}

Test(format_phone, of_germany_is_for_media)
{
    struct format_spec spec = rig_spec(TOKEN_PHONE, "de", NULL, -1);
    struct format_shape shape = rig_shape(&spec, "x");

    rig_tokens(&spec, "030 901820", check_de);
    rig_whole_only(&spec, "030 901820");
    cr_assert_eq(format_capacity(&spec, &shape), 5000);
}

Test(format_phone, takes_numbers_as_people_write_them)
{
    static const char *const values[] = {"+49 30 901820",
                                         "030/90 18-20",
                                         "(212) 555-2368 ext. 7",
                                         "0044 20 7219 3000",
                                         "none",
                                         "",
                                         "+8613800138000",
                                         "999",
                                         "28",
                                         "+27 11 123 4567",
                                         NULL};
    static const char *const ranges[] = {"reserved", "us", "gb", "de"};

    for (size_t i = 0; i < COUNT_OF(ranges); i++) {
        struct format_spec spec = rig_spec(TOKEN_PHONE, ranges[i], NULL, -1);

        rig_taken(&spec, values, "*");
    }
}

Test(format_phone, is_read_however_it_is_grouped)
{
    struct format_spec spec = rig_spec(TOKEN_PHONE, "us", NULL, -1);
    struct format_shape shape = rig_shape(&spec, "x");
    struct token_text text;
    const char *token = rig_write(&spec, &shape, 7, "x", &text);
    char other[40];

    (void)snprintf(other, sizeof(other), "+1 (%.3s) 555-%s", token + 2, token + 8);
    rig_reads_as(&spec, other, &shape, 7);
    (void)snprintf(other, sizeof(other), "001%s", token + 2);
    rig_reads_as(&spec, other, &shape, 7);
    (void)snprintf(other, sizeof(other), "%s", token + 1);
    cr_assert_not(rig_reads(&spec, other), "no plus sign: another country's number perhaps");
    (void)snprintf(other, sizeof(other), "+0%s", token + 1);
    cr_assert_not(rig_reads(&spec, other));
}

Test(format_phone, owns_its_range_whatever_the_check_says)
{
    static const char *const values[] = {"+280123456789012", "+28 9999 999 999 999",
                                         "0028 0000000000000", NULL};
    struct format_spec spec = rig_plain(TOKEN_PHONE);
    unsigned read = 0;
    char text[20];

    rig_owned(&spec, values);
    for (unsigned i = 0; i < 10000; i++) {
        (void)snprintf(text, sizeof(text), "+28%013llu",
                       (unsigned long long)(rig_random() % 10000000000000));
        cr_assert(format_owns(&spec, rig_key, span_str(text)));
        read += rig_reads(&spec, text);
    }
    cr_assert(read > 800 && read < 1200, "one digit is a check: %u", read);
}

Test(format_phone, reads_no_number_of_an_assigned_country)
{
    struct format_spec spec = rig_plain(TOKEN_PHONE);
    char text[20];

    for (unsigned i = 0; i < 100000; i++) {
        (void)snprintf(text, sizeof(text), "+%s%012llu", assigned[i % COUNT_OF(assigned)],
                       (unsigned long long)(rig_random() % 1000000000000));
        cr_assert_not(rig_reads(&spec, text), "%s", text);
        cr_assert_not(format_owns(&spec, rig_key, span_str(text)), "%s", text);
    }
}
