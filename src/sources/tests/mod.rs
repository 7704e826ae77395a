//! The room against peers that it is told to believe, and some that it is not.

mod bucket;
mod dicomweb;
mod http;
mod object;
mod orthanc;
mod pacs;
mod peer;
mod vertex;

use std::sync::Arc;
use std::time::Duration;

use vitrail_domain::Cancel;

use crate::{Address, AllowList, Credentials, Item, Settings, Source, SourceError, Sources, Spool};

/// Sources that may fetch from these prefixes, also in private networks, and are not patient.
fn sources(prefixes: &[&str]) -> Sources {
    let mut allow = AllowList::new();
    for prefix in prefixes {
        allow.add(prefix, true).unwrap();
    }
    Sources::new(settings(allow))
}

fn settings(allow: AllowList) -> Settings {
    let pause = Duration::from_millis(10);
    Settings { allow, pause, silence: Duration::from_secs(5), ..Settings::default() }
}

fn open(sources: &Sources, address: &str, credentials: Credentials) -> Source {
    sources.open(&Address::parse(address).unwrap(), credentials).unwrap()
}

/// Every item, and how many pages they came in.
fn all(source: &Source, after: Option<&str>) -> Result<(Vec<Item>, usize), SourceError> {
    let mut pages = source.pages(after)?;
    let (mut items, mut count) = (Vec::new(), 0);
    while let Some(page) = pages.next(&Cancel::new())? {
        items.extend(page);
        count += 1;
    }
    Ok((items, count))
}

/// Fetches one item through a spool of its own.
fn fetch(source: &Source, item: &Item) -> Result<Vec<u8>, SourceError> {
    let folder = tempfile::tempdir().unwrap();
    let spool: Arc<Spool> = Spool::open(folder.path(), 1 << 30).unwrap();
    let file = source.fetch(item, &spool, &Cancel::new())?;
    Ok(std::fs::read(file.path()).unwrap())
}

/// The one item of an address.
fn item(uri: &str) -> Item {
    Item { uri: uri.to_owned(), bytes: None }
}
