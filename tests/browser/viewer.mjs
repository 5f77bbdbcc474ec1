/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * node viewer.mjs CASE: one case in Chromium against a running stack, which the
 * environment names: XR_HTTP, XR_HTTPS, XR_TENANT, XR_KEY, XR_SAMPLE_URL,
 * XR_SAMPLE_FILE; XR_BUILD is the build folder.  Exits with 0 when it holds.
 */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';

const env = process.env;
const build = resolve(env.XR_BUILD);
const require = createRequire(join(build, 'npm/tests/'));
const { chromium } = require('playwright-core');
const EdgeAuth = require('akamai-edgeauth');

const WAIT = 90_000;

/* each pixel is drawn by the processor: large only where the picture is kept */

const LARGE = { width: 1360, height: 900 };
const SMALL = { width: 960, height: 600 };

/* without a GPU, and without a word to the outside */

const FLAGS = ['--headless=new', '--no-sandbox', '--no-first-run', '--use-gl=angle',
               '--use-angle=swiftshader', '--enable-unsafe-swiftshader',
               '--disable-background-networking', '--disable-component-update',
               '--disable-sync'];

/* what a software renderer makes the viewer and Chromium remark upon */

const REMARKS = [/rAF timed out in updateSource/, /GPU stall due to ReadPixels/,
                 /software WebGL/];

const WANTED_HEADERS = {
    'content-type': /^model\/gltf-binary$/,
    'access-control-allow-origin': /^\*$/,
    'access-control-expose-headers': /Content-Length.*ETag/i,
    'cross-origin-resource-policy': /^cross-origin$/,
    'timing-allow-origin': /^\*$/,
    'x-content-type-options': /^nosniff$/,
    'accept-ranges': /^bytes$/,
    'etag': /^"[^"]+"$/,
};


function sha256(bytes) {
    return createHash('sha256').update(bytes).digest('hex');
}


/* a signed URL in the path form, without scheme and host */

function sign(path, { key = env.XR_KEY, from = -60, to = 3600 } = {}) {
    const now = Math.floor(Date.now() / 1000);
    const token = new EdgeAuth({ key, startTime: now + from, endTime: now + to })
        .generateACLToken(`/${env.XR_TENANT}/*`);

    return `/~${Buffer.from(token).toString('base64url')}${path}`;
}


/* path of the sample, without what signs it */

function samplePath() {
    return new URL(env.XR_SAMPLE_URL).pathname.replace(/^\/~[^/]+/, '');
}


/* an open page and all that it did; "origins" may be asked, no other */

class Visit {
    static async start(origins, viewport, flags = ['--disable-quic']) {
        const visit = new Visit();

        visit.profile = mkdtempSync(join(tmpdir(), 'xr-chromium-'));
        visit.context = await chromium.launchPersistentContext(visit.profile, {
            executablePath: env.XR_CHROMIUM ?? '/usr/bin/chromium',
            args: [...FLAGS, ...flags],
            viewport,
        });
        visit.page = visit.context.pages()[0] ?? await visit.context.newPage();
        visit.page.setDefaultTimeout(WAIT);
        visit.messages = [];
        visit.errors = [];
        visit.failures = [];
        visit.foreign = [];
        visit.responses = [];
        visit.listen(visit.page, origins);

        /* the event of the viewer does not bubble, but is seen on its way down */

        await visit.page.addInitScript(() => {
            self.loads = [];
            document.addEventListener('load', (event) => {
                if (event.target.id === 'model') {
                    self.loads.push(event.detail.url);
                }
            }, true);
        });

        return visit;
    }

    listen(page, origins) {
        page.on('pageerror', (error) => this.errors.push(error.stack));
        page.on('response', (response) => this.responses.push(response));
        page.on('requestfailed', (request) => this.failures.push(request.url()));

        page.on('console', (message) => {
            const text = message.text();

            if (['error', 'warning'].includes(message.type())
                && !REMARKS.some((remark) => remark.test(text)))
            {
                this.messages.push(text);
            }
        });

        page.on('request', (request) => {
            const { origin, protocol } = new URL(request.url());

            if (/^https?:/.test(protocol) && !origins.includes(origin)) {
                this.foreign.push(request.url());
            }
        });
    }

