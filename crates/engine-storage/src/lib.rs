//! Where records land.
