/* SPDX-License-Identifier: Apache-2.0 */
/* The recount.
 * Runs on: a worker thread; blocks long. Holds: nothing between runs. Invariant: a difference is never without
 * a record and an event. Not here: how rows are counted (vault/recount.c), when (cli/housekeeping.c).
 *
 * A class's record has its name as key and {"items", "counted", "subjects", "differ", "lost"} as body; one of a repair
 * has {"digest", "classes": [{"class", "items", "counted", "differ", "lost"}]}. */
#include "retention/recount.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/effort.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "retention/proof.h"

/* The record's states. */
enum { RECOUNT_AGREES = 1, RECOUNT_DIFFERS = 2 };

/* ---- records ---- */

static bool differs(const struct vault_recount *found)
{
    return found->differ > 0 || found->lost > 0;
}

static enum err write_body(const struct vault_recount *found, struct buf *out)
{
    AUTO(json_free) struct json *map = json_new_map();

    json_set_int(map, "items", (int64_t)found->items);
    json_set_int(map, "counted", (int64_t)found->counted);
    json_set_int(map, "subjects", (int64_t)found->subjects);
    json_set_int(map, "differ", (int64_t)found->differ);
    json_set_int(map, "lost", (int64_t)found->lost);
    return json_write(map, out);
}

static enum err write_record(struct vault *vault, const char *class_name,
                             const struct vault_recount *found)
{
    AUTO(buf_done) struct buf body = {.max = VAULT_RECORD_BODY_MAX};
    const unsigned state = differs(found) ? RECOUNT_DIFFERS : RECOUNT_AGREES;
    enum err e = write_body(found, &body);

    if (e != ERR_OK)
        return e;
    return vault_record_keep(vault, VAULT_RECORD_RECOUNT, class_name, state, buf_span(&body));
}

static uint64_t figure(const struct json *map, const char *name)
{
    const int64_t n = json_int_of(json_get(map, name), 0);

    return n > 0 ? (uint64_t)n : 0;
}

enum err recount_last(struct vault_records *records, const char *class_name, int64_t *ret_at_ms,
                      struct vault_recount *ret)
{
    AUTO(json_free) struct json *map = NULL;
    struct vault_record found;
    enum err e = vault_record_by_key(records, VAULT_RECORD_RECOUNT, class_name, &found);

    if (e != ERR_OK)
        return e;
    if (json_parse(found.body, &map) != ERR_OK)
        return ERR_CORRUPT;
    *ret_at_ms = found.changed_ms;
    *ret = (struct vault_recount){.items = figure(map, "items"),
                                  .counted = figure(map, "counted"),
                                  .subjects = figure(map, "subjects"),
                                  .differ = figure(map, "differ"),
                                  .lost = figure(map, "lost")};
    return ERR_OK;
}

/* ---- counting ---- */

/* A pass over all classes. */
struct pass {
    struct vault *vault;
    const atomic_bool *stop;
    struct recount_result result;
    struct digest digest;
    struct vault_recount_difference *list; /* of all classes */
    size_t count;
    struct json *classes; /* that differ */
};

static void pass_done(struct pass *p)
{
    free(p->list);
    json_free(&p->classes);
}

static void digest_number(struct digest *digest, int64_t n)
{
    const uint64_t bits = (uint64_t)n;
    uint8_t bytes[8];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(bits >> 8 * i);
    digest_add(digest, bytes, sizeof(bytes));
}

/* What is wrong with a class. */
static void take(struct pass *p, const struct class_def *def, const struct vault_recount *found,
                 const struct vault_recount_difference *list)
{
    const size_t count = found->differ + found->lost;
    struct json *map = json_new_map();

    p->list = realloc(p->list, (p->count + count) * sizeof(*list));
    REQUIRE(p->list != NULL);
    memcpy(p->list + p->count, list, count * sizeof(*list));
    p->count += count;
    digest_add(&p->digest, def->name, strlen(def->name) + 1);
    digest_number(&p->digest, (int64_t)found->differ);
    digest_number(&p->digest, (int64_t)found->lost);
    for (size_t i = 0; i < count; i++) {
        digest_number(&p->digest, list[i].created_day);
        digest_number(&p->digest, list[i].due_day);
        digest_number(&p->digest, list[i].n);
        digest_number(&p->digest, (int64_t)list[i].old_number);
    }
    json_set_str(map, "class", def->name);
    json_set_int(map, "items", (int64_t)found->items);
    json_set_int(map, "counted", (int64_t)found->counted);
    json_set_int(map, "differ", (int64_t)found->differ);
    json_set_int(map, "lost", (int64_t)found->lost);
    json_add(p->classes, map);
}

