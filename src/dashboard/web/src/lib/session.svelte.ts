// The page's one state: where the person is, what the server said, what is under way.

import * as api from './api';
import { aboveCut, scalarAt, sections } from './answer';
import { nowhere, parse, print, type Place, type Query } from './address';
import { knownOf, leftOut, request, withoutSelf } from './ask';
import {
  cards,
  countable,
  requests,
  VALUES_FIRST,
  VALUES_MORE,
  NUMBERS,
  type Card,
} from './facets';
import { toFilter } from './filters';
import { snapAspect } from './layout';
import { paletteOf, type Palette } from './palette';
import { keep, pictureOf } from './pictures';

const PAGE = 200;
export type Failure = { code: string; message: string; todo: string; status: number };

export function failure(cause: unknown): Failure | null {
  if (cause instanceof DOMException && cause.name === 'AbortError') return null;
  if (cause instanceof api.ApiError) {
    return { code: cause.code, message: cause.message, todo: cause.todo, status: cause.status };
  }
  return { code: 'internal', message: String(cause), todo: 'Reload the page.', status: 0 };
}

/** One line of questions of which only the newest counts. */
class Latest {
  #now: AbortController | null = null;
  next(): AbortSignal {
    this.#now?.abort();
    this.#now = new AbortController();
    return this.#now.signal;
  }
}

const trailKey = (query: Query): string | null =>
  query === null ? null : query.kind === 'id' ? query.id : `picture:${query.token}`;
export const queryOfKey = (key: string): Query =>
  key.startsWith('picture:') ? { kind: 'picture', token: key.slice(8) } : { kind: 'id', id: key };

class Session {
  place: Place = $state.raw(parse(location.hash));
  trail: string[] = $state.raw(trailOf(history.state));

  collections: api.Collection[] | null = $state.raw(null);
  models: api.Model[] = $state.raw([]);
  version: string | null = $state(null);
  startFailure: Failure | null = $state.raw(null);
  needsKey = $state(false);

  collection: api.Collection | null = $state.raw(null);
  cards: Card[] = $state.raw([]);
  palette: Palette = $state.raw(new Map());
  aspect = $state(1);
  /** Whose pictures `aspect` is of; cells wait for it, so that they never change shape. */
  aspectFor: string | null = $state(null);

  matched: number | null = $state(null);
  counts: Map<string, api.Facet> = $state.raw(new Map());
  facetFailure: Failure | null = $state.raw(null);

  points: api.Point[] = $state.raw([]);
  next: string | null = $state(null);
  answer: api.Answer | null = $state.raw(null);
  asked: api.SimilarRequest | null = $state.raw(null);
  queryPoint: api.Point | null = $state.raw(null);
  unknownRoles: string[] = $state.raw([]);
  pictureLost = $state(false);
  loading = $state(false);
  resultFailure: Failure | null = $state.raw(null);

  opened: api.Point | null = $state.raw(null);
  cursor = $state(-1);

  labelPath = $derived(this.collection?.roles.label ?? null);
  cut = $derived(this.place.query ? this.place.cutOff : 0);
  sections = $derived(this.answer ? sections(this.answer, this.cut) : null);
  /** What the grid shows, in its order. */
  shown: (api.Point | api.Hit)[] = $derived(
    this.place.query ? (this.sections?.flatMap((s) => s.hits) ?? []) : this.points,
  );
  kept = $derived(this.answer ? aboveCut(this.answer.hits, this.cut) : []);

  /** What decides the results; a change of it asks the server again. */
  resultKey = $derived.by(() => {
    const { collection, query, using, filters, leaveOut, groupBy, k } = this.place;
    return JSON.stringify([collection, query, using, filters, leaveOut, groupBy, k]);
  });

  #results = new Latest();
  #counting = new Latest();
  #opening = new Latest();
  #entering = new Latest();

  /** Moves to another state; `replace` leaves no step for "back". */
  go(part: Partial<Place>, replace = false, trail = this.trail): void {
    this.place = { ...this.place, ...part };
    this.trail = trail;
    const address = print(this.place);
    if (replace) history.replaceState({ trail }, '', address);
    else history.pushState({ trail }, '', address);
  }

  /** The address changed under the page: back, forward, or a link. */
  arrive(): void {
    this.place = parse(location.hash);
    this.trail = trailOf(history.state);
    this.toLargest();
  }

  /** An address that names no collection, or `anyway`: the one with most points. */
  toLargest(anyway = false): void {
    const [largest] = [...(this.collections ?? [])].sort((a, b) => b.points - a.points);
    if (!largest || (this.place.collection !== null && !anyway)) return;
    this.go(nowhere(largest.name), true, []);
  }

