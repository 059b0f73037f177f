/* SPDX-License-Identifier: Apache-2.0 */
/* W3C Trace Context: what is valid (examples of the standard), and what is not. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "proxy/trace.h"

TestSuite(trace, .init = secret_start, .timeout = 30);

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN  "00f067aa0ba902b7"

Test(trace, takes_what_the_standard_shows)
{
    static const char *const good[] = {
        "00-" TRACE "-" SPAN "-01",
        "00-" TRACE "-" SPAN "-00",
        "00-" TRACE "-" SPAN "-ff",
        "01-" TRACE "-" SPAN "-01",
        "cc-" TRACE "-" SPAN "-01-what-the-future-will-be-like",
    };

    for (size_t i = 0; i < COUNT_OF(good); i++)
        cr_expect(trace_parent_is_valid(span_str(good[i])), "%s", good[i]);
    cr_expect(span_equal(trace_id_of(span_str(good[0])), SPAN_LIT(TRACE)));
}

Test(trace, takes_nothing_else)
{
    static const char *const bad[] = {
        "",
        "00",
        "00-" TRACE "-" SPAN,
        "00-" TRACE "-" SPAN "-1",
        "00-" TRACE "-" SPAN "-01-",
        "00-" TRACE "-" SPAN "-01-more",
        "01-" TRACE "-" SPAN "-01more",
        "ff-" TRACE "-" SPAN "-01",
        "0-" TRACE "-" SPAN "-01 ",
        "00-00000000000000000000000000000000-" SPAN "-01",
        "00-" TRACE "-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01",
        "00_" TRACE "-" SPAN "-01",
        "00-" TRACE "_" SPAN "-01",
        "00-" TRACE "-" SPAN "_01",
        "00-" TRACE "-" SPAN "-0g",
        "0g-" TRACE "-" SPAN "-01",
    };

    for (size_t i = 0; i < COUNT_OF(bad); i++)
        cr_expect_not(trace_parent_is_valid(span_str(bad[i])), "%s", bad[i]);
}

Test(trace, reads_no_byte_behind_its_end)
{
    char text[] = "00-" TRACE "-" SPAN "-01";

    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        char *exact = mem_alloc(len + 1);

        memcpy(exact, text, len);
        cr_expect_not(trace_parent_is_valid(span_of(exact, len)));
        free(exact);
    }
}

Test(trace, knows_states)
{
    char many[256] = "", longer[600];
    static const char *const good[] = {"",         "a=1",
                                       "a=1,b=2",  " a=1 ,\tb@c=2",
                                       "a=1,,b=2", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
                                       "a=b c"};
    static const char *const bad[] = {"a",     "=1",     "a=",         "A=1",
                                      "a=1=2", "a=\x01", "a=\xc3\xa9", "a b=1"};

    for (size_t i = 0; i < COUNT_OF(good); i++)
        cr_expect(trace_state_is_valid(span_str(good[i])), "%s", good[i]);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        cr_expect_not(trace_state_is_valid(span_str(bad[i])), "%s", bad[i]);
    for (size_t i = 0; i <= TRACE_STATE_MEMBERS_MAX; i++)
        memcpy(many + 4 * i, "a=1,", 4);
    cr_expect(trace_state_is_valid(span_of(many, 4 * (size_t)TRACE_STATE_MEMBERS_MAX)));
    cr_expect_not(trace_state_is_valid(span_str(many)), "one member too many");
    memset(longer, 'x', sizeof(longer));
    memcpy(longer, "a=", 2);
    cr_expect(trace_state_is_valid(span_of(longer, TRACE_STATE_MAX)));
    cr_expect_not(trace_state_is_valid(span_of(longer, TRACE_STATE_MAX + 1)));
}

Test(trace, writes_what_it_takes)
{
    char made[TRACE_PARENT_LEN];

    trace_parent_write(made, SPAN_LIT(TRACE), SPAN_LIT(SPAN));
    cr_expect(span_equal(span_of(made, sizeof(made)), SPAN_LIT("00-" TRACE "-" SPAN "-00")));
    cr_expect(trace_parent_is_valid(span_of(made, sizeof(made))));
}
