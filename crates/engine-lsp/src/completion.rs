//! What can be written at a place.

mod expressions;
mod keys;
mod values;

use std::collections::HashSet;
use std::path::Path;

use gen_lsp_types::{
    CompletionItem, CompletionItemKind, CompletionItemTextEdit, CompletionList, Documentation, InsertTextFormat,
    InsertTextMode, MarkupContent, MarkupKind, TextEdit,
};

use crate::cursor::{Cursor, What};
use crate::file::File;
use crate::position::{Encoding, floor};
use crate::world::World;

/// Something that can be written.
#[derive(Clone, Debug)]
pub(crate) struct Proposal {
    /// As it is shown.
    pub(crate) label: String,
    /// What kind of thing it is.
    pub(crate) kind: CompletionItemKind,
    /// A few words beside it.
    pub(crate) detail: Option<String>,
    /// What it means, in Markdown.
    pub(crate) about: Option<String>,
    /// What is written; with stops for the cursor, if it is a snippet.
    pub(crate) text: String,
    /// Whether it has stops.
    pub(crate) is_snippet: bool,
    /// How far up it stands: the smallest first.
    pub(crate) rank: u8,
}

impl Proposal {
    pub(crate) fn new(label: impl Into<String>, kind: CompletionItemKind) -> Self {
        let label = label.into();
        Self { text: label.clone(), label, kind, detail: None, about: None, is_snippet: false, rank: 5 }
    }

    pub(crate) fn detail(mut self, detail: Option<impl Into<String>>) -> Self {
        self.detail = detail.map(Into::into);
        self
    }

    pub(crate) fn about(mut self, about: Option<impl Into<String>>) -> Self {
        self.about = about.map(Into::into);
        self
    }

    pub(crate) fn rank(mut self, rank: u8) -> Self {
        self.rank = rank;
        self
    }

    /// Sets what is written, with stops for the cursor.
    pub(crate) fn snippet(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self.is_snippet = true;
        self
    }
}

/// What the editor can do with proposals.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Abilities {
    /// Whether it knows stops for the cursor.
    pub(crate) snippets: bool,
    /// How it counts columns.
    pub(crate) encoding: Encoding,
}

/// Returns what can be written at a byte of a file.
pub(crate) fn complete(world: &World, path: &Path, at: usize, abilities: Abilities) -> CompletionList {
    let Some(file) = world.file(path) else { return CompletionList::default() };
    let at = floor(file.text(), at);
    let Some(cursor) = Cursor::new(path, file.text(), at) else { return CompletionList::default() };
    let mut proposals: Vec<Proposal> = Vec::new();
    let mut replaced = cursor.replaced.clone();
    for reading in &cursor.readings {
        match &reading.what {
            What::Key => proposals.extend(keys::propose(world, path, &cursor, reading)),
            What::Value => proposals.extend(values::propose(world, path, &cursor, reading)),
            What::Expression(written) => {
                let found = expressions::propose(world, path, reading, written);
                replaced.start = at - found.length.min(at);
                proposals.extend(found.proposals);
            }
        }
    }
    let mut seen = HashSet::new();
    proposals.retain(|one| seen.insert(one.label.clone()));
    proposals.sort_by_key(|one| one.rank);
    let items =
        proposals.into_iter().enumerate().map(|(number, one)| item(one, number, &file, replaced.clone(), abilities));
    CompletionList { is_incomplete: false, items: items.collect(), ..CompletionList::default() }
}

fn item(
    proposal: Proposal,
    number: usize,
    file: &File,
    replaced: std::ops::Range<usize>,
    abilities: Abilities,
) -> CompletionItem {
    let range = file.lines().range(file.text(), replaced, abilities.encoding);
    let Proposal { label, kind, detail, about, text, is_snippet, rank } = proposal;
    let new_text = if is_snippet && !abilities.snippets { without_stops(&text) } else { text };
    let markdown = |value| Documentation::MarkupContent(MarkupContent { kind: MarkupKind::Markdown, value });
    CompletionItem {
        sort_text: Some(format!("{rank}{number:04}")),
        filter_text: Some(label.clone()),
        label,
        kind: Some(kind),
        detail,
        documentation: about.map(markdown),
        insert_text_format: Some(if is_snippet && abilities.snippets {
            InsertTextFormat::Snippet
        } else {
            InsertTextFormat::PlainText
        }),
        insert_text_mode: Some(InsertTextMode::AdjustIndentation),
        text_edit: Some(CompletionItemTextEdit::TextEdit(TextEdit { range, new_text })),
        ..CompletionItem::default()
    }
}

/// Takes the stops out of a snippet, for editors that do not know them, and all behind the first.
fn without_stops(text: &str) -> String {
    let end = text.find("${").or_else(|| text.find("$0")).unwrap_or(text.len());
    text.get(..end).unwrap_or_default().trim_end_matches(['\n', '\t', '-']).replace("\\$", "$")
}
