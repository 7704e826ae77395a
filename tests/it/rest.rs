//! REST as a client meets it: real pictures through a real model, over a real socket.
#![expect(clippy::expect_used, reason = "a test's helpers may")]

use serde_json::{Value, json};
use vitrail_domain::Raster;
use vitrail_ingest::encode_png;

use crate::bench::{Bench, MODEL};
use crate::server::Server;

/// A picture that differs from others in stripes and colour.
fn picture(seed: u32) -> Vec<u8> {
    let colour = [60 + (seed * 37 % 150) as u8, 90, 200 - (seed * 23 % 150) as u8];
    let mut raster = Raster::filled(260, 240, colour).expect("a raster");
    for (at, value) in raster.pixels_mut().iter_mut().enumerate() {
        let (x, y) = (at as u32 / 3 % 260, at as u32 / 780);
        let stripe = (x * (1 + seed % 4) + y * (1 + seed % 3)) / 16 % 2;
        *value = value.wrapping_add(stripe as u8 * (20 + seed as u8));
    }
    encode_png(&raster).expect("png")
}

fn scores(answer: &Value) -> Vec<f64> {
    let hits = answer["hits"].as_array().expect("hits");
    hits.iter().map(|hit| hit["score"].as_f64().expect("a score")).collect()
}

#[test]
fn uploaded_pictures_are_found_by_picture_id_and_filter() {
    let bench = Bench::new();
    let server = Server::start(&bench, None);
    let pictures: Vec<Vec<u8>> = (0..6).map(picture).collect();
    for (at, bytes) in pictures.iter().enumerate() {
        let fields = json!({"label": if at % 2 == 0 { "even" } else { "odd" }, "age": at * 10});
        let fields = fields.to_string();
        let name = format!("p{at}.png");
        let parts: [(&str, Option<&str>, &[u8]); 3] = [
            ("file", Some(&name), bytes),
            ("fields", None, fields.as_bytes()),
            ("model", None, MODEL.as_bytes()),
        ];
        let (status, stored) = server.form("/v1/collections/c/images", &parts);
        assert_eq!((status, &stored["items"][0]["status"]), (200, &json!("stored")), "{stored}");
    }
    let again: [(&str, Option<&str>, &[u8]); 3] = [
        ("file", Some("p0.png"), &pictures[0]),
        ("file", Some("bad.png"), &pictures[1][..100]),
        ("model", None, MODEL.as_bytes()),
    ];
    let (_, mixed) = server.form("/v1/collections/c/images", &again);
    let states = [&mixed["items"][0]["status"], &mixed["items"][1]["status"]];
    assert_eq!(states, [&json!("skipped"), &json!("refused")]);
    assert_eq!(mixed["items"][1]["code"], json!("image_truncated"));

    let request =
        json!({"k": 3, "filter": {"must": [{"key": "label", "match": {"value": "odd"}}]}});
    let request = request.to_string();
    let parts: [(&str, Option<&str>, &[u8]); 2] =
        [("image", Some("q.png"), &pictures[3]), ("request", None, request.as_bytes())];
    let (status, found) = server.form("/v1/collections/c/similar", &parts);
    assert_eq!((status, found["hits"].as_array().map(Vec::len)), (200, Some(3)), "{found}");
    assert!((scores(&found)[0] - 1.0).abs() < 1e-5, "the picture itself comes first: {found}");
    assert_eq!(found["explain"]["known"]["exact"][0], found["hits"][0]["id"]);
    assert_eq!(
        (&found["explain"]["matched"], &found["explain"]["plan"]),
        (&json!(3), &json!("exact"))
    );

    let id = found["hits"][0]["id"].clone();
    let (_, by_id) = server.post("/v1/collections/c/similar", &json!({"id": id, "k": 6}));
    assert_eq!(scores(&by_id).len(), 6);
    assert!(scores(&by_id).windows(2).all(|pair| pair[0] >= pair[1]));
    let (_, grouped) =
        server.post("/v1/collections/c/similar", &json!({"id": id, "k": 2, "group_by": "label"}));
    assert_eq!(grouped["groups"].as_array().map(Vec::len), Some(2));

    let point = format!("/v1/collections/c/points/{}", id.as_str().expect("a UUID"));
    let (status, small) = server.bytes(&format!("{point}/thumbnail"));
    assert_eq!((status, small.get(..2)), (200, Some(&[0xff, 0xd8][..])));
    let image = found["hits"][0]["image_id"].as_str().expect("an image").to_owned();
    let (_, file) = server.bytes(&format!("/v1/collections/c/images/{image}/file"));
    assert_eq!(file, pictures[3], "the upload is kept byte for byte");
}

