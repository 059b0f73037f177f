/* SPDX-License-Identifier: Apache-2.0 */
/* E16: what looks like personal data. The numbers are published examples or made from their rules. */
#include "proxy/detect.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

struct example {
    const char *text;
    enum detect_kind kind;
};

static void expect_all(const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const enum detect_kind kind = detect_personal(span_str(examples[i].text));

        cr_expect_eq(kind, examples[i].kind, "%s: %s", examples[i].text, detect_kind_name(kind));
    }
}

Test(detect, finds_addresses)
{
    static const struct example examples[] = {
        {"ada@example.org", DETECT_EMAIL},
        {"write to ada.lovelace+x@mail.example.org, please", DETECT_EMAIL},
        {"ada@example.org.", DETECT_EMAIL},
        {"<ada@example.org>", DETECT_EMAIL},
        {"\"a\":\"ada@xn--bcher-kva.example\"", DETECT_EMAIL},
        {"j\xC3\xBCrgen@b\xC3\xBC"
         "cher.example",
         DETECT_EMAIL},
        {"@b @@ x@y.example", DETECT_EMAIL},
        {"ada@localhost", DETECT_NOTHING},
        {"@example.org", DETECT_NOTHING},
        {" @example.org", DETECT_NOTHING},
        {"ada@", DETECT_NOTHING},
        {"ada@.org", DETECT_NOTHING},
        {"ada@example..org", DETECT_NOTHING},
        {"ada@example.o", DETECT_NOTHING},
        {"3@1.25", DETECT_NOTHING},
        {"rate@10.20.30.40", DETECT_NOTHING},
        {"me @ home . org", DETECT_NOTHING},
        {"", DETECT_NOTHING},
        {"@", DETECT_NOTHING},
    };

    expect_all(examples, COUNT_OF(examples));
}

Test(detect, finds_phones_and_cards)
{
    static const struct example examples[] = {
        {"+442079460958", DETECT_PHONE},
        {"call +49 (30) 1234-567 now", DETECT_PHONE},
        {"tel:+1-202-555-0147", DETECT_PHONE},
        {"+0442079460958", DETECT_NOTHING},
        {"+1234567", DETECT_NOTHING},
        {"+12345678901234567890", DETECT_NOTHING},
        {"1+442079460958", DETECT_NOTHING},
        {"030 1234567", DETECT_NOTHING},
        {"+", DETECT_NOTHING},
        {"4111111111111111", DETECT_CARD},
        {"card 4111-1111 1111 1111 exp", DETECT_CARD},
        {"5555555555554444", DETECT_CARD},
        {"378282246310005", DETECT_CARD},
        {"2223003122003222", DETECT_CARD},
        {"6011000990139424", DETECT_CARD},
        {"30569309025904", DETECT_CARD},
        {"4111111111111112", DETECT_NOTHING},
        {"4111.1111.1111.1111", DETECT_NOTHING},
        {"411111111111111", DETECT_NOTHING}, /* one digit short */
        {"41111111111111110", DETECT_NOTHING},
        {"1111111111111117", DETECT_NOTHING}, /* nobody issues it */
        {"0000000000000000", DETECT_NOTHING},
        {"1772357400000", DETECT_NOTHING}, /* milliseconds */
        {"2026-03-01T09:30:00Z", DETECT_NOTHING},
        {"2026-03-01 09:30:00.123456", DETECT_NOTHING},
        {"a4111111111111111", DETECT_NOTHING},
    };

    expect_all(examples, COUNT_OF(examples));
}

