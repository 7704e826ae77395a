//! An address as it is given -> a normal form that rules can be held against.

use std::fmt;
use std::path::PathBuf;

use url::Url;
use vitrail_domain::limits::SOURCE_URI_BYTES_MAX;

use crate::error::SourceError;

/// What stands before an HTTP address to say that DICOMweb is spoken there.
const DICOMWEB: &str = "dicomweb+";

/// Escapes that a server may read as a part of a path, whatever the rules saw.
const HIDDEN: [&str; 3] = ["%2f", "%5c", "%00"];

/// Which object store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Amazon's, or one that speaks its protocol.
    S3,
    /// Google's.
    Gs,
}

impl Service {
    /// The scheme of its addresses.
    #[must_use]
    pub fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gs => "gs",
        }
    }
}

/// Where something lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `file:///PATH`: a file or folder of this machine.
    File(PathBuf),
    /// `http://` or `https://`: one object.
    Web(Url),
    /// `s3://BUCKET/KEY` or `gs://BUCKET/KEY`: one object, or all below a prefix.
    Object {
        /// The store.
        service: Service,
        /// The bucket.
        bucket: String,
        /// A key or a prefix; empty for the whole bucket.
        key: String,
    },
    /// `dicomweb+https://HOST/BASE[/studies/...]`: what a DICOMweb server holds.
    DicomWeb(Url),
}

impl Address {
    /// Whether a text is meant as an address rather than as a path.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        let of_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        scheme.is_some_and(|scheme| scheme.len() > 1 && scheme.bytes().all(of_scheme))
    }

    /// Reads an address. What could be a secret (a user in it, a query of a plain address) has no
    /// place in it, since addresses are stored and logged.
    ///
    /// # Errors
    /// What is wrong with it; the message does not repeat what could be a secret.
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        if text.len() > SOURCE_URI_BYTES_MAX {
            return Err(refuse("the address", "it has more bytes than an address may have"));
        }
        if text.chars().any(char::is_control) {
            return Err(refuse("the address", "it holds control characters"));
        }
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| refuse("the address", "it has no scheme such as https://"))?;
        match scheme.to_ascii_lowercase().as_str() {
            "file" => file(rest),
            "s3" => object(Service::S3, rest),
            "gs" => object(Service::Gs, rest),
            "http" | "https" => web(text).map(Self::Web),
            "dicomweb+http" | "dicomweb+https" => {
                // Both schemes are ASCII, so the prefix ends on a character.
                dicomweb(text.get(DICOMWEB.len()..).unwrap_or_default())
            }
            _ => Err(refuse(
                "the address",
                "its scheme is none of file, http, https, s3, gs, dicomweb+http, dicomweb+https",
            )),
        }
    }

    /// The address that requests go to, where there is one.
    pub(crate) fn url(&self) -> Option<&Url> {
        match self {
            Self::Web(url) | Self::DicomWeb(url) => Some(url),
            Self::File(_) | Self::Object { .. } => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file://{}", path.display()),
            Self::Web(url) => write!(f, "{url}"),
            Self::DicomWeb(url) => write!(f, "{DICOMWEB}{url}"),
            Self::Object { service, bucket, key } => {
                write!(f, "{}://{bucket}/{key}", service.scheme())
            }
        }
    }
}

fn refuse(uri: &str, why: impl Into<String>) -> SourceError {
    SourceError::Address { uri: uri.to_owned(), why: why.into() }
}

fn file(rest: &str) -> Result<Address, SourceError> {
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return Err(refuse("the address", "a file's is file:///PATH"));
    }
    let url = Url::parse(&format!("file://{path}"))
        .map_err(|error| refuse("the address", error.to_string()))?;
    let path = url.to_file_path().map_err(|()| refuse("the address", "it names no file"))?;
    Ok(Address::File(path))
}

fn object(service: Service, rest: &str) -> Result<Address, SourceError> {
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    let of_bucket = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if bucket.len() < 3 || bucket.len() > 222 || !bucket.bytes().all(of_bucket) {
        return Err(refuse("the address", "its bucket is not the name of one"));
    }
    if key.split('/').any(|part| part == "." || part == "..") {
        return Err(refuse("the address", "its key climbs with . or .."));
    }
    Ok(Address::Object { service, bucket: bucket.to_owned(), key: key.to_owned() })
}

/// A plain address: no user, no fragment, no hidden separators.
fn plain(text: &str) -> Result<Url, SourceError> {
    let url = Url::parse(text).map_err(|error| refuse("the address", error.to_string()))?;
    let shown = shown(&url);
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse(
            &shown,
            "a user or password in an address would be stored: give it as \
                                   credentials",
        ));
    }
    if url.fragment().is_some() || url.host_str().is_none_or(str::is_empty) {
        return Err(refuse(&shown, "it must have a host and no fragment"));
    }
    let path = url.path().to_ascii_lowercase();
    if let Some(hidden) = HIDDEN.iter().find(|hidden| path.contains(**hidden)) {
        return Err(refuse(
            &shown,
            format!("its path holds {hidden}, which servers read in two ways"),
        ));
    }
    Ok(url)
}

fn web(text: &str) -> Result<Url, SourceError> {
    let url = plain(text)?;
    if url.query().is_some() {
        let why = "a query (such as a signature) in an address would be stored: leave it out";
        return Err(refuse(&shown(&url), why));
    }
    Ok(url)
}

fn dicomweb(text: &str) -> Result<Address, SourceError> {
    let mut url = plain(text)?;
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(Address::DicomWeb(url))
}

/// An address without what could be a secret.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // A scheme that can't have a user has none to hide.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_one_normal_form() {
        let cases = [
            ("HTTPS://Example.COM:443/a/../b", "https://example.com/b"),
            ("http://h/a/%2e%2e/b%20c", "http://h/b%20c"),
            ("s3://bucket/a b/ü.jpg", "s3://bucket/a b/ü.jpg"),
            ("gs://bucket", "gs://bucket/"),
            ("dicomweb+https://h/dicom-web/", "dicomweb+https://h/dicom-web"),
            ("dicomweb+http://h:80/s?PatientID=1", "dicomweb+http://h/s?PatientID=1"),
            ("file:///a/b%20c", "file:///a/b c"),
            ("http://2130706433/", "http://127.0.0.1/"),
        ];
        for (given, normal) in cases {
            assert_eq!(Address::parse(given).unwrap().to_string(), normal);
        }
    }

    #[test]
    fn what_is_no_address_or_holds_a_secret_is_refused_and_not_repeated() {
        let cases = [
            "ftp://h/a",
            "nothing",
            "https://user:planted@h/a",
            "https://h/a?X-Amz-Signature=planted",
            "https://h/a%2F..%2Fb",
            "https:///",
            "s3://b/../a",
            "s3://x@planted.example/a",
            "file://host/a",
            "https://h/\u{1}",
        ];
        for given in cases {
            let error = Address::parse(given).unwrap_err();
            assert_eq!(error.code(), vitrail_domain::Code::InvalidRequest, "{given}");
            assert!(!error.to_string().contains("planted"), "{error}");
        }
        assert!(Address::parse(&format!("https://h/{}", "a".repeat(5_000))).is_err());
    }

    #[test]
    fn paths_are_told_from_addresses() {
        let given = ["pictures/a.jpg", "/a", "C://x", "s3://b", "dicomweb+https://h", "a b://c"];
        assert_eq!(given.map(Address::is_meant), [false, false, false, true, true, false]);
    }
}
