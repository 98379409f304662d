//! Numbers that whoever runs a test may choose.

/// Returns what a variable says, else the default: `KILLS=200`.
pub fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
