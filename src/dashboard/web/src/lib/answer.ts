// What an answer says: cut-off, label vote, groups. Pure.

import type { Answer, Group, Hit, Json, Payload, Scalar } from './api';

/** The value at a dotted path; a key that holds dots itself wins. */
export function at(payload: Payload, path: string): Json | undefined {
  if (path in payload) return payload[path];
  let here: Json | undefined = payload;
  for (const part of path.split('.')) {
    if (here === null || typeof here !== 'object' || Array.isArray(here)) return undefined;
    here = here[part];
  }
  return here;
}

export function scalarAt(payload: Payload, path: string): Scalar | null {
  const found = at(payload, path);
  if (found === null || found === undefined || found === '' || typeof found === 'object')
    return null;
  return found;
}

/** Hits at or above the percentile; a hit without one is never cut. */
export const aboveCut = (hits: Hit[], cut: number): Hit[] =>
  cut <= 0 ? hits : hits.filter((hit) => hit.percentile === null || hit.percentile >= cut);

export interface Vote {
  value: string | null;
  count: number;
}

/** How many hits carry each label, most first, the unlabelled last. */
export function vote(hits: Hit[], path: string): Vote[] {
  const counts = new Map<string | null, number>();
  for (const hit of hits) {
    const found = scalarAt(hit.payload, path);
    const label = found === null ? null : String(found);
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  return [...counts]
    .map(([value, count]) => ({ value, count }))
    .sort((a, b) => Number(a.value === null) - Number(b.value === null) || b.count - a.count);
}

export interface Section {
  group: Group | null;
  hits: Hit[];
}

/** The hits by group, as the server grouped them; groups emptied by the cut-off vanish. */
export function sections(answer: Answer, cut: number): Section[] {
  if (!answer.groups) return [{ group: null, hits: aboveCut(answer.hits, cut) }];
  let from = 0;
  const all = answer.groups.map((group) => {
    const hits = aboveCut(answer.hits.slice(from, from + group.size), cut);
    from += group.size;
    return { group, hits };
  });
  return all.filter((section) => section.hits.length > 0);
}

/** Lowest and highest percentile; null where no hit has one. */
export function percentileSpan(hits: Hit[]): { low: number; high: number } | null {
  const known = hits.flatMap((hit) => (hit.percentile === null ? [] : [hit.percentile]));
  return known.length === 0 ? null : { low: Math.min(...known), high: Math.max(...known) };
}

/** Which of these fields have the same value in both. */
export function shared(a: Payload, b: Payload, paths: string[]): { path: string; value: Scalar }[] {
  return paths.flatMap((path) => {
    const left = scalarAt(a, path);
    return left === null || left !== scalarAt(b, path) ? [] : [{ path, value: left }];
  });
}

/** Payload as rows, nested objects by dotted path. */
export function rows(payload: Payload, prefix = ''): { path: string; value: Json }[] {
  return Object.entries(payload).flatMap(([key, value]) => {
    const path = prefix + key;
    const nested = value !== null && typeof value === 'object' && !Array.isArray(value);
    return nested ? rows(value, `${path}.`) : [{ path, value }];
  });
}
