/* SPDX-License-Identifier: Apache-2.0 */
/* E27: no token is anybody's address. */
#include "vault/format.h"

#include <arpa/inet.h>

#include "tests/unit/vault/format_rig.h"

TestSuite(format_uuid, .init = secret_start);
TestSuite(format_ipv4, .init = secret_start);
TestSuite(format_ipv6, .init = secret_start);

/* ---- uuid ---- */

static const char UUID[] = "0f8fad5b-d9cb-469f-a165-70867728950e";

static void check_uuid(const char *token, const char *value)
{
    (void)value;
    if (strlen(token) != 36)
        cr_assert_fail("%s is no UUID", token);
    for (size_t i = 0; i < 36; i++) {
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;

        if (hyphen ? token[i] != '-' : strchr("0123456789abcdef", token[i]) == NULL)
            cr_assert_fail("%s is no UUID", token);
    }
    if (token[14] != '8' || strchr("89ab", token[19]) == NULL)
        cr_assert_fail("%s has another version or variant", token);
}

Test(format_uuid, is_one_of_version_8)
{
    struct format_spec spec = rig_plain(TOKEN_UUID);
    struct format_shape shape = rig_shape(&spec, UUID);

    cr_assert_eq(format_capacity(&spec, &shape), FORMAT_NUMBERS_MAX);
    rig_tokens(&spec, UUID, check_uuid);
    rig_whole_only(&spec, UUID);
}

Test(format_uuid, uses_every_bit)
{
    struct format_spec spec = rig_plain(TOKEN_UUID);
    struct format_shape shape = rig_shape(&spec, UUID);
    unsigned ones[36][16] = {{0}};
    struct token_text text;

    for (uint64_t n = 0; n < 8000; n++) {
        rig_write(&spec, &shape, n, UUID, &text);
        for (size_t i = 0; i < 36; i++) {
            if (text.bytes[i] != '-')
                ones[i][text.bytes[i] <= '9' ? text.bytes[i] - '0' : text.bytes[i] - 'a' + 10]++;
        }
    }
    for (size_t i = 0; i < 36; i++) {
        for (size_t d = 0; d < 16 && i != 14 && i != 19 && text.bytes[i] != '-'; d++)
            cr_assert(ones[i][d] > 380 && ones[i][d] < 620, "%zu: %u times %zx", i, ones[i][d], d);
    }
}

static void make_uuid(char *text, unsigned version)
{
    unsigned long long a = rig_random(), b = rig_random();

    (void)snprintf(text, 37, "%08llx-%04llx-%x%03llx-%c%03llx-%012llx", a >> 32, a >> 16 & 0xffff,
                   version, a & 0xfff, "89ab"[b & 3], b >> 4 & 0xfff, b >> 16);
}

Test(format_uuid, is_told_from_those_of_others)
{
    struct format_spec spec = rig_plain(TOKEN_UUID);
    char text[40];

    for (unsigned i = 0; i < 200000; i++) {
        make_uuid(text, i % 2 == 0 ? 8 : 1 + i / 2 % 7);
        cr_assert_not(rig_reads(&spec, text), "%s", text);
        cr_assert_not(format_owns(&spec, rig_key, span_str(text)), "%s", text);
    }
}

Test(format_uuid, has_no_digit_that_can_be_changed)
{
    struct format_spec spec = rig_plain(TOKEN_UUID);
    struct format_shape shape = rig_shape(&spec, UUID);
    struct token_text text;

    for (uint64_t n = 0; n < 200; n++) {
        rig_write(&spec, &shape, n, UUID, &text);
        for (size_t i = 0; i < 36; i++) {
            char right = text.bytes[i];

            for (const char *c = "0123456789abcdef"; *c != '\0'; c++) {
                text.bytes[i] = *c;
                cr_assert(*c == right || !rig_reads(&spec, text.bytes), "%s", text.bytes);
            }
            text.bytes[i] = right;
        }
    }
}

Test(format_uuid, is_read_in_either_case)
{
    struct format_spec spec = rig_plain(TOKEN_UUID);
    struct format_shape shape = rig_shape(&spec, UUID);
    struct token_text text;

    for (uint64_t n = 0; n < 100; n++) {
        rig_write(&spec, &shape, n, UUID, &text);
        for (size_t i = 0; i < text.len; i++) {
            if (text.bytes[i] >= 'a')
                text.bytes[i] -= 'a' - 'A';
        }
        rig_reads_as(&spec, text.bytes, &shape, n);
        cr_assert(format_owns(&spec, rig_key, span_str(text.bytes)));
    }
}

