/* SPDX-License-Identifier: Apache-2.0 */
/* Providers and key files for one test. */
#pragma once

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/conf.h"
#include "base/fault.h"
#include "base/secret.h"
#include "keys/keys.h"
#include "keys/prompt.h"
#include "tests/support/scratch.h"

#define HEX  "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff"
#define HEX2 "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e00"

struct keys_rig {
    struct scratch scratch;
    struct prompt *prompt;
    struct conf *conf;
    struct provider *provider;
    struct errmsg msg;
};

static inline void rig_begin(struct keys_rig *r)
{
    *r = (struct keys_rig){.scratch = scratch_new(), .prompt = prompt_new()};
}

/* Also AUTO(rig_end). */
static inline void rig_end(struct keys_rig *r)
{
    provider_close(&r->provider);
    conf_free(&r->conf);
    prompt_free(&r->prompt);
    scratch_remove(&r->scratch);
}

/* A provider of "root_key: VALUE" in a file of the rig's folder. */
static inline enum err rig_try(struct keys_rig *r, const char *value)
{
    char name[64], text[256];

    provider_close(&r->provider);
    conf_free(&r->conf);
    (void)snprintf(name, sizeof(name), "%s/lethe.yaml", r->scratch.dir);
    (void)snprintf(text, sizeof(text), "root_key: %s\n", value);
    cr_assert_eq(conf_parse(name, span_str(text), &r->conf, &r->msg), ERR_OK, "%s", r->msg.text);
    return provider_read(conf_get(conf_root(r->conf), "root_key"), r->prompt, &r->provider,
                         &r->msg);
}

static inline void rig_read(struct keys_rig *r, const char *value)
{
    cr_assert_eq(rig_try(r, value), ERR_OK, "%s", r->msg.text);
}

static inline enum err rig_load(struct keys_rig *r, struct root_keys *ret)
{
    return r->provider->ops->load(r->provider, ret, &r->msg);
}

static inline enum err rig_add(struct keys_rig *r, uint32_t epoch)
{
    AUTO(root_key_done) struct root_key key = {.bytes = NULL};

    return r->provider->ops->add(r->provider, epoch, &key, &r->msg);
}

static inline enum err rig_drop(struct keys_rig *r, uint32_t epoch)
{
    return r->provider->ops->drop(r->provider, epoch, &r->msg);
}

/* The epochs there are, as "1 2". */
static inline const char *rig_epochs(struct keys_rig *r)
{
    AUTO(root_keys_done) struct root_keys keys = {.count = 0};
    static char text[64];
    enum err e = rig_load(r, &keys);
    size_t at = 0;

    if (e != ERR_OK)
        return err_name(e);
    for (size_t i = 0; i < keys.count; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%u", i == 0 ? "" : " ",
                               keys.at[i].epoch);
    return text;
}

/* How many files stand in the folder. */
static inline size_t rig_files(const struct keys_rig *r)
{
    DIR *dir = opendir(r->scratch.dir);
    size_t n = 0;

    cr_assert_not_null(dir);
    for (const struct dirent *d = readdir(dir); d != NULL; d = readdir(dir))
        n += d->d_name[0] != '.';
    (void)closedir(dir);
    return n;
}

/* The prompt reads these lines; the descriptor stays open until the test ends. */
static inline void rig_type(struct keys_rig *r, const char *lines)
{
    int ends[2];

    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(write(ends[1], lines, strlen(lines)), (ssize_t)strlen(lines));
    (void)close(ends[1]);
    prompt_use_fd(r->prompt, ends[0]);
}
