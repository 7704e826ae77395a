//! Vectors over REST: one and many rows a point, every metric, the narrowest and the widest, and
//! what is refused. The golden is what the Qdrant client's local mode answers
//! (`tests/golden/max_sim.py`).
#![expect(clippy::expect_used, reason = "a test's helpers may")]

use serde_json::{Value, json};
use vitrail_domain::Metric;

use crate::bench::Bench;
use crate::server::Server;

fn golden() -> Value {
    serde_json::from_str(include_str!("../golden/max_sim.json")).expect("golden")
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().expect("a list")
}

fn make(server: &Server, name: &str, vector: &Value) {
    let made = json!({"vectors": {"v": vector}, "roles": {"patient": "who"}});
    let (status, told) = server.ask("PUT", &format!("/v1/collections/{name}"), Some(&made));
    assert_eq!(status, 201, "{told}");
}

fn put(server: &Server, name: &str, points: &[Value]) {
    let path = format!("/v1/collections/{name}/points");
    let (status, told) = server.post(&path, &json!({ "points": points }));
    assert_eq!((status, &told["written"]), (200, &json!(points.len())), "{told}");
}

fn similar(server: &Server, name: &str, asked: &Value) -> Value {
    let (status, found) = server.post(&format!("/v1/collections/{name}/similar"), asked);
    assert_eq!(status, 200, "{found}");
    found
}

fn scored(found: &Value) -> Vec<(u64, f64)> {
    let hit = |hit: &Value| Some((hit["id"].as_u64()?, hit["score"].as_f64()?));
    list(found, "hits").iter().map(|one| hit(one).expect("an id and a score")).collect()
}

/// The golden's points under `metric`, in a collection of that name.
fn stocked(server: &Server, golden: &Value, metric: Metric) {
    let vector = json!({"dim": golden["dim"], "metric": metric.name(), "multi": "max_sim"});
    make(server, metric.name(), &vector);
    let point = |point: &Value| {
        let payload = json!({"kind": point["kind"], "who": point["id"].as_u64().map(|id| id / 3)});
        json!({"id": point["id"], "vector": point["rows"], "payload": payload})
    };
    put(server, metric.name(), &list(golden, "points").iter().map(point).collect::<Vec<_>>());
}

#[test]
fn rows_score_as_the_qdrant_client_says_in_every_metric() {
    let (bench, golden) = (Bench::new(), golden());
    let server = Server::start(&bench, None);
    for metric in Metric::ALL {
        stocked(&server, &golden, metric);
        let found = list(&golden["found"], metric.name());
        for (query, wanted) in list(&golden, "queries").iter().zip(found) {
            let mut asked = json!({"vector": query["rows"], "k": golden["k"], "exact": true});
            if !query["kind"].is_null() {
                let kind = json!({"key": "kind", "match": {"value": query["kind"]}});
                asked["filter"] = json!({ "must": [kind] });
            }
            let got = scored(&similar(&server, metric.name(), &asked));
            let wanted = wanted.as_array().expect("hits");
            assert_eq!(got.len(), wanted.len());
            for ((id, score), hit) in got.into_iter().zip(wanted) {
                // There a distance is positive; here a larger score is always closer.
                let sign = match metric {
                    Metric::Cosine | Metric::Dot => 1.0,
                    Metric::Euclid | Metric::Manhattan => -1.0,
                };
                let told = sign * hit[1].as_f64().expect("a score");
                assert_eq!(json!(id), hit[0], "{metric}: {score} beside {told}");
                assert!(
                    (score - told).abs() <= 1e-4 * told.abs().max(1.0),
                    "{metric}: {score} {told}"
                );
            }
        }
    }
}