#[test]
fn points_are_written_filtered_counted_changed_and_deleted() {
    let bench = Bench::new();
    let server = Server::start(&bench, None);
    let made =
        json!({"vectors": {"v": {"dim": 2, "metric": "euclid"}}, "roles": {"patient": "who"}});
    assert_eq!(server.ask("PUT", "/v1/collections/c", Some(&made)).0, 201);
    assert_eq!(server.ask("PUT", "/v1/collections/c", Some(&made)).0, 409);
    let point = |at: u64| {
        let payload = json!({"who": format!("p{}", at / 2), "n": at});
        json!({"id": at, "vector": [at, 0.0], "payload": payload})
    };
    let points: Vec<Value> = (0..10).map(point).collect();
    let (status, written) = server.post("/v1/collections/c/points", &json!({ "points": points }));
    assert_eq!((status, &written["written"]), (200, &json!(10)));
    let reserved = json!({"points": [{"id": 1, "vector": [1, 1], "payload": {"vitrail": {}}}]});
    let (status, refused) = server.post("/v1/collections/c/points", &reserved);
    assert_eq!((status, &refused["error"]["code"]), (400, &json!("invalid_payload")), "{refused}");
    let wrong = json!({"points": [{"id": 1, "vector": [1, 2, 3]}]});
    assert_eq!(
        server.post("/v1/collections/c/points", &wrong).1["error"]["code"],
        "invalid_vector"
    );

    let mut asked = json!({"vector": [4.1, 0.0], "k": 3, "exclude_same": ["patient"]});
    let (_, stranger) = server.post("/v1/collections/c/similar", &asked);
    assert_eq!(stranger["error"]["code"], json!("identity_unknown"));
    asked["same"] = json!({"patient": "p2"});
    let (_, near) = server.post("/v1/collections/c/similar", &asked);
    let ids: Vec<_> = near["hits"].as_array().expect("hits").iter().map(|hit| &hit["id"]).collect();
    assert_eq!(ids, [&json!(3), &json!(6), &json!(2)], "4 and 5 are the patient's own");

    let half = json!({"must": [{"key": "n", "range": {"gte": 5}}]});
    let facets = json!({"paths": ["who", "nothing"], "filter": half});
    let (_, counted) = server.post("/v1/collections/c/facets", &facets);
    assert_eq!(counted["matched"], json!(5));
    assert_eq!(counted["facets"][0]["distinct"], json!(3));
    assert_eq!(counted["facets"][1]["missing"], json!(5));
    let change = json!({"set": {"seen": true}, "remove": ["n"], "filter": half});
    assert_eq!(server.post("/v1/collections/c/points/payload", &change).1["changed"], json!(5));
    let seen = json!({"filter": {"must": [{"key": "seen", "match": {"value": true}}]}, "limit": 3});
    let (_, page) = server.post("/v1/collections/c/points/scroll", &seen);
    assert_eq!(page["points"].as_array().map(Vec::len), Some(3));
    let mut next = seen;
    next["after"] = page["next"].clone();
    let (_, last) = server.post("/v1/collections/c/points/scroll", &next);
    assert_eq!((last["points"].as_array().map(Vec::len), &last["next"]), (Some(2), &Value::Null));
    let gone = json!({"ids": [0, 1]});
    let (_, deleted) = server.ask("DELETE", "/v1/collections/c/points", Some(&gone));
    assert_eq!(deleted["deleted"], json!(2));
    assert_eq!(server.get("/v1/collections/c/points/0").0, 404);
    assert_eq!(server.get("/v1/collections/c").1["points"], json!(8));
    assert_eq!(server.ask("DELETE", "/v1/collections/c", None).0, 200);
    assert_eq!(server.get("/v1/collections/c").0, 404);
}

#[test]
fn paths_under_a_root_become_a_job_that_tells_its_end() {
    let bench = Bench::new();
    for at in 0..4 {
        bench.put(&format!("in/p{at}.png"), &picture(at));
    }
    bench.put("in/bad.png", b"no picture at all");
    let table = bench.put("in/table.csv", b"file,label\np0.png,first\n");
    let server = Server::start(&bench, None);
    let folder = bench.sources.join("in");
    let asked = json!({"paths": [folder], "metadata": table, "model": MODEL});
    let (status, accepted) = server.post("/v1/collections/c/images", &asked);
    assert_eq!(status, 202, "{accepted}");
    let id = accepted["job"]["id"].as_str().expect("an id").to_owned();
    let (_, events) = server.bytes(&format!("/v1/jobs/{id}/events"));
    let events = String::from_utf8(events).expect("text");
    let last = events.rsplit("data: ").next().expect("an event").trim();
    let job: Value = serde_json::from_str(last).expect("a job");
    assert_eq!((&job["state"], &job["ingested"]), (&json!("done"), &json!(4)), "{job}");
    assert_eq!(job["refused"][0]["code"], json!("image_unknown_format"));
    let (_, label) = server.post("/v1/collections/c/facets", &json!({"paths": ["label"]}));
    assert_eq!(label["facets"][0]["values"], json!([{"value": "first", "count": 1}]));
    let resume = server.post(&format!("/v1/jobs/{id}/resume"), &json!({}));
    assert_eq!((resume.0, &resume.1["error"]["code"]), (409, &json!("job_state")));
    for outside in ["/etc/hostname", "/no/such/file"] {
        let (status, refused) =
            server.post("/v1/collections/c/images", &json!({"paths": [outside]}));
        assert_eq!((status, &refused["error"]["code"]), (403, &json!("forbidden_path")));
    }
}
