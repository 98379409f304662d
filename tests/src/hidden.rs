//! The forms in which a secret may show.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Returns the forms of a secret that are found in a text.
pub fn shown_forms(secret: &str, text: &str) -> Vec<String> {
    forms(secret).into_iter().filter(|form| text.contains(form.as_str())).collect()
}

fn forms(secret: &str) -> Vec<String> {
    let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    let json = serde_json::to_string(secret).expect("a text is JSON").trim_matches('"').to_owned();
    let debug = format!("{secret:?}").trim_matches('"').to_owned();
    let mut forms = vec![
        secret.to_owned(),
        percent.to_lowercase(),
        percent.replace("%20", "+"),
        percent,
        json,
        debug,
        STANDARD.encode(secret),
        STANDARD_NO_PAD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
    ];
    forms.sort();
    forms.dedup();
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_secret_in_every_form() {
        let secret = "a+b/c%\"\\ d";
        for shown in [
            "x a+b/c%\"\\ d x",
            "a%2Bb%2Fc%25%22%5C%20d",
            "a%2bb%2fc%25%22%5c%20d",
            "YStiL2MlIlwgZA",
            "a+b/c%\\\"\\\\ d",
        ] {
            assert!(!shown_forms(secret, shown).is_empty(), "{shown}");
        }
        assert!(shown_forms(secret, "***").is_empty());
    }
}
