/* SPDX-License-Identifier: Apache-2.0 */
/* The chunked coding as a state machine over single bytes, but for data, which moves in one piece.
 * Runs on: any thread. Holds: nothing but the caller's struct. Invariant: data written never passes
 * bytes read. Not here: who gets the data (proxy/upstream_read.c). */
#include "base/http_chunked.h"

#include <string.h>

#include "base/limits.h"

enum {
    DIGITS_MAX = 15,      /* 60 bits: sums of chunks stay far from overflow */
    EXTENSION_MAX = 4096, /* nobody uses them; without a bound one chunk could go on for ever */
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool is_text(char c)
{
    return c == '\t' || ((uint8_t)c >= 0x20 && (uint8_t)c != 0x7f);
}

static enum err step_size(struct chunked *c, char byte)
{
    int digit = hex_digit(byte);

    if (digit >= 0) {
        if (c->digits == DIGITS_MAX)
            return ERR_INVALID;
        c->digits++;
        c->left = c->left * 16 + (uint64_t)digit;
        return ERR_OK;
    }
    if (c->digits == 0)
        return ERR_INVALID;
    c->aside = 0;
    if (byte == '\r')
        c->state = CHUNKED_SIZE_LF;
    else if (byte == ';')
        c->state = CHUNKED_EXTENSION;
    else
        return ERR_INVALID;
    return ERR_OK;
}

/* One byte of an extension or a trailer line. */
static enum err step_text(struct chunked *c, char byte, uint32_t max, enum chunked_state on_cr)
{
    if (byte == '\r') {
        c->state = on_cr;
        return ERR_OK;
    }
    if (!is_text(byte) || c->aside++ == max)
        return ERR_INVALID;
    return ERR_OK;
}

static enum err step_trailer_start(struct chunked *c, char byte)
{
    if (byte == '\r') {
        c->state = CHUNKED_END_LF;
        return ERR_OK;
    }
    if (byte == ' ' || byte == '\t') /* folded */
        return ERR_INVALID;
    c->state = CHUNKED_TRAILER;
    return step_text(c, byte, LIMIT_RESPONSE_HEAD_MAX, CHUNKED_TRAILER_LF);
}

static enum err step_fixed(struct chunked *c, char byte, char want, enum chunked_state next)
{
    if (byte != want)
        return ERR_INVALID;
    c->state = next;
    return ERR_OK;
}

/* One byte outside data. */
static enum err step(struct chunked *c, char byte)
{
    switch (c->state) {
    case CHUNKED_SIZE:
        return step_size(c, byte);
    case CHUNKED_EXTENSION:
        return step_text(c, byte, EXTENSION_MAX, CHUNKED_SIZE_LF);
    case CHUNKED_SIZE_LF:
        c->digits = 0;
        c->aside = 0;
        return step_fixed(c, byte, '\n', c->left > 0 ? CHUNKED_DATA : CHUNKED_TRAILER_START);
    case CHUNKED_DATA_CR:
        return step_fixed(c, byte, '\r', CHUNKED_DATA_LF);
    case CHUNKED_DATA_LF:
        return step_fixed(c, byte, '\n', CHUNKED_SIZE);
    case CHUNKED_TRAILER_START:
        return step_trailer_start(c, byte);
    case CHUNKED_TRAILER:
        return step_text(c, byte, LIMIT_RESPONSE_HEAD_MAX, CHUNKED_TRAILER_LF);
    case CHUNKED_TRAILER_LF:
        return step_fixed(c, byte, '\n', CHUNKED_TRAILER_START);
    case CHUNKED_END_LF:
        return step_fixed(c, byte, '\n', CHUNKED_DONE);
    case CHUNKED_DATA:
    case CHUNKED_DONE:
        break;
    }
    return ERR_INTERNAL; /* the caller handles these two */
}

enum err chunked_decode(struct chunked *c, char *bytes, size_t len, size_t *ret_data,
                        size_t *ret_used)
{
    size_t from = 0, to = 0;

    while (from < len && c->state != CHUNKED_DONE) {
        if (c->state == CHUNKED_DATA) {
            size_t n = len - from < c->left ? len - from : (size_t)c->left;

            if (to != from)
                memmove(bytes + to, bytes + from, n);
            from += n;
            to += n;
            c->left -= n;
            if (c->left == 0)
                c->state = CHUNKED_DATA_CR;
        } else {
            enum err e = step(c, bytes[from++]);

            if (e != ERR_OK)
                return e;
        }
    }
    *ret_data = to;
    *ret_used = from;
    return ERR_OK;
}
