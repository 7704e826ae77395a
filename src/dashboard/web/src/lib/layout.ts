// The grid's geometry: which rows there are, which are in sight, where an arrow leads. Pure.

/** What a grid is made of, in pixels. */
export interface Shape {
  columns: number;
  cellWidth: number;
  /** A row with its gap below. */
  rowHeight: number;
  gap: number;
}

export interface Row {
  top: number;
  height: number;
  from: number;
  to: number;
}

/** Columns of at least `least` pixels that fill the width; `extra` is what a cell says in words. */
export function shape(width: number, least: number, aspect: number, extra: number, gap = 8): Shape {
  const columns = Math.max(1, Math.floor((width + gap) / (least + gap)));
  const cellWidth = Math.floor((width - gap * (columns - 1)) / columns);
  const rowHeight = Math.round(cellWidth / aspect) + extra + gap;
  return { columns, cellWidth, rowHeight, gap };
}

export const height = (cells: number, shape: Shape): number =>
  Math.ceil(cells / shape.columns) * shape.rowHeight;

export const rowOf = (cell: number, cells: number, shape: Shape): Row => {
  const row = Math.floor(cell / shape.columns);
  const from = row * shape.columns;
  const to = Math.min(cells, from + shape.columns);
  return { top: row * shape.rowHeight, height: shape.rowHeight, from, to };
};

/** The rows in sight, with some beyond both edges: the page holds these cells and no others. */
export function inSight(
  cells: number,
  shape: Shape,
  scrolled: number,
  seen: number,
  beyond = 400,
): Row[] {
  const last = Math.ceil(cells / shape.columns) - 1;
  const first = Math.max(0, Math.floor((scrolled - beyond) / shape.rowHeight));
  const end = Math.min(last, Math.floor((scrolled + seen + beyond) / shape.rowHeight));
  const rows: Row[] = [];
  for (let row = first; row <= end; row += 1) rows.push(rowOf(row * shape.columns, cells, shape));
  return rows;
}

export type Move = 'left' | 'right' | 'up' | 'down' | 'first' | 'last';

/** Where a key leads from a cell; -1 is "none yet". Down from the last full row ends at the end. */
export function move(cells: number, columns: number, cell: number, key: Move): number {
  if (cells === 0) return -1;
  if (cell < 0) return 0;
  const steps = { left: -1, right: 1, up: -columns, down: columns, first: -cell, last: cells };
  const next = cell + steps[key];
  if (key === 'up' && next < 0) return cell;
  if (key === 'down' && next >= cells) {
    const lastRow = Math.floor((cells - 1) / columns);
    return Math.floor(cell / columns) < lastRow ? cells - 1 : cell;
  }
  return Math.max(0, Math.min(cells - 1, next));
}

/** Aspect ratios that cells take; pictures near one are shown without a visible cut. */
export function snapAspect(ratios: number[]): number {
  if (ratios.length === 0) return 1;
  const middle = [...ratios].sort((a, b) => a - b)[ratios.length >> 1] ?? 1;
  const kinds = [3 / 4, 1, 6 / 5, 4 / 3, 3 / 2];
  const off = (kind: number): number => Math.abs(Math.log(kind / middle));
  return kinds.reduce((best, kind) => (off(kind) < off(best) ? kind : best), 1);
}
