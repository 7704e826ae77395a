//! The client: names are resolved by us, and what they mean is looked at before it is connected
//! to, so that no name can change its meaning between the look and the connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use thiserror::Error;

use crate::allow::{AllowList, forbidden};
use crate::error::SourceError;

/// Seconds until a machine must have taken the connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// A name that means only machines that may not be connected to.
#[derive(Debug, Error)]
#[error("{0}")]
pub(crate) struct ForbiddenMachine(pub String);

/// A client without redirects, proxies or cookies of its own.
pub(crate) fn client(allow: Arc<AllowList>, silence: Duration) -> Result<Client, SourceError> {
    // Fails where one is set already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let built = Client::builder()
        .dns_resolver(Arc::new(Guarded(allow)))
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT_WITHIN)
        .read_timeout(silence)
        .user_agent(concat!("vitrail/", env!("CARGO_PKG_VERSION")))
        .build();
    built.map_err(|why| SourceError::Start(why.to_string()))
}

/// The system's resolver, whose answers are held against the list.
struct Guarded(Arc<AllowList>);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let allow = self.0.clone();
        Box::pin(async move {
            let host = name.as_str();
            let private = allow.is_private(host);
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
            let mut shut = None;
            let mut open = Vec::with_capacity(found.len());
            for machine in found {
                match forbidden(machine.ip(), private) {
                    None => open.push(machine),
                    Some(why) => shut = Some(format!("{host} is {why}")),
                }
            }
            match shut {
                Some(why) if open.is_empty() => Err(ForbiddenMachine(why).into()),
                _ => Ok(Box::new(open.into_iter()) as Addrs),
            }
        })
    }
}
