//! Ingest from far away: DICOMweb and object stores through the job, cancelled, resumed, refused.
//! The peers are those of the room's own tests.
#![expect(clippy::expect_used, reason = "a test's helpers may")]

#[path = "../../src/sources/tests/bucket.rs"]
mod bucket;
#[path = "../../src/sources/tests/pacs.rs"]
mod pacs;
#[path = "../../src/sources/tests/peer.rs"]
mod peer;

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vitrail_domain::{Cancel, Code, PointId, Raster};
use vitrail_ingest::encode_png;
use vitrail_jobs::{IngestSpec, JobState, Jobs, Progress, Watch};
use vitrail_sources::{AllowList, Credentials, Secret, Settings, StoreSettings};

use crate::bench::{Bench, MODEL, within};
use crate::server::Server;
use bucket::s3;
use pacs::{Habits, Instances, uids};
use peer::Peer;

/// A picture of its own.
fn picture(seed: u8) -> Vec<u8> {
    let mut raster = Raster::filled(64, 64, [seed, 90, 255 - seed]).expect("a raster");
    for (at, value) in raster.pixels_mut().iter_mut().enumerate() {
        *value = value.wrapping_add((at as u32 / 3 % (3 + u32::from(seed) % 17)) as u8);
    }
    encode_png(&raster).expect("png")
}

/// A DICOM server whose instances are pictures, but for one that is DICOM.
fn archive(count: u8) -> Instances {
    let mut instances = Instances::new();
    for number in 0..count {
        let study = format!("1.2.{}", number % 3);
        let instance = format!("1.2.9.{number}");
        instances.insert(uids(&study, "1.2.5", &instance), picture(number));
    }
    let dicom = [b"\0".repeat(128), b"DICM".to_vec(), vec![2, 0, 0, 0, b'U', b'L', 4, 0]].concat();
    instances.insert(uids("1.2.7", "1.2.5", "1.2.9.99"), dicom);
    instances
}

fn quick(allow: AllowList) -> Settings {
    let pause = Duration::from_millis(10);
    Settings { allow, pause, silence: Duration::from_secs(10), ..Settings::default() }
}

/// Whoever runs an ingest names what he means.
fn named() -> Settings {
    Settings { named: true, ..quick(AllowList::new()) }
}

fn spec_of(address: &str) -> IngestSpec {
    let mut spec = IngestSpec::new("c".parse().expect("a name"), Vec::new());
    spec.model = Some(MODEL.to_owned());
    spec.sources = vec![address.to_owned()];
    spec
}

fn dicomweb(peer: &Peer) -> String {
    format!("dicomweb+{}", peer.url("/dicom-web"))
}

/// How many files of the spool are left.
fn left_in_spool(bench: &Bench) -> usize {
    let spool = bench.ingest.catalog.store().dir().join("spool");
    std::fs::read_dir(spool).map_or(0, Iterator::count)
}

/// Whether bytes stand anywhere in a folder.
fn holds(folder: &Path, wanted: &[u8]) -> bool {
    std::fs::read_dir(folder).expect("a folder").any(|entry| {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            return holds(&path, wanted);
        }
        // RocksDB may have removed it in between.
        let bytes = std::fs::read(&path).unwrap_or_default();
        bytes.windows(wanted.len()).any(|window| window == wanted)
    })
}

#[test]
fn instances_become_points_under_their_own_addresses() {
    let peer = pacs::serve(archive(20), Habits { page_max: 4, busy: 1, ..Habits::default() });
    let bench = Bench::with_sources(named());
    let spec = spec_of(&dicomweb(&peer));
    let first = bench.run(&spec);
    assert_eq!((first.ingested, first.skipped, first.refused_count), (20, 0, 1));
    assert_eq!((first.total, first.complete), (21, true));
    // DICOM, cut short; its address holds identifiers, so it stands under a pseudonym.
    assert_eq!(first.refused[0].code, Code::ImageTruncated);
    assert!(!first.refused[0].path.contains("1.2.9.99"), "{:?}", first.refused[0]);
    let records = bench.records();
    let uris: Vec<&Value> =
        records.iter().map(|record| within(record, &["vitrail", "source", "uri"])).collect();
    let expected = format!("{}/studies/1.2.1/series/1.2.5/instances/1.2.9.4", dicomweb(&peer));
    assert!(uris.contains(&&json!(expected)), "{uris:?}");
    let again = bench.run(&spec);
    assert_eq!((again.ingested, again.skipped, again.refused_count), (0, 20, 1));
    assert_eq!(left_in_spool(&bench), 0);

    let image = records[0].image.expect("an image");
    let collection = bench.collection();
    assert!(!bench.cases.image_thumbnail(&collection, image).expect("a thumbnail").is_empty());
    let gone = bench.cases.image_file(&collection, image).expect_err("not kept");
    assert!(gone.to_string().contains("not kept here"), "{gone}");
}