  like(query: Query): void {
    const from = trailKey(this.place.query);
    const trail = from === null ? [] : [...this.trail, from].slice(-24);
    this.cursor = -1;
    this.go({ query, open: null, compare: false, cutOff: 0, k: nowhere().k }, false, trail);
  }

  likePicture(picture: Blob, name: string): void {
    this.like({ kind: 'picture', token: keep(picture, name) });
  }

  /** Back along the trail to its n-th step. */
  backTo(step: number): void {
    const key = this.trail[step];
    if (key === undefined) return;
    const part = { query: queryOfKey(key), open: null, compare: false, cutOff: 0 };
    this.go(part, false, this.trail.slice(0, step));
  }

  browse(): void {
    this.go({ query: null, open: null, compare: false, cutOff: 0, groupBy: null }, false, []);
  }

  async start(): Promise<void> {
    this.startFailure = null;
    try {
      // The first call alone, so that a missing key is found out once.
      const list = await api.collections();
      this.needsKey = false;
      const [models, health] = await Promise.all([api.models(), api.health().catch(() => null)]);
      this.collections = list;
      this.models = models;
      this.version = health?.version ?? null;
      this.toLargest();
    } catch (cause) {
      const failed = failure(cause);
      if (failed?.status === 401) this.needsKey = true;
      else this.startFailure = failed;
    }
  }

  async reloadCollections(): Promise<void> {
    this.collections = await api.collections();
    if (this.place.collection !== null) await this.enter(this.place.collection);
  }

  /** Reads a collection's shape: its fields, counts without a filter, label colours. */
  async enter(name: string): Promise<void> {
    const signal = this.#entering.next();
    if (this.collection?.name !== name) {
      this.collection = null;
      this.cards = [];
      this.counts = new Map();
    }
    try {
      const shaped = this.#learnAspect(name, signal);
      const found = await api.collection(name, signal);
      const asks = requests(countable(found.fields));
      const answers = await Promise.all(asks.map((ask) => api.facets(name, ask, signal)));
      const facets = answers.flatMap((answer) => answer.facets);
      const label = found.roles.label ?? null;
      const labels = facets.find((facet) => facet.path === label)?.values ?? [];
      await shaped;
      if (signal.aborted) return;
      this.palette = paletteOf(labels.map((v) => String(v.value)));
      this.cards = cards(found.fields, facets, found.points, label);
      this.collection = found;
    } catch (cause) {
      if (!signal.aborted) this.resultFailure = failure(cause);
    }
  }

