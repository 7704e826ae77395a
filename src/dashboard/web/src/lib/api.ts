// The REST contract as the page uses it, and its client: the one file that a generator replaces.

export type Scalar = string | number | boolean;
export type Json = null | Scalar | Json[] | { [key: string]: Json };
export type Payload = { [key: string]: Json };

export interface VectorInfo {
  dim: number;
  metric: string;
  model?: string | null;
  contract?: string | null;
  points: number;
  graph_points?: number;
}
export type FieldType = 'keyword' | 'text' | 'integer' | 'float' | 'bool';
export interface FieldInfo {
  path: string;
  type: FieldType;
  points: number;
}
export interface Collection {
  name: string;
  points: number;
  images: number;
  created_at: string;
  vectors: Record<string, VectorInfo>;
  roles: Record<string, string>;
  fields: FieldInfo[];
}
export interface Model {
  name: string;
  dim: number;
  metric: string;
  state: 'verified' | 'unverified' | 'refused';
  reason?: string | null;
  licence?: string | null;
  note?: string | null;
  runtime?: string | null;
}
export interface Point {
  id: string;
  image_id?: string | null;
  payload: Payload;
}
export interface Hit extends Point {
  score: number;
  percentile: number | null;
}
export interface Explain {
  plan: 'exact' | 'codes' | 'graph' | 'means';
  vector: string;
  metric: string;
  model?: string | null;
  contract?: string | null;
  points: number;
  matched: number;
  compared: number;
  estimated: number;
  ef?: number | null;
  unindexed?: string[];
  filter_us: number;
  search_us: number;
  decode_ms?: number | null;
  embed_ms?: number | null;
  total_ms: number;
  exclude_same?: Record<string, string>;
  known?: { exact?: string[] } | null;
}
export interface Group {
  value: string | null;
  size: number;
}
export interface Answer {
  hits: Hit[];
  groups?: Group[] | null;
  explain: Explain;
}
export interface SimilarRequest {
  id?: string;
  using?: string;
  k: number;
  filter?: Filter;
  exclude_same?: string[];
  group_by?: string;
  group_size?: number;
  percentiles: true;
}
export type Match = { value: Scalar } | { any: Scalar[] } | { except: Scalar[] } | { text: string };
export interface Range {
  gt?: number;
  gte?: number;
  lt?: number;
  lte?: number;
}
export type Condition =
  { key: string; match: Match } | { key: string; range: Range } | { is_empty: { key: string } };
export interface Filter {
  must?: Condition[];
  must_not?: Condition[];
}
export interface FacetValue {
  value: Scalar;
  count: number;
}
export interface Facet {
  path: string;
  values: FacetValue[];
  missing: number;
  distinct: number;
}
export interface Facets {
  matched: number;
  facets: Facet[];
}
export interface ImageRecord {
  id: string;
  uri: string;
  format: string;
  width: number;
  height: number;
  bytes: number;
  sha256: string;
  mpp?: number | null;
}
export interface UploadItem {
  name: string;
  status: 'stored' | 'skipped' | 'refused';
  image_id?: string;
  point_ids?: string[];
  code?: string;
  message?: string;
}
export type JobState = 'queued' | 'running' | 'done' | 'failed' | 'cancelled' | 'interrupted';
export interface Job {
  id: string;
  kind: string;
  collection: string;
  state: JobState;
  created_at: string;
  done: number;
  total: number | null;
  ingested: number;
  skipped: number;
  refused_count: number;
  refused: { path: string; code: string; message: string }[];
  images_per_second: number;
  seconds_left: number | null;
  message?: string | null;
}

/** What went wrong, in the server's words, with what to do about it. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly todo: string,
    readonly status: number,
    readonly requestId: string | null = null,
  ) {
    super(message);
  }
}

let key: string | null = null;
/** The key sent with every call; null where the server needs none. */
export function setKey(value: string | null): void {
  key = value;
}
export function hasKey(): boolean {
  return key !== null;
}

function headers(extra: Record<string, string> = {}): Record<string, string> {
  return key === null ? extra : { ...extra, 'api-key': key };
}

async function errorOf(response: Response): Promise<ApiError> {
  const id = response.headers.get('x-request-id');
  try {
    const { error } = (await response.json()) as {
      error: { code: string; message: string; todo?: string };
    };
    return new ApiError(error.code, error.message, error.todo ?? '', response.status, id);
  } catch {
    const text = `The server answered ${response.status} without a reason.`;
    return new ApiError('internal', text, 'Read the server’s log.', response.status, id);
  }
}

async function send(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    const todo = 'Check that vitrail serve is still running, then try again.';
    throw new ApiError('unreachable', 'The server does not answer.', todo, 0);
  }
  if (!response.ok) throw await errorOf(response);
  return response;
}

type Signal = AbortSignal | undefined;
const withSignal = (signal: Signal): RequestInit => (signal ? { signal } : {});

async function get<T>(path: string, signal?: Signal): Promise<T> {
  const response = await send(path, { headers: headers(), ...withSignal(signal) });
  return (await response.json()) as T;
}

