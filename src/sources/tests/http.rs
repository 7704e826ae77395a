//! Plain HTTP: redirects, attempts, credentials, machines that may not be asked.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use vitrail_domain::{Cancel, Code};

use super::peer::{Peer, Reply};
use super::{all, fetch, item, open, settings, sources};
use crate::{AllowList, Credentials, Secret, SourceError, Sources, Spool};

/// A web server with one picture and many ways to it.
fn server() -> Peer {
    Peer::start(|asked| match asked.path() {
        "/pictures/a.png" => Reply::new(200, "image/png", b"the picture".as_slice()),
        "/pictures/moved" => Reply::status(302).with("location", "a.png"),
        "/pictures/out" => Reply::status(302).with("location", "/private/b.png"),
        "/pictures/away" => Reply::status(301).with("location", "http://169.254.169.254/latest"),
        "/pictures/round" => Reply::status(302).with("location", "round"),
        "/private/b.png" => Reply::new(200, "image/png", b"not yours".as_slice()),
        "/pictures/locked" => match asked.header("authorization") {
            Some("Bearer let me in") => Reply::new(200, "image/png", b"in".as_slice()),
            Some("Basic dTpwOncK") => Reply::new(200, "image/png", b"in".as_slice()),
            _ => Reply::new(401, "text/plain", b"who are you?".as_slice()),
        },
        "/pictures/echo" => {
            Reply::new(418, "text/plain", asked.header("authorization").unwrap_or("nobody"))
        }
        _ => Reply::status(404),
    })
}

#[test]
fn an_object_comes_through_redirects_within_the_list() {
    let server = server();
    let sources = sources(&[&server.url("/pictures")]);
    for path in ["/pictures/a.png", "/pictures/moved"] {
        let source = open(&sources, &server.url(path), Credentials::Anonymous);
        let (items, pages) = all(&source, None).unwrap();
        assert_eq!((items.len(), pages), (1, 1));
        assert_eq!(items[0].uri, server.url(path), "the address asked for stays its name");
        assert_eq!(fetch(&source, &items[0]).unwrap(), b"the picture");
        assert_eq!(all(&source, Some(&items[0].uri)).unwrap().0, []);
    }
}

#[test]
fn redirects_out_of_the_list_are_refused_unasked() {
    let server = server();
    let sources = sources(&[&server.url("/pictures")]);
    for (path, code) in [
        ("/pictures/out", Code::SourceForbidden),
        ("/pictures/away", Code::SourceForbidden),
        ("/pictures/round", Code::SourceFailed),
        ("/pictures/none", Code::SourceMissing),
    ] {
        let source = open(&sources, &server.url(path), Credentials::Anonymous);
        let error = fetch(&source, &item(&server.url(path))).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    }
    assert!(server.asked().iter().all(|asked| !asked.path().starts_with("/private")));
    let outside = crate::Address::parse(&server.url("/private/b.png")).unwrap();
    let refused = sources.open(&outside, Credentials::Anonymous).unwrap_err();
    assert_eq!(refused.code(), Code::SourceForbidden);
}

#[test]
fn a_name_that_means_a_private_machine_is_not_connected_to() {
    let server = server();
    let port = server.address.port();
    let address = format!("http://localhost:{port}/pictures/a.png");
    let of = |private: bool| {
        let mut allow = AllowList::new();
        allow.add(&format!("http://localhost:{port}/"), private).unwrap();
        Sources::new(settings(allow))
    };
    let shut = open(&of(false), &address, Credentials::Anonymous);
    let error = fetch(&shut, &item(&address)).unwrap_err();
    assert_eq!(error.code(), Code::SourceForbidden, "{error}");
    assert_eq!(server.asked().len(), 0, "nothing reached the machine");
    let opened = open(&of(true), &address, Credentials::Anonymous);
    assert_eq!(fetch(&opened, &item(&address)).unwrap(), b"the picture");
}

