// The whole state of the page as the part of the address behind '#', and back.

import type { Scalar } from './api';
import { of, put, type Filters } from './filters';

/** What the neighbours are of: a stored point, or a picture held by this tab only. */
export type Query = { kind: 'id'; id: string } | { kind: 'picture'; token: string } | null;

export interface Place {
  collection: string | null;
  query: Query;
  /** The named vector compared; null: the collection's only or first. */
  using: string | null;
  filters: Filters;
  /** Roles whose own value is left out; null: every role that the collection has. */
  leaveOut: string[] | null;
  groupBy: string | null;
  /** Hits under this percentile are not shown; 0: all. */
  cutOff: number;
  k: number;
  /** The point whose panel is open. */
  open: string | null;
  compare: boolean;
}

export const K_FIRST = 60;
export const K_MAX = 1_000;

export const nowhere = (collection: string | null = null): Place => ({
  collection,
  query: null,
  using: null,
  filters: {},
  leaveOut: null,
  groupBy: null,
  cutOff: 0,
  k: K_FIRST,
  open: null,
  compare: false,
});

/** A text that reads as JSON's number, truth value or string is quoted, so that types survive. */
export function printScalar(value: Scalar): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  return /^(true|false|null|"|-?\d)/.test(value) ? JSON.stringify(value) : value;
}

export function parseScalar(text: string): Scalar {
  if (!/^(true$|false$|"|-?\d)/.test(text)) return text;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      return value;
    }
  } catch {
    // Hand-written addresses: what is no JSON is the text itself.
  }
  return text;
}

const escapePath = (path: string): string => path.replaceAll('%', '%25').replaceAll(':', '%3A');
const unescapePath = (path: string): string => path.replaceAll('%3A', ':').replaceAll('%25', '%');

function splitPair(pair: string): [string, string] | null {
  const colon = pair.indexOf(':');
  return colon < 1 ? null : [unescapePath(pair.slice(0, colon)), pair.slice(colon + 1)];
}

export function print(place: Place): string {
  const out = new URLSearchParams();
  if (place.query?.kind === 'id') out.set('like', place.query.id);
  if (place.query?.kind === 'picture') out.set('picture', place.query.token);
  if (place.using !== null) out.set('vector', place.using);
  for (const [path, field] of Object.entries(place.filters)) {
    const key = escapePath(path);
    for (const value of field.is) out.append('is', `${key}:${printScalar(value)}`);
    for (const value of field.not) out.append('not', `${key}:${printScalar(value)}`);
    if (field.missing !== null) out.append('missing', `${key}:${field.missing ? 'only' : 'never'}`);
    if (field.range)
      out.append('range', `${key}:${field.range.from ?? ''}..${field.range.to ?? ''}`);
    if (field.text !== null) out.append('text', `${key}:${field.text}`);
  }
  if (place.leaveOut !== null) out.set('leave', place.leaveOut.join(',') || 'none');
  if (place.groupBy !== null) out.set('group', place.groupBy);
  if (place.cutOff > 0) out.set('cut', String(place.cutOff));
  if (place.k !== K_FIRST) out.set('k', String(place.k));
  if (place.open !== null) out.set('open', place.open);
  if (place.compare) out.set('compare', '1');
  const name = place.collection === null ? '' : encodeURIComponent(place.collection);
  // Colons and commas are legal behind '#', and an address is read by people too.
  const rest = out.toString().replaceAll('%3A', ':').replaceAll('%2C', ',');
  return `#/${name}${rest === '' ? '' : `?${rest}`}`;
}

export function parse(hash: string): Place {
  const [path = '', rest = ''] = split(hash.replace(/^#?\/?/, ''), '?');
  const given = new URLSearchParams(rest);
  const place = nowhere(path === '' ? null : decode(path));
  const like = given.get('like');
  const token = given.get('picture');
  if (like !== null) place.query = { kind: 'id', id: like };
  else if (token !== null) place.query = { kind: 'picture', token };
  place.using = given.get('vector');
  place.filters = parseFilters(given);
  const leave = given.get('leave');
  if (leave !== null) place.leaveOut = leave === 'none' ? [] : leave.split(',');
  place.groupBy = given.get('group');
  place.cutOff = within(given.get('cut'), 0, 100, 0);
  place.k = Math.round(within(given.get('k'), 1, K_MAX, K_FIRST));
  place.open = given.get('open');
  place.compare = given.get('compare') === '1';
  return place;
}

function parseFilters(given: URLSearchParams): Filters {
  let filters: Filters = {};
  const each = (name: string, take: (path: string, value: string) => void) => {
    for (const pair of given.getAll(name)) {
      const parts = splitPair(pair);
      if (parts) take(...parts);
    }
  };
  each('is', (path, value) => {
    filters = put(filters, path, { is: [...of(filters, path).is, parseScalar(value)] });
  });
  each('not', (path, value) => {
    filters = put(filters, path, { not: [...of(filters, path).not, parseScalar(value)] });
  });
  each('missing', (path, value) => {
    filters = put(filters, path, { missing: value === 'only' });
  });
  each('range', (path, value) => {
    const [from = '', to = ''] = split(value, '..');
    const range = { from: finite(from), to: finite(to) };
    if (range.from !== null || range.to !== null) filters = put(filters, path, { range });
  });
  each('text', (path, value) => {
    filters = put(filters, path, { text: value });
  });
  return filters;
}

const finite = (text: string): number | null =>
  text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : null;

function within(text: string | null, low: number, high: number, otherwise: number): number {
  const value = finite(text ?? '');
  return value === null ? otherwise : Math.min(high, Math.max(low, value));
}

function split(text: string, by: string): [string, string] {
  const found = text.indexOf(by);
  return found < 0 ? [text, ''] : [text.slice(0, found), text.slice(found + by.length)];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
