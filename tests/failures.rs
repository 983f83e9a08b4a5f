//! What can go wrong, and what is then right: a test for every row of the failure list.
mod faults;
mod garbled;
mod refusals;
