/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/classes.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/secret.h"
#include "vault/token.h"

TestSuite(classes, .init = secret_start);

#define REST  ", purposes: [support], basis: \"6(1)(b)\", retain: {period: P1Y, from: created}"
#define CLASS "{format: opaque" REST "}"

static enum err read_classes(const char *yaml, struct classes *ret, struct errmsg *msg)
{
    AUTO(conf_free) struct conf *conf = NULL;

    cr_assert_eq(conf_parse("f.yaml", span_str(yaml), &conf, msg), ERR_OK, "%s", msg->text);
    return classes_read(conf_get(conf_root(conf), "classes"), ret, msg);
}

static void assert_refused(const char *yaml, const char *words)
{
    struct classes classes = {NULL, 77};
    struct errmsg msg = {""};

    cr_assert_eq(read_classes(yaml, &classes, &msg), ERR_CONFIG, "%s", yaml);
    cr_assert_not_null(strstr(msg.text, words), "%s: %s", yaml, msg.text);
    cr_assert(strncmp(msg.text, "f.yaml:", 7) == 0, "%s", msg.text);
    cr_assert_eq(classes.count, 77, "written although refused");
}

/* A class with one member more or less than usual. */
static void assert_class_refused(const char *members, const char *words)
{
    char yaml[1024];

    (void)snprintf(yaml, sizeof(yaml), "classes:\n  c: {%s}\n", members);
    assert_refused(yaml, words);
}

static void assert_class_read(const char *members)
{
    AUTO(classes_done) struct classes classes = {NULL, 0};
    struct errmsg msg = {""};
    char yaml[1024];

    (void)snprintf(yaml, sizeof(yaml), "classes:\n  c: {%s}\n", members);
    cr_assert_eq(read_classes(yaml, &classes, &msg), ERR_OK, "%s: %s", members, msg.text);
    cr_assert_eq(classes.count, 1);
}

Test(classes, are_read_as_declared)
{
    AUTO(classes_done) struct classes classes = {NULL, 0};
    const struct class_def *def;
    struct errmsg msg = {""};

    cr_assert_eq(read_classes("classes:\n"
                              "  email: {format: email, deterministic: true, identifies: true,\n"
                              "    purposes: [account, support], basis: \"6(1)(b)\",\n"
                              "    retain: {period: P2Y, from: created},\n"
                              "    token_domain: people.example.org}\n"
                              "  note_2-x: {purposes: [support], basis: \"6(1)(f)\",\n"
                              "    retain: {period: P90D}}\n",
                              &classes, &msg),
                 ERR_OK, "%s", msg.text);
    cr_assert_eq(classes.count, 2);
    def = classes_find(&classes, SPAN_LIT("email"));
    cr_assert_not_null(def);
    cr_assert_eq(def->format, TOKEN_EMAIL);
    cr_assert(def->deterministic && def->identifies);
    cr_assert_str_eq(def->email_domain, "people.example.org");
    cr_assert_str_eq(def->basis, "6(1)(b)");
    cr_assert_eq(def->purpose_count, 2);
    cr_assert_str_eq(def->purposes[1], "support");
    cr_assert_eq(def->rule.period.months, 24);
    cr_assert_eq(def->rule.period.seconds, 0);
    def = classes_find(&classes, SPAN_LIT("note_2-x"));
    cr_assert_not_null(def);
    cr_assert_eq(def->format, TOKEN_OPAQUE);
    cr_assert(!def->deterministic && !def->identifies);
    cr_assert_eq(def->rule.period.months, 0);
    cr_assert_eq(def->rule.period.days, 90);
}

/* E27 */
Test(classes, email_tokens_stand_under_a_domain_that_cannot_exist_unless_said)
{
    AUTO(classes_done) struct classes classes = {NULL, 0};
    struct errmsg msg = {""};

    cr_assert_eq(read_classes("classes: {e: {format: email" REST "}}", &classes, &msg), ERR_OK);
    cr_assert_str_eq(classes.defs[0].email_domain, "tok.invalid");
}

