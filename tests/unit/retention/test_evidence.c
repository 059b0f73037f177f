/* SPDX-License-Identifier: Apache-2.0 */
#include "retention/evidence.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/secret.h"
#include "retention/erasure.h"
#include "retention/pack.h"
#include "retention/ropa.h"
#include "tests/unit/retention/request_rig.h"
#include "vault/audit.h"
#include "vault/records.h"

enum { BLOCK = 512, PACK_BYTES_MAX = 4 << 20 };

static void start(void)
{
    secret_start();
    log_set_level(LOG_ERROR);
}

TestSuite(evidence, .init = start, .timeout = 120);

static enum err make_of(struct rig *r, const char *path, const struct report_context *about,
                        struct evidence *ret, struct errmsg *msg)
{
    struct report_context context = *about;
    struct erasures *erasures = erasures_new(r->vault, NULL);
    enum err e;

    context.vault = r->vault;
    context.classes = &r->classes;
    context.now_s = clock_now_s();
    context.requests = requests_new(r->vault, erasures, NULL);
    configure_requests(context.requests, "other: 1\n");
    REQUIRE(vault_reader_open(r->vault, &context.reader) == ERR_OK);
    e = evidence_make(&context, path, ret, msg);
    vault_reader_close(&context.reader);
    requests_free(&context.requests);
    erasures_free(&erasures);
    return e;
}

static enum err make_over(struct rig *r, const char *path, int64_t from_day, int64_t to_day,
                          struct evidence *ret, struct errmsg *msg)
{
    const struct report_context about = {.from_day = from_day, .to_day = to_day};

    return make_of(r, path, &about, ret, msg);
}

/* A store with an erasure, and a pack of it. */
static void make(struct rig *r, const char *path, struct evidence *ret)
{
    struct errmsg msg = {""};
    struct erasures *erasures;
    struct receipt receipt;

    rig_init(r);
    (void)rig_store(r, "note", "ada", "one");
    (void)rig_store(r, "note", "bob", "two");
    erasures = erasures_new(r->vault, NULL);
    cr_assert_eq(erasure_run(erasures, VAULT_DOMAIN_DEFAULT, SPAN_LIT("ada"), NULL, &receipt),
                 ERR_OK);
    erasures_free(&erasures);
    cr_assert_eq(make_over(r, path, INT64_MIN, INT64_MAX, ret, &msg), ERR_OK, "%s", msg.text);
}

/* ---- members ---- */

struct copying {
    struct pack *to;
    const char *without;
    const char *twice;
    size_t count;
    char names[4096]; /* "name\n" of each */
};

static enum err copy(const char *name, struct span bytes, void *context, struct errmsg *msg UNUSED)
{
    struct copying *c = context;
    const size_t used = strlen(c->names);
    enum err e = ERR_OK;

    (void)snprintf(c->names + used, sizeof(c->names) - used, "%s\n", name);
    c->count++;
    if (c->to != NULL && (c->without == NULL || strcmp(name, c->without) != 0))
        e = pack_add(c->to, name, bytes);
    if (e == ERR_OK && c->to != NULL && c->twice != NULL && strcmp(name, c->twice) == 0)
        e = pack_add(c->to, name, bytes);
    return e;
}

static void list(const char *path, struct copying *ret)
{
    struct errmsg msg;

    *ret = (struct copying){.to = NULL};
    cr_assert_eq(pack_read(path, copy, ret, &msg), ERR_OK, "%s", msg.text);
}

static void rewrite(const char *from, const char *to, struct copying *c, const char *extra)
{
    struct errmsg msg;

    (void)unlink(to);
    cr_assert_eq(pack_new(to, 0, &c->to, &msg), ERR_OK);
    cr_assert_eq(pack_read(from, copy, c, &msg), ERR_OK);
    if (extra != NULL)
        cr_assert_eq(pack_add(c->to, extra, SPAN_LIT("extra")), ERR_OK);
    cr_assert_eq(pack_finish(&c->to), ERR_OK);
}

/* ---- making ---- */

/* A store, and packs beside it. */
struct bench {
    struct rig r;
    struct scratch s;
    char path[96]; /* of the pack */
    struct evidence made;
    struct errmsg msg;
};

static void bench_init(struct bench *b)
{
    *b = (struct bench){.s = scratch_new()};
    (void)snprintf(b->path, sizeof(b->path), "%s/pack.tar", b->s.dir);
    make(&b->r, b->path, &b->made);
}

static void bench_done(struct bench *b)
{
    rig_done(&b->r);
    scratch_remove(&b->s);
}

