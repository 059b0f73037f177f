/* SPDX-License-Identifier: Apache-2.0 */
/* Payment cards (ISO/IEC 7812) and bank accounts (ISO 13616).
 * Runs on: any thread. Holds: nothing. Not here: finding candidates (detect.c). */
#include "proxy/detect_priv.h"

#include <string.h>

#include "base/mem.h"

/* ---- cards ---- */

static bool passes_luhn(const char *digits, size_t len)
{
    unsigned sum = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned d = (unsigned)(digits[len - 1 - i] - '0');

        if (i % 2 == 1)
            d = d > 4 ? 2 * d - 9 : 2 * d;
        sum += d;
    }
    return sum % 10 == 0;
}

/* The ranges in which cards are issued, by their first four digits, and how long those are. */
static const struct {
    unsigned from, to;
    unsigned lengths; /* bits */
} issuers[] = {
    {2200, 2204, 1U << 16},                       /* Mir */
    {2221, 2720, 1U << 16},                       /* Mastercard */
    {3000, 3059, 1U << 14 | 1U << 16 | 1U << 19}, /* Diners Club */
    {3400, 3499, 1U << 15},                       /* American Express */
    {3528, 3589, 1U << 16 | 1U << 19},            /* JCB */
    {3600, 3699, 1U << 14 | 1U << 16 | 1U << 19}, /* Diners Club */
    {3700, 3799, 1U << 15},                       /* American Express */
    {3800, 3999, 1U << 14 | 1U << 16 | 1U << 19}, /* Diners Club */
    {4000, 4999, 1U << 13 | 1U << 16 | 1U << 19}, /* Visa */
    {5000, 5099, 1U << 16 | 1U << 19},            /* Maestro */
    {5100, 5599, 1U << 16},                       /* Mastercard */
    {5600, 5899, 1U << 16 | 1U << 19},            /* Maestro */
    {6000, 6999,
     1U << 16 | 1U << 17 | 1U << 18 | 1U << 19}, /* Discover, UnionPay, Maestro, RuPay */
    {8100, 8199, 1U << 16 | 1U << 17 | 1U << 18 | 1U << 19}, /* UnionPay */
};

bool detect__is_card(const char *digits, size_t len)
{
    unsigned first = 0;

    if (len < 13 || len > 19)
        return false;
    for (size_t i = 0; i < 4; i++)
        first = first * 10 + (unsigned)(digits[i] - '0');
    for (size_t i = 0; i < COUNT_OF(issuers); i++)
        if (first >= issuers[i].from && first <= issuers[i].to)
            return (issuers[i].lengths >> len & 1) != 0 && passes_luhn(digits, len);
    return false;
}

/* ---- accounts ---- */

/* Each country's IBANs have one length: the registry of ISO 13616. */
static const struct {
    char length;
    const char *countries;
} accounts[] = {
    {15, "NO"},
    {16, "BE"},
    {18, "DK FI FK FO GL NL SD"},
    {19, "MK SI"},
    {20, "AT BA EE KZ LT LU MN XK"},
    {21, "CH CR HR LI LV"},
    {22, "BG BH DE GB GE IE ME RS VA"},
    {23, "AE GI IL IQ OM SO TL"},
    {24, "AD CZ ES MD PK RO SA SE SK TN VG"},
    {25, "LY PT ST"},
    {26, "IS TR"},
    {27, "BI DJ FR GR IT MC MR SM"},
    {28, "AL AZ BY CY DO GT HN HU LB NI PL SV"},
    {29, "BR EG PS QA UA"},
    {30, "JO KW MU YE"},
    {31, "MT SC"},
    {32, "LC"},
    {33, "RU"},
};

static bool is_country(const char *text, size_t len)
{
    for (size_t i = 0; i < COUNT_OF(accounts); i++) {
        if ((size_t)accounts[i].length != len)
            continue;
        for (const char *c = accounts[i].countries; *c != '\0'; c += c[2] == '\0' ? 2 : 3)
            if (memcmp(c, text, 2) == 0)
                return true;
    }
    return false;
}

bool detect__is_iban(const char *text, size_t len)
{
    unsigned rest = 0;

    if (len < 15 || text[2] < '0' || text[2] > '9' || text[3] < '0' || text[3] > '9' ||
        !is_country(text, len))
        return false;
    for (size_t i = 0; i < len; i++) { /* the first four come last */
        const char c = text[(i + 4) % len];

        rest = c >= '0' && c <= '9' ? rest * 10 + (unsigned)(c - '0')
                                    : rest * 100 + (unsigned)(c - 'A' + 10);
        rest %= 97;
    }
    return rest == 1;
}
