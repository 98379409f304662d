//! The conversation with an editor.

mod checker;
mod requests;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, select};
use gen_lsp_types::{
    Diagnostic, DidChangeTextDocumentParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams,
    PublishDiagnosticsParams, TextDocumentContentChangeEvent, Uri,
};
use lsp_server::{Connection, ErrorCode, Message, Notification, Request, RequestId, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use self::checker::{Checked, Checker};
use crate::completion::Abilities;
use crate::diagnostics::{Told, is_ours};
use crate::pages::Pages;
use crate::position::{Encoding, Lines};
use crate::texts::{path_of, uri_of};
use crate::world::World;

/// How long nothing must be typed before files are checked.
const PAUSE: Duration = Duration::from_millis(150);

/// A spec may be deep, and looking at it goes down with it.
const STACK: usize = 32 * 1024 * 1024;

/// Why the conversation broke off.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// What came was not the protocol.
    #[error("the editor does not speak the Language Server Protocol: {0}")]
    Protocol(String),
    /// It could not be read or written.
    #[error("the connection to the editor broke: {0}")]
    Connection(#[from] std::io::Error),
    /// The editor went away without a word.
    #[error("the editor went away")]
    Gone,
}

/// Talks to an editor over stdin and stdout until it says goodbye.
///
/// # Errors
///
/// Fails where what comes is not the protocol, and where the editor goes away without goodbye.
pub fn serve(pages: Pages) -> Result<(), ServeError> {
    let (connection, threads) = Connection::stdio();
    let talk =
        thread::Builder::new().name("editor".to_owned()).stack_size(STACK).spawn(move || talk(&connection, pages))?;
    let result =
        talk.join().unwrap_or_else(|_| Err(ServeError::Protocol("the server failed within itself".to_owned())));
    // Nothing more comes after a goodbye, or from an editor that went away; what was answered is to be written to its end. One that does
    // not speak the protocol may keep its end open for ever.
    if !matches!(result, Err(ServeError::Protocol(_))) {
        let written = threads.join();
        result?;
        return Ok(written?);
    }
    result
}

/// Talks over a connection.
pub(crate) fn talk(connection: &Connection, pages: Pages) -> Result<(), ServeError> {
    let protocol = |error: lsp_server::ProtocolError| ServeError::Protocol(error.to_string());
    let (id, params) = connection.initialize_start().map_err(protocol)?;
    let mut server = Server::new(connection, &params, pages)?;
    let answer = requests::capabilities(server.abilities.encoding);
    connection.initialize_finish(id, answer).map_err(protocol)?;
    server.run()
}

/// What is known of an open document.
#[derive(Debug)]
struct Document {
    uri: Uri,
    version: i32,
}

struct Server<'c> {
    connection: &'c Connection,
    world: World,
    abilities: Abilities,
    /// The open documents by their paths.
    documents: HashMap<PathBuf, Document>,
    /// What was told about files, for those who ask for changes that mend it.
    told: BTreeMap<PathBuf, Vec<Told>>,
    checker: Checker,
    results: Receiver<Checked>,
    /// After how long without a message files are to be checked.
    due: Option<Duration>,
    /// What came and is not answered yet.
    inbox: VecDeque<Message>,
    is_shut_down: bool,
}

impl<'c> Server<'c> {
    fn new(connection: &'c Connection, params: &Value, pages: Pages) -> Result<Self, ServeError> {
        let can = |pointer: &str| params.pointer(&format!("/capabilities/{pointer}"));
        let encodings = can("general/positionEncodings").and_then(Value::as_array);
        let is_utf8 = encodings.is_some_and(|known| known.iter().any(|one| one == "utf-8"));
        let encoding = if is_utf8 { Encoding::Utf8 } else { Encoding::Utf16 };
        let snippets = can("textDocument/completion/completionItem/snippetSupport") == Some(&json!(true));
        let site = params.pointer("/initializationOptions/docs").and_then(Value::as_str);
        let pages = site.map_or(pages, |site| Pages::Site(site.to_owned()));
        let folders = params.get("workspaceFolders").and_then(Value::as_array);
        let mut folders: Vec<PathBuf> =
            folders.into_iter().flatten().filter_map(|one| Some(path_of(one.get("uri")?.as_str()?))).collect();
        if folders.is_empty() {
            folders.extend(params.get("rootUri").and_then(Value::as_str).map(path_of));
        }
        let (checker, results) = Checker::start(pages, encoding)?;
        Ok(Self {
            connection,
            world: World::new(folders),
            abilities: Abilities { snippets, encoding },
            documents: HashMap::new(),
            told: BTreeMap::new(),
            checker,
            results,
            due: None,
            inbox: VecDeque::new(),
            is_shut_down: false,
        })
    }

