/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"

static struct progress begun(uint64_t first)
{
    return (struct progress){.unit = "rows", .begun = true, .first = first, .start_ms = 1000};
}

static void expect(const struct progress *p, uint64_t done, uint64_t total, int64_t now_ms,
                   const char *text)
{
    char line[PROGRESS_LINE_MAX];

    progress_line(p, done, total, now_ms, line);
    cr_assert_str_eq(line, text);
}

Test(progress_line, is_a_bar_with_counts_rate_and_what_is_left)
{
    const struct progress p = begun(0);

    expect(&p, 0, 1000, 1000, "[....................]   0 %  0 of 1000 rows");
    expect(&p, 250, 1000, 11000, "[#####...............]  25 %  250 of 1000 rows, 25/s, 0:30 left");
    expect(&p, 1000, 1000, 41000,
           "[####################] 100 %  1000 of 1000 rows, 25/s, 0:00 left");
}

Test(progress_line, says_hours_when_there_are_some)
{
    const struct progress p = begun(0);

    expect(&p, 1, 3724, 2000, "[....................]   0 %  1 of 3724 rows, 1/s, 1:02:03 left");
}

Test(progress_line, guesses_nothing_in_the_first_second)
{
    const struct progress p = begun(0);

    expect(&p, 500, 1000, 1999, "[##########..........]  50 %  500 of 1000 rows");
}

Test(progress_line, does_not_count_what_was_done_before)
{
    const struct progress p = begun(900);

    expect(&p, 950, 1000, 11000, "[###################.]  95 %  950 of 1000 rows, 5/s, 0:10 left");
}

Test(progress_line, without_a_total_counts_and_says_for_how_long)
{
    const struct progress p = begun(0);

    expect(&p, 120, 0, 61000, "120 rows, 2/s, 1:00");
    expect(&p, 0, 0, 61000, "0 rows, 1:00");
}

Test(progress_line, does_not_run_over_when_there_was_more_than_thought)
{
    const struct progress p = begun(0);

    expect(&p, 1001, 1000, 1500, "1001 rows, 0:00");
}

Test(progress_line, fits_the_largest_numbers)
{
    const struct progress p = begun(0);
    char line[PROGRESS_LINE_MAX];

    progress_line(&p, UINT64_MAX - 1, UINT64_MAX, INT64_MAX, line);
    cr_assert_lt(strlen(line), PROGRESS_LINE_MAX);
}

/* ---- where it is shown ---- */

Test(progress_show, writes_nothing_where_no_terminal_is, .init = cr_redirect_stderr)
{
    struct progress p;

    progress_start(&p, "rows", false);
    progress_show(&p, 5, 10);
    progress_end(&p);
    (void)fflush(stderr);
    cr_assert_stderr_eq_str("");
}

Test(progress_show, writes_a_line_a_second_when_it_was_asked_for, .init = cr_redirect_stderr)
{
    struct progress p;

    progress_start(&p, "rows", true);
    for (uint64_t i = 0; i < 1000; i++)
        progress_show(&p, i, 1000);
    progress_end(&p);
    (void)fflush(stderr);
    cr_assert_stderr_eq_str("[....................]   0 %  0 of 1000 rows\n");
}

/* Standard error is a terminal from now on; the end from which it is read. */
static int on_terminal(void)
{
    const int master = posix_openpt(O_RDWR | O_NOCTTY);
    int slave;

    REQUIRE(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    REQUIRE(slave >= 0 && dup2(slave, STDERR_FILENO) == STDERR_FILENO);
    return master;
}

Test(progress_show, draws_over_one_line_of_a_terminal_and_takes_it_away, .timeout = 20)
{
    const int saved = dup(STDERR_FILENO);
    const int master = on_terminal();
    struct progress p;
    char got[512] = "";
    size_t n = 0;

    progress_start(&p, "rows", false);
    for (uint64_t i = 0; i < 1000; i++)
        progress_show(&p, i, 1000);
    progress_end(&p);
    while (n < 4 || strcmp(got + n - 4, "\r\033[K") != 0) {
        const ssize_t more = read(master, got + n, sizeof(got) - 1 - n);

        REQUIRE(more > 0);
        n += (size_t)more;
    }
    REQUIRE(dup2(saved, STDERR_FILENO) == STDERR_FILENO);
    cr_assert_eq(got[0], '\r');
    cr_assert_not_null(strstr(got, "0 of 1000 rows\033[K"));
    cr_assert_null(memchr(got, '\n', n));
}