    /* the list of models is the stack's, or the one given */

    async open(origin, models) {
        if (models) {
            await this.page.route('**/viewer/models.json', (route) => {
                route.fulfill({ json: models });
            });
        }

        await this.page.goto(`${origin}/viewer/`);
    }

    async settled() {
        await this.page.waitForFunction(() => {
            const cards = [...document.querySelectorAll('.card')];

            return cards.length > 0 && cards.every((card) =>
                ['ready', 'error'].includes(card.dataset.state));
        });
    }

    async rendered() {
        await this.page.waitForFunction(() => {
            const model = document.querySelector('#model');

            return model.loaded && self.loads.includes(model.src);
        });
    }

    /* the next pages are another device's, which has nothing in its cache */

    async agent(userAgent) {
        const session = await this.context.newCDPSession(this.page);

        await session.send('Network.setCacheDisabled', { cacheDisabled: true });
        await session.send('Network.setUserAgentOverride', { userAgent });
    }

    select(name) {
        return this.page.locator('.card', { hasText: name }).click();
    }

    facts() {
        return this.page.evaluate(() => Object.fromEntries(
            [...document.querySelectorAll('#facts dt')].map((name) =>
                [name.textContent, name.nextElementSibling.textContent])));
    }

    /*
     * What the model adds to the picture: the part of the stage that differs
     * from the empty stage, and the number of colours in that part.
     */

    async drawn() {
        const stage = this.page.locator('#stage');
        const shot = async () => (await stage.screenshot()).toString('base64');
        const show = (value) => this.page.locator('#model')
            .evaluate((model, style) => { model.style.visibility = style; }, value);

        const full = await shot();
        await show('hidden');
        const empty = await shot();
        await show('');

        return this.page.evaluate(async (shots) => {
            const [a, b] = await Promise.all(shots.map(async (base64) => {
                const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
                const bitmap = await createImageBitmap(new Blob([bytes]));
                const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
                const context = canvas.getContext('2d');

                context.drawImage(bitmap, 0, 0);

                const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
                return new Uint32Array(data.buffer);
            }));
            const colours = new Set(a.filter((pixel, n) => pixel !== b[n]));
            const differ = a.reduce((sum, pixel, n) => sum + (pixel !== b[n]), 0);

            return { part: differ / a.length, colours: colours.size };
        }, [full, empty]);
    }

    async assertDrawn() {
        const { part, colours } = await this.drawn();

        assert.ok(part > 0.02, `the model covers ${part} of the stage`);
        assert.ok(colours > 50, `the model has ${colours} colours`);
    }

    models() {
        return this.responses.filter((response) =>
            new URL(response.url()).pathname.endsWith('.glb'));
    }

    assertQuiet() {
        assert.deepEqual(this.errors, [], 'uncaught errors');
        assert.deepEqual(this.messages, [], 'console messages');
        assert.deepEqual(this.failures, [], 'failed requests');
        assert.deepEqual(this.foreign, [], 'requests to other hosts');

        for (const response of this.responses) {
            assert.ok([200, 304].includes(response.status()),
                      `${response.status()} ${response.url()}`);
        }
    }

    async end() {
        await this.context.close();
        rmSync(this.profile, { recursive: true, force: true });
    }
}


async function assertHeaders(responses) {
    assert.ok(responses.length > 0, 'no model was asked for');

    for (const response of responses) {
        const headers = await response.allHeaders();

        assert.equal(response.status(), 200, response.url());

        for (const [name, wanted] of Object.entries(WANTED_HEADERS)) {
            assert.match(headers[name] ?? '', wanted, `${name} of ${response.url()}`);
        }

        for (const name of Object.keys(headers)) {
            assert.doesNotMatch(name, /^x-amz-/, response.url());
        }
    }
}


/* the hash that stands for the self-signed certificate of the stack */

