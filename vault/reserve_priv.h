/* SPDX-License-Identifier: Apache-2.0 */
/* Room on the medium that is kept for what destroys: on a full disk no value is stored any more, but
 * an erasure must still be written down and swept. A file of zeroes, given away when it is needed,
 * and taken again when there is room. Writer thread, but for opening. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

struct reserve;

/* Open or make DIR/reserve. A full disk is no error: then it is not held. IO with a message. */
enum err reserve_open(const char *dir, struct reserve **ret_reserve, struct errmsg *msg) MUST_CHECK;
void reserve_close(struct reserve **reserve);
/* Is it held? When it is not, try to take it again, at most once a second. New values are stored
 * only while it is. Blocks shortly. */
bool reserve_is_held(struct reserve *r);
/* Give it away: true when that made room, so that what failed is worth another try. */
bool reserve_release(struct reserve *r);
