//! The shop's orders: what the server serves. Knows nothing about HTTP or about who reads them.

use std::fmt::Write;

/// Orders in a page.
pub const PER_PAGE: usize = 100;

const SEED: u64 = 0x05EE_D0FA_0DE5;
const STATUSES: [&str; 4] = ["paid", "pending", "refunded", "shipped"];
const CURRENCIES: [&str; 3] = ["EUR", "USD", "PLN"];
const FIRST_NAMES: [&str; 8] = ["Ana", "Björn", "Chloé", "Đorđe", "Emma", "Łukasz", "Mária", "Nguyễn"];
const LAST_NAMES: [&str; 8] = ["Novák", "Ångström", "Müller", "O'Neill", "Øster", "Smith", "Wójcik", "Yılmaz"];
const MAILBOXES: [&str; 6] = ["Ana.Novak", "b.angstrom", "CHLOE", "Lukasz_W", "orders", "Mária"];
/// The third is written with escapes, which a reader that borrows has to undo.
const CITIES: [&str; 8] =
    ["Aarhus", "Kraków", r"\u0141\u00f3d\u017a", "Graz", "São Paulo", "東京", "Saint-Étienne", "Münster"];
const STREETS: [&str; 4] = ["Hauptstraße", "Rue de la Paix", "Long Lane", "Ulica Długa"];
const TAGS: [&str; 5] = ["gift", "express", "b2b", "first-order", "fragile"];
const NOTES: [&str; 4] = [
    "null",
    r#""Leave at the door.\nRing \"twice\"; the bell is on the left.""#,
    r#""Bitte vor 18 Uhr liefern – danach ist niemand mehr da 🙂""#,
    r#""""#,
];

/// The list of orders of page `page` (from 1), as JSON; the same for everybody, always.
pub fn page(page: usize) -> String {
    let mut text = String::with_capacity(PER_PAGE * 640);
    text.push('[');
    for index in 0..PER_PAGE {
        if index > 0 {
            text.push(',');
        }
        order(&mut text, (page - 1) * PER_PAGE + index);
    }
    text.push(']');
    text
}

fn order(text: &mut String, number: usize) {
    let mut dice = Dice::new(number as u64);
    let (id, quantity) = (4_500_000_000_u64 + number as u64, 1 + dice.below(12));
    let (day, hour, minute) = (1 + dice.below(28), dice.below(24), dice.below(60));
    let written = write!(
        text,
        r##"{{"id":{id},"number":"#{number:06}","status":"{status}","created_at":"2025-03-{day:02}T{hour:02}:{minute:02}:07Z","updated_at":"2025-04-{day:02}T{hour:02}:{minute:02}:59.250+02:00","currency":"{currency}","customer":{{"id":{customer},"first_name":"{first}","last_name":"{last}","email":"{mailbox}{customer}@Example.com","vip":{vip}}},"shipping":{{"street":"{street} {house}","city":"{city}","zip":"{zip:05}","country":"PL"}},"quantity":{quantity},"unit_price":{units}.{cents:02},"total":"{total}.{cents:02}","tax_rate":0.{tax:02},"weight_kg":{weight}.{grams:03},"lines":[{{"sku":"SKU-{sku:05}","quantity":{quantity},"price":"{units}.{cents:02}","properties":{{}}}}],"tags":["{tag}","{other_tag}"],"note":{note}}}"##,
        status = dice.one_of(&STATUSES),
        currency = dice.one_of(&CURRENCIES),
        customer = dice.below(90_000),
        first = dice.one_of(&FIRST_NAMES),
        last = dice.one_of(&LAST_NAMES),
        mailbox = dice.one_of(&MAILBOXES),
        vip = dice.below(2) == 0,
        street = dice.one_of(&STREETS),
        house = 1 + dice.below(200),
        city = dice.one_of(&CITIES),
        zip = dice.below(99_999),
        units = dice.below(400),
        cents = dice.below(100),
        total = dice.below(5_000),
        tax = dice.below(30),
        weight = dice.below(40),
        grams = dice.below(1_000),
        sku = dice.below(90_000),
        tag = dice.one_of(&TAGS),
        other_tag = dice.one_of(&TAGS),
        note = dice.one_of(&NOTES),
    );
    debug_assert!(written.is_ok(), "a String takes everything");
}

/// Numbers that look random and are the same in every run (`SplitMix64`).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(number: u64) -> Self {
        Self(SEED ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// A number from 0 to `bound - 1`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }

    pub(crate) fn one_of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        let index = usize::try_from(self.below(list.len() as u64)).unwrap_or(0);
        list.get(index).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::Value;

    #[test]
    fn an_order_has_sixteen_members_in_about_six_hundred_bytes() {
        let text = super::page(7);
        let page: Vec<Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(page.len(), super::PER_PAGE);
        assert!(page.iter().all(|order| order.as_object().unwrap().len() == 16), "{}", page[0]);
        let bytes = text.len() / super::PER_PAGE;
        assert!((580..=630).contains(&bytes), "{bytes} bytes");
        assert_eq!(text, super::page(7));
        assert_ne!(text, super::page(8));
    }
}
