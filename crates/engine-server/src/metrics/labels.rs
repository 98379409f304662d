//! What tells the lines of a family apart. Only names of specs are among them, never data: a line is kept for as long as the server runs.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};

/// A flow.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfFlow {
    pub(super) flow: String,
}

/// A flow, and how something ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfOutcome {
    pub(super) flow: String,
    pub(super) status: &'static str,
}

/// A step of a flow, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfStepOutcome {
    pub(super) flow: String,
    pub(super) step: String,
    pub(super) status: &'static str,
}

/// What became of records of a step.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfRecords {
    pub(super) flow: String,
    pub(super) step: String,
    pub(super) kind: &'static str,
}

/// For what something waited.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfWait {
    pub(super) flow: String,
    pub(super) reason: &'static str,
}

/// An API.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfApi {
    pub(super) flow: String,
    pub(super) api: String,
}

/// Who was asked, and what came of it: the status of the answer, or why there was none.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfRequest {
    pub(super) flow: String,
    pub(super) api: String,
    pub(super) endpoint: String,
    pub(super) status: Came,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Came {
    Status(u16),
    Nothing(&'static str),
}

impl EncodeLabelValue for Came {
    fn encode(&self, encoder: &mut prometheus_client::encoding::LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        match self {
            Self::Status(status) => EncodeLabelValue::encode(&u64::from(*status), encoder),
            Self::Nothing(why) => EncodeLabelValue::encode(why, encoder),
        }
    }
}