  /** Cells take the shape that most pictures of the collection have. */
  async #learnAspect(name: string, signal: AbortSignal): Promise<void> {
    let aspect = 1;
    try {
      const [{ points }, { images }] = await Promise.all([
        api.scroll(name, { limit: 1 }, signal),
        api.images(name, 50),
      ]);
      const side = (of: string) => scalarAt(points[0]?.payload ?? {}, `vitrail.tile.${of}`);
      const [w, h] = [side('width'), side('height')];
      const isTile = typeof w === 'number' && typeof h === 'number';
      aspect = snapAspect(isTile ? [w / h] : images.map((image) => image.width / image.height));
    } catch {
      // Square cells serve; what is wrong with the server is said by the calls that matter.
    }
    if (signal.aborted) return;
    this.aspect = aspect;
    this.aspectFor = name;
  }

  async loadResults(): Promise<void> {
    const { collection, query } = this.place;
    const signal = this.#results.next();
    this.resultFailure = null;
    this.pictureLost = false;
    if (collection === null) return;
    this.loading = true;
    try {
      if (query === null) await this.#loadPage(collection, null, signal);
      else await this.#loadNeighbours(collection, query, signal);
    } catch (cause) {
      if (signal.aborted) return;
      this.resultFailure = failure(cause);
      this.answer = null;
      this.points = [];
      this.next = null;
    }
    if (!signal.aborted) this.loading = false;
  }

  async #loadPage(name: string, after: string | null, signal: AbortSignal): Promise<void> {
    const filter = toFilter(this.place.filters);
    const body = { limit: PAGE, ...(filter ? { filter } : {}), ...(after ? { after } : {}) };
    const page = await api.scroll(name, body, signal);
    if (signal.aborted) return;
    this.answer = null;
    this.queryPoint = null;
    this.points = after === null ? page.points : [...this.points, ...page.points];
    this.next = page.next ?? null;
  }

  /** The next page of the browse grid, when its end comes in sight. */
  async more(): Promise<void> {
    const { collection, query } = this.place;
    if (collection === null || query !== null || this.next === null || this.loading) return;
    this.loading = true;
    const signal = this.#results.next();
    try {
      await this.#loadPage(collection, this.next, signal);
    } catch (cause) {
      if (!signal.aborted) this.resultFailure = failure(cause);
    }
    if (!signal.aborted) this.loading = false;
  }

  async #loadNeighbours(name: string, query: NonNullable<Query>, signal: AbortSignal) {
    const roles = (this.collection ?? (await api.collection(name, signal))).roles;
    const wanted = leftOut(this.place, roles);
    if (query.kind === 'id') {
      const point = await api.point(name, query.id, signal);
      const known = knownOf(wanted, roles, point.payload);
      const ask = request(this.place, known);
      const answer = withoutSelf(await api.similar(name, ask, signal), query.id, this.place.k);
      this.#show(
        answer,
        ask,
        point,
        wanted.filter((role) => !known.includes(role)),
        signal,
      );
      return;
    }
    const picture = pictureOf(query.token);
    if (!picture) {
      this.answer = null;
      this.pictureLost = true;
      return;
    }
    // A picture that is stored already has an owner to leave out; of another nobody knows whose.
    const open = request(this.place, []);
    const first = await api.similarTo(name, picture.blob, open, signal);
    const twin = first.explain.known?.exact?.[0];
    if (twin === undefined || wanted.length === 0) {
      this.#show(first, open, null, wanted, signal);
      return;
    }
    const point = await api.point(name, twin, signal);
    const known = knownOf(wanted, roles, point.payload);
    const ask = request(this.place, known);
    const answer =
      known.length === 0 ? first : await api.similarTo(name, picture.blob, ask, signal);
    this.#show(
      answer,
      ask,
      point,
      wanted.filter((role) => !known.includes(role)),
      signal,
    );
  }

  #show(
    answer: api.Answer,
    ask: api.SimilarRequest,
    point: api.Point | null,
    unknown: string[],
    signal: AbortSignal,
  ): void {
    if (signal.aborted) return;
    this.queryPoint = point;
    this.unknownRoles = unknown;
    this.next = null;
    this.asked = ask;
    this.answer = answer;
  }

  /** Counts under the filters; a field's own conditions don't count against its own values. */
  async loadCounts(paths: string[], wide: string[]): Promise<void> {
    const name = this.place.collection;
    const { filters } = this.place;
    const signal = this.#counting.next();
    this.facetFailure = null;
    if (name === null) return;
    const plain = paths.filter((path) => !(path in filters));
    const whole = toFilter(filters);
    const limit = (path: string): number =>
      wide.includes(path) ? VALUES_MORE : this.#isRange(path) ? NUMBERS : VALUES_FIRST;
    const ask = (list: string[], filter: api.Filter | undefined, most: number) =>
      api.facets(name, { paths: list, limit: most, ...(filter ? { filter } : {}) }, signal);
    try {
      const most = Math.max(VALUES_FIRST, ...plain.map(limit));
      const answers = await Promise.all([
        ask(plain, whole, most),
        ...paths
          .filter((path) => path in filters)
          .map((path) => ask([path], toFilter(filters, path), limit(path))),
      ]);
      if (signal.aborted) return;
      this.matched = answers[0].matched;
      this.counts = new Map(answers.flatMap((a) => a.facets).map((f) => [f.path, f]));
    } catch (cause) {
      if (!signal.aborted) this.facetFailure = failure(cause);
    }
  }

  #isRange(path: string): boolean {
    return this.cards.some((card) => card.path === path && card.kind === 'range');
  }

  /** Finds the point whose panel is open: among what is shown, else at the server. */
  async loadOpened(id: string | null): Promise<void> {
    const signal = this.#opening.next();
    const name = this.place.collection;
    if (id === null || name === null) {
      this.opened = null;
      return;
    }
    const near = this.shown.find((point) => point.id === id);
    if (near) {
      this.opened = near;
      return;
    }
    try {
      const point = await api.point(name, id, signal);
      if (!signal.aborted) this.opened = point;
    } catch {
      if (!signal.aborted) this.go({ open: null }, true);
    }
  }

  open(id: string | null): void {
    if (id !== null) this.cursor = this.shown.findIndex((point) => point.id === id);
    this.go({ open: id, compare: false }, this.place.open !== null && id !== null);
  }

  label(point: api.Point): string | null {
    if (this.labelPath === null) return null;
    const found = scalarAt(point.payload, this.labelPath);
    return found === null ? null : String(found);
  }
}

function trailOf(state: unknown): string[] {
  const trail = (state as { trail?: unknown } | null)?.trail;
  return Array.isArray(trail) ? trail.filter((step) => typeof step === 'string') : [];
}

export const session = new Session();
