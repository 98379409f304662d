//! Telemetry, where the variables of OpenTelemetry ask for it.

mod inbox;
mod traced_log;

use std::sync::Arc;

use engine_runtime::{Environment, HttpTransport, SystemClock, Transport};
use engine_telemetry::{Settings, Telemetry};

pub(crate) use self::inbox::watch_inbox;
pub(crate) use self::traced_log::TracedLog;
use crate::environment::Variables;
use crate::failure::Failure;

/// What is sent, and how.
pub(crate) struct Setting {
    settings: Settings,
    transport: Arc<dyn Transport>,
}

impl Setting {
    /// Reads the variables; nothing where nobody is to be sent anything.
    ///
    /// # Errors
    ///
    /// Fails where one of them is not what it should be.
    pub(crate) fn read(variables: &Variables) -> Result<Option<Self>, Failure> {
        let settings = Settings::read(&|name| variables.variable(name));
        let settings = settings.map_err(|error| Failure::usage(error.to_string()).help(error.help))?;
        let Some(settings) = settings else { return Ok(None) };
        let transport = HttpTransport::new(variables.proxies()?).map_err(|error| Failure::failed(error.to_string()))?;
        Ok(Some(Self { settings, transport: Arc::new(transport) }))
    }

    /// Begins to send, in the runtime of the runs; `told` is told what is wrong with it.
    ///
    /// # Errors
    ///
    /// Fails where nothing can be sent like that.
    pub(crate) fn start(self, told: impl Fn(&str) + Send + Sync + 'static) -> Result<Arc<Telemetry>, Failure> {
        let told: Arc<dyn Fn(&str) + Send + Sync> = Arc::new(told);
        let started = Telemetry::start(self.settings, &self.transport, Arc::new(SystemClock), &told);
        started.map(Arc::new).map_err(|error| Failure::usage(error.to_string()))
    }
}
