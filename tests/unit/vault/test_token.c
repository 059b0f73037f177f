/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/token.h"

#include <criterion/criterion.h>
#include <zlib.h>

#include "base/mem.h"
#include "base/secret.h"
#include "tests/support/vectors.h"

#define VECTORS "tests/vectors/vault_v1.txt"

TestSuite(token, .init = secret_start);

static const uint8_t locator[TOKEN_LOCATOR_KEY_BYTES] = {
    0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf};
static const char OPAQUE_DIGITS[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static const char EMAIL_DIGITS[] = "0123456789abcdefghjkmnpqrstvwxyz";

/* Numbers that are the same in every run: the check characters let one wrong text in 14 million
 * (and one in a million as e-mail) through, so that tests by chance would fail now and then. */
static uint64_t next_number(void)
{
    static uint64_t state = 1;
    uint64_t n = state += 0x9e3779b97f4a7c15;

    n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
    n = (n ^ n >> 27) * 0x94d049bb133111eb;
    return n ^ n >> 31;
}

static struct token_ref random_ref(void)
{
    struct token_ref ref = {.class_id = (uint16_t)next_number(), .row = next_number() >> 16};

    for (size_t i = 0; i < TOKEN_SALT_BYTES; i++)
        ref.salt[i] = (uint8_t)next_number();
    return ref;
}

static struct token_text write_token(const struct token_ref *ref, enum token_format format)
{
    struct token_text text;

    token_write(ref, format, "tok.invalid", locator, &text);
    return text;
}

static struct span span_of_token(const struct token_text *text)
{
    return span_of(text->bytes, text->len);
}

static bool same_ref(const struct token_ref *a, const struct token_ref *b)
{
    return a->class_id == b->class_id && a->row == b->row &&
           memcmp(a->salt, b->salt, TOKEN_SALT_BYTES) == 0;
}

/* What base 62 and 32 say, with right check characters: to try texts that token_write() never
 * makes. */
static struct token_text with_check(const char *text, enum token_format format)
{
    const char *digits = format == TOKEN_OPAQUE ? OPAQUE_DIGITS : EMAIL_DIGITS;
    unsigned base = (unsigned)strlen(digits);
    unsigned crc = (unsigned)crc32(0, (const Bytef *)text, (unsigned)strlen(text));
    struct token_text t = {.len = (uint16_t)strlen(text)};

    memcpy(t.bytes, text, t.len);
    crc %= base * base * base * base;
    for (int i = 3; i >= 0; i--, crc /= base)
        t.bytes[t.len + i] = digits[crc % base];
    t.len += 4;
    if (format == TOKEN_EMAIL) {
        memcpy(t.bytes + t.len, "@tok.invalid", 12);
        t.len += 12;
    }
    return t;
}

/* ---- known answers ---- */

static void assert_known(const char *name, enum token_format format, struct token_ref ref)
{
    struct token_text text = write_token(&ref, format);
    struct token_ref read;
    char expected[VECTOR_VALUE_MAX];

    vector_text(VECTORS, name, expected);
    cr_assert(span_equal(span_of_token(&text), span_str(expected)), "%s: %.*s", name, text.len,
              text.bytes);
    cr_assert_eq(token_read(span_str(expected), locator, &read), ERR_OK, "%s", name);
    cr_assert(same_ref(&read, &ref), "%s", name);
}

Test(token, is_written_and_read_as_the_known_answers_say)
{
    struct token_ref ref = {
        258, 0x010203040506, {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99}};
    struct token_ref high = {65535, (UINT64_C(1) << 48) - 1, {0}}, zero = {0, 0, {0}};

    memset(high.salt, 0xff, sizeof(high.salt));
    assert_known("token_opaque", TOKEN_OPAQUE, ref);
    assert_known("token_email", TOKEN_EMAIL, ref);
    assert_known("token_opaque_high", TOKEN_OPAQUE, high);
    assert_known("token_email_high", TOKEN_EMAIL, high);
    assert_known("token_opaque_zero", TOKEN_OPAQUE, zero);
    assert_known("token_email_zero", TOKEN_EMAIL, zero);
}

/* ---- there and back ---- */

static void assert_round_trips(enum token_format format, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct token_ref ref = random_ref(), read;
        struct token_text text = write_token(&ref, format);

        if (!token_is(span_of_token(&text)) ||
            token_read(span_of_token(&text), locator, &read) != ERR_OK || !same_ref(&ref, &read))
            cr_assert_fail("%.*s does not come back", text.len, text.bytes);
    }
}

Test(token, a_million_opaque_tokens_come_back)
{
    assert_round_trips(TOKEN_OPAQUE, 1000000);
}

Test(token, a_million_email_tokens_come_back)
{
    assert_round_trips(TOKEN_EMAIL, 1000000);
}