async function json<T>(method: string, path: string, body: unknown, signal?: Signal): Promise<T> {
  const response = await send(path, {
    method,
    headers: headers({ 'content-type': 'application/json' }),
    body: JSON.stringify(body),
    ...withSignal(signal),
  });
  return (await response.json()) as T;
}

const at = (collection: string): string => `/v1/collections/${encodeURIComponent(collection)}`;

export const health = (): Promise<{ status: string; version: string; points: number }> =>
  get('/healthz');
export const models = async (): Promise<Model[]> =>
  (await get<{ models: Model[] }>('/v1/models')).models;
export const collections = async (): Promise<Collection[]> =>
  (await get<{ collections: Collection[] }>('/v1/collections')).collections;
export const collection = (name: string, signal?: Signal): Promise<Collection> =>
  get(at(name), signal);
export const createCollection = (name: string): Promise<Collection> => json('PUT', at(name), {});

export const point = (c: string, id: string, signal?: Signal): Promise<Point> =>
  get(`${at(c)}/points/${encodeURIComponent(id)}`, signal);
export const image = (c: string, id: string, signal?: Signal): Promise<ImageRecord> =>
  get(`${at(c)}/images/${encodeURIComponent(id)}`, signal);
export const images = (c: string, limit: number): Promise<{ images: ImageRecord[] }> =>
  get(`${at(c)}/images?limit=${limit}`);

export interface ScrollRequest {
  filter?: Filter;
  limit: number;
  after?: string;
}
export interface Scroll {
  points: Point[];
  next?: string | null;
}
export const scroll = (c: string, body: ScrollRequest, signal?: Signal): Promise<Scroll> =>
  json('POST', `${at(c)}/points/scroll`, body, signal);

export interface FacetRequest {
  paths: string[];
  filter?: Filter;
  limit: number;
}
export const facets = (c: string, body: FacetRequest, signal?: Signal): Promise<Facets> =>
  json('POST', `${at(c)}/facets`, body, signal);

export const similar = (c: string, body: SimilarRequest, signal?: Signal): Promise<Answer> =>
  json('POST', `${at(c)}/similar`, body, signal);

/** Neighbours of a picture that is not stored. */
export async function similarTo(
  c: string,
  picture: Blob,
  body: SimilarRequest,
  signal?: Signal,
): Promise<Answer> {
  const form = new FormData();
  form.append('request', new Blob([JSON.stringify(body)], { type: 'application/json' }));
  form.append('image', picture, 'query');
  const init = { method: 'POST', headers: headers(), body: form, ...withSignal(signal) };
  return (await (await send(`${at(c)}/similar`, init)).json()) as Answer;
}

export async function upload(c: string, files: File[]): Promise<UploadItem[]> {
  const form = new FormData();
  for (const file of files) form.append('file', file, file.name);
  const init = { method: 'POST', headers: headers(), body: form };
  const answer = (await (await send(`${at(c)}/images`, init)).json()) as { items: UploadItem[] };
  return answer.items;
}

export const ingestPath = async (c: string, path: string, metadata: string): Promise<Job> => {
  const body = metadata === '' ? { paths: [path] } : { paths: [path], metadata };
  return (await json<{ job: Job }>('POST', `${at(c)}/images`, body)).job;
};

export const jobs = async (): Promise<Job[]> => (await get<{ jobs: Job[] }>('/v1/jobs')).jobs;
export const jobAct = (id: string, act: 'cancel' | 'resume'): Promise<unknown> =>
  json('POST', `/v1/jobs/${encodeURIComponent(id)}/${act}`, {});

/** Follows one job's events; `fetch`, since EventSource can't send a key. */
export async function follow(id: string, each: (job: Job) => void, signal: AbortSignal) {
  const init = { headers: headers({ accept: 'text/event-stream' }), signal };
  const response = await send(`/v1/jobs/${encodeURIComponent(id)}/events`, init);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) return;
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (rest + value).split(/\r?\n\r?\n/);
    rest = events.pop() ?? '';
    for (const event of events) {
      const data = event.split(/\r?\n/).filter((line) => line.startsWith('data:'));
      if (data.length > 0) each(JSON.parse(data.map((line) => line.slice(5)).join('\n')) as Job);
    }
  }
}

export const thumbnailAddress = (c: string, pointId: string): string =>
  `${at(c)}/points/${encodeURIComponent(pointId)}/thumbnail`;
/** The point's picture as large as the server makes it: a tile is cut from its slide. */
export const pictureAddress = (c: string, pointId: string): string =>
  `${thumbnailAddress(c, pointId)}?side=1024`;
export const fileAddress = (c: string, imageId: string): string =>
  `${at(c)}/images/${encodeURIComponent(imageId)}/file`;

/** A picture's bytes, for a server with a key: `<img>` can't send one. */
export async function bytes(address: string, signal?: Signal): Promise<Blob> {
  return (await send(address, { headers: headers(), ...withSignal(signal) })).blob();
}