Test(format_uuid, is_refused_by_what_is_none)
{
    static const char *const texts[] = {"",
                                        "0f8fad5b-d9cb-469f-a165-70867728950",
                                        "0f8fad5b-d9cb-469f-a165-70867728950ee",
                                        "0f8fad5bd9cb469fa16570867728950e",
                                        "{0f8fad5b-d9cb-469f-a165-70867728950e}",
                                        "0f8fad5b-d9cb-469f-a165-7086772895ge",
                                        "0f8fad5b-d9cb-469f-a16570-867728950e",
                                        NULL};
    static const char *const taken[] = {
        "0F8FAD5B-D9CB-469F-A165-70867728950E", "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff", "0f8fad5b-d9cb-869f-a165-70867728950e", NULL};
    struct format_spec spec = rig_plain(TOKEN_UUID);

    rig_refused(&spec, texts);
    rig_taken(&spec, taken, "*");
}

/* ---- ipv4 ---- */

static void check_reserved(const char *token, const char *value)
{
    struct in_addr address;
    char again[INET_ADDRSTRLEN];

    (void)value;
    if (inet_pton(AF_INET, token, &address) != 1 || ntohl(address.s_addr) < 0xf0000000 ||
        ntohl(address.s_addr) == 0xffffffff)
        cr_assert_fail("%s is not reserved", token);
    if (strcmp(inet_ntop(AF_INET, &address, again, sizeof(again)), token) != 0)
        cr_assert_fail("%s is not canonical", token);
}

static void check_documentation(const char *token, const char *value)
{
    struct in_addr address;

    (void)value;
    if (inet_pton(AF_INET, token, &address) != 1 ||
        (strncmp(token, "192.0.2.", 8) != 0 && strncmp(token, "198.51.100.", 11) != 0 &&
         strncmp(token, "203.0.113.", 10) != 0))
        cr_assert_fail("%s is not for documentation", token);
}

Test(format_ipv4, lies_where_nobody_is)
{
    struct format_spec spec = rig_plain(TOKEN_IPV4);
    struct format_spec documentation = rig_spec(TOKEN_IPV4, "documentation", NULL, -1);
    struct format_shape shape = rig_shape(&spec, "10.0.0.1");

    cr_assert_eq(format_capacity(&spec, &shape), 0x0fffffff);
    rig_tokens(&spec, "10.0.0.1", check_reserved);
    /* 768 addresses of 768: the sequence ends exactly. */
    cr_assert_eq(format_capacity(&documentation, &shape), 768);
    rig_tokens(&documentation, "10.0.0.1", check_documentation);
}

Test(format_ipv4, is_read_nowhere_else)
{
    static const char *const outside[] = {"239.255.255.255", "255.255.255.255", "0.0.0.0",
                                          "192.0.1.255",     "192.0.3.0",       "198.51.101.0",
                                          "203.0.112.255",   "203.0.114.0",     NULL};
    struct format_spec spec = rig_plain(TOKEN_IPV4);
    struct format_spec documentation = rig_spec(TOKEN_IPV4, "documentation", NULL, -1);
    char text[20];

    rig_taken(&spec, outside, "*");
    rig_taken(&documentation, outside, "*");
    cr_assert(rig_reads(&spec, "240.0.0.0"));
    cr_assert(rig_reads(&spec, "255.255.255.254"));
    cr_assert(rig_reads(&documentation, "203.0.113.255"));
    for (unsigned i = 0; i < 100000; i++) {
        uint32_t a = (uint32_t)(rig_random() % 0xf0000000);

        (void)snprintf(text, sizeof(text), "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255,
                       a & 255);
        cr_assert_not(rig_reads(&spec, text), "%s", text);
    }
}

Test(format_ipv4, is_refused_by_what_is_none)
{
    static const char *const texts[] = {"",          "1.2.3",      "1.2.3.4.5", "256.0.0.1",
                                        "01.2.3.4",  "1.2.3.4 ",   " 1.2.3.4",  "1.2.3.4/8",
                                        "0x1.2.3.4", "4294967295", "::1",       "250.250.250.2500",
                                        "1..2.3",    "240.0.0.01", NULL};
    struct format_spec spec = rig_plain(TOKEN_IPV4);
    struct format_shape shape;
    uint64_t n;

    rig_refused(&spec, texts);
    cr_assert_eq(format_shape(&spec, VALUE_STRING, SPAN_LIT("1.2.3.4\0"), &shape),
                 ERR_UNPROCESSABLE);
    cr_assert_eq(format_read(&spec, rig_key, SPAN_LIT("240.0.0.1\0"), &shape, &n), ERR_NOT_FOUND);
}

