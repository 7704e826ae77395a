// From the page's state to the request for neighbours, and from the answer to what is shown. Pure.

import type { Answer, Payload, SimilarRequest } from './api';
import { scalarAt } from './answer';
import type { Place } from './address';
import { toFilter } from './filters';

/** Roles whose own value is left out unless the person says otherwise. */
export const LEAVE_OUT_DEFAULT = ['patient', 'case', 'lesion', 'slide'];
/** Roles that may be left out, in reading order. */
export const LEAVE_OUT_ALL = [...LEAVE_OUT_DEFAULT, 'site', 'scanner'];

export type Roles = Record<string, string>;

export function leftOut(place: Place, roles: Roles): string[] {
  const wanted = place.leaveOut ?? LEAVE_OUT_DEFAULT;
  return LEAVE_OUT_ALL.filter((role) => role in roles && wanted.includes(role));
}

/** Which of these roles the stored query can answer for: missing never equals missing. */
export const knownOf = (roles: string[], map: Roles, payload: Payload): string[] =>
  roles.filter((role) => {
    const path = map[role];
    return path !== undefined && scalarAt(payload, path) !== null;
  });

/** `exclude` are the roles to name; one hit more is asked by id, for the query itself goes. */
export function request(place: Place, exclude: string[]): SimilarRequest {
  const filter = toFilter(place.filters);
  const byId = place.query?.kind === 'id' ? place.query.id : null;
  return {
    ...(byId === null ? {} : { id: byId }),
    ...(place.using === null ? {} : { using: place.using }),
    k: byId === null || place.groupBy !== null ? place.k : place.k + 1,
    ...(filter ? { filter } : {}),
    ...(exclude.length > 0 ? { exclude_same: exclude } : {}),
    ...(place.groupBy === null ? {} : { group_by: place.groupBy, group_size: 6 }),
    percentiles: true,
  };
}

/** The answer without the query itself, at most `k` hits where they are not grouped. */
export function withoutSelf(answer: Answer, id: string, k: number): Answer {
  const hits = answer.hits.filter((hit) => hit.id !== id);
  if (!answer.groups) return { ...answer, hits: hits.slice(0, k) };
  let from = 0;
  const groups = answer.groups.map((group) => {
    const part = answer.hits.slice(from, from + group.size);
    from += group.size;
    return { ...group, size: part.filter((hit) => hit.id !== id).length };
  });
  return { ...answer, hits, groups: groups.filter((group) => group.size > 0) };
}
