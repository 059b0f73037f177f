/* SPDX-License-Identifier: Apache-2.0 */
/* Two copies of one store, both written to: a virtual machine cloned or set back (E29). Both have
 * the same keys and count on from the same numbers; still no two values are sealed alike. */
#include <sodium.h>
#include <sqlite3.h>

#include "tests/unit/vault/typed_rig.h"

enum { T0_S = 1800000000, SEALED_MAX = 256, NONCE_CHARS = 80 };

/* Every way in which a row is made. */
static const char CLASSES[] =
    "classes:\n"
    "  opaque: {" TYPED_REST "}\n"
    "  shared: {deterministic: true, " TYPED_REST "}\n"
    "  typed: {format: digits, reserved: \"9\", " TYPED_REST "}\n"
    "  equal: {format: digits, reserved: \"9\", deterministic: true, " TYPED_REST "}\n";

static const char *const kinds[] = {"opaque", "shared", "typed", "equal"};

static void setup(void)
{
    clock_test_set_ms(INT64_C(1000) * T0_S);
    typed_start(CLASSES);
}

TestSuite(clones, .init = setup, .fini = typed_end);

/* ---- what was sealed, and under what ---- */

struct seal {
    char nonce[NONCE_CHARS]; /* key slot, class, salt, number: what makes a nonce, and whose key */
    uint8_t sealed[SEALED_MAX];
    size_t len;
};

static struct seal seals[2][200];
static size_t seal_count[2];

static void read_class(sqlite3 *db, size_t copy, const char *kind)
{
    const bool shared = classes_find(&typed_classes, span_str(kind))->deterministic;
    const uint16_t id = class_id(kind);
    sqlite3_stmt *stmt = NULL;
    char sql[512];

    (void)snprintf(sql, sizeof(sql),
                   "SELECT v.subj||'/'||%u||'/'||hex(%s.salt)||'/'||"
                   "CASE v.rev WHEN 0 THEN 'n'||v.id ELSE 'r'||v.rev END, v.ct FROM val_%u v %s",
                   id, shared ? "d" : "v", id, shared ? "JOIN det_# d ON d.tok=v.tok" : "");
    for (char *at = sql; (at = strchr(at, '#')) != NULL;)
        *at = (char)('0' + id);
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK, "%s", sql);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        struct seal *s = &seals[copy][seal_count[copy]++];

        cr_assert_leq(seal_count[copy], COUNT_OF(seals[copy]));
        (void)snprintf(s->nonce, sizeof(s->nonce), "%s",
                       (const char *)sqlite3_column_text(stmt, 0));
        s->len = (size_t)sqlite3_column_bytes(stmt, 1);
        cr_assert_leq(s->len, sizeof(s->sealed));
        memcpy(s->sealed, sqlite3_column_blob(stmt, 1), s->len);
    }
    (void)sqlite3_finalize(stmt);
}

/* Remember what this copy of the store holds; it is open. */
static void read_all(size_t copy)
{
    sqlite3 *db = NULL;

    cr_assert_eq(sqlite3_open(fixture_path(&f, "vault.db"), &db), SQLITE_OK);
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        read_class(db, copy, kinds[i]);
    (void)sqlite3_close(db);
}

/* Rows of before are in both. What else is sealed under the same nonce is a fault. */
static size_t assert_no_nonce_twice(void)
{
    size_t same = 0;

    for (size_t i = 0; i < seal_count[0]; i++)
        for (size_t j = 0; j < seal_count[1]; j++) {
            const struct seal *a = &seals[0][i], *b = &seals[1][j];

            if (strcmp(a->nonce, b->nonce) != 0)
                continue;
            cr_assert(a->len == b->len && memcmp(a->sealed, b->sealed, a->len) == 0,
                      "two values under the nonce %s", a->nonce);
            same++;
        }
    return same;
}

/* ---- work ---- */

static void rectify(const struct token_text *token, const char *kind, const char *value)
{
    struct vault_rectify op = {.op = {.kind = VAULT_RECTIFY},
                               .token = fixture_span(token),
                               .class_id = class_id(kind),
                               .kind = VALUE_STRING,
                               .value = span_str(value)};

    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
}

static struct token_text old[COUNT_OF(kinds)];

/* What one copy does; the digits make its values its own. */
static void live_on(char mark)
{
    char values[4][5] = {"1000", "2000", "3000", "4000"};

    for (size_t i = 0; i < COUNT_OF(values); i++)
        values[i][3] = mark;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        (void)store(kinds[i], "ada", values[0]);
        (void)store(kinds[i], "ada", "7777"); /* bert's value, too: under his token's salt */
        rectify(&old[i], kinds[i], values[1]);
        rectify(&old[i], kinds[i], values[2]);
        (void)store(kinds[i], mark == '1' ? "carl" : "dora", values[3]); /* the same key slot */
    }
}

static void shell(const char *verb, const char *from, const char *to)
{
    char text[256];

    (void)snprintf(text, sizeof(text), "%s %s %s", verb, from, to);
    cr_assert_eq(system(text), 0, "%s", text);
}

Test(clones, of_one_store_never_seal_two_values_under_one_nonce)
{
    char clone[80];
    size_t before;

    (void)snprintf(clone, sizeof(clone), "%s/clone", f.base);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        old[i] = store(kinds[i], "ada", "5555");
        (void)store(kinds[i], "bert", "7777");
    }
    read_all(0);
    before = seal_count[0];
    cr_assert_eq(before, 2 * COUNT_OF(kinds));
    fixture_close(&f);
    shell("cp -a", f.dir, clone);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
    live_on('1');
    seal_count[0] = 0;
    read_all(0);
    fixture_close(&f);
    shell("rm -rf", f.dir, "");
    shell("mv", clone, f.dir);
    clock_test_set_ms(INT64_C(1000) * (T0_S + 5)); /* bound to the ciphertext: not even equal values
                                                      may be sealed twice then */
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
    live_on('2');
    read_all(1);
    cr_assert_gt(seal_count[0], before);
    cr_assert_eq(seal_count[1], seal_count[0]);
    cr_assert_eq(assert_no_nonce_twice(), COUNT_OF(kinds), "only bert's rows are as they were");
}

/* ---- a copy of a running machine: its memory is copied, too ---- */

static unsigned asked_the_kernel;

static const char *name(void)
{
    return "counting";
}

static uint32_t draw(void)
{
    return randombytes_sysrandom_implementation.random();
}

static void fill(void *const bytes, const size_t len)
{
    __atomic_add_fetch(&asked_the_kernel, 1, __ATOMIC_SEQ_CST);
    randombytes_sysrandom_implementation.buf(bytes, len);
}

static struct randombytes_implementation counting = {
    .implementation_name = name, .random = draw, .buf = fill};

Test(clones, of_a_running_machine_get_fresh_bytes_for_whatever_they_seal_next)
{
    struct token_text token;

    cr_assert_eq(randombytes_set_implementation(&counting), 0);
    token = store("opaque", "ada", "1111");
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        const unsigned before = asked_the_kernel;

        (void)store(kinds[i], "ada", "2222");
        cr_assert_gt(asked_the_kernel, before, "%s: sealed with bytes that a copy has, too",
                     kinds[i]);
    }
    asked_the_kernel = 0;
    rectify(&token, "opaque", "3333");
    cr_assert_gt(asked_the_kernel, 0);
}
