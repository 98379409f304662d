//! An HTTP exchange without doing it.