static enum err count_class(struct pass *p, const struct class_def *def)
{
    AUTO(mem_free) struct vault_recount_difference *list = NULL;
    struct recount_result *result = &p->result;
    struct vault_recount found;
    enum err e =
        vault_recount_list(p->vault, vault_class_id(p->vault, def), p->stop, &found, &list);

    if (e == ERR_BUSY) {
        result->uncounted++;
        return ERR_OK;
    }
    if (e != ERR_OK)
        return e;
    result->counted++;
    result->lost += found.lost;
    if (differs(&found)) {
        result->differ++;
        log_event(EV_RECOUNT_DIFFERS, F_TEXT("class", span_str(def->name)),
                  F_NUM("items", found.items), F_NUM("counted", found.counted),
                  F_NUM("differ", found.differ), F_NUM("lost", found.lost));
        take(p, def, &found, list);
    }
    return write_record(p->vault, def->name, &found);
}

static enum err count_all(struct pass *p)
{
    const struct classes *classes = vault_classes(p->vault);
    uint8_t digest[DIGEST_BYTES];
    enum err e = ERR_OK;

    p->classes = json_new_list();
    digest_begin(&p->digest);
    effort_set(EFFORT_RECOUNT, 0, 0);
    for (size_t i = 0; i < classes->count && e == ERR_OK; i++)
        e = count_class(p, &classes->defs[i]);
    digest_end(&p->digest, digest);
    if (p->result.differ > 0)
        proof_hex(digest, (RECOUNT_DIGEST_TEXT - 1) / 2, p->result.digest);
    return e;
}

enum err recount_run(struct vault *vault, const atomic_bool *stop, struct recount_result *ret)
{
    AUTO(pass_done) struct pass p = {.vault = vault, .stop = stop};
    const enum err e = count_all(&p);

    *ret = p.result;
    return e;
}

/* ---- putting right ---- */

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static enum err check_digest(const struct pass *p, struct span digest, struct errmsg *msg)
{
    if (p->result.uncounted > 0)
        return errmsg_set(msg, ERR_BUSY, "%zu classes could not be counted; try again later",
                          p->result.uncounted);
    if (p->result.differ == 0)
        return errmsg_set(msg, ERR_CONFLICT, "all counters and old tokens agree with the values");
    if (!span_equal(digest, span_str(p->result.digest)))
        return errmsg_set(msg, ERR_CONFLICT,
                          "what differs is not what that recount found; nothing was changed");
    return ERR_OK;
}

static enum err write_repair(struct pass *p, uint64_t *ret_number)
{
    AUTO(json_free) struct json *map = json_new_map();
    AUTO(buf_done) struct buf body = {.max = VAULT_RECORD_BODY_MAX};
    struct vault_record record = {.kind = VAULT_RECORD_REPAIR, .state = 1};
    struct vault_records_write op = {.op = {.kind = VAULT_RECORDS},
                                     .records = &record,
                                     .count = 1,
                                     .repairs = p->list,
                                     .repair_count = p->count};
    enum err e;

    json_set_str(map, "digest", p->result.digest);
    json_set(map, "classes", json_clone(p->classes));
    e = json_write(map, &body);
    record.body = buf_span(&body);
    if (e == ERR_OK)
        e = vault_run(p->vault, &op.op);
    if (e == ERR_OK)
        *ret_number = record.number;
    return e;
}

/* Reports would show the old differences until the next recount. */
static enum err write_agreeing(const struct pass *p)
{
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < json_count(p->classes); i++) {
        const char *name = json_str_or(json_at(p->classes, i), "class", "");
        const struct class_def *def = classes_find(vault_classes(p->vault), span_str(name));
        struct vault_recount found = {.items = 0};

        if (def != NULL)
            e = vault_recount(p->vault, vault_class_id(p->vault, def), p->stop, &found);
        if (e == ERR_OK)
            e = write_record(p->vault, name, &found);
    }
    return e;
}

