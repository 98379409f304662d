//! A part of a spec, at its place in one.

/// Returns a spec that has a fragment at a place such as `apis.shop.auth` or `steps.0`; at the top where the place is empty.
pub fn wrapped(place: &str, fragment: &str) -> String {
    let mut lines = Vec::new();
    if !fragment.lines().any(|line| line.starts_with("version:")) {
        lines.push("version: 1".to_owned());
    }
    let parts: Vec<&str> = place.split('.').filter(|part| !part.is_empty()).collect();
    let mut depth = 0;
    for part in &parts {
        let key = if part.parse::<usize>().is_ok() { "-".to_owned() } else { format!("{part}:") };
        lines.push(format!("{}{key}", "  ".repeat(depth)));
        depth += 1;
        // What an API and an endpoint can't be without.
        let lacking = match (depth, parts.first()) {
            (2, Some(&"apis")) => "base_url: https://fragment.example",
            (4, Some(&"apis")) => "request: GET /",
            _ => continue,
        };
        if !fragment.contains(lacking.split_inclusive(':').next().unwrap_or_default()) {
            lines.push(format!("{}{lacking}", "  ".repeat(depth)));
        }
    }
    let indented = |line: &str| if line.is_empty() { String::new() } else { format!("{}{line}", "  ".repeat(depth)) };
    lines.extend(fragment.lines().map(indented));
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_stands_at_its_place() {
        assert_eq!(wrapped("", "steps: []\n"), "version: 1\nsteps: []\n");
        assert_eq!(
            wrapped("apis.x", "auth: none\n"),
            "version: 1\napis:\n  x:\n    base_url: https://fragment.example\n    auth: none\n"
        );
        assert_eq!(wrapped("steps.0", "id: a\nread: x.y\n"), "version: 1\nsteps:\n  -\n    id: a\n    read: x.y\n");
    }
}
