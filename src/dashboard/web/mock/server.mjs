// A stand-in for the server while the page is made. Never shipped.
//   VITRAIL_MOCK_DATA  folder that holds */*.csv with a column `file` (needed)
//   VITRAIL_MOCK       skin,cxr,tiles: collections to load     VITRAIL_MOCK_LIMIT  rows of each
//   VITRAIL_MOCK_COPIES  how often each row is repeated        VITRAIL_MOCK_KEY    a key to ask for
//   PORT               6399

import { createReadStream, existsSync, readFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { collection, describe, load, record, uuid } from './data.mjs';
import { facets, passes, similar } from './search.mjs';

const env = process.env;
const dist = fileURLToPath(new URL('../../dist/', import.meta.url));
const POLICY =
  "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; " +
  "form-action 'none'; frame-ancestors 'none'";
const KINDS = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript',
  css: 'text/css',
  svg: 'image/svg+xml',
  woff2: 'font/woff2',
};

const all = new Map();
for (const name of (env.VITRAIL_MOCK ?? 'skin,cxr,tiles').split(',').filter(Boolean)) {
  const csv = path.join(env.VITRAIL_MOCK_DATA ?? '.', name, `${name}.csv`);
  all.set(
    name,
    load(name, csv, Number(env.VITRAIL_MOCK_LIMIT ?? 1e9), Number(env.VITRAIL_MOCK_COPIES ?? 1)),
  );
}
const job = {
  id: uuid('job'),
  kind: 'ingest',
  collection: [...all.keys()][0] ?? 'skin',
  state: 'done',
  created_at: '2026-01-05T09:12:00Z',
  done: 1387,
  total: 1387,
  ingested: 1385,
  skipped: 0,
  refused_count: 2,
  refused: [
    {
      path: 'ham10000/nv/ISIC_0030001.jpg',
      code: 'image_truncated',
      message: 'The image’s bytes end too early, at 4,096 of 9,310.',
    },
    {
      path: 'notes.txt',
      code: 'image_unknown_format',
      message: 'The bytes are of no kind of image that is read.',
    },
  ],
  images_per_second: 61.4,
  seconds_left: null,
};
const jobs = [job];

function json(res, status, body) {
  res.writeHead(status, {
    'content-type': 'application/json',
    'x-request-id': uuid(String(Math.random())),
  });
  res.end(JSON.stringify(body));
}
const fail = (res, status, code, message, todo) =>
  json(res, status, { error: { code, message, todo }, request_id: 'mock' });

function page(res, name) {
  const file = path.join(dist, name === '' ? 'index.html' : name);
  if (!file.startsWith(dist) || !existsSync(file))
    return fail(res, 404, 'unknown_route', 'No such file.', '');
  const type = KINDS[path.extname(file).slice(1)] ?? 'application/octet-stream';
  res.writeHead(200, { 'content-type': type, 'content-security-policy': POLICY });
  res.end(readFileSync(file));
}

function sendFile(res, p) {
  const type = p.bytes ? 'image/png' : p.path.endsWith('.png') ? 'image/png' : 'image/jpeg';
  res.writeHead(200, { 'content-type': type, 'cache-control': 'private, max-age=3600' });
  if (p.bytes) res.end(p.bytes);
  else createReadStream(p.path).pipe(res);
}

async function body(req) {
  const parts = [];
  for await (const part of req) parts.push(part);
  const bytes = Buffer.concat(parts);
  const type = req.headers['content-type'] ?? '';
  if (!type.startsWith('multipart/'))
    return { json: bytes.length > 0 ? JSON.parse(bytes) : {}, files: [] };
  const form = await new Response(bytes, { headers: { 'content-type': type } }).formData();
  const request = form.get('request');
  const text =
    request === null ? '{}' : typeof request === 'string' ? request : await request.text();
  return { json: JSON.parse(text), files: form.getAll('file'), image: form.get('image') };
}

/** A made-up job that takes some seconds. */
function startJob(name) {
  const made = {
    ...job,
    id: uuid(`job ${jobs.length}`),
    collection: name,
    state: 'running',
    done: 0,
    total: 1387,
    created_at: new Date().toISOString(),
    refused_count: 0,
    refused: [],
    message: null,
  };
  jobs.push(made);
  const timer = setInterval(() => {
    made.done = Math.min(made.total, made.done + 18);
    made.seconds_left = Math.ceil((made.total - made.done) / 61);
    if (made.done > 300) Object.assign(made, { refused: job.refused, refused_count: 2 });
    if (made.done === made.total || made.state !== 'running') {
      if (made.state === 'running') made.state = 'done';
      clearInterval(timer);
    }
  }, 300);
  return made;
}

function events(res, wanted) {
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  const timer = setInterval(() => {
    res.write(`data: ${JSON.stringify(wanted)}\n\n`);
    if (wanted.state !== 'running') {
      clearInterval(timer);
      res.end();
    }
  }, 300);
  res.on('close', () => clearInterval(timer));
}

function jobRoutes(req, res, [id, act]) {
  if (id === undefined) return json(res, 200, { jobs });
  const wanted = jobs.find((j) => j.id === id);
  if (!wanted) return fail(res, 404, 'unknown_job', 'No job has this id.', 'List the jobs.');
  if (act === 'events') return events(res, wanted);
  if (act === 'cancel') wanted.state = 'cancelled';
  return json(res, 200, wanted);
}

