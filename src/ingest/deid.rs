//! De-identification (PS3.15, annex E): what may leave this room of what names a person.
//!
//! Nothing is taken over but what is asked for by name, so an element that nobody thought of stays
//! behind. Identifiers become keyed hashes, dates move by days that are the patient's own.

use std::collections::BTreeSet;
use std::str::FromStr;

use vitrail_domain::limits::DATE_SHIFT_DAYS_MAX;

/// What is kept beyond the basic profile (the options of PS3.15, table E.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keep {
    /// Study, series and instance identifiers as they are.
    Uids,
    /// Dates as they are.
    Dates,
    /// Serial number and station of the device.
    Device,
    /// The institution's name.
    Institution,
    /// Sex and age.
    Patient,
}

impl Keep {
    /// Every option.
    pub const ALL: [Self; 5] =
        [Self::Uids, Self::Dates, Self::Device, Self::Institution, Self::Patient];

    /// The name on the command line and in payloads.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Uids => "uids",
            Self::Dates => "dates",
            Self::Device => "device",
            Self::Institution => "institution",
            Self::Patient => "patient",
        }
    }
}

impl FromStr for Keep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::name).join(", ");
        Self::ALL
            .into_iter()
            .find(|keep| keep.name() == text)
            .ok_or_else(|| format!("\"{text}\" is nothing that can be kept: use {}", names()))
    }
}

/// A store's key and what its operator keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deid {
    key: [u8; 32],
    keep: BTreeSet<Keep>,
}

impl Deid {
    /// The basic profile under a key, which is the store's.
    #[must_use]
    pub fn new(key: [u8; 32], keep: BTreeSet<Keep>) -> Self {
        Self { key, keep }
    }

    /// What is kept beyond the basic profile.
    pub(crate) fn keep(&self) -> &BTreeSet<Keep> {
        &self.keep
    }

    /// Whether something is kept beyond the basic profile.
    pub(crate) fn keeps(&self, what: Keep) -> bool {
        self.keep.contains(&what)
    }

    fn hash(&self, kind: &str, value: &str) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&(kind.len() as u64).to_le_bytes());
        hasher.update(kind.as_bytes());
        hasher.update(value.as_bytes());
        *hasher.finalize().as_bytes()
    }

    /// A pseudonym: 32 hexadecimal digits, the same for the same value under the same key.
    pub(crate) fn pseudonym(&self, kind: &str, value: &str) -> String {
        let hash = self.hash(kind, value);
        hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The name that a file goes by: `dicom-` and a pseudonym of its path under its root.
    #[must_use]
    pub fn file_name(&self, relative: &str) -> String {
        format!("{}{}", Self::FILE_PREFIX, self.pseudonym("path", relative))
    }

    /// What every [`Deid::file_name`] begins with.
    pub const FILE_PREFIX: &'static str = "dicom-";

    /// A unique identifier under the root for UUIDs (2.25), made of the hash of another.
    pub(crate) fn uid(&self, uid: &str) -> String {
        if self.keeps(Keep::Uids) {
            return uid.to_owned();
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(self.hash("uid", uid).first_chunk::<16>().unwrap_or(&[0; 16]));
        // Version 8 and its variant (RFC 9562): a UUID of somebody's own making.
        bytes[6] = bytes[6] & 0x0f | 0x80;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        format!("2.25.{}", u128::from_be_bytes(bytes))
    }

    /// A date (`YYYYMMDD`) moved back by the days of this patient, as `YYYY-MM-DD`; `None` where it
    /// is none.
    pub(crate) fn date(&self, patient: &str, date: &str) -> Option<String> {
        let days = days_of(date)?;
        let [a, b, c, d, ..] = self.hash("days", patient);
        let shift = 1 + i64::from(u32::from_le_bytes([a, b, c, d]) % DATE_SHIFT_DAYS_MAX);
        let shift = if self.keeps(Keep::Dates) { 0 } else { shift };
        let (year, month, day) = civil(days - shift);
        Some(format!("{year:04}-{month:02}-{day:02}"))
    }
}

/// Days since 1970 of a date of eight digits (H. Hinnant, "chrono-compatible low-level date
/// algorithms").
fn days_of(date: &str) -> Option<i64> {
    let digits = date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit());
    let number = |range: std::ops::Range<usize>| date.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
    (digits && (1..=12).contains(&month) && (1..=31).contains(&day) && year > 0).then_some(())?;
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days - era * 146_097;
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deid(key: u8, keep: &[Keep]) -> Deid {
        Deid::new([key; 32], keep.iter().copied().collect())
    }

    #[test]
    fn days_and_back() {
        assert_eq!(days_of("19700101"), Some(0));
        assert_eq!(days_of("20000229").map(civil), Some((2000, 2, 29)));
        for days in (-200_000..200_000).step_by(37) {
            let (year, month, day) = civil(days);
            assert_eq!(days_of(&format!("{year:04}{month:02}{day:02}")), Some(days));
        }
        assert_eq!([days_of("2000-1-1"), days_of("20001301"), days_of("")], [None; 3]);
    }

    #[test]
    fn dates_keep_their_distance_within_a_patient_only() {
        let deid = deid(7, &[]);
        let days = |date: Option<String>| days_of(&date.expect("a date").replace('-', ""));
        let (one, other) = (deid.date("A", "20200310"), deid.date("A", "20200324"));
        assert_ne!(one.as_deref(), Some("2020-03-10"));
        assert_eq!(days(other).zip(days(one.clone())).map(|(b, a)| b - a), Some(14));
        assert_ne!(one, deid.date("B", "20200310"));
    }

    #[test]
    fn identifiers_follow_value_and_key() {
        let (one, other) = (deid(1, &[]), deid(2, &[]));
        assert_eq!(one.uid("1.2.3"), one.uid("1.2.3"));
        assert_ne!(one.uid("1.2.3"), other.uid("1.2.3"));
        assert_ne!(one.uid("1.2.3"), one.uid("1.2.4"));
        assert!(one.uid("1.2.3").len() <= 64 && one.uid("1.2.3").starts_with("2.25."));
        assert_eq!(deid(1, &[Keep::Uids]).uid("1.2.3"), "1.2.3");
        assert_ne!(one.pseudonym("patient", "x"), one.pseudonym("path", "x"));
    }
}
