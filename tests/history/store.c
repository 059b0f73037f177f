/* SPDX-License-Identifier: Apache-2.0 */
/* The history's store: made, opened and closed as commands do it. */
#include "tests/history/history.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/civil.h"
#include "base/clock.h"
#include "base/mem.h"
#include "keys/rotation.h"
#include "retention/exports.h"
#include "retention/ropa.h"

const char *const history_classes[HISTORY_CLASSES] = {
    [EMAIL] = "email",     [PHONE] = "phone", [ADDRESS] = "address", [NOTE] = "note",
    [INVOICE] = "invoice", [VISIT] = "visit", [HEALTH] = "health",   [NEWSLETTER] = "newsletter",
};

/* Every kind of rule; %s are the periods that change after the first year. Labels as an operator may write them. */
static const char classes_text[] =
    "  email: {format: email, deterministic: true, identifies: true, purposes: [account, "
    "support],\n"
    "          basis: \"6(1)(b)\", subjects: \"customers <b>&amp;</b>\",\n"
    "          retain: {period: P14M, owner: \"=cmd|'/C calc'!A0\", review: 2031-01-31}}\n"
    "  phone: {format: phone, purposes: [account, support], basis: \"6(1)(b)\",\n"
    "          retain: {period: P1Y, round: month, owner: sales, review: 2026-01-31}}\n"
    "  address: {purposes: [account], basis: \"6(1)(b)\", retain: {period: P400D, round: day}}\n"
    "  note: {purposes: [support], basis: \"6(1)(f)\", balancing: \"<script>alert(1)</script>\",\n"
    "         retain: {period: %s, from: \"event:case_closed\", backstop: P15M}}\n"
    "  invoice: {purposes: [accounting], basis: \"6(1)(c)\", law: \"HGB 257\",\n"
    "            retain: {period: P8Y, round: year_end, minimum: P6Y, minimum_law: \"AO 147(3) "
    "\\\"onmouseover=\"}}\n"
    "  visit: {purposes: [security], basis: \"6(1)(f)\", retain: {period: P14D}}\n"
    "  health: {purposes: [care], basis: \"6(1)(a)\", special: \"9(2)(h)\", retain: {period: "
    "P6M}}\n"
    "  newsletter: {purposes: [marketing], basis: \"6(1)(a)\",\n"
    "               retain: {period: %s, from: last_used, backstop: P3Y}}\n";

static const char rest_text[] =
    "listen: [{address: \"127.0.0.1:0\"}]\n"
    "store: sqlite:store\n"
    "root_key: file:root.key\n"
    "key_rotation: P1Y\n"
    "admin: {address: \"127.0.0.1:0\", limits: {person_rate: {requests: 10000, per: 1s}}}\n"
    "controller: {name: \"Example <script>alert(1)</script> GmbH\", country: DE}\n"
    "upstreams: {app: {url: \"http://127.0.0.1:9\"}}\n"
    "events: {case_closed: {callers: [desk], back_dating: P30D}}\n"
    "holds: {purposes: [accounting]}\n"
    "recipients: {printer: {upstreams: [app]}}\n"
    "callers:\n"
    "  desk: {key: file:desk.key, purposes: [support], reveal: {email: value, note: value}}\n"
    "  shop: {key: file:shop.key, purposes: [account], reveal: {email: mask, phone: mask}}\n"
    "  mailer: {key: file:mailer.key, purposes: [marketing], reveal: {newsletter: value}}\n"
    "routes:\n"
    "  - {path: \"/users/{id}\", methods: [PUT], upstream: app, subject: path.id,\n"
    "     request: [{json: \"$.email\", class: email}, {json: \"$.note\", class: note}]}\n";

void history_fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
    exit(1);
}

static char *path_in(const struct history *h, const char *name)
{
    char *path = NULL;

    REQUIRE(asprintf(&path, "%s/%s", h->dir, name) > 0);
    return path;
}