async function upload(c, files) {
  const items = [];
  for (const file of files) {
    const bytes = Buffer.from(await file.arrayBuffer());
    if (bytes.length < 100) {
      items.push({
        name: file.name,
        status: 'refused',
        code: 'image_unknown_format',
        message:
          'The bytes are of no kind of image that is read. Use JPEG, PNG, TIFF, WebP or BMP.',
      });
      continue;
    }
    const id = uuid(file.name + bytes.length);
    if (c.byId.has(id)) {
      items.push({ name: file.name, status: 'skipped', point_ids: [id] });
      continue;
    }
    const like = c.points[bytes.length % Math.max(1, c.points.length)];
    const p = {
      id,
      image_id: uuid(`image ${id}`),
      payload: { vitrail: { source: { uri: file.name, sha256: id } } },
      vector: like?.vector ?? new Float32Array(24).fill(0.2),
      bytes,
    };
    c.points.push(p);
    c.byId.set(id, p);
    items.push({ name: file.name, status: 'stored', image_id: p.image_id, point_ids: [id] });
  }
  return items;
}

async function collectionRoutes(req, res, [name, what, id, part], query) {
  if (name === undefined) return json(res, 200, { collections: [...all.values()].map(describe) });
  if (req.method === 'PUT') {
    all.set(name, collection(name, []));
    return json(res, 201, describe(all.get(name)));
  }
  const c = all.get(name);
  if (!c)
    return fail(
      res,
      404,
      'unknown_collection',
      `No collection is named ${name}.`,
      'List the collections.',
    );
  if (what === undefined) return json(res, 200, describe(c));
  if (what === 'images' && req.method === 'GET') {
    const p = c.points.find((q) => q.image_id === id);
    if (id === undefined) {
      return json(res, 200, {
        images: c.points.slice(0, Number(query.get('limit') ?? 50)).map(record),
        next: null,
      });
    }
    if (!p) return fail(res, 404, 'unknown_image', 'No image has this id.', 'Check the id.');
    return part === undefined ? json(res, 200, record(p)) : sendFile(res, p);
  }
  if (what === 'points' && req.method === 'GET') {
    const p = c.byId.get(id);
    if (!p) return fail(res, 404, 'unknown_point', 'No point has this id.', 'Check the id.');
    return part === 'thumbnail'
      ? sendFile(res, p)
      : json(res, 200, { id: p.id, image_id: p.image_id, payload: p.payload });
  }
  const given = await body(req);
  if (what === 'images') {
    if (given.files.length === 0) return json(res, 202, { job: startJob(name) });
    return json(res, 200, { items: await upload(c, given.files) });
  }
  if (what === 'facets') return json(res, 200, facets(c, given.json));
  if (what === 'similar') return neighbours(res, c, given);
  const within = c.points.filter(
    (p) => passes(p, given.json.filter) && !(p.id <= given.json.after),
  );
  const shown = within.slice(0, given.json.limit ?? 50);
  const next = within.length > shown.length ? shown.at(-1).id : null;
  return json(res, 200, { points: shown.map(({ vector, path: _, bytes, ...p }) => p), next });
}

async function neighbours(res, c, given) {
  const request = given.json;
  let like = request.id ? c.byId.get(request.id) : null;
  if (request.id && !like)
    return fail(res, 404, 'unknown_point', 'No point has this id.', 'Check the id.');
  if (!like) {
    const bytes = await given.image.arrayBuffer();
    if (bytes.byteLength < 100)
      return fail(
        res,
        415,
        'image_unknown_format',
        'The bytes are of no kind of image that is read.',
        'Use JPEG, PNG, TIFF, WebP or BMP.',
      );
    like = { vector: c.points[bytes.byteLength % c.points.length].vector };
  }
  const answer = similar(c, like, request);
  if (answer.error)
    return fail(res, 422, answer.error.code, answer.error.message, answer.error.todo);
  return json(res, 200, answer);
}

const MODELS = [
  {
    name: 'efficientnet-lite0',
    dim: 1280,
    metric: 'cosine',
    state: 'verified',
    licence: 'Apache-2.0',
    contract: 'b3:5f1c9a20d4',
    runtime: 'onnxruntime 1.31',
    note: 'a natural-image baseline, not trained on medical pictures.',
  },
];

const server = http.createServer(async (req, res) => {
  const url = new URL(req.url, 'http://mock');
  const [top, ...rest] = url.pathname.split('/').filter(Boolean).map(decodeURIComponent);
  try {
    if (top === 'dashboard') return page(res, rest.join('/'));
    if (top === 'healthz') return json(res, 200, { status: 'ok', version: '0.1.0', points: 0 });
    if (env.VITRAIL_MOCK_KEY && req.headers['api-key'] !== env.VITRAIL_MOCK_KEY) {
      return fail(
        res,
        401,
        'unauthorized',
        'The key is missing or wrong.',
        'Send the key in the header api-key.',
      );
    }
    const [kind, ...more] = rest;
    if (kind === 'models') return json(res, 200, { models: MODELS });
    if (kind === 'jobs') return jobRoutes(req, res, more);
    if (kind === 'collections') return await collectionRoutes(req, res, more, url.searchParams);
    return fail(res, 404, 'unknown_route', 'No route has this path.', 'Read the OpenAPI document.');
  } catch (cause) {
    return fail(res, 500, 'internal', String(cause), 'Mend the mock.');
  }
});
server.listen(Number(env.PORT ?? 6399), '127.0.0.1');
