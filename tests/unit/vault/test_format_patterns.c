/* SPDX-License-Identifier: Apache-2.0 */
/* The patterns of docs/TOKENS.md, read from there, against tokens and against what is none. */
#include <regex.h>

#include "tests/unit/vault/format_rig.h"

#define TOKENS_MD "docs/TOKENS.md"

TestSuite(format_patterns, .init = secret_start);

enum { LINE_MAX_LEN = 400, NAME_WIDTH = 20 };

/* The rest of the first line within ``` blocks that begins with `name`, whole or between `before` and
 * `after`. */
static void find_line(const char *name, char pattern[LINE_MAX_LEN])
{
    FILE *file = fopen(TOKENS_MD, "re");
    char line[LINE_MAX_LEN];
    bool found = false, inside = false;

    cr_assert_not_null(file, TOKENS_MD);
    while (!found && fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "```", 3) == 0)
            inside = !inside;
        else
            found = inside && strncmp(line, name, strlen(name)) == 0;
    }
    cr_assert_eq(fclose(file), 0);
    cr_assert(found, "%s has no pattern for %s", TOKENS_MD, name);
    memcpy(pattern, line, sizeof(line));
}

/* `whole`: as a whole text; else anywhere. */
static regex_t compile(const char *name, bool whole)
{
    char line[LINE_MAX_LEN], padded[NAME_WIDTH + 1], pattern[LINE_MAX_LEN + 8];
    regex_t regex;

    (void)snprintf(padded, sizeof(padded), "%-*s", NAME_WIDTH, name);
    find_line(padded, line);
    (void)snprintf(pattern, sizeof(pattern), whole ? "^(%s)$" : "(%s)", line + NAME_WIDTH);
    cr_assert_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0, "%s", pattern);
    return regex;
}

static const struct {
    const char *name;
    enum token_format format;
    const char *range;
    const char *value;
} typed[] = {
    {"phone reserved", TOKEN_PHONE, NULL, "+49 30 901820"},
    {"phone us", TOKEN_PHONE, "us", "+49 30 901820"},
    {"phone gb", TOKEN_PHONE, "gb", "+49 30 901820"},
    {"phone de", TOKEN_PHONE, "de", "+49 30 901820"},
    {"pan", TOKEN_PAN, NULL, "4111111111111111"},
    {"pan", TOKEN_PAN, NULL, "4222222222222"},
    {"pan", TOKEN_PAN, NULL, "4111111111111111111"},
    {"iban", TOKEN_IBAN, NULL, "NO9386011117947"},
    {"iban", TOKEN_IBAN, NULL, "DE893704004405320130001234567890AB"},
    {"uuid", TOKEN_UUID, NULL, "0f8fad5b-d9cb-469f-a165-70867728950e"},
    {"date", TOKEN_DATE, NULL, "1985-03-12"},
    {"ipv4 reserved", TOKEN_IPV4, NULL, "10.0.0.1"},
    {"ipv4 documentation", TOKEN_IPV4, "documentation", "10.0.0.1"},
    {"ipv6", TOKEN_IPV6, NULL, "fe80::1"},
    {"name", TOKEN_NAME, NULL, "Ada Lovelace"},
    {"integer", TOKEN_INTEGER, NULL, "4711"},
};

Test(format_patterns, match_every_typed_token)
{
    for (size_t i = 0; i < COUNT_OF(typed); i++) {
        struct format_spec spec = rig_spec(typed[i].format, typed[i].range, NULL, -1);
        struct format_shape shape = rig_shape(&spec, typed[i].value);
        uint64_t capacity = format_capacity(&spec, &shape);
        regex_t regex = compile(typed[i].name, true);
        struct token_text text;

        for (uint64_t t = 0; t < 10000 && t < capacity; t++) {
            rig_write(&spec, &shape, rig_random() % capacity, typed[i].value, &text);
            if (regexec(&regex, text.bytes, 0, NULL, 0) != 0)
                cr_assert_fail("%s does not match %s", typed[i].name, text.bytes);
        }
        regfree(&regex);
    }
}

