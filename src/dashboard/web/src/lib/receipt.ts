// The receipt of an answer in sentences, and the request that repeats it.

import type { Explain, SimilarRequest } from './api';
import { count, milliseconds, plural } from './format';

export function planSays(e: Explain): string {
  const of =
    e.matched === e.points ? '' : ` that pass filters and exclusions (of ${count(e.points)})`;
  if (e.plan === 'exact') return `Exact: compared with all ${plural(e.matched, 'point')}${of}.`;
  const exactly = `the best ${count(e.compared)} compared exactly.`;
  switch (e.plan) {
    case 'graph': {
      const width = e.ef ? `, search width ${count(e.ef)}` : '';
      return (
        `Approximate: a graph over ${plural(e.points, 'point')} was walked${width}; ` +
        `${plural(e.estimated, 'vector')} estimated by codes, ${exactly}`
      );
    }
    case 'codes':
      return `Approximate: all ${plural(e.matched, 'point')}${of} estimated by codes, ${exactly}`;
    case 'means':
      return `Approximate: ${plural(e.matched, 'point')}${of} searched by mean rows, ${exactly}`;
  }
}

export function costSays(e: Explain): { step: string; time: string }[] {
  const steps: { step: string; time: string }[] = [];
  const add = (step: string, ms: number | null | undefined) => {
    if (ms !== null && ms !== undefined) steps.push({ step, time: milliseconds(ms) });
  };
  add('decode', e.decode_ms);
  add('embed', e.embed_ms);
  add('filter', e.filter_us / 1_000);
  add('search', e.search_us / 1_000);
  add('total', e.total_ms);
  return steps;
}

/** The question as a command for a shell. */
export function curl(origin: string, collection: string, request: SimilarRequest): string {
  const body = JSON.stringify(request).replaceAll("'", "'\\''");
  const address = `${origin}/v1/collections/${encodeURIComponent(collection)}/similar`;
  if (request.id !== undefined) {
    return `curl -s '${address}' -H 'content-type: application/json' -d '${body}'`;
  }
  return `curl -s '${address}' -F 'request=${body};type=application/json' -F 'image=@PICTURE'`;
}
