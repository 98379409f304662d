//! HTTP methods.

use std::fmt;
use std::str::FromStr;

use engine_source::suggest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An HTTP method, in capital letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "method", rename_all = "UPPERCASE")]
#[schemars(rename = "Method")]
pub enum Method {
    /// Reads.
    #[default]
    Get,
    /// Reads only the headers.
    Head,
    /// Makes something, or whatever the API says.
    Post,
    /// Replaces something.
    Put,
    /// Changes something.
    Patch,
    /// Deletes something.
    Delete,
    /// Asks what is possible.
    Options,
    /// Changes something, in `OData` V2.
    Merge,
    /// Reads with a body.
    Query,
    /// Reads with a body (RFC 5323).
    Search,
    /// Reads properties (RFC 4918).
    Propfind,
    /// Reads a report (RFC 3253).
    Report,
}

impl Method {
    /// All methods.
    pub const ALL: [Self; 12] = [
        Self::Get,
        Self::Head,
        Self::Post,
        Self::Put,
        Self::Patch,
        Self::Delete,
        Self::Options,
        Self::Merge,
        Self::Query,
        Self::Search,
        Self::Propfind,
        Self::Report,
    ];

    /// Returns its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Merge => "MERGE",
            Self::Query => "QUERY",
            Self::Search => "SEARCH",
            Self::Propfind => "PROPFIND",
            Self::Report => "REPORT",
        }
    }

    /// Returns whether it changes nothing at the server (RFC 9110 §9.2.1).
    pub const fn is_safe(self) -> bool {
        matches!(
            self,
            Self::Get | Self::Head | Self::Options | Self::Query | Self::Search | Self::Propfind | Self::Report
        )
    }

    /// Returns whether sending it twice is the same as sending it once (RFC 9110 §9.2.2).
    pub const fn is_idempotent(self) -> bool {
        self.is_safe() || matches!(self, Self::Put | Self::Delete)
    }
}

impl FromStr for Method {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|method| method.as_str() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str);
            let help = suggest(&text.to_ascii_uppercase(), names).unwrap_or_default();
            format!("[invalid-request] unknown method `{text}`\nhelp: {help}")
        })
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Method;

    #[test]
    fn every_name_is_read_back() {
        for method in Method::ALL {
            assert_eq!(method.to_string().parse(), Ok(method));
        }
    }

    #[test]
    fn a_name_in_small_letters_is_refused() {
        assert!("get".parse::<Method>().is_err_and(|error| error.contains("`GET`")));
    }
}
