/* SPDX-License-Identifier: Apache-2.0 */
/* Signing receipts and checking them offline.
 * Runs on: any thread. Holds: nothing. Invariant: what is checked is what is read: facts are taken
 * from the tree whose canonical form the signature covers. Not here: what a receipt says
 * (receipt.c), the canonical form (canonical.c), the cipher (vault/). */
#include "retention/proof.h"

#include <string.h>

#include "base/mem.h"
#include "retention/canonical.h"

static const char PURPOSE[] = "lethe-v1 receipt"; /* its NUL is signed, too */
static const char ALGORITHM[] = "Ed25519";

/* ---- texts ---- */

void proof_hex(const uint8_t *bytes, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool proof_unhex(struct span text, uint8_t *out, size_t len)
{
    if (text.len != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++) {
        int high = digit_of(text.at[2 * i]), low = digit_of(text.at[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* ---- PEM ---- */

/* RFC 8410: SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING of 32 bytes }: 44 bytes, and so
 * 60 base64 characters of which the last is padding. */
enum { SPKI_HEAD_BYTES = 12, SPKI_BYTES = SPKI_HEAD_BYTES + VAULT_PUBLIC_BYTES, SPKI_CHARS = 60 };

static const uint8_t spki_head[SPKI_HEAD_BYTES] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                                   0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
static const char pem_begin[] = "-----BEGIN PUBLIC KEY-----";
static const char pem_end[] = "-----END PUBLIC KEY-----";
static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void encode_spki(const uint8_t public_key[VAULT_PUBLIC_BYTES], char out[SPKI_CHARS])
{
    uint8_t bytes[SPKI_BYTES + 1] = {0}; /* 44 is two more than a multiple of three */

    memcpy(bytes, spki_head, SPKI_HEAD_BYTES);
    memcpy(bytes + SPKI_HEAD_BYTES, public_key, VAULT_PUBLIC_BYTES);
    for (size_t i = 0; i < SPKI_CHARS / 4; i++) {
        const uint32_t three = (uint32_t)bytes[3 * i] << 16 | (uint32_t)bytes[3 * i + 1] << 8 |
                               (uint32_t)bytes[3 * i + 2];

        for (size_t j = 0; j < 4; j++)
            out[4 * i + j] = base64[three >> (18 - 6 * j) & 63];
    }
    out[SPKI_CHARS - 1] = '=';
}

enum err proof_pem_write(const uint8_t public_key[VAULT_PUBLIC_BYTES], struct buf *out)
{
    char text[SPKI_CHARS];
    enum err e;

    encode_spki(public_key, text);
    e = buf_append_str(out, pem_begin);
    if (e == ERR_OK)
        e = buf_append_byte(out, '\n');
    if (e == ERR_OK)
        e = buf_append(out, text, sizeof(text));
    if (e == ERR_OK)
        e = buf_append_byte(out, '\n');
    if (e == ERR_OK)
        e = buf_append_str(out, pem_end);
    return e == ERR_OK ? buf_append_byte(out, '\n') : e;
}

static struct span trimmed(struct span text)
{
    while (text.len > 0 && memchr(" \t\r\n", text.at[0], 4) != NULL)
        text = span_of(text.at + 1, text.len - 1);
    while (text.len > 0 && memchr(" \t\r\n", text.at[text.len - 1], 4) != NULL)
        text.len--;
    return text;
}

/* Read the key out of the characters; the caller compares them with its one encoding. */
static void decode_spki(const char text[SPKI_CHARS], uint8_t ret[VAULT_PUBLIC_BYTES])
{
    uint8_t bytes[SPKI_CHARS / 4 * 3];

    for (size_t i = 0; i < SPKI_CHARS / 4; i++) {
        uint32_t three = 0;

        for (size_t j = 0; j < 4; j++) {
            const char *found = memchr(base64, text[4 * i + j], 64);

            three = three << 6 | (uint32_t)(found == NULL ? 0 : found - base64);
        }
        bytes[3 * i] = (uint8_t)(three >> 16);
        bytes[3 * i + 1] = (uint8_t)(three >> 8);
        bytes[3 * i + 2] = (uint8_t)three;
    }
    memcpy(ret, bytes + SPKI_HEAD_BYTES, VAULT_PUBLIC_BYTES);
}

enum err proof_pem_read(struct span text, uint8_t ret[VAULT_PUBLIC_BYTES])
{
    const size_t begin = sizeof(pem_begin) - 1, end = sizeof(pem_end) - 1;
    uint8_t key[VAULT_PUBLIC_BYTES];
    char again[SPKI_CHARS];

    text = trimmed(text);
    if (text.len < begin + end || memcmp(text.at, pem_begin, begin) != 0 ||
        memcmp(text.at + text.len - end, pem_end, end) != 0)
        return ERR_INVALID;
    text = trimmed(span_of(text.at + begin, text.len - begin - end));
    if (text.len != SPKI_CHARS)
        return ERR_INVALID;
    decode_spki(text.at, key);
    encode_spki(key, again);
    if (memcmp(text.at, again, SPKI_CHARS) != 0)
        return ERR_INVALID;
    memcpy(ret, key, sizeof(key));
    return ERR_OK;
}

/* ---- signing ---- */

/* What is signed, into `out`. The signature's value is not in the tree. */
static enum err message(const struct json *document, struct buf *out)
{
    enum err e;

    buf_init(out, PROOF_DOCUMENT_MAX + sizeof(PURPOSE));
    e = buf_append(out, PURPOSE, sizeof(PURPOSE));
    return e == ERR_OK ? canonical_write(document, out) : e;
}

enum err proof_sign(struct json *document, const struct vault *vault)
{
    AUTO(buf_done) struct buf signed_text = {.max = 0};
    uint8_t public_key[VAULT_PUBLIC_BYTES], value[VAULT_SIGNATURE_BYTES];
    char text[2 * VAULT_SIGNATURE_BYTES + 1];
    struct json *signature = json_new_map();
    enum err e;

    vault_sign_public(vault, public_key);
    json_set_str(signature, "algorithm", ALGORITHM);
    proof_hex(public_key, PROOF_KEY_ID_CHARS / 2, text);
    json_set_str(signature, "key_id", text);
    proof_hex(public_key, sizeof(public_key), text);
    json_set_str(signature, "public_key", text);
    json_set(document, "signature", signature);
    e = message(document, &signed_text);
    if (e == ERR_OK)
        e = vault_sign(vault, buf_span(&signed_text), value);
    if (e != ERR_OK)
        return e;
    proof_hex(value, sizeof(value), text);
    json_set_str(signature, "value", text);
    return ERR_OK;
}

/* ---- checking: what stands where ---- */

/* A member that must be there. */
struct shape {
    const char *name;
    enum json_type type;
    bool or_null;
};

/* Those of format 3, and what came with format 4. */
static const struct shape receipt_shape[] = {
    {"format", JSON_TEXT, false},
    {"number", JSON_TEXT, false},
    {"state", JSON_TEXT, false},
    {"failure", JSON_MAP, true},
    {"store", JSON_TEXT, false},
    {"reference", JSON_TEXT, true},
    {"ground", JSON_TEXT, true},
    {"reason", JSON_TEXT, true},
    {"executed_by", JSON_TEXT, true},
    {"subject", JSON_TEXT, false},
    {"domain", JSON_TEXT, true},
    {"scope", JSON_MAP, false},
    {"not_erased", JSON_LIST, false},
    {"method", JSON_MAP, false},
    {"effective_at", JSON_TEXT, false},
    {"completed_at", JSON_TEXT, true},
    {"unrecoverable_not_later_than", JSON_TEXT, true},
    {"unrecoverable_meaning", JSON_TEXT, false},
    {"verification", JSON_MAP, true},
    {"recipients", JSON_TEXT, false},
    {"ledger", JSON_MAP, false},
    {"product", JSON_MAP, false},
    {"signature", JSON_MAP, false},
};

static const struct shape shape_since_4[] = {
    {"approved_by", JSON_TEXT, true},
    {"remains", JSON_TEXT, false},
};

static const struct shape signature_shape[] = {
    {"algorithm", JSON_TEXT, false},
    {"key_id", JSON_TEXT, false},
    {"public_key", JSON_TEXT, false},
    {"value", JSON_TEXT, false},
};

/* These members, each of its type. */
static enum err check_members(const struct json *map, const char *what, const struct shape *shape,
                              size_t count, struct errmsg *msg)
{
    for (size_t i = 0; i < count; i++) {
        const enum json_type type = json_kind(json_get(map, shape[i].name));

        if (type != shape[i].type && !(type == JSON_NIL && shape[i].or_null))
            return errmsg_set(msg, ERR_INVALID, "%s: the member \"%s\" is %s", what, shape[i].name,
                              type == JSON_ABSENT ? "missing" : "of another type");
    }
    return ERR_OK;
}

static enum err check_count(const struct json *map, const char *what, size_t count,
                            struct errmsg *msg)
{
    if (json_count(map) != count)
        return errmsg_set(msg, ERR_INVALID, "%s has members that a receipt does not have", what);
    return ERR_OK;
}

static enum err check_receipt(const struct json *tree, bool is_old, struct errmsg *msg)
{
    const size_t more = is_old ? 0 : COUNT_OF(shape_since_4);
    enum err e = check_members(tree, "the receipt", receipt_shape, COUNT_OF(receipt_shape), msg);

    if (e == ERR_OK)
        e = check_members(tree, "the receipt", shape_since_4, more, msg);
    return e == ERR_OK ? check_count(tree, "the receipt", COUNT_OF(receipt_shape) + more, msg) : e;
}

static enum err check_document(const struct json *tree, struct errmsg *msg)
{
    const struct json *format = json_get(tree, "format"), *signature = json_get(tree, "signature");
    const bool is_old = span_equal(json_text_of(format), span_str(RECEIPT_FORMAT_3));
    enum err e;

    if (json_kind(tree) != JSON_MAP)
        return errmsg_set(msg, ERR_INVALID, "the receipt is no JSON object");
    if (json_kind(format) == JSON_TEXT && !is_old &&
        !span_equal(json_text_of(format), span_str(RECEIPT_FORMAT)))
        return errmsg_set(msg, ERR_UNSUPPORTED,
                          "the document is not of the format " RECEIPT_FORMAT
                          " or " RECEIPT_FORMAT_3 ": use the version of Lethe that wrote it");
    e = check_receipt(tree, is_old, msg);
    if (e == ERR_OK)
        e = check_members(signature, "the signature", signature_shape, COUNT_OF(signature_shape),
                          msg);
    return e == ERR_OK ? check_count(signature, "the signature", COUNT_OF(signature_shape), msg)
                       : e;
}

/* ---- checking: the facts ---- */

static bool read_number(const struct json *map, const char *name, uint64_t *ret)
{
    const struct json *value = json_get(map, name);

    if (json_kind(value) != JSON_INT || json_int_of(value, -1) < 0)
        return false;
    *ret = (uint64_t)json_int_of(value, 0);
    return true;
}

static bool read_hex(const struct json *map, const char *name, uint8_t *out, size_t len)
{
    return proof_unhex(json_text_of(json_get(map, name)), out, len);
}

static bool read_state(const struct json *tree, enum receipt_state *ret)
{
    const struct span state = json_text_of(json_get(tree, "state"));

    if (span_equal(state, SPAN_LIT("completed")))
        *ret = RECEIPT_COMPLETED;
    else if (span_equal(state, SPAN_LIT("failed")))
        *ret = RECEIPT_FAILED;
    else if (span_equal(state, SPAN_LIT("unfinished")))
        *ret = RECEIPT_UNFINISHED;
    else
        return false;
    return true;
}

static bool read_facts(const struct json *tree, struct receipt_facts *f)
{
    const struct json *method = json_get(tree, "method"), *ledger = json_get(tree, "ledger");
    uint64_t epoch = 0;

    if (!read_state(tree, &f->state) || !read_hex(tree, "number", f->number, VAULT_ID_BYTES) ||
        !read_hex(tree, "store", f->store, VAULT_ID_BYTES) ||
        !read_hex(tree, "subject", f->subject, VAULT_ID_BYTES) ||
        !read_number(method, "slot", &f->slot) || !read_number(method, "epoch", &epoch) ||
        !read_number(ledger, "sequence", &f->ledger_seq) ||
        !read_hex(ledger, "head", f->ledger_head, VAULT_HEAD_BYTES) || epoch > UINT32_MAX)
        return false;
    f->epoch = (uint32_t)epoch;
    f->passed = json_bool_of(json_get(json_get(tree, "verification"), "passed"), false);
    return true;
}

/* ---- checking: the signature ---- */

/* The signature cannot cover its own value: that is taken out of the tree meanwhile. */
static enum err check_signature(struct json *tree, const uint8_t *wanted, struct receipt_facts *f,
                                struct errmsg *msg)
{
    AUTO(buf_done) struct buf signed_text = {.max = 0};
    struct json *signature = json_get(tree, "signature");
    uint8_t value[VAULT_SIGNATURE_BYTES], key_id[PROOF_KEY_ID_CHARS / 2];
    char text[2 * VAULT_SIGNATURE_BYTES + 1];

    if (!span_equal(json_text_of(json_get(signature, "algorithm")), span_str(ALGORITHM)) ||
        !read_hex(signature, "public_key", f->public_key, VAULT_PUBLIC_BYTES) ||
        !read_hex(signature, "key_id", key_id, sizeof(key_id)) ||
        !read_hex(signature, "value", value, sizeof(value)) ||
        memcmp(key_id, f->public_key, sizeof(key_id)) != 0)
        return errmsg_set(msg, ERR_INVALID, "the signature is malformed");
    if (wanted != NULL && memcmp(wanted, f->public_key, VAULT_PUBLIC_BYTES) != 0)
        return errmsg_set(msg, ERR_DENIED,
                          "the receipt is signed by another key than the one given");
    json_remove(signature, "value");
    if (message(tree, &signed_text) != ERR_OK)
        return errmsg_set(msg, ERR_INVALID, "the receipt holds what a receipt cannot hold");
    if (!vault_signature_is_valid(f->public_key, buf_span(&signed_text), value))
        return errmsg_set(msg, ERR_DENIED,
                          "the signature is wrong: the receipt was altered, or never signed by "
                          "this key");
    proof_hex(value, sizeof(value), text);
    json_set_str(signature, "value", text);
    return ERR_OK;
}

enum err proof_check(struct span text, const uint8_t *public_key, struct json **ret_tree,
                     struct receipt_facts *ret, struct errmsg *msg)
{
    AUTO(json_free) struct json *tree = NULL;
    struct receipt_facts facts = {.slot = 0};
    enum err e;

    if (text.len > PROOF_DOCUMENT_MAX || json_parse(text, &tree) != ERR_OK)
        return errmsg_set(msg, ERR_INVALID, "the document is no JSON text, or not only one");
    e = check_document(tree, msg);
    if (e == ERR_OK)
        e = check_signature(tree, public_key, &facts, msg);
    if (e != ERR_OK)
        return e;
    if (!read_facts(tree, &facts))
        return errmsg_set(msg, ERR_INVALID, "a member of the receipt cannot be read");
    *ret_tree = TAKE(tree);
    *ret = facts;
    return ERR_OK;
}
