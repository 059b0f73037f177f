/* SPDX-License-Identifier: Apache-2.0 */
/* Typed tokens over real sockets: what the application sees, and what comes back, byte by byte. */
#include "tests/unit/proxy/person_rig.h"

#include "base/limits.h"

TestSuite(exchange_typed, .init = secret_start, .timeout = 60);

#define TYPED(name, format)                                                                        \
    "  " name ": {format: " format ", purposes: [support], basis: \"6(1)(b)\","                    \
    " retain: {period: P1Y}}\n"
#define FIELDS_OF(at)                                                                              \
    "{json: \"" at "tel\", class: tel}, {json: \"" at "card\", class: card},"                      \
    " {json: \"" at "account\", class: account}, {json: \"" at "born\", class: born},"             \
    " {json: \"" at "code\", class: code}, {json: \"" at "number\", class: number},"               \
    " {json: \"" at "few\", class: few}, {json: \"" at "ref\", class: ref},"                       \
    " {json: \"" at "mobile\", class: mobile}, {json: \"" at "note\", class: note}"

static const struct rig_options typed_routes = {
    .scripts = scripts,
    .script_count = 1,
    .classes =
        TYPED("tel", "phone, deterministic: true") TYPED("mobile", "phone, deterministic: true")
            TYPED("card", "pan, keep_last: 4, deterministic: true") TYPED("account", "iban")
                TYPED("born", "date") TYPED("code", "alnum")
                    TYPED("number", "integer, range: \"9000000-9999999\", deterministic: true")
                        TYPED("few", "integer, range: \"70-72\"")
                            TYPED("ref", "digits, deterministic: true, identifies: true"),
    .reveal = ", tel: value, card: value, account: value, born: value, code: value, number: value,"
              " few: value, ref: value, mobile: value",
    .routes = "routes:\n"
              "  - {path: \"/users/{id}\", methods: [GET, PUT], upstream: app, subject: path.id,\n"
              "     request: [" FIELDS_OF("$.") "], response: [" FIELDS_OF(
                  "$.") "]}\n"
                        "  - {path: /users, methods: [GET], upstream: app,\n"
                        "     request: [{query: tel, class: tel, mode: lookup},\n"
                        "               {query: number, class: number, mode: lookup},\n"
                        "               {query: card, class: card, mode: lookup}],\n"
                        "     response: [" FIELDS_OF(
                            "$[*].") "]}\n"
                                     "  - {path: /masked, methods: [GET], upstream: app,\n"
                                     "     response: [" FIELDS_OF("$.") "]}\n"};

/* Every kind of spelling that must come back as it went. */
static const char record[] =
    "{\"tel\" : \"+49 (30) 1234567\",\"card\":\"4111 1111 1111 1111\",\n"
    "\"account\":\"DE89 3704 0044 0532 0130 00\",\"born\":\"1990-02-28\",\"code\":\"AB-12-cd\","
    "\"number\":12345,\"ref\":\"4711-0815\",\"plan\":1.50}";

static struct json *seen_tree(struct rig *r)
{
    struct json *tree = NULL;

    cr_assert_eq(json_parse(span_str(body_seen(r)), &tree), ERR_OK, "%s", body_seen(r));
    return tree;
}

static void put(struct rig *r, const char *target, const char *body, int status)
{
    const size_t before = http_stub_requests(r->stub);
    struct rig_answer a;

    answer_with(200, "application/json", "{}");
    a = send_json(r, "PUT", target, DESK, body);
    cr_assert_eq(a.status, status, "%s: %d %s", body, a.status, a.body);
    if (status != 200) {
        cr_assert_eq(http_stub_requests(r->stub), before, "nothing is forwarded");
        cr_assert(rig_has(&a, "Content-Type: application/problem+json"));
    }
    rig_answer_done(&a);
}

static void expect_shown(struct rig *r, const char *target, const char *document,
                         const char *wanted)
{
    struct rig_answer a;

    answer_with(200, "application/json", document);
    a = get(r, target, DESK);
    cr_expect_eq(a.status, 200);
    cr_expect_str_eq(a.body, wanted);
    rig_answer_done(&a);
}

