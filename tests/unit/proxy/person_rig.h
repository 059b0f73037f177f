/* SPDX-License-Identifier: Apache-2.0 */
/* A proxy in front of an application that keeps persons, for the tests of what happens to values.
 * The upstream answers with whatever `answer` says at that time. */
#pragma once

#include "tests/unit/proxy/proxy_rig.h"

#include "base/json.h"
#include "vault/token.h"

/* The upstream's next answer; a test writes it before it asks. */
static char answer[65536] = "HTTP/1.1 204 No Content\r\n\r\n";
static const struct stub_step script[] = {
    {STUB_REQUEST, NULL, 0}, {STUB_SEND, answer, 0}, {STUB_AGAIN, NULL, 0}};
static const struct stub_step *const scripts[] = {script};

#define FIELDS                                                                                     \
    "[{json: \"$.email\", class: email}, {json: \"$.phone\", class: phone},"                       \
    " {json: \"$.notes[*]\", class: note}]"

static const struct rig_options person_routes = {
    .scripts = scripts,
    .script_count = 1,
    .routes = "routes:\n"
              "  - {path: \"/users/{id}\", methods: [GET, PUT, DELETE], upstream: app,\n"
              "     subject: path.id, request: " FIELDS ", response: " FIELDS "}\n"
              "  - {path: /users, methods: [POST], upstream: app, subject: \"$.email\",\n"
              "     request: " FIELDS ", response: " FIELDS "}\n"
              "  - {path: /users, methods: [GET], upstream: app,\n"
              "     request: [{query: email, class: email, mode: lookup}],\n"
              "     response: [{json: \"$[*].email\", class: email}]}\n"
              "  - {path: /by-header, methods: [PUT], upstream: app, subject: header.X-User,\n"
              "     request: " FIELDS "}\n"
              "  - {path: /by-query, methods: [PUT, GET], upstream: app, subject: query.user,\n"
              "     request: " FIELDS ", response: " FIELDS "}\n"
              "  - {path: /anonymous, methods: [POST], upstream: app, subject: none,\n"
              "     request: " FIELDS "}\n"};

static inline void answer_with(int status, const char *type, const char *body)
{
    (void)snprintf(
        answer, sizeof(answer),
        "HTTP/1.1 %d X\r\nContent-Type: %s\r\nETag: \"1\"\r\nContent-Length: %zu\r\n\r\n%s", status,
        type, strlen(body), body);
}

static inline struct rig_answer send_json(const struct rig *r, const char *method,
                                          const char *target, const char *fields, const char *body)
{
    char request[16384];

    (void)snprintf(request, sizeof(request),
                   "%s %s HTTP/1.1\r\nHost: a\r\n%s%sContent-Length: %zu\r\n\r\n%s", method, target,
                   fields, "Content-Type: application/json\r\n", strlen(body), body);
    return rig_ask(r, request);
}

static inline struct rig_answer get(const struct rig *r, const char *target, const char *fields)
{
    char request[1024];

    (void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n", target,
                   fields);
    return rig_ask(r, request);
}

static inline int status_of(struct rig_answer a)
{
    rig_answer_done(&a);
    return a.status;
}

/* What the upstream got as a body last; static. */
static inline const char *body_seen(struct rig *r)
{
    static char seen[8192];
    char *body;

    http_stub_last_request(r->stub, seen, sizeof(seen));
    body = strstr(seen, "\r\n\r\n");
    return body == NULL ? "" : body + 4;
}

/* A member of the body seen last, which must be a token; static. */
static inline const char *token_seen(struct rig *r, const char *name, char out[TOKEN_TEXT_MAX + 1])
{
    AUTO(json_free) struct json *tree = NULL;
    const char *text;

    cr_assert_eq(json_parse(span_str(body_seen(r)), &tree), ERR_OK, "%s", body_seen(r));
    text = json_str_of(json_get(tree, name));
    cr_assert_not_null(text, "%s in %s", name, body_seen(r));
    cr_assert(token_is(span_str(text)), "%s is no token", text);
    (void)snprintf(out, TOKEN_TEXT_MAX + 1, "%s", text);
    return out;
}

#define DESK  "Lethe-Key: " DESK_KEY "\r\n"
#define CLERK "Lethe-Key: " CLERK_KEY "\r\nLethe-Purpose: account\r\n"
#define ERIKA                                                                                      \
    "{ \"email\" : \"erika@a.test\", \"phone\":\"+49 30 1\",\"plan\":1.50 , \"notes\":[ \"x\\n\" " \
    "] }"

/* Store Erika under /users/7 and have the upstream answer with what it got. */
static inline void store_erika(struct rig *r)
{
    answer_with(201, "application/json", "{}");
    cr_assert_eq(status_of(send_json(r, "PUT", "/users/7", "", ERIKA)), 201);
    answer_with(200, "application/json", body_seen(r));
}