static void write_file(const struct history *h, const char *name, const void *bytes, size_t len,
                       mode_t mode)
{
    AUTO(mem_free) char *path = path_in(h, name);
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

    if (fd < 0 || write(fd, bytes, len) != (ssize_t)len || close(fd) != 0)
        history_fail("%s cannot be written", path);
}

static char *classes_of(const char *note, const char *newsletter)
{
    char *text = NULL;

    REQUIRE(asprintf(&text, classes_text, note, newsletter) > 0);
    return text;
}

static void write_key(struct history *h, const char *name)
{
    uint8_t bytes[32];
    char hex[65];

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)history_draw(h, 256);
        (void)snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    }
    hex[64] = '\n';
    write_file(h, name, hex, sizeof(hex), 0400);
}

static void make_files(struct history *h)
{
    static const char *const callers[] = {"desk.key", "shop.key", "mailer.key"};
    AUTO(mem_free) char *classes = classes_of("P90D", "P6M"), *text = NULL;

    if (mkdir(h->dir, 0700) != 0)
        history_fail("%s: cannot be made, or is there already", h->dir);
    for (size_t i = 0; i < COUNT_OF(callers); i++)
        write_key(h, callers[i]);
    REQUIRE(asprintf(&text, "classes:\n%s%s", classes, rest_text) > 0);
    write_file(h, "lethe.yaml", text, strlen(text), 0600);
}

/* The rules of the first year. */
static void read_old_classes(struct history *h)
{
    AUTO(mem_free) char *text = classes_of("P180D", "P1Y");
    struct errmsg msg = {""};

    if (conf_parse("first year", span_str(text), &h->old_conf, &msg) != ERR_OK ||
        classes_read(conf_root(h->old_conf), &h->old_classes, &msg) != ERR_OK)
        history_fail("%s", msg.text);
}

static void open_vault(struct history *h)
{
    AUTO(root_keys_done) struct root_keys roots = {.count = 0};
    struct vault_options options = {.dir = h->settings.store_dir,
                                    .roots = &roots,
                                    .classes = &h->old_classes,
                                    .domains = &h->settings.domains,
                                    .configuration = conf_digest(h->settings.conf)};
    AUTO(root_key_done) struct root_key root = {0, NULL};
    struct errmsg msg = {""};
    enum err e = keys_create(h->settings.keys, &root, &msg);

    if (e == ERR_OK)
        e = vault_create(h->settings.store_dir, &root, &msg);
    if (e == ERR_OK)
        e = keys_load(h->settings.keys, &roots, &msg);
    if (e == ERR_OK)
        e = vault_open(&options, &h->vault, &msg);
    if (e != ERR_OK)
        history_fail("%s", msg.text);
    REQUIRE(vault_reader_open(h->vault, &h->reader) == ERR_OK);
}

static void open_parts(struct history *h)
{
    struct settings *s = &h->settings;
    struct errmsg msg = {""};

    audit_settings_use(s, h->vault);
    if (audit_record_start(s, h->vault) != ERR_OK)
        history_fail("the audit trail cannot be written");
    h->erasures = erasures_new(h->vault, keys_rotation_period(s->keys));
    erasures_set_configuration(h->erasures, conf_digest(s->conf));
    h->notices = notices_new(h->vault);
    notices_configure(h->notices, &s->recipients);
    erasures_set_notices(h->erasures, h->notices);
    h->exports = exports_new(h->vault);
    exports_configure(h->exports, &s->controller, &s->recipients, &s->requests.keep);
    h->requests = requests_new(h->vault, h->erasures, h->exports);
    requests_configure(h->requests, &s->requests);
    h->ropa = ropa_new();
    ropa_set(h->ropa, s->ropa);
    h->rotation = rotation_new(h->vault, s->keys);
    h->runs = runs_new(h->vault);
    if (access_open(s->store_dir, h->vault, &h->access, &msg) != ERR_OK)
        history_fail("%s", msg.text);
    h->admin = (struct admin){.vault = h->vault,
                              .classes = &s->classes,
                              .erasures = h->erasures,
                              .requests = h->requests,
                              .ropa = h->ropa,
                              .exports = h->exports,
                              .access = h->access,
                              .keys = s->keys,
                              .rotation = h->rotation,
                              .conf = s->conf};
}