/* Checked with the store's own key. */
static enum err verify(struct bench *b, const char *path)
{
    uint8_t key[VAULT_PUBLIC_BYTES];
    struct evidence_facts facts;

    b->msg = (struct errmsg){""};
    vault_sign_public(b->r.vault, key);
    return evidence_verify(path, key, &facts, &b->msg);
}

static bool says(const struct bench *b, const char *name, const char *what)
{
    return strncmp(b->msg.text, name, strlen(name)) == 0 && strstr(b->msg.text, what) != NULL;
}

Test(evidence, holds_what_it_says_and_is_whole)
{
    AUTO(bench_done) struct bench b;
    struct evidence_facts facts;
    struct copying c;

    bench_init(&b);
    list(b.path, &c);
    for (size_t i = 0; report_kind_at(i) != NULL; i++) {
        char name[96];

        (void)snprintf(name, sizeof(name), "reports/%s.json\n", report_kind_at(i)->name);
        cr_assert_eq(strstr(c.names, name) == NULL, report_kind_at(i)->of_caller, "%s", name);
    }
    cr_assert_not_null(strstr(c.names, "README.txt\n"));
    cr_assert_not_null(strstr(c.names, "ledger.jsonl\n"));
    cr_assert_not_null(strstr(c.names, "policies.jsonl\n"));
    cr_assert_not_null(strstr(c.names, "receipts/"));
    cr_assert_eq(b.made.files, c.count - 2, "all but the manifest and its signature");
    cr_assert_eq(verify(&b, b.path), ERR_OK, "%s", b.msg.text);
    cr_assert_eq(evidence_verify(b.path, NULL, &facts, &b.msg), ERR_OK, "%s", b.msg.text);
    cr_assert_str_eq(facts.created, "2026-01-10T12:00:00Z");
    cr_assert_str_eq(facts.sha256, b.made.sha256);
    cr_assert_eq(facts.files, b.made.files);
    cr_assert_eq(strlen(facts.key_id), 16);
}

/* More recipients than a report has rows: no shorter period would help. */
Test(evidence, says_which_report_a_large_configuration_leaves_out)
{
    AUTO(bench_done) struct bench b;
    AUTO(json_free) struct json *said = json_new_map();
    AUTO(ropa_free) struct ropa *ropa = ropa_new();
    const struct report_context about = {.from_day = INT64_MIN, .to_day = INT64_MAX, .ropa = ropa};
    struct json *flows = json_new_list(), *flow = NULL;
    struct copying c;

    REQUIRE(
        json_parse(SPAN_LIT("{\"recipient\":\"crm\",\"kind\":\"upstream\",\"class\":\"mail\","
                            "\"form\":\"token\",\"purposes\":[],\"told_as\":[],\"senders\":[]}"),
                   &flow) == ERR_OK);
    for (size_t i = 0; i < LIMIT_REPORT_ROWS_MAX; i++)
        json_add(flows, json_clone(flow));
    json_add(flows, flow);
    json_set(said, "flows", flows);
    ropa_set(ropa, said);
    bench_init(&b);
    (void)unlink(b.path);
    cr_assert_eq(make_of(&b.r, b.path, &about, &b.made, &b.msg), ERR_OK, "%s", b.msg.text);
    list(b.path, &c);
    cr_assert(strstr(c.names, "reports/flows.txt\n") && strstr(c.names, "reports/dpia.txt\n"));
    cr_assert(strstr(c.names, "reports/ropa.json\n") && !strstr(c.names, "reports/flows.json\n"));
    cr_assert_eq(verify(&b, b.path), ERR_OK, "%s", b.msg.text);
}

/* ---- the audit trail ---- */

static enum err take_trail(const char *name, struct span bytes, void *context,
                           struct errmsg *msg UNUSED)
{
    return strncmp(name, "audit/", 6) == 0 ? buf_append_span(context, bytes) : ERR_OK;
}

/* Its lines as the pack of these days has them. */
static void trail_of(struct bench *b, const char *file, int64_t from_day, int64_t to_day,
                     struct buf *ret)
{
    const char *path = scratch_path(&b->s, file);
    struct evidence made;

    cr_assert_eq(make_over(&b->r, path, from_day, to_day, &made, &b->msg), ERR_OK);
    cr_assert_eq(verify(b, path), ERR_OK, "%s", b->msg.text);
    cr_assert_eq(pack_read(path, take_trail, ret, &b->msg), ERR_OK);
    cr_assert_eq(buf_append_byte(ret, '\0'), ERR_OK);
}

