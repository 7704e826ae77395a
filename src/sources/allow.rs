//! The operator's list of prefixes: nothing else is fetched, whoever asks or redirects.

use std::net::IpAddr;

use url::{Host, Url};
use vitrail_domain::limits::SOURCE_PREFIXES_MAX;

use crate::address::{Address, shown};
use crate::error::SourceError;
use crate::guard::{Reach, reach};

/// One allowed prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Prefix {
    /// Its normal form: a URL, or `s3://BUCKET/KEY`.
    text: String,
    /// The machine, for URLs.
    host: Option<String>,
    /// Whether its name may mean a private address.
    private: bool,
}

/// What may be fetched. An empty list allows nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowList {
    prefixes: Vec<Prefix>,
}

impl AllowList {
    /// A list of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a prefix, such as `s3://bucket/scans/` or `https://host/dicom-web`. It ends at a `/`:
    /// `https://host/a` allows `https://host/a/b` and not `https://host/ab`. With `private` the
    /// machine may lie in a private network; else its name must mean public addresses, whoever
    /// answers for it.
    ///
    /// # Errors
    /// No address, one of this machine's files, or too many.
    pub fn add(&mut self, text: &str, private: bool) -> Result<(), SourceError> {
        let address = Address::parse(text)?;
        let refuse = |why: &str| SourceError::Address { uri: text.to_owned(), why: why.to_owned() };
        if self.prefixes.len() >= SOURCE_PREFIXES_MAX {
            return Err(refuse("too many prefixes"));
        }
        let prefix = match &address {
            Address::File(_) => return Err(refuse("files are allowed by --allow-root")),
            Address::Object { .. } => Prefix { text: address.to_string(), host: None, private },
            Address::Web(url) | Address::DicomWeb(url) if url.query().is_some() => {
                return Err(refuse(&format!("the prefix {} has a query", shown(url))));
            }
            Address::Web(url) | Address::DicomWeb(url) => {
                let host = url.host_str().map(str::to_owned);
                Prefix { text: url.to_string(), host, private }
            }
        };
        self.prefixes.push(prefix);
        Ok(())
    }

    /// Whether an address may be fetched. Where it leads is looked at again with each request.
    ///
    /// # Errors
    /// No prefix allows it.
    pub fn check(&self, address: &Address) -> Result<(), SourceError> {
        match address.url() {
            Some(url) => self.check_url(url).map(|_| ()),
            None => self.find(&address.to_string(), &address.to_string()).map(|_| ()),
        }
    }

    /// Whether a request may go to this URL; and whether into a private network. A machine that is
    /// named by a number is looked at here, one that is named by a name when it is connected to.
    ///
    /// # Errors
    /// No prefix allows it, or its machine may not be reached.
    pub(crate) fn check_url(&self, url: &Url) -> Result<bool, SourceError> {
        let uri = shown(url);
        let mut bare = url.clone();
        bare.set_query(None);
        let private = self.find(bare.as_str(), &uri)?.private;
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            _ => return Ok(private),
        };
        let why = forbidden(address, private);
        why.map_or(Ok(private), |why| Err(SourceError::Forbidden { uri, why }))
    }

    /// Whether some prefix lets this name mean a private address.
    pub(crate) fn is_private(&self, host: &str) -> bool {
        let same = |prefix: &Prefix| {
            prefix.host.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(host))
        };
        self.prefixes.iter().any(|prefix| prefix.private && same(prefix))
    }

    fn find(&self, text: &str, uri: &str) -> Result<&Prefix, SourceError> {
        // A longer prefix says more than a shorter one.
        let within = self.prefixes.iter().filter(|prefix| is_below(text, &prefix.text));
        within.max_by_key(|prefix| prefix.text.len()).ok_or_else(|| SourceError::Forbidden {
            uri: uri.to_owned(),
            why: "no allowed prefix covers it".to_owned(),
        })
    }
}

/// Why a machine may not be connected to, if so.
pub(crate) fn forbidden(address: IpAddr, private: bool) -> Option<String> {
    match reach(address) {
        Reach::Public => None,
        Reach::Private if private => None,
        Reach::Private => Some(format!(
            "{address} is a private address, and its prefix is not allowed as private"
        )),
        Reach::Never => Some(format!("{address} is an address that is never asked")),
    }
}

/// Whether `text` is `prefix` or lies below it.
fn is_below(text: &str, prefix: &str) -> bool {
    match text.strip_prefix(prefix) {
        None => text == prefix.trim_end_matches('/'),
        Some(rest) => rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(prefixes: &[(&str, bool)]) -> AllowList {
        let mut list = AllowList::new();
        for (prefix, private) in prefixes {
            list.add(prefix, *private).unwrap();
        }
        list
    }

    #[test]
    fn only_what_lies_below_a_prefix_is_allowed() {
        let list = list(&[
            ("https://h.example/a", false),
            ("s3://bucket/scans", false),
            ("gs://whole", false),
            ("dicomweb+https://pacs.example/dw", false),
        ]);
        let cases = [
            ("https://h.example/a", true),
            ("https://h.example/a/b", true),
            ("https://h.example/ab", false),
            ("https://h.example/a/../b", false),
            ("https://h.example/a/%2e%2e/b", false),
            ("http://h.example/a", false),
            ("https://h.example:8443/a", false),
            ("https://h.example.evil/a", false),
            ("s3://bucket/scans/1", true),
            ("s3://bucket/scans2", false),
            ("s3://bucket2/scans/1", false),
            ("gs://bucket/scans/1", false),
            ("gs://whole/any/thing", true),
            ("dicomweb+https://pacs.example/dw/studies/1?Modality=CR", true),
            ("dicomweb+https://pacs.example/other", false),
            ("file:///etc/passwd", false),
        ];
        for (text, allowed) in cases {
            let checked = list.check(&Address::parse(text).unwrap());
            assert_eq!(checked.is_ok(), allowed, "{text}");
            assert!(checked.is_ok_and(|()| true) == allowed);
        }
        assert!(AllowList::new().check(&Address::parse("https://h.example/").unwrap()).is_err());
    }

    #[test]
    fn numbers_of_machines_are_looked_at() {
        let list = list(&[
            ("http://10.0.0.1/", false),
            ("http://10.0.0.2/", true),
            ("http://169.254.169.254/", true),
            ("http://[::1]/", true),
        ]);
        let cases = [
            ("http://10.0.0.1/a", false),
            ("http://10.0.0.2/a", true),
            ("http://0xa000002/a", true),
            ("http://169.254.169.254/latest", false),
            ("http://[::1]/a", true),
        ];
        for (text, allowed) in cases {
            assert_eq!(list.check(&Address::parse(text).unwrap()).is_ok(), allowed, "{text}");
        }
    }

    #[test]
    fn a_prefix_is_an_address_and_no_file() {
        let mut list = AllowList::new();
        for prefix in ["*", "file:///", "https://h/?a=b", "dicomweb+https://h/?a=b"] {
            assert!(list.add(prefix, false).is_err(), "{prefix}");
        }
    }
}