/* ---- ipv6 ---- */

/* RFC 5952, checked by its rules. */
static void check_ipv6(const char *token, const char *value)
{
    struct in6_addr address;

    (void)value;
    if (inet_pton(AF_INET6, token, &address) != 1 || strncmp(token, "2001:db8:", 9) != 0)
        cr_assert_fail("%s is not for documentation", token);
    if (strspn(token, "0123456789abcdef:") != strlen(token))
        cr_assert_fail("%s is not in lower case", token);
    for (const char *c = token; *c != '\0';
         c++) { /* no leading zeroes, no field of four too many */
        if (*c == ':' && c[1] == '0' && c[2] != ':' && c[2] != '\0')
            cr_assert_fail("%s has a leading zero", token);
    }
    if (strstr(token, ":0:0:") != NULL && strstr(token, "::") == NULL)
        cr_assert_fail("%s could be shorter", token);
}

Test(format_ipv6, is_for_documentation)
{
    struct format_spec spec = rig_plain(TOKEN_IPV6);
    struct format_shape shape = rig_shape(&spec, "fe80::1");

    cr_assert_eq(format_capacity(&spec, &shape), FORMAT_NUMBERS_MAX);
    rig_tokens(&spec, "2a00:1450:4001:82f::200e", check_ipv6);
    rig_whole_only(&spec, "fe80::1");
}

Test(format_ipv6, is_read_in_any_spelling)
{
    struct format_spec spec = rig_plain(TOKEN_IPV6);
    struct format_shape shape = rig_shape(&spec, "::1");
    struct token_text text;
    struct in6_addr a;
    char full[50];

    for (uint64_t n = 0; n < 1000; n++) {
        rig_write(&spec, &shape, n, "::1", &text);
        cr_assert_eq(inet_pton(AF_INET6, text.bytes, &a), 1);
        (void)snprintf(
            full, sizeof(full), "%02X%02X:%02X%02X:%02X%02X:%02X%02X:%02X%02X:%02X%02X:%u.%u.%u.%u",
            a.s6_addr[0], a.s6_addr[1], a.s6_addr[2], a.s6_addr[3], a.s6_addr[4], a.s6_addr[5],
            a.s6_addr[6], a.s6_addr[7], a.s6_addr[8], a.s6_addr[9], a.s6_addr[10], a.s6_addr[11],
            a.s6_addr[12], a.s6_addr[13], a.s6_addr[14], a.s6_addr[15]);
        rig_reads_as(&spec, full, &shape, n);
    }
}

Test(format_ipv6, is_told_from_addresses_of_others)
{
    struct format_spec spec = rig_plain(TOKEN_IPV6);
    char text[50];

    for (unsigned i = 0; i < 100000; i++) {
        uint64_t a = rig_random(), b = rig_random();

        (void)snprintf(text, sizeof(text), "%s:%llx:%llx:%llx:%llx:%llx:%llx",
                       i % 2 == 0 ? "2001:db8" : "2a00:1450", (unsigned long long)(a & 0xffff),
                       (unsigned long long)(a >> 16 & 0xffff),
                       (unsigned long long)(a >> 32 & 0xffff), (unsigned long long)(b & 0xffff),
                       (unsigned long long)(b >> 16 & 0xffff),
                       (unsigned long long)(b >> 32 & 0xffff));
        cr_assert_not(rig_reads(&spec, text), "%s", text);
        cr_assert_not(format_owns(&spec, rig_key, span_str(text)), "%s", text);
    }
}

Test(format_ipv6, is_refused_by_what_is_none)
{
    static const char *const texts[] = {
        "",        ":",   ":::",    "1::2::3", "fe80::1%eth0",      "::1 ", "[::1]",
        "12345::", "g::", "::1/64", "1.2",     "1:2:3:4:5:6:7:8:9", NULL};
    static const char *const taken[] = {"::",       "::1",        "FE80::1",     "::ffff:10.0.0.1",
                                        "10.0.0.1", "2001:db8::", "2001:db8::1", NULL};
    struct format_spec spec = rig_plain(TOKEN_IPV6);

    rig_refused(&spec, texts);
    rig_taken(&spec, taken, "*");
}
