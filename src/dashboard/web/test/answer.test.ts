import { describe, expect, it } from 'vitest';
import { aboveCut, at, rows, sections, shared, vote } from '../src/lib/answer';
import type { Answer, Explain, Hit } from '../src/lib/api';
import { nowhere } from '../src/lib/address';
import { knownOf, leftOut, request, withoutSelf } from '../src/lib/ask';

const hit = (id: string, percentile: number | null, label?: string): Hit => ({
  id,
  score: 1,
  percentile,
  payload: label === undefined ? {} : { label },
});
const explain = {} as Explain;

describe('the answer', () => {
  it('is cut by percentile, and keeps what has none', () => {
    const hits = [hit('a', 99), hit('b', 90), hit('c', null)];
    expect(aboveCut(hits, 95).map((h) => h.id)).toEqual(['a', 'c']);
    expect(aboveCut(hits, 0)).toHaveLength(3);
  });

  it('counts labels, the unlabelled last', () => {
    const hits = [
      hit('a', 9),
      hit('b', 9, 'nv'),
      hit('c', 9),
      hit('d', 9, 'mel'),
      hit('e', 9, 'mel'),
    ];
    expect(vote(hits, 'label')).toEqual([
      { value: 'mel', count: 2 },
      { value: 'nv', count: 1 },
      { value: null, count: 2 },
    ]);
  });

  it('follows the server’s groups, without empty ones and without the query', () => {
    const answer: Answer = {
      hits: [hit('q', 100), hit('a', 99), hit('b', 50), hit('c', 98)],
      groups: [
        { value: 'x', size: 2 },
        { value: 'y', size: 1 },
        { value: null, size: 1 },
      ],
      explain,
    };
    const left = withoutSelf(answer, 'q', 60);
    expect(left.groups?.map((g) => g.size)).toEqual([1, 1, 1]);
    expect(sections(left, 90).map((s) => [s.group?.value, s.hits.map((h) => h.id)])).toEqual([
      ['x', ['a']],
      [null, ['c']],
    ]);
  });

  it('drops the query, then keeps k', () => {
    const answer: Answer = { hits: [hit('a', 1), hit('q', 1), hit('b', 1)], explain };
    expect(withoutSelf(answer, 'q', 1).hits.map((h) => h.id)).toEqual(['a']);
    expect(withoutSelf(answer, 'z', 2).hits.map((h) => h.id)).toEqual(['a', 'q']);
  });

  it('reads payloads by path', () => {
    const payload = { 'a.b': 1, vitrail: { tile: { x: 0 } }, list: [1], e: '' };
    expect(at(payload, 'a.b')).toBe(1);
    expect(at(payload, 'vitrail.tile.x')).toBe(0);
    expect(at(payload, 'vitrail.none.x')).toBeUndefined();
    expect(rows(payload).map((r) => r.path)).toEqual(['a.b', 'vitrail.tile.x', 'list', 'e']);
    expect(shared({ s: 1, t: '' }, { s: 1, t: '' }, ['s', 't'])).toEqual([{ path: 's', value: 1 }]);
  });
});

describe('the question', () => {
  const roles = { patient: 'patient_id', lesion: 'lesion_id', label: 'label', site: 'hospital' };

  it('leaves out the query’s own patient and lesion unless told otherwise', () => {
    expect(leftOut(nowhere('c'), roles)).toEqual(['patient', 'lesion']);
    expect(leftOut({ ...nowhere('c'), leaveOut: [] }, roles)).toEqual([]);
    expect(leftOut({ ...nowhere('c'), leaveOut: ['site', 'slide'] }, roles)).toEqual(['site']);
    expect(knownOf(['patient', 'lesion'], roles, { lesion_id: 'L', patient_id: null })).toEqual([
      'lesion',
    ]);
  });

  it('asks one more by id, for the query itself goes', () => {
    const place = { ...nowhere('c'), query: { kind: 'id', id: 'q' } as const };
    expect(request(place, ['lesion'])).toEqual({
      id: 'q',
      k: 61,
      exclude_same: ['lesion'],
      percentiles: true,
    });
    expect(request({ ...place, groupBy: 'lesion' }, []).k).toBe(60);
  });
});
