//! WADO-RS: one instance's file (PS3.18, 10.4), as it is stored.

use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use url::Url;

use super::multipart::{Multipart, boundary};
use crate::error::{Failed, SourceError};
use crate::http::{Ask, Web, next};
use crate::item::Item;
use crate::retry::patiently;
use crate::secrets::Credentials;
use crate::spool::SpoolFile;

/// The file with whatever transfer syntax it has: nobody transcodes for us.
const ACCEPT: &str = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";

/// Fetches an instance into a file, from its start with each attempt.
pub(crate) async fn fetch(
    web: &Web,
    credentials: &Credentials,
    item: &Item,
    file: &mut SpoolFile,
) -> Result<(), SourceError> {
    let address = item.uri.strip_prefix("dicomweb+").unwrap_or(&item.uri);
    let url = Url::parse(address)
        .map_err(|error| SourceError::Address { uri: item.uri.clone(), why: error.to_string() })?;
    let ask = Ask { url, accept: ACCEPT, credentials, json: None };
    patiently(web.patience(&item.uri), async || {
        file.restart()?;
        let response = web.send(&ask).await?;
        receive(response, &item.uri, file).await
    })
    .await
}

async fn receive(mut response: Response, uri: &str, file: &mut SpoolFile) -> Result<(), Failed> {
    let unreadable = |why: String| SourceError::Answer { uri: uri.to_owned(), why };
    let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.unwrap_or_default().to_owned();
    let media = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let mut parts = match media.as_str() {
        // Not what was asked for, and harmless: the file by itself.
        "application/dicom" => None,
        "multipart/related" => Some(Multipart::new(&boundary(&kind).map_err(unreadable)?)),
        _ => return Err(unreadable(format!("its media type is \"{media}\"")).into()),
    };
    while let Some(chunk) = next(&mut response, uri).await? {
        match &mut parts {
            None => file.append(&chunk, uri)?,
            Some(parts) => {
                let mut appended = Ok(());
                let mut take = |bytes: &[u8]| {
                    if appended.is_ok() {
                        appended = file.append(bytes, uri);
                    }
                };
                let pushed = parts.push(&chunk, &mut take);
                appended?;
                pushed.map_err(unreadable)?;
            }
        }
    }
    match parts.map_or(Ok(()), |parts| parts.finish()) {
        Ok(()) if file.bytes() > 0 => Ok(()),
        Ok(()) => Err(unreadable("the instance is empty".to_owned()).into()),
        // It may have broken off.
        Err(why) => Err(Failed::again(unreadable(why))),
    }
}
