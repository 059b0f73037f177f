/* SPDX-License-Identifier: Apache-2.0 */
#include "retention/proof.h"

#include <criterion/criterion.h>

#include "base/log.h"
#include "base/secret.h"
#include "retention/canonical.h"
#include "retention/erasure.h"
#include "tests/support/vault_rig.h"

static const struct receipt_words words = {.reason = SPAN_LIT("17(1)(b) \"asked\" \xc3\xa9"),
                                           .reference = SPAN_LIT("REQ-7"),
                                           .executed_by = SPAN_LIT("user officer")};

/* A receipt of a real erasure, as text. */
static void make(struct rig *r, struct buf *text, struct receipt *ret)
{
    AUTO(json_free) struct json *tree = NULL;
    struct erasures *e;

    rig_init(r);
    log_set_level(LOG_ERROR);
    (void)rig_store(r, "mail", "ada", "ada@example.org");
    (void)rig_store(r, "note", "ada", "tea");
    e = erasures_new(r->vault, NULL);
    REQUIRE(erasure_run(e, VAULT_DOMAIN_DEFAULT, SPAN_LIT("ada"), &words, ret) == ERR_OK);
    erasures_free(&e);
    REQUIRE(receipt_json(ret, r->vault, &words, &tree) == ERR_OK);
    buf_init(text, 1 << 16);
    REQUIRE(json_write_pretty(tree, text) == ERR_OK);
}

static enum err check(struct span text, const uint8_t *key, struct receipt_facts *ret,
                      struct errmsg *msg)
{
    AUTO(json_free) struct json *tree = NULL;

    return proof_check(text, key, &tree, ret, msg);
}

TestSuite(proof, .init = secret_start, .timeout = 120);

Test(proof, of_a_real_erasure_is_right_and_says_what_it_says)
{
    AUTO(rig_done) struct rig r;
    AUTO(buf_done) struct buf text = {.max = 0};
    uint8_t key[VAULT_PUBLIC_BYTES];
    struct receipt_facts facts;
    struct receipt receipt;
    struct errmsg msg;

    make(&r, &text, &receipt);
    vault_sign_public(r.vault, key);
    cr_assert_eq(check(buf_span(&text), key, &facts, &msg), ERR_OK);
    cr_assert_eq(check(buf_span(&text), NULL, &facts, &msg), ERR_OK);
    cr_assert_eq(facts.state, RECEIPT_COMPLETED);
    cr_assert(facts.passed);
    cr_assert_arr_eq(facts.number, receipt.number, VAULT_ID_BYTES);
    cr_assert_arr_eq(facts.subject, receipt.subject, VAULT_ID_BYTES);
    cr_assert_arr_eq(facts.store, vault_store_id(r.vault), VAULT_ID_BYTES);
    cr_assert_arr_eq(facts.ledger_head, receipt.ledger_head, VAULT_HEAD_BYTES);
    cr_assert_arr_eq(facts.public_key, key, VAULT_PUBLIC_BYTES);
    cr_assert_eq(facts.slot, receipt.slot);
    cr_assert_eq(facts.epoch, 1);
    cr_assert_eq(facts.ledger_seq, receipt.ledger_seq);
}

/* Whatever bit is changed: refused, or the document still says the same (E71). */
Test(proof, does_not_survive_a_changed_byte)
{
    static const uint8_t masks[] = {0x01, 0x20, 0x80};
    AUTO(rig_done) struct rig r;
    AUTO(buf_done) struct buf text = {.max = 0};
    AUTO(buf_done) struct buf same = {.max = 0};
    AUTO(json_free) struct json *original = NULL;
    struct receipt receipt;
    size_t refused = 0;

    make(&r, &text, &receipt);
    buf_init(&same, 1 << 16);
    cr_assert_eq(json_parse(buf_span(&text), &original), ERR_OK);
    cr_assert_eq(canonical_write(original, &same), ERR_OK);
    for (size_t i = 0; i < text.len * COUNT_OF(masks); i++) {
        AUTO(json_free) struct json *tree = NULL;
        AUTO(buf_done) struct buf now = {.max = 0};
        struct receipt_facts facts;
        struct errmsg msg = {""};

        text.bytes[i / COUNT_OF(masks)] ^= masks[i % COUNT_OF(masks)];
        if (proof_check(buf_span(&text), NULL, &tree, &facts, &msg) != ERR_OK) {
            cr_assert_neq(msg.text[0], '\0');
            refused++;
        } else {
            buf_init(&now, 1 << 16);
            cr_assert_eq(canonical_write(tree, &now), ERR_OK);
            cr_assert(span_equal(buf_span(&now), buf_span(&same)), "byte %zu", i / COUNT_OF(masks));
        }
        text.bytes[i / COUNT_OF(masks)] ^= masks[i % COUNT_OF(masks)];
    }
    cr_assert_gt(refused, text.len * 2, "most of it is no white space");
}

