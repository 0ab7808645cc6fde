//! Time, behind a trait: everything that reads the clock or waits does it through here, so that a
//! test can move it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

pub use jiff::Timestamp;

/// A source of the present instant and of waits.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present instant, in UTC.
    fn now(&self) -> Timestamp;

    /// Ends once this much time has passed by this clock.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// A clock that many parts read.
pub type SharedClock = Arc<dyn Clock>;

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl SystemClock {
    /// The machine's clock, ready to be shared.
    pub fn shared() -> SharedClock {
        Arc::new(Self)
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that all else reads")]
    fn now(&self) -> Timestamp {
        // Milliseconds: what the journal keeps, so that a value read back equals the one written.
        let now = Timestamp::now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A clock that shows one instant for ever, for runs that have to come out the same each time. Waits
/// take the time that they take.
#[derive(Debug, Clone, Copy)]
pub struct StandingClock(Timestamp);

impl StandingClock {
    /// A clock that shows this instant, to the millisecond, ready to be shared.
    pub fn shared(instant: Timestamp) -> SharedClock {
        Arc::new(Self(Timestamp::from_millisecond(instant.as_millisecond()).unwrap_or(instant)))
    }
}

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        self.0
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// From `earlier` to `later`, zero when the clock was set back in between.
pub fn elapsed(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}
