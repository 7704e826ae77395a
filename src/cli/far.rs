//! Sources far away: which are allowed, where object stores are, and who we are for them. Secrets
//! come from files or the environment, never from the command line, which other users can see.

use std::path::PathBuf;

use clap::Args;
use vitrail_api::contract::credentials::{Hidden, SourceCredentials};
use vitrail_sources::{AllowList, Settings, StoreSettings};

use super::remote::first_line;
use crate::open::Failure;

/// Where object stores are.
#[derive(Debug, Clone, Args)]
pub struct Stores {
    /// An object store that speaks S3's protocol: https://HOST[:PORT]; Amazon's when left out.
    #[arg(long, env = "AWS_ENDPOINT_URL")]
    s3_endpoint: Option<String>,
    /// The region of s3:// addresses.
    #[arg(long, env = "AWS_REGION")]
    s3_region: Option<String>,
    /// An object store that speaks Google's protocol; Google's own when left out.
    #[arg(long)]
    gs_endpoint: Option<String>,
}

impl Stores {
    /// For whoever runs an ingest here: what is named is allowed.
    pub fn named(&self) -> Result<Settings, Failure> {
        self.settings(AllowList::new(), true)
    }

    /// For a server: only what is listed is allowed.
    pub fn listed(&self, open: &[String], private: &[String]) -> Result<Settings, Failure> {
        let mut allow = AllowList::new();
        for (prefixes, is_private) in [(open, false), (private, true)] {
            for prefix in prefixes {
                allow.add(prefix, is_private)?;
            }
        }
        self.settings(allow, false)
    }

    fn settings(&self, allow: AllowList, named: bool) -> Result<Settings, Failure> {
        let stores = StoreSettings::read(
            self.s3_endpoint.as_deref(),
            self.s3_region.clone(),
            self.gs_endpoint.as_deref(),
        )?;
        Ok(Settings { allow, named, stores, ..Settings::default() })
    }
}

/// Who we are for sources.
#[derive(Debug, Clone, Args)]
pub struct Who {
    /// A file whose first line is a bearer token of dicomweb+https://, https:// or gs:// sources.
    #[arg(long)]
    token_file: Option<PathBuf>,
    /// A file whose first line is USER:PASSWORD of dicomweb+https:// or https:// sources.
    #[arg(long, conflicts_with = "token_file")]
    password_file: Option<PathBuf>,
}

impl Who {
    /// The credentials for these addresses; keys of S3 stand in AWS_ACCESS_KEY_ID,
    /// AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and are read only for s3:// addresses.
    pub fn read(&self, addresses: &[String]) -> Result<Option<SourceCredentials>, Failure> {
        let mut read = SourceCredentials::default();
        if let Some(path) = &self.token_file {
            read.bearer_token = Some(Hidden(first_line("--token-file", path)?));
        } else if let Some(path) = &self.password_file {
            let line = first_line("--password-file", path)?;
            let (user, password) =
                line.split_once(':').ok_or("--password-file takes USER:PASSWORD")?;
            read.user = Some(user.to_owned());
            read.password = Some(Hidden(password.to_owned()));
        } else if addresses.iter().any(|address| address.starts_with("s3://")) {
            let of = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
            read.access_key_id = of("AWS_ACCESS_KEY_ID");
            read.secret_access_key = of("AWS_SECRET_ACCESS_KEY").map(Hidden);
            read.session_token = of("AWS_SESSION_TOKEN").map(Hidden);
        }
        Ok((read != SourceCredentials::default()).then_some(read))
    }
}
