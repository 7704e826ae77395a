import { describe, expect, it } from 'vitest';
import {
  K_MAX,
  nowhere,
  parse,
  parseScalar,
  print,
  printScalar,
  type Place,
} from '../src/lib/address';
import type { Scalar } from '../src/lib/api';
import { put } from '../src/lib/filters';

const full: Place = {
  collection: 'skin / 2',
  query: { kind: 'id', id: '0192-ab' },
  using: 'efficientnet-lite0-mid',
  filters: {
    label: { is: ['mel', 'a:b,c&d=e'], not: ['n v'], missing: null, range: null, text: null },
    'odd:path%': {
      is: [50, true, '50', 'true', '"q"'],
      not: [],
      missing: null,
      range: null,
      text: null,
    },
    age: { is: [], not: [], missing: false, range: { from: -1.5, to: null }, text: null },
    note: { is: [], not: [], missing: null, range: null, text: 'irregular border: yes' },
  },
  leaveOut: ['patient', 'lesion'],
  groupBy: 'lesion',
  cutOff: 97.5,
  k: 180,
  open: 'p#1?&',
  compare: true,
};

/** A seeded generator (mulberry32), so that a failure can be repeated. */
function seeded(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function anyPlace(random: () => number): Place {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const texts = [
    'a',
    'true',
    '1',
    '-2.50',
    '"',
    'null',
    'é ü',
    'a:b',
    '100%',
    '%3A',
    '#?&=+',
    '..',
    ',',
    ' ',
  ];
  const values: Scalar[] = [...texts, 0, -3, 1.25, 1e21, true, false];
  const place = nowhere(pick(texts));
  if (random() < 0.5) place.query = { kind: pick(['id'] as const), id: pick(texts) };
  for (let i = 0; i < 3; i += 1) {
    place.filters = put(place.filters, pick(texts), {
      is: [...new Set([pick(values), pick(values)])],
      not: random() < 0.5 ? [pick(values)] : [],
      missing: pick([null, true, false]),
      range: random() < 0.4 ? { from: pick([null, 2]), to: 7.5 } : null,
      text: pick([null, ...texts]),
    });
  }
  place.leaveOut = pick([null, [], ['patient'], ['lesion', 'slide']]);
  place.groupBy = pick([null, ...texts]);
  place.cutOff = pick([0, 12.5, 100]);
  place.k = pick([60, 1, K_MAX]);
  place.open = pick([null, ...texts]);
  return place;
}

describe('the address', () => {
  it('gives back the whole state', () => {
    expect(parse(print(full))).toEqual(full);
    expect(parse(print(nowhere('skin')))).toEqual(nowhere('skin'));
  });

  it('gives back two thousand made-up states', () => {
    const random = seeded(7);
    for (let i = 0; i < 2_000; i += 1) {
      const place = anyPlace(random);
      expect(parse(print(place)), print(place)).toEqual(place);
    }
  });

  it('is short and readable where little is asked', () => {
    expect(print(nowhere())).toBe('#/');
    const place = { ...nowhere('skin'), filters: put({}, 'label', { is: ['mel'] }) };
    expect(print(place)).toBe('#/skin?is=label:mel');
  });

  it('bears nonsense', () => {
    expect(parse('')).toEqual(nowhere());
    expect(parse('#/%E0%A4%A?cut=x&k=1e9&range=age:a..b&is=:x&is=y').filters).toEqual({});
    expect(parse('#/c?k=1e9').k).toBe(K_MAX);
    expect(parse('#/c?cut=-5').cutOff).toBe(0);
  });

  it('keeps the types of values', () => {
    for (const value of ['50', 50, 'true', true, '"', 'x', '-', '1a', 'null']) {
      expect(parseScalar(printScalar(value))).toBe(value);
    }
  });
});
