/* SPDX-License-Identifier: Apache-2.0 */
/* Domains over real sockets: one application after the other harvests tokens of another domain and
 * asks every route for what they stand for.
 * E23: applications with families of tokens of their own. */
#include "tests/unit/proxy/person_rig.h"

TestSuite(exchange_domains, .init = secret_start, .timeout = 120);

enum { DOMAINS = 3 };

static const char *const names[DOMAINS] = {"default", "crm", "analytics"};

#define LIST_FIELDS                                                                                \
    "[{json: \"$[*].email\", class: email}, {json: \"$[*].phone\", class: phone},"                 \
    " {json: \"$[*].notes[*]\", class: note}]"
#define ROUTES_OF(name)                                                                            \
    "  - {path: \"/" name "/users/{id}\", methods: [GET, PUT], upstream: app, domain: " name ",\n" \
    "     subject: path.id, request: " FIELDS ", response: " FIELDS "}\n"                          \
    "  - {path: /" name "/users, methods: [POST], upstream: app, subject: \"$.email\",\n"          \
    "     domain: " name ", request: " FIELDS ", response: " FIELDS "}\n"                          \
    "  - {path: /" name "/users, methods: [GET], upstream: app, domain: " name ",\n"               \
    "     request: [{query: email, class: email, mode: lookup}], response: " LIST_FIELDS "}\n"     \
    "  - {path: \"/" name "/team/{id}\", methods: [GET], upstream: app, domain: " name ",\n"       \
    "     subject: path.id, response: " LIST_FIELDS "}\n"                                          \
    "  - {path: /" name "/by-header, methods: [GET, PUT], upstream: app, domain: " name ",\n"      \
    "     subject: header.X-User, request: " FIELDS ", response: " FIELDS "}\n"                    \
    "  - {path: /" name "/by-query, methods: [GET, PUT], upstream: app, domain: " name ",\n"       \
    "     subject: query.user, request: " FIELDS ", response: " FIELDS "}\n"                       \
    "  - {path: /" name "/anonymous, methods: [POST], upstream: app, domain: " name ",\n"          \
    "     subject: none, request: " FIELDS ", response: " FIELDS "}\n"

static const struct rig_options domain_routes = {.scripts = scripts,
                                                 .script_count = 1,
                                                 .routes = "routes:\n" ROUTES_OF("default")
                                                     ROUTES_OF("crm") ROUTES_OF("analytics")};

static const char record[] =
    "{\"email\":\"erika@a.test\",\"phone\":\"+49 30 1\",\"notes\":[\"likes tea\"]}";

#define CRM  "Lethe-Key: " CRM_KEY "\r\n"
#define USER "X-User: 7\r\n"

static const char *target(const char *domain, const char *rest)
{
    static char text[2][128];
    static size_t turn;

    turn ^= 1;
    (void)snprintf(text[turn], sizeof(text[turn]), "/%s%s", domain, rest);
    return text[turn];
}

/* The same person with the same data in every domain; what each application was given. */
static void store_everywhere(struct rig *r, char tokens[DOMAINS][1024])
{
    for (size_t d = 0; d < DOMAINS; d++) {
        answer_with(201, "application/json", "{}");
        cr_assert_eq(status_of(send_json(r, "PUT", target(names[d], "/users/7"), "", record)), 201);
        (void)snprintf(tokens[d], 1024, "%s", body_seen(r));
        cr_assert_null(strstr(tokens[d], "erika"));
    }
}

static void expect_answer(struct rig_answer a, const char *wanted)
{
    cr_expect_eq(a.status, 200);
    cr_expect_str_eq(a.body, wanted);
    rig_answer_done(&a);
}

Test(exchange_domains, an_application_never_gets_anothers_tokens_revealed)
{
    static const char clear[] =
        "{\"email\":\"e***@a.test\",\"phone\":\"+49 30 1\",\"notes\":[\"likes tea\"]}";
    char tokens[DOMAINS][1024], list[1100], clear_list[256];
    struct rig r;

    rig_start(&r, &domain_routes);
    store_everywhere(&r, tokens);
    (void)snprintf(clear_list, sizeof(clear_list), "[%s]", clear);
    for (size_t of = 0; of < DOMAINS; of++)
        for (size_t on = 0; on < DOMAINS; on++) {
            const char *one = of == on ? clear : tokens[of];

            answer_with(200, "application/json", tokens[of]);
            expect_answer(get(&r, target(names[on], "/users/7"), DESK), one);
            expect_answer(get(&r, target(names[on], "/by-header"), DESK USER), one);
            expect_answer(get(&r, target(names[on], "/by-query?user=7"), DESK), one);
            expect_answer(get(&r, target(names[on], "/users/erika%40a.test"), DESK), one);
            /* a name that nobody has there: the answer's first token would decide */
            expect_answer(get(&r, target(names[on], "/users/99"), DESK), one);
            expect_answer(send_json(&r, "POST", target(names[on], "/users"), DESK,
                                    "{\"email\":\"erika@a.test\"}"),
                          one);
            expect_answer(send_json(&r, "POST", target(names[on], "/anonymous"), DESK, "{}"), one);
            (void)snprintf(list, sizeof(list), "[%s]", tokens[of]);
            answer_with(200, "application/json", list);
            expect_answer(get(&r, target(names[on], "/users"), DESK), of == on ? clear_list : list);
        }
    rig_stop(&r);
}

