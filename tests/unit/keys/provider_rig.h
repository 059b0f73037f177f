/* SPDX-License-Identifier: Apache-2.0 */
/* A provider read from a configuration that a test makes. */
#pragma once

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/conf.h"
#include "base/secret.h"
#include "keys/provider.h"

struct provider_rig {
    struct conf *conf;
    struct provider *p;
    struct errmsg msg;
};

static inline void provider_rig_done(struct provider_rig *r)
{
    provider_close(&r->p);
    conf_free(&r->conf);
}

/* text (printf style): what stands behind "root_key: ". */
__attribute__((format(printf, 1, 2))) static inline struct provider_rig
provider_rig_read(const char *text, ...)
{
    struct provider_rig r = {.p = NULL, .msg = {""}};
    char yaml[2048] = "root_key: ";
    size_t at = strlen(yaml);
    va_list args;
    enum err e;

    va_start(args, text);
    (void)vsnprintf(yaml + at, sizeof(yaml) - at, text, args);
    va_end(args);
    e = conf_parse("test.yaml", span_str(yaml), &r.conf, &r.msg);
    cr_assert_eq(e, ERR_OK, "%s", r.msg.text);
    e = provider_read(conf_get(conf_root(r.conf), "root_key"), NULL, &r.p, &r.msg);
    cr_assert_eq(e == ERR_OK, r.p != NULL);
    cr_assert(e == ERR_OK || e == ERR_CONFIG, "%s", err_name(e));
    return r;
}

static inline enum err rig_load(struct provider_rig *r, struct root_keys *ret)
{
    *ret = (struct root_keys){.count = 0};
    r->msg.text[0] = '\0';
    return r->p->ops->load(r->p, ret, &r->msg);
}

static inline enum err rig_add(struct provider_rig *r, uint32_t epoch, struct root_key *ret)
{
    *ret = (struct root_key){.bytes = NULL};
    r->msg.text[0] = '\0';
    return r->p->ops->add(r->p, epoch, ret, &r->msg);
}

static inline enum err rig_drop(struct provider_rig *r, uint32_t epoch)
{
    r->msg.text[0] = '\0';
    return r->p->ops->drop(r->p, epoch, &r->msg);
}

static inline enum err rig_check(struct provider_rig *r, struct provider_health *ret)
{
    *ret = (struct provider_health){.again_ms = -1, .lease_ms = -1};
    r->msg.text[0] = '\0';
    return r->p->ops->check(r->p, ret, &r->msg);
}

/* load() gives exactly this key as its version `i`. */
static inline void expect_key(const struct root_keys *keys, size_t i, const struct root_key *key)
{
    cr_assert_lt(i, keys->count);
    cr_expect_eq(keys->at[i].epoch, key->epoch);
    cr_expect(secret_equal(keys->at[i].bytes, key->bytes, ROOT_KEY_BYTES));
}
