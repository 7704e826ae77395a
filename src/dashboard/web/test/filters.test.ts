import { describe, expect, it } from 'vitest';
import { chips, of, put, toFilter, toggleIs, toggleMissing, toggleNot } from '../src/lib/filters';

describe('filters', () => {
  it('say nothing where nothing is asked', () => {
    expect(toFilter({})).toBeUndefined();
    expect(put({}, 'label', { is: [] })).toEqual({});
  });

  it('turn on and off again', () => {
    const on = toggleIs({}, 'label', 'mel');
    expect(toFilter(on)).toEqual({ must: [{ key: 'label', match: { value: 'mel' } }] });
    expect(toggleIs(on, 'label', 'mel')).toEqual({});
  });

  it('join values of one field by or, fields by and', () => {
    const two = toggleIs(toggleIs(toggleNot({}, 'sex', 'm'), 'label', 'mel'), 'label', 'nv');
    expect(toFilter(two)).toEqual({
      must: [{ key: 'label', match: { any: ['mel', 'nv'] } }],
      must_not: [{ key: 'sex', match: { value: 'm' } }],
    });
    expect(toFilter(two, 'label')).toEqual({ must_not: [{ key: 'sex', match: { value: 'm' } }] });
  });

  it('never hold a value as wanted and unwanted at once', () => {
    const flipped = toggleNot(toggleIs({}, 'label', 'mel'), 'label', 'mel');
    expect(of(flipped, 'label').is).toEqual([]);
    expect(of(flipped, 'label').not).toEqual(['mel']);
  });

  it('ask for what is missing, or for what is there', () => {
    const only = toggleMissing(toggleIs({}, 'age', 50), 'age', true);
    expect(toFilter(only)).toEqual({ must: [{ is_empty: { key: 'age' } }] });
    expect(toFilter(toggleMissing({}, 'age', false))).toEqual({
      must_not: [{ is_empty: { key: 'age' } }],
    });
    expect(toggleMissing(only, 'age', true)).toEqual({});
  });

  it('keep zero in a range', () => {
    expect(toFilter(put({}, 'x', { range: { from: 0, to: null } }))).toEqual({
      must: [{ key: 'x', range: { gte: 0 } }],
    });
  });

  it('show chips that take themselves away', () => {
    const filters = put(toggleNot(toggleIs({}, 'label', 'mel'), 'label', 'nv'), 'age', {
      range: { from: 40, to: 70 },
    });
    expect(chips(filters).map((c) => [c.says, c.negative])).toEqual([
      ['mel', false],
      ['nv', true],
      ['40 to 70', false],
    ]);
    expect(chips(filters).every((chip) => chips(chip.left).length === 2)).toBe(true);
  });
});
