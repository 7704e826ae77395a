//! Attempts: again after a growing pause, or after the pause that the source asks for.

use std::time::Duration;

use vitrail_domain::limits::{SOURCE_ATTEMPTS_MAX, SOURCE_RETRY_SECONDS_MAX};

use crate::error::{Failed, SourceError};

/// How often and how long after each other something is tried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Attempts in all.
    pub attempts: u32,
    /// The first pause; each further one is twice as long.
    pub first: Duration,
    /// Sorts callers apart, so that those who fail together don't come back together.
    pub seed: u64,
}

impl Patience {
    /// The usual: about 0.25, 0.5, 1 and 2 seconds.
    pub fn usual(first: Duration, text: &str) -> Self {
        // FNV-1a: any spread will do.
        let seed = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self { attempts: SOURCE_ATTEMPTS_MAX, first, seed }
    }

    /// The pause before the attempt after `attempt` (from 1): the doubled one, three quarters to
    /// five quarters of it.
    fn pause(self, attempt: u32) -> Duration {
        let doubled = self.first.saturating_mul(1 << (attempt - 1).min(10));
        let share = (self.seed.rotate_left(attempt * 8) & 0xff) as u32;
        doubled * (384 + share) / 512
    }

    /// The pause after a failure, or the failure where no attempt is left or none would help.
    fn after(self, attempt: u32, failed: Failed) -> Result<Duration, SourceError> {
        let longest = Duration::from_secs(SOURCE_RETRY_SECONDS_MAX);
        let asked = failed.after.unwrap_or_default();
        if !failed.again || attempt >= self.attempts || asked > longest {
            return Err(failed.error);
        }
        Ok(self.pause(attempt).max(asked))
    }
}

/// Tries until it works, no attempt is left, or none would help.
pub(crate) async fn patiently<T>(
    patience: Patience,
    mut attempt: impl AsyncFnMut() -> Result<T, Failed>,
) -> Result<T, SourceError> {
    let mut made = 0;
    loop {
        made += 1;
        match attempt().await {
            Ok(done) => return Ok(done),
            Err(failed) => {
                tracing::debug!(error = %failed.error, made, "an attempt at a source failed");
                tokio::time::sleep(patience.after(made, failed)?).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(after: Option<u64>, again: bool) -> Failed {
        let error = SourceError::Missing { uri: "u".to_owned() };
        Failed { error, again, after: after.map(Duration::from_secs) }
    }

    #[test]
    fn pauses_grow_and_follow_the_source_within_the_bound() {
        let patience = Patience::usual(Duration::from_millis(200), "u");
        let mut last = Duration::ZERO;
        for attempt in 1..SOURCE_ATTEMPTS_MAX {
            let pause = patience.after(attempt, failed(None, true)).unwrap();
            let middle = Duration::from_millis(200 << (attempt - 1));
            assert!(pause >= middle * 3 / 4 && pause <= middle * 5 / 4 && pause > last);
            last = pause;
        }
        assert!(patience.after(SOURCE_ATTEMPTS_MAX, failed(None, true)).is_err());
        assert!(patience.after(1, failed(None, false)).is_err());
        assert_eq!(patience.after(1, failed(Some(7), true)).unwrap(), Duration::from_secs(7));
        assert!(patience.after(1, failed(Some(61), true)).is_err());
    }
}
