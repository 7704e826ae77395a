// Colours of labels: a calm row of hues, given by how common a label is, kept while filters change.

/** Hues in tokens.css (`--hue-0` and on); labels beyond share the grey. */
export const HUES = 8;

export type Palette = Map<string, number>;

export function paletteOf(labels: string[]): Palette {
  return new Map(labels.slice(0, HUES).map((label, i) => [label, i]));
}

export const hueOf = (palette: Palette, label: string | null): string =>
  label !== null && palette.has(label) ? `var(--hue-${palette.get(label)})` : 'var(--hue-none)';
