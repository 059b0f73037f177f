/* SPDX-License-Identifier: Apache-2.0 */
/* The nightly check of the trail: what it keeps of a whole one and of one that was changed. */
#include "retention/audit_check.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/secret.h"
#include "tests/support/vault_rig.h"
#include "vault/audit.h"

static void start(void)
{
    secret_start();
    log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
}

TestSuite(audit_check, .init = start, .timeout = 60);

static struct rig r;

static enum err last(struct audit_check_result *ret)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;

    cr_assert_eq(vault_records_open(r.vault, &records), ERR_OK);
    return audit_check_last(records, ret);
}

static void write_some(int count)
{
    const struct audit_record record = {.action = AUDIT_READ,
                                        .outcome = AUDIT_DONE,
                                        .role = AUDIT_OPERATOR,
                                        .who = SPAN_LIT("cli")};

    for (int i = 0; i < count; i++)
        cr_assert_eq(audit_write(vault_audit(r.vault), &record), ERR_OK);
}

/* A byte of the first segment, as somebody who may write the files would. */
static void change_byte(off_t at)
{
    char path[160], byte;
    int fd;

    (void)snprintf(path, sizeof(path), "%s/audit/000001.log", vault_dir(r.vault));
    fd = open(path, O_RDWR | O_CLOEXEC);
    cr_assert_geq(fd, 0, "%s", path);
    cr_assert_eq(pread(fd, &byte, 1, at), 1);
    byte = (char)(byte ^ 1);
    cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
    (void)close(fd);
}

Test(audit_check, nothing_is_known_before_the_first)
{
    struct audit_check_result result;

    rig_init(&r);
    cr_expect_eq(last(&result), ERR_NOT_FOUND);
    rig_done(&r);
}

Test(audit_check, keeps_that_the_trail_is_whole_and_when_that_was_seen)
{
    struct audit_check_result result;

    rig_init(&r);
    write_some(20);
    cr_assert_eq(audit_check_run(r.vault, NULL), ERR_OK);
    cr_assert_eq(last(&result), ERR_OK);
    cr_expect_eq(result.verdict, AUDIT_WHOLE);
    cr_expect_geq(result.records, 20);
    cr_expect_eq(result.findings, 0);
    cr_expect_eq(result.at_ms, clock_now_ms());
    rig_done(&r);
}

Test(audit_check, keeps_that_something_was_altered_and_the_later_check_takes_its_place)
{
    struct audit_check_result result;

    rig_init(&r);
    write_some(20);
    change_byte(900);
    cr_assert_eq(audit_check_run(r.vault, NULL), ERR_OK);
    cr_assert_eq(last(&result), ERR_OK);
    cr_expect_neq(result.verdict, AUDIT_WHOLE);
    cr_expect_gt(result.findings, 0);
    change_byte(900);
    cr_assert_eq(audit_check_run(r.vault, NULL), ERR_OK);
    cr_assert_eq(last(&result), ERR_OK);
    cr_expect_eq(result.verdict, AUDIT_WHOLE);
    rig_done(&r);
}

Test(audit_check, stops_when_it_is_asked_to_and_keeps_nothing)
{
    struct audit_check_result result;
    atomic_bool stop = true;

    rig_init(&r);
    write_some(3);
    cr_expect_eq(audit_check_run(r.vault, &stop), ERR_CANCELED);
    cr_expect_eq(last(&result), ERR_NOT_FOUND);
    rig_done(&r);
}
