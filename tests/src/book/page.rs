//! A page of the documentation: its blocks of code, its headings, its links.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use super::Block;

/// `[text](target)`; what stands in code is no link.
static LINK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\]\(([^()\s]+)\)").expect("it is a pattern"));
static CODE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"`[^`]*`").expect("it is a pattern"));

/// A page.
#[derive(Debug)]
pub struct Page {
    /// The path from the root of the repository.
    pub path: PathBuf,
    /// The blocks of code, in their order.
    pub blocks: Vec<Block>,
    /// What a link may name after `#`.
    pub anchors: Vec<String>,
    /// The links.
    pub links: Vec<Link>,
}

/// A link to somewhere.
#[derive(Debug)]
pub struct Link {
    /// The number of the line, from 1.
    pub line: usize,
    /// Where it leads, as it is written.
    pub target: String,
}

impl Page {
    /// Reads a page; the path is from the root of the repository.
    pub fn read(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let text = fs::read_to_string(crate::root().join(&path)).expect("a page can be read");
        Self::parse(path, &text)
    }

    /// Returns the pages of a folder, by their names.
    pub fn all(folder: &str) -> Vec<Self> {
        let mut paths: Vec<PathBuf> = fs::read_dir(crate::root().join(folder))
            .expect("the folder can be read")
            .map(|entry| Path::new(folder).join(entry.expect("the folder can be read").file_name()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
            .collect();
        paths.sort();
        paths.into_iter().map(Self::read).collect()
    }

    fn parse(path: PathBuf, text: &str) -> Self {
        let mut page = Self { path, blocks: Vec::new(), anchors: Vec::new(), links: Vec::new() };
        let mut lines = text.lines().enumerate();
        let mut seen: HashMap<String, usize> = HashMap::new();
        while let Some((index, line)) = lines.next() {
            if let Some((indent, fence, info)) = fence(line) {
                let mut inner = String::new();
                for (_, line) in lines.by_ref() {
                    if line.trim() == fence {
                        break;
                    }
                    let bare = line.len() - line.trim_start().len();
                    inner.push_str(line.get(indent.min(bare)..).unwrap_or_default());
                    inner.push('\n');
                }
                page.blocks.push(Block::new(info, inner, index + 2));
                continue;
            }
            if line.starts_with('#')
                && let Some((_, title)) = line.split_once("# ")
            {
                let anchor = anchor(title);
                let times = seen.entry(anchor.clone()).or_default();
                page.anchors.push(if *times == 0 { anchor } else { format!("{anchor}-{times}") });
                *times += 1;
            }
            let bare = CODE.replace_all(line, "`");
            for link in LINK.captures_iter(&bare) {
                page.links.push(Link { line: index + 1, target: link[1].to_owned() });
            }
        }
        page
    }
}

/// Returns how far a fence is indented, the fence, and what stands behind it.
fn fence(line: &str) -> Option<(usize, &str, &str)> {
    let bare = line.trim_start();
    let length = bare.len() - bare.trim_start_matches('`').len();
    if length < 3 {
        return None;
    }
    let (fence, info) = bare.split_at(length);
    (!info.contains('`')).then_some((line.len() - bare.len(), fence, info))
}

/// Returns what a heading is called in links: small letters, no punctuation, dashes for blanks.
fn anchor(title: &str) -> String {
    let shown = LINK.replace_all(title, "").replace('[', "");
    let kept = shown.trim().chars().filter(|it| it.is_alphanumeric() || matches!(it, ' ' | '-' | '_'));
    kept.map(|it| if it == ' ' { '-' } else { it }).collect::<String>().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_headings_and_links_are_found() {
        let text = "# A `b c`, d\n[x](y.md#z) `[no](link)`\n```yaml,file=a.yaml\n# b\n[n](o)\n```\n- item\n  ```sh\n  engine run\n  ```\n## A `b c`, d\n";
        let page = Page::parse("docs/x.md".into(), text);
        assert_eq!(page.anchors, ["a-b-c-d", "a-b-c-d-1"]);
        assert_eq!(page.links.iter().map(|link| link.target.as_str()).collect::<Vec<_>>(), ["y.md#z"]);
        let blocks: Vec<_> = page.blocks.iter().map(|it| (it.language.as_str(), it.text.as_str(), it.line)).collect();
        assert_eq!(blocks, [("yaml", "# b\n[n](o)\n", 4), ("sh", "engine run\n", 9)]);
        assert_eq!(page.blocks[0].attribute("file"), Some("a.yaml"));
    }
}
