//! What came of something that is sent once.

use serde::{Deserialize, Serialize};

/// What came of something that was sent, as far as the steps after it need it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Effect {
    /// These records were handed on, each as JSON.
    HandedOn(Vec<String>),
    /// An error rule left the item out.
    Skipped,
    /// The API refused it: it may be sent again.
    Refused,
    /// It was done, but its answer is not one that the step takes: why, as a failure has it.
    Answered { code: String, message: String, help: Option<String>, status: Option<u16> },
}

impl Effect {
    /// Reads what a store kept.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// Returns it as a store keeps it.
    pub(crate) fn written(&self) -> Vec<u8> {
        // Texts and lists of them are always JSON.
        serde_json::to_vec(self).unwrap_or_default()
    }
}