    fn run(&mut self) -> Result<(), ServeError> {
        loop {
            // All that is there already, so that what was taken back is not worked on.
            self.inbox.extend(self.connection.receiver.try_iter());
            self.drop_cancelled();
            if let Some(message) = self.inbox.pop_front() {
                if self.take(message) {
                    return if self.is_shut_down { Ok(()) } else { Err(ServeError::Gone) };
                }
                continue;
            }
            let wait = self.due.unwrap_or(Duration::from_hours(1));
            select! {
                recv(self.connection.receiver) -> message => match message {
                    Ok(message) => self.inbox.push_back(message),
                    Err(_) => return Err(ServeError::Gone),
                },
                recv(self.results) -> checked => match checked {
                    Ok(checked) => self.publish(checked),
                    Err(_) => return Err(ServeError::Protocol("checking failed within the server".to_owned())),
                },
                default(wait) => {
                    if self.due.take().is_some() {
                        self.check();
                    }
                }
            }
        }
    }

    /// Answers requests that were taken back before they were worked on.
    fn drop_cancelled(&mut self) {
        let mut cancelled: HashSet<RequestId> = HashSet::new();
        for message in &self.inbox {
            if let Message::Notification(one) = message
                && one.method == "$/cancelRequest"
                && let Some(id) = one.params.get("id")
                && let Ok(id) = serde_json::from_value(id.clone())
            {
                cancelled.insert(id);
            }
        }
        if cancelled.is_empty() {
            return;
        }
        let mut kept = VecDeque::new();
        for message in std::mem::take(&mut self.inbox) {
            match message {
                Message::Request(one) if cancelled.contains(&one.id) => {
                    self.fail(one.id, ErrorCode::RequestCanceled, "taken back");
                }
                Message::Notification(one) if one.method == "$/cancelRequest" => {}
                other => kept.push_back(other),
            }
        }
        self.inbox = kept;
    }

    /// Takes one message; returns whether it was the last one.
    fn take(&mut self, message: Message) -> bool {
        match message {
            Message::Request(request) => self.answer(request),
            Message::Notification(one) if one.method == "exit" => return true,
            Message::Notification(one) => self.hear(one),
            Message::Response(_) => {}
        }
        false
    }

    fn answer(&mut self, request: Request) {
        let Request { id, method, params } = request;
        if self.is_shut_down {
            return self.fail(id, ErrorCode::InvalidRequest, "the server is shut down");
        }
        if method == "shutdown" {
            self.is_shut_down = true;
            return self.send(Response::new_ok(id, Value::Null));
        }
        // A mistake of ours in one answer must not take the others away.
        let answered = catch_unwind(AssertUnwindSafe(|| self.respond(&method, params)));
        match answered {
            Ok(Ok(value)) => self.send(Response::new_ok(id, value)),
            Ok(Err(Refusal { code, message })) => self.fail(id, code, &message),
            Err(_) => self.fail(id, ErrorCode::InternalError, "the server failed within itself"),
        }
    }

    fn hear(&mut self, one: Notification) {
        match one.method.as_str() {
            "textDocument/didOpen" => {
                if let Some(params) = read::<DidOpenTextDocumentParams>(one.params) {
                    let document = params.text_document;
                    let path = path_of(&document.uri.0);
                    self.world.texts.set(&path, document.text.into());
                    self.documents.insert(path, Document { uri: document.uri, version: document.version });
                    self.soon(Duration::ZERO);
                }
            }
            "textDocument/didChange" => {
                if let Some(params) = read::<DidChangeTextDocumentParams>(one.params) {
                    self.change(params);
                }
            }
            "textDocument/didClose" => {
                if let Some(params) = read::<DidCloseTextDocumentParams>(one.params) {
                    let path = path_of(&params.text_document.uri.0);
                    self.world.texts.remove(&path);
                    self.documents.remove(&path);
                    self.soon(Duration::ZERO);
                }
            }
            "textDocument/didSave" | "workspace/didChangeWatchedFiles" => self.soon(Duration::ZERO),
            "workspace/didChangeWorkspaceFolders" => {
                let uris = |name: &str| -> Vec<PathBuf> {
                    let all = one.params.pointer(&format!("/event/{name}")).and_then(Value::as_array);
                    all.into_iter().flatten().filter_map(|one| Some(path_of(one.get("uri")?.as_str()?))).collect()
                };
                let removed = uris("removed");
                self.world.folders.retain(|folder| !removed.contains(folder));
                self.world.folders.extend(uris("added"));
            }
            _ => {}
        }
    }

