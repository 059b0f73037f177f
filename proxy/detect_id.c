/* SPDX-License-Identifier: Apache-2.0 */
/* National numbers with check digits:
 *
 *   DE  Steuer-Identifikationsnummer   11 digits
 *   ES  DNI and NIE                    8 digits and a letter; X, Y or Z, 7 digits and a letter
 *   FR  numéro de sécurité sociale     15 digits (2A and 2B for Corsica)
 *   IT  codice fiscale                 16 letters and digits
 *   NL  burgerservicenummer            9 digits; only where nothing else stands in the text, since one in
 *                                      eleven of all such numbers passes its check
 *   PL  PESEL                          11 digits that begin with a date
 *
 * Runs on: any thread. Holds: nothing. Not here: finding candidates (detect.c). */
#include "proxy/detect_priv.h"

#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool are_digits(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!is_digit(text[i]))
            return false;
    return true;
}

static unsigned number(const char *digits, size_t len)
{
    unsigned n = 0;

    for (size_t i = 0; i < len; i++)
        n = n * 10 + (unsigned)(digits[i] - '0');
    return n;
}

static unsigned weigh(const char *digits, const char *weights, size_t len)
{
    unsigned sum = 0;

    for (size_t i = 0; i < len; i++)
        sum += (unsigned)(digits[i] - '0') * (unsigned)(weights[i] - '0');
    return sum;
}

/* ISO 7064 MOD 11,10; of the first ten digits one comes twice or three times, the others once. */
static bool is_german(const char *d)
{
    unsigned product = 10, seen[10] = {0}, repeated = 0;

    for (size_t i = 0; i < 10; i++) {
        unsigned sum = ((unsigned)(d[i] - '0') + product) % 10;

        product = 2 * (sum == 0 ? 10 : sum) % 11;
        seen[d[i] - '0']++;
    }
    for (size_t i = 0; i < 10; i++) {
        if (seen[i] > 3)
            return false;
        repeated += seen[i] > 1;
    }
    return d[0] != '0' && repeated == 1 && (11 - product) % 10 == (unsigned)(d[10] - '0');
}

/* YYMMDD, with the century in the month; weights 1 3 7 9. */
static bool is_polish(const char *d)
{
    const unsigned month = number(d + 2, 2) % 20, day = number(d + 4, 2);

    return month >= 1 && month <= 12 && day >= 1 && day <= 31 &&
           weigh(d, "13791379131", 11) % 10 == 0;
}

static bool is_dutch(const char *d)
{
    const unsigned sum = weigh(d, "98765432", 8);
    const unsigned last = (unsigned)(d[8] - '0');

    return number(d, 9) != 0 && sum % 11 == last;
}

static bool is_spanish(const char *text)
{
    static const char letters[] = "TRWAGMYFPDXBNJZSQVHLCKE", begins[] = "XYZ";
    const char *foreign = memchr(begins, text[0], 3);
    unsigned n;

    if (!are_digits(text + 1, 7) || (foreign == NULL && !is_digit(text[0])))
        return false;
    n = number(text + 1, 7) +
        10000000 * (foreign == NULL ? (unsigned)(text[0] - '0') : (unsigned)(foreign - begins));
    return letters[n % 23] == text[8];
}

/* Sex, year, month, department, commune, order, key. */
static bool is_french(const char *text)
{
    char digits[15];
    unsigned month, rest = 0;

    memcpy(digits, text, sizeof(digits));
    if (digits[5] == '2' && (digits[6] == 'A' || digits[6] == 'B')) {
        digits[5] = '1'; /* they count as 19 and 18 */
        digits[6] = digits[6] == 'A' ? '9' : '8';
    }
    if (!are_digits(digits, 15) || memchr("123478", digits[0], 6) == NULL)
        return false;
    month = number(digits + 3, 2);
    if (month < 1 || (month > 12 && month < 20))
        return false;
    for (size_t i = 0; i < 13; i++)
        rest = (rest * 10 + (unsigned)(digits[i] - '0')) % 97;
    return 97 - rest == number(digits + 13, 2);
}

/* What a character is worth on an odd place; on an even one its number in 0-9 or A-Z. */
static unsigned odd_value(unsigned n)
{
    static const unsigned char values[] = {1,  0,  5, 7, 9, 13, 15, 17, 19, 21, 2,  4,  18,
                                           20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23};

    return values[n];
}

/* LLLLLLDDLDDLDDDL, where a letter may stand for a digit (omocodia). */
static bool is_italian(const char *text)
{
    static const char shape[] = "LLLLLLDDLDDLDDDL", stand_ins[] = "LMNPQRSTUV";
    unsigned sum = 0;

    for (size_t i = 0; i < 16; i++) {
        const char c = text[i];
        const bool letter = !is_digit(c);
        const unsigned n = (unsigned)(letter ? c - 'A' : c - '0');

        if (shape[i] == 'L' ? !letter : letter && memchr(stand_ins, c, 10) == NULL)
            return false;
        if (i < 15)
            sum += i % 2 == 0 ? odd_value(n) : n;
    }
    return memchr("ABCDEHLMPRST", text[8], 12) != NULL && sum % 26 == (unsigned)(text[15] - 'A');
}

bool detect__is_id(const char *text, size_t len, bool whole)
{
    switch (len) {
    case 9:
        return is_spanish(text) || (whole && are_digits(text, 9) && is_dutch(text));
    case 11:
        return are_digits(text, 11) && (is_german(text) || is_polish(text));
    case 15:
        return is_french(text);
    case 16:
        return is_italian(text);
    default:
        return false;
    }
}
