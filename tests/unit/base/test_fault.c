/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fault.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/secret.h"

TestSuite(fault, .init = secret_start);

/* The signal that ended a child which passed points "one" and "two" in turn, `times` times; 0 when
 * it lived. ret_passed: how many points it came past. */
static int pass_points(int times, int *ret_passed)
{
    int ends[2], status;
    char byte;
    pid_t child;

    *ret_passed = 0;
    cr_assert_eq(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        for (int i = 0; i < times; i++) {
            FAULT_POINT("one");
            (void)!write(ends[1], "1", 1);
            FAULT_POINT("two");
            (void)!write(ends[1], "2", 1);
        }
        _exit(0);
    }
    (void)close(ends[1]);
    while (read(ends[0], &byte, 1) == 1)
        (*ret_passed)++;
    (void)close(ends[0]);
    cr_assert_eq(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

Test(fault, point_does_nothing_unless_asked)
{
    int passed;

    fault_test_set(NULL, NULL);
    cr_assert_eq(pass_points(3, &passed), 0);
    cr_assert_eq(passed, 6);
}

Test(fault, point_kills_the_process_there)
{
    int passed;

    fault_test_set("two", NULL);
    cr_assert_eq(pass_points(3, &passed), SIGKILL);
    cr_assert_eq(passed, 1);
}

Test(fault, point_kills_at_the_time_asked_for)
{
    int passed;

    fault_test_set("two:3", NULL);
    cr_assert_eq(pass_points(3, &passed), SIGKILL);
    cr_assert_eq(passed, 5);
    fault_test_set("two:4", NULL);
    cr_assert_eq(pass_points(3, &passed), 0);
}

Test(fault, fails_every_time_where_it_is_told_to)
{
    fault_test_set("commit.fail!io", NULL);
    cr_assert(FAULT_FAILS("commit.fail"));
    cr_assert(FAULT_FAILS("commit.fail"));
    cr_assert_not(FAULT_FAILS("commit"), "a prefix is another point");
    cr_assert_not(FAULT_FAILS("commit.fail.more"));
    fault_test_set("commit.fail", NULL);
    cr_assert_not(FAULT_FAILS("commit.fail"), "that is a point to be killed at");
}

Test(fault, fails_once_at_the_time_asked_for)
{
    fault_test_set("commit.fail!3", NULL);
    for (int i = 1; i <= 5; i++) {
        cr_assert_eq(fault_test_reached(), i > 3);
        cr_assert_eq(FAULT_FAILS("commit.fail"), i == 3);
        cr_assert_not(FAULT_FAILS("another"));
    }
}

Test(fault, mutant_lies_only_by_its_name)
{
    fault_test_set(NULL, "ack_early");
    cr_assert(FAULT_MUTANT("ack_early"));
    cr_assert_not(FAULT_MUTANT("ack"));
    fault_test_set(NULL, NULL);
    cr_assert_not(FAULT_MUTANT("ack_early"));
}

Test(fault, is_read_from_the_environment)
{
    int passed;

    cr_assert_eq(setenv("LETHE_FAULT", "two:2", 1), 0);
    cr_assert_eq(setenv("LETHE_MUTANT", "ack_early", 1), 0);
    cr_assert_eq(pass_points(3, &passed), SIGKILL);
    cr_assert_eq(passed, 3);
    cr_assert(FAULT_MUTANT("ack_early"));
}
