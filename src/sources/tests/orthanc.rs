//! DICOMweb against a real server: the one that `VITRAIL_TEST_DICOMWEB` names
//! (`http://USER:PASSWORD@HOST:PORT/dicom-web`), which must hold the files of the folder that
//! `VITRAIL_TEST_DICOMWEB_FILES` names. Skipped in words without it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use url::Url;

use super::{all, fetch, open, sources};
use crate::{Credentials, Secret};

/// Where the pixels of a file begin: its last element, (7FE0,0010) in either byte order.
fn pixels(file: &[u8]) -> Option<&[u8]> {
    let tags: [&[u8]; 2] = [&[0xe0, 0x7f, 0x10, 0x00], &[0x7f, 0xe0, 0x00, 0x10]];
    let at = |tag: &[u8]| file.windows(4).rposition(|window| window == tag);
    let at = tags.into_iter().filter_map(at).max()?;
    file.get(at..)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|ending| ending == "dcm") {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_real_server_gives_back_what_it_was_given() {
    let (Ok(server), Ok(folder)) =
        (std::env::var("VITRAIL_TEST_DICOMWEB"), std::env::var("VITRAIL_TEST_DICOMWEB_FILES"))
    else {
        eprintln!("skipped: VITRAIL_TEST_DICOMWEB names no DICOMweb server");
        return;
    };
    let mut url = Url::parse(&server).unwrap();
    let (user, password) = (url.username().to_owned(), url.password().map(str::to_owned));
    url.set_username("").unwrap();
    url.set_password(None).unwrap();
    let credentials = match password {
        Some(password) => Credentials::Basic { user, password: Secret::new(password) },
        None => Credentials::Anonymous,
    };
    let sources = sources(&[url.as_str()]);
    let source = open(&sources, &format!("dicomweb+{url}"), credentials);
    let (items, _) = all(&source, None).unwrap();
    let digest = |bytes: &[u8]| -> [u8; 32] { Sha256::digest(bytes).into() };
    let mut given: BTreeMap<[u8; 32], PathBuf> = BTreeMap::new();
    let mut by_pixels: BTreeMap<[u8; 32], PathBuf> = BTreeMap::new();
    for path in files(Path::new(&folder)) {
        let bytes = std::fs::read(&path).unwrap();
        given.insert(digest(&bytes), path.clone());
        by_pixels.extend(pixels(&bytes).map(|pixels| (digest(pixels), path.clone())));
    }
    let (mut whole, mut same_pixels) = (0, 0);
    for item in &items {
        let bytes = fetch(&source, item).unwrap();
        if given.contains_key(&digest(&bytes)) {
            whole += 1;
        } else {
            let pixels = pixels(&bytes).unwrap_or_else(|| panic!("{} has no pixels", item.uri));
            assert!(by_pixels.contains_key(&digest(pixels)), "{} came back changed", item.uri);
            same_pixels += 1;
        }
    }
    eprintln!("{} instances: {whole} equal as files, {same_pixels} in their pixels", items.len());
    assert!(!items.is_empty());
    let middle = &items[items.len() / 2].uri;
    assert_eq!(all(&source, Some(middle)).unwrap().0, items[items.len() / 2 + 1..]);
}
