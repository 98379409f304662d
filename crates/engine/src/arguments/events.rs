//! Arguments of `engine events`.

use clap::{Args, Subcommand, ValueEnum};
use engine_runtime::EventStatus;

use super::{Place, ResultFormat};

/// The commands of `engine events`.
#[derive(Debug, Subcommand)]
pub(crate) enum Events {
    /// List events, the newest first: their ids, how they stand, when they came, why they failed
    List(EventsList),
    /// Show one whole: what came with it, too
    Show(EventsShow),
    /// Run the flow of an event again, as if it had come now
    Replay(EventsReplay),
    /// Forget events that were given up, or that nobody works on
    Drop(EventsDrop),
}

/// Arguments of `engine events list`.
#[derive(Args, Debug)]
pub(crate) struct EventsList {
    /// Only those of this flow
    #[arg(long, value_name = "NAME")]
    pub(crate) flow: Option<String>,
    /// Only those that stand so
    #[arg(long, value_enum, value_name = "STATUS")]
    pub(crate) status: Option<Stands>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: u32,
    /// How the result is written to stdout
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: ResultFormat,
    /// Where they are kept
    #[command(flatten)]
    pub(crate) place: Place,
}

/// How an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stands {
    /// It waits for its turn, or for its next attempt
    Waiting,
    /// Its flow runs
    Running,
    /// Its run has come to its end
    Done,
    /// It was given up
    Dead,
}

impl Stands {
    /// Returns it as stores know it.
    pub(crate) fn status(self) -> EventStatus {
        match self {
            Self::Waiting => EventStatus::Waiting,
            Self::Running => EventStatus::Running,
            Self::Done => EventStatus::Done,
            Self::Dead => EventStatus::Dead,
        }
    }
}

/// Arguments of `engine events show`.
#[derive(Args, Debug)]
pub(crate) struct EventsShow {
    /// The id, or the start or end of it
    pub(crate) id: String,
    /// How the result is written to stdout
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: ResultFormat,
    /// Where it is kept
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Arguments of `engine events replay`.
#[derive(Args, Debug)]
pub(crate) struct EventsReplay {
    /// The ids, or the starts or ends of them
    #[arg(required_unless_present = "dead", value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// All that were given up, which are forgotten then
    #[arg(long, conflicts_with = "ids")]
    pub(crate) dead: bool,
    /// Of those that were given up, only the ones of this flow
    #[arg(long, value_name = "NAME", requires = "dead")]
    pub(crate) flow: Option<String>,
    /// Where they are kept
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Arguments of `engine events drop`.
#[derive(Args, Debug)]
pub(crate) struct EventsDrop {
    /// The ids, or the starts or ends of them
    #[arg(required_unless_present = "all", value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// All that were given up
    #[arg(long, conflicts_with = "ids")]
    pub(crate) all: bool,
    /// Of those, only the ones of this flow
    #[arg(long, value_name = "NAME", requires = "all")]
    pub(crate) flow: Option<String>,
    /// Where they are kept
    #[command(flatten)]
    pub(crate) place: Place,
}