Test(exchange_typed, tokens_keep_formats_and_json_types_and_come_back_byte_for_byte)
{
    AUTO(json_free) struct json *tree = NULL;
    char seen[2048];
    struct rig r;

    rig_start(&r, &typed_routes);
    put(&r, "/users/7", record, 200);
    tree = seen_tree(&r);
    (void)snprintf(seen, sizeof(seen), "%s", body_seen(&r));
    cr_expect_eq(strncmp(seen, "{\"tel\" : \"+", 11), 0, "%s", seen);
    cr_expect_not_null(strstr(seen, "1111\",\n\"account\":\""), "the last four: %s", seen);
    cr_expect_null(strstr(seen, "4111 1111"), "%s", seen);
    cr_expect_null(strstr(seen, "1990-02-28"), "%s", seen);
    cr_expect_eq(json_kind(json_get(tree, "born")), JSON_TEXT);
    cr_expect_eq(strlen(json_str_of(json_get(tree, "born"))), 10);
    cr_expect_eq(strlen(json_str_of(json_get(tree, "code"))), 8);
    cr_expect_eq(json_kind(json_get(tree, "number")), JSON_INT, "%s", seen);
    cr_expect_geq(json_int_of(json_get(tree, "number"), 0), 9000000);
    cr_expect_leq(json_int_of(json_get(tree, "number"), 0), 9999999);
    cr_expect_not_null(strstr(seen, ",\"plan\":1.50}"), "%s", seen);
    expect_shown(&r, "/users/7", seen, record);
    rig_stop(&r);
}

Test(exchange_typed, what_a_caller_sends_back_stays_what_it_is)
{
    char seen[2048];
    struct rig r;

    rig_start(&r, &typed_routes);
    put(&r, "/users/7", record, 200);
    (void)snprintf(seen, sizeof(seen), "%s", body_seen(&r));
    put(&r, "/users/7", seen, 200); /* read without a key, written back */
    cr_expect_str_eq(body_seen(&r), seen);
    expect_shown(&r, "/users/7", seen, record);
    put(&r, "/users/7", record, 200); /* and the values again: deterministic ones are the same */
    {
        AUTO(json_free) struct json *again = seen_tree(&r);
        AUTO(json_free) struct json *before = NULL;

        cr_assert_eq(json_parse(span_str(seen), &before), ERR_OK);
        cr_expect_str_eq(json_str_of(json_get(again, "tel")), json_str_of(json_get(before, "tel")));
        cr_expect_str_eq(json_str_of(json_get(again, "card")),
                         json_str_of(json_get(before, "card")));
        cr_expect_eq(json_int_of(json_get(again, "number"), 1),
                     json_int_of(json_get(before, "number"), 2));
        cr_expect_str_neq(json_str_of(json_get(again, "account")),
                          json_str_of(json_get(before, "account")), "random");
    }
    rig_stop(&r);
}

Test(exchange_typed, anothers_tokens_are_refused_and_never_shown)
{
    char seen[2048];
    struct rig r;

    rig_start(&r, &typed_routes);
    put(&r, "/users/7", record, 200);
    (void)snprintf(seen, sizeof(seen), "%s", body_seen(&r));
    put(&r, "/users/8", "{\"tel\":\"+49 30 999\",\"ref\":\"99990000\"}", 200);
    put(&r, "/users/8", seen, 422);
    expect_shown(&r, "/users/8", seen, seen);
    rig_stop(&r);
}

/* As for opaque tokens: what may be seen as a phone number is declared to be one. */
Test(exchange_typed, a_token_of_another_class_is_neither_kept_nor_shown)
{
    static const char *const fields[] = {"tel", "mobile"};
    char tokens[2][64], body[128], wrong[128];
    struct rig r;

    rig_start(&r, &typed_routes);
    for (size_t i = 0; i < 2; i++) {
        AUTO(json_free) struct json *tree = NULL;

        (void)snprintf(body, sizeof(body), "{\"%s\":\"+49 30 1\"}", fields[i]);
        put(&r, "/users/7", body, 200);
        tree = seen_tree(&r);
        (void)snprintf(tokens[i], sizeof(tokens[i]), "%s", json_str_of(json_get(tree, fields[i])));
        expect_shown(&r, "/users/7", body_seen(&r), body);
    }
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(wrong, sizeof(wrong), "{\"%s\":\"%s\"}", fields[i], tokens[1 - i]);
        put(&r, "/users/7", wrong, 422);
        expect_shown(&r, "/users/7", wrong, wrong);
    }
    (void)snprintf(wrong, sizeof(wrong), "{\"note\":\"%s\"}", tokens[0]);
    put(&r, "/users/7", wrong, 200); /* to a note it is text like any */
    rig_stop(&r);
}

