/* SPDX-License-Identifier: Apache-2.0 */
/* Two functions of libh2o 2.2.5 that must not be used as they are, and that it offers no way
 * around:
 *
 *   h2o_url_normalize_path  prints a target that it cannot normalise to standard error, all of it
 *   phr_decode_chunked      takes "0x3" for a size of 0, a bare LF for a line's end, and anything
 * for an extension: what it passes another reader reads as two requests
 *
 * The library calls both through its symbol table, so that the definitions in h2o_overrides.c,
 * linked into the program, come first. */
#pragma once

/* Abort unless the library would really call ours. Before the first request. */
void http_overrides_check(void);
