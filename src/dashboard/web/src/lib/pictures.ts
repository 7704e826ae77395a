// Pictures that this tab holds (dropped or pasted), and `<img>` behind a key.

import { bytes, hasKey } from './api';

export interface Picture {
  blob: Blob;
  name: string;
  url: string;
}

/** The trail goes back this far; older pictures are let go. */
const KEPT = 24;
const held = new Map<string, Picture>();
let last = 0;

export function keep(blob: Blob, name: string): string {
  last += 1;
  const token = `${Date.now().toString(36)}${last}`;
  held.set(token, { blob, name, url: URL.createObjectURL(blob) });
  for (const [old, picture] of held) {
    if (held.size <= KEPT) break;
    URL.revokeObjectURL(picture.url);
    held.delete(old);
  }
  return token;
}

export const pictureOf = (token: string): Picture | undefined => held.get(token);

/** Blob addresses of pictures fetched with a key, the oldest let go first. */
const FETCHED = 600;
const fetched = new Map<string, string>();

async function addressOf(source: string): Promise<string> {
  const known = fetched.get(source);
  if (known !== undefined) return known;
  const url = URL.createObjectURL(await bytes(source));
  fetched.set(source, url);
  const [oldest] = fetched;
  if (fetched.size > FETCHED && oldest) {
    URL.revokeObjectURL(oldest[1]);
    fetched.delete(oldest[0]);
  }
  return url;
}

/** Attachment for `<img>`: sets the source directly, or fetches it with the key. */
export const from = (source: string) => (img: HTMLImageElement) => {
  delete img.dataset.state;
  if (!hasKey() || source.startsWith('blob:')) {
    img.src = source;
    return;
  }
  let gone = false;
  addressOf(source).then(
    (url) => {
      if (!gone) img.src = url;
    },
    () => {
      img.dataset.state = 'failed';
    },
  );
  return () => {
    gone = true;
  };
};

/** The first picture among dropped or pasted files. */
export const firstPicture = (files: Iterable<File>): File | undefined =>
  [...files].find(
    (file) => file.type.startsWith('image/') || /\.(tiff?|svs|bmp)$/i.test(file.name),
  );
