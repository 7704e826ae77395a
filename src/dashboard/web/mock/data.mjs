// Collections for looking at the page without the server: real pictures, made-up neighbours.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

const TEXT = /(^|_)id$|^(label|sex|source|licence)$/;
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?$/;

function parseCsv(text) {
  const rows = [[]];
  let cell = '';
  let quoted = false;
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i];
    if (quoted) {
      if (c === '"' && text[i + 1] === '"') ((cell += '"'), (i += 1));
      else if (c === '"') quoted = false;
      else cell += c;
    } else if (c === '"') quoted = true;
    else if (c === ',') (rows.at(-1).push(cell), (cell = ''));
    else if (c === '\n') (rows.at(-1).push(cell), rows.push([]), (cell = ''));
    else if (c !== '\r') cell += c;
  }
  return rows.filter((row) => row.length > 1);
}

export function uuid(text) {
  const h = createHash('sha256').update(text).digest('hex');
  const [a, b, c, d] = [h.slice(0, 8), h.slice(8, 12), h.slice(13, 16), h.slice(17, 20)];
  return `${a}-${b}-5${c}-8${d}-${h.slice(20, 32)}`;
}

/** Made-up vectors: what label and lesion share, with noise of the point's own. */
function vector(seeds) {
  const v = new Float32Array(24);
  for (const [seed, weight] of seeds) {
    const h = createHash('sha256').update(seed).digest();
    for (let i = 0; i < v.length; i += 1) v[i] += weight * ((h[i] - 127.5) / 127.5);
  }
  const norm = Math.hypot(...v);
  return v.map((x) => x / norm);
}

function sizeOf(file) {
  const b = readFileSync(file);
  if (b[0] === 0x89) return [b.readUInt32BE(16), b.readUInt32BE(20)];
  for (let i = 2; i + 9 < b.length;) {
    if (b[i] !== 0xff) break;
    const marker = b[i + 1];
    const sof = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (sof) return [b.readUInt16BE(i + 7), b.readUInt16BE(i + 5)];
    i += 2 + b.readUInt16BE(i + 2);
  }
  return [1, 1];
}

export function point(name, root, file, payload, copy = 0) {
  const id = uuid(`${name}/${file}/${copy}`);
  const image = uuid(`image ${name}/${file}/${copy}`);
  const seeds = [
    ['all', 1.2],
    [`label ${payload.label}`, 0.55],
    [`own ${payload.lesion_id ?? payload.patient_id ?? id}`, 0.5],
    [`file ${file} ${copy}`, 0.65],
  ];
  const own = {
    source: { uri: file, sha256: createHash('sha256').update(file).digest('hex') },
    image,
    models: { 'efficientnet-lite0': 'b3:5f1c9a20d4' },
  };
  return {
    id,
    image_id: image,
    payload: { ...payload, vitrail: own },
    vector: vector(seeds),
    path: path.join(root, file),
  };
}

export function load(name, csv, limit, copies) {
  const root = path.dirname(csv);
  const [head, ...rows] = parseCsv(readFileSync(csv, 'utf8'));
  const numeric = head.map(
    (column, i) => !TEXT.test(column) && rows.every((r) => r[i] === '' || NUMBER.test(r[i])),
  );
  const points = [];
  for (let copy = 0; copy < copies; copy += 1) {
    for (const row of rows.slice(0, limit)) {
      const file = row[head.indexOf('file')];
      const payload = {};
      head.forEach((column, i) => {
        if (column === 'file' || row[i] === '' || row[i] === undefined) return;
        payload[column] = numeric[i] ? Number(row[i]) : row[i];
      });
      const p = point(name, root, file, payload, copy);
      if (copy > 0 || existsSync(p.path)) points.push(p);
    }
  }
  points.sort((a, b) => (a.id < b.id ? -1 : 1));
  return collection(name, points);
}

export function collection(name, points) {
  const roles = {};
  for (const role of ['patient', 'case', 'lesion', 'slide', 'label', 'split']) {
    const field = role === 'label' || role === 'split' ? role : `${role}_id`;
    if (points.some((p) => field in p.payload)) roles[role] = field;
  }
  return { name, points, roles, byId: new Map(points.map((p) => [p.id, p])) };
}

export function describe(c) {
  const fields = new Map();
  for (const p of c.points) {
    for (const [path, v] of Object.entries(p.payload)) {
      if (path === 'vitrail') continue;
      const f = fields.get(path) ?? { path, type: 'keyword', points: 0 };
      if (typeof v === 'number')
        f.type = Number.isInteger(v) && f.type !== 'float' ? 'integer' : 'float';
      f.points += 1;
      fields.set(path, f);
    }
  }
  const vectors = {
    'efficientnet-lite0': {
      dim: 1280,
      metric: 'cosine',
      model: 'efficientnet-lite0',
      contract: 'b3:5f1c9a20d4',
      points: c.points.length,
      graph_points: c.points.length > 20_000 ? c.points.length : 0,
    },
  };
  const { name, roles } = c;
  const n = c.points.length;
  return {
    name,
    points: n,
    images: n,
    created_at: '2026-01-05T09:12:00Z',
    vectors,
    roles,
    fields: [...fields.values()],
  };
}

export function record(p) {
  const [width, height] = p.bytes ? [4, 3] : sizeOf(p.path);
  const { uri, sha256 } = p.payload.vitrail.source;
  const bytes = p.bytes ? p.bytes.length : statSync(p.path).size;
  return { id: p.image_id, uri, format: 'jpeg', width, height, bytes, sha256, points: [p.id] };
}
