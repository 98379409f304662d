//! Exchanges as files: a run keeps them, another answers from them.
