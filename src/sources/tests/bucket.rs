//! An object store for tests: one bucket in memory, listed in the order given.
#![allow(dead_code, reason = "each test binary uses its own part")]

use super::peer::{Peer, Reply};

/// Keys and bytes.
pub type Objects = Vec<(String, Vec<u8>)>;

/// A bucket named `bucket` of a store that speaks S3's protocol as far as it is asked here.
pub fn s3(objects: Objects, wants: Option<&'static str>) -> Peer {
    Peer::start(move |asked| {
        let signed = asked.header("authorization").unwrap_or_default();
        if wants.is_some_and(|key| !signed.contains(key)) {
            return Reply::new(403, "application/xml", b"<Error/>".as_slice());
        }
        let key = asked.path().trim_start_matches("/bucket").trim_start_matches('/');
        if key.is_empty() && asked.parameter("list-type") == Some("2") {
            let prefix = asked.parameter("prefix").unwrap_or_default().replace("%2F", "/");
            let after = asked.parameter("start-after").unwrap_or_default().replace("%2F", "/");
            let found = objects
                .iter()
                .filter(|(key, _)| key.starts_with(&prefix) && (after.is_empty() || *key > after));
            let contents: String = found
                .map(|(key, body)| {
                    format!(
                        "<Contents><Key>{key}</Key><LastModified>2024-01-01T00:00:00.000Z\
                         </LastModified><ETag>\"e\"</ETag><Size>{}</Size></Contents>",
                        body.len()
                    )
                })
                .collect();
            let xml = format!(
                "<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>false</IsTruncated>\
                 {contents}</ListBucketResult>"
            );
            return Reply::new(200, "application/xml", xml);
        }
        match objects.iter().find(|(own, _)| own == key) {
            Some((_, body)) => Reply::new(200, "binary/octet-stream", body.as_slice())
                .with("etag", "\"e\"")
                .with("last-modified", "Mon, 01 Jan 2024 00:00:00 GMT"),
            None => Reply::new(404, "application/xml", b"<Error/>".as_slice()),
        }
    })
}
