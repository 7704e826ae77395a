//! Damaged derived files, and what a crash leaves lying about: named in the log, answered rightly
//! all the same, made anew.
#![expect(clippy::expect_used, reason = "a test's helpers may")]
#![expect(clippy::disallowed_methods, reason = "tests damage their own files")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Load, Look, vector, write_while};
use crate::full::graph_points;
use crate::ground::{Ground, segments, walk};
use crate::process::{Client, Server, check};

/// Points that seal a segment when they are read anew, and some more.
const POINTS: u64 = 2_300;

const LOAD: Load = Load { dim: 4_096, batch: 48, ids_per_writer: 1_200, writers: 3 };

/// A store at rest with a frozen segment, dead rows in it, and newer points beside it.
fn stocked(seed: u64, points: u64) -> Ground {
    let mut ground = Ground::new(seed, LOAD);
    let server = ground.start();
    ground.create(&server, LOAD);
    ground.begin_round(1);
    let (client, begun) = (server.client.clone(), Instant::now());
    write_while(&client, &mut ground.writers, || {
        while graph_points(&client) == 0 || points_shown(&client) < points {
            assert!(begun.elapsed() < Duration::from_secs(60), "no freeze: {}", server.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    ground.verify(&server, Look::Whole);
    server.stop();
    ground
}

fn points_shown(client: &Client) -> u64 {
    let (_, shown) = client.get("/v1/collections/c").expect("an answer");
    shown["points"].as_u64().unwrap_or_default()
}

/// Exact neighbours of vectors that nobody wrote.
fn exact(client: &Client) -> Vec<Value> {
    let ask = |number: u64| {
        let vector = vector(number, 7, LOAD.dim);
        let asked = json!({"vector": vector, "k": 10, "exact": true, "percentiles": false});
        let (status, answer) = client.post("/v1/collections/c/similar", &asked).expect("an answer");
        assert_eq!(status, 200, "{answer}");
        let hits = answer["hits"].as_array().expect("hits").iter();
        json!(hits.map(|hit| (hit["id"].clone(), hit["score"].clone())).collect::<Vec<_>>())
    };
    (0..5).map(|number| ask(number + 77_000_000)).collect()
}

/// Walks, until the log names the file or all was looked at.
fn walk_until_named(server: &Server, name: &str, patience: Duration) {
    let begun = Instant::now();
    for number in (0..).take_while(|_| begun.elapsed() < patience) {
        if server.log().contains(name) {
            return;
        }
        let vector = vector(number + 88_000_000, 7, LOAD.dim);
        let asked = json!({"vector": vector, "k": 100, "ef": 1_000, "percentiles": false});
        let answer = server.client.post("/v1/collections/c/similar", &asked);
        assert_eq!(answer.map(|(status, _)| status), Some(200));
    }
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).expect("a file");
    let at = bytes.len() / 2;
    bytes[at] ^= 4;
    fs::write(path, bytes).expect("a file");
}

fn files(store: &Path) -> Vec<PathBuf> {
    let all = walk(&store.join("collections")).into_iter();
    let of_segments = |path: &PathBuf| path.components().any(|part| part.as_os_str() == "segments");
    all.filter(|(path, folder)| !folder && of_segments(path)).map(|(path, _)| path).collect()
}

fn kind(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

#[test]
fn every_kind_of_damaged_segment_file_is_named_and_made_anew() {
    let mut ground = stocked(61, POINTS);
    let server = ground.start();
    let truth = exact(&server.client);
    server.stop();
    let kinds: BTreeSet<String> = files(&ground.store).iter().map(|path| kind(path)).collect();
    assert!(kinds.len() >= 6, "{kinds:?}");
    for one in &kinds {
        let all = files(&ground.store);
        let path = all.iter().find(|path| kind(path) == *one).expect("a file of each kind");
        flip(path);
        let name = path.strip_prefix(&ground.store).expect("in the store").display().to_string();
        let server = ground.start();
        let answers = exact(&server.client);
        walk_until_named(&server, &name, Duration::from_secs(20));
        let log = server.log();
        assert!(log.contains(&name), "{name} is not named: {log}");
        // What was damaged the last time was made anew.
        let others = log.lines().filter(|line| line.contains("again") && !line.contains(&name));
        assert_eq!(others.count(), 0, "{name}: {log}");
        assert_eq!(answers, truth, "{name}: {log}");
        await_graph(&server);
        assert_eq!(exact(&server.client), truth, "{name}");
        server.stop();
    }
    let server = ground.start();
    ground.verify(&server, Look::Whole);
    walk_until_named(&server, "again", Duration::from_secs(2));
    assert!(!server.log().contains("again"), "{}", server.log());
    server.stop();
    check(&ground.store);
    println!("{}", json!({"kinds": kinds, "answers": "equal"}));
}

fn await_graph(server: &Server) {
    let begun = Instant::now();
    while graph_points(&server.client) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "no graph: {}", server.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn leftovers_do_not_keep_a_store_from_starting() {
    let mut ground = stocked(62, 0);
    let server = ground.start();
    let truth = exact(&server.client);
    server.stop();
    let segment = segments(&ground.store).pop().expect("a segment");
    let vectors = segment.parent().expect("the vector's folder").to_path_buf();
    let collection = vectors.parent().and_then(Path::parent).expect("a collection").to_path_buf();
    let manifest = vectors.join("manifest");
    let whole = fs::read(&manifest).expect("a manifest");
    fs::write(&manifest, &whole[..whole.len() / 2]).expect("half a manifest");
    fs::create_dir(vectors.join("00000000000000ff")).expect("a folder");
    fs::write(vectors.join("00000000000000ff/slots"), b"half").expect("a file");
    fs::write(vectors.join("manifest.7-7.tmp"), b"half").expect("a file");
    fs::write(collection.join("fields/0123456789abcdef0123456789abcdef.7.del"), b"half")
        .expect("it");
    fs::write(collection.join("fields/.tmpA7x"), b"half").expect("a file");
    fs::write(collection.join("stray"), b"x").expect("a file");
    fs::create_dir(ground.store.join("collections/5a5a5a5a-0000-4000-8000-000000000000"))
        .expect("it");
    fs::create_dir(ground.store.join("blobs/zz")).expect("a folder");
    fs::write(ground.store.join("blobs/zz/left.1-1.tmp"), b"half").expect("a file");
    fs::write(collection.join("acknowledged"), b"").expect("nothing");
    let server = ground.start();
    assert_eq!(exact(&server.client), truth);
    ground.begin_round(2);
    write_while(&server.client, &mut ground.writers, || {
        std::thread::sleep(Duration::from_millis(300));
    });
    ground.verify(&server, Look::Whole);
    assert!(server.log().contains("manifest"), "the manifest is not named: {}", server.log());
    server.stop();
    let server = ground.start();
    ground.verify(&server, Look::Whole);
    assert!(
        !vectors.join("00000000000000ff").exists() && !vectors.join("manifest.7-7.tmp").exists()
    );
}
