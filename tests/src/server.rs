//! An HTTP server on loopback that plays a script, and remembers what was not in it.

use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::answer::Answer;
use crate::exchange::{Bound, Exchange};
use crate::listener::Listener;
use crate::received::Received;

/// A server that listens until it is dropped.
#[derive(Debug)]
pub struct Server {
    listener: Listener,
    stage: Arc<Stage>,
}

/// What all connections share.
#[derive(Debug)]
struct Stage {
    play: Mutex<Play>,
    served: AtomicUsize,
}

#[derive(Debug)]
struct Play {
    exchanges: Vec<Exchange>,
    /// How often each was asked.
    played: Vec<u32>,
    any_order: bool,
    bound: Bound,
    /// Texts of the script that stand for others.
    words: Vec<(String, String)>,
    faults: Vec<String>,
}

impl Server {
    /// Starts a server without a script.
    pub fn start() -> Self {
        let play = Play {
            exchanges: Vec::new(),
            played: Vec::new(),
            any_order: false,
            bound: Bound::new(),
            words: Vec::new(),
            faults: Vec::new(),
        };
        let make = |_| Stage { play: Mutex::new(play), served: AtomicUsize::new(0) };
        let (listener, stage) = Listener::start(make, Stage::serve);
        Self { listener, stage }
    }

    /// Returns where it is.
    pub fn url(&self) -> String {
        self.listener.url()
    }

    /// Gives the server its script; `words` are replaced in it.
    pub fn play(&self, exchanges: Vec<Exchange>, any_order: bool, words: Vec<(String, String)>) {
        let mut play = self.stage.play();
        play.played = vec![0; exchanges.len()];
        play.exchanges = exchanges;
        play.any_order = any_order;
        play.words = words;
    }

    /// Returns how many requests were received.
    pub fn served(&self) -> usize {
        self.stage.served.load(Ordering::Relaxed)
    }

    /// Returns what went against the script, what is missing too.
    pub fn faults(&self) -> Vec<String> {
        let play = self.stage.play();
        let mut faults = play.faults.clone();
        for (exchange, played) in play.exchanges.iter().zip(&play.played) {
            if *played < exchange.times && !exchange.optional {
                faults.push(format!("missing: {} ({played} of {} times)", exchange.request, exchange.times));
            }
        }
        faults
    }
}

impl Stage {
    fn play(&self) -> MutexGuard<'_, Play> {
        self.play.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, connection: &TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(connection);
        while let Some(received) = Received::read(&mut reader)? {
            let (answer, words) = {
                let mut play = self.play();
                (play.answer(&received), play.words.clone())
            };
            self.served.fetch_add(1, Ordering::Relaxed);
            let mut out = connection;
            if !answer.write(&mut out, |text| fill(text, &words))? {
                break;
            }
            out.flush()?;
        }
        connection.shutdown(std::net::Shutdown::Both)
    }
}

impl Play {
    fn answer(&mut self, received: &Received) -> Answer {
        let mut reasons = Vec::new();
        for (at, exchange) in self.exchanges.iter().enumerate() {
            let played = self.played.get_mut(at).expect("each exchange is counted");
            if *played >= exchange.times {
                continue;
            }
            let words = &self.words;
            match exchange.mismatch(received, &mut self.bound, |text| fill(text, words)) {
                None => {
                    *played += 1;
                    return exchange.answer.clone();
                }
                Some(reason) => reasons.push(reason),
            }
            if !self.any_order && !exchange.optional {
                break;
            }
        }
        self.faults.push(format!("unexpected: {}\n    {}", received.describe(), reasons.join("\n    ")));
        Answer::unexpected()
    }
}

fn fill(text: &str, words: &[(String, String)]) -> String {
    words.iter().fold(text.to_owned(), |text, (word, meaning)| text.replace(word, meaning))
}
