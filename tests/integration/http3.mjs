/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * node http3.mjs ORIGIN CERT PROFILE: Chromium as a client of HTTP/3.  A line
 * of standard input is a JSON list of requests, which are under way together;
 * a line of standard output is the list of their responses.
 */

import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const WAIT = 60_000;

const [origin, cert, profile] = process.argv.slice(2);
const require = createRequire(join(resolve(process.env.XR_BUILD), 'npm/tests/'));
const { chromium } = require('playwright-core');

const spki = new X509Certificate(readFileSync(cert)).publicKey
    .export({ type: 'spki', format: 'der' });


/* in the page: what fetch() says of each; "take" is how much is read of it */

function ask(wanted) {

    async function protocol(url) {
        for (;;) {
            const entry = performance.getEntriesByName(url).at(-1);

            if (entry) {
                return entry.nextHopProtocol;
            }

            await new Promise((done) => setTimeout(done, 5));
        }
    }

    async function some(response, take) {
        const reader = response.body.getReader();
        const pieces = [];
        let length = 0;

        while (length < take) {
            const { done, value } = await reader.read();

            if (done) {
                break;
            }

            pieces.push(value);
            length += value.length;
        }

        return new Blob(pieces);
    }

    async function base64(blob) {
        const reader = new FileReader();

        await new Promise((done) => {
            reader.onload = done;
            reader.readAsDataURL(blob);
        });

        return reader.result.split(',')[1] ?? '';
    }

    async function one({ path, method, headers, take }) {
        const stop = new AbortController();
        const url = new URL(path, location).href;

        try {
            const response = await fetch(url, { method, headers, cache: 'no-store',
                                                signal: stop.signal });
            const body = take ? await some(response, take) : await response.blob();

            if (take) {
                stop.abort();
            }

            return {
                status: response.status,
                headers: [...response.headers],
                body: await base64(body),
                protocol: take ? null : await protocol(url),
            };

        } catch (error) {
            return { error: String(error) };
        }
    }

    performance.clearResourceTimings();
    performance.setResourceTimingBufferSize(10000);

    return Promise.all(wanted.map(one));
}


const browser = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.XR_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless=new', '--no-sandbox', '--no-first-run', '--disable-gpu',
           '--disable-background-networking', '--disable-component-update', '--disable-sync',
           `--origin-to-force-quic-on=${new URL(origin).host}`,
           '--ignore-certificate-errors-spki-list='
           + createHash('sha256').update(spki).digest('base64')],
});

try {
    const page = browser.pages()[0] ?? await browser.newPage();

    await page.goto(`${origin}/page`, { timeout: WAIT });
    process.stdout.write('ready\n');

    for await (const line of createInterface({ input: process.stdin })) {
        const late = setTimeout(() => process.exit(1), WAIT);

        process.stdout.write(`${JSON.stringify(await page.evaluate(ask, JSON.parse(line)))}\n`);
        clearTimeout(late);
    }

} finally {
    await browser.close();
}
