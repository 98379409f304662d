//! The keys by which an API knows a request that it has already had, where the spec does not say them.

use engine_request::derive_key;

use crate::item::Item;

/// Derives the key of a record, or of a batch of them, that is sent: the same on every attempt, and in every process that goes on with this run.
pub(crate) fn idempotency_key(run: &str, step: &str, item: &Item) -> String {
    let mut parts = vec![run.to_owned(), step.to_owned()];
    for member in item.members() {
        add(&mut parts, member);
    }
    derive_key(parts.iter().map(String::as_bytes))
}

fn add(parts: &mut Vec<String>, item: &Item) {
    let mut next = Some(item);
    while let Some(item) = next {
        // A batch is known by what is in it: its number is another one in a run that is taken up again.
        if let Some(batch) = &item.origin.batch {
            batch.iter().for_each(|member| add(parts, member));
            return;
        }
        parts.push(item.origin.stream.to_string());
        // Where nothing tells it from others, its place does: two that are alike are two. Of a page that is not where it was asked for, since
        // its URL may have the time in it, or the end of a window that is another one in a run that is taken up again.
        if !item.origin.is_keyed {
            parts.push(item.origin.page_key.as_ref().or(item.origin.exchange.as_ref()).cloned().unwrap_or_default());
            parts.push(item.number.to_string());
        }
        parts.push(item.original.text().to_owned());
        next = item.parent.as_deref().or(item.origin.under.as_deref());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::item::{Json, Origin};

    fn key(run: &str, json: &str, page: &str, number: u64, is_keyed: bool) -> String {
        let exchange = Some(format!("GET https://shop.example/orders, page {page}"));
        let origin = Arc::new(Origin { stream: "orders".into(), exchange, is_keyed, ..Origin::default() });
        idempotency_key(run, "push", &Item::new(Json::copy(json), None, origin, number))
    }

    #[test]
    fn a_run_that_is_taken_up_again_sends_the_keys_of_then() {
        // Not to be changed: a run that began with one version may be taken up by the next.
        assert_eq!(key("run-1", r#"{"id":1}"#, "1", 1, true), "2fa6f83f-ff17-8666-b61b-45077d6c62c2");
        assert_eq!(key("run-1", r#"{"id":1}"#, "1", 1, false), "99e3eab0-b27c-89d9-91eb-c4715875f386");
        assert_ne!(key("run-2", r#"{"id":1}"#, "1", 1, true), key("run-1", r#"{"id":1}"#, "1", 1, true));
    }

    #[test]
    fn a_record_with_a_key_is_the_same_wherever_it_is_read() {
        assert_eq!(key("r", r#"{"id":1}"#, "1", 1, true), key("r", r#"{"id":1}"#, "9", 7, true));
        assert_ne!(key("r", r#"{"id":1}"#, "1", 1, true), key("r", r#"{"id":2}"#, "1", 1, true));
    }

    #[test]
    fn a_record_is_the_same_wherever_its_page_was_asked_for() {
        let key = |url: &str, page: &str| {
            let (exchange, page_key) = (Some(url.to_owned()), Some(page.to_owned()));
            let origin = Arc::new(Origin { stream: "orders".into(), exchange, page_key, ..Origin::default() });
            idempotency_key("r", "push", &Item::new(Json::copy("{}"), None, origin, 1))
        };
        assert_eq!(key("GET https://shop.example/?until=1", "orders/0#1"), key("GET /?until=2", "orders/0#1"));
        assert_ne!(key("GET /?until=1", "orders/0#1"), key("GET /?until=1", "orders/0#2"));
    }

    #[test]
    fn two_that_are_alike_and_have_no_key_are_two() {
        assert_ne!(key("r", "{}", "1", 1, false), key("r", "{}", "1", 2, false));
        assert_ne!(key("r", "{}", "1", 1, false), key("r", "{}", "2", 1, false));
    }
}