Test(proof, by_another_key_is_refused)
{
    AUTO(rig_done) struct rig r;
    AUTO(buf_done) struct buf text = {.max = 0};
    uint8_t key[VAULT_PUBLIC_BYTES];
    struct receipt_facts facts;
    struct receipt receipt;
    struct errmsg msg;

    make(&r, &text, &receipt);
    vault_sign_public(r.vault, key);
    key[5] ^= 1;
    cr_assert_eq(check(buf_span(&text), key, &facts, &msg), ERR_DENIED);
    cr_assert_not_null(strstr(msg.text, "another key"));
}

/* Replace the first `from` in a receipt's text. */
static void swap(struct buf *text, const char *from, const char *to)
{
    AUTO(buf_done) struct buf out = {.max = 0};
    const char *at = memmem(text->bytes, text->len, from, strlen(from));
    size_t before;

    REQUIRE(at != NULL);
    before = (size_t)(at - (const char *)text->bytes);
    buf_init(&out, 1 << 16);
    REQUIRE(buf_append(&out, text->bytes, before) == ERR_OK);
    REQUIRE(buf_append_str(&out, to) == ERR_OK);
    REQUIRE(buf_append(&out, at + strlen(from), text->len - before - strlen(from)) == ERR_OK);
    buf_reset(text);
    REQUIRE(buf_append_span(text, buf_span(&out)) == ERR_OK);
}

static const struct {
    const char *from, *to, *says;
    enum err e;
} altered[] = {
    {"\"state\": \"completed\"", "\"state\": \"failed\"", "signature is wrong", ERR_DENIED},
    {"\"rows_left\": 0", "\"rows_left\": 1", "signature is wrong", ERR_DENIED},
    {"REQ-7", "REQ-8", "signature is wrong", ERR_DENIED},
    {"\"state\": \"completed\"", "\"state\": \"completed\", \"state\": \"completed\"", "no JSON",
     ERR_INVALID},
    {"\"not_erased\": []", "\"not_erased\": [], \"more\": 1", "members", ERR_INVALID},
    {"\"not_erased\": []", "\"not_erased\": {}", "not_erased\" is of another type", ERR_INVALID},
    {"\"not_erased\": [],", "", "not_erased\" is missing", ERR_INVALID},
    {"\"number\": \"", "\"number\": \"00", "signature is wrong", ERR_DENIED},
    {"erasure-receipt-4", "erasure-receipt-2", "format", ERR_UNSUPPORTED},
    {"\"algorithm\": \"Ed25519\"", "\"algorithm\": \"none\"", "malformed", ERR_INVALID},
    {"\"key_id\": \"", "\"key_id\": \"0", "malformed", ERR_INVALID},
    {"\"algorithm\"", "\"other\": null, \"algorithm\"", "members", ERR_INVALID},
    {"\"rows_left\": 0", "\"rows_left\": 0.5", "cannot hold", ERR_INVALID},
};

Test(proof, of_an_altered_document_is_refused_with_a_reason)
{
    for (size_t i = 0; i < COUNT_OF(altered); i++) {
        AUTO(rig_done) struct rig r;
        AUTO(buf_done) struct buf text = {.max = 0};
        struct receipt_facts facts;
        struct receipt receipt;
        struct errmsg msg = {""};

        make(&r, &text, &receipt);
        swap(&text, altered[i].from, altered[i].to);
        cr_assert_eq(check(buf_span(&text), NULL, &facts, &msg), altered[i].e, "%s: %s",
                     altered[i].to, msg.text);
        cr_assert_not_null(strstr(msg.text, altered[i].says), "%s: %s", altered[i].to, msg.text);
    }
}

