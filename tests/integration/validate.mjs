// Copyright (c) the ngx_xr authors.
// SPDX-License-Identifier: BSD-2-Clause

// validate.mjs NPM FILE...   what Khronos' glTF validator says of files, as JSON

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";

const [npm, ...files] = process.argv.slice(2);
const { validateBytes } = createRequire(path.resolve(npm) + "/")("gltf-validator");
const found = {};

for (const file of files) {
    const { issues } = await validateBytes(new Uint8Array(await readFile(file)), { maxIssues: 1000 });
    const of = (severity) => issues.messages.filter((issue) => issue.severity === severity)
        .map((issue) => `${issue.code} ${issue.pointer}`);

    found[path.basename(file)] = { errors: of(0), warnings: of(1) };
}

console.log(JSON.stringify(found));
