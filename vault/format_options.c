/* SPDX-License-Identifier: Apache-2.0 */
/* Formats by name, and their options.
 * Runs on: the thread that loads the configuration. Holds: nothing. Invariant: a spec that comes out can
 * be written and read with. Not here: where the options stood in a file. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "vault/format_priv.h"

/* Exact in a double: RFC 8259 section 6. */
static const uint64_t INTEGER_MAX = (UINT64_C(1) << 53) - 1;
/* Eight thousand million million: nobody counts so far, and ids drawn at random up to 2^53 (a few
 * applications have such) lie below it eight times of nine, so a clash shows soon. */
static const uint64_t INTEGER_LOW = UINT64_C(8000000000000000);
/* Identity numbers, account numbers and the like are often kept as integers somewhere, so few of them
 * begin with 0. Where some do, they are refused, and the operator reserves something else. */
static const char DIGITS_RESERVED[] = "0";

static const struct {
    enum token_format format;
    const char *name;
} UNTYPED[] = {{TOKEN_OPAQUE, "opaque"}, {TOKEN_EMAIL, "email"}};

const char *format_name(enum token_format format)
{
    const struct format_kind *kind = vault__format_kind(format);

    for (size_t i = 0; i < COUNT_OF(UNTYPED); i++) {
        if (UNTYPED[i].format == format)
            return UNTYPED[i].name;
    }
    return kind == NULL ? NULL : kind->name;
}

bool format_named(const char *name, enum token_format *ret)
{
    for (enum token_format format = TOKEN_OPAQUE; format_name(format) != NULL; format++) {
        if (strcmp(format_name(format), name) == 0) {
            *ret = format;
            return true;
        }
    }
    return false;
}

/* ---- ranges ---- */

static const struct {
    enum token_format format;
    enum format_range range;
    const char *name;
} RANGES[] = {
    {TOKEN_PHONE, FORMAT_RANGE_RESERVED, "reserved"},
    {TOKEN_PHONE, FORMAT_RANGE_US, "us"},
    {TOKEN_PHONE, FORMAT_RANGE_GB, "gb"},
    {TOKEN_PHONE, FORMAT_RANGE_DE, "de"},
    {TOKEN_IPV4, FORMAT_RANGE_RESERVED, "reserved"},
    {TOKEN_IPV4, FORMAT_RANGE_DOCUMENTATION, "documentation"},
};

static enum err read_range_name(struct format_spec *spec, const char *text, struct errmsg *msg)
{
    for (size_t i = 0; i < COUNT_OF(RANGES); i++) {
        if (RANGES[i].format == spec->format && strcmp(RANGES[i].name, text) == 0) {
            spec->range = RANGES[i].range;
            return ERR_OK;
        }
    }
    return errmsg_set(msg, ERR_CONFIG, "range must be %s",
                      spec->format == TOKEN_PHONE ? "\"reserved\", \"us\", \"gb\" or \"de\""
                                                  : "\"reserved\" or \"documentation\"");
}

/* A decimal number up to INTEGER_MAX; *text is moved behind it. */
static bool read_number(const char **text, uint64_t *ret)
{
    const char *at = *text;
    uint64_t n = 0;

    for (; format_is_digit(*at); at++) {
        n = n * 10 + (uint64_t)(*at - '0');
        if (n > INTEGER_MAX)
            return false;
    }
    *ret = n;
    if (at == *text)
        return false;
    *text = at;
    return true;
}

static enum err read_integer_range(struct format_spec *spec, const char *text, struct errmsg *msg)
{
    uint64_t low, high;

    if (!read_number(&text, &low) || *text++ != '-' || !read_number(&text, &high) ||
        *text != '\0' || low > high)
        return errmsg_set(msg, ERR_CONFIG,
                          "range must be \"LOW-HIGH\", two whole numbers up to %" PRIu64
                          " between which no real value lies",
                          INTEGER_MAX);
    spec->low = low;
    spec->high = high;
    return ERR_OK;
}