Test(exchange_domains, a_foreign_token_does_not_say_whose_a_record_is)
{
    char foreign[TOKEN_TEXT_MAX + 1], own[TOKEN_TEXT_MAX + 1], mixed[1024], wanted[1024];
    struct rig r;

    rig_start(&r, &domain_routes);
    answer_with(201, "application/json", "{}");
    cr_assert_eq(
        status_of(send_json(&r, "PUT", "/crm/users/7", "", "{\"email\":\"erika@a.test\"}")), 201);
    token_seen(&r, "email", foreign);
    cr_assert_eq(status_of(send_json(&r, "PUT", "/analytics/users/7", "",
                                     "{\"email\":\"erika@a.test\",\"notes\":[\"likes tea\"]}")),
                 201);
    token_seen(&r, "email", own);
    (void)snprintf(mixed, sizeof(mixed), "[{\"email\":\"%s\"},{\"email\":\"%s\"}]", foreign, own);
    (void)snprintf(wanted, sizeof(wanted), "[{\"email\":\"%s\"},{\"email\":\"e***@a.test\"}]",
                   foreign);
    answer_with(200, "application/json", mixed);
    expect_answer(get(&r, "/analytics/team/4", DESK), wanted);
    rig_stop(&r);
}

Test(exchange_domains, a_thousand_harvested_tokens_stay_tokens)
{
    enum { MANY = 1000 };
    struct vault_item *items = mem_alloc(MANY * sizeof(*items));
    struct vault_tokenize op = {.op.kind = VAULT_TOKENIZE,
                                .names = {SPAN_LIT("7")},
                                .name_count = 1,
                                .items = items,
                                .count = MANY};
    char *harvest = mem_alloc(sizeof(answer));
    size_t len = 0;
    struct rig r;
    struct rig_answer a;

    rig_start(&r, &domain_routes);
    op.domain = vault_domain_id(r.vault, SPAN_LIT("crm"));
    for (size_t i = 0; i < MANY; i++)
        items[i] = (struct vault_item){.class_id = vault_class_id(r.vault, &r.classes.defs[2]),
                                       .kind = VALUE_STRING,
                                       .value = SPAN_LIT("a secret")};
    cr_assert_eq(vault_run(r.vault, &op.op), ERR_OK);
    for (size_t i = 0; i < MANY; i++)
        len += (size_t)snprintf(harvest + len, sizeof(answer) - len, "%s\"%.*s\"",
                                i == 0 ? "{\"notes\":[" : ",", (int)items[i].token.len,
                                items[i].token.bytes);
    (void)snprintf(harvest + len, sizeof(answer) - len, "]}");
    answer_with(200, "application/json", harvest);
    expect_answer(get(&r, "/analytics/users/7", DESK), harvest);
    expect_answer(get(&r, "/default/users/7", DESK), harvest);
    a = get(&r, "/crm/users/7", DESK);
    cr_expect_null(strstr(a.body, "lt_"), "they are real ones");
    rig_answer_done(&a);
    free(harvest);
    free(items);
    rig_stop(&r);
}

/* The request's id is all that may differ. */
static void same_refusal(const struct rig_answer *a, const struct rig_answer *b)
{
    cr_expect_eq(a->status, b->status);
    cr_expect_eq(a->body_len, b->body_len);
}

Test(exchange_domains, a_foreign_token_in_a_request_is_refused_like_one_that_never_was)
{
    char tokens[DOMAINS][1024], never[1024];
    struct rig_answer unknown;
    struct rig r;

    rig_start(&r, &domain_routes);
    store_everywhere(&r, tokens);
    (void)snprintf(never, sizeof(never), "{\"phone\":\"%s\"}", "lt_001AAAAAAAAAAAAAAAAAAAAAAzzzz");
    for (size_t on = 0; on < DOMAINS; on++) {
        struct vault_reader *reader = NULL;
        struct vault_item decoy = {.class_id = 2}; /* the second class is phone */

        cr_assert_eq(vault_reader_open(r.vault, &reader), ERR_OK);
        cr_assert_eq(vault_decoy(reader, &decoy), ERR_OK);
        vault_reader_close(&reader);
        (void)snprintf(never, sizeof(never), "{\"phone\":\"%.*s\"}", (int)decoy.token.len,
                       decoy.token.bytes);
        answer_with(200, "application/json", "{}");
        unknown = send_json(&r, "PUT", target(names[on], "/users/7"), DESK, never);
        cr_expect_eq(unknown.status, 422);
        for (size_t of = 0; of < DOMAINS; of++) {
            static const char *const ways[] = {"/users/7", "/by-header", "/by-query?user=7"};

            for (size_t way = 0; way < COUNT_OF(ways); way++) {
                const size_t before = http_stub_requests(r.stub);
                struct rig_answer a =
                    send_json(&r, "PUT", target(names[on], ways[way]), DESK USER, tokens[of]);

                if (of == on) {
                    cr_expect_eq(a.status, 200);
                    cr_expect_str_eq(body_seen(&r), tokens[of], "it is this person's already");
                } else {
                    same_refusal(&a, &unknown);
                    cr_expect_eq(http_stub_requests(r.stub), before, "nothing went up");
                }
                rig_answer_done(&a);
            }
        }
        rig_answer_done(&unknown);
    }
    rig_stop(&r);
}

