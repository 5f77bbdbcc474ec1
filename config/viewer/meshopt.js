/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * The viewer has the meshopt decoder built in, but uses it only after a script
 * was loaded from "meshoptDecoderLocation".  This is that script.
 */
