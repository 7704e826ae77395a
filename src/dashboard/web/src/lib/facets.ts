// Which fields the rail shows, in which order, and what stands in each. Pure.

import type { Facet, FacetValue, FieldInfo, Scalar } from './api';
import type { FieldFilter } from './filters';

/** Values asked for a keyword field at first, and after "all values". */
export const VALUES_FIRST = 12;
export const VALUES_MORE = 200;
/** Values asked for a number field: enough for a true histogram of ages or sizes. */
export const NUMBERS = 256;
/** Paths in one request. */
export const PATHS_MAX = 32;

export interface Card {
  path: string;
  kind: 'values' | 'range';
  /** Counts with no filter: the order and the pale bars. */
  whole: Facet;
  /** Whether it stands in the rail at once, or under "more fields". */
  front: boolean;
}

const isNumber = (field: FieldInfo): boolean => field.type === 'integer' || field.type === 'float';

/** The fields that can be counted: not the server's own, not running text. */
export const countable = (fields: FieldInfo[]): FieldInfo[] =>
  fields.filter((f) => f.type !== 'text' && f.path !== 'vitrail' && !f.path.startsWith('vitrail.'));

export function requests(fields: FieldInfo[]): { paths: string[]; limit: number }[] {
  const chunks = (paths: string[], limit: number) => {
    const list: { paths: string[]; limit: number }[] = [];
    for (let i = 0; i < paths.length; i += PATHS_MAX) {
      list.push({ paths: paths.slice(i, i + PATHS_MAX), limit });
    }
    return list;
  };
  const words = fields.filter((f) => !isNumber(f)).map((f) => f.path);
  const numbers = fields.filter(isNumber).map((f) => f.path);
  return [...chunks(words, VALUES_FIRST), ...chunks(numbers, NUMBERS)];
}

/** Ids are no facets: nearly every point has its own value. */
const isIdLike = (facet: Facet, points: number): boolean =>
  facet.distinct > 40 && facet.distinct > (points - facet.missing) / 8;

/** Pixel frames, sizes and provenance count, but nobody opens with them. */
const MINOR = new Set(
  (
    'bbox width height bytes x y level rows columns original_size offset ' +
    'licence license source'
  ).split(' '),
);
const isMinor = (path: string): boolean =>
  MINOR.has(path) || path.split(/[._]/).some((part) => MINOR.has(part));

export function cards(
  fields: FieldInfo[],
  facets: Facet[],
  points: number,
  label: string | null,
): Card[] {
  const found = new Map(facets.map((facet) => [facet.path, facet]));
  const list = countable(fields).flatMap((field): Card[] => {
    const whole = found.get(field.path);
    if (!whole || whole.distinct === 0) return [];
    const kind = isNumber(field) && whole.distinct > 2 ? 'range' : 'values';
    const dull = whole.distinct === 1 && whole.missing === 0;
    const long = whole.values.some((v) => typeof v.value === 'string' && v.value.length > 60);
    const idLike = kind === 'values' && isIdLike(whole, points);
    const front = field.path === label || !(dull || long || idLike || isMinor(field.path));
    return [{ path: field.path, kind, whole, front }];
  });
  const weight = (c: Card): number => {
    if (c.path === label) return 0;
    if (c.kind === 'range' || c.whole.distinct === 1) return c.kind === 'range' ? 50 : 60;
    return Math.min(40, c.whole.distinct);
  };
  return list.sort((a, b) => weight(a) - weight(b) || a.path.localeCompare(b.path));
}

export interface Line {
  value: Scalar;
  whole: number;
  now: number;
  is: boolean;
  not: boolean;
}

/** The card's values in a steady order with their counts now; what is asked is always there. */
export function lines(whole: FacetValue[], now: FacetValue[], asked: FieldFilter): Line[] {
  const current = new Map(now.map((v) => [v.value, v.count]));
  const before = new Map(whole.map((v) => [v.value, v.count]));
  const values = new Set<Scalar>([...before.keys(), ...asked.is, ...asked.not]);
  return [...values].map((value) => ({
    value,
    whole: before.get(value) ?? current.get(value) ?? 0,
    now: current.get(value) ?? 0,
    is: asked.is.includes(value),
    not: asked.not.includes(value),
  }));
}

export interface Bin {
  from: number;
  to: number;
  whole: number;
  now: number;
}

/** Equal bins over the whole span; null where not every value is known. */
export function histogram(whole: Facet, now: FacetValue[], most = 28): Bin[] | null {
  const numbers = whole.values.filter(
    (v): v is { value: number; count: number } => typeof v.value === 'number',
  );
  if (numbers.length === 0 || whole.distinct > whole.values.length) return null;
  const low = Math.min(...numbers.map((v) => v.value));
  const high = Math.max(...numbers.map((v) => v.value));
  const size = Math.min(most, Math.max(1, numbers.length));
  const step = (high - low) / size || 1;
  const bins = Array.from({ length: size }, (_, i) => ({
    from: low + i * step,
    to: low + (i + 1) * step,
    whole: 0,
    now: 0,
  }));
  const bin = (value: number): Bin | undefined =>
    bins[Math.min(size - 1, Math.floor((value - low) / step))];
  for (const { value, count } of numbers) {
    const b = bin(value);
    if (b) b.whole += count;
  }
  for (const { value, count } of now) {
    const b = typeof value === 'number' ? bin(value) : undefined;
    if (b) b.now += count;
  }
  return bins;
}

export function span(whole: Facet): { low: number; high: number } | null {
  const numbers = whole.values.map((v) => v.value).filter((v) => typeof v === 'number');
  if (numbers.length === 0 || whole.distinct > whole.values.length) return null;
  return { low: Math.min(...numbers), high: Math.max(...numbers) };
}
