/* SPDX-License-Identifier: Apache-2.0 */
/* The section `recipients:`, and which classes reach whom. */
#include "retention/recipients.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"

TestSuite(recipients, .init = secret_start, .timeout = 30);

#define AROUND                                                                                     \
    "upstreams: {app: {url: \"http://h\"}, shop: {url: \"http://h\"}}\n"                           \
    "callers: {desk: {reveal: {note: value, mail: mask, phone: token}}}\n"                         \
    "default_upstream: shop\n"                                                                     \
    "routes:\n"                                                                                    \
    "  - {path: /a, upstream: app, request: [{json: \"$.m\", class: mail}],"                       \
    " response: [{json: \"$.c\", class: card}]}\n"                                                 \
    "  - {path: /b, request: [{json: \"$.p\", class: phone}]}\n"

static enum err read_from(const char *text, struct recipients *ret, struct errmsg *msg)
{
    AUTO(conf_free) struct conf *conf = NULL;

    cr_assert_eq(conf_parse("f.yaml", span_str(text), &conf, msg), ERR_OK, "%s", msg->text);
    return recipients_read(conf_root(conf), ret, msg);
}

Test(recipients, are_read_as_declared)
{
    AUTO(recipients_done) struct recipients r = {.list = NULL}, copy = {.list = NULL};
    struct errmsg msg = {""};
    const struct recipient *crm;

    cr_assert_eq(read_from(AROUND "recipients:\n"
                                  "  crm: {url: \"https://crm.example:8443/in?x=1\", ca: ca.pem,"
                                  " upstreams: [app], allow_private: true}\n"
                                  "  paper: {}\n",
                           &r, &msg),
                 ERR_OK, "%s", msg.text);
    recipients_copy(&r, &copy);
    recipients_done(&r);
    crm = recipient_find(&copy, "crm");
    cr_assert_not_null(crm);
    cr_assert_str_eq(crm->server, "https://crm.example:8443");
    cr_assert_str_eq(crm->path, "/in?x=1");
    cr_assert_not_null(strstr(crm->ca, "/ca.pem"));
    cr_assert(crm->allow_private);
    cr_assert_null(recipient_find(&copy, "paper")->server);
    cr_assert_null(recipient_find(&copy, "nobody"));
}

Test(recipients, get_what_their_routes_and_callers_get)
{
    AUTO(recipients_done) struct recipients r = {.list = NULL};
    struct errmsg msg = {""};

    cr_assert_eq(read_from(AROUND "recipients: {a: {upstreams: [app]}, b: {upstreams: [shop]},"
                                  " c: {callers: [desk]}, all: {}}\n",
                           &r, &msg),
                 ERR_OK, "%s", msg.text);
    cr_assert(recipient_gets(recipient_find(&r, "a"), "mail"));
    cr_assert(recipient_gets(recipient_find(&r, "a"), "card"));
    cr_assert_not(recipient_gets(recipient_find(&r, "a"), "phone"));
    cr_assert(recipient_gets(recipient_find(&r, "b"), "phone"), "the default upstream's route");
    cr_assert_not(recipient_gets(recipient_find(&r, "b"), "mail"));
    cr_assert(recipient_gets(recipient_find(&r, "c"), "note"));
    cr_assert(recipient_gets(recipient_find(&r, "c"), "mail"), "masked is shown, too");
    cr_assert_not(recipient_gets(recipient_find(&r, "c"), "phone"), "a token is not");
    cr_assert(recipient_gets(recipient_find(&r, "all"), "whatever"));
}

Test(recipients, are_refused_with_their_place)
{
    static const char *const wrong[] = {
        "{x: {url: \"http://crm.example\"}}",
        "{x: {url: \"https://\"}}",
        "{x: {url: \"https:///p\"}}",
        "{x: {url: \"https://u@crm.example\"}}",
        "{x: {url: \"https://crm.example?x\"}}",
        "{x: {url: \"https://crm.example/a b\"}}",
        "{x: {url: \"https://crm.example/#f\"}}",
        "{x: {url: 7}}",
        "{x: {upstreams: [nobody]}}",
        "{x: {upstreams: app}}",
        "{x: {upstreams: []}}",
        "{x: {callers: [app]}}",
        "{x: {allow_private: true}}",
        "{x: {ca: f.pem}}",
        "{\"x y\": {}}",
        "{x: {uri: \"https://crm.example\"}}",
        "[x]",
    };

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        AUTO(recipients_done) struct recipients r = {.list = NULL};
        struct errmsg msg = {""};
        char text[1024];

        (void)snprintf(text, sizeof(text), "recipients: %s\n" AROUND, wrong[i]);
        cr_assert_eq(read_from(text, &r, &msg), ERR_CONFIG, "%s", wrong[i]);
        cr_assert_eq(strncmp(msg.text, "f.yaml:1:", 9), 0, "%s: %s", wrong[i], msg.text);
        cr_assert_null(r.list);
    }
}