static int compare_tokens(const void *a, const void *b)
{
    return memcmp(a, b, TOKEN_OPAQUE_LEN);
}

Test(token, a_million_rows_of_one_class_have_a_million_tokens)
{
    enum { COUNT = 1000000 };
    char(*all)[TOKEN_OPAQUE_LEN] = malloc(COUNT * sizeof(*all));

    cr_assert_not_null(all);
    for (uint64_t row = 0; row < COUNT; row++) {
        struct token_ref ref = random_ref();
        struct token_text text;

        ref.class_id = 1;
        ref.row = row;
        text = write_token(&ref, TOKEN_OPAQUE);
        memcpy(all[row], text.bytes, TOKEN_OPAQUE_LEN);
    }
    qsort(all, COUNT, sizeof(*all), compare_tokens);
    for (size_t i = 1; i < COUNT; i++)
        cr_assert(compare_tokens(all[i - 1], all[i]) != 0);
    free(all);
}

Test(token, hides_the_row_from_who_has_not_the_key)
{
    static const uint8_t other_key[TOKEN_LOCATOR_KEY_BYTES] = {1};
    struct token_ref ref = random_ref(), read, next;
    struct token_text text = write_token(&ref, TOKEN_OPAQUE);

    cr_assert_eq(token_read(span_of_token(&text), other_key, &read), ERR_OK);
    cr_assert_neq(read.row, ref.row);
    cr_assert_arr_eq(read.salt, ref.salt, sizeof(ref.salt));
    /* The mask depends on the salt and on the class. */
    next = ref;
    next.class_id ^= 1;
    text = write_token(&next, TOKEN_OPAQUE);
    cr_assert_eq(token_read(span_of_token(&text), other_key, &next), ERR_OK);
    cr_assert_neq(next.row, read.row);
}

/* ---- what is no token ---- */

Test(token, detects_any_wrong_character_in_an_opaque_token)
{
    for (int n = 0; n < 200; n++) {
        struct token_ref ref = random_ref(), read;
        struct token_text text = write_token(&ref, TOKEN_OPAQUE);

        for (size_t i = 0; i < text.len; i++) {
            char right = text.bytes[i];

            for (int c = 0; c < 256; c++) {
                text.bytes[i] = (char)c;
                if ((char)c != right &&
                    (token_is(span_of_token(&text)) ||
                     token_read(span_of_token(&text), locator, &read) == ERR_OK))
                    cr_assert_fail("%.*s taken for a token", text.len, text.bytes);
            }
            text.bytes[i] = right;
        }
    }
}

Test(token, detects_any_wrong_character_in_the_local_part_of_an_email_token)
{
    /* The 20 check bits are linear in the text: what holds for one token holds for all. */
    struct token_ref ref = random_ref();
    struct token_text text = write_token(&ref, TOKEN_EMAIL);

    for (size_t i = 0; i < TOKEN_EMAIL_LOCAL_LEN + 1; i++) {
        char right = text.bytes[i];

        for (int c = 0; c < 256; c++) {
            bool same_letter = ((char)c | 0x20) == right && right >= 'a' && right <= 'z';

            text.bytes[i] = (char)c;
            if ((char)c != right && !same_letter)
                cr_assert_not(token_is(span_of_token(&text)), "%.*s", text.len, text.bytes);
        }
        text.bytes[i] = right;
    }
}

Test(token, detects_transposed_neighbours)
{
    for (int n = 0; n < 2000; n++) {
        enum token_format format = n % 2 == 0 ? TOKEN_OPAQUE : TOKEN_EMAIL;
        struct token_ref ref = random_ref();
        struct token_text text = write_token(&ref, format);
        size_t len = format == TOKEN_OPAQUE ? TOKEN_OPAQUE_LEN : TOKEN_EMAIL_LOCAL_LEN;

        for (size_t i = 3; i + 1 < len; i++) {
            struct token_text swapped = text;

            swapped.bytes[i] = text.bytes[i + 1];
            swapped.bytes[i + 1] = text.bytes[i];
            if (text.bytes[i] != text.bytes[i + 1])
                cr_assert_not(token_is(span_of_token(&swapped)), "%.*s", swapped.len,
                              swapped.bytes);
        }
    }
}