/* The value of ?email= that the upstream got last; static. */
static const char *searched(struct rig *r)
{
    static char seen[8192];
    char *at;

    http_stub_last_request(r->stub, seen, sizeof(seen));
    at = strstr(seen, "email=");
    cr_assert_not_null(at, "%s", seen);
    at[strcspn(at, " &\r")] = '\0';
    return at + strlen("email=");
}

/* %40 back to @. */
static const char *decoded(const char *text)
{
    static char out[512];
    const char *at = strstr(text, "%40");

    (void)snprintf(out, sizeof(out), "%.*s@%s", (int)(at - text), text, at + 3);
    return out;
}

Test(exchange_domains, a_search_knows_its_own_domain_only)
{
    struct rig r;
    char crms[TOKEN_TEXT_MAX + 1];
    bool found[DOMAINS];

    rig_start(&r, &domain_routes);
    answer_with(201, "application/json", "{}");
    cr_assert_eq(status_of(send_json(&r, "PUT", "/crm/users/7", "", record)), 201);
    token_seen(&r, "email", crms);
    answer_with(200, "application/json", "[]");
    for (size_t d = 0; d < DOMAINS; d++) {
        cr_assert_eq(status_of(get(&r, target(names[d], "/users?email=erika%40a.test"), DESK)),
                     200);
        cr_expect_null(strstr(searched(&r), "erika"));
        found[d] = strcmp(decoded(searched(&r)), crms) == 0;
    }
    cr_expect(!found[0] && found[1] && !found[2]);
    rig_stop(&r);
}

Test(exchange_domains, a_caller_with_domains_sees_values_of_these_only)
{
    char tokens[DOMAINS][1024];
    struct rig r;

    rig_start(&r, &domain_routes);
    store_everywhere(&r, tokens);
    for (size_t d = 0; d < DOMAINS; d++) {
        answer_with(200, "application/json", tokens[d]);
        expect_answer(get(&r, target(names[d], "/users/7"), CRM),
                      strcmp(names[d], "crm") == 0 ? record : tokens[d]);
    }
    rig_stop(&r);
}

Test(exchange_domains, an_erasure_in_one_leaves_the_others)
{
    char tokens[DOMAINS][1024];
    struct vault_erasure erasure = {0};
    struct vault_erase op = {
        .op.kind = VAULT_ERASE, .name = SPAN_LIT("erika@a.test"), .erasure = &erasure};
    struct rig_answer a;
    struct rig r;

    rig_start(&r, &domain_routes);
    store_everywhere(&r, tokens);
    op.domain = vault_domain_id(r.vault, SPAN_LIT("analytics"));
    cr_assert_eq(vault_run(r.vault, &op.op), ERR_OK);
    vault_erasure_done(&erasure);
    for (size_t d = 0; d < DOMAINS; d++) {
        answer_with(200, "application/json", tokens[d]);
        a = get(&r, target(names[d], "/users/7"), DESK);
        if (d == 2)
            cr_expect_str_eq(a.body, tokens[d]);
        else
            cr_expect_not_null(strstr(a.body, "likes tea"), "%s", a.body);
        rig_answer_done(&a);
    }
    rig_stop(&r);
}

/* What stands behind the `@` of an e-mail token is no part of it. */
Test(exchange_domains, a_search_carries_no_clear_text_behind_a_token)
{
    struct rig r;
    char seen[1024], query[256];
    const char *token;

    rig_start(&r, &domain_routes);
    answer_with(201, "application/json", "{}");
    cr_assert_eq(status_of(send_json(&r, "PUT", "/default/users/7", "", record)), 201);
    (void)snprintf(seen, sizeof(seen), "%s", body_seen(&r));
    token = strstr(seen, "lt-");
    cr_assert_not_null(token, "%s", seen);
    answer_with(200, "application/json", "[]");
    (void)snprintf(query, sizeof(query), "/default/users?email=%.*s%%40tok.invalid",
                   (int)strcspn(token, "@"), token);
    cr_expect_eq(status_of(get(&r, query, "")), 200);
    (void)snprintf(query, sizeof(query), "/default/users?email=%.*s%%40erika.a.test",
                   (int)strcspn(token, "@"), token);
    cr_expect_eq(status_of(get(&r, query, "")), 422);
    rig_stop(&r);
}