/* Random tokens, and the smallest and largest ones. */
static const char *write_untyped(enum token_format format, unsigned i, struct token_text *text)
{
    struct token_ref ref = {.class_id = (uint16_t)rig_random(), .row = rig_random() >> 16};

    for (size_t b = 0; b < TOKEN_SALT_BYTES; b++)
        ref.salt[b] = (uint8_t)rig_random();
    if (i < 2) {
        memset(ref.salt, i == 0 ? 0 : 0xff, sizeof(ref.salt));
        ref.class_id = i == 0 ? 0 : UINT16_MAX;
    }
    token_write(&ref, format, "tok.invalid", rig_key, text);
    text->bytes[text->len] = '\0';
    return text->bytes;
}

Test(format_patterns, match_every_opaque_and_email_token)
{
    regex_t opaque = compile("opaque", true), email = compile("email", true);
    struct token_text text;

    for (unsigned i = 0; i < 100000; i++) {
        const char *token = write_untyped(TOKEN_OPAQUE, i, &text);

        if (regexec(&opaque, token, 0, NULL, 0) != 0 || regexec(&email, token, 0, NULL, 0) == 0)
            cr_assert_fail("%s", token);
        token = write_untyped(TOKEN_EMAIL, i, &text);
        if (regexec(&email, token, 0, NULL, 0) != 0 || regexec(&opaque, token, 0, NULL, 0) == 0)
            cr_assert_fail("%s", token);
    }
    regfree(&opaque);
    regfree(&email);
}

Test(format_patterns, find_an_opaque_token_in_any_text)
{
    static const char head[] = "regex = '''";
    char line[LINE_MAX_LEN], around[TOKEN_TEXT_MAX + 32];
    struct token_text text;
    regex_t scanner;

    find_line(head, line);
    line[strlen(line) - 3] = '\0';
    cr_assert_eq(regcomp(&scanner, line + strlen(head), REG_EXTENDED | REG_NOSUB), 0, "%s", line);
    for (unsigned i = 0; i < 10000; i++) {
        (void)snprintf(around, sizeof(around), "{\"id\":\"%s\"}",
                       write_untyped(TOKEN_OPAQUE, i, &text));
        if (regexec(&scanner, around, 0, NULL, 0) != 0)
            cr_assert_fail("%s", around);
        (void)snprintf(around, sizeof(around), "%sx", text.bytes);
        cr_assert_neq(regexec(&scanner, around, 0, NULL, 0), 0, "%s", around);
        (void)snprintf(around, sizeof(around), "x%s", text.bytes);
        cr_assert_neq(regexec(&scanner, around, 0, NULL, 0), 0, "%s", around);
    }
    regfree(&scanner);
}

Test(format_patterns, find_nothing_in_random_text)
{
    static const char *const names[] = {"opaque", "email", "uuid",          "iban",
                                        "name",   "ipv6",  "phone reserved"};
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "__--::..+ ";
    char text[1001];

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        regex_t regex = compile(names[i], false);

        for (unsigned t = 0; t < 200; t++) {
            for (size_t c = 0; c + 1 < sizeof(text); c++)
                text[c] = letters[rig_random() % (sizeof(letters) - 1)];
            text[sizeof(text) - 1] = '\0';
            cr_assert_neq(regexec(&regex, text, 0, NULL, 0), 0, "%s in %s", names[i], text);
        }
        regfree(&regex);
    }
}

/* E27 */
Test(format_patterns, match_no_real_value)
{
    static const char *const values[] = {"+4930901820",
                                         "+12125552368",
                                         "+442072193000",
                                         "4111111111111111",
                                         "378282246310005",
                                         "DE89370400440532013000",
                                         "1985-03-12",
                                         "9999-12-31",
                                         "2999-12-31",
                                         "10.0.0.1",
                                         "239.1.2.3",
                                         "255.255.255.256",
                                         "2a00:1450::200e",
                                         "Ada Lovelace",
                                         "4711",
                                         "9007200000000000",
                                         "7999999999999999",
                                         "ada@example.org",
                                         "lt-ada@example.org",
                                         "0f8fad5b-d9cb-469f-a165-70867728950e"};

    for (size_t i = 0; i < COUNT_OF(typed); i++) {
        regex_t regex = compile(typed[i].name, true);

        for (size_t v = 0; v < COUNT_OF(values); v++)
            cr_assert_neq(regexec(&regex, values[v], 0, NULL, 0), 0, "%s: %s", typed[i].name,
                          values[v]);
        regfree(&regex);
    }
}