#[test]
fn rows_are_shown_found_by_id_grouped_changed_and_deleted() {
    let (bench, golden) = (Bench::new(), golden());
    let server = Server::start(&bench, None);
    stocked(&server, &golden, Metric::Cosine);
    let (_, shown) = server.get("/v1/collections/cosine");
    assert_eq!(shown["vectors"]["v"]["multi"], json!("max_sim"), "{shown}");
    let rows = &list(&golden, "points")[7]["rows"];
    let (_, point) = server.get("/v1/collections/cosine/points/7?with_vectors=true");
    assert_eq!(&point["vectors"]["v"], rows);

    let by_id = similar(&server, "cosine", &json!({"id": 7, "k": 60}));
    let count = rows.as_array().map_or(0, Vec::len) as f64;
    let first = scored(&by_id)[0];
    assert!((first.1 - count).abs() < 1e-4, "each of {count} rows is its own best: {first:?}");
    assert_eq!(scored(&by_id).len(), 60);
    let percentiles: Vec<f64> =
        list(&by_id, "hits").iter().filter_map(|hit| hit["percentile"].as_f64()).collect();
    assert!(percentiles.len() == 60 && percentiles.is_sorted_by(|a, b| a >= b));

    let others =
        similar(&server, "cosine", &json!({"id": 7, "k": 60, "exclude_same": ["patient"]}));
    let ids: Vec<u64> = scored(&others).into_iter().map(|hit| hit.0).collect();
    assert_eq!((ids.len(), ids.iter().any(|id| (6..=8).contains(id))), (57, false));
    let grouped = json!({"id": 7, "k": 2, "group_by": "kind", "group_size": 5});
    assert_eq!(list(&similar(&server, "cosine", &grouped), "hits").len(), 10);

    let payload = json!({"set": {"kind": "seen"}, "ids": [9]});
    server.post("/v1/collections/cosine/points/payload", &payload);
    put(&server, "cosine", &[json!({"id": 11, "vectors": {"v": rows}})]);
    server.ask("DELETE", "/v1/collections/cosine/points", Some(&json!({"ids": [7]})));
    let found = similar(&server, "cosine", &json!({"vector": rows, "k": 60}));
    assert_eq!((scored(&found).len(), scored(&found)[0].0), (59, 11));
    // One row is asked for as a list of numbers, too.
    let one = similar(&server, "cosine", &json!({"vector": rows[0], "k": 1}));
    assert!((scored(&one)[0].1 - 1.0).abs() < 1e-4, "{one}");
}

/// Numbers that differ by point and place, none of them round.
fn row(point: usize, dim: usize) -> Vec<f64> {
    (0..dim).map(|at| ((point * 31 + at * 17) as f64 * 0.7).sin() + 0.01 * point as f64).collect()
}

fn score(metric: Metric, a: &[f64], b: &[f64]) -> f64 {
    let sum =
        |term: fn(f64, f64) -> f64| -> f64 { a.iter().zip(b).map(|(x, y)| term(*x, *y)).sum() };
    let length = |row: &[f64]| row.iter().map(|x| x * x).sum::<f64>().sqrt();
    match metric {
        Metric::Cosine => sum(|x, y| x * y) / (length(a) * length(b)),
        Metric::Dot => sum(|x, y| x * y),
        Metric::Euclid => -sum(|x, y| (x - y) * (x - y)).sqrt(),
        Metric::Manhattan => -sum(|x, y| (x - y).abs()),
    }
}