Test(exchange_typed, numbers_and_strings_keep_their_type)
{
    static const char *const numbers[] = {"12345", "0", "-7", "8999999"};
    char body[128];
    struct rig r;

    rig_start(&r, &typed_routes);
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        (void)snprintf(body, sizeof(body), "{ \"number\" :%s }", numbers[i]);
        put(&r, "/users/7", body, 200);
        {
            AUTO(json_free) struct json *tree = seen_tree(&r);

            cr_expect_eq(json_kind(json_get(tree, "number")), JSON_INT, "%s", body_seen(&r));
        }
        expect_shown(&r, "/users/7", body_seen(&r), body);
    }
    /* a string in an integer field is a string, there and back */
    put(&r, "/users/7", "{\"number\":\"12345\"}", 200);
    {
        AUTO(json_free) struct json *tree = seen_tree(&r);

        cr_expect_eq(json_kind(json_get(tree, "number")), JSON_TEXT, "%s", body_seen(&r));
    }
    expect_shown(&r, "/users/7", body_seen(&r), "{\"number\":\"12345\"}");
    /* a number in a field that is not for integers becomes a string */
    put(&r, "/users/7", "{\"ref\":47110815,\"note\":3.0}", 200);
    {
        AUTO(json_free) struct json *tree = seen_tree(&r);

        cr_expect_eq(json_kind(json_get(tree, "ref")), JSON_TEXT, "%s", body_seen(&r));
        cr_expect_eq(json_kind(json_get(tree, "note")), JSON_TEXT, "%s", body_seen(&r));
    }
    expect_shown(&r, "/users/7", body_seen(&r), "{\"ref\":47110815,\"note\":3.0}");
    rig_stop(&r);
}

Test(exchange_typed, an_application_may_turn_an_integer_into_text)
{
    char document[128];
    struct rig r;
    long token;

    rig_start(&r, &typed_routes);
    put(&r, "/users/7", "{\"number\":12345}", 200);
    {
        AUTO(json_free) struct json *tree = seen_tree(&r);

        token = (long)json_int_of(json_get(tree, "number"), 0);
    }
    (void)snprintf(document, sizeof(document), "{\"number\":\"%ld\"}", token);
    expect_shown(&r, "/users/7", document, "{\"number\":12345}");
    rig_stop(&r);
}

Test(exchange_typed, values_that_do_not_fit_their_format_are_refused_without_being_named)
{
    static const char *const bad[] = {
        "{\"born\":\"yesterday\"}",
        "{\"born\":\"1990-02-30\"}",
        "{\"number\":true}",
        "{\"number\":\"twelve\"}",
        "{\"card\":\"no card\"}",
        "{\"account\":\"secret\"}",
        "{\"ref\":\"letters here\"}",
        "{\"number\":9000123}",
        "{\"number\":\"9999999\"}",
        "{\"few\":71}",
        "{\"number\":1e3}",
        "{\"number\":1.5}",
        "{\"tel\":\"+49 1\",\"born\":\"secret\"}",
    };
    struct rig r;

    rig_start(&r, &typed_routes);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct rig_answer a;

        put(&r, "/users/7", bad[i], 422);
        a = send_json(&r, "PUT", "/users/7", DESK, bad[i]);
        cr_expect_null(strstr(a.body, "secret"), "%s", a.body);
        cr_expect_null(strstr(a.body, "9000123"), "%s", a.body);
        rig_answer_done(&a);
    }
    cr_expect_null(strstr(rig_log(&r), "secret"));
    put(&r, "/users/7", "{\"born\":\"1990-02-28\"}", 200); /* it goes on */
    rig_stop(&r);
}

Test(exchange_typed, a_token_space_that_is_used_up_is_said_and_logged)
{
    char body[64];
    struct rig r;
    int given = 0, status = 200;

    rig_start(&r, &typed_routes);
    while (status == 200 && given < 10) {
        (void)snprintf(body, sizeof(body), "{\"few\":%d}", 1000 + given);
        answer_with(200, "application/json", "{}");
        status = status_of(send_json(&r, "PUT", "/users/7", "", body));
        given += status == 200;
    }
    cr_expect_eq(status, 507);
    cr_expect_eq(given, 2, "of three one is for look-ups that find nothing: %d", given);
    put(&r, "/users/7", "{\"few\":1,\"born\":\"1990-02-28\"}", 507);
    cr_expect_not_null(strstr(rig_log(&r), "no token left"), "%s", rig_log(&r));
    cr_expect_null(strstr(rig_log(&r), "1990-02-28"));
    put(&r, "/users/7", "{\"born\":\"1990-02-28\"}", 200);
    rig_stop(&r);
}