Test(proof, of_the_format_before_is_checked_still)
{
    AUTO(rig_done) struct rig r;
    AUTO(buf_done) struct buf text = {.max = 0};
    AUTO(json_free) struct json *tree = NULL;
    struct receipt_facts facts;
    struct receipt receipt;
    struct errmsg msg = {""};

    make(&r, &text, &receipt);
    cr_assert_eq(json_parse(buf_span(&text), &tree), ERR_OK);
    json_set_str(tree, "format", RECEIPT_FORMAT_3);
    json_remove(tree, "remains");
    json_remove(tree, "approved_by");
    json_remove(tree, "signature");
    cr_assert_eq(proof_sign(tree, r.vault), ERR_OK);
    buf_reset(&text);
    cr_assert_eq(json_write(tree, &text), ERR_OK);
    cr_assert_eq(check(buf_span(&text), NULL, &facts, &msg), ERR_OK, "%s", msg.text);
    cr_assert(facts.passed);
}

Test(proof, of_something_else_is_refused)
{
    static const char *const texts[] = {"", "{}", "[]", "null", "{\"format\":1}", "x", "{} {}"};

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct receipt_facts facts;
        struct errmsg msg = {""};

        cr_assert_eq(check(span_str(texts[i]), NULL, &facts, &msg), ERR_INVALID, "%s", texts[i]);
        cr_assert_neq(msg.text[0], '\0');
    }
}

Test(proof, a_signed_document_that_is_no_receipt_is_refused)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *tree = json_new_map();
    AUTO(buf_done) struct buf text = {.max = 0};
    struct receipt_facts facts;
    struct errmsg msg = {""};

    rig_init(&r);
    buf_init(&text, 1 << 16);
    json_set_str(tree, "format", RECEIPT_FORMAT);
    cr_assert_eq(proof_sign(tree, r.vault), ERR_OK);
    cr_assert_eq(json_write(tree, &text), ERR_OK);
    cr_assert_eq(check(buf_span(&text), NULL, &facts, &msg), ERR_INVALID);
}

/* ---- public keys ---- */

/* `openssl pkey -pubin -text` shows these bytes, counting from 0. */
static const char pem[] = "-----BEGIN PUBLIC KEY-----\n"
                          "MCowBQYDK2VwAyEAAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
                          "-----END PUBLIC KEY-----\n";

Test(proof, writes_and_reads_public_keys_as_openssl_does)
{
    uint8_t key[VAULT_PUBLIC_BYTES], back[VAULT_PUBLIC_BYTES] = {0};
    AUTO(buf_done) struct buf text = {.max = 0};

    for (size_t i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)i;
    buf_init(&text, 1024);
    cr_assert_eq(proof_pem_write(key, &text), ERR_OK);
    cr_assert(span_equal(buf_span(&text), span_str(pem)));
    cr_assert_eq(proof_pem_read(span_str(pem), back), ERR_OK);
    cr_assert_arr_eq(back, key, sizeof(key));
}

Test(proof, refuses_a_public_key_of_another_kind_or_damaged)
{
    uint8_t key[VAULT_PUBLIC_BYTES];
    char text[sizeof(pem)];

    for (size_t i = 0; i < sizeof(pem) - 2; i++) {
        memcpy(text, pem, sizeof(pem));
        text[i] = text[i] == '*' ? '?' : '*';
        cr_assert_eq(proof_pem_read(span_str(text), key), ERR_INVALID, "byte %zu", i);
    }
    cr_assert_eq(proof_pem_read(SPAN_LIT(""), key), ERR_INVALID);
    cr_assert_eq(
        proof_pem_read(SPAN_LIT("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"), key),
        ERR_INVALID);
    memcpy(text, pem, sizeof(pem));
    text[30] = 'X'; /* another algorithm's number */
    cr_assert_eq(proof_pem_read(span_str(text), key), ERR_INVALID);
}

Test(proof, hexadecimal_is_lower_case_and_whole)
{
    uint8_t bytes[2];
    char text[5];

    proof_hex((const uint8_t *)"\x0f\xa0", 2, text);
    cr_assert_str_eq(text, "0fa0");
    cr_assert(proof_unhex(SPAN_LIT("0fa0"), bytes, 2));
    cr_assert_eq(bytes[0], 0x0f);
    cr_assert_eq(bytes[1], 0xa0);
    cr_assert_not(proof_unhex(SPAN_LIT("0fA0"), bytes, 2));
    cr_assert_not(proof_unhex(SPAN_LIT("0fa"), bytes, 2));
    cr_assert_not(proof_unhex(SPAN_LIT("0fa00"), bytes, 2));
    cr_assert_not(proof_unhex(SPAN_LIT("0fag"), bytes, 2));
}
