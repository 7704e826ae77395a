//! DICOMweb against a peer built from the standard.

use vitrail_domain::Code;

use super::pacs::{Habits, Instances, serve, uids};
use super::peer::{Peer, Reply};
use super::{all, fetch, item, open, sources};
use crate::{Credentials, Secret, SourceError};

/// Three studies; the last series has many instances.
fn instances() -> Instances {
    let mut all = Instances::new();
    for (study, series, count) in [("1.2", "1.2.1", 3), ("1.2", "1.2.2", 1), ("1.10", "7", 40)] {
        for number in 1..=count {
            let instance = format!("{series}.{number}");
            let file = [b"\0".repeat(128), b"DICM".to_vec(), instance.clone().into_bytes()];
            all.insert(uids(study, series, &instance), file.concat());
        }
    }
    all.insert(uids("1.3", "9", "9.1"), vec![b'\r'; 300_000]);
    all
}

fn pull(peer: &Peer, below: &str, after: Option<&str>) -> Result<Vec<String>, SourceError> {
    let sources = sources(&[&peer.url("/dicom-web")]);
    let address = format!("dicomweb+{}", peer.url(&format!("/dicom-web{below}")));
    let source = open(&sources, &address, Credentials::Anonymous);
    Ok(all(&source, after)?.0.into_iter().map(|item| item.uri).collect())
}

fn address(peer: &Peer, [study, series, instance]: &[String; 3]) -> String {
    let below = format!("/dicom-web/studies/{study}/series/{series}/instances/{instance}");
    format!("dicomweb+{}", peer.url(&below))
}

#[test]
fn everything_is_listed_once_and_in_order_whatever_the_servers_habits() {
    let habits = [
        Habits::default(),
        Habits { page_max: 7, ..Habits::default() },
        Habits { page_max: 1, ..Habits::default() },
        Habits { ignores_offset: true, ..Habits::default() },
        Habits { ignores_limit: true, ..Habits::default() },
        Habits { ignores_limit: true, ignores_offset: true, ..Habits::default() },
    ];
    for habits in habits {
        let peer = serve(instances(), habits.clone());
        let listed = pull(&peer, "", None).unwrap();
        let expected: Vec<String> = instances().keys().map(|uids| address(&peer, uids)).collect();
        assert_eq!(listed, expected, "{habits:?}");
    }
    // Of a server that gives only its first page, whatever is asked, that page is all there is.
    let peer =
        serve(instances(), Habits { page_max: 2, ignores_offset: true, ..Habits::default() });
    assert!(pull(&peer, "", None).unwrap().len() < instances().len());
    assert!(peer.asked().len() < 40, "and it does not go on for ever");
}

#[test]
fn a_listing_goes_on_after_any_instance() {
    let peer = serve(instances(), Habits { page_max: 7, ..Habits::default() });
    let listed = pull(&peer, "", None).unwrap();
    for (at, uri) in listed.iter().enumerate() {
        assert_eq!(pull(&peer, "", Some(uri)).unwrap(), listed[at + 1..]);
    }
    assert!(pull(&peer, "", Some("dicomweb+http://h/nothing")).is_err());
}

#[test]
fn one_study_series_or_instance_and_filters() {
    let peer = serve(instances(), Habits::default());
    let count = |below: &str| pull(&peer, below, None).unwrap().len();
    assert_eq!(count("/studies/1.2"), 4);
    assert_eq!(count("/studies/1.2/series/1.2.1"), 3);
    assert_eq!(count("/studies/1.2/series/1.2.1/instances/1.2.1.2"), 1);
    assert_eq!(count("/studies?ModalitiesInStudy=CR&PatientName=A%5EB"), instances().len());
    let asked = peer.asked();
    let query = asked.iter().rfind(|asked| asked.path() == "/dicom-web/studies").unwrap();
    assert_eq!(query.parameter("ModalitiesInStudy"), Some("CR"));
    assert_eq!(query.parameter("PatientName"), Some("A%5EB"));
    assert_eq!(query.header("accept"), Some("application/dicom+json"));
    let series = asked.iter().rfind(|asked| asked.path().ends_with("/series")).unwrap();
    assert_eq!(series.parameter("ModalitiesInStudy"), None, "filters are asked at their level");
}