Test(classes, are_found_by_their_whole_name_only)
{
    AUTO(classes_done) struct classes classes = {NULL, 0};
    struct errmsg msg = {""};

    cr_assert_eq(read_classes("classes: {phone: " CLASS ", phone2: " CLASS "}", &classes, &msg),
                 ERR_OK);
    cr_assert_eq(classes_find(&classes, SPAN_LIT("phone")), &classes.defs[0]);
    cr_assert_eq(classes_find(&classes, SPAN_LIT("phone2")), &classes.defs[1]);
    cr_assert_null(classes_find(&classes, SPAN_LIT("phon")));
    cr_assert_null(classes_find(&classes, SPAN_LIT("")));
    cr_assert_null(classes_find(&classes, SPAN_LIT("Phone")));
}

Test(classes, know_their_purposes)
{
    AUTO(classes_done) struct classes classes = {NULL, 0};
    struct errmsg msg = {""};

    cr_assert_eq(read_classes("classes: {c: " CLASS "}", &classes, &msg), ERR_OK);
    cr_assert(class_has_purpose(&classes.defs[0], SPAN_LIT("support")));
    cr_assert_not(class_has_purpose(&classes.defs[0], SPAN_LIT("suppor")));
    cr_assert_not(class_has_purpose(&classes.defs[0], SPAN_LIT("marketing")));
    cr_assert_not(class_has_purpose(&classes.defs[0], SPAN_NONE));
}

Test(classes, name_the_place_of_a_mistake)
{
    assert_refused("classes:\n  ok: " CLASS "\n  bad:\n    basis: 7\n", "f.yaml:4:");
}

Test(classes, must_be_a_map_that_is_there)
{
    assert_refused("other: 1\n", "classes is missing");
    assert_refused("classes: [a]\n", "must be a map");
    assert_refused("classes: email\n", "must be a map");
    assert_refused("classes: {c: 5}\n", "f.yaml:1:");
}

Test(classes, refuse_a_name_that_could_be_mistaken)
{
    char yaml[512], name[CLASS_NAME_MAX + 2];

    assert_refused("classes: {Email: " CLASS "}", "class name");
    assert_refused("classes: {\"\": " CLASS "}", "class name");
    assert_refused("classes: {\"a b\": " CLASS "}", "class name");
    assert_refused("classes: {\"a.b\": " CLASS "}", "class name");
    assert_refused("classes: {\"\xc3\xa4\": " CLASS "}", "class name");
    memset(name, 'n', sizeof(name));
    name[CLASS_NAME_MAX + 1] = '\0';
    (void)snprintf(yaml, sizeof(yaml), "classes: {%s: " CLASS "}", name);
    assert_refused(yaml, "class name");
}

Test(classes, take_the_longest_name)
{
    AUTO(classes_done) struct classes classes = {NULL, 0};
    struct errmsg msg = {""};
    char yaml[512], name[CLASS_NAME_MAX + 1];

    memset(name, 'n', sizeof(name));
    name[CLASS_NAME_MAX] = '\0';
    (void)snprintf(yaml, sizeof(yaml), "classes: {%s: " CLASS "}", name);
    cr_assert_eq(read_classes(yaml, &classes, &msg), ERR_OK, "%s", msg.text);
}

Test(classes, refuse_a_key_that_is_not_known)
{
    assert_class_refused("format: opaque, purpose: [x]" REST, "did you mean");
    assert_class_refused("retention: P1Y" REST, "retention");
    assert_class_refused("purposes: [x], basis: \"6(1)(b)\", retain: {period: P1Y, form: created}",
                         "did you mean");
}

Test(classes, need_a_retention_rule_a_basis_and_a_purpose)
{
    assert_class_refused("purposes: [x], basis: \"6(1)(b)\"", "\"retain\" is missing");
    assert_class_refused("purposes: [x], retain: {period: P1Y}", "\"basis\" is missing");
    assert_class_refused("basis: \"6(1)(b)\", retain: {period: P1Y}", "\"purposes\" is missing");
    assert_class_refused("purposes: [x], basis: \"6(1)(b)\", retain: {from: created}",
                         "\"period\" is missing");
    assert_class_refused("purposes: [], basis: \"6(1)(b)\", retain: {period: P1Y}", "one purpose");
}

