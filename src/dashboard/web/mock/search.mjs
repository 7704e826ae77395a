// Filters, facets and neighbours over the mock's points, slow and plain.

const valueAt = (p, key) => p.payload[key];

function holds(p, condition) {
  if (condition.is_empty) return valueAt(p, condition.is_empty.key) === undefined;
  if (condition.must || condition.must_not) return passes(p, condition);
  const v = valueAt(p, condition.key);
  const { match, range } = condition;
  if (range) {
    return (
      typeof v === 'number' &&
      !(v < range.gte) &&
      !(v > range.lte) &&
      !(v <= range.gt) &&
      !(v >= range.lt)
    );
  }
  if (v === undefined) return false;
  if ('any' in match) return match.any.includes(v);
  if ('except' in match) return !match.except.includes(v);
  if ('text' in match) return String(v).toLowerCase().includes(match.text.toLowerCase());
  return v === match.value;
}

export function passes(p, filter) {
  if (!filter) return true;
  const must = filter.must ?? [];
  const not = filter.must_not ?? [];
  return must.every((c) => holds(p, c)) && !not.some((c) => holds(p, c));
}

export function facets(c, { paths, filter, limit = 20 }) {
  const within = c.points.filter((p) => passes(p, filter));
  return {
    matched: within.length,
    facets: paths.map((path) => {
      const counts = new Map();
      let missing = 0;
      for (const p of within) {
        const v = valueAt(p, path);
        if (v === undefined) missing += 1;
        else counts.set(v, (counts.get(v) ?? 0) + 1);
      }
      const values = [...counts].map(([value, count]) => ({ value, count }));
      values.sort((a, b) => b.count - a.count);
      return { path, values: values.slice(0, limit), missing, distinct: counts.size };
    }),
  };
}

const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);

export function similar(c, query, request) {
  const own = {};
  for (const role of request.exclude_same ?? []) {
    const value = query.payload?.[c.roles[role]];
    if (value === undefined) {
      return {
        error: {
          code: 'identity_unknown',
          message: `The query's own ${role} is not known, so it can't be left out.`,
          todo: 'Leave the role out of exclude_same.',
          field: `exclude_same`,
        },
      };
    }
    own[role] = value;
  }
  const allowed = c.points.filter(
    (p) =>
      passes(p, request.filter) &&
      Object.entries(own).every(([role, value]) => p.payload[c.roles[role]] !== value),
  );
  const scored = allowed.map((p) => ({ p, score: dot(query.vector, p.vector) }));
  scored.sort((a, b) => b.score - a.score);
  const sample = c.points.filter((_, i) => i % Math.ceil(c.points.length / 1000) === 0);
  const background = sample.map((p) => dot(query.vector, p.vector)).sort((a, b) => a - b);
  const percentile = (score) => {
    if (c.points.length < 50) return null;
    const below = background.findIndex((b) => b >= score);
    return (100 * (below < 0 ? background.length : below)) / background.length;
  };
  const hit = ({ p, score }) => ({
    id: p.id,
    score,
    percentile: percentile(score),
    image_id: p.image_id,
    payload: p.payload,
  });
  const explain = {
    plan: c.points.length > 20_000 && !request.filter ? 'graph' : 'exact',
    vector: 'efficientnet-lite0',
    metric: 'cosine',
    model: 'efficientnet-lite0',
    contract: 'b3:5f1c9a20d4',
    points: c.points.length,
    matched: allowed.length,
    compared: c.points.length > 20_000 ? 2_318 : allowed.length,
    ef: c.points.length > 20_000 ? 160 : null,
    unindexed: [],
    filter_us: 212,
    search_us: 640,
    ...(request.id ? {} : { decode_ms: 1.9, embed_ms: 6.6 }),
    total_ms: request.id ? 1.1 : 9.8,
    exclude_same: own,
    known: { exact: [] },
  };
  if (!request.group_by) return { hits: scored.slice(0, request.k).map(hit), explain };
  const groups = new Map();
  const path = c.roles[request.group_by] ?? request.group_by;
  for (const s of scored) {
    const value = s.p.payload[path] ?? null;
    const key = value === null ? s.p.id : value;
    const g = groups.get(key) ?? { value: value === null ? null : String(value), list: [] };
    if (!groups.has(key) && groups.size >= request.k) continue;
    if (g.list.length < (request.group_size ?? 3)) g.list.push(s);
    groups.set(key, g);
  }
  const list = [...groups.values()];
  return {
    hits: list.flatMap((g) => g.list.map(hit)),
    groups: list.map((g) => ({ value: g.value, size: g.list.length })),
    explain,
  };
}