function certificate(origin) {
    const { hostname, port } = new URL(origin);

    return new Promise((done, failed) => {
        const socket = connect({ host: hostname, port, rejectUnauthorized: false }, () => {
            const key = socket.getPeerX509Certificate().publicKey
                .export({ type: 'spki', format: 'der' });

            socket.destroy();
            done(createHash('sha256').update(key).digest('base64'));
        });

        socket.on('error', failed);
    });
}


/* fetched by the page itself, as a loader would */

function fetchIn(page, url) {
    return page.evaluate(async (address) => {
        const response = await fetch(address, { cache: 'no-store' });
        const body = await response.arrayBuffer();
        const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', body));

        await new Promise((resolve) => setTimeout(resolve, 100));

        return {
            status: response.status,
            sha256: [...hash].map((n) => n.toString(16).padStart(2, '0')).join(''),
            protocol: performance.getEntriesByName(address).at(-1)?.nextHopProtocol,
        };
    }, url);
}


const cases = {

    /* the page of the stack, as a person opens it */

    async renders(visit) {
        await visit.open(env.XR_HTTP);
        await visit.settled();
        await visit.rendered();
        await visit.assertDrawn();

        const listed = await (await visit.context.request
            .get(`${env.XR_HTTP}/viewer/models.json`)).json();

        assert.ok(listed.length > 1, 'several models are listed');
        assert.equal(await visit.page.locator('.card[data-state="ready"]').count(),
                     listed.length);

        await assertHeaders(visit.models());

        /* not the browser's cache, then: the edge's */

        await visit.page.locator('#again').click();
        await visit.settled();
        assert.equal((await visit.facts())['Edge cache'], 'HIT');

        mkdirSync(join(build, 'screenshots'), { recursive: true });
        await visit.page.screenshot({ path: join(build, 'screenshots/viewer.png') });

        /* another model takes the place of the first */

        await visit.select(listed[1].name);
        await visit.rendered();
        await visit.assertDrawn();

        visit.assertQuiet();
    },

    /* the page from one origin, the models from another, as in a shop */

    async 'cross-origin'(visit) {
        const other = env.XR_HTTP.replace('127.0.0.1', 'localhost');

        assert.notEqual(other, env.XR_HTTP);

        await visit.open(env.XR_HTTP, [
            { name: 'Path', url: other + sign(samplePath()) },
            { name: 'Query', url: other + new URL(env.XR_SAMPLE_URL).pathname
                                        + new URL(env.XR_SAMPLE_URL).search },
        ]);
        await visit.settled();
        await visit.rendered();
        await visit.assertDrawn();
        await assertHeaders(visit.models());

        for (const response of visit.models()) {
            assert.equal(new URL(response.url()).origin, other);
        }

        /* what a script may read of an answer from elsewhere */

        const facts = await visit.facts();

        assert.match(facts.ETag, /^"/);
        assert.equal(facts.Protocol, 'http/1.1');

        const length = await visit.page.evaluate(async (url) =>
            (await fetch(url)).headers.get('Content-Length'), other + sign(samplePath()));

        assert.equal(Number(length), readFileSync(env.XR_SAMPLE_FILE).length);

        visit.assertQuiet();
    },

    /* one URL, three devices: three models, each of which can be seen */

    async variants(visit) {
        const wanted = JSON.parse(env.XR_VARIANTS);
        const seen = new Set();

        for (const { agent, sha256: hash, id } of wanted) {
            await visit.agent(agent);
            visit.responses.length = 0;

            await visit.open(env.XR_HTTP, [
                { name: 'Variants', url: sign(`/${env.XR_TENANT}/${env.XR_OBJECT}`) },
            ]);
            await visit.settled();
            await visit.rendered();
            await visit.assertDrawn();
            await assertHeaders(visit.models());

            for (const response of visit.models()) {
                const variant = (await response.allHeaders())['xr-variant'];

                assert.match(variant, new RegExp(`^${id};reason=fit;class=`), agent);
                seen.add(sha256(await response.body()));
                assert.ok(seen.has(hash), `${id} has other bytes`);
            }
        }

        assert.equal(seen.size, wanted.length);
        visit.assertQuiet();
    },

    /* links that give no model say why, and the others work on */

    async errors(visit) {
        await visit.open(env.XR_HTTP, [
            { name: 'Expired', url: sign(samplePath(), { from: -7200, to: -3600 }) },
            { name: 'Forged', url: sign(samplePath(), { key: 'ab'.repeat(32) }) },
            { name: 'Absent', url: sign(`/${env.XR_TENANT}/no/such.glb`) },
            { name: 'Text', url: '/viewer/viewer.css' },
            { name: 'Good', url: sign(samplePath()) },
        ]);
        await visit.settled();

        const words = (name) => visit.page.locator('.card', { hasText: name })
            .locator('.words').textContent();

        assert.match(await visit.page.locator('#failure').textContent(),
                     /^This link expired on .+ Ask for a new one\.$/);
        assert.match(await words('Forged'), /^The edge refused this link \(403\)/);
        assert.match(await words('Absent'), /^There is no such model \(404\)/);

        await visit.select('Text');
        await visit.page.locator('#failure', { hasText: 'cannot read them' }).waitFor();

        await visit.select('Good');
        await visit.rendered();
        await visit.assertDrawn();
        assert.ok(await visit.page.locator('#failure').isHidden());

        const statuses = new Set(visit.models().map((response) => response.status()));

        assert.deepEqual([...statuses].sort(), [200, 403, 404]);
        assert.deepEqual(visit.errors, []);
        assert.deepEqual(visit.foreign, []);
    },

    /* compressed models need decoders, which lie beside the page */

    async decoders(visit) {
        const folder = join(dirname(fileURLToPath(import.meta.url)), 'models');
        const names = ['draco-ktx2', 'meshopt'];

        await visit.page.route('**/compressed/*', (route) => {
            const name = new URL(route.request().url()).pathname.split('/').at(-1);

            route.fulfill({ path: join(folder, name), contentType: 'model/gltf-binary' });
        });

        await visit.open(env.XR_HTTP, names.map((name) =>
            ({ name, url: `/compressed/${name}.glb` })));
        await visit.settled();

        for (const name of names) {
            await visit.select(name);
            await visit.rendered();
            await visit.assertDrawn();
        }

        for (const wanted of ['/draco/draco_decoder.wasm', '/basis/basis_transcoder.wasm']) {
            assert.ok(visit.responses.some((r) => r.url().endsWith(`/viewer${wanted}`)), wanted);
        }

        visit.assertQuiet();
    },

    /* page and models over QUIC, byte for byte */

    async http3(visit) {
        await visit.open(env.XR_HTTPS);
        await visit.settled();
        await visit.rendered();
        await visit.assertDrawn();

        assert.equal((await visit.facts()).Protocol, 'h3');

        const got = await fetchIn(visit.page, env.XR_HTTPS + sign(samplePath()));

        assert.deepEqual(got, { status: 200, protocol: 'h3',
                                sha256: sha256(readFileSync(env.XR_SAMPLE_FILE)) });

        visit.assertQuiet();
    },
};


async function main(name) {
    const origins = [env.XR_HTTP, env.XR_HTTPS];

    let flags;

    if (name === 'cross-origin') {
        origins.push(env.XR_HTTP.replace('127.0.0.1', 'localhost'));
    }

    if (name === 'http3') {
        flags = [`--origin-to-force-quic-on=${new URL(env.XR_HTTPS).host}`,
                 `--ignore-certificate-errors-spki-list=${await certificate(env.XR_HTTPS)}`];
    }

    const visit = await Visit.start(origins, name === 'renders' ? LARGE : SMALL, flags);

    try {
        await cases[name](visit);

    } catch (error) {
        mkdirSync(join(build, 'screenshots'), { recursive: true });
        await visit.page.screenshot({ path: join(build, `screenshots/failed-${name}.png`) })
            .catch(() => {});
        console.error('console:', visit.messages, 'errors:', visit.errors);
        throw error;

    } finally {
        await visit.end();
    }
}


await main(process.argv[2]);
