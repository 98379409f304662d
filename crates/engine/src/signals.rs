//! Being asked from outside to end, or to read anew.

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Waits for Ctrl-C, or for being told to terminate. Watched for from the call on, not only once somebody waits.
pub(crate) fn interrupt() -> impl Future<Output = ()> + Send {
    #[cfg(unix)]
    {
        let [mut interrupt, mut terminate] =
            [SignalKind::interrupt(), SignalKind::terminate()].map(|kind| signal(kind).ok());
        async move {
            tokio::select! {
                () = next(&mut interrupt) => {}
                () = next(&mut terminate) => {}
            }
        }
    }
    #[cfg(not(unix))]
    async {
        // Where signals cannot be seen nobody can ask.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The hang-ups of a process, by which others tell servers to read anew what they are about.
pub(crate) struct HangUps {
    #[cfg(unix)]
    signals: Option<Signal>,
}

/// Begins to watch for hang-ups; where there are none, none comes.
pub(crate) fn hang_up() -> HangUps {
    HangUps {
        #[cfg(unix)]
        signals: signal(SignalKind::hangup()).ok(),
    }
}

impl HangUps {
    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        #[cfg(unix)]
        next(&mut self.signals).await;
        #[cfg(not(unix))]
        std::future::pending::<()>().await;
    }
}

/// Waits for a signal; for ever where it cannot be seen.
#[cfg(unix)]
async fn next(signals: &mut Option<Signal>) {
    let seen = match signals {
        Some(signals) => signals.recv().await,
        None => None,
    };
    if seen.is_none() {
        std::future::pending::<()>().await;
    }
}
