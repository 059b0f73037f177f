/* SPDX-License-Identifier: Apache-2.0 */
/* The PROXY protocol (haproxy.org, doc/proxy-protocol.txt).
 * Runs on: any thread. Holds: nothing. Invariant: DONE only for a header that is whole and as the
 * document has it; without one there is no client. Not here: who may send it (client.c).
 *
 *   version 1:  "PROXY" SP ("TCP4" | "TCP6") SP source SP destination SP port SP port CR LF
 *               "PROXY UNKNOWN" anything CR LF                        107 bytes at most
 *   version 2:  0D 0A 0D 0A 00 0D 0A 51 55 49 54 0A   signature
 *               2c   c: 0 LOCAL (a health check of the proxy itself), 1 PROXY
 *               fp   f: 0 unspecified, 1 IPv4, 2 IPv6, 3 Unix;  p: 0 unspecified, 1 stream, 2 datagram
 *               len  two bytes, of what follows: addresses and ports (12, 36, 216 bytes), then TLVs */
#include "proxy/proxy_line.h"

#include <string.h>

enum {
    V1_MAX = 107,
    V2_HEAD = 16,
    V2_INET = 12,
    V2_INET6 = 36,
    COMMAND_LOCAL = 0x20,
    COMMAND_PROXY = 0x21,
    FAMILY_TCP4 = 0x11,
    FAMILY_TCP6 = 0x21
};

static const char v2_signature[] = "\r\n\r\n\0\r\nQUIT\n";

/* ---- version 1 ---- */

static bool take_word(struct span *rest, struct span *ret)
{
    const char *space = memchr(rest->at, ' ', rest->len);

    if (space == NULL)
        return false;
    *ret = span_of(rest->at, (size_t)(space - rest->at));
    *rest = span_of(space + 1, rest->len - ret->len - 1);
    return true;
}

static bool is_port(struct span s)
{
    unsigned n = 0;

    if (s.len == 0 || s.len > 5 || (s.at[0] == '0' && s.len > 1))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
        n = n * 10 + (unsigned)(s.at[i] - '0');
    }
    return n <= 65535;
}

static bool is_of(struct span text, bool v6)
{
    return (memchr(text.at, ':', text.len) != NULL) == v6;
}

/* What stands between "PROXY " and the end of the line. */
static enum proxy_line_step read_v1(struct span rest, struct address *ret)
{
    struct span family, source, destination, port;
    struct address from, to;
    bool v6;

    if (rest.len >= 7 && memcmp(rest.at, "UNKNOWN", 7) == 0) {
        *ret = (struct address){.known = false};
        return PROXY_LINE_DONE;
    }
    if (!take_word(&rest, &family) || !take_word(&rest, &source) ||
        !take_word(&rest, &destination) || !take_word(&rest, &port))
        return PROXY_LINE_BAD;
    v6 = span_equal(family, SPAN_LIT("TCP6"));
    if ((!v6 && !span_equal(family, SPAN_LIT("TCP4"))) || !is_of(source, v6) ||
        !is_of(destination, v6) || address_parse(source, &from) != ERR_OK ||
        address_parse(destination, &to) != ERR_OK || !is_port(port) || !is_port(rest))
        return PROXY_LINE_BAD;
    *ret = from;
    return PROXY_LINE_DONE;
}

static enum proxy_line_step find_v1(struct span input, struct proxy_line *ret)
{
    size_t known = input.len < 6 ? input.len : 6;
    const char *limit = input.at + (input.len < V1_MAX ? input.len : V1_MAX), *end;
    struct address address;
    enum proxy_line_step step;

    if (memcmp(input.at, "PROXY ", known) != 0)
        return PROXY_LINE_BAD;
    for (end = input.at; end < limit && *end != '\r' && *end != '\n'; end++)
        ;
    if (end == limit)
        return input.len < V1_MAX ? PROXY_LINE_MORE : PROXY_LINE_BAD;
    if (*end == '\r' && end + 1 == input.at + input.len)
        return PROXY_LINE_MORE;
    if (*end == '\n' || end[1] != '\n' || known < 6 || end < input.at + 6)
        return PROXY_LINE_BAD;
    step = read_v1(span_of(input.at + 6, (size_t)(end - input.at - 6)), &address);
    if (step == PROXY_LINE_DONE)
        *ret = (struct proxy_line){.len = (size_t)(end - input.at) + 2, .address = address};
    return step;
}

/* ---- version 2 ---- */

static enum proxy_line_step find_v2(struct span input, struct proxy_line *ret)
{
    const uint8_t *bytes = (const uint8_t *)input.at;
    struct address address = {.known = false};
    size_t len;

    if (input.len < V2_HEAD)
        return PROXY_LINE_MORE;
    len = (size_t)bytes[14] << 8 | bytes[15];
    if ((bytes[12] != COMMAND_LOCAL && bytes[12] != COMMAND_PROXY) ||
        len > PROXY_LINE_MAX - V2_HEAD)
        return PROXY_LINE_BAD;
    if (input.len < V2_HEAD + len)
        return PROXY_LINE_MORE;
    if (bytes[12] == COMMAND_PROXY) {
        bool v4 = bytes[13] == FAMILY_TCP4 && len >= V2_INET;
        bool v6 = bytes[13] == FAMILY_TCP6 && len >= V2_INET6;

        if (!v4 && !v6)
            return PROXY_LINE_BAD; /* no connection of a client here comes another way */
        address = v4 ? address_of_v4(bytes + V2_HEAD) : address_of_v6(bytes + V2_HEAD);
    }
    *ret = (struct proxy_line){.len = V2_HEAD + len, .address = address};
    return PROXY_LINE_DONE;
}

enum proxy_line_step proxy_line_read(struct span input, struct proxy_line *ret)
{
    size_t known = input.len < sizeof(v2_signature) - 1 ? input.len : sizeof(v2_signature) - 1;

    if (input.len == 0)
        return PROXY_LINE_MORE;
    if (memcmp(input.at, v2_signature, known) == 0)
        return find_v2(input, ret);
    return find_v1(input, ret);
}