Test(evidence, has_the_audit_trail_of_the_period_without_addresses)
{
    static const struct audit_record record = {.action = AUDIT_REPORT,
                                               .outcome = AUDIT_DONE,
                                               .role = AUDIT_OPERATOR,
                                               .who = SPAN_LIT("uid 1000"),
                                               .address = SPAN_LIT("192.0.2.7"),
                                               .operation = SPAN_LIT("report")};
    AUTO(bench_done) struct bench b;
    AUTO(buf_done) struct buf before = {.max = 1 << 20}, within = {.max = 1 << 20};
    const int64_t today = RIG_NOW_S / RIG_DAY_S;
    struct copying c;

    bench_init(&b);
    list(b.path, &c);
    cr_assert_not_null(strstr(c.names, "audit/000001.jsonl\n"), "also when nothing was done");
    cr_assert_eq(audit_write(vault_audit(b.r.vault), &record), ERR_OK);
    trail_of(&b, "before.tar", today - 7, today, &before);
    cr_assert_str_eq((char *)before.bytes, "");
    trail_of(&b, "with.tar", today, today + 1, &within);
    cr_assert_not_null(strstr((char *)within.bytes, "\"action\":\"report\""));
    cr_assert_not_null(strstr((char *)within.bytes, "\"who\":\"uid 1000\""));
    cr_assert_null(strstr((char *)within.bytes, "192.0.2.7"));
}

Test(evidence, of_a_period_has_the_receipts_of_that_period_only)
{
    AUTO(bench_done) struct bench b;
    const int64_t today = RIG_NOW_S / RIG_DAY_S;
    struct evidence made;
    struct copying c;
    const char *path;

    bench_init(&b);
    path = scratch_path(&b.s, "before.tar");
    cr_assert_eq(make_over(&b.r, path, today - 7, today, &made, &b.msg), ERR_OK);
    list(path, &c);
    cr_assert_null(strstr(c.names, "receipts/"));
    path = scratch_path(&b.s, "with.tar");
    cr_assert_eq(make_over(&b.r, path, today, today + 1, &made, &b.msg), ERR_OK);
    list(path, &c);
    cr_assert_not_null(strstr(c.names, "receipts/"));
}

Test(evidence, that_is_made_is_recorded)
{
    AUTO(bench_done) struct bench b;
    AUTO(vault_records_close) struct vault_records *records = NULL;
    AUTO(json_free) struct json *body = NULL;
    struct vault_record found;

    bench_init(&b);
    cr_assert_eq(vault_records_open(b.r.vault, &records), ERR_OK);
    cr_assert_eq(vault_record_get(records, VAULT_RECORD_EVIDENCE, b.made.number, &found), ERR_OK);
    cr_assert_eq(json_parse(found.body, &body), ERR_OK);
    cr_assert_str_eq(json_str_of(json_get(body, "manifest")), b.made.sha256);
}

Test(evidence, takes_the_place_of_no_file)
{
    AUTO(bench_done) struct bench b;
    struct evidence made;

    bench_init(&b);
    cr_assert_eq(make_over(&b.r, b.path, INT64_MIN, INT64_MAX, &made, &b.msg), ERR_CONFLICT);
    cr_assert_eq(make_over(&b.r, scratch_path(&b.s, "x.tar"), 2, 1, &made, &b.msg), ERR_INVALID);
    cr_assert_neq(access(scratch_path(&b.s, "x.tar"), F_OK), 0);
}

/* ---- checking ---- */

/* Where a member's header stands; its size. */
static size_t header_of(const uint8_t *bytes, size_t from, size_t *ret_size)
{
    char octal[13] = "";

    memcpy(octal, bytes + from + 124, 12);
    *ret_size = strtoul(octal, NULL, 8);
    return from;
}

Test(evidence, with_one_byte_flipped_in_any_member_names_it)
{
    AUTO(bench_done) struct bench b;
    AUTO(mem_free) uint8_t *bytes = mem_alloc(PACK_BYTES_MAX);
    size_t at = 0, size = 0, members = 0;

    bench_init(&b);
    (void)scratch_read(b.path, 0, bytes, PACK_BYTES_MAX);
    while (bytes[at] != 0) {
        char name[101] = "";

        memcpy(name, bytes + header_of(bytes, at, &size), 100);
        for (size_t i = 0; i < size; i += size / 7 + 1) {
            const size_t place = at + BLOCK + i;
            const uint8_t flipped = bytes[place] ^ 1;

            scratch_write(b.path, place, &flipped, 1);
            cr_assert_neq(verify(&b, b.path), ERR_OK, "%s, byte %zu", name, i);
            cr_assert(says(&b, strcmp(name, "manifest.sig") == 0 ? "manifest.json" : name,
                           strcmp(name, "manifest.sig") == 0 ? name : ""),
                      "%s: %s", name, b.msg.text);
            scratch_write(b.path, place, &bytes[place], 1);
        }
        members++;
        at += BLOCK + (size + BLOCK - 1) / BLOCK * BLOCK;
    }
    cr_assert_eq(members, b.made.files + 2);
    cr_assert_eq(verify(&b, b.path), ERR_OK, "%s", b.msg.text);
}