    fn change(&mut self, params: DidChangeTextDocumentParams) {
        let path = path_of(&params.text_document.text_document_identifier.uri.0);
        let Some(document) = self.documents.get_mut(&path) else { return };
        document.version = params.text_document.version;
        let mut text = self.world.texts.open(&path).map(ToString::to_string).unwrap_or_default();
        for change in params.content_changes {
            match change {
                TextDocumentContentChangeEvent::TextDocumentContentChangePartial(part) => {
                    let lines = Lines::new(&text);
                    let start = lines.offset(&text, part.range.start, self.abilities.encoding);
                    let end = lines.offset(&text, part.range.end, self.abilities.encoding).max(start);
                    text.replace_range(start..end, &part.text);
                }
                TextDocumentContentChangeEvent::TextDocumentContentChangeWholeDocument(whole) => text = whole.text,
            }
        }
        self.world.texts.set(&path, text.into());
        self.soon(PAUSE);
    }

    /// Has files checked after a while in which nothing else happens.
    fn soon(&mut self, pause: Duration) {
        self.due = Some(pause);
    }

    fn check(&mut self) {
        let is_ours = |path: &PathBuf| self.world.file(path).is_some_and(|file| is_ours(&file));
        let roots = self.world.texts.paths().into_iter().filter(is_ours).collect();
        self.checker.check(roots, self.world.texts.clone());
    }

    fn publish(&mut self, checked: Checked) {
        let Checked { number, mut found } = checked;
        if number != self.checker.latest() {
            return;
        }
        // What is mended, or closed, is told once that nothing is left.
        let known: Vec<_> = self.told.keys().cloned().collect();
        for path in known {
            found.entry(path).or_default();
        }
        for (path, told) in found {
            let before = self.told.get(&path).map(Vec::as_slice).unwrap_or_default();
            let is_news = before.len() != told.len()
                || before.iter().zip(&told).any(|(one, other)| one.diagnostic != other.diagnostic)
                || !self.told.contains_key(&path);
            if is_news {
                let diagnostics: Vec<Diagnostic> = told.iter().map(|one| one.diagnostic.clone()).collect();
                let document = self.documents.get(&path);
                let uri = document.map_or_else(|| Uri(uri_of(&path)), |document| document.uri.clone());
                let version = document.map(|document| document.version);
                self.notify("textDocument/publishDiagnostics", PublishDiagnosticsParams { uri, version, diagnostics });
            }
            if told.is_empty() && !self.documents.contains_key(&path) {
                self.told.remove(&path);
            } else {
                self.told.insert(path, told);
            }
        }
    }

    fn notify(&self, method: &str, params: impl Serialize) {
        _ = self.connection.sender.send(Notification::new(method.to_owned(), params).into());
    }

    fn send(&self, response: Response) {
        _ = self.connection.sender.send(response.into());
    }

    fn fail(&self, id: RequestId, code: ErrorCode, message: &str) {
        self.send(Response::new_err(id, code as i32, message.to_owned()));
    }

    /// Returns the path of the document that a request is about, and the byte at its position.
    fn place(&self, params: &gen_lsp_types::TextDocumentPositionParams) -> Option<(PathBuf, usize)> {
        let path = path_of(&params.text_document.uri.0);
        let at = self.offset(&path, params.position)?;
        Some((path, at))
    }

    fn offset(&self, path: &Path, position: gen_lsp_types::Position) -> Option<usize> {
        let file = self.world.file(path)?;
        Some(file.lines().offset(file.text(), position, self.abilities.encoding))
    }
}

/// Why a request is not answered.
struct Refusal {
    code: ErrorCode,
    message: String,
}

fn read<T: DeserializeOwned>(params: Value) -> Option<T> {
    serde_json::from_value(params).ok()
}
