//! The document as plain data.