Test(token, has_one_spelling)
{
    /* Numbers past the last class and past 128 bits, their check characters right. */
    static const char *const opaque[] = {
        "lt_H320000000000000000000000",                                 /* class 65536 */
        "lt_zzz0000000000000000000000", "lt_000LygHa16AHYG00000000000", /* upper half 2^64 */
        "lt_00000000000000LygHa16AHYG",                                 /* lower half 2^64 */
        "lt_000zzzzzzzzzzz00000000000", "lt_00000000000000zzzzzzzzzzz",
    };
    static const char *const email[] = {
        "lt-200000000000000000000000000000", /* class 65536 */
        "lt-zzzz00000000000000000000000000",
        "lt-000080000000000000000000000000", /* 2^128 */
        "lt-0000zzzzzzzzzzzzzzzzzzzzzzzzzz",
    };
    struct token_text text;

    for (size_t i = 0; i < COUNT_OF(opaque); i++) {
        text = with_check(opaque[i], TOKEN_OPAQUE);
        cr_assert_eq(text.len, TOKEN_OPAQUE_LEN);
        cr_assert_not(token_is(span_of_token(&text)), "%.*s", text.len, text.bytes);
    }
    for (size_t i = 0; i < COUNT_OF(email); i++) {
        text = with_check(email[i], TOKEN_EMAIL);
        cr_assert_eq(text.len, TOKEN_EMAIL_LOCAL_LEN + 12);
        cr_assert_not(token_is(span_of_token(&text)), "%.*s", text.len, text.bytes);
    }
}

Test(token, has_no_characters_but_its_digits_even_if_the_check_is_right)
{
    static const char strangers[] = {'_', '-', '!', '@', ' ',    '/',
                                     ':', '[', '`', '{', '\x7f', '\xe9'};
    static const char letters[] = {'i', 'l', 'o', 'u'}; /* Crockford leaves them out */
    char opaque[] = "lt_0000000000000000000000000", email[] = "lt-000000000000000000000000000000";
    struct token_text text = with_check(opaque, TOKEN_OPAQUE);

    cr_assert(token_is(span_of_token(&text)));
    text = with_check(email, TOKEN_EMAIL);
    cr_assert(token_is(span_of_token(&text)));
    for (size_t i = 3; i < sizeof(email) - 1; i++) {
        for (size_t c = 0; c < sizeof(strangers) + sizeof(letters); c++) {
            email[i] = c < sizeof(strangers) ? strangers[c] : letters[c - sizeof(strangers)];
            text = with_check(email, TOKEN_EMAIL);
            cr_assert_not(token_is(span_of_token(&text)), "%.*s", text.len, text.bytes);
        }
        email[i] = '0';
    }
    for (size_t i = 3; i < sizeof(opaque) - 1; i++) {
        for (size_t c = 0; c < sizeof(strangers); c++) {
            opaque[i] = strangers[c];
            text = with_check(opaque, TOKEN_OPAQUE);
            cr_assert_not(token_is(span_of_token(&text)), "%.*s", text.len, text.bytes);
        }
        opaque[i] = '0';
    }
}

Test(token, the_largest_numbers_are_read)
{
    struct token_text text = with_check("lt_H31LygHa16AHYFLygHa16AHYF", TOKEN_OPAQUE);

    cr_assert(token_is(span_of_token(&text)));
    text = with_check("lt-1zzz7zzzzzzzzzzzzzzzzzzzzzzzzz", TOKEN_EMAIL);
    cr_assert(token_is(span_of_token(&text)));
}

static const char *const not_tokens[] = {
    "",
    "lt_",
    "lt-",
    "ada@example.org",
    "lt-ada@example.org",
    "lt_04A00M5Rx98ttPBj7bWoAmt8j9QpH ",
    " lt_04A00M5Rx98ttPBj7bWoAmt8j9QpH",
    "lt_04A00M5Rx98ttPBj7bWoAmt8j9Qp",
    "LT_04A00M5Rx98ttPBj7bWoAmt8j9QpH",
    "lt_04a00M5Rx98ttPBj7bWoAmt8j9QpH",
    "lt-00820024h36h2ncsvrh6ebqanek6tsm2vt",
    "lt-00820024h36h2ncsvrh6ebqanek6tsm2vt@",
    "lt-00820024h36h2ncsvrh6ebqanek6tsm2vt@tok.invalid, ada@example.org",
    "lt-00820024h36h2ncsvrh6ebqanek6tsm2vt@tok.invalid\n",
    "lt-00820024h36h2ncsvrh6ebqanek6tsm2vt@@tok.invalid",
    "lt-00820024h36h2ncsvrh6ebqanek6tsm2vt@tok invalid",
    "<lt-00820024h36h2ncsvrh6ebqanek6tsm2vt@tok.invalid>",
};

Test(token, is_the_whole_text_or_none)
{
    struct token_ref ref = {.row = 77};

    for (size_t i = 0; i < COUNT_OF(not_tokens); i++) {
        cr_assert_not(token_is(span_str(not_tokens[i])), "%s", not_tokens[i]);
        cr_assert_eq(token_read(span_str(not_tokens[i]), locator, &ref), ERR_NOT_FOUND);
    }
    cr_assert_eq(ref.row, 77, "written although nothing was read");
}

