/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/privilege.h"

#include <criterion/criterion.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/owner.h"
#include "base/secret.h"
#include "tests/support/scratch.h"

TestSuite(privilege, .init = secret_start, .timeout = 60);

enum { OTHER = 65534 }; /* nobody's, on every Debian */

static struct identity other(void)
{
    return (struct identity){.given = true, .name = "nobody", .uid = OTHER, .gid = OTHER};
}

/* Run `body` in a process of its own: what it changes cannot be taken back. Its answer. */
static bool alone(bool (*body)(struct scratch *s), struct scratch *s)
{
    int status = 0;
    pid_t child = fork();

    REQUIRE(child >= 0);
    if (child == 0)
        _exit(body(s) ? 0 : 1);
    REQUIRE(waitpid(child, &status, 0) == child);
    return status == 0;
}

static enum err read_user(const char *text, struct identity *ret, struct errmsg *msg)
{
    AUTO(conf_free) struct conf *conf = NULL;

    REQUIRE(conf_parse("c", span_str(text), &conf, msg) == ERR_OK);
    return identity_read(conf_get(conf_root(conf), "user"), ret, msg);
}

Test(privilege, users_are_found_by_name)
{
    struct identity who = {.given = false};
    struct errmsg msg;

    cr_assert_eq(read_user("x: y\n", &who, &msg), ERR_OK);
    cr_assert(!who.given);
    cr_assert_eq(read_user("user: nobody\n", &who, &msg), ERR_OK);
    cr_assert(who.given && who.uid == OTHER);
    cr_assert_str_eq(who.name, "nobody");
    cr_assert_eq(read_user("user: nobody-of-that-name\n", &who, &msg), ERR_CONFIG);
    cr_assert_str_eq(msg.text, "c:1:7: this host has no user of that name");
    cr_assert_eq(read_user("user: a-name-that-is-longer-than-any-user-can-have\n", &who, &msg),
                 ERR_CONFIG);
    cr_assert_eq(read_user("user: 65534\n", &who, &msg), ERR_CONFIG);
}

static bool only_the_expected_are_trusted(struct scratch *s UNUSED)
{
    bool before = owner_is_ours(OTHER);

    owner_expect(OTHER);
    return !before && owner_is_ours(OTHER) && owner_is_ours(0) && owner_is_ours(geteuid()) &&
           !owner_is_ours(OTHER - 1);
}

Test(privilege, files_of_the_user_to_come_are_trusted)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();

    cr_assert(alone(only_the_expected_are_trusted, &s));
}

/* ---- as root ---- */

static bool drops_all(struct scratch *s)
{
    const struct identity who = other();
    const bool may_raise = prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE, 0, 0, 0) == 1;
    struct rlimit locked;
    struct errmsg msg;
    gid_t groups[4];

    REQUIRE(privilege_give(&who, s->dir, &msg) == ERR_OK);
    if (privilege_drop(&who, s->dir, &msg) != ERR_OK)
        return false;
    for (unsigned long c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
        if (prctl(PR_CAPBSET_READ, c, 0, 0, 0) != 0)
            return false;
    REQUIRE(getrlimit(RLIMIT_MEMLOCK, &locked) == 0);
    return getuid() == OTHER && geteuid() == OTHER && getgid() == OTHER &&
           getgroups(4, groups) == 1 && groups[0] == OTHER && setuid(0) != 0 && setgid(0) != 0 &&
           prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 &&
           (!may_raise || locked.rlim_cur == RLIM_INFINITY);
}

static bool is_root_without_powers(struct scratch *s)
{
    const struct identity who = {.given = false};
    struct errmsg msg;

    return privilege_drop(&who, s->dir, &msg) == ERR_OK && geteuid() == 0 &&
           chown(s->dir, OTHER, OTHER) != 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

static bool refuses_owner(struct scratch *s)
{
    const struct identity nobody_in_particular = {.given = false};
    const struct identity who = other();
    struct errmsg msg;
    const char *file = scratch_path(s, "file");

    if (privilege_become(&who, s->dir, &msg) != ERR_DENIED || strstr(msg.text, "chown -R") == NULL)
        return false;
    REQUIRE(privilege_give(&who, s->dir, &msg) == ERR_OK);
    if (privilege_become(&nobody_in_particular, s->dir, &msg) != ERR_DENIED)
        return false;
    scratch_write(file, 0, "x", 1); /* root's, in a folder of the other's */
    return privilege_drop(&who, s->dir, &msg) == ERR_DENIED && strstr(msg.text, file) != NULL &&
           geteuid() == 0;
}

static bool must_be_the_named(struct scratch *s)
{
    const struct identity who = other(), same = {.given = true, .name = "x", .uid = OTHER - 1};
    struct errmsg msg;

    REQUIRE(setresuid(OTHER - 1, OTHER - 1, OTHER - 1) == 0);
    return privilege_drop(&who, s->dir, &msg) == ERR_CONFIG &&
           strstr(msg.text, "`user` is nobody") != NULL &&
           privilege_drop(&same, s->dir, &msg) == ERR_OK;
}

Test(privilege, root_becomes_the_user_and_keeps_nothing)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();

    if (geteuid() != 0)
        return;
    cr_assert(alone(drops_all, &s));
}

Test(privilege, root_that_stays_root_has_no_powers)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();

    if (geteuid() == 0)
        cr_assert(alone(is_root_without_powers, &s));
}

Test(privilege, a_store_of_another_is_refused)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();

    if (geteuid() == 0)
        cr_assert(alone(refuses_owner, &s));
}

Test(privilege, another_user_than_the_named_is_refused)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();

    if (geteuid() == 0)
        cr_assert(alone(must_be_the_named, &s));
}

Test(privilege, a_store_that_is_not_there_is_not_its_business)
{
    const struct identity who = {.given = false};
    struct errmsg msg;

    cr_assert_eq(privilege_become(&who, "/nonexistent/store", &msg), ERR_OK);
}
