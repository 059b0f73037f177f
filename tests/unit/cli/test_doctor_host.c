/* SPDX-License-Identifier: Apache-2.0 */
/* What a system test cannot plant: the machine. */
#include <sys/socket.h>
#include <sys/timex.h>
#include <unistd.h>

#include "tests/support/scratch.h"
#include "tests/unit/cli/doctor_rig.h"

TestSuite(doctor_host, .timeout = 20);

static const struct rlimit PLENTY = {1 << 30, 1 << 30}, NONE = {0, 0};

static void swaps(struct doctor *d, const char *text)
{
    struct scratch s = scratch_new();

    scratch_write(scratch_path(&s, "swaps"), 0, text, strlen(text));
    doctor_init(d);
    doctor_swap(d, scratch_path(&s, "swaps"));
    scratch_remove(&s);
}

Test(doctor_host, tells_whether_swap_is_on)
{
    struct doctor d;

    swaps(&d, "Filename\tType\tSize\tUsed\tPriority\n");
    expect_found(&d, 1, DOCTOR_OK, "swap", "is off");
    swaps(&d, "Filename\tType\tSize\tUsed\tPriority\n/dev/sda2 partition 1 0 -2\n");
    expect_found(&d, 1, DOCTOR_WARNING, "swap", "is on");
    doctor_swap(&d, "/nonexistent/swaps");
    expect_found(&d, 1, DOCTOR_OK, "swap", "not known");
}

Test(doctor_host, tells_whether_time_is_kept)
{
    struct doctor d;

    doctor_init(&d);
    doctor_time_sync(&d, TIME_OK);
    expect_found(&d, 1, DOCTOR_OK, "time", "kept right");
    doctor_time_sync(&d, TIME_INS);
    expect_found(&d, 1, DOCTOR_OK, "time", "kept right");
    doctor_time_sync(&d, TIME_ERROR);
    expect_found(&d, 1, DOCTOR_WARNING, "time", "not kept right");
    doctor_time_sync(&d, -1);
    expect_found(&d, 1, DOCTOR_OK, "time", "not known");
}

Test(doctor_host, tells_how_much_room_there_is)
{
    struct doctor d;

    doctor_init(&d);
    doctor_room(&d, UINT64_C(1) << 30, true);
    expect_found(&d, 1, DOCTOR_OK, "disk", "1024 MiB");
    doctor_room(&d, (UINT64_C(1) << 30) - 1, true);
    expect_found(&d, 1, DOCTOR_WARNING, "disk", "1023 MiB");
    doctor_room(&d, (UINT64_C(64) << 20) - 1, true);
    expect_found(&d, 1, DOCTOR_PROBLEM, "disk", "63 MiB");
    doctor_room(&d, UINT64_C(1) << 40, false);
    expect_found(&d, 1, DOCTOR_PROBLEM, "disk", "reserve");
}

Test(doctor_host, tells_what_a_process_may_do)
{
    struct doctor_process p = {true, 1000, NONE, PLENTY, PLENTY, DOCTOR_FILTER_UNKNOWN};
    struct doctor d;

    doctor_init(&d);
    doctor_process(&d, &p, 0);
    expect_found(&d, 3, DOCTOR_OK, "locked memory", "enough");
    p.memlock.rlim_cur = 65536;
    doctor_process(&d, &p, 0);
    expect_found(&d, 3, DOCTOR_WARNING, "locked memory", "65536 bytes (the server)");
    p.uid = 0;
    doctor_process(&d, &p, 0);
    expect_found(&d, 3, DOCTOR_WARNING, "locked memory", "65536 bytes (the server)");
    p.is_server = false; /* root, who locks all the same */
    doctor_process(&d, &p, 0);
    expect_found(&d, 3, DOCTOR_OK, "locked memory", "enough");
}

Test(doctor_host, tells_whether_system_calls_are_held)
{
    struct doctor_process p = {true, 1000, NONE, PLENTY, PLENTY, DOCTOR_FILTER_NONE};
    struct doctor d;

    doctor_init(&d);
    doctor_process(&d, &p, 0);
    expect_found(&d, 4, DOCTOR_WARNING, "system calls", "any may be made");
    p.filter = DOCTOR_FILTER_THERE;
    doctor_process(&d, &p, 0);
    expect_found(&d, 4, DOCTOR_OK, "system calls", "held by a filter");
}

Test(doctor_host, tells_of_core_files_that_could_be_written)
{
    struct doctor_process p = {true, 1000, {0, 4096}, PLENTY, PLENTY, DOCTOR_FILTER_UNKNOWN};
    struct doctor d;

    doctor_init(&d);
    doctor_process(&d, &p, 0);
    cr_assert_eq(d.worst, DOCTOR_PROBLEM);
    cr_assert_str_eq(d.first->next->check, "core files");
    doctor_done(&d);
}

Test(doctor_host, holds_open_files_against_what_may_be_needed)
{
    struct doctor_process p = {false, 1000, NONE, PLENTY, {1024, 4096}, DOCTOR_FILTER_UNKNOWN};
    struct doctor d;

    doctor_init(&d);
    doctor_process(&d, &p, 4096);
    expect_found(&d, 4, DOCTOR_OK, "open files", "4096");
    doctor_process(&d, &p, 4097);
    expect_found(&d, 4, DOCTOR_WARNING, "open files", "at most 4096 (this process");
}

Test(doctor_host, reads_the_process_at_the_other_end)
{
    struct doctor_process p;
    int fds[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    cr_assert_eq(doctor_process_read(fds[0], &p), ERR_OK);
    cr_assert(p.is_server && p.uid == geteuid() && p.files.rlim_max > 0);
    cr_assert_eq(doctor_process_read(-1, &p), ERR_OK);
    cr_assert(!p.is_server && p.uid == geteuid());
    (void)close(fds[1]);
    (void)close(fds[0]);
    cr_assert_eq(doctor_process_read(fds[0], &p), ERR_IO);
}
