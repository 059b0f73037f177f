/* SPDX-License-Identifier: Apache-2.0 */
/* What a server may ask of the kernel from the moment it serves: `seccomp` of the configuration. */
#pragma once

#include "base/conf.h"
#include "base/err.h"

/* OFF: anything. LOG: anything, but what is not allowed is written to the kernel's log. ON: what is not allowed fails
 * or, when only an intruder would ask for it, ends the process. */
enum sandbox_mode { SANDBOX_ON, SANDBOX_LOG, SANDBOX_OFF };

/* `on`, `log` or `off` (YAML reads two of them as truth values); SANDBOX_ON when it is not there. CONFIG with a message. */
enum err sandbox_read(struct conf_node node, enum sandbox_mode *ret_mode, struct errmsg *msg)
    MUST_CHECK;

/* For all threads of the process, those to come too; there is no way back. IO with a message when the kernel cannot. */
enum err sandbox_enter(enum sandbox_mode mode, struct errmsg *msg) MUST_CHECK;
