/* SPDX-License-Identifier: Apache-2.0 */
/* Classes and domains exchanged while a store serves. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/secret.h"
#include "tests/support/vault_fixture.h"

TestSuite(configure, .init = secret_start, .timeout = 60);

/* The fixture's classes in an array with room, which a test may change. */
struct change {
    struct class_def defs[FIXTURE_CLASSES + 2];
    struct classes classes;
    char *names[FIXTURE_DOMAINS + 1];
    struct domains domains;
    struct errmsg msg;
};

static void start(struct vault_fixture *f, struct change *c)
{
    fixture_start(f);
    *c = (struct change){.msg = {""}};
    memcpy(c->defs, f->defs, sizeof(f->defs));
    c->classes = (struct classes){c->defs, FIXTURE_CLASSES};
    memcpy(c->names, f->domain_names, sizeof(f->domain_names));
    c->domains = (struct domains){c->names, FIXTURE_DOMAINS};
}

static enum err configure(struct vault_fixture *f, struct change *c)
{
    struct vault_configure op = {.op = {.kind = VAULT_CONFIGURE},
                                 .classes = &c->classes,
                                 .domains = &c->domains,
                                 .msg = &c->msg};

    return vault_run(f->v, &op.op);
}

static enum err tokenize_in(struct vault_fixture *f, uint16_t domain, uint16_t class_id)
{
    struct vault_item item = {
        .class_id = class_id, .kind = VALUE_STRING, .value = SPAN_LIT("a value")};
    struct vault_tokenize op = {
        .op = {.kind = VAULT_TOKENIZE}, .domain = domain, .items = &item, .count = 1};

    return vault_run(f->v, &op.op);
}

Test(configure, adds_a_class_that_takes_values_at_once)
{
    struct vault_fixture f;
    struct change c;
    struct token_text token;
    uint16_t id;

    start(&f, &c);
    c.defs[FIXTURE_CLASSES] = c.defs[0];
    c.defs[FIXTURE_CLASSES].name = "added";
    c.classes.count++;
    cr_assert_eq(configure(&f, &c), ERR_OK, "%s", c.msg.text);
    cr_expect_eq(vault_classes(f.v), &c.classes);
    id = vault_class_id(f.v, &c.defs[FIXTURE_CLASSES]);
    cr_assert_neq(id, 0);
    cr_assert_eq(fixture_tokenize(&f, id, "ada", "of the new class", &token), ERR_OK);
    cr_expect(fixture_reveals(&f, &token, "of the new class"));
    fixture_end(&f);
}

Test(configure, adds_a_domain_with_a_key_of_its_own)
{
    struct vault_fixture f;
    struct change c;
    uint16_t id;

    start(&f, &c);
    c.names[FIXTURE_DOMAINS] = "fresh";
    c.domains.count++;
    cr_assert_eq(configure(&f, &c), ERR_OK, "%s", c.msg.text);
    id = vault_domain_id(f.v, SPAN_LIT("fresh"));
    cr_assert_neq(id, 0);
    cr_expect_eq(tokenize_in(&f, id, f.note), ERR_OK);
    cr_expect_str_eq(vault_domain_name(f.v, f.crm), "crm", "old ones keep their numbers");
    fixture_end(&f);
}

Test(configure, refuses_to_let_go_of_a_class_that_has_values)
{
    struct vault_fixture f;
    struct change c;
    struct token_text token;

    start(&f, &c);
    cr_assert_eq(fixture_tokenize(&f, f.note, "ada", "kept", &token), ERR_OK);
    c.defs[0] = c.defs[FIXTURE_CLASSES - 1];
    c.classes.count--;
    cr_expect_eq(configure(&f, &c), ERR_CONFIG);
    cr_expect_not_null(strstr(c.msg.text, "class note: the store still holds values"), "%s",
                       c.msg.text);
    cr_expect(fixture_reveals(&f, &token, "kept"));
    cr_expect_eq(tokenize_in(&f, VAULT_DOMAIN_DEFAULT, f.note), ERR_OK, "nothing has changed");
    fixture_end(&f);
}

Test(configure, stores_nothing_more_under_what_has_left)
{
    struct vault_fixture f;
    struct change c;
    uint16_t brief;

    start(&f, &c);
    brief = f.brief;
    c.classes.count--; /* `brief` is the last */
    c.domains.count--; /* so is `analytics` */
    cr_assert_eq(configure(&f, &c), ERR_OK, "%s", c.msg.text);
    cr_expect_eq(tokenize_in(&f, VAULT_DOMAIN_DEFAULT, brief), ERR_NOT_FOUND);
    cr_expect_eq(tokenize_in(&f, f.analytics, f.note), ERR_NOT_FOUND);
    cr_expect_not_null(vault_class_def(f.v, brief), "requests under way still ask");
    c.classes.count++;
    c.domains.count++;
    cr_assert_eq(configure(&f, &c), ERR_OK, "%s", c.msg.text);
    cr_expect_eq(tokenize_in(&f, VAULT_DOMAIN_DEFAULT, brief), ERR_OK, "it came back");
    cr_expect_eq(tokenize_in(&f, f.analytics, f.note), ERR_OK);
    fixture_end(&f);
}

Test(configure, refuses_to_change_what_tokens_look_like)
{
    struct vault_fixture f;
    struct change c;

    start(&f, &c);
    c.defs[0].deterministic = true;
    cr_expect_eq(configure(&f, &c), ERR_CONFIG);
    cr_expect_not_null(strstr(c.msg.text, "at a restart only"), "%s", c.msg.text);
    fixture_end(&f);
}

Test(configure, gives_values_to_come_the_new_period)
{
    struct vault_fixture f;
    struct change c;
    struct token_text token;
    struct vault_value value;

    start(&f, &c);
    c.defs[0].rule.period = (struct period){.seconds = 60};
    cr_assert_eq(configure(&f, &c), ERR_OK, "%s", c.msg.text);
    cr_assert_eq(fixture_tokenize(&f, f.note, "ada", "short", &token), ERR_OK);
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(vault_inspect(f.r, 0, fixture_span(&token), 0, &value), ERR_OK);
    vault_read_end(f.r);
    cr_expect_eq(value.due_s - value.created_s, 60);
    fixture_end(&f);
}

Test(configure, survives_a_restart)
{
    struct vault_fixture f;
    struct change c;
    struct token_text token;
    uint16_t id;

    start(&f, &c);
    c.defs[FIXTURE_CLASSES] = c.defs[0];
    c.defs[FIXTURE_CLASSES].name = "added";
    c.classes.count++;
    cr_assert_eq(configure(&f, &c), ERR_OK, "%s", c.msg.text);
    id = vault_class_id(f.v, &c.defs[FIXTURE_CLASSES]);
    cr_assert_eq(fixture_tokenize(&f, id, "ada", "stays", &token), ERR_OK);
    fixture_close(&f);
    cr_expect_eq(fixture_open(&f), ERR_CONFIG, "the old configuration lacks a class with values");
    f.classes = c.classes;
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
    cr_expect(fixture_reveals(&f, &token, "stays"));
    fixture_end(&f);
}

Test(configure, needs_its_keys)
{
    struct vault_fixture f;
    struct change c;
    struct vault_seal seal = {.op = {.kind = VAULT_SEAL}};

    start(&f, &c);
    cr_assert_eq(vault_run(f.v, &seal.op), ERR_OK);
    cr_expect_eq(configure(&f, &c), ERR_SEALED);
    fixture_end(&f);
}
