/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/crypto_priv.h"

#include <criterion/criterion.h>

#include "base/secret.h"
#include "tests/support/vectors.h"

#define VECTORS "tests/vectors/vault_v1.txt"

static uint8_t key[CRYPTO_KEY_BYTES], root[CRYPTO_KEY_BYTES], locator[TOKEN_LOCATOR_KEY_BYTES];
static struct crypto_row row;
static struct crypto_slot slot;
static uint8_t slot_nonce[CRYPTO_NONCE_BYTES];

/* The values the vectors were made for. */
static void setup(void)
{
    static const uint8_t salt[] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99};

    secret_start();
    row = (struct crypto_row){1, 258, {0}, 0x010203040506, 7, 1900000000, {0}, 1800000000, 0};
    slot = (struct crypto_slot){{0}, 5, 1, 3, 1, {0}};
    memcpy(row.salt, salt, sizeof(salt));
    for (uint8_t i = 0; i < 32; i++) {
        root[i] = i;
        key[i] = 0x60 + i;
    }
    for (uint8_t i = 0; i < 16; i++) {
        locator[i] = 0xa0 + i;
        row.subject[i] = slot.subject[i] = 0xc0 + i;
        slot.store[i] = 0x10 + i;
    }
    for (uint8_t i = 0; i < sizeof(slot_nonce); i++)
        slot_nonce[i] = i;
}

static void assert_vector(const char *name, const uint8_t *bytes, size_t len)
{
    uint8_t expected[512];

    cr_assert_eq(vector_bytes(VECTORS, name, expected, sizeof(expected)), len, "%s", name);
    cr_assert_arr_eq(bytes, expected, len, "%s", name);
}

static void assert_sealed(const char *name, enum value_kind kind, struct span value)
{
    AUTO(buf_done) struct buf out;
    uint8_t sealed[512];
    enum value_kind read = 0;
    size_t len = 1 + value.len + CRYPTO_TAG_BYTES;

    vault__seal(key, &row, kind, value, sealed);
    assert_vector(name, sealed, len);
    buf_init_secret(&out, 1024);
    cr_assert_eq(vault__open(key, &row, span_of(sealed, len), &read, &out), ERR_OK);
    cr_assert(span_equal(buf_span(&out), value), "%s", name);
    cr_assert_eq(read, kind);
}

/* ---- sealed rows ---- */

TestSuite(seal, .init = setup);

Test(seal, gives_the_known_answers)
{
    char text[200];

    memset(text, 'x', sizeof(text));
    assert_sealed("sealed_string", VALUE_STRING, SPAN_LIT("ada@example.org"));
    assert_sealed("sealed_number", VALUE_NUMBER, SPAN_LIT("42"));
    assert_sealed("sealed_empty", VALUE_STRING, SPAN_NONE);
    assert_sealed("sealed_long", VALUE_STRING, span_of(text, sizeof(text)));
    row.revision = 0;
    assert_sealed("sealed_first", VALUE_STRING, SPAN_LIT("ada@example.org"));
}

