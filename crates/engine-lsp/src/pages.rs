//! Where the pages are that explain findings.

use std::fs;
use std::path::PathBuf;

use gen_lsp_types::Uri;

use crate::texts::uri_of;

/// Where the pages are.
#[derive(Clone, Debug, Default)]
pub enum Pages {
    /// Nowhere.
    #[default]
    None,
    /// On a site; the code is put behind this address.
    Site(String),
    /// In a folder, into which they are written when they are asked for.
    Folder(PathBuf),
}

impl Pages {
    /// Returns the address of the page of a finding.
    pub(crate) fn of(&self, code: &str) -> Option<Uri> {
        let rule = engine_plan::explain(code)?;
        match self {
            Self::None => None,
            Self::Site(address) => Some(Uri(format!("{address}{code}"))),
            Self::Folder(folder) => {
                let path = folder.join(format!("{code}.md"));
                let is_current = fs::read_to_string(&path).is_ok_and(|text| text == rule.page);
                if !is_current {
                    fs::create_dir_all(folder).ok()?;
                    fs::write(&path, rule.page).ok()?;
                }
                Some(Uri(uri_of(&path)))
            }
        }
    }
}
