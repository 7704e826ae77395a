// Which act a key means, and when keys belong to what has the focus. Pure but for the target.

export type Act =
  | 'left'
  | 'right'
  | 'up'
  | 'down'
  | 'first'
  | 'last'
  | 'open'
  | 'similar'
  | 'compare'
  | 'back'
  | 'escape'
  | 'find'
  | 'help';

const KEYS: Record<string, Act> = {
  ArrowLeft: 'left',
  ArrowRight: 'right',
  ArrowUp: 'up',
  ArrowDown: 'down',
  Home: 'first',
  End: 'last',
  Enter: 'open',
  s: 'similar',
  c: 'compare',
  b: 'back',
  Escape: 'escape',
  '/': 'find',
  '?': 'help',
};

/** What the focus sits on: text, a control with keys of its own, a thing to press, or nothing. */
export type Focus = 'text' | 'control' | 'button' | 'none';

export function isTyping(target: EventTarget | null): Focus {
  if (!(target instanceof Element)) return 'none';
  if (target.matches('textarea, [contenteditable]')) return 'text';
  if (target.matches('input')) {
    return target.matches('[type=range], [type=radio], [type=checkbox]') ? 'control' : 'text';
  }
  if (target.matches('select')) return 'control';
  return target.matches('button, a, summary') ? 'button' : 'none';
}

export interface Pressed {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
}

export function actOf(pressed: Pressed, focus: Focus): Act | null {
  if (pressed.ctrlKey || pressed.metaKey || pressed.altKey || focus === 'text') return null;
  const key = pressed.key.length === 1 ? pressed.key.toLowerCase() : pressed.key;
  const act = KEYS[key] ?? null;
  if (focus === 'control') return act === 'escape' ? act : null;
  if (focus === 'button' && act === 'open') return null;
  return act;
}
