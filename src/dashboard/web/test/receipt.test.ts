import { expect, test } from 'vitest';

import type { Explain } from '../src/lib/api';
import { planSays } from '../src/lib/receipt';

const explain: Explain = {
  plan: 'exact',
  vector: 'v',
  metric: 'cosine',
  points: 2_000,
  matched: 2_000,
  compared: 30,
  estimated: 530,
  filter_us: 1,
  search_us: 2,
  total_ms: 3,
};

test('each plan is told as what it did', () => {
  expect(planSays(explain)).toBe('Exact: compared with all 2,000 points.');
  const narrowed = { ...explain, matched: 900 };
  expect(planSays(narrowed)).toContain('900 points that pass filters and exclusions (of 2,000)');
  const walked = planSays({ ...explain, plan: 'graph', ef: 64 });
  expect(walked).toContain('a graph over 2,000 points was walked, search width 64');
  expect(walked).toContain('530 vectors estimated by codes, the best 30 compared exactly');
  const scanned = planSays({ ...narrowed, plan: 'codes' });
  expect(scanned).toContain('all 900 points that pass');
  expect(scanned).toContain('estimated by codes, the best 30 compared exactly');
  expect(scanned).not.toContain('graph');
  expect(planSays({ ...explain, plan: 'means' })).toContain('searched by mean rows');
});
