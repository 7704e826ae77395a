//! Object stores: in memory, on disk, and an S3 server where `VITRAIL_TEST_S3` names one
//! (`http://HOST:PORT`, any keys, a bucket `vitrail-test` that the test fills itself).

use std::sync::Arc;
use std::time::Duration;

use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use vitrail_domain::Code;
use vitrail_domain::limits::SOURCE_PAGE_ITEMS;

use super::bucket::{Objects, s3};
use super::{all, fetch, item, open, settings};
use crate::object::{Bucket, StoreSettings};
use crate::{Address, AllowList, Credentials, Secret, Source, Sources};

const PAUSE: Duration = Duration::from_millis(10);

fn put(store: &dyn ObjectStore, key: &str, bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let path = Path::parse(key).unwrap();
    runtime.block_on(store.put(&path, bytes.to_vec().into())).unwrap();
}

fn uris(source: &Source, after: Option<&str>) -> Vec<String> {
    all(source, after).unwrap().0.into_iter().map(|item| item.uri).collect()
}

#[test]
fn names_come_in_sorted_pages_and_go_on_after_any() {
    let store = Arc::new(InMemory::new());
    let count = 2 * SOURCE_PAGE_ITEMS + 5;
    for number in 0..count {
        put(&*store, &format!("scans/{number:05}.jpg"), &[1, 2, 3]);
    }
    for other in ["scan", "scans2/a.jpg", "b.jpg", "scans.jpg"] {
        put(&*store, other, b"x");
    }
    let bucket = |key: &str| {
        Source::of_bucket(Bucket::new(store.clone(), "s3://b-1/".to_owned(), PAUSE), key)
    };
    for key in ["scans", "scans/"] {
        let (items, pages) = all(&bucket(key), None).unwrap();
        assert_eq!((items.len(), pages), (count, 3), "{key}");
        assert!(items.windows(2).all(|pair| pair[0].uri < pair[1].uri));
        assert_eq!(items[0].uri, "s3://b-1/scans/00000.jpg");
        assert_eq!(items[0].bytes, Some(3));
        let after = uris(&bucket(key), Some("s3://b-1/scans/01999.jpg"));
        assert_eq!(after.len(), count - 2_000);
        assert_eq!(after[0], "s3://b-1/scans/02000.jpg");
    }
    assert_eq!(uris(&bucket(""), None).len(), count + 4);
    assert_eq!(uris(&bucket("nothing"), None).len(), 0);
    assert_eq!(uris(&bucket("scans/00007.jpg"), None), ["s3://b-1/scans/00007.jpg"]);
    let one = bucket("");
    assert_eq!(fetch(&one, &item("s3://b-1/scans/00007.jpg")).unwrap(), [1, 2, 3]);
    let error = fetch(&one, &item("s3://b-1/none")).unwrap_err();
    assert_eq!(error.code(), Code::SourceMissing);
    let large = crate::Item { uri: "s3://b-1/b.jpg".to_owned(), bytes: Some(u64::MAX) };
    assert_eq!(fetch(&one, &large).unwrap_err().code(), Code::ImageTooLarge);
}

fn objects(given: &[(&str, &str)]) -> Objects {
    given.iter().map(|(key, body)| ((*key).to_owned(), body.as_bytes().to_vec())).collect()
}

fn of_s3(endpoint: &str) -> Sources {
    let mut allow = AllowList::new();
    allow.add("s3://bucket/scans", false).unwrap();
    allow.add("s3://vitrail-test/", false).unwrap();
    let endpoint = url::Url::parse(endpoint).unwrap();
    let stores = StoreSettings { s3_endpoint: Some(endpoint), ..StoreSettings::default() };
    Sources::new(crate::Settings { stores, ..settings(allow) })
}

fn keys(id: &str, secret: &str) -> Credentials {
    Credentials::S3 {
        access_key_id: id.to_owned(),
        secret_access_key: Secret::new(secret),
        session_token: None,
    }
}

