//! Credentials of one request: held in memory, never stored, never shown.

use std::fmt;

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a text in.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that sends it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Who we are for a source. The default is nobody.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Credentials {
    /// Nobody: public sources.
    #[default]
    Anonymous,
    /// `Authorization: Bearer`: DICOMweb, HTTP, Google's storage and models.
    Bearer(Secret),
    /// `Authorization: Basic`: DICOMweb and HTTP.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// Keys of S3, also short-lived ones.
    S3 {
        /// The key's id.
        access_key_id: String,
        /// The key.
        secret_access_key: Secret,
        /// Of a short-lived key.
        session_token: Option<Secret>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_shown() {
        let all = [
            Credentials::Bearer(Secret::new("planted")),
            Credentials::Basic { user: "u".to_owned(), password: Secret::new("planted") },
            Credentials::S3 {
                access_key_id: "id".to_owned(),
                secret_access_key: Secret::new("planted"),
                session_token: Some(Secret::new("planted")),
            },
        ];
        for credentials in all {
            let shown = format!("{credentials:?} {credentials:#?}");
            assert!(!shown.contains("planted") && shown.contains("***"), "{shown}");
        }
    }
}