#[test]
fn instances_come_as_they_are_through_busy_and_broken_answers() {
    for habits in [
        Habits { busy: 2, breaks: 1, ..Habits::default() },
        Habits { single: true, breaks: 1, ..Habits::default() },
    ] {
        let peer = serve(instances(), habits);
        let sources = sources(&[&peer.url("/dicom-web")]);
        let all_of_it = format!("dicomweb+{}", peer.url("/dicom-web"));
        let source = open(&sources, &all_of_it, Credentials::Anonymous);
        for (uids, file) in instances() {
            let fetched = fetch(&source, &item(&address(&peer, &uids))).unwrap();
            assert!(fetched == file, "{uids:?}");
        }
        let asked = peer.asked();
        let accept = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";
        assert!(asked.iter().all(|asked| asked.header("accept") == Some(accept)));
        let missing = address(&peer, &uids("1.2", "1.2.1", "5"));
        assert_eq!(fetch(&source, &item(&missing)).unwrap_err().code(), Code::SourceMissing);
    }
}

#[test]
fn tokens_and_passwords_open_it() {
    let wanted = [
        ("Bearer abc", Credentials::Bearer(Secret::new("abc"))),
        ("Basic dTpw", Credentials::Basic { user: "u".to_owned(), password: Secret::new("p") }),
    ];
    for (header, credentials) in wanted {
        let authorization = Some(header.to_owned());
        let peer = serve(instances(), Habits { authorization, ..Habits::default() });
        let sources = sources(&[&peer.url("/dicom-web")]);
        let address = format!("dicomweb+{}", peer.url("/dicom-web"));
        let opened = open(&sources, &address, credentials);
        assert_eq!(all(&opened, None).unwrap().0.len(), instances().len());
        let shut = open(&sources, &address, Credentials::Anonymous);
        assert_eq!(all(&shut, None).unwrap_err().code(), Code::SourceUnauthorized);
    }
}

#[test]
fn answers_that_no_standard_knows_are_told() {
    let answers: [(&str, &[u8], &str); 6] = [
        ("application/dicom+json", b"{}", "no list"),
        ("application/dicom+json", b"[{\"0020000D\":{}}]", "no UID"),
        ("application/dicom+json", b"[{\"0020000D\":{\"Value\":[\"../../x\"]}}]", "no UID"),
        ("application/dicom+json", b"[", "no JSON"),
        ("text/html", b"<html>sign in</html>", "no JSON"),
        ("application/dicom+json", b"[1,2]", "no UID"),
    ];
    for (kind, body, why) in answers {
        let peer = Peer::start(move |_| Reply::new(200, kind, body));
        let error = pull(&peer, "", None).unwrap_err();
        assert!(error.code() == Code::SourceFailed && error.to_string().contains(why), "{error}");
    }
    let fetches: [(&str, &[u8], &str); 4] = [
        ("text/html", b"<html>sign in</html>", "text/html"),
        ("multipart/related", b"x", "without a boundary"),
        ("multipart/related; boundary=b", b"--b\r\n\r\nx", "ends before"),
        ("application/dicom", b"", "empty"),
    ];
    for (kind, body, why) in fetches {
        let peer = Peer::start(move |_| Reply::new(200, kind, body));
        let sources = sources(&[&peer.url("/dicom-web")]);
        let uri = address(&peer, &uids("1", "2", "3"));
        let source = open(&sources, &uri, Credentials::Anonymous);
        let error = fetch(&source, &item(&uri)).unwrap_err();
        assert!(error.code() == Code::SourceFailed && error.to_string().contains(why), "{error}");
    }
}
