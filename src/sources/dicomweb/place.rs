//! What an address says: the service, how deep it points, and the query's filters.

use url::Url;
use vitrail_domain::limits::QIDO_FILTERS_MAX;

use crate::address::shown;
use crate::error::SourceError;

/// Characters of a UID (PS3.5, 9.1).
const UID_CHARS_MAX: usize = 64;

/// Query parameters that are ours to say.
const OURS: [&str; 4] = ["limit", "offset", "includefield", "fuzzymatching"];

/// Which level the filters belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// `/studies`
    Studies,
    /// `/studies/S/series`
    Series,
    /// `/studies/S/series/R/instances`
    Instances,
}

/// What an address points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The service, up to before `/studies`, without a `/` at its end.
    pub base: Url,
    /// One study, or all.
    pub study: Option<String>,
    /// One series of it, or all.
    pub series: Option<String>,
    /// One instance of it, or all.
    pub instance: Option<String>,
    /// Filters, and the level that they are asked at.
    pub filters: Option<(Level, Vec<(String, String)>)>,
}

impl Place {
    /// Reads an address.
    pub fn of(url: &Url) -> Result<Self, SourceError> {
        let refuse = |why: &str| SourceError::Address { uri: shown(url), why: why.to_owned() };
        let path = url.path();
        let (base, below) = match path.find("/studies") {
            Some(at) => path.split_at(at),
            None => (path, ""),
        };
        let mut place =
            Self { base: url.clone(), study: None, series: None, instance: None, filters: None };
        place.base.set_path(base.trim_end_matches('/'));
        place.base.set_query(None);
        let mut parts = below.split('/').filter(|part| !part.is_empty());
        let mut level = None;
        while let Some(name) = parts.next() {
            let (expected, slot) = match level {
                None => ("studies", &mut place.study),
                Some(Level::Studies) => ("series", &mut place.series),
                Some(Level::Series) => ("instances", &mut place.instance),
                Some(Level::Instances) => return Err(refuse("it goes on after the instance")),
            };
            if name != expected {
                return Err(refuse("it is not studies/UID/series/UID/instances/UID, or a part"));
            }
            level = Some(match level {
                None => Level::Studies,
                Some(Level::Studies) => Level::Series,
                _ => Level::Instances,
            });
            match parts.next() {
                Some(uid) if is_uid(uid) => *slot = Some(uid.to_owned()),
                Some(_) => return Err(refuse("a UID has only digits and dots, at most 64")),
                None => break,
            }
        }
        place.filters = filters(url, level, &place)?;
        Ok(place)
    }

    /// The URL of a resource below the service.
    pub fn resource(&self, parts: &[&str]) -> Url {
        let mut url = self.base.clone();
        let path = format!("{}/{}", self.base.path().trim_end_matches('/'), parts.join("/"));
        url.set_path(&path);
        url
    }

    /// The filters of one level.
    pub fn filters_at(&self, level: Level) -> &[(String, String)] {
        match &self.filters {
            Some((at, filters)) if *at == level => filters,
            _ => &[],
        }
    }
}

/// Whether a text is a UID, so that it can stand in a path.
pub(crate) fn is_uid(text: &str) -> bool {
    let digits = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    (1..=UID_CHARS_MAX).contains(&text.len())
        && text.bytes().all(digits)
        && text.bytes().any(|byte| byte.is_ascii_digit())
}

fn filters(
    url: &Url,
    level: Option<Level>,
    place: &Place,
) -> Result<Option<(Level, Vec<(String, String)>)>, SourceError> {
    let refuse = |why: &str| SourceError::Address { uri: shown(url), why: why.to_owned() };
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    if pairs.is_empty() {
        return Ok(None);
    }
    let named = match level {
        None | Some(Level::Studies) => place.study.is_some(),
        Some(Level::Series) => place.series.is_some(),
        Some(Level::Instances) => place.instance.is_some(),
    };
    if named {
        return Err(refuse("filters stand at a list, not at one resource"));
    }
    if pairs.len() > QIDO_FILTERS_MAX {
        return Err(refuse("it has too many filters"));
    }
    let of_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.';
    for (name, _) in &pairs {
        if name.is_empty() || !name.bytes().all(of_name) || OURS.contains(&name.as_str()) {
            return Err(refuse("a filter's name is a DICOM keyword or eight digits of a tag"));
        }
    }
    Ok(Some((level.unwrap_or(Level::Studies), pairs)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Result<Place, SourceError> {
        Place::of(&Url::parse(text).unwrap())
    }

    #[test]
    fn addresses_point_at_any_level() {
        let all = place("https://h/dicom-web").unwrap();
        assert_eq!((all.base.as_str(), &all.study), ("https://h/dicom-web", &None));
        let one = place("https://h/dw/studies/1.2/series/3/instances/4.5").unwrap();
        assert_eq!(one.base.as_str(), "https://h/dw");
        let parts = [&one.study, &one.series, &one.instance].map(Option::as_deref);
        assert_eq!(parts, [Some("1.2"), Some("3"), Some("4.5")]);
        let some = place("https://h/dw/studies?ModalitiesInStudy=CR&00100020=1%2F2").unwrap();
        let filters = [("ModalitiesInStudy", "CR"), ("00100020", "1/2")];
        let filters = filters.map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(some.filters_at(Level::Studies), filters);
        assert_eq!(some.filters_at(Level::Series), []);
        let series = place("https://h/dw/studies/1/series?Modality=SM").unwrap();
        assert_eq!(series.filters_at(Level::Series).len(), 1);
        assert_eq!(series.resource(&["studies", "1"]).as_str(), "https://h/dw/studies/1");
        assert_eq!(
            place("https://h").unwrap().resource(&["studies"]).as_str(),
            "https://h/studies"
        );
    }

    #[test]
    fn what_points_nowhere_is_refused() {
        for text in [
            "https://h/dw/studies/x",
            "https://h/dw/studies/1/instances/2",
            "https://h/dw/studies/1/series/2/instances/3/frames/1",
            "https://h/dw/studies/1?Modality=CR",
            "https://h/dw/studies?limit=5",
            "https://h/dw/studies?a%20b=5",
            "https://h/dw/studies/...",
        ] {
            assert!(place(text).is_err(), "{text}");
        }
    }
}