/* Also between the members and in their headers. A header's sum (bytes 148 to 155) is followed by a zero and a
 * space, which nobody reads: no content can hide there (E71). */
Test(evidence, with_one_byte_flipped_anywhere_is_not_whole)
{
    AUTO(bench_done) struct bench b;
    AUTO(mem_free) uint8_t *bytes = mem_alloc(PACK_BYTES_MAX);
    size_t len;

    bench_init(&b);
    len = scratch_read(b.path, 0, bytes, PACK_BYTES_MAX);
    for (size_t at = 0; at < len; at += 23) {
        const uint8_t flipped = bytes[at] ^ 4;

        scratch_write(b.path, at, &flipped, 1);
        cr_assert(verify(&b, b.path) != ERR_OK || (at % BLOCK >= 148 && at % BLOCK < 156),
                  "byte %zu", at);
        scratch_write(b.path, at, &bytes[at], 1);
    }
}

Test(evidence, that_lacks_a_member_has_one_more_or_one_twice_names_it)
{
    AUTO(bench_done) struct bench b;
    struct copying c;
    const char *path;

    bench_init(&b);
    path = scratch_path(&b.s, "other.tar");
    list(b.path, &c);
    for (char *name = c.names, *end; (end = strchr(name, '\n')) != NULL; name = end + 1) {
        struct copying without = {.without = name}, twice = {.twice = name};

        *end = '\0';
        rewrite(b.path, path, &without, NULL);
        cr_assert_eq(verify(&b, path), ERR_INVALID);
        cr_assert(says(&b, name, "is missing"), "%s", b.msg.text);
        rewrite(b.path, path, &twice, NULL);
        cr_assert_eq(verify(&b, path), ERR_INVALID);
        cr_assert(says(&b, name, "is there twice"), "%s", b.msg.text);
    }
    rewrite(b.path, path, &(struct copying){.to = NULL}, "reports/more.json");
    cr_assert_eq(verify(&b, path), ERR_INVALID);
    cr_assert(says(&b, "reports/more.json", "does not belong"), "%s", b.msg.text);
    rewrite(b.path, path, &(struct copying){.to = NULL}, NULL);
    cr_assert_eq(verify(&b, path), ERR_OK, "the same members in another archive");
}

Test(evidence, of_another_store_is_denied)
{
    AUTO(bench_done) struct bench a;
    AUTO(bench_done) struct bench b;
    struct evidence_facts facts;

    bench_init(&a);
    bench_init(&b);
    cr_assert_eq(verify(&b, a.path), ERR_DENIED);
    cr_assert_not_null(strstr(b.msg.text, "another key"));
    cr_assert_eq(evidence_verify(a.path, NULL, &facts, &b.msg), ERR_OK, "whole in itself");
    cr_assert_eq(verify(&b, "/nonexistent/pack.tar"), ERR_IO);
}

/* A signature of the store's for something else is none for a manifest. */
Test(evidence, signed_as_something_else_is_denied)
{
    AUTO(bench_done) struct bench b;
    static const char text[] = "lethe-v1 receipt\0{\"format\":\"lethe-evidence-1\",\"files\":[]}";
    uint8_t signature[VAULT_SIGNATURE_BYTES];
    struct span manifest = span_of(text + 17, sizeof(text) - 18);
    const char *path;
    struct pack *p;

    bench_init(&b);
    path = scratch_path(&b.s, "forged.tar");
    cr_assert_eq(vault_sign(b.r.vault, span_of(text, sizeof(text) - 1), signature), ERR_OK);
    cr_assert_eq(pack_new(path, 0, &p, &b.msg), ERR_OK);
    cr_assert_eq(pack_add(p, "manifest.json", manifest), ERR_OK);
    cr_assert_eq(pack_add(p, "manifest.sig", span_of(signature, sizeof(signature))), ERR_OK);
    cr_assert_eq(pack_finish(&p), ERR_OK);
    cr_assert_eq(verify(&b, path), ERR_DENIED);
}