#define PLAIN "purposes: [x], retain: {period: P1Y}, "

Test(classes, take_every_legal_basis_and_no_other)
{
    static const char *const wrong[] = {
        "6(1)(g)", "6(1)(`)", "6(1)a",    "6(1)(a",  "6(1)(A)", "6(2)(a)", "5(1)(a)", "",
        "consent", "6(1)(ab", "6(1)(a))", "9(1)(a)", "9(2)(k)", "6(1)",    "6(1)(",   "6(1)(a) "};
    char members[256];

    for (char letter = 'a'; letter <= 'f'; letter++) {
        (void)snprintf(members, sizeof(members), PLAIN "basis: \"6(1)(%c)\", law: \"Art. 1\"",
                       letter);
        assert_class_read(members);
    }
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        (void)snprintf(members, sizeof(members), PLAIN "basis: \"%s\"", wrong[i]);
        assert_class_refused(members, "basis must be \"6(1)(a)\"");
    }
}

Test(classes, that_rest_on_a_law_name_it)
{
    assert_class_refused(PLAIN "basis: \"6(1)(c)\"", "\"law\" is missing");
    assert_class_refused(PLAIN "basis: \"6(1)(e)\"", "\"law\" is missing");
    assert_class_read(PLAIN "basis: \"6(1)(c)\", law: \"AO 147\"");
    assert_class_refused(PLAIN "basis: \"6(1)(c)\", law: \"\"", "1 to 256 bytes");
    assert_class_refused(PLAIN "basis: \"6(1)(c)\", law: \"a\\nb\"", "control character");
}

Test(classes, say_where_interests_were_weighed)
{
    assert_class_read(PLAIN "basis: \"6(1)(f)\", balancing: \"LIA-7\"");
    assert_class_read(PLAIN "basis: \"6(1)(f)\"");
    assert_class_refused(PLAIN "basis: \"6(1)(b)\", balancing: \"LIA-7\"", "is for basis 6(1)(f)");
}

Test(classes, of_special_categories_have_a_ground_beside_the_basis)
{
    char members[256];

    for (char letter = 'a'; letter <= 'j'; letter++) {
        (void)snprintf(members, sizeof(members), PLAIN "basis: \"6(1)(b)\", special: \"9(2)(%c)\"",
                       letter);
        assert_class_read(members);
    }
    assert_class_refused(PLAIN "basis: \"6(1)(b)\", special: \"9(2)(k)\"", "special must be");
    assert_class_refused(PLAIN "basis: \"6(1)(b)\", special: true", "special");
    assert_class_refused(PLAIN "basis: \"9(2)(h)\"", "is written as special: \"9(2)(h)\"");
}

/* E25, E28 */
Test(classes, refuse_equal_tokens_for_special_categories)
{
    assert_class_refused("deterministic: true, " PLAIN "basis: \"6(1)(a)\", special: \"9(2)(a)\"",
                         "special categories (9(2)(a)) cannot be deterministic");
}

Test(classes, keep_what_is_said_of_them)
{
    AUTO(classes_done) struct classes classes = {NULL, 0};
    struct errmsg msg = {""};

    cr_assert_eq(read_classes("classes: {c: {" PLAIN "basis: \"6(1)(e)\", law: \"SGB V\","
                              " special: \"9(2)(h)\", subjects: patients, description: \"what\"}}",
                              &classes, &msg),
                 ERR_OK, "%s", msg.text);
    cr_assert_str_eq(classes.defs[0].law, "SGB V");
    cr_assert_str_eq(classes.defs[0].special, "9(2)(h)");
    cr_assert_str_eq(classes.defs[0].subjects, "patients");
    cr_assert_str_eq(classes.defs[0].description, "what");
    cr_assert_null(classes.defs[0].balancing);
}

Test(classes, that_identify_must_be_deterministic)
{
    assert_class_refused("identifies: true" REST, "identifies needs deterministic");
    assert_class_refused("identifies: true, deterministic: false" REST, "identifies needs");
    assert_class_read("identifies: true, deterministic: true" REST);
    assert_class_refused("deterministic: maybe" REST, "deterministic");
}

