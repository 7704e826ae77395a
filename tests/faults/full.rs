//! A full disk: reads and searches go on, writes are refused with 507, and when there is room again
//! they are taken again without a restart.
#![expect(clippy::expect_used, clippy::print_stdout, reason = "a test's helpers may")]

use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{Load, Look, acknowledged, write_while};
use crate::ground::segments;
use crate::process::{Client, Server, check};
use crate::shim::{NO_SPACE, Word};
use crate::shimmed::Shimmed;

const LOAD: Load = Load { dim: 4_096, batch: 24, ids_per_writer: 600, writers: 3 };

/// RocksDB looks every five seconds whether there is room again.
const RESUMES_WITHIN: Duration = Duration::from_secs(20);

#[test]
fn a_full_disk_refuses_writes_and_resumes_by_itself() {
    let Some(mut full) = Shimmed::new(91, LOAD) else { return };
    let server = full.start(0, 0).expect("a server");
    full.ground.create(&server, LOAD);
    let client = server.client.clone();
    let mut resumed = Vec::new();
    // The first time there is room for a few writes more, of which the last is torn; later ends
    // come at any moment, in a freeze too.
    for round in 1..=2 {
        full.ground.begin_round(round);
        let before = segments(&full.ground.store);
        write_while(&client, &mut full.ground.writers, || {
            let begun = Instant::now();
            let longest = Duration::from_millis(if round == 1 { 700 } else { 4_000 });
            while begun.elapsed() < longest && segments(&full.ground.store) == before {
                std::thread::sleep(Duration::from_millis(2));
            }
            full.shim.set(Word::Budget, if round == 1 { 900_001 } else { 0 });
            full.shim.set(Word::Mode, NO_SPACE);
            std::thread::sleep(Duration::from_millis(1_500));
        });
        refused(&full, &client);
        full.ground.verify(&server, Look::Round(round));
        assert_eq!(reads(&client), [200; 4]);
        full.shim.set(Word::Mode, 0);
        resumed.push(await_writes(&client).as_millis() as u64);
        write_while(&client, &mut full.ground.writers, || {
            std::thread::sleep(Duration::from_millis(300));
        });
        full.ground.verify(&server, Look::Round(round));
    }
    end(full, server, &resumed);
}

fn end(mut full: Shimmed, server: Server, resumed: &[u64]) {
    let (client, begun) = (server.client.clone(), Instant::now());
    // What was put off is done: a segment is frozen, whether or not one was when room ended.
    while graph_points(&client) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "no segment: {}", server.log());
        write_while(&client, &mut full.ground.writers, || {
            std::thread::sleep(Duration::from_millis(300));
        });
    }
    full.ground.verify(&server, Look::Whole);
    let log = server.kill();
    assert!(!log.contains("panicked"), "{log}");
    let server = full.ground.start();
    full.ground.verify(&server, Look::Whole);
    server.stop();
    check(&full.ground.store);
    let refused =
        full.ground.writers.iter().flat_map(|writer| writer.refused.values()).sum::<u64>();
    let acknowledged = acknowledged(&full.ground.writers);
    println!(
        "{}",
        json!({"resumed_ms": resumed, "refused": refused, "acknowledged": acknowledged, "lost": 0})
    );
}

/// Every writer, and every other kind of write, is refused with the one code.
fn refused(full: &Shimmed, client: &Client) {
    for writer in &full.ground.writers {
        assert!(writer.refused.contains_key(&507), "{:?}", writer.refused);
        assert!(!writer.refused.contains_key(&500), "{:?}", writer.refused);
    }
    let vectors = json!({"vectors": {"v": {"dim": 2}}});
    let point = json!({"points": [{"id": 77, "vector": vec![1; LOAD.dim]}]});
    let all = json!({"ids": [full.ground.writers[0].any_point()]});
    let calls = [
        ("PUT", "/v1/collections/other", &vectors),
        ("POST", "/v1/collections/c/points", &point),
        ("DELETE", "/v1/collections/c/points", &all),
    ];
    for (method, path, body) in calls {
        let (status, said) = client.ask(method, path, Some(body)).expect("an answer");
        assert_eq!((status, &said["error"]["code"]), (507, &json!("no_space")), "{path}: {said}");
    }
}

fn reads(client: &Client) -> [u16; 4] {
    let facets = json!({"paths": ["half", "round"]});
    let answers = [
        client.get("/healthz"),
        client.get("/v1/collections/c"),
        client.get("/v1/collections"),
        client.post("/v1/collections/c/facets", &facets),
    ];
    answers.map(|answer| answer.map_or(0, |(status, _)| status))
}

/// How long it takes until a write is taken.
fn await_writes(client: &Client) -> Duration {
    let begun = Instant::now();
    let point = json!({"points": [{"id": 999_999_999, "vector": vec![1; LOAD.dim]}]});
    loop {
        let (status, said) = client.post("/v1/collections/c/points", &point).expect("an answer");
        if status == 200 {
            let gone = json!({"ids": [999_999_999]});
            let deleted = client.ask("DELETE", "/v1/collections/c/points", Some(&gone));
            assert_eq!(deleted.map(|(status, _)| status), Some(200));
            return begun.elapsed();
        }
        assert_eq!(status, 507, "{said}");
        assert!(begun.elapsed() < RESUMES_WITHIN, "writing doesn't resume: {said}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Points that a graph covers.
pub fn graph_points(client: &Client) -> u64 {
    let (_, shown) = client.get("/v1/collections/c").expect("an answer");
    shown["vectors"]["v"]["graph_points"].as_u64().unwrap_or_default()
}