#[test]
fn objects_take_their_rows_of_a_table_and_obey_patterns() {
    let mut objects: bucket::Objects =
        (0..6).map(|at| (format!("scans/a/{at}.png"), picture(at))).collect();
    objects.insert(0, ("scans/a".to_owned(), Vec::new()));
    objects.push(("scans/b/6.png".to_owned(), picture(6)));
    objects.push(("scans/notes.txt".to_owned(), b"notes".to_vec()));
    let peer = s3(objects, Some("AKIA"));
    let s3_endpoint = Some(peer.url("").parse().expect("an address"));
    let stores = StoreSettings { s3_endpoint, ..StoreSettings::default() };
    let bench = Bench::with_sources(Settings { stores, ..named() });
    let mut spec = spec_of("s3://bucket/scans/");
    spec.credentials = Credentials::S3 {
        access_key_id: "AKIA".to_owned(),
        secret_access_key: Secret::new("planted-key"),
        session_token: None,
    };
    let table = "file,patient_id,age\na/0.png,p1,7\nb/6.png,p2,8\n";
    spec.metadata = Some(bench.put("table.csv", table.as_bytes()));
    spec.exclude = vec!["5.png".to_owned()];
    let done = bench.run(&spec);
    assert_eq!((done.ingested, done.refused_count), (6, 0));
    let of = |uri: &str| {
        let records = bench.records();
        let is_it = |record: &&vitrail_domain::PointRecord| {
            within(record, &["vitrail", "source", "uri"]) == uri
        };
        let found = records.iter().find(is_it).expect("a point");
        within(found, &["patient_id"]).clone()
    };
    assert_eq!(of("s3://bucket/scans/a/0.png"), json!("p1"));
    assert_eq!(of("s3://bucket/scans/b/6.png"), json!("p2"));
    assert_eq!(of("s3://bucket/scans/a/1.png"), Value::Null);
}

/// Cancels after so many points.
struct Until(Cancel, u64, std::sync::atomic::AtomicU64);

impl Watch for Until {
    fn acknowledged(&self, ids: &[PointId]) {
        let count = ids.len() as u64;
        let before = self.2.fetch_add(count, std::sync::atomic::Ordering::SeqCst);
        if before + count >= self.1 {
            self.0.cancel();
        }
    }

    fn moved(&self, _: &Progress) {}
}

fn until(points: u64) -> Until {
    Until(Cancel::new(), points, std::sync::atomic::AtomicU64::new(0))
}

#[test]
fn a_cancelled_pull_goes_on_where_it_stopped_also_in_another_process() {
    let authorization = Some("Bearer planted-token".to_owned());
    let peer = pacs::serve(archive(200), Habits { authorization, ..Habits::default() });
    let bench = Bench::with_sources(named());
    let mut spec = spec_of(&dicomweb(&peer));
    spec.credentials = Credentials::Bearer(Secret::new("planted-token"));
    let jobs = Jobs::open(bench.ingest.clone()).expect("jobs");
    let job = jobs.add(spec).expect("a job");
    let watch = until(64);
    let ended = jobs.run_here(job.id, &watch.0.clone(), &watch).expect("a run");
    assert!(ended.cancelled && ended.summary.ingested >= 64 && ended.summary.ingested < 200);
    let fetches = |peer: &Peer| {
        peer.asked().iter().filter(|asked| asked.path().contains("/instances/")).count()
    };
    let before = fetches(&peer);
    drop(jobs);

    let jobs = Jobs::open(bench.ingest.clone()).expect("jobs");
    let stored = jobs.get(job.id).expect("the job");
    assert!(stored.spec.reached.is_some(), "the place is stored");
    assert_eq!(stored.spec.credentials, Credentials::Anonymous, "and the token is not");
    jobs.make_ready(job.id).expect("ready");
    let watch = until(u64::MAX);
    let error = jobs.run_here(job.id, &watch.0.clone(), &watch).expect_err("no token");
    assert_eq!(error.code(), Code::SourceUnauthorized, "{error}");
    jobs.credit(job.id, Credentials::Bearer(Secret::new("planted-token"))).expect("a job");
    jobs.make_ready(job.id).expect("ready");
    let ended = jobs.run_here(job.id, &watch.0.clone(), &watch).expect("a run");
    assert!(!ended.cancelled);
    assert_eq!(bench.records().len(), 200);
    let after = fetches(&peer) - before;
    assert!(after < 201 - 40, "{after} of 201 were fetched again after {before}");
    let done = jobs.get(job.id).expect("the job");
    assert_eq!((done.state, done.spec.reached), (JobState::Done, None));
    drop(jobs);
    assert_eq!(left_in_spool(&bench), 0);
    assert!(!holds(bench.ingest.catalog.store().dir(), b"planted-token"));
}

