/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/waiting.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"

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

static void read_up_to(int master, const char *text)
{
    char got[4096] = "";
    size_t n = 0;

    while (strstr(got, text) == NULL) {
        const ssize_t more = read(master, got + n, sizeof(got) - 1 - n);

        REQUIRE(more > 0);
        n += (size_t)more;
        got[n] = '\0';
    }
}

Test(waiting, shows_what_others_do_and_takes_it_away, .timeout = 30)
{
    const int saved = dup(STDERR_FILENO);
    const int master = on_terminal();
    struct waiting w;

    effort_set(EFFORT_EXAMINE, 5, 10);
    waiting_begin(&w, EFFORT_EXAMINE, "keys tried", false, NULL);
    read_up_to(master, "5 of 10 keys tried");
    effort_set(EFFORT_EXAMINE, 9, 10);
    read_up_to(master, "9 of 10 keys tried");
    waiting_end(&w);
    read_up_to(master, "\r\033[K");
    waiting_end(&w); /* a second time */
    REQUIRE(dup2(saved, STDERR_FILENO) == STDERR_FILENO);
}

Test(waiting, shows_nothing_where_no_terminal_is, .init = cr_redirect_stderr, .timeout = 30)
{
    struct waiting w;

    effort_set(EFFORT_EXAMINE, 5, 10);
    waiting_begin(&w, EFFORT_EXAMINE, "keys tried", false, NULL);
    cr_assert_not(w.started);
    waiting_end(&w);
    (void)fflush(stderr);
    cr_assert_stderr_eq_str("");
}