Test(exchange_typed, a_dead_token_stays_and_a_clear_value_is_what_it_was)
{
    static const char clear[] = "{\"tel\":\"+49 30 1\",\"number\":17,\"born\":\"x\"}";
    struct vault_erasure erasure = {0};
    struct vault_erase op = {.op.kind = VAULT_ERASE,
                             .domain = VAULT_DOMAIN_DEFAULT,
                             .name = SPAN_LIT("7"),
                             .erasure = &erasure};
    char seen[2048];
    struct rig_answer a;
    struct rig r;

    rig_start(&r, &typed_routes);
    put(&r, "/users/7", record, 200);
    (void)snprintf(seen, sizeof(seen), "%s", body_seen(&r));
    cr_assert_eq(vault_run(r.vault, &op.op), ERR_OK);
    vault_erasure_done(&erasure);
    expect_shown(&r, "/users/7", seen, seen);
    put(&r, "/users/7", seen, 422);
    expect_shown(&r, "/users/7", clear, clear); /* the desk may see values */
    answer_with(200, "application/json", clear);
    a = get(&r, "/users/7", ""); /* and who may not, sees none that an application kept in clear */
    cr_expect_str_eq(a.body, "{\"tel\":null,\"number\":null,\"born\":null}");
    rig_answer_done(&a);
    answer_with(200, "application/json", seen);
    a = get(&r, "/users/7", "");
    cr_expect_str_eq(a.body, seen, "tokens pass");
    rig_answer_done(&a);
    rig_stop(&r);
}

Test(exchange_typed, a_record_under_an_unknown_name_is_whose_its_typed_tokens_are)
{
    static const char stored[] = "{\"account\":\"DE89370400440532013000\",\"born\":\"1990-02-28\"}";
    char ones[512], others[512], mixed[1024], wanted[1024];
    struct rig r;
    const char *born;

    rig_start(&r, &typed_routes);
    put(&r, "/users/7", stored, 200);
    (void)snprintf(ones, sizeof(ones), "%s", body_seen(&r));
    put(&r, "/users/8", "{\"born\":\"1991-03-01\"}", 200);
    (void)snprintf(others, sizeof(others), "%s", body_seen(&r));
    expect_shown(&r, "/users/99", ones, stored);
    born = strstr(others, "\"born\"");
    (void)snprintf(mixed, sizeof(mixed), "%.*s,%s", (int)(strstr(ones, ",\"born") - ones), ones,
                   born);
    (void)snprintf(wanted, sizeof(wanted), "{\"account\":\"DE89370400440532013000\",%s", born);
    expect_shown(&r, "/users/99", mixed, wanted);
    put(&r, "/users/9", "{\"code\":\"AB/12\"}", 200); /* some write \/ for what has a slash */
    born = strchr(body_seen(&r), '/');
    (void)snprintf(mixed, sizeof(mixed), "%.*s\\%s", (int)(born - body_seen(&r)), body_seen(&r),
                   born);
    expect_shown(&r, "/users/98", mixed, "{\"code\":\"AB/12\"}");
    rig_stop(&r);
}

/* The value of a query parameter that the upstream got last; static. */
static const char *searched(struct rig *r, const char *name)
{
    static char seen[8192];
    char *at, wanted[32];

    http_stub_last_request(r->stub, seen, sizeof(seen));
    (void)snprintf(wanted, sizeof(wanted), "%s=", name);
    at = strstr(seen, wanted);
    cr_assert_not_null(at, "%s", seen);
    at[strcspn(at, " &\r")] = '\0';
    return at + strlen(wanted);
}

/* Ask for a value; the upstream sees a token, and nothing of the value. */
static const char *look_up(struct rig *r, const char *query, const char *name)
{
    char target[128];

    (void)snprintf(target, sizeof(target), "/users?%s", query);
    answer_with(200, "application/json", "[]");
    cr_assert_eq(status_of(get(r, target, DESK)), 200, "%s", target);
    return searched(r, name);
}

