//! One thing that is done to a connection.

use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

/// How long a server keeps quiet before it gives up a client that never goes away.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long what was sent has to arrive before a reset, which may overtake it.
const ARRIVAL: Duration = Duration::from_millis(30);

/// One thing that is done to a connection.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Sends bytes.
    Send(Vec<u8>),
    /// Sends the same bytes many times.
    Flood(Vec<u8>, u64),
    /// Sends byte by byte, so slowly.
    Drip(Vec<u8>, Duration),
    /// Says nothing for a while.
    Pause(Duration),
    /// Says nothing more, and keeps the connection open until the client gives it up.
    Stall,
    /// Resets the connection.
    Reset,
    /// Closes the connection in an orderly way.
    Close,
}

impl Act {
    /// Does it; returns whether the connection may go on.
    pub(crate) fn play(&self, connection: &TcpStream) -> io::Result<bool> {
        let mut out = connection;
        match self {
            Self::Send(bytes) => out.write_all(bytes)?,
            Self::Flood(bytes, times) => {
                // Few large writes: a flood is to overwhelm the client, not the server.
                let at_once = (64 * 1024 / bytes.len().max(1)).max(1) as u64;
                let many = bytes.repeat(usize::try_from(at_once.min(*times)).unwrap_or(1));
                let mut left = *times;
                while left >= at_once {
                    out.write_all(&many)?;
                    left -= at_once;
                }
                (0..left).try_for_each(|_| out.write_all(bytes))?;
            }
            Self::Drip(bytes, every) => {
                for byte in bytes {
                    thread::sleep(*every);
                    out.write_all(std::slice::from_ref(byte))?;
                }
            }
            Self::Pause(time) => thread::sleep(*time),
            Self::Stall => {
                // Returns when the client closes its side, or sends what it should not.
                connection.set_read_timeout(Some(PATIENCE))?;
                _ = io::Read::read(&mut &*connection, &mut [0]);
                return Ok(false);
            }
            Self::Reset => {
                thread::sleep(ARRIVAL);
                SockRef::from(connection).set_linger(Some(Duration::ZERO))?;
                return Ok(false);
            }
            Self::Close => {
                connection.shutdown(Shutdown::Write)?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns whether the connection is to be torn down without a goodbye.
    pub(crate) fn is_reset(&self) -> bool {
        matches!(self, Self::Reset)
    }
}
