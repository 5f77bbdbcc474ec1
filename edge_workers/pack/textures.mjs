// Copyright (c) the ngx_xr authors.
// SPDX-License-Identifier: BSD-2-Clause

// The textures of one model: "xr pack" runs this in its sandbox, in a folder
// with the images and "job.json", and reads what it wrote there.
//
//   job      [{file, alpha, srgb, normal, outs: [{file, kind, width, height, quality, uastc}]}]
//   kind     "webp", "ktx2", or "core": JPEG, or PNG where pixels are transparent
//
// Exit status: 0 done, 3 an image cannot be decoded, anything else: failed.

import { readFile, writeFile } from "node:fs/promises";
import process from "node:process";

import sharp from "sharp";

const EDGE_MAX = 8192;
const DAMAGED = 3;

// the same bytes from the same image, whatever else the machine does
sharp.concurrency(1);
sharp.cache(false);


async function decode(image) {
    let pixels = sharp(await readFile(image.file), { limitInputPixels: EDGE_MAX ** 2, failOn: "error" })
        .toColourspace("srgb");

    // here, and not with the scaling: that would multiply colours by alpha
    pixels = image.alpha ? pixels.ensureAlpha() : pixels.removeAlpha();

    const { data, info } = await pixels.raw().toBuffer({ resolveWithObject: true }).catch((error) => {
        console.error(`an image cannot be decoded: ${error.message}`);
        process.exit(DAMAGED);
    });

    return { data, raw: { width: info.width, height: info.height, channels: info.channels } };
}


function opaque({ data, raw }) {
    if (raw.channels === 4) {
        for (let i = 3; i < data.length; i += 4) {
            if (data[i] !== 255) {
                return false;
            }
        }
    }

    return true;
}


function scaled({ data, raw }, out) {
    const pixels = sharp(data, { raw });

    return raw.width === out.width && raw.height === out.height
        ? pixels : pixels.resize(out.width, out.height, { fit: "fill", kernel: "lanczos3" });
}


async function ktx2(pixels, image, out) {
    const { data, info } = await pixels.ensureAlpha().raw().toBuffer({ resolveWithObject: true });

    // here, and not above: it takes seconds to load, and some presets do without
    const { encodeToKTX2 } = await import("ktx2-encoder");

    return encodeToKTX2(new Uint8Array(0), {
        imageDecoder: async () => ({ width: info.width, height: info.height, data }),
        isUASTC: out.uastc,
        needSupercompression: out.uastc,
        uastcLDRQualityLevel: 1,
        qualityLevel: out.quality,
        compressionLevel: 2,
        generateMipmap: true,
        isNormalMap: image.normal,
        isPerceptual: image.srgb,
        isSetKTX2SRGBTransferFunc: image.srgb,
    });
}


function encode(pixels, image, out, transparent) {
    if (out.kind === "ktx2") {
        return ktx2(pixels, image, out);
    }

    if (!transparent) {
        pixels = pixels.removeAlpha();
    }

    // the vectors of normal maps suffer where colours share pixels
    if (out.kind === "webp") {
        return pixels.webp({ quality: out.quality, effort: 4, smartSubsample: image.normal }).toBuffer();
    }

    if (transparent) {
        return pixels.png({ compressionLevel: 9 }).toBuffer();
    }

    return pixels.jpeg({ quality: out.quality, mozjpeg: true,
                         chromaSubsampling: image.normal ? "4:4:4" : "4:2:0" }).toBuffer();
}


for (const image of JSON.parse(await readFile("job.json", "utf8"))) {
    const source = await decode(image);
    const transparent = image.alpha && !opaque(source);

    for (const out of image.outs) {
        await writeFile(out.file, await encode(scaled(source, out), image, out, transparent));
    }
}
