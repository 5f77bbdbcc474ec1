// Copyright (c) the ngx_xr authors.
// SPDX-License-Identifier: BSD-2-Clause
//
// ktx2.mjs make NPM FILE WIDTH HEIGHT etc1s|uastc 2d|array|cube SLICES alpha|opaque
//     a texture with all its levels, by the Basis encoder
// ktx2.mjs hash TRANSCODER FILE...
//     for each: "WIDTHxHEIGHT LAYER FACE HASH" of every image, by three.js's
//     Basis transcoder, which reads the file itself

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const KIND = { "2d": 0, array: 1, cube: 2 };
const RGBA32 = 13;


// Noise over a gradient: every level and slice has other bytes.

function picture(width, height, seed, alpha) {
    const data = new Uint8Array(width * height * 4);
    let state = seed * 7919 + 1;

    for (let y = 0, at = 0; y < height; y++) {
        for (let x = 0; x < width; x++, at += 4) {
            state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
            const noise = (x >> 3 ^ y >> 3) & 1 ? state >>> 27 : 0;

            data[at] = (x * 255 / width + noise) & 255;
            data[at + 1] = (y * 255 / height + seed * 40) & 255;
            data[at + 2] = (Math.sin(x * y / 9000) * 100 + 128 + noise) & 255;
            data[at + 3] = alpha ? (x + y) & 255 : 255;
        }
    }

    return data;
}


async function make([npm, file, width, height, codec, kind, slices, alpha]) {
    const basis = `${npm}/node_modules/ktx2-encoder/dist/basis/basis_encoder.js`;
    const { default: BASIS } = await import(pathToFileURL(basis));
    const module = await BASIS({ wasmBinary: readFileSync(basis.replace(/js$/, "wasm")) });

    module.initializeBasis();

    const encoder = new module.BasisEncoder();
    const size = [Number(width), Number(height)];

    encoder.setCreateKTX2File(true);
    encoder.setUASTC(codec === "uastc");
    encoder.setKTX2UASTCSupercompression(codec === "uastc");
    encoder.setMipGen(true);
    encoder.setTexType(KIND[kind]);
    encoder.setQualityLevel(64);
    encoder.setPackUASTCFlags(0);
    (encoder.setETC1SCompressionLevel ?? encoder.setCompressionLevel).call(encoder, 0);

    for (let i = 0; i < Number(slices); i++) {
        encoder.setSliceSourceImage(i, picture(...size, i, alpha === "alpha"), ...size, 0);
    }

    const out = new Uint8Array(size[0] * size[1] * 6 * Number(slices) + 65536);
    const length = encoder.encode(out);

    if (length === 0) {
        throw new Error("the encoder has failed");
    }

    writeFileSync(file, out.subarray(0, length));
}


async function hash([transcoder, ...files]) {
    const require = createRequire(import.meta.url);
    const BASIS = require(transcoder);
    const module = await BASIS({ wasmBinary: readFileSync(transcoder.replace(/js$/, "wasm")) });

    module.initializeBasis();

    for (const file of files) {
        const texture = new module.KTX2File(new Uint8Array(readFileSync(file)));

        if (!texture.isValid() || !texture.startTranscoding()) {
            throw new Error(`${file} cannot be read`);
        }

        console.log(`${texture.getWidth()}x${texture.getHeight()} levels ${texture.getLevels()}`);

        for (let level = 0; level < texture.getLevels(); level++) {
            for (let layer = 0; layer < Math.max(texture.getLayers(), 1); layer++) {
                for (let face = 0; face < texture.getFaces(); face++) {
                    const info = texture.getImageLevelInfo(level, layer, face);
                    const size = texture.getImageTranscodedSizeInBytes(level, layer, face, RGBA32);
                    const pixels = new Uint8Array(size);

                    if (!texture.transcodeImage(pixels, level, layer, face, RGBA32, 0, -1, -1)) {
                        throw new Error(`${file}: level ${level} cannot be read`);
                    }

                    const sum = createHash("sha256").update(pixels).digest("hex");
                    console.log(`${info.origWidth}x${info.origHeight} ${layer} ${face} ${sum}`);
                }
            }
        }
    }
}


await { make, hash }[process.argv[2]](process.argv.slice(3));
