// Numbers, times and values as people read them.

import type { Json } from './api';

const whole = new Intl.NumberFormat('en');
export const count = (n: number): string => whole.format(n);

/** Counts in narrow places: exact up to a million, then 1.2M, never rounded up. */
export const shortCount = (n: number): string =>
  n < 1_000_000 ? count(n) : `${(Math.floor(n / 100_000) / 10).toFixed(1)}M`;

/** One digit, never rounded up to a full hundred. */
export function percentile(p: number): string {
  return (p >= 100 ? 100 : Math.min(99.9, Math.round(p * 10) / 10)).toFixed(1);
}

export const score = (s: number): string => s.toFixed(Math.abs(s) < 10 ? 3 : 1);

export function share(part: number, all: number): string {
  if (all === 0) return '0%';
  const percent = (100 * part) / all;
  if (percent > 0 && percent < 1) return '<1%';
  return `${percent > 99 && percent < 100 ? '>99' : Math.round(percent)}%`;
}

export function milliseconds(ms: number): string {
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${count(Math.round(ms))} ms`;
}

export function seconds(s: number): string {
  if (s < 60) return `${Math.max(1, Math.round(s))} s`;
  if (s < 3_600) return `${Math.round(s / 60)} min`;
  return `${(s / 3_600).toFixed(1)} h`;
}

export function fileSize(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${Math.round(bytes / 1_000)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** `lesion_id` reads as "lesion id"; the last part of a path stands for it. */
export const fieldName = (path: string): string => path.replaceAll('_', ' ');

export function value(json: Json | undefined): string {
  if (json === undefined || json === null || json === '') return '–';
  if (Array.isArray(json)) return json.map(value).join(', ');
  return typeof json === 'object' ? JSON.stringify(json) : String(json);
}

export const plural = (n: number, one: string, many = `${one}s`): string =>
  `${count(n)} ${n === 1 ? one : many}`;