static enum err read_range(struct format_spec *spec, const char *text, struct errmsg *msg)
{
    if (spec->format == TOKEN_INTEGER)
        return read_integer_range(spec, text, msg);
    if (spec->format == TOKEN_PHONE || spec->format == TOKEN_IPV4)
        return read_range_name(spec, text, msg);
    return errmsg_set(msg, ERR_CONFIG, "range is for formats \"phone\", \"ipv4\" and \"integer\"");
}

/* ---- the other options ---- */

static enum err read_reserved(struct format_spec *spec, const char *text, struct errmsg *msg)
{
    size_t len = strlen(text);
    bool letters = spec->format == TOKEN_ALNUM, fits = len > 0 && len <= FORMAT_RESERVED_MAX;

    if (spec->format != TOKEN_DIGITS && spec->format != TOKEN_ALNUM)
        return errmsg_set(msg, ERR_CONFIG, "reserved is for formats \"digits\" and \"alnum\"");
    for (size_t i = 0; fits && i < len; i++) {
        char c = text[i];

        if (letters && c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        fits = format_is_digit(c) || (letters && format_is_upper(c));
        spec->reserved[i] = c;
    }
    if (!fits)
        return errmsg_set(msg, ERR_CONFIG,
                          "reserved must be 1-%d %s with which no real value begins",
                          (int)FORMAT_RESERVED_MAX, letters ? "letters and digits" : "digits");
    spec->reserved[len] = '\0';
    return ERR_OK;
}

static enum err read_keep_last(struct format_spec *spec, int64_t keep_last, struct errmsg *msg)
{
    if (spec->format != TOKEN_PAN)
        return errmsg_set(msg, ERR_CONFIG, "keep_last is for format \"pan\"");
    if (keep_last != 0 && keep_last != 4)
        return errmsg_set(msg, ERR_CONFIG, "keep_last must be 0 or 4");
    spec->keep_last = (uint8_t)keep_last;
    return ERR_OK;
}

enum err format_spec_read(enum token_format format, const struct format_options *options,
                          struct format_spec *ret, const char **ret_option, struct errmsg *msg)
{
    struct format_spec spec = {.format = format};
    const char *option = NULL;
    enum err e = ERR_OK;

    if (format == TOKEN_INTEGER) {
        spec.low = INTEGER_LOW;
        spec.high = INTEGER_MAX;
    } else if (format == TOKEN_DIGITS) {
        memcpy(spec.reserved, DIGITS_RESERVED, sizeof(DIGITS_RESERVED));
    }
    if (options->range != NULL) {
        option = "range";
        e = read_range(&spec, options->range, msg);
    }
    if (e == ERR_OK && options->reserved != NULL) {
        option = "reserved";
        e = read_reserved(&spec, options->reserved, msg);
    }
    if (e == ERR_OK && options->keep_last != -1) {
        option = "keep_last";
        e = read_keep_last(&spec, options->keep_last, msg);
    }
    if (e != ERR_OK) {
        *ret_option = option;
        return e;
    }
    *ret = spec;
    return ERR_OK;
}

void format_spec_text(const struct format_spec *spec, char ret[FORMAT_SPEC_TEXT_MAX])
{
    const char *name = format_name(spec->format), *range = NULL;

    for (size_t i = 0; i < COUNT_OF(RANGES); i++) {
        if (RANGES[i].format == spec->format && RANGES[i].range == spec->range)
            range = RANGES[i].name;
    }
    if (range != NULL)
        (void)snprintf(ret, FORMAT_SPEC_TEXT_MAX, "%s range=%s", name, range);
    else if (spec->format == TOKEN_INTEGER)
        (void)snprintf(ret, FORMAT_SPEC_TEXT_MAX, "%s range=%" PRIu64 "-%" PRIu64, name, spec->low,
                       spec->high);
    else if (spec->format == TOKEN_DIGITS || spec->format == TOKEN_ALNUM)
        (void)snprintf(ret, FORMAT_SPEC_TEXT_MAX, "%s reserved=%s", name, spec->reserved);
    else if (spec->format == TOKEN_PAN)
        (void)snprintf(ret, FORMAT_SPEC_TEXT_MAX, "%s keep_last=%u", name, spec->keep_last);
    else
        (void)snprintf(ret, FORMAT_SPEC_TEXT_MAX, "%s", name);
}
