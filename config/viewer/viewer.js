/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * The list of models, what the edge says about each of them, and one of them
 * in large.  A model is first fetched by this page, which reads status, headers
 * and timing; the viewer's own request for it is then answered by the
 * browser's cache.
 */

import { explain, inspect } from './inspect.js';


const CACHE_TONE = { HIT: 'good', STALE: 'fair', UPDATING: 'fair',
                     REVALIDATED: 'good', MISS: 'fair', EXPIRED: 'fair' };

const byId = (id) => document.getElementById(id);
const here = (path) => new URL(path, import.meta.url).href;

const stage = byId('model');
const models = [];

let selected;


function size(bytes) {
    const units = ['B', 'KB', 'MB', 'GB'];

    let n = 0;

    while (bytes >= 1000 && n < units.length - 1) {
        bytes /= 1000;
        n++;
    }

    return `${bytes.toFixed(n && bytes < 100 ? 1 : 0)} ${units[n]}`;
}


function moment(time) {
    return time.toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' });
}


function notice(text) {
    byId('notice').textContent = text;
    byId('notice').hidden = false;
    byId('summary').textContent = '';
}


/* what came back, as pairs of a name and a text */

function facts(result) {
    const rows = [];

    const add = (name, text, tone) => text && rows.push([name, text, tone]);

    add('Status', result.status && String(result.status),
        result.ok ? 'good' : 'bad');

    if (result.ok) {
        add('Size', size(result.bytes));
        add('Transfer', result.local
            ? 'from this browser\'s cache'
            : `${size(result.transfer)} in ${Math.round(result.took)} ms`);
        add('Protocol', result.protocol);
        add('Edge cache', result.cache, CACHE_TONE[result.cache]);
        add('Age', result.age && `${result.age} s`);
        add('Type', result.type);
        add('ETag', result.etag);
    }

    add('Link valid until', result.expires && moment(result.expires),
        result.expires < new Date() && 'bad');

    return rows;
}


function showFacts(result) {
    byId('facts').replaceChildren(...facts(result).flatMap((row) => {
        const name = document.createElement('dt');
        const text = document.createElement('dd');

        name.textContent = row[0];
        text.textContent = row[1];

        if (row[2]) {
            text.dataset.tone = row[2];
        }

        return [name, text];
    }));
}


function showFailure(words) {
    byId('failure').textContent = words;
    byId('failure').hidden = !words;
}


function showCard(model) {
    const { card, result, words } = model;
    const badge = card.querySelector('.badge');

    card.dataset.state = words ? 'error' : 'ready';
    card.querySelector('.words').textContent = words;
    card.querySelector('.size').textContent = result.ok ? size(result.bytes) : '';

    badge.textContent = words
        ? result.ok ? 'unreadable' : String(result.status ?? 'failed')
        : result.local ? 'local' : result.cache ?? '';
    badge.dataset.tone = words ? 'bad' : CACHE_TONE[result.cache] ?? '';
}


function showSelected() {
    const { result, words } = selected;

    byId('name').textContent = selected.name;
    byId('source').textContent = selected.source ?? '';

    /* the model before stays in view until this one is known to be good */

    if (!result) {
        byId('facts').replaceChildren();
        showFailure('');
        return;
    }

    showFacts(result);
    showFailure(words);

    if (!words && stage.getAttribute('src') !== selected.url) {
        stage.setAttribute('alt', selected.name);
        stage.setAttribute('src', selected.url);
    }
}


function select(model) {
    selected = model;

    for (const other of models) {
        other.card.setAttribute('aria-pressed', String(other === model));
    }

    history.replaceState(null, '', `#${encodeURIComponent(model.name)}`);
    showSelected();
}


function summary() {
    const known = models.filter((model) => model.result);
    const good = known.filter((model) => !model.words);
    const bytes = good.reduce((sum, model) => sum + model.result.bytes, 0);
    const failed = known.length - good.length;

    byId('summary').textContent = known.length < models.length
        ? `${known.length} of ${models.length} models`
        : `${good.length} models, ${size(bytes)}`
            + (failed ? `, ${failed} failed` : '');
}


/* asks the edge for a model; "reload" passes by the browser's cache */

async function check(model, mode) {
    model.card.dataset.state = 'loading';

    const result = await inspect(model.url, mode, (done) => {
        model.card.style.setProperty('--done', done);
    });

    model.result = result;
    model.words = explain(result);

    showCard(model);
    summary();

    if (!model.words) {
        model.card.querySelector('model-viewer').setAttribute('src', model.url);
    }

    if (model === selected) {
        showSelected();
    }
}


/* the bytes came, and are no model */

function unreadable(model) {
    model.words = 'The bytes came, but this viewer cannot read them as a model.';

    showCard(model);

    if (model === selected) {
        showFailure(model.words);
    }
}


function addCard(model) {
    const item = byId('card').content.cloneNode(true);

    model.card = item.querySelector('.card');
    model.card.querySelector('.title').textContent = model.name;
    model.card.addEventListener('click', () => select(model));
    model.card.querySelector('model-viewer')
        .addEventListener('error', () => unreadable(model));

    byId('cards').append(item);
}


async function list() {
    const response = await fetch('models.json', { cache: 'no-cache' });

    if (response.status === 404) {
        return [];
    }

    if (!response.ok) {
        throw new Error(`status ${response.status}`);
    }

    return response.json();
}


function controls() {
    byId('again').addEventListener('click', () => check(selected, 'reload'));

    byId('copy').addEventListener('click', async () => {
        try {
            await navigator.clipboard.writeText(selected.url);
            byId('copy').textContent = 'Copied';

        } catch {
            /* no clipboard outside of https and localhost */
            window.prompt('The link', selected.url);
        }
    });

    stage.addEventListener('error', () => unreadable(selected));
}


async function start() {
    let entries;

    /* read by the viewer when it starts: nothing is taken from a public host */

    self.ModelViewerElement = {
        dracoDecoderLocation: here('draco/'),
        ktx2TranscoderLocation: here('basis/'),
        meshoptDecoderLocation: here('meshopt.js'),
    };

    if (!document.createElement('canvas').getContext('webgl2')) {
        notice('This browser has no WebGL 2, which the viewer draws with.');
        return;
    }

    try {
        entries = await list();

    } catch (error) {
        notice(`The list of models cannot be read: ${error.message}.`);
        return;
    }

    if (entries.length === 0) {
        notice('No models are published yet. "make run" publishes some and '
               + 'lists them here.');
        return;
    }

    await import('./model-viewer.min.js');

    for (const { name, url, source } of entries) {
        const model = { name, source, url: new URL(url, location.href).href };

        addCard(model);
        models.push(model);
    }

    byId('view').hidden = false;
    controls();

    const wanted = decodeURIComponent(location.hash.slice(1));
    select(models.find((model) => model.name === wanted) ?? models[0]);

    /* the selected one first: it is what one looks at */

    await check(selected);
    await Promise.all(models.filter((model) => model !== selected)
                          .map((model) => check(model)));
}


start();