Test(detect, finds_accounts)
{
    static const struct example examples[] = {
        {"DE89370400440532013000", DETECT_IBAN},
        {"IBAN: DE89 3704 0044 0532 0130 00.", DETECT_IBAN},
        {"gb29 nwbk 6016 1331 9268 19", DETECT_IBAN},
        {"NO9386011117947", DETECT_IBAN},
        {"FR1420041010050500013M02606", DETECT_IBAN},
        {"MT84MALT011000012345MTLCAST001S", DETECT_IBAN},
        {"DE89370400440532013001", DETECT_NOTHING},
        {"DE8937040044053201300", DETECT_NOTHING},
        {"XX89370400440532013000", DETECT_NOTHING},
        {"DEXX370400440532013000", DETECT_NOTHING},
        {"9d7c1b1e-5f0a-4d8e-9c3b-2a1f0e9d8c7b", DETECT_NOTHING},
    };

    expect_all(examples, COUNT_OF(examples));
}

Test(detect, finds_national_numbers)
{
    static const struct example examples[] = {
        {"86095742719", DETECT_ID}, /* DE */
        {"IdNr. 86 095 742 719", DETECT_ID},
        {"86095742718", DETECT_NOTHING},
        {"12345678901", DETECT_NOTHING},
        {"00000000000", DETECT_NOTHING},
        {"44051401359", DETECT_ID}, /* PL */
        {"44051401358", DETECT_NOTHING},
        {"44131401350", DETECT_NOTHING},   /* no such month */
        {"111222333", DETECT_ID},          /* NL */
        {"no. 111222333", DETECT_NOTHING}, /* only alone */
        {"111222334", DETECT_NOTHING},
        {"000000000", DETECT_NOTHING},
        {"12345678Z", DETECT_ID}, /* ES */
        {"DNI 12345678-Z", DETECT_ID},
        {"12345678A", DETECT_NOTHING},
        {"X1234567L", DETECT_ID},
        {"Y1234567L", DETECT_NOTHING},
        {"A1234567L", DETECT_NOTHING},
        {"255081416802538", DETECT_ID}, /* FR */
        {"2 55 08 14 168 025 38", DETECT_ID},
        {"255081416802539", DETECT_NOTHING},
        {"255131416802538", DETECT_NOTHING},
        {"555081416802538", DETECT_NOTHING},
        {"RSSMRA85T10A562S", DETECT_ID}, /* IT */
        {"rssmra85t10a562s", DETECT_ID},
        {"RSSMRA85T10A562T", DETECT_NOTHING},
        {"RSSMRA85F10A562S", DETECT_NOTHING},
        {"ABCDEFGHIJKLMNOP", DETECT_NOTHING},
    };

    expect_all(examples, COUNT_OF(examples));
}

/* Two departments of Corsica count as 19 and 18: whatever the key, 97 less the rest. */
Test(detect, counts_corsica)
{
    unsigned found = 0;

    for (unsigned key = 1; key <= 97; key++) {
        char text[32];

        (void)snprintf(text, sizeof(text), "155082A168025%02u", key);
        found += detect_personal(span_str(text)) == DETECT_ID;
    }
    cr_assert_eq(found, 1);
}

Test(detect, takes_any_bytes)
{
    cr_assert_eq(detect_personal(SPAN_LIT("+\0"
                                          "442079460958")),
                 DETECT_NOTHING);
    cr_assert_eq(detect_personal(SPAN_LIT("ada@exam\0ple.org")), DETECT_NOTHING);
    cr_assert_eq(detect_personal(SPAN_LIT("\0\0\0ada@example.org")), DETECT_EMAIL);
}

/* Wherever something may begin, only so much is looked at. */
Test(detect, is_linear, .timeout = 10)
{
    static const char *const pieces[] = {"1 ", "@",   "a@",    "+1 ", "1-",
                                         "a.", "@a.", "AB12 ", "45 ", "DE89 "};
    const size_t len = 1 << 20;
    char *text = mem_alloc(len);

    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        for (size_t at = 0; at < len; at++)
            text[at] = pieces[i][at % strlen(pieces[i])];
        cr_assert_eq(detect_personal(span_of(text, len)), DETECT_NOTHING, "%s", pieces[i]);
    }
    free(text);
}
