/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/socket.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/secret.h"
#include "tests/support/scratch.h"

TestSuite(socket, .init = secret_start, .timeout = 20);

Test(socket, is_open_to_its_owner_only_from_the_first_moment)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    struct errmsg msg;
    struct stat st;
    int fd = -1;

    (void)umask(0);
    cr_assert_eq(socket_listen(s.dir, &fd, &msg), ERR_OK);
    cr_assert_eq(stat(scratch_path(&s, SOCKET_NAME), &st), 0);
    cr_assert(S_ISSOCK(st.st_mode));
    cr_assert_eq(st.st_mode & 07777, 0600);
    (void)close(fd);
}

Test(socket, connects_to_who_listens)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    struct errmsg msg;
    int listener = -1, client = -1;
    uid_t uid = 12345;

    cr_assert_eq(socket_listen(s.dir, &listener, &msg), ERR_OK);
    cr_assert_eq(socket_connect(s.dir, &client, &msg), ERR_OK);
    cr_assert_eq(socket_peer(client, &uid), ERR_OK);
    cr_assert_eq(uid, geteuid());
    (void)close(client);
    (void)close(listener);
}

Test(socket, without_a_server_is_not_found)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    struct errmsg msg;
    int fd = -1;

    cr_assert_eq(socket_connect(s.dir, &fd, &msg), ERR_NOT_FOUND, "no file");
    cr_assert_eq(socket_connect(scratch_path(&s, "nowhere"), &fd, &msg), ERR_NOT_FOUND,
                 "no folder");
    cr_assert_eq(socket_listen(s.dir, &fd, &msg), ERR_OK);
    (void)close(fd);
    fd = -1;
    cr_assert_eq(socket_connect(s.dir, &fd, &msg), ERR_NOT_FOUND, "a dead server's file");
    cr_assert_eq(fd, -1);
}

Test(socket, takes_the_place_of_a_dead_servers_file)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    struct errmsg msg;
    int first = -1, second = -1, client = -1;

    cr_assert_eq(socket_listen(s.dir, &first, &msg), ERR_OK);
    (void)close(first);
    cr_assert_eq(socket_listen(s.dir, &second, &msg), ERR_OK);
    cr_assert_eq(socket_connect(s.dir, &client, &msg), ERR_OK);
    (void)close(client);
    (void)close(second);
}

Test(socket, removes_nothing_that_is_no_socket)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    struct errmsg msg;
    char content[4];
    int fd = -1;

    scratch_write(scratch_path(&s, SOCKET_NAME), 0, "text", 4);
    cr_assert_eq(socket_listen(s.dir, &fd, &msg), ERR_CONFLICT);
    cr_assert_eq(scratch_read(scratch_path(&s, SOCKET_NAME), 0, content, 4), 4);
}

Test(socket, works_below_a_path_longer_than_an_address_holds)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    static const char part[] = "/a-folder-with-a-name-of-fifty-characters-in-its-path";
    char dir[512];
    struct errmsg msg;
    int listener = -1, client = -1;

    (void)snprintf(dir, sizeof(dir), "%s", s.dir);
    for (int i = 0; i < 4; i++) {
        (void)strncat(dir, part, sizeof(dir) - strlen(dir) - 1);
        cr_assert_eq(mkdir(dir, 0700), 0);
    }
    cr_assert_eq(socket_listen(dir, &listener, &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(socket_connect(dir, &client, &msg), ERR_OK, "%s", msg.text);
    (void)close(client);
    (void)close(listener);
    socket_remove(dir);
    cr_assert_eq(socket_connect(dir, &client, &msg), ERR_NOT_FOUND);
}

Test(socket, lets_root_and_its_own_user_speak_and_nobody_else)
{
    cr_assert(socket_is_allowed(0, 0));
    cr_assert(socket_is_allowed(0, 1000));
    cr_assert(socket_is_allowed(1000, 1000));
    cr_assert_not(socket_is_allowed(1000, 1001));
    cr_assert_not(socket_is_allowed(1000, 0));
    cr_assert_not(socket_is_allowed((uid_t)-1, 1000));
}
