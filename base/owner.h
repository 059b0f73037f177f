/* SPDX-License-Identifier: Apache-2.0 */
/* Whose files may hold secrets of this process. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* This process will become that user: files of that user are ours already. Before any thread is started. */
void owner_expect(uid_t uid);
/* Root, the user this process runs as, or the one that it will become. */
bool owner_is_ours(uid_t uid);
