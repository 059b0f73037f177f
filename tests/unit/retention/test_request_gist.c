/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted of a request, held against what is shown of it. */
#include "base/calendar.h"
#include "retention/requests_priv.h"
#include "tests/unit/retention/request_rig.h"

TestSuite(request_gist, .init = secret_start, .timeout = 120);

enum { BODIES = 3000, BODY_MAX = 4096 };

static uint64_t seed;

static size_t draw(size_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(seed >> 33) % below;
}

/* ---- bodies ---- */

static char body[BODY_MAX];
static size_t len;

static void __attribute__((format(printf, 1, 2))) put(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    len += (size_t)vsnprintf(body + len, sizeof(body) - len, format, args);
    va_end(args);
    REQUIRE(len < sizeof(body));
}

static const char *some_date(void)
{
    static char text[4][CIVIL_TEXT_MAX];
    static size_t turn;
    char *out = text[turn++ % 4];

    civil_format(civil_of(civil_days((struct civil){2025, 10, 1}) + (int64_t)draw(150)), out);
    return out;
}

/* null, what is none, or a date. */
static void put_date(const char *name)
{
    if (draw(5) == 0)
        put("\"%s\":null", name);
    else if (draw(20) == 0)
        put("\"%s\":\"2025-13-%02zu\"", name, draw(30));
    else
        put("\"%s\":\"%s\"", name, some_date());
}

static void put_rights(void)
{
    static const char *const outcomes[] = {"pending", "granted", "partly", "refused", "withdrawn"};
    const size_t first = draw(REQUEST_RIGHT_COUNT), count = 1 + draw(3);

    put("\"rights\":[");
    for (size_t i = 0; i < count; i++)
        put("%s{\"outcome\":\"%s\",\"exports\":[{\"right\":\"no\",\"outcome\":7}],\"right\":\"%"
            "s\"}",
            i == 0 ? "" : ",", outcomes[draw(COUNT_OF(outcomes))],
            request_right_word((enum request_right)((first + i) % REQUEST_RIGHT_COUNT)));
    put("],");
}

static void put_dates(void)
{
    static const char *const names[] = {"confirm", "raw", "legal", "due", "first", "target"};

    put("\"dates\":{");
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        put(i == 0 ? "" : ",");
        put_date(names[i]);
    }
    put("},");
}

/* What looks like what counts, and is not where that is. */
static void put_decoy(void)
{
    static const char *const decoys[] = {
        "\"external\":\"\\\"answer\\\":{\\\"date\\\":\\\"2025-01-01\\\"}\",",
        "\"agent\":\"back\\\\\",",
        "\"zone\":\"\\\"}]\",",
        "\"fee\":{\"date\":\"2025-01-01\",\"answer\":{\"date\":\"2025-01-01\"}},",
        "\"complaints\":[{\"date\":\"2025-01-01\",\"received_date\":\"2025-01-01\"}],",
        "\"withdrawn\":{\"identity\":{\"asked\":\"2025-01-01\"},\"extension\":{}},",
        "\"owner\":\"}]{[,:\\u00e9\",",
        "\"scope\":{\"classes\":[\"received_date\",\"answer\"],\"kept\":[[[]]],\"name\":\"x\"},",
        "\"history\":[{\"at\":\"x\",\"answer\":{\"date\":\"2025-01-01\"},\"rights\":[{}]}],",
        "\"number\":-12,\"ratio\":1.5e3,\"yes\":true,",
    };

    for (size_t i = 0; i < COUNT_OF(decoys); i++)
        if (draw(3) == 0)
            put("%s", decoys[i]);
}

static void make_body(void)
{
    static const char *const regimes[] = {"gdpr", "ccpa", "lgpd",
                                          "other"}; /* two have extensions */
    const size_t regime = draw(COUNT_OF(regimes));

    len = 0;
    put("{\"regime\":{\"name\":\"%s\",\"version\":1},", regimes[regime]);
    put_decoy();
    put_rights();
    if (draw(2) == 0)
        put("\"paused_days\":%zu,", draw(20));
    if (draw(2) == 0) {
        put("\"identity\":{");
        put_date("asked");
        put(",\"pauses\":%s,", draw(2) == 0 ? "true" : "false");
        put_date("confirmed");
        put("},");
    }
    put_dates();
    if (draw(2) == 0) {
        put("\"acknowledged\":{");
        put_date("date");
        put("},");
    }
    if (regime < 2 && draw(3) == 0)
        put("\"extension\":%s,", draw(2) == 0 ? "null" : "{\"decided\":\"2025-01-01\"}");
    if (draw(2) == 0) {
        put("\"answer\":{\"channel\":\"email\",");
        put_date("date");
        put("},");
    }
    put("\"received_date\":\"%s\"}", some_date());
}