Test(token, ends_where_the_text_ends)
{
    /* Exactly so many bytes on the heap: reading further is a sanitizer's finding. */
    static const char opaque[] = "lt_04A00M5Rx98ttPBj7bWoAmt8j9QpH";
    static const char email[] = "lt-00820024h36h2ncsvrh6ebqanek6tsm2vt@tok.invalid";

    for (size_t len = 1; len < sizeof(email); len++) {
        char *text = malloc(len);

        memcpy(text, email, len);
        cr_assert_eq(token_is(span_of(text, len)), len > 38, "%.*s", (int)len, text);
        memcpy(text, opaque, len < sizeof(opaque) ? len : sizeof(opaque));
        cr_assert_eq(token_is(span_of(text, len)), len == TOKEN_OPAQUE_LEN);
        free(text);
    }
}

/* Values as applications have them, some made to look like tokens. */
static size_t realistic_value(uint32_t n, char text[64])
{
    static const char *const names[] = {"ada", "grace", "lt-edsger", "barbara", "lt_donald"};
    uint64_t r = next_number();

    switch (n % 8) {
    case 0:
        return (size_t)snprintf(text, 64, "%s.%u@example.org", names[n % 5], n);
    case 1:
        return (size_t)snprintf(text, 64, "+49 30 %08u", n);
    case 2:
        return (size_t)snprintf(text, 64, "%s %s", names[n % 5], names[n % 3]);
    case 3:
        return (size_t)snprintf(text, 64, "%08x-1234-4567-89ab-%012llx", n,
                                (unsigned long long)r & 0xffffffffffff);
    case 4: /* the right length and prefix */
        return (size_t)snprintf(text, 64, "lt_%029llu", (unsigned long long)r);
    case 5:
        return (size_t)snprintf(text, 64, "lt_%016llX%013u", (unsigned long long)r, n);
    case 6:
        return (size_t)snprintf(text, 64, "lt-%034llu@tok.invalid", (unsigned long long)r);
    default:
        return (size_t)snprintf(text, 64, "DE%020llu", (unsigned long long)r);
    }
}

/* E27 */
Test(token, is_told_from_a_million_real_values)
{
    char text[64];

    for (uint32_t n = 0; n < 1000000; n++) {
        size_t len = realistic_value(n, text);

        if (token_is(span_of(text, len)))
            cr_assert_fail("%s taken for a token", text);
    }
}

/* ---- e-mail ---- */

Test(token, of_an_email_survives_mail_systems_that_fold_case)
{
    for (int n = 0; n < 1000; n++) {
        struct token_ref ref = random_ref(), read;
        struct token_text text = write_token(&ref, TOKEN_EMAIL);

        for (size_t i = 0; i < text.len; i++) {
            if (text.bytes[i] >= 'a' && text.bytes[i] <= 'z' && (n % 2 == 0 || i % 3 == 0))
                text.bytes[i] -= 'a' - 'A';
        }
        cr_assert_eq(token_read(span_of_token(&text), locator, &read), ERR_OK);
        cr_assert(same_ref(&ref, &read));
    }
}

Test(token, of_an_email_is_read_under_any_domain)
{
    struct token_ref ref = random_ref(), read;
    struct token_text text;

    token_write(&ref, TOKEN_EMAIL, "people.example.org", locator, &text);
    cr_assert_eq(text.len, TOKEN_EMAIL_LOCAL_LEN + 1 + strlen("people.example.org"));
    cr_assert_eq(token_read(span_of_token(&text), locator, &read), ERR_OK);
    cr_assert(same_ref(&ref, &read));
}

Test(token, fits_the_longest_domain_and_no_longer_one_is_read)
{
    struct token_ref ref = random_ref();
    struct token_text text;
    char domain[254], longer[TOKEN_TEXT_MAX + 1];

    memset(domain, 'd', sizeof(domain) - 1);
    domain[sizeof(domain) - 1] = '\0';
    token_write(&ref, TOKEN_EMAIL, domain, locator, &text);
    cr_assert_eq(text.len, TOKEN_TEXT_MAX);
    cr_assert(token_is(span_of_token(&text)));
    memcpy(longer, text.bytes, text.len);
    longer[text.len] = 'd';
    cr_assert_not(token_is(span_of(longer, sizeof(longer))));
}

Test(token, has_the_lengths_that_documents_state)
{
    struct token_ref ref = random_ref();
    struct token_text text = write_token(&ref, TOKEN_EMAIL);

    cr_assert_eq(text.bytes[TOKEN_EMAIL_LOCAL_LEN], '@');
    cr_assert_leq(TOKEN_EMAIL_LOCAL_LEN, 64, "RFC 5321 4.5.3.1.1");
    cr_assert_eq(write_token(&ref, TOKEN_OPAQUE).len, 32);
}