#[test]
fn the_narrowest_and_the_widest_vectors_are_found_in_every_metric() {
    let bench = Bench::new();
    let server = Server::start(&bench, None);
    for dim in [2, 3, 16_384] {
        for metric in Metric::ALL {
            let name = format!("{}-{dim}", metric.name());
            make(&server, &name, &json!({"dim": dim, "metric": metric.name()}));
            let point = |at: usize| json!({"id": at, "vector": row(at, dim)});
            put(&server, &name, &(0..20).map(point).collect::<Vec<_>>());
            let query = row(100, dim);
            let found = scored(&similar(&server, &name, &json!({"vector": query, "k": 5})));
            let mut wanted: Vec<f64> =
                (0..20).map(|at| score(metric, &query, &row(at, dim))).collect();
            wanted.sort_by(|a, b| b.total_cmp(a));
            assert_eq!(found.len(), 5);
            for ((id, got), best) in found.into_iter().zip(wanted) {
                let own = score(metric, &query, &row(id as usize, dim));
                let near = 1e-4 * own.abs().max(1.0);
                assert!((got - own).abs() < near && (own - best).abs() < near, "{name} {id} {got}");
            }
        }
    }
    for dim in [0, 16_385] {
        let made = json!({"vectors": {"v": {"dim": dim}}});
        let (status, told) = server.ask("PUT", "/v1/collections/none", Some(&made));
        assert_eq!((status, &told["error"]["field"]), (400, &json!("vectors.v")), "{told}");
        let message = told["error"]["message"].as_str().expect("a message");
        assert!(message.contains("from 1 to 16384"), "{message}");
    }
    let odd = json!({"vectors": {"v": {"dim": 2, "multi": "colbert"}}});
    let (status, told) = server.ask("PUT", "/v1/collections/none", Some(&odd));
    assert_eq!(status, 400, "{told}");
}

#[test]
fn what_is_no_finite_number_is_named_by_its_place() {
    let bench = Bench::new();
    let server = Server::start(&bench, None);
    make(&server, "one", &json!({"dim": 2}));
    make(&server, "many", &json!({"dim": 2, "multi": "max_sim"}));
    let cases = [
        ("one", "[0.5, null]", "points[1]: vector \"v\": component 1: invalid type: null"),
        ("one", "[1e400, 0.5]", "points[1]: vector \"v\": component 0: number out of range"),
        ("one", "[0.5, 1e39]", "point 7, vector \"v\": component 1 of the vector is inf"),
        ("one", "[0.5, -1e16]", "point 7, vector \"v\": component 1 of the vector is -1"),
        ("one", "[0.0, 0.0]", "point 7, vector \"v\": the vector is all zeros"),
        ("one", "[0.5]", "point 7, vector \"v\": the vector has 1 components, not 2"),
        ("one", "[[0.5, 0.5]]", "point 7, vector \"v\": 1 rows are given"),
        ("many", "[[0.5, 0.5], [0.5, null]]", "vector \"v\": row 1: component 1: invalid type"),
        ("many", "[[0.5, 0.5], [1e39, 1]]", "point 7, vector \"v\", row 1: component 0 of"),
        ("many", "[[0.5, 0.5], [0, 0]]", "point 7, vector \"v\", row 1: the vector is all zeros"),
        ("many", "[[0.5, 0.5], [1]]", "row 1 has 1 components, and row 0 has 2"),
        ("many", "[[0.5, 0.5], 1]", "numbers and lists stand side by side"),
    ];
    for (name, vector, words) in cases {
        // As text: no JSON value holds 1e400.
        let first = r#"{"id": 1, "vector": [1, 1]}"#;
        let body = format!(r#"{{"points": [{first}, {{"id": 7, "vectors": {{"v": {vector}}}}}]}}"#);
        let path = format!("/v1/collections/{name}/points");
        let (status, told) = server.send("POST", &path, &[], ("application/json", body.into()));
        assert_eq!(status, 400, "{vector}: {told}");
        let message = told["error"]["message"].as_str().expect("a message");
        assert!(message.contains(words), "{vector}: {message}");
        assert_eq!(server.get(&format!("/v1/collections/{name}")).1["points"], json!(0));
    }
    let (status, told) =
        server.post("/v1/collections/one/similar", &json!({"vector": [[1.0, 2.0], [0.0, 1.0]]}));
    assert_eq!((status, &told["error"]["code"]), (400, &json!("invalid_vector")), "{told}");
    let most = vec![[0.5, 0.5]; 257];
    let body = json!({"points": [{"id": 1, "vector": most}]});
    let (status, told) = server.post("/v1/collections/many/points", &body);
    assert_eq!((status, &told["error"]["field"]), (400, &json!("points[0].vector")), "{told}");
    put(&server, "many", &[json!({"id": 1, "vector": &most[1..]})]);
}
