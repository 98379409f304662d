//! Being asked from outside to end.

/// Waits for Ctrl-C, or for being told to terminate.
pub(crate) async fn interrupt() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Where signals cannot be seen nobody can ask.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The hang-ups of a process, by which others tell servers to read anew what they are about.
pub(crate) struct HangUps {
    #[cfg(unix)]
    signals: Option<tokio::signal::unix::Signal>,
}

/// Begins to watch for hang-ups; where there are none, none comes.
pub(crate) fn hang_up() -> HangUps {
    HangUps {
        #[cfg(unix)]
        signals: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).ok(),
    }
}

impl HangUps {
    /// Waits for the next one; nothing where none can come.
    pub(crate) async fn next(&mut self) -> Option<()> {
        #[cfg(unix)]
        if let Some(signals) = &mut self.signals {
            return signals.recv().await;
        }
        None
    }
}