/* ---- what is said of them ---- */

static bool says(const struct json *view, const char *name, const char *word)
{
    return span_equal(json_text_of(json_get(view, name)), span_str(word));
}

static void assert_rights(const struct json *view, const struct request_gist *gist)
{
    const struct json *rights = json_get(view, "rights");

    cr_assert_eq(gist->right_count, json_count(rights));
    for (size_t i = 0; i < gist->right_count; i++) {
        const struct json *right = json_at(rights, i);

        cr_assert(says(right, "right", request_right_word(gist->rights[i].right)));
        cr_assert(span_equal(json_text_of(json_get(right, "outcome")), gist->rights[i].outcome));
    }
}

static void assert_same(const struct json *view, const struct request_gist *gist)
{
    const struct json *in_time = json_get(view, "in_time");
    char received[CIVIL_TEXT_MAX];

    civil_format(gist->received, received);
    cr_assert(says(view, "received_date", received), "%s", body);
    cr_assert(says(view, "state", request_state_word(gist->state)));
    cr_assert(span_equal(json_text_of(json_get(json_get(view, "regime"), "name")), gist->regime));
    cr_assert_eq(gist->answered, json_kind(in_time) == JSON_BOOL, "%s", body);
    cr_assert_eq(gist->in_time, json_bool_of(in_time, false), "%s", body);
    cr_assert_eq(gist->days_used, json_int_of(json_get(view, "days_used"), -1), "%s", body);
    cr_assert_eq(gist->is_soon, says(view, "standing", "due soon"), "%s", body);
    cr_assert_eq(gist->is_past, says(view, "standing", "past due"), "%s", body);
    assert_rights(view, gist);
}

Test(request_gist, says_what_is_shown_of_any_request)
{
    AUTO(request_rig_done) struct request_rig r;

    request_rig_init(&r);
    for (size_t i = 0; i < BODIES; i++) {
        struct request_case now, c;
        AUTO(json_free) struct json *view = NULL;
        struct vault_record record = {.number = i + 1,
                                      .state = (uint32_t)draw(REQUEST_STATE_COUNT)};
        struct request_gist gist;

        make_body();
        record.body = span_of(body, len);
        request__begin(r.requests, NULL, &now);
        c = now;
        cr_assert_eq(request__take_record(&c, &record), ERR_OK, "%s", body);
        view = request__view(&c);
        cr_assert_eq(request__gist(&now, (enum request_state)record.state, record.body, &gist),
                     ERR_OK, "%s", body);
        assert_same(view, &gist);
    }
}

/* Both readers refuse what has no dates; neither ends the server. */
Test(request_gist, a_damaged_body_is_refused_by_both_readers)
{
    static const char *const bodies[] = {
        "{}",
        "{\"received_date\": \"2026-01-32\"}",
        "{\"received_date\": 7}",
        "{\"received_date\": \"2026-01-05\", \"regime\": {\"name\": \"lgpd\"}, \"extension\": {}}",
    };
    AUTO(request_rig_done) struct request_rig r;
    struct request_case now;

    request_rig_init(&r);
    request__begin(r.requests, NULL, &now);
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        AUTO(request__case_done) struct request_case c = now;
        const struct vault_record record = {.number = 1, .body = span_str(bodies[i])};
        struct request_gist gist;

        cr_expect_eq(request__take_record(&c, &record), ERR_CORRUPT, "%s", bodies[i]);
        cr_expect_eq(request__gist(&now, REQUEST_RECEIVED, record.body, &gist), ERR_CORRUPT, "%s",
                     bodies[i]);
    }
}

static void assert_same_text(const struct json *a, const struct json *b)
{
    AUTO(buf_done) struct buf x = {.max = 1 << 16};
    AUTO(buf_done) struct buf y = {.max = 1 << 16};

    cr_assert_eq(json_write(a, &x), ERR_OK);
    cr_assert_eq(json_write(b, &y), ERR_OK);
    cr_assert(span_equal(buf_span(&x), buf_span(&y)));
}

