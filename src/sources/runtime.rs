//! The room's own async runtime, behind a face that blocks and can be cancelled.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use vitrail_domain::Cancel;

use crate::error::SourceError;

/// How often a blocked caller looks whether it should stop.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Threads that move bytes; whoever waits brings its own.
const THREADS: usize = 2;

/// A runtime that nobody outside sees.
#[derive(Debug)]
pub(crate) struct Runtime(Option<tokio::runtime::Runtime>);

impl Runtime {
    /// Starts its threads.
    pub fn start() -> Result<Self, SourceError> {
        let built = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("sources")
            .enable_all()
            .build();
        built.map(|built| Self(Some(built))).map_err(|why| SourceError::Start(why.to_string()))
    }

    /// Waits for the work, or until it is cancelled; the work is then dropped where it stands.
    pub fn wait<T>(
        &self,
        cancel: &Cancel,
        work: impl Future<Output = Result<T, SourceError>>,
    ) -> Result<T, SourceError> {
        let Some(runtime) = &self.0 else { return Err(SourceError::Cancelled) };
        let cancelled = async {
            while !cancel.is_cancelled() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        runtime.block_on(async {
            match select(pin!(work), pin!(cancelled)).await {
                Either::Left((done, _)) => done,
                Either::Right(_) => Err(SourceError::Cancelled),
            }
        })
    }
}

impl Drop for Runtime {
    /// Without waiting: the last holder may be a thread of another runtime.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn waiting_ends_when_it_is_cancelled() {
        let runtime = Runtime::start().unwrap();
        let cancel = Cancel::new();
        let started = Instant::now();
        let waited = std::thread::scope(|scope| {
            let flag = cancel.clone();
            scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(100));
                flag.cancel();
            });
            runtime.wait(&cancel, async {
                tokio::time::sleep(Duration::from_secs(60)).await;
                Ok(())
            })
        });
        assert!(matches!(waited, Err(SourceError::Cancelled)));
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn it_may_be_dropped_within_another_runtime() {
        let other = tokio::runtime::Runtime::new().unwrap();
        other.block_on(async { drop(Runtime::start().unwrap()) });
    }
}