Test(classes, have_every_format_with_its_options)
{
    static const char *const right[] = {"format: opaque",
                                        "format: email",
                                        "format: phone",
                                        "format: phone, range: us",
                                        "format: pan",
                                        "format: pan, keep_last: 4",
                                        "format: iban",
                                        "format: uuid",
                                        "format: date",
                                        "format: digits",
                                        "format: digits, reserved: \"97\"",
                                        "format: alnum",
                                        "format: ipv4",
                                        "format: ipv4, range: documentation",
                                        "format: ipv6",
                                        "format: name",
                                        "format: integer",
                                        "format: integer, range: 5000-6000"};

    for (size_t i = 0; i < COUNT_OF(right); i++) {
        char members[256];

        (void)snprintf(members, sizeof(members), "%s" REST, right[i]);
        assert_class_read(members);
    }
}

Test(classes, keep_what_a_format_is_made_of)
{
    AUTO(classes_done) struct classes classes = {NULL, 0};
    struct errmsg msg = {""};

    cr_assert_eq(read_classes("classes: {c: {format: pan, keep_last: 4" REST "},"
                              " d: {format: digits, reserved: \"97\"" REST "}, e: " CLASS "}",
                              &classes, &msg),
                 ERR_OK, "%s", msg.text);
    cr_assert_eq(classes.defs[0].format, TOKEN_PAN);
    cr_assert_eq(classes.defs[0].spec.format, TOKEN_PAN);
    cr_assert_eq(classes.defs[0].spec.keep_last, 4);
    cr_assert_str_eq(classes.defs[1].spec.reserved, "97");
    cr_assert_eq(classes.defs[2].format, TOKEN_OPAQUE);
}

Test(classes, refuse_formats_and_options_that_are_not_there)
{
    assert_class_refused("format: fone" REST, "did you mean \"phone\"");
    assert_class_refused("format: Opaque" REST, "did you mean \"opaque\"");
    assert_class_refused("format: telephone_number" REST, "format must be opaque, email, phone");
    assert_class_refused("format: [opaque]" REST, "format");
    assert_class_refused("format: phone, range: moon" REST, "range");
    assert_class_refused("format: pan, keep_last: 5" REST, "keep_last");
    assert_class_refused("format: pan, keep_last: four" REST, "keep_last");
    assert_class_refused("format: iban, keep_last: 4" REST, "keep_last");
    assert_class_refused("format: uuid, reserved: \"1\"" REST, "reserved");
    assert_class_refused("keep_last: 4" REST, "keep_last");
    assert_class_refused("format: email, range: us" REST, "range");
    assert_class_refused("format: integer, range: 9-1" REST, "range");
    assert_class_refused("format: phone, rang: us" REST, "did you mean \"range\"");
    assert_refused("classes:\n  c:\n    format: pan\n    keep_last: 7\n    purposes: [x]\n"
                   "    basis: \"6(1)(b)\"\n    retain: {period: P1Y}\n",
                   "f.yaml:4:");
}

Test(classes, take_host_names_as_token_domains_and_nothing_else)
{
    static const char *const right[] = {"a", "tok.invalid", "x-1.example", "1.2", "a--b.test"};
    static const char *const wrong[] = {"",      ".",    "a.",    ".a",     "a..b",  "-a.b",
                                        "a-.b",  "a.b-", "A.b",   "a_b",    "a b",   "a@b",
                                        "a.b\n", "a/b",  "[::1]", "\u00e4", "a.b, c"};
    char members[512], domain[300];

    for (size_t i = 0; i < COUNT_OF(right); i++) {
        (void)snprintf(members, sizeof(members), "format: email, token_domain: \"%s\"" REST,
                       right[i]);
        assert_class_read(members);
    }
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        (void)snprintf(members, sizeof(members), "format: email, token_domain: \"%s\"" REST,
                       wrong[i]);
        assert_class_refused(members, "token_domain must be a host name");
    }
    memset(domain, 'd', 64);
    domain[64] = '\0';
    (void)snprintf(members, sizeof(members), "format: email, token_domain: %s" REST, domain);
    assert_class_refused(members, "token_domain must be");
    assert_class_refused("token_domain: tok.invalid" REST, "for format \"email\" only");
}

