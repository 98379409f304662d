//! Running a plan: the executor.
