//! QIDO-RS: all UIDs of one level, page by page (PS3.18, 8.3.4.4 and 10.6).

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::Value;
use url::Url;
use vitrail_domain::limits::{QIDO_BYTES_MAX, QIDO_PAGE_ITEMS, QIDO_RESULTS_MAX};

use crate::address::shown;
use crate::error::SourceError;
use crate::http::{Ask, Web};
use crate::secrets::Credentials;

/// Tags of the UIDs.
pub(crate) const STUDY: &str = "0020000D";
pub(crate) const SERIES: &str = "0020000E";
pub(crate) const INSTANCE: &str = "00080018";

/// One query.
pub(crate) struct Query<'a> {
    /// The list that is asked.
    pub url: Url,
    /// The caller's filters.
    pub filters: &'a [(String, String)],
    /// The tag whose values are collected.
    pub tag: &'a str,
    /// Who asks.
    pub credentials: &'a Credentials,
}

/// Every UID, sorted. Servers cap pages as they like, so that a short page says nothing: the end
/// is a page without anything new, which also ends the listing of one that ignores `offset`.
pub(crate) async fn uids(web: &Web, query: &Query<'_>) -> Result<Vec<String>, SourceError> {
    let mut found = BTreeSet::new();
    let mut offset = 0;
    loop {
        let page = page(web, query, offset).await?;
        let (before, count) = (found.len(), page.len());
        for result in &page {
            found.insert(uid(result, query)?);
        }
        if found.len() > QIDO_RESULTS_MAX {
            let why = format!("more than {QIDO_RESULTS_MAX} results: narrow them by a filter");
            return Err(SourceError::Answer { uri: shown(&query.url), why });
        }
        if found.len() == before {
            return Ok(found.into_iter().collect());
        }
        offset += count;
    }
}

async fn page(web: &Web, query: &Query<'_>, offset: usize) -> Result<Vec<Value>, SourceError> {
    let mut url = query.url.clone();
    url.query_pairs_mut()
        .extend_pairs(query.filters)
        .append_pair("limit", &QIDO_PAGE_ITEMS.to_string())
        .append_pair("offset", &offset.to_string());
    let (credentials, accept) = (query.credentials, "application/dicom+json");
    let ask = Ask { url, accept, credentials, json: None };
    let answer = web.whole(&ask, QIDO_BYTES_MAX).await?;
    if answer.status == StatusCode::NO_CONTENT || answer.bytes.is_empty() {
        return Ok(Vec::new());
    }
    match serde_json::from_slice(&answer.bytes) {
        Ok(Value::Array(results)) => Ok(results),
        Ok(_) => Err(unreadable(query, "the answer is no list".to_owned())),
        Err(error) => Err(unreadable(query, format!("the answer is no JSON: {error}"))),
    }
}

fn uid(result: &Value, query: &Query<'_>) -> Result<String, SourceError> {
    let value = result.get(query.tag).and_then(|element| element.get("Value"));
    let text = value.and_then(|values| values.get(0)).and_then(Value::as_str);
    match text {
        Some(text) if super::place::is_uid(text) => Ok(text.to_owned()),
        _ => Err(unreadable(query, format!("a result has no UID under {}", query.tag))),
    }
}

fn unreadable(query: &Query<'_>, why: String) -> SourceError {
    SourceError::Answer { uri: shown(&query.url), why }
}
