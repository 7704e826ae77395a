//! Credentials of a source far away, on the wire: for one job, never stored, never shown.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vitrail_sources::{Credentials, Secret};

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hidden(pub String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Who a job is for its sources: a bearer token; a user with a password; or a key of S3. They are
/// held in memory while the job may run, and never stored: a job that is resumed after a restart
/// needs them again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceCredentials {
    /// A bearer token, for DICOMweb, HTTP and Google's storage.
    #[schema(value_type = Option<String>)]
    pub bearer_token: Option<Hidden>,
    /// A user, for DICOMweb and HTTP.
    pub user: Option<String>,
    /// The user's password.
    #[schema(value_type = Option<String>)]
    pub password: Option<Hidden>,
    /// The id of a key of S3.
    pub access_key_id: Option<String>,
    /// The key.
    #[schema(value_type = Option<String>)]
    pub secret_access_key: Option<Hidden>,
    /// The token of a short-lived key.
    #[schema(value_type = Option<String>)]
    pub session_token: Option<Hidden>,
}

/// What a stopped job is resumed with.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResumeRequest {
    /// The credentials of its sources, which were not stored.
    pub credentials: Option<SourceCredentials>,
}

impl SourceCredentials {
    /// What sources take.
    ///
    /// # Errors
    /// Half of a pair, or more than one kind.
    pub fn read(&self) -> Result<Credentials, &'static str> {
        let secret = |hidden: &Hidden| Secret::new(hidden.0.as_str());
        match (&self.bearer_token, &self.user, &self.password) {
            (Some(token), None, None) if !self.is_s3() => Ok(Credentials::Bearer(secret(token))),
            (None, Some(user), Some(password)) if !self.is_s3() => {
                Ok(Credentials::Basic { user: user.clone(), password: secret(password) })
            }
            (None, None, None) => match (&self.access_key_id, &self.secret_access_key) {
                (Some(id), Some(key)) => Ok(Credentials::S3 {
                    access_key_id: id.clone(),
                    secret_access_key: secret(key),
                    session_token: self.session_token.as_ref().map(secret),
                }),
                (None, None) if self.session_token.is_none() => Ok(Credentials::Anonymous),
                _ => Err("a key of S3 is access_key_id and secret_access_key"),
            },
            _ => Err("give bearer_token, or user and password, or a key of S3, and one of them"),
        }
    }

    fn is_s3(&self) -> bool {
        self.access_key_id.is_some()
            || self.secret_access_key.is_some()
            || self.session_token.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_whole_kind_is_taken_and_nothing_shown() {
        let read = |text: &str| {
            let wire: SourceCredentials = serde_json::from_str(text).expect("JSON");
            assert!(!format!("{wire:?}").contains("planted"));
            wire.read()
        };
        assert_eq!(read("{}"), Ok(Credentials::Anonymous));
        assert!(matches!(read(r#"{"bearer_token":"planted"}"#), Ok(Credentials::Bearer(_))));
        let basic = read(r#"{"user":"u","password":"planted"}"#);
        assert!(matches!(basic, Ok(Credentials::Basic { .. })));
        let key = read(r#"{"access_key_id":"a","secret_access_key":"planted"}"#);
        assert!(matches!(key, Ok(Credentials::S3 { .. })));
        for text in [
            r#"{"user":"u"}"#,
            r#"{"bearer_token":"planted","access_key_id":"a"}"#,
            r#"{"bearer_token":"planted","user":"u","password":"planted"}"#,
            r#"{"session_token":"planted"}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