#[test]
fn s3_is_spoken_signed_and_unsigned() {
    let objects = objects(&[("scans/a.jpg", "one"), ("scans/b.jpg", "two"), ("z", "no")]);
    for (credentials, wants) in
        [(Credentials::Anonymous, None), (keys("AKIA1", "planted"), Some("AKIA1"))]
    {
        let peer = s3(objects.clone(), wants);
        let sources = of_s3(&peer.url(""));
        let source = open(&sources, "s3://bucket/scans", credentials.clone());
        let (items, _) = all(&source, None).unwrap();
        let uris: Vec<&str> = items.iter().map(|item| item.uri.as_str()).collect();
        assert_eq!(uris, ["s3://bucket/scans/a.jpg", "s3://bucket/scans/b.jpg"]);
        assert_eq!(fetch(&source, &items[1]).unwrap(), b"two");
        let is_signed = |asked: &super::peer::Asked| asked.header("authorization").is_some();
        assert!(peer.asked().iter().all(|asked| is_signed(asked) == wants.is_some()));
        let asked = format!("{:?}", peer.asked());
        assert!(!asked.contains("planted"), "the key itself is never sent");
    }
    let peer = s3(objects, Some("AKIA1"));
    let source = open(&of_s3(&peer.url("")), "s3://bucket/scans/", Credentials::Anonymous);
    assert_eq!(all(&source, None).unwrap_err().code(), Code::SourceUnauthorized);
    let outside = Address::parse("s3://bucket/z").unwrap();
    let refused = of_s3(&peer.url("")).open(&outside, Credentials::Anonymous).unwrap_err();
    assert_eq!(refused.code(), Code::SourceForbidden);
}

#[test]
fn a_listing_out_of_order_is_told() {
    let objects = objects(&[("scans/b.jpg", "one"), ("scans/a.jpg", "two")]);
    let peer = s3(objects, None);
    let source = open(&of_s3(&peer.url("")), "s3://bucket/scans/", Credentials::Anonymous);
    let error = all(&source, None).unwrap_err();
    assert!(error.code() == Code::SourceFailed && error.to_string().contains("after"), "{error}");
}

#[test]
fn a_real_s3_server_gives_back_what_it_was_given() {
    let Ok(endpoint) = std::env::var("VITRAIL_TEST_S3") else {
        eprintln!("skipped: VITRAIL_TEST_S3 names no S3 server");
        return;
    };
    // Opened first, since it is what says which cryptography there is.
    let sources = of_s3(&endpoint);
    let source = open(&sources, "s3://vitrail-test/a b", keys("k", "s"));
    let store = object_store::aws::AmazonS3Builder::new()
        .with_bucket_name("vitrail-test")
        .with_region("us-east-1")
        .with_endpoint(&endpoint)
        .with_allow_http(true)
        .with_access_key_id("k")
        .with_secret_access_key("s")
        .build()
        .unwrap();
    let names = ["a b/ü+%.jpg", "a b/z.jpg", "a b/0/deep.jpg", "a c.jpg"];
    for name in names {
        put(&store, name, name.repeat(10_000).as_bytes());
    }
    let (items, _) = all(&source, None).unwrap();
    let mut expected: Vec<String> =
        names[..3].iter().map(|name| format!("s3://vitrail-test/{name}")).collect();
    expected.sort();
    assert_eq!(items.iter().map(|item| item.uri.clone()).collect::<Vec<_>>(), expected);
    for item in &items {
        let name = item.uri.trim_start_matches("s3://vitrail-test/");
        assert_eq!(fetch(&source, item).unwrap(), name.repeat(10_000).as_bytes());
    }
    assert_eq!(uris(&source, Some(&expected[0])), expected[1..]);
    for number in 0..SOURCE_PAGE_ITEMS + 10 {
        put(&store, &format!("many/{number:05}"), b"1");
    }
    let many = open(&sources, "s3://vitrail-test/many/", keys("k", "s"));
    let (items, pages) = all(&many, None).unwrap();
    assert_eq!((items.len(), pages), (SOURCE_PAGE_ITEMS + 10, 2));
}