#[test]
fn a_source_that_is_down_stops_the_job_so_that_it_can_be_resumed() {
    let gone = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let (down, instances) = (gone.clone(), archive(30));
    let inner = pacs::serve(instances, Habits::default());
    let address = inner.address;
    let peer = Peer::start(move |asked| {
        let is_fetch = asked.path().contains("/instances/");
        if is_fetch && down.load(std::sync::atomic::Ordering::SeqCst) {
            return peer::Reply::status(500);
        }
        forward(address, asked)
    });
    let bench = Bench::with_sources(named());
    let jobs = Jobs::open(bench.ingest.clone()).expect("jobs");
    let job = jobs.add(spec_of(&dicomweb(&peer))).expect("a job");
    let watch = until(u64::MAX);
    let error = jobs.run_here(job.id, &watch.0.clone(), &watch).expect_err("it is down");
    assert_eq!(error.code(), Code::SourceFailed, "{error}");
    let failed = jobs.get(job.id).expect("the job");
    assert_eq!(failed.state, JobState::Failed);
    assert!(failed.progress.refused.iter().all(|one| !one.message.contains("1.2.5")));
    gone.store(false, std::sync::atomic::Ordering::SeqCst);
    jobs.make_ready(job.id).expect("ready");
    let ended = jobs.run_here(job.id, &watch.0.clone(), &watch).expect("a run");
    assert_eq!((ended.summary.ingested, ended.summary.refused_count), (30, 1));
}

/// The answer of another peer.
fn forward(address: std::net::SocketAddr, asked: &peer::Asked) -> peer::Reply {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer =
        agent.get(format!("http://{address}{}", asked.target)).call().expect("an answer");
    let kind = answer.headers().get("content-type").and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().to_owned();
    let status = answer.status().as_u16();
    peer::Reply::new(status, &kind, answer.body_mut().read_to_vec().expect("a body"))
}

/// Asks for a job until it is no longer active.
fn ended(server: &Server, id: &str) -> Value {
    let started = Instant::now();
    loop {
        let (_, job) = server.get(&format!("/v1/jobs/{id}"));
        if !matches!(job["state"].as_str(), Some("queued" | "running")) {
            return job;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{job}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_server_fetches_only_what_its_list_allows_and_keeps_no_credentials() {
    let authorization = Some("Bearer planted-token".to_owned());
    let peer = pacs::serve(archive(5), Habits { authorization, ..Habits::default() });
    let mut allow = AllowList::new();
    allow.add(&dicomweb(&peer), true).expect("a prefix");
    let bench = Bench::with_sources(quick(allow));
    let server = Server::start(&bench, None);
    let ask = |body: Value| server.post("/v1/collections/c/images", &body);
    let body = |path: &str| json!({"paths": [path], "model": MODEL});
    for (path, code) in [
        (peer.url("/other/a.png"), "source_forbidden"),
        ("http://169.254.169.254/latest/meta-data".to_owned(), "source_forbidden"),
        ("s3://bucket/scans".to_owned(), "source_forbidden"),
        ("file:///etc/passwd".to_owned(), "forbidden_path"),
        ("ftp://host/a".to_owned(), "invalid_request"),
        (format!("{}?limit=1", dicomweb(&peer)), "invalid_request"),
    ] {
        let (status, answer) = ask(body(&path));
        assert_eq!(answer["error"]["code"], json!(code), "{path}: {answer}");
        assert_eq!(answer["error"]["field"], json!("paths"));
        assert!(status == 403 || status == 400);
    }
    assert_eq!(peer.asked().len(), 0);
    let (status, answer) = ask(body(&dicomweb(&peer)));
    assert_eq!(status, 202, "{answer}");
    let id = answer["job"]["id"].as_str().expect("an id").to_owned();
    let failed = ended(&server, &id);
    assert_eq!(failed["state"], json!("failed"));
    assert!(failed["message"].as_str().is_some_and(|why| why.contains("401")), "{failed}");
    let half = json!({"credentials": {"user": "u"}});
    assert_eq!(server.post(&format!("/v1/jobs/{id}/resume"), &half).0, 400);
    let whole = json!({"credentials": {"bearer_token": "planted-token"}});
    let (status, resumed) = server.post(&format!("/v1/jobs/{id}/resume"), &whole);
    assert_eq!(status, 200, "{resumed}");
    let done = ended(&server, &id);
    assert_eq!((&done["state"], &done["ingested"]), (&json!("done"), &json!(5)), "{done}");
    let all = server.get("/v1/jobs").1.to_string();
    assert!(!all.contains("planted-token") && !done.to_string().contains("planted-token"));
    drop(server);
    assert!(!holds(bench.ingest.catalog.store().dir(), b"planted-token"));
}
