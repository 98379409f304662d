//! From the document to a checked plan: validator and compiler.