Test(request_gist, is_the_same_of_a_register_that_was_kept)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(request_walk_close) struct request_walk *gists = NULL;
    AUTO(request_walk_close) struct request_walk *views = NULL;
    size_t count = 0;
    enum err e;

    request_rig_init(&r);
    for (int i = 0; i < 5; i++) {
        AUTO(json_free) struct json *view = NULL;

        cr_assert_eq(
            request_rig_add(&r, "{\"rights\": [\"access\"], \"channel\": \"email\"}", NULL, &view),
            ERR_OK);
        if (i % 2 == 0)
            cr_assert_eq(request_rig_act(&r, (uint64_t)i + 1, REQUEST_ACKNOWLEDGE,
                                         "{\"channel\": \"email\"}"),
                         ERR_OK, "%s", r.msg.text);
    }
    cr_assert_eq(request_walk_open(r.requests, UINT64_MAX, 0, &gists), ERR_OK);
    cr_assert_eq(request_walk_open(r.requests, UINT64_MAX, 0, &views), ERR_OK);
    for (;; count++) {
        AUTO(json_free) struct json *view = NULL;
        AUTO(json_free) struct json *short_view = NULL;
        struct request_gist gist;

        e = request_walk_gist(gists, &gist);
        cr_assert_eq(request_walk_next(views, &view), e);
        if (e != ERR_OK)
            break;
        assert_same(view, &gist);
        cr_assert_eq(request_walk_view(gists, &gist, &short_view), ERR_OK);
        cr_assert_eq(json_kind(json_get(short_view, "history")), JSON_NIL);
        cr_assert_eq(json_kind(json_get(view, "history")), JSON_LIST);
        json_set(view, "history", json_new_null());
        assert_same_text(short_view, view);
    }
    cr_assert_eq(e, ERR_NOT_FOUND);
    cr_assert_eq(count, 5);
}

/* ---- damage ---- */

static const struct request_settings no_settings = {.target_days = 28};

static enum err gist_of(const char *bytes, size_t size)
{
    const struct request_case now = {.settings = &no_settings, .today = {2026, 1, 10}};
    struct request_gist gist;
    char *copy = malloc(size == 0 ? 1 : size); /* no byte more, for the sanitizer */
    enum err e;

    REQUIRE(copy != NULL);
    memcpy(copy, bytes, size);
    e = request__gist(&now, REQUEST_SCOPED, span_of(copy, size), &gist);
    free(copy);
    return e;
}

Test(request_gist, is_refused_of_a_body_that_ends_too_early)
{
    for (int i = 0; i < 20; i++) {
        make_body();
        cr_assert_eq(gist_of(body, len), ERR_OK);
        for (size_t at = 0; at < len; at++)
            cr_assert_eq(gist_of(body, at), ERR_CORRUPT, "%zu of %s", at, body);
        body[len] = '}';
        cr_assert_eq(gist_of(body, len + 1), ERR_CORRUPT);
    }
}

Test(request_gist, is_refused_of_what_no_request_is)
{
    static const char *const bad[] = {
        "[]",
        "\"received_date\"",
        "{\"rights\":[]}",
        "{\"received_date\":\"2026-02-30\"}",
        "{\"received_date\":\"2026-01-01\",\"rights\":[{\"right\":\"to be king\"}]}",
        "{\"received_date\":\"2026-01-01\",\"rights\":[{\"outcome\":\"granted\"}]}",
        "{\"received_date\":\"2026-01-01\",\"rights\":[[\"access\"]]}",
        "{\"received_date\":\"2026-01-01\",\"x\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}",
        "{\"received_date\":\"2026-01-01\",\"x\":\"\\",
        "{\"received_date\":\"2026-01-01\",\"regime\":{\"name\":\"lgpd\"},\"extension\":{}}",
    };
    char many[4096] = "{\"received_date\":\"2026-01-01\",\"rights\":[";

    for (size_t i = 0; i < COUNT_OF(bad); i++)
        cr_assert_eq(gist_of(bad[i], strlen(bad[i])), ERR_CORRUPT, "%s", bad[i]);
    for (size_t i = 0; i <= REQUEST_RIGHT_COUNT; i++)
        (void)snprintf(many + strlen(many), sizeof(many) - strlen(many), "%s{\"right\":\"access\"}",
                       i == 0 ? "" : ",");
    (void)snprintf(many + strlen(many), sizeof(many) - strlen(many), "]}");
    cr_assert_eq(gist_of(many, strlen(many)), ERR_CORRUPT);
}
