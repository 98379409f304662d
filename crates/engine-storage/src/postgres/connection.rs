//! A connection to a database: how it comes about, and what holds for all that is done with it.

use tokio::task::JoinHandle;
use tokio_postgres::Client;

use super::address::Address;
use super::failure::{Failure, Trouble};
use super::tls::connector;

/// What every session begins with: times are in UTC, and nobody waits for another's lock without an end.
const SETTINGS: &str = "
    SET TIME ZONE 'UTC';
    SET datestyle = 'ISO, YMD';
    SELECT set_config('lock_timeout', '30s', false) WHERE current_setting('lock_timeout') = '0'";

/// An open connection.
pub(crate) struct Connection {
    pub(crate) client: Client,
    /// What carries messages to and fro, on the runtime that the connection was opened on.
    driver: JoinHandle<()>,
}

impl Connection {
    /// Connects to a database.
    pub(crate) async fn open(address: &Address) -> Result<Self, Failure> {
        let tls = connector(&address.trust)?;
        let (client, connection) = address.config.connect(tls).await.map_err(|error| unreached(error, address))?;
        let driver = tokio::spawn(async move {
            // Whoever waits for an answer is told what broke it.
            _ = connection.await;
        });
        let open = Self { client, driver };
        open.client.batch_execute(SETTINGS).await?;
        Ok(open)
    }

    /// Says goodbye.
    pub(crate) async fn close(self) {
        drop(self.client);
        _ = self.driver.await;
    }
}

fn unreached(error: tokio_postgres::Error, address: &Address) -> Failure {
    let can_not = format!("can't connect to `{}`", address.shown());
    match Failure::from(error) {
        Failure::Lost(why) => Failure::Lost(why),
        Failure::Other(Trouble { message, help: None }) => Failure::Other(
            Trouble::new(format!("{can_not}: {message}"))
                .help("check the URL: the host, `sslmode`, the user and the password"),
        ),
        other => Failure::Other(other.of(&can_not)),
    }
}
