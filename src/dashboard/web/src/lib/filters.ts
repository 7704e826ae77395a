// What the person asked to see: conditions by field, and the server's filter made from them.

import type { Condition, Filter, Scalar } from './api';

/** Everything asked of one field. */
export interface FieldFilter {
  is: Scalar[];
  not: Scalar[];
  /** true: only points without the field; false: only points with it. */
  missing: boolean | null;
  range: { from: number | null; to: number | null } | null;
  text: string | null;
}
export type Filters = Record<string, FieldFilter>;

const nothing = (): FieldFilter => ({ is: [], not: [], missing: null, range: null, text: null });

export const of = (filters: Filters, path: string): FieldFilter => filters[path] ?? nothing();

const isNothing = (f: FieldFilter): boolean =>
  f.is.length === 0 && f.not.length === 0 && f.missing === null && !f.range && f.text === null;

/** The filters with one field's part replaced. */
export function put(filters: Filters, path: string, part: Partial<FieldFilter>): Filters {
  const next = { ...of(filters, path), ...part };
  const { [path]: _, ...others } = filters;
  return isNothing(next) ? others : { ...others, [path]: next };
}

const without = (values: Scalar[], value: Scalar): Scalar[] => values.filter((v) => v !== value);

/** Off -> only this -> off; from "not" it turns into "only". */
export function toggleIs(filters: Filters, path: string, value: Scalar): Filters {
  const field = of(filters, path);
  const on = field.is.includes(value);
  const is = on ? without(field.is, value) : [...field.is, value];
  return put(filters, path, { is, not: without(field.not, value), missing: null });
}

export function toggleNot(filters: Filters, path: string, value: Scalar): Filters {
  const field = of(filters, path);
  const on = field.not.includes(value);
  const not = on ? without(field.not, value) : [...field.not, value];
  return put(filters, path, { not, is: without(field.is, value) });
}

export function toggleMissing(filters: Filters, path: string, want: boolean): Filters {
  const missing = of(filters, path).missing === want ? null : want;
  return put(
    filters,
    path,
    missing === true ? { missing, is: [], not: [], range: null } : { missing },
  );
}

/** The server's filter; undefined where nothing is asked. `except` leaves one field out. */
export function toFilter(filters: Filters, except?: string): Filter | undefined {
  const must: Condition[] = [];
  const mustNot: Condition[] = [];
  for (const [key, field] of Object.entries(filters)) {
    if (key === except) continue;
    const [only] = field.is;
    if (field.is.length > 1) must.push({ key, match: { any: field.is } });
    else if (only !== undefined) must.push({ key, match: { value: only } });
    for (const value of field.not) mustNot.push({ key, match: { value } });
    if (field.missing === true) must.push({ is_empty: { key } });
    if (field.missing === false) mustNot.push({ is_empty: { key } });
    if (field.range) must.push({ key, range: rangeOf(field.range) });
    if (field.text !== null) must.push({ key, match: { text: field.text } });
  }
  if (must.length === 0 && mustNot.length === 0) return undefined;
  return {
    ...(must.length > 0 ? { must } : {}),
    ...(mustNot.length > 0 ? { must_not: mustNot } : {}),
  };
}

function rangeOf(range: { from: number | null; to: number | null }) {
  return {
    ...(range.from === null ? {} : { gte: range.from }),
    ...(range.to === null ? {} : { lte: range.to }),
  };
}

/** One thing asked, for a chip: what it says and the filters without it. */
export interface Chip {
  path: string;
  says: string;
  negative: boolean;
  left: Filters;
}

export function chips(filters: Filters): Chip[] {
  return Object.entries(filters).flatMap(([path, field]) => chipsOf(filters, path, field));
}

function chipsOf(filters: Filters, path: string, field: FieldFilter): Chip[] {
  const chip = (says: string, negative: boolean, part: Partial<FieldFilter>): Chip => ({
    path,
    says,
    negative,
    left: put(filters, path, part),
  });
  const list: Chip[] = [];
  if (field.is.length > 0) list.push(chip(field.is.map(String).join(' or '), false, { is: [] }));
  for (const value of field.not) {
    list.push(chip(String(value), true, { not: without(field.not, value) }));
  }
  if (field.missing === true) list.push(chip('missing', false, { missing: null }));
  if (field.missing === false) list.push(chip('missing', true, { missing: null }));
  if (field.range) list.push(chip(rangeSays(field.range), false, { range: null }));
  if (field.text !== null) list.push(chip(`“${field.text}”`, false, { text: null }));
  return list;
}

function rangeSays({ from, to }: { from: number | null; to: number | null }): string {
  if (from !== null && to !== null) return from === to ? `${from}` : `${from} to ${to}`;
  return from !== null ? `≥ ${from}` : `≤ ${to ?? ''}`;
}