/* E30 */
Test(seal, detects_a_change_of_any_bit)
{
    AUTO(buf_done) struct buf out;
    uint8_t sealed[1 + 20 + CRYPTO_TAG_BYTES];
    enum value_kind kind = VALUE_BOOL;

    buf_init_secret(&out, 1024);
    vault__seal(key, &row, VALUE_STRING, SPAN_LIT("twenty bytes of text"), sealed);
    for (size_t bit = 0; bit < 8 * sizeof(sealed); bit++) {
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_assert_eq(vault__open(key, &row, span_of(sealed, sizeof(sealed)), &kind, &out),
                     ERR_CORRUPT);
        cr_assert_eq(vault__open(key, &row, span_of(sealed, sizeof(sealed)), &kind, NULL),
                     ERR_CORRUPT);
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    cr_assert_eq(out.len, 0);
    cr_assert_eq(kind, VALUE_BOOL, "written although nothing opened");
    cr_assert_eq(vault__open(key, &row, span_of(sealed, sizeof(sealed)), &kind, &out), ERR_OK);
}

static void assert_row_refused(const uint8_t *sealed, size_t len, const struct crypto_row *other,
                               const char *field)
{
    AUTO(buf_done) struct buf out;
    enum value_kind kind;

    buf_init_secret(&out, 64);
    cr_assert_eq(vault__open(key, other, span_of(sealed, len), &kind, &out), ERR_CORRUPT, "%s",
                 field);
    cr_assert_eq(vault__open(key, other, span_of(sealed, len), &kind, NULL), ERR_CORRUPT, "%s",
                 field);
}

Test(seal, does_not_open_as_another_row_in_any_field)
{
    uint8_t sealed[1 + 3 + CRYPTO_TAG_BYTES];
    struct crypto_row other;

    vault__seal(key, &row, VALUE_STRING, SPAN_LIT("abc"), sealed);
#define REFUSED_WITH(change)                                                                       \
    do {                                                                                           \
        other = row;                                                                               \
        other.change;                                                                              \
        assert_row_refused(sealed, sizeof(sealed), &other, #change);                               \
    } while (0)
    REFUSED_WITH(domain ^= 1);
    REFUSED_WITH(domain ^= 0x8000);
    REFUSED_WITH(class_id ^= 1);
    REFUSED_WITH(class_id ^= 0x8000);
    REFUSED_WITH(row ^= 1);
    REFUSED_WITH(row ^= UINT64_C(1) << 63);
    REFUSED_WITH(revision ^= 1);
    REFUSED_WITH(revision ^= UINT64_C(1) << 63);
    REFUSED_WITH(due_s ^= 1);
    REFUSED_WITH(created_s ^= 1);
    REFUSED_WITH(start_s ^= 1);
    REFUSED_WITH(due_s = -row.due_s);
    for (size_t i = 0; i < VAULT_ID_BYTES; i++)
        REFUSED_WITH(subject[i] ^= 1);
    for (size_t i = 0; i < TOKEN_SALT_BYTES; i++)
        REFUSED_WITH(salt[i] ^= 1);
#undef REFUSED_WITH
}

Test(seal, does_not_open_under_another_key)
{
    uint8_t sealed[1 + 3 + CRYPTO_TAG_BYTES];
    enum value_kind kind;

    vault__seal(key, &row, VALUE_STRING, SPAN_LIT("abc"), sealed);
    key[31] ^= 1;
    cr_assert_eq(vault__open(key, &row, span_of(sealed, sizeof(sealed)), &kind, NULL), ERR_CORRUPT);
}

Test(seal, refuses_what_is_too_short_to_be_sealed)
{
    uint8_t sealed[1 + CRYPTO_TAG_BYTES];
    enum value_kind kind;

    vault__seal(key, &row, VALUE_STRING, SPAN_NONE, sealed);
    for (size_t len = 0; len < sizeof(sealed); len++)
        cr_assert_eq(vault__open(key, &row, span_of(sealed, len), &kind, NULL), ERR_CORRUPT);
}

Test(seal, tells_the_kind_without_opening_the_value)
{
    uint8_t sealed[1 + 100 + CRYPTO_TAG_BYTES];
    char value[100] = "0123456789";

    for (enum value_kind kind = VALUE_STRING; kind <= VALUE_BOOL; kind++) {
        enum value_kind read = 0;

        vault__seal(key, &row, kind, span_of(value, sizeof(value)), sealed);
        cr_assert_eq(vault__open(key, &row, span_of(sealed, sizeof(sealed)), &read, NULL), ERR_OK);
        cr_assert_eq(read, kind);
    }
}

Test(seal, refuses_a_kind_that_does_not_exist)
{
    AUTO(buf_done) struct buf out;
    uint8_t sealed[1 + 3 + CRYPTO_TAG_BYTES];
    enum value_kind kind;

    buf_init_secret(&out, 64);
    vault__seal(key, &row, (enum value_kind)4, SPAN_LIT("abc"), sealed);
    cr_assert_eq(vault__open(key, &row, span_of(sealed, sizeof(sealed)), &kind, &out), ERR_CORRUPT);
    cr_assert_eq(out.len, 0);
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(out.bytes[i], 0, "clear text left behind");
}

Test(seal, appends_the_value_to_what_is_there_and_leaves_nothing_behind_it)
{
    AUTO(buf_done) struct buf out;
    uint8_t sealed[1 + 3 + CRYPTO_TAG_BYTES];
    enum value_kind kind;

    buf_init_secret(&out, 64);
    cr_assert_eq(buf_append_str(&out, "before "), ERR_OK);
    vault__seal(key, &row, VALUE_STRING, SPAN_LIT("abc"), sealed);
    cr_assert_eq(vault__open(key, &row, span_of(sealed, sizeof(sealed)), &kind, &out), ERR_OK);
    cr_assert(span_equal(buf_span(&out), SPAN_LIT("before abc")));
    cr_assert_eq(out.bytes[out.len], 0);
}

Test(seal, says_when_the_buffer_has_no_room)
{
    AUTO(buf_done) struct buf out;
    uint8_t sealed[1 + 64 + CRYPTO_TAG_BYTES];
    char value[64] = "";
    enum value_kind kind;

    buf_init_secret(&out, 32);
    vault__seal(key, &row, VALUE_STRING, span_of(value, sizeof(value)), sealed);
    cr_assert_eq(vault__open(key, &row, span_of(sealed, sizeof(sealed)), &kind, &out),
                 ERR_TOO_LARGE);
    cr_assert_eq(out.len, 0);
}

/* Equal nonces would show in equal ciphertext: the associated data only changes the tag. */
static void assert_nonces_differ(const struct crypto_row *a, const struct crypto_row *b)
{
    uint8_t first[1 + 16 + CRYPTO_TAG_BYTES], second[sizeof(first)];

    vault__seal(key, a, VALUE_STRING, SPAN_LIT("sixteen letters."), first);
    vault__seal(key, b, VALUE_STRING, SPAN_LIT("sixteen letters."), second);
    cr_assert_arr_neq(first, second, 17);
}

Test(seal, repeats_no_nonce_when_row_class_or_salt_differ)
{
    struct crypto_row first = row, other;

    first.revision = 0;
    other = first;
    other.row++;
    assert_nonces_differ(&first, &other);
    other = first;
    other.class_id++;
    assert_nonces_differ(&first, &other);
    other = first;
    other.salt[9] ^= 1;
    assert_nonces_differ(&first, &other);
}

Test(seal, repeats_no_nonce_from_one_revision_to_another)
{
    struct crypto_row first = row, other = row;

    first.revision = 0;
    other.revision = first.row; /* the number of a row may become that of a revision elsewhere */
    assert_nonces_differ(&first, &other);
    first.revision = other.revision + 1;
    assert_nonces_differ(&first, &other);
}

Test(seal, keeps_the_due_time_out_of_the_nonce)
{
    uint8_t first[1 + 16 + CRYPTO_TAG_BYTES], second[sizeof(first)];
    struct crypto_row other = row;

    other.due_s++;
    vault__seal(key, &row, VALUE_STRING, SPAN_LIT("sixteen letters."), first);
    vault__seal(key, &other, VALUE_STRING, SPAN_LIT("sixteen letters."), second);
    cr_assert_arr_eq(first, second, 17);
}

/* ---- wrapped keys ---- */

TestSuite(wrap, .init = setup);

Test(wrap, gives_the_known_answer)
{
    uint8_t wrapping[CRYPTO_KEY_BYTES], wrapped[CRYPTO_WRAPPED_BYTES], bytes[128];

    vault__derive(root, CRYPTO_DERIVE_WRAP, wrapping);
    vault__wrap(wrapping, &slot, slot_nonce, key, wrapped);
    cr_assert_eq(vector_bytes(VECTORS, "slot", bytes, sizeof(bytes)), sizeof(bytes));
    cr_assert_arr_eq(wrapped, bytes + 56, sizeof(wrapped));
}

Test(wrap, gives_back_the_key)
{
    uint8_t wrapped[CRYPTO_WRAPPED_BYTES], unwrapped[CRYPTO_KEY_BYTES];

    vault__wrap(root, &slot, slot_nonce, key, wrapped);
    cr_assert_eq(vault__unwrap(root, &slot, slot_nonce, wrapped, unwrapped), ERR_OK);
    cr_assert_arr_eq(unwrapped, key, sizeof(key));
}

Test(wrap, detects_a_change_of_any_byte_of_nonce_and_key)
{
    uint8_t wrapped[CRYPTO_WRAPPED_BYTES], unwrapped[CRYPTO_KEY_BYTES];

    vault__wrap(root, &slot, slot_nonce, key, wrapped);
    for (size_t i = 0; i < sizeof(wrapped); i++) {
        wrapped[i] ^= 0x10;
        cr_assert_eq(vault__unwrap(root, &slot, slot_nonce, wrapped, unwrapped), ERR_CORRUPT);
        wrapped[i] ^= 0x10;
    }
    for (size_t i = 0; i < sizeof(slot_nonce); i++) {
        slot_nonce[i] ^= 0x10;
        cr_assert_eq(vault__unwrap(root, &slot, slot_nonce, wrapped, unwrapped), ERR_CORRUPT);
        slot_nonce[i] ^= 0x10;
    }
}

Test(wrap, does_not_open_as_another_slot_in_any_field)
{
    uint8_t wrapped[CRYPTO_WRAPPED_BYTES], unwrapped[CRYPTO_KEY_BYTES];
    struct crypto_slot other;

    vault__wrap(root, &slot, slot_nonce, key, wrapped);
#define REFUSED_WITH(change)                                                                       \
    do {                                                                                           \
        other = slot;                                                                              \
        other.change;                                                                              \
        cr_assert_eq(vault__unwrap(root, &other, slot_nonce, wrapped, unwrapped), ERR_CORRUPT,     \
                     #change);                                                                     \
    } while (0)
    REFUSED_WITH(slot ^= 1);
    REFUSED_WITH(slot ^= UINT64_C(1) << 63);
    REFUSED_WITH(kind ^= 1);
    REFUSED_WITH(epoch ^= 1);
    REFUSED_WITH(epoch ^= UINT32_C(1) << 31);
    REFUSED_WITH(owner ^= 1);
    REFUSED_WITH(owner ^= UINT64_C(1) << 63);
    for (size_t i = 0; i < VAULT_ID_BYTES; i++) {
        REFUSED_WITH(store[i] ^= 1);
        REFUSED_WITH(subject[i] ^= 1);
    }
#undef REFUSED_WITH
}

/* ---- derived keys and hashes ---- */

TestSuite(hash, .init = setup);

Test(hash, derived_keys_are_the_known_ones)
{
    uint8_t out[CRYPTO_KEY_BYTES];

    vault__derive(root, CRYPTO_DERIVE_WRAP, out);
    assert_vector("derive_wrap", out, sizeof(out));
    vault__derive(root, CRYPTO_DERIVE_CHECK, out);
    assert_vector("derive_check", out, sizeof(out));
}

Test(hash, gives_the_known_answers)
{
    uint8_t out[CRYPTO_HASH_BYTES];
    char text[VECTOR_VALUE_MAX], hex[17];

    vault__fingerprint(key, 1, 258, VALUE_STRING, SPAN_LIT("ada"), out);
    assert_vector("fingerprint", out, CRYPTO_MAC_BYTES);
    vault__name_mac(key, 1, SPAN_LIT("ada"), out);
    assert_vector("name_mac", out, CRYPTO_MAC_BYTES);
    vault__keyed_hash(key, "abc", 3, out);
    assert_vector("keyed_hash", out, CRYPTO_HASH_BYTES);
    vector_text(VECTORS, "short_hash", text);
    (void)snprintf(hex, sizeof(hex), "%016llx",
                   (unsigned long long)vault__short_hash(locator, "abc", 3));
    cr_assert_str_eq(hex, text);
}

Test(hash, what_typed_tokens_are_made_of_is_as_the_vectors_say)
{
    uint8_t whole[CRYPTO_KEY_BYTES], class_key[CRYPTO_KEY_BYTES], id[CRYPTO_MAC_BYTES];
    uint8_t mac[CRYPTO_MAC_BYTES], other[CRYPTO_KEY_BYTES];

    for (size_t i = 0; i < sizeof(whole); i++)
        whole[i] = (uint8_t)(0xA0 + i);
    vault__class_key(whole, "card", "pan keep_last=4", class_key);
    assert_vector("class_key", class_key, sizeof(class_key));
    vault__sequence_id(class_key, "16", id);
    assert_vector("sequence_id", id, sizeof(id));
    vault__sequence_mac(class_key, id, 3, 1000, mac);
    assert_vector("sequence_mac", mac, sizeof(mac));
    /* Where the name ends is part of it. */
    vault__class_key(whole, "cardp", "an keep_last=4", other);
    cr_assert_neq(memcmp(class_key, other, sizeof(other)), 0);
    vault__class_key(whole, "card", "pan", other);
    cr_assert_neq(memcmp(class_key, other, sizeof(other)), 0);
}

Test(hash, a_fingerprint_depends_on_everything_it_is_over)
{
    uint8_t out[6][CRYPTO_MAC_BYTES];

    vault__fingerprint(key, 1, 2, VALUE_STRING, SPAN_LIT("1"), out[0]);
    vault__fingerprint(key, 2, 2, VALUE_STRING, SPAN_LIT("1"), out[1]);
    vault__fingerprint(key, 1, 3, VALUE_STRING, SPAN_LIT("1"), out[2]);
    vault__fingerprint(key, 1, 2, VALUE_NUMBER, SPAN_LIT("1"), out[3]);
    vault__fingerprint(key, 1, 2, VALUE_STRING, SPAN_LIT("2"), out[4]);
    vault__fingerprint(root, 1, 2, VALUE_STRING, SPAN_LIT("1"), out[5]);
    for (size_t i = 0; i < COUNT_OF(out); i++) {
        for (size_t j = 0; j < i; j++)
            cr_assert_arr_neq(out[i], out[j], CRYPTO_MAC_BYTES);
    }
}

Test(hash, a_name_and_a_value_never_share_an_index)
{
    /* The same bytes go in: u16 domain, u16 class, u8 kind, value against u16 domain, name. */
    uint8_t value[CRYPTO_MAC_BYTES], name[CRYPTO_MAC_BYTES], other[CRYPTO_MAC_BYTES];

    vault__fingerprint(key, 1, 2, VALUE_STRING, SPAN_LIT("ada"), value);
    vault__name_mac(key, 1, SPAN_LIT("\2\0\1ada"), name);
    cr_assert_arr_neq(value, name, sizeof(value));
    vault__name_mac(key, 2, SPAN_LIT("\2\0\1ada"), other);
    cr_assert_arr_neq(name, other, sizeof(name));
}

/* ---- signatures ---- */

TestSuite(sign, .init = setup);

Test(sign, is_the_known_one)
{
    static const char text[] = "lethe-v1 receipt\0abc";
    const struct span message = span_of(text, sizeof(text) - 1);
    uint8_t seed[CRYPTO_KEY_BYTES], public_key[VAULT_PUBLIC_BYTES];
    uint8_t secret[CRYPTO_SECRET_KEY_BYTES], signature[VAULT_SIGNATURE_BYTES];

    for (uint8_t i = 0; i < sizeof(seed); i++)
        seed[i] = 0x60 + i;
    vault__key_pair(seed, public_key, secret);
    vault__sign(secret, message, signature);
    assert_vector("sign_public", public_key, sizeof(public_key));
    assert_vector("signature", signature, sizeof(signature));
    cr_assert(vault__signature_is_valid(public_key, message, signature));
}

Test(sign, is_of_one_message_and_one_key)
{
    static const uint8_t seed[CRYPTO_KEY_BYTES] = {7};
    uint8_t public_key[VAULT_PUBLIC_BYTES], secret[CRYPTO_SECRET_KEY_BYTES];
    uint8_t signature[VAULT_SIGNATURE_BYTES], text[40] = "lethe-v1 x";
    const struct span message = span_of(text, sizeof(text));

    vault__key_pair(seed, public_key, secret);
    vault__sign(secret, message, signature);
    cr_assert(vault__signature_is_valid(public_key, message, signature));
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] ^= 0x10;
        cr_assert_not(vault__signature_is_valid(public_key, message, signature), "text %zu", i);
        text[i] ^= 0x10;
    }
    for (size_t i = 0; i < sizeof(signature); i++) {
        signature[i] ^= 0x01;
        cr_assert_not(vault__signature_is_valid(public_key, message, signature), "sign %zu", i);
        signature[i] ^= 0x01;
    }
    for (size_t i = 0; i < sizeof(public_key); i++) {
        public_key[i] ^= 0x01;
        cr_assert_not(vault__signature_is_valid(public_key, message, signature), "key %zu", i);
        public_key[i] ^= 0x01;
    }
    cr_assert_not(
        vault__signature_is_valid(public_key, span_of(text, sizeof(text) - 1), signature));
    memset(public_key, 0, sizeof(public_key)); /* a point of small order signs anything */
    memset(signature, 0, sizeof(signature));
    cr_assert_not(vault__signature_is_valid(public_key, message, signature));
}
