/* SPDX-License-Identifier: Apache-2.0 */
/* The PROXY protocol, as its document has it and not otherwise. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"
#include "proxy/proxy_line.h"

TestSuite(proxy_line, .timeout = 30);

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4        "\x0c\0\x02\x01\xc6\x33\x64\x07\x12\x34\x01\xbb" /* 12.0.2.1 to 198.51.100.7 */
#define V6                                                                                         \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"         \
    "\x12\x34\x01\xbb"

struct sample {
    struct span bytes;
    const char *address; /* NULL: none is said */
};

#define SAMPLE(text, address)                                                                      \
    {                                                                                              \
        SPAN_LIT(text), (address)                                                                  \
    }

static const struct sample good[] = {
    SAMPLE("PROXY TCP4 192.0.2.1 198.51.100.7 4660 443\r\n", "192.0.2.1"),
    SAMPLE("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255"),
    SAMPLE("PROXY TCP6 2001:db8::1 2001:db8::2 0 1\r\n", "2001:db8::1"),
    SAMPLE("PROXY UNKNOWN\r\n", NULL),
    SAMPLE("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", NULL),
    SAMPLE(SIGNATURE "\x21\x11\0\x0c" V4, "12.0.2.1"),
    SAMPLE(SIGNATURE "\x21\x21\0\x24" V6, "2001:db8::1"),
    SAMPLE(SIGNATURE "\x21\x11\0\x10" V4 "\x04\0\x01x", "12.0.2.1"), /* with a TLV */
    SAMPLE(SIGNATURE "\x20\0\0\0", NULL),
    SAMPLE(SIGNATURE "\x20\x11\0\x0c" V4, NULL), /* LOCAL: what it says is not looked at */
};

static const struct span bad[] = {
    SPAN_LIT("GET / HTTP/1.1\r\n"),
    SPAN_LIT("proxy TCP4 192.0.2.1 198.51.100.7 4660 443\r\n"),
    SPAN_LIT("PROXY  TCP4 192.0.2.1 198.51.100.7 4660 443\r\n"),
    SPAN_LIT("PROXY TCP5 192.0.2.1 198.51.100.7 4660 443\r\n"),
    SPAN_LIT("PROXY TCP4 192.0.2.1 198.51.100.7 4660\r\n"),
    SPAN_LIT("PROXY TCP4 192.0.2.1 198.51.100.7 4660 443 1\r\n"),
    SPAN_LIT("PROXY TCP4 192.0.2.1 198.51.100.7 4660 443\n"),
    SPAN_LIT("PROXY TCP4 192.0.2.1 198.51.100.7 4660 443\rX"),
    SPAN_LIT("PROXY TCP4 192.0.2.1 198.51.100.7 65536 443\r\n"),
    SPAN_LIT("PROXY TCP4 192.0.2.1 198.51.100.7 4660 -1\r\n"),
    SPAN_LIT("PROXY TCP4 192.0.2.1 198.51.100.7 04660 443\r\n"),
    SPAN_LIT("PROXY TCP4 192.0.2.256 198.51.100.7 4660 443\r\n"),
    SPAN_LIT("PROXY TCP4 2001:db8::1 2001:db8::2 4660 443\r\n"),
    SPAN_LIT("PROXY TCP6 192.0.2.1 198.51.100.7 4660 443\r\n"),
    SPAN_LIT("PROXY TCP4 192.0.2.1 x 4660 443\r\n"),
    SPAN_LIT("PROXY \r\n"),
    SPAN_LIT("\r\n\r\n\r\n"),
    SPAN_LIT(SIGNATURE "\x11\x11\0\x0c" V4), /* version 1 in the second's clothes */
    SPAN_LIT(SIGNATURE "\x22\x11\0\x0c" V4),
    SPAN_LIT(SIGNATURE "\x21\x12\0\x0c" V4), /* datagrams */
    SPAN_LIT(SIGNATURE "\x21\x31\0\x0c" V4), /* Unix */
    SPAN_LIT(SIGNATURE "\x21\0\0\x0c" V4),
    SPAN_LIT(SIGNATURE "\x21\x11\0\x0b" V4), /* too short for its family */
    SPAN_LIT(SIGNATURE "\x21\x21\0\x0c" V4),
    SPAN_LIT(SIGNATURE "\x21\x11\xff\xff" V4), /* longer than anybody needs */
};

Test(proxy_line, says_whom_a_connection_is_from)
{
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct proxy_line line;
        char text[ADDRESS_TEXT_MAX + 1];

        cr_assert_eq(proxy_line_read(good[i].bytes, &line), PROXY_LINE_DONE, "%zu", i);
        cr_expect_eq(line.len, good[i].bytes.len, "%zu", i);
        cr_expect_eq(line.address.known, good[i].address != NULL, "%zu", i);
        text[address_write(&line.address, text)] = '\0';
        if (good[i].address != NULL)
            cr_expect_str_eq(text, good[i].address);
    }
}

Test(proxy_line, may_come_in_pieces_and_before_a_request)
{
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct span whole = good[i].bytes;
        char more[256];
        struct proxy_line line;

        for (size_t len = 0; len < whole.len; len++)
            cr_expect_eq(proxy_line_read(span_of(whole.at, len), &line), PROXY_LINE_MORE,
                         "%zu, %zu bytes", i, len);
        memcpy(more, whole.at, whole.len);
        memcpy(more + whole.len, "GET", 3);
        cr_assert_eq(proxy_line_read(span_of(more, whole.len + 3), &line), PROXY_LINE_DONE);
        cr_expect_eq(line.len, whole.len);
    }
}

Test(proxy_line, is_nothing_else)
{
    struct proxy_line line;

    for (size_t i = 0; i < COUNT_OF(bad); i++)
        cr_expect_eq(proxy_line_read(bad[i], &line), PROXY_LINE_BAD, "%zu", i);
}

Test(proxy_line, ends_somewhere)
{
    char endless[2 * PROXY_LINE_MAX];
    struct proxy_line line;

    memset(endless, 'x', sizeof(endless));
    memcpy(endless, "PROXY UNKNOWN ", 14);
    cr_expect_eq(proxy_line_read(span_of(endless, 106), &line), PROXY_LINE_MORE);
    cr_expect_eq(proxy_line_read(span_of(endless, 107), &line), PROXY_LINE_BAD);
    cr_expect_eq(proxy_line_read(span_of(endless, sizeof(endless)), &line), PROXY_LINE_BAD);
}
