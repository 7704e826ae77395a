// The grid's geometry: which rows there are, which are in sight, where an arrow leads. Pure.

export interface Shape {
  columns: number;
  cellWidth: number;
  rowHeight: number;
  headHeight: number;
  gap: number;
}

export interface Row {
  top: number;
  height: number;
  /** A section's heading, or a stretch of cells. */
  head: number | null;
  from: number;
  to: number;
}

/** Columns of at least `least` pixels that fill the width. */
export function shape(
  width: number,
  least: number,
  aspect: number,
  caption: number,
  gap = 8,
): Shape {
  const columns = Math.max(1, Math.floor((width + gap) / (least + gap)));
  const cellWidth = Math.floor((width - gap * (columns - 1)) / columns);
  const rowHeight = Math.round(cellWidth / aspect) + caption + gap;
  return { columns, cellWidth, rowHeight, headHeight: 40, gap };
}

/** Rows of sections with the given sizes; headings only where asked. O(rows). */
export function rows(sizes: number[], headed: boolean, shape: Shape): Row[] {
  const list: Row[] = [];
  let top = 0;
  let cell = 0;
  sizes.forEach((size, section) => {
    if (headed) {
      list.push({ top, height: shape.headHeight, head: section, from: cell, to: cell });
      top += shape.headHeight;
    }
    for (const end = cell + size; cell < end; ) {
      const to = Math.min(end, cell + shape.columns);
      list.push({ top, height: shape.rowHeight, head: null, from: cell, to });
      top += shape.rowHeight;
      cell = to;
    }
  });
  return list;
}

export const height = (list: Row[]): number => {
  const last = list.at(-1);
  return last ? last.top + last.height : 0;
};

/** The first row whose end lies below `y`. O(log rows). */
export function rowAt(list: Row[], y: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const row = list[middle];
    if (row && row.top + row.height <= y) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The rows in sight, with some beyond both edges. */
export function inSight(list: Row[], scrolled: number, seen: number, beyond = 400): Row[] {
  const first = rowAt(list, scrolled - beyond);
  const last = rowAt(list, scrolled + seen + beyond);
  return list.slice(first, last + 1);
}

export type Move = 'left' | 'right' | 'up' | 'down' | 'first' | 'last';

/** Where a key leads from a cell; up and down keep the column across headings. */
export function move(list: Row[], cell: number, key: Move): number {
  const cells = list.at(-1)?.to ?? 0;
  if (cells === 0) return -1;
  if (cell < 0) return 0;
  if (key === 'left') return Math.max(0, cell - 1);
  if (key === 'right') return Math.min(cells - 1, cell + 1);
  if (key === 'first') return 0;
  if (key === 'last') return cells - 1;
  const filled = list.filter((row) => row.head === null);
  const here = filled.findIndex((row) => cell >= row.from && cell < row.to);
  const row = filled[here];
  const next = filled[here + (key === 'down' ? 1 : -1)];
  if (!row || !next) return cell;
  return Math.min(next.to - 1, next.from + (cell - row.from));
}

/** Aspect ratios that cells take; pictures near one are shown without a visible cut. */
export function snapAspect(ratios: number[]): number {
  if (ratios.length === 0) return 1;
  const middle = [...ratios].sort((a, b) => a - b)[ratios.length >> 1] ?? 1;
  const kinds = [3 / 4, 1, 6 / 5, 4 / 3, 3 / 2];
  const off = (kind: number): number => Math.abs(Math.log(kind / middle));
  return kinds.reduce((best, kind) => (off(kind) < off(best) ? kind : best), 1);
}
