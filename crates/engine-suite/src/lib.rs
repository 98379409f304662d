//! The tests of specs, run offline: answers, a clock, sinks and a state of their own.
