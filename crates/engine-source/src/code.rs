//! The codes that a type may choose for its own mistakes.

/// Every code that may stand in `[…]` before the text of a custom error.
const KNOWN: &[&str] = &[
    "alias-expansion", "condition-syntax", "conflicting-keys", "constant-template", "duplicate-key", "flow-value",
    "import-clash", "import-cycle", "import-missing", "import-not-allowed", "invalid-cron", "invalid-default",
    "invalid-duration", "invalid-jsonpath", "invalid-name", "invalid-place", "invalid-rate", "invalid-regex",
    "invalid-request", "invalid-schema", "invalid-size", "invalid-status", "invalid-timezone", "invalid-url",
    "invalid-value", "missing-field", "missing-param", "not-readable", "not-supported", "path-as-condition",
    "path-without-param", "quoted-start", "repeated-id", "secret-exposed", "template-syntax", "undefined-api",
    "undefined-endpoint", "undefined-mapping", "undefined-sink", "undefined-step", "undefined-variable",
    "unknown-anchor", "unknown-field", "unknown-filter", "unknown-function", "unknown-param", "unknown-test",
    "unknown-variant", "unquoted-template", "unsupported-version", "wrong-type", "yaml-syntax",
];

/// Returns a code by its name.
pub(crate) fn known(name: &str) -> Option<&'static str> {
    KNOWN.iter().copied().find(|code| *code == name)
}
