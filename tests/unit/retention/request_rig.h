/* SPDX-License-Identifier: Apache-2.0 */
/* A register of requests over a small real store. The clock stands at 2026-01-10T12:00:00Z, a Saturday. */
#pragma once

#include <criterion/criterion.h>

#include "base/json.h"
#include "base/log.h"
#include "retention/requests.h"
#include "tests/support/vault_rig.h"

struct request_rig {
    struct rig rig;
    struct erasures *erasures;
    struct exports *exports;
    struct requests *requests;
    struct request_given given; /* what the last act made for the person */
    struct errmsg msg;
};

/* What is in force for a register, as YAML. */
static inline void configure_requests(struct requests *requests, const char *yaml)
{
    AUTO(conf_free) struct conf *conf = NULL;
    AUTO(request_settings_done) struct request_settings settings = {.regime = NULL};
    struct errmsg msg;

    cr_assert_eq(conf_parse("t.yaml", span_str(yaml), &conf, &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(request_settings_read(conf_root(conf), "DE", &settings, &msg), ERR_OK, "%s",
                 msg.text);
    requests_configure(requests, &settings);
}

static inline void request_rig_configure(struct request_rig *r, const char *yaml)
{
    configure_requests(r->requests, yaml);
}

static inline void request_rig_open(struct request_rig *r)
{
    static const struct controller nobody;
    static const struct recipients none;
    static const struct period three_years = {.months = 36};

    r->erasures = erasures_new(r->rig.vault, NULL);
    r->exports = exports_new(r->rig.vault);
    exports_configure(r->exports, &nobody, &none, &three_years);
    r->requests = requests_new(r->rig.vault, r->erasures, r->exports);
    request_rig_configure(r, "other: 1\n");
}

static inline void request_rig_close(struct request_rig *r)
{
    request_given_done(&r->given);
    requests_free(&r->requests);
    exports_free(&r->exports);
    erasures_free(&r->erasures);
}

static inline void request_rig_init(struct request_rig *r)
{
    *r = (struct request_rig){.requests = NULL};
    rig_init(&r->rig);
    log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
    request_rig_open(r);
}

/* Also AUTO(request_rig_done). */
static inline void request_rig_done(struct request_rig *r)
{
    request_rig_close(r);
    rig_done(&r->rig);
}

/* The slot of a person in the default domain; 0: nobody. */
static inline uint64_t request_rig_slot(struct request_rig *r, const char *subject)
{
    struct vault_reader *reader = NULL;
    uint64_t slot = 0;

    REQUIRE(vault_reader_open(r->rig.vault, &reader) == ERR_OK);
    REQUIRE(vault_read_begin(reader) == ERR_OK);
    if (vault_read_subject(reader, VAULT_DOMAIN_DEFAULT, span_str(subject), &slot) != ERR_OK)
        slot = 0;
    vault_read_end(reader);
    vault_reader_close(&reader);
    return slot;
}

static inline struct json *request_rig_json(const char *text)
{
    struct json *tree = NULL;

    cr_assert_eq(json_parse(span_str(text), &tree), ERR_OK, "%s", text);
    return tree;
}

/* args: JSON; subject: an identifier that was looked for, NULL for none. *view: json_free(). */
static inline enum err request_rig_add(struct request_rig *r, const char *args, const char *subject,
                                       struct json **view)
{
    AUTO(json_free) struct json *tree = request_rig_json(args);
    const struct request_finding finding = {.by = "identifier",
                                            .domain = "default",
                                            .slot =
                                                subject == NULL ? 0 : request_rig_slot(r, subject)};
    const struct request_ask ask = {
        .args = tree, .who = "uid 1000", .finding = subject == NULL ? NULL : &finding};

    r->msg = (struct errmsg){""};
    return requests_add(r->requests, &ask, view, &r->msg);
}

static inline enum err request_rig_act_of(struct request_rig *r, uint64_t number,
                                          enum request_action action, const char *args,
                                          const char *subject, struct json **view)
{
    AUTO(json_free) struct json *tree = request_rig_json(args);
    const struct request_finding finding = {.by = "identifier",
                                            .domain = "default",
                                            .slot =
                                                subject == NULL ? 0 : request_rig_slot(r, subject)};
    const struct request_ask ask = {.args = tree,
                                    .who = "uid 1000",
                                    .finding = subject == NULL ? NULL : &finding,
                                    .given = &r->given};

    request_given_done(&r->given);
    r->msg = (struct errmsg){""};
    return requests_act(r->requests, number, action, &ask, view, &r->msg);
}

/* The action, without a look at what it gives back. */
static inline enum err request_rig_act(struct request_rig *r, uint64_t number,
                                       enum request_action action, const char *args)
{
    AUTO(json_free) struct json *view = NULL;

    return request_rig_act_of(r, number, action, args, NULL, &view);
}

/* A member of a request, as text, by a path with dots ("answer.date"); "" for null. Good until the fourth
 * call after. */
static inline const char *request_rig_get(struct request_rig *r, uint64_t number, const char *path)
{
    static char texts[4][256];
    static unsigned next;
    AUTO(json_free) struct json *view = NULL;
    AUTO(buf_done) struct buf out = {.max = 0};
    char *text = texts[next++ % 4], name[64];
    const struct json *at;

    cr_assert_eq(requests_show(r->requests, number, &view, &r->msg), ERR_OK, "%s", r->msg.text);
    at = view;
    while (*path != '\0') {
        const size_t len = strcspn(path, ".");

        (void)snprintf(name, sizeof(name), "%.*s", (int)len, path);
        at = name[0] >= '0' && name[0] <= '9' ? json_at(at, (size_t)(name[0] - '0'))
                                              : json_get(at, name);
        path += len + (path[len] == '.');
    }
    text[0] = '\0';
    if (json_kind(at) == JSON_TEXT) {
        (void)snprintf(text, 256, "%s", json_str_of(at));
    } else if (json_kind(at) != JSON_NIL && json_kind(at) != JSON_ABSENT) {
        buf_init(&out, 200);
        cr_assert_eq(json_write(at, &out), ERR_OK);
        memcpy(text, out.bytes, out.len);
        text[out.len] = '\0';
    }
    return text;
}

/* A verified request for erasure of a person, and its number. */
static inline uint64_t request_rig_erasure(struct request_rig *r, const char *subject)
{
    AUTO(json_free) struct json *view = NULL;
    uint64_t number;

    cr_assert_eq(request_rig_add(r,
                                 "{\"rights\": [\"erasure\"], \"channel\": \"email\", "
                                 "\"ground\": \"b\"}",
                                 subject, &view),
                 ERR_OK, "%s", r->msg.text);
    number = (uint64_t)json_int_of(json_get(view, "number"), 0);
    cr_assert_eq(request_rig_act(r, number, REQUEST_VERIFY_IDENTITY, "{\"method\": \"login\"}"),
                 ERR_OK, "%s", r->msg.text);
    return number;
}

/* The same, of what a step `scope` says, approved. */
static inline uint64_t request_rig_scoped(struct request_rig *r, const char *subject,
                                          const char *scope)
{
    const uint64_t number = request_rig_erasure(r, subject);

    cr_assert_eq(request_rig_act(r, number, REQUEST_SCOPE, scope), ERR_OK, "%s", r->msg.text);
    cr_assert_eq(request_rig_act(r, number, REQUEST_APPROVE, "{\"by\": \"M. Roe\"}"), ERR_OK, "%s",
                 r->msg.text);
    return number;
}

/* The same of everything. */
static inline uint64_t request_rig_approved(struct request_rig *r, const char *subject)
{
    return request_rig_scoped(r, subject, "{}");
}
