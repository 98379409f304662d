//! What an editor may ask for, and the answers.

use std::collections::HashMap;

use gen_lsp_types::{
    CodeAction, CodeActionKind, CodeActionParams, CompletionParams, DefinitionParams, DocumentSymbolParams,
    HoverParams, Range, ReferenceParams, RenameParams, TextDocumentPositionParams, TextEdit, WorkspaceEdit,
};
use lsp_server::ErrorCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Refusal, Server};
use crate::diagnostics::Change;
use crate::position::Encoding;
use crate::texts::path_of;
use crate::{completion, hover, navigation, symbols};

/// Returns what the server can do.
pub(super) fn capabilities(encoding: Encoding) -> Value {
    let encoding = match encoding {
        Encoding::Utf8 => "utf-8",
        Encoding::Utf16 => "utf-16",
    };
    json!({
        "capabilities": {
            "positionEncoding": encoding,
            "textDocumentSync": {"openClose": true, "change": 2, "save": {"includeText": false}},
            "completionProvider": {"triggerCharacters": [".", "|", " ", "{", "$", "/", "[", ":"]},
            "hoverProvider": true,
            "definitionProvider": true,
            "referencesProvider": true,
            "renameProvider": {"prepareProvider": true},
            "documentSymbolProvider": true,
            "codeActionProvider": {"codeActionKinds": ["quickfix", "source.fixAll"]},
            "workspace": {"workspaceFolders": {"supported": true, "changeNotifications": true}},
        },
        "serverInfo": {"name": "engine", "version": env!("CARGO_PKG_VERSION")},
    })
}

impl Server<'_> {
    /// Answers a request.
    pub(super) fn respond(&mut self, method: &str, params: Value) -> Result<Value, Refusal> {
        let encoding = self.abilities.encoding;
        match method {
            "textDocument/completion" => {
                let params: CompletionParams = parse(params)?;
                let Some((path, at)) = self.place(&params.text_document_position_params) else {
                    return Ok(Value::Null);
                };
                value(completion::complete(&self.world, &path, at, self.abilities))
            }
            "textDocument/hover" => {
                let params: HoverParams = parse(params)?;
                let Some((path, at)) = self.place(&params.text_document_position_params) else {
                    return Ok(Value::Null);
                };
                value(hover::hover(&self.world, &path, at, encoding))
            }
            "textDocument/definition" => {
                let params: DefinitionParams = parse(params)?;
                let Some((path, at)) = self.place(&params.text_document_position_params) else {
                    return Ok(Value::Null);
                };
                value(navigation::definition(&self.world, &path, at, encoding))
            }
            "textDocument/references" => {
                let params: ReferenceParams = parse(params)?;
                let Some((path, at)) = self.place(&params.text_document_position_params) else {
                    return Ok(Value::Null);
                };
                let with = params.context.include_declaration;
                value(navigation::references(&self.world, &path, at, with, encoding))
            }
            "textDocument/prepareRename" => {
                let params: TextDocumentPositionParams = parse(params)?;
                let Some((path, at)) = self.place(&params) else { return Ok(Value::Null) };
                let found = navigation::renamed(&self.world, &path, at, encoding);
                Ok(found.map_or(Value::Null, |(range, name)| json!({"range": range, "placeholder": name})))
            }
            "textDocument/rename" => {
                let params: RenameParams = parse(params)?;
                let Some((path, at)) = self.place(&params.text_document_position_params) else {
                    return Ok(Value::Null);
                };
                match navigation::rename(&self.world, &path, at, &params.new_name, encoding) {
                    Ok(edit) => value(edit),
                    Err(error) => Err(Refusal { code: ErrorCode::RequestFailed, message: error.to_string() }),
                }
            }
            "textDocument/documentSymbol" => {
                let params: DocumentSymbolParams = parse(params)?;
                let path = path_of(&params.text_document.uri.0);
                value(self.world.file(&path).map(|file| symbols::outline(&file, encoding)))
            }
            "textDocument/codeAction" => {
                let params: CodeActionParams = parse(params)?;
                value(self.actions(&params))
            }
            _ => Err(Refusal { code: ErrorCode::MethodNotFound, message: format!("`{method}` is not known") }),
        }
    }

    /// Returns the changes that mend what was told about a range, and all of the file at once.
    fn actions(&self, params: &CodeActionParams) -> Vec<CodeAction> {
        let path = path_of(&params.text_document.uri.0);
        let told = self.told.get(&path).map(Vec::as_slice).unwrap_or_default();
        let only = params.context.only.as_deref();
        let wanted = |kinds: &[CodeActionKind]| only.is_none_or(|only| only.iter().any(|one| kinds.contains(one)));
        let mut actions = Vec::new();
        if wanted(&[CodeActionKind::QuickFix]) {
            for one in told.iter().filter(|one| touches(one.diagnostic.range, params.range)) {
                let Some(fix) = &one.fix else { continue };
                actions.push(CodeAction {
                    title: fix.title.clone(),
                    kind: Some(CodeActionKind::QuickFix),
                    diagnostics: Some(vec![one.diagnostic.clone()]),
                    is_preferred: Some(true),
                    edit: Some(edit([fix])),
                    ..CodeAction::default()
                });
            }
        }
        let fixes: Vec<&Change> =
            told.iter().filter_map(|one| one.fix.as_ref()).filter(|fix| path_of(&fix.uri.0) == path).collect();
        if !fixes.is_empty() && wanted(&[CodeActionKind::Source, CodeActionKind::SourceFixAll]) {
            actions.push(CodeAction {
                title: "mend all that has one safe fix".to_owned(),
                kind: Some(CodeActionKind::SourceFixAll),
                edit: Some(edit(fixes)),
                ..CodeAction::default()
            });
        }
        actions
    }
}

/// Makes one change of several; of those that touch each other the first is made.
fn edit<'a>(fixes: impl IntoIterator<Item = &'a Change>) -> WorkspaceEdit {
    let mut changes: HashMap<gen_lsp_types::Uri, Vec<TextEdit>> = HashMap::new();
    for fix in fixes {
        let edits = changes.entry(fix.uri.clone()).or_default();
        if fix.edits.iter().all(|new| edits.iter().all(|known| !touches(known.range, new.range))) {
            edits.extend(fix.edits.iter().cloned());
        }
    }
    WorkspaceEdit { changes: Some(changes), ..WorkspaceEdit::default() }
}

fn touches(one: Range, other: Range) -> bool {
    one.start <= other.end && other.start <= one.end
}

fn parse<T: DeserializeOwned>(params: Value) -> Result<T, Refusal> {
    serde_json::from_value(params)
        .map_err(|error| Refusal { code: ErrorCode::InvalidParams, message: format!("not understood: {error}") })
}

fn value(answer: impl Serialize) -> Result<Value, Refusal> {
    serde_json::to_value(answer)
        .map_err(|error| Refusal { code: ErrorCode::InternalError, message: format!("no answer: {error}") })
}
