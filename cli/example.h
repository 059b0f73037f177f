/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration that `lethe init` writes. */
#pragma once

/* A file that works as it stands beside root.key, support.key and store/. */
extern const char EXAMPLE_CONFIGURATION[];
