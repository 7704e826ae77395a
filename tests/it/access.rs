//! Who may ask: every route of the OpenAPI document, with the key, without it, and from elsewhere.
#![expect(clippy::expect_used, reason = "a test's helpers may")]

use serde_json::{Value, json};

use crate::bench::Bench;
use crate::server::Server;

const KEY: &str = "a-key-of-the-tests-0123456789";

/// Routes that hold no data.
const OPEN: &[&str] = &["/", "/healthz", "/dashboard", "/dashboard/{file}"];

/// Every route as `(method, path)`.
fn routes() -> Vec<(String, String)> {
    let document = serde_json::to_value(vitrail_api::openapi()).expect("JSON");
    let paths = document["paths"].as_object().expect("paths").clone();
    let of_path = |(path, methods): (String, Value)| {
        let methods: Vec<String> = methods.as_object().expect("methods").keys().cloned().collect();
        methods.into_iter().map(move |method| (method.to_uppercase(), path.clone()))
    };
    paths.into_iter().flat_map(of_path).collect()
}

/// A path of the document with something in its places.
fn filled(path: &str) -> String {
    let known = [
        ("{collection}", "c"),
        ("{id}", "6c1f0a0e-5e0b-4d2a-9a53-57a1724111fe"),
        ("{model}", "m"),
        ("{level}", "0"),
        ("{tile}", "0_0.jpg"),
    ];
    let mut filled = path.replace("{file}", "").replace("{file:.*}", "");
    for (place, value) in known {
        filled = filled.replace(place, value);
    }
    assert!(!filled.contains('{'), "the test does not know a place of {path}");
    filled
}

#[test]
fn every_route_asks_for_the_key_but_those_without_data() {
    let bench = Bench::new();
    let server = Server::start(&bench, Some(KEY));
    let routes = routes();
    assert!(routes.len() > 20, "only {} routes", routes.len());
    for (method, path) in &routes {
        let target = filled(path);
        let is_open = OPEN.iter().any(|open| path.replace("{file:.*}", "{file}") == *open);
        let send = |headers: &[(&str, &str)]| {
            server.send(method, &target, headers, ("application/json", b"{}".to_vec())).0
        };
        let refused = [send(&[]), send(&[("api-key", "a-key-of-the-tests-9876543210")])];
        assert_eq!(refused, if is_open { [send(&[]); 2] } else { [401; 2] }, "{method} {path}");
        let bearer = format!("Bearer {KEY}");
        for key in [("api-key", KEY), ("authorization", &bearer)] {
            let status = send(&[key]);
            assert!(status != 401 && status != 403, "{method} {path} with {}: {status}", key.0);
        }
    }
}

#[test]
fn without_a_key_only_this_machines_own_pages_may_ask() {
    let bench = Bench::new();
    let server = Server::start(&bench, None);
    for (method, path) in &routes() {
        let target = filled(path);
        for headers in [
            [("host", "evil.example"), ("x", "y")],
            [("origin", "http://evil.example"), ("x", "y")],
        ] {
            let body = ("application/json", b"{}".to_vec());
            let (status, answer) = server.send(method, &target, &headers, body);
            assert_eq!(status, 403, "{method} {path} {headers:?}");
            assert_eq!(answer["error"]["code"], json!("forbidden_host"));
        }
    }
}
