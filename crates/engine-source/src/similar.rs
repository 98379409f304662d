//! Which of the known names was likely meant.

use std::cmp::Reverse;

/// How close a name is, the closest first: how many letters are wrong, whether it does not begin with all that was written, and how many
/// letters are the same from the first on.
type Rank = (usize, bool, Reverse<usize>);

/// How many names a list in a help shows.
const SHOWN: usize = 8;

/// Returns the known name that is close to this one, if there is one.
///
/// Close is: the same but for case, `-`, `_` and spaces; or few letters wrong for its length. Of several that are as close the one that
/// goes on where this one ends is meant, then the one that begins with more of the same letters.
pub fn similar<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = plain(name);
    let mut best: Option<(Rank, &str)> = None;
    for candidate in known {
        if candidate == name {
            continue;
        }
        let other = plain(candidate);
        if other == wanted {
            return Some(candidate);
        }
        let letters = wanted.chars().count().max(other.chars().count());
        let allowed = match letters {
            0..=2 => 0,
            3..=4 => 1,
            5..=8 => 2,
            _ => letters / 3,
        };
        let distance = strsim::osa_distance(&wanted, &other);
        // A plural, a prefix or a suffix that was forgotten: `token` for `access_token`.
        let part = wanted.chars().count().min(other.chars().count()) >= 4
            && (other.ends_with(&wanted) || other.starts_with(&wanted) || wanted.starts_with(&other));
        let begins_alike = wanted.chars().zip(other.chars()).take_while(|(one, another)| one == another).count();
        let rank = (distance, !other.starts_with(&wanted), Reverse(begins_alike));
        if (distance <= allowed || part) && best.is_none_or(|(least, _)| rank < least) {
            best = Some((rank, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Returns the known name that was certainly meant, so that it may be written without asking.
///
/// That is the only close one, and it is the same but for case, `-`, `_` and spaces, or for one letter, or two of more than eight; it begins with
/// the same letter and has the same digits, as `set_order` is no misspelt `get_order`, nor `2025` a misspelt `2024`.
pub fn certain<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known: Vec<&str> = known.into_iter().collect();
    let close = similar(name, known.iter().copied())?;
    let (wanted, other) = (plain(name), plain(close));
    if similar(name, known.iter().copied().filter(|one| *one != close)).is_some() {
        return None;
    }
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let letters = wanted.chars().count().max(other.chars().count());
    let allowed = match letters {
        0..=2 => 0,
        3..=8 => 1,
        _ => 2,
    };
    let alike = wanted.chars().next() == other.chars().next() && digits(&wanted) == digits(&other);
    (alike && strsim::osa_distance(&wanted, &other) <= allowed).then_some(close)
}

/// Returns a help that names the close name, or else the names there are.
///
/// "did you mean `x`?" for a close name, "one of `a`, `b`, …" with up to eight otherwise, nothing if none is known.
pub fn suggest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(close) = similar(name, known.iter().copied()) {
        return Some(format!("did you mean `{close}`?"));
    }
    list(&known)
}

/// Returns "one of `a`, `b`, …" with up to eight names, or the only one.
pub(crate) fn list(known: &[&str]) -> Option<String> {
    match known {
        [] => None,
        [only] => Some(format!("only `{only}` is known here")),
        _ => {
            let mut names: Vec<String> = known.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
            if known.len() > SHOWN {
                names.push("…".to_owned());
            }
            Some(format!("one of {}", names.join(", ")))
        }
    }
}

/// Returns a name without what is often written differently.
fn plain(name: &str) -> String {
    name.chars().filter(|letter| !matches!(letter, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_close_names_only() {
        let known = ["max_pages", "rel", "type", "access_token"];
        assert_eq!(similar("max_page", known), Some("max_pages"));
        assert_eq!(similar("maxPages", known), Some("max_pages"));
        assert_eq!(similar("token", known), Some("access_token"));
        assert_eq!(similar("typ", known), Some("type"));
        assert_eq!(similar("cursor", known), None);
        assert_eq!(similar("re", ["to"]), None);
    }

    #[test]
    fn of_names_that_are_as_close_the_one_that_begins_alike_is_meant() {
        for known in [["when", "where"], ["where", "when"]] {
            assert_eq!(similar("wher", known), Some("where"));
            assert_eq!(similar("whem", known), Some("when"));
        }
        assert_eq!(similar("tag", ["bag", "tap"]), Some("tap"));
    }

    #[test]
    fn only_a_slip_of_the_pen_is_certain() {
        assert_eq!(certain("max_page", ["max_pages", "rel"]), Some("max_pages"));
        assert_eq!(certain("maxPages", ["max_pages"]), Some("max_pages"));
        assert_eq!(certain("list_ordesr", ["list_orders", "get_order"]), Some("list_orders"));
        for (name, known) in [
            ("token", &["access_token"][..]),
            ("set_order", &["get_order"]),
            ("create_customer", &["delete_customer"]),
            ("orders_2024", &["orders_2025"]),
            ("order", &["orders", "ordera"]),
            ("x", &["y"]),
        ] {
            assert_eq!(certain(name, known.iter().copied()), None, "{name}");
        }
    }

    #[test]
    fn lists_up_to_eight_names() {
        assert_eq!(suggest("zz", ["a", "b"]).as_deref(), Some("one of `a`, `b`"));
        assert_eq!(suggest("zz", []), None);
        let many = ["a1", "b2", "c3", "d4", "e5", "f6", "g7", "h8", "i9"];
        let help = suggest("zz", many);
        assert_eq!(help.as_deref(), Some("one of `a1`, `b2`, `c3`, `d4`, `e5`, `f6`, `g7`, `h8`, …"));
    }
}
