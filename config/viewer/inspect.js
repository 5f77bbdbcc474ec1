/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* one fetch of a signed URL: what came, how, and what that means in words */


/* the time until which the link holds, as its EdgeAuth token says */

export function expires(url) {
    const { pathname, searchParams } = new URL(url);
    const path = /^\/~([\w-]+)\//.exec(pathname);
    const texts = [...searchParams.values()];

    if (path) {
        try {
            texts.push(atob(path[1].replaceAll('-', '+').replaceAll('_', '/')));
        } catch {
            /* not base64: the edge will say so */
        }
    }

    for (const text of texts) {
        const field = /(?:^|~)exp=(\d+)/.exec(text);

        if (field) {
            return new Date(field[1] * 1000);
        }
    }

    return null;
}


/* counts the bytes without keeping them: a model may be larger than memory */

async function drain(response, progress) {
    const total = Number(response.headers.get('X-File-Size')
                         ?? response.headers.get('Content-Length'));
    const reader = response.body.getReader();

    let bytes = 0;

    for (;;) {
        const { done, value } = await reader.read();

        if (done) {
            return bytes;
        }

        bytes += value.length;
        progress(total ? Math.min(bytes / total, 1) : 0);
    }
}


/* absent for a moment after the end of the body, in some browsers for good */

async function timing(url, since) {
    for (let n = 0; n < 10; n++) {
        const entry = performance.getEntriesByName(url)
            .findLast((e) => e.startTime >= since && e.responseEnd);

        if (entry) {
            return entry;
        }

        await new Promise((resolve) => setTimeout(resolve, 10));
    }

    return null;
}


/*
 * "mode" is a cache mode of fetch().  The result always has "ok" and
 * "expires"; "status" when there was an answer, the rest when it was good.
 */

export async function inspect(url, mode, progress) {
    const since = performance.now();
    const result = { ok: false, expires: expires(url) };

    try {
        const response = await fetch(url, { cache: mode ?? 'default' });
        const header = (name) => response.headers.get(name);

        result.status = response.status;

        if (!response.ok) {
            await response.arrayBuffer();
            return result;
        }

        result.bytes = await drain(response, progress);
        result.took = performance.now() - since;
        result.type = header('Content-Type');
        result.etag = header('ETag');
        result.age = header('Age');
        result.cache = header('X-Cache');

    } catch {
        return result;
    }

    const entry = await timing(url, since);

    /* another origin may keep its timing to itself, and then shows zeros */

    const told = entry?.encodedBodySize > 0;

    result.ok = true;
    result.local = told && entry.transferSize === 0;
    result.transfer = told ? entry.transferSize : result.bytes;
    result.took = told ? entry.duration : result.took;
    result.protocol = told ? entry.nextHopProtocol : '';

    return result;
}


/* why there is no model, or '' when there is one */

export function explain(result) {
    const { ok, status, expires: end } = result;

    if (ok) {
        return '';
    }

    if (status === undefined) {
        return 'No answer: the edge cannot be reached, or does not let this '
               + 'page read from it.';
    }

    if (status < 300) {
        return 'The transfer broke off before its end.';
    }

    switch (status) {
    case 401:
    case 403:
        return end && end < new Date()
            ? `This link expired on ${end.toLocaleString()}. Ask for a new one.`
            : `The edge refused this link (${status}): it was not signed for `
              + 'this model, this address or this time.';

    case 404:
        return 'There is no such model (404): it was removed, or never '
               + 'published.';

    case 429:
        return 'Too many requests (429). Wait a little, then fetch again.';

    default:
        return status < 500
            ? `The edge did not accept the request (${status}).`
            : `The edge cannot deliver this model now (${status}). Its origin `
              + 'may be down.';
    }
}
