/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/json_names_priv.h"

#include <criterion/criterion.h>

#include "base/limits.h"
#include "base/secret.h"
#include "proxy/json_hash_priv.h"
#include "tests/unit/proxy/json_rig.h"

TestSuite(json_hash, .init = secret_start);
TestSuite(json_names, .init = secret_start, .timeout = 60);

/* ---- the hashes ---- */

/* SipHash-1-3 of 00 01 02 ... under the key 00 01 ... 0F: its authors' and Rust's test vectors. */
Test(json_hash, is_siphash_1_3)
{
    static const uint64_t answers[] = {
        0xabac0158050fc4dc, 0xc9f49bf37d57ca93, 0x82cb9b024dc7d44d, 0x8bf80ab8e7ddf7fb,
        0xcf75576088d38328, 0xdef9d52f49533b67, 0xc50d2b50c59f22a7, 0xd3927d989bb11140,
    };
    char input[COUNT_OF(answers)];

    proxy__hash_start();
    proxy__hash_key.sip[0] = 0x0706050403020100;
    proxy__hash_key.sip[1] = 0x0F0E0D0C0B0A0908;
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        cr_assert_eq(proxy__sip_hash(span_of(input, i)), (uint32_t)(answers[i] ^ answers[i] >> 32),
                     "%zu bytes", i);
        input[i] = (char)i;
    }
}

Test(json_hash, does_not_depend_on_what_stands_around_a_name)
{
    char around[128];

    proxy__hash_start();
    for (size_t len = 0; len <= 64; len++) {
        uint32_t alone;
        char name[64];

        for (size_t i = 0; i < len; i++)
            name[i] = (char)('a' + i % 26);
        alone = name_hash(span_of(name, len), name + len);
        memset(around, '#', sizeof(around));
        memcpy(around + 3, name, len);
        cr_assert_eq(name_hash(span_of(around + 3, len), around + sizeof(around)), alone);
        cr_assert_eq(name_hash(span_of(around + 3, len), around + 3 + len + 5), alone);
    }
}

Test(json_hash, tells_apart_names_that_end_in_nul_bytes)
{
    const char zeroes[17] = {0};

    proxy__hash_start();
    for (size_t len = 0; len < sizeof(zeroes); len++)
        for (size_t other = 0; other < len; other++)
            cr_assert_neq(name_hash(span_of(zeroes, len), zeroes + len),
                          name_hash(span_of(zeroes, other), zeroes + other));
}

Test(json_hash, changes_with_the_key)
{
    uint32_t mixed, sipped;

    proxy__hash_start();
    mixed = name_hash(SPAN_LIT("email"), NULL);
    sipped = proxy__sip_hash(SPAN_LIT("email"));
    proxy__hash_key.mix[1] ^= 1;
    proxy__hash_key.sip[1] ^= 1;
    cr_assert_neq(name_hash(SPAN_LIT("email"), NULL), mixed);
    cr_assert_neq(proxy__sip_hash(SPAN_LIT("email")), sipped);
}

/* ---- duplicates ---- */

/* {"k0":0,...} with `count` members; then one more with this name, unless NULL. */
static void make_object(struct buf *out, unsigned count, const char *last)
{
    char member[64];

    buf_init(out, 1 << 24);
    rig_put(out, "{");
    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(member, sizeof(member), "%s\"k%u\":0", i == 0 ? "" : ",", i);
        rig_put(out, member);
    }
    if (last != NULL) {
        rig_put(out, count == 0 ? "\"" : ",\"");
        rig_put(out, last);
        rig_put(out, "\":0");
    }
    rig_put(out, "}");
}

static enum err read_object(unsigned count, const char *last)
{
    AUTO(buf_done) struct buf document;

    make_object(&document, count, last);
    return rig_check(buf_span(&document));
}

Test(json_names, may_be_many)
{
    static const unsigned counts[] = {0,
                                      1,
                                      15,
                                      16,
                                      17,
                                      63,
                                      64,
                                      65,
                                      127,
                                      128,
                                      129,
                                      255,
                                      256,
                                      257,
                                      271,
                                      272,
                                      512,
                                      1000,
                                      4095,
                                      4096,
                                      4097,
                                      20000,
                                      LIMIT_JSON_MEMBERS_MAX};

    for (size_t i = 0; i < COUNT_OF(counts); i++)
        cr_assert_eq(read_object(counts[i], NULL), ERR_OK, "%u", counts[i]);
}

Test(json_names, are_found_twice_wherever_the_first_one_stands)
{
    static const unsigned counts[] = {1, 2, 16, 17, 63, 64, 65, 128, 129, 257, 1000, 70000};
    char name[64];

    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        const unsigned places[] = {0, counts[i] / 2, counts[i] - 1};

        for (size_t k = 0; k < COUNT_OF(places); k++) {
            (void)snprintf(name, sizeof(name), "k%u", places[k]);
            cr_assert_eq(read_object(counts[i], name), ERR_INVALID, "%s of %u", name, counts[i]);
            (void)snprintf(name, sizeof(name), "\\u006b%u", places[k]);
            cr_assert_eq(read_object(counts[i], name), ERR_INVALID, "%s of %u", name, counts[i]);
        }
        cr_assert_eq(read_object(counts[i], "other"), ERR_OK);
    }
}

