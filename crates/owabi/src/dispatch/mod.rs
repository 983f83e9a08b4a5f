//! From the queue to the relays and back: claim, render, intend, send, settle.
