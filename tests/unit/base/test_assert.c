/* SPDX-License-Identifier: Apache-2.0 */
#include "base/assert.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/secret.h"

TestSuite(require, .init = secret_start);

Test(require, does_nothing_when_it_holds)
{
    int evaluated = 0;

    REQUIRE(++evaluated == 1);
    cr_assert_eq(evaluated, 1);
}

Test(require, aborts_with_place_and_expression_and_no_value)
{
    int ends[2], status;
    char said[256];
    ssize_t n;
    pid_t child;

    cr_assert_eq(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        const char *secret = "hunter2";

        (void)dup2(ends[1], STDERR_FILENO);
        REQUIRE(secret == NULL);
        _exit(0);
    }
    (void)close(ends[1]);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    n = read(ends[0], said, sizeof(said) - 1);
    cr_assert_gt(n, 0);
    said[n] = '\0';
    cr_assert_not_null(strstr(said, "test_assert.c:"), "%s", said);
    cr_assert_not_null(strstr(said, "secret == NULL"), "%s", said);
    cr_assert_null(strstr(said, "hunter2"));
}
