/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on the root key. */
#include <criterion/criterion.h>

#include "admin/ops.h"
#include "base/log.h"
#include "tests/support/vault_rig.h"

struct bench {
    struct rig rig;
    struct conf *conf;
    struct keys *keys;
    struct admin admin;
};

static void bench_start(struct bench *b)
{
    char line[128] = "lethe-root-1 1 ";
    char name[64];
    struct errmsg msg;

    *b = (struct bench){.conf = NULL};
    log_set_level(LOG_ERROR + 1);
    rig_init(&b->rig);
    for (size_t i = 0; i < ROOT_KEY_BYTES; i++)
        (void)snprintf(line + 15 + 2 * i, 3, "%02x", b->rig.root[i]);
    scratch_write(scratch_path(&b->rig.scratch, "root.key"), 0, line, strlen(line));
    (void)snprintf(name, sizeof(name), "%s/lethe.yaml", b->rig.scratch.dir);
    cr_assert_eq(
        conf_parse(name, SPAN_LIT("root_key: file:root.key\nkey_rotation: P30D\n"), &b->conf, &msg),
        ERR_OK);
    cr_assert_eq(keys_read(conf_root(b->conf), &b->keys, &msg), ERR_OK, "%s", msg.text);
    b->admin = (struct admin){.vault = b->rig.vault,
                              .classes = &b->rig.classes,
                              .erasures = erasures_new(b->rig.vault, NULL),
                              .keys = b->keys,
                              .rotation = rotation_new(b->rig.vault, b->keys)};
}

static void bench_stop(struct bench *b)
{
    rotation_free(&b->admin.rotation);
    erasures_free(&b->admin.erasures);
    keys_free(&b->keys);
    conf_free(&b->conf);
    rig_done(&b->rig);
}

static struct json *run(struct bench *b, const char *operation)
{
    AUTO(json_free) struct json *request = json_new_map();
    struct json *response = NULL;
    struct errmsg msg;

    json_set_str(request, "op", operation);
    cr_assert_eq(ops_run(&b->admin, request, &response, &msg), ERR_OK, "%s", msg.text);
    return response;
}

static const char *state_of(const struct json *status)
{
    return json_str_of(json_get(json_get(status, "rotation"), "state"));
}

TestSuite(ops_keys, .init = secret_start);

Test(ops_keys, status_tells_age_and_when_it_is_overdue)
{
    AUTO(bench_stop) struct bench b;

    bench_start(&b);
    for (int day = 0; day <= 30; day += 15) {
        AUTO(json_free) struct json *status = NULL;

        rig_clock(RIG_NOW_S + (int64_t)day * RIG_DAY_S);
        status = run(&b, "key.status");
        cr_assert_eq(json_int_of(json_get(status, "epoch"), 0), 1);
        cr_assert_eq(json_int_of(json_get(status, "age_days"), -1), day);
        cr_assert_str_eq(json_str_of(json_get(status, "policy")), "P30D");
        cr_assert_str_eq(json_str_of(json_get(status, "since")), "2026-01-10T12:00:00Z");
        cr_assert_str_eq(json_str_of(json_get(status, "due")), "2026-02-09T12:00:00Z");
        cr_assert_eq(json_bool_of(json_get(status, "overdue"), false), day == 30);
        cr_assert_eq(json_count(json_get(status, "versions")), 1);
        cr_assert_str_eq(state_of(status), "none");
    }
}

Test(ops_keys, rotate_returns_at_once_and_status_follows_it)
{
    AUTO(bench_stop) struct bench b;
    AUTO(json_free) struct json *started = NULL, *status = NULL;

    bench_start(&b);
    started = run(&b, "key.rotate");
    cr_assert(json_bool_of(json_get(started, "started"), false));
    do {
        json_free(&status);
        status = run(&b, "key.status");
    } while (strcmp(state_of(status), "running") == 0);
    cr_assert_str_eq(state_of(status), "none");
    cr_assert_eq(json_int_of(json_get(status, "epoch"), 0), 2);
    cr_assert_eq(json_int_of(json_at(json_get(status, "versions"), 0), 0), 2);
}

Test(ops_keys, status_tells_what_is_wrong)
{
    AUTO(bench_stop) struct bench b;
    AUTO(json_free) struct json *started = NULL, *status = NULL;
    struct vault_seal seal = {.op = {.kind = VAULT_SEAL}};

    bench_start(&b);
    cr_assert_eq(chmod(scratch_path(&b.rig.scratch, "root.key"), 0444), 0);
    started = run(&b, "key.rotate");
    cr_assert_eq(vault_run(b.rig.vault, &seal.op), ERR_OK);
    do {
        json_free(&status);
        status = run(&b, "key.status");
    } while (strcmp(state_of(status), "running") == 0);
    cr_assert_str_eq(state_of(status), "failed");
    cr_assert_str_eq(json_str_of(json_get(json_get(status, "rotation"), "error")), "SEALED");
    cr_assert_not_null(
        strstr(json_str_of(json_get(json_get(status, "rotation"), "message")), "root.key"));
    cr_assert_not_null(strstr(json_str_of(json_get(status, "provider_error")), "chmod 0400"));
    cr_assert_null(json_get(status, "versions"));
    cr_assert(json_bool_of(json_get(status, "sealed"), false));
}