#[test]
fn credentials_are_sent_to_their_source_alone_and_never_told() {
    let server = server();
    let elsewhere = Peer::start(|_| Reply::new(200, "image/png", b"elsewhere".as_slice()));
    let target = elsewhere.url("/a");
    let first = Peer::start(move |_| Reply::status(307).with("location", &target));
    let sources = sources(&[&server.url("/"), &elsewhere.url("/"), &first.url("/")]);
    let locked = server.url("/pictures/locked");
    let bearer = |text: &str| Credentials::Bearer(Secret::new(text));
    let basic = Credentials::Basic { user: "u".to_owned(), password: Secret::new("p:w\n") };
    for credentials in [bearer("let me in"), basic] {
        let source = open(&sources, &locked, credentials);
        assert_eq!(fetch(&source, &item(&locked)).unwrap(), b"in");
    }
    let source = open(&sources, &locked, bearer("wrong"));
    assert_eq!(fetch(&source, &item(&locked)).unwrap_err().code(), Code::SourceUnauthorized);
    let source = open(&sources, &first.url("/x"), bearer("let me in"));
    assert_eq!(fetch(&source, &item(&first.url("/x"))).unwrap(), b"elsewhere");
    assert_eq!(elsewhere.asked()[0].header("authorization"), None);
    assert_eq!(first.asked()[0].header("authorization"), Some("Bearer let me in"));
    let echo = server.url("/pictures/echo");
    let error = fetch(&open(&sources, &echo, bearer("planted")), &item(&echo)).unwrap_err();
    assert!(error.to_string().contains("418") && !error.to_string().contains("planted"), "{error}");
    let shown = format!("{:?}", open(&sources, &echo, bearer("planted")));
    assert!(!shown.contains("planted"), "{shown}");
}

#[test]
fn credentials_do_not_go_over_plain_http_into_the_open() {
    let mut allow = AllowList::new();
    allow.add("http://192.0.2.1/", true).unwrap();
    allow.add("http://93.184.216.34/", false).unwrap();
    let sources = Sources::new(settings(allow));
    let uri = "http://93.184.216.34/a";
    let source = open(&sources, uri, Credentials::Bearer(Secret::new("t")));
    let error = fetch(&source, &item(uri)).unwrap_err();
    assert_eq!(error.code(), Code::SourceForbidden, "{error}");
}

#[test]
fn it_tries_again_as_the_source_asks_and_gives_up_in_the_end() {
    let count = AtomicU32::new(0);
    let server = Peer::start(move |asked| match asked.path() {
        "/down" => Reply::new(500, "text/plain", b"out of\nmemory".as_slice()),
        "/later" => Reply::status(503).with("retry-after", "3600"),
        _ => match count.fetch_add(1, Ordering::SeqCst) {
            0 => Reply::status(429).with("retry-after", "1"),
            1 => Reply::status(502),
            2 => Reply::new(200, "image/png", vec![7; 100_000]).cut(50_000),
            _ => Reply::new(200, "image/png", vec![8; 100_000]),
        },
    });
    let sources = sources(&[&server.url("/")]);
    let source = open(&sources, &server.url("/a"), Credentials::Anonymous);
    let started = Instant::now();
    assert_eq!(fetch(&source, &item(&server.url("/a"))).unwrap(), vec![8; 100_000]);
    assert!(started.elapsed() >= Duration::from_secs(1), "it waits as long as it is asked to");
    assert_eq!(server.asked().len(), 4);
    let error = fetch(&source, &item(&server.url("/down"))).unwrap_err();
    assert!(error.is_of_source());
    assert!(error.to_string().ends_with("answered 500: out of memory"), "{error}");
    assert_eq!(server.asked().len(), 4 + 5);
    assert!(fetch(&source, &item(&server.url("/later"))).is_err());
    assert_eq!(server.asked().len(), 4 + 5 + 1, "an hour is not waited for");
}

#[test]
fn silence_and_closed_ports_are_told_and_waiting_can_be_cancelled() {
    let server = Peer::start(|asked| {
        if asked.path() == "/slow" {
            std::thread::sleep(Duration::from_secs(4));
        }
        Reply::status(200)
    });
    let mut quick = settings(AllowList::new());
    quick.silence = Duration::from_millis(100);
    quick.allow.add(&server.url("/"), true).unwrap();
    let source = open(&Sources::new(quick), &server.url("/slow"), Credentials::Anonymous);
    let error = fetch(&source, &item(&server.url("/slow"))).unwrap_err();
    assert!(error.to_string().contains("silent"), "{error}");
    let patient = sources(&[&server.url("/")]);
    let source = open(&patient, &server.url("/slow"), Credentials::Anonymous);
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path(), 1 << 20).unwrap();
    let cancel = Cancel::new();
    let started = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(200));
            cancel.cancel();
        });
        let fetched = source.fetch(&item(&server.url("/slow")), &spool, &cancel);
        assert!(matches!(fetched, Err(SourceError::Cancelled)));
    });
    assert!(started.elapsed() < Duration::from_secs(3));
    assert_eq!(spool.used(), 0);
    let closed = server.url("/a");
    drop(server);
    let error = fetch(&source, &item(&closed)).unwrap_err();
    assert!(error.is_of_source() && error.to_string().contains("refused"), "{error}");
}