static struct json *answer(uint64_t number, const struct json *classes)
{
    struct json *map = json_new_map();

    json_set_int(map, "record", (int64_t)number);
    json_set(map, "classes", json_clone(classes));
    return map;
}

/* The last repair, if it is the one of this digest: asked for again, after a crash perhaps. NOT_FOUND: it is another. */
static enum err find_repair(const struct pass *p, struct span digest, struct json **ret_tree)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    AUTO(json_free) struct json *body = NULL;
    struct vault_record last;
    enum err e = vault_records_open(p->vault, &records);

    if (e == ERR_OK)
        e = vault_record_last(records, VAULT_RECORD_REPAIR, &last);
    if (e == ERR_OK && json_parse(last.body, &body) != ERR_OK)
        e = ERR_CORRUPT;
    if (e == ERR_OK && !span_equal(json_text_of(json_get(body, "digest")), digest))
        e = ERR_NOT_FOUND;
    if (e == ERR_OK)
        *ret_tree = answer(last.number, json_get(body, "classes"));
    return e;
}

static enum err repair(struct pass *p, struct span digest, struct json **ret_tree,
                       struct errmsg *msg)
{
    uint64_t number = 0;
    enum err e = count_all(p);

    if (e == ERR_OK && p->result.differ == 0 && p->result.uncounted == 0 &&
        find_repair(p, digest, ret_tree) == ERR_OK)
        return ERR_OK;
    if (e == ERR_OK)
        e = check_digest(p, digest, msg);
    if (e == ERR_OK)
        e = write_repair(p, &number);
    if (e != ERR_OK)
        return e;
    log_event(EV_RECOUNT_REPAIRED, F_NUM("record", number), F_NUM("classes", p->result.differ),
              F_NUM("changes", p->count));
    e = write_agreeing(p);
    (void)e; /* the next recount says it */
    *ret_tree = answer(number, p->classes);
    return ERR_OK;
}

enum err recount_repair(struct vault *vault, struct span digest, const atomic_bool *stop,
                        struct json **ret_tree, struct errmsg *msg)
{
    AUTO(pass_done) struct pass p = {.vault = vault, .stop = stop};
    enum err e;

    if (digest.len != RECOUNT_DIGEST_TEXT - 1)
        return errmsg_set(msg, ERR_INVALID, "the digest of a recount has %d characters",
                          RECOUNT_DIGEST_TEXT - 1);
    if (pthread_mutex_trylock(&turn) != 0)
        return errmsg_set(msg, ERR_BUSY, "another repair is going on");
    e = repair(&p, digest, ret_tree, msg);
    (void)pthread_mutex_unlock(&turn);
    return e;
}

static bool find_class(const struct json *body, const char *class_name, uint64_t *ret_differ)
{
    const struct json *classes = json_get(body, "classes");

    for (size_t i = 0; i < json_count(classes); i++)
        if (strcmp(json_str_or(json_at(classes, i), "class", ""), class_name) == 0) {
            *ret_differ = figure(json_at(classes, i), "differ");
            return true;
        }
    return false;
}

enum err recount_repaired(struct vault_records *records, const char *class_name, int64_t *ret_at_ms,
                          uint64_t *ret_differ)
{
    const struct vault_record_filter filter = {.kind = VAULT_RECORD_REPAIR,
                                               .states = VAULT_RECORD_ANY};
    struct vault_record at = {.number = 0};
    int64_t at_ms = 0;
    uint64_t differ = 0;
    bool any = false;
    enum err e;

    while ((e = vault_record_next(records, &filter, at.number, &at)) == ERR_OK) {
        AUTO(json_free) struct json *body = NULL;

        if (json_parse(at.body, &body) != ERR_OK)
            return ERR_CORRUPT;
        if (find_class(body, class_name, &differ)) {
            at_ms = at.at_ms;
            any = true;
        }
    }
    if (e != ERR_NOT_FOUND || !any)
        return e;
    *ret_at_ms = at_ms;
    *ret_differ = differ;
    return ERR_OK;
}
