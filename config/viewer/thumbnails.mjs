/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * node thumbnails.mjs OUT MODEL...: pictures of models by the viewer in this
 * script's folder, in Chromium (XR_CHROMIUM), which it speaks to by a pipe.
 * OUT gets a line for each MODEL: a data: URL, or nothing where it could not
 * be drawn.
 */

import { spawn } from 'node:child_process';
import { createReadStream, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const [out, ...models] = process.argv.slice(2);
const viewer = dirname(fileURLToPath(import.meta.url));

const WAIT = 120_000;
const SIZE = 240;

const TYPES = {
    '.glb': 'model/gltf-binary', '.js': 'text/javascript', '.wasm': 'application/wasm',
};

/* without a GPU, and without a word to the outside */

const FLAGS = ['--headless=new', '--remote-debugging-pipe', '--no-first-run', '--use-gl=angle',
               '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--disable-quic',
               '--disable-background-networking', '--disable-component-update', '--disable-sync',
               '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'];

const PAGE = `<!DOCTYPE html>
<style>body { margin: 0 } model-viewer { width: ${SIZE}px; height: ${SIZE}px }</style>
<script>
self.ModelViewerElement = {
    dracoDecoderLocation: '/viewer/draco/', ktx2TranscoderLocation: '/viewer/basis/',
    meshoptDecoderLocation: '/viewer/meshopt.js',
};

async function draw(url) {
    const model = document.createElement('model-viewer');

    model.setAttribute('environment-image', 'neutral');
    model.setAttribute('interaction-prompt', 'none');
    model.setAttribute('camera-orbit', '30deg 70deg auto');
    document.body.replaceChildren(model);

    const loaded = new Promise((done, failed) => {
        model.addEventListener('load', done);
        model.addEventListener('error', failed);
    });

    model.src = url;
    await loaded;
    await model.updateComplete;
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));

    return model.toDataURL('image/png');
}
</script>
<script type="module" src="/viewer/model-viewer.min.js"></script>`;


function serve(request, response) {
    const path = new URL(request.url, 'http://127.0.0.1').pathname;
    const model = /^\/model\/(\d+)\.glb$/.exec(path);
    const file = model ? models[model[1]]
        : /^\/viewer\/[\w/.-]+$/.test(path) && !path.includes('..')
            ? join(viewer, path.slice('/viewer/'.length)) : null;

    if (path === '/') {
        response.setHeader('Content-Type', 'text/html');
        response.end(PAGE);
        return;
    }

    if (!file || !statSync(file, { throwIfNoEntry: false })?.isFile()) {
        response.statusCode = 404;
        response.end();
        return;
    }

    response.setHeader('Content-Type', TYPES[model ? '.glb' : extname(file)]
                                       ?? 'application/octet-stream');
    createReadStream(file).pipe(response);
}


/* The protocol of developers' tools: messages with a NUL behind each. */

class Browser {
    constructor(profile) {
        const flags = process.getuid() === 0 ? ['--no-sandbox'] : [];

        this.process = spawn(process.env.XR_CHROMIUM ?? 'chromium',
                             [...FLAGS, ...flags, `--user-data-dir=${profile}`, 'about:blank'],
                             { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
        this.calls = new Map();
        this.id = 0;
        this.text = '';

        this.ended = new Promise((done) => {
            this.process.on('error', done);
            this.process.on('exit', done);
        }).then(() => {
            for (const { failed } of this.calls.values()) {
                failed(new Error('Chromium has ended'));
            }
        });

        this.process.stdio[3].on('error', () => {});
        this.process.stdio[4].setEncoding('utf8');
        this.process.stdio[4].on('data', (text) => this.read(text));
    }

    read(text) {
        const messages = (this.text + text).split('\0');

        this.text = messages.pop();

        for (const { id, result, error } of messages.map((message) => JSON.parse(message))) {
            const call = this.calls.get(id);

            this.calls.delete(id);

            if (error) {
                call?.failed(new Error(error.message));
            } else {
                call?.done(result);
            }
        }
    }

    call(method, params, sessionId) {
        const id = ++this.id;

        return new Promise((done, failed) => {
            const timer = setTimeout(() => failed(new Error(`${method}: no answer`)), WAIT);
            const over = (then) => (value) => { clearTimeout(timer); then(value); };

            this.calls.set(id, { done: over(done), failed: over(failed) });
            this.process.stdio[3].write(JSON.stringify({ id, method, params, sessionId }) + '\0');
        });
    }
}


async function draw(browser, session, url) {
    const answer = await browser.call('Runtime.evaluate', {
        expression: `customElements.whenDefined('model-viewer').then(() => draw('${url}'))`,
        awaitPromise: true, returnByValue: true,
    }, session);
    const value = answer.result?.value;

    return /^data:image\/png;base64,[A-Za-z0-9+/=]+$/.test(value) ? value : '';
}


/* the last line that is said is the reason that "xr variants" gives */

process.on('uncaughtException', (error) => {
    console.error(error.message);
    process.exit(1);
});

const server = createServer(serve);

await new Promise((done) => server.listen(0, '127.0.0.1', done));

const origin = `http://127.0.0.1:${server.address().port}`;
const profile = mkdtempSync(join(tmpdir(), 'xr-chromium-'));
const browser = new Browser(profile);
const pictures = [];

try {
    const { targetId } = await browser.call('Target.createTarget', { url: `${origin}/` });
    const { sessionId } = await browser.call('Target.attachToTarget', { targetId, flatten: true });

    /* the page is there once it says so itself */

    for (let ready = false; !ready; ) {
        const { result } = await browser.call('Runtime.evaluate', {
            expression: 'document.readyState === "complete" && typeof draw === "function"',
            returnByValue: true,
        }, sessionId);

        ready = result.value;
    }

    for (let n = 0; n < models.length; n++) {
        pictures.push(await draw(browser, sessionId, `${origin}/model/${n}.glb`)
            .catch(() => ''));
    }

    writeFileSync(resolve(out), pictures.map((picture) => `${picture}\n`).join(''));
} catch (error) {
    console.error(error.message);
    process.exitCode = 1;
} finally {
    browser.process.kill('SIGKILL');
    await browser.ended;
    server.close();
    server.closeAllConnections();

    /* its other processes end a moment later, and write until then */

    try {
        rmSync(profile, { recursive: true, force: true, maxRetries: 10 });
    } catch (error) {
        console.error(error.message);
    }
}
