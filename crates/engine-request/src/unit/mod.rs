//! Scalars with units: durations, sizes, rates, status patterns. Knows how they are written, not where they are used.

mod period;
mod rate;
mod scalar;
mod size;
mod status;
mod window;

pub use period::Period;
pub use rate::Rate;
pub use size::Size;
pub use status::{Status, StatusPattern};
pub use window::Window;

/// Splits a text such as `1.5h` into its number and its unit.
///
/// Both parts are non-empty; the number has at most nine digits before and after its point, so that no arithmetic on it overflows.
fn number_and_unit(text: &str) -> Option<(&str, &str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(end);
    let (whole, fraction) = match number.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (number, ""),
    };
    let plain = !whole.is_empty() && whole.len() <= 9 && fraction.len() <= 9 && !fraction.contains('.');
    plain.then_some((whole, fraction, unit))
}

/// Returns `whole.fraction` of a unit that is `scale` smallest parts long, in smallest parts.
fn parts(whole: &str, fraction: &str, scale: u128) -> Option<u128> {
    let digits = u32::try_from(fraction.len()).ok()?;
    let number: u128 = format!("{whole}{fraction}").parse().ok()?;
    Some(number * scale / 10_u128.pow(digits))
}
