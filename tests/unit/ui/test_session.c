/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: how long they live, what ends them, and that nobody finds another's. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "ui/session.h"

TestSuite(session, .init = secret_start, .timeout = 30);

static const int64_t NOW = 1000000, MINUTE = 60000;

static bool lives(struct sessions *s, const char *id, int64_t now_ms)
{
    struct session found;

    return session_find(s, span_str(id), now_ms, &found) == ERR_OK;
}

/* E64 */
Test(session, is_found_by_its_id_only)
{
    AUTO(sessions_free) struct sessions *s = sessions_new();
    struct session one, two, found;
    char id[SESSION_ID_TEXT + 1];

    session_begin(s, 7, 70 + 7, WORDS_DE, NOW, &one);
    session_begin(s, 8, 70 + 8, WORDS_EN, NOW, &two);
    cr_expect_str_neq(one.id, two.id);
    cr_assert_eq(session_find(s, span_str(one.id), NOW, &found), ERR_OK);
    cr_expect(found.token == 7 && found.factor == 77 && found.lang == WORDS_DE);
    cr_expect_str_eq(found.form_key, one.form_key);
    (void)snprintf(id, sizeof(id), "%s", one.id);
    id[5] = id[5] == '0' ? '1' : '0';
    cr_expect_not(lives(s, id, NOW));
    cr_expect_not(lives(s, "", NOW));
    cr_expect_not(lives(s, one.form_key, NOW));
    (void)snprintf(id, sizeof(id), "%s0", one.id);
    cr_expect_not(lives(s, id, NOW));
}

/* E64 */
Test(session, ends_when_nobody_uses_it)
{
    AUTO(sessions_free) struct sessions *s = sessions_new();
    struct session one;

    session_begin(s, 7, 70 + 7, WORDS_EN, NOW, &one);
    cr_expect(lives(s, one.id, NOW + 14 * MINUTE));
    cr_expect(lives(s, one.id, NOW + 28 * MINUTE));
    cr_expect_not(lives(s, one.id, NOW + 43 * MINUTE));
    cr_expect_not(lives(s, one.id, NOW + 43 * MINUTE), "and does not come back");
}

Test(session, ends_after_a_working_day_however_much_it_is_used)
{
    AUTO(sessions_free) struct sessions *s = sessions_new();
    struct session one, found;
    int64_t now = NOW;

    session_begin(s, 7, 70 + 7, WORDS_EN, NOW, &one);
    for (; now < NOW + 8 * 60 * MINUTE; now += 10 * MINUTE)
        cr_expect(lives(s, one.id, now));
    now = NOW + 8 * 60 * MINUTE - 1000;
    cr_assert_eq(session_find(s, span_str(one.id), now, &found), ERR_OK);
    cr_expect_eq(found.ends_s, 1);
    cr_expect_not(lives(s, one.id, now + 1000));
}

/* E64 */
Test(session, has_another_id_after_a_step_up)
{
    AUTO(sessions_free) struct sessions *s = sessions_new();
    struct session one, before;

    session_begin(s, 7, 70 + 7, WORDS_EN, NOW, &one);
    before = one;
    session_renew(s, &one);
    cr_expect_str_neq(one.id, before.id);
    cr_expect_str_neq(one.form_key, before.form_key);
    cr_expect(lives(s, one.id, NOW));
    cr_expect_not(lives(s, before.id, NOW));
}

/* E64 */
Test(session, sign_out_ends_one_or_all_of_a_token)
{
    AUTO(sessions_free) struct sessions *s = sessions_new();
    struct session one, two, other;

    session_begin(s, 7, 70 + 7, WORDS_EN, NOW, &one);
    session_begin(s, 7, 70 + 7, WORDS_EN, NOW, &two);
    session_begin(s, 8, 70 + 8, WORDS_EN, NOW, &other);
    session_end(s, &one);
    cr_expect(!lives(s, one.id, NOW) && lives(s, two.id, NOW));
    session_begin(s, 7, 70 + 7, WORDS_EN, NOW, &one);
    session_end_all(s, 7);
    cr_expect(!lives(s, one.id, NOW) && !lives(s, two.id, NOW) && lives(s, other.id, NOW));
}

Test(session, one_token_cannot_push_the_others_out)
{
    AUTO(sessions_free) struct sessions *s = sessions_new();
    struct session other, first, last;

    session_begin(s, 8, 70 + 8, WORDS_EN, NOW, &other);
    session_begin(s, 7, 70 + 7, WORDS_EN, NOW, &first);
    for (int i = 0; i < 2 * SESSIONS_MAX; i++)
        session_begin(s, 7, 70 + 7, WORDS_EN, NOW + 1 + i, &last);
    cr_expect(lives(s, other.id, NOW + MINUTE) && lives(s, last.id, NOW + MINUTE));
    cr_expect_not(lives(s, first.id, NOW + MINUTE));
}

Test(session, remembers_language_and_words_to_show_once)
{
    AUTO(sessions_free) struct sessions *s = sessions_new();
    struct session one, found;

    session_begin(s, 7, 70 + 7, WORDS_EN, NOW, &one);
    session_set_lang(s, &one, WORDS_DE);
    session_set_flash(s, &one, "done");
    cr_assert_eq(session_find(s, span_str(one.id), NOW, &found), ERR_OK);
    cr_expect_eq(found.lang, WORDS_DE);
    cr_expect_str_eq(found.flash, "done");
}

/* E66 */
Test(session, only_its_own_forms_count)
{
    AUTO(sessions_free) struct sessions *s = sessions_new();
    struct session one, two;

    session_begin(s, 7, 70 + 7, WORDS_EN, NOW, &one);
    session_begin(s, 7, 70 + 7, WORDS_EN, NOW, &two);
    cr_expect(session_owns_form(&one, span_str(one.form_key)));
    cr_expect_not(session_owns_form(&one, span_str(two.form_key)));
    cr_expect_not(session_owns_form(&one, span_str(one.id)));
    cr_expect_not(session_owns_form(&one, SPAN_NONE));
    cr_expect_not(session_owns_form(&one, SPAN_LIT("")));
}
