//! The words in which shapes are spoken of.

/// Returns the noun of a type: its own name for people, or the Rust name taken apart.
///
/// `@tag:type:pagination` and `@key:body` are `pagination` and `body`; `LinkHeader` is `link header`.
pub(super) fn noun(name: &str) -> String {
    if let Some(rest) = name.strip_prefix('@') {
        return rest.rsplit(':').next().unwrap_or(rest).to_owned();
    }
    if !name.starts_with(char::is_uppercase) || name.contains(' ') {
        return name.to_owned();
    }
    let mut words = String::new();
    for (index, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && index > 0 {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

/// Returns what a type says that it expects, in our words.
pub(super) fn expected(said: &str) -> String {
    match said {
        "a sequence" | "sequence" => "a list".to_owned(),
        "a map" | "map" => "an object".to_owned(),
        "a borrowed string" | "string" | "a character" => "a string".to_owned(),
        "u8" => "a whole number from 0 to 255".to_owned(),
        "u16" => "a whole number from 0 to 65535".to_owned(),
        "u32" | "u64" | "usize" => "a whole number from 0 on".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "unit" => "nothing".to_owned(),
        _ if said.starts_with("struct ") || said.starts_with("struct variant ") => "an object".to_owned(),
        _ => match said.strip_prefix("enum ") {
            Some(name) => format!("a name of {}", noun(name)),
            None => said.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speaks_of_types_in_words() {
        assert_eq!(noun("@tag:type:pagination"), "pagination");
        assert_eq!(noun("LinkHeader"), "link header");
        assert_eq!(noun("link_header pagination"), "link_header pagination");
        assert_eq!(expected("u64"), "a whole number from 0 on");
        assert_eq!(expected("struct Auth"), "an object");
        assert_eq!(expected("a duration such as `5m`"), "a duration such as `5m`");
    }
}