Test(classes, keep_an_email_token_within_the_length_of_an_address)
{
    char members[512], domain[300];

    for (size_t len = 216; len <= 217; len++) {
        for (size_t i = 0; i < len; i++)
            domain[i] = i % 50 == 49 ? '.' : 'd';
        domain[len] = '\0';
        (void)snprintf(members, sizeof(members), "format: email, token_domain: %s" REST, domain);
        if (TOKEN_EMAIL_LOCAL_LEN + 1 + len <= 254)
            assert_class_read(members);
        else
            assert_class_refused(members, "at most 216");
    }
}

Test(classes, refuse_purposes_that_are_no_names_or_there_twice)
{
    char members[512], list[256];
    int len = 0;

    assert_class_refused("basis: \"6(1)(b)\", retain: {period: P1Y}, purposes: support",
                         "must be a list");
    assert_class_refused("basis: \"6(1)(b)\", retain: {period: P1Y}, purposes: [a, a]", "twice");
    assert_class_refused("basis: \"6(1)(b)\", retain: {period: P1Y}, purposes: [a b]",
                         "a purpose must be");
    assert_class_refused("basis: \"6(1)(b)\", retain: {period: P1Y}, purposes: [1]", "f.yaml:2:");
    for (int i = 0; i < CLASS_PURPOSES_MAX; i++)
        len += snprintf(list + len, sizeof(list) - (size_t)len, "p%d, ", i);
    (void)snprintf(members, sizeof(members),
                   "basis: \"6(1)(b)\", retain: {period: P1Y}, purposes: [%s]", list);
    assert_class_read(members); /* YAML takes the comma at the end */
    (void)snprintf(members, sizeof(members),
                   "basis: \"6(1)(b)\", retain: {period: P1Y}, purposes: [%s one-more]", list);
    assert_class_refused(members, "at most 16");
}

Test(classes, refuse_a_period_that_is_none)
{
    static const char *const wrong[] = {"2 years", "P0D", "P", "-P1D", "P1.5Y", "", "1"};
    char members[256];

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        (void)snprintf(members, sizeof(members),
                       "basis: \"6(1)(b)\", purposes: [x], retain: {period: \"%s\"}", wrong[i]);
        assert_class_refused(members, "ISO 8601");
    }
    assert_class_refused("basis: \"6(1)(b)\", purposes: [x], retain: P1Y", "retain");
}

Test(classes, are_at_most_so_many)
{
    for (int count = CLASSES_MAX; count <= CLASSES_MAX + 1; count++) {
        AUTO(classes_done) struct classes classes = {NULL, 0};
        AUTO(buf_done) struct buf yaml;
        struct errmsg msg = {""};
        char line[128];
        enum err e;

        buf_init(&yaml, 1 << 20);
        cr_assert_eq(buf_append_str(&yaml, "classes:\n"), ERR_OK);
        for (int i = 0; i < count; i++) {
            (void)snprintf(line, sizeof(line), "  c%d: " CLASS "\n", i);
            cr_assert_eq(buf_append_str(&yaml, line), ERR_OK);
        }
        cr_assert_eq(buf_append_byte(&yaml, 0), ERR_OK);
        e = read_classes((const char *)yaml.bytes, &classes, &msg);
        cr_assert_eq(e, count <= CLASSES_MAX ? ERR_OK : ERR_CONFIG, "%s", msg.text);
    }
}

Test(classes, done_twice_is_harmless)
{
    struct classes classes = {NULL, 0};
    struct errmsg msg = {""};

    cr_assert_eq(read_classes("classes: {c: " CLASS "}", &classes, &msg), ERR_OK);
    classes_done(&classes);
    cr_assert_eq(classes.count, 0);
    cr_assert_null(classes.defs);
    classes_done(&classes);
}
