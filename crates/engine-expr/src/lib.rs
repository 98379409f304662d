//! The two languages inside strings: templates and paths.