void history_open(struct history *h)
{
    AUTO(mem_free) char *path = path_in(h, "lethe.yaml");
    struct errmsg msg = {""};

    make_files(h);
    if (settings_start(path, SETTINGS_STORE, &h->settings, &msg) != ERR_OK)
        history_fail("%s", msg.text);
    read_old_classes(h);
    open_vault(h);
    open_parts(h);
}

void history_change_rules(struct history *h)
{
    AUTO(json_free) struct json *preview = NULL;
    struct errmsg msg = {""};
    struct vault_configure op = {.op = {.kind = VAULT_CONFIGURE},
                                 .classes = &h->settings.classes,
                                 .domains = &h->settings.domains,
                                 .configuration = conf_digest(h->settings.conf),
                                 .msg = &msg};

    if (vault_run(h->vault, &op.op) != ERR_OK)
        history_fail("%s", msg.text);
    preview = history_ask(h, ERR_OK, "{\"op\":\"retention.preview\"}");
    (void)history_do(h, ERR_OK, "{\"op\":\"retention.apply\",\"confirm\":\"%s\"}",
                     json_str_of(json_get(preview, "digest")));
}

void history_close(struct history *h)
{
    vault_reader_close(&h->reader);
    runs_free(&h->runs);
    access_close(&h->access);
    rotation_free(&h->rotation);
    requests_free(&h->requests);
    exports_free(&h->exports);
    erasures_free(&h->erasures);
    notices_free(&h->notices);
    ropa_free(&h->ropa);
    vault_close(&h->vault);
    classes_done(&h->old_classes);
    conf_free(&h->old_conf);
    settings_done(&h->settings);
}

void history_clock(struct history *h, int64_t now_s)
{
    h->now_s = now_s;
    clock_test_set_ms(now_s * 1000);
}

static struct json *run(struct history *h, enum err allowed, const char *text)
{
    AUTO(json_free) struct json *request = NULL;
    struct json *answer = NULL;
    struct errmsg msg = {""};
    enum err e;

    if (json_parse(span_str(text), &request) != ERR_OK)
        history_fail("no JSON: %s", text);
    e = ops_run(&h->admin, request, &answer, &msg);
    if (e == ERR_OK)
        return answer;
    if (e != allowed && !(allowed == ERR_NOT_FOUND && e == ERR_CONFLICT))
        history_fail("%s\n%s: %s", text, err_name(e), msg.text);
    return NULL;
}

struct json *history_ask(struct history *h, enum err allowed, const char *format, ...)
{
    char text[8192];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return run(h, allowed, text);
}

bool history_do(struct history *h, enum err allowed, const char *format, ...)
{
    AUTO(json_free) struct json *answer = NULL;
    char text[8192];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    answer = run(h, allowed, text);
    return answer != NULL;
}

const char *history_quoted(const char *text)
{
    static char texts[8][2048];
    static unsigned next;
    AUTO(json_free) struct json *value = json_new_text(span_str(text));
    AUTO(buf_done) struct buf out = {.max = 0};
    char *quoted = texts[next++ % 8];

    buf_init(&out, sizeof(texts[0]) - 1);
    REQUIRE(value != NULL && json_write(value, &out) == ERR_OK);
    memcpy(quoted, out.bytes, out.len);
    quoted[out.len] = '\0';
    return quoted;
}

const char *history_date(int64_t day)
{
    static char texts[4][CIVIL_TEXT_MAX];
    static unsigned next;
    char *text = texts[next++ % 4];

    civil_format(civil_of(day), text);
    return text;
}
