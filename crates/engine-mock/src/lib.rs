//! Serves the examples of an API over HTTP on loopback.