/* Their decoded copies end where memory ends (ASan looks). */
Test(json_names, may_be_escaped_at_any_length)
{
    char letters[600] = "";

    for (size_t len = 0; len + 1 < sizeof(letters); len++) {
        AUTO(buf_done) struct buf document;

        memset(letters, 'x', len);
        letters[len] = '\0';
        buf_init(&document, 1 << 16);
        rig_put(&document, "{\"\\u0061");
        rig_put(&document, letters);
        rig_put(&document, "\":0,\"b\":0,\"a");
        rig_put(&document, letters);
        rig_put(&document, "y\":0}");
        cr_assert_eq(rig_check(buf_span(&document)), ERR_OK, "%zu", len);
        document.len -= strlen("y\":0}");
        rig_put(&document, "\":0}");
        cr_assert_eq(rig_check(buf_span(&document)), ERR_INVALID, "%zu", len);
    }
}

Test(json_names, stop_at_the_limit)
{
    cr_assert_eq(read_object(LIMIT_JSON_MEMBERS_MAX - 1, "last"), ERR_OK);
    cr_assert_eq(read_object(LIMIT_JSON_MEMBERS_MAX, "last"), ERR_TOO_LARGE);
}

Test(json_names, are_counted_by_object)
{
    AUTO(buf_done) struct buf large, document;

    make_object(&large, 70000, NULL);
    buf_init(&document, 1 << 24);
    rig_put(&document, "{\"k0\":");
    cr_assert_eq(buf_append_span(&document, buf_span(&large)), ERR_OK);
    rig_put(&document, ",\"k1\":[");
    cr_assert_eq(buf_append_span(&document, buf_span(&large)), ERR_OK);
    rig_put(&document, ",{\"k0\":0}],\"k2\":0");
    rig_put(&document, "}");
    cr_assert_eq(rig_check(buf_span(&document)), ERR_OK);
    document.len--;
    rig_put(&document, ",\"k1\":0}");
    cr_assert_eq(rig_check(buf_span(&document)), ERR_INVALID);
}

/* Large objects inside each other, cut off: the tables of all of them are given back (ASan looks).
 */
Test(json_names, are_let_go_when_the_document_breaks_off)
{
    AUTO(buf_done) struct buf document, large;

    make_object(&large, 300, NULL);
    buf_init(&document, 1 << 24);
    for (int i = 0; i < LIMIT_JSON_DEPTH_MAX; i++) {
        cr_assert_eq(buf_append(&document, large.bytes, large.len - 1), ERR_OK);
        rig_put(&document, ",\"next\":");
    }
    cr_assert_eq(rig_check(buf_span(&document)), ERR_INVALID);
}

/* Read with fields made before the key is spoilt so that every name of up to eight bytes has the
 * same name_hash(): the work of an adversary who knows the key of the small objects' hash. */
static enum err read_with_a_spoilt_key(struct span document)
{
    AUTO(fields_free) struct fields *none = rig_fields(NULL, 0);
    AUTO(hits_done) struct hits hits = {0};
    char name[] = "aaaaaaaa";

    proxy__hash_key.mix[1] = 0;
    cr_assert_eq(name_hash(span_str(name), name + 8), name_hash(SPAN_LIT("b"), NULL));
    return json_read(none, document, &hits);
}

Test(json_names, may_have_the_same_hash)
{
    AUTO(buf_done) struct buf document;

    make_object(&document, 60, NULL);
    cr_assert_eq(read_with_a_spoilt_key(buf_span(&document)), ERR_OK);
    cr_assert_eq(read_with_a_spoilt_key(SPAN_LIT("{\"a\":1,\"b\":2,\"\\u0061b\":3}")), ERR_OK);
    cr_assert_eq(read_with_a_spoilt_key(SPAN_LIT("{\"a\":1,\"b\":2,\"\\u0061\":3}")), ERR_INVALID);
    cr_assert_eq(read_with_a_spoilt_key(SPAN_LIT("{\"\\u0061\":1,\"b\":2,\"a\":3}")), ERR_INVALID);
}

/* E85: quadratic work would be 5 * 10^9 comparisons here; the suite's time limit ends that. */
Test(json_names, do_not_cost_quadratic_time_when_their_hashes_meet)
{
    AUTO(buf_done) struct buf document;

    make_object(&document, LIMIT_JSON_MEMBERS_MAX, NULL);
    cr_assert_eq(read_with_a_spoilt_key(buf_span(&document)), ERR_OK);
}

/* The same for many small objects, the worst that the linear search allows. */
Test(json_names, cost_little_in_many_objects_whose_hashes_meet)
{
    AUTO(buf_done) struct buf document, object;

    make_object(&object, NAMES_LINEAR, NULL);
    buf_init(&document, 1 << 24);
    rig_put(&document, "[0");
    for (int i = 0; i < 3000; i++) {
        rig_put(&document, ",");
        cr_assert_eq(buf_append_span(&document, buf_span(&object)), ERR_OK);
    }
    rig_put(&document, "]");
    cr_assert_eq(read_with_a_spoilt_key(buf_span(&document)), ERR_OK);
}