Test(exchange_typed, a_search_finds_what_was_stored_and_else_nothing)
{
    char number[32], tel[64], text[512];
    struct rig_answer a;
    struct rig r;
    size_t before;

    rig_start(&r, &typed_routes);
    put(&r, "/users/7", "{\"number\":12345,\"tel\":\"+49 30 1\"}", 200);
    {
        AUTO(json_free) struct json *tree = seen_tree(&r);

        (void)snprintf(number, sizeof(number), "%lld",
                       (long long)json_int_of(json_get(tree, "number"), 0));
        (void)snprintf(tel, sizeof(tel), "%s", json_str_of(json_get(tree, "tel")));
    }
    cr_expect_str_eq(look_up(&r, "number=12345", "number"), number, "a number in the body");
    (void)snprintf(text, sizeof(text), "number=%s", number);
    cr_expect_str_eq(look_up(&r, text, "number"), number, "a token asks for itself");
    (void)snprintf(text, sizeof(text), "%s", look_up(&r, "number=54321", "number"));
    cr_expect_str_neq(text, "54321");
    cr_expect_str_neq(text, number);
    cr_expect_eq(strlen(text), 7, "it looks like one of the class: %s", text);
    cr_expect_eq(strncmp(look_up(&r, "tel=%2B49%2030%201", "tel"), "%2B", 3), 0);
    cr_expect_str_eq(searched(&r, "tel") + 3, tel + 1);
    (void)snprintf(text, sizeof(text), "%s", look_up(&r, "tel=%2B49%2030%202", "tel"));
    cr_expect_str_neq(text + 3, tel + 1);
    cr_expect_eq(strncmp(text, "%2B49%20", 8) == 0, false, "%s", text);
    before = http_stub_requests(r.stub);
    a = get(&r, "/users?card=none", DESK); /* no card can match */
    cr_expect_eq(a.status, 422);
    cr_expect_eq(http_stub_requests(r.stub), before);
    rig_answer_done(&a);
    rig_stop(&r);
}

Test(exchange_typed, masks_go_by_the_format)
{
    struct rig r;
    struct rig_answer a;
    static const struct rig_options *const o = &typed_routes;
    struct rig_options masked = *o;

    masked.reveal = ", tel: mask, card: mask, account: mask, born: mask, code: mask, number: mask,"
                    " few: mask, ref: mask";
    rig_start(&r, &masked);
    put(&r, "/users/7", "{\"tel\":\"+49 30 1234567\",\"number\":12345,\"born\":\"1990-02-28\"}",
        200);
    answer_with(200, "application/json", body_seen(&r));
    a = get(&r, "/users/7", DESK);
    cr_expect_str_eq(a.body,
                     "{\"tel\":\"+** ** ***4567\",\"number\":null,\"born\":\"1990-**-**\"}");
    rig_answer_done(&a);
    rig_stop(&r);
}

Test(exchange_typed, a_token_in_the_path_becomes_nobodys_name)
{
    char target[128];
    struct rig r;

    rig_start(&r, &typed_routes);
    put(&r, "/users/7", "{\"ref\":\"47110815\"}", 200);
    {
        AUTO(json_free) struct json *tree = seen_tree(&r);

        (void)snprintf(target, sizeof(target), "/users/%s", json_str_of(json_get(tree, "ref")));
    }
    put(&r, target, "{\"ref\":\"47110816\"}", 422);
    put(&r, "/users/47110815", "{\"ref\":\"47110816\"}", 200); /* a value is a name of hers */
    rig_stop(&r);
}

Test(exchange_typed, tokens_of_another_domain_are_unknown)
{
    static const char extra[] =
        "  - {path: \"/crm/{id}\", methods: [GET, PUT], upstream: app,"
        " subject: path.id, domain: crm,\n"
        "     request: [" FIELDS_OF("$.") "],"
                                          " response: [" FIELDS_OF("$.") "]}\n";
    char *routes = mem_alloc(16384), here[2048], there[2048];
    struct rig_options o = typed_routes;
    struct rig r;

    (void)snprintf(routes, 16384, "%s%s", typed_routes.routes, extra);
    o.routes = routes;
    rig_start(&r, &o);
    put(&r, "/users/7", record, 200);
    (void)snprintf(here, sizeof(here), "%s", body_seen(&r));
    put(&r, "/crm/7", record, 200);
    (void)snprintf(there, sizeof(there), "%s", body_seen(&r));
    cr_expect_str_neq(here, there);
    expect_shown(&r, "/crm/7", there, record);
    expect_shown(&r, "/crm/7", here, here);
    expect_shown(&r, "/users/7", there, there);
    expect_shown(&r, "/crm/99", here, here);
    put(&r, "/crm/7", here, 422);
    put(&r, "/users/7", there, 422);
    rig_stop(&r);
    free(routes);
}
