import { describe, expect, it } from 'vitest';
import type { Facet } from '../src/lib/api';
import { cards, histogram, lines, requests } from '../src/lib/facets';
import { percentile, share, shortCount } from '../src/lib/format';
import { actOf } from '../src/lib/keys';
import { height, inSight, move, shape, snapAspect } from '../src/lib/layout';

describe('the grid', () => {
  const form = shape(1000, 150, 4 / 3, 24);

  it('fills the width', () => {
    expect(form.columns).toBe(6);
    expect(form.columns * form.cellWidth + 5 * form.gap).toBeLessThanOrEqual(1000);
    expect(shape(80, 150, 1, 24).columns).toBe(1);
  });

  it('holds few cells of a hundred thousand', () => {
    const rows = inSight(100_000, form, 1_000_000, 700);
    const cells = rows.reduce((sum, row) => sum + row.to - row.from, 0);
    expect(cells).toBeLessThan(100);
    expect(rows[0]?.top).toBeLessThanOrEqual(1_000_000 - 400);
    expect((rows.at(-1)?.top ?? 0) + form.rowHeight).toBeGreaterThanOrEqual(1_000_700);
  });

  it('covers every cell once', () => {
    for (const n of [0, 1, 5, 6, 7, 43]) {
      const rows = inSight(n, form, 0, 1e6);
      expect(rows.flatMap((r) => [...Array(r.to - r.from).keys()].map((i) => r.from + i))).toEqual([
        ...Array(n).keys(),
      ]);
      expect(height(n, form)).toBe(rows.length * form.rowHeight);
    }
  });

  it('moves by keys and stays inside', () => {
    expect(move(0, 6, -1, 'right')).toBe(-1);
    expect(move(14, 6, -1, 'down')).toBe(0);
    expect(move(14, 6, 0, 'left')).toBe(0);
    expect(move(14, 6, 3, 'up')).toBe(3);
    expect(move(14, 6, 3, 'down')).toBe(9);
    expect(move(14, 6, 9, 'down')).toBe(13);
    expect(move(14, 6, 13, 'down')).toBe(13);
    expect(move(14, 6, 5, 'last')).toBe(13);
    expect(move(14, 6, 5, 'first')).toBe(0);
  });

  it('takes the shape of most pictures', () => {
    expect(snapAspect([200 / 150, 600 / 450, 1])).toBeCloseTo(4 / 3);
    expect(snapAspect([0.98, 1, 1.1])).toBe(1);
    expect(snapAspect([])).toBe(1);
  });
});

describe('facets', () => {
  const facet = (path: string, values: [string | number, number][], missing = 0): Facet => ({
    path,
    values: values.map(([value, count]) => ({ value, count })),
    missing,
    distinct: values.length,
  });

  it('put the label first, ids and constants behind', () => {
    const ids = { ...facet('image_id', [['a', 1]]), distinct: 900 };
    const found = [
      ids,
      facet('modality', [['x', 1000]]),
      facet('label', [
        ['m', 1],
        ['n', 2],
      ]),
    ];
    const fields = found.map((f) => ({ path: f.path, type: 'keyword' as const, points: 1000 }));
    const list = cards(fields, found, 1000, 'label');
    expect(list[0]?.path).toBe('label');
    expect(list.filter((card) => card.front).map((card) => card.path)).toEqual(['label']);
  });

  it('never ask about the server’s own fields or running text', () => {
    const fields = [
      { path: 'vitrail.image', type: 'keyword' as const, points: 1 },
      { path: 'report', type: 'text' as const, points: 1 },
    ];
    expect(cards(fields, [], 1, null)).toEqual([]);
    expect(requests([])).toEqual([]);
  });

  it('keep the order of values, and what is asked for though nobody has it now', () => {
    const asked = { is: ['z'], not: [], missing: null, range: null, text: null };
    const list = lines(
      [
        { value: 'a', count: 5 },
        { value: 'b', count: 3 },
      ],
      [{ value: 'b', count: 3 }],
      asked,
    );
    expect(list.map((l) => [l.value, l.now])).toEqual([
      ['a', 0],
      ['b', 3],
      ['z', 0],
    ]);
  });

  it('draw every counted value into one bin', () => {
    const whole = facet('age', [
      [20, 3],
      [55, 10],
      [85, 2],
    ]);
    const bins = histogram(whole, [{ value: 55, count: 4 }]);
    expect(bins?.reduce((sum, bin) => sum + bin.whole, 0)).toBe(15);
    expect(bins?.reduce((sum, bin) => sum + bin.now, 0)).toBe(4);
    expect(histogram({ ...whole, distinct: 400 }, [])).toBeNull();
  });
});

describe('figures and keys', () => {
  it('never round up to everything or down to nothing', () => {
    expect(percentile(99.99)).toBe('99.9');
    expect(percentile(100)).toBe('100.0');
    expect(share(1, 1_000)).toBe('<1%');
    expect(share(999, 1_000)).toBe('>99%');
    expect(shortCount(999_999)).toBe('999,999');
    expect(shortCount(1_299_999)).toBe('1.2M');
  });

  it('leave keys to whoever types', () => {
    const press = (key: string, ctrlKey = false) => ({
      key,
      ctrlKey,
      metaKey: false,
      altKey: false,
    });
    expect(actOf(press('s'), 'none')).toBe('similar');
    expect(actOf(press('S'), 'none')).toBe('similar');
    expect(actOf(press('s'), 'text')).toBeNull();
    expect(actOf(press('Escape'), 'text')).toBeNull();
    expect(actOf(press('c', true), 'none')).toBeNull();
    expect(actOf(press('ArrowLeft'), 'control')).toBeNull();
    expect(actOf(press('Enter'), 'button')).toBeNull();
    expect(actOf(press('ArrowLeft'), 'button')).toBe('left');
  });
});
