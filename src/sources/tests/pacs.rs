//! A DICOMweb server built from the standard (PS3.18), for tests: studies, series and instances in
//! memory, with the habits that real servers have.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};

use super::peer::{Asked, Peer, Reply};

/// How a server behaves.
#[derive(Debug, Clone)]
pub struct Habits {
    /// Results of a page at most, whatever is asked for.
    pub page_max: usize,
    /// Answers the same page whatever the offset.
    pub ignores_offset: bool,
    /// Answers everything whatever the limit.
    pub ignores_limit: bool,
    /// The `Authorization` that it asks for.
    pub authorization: Option<String>,
    /// How many of the first fetches it answers with 503.
    pub busy: u32,
    /// How many of the first fetches break off in the middle.
    pub breaks: u32,
    /// Answers fetches without multipart.
    pub single: bool,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            page_max: usize::MAX,
            ignores_offset: false,
            ignores_limit: false,
            authorization: None,
            busy: 0,
            breaks: 0,
            single: false,
        }
    }
}

/// Study, series and instance -> the file.
pub type Instances = BTreeMap<[String; 3], Vec<u8>>;

/// Three UIDs.
pub fn uids(study: &str, series: &str, instance: &str) -> [String; 3] {
    [study, series, instance].map(str::to_owned)
}

/// Serves these below `/dicom-web`.
pub fn serve(instances: Instances, habits: Habits) -> Peer {
    let (busy, breaks) = (AtomicU32::new(habits.busy), AtomicU32::new(habits.breaks));
    Peer::start(move |asked| {
        if let Some(wanted) = &habits.authorization
            && asked.header("authorization") != Some(wanted)
        {
            return Reply::status(401);
        }
        let Some(path) = asked.path().strip_prefix("/dicom-web/") else {
            return Reply::status(404);
        };
        let parts: Vec<&str> = path.split('/').collect();
        match parts[..] {
            ["studies"] => list(&instances, &[], asked, &habits),
            ["studies", study, "series"] => list(&instances, &[study], asked, &habits),
            ["studies", study, "series", series, "instances"] => {
                list(&instances, &[study, series], asked, &habits)
            }
            ["studies", study, "series", series, "instances", instance] => {
                let one_less = |count: &AtomicU32| {
                    let less = |left: u32| left.checked_sub(1);
                    count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok()
                };
                if one_less(&busy) {
                    return Reply::status(503).with("retry-after", "1");
                }
                let Some(file) = instances.get(&uids(study, series, instance)) else {
                    return Reply::status(404);
                };
                let reply = fetched(file, &habits);
                let half = reply.body.len() / 2;
                if one_less(&breaks) { reply.cut(half) } else { reply }
            }
            _ => Reply::status(404),
        }
    })
}

fn fetched(file: &[u8], habits: &Habits) -> Reply {
    if habits.single {
        return Reply::new(200, "application/dicom", file);
    }
    let boundary = "c9a8e2c5-1f7b";
    let mut body = format!(
        "\r\n--{boundary}\r\nContent-Type: application/dicom\r\nContent-Length: {}\r\n\r\n",
        file.len()
    )
    .into_bytes();
    body.extend_from_slice(file);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    let kind = format!("multipart/related; type=\"application/dicom\"; boundary={boundary}");
    Reply::new(200, &kind, body)
}

/// The level below `within`, in no helpful order.
fn list(instances: &Instances, within: &[&str], asked: &Asked, habits: &Habits) -> Reply {
    let below = instances.keys().filter(|uids| uids.iter().zip(within).all(|(a, b)| a == b));
    let found: BTreeSet<&String> = below.map(|uids| &uids[within.len()]).collect();
    let mut found: Vec<&String> = found.into_iter().collect();
    found.reverse();
    let number = |name: &str| asked.parameter(name).and_then(|text| text.parse::<usize>().ok());
    let limit = match number("limit") {
        Some(limit) if !habits.ignores_limit => limit.min(habits.page_max),
        _ => habits.page_max,
    };
    let offset = if habits.ignores_offset { 0 } else { number("offset").unwrap_or(0) };
    let tag = ["0020000D", "0020000E", "00080018"][within.len()];
    let page: Vec<String> = found
        .into_iter()
        .skip(offset)
        .take(limit)
        .map(|uid| format!("{{\"{tag}\":{{\"vr\":\"UI\",\"Value\":[\"{uid}\"]}}}}"))
        .collect();
    if page.is_empty() {
        return Reply::status(204);
    }
    Reply::new(200, "application/dicom+json", format!("[{}]", page.join(",")))
}
